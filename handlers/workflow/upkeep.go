package workflow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// upkeepBatch is the most requests that one run of upkeep enqueues; the rest is due at the next. By
// the minute it is as many as the directory takes: 3,000 writes in 150 s.
const upkeepBatch = 1200

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

// Upkeep enqueues every request that has become due, and parked requests as the gate has room for
// them, the oldest first. It returns how many it enqueued. Before, it looks for policy rows under
// keys that match nobody, so that they count within a minute. It also goes on with the sweep, which
// erases personal data that was kept long enough, and logs requests that wait too long. It always
// logs how many messages are on the queues. It tells those who decide what waits for them. And it
// keeps the names of the groups that policy rows name, for the pages on which they decide.
//
// What it reads does not grow with all that there ever was: the gate, the entries of what waits,
// and one page of each table that is swept.
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
	resumed, looked := w.resumeParkedOrLog(ctx, queue)
	due, err := w.enqueueDue(ctx, queue)
	due += resumed
	if err != nil {
		w.config.Log.ErrorContext(ctx, "not all due requests could be enqueued", "due", due, "code", problem.CodeOf(err), "error", err)
		if due == 0 {
			return 0, err
		}
		return due, nil
	}
	if looked {
		w.config.Log.InfoContext(ctx, LogUpkeep, "due", due)
	}
	w.sendNotices(ctx)
	err = w.sweep(ctx)
	if err != nil {
		// The next run goes on from where this one stopped.
		w.config.Log.ErrorContext(ctx, "the sweep for old data failed", "code", problem.CodeOf(err), "error", err)
	}
	w.nameGroups(ctx)
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
		err = w.enqueue(ctx, queue, submission.Message{ID: id, Due: now.Add(w.config.IntentLease)})
		if err != nil {
			return i, err
		}
	}
	return len(ids), nil
}

// enqueue postpones the request of the message until the due time in it, and enqueues it.
func (w *Worker) enqueue(ctx context.Context, queue Queue, message submission.Message) error {
	err := w.config.Store.Postpone(ctx, message.ID, message.Due)
	if err != nil {
		return fmt.Errorf("postponing request %s: %w", message.ID, err)
	}
	encoded, err := message.Encode()
	if err != nil {
		return err
	}
	err = queue.Enqueue(ctx, encoded)
	if err != nil {
		return fmt.Errorf("enqueuing request %s: %w", message.ID, err)
	}
	return nil
}
