package invite

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
)

// maxShortWait is the longest time that a step waits in place for its turn; what takes longer is left to the store.
const maxShortWait = 10 * time.Second

// admit asks the gate for one invitation, and waits in place if its turn comes soon. The waits stay well below the lease, so that the
// intent is still ours afterwards.
func (w *work) admit(ctx context.Context) (admission, error) {
	patience := min(maxShortWait, w.config.IntentLease/4)
	for {
		var verdict admission
		_, err := changeGate(ctx, w.config.Gates, func(gate Gate) (Gate, bool) {
			next, answer := gate.admit(w.config.Now(), w.config.Pace)
			verdict = answer
			return next, answer.wait == 0
		})
		if err != nil {
			return admission{}, err
		}
		if verdict.wait == 0 || verdict.parked || verdict.wait > patience {
			return verdict, nil
		}
		patience -= verdict.wait
		err = w.config.Sleep(ctx, verdict.wait)
		if err != nil {
			return admission{}, fmt.Errorf("waiting for the turn to invite: %w", err)
		}
	}
}

// heldBack puts an invitation off that the gate does not let through.
func (w *work) heldBack(ctx context.Context, claim Claim, verdict admission) (bool, error) {
	err := w.takeBack(ctx, claim)
	if err != nil {
		return false, err
	}
	if verdict.parked {
		return w.park(ctx, verdict.wait, verdict.why)
	}
	return w.wait(ctx, verdict.wait, "held-back", verdict.why)
}

// park lets the request wait for the tenant or for another day.
func (w *work) park(ctx context.Context, d time.Duration, why string) (bool, error) {
	if w.request.State != Parked {
		w.note(Parked, "parked", why)
	}
	return w.postpone(ctx, d)
}

// unpark goes on with a parked request if the gate would let it through now. One that stays parked leaves no trace in the history: it may
// look for weeks.
func (w *work) unpark(ctx context.Context) (bool, error) {
	gate, err := w.config.Gates.Gate(ctx)
	if err != nil {
		return false, fmt.Errorf("reading the gate: %w", err)
	}
	_, verdict := gate.admit(w.config.Now(), w.config.Pace)
	if verdict.parked {
		return w.park(ctx, verdict.wait, verdict.why)
	}
	w.note(Inviting, "resumed", "the way is free again")
	// Saved before anything is done, so that a person who cancelled it meanwhile is not passed over.
	return true, w.save(ctx)
}

// openBreaker stops all invitations, of all instances, because the tenant takes none, and parks the request. Whoever opens it, and no other,
// writes the line that alerts look for.
func (w *work) openBreaker(ctx context.Context, failure *problem.Error) (bool, error) {
	now := w.config.Now()
	before, err := changeGate(ctx, w.config.Gates, func(gate Gate) (Gate, bool) {
		return gate.open(now, failure, failure.Code.Probe()), true
	})
	if err != nil {
		return false, err
	}
	if before.Cause == "" {
		w.log.ErrorContext(ctx, "breaker opened", "cause", failure.Code, "ref", failure.Ref)
	}
	d := parkedLook
	if failure.Code.Probe() {
		d = max(probeEvery, failure.RetryAfter)
	}
	return w.park(ctx, d, "the tenant takes no invitations ("+string(failure.Code)+"); the breaker is open"+ref(failure))
}

// closeBreaker lets invitations through again after a probe went through.
func (w *work) closeBreaker(ctx context.Context) error {
	before, err := changeGate(ctx, w.config.Gates, func(gate Gate) (Gate, bool) {
		return gate.Close(), gate.Cause != ""
	})
	if err != nil {
		return err
	}
	if before.Cause != "" {
		w.log.WarnContext(ctx, "breaker closed", "cause", before.Cause, "by", "a probe that went through")
	}
	return nil
}

// throttled puts the invitation off for as long as the directory asks, for all instances: calls made meanwhile still count against us.
func (w *work) throttled(ctx context.Context, failure *problem.Error) (bool, error) {
	d := backoff(w.request.Attempt, failure.RetryAfter)
	next := w.config.Now().Add(d)
	_, err := changeGate(ctx, w.config.Gates, func(gate Gate) (Gate, bool) {
		later := next.After(gate.NextAt)
		gate.NextAt = next
		return gate, later
	})
	if err != nil {
		return false, err
	}
	return w.wait(ctx, d, "throttled", "the directory asked to come back later")
}
