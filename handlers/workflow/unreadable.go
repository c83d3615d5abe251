package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// unreadableRest is how long a request waits that can't be read, or that needs something that can't
// be read. It goes on by itself once that can be read, by a newer version of the app or because a
// person has repaired it, so nothing ends the wait.
const unreadableRest = time.Hour

// goesOnWithoutGate reports whether the error only says that the gate can't be read, and logs that.
// No invitation is sent then. What is none needs no turn, and goes on.
func (j *job) goesOnWithoutGate(ctx context.Context, err error) bool {
	if problem.CodeOf(err) != problem.RecordUnreadable {
		return false
	}
	j.log.ErrorContext(ctx, LogUnreadable, "error", err)
	return true
}

// setAside lets the request of a message wait because of something that can't be read, and logs it.
// What only the message knows is kept: a withdrawal in the columns of the record, a submission or a
// wish for another mail in the message itself, which comes back for some days and is then a dead
// letter. After an error the message must come again.
func (w *Worker) setAside(
	ctx context.Context, messageID string, message submission.Message, cause error,
) error {
	w.config.Log.ErrorContext(ctx, LogUnreadable, "request", message.ID, "error", cause)
	r, err := w.config.Store.Load(ctx, message.ID)
	if err == nil {
		return w.awaitReadable(ctx, messageID, message, r, cause)
	}
	if problem.CodeOf(err) != problem.RecordUnreadable {
		return fmt.Errorf("loading request %s: %w", message.ID, err)
	}
	err = w.rest(ctx, message.ID)
	switch {
	case err != nil:
		return err
	case message.Kind == submission.Withdraw:
		wish := request.Instruction{At: w.config.Now(), By: request.ThePartner}
		err = w.config.Store.EraseUnreadable(ctx, message.ID, request.Erasure{Wish: wish})
		if err != nil {
			return fmt.Errorf("noting the withdrawal of request %s: %w", message.ID, err)
		}
		return nil
	case message.Kind != submission.Advance || message.Submission != nil:
		return w.putBackForDays(ctx, messageID, message)
	}
	return nil
}

// rest lets a request come up again after the rest. If it is parked, its entry no longer says so:
// upkeep would resume it each time in place of one that can go on.
func (w *Worker) rest(ctx context.Context, id submission.ID) error {
	err := w.config.Store.Wait(ctx, id, w.config.Now().Add(unreadableRest))
	if err != nil {
		return fmt.Errorf("writing the due entry of request %s: %w", id, err)
	}
	return nil
}

// awaitReadable lets a request wait that can be read, and needs something else that can't: the
// claim on its address, the gate, the counters of its row, or the request that owns the address.
func (w *Worker) awaitReadable(ctx context.Context, messageID string, message submission.Message,
	r request.Request, cause error,
) error {
	err := w.rest(ctx, r.ID)
	if err != nil {
		return err
	}
	if message.Kind == submission.Resend && !r.Resend.Open() {
		return w.putBackForDays(ctx, messageID, message)
	}
	if r.AtRest() {
		return nil
	}
	j := w.newJob(r)
	j.Request.Due = w.config.Now().Add(unreadableRest)
	detail := "it waits, since something that it needs can't be read: " + problem.From(cause).Error()
	if r.Reason != detail {
		j.Request.Reason = detail
		j.Record("unreadable", detail)
	}
	err = j.save(ctx)
	if problem.CodeOf(err) == problem.Conflict {
		return nil // somebody else works on it, and the due entry is there
	}
	return err
}
