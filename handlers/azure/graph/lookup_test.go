package graph_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// objectID returns an id of a kind that no other test object has.
func objectID(n int) string { return fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", n) }

func TestGroupKinds(t *testing.T) {
	const mine = "Partners of Contoso"
	tests := map[graphsim.GroupKind]request.Group{
		"":                           {SecurityEnabled: true},
		graphsim.SecurityGroup:       {SecurityEnabled: true},
		graphsim.DynamicGroup:        {SecurityEnabled: true, Dynamic: true},
		graphsim.MailEnabledGroup:    {SecurityEnabled: true, MailEnabled: true},
		graphsim.RoleAssignableGroup: {SecurityEnabled: true, RoleAssignable: true},
		graphsim.OnPremisesGroup:     {SecurityEnabled: true, OnPremises: true},
		graphsim.UnifiedGroup:        {MailEnabled: true, Unified: true},
	}
	for kind, want := range tests {
		t.Run("kind "+string(kind), func(t *testing.T) {
			sim, url := newSim(t, func(c *graphsim.Config) {
				c.Groups = []graphsim.Group{{ID: group, Kind: kind, DisplayName: mine}}
			})
			client, _ := newClient(t, url, nil)
			want.ID, want.DisplayName = group, mine
			got, err := client.Group(t.Context(), strings.ToUpper(group))
			if err != nil {
				t.Fatal(err)
			}
			diff := cmp.Diff(want, got)
			if diff != "" {
				t.Errorf("Group (-want +got):\n%s", diff)
			}
			if calls := sim.Calls()["GET /v1.0/groups/{id}"]; calls != 1 {
				t.Errorf("asked %d times, want once", calls)
			}
		})
	}
}

func TestSponsorKinds(t *testing.T) {
	_, url := newSim(t, func(c *graphsim.Config) {
		c.Users = []graphsim.User{
			{ID: objectID(1), DisplayName: "Bo", UserType: "Member"},
			{ID: objectID(2), DisplayName: "Cy", UserType: "Member", Disabled: true},
			{ID: objectID(3), DisplayName: "Di", UserType: "Guest", CreationType: "Invitation"},
			{ID: objectID(4), DisplayName: "Ed", UserType: "Member", CreationType: "Invitation"},
		}
		c.Groups = []graphsim.Group{{ID: group, DisplayName: "Sponsors"}}
	})
	client, log := newClient(t, url, nil)
	tests := map[string]request.Principal{
		objectID(1): {DisplayName: "Bo", Kind: "user", Enabled: true},
		objectID(2): {DisplayName: "Cy", Kind: "user"},
		objectID(3): {DisplayName: "Di", Kind: "user", Enabled: true, Guest: true},
		objectID(4): {DisplayName: "Ed", Kind: "user", Enabled: true},
		group:       {DisplayName: "Sponsors", Kind: "group"},
	}
	for id, want := range tests {
		want.ID = id
		got, err := client.Principal(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		diff := cmp.Diff(want, got)
		if diff != "" {
			t.Errorf("Principal (-want +got):\n%s", diff)
		}
	}
	_, err := client.Principal(t.Context(), objectID(9))
	wantProblem(t, err, problem.NotFound, log)
	_, err = client.Group(t.Context(), objectID(1))
	wantProblem(t, err, problem.NotFound, log)
}

// looks are the two calls that read one object; each returns its error only.
var looks = map[string]func(context.Context, *graph.Client, string) error{
	"Group": func(ctx context.Context, c *graph.Client, id string) error {
		_, err := c.Group(ctx, id)
		return err
	},
	"Principal": func(ctx context.Context, c *graph.Client, id string) error {
		_, err := c.Principal(ctx, id)
		return err
	},
}

func TestLookupAnswers(t *testing.T) {
	const (
		jsonType = "application/json"
		whole    = `{"id":"` + group + `","displayName":"x","securityEnabled":true,"mailEnabled":false,"accountEnabled":true,"userType":"Member"}`
	)
	missing := graphError("Request_ResourceNotFound", "Resource '"+group+"' does not exist.")
	tests := []struct {
		name, body  string
		status      int
		contentType string
		headers     []string
		want        problem.Code
	}{
		{name: "all that was asked for", status: 200, contentType: jsonType, body: whole},
		{name: "no such object", status: 404, contentType: jsonType, body: missing, want: problem.NotFound},
		{name: "no such path", status: 404, contentType: jsonType, body: graphError("BadRequest", "Resource not found for the segment."), want: request.DirectoryRefused},
		{name: "the page of a proxy", status: 404, contentType: "text/html", body: "<html>", want: request.DirectoryUnknown},
		{name: "no permission", status: 403, contentType: jsonType, body: graphError("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
			want: request.DirectoryReadForbidden},
		{name: "no token", status: 401, contentType: jsonType, body: graphError("InvalidAuthenticationToken", "no"), want: request.DirectoryNoToken},
		{name: "throttling", status: 429, contentType: jsonType, body: graphError("TooManyRequests", "no"), headers: []string{"Retry-After", "7"}, want: request.DirectoryThrottled},
		{name: "a failing server", status: 503, contentType: jsonType, body: graphError("serviceNotAvailable", "no"), want: request.DirectoryUnavailable},
		{name: "another object", status: 200, contentType: jsonType, body: strings.Replace(whole, group, other, 1), want: request.DirectoryUnavailable},
		{name: "an object without its id", status: 200, contentType: jsonType, body: `{"displayName":"x","securityEnabled":true,"mailEnabled":true,"accountEnabled":true}`,
			want: request.DirectoryUnavailable},
		{name: "an object of which little may be seen", status: 200, contentType: jsonType, want: request.DirectoryReadForbidden,
			body: `{"id":"` + group + `","displayName":null,"securityEnabled":null,"mailEnabled":null,"accountEnabled":null}`},
		{name: "a property of the wrong type", status: 200, contentType: jsonType, want: request.DirectoryUnavailable,
			body: `{"id":["` + group + `"],"securityEnabled":"yes","accountEnabled":"yes"}`},
		{name: "a redirect", status: 302, contentType: jsonType, body: "{}", headers: []string{"Location", "https://graph.example/"}, want: request.DirectoryUnavailable},
	}
	for _, test := range tests {
		for name, look := range looks {
			t.Run(name+": "+test.name, func(t *testing.T) {
				client, log := answering(t, test.status, test.contentType, test.body, test.headers...)
				err := look(t.Context(), client, group)
				if test.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				failure := wantProblem(t, err, test.want, log)
				if test.want == request.DirectoryThrottled && failure.RetryAfter != 7*time.Second {
					t.Errorf("RetryAfter is %v, want 7s", failure.RetryAfter)
				}
			})
		}
	}
}

func TestLookupTakesOnlyObjectIDs(t *testing.T) {
	sim, url := newSim(t, func(c *graphsim.Config) { c.KnowsAnyGroup = true })
	client, log := newClient(t, url, nil)
	for _, id := range []string{"", "me", "ana@contoso.com", group + "/members", "../me", group + "?$expand=members"} {
		for name, look := range looks {
			err := look(t.Context(), client, id)
			wantProblem(t, err, request.DirectoryRefused, log)
			if len(sim.Calls()) != 0 {
				t.Fatalf("%s asked for %q: %v", name, id, sim.Calls())
			}
		}
	}
}
