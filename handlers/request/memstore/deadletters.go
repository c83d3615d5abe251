package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"guestlist/handlers/request"
)

// KeepDeadLetter implements [request.DeadLetterStore].
func (s *Store) KeepDeadLetter(ctx context.Context, poison request.DeadLetter) error {
	return s.do(ctx, "KeepDeadLetter", func() error {
		_, exists := s.poison[poison.ID]
		if !exists {
			toTicks(&poison.At)
			poison.Body = bytes.Clone(poison.Body)
			s.poison[poison.ID] = poison
		}
		return nil
	})
}

// DropDeadLetter implements [request.DeadLetterStore].
func (s *Store) DropDeadLetter(ctx context.Context, id string) error {
	return s.do(ctx, "DropDeadLetter", func() error {
		delete(s.poison, id)
		return nil
	})
}

// AllDeadLetters implements [request.DeadLetterStore].
func (s *Store) AllDeadLetters(ctx context.Context) ([]request.DeadLetter, error) {
	return get(ctx, s, "AllDeadLetters", func() ([]request.DeadLetter, error) {
		var kept []request.DeadLetter
		for _, poison := range s.poison {
			poison.Body = bytes.Clone(poison.Body)
			kept = append(kept, poison)
		}
		slices.SortFunc(kept, func(a, b request.DeadLetter) int { return cmp.Compare(a.ID, b.ID) })
		return kept, nil
	})
}
