package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// groupID returns the n-th object id.
func groupID(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", n) }

// groupNames returns all entries.
func groupNames(t *testing.T, store Store) []request.GroupName {
	t.Helper()
	return must(store.GroupNames(t.Context(), "", "", 10_000))(t)
}

var groupNameTests = map[string]func(*testing.T, Store){
	"no names are known at first": func(t *testing.T, store Store) {
		wantSame(t, "the names", []request.GroupName(nil), groupNames(t, store))
		wantSame(t, "the round", request.GroupNameRound{}, must(store.GroupNameRound(t.Context()))(t))
	},

	"entries come back as they were written": func(t *testing.T, store Store) {
		entries := []request.GroupName{
			{ID: groupID(1), Name: `O'Hara "Söhne" <&> \ 會社 🏢`, AskedAt: start}, {ID: groupID(2)}, {ID: groupID(3), AskedAt: start},
		}
		succeed(t, store.KeepGroupNames(t.Context(), []request.GroupName{entries[2], entries[0], entries[1]}))
		entries[0].AskedAt, entries[2].AskedAt = stored, stored
		wantSame(t, "the names", entries, groupNames(t, store))
		succeed(t, store.KeepGroupNames(t.Context(), []request.GroupName{{ID: groupID(1), Name: "renamed", AskedAt: stored.Add(time.Hour)}}))
		entries[0] = request.GroupName{ID: groupID(1), Name: "renamed", AskedAt: stored.Add(time.Hour)}
		wantSame(t, "the names", entries, groupNames(t, store))
		succeed(t, store.KeepGroupNames(t.Context(), nil))
		wantSame(t, "the names", entries, groupNames(t, store))
	},

	"many entries are written, found by their ids, and removed": func(t *testing.T, store Store) {
		var entries []request.GroupName
		var gone []string
		for n := range 230 {
			entries = append(entries, request.GroupName{ID: groupID(n), Name: fmt.Sprint("group ", n)})
			if n < 210 {
				gone = append(gone, groupID(n))
			}
		}
		succeed(t, store.KeepGroupNames(t.Context(), entries))
		wantSame(t, "the names", entries, groupNames(t, store))
		some := must(store.GroupNames(t.Context(), groupID(20), groupID(90), 1000))(t)
		wantSame(t, "those between", entries[20:91], some)
		some = must(store.GroupNames(t.Context(), groupID(20), "", 7))(t)
		wantSame(t, "the first of those after", entries[20:27], some)
		some = must(store.GroupNames(t.Context(), "", groupID(3), 1000))(t)
		wantSame(t, "those up to", entries[:4], some)
		some = must(store.GroupNames(t.Context(), "", "", 0))(t)
		wantSame(t, "none", []request.GroupName(nil), some)
		succeed(t, store.DropGroupNames(t.Context(), gone))
		wantSame(t, "the names", entries[210:], groupNames(t, store))
		// Some of these are gone already.
		succeed(t, store.DropGroupNames(t.Context(), append(gone, groupID(229))))
		wantSame(t, "the names", entries[210:229], groupNames(t, store))
		succeed(t, store.DropGroupNames(t.Context(), nil))
	},

	"a round comes back as it was saved": func(t *testing.T, store Store) {
		var most []string
		for n := range request.MostGroupNames {
			most = append(most, groupID(n))
		}
		for _, round := range []request.GroupNameRound{
			{Began: start, Part: request.GroupNamesRows, Cursor: "a cursor", Found: most, Beyond: 3},
			{Began: start, Part: request.GroupNamesAsk, Found: most[:1]},
			{Began: start},
		} {
			round.Version = must(store.GroupNameRound(t.Context()))(t).Version
			succeed(t, store.SaveGroupNameRound(t.Context(), round))
			saved := must(store.GroupNameRound(t.Context()))(t)
			if saved.Version == "" || saved.Version == round.Version {
				t.Errorf("version %q after %q", saved.Version, round.Version)
			}
			round.Began, round.Version = stored, saved.Version
			wantSame(t, "the round", round, saved)
		}
	},

	"a round is not saved over a newer one": func(t *testing.T, store Store) {
		first := request.GroupNameRound{Began: start}
		succeed(t, store.SaveGroupNameRound(t.Context(), first))
		wantCode(t, "a second first record", store.SaveGroupNameRound(t.Context(), first), problem.Conflict)
		second := must(store.GroupNameRound(t.Context()))(t)
		succeed(t, store.SaveGroupNameRound(t.Context(), second))
		wantCode(t, "another second record", store.SaveGroupNameRound(t.Context(), second), problem.Conflict)
	},

	"a scan finds which ids the rows name": func(t *testing.T, store Store) {
		var want []string
		for n := range 25 {
			want = append(want, groupID(n))
			put(t, store, "o'hara.com", fmt.Sprintf("it's %02d", n), map[string]any{
				"Action": "deny", "Note": "x", policy.NamingColumns()[n%len(policy.NamingColumns())]: groupID(n),
			})
		}
		var rows []policy.Raw
		cursor := ""
		for range 100 {
			page, next, err := store.ScanNaming(t.Context(), cursor)
			succeed(t, err)
			rows, cursor = append(rows, page...), next
			if cursor == "" {
				break
			}
		}
		if len(rows) != 25 {
			t.Errorf("%d rows", len(rows))
		}
		for _, row := range rows {
			if row.Columns["Note"] != nil || row.Columns["Action"] != nil {
				t.Errorf("it reads more than it needs: %v", row.Columns)
			}
		}
		named := policy.Named(rows)
		slices.Sort(named)
		wantSame(t, "the ids", want, named)
	},

	"calls on names fail when the context has ended": func(t *testing.T, store Store) {
		_, _, err := store.ScanNaming(ended(t), "")
		wantCode(t, "ScanNaming", err, problem.StorageUnavailable)
		wantCode(t, "GroupNames", errorOf(store.GroupNames(ended(t), "", "", 1)), problem.StorageUnavailable)
		wantCode(t, "KeepGroupNames", store.KeepGroupNames(ended(t), []request.GroupName{{ID: groupID(1)}}), problem.StorageUnavailable)
		wantCode(t, "DropGroupNames", store.DropGroupNames(ended(t), []string{groupID(1)}), problem.StorageUnavailable)
		wantCode(t, "GroupNameRound", errorOf(store.GroupNameRound(ended(t))), problem.StorageUnavailable)
		wantCode(t, "SaveGroupNameRound", store.SaveGroupNameRound(ended(t), request.GroupNameRound{}), problem.StorageUnavailable)
	},
}
