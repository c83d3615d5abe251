package tables

import (
	"net/http"
	"sync/atomic"
	"testing"

	"guestlist/handlers/dev/azurite/azuritetest"
	"guestlist/handlers/request/storetest"
)

func TestStoreConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return newTestStore(t, nil) })
}

// Pages of one or two rows make every list read several pages.
func TestStoreConformsOverManyPages(t *testing.T) {
	paged := func(size int32) func(*testing.T) storetest.Store {
		return func(t *testing.T) storetest.Store {
			store := newTestStore(t, nil)
			store.pageSize = size
			return store
		}
	}
	storetest.Run(t, paged(2))
	storetest.Run(t, paged(1), "rows")
}

// newTestStore returns a Store on new, empty tables. A nil transport is the network.
func newTestStore(t testing.TB, transport http.RoundTripper) *Store {
	t.Helper()
	if transport == nil {
		transport = network
	}
	store, err := New(Config{
		ConnectionString: azuritetest.Shared(t).ConnectionString(), Prefix: azuritetest.Name("t"), Transport: doer{transport},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// network is shared by all tests, so that connections to the emulator are reused.
var network http.RoundTripper = &http.Transport{MaxIdleConnsPerHost: 16}

// doer adapts a RoundTripper to the SDK's transport.
type doer struct{ http.RoundTripper }

func (d doer) Do(req *http.Request) (*http.Response, error) { return d.RoundTrip(req) }

// counter counts the calls that go over the network.
type counter struct{ calls atomic.Int64 }

func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	c.calls.Add(1)
	return network.RoundTrip(req)
}

// roundTripper is a function as a RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
