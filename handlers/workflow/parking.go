package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// maxShortWait is the longest time that a step waits in place for its turn; what takes longer is left to the store. It is long enough for all that
// a few instances have in hand: what goes to the store comes back a minute later, and meanwhile the next message is taken from the queue only
// to go the same way.
const maxShortWait = 30 * time.Second

// admit asks the gate for one invitation, and waits in place if its turn comes soon. The waits stay well below the lease, so that the
// intent is still ours afterwards.
func (w *work) admit(ctx context.Context) (admission, error) {
	patience := w.patience()
	for {
		pressure := w.config.Pressure.take()
		var verdict admission
		var after request.Gate
		_, err := request.ChangeGate(ctx, w.config.Gates, func(gate request.Gate) (request.Gate, bool) {
			now := w.config.Now()
			if pressure > 0 {
				gate = press(gate, now, pressure)
			}
			after, verdict = book(gate, now, w.config.Pace, patience)
			return after, verdict.wait == 0 || pressure > 0
		})
		if err != nil {
			return admission{}, err
		}
		w.remember(after)
		if verdict.wait > 0 {
			return verdict, nil
		}
		w.tellBudget(ctx, after)
		if verdict.turn == 0 {
			return verdict, nil
		}
		patience -= verdict.turn
		still, err := w.awaitTurn(ctx, verdict)
		if err != nil || still {
			return verdict, err
		}
		// The turn is lost. Whether there is another one, or the breaker is open, the gate says.
	}
}

// patience is how long a step waits in place: well below the lease, so that the intent is still ours afterwards.
func (m *Worker) patience() time.Duration { return min(maxShortWait, m.config.IntentLease/4) }

// awaitTurn waits for a turn that was booked. It reports whether the gate still lets the invitation through when it has come.
func (w *work) awaitTurn(ctx context.Context, verdict admission) (bool, error) {
	err := w.config.Sleep(ctx, verdict.turn)
	if err != nil {
		return false, fmt.Errorf("waiting for the turn to invite: %w", err)
	}
	gate, err := w.config.Gates.Gate(ctx)
	if err != nil {
		return false, fmt.Errorf("reading the gate when the turn has come: %w", err)
	}
	w.remember(gate)
	return gate.Cause == "" && heldFor(gate, w.config.Now()) == 0, nil
}

// tellBudget writes the lines about the day's budget, each for the very invitation that made it true.
func (w *work) tellBudget(ctx context.Context, gate request.Gate) {
	daily := w.config.Pace.Daily
	if daily == 0 {
		return
	}
	if gate.Sent == (4*daily+4)/5 {
		w.log.WarnContext(ctx, LogBudgetLow, "sent", gate.Sent, "daily", daily)
	}
	if gate.Sent == daily {
		w.log.WarnContext(ctx, LogBudgetSpent, "sent", gate.Sent, "daily", daily)
	}
}

// remember keeps in mind until when the directory wants to be left alone, so that nothing has to be read to know it.
func (m *Worker) remember(gate request.Gate) { m.heldUntil.Store(gate.HeldUntil.UnixNano()) }

// held returns for how long the directory is still to be left alone, as far as this instance knows: it has looked at the gate for its last
// invitation.
func (m *Worker) held() time.Duration {
	until := m.heldUntil.Load()
	if until <= 0 {
		return 0
	}
	return heldFor(request.Gate{HeldUntil: time.Unix(0, until)}, m.config.Now())
}

// holdAll tells every instance to leave the directory alone until then.
func (m *Worker) holdAll(ctx context.Context, until time.Time) error {
	var after request.Gate
	_, err := request.ChangeGate(ctx, m.config.Gates, func(gate request.Gate) (request.Gate, bool) {
		after = hold(gate, m.config.Now(), until)
		return after, !after.HeldUntil.Equal(gate.HeldUntil)
	})
	if err != nil {
		return err
	}
	m.remember(after)
	return nil
}

// heldBack puts an invitation off that the gate does not let through.
func (w *work) heldBack(ctx context.Context, claim request.Claim, verdict admission) (bool, error) {
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
	if w.Request.State != request.Parked {
		w.transition(request.Parked, "parked", why)
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
	_, verdict := admit(gate, w.config.Now(), w.config.Pace)
	if verdict.parked {
		return w.park(ctx, verdict.wait, verdict.why)
	}
	w.transition(request.Inviting, "resumed", "the way is free again")
	// It may have looked early. Whoever takes it up after a crash must not wait for the time at which it was to look.
	w.Request.Due = time.Time{}
	// Saved before anything is done, so that a person who cancelled it meanwhile is not passed over.
	return true, w.save(ctx)
}

// openBreaker stops all invitations, of all instances, because the tenant takes none, and returns for how long to wait. Whoever opens it, and no
// other, writes the line that alerts look for.
func (w *work) openBreaker(ctx context.Context, failure *problem.Error) (wait time.Duration, err error) {
	now := w.config.Now()
	before, err := request.ChangeGate(ctx, w.config.Gates, func(gate request.Gate) (request.Gate, bool) {
		return open(gate, now, failure, request.Probe(failure.Code)), true
	})
	if err != nil {
		return 0, err
	}
	if before.Cause == "" {
		w.log.ErrorContext(ctx, LogBreakerOpened, "cause", failure.Code, "ref", failure.Ref)
	}
	if request.Probe(failure.Code) {
		return max(probeEvery, failure.RetryAfter), nil
	}
	return parkedLook, nil
}

// closeBreaker lets invitations through again after a probe went through, unless the tenant has said meanwhile what only a person may take for cured.
func (w *work) closeBreaker(ctx context.Context) error {
	before, err := request.ChangeGate(ctx, w.config.Gates, func(gate request.Gate) (request.Gate, bool) {
		return gate.Close(AProbe, w.config.Now()), request.Probe(gate.Cause)
	})
	if err != nil {
		return err
	}
	if request.Probe(before.Cause) {
		w.log.WarnContext(ctx, LogBreakerClosed, "cause", before.Cause, "by", AProbe)
	}
	return nil
}

// throttled puts the step off for as long as the directory asks, for all instances: calls made meanwhile still count against us.
func (w *work) throttled(ctx context.Context, failure *problem.Error, what string) (bool, error) {
	d := busy.after(w.Request.Attempt, failure.RetryAfter)
	err := w.holdAll(ctx, w.config.Now().Add(d))
	if err != nil {
		return false, err
	}
	return w.wait(ctx, d, what, "the directory asked to come back later")
}
