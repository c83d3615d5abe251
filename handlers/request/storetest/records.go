package storetest

import (
	"fmt"
	"testing"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// putRequest saves a request that came into the state, and was last changed, at the given time.
func putRequest(t *testing.T, store Store, state request.State, at time.Time, erased bool) submission.ID {
	t.Helper()
	r := fullRequest(t)
	r.State, r.Since, r.Changed = state, at, at
	if erased {
		r.Submission = submission.Submission{}
	}
	must(store.Save(t.Context(), r, []request.Event{{At: at, State: state, What: "put"}}))(t)
	return r.ID
}

var recordTests = map[string]func(*testing.T, Store){
	"old finished requests expire unless erased": func(t *testing.T, store Store) {
		before := stored.Add(90 * 24 * time.Hour)
		want := map[submission.ID]bool{}
		for _, state := range states {
			id := putRequest(t, store, state, before.Add(-time.Microsecond), false)
			switch state {
			case request.Done, request.Denied, request.Failed, request.Cancelled, request.Void:
				want[id] = true
			}
			putRequest(t, store, state, before, false)
			putRequest(t, store, state, before.Add(-time.Hour), true)
		}
		got := must(store.Expired(t.Context(), before, 100))(t)
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

	"Expired keeps its limit": func(t *testing.T, store Store) {
		for range 5 {
			putRequest(t, store, request.Done, start, false)
		}
		for _, limit := range []int{-1, 0, 1, 4, 5, 6} {
			got := must(store.Expired(t.Context(), start.Add(time.Hour), limit))(t)
			if len(got) != min(max(limit, 0), 5) {
				t.Errorf("%d of 5 with a limit of %d", len(got), limit)
			}
		}
		wantSame(t, "before all times", []submission.ID(nil), must(store.Expired(t.Context(), time.Time{}, 5))(t))
	},

	"Standing counts requests by state": func(t *testing.T, store Store) {
		limit := stored.Add(3 * time.Hour)
		first := putRequest(t, store, request.Review, limit.Add(-time.Microsecond), false)
		second := putRequest(t, store, request.Review, limit.Add(-2*time.Hour), false)
		putRequest(t, store, request.Review, limit, false)
		parked := putRequest(t, store, request.Parked, limit.Add(-time.Hour), false)
		putRequest(t, store, request.Parked, limit.Add(-time.Microsecond), false) // its own limit is earlier
		putRequest(t, store, request.Done, start, false)
		got, err := store.Standing(t.Context(), map[request.State]time.Time{
			request.Review: limit, request.Parked: limit.Add(-30 * time.Minute), request.Granting: limit, request.Received: {},
		})
		succeed(t, err)
		wantSame(t, "Standing", map[request.State]request.Standing{
			request.Review: {Requests: 2, Oldest: min(first, second)}, request.Parked: {Requests: 1, Oldest: parked},
		}, got)
	},

	"Standing counts only states that are asked for": func(t *testing.T, store Store) {
		putRequest(t, store, request.Review, start, false)
		for _, before := range []map[request.State]time.Time{nil, {request.Review: {}}} {
			wantSame(t, fmt.Sprint(before), map[request.State]request.Standing{}, must(store.Standing(t.Context(), before))(t))
		}
	},

	"ForgetMails removes only claims that are kept for mails": func(t *testing.T, store Store) {
		before := stored.Add(24 * time.Hour)
		owner, other := newID(t), newID(t)
		claims := map[string]struct {
			claim                   request.Claim
			byTime, byOwner, byName bool
		}{
			"a@contoso.com": {request.Claim{State: request.ClaimMails, Owner: owner, MailedAt: before.Add(-time.Microsecond), Mails: 1}, true, true, true},
			"b@contoso.com": {request.Claim{State: request.ClaimMails, Owner: other, MailedAt: before.Add(-time.Hour), Mails: 5}, true, false, false},
			"c@contoso.com": {request.Claim{State: request.ClaimMails, Owner: owner, MailedAt: before, Mails: 1}, false, true, false},
			"d@contoso.com": {request.Claim{State: request.ClaimSent, Owner: owner, MailedAt: stored, Mails: 1, GuestID: "g"}, false, false, false},
			"e@contoso.com": {request.Claim{State: request.ClaimSending, Owner: owner, MailedAt: stored, Mails: 1, IntentAt: stored}, false, false, false},
			"f@contoso.com": {request.Claim{State: request.ClaimSending, Owner: owner, IntentAt: stored}, false, false, false},
			"g@contoso.com": {request.Claim{State: request.ClaimReserved, Owner: owner}, false, false, false},
			// The claim of a request that waits after its address has had a mail.
			"h@contoso.com": {request.Claim{State: request.ClaimReserved, Owner: owner, MailedAt: stored, Mails: 1}, false, false, false},
		}
		put := func(text string) {
			t.Helper()
			address := newAddress(t, text)
			claim, _ := mustClaim(t, store, address, claims[text].claim.Owner, start)
			next := claims[text].claim
			next.Version = claim.Version
			must(store.UpdateClaim(t.Context(), address, next))(t)
		}
		for name, which := range map[string]request.Mails{
			"by time": {Before: before}, "by owner": {Owner: owner}, "by address": {Address: newAddress(t, "a@contoso.com")}, "none": {},
			"all at once": {Address: newAddress(t, "a@contoso.com"), Owner: owner, Before: before},
			"other owner": {Address: newAddress(t, "a@contoso.com"), Owner: other}, "before all times": {Before: time.Time{}.Add(time.Second)},
		} {
			for text := range claims {
				put(text)
			}
			forgotten := must(store.ForgetMails(t.Context(), which, 100))(t)
			want := 0
			for text, c := range claims {
				gone := map[string]bool{"by time": c.byTime, "by owner": c.byOwner, "by address": c.byName, "all at once": c.byName}[name]
				if gone {
					want++
				}
				_, created := mustClaim(t, store, newAddress(t, text), c.claim.Owner, start)
				if created != gone {
					t.Errorf("%s: the claim on %s is gone: %v", name, text, created)
				}
			}
			if forgotten != want {
				t.Errorf("%s: %d forgotten, want %d", name, forgotten, want)
			}
		}
		for text := range claims {
			put(text)
		}
		for _, limit := range []int{-1, 0, 1, 1, 1} {
			forgotten := must(store.ForgetMails(t.Context(), request.Mails{Before: before}, limit))(t)
			if forgotten > max(limit, 0) {
				t.Errorf("%d forgotten with a limit of %d", forgotten, limit)
			}
		}
		forgotten := must(store.ForgetMails(t.Context(), request.Mails{Before: before}, 100))(t)
		if forgotten != 0 {
			t.Errorf("%d are left after one at a time", forgotten)
		}
	},
}
