package operate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/lint"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/problem"
)

// Options says how far a plan may go.
type Options struct {
	// Delete removes the rows that the file does not have. Without it they are left alone.
	Delete bool
	// Overwrite lets the file win over rows that were changed, made or deleted after it was exported: the way back to
	// an older export.
	Overwrite bool
}

// Plan is what has to happen to a table for it to become what a file says.
type Plan struct {
	Changes []Change `json:"changes"`
	// Kept is how many rows stand in the table only and stay, since nobody asked to delete them.
	Kept int `json:"kept"`
	// Unchanged is how many rows are the same in both.
	Unchanged int `json:"unchanged"`
	// NewErrors are the errors that lint finds in the rows as they would be and not in the rows as they are.
	NewErrors []lint.Finding `json:"newErrors"`
}

// Change is one row of a plan.
type Change struct {
	Kind      rowfile.Kind `json:"kind"`
	Partition string       `json:"partition"`
	Name      string       `json:"name"`
	Line      int          `json:"line,omitempty"` // in the file
	Cells     []CellChange `json:"cells"`
	// Conflict says why the row must not be touched without Options.Overwrite, as the rest of a sentence that begins
	// with the row.
	Conflict string `json:"conflict,omitempty"`

	difference rowfile.Difference
}

// CellChange is one column of a Change; nil where the row does not have it.
type CellChange struct {
	Column  string `json:"column"`
	Was     *Cell  `json:"was"`
	Becomes *Cell  `json:"becomes"`
}

// Cell is a value as a file has it; an invite code is [NotShown].
type Cell struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// NewPlan compares the table's rows, with their ETags, with those of the file, and looks at the outcome as lint does as
// of now.
func NewPlan(ctx context.Context, table []policy.Raw, file []rowfile.Row, options Options, now time.Time) (Plan, error) {
	plan := Plan{Changes: []Change{}, NewErrors: []lint.Finding{}}
	touched := map[[2]string]bool{}
	outcome := slices.Clone(table)
	for _, d := range rowfile.Compare(table, file) {
		key := [2]string{d.Partition, d.Name}
		touched[key] = true
		if d.Kind == rowfile.Removed && !options.Delete {
			plan.Kept++
			continue
		}
		change := Change{
			Kind: d.Kind, Partition: d.Partition, Name: d.Name, Line: d.Line, Cells: []CellChange{}, Conflict: d.Conflict,
			difference: d,
		}
		if options.Overwrite {
			change.Conflict = ""
		}
		for _, cell := range d.Cells {
			change.Cells = append(change.Cells, CellChange{
				Column: cell.Column, Was: newCell(cell.Column, cell.Was), Becomes: newCell(cell.Column, cell.Becomes),
			})
		}
		plan.Changes = append(plan.Changes, change)
		outcome = slices.DeleteFunc(outcome, func(row policy.Raw) bool {
			return row.Partition == d.Partition && row.Name == d.Name
		})
		if d.Becomes != nil {
			outcome = append(outcome, *d.Becomes)
		}
	}
	for _, row := range table {
		if !touched[[2]string{row.Partition, row.Name}] {
			plan.Unchanged++
		}
	}
	before, err := lintErrors(ctx, table, now)
	if err != nil {
		return Plan{}, err
	}
	after, err := lintErrors(ctx, outcome, now)
	if err != nil {
		return Plan{}, err
	}
	for _, finding := range after {
		if !slices.ContainsFunc(before, func(old lint.Finding) bool { return sameFinding(old, finding) }) {
			plan.NewErrors = append(plan.NewErrors, finding)
		}
	}
	return plan, nil
}

func newCell(column string, value any) *Cell {
	if value == nil {
		return nil
	}
	return &Cell{Type: rowfile.TypeOf(value), Text: shown(column, value)}
}

func lintErrors(ctx context.Context, rows []policy.Raw, now time.Time) ([]lint.Finding, error) {
	findings, err := lint.Check(ctx, lint.Config{Rows: Parse(rows), Now: now})
	if err != nil {
		return nil, fmt.Errorf("looking for faults: %w", err)
	}
	return slices.DeleteFunc(findings, func(f lint.Finding) bool { return f.Severity != lint.Error }), nil
}

// sameFinding reports whether two findings are the same fault of the same row, however it is worded.
func sameFinding(a, b lint.Finding) bool {
	return a.Partition == b.Partition && a.Row == b.Row && a.Column == b.Column && a.Rule == b.Rule
}

// Conflicts returns the changes that must not be made because the row moved under the file.
func (p Plan) Conflicts() []Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool { return c.Conflict == "" })
}

// Applied is what came of a plan.
type Applied struct {
	// Written are the changes that are in the table now.
	Written []Change `json:"written"`
	// Moved are the changes that are not, because somebody changed the row after the plan was made; Conflict says so.
	Moved []Change `json:"moved"`
	// Unwritten are those that were not tried, or that share a partition with one that moved: rows of a partition
	// change together or not at all.
	Unwritten []Change `json:"unwritten"`
}

// Apply carries out a plan of which nothing is in conflict. Rows of one partition change together, up to MaxChanges at
// a time; partitions that only lose rows come last, so that a row that moves to another partition is in neither for no
// moment. Every write is on condition that the row is as it was when the plan was made.
//
// A problem.Conflict means that a row moved meanwhile: Applied tells which, and what had been written before. Any other
// error may leave a part written too; a new plan tells how it stands.
func Apply(ctx context.Context, table Table, plan Plan) (Applied, error) {
	result := Applied{Written: []Change{}, Moved: []Change{}, Unwritten: []Change{}}
	if len(plan.Conflicts()) > 0 {
		return result, problem.New(problem.Conflict, "the plan has conflicts")
	}
	batches := batched(plan.Changes)
	for i, batch := range batches {
		var add, replace, remove []policy.Raw
		for _, change := range batch {
			switch change.Kind {
			case rowfile.Added:
				add = append(add, *change.difference.Becomes)
			case rowfile.Changed:
				replace = append(replace, *change.difference.Becomes)
			case rowfile.Removed:
				remove = append(remove, *change.difference.Was)
			}
		}
		err := table.ChangeRows(ctx, add, replace, remove)
		if err == nil {
			result.Written = append(result.Written, batch...)
			continue
		}
		result.Unwritten = slices.Concat(batches[i+1:]...)
		if problem.CodeOf(err) != problem.Conflict {
			result.Unwritten = append(slices.Clone(batch), result.Unwritten...)
			return result, err
		}
		standing, readErr := table.AllRows(ctx)
		if readErr != nil {
			result.Unwritten = append(slices.Clone(batch), result.Unwritten...)
			return result, readErr
		}
		moved, unmoved := movedSince(batch, standing)
		if len(moved) == 0 && len(unmoved) == 0 {
			// The answer to the first try was lost, and the second found what the first had done.
			result.Written = append(result.Written, batch...)
			result.Unwritten = []Change{}
			continue
		}
		result.Moved = moved
		result.Unwritten = append(unmoved, result.Unwritten...)
		return result, err
	}
	return result, nil
}

// batched returns the changes in the order in which they are to be made, in parts that can be made at once.
func batched(changes []Change) [][]Change {
	byPartition := map[string][]Change{}
	removing := map[string]bool{} // whether nothing else happens to the partition
	for _, change := range changes {
		_, known := removing[change.Partition]
		removing[change.Partition] = (removing[change.Partition] || !known) && change.Kind == rowfile.Removed
		byPartition[change.Partition] = append(byPartition[change.Partition], change)
	}
	last := map[bool]int{true: 1}
	partitions := slices.SortedFunc(maps.Keys(byPartition), func(a, b string) int {
		return cmp.Or(cmp.Compare(last[removing[a]], last[removing[b]]), cmp.Compare(a, b))
	})
	var batches [][]Change
	for _, partition := range partitions {
		batches = append(batches, slices.Collect(slices.Chunk(byPartition[partition], MaxChanges))...)
	}
	return batches
}

// movedSince parts the changes into those whose row is no longer as it was when the plan was made, and the rest. Both
// are empty if all are as they are to become.
func movedSince(batch []Change, standing []policy.Raw) (moved, rest []Change) {
	done := 0
	for _, change := range batch {
		row, found := keyed(standing, change.Partition, change.Name)
		var now []policy.Raw
		if found {
			now = append(now, row)
		}
		d := change.difference
		switch {
		case becameSo(d, now):
			done++
			rest = append(rest, change)
			continue
		case found == (d.Was != nil) && (!found || row.ETag == d.Was.ETag):
			rest = append(rest, change)
			continue
		case !found:
			change.Conflict = "was deleted by somebody else in the meantime"
		case d.Was == nil:
			change.Conflict = "was made by somebody else in the meantime"
		default:
			change.Conflict = "was changed by somebody else in the meantime"
		}
		moved = append(moved, change)
	}
	if done == len(batch) {
		return nil, nil
	}
	return moved, rest
}

// becameSo reports whether a row, none or one, is what the difference makes of it.
func becameSo(d rowfile.Difference, now []policy.Raw) bool {
	if d.Becomes == nil {
		return len(now) == 0
	}
	return len(now) == 1 && len(rowfile.Compare(now, []rowfile.Row{{Raw: *d.Becomes}})) == 0
}
