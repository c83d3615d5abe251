package storetest

import (
	"slices"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// review returns an entry with every field set.
func review(id submission.ID) request.WaitingReview {
	return request.WaitingReview{
		ID: id, Stage: 2, Since: stored, Deadline: stored.AddDate(0, 0, 14),
		Deciders: []string{"22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"},
		Domain:   "contoso.com", Row: policy.RowKey{Partition: "contoso.com", Name: `it's "one"`},
	}
}

// wantReviews checks which entries there are.
func wantReviews(t *testing.T, store Store, want ...request.WaitingReview) {
	t.Helper()
	got := must(store.WaitingReviews(t.Context(), "", "", 1000))(t)
	wantSame(t, "what waits for people", want, got)
}

var reviewTests = map[string]func(*testing.T, Store){
	"an empty store has nothing that waits for people": func(t *testing.T, store Store) { wantReviews(t, store) },

	"an entry comes back as it was written": func(t *testing.T, store Store) {
		full, bare := review(newID(t)), request.WaitingReview{ID: newID(t), Stage: 1, Since: start}
		succeed(t, store.ListReview(t.Context(), full))
		succeed(t, store.ListReview(t.Context(), bare))
		bare.Since = stored
		want := []request.WaitingReview{full, bare}
		slices.SortFunc(want, func(a, b request.WaitingReview) int { return len(a.Domain) - len(b.Domain) })
		if full.ID < bare.ID {
			slices.Reverse(want)
		}
		wantReviews(t, store, want...)
	},

	"a later stage replaces an earlier one": func(t *testing.T, store Store) {
		entry := review(newID(t))
		succeed(t, store.ListReview(t.Context(), entry))
		entry = request.WaitingReview{ID: entry.ID, Stage: 1, Since: stored.Add(time.Hour), Domain: "fabrikam.com"}
		succeed(t, store.ListReview(t.Context(), entry))
		wantReviews(t, store, entry)
	},

	"an entry of another time stays": func(t *testing.T, store Store) {
		entry := review(newID(t))
		succeed(t, store.ListReview(t.Context(), entry))
		succeed(t, store.UnlistReview(t.Context(), entry.ID, stored.Add(request.Tick)))
		succeed(t, store.UnlistReview(t.Context(), newID(t), stored))
		wantReviews(t, store, entry)
		succeed(t, store.UnlistReview(t.Context(), entry.ID, start)) // the same in ticks
		wantReviews(t, store)
		succeed(t, store.UnlistReview(t.Context(), entry.ID, start))
	},

	"entries come by id, a page at a time": func(t *testing.T, store Store) {
		var ids []submission.ID
		for range 7 {
			ids = append(ids, newID(t))
			succeed(t, store.ListReview(t.Context(), review(ids[len(ids)-1])))
		}
		slices.Sort(ids)
		tests := map[string]struct {
			after, last submission.ID
			limit       int
			want        []submission.ID
		}{
			"all":                  {"", "", 10, ids},
			"none":                 {"", "", 0, nil},
			"the first":            {"", "", 3, ids[:3]},
			"those after":          {ids[2], "", 3, ids[3:6]},
			"those up to":          {"", ids[4], 10, ids[:5]},
			"those between":        {ids[1], ids[4], 10, ids[2:5]},
			"after the last":       {ids[6], "", 10, nil},
			"between the same":     {ids[3], ids[3], 10, nil},
			"from a foreign place": {"0", "", 10, ids},
		}
		for name, test := range tests {
			var got []submission.ID
			for _, entry := range must(store.WaitingReviews(t.Context(), test.after, test.last, test.limit))(t) {
				got = append(got, entry.ID)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: got %v, want %v", name, got, test.want)
			}
		}
	},
}
