package operate_test

import (
	"fmt"
	"strings"
	"testing"

	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/problem"
)

// handWritten returns the rows as a file that was written by hand.
func handWritten(rows ...policy.Raw) []rowfile.Row {
	var file []rowfile.Row
	for _, row := range rows {
		file = append(file, rowfile.Row{Raw: row})
	}
	return file
}

// TestApplyWritesLargeRows has more bytes than one transaction of the table service takes.
func TestApplyWritesLargeRows(t *testing.T) {
	table := newTable(t)
	var rows []policy.Raw
	for i := range 90 {
		rows = append(rows, row("contoso.com", fmt.Sprintf("row %02d", i), "Action", "review", "Priority", int32(i),
			"Note", strings.Repeat("é", 30_000)))
	}
	p := plan(t, table, handWritten(rows...), operate.PlanOptions{})
	var told []int
	p.Progress = func(done, total int) {
		if total != len(rows) {
			t.Errorf("%d of %d changes", done, total)
		}
		told = append(told, done)
	}
	applied, err := operate.Apply(t.Context(), table, p)
	must(t, err)
	if len(applied.Written) != len(rows) || len(all(t, table)) != len(rows) {
		t.Errorf("%d rows are written, the table has %d", len(applied.Written), len(all(t, table)))
	}
	if len(told) < 3 || told[0] != 0 || told[len(told)-1] != len(rows) {
		t.Errorf("the progress was %v", told)
	}
}

func TestApplyWritesNothingThatNoTableHolds(t *testing.T) {
	table := newTable(t)
	p := plan(t, table, handWritten(row("adatum.com", "a", "Action", "review"), row("contoso.com", "2026/27", "Action", "review")), operate.PlanOptions{})
	if got := p.Unstorable(); len(got) != 1 || got[0].Row != "2026/27" {
		t.Errorf("unstorable are %v", got)
	}
	_, err := operate.Apply(t.Context(), table, p)
	if problem.CodeOf(err) != problem.InvalidInput || len(all(t, table)) > 0 {
		t.Errorf("got %v, and the table has %v", err, contents(t, table))
	}
}

func TestPlanTellsWhatBecomesOfCodes(t *testing.T) {
	const hash = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	for name, test := range map[string]struct {
		was, becomes any
		want         string
	}{
		"zeros":                       {"00123456", "123456", "the zeros at its beginning are gone, as if a spreadsheet had read it as a number"},
		"zeros, as a number":          {"00123456", int32(123456), "the zeros at its beginning are gone, as if a spreadsheet had read it as a number"},
		"scientific":                  {"12E45678", "1.79769313486232E+308", "a number in scientific notation, as if a spreadsheet had read the code as one"},
		"scientific, in German":       {"123456789012345", "1,23456789012345E+14", "a number in scientific notation, as if a spreadsheet had read the code as one"},
		"a short date":                {"01-05-26", "5/1/26", "a date, as if a spreadsheet had read the code as one"},
		"a date":                      {"01-05-2026", "01.05.2026", "a date, as if a spreadsheet had read the code as one"},
		"another code":                {"tulip-spring", "tulip-summer", "another code"},
		"the same, written otherwise": {"Tulip Spring", "tulip-spring", "the same code"},
		"the same, as a number":       {"1234567", int32(1234567), "the same code, as a cell of type Int32"},
		"its hash":                    {"tulip-spring", "sha256:" + string(policy.CodeHashOf("tulip-spring")), "the same code"},
		"another hash":                {"tulip-spring", hash, "another code"},
		"a new code":                  {nil, "tulip-spring", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := row("contoso.com", "a", "Action", "review", "InviteCode", test.was)
			if test.was == nil {
				delete(before.Columns, "InviteCode")
			}
			table := newTable(t, before)
			p := plan(t, table, handWritten(row("contoso.com", "a", "Action", "review", "InviteCode", test.becomes)), operate.PlanOptions{})
			if len(p.Changes) != 1 || p.Changes[0].Cells[0].Says != test.want {
				t.Errorf("got %+v, want %q", p.Changes, test.want)
			}
			if text := fmt.Sprint(*p.Changes[0].Cells[0].Becomes); strings.Contains(text, fmt.Sprint(test.becomes)) {
				t.Errorf("the code is shown: %s", text)
			}
		})
	}
}
