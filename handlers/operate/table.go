package operate

import (
	"context"
	"fmt"
	"slices"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/request"
)

// Table stores the policy rows. Its errors are *problem.Error.
type Table interface {
	// AllRows returns every row with its ETag.
	AllRows(ctx context.Context) ([]policy.Raw, error)
	// ChangeRows adds, replaces and removes rows of one partition, all or none, at most
	// [policy.MaxChanges]. Conflict if one to add exists, or if the ETag of one to replace or remove
	// has changed. After a Conflict or a StorageUnavailable the change may have happened all the
	// same.
	ChangeRows(ctx context.Context, add, replace, remove []policy.Raw) error
}

// MemoryDecider decides by rows in memory. No seats of rows with limits are taken.
func MemoryDecider(rows []policy.Raw) (request.Decider, error) {
	byPartition := memory{}
	for _, row := range rows {
		byPartition[row.Partition] = append(byPartition[row.Partition], row)
	}
	cache, err := policy.NewCache(max(1, len(rows)))
	if err != nil {
		return request.Decider{}, fmt.Errorf("preparing to read rows: %w", err)
	}
	return request.Decider{Rows: byPartition, Seats: freeSeats{}, Parse: cache.Parse}, nil
}

// memory is rows by partition.
type memory map[string][]policy.Raw

// Rows implements [request.Rows].
func (m memory) Rows(_ context.Context, partitions []string) ([]policy.Raw, error) {
	var rows []policy.Raw
	for _, partition := range partitions {
		rows = append(rows, m[partition]...)
	}
	return rows, nil
}

// freeSeats has no seats taken. A Decider takes none.
type freeSeats struct{ request.Seats }

// Used implements [request.Seats].
func (freeSeats) Used(context.Context, policy.RowKey, string) (policy.Used, error) {
	return policy.Used{}, nil
}

// Raws returns the rows of a file.
func Raws(file []rowfile.Row) []policy.Raw {
	rows := make([]policy.Raw, 0, len(file))
	for _, row := range file {
		rows = append(rows, row.Raw)
	}
	return rows
}

// Parse parses all rows.
func Parse(rows []policy.Raw) []policy.Row {
	parsed := make([]policy.Row, 0, len(rows))
	for _, row := range rows {
		parsed = append(parsed, policy.Parse(row))
	}
	return parsed
}

// find returns the row of that key.
func find(rows []policy.Raw, key policy.RowKey) (row policy.Raw, found bool) {
	i := slices.IndexFunc(rows, func(row policy.Raw) bool { return row.Key() == key })
	if i < 0 {
		return policy.Raw{}, false
	}
	return rows[i], true
}
