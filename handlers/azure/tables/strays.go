package tables

import (
	"cmp"
	"context"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

// ScanRows implements [request.StrayStore]. A page costs one call.
func (s *Store) ScanRows(
	ctx context.Context, cursor string,
) (rows []policy.Raw, next string, err error) {
	return s.scanRows(ctx, policy.StrayColumns(), cursor)
}

// scanRows returns a page of policy rows with some of their columns, and where the rest begins.
func (s *Store) scanRows(
	ctx context.Context, columns []string, cursor string,
) (rows []policy.Raw, next string, err error) {
	const doing = "looking through the policy rows"
	size := s.pageSize
	names := append([]string{policy.PartitionKeyColumn, policy.RowKeyColumn}, columns...)
	selected := strings.Join(names, ",")
	options := aztables.ListEntitiesOptions{Top: &size, Select: &selected}
	var failed error
	next, err = scan(ctx, doing, s.policies, options, cursor, func(r row, err error) {
		if err == nil {
			err = r.whole()
		}
		failed = cmp.Or(failed, err)
		rows = append(rows, r.raw())
	})
	switch {
	case err != nil:
		return nil, "", err
	case failed != nil:
		return nil, "", failure(doing, failed)
	}
	return rows, next, nil
}

const (
	straysName  = "strays" // in tenantPartition
	rowsColumn  = "Rows"   // JSON
	foundColumn = "Found"  // JSON
)

// strayFields returns the columns of the strays, but for the lists.
func strayFields(strays *request.Strays) []field {
	return []field{
		{"Unlisted", &strays.Unlisted},
		{"Pages", &strays.Pages},
		{"CheckedAt", &strays.CheckedAt},
		{"LoggedAt", &strays.LoggedAt},
		{"Cursor", &strays.Cursor},
		{"Began", &strays.Began},
		{"FoundUnlisted", &strays.FoundUnlisted},
		{"FoundPages", &strays.FoundPages},
	}
}

// Strays implements [request.StrayStore].
func (s *Store) Strays(ctx context.Context) (request.Strays, error) {
	const doing = "reading the list of strays"
	stored, err := get(ctx, s.tenant, tenantPartition, straysName)
	if hasCode(err, aztables.ResourceNotFound) {
		return request.Strays{}, nil
	}
	if err != nil {
		return request.Strays{}, failure(doing, err)
	}
	strays := request.Strays{Version: stored.etag}
	columns := reader{row: stored}
	columns.read(strayFields(&strays))
	columns.json(rowsColumn, &strays.Rows, "a list")
	columns.json(foundColumn, &strays.Found, "a list")
	if columns.err != nil {
		// Nobody can repair it, and the next search makes it anew.
		return request.Strays{Version: stored.etag}, nil
	}
	return strays, nil
}

// SaveStrays implements [request.StrayStore].
func (s *Store) SaveStrays(ctx context.Context, strays request.Strays) error {
	const doing = "saving the list of strays"
	r := newRow(tenantPartition, straysName, strayFields(&strays))
	lists := map[string][]policy.Raw{rowsColumn: strays.Rows, foundColumn: strays.Found}
	for column, rows := range lists {
		if len(rows) == 0 {
			continue
		}
		err := r.setJSON(column, rows)
		if err != nil {
			return failure(doing, err)
		}
	}
	if strays.Version != "" {
		_, err := replace(ctx, doing, s.tenant, r, strays.Version)
		return err
	}
	_, err := add(ctx, doing, s.tenant, r)
	return err
}
