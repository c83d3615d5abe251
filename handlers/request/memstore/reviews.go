package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// ListReview implements [request.Reviews].
func (s *Store) ListReview(ctx context.Context, entry request.WaitingReview) error {
	toTicks(&entry.Since, &entry.Deadline)
	entry.Deciders = slices.Clone(entry.Deciders)
	return s.do(ctx, "ListReview", func() error {
		s.reviews[entry.ID] = entry
		return nil
	})
}

// UnlistReview implements [request.Reviews].
func (s *Store) UnlistReview(ctx context.Context, id submission.ID, since time.Time) error {
	toTicks(&since)
	return s.do(ctx, "UnlistReview", func() error {
		if entry, listed := s.reviews[id]; listed && entry.Since.Equal(since) {
			delete(s.reviews, id)
		}
		return nil
	})
}

// WaitingReviews implements [request.Reviews].
func (s *Store) WaitingReviews(ctx context.Context, after, last submission.ID, limit int) ([]request.WaitingReview, error) {
	return get(ctx, s, "WaitingReviews", func() ([]request.WaitingReview, error) {
		var entries []request.WaitingReview
		for _, id := range slices.Sorted(maps.Keys(s.reviews)) {
			if id <= after || last != "" && id > last || len(entries) >= limit {
				continue
			}
			entry := s.reviews[id]
			entry.Deciders = slices.Clone(entry.Deciders)
			entries = append(entries, entry)
		}
		return entries, nil
	})
}
