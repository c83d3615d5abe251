package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"guestlist/handlers/request"
)

// KeepDeadLetter implements [request.DeadLetterStore].
func (s *Store) KeepDeadLetter(ctx context.Context, letter request.DeadLetter) error {
	return s.do(ctx, "KeepDeadLetter", func() error {
		_, exists := s.deadLetters[letter.ID]
		if !exists {
			toTicks(&letter.At)
			letter.Body = bytes.Clone(letter.Body)
			s.deadLetters[letter.ID] = letter
		}
		return nil
	})
}

// DropDeadLetter implements [request.DeadLetterStore].
func (s *Store) DropDeadLetter(ctx context.Context, id string) error {
	return s.do(ctx, "DropDeadLetter", func() error {
		delete(s.deadLetters, id)
		return nil
	})
}

// ForgetDeadLetters implements [request.DeadLetterStore]. Each page begins at the beginning.
func (s *Store) ForgetDeadLetters(
	ctx context.Context, before time.Time, _ request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	forgotten, err := get(ctx, s, "ForgetDeadLetters", func() (int, error) {
		forgotten := 0
		for id, letter := range s.deadLetters {
			if forgotten < limit && letter.At.Before(before) {
				delete(s.deadLetters, id)
				forgotten++
			}
		}
		return forgotten, nil
	})
	return request.Cursor{}, forgotten < limit, err
}

// AllDeadLetters implements [request.DeadLetterStore].
func (s *Store) AllDeadLetters(ctx context.Context) ([]request.DeadLetter, error) {
	return get(ctx, s, "AllDeadLetters", func() ([]request.DeadLetter, error) {
		var kept []request.DeadLetter
		for _, letter := range s.deadLetters {
			letter.Body = bytes.Clone(letter.Body)
			kept = append(kept, letter)
		}
		slices.SortFunc(kept, func(a, b request.DeadLetter) int { return cmp.Compare(a.ID, b.ID) })
		return kept, nil
	})
}
