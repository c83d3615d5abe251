package memstore

import (
	"context"
	"slices"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Expired implements [request.Records].
func (s *Store) Expired(ctx context.Context, before time.Time, limit int) ([]submission.ID, error) {
	return get(ctx, s, "Expired", func() ([]submission.ID, error) {
		var ids []submission.ID
		for id, r := range s.requests {
			if r.State.Finished() && r.Changed.Before(before) && r.Submission.Email != (submission.Address{}) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return atMost(limit, ids), nil
	})
}

// Standing implements [request.Records].
func (s *Store) Standing(ctx context.Context, before map[request.State]time.Time) (map[request.State]request.Standing, error) {
	return get(ctx, s, "Standing", func() (map[request.State]request.Standing, error) {
		standing := map[request.State]request.Standing{}
		for id, r := range s.requests {
			limit, asked := before[r.State]
			if !asked || r.Since.IsZero() || !r.Since.Before(limit) {
				continue
			}
			found := standing[r.State]
			if found.Requests == 0 || id < found.Oldest {
				found.Oldest = id
			}
			found.Requests++
			standing[r.State] = found
		}
		return standing, nil
	})
}

// ForgetMails implements [request.Records].
func (s *Store) ForgetMails(ctx context.Context, which request.Mails, limit int) (int, error) {
	return get(ctx, s, "ForgetMails", func() (int, error) {
		forgotten := 0
		for address, claim := range s.claims {
			if forgotten < limit && which.Fit(address, claim) {
				delete(s.claims, address)
				forgotten++
			}
		}
		return forgotten, nil
	})
}
