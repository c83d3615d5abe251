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

// environment is a set of variables. The host looks names up whatever their case, as .NET's configuration does.
type environment struct {
	list   []string
	values map[string]string // by lower-case name
}

// newEnvironment reads "name=value" strings; of two with the same name the later counts.
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

// resolve replaces each %NAME% by the value of that setting. A name that is not set is an error.
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

// expand replaces each %NAME% by the value of that variable, by nothing if it is not set.
func (e environment) expand(text string) string {
	return reference.ReplaceAllStringFunc(text, func(match string) string {
		value, _ := e.lookup(strings.Trim(match, "%"))
		return value
	})
}

// settings is what host.json and the environment say, with the host's defaults.
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
	stderrIsError         bool // as opposed to: only lines that look like one
}

// overridePrefix begins the environment variables that override host.json: AzureFunctionsJobHost__extensions__queues__batchSize=1.
const overridePrefix = "azurefunctionsjobhost:"

// hostFile is host.json flattened as .NET's configuration flattens it: "extensions:queues:batchsize" to "8", arrays by index.
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

// list returns the values of an array, in order.
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

// Defaults and bounds of the host (Config/ScriptJobHostOptionsSetup.cs, QueuesOptions.cs, HttpWorkerOptions.cs).
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

// readSettings reads host.json under the overrides of the environment. Its error tells every fault.
func readSettings(root string, env environment) (settings, error) {
	file, err := readHostFile(root, env)
	if err != nil {
		return settings{}, err
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	number := func(key string, fallback, low, high int) int {
		text, set := file[strings.ToLower(key)]
		if !set {
			return fallback
		}
		value, err := strconv.Atoi(text)
		if err != nil || value < low || value > high {
			fault("%s must be a number from %d to %d", key, low, high)
		}
		return value
	}
	boolean := func(key string, fallback bool) bool {
		text, set := file[strings.ToLower(key)]
		if !set {
			return fallback
		}
		value, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			fault("%s must be true or false", key)
		}
		return value
	}
	span := func(key string, fallback, low, high time.Duration) time.Duration {
		text, set := file[strings.ToLower(key)]
		if !set {
			return fallback
		}
		value, err := parseTimeSpan(text)
		if err != nil || value < low || value > high {
			fault("%s must be a time span from %s to %s, written hh:mm:ss", key, low, high)
		}
		return value
	}

	if file["version"] != "2.0" {
		fault(`version must be "2.0"`)
	}
	s := settings{routePrefix: "api", hasBundle: file["extensionbundle:id"] != ""}
	prefix, set := file["extensions:http:routeprefix"]
	if set {
		s.routePrefix = strings.Trim(prefix, "/")
	}
	if file["functiontimeout"] != "-1" {
		s.functionTimeout = span("functionTimeout", defaultFunctionTimeout, minFunctionTimeout, 1<<62)
	}

	const queues = "extensions:queues:"
	s.queues.batchSize = number(queues+"batchSize", defaultBatchSize, 1, maxBatchSize)
	s.queues.newBatchThreshold = number(queues+"newBatchThreshold", s.queues.batchSize/2*runtime.NumCPU(), 0, 1000)
	s.queues.maxPollingInterval = span(queues+"maxPollingInterval", defaultMaxPollingInterval, minPollingInterval, 1<<62)
	s.queues.visibilityTimeout = span(queues+"visibilityTimeout", 0, 0, maxVisibilityTimeout)
	s.queues.maxDequeueCount = number(queues+"maxDequeueCount", defaultMaxDequeueCount, 1, 1<<30)
	switch encoding := strings.ToLower(file["extensions:queues:messageencoding"]); encoding {
	case "", "base64":
		s.queues.base64 = true
	case "none":
	default:
		fault("extensions:queues:messageEncoding must be base64 or none")
	}
	if boolean("concurrency:dynamicConcurrencyEnabled", false) {
		fault("concurrency:dynamicConcurrencyEnabled is not played here: set it to false")
	}

	s.handler = readHandlerSettings(root, env, file, fault)
	s.handler.initializationTimeout = span("customHandler:initializationTimeout", defaultInitializationTimeout, readinessInterval, time.Hour)
	s.handler.stderrIsError = boolean("customHandler:description:useStdErrorStreamForErrorsOnly", true)
	s.handler.port = number("customHandler:port", 0, 0, 65535)
	if boolean("customHandler:description:isDisabled", false) {
		fault("customHandler:description:isDisabled leaves no handler to start")
	}
	for _, key := range []string{"customHandler:enableForwardingHttpRequest", "customHandler:enableProxyingHttpRequest"} {
		if boolean(key, false) {
			fault("%s is not played here, only envelopes are: set it to false", key)
		}
	}
	if file.has("customhandler:http") || file.has("configurationprofile") {
		fault("customHandler:http and configurationProfile are not played here: describe functions in function.json files")
	}
	if len(faults) > 0 {
		return settings{}, fmt.Errorf("host.json, with the %s variables over it, needs another look:\n%w", "AzureFunctionsJobHost__", errors.Join(faults...))
	}
	return s, nil
}

func readHandlerSettings(root string, env environment, file hostFile, fault func(string, ...any)) handlerSettings {
	const description = "customhandler:description:"
	h := handlerSettings{directory: root}
	h.path = env.expand(file[description+"defaultexecutablepath"])
	if h.path == "" {
		fault("customHandler:description:defaultExecutablePath is required")
		return h
	}
	inside := func(path string) string {
		path = filepath.FromSlash(path)
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(root, path)
	}
	if !filepath.IsAbs(h.path) {
		// A path that names nothing under the root is left as it is: the PATH may know it.
		full := filepath.Join(inside(file[description+"workerdirectory"]), filepath.FromSlash(h.path))
		_, err := os.Stat(full)
		if err == nil || strings.ContainsRune(h.path, '/') {
			h.path = full
		}
	}
	if file[description+"workingdirectory"] != "" {
		h.directory = inside(file[description+"workingdirectory"])
	}
	arguments := file.list(description + "arguments")
	if file[description+"defaultworkerpath"] != "" {
		arguments = append(arguments, file[description+"defaultworkerpath"])
	}
	workerArguments := file.list(description + "workerarguments")
	if text := file[description+"workerarguments"]; text != "" {
		err := json.Unmarshal([]byte(text), &workerArguments)
		if err != nil {
			fault("customHandler:description:workerArguments, where it is one string, must be a JSON array of strings")
		}
	}
	for _, argument := range slices.Concat(arguments, workerArguments) {
		// The host joins all arguments by spaces and quotes none, so one with a space in it reaches the handler as two.
		h.arguments = append(h.arguments, strings.Fields(env.expand(argument))...)
	}
	return h
}

var timeSpan = regexp.MustCompile(`^(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$`)

// parseTimeSpan reads .NET's notation: [days.]hours:minutes[:seconds[.fraction]], with hours below 24 and the others below 60.
func parseTimeSpan(text string) (time.Duration, error) {
	match := timeSpan.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return 0, fmt.Errorf("%q is no time span such as 00:00:30", text)
	}
	var parts [4]int64
	for i := range parts {
		if match[i+1] == "" {
			continue
		}
		value, err := strconv.ParseInt(match[i+1], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("%q is no time span: %w", text, err)
		}
		parts[i] = value
	}
	// .NET's largest span is about 29,000 years; a time.Duration ends at 292, far beyond any timeout.
	if parts[0] > 36500 || parts[1] > 23 || parts[2] > 59 || parts[3] > 59 {
		return 0, fmt.Errorf("%q is no time span: a part of it is too large", text)
	}
	span := time.Duration(parts[0])*24*time.Hour + time.Duration(parts[1])*time.Hour +
		time.Duration(parts[2])*time.Minute + time.Duration(parts[3])*time.Second
	if match[5] != "" {
		ticks, err := strconv.ParseInt((match[5] + "0000000")[:7], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no time span: %w", text, err)
		}
		span += time.Duration(ticks) * 100 * time.Nanosecond
	}
	return span, nil
}
