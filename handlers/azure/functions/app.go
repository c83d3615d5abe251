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
	// hostTimeout is functionTimeout in host.json. When it passes, the host kills the whole process and with it every
	// other invocation.
	hostTimeout = 2 * time.Minute

	// defaultTimeout leaves an invocation that ran out of time half a minute to say so before the host acts.
	defaultTimeout = 90 * time.Second

	// defaultMaxBodyBytes is twice of what 64 KiB of form can become, more than any honest sign-up. The host sends a
	// body as a JSON string, which makes six characters of a control character, and headers (32 KiB at most, by its
	// server) twice. A JSON body comes once more in pieces, but has no control characters. A queue message has 64 KiB
	// at most.
	defaultMaxBodyBytes = 1 << 20

	// maxDrainBytes is how much of an envelope that is too large is read and thrown away, so that the host reads our
	// answer instead of a connection reset: the host takes bodies of up to 100 MiB (FUNCTIONS_REQUEST_BODY_SIZE_LIMIT),
	// which escaping makes larger.
	maxDrainBytes = 256 << 20

	// maxPooledBytes is the largest buffer that is kept for the next envelope.
	maxPooledBytes = 64 << 10
)

// functionName is what the host takes for the name of a function's folder (azure-functions-host, Utility.cs).
// A counted repetition would take longer to compile than the rest of the package to start: the length is checked apart.
var functionName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

const maxFunctionName = 128

// Config is what an App needs.
type Config struct {
	// Log gets one line for each invocation. It must write to standard output: the host takes standard error for
	// errors. Required.
	Log *slog.Logger
	// Timeout ends the context of an invocation. It must lie below the host's functionTimeout of two minutes, because
	// the host ends an overdue invocation by killing the process. A function that does not heed its context is not
	// stopped. Default: 90 s.
	Timeout time.Duration
	// MaxBodyBytes is the largest envelope that is read. Default: 1 MiB, twice of what 64 KiB of form can become.
	MaxBodyBytes int64
}

// App is the functions of one app. Register all of them before serving; after that it is safe for concurrent use.
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
	// run answers one envelope. It must not keep the slice.
	run func(ctx context.Context, call *invocation, envelope []byte) outcome
	// tooLarge answers an envelope beyond the limit.
	tooLarge func() outcome
	// outputs says which outputs the functions of this kind can have.
	outputs outputRules
}

// outcome is how an invocation ended.
type outcome struct {
	// code is the status towards the host: 200, or anything else to fail the invocation.
	code int
	// body is what the host gets.
	body any
	// status is what the log calls it: the status of an HTTP function's own answer, else code.
	status int
	// err says for the log why the invocation failed.
	err error
}

// failure is the body of every answer that makes an invocation fail, and of the answers that HTTP functions could not
// give themselves.
type failure struct {
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Code   problem.Code `json:"code"`
	Detail string       `json:"detail,omitempty"`
}

// New returns an App without functions. It fails if Config lacks a logger or has a limit that the host would not keep.
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

// register adds a function. Like http.ServeMux it panics on what only a mistake in the program can cause.
func (a *App) register(f *function) {
	if !functionName.MatchString(f.name) || len(f.name) > maxFunctionName {
		panic("functions: " + strconv.Quote(f.name) + " is no function name that the host accepts")
	}
	path := "/" + f.name
	if a.functions[path] != nil {
		panic("functions: " + f.name + " is registered twice")
	}
	a.functions[path] = f
}

// Handler returns the handler for all that the host asks. It needs nothing of Serve, so tests can call it directly.
//
// GET / answers 200 at once: the host knocks there every 25 ms until the first answer, and later for health.
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

// refuse answers a request that is no invocation. The path is not logged: anything can stand in it.
func (a *App) refuse(w http.ResponseWriter, r *http.Request, code problem.Code, detail string) {
	a.log.LogAttrs(r.Context(), slog.LevelWarn, "no invocation", slog.Int("status", problemdetails.Status(code)), slog.String("error", detail))
	a.reply(r.Context(), w, refusal(code, detail))
}

// invoke runs one invocation from the envelope to the log line.
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
		// One more than the limit, to see that there is more. The host sends chunks, so the length may be unknown (-1).
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
		// A failure to drain shows when the answer is written.
		_, _ = io.CopyN(io.Discard, r.Body, maxDrainBytes)
		return call.function.tooLarge()
	}
	return call.function.run(ctx, call, buffer.Bytes())
}

// release keeps the buffer for the next envelope, unless it is so large that an unusual envelope must have made it so.
func (a *App) release(buffer *bytes.Buffer) {
	if buffer.Cap() <= maxPooledBytes {
		a.buffers.Put(buffer)
	}
}

// reply writes the answer to the host, in one piece and with its length.
func (a *App) reply(ctx context.Context, w http.ResponseWriter, ended outcome) {
	buffer := a.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	defer a.release(buffer)

	err := json.MarshalWrite(buffer, ended.body, jsonOptions)
	if err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "the answer can't be encoded", slog.String("error", fmt.Sprintf("%T", err)))
		// Nothing that this package builds fails to encode. If it did, an empty answer would make the host hang.
		buffer.Reset()
		buffer.WriteString("{}")
		ended.code = http.StatusInternalServerError
	}
	// Without a content type net/http would guess text/plain, which the host does not read.
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(buffer.Len()))
	w.WriteHeader(ended.code)
	_, err = w.Write(buffer.Bytes())
	if err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "the answer did not reach the host", slog.String("error", err.Error()))
	}
}

// protect calls business code and turns a panic into an error. The log gets the type and the stack; the value may hold
// what a user sent.
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

// finish ends an invocation that has no answer of its own: queue and timer functions.
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

// refusal fails an invocation that reached no function. The detail goes to the host and to the log, so it must quote
// nothing of an envelope.
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

// safeText returns what the log may know of an error: the text of an error with a code, which is made for the log, and
// of an error of the context. Of any other error only the type, because nobody promises what stands in its text.
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
