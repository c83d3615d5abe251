package storetest

import (
	"fmt"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// putRequest saves a request that came into the state, and was last changed, at the given time. It
// is owed no mail.
func putRequest(t *testing.T, store Store, state request.State, at time.Time, erased bool) submission.ID {
	t.Helper()
	r := fullRequest(t)
	r.State, r.Since, r.Changed, r.Owed = state, at, at, request.Owed{}
	if erased {
		r.Submission = submission.Submission{}
	}
	must(store.Save(t.Context(), r, []request.Event{{At: at, State: state, What: "put"}}))(t)
	return r.ID
}

// scanAll returns what all pages hold.
func scanAll(t *testing.T, store Store, search request.Search, limit int) (found []request.Brief) {
	t.Helper()
	all(t, func(from request.Cursor) (request.Cursor, bool, error) {
		page, err := store.ScanRequests(t.Context(), search, from, limit)
		found = append(found, page.Found...)
		return page.Next, page.Last, err
	})
	return found
}

// all reads page after page.
func all(t *testing.T, read func(request.Cursor) (request.Cursor, bool, error)) {
	t.Helper()
	var from request.Cursor
	for range 1000 {
		next, last, err := read(from)
		succeed(t, err)
		if last {
			return
		}
		from = next
	}
	t.Fatal("the pages do not end")
}

var recordTests = map[string]func(*testing.T, Store){
	"a scan finds what expires and what is overdue": func(t *testing.T, store Store) {
		limit := stored.Add(90 * 24 * time.Hour)
		search := request.Search{Expired: limit, Overdue: map[request.State]time.Time{
			request.Review: limit, request.Parked: limit.Add(-30 * time.Minute), request.Received: {},
		}}
		want := map[submission.ID]request.State{}
		for _, state := range states {
			id := putRequest(t, store, state, limit.Add(-time.Microsecond), false)
			if state.Finished() || state == request.Review {
				want[id] = state
			}
			putRequest(t, store, state, limit, false)
			erased := putRequest(t, store, state, limit.Add(-time.Hour), true)
			if state == request.Review || state == request.Parked {
				want[erased] = state
			}
		}
		got := map[submission.ID]request.State{}
		for _, b := range scanAll(t, store, search, 1000) {
			if search.Expires(b) || search.IsOverdue(b) {
				got[b.ID] = b.State
			}
		}
		wantSame(t, "what is found", want, got)
	},

	"a scan finds what should have come back": func(t *testing.T, store Store) {
		search := request.Search{Forgotten: stored}
		want := map[submission.ID]time.Time{}
		for _, state := range states {
			for _, due := range []time.Time{{}, stored.Add(-request.Tick), stored, stored.Add(time.Hour)} {
				r := request.Request{ID: newID(t), State: state, Since: start, Created: start, Changed: start, Due: due}
				_, err := store.Save(t.Context(), r, nil)
				succeed(t, err)
				if !state.Finished() && state != request.Parked && due.Equal(stored.Add(-request.Tick)) {
					want[r.ID] = due
				}
			}
		}
		got := map[submission.ID]time.Time{}
		for _, b := range scanAll(t, store, search, 1000) {
			if search.IsForgotten(b) {
				got[b.ID] = b.Due
			}
		}
		wantSame(t, "what is found", want, got)
	},

	"a scan finds what waits for a proof or is owed a mail": func(t *testing.T, store Store) {
		proving := putRequest(t, store, request.Proving, start, false)
		putRequest(t, store, request.Unproved, start, false)
		putRequest(t, store, request.Done, start, false)
		owed := request.Request{
			ID: newID(t), State: request.Done, Since: start, Created: start, Changed: start,
			Owed: request.Owed{Kind: request.InvitationMail, Since: stored},
		}
		must(store.Save(t.Context(), owed, nil))(t)
		for _, search := range []request.Search{{}, {Expired: stored}} {
			var tally request.Tally
			got := map[submission.ID]bool{}
			for _, b := range scanAll(t, store, search, 2) {
				tally = tally.CountMails(b)
				got[b.ID] = true
			}
			wantSame(t, "what is found", map[submission.ID]bool{proving: true, owed.ID: true}, got)
			wantSame(t, "the tally", request.Tally{Proving: 1, Owed: 1, OwedSince: stored}, tally)
		}
	},

	"a scan goes on from where it stopped": func(t *testing.T, store Store) {
		want := map[submission.ID]bool{}
		for range 7 {
			want[putRequest(t, store, request.Done, start, false)] = true
		}
		search := request.Search{Expired: start.Add(time.Hour)}
		for _, limit := range []int{1, 2, 7, 8} {
			got := map[submission.ID]bool{}
			for _, b := range scanAll(t, store, search, limit) {
				if got[b.ID] {
					t.Errorf("%s comes twice with a limit of %d", b.ID, limit)
				}
				got[b.ID] = true
			}
			wantSame(t, fmt.Sprintf("what is found with a limit of %d", limit), want, got)
		}
		ordered := scanAll(t, store, search, 100)
		page := must(store.ScanRequests(t.Context(), search, request.Cursor{After: ordered[3].ID}, 1))(t)
		wantSame(t, "after an id", ordered[4:5], page.Found)
	},

	"a scan finds what waits for a person": func(t *testing.T, store Store) {
		id := putRequest(t, store, request.Review, start, false)
		r := must(store.Load(t.Context(), id))(t)
		r.Reviewing = &request.Reviewing{Stage: 1, Since: stored}
		must(store.Save(t.Context(), r, nil))(t)
		older := putRequest(t, store, request.Review, start, false)
		r = must(store.Load(t.Context(), older))(t)
		r.Reviewing = nil // as an older version has stored it
		must(store.Save(t.Context(), r, nil))(t)
		stages := map[submission.ID]time.Time{}
		for _, b := range scanAll(t, store, request.Search{}, 1) {
			stages[b.ID] = b.Stage
		}
		wantSame(t, "the stages", map[submission.ID]time.Time{id: stored, older: {}}, stages)
	},

	"a scan for nothing ends": func(t *testing.T, store Store) {
		putRequest(t, store, request.Parked, start, false)
		for _, search := range []request.Search{{}, {Overdue: map[request.State]time.Time{request.Parked: {}}}} {
			wantSame(t, "what is found", []request.Brief(nil), scanAll(t, store, search, 10))
		}
	},

	"the sweep is kept as it was saved last": func(t *testing.T, store Store) {
		wantSame(t, "the first", request.Sweep{}, must(store.Sweep(t.Context()))(t))
		id := newID(t)
		sweep := request.Sweep{Began: start, Part: request.SweepMails, At: request.Cursor{After: id, Token: "x"},
			Tally: request.Tally{Proving: 3, Owed: 2, OwedSince: stored}.CountUnreadable(id), Last: request.Tally{Erased: 3}.CountOverdue(request.Brief{ID: id, State: request.Review}),
			Ended: start.Add(-time.Hour)}
		saved := must(store.SaveSweep(t.Context(), sweep))(t)
		wantCode(t, "over another one", errorOf(store.SaveSweep(t.Context(), sweep)), problem.Conflict)
		sweep.Version, sweep.Began, sweep.Ended = saved.Version, stored, stored.Add(-time.Hour)
		wantSame(t, "as saved", sweep, saved)
		wantSame(t, "as read", sweep, must(store.Sweep(t.Context()))(t))
		next := must(store.SaveSweep(t.Context(), saved.Next()))(t)
		wantSame(t, "the next", next, must(store.Sweep(t.Context()))(t))
		wantCode(t, "an old version", errorOf(store.SaveSweep(t.Context(), saved)), problem.Conflict)
	},

	"ForgetOldMails removes only old claims that are kept for mails": func(t *testing.T, store Store) {
		before := stored.Add(24 * time.Hour)
		owner := newID(t)
		gone := map[string]bool{"a@contoso.com": true, "b@contoso.com": true, "c@contoso.com": false, "d@contoso.com": false}
		for text, claim := range map[string]request.Claim{
			"a@contoso.com": {State: request.ClaimMails, Owner: owner, MailedAt: before.Add(-time.Microsecond), Mails: 1},
			"b@contoso.com": {State: request.ClaimMails, Owner: owner, MailedAt: before.Add(-time.Hour), Mails: 5},
			"c@contoso.com": {State: request.ClaimMails, Owner: owner, MailedAt: before, Mails: 1},
			"d@contoso.com": {State: request.ClaimSent, Owner: owner, MailedAt: stored, Mails: 1, GuestID: "g"},
		} {
			made, _ := mustClaim(t, store, newAddress(t, text), owner, start)
			claim.Version = made.Version
			must(store.UpdateClaim(t.Context(), newAddress(t, text), claim))(t)
		}
		all(t, func(from request.Cursor) (request.Cursor, bool, error) {
			return store.ForgetOldMails(t.Context(), before, from, 1)
		})
		for text, want := range gone {
			if claim := must(store.ClaimOf(t.Context(), newAddress(t, text)))(t); (claim.State == request.ClaimFree) != want {
				t.Errorf("%s: %+v", text, claim)
			}
		}
	},

	"ForgetMails removes only claims that are kept for mails": func(t *testing.T, store Store) {
		before := stored.Add(24 * time.Hour)
		owner, other := newID(t), newID(t)
		claims := map[string]struct {
			claim           request.Claim
			byOwner, byName bool
		}{
			"a@contoso.com": {request.Claim{State: request.ClaimMails, Owner: owner, MailedAt: before.Add(-time.Microsecond), Mails: 1}, true, true},
			"b@contoso.com": {request.Claim{State: request.ClaimMails, Owner: other, MailedAt: before.Add(-time.Hour), Mails: 5}, false, false},
			"c@contoso.com": {request.Claim{State: request.ClaimMails, Owner: owner, MailedAt: before, Mails: 1}, true, false},
			"d@contoso.com": {request.Claim{State: request.ClaimSent, Owner: owner, MailedAt: stored, Mails: 1, GuestID: "g"}, false, false},
			"e@contoso.com": {request.Claim{State: request.ClaimSending, Owner: owner, MailedAt: stored, Mails: 1, IntentAt: stored}, false, false},
			"f@contoso.com": {request.Claim{State: request.ClaimSending, Owner: owner, IntentAt: stored}, false, false},
			"g@contoso.com": {request.Claim{State: request.ClaimReserved, Owner: owner}, false, false},
			// The claim of a request that waits after its address has had a mail.
			"h@contoso.com": {request.Claim{State: request.ClaimReserved, Owner: owner, MailedAt: stored, Mails: 1}, false, false},
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
			"by owner": {Owner: owner}, "by address": {Address: newAddress(t, "a@contoso.com")}, "none": {},
			"all at once": {Address: newAddress(t, "a@contoso.com"), Owner: owner},
			"other owner": {Address: newAddress(t, "a@contoso.com"), Owner: other},
		} {
			for text := range claims {
				put(text)
			}
			forgotten := must(store.ForgetMails(t.Context(), which, 100))(t)
			want := 0
			for text, c := range claims {
				gone := map[string]bool{"by owner": c.byOwner, "by address": c.byName, "all at once": c.byName}[name]
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
			forgotten := must(store.ForgetMails(t.Context(), request.Mails{Owner: owner}, limit))(t)
			if forgotten > max(limit, 0) {
				t.Errorf("%d forgotten with a limit of %d", forgotten, limit)
			}
		}
		forgotten := must(store.ForgetMails(t.Context(), request.Mails{Owner: owner}, 100))(t)
		if forgotten != 0 {
			t.Errorf("%d are left after one at a time", forgotten)
		}
	},

	"ForgetMails forgets the mailboxes of the claims that it removes": func(t *testing.T, store Store) {
		owner, other := newID(t), newID(t)
		claims := map[string]request.Claim{
			"a@contoso.com": {State: request.ClaimMails, Owner: owner, MailedAt: stored, Mails: 1},
			"b@contoso.com": {State: request.ClaimMails, Owner: other, MailedAt: stored, Mails: 1},
			"c@contoso.com": {State: request.ClaimSent, Owner: owner, MailedAt: stored, Mails: 1, GuestID: "g"},
		}
		for text, claim := range claims {
			address := newAddress(t, text)
			made, _ := mustClaim(t, store, address, claim.Owner, start)
			claim.Version = made.Version
			must(store.UpdateClaim(t.Context(), address, claim))(t)
			must(store.SaveMailbox(t.Context(), address, fullMailbox(start)))(t)
		}
		must(store.ForgetMails(t.Context(), request.Mails{Owner: owner}, 100))(t)
		for text := range claims {
			known := must(store.Mailbox(t.Context(), newAddress(t, text)))(t) != request.Mailbox{}
			if known == (text == "a@contoso.com") {
				t.Errorf("the mailbox %s is known: %v", text, known)
			}
		}
	},
}
