package workflow_test

import (
	"fmt"
	"net/http"
	"testing"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// oddFaults are answers that say nothing about the guest that they hit.
var oddFaults = map[string]graphsim.Fault{
	"400 in plain text":         {Status: 400, Body: "Bad Request", ContentType: "text/plain"},
	"400 without words":         {Status: 400, Body: `{"error":{"code":"UnknownError","message":""}}`},
	"400 in an older form":      {Status: 400, Form: graphsim.ODataError, Code: "x", Message: "Odd."},
	"400 in words nobody knows": {Status: 400, Message: "Something is odd."},
	"401":                       {Status: 401},
	"403 that is a page":        {Status: 403, Form: graphsim.HTMLPage},
	"403 in words nobody knows": {Status: 403, Code: "Odd", Message: "Something is odd."},
	"404 that is a page":        {Status: 404, Form: graphsim.HTMLPage},
	"404":                       {Status: 404},
	"409":                       {Status: 409, Message: "Another change is under way."},
	"412":                       {Status: 412, Message: "A precondition failed."},
	"418":                       {Status: 418, Message: "A teapot."},
	"429":                       {Status: 429},
	"500":                       {Status: 500},
	"502 that is a page":        {Status: 502, Form: graphsim.HTMLPage},
	"503":                       {Status: 503},
	"no answer":                 {DropConnection: true},
	"a page that says success":  {Status: 200, Body: "<html>", ContentType: "text/html"},
	"a redirect":                {Status: 302, Headers: map[string]string{"Location": "/"}},
}

// callsOfEve are the calls that concern eve@fabrikam.com, whose row alone names groupTwo.
var callsOfEve = map[string]graphsim.Match{
	"the question": {Method: http.MethodGet, Path: "/v1.0/users", Query: "eve@fabrikam.com"},
	"the question about deleted guests": {
		Method: http.MethodGet, Path: "/v1.0/directory/*", Query: "eve@fabrikam.com",
	},
	"the invitation": {Method: http.MethodPost, Path: "/v1.0/invitations", Body: "eve@fabrikam.com"},
	"the membership": membersOf(groupTwo),
}

func newUnkindWorld(t *testing.T, fault graphsim.Fault) *world {
	t.Helper()
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.row("fabrikam.com", "trusted", "Action", "invite", "Groups", groupOne+","+groupTwo)
	w.order(fault)
	return w
}

// wantAllGroups reports a request that is not done, or whose guest is not in so many groups.
func (w *world) wantAllGroups(id submission.ID, n int) {
	w.t.Helper()
	r := w.wantState(id, request.Done)
	found := 0
	for _, m := range w.tenant.Memberships() {
		if m.GuestID == r.GuestID {
			found++
		}
	}
	if found != n {
		w.t.Errorf("the guest is in %d groups, want %d", found, n)
	}
}

func (w *world) wantClosedBreaker() {
	w.t.Helper()
	gate := must(w.store.Gate(w.t.Context()))(w.t)
	if gate.Cause != "" {
		w.t.Fatalf("the breaker is open (%s) at %v", gate.Cause, w.now)
	}
}

func TestOneOddAnswerCostsMinutes(t *testing.T) {
	for odd, fault := range oddFaults {
		for call, match := range callsOfEve {
			t.Run(odd+" to "+call, func(t *testing.T) {
				fault.Match = match
				w := newUnkindWorld(t, fault)
				eve := w.signUp("eve@fabrikam.com")
				other := w.signUp("ana@contoso.com")
				w.settleMinutes(2)
				w.wantAllGroups(other, 1)
				w.wantClosedBreaker()
				w.settleMinutes(8)
				w.wantAllGroups(eve, 2)
			})
		}
	}
}

func TestGuestWhoseAnswersAreAlwaysOddHarmsNobody(t *testing.T) {
	for odd, fault := range oddFaults {
		for call, match := range callsOfEve {
			t.Run(odd+" to "+call, func(t *testing.T) {
				fault.Match, fault.Always = match, true
				w := newUnkindWorld(t, fault)
				eve := w.submit("eve@fabrikam.com")
				for i := range 30 {
					other := w.submit(fmt.Sprintf("partner.%d@contoso.com", i))
					w.settleMinutes(5)
					w.wantAllGroups(other, 1)
					w.wantClosedBreaker()
					w.settleMinutes(55)
				}
				r := w.load(eve)
				if !r.State.Ended() {
					t.Errorf("%s (%s), attempt %d; history %v", r.State, r.Reason, r.Attempt, w.whats(eve))
				}
				switch {
				case call == "the question about deleted guests":
					// The invitation need not wait for it.
				case r.State == request.Done:
					t.Errorf("%s (%s); history %v", r.State, r.Reason, w.whats(eve))
				}
				calls := w.tenant.Calls()["POST /v1.0/invitations"] - 30
				if calls > 25 {
					t.Errorf("%d attempts to invite", calls)
				}
			})
		}
	}
}

// TestLostAnswerIsFoundOut: of a call whose answers are lost, the effect counts.
func TestLostAnswerIsFoundOut(t *testing.T) {
	for _, odd := range []string{
		"400 in plain text", "403 that is a page", "404 that is a page", "500", "502 that is a page",
		"503", "no answer", "a page that says success", "a redirect",
	} {
		for _, call := range []string{"the invitation", "the membership"} {
			t.Run(odd+" to "+call, func(t *testing.T) {
				fault := oddFaults[odd]
				fault.Match, fault.Times, fault.AfterEffect = callsOfEve[call], 3, true
				w := newUnkindWorld(t, fault)
				eve := w.signUp("eve@fabrikam.com")
				w.settle(1)
				w.wantAllGroups(eve, 2)
				w.wantTenant(1, 1, 2)
			})
		}
	}
}

// TestRepeatWhoseAnswersAreOdd: a second sign-up waits for the answer who the guest is now. Without
// one it gets nothing.
func TestRepeatWhoseAnswersAreOdd(t *testing.T) {
	for odd, fault := range oddFaults {
		for name, times := range map[string]int{"once": 1, "always": 0} {
			t.Run(odd+" "+name, func(t *testing.T) {
				fault.Match = graphsim.Match{Method: http.MethodGet, Path: "/v1.0/users*"}
				fault.Times, fault.Always = times, times == 0
				w := newWorld(t)
				w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
				w.wantAllGroups(w.signUp("ana@contoso.com"), 1)
				w.settleMinutes(2)
				w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+","+groupTwo)
				w.order(fault)
				again := w.signUp("ana@contoso.com")
				if times == 1 {
					w.settleMinutes(10)
					w.wantAllGroups(again, 2)
					return
				}
				w.settle(48)
				r := w.load(again)
				if !r.State.Ended() || r.State == request.Done || len(w.tenant.Memberships()) != 1 {
					t.Errorf("%s (%s) with %d memberships; history %v",
						r.State, r.Reason, len(w.tenant.Memberships()), w.whats(again))
				}
			})
		}
	}
}

// TestGroupsThatWaitForOddAnswers: groups that have waited are added only once the directory says
// who the guest is now. Without an answer a person decides, in the end.
func TestGroupsThatWaitForOddAnswers(t *testing.T) {
	for odd, fault := range oddFaults {
		t.Run(odd, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 12, Status: 503})
			id := w.signUp("ana@contoso.com")
			w.settleMinutes(2)
			fault.Match = graphsim.Match{Method: http.MethodGet, Path: "/v1.0/users*"}
			fault.Always = true
			w.order(fault)
			w.settle(48)
			r := w.load(id)
			if !r.State.Ended() || len(w.tenant.Memberships()) > 0 {
				t.Errorf("%s (%s) with %d memberships; history %v",
					r.State, r.Reason, len(w.tenant.Memberships()), w.whats(id))
			}
		})
	}
}
