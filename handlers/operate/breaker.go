package operate

import (
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Breaker is how invitations stand for the whole tenant.
type Breaker struct {
	// Open says that nothing is sent. Cause to ClosesItself are of an open breaker only.
	Open  bool         `json:"open"`
	Cause problem.Code `json:"cause,omitempty"`
	// Means and Cure say what the cause is and what ends it, in whole sentences.
	Means string `json:"means,omitempty"`
	Cure  string `json:"cure,omitempty"`
	// Ref is the directory's own id of the call that failed, for its support.
	Ref   string     `json:"ref,omitempty"`
	Since *time.Time `json:"since,omitempty"`
	// ClosesItself says that single invitations try from time to time whether the cause is gone, the next at NextProbe.
	// Else it stays open until an admin closes it.
	ClosesItself bool       `json:"closesItself"`
	NextProbe    *time.Time `json:"nextProbe,omitempty"`

	// LastClosedBy is who closed it last, at LastClosedAt; empty if nobody ever did.
	LastClosedBy string     `json:"lastClosedBy,omitempty"`
	LastClosedAt *time.Time `json:"lastClosedAt,omitempty"`

	// Day is today in UTC, and SentToday how many invitations were sent on it.
	Day       string `json:"day"`
	SentToday int    `json:"sentToday"`
	// Pace is how fast invitations may be sent; nil where the settings of the app are not known.
	Pace *BreakerPace `json:"pace,omitempty"`
	// NextInvitation is when the next one may be sent; nil if that is now.
	NextInvitation *time.Time `json:"nextInvitation,omitempty"`

	Parked Parked `json:"parked"`
}

// BreakerPace is how fast invitations may be sent; see [invite.Pace].
type BreakerPace struct {
	Daily   int    `json:"daily"`   // 0 is no limit
	Spacing string `json:"spacing"` // as a duration of Go
}

// Parked counts the requests that wait for the tenant or for another day.
type Parked struct {
	// Requests are those that were submitted since LookedBackTo; there are more of them if More is set.
	Requests     int       `json:"requests"`
	More         bool      `json:"more"`
	LookedBackTo time.Time `json:"lookedBackTo"`
	// FirstDue and LastDue are when the first and the last of them look again.
	FirstDue *time.Time `json:"firstDue,omitempty"`
	LastDue  *time.Time `json:"lastDue,omitempty"`
}

// BreakerConfig is what is known.
type BreakerConfig struct {
	Gate request.Gate
	// Pace is how fast invitations may be sent; nil if that is not known.
	Pace *request.Pace
	// Parked are the parked requests since LookedBackTo, at most Most of them. One more says that there are more.
	Parked       []request.Request
	Most         int
	LookedBackTo time.Time
	Now          time.Time
}

// NewBreaker returns how invitations stand.
func NewBreaker(c BreakerConfig) Breaker {
	gate := c.Gate
	b := Breaker{Open: gate.Cause != "", Day: policy.Day(c.Now)}
	b.LastClosedBy, b.LastClosedAt = gate.ClosedBy, moment(gate.ClosedAt)
	if gate.Day == b.Day {
		b.SentToday = gate.Sent
	}
	if b.Open {
		cause := CauseOf(gate.Cause)
		b.Cause, b.Means, b.Cure, b.Ref = gate.Cause, cause.Means, cause.Cure, gate.Ref
		b.Since, b.NextProbe, b.ClosesItself = moment(gate.OpenedAt), moment(gate.ProbeAt), !gate.ProbeAt.IsZero()
	}
	if gate.NextAt.After(c.Now) {
		b.NextInvitation = moment(gate.NextAt)
	}
	if c.Pace != nil {
		b.Pace = &BreakerPace{Daily: c.Pace.Daily, Spacing: c.Pace.Spacing.String()}
	}
	b.Parked = Parked{Requests: min(len(c.Parked), c.Most), More: len(c.Parked) > c.Most, LookedBackTo: c.LookedBackTo}
	for _, r := range c.Parked {
		if r.Due.IsZero() {
			continue
		}
		if b.Parked.FirstDue == nil || r.Due.Before(*b.Parked.FirstDue) {
			b.Parked.FirstDue = moment(r.Due)
		}
		if b.Parked.LastDue == nil || r.Due.After(*b.Parked.LastDue) {
			b.Parked.LastDue = moment(r.Due)
		}
	}
	return b
}

// BudgetSpent reports whether the day's invitations are known to be sent.
func (b Breaker) BudgetSpent() bool {
	return b.Pace != nil && b.Pace.Daily > 0 && b.SentToday >= b.Pace.Daily
}

// Cause is what a failure of the whole tenant means to an admin, in whole sentences.
type Cause struct{ Means, Cure string }

// causes has one entry for each code that is TenantWide.
var causes = map[problem.Code]Cause{
	request.DirectorySuspicious: {
		"Microsoft has stopped all invitations of the tenant because of suspicious activity.",
		"Nobody but Microsoft's support lifts that: open a support request, with the reference if there is one. Send nothing meanwhile, also " +
			"by other ways: further attempts make it worse. Once support says that it is lifted: guestlist breaker close.",
	},
	request.DirectoryInvitationsOff: {
		"The guest invite settings of the tenant do not let this app invite anybody.",
		"In the Entra admin center, External Identities, External collaboration settings, choose guest invite settings that let apps with the permission " +
			"invite: any but the most restrictive. The next probe finds it; guestlist breaker close does not wait for it.",
	},
	request.DirectoryForbidden: {
		"The app's identity gets no valid token for Microsoft Graph, or lacks the permission User.Invite.All with an admin's consent.",
		"Grant the managed identity the application permission; guestlist doctor tells which are missing. A new permission can take a day to show, " +
			"since tokens of managed identities are kept that long; the next probe after that finds it.",
	},
	request.DirectoryQuota: {
		"The tenant has reached the most objects that it may hold, or the most guests that it may invite for now.",
		"Delete objects that nobody needs, for good and not only into the recycle bin, or have the limit raised: a verified domain and Microsoft's support do. " +
			"The next probe finds it; guestlist breaker close does not wait for it.",
	},
}

// CauseOf returns what a breaker's cause means. A code that no breaker should have has a text too.
func CauseOf(code problem.Code) Cause {
	cause, known := causes[code]
	if !known {
		return Cause{
			"This version of guestlist does not know the cause.",
			"Look for it in the log of the app, line \"breaker opened\"; use guestlist in the version of the app.",
		}
	}
	return cause
}
