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
		_, err := store.Load(t.Context(), newID(t))
		wantCode(t, "Load", err, problem.NotFound)
		events := mustHistory(t, store, newID(t))
		wantSame(t, "History", []request.Event(nil), events)
	},

	"a malformed id is not found": func(t *testing.T, store Store) {
		mustSave(t, store, fullRequest(t), []request.Event{{At: start, What: "received"}})
		for _, id := range malformedIDs {
			_, err := store.Load(t.Context(), id)
			wantCode(t, fmt.Sprintf("Load(%q)", id), err, problem.NotFound)
			_, err = store.Save(t.Context(), request.Request{ID: id, State: request.Received}, nil)
			wantCode(t, fmt.Sprintf("Save(%q)", id), err, problem.NotFound)
			events := mustHistory(t, store, id)
			wantSame(t, fmt.Sprintf("History(%q)", id), []request.Event(nil), events)
		}
	},

	"every field is kept": func(t *testing.T, store Store) {
		record := fullRequest(t)
		want := asStored(record)
		saved := mustSave(t, store, record, []request.Event{{At: start, State: request.Granting, What: "invited", Detail: "done"}})
		if saved.Version == "" {
			t.Error("Save returned no version")
		}
		want.Version, want.Events = saved.Version, 1
		wantSame(t, "Save", want, saved)
		loaded := mustLoad(t, store, record.ID)
		wantSame(t, "Load", want, loaded)
		if loaded.Created.Location() != time.UTC {
			t.Errorf("a time came back in %s, want UTC", loaded.Created.Location())
		}
		events := mustHistory(t, store, record.ID)
		wantSame(t, "History", []request.Event{{At: stored, State: request.Granting, What: "invited", Detail: "done"}}, events)
	},

	"emptied fields stay empty": func(t *testing.T, store Store) {
		full := mustSave(t, store, fullRequest(t), nil)
		want := request.Request{ID: full.ID, State: request.Review, Version: full.Version}
		saved := mustSave(t, store, want, nil)
		want.Version = saved.Version
		loaded := mustLoad(t, store, full.ID)
		wantSame(t, "Load", want, loaded)
	},

	"only known states are kept": func(t *testing.T, store Store) {
		for _, state := range states {
			record := request.Request{ID: newID(t), State: state}
			mustSave(t, store, record, nil)
			loaded := mustLoad(t, store, record.ID)
			if loaded.State != state {
				t.Errorf("saved %q, loaded %q", state, loaded.State)
			}
		}
		for _, state := range []request.State{"", "Done", "unheard-of"} {
			record := request.Request{ID: newID(t), State: state}
			_, err := store.Save(t.Context(), record, nil)
			wantCode(t, fmt.Sprintf("Save in state %q", state), err, problem.Internal)
			_, err = store.Load(t.Context(), record.ID)
			wantCode(t, fmt.Sprintf("Load after a Save in state %q", state), err, problem.NotFound)
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
			saved, err := store.Save(t.Context(), record, nil)
			if err != nil {
				rt.Fatal(err)
			}
			want := asStored(record)
			want.Version = saved.Version
			wantSame(rt, "Save", want, saved)
			loaded, err := store.Load(t.Context(), record.ID)
			if err != nil {
				rt.Fatal(err)
			}
			wantSame(rt, "Load", want, loaded)
		})
	},

	"an existing request is not inserted again": func(t *testing.T, store Store) {
		first := mustSave(t, store, fullRequest(t), []request.Event{{At: start, What: "first"}})
		_, err := store.Save(t.Context(), request.Request{ID: first.ID, State: request.Denied}, []request.Event{{At: start, What: "second"}})
		wantCode(t, "the second insert", err, problem.Conflict)
		wantRecord(t, store, first, "first")
	},

	"a stale version is not saved": func(t *testing.T, store Store) {
		first := mustSave(t, store, fullRequest(t), []request.Event{{At: start, What: "first"}})
		second := mustSave(t, store, first, []request.Event{{At: start, What: "second"}})
		first.State = request.Denied
		_, err := store.Save(t.Context(), first, []request.Event{{At: start, What: "stale"}})
		wantCode(t, "the stale Save", err, problem.Conflict)
		_, err = store.Save(t.Context(), first, nil)
		wantCode(t, "the stale Save without events", err, problem.Conflict)
		wantRecord(t, store, second, "first", "second")
	},

	"an unknown version is not saved": func(t *testing.T, store Store) {
		first := mustSave(t, store, fullRequest(t), nil)
		other := mustSave(t, store, fullRequest(t), nil)
		for _, version := range append(foreignVersions, other.Version) {
			changed := first
			changed.State, changed.Version = request.Denied, version
			_, err := store.Save(t.Context(), changed, []request.Event{{At: start, What: "foreign"}})
			wantCode(t, fmt.Sprintf("Save of version %q", version), err, problem.Conflict)
		}
		wantRecord(t, store, first)
	},

	"a version is refused for a request that is not stored": func(t *testing.T, store Store) {
		other := mustSave(t, store, fullRequest(t), nil)
		record := fullRequest(t)
		record.Version = other.Version
		_, err := store.Save(t.Context(), record, []request.Event{{At: start, What: "first"}})
		wantCode(t, "Save", err, problem.Conflict)
		_, err = store.Load(t.Context(), record.ID)
		wantCode(t, "Load", err, problem.NotFound)
		events := mustHistory(t, store, record.ID)
		wantSame(t, "History", []request.Event(nil), events)
	},

	"every save makes a new version": func(t *testing.T, store Store) {
		record := fullRequest(t)
		seen := map[string]bool{}
		for range 5 {
			saved := mustSave(t, store, record, nil)
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
				event := request.Event{At: stored.Add(-time.Duration(len(want)/2) * time.Second), State: request.Inviting, What: "step", Detail: fmt.Sprintf("number %d", len(want))}
				events, want = append(events, event), append(want, event)
			}
			saved := mustSave(t, store, record, events)
			if saved.Events != len(want) {
				t.Errorf("Events = %d after %d events", saved.Events, len(want))
			}
			record = saved
		}
		got := mustHistory(t, store, record.ID)
		wantSame(t, "History", want, got)
	},

	"requests have separate histories": func(t *testing.T, store Store) {
		one := mustSave(t, store, fullRequest(t), []request.Event{{At: start, What: "one"}})
		two := mustSave(t, store, fullRequest(t), []request.Event{{At: start, What: "two"}})
		wantRecord(t, store, one, "one")
		wantRecord(t, store, two, "two")
	},

	"of concurrent inserts one wins": func(t *testing.T, store Store) {
		id := newID(t)
		errs := make([]error, callers)
		atOnce(func(caller int) {
			record := request.Request{ID: id, State: request.Received, Attempt: caller}
			_, errs[caller] = store.Save(t.Context(), record, []request.Event{{At: start, What: fmt.Sprint(caller)}})
		})
		winner := onlyWinner(t, errs)
		loaded := mustLoad(t, store, id)
		if loaded.Attempt != winner {
			t.Errorf("caller %d won, the record is that of %d", winner, loaded.Attempt)
		}
		wantRecord(t, store, loaded, fmt.Sprint(winner))
	},

	"of concurrent saves of one version one wins": func(t *testing.T, store Store) {
		first := mustSave(t, store, fullRequest(t), []request.Event{{At: start, What: "first"}})
		errs, saved := make([]error, callers), make([]request.Request, callers)
		atOnce(func(caller int) {
			record := first
			record.Attempt = caller
			saved[caller], errs[caller] = store.Save(t.Context(), record, []request.Event{{At: start, What: fmt.Sprint(caller)}})
		})
		winner := onlyWinner(t, errs)
		wantRecord(t, store, saved[winner], "first", fmt.Sprint(winner))
	},

	"no concurrent save is lost that is retried after a conflict": func(t *testing.T, store Store) {
		record := fullRequest(t)
		record.Attempt = 0
		record = mustSave(t, store, record, nil)
		atOnce(func(caller int) {
			for {
				loaded, err := store.Load(t.Context(), record.ID)
				if err != nil {
					t.Error(err)
					return
				}
				loaded.Attempt++
				_, err = store.Save(t.Context(), loaded, []request.Event{{At: start, What: fmt.Sprint(loaded.Attempt)}})
				if err == nil {
					return
				}
				if problem.CodeOf(err) != problem.Conflict {
					t.Error(err)
					return
				}
			}
		})
		loaded := mustLoad(t, store, record.ID)
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
		record, events := fullRequest(t), []request.Event{{At: start, What: "first"}}
		want := asStored(fullRequest(t))
		want.ID, want.RepeatOf = record.ID, record.RepeatOf
		saved := mustSave(t, store, record, events)
		want.Version, want.Events = saved.Version, saved.Events
		loaded := mustLoad(t, store, record.ID)
		for _, r := range []request.Request{record, saved, loaded} {
			r.Grants[0].State = request.GrantFailed
			r.Decision.Action = policy.Deny
			r.Decision.Terms.Groups[0] = "changed"
			r.Decision.Row.Columns["Action"] = "changed"
			r.Decision.Looked[0].Why = "changed"
		}
		events[0].What = "changed"
		history := mustHistory(t, store, record.ID)
		if len(history) == 1 {
			history[0].What = "changed"
		}
		wantRecord(t, store, want, "first")
	},

	"nothing is written under a cancelled context": func(t *testing.T, store Store) {
		first := mustSave(t, store, fullRequest(t), []request.Event{{At: start, What: "first"}})
		changed := first
		changed.State = request.Denied
		_, err := store.Save(ended(t), changed, []request.Event{{At: start, What: "second"}})
		wantCode(t, "Save", err, problem.StorageUnavailable)
		_, err = store.Load(ended(t), first.ID)
		wantCode(t, "Load", err, problem.StorageUnavailable)
		_, err = store.History(ended(t), first.ID)
		wantCode(t, "History", err, problem.StorageUnavailable)
		wantRecord(t, store, first, "first")
	},

	"errors have no personal data": func(t *testing.T, store Store) {
		first := mustSave(t, store, fullRequest(t), nil)
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
	loaded := mustLoad(t, store, want.ID)
	wantSame(t, "the record", want, loaded)
	events := mustHistory(t, store, want.ID)
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
