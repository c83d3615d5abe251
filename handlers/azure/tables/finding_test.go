package tables

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/handlers/dev/tablesim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// past is a table of requests, so many, the time between two of them the same. Each has seven
// events. Every hundredth is denied, the others are done.
func past(t testing.TB, n int, between time.Duration) tablesim.Table {
	t.Helper()
	const rows = 8
	return tablesim.Table{Len: n * rows, Row: func(i int) tablesim.Row {
		random := make([]byte, 16)
		binary.BigEndian.PutUint64(random, uint64(i/rows)) // ids of one second are in this order
		at := start.Add(time.Duration(i/rows) * between)
		id, err := submission.NewID(at, bytes.NewReader(random))
		if err != nil {
			t.Fatal(err)
		}
		if i%rows < rows-1 {
			return tablesim.Row{Partition: string(id), Name: fmt.Sprintf("event-%06d", i%rows+1), Columns: map[string]any{"What": "received"}}
		}
		state, address := request.Done, fmt.Sprintf("partner.%d@contoso.com", i/rows)
		if i/rows%100 == 0 {
			state, address = request.Denied, "ana@fabrikam.com"
		}
		return tablesim.Row{Partition: string(id), Name: recordName, Columns: map[string]any{
			stateColumn: string(state), emailColumn: address, sinceColumn: at, changedColumn: at,
		}}
	}}
}

// TestFindingReadsBoundedParts looks at tables of ten thousand requests and more, and counts what
// each part costs.
func TestFindingReadsBoundedParts(t *testing.T) {
	const limit, most = 50, 5
	tests := map[string]struct {
		n       int
		between time.Duration
		speed   int
		wanted  request.Wanted
		first   int // calls of the first part at most
	}{
		"10,000, one a minute":                   {10_000, time.Minute, 0, request.Wanted{}, 1},
		"10,000, one a day":                      {10_000, 24 * time.Hour, 0, request.Wanted{}, 8},
		"10,000 in a quarter of an hour":         {10_000, 90 * time.Millisecond, 0, request.Wanted{}, 5},
		"10,000, a rare state":                   {10_000, time.Minute, 20_000, request.Wanted{States: []request.State{request.Denied}}, 20},
		"10,000, a domain":                       {10_000, time.Minute, 20_000, request.Wanted{Domain: "fabrikam.com"}, 20},
		"10,000, an address that nobody has":     {10_000, time.Minute, 20_000, request.Wanted{Address: ana(t)}, 20},
		"100,000 within two hours, a rare state": {100_000, 72 * time.Millisecond, 20_000, request.Wanted{States: []request.State{request.Denied}}, 20},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &tablesim.Service{Tables: map[string]tablesim.Table{requestsTable: past(t, test.n, test.between)}, Speed: test.speed}
				store := large(t, service)
				now := start.Add(time.Duration(test.n) * test.between)
				place, found, all := submission.ID(""), 0, 0
				parts := 0
				for parts = 1; parts <= most; parts++ {
					before := len(service.Calls())
					finding := must(store.FindBefore(t.Context(), test.wanted, place, now, limit))(t)
					calls := len(service.Calls()) - before
					all += calls
					if parts == 1 {
						t.Logf("the first part: %d calls, %d requests", calls, len(finding.Requests))
					}
					if calls > partCalls || parts == 1 && calls > test.first {
						t.Errorf("part %d costs %d calls", parts, calls)
					}
					found += len(finding.Requests)
					place = finding.Next
					if place == "" {
						break
					}
				}
				want := test.n
				if len(test.wanted.States) > 0 || test.wanted.Domain != "" {
					want /= 100
				}
				if test.wanted.Address == ana(t) {
					want = 0
				}
				if place != "" {
					want = min(want, most*limit)
				}
				t.Logf("%d parts, %d calls, %d requests", parts, all, found)
				if found != want && place == "" || found > want {
					t.Errorf("found %d of %d", found, want)
				}
			})
		})
	}
}

// TestFindingSaysWhenItCannotGoOn has a service that needs longer for a page than a person waits,
// and a caller that goes away.
func TestFindingSaysWhenItCannotGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &tablesim.Service{Tables: map[string]tablesim.Table{requestsTable: past(t, 20_000, time.Second)}, Speed: 1}
		store := large(t, service)
		now := start.Add(20_000 * time.Second)
		began := time.Now()
		_, err := store.FindBefore(t.Context(), request.Wanted{}, "", now, 50)
		wantCode(t, "FindBefore", err, problem.StorageUnavailable)
		if took := time.Since(began); took > partTime+time.Second {
			t.Errorf("it took %s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = store.FindBefore(ctx, request.Wanted{}, "", now, 50)
		wantCode(t, "FindBefore of a caller that is gone", err, problem.StorageUnavailable)
	})
}

// TestFindingNamesWhatItCannotRead leaves out what is of another address.
func TestFindingNamesWhatItCannotRead(t *testing.T) {
	service := &tablesim.Service{Tables: map[string]tablesim.Table{requestsTable: {Len: 4, Row: func(i int) tablesim.Row {
		id, err := submission.NewID(start.Add(time.Duration(i)*time.Minute), bytes.NewReader(make([]byte, 100)))
		if err != nil {
			t.Fatal(err)
		}
		return tablesim.Row{Partition: string(id), Name: recordName, Columns: map[string]any{
			stateColumn: []string{"done", "paused", "paused", "paused"}[i],
			emailColumn: []string{"ana@contoso.com", "ana@contoso.com", "bo@contoso.com", "Somebody"}[i],
		}}
	}}}}
	store := large(t, service)
	row := service.Tables[requestsTable].Row
	finding := must(store.FindBefore(t.Context(), request.Wanted{Address: ana(t)}, "", start.Add(time.Hour), 10))(t)
	if len(finding.Requests) != 1 || fmt.Sprint(finding.Unreadable) != "["+row(3).Partition+" "+row(1).Partition+"]" {
		t.Errorf("found %d, unreadable %v", len(finding.Requests), finding.Unreadable)
	}
}
