package memstore

import (
	"context"
	"slices"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Expired is invite.Records'. The ids are those of the oldest submissions.
func (s *Store) Expired(ctx context.Context, before time.Time, limit int) ([]submission.ID, error) {
	finished := []request.State{request.Done, request.Denied, request.Failed, request.Cancelled}
	var ids []submission.ID
	err := s.do(ctx, "Expired", func() error {
		for id, stored := range s.requests {
			r := stored.request
			if slices.Contains(finished, r.State) && r.Changed.Before(before) && r.Submission.Email != (submission.Address{}) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		ids = slices.Clone(ids[:min(max(limit, 0), len(ids))])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// Standing is invite.Records'.
func (s *Store) Standing(ctx context.Context, before map[request.State]time.Time) (map[request.State]request.Standing, error) {
	standing := map[request.State]request.Standing{}
	err := s.do(ctx, "Standing", func() error {
		for id, stored := range s.requests {
			state := stored.request.State
			limit, asked := before[state]
			if !asked || stored.request.Since.IsZero() || !stored.request.Since.Before(limit) {
				continue
			}
			found := standing[state]
			if found.Requests == 0 || id < found.Oldest {
				found.Oldest = id
			}
			found.Requests++
			standing[state] = found
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return standing, nil
}

// ForgetMails is invite.Records'.
func (s *Store) ForgetMails(ctx context.Context, which request.Mails, limit int) (int, error) {
	forgotten := 0
	err := s.do(ctx, "ForgetMails", func() error {
		for address, claim := range s.claims {
			if forgotten < limit && which.Fit(address, claim) {
				delete(s.claims, address)
				forgotten++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return forgotten, nil
}
