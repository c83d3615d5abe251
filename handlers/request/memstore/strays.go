package memstore

import (
	"context"
	"maps"
	"slices"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// scanned is how many rows ScanRows returns at most.
const scanned = 1000

// ScanRows implements [request.StrayStore].
func (s *Store) ScanRows(ctx context.Context, cursor string) (rows []policy.Raw, next string, err error) {
	return s.scanRows(ctx, "ScanRows", policy.StrayColumns(), cursor)
}

// scanRows returns a page of policy rows with some of their columns. The cursor is the ETag of the
// last row before.
func (s *Store) scanRows(
	ctx context.Context, op string, columns []string, cursor string,
) (rows []policy.Raw, next string, err error) {
	rows, err = get(ctx, s, op, func() ([]policy.Raw, error) {
		keys := slices.SortedFunc(maps.Keys(s.rows), policy.RowKey.Compare)
		from := 1 + slices.IndexFunc(keys, func(key policy.RowKey) bool { return s.rows[key].ETag == cursor })
		var page []policy.Raw
		for _, key := range keys[from:min(from+scanned, len(keys))] {
			row := copyRow(s.rows[key])
			maps.DeleteFunc(row.Columns, func(name string, _ any) bool { return !slices.Contains(columns, name) })
			page = append(page, row)
		}
		if from+scanned < len(keys) {
			next = page[len(page)-1].ETag
		}
		return page, nil
	})
	return rows, next, err
}

// Strays implements [request.StrayStore].
func (s *Store) Strays(ctx context.Context) (request.Strays, error) {
	return get(ctx, s, "Strays", func() (request.Strays, error) { return copyStrays(s.strays), nil })
}

// SaveStrays implements [request.StrayStore].
func (s *Store) SaveStrays(ctx context.Context, strays request.Strays) error {
	return s.do(ctx, "SaveStrays", func() error {
		if strays.Version != s.strays.Version {
			return problem.New(problem.Conflict, "the strays are saved as version %q, stored is %q", strays.Version, s.strays.Version)
		}
		strays.Version = s.newVersion()
		toTicks(&strays.CheckedAt, &strays.LoggedAt, &strays.Began)
		s.strays = copyStrays(strays)
		return nil
	})
}

func copyStrays(strays request.Strays) request.Strays {
	for _, rows := range []*[]policy.Raw{&strays.Rows, &strays.Found} {
		copied := slices.Clone(*rows)
		for i := range copied {
			copied[i] = copyRow(copied[i])
		}
		*rows = copied
	}
	return strays
}
