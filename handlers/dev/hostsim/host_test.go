package hostsim

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"
	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/azurite/azuritetest"
)

// scriptVariable makes this test binary a handler that asks the test, at this address, how to
// answer each invocation.
const scriptVariable = "GUESTLIST_TEST_SCRIPT"

// What a script can order instead of an answer.
const (
	exitHeader = "Test-Exit" // end with this code
	hangHeader = "Test-Hang" // never answer
)

func TestMain(m *testing.M) {
	script := os.Getenv(scriptVariable)
	if script == "" {
		os.Exit(m.Run())
	}
	runHandler(script)
}

// runHandler is a custom handler that does what the script orders, until it is killed.
func runHandler(script string) {
	fmt.Println("standard output speaks")
	fmt.Fprintln(os.Stderr, "standard error speaks")
	fmt.Fprintln(os.Stderr, "standard error has a Warning")
	if code := os.Getenv("TEST_EXIT_AT_START"); code != "" {
		number, _ := strconv.Atoi(code)
		fmt.Fprint(os.Stderr, "last words")
		os.Exit(number)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		body, _ := io.ReadAll(r.Body)
		order, _ := http.NewRequest(r.Method, script+r.URL.Path, bytes.NewReader(body))
		order.Header = r.Header
		order.Header.Set("Test-Length", strconv.FormatInt(r.ContentLength, 10))
		answer, err := http.DefaultClient.Do(order)
		if err != nil {
			os.Exit(3)
		}
		if code := answer.Header.Get(exitHeader); code != "" {
			number, _ := strconv.Atoi(code)
			os.Exit(number)
		}
		if answer.Header.Get(hangHeader) != "" {
			select {}
		}
		if location := answer.Header.Get("Location"); location != "" {
			w.Header().Set("Location", location)
		}
		w.Header()["Content-Type"] = answer.Header["Content-Type"]
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	})
	err := http.ListenAndServe("127.0.0.1:"+os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"), handler)
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// stage is a function app in a temporary folder.
type stage struct {
	t      *testing.T
	config Config
	log    *records
	queue  string // the name in @QUEUE@
}

// records keeps log lines.
type records struct {
	mu    sync.Mutex
	lines []string
}

func (r *records) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, string(line))
	return len(line), nil
}

func (r *records) contains(parts ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return true
		}
	}
	return false
}

const (
	httpFunction = `{"bindings": [
		{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "methods": ["get", "post"], "route": "do/{what?}"},
		{"type": "http", "direction": "out", "name": "res"},
		{"type": "queue", "direction": "out", "name": "out", "queueName": "@QUEUE@", "connection": "AzureWebJobsStorage"}]}`
	queueFunction       = `{"bindings": [{"type": "queueTrigger", "direction": "in", "name": "message", "queueName": "@QUEUE@", "dataType": "binary"}]}`
	stringQueueFunction = `{"bindings": [{"type": "queueTrigger", "direction": "in", "name": "message", "queueName": "@QUEUE@"}]}`
	timerFunction       = `{"bindings": [{"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "%SCHEDULE%"},
		{"type": "queue", "direction": "out", "name": "out", "queueName": "@QUEUE@"}]}`
)

// newStage makes an app of the functions, by name. Its handler asks script what to do.
func newStage(t *testing.T, functions map[string]string, script http.HandlerFunc) *stage {
	t.Helper()
	s := &stage{t: t, log: &records{}, queue: azuritetest.Name("q")}
	server := httptest.NewServer(script)
	t.Cleanup(server.CloseClientConnections)
	root := t.TempDir()
	host := map[string]any{
		"version":         "2.0",
		"functionTimeout": "00:01:00",
		"extensionBundle": map[string]any{"id": "Microsoft.Azure.Functions.ExtensionBundle"},
		"extensions": map[string]any{
			"http":   map[string]any{"routePrefix": ""},
			"queues": map[string]any{"maxPollingInterval": "00:00:00.1000000", "batchSize": 4, "newBatchThreshold": "2"},
		},
		"customHandler": map[string]any{"description": map[string]any{"defaultExecutablePath": os.Args[0]}},
	}
	content, err := json.Marshal(host)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "host.json"), string(content))
	for name, function := range functions {
		write(t, filepath.Join(root, name, "function.json"), strings.ReplaceAll(function, "@QUEUE@", s.queue))
	}
	s.config = Config{
		Root:       root,
		Env:        append(os.Environ(), scriptVariable+"="+server.URL),
		Storage:    azuritetest.Shared(t).ConnectionString(),
		Log:        slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		MaxCrashes: 1000,
	}
	return s
}

func write(t *testing.T, path, content string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(path, []byte(content), 0o644)
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stage) set(variables ...string) { s.config.Env = append(s.config.Env, variables...) }

func (s *stage) start() *Host {
	s.t.Helper()
	h, err := New(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	err = h.Start(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(h.Stop)
	return h
}

func (s *stage) client(name string) *azqueue.QueueClient {
	s.t.Helper()
	client, err := azqueue.NewQueueClientFromConnectionString(s.config.Storage, name, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

// put puts a text on a queue, unchanged.
func (s *stage) put(name, text string) {
	s.t.Helper()
	client := s.client(name)
	_, err := client.Create(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = client.EnqueueMessage(s.t.Context(), text, nil)
	if err != nil {
		s.t.Fatal(err)
	}
}

// texts waits until the queue holds n visible messages and returns their texts.
func (s *stage) texts(name string, n int) []string {
	s.t.Helper()
	client := s.client(name)
	var texts []string
	eventually(s.t, fmt.Sprintf("%d messages on the queue", n), func() bool {
		most := int32(32)
		response, err := client.PeekMessages(s.t.Context(), &azqueue.PeekMessagesOptions{NumberOfMessages: &most})
		texts = nil
		if err != nil {
			return false
		}
		for _, m := range response.Messages {
			texts = append(texts, *m.MessageText)
		}
		return len(texts) == n
	})
	return texts
}

// empty waits until the queue holds nothing, visible or not.
func (s *stage) empty(name string) {
	s.t.Helper()
	client := s.client(name)
	eventually(s.t, "an empty queue", func() bool {
		properties, err := client.GetProperties(s.t.Context(), nil)
		return err == nil && *properties.ApproximateMessagesCount == 0
	})
}

// eventually waits until another process has made the condition true.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// reply answers an invocation with JSON.
func reply(w http.ResponseWriter, answer string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, answer)
}

// capture keeps the envelopes that reach the handler and answers each with {}.
type capture struct {
	mu        sync.Mutex
	envelopes []received
}

type received struct {
	path, method string
	header       http.Header
	envelope     map[string]any
}

func (c *capture) handle(w http.ResponseWriter, r *http.Request) {
	got := received{path: r.URL.Path, method: r.Method, header: r.Header}
	_ = json.NewDecoder(r.Body).Decode(&got.envelope)
	c.mu.Lock()
	c.envelopes = append(c.envelopes, got)
	c.mu.Unlock()
	reply(w, `{}`)
}

func (c *capture) first(t *testing.T) received {
	t.Helper()
	eventually(t, "an invocation", func() bool { return c.count() > 0 })
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.envelopes[0]
}

func (c *capture) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.envelopes)
}

func post(t *testing.T, address, contentType, body string) (status int, header http.Header, answer string) {
	t.Helper()
	response, err := http.Post(address, contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(content)
}

func TestHTTPEnvelope(t *testing.T) {
	var c capture
	s := newStage(t, map[string]string{"act": httpFunction}, c.handle)
	s.config.Now = func() time.Time { return time.Date(2026, 11, 23, 5, 0, 0, 123456700, time.UTC) }
	h := s.start()
	request, err := http.NewRequest(http.MethodPost, h.URL()+"/do/a%20b?x=1&x=2&code=KEY&empty&name=q%2Bq",
		strings.NewReader(`{"email":"a@b.c","count":1,"list":[1],"none":null,"nested":{"k":"v"},"MyTrigger":"t","NAME":"body"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header["X-Two"] = []string{"one", "two"}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	got := c.first(t)
	if got.method != http.MethodPost || got.path != "/act" {
		t.Errorf("the handler was asked for %s %s", got.method, got.path)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "X-Azure-Functions-HostVersion": hostVersion,
		"User-Agent": "Azure-Functions-Host/" + hostVersion, "Test-Length": "-1",
	} {
		if got.header.Get(name) != want {
			t.Errorf("header %s = %q, want %q", name, got.header.Get(name), want)
		}
	}
	if len(got.header.Get("X-Azure-Functions-InvocationId")) != 36 {
		t.Errorf("invocation id %q", got.header.Get("X-Azure-Functions-InvocationId"))
	}
	address := strings.TrimPrefix(h.URL(), "http://")
	headers := map[string]any{
		"Accept-Encoding": []any{"gzip"}, "Content-Length": []any{"99"}, "Content-Type": []any{"application/json"}, "Host": []any{address},
		"User-Agent": []any{"Go-http-client/1.1"}, "X-Two": []any{"one", "two"},
	}
	joined := map[string]any{}
	for name, values := range headers {
		joined[name] = values.([]any)[0]
	}
	joined["X-Two"] = "one,two"
	query := map[string]any{"x": "1,2", "code": "KEY", "empty": "", "name": "q+q"}
	sys := got.envelope["Metadata"].(map[string]any)["sys"].(map[string]any)
	if len(sys["RandGuid"].(string)) != 36 {
		t.Errorf("RandGuid = %v", sys["RandGuid"])
	}
	delete(sys, "RandGuid")
	want := map[string]any{
		"Data": map[string]any{"req": map[string]any{
			"Url": h.URL() + "/do/a%20b?x=1&x=2&code=KEY&empty&name=q%2Bq", "Method": "POST", "Query": query, "Headers": headers,
			"Params": map[string]any{"what": "a b"},
			"Identities": []any{map[string]any{
				"AuthenticationType": nil, "IsAuthenticated": false, "Actor": nil, "BootstrapContext": nil, "Claims": []any{}, "Label": nil, "Name": nil,
				"NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
				"RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
			}},
			"Body": `{"email":"a@b.c","count":1,"list":[1],"none":null,"nested":{"k":"v"},"MyTrigger":"t","NAME":"body"}`,
		}},
		"Metadata": map[string]any{
			"email": `"a@b.c"`, "count": "1", "nested": map[string]any{"k": "v"}, "NAME": `"q+q"`, "x": `"1,2"`, "empty": `""`, "what": `"a b"`,
			"Query": query, "Headers": joined,
			"sys": map[string]any{"MethodName": "act", "UtcNow": "2026-11-23T05:00:00.1234567Z"},
		},
	}
	if diff := cmp.Diff(want, got.envelope); diff != "" {
		t.Errorf("the envelope differs (-want +got):\n%s", diff)
	}
}

func TestBodyEncodingDependsOnContentType(t *testing.T) {
	tests := map[string]struct {
		contentType, body string
		chunked           bool
		want              any // nil: no Body key
	}{
		"a form stays raw":                {"application/x-www-form-urlencoded", "a=1&b=%C3%A9", false, "a=1&b=%C3%A9"},
		"JSON stays text":                 {"application/json", `{"a": 1}`, false, `{"a": 1}`},
		"octets become base64":            {"application/octet-stream", "\x00\xff", false, "AP8="},
		"multipart becomes base64":        {"Multipart/Form-Data; boundary=x", "--x--", false, encode("--x--")},
		"a byte order mark goes":          {"text/plain", "\xef\xbb\xbfhé", false, "hé"},
		"UTF-16 is read":                  {"text/plain", "\xff\xfeh\x00i\x00", false, "hi"},
		"invalid UTF-8 is replaced":       {"text/plain", "a\xffb", false, "a\ufffdb"},
		"no body, no key":                 {"text/plain", "", false, nil},
		"a chunked request loses its own": {"application/json", `{"a": 1}`, true, nil},
	}
	var c capture
	h := newStage(t, map[string]string{"act": httpFunction}, c.handle).start()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := c.count()
			var body io.Reader = strings.NewReader(test.body)
			if test.chunked {
				body = struct{ io.Reader }{body}
			}
			request, err := http.NewRequest(http.MethodPost, h.URL()+"/do", body)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", test.contentType)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			data := c.envelopes[before].envelope["Data"].(map[string]any)["req"].(map[string]any)
			got, exists := data["Body"]
			if exists != (test.want != nil) || got != test.want {
				t.Errorf("Body = %q (%v), want %q", got, exists, test.want)
			}
			if what, exists := data["Params"].(map[string]any)["what"]; !exists || what != nil {
				t.Errorf("a missing parameter is %v (%v), want null", what, exists)
			}
		})
	}
}

func TestHTTPOutputBecomesResponse(t *testing.T) {
	type response struct {
		Status      int
		ContentType string
		Body        string
	}
	failure := response{500, "", ""}
	tests := map[string]struct {
		status      int
		contentType string
		answer      string
		want        response
	}{
		"a string body, verbatim": {200, "application/json", `{"Outputs":{"res":{"statusCode":202,"headers":{"Content-Type":"text/html; charset=utf-8"},"body":"<p>{}"}}}`,
			response{202, "text/html; charset=utf-8", "<p>{}"}},
		"names in any case": {201, "text/json", `{"OUTPUTS":{"res":{"STATUSCODE":"404","Body":"x"}}}`, response{404, plainText, "x"}},
		"an object is indented": {200, "application/json; charset=utf-8", `{"Outputs":{"res":{"headers":{"content-type":"application/json"},"body":{"a":[1,{}],"d":"2026-01-01T00:00:00.10Z"}}}}`,
			response{200, "application/json; charset=utf-8", "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"d\": \"2026-01-01T00:00:00.1Z\"\n}"}},
		"status is not read":             {200, "application/json", `{"Outputs":{"res":{"status":404,"body":"x"}}}`, response{200, plainText, "x"}},
		"res as a string":                {200, "application/json", `{"Outputs":{"res":"{\"statusCode\":409,\"body\":\"x\"}"}}`, response{409, plainText, "x"}},
		"a body that is null":            {200, "application/json", `{"Outputs":{"res":{"body":null}}}`, response{200, plainText, ""}},
		"no res":                         {200, "application/json", `{"Outputs":{}}`, response{200, plainText, "{}"}},
		"the name of res in its case":    {200, "application/json", `{"Outputs":{"RES":{"statusCode":409}}}`, response{200, plainText, "{}"}},
		"no outputs":                     {200, "application/json", `{"Logs":["a line"]}`, response{200, "", ""}},
		"ReturnValue overrides":          {200, "application/json", `{"Outputs":{"res":{"statusCode":202}},"ReturnValue":{"res":{"statusCode":203}}}`, response{203, plainText, ""}},
		"ReturnValue of another kind":    {200, "application/json", `{"Outputs":{"res":{"statusCode":202}},"ReturnValue":[1]}`, response{202, plainText, ""}},
		"a non-2xx answer":               {422, "application/json", `{"Outputs":{"res":{"statusCode":202,"body":"x"}}}`, failure},
		"an answer without its type":     {200, "", `{"Outputs":{"res":{"statusCode":202}}}`, failure},
		"plain text":                     {200, "text/plain", `{"Outputs":{"res":{"statusCode":202}}}`, failure},
		"no JSON":                        {200, "application/json", `{"Outputs":`, failure},
		"an array":                       {200, "application/json", `[]`, failure},
		"Logs with objects":              {200, "application/json", `{"Logs":[{"level":"info"}]}`, failure},
		"res is null":                    {200, "application/json", `{"Outputs":{"res":null}}`, failure},
		"res is a plain string":          {200, "application/json", `{"Outputs":{"res":"hello"}}`, failure},
		"a header that is null":          {200, "application/json", `{"Outputs":{"res":{"headers":{"X-A":null}}}}`, failure},
		"a header that is an array":      {200, "application/json", `{"Outputs":{"res":{"headers":{"X-A":["a"]}}}}`, failure},
		"a header with a line end":       {200, "application/json", `{"Outputs":{"res":{"headers":{"X-A":"a\r\nB: c"}}}}`, failure},
		"a status that is none":          {200, "application/json", `{"Outputs":{"res":{"statusCode":"teapot"}}}`, failure},
		"a status out of range":          {200, "application/json", `{"Outputs":{"res":{"statusCode":9}}}`, failure},
		"a response with a bad output":   {200, "application/json", `{"Outputs":{"res":{"statusCode":202},"out":"[broken]"}}`, failure},
		"a redirect is followed, as GET": {302, "application/json", `Location:/again`, response{203, plainText, "GET"}},
	}
	var current struct {
		status              int
		contentType, answer string
	}
	s := newStage(t, map[string]string{"act": httpFunction}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/again" {
			reply(w, `{"Outputs":{"res":{"statusCode":203,"body":"`+r.Method+`"}}}`)
			return
		}
		location, isRedirect := strings.CutPrefix(current.answer, "Location:")
		if isRedirect {
			// The script itself must not redirect, so it answers 200 and the handler copies the
			// header only.
			w.Header().Set("Location", location)
		}
		w.Header()["Content-Type"] = nil
		if current.contentType != "" {
			w.Header().Set("Content-Type", current.contentType)
		}
		w.WriteHeader(current.status)
		_, _ = io.WriteString(w, current.answer)
	})
	h := s.start()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			current.status, current.contentType, current.answer = test.status, test.contentType, test.answer
			status, header, body := post(t, h.URL()+"/do", "text/plain", "x")
			if diff := cmp.Diff(test.want, response{status, header.Get("Content-Type"), body}); diff != "" {
				t.Errorf("the response differs (-want +got):\n%s", diff)
			}
		})
	}
	if !s.log.contains("level=INFO", "a line", "function=act") {
		t.Error("the line in Logs did not reach the log")
	}
}

func TestRoutesAndMethods(t *testing.T) {
	route := func(authLevel, methods, route string) string {
		return fmt.Sprintf(`{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": %q%s%s},
			{"type": "http", "direction": "out", "name": "res"}]}`, authLevel, methods, route)
	}
	s := newStage(t, map[string]string{
		"default-route": route("anonymous", "", ""),
		"literal":       route("ANONYMOUS", `, "methods": ["get"]`, `, "route": "a/b"`),
		"param":         route("anonymous", `, "methods": ["Get", "post"]`, `, "route": "a/{id}"`),
		"rest":          route("anonymous", "", `, "route": "files/{*rest}"`),
		"one-word":      route("anonymous", `, "methods": ["get", "head"]`, `, "route": "{page:regex(^home$)?}"`),
		"switched-off":  strings.Replace(route("anonymous", "", ""), "{", `{"disabled": true, `, 1),
		"off-by-name":   route("anonymous", "", ""),
	}, func(w http.ResponseWriter, r *http.Request) {
		var e struct {
			Data struct {
				Req struct{ Params map[string]string }
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&e)
		params := ""
		for name, value := range e.Data.Req.Params {
			params += " " + name + "=" + value
		}
		answer, _ := json.Marshal(r.URL.Path + params)
		reply(w, `{"Outputs":{"res":{"body":`+string(answer)+`}}}`)
	})
	s.set("AzureFunctionsJobHost__extensions__http__routePrefix=v1/x", "AzureWebJobs.off-by-name.Disabled=true")
	h := s.start()
	tests := []struct{ method, path, want string }{
		{"GET", "/v1/x/default-route", "/default-route"},
		{"DELETE", "/v1/x/Default-Route/", "/default-route"},
		{"GET", "/v1/x/a/b", "/literal"},
		{"POST", "/v1/x/a/b", "/param id=b"},
		{"GET", "/V1/X/A/c%2Fd%20%zz", "/param id=c%2Fd %zz"},
		{"GET", "/v1/x/files/a/b", "/rest rest=a/b"},
		{"GET", "/v1/x/files", "/rest rest="},
		{"GET", "/v1/x/home", "/one-word page=home"},
		{"GET", "/v1/x/Home/", "/one-word page=Home"},
		{"GET", "/v1/x/", "/one-word page="},
		{"GET", "/v1/x/homes", "404"},
		{"POST", "/v1/x/home", "404"},
		{"PUT", "/v1/x/a/b", "404"},
		{"GET", "/v1/x/a", "404"},
		{"GET", "/v1/x/a/b/c", "404"},
		{"GET", "/v1/x/a//", "404"},
		{"GET", "/a/b", "404"},
		{"GET", "/", "<!DOCTYPE html>"},
		{"GET", "/v1/x/switched-off", "404"},
		{"GET", "/v1/x/off-by-name", "404"},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			connection, err := net.Dial("tcp", strings.TrimPrefix(h.URL(), "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			// By hand, because net/http's client refuses an invalid percent sign, unlike browsers.
			fmt.Fprintf(connection, "%s %s HTTP/1.0\r\nHost: x\r\n\r\n", test.method, strings.ReplaceAll(test.path, "%zz", "%25zz"))
			response, err := io.ReadAll(connection)
			if err != nil {
				t.Fatal(err)
			}
			head, body, _ := strings.Cut(string(response), "\r\n\r\n")
			got := body
			if !strings.Contains(head, " 200 ") {
				got = strings.Fields(head)[1]
			}
			got, _, _ = strings.Cut(got, "<title>")
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestBodyOverLimitIsRefused(t *testing.T) {
	var c capture
	s := newStage(t, map[string]string{"act": httpFunction}, c.handle)
	s.set("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT=10")
	h := s.start()
	status, _, _ := post(t, h.URL()+"/do", "text/plain", "12345678901")
	if status != http.StatusRequestEntityTooLarge || c.count() != 0 {
		t.Errorf("status %d, %d invocations", status, c.count())
	}
	response, err := http.Post(h.URL()+"/do", "text/plain", struct{ io.Reader }{strings.NewReader("12345678901")})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge || c.count() != 0 {
		t.Errorf("chunked: status %d, %d invocations", response.StatusCode, c.count())
	}
	status, _, _ = post(t, h.URL()+"/do", "text/plain", "1234567890")
	if status != http.StatusOK {
		t.Errorf("at the limit: status %d", status)
	}
}

func TestQueueOutputs(t *testing.T) {
	tests := map[string]struct {
		value string
		want  []string // decoded
	}{
		"base64 gives its bytes":            {`"` + encode(`{"id":1}`) + `"`, []string{`{"id":1}`}},
		"text that happens to be base64":    {`"abcd"`, []string{"i\xb7\x1d"}},
		"text":                              {`"hello, world"`, []string{"hello, world"}},
		"a JSON object is indented":         {`{"id":1,"when":"2026-01-01T01:00:00.500+01:00"}`, []string{"{\n  \"id\": 1,\n  \"when\": \"2026-01-01T00:00:00.5+00:00\"\n}"}},
		"a JSON object in a string as well": {`" {\"id\": 1} "`, []string{"{\n  \"id\": 1\n}"}},
		"an array is a message per element": {`["abcd",{"id":2},null,3]`, []string{"abcd", "{\n  \"id\": 2\n}", "3"}},
		"an array in a string":              {`"[\"abcd\"]"`, []string{"abcd"}},
		"null":                              {`null`, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, map[string]string{"act": httpFunction}, func(w http.ResponseWriter, r *http.Request) {
				reply(w, `{"Outputs":{"unknown":"x","res":{"statusCode":202},"out":`+test.value+`}}`)
			})
			h := s.start()
			status, _, _ := post(t, h.URL()+"/do", "text/plain", "x")
			if status != http.StatusAccepted {
				t.Fatalf("status %d", status)
			}
			var got []string
			if test.want != nil {
				for _, text := range s.texts(s.queue, len(test.want)) {
					decoded, err := base64.StdEncoding.DecodeString(text)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, string(decoded))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the messages differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailedEnqueueFailsInvocation(t *testing.T) {
	tooLong := strings.Repeat("x", 48<<10) + "!"
	s := newStage(t, map[string]string{"act": httpFunction}, func(w http.ResponseWriter, r *http.Request) {
		reply(w, `{"Outputs":{"res":{"statusCode":202,"body":"accepted"},"out":"`+tooLong+`"}}`)
	})
	h := s.start()
	status, _, body := post(t, h.URL()+"/do", "text/plain", "x")
	if status != http.StatusInternalServerError || body != "" {
		t.Errorf("got %d %q, want 500 and nothing", status, body)
	}
}

func TestQueueEnvelope(t *testing.T) {
	tests := map[string]struct {
		function string
		data     string
		id       string // "" is the queue's own
	}{
		"binary": {queueFunction, encode(`{"id":"mine","n":1}`), ""},
		"string": {stringQueueFunction, `"{\"id\":\"mine\",\"n\":1}"`, `"mine"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var c capture
			s := newStage(t, map[string]string{"work": test.function}, c.handle)
			s.put(s.queue, encode(`{"id":"mine","n":1}`))
			s.start()
			got := c.first(t)
			if got.path != "/work" {
				t.Errorf("path %s", got.path)
			}
			data := got.envelope["Data"].(map[string]any)["message"]
			if data != test.data {
				t.Errorf("Data.message = %v, want %s", data, test.data)
			}
			metadata := got.envelope["Metadata"].(map[string]any)
			if metadata["DequeueCount"] != "1" {
				t.Errorf("DequeueCount = %v", metadata["DequeueCount"])
			}
			id := metadata["Id"].(string)
			if test.id != "" && id != test.id || test.id == "" && (len(id) != 38 || id[0] != '"') {
				t.Errorf("Id = %s", id)
			}
			receipt := metadata["PopReceipt"].(string)
			if receipt[0] != '"' {
				t.Errorf("PopReceipt = %s", receipt)
			}
			for _, name := range []string{"InsertionTime", "ExpirationTime", "NextVisibleTime"} {
				_, err := time.Parse("2006-01-02T15:04:05+00:00", metadata[name].(string))
				if err != nil {
					t.Errorf("%s = %v", name, metadata[name])
				}
			}
			if _, exists := metadata["QueueTrigger"]; exists {
				t.Error("QueueTrigger is in the metadata")
			}
			if _, exists := metadata["n"]; exists != (test.id != "") {
				t.Errorf("the message's own properties are in the metadata: %v", exists)
			}
			s.empty(s.queue)
		})
	}
}

func TestFailedMessageIsRetriedAndThenPoison(t *testing.T) {
	tests := map[string]func(w http.ResponseWriter, r *http.Request){
		"an answer of 500":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"the wrong type":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") },
		"a crash":              func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(exitHeader, "2") },
		"a restart by request": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(exitHeader, "200") },
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			counts := []string{}
			s := newStage(t, map[string]string{"work": queueFunction}, func(w http.ResponseWriter, r *http.Request) {
				var e envelope
				_ = json.NewDecoder(r.Body).Decode(&e)
				mu.Lock()
				counts = append(counts, fmt.Sprint(e.Metadata["DequeueCount"]))
				mu.Unlock()
				fail(w, r)
			})
			// Attempts while no handler runs count too.
			s.set("AzureFunctionsJobHost__extensions__queues__maxDequeueCount=3", "AzureFunctionsJobHost__extensions__queues__visibilityTimeout=00:00:01")
			s.put(s.queue, encode("bad"))
			h := s.start()
			if diff := cmp.Diff([]string{encode("bad")}, s.texts(s.queue+"-poison", 1)); diff != "" {
				t.Errorf("the poison differs (-want +got):\n%s", diff)
			}
			s.empty(s.queue)
			if diff := cmp.Diff([]string{"1", "2", "3"}, counts); diff != "" {
				t.Errorf("the attempts differ (-want +got):\n%s", diff)
			}
			select {
			case <-h.Done():
				t.Errorf("the host has stopped: %v", h.Err())
			default:
			}
		})
	}
}

func TestUndecodableMessageIsPoisonAtOnce(t *testing.T) {
	var c capture
	s := newStage(t, map[string]string{"work": queueFunction}, c.handle)
	s.put(s.queue, "not base64!")
	s.start()
	if diff := cmp.Diff([]string{"not base64!"}, s.texts(s.queue+"-poison", 1)); diff != "" {
		t.Errorf("the poison differs (-want +got):\n%s", diff)
	}
	if c.count() != 0 {
		t.Error("the handler was asked")
	}
}

func TestTextTriggerRefusesBinaryMessage(t *testing.T) {
	var c capture
	s := newStage(t, map[string]string{"work": stringQueueFunction}, c.handle)
	s.set("AzureFunctionsJobHost__extensions__queues__maxDequeueCount=2")
	s.put(s.queue, encode("\xff\xfe\xfd"))
	s.start()
	s.texts(s.queue+"-poison", 1)
	if c.count() != 0 {
		t.Error("the handler was asked")
	}
}

func TestListenerWaitsForQueueAndWakesOnOutput(t *testing.T) {
	invoked := make(chan struct{}, 1)
	s := newStage(t, map[string]string{"act": httpFunction, "work": queueFunction}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/act" {
			reply(w, `{"Outputs":{"out":"hello, world"}}`)
			return
		}
		reply(w, `{}`)
		invoked <- struct{}{}
	})
	// The next poll would be too late for this test.
	s.set("AzureFunctionsJobHost__extensions__queues__maxPollingInterval=10.00:00:00")
	h := s.start()
	h.queues.of(h.functions[1].trigger).wake <- struct{}{} // a first, vain poll: the queue does not exist
	status, _, _ := post(t, h.URL()+"/do", "text/plain", "x")
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	<-invoked
	s.empty(s.queue)
}

func TestConcurrencyIsAtMostBatchSizePlusThreshold(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	release := make(chan struct{})
	s := newStage(t, map[string]string{"work": queueFunction}, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		<-release
		mu.Lock()
		running--
		mu.Unlock()
		reply(w, `{}`)
	})
	const messages = 20
	s.put(s.queue, encode("0"))
	for i := 1; i < messages; i++ {
		_, err := s.client(s.queue).EnqueueMessage(t.Context(), encode(strconv.Itoa(i)), nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	// batchSize 4, newBatchThreshold 2: the first batch alone is over the threshold.
	s.start()
	eventually(t, "the first batch", func() bool { mu.Lock(); defer mu.Unlock(); return running == 4 })
	for range messages {
		release <- struct{}{}
	}
	s.empty(s.queue)
	if most > 6 {
		t.Errorf("%d messages ran at once, want at most 6", most)
	}
}

func TestRunningMessageStaysInvisible(t *testing.T) {
	release := make(chan struct{})
	var c capture
	s := newStage(t, map[string]string{"work": queueFunction}, func(w http.ResponseWriter, r *http.Request) {
		<-release
		c.handle(w, r)
	})
	h := s.start()
	f := &h.functions[0]
	// A listener with a shorter renewal replaces the host's own.
	h.stopAccepting()
	h.running.Wait()
	s.put(s.queue, encode("slow"))
	l := newQueueListener(h, f)
	l.renewal = time.Millisecond
	var renewals renewalCounter
	client, err := azqueue.NewQueueClientFromConnectionString(s.config.Storage, s.queue, &azqueue.ClientOptions{ClientOptions: azcore.ClientOptions{
		PerCallPolicies: []policy.Policy{&renewals},
	}})
	if err != nil {
		t.Fatal(err)
	}
	l.queue.client = client
	if !l.receive(t.Context()) {
		t.Fatal("no message")
	}
	eventually(t, "three renewals", func() bool { return renewals.n.Load() >= 3 })
	close(release)
	l.running.Wait()
	// Each renewal gives a new receipt, and only the last one can delete.
	s.empty(s.queue)
}

// renewalCounter counts the updates that hide a message for ten minutes.
type renewalCounter struct{ n atomic.Int32 }

func (c *renewalCounter) Do(r *policy.Request) (*http.Response, error) {
	if r.Raw().Method == http.MethodPut && r.Raw().URL.Query().Get("visibilitytimeout") == "600" {
		c.n.Add(1)
	}
	return r.Next()
}

func TestTimerRunsOnScheduleWithoutOverlap(t *testing.T) {
	var c capture
	s := newStage(t, map[string]string{"tick": timerFunction}, func(w http.ResponseWriter, r *http.Request) {
		got := received{path: r.URL.Path}
		_ = json.NewDecoder(r.Body).Decode(&got.envelope)
		c.mu.Lock()
		c.envelopes = append(c.envelopes, got)
		c.mu.Unlock()
		reply(w, `{"Outputs":{"out":[{"n":1},"text"]}}`)
	})
	s.set("SCHEDULE=* * * * * *")
	s.start()
	eventually(t, "two ticks", func() bool { return c.count() >= 2 })
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.envelopes[0].envelope["Data"].(map[string]any)["timer"].(map[string]any)
	want := map[string]any{"Schedule": map[string]any{"AdjustForDST": true}, "ScheduleStatus": nil, "IsPastDue": false}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("the first run differs (-want +got):\n%s", diff)
	}
	second := c.envelopes[1].envelope["Data"].(map[string]any)["timer"].(map[string]any)["ScheduleStatus"].(map[string]any)
	for _, name := range []string{"Last", "Next", "LastUpdated"} {
		_, err := time.Parse(time.RFC3339Nano, second[name].(string))
		if err != nil {
			t.Errorf("%s = %v", name, second[name])
		}
	}
	client := s.client(s.queue)
	eventually(t, "the timer's messages", func() bool {
		properties, err := client.GetProperties(t.Context(), nil)
		return err == nil && *properties.ApproximateMessagesCount >= 2
	})
}

func TestTimerRunsOnStartup(t *testing.T) {
	var c capture
	s := newStage(t, map[string]string{"tick": strings.Replace(timerFunction, `"name"`, `"runOnStartup": true, "name"`, 1)}, c.handle)
	s.set("SCHEDULE=0 0 0 1 1 *")
	s.start()
	c.first(t)
}

func TestHandlerEnvironmentAndOutput(t *testing.T) {
	s := newStage(t, map[string]string{"act": httpFunction}, func(w http.ResponseWriter, r *http.Request) { reply(w, `{}`) })
	h := s.start()
	eventually(t, "the handler's output", func() bool {
		return s.log.contains("level=INFO", "standard output speaks") && s.log.contains("level=ERROR", "standard error speaks") && s.log.contains("level=WARN", "standard error has a Warning")
	})
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", h.HandlerPID()))
	if errors.Is(err, os.ErrNotExist) {
		t.Log("no /proc on this system: the environment is not looked at")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got := newEnvironment(strings.Split(string(environ), "\x00"))
	port, _ := got.lookup("FUNCTIONS_CUSTOMHANDLER_PORT")
	if !strings.HasSuffix(h.worker.address(""), ":"+port) {
		t.Errorf("port %s", port)
	}
	for name, want := range map[string]string{"FUNCTIONS_HTTPWORKER_PORT": port, "FUNCTIONS_APP_ROOT_PATH": s.config.Root, "AzureWebJobsStorage": s.config.Storage} {
		value, _ := got.lookup(name)
		if value != want {
			t.Errorf("%s = %s, want %s", name, value, want)
		}
	}
	a, _ := got.lookup("FUNCTIONS_HTTPWORKER_ID")
	b, _ := got.lookup("FUNCTIONS_CUSTOMHANDLER_WORKER_ID")
	if len(a) != 36 || a != b {
		t.Errorf("worker ids %q and %q", a, b)
	}
}

func TestKilledHandlerIsRestarted(t *testing.T) {
	s := newStage(t, map[string]string{"act": httpFunction}, func(w http.ResponseWriter, r *http.Request) { reply(w, `{"Outputs":{}}`) })
	h := s.start()
	for range 5 {
		before := h.HandlerPID()
		err := h.KillHandler()
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "another handler", func() bool { return h.HandlerPID() != before })
		eventually(t, "an answer of it", func() bool {
			status, _, _ := post(t, h.URL()+"/do", "text/plain", "x")
			return status == http.StatusOK
		})
	}
}

func TestCrashFailsRunningInvocations(t *testing.T) {
	entered := make(chan struct{})
	s := newStage(t, map[string]string{"act": httpFunction}, func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		w.Header().Set(hangHeader, "1")
	})
	h := s.start()
	go func() {
		<-entered
		_ = h.KillHandler()
	}()
	status, _, body := post(t, h.URL()+"/do", "text/plain", "x")
	if status != http.StatusInternalServerError || body != "" {
		t.Errorf("got %d %q, want 500 and nothing", status, body)
	}
}

func TestHostStopsAfterThreeCrashes(t *testing.T) {
	t.Run("at the start", func(t *testing.T) {
		s := newStage(t, map[string]string{"act": httpFunction}, nil)
		s.config.MaxCrashes = 0
		s.set("TEST_EXIT_AT_START=7")
		h, err := New(s.config)
		if err != nil {
			t.Fatal(err)
		}
		err = h.Start(t.Context())
		if !errors.Is(err, errGaveUp) || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "last words") {
			t.Errorf("err = %v", err)
		}
		if !errors.Is(h.Err(), errGaveUp) {
			t.Errorf("Err() = %v", h.Err())
		}
	})
	t.Run("while it runs", func(t *testing.T) {
		s := newStage(t, map[string]string{"act": httpFunction}, nil)
		s.config.MaxCrashes = 0
		h := s.start()
		for range 3 {
			before := h.HandlerPID()
			err := h.KillHandler()
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "another handler, or the end", func() bool {
				select {
				case <-h.Done():
					return true
				default:
					return h.HandlerPID() != before
				}
			})
		}
		if !errors.Is(h.Err(), errGaveUp) {
			t.Errorf("Err() = %v", h.Err())
		}
	})
	t.Run("not if they are half an hour apart", func(t *testing.T) {
		s := newStage(t, map[string]string{"act": httpFunction}, nil)
		s.config.MaxCrashes = 2
		var mu sync.Mutex
		now := time.Now()
		// Each call of the clock is half an hour later.
		s.config.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(crashWindow)
			return now
		}
		h := s.start()
		for range 4 {
			before := h.HandlerPID()
			err := h.KillHandler()
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "another handler", func() bool { return h.HandlerPID() != before })
		}
	})
}

func TestEmptyAnswerHangsUntilTimeoutKillsHandler(t *testing.T) {
	tests := map[string]func(w http.ResponseWriter){
		"no body": func(w http.ResponseWriter) { reply(w, "") },
		"null":    func(w http.ResponseWriter) { reply(w, " null ") },
		"a hang":  func(w http.ResponseWriter) { w.Header().Set(hangHeader, "1") },
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, map[string]string{"act": httpFunction}, func(w http.ResponseWriter, r *http.Request) { answer(w) })
			s.set("AzureFunctionsJobHost__functionTimeout=00:00:01")
			// A single counted crash would stop the host.
			s.config.MaxCrashes = 1
			h := s.start()
			before := h.HandlerPID()
			status, _, body := post(t, h.URL()+"/do", "text/plain", "x")
			if status != http.StatusInternalServerError || body != "" {
				t.Errorf("got %d %q, want 500 and nothing", status, body)
			}
			eventually(t, "another handler", func() bool { return h.HandlerPID() != before })
		})
	}
}

func TestHandlerThatExitsWithZeroIsNotRestarted(t *testing.T) {
	s := newStage(t, map[string]string{"act": httpFunction}, func(w http.ResponseWriter, r *http.Request) { w.Header().Set(exitHeader, "0") })
	h := s.start()
	before := h.HandlerPID()
	for range 3 {
		status, _, _ := post(t, h.URL()+"/do", "text/plain", "x")
		if status != http.StatusInternalServerError {
			t.Errorf("status %d", status)
		}
	}
	if h.HandlerPID() != before {
		t.Error("the handler was started again")
	}
}

func TestSlowStartIsACrash(t *testing.T) {
	s := newStage(t, map[string]string{"act": httpFunction}, nil)
	s.config.MaxCrashes = 2
	// A program that never listens.
	s.set("AzureFunctionsJobHost__customHandler__description__defaultExecutablePath=sleep",
		"AzureFunctionsJobHost__customHandler__description__arguments__0=600",
		"AzureFunctionsJobHost__customHandler__initializationTimeout=00:00:00.2")
	h, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Start(t.Context())
	if !errors.Is(err, errGaveUp) || !strings.Contains(err.Error(), "timed out") {
		t.Errorf("err = %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	t.Run("a handler that is missing", func(t *testing.T) {
		s := newStage(t, map[string]string{"act": httpFunction}, nil)
		s.set("AzureFunctionsJobHost__customHandler__description__defaultExecutablePath=bin/nothing")
		h, err := New(s.config)
		if err != nil {
			t.Fatal(err)
		}
		err = h.Start(t.Context())
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a port that is taken", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		s := newStage(t, map[string]string{"act": httpFunction}, nil)
		s.config.Listen = taken.Addr().String()
		h, err := New(s.config)
		if err != nil {
			t.Fatal(err)
		}
		err = h.Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), "listening for HTTP") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a start that is cancelled", func(t *testing.T) {
		s := newStage(t, map[string]string{"act": httpFunction}, nil)
		h, err := New(s.config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = h.Start(ctx)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		h.Stop()
	})
}

func TestStopWaitsForInvocationsAndKillsHandler(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := newStage(t, map[string]string{"act": httpFunction}, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		reply(w, `{"Outputs":{"res":{"body":"done"}}}`)
	})
	h := s.start()
	pid := h.HandlerPID()
	go func() {
		<-entered
		stopped := make(chan struct{})
		go func() {
			h.Stop()
			close(stopped)
		}()
		<-h.accepting.Done()
		close(release)
		<-stopped
	}()
	_, _, body := post(t, h.URL()+"/do", "text/plain", "x")
	if body != "done" {
		t.Errorf("body %q", body)
	}
	h.Stop()
	if h.Err() != nil {
		t.Errorf("Err() = %v", h.Err())
	}
	process, err := os.FindProcess(pid)
	if err == nil && process.Signal(syscall.Signal(0)) == nil {
		t.Error("the handler still runs")
	}
}
