package graphsim

import (
	"strconv"
	"sync"
	"time"
)

// Limits are how many resource units and how many writes a tenant takes from an app, in 10 and in
// 150 seconds.
type Limits struct {
	UnitsPer10s, WritesPer150s int
}

// The limits that Microsoft documents for identity and access, for an app in one tenant, by the
// tenant's number of users: https://learn.microsoft.com/graph/throttling-limits, as of
// 2026-02-06.
var (
	SmallTenant  = Limits{UnitsPer10s: 3500, WritesPer150s: 3000} // fewer than 50
	MediumTenant = Limits{UnitsPer10s: 5000, WritesPer150s: 3000} // up to 500
	LargeTenant  = Limits{UnitsPer10s: 8000, WritesPer150s: 3000} // more
)

// PressureFrom is the used share of a limit from which answers tell it.
const PressureFrom = 0.8

// throttledFor is the Retry-After of a refused call. The documentation gives no figure; this is
// the shorter of the two times over which calls are counted.
const throttledFor = 10 * time.Second

// Throttle counts calls against Limits, each over a sliding window. A refused call counts too, as
// the documentation warns. It is safe for concurrent use.
type Throttle struct {
	mu            sync.Mutex
	units, writes window
	counts        ThrottleCounts
}

// ThrottleCounts are the calls that a Throttle has counted.
type ThrottleCounts struct {
	Calls, Refused int
	Writes         int // without refused ones
}

// NewThrottle returns a Throttle that has counted no call.
func NewThrottle(limits Limits) *Throttle {
	return &Throttle{
		units:  window{limit: limits.UnitsPer10s, seconds: make([]int, 10)},
		writes: window{limit: limits.WritesPer150s, seconds: make([]int, 150)},
	}
}

// Take counts a call that costs so many resource units and writes. It returns which share of the
// nearer limit is used, where 1 is all of it, and how long to wait: 0 unless the call is refused.
func (t *Throttle) Take(now time.Time, units, writes int) (used float64, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Calls++
	used = t.units.add(now, units)
	if writes > 0 {
		used = max(used, t.writes.add(now, writes))
	}
	if used > 1 {
		t.counts.Refused++
		return used, throttledFor
	}
	t.counts.Writes += writes
	return used, 0
}

// Counts returns what was counted so far.
func (t *Throttle) Counts() ThrottleCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Fill counts that share of the limit of writes as if the writes had come evenly until now.
func (t *Throttle) Fill(now time.Time, share float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := now.Unix() - 1
	span := int64(len(t.writes.seconds))
	total := float64(t.writes.limit) * share
	for i := range span {
		before, after := int(total*float64(i)/float64(span)), int(total*float64(i+1)/float64(span))
		t.writes.add(time.Unix(last-span+1+i, 0), after-before)
	}
}

// window counts over the last len(seconds) seconds.
type window struct {
	limit   int
	seconds []int
	used    int
	last    int64 // the second that was counted last
}

// add counts n and returns which share of the limit is used then.
func (w *window) add(now time.Time, n int) float64 {
	second := now.Unix()
	span := int64(len(w.seconds))
	for passed := max(w.last+1, second-span+1); passed <= second; passed++ {
		w.used -= w.seconds[passed%span]
		w.seconds[passed%span] = 0
	}
	w.last = max(w.last, second)
	w.seconds[second%span] += n
	w.used += n
	return float64(w.used) / float64(w.limit)
}

// callUnits are the resource units of every call. Reads have $select and a small $top, which take
// off a unit each, down to one. The cost of an invitation is not documented: it counts as any
// other write.
const callUnits = 1

// throttled returns the headers that Graph adds near a limit, and whether the call is refused.
func (s *Server) throttled(writes int) (header map[string]string, refused bool) {
	if s.config.Throttle == nil {
		return map[string]string{}, false
	}
	used, wait := s.config.Throttle.Take(s.config.Now(), callUnits, writes)
	header = map[string]string{"x-ms-resource-unit": strconv.Itoa(callUnits)}
	if used >= PressureFrom {
		header["x-ms-throttle-limit-percentage"] = strconv.FormatFloat(used, 'f', 2, 64)
	}
	if wait > 0 {
		header["Retry-After"] = strconv.Itoa(int(wait / time.Second))
		header["x-ms-throttle-scope"] = "Tenant_Application/ReadWrite"
	}
	return header, wait > 0
}
