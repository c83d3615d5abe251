package operate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
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
	// TakeOver removes the blocks of every other apply, and changes rows in their partitions.
	TakeOver bool
	// Source is what the file is called, for those who find a block of this plan.
	Source string
}

// Plan is the changes that make a table equal to a file.
type Plan struct {
	Changes   []Change `json:"changes"`
	Kept      int      `json:"kept"`      // rows in the table only, which stay without Delete
	Unchanged int      `json:"unchanged"` // rows that are the same in both
	// NewErrors are the errors that lint finds in the changed rows and not in the present ones.
	NewErrors []lint.Finding `json:"newErrors"`
	// Blocks are those of other applies that are not finished, which stay. The plan can't be
	// applied if it changes rows in their partitions.
	Blocks []Block `json:"blocks"`

	// Progress, if set, is called by [Apply] with the number of changes that are done, from 0 to
	// all.
	Progress func(done, total int) `json:"-"`

	before, outcome []policy.Raw // the whole table, before and after
	aim             aim
}

// Unstorable returns the errors among NewErrors because of which a row can't be written at all.
func (p Plan) Unstorable() []lint.Finding {
	return slices.DeleteFunc(slices.Clone(p.NewErrors), func(f lint.Finding) bool { return f.Rule != lint.Unstorable })
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
	// Says tells, as a clause, what becomes of a code that is not shown; empty for other cells.
	Says string `json:"says,omitempty"`
}

// Cell is a value as in a file; an invite code is [policy.NotShown].
type Cell struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// NewPlan compares the table's rows, with ETags, with a file's, and lints the result as of now. The
// plan removes the blocks of an apply that it finishes or takes back, and of others with TakeOver
// only.
func NewPlan(ctx context.Context, table []policy.Raw, file []rowfile.Row, options PlanOptions, now time.Time) (Plan, error) {
	isTemporary := func(row rowfile.Row) bool { return IsBlock(row.Raw) }
	file = slices.DeleteFunc(slices.Clone(file), isTemporary)
	blocks, rows := splitBlocks(table)
	plan := Plan{Changes: []Change{}, Unchanged: len(rows), Blocks: []Block{}, before: table}
	planned := map[policy.RowKey]bool{}
	for _, d := range rowfile.Compare(rows, file) {
		if d.Was != nil {
			plan.Unchanged--
		}
		if d.Kind == rowfile.Removed && !options.Delete {
			plan.Kept++
			continue
		}
		if options.Overwrite {
			d.Conflict = ""
		}
		plan.Changes = append(plan.Changes, newChange(d))
		planned[policy.RowKey{Partition: d.Partition, Name: d.Name}] = true
		if d.Becomes != nil {
			plan.outcome = append(plan.outcome, *d.Becomes)
		}
	}
	for _, row := range rows {
		if !planned[row.Key()] {
			plan.outcome = append(plan.outcome, row)
		}
	}
	plan.aim = newAim(file, rows, options, now)
	plan.settleBlocks(blocks, options)
	before, err := lintErrors(ctx, table, now)
	if err != nil {
		return Plan{}, err
	}
	after, err := lintErrors(ctx, plan.outcome, now)
	if err != nil {
		return Plan{}, err
	}
	plan.NewErrors = slices.DeleteFunc(after, func(found lint.Finding) bool {
		return slices.ContainsFunc(before, func(old lint.Finding) bool { return sameFinding(old, found) })
	})
	return plan, nil
}

func newChange(d rowfile.Difference) Change {
	change := Change{
		Kind: d.Kind, Partition: d.Partition, Name: d.Name, Line: d.Line, Cells: []CellChange{}, Conflict: d.Conflict,
		difference: d,
	}
	for _, cell := range d.Cells {
		change.Cells = append(change.Cells, newCellChange(cell))
	}
	return change
}

func newCellChange(d rowfile.CellDifference) CellChange {
	change := CellChange{Column: d.Column, Was: newCell(d.Column, d.Was), Becomes: newCell(d.Column, d.Becomes)}
	if change.Was != nil && change.Becomes != nil && change.Becomes.Text == policy.NotShown {
		change.Says = codeChange(rowfile.Text(d.Was), rowfile.Text(d.Becomes))
		if change.Says == sameCode && change.Was.Type != change.Becomes.Type {
			change.Says += ", as a cell of type " + change.Becomes.Type
		}
	}
	return change
}

const sameCode = "the same code"

// scientific is a number as spreadsheets write those with many digits.
var scientific = regexp.MustCompile(`^[0-9]([.,][0-9]+)?[eE]\+?[0-9]+$`)

// codeChange says what becomes of an invite code, and repeats nothing of it.
func codeChange(was, becomes string) string {
	switch {
	case policy.CodeHashOf(was) == policy.CodeHashOf(becomes):
		return sameCode
	case strings.TrimLeft(was, "0") == becomes:
		return "the zeros at its beginning are gone, as if a spreadsheet had read it as a number"
	case scientific.MatchString(becomes):
		return "a number in scientific notation, as if a spreadsheet had read the code as one"
	case policy.IsDate(becomes):
		return "a date, as if a spreadsheet had read the code as one"
	}
	return "another code"
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
	// Unknown are in the table or not: there was no answer, and the table could not be read again.
	Unknown []Change `json:"unknown"`
	// Blocked are the partitions in which everybody goes to review until the rest is written.
	Blocked []string `json:"blocked"`
	// Unblocked are those whose block somebody removed too early: rows in them may not be written,
	// and the others decide.
	Unblocked []string `json:"unblocked"`
}

// readAgain limits how long [Apply] looks at the table again after a failure, also if it was
// interrupted.
const readAgain = 20 * time.Second

// Apply carries out a plan without conflicts, and without rows that the table can't hold. Rows of
// one partition change together, up to [policy.MaxChanges] at a time. Every write requires that the
// row is as it was when the plan was made.
//
// The order of the writes is such that at no moment, also after an interruption, the table invites
// somebody that neither the rows before nor the planned ones invite on the same terms. Where no
// order does, everybody in a partition goes to review until all is written ([IsBlock]). A new plan
// for the same file goes on with what is left.
//
// A problem.Conflict means that a row was changed since the plan was made. After any error Applied
// tells what is written and what is not.
func Apply(ctx context.Context, table Table, plan Plan) (Applied, error) {
	a := &application{table: table, left: slices.Clone(plan.Changes), Applied: Applied{
		Written: []Change{}, Moved: []Change{}, Unwritten: []Change{}, Unknown: []Change{}, Blocked: []string{},
		Unblocked: []string{},
	}}
	if len(plan.Conflicts()) > 0 {
		return a.Applied, problem.New(problem.Conflict, "the plan has conflicts")
	}
	if len(plan.Hindered()) > 0 {
		return a.Applied, problem.New(problem.Conflict, "another apply has blocked partitions that the plan changes")
	}
	if len(plan.Unstorable()) > 0 {
		return a.Applied, problem.New(problem.InvalidInput, "the plan has rows that the table can't hold")
	}
	a.progress = plan.Progress
	if a.progress == nil {
		a.progress = func(int, int) {}
	}
	a.aim = plan.aim
	a.progress(0, len(plan.Changes))
	err := a.carryOut(ctx, plan.ordered())
	a.Unwritten = a.left
	if err != nil && len(a.Written)+len(a.Unknown) == 0 {
		a.unblock(ctx)
	}
	return a.Applied, err
}

// application is a plan that is being carried out.
type application struct {
	Applied
	table    Table
	aim      aim
	own      []string // partitions that it has blocked itself
	left     []Change // of the plan, neither written nor known to be impossible
	progress func(done, total int)
}

func (a *application) carryOut(ctx context.Context, order []*partitionChange) error {
	for _, c := range order {
		isBlocked := slices.ContainsFunc(c.changes, isBlock)
		if !c.blocked && !isBlocked {
			continue
		}
		a.Blocked = append(a.Blocked, c.key)
		if isBlocked {
			continue
		}
		block := blockOf(c.key, c.all, a.aim)
		a.own = append(a.own, c.key)
		err := a.write(ctx, []Change{blockChange(rowfile.Difference{Kind: rowfile.Added, Becomes: &block})})
		if err != nil {
			return err
		}
	}
	blocks, err := a.blocks(ctx)
	if err != nil {
		return err
	}
	for _, c := range order {
		for _, batch := range c.batches(blocks) {
			err = a.write(ctx, batch)
			if err != nil {
				return err
			}
		}
		a.Blocked = slices.DeleteFunc(a.Blocked, func(key string) bool { return key == c.key })
	}
	return nil
}

// batches returns the changes of the partition in parts that are made at once. The last removes the
// temporary row.
func (c *partitionChange) batches(blocks map[string]policy.Raw) [][]Change {
	rest := slices.DeleteFunc(slices.Clone(c.changes), isBlock)
	last := slices.DeleteFunc(slices.Clone(c.changes), func(c Change) bool { return !isBlock(c) })
	block, blocked := blocks[c.key]
	if blocked && len(last) == 0 {
		last = append(last, blockChange(rowfile.Difference{Kind: rowfile.Removed, Was: &block}))
	}
	var batches [][]Change
	var batch []Change
	bytes := 0
	for i, change := range slices.Concat(rest, last) {
		size := change.bytes()
		// What is last stays in the last batch.
		room := policy.MaxChanges
		if i < len(rest) {
			room -= len(last)
		}
		if len(batch) > 0 && (len(batch) >= room || bytes+size > policy.MaxChangeBytes) {
			batches, batch, bytes = append(batches, batch), nil, 0
		}
		batch, bytes = append(batch, change), bytes+size
	}
	return append(batches, batch)
}

// bytes returns about how many bytes the change takes in a transaction, and rather more.
func (c Change) bytes() int {
	const frame, cell = 2048, 64 // headers and address; type and punctuation
	row := c.difference.Becomes
	if row == nil {
		row = c.difference.Was
	}
	size := frame + jsonSize(row.Partition) + jsonSize(row.Name)
	if c.difference.Becomes == nil {
		return size
	}
	for name, value := range row.Columns {
		size += cell + 2*jsonSize(name)
		switch value := value.(type) {
		case string:
			size += jsonSize(value)
		case []byte:
			size += 2 * len(value)
		}
	}
	return size
}

func jsonSize(text string) int { return len(encoded(text)) }

// write makes the changes, which are of one partition, at once.
func (a *application) write(ctx context.Context, batch []Change) error {
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
	err := a.table.ChangeRows(ctx, add, replace, remove)
	if err == nil {
		a.settle(batch, &a.Written)
		a.progress(len(a.Written), len(a.Written)+len(a.left))
		return nil
	}
	// The answer may have been lost, and the rows written: only the table tells.
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), readAgain)
	defer cancel()
	standing, readErr := a.table.AllRows(reading)
	if readErr != nil {
		a.settle(batch, &a.Unknown)
		return err
	}
	a.checkBlocks(batch, standing)
	moved, unmoved := movedSince(batch, standing)
	if len(moved) == 0 && len(unmoved) == 0 {
		a.settle(batch, &a.Written)
		return ctx.Err()
	}
	a.settle(moved, &a.Moved)
	return err
}

// settle takes changes of the plan from those that are left into the list.
func (a *application) settle(batch []Change, list *[]Change) {
	settled := map[policy.RowKey]bool{} // false for those that are not left
	for _, change := range batch {
		settled[change.key()] = false
	}
	a.left = slices.DeleteFunc(a.left, func(change Change) bool {
		_, found := settled[change.key()]
		if found {
			settled[change.key()] = true
		}
		return found
	})
	for _, change := range batch {
		if settled[change.key()] {
			*list = append(*list, change)
		}
	}
}

func (c Change) key() policy.RowKey { return policy.RowKey{Partition: c.Partition, Name: c.Name} }

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
