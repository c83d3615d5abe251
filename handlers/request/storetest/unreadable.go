package storetest

import (
	"fmt"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Spoiler makes what a store keeps unreadable, by writing to it, until mend is called.
type Spoiler struct {
	Request func(submission.ID) (mend func())
	// State is like Request, and not even the state and the times can be read.
	State    func(submission.ID) (mend func())
	Claim    func(submission.Address) (mend func())
	Gate     func() (mend func())
	Counters func(policy.RowKey) (mend func())
	Seat     func(policy.RowKey, submission.ID) (mend func())
}

// RunUnreadable runs the tests of what can't be read, with stores that newStore returns. Every call
// of newStore must return an empty store.
func RunUnreadable(t *testing.T, newStore func(t *testing.T) (Store, Spoiler)) {
	for name, test := range unreadableTests {
		t.Run(name, func(t *testing.T) {
			store, spoiler := newStore(t)
			test(t, store, spoiler)
		})
	}
}

// unreadable fails the test unless the error is a RecordUnreadable.
func unreadable(t *testing.T, what string, err error) {
	t.Helper()
	wantCode(t, what, err, problem.RecordUnreadable)
}

var unreadableTests = map[string]func(*testing.T, Store, Spoiler){
	"a request": func(t *testing.T, store Store, spoiler Spoiler) {
		for name, spoil := range map[string]func(submission.ID) func(){
			"": spoiler.Request, ", with its state": spoiler.State,
		} {
			before := must(store.Save(t.Context(), fullRequest(t), event("put")))(t)
			mend := spoil(before.ID)
			unreadable(t, "Load"+name, errorOf(store.Load(t.Context(), before.ID)))
			wantCode(t, "Save of what was read before"+name,
				errorOf(store.Save(t.Context(), before, nil)), problem.Conflict)
			anew := fullRequest(t)
			anew.ID = before.ID
			wantCode(t, "Save of a new one"+name, errorOf(store.Save(t.Context(), anew, nil)), problem.Conflict)
			if history := must(store.History(t.Context(), before.ID))(t); len(history) != 1 {
				t.Errorf("the history is %v", history)
			}
			mend()
			after := must(store.Load(t.Context(), before.ID))(t)
			wantCode(t, "Save of what was read before"+name,
				errorOf(store.Save(t.Context(), before, nil)), problem.Conflict)
			after.Version = before.Version
			wantSame(t, "once it is mended"+name, before, after)
		}
	},

	"what is noted in a request, and removed from it": func(t *testing.T, store Store, spoiler Spoiler) {
		r := fullRequest(t)
		r.Withdrawal, r.Erased = request.Instruction{}, time.Time{}
		r = must(store.Save(t.Context(), r, event("put")))(t)
		mend := spoiler.Request(r.ID)
		wish := request.Instruction{At: stored, By: request.ThePartner}
		succeed(t, store.EraseUnreadable(t.Context(), r.ID, request.Erasure{Wish: wish}))
		outline := must(store.Outline(t.Context(), r.ID))(t)
		if !outline.Withdrawal.At.Equal(stored) || outline.Withdrawal.By != wish.By || !outline.Erasing() || !outline.Personal {
			t.Errorf("the outline after a wish: %+v", outline)
		}
		wish.At = wish.At.Add(time.Hour)
		succeed(t, store.EraseUnreadable(t.Context(), r.ID, request.Erasure{Wish: wish}))
		mend()
		noted := must(store.Load(t.Context(), r.ID))(t)
		want := r
		want.Withdrawal, want.Version = request.Instruction{At: stored, By: request.ThePartner}, noted.Version
		want.Due = time.Time{} // it waits for nothing any more
		wantSame(t, "after a wish", want, noted)
		mend = spoiler.Request(r.ID)
		succeed(t, store.EraseUnreadable(t.Context(), r.ID, request.Erasure{Data: true, At: stored}))
		outline = must(store.Outline(t.Context(), r.ID))(t)
		if !outline.Erased.Equal(stored) || outline.Personal {
			t.Errorf("the outline after an erasure: %+v", outline)
		}
		unreadable(t, "Load of what was erased", errorOf(store.Load(t.Context(), r.ID)))
		mend()
		erased := must(store.Load(t.Context(), r.ID))(t)
		if erased.Submission.Email != (submission.Address{}) || erased.Words != "" || !erased.Erased.Equal(stored) ||
			erased.State != r.State || erased.GuestID != r.GuestID {
			t.Errorf("after an erasure: %+v", erased)
		}
		mend = spoiler.Request(r.ID)
		succeed(t, store.EraseUnreadable(t.Context(), r.ID, request.Erasure{Data: true}))
		mend()
		if again := must(store.Load(t.Context(), r.ID))(t); !again.Erased.Equal(stored) {
			t.Errorf("after another one it was erased at %s", again.Erased)
		}
	},

	"a wish for another mail is noted": func(t *testing.T, store Store, spoiler Spoiler) {
		at, by := request.Instruction{At: stored, By: request.ThePartner}, request.Instruction{At: stored, By: "desk"}
		for name, test := range map[string]struct {
			change func(*request.Request)
			want   request.Instruction
		}{
			"once it is done":       {func(r *request.Request) { r.State = request.Done }, at},
			"while a code is there": {func(r *request.Request) { r.State = request.Proving }, at},
			"while it is parked":    {func(r *request.Request) { r.State = request.Parked }, at},
			"beside another":        {func(r *request.Request) { r.Resend = by }, by},
			"after withdrawal":      {func(r *request.Request) { r.Withdrawal = by }, request.Instruction{}},
			"after erasure":         {func(r *request.Request) { r.Erased = stored }, request.Instruction{}},
		} {
			r := fullRequest(t)
			r.Resend, r.Withdrawal, r.Erased = request.Instruction{}, request.Instruction{}, time.Time{}
			r.Due = start.AddDate(0, 0, 3)
			test.change(&r)
			r = must(store.Save(t.Context(), r, nil))(t)
			mend := spoiler.Request(r.ID)
			succeed(t, store.EraseUnreadable(t.Context(), r.ID, request.Erasure{Mail: at}))
			mend()
			noted := must(store.Load(t.Context(), r.ID))(t)
			want := r
			want.Resend, want.Version = test.want, noted.Version
			if test.want == at && r.State != request.Parked {
				want.Due = time.Time{} // it waits for nothing else; a parked request goes on in its turn
			}
			wantSame(t, "noted "+name, want, noted)
		}
	},

	"an erasure notes the guest that the claim names": func(t *testing.T, store Store, spoiler Spoiler) {
		for name, test := range map[string]struct {
			known string // to the request
			owned bool   // the claim, by the request
			want  string
		}{
			"one that only the claim knows": {"", true, "guest"},
			"one that the request knows":    {"another", true, "another"},
			"one of another request":        {"", false, ""},
		} {
			r := fullRequest(t)
			r.Submission.Email = newAddress(t, fmt.Sprintf("ana%d@contoso.com", len(name)))
			r.GuestID, r.Origin = test.known, request.OriginUnknown
			r = must(store.Save(t.Context(), r, nil))(t)
			owner := r.ID
			if !test.owned {
				owner = newID(t)
			}
			claim, _ := mustClaim(t, store, r.Submission.Email, owner, start)
			claim = must(claim.Sent("guest", request.OriginBrought, start))(t)
			must(store.UpdateClaim(t.Context(), r.Submission.Email, claim))(t)
			mend := spoiler.Request(r.ID)
			succeed(t, store.EraseUnreadable(t.Context(), r.ID, request.Erasure{Data: true}))
			mend()
			erased := must(store.Load(t.Context(), r.ID))(t)
			brought := erased.Origin == request.OriginBrought
			if erased.GuestID != test.want || brought != (test.want == "guest") {
				t.Errorf("%s: it names %q, who was %q", name, erased.GuestID, erased.Origin)
			}
		}
	},

	"a scan finds what has not finished": func(t *testing.T, store Store, spoiler Spoiler) {
		want := map[submission.ID]request.State{}
		for _, state := range states {
			putRequest(t, store, state, start, false)
			id, unknown := putRequest(t, store, state, start, false), putRequest(t, store, state, start, true)
			spoiler.Request(id)
			spoiler.State(unknown)
			want[unknown] = ""
			if !state.Finished() {
				want[id] = state
			}
		}
		got := map[submission.ID]request.State{}
		for _, b := range scanAll(t, store, request.Search{}, 3) {
			switch {
			case b.Unreadable():
				got[b.ID] = b.State
			case b.State != request.Proving && b.State != request.Review:
				t.Errorf("found is %+v, which can be read", b)
			}
		}
		wantSame(t, "what is found", want, got)
	},

	"a scan finds what expires or is overdue": func(t *testing.T, store Store, spoiler Spoiler) {
		later := start.Add(time.Hour)
		search := request.Search{Expired: later, Overdue: map[request.State]time.Time{request.Review: later}}
		finished, waits := putRequest(t, store, request.Done, start, false), putRequest(t, store, request.Review, start, false)
		unknown := putRequest(t, store, request.Done, start, false)
		spoiler.Request(finished)
		spoiler.Request(waits)
		spoiler.State(unknown)
		for _, b := range scanAll(t, store, search, 1000) {
			if search.Expires(b) != (b.ID == finished) || search.IsOverdue(b) != (b.ID == waits) ||
				b.Unreadable() == (b.ID == finished) {
				t.Errorf("found is %+v: expires %t, overdue %t", b, search.Expires(b), search.IsOverdue(b))
			}
		}
	},

	"a claim": func(t *testing.T, store Store, spoiler Spoiler) {
		address, owner := newAddress(t, "ana@contoso.com"), newID(t)
		before, _ := mustClaim(t, store, address, owner, start)
		mend := spoiler.Claim(address)
		_, created, err := store.Claim(t.Context(), address, request.NewClaim(newID(t), start))
		unreadable(t, "Claim", err)
		if created {
			t.Error("it is created anew")
		}
		unreadable(t, "ClaimOf", errorOf(store.ClaimOf(t.Context(), address)))
		wantCode(t, "UpdateClaim", errorOf(store.UpdateClaim(t.Context(), address, before)), problem.Conflict)
		wantCode(t, "Release", store.Release(t.Context(), address, before), problem.Conflict)
		mend()
		after := must(store.ClaimOf(t.Context(), address))(t)
		after.Version = before.Version
		wantSame(t, "once it is mended", before, after)
	},

	"a claim for mails": func(t *testing.T, store Store, spoiler Spoiler) {
		address, owner := newAddress(t, "ana@contoso.com"), newID(t)
		claim, _ := mustClaim(t, store, address, owner, start)
		mails := request.Claim{State: request.ClaimMails, Owner: owner, MailedAt: stored, Mails: 1, Version: claim.Version}
		must(store.UpdateClaim(t.Context(), address, mails))(t)
		mend := spoiler.Claim(address)
		all(t, func(from request.Cursor) (request.Cursor, bool, error) {
			return store.ForgetOldMails(t.Context(), stored.Add(time.Hour), from, 10)
		})
		for _, which := range []request.Mails{{Address: address}, {Owner: owner}} {
			if n := must(store.ForgetMails(t.Context(), which, 10))(t); n != 0 {
				t.Errorf("%+v: %d are forgotten", which, n)
			}
		}
		mend()
		if n := must(store.ForgetMails(t.Context(), request.Mails{Owner: owner}, 10))(t); n != 1 {
			t.Errorf("%d are forgotten once it is mended", n)
		}
	},

	"the gate": func(t *testing.T, store Store, spoiler Spoiler) {
		before := must(store.SaveGate(t.Context(), request.Gate{Day: "2026-03-01", Sent: 3}))(t)
		mend := spoiler.Gate()
		unreadable(t, "Gate", errorOf(store.Gate(t.Context())))
		wantCode(t, "SaveGate of what was read before", errorOf(store.SaveGate(t.Context(), before)), problem.Conflict)
		wantCode(t, "SaveGate of a new one", errorOf(store.SaveGate(t.Context(), request.Gate{})), problem.Conflict)
		mend()
		after := must(store.Gate(t.Context()))(t)
		after.Version = before.Version
		wantSame(t, "once it is mended", before, after)
	},

	"the counters of a row": func(t *testing.T, store Store, spoiler Spoiler) {
		limits, holder, other := policy.Limits{Row: campaign, MaxGuests: 100}, newID(t), newID(t)
		take(t, store, limits, monday, holder, true)
		take(t, store, policy.Limits{Row: neighbour, MaxGuests: 1}, monday, holder, true)
		mend := spoiler.Counters(campaign)
		unreadable(t, "Used", errorOf(store.Used(t.Context(), campaign, monday)))
		unreadable(t, "Used of another day", errorOf(store.Used(t.Context(), campaign, tuesday)))
		for _, id := range []submission.ID{holder, other} {
			unreadable(t, "TakeSeat", errorOf(store.TakeSeat(t.Context(), limits, tuesday, id)))
		}
		unreadable(t, "ReleaseSeat", store.ReleaseSeat(t.Context(), campaign, holder))
		succeed(t, store.ReleaseSeat(t.Context(), campaign, other))
		wantHolds(t, store, holder, true)
		wantUsed(t, store, neighbour, monday, policy.Used{Guests: 1, Today: 1})
		mend()
		wantUsed(t, store, campaign, monday, policy.Used{Guests: 1, Today: 1})
	},

	"a seat": func(t *testing.T, store Store, spoiler Spoiler) {
		limits, holder, other := policy.Limits{Row: campaign, MaxGuests: 2}, newID(t), newID(t)
		take(t, store, limits, monday, holder, true)
		mend := spoiler.Seat(campaign, holder)
		for _, day := range []string{monday, tuesday} {
			unreadable(t, "TakeSeat", errorOf(store.TakeSeat(t.Context(), limits, day, holder)))
		}
		unreadable(t, "ReleaseSeat", store.ReleaseSeat(t.Context(), campaign, holder))
		wantHolds(t, store, holder, true)
		take(t, store, limits, monday, other, true)
		unreadable(t, "TakeSeat of a full row", errorOf(store.TakeSeat(t.Context(), limits, tuesday, holder)))
		succeed(t, store.ReleaseSeat(t.Context(), campaign, other))
		wantUsed(t, store, campaign, monday, policy.Used{Guests: 1, Today: 1})
		mend()
		take(t, store, limits, tuesday, holder, true)
		wantUsed(t, store, campaign, tuesday, policy.Used{Guests: 1, Today: 1})
	},
}
