package tables

import (
	"net/http"
	"sync/atomic"
	"testing"

	"guestlist/handlers/dev/azurite/azuritetest"
	"guestlist/handlers/request"
	"guestlist/handlers/request/storetest"
)

func TestStoreConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) request.Store { return newTestStore(t, nil) })
}

func TestRowsConform(t *testing.T) {
	storetest.RunRows(t, func(t *testing.T) storetest.RowStore { return newTestStore(t, nil) })
}

func TestGateConforms(t *testing.T) {
	storetest.RunGate(t, func(t *testing.T) request.GateStore { return newTestStore(t, nil) })
}

func TestRecordsConform(t *testing.T) {
	storetest.RunRecords(t, func(t *testing.T) storetest.RecordStore { return newTestStore(t, nil) })
}

func TestPoisonConforms(t *testing.T) {
	storetest.RunPoison(t, func(t *testing.T) request.PoisonStore { return newTestStore(t, nil) })
}

func TestSeatsConform(t *testing.T) {
	storetest.RunSeats(t, func(t *testing.T) request.Seats { return newTestStore(t, nil) })
}

// The whole suite once more with answers of two rows, so that every list runs over several pages.
func TestStoreConformsOverManyPages(t *testing.T) {
	storetest.Run(t, func(t *testing.T) request.Store {
		store := newTestStore(t, nil)
		store.pageSize = 2
		return store
	})
	storetest.RunRows(t, func(t *testing.T) storetest.RowStore {
		store := newTestStore(t, nil)
		store.pageSize = 1
		return store
	})
}

// newTestStore returns a Store on empty tables of its own. A nil transport is the network.
func newTestStore(t testing.TB, transport http.RoundTripper) *Store {
	t.Helper()
	config := Config{ConnectionString: azuritetest.Shared(t).ConnectionString(), Prefix: azuritetest.Name("t")}
	if transport == nil {
		transport = network
	}
	store, err := newStore(config, doer{transport})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// network is shared by all tests: each connection to the emulator is used again.
var network http.RoundTripper = &http.Transport{MaxIdleConnsPerHost: 16}

// doer makes the SDK's transport of a RoundTripper.
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
