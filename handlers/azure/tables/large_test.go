package tables

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/tablesim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
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
		want := []request.ParkedEntry{{ID: parked, Parking: parking}}
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
