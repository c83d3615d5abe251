package graphsim_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/graphsim"
)

// kinds are existing users with the address ana@contoso.com.
var kinds = map[string]struct {
	users  []graphsim.User
	status int
	says   string // part of the answer to an invitation; %s is the id of the first user
}{
	"nobody":          {nil, 201, `"status":"PendingAcceptance"`},
	"pending guest":   {[]graphsim.User{{Mail: "ana@contoso.com", CreationType: "Invitation", ExternalUserState: "PendingAcceptance"}}, 201, `"invitedUser":{"id":"%s"}`},
	"accepted guest":  {[]graphsim.User{{Mail: "ana@contoso.com", CreationType: "Invitation", ExternalUserState: "Accepted"}}, 201, `"invitedUser":{"id":"%s"}`},
	"invited member":  {[]graphsim.User{{Mail: "ana@contoso.com", UserType: "Member", CreationType: "Invitation", ExternalUserState: "Accepted"}}, 201, `"status":"Completed"`},
	"disabled guest":  {[]graphsim.User{{Mail: "ana@contoso.com", CreationType: "Invitation", Disabled: true}}, 400, "object ID: %s, but the account is blocked from signing in"},
	"internal member": {[]graphsim.User{{Mail: "ana@contoso.com"}}, 400, "non-external user already exists"},
	"internal guest":  {[]graphsim.User{{Mail: "ana@contoso.com", UserType: "Guest"}}, 400, "non-external user already exists"},
	"internal user with another mail": {[]graphsim.User{{Mail: "ana@brand.example", ProxyAddresses: []string{"smtp:Ana@contoso.com"}}}, 400,
		"non-external user already exists"},
	"internal user who was invited": {[]graphsim.User{{Mail: "ana@contoso.com", UserPrincipalName: "ana@fabrikam.example", ExternalUserState: "Accepted"}}, 201,
		`"status":"Completed"`},
	"invited user who was made internal": {[]graphsim.User{{Mail: "ana@contoso.com", UserPrincipalName: "ana@fabrikam.example", CreationType: "Invitation"}}, 400,
		"non-external user already exists"},
	"deleted guest":            {[]graphsim.User{{Mail: "ana@contoso.com", CreationType: "Invitation", Deleted: true}}, 201, `"status":"PendingAcceptance"`},
	"deleted guest in the way": {[]graphsim.User{{Mail: "ana@contoso.com", CreationType: "Invitation", Deleted: true, KeepsAddress: true}}, 400, "already exists in the directory as object ID: %s."},
	"two guests": {[]graphsim.User{
		{Mail: "ana@contoso.com", CreationType: "Invitation"}, {Mail: "ana@brand.example", OtherMails: []string{"ana@contoso.com"}, CreationType: "Invitation"},
	}, 400, "can't be invited to this directory"},
}

func TestInvitationByKindOfExistingUser(t *testing.T) {
	for name, test := range kinds {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, nil)
			says := test.says
			for i, user := range test.users {
				added, err := n.AddUser(user)
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 && strings.Contains(says, "%s") {
					says = fmt.Sprintf(says, added.ID)
				}
			}
			before := len(n.Guests())
			got := n.send("POST", "/v1.0/invitations", wellFormd)
			if got.status != test.status || !strings.Contains(got.body, says) {
				t.Errorf("answer %d, want %d with %q: %s", got.status, test.status, says, got.body)
			}
			if isNew := len(n.Guests()) > before; isNew != (name == "nobody" || name == "deleted guest") {
				t.Errorf("a new guest: %v", isNew)
			}
		})
	}
}

func TestAddUserFillsInDefaults(t *testing.T) {
	n := newTenant(t, nil)
	tests := map[string]struct{ given, want graphsim.User }{
		"external": {graphsim.User{Mail: "ana@contoso.com", CreationType: "Invitation"},
			graphsim.User{Mail: "ana@contoso.com", CreationType: "Invitation", UserType: "Guest", UserPrincipalName: "ana_contoso.com#EXT#@standin.onmicrosoft.com"}},
		"internal": {graphsim.User{Mail: "bo@contoso.com"}, graphsim.User{Mail: "bo@contoso.com", UserType: "Member", UserPrincipalName: "bo@contoso.com"}},
		"by name":  {graphsim.User{UserPrincipalName: "x#EXT#@y.example"}, graphsim.User{UserType: "Guest", UserPrincipalName: "x#EXT#@y.example"}},
	}
	for name, test := range tests {
		got, err := n.AddUser(test.given)
		if err != nil || len(got.ID) != 36 {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		test.want.ID = got.ID
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	bare, err := n.AddUser(graphsim.User{})
	if err != nil || bare.UserPrincipalName != bare.ID+"@standin.onmicrosoft.com" {
		t.Errorf("%+v, %v", bare, err)
	}
	for says, user := range map[string]graphsim.User{
		"taken": {ID: strings.ToUpper(accepted)}, "not a GUID": {ID: "bo"}, "userType": {UserType: "guest"}, "creationType": {CreationType: "invitation"},
		"externalUserState": {ExternalUserState: "accepted"}, "proxy address": {ProxyAddresses: []string{"ana@contoso.com"}},
	} {
		_, err := n.AddUser(user)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: error %v, want one with %q", user, err, says)
		}
	}
}

func TestChangeUser(t *testing.T) {
	n := newTenant(t, nil)
	err := n.ChangeUser(strings.ToUpper(accepted), func(u *graphsim.User) { u.Disabled = true })
	if err != nil {
		t.Fatal(err)
	}
	if got := n.send("GET", "/v1.0/users/"+accepted+"?$select=accountEnabled", ""); !strings.Contains(got.body, `"accountEnabled":false`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	changes := map[string]struct {
		id     string
		change func(*graphsim.User)
		says   string
	}{
		"nobody":       {nobody, func(*graphsim.User) {}, "no such user"},
		"another id":   {accepted, func(u *graphsim.User) { u.ID = nobody }, "id"},
		"wrong values": {accepted, func(u *graphsim.User) { u.ExternalUserState = "gone"; u.OtherMails[0] = "x" }, "externalUserState"},
	}
	for name, test := range changes {
		err := n.ChangeUser(test.id, test.change)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := n.send("GET", users("$filter", "otherMails/any(x:x eq 'cy@contoso.com')"), ""); !strings.Contains(got.body, accepted) {
		t.Errorf("a refused change had an effect: %s", got.body)
	}
}

func TestDeletedUserIsFoundOnlyAmongDeleted(t *testing.T) {
	n := newTenant(t, nil)
	n.send("POST", members(plainGroup), reference(accepted))
	if got := n.send("DELETE", "/stand-in/users/"+strings.ToUpper(accepted), ""); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	deleted := "/v1.0/directory/deletedItems/microsoft.graph.user?" +
		strings.SplitN(users("$filter", "mail eq 'cy@contoso.com'", "$count", "true", "$select", "id,userPrincipalName"), "?", 2)[1]
	got := n.send("GET", deleted, "", "ConsistencyLevel", "eventual")
	page := decode[struct {
		Count int `json:"@odata.count"`
		Value []map[string]string
	}](t, got)
	want := []map[string]string{{"id": accepted, "userPrincipalName": strings.ReplaceAll(accepted, "-", "") + "cy_contoso.com#EXT#@standin.onmicrosoft.com"}}
	if diff := cmp.Diff(want, page.Value); diff != "" || page.Count != 1 {
		t.Errorf("%d: %s", page.Count, diff)
	}
	if got := n.send("GET", users("$filter", "mail eq 'cy@contoso.com'"), ""); strings.Contains(got.body, accepted) {
		t.Errorf("found among users who are not deleted: %s", got.body)
	}
	for path, body := range map[string]string{"/v1.0/users/" + accepted: "", members(plainGroup): reference(accepted)} {
		method := "GET"
		if body != "" {
			method = "POST"
		}
		if got := n.send(method, path, body); got.status != 404 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if len(n.Memberships()) != 0 {
		t.Errorf("memberships %v", n.Memberships())
	}
	if again := n.invite("cy@contoso.com"); again == accepted {
		t.Error("an invitation has found the deleted guest")
	}
	if got := n.send("DELETE", "/stand-in/users/"+accepted, ""); got.status != 404 {
		t.Errorf("deleted twice: %d", got.status)
	}
	if got := n.send("POST", "/stand-in/users", `{"id":"`+accepted+`","deleted":false}`); got.status != 200 {
		t.Errorf("restored: %d %s", got.status, got.body)
	}
	if got := n.send("GET", "/v1.0/users/"+accepted, ""); got.status != 200 {
		t.Errorf("restored: %d %s", got.status, got.body)
	}
}

func TestStandInUsersCanBeAddedAndChanged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenant.json")
	n := newTenant(t, func(c *graphsim.Config) { c.StateFile = file })
	id := n.invite("ana@contoso.com")
	steps := []struct {
		name, body string
		status     int
		says       string
	}{
		{"accept, by mail", `{"mail":"ANA@contoso.com","externalUserState":"Accepted"}`, 200, `"externalUserState": "Accepted"`},
		{"disable, by id", `{"id":"` + id + `","disabled":true}`, 200, `"externalUserState": "Accepted"`},
		{"add", `{"mail":"dee@brand.example","userType":"Guest"}`, 201, `"userPrincipalName": "dee@brand.example"`},
		{"add a second holder, by a new id", `{"id":"` + nobody + `","mail":"dee@brand.example"}`, 201, nobody},
		{"change one of two", `{"mail":"dee@brand.example","disabled":true}`, 409, "give the id"},
		{"nobody", `{"disabled":true}`, 400, "Give the id"},
		{"unknown property", `{"mail":"x@y.example","enabled":true}`, 400, "enabled"},
		{"unknown value", `{"mail":"x@y.example","userType":"guest"}`, 400, "userType"},
		{"unknown value for who exists", `{"id":"` + id + `","userType":"guest"}`, 400, "userType"},
		{"no JSON", `mail=x`, 400, "not JSON"},
	}
	for _, step := range steps {
		got := n.send("POST", "/stand-in/users", step.body)
		if got.status != step.status || !strings.Contains(got.body, step.says) {
			t.Errorf("%s: answer %d, want %d with %q: %s", step.name, got.status, step.status, step.says, got.body)
		}
	}
	if got := n.send("POST", "/stand-in/users", `{"mail":"x@y.example"}`, "Content-Type", "text/plain"); got.status != 415 {
		t.Errorf("a user without JSON's content type: %d", got.status)
	}
	after := newTenant(t, func(c *graphsim.Config) { c.StateFile = file })
	after.pass(time.Minute)
	if got := after.send("GET", "/v1.0/users/"+id+"?$select=accountEnabled,mail", ""); !strings.Contains(got.body, `"accountEnabled":false,"mail":"ANA@contoso.com"`) {
		t.Errorf("after a restart: %s", got.body)
	}
}

func TestDeniedPermissionFailsItsRoutes(t *testing.T) {
	calls := map[string]func(n *tenant) answer{
		"POST /v1.0/invitations": func(n *tenant) answer { return n.send("POST", "/v1.0/invitations", wellFormd) },
		"GET /v1.0/users":        func(n *tenant) answer { return n.send("GET", users(), "") },
		"GET /v1.0/users/{id}":   func(n *tenant) answer { return n.send("GET", "/v1.0/users/"+accepted, "") },
		"GET /v1.0/directory/deletedItems/microsoft.graph.user": func(n *tenant) answer { return n.send("GET", "/v1.0/directory/deletedItems/microsoft.graph.user", "") },
		"GET /v1.0/groups/{id}":                                 func(n *tenant) answer { return n.send("GET", "/v1.0/groups/"+plainGroup, "") },
		"POST /v1.0/groups/{id}/members/$ref":                   func(n *tenant) answer { return n.send("POST", members(plainGroup), reference(accepted)) },
	}
	tests := map[string][]string{ // what is denied with a name
		"User.Invite.All":           {"POST /v1.0/invitations"},
		"User.Read.All":             {"GET /v1.0/users", "GET /v1.0/users/{id}", "GET /v1.0/directory/deletedItems/microsoft.graph.user"},
		"GroupMember.Read.All":      {"GET /v1.0/groups/{id}"},
		"GroupMember.ReadWrite.All": {"POST /v1.0/groups/{id}/members/$ref"},
		"GET /v1.0/users":           {"GET /v1.0/users"},
	}
	for name, denied := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, func(c *graphsim.Config) { c.Denied = []string{name} })
			for call, send := range calls {
				got := send(n)
				isDenied := got.status == http.StatusForbidden && got.code() == "Authorization_RequestDenied" && strings.Contains(got.body, "Insufficient privileges")
				wanted := false
				for _, d := range denied {
					wanted = wanted || d == call
				}
				if isDenied != wanted || !wanted && got.status >= 300 {
					t.Errorf("%s: %d %s", call, got.status, got.body)
				}
			}
		})
	}
}

func TestStandInPermissionsCanBeChanged(t *testing.T) {
	n := newTenant(t, nil)
	status := func() int { return n.send("GET", users(), "").status }
	if got := n.send("GET", "/stand-in/permissions", ""); !strings.Contains(got.body, `"denied": []`) || status() != 200 {
		t.Errorf("at the start: %s", got.body)
	}
	if got := n.send("POST", "/stand-in/permissions", `{"denied":["User.Read.All"]}`); got.status != 200 || status() != 403 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, wrong := range []string{`{"denied":["User.Read"]}`, `{"granted":["User.Read.All"]}`, `{"allowed":[]}`, `[]`} {
		if got := n.send("POST", "/stand-in/permissions", wrong); got.status != 400 || status() != 403 {
			t.Errorf("%s: %d %s", wrong, got.status, got.body)
		}
	}
	if got := n.send("POST", "/stand-in/permissions", `{"denied":[]}`); got.status != 200 || status() != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := n.send("POST", "/stand-in/permissions", `{"granted":["RoleManagement.ReadWrite.Directory"]}`); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := n.send("POST", members(roleGroup), reference(accepted)); got.status != 204 {
		t.Errorf("with the right to change role-assignable groups: %d %s", got.status, got.body)
	}
}

func TestFaultAddsHeadersToSuccess(t *testing.T) {
	n := newTenant(t, nil)
	const header = "x-ms-throttle-limit-percentage"
	if got := n.send("POST", "/stand-in/faults", `{"match":{"path":"/v1.0/invitations"},"headers":{"`+header+`":"0.9"}}`); got.status != 201 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for i, want := range []string{"0.9", ""} {
		got := n.send("POST", "/v1.0/invitations", wellFormd)
		if got.status != 201 || got.header.Get(header) != want || !strings.Contains(got.header.Get("Content-Type"), "json") {
			t.Errorf("answer %d: %d, header %q, want %q", i, got.status, got.header.Get(header), want)
		}
	}
}
