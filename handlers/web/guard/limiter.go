package guard

import (
	"errors"
	"sync"
	"time"
)

// Limit is how much a client may post: Burst at once, then one more after each Every. The zero
// value means no limit.
type Limit struct {
	Burst int
	Every time.Duration
}

// maxClients bounds the memory: the limiter remembers from so many to twice as many clients, each
// in about 100 bytes. It is more than a campaign brings in ten minutes.
const maxClients = 10_000

// limiter limits what each client sends, by the generic cell rate algorithm.
//
// It counts in the memory of one instance, since a public function may read no table: with n
// instances a client gets up to n times as much, and a restart forgets. It keeps one sender from
// filling the queue in minutes. Against many senders there is the captcha.
type limiter struct {
	limit      Limit
	maxClients int
	now        func() time.Time

	mu sync.Mutex
	// For each client, the time at which all that it sent is paid off, at one unit every Every. The
	// clients are in two generations: when young is full it becomes old, and the former old is
	// forgotten. That takes no scan and no list.
	young, old map[string]time.Time
}

func newLimiter(limit Limit, maxClients int, now func() time.Time) (*limiter, error) {
	switch {
	case limit.Burst < 1 || limit.Every <= 0 || maxClients < 1:
		return nil, errors.New("guard: the burst, the time for one more and the number of clients must be positive")
	case now == nil:
		return nil, errors.New("guard: the clock is missing")
	}
	return &limiter{limit: limit, maxClients: maxClients, now: now, young: make(map[string]time.Time)}, nil
}

// take counts one thing that the client sends. It returns zero if that may pass, else how long the
// client has to wait; what may not pass is not counted. A nil limiter and the client "", see
// clientOf, have no limit.
func (l *limiter) take(client string) time.Duration {
	if l == nil || client == "" {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	paid, known := l.young[client]
	if !known {
		paid = l.old[client]
	}
	if paid.Before(now) {
		paid = now
	}
	paid = paid.Add(l.limit.Every)
	ahead := paid.Sub(now) - time.Duration(l.limit.Burst)*l.limit.Every
	if ahead > 0 {
		return ahead
	}
	if !known && len(l.young) >= l.maxClients {
		l.old, l.young = l.young, make(map[string]time.Time)
	}
	l.young[client] = paid
	return 0
}
