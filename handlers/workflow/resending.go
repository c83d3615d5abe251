package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// maxMails is the most mails that an address gets because somebody wishes it on a status page. A person who signed in may go on.
	maxMails = 5
	// maxResendAttempts is how often a mail is tried again for a passing reason before the wish is given up. It can be made again.
	maxResendAttempts = 8
)

// wishResend notes that the partner wants the mail again, if that makes any sense. The message comes again until that is stored.
func (w *work) wishResend(ctx context.Context) error {
	r := &w.Request
	if !r.State.Ended() || r.NoMail() != "" || r.Resend.Open() || r.Withdrawal.Open() || !r.Erased.IsZero() {
		w.log.InfoContext(ctx, "the mail of the invitation is not sent again: there is none, or it is under way", "state", r.State)
		return nil
	}
	r.Resend = request.Instruction{At: w.config.Now(), By: request.ThePartner}
	w.Record("resend-wished", "the partner wants the mail sent again")
	return w.save(ctx)
}

// resend sends the mail of an invitation again. The time of the mail on the claim is the intent: it is written before, and nobody sends another
// within its rest, so a process that ends in between costs a mail and never sends two. Like every invitation it takes a turn at the gate.
func (w *work) resend(ctx context.Context) (bool, error) {
	r := &w.Request
	terms := r.Terms()
	why := r.NoMail()
	if why != "" {
		return w.resent(ctx, "resend-refused", why)
	}
	if left := w.held(); left > 0 {
		return w.postpone(ctx, left)
	}
	claim, created, err := w.config.Store.Claim(ctx, r.Submission.Email, r.ID, w.config.Now())
	if err != nil {
		return false, fmt.Errorf("looking at the claim: %w", err)
	}
	switch {
	case claim.GuestID == "" && !created && claim.Owner != r.ID && (claim.Mails == 0 || !claim.IntentAt.IsZero()):
		return w.resent(ctx, "resend-needless", "request "+string(claim.Owner)+" for the same address is under way and sends the mail")
	case claim.GuestID == "":
		// It went with a request for the address that was withdrawn or erased.
		claim.GuestID = r.GuestID
		claim, err = w.config.Store.UpdateClaim(ctx, r.Submission.Email, claim)
		if err != nil {
			return false, fmt.Errorf("recording the guest on the claim: %w", err)
		}
	}
	now := w.config.Now()
	switch {
	case now.Sub(claim.MailedAt) < request.MailRest:
		return w.resent(ctx, "resend-too-soon", "the last mail went out at "+claim.MailedAt.UTC().Format(time.RFC3339)+", less than "+request.MailRest.String()+" before")
	case r.Resend.By == request.ThePartner && claim.Mails >= maxMails:
		return w.resent(ctx, "resend-refused", fmt.Sprintf("the address has had %d mails; a person may send another", claim.Mails))
	}
	holder, seen, err := w.findUser(ctx)
	if err != nil {
		return w.resendFailed(ctx, err, "resend-refused")
	}
	switch holder.Kind {
	case request.PendingGuest:
	case request.AcceptedGuest:
		r.Joined = w.config.Now()
		return w.resent(ctx, "resend-needless", "the guest has accepted meanwhile")
	case request.NoUser:
		if seen {
			return w.resent(ctx, "resend-refused", "the guest is gone from the directory")
		}
		// It can't be looked up. The directory sends no mail to a guest who has accepted.
	default:
		return w.resent(ctx, "resend-refused", "the address is no pending guest's any more: "+string(holder.Kind))
	}
	admitted, err := w.admit(ctx)
	if err != nil {
		return false, err
	}
	if admitted.wait > 0 {
		return w.postpone(ctx, admitted.wait)
	}
	before := claim
	claim.MailedAt = w.config.Now()
	claim.Mails++
	claim, err = w.config.Store.UpdateClaim(ctx, r.Submission.Email, claim)
	if err != nil {
		return false, fmt.Errorf("noting the mail that is to be sent: %w", err)
	}
	// A call that is slow must not send what another has answered meanwhile.
	_, err = w.unchanged(ctx)
	if err != nil {
		return false, err
	}
	_, err = w.post(ctx, *terms)
	switch code := problem.CodeOf(err); {
	case err == nil:
	case code == request.DirectoryUnavailable, code == request.DirectoryUnknown:
		return w.resent(ctx, "resend-unanswered", "the directory gave no usable answer: the mail may be sent or not"+ref(problem.From(err)))
	default:
		// Certainly nothing was sent, so the address needs no rest.
		claim.MailedAt, claim.Mails = before.MailedAt, before.Mails
		_, undone := w.config.Store.UpdateClaim(ctx, r.Submission.Email, claim)
		if undone != nil {
			return false, fmt.Errorf("taking back the note of a mail: %w", undone)
		}
		return w.resendFailed(ctx, err, "resend-refused")
	}
	if admitted.probe {
		err = w.closeBreaker(ctx)
		if err != nil {
			return false, err
		}
	}
	return w.resent(ctx, "resent", "the mail was sent again")
}

// resendFailed puts a mail off that the directory did not send for a passing reason, and gives up what it refuses.
func (w *work) resendFailed(ctx context.Context, cause error, what string) (bool, error) {
	failure := problem.From(cause)
	w.log.ErrorContext(ctx, "the directory did not send the mail again", "code", failure.Code, "attempt", w.Request.Attempt, "error", cause)
	switch {
	case w.Request.Attempt >= maxResendAttempts, w.givenUp(failure.Code):
		return w.resent(ctx, "resend-given-up", "the directory could not be asked to send it for too long"+ref(failure))
	case request.TenantWide(failure.Code):
		d, err := w.openBreaker(ctx, failure)
		if err != nil {
			return false, err
		}
		return w.postpone(ctx, d)
	case failure.Code == request.DirectoryThrottled:
		d := busy.after(w.Request.Attempt, failure.RetryAfter)
		err := w.holdAll(ctx, w.config.Now().Add(d))
		if err != nil {
			return false, err
		}
		return w.postpone(ctx, d)
	case request.Retryable(failure.Code):
		return w.postpone(ctx, down.after(w.Request.Attempt, failure.RetryAfter))
	default:
		return w.resent(ctx, what, "the directory refused: "+failure.Detail+ref(failure))
	}
}

// resent ends the wish, with what came of it.
func (w *work) resent(ctx context.Context, what, detail string) (bool, error) {
	w.Request.Resend = request.Instruction{}
	w.Request.Attempt, w.Request.Unknown = 0, 0
	w.Record(what, detail)
	return w.finish(ctx)
}
