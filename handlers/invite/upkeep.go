package invite

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/submission"
)

const (
	// upkeepBatch is the most requests that one run of upkeep puts back on the queue; the rest is due at the next.
	upkeepBatch = 500
	// upkeepPostpone is when a request that was put on the queue is put there again if nothing has come of it: long enough for a
	// busy queue, short enough for a lost message.
	upkeepPostpone = 5 * time.Minute
)

// Queue takes a message that asks to advance a request.
type Queue interface {
	Enqueue(ctx context.Context, message []byte) error
}

// Upkeep puts every request that has become due on the queue, and returns how many those were.
//
// Each is postponed before it is enqueued: if the message is lost it comes up again, and a slow queue does not fill with copies.
func (m *Machine) Upkeep(ctx context.Context, queue Queue) (int, error) {
	now := m.config.Now()
	ids, err := m.config.Store.Due(ctx, now, upkeepBatch)
	if err != nil {
		return 0, fmt.Errorf("listing due requests: %w", err)
	}
	for i, id := range ids {
		err = m.config.Store.Wait(ctx, id, now.Add(upkeepPostpone))
		if err != nil {
			return i, fmt.Errorf("postponing request %s: %w", id, err)
		}
		encoded, err := submission.Message{ID: id}.Encode()
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
