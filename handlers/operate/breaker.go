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
		cause := CauseOf(gate.Cause)
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

// Cause explains a failure of the whole tenant to an admin, in whole sentences.
type Cause struct{ Means, Cure string }

// causes has an entry for each code that is [request.TenantWide].
var causes = map[problem.Code]Cause{
	request.DirectorySuspicious: {
		"Microsoft has stopped all invitations of the tenant because of suspicious activity.",
		"Only Microsoft's support can lift that: open a support request, with the reference if there is one. Until then " +
			"send no invitations in other ways either: further attempts make it worse. " +
			"Once support has lifted it: guestlist breaker close.",
	},
	request.DirectoryInvitationsOff: {
		"The guest invite settings of the tenant do not allow this app to invite.",
		"In the Entra admin center, External Identities, External collaboration settings, choose guest invite settings " +
			"that allow apps with the permission to invite: any but the most restrictive. " +
			"The next probe finds the change; guestlist breaker close does not wait for it.",
	},
	request.DirectoryForbidden: {
		"The app lacks the permission User.Invite.All with an admin's consent.",
		"Grant the managed identity the application permission; guestlist doctor lists those that are missing. A new " +
			"permission can take a day to have an effect, since tokens of managed identities are cached that long; " +
			"the next probe after that finds it.",
	},
	request.DirectoryNoToken: {
		"The app's managed identity gets no token for Microsoft Graph, or Graph accepts none of its tokens, also not a new one.",
		"Check that the managed identity is assigned to the function app, that AZURE_CLIENT_ID names it, and that its " +
			"enterprise application is enabled for sign-in and not blocked by Conditional Access for workload identities. " +
			"Nothing is sent meanwhile; the next probe finds the change.",
	},
	request.DirectoryRefusesAll: {
		"The directory gives the same answer, which this version of guestlist does not know, to one guest after another.",
		"The lines \"the directory did not take the invitation\" in the log of the app show the answer. Something between " +
			"the app and Microsoft Graph may give it, such as a proxy, or a policy of the tenant that is new. " +
			"A probe finds the change; guestlist breaker close does not wait for it.",
	},
	request.DirectoryQuota: {
		"The tenant has reached its limit of objects, or of guests that it may invite for now.",
		"Delete objects that are not needed permanently, also from the recycle bin, or raise the limit: by a verified " +
			"domain, or by Microsoft's support. The next probe finds the change; guestlist breaker close does not wait for it.",
	},
	request.DirectoryAppQuota: {
		"The app's identity has created as many objects as an identity without a role of the directory may. The tenant has room.",
		"Give the service principal of the app a role of the directory, for example Guest Inviter, or permanently delete " +
			"objects that it created. The next probe finds the change; guestlist breaker close does not wait for it.",
	},
}

// CauseOf returns the explanation of a breaker's cause, also for an unknown code.
func CauseOf(code problem.Code) Cause {
	cause, known := causes[code]
	if !known {
		return Cause{
			"This version of guestlist does not know the cause.",
			"Look for the line \"breaker opened\" in the log of the app; use the guestlist of the app's version.",
		}
	}
	return cause
}
