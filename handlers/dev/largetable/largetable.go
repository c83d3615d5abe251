package largetable

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"guestlist/handlers/dev/tablesim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// Start is when the first request was submitted.
var Start = time.Date(2026, time.March, 1, 10, 30, 15, 123456700, time.UTC)

// Requests is a table of so many requests, one submitted each minute, each with one event. All are
// done and erased but the last, which waits for a person.
func Requests(n int) tablesim.Table {
	return tablesim.Table{Len: 2 * n, Row: func(i int) tablesim.Row {
		at := Start.Add(time.Duration(i/2) * time.Minute)
		id, err := submission.NewID(at, bytes.NewReader(make([]byte, 100)))
		if err != nil {
			panic(err) // unreachable: there are bytes enough
		}
		if i%2 == 0 {
			return tablesim.Row{Partition: string(id), Name: "event-000001", Columns: map[string]any{"What": "received"}}
		}
		state := request.Done
		if i == 2*n-1 {
			state = request.Review
		}
		return tablesim.Row{Partition: string(id), Name: "request", Columns: map[string]any{
			"State": string(state), "Since": at, "Changed": at, "Events": 1,
		}}
	}}
}

// Service returns an account with those requests and other tables, which are empty.
func Service(n int, tables []string) *tablesim.Service {
	service := &tablesim.Service{Tables: map[string]tablesim.Table{}}
	for _, name := range tables {
		service.Tables[name] = tablesim.Table{}
	}
	service.Tables["Requests"] = Requests(n)
	return service
}

// Store is every port for storage.
type Store interface {
	request.Store
	request.Rows
	request.Seats
	request.GateStore
	request.DeadLetterStore
	request.Records
	request.StrayStore
	request.MailStore
	request.Reviews
	request.GroupNames
}

// nothing is a directory and queues that nobody calls; the queues are empty.
type nothing struct {
	request.Directory
	request.Users
	request.People
	request.Queues
}

func (nothing) Length(context.Context, string) (int, bool, error) { return 0, true, nil }

func (nothing) Enqueue(context.Context, []byte) error { return nil }

// worker returns a worker on the store that keeps personal data for thirty days.
func worker(store Store, now time.Time, log io.Writer) (*workflow.Worker, error) {
	return workflow.New(workflow.Config{
		Store: store, Rows: store, Seats: store, Gates: store, DeadLetters: store, Records: store, Strays: store,
		Queues: nothing{}, Directory: nothing{}, Users: nothing{}, MailStore: store, Reviews: store, GroupNames: store, People: nothing{}, Retention: 30 * 24 * time.Hour,
		RedirectURL: "https://landing.example.com", IntentLease: 2 * time.Minute,
		Now:    func() time.Time { return now },
		Sleep:  func(context.Context, time.Duration) error { return nil },
		Jitter: func(d time.Duration) time.Duration { return d },
		Log:    slog.New(slog.NewTextHandler(log, nil)),
	})
}

// Round is what a round of the sweep costs.
type Round struct {
	Runs  int           // of upkeep
	Calls int           // of storage, in the run with the most
	Took  time.Duration // the longest run
	Log   string
}

// mostRuns is when a round is given up.
const mostRuns = 100

// Sweep runs upkeep every minute, each time as an instance that has just started, until the sweep
// has found the request that waits. n is how many requests the service has, a year after the last
// of them. open returns the tables of the service.
func Sweep(
	ctx context.Context, service *tablesim.Service, n int, open func(*tablesim.Service) (Store, error),
) (Round, error) {
	now := Start.Add(time.Duration(n)*time.Minute + 365*24*time.Hour)
	var round Round
	var log strings.Builder
	for !strings.Contains(log.String(), workflow.LogOverdue) {
		if round.Runs == mostRuns {
			return round, fmt.Errorf("after %d runs the sweep has not found what waits:\n%s", round.Runs, log.String())
		}
		store, err := open(service)
		if err != nil {
			return round, err
		}
		w, err := worker(store, now, &log)
		if err != nil {
			return round, err
		}
		before, began := len(service.Calls()), time.Now()
		_, err = w.Upkeep(ctx, nothing{})
		if err != nil {
			return round, fmt.Errorf("upkeep: %w", err)
		}
		round.Runs++
		round.Took = max(round.Took, time.Since(began))
		round.Calls = max(round.Calls, len(service.Calls())-before)
		now = now.Add(time.Minute)
	}
	round.Log = log.String()
	return round, nil
}
