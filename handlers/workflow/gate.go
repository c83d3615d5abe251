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
	// probeEvery is the time between two probes of an open circuit breaker.
	probeEvery = time.Hour
	// parkedLook is how often a parked request looks at a breaker that only an admin closes.
	parkedLook = 15 * time.Minute
)

// admission is the gate's answer to one invitation.
type admission struct {
	wait   time.Duration // before asking again; 0 means: send now, or after turn
	turn   time.Duration // before sending, without asking again; see book
	parked bool          // the tenant or the day's budget forbids it, not just the pace
	why    string        // for an admin
	probe  bool          // the breaker is open, and this invitation may try whether its cause is gone
}

// admit returns the gate after one more invitation, or why there may not be one now. Like all that
// follows up to Pressure it is a pure function.
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
		return g, admission{wait: left, why: "the last invitation was sent a moment ago"}
	}
	g.Sent++
	g.NextAt = now.Add(max(pace.Spacing, slowdown(g, now)))
	return g, admission{probe: g.Cause != ""}
}

const (
	// longestHold is longer than the directory can ask to be left alone: its client heeds a day at
	// most.
	longestHold = 25 * time.Hour
	// clockError is how far apart the clocks of two instances may be. A time in the gate that no
	// correct clock can have written is ignored: it could be years ahead.
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

// book is like admit, but may reserve a turn up to patience ahead if only the pace, or a pause that
// the directory has asked for, forbids an invitation now. Otherwise all who wait would ask again at
// the same moment, and all but one in vain.
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

// press returns the gate after the directory has said how much of a limit is used.
func press(g request.Gate, now time.Time, percent int) request.Gate {
	g.Pressure, g.PressedAt = min(percent, maxPressure), now
	return g
}

const (
	// pressureLasts is how long a report on a limit counts: several times the ten seconds over which
	// the directory counts most limits, and longer than maxSlowdown, so that every invitation of a
	// slow time renews it.
	pressureLasts = 30 * time.Second
	// maxSlowdown is the longest distance that pressure makes.
	maxSlowdown = 10 * time.Second
	// maxPressure is the highest pressure that counts; the directory's documentation mentions 180.
	maxPressure = 200
)

// slowdown returns the distance between invitations that the pressure asks for. It grows by a
// factor of e every 2.5 %, from 20 ms at 93 %: negligible at 80 %, and longer at 100 % than the
// directory needs at any rate. In between is the rate that keeps the pressure as it is, for any
// limit and any number of calls for a guest: for 3,000 writes in 150 s and two for a guest that is
// at 97 %. A steeper slope would leave too little room for what is already under way.
func slowdown(g request.Gate, now time.Time) time.Duration {
	if g.Pressure == 0 || now.Sub(g.PressedAt) > pressureLasts {
		return 0
	}
	d := float64(20*time.Millisecond) * math.Exp(float64(g.Pressure-93)/2.5)
	return time.Duration(min(d, float64(maxSlowdown)))
}

// hold returns the gate after the directory has asked to be left alone until then.
func hold(g request.Gate, now, until time.Time) request.Gate {
	if until.After(g.HeldUntil) || g.HeldUntil.Sub(now) > longestHold {
		g.HeldUntil = until
	}
	return g
}

// open returns the gate with the breaker opened by the failure. An open breaker takes on the newer
// failure with its next probe. One that only a person may close stays as it is, so that a lesser
// failure lets no probe through.
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

// AProbe is who closes the breaker after an invitation that tried went through.
const AProbe = "a probe that went through"

// Pressure keeps what the directory says of its limits until the gate is next written, so that all
// instances know. Several goroutines may use it at once.
type Pressure struct{ percent atomic.Int64 }

// Report takes how much of a limit is used, where 1 is all of it.
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
