package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// noticeKey is the key of an entry of the outbox of notices.
type noticeKey struct {
	id   request.NoticeID
	mark string
}

func keyOf(entry request.NoticeEntry) noticeKey { return noticeKey{entry.ID(), entry.Mark} }

// asStored returns the entry as a store holds it.
func asStored(entry request.NoticeEntry) request.NoticeEntry {
	entry.NoticeProgress = entry.NoticeProgress.Clone()
	toTicks(&entry.Since, &entry.Deadline, &entry.At, &entry.Due)
	return entry
}

// PutNotices implements [request.Notices].
func (s *Store) PutNotices(ctx context.Context, entries []request.NoticeEntry) error {
	return s.do(ctx, "PutNotices", func() error {
		for _, entry := range entries {
			if _, there := s.notices[keyOf(asStored(entry))]; there {
				return nil // all of them are
			}
		}
		for _, entry := range entries {
			entry = asStored(entry)
			entry.Version = s.newVersion()
			s.notices[keyOf(entry)] = entry
		}
		return nil
	})
}

// Notice implements [request.Notices].
func (s *Store) Notice(ctx context.Context, id request.NoticeID, mark string) (request.NoticeEntry, error) {
	return get(ctx, s, "Notice", func() (request.NoticeEntry, error) {
		entry, there := s.notices[noticeKey{id, mark}]
		if !there {
			return request.NoticeEntry{}, problem.New(problem.NotFound, "the outbox has no such notice")
		}
		return asStored(entry), nil
	})
}

// DueNotices implements [request.Notices].
func (s *Store) DueNotices(ctx context.Context, now time.Time, limit int) ([]request.NoticeEntry, error) {
	return get(ctx, s, "DueNotices", func() ([]request.NoticeEntry, error) {
		var due []request.NoticeEntry
		for _, entry := range s.notices {
			if !entry.Due.After(now) {
				due = append(due, asStored(entry))
			}
		}
		slices.SortFunc(due, func(a, b request.NoticeEntry) int {
			return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID(), b.ID()), cmp.Compare(a.Mark, b.Mark))
		})
		return due[:max(0, min(limit, len(due)))], nil
	})
}

// SaveNotice implements [request.Notices].
func (s *Store) SaveNotice(ctx context.Context, entry request.NoticeEntry) (request.NoticeEntry, error) {
	return get(ctx, s, "SaveNotice", func() (request.NoticeEntry, error) {
		entry = asStored(entry)
		if stored, there := s.notices[keyOf(entry)]; !there || stored.Version != entry.Version {
			return request.NoticeEntry{}, problem.New(problem.Conflict, "the notice is no longer of version %q", entry.Version)
		}
		entry.Version = s.newVersion()
		s.notices[keyOf(entry)] = entry
		return asStored(entry), nil
	})
}

// RemoveNotice implements [request.Notices].
func (s *Store) RemoveNotice(ctx context.Context, entry request.NoticeEntry) error {
	return s.do(ctx, "RemoveNotice", func() error {
		key := keyOf(asStored(entry))
		stored, there := s.notices[key]
		if there && stored.Version != entry.Version {
			return problem.New(problem.Conflict, "the notice is no longer of version %q", entry.Version)
		}
		delete(s.notices, key)
		return nil
	})
}
