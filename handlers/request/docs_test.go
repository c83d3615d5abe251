package request

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"guestlist/handlers/problem"
)

// TestManualListsCodesOfDirectory holds the tables for operators to the codes: each is explained,
// with whom it concerns, and each that opens the circuit breaker has a cure.
func TestManualListsCodesOfDirectory(t *testing.T) {
	listed := map[problem.Code]string{}
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([a-z ]+) \\| [^|]{20,} \\|$")
	table := section(t, "operations.md", "<!-- codes -->\n", "<!-- /codes -->")
	for _, row := range rows.FindAllStringSubmatch(table, -1) {
		listed[problem.Code(row[1])] = row[2]
	}
	if got := slices.Sorted(maps.Keys(listed)); !slices.Equal(got, DirectoryCodes()) {
		t.Errorf("listed %v\nwant   %v", got, DirectoryCodes())
	}
	cured := map[problem.Code]bool{}
	cures := regexp.MustCompile("(?m)^\\| [^|]*cause `([a-z-]+)` \\| [^|]+ \\| [^|]{20,} \\|$")
	trouble := section(t, "operations.md", "## When something goes wrong\n", "\n### ")
	for _, row := range cures.FindAllStringSubmatch(trouble, -1) {
		cured[problem.Code(row[1])] = true
	}
	for _, code := range DirectoryCodes() {
		if (listed[code] == "tenant") != TenantWide(code) {
			t.Errorf("%s concerns %q; it opens the breaker: %t", code, listed[code], TenantWide(code))
		}
		if cured[code] != TenantWide(code) {
			t.Errorf("%s has a cure: %t; it opens the breaker: %t", code, cured[code], TenantWide(code))
		}
	}
}
