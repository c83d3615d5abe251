package functions

import (
	"bytes"
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"guestlist/handlers/problem"
)

// QueueMessage is one message of a storage queue.
type QueueMessage struct {
	// ID is the queue's id of the message, or "" if the host did not say.
	ID string
	// DequeueCount is how often the message was received, this time included, or 0 if the host did
	// not say. A failure at maxDequeueCount of host.json makes the message a dead letter on the
	// poison queue.
	DequeueCount int
	// Body is the message, byte for byte if the trigger has dataType binary.
	Body []byte
}

// queueEnvelope is the part of a queue function's envelope that is used. Metadata is decoded
// separately, so that nothing in it can fail a message.
type queueEnvelope struct {
	Data     map[string]jsontext.Value
	Metadata jsontext.Value
}

// Queue registers a queue-triggered function. binding is the name of its trigger binding. It
// panics if the function's name is invalid or taken.
//
// If h returns nil, the message is deleted and the messages that h enqueued are sent. If it
// returns an error or panics, nothing is sent, and the host delivers the message again until it
// moves it to the poison queue. So h should return nil for a failure that another attempt can't
// repair. A message may arrive more than once, and twice at the same time.
//
// The trigger should have "dataType": "binary": only then does every message arrive as it was
// sent. Otherwise Data is read in this order:
//
//   - a string in padded standard base64 is the base64 of the message
//   - a string that starts with a quotation mark is a JSON string that is the message
//   - another string is the message
//   - another JSON value is the message, as JSON text
func (a *App) Queue(name, binding string, h func(ctx context.Context, m QueueMessage) error) {
	if h == nil || binding == "" {
		panic("functions: " + name + " has no handler or no binding")
	}
	f := &function{name: name, tooLarge: a.refuseTooLarge}
	f.run = func(ctx context.Context, call *invocation, envelope []byte) outcome {
		message, err := newQueueMessage(binding, envelope)
		if err != nil {
			return refusal(problem.CodeOf(err), problem.From(err).Detail)
		}
		return finish(call, a.protect(ctx, func() error { return h(ctx, message) }))
	}
	a.register(f)
}

// refuseTooLarge fails an invocation. No queue message and no timer is that large.
func (a *App) refuseTooLarge() outcome {
	return refusal(problem.BodyTooLarge, "the envelope has more than "+strconv.FormatInt(a.maxBody, 10)+" bytes")
}

// newQueueMessage reads an envelope. Its errors quote nothing of it.
func newQueueMessage(binding string, envelope []byte) (QueueMessage, error) {
	var decoded queueEnvelope
	err := json.Unmarshal(envelope, &decoded, jsonOptions, json.MatchCaseInsensitiveNames(true))
	if err != nil {
		return QueueMessage{}, envelopeError(err)
	}
	data, present := decoded.Data[binding]
	if !present || string(data) == "null" {
		return QueueMessage{}, problem.New(problem.MalformedBody,
			"the envelope has no Data.%s; the queueTrigger binding must have that name", binding)
	}
	message := QueueMessage{Body: messageBytes(data)}

	var metadata struct{ DequeueCount, Id jsontext.Value }
	err = json.Unmarshal(decoded.Metadata, &metadata, jsonOptions, json.MatchCaseInsensitiveNames(true))
	if err == nil {
		message.ID = cleanID(unquote(metadata.Id))
		count, err := strconv.Atoi(unquote(metadata.DequeueCount))
		if err == nil && count > 0 {
			message.DequeueCount = count
		}
	}
	return message, nil
}

// messageBytes returns the message that data means, as [App.Queue] describes. data is one valid
// JSON value.
func messageBytes(data jsontext.Value) []byte {
	if data[0] != '"' {
		return data
	}
	var text string
	err := json.Unmarshal(data, &text, jsonOptions)
	if err != nil {
		return data
	}
	// The host never puts line ends into base64, and the decoder would skip them.
	if !strings.ContainsAny(text, "\r\n") {
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if err == nil {
			return raw
		}
	}
	if strings.HasPrefix(text, `"`) {
		var inner string
		err = json.Unmarshal([]byte(text), &inner, jsonOptions)
		if err == nil {
			return []byte(inner)
		}
	}
	return []byte(text)
}

// unquote returns the text of a JSON string, or of a JSON string in a JSON string, as the host
// sends most metadata. It returns another value as JSON text, and "" for null.
func unquote(value jsontext.Value) string {
	if string(value) == "null" {
		return ""
	}
	for range 2 {
		value = bytes.TrimSpace(value)
		if len(value) == 0 || value[0] != '"' {
			break
		}
		var text string
		err := json.Unmarshal(value, &text, jsonOptions)
		if err != nil {
			break
		}
		value = jsontext.Value(text)
	}
	return string(value)
}
