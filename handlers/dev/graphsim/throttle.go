package graphsim

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limits are how much an app may ask of a tenant.
type Limits struct {
	// UnitsPer10s is how many resource units in ten seconds, and WritesPer150s how many writes in two and a half minutes.
	UnitsPer10s, WritesPer150s int
}

// The limits that Microsoft documents for identity and access, an app in one tenant, by the tenant's number of users:
// https://learn.microsoft.com/graph/throttling-limits, as of 2026-02-06.
var (
	SmallTenant  = Limits{UnitsPer10s: 3500, WritesPer150s: 3000} // fewer than 50
	MediumTenant = Limits{UnitsPer10s: 5000, WritesPer150s: 3000} // up to 500
	LargeTenant  = Limits{UnitsPer10s: 8000, WritesPer150s: 3000} // more
)

// pressureFrom is from which share of a limit on answers say how much of it is used.
const pressureFrom = 0.8

// throttledFor is what a refused call is told to wait. The documentation gives no figure; this is the shorter of the two times over which
// calls are counted.
const throttledFor = 10 * time.Second

// Throttle counts calls against Limits, each limit over a time that slides. A call that is refused counts too, as the documentation warns. It
// may be used by several goroutines at once.
type Throttle struct {
	mu            sync.Mutex
	units, writes window
	counts        ThrottleCounts
}

// ThrottleCounts are what a Throttle has seen.
type ThrottleCounts struct {
	Calls, Refused int
	Writes         int // taken, without those that were refused
}

// NewThrottle returns a Throttle that has seen no call.
func NewThrottle(limits Limits) *Throttle {
	return &Throttle{
		units:  window{limit: limits.UnitsPer10s, seconds: make([]int, 10)},
		writes: window{limit: limits.WritesPer150s, seconds: make([]int, 150)},
	}
}

// Take counts a call that costs so many resource units and writes. It returns how much of the limit that is nearer is used, where 1 is all of it;
// and how long to wait if the call is refused, 0 if it is taken.
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

// Counts returns what was seen so far.
func (t *Throttle) Counts() ThrottleCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Fill counts the share of the writes as if they had come evenly over the time before now: as if the app had been at work for long.
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

// window counts what came in the last len(seconds) seconds.
type window struct {
	limit   int
	seconds []int
	used    int
	last    int64 // the second that was counted last
}

// add counts n and returns how much of the limit is used then.
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

// costs are what Graph counts for each of the routes, in resource units and writes; others cost a unit. Reads are those with $select and a small
// $top, which take off a unit each, down to one. What an invitation costs is documented nowhere: it is taken for any other write.
var costs = map[string][2]int{
	"POST /v1.0/invitations":                                {1, 1},
	"POST /v1.0/groups/{id}/members/$ref":                   {1, 1},
	"GET /v1.0/users":                                       {1, 0},
	"GET /v1.0/directory/deletedItems/microsoft.graph.user": {1, 0},
}

// throttled returns the headers that Graph adds where a limit is near, and whether the call is refused.
func (s *Server) throttled(name string) (header map[string]string, refused bool) {
	if s.config.Throttle == nil {
		return nil, false
	}
	cost, known := costs[name]
	if !known {
		cost = [2]int{1, 0}
	}
	used, wait := s.config.Throttle.Take(s.config.Now(), cost[0], cost[1])
	header = map[string]string{"x-ms-resource-unit": strconv.Itoa(cost[0])}
	if used >= pressureFrom {
		header["x-ms-throttle-limit-percentage"] = strconv.FormatFloat(used, 'f', 2, 64)
	}
	if wait > 0 {
		header["Retry-After"] = strconv.Itoa(int(wait / time.Second))
		header["x-ms-throttle-scope"] = "Tenant_Application/ReadWrite"
	}
	return header, wait > 0
}

// tooMany is the answer to a call that is refused.
func (s *Server) tooMany(c *call) reply {
	texts := faultTexts[http.StatusTooManyRequests]
	return s.refuse(c, http.StatusTooManyRequests, texts[0], texts[1])
}
