package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/handlers/request"
)

// RunPoison tests that the stores which newStore returns keep the promises of invite.PoisonStore. Every call of newStore must return an empty
// store.
func RunPoison(t *testing.T, newStore func(t *testing.T) request.PoisonStore) {
	t.Run("what is kept can be read, and the same message is kept once", func(t *testing.T) {
		store := newStore(t)
		hostile := request.Poison{ID: "/\\#?' or 1 eq 1\n", At: start, Body: []byte("\x00\xff<script>"), Why: "no JSON"}
		plain := request.Poison{ID: "800ae4b3-0000-4000-8000-000000000001", At: start, Body: make([]byte, 64<<10), Why: "too long"}
		again := plain
		again.Why = "another reason"
		for _, poison := range []request.Poison{hostile, plain, again} {
			err := store.KeepPoison(t.Context(), poison)
			if err != nil {
				t.Fatal(err)
			}
		}
		kept, err := store.AllPoison(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		hostile.At, plain.At = stored, stored
		byID := cmpopts.SortSlices(func(a, b request.Poison) bool { return a.ID < b.ID })
		if diff := cmp.Diff([]request.Poison{hostile, plain}, kept, byID, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%.2000s", diff)
		}
		for _, id := range []string{hostile.ID, hostile.ID, "never kept"} {
			must(t, store.DropPoison(t.Context(), id))
		}
		kept, err = store.AllPoison(t.Context())
		must(t, err)
		if len(kept) != 1 || kept[0].ID != plain.ID {
			t.Errorf("%d messages are left after one was dropped", len(kept))
		}
	})
}
