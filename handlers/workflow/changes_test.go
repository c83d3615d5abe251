package workflow_test

import (
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/submission"
)

const groupThree = "aaaaaaaa-0000-4000-8000-000000000003"

// changesOfGuest are what can happen to the guest ana@contoso.com. Each shuts the guest out, or
// gives the account to somebody else.
var changesOfGuest = map[string][]graphsim.Event{
	"disabled":                {{Event: "disable"}},
	"deleted":                 {{Event: "delete"}},
	"deleted for good":        {{Event: "delete"}, {Event: "purge"}},
	"given to eve":            {toEve},
	"given to eve, who comes": {toEve, {Event: "accept"}},
	"made internal":           {{Event: "make-internal"}},
}

var toEve = graphsim.Event{Event: "reset-redemption", Address: "eve@contoso.com"}

// down lets the calls fail until the faults are cleared.
func down(w *world, match graphsim.Match) {
	w.order(graphsim.Fault{Match: match, Always: true, Status: 503})
}

// andGroupThree edits the row: whoever signs up from now on gets a third group.
func andGroupThree(w *world) {
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+","+groupThree)
}

// situationsOfGuest are what the guest has before the change, and waits or asks for after it.
var situationsOfGuest = map[string]struct {
	before func(w *world) submission.ID
	after  func(w *world, id submission.ID)
}{
	"a group waits": {func(w *world) submission.ID {
		down(w, membersOf(groupTwo))
		id := w.signUp("ana@contoso.com")
		w.settleMinutes(10)
		return id
	}, func(w *world, _ submission.ID) { w.tenant.ClearFaults() }},
	"all groups wait": {func(w *world) submission.ID {
		down(w, graphsim.Match{Method: "POST", Path: "/v1.0/groups/*"})
		id := w.signUp("ana@contoso.com")
		w.settleMinutes(40)
		return id
	}, func(w *world, _ submission.ID) { w.tenant.ClearFaults() }},
	"signs up again at once": {func(w *world) submission.ID {
		id := w.signUp("ana@contoso.com")
		w.settleMinutes(3)
		andGroupThree(w)
		return id
	}, func(w *world, _ submission.ID) { w.signUp("ana@contoso.com") }},
	"signs up again a day later": {func(w *world) submission.ID {
		id := w.signUp("ana@contoso.com")
		w.settle(24)
		andGroupThree(w)
		return id
	}, func(w *world, _ submission.ID) { w.signUp("ana@contoso.com") }},
	"signs up again while the search fails": {func(w *world) submission.ID {
		id := w.signUp("ana@contoso.com")
		w.settleMinutes(3)
		andGroupThree(w)
		w.order(graphsim.Fault{Match: graphsim.Match{Method: "GET"}, Times: 8, Status: 400})
		return id
	}, func(w *world, _ submission.ID) { w.signUp("ana@contoso.com") }},
	"asks for the mail again": {func(w *world) submission.ID {
		id := w.signUp("ana@contoso.com")
		w.settle(3)
		return id
	}, func(w *world, id submission.ID) { w.ask(submission.Resend, id) }},
	"an old link asks while a new request is parked": {func(w *world) submission.ID {
		id := w.signUp("ana@contoso.com")
		w.settle(3)
		return id
	}, func(w *world, id submission.ID) {
		w.order(graphsim.Fault{Match: invitations, Times: 3, Status: 429,
			Headers: retryAfter("1800")})
		w.signUp("ana@contoso.com")
		w.ask(submission.Resend, id)
	}},
	"withdraws by an old link, and signs up": {func(w *world) submission.ID {
		id := w.signUp("ana@contoso.com")
		w.signUp("ana@contoso.com")
		w.settle(3)
		andGroupThree(w)
		return id
	}, func(w *world, id submission.ID) {
		w.ask(submission.Withdraw, id)
		w.settleMinutes(2)
		w.signUp("ana@contoso.com")
	}},
}

// TestGuestWhoChangesGetsNothingMore: whatever a guest still waits for, or asks for later, does not
// come to an account that was shut out or has changed hands, unless a person says so.
func TestGuestWhoChangesGetsNothingMore(t *testing.T) {
	for change, events := range changesOfGuest {
		for situation, s := range situationsOfGuest {
			t.Run(change+", "+situation, func(t *testing.T) {
				w := newWorld(t)
				w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne+","+groupTwo)
				id := s.before(w)
				account := w.load(id).GuestID
				mails := len(w.tenant.Invitations())
				for _, event := range events {
					event.User = account
					ok(t, w.tenant.Happen(event))
				}
				changed := w.now
				w.settleMinutes(1)
				s.after(w, id)
				w.settle(48)
				for _, m := range w.tenant.Memberships() {
					at := must(time.Parse(time.RFC3339, m.At))(t)
					if m.GuestID == account && at.After(changed) {
						t.Errorf("the account got group %s; history %v", m.GroupID, w.whats(id))
					}
				}
				for _, i := range w.tenant.Invitations()[mails:] {
					if i.GuestID == account {
						t.Errorf("the account got a mail at %s", i.Email)
					}
				}
				w.wantNothingDue()
			})
		}
	}
}
