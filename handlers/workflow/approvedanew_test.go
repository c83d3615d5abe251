package workflow_test

import (
	"slices"
	"testing"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// objectedTo returns a request whose guest changed while groups waited, and that guest.
func (w *world) objectedTo(change func(*world, string)) (id submission.ID, guest string) {
	w.t.Helper()
	w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3), "Groups", groupOne)
	w.order(forbidden(membersOf(groupOne), 1000))
	id = w.signUp("ana@contoso.com")
	guest = w.wantState(id, request.Granting).GuestID
	w.settleMinutes(20)
	change(w, guest)
	w.tenant.ClearFaults()
	w.settle(2)
	w.wantState(id, request.Review)
	return id, guest
}

var (
	disabled = changed(func(u *graphsim.User) { u.Disabled = true })
	enabled  = changed(func(u *graphsim.User) { u.Disabled = false })
)

func deleted(w *world, guest string) { ok(w.t, w.tenant.DeleteUser(guest)) }

// TestRetryKeepsApprovalOfRequestWithGuest approves other groups than the row's for a request that
// has a guest. Something ends it before the approval has its effect, and a person retries it.
func TestRetryKeepsApprovalOfRequestWithGuest(t *testing.T) {
	terms := policy.Terms{UserType: "Guest", Groups: []string{groupTwo}}
	changes := map[string]struct{ change, back func(*world, string) }{
		"the guest was disabled for a while": {disabled, enabled},
		"the guest was deleted":              {deleted, func(*world, string) {}},
	}
	ends := map[string]func(*world, submission.ID){
		"its messages are given up": func(w *world, id submission.ID) { w.giveUpNext(id) },
		"the invitation is refused": func(w *world, id submission.ID) {
			refusal := refusedOnce
			refusal.Times = 1000
			w.order(refusal, graphsim.Fault{Match: membersOf(groupTwo), Times: 1000, Status: 400, Code: "Request_BadRequest", Message: "No."})
			w.settle(3)
		},
	}
	for changeName, change := range changes {
		for endName, end := range ends {
			t.Run(changeName+", "+endName, func(t *testing.T) {
				w := newWorld(t)
				id, guest := w.objectedTo(change.change)
				change.back(w, guest)
				must(w.reviewer().Approve(t.Context(), w.load(id), terms, ""))(t)
				end(w, id)
				w.wantState(id, request.Failed)
				w.tenant.ClearFaults()
				must(w.reviewer().Retry(t.Context(), id))(t)
				w.settle(3)
				r := w.wantState(id, request.Done)
				if groups := w.groupsOf(r.GuestID); !slices.Equal(groups, []string{groupTwo}) {
					t.Errorf("the guest is in %v; history %v", groups, w.whats(id))
				}
			})
		}
	}
}

// TestRequestOfGoneGuestCanBeEnded ends a request that was approved after its guest was deleted,
// and waits for the tenant.
func TestRequestOfGoneGuestCanBeEnded(t *testing.T) {
	for name, end := range map[string]func(*world, submission.ID){
		"cancel": func(w *world, id submission.ID) { must(w.reviewer().Cancel(w.t.Context(), id, "no"))(w.t) },
		"deny":   func(w *world, id submission.ID) { must(w.reviewer().Deny(w.t.Context(), id, "no"))(w.t) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id, _ := w.objectedTo(deleted)
			must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
			w.stop()
			w.settleMinutes(3)
			w.wantState(id, request.Parked)
			end(w, id)
			w.settle(3)
			if state := w.stateOf(id); state != request.Cancelled && state != request.Denied || w.attempts() != 1 {
				t.Errorf("%s, %d attempts", state, w.attempts())
			}
			if claim := w.claimOf(); claim.State != request.ClaimMails || claim.Mails != 1 {
				t.Errorf("claim %+v", claim)
			}
		})
	}
}

// TestWithdrawalFindsGuestOfSecondInvitation withdraws a request whose guest was deleted, while the
// answer to the invitation that a person then approved is lost.
func TestWithdrawalFindsGuestOfSecondInvitation(t *testing.T) {
	w := newWorld(t)
	id, first := w.objectedTo(deleted)
	must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: true})
	w.settleMinutes(2)
	w.wantState(id, request.Inviting)
	w.ask(submission.Withdraw, id)
	w.settle(1)
	w.wantErased(id)
	if guest := w.load(id).GuestID; guest == "" || guest == first {
		t.Errorf("the guest is %q, the first one %q", guest, first)
	}
}
