package functions

import (
	"bytes"
	"context"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// outputRules is how a function of one kind puts queue messages into its outputs.
type outputRules struct {
	reserved string // the name of an output that is not a queue, or ""
	array    bool   // even a single message is an array, so that every message passes in the same form
}

// QueueOutput is a queue output binding, by its case-sensitive name in function.json.
//
// A single message of an HTTP or queue function arrives on the queue byte for byte. Several
// messages of one invocation, and any message of a timer function, are sent as JSON objects,
// which the host re-formats: white space, numbers, and strings that look like dates may change.
type QueueOutput struct {
	Binding string
}

// Enqueue adds message to the outputs of the invocation that ctx belongs to. The message is not
// sent if the function fails, panics or responds with a 5xx. The caller may reuse the slice.
// Enqueue is safe for concurrent use.
//
// It fails with problem.BodyTooLarge if the message exceeds submission.MaxMessageBytes, also
// after the host has re-formatted it. It fails with problem.Internal if the message is empty, if
// ctx belongs to no running invocation, or if the message or the one before it is not a JSON
// object where it must be one. A message that is refused is not sent; those before it are.
func (q QueueOutput) Enqueue(ctx context.Context, message []byte) error {
	call := invocationOf(ctx)
	if call == nil {
		return problem.New(problem.Internal, "enqueueing to output %q outside of an invocation", q.Binding)
	}
	if q.Binding == "" || q.Binding == call.function.outputs.reserved {
		return problem.New(problem.Internal, "output %q of function %s is not a queue", q.Binding, call.function.name)
	}
	if len(message) == 0 {
		return problem.New(problem.Internal, "enqueueing an empty message to output %q", q.Binding)
	}
	if len(message) > submission.MaxMessageBytes {
		return problem.New(problem.BodyTooLarge, "a message of %d bytes for output %q, more than %d", len(message), q.Binding, submission.MaxMessageBytes)
	}

	call.mu.Lock()
	defer call.mu.Unlock()
	if call.ended {
		return problem.New(problem.Internal, "enqueueing to output %q after the invocation has ended", q.Binding)
	}
	output := call.output(q.Binding)
	before := output.messages
	if call.function.outputs.array || len(before) > 0 {
		err := checkElement(message)
		if err != nil {
			return problem.New(problem.CodeOf(err), "message %d for output %q: %w", len(before)+1, q.Binding, err)
		}
	}
	if !call.function.outputs.array && len(before) == 1 {
		// A single message may have been any bytes.
		err := checkElement(before[0])
		if err != nil {
			return problem.New(problem.CodeOf(err), "output %q can't take a second message because of the first: %w", q.Binding, err)
		}
	}
	output.messages = append(before, bytes.Clone(message))
	return nil
}

// output returns the output of the binding. It adds an empty one if there is none.
func (call *invocation) output(binding string) *queued {
	i := slices.IndexFunc(call.messages, func(q queued) bool { return q.binding == binding })
	if i < 0 {
		i = len(call.messages)
		call.messages = append(call.messages, queued{binding: binding, array: call.function.outputs.array})
	}
	return &call.messages[i]
}

// checkElement returns an error if message can't be an element of an array of messages. The host
// enqueues an object as indented JSON and never decodes a string, so only JSON objects can.
func checkElement(message []byte) error {
	element := jsontext.Value(bytes.Clone(message))
	if element.Kind() != jsontext.KindBeginObject || element.Indent(jsonOptions, jsontext.WithIndent("  ")) != nil {
		return problem.New(problem.Internal, "it is not a JSON object, and one message of several must be one")
	}
	if len(element) > submission.MaxMessageBytes {
		return problem.New(problem.BodyTooLarge, "it has %d bytes once the host has indented it, more than %d", len(element), submission.MaxMessageBytes)
	}
	return nil
}

// end returns the messages. No more can be added.
func (call *invocation) end() []queued {
	call.mu.Lock()
	defer call.mu.Unlock()
	call.ended = true
	return slices.DeleteFunc(call.messages, func(q queued) bool { return len(q.messages) == 0 })
}
