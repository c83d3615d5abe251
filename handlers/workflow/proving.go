package workflow

import (
	"context"
	"fmt"
	"io"
	"time"

	"guestlist/handlers/mail"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// wishEvery is how long after a wish for another code the next one counts.
const wishEvery = 2 * time.Minute

// demandProof lets the request wait for a proof of the mailbox, if the decision needs one: nothing
// happens in the directory for an address that somebody only typed, and no person is bothered. It
// proceeds if none is needed, or there is one.
func (j *job) demandProof(ctx context.Context, decision policy.Decision) (next, error) {
	r := &j.Request
	needed := j.needsProof(decision)
	if !needed && r.Proof.Missing() {
		// It failed for want of the proof and was taken up again, and the rows ask for none any
		// more.
		r.Proof = request.Proof{Epoch: r.Proof.Epoch, Tries: r.Proof.Tries}
	}
	if !needed {
		return proceed, nil
	}
	if j.config.Mails == nil {
		o := objection{request.Review, "no-mails", "the policy row asks for a proof of the mailbox, and the app " +
			"sends no mails, so a person decides: " + decision.Reason}
		return j.object(ctx, o)
	}
	mailbox, err := j.mailboxOf(ctx)
	if err != nil {
		return stop, err
	}
	if mailbox.Proved(j.config.Now(), j.config.ProofLasts) {
		r.Proof.At, r.Proof.Earlier = mailbox.ProvedAt, true
		j.Record("proved-before", "an earlier request for the address has proved the mailbox")
		r.Decision = nil
		return j.decide(ctx) // by rows of one moment
	}
	j.WantProof("a proof of the mailbox is needed first: " + decision.Reason)
	j.resumed = false
	return again, nil // the intent of the mail is saved next
}

// needsProof reports whether nothing but a proof of the mailbox follows from the decision.
func (j *job) needsProof(decision policy.Decision) bool {
	return decision.Action != policy.Deny && decision.Proof.Needed(j.config.ProofByDefault) && !j.Request.Proof.Done()
}

// prove goes on with a request that waits for the proof of its mailbox.
func (j *job) prove(ctx context.Context) (next, error) {
	r, now := &j.Request, j.config.Now()
	if r.Proof.Done() {
		return j.proved(ctx)
	}
	if j.config.Mails == nil {
		return j.object(ctx, objection{request.Failed, "no-mails",
			"the mailbox is to be proved, and the app sends no mails any more"})
	}
	err := j.lookAtMails(ctx)
	if err != nil {
		return stop, err
	}
	code := r.Mail(request.CodeMail)
	until := r.Proof.Until
	if code.Open() {
		until = r.Proof.Wanted.Add(request.CodePatience) // nobody knows whether it was mailed
	}
	switch {
	case r.Proof.Tries >= request.MaxProofTries:
		return j.end(ctx, request.Unproved, "tries-used", "as many codes were typed as can be, and none was right")
	case !now.Before(until):
		return j.endUnproved(ctx)
	case !r.Proof.Mailed, code.Open(), r.Resend.Open():
		return j.sendCode(ctx)
	}
	return j.awaitCode(ctx)
}

// endUnproved ends a request whose time to prove the mailbox is over.
func (j *job) endUnproved(ctx context.Context) (next, error) {
	p := j.Request.Proof
	switch {
	case j.Request.Mail(request.CodeMail).Open(), !p.Mailed && !p.Withheld:
		return j.end(ctx, request.Failed, "code-not-sent",
			"no code could be mailed in the time for it: the mail service did not take it, its limits left no room, "+
				"the app was stopped, or the record could not be read; the history tells more, and once all works, "+
				"take the request up again")
	case !p.Mailed:
		return j.end(ctx, request.Unproved, "not-proved",
			"no code could be mailed because of the mailbox itself; the history tells why")
	}
	return j.end(ctx, request.Unproved, "not-proved", "nobody has typed the code in time")
}

// sendCode mails the code, the same one each time.
func (j *job) sendCode(ctx context.Context) (next, error) {
	r := &j.Request
	first, until := !r.Proof.Mailed || r.Mail(request.CodeMail).Open(), r.Proof.Until
	before, withheld := r.Proof.Mailed, r.Proof.Withheld
	outcome, err := j.sendMail(ctx, errand{
		kind:   request.CodeMail,
		person: r.Resend.ByPerson(),
		intend: func() {
			r.Proof.Mailed, r.Proof.Withheld = true, false
			if first {
				r.Proof.Until = j.config.Now().Add(request.ProofTime)
			}
		},
		undo: func() {
			if first {
				r.Proof.Mailed, r.Proof.Withheld, r.Proof.Until = before, withheld, until
			}
		},
		write: j.writeCode,
	})
	switch {
	case err != nil:
		return stop, err
	case outcome.wait > 0:
		if r.Resend.Open() && outcome.what == "mail-rests" {
			r.Resend = request.Instruction{} // it may be asked for again
			j.Record(outcome.what, outcome.why)
			if !first {
				return j.awaitCode(ctx)
			}
		}
		if r.Proof.Withheld {
			// Somebody has asked for it again, and it waits for something else by now.
			r.Proof.Withheld, r.Proof.Until = false, r.Proof.Wanted.Add(request.CodePatience)
		}
		return j.waitUntilProof(ctx, outcome)
	case outcome.refused && !before:
		// The partner may ask again. Nothing is sent by itself: the mails of requests that wait
		// must not add up.
		r.Proof.Mailed, r.Proof.Withheld = false, !outcome.missed
		r.Proof.Until = earlier(r.Proof.Until, r.Proof.Wanted.Add(request.ProofTime))
	}
	r.Resend, r.Attempt = request.Instruction{}, 0
	j.Record(outcome.what, outcome.why)
	return j.awaitCode(ctx)
}

// waitUntilProof lets the request come back to send the code, and no later than its time is over.
func (j *job) waitUntilProof(ctx context.Context, outcome mailOutcome) (next, error) {
	left := j.Request.Proof.Wanted.Add(request.CodePatience).Sub(j.config.Now())
	if j.Request.Reason != outcome.why {
		j.Request.Reason = outcome.why
		j.recordWait(outcome)
	}
	return j.postpone(ctx, max(time.Second, min(outcome.wait, left)))
}

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// awaitCode saves the request so that it comes back when its time is over, or when a mail is to be
// looked at.
func (j *job) awaitCode(ctx context.Context) (next, error) {
	due := j.Request.Proof.Until
	if look := j.Request.NextLook(); !look.IsZero() {
		due = earlier(due, look)
	}
	return j.comeBack(ctx, due)
}

// writeCode writes the mail with the code.
func (j *job) writeCode(ctx context.Context) (request.Mail, mailOutcome, error) {
	r := j.Request
	key, err := j.proofKeyOf(ctx)
	if err != nil {
		return request.Mail{}, mailOutcome{}, err
	}
	until := r.Proof.Until
	if !r.Proof.Mailed || r.Mail(request.CodeMail).Open() {
		until = j.config.Now().Add(request.ProofTime)
	}
	letter, err := j.config.Mails.Letters.Code(j.recipient(), mail.Code{
		Code: key.Code(r), Until: until, Asked: r.Submission.SubmittedAt, FormLanguage: r.Submission.Language,
	})
	if err != nil {
		return request.Mail{}, mailOutcome{}, problem.New(problem.Internal, "writing the mail with the code: %w", err)
	}
	return letter, mailOutcome{}, nil
}

// proofKeyOf returns the key of codes. It is read once.
func (w *Worker) proofKeyOf(ctx context.Context) (request.ProofKey, error) {
	known := w.proofKey.Load()
	if known != nil {
		return *known, nil
	}
	var made request.ProofKey
	_, err := io.ReadFull(w.config.Mails.Random, made[:])
	if err != nil {
		return made, problem.New(problem.Internal, "making the key of codes: %w", err)
	}
	key, err := w.config.MailStore.ProofKey(ctx, made)
	if err != nil {
		return key, fmt.Errorf("reading the key of codes: %w", err)
	}
	w.proofKey.Store(&key)
	return key, nil
}

// recordCode counts a code that the partner has typed and compares it, both in one write: nothing
// is known of it before, a process that ends gives no try away, and of codes that come at once each
// is counted.
func (j *job) recordCode(ctx context.Context, code string) error {
	if j.config.Mails == nil || !j.Request.TakesCode(j.config.Now()) {
		j.log.InfoContext(ctx, "a code was typed, and none is taken any more", "state", j.Request.State)
		return nil
	}
	key, err := j.proofKeyOf(ctx)
	if err != nil {
		return err
	}
	j.TryCode(key, code)
	return j.save(ctx)
}

// codeMovesOn reports whether the codes that were typed move the request on, unless it waits for
// something else by now. They still do after the right one has moved it into another state: the
// call may have ended on the way, and then the message comes again.
func (j *job) codeMovesOn() bool {
	r := j.Request
	ends := r.State == request.Proving && r.Proof.Tries >= request.MaxProofTries
	proved := r.State == request.Proving && r.Proof.Done() || r.Proof.ByCode()
	return (ends || proved) && !r.Due.After(j.config.Now())
}

// proved lets policy decide again once the mailbox is proved: the rows may have changed since.
func (j *job) proved(ctx context.Context) (next, error) {
	j.mailbox = nil
	err := j.config.MailStore.MarkProved(ctx, j.Request.Submission.Email, j.Request.Proof.At)
	if err != nil {
		return stop, fmt.Errorf("noting that the mailbox is proved: %w", err)
	}
	return j.decide(ctx)
}

// recordCodeWish records that the partner wants the code mailed again.
func (j *job) recordCodeWish(ctx context.Context, returned time.Time) error {
	r, now := &j.Request, j.config.Now()
	if r.Resend.Open() || r.Withdrawal.Open() || r.Proof.Done() || now.Sub(r.MailAsked).Abs() < wishEvery ||
		!returned.IsZero() && returned.Sub(r.MailAsked) < wishEvery {
		j.log.InfoContext(ctx, "the code is not mailed again: it was asked for lately", "asked", r.MailAsked)
		return nil
	}
	// A wish that changes nothing must leave nothing: whoever has the link may have any number.
	mailbox, err := j.mailboxOf(ctx)
	if err != nil {
		return err
	}
	wait, refused := mailbox.BeforeMail(request.CodeMail, now)
	if wait > 0 || refused {
		j.log.InfoContext(ctx, "the code is not mailed again: the mailbox gets none now", "wait", wait)
		return nil
	}
	r.Resend, r.MailAsked = request.Instruction{At: now, By: request.ThePartner}, now
	r.Due = time.Time{}
	j.Record("code-wished", "the partner wants the code mailed again")
	return j.save(ctx)
}

// closeMailbox keeps codes from the mailbox for a while, because somebody withdraws the request who
// has the link to it and did not prove the mailbox: it may be the person who has got a code and
// never asked for one. A proof by this very request counts for no other any more: whoever gave it
// wants no access now, and somebody else may sign up with the address. An admin who erases forgets
// what is known about the mailbox.
func (j *job) closeMailbox(ctx context.Context) (next, error) {
	r := j.Request
	if r.Submission.Email == (submission.Address{}) {
		return proceed, nil
	}
	if r.Withdrawal.By != request.ThePartner {
		err := j.config.MailStore.DropMailbox(ctx, r.Submission.Email)
		if err != nil {
			return stop, fmt.Errorf("forgetting the mailbox: %w", err)
		}
		return proceed, nil
	}
	if !r.Proof.ByCode() && (!r.Proof.Mailed || r.Proof.Done()) {
		return proceed, nil
	}
	mailbox, err := j.mailboxOf(ctx)
	if problem.CodeOf(err) == problem.RecordUnreadable {
		// It gets no mails as long as that lasts, and erasing does not wait.
		j.log.ErrorContext(ctx, LogUnreadable, "error", err)
		return proceed, nil
	}
	if err != nil {
		return stop, err
	}
	if r.Proof.ByCode() {
		mailbox.ProvedAt = time.Time{}
	} else {
		mailbox.StoppedAt = j.config.Now()
	}
	_, err = j.saveMailbox(ctx, mailbox)
	if err != nil {
		return stop, err
	}
	return proceed, nil
}
