package hostsim

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// hostVersion is the version that the handler is told. The rules here are those of its source.
const hostVersion = "4.1037.0"

// drainGrace is how long the host waits for running invocations before it kills the handler
// (WebJobsScriptHostService.StopAsync).
const drainGrace = 10 * time.Second

// flushGrace is how long HTTP responses may take to be sent at the end.
const flushGrace = time.Second

// defaultMaxBody is the host's limit for a request's body in bytes
// (ScriptConstants.DefaultMaxRequestBodySize), and maxBodyVariable sets another one.
const (
	defaultMaxBody  = 100 << 20
	maxBodyVariable = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
)

// hostStorageVariable has the connection string of the host's own storage. It is also that of
// bindings without a connection.
const hostStorageVariable = "AzureWebJobsStorage"

// Config says what to host and how.
type Config struct {
	// Root is the folder of host.json and the function folders. The handler's path in host.json is
	// relative to it. Required.
	Root string
	// Env is the environment of the handler, as "name=value". It also holds the settings that the
	// files refer to, and overrides of host.json (AzureFunctionsJobHost__...). Of two values for a
	// name the later one counts. Nil is the environment of this process.
	Env []string
	// Storage is the connection string for the setting AzureWebJobsStorage. If empty, Env has it.
	Storage string
	// Listen is the address for HTTP. Default "127.0.0.1:0", a free port.
	Listen string
	// Now is the clock of timers and time stamps. Default time.Now.
	Now func() time.Time
	// Log gets the lines of the host and of the handler: its standard output at Info, its standard
	// error at Error, or at Warn if the line contains "warn". Default: none.
	Log *slog.Logger
	// MaxCrashes is the number of handler crashes after which the host stops. Half an hour without
	// a crash resets the count. Default 3, as in the real host; a test that kills the handler needs
	// more.
	MaxCrashes int
	// Invisibility is how long a message that was received stays hidden: it is renewed as long as
	// the message is worked on, and a host that is killed leaves it. Whole seconds. Default ten
	// minutes, as in the real host; a test that kills the host needs less.
	Invisibility time.Duration
	// PassOverPoison makes a message on a queue named *-poison that was received as often as
	// maxDequeueCount come to no function any more, without a line in the log, until the queue
	// drops it after seven days. Up to Storage.Queues 5.3.7, which extension bundle 4.38 pins, the
	// real host does that; later ones call the function for as long as the message is there.
	PassOverPoison bool
	// StorageRetry is the wait before the second of the six tries of a call to the storage account;
	// each further wait is twice as long. Default 800 ms, as in the real host.
	StorageRetry time.Duration
	// ReadKeys reads the host's function keys from storage. The real host does it when a request
	// has a query parameter "code" or a header x-functions-key, once and then at most every minute
	// for a key that it does not know, and fails the request with 500 if it can't. Default: it
	// works.
	ReadKeys func() error
}

// Host is one instance of the Functions host. Its methods may be called from several goroutines.
type Host struct {
	settings  settings
	functions []function
	listen    string
	maxBody   int64
	// noHomePage says that the host has nothing to show at "/".
	noHomePage bool
	keys       keys
	now        func() time.Time
	log        *slog.Logger
	server     *http.Server
	client     *http.Client // towards the handler
	worker     *worker
	queues     *queues

	// accepting ends first: after it no message, tick or request is taken. living ends when
	// drainGrace is over.
	accepting     context.Context
	stopAccepting context.CancelFunc
	living        context.Context
	endLife       context.CancelFunc
	background    sync.WaitGroup // the handler's keeper

	mu       sync.Mutex
	draining bool           // running gets no more
	running  sync.WaitGroup // invocations and the loops that make them

	listener net.Listener
	started  bool
	stopOnce sync.Once
	done     chan struct{}
	err      error
}

// withDefaults returns the configuration with an absolute root and a value in every field.
func (c Config) withDefaults() (Config, error) {
	if c.Root == "" {
		return c, errors.New("no root folder is given")
	}
	if c.MaxCrashes < 0 {
		return c, errors.New("MaxCrashes is negative")
	}
	var err error
	c.Root, err = filepath.Abs(c.Root)
	if err != nil {
		return c, err
	}
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:0")
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	c.MaxCrashes = cmp.Or(c.MaxCrashes, defaultMaxCrashes)
	c.Invisibility = cmp.Or(c.Invisibility, defaultInvisibility)
	if c.Invisibility < time.Second || c.Invisibility%time.Second != 0 {
		return c, errors.New("the invisibility is not in whole seconds")
	}
	c.StorageRetry = cmp.Or(c.StorageRetry, defaultStorageRetry)
	if c.Env == nil {
		c.Env = os.Environ()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.ReadKeys == nil {
		c.ReadKeys = func() error { return nil }
	}
	return c, nil
}

// environment returns what the settings refer to and the handler gets.
func (c Config) environment() environment {
	list := append(slices.Clip(c.Env), "FUNCTIONS_APP_ROOT_PATH="+c.Root)
	if c.Storage != "" {
		list = append(list, hostStorageVariable+"="+c.Storage)
	}
	return newEnvironment(list)
}

// New reads host.json, the function.json files and the environment. It starts nothing. Its error
// names every fault, and whatever this host does not support.
func New(config Config) (*Host, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("hosting functions: %w", err)
	}
	env := config.environment()
	s, err := readSettings(config.Root, env)
	if err != nil {
		return nil, err
	}
	if storage, _ := env.lookup(hostStorageVariable); storage == "" {
		return nil, fmt.Errorf("hosting functions: %s is missing: the host keeps its locks and keys there", hostStorageVariable)
	}
	functions, disabled, err := readFunctions(config.Root, s, env)
	if err != nil {
		return nil, err
	}
	for _, name := range disabled {
		config.Log.Warn("the function is disabled", "function", name)
	}
	h := &Host{
		settings:  s,
		functions: functions,
		listen:    config.Listen,
		maxBody:   defaultMaxBody,
		now:       config.Now,
		log:       config.Log,
		// The handler is on this machine: no proxy, and as many connections as there are
		// invocations.
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}},
		done:   make(chan struct{}),
		keys:   keys{read: config.ReadKeys},
	}
	noHomePage, _ := env.lookup(homePageVariable)
	h.noHomePage = strings.EqualFold(noHomePage, "true")
	if text, _ := env.lookup(maxBodyVariable); text != "" {
		h.maxBody, err = strconv.ParseInt(text, 10, 64)
		if err != nil || h.maxBody < 0 {
			return nil, fmt.Errorf("hosting functions: %s must be a number of bytes", maxBodyVariable)
		}
	}
	h.queues, err = newQueues(functions, s.queues, config)
	if err != nil {
		return nil, err
	}
	h.server = &http.Server{
		Handler:           http.HandlerFunc(h.serveHTTP),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
	h.worker = &worker{
		settings:   s.handler,
		env:        env.list,
		maxCrashes: config.MaxCrashes,
		now:        config.Now,
		log:        config.Log,
		client:     h.client,
		ready:      make(chan struct{}),
	}
	h.accepting, h.stopAccepting = context.WithCancel(context.Background())
	h.living, h.endLife = context.WithCancel(context.Background())
	return h, nil
}

// Start listens, starts the handler, waits until it answers, and starts taking messages and
// ticks. ctx limits only the start: a started Host runs until Stop, or until it fails (see Done).
// A Host can be started once.
//
// After an error nothing is left running.
func (h *Host) Start(ctx context.Context) error {
	if h.started {
		return errors.New("starting the host: it has been started before")
	}
	h.started = true
	var err error
	h.listener, err = net.Listen("tcp", h.listen)
	if err != nil {
		h.stop(err)
		return fmt.Errorf("listening for HTTP: %w", err)
	}
	// Requests that have been accepted go on: stop waits for invocations of all kinds.
	context.AfterFunc(h.accepting, func() { _ = h.listener.Close() })
	go func() {
		err := h.server.Serve(h.listener)
		if h.accepting.Err() == nil {
			h.stop(fmt.Errorf("serving HTTP: %w", err))
		}
	}()
	ended := make(chan error, 1)
	h.background.Go(func() {
		err := h.worker.run(h.living)
		ended <- err
		if err != nil {
			h.log.Error("the host stops", "cause", err)
			h.stop(err)
		}
	})
	ready := make(chan error, 1)
	go func() { ready <- h.worker.await(h.living) }()
	select {
	case err = <-ready:
	case err = <-ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		h.stop(err)
		<-h.done
		return err
	}
	for i := range h.functions {
		f := &h.functions[i]
		switch f.trigger.kind {
		case queueTrigger:
			h.run(func() { h.listenToQueue(f) })
		case timerTrigger:
			h.run(func() { h.runTimer(f) })
		}
	}
	return nil
}

// URL returns the address for HTTP, without a slash at the end. It is valid after Start has
// returned nil.
func (h *Host) URL() string { return "http://" + h.listener.Addr().String() }

// Done is closed when the host has stopped, by Stop or by itself, and the handler has ended.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err waits for the end and returns why the host has stopped by itself or that it was killed, or
// nil if Stop stopped it.
func (h *Host) Err() error {
	<-h.done
	return h.err
}

// Stop takes nothing new, gives running invocations ten seconds, and then kills the handler with
// SIGKILL as the real host does. When it returns, the handler has ended. A message whose
// invocation did not end in time becomes visible again after at most ten minutes.
func (h *Host) Stop() {
	h.stop(nil)
	<-h.done
}

// errKilled is why a killed host has stopped.
var errKilled = errors.New("the host was killed")

// Kill ends the host as SIGKILL ends the real one: nothing is waited for, and no message is
// changed any more. Messages that were received stay hidden for up to [Config.Invisibility]. When
// it returns, the handler has ended too.
func (h *Host) Kill() {
	h.stop(errKilled)
	<-h.done
}

// stop stops the host in the background, once: the first cause counts.
func (h *Host) stop(cause error) {
	h.stopOnce.Do(func() {
		go func() {
			h.stopAccepting()
			h.mu.Lock()
			h.draining = true
			h.mu.Unlock()
			drained := make(chan struct{})
			go func() {
				h.running.Wait()
				close(drained)
			}()
			if cause == nil {
				select {
				case <-drained:
				case <-time.After(drainGrace):
					h.log.Warn("invocations still run; they end with the handler")
				}
			}
			h.endLife()
			h.background.Wait()
			<-drained
			// The last responses may not have been sent yet.
			leaving, cancel := context.WithTimeout(context.Background(), flushGrace)
			_ = h.server.Shutdown(leaving)
			cancel()
			_ = h.server.Close()
			h.client.CloseIdleConnections()
			h.err = cause
			close(h.done)
		}()
	})
}

// begin adds one to h.running and reports true, unless the host is stopping. Then the caller must
// call h.running.Done.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return false
	}
	h.running.Add(1)
	return true
}

// run runs f in the background, unless the host is stopping.
func (h *Host) run(f func()) {
	if !h.begin() {
		return
	}
	go func() {
		defer h.running.Done()
		f()
	}()
}

// KillHandler kills the handler process with SIGKILL and waits for its end. It counts as a crash:
// the host starts another process at once, unless there were too many.
func (h *Host) KillHandler() error { return h.worker.kill() }

// HandlerPID returns the process id of the current handler, or 0 before the first one.
func (h *Host) HandlerPID() int { return h.worker.pid() }

// invoke posts the envelope to the handler and returns its result. The error contains none of the
// data.
func (h *Host) invoke(f *function, e envelope) (result, error) {
	id := newGUID()
	log := h.log.With("function", f.name, "invocation", id)
	log.Debug("invoking")
	r, err := h.post(f, id, e)
	if err != nil {
		log.Error("the invocation failed", "cause", err)
		return result{}, err
	}
	for _, line := range r.logs {
		log.Info(line)
	}
	return r, nil
}

// post waits for the handler and posts the envelope, within the function timeout.
func (h *Host) post(f *function, id string, e envelope) (result, error) {
	err := h.worker.await(h.living)
	if errors.Is(err, errSlowStart) {
		h.stop(err)
	}
	if err != nil {
		return result{}, err
	}
	process := h.worker.current()
	content, err := e.encode()
	if err != nil {
		return result{}, err
	}
	ctx := h.living
	if h.settings.functionTimeout > 0 {
		limited, cancel := context.WithTimeout(ctx, h.settings.functionTimeout)
		defer cancel()
		ctx = limited
	}
	r, err := h.exchange(ctx, f, id, content)
	if err == nil {
		return r, nil
	}
	if errors.Is(err, errNull) {
		h.log.Error(err.Error(), "function", f.name, "invocation", id)
		<-ctx.Done()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		// The handler learns of no cancellation: it is killed, and all its invocations fail.
		h.worker.replace(process)
		return result{}, fmt.Errorf("timeout after %s: the handler is killed", h.settings.functionTimeout)
	}
	return result{}, err
}

// exchange sends one request to the handler.
func (h *Host) exchange(ctx context.Context, f *function, id string, content []byte) (result, error) {
	body := func() (io.ReadCloser, error) {
		// Hiding the length makes the body chunked, as in the real host.
		return struct{ io.ReadCloser }{io.NopCloser(bytes.NewReader(content))}, nil
	}
	reader, err := body()
	if err != nil {
		return result{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.worker.address("/"+f.name), reader)
	if err != nil {
		return result{}, err
	}
	request.GetBody = body
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "Azure-Functions-Host/"+hostVersion)
	request.Header.Set("X-Azure-Functions-HostVersion", hostVersion)
	request.Header.Set("X-Azure-Functions-InvocationId", id)
	response, err := h.client.Do(request)
	if err != nil {
		return result{}, fmt.Errorf("calling the handler: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return result{}, fmt.Errorf("reading the handler's answer: %w", err)
	}
	return readResult(response.StatusCode, response.Header.Get("Content-Type"), answer)
}

// bind sends the queue outputs of a result at the same time. It ignores outputs without a
// binding.
func (h *Host) bind(f *function, r result) error {
	failures := make([]error, len(f.outputs))
	var sending sync.WaitGroup
	for i, output := range f.outputs {
		raw, exists := r.outputs[output.name]
		if output.kind != queueOutput || !exists {
			continue
		}
		sending.Go(func() {
			err := h.send(output, raw)
			if err != nil {
				failures[i] = fmt.Errorf("output %s: %w", output.name, err)
			}
		})
	}
	sending.Wait()
	err := errors.Join(failures...)
	if err != nil {
		h.log.Error("an output failed, and the invocation with it", "function", f.name, "cause", err)
	}
	return err
}

// send puts the messages of one queue output on its queue, in order.
func (h *Host) send(output binding, raw json.RawMessage) error {
	messages, err := queueMessages(raw, output.binary)
	if err != nil {
		return err
	}
	for _, message := range messages {
		err := h.queues.enqueue(h.living, output, message)
		if err != nil {
			return err
		}
	}
	return nil
}
