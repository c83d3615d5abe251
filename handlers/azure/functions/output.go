package functions

import (
	"bytes"
	"context"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// outputRules is how the functions of one kind put queue messages into their outputs.
type outputRules struct {
	// reserved is the name of an output that is no queue, or "".
	reserved string
	// array makes even a single message an array, so that every message passes in the same form.
	array bool
}

// QueueOutput is a queue output binding, by its name in function.json. The name's case matters to the host.
//
// A single message of an HTTP or queue function arrives on the queue byte by byte. Several messages of one invocation,
// and any message of a timer function, travel as JSON objects instead, which the host re-formats: white space, and the
// form of numbers and of strings that look like dates, may change.
type QueueOutput struct {
	Binding string
}

// Enqueue adds message to the outputs of the invocation that ctx belongs to. The message is sent after the function
// returned well: not if it fails, panics, or answers with a 5xx status. The caller may reuse the slice. Enqueue is safe
// for concurrent use.
//
// It fails with problem.BodyTooLarge if the message has more than submission.MaxMessageBytes, or would have after the host
// re-formatted it; and with problem.Internal if it is empty, if ctx belongs to no running invocation, or if the
// message, or the one before it, is no JSON object where only JSON objects pass. After a failure the message is not
// sent; those before it are.
func (q QueueOutput) Enqueue(ctx context.Context, message []byte) error {
	call := invocationOf(ctx)
	if call == nil {
		return problem.New(problem.Internal, "enqueueing to output %q outside of an invocation", q.Binding)
	}
	if q.Binding == "" || q.Binding == call.function.outputs.reserved {
		return problem.New(problem.Internal, "output %q of function %s is no queue", q.Binding, call.function.name)
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
		// So far it was alone, and any bytes would have done.
		err := checkElement(before[0])
		if err != nil {
			return problem.New(problem.CodeOf(err), "output %q can't take a second message because of the first: %w", q.Binding, err)
		}
	}
	output.messages = append(before, bytes.Clone(message))
	return nil
}

// output returns the output of the binding, which is new and without messages if need be.
func (call *invocation) output(binding string) *queued {
	i := slices.IndexFunc(call.messages, func(q queued) bool { return q.binding == binding })
	if i < 0 {
		i = len(call.messages)
		call.messages = append(call.messages, queued{binding: binding, array: call.function.outputs.array})
	}
	return &call.messages[i]
}

// checkElement reports whether message can be an element of an array of messages. The host enqueues an object as
// indented JSON, and a string in any encoding as its characters, so that only objects arrive as what they were.
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

// end takes no further message, and returns those so far.
func (call *invocation) end() []queued {
	call.mu.Lock()
	defer call.mu.Unlock()
	call.ended = true
	return slices.DeleteFunc(call.messages, func(q queued) bool { return len(q.messages) == 0 })
}
