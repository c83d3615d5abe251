package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

var states = request.States()

var requestTests = map[string]func(*testing.T, Store){
	"an unknown request is not found": func(t *testing.T, store Store) {
		wantCode(t, "Load", errorOf(store.Load(t.Context(), newID(t))), problem.NotFound)
		wantSame(t, "History", []request.Event(nil), must(store.History(t.Context(), newID(t)))(t))
	},

	"a malformed id is not found": func(t *testing.T, store Store) {
		must(store.Save(t.Context(), fullRequest(t), event("received")))(t)
		for _, id := range malformedIDs {
			wantCode(t, fmt.Sprintf("Load(%q)", id), errorOf(store.Load(t.Context(), id)), problem.NotFound)
			record := request.Request{ID: id, State: request.Received}
			wantCode(t, fmt.Sprintf("Save(%q)", id), errorOf(store.Save(t.Context(), record, nil)), problem.NotFound)
			wantSame(t, fmt.Sprintf("History(%q)", id), []request.Event(nil), must(store.History(t.Context(), id))(t))
		}
	},

	"every field is kept": func(t *testing.T, store Store) {
		record := fullRequest(t)
		want := asStored(record)
		saved := must(store.Save(t.Context(), record, []request.Event{{At: start, State: request.Granting, What: "invited", Detail: "done", By: "Ann"}}))(t)
		if saved.Version == "" {
			t.Error("Save returned no version")
		}
		want.Version, want.Events = saved.Version, 1
		wantSame(t, "Save", want, saved)
		loaded := must(store.Load(t.Context(), record.ID))(t)
		wantSame(t, "Load", want, loaded)
		if loaded.Created.Location() != time.UTC {
			t.Errorf("a time came back in %s, want UTC", loaded.Created.Location())
		}
		events := must(store.History(t.Context(), record.ID))(t)
		wantSame(t, "History", []request.Event{{At: stored, State: request.Granting, What: "invited", Detail: "done", By: "Ann"}}, events)
	},

	"emptied fields stay empty": func(t *testing.T, store Store) {
		full := must(store.Save(t.Context(), fullRequest(t), nil))(t)
		want := request.Request{ID: full.ID, State: request.Review, Version: full.Version}
		saved := must(store.Save(t.Context(), want, nil))(t)
		want.Version = saved.Version
		wantSame(t, "Load", want, must(store.Load(t.Context(), full.ID))(t))
	},

	"only known states are kept": func(t *testing.T, store Store) {
		for _, state := range states {
			record := request.Request{ID: newID(t), State: state}
			must(store.Save(t.Context(), record, nil))(t)
			loaded := must(store.Load(t.Context(), record.ID))(t)
			if loaded.State != state {
				t.Errorf("saved %q, loaded %q", state, loaded.State)
			}
		}
		for _, state := range []request.State{"", "Done", "unheard-of"} {
			record := request.Request{ID: newID(t), State: state}
			wantCode(t, fmt.Sprintf("Save in state %q", state), errorOf(store.Save(t.Context(), record, nil)), problem.Internal)
			wantCode(t, fmt.Sprintf("Load after a Save in state %q", state), errorOf(store.Load(t.Context(), record.ID)), problem.NotFound)
		}
	},

	"random requests are kept": func(t *testing.T, store Store) {
		text := rapid.StringN(0, 40, -1)
		rapid.Check(t, func(rt *rapid.T) {
			record := request.Request{
				ID: newID(t),
				Submission: submission.Submission{
					GivenName: text.Draw(rt, "given"), FamilyName: text.Draw(rt, "family"), Company: text.Draw(rt, "company"),
					Country: text.Draw(rt, "country"), Reason: text.Draw(rt, "reason"), Language: text.Draw(rt, "language"), SubmittedAt: drawTime(rt, "submitted"),
					Sponsor: rapid.SampledFrom([]submission.Address{{}, newAddress(t, "bob@wingtip.com")}).Draw(rt, "sponsor"),
					Consent: submission.Consent{Terms: text.Draw(rt, "terms"), At: drawTime(rt, "accepted"), Language: text.Draw(rt, "terms language")},
				},
				State:   rapid.SampledFrom(states).Draw(rt, "state"),
				Reason:  text.Draw(rt, "why"),
				GuestID: text.Draw(rt, "guest"),
				Attempt: rapid.IntRange(0, 1000).Draw(rt, "attempt"),
				Due:     drawTime(rt, "due"),
				Created: drawTime(rt, "created"),
				Changed: drawTime(rt, "changed"),
			}
			for range rapid.IntRange(0, 3).Draw(rt, "grants") {
				record.Grants = append(record.Grants, request.Grant{Group: text.Draw(rt, "group"), State: request.GrantPending, Note: text.Draw(rt, "note")})
			}
			if rapid.Bool().Draw(rt, "decided") {
				record.Decision = &policy.Decision{Action: policy.Deny, Reason: text.Draw(rt, "reason"), Looked: []policy.Look{{Why: text.Draw(rt, "look")}}}
			}
			saved := must(store.Save(t.Context(), record, nil))(rt)
			want := asStored(record)
			want.Version = saved.Version
			wantSame(rt, "Save", want, saved)
			wantSame(rt, "Load", want, must(store.Load(t.Context(), record.ID))(rt))
		})
	},

	"an existing request is not inserted again": func(t *testing.T, store Store) {
		first := must(store.Save(t.Context(), fullRequest(t), event("first")))(t)
		again := request.Request{ID: first.ID, State: request.Denied}
		wantCode(t, "the second insert", errorOf(store.Save(t.Context(), again, event("second"))), problem.Conflict)
		wantRecord(t, store, first, "first")
	},

	"a stale version is not saved": func(t *testing.T, store Store) {
		first := must(store.Save(t.Context(), fullRequest(t), event("first")))(t)
		second := must(store.Save(t.Context(), first, event("second")))(t)
		first.State = request.Denied
		wantCode(t, "the stale Save", errorOf(store.Save(t.Context(), first, event("stale"))), problem.Conflict)
		wantCode(t, "the stale Save without events", errorOf(store.Save(t.Context(), first, nil)), problem.Conflict)
		wantRecord(t, store, second, "first", "second")
	},

	"an unknown version is not saved": func(t *testing.T, store Store) {
		first := must(store.Save(t.Context(), fullRequest(t), nil))(t)
		other := must(store.Save(t.Context(), fullRequest(t), nil))(t)
		for _, version := range append(foreignVersions, other.Version) {
			changed := first
			changed.State, changed.Version = request.Denied, version
			wantCode(t, fmt.Sprintf("Save of version %q", version), errorOf(store.Save(t.Context(), changed, event("foreign"))), problem.Conflict)
		}
		wantRecord(t, store, first)
	},

	"a version is refused for a request that is not stored": func(t *testing.T, store Store) {
		other := must(store.Save(t.Context(), fullRequest(t), nil))(t)
		record := fullRequest(t)
		record.Version = other.Version
		wantCode(t, "Save", errorOf(store.Save(t.Context(), record, event("first"))), problem.Conflict)
		wantCode(t, "Load", errorOf(store.Load(t.Context(), record.ID)), problem.NotFound)
		wantSame(t, "History", []request.Event(nil), must(store.History(t.Context(), record.ID))(t))
	},

	"a request without a history is forgotten": func(t *testing.T, store Store) {
		first := must(store.Save(t.Context(), request.Request{ID: newID(t), State: request.Void}, nil))(t)
		other := must(store.Save(t.Context(), request.Request{ID: newID(t), State: request.Void}, nil))(t)
		stale := first
		first = must(store.Save(t.Context(), first, nil))(t)
		wantCode(t, "forgetting a stale version", store.Forget(t.Context(), stale), problem.Conflict)
		wantRecord(t, store, first)
		succeed(t, store.Forget(t.Context(), first))
		wantCode(t, "Load", errorOf(store.Load(t.Context(), first.ID)), problem.NotFound)
		succeed(t, store.Forget(t.Context(), first))
		wantRecord(t, store, other)
		again := must(store.Save(t.Context(), request.Request{ID: first.ID, State: request.Received}, event("anew")))(t)
		wantRecord(t, store, again, "anew")
		wantCode(t, "forgetting a history", store.Forget(t.Context(), again), problem.Internal)
		wantRecord(t, store, again, "anew")
	},

	"a request that can be read is not erased as one that can't": func(t *testing.T, store Store) {
		first := must(store.Save(t.Context(), fullRequest(t), nil))(t)
		erasure := request.Erasure{Data: true, At: stored}
		wantCode(t, "EraseUnreadable", store.EraseUnreadable(t.Context(), first.ID, erasure), problem.Conflict)
		wantRecord(t, store, first)
		wantCode(t, "EraseUnreadable of none", store.EraseUnreadable(t.Context(), newID(t), erasure), problem.NotFound)
	},

	"every save makes a new version": func(t *testing.T, store Store) {
		record := fullRequest(t)
		seen := map[string]bool{}
		for range 5 {
			saved := must(store.Save(t.Context(), record, nil))(t)
			if seen[saved.Version] {
				t.Fatalf("version %q came twice", saved.Version)
			}
			seen[saved.Version] = true
			record = saved
		}
	},

	"history is kept in order": func(t *testing.T, store Store) {
		record := fullRequest(t)
		record.Events = 17 // the store counts by itself
		var want []request.Event
		for _, count := range []int{0, 1, 8, 3, 90, 2} { // past 9, past 99, and past a page of most lists
			var events []request.Event
			for range count {
				// Equal times, and times that go back: the order is that of saving.
				step := request.Event{At: stored.Add(-time.Duration(len(want)/2) * time.Second), State: request.Inviting, What: "step", Detail: fmt.Sprintf("number %d", len(want))}
				events, want = append(events, step), append(want, step)
			}
			saved := must(store.Save(t.Context(), record, events))(t)
			if saved.Events != len(want) {
				t.Errorf("Events = %d after %d events", saved.Events, len(want))
			}
			record = saved
		}
		wantSame(t, "History", want, must(store.History(t.Context(), record.ID))(t))
	},

	"requests have separate histories": func(t *testing.T, store Store) {
		one := must(store.Save(t.Context(), fullRequest(t), event("one")))(t)
		two := must(store.Save(t.Context(), fullRequest(t), event("two")))(t)
		wantRecord(t, store, one, "one")
		wantRecord(t, store, two, "two")
	},

	"of concurrent inserts one wins": func(t *testing.T, store Store) {
		id := newID(t)
		errs := make([]error, callers)
		atOnce(func(caller int) {
			record := request.Request{ID: id, State: request.Received, Attempt: caller}
			_, errs[caller] = store.Save(t.Context(), record, event(fmt.Sprint(caller)))
		})
		winner := onlyWinner(t, errs)
		loaded := must(store.Load(t.Context(), id))(t)
		if loaded.Attempt != winner {
			t.Errorf("caller %d won, the record is that of %d", winner, loaded.Attempt)
		}
		wantRecord(t, store, loaded, fmt.Sprint(winner))
	},

	"of concurrent saves of one version one wins": func(t *testing.T, store Store) {
		first := must(store.Save(t.Context(), fullRequest(t), event("first")))(t)
		errs, saved := make([]error, callers), make([]request.Request, callers)
		atOnce(func(caller int) {
			record := first
			record.Attempt = caller
			saved[caller], errs[caller] = store.Save(t.Context(), record, event(fmt.Sprint(caller)))
		})
		winner := onlyWinner(t, errs)
		wantRecord(t, store, saved[winner], "first", fmt.Sprint(winner))
	},

	"no concurrent save is lost that is retried after a conflict": func(t *testing.T, store Store) {
		record := fullRequest(t)
		record.Attempt = 0
		record = must(store.Save(t.Context(), record, nil))(t)
		atOnce(func(caller int) {
			for {
				loaded, err := store.Load(t.Context(), record.ID)
				if err != nil {
					t.Error(err)
					return
				}
				loaded.Attempt++
				_, err = store.Save(t.Context(), loaded, event(fmt.Sprint(loaded.Attempt)))
				if err == nil {
					return
				}
				if problem.CodeOf(err) != problem.Conflict {
					t.Error(err)
					return
				}
			}
		})
		loaded := must(store.Load(t.Context(), record.ID))(t)
		if loaded.Attempt != callers {
			t.Errorf("%d of %d saves are in the record", loaded.Attempt, callers)
		}
		var whats []string
		for i := range callers {
			whats = append(whats, fmt.Sprint(i+1))
		}
		wantRecord(t, store, loaded, whats...)
	},

	"callers share no memory with the store": func(t *testing.T, store Store) {
		record, events := fullRequest(t), event("first")
		want := asStored(fullRequest(t))
		want.ID, want.RepeatOf, want.Owed = record.ID, record.RepeatOf, record.Owed
		saved := must(store.Save(t.Context(), record, events))(t)
		want.Version, want.Events = saved.Version, saved.Events
		loaded := must(store.Load(t.Context(), record.ID))(t)
		for _, r := range []request.Request{record, saved, loaded} {
			r.Grants[0].State = request.GrantFailed
			r.Decision.Action = policy.Deny
			r.Decision.Terms.Groups[0] = "changed"
			r.Decision.Row.Columns["Action"] = "changed"
			r.Decision.Looked[0].Why = "changed"
		}
		events[0].What = "changed"
		history := must(store.History(t.Context(), record.ID))(t)
		if len(history) == 1 {
			history[0].What = "changed"
		}
		wantRecord(t, store, want, "first")
	},

	"nothing is written under a cancelled context": func(t *testing.T, store Store) {
		first := must(store.Save(t.Context(), fullRequest(t), event("first")))(t)
		changed := first
		changed.State = request.Denied
		wantCode(t, "Save", errorOf(store.Save(ended(t), changed, event("second"))), problem.StorageUnavailable)
		wantCode(t, "Load", errorOf(store.Load(ended(t), first.ID)), problem.StorageUnavailable)
		wantCode(t, "History", errorOf(store.History(ended(t), first.ID)), problem.StorageUnavailable)
		wantRecord(t, store, first, "first")
	},

	"errors have no personal data": func(t *testing.T, store Store) {
		first := must(store.Save(t.Context(), fullRequest(t), nil))(t)
		first.Version = "other"
		_, conflict := store.Save(t.Context(), first, nil)
		first.State = "unheard-of"
		_, refused := store.Save(t.Context(), first, nil)
		_, over := store.Save(ended(t), first, nil)
		for _, err := range []error{conflict, refused, over} {
			for _, secret := range []string{"ana", "Ana", "O'Hara", "line one"} {
				if err == nil || strings.Contains(err.Error(), secret) {
					t.Errorf("want an error without %q: %v", secret, err)
				}
			}
		}
	},
}

// wantRecord fails if want is not what is stored, or if whats does not name its events.
func wantRecord(t testing.TB, store Store, want request.Request, whats ...string) {
	t.Helper()
	wantSame(t, "the record", want, must(store.Load(t.Context(), want.ID))(t))
	events := must(store.History(t.Context(), want.ID))(t)
	var got []string
	for _, event := range events {
		got = append(got, event.What)
	}
	if !slices.Equal(got, whats) {
		t.Errorf("the history is %q, want %q", got, whats)
	}
}

// onlyWinner returns which call succeeded. It fails if that is not exactly one, or if another error
// is not a Conflict.
func onlyWinner(t testing.TB, errs []error) int {
	t.Helper()
	var winners []int
	for i, err := range errs {
		if err == nil {
			winners = append(winners, i)
			continue
		}
		wantCode(t, fmt.Sprintf("caller %d", i), err, problem.Conflict)
	}
	if len(winners) != 1 {
		t.Fatalf("%d callers won (%v), want one", len(winners), winners)
	}
	return winners[0]
}

// drawTime draws the zero time, or one between the years 1970 and 2200.
func drawTime(t *rapid.T, label string) time.Time {
	if rapid.Bool().Draw(t, label+" is zero") {
		return time.Time{}
	}
	return time.Unix(rapid.Int64Range(0, 7_258_118_400).Draw(t, label), rapid.Int64Range(0, 999_999_999).Draw(t, label+" nanoseconds"))
}
