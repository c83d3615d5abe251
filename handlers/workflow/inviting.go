package workflow

import (
	"context"
	"fmt"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// invite brings the guest into being, or finds that another request already has.
//
// The claim on the address is the intent and carries the receipt. After a crash it is in one of
// these states, each of which the next call repairs: no claim (nothing happened), a claim of ours
// with an intent (the invitation may have been sent: it is left alone for the lease, then looked
// up), a claim with a guest id (it was sent: go on to the grants).
func (j *job) invite(ctx context.Context) (next, error) {
	claim, created, err := j.claim(ctx)
	ours := claim.Owner == j.Request.ID
	switch {
	case err != nil:
		return stop, err
	case claim.State == request.ClaimSent && !ours:
		return j.repeat(ctx, claim)
	case claim.State == request.ClaimSent:
		return j.invited(ctx, claim, "invited", "the invitation was found recorded after an interruption")
	case !ours:
		return j.inherit(ctx, claim)
	case created:
		return j.send(ctx, claim)
	}
	return j.resume(ctx, claim)
}

// inherit takes over the claim of a request that has ended without a guest: a process that ended in
// between left it. Otherwise the next request for the address would wait for ever.
func (j *job) inherit(ctx context.Context, claim request.Claim) (next, error) {
	wait := func() (next, error) {
		return j.wait(ctx, queuing.after(j.Request.Attempt, 0), "waiting-for-owner",
			"request "+string(claim.Owner)+" for the same address is under way")
	}
	if claim.UnderWay(j.config.Now(), j.config.IntentLease) {
		return wait()
	}
	owner, err := j.ownerOf(ctx, claim)
	if err != nil {
		return stop, err
	}
	if owner.State != "" && !owner.State.Ended() {
		return wait()
	}
	// If a person takes the owner up again, it finds another owner and gets no seat.
	err = j.newJob(owner).giveBack(ctx, claim, request.Seat)
	if err != nil {
		return stop, err
	}
	err = j.changeClaim(ctx, &claim, "taking the claim over",
		func(c request.Claim) (request.Claim, error) { return c.TakeOver(j.Request.ID) })
	if err != nil {
		return stop, err
	}
	return j.resume(ctx, claim)
}

// ownerOf returns the request that owns the claim, the zero Request if it is not recorded any more.
func (j *job) ownerOf(ctx context.Context, claim request.Claim) (request.Request, error) {
	owner, err := j.config.Store.Load(ctx, claim.Owner)
	if err != nil && problem.CodeOf(err) != problem.NotFound {
		return request.Request{}, fmt.Errorf("loading the owner of the claim: %w", err)
	}
	return owner, nil
}

// resume goes on under a claim of ours that an earlier call made.
func (j *job) resume(ctx context.Context, claim request.Claim) (next, error) {
	if claim.State != request.ClaimSending {
		return j.begin(ctx, claim)
	}
	left := claim.IntentAt.Add(j.config.IntentLease).Sub(j.config.Now())
	if left > 0 {
		return j.wait(ctx, left, "unanswered",
			"an invitation was begun and its outcome is not known; the directory will be asked")
	}
	return j.lookUp(ctx, claim)
}

// lookUp finds out what came of an invitation whose answer was lost.
func (j *job) lookUp(ctx context.Context, claim request.Claim) (next, error) {
	guestID, err := ask(ctx, j, j.config.Directory.FindGuest)
	switch code := problem.CodeOf(err); {
	case err == nil && guestID != "":
		return j.found(ctx, claim, guestID, "invited", answerLost)
	case err == nil:
		j.transition(request.Inviting, "not-found", "the directory shows no guest; the invitation is sent again")
	case code == request.DirectoryReadForbidden, code == request.DirectoryForbidden:
		// Without the right to read users a second mail is possible here. A second guest is not: the
		// directory keeps one per address.
		j.logDegraded(ctx)
		j.transition(request.Inviting, "not-looked-up", "the app may not read users; the invitation is sent again")
	default:
		return j.lookUpFailed(ctx, err)
	}
	j.doubt = claim.IntentAt
	if j.hopeless() {
		return j.giveUp(ctx, claim)
	}
	return j.begin(ctx, claim)
}

// lookUpFailed puts a look-up off. The intent stays: without an answer nobody knows whether the
// guest has a mail already. The claim stays too, so that the directory is asked again when a person
// retries.
func (j *job) lookUpFailed(ctx context.Context, cause error) (next, error) {
	failure := problem.From(cause)
	j.logFailure(ctx, "the directory could not be asked for the guest", failure.Code, cause)
	hopeless, err := j.countFailure(ctx, failure)
	switch {
	case err != nil:
		return stop, err
	case hopeless:
		return j.end(ctx, request.Failed, "not-looked-up", "an invitation was begun, and what came of it is not known: "+j.hopelessBecause())
	case failure.Code == request.DirectoryThrottled:
		return j.throttled(ctx, failure, "look-up-postponed")
	}
	return j.wait(ctx, down.after(j.Request.Attempt, failure.RetryAfter), "look-up-postponed",
		"the directory could not say what came of the invitation: "+j.Request.Failures.Last)
}

// begin renews the intent. Of two instances that try, one gets a Conflict.
func (j *job) begin(ctx context.Context, claim request.Claim) (next, error) {
	err := j.changeClaim(ctx, &claim, "renewing the intent", j.begun)
	if err != nil {
		return stop, err
	}
	return j.send(ctx, claim)
}

// found records the guest that the directory shows, without an invitation by this call.
func (j *job) found(ctx context.Context, claim request.Claim, guestID, what, detail string) (next, error) {
	err := j.changeClaim(ctx, &claim, "recording the guest that was found",
		func(c request.Claim) (request.Claim, error) { return c.Found(guestID, j.Request.Origin) })
	if err != nil {
		return stop, err
	}
	return j.invited(ctx, claim, what, detail)
}

// invited moves the request on once the guest's id is on the claim.
func (j *job) invited(ctx context.Context, claim request.Claim, what, detail string) (next, error) {
	j.Request.GuestID, j.Request.Origin = claim.GuestID, claim.Origin
	if claim.Owner != j.Request.ID {
		j.Request.RepeatOf = claim.Owner
	}
	if len(j.Request.Grants) == 0 {
		return j.end(ctx, request.Done, what, detail)
	}
	return j.goOn(ctx, request.Granting, what, detail)
}

// endUninvited ends an invitation that will not be sent. Seat and address are free again.
func (j *job) endUninvited(ctx context.Context, claim request.Claim, o objection) (next, error) {
	err := j.giveBack(ctx, claim, request.SeatAndClaim)
	if err != nil {
		return stop, err
	}
	return j.end(ctx, o.state, o.what, o.why)
}

// objection is why nobody is invited, and the state to which that leads.
type objection struct {
	state     request.State
	what, why string
}

var (
	// Somebody has shut the guest out, and no form may undo that.
	guestDisabled = objection{request.Review, "guest-disabled",
		"the guest exists and the account is disabled; it is never enabled by itself, so a person decides"}
	// Somebody has removed the guest, and can restore the account with all its memberships.
	guestDeleted = objection{request.Review, "guest-deleted",
		"a guest with the address was deleted within the last 30 days, so a person decides: " +
			"restore that one in the Entra admin center, or approve to invite anew"}
	guestGone = objection{request.Review, "guest-gone",
		"the guest of an earlier request is no longer in the directory, so a person decides: approve to invite anew"}
	internalUser = objection{request.Failed, "internal-user",
		"the address belongs to an account of the tenant's own, which can't be invited and needs no invitation"}
	severalUsers = objection{request.Review, "several-users",
		"more than one user of the tenant holds the address, so a person decides which is meant"}
	unclearUser = objection{request.Review, "unclear-user",
		"the account that holds the address was invited once and looks like one of the tenant's own now, so a person decides"}
	seatsTaken = objection{request.Review, "full",
		"the last seat of the deciding row went to somebody else, so a person decides"}
)

// answerLost is the detail of a guest whose invitation had succeeded although its answer was lost.
const answerLost = "the directory shows the guest: the invitation whose answer was lost had succeeded"

// objectionTo returns why the user who holds the address is not invited, the zero objection if
// nothing is against it. A person who approves has seen that the guest was deleted, or that it is
// not clear what the account is.
func (j *job) objectionTo(holder request.User) objection {
	switch holder.Kind {
	case request.NoUser, request.PendingGuest, request.AcceptedGuest:
		return objection{}
	case request.DeletedGuest:
		if j.Request.Approval != nil {
			return objection{}
		}
		return guestDeleted
	case request.DisabledGuest:
		return guestDisabled
	case request.InternalUser:
		return internalUser
	case request.UnclearUser:
		if j.Request.Approval != nil {
			return objection{}
		}
		return unclearUser
	default:
		return severalUsers
	}
}
