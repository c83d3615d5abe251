package workflow

import (
	"context"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// recordWithdrawal records that the partner withdraws the request. The message comes again until
// that is stored; the next step does the rest.
func (j *job) recordWithdrawal(ctx context.Context) error {
	if j.Request.Withdrawal.Open() || !j.Request.Erased.IsZero() {
		return nil
	}
	j.Request.Withdrawal = request.Instruction{At: j.config.Now(), By: request.ThePartner}
	j.Request.Due = time.Time{} // it waits for nothing any more
	j.Record("withdrawal-wished", "the partner withdraws the request")
	return j.save(ctx)
}

// withdraw ends the request, gives back what it holds, and erases the personal data in it. A guest
// who exists stays, since the app has no right to remove anybody. A line in the log says so if the
// guest was brought by us: a guest who was there before is not a withdrawn request's to remove.
func (j *job) withdraw(ctx context.Context) (next, error) {
	return inOrder(ctx, j.giveBackWithdrawn, j.closeMailbox, j.dropDeadLetters, j.eraseWithdrawn)
}

// giveBackWithdrawn gives back the claim and the seat. A second call finds what the first one left.
// If an invitation was sent, the request knows its guest afterwards; if one may be under way, it
// waits.
func (j *job) giveBackWithdrawn(ctx context.Context) (next, error) {
	r := &j.Request
	if r.Submission.Email == (submission.Address{}) {
		// It was removed while the record could not be read. The claim is inherited by the next
		// request for the address, which asks the directory.
		return proceed, j.giveBack(ctx, request.Claim{}, request.Seat)
	}
	claim, created, err := j.claim(ctx, false)
	if err != nil {
		return stop, err
	}
	part := request.SeatAndClaim // the partner has not proved to own the mailbox
	switch {
	case claim.Owner != r.ID:
		part = request.Seat
	case r.Withdrawal.By != request.ThePartner:
		part = request.SeatClaimAndMails
	}
	if claim.Owner == r.ID && !created && r.GuestID == "" {
		n, err := j.findWithdrawnGuest(ctx, claim)
		if n != proceed || err != nil {
			return n, err
		}
	}
	return proceed, j.giveBack(ctx, claim, part)
}

// findWithdrawnGuest records the guest before the claim that names it is given back.
func (j *job) findWithdrawnGuest(ctx context.Context, claim request.Claim) (next, error) {
	if claim.State == request.ClaimSent {
		j.SetGuest(claim.GuestID, claim.Origin)
	}
	if claim.State == request.ClaimSending {
		wait, err := j.outcome(ctx, claim)
		if err != nil {
			return stop, err
		}
		if wait > 0 {
			j.Record("withdrawal-waits", "an invitation may be under way; what came of it is seen first")
			return j.postpone(ctx, wait)
		}
	}
	if j.Request.GuestID == "" {
		return proceed, nil
	}
	return proceed, j.save(ctx)
}

// outcome finds out what came of an invitation that was begun, or returns how long to wait before
// it can be asked. If it can't be known, the withdrawal counts all the same.
func (j *job) outcome(ctx context.Context, claim request.Claim) (wait time.Duration, err error) {
	left := claim.IntentAt.Add(j.config.IntentLease).Sub(j.config.Now())
	if left > 0 {
		return left, nil
	}
	guestID, err := ask(ctx, j, j.config.Directory.FindGuest)
	switch code := problem.CodeOf(err); code {
	case "":
		if guestID != "" {
			j.SetGuest(guestID, j.Request.Origin)
			return 0, nil
		}
		// The directory may not show the guest yet, and the seat would go to another one.
		return max(0, claim.IntentAt.Add(patience).Sub(j.config.Now())), nil
	case request.DirectoryReadForbidden, request.DirectoryForbidden:
		return 0, nil
	default:
		j.logFailure(ctx, "the directory could not be asked for the guest", code, err)
		failure := problem.From(err)
		hopeless, err := j.countFailure(ctx, failure)
		if err != nil || hopeless {
			return 0, err
		}
		return down.after(j.Request.Attempt, failure.RetryAfter), nil
	}
}

// dropDeadLetters forgets every dead letter with the request's id and, if an admin erases, every
// one that names the address. A partner who withdraws has not proved to own the mailbox, and must
// not remove what others sent from it.
func (j *job) dropDeadLetters(ctx context.Context) (next, error) {
	address := j.Request.Submission.Email
	byAddress := j.Request.Withdrawal.By != request.ThePartner && address != submission.Address{}
	_, err := request.DropDeadLetters(ctx, j.config.DeadLetters, func(letter request.DeadLetter) bool {
		return letter.About(j.Request.ID) || byAddress && letter.Names(address)
	})
	if err != nil {
		return stop, err
	}
	return proceed, nil
}

// eraseWithdrawn ends the request and erases the personal data in it.
func (j *job) eraseWithdrawn(ctx context.Context) (next, error) {
	r := &j.Request
	for i := range r.Grants {
		if r.Grants[i].State == request.GrantPending {
			r.Grants[i].State, r.Grants[i].Note = request.GrantFailed, "withdrawn before it was made"
		}
	}
	why := "withdrawn by " + r.Withdrawal.Who()
	switch {
	case r.State == request.Granting, r.State == request.Inviting && r.GuestID != "":
		j.transition(request.Done, "withdrawn", why+"; the guest exists")
	case !r.State.Finished(), r.State == request.Failed && r.GuestID == "":
		j.transition(request.Cancelled, "withdrawn", why)
	}
	j.Erase("the personal data was erased, as " + r.Withdrawal.Who() + " wished")
	r.Resend = request.Instruction{}
	n, err := j.finish(ctx)
	if err == nil && r.GuestID != "" && r.Origin == request.OriginBrought {
		j.log.WarnContext(ctx, LogRemains, "guest", r.GuestID)
	}
	return n, err
}
