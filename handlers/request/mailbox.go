package request

import (
	"slices"
	"time"
)

// The most mails of the app's own that a mailbox gets in a day, whichever requests they are for.
const (
	// OwnMailsPerDay counts all mails, and CodesPerDay those with a code, which anybody can cause
	// who fills in the form. So there is room for an invitation after the codes of a day.
	OwnMailsPerDay = 5
	CodesPerDay    = 4
)

// MostWishes is how many mails of invitations a mailbox gets within [MailboxesKept] because
// somebody asks for them on status pages, whichever requests they are for.
const MostWishes = 5

// codeRests are the least times between a code and the next, by how many the mailbox has had within
// a day.
var codeRests = [CodesPerDay + 1]time.Duration{0, 2 * time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour}

const (
	// StoppedFor is how long a mailbox gets no code after somebody has said that it was not them.
	// Who holds the link may be the stranger, who could keep codes from a mailbox for as long by
	// asking for them.
	StoppedFor = 24 * time.Hour
	// SuppressedFor is how long a mailbox gets no mail after the mail service has said that it
	// leaves the address alone: each further attempt prolongs that.
	SuppressedFor = 24 * time.Hour
	// MailboxesKept is how long a Mailbox is kept at least. It is much longer than a day, since the
	// clocks of two instances may be more than a day apart.
	MailboxesKept = 9 * 24 * time.Hour
)

// Mailbox is what is known about the mailbox of an address, whichever requests are for it. The zero
// Mailbox is one that nothing is known about.
type Mailbox struct {
	// Mailed are the times of the last mails of the app's own, the latest first, and Codes those of
	// the ones with a code. They are written before the mail is sent: it counts unless it certainly
	// was not.
	Mailed [OwnMailsPerDay]time.Time
	Codes  [CodesPerDay]time.Time
	// Wished are the times of the last wishes on status pages for another mail of an invitation
	// that were granted, the latest first.
	Wished [MostWishes]time.Time
	// ProvedAt is when somebody last proved to own the mailbox.
	ProvedAt time.Time
	// StoppedAt is when somebody last said that it was not them who had asked for a code.
	StoppedAt time.Time
	// SuppressedAt is when the mail service last said that it leaves the address alone.
	SuppressedAt time.Time
	Changed      time.Time // when it was last written
	Version      string    // the store's mark of this state; empty if it is not stored
}

// within reports whether the time is less than d ago. One that lies too far ahead was written by a
// wrong clock, and does not count.
func within(at, now time.Time, d time.Duration) bool {
	age := now.Sub(at)
	return !at.IsZero() && age < d && age > -mailsAhead
}

// ofDay returns those of the times that are within a day.
func ofDay(times []time.Time, now time.Time) (recent []time.Time) {
	for _, at := range times {
		if within(at, now, mailDay) {
			recent = append(recent, at)
		}
	}
	return recent
}

// OfDay returns the times of all mails, and of those with a code, that count as those of the day
// before now, the latest first.
func (m Mailbox) OfDay(now time.Time) (mails, codes []time.Time) {
	return ofDay(m.Mailed[:], now), ofDay(m.Codes[:], now)
}

// BeforeMail returns how long the mailbox has to be left alone before its next mail. refused says
// that the mail should not be sent later by itself either: for a code, because the mailbox has had
// those of a day, or gets none for now. Waiting requests must not add up to mails without end.
func (m Mailbox) BeforeMail(kind MailKind, now time.Time) (wait time.Duration, refused bool) {
	if within(m.SuppressedAt, now, SuppressedFor) {
		return m.SuppressedAt.Add(SuppressedFor).Sub(now), kind == CodeMail
	}
	if len(ofDay(m.Mailed[:], now)) == OwnMailsPerDay {
		wait = max(wait, m.Mailed[OwnMailsPerDay-1].Add(mailDay).Sub(now))
	}
	if kind != CodeMail {
		return wait, false
	}
	n := len(ofDay(m.Codes[:], now))
	if n > 0 {
		wait = max(wait, m.Codes[0].Add(codeRests[n]).Sub(now))
	}
	return wait, n == CodesPerDay || wait > codeRests[CodesPerDay-1] || within(m.StoppedAt, now, StoppedFor)
}

// RestsUntil returns until when the mailbox gets no mail of the kind unless a person asks for it,
// the zero time if it may get one.
func (m Mailbox) RestsUntil(kind MailKind, now time.Time) time.Time {
	wait, _ := m.BeforeMail(kind, now)
	if kind == CodeMail && within(m.StoppedAt, now, StoppedFor) {
		wait = max(wait, m.StoppedAt.Add(StoppedFor).Sub(now))
	}
	if wait <= 0 {
		return time.Time{}
	}
	return now.Add(wait)
}

// Counted returns the mailbox with a mail that is about to be sent.
func (m Mailbox) Counted(kind MailKind, at time.Time) Mailbox {
	at = at.UTC().Truncate(Tick)
	push := func(times []time.Time) {
		copy(times[1:], times)
		times[0] = notBefore(at, times[1])
	}
	push(m.Mailed[:])
	if kind == CodeMail {
		push(m.Codes[:])
	}
	return m
}

// WishesSpent reports whether the mailbox has had so many mails that partners asked for that only a
// person may ask for another.
func (m Mailbox) WishesSpent(now time.Time) bool {
	return within(m.Wished[MostWishes-1], now, MailboxesKept)
}

// Wish returns the mailbox with a wish for another mail that is granted.
func (m Mailbox) Wish(at time.Time) Mailbox {
	copy(m.Wished[1:], m.Wished[:])
	m.Wished[0] = notBefore(at.UTC(), m.Wished[1])
	return m
}

// notBefore returns the later of two times, unless that lies too far ahead.
func notBefore(at, before time.Time) time.Time {
	if ahead := before.Sub(at); ahead > 0 && ahead <= mailsAhead {
		return before
	}
	return at
}

// Uncounted returns the mailbox without the mail that was counted last, which certainly was not
// sent.
func (m Mailbox) Uncounted(kind MailKind) Mailbox {
	pop := func(times []time.Time) {
		copy(times, times[1:])
		times[len(times)-1] = time.Time{}
	}
	pop(m.Mailed[:])
	if kind == CodeMail {
		pop(m.Codes[:])
	}
	return m
}

// Without returns the mailbox without the mail that was counted at the time, and which certainly
// was not sent. If it does not count, nothing changes.
func (m Mailbox) Without(kind MailKind, at time.Time) Mailbox {
	remove := func(times []time.Time) {
		i := slices.IndexFunc(times, at.Truncate(Tick).Equal)
		if i >= 0 {
			copy(times[i:], times[i+1:])
			times[len(times)-1] = time.Time{}
		}
	}
	remove(m.Mailed[:])
	if kind == CodeMail {
		remove(m.Codes[:])
	}
	return m
}

// Proved reports whether somebody has proved within the time to own the mailbox.
func (m Mailbox) Proved(now time.Time, lately time.Duration) bool {
	return within(m.ProvedAt, now, lately)
}

// Spent reports whether nothing in it counts any more at the time, if a proof counts for so long.
func (m Mailbox) Spent(now time.Time, proof time.Duration) bool {
	return !slices.ContainsFunc(append(slices.Concat(m.Mailed[:], m.Wished[:]), m.StoppedAt, m.SuppressedAt), func(at time.Time) bool {
		return within(at, now, MailboxesKept)
	}) && !m.Proved(now, proof)
}
