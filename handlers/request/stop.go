package request

import (
	"context"
	"time"

	"guestlist/handlers/problem"
)

// StoppedByAdmin is the cause of a breaker that a person has opened.
const StoppedByAdmin problem.Code = "stopped-by-admin"

// Stop is a person's order to send nothing. The zero Stop is none. It stands beside the cause that
// the directory may have given: neither replaces the other, and only a person ends it.
type Stop struct {
	By     string // the identity that the person signed in with
	Reason string // in the person's words; not for a log
	At     time.Time
	// ToldAt is when the line that alerts look for was written; zero if it is still to be.
	ToldAt time.Time
}

// Stands reports whether there is an order.
func (s Stop) Stands() bool { return !s.At.IsZero() }

// IsOpen reports whether the breaker is open: by the directory's answers, a person, or both.
func (g Gate) IsOpen() bool { return g.Cause != "" || g.Stop.Stands() }

// WhyOpen returns the cause of an open breaker: a person's order before the directory's answer. It
// is empty if the breaker is closed.
func (g Gate) WhyOpen() problem.Code {
	if g.Stop.Stands() {
		return StoppedByAdmin
	}
	return g.Cause
}

// OpenBreaker opens the breaker as a person does who wants nothing sent, and returns the gate as it
// was before. An order that stands already stays as it is. reason is required.
//
// An invitation that has its turn is still sent, within [LongestAttempt].
//
// Errors are *problem.Error: InvalidInput with a text for the person, Conflict, StorageUnavailable.
func OpenBreaker(
	ctx context.Context, gates GateStore, by, reason string, now time.Time,
) (before Gate, err error) {
	words, err := CheckWords("reason", reason, true)
	if err != nil {
		return Gate{}, err
	}
	return ChangeGate(ctx, gates, func(gate Gate) (Gate, bool) {
		if gate.Stop.Stands() {
			return gate, false
		}
		gate.Stop = Stop{By: by, Reason: words, At: now}
		return gate, true
	})
}

// CloseBreaker closes the breaker, as an admin does once the cause is gone, and returns the gate as
// it was before. A closed breaker stays closed. seen is when the order to stop was given that the
// admin knows of, or zero: another one stays, and all else with it.
//
// Errors are *problem.Error: Conflict, also if there is another order; StorageUnavailable.
func CloseBreaker(
	ctx context.Context, gates GateStore, by string, seen, now time.Time,
) (before Gate, err error) {
	unseen := false
	before, err = ChangeGate(ctx, gates, func(gate Gate) (Gate, bool) {
		unseen = gate.Stop.Stands() && !gate.Stop.At.Equal(seen)
		if unseen || !gate.IsOpen() {
			return gate, false
		}
		gate = gate.Close(by, now)
		gate.Stop = Stop{}
		return gate, true
	})
	if err == nil && unseen {
		const text = "somebody has stopped all invitations in the meantime; look again before closing"
		err = &problem.Error{Code: problem.Conflict, Public: text, Detail: text}
	}
	return before, err
}
