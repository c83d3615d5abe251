package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"guestlist/handlers/request"
)

// KeepPoison implements [request.PoisonStore].
func (s *Store) KeepPoison(ctx context.Context, poison request.Poison) error {
	return s.do(ctx, "KeepPoison", func() error {
		_, exists := s.poison[poison.ID]
		if !exists {
			toTicks(&poison.At)
			poison.Body = bytes.Clone(poison.Body)
			s.poison[poison.ID] = poison
		}
		return nil
	})
}

// DropPoison implements [request.PoisonStore].
func (s *Store) DropPoison(ctx context.Context, id string) error {
	return s.do(ctx, "DropPoison", func() error {
		delete(s.poison, id)
		return nil
	})
}

// AllPoison implements [request.PoisonStore].
func (s *Store) AllPoison(ctx context.Context) ([]request.Poison, error) {
	return get(ctx, s, "AllPoison", func() ([]request.Poison, error) {
		var kept []request.Poison
		for _, poison := range s.poison {
			poison.Body = bytes.Clone(poison.Body)
			kept = append(kept, poison)
		}
		slices.SortFunc(kept, func(a, b request.Poison) int { return cmp.Compare(a.ID, b.ID) })
		return kept, nil
	})
}
