package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"guestlist/handlers/request"
)

// KeepPoison is invite.PoisonStore's.
func (s *Store) KeepPoison(ctx context.Context, poison request.Poison) error {
	return s.do(ctx, "KeepPoison", func() error {
		_, exists := s.poison[poison.ID]
		if !exists {
			poison.At, poison.Body = toTick(poison.At), bytes.Clone(poison.Body)
			s.poison[poison.ID] = poison
		}
		return nil
	})
}

// DropPoison is invite.PoisonStore's.
func (s *Store) DropPoison(ctx context.Context, id string) error {
	return s.do(ctx, "DropPoison", func() error {
		delete(s.poison, id)
		return nil
	})
}

// AllPoison is invite.PoisonStore's.
func (s *Store) AllPoison(ctx context.Context) ([]request.Poison, error) {
	var kept []request.Poison
	err := s.do(ctx, "AllPoison", func() error {
		for _, poison := range s.poison {
			poison.Body = bytes.Clone(poison.Body)
			kept = append(kept, poison)
		}
		slices.SortFunc(kept, func(a, b request.Poison) int { return cmp.Compare(a.ID, b.ID) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}
