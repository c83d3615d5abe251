// Package channeltest is the suite for implementations of [request.Channel] that post over HTTP:
// each promise of that interface is a test, with a receiver that answers, or fails to, in every way
// that receivers do.
//
// It must not know any channel: a [Service] makes one for an address. It imports only policy,
// problem and request of this module.
package channeltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Config configures the channel that a [Service] is asked for.
type Config struct {
	// URL is the address of the receiver, with [Secret] in it.
	URL string
	// Timeout is how long an attempt may take; 0 for the default.
	Timeout time.Duration
	// Log gets the lines of the channel.
	Log io.Writer
	// Now is the clock.
	Now func() time.Time
}

// A Service says how a channel is made, and what differs between channels.
type Service struct {
	New func(t *testing.T, config Config) request.Channel
	// Name and Recognizes are what the channel says of itself.
	Name       string
	Recognizes bool
	// Status is the one with which the receiver takes a notice.
	Status int
	// TakesPages says that a page with a status of success is a success too.
	TakesPages bool
	// Check reports what is wrong with a request that has arrived, with its body.
	Check func(t *testing.T, notice request.Notice, r *http.Request, body []byte)
}

// Secret is part of the receiver's address, and must not appear anywhere.
const Secret = "s3cr3t-of-the-address"

// words is what receivers say, which must not be repeated.
const words = "ana.oneil@contoso.com is not wanted"

// now is the time of the suite's clock.
var now = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)

// Notice returns a notice with everything that one can have.
func Notice() request.Notice {
	return request.Notice{
		ID: "7e2bc89e-f611-876b-bec2-c7d48b3787e7", Kind: request.AskedNotice, Number: "2FKM-93QX-7HTR",
		Row: policy.RowKey{Partition: "*.contoso.com", Name: `Partner "Días" <b>, [x](https://evil.example)`}, Stage: 1, Stages: 2,
		Deadline: now.Add(72 * time.Hour), At: now.Add(-time.Minute), Link: "https://reviews.example.com/reviews/2FKM-93QX-7HTR?a=1&b=2",
	}
}

// Notices returns a notice of each kind.
func Notices() []request.Notice {
	var all []request.Notice
	for i, kind := range request.NoticeKinds() {
		n := Notice()
		n.ID, n.Kind = request.NoticeID(fmt.Sprintf("00000000-0000-8000-8000-%012d", i)), kind
		all = append(all, n)
	}
	test := request.Notice{
		ID: "00000000-0000-8000-8000-000000000102", Kind: request.TestNotice, At: now, Link: "https://reviews.example.com/reviews",
	}
	ofAddress := Notice()
	ofAddress.ID, ofAddress.Row.Partition = "00000000-0000-8000-8000-000000000103", ""
	forEver := Notice()
	forEver.ID, forEver.Deadline, forEver.Stages = "00000000-0000-8000-8000-000000000104", time.Time{}, 1
	return append(all, test, ofAddress, forEver)
}

// CheckError reports an error that is not a *problem.Error of the code, or that says what it must
// not.
func CheckError(t testing.TB, err error, code problem.Code) *problem.Error {
	t.Helper()
	failure, isProblem := err.(*problem.Error)
	if !isProblem || failure.Code != code {
		t.Fatalf("error %v (%T), want one with the code %s", err, err, code)
	}
	if failure.Public != "" {
		t.Errorf("the error has a text for the public: %q", failure.Public)
	}
	CheckText(t, err.Error()+" "+failure.Answer+" "+failure.Ref)
	return failure
}

// CheckText reports a text that holds a part of the receiver's address or of what it says.
func CheckText(t testing.TB, text string) {
	t.Helper()
	for _, secret := range []string{Secret, "127.0.0.1", "://", "ana", "oneil", "contoso", "wanted", "reviews."} {
		if strings.Contains(strings.ToLower(text), secret) {
			t.Errorf("%q holds %q", text, secret)
		}
	}
}

// Run runs the suite.
func Run(t *testing.T, s Service) {
	t.Run("notices arrive once and whole", func(t *testing.T) { arrive(t, s) })
	t.Run("notices of several goroutines arrive once", func(t *testing.T) { arriveConcurrently(t, s) })
	t.Run("a notice that can't be sent", func(t *testing.T) { unsendable(t, s) })
	t.Run("answers", func(t *testing.T) { answers(t, s) })
	t.Run("times to wait", func(t *testing.T) { waits(t, s) })
	t.Run("a redirect is not followed", func(t *testing.T) { redirects(t, s) })
	t.Run("connections", func(t *testing.T) { connections(t, s) })
	t.Run("no proxy is asked", func(t *testing.T) { proxies(t, s) })
	t.Run("the context has ended", func(t *testing.T) { ended(t, s) })
	t.Run("the context ends meanwhile", func(t *testing.T) { endsMeanwhile(t, s) })
}

// A receiver is a server for one test.
type receiver struct {
	channel request.Channel
	arrived atomic.Int64
	mu      sync.Mutex
	log     bytes.Buffer
}

// Write collects what the channel logs.
func (r *receiver) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(line)
}

// newReceiver returns a receiver that answers as the handler does. The log is checked when the test
// ends.
func newReceiver(t *testing.T, s Service, timeout time.Duration, handler http.HandlerFunc) *receiver {
	t.Helper()
	r := new(receiver)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.arrived.Add(1)
		handler(w, request)
	}))
	r.channel = s.New(t, Config{URL: address(server.URL), Timeout: timeout, Log: r, Now: clock})
	t.Cleanup(func() {
		server.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		CheckText(t, r.log.String())
	})
	return r
}

func clock() time.Time { return now }

func address(server string) string { return server + "/" + Secret }

// respond answers with a status and a body.
func respond(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func arrive(t *testing.T, s Service) {
	var got []request.NoticeID
	var current request.Notice
	r := newReceiver(t, s, 0, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost {
			t.Errorf("%s, %v", r.Method, err)
		}
		if strings.Contains(string(body), "@") {
			t.Errorf("the body holds an address: %s", body)
		}
		s.Check(t, current, r, body)
		got = append(got, current.ID)
		w.WriteHeader(s.Status)
	})
	if r.channel.Name() != s.Name || r.channel.Recognizes() != s.Recognizes {
		t.Errorf("it is %q and recognizes notices: %t", r.channel.Name(), r.channel.Recognizes())
	}
	var want []request.NoticeID
	for _, notice := range Notices() {
		current = notice
		want = append(want, notice.ID)
		err := r.channel.SendNotice(t.Context(), notice)
		if err != nil {
			t.Errorf("%s: %v", notice.Kind, err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("arrived %v, want %v", got, want)
	}
}

func arriveConcurrently(t *testing.T, s Service) {
	const callers = 4
	r := newReceiver(t, s, 0, respond(s.Status, "text/plain", ""))
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			err := r.channel.SendNotice(t.Context(), Notice())
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := r.arrived.Load(); n != callers {
		t.Errorf("%d arrived, want %d", n, callers)
	}
}

func unsendable(t *testing.T, s Service) {
	r := newReceiver(t, s, 0, respond(s.Status, "text/plain", ""))
	for name, change := range map[string]func(*request.Notice){
		"no id":                   func(n *request.Notice) { n.ID = "" },
		"an id with a line break": func(n *request.Notice) { n.ID += "\r\nX-Other: 1" },
		"an unknown kind":         func(n *request.Notice) { n.Kind = "gossip" },
		"no link":                 func(n *request.Notice) { n.Link = "" },
		"a link without a host":   func(n *request.Notice) { n.Link = "/reviews" },
		"a row of an address":     func(n *request.Notice) { n.Row.Partition = "ana.oneil@contoso.com" },
	} {
		t.Log(name)
		notice := Notice()
		change(&notice)
		CheckError(t, r.channel.SendNotice(t.Context(), notice), request.NoticeRefused)
	}
	if n := r.arrived.Load(); n != 0 {
		t.Errorf("%d arrived", n)
	}
}

const (
	page     = "<!DOCTYPE html><title>Sign in</title>" + words
	asJSON   = "application/json; charset=utf-8"
	asPage   = "text/html; charset=utf-8"
	refusal  = `{"error": {"code": "SomeCode", "message": "` + words + `"}}`
	talkCode = `{"error": {"code": "` + words + `"}}`
)

func answers(t *testing.T, s Service) {
	ofPage := request.NoticeUnavailable
	if s.TakesPages {
		ofPage = ""
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		want    problem.Code
	}{
		"taken":                       {respond(s.Status, asJSON, `{}`), ""},
		"taken, with a huge answer":   {huge(s.Status), ""},
		"taken, with an endless body": {endless(s.Status), ""},
		"a page of success":           {respond(200, asPage, page), ofPage},
		"a page of refusal":           {respond(403, asPage, page), request.NoticeForbidden},
		"a page of failure":           {respond(502, asPage, page), request.NoticeUnavailable},
		"no token":                    {respond(401, asJSON, refusal), request.NoticeForbidden},
		"no role":                     {respond(403, asJSON, refusal), request.NoticeForbidden},
		"nothing there":               {respond(404, asJSON, refusal), request.NoticeForbidden},
		"another method":              {respond(405, asJSON, refusal), request.NoticeForbidden},
		"gone":                        {respond(410, asJSON, refusal), request.NoticeForbidden},
		"malformed":                   {respond(400, asJSON, refusal), request.NoticeRefused},
		"words for a code":            {respond(400, asJSON, talkCode), request.NoticeRefused},
		"no JSON":                     {respond(400, asJSON, words), request.NoticeRefused},
		"too large":                   {respond(413, asJSON, refusal), request.NoticeRefused},
		"another type":                {respond(415, asJSON, refusal), request.NoticeRefused},
		"not understood":              {respond(422, asJSON, refusal), request.NoticeRefused},
		"a conflict":                  {respond(409, asJSON, refusal), request.NoticeRefused},
		"a huge refusal":              {huge(400), request.NoticeRefused},
		"late":                        {respond(408, asJSON, refusal), request.NoticeUnreached},
		"throttled":                   {respond(429, asJSON, refusal), request.NoticeThrottled},
		"broken":                      {respond(500, asJSON, refusal), request.NoticeUnavailable},
		"something behind is broken":  {respond(502, asJSON, refusal), request.NoticeUnavailable},
		"out of service":              {respond(503, asJSON, refusal), request.NoticeUnavailable},
		"something behind is slow":    {respond(504, asJSON, refusal), request.NoticeUnavailable},
		"a status of nobody":          {respond(799, asJSON, refusal), request.NoticeUnavailable},
		"huge headers":                {hugeHeaders, request.NoticeUnavailable},
		"no HTTP":                     {raw(words + "\r\n\r\n"), request.NoticeUnavailable},
		"half an answer":              {raw("HTTP/1.1 20"), request.NoticeUnavailable},
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, s, 0, tests[name].handler)
			err := r.channel.SendNotice(t.Context(), Notice())
			if n := r.arrived.Load(); n != 1 {
				t.Errorf("%d attempts", n)
			}
			if tests[name].want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			CheckError(t, err, tests[name].want)
		})
	}
}

// huge answers with more than anybody should read into memory.
func huge(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", asJSON)
		w.WriteHeader(status)
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for range 64 {
			_, err := w.Write(chunk)
			if err != nil {
				return
			}
		}
	}
}

// endless answers, and goes on until the caller has gone.
func endless(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func hugeHeaders(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	for i := range 64 {
		w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("a", 64<<10))
	}
	w.WriteHeader(http.StatusOK)
}

// raw answers with text, which need not be HTTP, once the request has arrived. Then the connection
// ends.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

func waits(t *testing.T, s Service) {
	tests := map[string]struct {
		header string
		want   time.Duration
	}{
		"seconds":            {"90", 90 * time.Second},
		"a date":             {now.Add(2 * time.Minute).Format(http.TimeFormat), 2 * time.Minute},
		"a date in the past": {now.Add(-time.Hour).Format(http.TimeFormat), 0},
		"a negative number":  {"-5", 0},
		"centuries":          {"99999999999", 24 * time.Hour},
		"more than a number": {"99999999999999999999999", 24 * time.Hour},
		"words":              {"soon", 0},
		"nothing":            {"", 0},
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		for status, want := range map[int]problem.Code{429: request.NoticeThrottled, 503: request.NoticeUnreached, 500: request.NoticeUnavailable, 400: request.NoticeRefused} {
			r := newReceiver(t, s, 0, func(w http.ResponseWriter, _ *http.Request) {
				if header := tests[name].header; header != "" {
					w.Header().Set("Retry-After", header)
				}
				w.WriteHeader(status)
			})
			if status == 503 && tests[name].header == "" {
				want = request.NoticeUnavailable
			}
			wait := tests[name].want
			if status == 400 {
				wait = 0 // it is not to be sent again
			}
			failure := CheckError(t, r.channel.SendNotice(t.Context(), Notice()), want)
			if failure.RetryAfter != wait {
				t.Errorf("%s, %d: wait for %v, want %v", name, status, failure.RetryAfter, wait)
			}
		}
	}
}

func redirects(t *testing.T, s Service) {
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := newReceiver(t, s, 0, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/"+Secret, status)
		})
		CheckError(t, r.channel.SendNotice(t.Context(), Notice()), request.NoticeForbidden)
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

func connections(t *testing.T, s Service) {
	t.Run("nobody listens", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		url := address("http://" + listener.Addr().String())
		_ = listener.Close()
		channel := s.New(t, Config{URL: url, Log: io.Discard, Now: clock})
		CheckError(t, channel.SendNotice(t.Context(), Notice()), request.NoticeUnreached)
	})
	t.Run("it ends once the notice has arrived", func(t *testing.T) {
		r := newReceiver(t, s, 0, raw(""))
		CheckError(t, r.channel.SendNotice(t.Context(), Notice()), request.NoticeUnavailable)
		if n := r.arrived.Load(); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
	t.Run("it ends at once", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		var accepted atomic.Int64
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				accepted.Add(1)
				_ = conn.Close()
			}
		}()
		channel := s.New(t, Config{URL: address("http://" + listener.Addr().String()), Log: io.Discard, Now: clock})
		CheckError(t, channel.SendNotice(t.Context(), Notice()), request.NoticeUnavailable)
		if n := accepted.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
	t.Run("a slow answer", func(t *testing.T) {
		r := newReceiver(t, s, 50*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		err := r.channel.SendNotice(t.Context(), Notice())
		CheckError(t, err, request.NoticeUnavailable)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v does not say that it took too long", err)
		}
	})
	t.Run("each notice has its own", func(t *testing.T) {
		seen := map[string]bool{}
		r := newReceiver(t, s, 0, func(w http.ResponseWriter, r *http.Request) {
			seen[r.RemoteAddr] = true
			w.WriteHeader(s.Status)
		})
		for range 3 {
			err := r.channel.SendNotice(t.Context(), Notice())
			if err != nil {
				t.Error(err)
			}
		}
		if len(seen) != 3 {
			t.Errorf("%d connections for 3 notices", len(seen))
		}
	})
}

// proxies sets variables that net/http obeys by default. It looks at them once in a process, and
// not for loopback addresses; package posting has a test without these exceptions.
func proxies(t *testing.T, s Service) {
	var asked atomic.Bool
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	t.Cleanup(proxy.Close)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	r := newReceiver(t, s, 0, respond(s.Status, "text/plain", ""))
	err := r.channel.SendNotice(t.Context(), Notice())
	if err != nil || asked.Load() {
		t.Errorf("%v, a proxy was asked: %t", err, asked.Load())
	}
}

func ended(t *testing.T, s Service) {
	r := newReceiver(t, s, 0, respond(s.Status, "text/plain", ""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.channel.SendNotice(ctx, Notice())
	CheckError(t, err, request.NoticeUnreached)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not say that the context has ended", err)
	}
	if n := r.arrived.Load(); n != 0 {
		t.Errorf("%d arrived", n)
	}
}

func endsMeanwhile(t *testing.T, s Service) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := newReceiver(t, s, 0, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client leaves
		cancel()
		<-r.Context().Done()
	})
	err := r.channel.SendNotice(ctx, Notice())
	CheckError(t, err, request.NoticeUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not say that the context has ended", err)
	}
}
