package simulation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
)

// The rules of a queue behind the Functions host: those of host.json and of the host itself.
const (
	maxDequeueCount  = 5
	retryDelay       = 30 * time.Second // visibilityTimeout of host.json
	invisibility     = 10 * time.Minute // of a received message
	functionTimeout  = 2 * time.Minute  // after which the host kills the handler
	callsPerInstance = 3
	deadLetterRetry  = 10 * time.Minute // how long a failed dead letter stays invisible
)

// A message is on a queue until it is deleted, visible or not.
type message struct {
	number int
	submission.Message
	dead      bool // on the queue of dead letters
	visible   time.Time
	dequeued  int
	receipt   int
	held      *call // that works on it by the latest receipt
	forgetful bool  // its invisibility will not be renewed
	// passedOver says that the host calls no function for it any more.
	passedOver bool
	// decision is what a message of decisionKind has in place of its Message.
	decision request.DecisionMessage
}

// put puts a message on a queue.
func (r *run) put(content submission.Message, dead bool, visible time.Time) {
	r.messages = append(r.messages, &message{
		number: len(r.messages) + 1 + r.deleted, Message: content, dead: dead, visible: visible,
	})
	r.wantFewCopies(content.ID)
}

// outbox collects what upkeep enqueues. As behind the host, it is sent only if upkeep succeeds.
type outbox []submission.Message

// Enqueue implements [workflow.Queue].
func (o *outbox) Enqueue(_ context.Context, encoded []byte) error {
	message, err := submission.DecodeMessage(encoded)
	if err != nil {
		return err
	}
	*o = append(*o, message)
	return nil
}

// queues are the queues as a worker sees them, beside the outputs of its functions.
type queues struct{ *run }

// Put implements [request.Queues].
func (q queues) Put(_ context.Context, queue string, encoded []byte, delay time.Duration) error {
	if queue == request.DecisionsQueue {
		content, err := request.DecodeDecision(encoded)
		if err != nil {
			return err
		}
		q.current.putBack = true
		return store(q).do("Put", func() error {
			q.putDecision(content, false, q.now.Add(delay))
			return nil
		})
	}
	content, err := submission.DecodeMessage(encoded)
	if err != nil {
		return err
	}
	q.wantPutBack(q.current, content, delay)
	return store(q).do("Put", func() error {
		q.put(content, queue == submission.PoisonQueue, q.now.Add(delay))
		return nil
	})
}

// Length implements [request.Queues].
func (q queues) Length(_ context.Context, queue string) (n int, exists bool, err error) {
	if q.current.late || q.isGone(queueService) {
		return 0, false, errStorage
	}
	for _, m := range q.messages {
		if m.decision == nil && m.dead == (queue == submission.PoisonQueue) {
			n++
		}
	}
	return n, true, nil
}

// deliver hands a visible message to an instance.
func (r *run) deliver(m *message, on *instance) {
	m.dequeued++
	m.receipt++
	receipt := m.receipt
	m.visible = r.now.Add(invisibility)
	m.forgetful = r.misfortune(40)
	if m.dequeued > maxDequeueCount && !m.dead {
		r.toDeadLetters(m)
		return
	}
	if m.dead && m.dequeued > maxDequeueCount && r.passesOver {
		r.passOver(m)
		return
	}
	if r.meddling && r.recorded[m.ID].AtRest() && r.chance(3) {
		r.plan(r.now, func() { r.actOn(m.ID) })
	}
	name := fmt.Sprintf("message %d of %s", m.number, r.nameOf(m.ID))
	if m.Kind != submission.Advance {
		name = string(m.Kind) + " " + name
	}
	body := func() error { return on.worker.Advance(r.context, m.Message) }
	if m.dead {
		name = "dead letter " + name
		body = func() error {
			encoded, err := m.Encode()
			if err != nil {
				return err
			}
			return on.worker.GiveUp(r.context, strconv.Itoa(m.number), encoded)
		}
	}
	if m.decision != nil {
		body = func() error { return on.worker.Apply(r.context, strconv.Itoa(m.number), m.decision) }
		if m.dead {
			body = func() error {
				encoded, err := m.decision.Encode()
				if err != nil {
					return err
				}
				return on.worker.GiveUpDecision(r.context, strconv.Itoa(m.number), encoded)
			}
		}
	}
	var c *call
	c = r.start(on, name, m.ID, body, func(result error) {
		if result == nil {
			r.acknowledge(m, receipt, c)
			return
		}
		r.judgeFailure(name, result)
		r.failed(m, receipt)
	}, func() {
		// Either the host sees that the handler died, or it died as well and the message comes
		// back.
		if !r.hostDies && r.chance(2) {
			r.failed(m, receipt)
		} else if m.receipt == receipt {
			m.held = nil
		}
	})
	m.held = c
	c.kind, c.returns, c.code, c.deadLetter = m.Kind, m.Returns, m.Code, m.dead
	if order, is := m.decision.(request.Order); is && !m.dead {
		order.Returns = 0
		c.order = &order
	}
	record := r.recorded[m.ID]
	if !m.dead && record.AtRest() && (m.Kind == submission.Resend && record.NoMail() != "" ||
		m.Kind != submission.Advance && m.Kind != submission.Prove && m.decision == nil && !record.Erased.IsZero()) {
		c.idle = record.Version
	}
}

// acknowledge deletes a message whose function succeeded, unless the receipt is old or the call
// to the queue fails.
func (r *run) acknowledge(m *message, receipt int, by *call) {
	if m.receipt != receipt {
		return
	}
	m.held = nil
	r.wantInstruction(m)
	if m.Submission != nil && r.spoiling(memstore.Record{Request: m.ID}) != nil {
		r.unheard[m.ID] = true
	}
	switch content := m.decision.(type) {
	case request.CastBallot:
		if m.dead {
			r.wantVoteKept(content, m)
		}
	case request.Order:
		if m.dead {
			r.wantOrderKept(content, m)
		}
	}
	if m.decision != nil && !m.dead && !by.putBack {
		r.settled[decisionKey(m.decision)] = true
	}
	r.wantGivenUp(m, by)
	if r.isGone(queueService) || r.misfortune(30) {
		r.happened("message %d is not deleted and comes back", m.number)
		return
	}
	r.delete(m)
}

// failed is what the host does after a failure.
func (r *run) failed(m *message, receipt int) {
	if m.receipt != receipt {
		return
	}
	m.held = nil
	switch {
	case r.isGone(queueService): // it stays hidden as it was received
	case m.dead:
		m.visible = r.now.Add(deadLetterRetry)
	case m.dequeued >= maxDequeueCount:
		r.toDeadLetters(m)
	default:
		m.visible = r.now.Add(retryDelay)
	}
}

// toDeadLetters moves a message to the queue of dead letters, in two steps as the host does.
func (r *run) toDeadLetters(m *message) {
	if r.isGone(queueService) {
		r.happened("message %d can't be moved to the dead letters", m.number)
		return
	}
	r.happened("message %d becomes a dead letter", m.number)
	if m.decision != nil {
		r.putDecision(m.decision, true, r.now)
		if r.misfortune(10) {
			m.visible = r.now.Add(invisibility)
			return
		}
		r.delete(m)
		return
	}
	r.deadLettered[m.ID] = true
	if _, troubled := r.deadSince[m.ID]; !troubled {
		r.deadSince[m.ID] = r.now
	}
	r.counts.DeadLetters++
	r.put(m.Message, true, r.now)
	if r.misfortune(10) {
		m.visible = r.now.Add(invisibility)
		return
	}
	r.delete(m)
}

func (r *run) delete(m *message) {
	i := slices.Index(r.messages, m)
	r.messages = slices.Delete(r.messages, i, i+1)
	r.deleted++
	r.happened("message %d is deleted", m.number)
	r.wantAccounted(m.ID)
}

// renew keeps messages that are worked on invisible.
func (r *run) renew() {
	for _, m := range r.messages {
		if m.held != nil && !m.forgetful && !r.silent() && !m.visible.After(r.now) {
			m.visible = r.now.Add(invisibility)
		}
	}
}
