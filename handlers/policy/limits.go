package policy

import (
	"fmt"
	"time"

	"guestlist/handlers/submission"
)

// RowKey names a row. No two rows of the table have the same.
type RowKey struct {
	Partition string `json:"partition"`
	Name      string `json:"name"`
}

// Used is how much of a row's limits is taken.
type Used struct {
	Guests int // invited by the row in all
	Today  int // of these on the present [Day]
}

// Usage is what the counters of rows say. A row that is not in it counts as not read, which is not the same as unused.
type Usage map[RowKey]Used

// Limits is what the row that invites allows, as it stood when it decided. Zero: any number.
type Limits struct {
	Row       RowKey `json:"row"`
	MaxGuests int    `json:"maxGuests,omitempty"`
	MaxPerDay int    `json:"maxPerDay,omitempty"`
}

// Day returns the day whose seats an invitation at now takes: the date in UTC, such as 2026-05-31.
func Day(now time.Time) string { return now.UTC().Format(time.DateOnly) }

// Key returns the row's key.
func (r Row) Key() RowKey { return RowKey{r.Partition, r.Name} }

// limits returns the row's limits, nil if it has none.
func (r Row) limits() *Limits {
	if r.MaxGuests == 0 && r.MaxPerDay == 0 {
		return nil
	}
	return &Limits{r.Key(), r.MaxGuests, r.MaxPerDay}
}

// spent returns why the row may invite nobody more, as the rest of a sentence; "" if it may.
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

// Limited returns the keys of the rows whose counters [Decide] may ask for, for this submission and these rows at any time: of the
// rows that would invite and have limits, those that no other row keeps from deciding. They are few: mostly none or one.
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
