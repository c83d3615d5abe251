package workflow_test

import (
	"slices"
	"testing"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// parkedWorld returns a world with a request that is parked because an admin stops everything.
func parkedWorld(t *testing.T, columns ...any) (*world, submission.ID) {
	t.Helper()
	w := newWorld(t)
	w.row("contoso.com", "trusted", append([]any{"Action", "invite", "Groups", groupOne}, columns...)...)
	w.adminStops()
	id := w.signUpFor("ana@contoso.com", 1)
	w.wantState(id, request.Parked)
	return w, id
}

// endStop ends the stop of an admin.
func (w *world) endStop() {
	w.t.Helper()
	must(request.CloseBreaker(w.t.Context(), w.store, "desk", w.gate().Stop.At, w.now))(w.t)
}

func TestParkedRequestAsksTheRowsAgain(t *testing.T) {
	edit := func(columns ...any) func(*world) {
		return func(w *world) { w.row("contoso.com", "trusted", columns...) }
	}
	tests := map[string]struct {
		columns []any // of its row, beside the action
		change  func(*world)
		want    request.State
		what    string
	}{
		"nothing has changed":     {nil, func(*world) {}, request.Done, "resumed"},
		"the row denies":          {nil, edit("Action", "deny"), request.Denied, "row-denies"},
		"the row asks":            {nil, edit("Action", "review"), request.Review, "row-asks"},
		"the row has a fault":     {nil, edit("Action", "invite", "Group", "x"), request.Review, "row-asks"},
		"the row is over":         {nil, edit("Action", "invite", "NotAfter", "2020-01-01"), request.Review, "row-asks"},
		"the row is gone":         {nil, func(w *world) { w.remove("contoso.com", "trusted") }, request.Review, "row-asks"},
		"the row gives less":      {nil, edit("Action", "invite"), request.Review, "row-narrowed"},
		"the row gives more":      {nil, edit("Action", "invite", "Groups", groupOne+" "+groupTwo), request.Done, "resumed"},
		"the row has a limit now": {nil, edit("Action", "invite", "Groups", groupOne, "MaxGuests", int32(9)), request.Review, "row-narrowed"},
		"a narrower row denies": {nil, func(w *world) { w.row("ana@contoso.com", "left", "Action", "deny") },
			request.Denied, "row-denies"},
		"a misspelt row denies": {nil, func(w *world) { w.row("Ana@contoso.com", "left", "Action", "deny") },
			request.Review, "row-asks"},
		"a row with a seat denies": {[]any{"MaxGuests", int32(1)}, edit("Action", "deny"), request.Denied, "row-denies"},
		"a row with a seat stays":  {[]any{"MaxGuests", int32(1)}, func(*world) {}, request.Done, "resumed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w, id := parkedWorld(t, test.columns...)
			test.change(w)
			w.settleMinutes(1)
			w.endStop()
			w.settle(2)
			r := w.load(id)
			if r.State != test.want || !slices.Contains(w.whats(r.ID), test.what) {
				t.Fatalf("it is %s, %v; want %s by %s", r.State, w.whats(r.ID), test.want, test.what)
			}
			if r.Decision.Action != policy.Invite || !slices.Equal(r.Decision.Terms.Groups, []string{groupOne}) {
				t.Errorf("the decision has changed: %+v", r.Decision)
			}
			if test.want == request.Done {
				w.wantTenant(1, 1, 1)
				return
			}
			w.wantTenant(0, 0, 0)
			w.wantNothingDue()
			w.wantSeats("contoso.com", "trusted", 0)
			// The address is free for the next one.
			w.row("contoso.com", "trusted", "Action", "invite")
			w.remove("Ana@contoso.com", "left")
			w.remove("ana@contoso.com", "left")
			w.settleMinutes(1)
			w.wantState(w.signUp("ana@contoso.com"), request.Done)
		})
	}
}

func TestApprovalOfParkedRequestStandsUnlessRowsDeny(t *testing.T) {
	for action, want := range map[string]request.State{
		"invite": request.Done, "review": request.Done, "deny": request.Review,
	} {
		t.Run(action, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "asked", "Action", "review")
			id := w.signUpFor("ana@contoso.com", 1)
			w.adminStops()
			must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
			w.settle(1)
			w.wantState(id, request.Parked)
			w.row("contoso.com", "asked", "Action", action)
			w.endStop()
			w.settle(2)
			r := w.wantState(id, want)
			if want == request.Done {
				return
			}
			if r.Objection != "row-denies-approved" {
				t.Errorf("objection %q", r.Objection)
			}
			w.wantTenant(0, 0, 0)
			// Who approves in view of that has the last word, also after another stop.
			w.adminStops()
			must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, "all the same"))(t)
			w.settle(1)
			w.wantState(id, request.Parked)
			w.endStop()
			w.settle(2)
			w.wantState(id, request.Done)
		})
	}
}

func TestParkedRequestStaysParkedWhileRowsCannotBeRead(t *testing.T) {
	for code, want := range map[problem.Code]request.State{
		problem.StorageUnavailable: request.Parked, problem.MalformedBody: request.Review,
	} {
		t.Run(string(code), func(t *testing.T) {
			w, id := parkedWorld(t)
			w.endStop()
			w.on("Rows", before, -1, func() error { return problem.New(code, "not readable") })
			w.settle(2)
			w.wantState(id, want)
			if want == request.Parked {
				w.settle(2)
				w.wantState(id, request.Done)
			}
		})
	}
}

// TestParkedRequestThatRowsEndSurvivesDeaths ends the process before and after each operation.
func TestParkedRequestThatRowsEndSurvivesDeaths(t *testing.T) {
	for n := 0; ; n++ {
		w, id := parkedWorld(t, "MaxGuests", int32(1))
		w.row("contoso.com", "trusted", "Action", "deny", "MaxGuests", int32(1))
		w.endStop()
		count := 0
		w.interrupt = func(string, bool) error {
			count++
			if count == n+1 {
				panic(crash{})
			}
			return nil
		}
		w.settleMinutes(2)
		if count <= n {
			if n < 20 {
				t.Errorf("there were only %d operations", n)
			}
			return
		}
		w.settle(2)
		w.wantState(id, request.Denied)
		w.wantSeats("contoso.com", "trusted", 0)
		w.wantNothingDue()
	}
}

// TestRowsCountAfterLongWait: a second sign-up for an address waits behind the first one, which is
// parked, and the rows change meanwhile.
func TestRowsCountAfterLongWait(t *testing.T) {
	for action, want := range map[string]request.State{"deny": request.Denied, "review": request.Review, "invite": request.Done} {
		t.Run(action, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			w.adminStops()
			first := w.signUpFor("ana@contoso.com", 1)
			second := w.signUpFor("ana@contoso.com", 24)
			w.wantState(first, request.Parked)
			w.wantState(second, request.Inviting)
			w.row("contoso.com", "trusted", "Action", action, "Groups", groupOne)
			w.endStop()
			w.settle(3)
			w.wantState(first, want)
			w.wantState(second, want)
			n := len(w.tenant.Invitations())
			if allowed := action == "invite"; allowed != (n == 1) {
				t.Errorf("%d invitations", n)
			}
		})
	}
}
