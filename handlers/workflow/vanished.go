package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// checkAfter is how long after an invitation the guest is looked for, and looked for again until
// patience is over.
const checkAfter = 10 * time.Minute

// guestVanished is what a person reads after two invitations that came to nothing.
var guestVanished = objection{request.Review, "guest-vanished",
	"the directory accepted the invitation twice and shows no guest, so a person decides: " +
		"approve to invite once more"}

// expectCheck lets the receipt of a request without groups be compared with the directory later. A
// group that takes the guest proves that the guest exists; here nobody else would notice.
func (j *job) expectCheck(claim request.Claim) {
	if claim.Owner == j.Request.ID && !claim.SentAt.IsZero() && !j.blind.Load() {
		j.Request.CheckAt = j.config.Now().Add(checkAfter)
	}
}

// onlyLooksLeft reports whether nothing is left to do for the request but to look at what was sent.
func (j *job) onlyLooksLeft() bool { return j.Request.OnlyLooks() && !j.Request.NextLook().IsZero() }

// awaitLook saves a request that has ended so that it comes back for the next look.
func (j *job) awaitLook(ctx context.Context) (next, error) {
	return j.comeBack(ctx, j.Request.NextLook())
}

// comeBack saves the request so that it comes back at that time.
func (j *job) comeBack(ctx context.Context, due time.Time) (next, error) {
	if j.Request.Version == "" {
		err := j.save(ctx) // a message for a request that is not recorded would remove the entry
		if err != nil {
			return stop, err
		}
	}
	j.Request.Due = due
	err := j.config.Store.Wait(ctx, j.Request.ID, due)
	if err != nil {
		return stop, fmt.Errorf("writing the due entry of a look: %w", err)
	}
	err = j.save(ctx)
	if err != nil {
		return stop, errors.Join(err, j.bringBack(ctx, j.Request.ID, j.config.IntentLease))
	}
	return stop, nil
}

// look does what is due of the looks at what was sent.
func (j *job) look(ctx context.Context) (next, error) {
	now, check := j.config.Now(), j.Request.CheckAt
	if j.Request.NextLook().After(now) {
		return j.awaitLook(ctx)
	}
	if !check.IsZero() && !check.After(now) {
		return j.checkReceipt(ctx)
	}
	err := j.lookAtMails(ctx)
	if err != nil {
		return stop, err
	}
	if r := j.Request; r.State == request.Review {
		if due := r.Reviewing.Next(); !due.IsZero() && !due.After(now) {
			return j.reviewOverdue(ctx)
		}
	}
	if remind := j.Request.RemindAt; !remind.IsZero() && !remind.After(now) {
		j.Request.RemindAt = time.Time{}
		j.oweReminder()
	}
	return j.finish(ctx)
}

// checkReceipt compares the receipt of a request that is done with the directory.
func (j *job) checkReceipt(ctx context.Context) (next, error) {
	r := &j.Request
	user, seen, err := j.userByID(ctx, r.GuestID)
	switch {
	case err != nil:
		return j.receiptUnseen(ctx, err)
	case !seen:
		return j.checked(ctx)
	}
	r.Failures = request.Failures{} // it answers
	switch user.Kind {
	case request.AcceptedGuest:
		r.Joined = j.config.Now()
	case request.MovedUser:
		r.CheckAt = time.Time{}
		return j.object(ctx, guestMoved)
	case request.NoUser:
		return j.receiptOfNobody(ctx)
	}
	return j.checked(ctx)
}

// receiptOfNobody goes on with a receipt whose guest the directory does not show.
func (j *job) receiptOfNobody(ctx context.Context) (next, error) {
	deleted, err := j.deleted(ctx)
	switch {
	case err != nil:
		return j.receiptUnseen(ctx, err)
	case deleted:
		j.Record("guest-deleted", "the guest was deleted since; nothing is done about it")
		return j.checked(ctx)
	}
	found, err := j.traceOf(ctx)
	switch {
	case err != nil:
		return stop, err
	case found == late:
		j.Request.CheckAt = j.config.Now().Add(checkAfter)
		j.Request.Attempt++
		return j.awaitLook(ctx)
	case found == nothing:
		return j.inviteVanished(ctx)
	case found == replaced:
		return j.guestReplaced(ctx)
	}
	return j.checked(ctx)
}

// guestReplaced gives back the seat of a guest who never came to be: another request has one for
// the guest who holds the address.
func (j *job) guestReplaced(ctx context.Context) (next, error) {
	nobody := j.Request
	nobody.GuestID = ""
	err := j.holdings().GiveBack(ctx, nobody, request.Claim{}, request.Seat, time.Time{})
	if err != nil {
		return stop, err
	}
	j.Record("guest-replaced", "the directory shows no guest of this invitation, and another request "+
		"has invited the address since")
	return j.checked(ctx)
}

// checked ends the comparison.
func (j *job) checked(ctx context.Context) (next, error) {
	r := &j.Request
	r.CheckAt, r.Attempt, r.Failures = time.Time{}, 0, request.Failures{}
	return j.finish(ctx)
}

// receiptUnseen puts the comparison off while the directory can't be asked, in the end for a day.
// The history then says that nobody knows whether the guest exists.
func (j *job) receiptUnseen(ctx context.Context, cause error) (next, error) {
	failure := problem.From(cause)
	j.logFailure(ctx, "the directory could not be asked for the guest of a receipt",
		failure.Code, cause)
	err := j.addFailure(ctx, failure)
	if err != nil {
		return stop, err
	}
	if j.Request.Failures.Hopeless(j.config.Now()) {
		j.Record("guest-unchecked",
			"the directory does not say whether the guest exists, however often it is asked"+
				ref(failure))
		return j.checked(ctx)
	}
	return j.postpone(ctx, down.after(j.Request.Attempt, failure.RetryAfter))
}

// trace is what there is of a guest that the directory does not show.
type trace int

const (
	unclear  trace = iota // a group took the guest, or the address is another request's now
	late                  // the guest may not be visible yet
	gone                  // the directory has shown the guest, and no invitation was needed
	nothing               // the invitation came to nothing
	replaced              // likewise, and another request has a guest for the address
)

// deleted reports whether a guest that the directory does not show is in its recycle bin.
func (j *job) deleted(ctx context.Context) (bool, error) {
	found, err := j.askForDeleted(ctx)
	if err != nil && !odd(err) {
		return false, err
	}
	ours := func(d request.Deletion) bool { return d.ID == j.Request.GuestID }
	return slices.ContainsFunc(found, ours), nil
}

// traceOf finds out what there is of a guest that the directory does not show, neither among the
// deleted ones. The invitation came to nothing if no group has ever taken the guest, the directory
// has never shown the guest, and the claim on the address is still the one of that invitation.
func (j *job) traceOf(ctx context.Context) (trace, error) {
	r := &j.Request
	claim, err := j.config.Store.ClaimOf(ctx, r.Submission.Email)
	if err != nil {
		return unclear, fmt.Errorf("reading the claim of a guest who is not visible: %w", err)
	}
	took := func(g request.Grant) bool {
		return g.State == request.GrantAdded || g.State == request.GrantPresent
	}
	switch {
	case slices.ContainsFunc(r.Grants, took):
		return unclear, nil
	case claim.State == request.ClaimFree && r.Vanished > 0:
		return nothing, nil // an earlier call was ended in inviteVanished
	case claim.Owner != r.ID && claim.State == request.ClaimSent && claim.GuestID != r.GuestID:
		return replaced, nil
	case claim.Owner != r.ID, claim.State == request.ClaimSent && claim.GuestID != r.GuestID:
		return unclear, nil
	case claim.State == request.ClaimSent &&
		(r.Attempt < minTries || j.config.Now().Sub(claim.SentAt).Abs() < patience):
		return late, nil
	case claim.State == request.ClaimSent && claim.SentAt.IsZero():
		return gone, nil
	}
	return nothing, nil
}

// guestMissing goes on with the groups of a guest that the directory does not show although there
// was time for it. No group gets such a guest: nobody can say whether the guest was shut out, and
// by the right clock there may not have been time.
func (j *job) guestMissing(ctx context.Context) (next, error) {
	deleted, err := j.deleted(ctx)
	switch {
	case err != nil:
		return j.askForGuestLater(ctx, "grant-postponed", err)
	case deleted:
		return j.object(ctx, guestDeleted)
	}
	found, err := j.traceOf(ctx)
	switch {
	case err != nil:
		return stop, err
	case found == nothing:
		return j.inviteVanished(ctx)
	case found == late, j.Request.Attempt < minTries:
		return j.awaitGuest(ctx)
	}
	return j.object(ctx, guestGone)
}

// inviteVanished sends the invitation once more whose guest never came to be. After a second one it
// leaves the request to a person, who finds the address free.
//
// The claim goes first: if the process ends in between, the next call finds the intent.
func (j *job) inviteVanished(ctx context.Context) (next, error) {
	r := &j.Request
	claim, err := j.config.Store.ClaimOf(ctx, r.Submission.Email)
	if err != nil {
		return stop, fmt.Errorf("reading the claim of a guest who never came to be: %w", err)
	}
	sent := claim.State == request.ClaimSent
	again := r.Vanished == 0 && (sent || claim.State == request.ClaimSending)
	if again && sent {
		err = j.changeClaim(ctx, &claim, "beginning the invitation anew",
			func(c request.Claim) (request.Claim, error) { return c.BeginAnew(r.ID, j.config.Now()) })
		if err != nil {
			return stop, err
		}
	}
	j.vanished.id, j.vanished.origin = r.GuestID, r.Origin
	r.GuestID, r.Origin, r.CheckAt = "", request.OriginUnknown, time.Time{}
	r.Vanished++
	if !again {
		return j.endUninvited(ctx, claim, guestVanished)
	}
	_, err = j.startInviting(ctx, "vanished",
		"the directory accepted the invitation and shows no guest; the invitation is sent once more")
	if err != nil {
		return stop, err
	}
	return j.send(ctx, claim, false)
}
