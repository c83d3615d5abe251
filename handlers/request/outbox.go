package request

import (
	"context"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/submission"
)

// NoticeEntry is an entry of the outbox of notices: the wish to tell those who decide of something.
// It says what the notice is about and how far sending it has come. What the notice says follows
// from the request when it is sent.
type NoticeEntry struct {
	Request submission.ID
	Stage   int       // from 1 on
	Since   time.Time // when the stage began
	Kind    NoticeKind
	// Deadline is the one that a notice about the last day is about; zero for other kinds.
	Deadline time.Time
	// Mark tells the entry from others about the same. Only the one that the request names counts,
	// see PutNotice: the others were written by calls that did not come to save the request.
	Mark string
	At   time.Time // when it was put
	// Due is when it is sent, or tried again, and Tries how often that has failed.
	Due   time.Time
	Tries int
	NoticeProgress
	Version string // the store's mark of this state of the entry; empty if it is not stored yet
}

// NoticeProgress says who was told of a notice. A recipient is the object id of a person, or the
// name of a channel.
type NoticeProgress struct {
	// Told may have got it, and get it no more. Spared do not get it.
	Told   []string `json:"told,omitempty"`
	Spared []string `json:"spared,omitempty"`
	// Intents are attempts whose outcome is not known yet, one for each recipient at most.
	Intents []NoticeIntent `json:"intents,omitempty"`
	// Only are the recipients of a notice about the end of a stage: those who were told that it had
	// begun. Limited says that nobody else gets it; without that everybody was told.
	Only    []string `json:"only,omitempty"`
	Limited bool     `json:"limited,omitempty"`
	// Denied has a recipient once for each mail of which the service said later that it had not
	// taken it, five times at most.
	Denied []string `json:"denied,omitempty"`
}

// NoticeIntent is the intent to tell a recipient.
type NoticeIntent struct {
	To string    `json:"to"`
	At time.Time `json:"at"`
	// Mail is the mail that tells; empty for a channel.
	Mail MailID `json:"mail,omitempty"`
}

// ID returns the id of the notice.
func (e NoticeEntry) ID() NoticeID { return NewNoticeID(e.Request, e.Since, e.Kind, e.Deadline) }

// Settled reports whether nothing is done any more about telling the recipient.
func (p NoticeProgress) Settled(recipient string) bool {
	return slices.Contains(p.Told, recipient) || slices.Contains(p.Spared, recipient) ||
		p.Limited && !slices.Contains(p.Only, recipient)
}

// Intent returns the open intent to tell the recipient, if there is one.
func (p NoticeProgress) Intent(recipient string) (intent NoticeIntent, open bool) {
	i := slices.IndexFunc(p.Intents, func(n NoticeIntent) bool { return n.To == recipient })
	if i < 0 {
		return NoticeIntent{}, false
	}
	return p.Intents[i], true
}

// Clone returns a copy that shares nothing with p.
func (p NoticeProgress) Clone() NoticeProgress {
	p.Told, p.Spared, p.Only = slices.Clone(p.Told), slices.Clone(p.Spared), slices.Clone(p.Only)
	p.Intents, p.Denied = slices.Clone(p.Intents), slices.Clone(p.Denied)
	return p
}

// Drop removes the intent to tell the recipient.
func (p *NoticeProgress) Drop(recipient string) {
	p.Intents = slices.DeleteFunc(slices.Clone(p.Intents), func(n NoticeIntent) bool { return n.To == recipient })
}

// mostDenied is how many of the mails to one recipient Denied counts.
const mostDenied = 5

// Deny notes that the service has not taken the mail to the recipient after all. It returns how
// often that was, up to five.
func (p *NoticeProgress) Deny(recipient string) (times int) {
	p.Drop(recipient)
	for _, denied := range p.Denied {
		if denied == recipient {
			times++
		}
	}
	if times == mostDenied {
		return times
	}
	p.Denied = append(slices.Clone(p.Denied), recipient)
	return times + 1
}

// Tell notes that the recipient was told, or may have been.
func (p *NoticeProgress) Tell(recipient string) {
	p.Drop(recipient)
	p.Told = append(slices.Clone(p.Told), recipient)
}

// Spare notes that the recipient is not told.
func (p *NoticeProgress) Spare(recipient string) {
	p.Drop(recipient)
	p.Spared = append(slices.Clone(p.Spared), recipient)
}

// Notices is the outbox of notices to those who decide. An entry is put before its request is
// saved, and removed once everybody was told, so that it is there as long as there is something to
// do. Errors are *problem.Error: NotFound and Conflict where said below, else StorageUnavailable.
// Every implementation passes the suite of package storetest.
type Notices interface {
	// PutNotices adds the entries, all or none. To put the same entries again changes nothing.
	PutNotices(ctx context.Context, entries []NoticeEntry) error
	// Notice returns the entry about that notice with the mark. NotFound if there is none.
	Notice(ctx context.Context, id NoticeID, mark string) (NoticeEntry, error)
	// DueNotices returns at most limit entries whose time is not after now, the longest due first.
	// An entry that can't be read is left out.
	DueNotices(ctx context.Context, now time.Time, limit int) ([]NoticeEntry, error)
	// SaveNotice replaces the entry and returns it with its new Version. Conflict if it no longer
	// has entry.Version, or is gone.
	SaveNotice(ctx context.Context, entry NoticeEntry) (NoticeEntry, error)
	// RemoveNotice removes the entry. Conflict if it no longer has entry.Version; nil if it is
	// gone.
	RemoveNotice(ctx context.Context, entry NoticeEntry) error
}

// NoticeKinds returns the kinds of notices about a request, in the order in which they may follow
// each other.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{AskedNotice, ReminderNotice, EscalatedNotice, LastDayNotice, DecidedNotice, ExpiredNotice}
}

// Waits reports whether a notice of the kind says that a stage waits for somebody.
func (k NoticeKind) Waits() bool {
	return k == AskedNotice || k == ReminderNotice || k == EscalatedNotice || k == LastDayNotice
}

// Mail returns the kind of the mail with such a notice.
func (k NoticeKind) Mail() MailKind { return MailKind("notice-" + k) }

// IsNotice reports whether mails of the kind go to people who decide.
func (k MailKind) IsNotice() bool { return strings.HasPrefix(string(k), "notice-") }

// NewNoticeMailID returns the id of the mail that tells the person of the notice.
func NewNoticeMailID(id NoticeID, person string) MailID {
	return MailID(noticeID("mail\n" + string(id) + "\n" + person))
}

// NewDigestID returns the id of a digest of the notices.
func NewDigestID(of []NoticeID) NoticeID {
	text := "digest"
	for _, id := range of {
		text += "\n" + string(id)
	}
	return noticeID(text)
}

// PutNotice is a notice that the request has put into the outbox, or has passed over.
type PutNotice struct {
	Stage int        `json:"stage"`
	Since time.Time  `json:"since"` // when the stage began
	Kind  NoticeKind `json:"kind"`
	// Deadline is as for [NoticeEntry].
	Deadline time.Time `json:"deadline,omitzero"`
	// Mark is that of the entry that counts. It is empty if there is none: a later notice about the
	// stage was put at the same time.
	Mark string `json:"mark,omitempty"`
}

// ID returns the id of the notice about that request.
func (p PutNotice) ID(id submission.ID) NoticeID { return NewNoticeID(id, p.Since, p.Kind, p.Deadline) }

// put returns the notice of the kind about the stage that began then, and about that deadline.
func (v Reviewing) put(since time.Time, kind NoticeKind, deadline time.Time) (PutNotice, bool) {
	i := slices.IndexFunc(v.Put, func(p PutNotice) bool {
		return p.Kind == kind && p.Since.Equal(since) && p.Deadline.Equal(deadline)
	})
	if i < 0 {
		return PutNotice{}, false
	}
	return v.Put[i], true
}

const (
	// reminderAfter is how long a stage without a deadline waits before those who decide are
	// reminded.
	reminderAfter = 7 * 24 * time.Hour
	// lastDay is how long before the deadline they are told that it ends.
	lastDay = 24 * time.Hour
)

// timedNotice is a notice that a stage in Review gives occasion for by its length.
type timedNotice struct {
	kind     NoticeKind
	at       time.Time
	deadline time.Time // as for NoticeEntry
}

// timedNotices returns the notices about the present stage that only time brings about, in the
// order of their times. None follows within a day before the last.
func (v Reviewing) timedNotices() []timedNotice {
	all := []timedNotice{{kind: AskedNotice, at: v.Since}}
	remind, last := v.Since.Add(reminderAfter), time.Time{}
	if !v.Deadline.IsZero() {
		remind = v.Since.Add(v.Deadline.Sub(v.Since) / 2)
		last = v.Deadline.Add(-lastDay)
	}
	if last.Sub(v.Since) < lastDay {
		last = time.Time{}
	}
	if last.IsZero() || remind.Before(last) {
		all = append(all, timedNotice{kind: ReminderNotice, at: remind})
	}
	if !last.IsZero() {
		all = append(all, timedNotice{LastDayNotice, last, v.Deadline})
	}
	return all
}

// NoticesToPut returns the notices of the kinds that the request as it is gives occasion for at the
// time, and that were not put. A Mark of "" says that the notice is passed over; others get theirs
// from the caller, who finds "new" there.
func (r Request) NoticesToPut(now time.Time, kinds []NoticeKind) (all []PutNotice) {
	v := r.Reviewing
	if v == nil {
		return nil
	}
	wanted := func(since time.Time, kind NoticeKind, deadline time.Time) bool {
		_, put := v.put(since, kind, deadline)
		return !put && slices.Contains(kinds, kind)
	}
	waits := r.State == Review
	if waits {
		for _, n := range v.timedNotices() {
			// A stage may have begun by a clock that is ahead.
			early := n.at.After(now) && n.kind != AskedNotice
			if early || !wanted(v.Since, n.kind, n.deadline) {
				continue
			}
			for i := range all {
				all[i].Mark = "" // the later one says the same, and more
			}
			all = append(all, PutNotice{v.Stage, v.Since, n.kind, n.deadline, NewMark})
		}
		if v.Escalated && wanted(v.Since, EscalatedNotice, time.Time{}) {
			all = append(all, PutNotice{Stage: v.Stage, Since: v.Since, Kind: EscalatedNotice, Mark: NewMark})
		}
	}
	for _, p := range v.Put {
		kind := DecidedNotice
		if v.Expired && p.Since.Equal(v.Since) {
			kind = ExpiredNotice
		}
		ended := p.Kind.Waits() && p.Mark != "" && (!waits || !p.Since.Equal(v.Since))
		known := slices.ContainsFunc(all, func(other PutNotice) bool { return other.Kind == kind && other.Since.Equal(p.Since) })
		if ended && !known && wanted(p.Since, kind, time.Time{}) {
			all = append(all, PutNotice{Stage: p.Stage, Since: p.Since, Kind: kind, Mark: NewMark})
		}
	}
	return all
}

// NewMark stands for the mark of an entry that is still to be put.
const NewMark = "new"

// PlanNotices notes when time next brings a notice of the kinds about the present stage of a
// request in Review about.
func (c *Change) PlanNotices(kinds []NoticeKind) {
	v := *c.Request.Reviewing
	v.NextNotice = time.Time{}
	for _, n := range v.timedNotices() {
		if _, put := v.put(v.Since, n.kind, n.deadline); !put && slices.Contains(kinds, n.kind) {
			v.NextNotice = n.at
			break
		}
	}
	c.Request.Reviewing = &v
}

// Names reports whether the request, as it is stored, names the entry as the one that counts.
func (r Request) Names(e NoticeEntry) bool {
	if r.Reviewing == nil {
		return false
	}
	put, is := r.Reviewing.put(e.Since, e.Kind, e.Deadline)
	return is && put.Mark == e.Mark && e.Mark != ""
}

// Holds reports whether what the notice says is so: a stage waits, or does no more.
func (r Request) Holds(e NoticeEntry, now time.Time) bool {
	v := r.Reviewing
	if v == nil {
		return false
	}
	waits := r.State == Review && v.Since.Equal(e.Since)
	switch e.Kind {
	case AskedNotice, ReminderNotice:
		return waits
	case EscalatedNotice:
		return waits && v.Escalated
	case LastDayNotice:
		left := v.Deadline.Sub(now) // the row may give more time by now
		return waits && v.Deadline.Equal(e.Deadline) && left <= lastDay+time.Hour
	case ExpiredNotice:
		return !waits && v.Expired && v.Since.Equal(e.Since)
	}
	return !waits
}

// NoticeDeciders returns the ids of the users and groups who are told of the notice: those who
// decide at its stage, or, for one of the kind escalated, those who were added. None means the
// reviewers of the app.
func (r Request) NoticeDeciders(e NoticeEntry) []string {
	if r.Reviewing == nil {
		return nil
	}
	v := *r.Reviewing
	_, escalated := v.put(e.Since, EscalatedNotice, time.Time{})
	escalated = escalated || v.Escalated && v.Since.Equal(e.Since)
	if e.Kind == EscalatedNotice {
		before := v.Rules.Deciders(e.Stage, false)
		return slices.DeleteFunc(slices.Clone(v.Rules.EscalateTo), func(id string) bool { return slices.Contains(before, id) })
	}
	return v.Rules.Deciders(e.Stage, escalated)
}
