package tables

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/google/uuid"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/web/session"
)

const (
	sessionName       = "session" // the RowKey; the PartitionKey is the session's key in hexadecimal
	personColumn      = "Person"
	groupsColumn      = "Groups" // 16 bytes for each group
	groupsKnownColumn = "GroupsKnown"
	guestColumn       = "Guest"
	untilColumn       = "Until"
)

// sessionFields returns the columns of a session that are texts and times.
func sessionFields(s *session.Session, roles *string) []field {
	return []field{
		{personColumn, &s.Person},
		{"Name", &s.Name},
		{"Roles", roles}, // with spaces between
		{untilColumn, &s.Until},
	}
}

// sessionPartition returns the PartitionKey of a session.
func sessionPartition(key session.Key) string { return hex.EncodeToString(key[:]) }

// SaveSession implements [session.Store].
func (s *Store) SaveSession(ctx context.Context, key session.Key, signedIn session.Session) error {
	const doing = "saving a session"
	groups, err := packGroups(signedIn.Groups)
	if err != nil {
		return failure(doing, err)
	}
	person, valid := policy.ParseGUID(signedIn.Person)
	if !valid || person != signedIn.Person || signedIn.Until.IsZero() {
		return problem.New(problem.Internal, "%s: the person is not a GUID in lower case, or there is no end", doing)
	}
	names := make([]string, len(signedIn.Roles))
	for i, role := range signedIn.Roles {
		names[i] = string(role)
	}
	roles := strings.Join(names, " ")
	r := newRow(sessionPartition(key), sessionName, sessionFields(&signedIn, &roles))
	if len(groups) > 0 {
		r.set(groupsColumn, groups)
	}
	r.set(groupsKnownColumn, signedIn.GroupsKnown)
	r.set(guestColumn, signedIn.Guest)
	return put(ctx, doing, s.sessions, r)
}

// packGroups returns the ids as bytes: a text of 4,096 GUIDs would not fit into a column.
func packGroups(groups []string) ([]byte, error) {
	if len(groups) > session.MaxGroups {
		return nil, problem.New(problem.Internal, "%d groups are more than %d", len(groups), session.MaxGroups)
	}
	packed := make([]byte, 0, len(groups)*len(uuid.UUID{}))
	for _, text := range groups {
		id, err := uuid.Parse(text)
		if err != nil || id.String() != text {
			return nil, problem.New(problem.Internal, "the id of a group is not a GUID in lower case")
		}
		packed = append(packed, id[:]...)
	}
	return packed, nil
}

// Session implements [session.Store]. It costs one call.
func (s *Store) Session(ctx context.Context, key session.Key) (session.Session, error) {
	const doing = "reading a session"
	stored, err := get(ctx, s.sessions, sessionPartition(key), sessionName)
	if err != nil {
		return session.Session{}, failure(doing, err)
	}
	return decodeSession(doing, stored)
}

func decodeSession(doing string, stored row) (session.Session, error) {
	var signedIn session.Session
	var roles string
	columns := reader{row: stored}
	columns.read(sessionFields(&signedIn, &roles))
	for _, role := range strings.Fields(roles) {
		signedIn.Roles = append(signedIn.Roles, session.Role(role))
	}
	signedIn.Groups = columns.groups(groupsColumn)
	signedIn.GroupsKnown, signedIn.Guest = columns.flag(groupsKnownColumn), columns.flag(guestColumn)
	person, valid := policy.ParseGUID(signedIn.Person)
	if !valid || person != signedIn.Person {
		columns.fail(personColumn, "an object id")
	}
	if signedIn.Until.IsZero() {
		columns.fail(untilColumn, "a time (Edm.DateTime)")
	}
	if columns.err != nil {
		return session.Session{}, failure(doing, columns.err)
	}
	return signedIn, nil
}

// flag returns the column's bool. A session without it is not ours.
func (r *reader) flag(column string) bool {
	value, ok := r.columns[column].(bool)
	if !ok {
		r.fail(column, "true or false")
	}
	return value
}

// groups returns the column's ids.
func (r *reader) groups(column string) []string {
	value, exists := r.columns[column]
	packed, ok := value.([]byte)
	const size = len(uuid.UUID{})
	if exists && !ok || len(packed)%size != 0 {
		r.fail(column, "a list of object ids (Edm.Binary)")
		return nil
	}
	var groups []string
	for ; len(packed) > 0; packed = packed[size:] {
		groups = append(groups, uuid.UUID(packed[:size]).String())
	}
	return groups
}

// EndSession implements [session.Store].
func (s *Store) EndSession(ctx context.Context, key session.Key) error {
	err := s.endSession(ctx, sessionPartition(key))
	if err != nil {
		return failure("ending a session", err)
	}
	return nil
}

// endSession removes the session of that partition, if there is one.
func (s *Store) endSession(ctx context.Context, partition string) error {
	_, err := s.sessions.DeleteEntity(ctx, partition, sessionName, nil)
	if hasCode(err, aztables.ResourceNotFound) {
		return nil
	}
	return err
}

// ForgetSessions implements [session.Store]. It costs one call, and one for each session that it
// removes. The service looks at rows for five seconds at most.
func (s *Store) ForgetSessions(ctx context.Context, before time.Time, from string, limit int) (next string, err error) {
	const doing = "forgetting old sessions"
	if limit <= 0 || before.Before(firstTime) {
		return "", nil
	}
	filter := fmt.Sprintf("%s le %s", untilColumn, odataTime(before))
	columns := "PartitionKey,RowKey," + untilColumn
	options := aztables.ListEntitiesOptions{Filter: &filter, Select: &columns, Top: s.scannedAtOnce(limit)}
	var found []string
	next, err = scan(ctx, doing, s.sessions, options, from, func(r row, err error) {
		// The emulator compares milliseconds only.
		until, isTime := r.columns[untilColumn].(time.Time)
		if err == nil && isTime && until.Before(before) {
			found = append(found, r.partition)
		}
	})
	if err != nil {
		return from, err
	}
	for _, partition := range found {
		err = s.endSession(ctx, partition)
		if err != nil {
			return from, failure(doing, err)
		}
	}
	return next, nil
}
