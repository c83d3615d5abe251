package storetest

import (
	"fmt"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

var strayTests = map[string]func(*testing.T, Store){
	"no strays are known at first": func(t *testing.T, store Store) {
		wantSame(t, "the strays", request.Strays{}, must(store.Strays(t.Context()))(t))
	},

	"what was saved last is known": func(t *testing.T, store Store) {
		row := func(partition string) policy.Raw {
			return policy.Raw{Partition: partition, Name: "it's \"one\" <&>", ETag: "e", Columns: map[string]any{"Action": "deny"}}
		}
		for _, strays := range []request.Strays{
			{Rows: []policy.Raw{row("Contoso.com\u00a0"), row("@fabrikam.com")}, Unlisted: 3, Pages: 7, CheckedAt: start,
				LoggedAt: start.Add(time.Second)},
			{Cursor: "x", Began: start, Found: []policy.Raw{row("")}, FoundUnlisted: 1, FoundPages: 2},
			{CheckedAt: start},
		} {
			strays.Version = must(store.Strays(t.Context()))(t).Version
			succeed(t, store.SaveStrays(t.Context(), strays))
			for _, at := range []*time.Time{&strays.CheckedAt, &strays.LoggedAt, &strays.Began} {
				*at = at.UTC().Truncate(request.Tick)
			}
			saved := must(store.Strays(t.Context()))(t)
			if saved.Version == "" || saved.Version == strays.Version {
				t.Errorf("version %q after %q", saved.Version, strays.Version)
			}
			strays.Version = saved.Version
			wantSame(t, "the strays", strays, saved)
		}
	},

	"strays are not saved over newer ones": func(t *testing.T, store Store) {
		first := request.Strays{CheckedAt: start}
		succeed(t, store.SaveStrays(t.Context(), first))
		wantCode(t, "a second first list", store.SaveStrays(t.Context(), first), problem.Conflict)
		second := must(store.Strays(t.Context()))(t)
		succeed(t, store.SaveStrays(t.Context(), second))
		wantCode(t, "another second list", store.SaveStrays(t.Context(), second), problem.Conflict)
	},

	"a scan finds every row once": func(t *testing.T, store Store) {
		want := map[policy.RowKey]any{}
		for i := range 25 {
			for _, partition := range []string{"contoso.com", "Contoso.com ", "o'hara@contoso.com"} {
				key := policy.RowKey{Partition: partition, Name: fmt.Sprintf("it's %02d", i)}
				put(t, store, key.Partition, key.Name, map[string]any{"Action": "deny", "Note": "x", "Enabled": i%2 == 0})
				want[key] = i%2 == 0
			}
		}
		got := map[policy.RowKey]any{}
		cursor := ""
		for range 100 {
			rows, next, err := store.ScanRows(t.Context(), cursor)
			succeed(t, err)
			for _, row := range rows {
				if row.ETag == "" || row.Columns["Action"] != "deny" || got[row.Key()] != nil {
					t.Errorf("got %+v, or the same row twice", row)
				}
				got[row.Key()] = row.Columns["Enabled"]
			}
			cursor = next
			if cursor == "" {
				break
			}
		}
		wantSame(t, "the rows", want, got)
	},

	"a scan of an empty table ends": func(t *testing.T, store Store) {
		rows, next, err := store.ScanRows(t.Context(), "")
		if len(rows) != 0 || next != "" || err != nil {
			t.Errorf("got %v, %q, %v", rows, next, err)
		}
	},

	"calls on strays fail when the context has ended": func(t *testing.T, store Store) {
		_, _, err := store.ScanRows(ended(t), "")
		wantCode(t, "ScanRows", err, problem.StorageUnavailable)
		wantCode(t, "Strays", errorOf(store.Strays(ended(t))), problem.StorageUnavailable)
		wantCode(t, "SaveStrays", store.SaveStrays(ended(t), request.Strays{}), problem.StorageUnavailable)
	},
}
