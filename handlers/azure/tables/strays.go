package tables

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// scanTimeout is how long one page of a scan may take: the service itself stops after five seconds
// (https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination).
const scanTimeout = 8 * time.Second

// place is where a scan goes on, as the service says.
type place struct {
	Partition string `json:"p"`
	Row       string `json:"r,omitempty"`
}

// ScanRows implements [request.StrayStore]. A page costs one call.
func (s *Store) ScanRows(
	ctx context.Context, cursor string,
) (rows []policy.Raw, next string, err error) {
	const doing = "looking through the policy rows"
	size := s.pageSize
	names := append([]string{policy.PartitionKeyColumn, policy.RowKeyColumn}, policy.StrayColumns()...)
	selected := strings.Join(names, ",")
	options := aztables.ListEntitiesOptions{Top: &size, Select: &selected}
	if cursor != "" {
		var from place
		err = json.Unmarshal([]byte(cursor), &from)
		if err != nil {
			return nil, "", problem.New(problem.Internal, "%s: the cursor can't be understood", doing)
		}
		options.NextPartitionKey, options.NextRowKey = &from.Partition, &from.Row
	}
	ctx = azpolicy.WithRetryOptions(ctx, azpolicy.RetryOptions{
		MaxRetries: maxRetries, TryTimeout: scanTimeout, MaxRetryDelay: maxRetryDelay,
	})
	page, err := s.policies.NewListEntitiesPager(&options).NextPage(ctx)
	var answer *azcore.ResponseError
	if cursor != "" && errors.As(err, &answer) && answer.StatusCode == http.StatusBadRequest {
		return nil, "", problem.New(problem.Internal, "%s: the service refuses the cursor", doing)
	}
	if err != nil {
		return nil, "", failure(doing, err)
	}
	for _, encoded := range page.Entities {
		r, err := decodeRow(encoded)
		if err == nil {
			err = r.whole()
		}
		if err != nil {
			return nil, "", failure(doing, err)
		}
		rows = append(rows, r.raw())
	}
	if page.NextPartitionKey == nil || *page.NextPartitionKey == "" {
		return rows, "", nil
	}
	from := place{Partition: *page.NextPartitionKey}
	if page.NextRowKey != nil {
		from.Row = *page.NextRowKey
	}
	encoded, err := json.Marshal(from)
	if err != nil {
		return nil, "", failure(doing, err)
	}
	return rows, string(encoded), nil
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
		{"CheckedAt", &strays.CheckedAt},
		{"LoggedAt", &strays.LoggedAt},
		{"Cursor", &strays.Cursor},
		{"Began", &strays.Began},
		{"FoundUnlisted", &strays.FoundUnlisted},
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
