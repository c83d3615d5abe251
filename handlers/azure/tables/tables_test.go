package tables

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/dev/azurite/azuritetest"
	"guestlist/handlers/policy"
	"guestlist/handlers/request/storetest"
	"guestlist/handlers/submission"
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

func TestUnreadableRecordsConform(t *testing.T) {
	storetest.RunUnreadable(t, func(t *testing.T) (storetest.Store, storetest.Spoiler) {
		store := newTestStore(t, nil)
		// put writes a value into a column of a row, and returns what writes the former one back.
		put := func(table *aztables.Client, partition, name, column string, value any) (mend func()) {
			write := func(value any) (before any) {
				stored := must(get(t.Context(), table, partition, name))(t)
				before = stored.columns[column]
				stored.columns[column] = value
				if value == nil {
					delete(stored.columns, column)
				}
				must(replace(t.Context(), "writing a column", table, stored, stored.etag))(t)
				return before
			}
			before := write(value)
			return func() { write(before) }
		}
		return store, storetest.Spoiler{
			Request: func(id submission.ID) func() {
				return put(store.requests, string(id), recordName, attemptColumn, "many")
			},
			State: func(id submission.ID) func() {
				return put(store.requests, string(id), recordName, stateColumn, "paused")
			},
			Claim: func(address submission.Address) func() {
				return put(store.guests, must(claimKey(address))(t), claimName, ownerColumn, "Ana")
			},
			Gate: func() func() { return put(store.tenant, tenantPartition, gateName, "Sent", "many") },
			Counters: func(row policy.RowKey) func() {
				return put(store.seats, seatPartition(row), totalName, takenColumn, "many")
			},
			Seat: func(row policy.RowKey, id submission.ID) func() {
				partition, seat, err := seatKeys(row, id)
				return put(store.seats, must(partition, err)(t), seat, dayColumn, int32(1))
			},
		}
	})
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
