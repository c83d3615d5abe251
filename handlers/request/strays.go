package request

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

// A stray is a policy row under a key that no look-up finds; see [policy.Strays]. Upkeep looks
// through all rows for strays and keeps a list of them, because a decision reads the rows of a few
// partitions only.

const (
	// strayPages is how many pages of rows one search reads at most. The next goes on from there.
	strayPages = 20
	// scanTime limits one search. It is shorter than upkeep's patience, so that what was found
	// until then is saved. The service takes up to five seconds for a page.
	scanTime = 10 * time.Second
	// StrayLife is how long a list of strays is relied on, but for what a large table takes. Upkeep
	// makes a new one every minute.
	StrayLife = 10 * time.Minute
	// searchEvery is how often upkeep searches.
	searchEvery = time.Minute
	// maxStrayBytes limits a list of strays as JSON, so that a store can keep it in one place.
	maxStrayBytes = 24 * 1024
	// searchTries is how often a search begins again because another one has saved its list first.
	searchTries = 3
)

// Strays is what is known about strays. Its lists are at most maxStrayBytes as JSON.
type Strays struct {
	// Rows are the strays of the last search that came to the end.
	Rows []policy.Raw
	// Unlisted is how many there were besides.
	Unlisted int
	// Pages is how many pages that search had.
	Pages int
	// CheckedAt is when that search began; zero if there was none.
	CheckedAt time.Time
	// LoggedAt is when they were last logged.
	LoggedAt time.Time

	// Version is the mark of the list as it was read, empty if there was none.
	Version string

	// A search that is under way: where it goes on, when it began, and what it has found.
	Cursor        string
	Began         time.Time
	Found         []policy.Raw
	FoundUnlisted int
	FoundPages    int
}

// StrayStore finds and keeps strays. Errors are *problem.Error: StorageUnavailable.
// SaveStrays returns a Conflict if the stored list has another Version by now: a list of rows as
// they were earlier must not replace a newer one.
type StrayStore interface {
	// ScanRows returns policy rows from the cursor on, in any order and at most a thousand or so,
	// and the cursor of the rest, "" if there is none. The rows have their keys, their ETag and
	// [policy.StrayColumns]. The cursor "" is the beginning. Internal if the cursor is of no use
	// any more.
	ScanRows(ctx context.Context, cursor string) (rows []policy.Raw, next string, err error)
	// Strays returns what was saved last, the zero Strays if nothing was.
	Strays(ctx context.Context) (Strays, error)
	SaveStrays(ctx context.Context, strays Strays) error
}

// StrayFinder looks for strays.
type StrayFinder struct{ Store StrayStore }

// Search looks through the policy rows, a bounded number of pages at a time, saves what it finds
// and returns it. log, if set, is called before it is saved, with what was known before; it returns
// whether it has logged the strays. What a search without log finds is for the next one to log. A
// Conflict if other searches saved theirs again and again.
func (f StrayFinder) Search(
	ctx context.Context, now time.Time, log func(before, after Strays) bool,
) (strays Strays, err error) {
	for range searchTries {
		strays, err = f.search(ctx, now, log)
		if problem.CodeOf(err) != problem.Conflict {
			break
		}
	}
	return strays, err
}

func (f StrayFinder) search(
	ctx context.Context, now time.Time, log func(before, after Strays) bool,
) (Strays, error) {
	before, err := f.Store.Strays(ctx)
	if err != nil {
		return Strays{}, fmt.Errorf("reading the list of strays: %w", err)
	}
	strays, err := f.scan(ctx, before, now)
	if err != nil {
		return Strays{}, err
	}
	switch {
	case log != nil && log(before, strays):
		strays.LoggedAt = now
	case log == nil && !SameRows(before.All(), strays.All()):
		strays.LoggedAt = time.Time{}
	}
	err = f.Store.SaveStrays(ctx, strays)
	if err != nil {
		return Strays{}, fmt.Errorf("saving the list of strays: %w", err)
	}
	return strays, nil
}

// scan returns the strays after a bounded number of pages more. A slow service ends it earlier:
// what was read until then counts, and the next search goes on from there.
func (f StrayFinder) scan(ctx context.Context, strays Strays, now time.Time) (Strays, error) {
	limited, cancel := context.WithTimeout(ctx, scanTime)
	defer cancel()
	begin := func() {
		strays.Cursor, strays.Began, strays.Found, strays.FoundUnlisted, strays.FoundPages = "", now, nil, 0, 0
	}
	if strays.Cursor == "" {
		begin()
	}
	for page := range strayPages {
		rows, next, err := f.Store.ScanRows(limited, strays.Cursor)
		if err != nil && strays.Cursor != "" && problem.CodeOf(err) == problem.Internal {
			begin()
			rows, next, err = f.Store.ScanRows(limited, "")
		}
		switch {
		case err != nil && page > 0 && limited.Err() != nil && ctx.Err() == nil:
			return strays, nil
		case err != nil:
			return Strays{}, fmt.Errorf("looking through the policy rows: %w", err)
		}
		strays.add(policy.Strays(rows))
		strays.FoundPages++
		strays.Cursor = next
		if next == "" {
			strays.Rows, strays.Unlisted, strays.Pages = strays.Found, strays.FoundUnlisted, strays.FoundPages
			strays.CheckedAt, strays.Found, strays.FoundUnlisted, strays.FoundPages = strays.Began, nil, 0, 0
			break
		}
	}
	return strays, nil
}

// add adds rows to those found, as many as fit.
func (s *Strays) add(rows []policy.Raw) {
	for _, row := range rows {
		if s.FoundUnlisted > 0 {
			s.FoundUnlisted++
			continue
		}
		longer := append(s.Found, row)
		encoded, err := json.Marshal(longer)
		if err != nil || len(encoded) > maxStrayBytes {
			s.FoundUnlisted++
			continue
		}
		s.Found = longer
	}
}

// StrayRows implements [StrayRows] by the list. It costs one call while upkeep works, and searches
// itself if the list is not [Strays.Fresh]. An error if there is no newer list even then.
func (f StrayFinder) StrayRows(ctx context.Context, now time.Time) ([]policy.Raw, error) {
	strays, err := f.Store.Strays(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the list of strays: %w", err)
	}
	if !strays.Fresh(now) {
		strays, err = f.Search(ctx, now, nil)
		if problem.CodeOf(err) == problem.Conflict {
			strays, err = f.Store.Strays(ctx) // that of another search is as good
		}
		if err != nil {
			return nil, fmt.Errorf("searching for strays: %w", err)
		}
		if !strays.Fresh(now) {
			return nil, strays.NotFresh()
		}
	}
	return strays.All(), nil
}

// Fresh reports whether the list is new enough. A clock may be behind. A list is older by the time
// of a round when the round ends, and by that of two when the next one does, so large tables have
// that time on top of [StrayLife].
func (s Strays) Fresh(now time.Time) bool {
	further := (max(s.Pages, s.FoundPages) - 1) / strayPages // searches of a round, but the first
	return now.Sub(s.CheckedAt).Abs() <= StrayLife+2*time.Duration(further)*searchEvery
}

// NotFresh returns the error for a list that is not.
func (s Strays) NotFresh() error {
	since := "never"
	if !s.CheckedAt.IsZero() {
		since = "last from " + s.CheckedAt.UTC().Format(time.RFC3339) + " on"
	}
	return problem.New(problem.StorageUnavailable, "the keys of the policy rows were %s all checked", since)
}

// SameRows reports whether two lists have the same rows, whatever is in them.
func SameRows(a, b []policy.Raw) bool {
	return slices.EqualFunc(a, b, func(a, b policy.Raw) bool { return a.Key() == b.Key() })
}

// All returns all strays that are known. If there are some that are not listed, the first stands
// for them: [policy.Unlisted].
func (s Strays) All() []policy.Raw {
	var all []policy.Raw
	more := max(s.Unlisted, s.FoundUnlisted)
	if more > 0 {
		all = append(all, policy.Unlisted(more))
	}
	known := map[policy.RowKey]bool{}
	for _, rows := range [][]policy.Raw{s.Rows, s.Found} {
		for _, row := range rows {
			if !known[row.Key()] {
				known[row.Key()] = true
				all = append(all, row)
			}
		}
	}
	return all
}

// ListedStrays returns the strays among all rows as they count: as many as a list has room for, and
// the row that stands for the others.
func ListedStrays(rows []policy.Raw) []policy.Raw {
	var strays Strays
	strays.add(policy.Strays(rows))
	return strays.All()
}
