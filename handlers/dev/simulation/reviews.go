package simulation

import (
	"context"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// The index of what waits for people.

func (s store) ListReview(_ context.Context, entry request.WaitingReview) error {
	return s.do("ListReview", func() error { return s.memory.ListReview(s.context, entry) })
}

func (s store) UnlistReview(_ context.Context, id submission.ID, since time.Time) error {
	by := s.current
	return s.do("UnlistReview", func() error {
		if by.upkeep != nil {
			s.unlisted[id] = s.happenings
		}
		return s.memory.UnlistReview(s.context, id, since)
	})
}

func (s store) WaitingReviews(_ context.Context, after, last submission.ID, limit int) ([]request.WaitingReview, error) {
	return get(s, "WaitingReviews", func() ([]request.WaitingReview, error) {
		return s.memory.WaitingReviews(s.context, after, last, limit)
	})
}

func (s store) ScanNaming(ctx context.Context, cursor string) (rows []policy.Raw, next string, err error) {
	rows, err = get(s, "ScanNaming", func() ([]policy.Raw, error) {
		var page []policy.Raw
		page, next, err = s.memory.ScanNaming(ctx, cursor)
		return page, err
	})
	return rows, next, err
}

func (s store) GroupNames(ctx context.Context, first, last string, limit int) ([]request.GroupName, error) {
	return get(s, "GroupNames", func() ([]request.GroupName, error) { return s.memory.GroupNames(ctx, first, last, limit) })
}

func (s store) KeepGroupNames(_ context.Context, entries []request.GroupName) error {
	return s.do("KeepGroupNames", func() error { return s.memory.KeepGroupNames(s.context, entries) })
}

func (s store) DropGroupNames(_ context.Context, ids []string) error {
	return s.do("DropGroupNames", func() error { return s.memory.DropGroupNames(s.context, ids) })
}

func (s store) GroupNameRound(ctx context.Context) (request.GroupNameRound, error) {
	return get(s, "GroupNameRound", func() (request.GroupNameRound, error) { return s.memory.GroupNameRound(ctx) })
}

func (s store) SaveGroupNameRound(_ context.Context, round request.GroupNameRound) error {
	return s.do("SaveGroupNameRound", func() error { return s.memory.SaveGroupNameRound(s.context, round) })
}
