package endtoend

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
)

// unlucky is a sign-up that the tenant makes hard.
type unlucky struct {
	name string
	// group is the kind of group that the row names besides groupOne; its zero value is none.
	group graphsim.Group
	// columns are added to the row.
	columns []any
	// befall prepares the tenant for the address.
	befall func(s *stack, email string) error
	// ends are the states in which the request may be a minute later.
	ends []request.State
	// invitations is how many the address gets.
	invitations int
	// groups is how many groups the guest is in.
	groups int
}

func closed(kind graphsim.GroupKind) unlucky {
	return unlucky{
		name: "group-" + string(kind), group: graphsim.Group{Kind: kind},
		ends: []request.State{request.Failed}, invitations: 1, groups: 1,
	}
}

// holding returns what adds a user with the address.
func holding(user graphsim.User) func(s *stack, email string) error {
	return func(s *stack, email string) error {
		user.Mail = email
		_, err := s.tenant.AddUser(user)
		return err
	}
}

// ordering returns what lets calls with the address in their body or query fail.
func ordering(fault graphsim.Fault) func(s *stack, email string) error {
	return func(s *stack, email string) error {
		if fault.Match.Method == "GET" {
			fault.Match.Query = email
		} else {
			fault.Match.Body = email
		}
		return s.tenant.Order(fault)
	}
}

var (
	working = []request.State{request.Received, request.Inviting, request.Parked, request.Granting}
	person  = []request.State{request.Review, request.Failed}
)

var allUnlucky = []unlucky{
	closed(graphsim.DynamicGroup),
	closed(graphsim.RoleAssignableGroup),
	closed(graphsim.RestrictedGroup),
	closed(graphsim.MailEnabledGroup),
	closed(graphsim.OnPremisesGroup),
	{name: "group-without-guests", ends: person, invitations: 1, groups: 1,
		group: graphsim.Group{Kind: graphsim.UnifiedGroup, RefusesGuests: true}},
	{name: "group-that-is-gone", group: graphsim.Group{Deleted: true},
		ends: working, invitations: 1, groups: 1},
	// Two in a row are two witnesses, and still one row's fault.
	{name: "member", columns: []any{"UserType", "Member"}, ends: person},
	{name: "member-too", columns: []any{"UserType", "Member"}, ends: person},
	{name: "contact", ends: person, befall: func(s *stack, email string) error {
		_, err := s.tenant.AddContact(graphsim.Contact{Mail: email})
		return err
	}},
	{name: "deleted", ends: person,
		befall: holding(graphsim.User{CreationType: "Invitation", Deleted: true})},
	{name: "deleted-and-in-the-way", ends: person,
		befall: holding(graphsim.User{CreationType: "Invitation", Deleted: true, KeepsAddress: true})},
	{name: "disabled", ends: person,
		befall: holding(graphsim.User{CreationType: "Invitation", Disabled: true})},
	{name: "internal", ends: person, befall: holding(graphsim.User{})},
	{name: "internal-who-was-invited", ends: []request.State{request.Done}, groups: 1,
		befall: holding(graphsim.User{
			UserPrincipalName: "b2b@fabrikam.example", ExternalUserState: "Accepted",
		})},
	{name: "invited-who-was-made-internal", ends: person,
		befall: holding(graphsim.User{
			UserPrincipalName: "made@fabrikam.example", CreationType: "Invitation",
		})},
	{name: "always-500", ends: working,
		befall: ordering(graphsim.Fault{Always: true, Status: 500})},
	{name: "always-a-page", ends: working,
		befall: ordering(graphsim.Fault{Always: true, Status: 404, Form: graphsim.HTMLPage})},
	{name: "never-found", ends: append(working, person...),
		befall: ordering(graphsim.Fault{Match: graphsim.Match{Method: "GET"}, Always: true,
			Status: 400, Form: graphsim.ODataError, Message: "The query is not supported."})},
	{name: "missed-once", ends: []request.State{request.Done}, groups: 1,
		befall: func(s *stack, email string) error {
			guest := graphsim.User{CreationType: "Invitation", ExternalUserState: "Accepted"}
			err := holding(guest)(s, email)
			if err != nil {
				return err
			}
			return ordering(graphsim.Fault{Match: graphsim.Match{Method: "GET"},
				Status: 200, Body: graphsim.NobodyFound})(s, email)
		}, invitations: 1},
	{name: "came-to-nothing", ends: working,
		befall: ordering(graphsim.Fault{WithoutEffect: true})},
}

// TestUnkindTenantHarmsOnlyTheUnlucky: what a tenant refuses to one guest, or to one row, is that
// guest's or that row's alone. Everybody else is invited within a minute.
func TestUnkindTenantHarmsOnlyTheUnlucky(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+","+groupTwo)
	partners := map[string]partner{}
	for i, u := range allUnlucky {
		groups := groupOne
		if u.group != (graphsim.Group{}) {
			u.group.ID = fmt.Sprintf("aaaaaaaa-0000-4000-9000-%012d", i)
			groups += "," + u.group.ID
			err := s.tenant.SetGroup(u.group)
			if err != nil {
				t.Fatal(err)
			}
		}
		columns := append([]any{"Action", "invite", "Groups", groups}, u.columns...)
		s.row(u.name+".contoso.com", "trusted", columns...)
		email := "ana@" + u.name + ".contoso.com"
		if u.befall != nil {
			err := u.befall(s, email)
			if err != nil {
				t.Fatal(err)
			}
		}
		partners[u.name] = s.signUpAs(email)
		if u.name == "member" {
			continue
		}
		next := s.signUpAs(fmt.Sprintf("after.%d@contoso.com", i))
		if !s.isDoneWithin(next, time.Minute) {
			t.Errorf("after %s the next guest waits", u.name)
		}
		s.wantGranted(next, groupOne, groupTwo)
		s.wantClosed()
	}
	deadline := time.Now().Add(time.Minute)
	for _, u := range allUnlucky {
		s.wantEnd(u, partners[u.name], deadline)
	}
	s.wantClosed()
}

// wantEnd reports an unlucky request that is in another state at the deadline, or has other
// effects.
func (s *stack) wantEnd(u unlucky, p partner, deadline time.Time) {
	s.t.Helper()
	var r request.Request
	for {
		var err error
		r, err = s.store.Load(s.t.Context(), p.id)
		if err == nil && slices.Contains(u.ends, r.State) {
			break
		}
		if time.Now().After(deadline) {
			s.t.Errorf("%s is %s (%s), want one of %v; error %v", u.name, r.State, r.Reason, u.ends, err)
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if n := len(s.invitationsTo(p.email)); n != u.invitations {
		s.t.Errorf("%s: %d invitations, want %d; %s (%s)", u.name, n, u.invitations, r.State, r.Reason)
	}
	if n := len(s.groups(r.GuestID)); n != u.groups {
		s.t.Errorf("%s: in %d groups, want %d; %s (%s)", u.name, n, u.groups, r.State, r.Reason)
	}
}
