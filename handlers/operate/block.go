package operate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
)

// A block is a temporary row that sends everybody in a partition to review while an apply changes
// rows. It stands for the whole apply: as long as that is not finished, some of its partitions may
// be as before and others as planned, and a mixture may invite somebody that neither would. So a
// plan leaves a block alone unless it ends the mixture, which it does if it is for the same file,
// or if it makes the table what it was before. The note of the block says which file and which
// table these are.

// blockName is the name of a block. It comes before other names.
const blockName = "!guestlist policy apply"

// IsBlock reports whether a row is a temporary one of [Apply].
func IsBlock(row policy.Raw) bool { return row.Name == blockName }

func isBlock(change Change) bool { return change.Name == blockName }

// Block is a block of an apply that was interrupted or still runs.
type Block struct {
	Partition string `json:"partition"`
	// Apply says of which file the apply is and when it began; empty if the block does not say.
	Apply string `json:"apply"`
	// Changes is how many rows of the partition the plan would change.
	Changes int `json:"changes"`
}

// aim is what an apply makes of which table.
type aim struct {
	apply  string // of which file, and since when
	file   string // the digest of the file, and of whether other rows are deleted
	before string // the digest of the table before
}

func newAim(file []rowfile.Row, table []policy.Raw, options PlanOptions, now time.Time) aim {
	return aim{
		apply:  fmt.Sprintf("of %q, begun %s", options.Source, now.UTC().Format(time.RFC3339)),
		file:   digest(Raws(file), options.Delete),
		before: digest(table, true),
	}
}

// digest returns the same text for the same rows in any order, whatever their versions.
func digest(rows []policy.Raw, complete bool) string {
	lines := [][]string{{fmt.Sprint(complete)}}
	for _, row := range slices.SortedFunc(slices.Values(rows), func(a, b policy.Raw) int { return a.Key().Compare(b.Key()) }) {
		line := []string{row.Partition, row.Name}
		for _, name := range slices.Sorted(maps.Keys(row.Columns)) {
			text := rowfile.Text(row.Columns[name])
			if policy.Secret(name) {
				// Approvers read notes. A byte tells codes apart, and is no use for guessing one.
				text = hashOf(text)[:2]
			}
			line = append(line, name, rowfile.TypeOf(row.Columns[name]), text)
		}
		lines = append(lines, line)
	}
	return hashOf(encoded(lines))[:32]
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// note returns the note of a block, which aimOf reads.
func (a aim) note() string {
	return "guestlist policy apply " + a.apply + ", is changing rows, and everybody in this partition goes to review " +
		"until it is done. If it was interrupted, run it again with the same file: it removes this row. " +
		"(file " + a.file + ", table " + a.before + ")"
}

var noteForm = regexp.MustCompile(`^guestlist policy apply (of .*, begun [0-9TZ:-]+), is .* \(file ([0-9a-f]{32}), table ([0-9a-f]{32})\)$`)

// aimOf returns the aim of the apply that set the block. It is empty if the note does not say it:
// an older version set the block, or somebody changed the note.
func aimOf(block policy.Raw) aim {
	note, _ := block.Columns[policy.NoteColumn].(string)
	found := noteForm.FindStringSubmatch(note)
	if found == nil {
		return aim{}
	}
	return aim{apply: found[1], file: found[2], before: found[3]}
}

// blockOf returns the block of a partition that has or gets the rows.
func blockOf(partition string, rows []policy.Raw, aim aim) policy.Raw {
	block := policy.Raw{Partition: partition, Name: blockName, Columns: map[string]any{
		policy.ActionColumn:   string(policy.Review),
		policy.PriorityColumn: int32(0),
		policy.NoteColumn:     aim.note(),
	}}
	for _, row := range rows {
		parsed := policy.Parse(row)
		if parsed.Rank(false) == 0 && row.Name < blockName {
			// A row with a fault comes before all others, whatever their names.
			block.Columns["Interrupted"] = true
		}
	}
	return block
}

// splitBlocks returns the blocks of a table and its other rows.
func splitBlocks(table []policy.Raw) (blocks, rows []policy.Raw) {
	for _, row := range table {
		if IsBlock(row) {
			blocks = append(blocks, row)
		} else {
			rows = append(rows, row)
		}
	}
	return blocks, rows
}

// settleBlocks decides which of the blocks in the table the plan removes.
func (p *Plan) settleBlocks(blocks []policy.Raw, options PlanOptions) {
	file, outcome := p.aim.file, digest(p.outcome, true)
	inherited := false
	for _, block := range blocks {
		of := aimOf(block)
		ends := of.file == file || of.before == outcome
		if ends && !inherited {
			// Blocks that are set on the way have the same ways out.
			p.aim, inherited = of, true
		}
		if ends || options.TakeOver {
			p.Changes = append(p.Changes, blockChange(rowfile.Difference{Kind: rowfile.Removed, Was: &block}))
			continue
		}
		p.outcome = append(p.outcome, block)
		changes := 0
		for _, change := range p.Changes {
			if change.Partition == block.Partition {
				changes++
			}
		}
		p.Blocks = append(p.Blocks, Block{Partition: block.Partition, Apply: of.apply, Changes: changes})
	}
	slices.SortStableFunc(p.Changes, func(a, b Change) int { return a.key().Compare(b.key()) })
}

// Hindered returns the blocks of other applies in partitions that the plan changes.
func (p Plan) Hindered() []Block {
	return slices.DeleteFunc(slices.Clone(p.Blocks), func(b Block) bool { return b.Changes == 0 })
}

// blockChange returns the change that adds or removes a block.
func blockChange(d rowfile.Difference) Change {
	row := d.Becomes
	if row == nil {
		row = d.Was
	}
	d.Partition, d.Name = row.Partition, row.Name
	return newChange(d)
}

// blocks returns the blocks that this application has set, as they are in the table.
func (a *application) blocks(ctx context.Context) (map[string]policy.Raw, error) {
	blocks := map[string]policy.Raw{}
	if len(a.own) == 0 {
		return blocks, nil
	}
	rows, err := a.table.AllRows(ctx)
	for _, row := range rows {
		if IsBlock(row) && slices.Contains(a.own, row.Partition) {
			blocks[row.Partition] = row
		}
	}
	return blocks, err
}

// unblock removes the blocks that a plan has set, if nothing else of it is written.
func (a *application) unblock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readAgain)
	defer cancel()
	blocks, err := a.blocks(ctx)
	if err != nil {
		return
	}
	for _, key := range a.own {
		block, found := blocks[key]
		if found {
			err = a.table.ChangeRows(ctx, nil, nil, []policy.Raw{block})
		}
		if err == nil {
			a.Blocked = slices.DeleteFunc(a.Blocked, func(blocked string) bool { return blocked == key })
		}
	}
}

// checkBlocks corrects what is said to be blocked after a batch failed, by the table as it is now.
func (a *application) checkBlocks(batch []Change, standing []policy.Raw) {
	a.Blocked = slices.DeleteFunc(a.Blocked, func(key string) bool {
		_, stands := find(standing, policy.RowKey{Partition: key, Name: blockName})
		ofBatch := func(kind rowfile.Kind) bool {
			return slices.ContainsFunc(batch, func(c Change) bool { return isBlock(c) && c.Partition == key && c.Kind == kind })
		}
		// A block that was to be set may not have been, and one that was to go may have gone with
		// the batch.
		if !stands && !ofBatch(rowfile.Added) && !(ofBatch(rowfile.Removed) && allDone(batch, standing)) {
			a.Unblocked = append(a.Unblocked, key)
		}
		return !stands
	})
}

// allDone reports whether the table is as the batch makes it.
func allDone(batch []Change, standing []policy.Raw) bool {
	moved, rest := movedSince(batch, standing)
	return len(moved)+len(rest) == 0
}

// describeBlocks returns the partitions of the blocks by what their notes say of their apply.
func describeBlocks(rows []policy.Raw) (applies []string, partitions map[string][]string) {
	partitions = map[string][]string{}
	for _, row := range rows {
		if IsBlock(row) {
			apply := aimOf(row).apply
			partitions[apply] = append(partitions[apply], row.Partition)
		}
	}
	return slices.SortedFunc(maps.Keys(partitions), cmp.Compare), partitions
}

// UnfinishedAdvice says what to do about blocks.
var UnfinishedAdvice = strings.Join([]string{
	"Run that apply again with the same file: it goes on with what is left.",
	"Or go back with the rows from before it: guestlist policy apply --overwrite --delete FILE.",
	"To give both up, add --take-over to an apply: it removes the temporary rows, and the rows count as they are then.",
}, " ")
