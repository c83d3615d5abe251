package functions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/handlers/azure/functions"
	"guestlist/handlers/problem"
)

func TestNewRefusesInvalidConfig(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	tests := map[string]functions.Config{
		"no logger":                       {},
		"a negative timeout":              {Log: log, Timeout: -time.Second},
		"a timeout as long as the host's": {Log: log, Timeout: 2 * time.Minute},
		"a negative body limit":           {Log: log, MaxBodyBytes: -1},
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := functions.New(config)
			if err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestTimeoutLimitIsThatOfHostJSON(t *testing.T) {
	raw, err := os.ReadFile("../../../host.json")
	if err != nil {
		t.Fatal(err)
	}
	var host struct{ FunctionTimeout string }
	err = json.Unmarshal(raw, &host)
	if err != nil {
		t.Fatal(err)
	}
	var h, m, s int
	_, err = fmt.Sscanf(host.FunctionTimeout, "%d:%d:%d", &h, &m, &s)
	if err != nil {
		t.Fatalf("functionTimeout %q: %v", host.FunctionTimeout, err)
	}
	limit := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	log := slog.New(slog.DiscardHandler)
	_, err = functions.New(functions.Config{Log: log, Timeout: limit - time.Second})
	if err != nil {
		t.Errorf("a second below functionTimeout is refused: %v", err)
	}
	_, err = functions.New(functions.Config{Log: log, Timeout: limit})
	if err == nil {
		t.Error("a timeout of functionTimeout is accepted")
	}
}

func TestRegisteringPanicsOnProgrammingError(t *testing.T) {
	queue := func(context.Context, functions.QueueMessage) error { return nil }
	timer := func(context.Context, functions.Timer) error { return nil }
	tests := map[string]func(*functions.App){
		"twice":                        func(a *functions.App) { a.Queue("one", "m", queue); a.Timer("one", "t", timer) },
		"no name":                      func(a *functions.App) { a.Queue("", "m", queue) },
		"a path":                       func(a *functions.App) { a.Queue("api/signup", "m", queue) },
		"a name that the host refuses": func(a *functions.App) { a.HTTP("1st", http.NotFoundHandler()) },
		"no HTTP handler":              func(a *functions.App) { a.HTTP("one", nil) },
		"no queue handler":             func(a *functions.App) { a.Queue("one", "m", nil) },
		"no timer handler":             func(a *functions.App) { a.Timer("one", "t", nil) },
		"no queue binding":             func(a *functions.App) { a.Queue("one", "", queue) },
		"no timer binding":             func(a *functions.App) { a.Timer("one", "", timer) },
	}
	for name, register := range tests {
		t.Run(name, func(t *testing.T) {
			app, _ := newApp(t, functions.Config{})
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			register(app)
		})
	}
}

func TestPathsMatchExactlyWithoutRedirects(t *testing.T) {
	app, _ := newApp(t, functions.Config{})
	app.Queue("invite-queue", "message", func(context.Context, functions.QueueMessage) error { return nil })
	tests := map[string]struct {
		method, target string
		want           int
		allow          string
	}{
		"readiness":          {"GET", "/", 200, ""},
		"readiness by HEAD":  {"HEAD", "/", 200, ""},
		"POST to the root":   {"POST", "/", 405, "GET, HEAD"},
		"the function":       {"POST", "/invite-queue", 200, ""},
		"wrong method":       {"GET", "/invite-queue", 405, "POST"},
		"put":                {"PUT", "/invite-queue", 405, "POST"},
		"trailing slash":     {"POST", "/invite-queue/", 404, ""},
		"double slash":       {"POST", "//invite-queue", 404, ""},
		"dots":               {"POST", "/x/../invite-queue", 404, ""},
		"other case":         {"POST", "/Invite-Queue", 404, ""},
		"the route with api": {"POST", "/api/invite-queue", 404, ""},
		"unknown":            {"POST", "/nothing", 404, ""},
		"unknown by GET":     {"GET", "/favicon.ico", 404, ""},
		"a query":            {"POST", "/invite-queue?x=1", 200, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			app.Handler().ServeHTTP(w, httptest.NewRequest(test.method, test.target, strings.NewReader(queueEnvelope(`"aGk="`))))
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
			if got := w.Header().Get("Allow"); got != test.allow {
				t.Errorf("Allow %q, want %q", got, test.allow)
			}
			checkJSON(t, w)
		})
	}
}

func TestMalformedEnvelopeFailsInvocation(t *testing.T) {
	app, log := newApp(t, functions.Config{})
	app.HTTP("http", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the HTTP function ran") }))
	app.Queue("queue", "message", func(context.Context, functions.QueueMessage) error { t.Error("the queue function ran"); return nil })
	app.Timer("timer", "timer", func(context.Context, functions.Timer) error { t.Error("the timer function ran"); return nil })
	everywhere := map[string]string{
		"empty":          ``,
		"null":           `null`,
		"no JSON":        `SECRET`,
		"cut off":        `{"Data":{"req":{"Url":"http://x/SECRET"`,
		"an array":       `["SECRET"]`,
		"a string":       `"SECRET"`,
		"two values":     `{} {"SECRET":1}`,
		"no UTF-8 start": "\xff\xfe{}",
	}
	only := map[string]map[string]string{
		"http": {
			"no Data":             `{}`,
			"Data is null":        `{"Data":null}`,
			"other binding":       `{"Data":{"request":{"Url":"/","Method":"GET"}}}`,
			"req is null":         `{"Data":{"req":null}}`,
			"req is a string":     `{"Data":{"req":"SECRET"}}`,
			"no method":           `{"Data":{"req":{"Url":"http://x/"}}}`,
			"no address":          `{"Data":{"req":{"Method":"GET"}}}`,
			"address is a number": `{"Data":{"req":{"Url":4711,"Method":"POST"}}}`,
			"header is an object": `{"Data":{"req":{"Url":"http://x/","Method":"POST","Headers":{"A":[{"SECRET":1}]}}}}`,
			"body is a number":    `{"Data":{"req":{"Url":"http://x/","Method":"POST","Body":4711}}}`,
		},
		"queue": {
			"no Data":         `{}`,
			"other binding":   `{"Data":{"Message":"SECRET"}}`,
			"message is null": `{"Data":{"message":null}}`,
			"Data is text":    `{"Data":"SECRET"}`,
		},
	}
	for _, function := range []string{"http", "queue", "timer"} {
		cases := map[string]string{}
		for name, envelope := range everywhere {
			cases[name] = envelope
		}
		for name, envelope := range only[function] {
			cases[name] = envelope
		}
		for name, envelope := range cases {
			t.Run(function+"/"+name, func(t *testing.T) {
				w := post(app, function, envelope)
				fail(t, w, http.StatusBadRequest)
				var body struct{ Title, Detail, Code string }
				err := json.Unmarshal(w.Body.Bytes(), &body)
				if err != nil || body.Title == "" || body.Detail == "" || body.Code != string(problem.MalformedBody) {
					t.Errorf("no clear error: %s", w.Body)
				}
				if strings.Contains(w.Body.String()+log.String(), "SECRET") {
					t.Error("the envelope is quoted")
				}
				if got := log.last(t)["level"]; got != "ERROR" {
					t.Errorf("logged at %v", got)
				}
			})
		}
	}
}

// brokenBody fails after a few bytes, as a connection does that breaks.
type brokenBody struct{ io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestBrokenConnectionFailsInvocation(t *testing.T) {
	app, _ := newApp(t, functions.Config{})
	app.Timer("timer", "timer", func(context.Context, functions.Timer) error { t.Error("the function ran"); return nil })
	w := httptest.NewRecorder()
	app.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/timer", brokenBody{strings.NewReader(timerEnvelope)}))
	fail(t, w, http.StatusBadRequest)
}

func TestEnvelopesAreBounded(t *testing.T) {
	const limit = 2000
	app, log := newApp(t, functions.Config{MaxBodyBytes: limit})
	ran := 0
	app.HTTP("http", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran++ }))
	app.Queue("queue", "message", func(context.Context, functions.QueueMessage) error { ran++; return nil })
	app.Timer("timer", "timer", func(context.Context, functions.Timer) error { ran++; return nil })

	atLimit := queueEnvelope(`"aGk="`)
	atLimit += strings.Repeat(" ", limit-len(atLimit))
	accept(t, post(app, "queue", atLimit))
	if ran != 1 {
		t.Fatal("an envelope of exactly the limit did not run")
	}
	for _, function := range []string{"queue", "timer"} {
		fail(t, post(app, function, atLimit+" "), http.StatusRequestEntityTooLarge)
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/"+function, strings.NewReader(atLimit+" "))) // with its length
		fail(t, w, http.StatusRequestEntityTooLarge)
	}

	// The client is at fault and gets a response, which the host reads because all of the envelope
	// was read.
	body := strings.NewReader(atLimit + strings.Repeat(" ", 1<<20))
	w := httptest.NewRecorder()
	app.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/http", body))
	res := result(t, accept(t, w))
	if res.StatusCode != http.StatusRequestEntityTooLarge || res.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("answer %+v", res)
	}
	if body.Len() != 0 {
		t.Errorf("%d bytes were left unread; the host would see its connection reset", body.Len())
	}
	if ran != 1 {
		t.Error("a function ran on an envelope that is too large")
	}
	if got := log.last(t)["code"]; got != string(problem.BodyTooLarge) {
		t.Errorf("logged with code %v", got)
	}
}

type customPanic struct{ Email string }

func TestPanicFailsOneInvocationAndLogsNoValue(t *testing.T) {
	values := map[string]any{
		"string":          "ana@partner.example",
		"error":           errors.New("ana@partner.example"),
		"struct":          customPanic{"ana@partner.example"},
		"abort":           http.ErrAbortHandler,
		"nil":             nil,
		"runtime.Error":   nil, // set below: a real one
		"problem":         problem.New(problem.Conflict, "ana@partner.example"),
		"pointer to same": &customPanic{"ana@partner.example"},
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			app, log := newApp(t, functions.Config{})
			boom := func() {
				if name == "runtime.Error" {
					value = []string{"ana@partner.example"}[len(name)]
				}
				panic(value)
			}
			out := functions.QueueOutput{Binding: "signups"}
			app.HTTP("http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, "half an answer")
				_ = out.Enqueue(r.Context(), []byte(`{"id":1}`))
				boom()
			}))
			app.Queue("queue", "message", func(ctx context.Context, _ functions.QueueMessage) error {
				_ = out.Enqueue(ctx, []byte(`{"id":1}`))
				boom()
				return nil
			})
			app.Timer("timer", "timer", func(ctx context.Context, _ functions.Timer) error {
				_ = out.Enqueue(ctx, []byte(`{"id":1}`))
				boom()
				return nil
			})
			got := accept(t, post(app, "http", httpEnvelope("application/json", "{}")))
			res := result(t, got)
			if res.StatusCode != 500 || res.Headers["Content-Type"] != "application/problem+json" || strings.Contains(*res.Body, "half") {
				t.Errorf("answer %+v, body %s", res, *res.Body)
			}
			if len(got.Outputs) != 1 {
				t.Errorf("outputs were sent: %v", got.Outputs)
			}
			fail(t, post(app, "queue", queueEnvelope(`"aGk="`)), 500)
			fail(t, post(app, "timer", timerEnvelope), 500)

			if strings.Contains(log.String(), "ana@") {
				t.Error("the panic's value is in the log")
			}
			panics := 0
			for _, record := range log.lines(t) {
				if record["msg"] != "panic" {
					continue
				}
				panics++
				stack, _ := record["stack"].(string)
				if !strings.Contains(stack, "app_test.go") || record["type"] == "" || record["invocation"] != invocationID {
					t.Errorf("no type, stack or invocation in %v", record)
				}
			}
			if panics != 3 {
				t.Errorf("%d panics logged, want 3", panics)
			}
		})
	}
}

func TestInvocationLogsOneLineWithoutContent(t *testing.T) {
	foreign := errors.New("dial ana@partner.example")
	tests := map[string]struct {
		function  string
		envelope  string
		wantLevel string
		wantCode  any
		wantError string
		status    float64
	}{
		"http":                       {"ok", httpEnvelope("text/plain", "ana@partner.example"), "INFO", nil, "", 202},
		"http with a business error": {"bad", httpEnvelope("text/plain", "ana@partner.example"), "INFO", nil, "", 422},
		"http with a server error":   {"broken", httpEnvelope("text/plain", "ana@partner.example"), "ERROR", nil, "", 503},
		"queue":                      {"queue-ok", queueEnvelope(`"YW5hQHBhcnRuZXIuZXhhbXBsZQ=="`), "INFO", nil, "", 200},
		"queue with a coded error":   {"queue-coded", queueEnvelope(`"YW5h"`), "ERROR", "conflict", "conflict: row moved", 500},
		"queue with a foreign error": {"queue-foreign", queueEnvelope(`"YW5h"`), "ERROR", "internal", "an error without a code, of type *errors.errorString", 500},
		"queue out of time":          {"queue-late", queueEnvelope(`"YW5h"`), "ERROR", "internal", "context deadline exceeded", 500},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			app, log := newApp(t, functions.Config{})
			answer := func(status int) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
			}
			queue := func(err error) func(context.Context, functions.QueueMessage) error {
				return func(context.Context, functions.QueueMessage) error { return err }
			}
			app.HTTP("ok", answer(202))
			app.HTTP("bad", answer(422))
			app.HTTP("broken", answer(503))
			app.Queue("queue-ok", "message", queue(nil))
			app.Queue("queue-coded", "message", queue(fmt.Errorf("ana@partner.example: %w", problem.New(problem.Conflict, "row moved"))))
			app.Queue("queue-foreign", "message", queue(foreign))
			app.Queue("queue-late", "message", queue(fmt.Errorf("ana@partner.example: %w", context.DeadlineExceeded)))
			w := post(app, test.function, test.envelope)
			records := log.lines(t)
			if len(records) != 1 {
				t.Fatalf("%d lines: %v", len(records), records)
			}
			record := records[0]
			if record["msg"] != "invocation ended" || record["level"] != test.wantLevel || record["function"] != test.function ||
				record["invocation"] != invocationID || record["status"] != test.status || record["code"] != test.wantCode {
				t.Errorf("logged %v", record)
			}
			if text, _ := record["error"].(string); text != test.wantError {
				t.Errorf("error %q, want %q", text, test.wantError)
			}
			duration, is := record["duration_ms"].(float64)
			if !is || duration < 0 {
				t.Errorf("duration %v", record["duration_ms"])
			}
			for _, secret := range []string{"TOPSECRETKEY", "ana", "partner", "YW5h", "abc"} {
				if strings.Contains(log.String(), secret) || strings.Contains(w.Body.String(), "ana@") {
					t.Errorf("%q is in the log %s or answer %s", secret, log, w.Body)
				}
			}
		})
	}
}

func TestUnsafeInvocationIDsAreDropped(t *testing.T) {
	tests := map[string]struct{ header, want string }{
		"a GUID":          {invocationID, invocationID},
		"none":            {"", ""},
		"a forged record": {`x","level":"INFO`, ""},
		"an address":      {"ana@partner.example", ""},
		"long":            {strings.Repeat("a", 65), ""},
		"longest":         {strings.Repeat("a", 64), strings.Repeat("a", 64)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			app, log := newApp(t, functions.Config{})
			seen := "none"
			app.Timer("timer", "timer", func(ctx context.Context, _ functions.Timer) error {
				seen = functions.InvocationID(ctx)
				return nil
			})
			r := httptest.NewRequest("POST", "/timer", strings.NewReader(timerEnvelope))
			r.Header.Set("X-Azure-Functions-InvocationId", test.header)
			app.Handler().ServeHTTP(httptest.NewRecorder(), r)
			if seen != test.want {
				t.Errorf("InvocationID = %q, want %q", seen, test.want)
			}
			logged, _ := log.last(t)["invocation"].(string)
			if logged != test.want {
				t.Errorf("logged %q, want %q", logged, test.want)
			}
		})
	}
	if got := functions.InvocationID(t.Context()); got != "" {
		t.Errorf("InvocationID outside of an invocation = %q", got)
	}
}

func TestInvocationContextEndsBeforeHostTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := newApp(t, functions.Config{})
		app.Queue("queue", "message", func(ctx context.Context, _ functions.QueueMessage) error {
			<-ctx.Done()
			return ctx.Err()
		})
		started := time.Now()
		fail(t, post(app, "queue", queueEnvelope(`"aGk="`)), 500)
		if took := time.Since(started); took != 90*time.Second {
			t.Errorf("the context ended after %s, want the default of 90 s", took)
		}
	})
}
