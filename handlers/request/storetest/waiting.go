package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

var waitingTests = map[string]func(*testing.T, Store){
	"an empty store has nothing due": func(t *testing.T, store Store) {
		wantDue(t, store, start.AddDate(100, 0, 0), 10)
	},

	"the longest due comes first": func(t *testing.T, store Store) {
		a, b, c := newID(t), newID(t), newID(t)
		succeed(t, store.Wait(t.Context(), a, stored))
		succeed(t, store.Wait(t.Context(), b, stored.Add(-time.Hour)))
		succeed(t, store.Wait(t.Context(), c, stored.Add(-time.Millisecond)))
		wantDue(t, store, stored, 10, b, c, a)
		wantDue(t, store, stored.Add(-100*time.Nanosecond), 10, b, c)
		wantDue(t, store, stored.Add(-2*time.Hour), 10)
		wantDue(t, store, time.Time{}, 10)
		wantDue(t, store, start, 10, b, c, a)
	},

	"due times are compared as instants": func(t *testing.T, store Store) {
		a := newID(t)
		succeed(t, store.Wait(t.Context(), a, start))
		wantDue(t, store, stored, 10, a)
		wantDue(t, store, stored.Add(-time.Second), 10)
	},

	"equal due times come by id": func(t *testing.T, store Store) {
		ids := []submission.ID{newID(t), newID(t), newID(t), newID(t)}
		for _, id := range ids {
			succeed(t, store.Wait(t.Context(), id, start))
		}
		slices.Sort(ids)
		wantDue(t, store, start, 10, ids...)
	},

	"Due keeps its limit": func(t *testing.T, store Store) {
		var ids []submission.ID
		for i := range 7 {
			ids = append(ids, newID(t))
			succeed(t, store.Wait(t.Context(), ids[i], start.Add(-time.Duration(i)*time.Minute)))
		}
		slices.Reverse(ids)
		for _, limit := range []int{0, 1, 3, 7, 8, 1000} {
			wantDue(t, store, start, limit, ids[:min(limit, 7)]...)
		}
		wantDue(t, store, start, -1)
	},

	"a later entry replaces an earlier one": func(t *testing.T, store Store) {
		a, b := newID(t), newID(t)
		succeed(t, store.Wait(t.Context(), a, start))
		succeed(t, store.Wait(t.Context(), b, start.Add(-time.Second)))
		succeed(t, store.Wait(t.Context(), a, start.Add(time.Hour)))
		wantDue(t, store, start, 10, b)
		succeed(t, store.Wait(t.Context(), a, start.Add(-time.Hour)))
		wantDue(t, store, start, 10, a, b)
	},

	"StopWaiting removes the entry": func(t *testing.T, store Store) {
		a, b := newID(t), newID(t)
		succeed(t, store.Wait(t.Context(), a, start))
		succeed(t, store.Wait(t.Context(), b, start))
		for range 2 {
			succeed(t, store.StopWaiting(t.Context(), a, stored))
		}
		succeed(t, store.StopWaiting(t.Context(), newID(t), start))
		for _, id := range malformedIDs {
			succeed(t, store.StopWaiting(t.Context(), id, start))
		}
		wantDue(t, store, start, 10, b)
	},

	"StopWaiting keeps a newer entry": func(t *testing.T, store Store) {
		a := newID(t)
		succeed(t, store.Wait(t.Context(), a, start))
		succeed(t, store.Wait(t.Context(), a, start.Add(-time.Second)))
		for _, other := range []time.Time{start, start.Add(-time.Second - 100*time.Nanosecond), {}} {
			succeed(t, store.StopWaiting(t.Context(), a, other))
		}
		wantDue(t, store, start, 10, a)
		succeed(t, store.StopWaiting(t.Context(), a, start.Add(-time.Second)))
		wantDue(t, store, start, 10)
	},

	"an entry needs an id and a time": func(t *testing.T, store Store) {
		for _, id := range malformedIDs {
			wantCode(t, fmt.Sprintf("Wait(%q)", id), store.Wait(t.Context(), id, start), problem.NotFound)
		}
		wantCode(t, "Wait without a time", store.Wait(t.Context(), newID(t), time.Time{}), problem.Internal)
		wantCode(t, "Park", store.Park(t.Context(), malformedIDs[1], start, request.Parking{}), problem.NotFound)
		wantCode(t, "Park without a time", store.Park(t.Context(), newID(t), time.Time{}, request.Parking{}), problem.Internal)
		wantCode(t, "Postpone", store.Postpone(t.Context(), malformedIDs[1], start), problem.NotFound)
		wantCode(t, "Postpone to no time", store.Postpone(t.Context(), newID(t), time.Time{}), problem.Internal)
		wantDue(t, store, start, 10)
	},

	"Wait and StopWaiting may run concurrently": func(t *testing.T, store Store) {
		ids := make([]submission.ID, callers)
		for i := range ids {
			ids[i] = newID(t)
		}
		atOnce(func(caller int) {
			for i, id := range ids {
				err := store.Wait(t.Context(), id, start.Add(time.Duration(i)*time.Second))
				if err == nil && i < caller && caller < callers/2 {
					err = store.StopWaiting(t.Context(), id, start.Add(time.Duration(i)*time.Second))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
		for i, id := range ids {
			succeed(t, store.Wait(t.Context(), id, start.Add(time.Duration(i)*time.Second)))
		}
		wantDue(t, store, start.Add(time.Hour), 2*callers, ids...)
	},

	"Parked returns parked entries, the oldest first, up to its limit": func(t *testing.T, store Store) {
		parkings := []request.Parking{
			{Sharers: []string{"0123456789ab", "ba9876543210"}, Limited: "0123456789ab", FullOn: "2026-05-04"},
			{Sharers: []string{"0123456789ab"}},
			{},
		}
		want := map[submission.ID]request.Parking{}
		for i := range 6 {
			id, other := newID(t), newID(t)
			want[id] = parkings[i%3]
			succeed(t, store.Park(t.Context(), id, start.Add(time.Duration(i)*time.Hour), want[id]))
			succeed(t, store.Wait(t.Context(), other, start.Add(time.Duration(i)*time.Hour)))
		}
		all := must(store.Parked(t.Context(), 100))(t)
		if len(all) != len(want) {
			t.Errorf("%d parked entries, want %d", len(all), len(want))
		}
		for i, entry := range all {
			wantSame(t, "a parked entry", want[entry.ID], entry.Parking)
			if i > 0 && all[i-1].ID >= entry.ID {
				t.Errorf("%s comes before %s", all[i-1].ID, entry.ID)
			}
		}
		for _, limit := range []int{-1, 0, 1, 3} {
			some := must(store.Parked(t.Context(), limit))(t)
			wantSame(t, fmt.Sprintf("Parked with a limit of %d", limit), all[:max(0, limit)], some)
		}
	},

	"a parked entry is due like any": func(t *testing.T, store Store) {
		a, b := newID(t), newID(t)
		succeed(t, store.Park(t.Context(), a, start, request.Parking{}))
		succeed(t, store.Wait(t.Context(), b, start.Add(time.Second)))
		wantDue(t, store, start.Add(time.Hour), 10, a, b)
		succeed(t, store.StopWaiting(t.Context(), a, start))
		wantDue(t, store, start.Add(time.Hour), 10, b)
		wantParked(t, store)
	},

	"Postpone leaves an entry parked": func(t *testing.T, store Store) {
		a, b, c := newID(t), newID(t), newID(t)
		parking := request.Parking{Sharers: []string{"0123456789ab"}, Limited: "ba9876543210", FullOn: "2026-05-04"}
		succeed(t, store.Park(t.Context(), a, start, parking))
		succeed(t, store.Wait(t.Context(), b, start))
		for i, id := range []submission.ID{a, b, c} {
			succeed(t, store.Postpone(t.Context(), id, start.Add(time.Duration(i+1)*time.Hour)))
		}
		wantDue(t, store, start, 10)
		wantDue(t, store, start.Add(3*time.Hour), 10, a, b, c)
		wantParked(t, store, request.ParkedEntry{ID: a, Due: start.Add(time.Hour).UTC().Truncate(request.Tick), Parking: parking})
		// A new entry says all anew.
		succeed(t, store.Park(t.Context(), a, start, request.Parking{FullOn: "2026-05-05"}))
		wantParked(t, store, request.ParkedEntry{ID: a, Due: start.UTC().Truncate(request.Tick), Parking: request.Parking{FullOn: "2026-05-05"}})
		succeed(t, store.Wait(t.Context(), a, start))
		wantParked(t, store)
	},

	"nothing is stored under a cancelled context": func(t *testing.T, store Store) {
		a, b := newID(t), newID(t)
		succeed(t, store.Wait(t.Context(), a, start))
		wantCode(t, "Wait", store.Wait(ended(t), b, start), problem.StorageUnavailable)
		wantCode(t, "StopWaiting", store.StopWaiting(ended(t), a, start), problem.StorageUnavailable)
		wantCode(t, "Due", errorOf(store.Due(ended(t), start, 10)), problem.StorageUnavailable)
		wantCode(t, "Park", store.Park(ended(t), b, start, request.Parking{}), problem.StorageUnavailable)
		wantCode(t, "Postpone", store.Postpone(ended(t), b, start), problem.StorageUnavailable)
		wantCode(t, "Parked", errorOf(store.Parked(ended(t), 10)), problem.StorageUnavailable)
		wantDue(t, store, start, 10, a)
	},
}

func wantParked(t testing.TB, store Store, want ...request.ParkedEntry) {
	t.Helper()
	wantSame(t, "what is parked", want, must(store.Parked(t.Context(), 10))(t))
}

func wantDue(t testing.TB, store Store, now time.Time, limit int, want ...submission.ID) {
	t.Helper()
	got := must(store.Due(t.Context(), now, limit))(t)
	if !slices.Equal(got, want) {
		t.Errorf("due at %s, at most %d: %q, want %q", now, limit, got, want)
	}
}
