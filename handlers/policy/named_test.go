package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestNamedReturnsIdsOfUsersAndGroups(t *testing.T) {
	id := func(n int) string { return fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n) }
	rows := []Raw{
		{Partition: "contoso.com", Name: "one", Columns: map[string]any{
			"Action": "nonsense", "Enabled": "false", "Approvers": id(3), "SecondApprovers": id(4), "EscalateTo": id(5), "Sponsors": id(2),
			"Groups": strings.ToUpper(id(1)) + "; " + id(6), "Note": id(99), "Condition": "(((",
		}},
		{Partition: "Not a key", Name: "two", Columns: map[string]any{"Groups": id(6) + "," + id(7), "Approvers": id(1)}},
		{Partition: "*", Name: "unreadable", Columns: map[string]any{"Groups": id(8) + ", ana@contoso.com", "Sponsors": int32(9)}},
		{Partition: "*", Name: "bare"},
	}
	got := Named(rows)
	want := []string{id(1), id(6), id(7), id(2), id(3), id(4), id(5)}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	// Every column that takes object ids is among those that are read for it.
	for _, column := range Columns() {
		names := strings.Contains(column.Takes, "object ids")
		if names != slices.Contains(NamingColumns(), column.Name) {
			t.Errorf("column %s takes %s: among the columns that name users and groups: %t", column.Name, column.Takes, !names)
		}
	}
}
