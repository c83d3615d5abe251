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

// Poisoned records what becomes of a message that failed too often: its request failed, with all that was submitted, so that a person can
// take it up again. A message that is none of ours is kept for people to look at. An error means that the message must come again.
func (m *Worker) Poisoned(ctx context.Context, messageID string, body []byte) error {
	message, err := submission.DecodeMessage(body)
	if err != nil {
		return m.Keep(ctx, messageID, body, err)
	}
	m.config.Log.ErrorContext(ctx, LogPoisoned, "request", message.ID, "message", messageID)
	if message.Kind != submission.Advance {
		// What was wished is kept as a wish, and the request stands as it stood. If the wish was recorded, it is fulfilled all the same.
		r, err := m.config.Store.Load(ctx, message.ID)
		if err == nil {
			err = m.bringBack(ctx, r)
		}
		if err != nil && problem.CodeOf(err) != problem.NotFound {
			return fmt.Errorf("looking at what is wished of request %s: %w", message.ID, err)
		}
		return m.Keep(ctx, messageID, body, problem.New(problem.Internal, "the %s of request %s failed too often; replay it once the cause is gone", message.Kind, message.ID))
	}
	r, err := m.config.Store.Load(ctx, message.ID)
	switch {
	case err == nil:
		if r.State.Ended() {
			return m.bringBack(ctx, r)
		}
	case problem.CodeOf(err) != problem.NotFound:
		return fmt.Errorf("loading request %s: %w", message.ID, err)
	case message.Submission == nil:
		m.config.Log.WarnContext(ctx, "a message failed too often, and its request is not recorded; nothing to do", "request", message.ID)
		return nil
	default:
		now := m.config.Now()
		r = request.Request{ID: message.ID, Submission: *message.Submission, State: request.Received, Since: now, Created: now}
	}
	w := m.change(r)
	w.broughtBy = message.Due
	if r.Version == "" {
		w.transition(request.Received, "received", "the submission was taken from the poison queue")
	}
	w.transition(request.Failed, "poisoned", "its message failed too often; the log tells why. Once the cause is gone, take the request up again")
	err = m.bringBack(ctx, w.Request)
	if err != nil {
		return err
	}
	_, err = w.finish(ctx)
	return err
}

// bringBack notes that a request is due soon of which something is still wished that no message asks for any more.
func (m *Worker) bringBack(ctx context.Context, r request.Request) error {
	if r.AtRest() {
		return nil
	}
	err := m.config.Store.Wait(ctx, r.ID, m.config.Now().Add(m.config.IntentLease))
	if err != nil {
		return fmt.Errorf("noting when request %s is due: %w", r.ID, err)
	}
	return nil
}

// Keep keeps a message that makes no sense, so that a person can look at it; why says what is wrong with it and repeats nothing of it. Once it
// returns nil, the message may be forgotten: another attempt would find the same.
//
// A message of which the host did not say the id goes by what is in it: another one without must not pass for it.
func (m *Worker) Keep(ctx context.Context, messageID string, body []byte, why error) error {
	if messageID == "" {
		sum := sha256.Sum256(body)
		messageID = "sha256-" + hex.EncodeToString(sum[:])
	}
	err := m.config.Poison.KeepPoison(ctx, request.Poison{ID: messageID, At: m.config.Now(), Body: body, Why: why.Error()})
	if err != nil {
		return fmt.Errorf("keeping a message: %w", err)
	}
	m.config.Log.ErrorContext(ctx, LogKept, "message", messageID, "error", why)
	return nil
}
