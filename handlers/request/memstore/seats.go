package memstore

import (
	"context"
	"fmt"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// Used is invite.Seats'.
func (s *Store) Used(ctx context.Context, row policy.RowKey, day string) (policy.Used, error) {
	var used policy.Used
	err := s.do(ctx, "Used", func() error {
		used = s.used(row, day)
		return nil
	})
	if err != nil {
		return policy.Used{}, err
	}
	return used, nil
}

// used counts the seats. It must be called with the mutex held.
func (s *Store) used(row policy.RowKey, day string) policy.Used {
	used := policy.Used{Guests: len(s.seats[row])}
	for _, taken := range s.seats[row] {
		if taken == day {
			used.Today++
		}
	}
	return used
}

// TakeSeat is invite.Seats'.
func (s *Store) TakeSeat(ctx context.Context, limits policy.Limits, day string, id submission.ID) (bool, error) {
	_, err := submission.ParseID(string(id))
	if err != nil {
		return false, fmt.Errorf("taking a seat: %w", err)
	}
	taken := false
	err = s.do(ctx, "TakeSeat", func() error {
		used := s.used(limits.Row, day)
		_, held := s.seats[limits.Row][id]
		full := limits.MaxGuests > 0 && used.Guests >= limits.MaxGuests || limits.MaxPerDay > 0 && used.Today >= limits.MaxPerDay
		taken = held || !full
		if taken && !held {
			if s.seats[limits.Row] == nil {
				s.seats[limits.Row] = map[submission.ID]string{}
			}
			s.seats[limits.Row][id] = day
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	return taken, nil
}

// ReleaseSeat is invite.Seats'.
func (s *Store) ReleaseSeat(ctx context.Context, row policy.RowKey, id submission.ID) error {
	return s.do(ctx, "ReleaseSeat", func() error {
		delete(s.seats[row], id)
		return nil
	})
}
