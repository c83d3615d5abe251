package tables

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// waitingPartition holds all notes, so that one query finds those that are due.
const waitingPartition = "due"

// Wait is invite.Store's. The time is cut to 100 ns; a zero time is a problem.Internal.
func (s *Store) Wait(ctx context.Context, id submission.ID, due time.Time) error {
	_, err := submission.ParseID(string(id))
	if err != nil {
		return failure("noting when a request is due", err)
	}
	doing := fmt.Sprintf("noting when request %s is due", id)
	if due.IsZero() {
		return problem.New(problem.Internal, "%s: no time is given", doing)
	}
	r := row{partition: waitingPartition, name: string(id), columns: map[string]any{dueColumn: toTick(due)}}
	encoded, err := r.encode()
	if err != nil {
		return failure(doing, err)
	}
	_, err = s.waiting.UpsertEntity(ctx, encoded, &aztables.UpsertEntityOptions{UpdateMode: aztables.UpdateModeReplace})
	if err != nil {
		return failure(doing, err)
	}
	return nil
}

// StopWaiting is invite.Store's.
func (s *Store) StopWaiting(ctx context.Context, id submission.ID, due time.Time) error {
	_, err := submission.ParseID(string(id))
	if err != nil {
		return nil // a text that is no id has no note
	}
	doing := fmt.Sprintf("removing the note of request %s", id)
	note, err := get(ctx, s.waiting, waitingPartition, string(id))
	if hasCode(err, aztables.ResourceNotFound) {
		return nil
	}
	if err != nil {
		return failure(doing, err)
	}
	columns := reader{row: note}
	noted := columns.time(dueColumn)
	if columns.err != nil || !noted.Equal(toTick(due)) {
		return nil
	}
	_, err = s.waiting.DeleteEntity(ctx, waitingPartition, string(id), &aztables.DeleteEntityOptions{IfMatch: ifMatch(note.etag)})
	if err != nil && !hasCode(err, aztables.ResourceNotFound) && problem.CodeOf(failure(doing, err)) != problem.Conflict {
		return failure(doing, err)
	}
	return nil
}

// Due is invite.Store's. Of those due at the same time the smaller id comes first. It reads every note that is due,
// because the service can't sort; rows that somebody else put there are passed over with a line in the log.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]submission.ID, error) {
	if limit <= 0 || now.Before(firstTime) {
		return nil, nil
	}
	type note struct {
		due time.Time
		id  submission.ID
	}
	var notes []note
	filter := fmt.Sprintf("PartitionKey eq %s and %s le %s", rest.String(waitingPartition), dueColumn, odataTime(now))
	err := s.list(ctx, s.waiting, filter, []string{"PartitionKey", "RowKey", dueColumn}, func(r row) error {
		columns := reader{row: r}
		due := columns.time(dueColumn)
		id, err := submission.ParseID(r.name)
		if err != nil || columns.err != nil {
			s.log.WarnContext(ctx, "a row of the table Waiting is not of this program's making: delete it", "table", waitingTable)
			return nil
		}
		// The emulator compares milliseconds only.
		if !due.After(now) {
			notes = append(notes, note{due: due, id: id})
		}
		return nil
	})
	if err != nil {
		return nil, failure("listing the requests that are due", err)
	}
	slices.SortFunc(notes, func(a, b note) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.id, b.id))
	})
	ids := make([]submission.ID, 0, min(limit, len(notes)))
	for _, note := range notes[:min(limit, len(notes))] {
		ids = append(ids, note.id)
	}
	return ids, nil
}
