package invite

import "time"

// schedule is how long to wait after each failed attempt for a passing reason; the last entry goes on. Just-created guests become visible
// within seconds to minutes, and throttling by Graph ends within minutes.
var schedule = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}

// backoff returns how long to wait after attempt (counted from 0), never less than what the other side asked for.
func backoff(attempt int, asked time.Duration) time.Duration {
	d := schedule[min(attempt, len(schedule)-1)]
	return max(d, asked)
}
