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
	// upkeepBatch is the most requests that one run of upkeep puts back on the queue; the rest is due at the next. By the minute it is as many as the
	// directory takes: 3,000 writes in 150 s.
	upkeepBatch = 1200
	// eraseBatch is the most requests whose personal data one run of upkeep erases.
	eraseBatch = 100
	// sweepEvery is how often upkeep looks through all requests for what is old. An instance that has just started looks at once.
	sweepEvery = time.Hour
)

// Queue takes a message that asks to advance a request.
type Queue interface {
	Enqueue(ctx context.Context, message []byte) error
}

// Upkeep puts every request that has become due on the queue, and returns how many those were. Now and then it also erases the personal data that
// was kept long enough, and tells of requests that wait too long.
//
// Each is postponed by the lease before it is enqueued: if the message is lost, because the process ends before the host has it, the request
// comes up again, and a slow queue does not fill with copies.
func (m *Worker) Upkeep(ctx context.Context, queue Queue) (int, error) {
	due, err := m.enqueueDue(ctx, queue)
	if err != nil {
		return due, err
	}
	erased, err := m.sweep(ctx)
	if err != nil {
		// What is due is enqueued, and must reach the queue. The sweep is done again at the next run.
		m.config.Log.ErrorContext(ctx, "what is old could not be looked through", "code", problem.CodeOf(err), "error", err)
	}
	m.config.Log.InfoContext(ctx, LogUpkeep, "due", due, "erased", erased)
	return due, nil
}

func (m *Worker) enqueueDue(ctx context.Context, queue Queue) (int, error) {
	now := m.config.Now()
	ids, err := m.config.Store.Due(ctx, now, upkeepBatch)
	if err != nil {
		return 0, fmt.Errorf("listing due requests: %w", err)
	}
	for i, id := range ids {
		again := now.Add(m.config.IntentLease)
		err = m.config.Store.Wait(ctx, id, again)
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

// sweep erases what was kept long enough, in bounded steps, and tells of what waits too long. It returns how many requests it erased.
func (m *Worker) sweep(ctx context.Context) (erased int, err error) {
	now := m.config.Now()
	if now.UnixNano() < m.sweepAt.Load() {
		return 0, nil
	}
	erased, more, err := m.retire(ctx, now)
	if err != nil || more {
		return erased, err
	}
	standing, err := m.config.Records.Standing(ctx, request.Overdue(now))
	if err != nil {
		return erased, fmt.Errorf("counting what waits too long: %w", err)
	}
	for _, state := range slices.Sorted(maps.Keys(standing)) {
		m.config.Log.WarnContext(ctx, LogOverdue, "state", state, "requests", standing[state].Requests, "oldest", standing[state].Oldest.Issued())
	}
	m.sweepAt.Store(now.Add(sweepEvery).UnixNano())
	return erased, nil
}

// retire erases the personal data of requests that were finished before the retention time, and forgets messages that were kept for as long, and
// mails of withdrawn requests that were sent as long ago. more says that there are others.
func (m *Worker) retire(ctx context.Context, now time.Time) (erased int, more bool, err error) {
	if m.config.Retention == 0 {
		return 0, false, nil
	}
	before := now.Add(-m.config.Retention)
	ids, err := m.config.Records.Expired(ctx, before, eraseBatch)
	if err != nil {
		return 0, false, fmt.Errorf("looking for requests that are kept long enough: %w", err)
	}
	for _, id := range ids {
		r, err := m.config.Store.Load(ctx, id)
		if problem.CodeOf(err) == problem.Internal {
			// A record that can't be read: a person must look at it, and the others need not wait for that.
			m.config.Log.ErrorContext(ctx, "a request that was kept long enough can't be read", "request", id, "error", err)
			continue
		}
		if err != nil {
			return erased, false, fmt.Errorf("loading request %s: %w", id, err)
		}
		if !r.State.Finished() || !r.Erased.IsZero() || !r.Changed.Before(before) {
			continue
		}
		w := m.change(r)
		w.Erase("the personal data was erased, since it was kept for " + fmt.Sprint(int(m.config.Retention/(24*time.Hour))) + " days")
		w.Request.Resend = request.Instruction{}
		err = w.save(ctx)
		if problem.CodeOf(err) == problem.Conflict {
			continue // somebody has work with it after all
		}
		if err != nil {
			return erased, false, fmt.Errorf("erasing request %s: %w", id, err)
		}
		erased++
	}
	kept, err := m.config.Poison.AllPoison(ctx)
	if err != nil {
		return erased, false, fmt.Errorf("looking through the kept messages: %w", err)
	}
	for _, poison := range kept {
		if !poison.At.Before(before) {
			continue
		}
		err = m.config.Poison.DropPoison(ctx, poison.ID)
		if err != nil {
			return erased, false, fmt.Errorf("forgetting a kept message: %w", err)
		}
	}
	forgotten, err := m.config.Records.ForgetMails(ctx, request.Mails{Before: before}, eraseBatch)
	if err != nil {
		return erased, false, fmt.Errorf("forgetting the mails of withdrawn requests: %w", err)
	}
	return erased, len(ids) == eraseBatch && erased > 0 || forgotten == eraseBatch, nil
}
