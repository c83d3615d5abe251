package memstore

import (
	"context"
	"fmt"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// Used implements [request.Seats].
func (s *Store) Used(ctx context.Context, row policy.RowKey, day string) (policy.Used, error) {
	return get(ctx, s, "Used", func() (policy.Used, error) {
		return s.used(row, day), s.readable(Record{Seats: row})
	})
}

// used counts the seats. The caller holds s.mutex.
func (s *Store) used(row policy.RowKey, day string) policy.Used {
	used := policy.Used{Guests: len(s.seats[row])}
	for _, taken := range s.seats[row] {
		if taken == day {
			used.Today++
		}
	}
	return used
}

// TakeSeat implements [request.Seats].
func (s *Store) TakeSeat(ctx context.Context, limits policy.Limits, day string, id submission.ID) (bool, error) {
	_, err := submission.ParseID(string(id))
	if err != nil {
		return false, fmt.Errorf("taking a seat: %w", err)
	}
	return get(ctx, s, "TakeSeat", func() (bool, error) {
		err := s.readable(Record{Seats: limits.Row}, Record{Seats: limits.Row, Request: id})
		if err != nil {
			return false, err
		}
		used := s.used(limits.Row, day)
		before, held := s.seats[limits.Row][id]
		if held && before == day {
			return true, nil
		}
		rowFull := limits.MaxGuests > 0 && used.Guests >= limits.MaxGuests
		dayFull := limits.MaxPerDay > 0 && used.Today >= limits.MaxPerDay
		if rowFull && !held || dayFull {
			return false, nil
		}
		if s.seats[limits.Row] == nil {
			s.seats[limits.Row] = map[submission.ID]string{}
		}
		s.seats[limits.Row][id] = day
		return true, nil
	})
}

// HoldsSeat implements [request.Seats].
func (s *Store) HoldsSeat(ctx context.Context, row policy.RowKey, id submission.ID) (bool, error) {
	return get(ctx, s, "HoldsSeat", func() (bool, error) {
		_, held := s.seats[row][id]
		return held, nil
	})
}

// ReleaseSeat implements [request.Seats].
func (s *Store) ReleaseSeat(ctx context.Context, row policy.RowKey, id submission.ID) error {
	return s.do(ctx, "ReleaseSeat", func() error {
		_, held := s.seats[row][id]
		if !held {
			return nil
		}
		err := s.readable(Record{Seats: row}, Record{Seats: row, Request: id})
		if err == nil {
			delete(s.seats[row], id)
		}
		return err
	})
}
