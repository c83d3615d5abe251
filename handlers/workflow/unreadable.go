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

// goesOnWithoutGate reports whether the error only says that the gate can't be read or written, and
// logs that. No invitation is sent while that lasts. Whatever else the request tries needs no turn
// and goes on, and what came of it is stored with the request.
func (j *job) goesOnWithoutGate(ctx context.Context, err error) bool {
	switch code := problem.CodeOf(err); {
	case code == problem.RecordUnreadable:
		j.log.ErrorContext(ctx, LogUnreadable, "error", err)
		return true
	case code == problem.StorageUnavailable && ctx.Err() == nil:
		j.log.WarnContext(ctx, "the request goes on although the gate can't be reached", "error", err)
		return true
	}
	return false
}

// setAside lets the request of a message wait because of something that can't be read, and logs it.
// What only the message knows is kept: a withdrawal, or a wish for another mail, in the columns of
// the record, and a submission as a dead letter. Nothing goes back to the queue, where messages
// that can't be deleted would multiply as long as that lasts. After an error the message must come
// again.
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
	return w.setRecordAside(ctx, message)
}

// setRecordAside does that for a request whose record can't be read.
func (w *Worker) setRecordAside(ctx context.Context, message submission.Message) error {
	_, err := w.rest(ctx, message.ID)
	wish := request.Instruction{At: w.config.Now(), By: request.ThePartner}
	var erasure request.Erasure
	switch {
	case err != nil:
		return err
	case message.Kind == submission.Withdraw:
		erasure.Wish = wish
	case message.Kind == submission.Resend:
		erasure.Mail = wish
	case message.Submission != nil:
		return w.keepSubmission(ctx, message)
	default:
		return nil
	}
	err = w.config.Store.EraseUnreadable(ctx, message.ID, erasure)
	if err != nil {
		return fmt.Errorf("noting the %s of request %s: %w", message.Kind, message.ID, err)
	}
	if erasure.Wish.Open() {
		return w.dropAbout(ctx, message.ID)
	}
	return nil
}

// rest lets a request come up again after the rest, and returns when. If it is parked, its entry no
// longer says so: upkeep would resume it each time in place of one that can go on.
func (w *Worker) rest(ctx context.Context, id submission.ID) (due time.Time, err error) {
	due = w.config.Now().Add(unreadableRest)
	err = w.config.Store.Wait(ctx, id, due)
	if err != nil {
		return due, fmt.Errorf("writing the due entry of request %s: %w", id, err)
	}
	return due, nil
}

// keepSubmission keeps a submission whose record can't be read, once: a person who can't repair the
// record may delete it, and replay the submission. A record that is to be erased needs none.
func (w *Worker) keepSubmission(ctx context.Context, message submission.Message) error {
	body, err := submission.Message{ID: message.ID, Submission: message.Submission}.Encode()
	if err != nil {
		return err
	}
	return w.keepAbout(ctx, message.ID, submission.Queue, "", body, problem.New(problem.RecordUnreadable,
		"the record of request %s can't be read; replay its submission if the record is deleted", message.ID))
}

// keepAbout is Keep for a message about a request, unless that is to be erased: the message may have
// words of somebody. If nobody can tell, it is kept: a message must not be lost.
func (w *Worker) keepAbout(
	ctx context.Context, id submission.ID, queue, messageID string, body []byte, why error,
) error {
	erasing, err := w.erasing(ctx, id)
	if err == nil && erasing {
		return nil
	}
	err = w.Keep(ctx, queue, messageID, body, why)
	if err != nil {
		return err
	}
	// Who erases notes that first, and then drops what is kept. So one of the two finds the letter.
	erasing, err = w.erasing(ctx, id)
	if err != nil || !erasing {
		return err
	}
	return w.dropAbout(ctx, id)
}

// erasing reports whether the request is to be erased, or is, also if its record can't be read. The
// id may be empty, for none.
func (w *Worker) erasing(ctx context.Context, id submission.ID) (bool, error) {
	if id == "" {
		return false, nil
	}
	outline, err := w.config.Store.Outline(ctx, id)
	if problem.CodeOf(err) == problem.NotFound {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking whether request %s is to be erased: %w", id, err)
	}
	return outline.Erasing(), nil
}

// dropAbout forgets the dead letters about a request.
func (w *Worker) dropAbout(ctx context.Context, id submission.ID) error {
	_, err := request.DropDeadLetters(ctx, w.config.DeadLetters, func(letter request.DeadLetter) bool {
		return letter.About(id)
	})
	return err
}

// awaitReadable lets a request wait that can be read, and needs something else that can't: the
// claim on its address, the gate, the counters of its row, or the request that owns the address.
func (w *Worker) awaitReadable(ctx context.Context, messageID string, message submission.Message,
	r request.Request, cause error,
) error {
	due, err := w.rest(ctx, r.ID)
	if err != nil {
		return err
	}
	if message.Kind == submission.Resend && !r.Resend.Open() {
		return w.putBackForDays(ctx, messageID, message)
	}
	if r.AtRest() && message.Kind == submission.Prove {
		return cause // it needs the record alone, which can be read again: it counts when it comes again
	}
	if r.AtRest() {
		return nil
	}
	j := w.newJob(r)
	j.Request.Due = due
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
