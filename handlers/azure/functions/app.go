package functions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/problemdetails"
)

const (
	// hostTimeout is functionTimeout in host.json. After it the host kills the process, and with it
	// all other invocations.
	hostTimeout = 2 * time.Minute

	// defaultTimeout leaves an invocation half a minute to report its timeout before the host acts.
	defaultTimeout = 90 * time.Second

	// defaultMaxBodyBytes is twice what 64 KiB of form can become. The host sends a body as a JSON
	// string, in which a control character takes six bytes, and the headers (at most 32 KiB) twice.
	// It repeats the members of a JSON body, but those have no control characters. A queue message
	// has at most 64 KiB.
	defaultMaxBodyBytes = 1 << 20

	// maxDrainBytes is how much of a too large envelope is read and dropped, so that the host gets
	// an answer and not a connection reset. The host takes bodies of up to 100 MiB
	// (FUNCTIONS_REQUEST_BODY_SIZE_LIMIT), and escaping makes them larger.
	maxDrainBytes = 256 << 20

	// maxPooledBytes is the largest buffer that is kept for reuse.
	maxPooledBytes = 64 << 10
)

// functionName matches the names that the host accepts (azure-functions-host, Utility.cs). The
// length is checked separately, because a counted repetition makes the regular expression slow to
// compile.
var functionName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

const maxFunctionName = 128

// Config configures an App.
type Config struct {
	// Log gets one line for each invocation. It must write to standard output, because the host
	// logs standard error as errors. Required.
	Log *slog.Logger
	// Timeout ends the context of an invocation. It must be below the host's functionTimeout of two
	// minutes, after which the host kills the process. A function that ignores its context is not
	// stopped. Default: 90 s.
	Timeout time.Duration
	// MaxBodyBytes is the largest envelope that is read. Default: 1 MiB.
	MaxBodyBytes int64
}

// App is the functions of one app. Register all functions before serving. Then it is safe for
// concurrent use.
type App struct {
	log       *slog.Logger
	timeout   time.Duration
	drain     time.Duration
	maxBody   int64
	functions map[string]*function // by path
	buffers   sync.Pool            // of *bytes.Buffer
}

// function is one registered function.
type function struct {
	name string
	// run answers an envelope. It must not keep the slice.
	run func(ctx context.Context, call *invocation, envelope []byte) outcome
	// tooLarge answers an envelope that exceeds the limit.
	tooLarge func() outcome
	outputs  outputRules
}

// outcome is how an invocation ended.
type outcome struct {
	code   int   // the status for the host; anything but 200 fails the invocation
	body   any   // what the host gets, as JSON
	status int   // the status for the log: that of an HTTP function's response, else code
	err    error // why the invocation failed, for the log
}

// failure is the body of a failed invocation, and of an HTTP response that the function could not
// give.
type failure struct {
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Code   problem.Code `json:"code"`
	Detail string       `json:"detail,omitempty"`
}

// New returns an App without functions. It fails if config has no logger or a limit out of range.
func New(config Config) (*App, error) {
	if config.Log == nil {
		return nil, errors.New("functions: Config.Log is missing; set it to a logger that writes to standard output")
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.Timeout < 0 || config.Timeout >= hostTimeout {
		return nil, fmt.Errorf("functions: Config.Timeout is %s; it must be positive and below the host's functionTimeout of %s",
			config.Timeout, hostTimeout)
	}
	if config.MaxBodyBytes == 0 {
		config.MaxBodyBytes = defaultMaxBodyBytes
	}
	if config.MaxBodyBytes < 0 || config.MaxBodyBytes > maxDrainBytes {
		return nil, fmt.Errorf("functions: Config.MaxBodyBytes is %d; it must be positive and at most %d", config.MaxBodyBytes, maxDrainBytes)
	}
	return &App{
		log:       slog.New(NewLogHandler(config.Log.Handler())),
		timeout:   config.Timeout,
		drain:     drainTime,
		maxBody:   config.MaxBodyBytes,
		functions: make(map[string]*function),
		buffers:   sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}, nil
}

// register adds a function. Like http.ServeMux it panics on a programming error.
func (a *App) register(f *function) {
	if !functionName.MatchString(f.name) || len(f.name) > maxFunctionName {
		panic("functions: " + strconv.Quote(f.name) + " is not a function name that the host accepts")
	}
	path := "/" + f.name
	if a.functions[path] != nil {
		panic("functions: " + f.name + " is registered twice")
	}
	a.functions[path] = f
}

// Handler returns the handler for all requests of the host. Tests can call it without
// [App.Serve].
//
// GET / answers 200 at once: the host polls it every 25 ms at the start, and later as a health
// check.
func (a *App) Handler() http.Handler {
	return http.HandlerFunc(a.serve)
}

func (a *App) serve(w http.ResponseWriter, r *http.Request) {
	f := a.functions[r.URL.Path]
	switch {
	case r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		a.reply(r.Context(), w, outcome{code: http.StatusOK, body: response{}})
	case r.URL.Path == "/":
		w.Header().Set("Allow", "GET, HEAD")
		a.refuse(w, r, problem.MethodNotAllowed, "GET / tells whether the handler is up; functions are at /NAME")
	case f == nil:
		a.refuse(w, r, problem.NotFound, "no function of that name is registered; the path is /NAME, not the route")
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		a.refuse(w, r, problem.MethodNotAllowed, "the host invokes a function with POST")
	default:
		a.invoke(w, r, f)
	}
}

// refuse answers a request that is not an invocation. It does not log the path, which can contain
// anything.
func (a *App) refuse(w http.ResponseWriter, r *http.Request, code problem.Code, detail string) {
	a.log.LogAttrs(r.Context(), slog.LevelWarn, "no invocation", slog.Int("status", problemdetails.Status(code)), slog.String("error", detail))
	a.reply(r.Context(), w, refusal(code, detail))
}

// invoke runs one invocation, from reading the envelope to the log line.
func (a *App) invoke(w http.ResponseWriter, r *http.Request, f *function) {
	started := time.Now()
	call := newInvocation(f, r.Header)
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), invocationKey{}, call), a.timeout)
	defer cancel()

	ended := a.answer(ctx, call, r)
	a.reply(ctx, w, ended)

	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.Int("status", ended.status),
		slog.Float64("duration_ms", float64(time.Since(started).Microseconds())/1000),
	}
	if ended.status >= http.StatusInternalServerError || ended.code != http.StatusOK {
		level = slog.LevelError
	}
	if ended.err != nil {
		attrs = append(attrs, slog.String("code", string(problem.CodeOf(ended.err))), slog.String("error", safeText(ended.err)))
	}
	a.log.LogAttrs(ctx, level, "invocation ended", attrs...)
}

// answer reads the envelope and runs the function.
func (a *App) answer(ctx context.Context, call *invocation, r *http.Request) outcome {
	buffer := a.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	defer a.release(buffer)

	tooLarge := r.ContentLength > a.maxBody
	if !tooLarge {
		// One byte more than the limit shows that there is more. The host sends chunks, so
		// ContentLength may be -1.
		if r.ContentLength > 0 {
			buffer.Grow(int(r.ContentLength) + bytes.MinRead)
		}
		n, err := buffer.ReadFrom(io.LimitReader(r.Body, a.maxBody+1))
		if err != nil {
			return refusal(problem.MalformedBody, fmt.Sprintf("the envelope broke off after %d bytes", n))
		}
		tooLarge = n > a.maxBody
	}
	if tooLarge {
		// If draining fails, so does writing the answer.
		_, _ = io.CopyN(io.Discard, r.Body, maxDrainBytes)
		return call.function.tooLarge()
	}
	return call.function.run(ctx, call, buffer.Bytes())
}

// release keeps the buffer for reuse, unless an unusual envelope has made it large.
func (a *App) release(buffer *bytes.Buffer) {
	if buffer.Cap() <= maxPooledBytes {
		a.buffers.Put(buffer)
	}
}

// reply writes the answer to the host with its length.
func (a *App) reply(ctx context.Context, w http.ResponseWriter, ended outcome) {
	buffer := a.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	defer a.release(buffer)

	err := json.MarshalWrite(buffer, ended.body, jsonOptions)
	if err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "the answer can't be encoded", slog.String("error", fmt.Sprintf("%T", err)))
		// Nothing that this package builds fails to encode. An empty answer would make the host
		// hang.
		buffer.Reset()
		buffer.WriteString("{}")
		ended.code = http.StatusInternalServerError
	}
	// Without a content type net/http would guess text/plain, which the host refuses.
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(buffer.Len()))
	w.WriteHeader(ended.code)
	_, err = w.Write(buffer.Bytes())
	if err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "the answer did not reach the host", slog.String("error", err.Error()))
	}
}

// protect calls a handler and turns a panic into an error. It logs the type and the stack but not
// the value, which may contain what a user sent.
func (a *App) protect(ctx context.Context, f func() error) (err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		err = problem.New(problem.Internal, "a panic with a %T", value)
		a.log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("type", fmt.Sprintf("%T", value)), slog.String("stack", string(debug.Stack())))
	}()
	return f()
}

// finish ends an invocation of a queue or timer function.
func finish(call *invocation, err error) outcome {
	messages := call.end()
	if err != nil {
		return outcome{
			code:   http.StatusInternalServerError,
			body:   newFailure(problem.CodeOf(err), http.StatusInternalServerError, ""),
			status: http.StatusInternalServerError,
			err:    err,
		}
	}
	return outcome{code: http.StatusOK, body: response{outputs{messages: messages}}, status: http.StatusOK}
}

// refusal fails an invocation before it reaches its function. The detail goes to the host and to
// the log, so it must quote nothing of an envelope.
func refusal(code problem.Code, detail string) outcome {
	return outcome{
		code:   problemdetails.Status(code),
		body:   newFailure(code, problemdetails.Status(code), detail),
		status: problemdetails.Status(code),
		err:    problem.New(code, "%s", detail),
	}
}

func newFailure(code problem.Code, status int, detail string) failure {
	return failure{Title: problemdetails.Title(code), Status: status, Code: code, Detail: detail}
}

// safeText returns what the log may say of err: the text of an error with a code, which is
// written for the log, or of a context error. Of any other error it returns only the type,
// because its text may contain personal data.
func safeText(err error) string {
	var coded *problem.Error
	switch {
	case errors.As(err, &coded):
		return coded.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded.Error()
	case errors.Is(err, context.Canceled):
		return context.Canceled.Error()
	}
	return fmt.Sprintf("an error without a code, of type %T", err)
}
