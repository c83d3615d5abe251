package workflow_test

import (
	"context"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// unheard is a directory that takes every invitation, and whose answer never arrives.
type unheard struct {
	request.Directory
	sent func()
}

func (u unheard) Invite(ctx context.Context, invitation request.Invitation) (request.Invited, error) {
	_, err := u.Directory.Invite(ctx, invitation)
	if err == nil {
		u.sent()
		err = fails500
	}
	return request.Invited{}, err
}

// newUnheardWorld returns a world in which every mail goes out, every answer is lost and the app
// may not read users. mails are the times of the mails.
func newUnheardWorld(t *testing.T, columns ...any) (w *world, mails *[]time.Time) {
	t.Helper()
	mails = new([]time.Time)
	w = newWorld(t, func(c *workflow.Config) {
		now := c.Now
		c.Directory = unheard{c.Directory, func() { *mails = append(*mails, now()) }}
	})
	w.row("contoso.com", "r", append([]any{"Action", "invite"}, columns...)...)
	w.order(forbidden(lookUps, 1_000_000))
	return w, mails
}

// most returns the most mails in any window.
func most(mails []time.Time, window time.Duration) (n int) {
	for i := range mails {
		in := 0
		for _, at := range mails[i:] {
			if at.Sub(mails[i]) < window {
				in++
			}
		}
		n = max(n, in)
	}
	return n
}

// TestLostAnswersSendBoundedMails signs one address up again and again while every mail goes out
// and every answer is lost.
func TestLostAnswersSendBoundedMails(t *testing.T) {
	w, mails := newUnheardWorld(t)
	for range 8 {
		w.submit("ana@contoso.com")
		w.settle(31)
	}
	day, week := most(*mails, 24*time.Hour), most(*mails, 7*24*time.Hour)
	if day != request.MailsPerDay || week != request.MailsPerWeek {
		t.Errorf("%d mails in a day and %d in a week, want %d and %d: %v",
			day, week, request.MailsPerDay, request.MailsPerWeek, *mails)
	}
}

// TestRetryAfterLostAnswersSendsOneMail counts the mails by the yeses of people.
func TestRetryAfterLostAnswersSendsOneMail(t *testing.T) {
	w, mails := newUnheardWorld(t, "MaxGuests", int32(3))
	id := w.submit("ana@contoso.com")
	w.settle(40)
	for yeses := range 3 {
		r := w.wantState(id, request.Failed)
		if n := len(*mails); n != request.MailsPerWeek+yeses || w.last(id) != "given-up" {
			t.Errorf("%d mails after %d retries (%s); history %v", n, yeses, r.Reason, w.whats(id))
		}
		w.wantSeats("contoso.com", "r", 0)
		w.wantNothingDue()
		must(w.reviewer().Retry(t.Context(), id))(t)
		w.settleMinutes(20)
		if n := len(*mails); n != request.MailsPerWeek+yeses+1 {
			t.Errorf("%d mails minutes after retry %d", n, yeses+1)
		}
		w.settle(5)
	}
}

// TestApprovalAfterLostAnswersSendsOneMail lets a person approve the next sign-up of the address.
func TestApprovalAfterLostAnswersSendsOneMail(t *testing.T) {
	w, mails := newUnheardWorld(t)
	w.submit("ana@contoso.com")
	w.settle(40)
	id := w.submit("ana@contoso.com")
	w.settle(1)
	if w.wantState(id, request.Review); w.last(id) != "mails-spent" {
		t.Errorf("history %v", w.whats(id))
	}
	must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
	w.settle(5)
	if n := len(*mails); n != request.MailsPerWeek+1 {
		t.Errorf("%d mails after an approval", n)
	}
}

// TestMailIsCountedBeforeItIsSent looks at the claim while the directory is asked to invite, and
// ends the process then.
func TestMailIsCountedBeforeItIsSent(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	var counted []int
	w.on("Invite", before, 2, func() error {
		counted = append(counted, w.claimOf().Mails)
		return crashes()
	})
	id := w.submit("ana@contoso.com")
	w.settle(1)
	w.wantState(id, request.Done)
	if len(counted) != 2 || counted[0] != 1 || counted[1] != 2 {
		t.Errorf("counted were %v", counted)
	}
	if claim := w.claimOf(); claim.Mails != 3 {
		t.Errorf("%d mails are counted, and three may have been sent", claim.Mails)
	}
}

// TestMailThatCertainlyWasNotSentDoesNotCount lets the directory refuse in ways that leave no
// doubt.
func TestMailThatCertainlyWasNotSentDoesNotCount(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"throttled": {Match: invitations, Times: 8, Status: 429, Headers: retryAfter("20")},
		"forbidden": {Match: invitations, Times: 8, Status: 403, Code: "Authorization_RequestDenied",
			Message: "Insufficient privileges to complete the operation."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			w.order(fault)
			id := w.submit("ana@contoso.com")
			w.settle(20)
			w.wantState(id, request.Done)
			if claim := w.claimOf(); claim.Mails != 1 || w.attempts() != 9 {
				t.Errorf("%d mails are counted after %d attempts", claim.Mails, w.attempts())
			}
		})
	}
	t.Run("nobody is asked", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "r", "Action", "invite")
		w.stop()
		w.signUp("ana@contoso.com")
		if claim := w.claimOf(); claim.State != request.ClaimReserved || claim.Mails != 0 {
			t.Errorf("parked: %+v", claim)
		}
	})
}

func TestInvitationWithoutMailDoesNotCount(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "SendInvitation", false)
	w.order(graphsim.Fault{Match: invitations, Times: 5, Status: 500})
	w.settle(1)
	id := w.submit("ana@contoso.com")
	w.settle(3)
	w.wantState(id, request.Done)
	if claim := w.claimOf(); claim.Mails != 0 || !claim.MailedAt.IsZero() {
		t.Errorf("%+v", claim)
	}
}

// TestMailsOfWeekOutliveShortRetention keeps personal data for a day only.
func TestMailsOfWeekOutliveShortRetention(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 24 * time.Hour })
	id := w.invite()
	w.carryOut(submission.Withdraw, id)
	w.settle(7 * 24)
	if claim := w.claimOf(); !claim.OnlyMails() {
		t.Errorf("after a week: %+v", claim)
	}
	w.settle(3 * 24)
	if claim := w.claimOf(); claim.State != request.ClaimFree {
		t.Errorf("after ten days: %+v", claim)
	}
}

// TestWishForMailHeedsMailsOfDay asks for the mail by a person and by the partner.
func TestWishForMailHeedsMailsOfDay(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	resend := func() { must(w.reviewer().Resend(t.Context(), id))(t); w.settle(2) }
	w.settle(2)
	for range request.MailsPerDay + 1 {
		resend()
	}
	if n := len(w.tenant.Invitations()); n != request.MailsPerDay+2 {
		t.Errorf("%d mails, and a person asked for %d", n, request.MailsPerDay+1)
	}
	w.carryOut(submission.Resend, id)
	if n := len(w.tenant.Invitations()); n != request.MailsPerDay+2 || w.last(id) != "resend-refused" {
		t.Errorf("%d mails; history %v", n, w.whats(id))
	}
}
