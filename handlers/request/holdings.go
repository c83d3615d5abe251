package request

import (
	"context"
	"fmt"
	"time"
)

// Part is what a request gives back of what it holds for an invitation.
type Part int

const (
	// Intent: the invitation was not sent and is tried again. Seat and claim stay; the intent ends,
	// so that the next attempt need not wait for the lease.
	Intent Part = iota
	// Seat: the claim belongs to another request, or nobody knows what came of an invitation that
	// was begun long ago. The next request for the address inherits the claim and asks the
	// directory first.
	Seat
	// SeatAndClaim: nobody is invited. The claim still remembers which mails the address has had,
	// so that signing up again does not send more.
	SeatAndClaim
	// SeatClaimAndMails: like SeatAndClaim, but the mails are forgotten too. Only a person who has
	// signed in may ask for that.
	SeatClaimAndMails
)

// Holdings is where requests hold their seats and claims.
type Holdings struct {
	Store Store
	Seats Seats
	Now   func() time.Time
}

// GiveBack gives back what r holds. It is the only code that does, and may be repeated.
//
// A request with a guest keeps its seat. A claim without an intent gets one before the seat is
// given back. Otherwise another call could invite under the claim meanwhile, without a seat. The
// claim goes last: while it exists nobody else acts for the address, and a repeated call finds the
// seat again.
//
// doubt is the intent of an earlier attempt whose answer was lost; zero without one. The guest may
// exist then, so the claim stays with that intent, and the directory is asked before the next
// attempt.
func (h Holdings) GiveBack(ctx context.Context, r Request, claim Claim, part Part, doubt time.Time) (err error) {
	// A request that a person has approved may still hold the seat that it took before.
	decided := r.Decision != nil && r.Decision.Limits != nil
	if part != Intent && decided && r.GuestID == "" {
		claim, err = h.hold(ctx, r, claim, part)
		if err != nil {
			return err
		}
		err = h.Seats.ReleaseSeat(ctx, r.Decision.Limits.Row, r.ID)
		if err != nil {
			return fmt.Errorf("giving the seat back: %w", err)
		}
	}
	err = h.giveClaimBack(ctx, r, claim, part, doubt)
	if err != nil {
		return fmt.Errorf("giving the claim back: %w", err)
	}
	return nil
}

// hold adds an intent to a claim that is to be given back and has none, and returns the claim.
func (h Holdings) hold(ctx context.Context, r Request, claim Claim, part Part) (Claim, error) {
	if part == Seat || claim.State != ClaimReserved {
		return claim, nil
	}
	held, err := claim.Begin(h.Now())
	if err == nil {
		held, err = h.Store.UpdateClaim(ctx, r.Submission.Email, held)
	}
	if err != nil {
		return claim, fmt.Errorf("holding the claim that is given back: %w", err)
	}
	return held, nil
}

func (h Holdings) giveClaimBack(ctx context.Context, r Request, claim Claim, part Part, doubt time.Time) (err error) {
	switch {
	case part == Seat:
		return nil
	case part == Intent, part == SeatAndClaim && !doubt.IsZero():
		claim, err = claim.NotSent(doubt)
	case part == SeatAndClaim && claim.Mails > 0:
		claim, err = claim.KeepMails()
	default:
		return h.Store.Release(ctx, r.Submission.Email, claim)
	}
	if err != nil {
		return err
	}
	_, err = h.Store.UpdateClaim(ctx, r.Submission.Email, claim)
	return err
}
