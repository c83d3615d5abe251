package tables

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// errEnough ends a list early.
var errEnough = errors.New("enough")

// scannedAtOnce is how many rows a page has at most.
func (s *Store) scannedAtOnce(limit int) *int32 {
	size := min(s.pageSize, int32(limit))
	return &size
}

// ScanRequests implements [request.Records]. It costs one call. The service looks at rows for five
// seconds at most, events included, and returns those that the filter lets through: with all their
// columns, since each may be one that can't be read.
func (s *Store) ScanRequests(
	ctx context.Context, search request.Search, from request.Cursor, limit int,
) (request.Page, error) {
	const doing = "looking for old requests"
	if limit <= 0 {
		return request.Page{Last: true}, nil
	}
	filter := sweepFilter(search, from)
	options := aztables.ListEntitiesOptions{Filter: &filter, Top: s.scannedAtOnce(limit)}
	var page request.Page
	token, err := scan(ctx, doing, s.requests, options, from.Token, func(r row, err error) {
		// The service knows which ones hold personal data, and the emulator compares milliseconds
		// only.
		b := decodeBrief(r, err)
		if search.Finds(b, true) {
			page.Found = append(page.Found, b)
		}
	})
	if err != nil {
		return request.Page{}, err
	}
	page.Next, page.Last = request.Cursor{After: from.After, Token: token}, token == ""
	return page, nil
}

// decodeBrief reads a brief. undecoded is why the row can't even be decoded, nil if it can.
func decodeBrief(r row, undecoded error) request.Brief {
	id, err := submission.StoredID(r.partition)
	if err != nil {
		return request.Brief{Fault: "the PartitionKey is not the id of a request"}
	}
	if undecoded != nil {
		return request.Brief{ID: id, Fault: undecoded.Error()}
	}
	record, columns := readRequest(r)
	b := request.Brief{ID: id, Since: record.Since, Changed: record.Changed, Due: record.Due, OwedSince: record.Owed.Since}
	if record.State.Known() {
		b.State = record.State
	}
	if record.State == request.Review && record.Reviewing != nil {
		b.Stage = record.Reviewing.Since
	}
	if columns.err != nil {
		b.Fault = columns.faults[0]
	}
	return b
}

// sweepFilter returns the filter for the requests that may be meant: those that expire, those that
// are owed a mail, and all that have not finished as far as their state tells. It has eleven
// comparisons; the service takes 15
// (https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities).
//
// A row without an address has no personal data.
func sweepFilter(search request.Search, from request.Cursor) string {
	var unfinished []string
	for _, state := range request.StatesThat(request.State.Finished) {
		unfinished = append(unfinished, stateColumn+" ne "+rest.String(string(state)))
	}
	meant := fmt.Sprintf("(%s) or %s gt ''", strings.Join(unfinished, " and "), owedColumn)
	if !search.Expired.Before(firstTime) {
		meant += fmt.Sprintf(" or (%s le %s and %s gt '')", changedColumn, odataTime(search.Expired), emailColumn)
	}
	return fmt.Sprintf("PartitionKey gt %s and RowKey eq %s and (%s)",
		rest.String(string(from.After)), rest.String(recordName), meant)
}

const sweepName = "sweep" // in tenantPartition

// sweepFields returns the columns of the sweep, but for JSON.
func sweepFields(sweep *request.Sweep) []field {
	return []field{
		{"Began", &sweep.Began},
		{"Part", (*string)(&sweep.Part)},
		{"Ended", &sweep.Ended},
	}
}

// sweepParts returns the columns of the sweep that are JSON.
func sweepParts(sweep *request.Sweep) map[string]any {
	return map[string]any{"At": &sweep.At, "Tally": &sweep.Tally, "Last": &sweep.Last}
}

// Sweep implements [request.Records].
func (s *Store) Sweep(ctx context.Context) (request.Sweep, error) {
	const doing = "reading the record of the sweep"
	stored, err := get(ctx, s.tenant, tenantPartition, sweepName)
	if hasCode(err, aztables.ResourceNotFound) {
		return request.Sweep{}, nil
	}
	if err != nil {
		return request.Sweep{}, failure(doing, err)
	}
	return decodeSweep(stored), nil
}

// decodeSweep reads the record of the sweep. One that can't be read is made anew.
func decodeSweep(stored row) request.Sweep {
	sweep := request.Sweep{Version: stored.etag}
	columns := reader{row: stored}
	columns.read(sweepFields(&sweep))
	for column, part := range sweepParts(&sweep) {
		columns.json(column, part, "a part of the sweep")
	}
	if columns.err != nil {
		return request.Sweep{Version: stored.etag}
	}
	return sweep
}

// SaveSweep implements [request.Records].
func (s *Store) SaveSweep(ctx context.Context, sweep request.Sweep) (request.Sweep, error) {
	const doing = "saving the record of the sweep"
	r := newRow(tenantPartition, sweepName, sweepFields(&sweep))
	for column, part := range sweepParts(&sweep) {
		err := r.setJSON(column, part)
		if err != nil {
			return request.Sweep{}, failure(doing, err)
		}
	}
	if sweep.Version != "" {
		saved, err := replace(ctx, doing, s.tenant, r, sweep.Version)
		if err != nil {
			return request.Sweep{}, err
		}
		return decodeSweep(saved), nil
	}
	encoded, err := r.encode()
	if err != nil {
		return request.Sweep{}, failure(doing, err)
	}
	added, err := s.tenant.AddEntity(ctx, encoded, nil)
	if err != nil {
		return request.Sweep{}, failure(doing, err)
	}
	r.etag = string(added.ETag)
	return decodeSweep(r), nil
}
