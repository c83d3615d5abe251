package tables

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// In table Seats each policy row with limits has a partition: its counters, and a row for each
// seat that is taken. A seat and its counters are written in one transaction, so they can't
// disagree.
const (
	totalName     = "total"
	dayNamePrefix = "day-"
	seatPrefix    = "seat-"

	takenColumn     = "Taken"
	dayColumn       = "Day"
	partitionColumn = "PolicyPartition" // for people who look at the table; see shownPartition
	nameColumn      = "PolicyRow"
)

// seatRounds is how often a change of the counters is tried while others change them too. One of
// them succeeds in each round, and an instance works on a dozen requests at once.
const seatRounds = 16

// Used implements [request.Seats].
func (s *Store) Used(ctx context.Context, key policy.RowKey, day string) (policy.Used, error) {
	const doing = "counting the seats of a row"
	counters, err := s.counters(ctx, key, day)
	if err != nil {
		return policy.Used{}, failure(doing, err)
	}
	return policy.Used{Guests: counters[0].taken, Today: counters[1].taken}, nil
}

// TakeSeat implements [request.Seats].
func (s *Store) TakeSeat(ctx context.Context, limits policy.Limits, day string, id submission.ID) (taken bool, err error) {
	const doing = "taking a seat"
	partition, seat, err := seatKeys(limits.Row, id)
	if err != nil {
		return false, failure(doing, err)
	}
	for range seatRounds {
		counters, err := s.counters(ctx, limits.Row, day)
		if err != nil {
			return false, failure(doing, err)
		}
		rowFull := limits.MaxGuests > 0 && counters[0].taken >= limits.MaxGuests
		dayFull := limits.MaxPerDay > 0 && counters[1].taken >= limits.MaxPerDay
		if !rowFull && !dayFull {
			err = s.addSeat(ctx, newRow(partition, seat, []field{{dayColumn, &day}}), counters)
			if problem.CodeOf(err) != problem.Conflict {
				return err == nil, err
			}
		}
		// The request may hold a seat already, perhaps the last one. Else the counters changed.
		held, err := get(ctx, s.seats, partition, seat)
		switch {
		case err == nil:
			taken, err = s.moveSeat(ctx, limits, held, day)
			if problem.CodeOf(err) != problem.Conflict {
				return taken, err
			}
		case !hasCode(err, aztables.ResourceNotFound):
			return false, failure(doing, err)
		case rowFull || dayFull:
			return false, nil
		}
	}
	return false, problem.New(problem.Conflict, "%s: others were faster %d times", doing, seatRounds)
}

// addSeat adds a seat to a row. It is a problem.Conflict if the seat or the counters have changed.
func (s *Store) addSeat(ctx context.Context, seat row, counters [2]tally) error {
	const doing = "taking a seat"
	encoded, err := seat.encode()
	if err != nil {
		return failure(doing, err)
	}
	action := aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd, Entity: encoded}
	err = s.count(ctx, action, counters[0].by(+1), counters[1].by(+1))
	if err != nil {
		return failure(doing, err)
	}
	return nil
}

// moveSeat moves a seat that is held to the day, unless the day is full. It is a problem.Conflict
// if the seat or the counters change meanwhile.
func (s *Store) moveSeat(ctx context.Context, limits policy.Limits, held row, day string) (moved bool, err error) {
	const doing = "moving a seat to another day"
	columns := reader{row: held}
	before := columns.text(dayColumn)
	if columns.err != nil {
		return false, failure(doing, columns.err)
	}
	if before == day {
		return true, nil
	}
	from, err := s.counters(ctx, limits.Row, before)
	if err != nil {
		return false, failure(doing, err)
	}
	to, err := s.counters(ctx, limits.Row, day)
	if err != nil {
		return false, failure(doing, err)
	}
	if limits.MaxPerDay > 0 && to[1].taken >= limits.MaxPerDay {
		return false, nil
	}
	encoded, err := newRow(held.partition, held.name, []field{{dayColumn, &day}}).encode()
	if err != nil {
		return false, failure(doing, err)
	}
	action := aztables.TransactionAction{ActionType: aztables.TransactionTypeUpdateReplace, Entity: encoded, IfMatch: ifMatch(held.etag)}
	err = s.count(ctx, action, from[1].by(-1), to[1].by(+1))
	if err == nil {
		return true, nil
	}
	err = failure(doing, err)
	if problem.CodeOf(err) == problem.NotFound {
		err = problem.New(problem.Conflict, "%s: it was released meanwhile", doing)
	}
	return false, err
}

// HoldsSeat implements [request.Seats].
func (s *Store) HoldsSeat(ctx context.Context, key policy.RowKey, id submission.ID) (bool, error) {
	const doing = "looking for a seat"
	partition, seat, err := seatKeys(key, id)
	if err != nil {
		return false, failure(doing, err)
	}
	_, err = get(ctx, s.seats, partition, seat)
	switch {
	case hasCode(err, aztables.ResourceNotFound):
		return false, nil
	case err != nil:
		return false, failure(doing, err)
	}
	return true, nil
}

// ReleaseSeat implements [request.Seats].
func (s *Store) ReleaseSeat(ctx context.Context, key policy.RowKey, id submission.ID) error {
	const doing = "giving a seat back"
	partition, seat, err := seatKeys(key, id)
	if err != nil {
		return failure(doing, err)
	}
	for range seatRounds {
		held, err := get(ctx, s.seats, partition, seat)
		if hasCode(err, aztables.ResourceNotFound) {
			return nil
		}
		if err != nil {
			return failure(doing, err)
		}
		columns := reader{row: held}
		day := columns.text(dayColumn)
		if columns.err != nil {
			return failure(doing, columns.err)
		}
		counters, err := s.counters(ctx, key, day)
		if err != nil {
			return failure(doing, err)
		}
		encoded, err := row{partition: partition, name: seat}.encode()
		if err != nil {
			return failure(doing, err)
		}
		action := aztables.TransactionAction{ActionType: aztables.TransactionTypeDelete, Entity: encoded, IfMatch: ifMatch(held.etag)}
		err = s.count(ctx, action, counters[0].by(-1), counters[1].by(-1))
		if err == nil {
			return nil
		}
		err = failure(doing, err)
		code := problem.CodeOf(err)
		if code != problem.Conflict && code != problem.NotFound {
			return err
		}
	}
	return problem.New(problem.Conflict, "%s: others were faster %d times", doing, seatRounds)
}

// tally is one stored number of taken seats. Without an ETag it is not stored yet.
type tally struct {
	row   row
	taken int
}

// by returns the tally changed by n. A counter below 0 would let more guests in than the row
// permits.
func (t tally) by(n int) tally {
	t.taken = max(0, t.taken+n)
	return t
}

// counters reads the total and the day's counter of a policy row.
func (s *Store) counters(ctx context.Context, key policy.RowKey, day string) ([2]tally, error) {
	_, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return [2]tally{}, problem.New(problem.Internal, "a day that is not a date")
	}
	partition := seatPartition(key)
	var counters [2]tally
	for i, name := range []string{totalName, dayNamePrefix + day} {
		stored, err := get(ctx, s.seats, partition, name)
		if hasCode(err, aztables.ResourceNotFound) {
			stored = newRow(partition, name, []field{{nameColumn, &key.Name}})
			err = nil
		}
		if err != nil {
			return [2]tally{}, err
		}
		stored.set(partitionColumn, shownPartition(key.Partition))
		columns := reader{row: stored}
		counters[i] = tally{stored, columns.count(takenColumn)}
		if columns.err != nil {
			return [2]tally{}, columns.err
		}
	}
	return counters, nil
}

// shownPartition returns how the counters of a row name its partition. They must not have an
// address, because counters stay when an address is erased.
func shownPartition(partition string) string {
	_, domain, isAddress := strings.Cut(partition, "@")
	if isAddress {
		return "an address of " + domain
	}
	return partition
}

// count changes a seat together with its counters, unless one of them has changed since it was
// read.
func (s *Store) count(ctx context.Context, seat aztables.TransactionAction, counters ...tally) error {
	actions := []aztables.TransactionAction{seat}
	for _, c := range counters {
		c.row.set(takenColumn, int32(c.taken))
		encoded, err := c.row.encode()
		if err != nil {
			return err
		}
		action := aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd, Entity: encoded}
		if c.row.etag != "" {
			action = aztables.TransactionAction{ActionType: aztables.TransactionTypeUpdateReplace, Entity: encoded, IfMatch: ifMatch(c.row.etag)}
		}
		actions = append(actions, action)
	}
	_, err := submit(ctx, s.seats, actions)
	return err
}

// seatPartition returns the key of a policy row's partition: a hash, since two keys of any
// characters and 1 KiB each don't fit into one. The length makes the text that is hashed unique.
func seatPartition(key policy.RowKey) string {
	return hashed(fmt.Sprintf("%d %s %s", len(key.Partition), key.Partition, key.Name))
}

func seatKeys(key policy.RowKey, id submission.ID) (partition, seat string, err error) {
	_, err = submission.StoredID(string(id))
	if err != nil {
		return "", "", err
	}
	return seatPartition(key), seatPrefix + string(id), nil
}
