package operate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Table stores the policy rows. Its errors are *problem.Error.
type Table interface {
	// AllRows returns every row with its ETag.
	AllRows(ctx context.Context) ([]policy.Raw, error)
	// ChangeRows adds, replaces and removes rows of one partition, all or none, at most
	// [policy.MaxChanges]. Conflict if one to add exists, or if the ETag of one to replace or
	// remove has changed. After a Conflict or a StorageUnavailable the change may have happened all
	// the same.
	ChangeRows(ctx context.Context, add, replace, remove []policy.Raw) error
}

// TableStrays finds strays by reading the whole table, as it is now.
type TableStrays struct{ Table Table }

// StrayRows implements [request.StrayRows].
func (t TableStrays) StrayRows(ctx context.Context, _ time.Time) ([]policy.Raw, error) {
	rows, err := t.Table.AllRows(ctx)
	return request.ListedStrays(rows), err
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
	return request.Decider{
		Rows: byPartition, Strays: strays(request.ListedStrays(rows)),
		Seats: request.FreeSeats{}, Parse: cache.Parse,
	}, nil
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

// strays are strays that are known.
type strays []policy.Raw

// StrayRows implements [request.StrayRows].
func (s strays) StrayRows(context.Context, time.Time) ([]policy.Raw, error) { return s, nil }

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

// Samples returns the first rows of a new table. They invite nobody: everybody goes to review,
// and there is a disabled example of each kind of partition.
func Samples() []policy.Raw {
	return []policy.Raw{
		{Partition: "*", Name: "everybody", Columns: map[string]any{
			"Action": "review", "Note": "For everybody without another row: a person decides.",
		}},
		{Partition: "contoso.com", Name: "example partners", Columns: map[string]any{
			"Action": "invite", "Enabled": false, "Priority": int32(100),
			"Note": "Example. Create it again under a partner's domain, set Sponsors and Groups to your object ids, " +
				"then set Enabled to true.",
		}},
		{Partition: "*.contoso.com", Name: "example subsidiaries", Columns: map[string]any{
			"Action": "review", "Enabled": false,
			"Note": "Example. Every domain below contoso.com, but not contoso.com itself.",
		}},
		{Partition: "mallory@contoso.com", Name: "example exception", Columns: map[string]any{
			"Action": "deny", "Enabled": false,
			"Note": "Example. A row for one address is tried before those for its domain.",
		}},
	}
}

// Init writes those sample rows that do not exist yet, and returns them. If the table has any
// rows, it writes nothing and returns a problem.Conflict, unless force is set.
func Init(ctx context.Context, table Table, force bool) ([]policy.Raw, error) {
	standing, err := table.AllRows(ctx)
	if err != nil {
		return nil, err
	}
	if len(standing) > 0 && !force {
		return nil, problem.New(problem.Conflict, "the table has rows already (%d)", len(standing))
	}
	written := []policy.Raw{}
	for _, row := range Samples() {
		_, exists := find(standing, row.Key())
		if exists {
			continue
		}
		err = table.ChangeRows(ctx, []policy.Raw{row}, nil, nil)
		if err != nil {
			return written, err
		}
		written = append(written, row)
	}
	return written, nil
}
