package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// FindBefore implements [request.Finder]. It looks at all requests.
func (s *Store) FindBefore(
	ctx context.Context, wanted request.Wanted, before submission.ID, _ time.Time, limit int,
) (request.Finding, error) {
	return get(ctx, s, "FindBefore", func() (request.Finding, error) {
		var found request.Finding
		ids := slices.Sorted(maps.Keys(s.requests))
		slices.Reverse(ids)
		for _, id := range ids {
			if before != "" && id >= before {
				continue
			}
			if s.readable(Record{Request: id}) != nil {
				found.Unreadable = append(found.Unreadable, id)
				continue
			}
			r := s.requests[id]
			if !wanted.Takes(r) {
				continue
			}
			if len(found.Requests) >= limit {
				found.Next = request.PlaceOf(found.Requests[limit-1].ID)
				break
			}
			found.Requests = append(found.Requests, copyRequest(r))
		}
		return found, nil
	})
}

// Referred implements [request.Finder].
func (s *Store) Referred(ctx context.Context, reference submission.Reference) ([]submission.ID, error) {
	return get(ctx, s, "Referred", func() ([]submission.ID, error) {
		var ids []submission.ID
		for id := range s.requests {
			if id.Reference() == reference {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids, nil
	})
}
