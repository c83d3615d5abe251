package workflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"guestlist/handlers/mail"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Mails is what a Worker needs to send mails of the app's own. All is required but Reminders.
type Mails struct {
	Mailer  request.Mailer
	Letters Letters
	Quota   request.MailQuota
	// Random makes the key of codes at the first need.
	Random io.Reader
	// Reminders are how long after the invitation mail a guest who has not accepted is reminded of
	// it, in ascending order; none for no reminders.
	Reminders []time.Duration
}

// Letters writes the mails.
type Letters interface {
	Code(to mail.Recipient, code mail.Code) (request.Mail, error)
	Invitation(to mail.Recipient, invitation mail.Invitation) (request.Mail, error)
	Denial(to mail.Recipient, denial mail.Denial) (request.Mail, error)
	Reminder(to mail.Recipient, reminder mail.Reminder) (request.Mail, error)
	Notice(to mail.Recipient, notice mail.Notice) (request.Mail, error)
	Digest(to mail.Recipient, digest mail.Digest) (request.Mail, error)
}

const (
	// longestMailLease is the most that mailLease returns.
	longestMailLease = 10 * time.Minute
	// longestMailCall is the longest time between the intent of a mail and the end of its call.
	longestMailCall = 2 * time.Minute
	// turnLasts is how long after its turn at the gate of mails the intent of a mail may be
	// written.
	turnLasts = 10 * time.Second
	// believedDenials is how often the service is believed that it has not taken a mail. After that
	// each counts for the mailbox: it may take every one and deny it.
	believedDenials = 4
	// takeBackTries is how often it is tried again to store that a mail was not sent.
	takeBackTries = 3
	// waitsTold is how many waits of a mail are in the history at most.
	waitsTold = 10
	// mailLook is how long after a mail the service is asked what became of it. A second look
	// follows while it does not know, and mailLooks is when none does any more.
	mailLook  = 10 * time.Minute
	mailLooks = 2 * time.Hour
)

// mailFound is the event of a mail whose answer was lost, and that was handed over.
const mailFound = "mail-found"

// mailing schedules a mail that the service did not take for a passing reason.
var mailing = schedule{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// errand is one mail that is to be sent for the request.
type errand struct {
	kind   request.MailKind
	person bool // a person asks for it: it goes out whatever the mailbox has had
	// write writes the mail. If it can't now, the outcome says so.
	write func(ctx context.Context) (request.Mail, mailOutcome, error)
	// intend, if set, changes the request together with the intent. undo takes that back.
	intend, undo func()
}

// mailOutcome is what came of an errand. The zero mailOutcome is none yet.
type mailOutcome struct {
	sent    bool
	refused bool          // it will not be sent
	missed  bool          // with refused: somebody must be told, since the mail was due
	wait    time.Duration // before it is tried again
	trouble bool          // it waits because of the mail service
	what    string        // the event
	why     string        // for an admin, without personal data
}

// mailLease returns how long nothing is done about a mail that was begun and may have been sent: a
// call may still be at it, and a service may for a while not know a mail that it has taken.
func (w *Worker) mailLease() time.Duration { return min(5*w.config.IntentLease, longestMailLease) }

// mailCall returns the most that storing the intent of a mail may take, and its call.
func (w *Worker) mailCall() time.Duration { return min(w.mailLease(), longestMailCall) / 2 }

// mailID returns the id of the last mail of the kind.
func (j *job) mailID(kind request.MailKind) request.MailID {
	return request.NewMailID(j.Request.ID, kind, j.Request.Mail(kind).Ordinal)
}

// sendMail sends a mail of the app's own, at most once for each intent: the intent is stored before
// the service is asked, and whoever finds one without a receipt asks the service before anything is
// sent. The caller saves the request with what came of it.
func (j *job) sendMail(ctx context.Context, e errand) (mailOutcome, error) {
	settled, err := j.settleMail(ctx, e.kind)
	if settled != (mailOutcome{}) || err != nil {
		return settled, err
	}
	mailbox, held, err := j.spareMailboxOf(ctx, e)
	if held != (mailOutcome{}) || err != nil {
		return held, err
	}
	booked, held, err := j.bookMail(ctx, e.kind)
	if held != (mailOutcome{}) || err != nil {
		return held, err
	}
	letter, held, err := e.write(ctx)
	if held != (mailOutcome{}) || err != nil {
		j.unbookMail(ctx, booked)
		return held, err
	}
	if j.config.Now().Sub(booked.at) > turnLasts {
		// To write it has taken long. The service counts mails when they come.
		j.unbookMail(ctx, booked)
		booked, held, err = j.bookMail(ctx, e.kind)
		if held != (mailOutcome{}) || err != nil {
			return held, err
		}
	}
	before := j.Request.Mail(e.kind)
	mailbox, err = j.beginMail(ctx, e, mailbox)
	if err != nil {
		j.unbookMail(ctx, booked)
		return mailOutcome{}, err
	}
	calling, cancel := context.WithTimeout(ctx, j.mailCall())
	defer cancel()
	err = j.config.Mails.Mailer.SendMail(calling, j.mailID(e.kind), letter)
	if err == nil {
		return j.mailTaken(ctx, e.kind)
	}
	return j.mailNotTaken(ctx, e, booked, before, mailbox, problem.From(err))
}

// beginMail counts the mail for the mailbox and stores its intent. After an error nothing is sent,
// so it does not count.
func (j *job) beginMail(ctx context.Context, e errand, mailbox request.Mailbox) (request.Mailbox, error) {
	began := j.config.Now()
	counted, err := j.saveMailbox(ctx, mailbox.Counted(e.kind, began))
	if err != nil {
		return mailbox, err
	}
	j.IntendMail(e.kind, began)
	if e.intend != nil {
		e.intend()
	}
	err = j.save(ctx)
	if err == nil && j.config.Now().Sub(began) > j.mailCall() {
		err = problem.New(problem.StorageUnavailable,
			"storing the intent of a mail took too long; another call may be at it")
	}
	if err == nil {
		return counted, nil
	}
	uncountErr := j.uncountMail(ctx, e.kind, counted)
	if uncountErr != nil {
		j.log.WarnContext(ctx, "a mail that is not sent stays counted for its mailbox",
			"code", problem.CodeOf(uncountErr), "error", uncountErr)
	}
	return mailbox, err
}

// uncountMail takes back that a mail counts for the mailbox, since it certainly was not sent. If
// another one was counted meanwhile, this one stays counted.
func (j *job) uncountMail(ctx context.Context, kind request.MailKind, counted request.Mailbox) error {
	_, err := j.saveMailbox(ctx, counted.Uncounted(kind))
	if problem.CodeOf(err) == problem.Conflict {
		return nil
	}
	return err
}

// settleMail finds out whether a mail was sent whose receipt is missing. The outcome is zero if
// there is none, or if the service has never taken it: then the same mail may be sent.
func (j *job) settleMail(ctx context.Context, kind request.MailKind) (mailOutcome, error) {
	last := j.Request.Mail(kind)
	if !last.Open() {
		return mailOutcome{}, nil
	}
	left := last.At.Add(j.mailLease()).Sub(j.config.Now())
	if left > 0 && left <= j.mailLease()+clockError {
		return mailOutcome{wait: left, what: "mail-unanswered",
			why: "a mail was begun and its outcome is not known; the mail service will be asked"}, nil
	}
	status, err := j.config.Mails.Mailer.MailStatus(ctx, j.mailID(kind))
	if err != nil {
		failure := problem.From(err)
		j.logFailure(ctx, "the mail service did not say what became of a mail", failure.Code, err)
		return mailOutcome{wait: mailing.after(j.Request.Attempt, failure.RetryAfter), trouble: true,
			what: "mail-unanswered", why: "the mail service does not say whether a mail was sent (" + string(failure.Code) + ")"}, nil
	}
	if status.State == request.MailUnheard {
		return j.beforeRepeat(last), nil
	}
	err = j.noteHeard(ctx, last, status)
	if err == nil && status.State != request.MailUntold {
		err = j.tellMailGate(ctx, mailBooking{}, nil) // it takes mails, whatever became of its answer
	}
	if err != nil {
		return mailOutcome{}, err
	}
	return mailOutcome{sent: true, what: mailFound, why: "a mail whose answer was lost: " + j.tellMail(kind)}, nil
}

// beforeRepeat returns why a mail that the service says it has not taken is not handed over again
// now, the zero mailOutcome if it may be.
func (j *job) beforeRepeat(last request.SentMail) mailOutcome {
	rest := repeatingMail.after(last.Repeats, 0)
	left := last.At.Add(rest).Sub(j.config.Now())
	if left <= 0 || left > rest+clockError {
		return mailOutcome{}
	}
	return mailOutcome{wait: left, trouble: true, what: "mail-unanswered",
		why: "the mail service has not taken a mail and gave no usable answer; it is sent again later"}
}

// spareMailboxOf returns what is known about the mailbox, and whether it has to be left alone.
func (j *job) spareMailboxOf(ctx context.Context, e errand) (request.Mailbox, mailOutcome, error) {
	mailbox, err := j.mailboxOf(ctx)
	if err != nil {
		return mailbox, mailOutcome{}, err
	}
	if last := j.Request.Mail(e.kind); last.Open() && last.Repeats < believedDenials {
		mailbox = mailbox.Without(e.kind, last.At) // the service has never taken it
	}
	if e.person {
		return mailbox, mailOutcome{}, nil
	}
	wait, refused := mailbox.BeforeMail(e.kind, j.config.Now())
	switch {
	case refused && j.Request.Mail(e.kind).Open():
		// Nobody knows yet whether it was sent, so it is not given up.
		return mailbox, mailOutcome{wait: max(wait, time.Hour), what: "mail-rests",
			why: "the mailbox gets no mail now; a mail whose outcome is not known waits"}, nil
	case refused:
		return mailbox, mailOutcome{refused: true, what: "mail-withheld",
			why: "the mailbox gets no mail now: it has had those of a day, or the mail service leaves it alone"}, nil
	case wait > 0:
		return mailbox, mailOutcome{wait: wait, what: "mail-rests",
			why: "the mailbox had a mail lately; the next one waits"}, nil
	}
	return mailbox, mailOutcome{}, nil
}

// bookMail asks the gate of mails to let the mail through.
func (j *job) bookMail(ctx context.Context, kind request.MailKind) (mailBooking, mailOutcome, error) {
	booked := mailBooking{
		kind: kind, domain: hashOf("domain", j.Request.Submission.Email.Domain()),
		request: hashOf("request", string(j.Request.ID)),
	}
	var turn mailTurn
	turn, failing, err := j.bookTurn(ctx, &booked)
	if err != nil {
		return booked, mailOutcome{}, err
	}
	j.mailsFailed = failing
	if turn.wait == 0 {
		return booked, mailOutcome{}, nil
	}
	return booked, mailOutcome{wait: turn.wait, trouble: turn.trouble, what: "mail-held", why: turn.why}, nil
}

// bookTurn asks the gate of mails for a turn for the mail, as of now. failing says that the gate
// knew of failures, so that it has to be told what came of the mail.
func (w *Worker) bookTurn(ctx context.Context, booked *mailBooking) (turn mailTurn, failing bool, err error) {
	before, err := request.ChangeMailGate(ctx, w.config.MailStore, func(g request.MailGate) (request.MailGate, bool) {
		booked.at, booked.number = w.config.Now(), w.booked.Add(1)
		var next request.MailGate
		next, turn = bookMail(g, w.config.Mails.Quota, *booked)
		return next, turn.wait == 0
	})
	booked.probe = turn.probe
	return turn, mailsFail(before) || before.Witness != "", err
}

// unbookMail gives the turn at the gate of mails back of a mail that certainly was not sent: it may
// be tried again and again, and must not use up the turns of others. A turn that can't be given
// back counts for an hour.
func (w *Worker) unbookMail(ctx context.Context, booked mailBooking) {
	_, err := request.ChangeMailGate(ctx, w.config.MailStore, unbookOnce(booked))
	if err != nil {
		w.config.Log.WarnContext(ctx, "a mail that is not sent stays counted at the gate of mails",
			"code", problem.CodeOf(err), "error", err)
	}
}

// mailTaken notes that the service has taken the mail, and looks at it once more later.
func (j *job) mailTaken(ctx context.Context, kind request.MailKind) (mailOutcome, error) {
	m := j.Request.Mail(kind)
	m.State, m.Code, m.LookAt = request.MailUnderway, "", j.config.Now().Add(mailLook)
	j.SetMail(m)
	if j.mailsFailed {
		err := j.tellMailGate(ctx, mailBooking{}, nil)
		if err != nil {
			return mailOutcome{}, err
		}
	}
	return mailOutcome{sent: true, what: "mail-sent", why: "the mail service has taken the " + string(kind) + " mail"}, nil
}

// mailNotTaken notes why the service has not taken the mail, or gave no answer.
func (j *job) mailNotTaken(
	ctx context.Context, e errand, booked mailBooking, before request.SentMail, mailbox request.Mailbox,
	failure *problem.Error,
) (mailOutcome, error) {
	j.logFailure(ctx, "the mail service did not take a mail", failure.Code, failure)
	m := j.Request.Mail(e.kind)
	switch failure.Code {
	case request.MailUnavailable:
		err := j.tellMailGate(ctx, booked, failure)
		if err != nil {
			return mailOutcome{}, err
		}
		return mailOutcome{wait: j.mailLease(), trouble: true, what: "mail-unanswered",
			why: "the mail service gave no usable answer; it will be asked what became of the mail"}, nil
	case request.MailRefused:
		m.State, m.Code = request.MailFailed, string(failure.Code)
		j.SetMail(m)
		if j.mailsFailed {
			err := j.tellMailGate(ctx, booked, nil)
			if err != nil {
				return mailOutcome{}, err
			}
		}
		return mailOutcome{refused: true, missed: true, what: "mail-refused", why: "the mail service refuses the mail"}, nil
	case request.MailThrottled, request.MailForbidden, request.MailUnreached:
	default:
		return mailOutcome{}, fmt.Errorf("sending a mail: %w", failure)
	}
	// It certainly was not sent, so it does not count. The next attempt has the same id.
	err := j.takeBackMail(ctx, e, before)
	uncountErr := j.uncountMail(ctx, e.kind, mailbox)
	if uncountErr == nil {
		uncountErr = j.tellMailGate(ctx, booked, failure)
	}
	if err = errors.Join(err, uncountErr); err != nil {
		return mailOutcome{}, err
	}
	return mailOutcome{wait: mailing.after(j.Request.Attempt, failure.RetryAfter), trouble: true,
		what: "mail-postponed", why: "the mail service takes no mail now (" + string(failure.Code) + ")"}, nil
}

// takeBackMail removes the intent of a mail that certainly was not sent, and saves that at once.
// Otherwise the mail would count as sent where the service can't be asked about it. If the save
// fails, it loads the request and tries again. It returns the error of the first save even if a
// later one succeeds, so that the message comes again and continues with the stored request.
func (j *job) takeBackMail(ctx context.Context, e errand, before request.SentMail) error {
	intent := j.Request.Mail(e.kind)
	takeBack := func() error {
		j.DropMail(e.kind, before)
		if e.undo != nil {
			e.undo()
		}
		return j.save(ctx)
	}
	first := takeBack()
	err := first
	for tries := 0; err != nil && tries < takeBackTries; tries++ {
		sleepErr := j.config.Sleep(ctx, shortWait)
		if sleepErr != nil {
			break
		}
		var present request.Request
		present, err = j.config.Store.Load(ctx, j.Request.ID)
		if err != nil {
			continue
		}
		m := present.Mail(e.kind)
		if !m.Open() || m.Ordinal != intent.Ordinal || !m.At.Equal(intent.At) {
			break // it is stored, or somebody else has settled it
		}
		j.Request, j.Events = present, nil
		err = takeBack()
	}
	return first
}

// tellMailGate tells the gate of mails what the service has answered, nil if it has taken a mail.
// Only the call that finds out that the app may not send, or that too many mails in a row have
// tried the service in vain, writes the line that alerts look for.
func (j *job) tellMailGate(ctx context.Context, booked mailBooking, failure *problem.Error) error {
	return j.Worker.tellMailGate(ctx, j.log, booked, failure)
}

func (w *Worker) tellMailGate(ctx context.Context, log *slog.Logger, booked mailBooking, failure *problem.Error) error {
	opened := false
	_, err := request.ChangeMailGate(ctx, w.config.MailStore, func(g request.MailGate) (request.MailGate, bool) {
		if failure == nil {
			return mailTaken(g)
		}
		next := holdMails(g, w.config.Now(), booked, failure)
		opened = g.Cause == "" && next.Cause != "" ||
			next.Cause == "" && g.Failures < mailsStopAfter && next.Failures >= mailsStopAfter
		return next, true
	})
	if err == nil && opened {
		log.ErrorContext(ctx, LogMailsStopped, "cause", failure.Code)
	}
	return err
}

// mailboxOf returns what is known about the mailbox of the request's address. A call reads it once.
func (j *job) mailboxOf(ctx context.Context) (request.Mailbox, error) {
	if j.mailbox != nil {
		return *j.mailbox, nil
	}
	mailbox, err := j.config.MailStore.Mailbox(ctx, j.Request.Submission.Email)
	if err != nil {
		return mailbox, fmt.Errorf("reading what the mailbox has had: %w", err)
	}
	j.mailbox = &mailbox
	return mailbox, nil
}

// saveMailbox stores what is known about the mailbox of the request's address.
func (j *job) saveMailbox(ctx context.Context, mailbox request.Mailbox) (request.Mailbox, error) {
	mailbox.Changed = j.config.Now()
	saved, err := j.config.MailStore.SaveMailbox(ctx, j.Request.Submission.Email, mailbox)
	if err != nil {
		j.mailbox = nil
		return mailbox, fmt.Errorf("saving what the mailbox has had: %w", err)
	}
	j.mailbox = &saved
	return saved, nil
}

// recordWait records why a mail waits. Reasons may take turns for days, so only the first ones are
// in the history; the request says which is the last.
func (j *job) recordWait(outcome mailOutcome) {
	if j.Request.Attempt < waitsTold {
		j.Record(outcome.what, outcome.why)
	}
}

// noteStatus writes down what the service says of a mail, and when to look at it again.
func (j *job) noteStatus(m request.SentMail, status request.MailStatus) {
	now := j.config.Now()
	m.State, m.Code, m.LookAt = status.State, status.Code, time.Time{}
	if status.State == request.MailUnderway && now.Sub(m.At).Abs() < mailLooks {
		m.LookAt = now.Add(max(time.Hour, min(status.Again, mailLooks)))
	}
	j.SetMail(m)
	if !m.Arrives() {
		j.Record("mail-not-delivered", j.tellMail(m.Kind))
	}
}

// tellMail says for an admin what became of the last mail of the kind.
func (j *job) tellMail(kind request.MailKind) string {
	m := j.Request.Mail(kind)
	text := fmt.Sprintf("%s mail %d is %s", kind, m.Ordinal, m.State)
	if m.Code != "" {
		text += " (" + m.Code + ")"
	}
	return text
}

// lookAtMails asks the service what became of the mails that are to be looked at now.
func (j *job) lookAtMails(ctx context.Context) error {
	for _, m := range j.Request.Mails {
		switch {
		case m.LookAt.IsZero(), m.LookAt.After(j.config.Now()):
			continue
		case j.config.Mails == nil:
			m.LookAt = time.Time{}
			j.SetMail(m)
			continue
		}
		status, err := j.config.Mails.Mailer.MailStatus(ctx, j.mailID(m.Kind))
		if err != nil {
			j.logFailure(ctx, "the mail service did not say what became of a mail", problem.CodeOf(err), err)
			status = request.MailStatus{State: m.State}
		}
		if status.State == request.MailUnheard {
			status.State = request.MailUnderway // it has taken the mail, and forgets
		}
		err = j.noteHeard(ctx, m, status)
		if err != nil {
			return err
		}
	}
	return nil
}

// noteHeard writes down what the service says of a mail. If it leaves the mailbox alone, the
// mailbox gets no mails for a while: another attempt would prolong that.
func (j *job) noteHeard(ctx context.Context, m request.SentMail, status request.MailStatus) error {
	j.noteStatus(m, status)
	if status.State != request.MailSuppressed {
		return nil
	}
	mailbox, err := j.mailboxOf(ctx)
	if err != nil {
		return err
	}
	mailbox.SuppressedAt = j.config.Now()
	_, err = j.saveMailbox(ctx, mailbox)
	return err
}

// recipient is who gets the mails of the request. The row's language goes before the form's.
func (j *job) recipient() mail.Recipient {
	r := j.Request
	to := mail.Recipient{Address: r.Submission.Email, Request: r.ID}
	if terms := r.Terms(); terms != nil && terms.MessageLanguage != "" {
		to.Languages = append(to.Languages, terms.MessageLanguage)
	}
	to.Languages = append(to.Languages, r.Submission.Language)
	return to
}
