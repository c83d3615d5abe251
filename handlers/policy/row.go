package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/submission"
)

// Mode says whether a row counts.
type Mode string

const (
	Enforce Mode = "enforce" // the row decides
	Audit   Mode = "audit"   // the row is tried and recorded, but never decides
)

// Row is a parsed policy row; see [Parse].
type Row struct {
	Raw

	Action   Action
	Mode     Mode
	Enabled  bool
	Priority int // 0 to MaxPriority; smaller first
	// The row applies from NotBefore to NotAfter, exclusive, in UTC. Zero means no limit.
	NotBefore, NotAfter time.Time
	Condition           Condition // must be true for the row to apply
	// InviteCode is the code that the partner must have given for the row to apply; empty: none.
	InviteCode submission.CodeHash
	// MaxGuests limits the guests that the row invites, MaxPerDay those of a [Day]; 0 is no limit.
	MaxGuests, MaxPerDay int
	Proof                Proof       // for an Action of Invite or Review
	ReviewRules          ReviewRules // for what waits for a person
	Terms                Terms
	Note                 string // the admins' own words, cut if long

	// For has the partitions in which a stray counts, a row whose PartitionKey matches no address:
	// those that it was likely meant for, or "*" if that is unknown and it does not invite. The row
	// of [Unlisted] counts for "everybody".
	For []string
	// Faults lists what was not understood. Such columns have their default; see [Decide].
	Faults []Fault
}

// Fault is something wrong with a row, for its author. It never repeats a cell's value.
type Fault struct {
	Column  string `json:"column"`  // the column's name, PartitionKey or RowKey
	Problem string `json:"problem"` // the rest of a sentence that begins with the column
	Advice  string `json:"advice"`  // what to write instead
}

// String returns the fault as one clause that may be logged.
func (f Fault) String() string {
	name := f.Column
	if !known(name) && name != PartitionKeyColumn && name != RowKeyColumn {
		name = QuoteName(name)
	}
	return "column " + name + " " + f.Problem + "; " + f.Advice
}

// maxUnknown is how many unknown columns of a row get a fault of their own. The rest share one.
const maxUnknown = 20

// Parse reads a row. It never fails: Faults lists what can't be understood, in the order of
// [Columns], then unknown columns by name. It is forgiving in types and never in meaning: see
// Columns.
//
// White space around a text is ignored. An empty text counts as not set. A text that is too long
// for its column is a fault and is not read. Any column that is not in Columns, in the same case,
// is a fault: a misspelt NotAfterColumn must not invite guests for ever.
//
// raw.Columns is kept, not copied, and not changed.
//
// A condition takes milliseconds to compile; a [Cache] does it once.
func Parse(raw Raw) Row {
	row := Row{Raw: raw}
	for _, c := range columns {
		if c.Default != "" {
			c.read(c.Default, &row)
		}
		cell := raw.Columns[c.Name]
		text, isText := cell.(string)
		if isText {
			cell = strings.TrimSpace(text)
		}
		var w *wrong
		switch {
		case cell != nil && cell != "":
			w = c.read(cell, &row)
		case c.Required:
			w = &wrong{problem: "is not set"}
		}
		if w != nil {
			row.Faults = append(row.Faults, Fault{c.Name, w.problem, cmp.Or(w.advice, "write "+c.Takes)})
		}
	}
	if !row.NotBefore.IsZero() && !row.NotAfter.IsZero() && !row.NotBefore.Before(row.NotAfter) {
		row.Faults = append(row.Faults, Fault{NotAfterColumn, "is not later than NotBefore, so the row could never apply",
			"write a later time, or set Enabled to false"})
	}
	if row.limits() != nil && clip(raw.Name, maxName) != raw.Name {
		row.Faults = append(row.Faults, Fault{RowKeyColumn, "is too long a name for a row whose guests are counted",
			"make the row anew with a shorter name, or remove MaxGuests and MaxPerDay"})
	}
	row.Faults = append(row.Faults, unknownColumns(raw.Columns)...)
	row.judgeKey()
	return row
}

// Disabled reports whether the row is switched off: Enabled was understood and is false.
func (r Row) Disabled() bool { return !r.Enabled }

// idle returns why a row without faults does not apply now, or "".
func (r Row) idle(now time.Time) string {
	switch {
	case !r.NotBefore.IsZero() && now.Before(r.NotBefore):
		return "it applies only from " + r.NotBefore.Format(time.RFC3339)
	case !r.NotAfter.IsZero() && !now.Before(r.NotAfter):
		return "it applied only until " + r.NotAfter.Format(time.RFC3339)
	default:
		return ""
	}
}

func unknownColumns(cells map[string]any) []Fault {
	var faults []Fault
	more := 0
	for _, name := range slices.Sorted(maps.Keys(cells)) {
		switch {
		case known(name):
		case len(faults) == maxUnknown:
			more++
		default:
			faults = append(faults, Fault{clip(name, maxName), "is not a column of a policy row", unknownAdvice(name)})
		}
	}
	if more > 0 {
		last := &faults[maxUnknown-1]
		last.Problem += fmt.Sprintf(", nor are %d more", more)
	}
	return faults
}

func unknownAdvice(name string) string {
	near := nearest(name)
	if near != "" {
		return "call it " + near + " if that is what was meant, or remove it"
	}
	return "remove it; the columns are " + listed(columnNames())
}

// nearest returns the known column that name is probably a misspelling of, or "".
func nearest(name string) string { return nearestOf(name, columnNames()) }

// nearestOf returns the one of the names that name is probably a misspelling of, or "".
func nearestOf(name string, names []string) string {
	const longest = 32 // a longer one resembles none
	if len(name) > longest {
		return ""
	}
	best, fewest := "", max(1, len(name)/3)+1 // few enough that ModeColumn does not become NoteColumn
	for _, known := range names {
		edits := distance(strings.ToLower(name), strings.ToLower(known))
		if edits < fewest {
			best, fewest = known, edits
		}
	}
	return best
}

// distance returns the optimal string alignment distance in bytes: how many insertions,
// deletions, substitutions and swaps of neighbours turn one text into the other.
func distance(from, to string) int {
	before, above, row := make([]int, len(to)+1), make([]int, len(to)+1), make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(from) {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range len(to) {
			cost := 1
			if from[i] == to[j] {
				cost = 0
			}
			row[j+1] = min(above[j]+cost, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && from[i] == to[j-1] && from[i-1] == to[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(to)]
}
