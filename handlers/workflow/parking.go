package workflow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"guestlist/handlers/policy"
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

// changeGate is [request.ChangeGate]. With the change it also counts the invitations that were
// accepted since the last one.
func (w *Worker) changeGate(ctx context.Context, change func(request.Gate) (next request.Gate, changed bool)) (before request.Gate, err error) {
	n := w.accepted.Swap(0)
	counted := false
	before, err = request.ChangeGate(ctx, w.config.Gates, func(gate request.Gate) (request.Gate, bool) {
		next, changed := change(gate)
		counted = changed
		if changed {
			next.Accepted += int(n)
		}
		return next, changed
	})
	if err != nil || !counted {
		w.accepted.Add(n)
	}
	return before, err
}

// asking returns the request as it asks for a turn. Mails that a person sends take no share.
func (j *job) asking() asking {
	address := j.Request.Submission.Email.String()
	by := asking{id: j.Request.ID, guest: hashOf("guest", address), sharers: sharersOf(j.Request)}
	if j.Request.Resend.ByPerson() || j.Request.State.Ended() && j.Request.Owed.Person {
		by.sharers = nil
	}
	return by
}

// admit asks the gate for one invitation, and waits in place if its turn comes soon. A turn that is
// taken must be used, and its outcome told to the gate, or given back.
func (j *job) admit(ctx context.Context) (admission, error) {
	patience := j.patience()
	for {
		pressure := j.config.Pressure.take()
		var verdict admission
		var after request.Gate
		_, err := j.changeGate(ctx, func(gate request.Gate) (request.Gate, bool) {
			now := j.config.Now()
			if pressure > 0 {
				gate = press(gate, now, pressure)
			}
			after, verdict = book(gate, now, j.config.Pace, patience, j.asking())
			return after, verdict.wait == 0 || pressure > 0
		})
		if err != nil {
			return admission{}, err
		}
		j.remember(after)
		if verdict.wait > 0 {
			return verdict, nil
		}
		j.turn, j.used, j.counted = verdict, false, after
		if verdict.turn == 0 {
			return verdict, nil
		}
		patience -= verdict.turn
		kept, err := j.awaitTurn(ctx, verdict)
		if err != nil || kept {
			return verdict, err
		}
		// The turn is lost. The gate says whether there is another one.
		j.returnTurn(ctx)
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
	return !gate.IsOpen() && heldFor(gate, j.config.Now()) == 0, nil
}

// backOnce returns a function that gives the turn back at the gate, for use in a change that may be
// called several times. A turn that is not given back costs one invitation of the day, and one that
// is given back twice exceeds it.
func (j *job) backOnce(turn admission) func(request.Gate) request.Gate {
	once := giveBackOnce{name: strconv.Itoa(turn.taken.Number), most: mostGivenBack}
	return func(g request.Gate) request.Gate {
		if !once.may(strings.Fields(g.GivenBack)) {
			return g
		}
		return turnBack(g, j.config.Now(), turn)
	}
}

// giveBackOnce lets a change of a gate that may be called several times give a turn back once. A
// change that failed with a Conflict may have been written all the same; so in a later round the
// turn is given back only if the gate still names all that were given back since the first round,
// and not this one.
type giveBackOnce struct {
	name string // of the turn
	most int    // how many names the gate has at most

	again bool   // it is not the first round
	last  string // that was given back before the first round
}

// may reports whether the turn may be given back now. given are the names of those that were, as
// far as the gate has them, the latest last.
func (o *giveBackOnce) may(given []string) bool {
	if !o.again && len(given) > 0 {
		o.last = given[len(given)-1]
	}
	complete := !o.again || len(given) < o.most || slices.Contains(given, o.last)
	o.again = true
	return complete && !slices.Contains(given, o.name)
}

// returnTurn gives a turn back that was taken and not used, if there is one.
func (j *job) returnTurn(ctx context.Context) {
	if j.turn.taken.Number == 0 || j.used {
		return
	}
	turn := j.turn
	j.turn = admission{}
	err := j.giveTurnBack(ctx, turn)
	if err != nil {
		j.log.WarnContext(ctx, "a turn that was not used could not be given back", "code", problem.CodeOf(err), "error", err)
	}
}

// returnOpenTurn gives the turn back of an invitation of which nobody came: the directory shows no
// guest after the lease. The request forgets the turn first. Of several calls that look at the same
// time only one can save that, and a process that ends in between costs one invitation of the day,
// while it could otherwise come back much later and give the turn back again.
func (j *job) returnOpenTurn(ctx context.Context) error {
	turn := admission{taken: j.Request.OpenTurn}
	if turn.taken.Number == 0 {
		return nil
	}
	j.Request.OpenTurn = request.Turn{}
	err := j.save(ctx)
	if err != nil {
		return err
	}
	err = j.giveTurnBack(ctx, turn)
	if err != nil {
		return fmt.Errorf("giving the turn back of an invitation of which nobody came: %w", err)
	}
	return nil
}

// countOpenTurn writes the lines about the day's budget and shares for an invitation whose answer
// was lost and whose guest is there: its turn stays counted.
func (j *job) countOpenTurn(ctx context.Context) error {
	open := j.Request.OpenTurn
	if open.Number == 0 {
		return nil
	}
	gate, err := j.config.Gates.Gate(ctx)
	if err != nil {
		return fmt.Errorf("reading the gate for an invitation whose answer was lost: %w", err)
	}
	if gate.Day == open.Day {
		j.logBudget(ctx, gate)
		j.logShares(ctx, gate, j.asking().sharers)
	}
	return nil
}

// giveTurnBack gives the turn back at the gate.
func (j *job) giveTurnBack(ctx context.Context, turn admission) error {
	back := j.backOnce(turn)
	_, err := j.changeGate(ctx, func(gate request.Gate) (request.Gate, bool) {
		next := back(gate)
		return next, next != gate
	})
	return err
}

// tellGate tells the gate what the directory answered to an invitation, nil if it was accepted, or
// why the question before one got no answer. A turn is used up, or given back if nothing was sent
// for certain. It returns whether the circuit breaker is open then. Only the call that opens it
// writes the line that alerts look for.
//
// To say it again changes nothing.
func (j *job) tellGate(ctx context.Context, cause error) (isOpen bool, err error) {
	turn := j.turn
	j.turn = admission{}
	// The line for an invitation whose answer was lost is written once the guest is there: see
	// countOpenTurn.
	if turn.taken.Number > 0 && cause == nil {
		j.logBudget(ctx, j.counted)
		j.logShares(ctx, j.counted, j.asking().sharers)
	}
	if cause == nil {
		j.accepted.Add(1)
		if !turn.probe && !j.suspected.Load() {
			return false, nil // the next change of the gate counts it
		}
	}
	failure, now, opens := problem.From(cause), j.config.Now(), false
	back := j.backOnce(turn)
	var after request.Gate
	before, err := j.changeGate(ctx, func(gate request.Gate) (request.Gate, bool) {
		// If the answer to the write that opened the breaker was lost, the gate is found as
		// written. Another call may open it at the same moment, but not because of this answer.
		opened := opens && gate.Cause == after.Cause && gate.Ref == after.Ref &&
			gate.OpenedAt.Equal(after.OpenedAt.Truncate(request.Tick))
		after = gate
		if cause == nil {
			after = accepted(gate, now, turn.probe)
			return after, after != gate
		}
		switch {
		case turn.taken.Number == 0:
			after = unasked(after, now, j.asking(), failure)
		case request.NotDone(failure.Code):
			after = refused(back(after), now, j.asking(), failure, turn.probe)
		default:
			after = refused(after, now, j.asking(), failure, turn.probe)
		}
		opens = opened || gate.Cause == "" && after.Cause != ""
		return after, after != gate
	})
	if err != nil {
		return false, err
	}
	j.remember(after)
	switch {
	case opens && after.Cause != "":
		j.log.ErrorContext(ctx, LogBreakerOpened,
			"cause", after.Cause, "cure", request.CauseOf(after.Cause).Cure, "ref", after.Ref)
	case before.Cause != "" && !after.IsOpen():
		j.log.WarnContext(ctx, LogBreakerClosed, "cause", before.Cause, "by", AProbe)
	}
	return after.Cause != "", nil
}

// logBudget writes the lines about the day's budget, each for the very invitation that made it
// true: one that was refused costs nothing.
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

// remember keeps in memory until when the directory wants to be left alone, and whether there are
// witnesses, so that nothing has to be read to know it.
func (w *Worker) remember(gate request.Gate) {
	w.heldUntil.Store(gate.HeldUntil.UnixNano())
	w.suspected.Store(gate.Witnesses != [request.MostWitnesses]request.Witness{})
}

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
// count against us. This instance does even if the others can't be told.
func (w *Worker) holdAll(ctx context.Context, d time.Duration) error {
	until := w.config.Now().Add(d)
	if w.held() < d {
		w.heldUntil.Store(until.UnixNano())
	}
	var after request.Gate
	_, err := w.changeGate(ctx, func(gate request.Gate) (request.Gate, bool) {
		after = hold(gate, w.config.Now(), until)
		return after, !after.HeldUntil.Equal(gate.HeldUntil)
	})
	if err != nil {
		return err
	}
	w.remember(after)
	return nil
}

// headStart is how much longer the app leaves a throttled group alone than the rest of the
// directory. Other requests go on in that time: it has several runs of upkeep.
const headStart = 3 * time.Minute

// longestPeriod is the longest period over which the directory counts calls.
const longestPeriod = 150 * time.Second

// throttledGroups are groups whose memberships the directory has throttled for this instance. All
// calls wait for as long as the directory asks, because it may count them together. After that,
// other requests go first: if only this group is throttled, each request that tries it stops all
// calls again. The zero value is empty. It is safe for concurrent use.
type throttledGroups struct {
	mutex sync.Mutex
	until map[string]time.Time
}

// throttled leaves the group alone for headStart longer than the directory asks. It does so only if
// the directory asks for more than longestPeriod: ordinary throttling is shorter, and passes when
// the load does.
func (t *throttledGroups) throttled(group string, now time.Time, asked time.Duration) {
	if asked <= longestPeriod {
		return
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.until == nil {
		t.until = map[string]time.Time{}
	}
	maps.DeleteFunc(t.until, func(_ string, until time.Time) bool { return !until.After(now) })
	t.until[group] = now.Add(busy.after(0, asked) + headStart)
}

// left returns for how long the group is still left alone.
func (t *throttledGroups) left(group string, now time.Time) time.Duration {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	left := t.until[group].Sub(now)
	if left > longestPause+headStart {
		return 0 // the clock was wrong then
	}
	return max(0, left)
}

// throttled puts the step off for longer than the directory asks, and everybody for as long as it
// asks, up to longestPause. A request that is throttled again and again so lets others go first: it
// may be the only one that is.
func (j *job) throttled(ctx context.Context, failure *problem.Error, what string) (next, error) {
	pause := busy.after(0, failure.RetryAfter)
	err := j.holdAll(ctx, pause)
	if err != nil && !j.goesOnWithoutGate(ctx, err) {
		return stop, err
	}
	d := busy.after(j.Request.Attempt, pause)
	if j.Request.Attempt > 0 {
		d = pause + busy.after(j.Request.Attempt, 0)
	}
	return j.wait(ctx, d, what, "the directory asked to come back later")
}

// heldBack puts off an invitation that the gate does not let through. One that was parked is parked
// again: a younger one that upkeep resumes meanwhile must not get its turn.
func (j *job) heldBack(ctx context.Context, claim request.Claim, verdict admission) (next, error) {
	err := j.giveBack(ctx, claim, request.Intent)
	if err != nil {
		return stop, err
	}
	if verdict.parked || j.unparked {
		return j.park(ctx, verdict.why)
	}
	return j.wait(ctx, verdict.wait, "held-back", verdict.why)
}

// park lets the request wait for the tenant or for another day. Upkeep resumes it. One that stays
// parked has a new reason, and no event.
func (j *job) park(ctx context.Context, why string) (next, error) {
	if j.Request.State != request.Parked {
		j.transition(request.Parked, "parked", why)
	}
	j.Request.Reason = why
	return j.postpone(ctx, untilTomorrow(j.config.Now())+parkedLook)
}

// unpark goes on with a parked request if upkeep has resumed it, the gate would let it through now,
// and the policy rows still invite. A request that stays parked adds nothing to the history: it may
// wait for weeks.
//
// A request that comes up without being resumed only writes its due entry again: an older one may
// be waiting.
func (j *job) unpark(ctx context.Context) (next, error) {
	gate, err := j.config.Gates.Gate(ctx)
	if err != nil {
		return stop, fmt.Errorf("reading the gate: %w", err)
	}
	_, verdict := admit(gate, j.config.Now(), j.config.Pace, j.asking())
	switch {
	case verdict.parked:
		return j.park(ctx, verdict.why)
	case j.Request.FullOn == policy.Day(j.config.Now()):
		return j.park(ctx, j.Request.Reason)
	case !j.turnHasCome:
		j.resumption.lookAgain(j.config.Now())
		return j.park(ctx, "it waits for its turn")
	}
	n, err := j.askRowsAgain(ctx)
	if n != proceed || err != nil {
		return n, err
	}
	// After a crash it must not wait for the time at which it was to come by itself.
	j.Request.Due = time.Time{}
	j.unparked = true
	// Saved before anything is done, so that a person's cancellation meanwhile is respected.
	return j.startInviting(ctx, "resumed", "invitations are possible again, and the policy rows still allow this one")
}
