package request

import "time"

// The most mails of invitations that an address gets, by whichever requests and whatever goes
// wrong. Beyond that each yes of a person lets one more go out.
const (
	MailsPerDay  = 4
	MailsPerWeek = 5
)

const (
	// MailRest is how long an address gets no other mail after one, by whichever request: the
	// status page does not offer it, and the worker does not send it. Only an invitation whose
	// answer was lost may be repeated sooner, if the directory shows no guest.
	MailRest = time.Hour

	// MailsKept is how long mails are kept at least: those of a week. The clocks of two instances
	// may be more than a day apart.
	MailsKept = 9 * 24 * time.Hour
	// mailDay is how long a mail counts as one of the day. It may go out some minutes after it was
	// counted.
	mailDay = 24*time.Hour + LongestAttempt + time.Minute
	// mailsAhead is how far ahead the time of a mail may be. A later one was written by a clock
	// that is altogether wrong, and does not count: it could be years ahead.
	mailsAhead = 48 * time.Hour
)

// Mailed counts a mail that the directory is about to be asked to send to the address, at that time
// or that of the mail before, if that is later by another clock.
func (c Claim) Mailed(at time.Time) Claim {
	if ahead := c.MailedAt.Sub(at); ahead > 0 && ahead <= mailsAhead {
		at = c.MailedAt
	}
	copy(c.MailedBefore[1:], c.MailedBefore[:])
	c.MailedBefore[0] = c.MailedAt
	c.MailedAt = at
	c.Mails++
	return c
}

// Uncounted returns the claim without the mail that was counted last, since it certainly was not
// sent.
func (c Claim) Uncounted() Claim {
	if c.Mails == 0 {
		return c
	}
	last := len(c.MailedBefore) - 1
	c.MailedAt = c.MailedBefore[0]
	copy(c.MailedBefore[:], c.MailedBefore[1:])
	c.MailedBefore[last] = time.Time{}
	c.Mails--
	return c
}

// Unmailed returns the claim as it was before a mail was recorded that certainly was not sent.
func (c Claim) Unmailed(before Claim) Claim {
	before.Version = c.Version
	return before
}

// mails returns the times of the last mails that may count at the time, the latest first.
func (c Claim) mails(now time.Time) (times []time.Time) {
	for _, at := range append([]time.Time{c.MailedAt}, c.MailedBefore[:]...) {
		age := now.Sub(at)
		if !at.IsZero() && age < MailsKept && age > -mailsAhead {
			times = append(times, at)
		}
	}
	return times
}

// MailsOfDay returns how many mails the address has had in the day before now.
func (c Claim) MailsOfDay(now time.Time) (n int) {
	for _, at := range c.mails(now) {
		if now.Sub(at) < mailDay {
			n++
		}
	}
	return n
}

// BeforeMail returns how long the address has to be left alone before its next mail, so that it
// gets no more than [MailsPerDay]. spent says that it has had [MailsPerWeek], so that only a person
// may send another. yes is when a person last asked for a mail, or zero: it counts for one mail, if
// none was counted since.
func (c Claim) BeforeMail(now, yes time.Time) (wait time.Duration, spent bool) {
	times := c.mails(now)
	switch {
	case len(times) == 0, yes.After(times[0]):
		return 0, false
	case len(times) >= MailsPerWeek:
		return 0, true
	case len(times) >= MailsPerDay:
		return max(0, times[MailsPerDay-1].Add(mailDay).Sub(now)), false
	}
	return 0, false
}
