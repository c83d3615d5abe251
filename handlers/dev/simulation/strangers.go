package simulation

import (
	"errors"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// planMadeUp plans wishes from ids that no submission has: made up, of the time before ids were
// signed, or issued by the form and never submitted, or submitted only after the wish.
func (r *run) planMadeUp() {
	for range 1 + r.random.IntN(4) {
		r.plan(r.now.Add(r.soon(6*time.Hour)), r.wishOfStranger)
	}
}

// wishOfStranger puts wishes for a made-up id on the queue.
func (r *run) wishOfStranger() {
	key, ofKey := submission.NewIDKey("the key of the form")
	issued := r.now.Add(-pick(r.random, 0, time.Minute, time.Hour, 20*24*time.Hour))
	id, ofID := key.NewID(issued, source{r.random})
	signed := !r.chance(3)
	if !signed {
		id, ofID = submission.NewID(issued, source{r.random})
	}
	if err := errors.Join(ofKey, ofID); err != nil {
		r.breach(lawInternal, "no id: %v", err)
		return
	}
	r.madeUp[id], r.withdrawn[id] = true, true
	r.happened("a stranger makes up an id, signed: %t, issued: %s", signed, issued)
	wishes := 1 + r.random.IntN(3)
	for range wishes {
		kind := pick(r.random, submission.Withdraw, submission.Withdraw, submission.Resend)
		r.plan(r.now.Add(r.soon(time.Hour)), func() {
			if r.isGone(queueService) {
				return
			}
			r.put(submission.Message{ID: id, Kind: kind}, false, r.now.Add(r.lateness()))
		})
	}
	if signed && r.now.Sub(issued) < submission.MessageLifetime/2 && r.chance(3) {
		r.plan(r.now.Add(r.soon(24*time.Hour)), func() {
			if r.isGone(queueService) {
				return
			}
			delete(r.madeUp, id)
			r.enqueueAs(id, pick(r.random, addresses[trusted]...))
			r.asked[r.address[id]] += wishes // that may come after it
		})
	}
}

// mayLeaveMark reports whether a withdrawal of the id may come before its submission.
func (r *run) mayLeaveMark(id submission.ID) bool {
	return id.HasSignature() && (r.skewed() || r.now.Sub(id.Issued()) < submission.MessageLifetime+time.Hour)
}

// savedMark checks what is stored for an id that no submission has.
func (r *run) savedMark(after request.Request) {
	switch {
	case !r.mayLeaveMark(after.ID):
		r.breach(lawVoid, "a request is stored for an id that was not issued")
	case after.State != request.Void || after.Events > 0 ||
		after.Submission != (submission.Submission{}):
		r.breach(lawVoid, "more than a mark is stored for an id that nobody submitted: %s, %d events",
			after.State, after.Events)
	}
}

// judgeMarks checks what is left for ids that no submission has, once all is at rest.
func (r *run) judgeMarks() {
	for id := range r.madeUp {
		_, recorded := r.recorded[id]
		_, waits := r.dues[id]
		if recorded || waits {
			r.breach(lawVoid, "something is left for an id that nobody submitted: record %t, due entry %t",
				recorded, waits)
		}
	}
}
