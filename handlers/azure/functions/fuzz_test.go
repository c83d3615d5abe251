package functions_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"guestlist/handlers/azure/functions"
)

// FuzzEnvelope posts any bytes to functions of every kind, which succeed or fail after
// enqueueing. The host can read every answer, and a failure sends nothing.
//
// Run it with -fuzzminimizetime=10x, as make fuzz does. Pools and logs make its coverage vary, and
// the fuzzer would otherwise spend its time minimizing.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(httpEnvelope("application/json", `{"email":"a@b.c"}`)))
	f.Add([]byte(httpEnvelope("multipart/form-data", "AAEC/w==")))
	f.Add([]byte(queueEnvelope(`"eyJlbWFpbCI6ImFAYi5jIn0="`)))
	f.Add([]byte(queueEnvelope(quote(quote(`{"a":1}`)))))
	f.Add([]byte(queueEnvelope(`{"a":[1,2]}`)))
	f.Add([]byte(timerEnvelope))
	f.Add([]byte(`{"Data":{"req":{"Url":"%","Method":"","Headers":{"":[]},"Params":{"":{}}},"message":"\"","timer":"\"\\\"\""}}`))
	f.Add([]byte(`null`))
	f.Add([]byte(``))

	app, log := newApp(f, functions.Config{})
	enqueue := func(ctx context.Context, body []byte) {
		// The host must be able to read the answer even if a message is refused.
		_ = signups.Enqueue(ctx, body)
		_ = signups.Enqueue(ctx, []byte(`{"n":1}`))
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		enqueue(r.Context(), body)
		for name, values := range r.Header {
			w.Header()[name] = values
		}
		_, _ = w.Write([]byte(r.Method + r.URL.String() + r.Host + r.PathValue("id")))
		_, _ = w.Write(body)
	}
	app.HTTP("http", http.HandlerFunc(echo))
	app.HTTP("http-panic", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { echo(w, r); panic("no") }))
	app.HTTP("http-5xx", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503); echo(w, r) }))
	queue := func(err error) func(context.Context, functions.QueueMessage) error {
		return func(ctx context.Context, m functions.QueueMessage) error { enqueue(ctx, m.Body); return err }
	}
	timer := func(err error) func(context.Context, functions.Timer) error {
		return func(ctx context.Context, _ functions.Timer) error { enqueue(ctx, []byte(`{}`)); return err }
	}
	app.Queue("queue", "message", queue(nil))
	app.Queue("queue-error", "message", queue(errors.New("no")))
	app.Timer("timer", "timer", timer(nil))
	app.Timer("timer-error", "timer", timer(errors.New("no")))

	f.Fuzz(func(t *testing.T, envelope []byte) {
		for _, function := range []string{"http", "http-panic", "http-5xx", "queue", "queue-error", "timer", "timer-error"} {
			w := post(app, function, string(envelope))
			checkJSON(t, w)
			var out accepted
			err := json.Unmarshal(w.Body.Bytes(), &out)
			if err != nil {
				t.Fatalf("%s: %v in %s", function, err, w.Body)
			}
			_, sent := out.Outputs["signups"]
			failed := w.Code != 200
			switch function {
			case "http", "http-panic", "http-5xx":
				if failed {
					break
				}
				res := result(t, out)
				failed = res.StatusCode >= 500
				if function != "http" && !failed {
					t.Errorf("%s ended with %d", function, res.StatusCode)
				}
			case "queue-error", "timer-error":
				if !failed {
					t.Errorf("%s ended well", function)
				}
			}
			if failed && sent {
				t.Errorf("%s failed and still enqueues: %s", function, w.Body)
			}
		}
		log.mu.Lock()
		log.text.Reset()
		log.mu.Unlock()
	})
}
