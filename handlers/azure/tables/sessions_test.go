package tables

import (
	"strings"
	"testing"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/session"
	"guestlist/handlers/web/session/sessiontest"
)

func TestSessionsConform(t *testing.T) {
	sessiontest.Run(t, func(t *testing.T) session.Store { return newTestStore(t, nil) })
}

// TestUnreadableSessionIsNone changes columns of a stored session: nobody is signed in by what
// can't be read.
func TestUnreadableSessionIsNone(t *testing.T) {
	const person = "cccccccc-0000-4000-8000-00000000000a"
	tests := map[string]struct {
		column string
		value  any
	}{
		"without a person":                {personColumn, nil},
		"a person who is no object id":    {personColumn, "ana@contoso.com"},
		"without an end":                  {untilColumn, nil},
		"an end as a text":                {untilColumn, "2026-03-01T10:30:15Z"},
		"groups as a text":                {groupsColumn, person},
		"half a group":                    {groupsColumn, make([]byte, 24)},
		"without a word on groups":        {groupsKnownColumn, nil},
		"groups are known as a text":      {groupsKnownColumn, "true"},
		"without a word on being a guest": {guestColumn, nil},
		"a guest as a number":             {guestColumn, int32(0)},
		"roles as a number":               {"Roles", int32(1)},
	}
	store := newTestStore(t, nil)
	key := session.ID{1}.Key()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			must(0, store.SaveSession(t.Context(), key, session.Session{Person: person, GroupsKnown: true, Until: start}))(t)
			found := must(store.Session(t.Context(), key))(t)
			if found.Person != person {
				t.Fatalf("the session is of %q", found.Person)
			}
			stored := must(get(t.Context(), store.sessions, sessionPartition(key), sessionName))(t)
			stored.columns[test.column] = test.value
			if test.value == nil {
				delete(stored.columns, test.column)
			}
			must(replace(t.Context(), "writing a column", store.sessions, stored, stored.etag))(t)
			_, err := store.Session(t.Context(), key)
			wantCode(t, "Session", err, problem.RecordUnreadable)
			if err != nil && strings.Contains(err.Error(), "ana") {
				t.Errorf("the error quotes the session: %v", err)
			}
		})
	}
}

// TestSessionCostsOneCall counts the calls of a page that knows who is signed in.
func TestSessionCostsOneCall(t *testing.T) {
	count := new(counter)
	store := newTestStore(t, count)
	key := session.ID{1}.Key()
	person := session.Session{Person: "cccccccc-0000-4000-8000-00000000000a", Until: start}
	for name, call := range map[string]func() error{
		"SaveSession": func() error { return store.SaveSession(t.Context(), key, person) },
		"Session": func() error {
			_, err := store.Session(t.Context(), key)
			return err
		},
		"EndSession": func() error { return store.EndSession(t.Context(), session.ID{2}.Key()) },
	} {
		must(0, store.SaveSession(t.Context(), key, person))(t)
		before := count.calls.Load()
		must(0, call())(t)
		if calls := count.calls.Load() - before; calls != 1 {
			t.Errorf("%s costs %d calls", name, calls)
		}
	}
}
