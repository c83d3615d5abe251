package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	// drainTime is how long Serve waits for running invocations at the end. The host kills the
	// process 10 s after it begins to stop.
	drainTime = 8 * time.Second

	// maxHeaderBytes limits the host's own headers. The client's headers travel in the envelope.
	maxHeaderBytes = 64 << 10
)

// The environment variables that name the port. The second is the older name.
const (
	portVariable    = "FUNCTIONS_CUSTOMHANDLER_PORT"
	oldPortVariable = "FUNCTIONS_HTTPWORKER_PORT"
)

// Listen listens where the host sends its requests: on 127.0.0.1, at the port that the
// environment names. It fails if the variable is missing or invalid, or if the port is taken.
func Listen(getenv func(string) string) (net.Listener, error) {
	name := portVariable
	value := getenv(name)
	if value == "" {
		name = oldPortVariable
		value = getenv(name)
	}
	if value == "" {
		return nil, fmt.Errorf("%s is not set: the Functions host sets it when it starts the handler; "+
			"to run it alone, set it to a free port", portVariable)
	}
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("%s must be a port from 1 to 65535, not %q", name, value)
	}
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.FormatUint(port, 10)))
	if err != nil {
		return nil, fmt.Errorf("listening where %s says: %w", name, err)
	}
	return listener, nil
}

// Serve answers the host on l until ctx ends. Then it takes no new invocations, waits up to 8 s
// for running ones, and returns nil. It returns an error if serving ended in another way, or if
// invocations were cut off. The program must not exit with 0 then, because the host does not
// restart a program that did. Serve closes l.
//
// The context of a running invocation does not end with ctx, but when the wait is over.
func (a *App) Serve(ctx context.Context, l net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:        a.Handler(),
		MaxHeaderBytes: maxHeaderBytes,
		// No timeouts: only the host connects, from the same machine. A connection that the handler
		// closes for being idle could be the one on which the host just sends an invocation, a
		// timeout for writing counts from the start of the request, and to watch the clock for each
		// read takes a twentieth of the time of a small invocation.
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return errors.Join(fmt.Errorf("serving the Functions host: %w", err), server.Close())
	case <-ctx.Done():
	}

	drain, stop := context.WithTimeout(base, a.drain)
	defer stop()
	err := server.Shutdown(drain)
	if err != nil {
		cancel()
		return errors.Join(fmt.Errorf("some invocations did not end within %s and were cut off: %w", a.drain, err), server.Close())
	}
	return nil
}
