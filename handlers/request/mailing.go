package request

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// SentMail is the last mail of a kind that was sent for a request: its intent, and its receipt once
// the mail service has answered. One that was given up before the service was asked has failed.
type SentMail struct {
	Kind    MailKind  `json:"kind"`
	Ordinal int       `json:"ordinal"` // of this mail among those of its kind, from 1 on
	At      time.Time `json:"at"`      // when the service was about to be asked to take it
	// State is what the service said last. It is empty until then: the mail may be sent or not.
	State MailState `json:"state,omitempty"`
	Code  string    `json:"code,omitempty"` // of a failure; no personal data
	// LookAt is when the service is asked what became of the mail; zero if it is not any more.
	LookAt time.Time `json:"lookAt,omitzero"`
	// Repeats is how often it was handed over again because the service said that it had not taken
	// it.
	Repeats int `json:"repeats,omitempty"`
	// Guest is the object id of the guest whose invitation an InvitationMail is about; empty in
	// records of older versions.
	Guest string `json:"guest,omitempty"`
}

// Open reports whether nobody knows yet whether the mail was sent.
func (m SentMail) Open() bool { return m.Ordinal > 0 && m.State == "" }

// Arrives reports whether the mail may have reached the mailbox, or still may.
func (m SentMail) Arrives() bool {
	return m.Ordinal > 0 && m.State != MailFailed && m.State != MailSuppressed
}

// Owed is a mail that a request is still to be sent, after it has ended. The zero Owed is none.
type Owed struct {
	Kind  MailKind  `json:"kind"`
	Since time.Time `json:"since"`
	// Why says why it waits. It is in the history once.
	Why string `json:"why,omitempty"`
	// Person says that a person asked for it, so that it goes out whatever the mailbox has had.
	Person bool `json:"person,omitempty"`
	// Unless is the request for the same guest whose mail makes this one needless, if it arrives;
	// empty if nothing does.
	Unless submission.ID `json:"unless,omitempty"`
}

// Mail returns the last mail of the kind, the zero SentMail if there was none.
func (r Request) Mail(kind MailKind) SentMail {
	i := slices.IndexFunc(r.Mails, func(m SentMail) bool { return m.Kind == kind })
	if i < 0 {
		return SentMail{}
	}
	return r.Mails[i]
}

// NextLook returns when something that was sent for the request is looked at, the guest is reminded
// of it, or somebody has waited too long for a person; zero if none of these.
func (r Request) NextLook() time.Time {
	next := r.CheckAt
	sooner := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	sooner(r.RemindAt)
	if r.State == Review && r.Reviewing != nil {
		sooner(r.Reviewing.Next())
	}
	for _, m := range r.Mails {
		sooner(m.LookAt)
	}
	return next
}

// Owe notes that the request is to be sent a mail.
func (c *Change) Owe(kind MailKind) { c.Request.Owed = Owed{Kind: kind, Since: c.Now()} }

// IntendMail notes that the service is about to be asked to take a mail: the next one of its kind,
// or, if nobody knows whether the last one was sent, that one again. The mail was counted at that
// time, see [Mailbox.Counted].
func (c *Change) IntendMail(kind MailKind, at time.Time) MailID {
	m := c.Request.Mail(kind)
	if m.Open() {
		m.Repeats++
	} else {
		m = SentMail{Kind: kind, Ordinal: m.Ordinal + 1}
	}
	m.At = at
	if kind == InvitationMail {
		m.Guest = c.Request.GuestID
	}
	c.SetMail(m)
	return NewMailID(c.Request.ID, kind, m.Ordinal)
}

// SetMail replaces the last mail of its kind.
func (c *Change) SetMail(m SentMail) {
	mails := slices.DeleteFunc(slices.Clone(c.Request.Mails), func(n SentMail) bool { return n.Kind == m.Kind })
	c.Request.Mails = append(mails, m)
}

// GiveUpMail notes that no mail of the kind will be sent, if there was none: the status page must
// not say that the partner was sent one.
func (c *Change) GiveUpMail(kind MailKind) {
	if c.Request.Mail(kind).Ordinal == 0 {
		c.SetMail(SentMail{
			Kind: kind, Ordinal: 1, At: c.Now(), State: MailFailed, Code: "not-sent", Guest: c.Request.GuestID,
		})
	}
}

// DropMail takes back the last mail of the kind, which was not sent. before is the one before it.
func (c *Change) DropMail(kind MailKind, before SentMail) {
	if before.Ordinal > 0 {
		c.SetMail(before)
		return
	}
	c.Request.Mails = slices.DeleteFunc(slices.Clone(c.Request.Mails), func(m SentMail) bool { return m.Kind == kind })
}

// CheckMails returns a problem.Internal if the mails contradict each other, or themselves. A store
// keeps no such mails.
func CheckMails(mails []SentMail) error {
	seen := map[MailKind]bool{}
	for _, m := range mails {
		if seen[m.Kind] || m.Kind == "" || m.Ordinal < 1 || m.At.IsZero() {
			return problem.New(problem.Internal, "the mails of a request contradict themselves")
		}
		seen[m.Kind] = true
	}
	return nil
}

// MailGate is what all instances share about the app's own mails: what was sent within an hour, and
// whether the service takes any. There is one for a tenant. Package workflow knows its rules.
type MailGate struct {
	// Minutes are how many mails were sent in the minutes of the last hour, the latest last.
	Minutes []MailMinute
	// Hour is the hour, since 1970, in which each domain, by its hash, has had so many codes.
	Hour    int64
	Domains map[string]int
	// HeldUntil is until when the service is left alone, by everybody.
	HeldUntil time.Time
	// Cause is why the service takes no mails at all, and CauseAt since when; empty if it does.
	Cause   problem.Code
	CauseAt time.Time
	// Failures counts the mails in a row that the service has not taken for a reason that may be
	// everybody's, since it took the last one. While there are any, one mail at a time tries it.
	Failures int
	// Witness is a hash of the request whose mail last had no usable answer while there are no
	// Failures: the trouble may be its own.
	Witness string
	// Version is the store's mark of this state; empty for a gate that is not stored yet.
	Version string
}

// MailMinute counts the mails of a minute.
type MailMinute struct {
	Minute int64 `json:"minute"` // since 1970
	Mails  int   `json:"mails"`
	// Codes and Notices are how many of them were codes, and notices to people who decide.
	Codes   int `json:"codes,omitempty"`
	Notices int `json:"notices,omitempty"`
	// Back names the last turns of the minute that were given back, so that none is twice.
	Back []string `json:"back,omitempty"`
}

// MailQuota is how many mails of the app's own may be sent, by all instances together.
type MailQuota struct{ PerMinute, PerHour int }

// codesOf is the part of a quota that codes may use: anybody can cause them who fills in the form,
// and an invitation must not wait for that.
const codesOf = 2

// Codes returns how many of the mails may be codes.
func (q MailQuota) Codes() MailQuota {
	return MailQuota{PerMinute: max(1, q.PerMinute/codesOf), PerHour: max(1, q.PerHour/codesOf)}
}

// Notices returns how many mails there may be already when one with a notice follows: the rest is
// for mails to partners, who wait for them.
func (q MailQuota) Notices() MailQuota { return q.Codes() }

// noticesOf is the part of a quota that notices may use whatever else was sent: strangers can cause
// codes all day, and what waits for a person would wait for the end of that.
const noticesOf = 10

// Reserved returns how many of the mails may be notices in any case.
func (q MailQuota) Reserved() MailQuota {
	return MailQuota{PerMinute: max(1, q.PerMinute/noticesOf), PerHour: max(1, q.PerHour/noticesOf)}
}

// MailStore keeps what is shared about the app's own mails. Errors are *problem.Error: Conflict
// where said below, RecordUnreadable as for [Store], else StorageUnavailable.
type MailStore interface {
	// Mailbox returns what is known about the mailbox, the zero Mailbox if nothing is.
	Mailbox(ctx context.Context, address submission.Address) (Mailbox, error)
	// SaveMailbox replaces what is known about the mailbox and returns it with its new Version.
	// Conflict if the stored one no longer has mailbox.Version.
	SaveMailbox(ctx context.Context, address submission.Address, mailbox Mailbox) (Mailbox, error)
	// MarkProved notes that the mailbox was proved, and leaves the rest as it is.
	MarkProved(ctx context.Context, address submission.Address, at time.Time) error
	// DropMailbox forgets the mailbox.
	DropMailbox(ctx context.Context, address submission.Address) error
	// ForgetMailboxes looks at a bounded part of the mailboxes from the place on, at most limit,
	// and removes those that were written last before the time. One that changes meanwhile stays.
	// It returns where the rest begins, and whether there is none.
	ForgetMailboxes(ctx context.Context, before time.Time, from Cursor, limit int) (next Cursor, last bool, err error)
	// MailGate returns the gate of mails as last saved; the zero MailGate if none was.
	MailGate(ctx context.Context) (MailGate, error)
	// SaveMailGate replaces the gate of mails and returns it with its new Version. Conflict if the
	// stored gate no longer has gate.Version.
	SaveMailGate(ctx context.Context, gate MailGate) (MailGate, error)
	// ProofKey returns the key that codes are derived with. If there is none yet it stores the one
	// that is given.
	ProofKey(ctx context.Context, made ProofKey) (ProofKey, error)
}

// ChangeMailGate saves what change makes of the gate of mails, and returns the gate that change saw
// last. change may be called several times; changed false leaves the gate as it is.
func ChangeMailGate(
	ctx context.Context, store MailStore, change func(MailGate) (next MailGate, changed bool),
) (before MailGate, err error) {
	for range gateRounds {
		before, err = store.MailGate(ctx)
		if err != nil {
			return before, fmt.Errorf("reading the gate of mails: %w", err)
		}
		next, changed := change(before)
		if !changed {
			return before, nil
		}
		_, err = store.SaveMailGate(ctx, next)
		if err == nil {
			return before, nil
		}
		if problem.CodeOf(err) != problem.Conflict {
			return before, fmt.Errorf("saving the gate of mails: %w", err)
		}
	}
	return before, problem.New(problem.Conflict, "others changed the gate of mails %d times", gateRounds)
}
