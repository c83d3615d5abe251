package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// otherWorks is how long the mail of a repeated sign-up waits for a request that still works
// towards its own mail: mostly two forms were sent within seconds, and groups take minutes.
const otherWorks = time.Hour

// awaitOtherMail decides whether a repeated sign-up sends its own invitation mail. It does not if
// the other request has sent one, and it waits while the other request may still send one.
// Otherwise, or if that can't be known, the mail goes out. It counts as a wish of the partner,
// because anybody can sign up with an address again and again.
func (j *job) awaitOtherMail(ctx context.Context) (next, error) {
	r := &j.Request
	other, err := j.config.Store.Load(ctx, r.Owed.Unless)
	switch problem.CodeOf(err) {
	case "", problem.NotFound, problem.RecordUnreadable:
	default:
		return stop, fmt.Errorf("loading the request that is repeated: %w", err)
	}
	sent, err := j.sentBy(ctx, other)
	switch {
	case err != nil:
		return stop, err
	case sent:
		return j.paid(ctx, "mail-needless", "request "+string(other.ID)+" has sent the guest an invitation")
	case j.maySend(other):
		r.Owed.Why = "request " + string(other.ID) + " may still send the guest its mail"
		return j.postpone(ctx, queuing.after(r.Attempt, 0))
	}
	mailbox, err := j.mailboxOf(ctx)
	switch {
	case err != nil:
		return stop, err
	case mailbox.WishesSpent(j.config.Now()):
		return j.paid(ctx, "mail-withheld", "the mailbox has had too many mails because of repeated sign-ups and wishes")
	}
	_, err = j.saveMailbox(ctx, mailbox.Wish(j.config.Now()))
	if err != nil {
		return stop, err
	}
	r.Owed.Unless, r.Attempt = "", 0
	return proceed, nil
}

// sentBy reports whether the other request has sent the guest of this one a mail that arrives, or
// the directory has.
func (j *job) sentBy(ctx context.Context, other request.Request) (bool, error) {
	m := other.Mail(request.InvitationMail)
	if m.Arrives() && !m.Open() && (m.Guest == "" || m.Guest == j.Request.GuestID) {
		return true, nil
	}
	if m.Ordinal > 0 || other.ID == "" {
		return false, nil
	}
	claim, err := j.config.Store.ClaimOf(ctx, j.Request.Submission.Email)
	if err != nil {
		return false, fmt.Errorf("reading the claim on the address: %w", err)
	}
	return claim.GuestID == j.Request.GuestID && !claim.MailedAt.Before(other.Created), nil
}

// maySend reports whether the other request may still send its mail to the guest of this one.
func (j *job) maySend(other request.Request) bool {
	same := other.GuestID == "" || other.GuestID == j.Request.GuestID
	owes := other.Owed.Kind == request.InvitationMail && other.Owed.Unless == ""
	works := other.State != "" && !other.State.Ended() &&
		j.config.Now().Sub(j.Request.Owed.Since).Abs() < otherWorks
	return same && !other.Withdrawal.Open() && (owes || works)
}
