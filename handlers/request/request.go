package request

import (
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// Request is the record of a submission. Everything in it is stored; nothing of it is public but
// its [Progress].
type Request struct {
	ID         submission.ID
	Submission submission.Submission
	State      State
	// Reason is one sentence for an admin on why the request is in its state. No personal data.
	Reason string
	// Words are what the person who brought the request to its state said about it, or empty. They
	// may hold personal data, so no event repeats them.
	Words string
	// Since is when the request came into its state.
	Since time.Time
	// Decision is set once policy has decided.
	Decision *policy.Decision
	// Approval is set once a person has approved what policy did not.
	Approval *Approval
	// Reviewing is where the request stands with the people who decide, or stood when they had
	// decided; nil if it never waited for anybody, or an older version has stored it.
	Reviewing *Reviewing
	// Objection is the short name of what the directory said against inviting the guest, while a
	// person decides about it; empty if policy asked for the person.
	Objection string
	// RepeatOf is the earlier request for the same address, if that one owns the invitation.
	RepeatOf submission.ID
	// GuestID is the object id of the guest, once known.
	GuestID string
	// Origin says where the guest came from.
	Origin Origin
	// Joined is when the directory was found to say that the guest has accepted; zero if not known.
	Joined time.Time
	// CheckAt is when the receipt of a request that is done is compared with the directory; zero
	// once that has been done, or where a group has taken the guest. See Vanished.
	CheckAt time.Time
	// Vanished counts the invitations that the directory has accepted and that came to nothing: it
	// shows no guest. After the first one another is sent.
	Vanished int
	// Attempt counts the tries of the present effect that failed for a passing reason.
	Attempt int
	// Unknown counts the answers of the directory in the present state whose meaning is not known.
	// Those about one group are counted in its grant.
	Unknown int
	// Failures are the failed attempts to invite, or to find out what came of it.
	Failures Failures
	// OpenTurn is the turn of the last invitation while nobody knows whether that was sent. It is
	// given back if the directory shows no guest.
	OpenTurn Turn
	// Due is when the request comes back; zero if it waits for nothing or for a person.
	Due time.Time
	// FullOn is the day, see policy.Day, on which the request had its turn and the deciding row
	// brought in no more guests; empty if there was none. It stays parked on that day.
	FullOn string
	// Grants are the group memberships that the decision grants, each with its outcome.
	Grants []Grant
	// Proof says whether the partner has proved to own the mailbox.
	Proof Proof
	// Mails are the last mails of the app's own, one of each kind at most.
	Mails []SentMail
	// Owed is the mail of the app's own that is still to be sent.
	Owed Owed
	// RemindAt is when the guest is reminded of the invitation; zero if not.
	RemindAt time.Time
	// Resend asks for the mail with the code, or else that of the invitation, to be sent again;
	// zero when nobody asks, or it is done.
	Resend Instruction
	// MailAsked is when the partner last asked for that; zero if never.
	MailAsked time.Time
	// Retried is when a person last took the request up again after it had failed; zero if never.
	Retried time.Time
	// Orders is what has become of the orders of operators.
	Orders Orders
	// Withdrawal asks for the request to be ended and erased. Once given, it stays; until it is
	// carried out, one by a person takes the place of the partner's.
	Withdrawal Instruction
	// Erased is when the personal data was erased; zero as long as it is there.
	Erased time.Time
	// Created and Changed are when the record was first and last written.
	Created, Changed time.Time
	// Events is the number of history entries. The store keeps it.
	Events int
	// Version is the store's mark of this state of the record; empty if it is not stored yet.
	Version string
}

// Instruction is a resend or a withdrawal that somebody asked for. The worker carries it out.
type Instruction struct {
	At time.Time
	By string // the identity that a person signed in with, ThePartner or TheApp
}

// Open reports whether somebody asked.
func (i Instruction) Open() bool { return !i.At.IsZero() }

// Who says for the log who asked, without naming anybody.
func (i Instruction) Who() string {
	if i.ByPerson() {
		return "an admin"
	}
	return i.By
}

// ByPerson reports whether a person asked who has signed in.
func (i Instruction) ByPerson() bool { return i.Open() && i.By != ThePartner && i.By != TheApp }

// ThePartner asks on the status page. Anybody who holds the link counts as the partner.
const ThePartner = "the partner"

// TheApp asks for the directory's mail in place of one of its own that it can't send any more.
const TheApp = "the app"

// Approval is a person's decision to invite the guest.
type Approval struct {
	By    string       `json:"by"` // the identity that the person signed in with
	At    time.Time    `json:"at"` // UTC
	Note  string       `json:"note,omitempty"`
	Terms policy.Terms `json:"terms"`
	// Saw is the Objection that the person had before them.
	Saw string `json:"saw,omitempty"`
	// Stages is how many different people have said yes; 0 if an operator approved on terms of
	// their own.
	Stages int `json:"stages,omitempty"`
}

// Terms returns what the guest is invited with, nil if neither policy nor a person decided to
// invite. A decision of policy that waits for a proof of the mailbox, or waited in vain, is none.
func (r Request) Terms() *policy.Terms {
	switch {
	case r.Approval != nil:
		return &r.Approval.Terms
	case r.Decision != nil && r.Decision.Action == policy.Invite && !r.Proof.Missing():
		return r.Decision.Terms
	default:
		return nil
	}
}

// Limits returns the limits under which policy invites the guest. They do not bind a person who
// approves, and an approved guest takes no seat.
func (r Request) Limits() *policy.Limits {
	if r.Approval != nil || r.Decision == nil {
		return nil
	}
	return r.Decision.Limits
}

// NoMail returns why there is no mail to send again, "" if there is one: that with the code as long
// as the request waits for it, else that of the invitation, whether the directory sends it or the
// app.
func (r Request) NoMail() string {
	terms := r.Terms()
	switch {
	case r.State == Proving && r.Proof.Done():
		return "the mailbox is proved already"
	case r.State == Proving:
		return ""
	case r.State == Denied, r.State == Cancelled:
		return "the request was ended, so nobody is invited by it"
	case r.GuestID == "" || terms == nil:
		return "nobody was invited"
	case terms.InvitationMail == policy.NoInvitationMail:
		return "the terms of the invitation say that no mail is sent"
	default:
		return ""
	}
}

// Yes returns when a person last said that the guest is to be invited, the zero time if nobody did.
func (r Request) Yes() time.Time {
	if r.Approval != nil && r.Approval.At.After(r.Retried) {
		return r.Approval.At
	}
	return r.Retried
}

// GrantState is what came of one group membership.
type GrantState string

const (
	GrantPending GrantState = "pending" // not yet added
	GrantAdded   GrantState = "added"   // added by us: ours to remove again
	GrantPresent GrantState = "present" // was there before: not ours
	GrantFailed  GrantState = "failed"  // refused for good
)

// Known reports whether there is such a state.
func (s GrantState) Known() bool {
	return slices.Contains([]GrantState{GrantPending, GrantAdded, GrantPresent, GrantFailed}, s)
}

// Grant is one group membership.
type Grant struct {
	Group string     `json:"group"` // object id
	State GrantState `json:"state"`
	Note  string     `json:"note,omitempty"` // why it failed; no personal data
	// Unknown counts the answers of the directory about this group whose meaning is not known.
	Unknown int `json:"unknown,omitempty"`
	// Forbidden is since when the directory says that the app may not change the group, Missing
	// since when that it does not know the group or the guest, and Silent since when it gives no
	// usable answer. Zero if it does not. Each has its own patience.
	Forbidden time.Time `json:"forbidden,omitzero"`
	Missing   time.Time `json:"missing,omitzero"`
	Silent    time.Time `json:"silent,omitzero"`
}

// final reports whether the guest is in the group, by us or before.
func (g Grant) final() bool { return g.State == GrantAdded || g.State == GrantPresent }

// newGrants returns the grants of the groups: those of before that are final, whether they are
// still asked for or not, and the others pending.
func newGrants(before []Grant, groups []string) []Grant {
	grants := make([]Grant, 0, len(groups))
	for _, grant := range before {
		if grant.final() {
			grants = append(grants, grant)
		}
	}
	for _, group := range groups {
		made := func(g Grant) bool { return g.Group == group }
		if !slices.ContainsFunc(grants, made) {
			grants = append(grants, Grant{Group: group, State: GrantPending})
		}
	}
	return grants
}

// Event is one entry of a request's history. History is only ever added to.
type Event struct {
	At    time.Time `json:"at"`
	State State     `json:"state"` // the state after the event
	What  string    `json:"what"`  // stable short name, for example "decided" or "invited"
	// Detail is one sentence for an admin. It has no personal data and names people by their object
	// ids only: the log repeats it.
	Detail string `json:"detail"`
	// By is the person who did it, as that person signed in; empty if it was the app. A vote or an
	// order says so itself. Only the history has it.
	By string `json:"by,omitempty"`
}

// Text returns what the history says of the event to an admin.
func (e Event) Text() string {
	if e.By == "" {
		return e.Detail
	}
	return e.Detail + " (" + e.By + ")"
}
