package hostsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// environment is a set of variables. Like .NET's configuration, the host ignores the case of
// names.
type environment struct {
	list   []string
	values map[string]string // by lower-case name
}

// newEnvironment reads "name=value" strings. Of two with the same name the later one counts.
func newEnvironment(list []string) environment {
	e := environment{list: list, values: map[string]string{}}
	for _, variable := range list {
		name, value, _ := strings.Cut(variable, "=")
		e.values[strings.ToLower(name)] = value
	}
	return e
}

func (e environment) lookup(name string) (string, bool) {
	value, set := e.values[strings.ToLower(name)]
	return value, set
}

var reference = regexp.MustCompile(`%([^%]+)%`)

// resolve replaces each %NAME% with the value of that setting. A name that is not set is an
// error.
func (e environment) resolve(text string) (string, error) {
	var missing []error
	resolved := reference.ReplaceAllStringFunc(text, func(match string) string {
		value, set := e.lookup(strings.Trim(match, "%"))
		if !set || value == "" {
			missing = append(missing, fmt.Errorf("%s does not resolve to a value: set it in the environment", match))
		}
		return value
	})
	return resolved, errors.Join(missing...)
}

// expand replaces each %NAME% with the value of that variable, which is empty if it is not set.
func (e environment) expand(text string) string {
	return reference.ReplaceAllStringFunc(text, func(match string) string {
		value, _ := e.lookup(strings.Trim(match, "%"))
		return value
	})
}

// settings are the values of host.json and the environment, with the host's defaults.
type settings struct {
	routePrefix     string
	functionTimeout time.Duration // 0 is unbounded
	hasBundle       bool
	queues          queueSettings
	handler         handlerSettings
}

type queueSettings struct {
	batchSize          int
	newBatchThreshold  int
	maxPollingInterval time.Duration
	visibilityTimeout  time.Duration
	maxDequeueCount    int
	base64             bool
}

type handlerSettings struct {
	path                  string
	arguments             []string
	directory             string
	port                  int // 0 takes a free one
	initializationTimeout time.Duration
	stderrIsError         bool // if false, only lines that look like an error are one
}

// overridePrefix is the prefix of environment variables that override host.json, such as
// AzureFunctionsJobHost__extensions__queues__batchSize=1.
const overridePrefix = "azurefunctionsjobhost:"

// hostFile is host.json, flattened as .NET's configuration does it: "extensions:queues:batchsize"
// has the value "8", and an element of an array has its index as the last part of the key.
type hostFile map[string]string

func readHostFile(root string, env environment) (hostFile, error) {
	content, err := os.ReadFile(filepath.Join(root, "host.json"))
	if err != nil {
		return nil, fmt.Errorf("reading host.json: %w", err)
	}
	var tree map[string]any
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	err = decoder.Decode(&tree)
	if err != nil {
		return nil, fmt.Errorf("reading host.json: %w", err)
	}
	file := hostFile{}
	file.flatten("", tree)
	for name, value := range env.values {
		key, isOverride := strings.CutPrefix(strings.ReplaceAll(name, "__", ":"), overridePrefix)
		if isOverride {
			file[key] = value
		}
	}
	return file, nil
}

func (f hostFile) flatten(key string, value any) {
	below := func(name string) string {
		if key == "" {
			return strings.ToLower(name)
		}
		return key + ":" + strings.ToLower(name)
	}
	switch value := value.(type) {
	case map[string]any:
		for name, element := range value {
			f.flatten(below(name), element)
		}
	case []any:
		for i, element := range value {
			f.flatten(below(strconv.Itoa(i)), element)
		}
	case nil:
		f[key] = ""
	default:
		f[key] = fmt.Sprint(value)
	}
}

// list returns the elements of an array.
func (f hostFile) list(key string) []string {
	var values []string
	for i := 0; ; i++ {
		value, set := f[key+":"+strconv.Itoa(i)]
		if !set {
			return values
		}
		values = append(values, value)
	}
}

// has reports whether the key or anything under it is set.
func (f hostFile) has(key string) bool {
	for name := range maps.Keys(f) {
		if name == key || strings.HasPrefix(name, key+":") {
			return true
		}
	}
	return false
}

// Defaults and bounds of the host (Config/ScriptJobHostOptionsSetup.cs, QueuesOptions.cs,
// HttpWorkerOptions.cs).
const (
	defaultFunctionTimeout       = 30 * time.Minute // the Flex Consumption plan's
	minFunctionTimeout           = time.Second
	defaultBatchSize             = 16
	maxBatchSize                 = 32
	defaultMaxPollingInterval    = time.Minute
	minPollingInterval           = 100 * time.Millisecond
	defaultMaxDequeueCount       = 5
	defaultInitializationTimeout = 30 * time.Second
	// maxVisibilityTimeout is the storage service's: seven days.
	maxVisibilityTimeout = 7 * 24 * time.Hour
)

// settingsReader reads settings from host.json and collects what is wrong with them.
type settingsReader struct {
	root   string
	env    environment
	file   hostFile
	faults []error
}

func (r *settingsReader) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf(format, args...))
}

// text returns a setting as it is written, "" if it is not set. Keys match in any case.
func (r *settingsReader) text(key string) string { return r.file[strings.ToLower(key)] }

func (r *settingsReader) isSet(key string) bool {
	_, set := r.file[strings.ToLower(key)]
	return set
}

// ranged returns a setting, or fallback if it is not set. It must be from low to high.
func ranged[T int | time.Duration](r *settingsReader, key, kind string, fallback, low, high T, parse func(string) (T, error)) T {
	if !r.isSet(key) {
		return fallback
	}
	value, err := parse(r.text(key))
	if err != nil || value < low || value > high {
		r.fault("%s must be a %s from %v to %v", key, kind, low, high)
	}
	return value
}

func (r *settingsReader) number(key string, fallback, low, high int) int {
	return ranged(r, key, "number", fallback, low, high, strconv.Atoi)
}

func (r *settingsReader) span(key string, fallback, low, high time.Duration) time.Duration {
	return ranged(r, key, "time span, written hh:mm:ss,", fallback, low, high, parseTimeSpan)
}

func (r *settingsReader) boolean(key string, fallback bool) bool {
	if !r.isSet(key) {
		return fallback
	}
	value, err := strconv.ParseBool(strings.ToLower(r.text(key)))
	if err != nil {
		r.fault("%s must be true or false", key)
	}
	return value
}

// readSettings reads host.json and the environment variables that override it. Its error names
// every fault.
func readSettings(root string, env environment) (settings, error) {
	file, err := readHostFile(root, env)
	if err != nil {
		return settings{}, err
	}
	r := &settingsReader{root: root, env: env, file: file}
	s := settings{
		routePrefix: "api",
		hasBundle:   r.text("extensionBundle:id") != "",
		queues:      r.queues(),
		handler:     r.handler(),
	}
	if r.isSet("extensions:http:routePrefix") {
		s.routePrefix = strings.Trim(r.text("extensions:http:routePrefix"), "/")
	}
	if r.text("functionTimeout") != "-1" {
		s.functionTimeout = r.span("functionTimeout", defaultFunctionTimeout, minFunctionTimeout, 1<<62)
	}
	if r.text("version") != "2.0" {
		r.fault(`version must be "2.0"`)
	}
	for _, key := range []string{
		"concurrency:dynamicConcurrencyEnabled", "customHandler:enableForwardingHttpRequest", "customHandler:enableProxyingHttpRequest",
	} {
		if r.boolean(key, false) {
			r.fault("%s is not supported here: set it to false", key)
		}
	}
	if file.has("customhandler:http") || file.has("configurationprofile") {
		r.fault("customHandler:http and configurationProfile are not supported here: describe functions in function.json files")
	}
	if len(r.faults) > 0 {
		return settings{}, fmt.Errorf("host.json, with the AzureFunctionsJobHost__ variables over it, has faults:\n%w", errors.Join(r.faults...))
	}
	return s, nil
}

func (r *settingsReader) queues() queueSettings {
	const section = "extensions:queues:"
	q := queueSettings{
		batchSize:          r.number(section+"batchSize", defaultBatchSize, 1, maxBatchSize),
		maxPollingInterval: r.span(section+"maxPollingInterval", defaultMaxPollingInterval, minPollingInterval, 1<<62),
		visibilityTimeout:  r.span(section+"visibilityTimeout", 0, 0, maxVisibilityTimeout),
		maxDequeueCount:    r.number(section+"maxDequeueCount", defaultMaxDequeueCount, 1, 1<<30),
	}
	q.newBatchThreshold = r.number(section+"newBatchThreshold", q.batchSize/2*runtime.NumCPU(), 0, 1000)
	switch strings.ToLower(r.text(section + "messageEncoding")) {
	case "", "base64":
		q.base64 = true
	case "none":
	default:
		r.fault("%smessageEncoding must be base64 or none", section)
	}
	return q
}

func (r *settingsReader) handler() handlerSettings {
	const description = "customHandler:description:"
	h := handlerSettings{
		path:                  r.env.expand(r.text(description + "defaultExecutablePath")),
		directory:             r.root,
		port:                  r.number("customHandler:port", 0, 0, 65535),
		initializationTimeout: r.span("customHandler:initializationTimeout", defaultInitializationTimeout, readinessInterval, time.Hour),
		stderrIsError:         r.boolean(description+"useStdErrorStreamForErrorsOnly", true),
	}
	if r.boolean(description+"isDisabled", false) {
		r.fault("%sisDisabled leaves no handler to start", description)
	}
	if h.path == "" {
		r.fault("%sdefaultExecutablePath is required", description)
		return h
	}
	inside := func(path string) string {
		path = filepath.FromSlash(path)
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(r.root, path)
	}
	if !filepath.IsAbs(h.path) {
		// A plain name that is not a file here may be on the PATH.
		full := filepath.Join(inside(r.text(description+"workerDirectory")), filepath.FromSlash(h.path))
		_, err := os.Stat(full)
		if err == nil || strings.ContainsRune(h.path, '/') {
			h.path = full
		}
	}
	if r.text(description+"workingDirectory") != "" {
		h.directory = inside(r.text(description + "workingDirectory"))
	}
	arguments := r.file.list(strings.ToLower(description + "arguments"))
	if path := r.text(description + "defaultWorkerPath"); path != "" {
		arguments = append(arguments, path)
	}
	workerArguments := r.file.list(strings.ToLower(description + "workerArguments"))
	if text := r.text(description + "workerArguments"); text != "" {
		err := json.Unmarshal([]byte(text), &workerArguments)
		if err != nil {
			r.fault("%sworkerArguments, where it is one string, must be a JSON array of strings", description)
		}
	}
	for _, argument := range slices.Concat(arguments, workerArguments) {
		// The host joins all arguments with spaces and quotes none, so one with a space reaches the
		// handler as two.
		h.arguments = append(h.arguments, strings.Fields(r.env.expand(argument))...)
	}
	return h
}

var timeSpan = regexp.MustCompile(`^(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$`)

// parseTimeSpan reads .NET's notation: [days.]hours:minutes[:seconds[.fraction]], with hours
// below 24, and minutes and seconds below 60.
func parseTimeSpan(text string) (time.Duration, error) {
	match := timeSpan.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return 0, fmt.Errorf("%q is not a time span such as 00:00:30", text)
	}
	var parts [4]int64
	for i := range parts {
		if match[i+1] == "" {
			continue
		}
		value, err := strconv.ParseInt(match[i+1], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("%q is not a time span: %w", text, err)
		}
		parts[i] = value
	}
	// A time.Duration holds up to 292 years.
	if parts[0] > 36500 || parts[1] > 23 || parts[2] > 59 || parts[3] > 59 {
		return 0, fmt.Errorf("%q is not a time span: a part of it is too large", text)
	}
	span := time.Duration(parts[0])*24*time.Hour + time.Duration(parts[1])*time.Hour +
		time.Duration(parts[2])*time.Minute + time.Duration(parts[3])*time.Second
	if match[5] != "" {
		ticks, err := strconv.ParseInt((match[5] + "0000000")[:7], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a time span: %w", text, err)
		}
		span += time.Duration(ticks) * 100 * time.Nanosecond
	}
	return span, nil
}
