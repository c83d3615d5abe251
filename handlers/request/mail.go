package request

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// Mail is a mail to one person, ready to be sent. It holds personal data, and a code or a redeem
// URL: it is never stored or logged.
type Mail struct {
	To      submission.Address
	Subject string // one line without control characters
	Text    string // enough alone
	HTML    string
	ReplyTo string // an address; empty for none
}

// MailKind is what a mail is for.
type MailKind string

// The kinds of mail.
const (
	CodeMail       MailKind = "code"       // proves the mailbox
	InvitationMail MailKind = "invitation" // has the redeem URL
	DecisionMail   MailKind = "decision"   // says what became of the request
	ReminderMail   MailKind = "reminder"   // of an invitation that was not used
)

// MailID names one mail for good: a UUID. Whoever finds the intent to send a mail without its
// receipt asks by it what became of the mail, and so sends none twice.
type MailID string

// NewMailID returns the id of the ordinal-th mail, counted from 1, of that kind for the request.
// The same arguments give the same id at all times, so it need not be stored.
func NewMailID(id submission.ID, kind MailKind, ordinal int) MailID {
	sum := sha256.Sum256(fmt.Appendf(nil, "mail\n%s\n%s\n%d", id, kind, ordinal))
	return MailID(version8(sum[:16]))
}

// version8 returns the 16 bytes as a UUID of version 8, made as the program likes: RFC 9562,
// section 5.8. It changes them.
func version8(uuid []byte) string {
	uuid[6] = uuid[6]&0x0f | 0x80
	uuid[8] = uuid[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", uuid[:4], uuid[4:6], uuid[6:8], uuid[8:10], uuid[10:])
}

// MailState is what a mail service says of a mail.
type MailState string

// What a mail service says of a mail.
const (
	MailUnheard    MailState = "unheard"     // it has never taken the mail
	MailUnderway   MailState = "underway"    // it has taken the mail, and nothing final is known
	MailHandedOver MailState = "handed-over" // to the recipient's side; nobody knows whether it was delivered
	MailFailed     MailState = "failed"      // it has given the mail up
	MailSuppressed MailState = "suppressed"  // it leaves the address alone, because mails to it came back
	MailUntold     MailState = "untold"      // this service can't be asked
)

// MailStatus is what became of a mail.
type MailStatus struct {
	State MailState
	Code  string        // the service's code of a failure: an identifier, no personal data
	Again time.Duration // when to ask again while it is MailUnderway; 0 if the service does not say
}

// Mailer hands mails over to a service that delivers them. Several instances may call it at once.
// It makes one attempt for each call and repeats nothing by itself. Its errors are *problem.Error
// with one of the codes below; none repeats an address, a code or what the service says in words.
type Mailer interface {
	// SendMail hands the mail over. After nil the service has taken it. After MailUnavailable it
	// may have, so ask before sending again; after any other error it has not.
	SendMail(ctx context.Context, id MailID, mail Mail) error
	// MailStatus asks what became of the mail with the id: also of one that nobody ever sent.
	MailStatus(ctx context.Context, id MailID) (MailStatus, error)
}

// The codes of a mail service.
const (
	// MailThrottled: over the service's limit; the error's RetryAfter says how long to wait. It is
	// everybody's limit, and further calls count towards it.
	MailThrottled problem.Code = "mail-throttled"
	// MailUnavailable: no answer, or one that says nothing about the mail. The mail may be on its
	// way.
	MailUnavailable problem.Code = "mail-unavailable"
	// MailUnreached: the call has not come to the service, for lack of a token or a connection. As
	// MailThrottled, it concerns everybody.
	MailUnreached problem.Code = "mail-unreached"
	// MailRefused: the service does not take this mail, and will not take it later.
	MailRefused problem.Code = "mail-refused"
	// MailForbidden: the app may not send: no token, no role, or a sender that is not its own.
	// Everybody's mails fail until an admin has changed that.
	MailForbidden problem.Code = "mail-forbidden"
)

// mailCodes say of each code of a mail service whether the same attempt may succeed later without
// anybody changing anything.
var mailCodes = map[problem.Code]bool{
	MailThrottled: true, MailUnavailable: true, MailUnreached: true, MailRefused: false, MailForbidden: true,
}

// MailCodes returns every code of a mail service, for tests and documentation, sorted.
func MailCodes() []problem.Code { return slices.Sorted(maps.Keys(mailCodes)) }
