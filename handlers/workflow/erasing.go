package workflow

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// tombstone returns a request that was withdrawn before it was recorded: its submission may still be on the way, and finds an end here.
func (m *Worker) tombstone(id submission.ID) *work {
	now := m.config.Now()
	return m.change(request.Request{ID: id, State: request.Received, Since: now, Created: now})
}

// wishWithdrawal notes that the partner withdraws the request. The message comes again until that is stored; then it is done by the step.
func (w *work) wishWithdrawal(ctx context.Context) error {
	if w.Request.Withdrawal.Open() || !w.Request.Erased.IsZero() {
		return nil
	}
	w.Request.Withdrawal = request.Instruction{At: w.config.Now(), By: request.ThePartner}
	w.Record("withdrawal-wished", "the partner withdraws the request")
	return w.save(ctx)
}

// withdraw ends the request, gives back what it holds, and erases the personal data in it. A guest who exists stays: the app has no right to
// remove anybody, and says so.
func (w *work) withdraw(ctx context.Context) (bool, error) {
	r := &w.Request
	address := r.Submission.Email
	if address != (submission.Address{}) {
		left, err := w.letGo(ctx)
		if err != nil {
			return false, err
		}
		if left > 0 {
			w.Record("withdrawal-waits", "an invitation may be under way; what came of it is seen first")
			return w.postpone(ctx, left)
		}
	}
	err := w.dropPoison(ctx, address)
	if err != nil {
		return false, err
	}
	for i := range r.Grants {
		if r.Grants[i].State == request.GrantPending {
			r.Grants[i].State, r.Grants[i].Note = request.GrantFailed, "withdrawn before it was made"
		}
	}
	why := "withdrawn by " + r.Withdrawal.Who()
	switch {
	case r.State == request.Granting, r.State == request.Inviting && r.GuestID != "":
		w.transition(request.Done, "withdrawn", why+"; the guest exists")
	case !r.State.Ended(), r.State == request.Review, r.State == request.Failed && r.GuestID == "":
		w.transition(request.Cancelled, "withdrawn", why)
	}
	w.Erase("the personal data was erased, as " + r.Withdrawal.Who() + " wished")
	r.Resend = request.Instruction{}
	_, err = w.finish(ctx)
	if err != nil {
		return false, err
	}
	if r.GuestID != "" {
		w.log.WarnContext(ctx, LogRemains, "guest", r.GuestID)
	}
	return false, nil
}

// letGo gives back the claim and the seat of a request that is withdrawn. If an invitation of it may be under way, it returns how long to wait until
// that can be said; if one was sent, the request knows its guest afterwards. A second call finds what the first one left.
func (w *work) letGo(ctx context.Context) (wait time.Duration, err error) {
	r := &w.Request
	claim, created, err := w.config.Store.Claim(ctx, r.Submission.Email, r.ID, w.config.Now())
	if err != nil {
		return 0, fmt.Errorf("looking at the claim: %w", err)
	}
	ours := claim.Owner == r.ID
	if ours && !created && r.GuestID == "" {
		r.GuestID = claim.GuestID
		if r.GuestID == "" && !claim.IntentAt.IsZero() {
			wait, err = w.outcome(ctx, claim)
			if wait > 0 || err != nil {
				return wait, err
			}
		}
		if r.GuestID != "" {
			// With the claim goes what it knows.
			err = w.save(ctx)
			if err != nil {
				return 0, err
			}
		}
	}
	limits := r.Limits()
	if limits != nil && r.GuestID == "" {
		err = w.config.Seats.ReleaseSeat(ctx, limits.Row, r.ID)
		if err != nil {
			return 0, fmt.Errorf("giving the seat back: %w", err)
		}
	}
	if !ours {
		return 0, nil
	}
	if r.Withdrawal.By == request.ThePartner {
		// Whoever withdraws has not proved to own the mailbox.
		err = w.release(ctx, claim)
	} else {
		err = w.config.Store.Release(ctx, r.Submission.Email, claim)
	}
	if err != nil {
		return 0, fmt.Errorf("giving the claim back: %w", err)
	}
	return 0, nil
}

// outcome finds out what came of an invitation that was begun, or returns how long to wait before it can be asked.
func (w *work) outcome(ctx context.Context, claim request.Claim) (wait time.Duration, err error) {
	left := claim.IntentAt.Add(w.config.IntentLease).Sub(w.config.Now())
	if left > 0 {
		return left, nil
	}
	guestID, err := w.config.Directory.FindGuest(ctx, w.Request.Submission.Email)
	switch code := problem.CodeOf(err); code {
	case "":
		w.Request.GuestID = guestID
		return 0, nil
	case request.DirectoryReadForbidden, request.DirectoryForbidden, request.DirectoryRefused:
		// It can't be known, and the partner's wish counts all the same.
		return 0, nil
	default:
		w.log.ErrorContext(ctx, "the directory could not be asked for the guest", "code", code, "attempt", w.Request.Attempt, "error", err)
		if w.givenUp(code) {
			return 0, nil
		}
		return down.after(w.Request.Attempt, problem.From(err).RetryAfter), nil
	}
}

// dropPoison forgets every kept message that carries the request's id and, where an admin erases, every one that names the address. A partner who
// withdraws has not proved to own the mailbox, and must not take away what others sent from it.
func (w *work) dropPoison(ctx context.Context, address submission.Address) error {
	kept, err := w.config.Poison.AllPoison(ctx)
	if err != nil {
		return fmt.Errorf("looking through the kept messages: %w", err)
	}
	for _, poison := range kept {
		ours := bytes.Contains(poison.Body, []byte(w.Request.ID))
		named := w.Request.Withdrawal.By != request.ThePartner && address != (submission.Address{}) && names(poison.Body, address)
		if !ours && !named {
			continue
		}
		err = w.config.Poison.DropPoison(ctx, poison.ID)
		if err != nil {
			return fmt.Errorf("forgetting a kept message: %w", err)
		}
	}
	return nil
}

// names reports whether a message has the address in it, in any case and also behind an escape of JSON, and not only one that ends or begins
// like it: whoever withdraws must not take away what others sent.
func names(body []byte, address submission.Address) bool {
	const rest = `[^a-z0-9.!#$%&'*+/=?^_{|}~\x60-]`
	form := regexp.MustCompile(`(?i)(^|\\[bfnrt]|\\u[0-9a-f]{4}|` + rest + ")" + regexp.QuoteMeta(address.String()) + `([^a-z0-9.-]|[.]([^a-z0-9]|$)|$)`)
	return form.Match(body)
}
