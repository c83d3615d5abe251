// Package azuritetest gives tests a storage account.
//
// One emulator, in memory, serves all tests of a test process: it starts with the first call of [Shared] and ends with the process.
// Tests run side by side on it, so each makes tables and queues of its own, named by [Name]. A test that stops or fills the emulator
// starts its own by azurite.Start.
package azuritetest

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"

	"guestlist/handlers/dev/azurite"
)

// start starts the emulator that the tests of this process share. Nobody stops it: it watches this process and ends with it.
var start = sync.OnceValues(func() (*azurite.Server, error) {
	return azurite.Start(context.Background(), azurite.Config{})
})

// Shared returns the emulator that all tests of this process share. It must not be stopped. Without an installed emulator the test
// fails and says what to do.
func Shared(t testing.TB) *azurite.Server {
	t.Helper()
	server, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// Name returns a name that nobody else uses and that a table, a queue and a container may have: the prefix, lower-case letters and
// digits beginning with a letter, at most 20 of them, and random ones after it.
func Name(prefix string) string {
	return prefix + strings.ToLower(rand.Text())
}
