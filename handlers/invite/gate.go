package invite

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

// Gate is what all instances share about sending invitations: the breaker, the pace and the day's budget. There is one for a tenant.
//
// The breaker is open while Cause is set: nothing is sent, because the tenant takes no invitations from anybody, and to go on trying makes
// it worse.
type Gate struct {
	// Cause is the tenant-wide failure that opened the breaker; empty while it is closed.
	Cause problem.Code
	// Ref is the directory's own id of the call that failed.
	Ref string
	// OpenedAt is when the breaker was opened.
	OpenedAt time.Time
	// ProbeAt is when a single invitation may try whether the cause is gone; zero where only an admin can say so.
	ProbeAt time.Time
	// Day and Sent count the invitations of a day in UTC, see policy.Day.
	Day  string
	Sent int
	// NextAt is when the next invitation may be sent.
	NextAt time.Time
	// Version is the store's mark of this very state; empty for a gate that is not stored yet.
	Version string
}

// GateStore keeps the Gate. Errors are *problem.Error: Conflict as said below, StorageUnavailable otherwise.
type GateStore interface {
	// Gate returns the gate as last saved; the zero Gate if none was.
	Gate(ctx context.Context) (Gate, error)
	// SaveGate replaces the gate and returns it with its new Version. Conflict if it is no longer of gate.Version.
	SaveGate(ctx context.Context, gate Gate) (Gate, error)
}

// Pace is how fast invitations may be sent, by all instances together.
type Pace struct {
	// Daily is the most invitations in a day (UTC); 0 is no limit.
	Daily int
	// Spacing is the least time between two invitations; 0 is none.
	Spacing time.Duration
}

const (
	// probeEvery is how long an open breaker rests between two probes.
	probeEvery = time.Hour
	// parkedLook is how often a parked request looks at a breaker that only an admin closes.
	parkedLook = 15 * time.Minute
	// gateRounds is how often a change of the gate is tried while others change it too.
	gateRounds = 16
)

// admission is the gate's answer to one invitation.
type admission struct {
	// wait is how long to wait before asking again; 0 means: send now.
	wait time.Duration
	// parked says that the tenant, or the day's budget, stands in the way, not just the pace.
	parked bool
	// why is for an admin.
	why string
	// probe says that the breaker is open and this one invitation may try whether its cause is gone.
	probe bool
}

// admit returns the gate as it is after one more invitation, or why there may not be one now. It is a pure function.
func (g Gate) admit(now time.Time, pace Pace) (Gate, admission) {
	if g.Cause != "" {
		if g.ProbeAt.IsZero() {
			return g, admission{wait: parkedLook, parked: true, why: "the breaker is open (" + string(g.Cause) + "): an admin must close it"}
		}
		if now.Before(g.ProbeAt) {
			return g, admission{wait: g.ProbeAt.Sub(now), parked: true, why: "the breaker is open (" + string(g.Cause) + ")"}
		}
		g.ProbeAt = now.Add(probeEvery)
	}
	if day := policy.Day(now); g.Day != day {
		g.Day, g.Sent = day, 0
	}
	if pace.Daily > 0 && g.Sent >= pace.Daily {
		tomorrow := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		return g, admission{wait: tomorrow.Sub(now), parked: true, why: fmt.Sprintf("the day's invitations (%d) are sent", pace.Daily)}
	}
	if now.Before(g.NextAt) {
		return g, admission{wait: g.NextAt.Sub(now), why: "invitations keep their distance"}
	}
	g.Sent++
	g.NextAt = now.Add(pace.Spacing)
	return g, admission{probe: g.Cause != ""}
}

// open returns the gate with the breaker opened by the failure. A breaker that is open stays as it is but for the next probe.
func (g Gate) open(now time.Time, failure *problem.Error, probe bool) Gate {
	if g.Cause == "" {
		g.OpenedAt = now
	}
	g.Cause, g.Ref, g.ProbeAt = failure.Code, failure.Ref, time.Time{}
	if probe {
		g.ProbeAt = now.Add(max(probeEvery, failure.RetryAfter))
	}
	return g
}

// Close returns the gate with the breaker closed; what is counted stays counted.
func (g Gate) Close() Gate {
	g.Cause, g.Ref, g.OpenedAt, g.ProbeAt = "", "", time.Time{}, time.Time{}
	return g
}

// changeGate saves what change makes of the gate. change may be called several times; changed false leaves the gate as it is. The gate that
// it last saw is returned.
func changeGate(ctx context.Context, gates GateStore, change func(Gate) (next Gate, changed bool)) (before Gate, err error) {
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
