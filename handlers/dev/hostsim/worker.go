package hostsim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"guestlist/handlers/dev/internal/subprocess"
)

// The host's rules for the handler process (HttpWorkerProcess.cs, DefaultHttpWorkerService.cs,
// HttpFunctionInvocationDispatcher.cs).
const (
	readinessInterval = 25 * time.Millisecond // between two polls of a starting handler
	crashWindow       = 30 * time.Minute      // without a crash, after which the count is reset
	defaultMaxCrashes = 3                     // after which the host stops
	restartExitCode   = 200                   // of a handler that asks for a restart, which is not a crash
	stderrLines       = 3                     // of standard error in the error of a crash
)

// errGaveUp is the host's message when the handler has crashed too often.
var errGaveUp = errors.New("host: Exceeded http worker restart retry count. Shutting down Functions Host")

// errSlowStart is the host's message when an invocation has waited too long for the handler.
var errSlowStart = errors.New("host: Initialization timed out and host is shutting down")

// worker keeps the one handler process of the host running.
type worker struct {
	settings   handlerSettings
	env        []string
	maxCrashes int
	now        func() time.Time
	log        *slog.Logger
	client     *http.Client

	mu      sync.Mutex
	process *subprocess.Process // nil before the first start
	port    int
	ready   chan struct{}       // closed when the current process answers, and replaced with the process
	excused *subprocess.Process // is killed on purpose, so its end is not a crash
}

// run starts the handler and restarts it by the host's rules. It returns nil when ctx ends, or
// the reason why the host must stop.
func (w *worker) run(ctx context.Context) error {
	crashes := 0
	var lastCrash time.Time
	for ctx.Err() == nil {
		stderr := &tail{}
		process, output, err := w.start(stderr)
		if err != nil {
			return err
		}
		cause := w.watch(ctx, process)
		err = process.Kill()
		if err != nil {
			return fmt.Errorf("killing the handler: %w", err)
		}
		output.flush()
		if ctx.Err() != nil {
			return nil
		}
		if cause == nil {
			// Exit code 200, or killed on purpose.
			continue
		}
		now := w.now()
		if now.Sub(lastCrash) >= crashWindow {
			crashes = 0
		}
		lastCrash = now
		crashes++
		w.log.Error("the handler crashed", "cause", cause, "crashes", crashes, "stderr", stderr.String())
		if crashes >= w.maxCrashes {
			return fmt.Errorf("%w. The last crash: %w: %s", errGaveUp, cause, stderr)
		}
	}
	return nil
}

// start starts one process and makes it the current one.
func (w *worker) start(stderr *tail) (*subprocess.Process, output, error) {
	port := w.settings.port
	if port == 0 {
		var err error
		port, err = freePort()
		if err != nil {
			return nil, output{}, fmt.Errorf("finding a port for the handler: %w", err)
		}
	}
	id := newGUID()
	cmd := exec.Command(w.settings.path, w.settings.arguments...)
	cmd.Dir = w.settings.directory
	cmd.Env = append(w.env[:len(w.env):len(w.env)],
		"FUNCTIONS_HTTPWORKER_PORT="+strconv.Itoa(port),
		"FUNCTIONS_CUSTOMHANDLER_PORT="+strconv.Itoa(port),
		"FUNCTIONS_HTTPWORKER_ID="+id,
		"FUNCTIONS_CUSTOMHANDLER_WORKER_ID="+id,
	)
	out := output{
		stdout: &lines{each: func(line string) { w.log.Info(line, "from", "handler") }},
		stderr: &lines{each: func(line string) {
			stderr.add(line)
			w.log.Log(context.Background(), w.stderrLevel(line), line, "from", "handler")
		}},
	}
	cmd.Stdout, cmd.Stderr = out.stdout, out.stderr
	// The lock is held until w.process has started.
	w.mu.Lock()
	defer w.mu.Unlock()
	process, err := subprocess.Start(cmd)
	if err != nil {
		return nil, output{}, fmt.Errorf("starting the handler: %w", err)
	}
	w.process, w.port = process, port
	return process, out, nil
}

// watch waits for the process to answer and then for its end. It returns nil if the end was not a
// crash.
func (w *worker) watch(ctx context.Context, process *subprocess.Process) error {
	slow := !w.awaitAnswer(ctx, process)
	if ctx.Err() != nil {
		return nil
	}
	w.mu.Lock()
	ready := w.ready
	w.mu.Unlock()
	if slow {
		_ = process.Kill()
		return errors.New("it did not answer in time: initializing HttpWorker timed out")
	}
	select {
	case <-process.Done():
		// It ended before it answered. Invocations wait for the next process.
	default:
		w.log.Debug("the handler is ready", "pid", process.PID())
		close(ready)
	}
	select {
	case <-process.Done():
	case <-ctx.Done():
		return nil
	}
	w.mu.Lock()
	excused := w.excused == process
	w.mu.Unlock()
	code := process.ExitCode()
	switch {
	case !excused && code == 0:
		// The host does not restart it, and all further invocations fail.
		w.log.Debug("the handler ended with exit code 0; it is not started again")
		<-ctx.Done()
		return nil
	case excused || code == restartExitCode:
		w.renew(ready)
		return nil
	default:
		w.renew(ready)
		return fmt.Errorf("the handler ended by itself or by a signal: %w", process.Wait())
	}
}

// renew makes invocations wait for the next process.
func (w *worker) renew(old chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-old:
		w.ready = make(chan struct{})
	default:
		// Invocations still wait on it.
	}
}

// awaitAnswer polls GET / until the process answers, or ends. It reports false after the
// initialization timeout.
func (w *worker) awaitAnswer(ctx context.Context, process *subprocess.Process) bool {
	ctx, cancel := context.WithTimeout(ctx, w.settings.initializationTimeout)
	defer cancel()
	ticker := time.NewTicker(readinessInterval)
	defer ticker.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.address("/"), nil)
		if err != nil {
			return false
		}
		response, err := w.client.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			return true
		}
		var socket *net.OpError
		if ctx.Err() == nil && !errors.As(err, &socket) && !errors.Is(err, io.EOF) {
			// An answer that is not HTTP is good enough for the host.
			return true
		}
		select {
		case <-process.Done():
			return true
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}

func (w *worker) address(path string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return "http://127.0.0.1:" + strconv.Itoa(w.port) + path
}

// await waits until a process answers.
func (w *worker) await(ctx context.Context) error {
	// The host waits for a start and three restarts.
	timeout := time.NewTimer((defaultMaxCrashes + 1) * w.settings.initializationTimeout)
	defer timeout.Stop()
	w.mu.Lock()
	ready := w.ready
	w.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timeout.C:
		return errSlowStart
	}
}

// replace kills the process without counting a crash. Another one is started.
func (w *worker) replace(process *subprocess.Process) {
	w.mu.Lock()
	w.excused = process
	w.mu.Unlock()
	_ = process.Kill()
}

func (w *worker) current() *subprocess.Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.process
}

// kill kills the current process as a crash would, and waits for its end.
func (w *worker) kill() error {
	process := w.current()
	if process == nil {
		return errors.New("killing the handler: it has not been started")
	}
	return process.Kill()
}

func (w *worker) pid() int {
	process := w.current()
	if process == nil {
		return 0
	}
	return process.PID()
}

func (w *worker) stderrLevel(line string) slog.Level {
	lower := strings.ToLower(line)
	contains := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(lower, word) {
				return true
			}
		}
		return false
	}
	switch {
	case contains("warn"):
		return slog.LevelWarn
	case w.settings.stderrIsError || contains("error", "fail", "severe", "unhandled exception"):
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// freePort returns a port that was free just now. A handler that finds it taken ends, and gets
// another one.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// tail keeps the last lines of standard error.
type tail struct {
	mu   sync.Mutex
	last []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, line)
	if len(t.last) > stderrLines {
		t.last = t.last[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.last, "; ")
}

// output receives the handler's output.
type output struct{ stdout, stderr *lines }

// flush passes on an unfinished last line. The process must have ended.
func (o output) flush() {
	o.stdout.flush()
	o.stderr.flush()
}

// maxLine is the length at which a line of the handler's output is split.
const maxLine = 64 << 10

// lines is a writer that passes on whole lines.
type lines struct {
	each func(string)
	rest []byte
}

func (l *lines) Write(output []byte) (int, error) {
	l.rest = append(l.rest, output...)
	for {
		line, rest, found := strings.Cut(string(l.rest), "\n")
		if !found && len(l.rest) < maxLine {
			return len(output), nil
		}
		l.rest = append(l.rest[:0], rest...)
		line = strings.TrimSuffix(line, "\r")
		if line != "" {
			l.each(line)
		}
	}
}

func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.each(string(l.rest))
	}
}
