package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// GiveUp records that a message failed too often. Its request fails, with all that was submitted,
// so that a person can retry it. A message that is not ours is kept as a dead letter. After an
// error the message must come again.
func (w *Worker) GiveUp(ctx context.Context, messageID string, body []byte) error {
	message, err := submission.DecodeMessage(body)
	if err != nil {
		return w.Keep(ctx, messageID, body, err)
	}
	w.config.Log.ErrorContext(ctx, LogPoisoned, "request", message.ID, "message", messageID)
	r, err := w.config.Store.Load(ctx, message.ID)
	unknown := problem.CodeOf(err) == problem.NotFound
	if err != nil && !unknown {
		return fmt.Errorf("loading request %s: %w", message.ID, err)
	}
	switch {
	case message.Kind != submission.Advance:
		// The instruction is kept, and the request stays as it is. A recorded instruction is carried out
		// all the same; a slow call may record it only now.
		if !unknown {
			err = w.bringBackSoon(ctx, r)
			if err != nil {
				return err
			}
		}
		return w.Keep(ctx, messageID, body, problem.New(problem.Internal,
			"the %s of request %s failed too often; replay it once the cause is gone", message.Kind, message.ID))
	case unknown && message.Submission == nil:
		w.config.Log.WarnContext(ctx, "a message failed too often, and its request is not recorded; nothing to do", "request", message.ID)
		return nil
	case !unknown && r.State.Ended():
		return w.bringBack(ctx, r)
	}
	if unknown {
		now := w.config.Now()
		r = request.Request{ID: message.ID, Submission: *message.Submission, State: request.Received, Since: now, Created: now}
	}
	j := w.newJob(r)
	j.broughtBy = message.Due
	if unknown {
		j.transition(request.Received, "received", "the submission was taken from the poison queue")
	}
	j.transition(request.Failed, "poisoned",
		"its message failed too often; the log tells why. Once the cause is gone, take the request up again")
	err = w.bringBack(ctx, j.Request)
	if err != nil {
		return err
	}
	_, err = j.finish(ctx)
	return err
}

// bringBack makes a request due that still has work to do and no message that asks for it.
func (w *Worker) bringBack(ctx context.Context, r request.Request) error {
	if r.AtRest() {
		return nil
	}
	return w.bringBackSoon(ctx, r)
}

// bringBackSoon makes a request due once calls that work on it now are over. One that is at rest
// then only loses its due entry again.
func (w *Worker) bringBackSoon(ctx context.Context, r request.Request) error {
	err := w.config.Store.Wait(ctx, r.ID, w.config.Now().Add(w.config.IntentLease))
	if err != nil {
		return fmt.Errorf("writing the due entry of request %s: %w", r.ID, err)
	}
	return nil
}

// Keep keeps a message that makes no sense as a dead letter; why says what is wrong with it and
// repeats nothing of it. After nil the message may be forgotten: another attempt would find the
// same.
//
// A message without the host's id goes by its content, so that another one is not taken for it.
func (w *Worker) Keep(ctx context.Context, messageID string, body []byte, why error) error {
	if messageID == "" {
		sum := sha256.Sum256(body)
		messageID = "sha256-" + hex.EncodeToString(sum[:])
	}
	letter := request.DeadLetter{ID: messageID, At: w.config.Now(), Body: body, Why: why.Error()}
	err := w.config.DeadLetters.KeepDeadLetter(ctx, letter)
	if err != nil {
		return fmt.Errorf("keeping a dead letter: %w", err)
	}
	w.config.Log.ErrorContext(ctx, LogKept, "message", messageID, "error", why)
	return nil
}
