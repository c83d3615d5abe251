package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// ScanRequests implements [request.Records]. It looks at limit requests.
func (s *Store) ScanRequests(
	ctx context.Context, search request.Search, from request.Cursor, limit int,
) (request.Page, error) {
	return get(ctx, s, "ScanRequests", func() (request.Page, error) {
		ids := slices.Sorted(maps.Keys(s.requests))
		ids = slices.DeleteFunc(ids, func(id submission.ID) bool { return id <= from.After })
		var page request.Page
		page.Last = len(ids) <= limit
		for _, id := range atMost(limit, ids) {
			r := s.requests[id]
			b := request.Brief{ID: id, State: r.State, Since: r.Since, Changed: r.Changed, Due: r.Due, OwedSince: r.Owed.Since}
			if r.State == request.Review && r.Reviewing != nil {
				b.Stage = r.Reviewing.Since
			}
			switch s.spoilt[Record{Request: id}] {
			case someColumn:
				b.Fault = "a column is not what it should be"
			case everyColumn:
				b = request.Brief{ID: id, Fault: "the state is not what it should be"}
			}
			personal := r.Submission.Email != submission.Address{}
			if search.Finds(b, personal) {
				page.Found = append(page.Found, b)
			}
			page.Next.After = id
		}
		return page, nil
	})
}

// ForgetOldMails implements [request.Records]. Each page begins at the beginning.
func (s *Store) ForgetOldMails(
	ctx context.Context, before time.Time, _ request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	forgotten, err := get(ctx, s, "ForgetOldMails", func() (int, error) {
		return s.forgetMails(limit, func(_ submission.Address, claim request.Claim) bool {
			return claim.MailedAt.Before(before)
		}), nil
	})
	return request.Cursor{}, forgotten < limit, err
}

// ForgetMails implements [request.Records].
func (s *Store) ForgetMails(ctx context.Context, which request.Mails, limit int) (int, error) {
	return get(ctx, s, "ForgetMails", func() (int, error) {
		return s.forgetMails(limit, func(address submission.Address, claim request.Claim) bool {
			if !which.Fit(address, claim) {
				return false
			}
			delete(s.mailboxes, address)
			return true
		}), nil
	})
}

// forgetMails removes at most limit of the claims for mails only that fit and can be read, and
// returns how many. The caller holds s.mutex.
func (s *Store) forgetMails(limit int, fit func(submission.Address, request.Claim) bool) int {
	forgotten := 0
	for address, claim := range s.claims {
		if forgotten < limit && claim.OnlyMails() && s.readable(Record{Claim: address}) == nil && fit(address, claim) {
			delete(s.claims, address)
			forgotten++
		}
	}
	return forgotten
}

// Sweep implements [request.Records].
func (s *Store) Sweep(ctx context.Context) (request.Sweep, error) {
	return get(ctx, s, "Sweep", func() (request.Sweep, error) { return copySweep(s.sweep), nil })
}

// SaveSweep implements [request.Records].
func (s *Store) SaveSweep(ctx context.Context, sweep request.Sweep) (request.Sweep, error) {
	return get(ctx, s, "SaveSweep", func() (request.Sweep, error) {
		if sweep.Version != s.sweep.Version {
			return sweep, problem.New(problem.Conflict, "the sweep is saved as version %q, stored is %q", sweep.Version, s.sweep.Version)
		}
		toTicks(&sweep.Began, &sweep.Ended)
		sweep.Version = s.newVersion()
		s.sweep = copySweep(sweep)
		return sweep, nil
	})
}

func copySweep(sweep request.Sweep) request.Sweep {
	for _, tally := range []*request.Tally{&sweep.Tally, &sweep.Last} {
		tally.Overdue, tally.Examples = maps.Clone(tally.Overdue), slices.Clone(tally.Examples)
	}
	return sweep
}
