package graph_test

import (
	"context"
	"net/http"
	"testing"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Errors that say nothing.
const (
	wordless       = `{"error":{"code":"UnknownError","message":""}}`
	wordlessObject = `{"error":{"code":"UnknownError","message":{"value":""}}}`
)

// oddAnswers are answers that say nothing about the guest: each comes from something between the
// app and the directory, or from a service that does not work for a moment.
var oddAnswers = map[string]graphsim.Fault{
	"400 in plain text":          {Status: 400, Body: "Bad Request", ContentType: "text/plain"},
	"400 that is a page":         {Status: 400, Form: graphsim.HTMLPage},
	"400 without a body":         {Status: 400, EmptyBody: true},
	"400 of another API":         {Status: 400, Body: `{"Message":"An error has occurred."}`},
	"400 without words":          {Status: 400, Body: wordless},
	"400 in the older form":      {Status: 400, Body: `{"odata.` + wordlessObject[2:]},
	"400 with an object":         {Status: 400, Body: wordlessObject},
	"401":                        {Status: 401},
	"401 that is a page":         {Status: 401, Form: graphsim.HTMLPage},
	"403 that is a page":         {Status: 403, Form: graphsim.HTMLPage},
	"403 in odd words":           {Status: 403, Code: "Odd", Message: "Something is odd."},
	"403 without words":          {Status: 403, Body: wordless},
	"404 that is a page":         {Status: 404, Form: graphsim.HTMLPage},
	"404 without a body":         {Status: 404, EmptyBody: true},
	"405 that is a page":         {Status: 405, Form: graphsim.HTMLPage},
	"407 of a proxy":             {Status: 407, Form: graphsim.HTMLPage},
	"408":                        {Status: 408},
	"409":                        {Status: 409, Message: "Another change is under way."},
	"411 of a proxy":             {Status: 411, Form: graphsim.HTMLPage},
	"412":                        {Status: 412, Message: "A precondition failed."},
	"412 that is a page":         {Status: 412, Form: graphsim.HTMLPage},
	"423":                        {Status: 423, Message: "The resource is locked."},
	"429":                        {Status: 429},
	"500":                        {Status: 500},
	"500 in the older form":      {Status: 500, Form: graphsim.ODataError},
	"500 with an object":         {Status: 500, Form: graphsim.MessageObject},
	"502 that is a page":         {Status: 502, Form: graphsim.HTMLPage},
	"503":                        {Status: 503},
	"504":                        {Status: 504},
	"400 that breaks off":        {Status: 400, BreaksOff: true},
	"404 that breaks off":        {Status: 404, BreaksOff: true},
	"429 that breaks off":        {Status: 429, BreaksOff: true},
	"a success that breaks off":  {BreaksOff: true},
	"no answer":                  {DropConnection: true},
	"an answer that is lost":     {DropConnection: true, AfterEffect: true},
	"a page that says success":   {Status: 200, Body: "<html>", ContentType: "text/html"},
	"a redirect to a login page": {Status: 302, Headers: toLogin},
	"a success without content":  {Status: 202, EmptyBody: true},
}

var toLogin = map[string]string{"Location": "https://login.example/"}

// TestOneOddAnswerStopsNobody: whatever call an odd answer hits, it refuses nobody and is about no
// tenant. The same call succeeds when it is made again.
func TestOneOddAnswerStopsNobody(t *testing.T) {
	calls := map[string]func(context.Context, *graph.Client) error{
		"Invite": func(ctx context.Context, c *graph.Client) error {
			return second(c.Invite(ctx, invitation(t)))
		},
		"FindUser": func(ctx context.Context, c *graph.Client) error {
			return second(c.FindUser(ctx, address(t, email)))
		},
		"FindGuest": func(ctx context.Context, c *graph.Client) error {
			return second(c.FindGuest(ctx, address(t, email)))
		},
		"FindDeletedGuests": func(ctx context.Context, c *graph.Client) error {
			return second(c.FindDeletedGuests(ctx, address(t, email)))
		},
		"AddMember": func(ctx context.Context, c *graph.Client) error {
			return second(c.AddMember(ctx, group, guest))
		},
	}
	for odd, fault := range oddAnswers {
		for name, call := range calls {
			t.Run(odd+"/"+name, func(t *testing.T) {
				sim, url := newSim(t, func(c *graphsim.Config) {
					c.KnowsAnyGroup = true
					c.Users = []graphsim.User{{ID: guest, Mail: email, CreationType: "Invitation"}}
				})
				client, log := newClient(t, url, nil)
				fault.Match.Path = "/v1.0/*"
				err := sim.Order(fault)
				if err != nil {
					t.Fatal(err)
				}
				err = call(t.Context(), client)
				code := problem.CodeOf(err)
				passes := request.Retryable(code) || fault.Status == http.StatusUnauthorized
				if err != nil && (!passes || request.TenantWide(code)) {
					t.Errorf("the answer is taken for %s: %v", code, err)
				}
				if err != nil {
					wantProblem(t, err, code, log)
				}
				sim.ClearFaults()
				err = call(t.Context(), client)
				if err != nil {
					t.Errorf("the next call fails: %v", err)
				}
			})
		}
	}
}
