package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/policy/lint"
)

func TestRowsAreCheckedAgainstTenant(t *testing.T) {
	objectID := func(n int) string { return fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", n) }
	sim, err := graphsim.New(graphsim.Config{
		Groups: []graphsim.Group{{ID: objectID(1)}, {ID: objectID(2), Kind: graphsim.DynamicGroup}},
		Users:  []graphsim.User{{ID: objectID(3), UserType: "Member"}, {ID: objectID(4), UserType: "Member", Disabled: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	client, err := graph.New(graph.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	ids := func(numbers ...int) string {
		var list []string
		for _, n := range numbers {
			list = append(list, objectID(n))
		}
		return strings.Join(list, " ")
	}
	row := func(domain, groups, sponsors string) policy.Row {
		return policy.Parse(policy.Raw{Partition: domain, Name: "partners", Columns: map[string]any{"Action": "invite", "Groups": groups, "Sponsors": sponsors}})
	}
	rows := []policy.Row{
		row("contoso.com", ids(1), ids(1, 3)),
		row("fabrikam.com", ids(1, 2, 8), ids(3, 4, 9)),
	}
	findings, err := lint.Check(t.Context(), lint.Config{Rows: rows, Now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), Directory: client})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, f.Partition+" "+f.Column+": "+f.Rule)
	}
	want := []string{"fabrikam.com Groups: group-dynamic", "fabrikam.com Groups: group-missing", "fabrikam.com Sponsors: sponsor-disabled", "fabrikam.com Sponsors: sponsor-missing"}
	diff := cmp.Diff(want, got)
	if diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	// Three groups; four sponsors, two of which are not users and are looked up as groups.
	if users, groups := sim.Calls()["GET /v1.0/users/{id}"], sim.Calls()["GET /v1.0/groups/{id}"]; users != 4 || groups != 5 {
		t.Errorf("asked for %d users and %d groups, want 4 and 5", users, groups)
	}
}
