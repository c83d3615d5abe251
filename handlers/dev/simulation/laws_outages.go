package simulation

import (
	"log/slog"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// troubleLimit is for how long in a row the messages of a request must have failed before it may
// fail for that. It is the workflow's, less what the first message took to fail.
const troubleLimit = 3 * 24 * time.Hour

// savedTrouble checks a request that was stored, with these events, because its message failed as
// often as the host tries one.
func (r *run) savedTrouble(by *call, before, after request.Request, events []request.Event) {
	id := after.ID
	for _, event := range events {
		switch event.What {
		case "troubled":
			n := r.troubles[id]
			r.troubles[id]++
			if _, known := r.deadSince[id]; !known {
				r.deadSince[id] = r.now // what was recorded together with it was no recovery
			}
			if after.State.Ended() || after.Due.Equal(before.Due) {
				break // the due entry tells nothing of it
			}
			// The call took some time since it chose the delay.
			delay := after.Due.Sub(by.on.clock(r.now))
			if delay < delayAfter(n)-troubledSave || delay > longestDelay {
				r.breach(lawDelays, "%s is in trouble for the %dth time in a row, and due after %s",
					r.nameOf(id), n+1, delay)
			}
		case "poisoned":
			since, troubled := r.deadSince[id]
			if !troubled || r.now.Sub(since) < troubleLimit && !r.skewed() {
				r.breach(lawOutage, "%s fails since its messages failed since %s", r.nameOf(id), since)
			}
			r.exhausted[id] = true
		default:
			delete(r.deadSince, id)
			delete(r.troubles, id)
		}
	}
}

// The shortest delays of what is put back, the longest one, and how long a call may take to save
// one.
var shortestDelays = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

const (
	longestDelay = 72 * time.Minute
	troubledSave = 2 * time.Minute
)

// delayAfter returns the shortest delay of what was put back n times before.
func delayAfter(n int) time.Duration { return shortestDelays[min(n, len(shortestDelays)-1)] }

// wantPutBack checks a message that a call puts back on the queue.
func (r *run) wantPutBack(by *call, m submission.Message, delay time.Duration) {
	switch {
	case m.Returns != by.returns+1:
		r.breach(lawDelays, "a message of %s that came back %d times says %d",
			r.nameOf(m.ID), by.returns+1, m.Returns)
	case delay < delayAfter(by.returns), delay > longestDelay:
		r.breach(lawDelays, "a message of %s comes back for the %dth time after %s",
			r.nameOf(m.ID), m.Returns, delay)
	}
}

// mostCopies is the most messages that ask to advance one request at a time. One that a killed host
// hides for ten minutes is enqueued again every minute or two. While every second operation on the
// queues and the tables fails, a dead letter that was put back and can't be deleted is put back
// anew ten minutes later, and each copy becomes a dead letter itself. Most are settled at once, so
// that the copies die out sooner than they multiply.
const mostCopies = 40

// wantFewCopies checks the number of messages of a request that was just enqueued.
func (r *run) wantFewCopies(id submission.ID) {
	n := 0
	for _, m := range r.messages {
		if m.ID == id && m.Kind == submission.Advance {
			n++
		}
	}
	if n > mostCopies {
		r.breach(lawCopies, "%s has %d messages", r.nameOf(id), n)
	}
}

// upkeepRun is what a run of upkeep has done.
type upkeepRun struct {
	box    outbox
	gate   bool // it has read the gate
	listed bool // it has listed what is due, and began with that at that time
	at     time.Time
	due    int            // how many requests that were
	failed map[string]int // operations on storage, by their names
	before int            // how many of all had failed when the sweep began
	// sweptFrom is since when the round has looked at requests that it goes on with.
	sweptFrom int
}

// operated keeps what became of an operation of upkeep.
func (u *upkeepRun) operated(op string, err error) {
	switch {
	// Somebody else has changed it meanwhile, or the answer to the first attempt was lost.
	case problem.CodeOf(err) == problem.Conflict, problem.CodeOf(err) == problem.NotFound:
	case problem.CodeOf(err) == problem.RecordUnreadable: // it was read, and can't be understood
	case err != nil:
		if u.failed == nil {
			u.failed = map[string]int{}
		}
		u.failed[op]++
	case op == "Gate":
		u.gate = true
	case op == "Sweep":
		u.before = u.failures() // what failed before is about others
	}
}

// failures is how many operations have failed.
func (u *upkeepRun) failures() (n int) {
	for _, failed := range u.failed {
		n += failed
	}
	return n
}

// enqueuingTime is after how long a run may leave what is due to the next one.
const enqueuingTime = 30 * time.Second

// heartbeat checks a line of the log that says that a part of upkeep is done.
func (r *run) heartbeat(record slog.Record) {
	by := r.current
	if by == nil || by.upkeep == nil {
		r.breach(lawHeartbeat, "%q is logged, and no upkeep runs", record.Message)
		return
	}
	number := map[string]int{}
	record.Attrs(func(attr slog.Attr) bool {
		number[attr.Key] = int(attr.Value.Int64())
		return true
	})
	u := by.upkeep
	switch record.Message {
	case workflow.LogQueues:
		for _, m := range r.messages {
			if m.decision != nil {
				continue
			}
			if m.dead {
				number["poison"]--
			} else {
				number["signups"]--
			}
		}
		if number["poison"] != 0 || number["signups"] != 0 {
			r.breach(lawHeartbeat, "the queues were counted, and differ by %v", number)
		}
	case workflow.LogUpkeep:
		enqueued := len(u.box)
		some := enqueued > 0 && r.now.Sub(u.at) >= enqueuingTime
		switch {
		case !u.listed, !u.gate, u.failed["Parked"]+u.failed["Wait"]+u.failed["Postpone"]+u.failed["Due"] > 0:
			r.breach(lawHeartbeat, "upkeep is done, and failed: %v", u.failed)
		case number["due"] != enqueued, enqueued < u.due && !some:
			r.breach(lawHeartbeat, "upkeep is done with %d, of %d due requests %d were enqueued",
				number["due"], u.due, enqueued)
		}
	case workflow.LogSwept:
		if u.failures() > u.before {
			r.breach(lawHeartbeat, "the sweep is done, and failed: %v", u.failed)
		}
	}
}

// needless reports whether a wish for a mail is none: there is no mail to send, or the partner has
// asked for it lately.
func (r *run) needless(m *message, record request.Request) bool {
	asked := r.now.Sub(record.MailAsked).Abs() < request.MailRest+time.Minute ||
		!m.Returned.IsZero() && m.Returned.Sub(record.MailAsked) < request.MailRest
	return asked || r.skewed() || record.NoMail() != "" || !record.State.Ended() ||
		record.Withdrawal.Open()
}

// wantGivenUp checks that a wish is stored, or kept, before its dead letter is deleted.
func (r *run) wantGivenUp(m *message, by *call) {
	if !m.dead || m.Kind == submission.Advance || m.Kind == decisionKind {
		return // wantAccounted checks sign-ups
	}
	if r.madeUp[m.ID] {
		return
	}
	if m.Kind == submission.Prove {
		r.wantCodeKept(m, by)
		return
	}
	record := r.recorded[m.ID]
	wish := record.Resend
	if m.Kind == submission.Withdraw || record.Withdrawal.Open() { // which leaves no mail to send
		wish = record.Withdrawal
	} else if r.needless(m, record) || by.has.State != "" && r.needless(m, by.has) {
		return // now, or when the call looked
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
