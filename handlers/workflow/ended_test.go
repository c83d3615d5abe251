package workflow_test

import (
	"net/http"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// TestEndedRequestAsksAgainOnlyAfterAWait leaves an ended request with a claim while the directory
// can't be asked for its guest.
func TestEndedRequestAsksAgainOnlyAfterAWait(t *testing.T) {
	tests := map[string]struct {
		fault graphsim.Fault
		wait  time.Duration
	}{
		"the directory is down": {graphsim.Fault{Status: 503}, 15 * time.Minute},
		"it asks for more time": {graphsim.Fault{Status: 429, Headers: retryAfter("3600")}, time.Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.endedByKill()
			w.queue = append(w.queue, w.due()...)
			test.fault.Match, test.fault.Always = lookUps, true
			w.order(test.fault)
			w.deliverAll()
			early := must(w.store.Due(t.Context(), w.now.Add(test.wait-time.Second), 10))(t)
			due := must(w.store.Due(t.Context(), w.now.Add(test.wait), 10))(t)
			if len(early) > 0 || len(due) != 1 || due[0] != id {
				t.Errorf("due before %v: %v; then: %v", test.wait, early, due)
			}
			w.tenant.ClearFaults()
			w.settle(2)
			if r := w.wantState(id, request.Failed); r.GuestID == "" {
				t.Errorf("the guest is not known; history %v", w.whats(id))
			}
			w.wantSeats("contoso.com", "r", 1)
			w.wantNothingDue()
		})
	}
}

// TestEndedRequestThatFindsItsGuestWaitsForNothing leaves an ended request with a claim whose guest
// the directory shows.
func TestEndedRequestThatFindsItsGuestWaitsForNothing(t *testing.T) {
	w := newWorld(t)
	id := w.endedByKill()
	w.queue = append(w.queue, w.due()...)
	w.deliverAll()
	if r := w.wantState(id, request.Failed); r.GuestID == "" || w.last(id) != "invited-after-all" {
		t.Errorf("guest %q, history %v", r.GuestID, w.whats(id))
	}
	w.wantNothingDue()
}

// TestEndedRequestDoesNotWaitForRightToRead leaves an ended request with a claim while the app may
// not read users: the next request for the address asks.
func TestEndedRequestDoesNotWaitForRightToRead(t *testing.T) {
	w := newWorld(t)
	id := w.endedByKill()
	w.order(forbidden(lookUps, 1000))
	w.settleMinutes(5)
	w.wantState(id, request.Failed)
	w.wantNothingDue()
	if claim := w.claimOf(); claim.State != request.ClaimSending {
		t.Errorf("claim %+v", claim)
	}
	w.wantSeats("contoso.com", "r", 1)
}

// TestSeatOfDeniedRequestIsGivenBackThoughMailIsWished: a wish for the mail is still to be refused
// when a person denies a request of which nobody knows whether its guest was invited.
func TestSeatOfDeniedRequestIsGivenBackThoughMailIsWished(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(5))
	w.order(graphsim.Fault{Match: invitations, Status: 500, Always: true})
	id := w.submit("ana@contoso.com")
	w.settleMinutes(10)
	r := w.wantState(id, request.Inviting)
	w.wantSeats("contoso.com", "r", 1)
	r.Resend = request.Instruction{At: w.now, By: request.ThePartner}
	must(w.store.Save(t.Context(), r, nil))(t)
	w.now = w.now.Add(10 * time.Minute)
	must(w.reviewer().Deny(t.Context(), id, "not known"))(t)
	w.settle(2)
	w.wantState(id, request.Denied)
	w.wantSeats("contoso.com", "r", 0)
	w.wantNothingDue()
}

// TestSeatIsGivenBackOnlyWithClaim resumes or retries a request while another call gives its seat
// back. No more guests than the row allows may come of that.
func TestSeatIsGivenBackOnlyWithClaim(t *testing.T) {
	tests := map[string]func(t *testing.T, w *world) (gives func() error, meanwhile func()){
		"a person cancels what is resumed": func(t *testing.T, w *world) (func() error, func()) {
			w.order(graphsim.Fault{
				Match: invitations, Times: 1, Status: http.StatusTooManyRequests, Headers: retryAfter("600"),
			})
			id := w.signUp("ana@contoso.com") // has its seat
			w.adminStops()
			w.settle(1)
			w.wantState(id, request.Parked)
			w.endStop()
			w.now = w.now.Add(time.Minute)
			var due outbox
			must(w.worker.Upkeep(t.Context(), &due))(t)
			cancel := func() error {
				_, err := w.reviewer().Cancel(t.Context(), id, "a mistake")
				return err
			}
			return cancel, func() { _ = w.worker.Advance(t.Context(), due[0]) }
		},
		"another request inherits what a person takes up again": func(t *testing.T, w *world) (func() error, func()) {
			w.order(graphsim.Fault{Match: invitations, Times: 1, Status: http.StatusBadGateway})
			id := w.signUp("ana@contoso.com")
			w.giveUpNext(id)
			w.wantState(id, request.Failed)
			w.now = w.now.Add(2 * time.Hour)
			w.submit("ana@contoso.com")
			return w.deliver, func() {
				_, _ = w.reviewer().Retry(t.Context(), id)
				_ = w.newWorker().Advance(t.Context(), submission.Message{ID: id})
			}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite", "MaxGuests", int32(2))
			gives, meanwhile := test(t, w)
			w.on("ReleaseSeat", before, 1, func() error {
				w.interrupt = nil
				meanwhile()
				return nil
			})
			err := gives()
			t.Logf("giving back: %v", err)
			w.settle(3)
			w.signUpFor("bo@contoso.com", 1)
			w.signUpFor("cy@contoso.com", 1)
			if n := len(w.tenant.Guests()); n > 2 {
				t.Errorf("%d guests of a row with two seats", n)
			}
		})
	}
}

// TestSeatOfGuestWhoMovedIsGivenBack: another request invites the address meanwhile, and its guest
// is made an employee.
func TestSeatOfGuestWhoMovedIsGivenBack(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "MaxGuests", int32(3))
	first := w.signUp("ana@contoso.com")
	changed(func(u *graphsim.User) { u.Mail, u.OtherMails = "bo@contoso.com", nil })(w, w.wantState(first, request.Done).GuestID)
	w.settle(1)
	w.wantState(first, request.Review)
	second := w.signUp("ana@contoso.com")
	w.wantState(second, request.Review)
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: http.StatusBadGateway, AfterEffect: true})
	for _, id := range []submission.ID{second, first} {
		must(w.reviewer().Approve(t.Context(), w.load(id), policy.Terms{}, ""))(t)
		w.settleMinutes(2)
		w.wantState(id, request.Inviting)
	}
	for minutes := 0; w.load(second).State != request.Done && minutes < 60; minutes++ {
		w.settleMinutes(1)
	}
	changed(func(u *graphsim.User) {
		u.UserPrincipalName, u.CreationType, u.UserType, u.ExternalUserState = "ana@fabrikam.com", "", "Member", ""
	})(w, w.load(second).GuestID)
	w.settle(3)
	w.wantState(first, request.Failed)
	w.wantSeats("contoso.com", "row", 0) // a person's approval takes no seat
}
