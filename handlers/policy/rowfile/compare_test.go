package rowfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
)

// stamped returns the ETag of a row that was last changed at the time, which is written as in the
// Timestamp column.
func stamped(version string) string {
	return `W/"datetime'` + strings.ReplaceAll(version, ":", "%3A") + `'"`
}

func TestCompare(t *testing.T) {
	const old, later, latest = "2026-11-01T08:00:00.1234567Z", "2026-11-02T08:00:00.1Z", "2026-11-03T08:00:00Z"
	row := func(partition, name, version string, columns map[string]any) policy.Raw {
		return policy.Raw{Partition: partition, Name: name, ETag: stamped(version), Columns: columns}
	}
	review := map[string]any{"Action": "review"}
	type seen struct {
		Kind      rowfile.Kind
		Row       string
		Cells     string
		Conflict  string
		Was, Will bool
	}
	for name, test := range map[string]struct {
		table []policy.Raw
		file  string // below the line that names PartitionKey, RowKey, Timestamp, Action, Priority, Priority@type
		want  []seen
	}{
		"the same rows, whatever the versions": {
			[]policy.Raw{row("*", "a", old, review), row("*", "b", later, review)},
			"*,b,,review\n*,a,2020-01-01T00:00:00Z,review\n",
			nil,
		},
		"a new row": {
			[]policy.Raw{row("*", "a", old, review)},
			"*,a," + old + ",review\n*,new,,deny,5,Int32\n",
			[]seen{{Kind: rowfile.Added, Row: "* new", Cells: `Action:  -> "deny"; Priority:  -> "5"`, Will: true}},
		},
		"a row that was deleted meanwhile": {
			nil,
			"*,a," + old + ",review\n",
			[]seen{{Kind: rowfile.Added, Row: "* a", Cells: `Action:  -> "review"`, Conflict: "was deleted", Will: true}},
		},
		"an edited row": {
			[]policy.Raw{row("*", "a", old, map[string]any{"Action": "review", "Priority": int32(5)})},
			"*,a," + old + ",deny\n",
			[]seen{{Kind: rowfile.Changed, Row: "* a", Cells: `Action: "review" -> "deny"; Priority: "5" -> `, Was: true, Will: true}},
		},
		"an edited row, its time cut to milliseconds": {
			[]policy.Raw{row("*", "a", old, review)},
			"*,a,2026-11-01T08:00:00.123Z,deny\n",
			[]seen{{Kind: rowfile.Changed, Row: "* a", Cells: `Action: "review" -> "deny"`, Was: true, Will: true}},
		},
		"an edited row, its time written with fewer digits": {
			[]policy.Raw{row("*", "a", "2026-11-02T08:00:00.1000000Z", review)},
			"*,a," + later + ",deny\n",
			[]seen{{Kind: rowfile.Changed, Row: "* a", Cells: `Action: "review" -> "deny"`, Was: true, Will: true}},
		},
		"an edited row that was changed meanwhile": {
			[]policy.Raw{row("*", "a", later, review)},
			"*,a," + old + ",deny\n",
			[]seen{{Kind: rowfile.Changed, Row: "* a", Cells: `Action: "review" -> "deny"`, Conflict: "was changed in the table", Was: true, Will: true}},
		},
		"an edited row without a version": {
			[]policy.Raw{row("*", "a", later, review)},
			"*,a,,deny\n",
			[]seen{{Kind: rowfile.Changed, Row: "* a", Cells: `Action: "review" -> "deny"`, Conflict: "does not say which version", Was: true, Will: true}},
		},
		"an edited row whose time a spreadsheet has rewritten": {
			[]policy.Raw{row("*", "a", later, review)},
			"*,a,02.11.2026 08:00,deny\n",
			[]seen{{Kind: rowfile.Changed, Row: "* a", Cells: `Action: "review" -> "deny"`, Conflict: "can't be read", Was: true, Will: true}},
		},
		"another type": {
			[]policy.Raw{row("*", "a", old, map[string]any{"Action": "review", "Priority": int32(5)})},
			"*,a," + old + ",review,5,String\n",
			[]seen{{Kind: rowfile.Changed, Row: "* a", Cells: `Priority: "5" -> "5"`, Was: true, Will: true}},
		},
		"no type named": {
			[]policy.Raw{row("*", "a", old, map[string]any{"Action": "review", "Priority": int64(5)})},
			"*,a," + old + ",review,5,\n",
			nil,
		},
		"a row that the file does not have": {
			[]policy.Raw{row("*", "a", old, review), row("*", "b", later, review)},
			"*,b," + later + ",review\n",
			[]seen{{Kind: rowfile.Removed, Row: "* a", Cells: `Action: "review" -> `, Was: true}},
		},
		"a row that may be newer than the file": {
			[]policy.Raw{row("*", "a", latest, review), row("*", "b", later, review)},
			"*,b," + later + ",review\n",
			[]seen{{Kind: rowfile.Removed, Row: "* a", Cells: `Action: "review" -> `, Conflict: "changed later than every row of the file", Was: true}},
		},
		"a file without versions": {
			[]policy.Raw{row("*", "a", old, review)},
			"",
			[]seen{{Kind: rowfile.Removed, Row: "* a", Cells: `Action: "review" -> `, Conflict: "does not say which versions", Was: true}},
		},
		"all kinds, by partition and name": {
			[]policy.Raw{row("a.com", "gone", old, review), row("*", "changed", old, review)},
			"b.com,new,,deny\n*,changed," + old + ",deny\n",
			[]seen{
				{Kind: rowfile.Changed, Row: "* changed", Cells: `Action: "review" -> "deny"`, Was: true, Will: true},
				{Kind: rowfile.Removed, Row: "a.com gone", Cells: `Action: "review" -> `, Was: true},
				{Kind: rowfile.Added, Row: "b.com new", Cells: `Action:  -> "deny"`, Will: true},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []seen
			for _, d := range rowfile.Compare(test.table, read(t, "PartitionKey,RowKey,Timestamp,Action,Priority,Priority@type\n"+test.file)) {
				cells := []string{}
				for _, cell := range d.Cells {
					show := func(value any) string {
						if value == nil {
							return ""
						}
						return `"` + rowfile.Text(value) + `"`
					}
					cells = append(cells, cell.Column+": "+show(cell.Was)+" -> "+show(cell.Becomes))
				}
				got = append(got, seen{d.Kind, d.Partition + " " + d.Name, strings.Join(cells, "; "), d.Conflict, d.Was != nil, d.Becomes != nil})
				if d.Was != nil && d.Becomes != nil && d.Becomes.ETag != d.Was.ETag {
					t.Errorf("the row that is to be written has the ETag %s, want the one that stands, %s", d.Becomes.ETag, d.Was.ETag)
				}
			}
			contains := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Conflict" },
				cmp.Comparer(func(a, b string) bool {
					return a == b || a != "" && b != "" && (strings.Contains(a, b) || strings.Contains(b, a))
				}))
			diff := cmp.Diff(test.want, got, contains)
			if diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
