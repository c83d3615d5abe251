package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// EraseUnreadable implements [request.Store]. It changes single columns and understands no other.
func (s *Store) EraseUnreadable(ctx context.Context, id submission.ID, erasure request.Erasure) error {
	_, err := submission.StoredID(string(id))
	if err != nil {
		return failure("erasing a record", err)
	}
	doing := fmt.Sprintf("erasing the record of request %s", id)
	record, err := get(ctx, s.requests, string(id), recordName)
	if err != nil {
		return failure(doing, err)
	}
	_, columns := readRequest(record)
	if columns.err == nil {
		return problem.New(problem.Conflict, "%s: it can be read", doing)
	}
	if erasure.Data {
		err = s.noteGuest(ctx, record)
		if err != nil {
			return failure(doing, err)
		}
		record.erase()
		record.set(erasedColumn, erasure.At)
	}
	known := reader{row: record}
	if erasure.Wish.Open() && known.time(withdrawalColumn).IsZero() {
		record.set(withdrawalColumn, erasure.Wish.At)
		record.set(withdrawalByColumn, erasure.Wish.By)
		delete(record.columns, dueColumn)
	}
	if erasure.Mail.Open() && record.hasNone(withdrawalColumn, erasedColumn, resendColumn) {
		record.set(resendColumn, erasure.Mail.At)
		record.set(resendByColumn, erasure.Mail.By)
		if state, _ := record.columns[stateColumn].(string); request.State(state).HearsWishes() {
			delete(record.columns, dueColumn)
		}
	}
	_, err = replace(ctx, doing, s.requests, record, record.etag)
	return err
}

// hasNone reports whether the row has none of the columns.
func (r row) hasNone(columns ...string) bool {
	return !slices.ContainsFunc(columns, func(column string) bool {
		_, exists := r.columns[column]
		return exists
	})
}

// noteGuest writes the guest that the claim of the request names into its record, if that names
// none. Of what can't be read nothing is known.
func (s *Store) noteGuest(ctx context.Context, record row) error {
	columns := reader{row: record}
	var address submission.Address
	columns.address(emailColumn, &address)
	guest := columns.text(guestIDColumn)
	if columns.err != nil || guest != "" || address == (submission.Address{}) {
		return nil
	}
	claim, err := s.ClaimOf(ctx, address)
	switch {
	case problem.CodeOf(err) == problem.RecordUnreadable:
		return nil
	case err != nil:
		return err
	case string(claim.Owner) == record.partition:
		record.set(guestIDColumn, claim.GuestID)
		record.set(originColumn, string(claim.Origin))
	}
	return nil
}

// erase removes the personal data from the record of a request, as [request.Change.Erase] does,
// without understanding the record.
func (r row) erase() {
	address, _ := r.columns[emailColumn].(string)
	for _, column := range personalColumns {
		delete(r.columns, column)
	}
	for _, column := range []string{checkColumn, resendColumn, resendByColumn, openTurnColumn, owedColumn, remindColumn} {
		delete(r.columns, column) // there is nothing left to do it with
	}
	r.dropNote()
	hide := request.Hider(address)
	for column, value := range r.columns {
		text, isText := value.(string)
		if isText {
			r.columns[column] = hide(text)
		}
	}
}

// dropNote removes the note of the person who approved. Of an approval that can't be understood
// nothing is left, since it may hold anything.
func (r row) dropNote() {
	approval, isText := r.columns[approvalColumn].(string)
	if !isText {
		return
	}
	var parts map[string]json.RawMessage
	err := json.Unmarshal([]byte(approval), &parts)
	if err == nil {
		maps.DeleteFunc(parts, func(name string, _ json.RawMessage) bool { return strings.EqualFold(name, "note") })
		err = r.setJSON(approvalColumn, parts)
	}
	if err != nil {
		delete(r.columns, approvalColumn)
	}
}

// Outline implements [request.Store].
func (s *Store) Outline(ctx context.Context, id submission.ID) (request.Outline, error) {
	doing := fmt.Sprintf("looking at the record of request %s", id)
	record, err := get(ctx, s.requests, string(id), recordName)
	if err != nil {
		return request.Outline{}, failure(doing, err)
	}
	r, columns := readRequest(record)
	outline := request.Outline{
		ID: id, State: r.State, Since: r.Since, GuestID: r.GuestID, Created: r.Created, Changed: r.Changed, Due: r.Due,
		Erased: r.Erased, Withdrawal: r.Withdrawal, Faults: columns.faults,
	}
	for _, column := range personalColumns {
		_, exists := record.columns[column]
		outline.Personal = outline.Personal || exists
	}
	return outline, nil
}
