package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// troubleLimit is how long a request, or a message, may be in trouble before a person has to look
// at it. No number of failures ends one: they come from the surroundings, as far as anybody knows.
const troubleLimit = 3 * 24 * time.Hour

// leastTroubles is how often it must have been in trouble in that time. Nothing is tried while the
// queues are gone, or the app is stopped, and that may take days.
const leastTroubles = 5

// GiveUp takes a message that failed as often as the host tries one. It lets what the message asks
// for be tried again, after a growing delay: by a due entry of the request, or, as long as that
// can't be written, by the message itself, which goes back to the queue. After three days in a row
// the request fails, with all that was submitted, so that a person can retry it; an instruction
// that can't be recorded is kept as a dead letter, and so is a message that is not ours at once.
//
// After nil the message may be forgotten. After an error, when neither the tables nor the queue
// took anything, it must come again.
func (w *Worker) GiveUp(ctx context.Context, messageID string, body []byte) error {
	message, err := submission.DecodeMessage(body)
	if err != nil {
		return w.keepForeign(ctx, submission.Queue, messageID, body, err)
	}
	w.config.Log.ErrorContext(ctx, LogPoisoned, "request", message.ID, "message", messageID)
	began := w.config.Now()
	err = w.settle(ctx, message)
	for tries := 1; err != nil && tries < settleTries && w.config.Now().Sub(began) < settleTime; tries++ {
		sleepErr := w.config.Sleep(ctx, shortWait)
		if sleepErr != nil {
			break
		}
		err = w.settle(ctx, message)
	}
	switch {
	case err == nil:
		return nil
	case message.Kind == submission.Prove && !message.Returned.IsZero() &&
		w.config.Now().Sub(message.Returned) >= request.ProofTime:
		w.config.Log.WarnContext(ctx, "a code that was typed could not be looked at in time", "request", message.ID)
		return nil
	case message.Kind != submission.Advance:
		// Repeating an instruction does no harm.
		return w.putBackForDays(ctx, messageID, message)
	}
	w.config.Log.WarnContext(ctx, "a request in trouble can't be recorded", "request", message.ID,
		"code", problem.CodeOf(err), "error", err)
	if !message.Due.IsZero() {
		return nil // the due entry that brought the message is still there
	}
	return w.putBack(ctx, message)
}

// How often, and for how long, it is tried to settle a message before it is put back. Where storage
// fails half of the time, a message that can't be deleted is put back again and again, and each
// copy becomes a dead letter itself. So most must be settled at once.
const (
	settleTries = 5
	settleTime  = 30 * time.Second
)

// settle stores what the message asks for, so that the message is not needed any more.
func (w *Worker) settle(ctx context.Context, message submission.Message) error {
	r, err := w.config.Store.Load(ctx, message.ID)
	switch code := problem.CodeOf(err); {
	case code == problem.NotFound && message.Kind == submission.Advance && message.Submission == nil:
		w.config.Log.WarnContext(ctx, "a message failed too often, and its request is not recorded; nothing to do", "request", message.ID)
		return nil
	case code == problem.NotFound && message.Kind == submission.Advance:
		return w.recordTroubled(ctx, message)
	case code == problem.NotFound && !mayPrecede(message, w.config.Now()):
		// Anybody can make up an id, so its wish must not stay as a dead letter.
		w.config.Log.WarnContext(ctx, "the wish of a request that is not recorded failed too often; nothing to do", "request", message.ID)
		return nil
	case code == problem.RecordUnreadable:
		w.config.Log.ErrorContext(ctx, LogUnreadable, "request", message.ID, "error", err)
		return w.setRecordAside(ctx, message)
	case err != nil:
		return fmt.Errorf("loading request %s: %w", message.ID, err)
	case message.Kind != submission.Advance:
		return w.settleWish(ctx, r, message)
	case r.State == request.Void:
		return w.advanceVoid(ctx, r, message)
	case !r.AtRest():
		return w.delayTroubled(ctx, r)
	}
	return w.mendReview(ctx, r)
}

// settleWish records a wish that changes anything, and makes its request due. The due entry goes
// first, and may turn out to be needless.
func (w *Worker) settleWish(ctx context.Context, r request.Request, message submission.Message) error {
	if message.Kind == submission.Prove && r.State != request.Proving {
		return w.newJob(r).record(ctx, message)
	}
	err := w.bringBack(ctx, r.ID, w.config.IntentLease)
	if err != nil {
		return err
	}
	return w.newJob(r).record(ctx, message)
}

// recordTroubled records a request that is only in its message, and makes it due.
func (w *Worker) recordTroubled(ctx context.Context, message submission.Message) error {
	now := w.config.Now()
	j := w.newJob(request.Request{
		ID: message.ID, Submission: *message.Submission, State: request.Received, Since: now, Created: now,
	})
	j.transition(request.Received, "received", "the submission was taken from the poison queue")
	err := j.save(ctx)
	if err != nil {
		return fmt.Errorf("recording request %s: %w", message.ID, err)
	}
	return j.delay(ctx, troubled.after(0, 0))
}

// delayTroubled makes a request due that has work to do, later each time in a row. Once it has been
// in trouble for too long, it fails.
func (w *Worker) delayTroubled(ctx context.Context, r request.Request) error {
	j := w.newJob(r)
	history, err := w.config.Store.History(ctx, r.ID)
	if err != nil {
		w.config.Log.WarnContext(ctx, "the history of a request in trouble can't be read", "request", r.ID, "error", err)
		return j.delay(ctx, troubled.after(len(troubled), 0))
	}
	n, since := troubles(history)
	if n < leastTroubles || r.State.Ended() || w.config.Now().Sub(since) < troubleLimit {
		return j.delay(ctx, troubled.after(n, 0))
	}
	// A message that finds the request failed gives back what it holds.
	err = w.bringBack(ctx, r.ID, w.config.IntentLease)
	if err != nil {
		return err
	}
	j.transition(request.Failed, "poisoned", "its messages failed for days; the log tells why. "+
		"Once the cause is gone, take the request up again")
	_, err = j.finish(ctx)
	return err
}

// troubledEvent is the event of each time that a message of the request failed too often.
const troubledEvent = "troubled"

// troubles returns how often a request was in trouble since anything else happened to it, and when
// first.
func troubles(history []request.Event) (n int, since time.Time) {
	for _, event := range slices.Backward(history) {
		if event.What != troubledEvent {
			break
		}
		n, since = n+1, event.At
	}
	return n, since
}

// delay makes a request in trouble due after d, or when it was due anyway if that is later, and
// records that. A due entry, new or old, is enough.
func (j *job) delay(ctx context.Context, d time.Duration) error {
	due := j.config.Now().Add(j.config.Jitter(d))
	if j.Request.Due.After(due) {
		due = j.Request.Due
	}
	err := j.writeDue(ctx, due)
	if err != nil && j.Request.Due.IsZero() {
		return fmt.Errorf("writing the due entry of request %s: %w", j.Request.ID, err)
	}
	if err == nil && !j.Request.State.Ended() {
		j.Request.Due = due
	}
	j.Record(troubledEvent, "its message failed as often as the host tries one; the log tells why. It is tried again later")
	err = j.save(ctx)
	if err != nil && problem.CodeOf(err) != problem.Conflict { // somebody else works on it
		j.log.WarnContext(ctx, "a request in trouble can't be recorded", "code", problem.CodeOf(err), "error", err)
	}
	return nil
}

// bringBack makes a request due after d.
func (w *Worker) bringBack(ctx context.Context, id submission.ID, d time.Duration) error {
	err := w.config.Store.Postpone(ctx, id, w.config.Now().Add(d))
	if err != nil {
		return fmt.Errorf("writing the due entry of request %s: %w", id, err)
	}
	return nil
}

// putBackForDays is putBack, but after days of coming back the message is kept as a dead letter. If
// it can't be kept, it goes on coming back.
func (w *Worker) putBackForDays(ctx context.Context, messageID string, message submission.Message) error {
	if message.Returns < leastTroubles || w.config.Now().Sub(message.Returned) < troubleLimit {
		return w.putBack(ctx, message)
	}
	if message.Kind == submission.Withdraw && w.forgetVoid(ctx, message.ID) != nil {
		return w.putBack(ctx, message)
	}
	body, err := message.Encode()
	if err != nil {
		return err
	}
	what := "message"
	if message.Kind != submission.Advance {
		what = string(message.Kind)
	}
	err = w.Keep(ctx, submission.Queue, messageID, body, problem.New(problem.Internal,
		"the %s of request %s failed for days; replay it once the cause is gone", what, message.ID))
	if err != nil {
		return w.putBack(ctx, message)
	}
	return nil
}

// putBack puts a message on the queue again, with a longer delay each time.
func (w *Worker) putBack(ctx context.Context, message submission.Message) error {
	returns := message.Returns
	delay := w.config.Jitter(troubled.after(returns, 0))
	message.Returns = onceMore(returns)
	if message.Returned.IsZero() {
		message.Returned = w.config.Now()
	}
	body, err := message.Encode()
	if err != nil {
		return err
	}
	message.Returns, message.Returned = 0, time.Time{}
	plain, err := message.Encode()
	if err != nil {
		return err
	}
	err = w.putAgain(ctx, submission.Queue, plain, body, returns, delay)
	if err != nil {
		return fmt.Errorf("putting the message of request %s back on the queue: %w", message.ID, err)
	}
	return nil
}

// keepForeign keeps a message of the queue that is not ours. While the tables can't be written, it
// puts a copy on the poison queue, because the host gives up on an old message.
func (w *Worker) keepForeign(ctx context.Context, queue, messageID string, body []byte, why error) error {
	err := w.Keep(ctx, queue, messageID, body, why)
	if err == nil {
		return nil
	}
	w.config.Log.WarnContext(ctx, "a message can't be kept", "message", messageID, "code", problem.CodeOf(err), "error", err)
	err = w.config.Queues.Put(ctx, queue+submission.PoisonSuffix, body, w.config.Jitter(foreignDelay))
	if err != nil {
		return fmt.Errorf("putting a message back on the queue: %w", err)
	}
	return nil
}

// foreignDelay is how long a message that is not ours waits until it is tried to keep it again: it
// can't say how often that was.
const foreignDelay = 15 * time.Minute

// Keep stores a message that can't be understood as a dead letter, with the queue that it came
// from. The text of why must quote nothing of the message. After nil the message may be deleted:
// another attempt would fail in the same way.
//
// A message without the host's id goes by its content, so that another one is not taken for it.
func (w *Worker) Keep(ctx context.Context, queue, messageID string, body []byte, why error) error {
	if messageID == "" {
		sum := sha256.Sum256(body)
		messageID = "sha256-" + hex.EncodeToString(sum[:])
	}
	letter := request.DeadLetter{ID: messageID, Queue: queue, At: w.config.Now(), Body: body, Why: why.Error()}
	err := w.config.DeadLetters.KeepDeadLetter(ctx, letter)
	if err != nil {
		return fmt.Errorf("keeping a dead letter: %w", err)
	}
	w.config.Log.ErrorContext(ctx, LogKept, "message", messageID, "error", why)
	return nil
}
