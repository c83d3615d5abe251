package tables

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/handlers/dev/tablesim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// parkedEvery are requests submitted each minute, of which each so many is parked and the others
// are done.
func parkedEvery(t testing.TB, n, every int) tablesim.Table {
	t.Helper()
	return tablesim.Table{Len: n, Row: func(i int) tablesim.Row {
		at := start.Add(time.Duration(i) * time.Minute)
		id, err := submission.NewID(at, bytes.NewReader(make([]byte, 100)))
		if err != nil {
			t.Fatal(err)
		}
		state, address := request.Done, fmt.Sprintf("partner.%d@contoso.com", i)
		if i%every == 0 {
			state, address = request.Parked, "ana@contoso.com"
		}
		return tablesim.Row{Partition: string(id), Name: recordName, Columns: map[string]any{
			stateColumn: string(state), emailColumn: address, sinceColumn: at, changedColumn: at,
		}}
	}}
}

// TestSearchOfLargeTableFindsAll searches a service that takes five seconds for a page, and sends
// pages without a row.
func TestSearchOfLargeTableFindsAll(t *testing.T) {
	const n, every = 20_000, 4_000
	now := start.Add(n * time.Minute)
	for name, filter := range map[string]RequestFilter{
		"a state":    {States: []request.State{request.Parked}, Limit: 100},
		"an address": {Address: ana(t), Limit: 100},
		"a time":     {States: []request.State{request.Parked}, Since: start.Add(-time.Hour), Limit: 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pages, empty := 0, 0
				store := must(New(Config{
					ConnectionString: tablesim.ConnectionString,
					Transport: &tablesim.Service{
						Tables: map[string]tablesim.Table{requestsTable: parkedEvery(t, n, every)}, Speed: 100,
					},
					PageTime: 30 * time.Second,
					OnPage: func(rows int) {
						pages++
						if rows == 0 {
							empty++
						}
					},
				}))(t)
				found, err := store.FindRequests(t.Context(), now, filter)
				if err != nil || len(found.Requests) != n/every || found.NumUnreadable() != 0 {
					t.Errorf("found %d of %d: %v", len(found.Requests), n/every, err)
				}
				if pages < n/500 || filter.States != nil && empty == 0 {
					t.Errorf("%d pages, %d of them empty: nothing was slow", pages, empty)
				}
			})
		})
	}
}

func TestInterruptedSearchReturnsWhatItHasFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, every = 20_000, 100
		ctx, cancel := context.WithCancel(t.Context())
		pages := 0
		store := must(New(Config{
			ConnectionString: tablesim.ConnectionString,
			Transport: &tablesim.Service{
				Tables: map[string]tablesim.Table{requestsTable: parkedEvery(t, n, every)}, Speed: 100,
			},
			PageTime: 30 * time.Second,
			OnPage: func(int) {
				if pages++; pages == 12 {
					cancel()
				}
			},
		}))(t)
		found, err := store.FindRequests(ctx, start.Add(n*time.Minute), RequestFilter{States: []request.State{request.Parked}, Limit: 1000})
		wantCode(t, "FindRequests", err, problem.StorageUnavailable)
		if len(found.Requests) < 5 || len(found.Requests) >= n/every || found.Looked != len(found.Requests) {
			t.Errorf("%d requests of %d records", len(found.Requests), found.Looked)
		}
	})
}

// TestSearchNamesWhatItCannotRead finds records of an address among which some can't be read.
func TestSearchNamesWhatItCannotRead(t *testing.T) {
	service := &tablesim.Service{Tables: map[string]tablesim.Table{requestsTable: {Len: 4, Row: func(i int) tablesim.Row {
		id, err := submission.NewID(start.Add(time.Duration(i)*time.Minute), bytes.NewReader(make([]byte, 100)))
		if err != nil {
			t.Fatal(err)
		}
		columns := map[string]any{stateColumn: []string{"done", "paused", "paused", "paused"}[i],
			emailColumn: []string{"ana@contoso.com", "ana@contoso.com", "bo@contoso.com", "Somebody"}[i]}
		return tablesim.Row{Partition: string(id), Name: recordName, Columns: columns}
	}}}}
	store := large(t, service)
	row := service.Tables[requestsTable].Row
	found := must(store.FindRequests(t.Context(), start.Add(time.Hour), RequestFilter{Address: ana(t), Limit: 10}))(t)
	if len(found.Requests) != 1 || fmt.Sprint(found.Theirs) != "["+row(1).Partition+"]" ||
		fmt.Sprint(found.Unreadable) != "["+row(3).Partition+"]" || found.NumUnreadable() != 2 {
		t.Errorf("found %+v", found)
	}
	swept := must(store.ScanRequests(t.Context(), request.Search{}, request.Cursor{}, 1000))(t)
	if len(swept.Found) != 3 || swept.Found[2].Fault != "column State is not a known state" {
		t.Errorf("the sweep finds %+v", swept)
	}
	outline := must(store.Outline(t.Context(), submission.ID(row(1).Partition)))(t)
	if outline.State != "paused" || !outline.Personal || fmt.Sprint(outline.Faults) != "[column State is not a known state]" {
		t.Errorf("the outline is %+v", outline)
	}
}
