package operate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Health is the result of a check.
type Health string

const (
	Fine    Health = "fine"
	Warning Health = "warning" // it works, but somebody should look
	Broken  Health = "broken"  // something that the app needs is missing
	Unknown Health = "unknown" // it could not be checked
)

// Check is the result for one part of a deployment.
type Check struct {
	Part   string `json:"part"`
	Health Health `json:"health"`
	Found  string `json:"found"`          // a clause
	Cure   string `json:"cure,omitempty"` // what to do, in whole sentences
}

// Check returns a check with this result.
func (h Health) Check(part, found, cure string) Check { return Check{part, h, found, cure} }

// permission is one that the app should have.
type permission struct {
	name     string
	needed   string // what for
	optional bool   // the app works without it, with less
}

// permissions are those that the app uses, each the least that Graph requires.
var permissions = []permission{
	{"User.Invite.All", "to invite guests", false},
	{"GroupMember.ReadWrite.All", "to add guests to groups that the app does not own", true},
	{"User.Read.All", "to see who holds an address before inviting, and what became of an invitation whose answer was lost", true},
}

// mailSend lets the app send from every mailbox. The Exchange role for one mailbox does without,
// and limits nothing as long as it is there.
const mailSend = "Mail.Send"

const grantCure = "An admin grants it to the app's managed identity, as docs/deploy.md shows. " +
	"Tokens of managed identities are cached for up to a day, so it can take that long to have an effect."

// missing returns the check of a permission that the app does not have.
func missing(name, found string) Check {
	check := Broken.Check("permission "+name, found, grantCure)
	i := slices.IndexFunc(permissions, func(p permission) bool { return p.name == name })
	if i >= 0 {
		check.Found += "; it is needed " + permissions[i].needed
		if permissions[i].optional {
			check.Health = Warning
		}
	}
	return check
}

// CheckRoles checks the roles in the app's token: the missing ones, and those without a use.
func CheckRoles(roles []string) []Check {
	var checks []Check
	extra := slices.Clone(roles)
	for _, p := range permissions {
		if slices.Contains(roles, p.name) {
			checks = append(checks, Fine.Check("permission "+p.name, "granted", ""))
		} else {
			checks = append(checks, missing(p.name, "not in the app's token"))
		}
		extra = slices.DeleteFunc(extra, func(role string) bool { return role == p.name })
	}
	for _, role := range extra {
		// Rights to read are no exception: Group.Read.All shows conversations and files, and
		// Policy.Read.All the tenant's defences.
		found, cure := "granted, but the app does not use it", "Remove it: an attacker who takes over the app could use it."
		if role == mailSend {
			found = "granted: the app can send from every mailbox of the tenant"
			cure = "Remove it. To send from one mailbox, the app needs an Exchange role and no permission: docs/deploy.md shows it."
		}
		checks = append(checks, Warning.Check("permission "+role, found, cure))
	}
	return checks
}

// CheckProbe checks a permission by the error of a harmless call, if that is about permissions.
func CheckProbe(permission string, err error) Check {
	switch code := problem.CodeOf(err); {
	case err == nil:
		return Fine.Check("permission "+permission, "granted, as a harmless call shows", "")
	case code == request.DirectoryForbidden, code == request.DirectoryReadForbidden, code == request.DirectoryGroupForbidden:
		return missing(permission, "missing, as a harmless call shows")
	default:
		return Unknown.Check("permission "+permission, "the directory could not be asked: "+string(code), "Try again later.")
	}
}

// CheckReport checks whether the app has reported lately.
func CheckReport(at, now time.Time) Check {
	const part = "the app"
	const cure = "Check that the function app runs, and look for errors of upkeep-timer in its log."
	switch age := now.Sub(at).Round(time.Minute); {
	case at.IsZero():
		return Broken.Check(part, "it has never reported: upkeep has not run", cure)
	case age > 3*time.Hour:
		return Broken.Check(part, "it last reported "+age.String()+" ago", cure)
	default:
		return Fine.Check(part, "it last reported "+age.String()+" ago", "")
	}
}

// CheckStrays checks whether the app goes on looking for policy rows that match nobody. Without
// that it does not decide by rows.
func CheckStrays(strays request.Strays, now time.Time) Check {
	const part = "keys of policy rows"
	if strays.Fresh(now) {
		return Fine.Check(part, "all checked by the app", "")
	}
	found := "the app has never checked them all"
	if !strays.CheckedAt.IsZero() {
		found = "the app last checked them all from " + strays.CheckedAt.UTC().Format(time.RFC3339) + " on"
	}
	return Broken.Check(part, found+", so every sign-up waits, and goes to review after a day",
		"Look for the line \"policy rows not checked\" in the app's log. The app must be able to read the table Policies "+
			"and to write the table Tenant.")
}

// Mailing is what the app has reported of the mails that it sends itself.
type Mailing struct {
	Sender string // the address that they come from; empty if the app sends none
	// Asked says that the mail service was asked whether the app may send. Fault is the code of
	// what it answered, empty for yes, and Why the words for it.
	Asked bool
	Fault problem.Code
	Why   string
}

// azureDomain is what the domains end in that Azure makes up for senders.
const azureDomain = ".azurecomm.net"

// CheckMail checks whether the app can send its own mails, as far as that shows without sending
// one.
func CheckMail(m Mailing) Check {
	const part = "mails"
	switch {
	case m.Sender == "":
		return Fine.Check(part, "the app sends none of its own: Microsoft sends the invitations", "")
	case !m.Asked:
		return Unknown.Check(part, "they come from the mailbox "+m.Sender+", and whether the app may send from it shows only when it does",
			"Test-ServicePrincipalAuthorization in Exchange Online PowerShell tells it, as docs/deploy.md shows.")
	case m.Fault == request.MailForbidden:
		return Broken.Check(part, "the service refuses them: "+m.Why,
			"A new role takes some minutes to have an effect, and the app asks once an hour. docs/deploy.md lists what it needs.")
	case m.Fault != "":
		return Unknown.Check(part, "the service could not be asked: "+string(m.Fault), "Try again in an hour, when the app has asked again.")
	case strings.HasSuffix(m.Sender, azureDomain):
		return Warning.Check(part, "they come from a domain of Azure, which takes 10 an hour at most",
			"Use a domain of your own, as docs/deploy.md shows.")
	}
	return Fine.Check(part, "the app may send from "+m.Sender+"; whether that domain is linked shows with the first mail", "")
}

// CheckBreaker checks whether invitations are sent.
func CheckBreaker(b Breaker) Check {
	const part = "the tenant"
	switch {
	case b.Open:
		found := "the breaker is open: " + string(b.Cause) + ". "
		if b.StoppedBy != "" {
			at := b.Since.UTC().Format(time.RFC3339)
			found += fmt.Sprintf("Stopped by %s at %s: %s. ", b.StoppedBy, at, b.StopReason)
		}
		found, cure := found+b.Means, b.Cure
		if b.Also != nil {
			found += " Besides: " + string(b.Also.Cause) + ". " + b.Also.Means
			cure += " " + b.Also.Cure
		}
		return Broken.Check(part, found, cure)
	case b.BudgetSpent():
		return Warning.Check(part, fmt.Sprintf("the day's invitations (%d) are sent", b.Pace.Daily),
			"The rest is sent from midnight UTC on; GUESTLIST_DAILY_INVITATIONS is the limit.")
	default:
		return Fine.Check(part, fmt.Sprintf("takes invitations; %d sent today", b.SentToday), "")
	}
}

// CheckRows checks for rows that no look-up finds, and for those of an interrupted [Apply].
func CheckRows(rows []policy.Raw) []Check {
	const most = 10
	strays := policy.Strays(rows)
	var checks []Check
	applies, blocked := describeBlocks(rows)
	for _, apply := range applies {
		found := "it was interrupted or still runs"
		if apply != "" {
			found = "the one " + apply + ", was interrupted or still runs"
		}
		checks = append(checks, Warning.Check("guestlist policy apply",
			found+", and everybody goes to review in "+firstOf(blocked[apply], most), UnfinishedAdvice))
	}
	if !request.SameRows(strays, request.ListedStrays(rows)) {
		checks = append(checks, Broken.Check("policy rows",
			fmt.Sprintf("%d match nobody, which is more than can be listed, so everybody goes to review", len(strays)),
			"guestlist policy lint shows them; correct or delete them."))
	}
	for i, raw := range strays {
		if i == most {
			return append(checks, Warning.Check("policy rows",
				fmt.Sprintf("%d further rows match nobody", len(strays)-most),
				"guestlist policy lint shows them."))
		}
		row := policy.Parse(raw)
		advice := row.KeyAdvice()
		checks = append(checks, Warning.Check(fmt.Sprintf("policy row %+q under %+q", raw.Name, raw.Partition),
			policy.PartitionKeyColumn+" "+row.Faults[0].Problem, strings.ToUpper(advice[:1])+advice[1:]+"."))
	}
	return checks
}

// firstOf returns the first of the texts, and how many there are besides.
func firstOf(texts []string, most int) string {
	text := strings.Join(texts[:min(most, len(texts))], " ")
	if more := len(texts) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// roundTime is how long a round of the sweep may take before somebody should look.
const roundTime = 24 * time.Hour

// CheckSweep tells what the last whole round of the sweep has found: requests that can't be read,
// those that are overdue, and those that wait for a code or a mail. Nobody looks through all
// requests for that anew.
func CheckSweep(s request.Sweep, now time.Time) []Check {
	if s.Ended.IsZero() && (s.Began.IsZero() || now.Sub(s.Began) <= roundTime) {
		return []Check{Unknown.Check("sweep", "it has not looked through all requests yet", "Try again later.")}
	}
	last := checkRound(s, now)
	if s.Ended.IsZero() {
		return []Check{last}
	}
	return append([]Check{last, checkUnreadable(s.Last), checkOverdue(s.Last)}, checkWaitingMails(s)...)
}

// checkRound checks when the last whole round of the sweep has ended.
func checkRound(s request.Sweep, now time.Time) Check {
	const part = "sweep"
	ago := func(t time.Time) string { return now.Sub(t).Round(time.Minute).String() + " ago" }
	const cure = "Look for errors of upkeep-timer and for the line \"sweep done\" in the log. If that comes every minute, " +
		"the sweep goes on: a round takes long in a large table, or while much is erased."
	switch {
	case s.Ended.IsZero():
		return Warning.Check(part, "no round has come to its end; this one began "+ago(s.Began), cure)
	case now.Sub(s.Ended) > roundTime:
		return Warning.Check(part, "the last whole round ended "+ago(s.Ended)+"; what it found is old", cure)
	}
	return Fine.Check(part, "the last whole round ended "+ago(s.Ended), "")
}

// checkUnreadable checks for requests that can't be read.
func checkUnreadable(t request.Tally) Check {
	const part, most = "records", 5
	if t.Unreadable == 0 {
		return Fine.Check(part, "all that have not ended can be read", "")
	}
	found := fmt.Sprintf("%d can't be read, and wait:", t.Unreadable)
	// The key of a record may not even be an id.
	named := slices.DeleteFunc(slices.Clone(t.Examples), func(id submission.ID) bool { return id == "" })
	named = named[:min(len(named), most)]
	for _, id := range named {
		found += " " + string(id)
	}
	if more := t.Unreadable - len(named); more > 0 {
		found += fmt.Sprintf(" and %d more", more)
	}
	return Warning.Check(part, found, unreadableCure+" guestlist request show ID tells what is wrong with each.")
}

// CheckUnreadableGate is the check of a gate that can't be read. found says what is wrong with it.
func CheckUnreadableGate(found string) Check {
	return Broken.Check("the tenant", "nothing is invited, since the gate can't be read: "+found,
		unreadableCure+" It is the row \"gate\" of the table Tenant. Delete the row only if nothing else helps: then the "+
			"breaker is closed, even if a person opened it, and the count of the day begins anew.")
}

// checkOverdue checks for requests that are overdue.
func checkOverdue(t request.Tally) Check {
	const part = "requests"
	var texts []string
	for _, state := range request.States() {
		if n := t.Overdue[state].Requests; n > 0 {
			texts = append(texts, fmt.Sprintf("%d in %s", n, state))
		}
	}
	if len(texts) == 0 {
		return Fine.Check(part, "none is overdue", "")
	}
	return Warning.Check(part, "waiting too long: "+strings.Join(texts, ", "),
		"guestlist request list --state STATE lists them, and guestlist request show ID tells what to do.")
}

// CheckDue checks how many requests, at most as many as were asked for, should have been enqueued
// by upkeep some time ago.
func CheckDue(late, most int) Check {
	const part = "upkeep"
	if late == 0 {
		return Fine.Check(part, "no request is due that it has not enqueued", "")
	}
	found := fmt.Sprintf("%d requests have been due for more than %s", late, LateAfter)
	if late == most {
		found = "at least " + found
	}
	return Broken.Check(part, found, "Check that the function app runs, and look for errors of upkeep-timer in its log.")
}

// LateAfter is how long a request may be due before upkeep has enqueued it.
const LateAfter = 15 * time.Minute

// untakenWarning and untakenBroken are how old a message may be that can be seen on a queue. One
// that was put back is seen for some seconds when it is up to 72 minutes old.
const (
	untakenWarning = 15 * time.Minute
	untakenBroken  = 2 * time.Hour
)

// Queue is what can be seen of a queue.
type Queue struct {
	Name     string
	Exists   bool
	Messages int       // roughly, hidden ones included
	Oldest   time.Time // when the first message that is not hidden was put there; zero without one
}

// CheckQueue checks a queue. Nothing but the function of a poison queue looks at the messages
// there, and it leaves none: what stays may be a sign-up, or a vote, that nobody else knows of. On
// the other queues no message stays for long without being taken, and hidden until it is done.
func CheckQueue(q Queue, now time.Time) Check {
	part, found := "queue "+q.Name, fmt.Sprintf("%d messages", q.Messages)
	poison := q.Name == submission.PoisonQueue || q.Name == request.DecisionsPoisonQueue
	first, taker := "sign-up", "invite"
	if q.Name == request.DecisionsQueue || q.Name == request.DecisionsPoisonQueue {
		first, taker = "vote", "decisions"
	}
	var untaken time.Duration
	if !q.Oldest.IsZero() {
		untaken = now.Sub(q.Oldest).Round(time.Minute)
	}
	cure := "Check that the function app runs and that " + taker + "-queue is not disabled, and look for its errors in the log."
	switch {
	case !q.Exists && poison:
		return Fine.Check(part, "not there yet; the host creates it with the first message that fails", "")
	case !q.Exists:
		return Fine.Check(part, "not there yet; the host creates it with the first "+first, "")
	case poison && q.Messages > 0:
		return Broken.Check(part, found+", which may be "+first+"s that are recorded nowhere",
			taker+"-poison should have taken them within seconds: look for its errors in the log. "+
				"Once the cause is gone: guestlist poison return.")
	case untaken > untakenBroken:
		return Broken.Check(part, found+", of which one waits for "+untaken.String()+" to be taken", cure)
	case untaken > untakenWarning:
		return Warning.Check(part, found+", of which one waits for "+untaken.String()+" to be taken", cure)
	case q.Messages > 1000:
		return Warning.Check(part, found, cure)
	default:
		return Fine.Check(part, found, "")
	}
}

// CheckOperators says who gives orders on the review pages. group is the object id of the group in
// the app's report, and none is set if the app has no such group.
func CheckOperators(group string, none bool) Check {
	const part = "orders"
	if none {
		return Fine.Check(part, "nobody gives any on the review pages, since GUESTLIST_OPERATORS is not set", "")
	}
	return Fine.Check(part, "members of the group "+group+" give them on the review pages", "")
}
