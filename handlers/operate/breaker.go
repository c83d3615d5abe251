package operate

import (
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Breaker says whether invitations are sent: the circuit breaker, the pace and the day's budget.
type Breaker struct {
	// Open: nothing is sent. Cause to NextProbe are set only then.
	Open  bool         `json:"open"`
	Cause problem.Code `json:"cause,omitempty"`
	// Means and Cure explain the cause and what ends it, in whole sentences.
	Means string `json:"means,omitempty"`
	Cure  string `json:"cure,omitempty"`
	// Ref is the directory's id of the call that failed, for Microsoft's support.
	Ref   string    `json:"ref,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// ClosesItself: invitations probe for its end. Otherwise only an admin closes the breaker.
	ClosesItself bool      `json:"closesItself"`
	NextProbe    time.Time `json:"nextProbe,omitzero"`

	// LastClosedBy closed it last; empty if it was never closed.
	LastClosedBy string    `json:"lastClosedBy,omitempty"`
	LastClosedAt time.Time `json:"lastClosedAt,omitzero"`

	// Day is today in UTC, and SentToday the number of invitations sent on it.
	Day       string `json:"day"`
	SentToday int    `json:"sentToday"`
	Pace      *Pace  `json:"pace,omitempty"` // nil if the app's settings are unknown
	// NextInvitation is when the next one may be sent; zero if that is now.
	NextInvitation time.Time `json:"nextInvitation,omitzero"`

	Parked Parked `json:"parked"`
}

// Pace is a [request.Pace] as JSON.
type Pace struct {
	Daily   int    `json:"daily"`   // 0: no limit
	Spacing string `json:"spacing"` // a Go duration
}

// Parked counts the requests that wait for the tenant or for another day.
type Parked struct {
	// Requests were submitted since LookedBackTo. More: there are more of them.
	Requests     int       `json:"requests"`
	More         bool      `json:"more"`
	LookedBackTo time.Time `json:"lookedBackTo"`
	// FirstDue and LastDue are when the first and the last of them try again.
	FirstDue time.Time `json:"firstDue,omitzero"`
	LastDue  time.Time `json:"lastDue,omitzero"`
}

// BreakerConfig is the input of NewBreaker.
type BreakerConfig struct {
	Gate request.Gate
	Pace *request.Pace // nil if unknown
	// Parked are the requests parked since LookedBackTo: at most Most, or one more for "more".
	Parked       []request.Request
	Most         int
	LookedBackTo time.Time
	Now          time.Time
}

// NewBreaker returns the state of the breaker.
func NewBreaker(c BreakerConfig) Breaker {
	gate := c.Gate
	b := Breaker{
		Open: gate.Cause != "", Day: policy.Day(c.Now), LastClosedBy: gate.ClosedBy, LastClosedAt: gate.ClosedAt,
		Parked: Parked{Requests: min(len(c.Parked), c.Most), More: len(c.Parked) > c.Most, LookedBackTo: c.LookedBackTo},
	}
	if gate.Day == b.Day {
		b.SentToday = gate.Sent
	}
	if b.Open {
		cause := request.CauseOf(gate.Cause)
		b.Cause, b.Means, b.Cure, b.Ref = gate.Cause, cause.Means, cause.Cure, gate.Ref
		b.Since, b.NextProbe, b.ClosesItself = gate.OpenedAt, gate.ProbeAt, !gate.ProbeAt.IsZero()
	}
	if gate.NextAt.After(c.Now) {
		b.NextInvitation = gate.NextAt
	}
	if c.Pace != nil {
		b.Pace = &Pace{Daily: c.Pace.Daily, Spacing: c.Pace.Spacing.String()}
	}
	for _, r := range c.Parked {
		if r.Due.IsZero() {
			continue
		}
		if b.Parked.FirstDue.IsZero() || r.Due.Before(b.Parked.FirstDue) {
			b.Parked.FirstDue = r.Due
		}
		if r.Due.After(b.Parked.LastDue) {
			b.Parked.LastDue = r.Due
		}
	}
	return b
}

// BudgetSpent reports whether the day's invitations are known to be used up.
func (b Breaker) BudgetSpent() bool {
	return b.Pace != nil && b.Pace.Daily > 0 && b.SentToday >= b.Pace.Daily
}
