package operate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/request"
)

// Table is the policy rows where they are kept. Its errors are *problem.Error.
type Table interface {
	// AllRows returns every row with its ETag.
	AllRows(ctx context.Context) ([]policy.Raw, error)
	// ChangeRows adds, replaces and removes rows of one partition, all or none, at most MaxChanges. Conflict if one to
	// be added exists, or if one to be replaced or removed is not of its ETag any more. After a Conflict or a
	// StorageUnavailable the change may have happened all the same.
	ChangeRows(ctx context.Context, add, replace, remove []policy.Raw) error
}

// MaxChanges is the most rows that a Table changes at once.
const MaxChanges = 100

// Requests is what partners have asked for.
type Requests interface {
	// RecentRequests returns the limit newest requests, the newest first, and how many records could not be read.
	RecentRequests(ctx context.Context, now time.Time, limit int) (requests []request.Request, unreadable int, err error)
}

// MemoryDecider decides by rows that are already read, such as those of a file. Rows with limits count as if none of
// their seats were taken.
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

// memory is rows by partition, as an invite.Rows.
type memory map[string][]policy.Raw

func (m memory) Rows(_ context.Context, partitions []string) ([]policy.Raw, error) {
	var rows []policy.Raw
	for _, partition := range partitions {
		rows = append(rows, m[partition]...)
	}
	return rows, nil
}

// freeSeats is an invite.Seats of which no seat is ever taken. Nobody takes one to ask a question.
type freeSeats struct{ request.Seats }

func (freeSeats) Used(context.Context, policy.RowKey, string) (policy.Used, error) {
	return policy.Used{}, nil
}

// Raws returns the rows of a file without what the file says beside them.
func Raws(file []rowfile.Row) []policy.Raw {
	rows := make([]policy.Raw, 0, len(file))
	for _, row := range file {
		rows = append(rows, row.Raw)
	}
	return rows
}

// Parse returns the rows as policy reads them.
func Parse(rows []policy.Raw) []policy.Row {
	parsed := make([]policy.Row, 0, len(rows))
	for _, row := range rows {
		parsed = append(parsed, policy.Parse(row))
	}
	return parsed
}

// keyed returns the row of that partition and name.
func keyed(rows []policy.Raw, partition, name string) (policy.Raw, bool) {
	i := slices.IndexFunc(rows, func(row policy.Raw) bool { return row.Partition == partition && row.Name == name })
	if i < 0 {
		return policy.Raw{}, false
	}
	return rows[i], true
}
