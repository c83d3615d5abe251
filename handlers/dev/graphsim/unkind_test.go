package graphsim_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/graphsim"
)

// order sends an order to the stand-in's own paths.
func (n *tenant) order(path, body string) {
	n.t.Helper()
	got := n.send("POST", "/stand-in/"+path, body)
	if got.status >= 300 {
		n.t.Fatalf("%s %s: %d %s", path, body, got.status, got.body)
	}
}

func inviting(email string) string {
	return strings.Replace(wellFormd, "ana@contoso.com", email, 1)
}

// asMember asks for a user of the type Member.
func asMember(body string) string {
	return strings.TrimSuffix(body, "}") + `,"invitedUserType":"Member"}`
}

func TestFaultHitsOneGuestOnly(t *testing.T) {
	n := newTenant(t, nil)
	for match, status := range map[string]string{
		`{"method":"POST","body":"ANA@contoso.com"}`:   "500",
		`{"method":"GET","query":"'ana@contoso.com'"}`: "400",
		`{"body":"` + strings.ToUpper(accepted) + `"}`: "404",
		`{"body":"\"invitedUserType\":\"Member\""}`:    "418",
	} {
		n.order("faults", `{"match":`+match+`,"always":true,"status":`+status+`}`)
	}
	for range 3 {
		for _, call := range []struct {
			method, path, body string
			status             int
		}{
			{"POST", "/v1.0/invitations", wellFormd, 500},
			{"POST", "/v1.0/invitations", inviting("bo@contoso.com"), 201},
			{"POST", "/v1.0/invitations", asMember(inviting("bo@contoso.com")), 418},
			{"GET", users("$filter", "mail eq 'ana@contoso.com'"), "", 400},
			{"GET", users("$filter", "mail eq 'bo@contoso.com'"), "", 200},
			{"POST", members(plainGroup), reference(accepted), 404},
			{"POST", members(plainGroup), reference(nobody), 404},
		} {
			got := n.send(call.method, call.path, call.body)
			if got.status != call.status {
				t.Errorf("%s %s %s: %d, want %d", call.method, call.path, call.body, got.status, call.status)
			}
		}
	}
	if left := len(n.Faults()); left != 4 {
		t.Errorf("%d of 4 faults are left", left)
	}
}

func TestErrorForms(t *testing.T) {
	type text struct{ Value string }
	type content struct {
		Code    string
		Message json.RawMessage
	}
	tests := map[graphsim.ErrorForm]func(body string) (code, message string){
		graphsim.ODataError: func(body string) (code, message string) {
			var e struct {
				Error content `json:"odata.error"`
			}
			var m text
			_, _ = json.Unmarshal([]byte(body), &e), json.Unmarshal(e.Error.Message, &m)
			return e.Error.Code, m.Value
		},
		graphsim.MessageObject: func(body string) (code, message string) {
			var e struct{ Error content }
			var m text
			_, _ = json.Unmarshal([]byte(body), &e), json.Unmarshal(e.Error.Message, &m)
			return e.Error.Code, m.Value
		},
		graphsim.HTMLPage: func(body string) (code, message string) {
			if strings.Contains(body, "<h1>No &amp; no.</h1>") {
				return "Odd", "No & no."
			}
			return "", ""
		},
	}
	for form, read := range tests {
		t.Run(string(form), func(t *testing.T) {
			n := newTenant(t, nil)
			err := n.Order(graphsim.Fault{Status: 400, Form: form, Code: "Odd", Message: "No & no."})
			if err != nil {
				t.Fatal(err)
			}
			got := n.send("POST", "/v1.0/invitations", wellFormd)
			code, message := read(got.body)
			if got.status != 400 || code != "Odd" || message != "No & no." {
				t.Errorf("%d %q %q: %s", got.status, code, message, got.body)
			}
			isPage := strings.HasPrefix(got.header.Get("Content-Type"), "text/html")
			if isPage != (form == graphsim.HTMLPage) {
				t.Errorf("content type %q", got.header.Get("Content-Type"))
			}
		})
	}
}

func TestSuccessWithoutEffect(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenant.json")
	n := newTenant(t, func(c *graphsim.Config) { c.StateFile = file })
	n.order("faults", `{"match":{"body":"ana@contoso.com"},"withoutEffect":true}`)
	guest := n.invite("ana@contoso.com")
	n.pass(time.Hour)
	for _, a := range []answer{
		n.send("GET", "/v1.0/users/"+guest, ""), n.send("POST", members(plainGroup), reference(guest)),
	} {
		if a.status != 404 || !strings.Contains(a.body, guest) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	after := newTenant(t, func(c *graphsim.Config) { c.StateFile = file })
	if len(after.Invitations()) != 0 {
		t.Error("the state file has an invitation that came to nothing")
	}
	if again := n.invite("ana@contoso.com"); again == guest {
		t.Error("a second invitation has found the guest who does not exist")
	}
}

func TestGroupsThatDoNotTakeAGuest(t *testing.T) {
	n := newTenant(t, func(c *graphsim.Config) {
		c.Granted = []string{"User.ReadWrite.All"}
		c.Groups = append(c.Groups, graphsim.Group{ID: unknownGroup, MaxMembers: 1})
	})
	at := n.clock().Add(time.Hour).Format(time.RFC3339)
	steps := []struct {
		name, group string
		change      string // what is ordered before, "" for nothing
		user        string
		status      int
		says        string
	}{
		{"a group that is not full", unknownGroup, "", accepted, 204, ""},
		{"a full group", unknownGroup, "", disabled, 403, "maximum number of members"},
		{"a member of a full group", unknownGroup, "", accepted, 400, "already exist"},
		{"no guests", unifiedGroup, `"kind":"microsoft-365","refusesGuests":true`, accepted, 403,
			"Guests users are not allowed"},
		{"no guests, and a member", unifiedGroup, "", internal, 204, ""},
		{"a late group", plainGroup, `"visibleFrom":"` + at + `"`, accepted, 404, plainGroup},
		{"a deleted group", plainGroup, `"deleted":true`, accepted, 404, plainGroup},
		{"a group that is there again", plainGroup, `"displayName":"Partners"`, accepted, 204, ""},
	}
	for _, step := range steps {
		if step.change != "" {
			n.order("groups", `{"id":"`+strings.ToUpper(step.group)+`",`+step.change+`}`)
		}
		got := n.send("POST", members(step.group), reference(step.user))
		if got.status != step.status || !strings.Contains(got.body, step.says) {
			t.Errorf("%s: %d, want %d saying %q: %s",
				step.name, got.status, step.status, step.says, got.body)
		}
		read := n.send("GET", "/v1.0/groups/"+step.group, "")
		if (read.status == 404) != (step.status == 404) {
			t.Errorf("%s: reading it: %d %s", step.name, read.status, read.body)
		}
	}
	n.order("groups", `{"id":"`+plainGroup+`","visibleFrom":"`+at+`"}`)
	n.pass(time.Hour)
	if got := n.send("GET", "/v1.0/groups/"+plainGroup, ""); got.status != 200 {
		t.Errorf("a late group an hour later: %d", got.status)
	}
	for _, wrong := range []string{
		`{"id":"partners"}`, `{"id":"` + plainGroup + `","kind":"odd"}`,
		`{"id":"` + plainGroup + `","maxMembers":-1}`,
	} {
		if got := n.send("POST", "/stand-in/groups", wrong); got.status != 400 {
			t.Errorf("%s: %d", wrong, got.status)
		}
	}
}

func TestInvitingMemberNeedsAnotherRight(t *testing.T) {
	n := newTenant(t, nil)
	sponsors := `,"invitedUserSponsors":[{"id":"` + sponsor + `"}]}`
	member := asMember(strings.TrimSuffix(wellFormd, "}") + sponsors)
	got := n.send("POST", "/v1.0/invitations", member)
	unauthorized := got.status == 401 && got.code() == "Unauthorized"
	if !unauthorized || !strings.Contains(got.body, "Insufficient privileges") {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, hint := range []string{"member", "type", "sponsor"} {
		if strings.Contains(strings.ToLower(got.body), hint) {
			t.Errorf("the answer has %q, which Graph's does not name: %s", hint, got.body)
		}
	}
	if got := n.send("POST", "/v1.0/invitations", wellFormd); got.status != 201 {
		t.Errorf("a guest: %d %s", got.status, got.body)
	}
	n.order("permissions", `{"granted":["User.ReadWrite.All"]}`)
	if got := n.send("POST", "/v1.0/invitations", member); got.status != 201 {
		t.Errorf("with the right: %d %s", got.status, got.body)
	}
}

func TestContactsHoldAddresses(t *testing.T) {
	n := newTenant(t, nil)
	const contact = "eeeeeeee-0000-4000-8000-000000000001"
	n.order("contacts", `{"id":"`+contact+`","mail":"ANA@contoso.com"}`)
	n.order("contacts", `{"mail":"bo@contoso.com","shares":true}`)
	got := n.send("POST", "/v1.0/invitations", wellFormd)
	words := "already exists in the directory as object ID: " + contact
	if got.status != 400 || !strings.Contains(got.body, words) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if read := n.send("GET", "/v1.0/users/"+contact, ""); read.status != 404 {
		t.Errorf("the contact is a user: %d", read.status)
	}
	guest := n.invite("bo@contoso.com")
	n.pass(time.Minute)
	page := decode[struct{ Value []map[string]any }](t, n.send("GET",
		users("$filter", "otherMails/any(x:x eq 'bo@contoso.com')", "$select", "id,mail"), ""))
	if diff := cmp.Diff([]map[string]any{{"id": guest, "mail": nil}}, page.Value); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []string{`{"id":"x","mail":"cy@contoso.com"}`, `{}`} {
		if got := n.send("POST", "/stand-in/contacts", wrong); got.status != 400 {
			t.Errorf("%s: %d", wrong, got.status)
		}
	}
}

func TestEvents(t *testing.T) {
	const address = "ana@contoso.com"
	n := newTenant(t, nil)
	id := n.invite(address)
	n.pass(time.Minute)
	n.send("POST", members(plainGroup), reference(id))
	type seen struct {
		Mail, State, Name string
		Enabled           bool
		Groups            int
	}
	look := func() (s seen) {
		t.Helper()
		const selected = "mail,externalUserState,userPrincipalName,accountEnabled"
		got := n.send("GET", "/v1.0/users/"+id+"?$select="+selected, "")
		if got.status == http.StatusNotFound {
			return seen{State: "gone", Groups: len(n.Memberships())}
		}
		user := decode[struct {
			Mail, ExternalUserState, UserPrincipalName string
			AccountEnabled                             bool
		}](t, got)
		return seen{
			user.Mail, user.ExternalUserState, user.UserPrincipalName, user.AccountEnabled,
			len(n.Memberships()),
		}
	}
	const (
		name = "ana_contoso.com#EXT#@standin.onmicrosoft.com"
		ours = "ana_contoso.com@standin.onmicrosoft.com"
		eve  = "eve@contoso.com"
	)
	steps := []struct {
		user, event string
		more        string
		want        seen
	}{
		{address, "accept", "", seen{address, "Accepted", name, true, 1}},
		{id, "disable", "", seen{address, "Accepted", name, false, 1}},
		{strings.ToUpper(address), "enable", "", seen{address, "Accepted", name, true, 1}},
		{
			address, "reset-redemption", `,"address":"` + eve + `"`,
			seen{eve, "PendingAcceptance", name, true, 1},
		},
		{eve, "delete", "", seen{State: "gone"}},
		{eve, "restore", "", seen{eve, "PendingAcceptance", name, true, 0}},
		{id, "make-internal", "", seen{eve, "", ours, true, 0}},
		{id, "delete", "", seen{State: "gone"}},
		{id, "purge", "", seen{State: "gone"}},
	}
	for _, step := range steps {
		n.order("events", `{"user":"`+step.user+`","event":"`+step.event+`"`+step.more+`}`)
		if diff := cmp.Diff(step.want, look()); diff != "" {
			t.Errorf("%s: %s", step.event, diff)
		}
	}
	for order, status := range map[string]int{
		`{"user":"` + id + `","event":"restore"}`:                                      404,
		`{"user":"","event":"disable"}`:                                                404,
		`{"user":"` + accepted + `","event":"dance"}`:                                  400,
		`{"user":"` + accepted + `","event":"restore"}`:                                400,
		`{"user":"` + accepted + `","event":"reset-redemption"}`:                       400,
		`{"user":"` + accepted + `","event":"disable","address":"a@contoso.com"}`:      400,
		`{"user":"` + accepted + `","event":"disable","when":"now"}`:                   400,
		`{"user":"cy@contoso.com","event":"reset-redemption","address":"x@y.example"}`: 204,
		`{"user":"gone@contoso.com","event":"purge"}`:                                  400,
	} {
		if got := n.send("POST", "/stand-in/events", order); got.status != status {
			t.Errorf("%s: %d, want %d: %s", order, got.status, status, got.body)
		}
	}
}

func TestAddressAfterResetIsFreeForAnotherGuest(t *testing.T) {
	n := newTenant(t, nil)
	first := n.invite("ana@contoso.com")
	n.order("events", `{"user":"`+first+`","event":"reset-redemption","address":"eve@contoso.com"}`)
	second := n.invite("ana@contoso.com")
	if first == second {
		t.Error("the invitation has found the account that another address holds now")
	}
	names := map[string]bool{}
	for _, guest := range n.Guests() {
		names[guest.UserPrincipalName] = true
	}
	if len(names) != len(n.Guests()) {
		t.Errorf("two guests have the same name for signing in: %v", names)
	}
}

func TestUnkindTenantSurvivesRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenant.json")
	keep := func(c *graphsim.Config) { c.StateFile = file }
	before := newTenant(t, keep)
	before.order("groups", `{"id":"`+plainGroup+`","kind":"dynamic"}`)
	before.order("contacts", `{"mail":"ana@contoso.com"}`)
	after := newTenant(t, keep)
	if got := after.send("POST", members(plainGroup), reference(accepted)); got.status != 403 {
		t.Errorf("the group is %d %s", got.status, got.body)
	}
	if got := after.send("POST", "/v1.0/invitations", wellFormd); got.status != 400 {
		t.Errorf("the contact: %d %s", got.status, got.body)
	}
}
