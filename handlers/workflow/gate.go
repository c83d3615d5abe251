package workflow

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// probeEvery is how long an open breaker rests between two probes.
	probeEvery = time.Hour
	// parkedLook is how often a parked request looks at a breaker that only an admin closes.
	parkedLook = 15 * time.Minute
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

// admit returns the gate as it is after one more invitation, or why there may not be one now. It is
// a pure function.
func admit(g request.Gate, now time.Time, pace request.Pace) (request.Gate, admission) {
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
	if left := heldFor(g, now); left > 0 {
		return g, admission{wait: left, why: "the directory asked to come back later"}
	}
	if left := g.NextAt.Sub(now); left > 0 && left <= pace.Spacing+maxSlowdown+maxShortWait+clockError {
		return g, admission{wait: left, why: "invitations keep their distance"}
	}
	g.Sent++
	g.NextAt = now.Add(max(pace.Spacing, slowdown(g, now)))
	return g, admission{probe: g.Cause != ""}
}

const (
	// longestHold is more than the longest time for which the directory can ask to be left alone: its
	// client listens to a day at most.
	longestHold = 25 * time.Hour
	// clockError is by how much the clocks of two instances may honestly differ. A time in the gate
	// that no honest clock can have written comes from one that was wrong, and stops nobody: it could
	// be years ahead.
	clockError = time.Minute
)

// heldFor returns for how long the directory still wants to be left alone.
func heldFor(g request.Gate, now time.Time) time.Duration {
	left := g.HeldUntil.Sub(now)
	if left > longestHold {
		return 0
	}
	return max(0, left)
}

// book is admit for who can wait up to patience: if only the pace or the directory's wish for rest
// stands in the way, and not for longer, the turn after that is taken now. All who wait would
// otherwise ask again at the same moment, and all but one in vain.
func book(g request.Gate, now time.Time, pace request.Pace, patience time.Duration) (request.Gate, admission) {
	next, verdict := admit(g, now, pace)
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
	next, then := admit(g, at, pace)
	if then.wait > 0 {
		return g, verdict
	}
	then.turn = at.Sub(now)
	return next, then
}

// press returns the gate as it is after the directory has said how much of a limit is used.
func press(g request.Gate, now time.Time, percent int) request.Gate {
	g.Pressure, g.PressedAt = min(percent, maxPressure), now
	return g
}

const (
	// pressureLasts is how long a word on a limit counts: several times the ten seconds over which the
	// directory counts most of them, and longer than the widest distance, so that every invitation of
	// a slow time renews it.
	pressureLasts = 30 * time.Second
	// maxSlowdown is the widest distance that pressure makes.
	maxSlowdown = 10 * time.Second
	// maxPressure is the highest pressure that is told apart; the directory's own documentation speaks
	// of 180.
	maxPressure = 200
)

// slowdown returns the distance that the pressure asks for. It grows by e with every two and a half
// percent, from 20 ms at 93 %: so small at 80 % that nobody notices, and past any rate that the
// directory takes at 100 %. Between the two lies the rate at which the pressure stays as it is,
// whatever the limit and however many calls a guest costs: for 3,000 writes in 150 s and two for a
// guest that is at 97 %. A steeper slope would leave too little room for what is under way already.
func slowdown(g request.Gate, now time.Time) time.Duration {
	if g.Pressure == 0 || now.Sub(g.PressedAt) > pressureLasts {
		return 0
	}
	d := float64(20*time.Millisecond) * math.Exp(float64(g.Pressure-93)/2.5)
	return time.Duration(min(d, float64(maxSlowdown)))
}

// hold returns the gate as it is after the directory has asked to be left alone until then.
func hold(g request.Gate, now, until time.Time) request.Gate {
	if until.After(g.HeldUntil) || g.HeldUntil.Sub(now) > longestHold {
		g.HeldUntil = until
	}
	return g
}

// open returns the gate with the breaker opened by the failure. One that is open takes on the newer
// failure, with its next probe; but where only a person may close it, it stays as it is: a lesser
// failure must not let a probe through.
func open(g request.Gate, now time.Time, failure *problem.Error, probe bool) request.Gate {
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

// Pressure takes what the directory says of its limits, until the gate is next written: then all
// instances know. It may be used by several goroutines at once.
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
