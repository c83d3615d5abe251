package tables

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	claimName      = "guest"
	ownerColumn    = "Owner"
	intentAtColumn = "IntentAt"
	mailedAtColumn = "MailedAt"
	mailsColumn    = "Mails"
	onlyColumn     = "MailsOnly" // true where invite.Claim.OnlyMails says so, so that the service can look for it
	// GuestId is named as in a request.
)

// claimRounds is how often Claim looks again when a claim vanishes between "there is one" and reading it.
const claimRounds = 3

// Claim is invite.Store's. created is false also where this call's answer was lost and the SDK's second try found the
// row. The address itself is not stored.
func (s *Store) Claim(ctx context.Context, address submission.Address, id submission.ID, intentAt time.Time) (request.Claim, bool, error) {
	const doing = "claiming an address"
	claim := request.Claim{Owner: id, IntentAt: toTick(intentAt)}
	encoded, key, err := encodeClaim(address, claim)
	if err != nil {
		return request.Claim{}, false, failure(doing, err)
	}
	for range claimRounds {
		added, err := s.guests.AddEntity(ctx, encoded, nil)
		if err == nil {
			claim.Version = string(added.ETag)
			return claim, true, nil
		}
		if !hasCode(err, aztables.EntityAlreadyExists) {
			return request.Claim{}, false, failure(doing, err)
		}
		stored, err := get(ctx, s.guests, key, claimName)
		if hasCode(err, aztables.ResourceNotFound) {
			continue
		}
		if err != nil {
			return request.Claim{}, false, failure(doing, err)
		}
		claim, err := decodeClaim(stored)
		if err != nil {
			return request.Claim{}, false, failure(doing, err)
		}
		return claim, false, nil
	}
	return request.Claim{}, false, problem.New(problem.StorageUnavailable, "%s: others claim it and give it back all the time", doing)
}

// UpdateClaim is invite.Store's. After a problem.Conflict or a problem.StorageUnavailable the caller must ask Claim how
// it stands: this very call may have written it, and its answer been lost.
func (s *Store) UpdateClaim(ctx context.Context, address submission.Address, claim request.Claim) (request.Claim, error) {
	const doing = "updating a claim"
	claim.IntentAt, claim.MailedAt = toTick(claim.IntentAt), toTick(claim.MailedAt)
	encoded, _, err := encodeClaim(address, claim)
	if err != nil {
		return request.Claim{}, failure(doing, err)
	}
	updated, err := s.guests.UpdateEntity(ctx, encoded, &aztables.UpdateEntityOptions{IfMatch: ifMatch(claim.Version), UpdateMode: aztables.UpdateModeReplace})
	if hasCode(err, aztables.ResourceNotFound) {
		return request.Claim{}, problem.New(problem.Conflict, "%s: it is gone", doing)
	}
	if err != nil {
		return request.Claim{}, failure(doing, err)
	}
	claim.Version = string(updated.ETag)
	return claim, nil
}

// Release is invite.Store's.
func (s *Store) Release(ctx context.Context, address submission.Address, claim request.Claim) error {
	const doing = "releasing a claim"
	key, err := claimKey(address)
	if err != nil {
		return failure(doing, err)
	}
	_, err = s.guests.DeleteEntity(ctx, key, claimName, &aztables.DeleteEntityOptions{IfMatch: ifMatch(claim.Version)})
	if err != nil && !hasCode(err, aztables.ResourceNotFound) {
		return failure(doing, err)
	}
	return nil
}

// ForgetMails is invite.Records'.
func (s *Store) ForgetMails(ctx context.Context, which request.Mails, limit int) (int, error) {
	const doing = "forgetting the mails of addresses"
	if !which.Any() || limit <= 0 || !which.Before.IsZero() && which.Before.Before(firstTime) {
		return 0, nil
	}
	filter := fmt.Sprintf("RowKey eq %s and %s eq true", rest.String(claimName), onlyColumn)
	if which.Address != (submission.Address{}) {
		key, err := claimKey(which.Address)
		if err != nil {
			return 0, failure(doing, err)
		}
		filter = fmt.Sprintf("PartitionKey eq %s and %s", rest.String(key), filter)
	}
	if which.Owner != "" {
		filter += fmt.Sprintf(" and %s eq %s", ownerColumn, rest.String(string(which.Owner)))
	}
	if !which.Before.IsZero() {
		filter += fmt.Sprintf(" and %s le %s", mailedAtColumn, odataTime(which.Before))
	}
	var found []row
	err := s.list(ctx, s.guests, filter, nil, func(r row) error {
		claim, err := decodeClaim(r)
		// Which address it is, the key has said; the emulator compares milliseconds only.
		if err != nil || !which.Fit(which.Address, claim) {
			return nil
		}
		found = append(found, r)
		if len(found) == limit {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return 0, failure(doing, err)
	}
	forgotten := 0
	for _, r := range found {
		_, err = s.guests.DeleteEntity(ctx, r.partition, claimName, &aztables.DeleteEntityOptions{IfMatch: ifMatch(r.etag)})
		switch {
		case err == nil:
			forgotten++
		case hasCode(err, aztables.ResourceNotFound), problem.CodeOf(failure(doing, err)) == problem.Conflict:
			// Somebody has work with it.
		default:
			return forgotten, failure(doing, err)
		}
	}
	return forgotten, nil
}

// claimKey returns the key of an address: its SHA-256, because addresses may have characters that keys can't. No
// address at all would be one key for everybody.
func claimKey(address submission.Address) (string, error) {
	if address == (submission.Address{}) {
		return "", problem.New(problem.Internal, "there is no address")
	}
	sum := sha256.Sum256([]byte(address.String()))
	return hex.EncodeToString(sum[:]), nil
}

func encodeClaim(address submission.Address, claim request.Claim) (encoded []byte, key string, err error) {
	_, err = submission.ParseID(string(claim.Owner))
	if err != nil {
		return nil, "", err
	}
	key, err = claimKey(address)
	if err != nil {
		return nil, "", err
	}
	r := row{partition: key, name: claimName, columns: map[string]any{}}
	r.set(ownerColumn, string(claim.Owner))
	r.set(intentAtColumn, claim.IntentAt)
	r.set(guestIDColumn, claim.GuestID)
	r.set(mailedAtColumn, claim.MailedAt)
	if claim.Mails > 0 {
		r.set(mailsColumn, int32(claim.Mails))
	}
	if claim.OnlyMails() {
		r.set(onlyColumn, true)
	}
	encoded, err = r.encode()
	return encoded, key, err
}

func decodeClaim(r row) (request.Claim, error) {
	columns := reader{row: r}
	claim := request.Claim{
		Owner:    submission.ID(columns.text(ownerColumn)),
		IntentAt: columns.time(intentAtColumn),
		GuestID:  columns.text(guestIDColumn),
		MailedAt: columns.time(mailedAtColumn),
		Mails:    columns.count(mailsColumn),
		Version:  r.etag,
	}
	_, err := submission.ParseID(string(claim.Owner))
	if err != nil {
		columns.fail(ownerColumn, "no id of a request")
	}
	if columns.err != nil {
		return request.Claim{}, columns.err
	}
	return claim, nil
}
