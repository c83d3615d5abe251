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
	// StoppedBy opened it, for StopReason; both are empty unless a person did.
	StoppedBy  string `json:"stoppedBy,omitempty"`
	StopReason string `json:"stopReason,omitempty"`
	// Also is the directory's cause, if there is one beside the person's; nil if not.
	Also *Trouble `json:"also,omitempty"`
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

// Trouble is a cause that the directory gave for opening the breaker; see [Breaker].
type Trouble struct {
	Cause problem.Code `json:"cause"`
	Means string       `json:"means"`
	Cure  string       `json:"cure"`
	Ref   string       `json:"ref,omitempty"`
	Since time.Time    `json:"since,omitzero"`
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
	// Incomplete: the search for them has not come to its end. Unreadable may be parked, too.
	Incomplete bool `json:"incomplete"`
	Unreadable int  `json:"unreadable"`
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
	Incomplete   bool // Parked may not be all
	Unreadable   int  // further records that may be parked
	Most         int
	LookedBackTo time.Time
	Now          time.Time
}

// NewBreaker returns the state of the breaker.
func NewBreaker(c BreakerConfig) Breaker {
	gate := c.Gate
	b := Breaker{
		Open: gate.IsOpen(), Day: policy.Day(c.Now),
		LastClosedBy: gate.ClosedBy, LastClosedAt: gate.ClosedAt,
		Parked: Parked{
			Requests: min(len(c.Parked), c.Most), More: len(c.Parked) > c.Most, LookedBackTo: c.LookedBackTo,
			Incomplete: c.Incomplete, Unreadable: c.Unreadable,
		},
	}
	if gate.Day == b.Day {
		b.SentToday = gate.Sent
	}
	b.explain(gate)
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

// explain says why the breaker is open, if it is.
func (b *Breaker) explain(gate request.Gate) {
	explained := request.CauseOf(gate.Cause)
	trouble := Trouble{gate.Cause, explained.Means, explained.Cure, gate.Ref, gate.OpenedAt}
	if gate.Stop.Stands() {
		b.StoppedBy, b.StopReason = gate.Stop.By, gate.Stop.Reason
		if gate.Cause != "" {
			also := trouble
			b.Also = &also
		}
		explained = request.CauseOf(request.StoppedByAdmin)
		trouble = Trouble{request.StoppedByAdmin, explained.Means, explained.Cure, "", gate.Stop.At}
	} else if gate.Cause != "" {
		b.NextProbe, b.ClosesItself = gate.ProbeAt, !gate.ProbeAt.IsZero()
	} else {
		return
	}
	b.Cause, b.Means, b.Cure = trouble.Cause, trouble.Means, trouble.Cure
	b.Ref, b.Since = trouble.Ref, trouble.Since
}

// StoppedAt returns when a person opened the breaker; zero if none did.
func (b Breaker) StoppedAt() time.Time {
	if b.StoppedBy == "" {
		return time.Time{}
	}
	return b.Since
}

// TenantsCause returns the cause that the directory gave; empty if it gave none.
func (b Breaker) TenantsCause() problem.Code {
	switch {
	case b.Also != nil:
		return b.Also.Cause
	case b.StoppedBy != "":
		return ""
	}
	return b.Cause
}

// BudgetSpent reports whether the day's invitations are known to be used up.
func (b Breaker) BudgetSpent() bool {
	return b.Pace != nil && b.Pace.Daily > 0 && b.SentToday >= b.Pace.Daily
}
