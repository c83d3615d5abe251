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
	// MaxClients bounds the memory: of at least as many clients it is known what they sent lately, and never of more than twice as many.
	// An entry takes about 100 bytes.
	MaxClients int
	Now        func() time.Time
}

// Brake counts what clients send. It is safe for concurrent use.
//
// It is the generic cell rate algorithm: of each client it keeps the moment at which all that it sent is paid off, at one unit every
// Every.
type Brake struct {
	config Config

	mu sync.Mutex
	// The clients are kept in two generations: when the younger one is full it becomes the older one, and what only the former older one
	// knew is forgotten. That takes no scan and no list, however many clients there are.
	young, old map[string]time.Time
}

// New returns a Brake that knows no client.
func New(config Config) (*Brake, error) {
	switch {
	case config.Burst < 1 || config.Every <= 0 || config.MaxClients < 1:
		return nil, errors.New("brake: the burst, the time for one more and the number of clients must be positive")
	case config.Now == nil:
		return nil, errors.New("brake: the clock is missing")
	}
	return &Brake{config: config, young: make(map[string]time.Time)}, nil
}

// Take counts one thing that the client sends. It returns zero if that may pass, else how long the client has to wait; what may not pass is
// not counted, so that waiting that long is enough.
//
// Who has no name, "", is not slowed down: see [Client].
func (b *Brake) Take(client string) time.Duration {
	if client == "" {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.config.Now()
	paid, known := b.young[client]
	if !known {
		paid = b.old[client]
	}
	if paid.Before(now) {
		paid = now
	}
	paid = paid.Add(b.config.Every)
	ahead := paid.Sub(now) - time.Duration(b.config.Burst)*b.config.Every
	if ahead > 0 {
		return ahead
	}
	if !known && len(b.young) >= b.config.MaxClients {
		b.old, b.young = b.young, make(map[string]time.Time)
	}
	b.young[client] = paid
	return 0
}
