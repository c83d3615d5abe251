package workflow

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"guestlist/handlers/submission"
)

// rememberedReturns is how many messages a Worker remembers that it has put back; twice as many at
// most.
const rememberedReturns = 4096

// putBacks remembers which messages this Worker has put back on their queue, so that their copies
// die out. Storage that works half of the time makes copies: a put that failed has happened all the
// same, or a message that was worked on can't be deleted and comes again. If each of them were put
// back, they would double with every round.
//
// It only saves work: a Worker that remembers nothing puts a copy back.
type putBacks struct {
	mutex sync.Mutex
	// latest and before are how often the messages had come back when they were put back last. Of
	// too many, those that were put back longest ago are forgotten.
	latest, before map[messageKey]int
}

// messageKey tells a message from others, whatever copy it is and however often it came back.
type messageKey [sha256.Size]byte

// has reports whether the message is on the queue, or was worked on since, as one that has come
// back more often than that.
func (p *putBacks) has(key messageKey, returns int) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return max(p.latest[key], p.before[key]) > returns
}

// note remembers that the message is on the queue as one that has come back so often.
func (p *putBacks) note(key messageKey, returns int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.latest == nil || len(p.latest) >= rememberedReturns {
		p.before, p.latest = p.latest, map[messageKey]int{}
	}
	p.latest[key] = max(returns, p.before[key], p.latest[key])
}

// onceMore returns how often a message has come back when it comes once more. One that says that it has
// as often as it can is forged, and goes on saying so.
func onceMore(returns int) int { return min(returns+1, submission.MaxReturns) }

// putAgain puts a message on the queue again that has come back returns times. body is the message
// as one that has come back once more, and plain as one that never has. A copy of one that this
// Worker has put back already is dropped.
func (w *Worker) putAgain(ctx context.Context, queue string, plain, body []byte, returns int, delay time.Duration) error {
	key := messageKey(sha256.Sum256(append([]byte(queue+"\n"), plain...)))
	if w.putBacks.has(key, returns) {
		return nil
	}
	err := w.config.Queues.Put(ctx, queue, body, delay)
	if err == nil {
		w.putBacks.note(key, onceMore(returns))
	}
	return err
}
