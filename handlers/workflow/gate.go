package workflow

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
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
	// ClosedBy is who closed the breaker last, at ClosedAt: the identity of a person, or AProbe.
	ClosedBy string
	ClosedAt time.Time
	// Day and Sent count the invitations of a day in UTC, see policy.Day.
	Day  string
	Sent int
	// NextAt is when the next invitation may be sent.
	NextAt time.Time
	// HeldUntil is until when the directory asked to be left alone, by everybody.
	HeldUntil time.Time
	// Pressure is how much of one of the directory's limits was used, in percent, when it was last said, at PressedAt. It is said from 80 on.
	Pressure  int
	PressedAt time.Time
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
	// wait is how long to wait before asking again; 0 means: send now, or after turn.
	wait time.Duration
	// turn is how long to wait before sending, without asking for another admission; see book.
	turn time.Duration
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
	if left := g.heldFor(now); left > 0 {
		return g, admission{wait: left, why: "the directory asked to come back later"}
	}
	if left := g.NextAt.Sub(now); left > 0 && left <= pace.Spacing+maxSlowdown+maxShortWait+clockError {
		return g, admission{wait: left, why: "invitations keep their distance"}
	}
	g.Sent++
	g.NextAt = now.Add(max(pace.Spacing, g.slowdown(now)))
	return g, admission{probe: g.Cause != ""}
}

const (
	// longestHold is more than the longest time for which the directory can ask to be left alone: its client listens to a day at most.
	longestHold = 25 * time.Hour
	// clockError is by how much the clocks of two instances may honestly differ. A time in the gate that no honest clock can have written comes
	// from one that was wrong, and stops nobody: it could be years ahead.
	clockError = time.Minute
)

// heldFor returns for how long the directory still wants to be left alone.
func (g Gate) heldFor(now time.Time) time.Duration {
	left := g.HeldUntil.Sub(now)
	if left > longestHold {
		return 0
	}
	return max(0, left)
}

// book is admit for who can wait up to patience: if only the pace or the directory's wish for rest stands in the way, and not for longer, the turn
// after that is taken now. All who wait would otherwise ask again at the same moment, and all but one in vain.
func (g Gate) book(now time.Time, pace Pace, patience time.Duration) (Gate, admission) {
	next, verdict := g.admit(now, pace)
	if verdict.wait == 0 || verdict.parked {
		return next, verdict
	}
	at := g.NextAt
	if g.HeldUntil.After(at) {
		at = g.HeldUntil
	}
	if g.Cause != "" || at.Sub(now) > patience {
		return g, verdict
	}
	next, then := g.admit(at, pace)
	if then.wait > 0 {
		return g, verdict
	}
	then.turn = at.Sub(now)
	return next, then
}

// press returns the gate as it is after the directory has said how much of a limit is used.
func (g Gate) press(now time.Time, percent int) Gate {
	g.Pressure, g.PressedAt = min(percent, maxPressure), now
	return g
}

const (
	// pressureLasts is how long a word on a limit counts: several times the ten seconds over which the directory counts most of them, and
	// longer than the widest distance, so that every invitation of a slow time renews it.
	pressureLasts = 30 * time.Second
	// maxSlowdown is the widest distance that pressure makes.
	maxSlowdown = 10 * time.Second
	// maxPressure is the highest pressure that is told apart; the directory's own documentation speaks of 180.
	maxPressure = 200
)

// slowdown returns the distance that the pressure asks for. It grows by e with every two and a half percent, from 20 ms at 93 %: so small at 80 %
// that nobody notices, and past any rate that the directory takes at 100 %. Between the two lies the rate at which the pressure stays as it
// is, whatever the limit and however many calls a guest costs: for 3,000 writes in 150 s and two for a guest that is at 97 %. A steeper slope
// would leave too little room for what is under way already.
func (g Gate) slowdown(now time.Time) time.Duration {
	if g.Pressure == 0 || now.Sub(g.PressedAt) > pressureLasts {
		return 0
	}
	d := float64(20*time.Millisecond) * math.Exp(float64(g.Pressure-93)/2.5)
	return time.Duration(min(d, float64(maxSlowdown)))
}

// hold returns the gate as it is after the directory has asked to be left alone until then.
func (g Gate) hold(now, until time.Time) Gate {
	if until.After(g.HeldUntil) || g.HeldUntil.Sub(now) > longestHold {
		g.HeldUntil = until
	}
	return g
}

// open returns the gate with the breaker opened by the failure. One that is open takes on the newer failure, with its next probe; but where only a
// person may close it, it stays as it is: a lesser failure must not let a probe through.
func (g Gate) open(now time.Time, failure *problem.Error, probe bool) Gate {
	if g.Cause != "" && g.ProbeAt.IsZero() {
		return g
	}
	if g.Cause == "" {
		g.OpenedAt = now
	}
	g.Cause, g.Ref, g.ProbeAt = failure.Code, failure.Ref, time.Time{}
	if probe {
		g.ProbeAt = now.Add(max(probeEvery, failure.RetryAfter))
	}
	return g
}

// AProbe is who closes the breaker when an invitation that tried went through.
const AProbe = "a probe that went through"

// Close returns the gate with the breaker closed, by whom and when; what is counted stays counted.
func (g Gate) Close(by string, now time.Time) Gate {
	g.Cause, g.Ref, g.OpenedAt, g.ProbeAt = "", "", time.Time{}, time.Time{}
	g.ClosedBy, g.ClosedAt = by, now
	return g
}

// CloseBreaker closes the breaker, as an admin does once the cause is gone, and returns the gate as it was before. It is no error if it is closed.
// Errors are *problem.Error: Conflict, StorageUnavailable.
func CloseBreaker(ctx context.Context, gates GateStore, by string, now time.Time) (before Gate, err error) {
	return changeGate(ctx, gates, func(gate Gate) (Gate, bool) { return gate.Close(by, now), gate.Cause != "" })
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

// Pressure takes what the directory says of its limits, until the gate is next written: then all instances know. It may be used by several
// goroutines at once.
type Pressure struct{ percent atomic.Int64 }

// Report is told how much of a limit is used, where 1 is all of it.
func (p *Pressure) Report(used float64) {
	percent := int64(min(used*100, maxPressure))
	for {
		before := p.percent.Load()
		if percent <= before || p.percent.CompareAndSwap(before, percent) {
			return
		}
	}
}

// take returns the highest pressure since the last take, in percent; 0 if there was none.
func (p *Pressure) take() int {
	if p == nil {
		return 0
	}
	return int(p.percent.Swap(0))
}
