package storetest

import (
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// fullMailbox returns a mailbox that has every field set, at the time.
func fullMailbox(at time.Time) request.Mailbox {
	mailbox := request.Mailbox{
		ProvedAt: at.Add(time.Second), StoppedAt: at.Add(2 * time.Second), SuppressedAt: at.Add(3 * time.Second),
		Changed: at.Add(4 * time.Second),
	}
	for i := range mailbox.Mailed {
		mailbox.Mailed[i] = at.Add(-time.Duration(i) * time.Minute)
	}
	for i := range mailbox.Codes {
		mailbox.Codes[i] = at.Add(-time.Duration(i) * time.Hour)
	}
	for i := range mailbox.Wished {
		mailbox.Wished[i] = at.Add(-time.Duration(i) * 24 * time.Hour)
	}
	return mailbox
}

var mailTests = map[string]func(*testing.T, Store){
	"nothing is known about a mailbox at first": func(t *testing.T, store Store) {
		wantSame(t, "Mailbox", request.Mailbox{}, must(store.Mailbox(t.Context(), newAddress(t, "ana@contoso.com")))(t))
	},

	"every field of a mailbox is kept": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		saved := must(store.SaveMailbox(t.Context(), address, fullMailbox(start)))(t)
		want := fullMailbox(stored)
		want.Version = saved.Version
		wantSame(t, "SaveMailbox", want, saved)
		wantSame(t, "Mailbox", want, must(store.Mailbox(t.Context(), address))(t))
		wantSame(t, "Mailbox of another", request.Mailbox{}, must(store.Mailbox(t.Context(), newAddress(t, "anna@contoso.com")))(t))
		emptied := must(store.SaveMailbox(t.Context(), address, request.Mailbox{Version: saved.Version}))(t)
		wantSame(t, "emptied", emptied, must(store.Mailbox(t.Context(), address))(t))
	},

	"a stale mailbox is not saved": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		first := must(store.SaveMailbox(t.Context(), address, request.Mailbox{Changed: start}))(t)
		must(store.SaveMailbox(t.Context(), address, first))(t)
		wantCode(t, "SaveMailbox of the older version", errorOf(store.SaveMailbox(t.Context(), address, first)), problem.Conflict)
		wantCode(t, "SaveMailbox without a version",
			errorOf(store.SaveMailbox(t.Context(), address, request.Mailbox{Changed: start})), problem.Conflict)
		for _, version := range foreignVersions {
			foreign := request.Mailbox{Changed: start, Version: version}
			wantCode(t, "SaveMailbox of "+version, errorOf(store.SaveMailbox(t.Context(), address, foreign)), problem.Conflict)
		}
	},

	"a proof changes nothing else, and a save that does not know it is stale": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		before := must(store.SaveMailbox(t.Context(), address, fullMailbox(start)))(t)
		later := start.Add(time.Hour)
		succeed(t, store.MarkProved(t.Context(), address, later))
		after := must(store.Mailbox(t.Context(), address))(t)
		want := before
		want.ProvedAt, want.Changed, want.Version = stored.Add(time.Hour), stored.Add(time.Hour), after.Version
		wantSame(t, "Mailbox", want, after)
		wantCode(t, "SaveMailbox", errorOf(store.SaveMailbox(t.Context(), address, before)), problem.Conflict)
	},

	"a mailbox about which nothing is known can be proved": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		succeed(t, store.MarkProved(t.Context(), address, start))
		mailbox := must(store.Mailbox(t.Context(), address))(t)
		wantSame(t, "Mailbox", request.Mailbox{ProvedAt: stored, Changed: stored, Version: mailbox.Version}, mailbox)
	},

	"a mailbox can be forgotten, with the claim left as it is": func(t *testing.T, store Store) {
		address := newAddress(t, "ana@contoso.com")
		claim, _ := mustClaim(t, store, address, newID(t), start)
		must(store.SaveMailbox(t.Context(), address, fullMailbox(start)))(t)
		for range 2 {
			succeed(t, store.DropMailbox(t.Context(), address))
		}
		wantSame(t, "Mailbox", request.Mailbox{}, must(store.Mailbox(t.Context(), address))(t))
		wantSame(t, "ClaimOf", claim, must(store.ClaimOf(t.Context(), address))(t))
	},

	"old mailboxes are forgotten page by page": func(t *testing.T, store Store) {
		limit := stored
		for i := range 7 {
			address := newAddress(t, string(rune('a'+i))+"@contoso.com")
			changed := limit.Add(-time.Microsecond)
			if i%3 == 0 {
				changed = limit
			}
			mustClaim(t, store, address, newID(t), start)
			must(store.SaveMailbox(t.Context(), address, request.Mailbox{Changed: changed}))(t)
		}
		all(t, func(from request.Cursor) (request.Cursor, bool, error) {
			return store.ForgetMailboxes(t.Context(), limit, from, 2)
		})
		for i := range 7 {
			address := newAddress(t, string(rune('a'+i))+"@contoso.com")
			left := must(store.Mailbox(t.Context(), address))(t)
			if stays := i%3 == 0; left.Changed.IsZero() == stays {
				t.Errorf("mailbox %d: stored %t, want %t", i, !left.Changed.IsZero(), stays)
			}
			if must(store.ClaimOf(t.Context(), address))(t).Owner == "" {
				t.Errorf("claim %d is gone", i)
			}
		}
	},

	"every field of the gate of mails is kept": func(t *testing.T, store Store) {
		wantSame(t, "before the first save", request.MailGate{}, must(store.MailGate(t.Context()))(t))
		full := request.MailGate{
			Minutes: []request.MailMinute{{Minute: 29_000_000, Mails: 3, Codes: 1}, {Minute: 29_000_001, Mails: 2, Notices: 1}},
			Hour:    483_333, Domains: map[string]int{"0123456789ab": 4},
			HeldUntil: start, Cause: request.MailForbidden, CauseAt: start.Add(time.Second),
			Failures: 3, Witness: "ba9876543210",
		}
		saved := must(store.SaveMailGate(t.Context(), full))(t)
		want := full
		want.HeldUntil, want.CauseAt, want.Version = stored, stored.Add(time.Second), saved.Version
		wantSame(t, "SaveMailGate", want, saved)
		wantSame(t, "MailGate", want, must(store.MailGate(t.Context()))(t))
		must(store.SaveMailGate(t.Context(), saved))(t)
		wantCode(t, "SaveMailGate of the older version", errorOf(store.SaveMailGate(t.Context(), saved)), problem.Conflict)
		wantCode(t, "SaveMailGate without a version", errorOf(store.SaveMailGate(t.Context(), full)), problem.Conflict)
	},

	"the first key of codes stays": func(t *testing.T, store Store) {
		keys := make([]request.ProofKey, callers)
		atOnce(func(caller int) {
			key, err := store.ProofKey(t.Context(), request.ProofKey{byte(caller + 1)})
			if err != nil {
				t.Error(err)
			}
			keys[caller] = key
		})
		for caller, key := range keys {
			if key != keys[0] {
				t.Errorf("caller %d got another key", caller)
			}
		}
		wantSame(t, "ProofKey", keys[0], must(store.ProofKey(t.Context(), request.ProofKey{99}))(t))
	},

	"a mailbox without an address is refused": func(t *testing.T, store Store) {
		none := request.Request{}.Submission.Email
		wantCode(t, "SaveMailbox", errorOf(store.SaveMailbox(t.Context(), none, request.Mailbox{})), problem.Internal)
		wantCode(t, "MarkProved", store.MarkProved(t.Context(), none, start), problem.Internal)
	},
}
