package simulation

import (
	"slices"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// troubleLimit is for how long in a row the messages of a request must have failed before it may
// fail for that. It is the workflow's, less what the first message took to fail.
const troubleLimit = 3 * 24 * time.Hour

// savedTrouble checks a request that was stored, with these events, because its message failed as
// often as the host tries one.
func (r *run) savedTrouble(after request.Request, events []request.Event) {
	id := after.ID
	for _, event := range events {
		switch event.What {
		case "troubled":
		case "poisoned":
			since, troubled := r.deadSince[id]
			if !troubled || r.now.Sub(since) < troubleLimit && !r.skewed() {
				r.breach(lawOutage, "%s fails since its messages failed since %s", r.nameOf(id), since)
			}
			r.exhausted[id] = true
		default:
			delete(r.deadSince, id)
		}
	}
}

// wantGivenUp checks that a wish is stored, or kept, before its dead letter is deleted.
func (r *run) wantGivenUp(m *message) {
	if !m.dead || m.Kind == submission.Advance {
		return // wantAccounted checks sign-ups
	}
	record := r.recorded[m.ID]
	wish := record.Resend
	if m.Kind == submission.Withdraw {
		wish = record.Withdrawal
	}
	if wish.Open() || !record.Erased.IsZero() || slices.ContainsFunc(r.messages, func(o *message) bool {
		return o != m && o.ID == m.ID && o.Kind == m.Kind
	}) {
		return
	}
	kept, err := r.memory.AllDeadLetters(r.context)
	if err != nil || !slices.ContainsFunc(kept, func(letter request.DeadLetter) bool {
		message, err := submission.DecodeMessage(letter.Body)
		return err == nil && message.ID == m.ID && message.Kind == m.Kind
	}) {
		r.breach(lawGivenUp, "a %s of %s is given up, and neither stored nor kept", m.Kind, r.nameOf(m.ID))
	}
}
