package storetest

import (
	"sync/atomic"
	"testing"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

var (
	campaign = policy.RowKey{Partition: "contoso.com", Name: "campaign"}
	// neighbour differs from campaign only by where the partition ends and the name begins.
	neighbour = policy.RowKey{Partition: "contoso.co", Name: "mcampaign"}
)

const (
	monday  = "2026-03-02"
	tuesday = "2026-03-03"

	thursday = "2026-03-05"
)

var seatTests = map[string]func(*testing.T, Store){
	"an unused row has no seat taken": func(t *testing.T, store Store) {
		wantUsed(t, store, campaign, monday, policy.Used{})
	},
	"seats are counted in all and by the day": func(t *testing.T, store Store) {
		limits := policy.Limits{Row: campaign, MaxGuests: 100}
		take(t, store, limits, monday, newID(t), true)
		take(t, store, limits, monday, newID(t), true)
		take(t, store, limits, tuesday, newID(t), true)
		wantUsed(t, store, campaign, monday, policy.Used{Guests: 3, Today: 2})
		wantUsed(t, store, campaign, tuesday, policy.Used{Guests: 3, Today: 1})
		wantUsed(t, store, neighbour, monday, policy.Used{})
	},
	"a full row gives no seat": func(t *testing.T, store Store) {
		limits := policy.Limits{Row: campaign, MaxGuests: 2}
		take(t, store, limits, monday, newID(t), true)
		take(t, store, limits, tuesday, newID(t), true)
		take(t, store, limits, tuesday, newID(t), false)
		wantUsed(t, store, campaign, tuesday, policy.Used{Guests: 2, Today: 1})
	},
	"a full day gives no seat, the next one does": func(t *testing.T, store Store) {
		limits := policy.Limits{Row: campaign, MaxPerDay: 1}
		take(t, store, limits, monday, newID(t), true)
		take(t, store, limits, monday, newID(t), false)
		take(t, store, limits, tuesday, newID(t), true)
	},
	"a request holds one seat, however often it asks": func(t *testing.T, store Store) {
		limits := policy.Limits{Row: campaign, MaxGuests: 2, MaxPerDay: 2}
		id := newID(t)
		take(t, store, limits, monday, id, true)
		take(t, store, limits, monday, id, true)
		wantUsed(t, store, campaign, monday, policy.Used{Guests: 1, Today: 1})
		take(t, store, limits, monday, newID(t), true)
		take(t, store, limits, monday, id, true)
	},
	"a seat counts on the day for which it was taken last": func(t *testing.T, store Store) {
		limits := policy.Limits{Row: campaign, MaxGuests: 2, MaxPerDay: 1}
		first, second := newID(t), newID(t)
		take(t, store, limits, monday, first, true)
		take(t, store, limits, tuesday, first, true)
		wantUsed(t, store, campaign, monday, policy.Used{Guests: 1})
		wantUsed(t, store, campaign, tuesday, policy.Used{Guests: 1, Today: 1})
		take(t, store, limits, monday, second, true)
		// The day is full for whoever holds a seat of another one, and that seat stays.
		take(t, store, limits, tuesday, second, false)
		wantUsed(t, store, campaign, monday, policy.Used{Guests: 2, Today: 1})
		wantHolds(t, store, second, true)
		// The row is full for others only.
		take(t, store, limits, thursday, newID(t), false)
		take(t, store, limits, thursday, second, true)
		succeed(t, store.ReleaseSeat(t.Context(), campaign, second))
		wantUsed(t, store, campaign, thursday, policy.Used{Guests: 1})
		wantUsed(t, store, campaign, monday, policy.Used{Guests: 1})
	},
	"a request holds a seat from taking to releasing": func(t *testing.T, store Store) {
		limits := policy.Limits{Row: campaign, MaxGuests: 1}
		id, other := newID(t), newID(t)
		wantHolds(t, store, id, false)
		take(t, store, limits, monday, id, true)
		take(t, store, limits, monday, other, false)
		wantHolds(t, store, id, true)
		wantHolds(t, store, other, false)
		succeed(t, store.ReleaseSeat(t.Context(), campaign, id))
		wantHolds(t, store, id, false)
	},
	"concurrent calls move a seat once": func(t *testing.T, store Store) {
		limits := policy.Limits{Row: campaign, MaxGuests: callers, MaxPerDay: callers}
		id := newID(t)
		take(t, store, limits, monday, id, true)
		atOnce(func(int) {
			taken, err := store.TakeSeat(t.Context(), limits, tuesday, id)
			for problem.CodeOf(err) == problem.Conflict {
				taken, err = store.TakeSeat(t.Context(), limits, tuesday, id)
			}
			if err != nil || !taken {
				t.Errorf("taken %v, error %v", taken, err)
			}
		})
		wantUsed(t, store, campaign, monday, policy.Used{Guests: 1})
		wantUsed(t, store, campaign, tuesday, policy.Used{Guests: 1, Today: 1})
	},
	"a released seat is free again, on its day": func(t *testing.T, store Store) {
		limits := policy.Limits{Row: campaign, MaxGuests: 1, MaxPerDay: 1}
		first, second := newID(t), newID(t)
		take(t, store, limits, monday, first, true)
		take(t, store, limits, monday, second, false)
		for range 2 {
			succeed(t, store.ReleaseSeat(t.Context(), campaign, first))
		}
		wantUsed(t, store, campaign, monday, policy.Used{})
		take(t, store, limits, monday, second, true)
		succeed(t, store.ReleaseSeat(t.Context(), campaign, first))
		wantUsed(t, store, campaign, monday, policy.Used{Guests: 1, Today: 1})
	},
	"concurrent requests get as many seats as are free": func(t *testing.T, store Store) {
		const free = 3
		limits := policy.Limits{Row: campaign, MaxGuests: free}
		var ids [callers]submission.ID
		for i := range ids {
			ids[i] = newID(t)
		}
		var got atomic.Int32
		atOnce(func(caller int) {
			taken, err := store.TakeSeat(t.Context(), limits, monday, ids[caller])
			for problem.CodeOf(err) == problem.Conflict {
				taken, err = store.TakeSeat(t.Context(), limits, monday, ids[caller])
			}
			if err != nil {
				t.Error(err)
			}
			if taken {
				got.Add(1)
			}
		})
		if got.Load() != free {
			t.Errorf("%d requests got a seat, %d were free", got.Load(), free)
		}
		wantUsed(t, store, campaign, monday, policy.Used{Guests: free, Today: free})
	},
	"a malformed id takes no seat": func(t *testing.T, store Store) {
		_, err := store.TakeSeat(t.Context(), policy.Limits{Row: campaign}, monday, "total")
		if err == nil {
			t.Error("TakeSeat accepted it")
		}
	},
	"nothing is taken under a cancelled context": func(t *testing.T, store Store) {
		wantCode(t, "TakeSeat", errorOf(store.TakeSeat(ended(t), policy.Limits{Row: campaign}, monday, newID(t))), problem.StorageUnavailable)
	},
}

func take(t *testing.T, store Store, limits policy.Limits, day string, id submission.ID, want bool) {
	t.Helper()
	taken, err := store.TakeSeat(t.Context(), limits, day, id)
	if err != nil || taken != want {
		t.Errorf("taken %v, error %v, want %v", taken, err, want)
	}
}

func wantHolds(t *testing.T, store Store, id submission.ID, want bool) {
	t.Helper()
	holds, err := store.HoldsSeat(t.Context(), campaign, id)
	if err != nil || holds != want {
		t.Errorf("holds a seat: %v, error %v, want %v", holds, err, want)
	}
}

func wantUsed(t *testing.T, store Store, row policy.RowKey, day string, want policy.Used) {
	t.Helper()
	used, err := store.Used(t.Context(), row, day)
	if err != nil || used != want {
		t.Errorf("used %+v, error %v, want %+v", used, err, want)
	}
}
