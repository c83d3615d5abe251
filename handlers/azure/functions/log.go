package functions

import (
	"context"
	"log/slog"
	"slices"
)

// NewLogHandler returns a handler that adds attributes to every record that is logged with the
// context of an invocation: "function", its name; "invocation", the host's id; and "trace", the
// trace id, if the host sent one. They find the lines of an invocation, because the host does not
// tie standard output to one. They are at the top level, whatever group the logger is in.
//
// Wrapping twice has no further effect.
func NewLogHandler(inner slog.Handler) slog.Handler {
	already, is := inner.(*logHandler)
	if is {
		return already
	}
	return &logHandler{inner: inner, root: inner}
}

type logHandler struct {
	inner slog.Handler
	// The steps, applied to root, make inner. Attributes that root gets first are outside all
	// groups. There are no steps before the first group.
	root  slog.Handler
	steps []func(slog.Handler) slog.Handler
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	call := invocationOf(ctx)
	if call == nil {
		return h.inner.Handle(ctx, record)
	}
	attrs := make([]slog.Attr, 0, 3)
	attrs = append(attrs, slog.String("function", call.function.name))
	if call.id != "" {
		attrs = append(attrs, slog.String("invocation", call.id))
	}
	if call.trace != "" {
		attrs = append(attrs, slog.String("trace", call.trace))
	}
	if len(h.steps) == 0 {
		record = record.Clone()
		record.AddAttrs(attrs...)
		return h.inner.Handle(ctx, record)
	}
	handler := h.root.WithAttrs(attrs)
	for _, step := range h.steps {
		handler = step(handler)
	}
	return handler.Handle(ctx, record)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	inner := h.inner.WithAttrs(attrs)
	if len(h.steps) == 0 {
		return &logHandler{inner: inner, root: inner}
	}
	return h.step(inner, func(handler slog.Handler) slog.Handler { return handler.WithAttrs(attrs) })
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.step(h.inner.WithGroup(name), func(handler slog.Handler) slog.Handler { return handler.WithGroup(name) })
}

func (h *logHandler) step(inner slog.Handler, step func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{inner: inner, root: h.root, steps: append(slices.Clip(h.steps), step)}
}
