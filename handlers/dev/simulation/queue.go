package simulation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// The rules of a queue behind the Functions host: those of host.json and of the host itself.
const (
	maxDequeueCount   = 5
	retryDelay        = 30 * time.Second // visibilityTimeout of host.json
	invisibility      = 10 * time.Minute // of a received message whose host is gone
	functionTimeout   = 2 * time.Minute  // after it the host kills the handler
	callsPerInstance  = 3
	poisonNotFoundFor = 10 * time.Minute // a poison queue's own failed message stays invisible so long
)

// A message lies on a queue, or is in somebody's hands, until it is deleted.
type message struct {
	number int
	submission.Message
	poison    bool
	visible   time.Time
	dequeued  int
	receipt   int
	held      *call // who works on it by the latest receipt
	forgetful bool  // its invisibility will not be renewed
}

// put lays a message on a queue.
func (r *run) put(content submission.Message, poison bool, visible time.Time) {
	r.messages = append(r.messages, &message{number: len(r.messages) + 1 + r.deleted, Message: content, poison: poison, visible: visible})
}

// outbox gathers what upkeep enqueues. As behind the host, it is sent only if upkeep comes to its end.
type outbox []submission.Message

var _ workflow.Queue = (*outbox)(nil)

// Enqueue is invite.Queue's.
func (o *outbox) Enqueue(_ context.Context, encoded []byte) error {
	message, err := submission.DecodeMessage(encoded)
	if err != nil {
		return err
	}
	*o = append(*o, message)
	return nil
}

// deliver hands a visible message to an instance.
func (r *run) deliver(m *message, on *instance) {
	m.dequeued++
	m.receipt++
	receipt := m.receipt
	m.visible = r.now.Add(invisibility)
	m.forgetful = r.misfortune(40)
	if m.dequeued > maxDequeueCount && !m.poison {
		r.toPoison(m)
		return
	}
	if r.meddling && r.recorded[m.ID].AtRest() && r.chance(3) {
		r.plan(r.now, func() { r.actOn(m.ID) })
	}
	name := fmt.Sprintf("message %d of %s", m.number, r.nameOf(m.ID))
	if m.Kind != submission.Advance {
		name = string(m.Kind) + " " + name
	}
	body := func() error { return on.machine.Advance(r.context, m.Message) }
	if m.poison {
		name = "poison " + name
		body = func() error {
			encoded, err := m.Encode()
			if err != nil {
				return err
			}
			return on.machine.Poisoned(r.context, strconv.Itoa(m.number), encoded)
		}
	}
	r.start(on, name, m.ID, body, func(result error) {
		if result == nil {
			r.acknowledge(m, receipt)
			return
		}
		r.judgeFailure(name, result)
		r.failed(m, receipt)
	}, func() {
		// Mostly only the handler died, and the host sees it; else nobody does until the message shows up again.
		if r.chance(2) {
			r.failed(m, receipt)
		} else if m.receipt == receipt {
			m.held = nil
		}
	})
	m.held = r.running[len(r.running)-1]
}

// acknowledge deletes a message after its function succeeded. By an old receipt, or by a call that fails, it does not.
func (r *run) acknowledge(m *message, receipt int) {
	if m.receipt != receipt {
		return
	}
	m.held = nil
	r.wantWished(m)
	if r.misfortune(30) {
		r.note(fmt.Sprintf("message %d is not deleted and comes again", m.number))
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
	case m.poison:
		m.visible = r.now.Add(poisonNotFoundFor)
	case m.dequeued >= maxDequeueCount:
		r.toPoison(m)
	default:
		m.visible = r.now.Add(retryDelay)
	}
}

// toPoison copies a message to the poison queue and deletes it, in two steps.
func (r *run) toPoison(m *message) {
	r.note(fmt.Sprintf("message %d becomes poison", m.number))
	r.poisoned[m.ID] = true
	r.counts.Poisoned++
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
	if r.tracing {
		r.note(fmt.Sprintf("message %d is deleted", m.number))
	}
	r.wantAccounted(m.ID)
}

// renew keeps the messages that are being worked on invisible.
func (r *run) renew() {
	for _, m := range r.messages {
		if m.held != nil && !m.forgetful && !m.visible.After(r.now) {
			m.visible = r.now.Add(invisibility)
		}
	}
}
