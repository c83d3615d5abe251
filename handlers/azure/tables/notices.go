package tables

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// noticesPartition holds all entries of the outbox, so that one query finds those that are due, and
// one transaction puts several.
const noticesPartition = "outbox"

const noticeRequestColumn, noticeProgressColumn = "Request", "Progress"

// noticeFields returns the columns of an entry, but for JSON and the request.
func noticeFields(entry *request.NoticeEntry) []field {
	return []field{
		{stageColumn, &entry.Stage},
		{sinceColumn, &entry.Since},
		{"Kind", (*string)(&entry.Kind)},
		{"Deadline", &entry.Deadline},
		{"Mark", &entry.Mark},
		{"PutAt", &entry.At},
		{dueColumn, &entry.Due},
		{"Tries", (*optional)(&entry.Tries)},
	}
}

// noticeName returns the key of the row of an entry.
func noticeName(id request.NoticeID, mark string) string { return string(id) + "." + mark }

// noticeRow returns the row of an entry. Times are cut to 100 ns.
func noticeRow(entry request.NoticeEntry) (row, error) {
	_, err := submission.StoredID(string(entry.Request))
	if err != nil {
		return row{}, err
	}
	entry.Since, entry.Deadline = toTick(entry.Since), toTick(entry.Deadline)
	r := newRow(noticesPartition, noticeName(entry.ID(), entry.Mark), noticeFields(&entry))
	r.set(noticeRequestColumn, string(entry.Request))
	if len(entry.Told)+len(entry.Spared)+len(entry.Intents)+len(entry.Only)+len(entry.Denied) > 0 || entry.Limited {
		err = r.setJSON(noticeProgressColumn, entry.NoticeProgress)
	}
	return r, err
}

// decodeNotice reads an entry. read is false for a row that this program did not write.
func decodeNotice(r row) (entry request.NoticeEntry, read bool) {
	columns := reader{row: r}
	columns.read(noticeFields(&entry))
	columns.json(noticeProgressColumn, &entry.NoticeProgress, "who was told")
	id, err := submission.StoredID(columns.text(noticeRequestColumn))
	entry.Request, entry.Version = id, r.etag
	sound := err == nil && columns.err == nil && entry.Stage >= request.FirstStage && !entry.Since.IsZero() &&
		slices.Contains(request.NoticeKinds(), entry.Kind) && r.name == noticeName(entry.ID(), entry.Mark)
	return entry, sound
}

// PutNotices implements [request.Notices]. It costs one call.
func (s *Store) PutNotices(ctx context.Context, entries []request.NoticeEntry) error {
	const doing = "putting notices into the outbox"
	var actions []aztables.TransactionAction
	var rows []row
	for _, entry := range entries {
		r, err := noticeRow(entry)
		var encoded []byte
		if err == nil {
			encoded, err = r.encode()
		}
		if err != nil {
			return failure(doing, err)
		}
		rows = append(rows, r)
		actions = append(actions, aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd, Entity: encoded})
	}
	var err error
	switch len(rows) {
	case 0:
		return nil
	case 1:
		_, err = add(ctx, doing, s.notices, rows[0])
	default:
		_, err = submit(ctx, s.notices, actions)
		if err != nil {
			err = failure(doing, err)
		}
	}
	if problem.CodeOf(err) == problem.Conflict {
		return nil // an earlier attempt has put them
	}
	return err
}

// Notice implements [request.Notices].
func (s *Store) Notice(ctx context.Context, id request.NoticeID, mark string) (request.NoticeEntry, error) {
	const doing = "reading a notice in the outbox"
	stored, err := get(ctx, s.notices, noticesPartition, noticeName(id, mark))
	if err != nil {
		return request.NoticeEntry{}, failure(doing, err)
	}
	entry, read := decodeNotice(stored)
	if !read {
		return request.NoticeEntry{}, problem.New(problem.NotFound, "%s: this program did not write it", doing)
	}
	return entry, nil
}

// DueNotices implements [request.Notices]. It reads every entry whose time has come, because the
// service can't sort.
func (s *Store) DueNotices(ctx context.Context, now time.Time, limit int) ([]request.NoticeEntry, error) {
	if limit <= 0 || now.Before(firstTime) {
		return nil, nil
	}
	filter := fmt.Sprintf("PartitionKey eq %s and %s le %s", rest.String(noticesPartition), dueColumn, odataTime(now))
	var due []request.NoticeEntry
	err := s.list(ctx, s.notices, filter, nil, func(r row) error {
		entry, read := decodeNotice(r)
		if !read {
			s.log.WarnContext(ctx, "table Notices has a row that this program did not write: delete it", "table", noticesTable)
			return nil
		}
		if !entry.Due.After(now) { // the emulator compares milliseconds only
			due = append(due, entry)
		}
		return nil
	})
	if err != nil {
		return nil, failure("listing the notices that are due", err)
	}
	slices.SortFunc(due, func(a, b request.NoticeEntry) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID(), b.ID()), strings.Compare(a.Mark, b.Mark))
	})
	return due[:min(limit, len(due))], nil
}

// SaveNotice implements [request.Notices].
func (s *Store) SaveNotice(ctx context.Context, entry request.NoticeEntry) (request.NoticeEntry, error) {
	const doing = "saving a notice in the outbox"
	r, err := noticeRow(entry)
	if err != nil {
		return request.NoticeEntry{}, failure(doing, err)
	}
	r, err = replace(ctx, doing, s.notices, r, entry.Version)
	if err != nil {
		return request.NoticeEntry{}, err
	}
	saved, _ := decodeNotice(r)
	return saved, nil
}

// RemoveNotice implements [request.Notices].
func (s *Store) RemoveNotice(ctx context.Context, entry request.NoticeEntry) error {
	entry.Since, entry.Deadline = toTick(entry.Since), toTick(entry.Deadline)
	err := remove(ctx, "removing a notice from the outbox", s.notices, noticesPartition, noticeName(entry.ID(), entry.Mark), entry.Version)
	if problem.CodeOf(err) == problem.NotFound {
		return nil
	}
	return err
}
