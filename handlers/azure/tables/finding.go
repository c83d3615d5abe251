package tables

import (
	"context"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// How much one part of a finding costs at most.
const (
	partCalls = 20 // calls of the service
	// windowCalls is how many of them one window of time may take. One with more records is too
	// long: its newest ones come last, so it is read anew as a shorter one.
	windowCalls = 3
	// partTime is for how long a page waits, however slow the service is, and windowTime for how
	// long a window may take, but for the call under way.
	partTime   = 15 * time.Second
	windowTime = 4 * time.Second
)

// How windows of time change.
const (
	windowGrows   = 4
	windowShrinks = 32
	leastWindow   = time.Second // ids have the second
)

// FindBefore implements [request.Finder]. It costs twenty calls at most. The service can't read
// backwards, so it reads windows of time: the hour before the place, then four hours before that
// and so on, each forwards, until there are enough. A window of thousands of records is cut down.
//
// The service filters by state. The rest is filtered here, because a filter is part of the call's
// URL, and URLs are in the logs of the service.
func (s *Store) FindBefore(
	ctx context.Context, wanted request.Wanted, before submission.ID, now time.Time, limit int,
) (found request.Finding, err error) {
	const doing = "looking for requests"
	if limit <= 0 {
		return request.Finding{}, nil
	}
	end := now
	if before != "" {
		end = before.Issued()
	}
	limited, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	place, length, grows := before, firstWindow, time.Duration(windowGrows)
	var fit time.Duration // the last length that was not too long
	for calls := 0; calls < partCalls; {
		start := end.Add(-length)
		last := now.Sub(start) > farthest || start.Unix() <= 0
		w := window{wanted: wanted, before: place, most: min(windowCalls, partCalls-calls)}
		if length <= leastWindow {
			w.most = partCalls - calls
		}
		if !last {
			from, err := firstID(start)
			if err != nil {
				return request.Finding{}, failure(doing, err)
			}
			w.from = submission.ID(from)
		}
		whole, err := w.read(limited, s, doing)
		calls += w.calls
		switch {
		case err != nil && limited.Err() != nil && ctx.Err() == nil:
			calls = partCalls // out of time: what was found until now counts
		case err != nil:
			return request.Finding{}, err
		case !whole && fit > 0 && fit < length:
			length, grows = fit, 1
		case !whole:
			length, fit = max(leastWindow, length/windowShrinks), 0
		default:
			place, end, fit, length = w.from, start, length, length*grows
			more := w.addTo(&found, limit)
			if more != "" || last {
				found.Next = more
				return found, nil
			}
			if len(found.Requests)+len(found.Unreadable) >= limit {
				calls = partCalls
			}
		}
	}
	if place == before {
		return request.Finding{}, problem.New(problem.StorageUnavailable, "%s: the service is too slow, or there are too many of one second", doing)
	}
	found.Next = place
	return found, nil
}

// window is a window of time that is read.
type window struct {
	wanted       request.Wanted
	from, before submission.ID // from "" is the first of all, and before "" is for no end
	most         int           // calls

	calls      int
	requests   []request.Request // the oldest first
	unreadable []submission.ID   // as they
}

// read reads the window. whole says that it was read to its end.
func (w *window) read(ctx context.Context, s *Store, doing string) (whole bool, err error) {
	filter := RequestFilter{States: w.wanted.States, Address: w.wanted.Address, Domain: w.wanted.Domain}
	text, size := filter.odata(string(w.from), string(w.before)), s.pageSize
	began := time.Now()
	for token := ""; w.calls < w.most && (w.calls == 0 || w.most > windowCalls || time.Since(began) < windowTime); {
		w.calls++
		options := aztables.ListEntitiesOptions{Filter: &text, Top: &size}
		token, err = scan(ctx, doing, s.requests, options, token, func(r row, err error) {
			if err != nil {
				return // no id, so nothing can be said of it
			}
			record, columns := readRequest(r)
			switch {
			case columns.err != nil:
				var f Found
				f.addUnreadable(record, filter)
				w.unreadable = append(w.unreadable, slices.Concat(f.Theirs, f.Unreadable)...)
			case w.wanted.Takes(record):
				w.requests = append(w.requests, record)
			}
		})
		if err != nil || token == "" {
			return err == nil, err
		}
	}
	return false, nil
}

// addTo adds the newest requests of the window, so that there are at most limit, and what can't be
// read among them. It returns the place before which the others are, "" if there are none.
func (w *window) addTo(found *request.Finding, limit int) (more submission.ID) {
	slices.Reverse(w.requests)
	slices.Reverse(w.unreadable)
	take := min(len(w.requests), limit-len(found.Requests))
	found.Requests = append(found.Requests, w.requests[:take]...)
	if take < len(w.requests) {
		more = request.PlaceOf(w.requests[take-1].ID)
		w.unreadable = slices.DeleteFunc(w.unreadable, func(id submission.ID) bool { return id < more })
	}
	found.Unreadable = append(found.Unreadable, w.unreadable...)
	return more
}

// Referred implements [request.Finder]. It costs a call for each thousand requests of the second.
func (s *Store) Referred(ctx context.Context, reference submission.Reference) ([]submission.ID, error) {
	const most = 1000
	found, err := s.FindRequests(ctx, reference.Issued(), RequestFilter{Reference: reference, Limit: most})
	if err != nil {
		return nil, err
	}
	ids := slices.Concat(found.Theirs, found.Unreadable)
	for _, r := range found.Requests {
		ids = append(ids, r.ID)
	}
	return ids, nil
}
