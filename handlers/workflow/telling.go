package workflow

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// channelCall is the longest time that a channel may take for a notice.
const channelCall = 10 * time.Second

// channelHolds are the channels that this Worker leaves alone because they fail, so that what is
// due for them is not tried again and again. It only saves work: the entries know what is to be
// done.
type channelHolds struct {
	mutex sync.Mutex
	held  map[string]channelHold
}

type channelHold struct {
	until    time.Time
	failures int // in a row
}

// left returns for how long the channel is left alone.
func (h *channelHolds) left(name string, now time.Time) time.Duration {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	left := h.held[name].until.Sub(now)
	if left > longestPause+clockError {
		return 0 // no correct clock can have written that
	}
	return max(0, left)
}

// failed leaves the channel alone, longer each time.
func (h *channelHolds) failed(name string, now time.Time, asked time.Duration) time.Duration {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.held == nil {
		h.held = map[string]channelHold{}
	}
	hold := h.held[name]
	wait := notifying.after(hold.failures, asked)
	h.held[name] = channelHold{until: now.Add(wait), failures: hold.failures + 1}
	return wait
}

// worked ends the hold of a channel.
func (h *channelHolds) worked(name string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	delete(h.held, name)
}

const (
	// lettersInHour is how many mails with notices one person gets in an hour. What comes beyond
	// waits, and comes as one mail.
	lettersInHour = 6
	// rememberedReaders is how many people are remembered who got one.
	rememberedReaders = 10_000
)

// recentLetters are the mails with notices that this Worker has lately sent to each person.
type recentLetters struct {
	mutex sync.Mutex
	sent  map[string][]time.Time
}

// left returns for how long the person gets no mail.
func (r *recentLetters) left(person string, now time.Time) time.Duration {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	recent := r.within(person, now)
	if len(recent) < lettersInHour {
		return 0
	}
	return recent[len(recent)-lettersInHour].Add(time.Hour).Sub(now)
}

// note remembers a mail.
func (r *recentLetters) note(person string, now time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.sent == nil || len(r.sent) >= rememberedReaders {
		r.sent = map[string][]time.Time{}
	}
	r.sent[person] = append(r.within(person, now), now)
}

// within returns the mails of the last hour. One that lies ahead was sent by a clock that has been
// put back.
func (r *recentLetters) within(person string, now time.Time) (recent []time.Time) {
	for _, at := range r.sent[person] {
		if age := now.Sub(at); age >= 0 && age < time.Hour {
			recent = append(recent, at)
		}
	}
	return recent
}

// intend writes down who is about to be told. A mail has its turn at the gate of mails
// before.
func (n *noticeRun) intend(ctx context.Context) {
	n.bookLetters(ctx)
	for _, d := range n.due {
		now := n.config.Now()
		for _, l := range n.letters {
			if !l.dead && slices.Contains(l.items, d) {
				d.begin(request.NoticeIntent{To: l.to.ID, At: now, Mail: l.id})
			}
		}
		for _, channel := range d.channels {
			d.begin(request.NoticeIntent{To: channel.Name(), At: now})
		}
		if len(d.begun) == 0 {
			continue
		}
		if n.over() {
			d.holdBack()
			n.abandonLetters(ctx, d)
			continue
		}
		err := n.saveEntry(ctx, d)
		if err == nil {
			continue
		}
		n.config.Log.WarnContext(ctx, "a notice is not told now", "request", d.entry.Request, "code", problem.CodeOf(err), "error", err)
		d.dead = true
		n.abandonLetters(ctx, d)
	}
}

// holdBack takes back the intents of this run, which has no time left for them.
func (d *dueNotice) holdBack() {
	for _, to := range d.begun {
		d.entry.Drop(to)
	}
	d.begun, d.channels = nil, nil
	d.later(0, false)
}

// abandonLetters leaves the letters with the notice to a later run. They can't go out without it:
// whoever finds the intent of one of their notices takes all of them for told once the service
// knows the mail.
func (n *noticeRun) abandonLetters(ctx context.Context, d *dueNotice) {
	for _, l := range n.letters {
		if l.dead || !slices.Contains(l.items, d) {
			continue
		}
		l.dead = true
		n.unbookMail(ctx, l.booked)
		l.putOff(0, false)
	}
}

// bookLetters takes the turns of the letters at the gate of mails, as far as there are any.
func (n *noticeRun) bookLetters(ctx context.Context) {
	var held time.Duration
	for _, l := range n.letters {
		if left := n.recent.left(l.to.ID, n.config.Now()); left > 0 {
			l.wait(left)
			continue
		}
		if held == 0 && !n.over() && n.mails < noticeMails {
			turn, failing, err := n.bookTurn(ctx, &l.booked)
			l.failed, held = failing, turn.wait
			if err != nil {
				n.config.Log.WarnContext(ctx, "the gate of mails can't be asked", "code", problem.CodeOf(err), "error", err)
				held = notifying[0]
			}
			if held == 0 {
				n.mails++
				n.recent.note(l.to.ID, n.config.Now())
				continue
			}
		}
		l.wait(held)
	}
}

// wait leaves the letter to a later run.
func (l *noticeLetter) wait(wait time.Duration) {
	l.dead = true
	l.each(func(d *dueNotice) { d.later(wait, false) })
}

// begin adds an intent.
func (d *dueNotice) begin(intent request.NoticeIntent) {
	d.entry.Intents = append(slices.Clone(d.entry.Intents), intent)
	d.begun = append(d.begun, intent.To)
}

// saveEntry saves an entry, and removes the one that it replaces.
func (n *noticeRun) saveEntry(ctx context.Context, d *dueNotice) error {
	saved, err := n.config.Notices.Outbox.SaveNotice(ctx, d.entry)
	if err != nil {
		return err
	}
	d.entry = saved
	return n.removeSpent(ctx, d)
}

// removeSpent removes the entry that d replaces.
func (n *noticeRun) removeSpent(ctx context.Context, d *dueNotice) error {
	if d.spent == nil {
		return nil
	}
	err := n.config.Notices.Outbox.RemoveNotice(ctx, *d.spent)
	if err == nil {
		d.spent = nil
	}
	return err
}

// tellChannels tells the channels.
func (n *noticeRun) tellChannels(ctx context.Context) {
	troubled := map[string]int{} // the notices that had no usable answer
	for _, d := range n.due {
		for _, channel := range d.channels {
			name := channel.Name()
			if d.dead {
				continue
			}
			wait := n.channels.left(name, n.config.Now())
			if wait > 0 || n.over() {
				d.entry.Drop(name)
				d.later(wait, false)
				continue
			}
			n.tellChannel(ctx, d, channel, troubled)
		}
	}
}

// tellChannel tells one channel. What concerns all its notices, or two of them, makes it be left
// alone for a while, and so does one that takes too long.
func (n *noticeRun) tellChannel(ctx context.Context, d *dueNotice, channel request.Channel, troubled map[string]int) {
	name := channel.Name()
	calling, cancel := context.WithTimeout(ctx, channelCall)
	defer cancel()
	err := channel.SendNotice(calling, n.noticeFor(d))
	if err == nil {
		d.entry.Tell(name)
		n.channels.worked(name)
		return
	}
	failure := problem.From(err)
	n.config.Log.WarnContext(ctx, "a channel did not take a notice", "channel", name, "request", d.entry.Request,
		"kind", d.entry.Kind, "code", failure.Code, "error", err)
	wait := notifying.after(d.entry.Tries, failure.RetryAfter)
	switch failure.Code {
	case request.NoticeRefused:
		d.entry.Spare(name)
		return
	case request.NoticeThrottled, request.NoticeUnreached, request.NoticeForbidden:
		wait = max(wait, n.channels.failed(name, n.config.Now(), failure.RetryAfter))
	default: // it may have taken the notice
		troubled[name]++
		if troubled[name] == 2 || errors.Is(err, context.DeadlineExceeded) {
			wait = max(wait, n.channels.failed(name, n.config.Now(), failure.RetryAfter))
		}
		if !channel.Recognizes() {
			d.entry.Tell(name)
			return
		}
	}
	d.entry.Drop(name)
	d.later(wait, true)
}

// noticeFor returns what a channel is told.
func (n *noticeRun) noticeFor(d *dueNotice) request.Notice {
	v := d.request.Reviewing
	notice := request.Notice{
		ID: d.entry.ID(), Kind: d.entry.Kind, Number: d.request.ID.Reference(), Row: rowOf(d.request),
		Stage: d.entry.Stage, Stages: max(v.Rules.Stages(), d.entry.Stage), At: d.entry.At,
		Link: n.config.Notices.Origin + reviewPages,
	}
	if d.entry.Kind.Waits() {
		notice.Deadline = v.Deadline
	}
	return notice
}

// rowOf returns the row that asks for the review, without the partition of one for one address.
func rowOf(r request.Request) policy.RowKey { return r.WaitingReview().Row }

// post hands the letters to the mail service.
func (n *noticeRun) post(ctx context.Context) {
	for _, l := range n.letters {
		if l.dead {
			continue
		}
		if n.over() {
			n.unbookMail(ctx, l.booked)
			l.putOff(0, false)
			continue
		}
		letter, err := n.compose(l)
		if err != nil {
			n.config.Log.ErrorContext(ctx, "a notice can't be written", "request", l.items[0].entry.Request, "error", err)
			n.unbookMail(ctx, l.booked)
			l.each(func(d *dueNotice) { d.entry.Spare(l.to.ID) })
			continue
		}
		calling, cancel := context.WithTimeout(ctx, n.mailCall())
		err = n.config.Mails.Mailer.SendMail(calling, l.id, letter)
		cancel()
		n.posted(ctx, l, err)
	}
}

// posted notes what the mail service has answered.
func (n *noticeRun) posted(ctx context.Context, l *noticeLetter, err error) {
	var failure *problem.Error
	taken := err == nil
	if err != nil {
		failure = problem.From(err)
		n.config.Log.WarnContext(ctx, "the mail service did not take a notice", "request", l.items[0].entry.Request,
			"code", failure.Code, "error", err)
	}
	switch {
	case taken:
		l.each(func(d *dueNotice) { d.entry.Tell(l.to.ID) })
	case failure.Code == request.MailRefused:
		l.each(func(d *dueNotice) { d.entry.Spare(l.to.ID) })
		failure = nil // it answers
	case failure.Code == request.MailThrottled, failure.Code == request.MailForbidden, failure.Code == request.MailUnreached:
		l.each(func(d *dueNotice) { d.later(notifying.after(d.entry.Tries, failure.RetryAfter), true) })
		l.putOff(notifying[0], true)
	default:
		// It may be sent, and is asked after.
		l.each(func(d *dueNotice) { d.later(noticeLease, true) })
	}
	if failure == nil && !l.failed {
		return
	}
	err = n.tellMailGate(ctx, n.config.Log.With("request", l.items[0].entry.Request), l.booked, failure)
	if err != nil {
		n.config.Log.WarnContext(ctx, "the gate of mails can't be told what came of a notice", "code", problem.CodeOf(err), "error", err)
	}
}

// each calls do for all notices in the letter.
func (l *noticeLetter) each(do func(*dueNotice)) {
	for _, d := range l.items {
		do(d)
	}
}

// putOff takes back the intents of a letter that certainly was not sent.
func (l *noticeLetter) putOff(wait time.Duration, failed bool) {
	l.each(func(d *dueNotice) {
		d.entry.Drop(l.to.ID)
		d.later(wait, failed)
	})
}

// settle writes down what came of the run: an entry goes once nobody is left to be told.
func (n *noticeRun) settle(ctx context.Context) {
	for _, d := range n.due {
		if d.dead {
			continue
		}
		var err error
		if len(d.entry.Intents) == 0 && !d.waits {
			err = n.config.Notices.Outbox.RemoveNotice(ctx, d.entry)
			if err == nil {
				err = n.removeSpent(ctx, d)
			}
		} else {
			if d.failed {
				d.entry.Tries++
			}
			if !d.waits {
				d.wait = noticeLease
			}
			d.entry.Due = n.config.Now().Add(n.config.Jitter(d.wait))
			err = n.saveEntry(ctx, d)
		}
		if err != nil {
			// The intents stand: the next run finds out what came of them.
			n.config.Log.WarnContext(ctx, "it could not be noted who was told", "request", d.entry.Request,
				"code", problem.CodeOf(err), "error", err)
		}
	}
}
