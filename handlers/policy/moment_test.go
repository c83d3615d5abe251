package policy

import (
	"strings"
	"testing"
)

// TestMomentsThatSpreadsheetsWrite checks that a table's cell in such a form is a fault with words
// of its own.
func TestMomentsThatSpreadsheetsWrite(t *testing.T) {
	for cell, want := range map[string]string{
		"05/01/2026":       "is a date whose day and month can't be told apart",
		"5-1-26":           "is a date without the four digits of its year",
		"31.12.26":         "is a date without the four digits of its year",
		"26. 12. 31.":      "is a date without the four digits of its year",
		"12/31/69 18:00":   "is a date without the four digits of its year",
		"31.12.2026 18:00": "is not a date or a time with its zone",
		"31.12.2026":       "is not a date or time",
		"May-26":           "is not a date or time",
	} {
		r := Parse(with("NotAfter", cell))
		if len(r.Faults) != 1 || r.Faults[0].Problem != want || !strings.Contains(r.Faults[0].Advice, "2026-05-31") {
			t.Errorf("%s: %v, want %q", cell, r.Faults, want)
		}
	}
}
