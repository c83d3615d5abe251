package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// maxShortWait is the longest time that a step waits in place for its turn; longer waits are left
// to the store. It is enough for all that a few instances have in hand. A request that goes to the
// store comes back a minute later, and meanwhile the next message would only go the same way.
const maxShortWait = 30 * time.Second

// patience is how long a step waits in place: well below the lease, so that the intent is still
// ours afterwards.
func (w *Worker) patience() time.Duration { return min(maxShortWait, w.config.IntentLease/4) }

// admit asks the gate for one invitation, and waits in place if its turn comes soon.
func (j *job) admit(ctx context.Context) (admission, error) {
	patience := j.patience()
	for {
		pressure := j.config.Pressure.take()
		accepted := j.accepted.Swap(0)
		var verdict admission
		var after request.Gate
		counted := false
		_, err := request.ChangeGate(ctx, j.config.Gates, func(gate request.Gate) (request.Gate, bool) {
			now := j.config.Now()
			if pressure > 0 {
				gate = press(gate, now, pressure)
			}
			after, verdict = book(gate, now, j.config.Pace, patience)
			counted = verdict.wait == 0 || pressure > 0
			if counted {
				after.Accepted += int(accepted)
			}
			return after, counted
		})
		if err != nil || !counted {
			j.accepted.Add(accepted)
		}
		if err != nil {
			return admission{}, err
		}
		j.remember(after)
		if verdict.wait > 0 {
			return verdict, nil
		}
		j.logBudget(ctx, after)
		if verdict.turn == 0 {
			return verdict, nil
		}
		patience -= verdict.turn
		kept, err := j.awaitTurn(ctx, verdict)
		if err != nil || kept {
			return verdict, err
		}
		// The turn is lost. The gate says whether there is another one.
	}
}

// awaitTurn waits for a turn that was booked. It is kept if the gate still lets the invitation
// through when the turn has come.
func (j *job) awaitTurn(ctx context.Context, verdict admission) (kept bool, err error) {
	err = j.config.Sleep(ctx, verdict.turn)
	if err != nil {
		return false, fmt.Errorf("waiting for the turn to invite: %w", err)
	}
	gate, err := j.config.Gates.Gate(ctx)
	if err != nil {
		return false, fmt.Errorf("reading the gate when the turn has come: %w", err)
	}
	j.remember(gate)
	return gate.Cause == "" && heldFor(gate, j.config.Now()) == 0, nil
}

// logBudget writes the lines about the day's budget, each for the very invitation that made it
// true.
func (j *job) logBudget(ctx context.Context, gate request.Gate) {
	daily := j.config.Pace.Daily
	if daily == 0 {
		return
	}
	if gate.Sent == (4*daily+4)/5 {
		j.log.WarnContext(ctx, LogBudgetLow, "sent", gate.Sent, "daily", daily)
	}
	if gate.Sent == daily {
		j.log.WarnContext(ctx, LogBudgetSpent, "sent", gate.Sent, "daily", daily)
	}
}

// remember keeps in memory until when the directory wants to be left alone, so that nothing has to
// be read to know it.
func (w *Worker) remember(gate request.Gate) { w.heldUntil.Store(gate.HeldUntil.UnixNano()) }

// held returns for how long the directory is still to be left alone, as far as this instance knows:
// it has read the gate for its last invitation.
func (w *Worker) held() time.Duration {
	until := w.heldUntil.Load()
	if until <= 0 {
		return 0
	}
	return heldFor(request.Gate{HeldUntil: time.Unix(0, until)}, w.config.Now())
}

// holdAll tells every instance to leave the directory alone for d: calls made meanwhile would still
// count against us.
func (w *Worker) holdAll(ctx context.Context, d time.Duration) error {
	until := w.config.Now().Add(d)
	var after request.Gate
	_, err := request.ChangeGate(ctx, w.config.Gates, func(gate request.Gate) (request.Gate, bool) {
		after = hold(gate, w.config.Now(), until)
		return after, !after.HeldUntil.Equal(gate.HeldUntil)
	})
	if err != nil {
		return err
	}
	w.remember(after)
	return nil
}

// throttled puts the step off for longer than the directory asks, and everybody for as long as it
// asks. A request that is throttled again and again so lets others go first: it may be the only one
// that is.
func (j *job) throttled(ctx context.Context, failure *problem.Error, what string) (next, error) {
	pause := max(failure.RetryAfter, busy[0])
	err := j.holdAll(ctx, pause)
	if err != nil {
		return stop, err
	}
	d := busy.after(j.Request.Attempt, pause)
	if j.Request.Attempt > 0 {
		d = pause + busy.after(j.Request.Attempt, 0)
	}
	return j.wait(ctx, d, what, "the directory asked to come back later")
}

// heldBack puts off an invitation that the gate does not let through.
func (j *job) heldBack(ctx context.Context, claim request.Claim, verdict admission) (next, error) {
	err := j.giveBack(ctx, claim, request.Intent)
	if err != nil {
		return stop, err
	}
	if verdict.parked {
		return j.park(ctx, verdict.wait, verdict.why)
	}
	return j.wait(ctx, verdict.wait, "held-back", verdict.why)
}

// park lets the request wait for the tenant or for another day.
func (j *job) park(ctx context.Context, d time.Duration, why string) (next, error) {
	if j.Request.State != request.Parked {
		j.transition(request.Parked, "parked", why)
	}
	return j.postpone(ctx, d)
}

// unpark goes on with a parked request if the gate would let it through now. One that stays parked
// adds nothing to the history: it may look for weeks.
func (j *job) unpark(ctx context.Context) (next, error) {
	gate, err := j.config.Gates.Gate(ctx)
	if err != nil {
		return stop, fmt.Errorf("reading the gate: %w", err)
	}
	_, verdict := admit(gate, j.config.Now(), j.config.Pace)
	if verdict.parked {
		return j.park(ctx, verdict.wait, verdict.why)
	}
	// It may have looked early. After a crash it must not wait for the time at which it was to look.
	j.Request.Due = time.Time{}
	// Saved before anything is done, so that a person's cancellation meanwhile is respected.
	return j.startInviting(ctx, "resumed", "invitations are possible again")
}

// openBreaker stops the invitations of all instances, because the tenant takes none, and returns
// how long to wait. Only the call that opens the circuit breaker writes the line that alerts look
// for.
func (j *job) openBreaker(ctx context.Context, failure *problem.Error) (wait time.Duration, err error) {
	now, probe := j.config.Now(), request.Probe(failure.Code)
	before, err := request.ChangeGate(ctx, j.config.Gates, func(gate request.Gate) (request.Gate, bool) {
		return open(gate, now, failure, probe), true
	})
	if err != nil {
		return 0, err
	}
	if before.Cause == "" {
		j.log.ErrorContext(ctx, LogBreakerOpened, "cause", failure.Code, "ref", failure.Ref)
	}
	if probe {
		return max(probeEvery, failure.RetryAfter), nil
	}
	return parkedLook, nil
}

// probed closes the circuit breaker after a probe went through, unless the tenant has given a cause
// meanwhile that only a person may call fixed.
func (j *job) probed(ctx context.Context, admitted admission) error {
	if !admitted.probe {
		return nil
	}
	before, err := request.ChangeGate(ctx, j.config.Gates, func(gate request.Gate) (request.Gate, bool) {
		return gate.Close(AProbe, j.config.Now()), request.Probe(gate.Cause)
	})
	if err != nil {
		return err
	}
	if request.Probe(before.Cause) {
		j.log.WarnContext(ctx, LogBreakerClosed, "cause", before.Cause, "by", AProbe)
	}
	return nil
}
