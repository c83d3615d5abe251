package simulation

import (
	"slices"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// noticeRace is how long a notice may be under way that is no more so: a run of upkeep looks at the
// request before it tells anybody.
const noticeRace = 2 * time.Minute

// intended returns the entries with an intent of the mail.
func (r *run) intended(id request.MailID) (entries []request.NoticeEntry) {
	for _, entry := range r.outbox {
		if slices.ContainsFunc(entry.Intents, func(n request.NoticeIntent) bool { return n.Mail == id }) {
			entries = append(entries, entry)
		}
	}
	return entries
}

// beginNotice checks a mail with notices that is about to be handed over.
func (r *run) beginNotice(id request.MailID, m request.Mail) {
	entries := r.intended(id)
	if len(entries) == 0 {
		r.breach(lawNoticeOnce, "a notice is mailed without an intent")
	}
	l := read(m)
	about := map[submission.ID]bool{}
	for _, entry := range entries {
		about[entry.Request] = true
		i := slices.IndexFunc(entry.Intents, func(n request.NoticeIntent) bool { return n.Mail == id })
		r.wantDecider(entry, entry.Intents[i].To, m.To)
		r.wantTrue(entry)
	}
	if l.kind != request.DigestNotice.Mail() && (len(about) != 1 || !about[l.request]) {
		r.breach(lawNoticeTrue, "a notice about %s is mailed in place of one about others", r.nameOf(l.request))
	}
	r.wantQuota()
}

// wantNotice checks a notice that a channel is about to be told.
func (r *run) wantNotice(id request.NoticeID, name string) {
	for _, entry := range r.outbox {
		_, open := entry.Intent(name)
		if entry.ID() == id && open {
			r.wantTrue(entry)
			return
		}
	}
	r.breach(lawNoticeOnce, "the channel %s is told of a notice without an intent", name)
}

// wantTrue checks that what a notice says is so, or was lately.
func (r *run) wantTrue(entry request.NoticeEntry) {
	record, name := r.recorded[entry.Request], r.nameOf(entry.Request)
	v := record.Reviewing
	waits := record.State == request.Review && v != nil && v.Since.Equal(entry.Since)
	switch {
	case r.skewed():
	case entry.Kind.Waits() && !waits && r.now.Sub(r.stageEnded[stageOf(entry)]) > noticeRace:
		r.breach(lawNoticeTrue, "%s is told of as %s, and is %s since %s", name, entry.Kind, record.State, r.stageEnded[stageOf(entry)])
	case !entry.Kind.Waits() && waits:
		r.breach(lawNoticeTrue, "%s is told of as %s, and waits", name, entry.Kind)
	case entry.Kind == request.ExpiredNotice && v != nil && slices.ContainsFunc(v.Votes, func(vote request.Vote) bool { return !vote.Yes }):
		r.breach(lawNoticeTrue, "%s is told of as expired, and somebody has said no", name)
	}
}

// wantDecider checks that a person who is told decides, as things are or were lately.
func (r *run) wantDecider(entry request.NoticeEntry, id string, to submission.Address) {
	record, name := r.recorded[entry.Request], r.nameOf(entry.Request)
	if r.now.Sub(r.staffAtTime) <= noticeRace || record.Reviewing == nil || r.skewed() ||
		r.current != nil && r.decidersAt[entry.Request] >= r.current.begunAt {
		return
	}
	who, err := r.office.Person(r.context, id)
	if err != nil || !who.Enabled || who.Guest || !who.Has(to) || who.Has(r.address[entry.Request]) {
		r.breach(lawNoticeTrue, "%s is told of to %s, who does not decide", name, id)
		return
	}
	rules := record.Reviewing.Rules
	named := append(slices.Clone(rules.Approvers), rules.EscalateTo...)
	named = append(append(named, rules.SecondApprovers...), reviewers)
	in, err := r.office.MemberOf(r.context, id, named)
	if !slices.Contains(named, id) && (err != nil || len(in) == 0) {
		r.breach(lawNoticeTrue, "%s is told of to %s, who does not decide about it", name, id)
	}
}

// noticeTaken keeps a mail with notices that the service has taken.
func (r *run) noticeTaken(id request.MailID, m request.Mail) {
	r.counts.Notices++
	if r.service.taken[id].times > 1 && !r.skewed() {
		r.breach(lawNoticeOnce, "a mail with notices is delivered %d times", r.service.taken[id].times)
	}
	for _, entry := range r.intended(id) {
		for _, intent := range entry.Intents {
			if intent.Mail != id {
				continue
			}
			reader := noticeReader{entry.ID(), intent.To}
			if len(r.told[reader]) > 0 && !r.skewed() {
				r.breach(lawNoticeOnce, "%s is told twice of %s as %s", m.To, r.nameOf(entry.Request), entry.Kind)
			}
			r.told[reader] = append(r.told[reader], id)
		}
	}
}

// boardTakes keeps what a channel was told.
func (r *run) boardTakes(b *board, id request.NoticeID) {
	b.taken[id]++
	r.counts.Notices++
	if b.taken[id] > 1 && !b.recognizes && !r.skewed() {
		r.breach(lawNoticeOnce, "the channel %s is told %d times of a notice", b.name, b.taken[id])
	}
}

// savedNotices checks that a request that is stored has put what it gives occasion for.
func (r *run) savedNotices(by *call, before, after request.Request) {
	if was := before.Reviewing; was != nil && before.State == request.Review &&
		(after.State != request.Review || after.Reviewing == nil || !after.Reviewing.Since.Equal(was.Since)) {
		r.stageEnded[stageKey{string(after.ID), was.Since.UnixNano()}] = r.now
	}
	if !slices.Equal(before.Deciders(), after.Deciders()) {
		r.decidersAt[after.ID] = r.happenings
	}
	v := after.Reviewing
	if len(r.boards) == 0 || by.on.admin || v == nil {
		return
	}
	name := r.nameOf(after.ID)
	for _, put := range v.Put {
		known := before.Reviewing != nil && slices.Contains(before.Reviewing.Put, put)
		_, there := r.outbox[noticeKey{put.ID(after.ID), put.Mark}]
		if !known && put.Mark != "" && !there && !r.skewed() {
			r.breach(lawNoticeTold, "%s has put a notice %s, and the outbox does not have it", name, put.Kind)
		}
	}
	has := func(since time.Time, kinds ...request.NoticeKind) bool {
		return slices.ContainsFunc(v.Put, func(p request.PutNotice) bool {
			return p.Since.Equal(since) && slices.Contains(kinds, p.Kind)
		})
	}
	if after.State == request.Review && !has(v.Since, request.AskedNotice) {
		r.breach(lawNoticeTold, "%s waits, and nobody is told", name)
	}
	if after.State != request.Review && has(v.Since, request.AskedNotice) && !has(v.Since, request.DecidedNotice, request.ExpiredNotice) {
		r.breach(lawNoticeTold, "%s waits no more, and nobody is told", name)
	}
}

// noticeRemoved checks that an entry goes only once nobody is left to be told.
func (r *run) noticeRemoved(by *call, entry request.NoticeEntry) {
	record, name := r.recorded[entry.Request], r.nameOf(entry.Request)
	over := r.now.Sub(entry.At) > 3*24*time.Hour-time.Minute
	if !record.Names(entry) || !record.Holds(entry, by.on.clock(r.now)) || over || r.skewed() {
		return
	}
	if _, ended := r.stageEnded[stageOf(entry)]; ended && entry.Kind.Waits() {
		return // a later stage, or another review, began at the same moment
	}
	for _, b := range r.boards {
		told := b.taken[entry.ID()] > 0 || !b.recognizes && r.tellingTo[noticeReader{entry.ID(), b.name}]
		if !told && !r.limited(entry, b.name) {
			r.breach(lawNoticeTold, "the channel %s was not told of %s as %s", b.name, name, entry.Kind)
		}
	}
	if !by.mails || !slices.Contains(r.mailedKinds, entry.Kind) || r.now.Sub(r.staffAtTime) <= noticeRace ||
		entry.Kind == request.EscalatedNotice {
		return
	}
	if r.decidersAt[entry.Request] >= by.begunAt {
		return // others decide since the call has read the request
	}
	for _, id := range staff {
		who, err := r.office.Person(r.context, id)
		reader := noticeReader{entry.ID(), id}
		_, voted := record.Reviewing.VoteOf(id)
		// A service that can't be asked may not have been handed the mail at all. An app whose
		// mails are switched off can't ask either.
		told := len(r.told[reader]) > 0 || (r.mails.untold || r.everOff) && r.tellingTo[reader]
		if err != nil || !who.Enabled || voted || told || r.limited(entry, id) {
			continue
		}
		if ids := record.NoticeDeciders(entry); slices.Contains(ids, id) || len(ids) == 0 && r.inReviewers(id) {
			r.breach(lawNoticeTold, "%s was not told of %s as %s", id, name, entry.Kind)
		}
	}
}

// inReviewers reports whether the person is a reviewer.
func (r *run) inReviewers(id string) bool {
	in, err := r.office.MemberOf(r.context, id, []string{reviewers})
	return err == nil && len(in) > 0
}

// limited reports whether the recipient of a notice about the end of a stage need not be told: the
// recipient was not told of its beginning.
func (r *run) limited(entry request.NoticeEntry, recipient string) bool {
	if entry.Kind.Waits() {
		return false
	}
	for _, put := range r.recorded[entry.Request].Reviewing.Put {
		if !put.Kind.Waits() || !put.Since.Equal(entry.Since) {
			continue
		}
		id := put.ID(entry.Request)
		took := slices.ContainsFunc(r.boards, func(b *board) bool { return b.name == recipient && b.taken[id] > 0 })
		if took || len(r.told[noticeReader{id, recipient}]) > 0 {
			return entry.Limited && !slices.Contains(entry.Only, recipient)
		}
	}
	return true
}

// judgeNotices checks, once all is at rest, that the outbox is empty.
func (r *run) judgeNotices() {
	for _, entry := range r.outbox {
		r.breach(lawNoticeTold, "the outbox has %s of %s in the end", entry.Kind, r.nameOf(entry.Request))
	}
}
