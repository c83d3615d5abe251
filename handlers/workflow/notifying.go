package workflow

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/mail"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// noticeTime is when a run begins nothing new for notices, and noticeLimit when a call in it is
	// cut off.
	noticeTime  = 12 * time.Second
	noticeLimit = 20 * time.Second
	// noticeTaking is when it begins to look at no further entry, so that there is time to tell
	// what it has looked at, and noticeAsking the longest that it waits for the directory.
	noticeTaking = 5 * time.Second
	noticeAsking = 4 * time.Second
	// noticeSettling is how long it has, after all that, to write down what came of it.
	noticeSettling = 10 * time.Second
	// noticeBatch is the most entries that a run looks at, and noticeMails the most mails it sends.
	// The rest is due at the next.
	noticeBatch = 60
	noticeMails = 50
	// noticeLease is how long an intent without a receipt is left alone: a call may still be at it,
	// and a mail service may for a while not know a mail that it has taken.
	noticeLease = longestMailLease
	// noticePatience is how long it is tried to tell somebody.
	noticePatience = 3 * 24 * time.Hour
	// orphanAge is how old an entry is for certain of which no record will ever say that it counts.
	orphanAge = time.Hour
	// crowd is the most users of a group who get mails.
	crowd = 20
	// digestFrom is from how many requests on a person gets one mail about them all.
	digestFrom = 3
)

// notifying schedules a notice that could not be told for a passing reason.
var notifying = schedule{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// noticeRun tells those who decide what is due, in one run of upkeep. It goes over all that is due
// four times: it finds out who is to be told, writes that down as intents, tells them, and writes
// down what came of it. So a person who is to be told of several requests gets one mail.
type noticeRun struct {
	*Worker
	began   time.Time
	due     []*dueNotice
	letters []*noticeLetter
	// people are those that lists of ids stand for, by the ids, and unknown why that is not known.
	people  map[string]request.Addressees
	unknown map[string]error
	// silent says that the mail service does not say what became of mails.
	silent bool
	mails  int
}

// dueNotice is an entry of the outbox in the hands of a run.
type dueNotice struct {
	entry   request.NoticeEntry
	request request.Request
	// readers are the people to be written to, and channels the ones to be told, now.
	readers  []request.Addressee
	channels []request.Channel
	// denied are the people whose mail the service has not taken after all. They get it in another
	// run.
	denied []string
	// begun are the recipients whose intents this run has written.
	begun []string
	// waits says that somebody is told later, after wait at least; zero is as soon as possible.
	// failed says that this is since an attempt failed.
	waits, failed bool
	wait          time.Duration
	// spent is an entry that the first attempt at this one makes needless.
	spent *request.NoticeEntry
	// dead says that the run leaves the entry alone: others are at it, or storage fails.
	dead bool
}

// noticeLetter is one mail of a run: of one request, or of several.
type noticeLetter struct {
	to     request.Addressee
	items  []*dueNotice
	id     request.MailID
	booked mailBooking
	failed bool // the gate of mails knows of failures, so it is told what came of this one
	dead   bool // it is not sent in this run
}

// sendNotices tells those who decide what is due, and logs what fails: no message depends on it.
func (w *Worker) sendNotices(ctx context.Context) {
	if w.config.Notices == nil || len(w.noticeKinds()) == 0 {
		return
	}
	working, cancel := context.WithTimeout(ctx, noticeLimit)
	defer cancel()
	entries, err := w.config.Notices.Outbox.DueNotices(working, w.config.Now(), noticeBatch)
	if err != nil {
		w.config.Log.ErrorContext(ctx, "the notices that are due can't be listed", "code", problem.CodeOf(err), "error", err)
		return
	}
	run := &noticeRun{
		Worker: w, began: w.config.Now(), people: map[string]request.Addressees{}, unknown: map[string]error{},
	}
	for _, entry := range entries {
		if run.since() > noticeTaking {
			break
		}
		err = run.take(working, entry)
		if err != nil {
			w.config.Log.ErrorContext(ctx, "a notice can't be prepared", "request", entry.Request,
				"code", problem.CodeOf(err), "error", err)
		}
	}
	run.writeLetters()
	run.intend(working)
	run.post(working)
	run.tellChannels(working)
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), noticeSettling)
	defer cancel()
	run.settle(settling)
}

// since returns for how long the run has been at it.
func (n *noticeRun) since() time.Duration { return n.config.Now().Sub(n.began).Abs() }

// over reports whether the run begins nothing new.
func (n *noticeRun) over() bool { return n.since() > noticeTime }

// take looks at an entry: what it says must be so, and the record must name it.
func (n *noticeRun) take(ctx context.Context, entry request.NoticeEntry) error {
	r, err := n.config.Store.Load(ctx, entry.Request)
	code := problem.CodeOf(err)
	if err != nil && code != problem.NotFound && code != problem.RecordUnreadable {
		return fmt.Errorf("loading the request of a notice: %w", err)
	}
	d := &dueNotice{entry: entry, request: r}
	now := n.config.Now()
	age := now.Sub(entry.At)
	switch {
	case code == problem.RecordUnreadable && age <= noticePatience:
		return n.putOff(ctx, d, notifying.after(entry.Tries, 0))
	case code == problem.RecordUnreadable:
		return n.giveUp(ctx, entry)
	case !r.Names(entry) && age < orphanAge:
		// Its request may be about to be stored.
		return n.putOff(ctx, d, notifying.after(entry.Tries, 0))
	case !r.Names(entry):
		return n.config.Notices.Outbox.RemoveNotice(ctx, entry)
	case !r.Holds(entry, now):
		return n.drop(ctx, d)
	case age > noticePatience && entry.Tries > 0: // not one that nothing could be done for
		return n.giveUp(ctx, entry)
	}
	if !entry.Kind.Waits() && !entry.Limited && len(entry.Told)+len(entry.Intents) == 0 {
		err = n.limit(ctx, d)
		if err != nil {
			return err
		}
	}
	n.askAfter(ctx, d)
	n.findReaders(ctx, d)
	n.findChannels(d)
	n.due = append(n.due, d)
	return nil
}

// giveUp removes an entry that was tried for days.
func (n *noticeRun) giveUp(ctx context.Context, entry request.NoticeEntry) error {
	n.config.Log.WarnContext(ctx, LogNoticeLost, "request", entry.Request, "kind", entry.Kind, "since", entry.At)
	return n.config.Notices.Outbox.RemoveNotice(ctx, entry)
}

// putOff lets the entry be looked at again later.
func (n *noticeRun) putOff(ctx context.Context, d *dueNotice, wait time.Duration) error {
	d.entry.Tries++
	d.entry.Due = n.config.Now().Add(n.config.Jitter(wait))
	_, err := n.config.Notices.Outbox.SaveNotice(ctx, d.entry)
	return err
}

// beginning returns the notice by which people were told that the stage of the entry had begun.
func beginning(r request.Request, entry request.NoticeEntry) (put request.PutNotice, is bool) {
	i := slices.IndexFunc(r.Reviewing.Put, func(p request.PutNotice) bool {
		return p.Since.Equal(entry.Since) && p.Kind.Waits() && p.Mark != ""
	})
	if i < 0 {
		return request.PutNotice{}, false
	}
	return r.Reviewing.Put[i], true
}

// drop removes an entry whose notice does not hold any more. If nobody has been told of the stage
// by it, nobody is told of its end: the entry about that takes over who was.
func (n *noticeRun) drop(ctx context.Context, d *dueNotice) error {
	first, is := beginning(d.request, d.entry)
	if is && first.Kind == d.entry.Kind && first.Mark == d.entry.Mark {
		for _, p := range d.request.Reviewing.Put {
			if !p.Since.Equal(d.entry.Since) || p.Kind.Waits() {
				continue
			}
			end, err := n.config.Notices.Outbox.Notice(ctx, p.ID(d.entry.Request), p.Mark)
			switch {
			case problem.CodeOf(err) == problem.NotFound:
				continue
			case err != nil:
				return err
			case end.Limited || len(end.Told)+len(end.Intents) > 0:
				continue
			}
			end.NoticeProgress = limitedTo(d.entry)
			_, err = n.config.Notices.Outbox.SaveNotice(ctx, end)
			if err != nil {
				return err
			}
		}
	}
	return n.config.Notices.Outbox.RemoveNotice(ctx, d.entry)
}

// limit makes sure that nobody is told of the end of a stage who was not told of its beginning: as
// long as the entry about that is there, it says who was.
func (n *noticeRun) limit(ctx context.Context, d *dueNotice) error {
	first, is := beginning(d.request, d.entry)
	if !is {
		return nil
	}
	begun, err := n.config.Notices.Outbox.Notice(ctx, first.ID(d.entry.Request), first.Mark)
	if problem.CodeOf(err) == problem.NotFound {
		return nil // everybody was told
	}
	if err != nil {
		return err
	}
	d.entry.NoticeProgress, d.spent = limitedTo(begun), &begun
	return nil
}

// limitedTo returns the progress of a notice that only those get who were told, or may have been,
// by the entry.
func limitedTo(entry request.NoticeEntry) request.NoticeProgress {
	only := slices.Clone(entry.Told)
	for _, intent := range entry.Intents {
		only = append(only, intent.To)
	}
	return request.NoticeProgress{Only: only, Limited: true}
}

// askAfter finds out what came of attempts without a receipt.
func (n *noticeRun) askAfter(ctx context.Context, d *dueNotice) {
	now := n.config.Now()
	for _, intent := range slices.Clone(d.entry.Intents) {
		left := intent.At.Add(noticeLease).Sub(now)
		switch {
		case left > 0 && left <= noticeLease+clockError:
			d.later(left, false) // another call may be at it
		case intent.Mail == "":
			n.askChannel(d, intent.To)
		default:
			n.askMail(ctx, d, intent)
		}
	}
}

// askChannel goes on with a channel of which nobody knows whether it was told. One that does not
// recognize a notice that comes twice is not told again.
func (n *noticeRun) askChannel(d *dueNotice, name string) {
	i := slices.IndexFunc(n.config.Channels, func(c request.Channel) bool { return c.Name() == name })
	if i >= 0 && n.config.Channels[i].Recognizes() {
		d.entry.Drop(name)
		return
	}
	d.entry.Tell(name)
}

// askMail goes on with a mail of which nobody knows whether it was sent. Where that can't be asked,
// it counts as sent.
func (n *noticeRun) askMail(ctx context.Context, d *dueNotice, intent request.NoticeIntent) {
	if n.config.Mails == nil {
		d.entry.Tell(intent.To)
		return
	}
	if n.silent || n.over() {
		d.later(notifying[0], false)
		return
	}
	status, err := n.config.Mails.Mailer.MailStatus(ctx, intent.Mail)
	switch {
	case err != nil:
		n.config.Log.WarnContext(ctx, "the mail service did not say what became of a notice", "request", d.entry.Request,
			"code", problem.CodeOf(err), "error", err)
		n.silent = true
		d.later(notifying.after(d.entry.Tries, problem.From(err).RetryAfter), true)
	case status.State == request.MailUnheard:
		times := d.entry.Deny(intent.To)
		d.denied = append(d.denied, intent.To)
		d.later(notifying.after(times, 0), true)
	default:
		d.entry.Tell(intent.To)
	}
}

// later lets the entry come back after wait. The shortest wait counts.
func (d *dueNotice) later(wait time.Duration, failed bool) {
	if !d.waits || wait < d.wait {
		d.wait = wait
	}
	d.waits, d.failed = true, d.failed || failed
}

// findReaders finds out who decides as things are now, and can be written to. Nobody is told about
// a request for an address of their own, or what they have decided themselves.
func (n *noticeRun) findReaders(ctx context.Context, d *dueNotice) {
	if n.config.Mails == nil || !slices.Contains(n.config.Notices.Mailed, d.entry.Kind) {
		return
	}
	ids := d.request.NoticeDeciders(d.entry)
	if len(ids) == 0 && n.config.Reviewers != "" && d.entry.Kind != request.EscalatedNotice {
		ids = []string{n.config.Reviewers}
	}
	if len(ids) == 0 || d.entry.Limited && len(d.entry.Only) == 0 {
		return
	}
	to, err := n.addressees(ctx, ids)
	if err != nil {
		d.later(notifying.after(d.entry.Tries, problem.From(err).RetryAfter), true)
		return
	}
	for _, person := range to.People {
		_, open := d.entry.Intent(person.ID)
		_, voted := d.request.Reviewing.VoteOf(person.ID)
		own := person.Has(d.request.Submission.Email) || person.Address == d.request.Submission.Email
		guest := person.Guest && !n.config.GuestsDecide
		settled := d.entry.Settled(person.ID) || slices.Contains(d.denied, person.ID)
		if !open && !voted && !own && !guest && !settled {
			d.readers = append(d.readers, person)
		}
	}
}

// addressees asks the directory once in a run for each list of ids.
func (n *noticeRun) addressees(ctx context.Context, ids []string) (request.Addressees, error) {
	key := fmt.Sprint(ids)
	to, known := n.people[key]
	if known {
		return to, nil
	}
	err := n.unknown[key]
	if err == nil {
		asking, cancel := context.WithTimeout(ctx, noticeAsking)
		to, err = n.config.People.Addressees(asking, ids, crowd)
		cancel()
	}
	if err != nil {
		if n.unknown[key] == nil {
			n.config.Log.WarnContext(ctx, "the directory could not say who is to be told", "code", problem.CodeOf(err), "error", err)
		}
		n.unknown[key] = err
		return to, err
	}
	n.people[key] = to
	return to, nil
}

// findChannels finds out which channels are to be told.
func (n *noticeRun) findChannels(d *dueNotice) {
	for _, channel := range n.config.Channels {
		_, open := d.entry.Intent(channel.Name())
		if open || d.entry.Settled(channel.Name()) {
			continue
		}
		held := n.channels.left(channel.Name(), n.config.Now())
		if held > 0 {
			d.later(held, false)
			continue
		}
		d.channels = append(d.channels, channel)
	}
}

// writeLetters makes one letter of all that a person is to be told of, if it is about several
// requests, else one for each request.
func (n *noticeRun) writeLetters() {
	type inbox struct {
		to       request.Addressee
		requests [][]*dueNotice
	}
	var people []*inbox
	for _, d := range n.due {
		for _, reader := range d.readers {
			i := slices.IndexFunc(people, func(p *inbox) bool { return p.to.ID == reader.ID })
			if i < 0 {
				people, i = append(people, &inbox{to: reader}), len(people)
			}
			p := people[i]
			about := slices.IndexFunc(p.requests, func(items []*dueNotice) bool { return items[0].request.ID == d.request.ID })
			if about < 0 {
				p.requests, about = append(p.requests, nil), len(p.requests)
			}
			p.requests[about] = append(p.requests[about], d)
		}
	}
	for _, p := range people {
		if len(p.requests) >= digestFrom {
			p.requests = [][]*dueNotice{slices.Concat(p.requests...)}
		}
		for _, items := range p.requests {
			slices.SortStableFunc(items, func(a, b *dueNotice) int {
				return cmp.Or(cmp.Compare(a.request.ID, b.request.ID), a.entry.Since.Compare(b.entry.Since),
					order(a.entry.Kind)-order(b.entry.Kind))
			})
			n.letters = append(n.letters, newNoticeLetter(p.to, items))
		}
	}
}

// order returns the place of a kind among those of a stage.
func order(kind request.NoticeKind) int { return slices.Index(request.NoticeKinds(), kind) }

// newNoticeLetter returns a letter. The same items give the same mail id at all times.
func newNoticeLetter(to request.Addressee, items []*dueNotice) *noticeLetter {
	first := items[0].entry.ID()
	if len(items) > 1 {
		var ids []request.NoticeID
		for _, d := range items {
			ids = append(ids, d.entry.ID())
		}
		first = request.NewDigestID(ids)
	}
	return &noticeLetter{to: to, items: items, id: request.NewNoticeMailID(first, to.ID), booked: mailBooking{
		kind: items[len(items)-1].entry.Kind.Mail(), domain: hashOf("domain", to.Address.Domain()),
		request: hashOf("request", string(items[0].request.ID)),
	}}
}

// requests returns how many requests the letter is about that wait, and that do no more.
func (l *noticeLetter) requests() (waiting, over int) {
	for i, d := range l.items {
		switch {
		case i+1 < len(l.items) && l.items[i+1].request.ID == d.request.ID: // the last one counts
		case d.entry.Kind.Waits():
			waiting++
		default:
			over++
		}
	}
	return waiting, over
}

// compose returns the mail.
func (n *noticeRun) compose(l *noticeLetter) (request.Mail, error) {
	to := mail.Recipient{Address: l.to.Address, Languages: []string{l.to.Language}}
	pages := n.config.Notices.Origin + reviewPages
	waiting, over := l.requests()
	if waiting+over > 1 {
		return n.config.Mails.Letters.Digest(to, mail.Digest{Waiting: waiting, Over: over, Link: pages})
	}
	d := l.items[len(l.items)-1]
	v := d.request.Reviewing
	notice := mail.Notice{
		Kind: d.entry.Kind, Number: d.request.ID.Reference(), Row: rowOf(d.request).Name, Domain: d.request.Submission.Email.Domain(),
		Stage: d.entry.Stage, Stages: max(v.Rules.Stages(), d.entry.Stage), Now: n.config.Now(),
		Link: pages + "/" + string(d.request.ID),
	}
	if d.entry.Kind.Waits() {
		notice.Deadline = v.Deadline
	}
	return n.config.Mails.Letters.Notice(to, notice)
}
