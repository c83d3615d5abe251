package invite

import (
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// State is where a request stands.
type State string

const (
	Received State = "received" // recorded, not decided yet
	Review   State = "review"   // waits for a person
	Inviting State = "inviting" // decided; the invitation is the next effect, or is under way
	Parked   State = "parked"   // waits for the tenant or for tomorrow's budget; the invitation is still to be sent
	Granting State = "granting" // the guest exists; group memberships are being added
	Done     State = "done"     // invited, with all grants
	Denied   State = "denied"   // policy said no
	Failed   State = "failed"   // the directory said no for good; Reason says why
)

// Request is the record of a submission. Everything in it is stored; nothing of it is public (see submission.Progress).
type Request struct {
	ID         submission.ID
	Submission submission.Submission
	State      State
	// Reason is one sentence for an admin on why the request stands where it stands. No personal data.
	Reason string
	// Decision is set once policy has decided.
	Decision *policy.Decision
	// RepeatOf is the earlier request for the same address, if that one owns the invitation.
	RepeatOf submission.ID
	// GuestID is the object id of the guest, once known.
	GuestID string
	// Attempt counts the tries of the present effect that failed for a passing reason.
	Attempt int
	// Due is when the request wants to be looked at again; zero when it waits for nothing or for a person.
	Due time.Time
	// Grants are the group memberships that the decision grants, each with its outcome.
	Grants []Grant
	// Created and Changed are when the record was first and last written.
	Created, Changed time.Time
	// Events is the number of history entries written so far. The store keeps it.
	Events int
	// Version is the store's mark of this very state of the record; empty for one that is not stored yet.
	Version string
}

// GrantState is what came of one group membership.
type GrantState string

const (
	GrantPending GrantState = "pending" // not yet added
	GrantAdded   GrantState = "added"   // added by us: ours to take away again
	GrantPresent GrantState = "present" // was there before: not ours
	GrantFailed  GrantState = "failed"  // refused for good
)

// Grant is one group membership.
type Grant struct {
	Group string     `json:"group"` // object id
	State GrantState `json:"state"`
	Note  string     `json:"note,omitempty"` // why it failed; no personal data
}

// Event is one entry of a request's history. History is only ever added to.
type Event struct {
	At     time.Time
	State  State  // the state after the event
	What   string // stable short name, for example "decided" or "invited"
	Detail string // one sentence for an admin; no personal data
}

// Claim is the record that an address has one owner among the requests: the one that invites. It is also where the intent and the receipt
// of the invitation stand, so that no two requests and no two instances can be at it at the same time.
type Claim struct {
	Owner submission.ID
	// IntentAt is when the invitation that is under way was begun; zero when none is. An intent without a GuestID means that the
	// process ended in between, or that another instance is at it right now.
	IntentAt time.Time
	GuestID  string // the receipt: empty until the invitation is known to exist
	Version  string // the store's mark of this very state of the claim
}
