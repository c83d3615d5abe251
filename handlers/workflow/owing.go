package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/mail"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// owedAlarm is how long a mail may be owed before each attempt writes the line that alerts look
	// for, and owedPatience how long it is tried to send it.
	owedAlarm    = 6 * time.Hour
	owedPatience = 7 * 24 * time.Hour
	// reminderRest is how far apart two reminders of an invitation are at least.
	reminderRest = 12 * time.Hour
)

// oweInvitation notes that the guest is to be sent the app's own invitation mail. It comes last:
// the link in it works once the groups are there. A guest who has accepted needs no mail. Nor does
// a guest who is sent one by another request.
func (j *job) oweInvitation() {
	r, terms := &j.Request, j.Request.Terms()
	if j.config.Mails == nil || terms == nil || terms.Mail(true) != policy.OwnMail || r.GuestID == "" {
		return
	}
	last := r.Mail(request.InvitationMail)
	others := last.Guest != "" && last.Guest != r.GuestID // the link leads to a guest who is gone
	known := last.Arrives() && r.Vanished == 0 && !others
	if !r.Joined.IsZero() || known {
		return
	}
	if others && last.Open() {
		last.State = request.MailUntold // whatever came of it
		j.SetMail(last)
	}
	j.Owe(request.InvitationMail)
	r.Owed.Unless = r.RepeatOf
}

// payOwed sends the mail that an ended request is owed. That it can't be sent changes nothing else
// about the request.
func (j *job) payOwed(ctx context.Context) (next, error) {
	r := &j.Request
	owed := r.Owed
	waited := j.config.Now().Sub(owed.Since).Abs()
	if owed.Unless != "" && waited < owedPatience {
		n, err := j.awaitOtherMail(ctx)
		if n != proceed || err != nil {
			return n, err
		}
	}
	if j.config.Mails == nil {
		return j.payByDirectory(ctx)
	}
	if waited >= owedPatience {
		return j.unpaid(ctx, "mail-given-up", "the "+string(owed.Kind)+" mail could not be sent for days")
	}
	e := errand{kind: owed.Kind, person: owed.Person, write: j.writeInvitation}
	switch owed.Kind {
	case request.DecisionMail:
		e.write = j.writeDenial
	case request.ReminderMail:
		e.write = j.writeReminder
	}
	before := r.Mail(owed.Kind)
	outcome, err := j.sendMail(ctx, e)
	j.returnTurn(ctx)
	if j.redeemURL != "" && outcome.wait > 0 {
		j.redeemURLs.keep(r.ID, r.GuestID, j.redeemURL)
	}
	switch {
	case err != nil:
		return stop, err
	case outcome.what == mailFound && owed.Since.Sub(before.At) >= request.MailRest:
		// That is what came of an earlier mail. This one was asked for long after it.
		r.Attempt = 0
		j.Record(outcome.what, outcome.why)
		return again, j.save(ctx)
	case outcome.sent:
		j.planReminder()
		return j.paid(ctx, outcome.what, outcome.why)
	case outcome.missed:
		return j.unpaid(ctx, outcome.what, outcome.why)
	case outcome.refused:
		return j.dropped(ctx, outcome.what, outcome.why)
	}
	if waited >= owedAlarm {
		j.log.ErrorContext(ctx, LogMailOwed, "kind", owed.Kind, "since", owed.Since)
	}
	if r.Owed.Why != outcome.why {
		r.Owed.Why = outcome.why
		j.recordWait(outcome)
	}
	return j.postpone(ctx, outcome.wait)
}

// payByDirectory lets the directory send its mail of the invitation, since the app sends none any
// more: the guest has heard nothing yet. Other mails have nobody else to send them.
func (j *job) payByDirectory(ctx context.Context) (next, error) {
	r := &j.Request
	const why = "the app sends no mails of its own any more"
	if r.Owed.Kind != request.InvitationMail || r.NoMail() != "" {
		return j.paid(ctx, "mail-dropped", why)
	}
	r.Owed, r.Attempt = request.Owed{}, 0
	r.Resend = request.Instruction{At: j.config.Now(), By: request.TheApp}
	j.Record("mail-left", why+"; the directory sends its own")
	return again, j.save(ctx)
}

// unpaid ends the attempts to send a mail that somebody misses, so it writes the line that alerts
// look for.
func (j *job) unpaid(ctx context.Context, what, why string) (next, error) {
	owed := j.Request.Owed
	j.log.ErrorContext(ctx, LogMailOwed, "kind", owed.Kind, "since", owed.Since)
	return j.dropped(ctx, what, why)
}

// dropped ends the attempts to send a mail that will not be sent.
func (j *job) dropped(ctx context.Context, what, why string) (next, error) {
	switch j.Request.Owed.Kind {
	case request.InvitationMail:
		j.GiveUpMail(request.InvitationMail)
	case request.ReminderMail:
		j.planReminder()
	}
	return j.paid(ctx, what, why)
}

// paid ends the attempts to send a mail.
func (j *job) paid(ctx context.Context, what, why string) (next, error) {
	j.redeemURLs.forget(j.Request.ID)
	j.Request.Owed, j.Request.Attempt, j.Request.Unknown = request.Owed{}, 0, 0
	j.Record(what, why)
	return j.finish(ctx)
}

// planReminder notes when the guest is reminded next, if at all. It is called after the mail of the
// invitation and after each reminder, sent or not. After the first reminder, an invitation mail
// that somebody asks for plans no further ones.
func (j *job) planReminder() {
	r := &j.Request
	reminded := r.Owed.Kind == request.ReminderMail
	invited := r.Owed.Kind == request.InvitationMail && r.Mail(request.ReminderMail).Ordinal == 0
	r.RemindAt = time.Time{}
	if r.Joined.IsZero() && (reminded || invited) {
		r.RemindAt = j.nextReminder()
	}
}

// nextReminder returns when the next reminder goes out if the guest is mailed now; zero for never.
// It skips reminders that would come within reminderRest.
func (j *job) nextReminder() time.Time {
	invited, soonest := j.Request.Mail(request.InvitationMail).At, j.config.Now().Add(reminderRest)
	for _, later := range j.config.Mails.Reminders {
		if at := invited.Add(later); at.After(soonest) {
			return at
		}
	}
	return time.Time{}
}

// oweReminder notes that the guest is to be reminded, as far as this is still the guest of an
// invitation that was mailed and not accepted.
func (j *job) oweReminder() {
	r := j.Request
	if j.config.Mails != nil && r.State == request.Done && r.Joined.IsZero() && r.Mail(request.InvitationMail).Arrives() {
		j.Owe(request.ReminderMail)
	}
}

// writeReminder writes the reminder of an invitation that was not accepted.
func (j *job) writeReminder(ctx context.Context) (request.Mail, mailOutcome, error) {
	held, err := j.needRedeemURL(ctx)
	if held != (mailOutcome{}) || err != nil {
		return request.Mail{}, held, err
	}
	r := j.Request
	letter, err := j.config.Mails.Letters.Reminder(j.recipient(), mail.Reminder{
		RedeemURL: j.redeemURL, RedirectURL: j.redirectURL(*r.Terms()), Invited: r.Mail(request.InvitationMail).At,
		Last: j.nextReminder().IsZero(),
	})
	return j.written(ctx, letter, err)
}

// writeDenial writes the mail about a request that was denied.
func (j *job) writeDenial(context.Context) (request.Mail, mailOutcome, error) {
	letter, err := j.config.Mails.Letters.Denial(j.recipient(), mail.Denial{Reason: j.Request.PublicReason()})
	if err != nil {
		return request.Mail{}, mailOutcome{}, problem.New(problem.Internal, "writing the mail about a decision: %w", err)
	}
	return letter, mailOutcome{}, nil
}

// writeInvitation writes the mail with the redeem URL. The directory is asked for that at each
// mail, since it is never stored; the call that has just invited knows it.
func (j *job) writeInvitation(ctx context.Context) (request.Mail, mailOutcome, error) {
	held, err := j.needRedeemURL(ctx)
	if held != (mailOutcome{}) || err != nil {
		return request.Mail{}, held, err
	}
	terms := j.Request.Terms()
	letter, err := j.config.Mails.Letters.Invitation(j.recipient(), mail.Invitation{
		RedeemURL: j.redeemURL, Message: terms.Message, RedirectURL: j.redirectURL(*terms),
	})
	return j.written(ctx, letter, err)
}

// written returns a mail with a redeem URL, or, if it could not be written, lets it be tried again:
// the URL may be no URL, since what the directory says is not trusted.
func (j *job) written(ctx context.Context, letter request.Mail, err error) (request.Mail, mailOutcome, error) {
	if err == nil {
		return letter, mailOutcome{}, nil
	}
	j.redeemURL = ""
	j.redeemURLs.forget(j.Request.ID)
	j.log.ErrorContext(ctx, "the invitation mail can't be written", "error", err)
	return request.Mail{}, mailOutcome{wait: redeeming.after(j.Request.Attempt, 0), what: "mail-postponed",
		why: "the directory gave no usable address for accepting the invitation"}, nil
}

// needRedeemURL makes sure that this call knows the redeem URL, if the guest is invited as things
// stand.
func (j *job) needRedeemURL(ctx context.Context) (mailOutcome, error) {
	r := j.Request
	terms := r.Terms()
	if terms == nil || r.GuestID == "" || r.State != request.Done && r.State != request.Failed {
		return mailOutcome{refused: true, what: "mail-dropped", why: "the guest is not invited as things stand"}, nil
	}
	if j.redeemURL != "" {
		return mailOutcome{}, nil
	}
	return j.askForRedeemURL(ctx, *terms)
}

// askForRedeemURL asks the directory for the redeem URL, as long as the guest is the one that the
// request knows and has not accepted. To ask is to invite again without a mail, so it takes a turn.
func (j *job) askForRedeemURL(ctx context.Context, terms policy.Terms) (mailOutcome, error) {
	r := &j.Request
	if left := j.held(); left > 0 {
		return mailOutcome{wait: left, what: "mail-postponed", why: "the directory asked to come back later"}, nil
	}
	holder, seen, err := j.findUser(ctx)
	if err != nil {
		return j.noRedeemURL(ctx, aboutQuestion(problem.From(err)))
	}
	drop := func(why string) (mailOutcome, error) {
		return mailOutcome{refused: true, what: "mail-dropped", why: why}, nil
	}
	switch {
	case !seen:
		held, err := j.spareUnseen(ctx)
		if held != (mailOutcome{}) || err != nil {
			return held, err
		}
	case holder.Kind == request.AcceptedGuest && holder.ID == r.GuestID:
		r.Joined = j.config.Now()
		return drop("the guest has accepted meanwhile")
	case holder.Kind == request.NoUser && j.config.Now().Sub(r.Since).Abs() < patience:
		return mailOutcome{wait: replicating.after(r.Attempt, 0), what: "mail-postponed",
			why: "the directory does not show the guest yet"}, nil
	case holder.Kind != request.PendingGuest, holder.ID != r.GuestID:
		return drop("the address does not belong to the pending guest any more")
	}
	if url := j.redeemURLs.of(r.ID, r.GuestID); url != "" && seen {
		return j.reuseRedeemURL(ctx, url)
	}
	turn, err := j.admit(ctx)
	if err != nil {
		return mailOutcome{}, err
	}
	if turn.wait > 0 {
		return mailOutcome{wait: min(turn.wait, resendLook), what: "mail-postponed", why: turn.why}, nil
	}
	invited, err := j.post(ctx, terms, false)
	_, gateErr := j.tellGate(ctx, err)
	switch {
	case gateErr != nil:
		return mailOutcome{}, gateErr
	case err != nil:
		return j.noRedeemURL(ctx, problem.From(err))
	case invited.GuestID != r.GuestID:
		return drop("the directory names another guest for the address")
	}
	j.redeemURL = invited.RedeemURL
	return mailOutcome{}, nil
}

// reuseRedeemURL lets the mail have a redeem URL that the directory gave earlier, unless an admin
// has stopped all invitations since.
func (j *job) reuseRedeemURL(ctx context.Context, url string) (mailOutcome, error) {
	gate, err := j.config.Gates.Gate(ctx)
	if err != nil {
		return mailOutcome{}, fmt.Errorf("reading whether an admin has stopped invitations: %w", err)
	}
	if gate.Stop.Stands() {
		return mailOutcome{wait: resendLook, what: "mail-postponed", why: "an admin has stopped all invitations"}, nil
	}
	j.redeemURL = url
	return mailOutcome{}, nil
}

// spareUnseen drops a mail for a guest who can't be looked up, unless the guest was invited lately
// or a person asks for the mail. Long after, the guest may have been removed or shut out, and to
// ask for the redeem URL would invite the address anew. A person is asked for that much only: the
// claim must still say that this is the guest of the address.
func (j *job) spareUnseen(ctx context.Context) (mailOutcome, error) {
	r := j.Request
	drop := mailOutcome{refused: true, what: "mail-dropped",
		why: "who the guest is now can't be looked up; a person may send the mail"}
	if !r.Owed.Person {
		if j.config.Now().Sub(r.Since).Abs() < blindPatience {
			return mailOutcome{}, nil
		}
		return drop, nil
	}
	claim, err := j.config.Store.ClaimOf(ctx, r.Submission.Email)
	if err != nil {
		return mailOutcome{}, fmt.Errorf("reading the claim on the address: %w", err)
	}
	if claim.State != request.ClaimSent || claim.GuestID != r.GuestID {
		drop.why = "who holds the address can't be looked up, and no request has invited its guest"
		return drop, nil
	}
	return mailOutcome{}, nil
}

// noRedeemURL puts a mail off because the directory did not give the address that belongs in it. As
// for an invitation, a refusal in words that nobody knows counts after maxRefusals.
func (j *job) noRedeemURL(ctx context.Context, failure *problem.Error) (mailOutcome, error) {
	j.logFailure(ctx, "the directory gave no address for accepting the invitation", failure.Code, failure)
	again := request.TenantWide(failure.Code) || request.Retryable(failure.Code)
	if failure.Code == request.DirectoryRefused {
		j.Request.Unknown++
		again = j.Request.Unknown < maxRefusals
	}
	if !again {
		return mailOutcome{refused: true, missed: true, what: "mail-dropped",
			why: "the directory refused to give the address for accepting: " + failure.Detail + ref(failure)}, nil
	}
	if failure.Code == request.DirectoryThrottled {
		err := j.holdAll(ctx, busy.after(0, failure.RetryAfter))
		if err != nil && !j.goesOnWithoutGate(ctx, err) {
			return mailOutcome{}, err
		}
	}
	return mailOutcome{wait: redeeming.after(j.Request.Attempt, failure.RetryAfter), what: "mail-postponed",
		why: "the directory gave no address for accepting the invitation (" + string(failure.Code) + ")"}, nil
}

// grantWish counts a wish of the partner for the mailbox, or refuses it: anybody may sign up with
// an address that is invited, and ask on the status page of each sign-up.
func (j *job) grantWish(ctx context.Context) (next, error) {
	mailbox, err := j.mailboxOf(ctx)
	if err != nil {
		return stop, err
	}
	now := j.config.Now()
	if mailbox.WishesSpent(now) {
		return j.resent(ctx, "resend-refused",
			"the mailbox has had too many mails that were asked for; a person may send another")
	}
	_, err = j.saveMailbox(ctx, mailbox.Wish(now))
	if err != nil {
		return stop, err
	}
	return proceed, nil
}

// resendOwn lets the app's own invitation mail be sent again, because somebody asked for it.
func (j *job) resendOwn(ctx context.Context) (next, error) {
	r := &j.Request
	wish, person := r.Resend, r.Resend.ByPerson()
	last := r.Mail(request.InvitationMail)
	switch {
	case r.Owed.Kind == request.InvitationMail && (r.Owed.Person || !person), r.Owed.Kind == request.DecisionMail:
		return j.resent(ctx, "resend-needless", "the mail is still to be sent")
	case !person && last.Ordinal >= maxMails:
		return j.resent(ctx, "resend-refused",
			fmt.Sprintf("the guest has had %d mails; a person may send another", last.Ordinal))
	case !person && last.Arrives() && j.config.Now().Sub(last.At).Abs() < request.MailRest:
		return j.resent(ctx, "resend-too-soon", "the last mail went out less than "+request.MailRest.String()+" before")
	}
	if !person {
		n, err := j.grantWish(ctx)
		if n != proceed || err != nil {
			return n, err
		}
	}
	r.Owed = request.Owed{Kind: request.InvitationMail, Since: j.config.Now(), Person: person}
	r.Resend, r.Attempt = request.Instruction{}, 0
	j.Record("resend-begun", "the invitation mail is sent again, as "+wish.Who()+" wished")
	return again, j.save(ctx)
}
