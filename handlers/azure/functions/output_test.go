package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"guestlist/handlers/azure/functions"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

var signups = functions.QueueOutput{Binding: "signups"}

// object returns a JSON object of exactly n bytes, as it stands and indented.
func object(n int) []byte {
	return []byte("{\n  \"a\": \"" + strings.Repeat("x", n-len("{\n  \"a\": \"\"\n}")) + "\"\n}")
}

// enqueueing registers a function of each kind that enqueues the messages and returns the outputs
// of the last errors.
func enqueueing(t testing.TB, messages ...[]byte) (run func(kind string) accepted, errs func() []error) {
	app, _ := newApp(t, functions.Config{})
	var got []error
	enqueue := func(ctx context.Context) {
		got = nil
		for _, m := range messages {
			buffer := bytes.Clone(m)
			got = append(got, signups.Enqueue(ctx, buffer))
			clear(buffer) // the caller may reuse it
		}
	}
	app.HTTP("http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { enqueue(r.Context()) }))
	app.Queue("queue", "message", func(ctx context.Context, _ functions.QueueMessage) error { enqueue(ctx); return nil })
	app.Timer("timer", "timer", func(ctx context.Context, _ functions.Timer) error { enqueue(ctx); return nil })
	envelopes := map[string]string{"http": httpEnvelope("text/plain", ""), "queue": queueEnvelope(`"aGk="`), "timer": timerEnvelope}
	run = func(kind string) accepted {
		w := post(app, kind, envelopes[kind])
		var out accepted
		err := json.Unmarshal(w.Body.Bytes(), &out)
		if err != nil || w.Code != 200 {
			t.Fatalf("status %d, body %s", w.Code, w.Body)
		}
		return out
	}
	return run, func() []error { return got }
}

func TestSingleMessageArrivesByteForByte(t *testing.T) {
	for _, text := range []string{`{"id":"1","at":"2026-11-23T05:00:00.0+00:00"}`, "abcd", `[1,2]`, "\x00\xff", `"quoted"`, " "} {
		for _, kind := range []string{"http", "queue"} {
			run, errs := enqueueing(t, []byte(text))
			out := run(kind).Outputs
			if got := message(t, out["signups"]); got != text || errs()[0] != nil {
				t.Errorf("%s: message %q (%v), want %q", kind, got, errs()[0], text)
			}
		}
	}
}

func TestSingleMessageOfAnyBytesArrivesUnchanged(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(r, "message")
		run, errs := enqueueing(t, text)
		if got := message(t, run("http").Outputs["signups"]); got != string(text) || errs()[0] != nil {
			t.Fatalf("message %q, want %q", got, text)
		}
	})
}

func TestOutputWithoutMessagesIsOmitted(t *testing.T) {
	for kind, want := range map[string]int{"http": 1, "queue": 0, "timer": 0} {
		run, _ := enqueueing(t)
		out := run(kind).Outputs
		if _, has := out["signups"]; has || len(out) != want {
			t.Errorf("%s: outputs %v", kind, out)
		}
	}
}

func TestEnqueueChecksMessages(t *testing.T) {
	most := submission.MaxMessageBytes
	compact := []byte(`{"a":[` + strings.Repeat("1,", most/4) + `1]}`) // fits, but not once it is indented
	tests := map[string]struct {
		kind     string
		messages [][]byte
		refused  map[int]problem.Code // by index
		want     []string             // the elements of an array; nil means a single message
	}{
		"two objects":                    {"http", [][]byte{[]byte(`{"n":1}`), []byte(` {"n":2}`)}, nil, []string{`{"n":1}`, `{"n":2}`}},
		"one from a timer":               {"timer", [][]byte{[]byte(`{"n":1}`)}, nil, []string{`{"n":1}`}},
		"three from a timer":             {"timer", [][]byte{[]byte(`{"n":1}`), []byte(`{"n":2}`), []byte(`{}`)}, nil, []string{`{"n":1}`, `{"n":2}`, `{}`}},
		"text from a timer":              {"timer", [][]byte{[]byte(`abcd`), []byte(`{"n":2}`)}, map[int]problem.Code{0: problem.Internal}, []string{`{"n":2}`}},
		"a string from a timer":          {"timer", [][]byte{[]byte(`"abcd"`), []byte(`{}`)}, map[int]problem.Code{0: problem.Internal}, []string{`{}`}},
		"an array from a timer":          {"timer", [][]byte{[]byte(`[{}]`), []byte(`{}`)}, map[int]problem.Code{0: problem.Internal}, []string{`{}`}},
		"half an object from a timer":    {"timer", [][]byte{[]byte(`{"n":`), []byte(`{}`)}, map[int]problem.Code{0: problem.Internal}, []string{`{}`}},
		"two objects in one":             {"timer", [][]byte{[]byte(`{} {}`), []byte(`{}`)}, map[int]problem.Code{0: problem.Internal}, []string{`{}`}},
		"text second":                    {"http", [][]byte{[]byte(`{"n":1}`), []byte(`abcd`)}, map[int]problem.Code{1: problem.Internal}, nil},
		"text first":                     {"queue", [][]byte{[]byte(`abcd`), []byte(`{"n":1}`)}, map[int]problem.Code{1: problem.Internal}, nil},
		"empty":                          {"http", [][]byte{nil, []byte(`{}`)}, map[int]problem.Code{0: problem.Internal}, nil},
		"the largest":                    {"http", [][]byte{object(most)}, nil, nil},
		"too large":                      {"http", [][]byte{object(most + 1), []byte(`{}`)}, map[int]problem.Code{0: problem.BodyTooLarge}, nil},
		"the largest from a timer":       {"timer", [][]byte{object(most)}, nil, []string{string(object(most))}},
		"too large once indented":        {"timer", [][]byte{compact, []byte(`{}`)}, map[int]problem.Code{0: problem.BodyTooLarge}, []string{`{}`}},
		"alone it is never indented":     {"http", [][]byte{compact}, nil, nil},
		"too large for a second message": {"http", [][]byte{compact, []byte(`{}`)}, map[int]problem.Code{1: problem.BodyTooLarge}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			run, errs := enqueueing(t, test.messages...)
			raw := run(test.kind).Outputs["signups"]
			var sent []byte
			for i, err := range errs() {
				if got := problem.CodeOf(err); got != test.refused[i] {
					t.Errorf("message %d: %v, want code %q", i, err, test.refused[i])
				}
				if err == nil && sent == nil {
					sent = test.messages[i]
				}
			}
			if test.want == nil {
				if got := message(t, raw); got != string(sent) {
					t.Errorf("message %.80q, want %.80q", got, sent)
				}
				return
			}
			var elements []json.RawMessage
			err := json.Unmarshal(raw, &elements)
			if err != nil {
				t.Fatalf("the output is not an array: %.200s", raw)
			}
			var got []string
			for _, element := range elements {
				var compact bytes.Buffer
				_ = json.Compact(&compact, element)
				got = append(got, compact.String())
			}
			var want []string
			for _, element := range test.want {
				var compact bytes.Buffer
				_ = json.Compact(&compact, []byte(element))
				want = append(want, compact.String())
			}
			if !slices.Equal(got, want) {
				t.Errorf("elements %.200q, want %.200q", got, want)
			}
		})
	}
}

func TestFailedFunctionSendsNoOutputs(t *testing.T) {
	for status, sent := range map[int]bool{200: true, 202: true, 303: true, 409: true, 422: true, 500: false, 503: false} {
		t.Run(fmt.Sprint("HTTP ", status), func(t *testing.T) {
			app, log := newApp(t, functions.Config{})
			app.HTTP("http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				err := signups.Enqueue(r.Context(), []byte(`{"secret":"ana"}`))
				if err != nil {
					t.Error(err)
				}
				w.WriteHeader(status)
			}))
			got := accept(t, post(app, "http", httpEnvelope("text/plain", "")))
			_, has := got.Outputs["signups"]
			if has != sent || result(t, got).StatusCode != status {
				t.Errorf("sent %t, want %t", has, sent)
			}
			if said := strings.Contains(log.String(), "queue messages dropped"); said == sent {
				t.Errorf("the log says dropped: %t", said)
			}
			if strings.Contains(log.String(), "ana") {
				t.Error("the message is in the log")
			}
		})
	}
	for _, failure := range []error{nil, errors.New("no"), problem.New(problem.StorageUnavailable, "no")} {
		t.Run(fmt.Sprint("queue and timer ", failure), func(t *testing.T) {
			app, _ := newApp(t, functions.Config{})
			run := func(ctx context.Context) error {
				err := signups.Enqueue(ctx, []byte(`{"id":"1"}`))
				if err != nil {
					t.Error(err)
				}
				return failure
			}
			app.Queue("queue", "message", func(ctx context.Context, _ functions.QueueMessage) error { return run(ctx) })
			app.Timer("timer", "timer", func(ctx context.Context, _ functions.Timer) error { return run(ctx) })
			for kind, envelope := range map[string]string{"queue": queueEnvelope(`"aGk="`), "timer": timerEnvelope} {
				w := post(app, kind, envelope)
				if failure != nil {
					fail(t, w, 500)
					continue
				}
				if out := accept(t, w).Outputs; len(out) != 1 || out["signups"] == nil {
					t.Errorf("%s: outputs %v", kind, out)
				}
			}
		})
	}
}

func TestEnqueueNeedsRunningInvocationAndQueue(t *testing.T) {
	err := signups.Enqueue(t.Context(), []byte("m"))
	if problem.CodeOf(err) != problem.Internal {
		t.Errorf("outside of an invocation: %v", err)
	}
	app, _ := newApp(t, functions.Config{})
	var late context.Context
	app.HTTP("http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		late = context.WithoutCancel(r.Context())
		for _, binding := range []string{"", "res"} {
			err := functions.QueueOutput{Binding: binding}.Enqueue(late, []byte("m"))
			if err == nil {
				t.Errorf("binding %q is taken for a queue", binding)
			}
		}
	}))
	got := accept(t, post(app, "http", httpEnvelope("text/plain", "")))
	if len(got.Outputs) != 1 {
		t.Errorf("outputs %v", got.Outputs)
	}
	err = signups.Enqueue(late, []byte("m"))
	if problem.CodeOf(err) != problem.Internal {
		t.Errorf("after the invocation: %v", err)
	}
}

func TestOutputsAreSeparateByBindingAndInvocation(t *testing.T) {
	app, _ := newApp(t, functions.Config{})
	app.HTTP("http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("id")
		for _, binding := range []string{"a", "A"} {
			err := functions.QueueOutput{Binding: binding}.Enqueue(r.Context(), []byte(binding+id))
			if err != nil {
				t.Error(err)
			}
		}
	}))
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			w := post(app, "http", fmt.Sprintf(`{"Data":{"req":{"Url":"http://x/?id=%d","Method":"GET"}}}`, i))
			var out accepted
			err := json.Unmarshal(w.Body.Bytes(), &out)
			if err != nil {
				t.Error(err)
				return
			}
			for _, binding := range []string{"a", "A"} {
				if got, want := message(t, out.Outputs[binding]), fmt.Sprint(binding, i); got != want {
					t.Errorf("output %s has %q, want %q", binding, got, want)
				}
			}
		})
	}
	all.Wait()
}

func TestEnqueueIsSafeForConcurrentUse(t *testing.T) {
	app, _ := newApp(t, functions.Config{})
	app.Timer("timer", "timer", func(ctx context.Context, _ functions.Timer) error {
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				err := signups.Enqueue(ctx, fmt.Appendf(nil, `{"n":%d}`, i))
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		return nil
	})
	var sent []struct{ N int }
	err := json.Unmarshal(accept(t, post(app, "timer", timerEnvelope)).Outputs["signups"], &sent)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, m := range sent {
		seen[m.N] = true
	}
	if len(sent) != 50 || len(seen) != 50 {
		t.Errorf("%d messages, %d different, want 50", len(sent), len(seen))
	}
}
