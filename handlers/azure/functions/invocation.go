package functions

import (
	"context"
	"net/http"
	"strings"
	"sync"
)

// maxIDBytes is the longest id from outside that is logged. The host's ids are GUIDs of 36
// characters.
const maxIDBytes = 64

type invocationKey struct{}

// invocation is one call of the host.
type invocation struct {
	id       string // "" if the host sent none that is safe to log
	trace    string // the trace id of the W3C traceparent, or ""
	function *function

	mu       sync.Mutex
	messages []queued // for QueueOutput
	ended    bool
}

// queued are the messages of one output of an invocation.
type queued struct {
	binding  string
	messages [][]byte
	array    bool // even a single message is an array
}

func newInvocation(f *function, header http.Header) *invocation {
	return &invocation{
		id:       cleanID(header.Get("X-Azure-Functions-InvocationId")),
		trace:    traceID(header.Get("Traceparent")),
		function: f,
	}
}

// InvocationID returns the host's id of the invocation that ctx belongs to, or "" if there is
// none. It is at most 64 characters long and safe to log.
func InvocationID(ctx context.Context) string {
	call := invocationOf(ctx)
	if call == nil {
		return ""
	}
	return call.id
}

func invocationOf(ctx context.Context) *invocation {
	call, _ := ctx.Value(invocationKey{}).(*invocation)
	return call
}

// cleanID returns id if it is safe to log, else "".
func cleanID(id string) string {
	if len(id) > maxIDBytes {
		return ""
	}
	for _, c := range []byte(id) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_') {
			return ""
		}
	}
	return id
}

// traceID returns the trace id of a traceparent header (W3C Trace Context: version, 32
// hexadecimal digits, parent, flags), or "".
func traceID(traceparent string) string {
	_, rest, _ := strings.Cut(traceparent, "-")
	id, _, found := strings.Cut(rest, "-")
	if !found || len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return id
}
