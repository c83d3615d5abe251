package tables

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/request"
)

const (
	poisonPartition = "poison"

	messageColumn = "MessageId"
	bodyColumn    = "Body"
	whyColumn     = "Why"
	// At is named as in an event.
)

// KeepPoison is invite.PoisonStore's.
func (s *Store) KeepPoison(ctx context.Context, poison request.Poison) error {
	const doing = "keeping a message that is none of ours"
	r := row{partition: poisonPartition, name: poisonKey(poison.ID), columns: map[string]any{}}
	r.set(messageColumn, poison.ID)
	r.set(atColumn, toTick(poison.At))
	r.set(bodyColumn, poison.Body)
	r.set(whyColumn, poison.Why)
	encoded, err := r.encode()
	if err != nil {
		return failure(doing, err)
	}
	_, err = s.poison.AddEntity(ctx, encoded, nil)
	if err != nil && !hasCode(err, aztables.EntityAlreadyExists) {
		return failure(doing, err)
	}
	return nil
}

// DropPoison is invite.PoisonStore's.
func (s *Store) DropPoison(ctx context.Context, id string) error {
	_, err := s.poison.DeleteEntity(ctx, poisonPartition, poisonKey(id), nil)
	if err != nil && !hasCode(err, aztables.ResourceNotFound) {
		return failure("forgetting a kept message", err)
	}
	return nil
}

// poisonKey names a row by a hash of the message's id, because whoever can write to the queue may have chosen it.
func poisonKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// AllPoison is invite.PoisonStore's. Rows that somebody else put there are passed over with a line in the log: whoever withdraws must not wait for them.
func (s *Store) AllPoison(ctx context.Context) ([]request.Poison, error) {
	const doing = "reading the kept messages"
	var kept []request.Poison
	err := s.list(ctx, s.poison, "PartitionKey eq "+rest.String(poisonPartition), nil, func(r row) error {
		columns := reader{row: r}
		poison := request.Poison{ID: columns.text(messageColumn), At: columns.time(atColumn), Why: columns.text(whyColumn)}
		if columns.err != nil {
			s.log.WarnContext(ctx, "a row of the table Poison is not of this program's making: delete it", "table", poisonTable)
			return nil
		}
		poison.Body, _ = r.columns[bodyColumn].([]byte)
		kept = append(kept, poison)
		return nil
	})
	if err != nil {
		return nil, failure(doing, err)
	}
	return kept, nil
}
