package tables

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	poisonPartition = "poison"

	messageColumn = "MessageId"
	bodyColumn    = "Body"
	whyColumn     = "Why"
	queueColumn   = "Queue"
)

// poisonFields returns the columns of a dead letter, but for its body.
func poisonFields(poison *request.DeadLetter) []field {
	return []field{
		{messageColumn, &poison.ID}, {queueColumn, &poison.Queue}, {atColumn, &poison.At}, {whyColumn, &poison.Why},
	}
}

// keepTries is how often a letter that is dropped while it is kept again is kept anew.
const keepTries = 3

// KeepDeadLetter implements [request.DeadLetterStore].
func (s *Store) KeepDeadLetter(ctx context.Context, poison request.DeadLetter) error {
	const doing = "keeping a dead letter"
	r := newRow(poisonPartition, poisonKey(poison.ID), poisonFields(&poison))
	r.set(bodyColumn, poison.Body)
	again := newRow(poisonPartition, poisonKey(poison.ID), []field{{atColumn, &poison.At}})
	var err error
	for range keepTries {
		_, err = add(ctx, doing, s.poison, r)
		if problem.CodeOf(err) != problem.Conflict {
			return err
		}
		err = touch(ctx, doing, s.poison, again)
		if problem.CodeOf(err) != problem.NotFound {
			return err
		}
	}
	return err
}

// DropDeadLetter implements [request.DeadLetterStore].
func (s *Store) DropDeadLetter(ctx context.Context, id, version string) error {
	var options aztables.DeleteEntityOptions
	if version != "" {
		options.IfMatch = ifMatch(version)
	}
	_, err := s.poison.DeleteEntity(ctx, poisonPartition, poisonKey(id), &options)
	if err != nil && !hasCode(err, aztables.ResourceNotFound) {
		return failure("removing a dead letter", err)
	}
	return nil
}

// ForgetDeadLetters implements [request.DeadLetterStore]. It costs one call, and one for each
// letter that it removes.
func (s *Store) ForgetDeadLetters(
	ctx context.Context, before time.Time, from request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	const doing = "forgetting old dead letters"
	if limit <= 0 || before.Before(firstTime) {
		return request.Cursor{}, true, nil
	}
	filter := fmt.Sprintf("PartitionKey eq %s and %s le %s", rest.String(poisonPartition), atColumn, odataTime(before))
	selected := strings.Join([]string{"PartitionKey", "RowKey", atColumn}, ",")
	options := aztables.ListEntitiesOptions{Filter: &filter, Select: &selected, Top: s.scannedAtOnce(limit)}
	var old []row
	token, err := scan(ctx, doing, s.poison, options, from.Token, func(r row, err error) {
		columns := reader{row: r}
		at := columns.time(atColumn)
		// The emulator compares milliseconds only.
		if err == nil && columns.err == nil && !at.IsZero() && at.Before(before) {
			old = append(old, r)
		}
	})
	if err != nil {
		return from, false, err
	}
	for _, letter := range old {
		err = remove(ctx, doing, s.poison, poisonPartition, letter.name, letter.etag)
		switch problem.CodeOf(err) {
		case "", problem.NotFound, problem.Conflict: // gone, or kept again meanwhile
		default:
			return from, false, err
		}
	}
	return request.Cursor{Token: token}, token == "", nil
}

// poisonKey names a row by a hash of the message's id, because an outsider who can write to the
// queue may have chosen the id.
func poisonKey(id string) string { return hashed(id) }

// AllDeadLetters implements [request.DeadLetterStore]. A row that this program did not write is
// skipped with a line in the log, so that it can't block withdrawals.
func (s *Store) AllDeadLetters(ctx context.Context) ([]request.DeadLetter, error) {
	var kept []request.DeadLetter
	err := s.list(ctx, s.poison, "PartitionKey eq "+rest.String(poisonPartition), nil, func(r row) error {
		var poison request.DeadLetter
		columns := reader{row: r}
		columns.read(poisonFields(&poison))
		if columns.err != nil {
			s.log.WarnContext(ctx, "table Poison has a row that this program did not write: delete it", "table", poisonTable)
			return nil
		}
		poison.Body, _ = r.columns[bodyColumn].([]byte)
		poison.Version = r.etag
		kept = append(kept, poison)
		return nil
	})
	if err != nil {
		return nil, failure("reading the dead letters", err)
	}
	return kept, nil
}
