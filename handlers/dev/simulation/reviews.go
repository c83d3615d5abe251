package simulation

import (
	"context"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// The index of what waits for people.

func (s store) ListReview(_ context.Context, entry request.WaitingReview) error {
	return s.do("ListReview", func() error { return s.memory.ListReview(s.context, entry) })
}

func (s store) UnlistReview(_ context.Context, id submission.ID, since time.Time) error {
	return s.do("UnlistReview", func() error { return s.memory.UnlistReview(s.context, id, since) })
}

func (s store) WaitingReviews(_ context.Context, after, last submission.ID, limit int) ([]request.WaitingReview, error) {
	return get(s, "WaitingReviews", func() ([]request.WaitingReview, error) {
		return s.memory.WaitingReviews(s.context, after, last, limit)
	})
}
