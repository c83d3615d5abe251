package main

import (
	"context"
	"fmt"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/largetable"
	"guestlist/handlers/dev/tablesim"
)

// lookedAtOnce is how many rows the simulated service looks at for a page: as many as one that
// takes five seconds for it, at 20,000 rows in a second. Here it takes no time.
const lookedAtOnce = 100_000

// upkeep counts the calls of storage of a run of upkeep, in a small and in a large table. The
// storage is simulated.
func upkeep(ctx context.Context) error {
	for _, n := range []int{1_000, 1_000_000} {
		service := largetable.Service(n, tables.Names())
		service.Cut = lookedAtOnce
		round, err := largetable.Sweep(ctx, service, n, func(service *tablesim.Service) (largetable.Store, error) {
			return tables.New(tables.Config{ConnectionString: tablesim.ConnectionString, Transport: service})
		})
		if err != nil {
			return fmt.Errorf("%d requests: %w", n, err)
		}
		figure(fmt.Sprintf("storage calls of upkeep, %d requests", n),
			"at most %d in a run; a round of the sweep takes %d runs", round.Calls, round.Runs)
	}
	return nil
}
