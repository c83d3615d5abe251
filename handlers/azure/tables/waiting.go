package tables

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// waitingPartition holds all due entries, so that one query finds those that are due.
const waitingPartition = "due"

// The columns of the due entry of a parked request.
const (
	parkedColumn  = "Parked" // true; other entries do not have it
	sharersColumn = "Sharers"
)

// parkingFields returns the columns of a parking, but for its sharers.
func parkingFields(parking *request.Parking) []field {
	return []field{{"Limited", &parking.Limited}, {"FullOn", &parking.FullOn}}
}

// Wait implements [request.Store]. The time is cut to 100 ns; a zero time is a problem.Internal.
func (s *Store) Wait(ctx context.Context, id submission.ID, due time.Time) error {
	return s.writeDue(ctx, id, due, aztables.UpdateModeReplace, func(*row) {})
}

// Park implements [request.Store], for times as Wait does.
func (s *Store) Park(ctx context.Context, id submission.ID, due time.Time, parking request.Parking) error {
	return s.writeDue(ctx, id, due, aztables.UpdateModeReplace, func(r *row) {
		r.set(parkedColumn, true)
		r.set(sharersColumn, strings.Join(parking.Sharers, " "))
		maps.Copy(r.columns, newRow("", "", parkingFields(&parking)).columns)
	})
}

// Postpone implements [request.Store], for times as Wait does.
func (s *Store) Postpone(ctx context.Context, id submission.ID, due time.Time) error {
	return s.writeDue(ctx, id, due, aztables.UpdateModeMerge, func(*row) {})
}

// writeDue writes the due entry of id with what more adds.
func (s *Store) writeDue(
	ctx context.Context, id submission.ID, due time.Time, mode aztables.UpdateMode, more func(*row),
) error {
	_, err := submission.StoredID(string(id))
	if err != nil {
		return failure("noting when a request is due", err)
	}
	doing := fmt.Sprintf("noting when request %s is due", id)
	if due.IsZero() {
		return problem.New(problem.Internal, "%s: no time is given", doing)
	}
	r := newRow(waitingPartition, string(id), []field{{dueColumn, &due}})
	more(&r)
	return upsert(ctx, doing, s.waiting, r, mode)
}

// Parked implements [request.Store]. It reads every due entry, because the service looks at each
// row of the partition: as many as there are requests under way. The service returns ids in their
// order. A row that this program did not write is skipped; Due logs it.
func (s *Store) Parked(ctx context.Context, limit int) ([]request.ParkedEntry, error) {
	if limit <= 0 {
		return nil, nil
	}
	filter := fmt.Sprintf("PartitionKey eq %s and %s eq true", rest.String(waitingPartition), parkedColumn)
	var parked []request.ParkedEntry
	err := s.list(ctx, s.waiting, filter, nil, func(r row) error {
		columns := reader{row: r}
		id, err := submission.StoredID(r.name)
		entry := request.ParkedEntry{ID: id, Due: columns.time(dueColumn)}
		columns.read(parkingFields(&entry.Parking))
		entry.Sharers = strings.Fields(columns.text(sharersColumn))
		if err != nil || columns.err != nil {
			return nil
		}
		parked = append(parked, entry)
		if len(parked) == limit {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return nil, failure("looking for parked requests", err)
	}
	return parked, nil
}

// StopWaiting implements [request.Store].
func (s *Store) StopWaiting(ctx context.Context, id submission.ID, due time.Time) error {
	_, err := submission.StoredID(string(id))
	if err != nil {
		return nil // an invalid id has no due entry
	}
	doing := fmt.Sprintf("removing the due entry of request %s", id)
	return removeOf(ctx, doing, s.waiting, waitingPartition, string(id), dueColumn, due)
}

// Due implements [request.Store]. Of requests that are due at the same time the smaller id comes
// first. It reads every due entry whose time has come, because the service can't sort. A row that
// this program did not write is skipped with a line in the log.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]submission.ID, error) {
	if limit <= 0 || now.Before(firstTime) {
		return nil, nil
	}
	type entry struct {
		due time.Time
		id  submission.ID
	}
	var entries []entry
	filter := fmt.Sprintf("PartitionKey eq %s and %s le %s", rest.String(waitingPartition), dueColumn, odataTime(now))
	err := s.list(ctx, s.waiting, filter, []string{"PartitionKey", "RowKey", dueColumn}, func(r row) error {
		columns := reader{row: r}
		due := columns.time(dueColumn)
		id, err := submission.StoredID(r.name)
		if err != nil || columns.err != nil {
			s.log.WarnContext(ctx, "table Waiting has a row that this program did not write: delete it", "table", waitingTable)
			return nil
		}
		// The emulator compares milliseconds only.
		if !due.After(now) {
			entries = append(entries, entry{due, id})
		}
		return nil
	})
	if err != nil {
		return nil, failure("listing the requests that are due", err)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.id, b.id))
	})
	ids := make([]submission.ID, 0, min(limit, len(entries)))
	for _, entry := range entries[:min(limit, len(entries))] {
		ids = append(ids, entry.id)
	}
	return ids, nil
}
