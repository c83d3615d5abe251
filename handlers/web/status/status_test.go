package status

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/site"
)

// fakeRequests answers with progress for the id known, or with err.
type fakeRequests struct {
	known    submission.ID
	progress request.Progress
	err      error
	asked    int
}

func (f *fakeRequests) Progress(_ context.Context, id submission.ID) (request.Progress, error) {
	f.asked++
	switch {
	case f.err != nil:
		return request.Progress{}, f.err
	case id != f.known:
		return request.Progress{}, problem.New(problem.NotFound, "no request %s", id)
	}
	return f.progress, nil
}

func newID(t testing.TB, at time.Time) submission.ID { return signedBy(t, formKey, at) }

// unsignedID returns an id as they were before ids were signed.
func unsignedID(t testing.TB, at time.Time) submission.ID {
	t.Helper()
	id, err := submission.NewID(at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func newStatus(t testing.TB, requests Requests, changes ...func(*Config)) (http.Handler, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	config := Config{Requests: requests, Service: site.Service{
		Style: pagetest.Style("Contoso"), Guards: guardsOf(t), Queue: &pagetest.Queue{}, Now: func() time.Time { return pagetest.Morning },
		Log: slog.New(slog.NewJSONHandler(&log, nil)),
	}}
	for _, change := range changes {
		change(&config)
	}
	handler, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return handler, &log
}

// do sends a request for an id, valid or not, with names and values of headers.
func do(h http.Handler, method, id, text string, header ...string) *http.Response {
	r := httptest.NewRequest(method, site.Root+"/x", io.NopCloser(strings.NewReader(text)))
	r.SetPathValue("id", id)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return pagetest.Do(h, r)
}

func ask(h http.Handler, id, accept string, header ...string) *http.Response {
	return do(h, http.MethodGet, id, "", append(header, "Accept", accept)...)
}

func TestStages(t *testing.T) {
	fresh := pagetest.Morning.Add(-time.Minute)
	tests := map[string]struct {
		progress request.Progress
		issued   time.Time
		says     string
		current  string
		again    bool // whether there is a link to look again
	}{
		"received": {request.Progress{Stage: request.StageReceived, Address: "a***@contoso.com"}, fresh, "has arrived at Contoso", "Received", true},
		"in work":  {request.Progress{Stage: request.StageInWork, Address: "a***@contoso.com"}, fresh, "is being checked", "Being checked", true},
		"finished": {request.Progress{Stage: request.StageFinished, Address: "a***@contoso.com"}, fresh, "If access is possible, an invitation to the address that you gave was sent or follows", "Checked", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id := newID(t, test.issued)
			h, log := newStatus(t, &fakeRequests{known: id, progress: test.progress})
			response := ask(h, string(id), "text/html")
			if response.StatusCode != http.StatusOK {
				t.Fatalf("status %d", response.StatusCode)
			}
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			if !strings.Contains(doc.Text(), test.says) || !strings.Contains(doc.Text(), string(id.Reference())) || strings.Contains(doc.Text(), string(id)) || strings.Contains(doc.Text(), "Look again") != test.again {
				t.Errorf("page: %s", doc.Text())
			}
			var current []string
			for n := range doc.Root.Descendants() {
				if n.Type == html.ElementNode && pagetest.Attribute(n, "aria-current") == "step" {
					current = append(current, pagetest.Text(n))
				}
			}
			if diff := cmp.Diff([]string{test.current}, current); diff != "" {
				t.Errorf("current stage (-want +got):\n%s", diff)
			}

			response = ask(h, string(id), "application/json")
			var got map[string]string
			err := json.Unmarshal([]byte(pagetest.Body(t, response)), &got)
			if err != nil || response.Header.Get("Content-Type") != "application/json" {
				t.Fatalf("error %v, content type %q", err, response.Header.Get("Content-Type"))
			}
			want := map[string]string{"stage": string(test.progress.Stage)}
			if test.progress.Address != "" && test.progress.Stage != request.StageFinished {
				want["address"] = test.progress.Address
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			pagetest.CheckHeaders(t, response)
			if log.Len() != 0 {
				t.Errorf("logged: %s", log)
			}
		})
	}
}

func TestUnknownIDs(t *testing.T) {
	tests := map[string]struct {
		id       string
		received bool
	}{
		"issued now":               {string(newID(t, pagetest.Morning)), true},
		"issued seven days ago":    {string(newID(t, pagetest.Morning.Add(-7*24*time.Hour+time.Second))), true},
		"issued longer ago":        {string(newID(t, pagetest.Morning.Add(-7*24*time.Hour-time.Second))), false},
		"issued by a clock ahead":  {string(newID(t, pagetest.Morning.Add(4*time.Minute))), true},
		"issued in the future":     {string(newID(t, pagetest.Morning.Add(6*time.Minute))), false},
		"made up":                  {string(signedBy(t, leakedKey, pagetest.Morning)), false},
		"without a signature":      {string(unsignedID(t, pagetest.Morning)), true},
		"without one, of long ago": {string(unsignedID(t, pagetest.Morning.Add(-8*24*time.Hour))), false},
		"issued at the first":      {string(newID(t, time.Unix(0, 0))), false},
		"issued at the last":       {strings.Repeat("v", 8) + strings.Repeat("0", 26), false},
		"empty":                    {"", false},
		"malformed":                {"../../etc/passwd", false},
		"script":                   {"<script>alert(1)</script>", false},
		"capitals":                 {strings.ToUpper(string(newID(t, pagetest.Morning))), true},
		"with a full stop":         {string(newID(t, pagetest.Morning)) + ".", true},
		"with a bracket":           {string(newID(t, pagetest.Morning)) + ")", true},
		"with a quotation mark":    {string(newID(t, pagetest.Morning)) + "'", true},
		"with a letter more":       {string(newID(t, pagetest.Morning)) + "x", false},
		"with a file's ending":     {string(newID(t, pagetest.Morning)) + ".html", false},
	}
	var refusals []string
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, log := newStatus(t, &fakeRequests{})
			response := ask(h, test.id, "text/html")
			text := pagetest.Body(t, response)
			doc := pagetest.CheckPage(t, response, text)
			if log.Len() != 0 {
				t.Errorf("logged: %s", log)
			}
			if test.received {
				if response.StatusCode != http.StatusOK || !strings.Contains(doc.Text(), "has arrived") {
					t.Errorf("status %d: %s", response.StatusCode, doc.Text())
				}
				return
			}
			if response.StatusCode != http.StatusNotFound {
				t.Errorf("status %d, want 404", response.StatusCode)
			}
			refusals = append(refusals, text)
			answer := ask(h, test.id, "application/json")
			pagetest.CheckProblem(t, answer, pagetest.Body(t, answer), problem.NotFound, "no request")
		})
	}
	for _, refusal := range refusals {
		if refusal != refusals[0] {
			t.Error("malformed and unknown ids can be told apart")
		}
	}
}

func TestMalformedIDIsNotLookedUp(t *testing.T) {
	requests := &fakeRequests{}
	h, _ := newStatus(t, requests)
	ask(h, "' or '1' eq '1", "text/html")
	if requests.asked != 0 {
		t.Error("a malformed id reached the store")
	}
}

func TestStoreFailure(t *testing.T) {
	for name, err := range map[string]error{
		"busy":    problem.New(problem.StorageUnavailable, "reading the row"),
		"foreign": errors.New("dial tcp: ana@contoso.com"),
	} {
		t.Run(name, func(t *testing.T) {
			h, log := newStatus(t, &fakeRequests{err: err})
			id := newID(t, pagetest.Morning)
			response := ask(h, string(id), "text/html")
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
			}
			if !strings.Contains(doc.Text(), "Your request is safe") {
				t.Errorf("the page does not reassure: %s", doc.Text())
			}
			response = ask(h, string(id), "application/json")
			pagetest.CheckProblem(t, response, pagetest.Body(t, response), problem.StorageUnavailable, "safe")
			pagetest.CheckLog(t, log.String(), 2)
		})
	}
}

func TestMethodsOfTheStatusPage(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageInWork}})
	response := do(h, http.MethodHead, string(id), "")
	if response.StatusCode != http.StatusOK {
		t.Errorf("HEAD: status %d", response.StatusCode)
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH"} {
		response := do(h, method, string(id), "", "Accept", "application/json")
		if response.Header.Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("%s: Allow %q", method, response.Header.Get("Allow"))
		}
		pagetest.CheckProblem(t, response, pagetest.Body(t, response), problem.MethodNotAllowed, "browser")
	}
}

func TestNewNeedsAllParts(t *testing.T) {
	good := Config{Requests: &fakeRequests{}, Service: site.Service{
		Style: pagetest.Style("Contoso"), Guards: guardsOf(t), Queue: &pagetest.Queue{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}}
	for name, breakIt := range map[string]func(*Config){
		"requests":     func(c *Config) { c.Requests = nil },
		"queue":        func(c *Config) { c.Queue = nil },
		"clock":        func(c *Config) { c.Now = nil },
		"guards":       func(c *Config) { c.Guards = nil },
		"log":          func(c *Config) { c.Log = nil },
		"organisation": func(c *Config) { c.Style.Organisation = "" },
	} {
		config := good
		breakIt(&config)
		_, err := New(config)
		if err == nil {
			t.Errorf("a status page without %s was made", name)
		}
	}
}

func FuzzStatus(f *testing.F) {
	f.Add(string(newID(f, pagetest.Morning)), "application/json")
	f.Add("", "text/html;q=x")
	f.Add("00qm5nh3o0000000000000000000000000", ",;q")
	h, _ := newStatus(f, &fakeRequests{})
	f.Fuzz(func(t *testing.T, id, accept string) {
		response := ask(h, id, accept)
		if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
			t.Errorf("status %d", response.StatusCode)
		}
		if pagetest.Body(t, response) == "" {
			t.Error("no answer")
		}
	})
}
