package workflow

import (
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

func TestAdmit(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	const day = "2026-05-04"
	tests := map[string]struct {
		gate request.Gate
		pace request.Pace
		want admission // without why
		sent int
	}{
		"the first invitation ever":         {request.Gate{}, request.Pace{Daily: 2}, admission{}, 1},
		"the last of the day":               {request.Gate{Day: day, Sent: 1}, request.Pace{Daily: 2}, admission{}, 2},
		"one more than the day has":         {request.Gate{Day: day, Sent: 2}, request.Pace{Daily: 2}, admission{wait: 12 * time.Hour, parked: true}, 2},
		"the first of a new day":            {request.Gate{Day: "2026-05-03", Sent: 2}, request.Pace{Daily: 2}, admission{}, 1},
		"no daily limit":                    {request.Gate{Day: day, Sent: 9999}, request.Pace{}, admission{}, 10000},
		"too close to the one before":       {request.Gate{Day: day, Sent: 1, NextAt: noon.Add(time.Second)}, request.Pace{}, admission{wait: time.Second}, 1},
		"just far enough from it":           {request.Gate{Day: day, Sent: 1, NextAt: noon}, request.Pace{}, admission{}, 2},
		"breaker open, to be probed later":  {request.Gate{Cause: request.DirectoryForbidden, ProbeAt: noon.Add(time.Minute)}, request.Pace{}, admission{wait: time.Minute, parked: true}, 0},
		"breaker open, to be probed now":    {request.Gate{Cause: request.DirectoryForbidden, ProbeAt: noon}, request.Pace{}, admission{probe: true}, 1},
		"breaker open until an admin acts":  {request.Gate{Cause: request.DirectorySuspicious}, request.Pace{}, admission{wait: parkedLook, parked: true}, 0},
		"no probe once the budget is spent": {request.Gate{Cause: request.DirectoryForbidden, ProbeAt: noon, Day: day, Sent: 2}, request.Pace{Daily: 2}, admission{wait: 12 * time.Hour, parked: true}, 2},
		"no probe before the next turn":     {request.Gate{Cause: request.DirectoryForbidden, ProbeAt: noon, Day: day, NextAt: noon.Add(time.Minute)}, request.Pace{}, admission{wait: time.Minute}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.pace.Spacing = 3 * time.Second
			next, got := admit(test.gate, noon, test.pace)
			if (got.why != "") != (got.wait > 0) {
				t.Errorf("waits %v because %q", got.wait, got.why)
			}
			got.why = ""
			if got != test.want || next.Sent != test.sent {
				t.Errorf("got %+v with %d sent, want %+v with %d", got, next.Sent, test.want, test.sent)
			}
			if got.wait == 0 && !next.NextAt.Equal(noon.Add(3*time.Second)) {
				t.Errorf("the next one may go at %v", next.NextAt)
			}
			if got.probe && !next.ProbeAt.Equal(noon.Add(probeEvery)) {
				t.Errorf("the next probe may go at %v", next.ProbeAt)
			}
		})
	}
}

func TestBreakerOpensAndCloses(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	gate := request.Gate{Day: "2026-05-04", Sent: 7, Version: "v"}
	gate = open(gate, now, &problem.Error{Code: request.DirectoryQuota, Ref: "r1"}, true)
	if gate.Cause != request.DirectoryQuota || !gate.OpenedAt.Equal(now) || !gate.ProbeAt.Equal(now.Add(probeEvery)) {
		t.Errorf("opened: %+v", gate)
	}
	gate = open(gate, now.Add(time.Hour), &problem.Error{Code: request.DirectorySuspicious, Ref: "r2"}, false)
	if gate.Cause != request.DirectorySuspicious || !gate.OpenedAt.Equal(now) || !gate.ProbeAt.IsZero() {
		t.Errorf("opened again: %+v", gate)
	}
	if got, want := gate.Close("desk", now), (request.Gate{Day: "2026-05-04", Sent: 7, Version: "v", ClosedBy: "desk", ClosedAt: now}); got != want {
		t.Errorf("closed: %+v, want %+v", got, want)
	}
}

func TestPressureSlowsDown(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	last := time.Duration(0)
	for percent := 80; percent <= 180; percent += 5 {
		got := slowdown(press(request.Gate{}, now, percent), now.Add(time.Second))
		if got <= last && got < maxSlowdown || got > maxSlowdown {
			t.Errorf("at %d %%: %v after %v", percent, got, last)
		}
		last = got
	}
	if d := slowdown(press(request.Gate{}, now, 80), now); d > 5*time.Millisecond {
		t.Errorf("the first report on a limit costs %v", d)
	}
	// At the limit it is slower than any limit of writes that the directory publishes: 3,000 in 150 s.
	if d := slowdown(press(request.Gate{}, now, 100), now); d < 50*time.Millisecond {
		t.Errorf("at the limit it still sends one every %v", d)
	}
	if d := slowdown(press(request.Gate{}, now, 150), now.Add(pressureLasts+time.Second)); d != 0 {
		t.Errorf("an old report on a limit costs %v", d)
	}
	if got := press(request.Gate{}, now, 1_000_000).Pressure; got != maxPressure {
		t.Errorf("pressure %d", got)
	}
}

func TestHoldDelaysInvitations(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	gate := hold(hold(request.Gate{}, now, now.Add(time.Minute)), now, now.Add(time.Second))
	_, verdict := admit(gate, now, request.Pace{})
	if verdict.wait != time.Minute || verdict.parked {
		t.Errorf("%+v", verdict)
	}
	_, verdict = admit(gate, now.Add(time.Minute), request.Pace{})
	if verdict.wait != 0 {
		t.Errorf("%+v", verdict)
	}
}

func TestOpenBreakerKeepsCauseThatNeedsAdmin(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	gate := open(request.Gate{}, now, &problem.Error{Code: request.DirectorySuspicious, Ref: "r1"}, false)
	// An instance that gets no token a minute later must not let a probe close it.
	after := open(gate, now.Add(time.Minute), &problem.Error{Code: request.DirectoryForbidden, Ref: "r2"}, true)
	if after != gate {
		t.Errorf("opened again: %+v, want %+v", after, gate)
	}
}

func TestTimesFromWrongClockAreIgnored(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	pace := request.Pace{Spacing: time.Second}
	// An instance with a clock a year ahead has sent an invitation.
	ahead, _ := admit(request.Gate{}, noon.AddDate(1, 0, 0), pace)
	next, verdict := admit(ahead, noon, pace)
	if verdict.wait != 0 || !next.NextAt.Equal(noon.Add(time.Second)) {
		t.Errorf("waits %v, the next one may go at %v", verdict.wait, next.NextAt)
	}
	// The directory has asked it for a pause, too.
	held := hold(request.Gate{}, noon.AddDate(1, 0, 0), noon.AddDate(1, 0, 0).Add(time.Hour))
	_, verdict = admit(held, noon, pace)
	if verdict.wait != 0 {
		t.Errorf("left alone for %v", verdict.wait)
	}
	_, verdict = admit(hold(held, noon, noon.Add(24*time.Hour)), noon, pace)
	if verdict.wait != 24*time.Hour {
		t.Errorf("a pause of a day is taken for %v", verdict.wait)
	}
	// A turn that was booked by a correct clock counts.
	booked := request.Gate{Day: "2026-05-04", NextAt: noon.Add(maxShortWait)}
	_, verdict = admit(booked, noon, pace)
	if verdict.wait != maxShortWait {
		t.Errorf("waits %v", verdict.wait)
	}
}

func TestBook(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	const day, patience = "2026-05-04", 10 * time.Second
	in := func(d time.Duration) time.Time { return noon.Add(d) }
	tests := map[string]struct {
		gate request.Gate
		turn time.Duration // 0: none is booked
		wait time.Duration
	}{
		"at once":                       {request.Gate{Day: day}, 0, 0},
		"after the pace":                {request.Gate{Day: day, NextAt: in(3 * time.Second)}, 3 * time.Second, 0},
		"after the directory's pause":   {request.Gate{Day: day, HeldUntil: in(5 * time.Second)}, 5 * time.Second, 0},
		"after the longer of the two":   {request.Gate{Day: day, NextAt: in(3 * time.Second), HeldUntil: in(5 * time.Second)}, 5 * time.Second, 0},
		"with the two exchanged":        {request.Gate{Day: day, NextAt: in(5 * time.Second), HeldUntil: in(3 * time.Second)}, 5 * time.Second, 0},
		"as long as there is patience":  {request.Gate{Day: day, NextAt: in(patience)}, patience, 0},
		"no longer":                     {request.Gate{Day: day, NextAt: in(patience + 1)}, 0, patience + 1},
		"not before a probe":            {request.Gate{Day: day, NextAt: in(time.Second), Cause: request.DirectoryQuota, ProbeAt: noon}, 0, time.Second},
		"not while the breaker is open": {request.Gate{Day: day, Cause: request.DirectorySuspicious}, 0, parkedLook},
		"not when the budget is spent":  {request.Gate{Day: day, Sent: 9}, 0, 12 * time.Hour},
		"the last of the day":           {request.Gate{Day: day, Sent: 8, NextAt: in(time.Second)}, time.Second, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			next, got := book(test.gate, noon, request.Pace{Daily: 9, Spacing: 2 * time.Second}, patience)
			if got.turn != test.turn || got.wait != test.wait {
				t.Errorf("turn %v, wait %v, want %v, %v", got.turn, got.wait, test.turn, test.wait)
			}
			if sent := next.Sent - test.gate.Sent; sent != map[bool]int{true: 1}[got.wait == 0] {
				t.Errorf("%d are counted", sent)
			}
			if got.wait == 0 && !next.NextAt.Equal(noon.Add(test.turn+2*time.Second)) {
				t.Errorf("the next one may go at %v", next.NextAt)
			}
		})
	}
}
