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

var claimTests = map[string]func(*testing.T, Store){
	"the mails of a claim are kept": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		claim, _ := mustClaim(t, store, address, newID(t), start)
		claim = must(claim.Sent("guest", request.OriginBrought, start))(t)
		claim.MailedAt, claim.Mails = start, 3
		claim.MailedBefore[0], claim.MailedBefore[1] = start.Add(-time.Hour), start.Add(-25*time.Hour)
		updated := must(store.UpdateClaim(t.Context(), address, claim))(t)
		claim.SentAt, claim.MailedAt, claim.Version = stored, stored, updated.Version
		claim.MailedBefore[0], claim.MailedBefore[1] = stored.Add(-time.Hour), stored.Add(-25*time.Hour)
		wantSame(t, "the updated claim", claim, updated)
		read, _ := mustClaim(t, store, address, newID(t), start)
		wantSame(t, "the claim", updated, read)
	},

	"the first caller owns the claim": func(t *testing.T, store Store) {
		address, first, second := newAddress(t, "ana@contoso.com"), newID(t), newID(t)
		claim, created := mustClaim(t, store, address, first, start)
		if !created || claim.Version == "" {
			t.Errorf("the first claim: created = %t, version = %q", created, claim.Version)
		}
		want := request.NewClaim(first, stored)
		want.Version = claim.Version
		wantSame(t, "the first claim", want, claim)
		for _, id := range []submission.ID{second, first} {
			claim, created = mustClaim(t, store, address, id, start.Add(time.Hour))
			if created {
				t.Errorf("a later claim by %s was created", id)
			}
			wantSame(t, "a later claim", want, claim)
		}
	},

	"a claim needs no intent": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		for range 2 {
			claim, _ := mustClaim(t, store, address, newID(t), time.Time{})
			if claim.State != request.ClaimReserved || !claim.IntentAt.IsZero() {
				t.Errorf("%s, the intent is of %s, want none", claim.State, claim.IntentAt)
			}
		}
	},

	"every address has a claim of its own": func(t *testing.T, store Store) {
		for _, text := range []string{"ana@contoso.com", "ana.a@contoso.com", "ana@sub.contoso.com", "an@contoso.com", "o'hara@contoso.com", "a_b-c@contoso.com"} {
			id := newID(t)
			claim, created := mustClaim(t, store, newAddress(t, text), id, start)
			if !created || claim.Owner != id {
				t.Errorf("the claim on %s: created = %t, owner %s, want %s", text, created, claim.Owner, id)
			}
		}
	},

	"the zero address is refused": func(t *testing.T, store Store) {
		_, _, err := store.Claim(t.Context(), submission.Address{}, request.NewClaim(newID(t), start))
		wantCode(t, "Claim", err, problem.Internal)
		other := request.NewClaim(newID(t), start)
		other.Version = "other"
		wantCode(t, "UpdateClaim", errorOf(store.UpdateClaim(t.Context(), submission.Address{}, other)), problem.Internal)
		wantCode(t, "Release", store.Release(t.Context(), submission.Address{}, other), problem.Internal)
		wantCode(t, "ClaimOf", errorOf(store.ClaimOf(t.Context(), submission.Address{})), problem.Internal)
	},

	"a malformed id is refused": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		for _, id := range malformedIDs {
			_, _, err := store.Claim(t.Context(), address, request.NewClaim(id, start))
			wantCode(t, fmt.Sprintf("Claim by %q", id), err, problem.NotFound)
		}
		claim, created := mustClaim(t, store, address, newID(t), start)
		if !created {
			t.Error("a refused claim was kept")
		}
		claim.Owner = "x"
		wantCode(t, "UpdateClaim", errorOf(store.UpdateClaim(t.Context(), address, claim)), problem.NotFound)
	},

	"an update replaces all of the claim": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		claim, _ := mustClaim(t, store, address, newID(t), start)
		for _, want := range []request.Claim{
			{State: request.ClaimSent, Owner: claim.Owner, SentAt: start.Add(time.Hour), GuestID: "guest", Origin: request.OriginFound},
			{State: request.ClaimReserved, Owner: newID(t)},
			{State: request.ClaimSending, Owner: newID(t), IntentAt: start},
			{State: request.ClaimMails, Owner: newID(t), MailedAt: start, Mails: 2},
		} {
			want.Version = claim.Version
			updated := must(store.UpdateClaim(t.Context(), address, want))(t)
			if updated.Version == claim.Version || updated.Version == "" {
				t.Errorf("version %q came after %q", updated.Version, claim.Version)
			}
			want.Version = updated.Version
			for _, at := range []*time.Time{&want.IntentAt, &want.SentAt, &want.MailedAt} {
				*at = at.UTC().Truncate(100 * time.Nanosecond)
			}
			wantSame(t, "UpdateClaim", want, updated)
			claim, _ = mustClaim(t, store, address, newID(t), start)
			wantSame(t, "Claim", want, claim)
			wantSame(t, "ClaimOf", want, must(store.ClaimOf(t.Context(), address))(t))
		}
	},

	"nobody owns a free address": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		wantSame(t, "ClaimOf", request.Claim{}, must(store.ClaimOf(t.Context(), address))(t))
		claim, _ := mustClaim(t, store, address, newID(t), start)
		wantSame(t, "ClaimOf", claim, must(store.ClaimOf(t.Context(), address))(t))
		succeed(t, store.Release(t.Context(), address, claim))
		wantSame(t, "ClaimOf", request.Claim{}, must(store.ClaimOf(t.Context(), address))(t))
	},

	"a claim that contradicts itself is refused": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		claim, _ := mustClaim(t, store, address, newID(t), start)
		for name, change := range map[string]func(*request.Claim){
			"a guest while sending": func(c *request.Claim) { c.GuestID = "guest" },
			"no intent":             func(c *request.Claim) { c.IntentAt = time.Time{} },
			"an unknown state":      func(c *request.Claim) { c.State = "lost" },
			"the state of none":     func(c *request.Claim) { c.State = request.ClaimFree },
			"mails without a mail":  func(c *request.Claim) { c.State, c.IntentAt = request.ClaimMails, time.Time{} },
			"sent to nobody":        func(c *request.Claim) { c.State, c.IntentAt = request.ClaimSent, time.Time{} },
		} {
			wrong := claim
			change(&wrong)
			wantCode(t, name, errorOf(store.UpdateClaim(t.Context(), address, wrong)), problem.Internal)
		}
		wantSame(t, "the claim", claim, must(store.ClaimOf(t.Context(), address))(t))
	},

	"an update needs the present version": func(t *testing.T, store Store) {
		address, other := newAddress(t, "ana@contoso.com"), newAddress(t, "bo@contoso.com")
		first, _ := mustClaim(t, store, address, newID(t), start)
		foreign, _ := mustClaim(t, store, other, newID(t), start)
		second := must(store.UpdateClaim(t.Context(), address, first))(t)
		for _, version := range append(foreignVersions, "", first.Version, foreign.Version) {
			changed := second
			changed.Version, changed.IntentAt = version, start.Add(time.Minute)
			wantCode(t, fmt.Sprintf("UpdateClaim of version %q", version), errorOf(store.UpdateClaim(t.Context(), address, changed)), problem.Conflict)
		}
		claim, _ := mustClaim(t, store, address, newID(t), start)
		wantSame(t, "the claim", second, claim)
	},

	"a released claim is not updated": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		claim, _ := mustClaim(t, store, address, newID(t), start)
		succeed(t, store.Release(t.Context(), address, claim))
		wantCode(t, "UpdateClaim", errorOf(store.UpdateClaim(t.Context(), address, claim)), problem.Conflict)
		next, created := mustClaim(t, store, address, newID(t), start)
		if !created {
			t.Error("the update brought the claim back")
		}
		// A new claim is another one, whatever its time and owner.
		wantCode(t, "UpdateClaim with the version of the former claim", errorOf(store.UpdateClaim(t.Context(), address, claim)), problem.Conflict)
		wantCode(t, "Release with the version of the former claim", store.Release(t.Context(), address, claim), problem.Conflict)
		again, _ := mustClaim(t, store, address, newID(t), start)
		wantSame(t, "the new claim", next, again)
	},

	"a released address is free": func(t *testing.T, store Store) {
		address, second := newAddress(t, "ana@contoso.com"), newID(t)
		claim, _ := mustClaim(t, store, address, newID(t), start)
		succeed(t, store.Release(t.Context(), address, claim))
		claim, created := mustClaim(t, store, address, second, start)
		if !created || claim.Owner != second {
			t.Errorf("created = %t, owner %s, want %s", created, claim.Owner, second)
		}
	},

	"a release needs the present version": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		first, _ := mustClaim(t, store, address, newID(t), start)
		second := must(store.UpdateClaim(t.Context(), address, first))(t)
		for _, version := range append(foreignVersions, "", first.Version) {
			stale := second
			stale.Version = version
			wantCode(t, fmt.Sprintf("Release of version %q", version), store.Release(t.Context(), address, stale), problem.Conflict)
		}
		claim, created := mustClaim(t, store, address, newID(t), start)
		if created {
			t.Error("the claim was released")
		}
		wantSame(t, "the claim", second, claim)
	},

	"releasing twice is not an error": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		claim, _ := mustClaim(t, store, address, newID(t), start)
		for range 2 {
			succeed(t, store.Release(t.Context(), address, claim))
		}
		for _, version := range append(foreignVersions, "") {
			succeed(t, store.Release(t.Context(), newAddress(t, "nobody@contoso.com"), request.Claim{Owner: newID(t), Version: version}))
		}
	},

	"concurrent claims have one owner": func(t *testing.T, store Store) {
		ids := make([]submission.ID, callers)
		for i := range ids {
			ids[i] = newID(t)
		}
		wantOneClaim(t, store, ids, time.Second)
	},

	"concurrent claims by one request create one": func(t *testing.T, store Store) {
		wantOneClaim(t, store, slices.Repeat([]submission.ID{newID(t)}, callers), 0)
	},

	"of concurrent updates and releases one wins": func(t *testing.T, store Store) {
		for round := range 5 {
			address := newAddress(t, fmt.Sprintf("ana%d@contoso.com", round))
			claim, _ := mustClaim(t, store, address, newID(t), start)
			updates := make([]error, callers)
			var released error
			atOnce(func(caller int) {
				if caller == 0 {
					released = store.Release(t.Context(), address, claim)
					return
				}
				changed := claim
				changed.Mails = caller
				_, updates[caller] = store.UpdateClaim(t.Context(), address, changed)
			})
			updates[0] = released
			winner := onlyWinner(t, updates)
			after, created := mustClaim(t, store, address, newID(t), start)
			if created != (winner == 0) || !created && after.Mails != winner {
				t.Errorf("caller %d won, and then created = %t, mails = %d", winner, created, after.Mails)
			}
		}
	},

	"nothing is claimed under a cancelled context": func(t *testing.T, store Store) {
		address, free := newAddress(t, "ana@contoso.com"), newAddress(t, "bo@contoso.com")
		claim, _ := mustClaim(t, store, address, newID(t), start)
		wantCode(t, "ClaimOf", errorOf(store.ClaimOf(ended(t), address)), problem.StorageUnavailable)
		_, created, err := store.Claim(ended(t), free, request.NewClaim(newID(t), start))
		wantCode(t, "Claim", err, problem.StorageUnavailable)
		if created {
			t.Error("Claim failed and says that it made the claim")
		}
		wantCode(t, "UpdateClaim", errorOf(store.UpdateClaim(ended(t), address, claim)), problem.StorageUnavailable)
		wantCode(t, "Release", store.Release(ended(t), address, claim), problem.StorageUnavailable)
		after, _ := mustClaim(t, store, address, newID(t), start)
		wantSame(t, "the claim", claim, after)
		_, created = mustClaim(t, store, free, newID(t), start)
		if !created {
			t.Error("the free address was claimed")
		}
	},
}

// wantOneClaim claims an address for each of the ids at once, with intents that differ by a step.
// It fails unless one call makes the claim and all return it.
func wantOneClaim(t *testing.T, store Store, ids []submission.ID, step time.Duration) {
	t.Helper()
	address := newAddress(t, "ana@contoso.com")
	claims, created, errs := make([]request.Claim, callers), make([]bool, callers), make([]error, callers)
	atOnce(func(caller int) {
		intentAt := start.Add(time.Duration(caller) * step)
		claims[caller], created[caller], errs[caller] = store.Claim(t.Context(), address, request.NewClaim(ids[caller], intentAt))
	})
	made := 0
	for i := range callers {
		succeed(t, errs[i])
		if created[i] {
			made++
			if claims[i].Owner != ids[i] {
				t.Errorf("caller %d made the claim of another", i)
			}
		}
		wantSame(t, fmt.Sprintf("the claim that caller %d saw", i), claims[0], claims[i])
	}
	if made != 1 {
		t.Errorf("%d callers made the claim, want one", made)
	}
}
