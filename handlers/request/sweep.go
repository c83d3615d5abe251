package request

import (
	"slices"
	"time"

	"guestlist/handlers/submission"
)

// A sweep looks through all requests and all claims, for what is to be erased, what waits too long
// and what can't be read. It goes round after round, a page at a time: what one run of upkeep reads
// does not grow with the tables. The record of the sweep says where the next run goes on.

// SweepEvery is how often a round begins.
const SweepEvery = time.Hour

// maxUnreadable is how many ids of unreadable records a round notes.
const maxUnreadable = 20

// Cursor is a place in a table: after the request with an id, or where a store says. The zero
// Cursor is the beginning.
type Cursor struct {
	After submission.ID `json:"after,omitempty"`
	Token string        `json:"token,omitempty"`
}

// Search says which requests a sweep looks for, besides those that are [Brief.Unreadable], wait for
// a proof of their mailbox or for a person, or are owed a mail.
type Search struct {
	// Expired is before when finished requests must have been changed last for their personal data
	// to be erased. The zero time is never.
	Expired time.Time
	// Overdue has for states before when requests must have come to them to be overdue.
	Overdue map[State]time.Time
	// Forgotten is before when a request must have been due that is forgotten: its due entry is
	// gone, or says a later time. The zero time is never.
	Forgotten time.Time
}

// Brief is the part of a request that a sweep looks at. What can't be read is zero.
type Brief struct {
	ID             submission.ID
	State          State
	Since, Changed time.Time
	Due            time.Time // zero if it waits for no time
	OwedSince      time.Time // zero if the request is owed no mail
	Stage          time.Time // when the present stage of a request in Review began; zero if not known
	// Fault says why the request can't be read, without values; empty if it can be.
	Fault string
}

// Expires reports whether the request is one that expires, if it still holds personal data.
func (s Search) Expires(b Brief) bool {
	return b.State.Finished() && !b.Changed.IsZero() && b.Changed.Before(s.Expired)
}

// IsOverdue reports whether the request has been in its state for too long.
func (s Search) IsOverdue(b Brief) bool {
	before, asked := s.Overdue[b.State]
	return asked && !b.Since.IsZero() && b.Since.Before(before)
}

// IsForgotten reports whether the request should have come back long ago. A parked one comes back
// when it is its turn.
func (s Search) IsForgotten(b Brief) bool {
	return !b.State.Finished() && b.State != Parked && !b.Due.IsZero() && b.Due.Before(s.Forgotten)
}

// Unreadable reports whether the request can't be read and somebody may need it: it is not known to
// have finished.
func (b Brief) Unreadable() bool { return b.Fault != "" && !b.State.Finished() }

// Finds reports whether the search looks for the request; personal says whether that holds personal
// data.
func (s Search) Finds(b Brief, personal bool) bool {
	return s.IsOverdue(b) || s.IsForgotten(b) || b.Unreadable() || s.Expires(b) && personal || b.State == Proving || b.State == Review ||
		!b.OwedSince.IsZero()
}

// Page is a part of a table.
type Page struct {
	// Found are the requests that the search looks for, by their ids.
	Found []Brief
	// Next is where the rest begins, and Last says that there is none. A page may be empty and not
	// the last.
	Next Cursor
	Last bool
}

// SweepPart is what a round is at.
type SweepPart string

// The parts of a round, in their order.
const (
	SweepRequests  SweepPart = "requests"
	SweepMails     SweepPart = "mails" // claims that are kept for mails only
	SweepMailboxes SweepPart = "mailboxes"
	SweepLetters   SweepPart = "letters" // dead letters
	SweepOver      SweepPart = ""        // no round is under way
)

// Tally is what a round has found.
type Tally struct {
	Erased     int                `json:"erased,omitempty"`
	Overdue    map[State]Standing `json:"overdue,omitempty"`
	Unreadable int                `json:"unreadable,omitempty"`
	// Examples are some of the unreadable records.
	Examples []submission.ID `json:"examples,omitempty"`
	// Proving are the requests that wait for a proof of their mailbox. Owed are those that are owed
	// a mail of the app's own, the first since OwedSince.
	Proving   int       `json:"proving,omitempty"`
	Owed      int       `json:"owed,omitempty"`
	OwedSince time.Time `json:"owedSince,omitzero"`
	// Compared is up to which request the index of what waits for people was compared with the
	// requests.
	Compared submission.ID `json:"compared,omitempty"`
}

// Sweep is the record of the sweep.
type Sweep struct {
	// Began is when the round under way began, or the last one. What it looks for is fixed then.
	Began time.Time
	Part  SweepPart
	At    Cursor
	Tally Tally // of the round under way
	// Last is what the last round has found that came to its end, at Ended.
	Last    Tally
	Ended   time.Time
	Version string // the store's; empty if there is no record yet
}

// sweepParts are the parts of a round, and its end.
var sweepParts = []SweepPart{SweepRequests, SweepMails, SweepMailboxes, SweepLetters, SweepOver}

// underWay reports whether a round is under way. A part that this version does not know is none.
func (s Sweep) underWay() bool { return s.Part != SweepOver && slices.Contains(sweepParts, s.Part) }

// Due reports whether there is something to do. A clock may be wrong.
func (s Sweep) Due(now time.Time) bool {
	return s.underWay() || now.Sub(s.Began).Abs() >= SweepEvery
}

// Begin returns the sweep at the beginning of a round, if none is under way.
func (s Sweep) Begin(now time.Time) Sweep {
	if !s.underWay() {
		s.Began, s.Part, s.At, s.Tally = now, SweepRequests, Cursor{}, Tally{}
	}
	return s
}

// Next returns the sweep at the beginning of the next part.
func (s Sweep) Next() Sweep {
	s.Part, s.At = sweepParts[slices.Index(sweepParts, s.Part)+1], Cursor{}
	return s
}

// Restart returns the sweep at the beginning of the round, which has found nothing yet.
func (s Sweep) Restart() Sweep {
	s.Part, s.At, s.Tally = SweepRequests, Cursor{}, Tally{}
	return s
}

// End returns the sweep with the tally of the round that has come to its end.
func (s Sweep) End(now time.Time) Sweep {
	s.Part, s.At, s.Last, s.Ended, s.Tally = SweepOver, Cursor{}, s.Tally, now, Tally{}
	return s
}

// CountOverdue returns the tally with one overdue request more.
func (t Tally) CountOverdue(b Brief) Tally {
	counted := map[State]Standing{}
	for state, standing := range t.Overdue {
		counted[state] = standing
	}
	standing := counted[b.State]
	if standing.Requests == 0 || b.ID < standing.Oldest {
		standing.Oldest = b.ID
	}
	standing.Requests++
	counted[b.State] = standing
	t.Overdue = counted
	return t
}

// CountMails returns the tally with one request more that waits for a proof or is owed a mail, if
// it does or is.
func (t Tally) CountMails(b Brief) Tally {
	if b.State == Proving {
		t.Proving++
	}
	if !b.OwedSince.IsZero() {
		t.Owed++
		if t.OwedSince.IsZero() || b.OwedSince.Before(t.OwedSince) {
			t.OwedSince = b.OwedSince
		}
	}
	return t
}

// CountUnreadable returns the tally with one unreadable record more.
func (t Tally) CountUnreadable(id submission.ID) Tally {
	t.Unreadable++
	if len(t.Examples) < maxUnreadable {
		t.Examples = append(slices.Clip(t.Examples), id)
	}
	return t
}
