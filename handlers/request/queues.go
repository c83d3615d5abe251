package request

import (
	"context"
	"time"
)

// Queues are the storage queues of the app, for what an output of a function can't do. Errors are
// *problem.Error: StorageUnavailable.
type Queues interface {
	// Put puts a message on the queue. It can be seen only after the delay and never expires. It is
	// there when Put returns, whatever becomes of the function.
	Put(ctx context.Context, queue string, message []byte, delay time.Duration) error
	// Length returns roughly how many messages are on the queue, hidden ones included, and whether
	// there is such a queue.
	Length(ctx context.Context, queue string) (n int, exists bool, err error)
}
