package functions_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/functions"
)

func TestLogRecordsNameTheirInvocation(t *testing.T) {
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	buffer := new(logBuffer)
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(functions.NewLogHandler(functions.NewLogHandler(slog.NewJSONHandler(buffer, &slog.HandlerOptions{ReplaceAttr: plain}))))
	app, err := functions.New(functions.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	app.Timer("upkeep-timer", "timer", func(ctx context.Context, _ functions.Timer) error {
		log.InfoContext(ctx, "plain", "due", 1)
		log.With("a", 1).InfoContext(ctx, "with")
		log.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").InfoContext(ctx, "grouped", "c", 3)
		log.WithGroup("").InfoContext(ctx, "no group")
		log.Info("without the context")
		log.WithGroup("g").Info("without the context", "c", 3)
		return nil
	})
	r := httptest.NewRequest("POST", "/upkeep-timer", strings.NewReader(timerEnvelope))
	r.Header.Set("X-Azure-Functions-InvocationId", invocationID)
	r.Header.Set("traceparent", traceparent)
	app.Handler().ServeHTTP(httptest.NewRecorder(), r)

	ours := map[string]any{"function": "upkeep-timer", "invocation": invocationID, "trace": "4bf92f3577b34da6a3ce929d0e0e4736"}
	with := func(attrs map[string]any) map[string]any {
		for key, value := range ours {
			attrs[key] = value
		}
		return attrs
	}
	want := []map[string]any{
		with(map[string]any{"msg": "plain", "due": 1.0}),
		with(map[string]any{"msg": "with", "a": 1.0}),
		with(map[string]any{"msg": "grouped", "a": 1.0, "g": map[string]any{"b": 2.0, "h": map[string]any{"c": 3.0}}}),
		with(map[string]any{"msg": "no group"}),
		{"msg": "without the context"},
		{"msg": "without the context", "g": map[string]any{"c": 3.0}},
	}
	got := buffer.lines(t)
	if len(got) != len(want)+1 {
		t.Fatalf("%d lines, want %d and the one at the end", len(got), len(want))
	}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
	if strings.Count(buffer.String(), `"invocation":`) != 5 {
		t.Errorf("the id does not stand once in each of the five records:\n%s", buffer)
	}
}

func TestInvalidTraceparentIsNotLogged(t *testing.T) {
	for _, odd := range []string{"", "x", "00-short-1-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736", "00-" + strings.Repeat("\"", 32) + "-00f067aa0ba902b7-01"} {
		app, log := newApp(t, functions.Config{})
		app.Timer("timer", "timer", func(context.Context, functions.Timer) error { return nil })
		r := httptest.NewRequest("POST", "/timer", strings.NewReader(timerEnvelope))
		r.Header.Set("traceparent", odd)
		app.Handler().ServeHTTP(httptest.NewRecorder(), r)
		if trace, has := log.last(t)["trace"]; has {
			t.Errorf("%q is logged as %v", odd, trace)
		}
	}
}

func TestLogLevelIsThatOfInnerHandler(t *testing.T) {
	var record json.RawMessage
	buffer := new(logBuffer)
	log := slog.New(functions.NewLogHandler(slog.NewJSONHandler(buffer, &slog.HandlerOptions{Level: slog.LevelError})))
	log.Info("quiet")
	log.With("a", 1).WithGroup("g").Info("quiet")
	log.Error("loud")
	err := json.Unmarshal([]byte(buffer.String()), &record)
	if err != nil || !strings.Contains(string(record), "loud") {
		t.Errorf("log %q", buffer)
	}
}
