package workflow

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	// probeEvery is the time between two probes of an open circuit breaker; shortProbe if a probe
	// does no harm or the cause may be nothing: see betweenProbes.
	probeEvery = time.Hour
	shortProbe = 15 * time.Minute
	// probeAgain is how soon another probe may follow one that says nothing about the cause.
	probeAgain = 5 * time.Minute
	// parkedLook is how long after the next midnight a parked request comes up without being
	// resumed. It then only writes its due entry again, in case that is damaged.
	parkedLook = 12 * time.Hour
	// resumedFor is how long a message resumes its request, from the end of its lease on. A message
	// that was on a stopped queue for longer must not let its request overtake others.
	resumedFor = time.Hour
)

// asking is a request that asks for a turn.
type asking struct {
	id      submission.ID
	guest   string   // a hash of the address
	sharers []sharer // whose shares of the day an invitation takes
}

// admission is the gate's answer to one invitation.
type admission struct {
	wait   time.Duration // before asking again; 0 means: send now, or after turn
	turn   time.Duration // before sending, without asking again; see book
	parked bool          // the tenant or the day's budget forbids it, not just the pace
	why    string        // for an admin
	probe  bool          // the breaker is open, and this invitation may try whether its cause is gone
	taken  request.Turn  // the turn, if there is one; it can be given back once
}

// admit returns the gate after one more invitation, or why there may not be one now: then the gate
// is as it was. Like all that follows up to Pressure it is a pure function.
func admit(g request.Gate, now time.Time, pace request.Pace, by asking) (request.Gate, admission) {
	if g.Stop.Stands() {
		return g, admission{wait: parkedLook, parked: true, why: "an admin has stopped all invitations"}
	}
	if g.Cause != "" {
		wait := beforeProbe(g, now, by.id)
		if g.ProbeAt.IsZero() {
			return g, admission{wait: parkedLook, parked: true,
				why: "the breaker is open (" + string(g.Cause) + "): an admin must close it"}
		}
		if wait > 0 {
			return g, admission{wait: wait, parked: true, why: "the breaker is open (" + string(g.Cause) + ")"}
		}
	}
	next := startDay(g, now)
	tomorrow := untilTomorrow(now)
	if pace.Daily > 0 && next.Sent >= pace.Daily {
		return g, admission{wait: tomorrow, parked: true,
			why: fmt.Sprintf("the day's invitations (%d) are sent", pace.Daily)}
	}
	s, spent := spentShare(next, pace, by.sharers)
	if spent {
		return g, admission{wait: tomorrow, parked: true,
			why: fmt.Sprintf("the %s has had its share of the day's invitations (%d)", s.kind, shareOf(pace))}
	}
	if left := heldFor(g, now); left > 0 {
		return g, admission{wait: left, why: "the directory asked to come back later"}
	}
	if left := g.NextAt.Sub(now); left > 0 && left <= pace.Spacing+maxSlowdown+maxShortWait+clockError {
		return g, admission{wait: left, why: "the last invitation was sent a moment ago"}
	}
	if next.Cause != "" {
		next.ProbeAt = now.Add(betweenProbes(next.Cause))
	}
	keys := keysOf(by.sharers)
	next = countShares(next, keys, 1)
	next.Sent++
	next.Turns++
	next.NextAt = now.Add(max(pace.Spacing, slowdown(g, now)))
	return next, admission{probe: next.Cause != "", taken: request.Turn{
		Number: next.Turns, Day: next.Day, Sharers: strings.Join(keys, " "),
	}}
}

// untilTomorrow returns how long the day in UTC lasts.
func untilTomorrow(now time.Time) time.Duration {
	return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
}

// startDay returns the gate with the counters of the day. A day only goes forward: an instance
// whose clock is behind counts on the day that another has begun. One that lies more than two days
// ahead was written by a wrong clock; its counters are kept.
func startDay(g request.Gate, now time.Time) request.Gate {
	today := policy.Day(now)
	switch {
	case g.Day < today:
		g.Day, g.Sent, g.Shares = today, 0, ""
	case g.Day > policy.Day(now.Add(48*time.Hour)):
		g.Day = today
	}
	return g
}

// beforeProbe returns how long the request has to wait before it may probe an open breaker. A
// witness leaves the first hour to others. A time that no correct clock can have written does not
// count.
func beforeProbe(g request.Gate, now time.Time, id submission.ID) time.Duration {
	at := g.ProbeAt
	if at.Sub(now) > longestProbe {
		at = now
	}
	if g.HasWitness(id) {
		at = at.Add(probeEvery)
	}
	return max(0, at.Sub(now))
}

// betweenProbes returns the time between two probes of a breaker with the cause. Without a token
// nothing is sent, so that probes cost nothing; an answer that nobody understands may be about the
// guests after all.
func betweenProbes(cause problem.Code) time.Duration {
	if cause == request.DirectoryNoToken || cause == request.DirectoryRefusesAll {
		return shortProbe
	}
	return probeEvery
}

// mostGivenBack is how many turns the gate knows that were given back: more than other calls give
// back while one tries to. See backOnce.
const mostGivenBack = 32

// turnBack returns the gate without the turn, for which nothing was sent: what did not happen costs
// no budget. The pace stays. A probe that was not used leaves room for another one soon.
func turnBack(g request.Gate, now time.Time, turn admission) request.Gate {
	given := append(strings.Fields(g.GivenBack), strconv.Itoa(turn.taken.Number))
	g.GivenBack = strings.Join(given[max(0, len(given)-mostGivenBack):], " ")
	if g.Day == turn.taken.Day {
		g.Sent = max(0, g.Sent-1)
		g = countShares(g, strings.Fields(turn.taken.Sharers), -1)
	}
	again := now.Add(probeAgain)
	if turn.probe && again.Before(g.ProbeAt) {
		g.ProbeAt = again
	}
	return g
}

const (
	// clockError is how far apart the clocks of two instances may be. A time in the gate that no
	// correct clock can have written is ignored: it could be years ahead.
	clockError = time.Minute
	// longestHold is longer than anybody is held because the directory asked for it, and
	// longestProbe longer than anybody waits for a probe.
	longestHold  = longestPause + clockError
	longestProbe = probeEvery + clockError
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
func book(g request.Gate, now time.Time, pace request.Pace, patience time.Duration, by asking) (request.Gate, admission) {
	next, verdict := admit(g, now, pace, by)
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
	next, then := admit(g, at, pace, by)
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
	// pressureLasts is how long a report on a limit counts: several times the ten seconds over
	// which the directory counts most limits, and longer than maxSlowdown, so that every invitation
	// of a slow time renews it.
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
	if g.Pressure == 0 || now.Sub(g.PressedAt).Abs() > pressureLasts {
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

// suspicion returns what a failed invitation says against the tenant, and how many requests must
// say the same before nobody else tries; 0 witnesses if it says nothing.
func suspicion(failure *problem.Error) (answer string, witnesses int) {
	switch {
	case request.TenantWide(failure.Code) && !request.Probe(failure.Code):
		return string(failure.Code), 1 // further attempts do harm
	case request.TenantWide(failure.Code):
		return string(failure.Code), 2
	case odd(failure) && strings.HasPrefix(failure.Answer, "4"):
		// A failing server says nothing about the tenant; a refusal in unknown words may.
		return string(failure.Code) + " " + failure.Answer, request.MostWitnesses
	default:
		return "", 0
	}
}

// refused returns the gate after a request was refused. The breaker opens as soon as there are
// enough witnesses of the answer, with none accepted in between. While it is open, whoever was
// refused by a probe leaves the next ones to others.
func refused(g request.Gate, now time.Time, by asking, failure *problem.Error, probe bool) request.Gate {
	answer, needed := suspicion(failure)
	isOpen := g.Cause != ""
	switch {
	case needed == 0 && !(probe && isOpen):
		return g
	case isOpen && g.ProbeAt.IsZero():
		return g // a lesser failure must let no probe through
	case isOpen && needed != 1 && !probe:
		return g // it was sent before the breaker opened
	}
	if again := now.Add(shortProbe); probe && !request.TenantWide(failure.Code) && again.Before(g.ProbeAt) {
		g.ProbeAt = again // it says nothing about the cause
	}
	w := request.Witness{ID: by.id, Guest: by.guest, Answer: answer}
	switch {
	case !isOpen:
		g.Witnesses = latest(g.Witnesses, w)
	case !g.HasWitness(by.id): // the first is who opened it
		copy(g.Witnesses[1:], g.Witnesses[2:])
		g.Witnesses[len(g.Witnesses)-1] = w
	}
	if isOpen && request.TenantWide(failure.Code) || !isOpen && witnesses(g, answer) >= needed {
		return open(g, now, failure)
	}
	return g
}

// unasked returns the gate after the question before an invitation got no answer. The request is a
// witness if the answer makes no sense, or if there is no token, as after an invitation. Where a
// probe is due the question was the probe: no invitation follows, and nobody else need try now.
func unasked(g request.Gate, now time.Time, by asking, failure *problem.Error) request.Gate {
	switch {
	case odd(failure):
		failure = aboutQuestion(failure)
	case failure.Code != request.DirectoryNoToken:
		return g
	}
	probe := g.Cause != "" && !g.ProbeAt.IsZero() && beforeProbe(g, now, by.id) == 0
	if probe {
		g.ProbeAt = now.Add(betweenProbes(g.Cause))
	}
	return refused(g, now, by, failure, probe)
}

// aboutQuestion returns the failure of a question as what it says of the guest: a refusal of a
// question is no refusal of a guest.
func aboutQuestion(failure *problem.Error) *problem.Error {
	if failure.Code != request.DirectoryRefused {
		return failure
	}
	unknown := *failure
	unknown.Code = request.DirectoryUnknown
	return &unknown
}

// latest returns the witnesses with w as the last. A request that is refused again is a witness
// once, and so is a person who signs up again.
func latest(
	witnesses [request.MostWitnesses]request.Witness, w request.Witness,
) (next [request.MostWitnesses]request.Witness) {
	kept := slices.DeleteFunc(slices.Clone(witnesses[:]), func(v request.Witness) bool {
		return v.ID == w.ID || v.Guest == w.Guest && w.Guest != ""
	})
	kept = append(kept, w)
	kept = kept[max(0, len(kept)-len(next)):]
	copy(next[len(next)-len(kept):], kept)
	return next
}

// witnesses counts the requests that had the answer.
func witnesses(g request.Gate, answer string) int {
	n := 0
	for _, w := range g.Witnesses {
		if w.Answer == answer {
			n++
		}
	}
	return n
}

// open returns the gate with the breaker opened by the failure of the last witness. An open breaker
// takes on the newer failure with its next probe.
func open(g request.Gate, now time.Time, failure *problem.Error) request.Gate {
	if g.Cause == "" {
		g.OpenedAt = now
		last := len(g.Witnesses) - 1
		g.Witnesses[0], g.Witnesses[last] = g.Witnesses[last], g.Witnesses[0]
	}
	cause := failure.Code
	if cause == request.DirectoryUnknown || cause == request.DirectoryRefused {
		cause = request.DirectoryRefusesAll
	}
	g.Cause, g.Ref, g.ProbeAt = cause, failure.Ref, time.Time{}
	if request.Probe(cause) {
		g.ProbeAt = now.Add(betweenProbes(cause))
	}
	return g
}

// accepted returns the gate after an invitation was accepted: there is nothing against the tenant
// any more. A probe closes the breaker, unless the tenant has given a cause meanwhile that only a
// person may call fixed.
func accepted(g request.Gate, now time.Time, probe bool) request.Gate {
	switch {
	case g.Cause == "":
		g.Witnesses = [request.MostWitnesses]request.Witness{}
	case probe && request.Probe(g.Cause):
		g = g.Close(AProbe, now)
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
