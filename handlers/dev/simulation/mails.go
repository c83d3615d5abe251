package simulation

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// mailing is what differs between schedules in which the app sends mails of its own.
type mailing struct {
	quota     request.MailQuota
	byDefault bool // a proof is needed unless the row says otherwise
	lasts     time.Duration
	reminders []time.Duration
	untold    bool
	// How long the service knows nothing of a mail at most, and nothing final.
	unrecorded, settling time.Duration
	// opaque says that the service can't be asked while it loses answers.
	opaque bool
	events []event
}

// chooseMails returns the mailing of a schedule, nil for one without mails; one with the event only
// has mails if the event needs them. The random numbers are a stream of their own.
func chooseMails(seed uint64, only string) *mailing {
	random := rand.New(rand.NewPCG(seed, 0x6d61696c73))
	needed := slices.ContainsFunc(mailEvents, func(e event) bool { return e.name == only })
	if random.IntN(2) == 0 && !needed {
		return nil
	}
	m := &mailing{
		quota: pick(random, request.MailQuota{PerMinute: 30, PerHour: 100}, request.MailQuota{PerMinute: 5, PerHour: 10},
			request.MailQuota{PerMinute: 2, PerHour: 4}, request.MailQuota{PerMinute: 1, PerHour: 30}),
		byDefault:  random.IntN(4) > 0,
		lasts:      pick(random, 0, 6*time.Hour, 7*24*time.Hour),
		untold:     random.IntN(6) == 0,
		unrecorded: pick(random, 0, 0, 0, time.Minute, 8*time.Minute),
		settling:   pick(random, 0, time.Minute, 9*time.Minute, 3*time.Hour),
		opaque:     random.IntN(2) == 0,
	}
	if random.IntN(12) == 0 {
		m.reminders = []time.Duration{3 * 24 * time.Hour, 5 * 24 * time.Hour}[:1+random.IntN(2)]
	}
	if only != "" {
		return m
	}
	for range max(0, random.IntN(6)-3) {
		e := pick(random, mailEvents...)
		if !slices.ContainsFunc(m.events, func(c event) bool { return c.name == e.name }) {
			m.events = append(m.events, e)
		}
	}
	return m
}

// prepareMails sets the mail service up.
func (r *run) prepareMails() {
	if r.mails == nil {
		return
	}
	r.service = NewMailService(r.clock)
	r.service.Untold = r.mails.untold
	// A worker leaves a mail alone for five times its lease. A call may begin a minute after the
	// intent, and arrive when the client waits no more.
	known := min(5*r.config.lease, 10*time.Minute) - time.Minute - callTimeout - stragglerWait
	r.service.Unrecorded, r.service.Settling = min(r.mails.unrecorded, known), r.mails.settling
	if r.chance(10) {
		r.service.fates[addresses[trusted][r.random.IntN(2)]] = pick(r.random, request.MailFailed, request.MailSuppressed)
	}
	if r.chance(20) {
		r.service.refuses[addresses[trusted][r.random.IntN(2)]] = true
	}
	for range max(0, r.random.IntN(5)-2) {
		r.plan(r.now.Add(r.soon(12*time.Hour)), r.guess)
	}
}

// connectMails lets the worker of an instance send mails, unless they are switched off.
func (r *run) connectMails(on *instance, config *workflow.Config) {
	on.mails, on.byDefault = r.mails != nil && !r.mailsOff, false
	if !on.mails {
		return
	}
	on.byDefault = r.mails.byDefault
	config.Mails = &workflow.Mails{
		Mailer: mailer{r}, Letters: letters{}, Quota: r.mails.quota, Random: source{r.random},
		Reminders: r.mails.reminders,
	}
	config.ProofByDefault, config.ProofLasts = on.byDefault, r.mails.lasts
}

// A mailTrouble is a way in which the mail service fails for hours.
type mailTrouble string

const (
	mailsGone      mailTrouble = "takes no mails"
	mailsUnheard   mailTrouble = "loses its answers"
	mailsThrottled mailTrouble = "throttles"
	mailsForbidden mailTrouble = "forbids the app to send"
	mailsSlow      mailTrouble = "is slow"
)

// A mailOutage is a time in which the mail service fails. The zero mailOutage is over.
type mailOutage struct {
	mailTrouble
	since, until time.Time
	takes        time.Duration // how long a call takes to fail
	asks         time.Duration // for how long it asks to be left alone
	flaky        bool          // every second call goes through
}

// mailer is the mail service as a worker sees it: each call hands over first, and then meets its
// fate.
type mailer struct{ *run }

// troubled returns how a call fails because of an outage, and whether it happens all the same.
func (m mailer) troubled(c *call, op string) (err error, happens bool) {
	o := m.mailOutage
	if !m.now.Before(o.until) || o.flaky && m.chance(2) {
		return nil, true
	}
	sending := op == "SendMail"
	switch o.mailTrouble {
	case mailsUnheard:
		if !sending && !m.mails.opaque {
			return nil, true
		}
		return m.mailFailure(request.MailUnavailable, 0), sending && !m.chance(4)
	case mailsThrottled:
		return m.mailFailure(request.MailThrottled, o.asks), false
	case mailsForbidden:
		return m.mailFailure(request.MailForbidden, 0), false
	case mailsSlow:
		m.sleep(c, pick(m.random, time.Second, 8*time.Second, 19*time.Second))
		return nil, true
	}
	m.sleep(c, o.takes)
	return m.mailFailure(request.MailUnavailable, 0), false
}

// mailFailure returns an error of the mail service.
func (r *run) mailFailure(code problem.Code, asks time.Duration) error {
	r.counts.MailFailures++
	return &problem.Error{Code: code, Detail: "the simulated mail service fails", RetryAfter: asks}
}

// do runs one call.
func (m mailer) do(op string, effect func() error) error {
	c := m.current
	c.pause(op, func() { _ = effect() })
	if err, happens := m.troubled(c, op); err != nil {
		if happens {
			_ = effect()
		}
		return err
	}
	switch c.fate {
	case refused:
		code := pick(m.random, request.MailThrottled, request.MailUnavailable, request.MailForbidden)
		return m.mailFailure(code, time.Duration(m.random.IntN(120))*time.Second)
	case lost, doubtful:
		_ = effect()
		return m.mailFailure(request.MailUnavailable, 0)
	case straggles, slow:
		if c.fate == slow && c.delay < callTimeout {
			return m.slowly(c, effect)
		}
		m.arriveLater(c.name+": "+op, func() { _ = effect() })
		m.sleep(c, callTimeout)
		return m.mailFailure(request.MailUnavailable, 0)
	}
	return effect()
}

func (m mailer) SendMail(_ context.Context, id request.MailID, mail request.Mail) error {
	by := m.current
	notice := read(mail).kind.IsNotice()
	if notice {
		m.beginNotice(id, mail)
	} else {
		m.beginMail(by, id, mail)
	}
	err := m.do("SendMail", func() error {
		err := m.service.SendMail(m.context, id, mail)
		if err == nil && notice {
			m.noticeTaken(id, mail)
		} else if err == nil {
			m.mailTaken(by, id, mail)
		}
		return err
	})
	m.mailAnswered(id, err)
	return err
}

func (m mailer) MailStatus(_ context.Context, id request.MailID) (request.MailStatus, error) {
	var status request.MailStatus
	err := m.do("MailStatus", func() (err error) {
		status, err = m.service.MailStatus(m.context, id)
		return err
	})
	if err != nil {
		return request.MailStatus{}, err
	}
	if status.State == request.MailSuppressed {
		m.suppressedAt[m.address[m.current.about]] = m.now
	}
	return status, nil
}

func (s store) Mailbox(ctx context.Context, address submission.Address) (request.Mailbox, error) {
	return get(s, "Mailbox", func() (request.Mailbox, error) { return s.memory.Mailbox(ctx, address) })
}

func (s store) SaveMailbox(
	_ context.Context, address submission.Address, mailbox request.Mailbox,
) (request.Mailbox, error) {
	by := s.current
	return get(s, "SaveMailbox", func() (request.Mailbox, error) {
		saved, err := s.memory.SaveMailbox(s.context, address, mailbox)
		if err == nil {
			by.mailbox = s.boxOf(address)
		}
		return saved, err
	})
}

func (s store) MarkProved(_ context.Context, address submission.Address, at time.Time) error {
	return s.do("MarkProved", func() error { return s.memory.MarkProved(s.context, address, at) })
}

func (s store) DropMailbox(_ context.Context, address submission.Address) error {
	return s.do("DropMailbox", func() error {
		err := s.memory.DropMailbox(s.context, address)
		if err == nil {
			s.emptyBox(address) // the address begins anew
		}
		return err
	})
}

func (s store) ForgetMailboxes(
	_ context.Context, before time.Time, from request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	next, err = get(s, "ForgetMailboxes", func() (request.Cursor, error) {
		var at request.Cursor
		var err error
		at, last, err = s.memory.ForgetMailboxes(s.context, before, from, limit)
		return at, err
	})
	return next, last, err
}

func (s store) MailGate(ctx context.Context) (request.MailGate, error) {
	return get(s, "MailGate", func() (request.MailGate, error) { return s.memory.MailGate(ctx) })
}

func (s store) SaveMailGate(_ context.Context, gate request.MailGate) (request.MailGate, error) {
	return get(s, "SaveMailGate", func() (request.MailGate, error) {
		return s.memory.SaveMailGate(s.context, gate)
	})
}

func (s store) ProofKey(_ context.Context, made request.ProofKey) (request.ProofKey, error) {
	return get(s, "ProofKey", func() (request.ProofKey, error) { return s.memory.ProofKey(s.context, made) })
}
