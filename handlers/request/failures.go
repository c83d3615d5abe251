package request

import "time"

// The bounds of an effect that the directory does not answer. An effect is given up when one of
// them is reached: no request waits for ever, and none uses up the day's invitations.
const (
	// MaxFailures is how often an effect may fail while the directory works for others: it has
	// accepted OthersAccepted guests meanwhile, and the effect failed MaxUnlucky times after that.
	// So nobody is given up right after an outage.
	MaxFailures    = 8
	OthersAccepted = 3
	MaxUnlucky     = 3
	// MaxThrottled is how often the directory may ask to come back later in the same time. It does
	// so for reasons that have nothing to do with the request, too.
	MaxThrottled = 20
	// MaxTries is how often an effect may fail although nobody else was taken, and FailurePatience
	// how long that must have lasted: a directory that is down for everybody fails nobody for
	// hours.
	MaxTries        = 6
	FailurePatience = 24 * time.Hour
	// MaxUnknown is how often an answer that nobody understands is taken for a passing fault.
	MaxUnknown = 5
)

// Failures are the failed attempts of the present effect for reasons that may pass, since it was
// begun or a person took it up again. A request that is parked in between keeps them.
type Failures struct {
	Count     int       `json:"count,omitempty"`     // of all attempts that failed
	Throttled int       `json:"throttled,omitempty"` // of those that the directory put off
	Since     time.Time `json:"since,omitzero"`      // when the first of them failed
	Accepted  int       `json:"accepted,omitempty"`  // [Gate.Accepted] when it was first known
	Unlucky   int       `json:"unlucky,omitempty"`   // since OthersAccepted guests were accepted
	// Looks counts the questions about a known guest that failed since one was answered. They do
	// not count as attempts.
	Looks int `json:"looks,omitempty"`
	// Last is what the directory said last, with its id of the call. No personal data.
	Last string `json:"last,omitempty"`
}

// Add returns the failures with one more. accepted is the present [Gate.Accepted], 0 if it is not
// known.
func (f Failures) Add(now time.Time, accepted int, throttled bool, last string) Failures {
	if f.Count == 0 {
		f.Since = now.UTC()
	}
	if f.Accepted == 0 {
		f.Accepted = accepted
	}
	f.Count++
	if throttled {
		f.Throttled++
	}
	if accepted-f.Accepted >= OthersAccepted {
		f.Unlucky++
	}
	f.Last = last
	return f
}

// Hopeless reports whether the effect has failed too often, or for too long, to try on.
func (f Failures) Hopeless(now time.Time) bool {
	switch {
	case f.Count > MaxTries && now.Sub(f.Since).Abs() >= FailurePatience:
		return true
	case f.Unlucky < MaxUnlucky:
		return false
	default:
		return f.Count-f.Throttled > MaxFailures || f.Throttled > MaxThrottled
	}
}
