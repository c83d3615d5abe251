package tables

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/tablesim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// manyRequests is a table of so many requests that are done, one submitted each minute, each with
// one event.
func manyRequests(t testing.TB, n int) tablesim.Table {
	t.Helper()
	return tablesim.Table{Len: 2 * n, Row: func(i int) tablesim.Row {
		at := start.Add(time.Duration(i/2) * time.Minute)
		id, err := submission.NewID(at, bytes.NewReader(make([]byte, 100)))
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			return tablesim.Row{Partition: string(id), Name: "event-000001", Columns: map[string]any{"What": "received"}}
		}
		return tablesim.Row{Partition: string(id), Name: recordName, Columns: map[string]any{
			stateColumn: string(request.Done), emailColumn: "ana@contoso.com",
			sinceColumn: at, changedColumn: at, "Events": 1,
		}}
	}}
}

// large returns a store of a service with large tables.
func large(t testing.TB, service *tablesim.Service) *Store {
	t.Helper()
	return must(New(Config{ConnectionString: tablesim.ConnectionString, Transport: service}))(t)
}

func TestLargeTableIsAsUnkindAsService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &tablesim.Service{
			Tables: map[string]tablesim.Table{requestsTable: manyRequests(t, 1_000_000)}, Speed: 20_000,
		}
		store := large(t, service)
		id := submission.ID(manyRequests(t, 1).Row(1).Partition)
		if r := must(store.Load(t.Context(), id))(t); r.State != request.Done || !r.Since.Equal(toTick(start)) {
			t.Errorf("loaded %+v", r)
		}
		if history := must(store.History(t.Context(), id))(t); len(history) != 1 {
			t.Errorf("the history is %+v", history)
		}
	})
}

// TestParkedRequestsAreFoundWithoutReadingAllRequests parks two requests beside a million others.
func TestParkedRequestsAreFoundWithoutReadingAllRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &tablesim.Service{
			Tables: map[string]tablesim.Table{
				requestsTable: manyRequests(t, 1_000_000),
				// An earlier version did not say that a request is parked.
				waitingTable: tablesim.Rows(tablesim.Row{
					Partition: waitingPartition, Name: string(newID(t)), Columns: map[string]any{dueColumn: start},
				}),
			},
			Speed: 20_000,
		}
		store := large(t, service)
		old, parked := newID(t), newID(t)
		parking := request.Parking{Sharers: []string{"0123456789ab"}, FullOn: "2026-05-04"}
		must(0, store.Park(t.Context(), parked, start, parking))(t)
		must(0, store.Wait(t.Context(), old, start))(t)
		got := must(store.Parked(t.Context(), 10))(t)
		want := []request.ParkedEntry{{ID: parked, Due: start, Parking: parking}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parked are (-want +got):\n%s", diff)
		}
		for _, call := range service.Calls() {
			if call.Table != waitingTable {
				t.Errorf("it reads %+v", call)
			}
		}
	})
}

// nothing is a directory and queues that nobody calls; the queues are empty.
type nothing struct {
	request.Directory
	request.Users
	request.Queues
}

func (nothing) Length(context.Context, string) (int, bool, error) { return 0, true, nil }

func (nothing) Enqueue(context.Context, []byte) error { return nil }

// upkeeper returns a worker on the store that keeps personal data for thirty days.
func upkeeper(t testing.TB, store *Store, now func() time.Time, log io.Writer) *workflow.Worker {
	t.Helper()
	return must(workflow.New(workflow.Config{
		Store: store, Rows: store, Seats: store, Gates: store, DeadLetters: store, Records: store, Strays: store,
		Queues: nothing{}, Directory: nothing{}, Users: nothing{}, Retention: 30 * 24 * time.Hour,
		RedirectURL: "https://landing.example.com", IntentLease: 2 * time.Minute, Now: now,
		Sleep:  func(context.Context, time.Duration) error { return nil },
		Jitter: func(d time.Duration) time.Duration { return d },
		Log:    slog.New(slog.NewTextHandler(log, nil)),
	}))(t)
}

// TestUpkeepOfLargeTableEndsInTimeAndGoesOn sweeps a million requests that nobody need erase: the
// last of them waits for a person. The service takes five seconds for a page, and most are empty.
func TestUpkeepOfLargeTableEndsInTimeAndGoesOn(t *testing.T) {
	calls := map[int]int{}
	for _, n := range []int{1_000, 1_000_000} {
		synctest.Test(t, func(t *testing.T) {
			requests := manyRequests(t, n)
			row := requests.Row
			requests.Row = func(i int) tablesim.Row {
				r := row(i)
				if i%2 == 1 {
					r.Columns[emailColumn] = "" // erased
				}
				if i == requests.Len-1 {
					r.Columns[stateColumn] = string(request.Review)
				}
				return r
			}
			service := &tablesim.Service{Speed: 20_000, Tables: map[string]tablesim.Table{requestsTable: requests}}
			for _, name := range Names() {
				if name != requestsTable {
					service.Tables[name] = tablesim.Table{}
				}
			}
			now := start.Add(time.Duration(n)*time.Minute + 365*24*time.Hour)
			var log bytes.Buffer
			ticks := 0
			for !strings.Contains(log.String(), workflow.LogOverdue) && ticks < 100 {
				before, began := len(service.Calls()), time.Now()
				// Another instance each time.
				worker := upkeeper(t, large(t, service), func() time.Time { return now }, &log)
				must(worker.Upkeep(t.Context(), nothing{}))(t)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("%d requests: it took %s", n, took)
				}
				calls[n] = max(calls[n], len(service.Calls())-before)
				now = now.Add(time.Minute)
				ticks++
			}
			if !strings.Contains(log.String(), "state=review requests=1") {
				t.Errorf("%d requests: nobody hears of what waits:\n%s", n, log.String())
			}
			if strings.Contains(log.String(), "ERROR") || strings.Count(log.String(), workflow.LogSwept) != ticks {
				t.Errorf("%d requests, %d runs:\n%s", n, ticks, log.String())
			}
			t.Logf("%d requests: a round takes %d runs of at most %d calls", n, ticks, calls[n])
		})
	}
	if calls[1_000_000] > calls[1_000] {
		t.Errorf("calls by the number of requests: %v", calls)
	}
}
