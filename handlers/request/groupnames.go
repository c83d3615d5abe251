package request

import (
	"cmp"
	"context"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// Policy rows name groups by object ids, and people who decide want to read names. Upkeep asks the
// directory for the names of the groups that rows name, and keeps them for the pages, which may not
// ask the directory. Names are for reading alone: nothing is decided by one.

const (
	// GroupNamesEvery is how often a round begins that looks which groups the rows name.
	GroupNamesEvery = time.Hour
	// GroupNameLife is after how long a name is asked for again. It is less than a day, so that
	// only a name which could not be asked for is older than one.
	GroupNameLife = 23 * time.Hour
	// MostGroupNames is how many ids of the rows are kept with their names. Others are shown
	// without.
	MostGroupNames = 1000
	// MostNamesAsked is for how many ids one run of upkeep asks the directory: five calls of Graph.
	MostNamesAsked = 75
	// maxGroupName is how long a name is kept, in characters. The directory takes 256.
	maxGroupName = 120
)

// GroupName is what is known about an object id that policy rows name.
type GroupName struct {
	ID string // in lower case
	// Name is the group's, as one line that can be shown; see [submission.ShownLine]. Its owners
	// chose it, so it proves nothing. Empty if the id is not a group that the app may read. Names
	// of people are never kept.
	Name    string
	AskedAt time.Time // when the directory was asked; zero if it was not yet
}

// NewGroupName returns a name as the directory has it in the form in which it is kept.
func NewGroupName(id, name string, at time.Time) GroupName {
	return GroupName{ID: id, Name: submission.ShownLine(name, maxGroupName), AskedAt: at}
}

// Due reports whether the directory is to be asked. A clock may be wrong.
func (n GroupName) Due(now time.Time) bool {
	return n.AskedAt.IsZero() || now.Sub(n.AskedAt).Abs() >= GroupNameLife
}

// GroupNamePart is what a round is at.
type GroupNamePart string

// The parts of a round, in their order.
const (
	GroupNamesOver GroupNamePart = ""      // no round is under way
	GroupNamesRows GroupNamePart = "rows"  // which ids the rows name
	GroupNamesAsk  GroupNamePart = "names" // what the directory calls them
)

// GroupNameRound is the record of the rounds.
type GroupNameRound struct {
	Began  time.Time // when the round under way began, or the last one
	Part   GroupNamePart
	Cursor string // where looking through the rows goes on
	// Found are the ids that were found until now, in lower case, sorted, at most
	// [MostGroupNames]. Beyond is how often there was another one.
	Found   []string
	Beyond  int
	Version string // the store's; empty if there is no record yet
}

// Due reports whether there is something to do. A part that this version does not know is none. A
// clock may be wrong.
func (r GroupNameRound) Due(now time.Time) bool {
	return r.underWay() || now.Sub(r.Began).Abs() >= GroupNamesEvery
}

func (r GroupNameRound) underWay() bool { return r.Part == GroupNamesRows || r.Part == GroupNamesAsk }

// Begin returns the round at its beginning, if none is under way.
func (r GroupNameRound) Begin(now time.Time) GroupNameRound {
	if r.underWay() {
		return r
	}
	return GroupNameRound{Began: now, Part: GroupNamesRows, Version: r.Version}
}

// Add adds the ids that rows name, as many as there is room for.
func (r GroupNameRound) Add(rows []policy.Raw) GroupNameRound {
	found := slices.Clone(r.Found)
	for _, id := range policy.Named(rows) {
		i, known := slices.BinarySearch(found, id)
		switch {
		case known:
		case len(found) == MostGroupNames:
			r.Beyond++
		default:
			found = slices.Insert(found, i, id)
		}
	}
	r.Found = found
	return r
}

// Compare returns which of the ids that were found have no entry yet, and which entries have an id
// that was not found.
func (r GroupNameRound) Compare(kept []GroupName) (missing []GroupName, gone []string) {
	known := map[string]bool{}
	for _, entry := range kept {
		known[entry.ID] = true
		if _, found := slices.BinarySearch(r.Found, entry.ID); !found {
			gone = append(gone, entry.ID)
		}
	}
	for _, id := range r.Found {
		if !known[id] {
			missing = append(missing, GroupName{ID: id})
		}
	}
	return missing, gone
}

// DueNames returns the entries for which the directory is to be asked, the longest due first, at
// most [MostNamesAsked], and whether there are more.
func DueNames(kept []GroupName, now time.Time) (due []GroupName, more bool) {
	for _, entry := range kept {
		if entry.Due(now) {
			due = append(due, entry)
		}
	}
	slices.SortFunc(due, func(a, b GroupName) int {
		return cmp.Or(a.AskedAt.Compare(b.AskedAt), cmp.Compare(a.ID, b.ID))
	})
	if len(due) > MostNamesAsked {
		return due[:MostNamesAsked], true
	}
	return due, false
}

// GroupNames keeps the names of groups. Errors are *problem.Error: StorageUnavailable, and Internal
// and Conflict where said below.
type GroupNames interface {
	// ScanNaming returns policy rows from the cursor on, as [StrayStore].ScanRows does, but with
	// [policy.NamingColumns].
	ScanNaming(ctx context.Context, cursor string) (rows []policy.Raw, next string, err error)
	// GroupNames returns the entries with ids from first to last, by id, at most limit. first ""
	// and last "" are no bounds. What can't be read is left out.
	GroupNames(ctx context.Context, first, last string, limit int) ([]GroupName, error)
	// KeepGroupNames writes the entries in place of those with their ids. Times are cut to 100 ns.
	// After an error some may be written.
	KeepGroupNames(ctx context.Context, entries []GroupName) error
	// DropGroupNames removes the entries with the ids, if there are any. After an error some may be
	// removed.
	DropGroupNames(ctx context.Context, ids []string) error
	// GroupNameRound returns the record as last saved, the zero record if there is none, or none
	// that can be read.
	GroupNameRound(ctx context.Context) (GroupNameRound, error)
	// SaveGroupNameRound replaces the record. Conflict if it no longer has round.Version.
	SaveGroupNameRound(ctx context.Context, round GroupNameRound) error
}
