package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Crowd describes days on which more people sign up than the day has invitations.
type Crowd struct {
	Days, SignUps, Daily int // SignUps and Daily are those of a day
	Instances            int
}

// Waits is the result of [Simulator.Crowd]. A request that still waits at the end counts with its
// age.
type Waits struct {
	// Worst is the longest wait for an invitation, and InOrder what it is if the requests are
	// invited strictly in the order of their age as soon as a day has invitations left.
	Worst, InOrder time.Duration
	// Overtaken counts the requests that still wait although one that is an hour younger, or more,
	// was invited.
	Overtaken int
	Breach    string
}

// Crowd signs people up, evenly over each day, and upkeep runs every minute.
func (s *Simulator) Crowd(c Crowd) Waits {
	r := s.quiet(request.Pace{Daily: c.Daily, Spacing: time.Second}, c.Instances)
	r.row(trusted, "trusted", map[string]any{"Action": "invite"})
	begun, gap := r.now, 24*time.Hour/time.Duration(c.SignUps)
	n := 0
	end := begun.Add(time.Duration(c.Days) * 24 * time.Hour)
	for r.broken == "" && r.now.Before(end) {
		for ; !begun.Add(time.Duration(n)*gap).After(r.now) && n < c.Days*c.SignUps; n++ {
			r.enqueue(parsed(fmt.Sprintf("partner%d@%s", n, trusted)))
		}
		r.drainStep()
	}
	r.stopAll()
	waits := Waits{Breach: r.broken}
	var latest time.Time // when the youngest that was invited signed up
	for _, id := range r.requests {
		if r.recorded[id].State == request.Done && r.submitted[id].After(latest) {
			latest = r.submitted[id]
		}
	}
	for _, id := range r.requests {
		record, invited := r.recorded[id], end
		if record.State == request.Done {
			invited = record.Changed
		} else if latest.Sub(r.submitted[id]) >= time.Hour {
			waits.Overtaken++
		}
		waits.Worst = max(waits.Worst, invited.Sub(r.submitted[id]))
	}
	waits.InOrder = inOrder(r, c, end)
	return waits
}

// inOrder returns the longest wait if the requests are invited strictly in the order of their age.
func inOrder(r *run, c Crowd, end time.Time) (worst time.Duration) {
	sent := map[time.Time]int{}
	day := r.submitted[r.requests[0]].Truncate(24 * time.Hour)
	for _, id := range r.requests {
		at := r.submitted[id]
		if today := at.Truncate(24 * time.Hour); today.After(day) {
			day = today
		}
		for sent[day] >= c.Daily {
			day = day.Add(24 * time.Hour)
		}
		sent[day]++
		if day.After(at) {
			at = day
		}
		if at.After(end) {
			at = end
		}
		worst = max(worst, at.Sub(r.submitted[id]))
	}
	return worst
}

// Unlucky is the result of [Simulator.Unlucky].
type Unlucky struct {
	Open            time.Duration // how long the breaker was open
	Attempts        int           // to invite the unlucky guest
	State           request.State // of the unlucky request at the end
	Others, Invited int           // who signed up besides, and how many of them were invited
	Breach          string
}

// Unlucky signs people up for a day, an hour apart, among them one to whom the directory always
// gives the code.
func (s *Simulator) Unlucky(code problem.Code, others int) Unlucky {
	r := s.quiet(request.Pace{Daily: 80, Spacing: time.Second}, 2)
	r.row(trusted, "trusted", map[string]any{"Action": "invite"})
	unlucky := parsed("ana@" + trusted)
	r.tenant.bars[unlucky] = code
	r.enqueue(unlucky)
	result := Unlucky{Others: others}
	begun := r.now
	seen := begun
	for n := 0; r.broken == "" && r.now.Before(begun.Add(48*time.Hour)); {
		if n < others && !r.now.Before(begun.Add(time.Duration(n)*time.Hour)) {
			r.enqueue(parsed(fmt.Sprintf("partner%d@%s", n, trusted)))
			n++
		}
		r.drainStep()
		if r.gate.Cause != "" {
			result.Open += r.now.Sub(seen)
		}
		seen = r.now
	}
	r.stopAll()
	result.Breach = r.broken
	for i, id := range r.requests {
		switch {
		case i == 0:
			result.State = r.recorded[id].State
			result.Attempts = r.inviteTries(id)
		case r.recorded[id].State == request.Done:
			result.Invited++
		}
	}
	return result
}

// inviteTries returns how often the request was sent, as its history tells.
func (r *run) inviteTries(id submission.ID) (n int) {
	events, err := r.memory.History(r.context, id)
	if err != nil {
		r.breach(lawHistory, "the history can't be read: %v", err)
	}
	for _, event := range events {
		if slices.Contains([]string{"not-taken", "unanswered", "refused-once", "refused"}, event.What) {
			n++
		}
	}
	return n
}

// quiet returns a run in which nothing goes wrong by itself, with a directory without limits.
func (s *Simulator) quiet(pace request.Pace, instances int) *run {
	random := rand.New(rand.NewPCG(1, 1))
	r := s.newRun(random, &profile{config: config{pace: pace, lease: 2 * time.Minute}})
	l := Load{
		Instances: instances, BatchSize: 8, NewBatchThreshold: 4,
		Limits:         graphsim.LargeTenant,
		StorageLatency: 8 * time.Millisecond, LookUpLatency: 80 * time.Millisecond,
		InviteLatency: 300 * time.Millisecond, JoinLatency: 120 * time.Millisecond,
	}
	r.load = &load{Load: l, throttle: graphsim.NewThrottle(l.Limits)}
	r.upkeepAt = r.now
	r.bootAll(instances)
	return r
}

// UnluckyCodes are answers that one request may always get, and that should stop nobody else.
var UnluckyCodes = []problem.Code{
	request.DirectoryForbidden, request.DirectoryInvitationsOff, request.DirectoryNoToken,
	request.DirectoryMemberForbidden, request.DirectoryUnavailable, request.DirectoryUnknown,
}
