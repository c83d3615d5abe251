package acssim

import (
	"slices"
	"time"
)

// Quota is how many calls a subscription may make. A refused call counts too.
type Quota struct {
	SendsPerMinute, SendsPerHour int
	AsksPerMinute, AsksPerHour   int
}

// The quotas that the service begins with, by the kind of the sender's domain:
// https://learn.microsoft.com/azure/communication-services/concepts/service-limits
var (
	OwnDomain     = Quota{SendsPerMinute: 30, SendsPerHour: 100, AsksPerMinute: 60, AsksPerHour: 200}
	ManagedDomain = Quota{SendsPerMinute: 5, SendsPerHour: 10, AsksPerMinute: 10, AsksPerHour: 20}
)

func (q Quota) sends() []limit {
	return []limit{{q.SendsPerMinute, time.Minute}, {q.SendsPerHour, time.Hour}}
}

func (q Quota) asks() []limit {
	return []limit{{q.AsksPerMinute, time.Minute}, {q.AsksPerHour, time.Hour}}
}

// A limit is how many calls are taken in a window of time.
type limit struct {
	calls  int
	window time.Duration
}

// A counter counts calls against its limits, each over a sliding window.
type counter struct {
	limits []limit
	times  []time.Time // of every call in the longest window, oldest first
}

// add counts a call and returns how long to wait before the next one: 0 unless it is refused.
func (c *counter) add(now time.Time) time.Duration {
	var wait, longest time.Duration
	c.times = append(c.times, now)
	for _, l := range c.limits {
		longest = max(longest, l.window)
		inside := c.times[c.first(now.Add(-l.window)):]
		if len(inside) > l.calls {
			// The next call fits once all but calls-1 of these have left the window.
			leaves := inside[len(inside)-max(1, l.calls)]
			wait = max(wait, leaves.Add(l.window).Sub(now))
		}
	}
	c.times = c.times[c.first(now.Add(-longest)):]
	return wait
}

// first returns the index of the first call after the time.
func (c *counter) first(after time.Time) int {
	i := slices.IndexFunc(c.times, func(t time.Time) bool { return t.After(after) })
	if i < 0 {
		return len(c.times)
	}
	return i
}
