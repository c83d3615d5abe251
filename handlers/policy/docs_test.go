package policy

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const handbook = "../../docs/policies.md"

// table returns a table in Markdown.
func table(head []string, lines [][]string) string {
	var text strings.Builder
	text.WriteString("| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat(" --- |", len(head)) + "\n")
	for _, cells := range lines {
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return text.String()
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

func columnsTable() string {
	var lines [][]string
	for _, c := range Columns() {
		unset := code(c.Default)
		if c.Required {
			unset = "required"
		}
		lines = append(lines, []string{code(c.Name), c.Meaning, c.Takes, unset, code(c.Example)})
	}
	return table([]string{"column", "meaning", "write", "default", "example"}, lines)
}

func fieldsTable() string {
	var lines [][]string
	for _, f := range fields {
		lines = append(lines, []string{code(variable + "." + f.name), f.meaning, fmt.Sprint(f.longest)})
	}
	return table([]string{"field", "what it is", "characters, at most"}, lines)
}

func functionsTable() string {
	var lines [][]string
	for _, f := range functions {
		lines = append(lines, []string{code(f.name), f.meaning, code(f.example)})
	}
	for _, m := range macros {
		lines = append(lines, []string{code(m.name), "of a list: " + m.meaning, code(m.example)})
	}
	return table([]string{"function", "meaning", "example"}, lines)
}

func limitsTable() string {
	return table([]string{"of a condition", "at most"}, [][]string{
		{"its text", fmt.Sprint(MaxCondition, " characters")},
		{"how deep it is nested", fmt.Sprint(maxDepth, " levels")},
		{"a pattern of `matches`", fmt.Sprint(maxPattern, " steps once compiled")},
		{"the work for the longest submission", fmt.Sprint(MaxConditionCost, " units: a comparison is about one, reading ten characters is one")},
	})
}

func TestHandbookHasTablesOfCode(t *testing.T) {
	text, err := os.ReadFile(handbook)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"columns": columnsTable(), "fields": fieldsTable(), "functions": functionsTable(), "limits": limitsTable()} {
		_, rest, found := strings.Cut(string(text), "<!-- "+name+" -->\n")
		got, _, closed := strings.Cut(rest, "<!-- /"+name+" -->")
		if !found || !closed {
			t.Errorf("the handbook has no table between the marks of %s", name)
			continue
		}
		if got != want {
			t.Errorf("the handbook's table of %s differs from the code; it should be\n%s", name, want)
		}
	}
}

func TestColumnExamplesAreValid(t *testing.T) {
	for _, c := range Columns() {
		r := Parse(with(c.Name, c.Example))
		if r.Faults != nil {
			t.Errorf("the example of %s: %v", c.Name, r.Faults)
		}
	}
}

func TestHandbookConditionsCompile(t *testing.T) {
	text, err := os.ReadFile(handbook)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```cel\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("the handbook has no conditions")
	}
	for _, block := range blocks {
		body, _, _ := strings.Cut(block, "```")
		for condition := range strings.SplitSeq(strings.TrimSpace(body), "\n") {
			r := Parse(with("Condition", condition))
			if r.Faults != nil {
				t.Errorf("%s: %v", condition, r.Faults)
			}
		}
	}
}
