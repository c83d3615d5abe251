package hostsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// raw sends a request as it stands and returns status and body: net/http's client refuses some
// that browsers send.
func raw(t *testing.T, h *Host, request string) (status, body string) {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(h.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, err = io.WriteString(connection, request)
	if err != nil {
		t.Fatal(err)
	}
	response, err := io.ReadAll(connection)
	if err != nil && len(response) == 0 {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(response), "\r\n\r\n")
	return strings.Fields(head + " - -")[1], body
}

func TestLongRequestLineAndHeadersAreRefused(t *testing.T) {
	var c capture
	h := newStage(t, map[string]string{"act": httpFunction}, c.handle).start()
	// line returns a request line of n bytes with its line end.
	line := func(n int) string {
		const begin, end = "GET /do?", " HTTP/1.0\r\n"
		return begin + strings.Repeat("x", n-len(begin)-len(end)) + end
	}
	// headers returns headers of n bytes with the empty line after them.
	headers := func(n int) string {
		const begin, end = "Host: x\r\nCookie: ", "\r\n\r\n"
		return begin + strings.Repeat("x", n-len(begin)-len(end)) + end
	}
	many := func(n int) string {
		text := "Host: x\r\n"
		for i := range n - 1 {
			text += fmt.Sprintf("X-%d: y\r\n", i)
		}
		return text + "\r\n"
	}
	for name, test := range map[string]struct{ request, want string }{
		"a line at the limit":   {line(8192) + headers(100), "200"},
		"a line over it":        {line(8193) + headers(100), "414"},
		"headers at the limit":  {line(100) + headers(32768), "200"},
		"headers over it":       {line(100) + headers(32769), "431"},
		"as many as may be":     {line(100) + many(100), "200"},
		"one header too many":   {line(100) + many(101), "431"},
		"a path over the limit": {"GET /" + strings.Repeat("a", 9000) + " HTTP/1.0\r\nHost: x\r\n\r\n", "414"},
	} {
		before := c.count()
		status, body := raw(t, h, test.request)
		if status != test.want {
			t.Errorf("%s: status %s, want %s", name, status, test.want)
		}
		if refused := test.want != "200"; refused && (c.count() != before || body != "") {
			t.Errorf("%s: the handler was asked, or the answer has the body %q", name, body)
		}
	}
}

func TestHomePageIsTheHosts(t *testing.T) {
	root := `{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "methods": ["post"], "route": "{*all}"},
		{"type": "http", "direction": "out", "name": "res"}]}`
	for name, test := range map[string]struct {
		functions map[string]string
		setting   string
		want      map[string]string
	}{
		"as it is":            {map[string]string{"act": httpFunction}, "", map[string]string{"GET /": "200", "POST /?x": "200", "GET /.": "200", "GET /x": "404"}},
		"switched off":        {map[string]string{"act": httpFunction}, "true", map[string]string{"GET /": "204", "HEAD /": "204", "GET //": "404"}},
		"a function takes it": {map[string]string{"act": root}, "True", map[string]string{"POST /": "200", "GET /": "204"}},
	} {
		t.Run(name, func(t *testing.T) {
			var c capture
			s := newStage(t, test.functions, c.handle)
			s.set("AzureWebJobsDisableHomepage=" + test.setting)
			h := s.start()
			for request, want := range test.want {
				status, body := raw(t, h, request+" HTTP/1.0\r\nHost: x\r\n\r\n")
				if status != want || strings.Contains(body, "Functions") != (want == "200" && c.count() == 0) {
					t.Errorf("%s: status %s, want %s: %.40s", request, status, want, body)
				}
			}
		})
	}
}

// The host takes a query parameter "code" for a function key, also where a function needs none.
func TestKeysAreReadForEveryRequestThatSeemsToHaveOne(t *testing.T) {
	var c capture
	now := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	reads, failure := 0, error(nil)
	s := newStage(t, map[string]string{"act": httpFunction}, c.handle)
	s.config.Now = func() time.Time { return now }
	s.config.ReadKeys = func() error {
		reads++
		return failure
	}
	h := s.start()
	ask := func(query, header string) int {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, h.URL()+"/do"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			request.Header.Set("X-Functions-Key", header)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	for _, step := range []struct {
		name, query, header string
		failure             error
		later               time.Duration
		status, reads       int
	}{
		{"no key", "?x=1", "", nil, 0, 200, 0},
		{"an empty one", "?code=", "", nil, 0, 200, 0},
		{"a header wins over the query, also an empty one", "?code=x", " ", nil, 0, 200, 0},
		{"storage is away", "?Code=x", "", errors.New("storage is away"), 0, 500, 1},
		{"still", "", "x", errors.New("storage is away"), 0, 500, 2},
		{"storage is back", "?code=x", "", nil, 0, 200, 3},
		{"an unknown key makes the host look again", "?code=x", "", nil, 0, 200, 4},
		{"but not within the minute", "?code=y", "", errors.New("storage is away"), time.Minute, 200, 4},
		{"after it", "?code=y", "", errors.New("storage is away"), time.Second, 500, 5},
		{"nothing is kept then", "?code=y", "", nil, 0, 200, 6},
	} {
		now, failure = now.Add(step.later), step.failure
		if status := ask(step.query, step.header); status != step.status || reads != step.reads {
			t.Errorf("%s: status %d after %d reads, want %d after %d", step.name, status, reads, step.status, step.reads)
		}
	}
}

// The host decodes the path and writes it anew.
func TestURLIsEncodedAnew(t *testing.T) {
	for path, want := range map[string][2]string{
		"/do/%61%7Eb":         {"/do/a~b", "a~b"},
		"/do/caf%c3%a9":       {"/do/caf%C3%A9", "café"},
		"/do/a%20b%22%3C":     {"/do/a%20b%22%3C", `a b"<`},
		"/do/a%2fb":           {"/do/a%2fb", "a%2fb"},
		"/do/%2541":           {"/do/%41", "%41"},
		"/do/100%25":          {"/do/100%25", "100%"},
		"/do/%ff%fe":          {"/do/%ff%fe", "%ff%fe"},
		"/do/%5Bx%5D|":        {"/do/%5Bx%5D%7C", "[x]|"},
		"/do/x/%2e%2E/y":      {"/do/y", "y"},
		"/do/./y":             {"/do/y", "y"},
		"/do/a:@!$&'()*+,;=b": {"/do/a:@!$&'()*+,;=b", "a:@!$&'()*+,;=b"},
		"/do/y?q=%61&%7e":     {"/do/y?q=%61&%7e", "y"},
	} {
		var c capture
		h := newStage(t, map[string]string{"act": httpFunction}, c.handle).start()
		status, _ := raw(t, h, "GET "+path+" HTTP/1.0\r\nHost: x\r\n\r\n")
		if status != "200" || c.count() != 1 {
			t.Errorf("%s: status %s", path, status)
			continue
		}
		request := c.envelopes[0].envelope["Data"].(map[string]any)["req"].(map[string]any)
		got := [2]string{
			strings.TrimPrefix(request["Url"].(string), "http://x"),
			fmt.Sprint(request["Params"].(map[string]any)["what"]),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: Url and route value differ (-want +got):\n%s", path, diff)
		}
	}
}

func TestEveryContentTypeGetsACharset(t *testing.T) {
	for given, want := range map[string]string{
		"":                              "text/plain; charset=utf-8",
		"text/html":                     "text/html; charset=utf-8",
		"text/css; charset=UTF-8":       "text/css; charset=UTF-8",
		"application/problem+json":      "application/problem+json; charset=utf-8",
		"image/svg+xml":                 "image/svg+xml; charset=utf-8",
		"text/calendar; method=PUBLISH": "text/calendar; method=PUBLISH; charset=utf-8",
		"text/html; charset=latin1":     "text/html; charset=utf-8",
		`text/html; charset="utf-8"`:    `text/html; charset="utf-8"`,
	} {
		r := result{outputs: map[string]json.RawMessage{"res": json.RawMessage(fmt.Sprintf(`{"headers":{"Content-Type":%q},"body":"x"}`, given))}}
		if given == "" {
			r.outputs["res"] = json.RawMessage(`{"statusCode":303}`)
		}
		response, err := r.httpResponse("res")
		if err != nil || response.header.Get("Content-Type") != want {
			t.Errorf("%q becomes %q (%v), want %q", given, response.header.Get("Content-Type"), err, want)
		}
	}
}
