package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

var (
	campaign = policy.RowKey{Partition: "contoso.com", Name: "campaign"}
	// Told apart from campaign only by where the one key ends and the other begins.
	neighbour = policy.RowKey{Partition: "contoso.co", Name: "mcampaign"}
)

const (
	monday  = "2026-03-02"
	tuesday = "2026-03-03"
)

// RunSeats tests that the stores which newSeats returns keep the promises of invite.Seats. Every call of newSeats must return an empty store.
func RunSeats(t *testing.T, newSeats func(t *testing.T) request.Seats) {
	for name, test := range seatTests {
		t.Run(name, func(t *testing.T) { test(t, newSeats(t)) })
	}
}

var seatTests = map[string]func(*testing.T, request.Seats){
	"a row that nobody came by has no seat taken": func(t *testing.T, seats request.Seats) {
		wantUsed(t, seats, campaign, monday, policy.Used{})
	},
	"seats are counted in all and by the day": func(t *testing.T, seats request.Seats) {
		limits := policy.Limits{Row: campaign, MaxGuests: 100}
		take(t, seats, limits, monday, newID(t), true)
		take(t, seats, limits, monday, newID(t), true)
		take(t, seats, limits, tuesday, newID(t), true)
		wantUsed(t, seats, campaign, monday, policy.Used{Guests: 3, Today: 2})
		wantUsed(t, seats, campaign, tuesday, policy.Used{Guests: 3, Today: 1})
		wantUsed(t, seats, neighbour, monday, policy.Used{})
	},
	"a full row gives no seat": func(t *testing.T, seats request.Seats) {
		limits := policy.Limits{Row: campaign, MaxGuests: 2}
		take(t, seats, limits, monday, newID(t), true)
		take(t, seats, limits, tuesday, newID(t), true)
		take(t, seats, limits, tuesday, newID(t), false)
		wantUsed(t, seats, campaign, tuesday, policy.Used{Guests: 2, Today: 1})
	},
	"a full day gives no seat, the next one does": func(t *testing.T, seats request.Seats) {
		limits := policy.Limits{Row: campaign, MaxPerDay: 1}
		take(t, seats, limits, monday, newID(t), true)
		take(t, seats, limits, monday, newID(t), false)
		take(t, seats, limits, tuesday, newID(t), true)
	},
	"a request holds one seat, however often it asks, also in a full row": func(t *testing.T, seats request.Seats) {
		limits := policy.Limits{Row: campaign, MaxGuests: 2, MaxPerDay: 2}
		id := newID(t)
		take(t, seats, limits, monday, id, true)
		take(t, seats, limits, monday, id, true)
		take(t, seats, limits, tuesday, id, true)
		wantUsed(t, seats, campaign, monday, policy.Used{Guests: 1, Today: 1})
		take(t, seats, limits, monday, newID(t), true)
		take(t, seats, limits, monday, id, true)
	},
	"a seat that is given back is free again, on its day": func(t *testing.T, seats request.Seats) {
		limits := policy.Limits{Row: campaign, MaxGuests: 1, MaxPerDay: 1}
		first, second := newID(t), newID(t)
		take(t, seats, limits, monday, first, true)
		take(t, seats, limits, monday, second, false)
		for range 2 {
			err := seats.ReleaseSeat(t.Context(), campaign, first)
			if err != nil {
				t.Fatal(err)
			}
		}
		wantUsed(t, seats, campaign, monday, policy.Used{})
		take(t, seats, limits, monday, second, true)
		err := seats.ReleaseSeat(t.Context(), campaign, first)
		if err != nil {
			t.Fatal(err)
		}
		wantUsed(t, seats, campaign, monday, policy.Used{Guests: 1, Today: 1})
	},
	"of many at once exactly as many get a seat as there are": func(t *testing.T, seats request.Seats) {
		const free = 3
		limits := policy.Limits{Row: campaign, MaxGuests: free}
		var got atomic.Int32
		var group sync.WaitGroup
		for range callers {
			id := newID(t)
			group.Go(func() {
				for {
					taken, err := seats.TakeSeat(t.Context(), limits, monday, id)
					if problem.CodeOf(err) == problem.Conflict {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					if taken {
						got.Add(1)
					}
					return
				}
			})
		}
		group.Wait()
		if got.Load() != free {
			t.Errorf("%d requests got a seat, there were %d", got.Load(), free)
		}
		wantUsed(t, seats, campaign, monday, policy.Used{Guests: free, Today: free})
	},
	"an id that is none takes no seat": func(t *testing.T, seats request.Seats) {
		_, err := seats.TakeSeat(t.Context(), policy.Limits{Row: campaign}, monday, "total")
		if err == nil {
			t.Error("it was accepted")
		}
	},
	"an ended context is no answer": func(t *testing.T, seats request.Seats) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := seats.TakeSeat(ctx, policy.Limits{Row: campaign}, monday, newID(t))
		if problem.CodeOf(err) != problem.StorageUnavailable {
			t.Errorf("got %v", err)
		}
	},
}

func take(t *testing.T, seats request.Seats, limits policy.Limits, day string, id submission.ID, want bool) {
	t.Helper()
	taken, err := seats.TakeSeat(t.Context(), limits, day, id)
	if err != nil || taken != want {
		t.Errorf("taken %v, error %v, want %v", taken, err, want)
	}
}

func wantUsed(t *testing.T, seats request.Seats, row policy.RowKey, day string, want policy.Used) {
	t.Helper()
	used, err := seats.Used(t.Context(), row, day)
	if err != nil || used != want {
		t.Errorf("used %+v, error %v, want %+v", used, err, want)
	}
}
