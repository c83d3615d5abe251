package request

import (
	"context"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// Store keeps requests, claims and due entries. Several instances may call every method at once,
// and what it writes is durable when it returns. Errors are *problem.Error: NotFound and Conflict
// where said below, RecordUnreadable for what another version of the program, or somebody else, has
// stored in a form that this one can't read, else StorageUnavailable. What it writes it can read
// back, also by a version with stricter rules for input. Every implementation passes the suite of
// package storetest.
type Store interface {
	// Load returns the request as last saved. NotFound if there is none.
	Load(ctx context.Context, id submission.ID) (Request, error)
	// Save writes the request and adds events to its history, all or nothing, and returns the
	// request with its new Version and Events. With an empty Version the request must not exist
	// yet; otherwise it must still have that Version. Conflict if not.
	Save(ctx context.Context, r Request, events []Event) (Request, error)
	// EraseUnreadable does what it can for a request that Load can't read. NotFound if there is
	// none, Conflict if it can be read, or changes meanwhile.
	EraseUnreadable(ctx context.Context, id submission.ID, erasure Erasure) error
	// Outline returns what can be told of a request that Load can't read. NotFound if there is
	// none.
	Outline(ctx context.Context, id submission.ID) (Outline, error)
	// Forget removes a request that has no history. Conflict if it no longer has r.Version; nil if
	// it is gone.
	Forget(ctx context.Context, r Request) error
	// History returns the events of the request in the order of saving; none for an unknown id.
	History(ctx context.Context, id submission.ID) ([]Event, error)

	// Claim stores the claim, see [NewClaim], on the address if that is [ClaimFree], and returns
	// the claim as it then is. created tells whether this call made it. Internal as for
	// UpdateClaim.
	Claim(ctx context.Context, address submission.Address, made Claim) (claim Claim, created bool, err error)
	// ClaimOf returns the claim on the address, the zero Claim if nobody owns the address.
	ClaimOf(ctx context.Context, address submission.Address) (Claim, error)
	// UpdateClaim replaces the claim on the address and returns it with its new Version. Conflict
	// if it no longer has claim.Version, or is gone. Internal if it contradicts itself, see
	// Claim.Check.
	UpdateClaim(ctx context.Context, address submission.Address, claim Claim) (Claim, error)
	// Release removes the claim from the address. Conflict if it no longer has claim.Version; nil
	// if it is gone.
	Release(ctx context.Context, address submission.Address, claim Claim) error

	// Wait writes the due entry of id, in place of an earlier one.
	Wait(ctx context.Context, id submission.ID, due time.Time) error
	// Park is like Wait, for a request that is parked: Parked finds the entry.
	Park(ctx context.Context, id submission.ID, due time.Time, parking Parking) error
	// Postpone changes when id is due, and leaves it parked if it is. Without a due entry it is
	// like Wait.
	Postpone(ctx context.Context, id submission.ID, due time.Time) error
	// StopWaiting removes the due entry of id if it says due, to 100 ns. Another entry, written
	// meanwhile, stays: somebody relies on it.
	StopWaiting(ctx context.Context, id submission.ID, due time.Time) error
	// Due returns at most limit ids whose due entry is not after now, the longest due first.
	Due(ctx context.Context, now time.Time, limit int) ([]submission.ID, error)
	// Parked returns at most limit due entries of parked requests, those with the oldest ids, the
	// oldest first. It reads due entries only: an entry is written before its request, so the
	// request may be in another state.
	Parked(ctx context.Context, limit int) ([]ParkedEntry, error)
}

// Parking is what the due entry of a parked request says about it, so that nobody has to read the
// requests to know which of them may go on. It names nobody.
type Parking struct {
	// Sharers are the keys under which the gate counts whose shares of the day an invitation takes;
	// none has a space.
	Sharers []string
	// Limited is the key of the deciding row if that has a limit for the day.
	Limited string
	// FullOn is that of the request.
	FullOn string
}

// ParkedEntry is a due entry of a parked request.
type ParkedEntry struct {
	ID  submission.ID
	Due time.Time
	Parking
}

// Records finds records by what is in them, a page at a time. Errors are *problem.Error:
// StorageUnavailable, and Conflict where said below.
type Records interface {
	// ScanRequests returns the requests that the search looks for among those from the place on: at
	// most limit, and of a bounded part of the table. Internal if the place is of no use any more.
	ScanRequests(ctx context.Context, search Search, from Cursor, limit int) (Page, error)
	// ForgetOldMails looks at a bounded part of the claims from the place on, at most limit, and
	// removes those that are [Claim.OnlyMails] and have had no mail since the time. A claim that
	// changes meanwhile stays. It returns where the rest begins, and whether there is none.
	ForgetOldMails(ctx context.Context, before time.Time, from Cursor, limit int) (next Cursor, last bool, err error)
	// ForgetMails removes at most limit of the claims that fit and are [Claim.OnlyMails], each with
	// what is known about the mailbox of its address, and returns how many. A claim that changes
	// meanwhile stays. Without an address it costs as much as reading all claims.
	ForgetMails(ctx context.Context, which Mails, limit int) (forgotten int, err error)
	// Sweep returns the record of the sweep as last saved, the zero Sweep if there is none.
	Sweep(ctx context.Context) (Sweep, error)
	// SaveSweep replaces the record of the sweep and returns it with its new Version. Conflict if
	// it no longer has sweep.Version.
	SaveSweep(ctx context.Context, sweep Sweep) (Sweep, error)
}

// Mails selects the mails to be forgotten. Fields that are zero do not count; the zero Mails
// selects none.
type Mails struct {
	Address submission.Address // who had them
	Owner   submission.ID      // the request that owns the claim, or owned it last
}

// Any reports whether anything counts.
func (m Mails) Any() bool { return m != Mails{} }

// Fit reports whether the claim on the address is [Claim.OnlyMails] and selected.
func (m Mails) Fit(address submission.Address, claim Claim) bool {
	return m.Any() && claim.OnlyMails() && (m.Address == submission.Address{} || m.Address == address) &&
		(m.Owner == "" || m.Owner == claim.Owner)
}

// Standing is how many requests are in a state, and which of them was submitted first.
type Standing struct {
	Requests int
	Oldest   submission.ID
}

// Tick is the resolution of the times that a store keeps, that of Table Storage.
const Tick = 100 * time.Nanosecond

// Rows reads policy rows.
type Rows interface {
	// Rows returns all rows of the partitions, in any order. After an error no decision can be
	// made: not all rows could be read.
	Rows(ctx context.Context, partitions []string) ([]policy.Raw, error)
}

// Seats counts the guests that rows with limits bring in. A seat belongs to one request,
// which can hold only one of a row, so taking and releasing may be repeated. Errors are
// *problem.Error: Conflict if others were faster too often, else StorageUnavailable.
type Seats interface {
	// Used returns how many seats of the row are taken: in all, and on the day (see policy.Day).
	Used(ctx context.Context, row policy.RowKey, day string) (policy.Used, error)
	// TakeSeat gives id a seat of the row on the day, unless that would exceed a limit. A seat that
	// id holds of another day moves to this one, since a guest counts on the day of the invitation.
	// taken is false if the row or the day is full; then id keeps what it holds.
	TakeSeat(ctx context.Context, limits policy.Limits, day string, id submission.ID) (taken bool, err error)
	// HoldsSeat reports whether id holds a seat of the row, of whichever day.
	HoldsSeat(ctx context.Context, row policy.RowKey, id submission.ID) (bool, error)
	// ReleaseSeat releases the seat of id, in all and on the day on which it was taken. Without a
	// seat it changes nothing.
	ReleaseSeat(ctx context.Context, row policy.RowKey, id submission.ID) error
}

// Invitation is what the directory is asked to send.
type Invitation struct {
	Address         submission.Address
	DisplayName     string
	RedirectURL     string
	MessageLanguage string // BCP 47; empty for the directory's default
	SendMessage     bool   // the directory sends its own mail
	Message         string // plain text for that mail, which may leave it out; empty for none
	Cc              string // one address that gets a copy of the mail, or empty
	UserType        string // "Guest" or "Member"
	Sponsors        []string
}

// Invited is the answer to an invitation.
type Invited struct {
	GuestID string // object id
	// RedeemURL is where the guest accepts. It is a secret of the guest's, and is never stored or
	// logged. It may be empty.
	RedeemURL string
}

// Directory is the tenant. Errors are *problem.Error with a Directory… code, never the SDK's own.
type Directory interface {
	// Invite creates the guest or finds the one that exists. After DirectoryInvitationError there
	// may be an account: its GuestID is returned beside the error if the directory says it.
	Invite(ctx context.Context, invitation Invitation) (Invited, error)
	// FindGuest returns the object id of the guest that was invited by this address, or "" if none
	// is visible (yet).
	FindGuest(ctx context.Context, address submission.Address) (guestID string, err error)
	// AddMember adds the guest to the group. added is false if it was a member before.
	// DirectoryNotReplicated if the guest or the group is not visible (yet);
	// DirectoryGroupForbidden if the app may not change the group; DirectoryGroupClosed if nobody
	// may add guests to it.
	AddMember(ctx context.Context, groupID, guestID string) (added bool, err error)
	// Group returns what kind of group it is. problem.NotFound if there is no such group,
	// DirectoryReadForbidden if the app may not read it.
	Group(ctx context.Context, groupID string) (Group, error)
}

// UserKind is what the user who holds an address is, as far as it matters for inviting.
type UserKind string

const (
	// NoUser: no visible user holds the address. One who was just invited may not be visible yet.
	NoUser UserKind = ""
	// InternalUser: an account of the tenant's own, by its user type a member or a guest. It can't
	// be invited and needs no invitation.
	InternalUser UserKind = "internal"
	// AcceptedGuest: invited, and has accepted. Inviting again finds the same guest.
	AcceptedGuest UserKind = "accepted"
	// PendingGuest: invited, and has not accepted yet. Inviting again finds the same guest, and
	// sends another mail if asked to.
	PendingGuest UserKind = "pending"
	// DisabledGuest: invited once, and the account is disabled: somebody has shut the guest out.
	DisabledGuest UserKind = "disabled"
	// DeletedGuest: no user holds the address, and a guest who held it was deleted within 30 days.
	DeletedGuest UserKind = "deleted"
	// SeveralUsers: more than one user holds the address, so it is not certain who would be
	// invited.
	SeveralUsers UserKind = "several"
	// UnclearUser: the account was invited once, and looks like one of the tenant's own now; or the
	// directory leaves out what tells its kind.
	UnclearUser UserKind = "unclear"
	// MovedUser: a user who held the address and holds another one now. Whoever signs in with that
	// account may be somebody else.
	MovedUser UserKind = "moved"
)

// User is who holds an address in the tenant.
type User struct {
	ID   string // object id in lower case; "" for NoUser, DeletedGuest and SeveralUsers
	Kind UserKind
	// DeletedAt is when the last DeletedGuest was deleted; zero if the directory does not say.
	DeletedAt time.Time
}

// Deletion is a guest who was deleted and can be restored.
type Deletion struct {
	ID string    // object id in lower case
	At time.Time // zero if the directory does not say
}

// Users finds out who holds an address before anybody is invited, and what has become of a guest.
// Errors are as for [Directory].
type Users interface {
	// FindUser returns the user, internal or external, who holds the address. Deleted users do not
	// count. DirectoryReadForbidden if the app may not read users: then the answer to an invitation
	// has to tell.
	FindUser(ctx context.Context, address submission.Address) (User, error)
	// UserByID returns who the user of that object id is now, seen from the address: MovedUser for
	// one who does not hold it any more, NoUser if no such user is visible, because it was deleted
	// or is not visible yet. Errors are as for FindUser.
	UserByID(ctx context.Context, id string, address submission.Address) (User, error)
	// FindDeletedGuests returns the guests who held the address and were deleted within the last 30
	// days, so that they can be restored. If it can't return all, it dates none. Errors are as for
	// FindUser.
	FindDeletedGuests(ctx context.Context, address submission.Address) ([]Deletion, error)
}

// DeadLetter is a dead letter: a queue message that nobody could work with, kept for a person to
// look at.
type DeadLetter struct {
	ID    string    // the queue's id of the message
	Queue string    // where it belongs: submission.Queue or DecisionsQueue; "" if nobody has noted it
	At    time.Time // when it was kept, lastly
	Body  []byte    // the message as it came, at most 64 KiB
	Why   string    // what is wrong with it, without repeating anything of the body

	// Version is the mark of the letter as it was read.
	Version string
}

// DeadLetterStore keeps dead letters. Errors are *problem.Error: StorageUnavailable.
type DeadLetterStore interface {
	// KeepDeadLetter keeps a letter. If there is one with that id, it stays as it is, but for At
	// and Version: ids may be made up, and must not replace what is kept.
	KeepDeadLetter(ctx context.Context, letter DeadLetter) error
	// AllDeadLetters returns all dead letters, in any order.
	AllDeadLetters(ctx context.Context) ([]DeadLetter, error)
	// ForgetDeadLetters looks at a bounded part of the dead letters from the place on, at most
	// limit, and removes those that were kept before the time, and not again since. It returns
	// where the rest begins, and whether there is none.
	ForgetDeadLetters(ctx context.Context, before time.Time, from Cursor, limit int) (next Cursor, last bool, err error)
	// DropDeadLetter removes the dead letter with that id, if there is one. A Conflict if it is not
	// of that version any more, since it was kept again; "" is any version.
	DropDeadLetter(ctx context.Context, id, version string) error
}
