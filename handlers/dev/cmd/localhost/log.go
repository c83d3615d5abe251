package main

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// plainHandler writes log lines for people: time, level, message, attributes. It does not quote
// the message, because the handler's own lines are messages in JSON.
type plainHandler struct {
	out   io.Writer
	level slog.Level
	attrs []slog.Attr

	mu *sync.Mutex // shared with the handlers that WithAttrs returned
}

func newPlainHandler(out io.Writer, level slog.Level) *plainHandler {
	return &plainHandler{out: out, level: level, mu: &sync.Mutex{}}
}

func (h *plainHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *plainHandler) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	line.WriteString(r.Time.Format("15:04:05.000"))
	line.WriteString(" " + r.Level.String() + " ")
	line.WriteString(r.Message)
	write := func(a slog.Attr) bool {
		value := a.Value.String()
		if strings.ContainsAny(value, " \"\n=") {
			value = strconv.Quote(value)
		}
		line.WriteString(" " + a.Key + "=" + value)
		return true
	}
	for _, a := range h.attrs {
		write(a)
	}
	r.Attrs(write)
	line.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.out, line.String())
	return err
}

func (h *plainHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return &with
}

// WithGroup does nothing: no caller groups attributes.
func (h *plainHandler) WithGroup(string) slog.Handler { return h }
