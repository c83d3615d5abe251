package workflow

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	// mostParked is how many due entries of parked requests, the oldest, are looked at together.
	mostParked = 5000
	// resumeEvery is the time between two looks while parked requests go on: those that were
	// resumed have had their turn by then, and younger ones can't overtake them.
	resumeEvery = maxShortWait + 20*time.Second
	// idleLook is the time between two looks while no parked request can go on.
	idleLook = time.Hour
	// probers is how many parked requests are resumed for one probe. The first at the gate gets it;
	// another one may be busy elsewhere.
	probers = 3
)

// resumption is what an instance remembers of the parked requests. It only saves work.
type resumption struct {
	mutex sync.Mutex
	saw   string    // what the gate was like at the last look
	next  time.Time // when to look again even if the gate stays as it was
}

// due reports whether it is time to look for parked requests: always when the gate has changed in a
// way that may let them through.
func (r *resumption) due(g request.Gate, now time.Time) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	saw := fmt.Sprint(startDay(g, now).Day, g.Cause, g.ProbeAt.UnixNano(), g.ClosedAt.UnixNano(), g.GivenBack)
	changed := saw != r.saw
	r.saw = saw
	return changed || !now.Before(r.next)
}

func (r *resumption) lookAgain(at time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.next = at
}

// room returns how many parked requests the gate would let through without holding one back; 0 if
// they stay parked. It is a pure function.
func room(g request.Gate, now time.Time, pace request.Pace) int {
	n := upkeepBatch
	if g.Stop.Stands() {
		return 0
	}
	if g.Cause != "" {
		if g.ProbeAt.IsZero() || beforeProbe(g, now, "") > 0 {
			return 0
		}
		n = probers
	}
	if heldFor(g, now) > 0 {
		return 0
	}
	if pace.Daily > 0 {
		n = min(n, pace.Daily-startDay(g, now).Sent)
	}
	spacing := max(pace.Spacing, slowdown(g, now))
	if wait := g.NextAt.Sub(now); wait > maxShortWait && wait <= spacing {
		return 0 // the next turn is far
	}
	if spacing > 0 {
		n = min(n, max(1, int(maxShortWait/spacing)))
	}
	return max(0, n)
}

// parkingOf returns what the due entry of the request, which is parked, says about it.
func parkingOf(r request.Request) request.Parking {
	parking := request.Parking{FullOn: r.FullOn}
	for _, s := range sharersOf(r) {
		parking.Sharers = append(parking.Sharers, s.key)
	}
	limits := r.Limits()
	if limits != nil && limits.MaxPerDay > 0 {
		parking.Limited = rowSharer(limits.Row).key
	}
	return parking
}

// toResume returns which of the parked requests, the oldest first, the gate lets through now. Those
// whose domain or row has had its share of the day stay parked, and so do those whose row is full
// today, and the witnesses of an open breaker for a while. Of a row with a limit for the day only
// one is resumed at a time: of several, chance would decide who has its last seat of the day. The
// others of that row keep their turns of the day's budget, unless the row is known to be full, so
// that nobody younger has them meanwhile.
func toResume(
	g request.Gate, now time.Time, pace request.Pace, parked []request.ParkedEntry,
) []submission.ID {
	var ids []submission.ID
	left := room(g, now, pace)
	counted := startDay(g, now)
	budget, kept := math.MaxInt, 0
	if pace.Daily > 0 {
		budget = pace.Daily - counted.Sent
	}
	full, limited := map[string]bool{}, map[string]bool{} // the rows that are full, and those of which one is resumed
	for _, entry := range parked {
		if entry.FullOn == policy.Day(now) {
			full[entry.Limited] = true
		}
	}
	for _, entry := range parked {
		if len(ids) >= min(left, budget-kept) {
			break
		}
		var sharers []sharer
		for _, key := range entry.Sharers {
			sharers = append(sharers, sharer{key: key})
		}
		_, spent := spentShare(counted, pace, sharers)
		if spent || entry.FullOn == policy.Day(now) || g.Cause != "" && beforeProbe(g, now, entry.ID) > 0 {
			continue
		}
		if limited[entry.Limited] {
			if !full[entry.Limited] {
				kept++
				counted = countShares(counted, entry.Sharers, 1)
			}
			continue
		}
		if entry.Limited != "" {
			limited[entry.Limited] = true
		}
		counted = countShares(counted, entry.Sharers, 1)
		ids = append(ids, entry.ID)
	}
	return ids
}

// resumeParked enqueues parked requests in the order of their age, as many as the gate lets
// through, and returns how many, also with an error. If they came back by themselves, chance would
// decide who gets the day's invitations.
//
// It reads the due entries of parked requests, and the records of those that it resumes.
func (w *Worker) resumeParked(ctx context.Context, queue Queue) (resumed int, err error) {
	now := w.config.Now()
	gate, err := w.config.Gates.Gate(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the gate: %w", err)
	}
	w.tellOfStop(ctx, gate)
	if room(gate, now, w.config.Pace) == 0 || !w.resumption.due(gate, now) {
		return 0, nil
	}
	resumed, underWay, err := w.resume(ctx, queue, gate, now)
	switch {
	case err != nil:
		w.resumption.lookAgain(now)
	case underWay:
		w.resumption.lookAgain(now.Add(resumeEvery))
	default:
		w.resumption.lookAgain(now.Add(idleLook))
	}
	return resumed, err
}

// resume enqueues the parked requests that the gate lets through, and returns how many, also with
// an error. underWay reports whether there are any, including those that an earlier run enqueued,
// whose messages may be lost. The entry of a request that is no longer parked takes no place.
func (w *Worker) resume(
	ctx context.Context, queue Queue, gate request.Gate, now time.Time,
) (resumed int, underWay bool, err error) {
	entries, err := w.config.Store.Parked(ctx, mostParked)
	if err != nil {
		return 0, false, fmt.Errorf("looking for parked requests: %w", err)
	}
	done := map[submission.ID]bool{}
	for _, entry := range entries {
		// Another run, maybe of another instance, has resumed it, and its message is on its way. Of
		// two messages one would disturb the other.
		done[entry.ID] = !entry.Due.After(now.Add(w.config.IntentLease))
	}
	for {
		others := map[submission.ID]bool{}
		for _, id := range toResume(gate, now, w.config.Pace, entries) {
			if done[id] {
				underWay = true
				continue
			}
			if resumed > 0 && w.config.Now().Sub(now) > resumeStop {
				return resumed, true, nil
			}
			parked, err := w.resumeOne(ctx, queue, id, now)
			if err != nil {
				return resumed, true, fmt.Errorf("resuming request %s: %w", id, err)
			}
			done[id], others[id] = parked, !parked
			if parked {
				resumed, underWay = resumed+1, true
			}
		}
		before := len(entries)
		entries = slices.DeleteFunc(entries, func(entry request.ParkedEntry) bool { return others[entry.ID] })
		if len(entries) == before {
			return resumed, underWay, nil
		}
	}
}

// resumeOne enqueues the request if it waits for its turn, and reports whether it does. Otherwise,
// or if the request can't be read, the entry was left behind: it becomes due at once, and no longer
// says that the request is parked.
//
// If the message is lost, the request comes up after the lease, writes its due entry again, and is
// resumed once more.
func (w *Worker) resumeOne(
	ctx context.Context, queue Queue, id submission.ID, now time.Time,
) (parked bool, err error) {
	r, err := w.config.Store.Load(ctx, id)
	switch problem.CodeOf(err) {
	case "", problem.NotFound, problem.RecordUnreadable:
	default:
		return false, err
	}
	if !r.WaitsForTurn() {
		return false, w.config.Store.Wait(ctx, id, now)
	}
	message := submission.Message{ID: id, Due: now.Add(w.config.IntentLease), Resumed: true}
	return true, w.enqueue(ctx, queue, message)
}

// resumeParkedOrLog is resumeParked, for a run of upkeep that goes on all the same: the next run
// looks again. It reports whether it succeeded.
func (w *Worker) resumeParkedOrLog(ctx context.Context, queue Queue) (resumed int, succeeded bool) {
	ctx, cancel := context.WithTimeout(ctx, resumeTime)
	defer cancel()
	resumed, err := w.resumeParked(ctx, queue)
	if err != nil {
		w.config.Log.ErrorContext(ctx, "parked requests could not be resumed", "code", problem.CodeOf(err), "error", err)
	}
	return resumed, err == nil
}
