package workflow

import (
	"context"
	"fmt"
	"time"

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
	terms := j.Request.Terms()
	mails := terms != nil && j.directoryMails(*terms)
	claim, created, err := j.claim(ctx, mails)
	ours := claim.Owner == j.Request.ID
	switch {
	case err != nil:
		return stop, err
	case claim.State == request.ClaimSent:
		return j.repeat(ctx, claim)
	}
	j.forgetGuest()
	switch {
	case !ours:
		return j.inherit(ctx, claim)
	case created:
		return j.send(ctx, claim, mails)
	}
	return j.resume(ctx, claim)
}

// forgetGuest drops the guest of an earlier invitation before another one is sent. Otherwise the
// request could be neither ended nor retried as one that has led to nobody.
func (j *job) forgetGuest() {
	if j.Request.GuestID != "" {
		j.SetGuest("", request.OriginUnknown)
	}
}

// inherit takes over the claim of a request that has ended without a guest: a process that ended in
// between left it. Otherwise the next request for the address would wait for ever.
func (j *job) inherit(ctx context.Context, claim request.Claim) (next, error) {
	if claim.UnderWay(j.config.Now(), j.config.IntentLease) {
		return j.awaitOwner(ctx, claim, request.Request{})
	}
	owner, err := j.ownerOf(ctx, claim)
	if err != nil {
		return stop, err
	}
	if owner.State != "" && !owner.State.Ended() {
		return j.awaitOwner(ctx, claim, owner)
	}
	if claim.State == request.ClaimSending && owner.State != "" {
		n, err := j.answerOwner(ctx, claim, owner)
		if n != proceed || err != nil {
			return n, err
		}
	}
	// A person may retry the owner at this moment. The intent keeps the owner from inviting until
	// the claim has changed hands, since its seat is gone by then.
	before := claim
	err = j.changeClaim(ctx, &claim, "holding the claim that is taken over", j.begun)
	if err != nil {
		return stop, err
	}
	err = j.newJob(owner).giveBack(ctx, claim, request.Seat)
	if err != nil {
		return stop, err
	}
	err = j.changeClaim(ctx, &claim, "taking the claim over", func(c request.Claim) (request.Claim, error) {
		before.Version = c.Version
		return before.TakeOver(j.Request.ID)
	})
	if err != nil {
		return stop, err
	}
	return j.resume(ctx, claim)
}

// answerOwner finds out what came of the invitation of an ended owner whose answer was lost. A
// guest that the directory shows is the owner's: it keeps claim and seat, and this request is a
// repeat.
func (j *job) answerOwner(ctx context.Context, claim request.Claim, owner request.Request) (next, error) {
	holder, err := ask(ctx, j, j.config.Users.FindUser)
	switch {
	case mayNotRead(err):
		return proceed, nil
	case err != nil:
		return j.lookUpFailed(ctx, err)
	}
	switch holder.Kind {
	case request.PendingGuest, request.AcceptedGuest, request.DisabledGuest:
	default:
		return proceed, nil
	}
	of := j.newJob(owner)
	of.SetGuest(holder.ID, owner.Origin)
	of.Record("invited-after-all", answerLost)
	err = of.save(ctx)
	if err != nil {
		return stop, fmt.Errorf("recording the guest of request %s: %w", owner.ID, err)
	}
	err = j.changeClaim(ctx, &claim, "recording the guest of the owner",
		func(c request.Claim) (request.Claim, error) { return c.Found(holder.ID, owner.Origin) })
	if err != nil {
		return stop, err
	}
	return j.repeat(ctx, claim)
}

// awaitOwner waits for the request that owns the address, as long as that one is being worked on.
// If that one is parked it looks once an hour at most.
func (j *job) awaitOwner(
	ctx context.Context, claim request.Claim, owner request.Request,
) (next, error) {
	d := queuing.after(j.Request.Attempt, 0)
	if owner.State == request.Parked {
		d = max(d, min(time.Hour, owner.Due.Sub(j.config.Now())))
	}
	why := "request " + string(claim.Owner) + " for the same address is under way"
	if j.Request.Reason == why {
		return j.postpone(ctx, d) // the history says it once: a parked owner may wait for weeks
	}
	return j.wait(ctx, d, "waiting-for-owner", why)
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
	holder, err := ask(ctx, j, j.config.Users.FindUser)
	switch {
	case err == nil && holder.Kind != request.NoUser:
		return j.lookedUp(ctx, claim, holder)
	case err == nil:
		j.transition(request.Inviting, "not-found", "the directory shows no guest; the invitation is sent again")
		err = j.returnOpenTurn(ctx)
		if err != nil {
			return stop, err
		}
	case mayNotRead(err):
		// Without the right to read users a second mail is possible here. A second guest is not:
		// the directory keeps one per address.
		j.logDegraded(ctx)
		j.Request.OpenTurn = request.Turn{} // what came of it will never be known
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

// mayNotRead reports whether the app may not look for the holder of an address.
func mayNotRead(err error) bool {
	code := problem.CodeOf(err)
	return code == request.DirectoryReadForbidden || code == request.DirectoryForbidden
}

// lookedUp goes on with the user who holds the address after an invitation whose answer was lost.
// The guest of that invitation may have been shut out since.
func (j *job) lookedUp(ctx context.Context, claim request.Claim, holder request.User) (next, error) {
	switch holder.Kind {
	case request.AcceptedGuest:
		j.Request.Joined = j.config.Now()
		return j.found(ctx, claim, holder.ID, "invited", answerLost)
	case request.DisabledGuest:
		_, err := j.receive(ctx, claim, holder.ID)
		if err != nil {
			return stop, err
		}
		return j.object(ctx, guestDisabled)
	}
	o := j.objectionTo(holder)
	if o.state == "" {
		return j.found(ctx, claim, holder.ID, "invited", answerLost)
	}
	j.doubt = claim.IntentAt
	return j.endUninvited(ctx, claim, o)
}

// receive writes the receipt of a guest that the directory shows onto the claim and the request,
// and returns the claim.
func (j *job) receive(
	ctx context.Context, claim request.Claim, guestID string,
) (request.Claim, error) {
	err := j.countOpenTurn(ctx)
	if err != nil {
		return request.Claim{}, err
	}
	err = j.changeClaim(ctx, &claim, "recording the guest that was found",
		func(c request.Claim) (request.Claim, error) { return c.Found(guestID, j.Request.Origin) })
	if err != nil {
		return request.Claim{}, err
	}
	j.SetGuest(guestID, j.Request.Origin)
	return claim, nil
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
		return j.endUnknown(ctx)
	case failure.Code == request.DirectoryThrottled:
		return j.throttled(ctx, failure, "look-up-postponed")
	}
	return j.wait(ctx, down.after(j.Request.Attempt, failure.RetryAfter), "look-up-postponed",
		"the directory could not say what came of the invitation: "+j.Request.Failures.Last)
}

// endUnknown ends a request of which nobody knows what came of its invitation. If it may hold a
// seat, its due entry brings it back, so that the seat is given back once the directory says that
// there is no guest.
func (j *job) endUnknown(ctx context.Context) (next, error) {
	if j.Request.Limits() != nil {
		err := j.bringBack(ctx, j.Request.ID, longestWait)
		if err != nil {
			return stop, err
		}
	}
	return j.end(ctx, request.Failed, "not-looked-up",
		"an invitation was begun, and what came of it is not known: "+j.hopelessBecause())
}

// begin renews the intent. Of two instances that try, one gets a Conflict.
func (j *job) begin(ctx context.Context, claim request.Claim) (next, error) {
	err := j.changeClaim(ctx, &claim, "renewing the intent", j.begun)
	if err != nil {
		return stop, err
	}
	return j.send(ctx, claim, false)
}

// found records the guest that the directory shows, without an invitation by this call.
func (j *job) found(ctx context.Context, claim request.Claim, guestID, what, detail string) (next, error) {
	claim, err := j.receive(ctx, claim, guestID)
	if err != nil {
		return stop, err
	}
	return j.invited(ctx, claim, what, detail)
}

// invited moves the request on once the guest's id is on the claim, and confirmed by the directory.
func (j *job) invited(ctx context.Context, claim request.Claim, what, detail string) (next, error) {
	j.SetGuest(claim.GuestID, claim.Origin)
	j.confirmed = !j.contradicted
	if claim.Owner != j.Request.ID {
		j.Request.RepeatOf, j.Request.Origin = claim.Owner, request.OriginFound
	}
	if len(j.Request.Grants) == 0 {
		j.expectCheck(claim)
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
	return j.object(ctx, o)
}

// object ends the request, or leaves it to a person, because of the objection.
func (j *job) object(ctx context.Context, o objection) (next, error) {
	j.transition(o.state, o.what, o.why)
	j.Request.Objection = o.what
	return j.finish(ctx)
}

// approvedSince reports whether a person has approved the request after the time, if that is known.
func (j *job) approvedSince(at time.Time) bool {
	return j.Request.Approval != nil && !at.IsZero() && !j.Request.Approval.At.Before(at)
}

// approvedOver reports whether a person has approved the request in view of the objection. An
// approval that was given for another reason, maybe before there was anything to object to, is no
// answer to it.
func (j *job) approvedOver(o objection) bool {
	return j.Request.Approval != nil && j.Request.Approval.Saw == o.what
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
	guestMoved = objection{request.Review, "guest-moved",
		"the guest's account was given another address since the invitation, so a person decides"}
	guestInternal = objection{request.Review, "guest-internal",
		"the guest has been made an account of the tenant's own since the invitation, so a person decides"}
	guestUnseen = objection{request.Review, "guest-unseen",
		"who the guest is now can't be looked up in the directory, so a person decides: approve to go on with that guest"}
	guestGone = objection{request.Review, "guest-gone",
		"the guest who held the address is no longer in the directory, so a person decides: approve to invite anew"}
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
// nothing is against it. A person who approved after a guest was deleted has answered that.
func (j *job) objectionTo(holder request.User) objection {
	switch holder.Kind {
	case request.NoUser, request.PendingGuest, request.AcceptedGuest:
		return objection{}
	case request.DeletedGuest:
		// An approval in view of an earlier deletion is no answer to one that came after it.
		unknown := holder.DeletedAt.IsZero()
		if unknown && j.approvedOver(guestDeleted) || j.approvedSince(holder.DeletedAt) {
			return objection{}
		}
		return guestDeleted
	case request.DisabledGuest:
		return guestDisabled
	case request.InternalUser:
		return internalUser
	case request.UnclearUser:
		if j.approvedOver(unclearUser) {
			return objection{}
		}
		return unclearUser
	default:
		return severalUsers
	}
}
