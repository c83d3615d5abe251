package request

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
)

// gateRounds is how often a change of the gate is tried while others change it too.
const gateRounds = 16

// Gate is what all instances share about sending invitations: the circuit breaker, the pace and the
// day's budget. There is one for a tenant.
//
// The breaker is open while Cause is set: the tenant takes no invitations, so nothing is sent.
type Gate struct {
	// Cause is the tenant-wide failure that opened the breaker; empty while it is closed.
	Cause problem.Code
	// Ref is the directory's id of the call that failed.
	Ref string
	// OpenedAt is when the breaker was opened.
	OpenedAt time.Time
	// ProbeAt is when a single invitation may try whether the cause is gone; zero if only an admin can
	// say so.
	ProbeAt time.Time
	// ClosedBy is who closed the breaker last, at ClosedAt: the identity of a person, or AProbe.
	ClosedBy string
	ClosedAt time.Time
	// Day and Sent count the invitations of a day in UTC, see policy.Day.
	Day  string
	Sent int
	// Accepted counts the invitations that the directory has accepted, of all days. The last ones are
	// added with the next change of the gate. It tells a directory that fails for one request from one
	// that is down.
	Accepted int
	// NextAt is when the next invitation may be sent.
	NextAt time.Time
	// HeldUntil is until when the directory asked to be left alone, by everybody.
	HeldUntil time.Time
	// Pressure is how much of one of its limits the directory last reported as used, in percent, at
	// PressedAt. It reports from 80 on.
	Pressure  int
	PressedAt time.Time
	// Version is the store's mark of this state; empty for a gate that is not stored yet.
	Version string
}

// GateStore keeps the Gate. Errors are *problem.Error: Conflict as said below, else
// StorageUnavailable.
type GateStore interface {
	// Gate returns the gate as last saved; the zero Gate if none was.
	Gate(ctx context.Context) (Gate, error)
	// SaveGate replaces the gate and returns it with its new Version. Conflict if the stored gate no
	// longer has gate.Version.
	SaveGate(ctx context.Context, gate Gate) (Gate, error)
}

// Pace is how fast invitations may be sent, by all instances together.
type Pace struct {
	// Daily is the most invitations in a day (UTC); 0 for no limit.
	Daily int
	// Spacing is the least time between two invitations; 0 is none.
	Spacing time.Duration
}

// Close returns the gate with the breaker closed. Counters stay.
func (g Gate) Close(by string, now time.Time) Gate {
	g.Cause, g.Ref, g.OpenedAt, g.ProbeAt = "", "", time.Time{}, time.Time{}
	g.ClosedBy, g.ClosedAt = by, now
	return g
}

// CloseBreaker closes the breaker, as an admin does once the cause is gone, and returns the gate as
// it was before. A closed breaker stays closed. Errors are *problem.Error: Conflict,
// StorageUnavailable.
func CloseBreaker(ctx context.Context, gates GateStore, by string, now time.Time) (before Gate, err error) {
	return ChangeGate(ctx, gates, func(gate Gate) (Gate, bool) { return gate.Close(by, now), gate.Cause != "" })
}

// ChangeGate saves what change makes of the gate, and returns the gate that change saw last. change
// may be called several times; changed false leaves the gate as it is.
func ChangeGate(ctx context.Context, gates GateStore, change func(Gate) (next Gate, changed bool)) (before Gate, err error) {
	for range gateRounds {
		before, err = gates.Gate(ctx)
		if err != nil {
			return before, fmt.Errorf("reading the gate: %w", err)
		}
		next, changed := change(before)
		if !changed {
			return before, nil
		}
		_, err = gates.SaveGate(ctx, next)
		if err == nil {
			return before, nil
		}
		if problem.CodeOf(err) != problem.Conflict {
			return before, fmt.Errorf("saving the gate: %w", err)
		}
	}
	return before, problem.New(problem.Conflict, "others changed the gate %d times", gateRounds)
}
