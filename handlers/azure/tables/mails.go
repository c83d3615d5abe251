package tables

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	mailboxName  = "mailbox" // in table Guests, beside the claim on the address
	mailGateName = "mailgate"
	proofKeyName = "proofkey" // as the one before, in table Tenant
	provedColumn = "ProvedAt"
	mailedColumn = "Mailed" // times, with spaces between; as the next two
	codesColumn  = "Codes"
	wishedColumn = "Wished"
	keyColumn    = "Key" // base64
)

// mailboxFields returns the columns of a mailbox, but for lists of times.
func mailboxFields(mailbox *request.Mailbox) []field {
	return []field{
		{provedColumn, &mailbox.ProvedAt},
		{"StoppedAt", &mailbox.StoppedAt},
		{"SuppressedAt", &mailbox.SuppressedAt},
		{changedColumn, &mailbox.Changed},
	}
}

// Mailbox implements [request.MailStore].
func (s *Store) Mailbox(ctx context.Context, address submission.Address) (request.Mailbox, error) {
	const doing = "reading what is known about a mailbox"
	key, err := claimKey(address)
	if err != nil {
		return request.Mailbox{}, failure(doing, err)
	}
	stored, err := get(ctx, s.guests, key, mailboxName)
	if hasCode(err, aztables.ResourceNotFound) {
		return request.Mailbox{}, nil
	}
	if err != nil {
		return request.Mailbox{}, failure(doing, err)
	}
	return decodeMailbox(doing, stored)
}

func decodeMailbox(doing string, stored row) (request.Mailbox, error) {
	mailbox := request.Mailbox{Version: stored.etag}
	columns := reader{row: stored}
	columns.read(mailboxFields(&mailbox))
	columns.times(mailedColumn, mailbox.Mailed[:])
	columns.times(codesColumn, mailbox.Codes[:])
	columns.times(wishedColumn, mailbox.Wished[:])
	if columns.err != nil {
		return request.Mailbox{}, failure(doing, columns.err)
	}
	return mailbox, nil
}

// SaveMailbox implements [request.MailStore]. The address itself is not stored.
func (s *Store) SaveMailbox(
	ctx context.Context, address submission.Address, mailbox request.Mailbox,
) (request.Mailbox, error) {
	const doing = "saving what is known about a mailbox"
	key, err := claimKey(address)
	if err != nil {
		return request.Mailbox{}, failure(doing, err)
	}
	r := newRow(key, mailboxName, mailboxFields(&mailbox))
	r.set(mailedColumn, joinTimes(mailbox.Mailed[:]))
	r.set(codesColumn, joinTimes(mailbox.Codes[:]))
	r.set(wishedColumn, joinTimes(mailbox.Wished[:]))
	r, err = s.addOrReplace(ctx, doing, s.guests, r, mailbox.Version)
	if err != nil {
		return request.Mailbox{}, err
	}
	return decodeMailbox(doing, r)
}

// addOrReplace writes r in place of the row of that version, or as a new row if that is empty, and
// returns it with its ETag. It is a problem.Conflict if another row is there.
func (s *Store) addOrReplace(
	ctx context.Context, doing string, table *aztables.Client, r row, version string,
) (row, error) {
	if version == "" {
		return add(ctx, doing, table, r)
	}
	return replace(ctx, doing, table, r, version)
}

// MarkProved implements [request.MailStore].
func (s *Store) MarkProved(ctx context.Context, address submission.Address, at time.Time) error {
	const doing = "noting that a mailbox is proved"
	key, err := claimKey(address)
	if err != nil {
		return failure(doing, err)
	}
	r := newRow(key, mailboxName, []field{{provedColumn, &at}, {changedColumn, &at}})
	return upsert(ctx, doing, s.guests, r, aztables.UpdateModeMerge)
}

// DropMailbox implements [request.MailStore].
func (s *Store) DropMailbox(ctx context.Context, address submission.Address) error {
	const doing = "forgetting a mailbox"
	key, err := claimKey(address)
	if err != nil {
		return failure(doing, err)
	}
	err = s.dropMailbox(ctx, key)
	if err != nil {
		return failure(doing, err)
	}
	return nil
}

// dropMailbox removes the mailbox from the partition of its address, if there is one.
func (s *Store) dropMailbox(ctx context.Context, key string) error {
	_, err := s.guests.DeleteEntity(ctx, key, mailboxName, nil)
	if hasCode(err, aztables.ResourceNotFound) {
		return nil
	}
	return err
}

// ForgetMailboxes implements [request.MailStore]. It costs one call, and one for each mailbox that
// it removes.
func (s *Store) ForgetMailboxes(
	ctx context.Context, before time.Time, from request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	const doing = "forgetting old mailboxes"
	if limit <= 0 || before.Before(firstTime) {
		return request.Cursor{}, true, nil
	}
	filter := fmt.Sprintf("RowKey eq %s and %s le %s", rest.String(mailboxName), changedColumn, odataTime(before))
	options := aztables.ListEntitiesOptions{Filter: &filter, Top: s.scannedAtOnce(limit)}
	var found []row
	token, err := scan(ctx, doing, s.guests, options, from.Token, func(r row, err error) {
		if err != nil {
			return
		}
		mailbox, err := decodeMailbox(doing, r)
		// The emulator compares milliseconds only.
		if err == nil && mailbox.Changed.Before(before) {
			found = append(found, r)
		}
	})
	if err != nil {
		return from, false, err
	}
	for _, r := range found {
		err = remove(ctx, doing, s.guests, r.partition, mailboxName, r.etag)
		switch problem.CodeOf(err) {
		case "", problem.NotFound, problem.Conflict:
		default:
			return from, false, err
		}
	}
	return request.Cursor{Token: token}, token == "", nil
}

// mailGateFields returns the columns of the gate of mails, but for JSON.
func mailGateFields(gate *request.MailGate, hour *int) []field {
	return []field{
		{"Hour", (*optional)(hour)},
		{"HeldUntil", &gate.HeldUntil},
		{"Cause", (*string)(&gate.Cause)},
		{"CauseAt", &gate.CauseAt},
		{"Failures", (*optional)(&gate.Failures)},
		{"Witness", &gate.Witness},
	}
}

// MailGate implements [request.MailStore].
func (s *Store) MailGate(ctx context.Context) (request.MailGate, error) {
	const doing = "reading the gate of mails"
	stored, err := get(ctx, s.tenant, tenantPartition, mailGateName)
	if hasCode(err, aztables.ResourceNotFound) {
		return request.MailGate{}, nil
	}
	if err != nil {
		return request.MailGate{}, failure(doing, err)
	}
	return decodeMailGate(stored), nil
}

// decodeMailGate reads the gate of mails. What can't be read counts as nothing: mails of an hour
// are no reason to send none until a person has looked.
func decodeMailGate(stored row) request.MailGate {
	gate, hour := request.MailGate{Version: stored.etag}, 0
	columns := reader{row: stored}
	columns.read(mailGateFields(&gate, &hour))
	columns.json("Minutes", &gate.Minutes, "the mails of minutes")
	columns.json("Domains", &gate.Domains, "the codes of domains")
	gate.Hour = int64(hour)
	if columns.err != nil {
		return request.MailGate{Version: stored.etag}
	}
	return gate
}

// SaveMailGate implements [request.MailStore].
func (s *Store) SaveMailGate(ctx context.Context, gate request.MailGate) (request.MailGate, error) {
	const doing = "saving the gate of mails"
	hour := int(gate.Hour)
	r := newRow(tenantPartition, mailGateName, mailGateFields(&gate, &hour))
	for column, part := range map[string]any{"Minutes": gate.Minutes, "Domains": gate.Domains} {
		err := r.setJSON(column, part)
		if err != nil {
			return request.MailGate{}, failure(doing, err)
		}
	}
	r, err := s.addOrReplace(ctx, doing, s.tenant, r, gate.Version)
	if err != nil {
		return request.MailGate{}, err
	}
	return decodeMailGate(r), nil
}

// ProofKey implements [request.MailStore]. A key that can't be read is a problem.RecordUnreadable:
// another one would make all codes that were mailed wrong.
func (s *Store) ProofKey(ctx context.Context, made request.ProofKey) (request.ProofKey, error) {
	const doing = "reading the key of codes"
	stored, err := get(ctx, s.tenant, tenantPartition, proofKeyName)
	if hasCode(err, aztables.ResourceNotFound) {
		r := newRow(tenantPartition, proofKeyName, nil)
		r.set(keyColumn, base64.StdEncoding.EncodeToString(made[:]))
		_, err = add(ctx, doing, s.tenant, r)
		if problem.CodeOf(err) != problem.Conflict {
			return made, err
		}
		stored, err = get(ctx, s.tenant, tenantPartition, proofKeyName)
	}
	if err != nil {
		return request.ProofKey{}, failure(doing, err)
	}
	columns := reader{row: stored}
	text := columns.text(keyColumn)
	var key request.ProofKey
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(decoded) != len(key) {
		columns.fail(keyColumn, "a key")
	}
	if columns.err != nil {
		return request.ProofKey{}, failure(doing, columns.err)
	}
	copy(key[:], decoded)
	return key, nil
}
