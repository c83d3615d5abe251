package graph_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/peopletest"
)

// simulated is the client of a stand-in that a suite changes.
type simulated struct {
	*graph.Client
	sim *graphsim.Server
}

func (s simulated) SetUser(t *testing.T, u peopletest.User) {
	t.Helper()
	user := graphsim.User{
		ID: u.ID, DisplayName: u.Name, Mail: u.Mail, UserPrincipalName: u.SignInName, OtherMails: u.OtherMails,
		ProxyAddresses: u.ProxyAddresses, PreferredLanguage: u.Language, UserType: "Member", Disabled: u.Disabled,
	}
	if u.Guest {
		user.UserType = "Guest"
	}
	_, err := s.sim.AddUser(user)
	if err != nil {
		err = s.sim.ChangeUser(u.ID, func(old *graphsim.User) { *old = user })
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s simulated) RemoveUser(t *testing.T, id string) {
	t.Helper()
	err := s.sim.DeleteUser(id)
	if err != nil {
		t.Fatal(err)
	}
}

func (s simulated) SetGroup(t *testing.T, g peopletest.Group) {
	t.Helper()
	err := s.sim.SetGroup(graphsim.Group{ID: g.ID, DisplayName: g.Name, HiddenMembers: g.Hidden})
	for _, membership := range s.sim.Memberships() {
		if err == nil && membership.GroupID == g.ID {
			err = s.sim.RemoveFromGroup(g.ID, membership.GuestID)
		}
	}
	for _, member := range g.Members {
		if err == nil {
			err = s.sim.AddToGroup(g.ID, member)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s simulated) RemoveGroup(t *testing.T, id string) {
	t.Helper()
	err := s.sim.SetGroup(graphsim.Group{ID: id, Deleted: true})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPeopleConform also runs with a directory that takes only groups where it is asked for groups.
func TestPeopleConform(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		t.Run(fmt.Sprintf("refuses unknown groups %t", refuses), func(t *testing.T) {
			peopletest.Test(t, func(t *testing.T) peopletest.Tenant {
				sim, url := newSim(t, func(c *graphsim.Config) { c.RefusesUnknownGroups = refuses })
				client, _ := newClient(t, url, nil)
				return simulated{client, sim}
			})
		})
	}
}

// asks are the calls about people. The person is guest, and the group is group.
var asks = map[string]func(context.Context, *graph.Client) (any, error){
	"Person": func(ctx context.Context, c *graph.Client) (any, error) { return c.Person(ctx, guest) },
	"MemberOf": func(ctx context.Context, c *graph.Client) (any, error) {
		return c.MemberOf(ctx, guest, []string{group})
	},
	"Principals": func(ctx context.Context, c *graph.Client) (any, error) {
		return c.Principals(ctx, []string{guest, group})
	},
	"GroupNames": func(ctx context.Context, c *graph.Client) (any, error) {
		return c.GroupNames(ctx, []string{guest, group})
	},
	"Addressees": func(ctx context.Context, c *graph.Client) (any, error) {
		return c.Addressees(ctx, []string{guest, group}, 5)
	},
}

// peopleOfTest returns a stand-in in which guest is in group.
func peopleOfTest(t *testing.T) (*graphsim.Server, string) {
	return newSim(t, func(c *graphsim.Config) {
		c.Users = []graphsim.User{{ID: guest, Mail: email}}
		c.Groups = []graphsim.Group{{ID: group, DisplayName: "Readers"}}
		c.Memberships = []graphsim.Membership{{GroupID: group, GuestID: guest}}
	})
}

// TestCallsAboutPeople has what an answer costs: a vote needs the first two.
func TestCallsAboutPeople(t *testing.T) {
	want := map[string]map[string]int{
		"Person":   {"GET /v1.0/users/{id}": 1},
		"MemberOf": {"POST /v1.0/users/{id}/checkMemberGroups": 1},
		"Principals": {
			"GET /v1.0/users": 1, "GET /v1.0/groups": 1,
		},
		"GroupNames": {"GET /v1.0/groups": 1},
		"Addressees": {
			"GET /v1.0/users": 1, "GET /v1.0/groups/{id}/transitiveMembers/microsoft.graph.user": 1,
		},
	}
	for name, ask := range asks {
		sim, url := peopleOfTest(t)
		client, _ := newClient(t, url, nil)
		_, err := ask(t.Context(), client)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want[name], sim.Calls()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestOddAnswerSaysNothingOfPeople: whatever call an odd answer hits, nobody is taken for missing,
// for a stranger, or for somebody without groups.
func TestOddAnswerSaysNothingOfPeople(t *testing.T) {
	for odd, fault := range oddAnswers {
		for name, ask := range asks {
			t.Run(odd+"/"+name, func(t *testing.T) {
				sim, url := peopleOfTest(t)
				client, log := newClient(t, url, nil)
				want, err := ask(t.Context(), client)
				if err != nil {
					t.Fatal(err)
				}
				fault.Match.Path = "/v1.0/*"
				err = sim.Order(fault)
				if err != nil {
					t.Fatal(err)
				}
				got, err := ask(t.Context(), client)
				// After a 401 Graph is asked again, and after a connection that ended.
				if err != nil {
					code := problem.CodeOf(err)
					if !request.Retryable(code) {
						t.Errorf("the answer is taken for %s: %v", code, err)
					}
					wantProblem(t, err, code, log)
					got, err = ask(t.Context(), client)
					if err != nil {
						t.Errorf("the next call fails: %v", err)
					}
				}
				if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
					t.Errorf("the answer changes (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestPeopleWithoutPermission(t *testing.T) {
	for _, permission := range []string{"User.Read.All", "GroupMember.Read.All"} {
		for name, ask := range asks {
			sim, url := peopleOfTest(t)
			client, log := newClient(t, url, nil)
			err := sim.Deny(permission)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ask(t.Context(), client)
			needless := map[string]string{"Person": "GroupMember.Read.All", "GroupNames": "User.Read.All"}
			if needless[name] == permission {
				if err != nil {
					t.Errorf("%s without %s: %v", name, permission, err)
				}
				continue
			}
			wantProblem(t, err, request.DirectoryReadForbidden, log)
		}
	}
}

// TestAnswersAboutPeople has the successes that say less, or something else, than was asked for.
func TestAnswersAboutPeople(t *testing.T) {
	whole := `{"id":"` + guest + `","displayName":"x","accountEnabled":true,"userType":"Member","userPrincipalName":"` + email + `","mail":"` + email + `"}`
	list := func(entries string) string { return `{"value":[` + entries + `]}` }
	tests := []struct {
		name, ask, body string
		want            problem.Code
	}{
		{"all", "Person", whole, ""},
		{"another person", "Person", strings.Replace(whole, guest, other, 1), request.DirectoryUnavailable},
		{"no id", "Person", `{"accountEnabled":true,"userPrincipalName":"x@contoso.com"}`, request.DirectoryUnavailable},
		{"without what every user has", "Person", `{"id":"` + guest + `","displayName":"x"}`, request.DirectoryReadForbidden},
		{"without addresses", "Person", `{"id":"` + guest + `","accountEnabled":true,"userPrincipalName":null}`, request.DirectoryReadForbidden},
		{"whether enabled is null", "Person", strings.Replace(whole, "true", "null", 1), request.DirectoryReadForbidden},

		{"the group, in capitals", "MemberOf", list(`"` + strings.ToUpper(group) + `"`), ""},
		{"no group", "MemberOf", list(``), ""},
		{"another group", "MemberOf", list(`"` + other + `"`), request.DirectoryUnavailable},
		{"no id at all", "MemberOf", list(`null`), request.DirectoryUnavailable},
		{"an address", "MemberOf", list(`"` + email + `"`), request.DirectoryUnavailable},
		{"objects", "MemberOf", list(`{"id":"` + group + `"}`), request.DirectoryUnavailable},
		{"no list", "MemberOf", `{}`, request.DirectoryUnavailable},
		{"a list that is null", "MemberOf", `{"value":null}`, request.DirectoryUnavailable},

		{"another user", "Principals", list(strings.Replace(whole, guest, other, 1)), request.DirectoryUnavailable},
		{"a gap", "Principals", list("null"), request.DirectoryUnavailable},
		{"no list", "Principals", `{}`, request.DirectoryUnavailable},
		{"without what every user has", "Principals", list(`{"id":"` + guest + `"}`), request.DirectoryReadForbidden},

		{"another group", "GroupNames", list(`{"id":"` + other + `","displayName":"x"}`), request.DirectoryUnavailable},
		{"a gap", "GroupNames", list("null"), request.DirectoryUnavailable},
		{"no list", "GroupNames", `{}`, request.DirectoryUnavailable},
		{"without the name", "GroupNames", list(`{"id":"` + group + `","displayName":null}`), request.DirectoryReadForbidden},
		{"no group", "GroupNames", list(``), ""},

		{"another user", "Addressees", list(strings.Replace(whole, guest, other, 1)), request.DirectoryUnavailable},
		{"a gap", "Addressees", list("null"), request.DirectoryUnavailable},
		{"no list", "Addressees", `{}`, request.DirectoryUnavailable},
		{"without what every user has", "Addressees", list(`{"id":"` + guest + `"}`), request.DirectoryReadForbidden},
	}
	for _, test := range tests {
		t.Run(test.ask+": "+test.name, func(t *testing.T) {
			client, log := answering(t, http.StatusOK, "application/json", test.body)
			_, err := asks[test.ask](t.Context(), client)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantProblem(t, err, test.want, log)
		})
	}
}

// serving returns a client of what serve answers.
func serving(t *testing.T, serve func(w http.ResponseWriter, r *http.Request)) *graph.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(serve))
	t.Cleanup(server.Close)
	client, _ := newClient(t, server.URL, nil)
	return client
}

// TestPagesOfPeople: a list may be on several pages, and a page may be empty. One that goes on and
// on says nothing.
func TestPagesOfPeople(t *testing.T) {
	entry := map[string]any{"id": guest, "accountEnabled": true, "userPrincipalName": "ana@contoso.com", "mail": "ana@contoso.com"}
	for pages, want := range map[int]problem.Code{1: "", 3: "", 5: "", 6: request.DirectoryUnknown, 1000: request.DirectoryUnknown} {
		client := serving(t, func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			page := 0
			_, _ = fmt.Sscan(query.Get("$skiptoken"), &page)
			if query.Get("$select") == "" || strings.Contains(r.URL.Path, "transitiveMembers") && r.Header.Get("ConsistencyLevel") != "eventual" {
				t.Errorf("page %d was asked for by %s", page, r.URL)
			}
			body := map[string]any{"value": []any{}}
			if page < pages-1 {
				query.Set("$skiptoken", fmt.Sprint(page+1))
				body["@odata.nextLink"] = "http://" + r.Host + r.URL.Path + "?" + query.Encode()
			} else if strings.Contains(r.URL.Path, "transitiveMembers") {
				body["value"] = []any{entry}
			}
			answerJSON(w, body)
		})
		to, err := client.Addressees(t.Context(), []string{group}, 5)
		if problem.CodeOf(err) != want || err == nil && (len(to.People) != 1 || to.People[0].ID != guest) {
			t.Errorf("%d pages: %+v, %v", pages, to, err)
		}
		_, err = client.Principals(t.Context(), []string{guest})
		if problem.CodeOf(err) != want {
			t.Errorf("%d pages: %v", pages, err)
		}
	}
}

// TestGuestsWithoutUserType: guests who are older than the property have none.
func TestGuestsWithoutUserType(t *testing.T) {
	for body, want := range map[string]bool{
		`"userPrincipalName":"ana_contoso.com#EXT#@tenant.example"`:                     true,
		`"userPrincipalName":"ana@contoso.com"`:                                         false,
		`"userPrincipalName":"ana_contoso.com#EXT#@tenant.example","userType":"Member"`: false,
		`"userPrincipalName":"ana@contoso.com","userType":"guest"`:                      true,
	} {
		user := `{"id":"` + guest + `","accountEnabled":true,` + body + `}`
		client, _ := answering(t, http.StatusOK, "application/json", user)
		person, err := client.Person(t.Context(), guest)
		if err != nil || person.Guest != want {
			t.Errorf("%s: %+v, %v", body, person, err)
		}
		client, _ = answering(t, http.StatusOK, "application/json", `{"value":[`+user+`]}`)
		known, err := client.Principals(t.Context(), []string{guest})
		if err != nil || known[guest].Guest != want {
			t.Errorf("%s: %+v, %v", body, known, err)
		}
	}
}

// TestMembershipThatIsNotFoundThoughItExists: nothing follows from an answer that contradicts
// others.
func TestMembershipThatIsNotFoundThoughItExists(t *testing.T) {
	for name, test := range map[string]struct {
		groups []string
		fault  graphsim.Fault
		want   problem.Code
	}{
		"not found":                     {[]string{group}, graphsim.Fault{Status: 404}, request.DirectoryUnknown},
		"not found, with a stranger":    {[]string{group, other}, graphsim.Fault{Status: 404}, request.DirectoryUnknown},
		"refused":                       {[]string{group}, graphsim.Fault{Status: 400}, request.DirectoryRefused},
		"refused, with a stranger":      {[]string{group, other}, graphsim.Fault{Status: 400}, request.DirectoryRefused},
		"refused, of nothing but users": {[]string{other}, graphsim.Fault{Status: 400}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sim, url := peopleOfTest(t)
			client, log := newClient(t, url, nil)
			test.fault.Match.Path, test.fault.Always = "/v1.0/users/"+guest+"/checkMemberGroups", true
			err := sim.Order(test.fault)
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.MemberOf(t.Context(), guest, test.groups)
			if test.want == "" {
				if err != nil || len(got) != 0 {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			wantProblem(t, err, test.want, log)
		})
	}
}

// TestAskingForPeopleNamesNobody: the requests have object ids only.
func TestAskingForPeopleNamesNobody(t *testing.T) {
	sim, address := peopleOfTest(t)
	var seen []string
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	client, log := newClient(t, "http://127.0.0.1:1", func(c *graph.Config) {
		c.Transport = transport(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.URL.String())
			r.URL.Host = target.Host
			return http.DefaultTransport.RoundTrip(r)
		})
	})
	for name, ask := range asks {
		_, err := ask(t.Context(), client)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, secret := range secrets {
		if strings.Contains(strings.ToLower(strings.Join(seen, " ")+log.String()), secret) {
			t.Errorf("%q is in %v or in the log %s", secret, seen, log)
		}
	}
	if len(sim.Calls()) == 0 {
		t.Error("nobody was asked")
	}
}
