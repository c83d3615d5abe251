package tables

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// groupNamesPartition of table Tenant has a row for each id, so that a page of the reviews
	// reads the names that it shows by one query.
	groupNamesPartition = "group-names"
	groupRoundName      = "group-names" // in tenantPartition
	foundIDsColumn      = "FoundIDs"    // object ids as base64 of 16 bytes each
	idBytes             = 16
)

// ScanNaming implements [request.GroupNames]. A page costs one call.
func (s *Store) ScanNaming(ctx context.Context, cursor string) (rows []policy.Raw, next string, err error) {
	return s.scanRows(ctx, policy.NamingColumns(), cursor)
}

// groupNameFields returns the columns of an entry.
func groupNameFields(entry *request.GroupName) []field {
	return []field{{"Name", &entry.Name}, {"AskedAt", &entry.AskedAt}}
}

// GroupNames implements [request.GroupNames]. It costs one call for each thousand entries.
func (s *Store) GroupNames(ctx context.Context, first, last string, limit int) ([]request.GroupName, error) {
	if limit <= 0 {
		return nil, nil
	}
	filter := "PartitionKey eq " + rest.String(groupNamesPartition)
	if first != "" {
		filter += " and RowKey ge " + rest.String(first)
	}
	if last != "" {
		filter += " and RowKey le " + rest.String(last)
	}
	var entries []request.GroupName
	err := s.list(ctx, s.tenant, filter, nil, func(r row) error {
		entry := request.GroupName{ID: r.name}
		columns := reader{row: r}
		columns.read(groupNameFields(&entry))
		id, valid := policy.ParseGUID(r.name)
		if columns.err != nil || !valid || id != r.name {
			return nil // it is shown without a name
		}
		entries = append(entries, entry)
		if len(entries) == limit {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return nil, failure("reading the names of groups", err)
	}
	return entries, nil
}

// KeepGroupNames implements [request.GroupNames]. It costs one call for each hundred entries.
func (s *Store) KeepGroupNames(ctx context.Context, entries []request.GroupName) error {
	const doing = "keeping the names of groups"
	var actions []aztables.TransactionAction
	for _, entry := range entries {
		encoded, err := newRow(groupNamesPartition, entry.ID, groupNameFields(&entry)).encode()
		if err != nil {
			return failure(doing, err)
		}
		actions = append(actions, aztables.TransactionAction{ActionType: aztables.TransactionTypeInsertReplace, Entity: encoded})
	}
	return s.submitAll(ctx, doing, actions)
}

// submitAll does the actions on rows of one partition of table Tenant, a hundred at a time.
func (s *Store) submitAll(ctx context.Context, doing string, actions []aztables.TransactionAction) error {
	for len(actions) > 0 {
		n := min(len(actions), maxActions)
		_, err := submit(ctx, s.tenant, actions[:n])
		if err != nil {
			return failure(doing, err)
		}
		actions = actions[n:]
	}
	return nil
}

// DropGroupNames implements [request.GroupNames]. It costs one call for each hundred entries, and
// more if some of them are gone: the service then refuses all.
func (s *Store) DropGroupNames(ctx context.Context, ids []string) error {
	const doing = "removing the names of groups"
	for len(ids) > 0 {
		n := min(len(ids), maxActions)
		err := s.dropGroupNames(ctx, doing, ids[:n])
		if problem.CodeOf(err) == problem.NotFound {
			for _, id := range ids[:n] {
				err = s.dropGroupNames(ctx, doing, []string{id})
				if err != nil && problem.CodeOf(err) != problem.NotFound {
					return err
				}
			}
			err = nil
		}
		if err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// dropGroupNames removes the entries of all ids or of none.
func (s *Store) dropGroupNames(ctx context.Context, doing string, ids []string) error {
	var actions []aztables.TransactionAction
	for _, id := range ids {
		encoded, err := row{partition: groupNamesPartition, name: id}.encode()
		if err != nil {
			return failure(doing, err)
		}
		actions = append(actions, aztables.TransactionAction{ActionType: aztables.TransactionTypeDelete, Entity: encoded})
	}
	return s.submitAll(ctx, doing, actions)
}

// groupRoundFields returns the columns of the record of the rounds, but for the ids.
func groupRoundFields(round *request.GroupNameRound) []field {
	return []field{
		{"Began", &round.Began}, {"Part", (*string)(&round.Part)}, {"Cursor", &round.Cursor}, {"Beyond", (*optional)(&round.Beyond)},
	}
}

// GroupNameRound implements [request.GroupNames].
func (s *Store) GroupNameRound(ctx context.Context) (request.GroupNameRound, error) {
	const doing = "reading the record of the names of groups"
	stored, err := get(ctx, s.tenant, tenantPartition, groupRoundName)
	if hasCode(err, aztables.ResourceNotFound) {
		return request.GroupNameRound{}, nil
	}
	if err != nil {
		return request.GroupNameRound{}, failure(doing, err)
	}
	round := request.GroupNameRound{Version: stored.etag}
	columns := reader{row: stored}
	columns.read(groupRoundFields(&round))
	round.Found = decodeIDs(&columns)
	if columns.err != nil {
		// The next round makes it anew.
		return request.GroupNameRound{Version: stored.etag}, nil
	}
	return round, nil
}

// SaveGroupNameRound implements [request.GroupNames].
func (s *Store) SaveGroupNameRound(ctx context.Context, round request.GroupNameRound) error {
	const doing = "saving the record of the names of groups"
	r := newRow(tenantPartition, groupRoundName, groupRoundFields(&round))
	ids, err := encodeIDs(round.Found)
	if err != nil {
		return failure(doing, err)
	}
	r.set(foundIDsColumn, ids)
	_, err = s.addOrReplace(ctx, doing, s.tenant, r, round.Version)
	return err
}

// encodeIDs returns object ids as a text that is short enough for a column.
func encodeIDs(ids []string) (string, error) {
	var all []byte
	for _, id := range ids {
		raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
		if err != nil || len(raw) != idBytes {
			return "", problem.New(problem.Internal, "an object id is not a GUID")
		}
		all = append(all, raw...)
	}
	return base64.StdEncoding.EncodeToString(all), nil
}

// decodeIDs reads what encodeIDs wrote.
func decodeIDs(columns *reader) (ids []string) {
	all, err := base64.StdEncoding.DecodeString(columns.text(foundIDsColumn))
	if err != nil || len(all)%idBytes != 0 {
		columns.fail(foundIDsColumn, "object ids")
		return nil
	}
	for ; len(all) > 0; all = all[idBytes:] {
		text := hex.EncodeToString(all[:idBytes])
		ids = append(ids, strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-"))
	}
	return ids
}
