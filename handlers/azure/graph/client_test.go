package graph_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	email    = "ana.o'neil@contoso.com"
	fullName = "Ana O'Neil"
	redeem   = "https://login.microsoftonline.com/redeem?rd=https%3a%2f%2finvitations.microsoft.com%2fredeem%3fticket%3dsesame"
	token    = "header.secret.signature"

	guest    = "cccccccc-0000-4000-8000-00000000000a"
	other    = "cccccccc-0000-4000-8000-00000000000b"
	group    = "aaaaaaaa-0000-4000-8000-00000000000a"
	sponsor1 = "bbbbbbbb-0000-4000-8000-000000000001"
	sponsor2 = "bbbbbbbb-0000-4000-8000-000000000002"
)

// secrets must not appear in any error or log line.
var secrets = []string{"ana.o", "neil", "contoso", "redeem", "sesame", "microsoftonline", "secret", "portal.example"}

func address(t *testing.T, text string) submission.Address {
	t.Helper()
	parsed, err := submission.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func invitation(t *testing.T) request.Invitation {
	return request.Invitation{Address: address(t, email), DisplayName: fullName, RedirectURL: "https://portal.example.com/", UserType: "Guest"}
}

// newClient returns a client of the server, and its log.
func newClient(t *testing.T, server string, change func(*graph.Config)) (*graph.Client, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	config := graph.Config{URL: server, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&config)
	}
	client, err := graph.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client, &log
}

// answering serves the same answer to every request, and returns a client and its log.
func answering(t *testing.T, status int, contentType, body string, headers ...string) (*graph.Client, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if contentType == "" {
			w.Header()["Content-Type"] = nil // stops net/http from guessing
		} else {
			w.Header().Set("Content-Type", contentType)
		}
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, err := io.WriteString(w, body)
		if err != nil && status != http.StatusNoContent {
			t.Log(err)
		}
	}))
	t.Cleanup(server.Close)
	return newClient(t, server.URL, nil)
}

func graphError(code, message string) string {
	body, err := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": message, "innerError": map[string]any{"request-id": "inner-id"}}})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// operations are the calls, each reduced to its error.
var operations = map[string]func(context.Context, *testing.T, *graph.Client) error{
	"Invite": func(ctx context.Context, t *testing.T, c *graph.Client) error {
		_, err := c.Invite(ctx, invitation(t))
		return err
	},
	"FindGuest": func(ctx context.Context, t *testing.T, c *graph.Client) error {
		_, err := c.FindGuest(ctx, address(t, email))
		return err
	},
	"FindUser": func(ctx context.Context, t *testing.T, c *graph.Client) error {
		_, err := c.FindUser(ctx, address(t, email))
		return err
	},
	"FindDeletedGuests": func(ctx context.Context, t *testing.T, c *graph.Client) error {
		_, err := c.FindDeletedGuests(ctx, address(t, email))
		return err
	},
	"AddMember": func(ctx context.Context, t *testing.T, c *graph.Client) error {
		_, err := c.AddMember(ctx, group, guest)
		return err
	},
}

// wantProblem checks that err itself is a *problem.Error of the code, and that neither it nor the
// log holds a secret.
func wantProblem(t *testing.T, err error, code problem.Code, log *bytes.Buffer) *problem.Error {
	t.Helper()
	outer, isProblem := err.(*problem.Error)
	if !isProblem || outer.Code != code {
		t.Fatalf("error %v (%T), want one with the code %s", err, err, code)
	}
	for _, secret := range secrets {
		if strings.Contains(strings.ToLower(err.Error()), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
		if strings.Contains(strings.ToLower(log.String()), secret) {
			t.Errorf("the log holds %q: %s", secret, log)
		}
	}
	return outer
}

func newSim(t *testing.T, change func(*graphsim.Config)) (*graphsim.Server, string) {
	t.Helper()
	var config graphsim.Config
	if change != nil {
		change(&config)
	}
	sim, err := graphsim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return sim, server.URL
}

func TestGuestIsInvitedFoundAndAddedOnce(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	sim, url := newSim(t, func(c *graphsim.Config) {
		c.Now = func() time.Time { return now }
		c.ReplicationDelay = 5 * time.Second
		c.KnowsAnyGroup = true
	})
	client, log := newClient(t, url, nil)
	wanted := invitation(t)
	wanted.SendMessage = true
	wanted.MessageLanguage = "pt-PT"
	wanted.Message = "Welcome.\n\"Ana\" <3"
	wanted.Cc = "desk@brand.example"
	wanted.Sponsors = []string{sponsor1, sponsor2}

	id, err := guestOf(client.Invite(t.Context(), wanted))
	if err != nil {
		t.Fatal(err)
	}
	sent := sim.Invitations()[0]
	if id != sim.Guests()[0].ID || sent.Email != email || sent.DisplayName != fullName || sent.RedirectURL != wanted.RedirectURL || !sent.SendInvitation ||
		sent.MessageLanguage != "pt-PT" || sent.CustomMessage != wanted.Message || !slices.Equal(sent.Cc, []string{wanted.Cc}) || sent.UserType != "Guest" || !slices.Equal(sent.Sponsors, wanted.Sponsors) {
		t.Errorf("guest %s, invitation %+v", id, sent)
	}
	again, err := guestOf(client.Invite(t.Context(), wanted))
	if err != nil || again != id {
		t.Errorf("inviting again gives %q, %v, want %q", again, err, id)
	}

	found, err := client.FindGuest(t.Context(), wanted.Address)
	if found != "" || err != nil {
		t.Errorf("found %q, %v before replication", found, err)
	}
	_, err = client.AddMember(t.Context(), group, id)
	wantProblem(t, err, request.DirectoryNotReplicated, log)

	now = now.Add(5 * time.Second)
	found, err = client.FindGuest(t.Context(), wanted.Address)
	if found != id || err != nil {
		t.Errorf("found %q, %v, want %q", found, err, id)
	}
	for _, want := range []bool{true, false} {
		added, err := client.AddMember(t.Context(), group, id)
		if added != want || err != nil {
			t.Errorf("added %v, %v, want %v", added, err, want)
		}
	}
	if len(sim.Memberships()) != 1 {
		t.Errorf("memberships %v", sim.Memberships())
	}
	for _, secret := range secrets {
		if strings.Contains(strings.ToLower(log.String()), secret) {
			t.Errorf("the log holds %q: %s", secret, log)
		}
	}
	if strings.Count(log.String(), "requestId=") != 7 {
		t.Errorf("the log has not one line for each of the seven calls: %s", log)
	}
}

func TestLogOfAnswer(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		level  string
	}{
		"a success": {201, created, "DEBUG"},
		"a refusal": {400, graphError("BadRequest", "No."), "INFO"},
		"throttled": {429, graphError("TooManyRequests", "No."), "INFO"},
		"a page":    {502, "<html>", "INFO"},
		"wrong":     {204, "", "INFO"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
			client, err := graph.New(graph.Config{
				URL: "http://127.0.0.1:1",
				Log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				Now: func() time.Time { return now },
				Transport: transport(func(*http.Request) (*http.Response, error) {
					now = now.Add(12*time.Millisecond + 340*time.Microsecond)
					header := http.Header{"Content-Type": {"application/json"}, "Request-Id": {"the-id"}}
					return &http.Response{StatusCode: test.status, Header: header, Body: io.NopCloser(strings.NewReader(test.body))}, nil
				}),
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Invite(t.Context(), invitation(t))
			if (err == nil) != (test.level == "DEBUG") {
				t.Fatal(err)
			}
			var line map[string]any
			err = json.Unmarshal(log.Bytes(), &line)
			if err != nil {
				t.Fatalf("not one line: %v: %s", err, &log)
			}
			delete(line, "time")
			want := map[string]any{"msg": "graph answered", "level": test.level, "method": "POST", "path": "/v1.0/invitations",
				"status": float64(test.status), "requestId": "the-id", "duration_ms": 12.34}
			if diff := cmp.Diff(want, line); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPressureIsReported(t *testing.T) {
	tests := map[string][]float64{
		"": nil, "0.79": nil, "0": nil, "-1": nil, "NaN": nil, "Inf": nil, "1e999": nil, "much": nil, "80%": nil,
		"0.8": {0.8}, " 0.95 ": {0.95}, "1": {1}, "1.8": {1.8},
	}
	for header, want := range tests {
		for _, status := range []int{201, 429} {
			var told []float64
			client, _ := newClient(t, "http://127.0.0.1:1", func(c *graph.Config) {
				c.Pressure = func(used float64) { told = append(told, used) }
				c.Transport = transport(func(*http.Request) (*http.Response, error) {
					header := http.Header{"Content-Type": {"application/json"}, "X-Ms-Throttle-Limit-Percentage": {header}}
					return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(created))}, nil
				})
			})
			_, err := client.Invite(t.Context(), invitation(t))
			if (err == nil) != (status == 201) {
				t.Fatal(err)
			}
			if !slices.Equal(told, want) {
				t.Errorf("header %q with status %d: told %v, want %v", header, status, told, want)
			}
		}
	}
	client, _ := answering(t, 201, "application/json", created, "x-ms-throttle-limit-percentage", "0.9")
	_, err := client.Invite(t.Context(), invitation(t))
	if err != nil {
		t.Errorf("without a hook: %v", err)
	}
}

// recorded is a request as it arrived.
type recorded struct {
	method, uri, body string
	header            http.Header
	length            int64
}

func recording(t *testing.T, status int, answer string) (*graph.Client, func() []recorded) {
	t.Helper()
	var mu sync.Mutex
	var seen []recorded
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		seen = append(seen, recorded{r.Method, r.RequestURI, string(body), r.Header, r.ContentLength})
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			_, err = io.WriteString(w, answer)
			if err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(server.Close)
	client, _ := newClient(t, server.URL, nil)
	return client, func() []recorded {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

const created = `{"id":"x","inviteRedeemUrl":"` + redeem + `","invitedUserEmailAddress":"` + email +
	`","status":"PendingAcceptance","invitedUser":{"id":"` + guest + `"}}`

func TestInvitationRequest(t *testing.T) {
	tests := map[string]struct {
		change func(*request.Invitation)
		want   string
	}{
		"as little as possible": {func(i *request.Invitation) { i.DisplayName, i.UserType = "", "" },
			`{"invitedUserEmailAddress":"ana.o'neil@contoso.com","inviteRedirectUrl":"https://portal.example.com/","sendInvitationMessage":false}`},
		"everything": {func(i *request.Invitation) {
			i.SendMessage, i.MessageLanguage, i.UserType, i.Sponsors = true, "fr-FR", "Member", []string{sponsor1, sponsor2}
		}, `{"invitedUserDisplayName":"Ana O'Neil","invitedUserEmailAddress":"ana.o'neil@contoso.com","invitedUserMessageInfo":{"messageLanguage":"fr-FR"},` +
			`"invitedUserSponsors":[{"id":"` + sponsor1 + `"},{"id":"` + sponsor2 + `"}],"invitedUserType":"Member",` +
			`"inviteRedirectUrl":"https://portal.example.com/","sendInvitationMessage":true}`},
		"a message and a copy of it": {func(i *request.Invitation) {
			i.SendMessage, i.Message, i.Cc = true, "one\ntwo", "desk@brand.example"
		}, `{"invitedUserDisplayName":"Ana O'Neil","invitedUserEmailAddress":"ana.o'neil@contoso.com","invitedUserMessageInfo":` +
			`{"ccRecipients":[{"emailAddress":{"address":"desk@brand.example"}}],"customizedMessageBody":"one\ntwo"},"invitedUserType":"Guest",` +
			`"inviteRedirectUrl":"https://portal.example.com/","sendInvitationMessage":true}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, seen := recording(t, http.StatusCreated, created)
			wanted := invitation(t)
			test.change(&wanted)
			id, err := guestOf(client.Invite(t.Context(), wanted))
			if err != nil || id != guest {
				t.Fatalf("%q, %v", id, err)
			}
			got := seen()[0]
			if got.method != "POST" || got.uri != "/v1.0/invitations" || got.body != test.want {
				t.Errorf("%s %s\n%s\nwant\n%s", got.method, got.uri, got.body, test.want)
			}
			if got.length != int64(len(got.body)) || got.header.Get("Content-Encoding") != "" || got.header.Get("Content-Type") != "application/json" ||
				got.header.Get("Authorization") != "" || got.header.Get("client-request-id") == "" || !strings.HasPrefix(got.header.Get("SdkVersion"), "graph-go-v1.0/") {
				t.Errorf("length %d, headers %v", got.length, got.header)
			}
		})
	}
}

func TestMembershipRequest(t *testing.T) {
	client, seen := recording(t, http.StatusNoContent, "")
	added, err := client.AddMember(t.Context(), group, guest)
	if err != nil || !added {
		t.Fatalf("%v, %v", added, err)
	}
	got := seen()[0]
	var body map[string]string
	err = json.Unmarshal([]byte(got.body), &body)
	if err != nil {
		t.Fatal(err)
	}
	link := body["@odata.id"]
	if got.method != "POST" || got.uri != "/v1.0/groups/"+group+"/members/$ref" || len(body) != 1 ||
		!strings.HasPrefix(link, "http://127.0.0.1:") || !strings.HasSuffix(link, "/v1.0/directoryObjects/"+guest) || got.length != int64(len(got.body)) {
		t.Errorf("%+v", got)
	}
}

func TestMaximumOfSponsorsIsSent(t *testing.T) {
	client, seen := recording(t, http.StatusCreated, created)
	i := invitation(t)
	i.Sponsors = slices.Repeat([]string{sponsor1}, 5)
	_, err := client.Invite(t.Context(), i)
	if err != nil || len(seen()) != 1 || strings.Count(seen()[0].body, sponsor1) != 5 {
		t.Errorf("%v, sent %v", err, seen())
	}
}

func TestInvalidArgumentsSendNothing(t *testing.T) {
	calls := map[string]func(*graph.Client) error{
		"no address": func(c *graph.Client) error {
			i := invitation(t)
			i.Address = submission.Address{}
			return second(c.Invite(t.Context(), i))
		},
		"no redirect URL": func(c *graph.Client) error {
			i := invitation(t)
			i.RedirectURL = ""
			return second(c.Invite(t.Context(), i))
		},
		"odd user type": func(c *graph.Client) error {
			i := invitation(t)
			i.UserType = "guest"
			return second(c.Invite(t.Context(), i))
		},
		"six sponsors": func(c *graph.Client) error {
			i := invitation(t)
			i.Sponsors = slices.Repeat([]string{sponsor1}, 6)
			return second(c.Invite(t.Context(), i))
		},
		"sponsor by address": func(c *graph.Client) error {
			i := invitation(t)
			i.Sponsors = []string{email}
			return second(c.Invite(t.Context(), i))
		},
		"search without address":  func(c *graph.Client) error { return second(c.FindGuest(t.Context(), submission.Address{})) },
		"user without address":    func(c *graph.Client) error { return second(c.FindUser(t.Context(), submission.Address{})) },
		"id without address":      func(c *graph.Client) error { return second(c.UserByID(t.Context(), guest, submission.Address{})) },
		"guest not by id":         func(c *graph.Client) error { return second(c.UserByID(t.Context(), email, address(t, email))) },
		"deleted without address": func(c *graph.Client) error { return second(c.FindDeletedGuests(t.Context(), submission.Address{})) },
		"group by name":           func(c *graph.Client) error { return second(c.AddMember(t.Context(), "contoso", guest)) },
		"path for a group":        func(c *graph.Client) error { return second(c.AddMember(t.Context(), group+"/owners", guest)) },
		"guest by address":        func(c *graph.Client) error { return second(c.AddMember(t.Context(), group, email)) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			client, seen := recording(t, http.StatusOK, created)
			wantProblem(t, call(client), request.DirectoryRefused, &bytes.Buffer{})
			if len(seen()) != 0 {
				t.Errorf("sent %v", seen())
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// guestOf returns the guest of an invitation.
func guestOf(invited request.Invited, err error) (string, error) { return invited.GuestID, err }

func TestMalformedAnswers(t *testing.T) {
	const jsonType, utf8Type = "application/json", "application/json; charset=utf-8"
	private := "the guest " + email + " at " + redeem + " with Bearer " + token
	tests := map[string]struct {
		status            int
		contentType, body string
		want              problem.Code
	}{
		"200 that is a page":              {200, "text/html", "<html>" + private, request.DirectoryUnavailable},
		"200 without a type":              {200, "", created, request.DirectoryUnavailable},
		"200 that is broken JSON":         {200, jsonType, `{"value":[{"mail":"` + email, request.DirectoryUnavailable},
		"200 that is an empty object":     {200, jsonType, `{}`, request.DirectoryUnavailable},
		"200 that is a list":              {200, jsonType, `[]`, request.DirectoryUnavailable},
		"200 that is null":                {200, jsonType, `null`, request.DirectoryUnavailable},
		"200 with parts of wrong types":   {200, jsonType, `{"value":"` + email + `","invitedUser":"` + email + `","id":5}`, request.DirectoryUnavailable},
		"200 with a list that holds null": {200, jsonType, `{"value":[null],"invitedUser":null}`, request.DirectoryUnavailable},
		"200 with a text for a list":      {200, jsonType, `{"value":[{"otherMails":"` + email + `"}],"invitedUser":[1]}`, request.DirectoryUnavailable},
		"200 without an id":               {200, jsonType, `{"value":[{"mail":"` + email + `","userType":"Guest"}],"invitedUser":{}}`, request.DirectoryUnavailable},
		"200 with an invalid id":          {200, jsonType, `{"value":[{"id":"` + email + `","mail":"` + email + `","userType":"Guest"}],"invitedUser":{"id":"` + email + `"}}`, request.DirectoryUnavailable},
		"201 without a body":              {201, jsonType, "", request.DirectoryUnavailable},
		"200 that is an error":            {200, utf8Type, graphError("BadRequest", private), request.DirectoryUnavailable},
		"202 that is an error":            {202, utf8Type, graphError("Request_ResourceNotFound", private), request.DirectoryUnavailable},
		"302 that is an error":            {302, utf8Type, graphError("Authorization_RequestDenied", private), request.DirectoryUnavailable},
		"202":                             {202, jsonType, created, request.DirectoryUnavailable},
		"too large":                       {200, jsonType, `{"value":[],"x":"` + strings.Repeat("a", 1<<20) + `"}`, request.DirectoryUnavailable},
		"redirect":                        {302, "text/html", "<html>", request.DirectoryUnavailable},
		"not modified":                    {304, "", "", request.DirectoryUnavailable},
		"400 that is a page":              {400, "text/html", "<html>" + private, request.DirectoryUnknown},
		"400 without a body":              {400, "", "", request.DirectoryUnknown},
		"400 that is an empty object":     {400, jsonType, `{}`, request.DirectoryUnknown},
		"400 that is a list":              {400, jsonType, `[]`, request.DirectoryUnknown},
		"400 of an OAuth server":          {400, jsonType, `{"error":"invalid_token","error_description":"` + private + `"}`, request.DirectoryUnknown},
		"400 with an empty error":         {400, jsonType, `{"error":{}}`, request.DirectoryUnknown},
		"400 with a null error":           {400, jsonType, `{"error":null}`, request.DirectoryUnknown},
		"400 with a code of another type": {400, jsonType, `{"error":{"code":400,"message":"` + private + `"}}`, request.DirectoryUnknown},
		"400 with an error in plain text": {400, "text/plain", graphError("BadRequest", private), request.DirectoryUnknown},
		"400 with a code only":            {400, utf8Type, `{"error":{"code":"BadRequest"}}`, request.DirectoryUnknown},
		"400 with a message only":         {400, utf8Type, `{"error":{"message":"` + private + `"}}`, request.DirectoryRefused},
		"400 with a code that is a text":  {400, utf8Type, graphError(private, private), request.DirectoryRefused},
		"400 with secrets in the message": {400, utf8Type, graphError("BadRequest", private), request.DirectoryRefused},
		"400 with a long message":         {400, utf8Type, graphError("BadRequest", strings.Repeat(private, 1000)), request.DirectoryUnknown},
		"401 that is a page":              {401, "text/html", "<html>" + private, request.DirectoryNoToken},
		"403 that is a page":              {403, "text/html", "<html>" + private, request.DirectoryUnknown},
		"404 that is a page":              {404, "text/html", "<html>" + private, request.DirectoryUnknown},
		"407 of a proxy":                  {407, "text/html", "<html>" + private, request.DirectoryUnknown},
		"429 that is a page":              {429, "text/html", "<html>" + private, request.DirectoryThrottled},
		"429 without a body":              {429, "", "", request.DirectoryThrottled},
		"500 that is an empty object":     {500, jsonType, `{}`, request.DirectoryUnavailable},
		"502 that is a page":              {502, "text/html", "<html>" + private, request.DirectoryUnavailable},
		"503 that is broken JSON":         {503, jsonType, `{"error":`, request.DirectoryUnavailable},
	}
	for name, test := range tests {
		for operation, run := range operations {
			t.Run(name+"/"+operation, func(t *testing.T) {
				want := test.want
				if operation == "AddMember" && want == request.DirectoryRefused {
					want = request.DirectoryUnknown
				}
				client, log := answering(t, test.status, test.contentType, test.body)
				wantProblem(t, run(t.Context(), t, client), want, log)
			})
		}
	}
}

func TestInvitationAnswers(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   problem.Code
	}{
		"created":                 {201, created, ""},
		"200 for a guest of old":  {200, created, ""},
		"id in capitals":          {201, strings.Replace(created, guest, strings.ToUpper(guest), 1), ""},
		"redeemed":                {201, strings.Replace(created, "PendingAcceptance", "Completed", 1), ""},
		"failed":                  {201, strings.Replace(created, "PendingAcceptance", "Error", 1), request.DirectoryInvitationError},
		"no guest":                {201, strings.Replace(created, "invitedUser\"", "x\"", 1), request.DirectoryUnavailable},
		"guest without an id":     {201, strings.Replace(created, `"`+guest+`"`, "null", 1), request.DirectoryUnavailable},
		"guest with an odd id":    {201, strings.Replace(created, guest, redeem, 1), request.DirectoryUnavailable},
		"no content for a create": {204, "", request.DirectoryUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, log := answering(t, test.status, "application/json", test.body)
			id, err := guestOf(client.Invite(t.Context(), invitation(t)))
			if test.want != "" {
				wantProblem(t, err, test.want, log)
				return
			}
			if err != nil || id != guest {
				t.Errorf("%q, %v, want %q", id, err, guest)
			}
			if strings.Contains(log.String(), "redeem") {
				t.Errorf("the log has the redeem URL: %s", log)
			}
		})
	}
}

// TestAnswerMustSayWhomItIsAbout: the id in an answer that does not repeat the address, or shows
// another user, may be anybody's.
func TestAnswerMustSayWhomItIsAbout(t *testing.T) {
	to, user := `"invitedUserEmailAddress":"`+email+`"`, `{"id":"`+guest+`"}`
	with := func(more string) string { return `{"id":"` + guest + `",` + more + `}` }
	tests := map[string]struct {
		old, changed string
		taken        bool
	}{
		"without the address":       {to, `"x":1`, false},
		"a null address":            {to, `"invitedUserEmailAddress":null`, false},
		"an empty address":          {to, `"invitedUserEmailAddress":""`, false},
		"another address":           {to, `"invitedUserEmailAddress":"bo@contoso.com"`, false},
		"another user":              {user, with(`"mail":"bo@contoso.com","userPrincipalName":"bo@fabrikam.com"`), false},
		"another user's mails":      {user, with(`"mail":"bo@contoso.com","otherMails":["x@contoso.com"]`), false},
		"another user's mail only":  {user, with(`"mail":null,"otherMails":["bo@contoso.com"]`), false},
		"without a status":          {`"status":"PendingAcceptance"`, `"status":null`, true},
		"with the user's name":      {user, with(`"userPrincipalName":"ana.o'neil_contoso.com#EXT#@fabrikam.com"`), true},
		"with a name of old":        {user, with(`"userPrincipalName":"ana_brand.com#EXT#@fabrikam.com"`), true},
		"with empty properties":     {user, with(`"mail":null,"otherMails":null,"userPrincipalName":null`), true},
		"with the user's mail":      {user, with(`"mail":"` + strings.ToUpper(email) + `"`), true},
		"with another mail as well": {user, with(`"mail":"bo@contoso.com","otherMails":["` + email + `"]`), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			body := strings.Replace(created, test.old, test.changed, 1)
			client, log := answering(t, 201, "application/json", body)
			id, err := guestOf(client.Invite(t.Context(), invitation(t)))
			if !test.taken {
				wantProblem(t, err, request.DirectoryUnavailable, log)
			} else if err != nil || id != guest {
				t.Errorf("%q, %v", id, err)
			}
		})
	}
}

// TestFailedInvitationKeepsGuest: an invitation with the status Error may have made an account.
func TestFailedInvitationKeepsGuest(t *testing.T) {
	failed := strings.Replace(created, "PendingAcceptance", "Error", 1)
	for body, want := range map[string]string{
		failed:                                   guest,
		strings.Replace(failed, guest, "x", 1):   "",
		strings.Replace(failed, email, "x@y", 1): "",
		`{"status":"Error"}`:                     "",
	} {
		client, log := answering(t, 201, "application/json", body)
		invited, err := client.Invite(t.Context(), invitation(t))
		failure := wantProblem(t, err, request.DirectoryInvitationError, log)
		if invited != (request.Invited{GuestID: want}) || strings.Contains(failure.Detail, guest) != (want != "") {
			t.Errorf("%s: %+v, %v", body, invited, err)
		}
		if request.NotDone(failure.Code) {
			t.Error("something may have been done")
		}
	}
}

func TestInvitationErrors(t *testing.T) {
	tests := map[string]struct {
		status  int
		message string
		want    problem.Code
	}{
		"invitations off for company":  {403, "Guest invitations not allowed for your company. Contact your company administrator for more details.", request.DirectoryInvitationsOff},
		"the same with another status": {400, "Guest invitations not allowed for your company.", request.DirectoryInvitationsOff},
		"suspicious activity":          {403, "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support", request.DirectorySuspicious},
		"no permission":                {403, "Insufficient privileges to perform requested operation by the application", request.DirectoryForbidden},
		"no permission, oddly":         {400, "Insufficient privileges", request.DirectoryForbidden},
		"no permission, with 401":      {401, "Insufficient privileges to perform requested operation by the application", request.DirectoryForbidden},
		"tenant full":                  {403, "The directory object quota limit for the tenant has been exceeded.", request.DirectoryQuota},
		"an unknown 403":               {403, "No.", request.DirectoryUnknown},
		"401":                          {401, "Access token has expired.", request.DirectoryNoToken},
		"domain on the tenant's list":  {403, "The domain of the user is currently blocked by your invitation policy.", request.DirectoryDomainBlocked},
		"cross-tenant settings":        {403, "This invitation is blocked by cross-tenant access settings.", request.DirectoryCrossTenant},
		"disabled guest":               {400, "The invited user already exists in the directory as object ID: " + guest + ", but the account is blocked from signing in.", request.DirectoryGuestDisabled},
		"own domain":                   {400, "Invitee is in inviter tenant", request.DirectoryInternalUser},
		"internal user":                {403, "Non-external user already exists with the given mail address and can't be invited", request.DirectoryInternalUser},
		"address is not valid":         {400, "The invited user email address is not valid.", request.DirectoryBadAddress},
		"not found":                    {404, "No such thing.", request.DirectoryUnknown},
		"conflict":                     {409, "Conflicting object.", request.DirectoryUnavailable},
		"request timed out":            {408, "Too slow.", request.DirectoryUnavailable},
		"locked":                       {423, "Locked.", request.DirectoryUnavailable},
		"too early":                    {425, "Too early.", request.DirectoryUnavailable},
		"throttled":                    {429, "Insufficient privileges to be quick", request.DirectoryThrottled},
		"server error":                 {500, "Unable to find target address", request.DirectoryUnknown},
		"not implemented":              {501, "No.", request.DirectoryUnknown},
		"unavailable":                  {503, "Blocked from signing in", request.DirectoryUnavailable},
		"gateway timeout":              {504, "No.", request.DirectoryUnavailable},
		"bandwidth limit":              {509, "No.", request.DirectoryUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, log := answering(t, test.status, "application/json", graphError("BadRequest", test.message), "request-id", "outer-id")
			err := wantProblem(t, second(client.Invite(t.Context(), invitation(t))), test.want, log)
			if err.Ref != "outer-id" || !strings.Contains(err.Detail, "BadRequest") || !strings.Contains(err.Detail, test.message[:len(test.message)/3]) {
				t.Errorf("ref %q, detail %q", err.Ref, err.Detail)
			}
			if !request.Retryable(test.want) && (err.Public == "" || strings.Contains(err.Public, "BadRequest")) {
				t.Errorf("the partner reads %q", err.Public)
			}
		})
	}
}

func TestRequestIDFromBody(t *testing.T) {
	client, log := answering(t, 400, "application/json", graphError("BadRequest", "No."), "request-id", "mail "+email)
	err := wantProblem(t, second(client.Invite(t.Context(), invitation(t))), request.DirectoryRefused, log)
	if err.Ref != "inner-id" {
		t.Errorf("ref %q", err.Ref)
	}
}

func TestMembershipErrors(t *testing.T) {
	missing := func(id string) string {
		return "Resource '" + id + "' does not exist or one of its queried reference-property objects are not present."
	}
	tests := map[string]struct {
		status  int
		message string
		want    problem.Code // "" for added=false without an error
	}{
		"a member before":                 {400, "One or more added object references already exist for the following modified properties: 'members'.", ""},
		"the same with another status":    {409, "One or more added object references already exist for the following modified properties: 'members'.", request.DirectoryUnavailable},
		"guest not there yet":             {404, missing(guest), request.DirectoryNotReplicated},
		"guest not there yet, as a 400":   {400, missing(guest), request.DirectoryNotReplicated},
		"missing object not named":        {404, "Not found.", request.DirectoryNotReplicated},
		"something is not there":          {404, missing("x"), request.DirectoryNotReplicated},
		"group not there":                 {404, missing(group), request.DirectoryNotReplicated},
		"group not there, in capitals":    {404, missing(strings.ToUpper(group)), request.DirectoryNotReplicated},
		"group not there, as a 400":       {400, missing(group), request.DirectoryNotReplicated},
		"both named":                      {404, missing(guest) + " (adding to " + group + ")", request.DirectoryNotReplicated},
		"dynamic group":                   {403, "Members of a group with dynamic membership can't be changed.", request.DirectoryGroupClosed},
		"mail-enabled group":              {400, "Cannot Update a mail-enabled security groups and or distribution list.", request.DirectoryGroupClosed},
		"no permission":                   {403, "Insufficient privileges to complete the operation.", request.DirectoryGroupForbidden},
		"tenant not there yet":            {400, "Unable to read the company information from the directory.", request.DirectoryNotReplicated},
		"a text about the whole tenant":   {403, "Guest invitations not allowed for your company.", request.DirectoryUnknown},
		"no valid token":                  {401, "Access token has expired.", request.DirectoryNoToken},
		"throttled":                       {429, "Too many.", request.DirectoryThrottled},
		"a concurrent change":             {409, "A conflicting object is present.", request.DirectoryUnavailable},
		"server error about the guest":    {500, missing(guest), request.DirectoryUnavailable},
		"other bad request":               {400, "Invalid.", request.DirectoryUnknown},
		"role-assignable without a right": {403, "The group is assignable to roles.", request.DirectoryGroupClosed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, log := answering(t, test.status, "application/json", graphError("Request_BadRequest", test.message))
			added, err := client.AddMember(t.Context(), group, guest)
			if added {
				t.Error("added")
			}
			if test.want != "" {
				wantProblem(t, err, test.want, log)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	sim, url := newSim(t, func(c *graphsim.Config) {
		c.Groups = []graphsim.Group{{ID: group, Kind: graphsim.RoleAssignableGroup}, {ID: other, Kind: graphsim.DynamicGroup}}
	})
	client, log := newClient(t, url, nil)
	for id, code := range map[string]problem.Code{
		group: request.DirectoryGroupClosed, other: request.DirectoryGroupClosed, sponsor1: request.DirectoryNotReplicated,
	} {
		wantProblem(t, second(client.AddMember(t.Context(), id, guest)), code, log)
	}
	if len(sim.Memberships()) != 0 {
		t.Errorf("memberships %v", sim.Memberships())
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"-5":                            0,
		"86400":                         24 * time.Hour,
		"86401":                         24 * time.Hour,
		"9223372036854775807":           24 * time.Hour,
		"99999999999999999999999":       24 * time.Hour,
		"-99999999999999999999999":      0,
		"1.5":                           0,
		"soon":                          0,
		"Mon, 04 May 2026 09:01:00 GMT": time.Minute,
		"Mon, 04 May 2026 08:59:00 GMT": 0,
		"Mon, 04 May 2099 09:01:00 GMT": 24 * time.Hour,
	} {
		for status, code := range map[int]problem.Code{429: request.DirectoryThrottled, 503: request.DirectoryUnavailable} {
			sim, url := newSim(t, nil)
			err := sim.Order(graphsim.Fault{Status: status, Headers: map[string]string{"Retry-After": header}})
			if err != nil {
				t.Fatal(err)
			}
			client, log := newClient(t, url, func(c *graph.Config) { c.Now = func() time.Time { return now } })
			got := wantProblem(t, second(client.Invite(t.Context(), invitation(t))), code, log)
			if got.RetryAfter != want {
				t.Errorf("Retry-After %q with status %d: %v, want %v", header, status, got.RetryAfter, want)
			}
			if calls := sim.Calls(); calls["POST /v1.0/invitations"] != 1 {
				t.Errorf("calls %v: it was tried again", calls)
			}
		}
	}
}

func TestDroppedConnectionIsUnavailable(t *testing.T) {
	for name, run := range operations {
		t.Run(name, func(t *testing.T) {
			sim, url := newSim(t, nil)
			err := sim.Order(graphsim.Fault{DropConnection: true, Times: 5})
			if err != nil {
				t.Fatal(err)
			}
			client, log := newClient(t, url, nil)
			wantProblem(t, run(t.Context(), t, client), request.DirectoryUnavailable, log)
		})
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client, log := newClient(t, server.URL, nil)
	err := wantProblem(t, second(client.Invite(t.Context(), invitation(t))), request.DirectoryUnavailable, log)
	if !strings.Contains(err.Detail, "connection refused") {
		t.Errorf("detail %q does not tell the reason", err.Detail)
	}
}

// transport is an http.RoundTripper made of a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCallTimesOut(t *testing.T) {
	silent := transport(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for name, run := range operations {
		for given, want := range map[time.Duration]time.Duration{0: graph.DefaultTimeout, time.Minute: time.Minute} {
			t.Run(name+" "+want.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, log := newClient(t, "http://127.0.0.1:1", func(c *graph.Config) { c.Transport, c.Timeout = silent, given })
					begun := time.Now()
					err := wantProblem(t, run(t.Context(), t, client), request.DirectoryUnavailable, log)
					if took := time.Since(begun); took != want || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("took %v, %v", took, err)
					}
				})
			})
		}
		t.Run(name+" canceled", func(t *testing.T) {
			client, log := newClient(t, "http://127.0.0.1:1", func(c *graph.Config) { c.Transport = silent })
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := wantProblem(t, run(ctx, t, client), request.DirectoryUnavailable, log)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestSlowBodyTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, log := newClient(t, "http://127.0.0.1:1", func(c *graph.Config) {
			c.Transport = transport(func(r *http.Request) (*http.Response, error) {
				reader, writer := io.Pipe()
				context.AfterFunc(r.Context(), func() { writer.CloseWithError(r.Context().Err()) })
				return &http.Response{StatusCode: 201, Header: http.Header{"Content-Type": {"application/json"}}, Body: reader}, nil
			})
		})
		wantProblem(t, second(client.Invite(t.Context(), invitation(t))), request.DirectoryUnavailable, log)
	})
}

// breakingOff answers with a body that ends too soon.
func breakingOff(status int, header ...string) http.RoundTripper {
	return transport(func(*http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(`{"error":{"code":"TooMany`), iotest.ErrReader(io.ErrUnexpectedEOF))
		response := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}
		response.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			response.Header.Set(header[i], header[i+1])
		}
		return response, nil
	})
}

// TestStatusCountsWhenBodyBreaksOff: so do the headers.
func TestStatusCountsWhenBodyBreaksOff(t *testing.T) {
	for status, want := range map[int]problem.Code{
		200: request.DirectoryUnavailable, 201: request.DirectoryUnavailable, 204: request.DirectoryUnavailable,
		400: request.DirectoryUnknown, 401: request.DirectoryNoToken, 403: request.DirectoryUnknown,
		404: request.DirectoryUnknown, 429: request.DirectoryThrottled, 503: request.DirectoryUnavailable,
	} {
		for name, run := range operations {
			client, log := newClient(t, "http://127.0.0.1:1", func(c *graph.Config) {
				c.Transport = breakingOff(status, "Retry-After", "120", "request-id", "the-id")
			})
			failure := wantProblem(t, run(t.Context(), t, client), want, log)
			waits := status == 429 || status == 503
			if waits && failure.RetryAfter != 2*time.Minute || status >= 400 && failure.Ref != "the-id" {
				t.Errorf("%s, status %d: wait %v, ref %q", name, status, failure.RetryAfter, failure.Ref)
			}
		}
		m, err := graph.NewMemberships(graph.Config{
			URL: "http://127.0.0.1:1", Transport: breakingOff(status, "Retry-After", "120"),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Groups(t.Context(), token, 1)
		failure, _ := errors.AsType[*problem.Error](err)
		if failure == nil || failure.Code != want || status == 429 && failure.RetryAfter != 2*time.Minute {
			t.Errorf("groups of a person, status %d: %v", status, err)
		}
	}
}

// fakeCredential gives the same token each time and records the requests.
type fakeCredential struct {
	token string
	err   error
	asked []policy.TokenRequestOptions
}

func (f *fakeCredential) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	f.asked = append(f.asked, options)
	return azcore.AccessToken{Token: f.token, ExpiresOn: time.Now().Add(time.Hour)}, f.err
}

// tlsServer serves over TLS and returns a client with the credential.
func tlsServer(t *testing.T, credential azcore.TokenCredential, handler http.HandlerFunc) (*graph.Client, *bytes.Buffer, string) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	client, log := newClient(t, server.URL, func(c *graph.Config) { c.Credential, c.Transport = credential, server.Client().Transport })
	return client, log, server.URL
}

func TestTokenGoesToGraph(t *testing.T) {
	credential := &fakeCredential{token: token}
	var sent []string
	client, log, url := tlsServer(t, credential, func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNoContent)
	})
	added, err := client.AddMember(t.Context(), group, guest)
	if err != nil || !added {
		t.Fatalf("%v, %v", added, err)
	}
	if !slices.Equal(sent, []string{"Bearer " + token}) {
		t.Errorf("sent %q", sent)
	}
	if len(credential.asked) != 1 || !slices.Equal(credential.asked[0].Scopes, []string{url + "/.default"}) {
		t.Errorf("asked for %v", credential.asked)
	}
	if strings.Contains(log.String(), token) {
		t.Errorf("the log has the token: %s", log)
	}
}

func TestTokenGoesNowhereElse(t *testing.T) {
	var elsewhere []string
	foreign := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		elsewhere = append(elsewhere, r.Header.Get("Authorization"))
	}))
	t.Cleanup(foreign.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, run := range operations {
			client, log, _ := tlsServer(t, &fakeCredential{token: token}, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, foreign.URL+"/?token="+token, status)
			})
			err := run(t.Context(), t, client)
			wantProblem(t, err, request.DirectoryUnavailable, log)
			if len(elsewhere) != 0 {
				t.Errorf("%s followed a %d: %q", name, status, elsewhere)
			}
		}
	}
}

func TestMissingTokenSendsNothing(t *testing.T) {
	tests := map[string]struct {
		credential *fakeCredential
		want       problem.Code
	}{
		"an empty token":         {&fakeCredential{}, request.DirectoryUnavailable},
		"no endpoint":            {&fakeCredential{err: errors.New("dial tcp: secret " + token)}, request.DirectoryUnavailable},
		"the identity is gone":   {&fakeCredential{err: &azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: 400, Request: httptest.NewRequest("GET", "/secret", nil), Body: http.NoBody}}}, request.DirectoryNoToken},
		"the endpoint is broken": {&fakeCredential{err: &azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: 500, Request: httptest.NewRequest("GET", "/secret", nil), Body: http.NoBody}}}, request.DirectoryUnavailable},
	}
	for name, test := range tests {
		for operation, run := range operations {
			t.Run(name+"/"+operation, func(t *testing.T) {
				client, log, _ := tlsServer(t, test.credential, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
				wantProblem(t, run(t.Context(), t, client), test.want, log)
			})
		}
	}
}

// expired is Graph's text for a token that it does not accept.
const expired = "Continuous access evaluation resulted in challenge with result: InteractionRequired"

func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	const asked = `{"access_token":{"nbf":{"value":"1>?"}}}` // with both characters that base64url changes
	claims := base64.StdEncoding.EncodeToString([]byte(asked))
	urlClaims := base64.RawURLEncoding.EncodeToString([]byte(asked))
	if claims == urlClaims || strings.Trim(claims, "=") == urlClaims {
		t.Fatal("the claims do not distinguish the encodings")
	}
	tests := map[string]struct {
		lines  []string
		claims string // "" for those of our own
	}{
		"a challenge": {[]string{`Bearer realm="", authorization_uri="https://login.example/", ` +
			`error="insufficient_claims", claims="` + claims + `"`}, asked},
		"claims first":               {[]string{`Bearer claims="` + claims + `", realm=""`}, asked},
		"in base64url":               {[]string{`Bearer realm="", claims="` + urlClaims + `"`}, asked},
		"without padding":            {[]string{`Bearer claims="` + strings.TrimRight(claims, "=") + `"`}, asked},
		"in a second line":           {[]string{`PoP realm=""`, `Bearer claims="` + claims + `"`}, asked},
		"behind another scheme":      {[]string{`PoP realm="", Bearer claims="` + claims + `"`}, asked},
		"no claims":                  {[]string{`Bearer realm=""`}, ""},
		"claims without quotes":      {[]string{`Bearer realm="", claims=` + claims}, ""},
		"claims without an end":      {[]string{`Bearer realm="", claims="` + claims}, ""},
		"claims that are not base64": {[]string{`Bearer realm="", claims="{}"`}, ""},
		"claims that are not JSON":   {[]string{`Bearer realm="", claims="abcd"`}, ""},
		"half of base64":             {[]string{`Bearer claims="abc"`}, ""},
		"another scheme":             {[]string{`Basic claims="` + claims + `"`}, ""},
		"bare claims":                {[]string{`Bearer claims`}, ""},
		"nothing":                    {nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			credential := &fakeCredential{token: token}
			client, bodies, log := refusingTokens(t, credential, test.lines, graphError("InvalidAuthenticationToken", expired), 1000)
			wantProblem(t, second(client.Invite(t.Context(), invitation(t))), request.DirectoryNoToken, log)
			if len(credential.asked) != 2 || len(*bodies) != 2 || (*bodies)[0] == "" || (*bodies)[0] != (*bodies)[1] {
				t.Fatalf("%d tokens for %d requests with bodies %q, want two of the same", len(credential.asked), len(*bodies), *bodies)
			}
			got := credential.asked[1].Claims
			if test.claims != "" && got != test.claims || test.claims == "" && !strings.HasPrefix(got, `{"access_token":{"nbf":`) {
				t.Errorf("claims %q, want %q", got, test.claims)
			}
		})
	}
}

func TestOneRefusedTokenCostsNothing(t *testing.T) {
	for name, body := range map[string]string{"an error of Graph": graphError("InvalidAuthenticationToken", expired), "no body": ""} {
		t.Run(name, func(t *testing.T) {
			client, bodies, _ := refusingTokens(t, &fakeCredential{token: token}, nil, body, 1)
			id, err := guestOf(client.Invite(t.Context(), invitation(t)))
			if err != nil || id != guest || len(*bodies) != 2 {
				t.Errorf("%q, %v after %d requests", id, err, len(*bodies))
			}
		})
	}
}

func TestMissingPermissionIsNotTakenForBadToken(t *testing.T) {
	for userType, want := range map[string]problem.Code{
		"": request.DirectoryForbidden, "Guest": request.DirectoryForbidden, "Member": request.DirectoryMemberForbidden,
	} {
		for _, status := range []int{401, 403} {
			client, log := answering(t, status, "application/json",
				graphError("Authorization_RequestDenied", "Insufficient privileges to complete the operation."))
			asked := invitation(t)
			asked.UserType = userType
			wantProblem(t, second(client.Invite(t.Context(), asked)), want, log)
			if n := strings.Count(log.String(), "graph answered"); n != 1 {
				t.Errorf("status %d: %d requests, want 1", status, n)
			}
		}
	}
}

// refusingTokens returns a client of a server that answers so many calls with 401, and invites
// after that.
func refusingTokens(t *testing.T, credential azcore.TokenCredential, lines []string, body string, times int) (
	client *graph.Client, bodies *[]string, log *bytes.Buffer) {
	t.Helper()
	bodies = &[]string{}
	client, log, _ = tlsServer(t, credential, func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*bodies = append(*bodies, string(sent))
		w.Header().Set("Content-Type", "application/json")
		answer, status := body, http.StatusUnauthorized
		if len(*bodies) > times {
			answer, status = created, http.StatusCreated
		} else {
			for _, line := range lines {
				w.Header().Add("WWW-Authenticate", line)
			}
		}
		w.WriteHeader(status)
		_, err = io.WriteString(w, answer)
		if err != nil {
			t.Error(err)
		}
	})
	return client, bodies, log
}

func TestInvalidConfigIsRefused(t *testing.T) {
	credential := &fakeCredential{token: token}
	tests := map[string]struct {
		url        string
		credential azcore.TokenCredential
		ok         bool
	}{
		"the public cloud":                    {"https://graph.microsoft.com", credential, true},
		"with a slash":                        {"https://graph.microsoft.com/", credential, true},
		"in capitals":                         {"https://Graph.Microsoft.Com", credential, true},
		"with a port":                         {"https://graph.microsoft.com:443", credential, true},
		"a national cloud":                    {"https://microsoftgraph.chinacloudapi.cn", credential, true},
		"a stand-in":                          {"http://127.0.0.1:8080", nil, true},
		"a stand-in by name":                  {"http://localhost:8080", nil, true},
		"a stand-in by IPv6":                  {"http://[::1]:8080", nil, true},
		"nothing":                             {"", credential, false},
		"no URL":                              {"http://[", credential, false},
		"no scheme":                           {"graph.microsoft.com", credential, false},
		"with the version":                    {"https://graph.microsoft.com/v1.0", credential, false},
		"with a query":                        {"https://graph.microsoft.com?x=1", credential, false},
		"with a fragment":                     {"https://graph.microsoft.com#x", credential, false},
		"with a user":                         {"https://me:secret@graph.microsoft.com", credential, false},
		"http with a credential":              {"http://graph.microsoft.com", credential, false},
		"loopback http with a credential":     {"http://127.0.0.1:8080", credential, false},
		"https without a credential":          {"https://graph.microsoft.com", nil, false},
		"loopback https without a credential": {"https://127.0.0.1:8080", nil, false},
		"network without a credential":        {"http://10.0.0.1", nil, false},
		"looks like loopback":                 {"http://localhost.example.com", nil, false},
		"another scheme":                      {"ftp://127.0.0.1", nil, false},
		"no host":                             {"https://", credential, false},
		"opaque":                              {"https:graph.microsoft.com", credential, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := graph.New(graph.Config{URL: test.url, Credential: test.credential})
			if (err == nil) != test.ok {
				t.Errorf("error %v, want success %v", err, test.ok)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error repeats the URL: %v", err)
			}
		})
	}
	_, err := graph.New(graph.Config{URL: "http://127.0.0.1:8080", Timeout: -1})
	if err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("negative timeout: %v", err)
	}
}

func TestSDKVersionMatchesGoMod(t *testing.T) {
	client, seen := recording(t, http.StatusNoContent, "")
	_, err := client.AddMember(t.Context(), group, guest)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(seen()[0].header.Get("SdkVersion"), "graph-go-v1.0/")
	version, _, _ := strings.Cut(rest, ",")
	module, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(module), "github.com/microsoftgraph/msgraph-sdk-go v"+version+"\n") {
		t.Errorf("the version sent to Graph is %q, which is not in go.mod", version)
	}
}

func TestNoAnswerBreaksTheClient(t *testing.T) { rapid.Check(t, noAnswerBreaksTheClient()) }

func FuzzNoAnswerBreaksTheClient(f *testing.F) { f.Fuzz(rapid.MakeFuzz(noAnswerBreaksTheClient())) }

// noAnswerBreaksTheClient makes up answers from pieces of real ones.
func noAnswerBreaksTheClient() func(*rapid.T) {
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		leaves := rapid.SampledFrom([]string{`null`, `true`, `5`, `""`, `[]`, `{}`, `"` + email + `"`, `"` + guest + `"`, `"` + redeem + `"`, `"Guest"`, `{`, ``})
		if depth == 0 {
			return leaves
		}
		return rapid.OneOf(leaves,
			rapid.Custom(func(t *rapid.T) string {
				return "[" + strings.Join(rapid.SliceOfN(value(depth-1), 0, 3).Draw(t, "list"), ",") + "]"
			}),
			rapid.Custom(func(t *rapid.T) string {
				names := rapid.SliceOfN(rapid.SampledFrom([]string{"value", "id", "mail", "otherMails", "userType", "creationType", "proxyAddresses", "userPrincipalName", "accountEnabled",
					"externalUserState", "invitedUser", "status",
					"error", "code", "message", "innerError", "request-id", "@odata.type", "@odata.nextLink", "inviteRedeemUrl"}), 0, 4).Draw(t, "names")
				var properties []string
				for _, name := range names {
					properties = append(properties, `"`+name+`":`+value(depth-1).Draw(t, name))
				}
				return "{" + strings.Join(properties, ",") + "}"
			}))
	}
	return func(t *rapid.T) {
		status := rapid.SampledFrom([]int{200, 201, 202, 204, 302, 400, 401, 403, 404, 409, 429, 500, 503}).Draw(t, "status")
		header := http.Header{
			"Content-Type":     {rapid.SampledFrom([]string{"application/json", "application/json;charset=utf-8", "text/html", "", ";"}).Draw(t, "type")},
			"Retry-After":      {rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"7", "-7", "Mon, 04 May 2026 09:01:00 GMT"})).Draw(t, "wait")},
			"Www-Authenticate": {rapid.OneOf(rapid.String(), rapid.StringMatching(`Bearer (claims=)?"?[A-Za-z=]{0,8}"?`)).Draw(t, "challenge")},
			"Request-Id":       {rapid.OneOf(rapid.String(), rapid.Just(email)).Draw(t, "id")},
		}
		body := value(4).Draw(t, "body")
		respond := transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: header.Clone(), Body: io.NopCloser(strings.NewReader(body))}, nil
		})
		var log bytes.Buffer
		client, err := graph.New(graph.Config{URL: "http://127.0.0.1:1", Transport: respond, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		one := submission.Address{}
		err = one.UnmarshalText([]byte(email))
		if err != nil {
			t.Fatal(err)
		}
		errs := []error{
			second(client.Invite(context.Background(), request.Invitation{Address: one, RedirectURL: "https://portal.example.com/"})),
			second(client.FindGuest(context.Background(), one)),
			second(client.FindUser(context.Background(), one)),
			second(client.FindDeletedGuests(context.Background(), one)),
			second(client.AddMember(context.Background(), group, guest)),
		}
		for _, err := range errs {
			if err == nil {
				continue
			}
			outer, isProblem := err.(*problem.Error)
			if !isProblem || !strings.HasPrefix(string(outer.Code), "directory-") || outer.RetryAfter < 0 || outer.RetryAfter > 24*time.Hour {
				t.Errorf("%v (%T)", err, err)
			}
			for _, secret := range secrets {
				if strings.Contains(strings.ToLower(err.Error()+log.String()), secret) {
					t.Errorf("the error or the log holds %q: %v, %s", secret, err, &log)
				}
			}
		}
	}
}
