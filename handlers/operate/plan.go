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

// PlanOptions says what a plan may do.
type PlanOptions struct {
	Delete bool // delete the rows that the file does not have
	// Overwrite replaces also rows that changed after the export: the way back to an older file.
	Overwrite bool
}

// Plan is the changes that make a table equal to a file.
type Plan struct {
	Changes   []Change `json:"changes"`
	Kept      int      `json:"kept"`      // rows in the table only, which stay without Delete
	Unchanged int      `json:"unchanged"` // rows that are the same in both
	// NewErrors are the errors that lint finds in the changed rows and not in the present ones.
	NewErrors []lint.Finding `json:"newErrors"`
}

// Change is one row of a plan.
type Change struct {
	Kind      rowfile.Kind `json:"kind"`
	Partition string       `json:"partition"`
	Name      string       `json:"name"`
	Line      int          `json:"line,omitempty"` // in the file
	Cells     []CellChange `json:"cells"`
	// Conflict says, after the row's name, why the row must not be changed without Overwrite.
	Conflict string `json:"conflict,omitempty"`

	difference rowfile.Difference
}

// CellChange is one column of a Change; nil if the row does not have it.
type CellChange struct {
	Column  string `json:"column"`
	Was     *Cell  `json:"was"`
	Becomes *Cell  `json:"becomes"`
}

// Cell is a value as in a file; an invite code is [policy.NotShown].
type Cell struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// NewPlan compares the table's rows, with ETags, with a file's, and lints the result as of now.
func NewPlan(ctx context.Context, table []policy.Raw, file []rowfile.Row, options PlanOptions, now time.Time) (Plan, error) {
	plan := Plan{Changes: []Change{}, Unchanged: len(table)}
	outcome := slices.Clone(table)
	for _, d := range rowfile.Compare(table, file) {
		if d.Was != nil {
			plan.Unchanged--
		}
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
		key := policy.RowKey{Partition: d.Partition, Name: d.Name}
		outcome = slices.DeleteFunc(outcome, func(row policy.Raw) bool { return row.Key() == key })
		if d.Becomes != nil {
			outcome = append(outcome, *d.Becomes)
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
	plan.NewErrors = slices.DeleteFunc(after, func(found lint.Finding) bool {
		return slices.ContainsFunc(before, func(old lint.Finding) bool { return sameFinding(old, found) })
	})
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
		return nil, fmt.Errorf("linting the rows: %w", err)
	}
	return slices.DeleteFunc(findings, func(f lint.Finding) bool { return f.Severity != lint.Error }), nil
}

// sameFinding reports whether two findings are the same fault of the same row, in whatever words.
func sameFinding(a, b lint.Finding) bool {
	return a.Partition == b.Partition && a.Row == b.Row && a.Column == b.Column && a.Rule == b.Rule
}

// Conflicts returns the changes of rows that were changed after the file was exported.
func (p Plan) Conflicts() []Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool { return c.Conflict == "" })
}

// Applied is the result of a plan.
type Applied struct {
	Written []Change `json:"written"` // changes that are in the table
	// Moved are not, because somebody changed the row after the plan was made; Conflict says so.
	Moved     []Change `json:"moved"`
	Unwritten []Change `json:"unwritten"` // not tried, or in the partition of one that moved
}

// Apply carries out a plan without conflicts. Rows of one partition change together, up to
// [policy.MaxChanges] at a time. Partitions that only lose rows come last, so a row that moves to
// another partition is always in one of them. Every write requires that the row is as it was when
// the plan was made.
//
// A problem.Conflict means that a row was changed since: Applied tells which, and what was
// written before. After any other error a part may be written too; a new plan tells.
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
		result.Unwritten = slices.Concat(batches[i:]...)
		if problem.CodeOf(err) != problem.Conflict {
			return result, err
		}
		standing, readErr := table.AllRows(ctx)
		if readErr != nil {
			return result, readErr
		}
		moved, unmoved := movedSince(batch, standing)
		if len(moved) == 0 && len(unmoved) == 0 {
			// The answer to the first attempt was lost, and the second found its effect.
			result.Written = append(result.Written, batch...)
			result.Unwritten = []Change{}
			continue
		}
		result.Moved = moved
		result.Unwritten = append(unmoved, slices.Concat(batches[i+1:]...)...)
		return result, err
	}
	return result, nil
}

// batched returns the changes in their order, in parts that are made at once.
func batched(changes []Change) [][]Change {
	byPartition := map[string][]Change{}
	removing := map[string]bool{} // partitions that only lose rows
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
		batches = append(batches, slices.Collect(slices.Chunk(byPartition[partition], policy.MaxChanges))...)
	}
	return batches
}

// movedSince splits off the changes whose row has changed since. Both are empty if all are done.
func movedSince(batch []Change, standing []policy.Raw) (moved, rest []Change) {
	done := 0
	for _, change := range batch {
		row, found := find(standing, policy.RowKey{Partition: change.Partition, Name: change.Name})
		d := change.difference
		switch {
		case becameSo(d, row, found):
			done++
			rest = append(rest, change)
			continue
		case found == (d.Was != nil) && (!found || row.ETag == d.Was.ETag):
			rest = append(rest, change)
			continue
		case !found:
			change.Conflict = "was deleted by somebody else in the meantime"
		case d.Was == nil:
			change.Conflict = "was created by somebody else in the meantime"
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

// becameSo reports whether a row, if found, is the result of the difference.
func becameSo(d rowfile.Difference, row policy.Raw, found bool) bool {
	if d.Becomes == nil || !found {
		return d.Becomes == nil && !found
	}
	return len(rowfile.Compare([]policy.Raw{row}, []rowfile.Row{{Raw: *d.Becomes}})) == 0
}
