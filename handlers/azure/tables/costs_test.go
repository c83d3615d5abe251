package tables

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/azurite/azuritetest"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// callLog keeps the calls of storage and of Graph in the order in which they were made.
type callLog struct {
	mutex sync.Mutex
	calls []string
}

func (l *callLog) add(call string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.calls = append(l.calls, call)
}

// inOrder returns the calls, with those of a kind that follow each other as one, and how many they
// are.
func (l *callLog) inOrder() (calls []string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for rest := l.calls; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n] == rest[0] {
			n++
		}
		calls = append(calls, strconv.Itoa(n)+" "+rest[0])
		rest = rest[n:]
	}
	return calls
}

// storage is a transport that keeps the calls, by method and table. The method of a transaction is
// TRANSACTION.
func (l *callLog) storage(prefix string) http.RoundTripper {
	table := regexp.MustCompile(`/` + prefix + `([A-Z][a-z]+)`)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		method, where := r.Method, r.URL.Path
		if strings.HasSuffix(where, "/$batch") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			method, where = "TRANSACTION", string(body)
		}
		found := table.FindStringSubmatch(where)
		if found == nil {
			found = []string{"", where}
		}
		l.add(method + " " + found[1])
		return network.RoundTrip(r)
	})
}

// objectID is an object id in the path of a call of Graph.
var objectID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// graph is a handler that keeps the calls, by method and path.
func (l *callLog) graph(tenant http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path := objectID.ReplaceAllString(strings.TrimPrefix(r.URL.Path, "/v1.0"), "{id}")
		l.add(r.Method + " " + path)
		tenant.ServeHTTP(rw, r)
	})
}

// noQueues are the queues of a worker that needs none.
type noQueues struct{ request.Queues }

// TestCallsOfGuestAreThoseOfTheManual compares the table of docs/architecture.md with every call
// for a guest with one group.
func TestCallsOfGuestAreThoseOfTheManual(t *testing.T) {
	const group = "aaaaaaaa-0000-4000-8000-000000000001"
	log := &callLog{}
	store := newTestStore(t, nil)
	counted := must(New(Config{
		ConnectionString: azuritetest.Shared(t).ConnectionString(), Prefix: store.prefix,
		Transport: doer{log.storage(store.prefix)},
	}))(t)
	tenant := must(graphsim.New(graphsim.Config{KnowsAnyGroup: true}))(t)
	server := httptest.NewServer(log.graph(tenant))
	t.Cleanup(server.Close)
	directory := must(graph.New(graph.Config{URL: server.URL}))(t)
	worker := must(workflow.New(workflow.Config{
		Store: counted, Rows: counted, Seats: counted, Gates: counted, DeadLetters: counted,
		Records: counted, Strays: counted, MailStore: counted, Queues: noQueues{}, Directory: directory, Users: directory,
		RedirectURL: "https://landing.example.com", IntentLease: time.Minute, Now: time.Now,
		Sleep: func(context.Context, time.Duration) error {
			t.Error("the worker waits")
			return nil
		},
		Jitter: func(d time.Duration) time.Duration { return d },
	}))(t)
	err := store.PutRow(t.Context(), policy.Raw{
		Partition: "contoso.com", Name: "trusted", Columns: map[string]any{"Action": "invite", "Groups": group},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = request.StrayFinder{Store: store}.Search(t.Context(), time.Now(), nil) // as upkeep does
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.SaveGate(t.Context(), request.Gate{}) // another guest came before
	if err != nil {
		t.Fatal(err)
	}
	log.calls = nil
	message := submission.Message{
		ID:         must(submission.NewID(time.Now(), rand.Reader))(t),
		Submission: &submission.Submission{Email: ana(t), SubmittedAt: time.Now()},
	}
	err = worker.Advance(t.Context(), message)
	if err != nil || len(tenant.Memberships()) != 1 {
		t.Fatalf("%v, %d memberships", err, len(tenant.Memberships()))
	}

	listed, storage, ofGraph := callsOfManual(t)
	if diff := cmp.Diff(listed, log.inOrder()); diff != "" {
		t.Errorf("(-manual +measured):\n%s", diff)
	}
	total, ofDirectory := len(log.calls), 0
	for _, call := range log.calls {
		if strings.Contains(call, " /") {
			ofDirectory++
		}
	}
	if storage != total-ofDirectory || ofGraph != ofDirectory {
		t.Errorf("the manual says %d transactions and %d calls of Graph; measured %d and %d",
			storage, ofGraph, total-ofDirectory, ofDirectory)
	}
}

// callsOfManual returns the calls that docs/architecture.md lists, and how many it says they are.
func callsOfManual(t *testing.T) (calls []string, storage, ofGraph int) {
	t.Helper()
	page := string(must(os.ReadFile("../../../docs/architecture.md"))(t))
	said := regexp.MustCompile(`(\d+) storage\s+transactions and (\d+)\s+calls of Graph`).FindStringSubmatch(page)
	_, rest, _ := strings.Cut(page, "<!-- calls -->\n")
	table, _, found := strings.Cut(rest, "<!-- /calls -->")
	if said == nil || !found {
		t.Fatal("the page does not say what a guest costs")
	}
	storage, ofGraph = must(strconv.Atoi(said[1]))(t), must(strconv.Atoi(said[2]))(t)
	rows := regexp.MustCompile("(?m)^\\| (\\d+) \\| `([^`]+)` \\| [^|]{10,} \\| [^|]{10,} \\|$")
	for _, row := range rows.FindAllStringSubmatch(table, -1) {
		calls = append(calls, row[1]+" "+row[2])
	}
	if lines := strings.Count(table, "\n| "); len(calls) == 0 || lines != len(calls)+1 {
		t.Errorf("%d of %d rows can be read", len(calls), lines-1)
	}
	return calls, storage, ofGraph
}
