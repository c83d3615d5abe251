// Package azuritetest gives tests a storage account.
//
// One emulator, in memory, serves all tests of a process. It starts with the first call of
// [Shared] and ends with the process. Each test makes its own tables and queues, with names from
// [Name]. A test that stops or fills the emulator starts its own with azurite.Start.
//
// It must not know what is stored. It imports only dev/azurite of this module.
package azuritetest

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"

	"guestlist/handlers/dev/azurite"
)

// start starts the emulator that the tests of this process share. It ends with the process.
var start = sync.OnceValues(func() (*azurite.Server, error) {
	return azurite.Start(context.Background(), azurite.Config{})
})

// Shared returns the emulator that all tests of this process share. It must not be stopped. If
// the emulator is not installed, the test fails and says what to do.
func Shared(t testing.TB) *azurite.Server {
	t.Helper()
	server, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// Name returns a unique name for a table, queue or container: the prefix, and random letters and
// digits. The prefix is a lower-case letter and at most 19 lower-case letters and digits.
func Name(prefix string) string {
	return prefix + strings.ToLower(rand.Text())
}
