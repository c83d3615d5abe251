package functions

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// freePort returns a port that was free just now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	err = l.Close()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

func TestListenErrorNamesVariable(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenPort := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	tests := map[string]struct {
		getenv func(string) string
		want   string
	}{
		"missing":                          {env(), "FUNCTIONS_CUSTOMHANDLER_PORT is not set"},
		"no number":                        {env("FUNCTIONS_CUSTOMHANDLER_PORT", "http"), `FUNCTIONS_CUSTOMHANDLER_PORT must be a port from 1 to 65535, not "http"`},
		"zero":                             {env("FUNCTIONS_CUSTOMHANDLER_PORT", "0"), "must be a port"},
		"too large":                        {env("FUNCTIONS_CUSTOMHANDLER_PORT", "65536"), "must be a port"},
		"an address":                       {env("FUNCTIONS_CUSTOMHANDLER_PORT", "0.0.0.0:80"), "must be a port"},
		"the older name is bad":            {env("FUNCTIONS_HTTPWORKER_PORT", "x"), "FUNCTIONS_HTTPWORKER_PORT must be a port"},
		"the newer name wins, even if bad": {env("FUNCTIONS_CUSTOMHANDLER_PORT", "x", "FUNCTIONS_HTTPWORKER_PORT", "7000"), "FUNCTIONS_CUSTOMHANDLER_PORT must be"},
		"taken":                            {env("FUNCTIONS_CUSTOMHANDLER_PORT", takenPort), "listening where FUNCTIONS_CUSTOMHANDLER_PORT says"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l, err := Listen(test.getenv)
			if err == nil {
				l.Close()
				t.Fatal("listening")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
		})
	}
}

func TestListenUsesHostPortOnLoopback(t *testing.T) {
	for _, name := range []string{"FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"} {
		port := freePort(t)
		l, err := Listen(env(name, port))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Addr().String(); got != "127.0.0.1:"+port {
			t.Errorf("listening on %s", got)
		}
		l.Close()
	}
}

// serving starts an app with one queue function on a real socket.
func serving(t *testing.T, run func(ctx context.Context) error) (app *App, address string, stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	app, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	app.Queue("queue", "message", func(ctx context.Context, _ QueueMessage) error { return run(ctx) })
	l, err := Listen(env("FUNCTIONS_CUSTOMHANDLER_PORT", freePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	done := make(chan error, 1)
	address = "http://" + l.Addr().String()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return app, address, stop, func() <-chan error {
		go func() { done <- app.Serve(ctx, l) }()
		return done
	}()
}

// chunked hides the length of a body, so that it is sent in chunks as the host does.
type chunked struct{ io.Reader }

func TestServeAnswersUntilContextEnds(t *testing.T) {
	started := make(chan struct{})
	release := make(chan struct{})
	_, address, stop, ended := serving(t, func(ctx context.Context) error {
		close(started)
		<-release
		return ctx.Err()
	})
	ready, err := http.Get(address + "/")
	if err != nil {
		t.Fatal(err)
	}
	ready.Body.Close()
	if ready.StatusCode != 200 {
		t.Errorf("readiness: %d", ready.StatusCode)
	}

	type reply struct {
		status int
		body   string
		err    error
	}
	replies := make(chan reply, 1)
	go func() {
		envelope := chunked{strings.NewReader(`{"Data":{"message":"aGk="},"Metadata":{}}`)}
		w, err := http.Post(address+"/queue", "application/json; charset=utf-8", envelope)
		if err != nil {
			replies <- reply{err: err}
			return
		}
		defer w.Body.Close()
		body, err := io.ReadAll(w.Body)
		replies <- reply{w.StatusCode, string(bytes.TrimSpace(body)), err}
	}()
	<-started
	stop()
	select {
	case err := <-ended:
		t.Fatalf("Serve did not wait for the running invocation: %v", err)
	default:
	}
	close(release)
	got := <-replies
	if got.err != nil || got.status != 200 || got.body != "{}" {
		t.Errorf("the running invocation got %+v", got)
	}
	err = <-ended
	if err != nil {
		t.Errorf("Serve = %v after its context ended", err)
	}
	_, err = net.Dial("tcp4", strings.TrimPrefix(address, "http://"))
	if err == nil {
		t.Error("the port is still open")
	}
}

func TestServeCutsOffOverdueInvocations(t *testing.T) {
	app, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	app.drain = 10 * time.Millisecond
	started, cut := make(chan struct{}), make(chan struct{})
	app.Queue("queue", "message", func(ctx context.Context, _ QueueMessage) error {
		close(started)
		<-ctx.Done() // it would go on for 90 s
		close(cut)
		return ctx.Err()
	})
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Serve(ctx, l) }()
	go func() {
		w, err := http.Post("http://"+l.Addr().String()+"/queue", "application/json", strings.NewReader(`{"Data":{"message":"aGk="}}`))
		if err == nil {
			w.Body.Close()
		}
	}()
	<-started
	stop()
	err = <-ended
	if err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("Serve = %v, want an error that tells of the cut", err)
	}
	<-cut
}

func TestServeReturnsOtherErrors(t *testing.T) {
	app, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = app.Serve(t.Context(), l)
	if err == nil {
		t.Error("Serve = nil on a closed listener; the program would exit with 0 and the host would not restart it")
	}
}
