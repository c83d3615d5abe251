package operate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// recorder is a table in memory that keeps its rows after each write.
type recorder struct {
	rows    []policy.Raw
	version int
	states  [][]policy.Raw
	// fails is after how many writes every further one fails; -1 is never.
	fails int
	// lost says that the write that fails has its effect.
	lost bool
	// gone says that the table can't be read either after the failure.
	gone bool
}

var errGone = problem.New(problem.StorageUnavailable, "the test took the table away")

func (r *recorder) AllRows(context.Context) ([]policy.Raw, error) {
	if r.gone && r.fails == 0 {
		return nil, errGone
	}
	return slices.Clone(r.rows), nil
}

func (r *recorder) ChangeRows(_ context.Context, add, replace, remove []policy.Raw) error {
	if r.fails == 0 && !r.lost {
		return errGone
	}
	if len(add)+len(replace)+len(remove) > policy.MaxChanges {
		return problem.New(problem.Internal, "too many changes")
	}
	rows := slices.Clone(r.rows)
	at := func(row policy.Raw) int {
		return slices.IndexFunc(rows, func(other policy.Raw) bool { return other.Key() == row.Key() })
	}
	for _, row := range slices.Concat(replace, remove) {
		if i := at(row); i < 0 || rows[i].ETag != row.ETag {
			return problem.New(problem.Conflict, "a row was changed")
		}
	}
	for _, row := range remove {
		i := at(row)
		rows = slices.Delete(rows, i, i+1)
	}
	for _, row := range slices.Concat(add, replace) {
		i := at(row)
		if i >= 0 && slices.ContainsFunc(add, func(a policy.Raw) bool { return a.Key() == row.Key() }) {
			return problem.New(problem.Conflict, "a row exists")
		}
		r.version++
		row.ETag = fmt.Sprintf(`W/"datetime'2026-01-01T00%%3A00%%3A00.%07dZ'"`, r.version)
		if i >= 0 {
			rows[i] = row
		} else {
			rows = append(rows, row)
		}
	}
	for _, row := range slices.Concat(add, replace, remove) {
		if row.Partition != slices.Concat(add, replace, remove)[0].Partition {
			return problem.New(problem.Internal, "several partitions in one write")
		}
	}
	r.rows = rows
	r.states = append(r.states, slices.Clone(rows))
	switch {
	case r.fails == 0:
		r.lost = false
		return errGone
	case r.fails > 0:
		r.fails--
	}
	return nil
}

// outcomes returns the decision for each submission, as far as it matters.
func outcomes(t reporter, rows []policy.Raw, submissions []submission.Submission) []string {
	parsed := operate.Parse(rows)
	var lines []string
	for _, s := range submissions {
		d := policy.Decide(s, parsed, nil, now)
		line := string(d.Action)
		if d.Action == policy.Invite {
			line += " " + d.Row.Partition + "/" + d.Row.Name + " " + strings.Join(d.Terms.Groups, ",")
		}
		lines = append(lines, line)
	}
	return lines
}

type reporter interface {
	Fatalf(format string, args ...any)
	Helper()
}

// neverWider fails if a state of the table invites somebody that neither the first rows nor the
// last invite on the same terms.
func neverWider(t reporter, states [][]policy.Raw, first, last []policy.Raw) {
	t.Helper()
	submissions := everySubmission(t)
	old, becomes := outcomes(t, first, submissions), outcomes(t, last, submissions)
	for n, rows := range states {
		for i, got := range outcomes(t, rows, submissions) {
			if strings.HasPrefix(got, "invite") && got != old[i] && got != becomes[i] {
				t.Fatalf("after write %d of %d, %s from %q: %s; with the old rows: %s; with the new ones: %s\n"+
					"old: %s\nnew: %s\nthen: %s",
					n+1, len(states), submissions[i].Email, submissions[i].Country, got, old[i], becomes[i],
					short(first), short(last), short(rows))
			}
		}
	}
}

func short(rows []policy.Raw) string {
	var text strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&text, "\n  %q %q %v", row.Partition, row.Name, row.Columns)
	}
	return text.String()
}

func everySubmission(t reporter) (submissions []submission.Submission) {
	emails := []string{"ana@contoso.com", "bo@contoso.com", "ana@eu.contoso.com", "cy@fabrikam.com"}
	for _, email := range emails {
		for _, country := range []string{"PT", "DE"} {
			address, err := submission.ParseAddress(email)
			if err != nil {
				t.Fatalf("%v", err)
			}
			submissions = append(submissions, submission.Submission{Email: address, Country: country})
		}
	}
	return submissions
}

var orderPartitions = []string{"*", "*", "*.com", "contoso.com", "contoso.com", "*.contoso.com",
	"eu.contoso.com", "ana@contoso.com", "fabrikam.com", "Contoso.com", "@fabrikam.com", "fabrikam"}

func drawTable(t *rapid.T, what string) []policy.Raw {
	rows := map[policy.RowKey]policy.Raw{}
	for range rapid.IntRange(0, 8).Draw(t, what) {
		r := row(rapid.SampledFrom(orderPartitions).Draw(t, "partition"),
			rapid.SampledFrom([]string{" a", "a", "b"}).Draw(t, "name"),
			"Action", rapid.SampledFrom([]string{"invite", "invite", "deny", "review"}).Draw(t, "action"))
		for _, more := range []struct {
			column string
			cells  []any
		}{
			{"Condition", []any{nil, `request.country == "PT"`, `request.country == "DE"`}},
			{"Priority", []any{nil, nil, int32(0), int32(5)}},
			{"Enabled", []any{nil, nil, nil, false}},
			{"Mode", []any{nil, nil, nil, "audit"}},
			{"Groups", []any{nil, "11111111-1111-4111-8111-111111111111"}},
			{"Note", []any{nil, "x"}},
			{"Wrong", []any{nil, nil, nil, nil, nil, true}},
		} {
			cell := rapid.SampledFrom(more.cells).Draw(t, more.column)
			if cell != nil {
				r.Columns[more.column] = cell
			}
		}
		rows[r.Key()] = r
	}
	var table []policy.Raw
	for _, r := range rows {
		table = append(table, r)
	}
	slices.SortFunc(table, func(a, b policy.Raw) int { return a.Key().Compare(b.Key()) })
	return table
}

func fileOf(rows []policy.Raw) []rowfile.Row {
	var file []rowfile.Row
	for _, row := range rows {
		file = append(file, rowfile.Row{Raw: row})
	}
	return file
}

// applied applies the rows to the table, and fails if a state in between is wider.
func applied(t *rapid.T, table *recorder, rows []policy.Raw) (operate.Applied, error) {
	before := slices.Clone(table.rows)
	options := operate.PlanOptions{Delete: true, Overwrite: true}
	plan, err := operate.NewPlan(t.Context(), before, fileOf(rows), options, now)
	if err != nil {
		t.Fatal(err)
	}
	table.states = nil
	result, err := operate.Apply(t.Context(), table, plan)
	neverWider(t, table.states, before, rows)
	told := slices.Concat(result.Written, result.Moved, result.Unwritten, result.Unknown)
	if len(told) != len(plan.Changes) {
		t.Fatalf("the result has %d changes of %d", len(told), len(plan.Changes))
	}
	return result, err
}

func sameRows(t *rapid.T, want, got []policy.Raw) {
	t.Helper()
	for _, rows := range []*[]policy.Raw{&want, &got} {
		*rows = slices.Clone(*rows)
		for i := range *rows {
			(*rows)[i].ETag = ""
		}
		slices.SortFunc(*rows, func(a, b policy.Raw) int { return a.Key().Compare(b.Key()) })
	}
	if len(want)+len(got) > 0 && !cmp.Equal(want, got) {
		t.Fatalf("the table is not as planned (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func TestTableIsNeverWiderThanBeforeOrAfter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := &recorder{fails: -1}
		first, second := drawTable(t, "old rows"), drawTable(t, "new rows")
		_, err := applied(t, table, first)
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, first, table.rows)
		_, err = applied(t, table, second)
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, second, table.rows)
	})
}

func TestInterruptedApplyTellsTruthAndGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := &recorder{fails: -1}
		first, second := drawTable(t, "old rows"), drawTable(t, "new rows")
		_, err := applied(t, table, first)
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(table.rows)
		table.fails = rapid.IntRange(0, 6).Draw(t, "writes")
		table.lost = rapid.Bool().Draw(t, "the answer is lost")
		table.gone = rapid.Bool().Draw(t, "the table can't be read")
		result, err := applied(t, table, second)
		if err == nil {
			return // there were fewer writes
		}
		isAs := func(change operate.Change, rows []policy.Raw) bool {
			find := func(rows []policy.Raw) map[string]any {
				for _, row := range rows {
					if row.Partition == change.Partition && row.Name == change.Name {
						return row.Columns
					}
				}
				return nil
			}
			return cmp.Equal(find(rows), find(table.rows))
		}
		for _, change := range result.Written {
			if !isAs(change, second) {
				t.Fatalf("%s %q is reported as written", change.Partition, change.Name)
			}
		}
		for _, change := range result.Unwritten {
			if !isAs(change, before) {
				t.Fatalf("%s %q is reported as not written", change.Partition, change.Name)
			}
		}
		for _, row := range table.rows {
			if operate.IsBlock(row) && !slices.Contains(result.Blocked, row.Partition) {
				t.Fatalf("%s is blocked, and the result does not say so", row.Partition)
			}
		}
		table.fails, table.lost = -1, false
		// Whatever is applied next, a file or the rows before.
		next := second
		if rapid.Bool().Draw(t, "back") {
			next = first
		}
		_, err = applied(t, table, next)
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, next, table.rows)
	})
}

func TestApplyNarrowsBeforeItWidens(t *testing.T) {
	everybody := row("*", "everybody", "Action", "invite")
	partner := row("contoso.com", "partners", "Action", "invite")
	gone, misspelt := row("fabrikam.com", "gone", "Action", "deny"), row("Fabrikam.com", "gone", "Action", "deny")
	const inPT, inDE = `request.country == "PT"`, `request.country == "DE"`
	onlyPT := row("contoso.com", "partners", "Action", "invite", "Condition", inPT)
	onlyDE := row("contoso.com", "partners", "Action", "invite", "Condition", inDE)
	others := row("*", "everybody", "Action", "invite", "UserType", "Member")
	wait := row("*", "everybody", "Action", "review")
	for name, test := range map[string]struct {
		old, new []policy.Raw
		writes   string
	}{
		"a deny before the invitation of everybody":   {nil, []policy.Raw{everybody, gone}, "fabrikam.com *"},
		"everybody to review before a deny goes":      {[]policy.Raw{everybody, gone}, []policy.Raw{wait}, "* fabrikam.com"},
		"a deny under a corrected key before it goes": {[]policy.Raw{everybody, misspelt}, []policy.Raw{everybody, gone}, "fabrikam.com Fabrikam.com"},
		"a narrower deny before a wider one goes": {
			[]policy.Raw{everybody, row("*.com", "gone", "Action", "deny")},
			[]policy.Raw{everybody, row("*.com", "gone", "Action", "deny", "Condition", inPT),
				row("contoso.com", "a", "Action", "deny", "Condition", inDE),
				row("contoso.com", "b", "Action", "invite", "Condition", inPT)},
			"contoso.com *.com"},
		"a wider deny before a narrower invitation goes": {
			[]policy.Raw{others, partner},
			[]policy.Raw{others, row("*.com", "a", "Action", "deny", "Condition", inDE),
				row("*.com", "b", "Action", "invite", "Condition", inPT)},
			"*.com contoso.com"},
		"partners in any order":          {nil, []policy.Raw{partner, gone}, "fabrikam.com contoso.com"},
		"a block where no order is safe": {[]policy.Raw{onlyPT, everybody}, []policy.Raw{onlyDE, others}, "contoso.com * contoso.com"},
	} {
		t.Run(name, func(t *testing.T) {
			table := &watched{recorder: recorder{fails: -1}}
			for _, row := range test.old {
				must(t, table.ChangeRows(t.Context(), []policy.Raw{row}, nil, nil))
			}
			table.writes, table.states = nil, nil
			p := plan(t, table, fileOf(test.new), operate.PlanOptions{Delete: true, Overwrite: true})
			_, err := operate.Apply(t.Context(), table, p)
			must(t, err)
			neverWider(t, table.states, test.old, test.new)
			same(t, "the writes", test.writes, strings.Join(table.writes, " "))
		})
	}
}

// watched is a table that keeps the partitions of its writes.
type watched struct {
	recorder
	writes []string
}

func (w *watched) ChangeRows(ctx context.Context, add, replace, remove []policy.Raw) error {
	w.writes = append(w.writes, slices.Concat(add, replace, remove)[0].Partition)
	return w.recorder.ChangeRows(ctx, add, replace, remove)
}

func TestManyChangesOfPartitionAreBlocked(t *testing.T) {
	table := &recorder{fails: -1}
	var rows []policy.Raw
	for i := range policy.MaxChanges * 2 {
		action := "deny"
		if i == 0 {
			action = "invite"
		}
		rows = append(rows, row("contoso.com", fmt.Sprintf("%04d", i), "Action", action,
			"Priority", int32(policy.MaxPriority-i)))
	}
	p := plan(t, table, fileOf(rows), operate.PlanOptions{})
	result, err := operate.Apply(t.Context(), table, p)
	must(t, err)
	neverWider(t, table.states, nil, rows)
	if len(table.states) != 4 || len(table.rows) != len(rows) || len(result.Blocked) > 0 ||
		len(result.Written) != len(rows) {
		t.Errorf("%d writes, %d rows, blocked %v, %d written",
			len(table.states), len(table.rows), result.Blocked, len(result.Written))
	}
}

func TestBlocksGoIfNothingElseIsWritten(t *testing.T) {
	table := &recorder{fails: -1}
	const inPT, inDE = `request.country == "PT"`, `request.country == "DE"`
	must(t, table.ChangeRows(t.Context(), []policy.Raw{row("*", "a", "Action", "invite")}, nil, nil))
	must(t, table.ChangeRows(t.Context(), []policy.Raw{
		row("contoso.com", "a", "Action", "invite", "Condition", inPT)}, nil, nil))
	p := plan(t, table, fileOf([]policy.Raw{row("*", "a", "Action", "invite", "UserType", "Member"),
		row("contoso.com", "a", "Action", "invite", "Condition", inDE)}), operate.PlanOptions{Overwrite: true})
	// Somebody else changes the first row to be written after the block.
	must(t, table.ChangeRows(t.Context(), nil, table.rows[:1], nil))
	result, err := operate.Apply(t.Context(), table, p)
	if problem.CodeOf(err) != problem.Conflict || len(result.Written) > 0 || len(result.Blocked) > 0 {
		t.Errorf("got %v, %d written, blocked %v", err, len(result.Written), result.Blocked)
	}
	if len(table.rows) != 2 || slices.ContainsFunc(table.rows, operate.IsBlock) {
		t.Errorf("the table is %s", short(table.rows))
	}
}

func TestDoctorTellsOfInterruptedApply(t *testing.T) {
	checks := operate.CheckRows([]policy.Raw{row("contoso.com", "!guestlist policy apply", "Action", "review"), row("*", "a")})
	if len(checks) != 1 || !strings.Contains(checks[0].Found, "contoso.com") || checks[0].Health != operate.Warning {
		t.Errorf("got %+v", checks)
	}
}

// stopped is a table whose apply ended after so many writes: everybody is to be a member, and
// contoso.com is to be invited from another country.
func stopped(t *testing.T, writes int) (table *recorder, old, file []policy.Raw) {
	t.Helper()
	old = []policy.Raw{
		row("*", "everybody", "Action", "invite", "Priority", int32(5), "NotAfter", now.AddDate(1, 0, 0), "MaxGuests", "12"),
		row("contoso.com", "partners", "Action", "invite", "Condition", `request.country == "PT"`)}
	file = []policy.Raw{row("*", "everybody", "Action", "invite", "UserType", "Member"),
		row("contoso.com", "partners", "Action", "invite", "Condition", `request.country == "DE"`)}
	table = &recorder{fails: -1}
	for _, r := range old {
		must(t, table.ChangeRows(t.Context(), []policy.Raw{r}, nil, nil))
	}
	p := plan(t, table, fileOf(file), operate.PlanOptions{Overwrite: true})
	table.fails = writes
	_, err := operate.Apply(t.Context(), table, p)
	if err == nil {
		t.Fatal("the apply was not interrupted")
	}
	table.fails = -1
	return table, old, file
}

func isBlocked(table *recorder, partition string) bool {
	return slices.ContainsFunc(table.rows, func(r policy.Raw) bool { return operate.IsBlock(r) && r.Partition == partition })
}

func TestApplyOfOtherFileLeavesBlocksOfUnfinishedOne(t *testing.T) {
	table, old, file := stopped(t, 2)
	table.states = nil
	gone := row("fabrikam.com", "gone", "Action", "deny")
	p := plan(t, table, fileOf([]policy.Raw{gone}), operate.PlanOptions{})
	_, err := operate.Apply(t.Context(), table, p)
	must(t, err)
	if !isBlocked(table, "contoso.com") {
		t.Error("contoso.com is not blocked any more")
	}
	neverWider(t, table.states, old, file)

	// The same file still finishes, although there is a row more.
	p = plan(t, table, fileOf(file), operate.PlanOptions{Overwrite: true})
	_, err = operate.Apply(t.Context(), table, p)
	must(t, err)
	if isBlocked(table, "contoso.com") || len(table.rows) != 3 {
		t.Errorf("the table is %s", short(table.rows))
	}
}

func TestUnfinishedApplyIsTakenBackByRowsFromBefore(t *testing.T) {
	table, old, _ := stopped(t, 2)
	p := plan(t, table, export(t, old), operate.PlanOptions{Delete: true, Overwrite: true})
	_, err := operate.Apply(t.Context(), table, p)
	must(t, err)
	if isBlocked(table, "contoso.com") || len(table.rows) != len(old) {
		t.Errorf("the table is %s", short(table.rows))
	}
}

func TestApplyThatIsInterruptedTwiceTellsItsBlocks(t *testing.T) {
	table, _, file := stopped(t, 1)
	p := plan(t, table, fileOf(file), operate.PlanOptions{Overwrite: true})
	table.fails = 1
	result, err := operate.Apply(t.Context(), table, p)
	if err == nil || !slices.Equal(result.Blocked, []string{"contoso.com"}) || !isBlocked(table, "contoso.com") {
		t.Errorf("got %v, blocked %v, the table is %s", err, result.Blocked, short(table.rows))
	}
}

func TestApplyDoesNotChangeRowsUnderBlockOfAnother(t *testing.T) {
	edit := fileOf([]policy.Raw{row("contoso.com", "partners", "Action", "invite")})
	for name, note := range map[string]string{
		"of an unfinished apply": "", "of an older version": "guestlist policy apply is changing the rows of this partition",
	} {
		t.Run(name, func(t *testing.T) {
			table, _, _ := stopped(t, 2)
			for i := range table.rows {
				if operate.IsBlock(table.rows[i]) && note != "" {
					table.rows[i].Columns = map[string]any{"Action": "review", "Note": note}
				}
			}
			table.states = nil
			p := plan(t, table, edit, operate.PlanOptions{Overwrite: true})
			_, err := operate.Apply(t.Context(), table, p)
			hindered := p.Hindered()
			if problem.CodeOf(err) != problem.Conflict || len(table.states) > 0 || len(hindered) != 1 ||
				hindered[0].Partition != "contoso.com" || (hindered[0].Apply == "") != (note != "") {
				t.Errorf("got %v, %d writes, hindered by %+v", err, len(table.states), hindered)
			}
			p = plan(t, table, edit, operate.PlanOptions{Overwrite: true, TakeOver: true})
			_, err = operate.Apply(t.Context(), table, p)
			must(t, err)
			if isBlocked(table, "contoso.com") || len(p.Blocks) > 0 {
				t.Errorf("blocks %+v, the table is %s", p.Blocks, short(table.rows))
			}
		})
	}
}

func TestCodeInFileCanNotBeGuessedByBlock(t *testing.T) {
	notes := map[string]int{}
	for i := range 300 {
		code := fmt.Sprintf("tulip%03d", i)
		table := &recorder{fails: -1}
		must(t, table.ChangeRows(t.Context(), []policy.Raw{row("contoso.com", "a", "Action", "invite", "InviteCode", code)}, nil, nil))
		p := plan(t, table, nil, operate.PlanOptions{})
		notes[operate.NoteOf(p)]++
	}
	if len(notes) < 2 || len(notes) > 256 {
		t.Errorf("%d notes for 300 codes", len(notes))
	}
}

// removing is a table from which somebody removes blocks after so many writes.
type removing struct {
	*recorder
	after int
}

func (r *removing) ChangeRows(ctx context.Context, add, replace, remove []policy.Raw) error {
	err := r.recorder.ChangeRows(ctx, add, replace, remove)
	r.after--
	if r.after == 0 {
		r.rows = slices.DeleteFunc(slices.Clone(r.rows), operate.IsBlock)
	}
	return err
}

func TestApplyWhoseBlockSomebodyRemovesTellsSo(t *testing.T) {
	table := &recorder{fails: -1}
	var rows []policy.Raw
	for i := range policy.MaxChanges * 2 {
		rows = append(rows, row("contoso.com", fmt.Sprintf("%04d", i), "Action", "deny"))
	}
	p := plan(t, table, fileOf(rows), operate.PlanOptions{})
	result, err := operate.Apply(t.Context(), &removing{table, 2}, p)
	if problem.CodeOf(err) != problem.Conflict || len(result.Blocked) > 0 || !slices.Equal(result.Unblocked, []string{"contoso.com"}) {
		t.Errorf("got %v, blocked %v, unblocked %v", err, result.Blocked, result.Unblocked)
	}
	if len(result.Written)+len(result.Unwritten) != len(rows) || len(result.Unwritten) == 0 {
		t.Errorf("%d written, %d not", len(result.Written), len(result.Unwritten))
	}
	p = plan(t, table, fileOf(rows), operate.PlanOptions{Overwrite: true})
	_, err = operate.Apply(t.Context(), table, p)
	must(t, err)
	if len(table.rows) != len(rows) {
		t.Errorf("%d rows", len(table.rows))
	}
}
