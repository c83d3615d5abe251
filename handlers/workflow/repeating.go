package workflow

import (
	"context"

	"guestlist/handlers/request"
)

// repeat goes on with the guest that the claim names. That may be long ago, so the directory is
// asked who that user is now: a guest who was removed, shut out or given another address since is
// up to a person, as at a first sign-up.
func (j *job) repeat(ctx context.Context, claim request.Claim) (next, error) {
	if claim.Owner == j.Request.ID {
		// The receipt is stored, and the request need not know it yet. Its seat is this guest's.
		j.SetGuest(claim.GuestID, claim.Origin)
		j.known = true
	}
	lately := func() bool { return j.justSent(claim) }
	user, seen, err := j.awaitUser(ctx, claim.GuestID, lately)
	switch {
	case err != nil:
		return j.askForGuestLater(ctx, "look-up-postponed", err)
	case !seen:
		return j.repeatBlind(ctx, claim)
	}
	switch user.Kind {
	case request.AcceptedGuest:
		j.Request.Joined = j.config.Now()
		return j.repeated(ctx, claim)
	case request.PendingGuest:
		return j.repeated(ctx, claim)
	case request.NoUser:
		if lately() {
			return j.wait(ctx, replicating.after(j.Request.Attempt, 0), "not-visible",
				"the directory does not show the guest of the invitation yet")
		}
		return j.succeed(ctx, claim)
	case request.MovedUser:
		return j.succeed(ctx, claim)
	default:
		o := j.objectionTo(user)
		if o.state == "" {
			return j.repeated(ctx, claim) // a person has approved that account
		}
		return j.objectToRepeat(ctx, claim, o)
	}
}

// justSent reports whether the directory took the invitation so lately that it may not show the
// guest yet.
func (j *job) justSent(claim request.Claim) bool {
	return j.config.Now().Sub(claim.SentAt).Abs() < patience
}

// repeated goes on to the grants, without a second invitation.
func (j *job) repeated(ctx context.Context, claim request.Claim) (next, error) {
	if claim.Owner == j.Request.ID {
		return j.invited(ctx, claim, "invited", "the invitation was found recorded after an interruption")
	}
	o, err := j.lateObjection(ctx)
	switch {
	case err != nil:
		return j.wait(ctx, down.after(j.Request.Attempt, 0), "rows-unread", rowsUnread)
	case o.state != "":
		return j.objectToRepeat(ctx, claim, o)
	}
	return j.invited(ctx, claim, "repeat",
		"the address was invited by request "+string(claim.Owner)+"; no second invitation")
}

// objectToRepeat ends a request that repeats another one, because of the objection. The claim stays
// with its owner. The request may hold a seat for a guest who no longer has the address: that seat
// is given back.
func (j *job) objectToRepeat(ctx context.Context, claim request.Claim, o objection) (next, error) {
	err := j.giveBack(ctx, claim, request.Seat)
	if err != nil {
		return stop, err
	}
	return j.object(ctx, o)
}

// repeatBlind goes on without knowing who the guest is now, because the app may not read users:
// soon after the invitation, or if a person has approved just that.
func (j *job) repeatBlind(ctx context.Context, claim request.Claim) (next, error) {
	if j.justSent(claim) || j.approvedOver(guestUnseen) {
		return j.repeated(ctx, claim)
	}
	return j.objectToRepeat(ctx, claim, guestUnseen)
}

// succeed goes on for an address whose guest is gone or holds another one now: with the account
// that holds the address, or with a person.
func (j *job) succeed(ctx context.Context, claim request.Claim) (next, error) {
	holder, seen, err := j.findUser(ctx)
	switch {
	case err != nil:
		return j.askForGuestLater(ctx, "look-up-postponed", err)
	case !seen:
		return j.repeatBlind(ctx, claim)
	}
	o := j.objectionTo(holder)
	if holder.Kind == request.NoUser && !j.approvedOver(guestGone) {
		o = guestGone
	}
	switch {
	case o.state != "":
		return j.objectToRepeat(ctx, claim, o)
	case holder.ID != claim.GuestID:
		return j.inviteAnew(ctx, claim)
	case holder.Kind == request.AcceptedGuest:
		j.Request.Joined = j.config.Now()
	}
	return j.repeated(ctx, claim)
}

// inviteAnew takes over the claim of a request whose guest is gone, and invites. While that request
// is still being worked on it waits: nobody gets anything in the name of a guest who is gone.
func (j *job) inviteAnew(ctx context.Context, claim request.Claim) (next, error) {
	if claim.Owner != j.Request.ID {
		owner, err := j.ownerOf(ctx, claim)
		switch {
		case err != nil:
			return stop, err
		case owner.State != "" && !owner.State.Ended():
			return j.awaitOwner(ctx, claim, owner)
		}
	}
	j.forgetGuest()
	j.transition(request.Inviting, "invited-anew",
		"the address was invited by request "+string(claim.Owner)+", and that guest is no longer there")
	err := j.changeClaim(ctx, &claim, "taking over the claim of a guest who is gone",
		func(c request.Claim) (request.Claim, error) { return c.BeginAnew(j.Request.ID, j.config.Now()) })
	if err != nil {
		return stop, err
	}
	return j.send(ctx, claim, false)
}
