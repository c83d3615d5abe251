package policy

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"guestlist/handlers/submission"
)

// RowKey identifies a row of the table.
type RowKey struct {
	Partition string `json:"partition"`
	Name      string `json:"name"`
}

// Used is how many seats of a row are taken.
type Used struct {
	Guests int // in all
	Today  int // on the present [Day]
}

// Usage has the counters of rows. A row that is not in it was not read, and may be in use.
type Usage map[RowKey]Used

// Limits are the limits of the deciding row at the time of the decision. Zero: any number.
type Limits struct {
	Row       RowKey `json:"row"`
	MaxGuests int    `json:"maxGuests,omitempty"`
	MaxPerDay int    `json:"maxPerDay,omitempty"`
}

// Day returns the day on which an invitation at now counts: the date in UTC, such as 2026-05-31.
func Day(now time.Time) string { return now.UTC().Format(time.DateOnly) }

// limits returns the row's limits, nil if it has none.
func (r Row) limits() *Limits {
	if r.MaxGuests == 0 && r.MaxPerDay == 0 {
		return nil
	}
	return &Limits{r.Key(), r.MaxGuests, r.MaxPerDay}
}

// spent returns why the row may not invite anybody else, as the rest of a sentence; "" if it may.
func (r Row) spent(usage Usage) string {
	limits := r.limits()
	if limits == nil {
		return ""
	}
	used, read := usage[limits.Row]
	switch {
	case !read || used.Guests < 0 || used.Today < 0:
		return "how many of its seats are taken could not be read"
	case r.MaxGuests > 0 && used.Guests >= r.MaxGuests:
		return fmt.Sprintf("all its seats (%d) are taken", r.MaxGuests)
	case r.MaxPerDay > 0 && used.Today >= r.MaxPerDay:
		return fmt.Sprintf("all its seats for today (%d) are taken", r.MaxPerDay)
	default:
		return ""
	}
}

// Limited returns the keys of the rows whose counters [Decide] needs, at any time: of those with
// limits that would invite, the ones that no other row keeps from deciding. Mostly none or one.
func Limited(rows []Row, s submission.Submission) []RowKey {
	var keys []RowKey
	asked := question{code: s.InviteCode, who: applicantOf(s)}
	for _, p := range placesOf(Partitions(s.Email), rows) {
		c := p.candidate(rows)
		if c.row.Mode == Audit || c.row.Disabled() {
			continue
		}
		if len(c.faults) > 0 {
			break // it decides
		}
		skipped, failed := c.unfit(asked)
		if skipped != "" {
			continue
		}
		if failed == "" && c.row.Action == Invite && c.row.limits() != nil {
			keys = append(keys, c.row.Key())
		}
		if c.row.NotBefore.IsZero() && c.row.NotAfter.IsZero() {
			break // it decides
		}
	}
	return keys
}

// MaxRows is the most rows of one partition. An adapter refuses to read more, not only a part.
const MaxRows = 1000

// MaxChanges is the most rows in a transaction of Table Storage, which changes all or none.
// MaxChangeBytes limits their size as JSON; the rest of the service's 4 MiB is for what is around
// it.
const (
	MaxChanges     = 100
	MaxChangeBytes = 3_500_000
)

// Compare orders keys by partition, then by name.
func (k RowKey) Compare(other RowKey) int {
	return cmp.Or(cmp.Compare(k.Partition, other.Partition), cmp.Compare(k.Name, other.Name))
}

// Key returns the row's key.
func (r Raw) Key() RowKey { return RowKey{r.Partition, r.Name} }

// Rank returns the row's place in its partition before names count, the smallest first: -1 for an
// enabled row with a fault, else its Priority. A name that comes twice is a fault too.
func (r *Row) Rank(twice bool) int {
	if !r.Disabled() && (twice || !r.sound()) {
		return -1 // before every Priority
	}
	return r.Priority
}

// The kinds of partition keys, the most specific first.
const (
	ForAddress = iota
	ForDomain
	ForWildcard
	ForEverybody
	ForNobody // the empty key
)

// Breadth returns the kind of a partition key. A malformed key has the kind that it resembles.
func Breadth(partition string) int {
	switch {
	case partition == "":
		return ForNobody
	case partition == anyone:
		return ForEverybody
	case strings.HasPrefix(partition, "*"):
		return ForWildcard
	case strings.Contains(partition, "@"):
		return ForAddress
	default:
		return ForDomain
	}
}
