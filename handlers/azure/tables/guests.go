package tables

import (
	"context"
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
	mailedAtColumn = "MailedAt"
	mailedBefore   = "MailedBefore" // times, with spaces between
	onlyColumn     = "MailsOnly"    // true where request.Claim.OnlyMails is, so that the service can filter by it
)

// claimFields returns the columns of a claim, but for MailsOnly and MailedBefore. A row without
// State was written before claims had one.
func claimFields(claim *request.Claim) []field {
	return []field{
		{stateColumn, (*string)(&claim.State)},
		{ownerColumn, (*string)(&claim.Owner)},
		{"IntentAt", &claim.IntentAt},
		{guestIDColumn, &claim.GuestID},
		{"SentAt", &claim.SentAt},
		{originColumn, (*string)(&claim.Origin)},
		{mailedAtColumn, &claim.MailedAt},
		{"Mails", (*optional)(&claim.Mails)},
	}
}

// claimRounds is how often Claim looks again when a claim vanishes between "there is one" and
// reading it.
const claimRounds = 3

// Claim implements [request.Store]. created is false also if the answer was lost and the SDK's
// second try found the row. The address itself is not stored.
func (s *Store) Claim(
	ctx context.Context, address submission.Address, made request.Claim,
) (claim request.Claim, created bool, err error) {
	const doing = "claiming an address"
	r, err := encodeClaim(address, made)
	if err != nil {
		return request.Claim{}, false, failure(doing, err)
	}
	encoded, err := r.encode()
	if err != nil {
		return request.Claim{}, false, failure(doing, err)
	}
	for range claimRounds {
		added, err := s.guests.AddEntity(ctx, encoded, nil)
		if err == nil {
			r.etag = string(added.ETag)
			claim, err = decodeClaim(doing, r)
			return claim, err == nil, err
		}
		if !hasCode(err, aztables.EntityAlreadyExists) {
			return request.Claim{}, false, failure(doing, err)
		}
		stored, err := get(ctx, s.guests, r.partition, claimName)
		if hasCode(err, aztables.ResourceNotFound) {
			continue
		}
		if err != nil {
			return request.Claim{}, false, failure(doing, err)
		}
		claim, err = decodeClaim(doing, stored)
		return claim, false, err
	}
	return request.Claim{}, false, problem.New(problem.StorageUnavailable, "%s: others claim and release it all the time", doing)
}

// ClaimOf implements [request.Store].
func (s *Store) ClaimOf(ctx context.Context, address submission.Address) (request.Claim, error) {
	const doing = "reading a claim"
	key, err := claimKey(address)
	if err != nil {
		return request.Claim{}, failure(doing, err)
	}
	stored, err := get(ctx, s.guests, key, claimName)
	if hasCode(err, aztables.ResourceNotFound) {
		return request.Claim{}, nil
	}
	if err != nil {
		return request.Claim{}, failure(doing, err)
	}
	return decodeClaim(doing, stored)
}

// UpdateClaim implements [request.Store]. After a problem.Conflict or a
// problem.StorageUnavailable the caller must ask Claim: the update may have been written, and the
// answer lost.
func (s *Store) UpdateClaim(ctx context.Context, address submission.Address, claim request.Claim) (request.Claim, error) {
	const doing = "updating a claim"
	r, err := encodeClaim(address, claim)
	if err != nil {
		return request.Claim{}, failure(doing, err)
	}
	r, err = replace(ctx, doing, s.guests, r, claim.Version)
	if err != nil {
		return request.Claim{}, err
	}
	return decodeClaim(doing, r)
}

// Release implements [request.Store].
func (s *Store) Release(ctx context.Context, address submission.Address, claim request.Claim) error {
	const doing = "releasing a claim"
	key, err := claimKey(address)
	if err != nil {
		return failure(doing, err)
	}
	err = remove(ctx, doing, s.guests, key, claimName, claim.Version)
	if problem.CodeOf(err) == problem.NotFound {
		return nil
	}
	return err
}

// ForgetMails implements [request.Records]. If it is interrupted a mailbox may be forgotten whose
// claim is not.
func (s *Store) ForgetMails(ctx context.Context, which request.Mails, limit int) (int, error) {
	const doing = "forgetting the mails of addresses"
	if !which.Any() || limit <= 0 {
		return 0, nil
	}
	filter, err := mailsFilter(which)
	if err != nil {
		return 0, failure(doing, err)
	}
	var found []row
	err = s.list(ctx, s.guests, filter, nil, func(r row) error {
		claim, err := decodeClaim(doing, r)
		// The address is not in the row: the filter's key stands for it.
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
	for _, r := range found {
		err = s.dropMailbox(ctx, r.partition)
		if err != nil {
			return 0, failure(doing, err)
		}
	}
	return s.forgetClaims(ctx, doing, found)
}

// ForgetOldMails implements [request.Records]. It costs one call, and one for each claim that it
// removes.
func (s *Store) ForgetOldMails(
	ctx context.Context, before time.Time, from request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	const doing = "forgetting old mails"
	if limit <= 0 || before.Before(firstTime) {
		return request.Cursor{}, true, nil
	}
	filter := fmt.Sprintf("RowKey eq %s and %s eq true and %s le %s",
		rest.String(claimName), onlyColumn, mailedAtColumn, odataTime(before))
	options := aztables.ListEntitiesOptions{Filter: &filter, Top: s.scannedAtOnce(limit)}
	var found []row
	token, err := scan(ctx, doing, s.guests, options, from.Token, func(r row, err error) {
		if err != nil {
			return
		}
		claim, err := decodeClaim(doing, r)
		// The emulator compares milliseconds only.
		if err == nil && claim.OnlyMails() && claim.MailedAt.Before(before) {
			found = append(found, r)
		}
	})
	if err != nil {
		return from, false, err
	}
	_, err = s.forgetClaims(ctx, doing, found)
	if err != nil {
		return from, false, err
	}
	return request.Cursor{Token: token}, token == "", nil
}

// forgetClaims removes those of the claims that have not changed meanwhile.
func (s *Store) forgetClaims(ctx context.Context, doing string, claims []row) (forgotten int, err error) {
	for _, r := range claims {
		err = remove(ctx, doing, s.guests, r.partition, claimName, r.etag)
		switch problem.CodeOf(err) {
		case "":
			forgotten++
		case problem.NotFound, problem.Conflict:
			// A request is working with it.
		default:
			return forgotten, err
		}
	}
	return forgotten, nil
}

// mailsFilter returns the filter for the claims that may be meant.
func mailsFilter(which request.Mails) (string, error) {
	filter := fmt.Sprintf("RowKey eq %s and %s eq true", rest.String(claimName), onlyColumn)
	if which.Address != (submission.Address{}) {
		key, err := claimKey(which.Address)
		if err != nil {
			return "", err
		}
		filter = fmt.Sprintf("PartitionKey eq %s and %s", rest.String(key), filter)
	}
	if which.Owner != "" {
		filter += fmt.Sprintf(" and %s eq %s", ownerColumn, rest.String(string(which.Owner)))
	}
	return filter, nil
}

// claimKey returns the key of an address: its SHA-256, because addresses may have characters that
// keys can't. The zero address has none, because all requests without an address would share it.
func claimKey(address submission.Address) (string, error) {
	if address == (submission.Address{}) {
		return "", problem.New(problem.Internal, "there is no address")
	}
	return hashed(address.String()), nil
}

func encodeClaim(address submission.Address, claim request.Claim) (row, error) {
	_, err := submission.StoredID(string(claim.Owner))
	if err != nil {
		return row{}, err
	}
	err = claim.Check()
	if err != nil {
		return row{}, err
	}
	key, err := claimKey(address)
	if err != nil {
		return row{}, err
	}
	r := newRow(key, claimName, claimFields(&claim))
	r.set(mailedBefore, joinTimes(claim.MailedBefore[:]))
	if claim.OnlyMails() {
		r.set(onlyColumn, true)
	}
	return r, nil
}

func decodeClaim(doing string, r row) (request.Claim, error) {
	claim := request.Claim{Version: r.etag}
	columns := reader{row: r}
	columns.read(claimFields(&claim))
	columns.times(mailedBefore, claim.MailedBefore[:])
	_, err := submission.StoredID(string(claim.Owner))
	if err != nil {
		columns.fail(ownerColumn, "the id of a request")
	}
	if columns.err != nil {
		return request.Claim{}, failure(doing, columns.err)
	}
	if claim.State == request.ClaimFree {
		claim = claim.Derive()
	}
	err = claim.Check()
	if err != nil {
		return request.Claim{}, problem.New(problem.RecordUnreadable, "%s: %w", doing, err)
	}
	return claim, nil
}
