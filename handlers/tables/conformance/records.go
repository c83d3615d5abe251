package conformance

import (
	"fmt"
	"testing"
	"time"

	"guestlist/handlers/invite"
	"guestlist/handlers/submission"
)

// RecordStore is what RunRecords tests.
type RecordStore interface {
	invite.Store
	invite.Records
}

// RunRecords tests that the stores which newStore returns keep the promises of invite.Records. Every call of newStore must return an empty store.
func RunRecords(t *testing.T, newStore func(t *testing.T) RecordStore) {
	for name, test := range recordTests {
		t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
	}
}

// putRequest saves a request in the state, that came into it at and was last changed then.
func putRequest(t *testing.T, store RecordStore, state invite.State, at time.Time, erased bool) submission.ID {
	t.Helper()
	r := fullRequest(t)
	r.State, r.Since, r.Changed = state, at, at
	if erased {
		r.Submission = submission.Submission{}
	}
	_, err := store.Save(t.Context(), r, []invite.Event{{At: at, State: state, What: "put"}})
	must(t, err)
	return r.ID
}

var recordTests = map[string]func(*testing.T, RecordStore){
	"what is finished, old and not erased has expired": func(t *testing.T, store RecordStore) {
		before := stored.Add(90 * 24 * time.Hour)
		want := map[submission.ID]bool{}
		for _, state := range states {
			id := putRequest(t, store, state, before.Add(-time.Microsecond), false)
			switch state {
			case invite.Done, invite.Denied, invite.Failed, invite.Cancelled:
				want[id] = true
			}
			putRequest(t, store, state, before, false)
			putRequest(t, store, state, before.Add(-time.Hour), true)
		}
		got, err := store.Expired(t.Context(), before, 100)
		must(t, err)
		for _, id := range got {
			if !want[id] {
				t.Errorf("%s has not expired, or came twice", id)
			}
			delete(want, id)
		}
		if len(want) > 0 {
			t.Errorf("%d expired requests were not found", len(want))
		}
	},

	"no more expire than were asked for": func(t *testing.T, store RecordStore) {
		for range 5 {
			putRequest(t, store, invite.Done, start, false)
		}
		for _, limit := range []int{-1, 0, 1, 4, 5, 6} {
			got, err := store.Expired(t.Context(), start.Add(time.Hour), limit)
			must(t, err)
			if len(got) != min(max(limit, 0), 5) {
				t.Errorf("%d of 5 with a limit of %d", len(got), limit)
			}
		}
		got, err := store.Expired(t.Context(), time.Time{}, 5)
		must(t, err)
		wantSame(t, "before all times", []submission.ID(nil), got)
	},

	"what stands too long is counted by state": func(t *testing.T, store RecordStore) {
		limit := stored.Add(3 * time.Hour)
		first := putRequest(t, store, invite.Review, limit.Add(-time.Microsecond), false)
		second := putRequest(t, store, invite.Review, limit.Add(-2*time.Hour), false)
		putRequest(t, store, invite.Review, limit, false)
		parked := putRequest(t, store, invite.Parked, limit.Add(-time.Hour), false)
		putRequest(t, store, invite.Parked, limit.Add(-time.Microsecond), false) // its own limit is earlier
		putRequest(t, store, invite.Done, start, false)
		got, err := store.Standing(t.Context(), map[invite.State]time.Time{
			invite.Review: limit, invite.Parked: limit.Add(-30 * time.Minute), invite.Granting: limit, invite.Received: {},
		})
		must(t, err)
		wantSame(t, "Standing", map[invite.State]invite.Standing{
			invite.Review: {Requests: 2, Oldest: min(first, second)}, invite.Parked: {Requests: 1, Oldest: parked},
		}, got)
	},

	"nothing asked is nothing counted": func(t *testing.T, store RecordStore) {
		putRequest(t, store, invite.Review, start, false)
		for _, before := range []map[invite.State]time.Time{nil, {invite.Review: {}}} {
			got, err := store.Standing(t.Context(), before)
			must(t, err)
			wantSame(t, fmt.Sprint(before), map[invite.State]invite.Standing{}, got)
		}
	},
}
