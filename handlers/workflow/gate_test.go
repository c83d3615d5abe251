package workflow

import (
	"strconv"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
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
			next, got := admit(test.gate, noon, test.pace, asking{})
			if (got.why != "") != (got.wait > 0) {
				t.Errorf("waits %v because %q", got.wait, got.why)
			}
			got.why, got.taken = "", request.Turn{}
			if got != test.want || next.Sent != test.sent {
				t.Errorf("got %+v with %d sent, want %+v with %d", got, next.Sent, test.want, test.sent)
			}
			if got.wait == 0 && !next.NextAt.Equal(noon.Add(3*time.Second)) {
				t.Errorf("the next one may go at %v", next.NextAt)
			}
			if got.wait > 0 && next != test.gate {
				t.Errorf("nothing is let through, and the gate changes to %+v", next)
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
	quota := &problem.Error{Code: request.DirectoryQuota, Ref: "r1"}
	gate = refused(gate, now, asking{id: "a"}, quota, false)
	if gate.Cause != "" || !gate.HasWitness("a") {
		t.Errorf("one witness: %+v", gate)
	}
	gate = refused(gate, now, asking{id: "b"}, quota, false)
	if gate.Cause != request.DirectoryQuota || !gate.OpenedAt.Equal(now) || !gate.ProbeAt.Equal(now.Add(probeEvery)) {
		t.Errorf("opened: %+v", gate)
	}
	gate = refused(gate, now.Add(time.Hour), asking{id: "c"}, &problem.Error{Code: request.DirectorySuspicious, Ref: "r2"}, false)
	if gate.Cause != request.DirectorySuspicious || !gate.OpenedAt.Equal(now) || !gate.ProbeAt.IsZero() {
		t.Errorf("opened again: %+v", gate)
	}
	want := request.Gate{Day: "2026-05-04", Sent: 7, Version: "v", ClosedBy: "desk", ClosedAt: now}
	if got := gate.Close("desk", now); got != want {
		t.Errorf("closed: %+v, want %+v", got, want)
	}
}

func TestWitnessesThatOpenBreaker(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	off := &problem.Error{Code: request.DirectoryInvitationsOff}
	noToken := &problem.Error{Code: request.DirectoryNoToken}
	suspicious := &problem.Error{Code: request.DirectorySuspicious}
	unknown := &problem.Error{Code: request.DirectoryUnknown, Answer: "403 Forbidden"}
	another := &problem.Error{Code: request.DirectoryUnknown, Answer: "404 Gone"}
	nameless := &problem.Error{Code: request.DirectoryUnknown}
	broken := &problem.Error{Code: request.DirectoryUnknown, Answer: "500 InternalServerError"}
	blocked := &problem.Error{Code: request.DirectoryDomainBlocked, Answer: "403 Forbidden"}
	var success *problem.Error
	type answer struct {
		id      submission.ID
		failure *problem.Error
	}
	tests := map[string]struct {
		answers []answer
		want    problem.Code
	}{
		"one request":                       {[]answer{{"a", off}}, ""},
		"one request, again and again":      {[]answer{{"a", off}, {"a", off}, {"a", off}, {"a", off}}, ""},
		"two requests":                      {[]answer{{"a", off}, {"b", off}}, request.DirectoryInvitationsOff},
		"a success in between":              {[]answer{{"a", off}, {"c", success}, {"b", off}}, ""},
		"a guest's own failure in between":  {[]answer{{"a", off}, {"c", blocked}, {"b", off}}, request.DirectoryInvitationsOff},
		"two causes":                        {[]answer{{"a", off}, {"b", noToken}}, ""},
		"two of one cause, another between": {[]answer{{"a", off}, {"b", noToken}, {"c", off}}, request.DirectoryInvitationsOff},
		"two without a token":               {[]answer{{"a", noToken}, {"b", noToken}}, request.DirectoryNoToken},
		"what does harm to repeat":          {[]answer{{"a", suspicious}}, request.DirectorySuspicious},
		"an unknown answer twice":           {[]answer{{"a", unknown}, {"b", unknown}}, ""},
		"an unknown answer to three":        {[]answer{{"a", unknown}, {"b", unknown}, {"c", unknown}}, request.DirectoryRefusesAll},
		"the same three times to one":       {[]answer{{"a", unknown}, {"a", unknown}, {"a", unknown}}, ""},
		"three unknown ones that differ":    {[]answer{{"a", unknown}, {"b", another}, {"c", unknown}}, ""},
		"three unknown ones, one accepted":  {[]answer{{"a", unknown}, {"b", unknown}, {"d", success}, {"c", unknown}}, ""},
		"answers that can't be compared":    {[]answer{{"a", nameless}, {"b", nameless}, {"c", nameless}}, ""},
		"a server that fails for addresses": {[]answer{{"a", broken}, {"b", broken}, {"c", broken}}, ""},
		"guests who are refused":            {[]answer{{"a", blocked}, {"b", blocked}, {"c", blocked}, {"d", blocked}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			gate := request.Gate{}
			for _, a := range test.answers {
				if a.failure == nil {
					gate = accepted(gate, now, false)
				} else {
					gate = refused(gate, now, asking{id: a.id}, a.failure, false)
				}
			}
			if gate.Cause != test.want {
				t.Errorf("the breaker is open because of %q, want %q", gate.Cause, test.want)
			}
			if gate.Cause != "" && request.Probe(gate.Cause) == gate.ProbeAt.IsZero() {
				t.Errorf("the next probe is at %v", gate.ProbeAt)
			}
		})
	}
}

func TestWitnessesLeaveProbeToOthers(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	off := &problem.Error{Code: request.DirectoryInvitationsOff}
	gate := refused(refused(request.Gate{}, now, asking{id: "a"}, off, false), now, asking{id: "b"}, off, false)
	after := func(g request.Gate, d time.Duration, id submission.ID) bool {
		_, verdict := admit(g, now.Add(d), request.Pace{}, asking{id: id})
		return verdict.probe
	}
	for _, test := range []struct {
		id    submission.ID
		after time.Duration
		want  bool
	}{
		{"c", probeEvery - 1, false}, {"c", probeEvery, true}, {"a", probeEvery, false}, {"b", probeEvery, false},
		// Otherwise nobody would probe if there is nobody else.
		{"a", 2 * probeEvery, true}, {"b", 2 * probeEvery, true},
	} {
		if got := after(gate, test.after, test.id); got != test.want {
			t.Errorf("%s may probe after %v: %t", test.id, test.after, got)
		}
	}
	if gate.Witnesses[0].ID != "b" {
		t.Errorf("the first witness is not who opened the breaker: %+v", gate.Witnesses)
	}
	// A probe that fails makes a witness of its request, and another one has the next probe.
	later := now.Add(probeEvery)
	probed, _ := admit(gate, later, request.Pace{}, asking{id: "c"})
	probed = refused(probed, later, asking{id: "c"}, off, true)
	if !probed.ProbeAt.Equal(later.Add(probeEvery)) || after(probed, 2*probeEvery, "c") || !after(probed, 2*probeEvery, "d") {
		t.Errorf("after a probe: %+v", probed)
	}
	// Whoever opened it stays a witness, however many probes fail.
	for i, id := range []submission.ID{"d", "e", "f", "g"} {
		probed = refused(probed, later.Add(time.Duration(i+1)*probeEvery), asking{id: id}, off, true)
		if !probed.HasWitness("b") || !probed.HasWitness(id) {
			t.Errorf("after the probe of %s: %+v", id, probed.Witnesses)
		}
	}
	again := refused(probed, later.Add(6*probeEvery), asking{id: "f"}, off, true)
	if again.Witnesses != probed.Witnesses || !again.ProbeAt.Equal(later.Add(7*probeEvery)) {
		t.Errorf("after another probe of a witness: %+v", again)
	}
	// What was sent before the breaker opened does not put the probe off.
	if got := refused(gate, now.Add(time.Minute), asking{id: "e"}, off, false); got != gate {
		t.Errorf("a late answer changes the gate to %+v", got)
	}
}

func TestProbeThatSaysNothingIsRepeatedSoon(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	open := request.Gate{Cause: request.DirectoryInvitationsOff, ProbeAt: now, Day: "2026-05-04"}
	probed, turn := admit(open, now, request.Pace{}, asking{id: "c"})
	back := turnBack(probed, now, turn)
	if !back.ProbeAt.Equal(now.Add(probeAgain)) || back.Sent != 0 || back.Cause == "" {
		t.Errorf("%+v", back)
	}
}

func TestProbeIsNotUsedUpByPressure(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	open := request.Gate{Cause: request.DirectoryQuota, ProbeAt: now, Day: "2026-05-04", NextAt: now.Add(time.Second)}
	// The gate is written because of the pressure, although nothing is let through.
	after, verdict := book(press(open, now, 99), now, request.Pace{}, time.Minute, asking{})
	if verdict.wait != time.Second || !after.ProbeAt.Equal(now) {
		t.Errorf("waits %v, the next probe is at %v", verdict.wait, after.ProbeAt)
	}
}

func TestProbeFromWrongClockComesAllTheSame(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	gate := request.Gate{Cause: request.DirectoryQuota, OpenedAt: now, ProbeAt: now.AddDate(3, 0, 0)}
	_, verdict := admit(gate, now, request.Pace{}, asking{id: "a"})
	if !verdict.probe {
		t.Errorf("waits %v for a probe", verdict.wait)
	}
	gate.Pressure, gate.PressedAt = maxPressure, now.AddDate(3, 0, 0)
	if d := slowdown(gate, now); d != 0 {
		t.Errorf("a pressure from years ahead costs %v", d)
	}
}

func TestDayGoesForwardOnly(t *testing.T) {
	midnight := time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC)
	pace := request.Pace{Daily: 10}
	tests := map[string]time.Duration{"two minutes": time.Minute, "five hours": 150 * time.Minute, "almost a day": 11 * time.Hour}
	for name, off := range tests {
		t.Run(name, func(t *testing.T) {
			// Two instances with clocks on two sides of midnight send in turn.
			gate, sent := request.Gate{Day: "2026-05-04", Sent: 10}, 0
			for i := range 120 {
				now := midnight.Add(-off)
				if i%2 == 0 {
					now = midnight.Add(off)
				}
				next, verdict := admit(gate, now.Add(time.Duration(i)*time.Second), pace, asking{})
				if verdict.wait == 0 {
					sent++
				}
				gate = next
			}
			if sent != 10 || gate.Day != "2026-05-05" {
				t.Errorf("%d were sent on %s, and its budget is 10", sent, gate.Day)
			}
		})
	}
	// A day that nobody can have reached does not hold for years, and loses no count.
	gate := request.Gate{Day: "2029-01-01", Sent: 4}
	next, verdict := admit(gate, midnight, pace, asking{})
	if verdict.wait != 0 || next.Day != "2026-05-05" || next.Sent != 5 {
		t.Errorf("%+v, %+v", verdict, next)
	}
}

func TestTurnBackRestoresDay(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	pace := request.Pace{Daily: 10, Share: 50}
	by := asking{id: "a", sharers: []sharer{newSharer("domain", "contoso.com", "contoso.com")}}
	before := request.Gate{Day: "2026-05-04", Sent: 3, Shares: by.sharers[0].key + ":2"}
	gate, turn := admit(before, noon, pace, by)
	if gate.Sent != 4 || shareOfDay(gate, by.sharers[0]) != 3 {
		t.Fatalf("taken: %+v", gate)
	}
	back := turnBack(gate, noon, turn)
	if back.Sent != 3 || shareOfDay(back, by.sharers[0]) != 2 || back.GivenBack != strconv.Itoa(turn.taken.Number) {
		t.Errorf("given back: %+v", back)
	}
	// The turn of another day has nothing to give back.
	tomorrow := startDay(gate, noon.Add(24*time.Hour))
	if got := turnBack(tomorrow, noon, turn); got.Sent != 0 || got.Shares != "" {
		t.Errorf("given back on the next day: %+v", got)
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
	// At the limit it is slower than any limit of writes that the directory publishes: 3,000 in 150
	// s.
	if d := slowdown(press(request.Gate{}, now, 100), now); d < 50*time.Millisecond {
		t.Errorf("at the limit it still sends one every %v", d)
	}
	if d := slowdown(press(request.Gate{}, now, 150), now.Add(pressureLasts)); d == 0 {
		t.Error("a report on a limit is forgotten too soon")
	}
	if d := slowdown(press(request.Gate{}, now, 150), now.Add(pressureLasts+1)); d != 0 {
		t.Errorf("an old report on a limit costs %v", d)
	}
	if got := press(request.Gate{}, now, 1_000_000).Pressure; got != maxPressure {
		t.Errorf("pressure %d", got)
	}
}

func TestHoldDelaysInvitations(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	gate := hold(hold(request.Gate{}, now, now.Add(time.Minute)), now, now.Add(time.Second))
	_, verdict := admit(gate, now, request.Pace{}, asking{})
	if verdict.wait != time.Minute || verdict.parked {
		t.Errorf("%+v", verdict)
	}
	_, verdict = admit(gate, now.Add(time.Minute), request.Pace{}, asking{})
	if verdict.wait != 0 {
		t.Errorf("%+v", verdict)
	}
}

func TestOpenBreakerKeepsCauseThatNeedsAdmin(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	gate := open(request.Gate{}, now, &problem.Error{Code: request.DirectorySuspicious, Ref: "r1"})
	// An instance that gets no token a minute later must not let a probe close it.
	after := refused(gate, now.Add(time.Minute), asking{id: "a"}, &problem.Error{Code: request.DirectoryNoToken, Ref: "r2"}, true)
	if after != gate {
		t.Errorf("opened again: %+v, want %+v", after, gate)
	}
}

func TestTimesFromWrongClockAreIgnored(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	pace := request.Pace{Spacing: time.Second}
	// An instance with a clock a year ahead has sent an invitation.
	ahead, _ := admit(request.Gate{}, noon.AddDate(1, 0, 0), pace, asking{})
	next, verdict := admit(ahead, noon, pace, asking{})
	if verdict.wait != 0 || !next.NextAt.Equal(noon.Add(time.Second)) {
		t.Errorf("waits %v, the next one may go at %v", verdict.wait, next.NextAt)
	}
	// The directory has asked it for a pause, too.
	held := hold(request.Gate{}, noon.AddDate(1, 0, 0), noon.AddDate(1, 0, 0).Add(time.Hour))
	_, verdict = admit(held, noon, pace, asking{})
	if verdict.wait != 0 {
		t.Errorf("left alone for %v", verdict.wait)
	}
	_, verdict = admit(hold(held, noon, noon.Add(longestPause)), noon, pace, asking{})
	if verdict.wait != longestPause {
		t.Errorf("the longest pause is taken for %v", verdict.wait)
	}
	// One with a clock that is hours ahead has done both, and opened the breaker.
	early := noon.Add(5 * time.Hour)
	open := open(hold(request.Gate{}, early, early.Add(time.Minute)), early, &problem.Error{Code: request.DirectoryQuota})
	_, verdict = admit(open, noon, pace, asking{})
	if verdict.wait != 0 || !verdict.probe {
		t.Errorf("left alone for %v, a probe: %t", verdict.wait, verdict.probe)
	}
	// A turn that was booked by a correct clock counts.
	booked := request.Gate{Day: "2026-05-04", NextAt: noon.Add(maxShortWait)}
	_, verdict = admit(booked, noon, pace, asking{})
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
			next, got := book(test.gate, noon, request.Pace{Daily: 9, Spacing: 2 * time.Second}, patience, asking{})
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

// A request that is refused again stays a witness, whatever others were answered in between.
func TestRefusedAgainIsLatestWitness(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	unknown := &problem.Error{Code: request.DirectoryUnknown, Answer: "403 Forbidden"}
	noToken := &problem.Error{Code: request.DirectoryNoToken}
	var gate request.Gate
	for _, refusal := range []struct {
		id      submission.ID
		failure *problem.Error
	}{{"a", unknown}, {"b", unknown}, {"c", noToken}, {"a", unknown}, {"b", unknown}} {
		gate = refused(gate, now, asking{id: refusal.id}, refusal.failure, false)
	}
	if gate.Cause != "" {
		t.Fatalf("two witnesses of an unknown answer open the breaker: %+v", gate)
	}
	gate = refused(gate, now, asking{id: "c"}, unknown, false)
	if gate.Cause != request.DirectoryRefusesAll {
		t.Errorf("three witnesses in a row do not open it: %+v", gate)
	}
}

// TestTurnIsGivenBackOnceAmongOthers tries to give a turn back once more, after a write of which
// nobody knows whether it was made, while others give turns back.
func TestTurnIsGivenBackOnceAmongOthers(t *testing.T) {
	many := ""
	for i := range mostGivenBack {
		many += strconv.Itoa(100+i) + " "
	}
	for name, test := range map[string]struct {
		first, second string // the turns that were given back before each round
		given         bool   // by the second round
	}{
		"nobody":                           {"5", "5", true},
		"another":                          {"5", "5 8", true},
		"another, as the first ever":       {"", "8", true},
		"the first write was made":         {"5", "5 7", false},
		"it was made, and another follows": {"5", "5 7 8", false},
		"too many others to know":          {"5", many, false},
		"too many for a gate without any":  {"", many, false},
		"as many, and none is missing":     {"100", many, true},
	} {
		t.Run(name, func(t *testing.T) {
			j := &job{Worker: &Worker{config: Config{Now: time.Now}}}
			back := j.backOnce(admission{taken: request.Turn{Number: 7, Day: "2026-05-04"}})
			gate := request.Gate{Day: "2026-05-04", Sent: 3, GivenBack: test.first}
			if got := back(gate); got.Sent != 2 {
				t.Errorf("the first round leaves %d", got.Sent)
			}
			gate.GivenBack = test.second
			if got := back(gate); (got.Sent == 2) != test.given {
				t.Errorf("the second round leaves %d", got.Sent)
			}
		})
	}
}

// TestProbeThatComesLateOpensNothing: another probe, or an admin, has closed the breaker meanwhile.
func TestProbeThatComesLateOpensNothing(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, code := range []problem.Code{
		request.DirectoryDomainBlocked, request.DirectoryRefused, request.DirectoryThrottled, request.DirectoryUnavailable,
	} {
		after := refused(request.Gate{}, now, asking{id: "a"}, &problem.Error{Code: code}, true)
		if after != (request.Gate{}) {
			t.Errorf("%s changes the gate to %+v", code, after)
		}
	}
	witness := refused(request.Gate{}, now, asking{id: "a"}, &problem.Error{Code: request.DirectoryInvitationsOff}, true)
	if witness.Cause != "" || !witness.HasWitness("a") {
		t.Errorf("what is the tenant's for certain: %+v", witness)
	}
}
