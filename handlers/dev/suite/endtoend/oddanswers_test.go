package endtoend

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
)

// oddAnswer is an answer that says nothing about the guest that it hits.
type oddAnswer struct {
	name  string
	fault graphsim.Fault
}

var oddAnswers = []oddAnswer{
	{"400", graphsim.Fault{Status: 400, Body: "Bad Request", ContentType: "text/plain"}},
	{"412", graphsim.Fault{Status: 412, Form: graphsim.HTMLPage}},
	{"502", graphsim.Fault{Status: 502}},
	{"html", graphsim.Fault{Status: 200, Body: "<html>Sign in.</html>", ContentType: "text/html"}},
	{"401", graphsim.Fault{Status: 401}},
}

// places are the calls of one guest: the question before the invitation, the invitation, and a
// membership in the group that only this guest's row names.
var places = map[string]func(email, group string) graphsim.Match{
	"question": func(email, _ string) graphsim.Match {
		return graphsim.Match{Method: http.MethodGet, Path: "/v1.0/users", Query: email}
	},
	"invitation": func(email, _ string) graphsim.Match {
		return graphsim.Match{Method: http.MethodPost, Path: "/v1.0/invitations", Body: email}
	},
	"membership": func(_, group string) graphsim.Match {
		return graphsim.Match{Method: http.MethodPost, Path: "/v1.0/groups/" + group + "/*"}
	},
}

// groups returns the groups of a guest, sorted.
func (s *stack) groups(guestID string) []string {
	var found []string
	for _, m := range s.tenant.Memberships() {
		if m.GuestID == guestID {
			found = append(found, m.GroupID)
		}
	}
	slices.Sort(found)
	return found
}

// wantGranted reports a request that has not ended well: one guest, who is in exactly the groups.
func (s *stack) wantGranted(p partner, groups ...string) {
	s.t.Helper()
	r, err := s.store.Load(s.t.Context(), p.id)
	if err != nil {
		s.t.Error(err)
		return
	}
	granted := s.groups(r.GuestID)
	if r.State != request.Done || !slices.Equal(granted, groups) {
		s.t.Errorf("%s is %s (%s) in the groups %v, want done in %v",
			p.email, r.State, r.Reason, granted, groups)
	}
	if n := len(s.invitationsTo(p.email)); n == 0 {
		s.t.Errorf("%s was not invited", p.email)
	}
}

// isDoneWithin waits until the request is done, and reports whether it is.
func (s *stack) isDoneWithin(p partner, patience time.Duration) bool {
	deadline := time.Now().Add(patience)
	for {
		r, err := s.store.Load(s.t.Context(), p.id)
		if err == nil && r.State == request.Done {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// wantClosed reports a circuit breaker that is open.
func (s *stack) wantClosed() {
	s.t.Helper()
	gate, err := s.store.Gate(s.t.Context())
	if err != nil || gate.Cause != "" {
		s.t.Errorf("the breaker is open by %q, error %v", gate.Cause, err)
	}
}

// TestOddAnswersStopNobody: one odd answer costs its guest some minutes and nobody else anything,
// whichever call it hits.
func TestOddAnswersStopNobody(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+","+groupTwo)
	type hitPartner struct {
		partner
		groups []string
	}
	var all []hitPartner
	// hit signs up a guest whose calls the fault hits, and then another guest.
	hit := func(name, place string, fault graphsim.Fault) {
		t.Helper()
		own := fmt.Sprintf("aaaaaaaa-0000-4000-9000-%012d", len(all))
		domain := fmt.Sprintf("%s-%s.contoso.com", name, place)
		s.row(domain, "trusted", "Action", "invite", "Groups", groupOne+","+own)
		fault.Match = places[place]("ana@"+domain, own)
		err := s.tenant.Order(fault)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, hitPartner{s.signUpAs("ana@" + domain), []string{groupOne, own}})
		next := s.signUpAs(fmt.Sprintf("after.%d@contoso.com", len(all)))
		if !s.isDoneWithin(next, time.Minute) {
			t.Errorf("after an odd answer to the %s (%s) the next guest waits", place, name)
		}
		s.wantGranted(next, groupOne, groupTwo)
		s.wantClosed()
	}
	for _, odd := range oddAnswers {
		for place := range places {
			hit(odd.name, place, odd.fault)
		}
	}
	hit("eight-404s", "membership", graphsim.Fault{Times: 8, Status: 404})
	deadline := time.Now().Add(5 * time.Minute)
	for _, u := range all {
		s.isDoneWithin(u.partner, time.Until(deadline))
		s.wantGranted(u.partner, u.groups...)
	}
	if left := s.tenant.Faults(); len(left) > 0 {
		t.Errorf("faults that hit nobody: %+v", left)
	}
	s.wantClosed()
}
