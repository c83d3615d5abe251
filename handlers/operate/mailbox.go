package operate

import (
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Mailbox is what is known about the mailbox of an address, whichever requests are for it.
type Mailbox struct {
	Address string `json:"address"` // masked
	// Mails are the times of the mails of the app's own that it has had within a day, the latest
	// first, and Codes those of the ones with a code. The numbers say how many it can have.
	Mails     []time.Time `json:"mails"`
	MostMails int         `json:"mostMails"`
	Codes     []time.Time `json:"codes"`
	MostCodes int         `json:"mostCodes"`
	// NextMail and NextCode are when it gets another one at the soonest, unless a person asks for
	// it; zero if that is now.
	NextMail time.Time `json:"nextMail,omitzero"`
	NextCode time.Time `json:"nextCode,omitzero"`
	// ProvedAt is when it was last proved, and CountsUntil until when that counts for further
	// sign-ups; zero if that is not known.
	ProvedAt    time.Time `json:"provedAt,omitzero"`
	CountsUntil time.Time `json:"countsUntil,omitzero"`
	// StoppedAt is when somebody last said that it was not them who had asked for a code, and
	// StoppedUntil until when it gets none for that.
	StoppedAt    time.Time `json:"stoppedAt,omitzero"`
	StoppedUntil time.Time `json:"stoppedUntil,omitzero"`
	// SuppressedAt is when the mail service last said that it leaves the address alone, and
	// SuppressedUntil until when the app does so too.
	SuppressedAt    time.Time `json:"suppressedAt,omitzero"`
	SuppressedUntil time.Time `json:"suppressedUntil,omitzero"`
}

// NewMailbox returns what is known about the mailbox of the address. proof is how long a proof
// counts, negative if that is not known.
func NewMailbox(address submission.Address, m request.Mailbox, proof time.Duration, now time.Time) Mailbox {
	mails, codes := m.OfDay(now)
	box := Mailbox{
		Address: address.Masked(),
		Mails:   append([]time.Time{}, mails...), MostMails: request.OwnMailsPerDay,
		Codes: append([]time.Time{}, codes...), MostCodes: request.CodesPerDay,
		NextMail: m.RestsUntil(request.InvitationMail, now), NextCode: m.RestsUntil(request.CodeMail, now),
		ProvedAt: m.ProvedAt, StoppedAt: m.StoppedAt, SuppressedAt: m.SuppressedAt,
		StoppedUntil:    lasts(m.StoppedAt, request.StoppedFor, now),
		SuppressedUntil: lasts(m.SuppressedAt, request.SuppressedFor, now),
	}
	if proof >= 0 {
		box.CountsUntil = lasts(m.ProvedAt, proof, now)
	}
	return box
}

// lasts returns when what has begun at the time is over after d, the zero time if it is over or has
// not begun.
func lasts(at time.Time, d time.Duration, now time.Time) time.Time {
	if at.IsZero() || !at.Add(d).After(now) {
		return time.Time{}
	}
	return at.Add(d)
}
