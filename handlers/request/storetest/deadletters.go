package storetest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

var deadLetterTests = map[string]func(*testing.T, Store){
	"old ones are forgotten": func(t *testing.T, store Store) {
		for i := range 5 {
			succeed(t, store.KeepDeadLetter(t.Context(), request.DeadLetter{
				ID: string(rune('a' + i)), At: start.Add(time.Duration(i) * time.Hour), Why: "no JSON",
			}))
		}
		all(t, func(from request.Cursor) (request.Cursor, bool, error) {
			return store.ForgetDeadLetters(t.Context(), stored.Add(3*time.Hour), from, 1)
		})
		kept := must(store.AllDeadLetters(t.Context()))(t)
		slices.SortFunc(kept, func(a, b request.DeadLetter) int { return cmp.Compare(a.ID, b.ID) })
		if len(kept) != 2 || kept[0].ID != "d" || kept[1].ID != "e" {
			t.Errorf("left are %+v", kept)
		}
	},

	"a message is kept once and dropped by its id": func(t *testing.T, store Store) {
		hostile := request.DeadLetter{
			ID: "/\\#?' or 1 eq 1\n", Queue: request.DecisionsQueue, At: start, Body: []byte("\x00\xff<script>"), Why: "no JSON",
		}
		plain := request.DeadLetter{ID: "800ae4b3-0000-4000-8000-000000000001", At: start, Body: make([]byte, 64<<10), Why: "too long"}
		again := plain
		again.Why = "another reason"
		for _, letter := range []request.DeadLetter{hostile, plain, again} {
			succeed(t, store.KeepDeadLetter(t.Context(), letter))
		}
		kept := must(store.AllDeadLetters(t.Context()))(t)
		hostile.At, plain.At = stored, stored
		slices.SortFunc(kept, func(a, b request.DeadLetter) int { return cmp.Compare(a.ID, b.ID) })
		for i := range kept {
			kept[i].Version = ""
		}
		wantSame(t, "AllDeadLetters", []request.DeadLetter{hostile, plain}, kept)
		for _, id := range []string{hostile.ID, hostile.ID, "never kept"} {
			succeed(t, store.DropDeadLetter(t.Context(), id, ""))
		}
		kept = must(store.AllDeadLetters(t.Context()))(t)
		if len(kept) != 1 || kept[0].ID != plain.ID {
			t.Errorf("%d messages are left after one was dropped", len(kept))
		}
	},

	"a message that is kept again stays for whoever knew it before": func(t *testing.T, store Store) {
		letter := request.DeadLetter{ID: "a", Queue: "signups", At: start, Body: []byte("a sign-up"), Why: "first"}
		only := func() request.DeadLetter {
			t.Helper()
			kept := must(store.AllDeadLetters(t.Context()))(t)
			if len(kept) != 1 {
				t.Fatalf("%d messages are kept, want 1", len(kept))
			}
			return kept[0]
		}
		succeed(t, store.KeepDeadLetter(t.Context(), letter))
		first := only()
		again := letter
		again.At, again.Body, again.Why = start.Add(time.Hour), []byte("another body with its id"), "second"
		succeed(t, store.KeepDeadLetter(t.Context(), again))
		wantCode(t, "dropping it as it was", store.DropDeadLetter(t.Context(), letter.ID, first.Version), problem.Conflict)
		second := only()
		if second.Version == first.Version || !second.At.Equal(stored.Add(time.Hour)) || string(second.Body) != "a sign-up" {
			t.Errorf("kept again, it is %+v after %+v", second, first)
		}
		succeed(t, store.DropDeadLetter(t.Context(), letter.ID, second.Version))
		succeed(t, store.DropDeadLetter(t.Context(), letter.ID, second.Version))
		succeed(t, store.KeepDeadLetter(t.Context(), letter))
		wantCode(t, "dropping a new one as it was", store.DropDeadLetter(t.Context(), letter.ID, second.Version), problem.Conflict)
		only()
	},
}
