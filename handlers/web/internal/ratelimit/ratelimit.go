package ratelimit

import (
	"errors"
	"sync"
	"time"
)

// Config says how much a client may send. All fields are required.
type Config struct {
	// Burst is how many may come at once from a client that was quiet.
	Burst int
	// Every is the time after which one more may come.
	Every time.Duration
	// MaxClients bounds the memory: the limiter remembers from MaxClients to twice as many clients. An
	// entry takes about 100 bytes.
	MaxClients int
	Now        func() time.Time
}

// Limiter limits what each client sends, by the generic cell rate algorithm. It is safe for
// concurrent use.
type Limiter struct {
	config Config

	mu sync.Mutex
	// For each client, the time at which all that it sent is paid off, at one unit every Every. The
	// clients are in two generations: when young is full it becomes old, and the former old is
	// forgotten. That takes no scan and no list.
	young, old map[string]time.Time
}

// New returns a Limiter that knows no client.
func New(config Config) (*Limiter, error) {
	switch {
	case config.Burst < 1 || config.Every <= 0 || config.MaxClients < 1:
		return nil, errors.New("ratelimit: the burst, the time for one more and the number of clients must be positive")
	case config.Now == nil:
		return nil, errors.New("ratelimit: the clock is missing")
	}
	return &Limiter{config: config, young: make(map[string]time.Time)}, nil
}

// Take counts one thing that the client sends. It returns zero if that may pass, else how long the
// client has to wait; what may not pass is not counted. A nil Limiter and the client "", see
// [Client], have no limit.
func (l *Limiter) Take(client string) time.Duration {
	if l == nil || client == "" {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.config.Now()
	paid, known := l.young[client]
	if !known {
		paid = l.old[client]
	}
	if paid.Before(now) {
		paid = now
	}
	paid = paid.Add(l.config.Every)
	ahead := paid.Sub(now) - time.Duration(l.config.Burst)*l.config.Every
	if ahead > 0 {
		return ahead
	}
	if !known && len(l.young) >= l.config.MaxClients {
		l.old, l.young = l.young, make(map[string]time.Time)
	}
	l.young[client] = paid
	return 0
}
