package request

import (
	"maps"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// ClaimState says what is known about the invitation of an address.
type ClaimState string

const (
	// ClaimFree: nobody owns the address, and nothing is stored. It is the state of the zero Claim.
	ClaimFree ClaimState = ""
	// ClaimReserved: the address belongs to a request that may wait, and nothing is under way.
	ClaimReserved ClaimState = "reserved"
	// ClaimSending: an invitation may be under way, or its answer was lost, since IntentAt.
	ClaimSending ClaimState = "sending"
	// ClaimSent: GuestID is the guest of the address, as the directory has confirmed.
	ClaimSent ClaimState = "sent"
	// ClaimMails: the address belongs to nobody. The claim is kept because of the mails that were
	// sent to it. Owner is the request that owned it last.
	ClaimMails ClaimState = "mails"
)

// claimStates is the one table of the states of a claim and of the states that may follow. A test
// holds the methods of Claim to it.
var claimStates = map[ClaimState][]ClaimState{
	ClaimFree:     {ClaimReserved, ClaimSending},
	ClaimReserved: {ClaimReserved, ClaimSending, ClaimSent, ClaimMails, ClaimFree},
	ClaimSending:  {ClaimSending, ClaimReserved, ClaimSent, ClaimMails, ClaimFree},
	ClaimSent:     {ClaimSent, ClaimSending, ClaimMails, ClaimFree},
	ClaimMails:    {ClaimMails, ClaimReserved, ClaimSending, ClaimSent, ClaimFree},
}

// ClaimStates returns every state of a claim, in alphabetical order.
func ClaimStates() []ClaimState { return slices.Sorted(maps.Keys(claimStates)) }

// Known reports whether there is such a state.
func (s ClaimState) Known() bool {
	_, known := claimStates[s]
	return known
}

// Next returns the states that a claim may change to.
func (s ClaimState) Next() []ClaimState { return slices.Clone(claimStates[s]) }

// Origin says where a guest came from.
type Origin string

const (
	// OriginUnknown: the directory could not be asked before the invitation, or its answer was lost
	// together with what was known before.
	OriginUnknown Origin = ""
	// OriginBrought: nobody held the address before our invitation.
	OriginBrought Origin = "brought"
	// OriginFound: the guest was there before our invitation, or was found without one.
	OriginFound Origin = "found"
)

// Known reports whether there is such an origin.
func (o Origin) Known() bool {
	return o == OriginUnknown || o == OriginBrought || o == OriginFound
}

// Claim says which request owns an address: the one that invites. It also holds the intent and the
// receipt of the invitation, so that no two requests and no two instances invite at the same time.
//
// Only its methods change a claim. Each returns the changed claim, which the caller stores, and a
// problem.Internal if the state does not allow the change.
type Claim struct {
	State ClaimState
	Owner submission.ID
	// IntentAt is since when an invitation may be under way. It is set in state ClaimSending only.
	IntentAt time.Time
	// GuestID is the object id of the guest. It is set in state ClaimSent only.
	GuestID string
	// SentAt is when the directory last took an invitation that this claim was made for; zero if
	// the guest was found without one, or if it is not known. ClaimSent only.
	SentAt time.Time
	// Origin says where the guest came from. ClaimSent only.
	Origin Origin
	// MailedAt is when the directory was last asked to send its mail to the address, MailedBefore
	// when the times before, the latest first, and Mails how often it was. They are written before
	// the directory is asked: a mail counts unless it certainly was not sent.
	MailedAt     time.Time
	MailedBefore [MailsPerWeek]time.Time
	Mails        int
	Version      string // the store's mark of this state of the claim
}

// NewClaim returns the claim of a request on a free address: sending since intentAt, or reserved if
// intentAt is zero.
func NewClaim(owner submission.ID, intentAt time.Time) Claim {
	if intentAt.IsZero() {
		return Claim{State: ClaimReserved, Owner: owner}
	}
	return Claim{State: ClaimSending, Owner: owner, IntentAt: intentAt}
}

// Check returns a problem.Internal if the parts of the claim contradict each other. A store keeps
// no such claim.
func (c Claim) Check() error {
	sending, sent := c.State == ClaimSending, c.State == ClaimSent
	switch {
	case !c.State.Known(), c.State == ClaimFree, !c.Origin.Known(), c.Mails < 0,
		sending == c.IntentAt.IsZero(), sent == (c.GuestID == ""),
		!sent && (!c.SentAt.IsZero() || c.Origin != OriginUnknown),
		c.State == ClaimMails && c.Mails == 0:
		return problem.New(problem.Internal, "a claim in state %q contradicts itself", c.State)
	}
	return nil
}

// Derive returns a claim that was stored before claims had a state, with the state that the rest of
// it implies.
func (c Claim) Derive() Claim {
	switch {
	case c.GuestID != "":
		c.State, c.SentAt, c.IntentAt = ClaimSent, c.IntentAt, time.Time{}
	case !c.IntentAt.IsZero():
		c.State = ClaimSending
	case c.Mails > 0:
		// It may also be the claim of a request that waits. Nobody takes over either as long as its
		// owner has not ended.
		c.State = ClaimMails
	default:
		c.State = ClaimReserved
	}
	return c
}

// OnlyMails reports whether the claim only says which mails the address has had.
func (c Claim) OnlyMails() bool { return c.State == ClaimMails }

// LongestAttempt is the longest time between the intent of an invitation and the end of its call.
const LongestAttempt = 4 * time.Minute

// UnderWay reports whether a call may be sending an invitation right now: one was begun less than
// the lease ago.
func (c Claim) UnderWay(now time.Time, lease time.Duration) bool {
	return c.State == ClaimSending && now.Sub(c.IntentAt) < lease
}

// move returns the claim in the state, without what only belongs to its present one.
func (c Claim) move(to ClaimState, from ...ClaimState) (Claim, error) {
	if !slices.Contains(from, c.State) {
		return c, problem.New(problem.Internal, "a claim in state %q can't change to %q this way", c.State, to)
	}
	c.State, c.IntentAt, c.GuestID, c.SentAt, c.Origin = to, time.Time{}, "", time.Time{}, OriginUnknown
	return c, nil
}

// TakeOver gives the claim to another request, because its owner has ended without a guest. An
// invitation that may be under way stays so: the directory has to be asked.
func (c Claim) TakeOver(by submission.ID) (Claim, error) {
	to := ClaimReserved
	if c.State == ClaimSending {
		to = ClaimSending
	}
	next, err := c.move(to, ClaimReserved, ClaimSending, ClaimMails)
	if err == nil {
		next.Owner, next.IntentAt = by, c.IntentAt
	}
	return next, err
}

// Begin writes the intent to invite for the owner, or renews it.
func (c Claim) Begin(at time.Time) (Claim, error) {
	next, err := c.move(ClaimSending, ClaimReserved, ClaimSending, ClaimMails)
	if err == nil {
		next.IntentAt = at
	}
	return next, err
}

// BeginAnew writes the intent of a request to invite although a guest was sent an invitation
// before: the directory has just said that this guest does not hold the address any more.
func (c Claim) BeginAnew(by submission.ID, at time.Time) (Claim, error) {
	next, err := c.move(ClaimSending, ClaimSent)
	if err == nil {
		next.Owner, next.IntentAt = by, at
	}
	return next, err
}

// NotSent ends the intent of an attempt that certainly sent nothing. doubt is the intent of an
// earlier attempt whose answer was lost, zero without one: then the claim stays sending since then,
// and the directory is asked before the next attempt.
func (c Claim) NotSent(doubt time.Time) (Claim, error) {
	to := ClaimReserved
	if !doubt.IsZero() {
		to = ClaimSending
	}
	next, err := c.move(to, ClaimSending)
	if err == nil {
		next.IntentAt = doubt
	}
	return next, err
}

// Sent writes the receipt of an invitation that the directory has just answered with the guest.
func (c Claim) Sent(guestID string, origin Origin, at time.Time) (Claim, error) {
	next, err := c.Found(guestID, origin)
	if err == nil {
		next.SentAt = at
	}
	return next, err
}

// Found writes the receipt of a guest that the directory has just shown as the holder of the
// address.
func (c Claim) Found(guestID string, origin Origin) (Claim, error) {
	if guestID == "" {
		return c, problem.New(problem.Internal, "a claim can't name a guest without an id")
	}
	next, err := c.move(ClaimSent, ClaimSending)
	if err == nil {
		next.GuestID, next.Origin = guestID, origin
	}
	return next, err
}

// Restore writes the receipt of the guest of a request onto a claim that was kept for mails only,
// or that this request has reserved: the directory has just confirmed that this guest still holds
// the address.
func (c Claim) Restore(owner submission.ID, guestID string, origin Origin) (Claim, error) {
	if guestID == "" {
		return c, problem.New(problem.Internal, "a claim can't name a guest without an id")
	}
	if c.State == ClaimReserved && c.Owner != owner {
		return c, problem.New(problem.Internal, "the address is reserved by another request")
	}
	next, err := c.move(ClaimSent, ClaimMails, ClaimReserved)
	if err == nil {
		next.Owner, next.GuestID, next.Origin = owner, guestID, origin
	}
	return next, err
}

// KeepMails drops all but the mails that the address has had, of which there must be some.
func (c Claim) KeepMails() (Claim, error) {
	if c.Mails == 0 {
		return c, problem.New(problem.Internal, "a claim without mails can't be kept for them")
	}
	return c.move(ClaimMails, ClaimReserved, ClaimSending, ClaimSent, ClaimMails)
}
