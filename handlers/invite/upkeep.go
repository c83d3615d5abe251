package invite

import (
	"context"
	"fmt"

	"guestlist/handlers/submission"
)

// upkeepBatch is the most requests that one run of upkeep puts back on the queue; the rest is due at the next.
const upkeepBatch = 500

// Queue takes a message that asks to advance a request.
type Queue interface {
	Enqueue(ctx context.Context, message []byte) error
}

// Upkeep puts every request that has become due on the queue, and returns how many those were.
//
// Each is postponed by the lease before it is enqueued: if the message is lost, because the process ends before the host has it, the request
// comes up again, and a slow queue does not fill with copies.
func (m *Machine) Upkeep(ctx context.Context, queue Queue) (int, error) {
	now := m.config.Now()
	ids, err := m.config.Store.Due(ctx, now, upkeepBatch)
	if err != nil {
		return 0, fmt.Errorf("listing due requests: %w", err)
	}
	for i, id := range ids {
		err = m.config.Store.Wait(ctx, id, now.Add(m.config.IntentLease))
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
