package workflow_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// wantUntouched asks ten times, a second apart, and fails if the directory is called or the record
// written by that.
func (w *world) wantUntouched(kind submission.Kind, id submission.ID) {
	w.t.Helper()
	before, calls := w.load(id), maps.Clone(w.tenant.Calls())
	for range 10 {
		w.now = w.now.Add(time.Second)
		w.carryOut(kind, id)
	}
	if got := w.tenant.Calls(); !maps.Equal(got, calls) {
		w.t.Errorf("calls of the directory: before %v, after %v", calls, got)
	}
	if after := w.load(id); after.Version != before.Version {
		w.t.Errorf("the request was changed; history %v", w.whats(id))
	}
}

func TestWishDoesNotStepWaitingRequest(t *testing.T) {
	busy := graphsim.Fault{Times: 1_000_000, Status: 429, Headers: retryAfter("600")}
	waits := map[string]struct {
		kind  submission.Kind
		state request.State
		wait  func(w *world) submission.ID
	}{
		"mail, invitation unanswered": {submission.Resend, request.Inviting, func(w *world) submission.ID {
			w.order(graphsim.Fault{Match: invitations, Times: 1_000_000, Status: 502})
			return w.invite()
		}},
		"mail, invitation due again": {submission.Resend, request.Inviting, func(w *world) submission.ID {
			w.order(graphsim.Fault{Match: invitations, Times: 1_000_000, Status: 502})
			id := w.invite()
			w.now = w.load(id).Due.Add(time.Second) // upkeep brings it
			return id
		}},
		"mail, memberships throttled": {submission.Resend, request.Granting, func(w *world) submission.ID {
			busy.Match = membersOf(groupOne)
			w.order(busy)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
			return w.signUp("ana@contoso.com")
		}},
		"mail, parked": {submission.Resend, request.Parked, func(w *world) submission.ID {
			w.stop()
			return w.invite()
		}},
		"mail, mail throttled": {submission.Resend, request.Done, func(w *world) submission.ID {
			id := w.invite()
			w.now = w.now.Add(2 * time.Hour)
			busy.Match = invitations
			w.order(busy)
			w.carryOut(submission.Resend, id)
			return id
		}},
		"withdrawal, invitation unanswered": {submission.Withdraw, request.Inviting, func(w *world) submission.ID {
			w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502})
			id := w.invite()
			w.carryOut(submission.Withdraw, id)
			return id
		}},
		"withdrawal, outcome not known": {submission.Withdraw, request.Inviting, func(w *world) submission.ID {
			w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502})
			id := w.invite()
			w.order(graphsim.Fault{Match: lookUps, Times: 1_000_000, Status: 503})
			w.now = w.now.Add(lease - time.Second)
			w.carryOut(submission.Withdraw, id)
			w.now = w.now.Add(2 * time.Second)
			w.settleMinutes(20)
			return id
		}},
		"withdrawal, question refused": {submission.Withdraw, request.Inviting, func(w *world) submission.ID {
			w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502})
			id := w.invite()
			w.order(graphsim.Fault{Match: lookUps, Times: 1_000_000, Status: 400, Code: "BadRequest", Message: "No."})
			w.now = w.now.Add(lease - time.Second)
			w.carryOut(submission.Withdraw, id)
			w.now = w.now.Add(2 * time.Second)
			w.settleMinutes(15)
			return id
		}},
		"mail, question refused": {submission.Resend, request.Done, func(w *world) submission.ID {
			id := w.invite()
			w.order(graphsim.Fault{Match: lookUps, Times: 1_000_000, Status: 400, Code: "BadRequest", Message: "No."})
			w.now = w.now.Add(2 * time.Hour)
			w.carryOut(submission.Resend, id)
			w.settleMinutes(15)
			return id
		}},
	}
	for name, test := range waits {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := test.wait(w)
			w.wantState(id, test.state)
			w.wantUntouched(test.kind, id)
		})
	}
}

func TestMailIsTriedOnceInItsRest(t *testing.T) {
	tests := map[string]struct {
		fault graphsim.Fault
		after time.Duration // the invitation
		what  string
	}{
		"refused":  {graphsim.Fault{Match: invitations, Status: 400, Code: "BadRequest", Message: "No."}, 2 * time.Hour, "resend-refused"},
		"too soon": {graphsim.Fault{Match: invitations, Status: 400, Code: "BadRequest", Message: "No."}, time.Minute, "resend-too-soon"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.invite()
			w.now = w.now.Add(test.after)
			test.fault.Times = 1_000_000
			w.order(test.fault)
			w.carryOut(submission.Resend, id)
			if w.last(id) != test.what {
				t.Fatalf("history %v", w.whats(id))
			}
			w.wantUntouched(submission.Resend, id)
			before := len(w.whats(id))
			w.now = w.now.Add(request.MailRest)
			w.carryOut(submission.Resend, id)
			if len(w.whats(id)) == before {
				t.Error("after the rest of a mail a wish is not taken")
			}
		})
	}
}

// TestWishForMailOfWithdrawnRequestWritesNothing asks for the mail while the withdrawal is recorded
// and not carried out yet.
func TestWishForMailOfWithdrawnRequestWritesNothing(t *testing.T) {
	w := newWorld(t)
	id := w.anHourAfterMail()
	w.on("Claim", before, 1, fails)
	w.ask(submission.Withdraw, id)
	wantCode(t, "withdrawing", w.deliver(), problem.StorageUnavailable)
	withdrawal := w.queue
	w.queue = nil
	w.carryOut(submission.Resend, id)
	if slices.Contains(w.whats(id), "resend-wished") || w.attempts() != 1 {
		t.Errorf("history %v, %d mails", w.whats(id), w.attempts())
	}
	w.queue = withdrawal
	w.settle(1)
	w.wantErased(id)
}
