package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// KeepDeadLetter implements [request.DeadLetterStore].
func (s *Store) KeepDeadLetter(ctx context.Context, letter request.DeadLetter) error {
	return s.do(ctx, "KeepDeadLetter", func() error {
		at := letter.At
		kept, exists := s.deadLetters[letter.ID]
		if exists {
			letter = kept
		}
		letter.At, letter.Version, letter.Body = at, s.newVersion(), bytes.Clone(letter.Body)
		toTicks(&letter.At)
		s.deadLetters[letter.ID] = letter
		return nil
	})
}

// DropDeadLetter implements [request.DeadLetterStore].
func (s *Store) DropDeadLetter(ctx context.Context, id, version string) error {
	return s.do(ctx, "DropDeadLetter", func() error {
		letter, exists := s.deadLetters[id]
		if exists && version != "" && letter.Version != version {
			return problem.New(problem.Conflict, "the dead letter is of version %q, not %q", letter.Version, version)
		}
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
