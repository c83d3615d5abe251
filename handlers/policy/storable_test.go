package policy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestUnstorable(t *testing.T) {
	many := map[string]any{}
	for i := range MaxCells + 1 {
		many["C"+strings.Repeat("x", i)] = true
	}
	heavy := map[string]any{}
	for _, name := range []string{"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q"} {
		heavy[name] = strings.Repeat("x", MaxTextUnits)
	}
	for name, test := range map[string]struct {
		row             Raw
		column, problem string
		advice          string
	}{
		"nothing":                         {Raw{Partition: "*", Name: "tender 2026-27 %+'@\u00a0é😀"}, "", "", ""},
		"an empty name":                   {Raw{Partition: "*"}, "", "", ""},
		"a slash":                         {Raw{Partition: "*", Name: "tender 2026/27"}, "RowKey", "has one of the characters", `call the row "tender 2026-27"`},
		"a backslash":                     {Raw{Partition: "*", Name: `a\b`}, "RowKey", "has one of the characters", `call the row "a-b"`},
		"a number sign":                   {Raw{Partition: "*", Name: "#1"}, "RowKey", "has one of the characters", `call the row "-1"`},
		"a question mark":                 {Raw{Partition: "*", Name: "who?"}, "RowKey", "has one of the characters", `call the row "who-"`},
		"a line break":                    {Raw{Partition: "*", Name: "a\r\nb"}, "RowKey", "control character", `call the row "a b"`},
		"a control character after ASCII": {Raw{Partition: "*", Name: "a\u0085b"}, "RowKey", "control character", `call the row "a b"`},
		"nothing else":                    {Raw{Partition: "*", Name: "\t"}, "RowKey", "control character", "a short name"},
		"a long name":                     {Raw{Partition: "*", Name: strings.Repeat("x", 513)}, "RowKey", "longer than 512", "a short name"},
		"a long name of emoji":            {Raw{Partition: "*", Name: strings.Repeat("😀", 257)}, "RowKey", "longer than 512", "a short name"},
		"the longest name":                {Raw{Partition: "*", Name: strings.Repeat("é", 512)}, "", "", ""},
		"an address in the name":          {Raw{Partition: "*", Name: "ana@contoso.com?"}, "RowKey", "has one of the characters", "a short name"},
		"bytes":                           {Raw{Partition: "*", Name: "\xff"}, "RowKey", "not valid UTF-8", `call the row "-"`},
		"a slash in the key":              {Raw{Partition: "https://contoso.com", Name: "a"}, "PartitionKey", "has one of the characters", "write an address"},
		"a long text":                     {Raw{Partition: "*", Columns: map[string]any{"Note": strings.Repeat("x", MaxTextUnits+1)}}, "Note", "longer than 32768", "shorter"},
		"the longest text":                {Raw{Partition: "*", Columns: map[string]any{"Note": strings.Repeat("é", MaxTextUnits)}}, "", "", ""},
		"a text of bytes":                 {Raw{Partition: "*", Columns: map[string]any{"Note": "\xff"}}, "Note", "not valid UTF-8", ""},
		"a long binary value":             {Raw{Partition: "*", Columns: map[string]any{"Note": make([]byte, MaxBinaryBytes+1)}}, "Note", "more than 65536 bytes", ""},
		"a time before 1601":              {Raw{Partition: "*", Columns: map[string]any{"NotAfter": time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)}}, "NotAfter", "1601", ""},
		"a long name of a column":         {Raw{Partition: "*", Columns: map[string]any{strings.Repeat("x", 256): true}}, strings.Repeat("x", 256), "name of a table's column", ""},
		"a name that is no column's":      {Raw{Partition: "*", Columns: map[string]any{"My note": true}}, "My note", "name of a table's column", ""},
		"many columns":                    {Raw{Partition: "*", Columns: many}, "RowKey", "more than 252 cells", ""},
		"many bytes":                      {Raw{Partition: "*", Columns: heavy}, "RowKey", "more than 1048576 bytes", ""},
	} {
		t.Run(name, func(t *testing.T) {
			faults := Unstorable(test.row)
			if test.column == "" {
				if len(faults) > 0 {
					t.Errorf("got %v", faults)
				}
				return
			}
			if len(faults) != 1 || faults[0].Column != test.column || !strings.Contains(faults[0].Problem, test.problem) ||
				!strings.Contains(faults[0].Advice, test.advice) {
				t.Errorf("got %v, want %s %s; %s", faults, test.column, test.problem, test.advice)
			}
			if strings.ContainsAny(faults[0].Advice, "@") {
				t.Errorf("the advice holds an address: %s", faults[0].Advice)
			}
		})
	}
}

func TestStorableNameIsStorable(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("a/\\#?\t\x00\u0085😀é "))), rapid.StringN(500, 600, -1))
	rapid.Check(t, func(t *rapid.T) {
		name := StorableName(text.Draw(t, "name"))
		if faults := Unstorable(Raw{Partition: "*", Name: name}); len(faults) > 0 {
			t.Fatalf("%q: %v", name, faults)
		}
		if StorableName(name) != name {
			t.Fatalf("%q becomes %q", name, StorableName(name))
		}
	})
}
