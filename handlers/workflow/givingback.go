package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// giveBack gives back what the request holds for an invitation.
func (j *job) giveBack(ctx context.Context, claim request.Claim, part request.Part) error {
	if j.Request.GuestID == "" && j.doubt.IsZero() {
		// Nothing was sent, so where a guest comes from who is there later is open again.
		j.Request.Origin = request.OriginUnknown
	}
	return j.holdings().GiveBack(ctx, j.Request, claim, part, j.doubt)
}

func (w *Worker) holdings() request.Holdings {
	return request.Holdings{Store: w.config.Store, Seats: w.config.Seats, Now: w.config.Now}
}

// giveBackEnded gives back the seat and the claim that a request which ended without a guest may
// still hold: a slow call took them after another had given them back. The intent is taken first,
// so that nobody invites under the claim meanwhile. Where an invitation may have been sent the
// directory is asked; if it shows the guest, the request keeps the seat. waits says that the
// request has a new due entry, because it is too early for that.
func (j *job) giveBackEnded(ctx context.Context) (waits bool, err error) {
	r := j.Request
	switch {
	case r.GuestID != "":
		return false, nil
	case r.Terms() == nil && (r.Decision == nil || r.Decision.Limits == nil):
		return false, nil // nothing was ever sent for it, and it has no seat
	case r.Submission.Email == submission.Address{}:
		// Erased: nobody invites for it, and the next request for the address inherits the claim.
		return false, j.giveBack(ctx, request.Claim{}, request.Seat)
	}
	claim, created, err := j.claim(ctx, false)
	if err != nil {
		return false, err
	}
	begun := claim.IntentAt
	switch {
	case claim.Owner != r.ID:
		return false, j.giveBack(ctx, claim, request.Seat)
	case created:
		begun = time.Time{}
	case claim.State == request.ClaimSent:
		return false, nil
	case claim.UnderWay(j.config.Now(), max(j.config.IntentLease, patience)):
		// Another call may be at it, or the directory may not show the guest yet. The due entry
		// must not come before the end of a person's change that is under way: that change counts
		// on an entry in the same place.
		err = j.config.Store.Wait(ctx, r.ID, j.config.Now().Add(max(j.config.IntentLease, request.ChangeTimeout)))
		if err != nil {
			return false, fmt.Errorf("writing the due entry of an ended request: %w", err)
		}
		return true, nil
	default:
		err = j.changeClaim(ctx, &claim, "taking the claim of an ended request", j.begun)
		if err != nil {
			return false, err
		}
	}
	if !begun.IsZero() {
		guestID, err := ask(ctx, j, j.config.Directory.FindGuest)
		switch {
		case problem.CodeOf(err) == request.DirectoryReadForbidden, err != nil && j.config.Now().Sub(r.Since).Abs() > request.FailurePatience:
			// The next request for the address inherits the claim, and asks again.
			return false, nil
		case err != nil:
			return true, j.askAgainLater(ctx, err)
		case guestID != "":
			_, err = j.receive(ctx, claim, guestID)
			if err != nil {
				return false, err
			}
			j.Record("invited-after-all", answerLost)
			return false, j.save(ctx)
		}
		err = j.returnOpenTurn(ctx)
		if err != nil {
			return false, err
		}
	}
	_, err = j.unchanged(ctx)
	if err != nil {
		return false, err
	}
	j.doubt = begun
	return false, j.giveBack(ctx, claim, request.SeatAndClaim)
}

// askAgainLater lets an ended request come back, because the directory gave no usable answer.
func (j *job) askAgainLater(ctx context.Context, cause error) error {
	j.logFailure(ctx, "the directory could not be asked for the guest of an ended request", problem.CodeOf(cause), cause)
	wait := max(longestWait, problem.From(cause).RetryAfter)
	err := j.config.Store.Wait(ctx, j.Request.ID, j.config.Now().Add(wait))
	if err != nil {
		return fmt.Errorf("writing the due entry of an ended request: %w", err)
	}
	return nil
}
