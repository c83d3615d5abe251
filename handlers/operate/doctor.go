package operate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Health is how one part stands.
type Health string

const (
	Fine    Health = "fine"
	Warning Health = "warning" // it works, and somebody should look
	Broken  Health = "broken"  // something that the app needs is not there
	Unknown Health = "unknown" // it can't be told from here
)

// Check is what was found out about one part.
type Check struct {
	Part   string `json:"part"`
	Health Health `json:"health"`
	// Found says how it stands, in a clause; Cure what to do about it, in whole sentences, empty where nothing is to be done.
	Found string `json:"found"`
	Cure  string `json:"cure,omitempty"`
}

// Permission is one that the app should have, or should not.
type Permission struct {
	Name string
	// Needed is why the app needs it.
	Needed string
	// Without says that the app works without it, though worse.
	Without bool
}

// permissions are those that the app uses, each the least that Graph takes for what it does.
var permissions = []Permission{
	{"User.Invite.All", "to invite guests", false},
	{"GroupMember.ReadWrite.All", "to add guests to groups that the app does not own", true},
	{"User.Read.All", "to see who holds an address before inviting, and what came of an invitation whose answer was lost", true},
}

// harmless are permissions beside those that say nothing of what the app could do wrong.
var harmless = []string{"GroupMember.Read.All", "User.ReadBasic.All", "Group.Read.All", "CrossTenantInformation.ReadBasic.All", "Policy.Read.All", "Mail.Send"}

const grantCure = "An admin grants it to the app's managed identity, as docs/deploy.md shows. Tokens of managed identities are kept for up to a day, so it takes until then to count."

// CheckRoles says of each permission whether it is among the roles in the app's token, and which of the roles are more than the app uses.
func CheckRoles(roles []string) []Check {
	var checks []Check
	for _, p := range permissions {
		check := Check{Part: "permission " + p.Name, Health: Fine, Found: "granted"}
		if !slices.Contains(roles, p.Name) {
			check.Health, check.Found, check.Cure = Broken, "not in the app's token; it is needed "+p.Needed, grantCure
			if p.Without {
				check.Health = Warning
			}
		}
		checks = append(checks, check)
	}
	for _, role := range roles {
		known := slices.Contains(harmless, role) || slices.ContainsFunc(permissions, func(p Permission) bool { return p.Name == role })
		if !known {
			checks = append(checks, Check{"permission " + role, Warning, "granted, and the app has no use for it",
				"Take it away: whoever takes over the app could use it."})
		}
	}
	return checks
}

// CheckProbe says what the answer to a harmless call tells of a permission. Only what Graph says of a permission counts; that it can't be reached
// says nothing.
func CheckProbe(permission string, err error) Check {
	check := Check{Part: "permission " + permission, Health: Fine, Found: "granted, as a harmless call shows"}
	i := slices.IndexFunc(permissions, func(p Permission) bool { return p.Name == permission })
	switch code := problem.CodeOf(err); {
	case err == nil:
	case code == request.DirectoryForbidden, code == request.DirectoryReadForbidden, code == request.DirectoryGroupForbidden:
		check.Health, check.Found, check.Cure = Broken, "missing, as a harmless call shows", grantCure
		if i >= 0 {
			check.Found += "; it is needed " + permissions[i].Needed
			if permissions[i].Without {
				check.Health = Warning
			}
		}
	default:
		check.Health, check.Found = Unknown, "the directory could not be asked: "+string(code)
		check.Cure = "Try again later."
	}
	return check
}

// CheckReport says whether the app has been heard of lately.
func CheckReport(at, now time.Time) Check {
	const part = "the app"
	const cure = "Look whether the function app runs, and for errors of upkeep-timer in its log."
	switch age := now.Sub(at).Round(time.Minute); {
	case at.IsZero():
		return Check{part, Broken, "it has never said anything: upkeep has not run", cure}
	case age > 3*time.Hour:
		return Check{part, Broken, "it was last heard of " + age.String() + " ago", cure}
	default:
		return Check{part, Fine, "it was last heard of " + age.String() + " ago", ""}
	}
}

// CheckBreaker says whether invitations go out.
func CheckBreaker(b Breaker) Check {
	const part = "the tenant"
	switch {
	case b.Open:
		return Check{part, Broken, "the breaker is open: " + string(b.Cause) + ". " + b.Means, b.Cure}
	case b.BudgetSpent():
		return Check{part, Warning, fmt.Sprintf("the day's invitations (%d) are sent", b.Pace.Daily), "The rest goes out from midnight UTC on; GUESTLIST_DAILY_INVITATIONS is the limit."}
	default:
		return Check{part, Fine, fmt.Sprintf("takes invitations; %d sent today", b.SentToday), ""}
	}
}

// CheckStanding says which requests wait longer than they should.
func CheckStanding(standing map[request.State]request.Standing) Check {
	const part = "requests"
	if len(standing) == 0 {
		return Check{part, Fine, "none waits longer than it should", ""}
	}
	var texts []string
	for _, state := range request.States() {
		if standing[state].Requests > 0 {
			texts = append(texts, fmt.Sprintf("%d in %s", standing[state].Requests, state))
		}
	}
	return Check{part, Warning, "waiting too long: " + strings.Join(texts, ", "), "guestlist request list --state STATE names them, and guestlist request show ID what to do."}
}

// CheckQueue says how a queue stands. Messages on a poison queue, or many on another, tell that nobody works on them.
func CheckQueue(name string, messages int, missing bool) Check {
	part := "queue " + name
	poison := strings.HasSuffix(name, "-poison")
	switch {
	case missing && poison:
		return Check{part, Fine, "not there yet; the host makes it with the first message that fails", ""}
	case missing:
		return Check{part, Fine, "not there yet; the host makes it with the first sign-up", ""}
	case poison && messages > 0:
		return Check{part, Warning, fmt.Sprintf("%d messages", messages), "invite-poison should have taken them: look for its errors in the log."}
	case messages > 1000:
		return Check{part, Warning, fmt.Sprintf("%d messages", messages), "Look whether invite-queue runs, and for its errors in the log."}
	default:
		return Check{part, Fine, fmt.Sprintf("%d messages", messages), ""}
	}
}
