package hostsim

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/functions/functionjson"
)

// nowhere is the connection string of a storage account that does not answer.
const nowhere = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=Yg==;QueueEndpoint=http://127.0.0.1:1/a;"

func TestReadsFunctionsOfThisProject(t *testing.T) {
	h, err := New(Config{
		Root:    filepath.Join("..", "..", ".."),
		Env:     []string{"GUESTLIST_UPKEEP_SCHEDULE=0 * * * * *", "GUESTLIST_STORAGE=" + nowhere},
		Storage: nowhere,
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range h.functions {
		names = append(names, f.name+" "+f.trigger.kind)
	}
	want := []string{"decisions-poison queuetrigger", "decisions-queue queuetrigger", "invite-poison queuetrigger", "invite-queue queuetrigger", "reviews-http httptrigger", "signup-http httptrigger", "status-http httptrigger", "upkeep-timer timertrigger"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("the functions differ (-want +got):\n%s", diff)
	}
}

const (
	goodHost = `{"version": "2.0", "extensionBundle": {"id": "x"}, "customHandler": {"description": {"defaultExecutablePath": "bin/handler"}}}`
	goodHTTP = `{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}, {"type": "http", "direction": "out", "name": "res"}`
)

func TestEnvironmentOverridesHostJSON(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "host.json"), `{"version": "2.0", "functionTimeout": "00:02:00",
		"extensions": {"http": {"routePrefix": "/x/"}, "queues": {"batchSize": "8", "visibilityTimeout": "00:00:30", "messageEncoding": "None"}},
		"customHandler": {"description": {"defaultExecutablePath": "bin/%WHICH%", "workingDirectory": "below", "arguments": ["-a", "%MISSING%", "b %WHICH%"], "workerArguments": "[\"c\"]"}}}`)
	write(t, filepath.Join(root, "bin", "it"), "")
	got, err := readSettings(root, newEnvironment([]string{
		"WHICH=it",
		"AzureFunctionsJobHost__extensions__queues__BATCHSIZE=2",
		"AzureFunctionsJobHost__extensions__queues__newBatchThreshold=0",
		"azurefunctionsjobhost__extensions__queues__maxPollingInterval=1.02:03:04.5",
		"AzureFunctionsJobHost__customHandler__description__arguments__0=-z",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		routePrefix:     "x",
		functionTimeout: 2 * time.Minute,
		queues: queueSettings{batchSize: 2, maxPollingInterval: 26*time.Hour + 3*time.Minute + 4500*time.Millisecond,
			visibilityTimeout: 30 * time.Second, maxDequeueCount: 5},
		handler: handlerSettings{path: filepath.Join(root, "bin", "it"), arguments: []string{"-z", "b", "it", "c"}, directory: filepath.Join(root, "below"),
			initializationTimeout: 30 * time.Second, stderrIsError: true},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{}, queueSettings{}, handlerSettings{})); diff != "" {
		t.Errorf("the settings differ (-want +got):\n%s", diff)
	}
}

func TestInvalidHostJSON(t *testing.T) {
	tests := map[string]struct{ override, want string }{
		"an old version":            {"version=1.0", "version"},
		"no handler":                {"customHandler__description__defaultExecutablePath=", "defaultExecutablePath"},
		"a disabled handler":        {"customHandler__description__isDisabled=true", "isDisabled"},
		"not a time span":           {"functionTimeout=120", "functionTimeout"},
		"a timeout too short":       {"functionTimeout=00:00:00.5", "functionTimeout"},
		"a batch too large":         {"extensions__queues__batchSize=33", "batchSize"},
		"polling too fast":          {"extensions__queues__maxPollingInterval=00:00:00.05", "maxPollingInterval"},
		"an unknown encoding":       {"extensions__queues__messageEncoding=base32", "messageEncoding"},
		"forwarding":                {"customHandler__enableForwardingHttpRequest=true", "enableForwardingHttpRequest"},
		"proxying":                  {"customHandler__enableProxyingHttpRequest=True", "enableProxyingHttpRequest"},
		"routes in host.json":       {"customHandler__http__routes__0__route=x", "customHandler:http"},
		"dynamic concurrency":       {"concurrency__dynamicConcurrencyEnabled=true", "dynamicConcurrencyEnabled"},
		"not a boolean":             {"customHandler__description__useStdErrorStreamForErrorsOnly=often", "useStdErrorStreamForErrorsOnly"},
		"arguments of another kind": {"customHandler__description__workerArguments=-a", "workerArguments"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, "host.json"), goodHost)
			_, err := readSettings(root, newEnvironment([]string{"AzureFunctionsJobHost__" + test.override}))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want one that names %s", err, test.want)
			}
			_, err = readSettings(root, newEnvironment(nil))
			if err != nil {
				t.Errorf("without the override: %v", err)
			}
		})
	}
}

func TestInvalidFunctions(t *testing.T) {
	queue := func(rest string) string {
		return `{"bindings": [{"type": "queueTrigger", "direction": "in", "name": "m", ` + rest + `}]}`
	}
	tests := map[string]struct{ folder, function, want string }{
		"an invalid folder name":     {"1st", `{"bindings": [` + goodHTTP + `]}`, "function name"},
		"the name of the host":       {"Host", `{"bindings": [` + goodHTTP + `]}`, "function name"},
		"no JSON":                    {"f", `{`, "unexpected end"},
		"no trigger":                 {"f", `{"bindings": [{"type": "queue", "direction": "out", "name": "q", "queueName": "abc"}]}`, "no binding is a trigger"},
		"two triggers":               {"f", `{"bindings": [` + goodHTTP + `, {"type": "queueTrigger", "direction": "in", "name": "m", "queueName": "abc"}]}`, "one trigger"},
		"two of a name":              {"f", `{"bindings": [` + goodHTTP + `, {"type": "queue", "direction": "out", "name": "REQ", "queueName": "abc"}]}`, "two bindings have the name"},
		"an invalid binding name":    {"f", strings.Replace(`{"bindings": [`+goodHTTP+`]}`, `"res"`, `"re-s"`, 1), "a binding's name"},
		"the return value":           {"f", strings.Replace(`{"bindings": [`+goodHTTP+`]}`, `"res"`, `"$return"`, 1), "a binding's name"},
		"the wrong direction":        {"f", strings.Replace(`{"bindings": [`+goodHTTP+`]}`, `"out"`, `"in"`, 1), "direction"},
		"an unknown type":            {"f", strings.Replace(`{"bindings": [`+goodHTTP+`]}`, `"http"`, `"blob"`, 1), "blob"},
		"a key is wanted":            {"f", strings.Replace(`{"bindings": [`+goodHTTP+`]}`, `"anonymous"`, `"function"`, 1), "authLevel"},
		"a key by default":           {"f", strings.Replace(`{"bindings": [`+goodHTTP+`]}`, `, "authLevel": "anonymous"`, ``, 1), "authLevel"},
		"a route with a constraint":  {"f", strings.Replace(`{"bindings": [`+goodHTTP+`]}`, `"anonymous"`, `"anonymous", "route": "a/{id:int}"`, 1), "route"},
		"an early optional segment":  {"f", strings.Replace(`{"bindings": [`+goodHTTP+`]}`, `"anonymous"`, `"anonymous", "route": "{a?}/b"`, 1), "route"},
		"no http output":             {"f", `{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}]}`, "http output"},
		"an http output for a queue": {"f", strings.Replace(queue(`"queueName": "abc"`), `]`, `, {"type": "http", "direction": "out", "name": "res"}]`, 1), "HTTP trigger"},
		"a queue without a name":     {"f", queue(`"dataType": "binary"`), "queueName"},
		"an invalid queue name":      {"f", queue(`"queueName": "a--b"`), "queueName"},
		"a binding expression":       {"f", queue(`"queueName": "{id}"`), "queueName"},
		"a setting that is missing":  {"f", queue(`"queueName": "%NOTHING%"`), "%NOTHING%"},
		"a missing connection":       {"f", queue(`"queueName": "abc", "connection": "Other"`), "Other"},
		"a data type":                {"f", queue(`"queueName": "abc", "dataType": "stream"`), "dataType"},
		"a script that is missing":   {"f", `{"scriptFile": "x.js", "bindings": [` + goodHTTP + `]}`, "scriptFile"},
		"a retry policy":             {"f", `{"retry": {"strategy": "fixedDelay"}, "bindings": [` + goodHTTP + `]}`, "retry"},
		"five fields":                {"f", `{"bindings": [{"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "* * * * *"}]}`, "six fields"},
		"a time zone":                {"f", `{"bindings": [{"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "TZ=UTC 0 * * * * *"}]}`, "schedule"},
		"an address twice":           {"f", `{"bindings": [` + strings.Replace(goodHTTP, `"anonymous"`, `"anonymous", "route": "OTHER"`, 1) + `]}`, "same address"},
		"nothing but disabled ones":  {"other", `{"disabled": true}`, "no function found"},
	}
	env := newEnvironment([]string{"AzureWebJobsStorage=x"})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, "other", "function.json"), `{"bindings": [`+goodHTTP+`]}`)
			write(t, filepath.Join(root, test.folder, "function.json"), test.function)
			_, _, err := readFunctions(root, settings{hasBundle: true}, env)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want one that says %q", err, test.want)
			}
		})
	}
	t.Run("no bundle for queues", func(t *testing.T) {
		root := t.TempDir()
		write(t, filepath.Join(root, "f", "function.json"), queue(`"queueName": "abc"`))
		_, _, err := readFunctions(root, settings{}, env)
		if err == nil || !strings.Contains(err.Error(), "extensionBundle") {
			t.Errorf("err = %v", err)
		}
		functions, _, err := readFunctions(root, settings{hasBundle: true}, env)
		if err != nil || len(functions) != 1 {
			t.Errorf("with a bundle: %v", err)
		}
	})
	t.Run("no storage for the host", func(t *testing.T) {
		_, err := New(Config{Root: filepath.Join("..", "..", ".."), Env: []string{"GUESTLIST_UPKEEP_SCHEDULE=0 * * * * *", "GUESTLIST_STORAGE=" + nowhere}})
		if err == nil || !strings.Contains(err.Error(), "AzureWebJobsStorage") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("no host.json", func(t *testing.T) {
		_, err := New(Config{Root: t.TempDir()})
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestTimerFiresWhenAllFieldsMatch(t *testing.T) {
	tests := map[string]struct{ schedule, want string }{
		"every minute":                      {"0 * * * * *", "2026-11-23T05:01:00Z"},
		"a step":                            {"*/15 * * * * *", "2026-11-23T05:00:45Z"},
		"a list and a range":                {"0 5,10-12 * * * *", "2026-11-23T05:05:00Z"},
		"names":                             {"0 0 0 * JAN SUN", "2027-01-03T00:00:00Z"},
		"a day of both month and week":      {"0 0 0 13 * 5", "2027-08-13T00:00:00Z"},
		"a day that comes once in a while":  {"0 0 0 29 2 *", "2028-02-29T00:00:00Z"},
		"a day that does not come (Feb 30)": {"0 0 0 30 2 *", "0001-01-01T00:00:00Z"},
	}
	now := time.Date(2026, 11, 23, 5, 0, 30, 1, time.FixedZone("far", 0))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var f function
			err := f.readSchedule(functionjson.Binding{Schedule: test.schedule}, newEnvironment(nil))
			if err != nil {
				t.Fatal(err)
			}
			if got := next(f.schedule, now).Format(time.RFC3339); got != test.want {
				t.Errorf("next = %s, want %s", got, test.want)
			}
		})
	}
}

func TestPollingSlowsDownToLimit(t *testing.T) {
	for idle := 1; idle < 100; idle++ {
		low, high := pollingDelay(idle, time.Minute, 0), pollingDelay(idle, time.Minute, 1)
		if low < minPollingInterval || high > time.Minute || low > high {
			t.Errorf("after %d polls: %s to %s", idle, low, high)
		}
	}
	if got := pollingDelay(1, time.Minute, 0.5); got != 200*time.Millisecond {
		t.Errorf("the first delay is %s, want 200ms", got)
	}
	if got := pollingDelay(20, time.Minute, 0.5); got != time.Minute {
		t.Errorf("the delay ends at %s, want 1m", got)
	}
}

func TestDatesAreNormalised(t *testing.T) {
	tests := map[string]string{
		"2026-11-23T05:00:00Z":              "2026-11-23T05:00:00Z",
		"2026-11-23T05:00:00.1200Z":         "2026-11-23T05:00:00.12Z",
		"2026-11-23T05:00:00.123456789Z":    "2026-11-23T05:00:00.1234567Z",
		"2026-11-23T05:00:00":               "2026-11-23T05:00:00",
		"2026-11-23T05:00:00.000+02:00":     "2026-11-23T03:00:00+00:00",
		"2026-11-23":                        "2026-11-23",
		"2026-13-23T05:00:00Z":              "2026-13-23T05:00:00Z",
		"see 2026-11-23T05:00:00.1200Z":     "see 2026-11-23T05:00:00.1200Z",
		"<b> & \u2028 \"quoted\" \\ \t é 😀": "<b> & \u2028 \"quoted\" \\ \t é 😀",
	}
	for text, want := range tests {
		raw, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		formatted, err := reformat(raw)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		err = json.Unmarshal(formatted, &got)
		if err != nil || got != want {
			t.Errorf("%q became %q (%v), want %q", text, got, err, want)
		}
	}
}

// FuzzAnswer checks that any answer of a handler becomes a valid HTTP response or an error.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"Outputs":{"res":{"statusCode":202,"headers":{"A":"b"},"body":{"a":[1]}},"out":["x",{"a":1}]},"Logs":["l"],"ReturnValue":{"res":""}}`,
		`{"Outputs":{"res":"{}","out":"[1"}}`, `null`, ` `, `[]`, `{"Outputs":{"res":" {\"body\": tru","out":true}}`, `{"Outputs":{"res":{"body":-1e9},"out":"{\"a\""}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		r, err := readResult(200, "application/json", []byte(answer))
		if err != nil {
			return
		}
		response, err := r.httpResponse("res")
		if err == nil && (response.status < 100 || response.status > 999) {
			t.Errorf("status %d", response.status)
		}
		for _, output := range r.outputs {
			messages, err := queueMessages(output, false)
			if err != nil && messages != nil {
				t.Error("messages beside an error")
			}
		}
	})
}

// FuzzAddress checks that every path and query of a client can be read.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"a=1&A=2&%zz=%e2%82%ac+%", "signup/%2F/%2f", "&&==&", "%"} {
		f.Add(seed)
	}
	r, err := parseRoute("signup/{id?}")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		params, ok := r.match(decodePath("/" + text))
		if ok && len(params) != 1 {
			t.Errorf("params = %v", params)
		}
		for name := range readQuery(text) {
			if utf8.ValidString(text) && strings.Count(text, "%") == 0 && !strings.Contains(strings.ReplaceAll(text, "+", " "), name) {
				t.Errorf("the name %q comes from nowhere", name)
			}
		}
	})
}
