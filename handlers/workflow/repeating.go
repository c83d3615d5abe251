package workflow

import (
	"context"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// repeat goes on with the guest of an earlier request for the address. That may be long ago, so the
// directory is asked whether the guest is still there and may still come in: a guest who was
// removed or shut out since is up to a person, as at a first sign-up.
func (j *job) repeat(ctx context.Context, claim request.Claim) (next, error) {
	if j.config.Now().Sub(claim.SentAt) < patience {
		return j.repeated(ctx, claim) // the directory may not show the guest yet
	}
	holder, seen, err := j.findUser(ctx)
	switch {
	case err != nil:
		return j.repeatUnseen(ctx, claim, err)
	case !seen, holder.Kind == request.SeveralUsers:
		return j.repeated(ctx, claim)
	}
	// The claim stays with its owner, and no seat was taken: there is nothing to give back.
	o := j.objectionTo(holder)
	if holder.Kind == request.NoUser && j.Request.Approval == nil {
		o = guestGone
	}
	switch {
	case o.state != "":
		return j.end(ctx, o.state, o.what, o.why)
	case holder.ID != claim.GuestID:
		return j.inviteAnew(ctx, claim)
	case holder.Kind == request.AcceptedGuest:
		j.Request.Joined = j.config.Now()
	}
	return j.repeated(ctx, claim)
}

// repeated goes on to the grants, without a second invitation.
func (j *job) repeated(ctx context.Context, claim request.Claim) (next, error) {
	return j.invited(ctx, claim, "repeat",
		"the address was invited by request "+string(claim.Owner)+"; no second invitation")
}

// repeatUnseen puts the repeat off while the directory can't be asked, and in the end trusts the
// claim.
func (j *job) repeatUnseen(ctx context.Context, claim request.Claim, cause error) (next, error) {
	failure := problem.From(cause)
	j.logFailure(ctx, "the directory could not be asked for the guest", failure.Code, cause)
	switch {
	case failure.Code == request.DirectoryThrottled:
		return j.throttled(ctx, failure, "look-up-postponed")
	case request.Retryable(failure.Code) && !j.givenUp(failure.Code):
		return j.wait(ctx, down.after(j.Request.Attempt, failure.RetryAfter), "look-up-postponed",
			"the directory could not say whether the guest is still there"+ref(failure))
	}
	return j.repeated(ctx, claim)
}

// inviteAnew takes over the claim of a request whose guest is gone, and invites; not while that
// request is still being worked on.
func (j *job) inviteAnew(ctx context.Context, claim request.Claim) (next, error) {
	owner, err := j.ownerOf(ctx, claim)
	switch {
	case err != nil:
		return stop, err
	case owner.State != "" && !owner.State.Ended():
		return j.repeated(ctx, claim)
	}
	j.transition(request.Inviting, "invited-anew",
		"the address was invited by request "+string(claim.Owner)+", and that guest is no longer there")
	err = j.changeClaim(ctx, &claim, "taking over the claim of a guest who is gone",
		func(c request.Claim) (request.Claim, error) { return c.BeginAnew(j.Request.ID, j.config.Now()) })
	if err != nil {
		return stop, err
	}
	return j.send(ctx, claim)
}
