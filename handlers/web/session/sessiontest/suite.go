package sessiontest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/session"
)

// end is when the sessions of the suite end: finer than a store can hold, and not in UTC.
var end = time.Date(2026, time.March, 1, 12, 30, 15, 123456789, time.FixedZone("", 2*60*60))

// person is who is signed in.
const person = "cccccccc-0000-4000-8000-00000000000a"

// full returns a session that has every field set.
func full() session.Session {
	return session.Session{
		Person: person, Name: "ana.o'hara@contoso.com 會社 🏢", Guest: true,
		Roles:       []session.Role{session.Reviewer, session.Auditor},
		Groups:      []string{"aaaaaaaa-0000-4000-8000-00000000000a", "ffffffff-ffff-4fff-bfff-ffffffffffff"},
		GroupsKnown: true, Until: end,
	}
}

// key returns the n-th key.
func key(n int) session.Key { return sha256.Sum256([]byte(fmt.Sprint(n))) }

// tests are the tests of the suite. Each gets an empty store.
var tests = map[string]func(*testing.T, session.Store){
	"a session is loaded as it was saved": func(t *testing.T, store session.Store) {
		for name, change := range map[string]func(*session.Session){
			"with everything":     func(*session.Session) {},
			"without roles":       func(s *session.Session) { s.Roles = nil },
			"without a name":      func(s *session.Session) { s.Name = "" },
			"in no group":         func(s *session.Session) { s.Groups = nil },
			"groups not known":    func(s *session.Session) { s.Groups, s.GroupsKnown = nil, false },
			"of a member":         func(s *session.Session) { s.Guest = false },
			"in many groups":      func(s *session.Session) { s.Groups = manyGroups(session.MaxGroups) },
			"with a long name":    func(s *session.Session) { s.Name = strings.Repeat("n", session.MaxName) },
			"that has ended":      func(s *session.Session) { s.Until = end.AddDate(-1, 0, 0) },
			"with all four roles": func(s *session.Session) { s.Roles = session.Roles() },
		} {
			want := full()
			change(&want)
			succeed(t, store.SaveSession(t.Context(), key(1), want))
			got, err := store.Session(t.Context(), key(1))
			succeed(t, err)
			want.Until = want.Until.UTC().Truncate(100 * time.Nanosecond)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	},
	"a session is found by its own key only": func(t *testing.T, store session.Store) {
		wantCode(t, "in an empty store", load(t, store, 1), problem.NotFound)
		succeed(t, store.SaveSession(t.Context(), key(1), full()))
		wantCode(t, "by another key", load(t, store, 2), problem.NotFound)
		wantCode(t, "by its key", load(t, store, 1), "")
	},
	"what is changed after saving and loading is not stored": func(t *testing.T, store session.Store) {
		s := full()
		succeed(t, store.SaveSession(t.Context(), key(1), s))
		s.Groups[0], s.Roles[0] = "", ""
		loaded, err := store.Session(t.Context(), key(1))
		succeed(t, err)
		loaded.Groups[0], loaded.Roles[0] = "", ""
		again, err := store.Session(t.Context(), key(1))
		succeed(t, err)
		if again.Groups[0] == "" || again.Roles[0] == "" {
			t.Errorf("the stored session has changed: %+v", again)
		}
	},
	"an ended session is gone": func(t *testing.T, store session.Store) {
		succeed(t, store.SaveSession(t.Context(), key(1), full()))
		succeed(t, store.SaveSession(t.Context(), key(2), full()))
		succeed(t, store.EndSession(t.Context(), key(1)))
		wantCode(t, "the ended one", load(t, store, 1), problem.NotFound)
		wantCode(t, "the other one", load(t, store, 2), "")
		succeed(t, store.EndSession(t.Context(), key(1)))
		succeed(t, store.EndSession(t.Context(), key(3)))
	},
	"what can't be stored whole is refused": func(t *testing.T, store session.Store) {
		for name, change := range map[string]func(*session.Session){
			"nobody":                func(s *session.Session) { s.Person = "" },
			"no end":                func(s *session.Session) { s.Until = time.Time{} },
			"one group too many":    func(s *session.Session) { s.Groups = manyGroups(session.MaxGroups + 1) },
			"a group without an id": func(s *session.Session) { s.Groups = []string{"finance"} },
			"a group in capitals":   func(s *session.Session) { s.Groups = []string{strings.ToUpper(person)} },
			"a person by name":      func(s *session.Session) { s.Person = "ana@contoso.com" },
		} {
			s := full()
			change(&s)
			err := store.SaveSession(t.Context(), key(1), s)
			wantCode(t, name, err, problem.Internal)
			if err != nil && (strings.Contains(err.Error(), "ana") || strings.Contains(err.Error(), "finance")) {
				t.Errorf("%s: the error quotes the session: %v", name, err)
			}
			wantCode(t, name, load(t, store, 1), problem.NotFound)
		}
	},
	"only what has ended is forgotten": func(t *testing.T, store session.Store) {
		end := end.Truncate(100 * time.Nanosecond)
		for n := range 3 {
			s := full()
			s.Until = end.Add(time.Duration(n) * time.Minute)
			succeed(t, store.SaveSession(t.Context(), key(n), s))
		}
		forget(t, store, end, 100)
		for n := range 3 {
			wantCode(t, "before the first has ended", load(t, store, n), "")
		}
		forget(t, store, end.Add(time.Minute), 100)
		wantCode(t, "the first", load(t, store, 0), problem.NotFound)
		wantCode(t, "the one that ends at that time", load(t, store, 1), "")
		forget(t, store, end.Add(time.Hour), 100)
		for n := range 3 {
			wantCode(t, "an hour later", load(t, store, n), problem.NotFound)
		}
		forget(t, store, end.Add(time.Hour), 100)
	},
	"a call forgets no more than it is asked to": func(t *testing.T, store session.Store) {
		const sessions, limit = 7, 2
		for n := range sessions {
			succeed(t, store.SaveSession(t.Context(), key(n), full()))
		}
		next, err := store.ForgetSessions(t.Context(), end.Add(time.Minute), "", limit)
		succeed(t, err)
		if left := count(t, store, sessions); left < sessions-limit || next == "" {
			t.Errorf("%d of %d are left, next %q", left, sessions, next)
		}
		forget(t, store, end.Add(time.Minute), limit)
		if left := count(t, store, sessions); left != 0 {
			t.Errorf("%d are left in the end", left)
		}
		succeed(t, store.SaveSession(t.Context(), key(0), full()))
		_, err = store.ForgetSessions(t.Context(), end.Add(time.Minute), "", 0)
		succeed(t, err)
		if left := count(t, store, sessions); left != 1 {
			t.Errorf("asked to forget none, it leaves %d", left)
		}
	},
	"a call that is given up says so": func(t *testing.T, store session.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, ofLoad := store.Session(ctx, key(1))
		_, ofForget := store.ForgetSessions(ctx, end, "", 10)
		for name, err := range map[string]error{
			"save": store.SaveSession(ctx, key(1), full()), "load": ofLoad, "end": store.EndSession(ctx, key(1)), "forget": ofForget,
		} {
			wantCode(t, name, err, problem.StorageUnavailable)
		}
	},
}

// Run runs the suite. Every call of newStore must return an empty store.
func Run(t *testing.T, newStore func(t *testing.T) session.Store) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
	}
}

// forget forgets to the end, limit at a time.
func forget(t *testing.T, store session.Store, before time.Time, limit int) {
	t.Helper()
	from := ""
	for range 20 {
		next, err := store.ForgetSessions(t.Context(), before, from, limit)
		succeed(t, err)
		if next == "" {
			return
		}
		from = next
	}
	t.Fatal("forgetting does not end")
}

// count returns how many of the first n sessions there are.
func count(t *testing.T, store session.Store, n int) (found int) {
	t.Helper()
	for i := range n {
		if load(t, store, i) == nil {
			found++
		}
	}
	return found
}

func load(t *testing.T, store session.Store, n int) error {
	t.Helper()
	_, err := store.Session(t.Context(), key(n))
	return err
}

func manyGroups(n int) []string {
	groups := make([]string, n)
	for i := range groups {
		groups[i] = fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012x", i)
	}
	return groups
}

func succeed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode fails if err is not an error of the code, "" for no error.
func wantCode(t *testing.T, what string, err error, want problem.Code) {
	t.Helper()
	if got := problem.CodeOf(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
}
