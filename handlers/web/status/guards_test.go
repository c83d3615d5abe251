package status

import (
	"crypto/rand"
	"testing"
	"time"

	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
)

func guardsOf(t testing.TB, changes ...func(*guard.Config)) *guard.Guards {
	t.Helper()
	var config guard.Config
	for _, change := range changes {
		change(&config)
	}
	guards, err := guard.New(config, func() time.Time { return pagetest.Morning }, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return guards
}
