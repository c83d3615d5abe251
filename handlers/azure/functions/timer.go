package functions

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"guestlist/handlers/problem"
)

// Timer is one tick of a timer.
type Timer struct {
	// PastDue says that the tick is late because the app did not run when it was due.
	PastDue bool
}

// Timer registers a timer-triggered function. binding is the name of its trigger binding. It
// panics if the function's name is invalid or taken.
//
// If h returns nil, the messages that it enqueued are sent. If it returns an error or panics,
// nothing is sent, and the host does not retry: the next tick comes when it is due. The host runs
// one tick at a time, on one instance of the app.
func (a *App) Timer(name, binding string, h func(ctx context.Context, t Timer) error) {
	if h == nil || binding == "" {
		panic("functions: " + name + " has no handler or no binding")
	}
	f := &function{name: name, tooLarge: a.refuseTooLarge, outputs: outputRules{array: true}}
	f.run = func(ctx context.Context, call *invocation, envelope []byte) outcome {
		timer, err := newTimer(binding, envelope)
		if err != nil {
			return refusal(problem.CodeOf(err), problem.From(err).Detail)
		}
		return finish(call, a.protect(ctx, func() error { return h(ctx, timer) }))
	}
	a.register(f)
}

// newTimer reads an envelope, which must be a JSON object. Names match in any case. Content of an
// unknown form is ignored, because the tick counts whatever the host says of it.
func newTimer(binding string, envelope []byte) (Timer, error) {
	var decoded *struct{ Data jsontext.Value }
	err := json.Unmarshal(envelope, &decoded, jsonOptions, json.MatchCaseInsensitiveNames(true))
	if err != nil {
		return Timer{}, envelopeError(err)
	}
	if decoded == nil {
		return Timer{}, problem.New(problem.MalformedBody, "the envelope is null")
	}
	var data map[string]jsontext.Value
	err = json.Unmarshal(decoded.Data, &data, jsonOptions)
	if err != nil {
		return Timer{}, nil
	}
	for name, value := range data {
		if !strings.EqualFold(name, binding) {
			continue
		}
		var tick struct{ IsPastDue jsontext.Value }
		err = json.Unmarshal([]byte(unquote(value)), &tick, jsonOptions, json.MatchCaseInsensitiveNames(true))
		if err == nil {
			return Timer{PastDue: strings.EqualFold(unquote(tick.IsPastDue), "true")}, nil
		}
	}
	return Timer{}, nil
}
