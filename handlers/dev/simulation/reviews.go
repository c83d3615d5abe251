package simulation

import (
	"context"
	"time"

	"guestlist/handlers/problem"
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

// people are the users of the tenant who decide, as a worker sees them.
type people struct{ *run }

func (p people) Person(context.Context, string) (request.Person, error) {
	return request.Person{}, problem.New(problem.NotFound, "nobody decides yet")
}

func (p people) MemberOf(context.Context, string, []string) ([]string, error) { return nil, nil }

func (p people) Principals(context.Context, []string) (map[string]request.Principal, error) {
	return nil, nil
}

func (p people) Addressees(context.Context, []string, int) (request.Addressees, error) {
	return request.Addressees{}, nil
}
