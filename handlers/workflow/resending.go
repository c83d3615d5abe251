package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// maxResendAttempts is how often a mail is tried again for a passing reason before the instruction
// is given up. It can be given again.
const maxResendAttempts = 8

// resendLook is how often a mail that the gate does not let through looks at it again.
const resendLook = time.Hour

// recordResend records that the partner wants the mail again, if there is one to send and the
// partner has not asked within the rest of a mail, whatever came of it: every wish costs calls of
// the directory. The message comes again until that is stored. One that was put back on the queue
// is as old as its first return, so that the same wish is not heard twice.
func (j *job) recordResend(ctx context.Context, returned time.Time) error {
	r := &j.Request
	if r.State == request.Proving && j.config.Mails != nil {
		return j.recordCodeWish(ctx, returned)
	}
	if !r.State.Ended() || r.NoMail() != "" || r.Resend.Open() || r.Withdrawal.Open() || !r.Erased.IsZero() {
		j.log.InfoContext(ctx, "the mail of the invitation is not sent again: there is none, or it is under way", "state", r.State)
		return nil
	}
	now := j.config.Now()
	if now.Sub(r.MailAsked).Abs() < request.MailRest ||
		!returned.IsZero() && returned.Sub(r.MailAsked) < request.MailRest {
		j.log.InfoContext(ctx, "the mail of the invitation is not sent again: it was asked for lately", "asked", r.MailAsked)
		return nil
	}
	r.Resend, r.MailAsked = request.Instruction{At: now, By: request.ThePartner}, now
	r.Due = time.Time{} // it waits for nothing any more
	j.Record("resend-wished", "the partner wants the mail sent again")
	return j.save(ctx)
}

// resending is one attempt to send the mail of an invitation again.
type resending struct {
	*job
	claim    request.Claim
	before   request.Claim // as it was before the mail was recorded
	terms    policy.Terms
	admitted admission
}

// resend sends the mail of an invitation again. The time of the mail on the claim is the intent: it
// is written before, and nobody sends another within its rest. A process that ends in between costs
// a mail and never sends two. Like every invitation it takes a turn at the gate.
func (j *job) resend(ctx context.Context) (next, error) {
	why := j.Request.NoMail()
	if why != "" {
		return j.resent(ctx, "resend-refused", why)
	}
	if !j.directoryMails(*j.Request.Terms()) {
		return j.resendOwn(ctx)
	}
	if left := j.held(); left > 0 {
		return j.pause(ctx, left)
	}
	r := &resending{job: j, terms: *j.Request.Terms()}
	n, err := inOrder(ctx, r.findClaim, r.spareMailbox, r.judgeHolder, r.takeTurn, r.recordMail, r.issue)
	r.returnTurn(ctx)
	return n, err
}

// findClaim looks at the claim on the address. One that is free or kept for mails went with a
// request for the address that was withdrawn or erased: this request's guest takes its place once
// the directory has confirmed that guest.
func (r *resending) findClaim(ctx context.Context) (next, error) {
	claim, err := r.config.Store.ClaimOf(ctx, r.Request.Submission.Email)
	if err != nil {
		return stop, fmt.Errorf("reading the claim on the address: %w", err)
	}
	r.claim = claim
	switch {
	case claim.State == request.ClaimSending, claim.State == request.ClaimReserved && claim.Owner != r.Request.ID:
		return r.resent(ctx, "resend-needless",
			"request "+string(claim.Owner)+" for the same address is under way and sends the mail")
	case claim.State == request.ClaimSent && claim.GuestID != r.Request.GuestID:
		return r.resent(ctx, "resend-refused", "the address has another guest meanwhile")
	}
	return proceed, nil
}

// spareMailbox refuses a mail that comes too soon after the last, or one too many.
func (r *resending) spareMailbox(ctx context.Context) (next, error) {
	switch {
	case !r.claim.MailedAt.Before(r.Request.Resend.At):
		// It may be this very mail, of a call that could not store that it had sent it.
		return r.resent(ctx, "resend-needless",
			"a mail went out after it was asked for, at "+r.claim.MailedAt.UTC().Format(time.RFC3339))
	case r.config.Now().Sub(r.claim.MailedAt) < request.MailRest:
		return r.resent(ctx, "resend-too-soon", "the last mail went out at "+
			r.claim.MailedAt.UTC().Format(time.RFC3339)+", less than "+request.MailRest.String()+" before")
	case !r.Request.Resend.ByPerson() && r.claim.Mails >= maxMails:
		return r.resent(ctx, "resend-refused",
			fmt.Sprintf("the address has had %d mails; a person may send another", r.claim.Mails))
	}
	rest, spent := r.claim.BeforeMail(r.config.Now(), r.yes())
	switch {
	case spent:
		return r.resent(ctx, "resend-refused", "the address has had too many mails within a week; a person may send another")
	case rest > 0:
		return r.resent(ctx, "resend-too-soon", fmt.Sprintf(
			"the address has had %d mails within a day; a person may send another", request.MailsPerDay))
	}
	return proceed, nil
}

// yes returns when a person asked for the mail, the zero time if none did.
func (r *resending) yes() time.Time {
	if !r.Request.Resend.ByPerson() {
		return time.Time{}
	}
	return r.Request.Resend.At
}

// judgeHolder goes on if the guest is pending: the directory sends no mail to a guest who has
// accepted. A guest who can't be looked up may be gone or shut out since, so then only a person can
// ask for the mail, and only while the claim says that this is the guest of the address.
func (r *resending) judgeHolder(ctx context.Context) (next, error) {
	holder, seen, err := r.findUser(ctx)
	if err != nil {
		return r.resendFailed(ctx, aboutQuestion(problem.From(err)))
	}
	switch {
	case !seen && r.claim.State != request.ClaimSent:
		return r.resent(ctx, "resend-refused", "who holds the address can't be looked up, and no request has invited its guest")
	case !seen && !r.Request.Resend.ByPerson():
		return r.resent(ctx, "resend-refused", "who holds the address can't be looked up; a person may send the mail")
	case !seen:
		return proceed, nil
	case holder.ID != "" && holder.ID != r.Request.GuestID:
		return r.resent(ctx, "resend-refused", "the address belongs to another user meanwhile")
	case holder.Kind == request.PendingGuest:
		return proceed, nil
	case holder.Kind == request.NoUser:
		return r.resent(ctx, "resend-refused", "the guest is gone from the directory")
	case holder.Kind == request.AcceptedGuest:
		r.Request.Joined = r.config.Now()
		return r.resent(ctx, "resend-needless", "the guest has accepted meanwhile")
	}
	return r.resent(ctx, "resend-refused", "the address does not belong to a pending guest any more: "+string(holder.Kind))
}

// takeTurn asks the gate to let the mail through.
func (r *resending) takeTurn(ctx context.Context) (next, error) {
	var err error
	r.admitted, err = r.admit(ctx)
	if err != nil {
		return stop, err
	}
	if r.admitted.wait > 0 {
		return r.pause(ctx, min(r.admitted.wait, resendLook))
	}
	return proceed, nil
}

// recordMail writes the mail to the claim before it is sent. A slow call must not send what another
// has answered meanwhile: then the claim is as before.
func (r *resending) recordMail(ctx context.Context) (next, error) {
	_, err := r.unchanged(ctx)
	if err != nil {
		return stop, err
	}
	r.before = r.claim
	if r.claim.State == request.ClaimFree {
		claim, created, err := r.config.Store.Claim(ctx, r.Request.Submission.Email,
			request.NewClaim(r.Request.ID, time.Time{}))
		switch {
		case err != nil:
			return stop, fmt.Errorf("claiming the address for its guest: %w", err)
		case !created:
			// Another call has just made it, and may have sent the mail.
			return stop, problem.New(problem.Conflict, "the address of request %s was claimed meanwhile", r.Request.ID)
		}
		r.claim = claim
	}
	err = r.changeClaim(ctx, &r.claim, "recording the mail that is to be sent", func(c request.Claim) (request.Claim, error) {
		c = c.Mailed(later(r.config.Now(), r.yes()))
		if c.State == request.ClaimSent {
			return c, nil
		}
		return c.Restore(r.Request.ID, r.Request.GuestID, r.Request.Origin)
	})
	if err != nil {
		return stop, err
	}
	_, err = r.unchanged(ctx)
	if err == nil {
		return proceed, nil
	}
	return stop, errors.Join(err, r.unrecordMail(ctx))
}

// unrecordMail takes back what recordMail has written, since nothing was sent.
func (r *resending) unrecordMail(ctx context.Context) error {
	if r.before.State == request.ClaimFree {
		err := r.config.Store.Release(ctx, r.Request.Submission.Email, r.claim)
		if err != nil {
			return fmt.Errorf("releasing the claim of a mail that was not sent: %w", err)
		}
		return nil
	}
	return r.changeClaim(ctx, &r.claim, "removing a mail that was not sent from the claim",
		func(c request.Claim) (request.Claim, error) { return c.Unmailed(r.before), nil })
}

// issue sends the mail.
func (r *resending) issue(ctx context.Context) (next, error) {
	_, err := r.post(ctx, r.terms, true)
	_, gateErr := r.tellGate(ctx, err)
	if gateErr != nil {
		// The mail counts as sent.
		return stop, gateErr
	}
	switch code := problem.CodeOf(err); {
	case err == nil:
	case code == request.DirectoryUnavailable, code == request.DirectoryUnknown:
		return r.resent(ctx, "resend-unanswered",
			"the directory gave no usable answer: the mail may be sent or not"+ref(problem.From(err)))
	default:
		// Certainly nothing was sent, so the address needs no rest.
		undone := r.unrecordMail(ctx)
		if undone != nil {
			return stop, undone
		}
		return r.resendFailed(ctx, err)
	}
	return r.resent(ctx, "resent", "the mail was sent again")
}

// resendFailed puts off a mail that the directory did not send for a passing reason, and gives up
// one that it refuses.
func (j *job) resendFailed(ctx context.Context, cause error) (next, error) {
	failure := problem.From(cause)
	j.logFailure(ctx, "the directory did not send the mail again", failure.Code, cause)
	switch {
	case j.Request.Attempt >= maxResendAttempts, j.givenUp(failure.Code):
		return j.resent(ctx, "resend-given-up", "the directory could not be asked to send it for too long"+ref(failure))
	case !request.TenantWide(failure.Code) && !request.Retryable(failure.Code):
		return j.resent(ctx, "resend-refused", "the directory refused: "+failure.Detail+ref(failure))
	}
	d := down.after(j.Request.Attempt, failure.RetryAfter)
	var err error
	switch {
	case request.TenantWide(failure.Code):
		d = alone.after(j.Request.Attempt, failure.RetryAfter)
		_, err = j.tellGate(ctx, failure)
	case failure.Code == request.DirectoryThrottled:
		d = busy.after(j.Request.Attempt, failure.RetryAfter)
		err = j.holdAll(ctx, d)
	}
	if err != nil {
		return stop, err
	}
	return j.postpone(ctx, d)
}

// resent ends the instruction, with what came of it.
func (j *job) resent(ctx context.Context, what, detail string) (next, error) {
	j.Request.Resend = request.Instruction{}
	j.Request.Attempt, j.Request.Unknown = 0, 0
	j.Record(what, detail)
	return j.finish(ctx)
}
