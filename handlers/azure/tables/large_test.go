package tables

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/largetable"
	"guestlist/handlers/dev/tablesim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// large returns a store of a service with large tables.
func large(t testing.TB, service *tablesim.Service) *Store {
	t.Helper()
	return must(New(Config{ConnectionString: tablesim.ConnectionString, Transport: service}))(t)
}

func TestLargeTableIsAsUnkindAsService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &tablesim.Service{
			Tables: map[string]tablesim.Table{requestsTable: largetable.Requests(1_000_000)}, Speed: 20_000,
		}
		store := large(t, service)
		id := submission.ID(largetable.Requests(1).Row(1).Partition)
		if r := must(store.Load(t.Context(), id))(t); r.State != request.Done || !r.Since.Equal(largetable.Start) {
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
				requestsTable: largetable.Requests(1_000_000),
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

// TestUpkeepOfLargeTableEndsInTimeAndGoesOn sweeps a million requests that nobody need erase: the
// last of them waits for a person. The service takes five seconds for a page, and most are empty.
func TestUpkeepOfLargeTableEndsInTimeAndGoesOn(t *testing.T) {
	calls := map[int]int{}
	for _, n := range []int{1_000, 1_000_000} {
		synctest.Test(t, func(t *testing.T) {
			service := largetable.Service(n, Names())
			service.Speed = 20_000
			round, err := largetable.Sweep(t.Context(), service, n,
				func(service *tablesim.Service) (largetable.Store, error) { return large(t, service), nil })
			if err != nil {
				t.Fatal(err)
			}
			if round.Took > 10*time.Second {
				t.Errorf("%d requests: a run took %s", n, round.Took)
			}
			if !strings.Contains(round.Log, "state=review requests=1") {
				t.Errorf("%d requests: nobody hears of what waits:\n%s", n, round.Log)
			}
			if strings.Contains(round.Log, "ERROR") || strings.Count(round.Log, workflow.LogSwept) != round.Runs {
				t.Errorf("%d requests, %d runs:\n%s", n, round.Runs, round.Log)
			}
			calls[n] = round.Calls
		})
	}
	if calls[1_000_000] > calls[1_000] {
		t.Errorf("calls by the number of requests: %v", calls)
	}
}
