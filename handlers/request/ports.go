package request

import (
	"context"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// Store keeps requests, claims and due times. Every method may be called by several instances at once; whatever it
// writes is on disk when it returns. Errors are *problem.Error: NotFound and Conflict where said below, StorageUnavailable otherwise.
//
// Every implementation is held to the same conformance suite (package tables/conformance).
type Store interface {
	// Load returns the request as last saved. NotFound if there is none.
	Load(ctx context.Context, id submission.ID) (Request, error)
	// Save writes the request and adds events to its history, all or nothing, and returns the request with its new Version
	// and Events. With an empty Version the request must not exist yet; otherwise it must still be of that Version. Conflict if not.
	Save(ctx context.Context, r Request, events []Event) (Request, error)
	// History returns the request's events in the order in which they were saved; none for an unknown id.
	History(ctx context.Context, id submission.ID) ([]Event, error)

	// Claim makes id the owner of the address, with the given intent time, unless the address has an owner, and returns the claim
	// as it then stands, whoever owns it. created tells whether this very call made it.
	Claim(ctx context.Context, address submission.Address, id submission.ID, intentAt time.Time) (claim Claim, created bool, err error)
	// UpdateClaim replaces the claim on the address and returns it with its new Version. Conflict if it is no longer of claim.Version, or gone.
	UpdateClaim(ctx context.Context, address submission.Address, claim Claim) (Claim, error)
	// Release removes the claim from the address. Conflict if it is no longer of claim.Version; a claim that is gone is no error.
	Release(ctx context.Context, address submission.Address, claim Claim) error

	// Wait notes that id wants to be advanced at due, in place of any earlier note.
	Wait(ctx context.Context, id submission.ID, due time.Time) error
	// StopWaiting removes the note of id if it says due, to 100 ns. Another note, written meanwhile, stays: somebody counts on it.
	StopWaiting(ctx context.Context, id submission.ID, due time.Time) error
	// Due returns at most limit ids whose noted time is not after now, the longest due first.
	Due(ctx context.Context, now time.Time, limit int) ([]submission.ID, error)
}

// Records finds what is stored by how it stands. Errors are *problem.Error: StorageUnavailable.
//
// Its cost is that of reading every record: it is asked a few times a day.
type Records interface {
	// Expired returns at most limit ids of requests that are finished (Done, Denied, Failed, Cancelled), were last changed before the time, and still
	// hold personal data.
	Expired(ctx context.Context, before time.Time, limit int) ([]submission.ID, error)
	// Standing counts the requests that have stood in a state since before the time that is given for it. States without such a request are left out.
	Standing(ctx context.Context, before map[State]time.Time) (map[State]Standing, error)
	// ForgetMails removes at most limit of the claims that fit and say nothing more than which mails an address has had: with mails, without a
	// guest, and without an intent. A claim that changes meanwhile stays. It returns how many were removed.
	ForgetMails(ctx context.Context, which Mails, limit int) (forgotten int, err error)
}

// Mails says whose mails are to be forgotten. What is zero does not count; the zero Mails are nobody's.
type Mails struct {
	// Address is who had them.
	Address submission.Address
	// Owner is the request that owns the claim, or owned it last.
	Owner submission.ID
	// Before is when the last of them must have been sent before.
	Before time.Time
}

// Any reports whether anything counts.
func (m Mails) Any() bool { return m != Mails{} }

// Fit reports whether the claim on the address says of mails only, of those that are meant.
func (m Mails) Fit(address submission.Address, claim Claim) bool {
	return m.Any() && claim.OnlyMails() && (m.Address == submission.Address{} || m.Address == address) &&
		(m.Owner == "" || m.Owner == claim.Owner) && (m.Before.IsZero() || claim.MailedAt.Before(m.Before))
}

// Standing is how many requests stand in a state, and which of them was submitted first.
type Standing struct {
	Requests int
	Oldest   submission.ID
}

// Tick is the resolution of the times that a store keeps, that of Table Storage.
const Tick = 100 * time.Nanosecond

// Rows reads policy rows.
type Rows interface {
	// Rows returns every row of the given partitions, in any order. An error means that not all could be read: no decision can be made.
	Rows(ctx context.Context, partitions []string) ([]policy.Raw, error)
}

// Seats counts the guests that rows with limits have brought in. A seat belongs to one request, which can hold only one of a row, so taking
// and giving back may be repeated without harm. Errors are *problem.Error: Conflict where others were faster too often, StorageUnavailable otherwise.
type Seats interface {
	// Used returns how many seats of the row are taken: in all, and on the day (see policy.Day).
	Used(ctx context.Context, row policy.RowKey, day string) (policy.Used, error)
	// TakeSeat gives id a seat of the row on the day, unless that would exceed a limit. taken is false if the row is full; a request that
	// holds a seat of the row keeps it, whatever the day and the limits.
	TakeSeat(ctx context.Context, limits policy.Limits, day string, id submission.ID) (taken bool, err error)
	// ReleaseSeat gives the seat of id back, in all and on the day on which it was taken. Without a seat it changes nothing.
	ReleaseSeat(ctx context.Context, row policy.RowKey, id submission.ID) error
}

// Invitation is what the directory is asked to send.
type Invitation struct {
	Address         submission.Address
	DisplayName     string
	RedirectURL     string
	MessageLanguage string // BCP 47; empty for the directory's default
	SendMessage     bool   // the directory sends its own mail
	Message         string // plain text for the directory's mail, which may leave it out since an app invites; empty for none
	Cc              string // one address that gets a copy of the mail, or empty
	UserType        string // "Guest" or "Member"
	Sponsors        []string
}

// MailRest is how long an address gets no other mail after one, by whichever request: the status page
// does not offer it, and the worker does not send it.
const MailRest = time.Hour

// Directory is the tenant. Errors are *problem.Error with a Directory… code, never the SDK's own.
type Directory interface {
	// Invite creates the guest or finds the one that exists, and returns its object id.
	Invite(ctx context.Context, invitation Invitation) (guestID string, err error)
	// FindGuest returns the object id of the guest that was invited by this address, or "" if none is visible (yet).
	FindGuest(ctx context.Context, address submission.Address) (guestID string, err error)
	// AddMember adds the guest to the group. added is false if it was a member before. DirectoryNotReplicated if the guest is not visible
	// to the directory yet; DirectoryRefused if the group can't take the guest or does not exist.
	AddMember(ctx context.Context, groupID, guestID string) (added bool, err error)
}

// UserKind is what somebody who holds an address is in the tenant, as far as it matters for inviting.
type UserKind string

const (
	// NoUser: nobody visible holds the address. Somebody who was just invited may not be visible yet.
	NoUser UserKind = ""
	// InternalUser: an account of the tenant's own, be it a member or a guest by its user type. It can't be invited and needs no invitation.
	InternalUser UserKind = "internal"
	// AcceptedGuest: invited, and has accepted. Inviting again finds the same guest.
	AcceptedGuest UserKind = "accepted"
	// PendingGuest: invited, and has not accepted yet. Inviting again finds the same guest, and sends another mail if asked to.
	PendingGuest UserKind = "pending"
	// DisabledGuest: invited once, accepted or not, and the account is disabled: somebody has shut the guest out.
	DisabledGuest UserKind = "disabled"
	// DeletedGuest: nobody holds the address, and a guest who held it was deleted within the last 30 days.
	DeletedGuest UserKind = "deleted"
	// SeveralUsers: more than one user holds the address, so whom an invitation would reach is not certain.
	SeveralUsers UserKind = "several"
)

// User is who holds an address in the tenant.
type User struct {
	ID   string // object id in lower case; "" for NoUser, DeletedGuest and SeveralUsers
	Kind UserKind
}

// Users finds out who holds an address before anybody is invited. Errors are as for Directory.
type Users interface {
	// FindUser returns the user, internal or external, who holds the address; one who was deleted does not. DirectoryReadForbidden if the app may not read users: then
	// the answer to an invitation has to tell.
	FindUser(ctx context.Context, address submission.Address) (User, error)
	// FindDeletedGuests returns the object ids of the guests who held the address and were deleted within the last 30 days: they can be
	// restored. Errors are as for FindUser.
	FindDeletedGuests(ctx context.Context, address submission.Address) ([]string, error)
}

// Poison is a queue message that is none of ours, kept so that a person can look at it.
type Poison struct {
	// ID is the queue's id of the message. Keeping the same one again changes nothing.
	ID string
	// At is when it was kept.
	At time.Time
	// Body is the message as it came, at most 64 KiB.
	Body []byte
	// Why is what is wrong with it. It repeats nothing of the body.
	Why string
}

// PoisonStore keeps messages that nobody could work with. Errors are *problem.Error: StorageUnavailable.
type PoisonStore interface {
	KeepPoison(ctx context.Context, poison Poison) error
	// AllPoison returns every message that is kept, in any order.
	AllPoison(ctx context.Context) ([]Poison, error)
	// DropPoison forgets the message of that id, if it is kept.
	DropPoison(ctx context.Context, id string) error
}
