package hostsim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/robfig/cron/v3"

	"guestlist/handlers/azure/functions/functionjson"
)

// The binding types that are supported, in lower case.
const (
	httpTrigger  = "httptrigger"
	queueTrigger = "queuetrigger"
	timerTrigger = "timertrigger"
	httpOutput   = "http"
	queueOutput  = "queue"
)

// function is one folder with a function.json.
type function struct {
	name     string
	disabled bool // the rest is not read then
	trigger  binding
	outputs  []binding
	// Of an HTTP trigger:
	route   route
	methods []string // empty: all
	// Of a queue trigger or timer trigger:
	schedule *cron.SpecSchedule
}

// binding is one entry of a function.json, resolved.
type binding struct {
	kind         string
	name         string
	queue        string
	connection   string // the connection string itself
	binary       bool
	runOnStartup bool
}

// The rules for names: Utility.IsValidFunctionName and BindingMetadata of the host, and those of
// the storage service for queues.
var (
	functionName = regexp.MustCompile(`(?i)^[a-z][a-z0-9_\-]{0,127}$`)
	bindingName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]{0,127}$`)
	queueName    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

const (
	minQueueName = 3
	maxQueueName = 63
)

// readFunctions reads the function.json files. It returns disabled functions by name only. The
// error names every fault.
func readFunctions(root string, s settings, env environment) (functions []function, disabled []string, err error) {
	paths, err := functionjson.Find(root)
	if err != nil {
		return nil, nil, err
	}
	var faults []error
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		f, err := readFunction(root, name, s, env)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("function %s: %w", name, err))
		case f.disabled:
			disabled = append(disabled, name)
		default:
			functions = append(functions, f)
		}
	}
	for i, f := range functions {
		for _, other := range functions[:i] {
			if strings.EqualFold(f.name, other.name) {
				faults = append(faults, fmt.Errorf("%s and %s differ in case only", other.name, f.name))
			}
			if f.trigger.kind == httpTrigger && other.trigger.kind == httpTrigger && f.route.same(other.route) && sharesMethod(f, other) {
				faults = append(faults, fmt.Errorf("%s and %s answer at the same address", other.name, f.name))
			}
		}
	}
	if len(faults) > 0 {
		return nil, nil, fmt.Errorf("the functions have faults:\n%w", errors.Join(faults...))
	}
	if len(functions) == 0 {
		return nil, nil, errors.New("no function found that is not disabled")
	}
	return functions, disabled, nil
}

func readFunction(root, name string, s settings, env environment) (function, error) {
	f := function{name: name}
	if !functionName.MatchString(name) || strings.EqualFold(name, "host") {
		return f, errors.New("the folder's name is not a function name: a letter, then letters, digits, - and _, at most 128, not \"host\"")
	}
	file, err := functionjson.Read(root, name)
	if err != nil {
		return f, err
	}
	f.disabled = isDisabled(file.Disabled, name, env)
	if f.disabled {
		return f, nil
	}
	if file.ScriptFile != "" {
		_, err := os.Stat(filepath.Join(root, name, file.ScriptFile))
		if err != nil {
			return f, fmt.Errorf("scriptFile: %w", err)
		}
	}
	if file.Retry != nil {
		return f, errors.New("retry is not supported here: a queue trigger retries by its dequeue count")
	}
	names := map[string]bool{}
	for _, written := range file.Bindings {
		lower := strings.ToLower(written.Name)
		if !bindingName.MatchString(written.Name) {
			return f, errors.New("a binding's name must be a letter, then letters and digits ($return is not supported here)")
		}
		if names[lower] {
			return f, fmt.Errorf("two bindings have the name %s", lower)
		}
		names[lower] = true
		b, err := f.read(written, s, env)
		if err != nil {
			return f, fmt.Errorf("binding %s: %w", written.Name, err)
		}
		if !strings.HasSuffix(b.kind, "trigger") {
			f.outputs = append(f.outputs, b)
			continue
		}
		if f.trigger.kind != "" {
			return f, errors.New("a function has one trigger, not two")
		}
		f.trigger = b
	}
	if f.trigger.kind == "" {
		return f, errors.New("no binding is a trigger")
	}
	http := 0
	for _, output := range f.outputs {
		if output.kind == httpOutput {
			http++
		}
	}
	if f.trigger.kind == httpTrigger && http != 1 {
		return f, errors.New("an HTTP trigger needs exactly one http output")
	}
	if f.trigger.kind != httpTrigger && http != 0 {
		return f, errors.New("an http output needs an HTTP trigger")
	}
	return f, nil
}

// read checks a binding, resolves its settings, and keeps what it says of the function.
func (f *function) read(written functionjson.Binding, s settings, env environment) (binding, error) {
	b := binding{kind: strings.ToLower(written.Type), name: written.Name, runOnStartup: written.RunOnStartup}
	want := "in"
	if b.kind == httpOutput || b.kind == queueOutput {
		want = "out"
	}
	switch b.kind {
	case httpTrigger, httpOutput:
	case timerTrigger, queueTrigger, queueOutput:
		if !s.hasBundle {
			return b, fmt.Errorf("type %s is not registered: host.json has no extensionBundle", written.Type)
		}
	case "":
		return b, errors.New("type is required")
	default:
		return b, fmt.Errorf("type %q is not supported here", written.Type)
	}
	if !strings.EqualFold(written.Direction, want) {
		return b, fmt.Errorf("direction must be %q", want)
	}
	switch strings.ToLower(written.DataType) {
	case "", "string":
	case "binary":
		b.binary = true
	default:
		return b, errors.New("dataType must be string or binary")
	}
	switch b.kind {
	case httpTrigger:
		return b, f.readHTTP(written, s)
	case timerTrigger:
		return b, f.readSchedule(written, env)
	case queueTrigger, queueOutput:
		return b, b.readQueue(written, env)
	}
	return b, nil
}

func (f *function) readHTTP(written functionjson.Binding, s settings) error {
	if written.AuthLevel == nil || !strings.EqualFold(*written.AuthLevel, "anonymous") {
		return errors.New(`authLevel must be "anonymous": keys are not supported here, and no authLevel means "function"`)
	}
	for _, method := range written.Methods {
		f.methods = append(f.methods, strings.ToUpper(method))
	}
	path := f.name
	if written.Route != nil && *written.Route != "" {
		path = *written.Route
	}
	if s.routePrefix != "" {
		path = s.routePrefix + "/" + path
	}
	parsed, err := parseRoute(path)
	if err != nil {
		return err
	}
	f.route = parsed
	return nil
}

// ncrontab reads the six fields of a timer trigger.
var ncrontab = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

func (f *function) readSchedule(written functionjson.Binding, env environment) error {
	text, err := env.resolve(written.Schedule)
	if err != nil {
		return fmt.Errorf("schedule: %w", err)
	}
	if strings.ContainsAny(text, "?=@") {
		return errors.New("schedule: the host's notation has no ?, no time zone and no @names")
	}
	schedule, err := ncrontab.Parse("TZ=UTC " + text)
	if err != nil {
		return fmt.Errorf("schedule must have six fields, seconds first: %w", err)
	}
	f.schedule = schedule.(*cron.SpecSchedule)
	return nil
}

func (b *binding) readQueue(written functionjson.Binding, env environment) error {
	name, err := env.resolve(written.QueueName)
	if err != nil {
		return fmt.Errorf("queueName: %w", err)
	}
	b.queue = strings.ToLower(name)
	if !queueName.MatchString(b.queue) || len(b.queue) < minQueueName || len(b.queue) > maxQueueName {
		return fmt.Errorf("queueName must have %d to %d letters, digits and single dashes; binding expressions are not supported here", minQueueName, maxQueueName)
	}
	connection := written.Connection
	if connection == "" {
		connection = hostStorageVariable
	}
	value, set := env.lookup(connection)
	if !set {
		value, set = env.lookup("AzureWebJobs" + connection)
	}
	switch {
	case !set || value == "":
		return fmt.Errorf("connection: the setting %s is missing (identity-based connections are not supported here)", connection)
	case strings.Contains(value, "UseDevelopmentStorage"):
		return fmt.Errorf("connection: the setting %s must be a full connection string, not UseDevelopmentStorage=true", connection)
	}
	b.connection = value
	return nil
}

// isDisabled reports whether function.json, a setting that it names, or
// AzureWebJobs.NAME.Disabled disables the function.
func isDisabled(written any, name string, env environment) bool {
	switch written := written.(type) {
	case bool:
		if written {
			return true
		}
	case string:
		value, _ := env.lookup(strings.Trim(written, "%"))
		if isTrue(value) {
			return true
		}
	}
	value, _ := env.lookup("AzureWebJobs." + name + ".Disabled")
	underscored, _ := env.lookup("AzureWebJobs_" + name + "_Disabled")
	return isTrue(value) || isTrue(underscored)
}

func isTrue(text string) bool { return text == "1" || strings.EqualFold(text, "true") }

func sharesMethod(a, b function) bool {
	if len(a.methods) == 0 || len(b.methods) == 0 {
		return true
	}
	return slices.ContainsFunc(a.methods, func(method string) bool { return slices.Contains(b.methods, method) })
}

// accepts reports whether the function's trigger takes the method.
func (f *function) accepts(method string) bool {
	return len(f.methods) == 0 || slices.Contains(f.methods, strings.ToUpper(method))
}

// responseName returns the name of the http output.
func (f *function) responseName() string {
	for _, output := range f.outputs {
		if output.kind == httpOutput {
			return output.name
		}
	}
	return ""
}

// find returns the function for the method and a path from [decodePath], or nil.
func find(functions []function, method, path string) (f *function, params map[string]any) {
	for i := range functions {
		candidate := &functions[i]
		if candidate.trigger.kind != httpTrigger || !candidate.accepts(method) {
			continue
		}
		values, ok := candidate.route.match(path)
		if ok && (f == nil || candidate.route.before(f.route)) {
			f, params = candidate, values
		}
	}
	return f, params
}
