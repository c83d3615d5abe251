package tables

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// errEnough ends a list early.
var errEnough = errors.New("enough")

// Expired implements [request.Records]. The ids are those of the oldest submissions.
func (s *Store) Expired(ctx context.Context, before time.Time, limit int) ([]submission.ID, error) {
	const doing = "looking for requests that are kept long enough"
	if limit <= 0 || before.Before(firstTime) {
		return nil, nil
	}
	end, err := endOf(before)
	if err != nil {
		return nil, failure(doing, err)
	}
	// No request is finished before it is submitted, so newer ids are left out. A row without the
	// column has no address.
	filter := fmt.Sprintf("PartitionKey lt %s and RowKey eq %s and %s le %s and %s gt '' and (%s)",
		rest.String(end), rest.String(recordName), changedColumn, odataTime(before), emailColumn, anyState(request.StatesThat(request.State.Finished)))
	var ids []submission.ID
	err = s.list(ctx, s.requests, filter, []string{"PartitionKey", "RowKey", changedColumn}, func(r row) error {
		columns := reader{row: r}
		changed := columns.time(changedColumn)
		id, err := submission.StoredID(r.partition)
		// The emulator compares milliseconds only.
		if err != nil || columns.err != nil || !changed.Before(before) {
			return nil
		}
		ids = append(ids, id)
		if len(ids) == limit {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return nil, failure(doing, err)
	}
	return ids, nil
}

// Standing implements [request.Records]. Records that can't be understood are skipped.
func (s *Store) Standing(ctx context.Context, before map[request.State]time.Time) (map[request.State]request.Standing, error) {
	const doing = "counting the requests that wait"
	if len(before) == 0 {
		return nil, nil
	}
	var clauses []string
	latest := firstTime
	for _, state := range slices.Sorted(maps.Keys(before)) {
		if before[state].Before(firstTime) {
			continue
		}
		clauses = append(clauses, fmt.Sprintf("(%s eq %s and %s le %s)", stateColumn, rest.String(string(state)), sinceColumn, odataTime(before[state])))
		if before[state].After(latest) {
			latest = before[state]
		}
	}
	if len(clauses) == 0 {
		return nil, nil
	}
	end, err := endOf(latest)
	if err != nil {
		return nil, failure(doing, err)
	}
	filter := fmt.Sprintf("PartitionKey lt %s and RowKey eq %s and (%s)", rest.String(end), rest.String(recordName), strings.Join(clauses, " or "))
	standing := map[request.State]request.Standing{}
	err = s.list(ctx, s.requests, filter, []string{"PartitionKey", "RowKey", stateColumn, sinceColumn}, func(r row) error {
		columns := reader{row: r}
		state, since := request.State(columns.text(stateColumn)), columns.time(sinceColumn)
		id, err := submission.StoredID(r.partition)
		if err != nil || columns.err != nil || !since.Before(before[state]) {
			return nil
		}
		found := standing[state]
		if found.Requests == 0 || id < found.Oldest {
			found.Oldest = id
		}
		found.Requests++
		standing[state] = found
		return nil
	})
	if err != nil {
		return nil, failure(doing, err)
	}
	return standing, nil
}

// endOf returns the first id after all that were issued until t, and a minute more, because the
// clocks of instances differ.
func endOf(t time.Time) (string, error) { return firstID(t.Add(time.Minute)) }

func anyState(states []request.State) string {
	clauses := make([]string, 0, len(states))
	for _, state := range states {
		clauses = append(clauses, stateColumn+" eq "+rest.String(string(state)))
	}
	return strings.Join(clauses, " or ")
}
