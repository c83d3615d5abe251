package sessiontest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/session"
)

// Memory keeps sessions in memory. It is empty at first.
type Memory struct {
	mu       sync.Mutex
	sessions map[session.Key]session.Session
	failure  error
}

var _ session.Store = (*Memory)(nil)

// Fail makes every call fail with err; nil ends that.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure = err
}

// Len returns how many sessions there are.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions)
}

// All returns the sessions, in no order.
func (m *Memory) All() []session.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []session.Session
	for _, s := range m.sessions {
		all = append(all, copied(s))
	}
	return all
}

// begin locks the store, and returns why a call can't be served.
func (m *Memory) begin(ctx context.Context) error {
	m.mu.Lock()
	if ctx.Err() != nil {
		return problem.New(problem.StorageUnavailable, "given up: %w", ctx.Err())
	}
	return m.failure
}

// SaveSession implements [session.Store].
func (m *Memory) SaveSession(ctx context.Context, key session.Key, s session.Session) error {
	err := m.begin(ctx)
	defer m.mu.Unlock()
	if err != nil {
		return err
	}
	if s.Person == "" || s.Until.IsZero() || len(s.Groups) > session.MaxGroups {
		return problem.New(problem.Internal, "a session without a person or an end, or with %d groups", len(s.Groups))
	}
	for _, id := range append([]string{s.Person}, s.Groups...) {
		parsed, err := uuid.Parse(id)
		if err != nil || parsed.String() != id {
			return problem.New(problem.Internal, "an id of a session is not a GUID in lower case")
		}
	}
	if m.sessions == nil {
		m.sessions = map[session.Key]session.Session{}
	}
	s = copied(s)
	s.Until = s.Until.UTC().Truncate(100 * time.Nanosecond)
	m.sessions[key] = s
	return nil
}

// Session implements [session.Store].
func (m *Memory) Session(ctx context.Context, key session.Key) (session.Session, error) {
	err := m.begin(ctx)
	defer m.mu.Unlock()
	if err != nil {
		return session.Session{}, err
	}
	s, known := m.sessions[key]
	if !known {
		return session.Session{}, problem.New(problem.NotFound, "there is no such session")
	}
	return copied(s), nil
}

// EndSession implements [session.Store].
func (m *Memory) EndSession(ctx context.Context, key session.Key) error {
	err := m.begin(ctx)
	defer m.mu.Unlock()
	if err == nil {
		delete(m.sessions, key)
	}
	return err
}

// ForgetSessions implements [session.Store]. It always begins at the beginning.
func (m *Memory) ForgetSessions(ctx context.Context, before time.Time, _ string, limit int) (next string, err error) {
	err = m.begin(ctx)
	defer m.mu.Unlock()
	if err != nil {
		return "", err
	}
	for key, s := range m.sessions {
		if !s.Until.Before(before) {
			continue
		}
		if limit <= 0 {
			return "more", nil
		}
		limit--
		delete(m.sessions, key)
	}
	return "", nil
}

func copied(s session.Session) session.Session {
	s.Roles, s.Groups = slices.Clone(s.Roles), slices.Clone(s.Groups)
	return s
}
