package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// voidFor is how long a withdrawal is remembered whose submission has not come: the queue keeps a
// message for its lifetime, and one that failed may have been put back.
const voidFor = 2 * submission.MessageLifetime

// mayPrecede reports whether the sign-up of a wish may still be on the queue. While the tables
// can't be written both are put back, for any time, so the age of the id at the first return of the
// wish counts. The status page refuses signed ids that the form did not issue, so the ids are few.
func mayPrecede(wish submission.Message, now time.Time) bool {
	sent := now
	if !wish.Returned.IsZero() {
		sent = wish.Returned
	}
	return wish.ID.HasSignature() && sent.Sub(wish.ID.Issued()).Abs() < submission.MessageLifetime
}

// void remembers a withdrawal that came before its submission, which may still be on its way and
// must end here. It is one record, without a history, and one due entry; both go after voidFor. The
// record is written first, so that the entry replaces none of a submission that comes just now.
func (w *Worker) void(ctx context.Context, id submission.ID) error {
	now := w.config.Now()
	j := w.newJob(request.Request{
		ID: id, State: request.Void, Reason: "the partner withdrew before the sign-up came",
		Withdrawal: request.Instruction{At: now, By: request.ThePartner}, Erased: now,
		Since: now, Created: now,
	})
	_, err := j.dropDeadLetters(ctx)
	if err != nil {
		return err
	}
	err = j.save(ctx)
	if err != nil {
		return err
	}
	j.log.InfoContext(ctx, "a withdrawal came before its sign-up")
	return w.remindOfVoid(ctx, j.Request)
}

// forgottenAt returns when nothing is to be left of a void request.
func forgottenAt(r request.Request) time.Time { return r.Since.Add(voidFor) }

// remindOfVoid writes the due entry of a void request. Without one the record would stay for good.
// If it can't be written, the message of the withdrawal comes again, and finds the record. It does
// not take the record back: another copy of the message may count on it already.
func (w *Worker) remindOfVoid(ctx context.Context, r request.Request) error {
	err := w.config.Store.Wait(ctx, r.ID, forgottenAt(r))
	if err != nil {
		return fmt.Errorf("writing the due entry of request %s: %w", r.ID, err)
	}
	return nil
}

// forgetVoid removes the record of a withdrawal that came before its submission, if there is one,
// since its message becomes a dead letter: without a due entry it would stay for good.
func (w *Worker) forgetVoid(ctx context.Context, id submission.ID) error {
	r, err := w.config.Store.Load(ctx, id)
	switch code := problem.CodeOf(err); {
	case code == problem.NotFound, code == problem.RecordUnreadable:
		return nil
	case err != nil:
		return fmt.Errorf("loading request %s: %w", id, err)
	case r.State != request.Void:
		return nil
	}
	err = w.config.Store.Forget(ctx, r)
	if err != nil {
		return fmt.Errorf("forgetting a withdrawal: %w", err)
	}
	return nil
}

// advanceVoid does what a message asks for a void request.
func (w *Worker) advanceVoid(ctx context.Context, r request.Request, message submission.Message) error {
	switch {
	case message.Submission != nil:
		// A sign-up leaves a record, like every other.
		j := w.newJob(r)
		j.broughtBy = forgottenAt(r)
		j.transition(request.Cancelled, "withdrawn", "withdrawn by the partner before the sign-up came")
		j.Record("erased", "the personal data was dropped")
		_, err := j.finish(ctx)
		return err
	case message.Kind != submission.Advance, forgottenAt(r).After(w.config.Now()):
		// A process may have ended before it wrote the entry, and the entry may say another time.
		return w.remindOfVoid(ctx, r)
	}
	// The sign-up may have come while the record could not be read.
	_, err := w.newJob(r).dropDeadLetters(ctx)
	if err != nil {
		return err
	}
	err = w.config.Store.Forget(ctx, r)
	if err != nil {
		return fmt.Errorf("forgetting a withdrawal: %w", err)
	}
	return w.stopWaiting(ctx, r.ID, message.Due)
}
