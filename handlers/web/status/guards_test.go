package status

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
)

const (
	formKey     = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"
	previousKey = "Zk3nT9xWq1LrB7vYc5JpD2mHs8GfA4eU"
	leakedKey   = "Qw8eR2tYu5iOp1aSd7fGh3jKl9zXc6vB"
)

// signedBy returns an id issued at the time that the key signed.
func signedBy(t testing.TB, configured string, at time.Time) submission.ID {
	t.Helper()
	key, ofKey := submission.NewIDKey(configured)
	id, ofID := key.NewID(at, rand.Reader)
	if err := errors.Join(ofKey, ofID); err != nil {
		t.Fatal(err)
	}
	return id
}

func guardsOf(t testing.TB, changes ...func(*guard.Config)) *guard.Guards {
	t.Helper()
	config := guard.Config{FormKeys: []string{formKey}, FormLifetime: time.Hour}
	for _, change := range changes {
		change(&config)
	}
	guards, err := guard.New(config, func() time.Time { return pagetest.Morning }, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return guards
}
