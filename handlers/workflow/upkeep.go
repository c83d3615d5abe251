package workflow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	// upkeepBatch is the most requests that one run of upkeep enqueues; the rest is due at the
	// next. By the minute it is as many as the directory takes: 3,000 writes in 150 s.
	upkeepBatch = 1200
	// eraseBatch is the most requests whose personal data one run of upkeep erases.
	eraseBatch = 100
	// sweepEvery is how often upkeep looks through all requests. A new instance does so at once.
	sweepEvery = time.Hour
)

// Queue takes a message that asks to advance a request.
type Queue interface {
	Enqueue(ctx context.Context, message []byte) error
}

// How long the parts of a run may take. The app ends a function after 90 s, and the host has none
// of the messages of a function that was ended, or failed.
const (
	countTime = 5 * time.Second
	// resumeStop is when making parked requests due stops with what it has, and resumeTime when a
	// call in it is cut off. The rest follows at the next run.
	resumeStop = 7 * time.Second
	resumeTime = 10 * time.Second
	// dueTime is when enqueuing stops with what it has, at least one request, and dueLimit when a
	// call in it is cut off.
	dueTime  = 35 * time.Second
	dueLimit = 50 * time.Second
	// upkeepTime is when the run is cut off, whatever it does.
	upkeepTime = 75 * time.Second
)

// Upkeep enqueues every request that has become due, the oldest first, and returns how many those
// were. Parked requests become due as the gate has room for them. Before, it looks for policy rows
// under keys that match nobody, so that they count within a minute. Once in a while it also erases
// personal data that was kept long enough, and logs requests that wait too long. It always logs how
// many messages are on the queues.
//
// It ends within 80 s with what it has done by then; the rest is due at the next run. An error
// means that nothing was enqueued: a failure after that is only logged, since the messages of a
// failed function are not sent. Each part logs a line of its own once its work is done, and only
// then.
//
// Each request is postponed by the lease before it is enqueued: if the message is lost, because the
// process ends before the host has it, the request comes up again, and a slow queue does not fill
// with copies.
func (w *Worker) Upkeep(ctx context.Context, queue Queue) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, upkeepTime)
	defer cancel()
	w.countMessages(ctx)
	w.findStrays(ctx)
	resumed := w.resumeParkedOrLog(ctx)
	due, err := w.enqueueDue(ctx, queue)
	if err != nil {
		w.config.Log.ErrorContext(ctx, "not all due requests could be enqueued", "due", due, "code", problem.CodeOf(err), "error", err)
		if due == 0 {
			return 0, err
		}
		return due, nil
	}
	if resumed {
		w.config.Log.InfoContext(ctx, LogUpkeep, "due", due)
	}
	err = w.sweep(ctx)
	if err != nil {
		// The next run sweeps again.
		w.config.Log.ErrorContext(ctx, "the sweep for old data failed", "code", problem.CodeOf(err), "error", err)
	}
	return due, nil
}

// countMessages logs how many messages are on the queues. Nothing else looks at those that no
// function gets any more.
func (w *Worker) countMessages(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	signups, _, err := w.config.Queues.Length(ctx, submission.Queue)
	var poison int
	if err == nil {
		poison, _, err = w.config.Queues.Length(ctx, submission.PoisonQueue)
	}
	if err != nil {
		w.config.Log.WarnContext(ctx, "messages can't be counted", "code", problem.CodeOf(err), "error", err)
		return
	}
	w.config.Log.InfoContext(ctx, LogQueues, "signups", signups, "poison", poison)
}

// enqueueDue enqueues what is due until its time is over, and returns how many requests it
// enqueued, also with an error.
func (w *Worker) enqueueDue(ctx context.Context, queue Queue) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, dueLimit)
	defer cancel()
	now := w.config.Now()
	ids, err := w.config.Store.Due(ctx, now, upkeepBatch)
	if err != nil {
		return 0, fmt.Errorf("listing due requests: %w", err)
	}
	slices.Sort(ids) // the oldest first
	for i, id := range ids {
		if i > 0 && w.config.Now().Sub(now) > dueTime {
			return i, nil
		}
		again := now.Add(w.config.IntentLease)
		err = w.config.Store.Postpone(ctx, id, again)
		if err != nil {
			return i, fmt.Errorf("postponing request %s: %w", id, err)
		}
		encoded, err := submission.Message{ID: id, Due: again}.Encode()
		if err != nil {
			return i, err
		}
		err = queue.Enqueue(ctx, encoded)
		if err != nil {
			return i, fmt.Errorf("enqueuing request %s: %w", id, err)
		}
	}
	return len(ids), nil
}

// sweep erases what was kept long enough, in bounded steps, and logs what waits too long.
func (w *Worker) sweep(ctx context.Context) error {
	now := w.config.Now()
	if now.UnixNano() < w.sweepAt.Load() {
		return nil
	}
	erased, more, err := w.erase(ctx, now)
	if err != nil {
		return err
	}
	if !more {
		standing, err := w.config.Records.Standing(ctx, request.Overdue(now))
		if err != nil {
			return fmt.Errorf("counting the requests that wait too long: %w", err)
		}
		for _, state := range slices.Sorted(maps.Keys(standing)) {
			w.config.Log.WarnContext(ctx, LogOverdue, "state", state,
				"requests", standing[state].Requests, "oldest", standing[state].Oldest.Issued())
		}
		w.sweepAt.Store(now.Add(sweepEvery).UnixNano())
	}
	w.config.Log.InfoContext(ctx, LogSwept, "erased", erased)
	return nil
}

// erase erases some of what was kept long enough. It returns how many requests that were, and
// whether there is more to do at the next run.
func (w *Worker) erase(ctx context.Context, now time.Time) (erased int, more bool, err error) {
	if w.config.Retention == 0 {
		return 0, false, nil
	}
	before := now.Add(-w.config.Retention)
	found, erased, err := w.eraseExpired(ctx, before)
	if err != nil {
		return erased, true, err
	}
	err = w.dropOldDeadLetters(ctx, before)
	if err != nil {
		return erased, true, err
	}
	forgotten, err := w.config.Records.ForgetMails(ctx, request.Mails{Before: before}, eraseBatch)
	if err != nil {
		return erased, true, fmt.Errorf("forgetting the mails of withdrawn requests: %w", err)
	}
	return erased, found == eraseBatch && erased > 0 || forgotten == eraseBatch, nil
}

// eraseExpired erases the personal data of requests that were finished before the time, and returns
// how many it found and how many it erased.
func (w *Worker) eraseExpired(ctx context.Context, before time.Time) (found, erased int, err error) {
	now := w.config.Now()
	ids, err := w.config.Records.Expired(ctx, before, eraseBatch)
	if err != nil {
		return 0, 0, fmt.Errorf("looking for expired requests: %w", err)
	}
	for _, id := range ids {
		r, err := w.config.Store.Load(ctx, id)
		if problem.CodeOf(err) == problem.RecordUnreadable {
			// It was found by its state, its time and its address, so these can be read.
			err = w.config.Store.EraseUnreadable(ctx, id, request.Erasure{Data: true, At: now})
			if err != nil {
				// A person has to look at it; the others need not wait for that.
				w.config.Log.ErrorContext(ctx, LogUnreadable, "request", id, "error", err)
				continue
			}
			erased++
			continue
		}
		if err != nil {
			return len(ids), erased, fmt.Errorf("loading request %s: %w", id, err)
		}
		if !r.State.Finished() || !r.Erased.IsZero() || !r.Changed.Before(before) {
			continue
		}
		j := w.newJob(r)
		j.Erase(fmt.Sprintf("the personal data was erased, since it was kept for %d days", w.config.Retention/(24*time.Hour)))
		j.Request.Resend = request.Instruction{}
		err = j.save(ctx)
		if problem.CodeOf(err) == problem.Conflict {
			continue // somebody is working on it after all
		}
		if err != nil {
			return len(ids), erased, fmt.Errorf("erasing request %s: %w", id, err)
		}
		erased++
	}
	return len(ids), erased, nil
}

// dropOldDeadLetters forgets the dead letters that were kept before the time.
func (w *Worker) dropOldDeadLetters(ctx context.Context, before time.Time) error {
	kept, err := w.config.DeadLetters.AllDeadLetters(ctx)
	if err != nil {
		return fmt.Errorf("reading the dead letters: %w", err)
	}
	for _, letter := range kept {
		if !letter.At.Before(before) {
			continue
		}
		err = w.config.DeadLetters.DropDeadLetter(ctx, letter.ID)
		if err != nil {
			return fmt.Errorf("forgetting a dead letter: %w", err)
		}
	}
	return nil
}
