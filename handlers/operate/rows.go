package operate

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/rowfile"
)

// RowSummary is one row in a list.
type RowSummary struct {
	Partition string    `json:"partition"`
	Name      string    `json:"name"`
	Action    string    `json:"action"` // empty if it can't be understood
	Mode      string    `json:"mode"`
	Priority  int       `json:"priority"`
	Enabled   bool      `json:"enabled"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	Faults    int       `json:"faults"`
}

// List returns the rows in the order in which policy tries them: addresses, domains, wildcards,
// everybody; in a partition those with faults first, then by priority, then by name.
func List(rows []policy.Raw) []RowSummary {
	parsed := Parse(rows)
	slices.SortStableFunc(parsed, func(a, b policy.Row) int {
		return cmp.Or(
			cmp.Compare(policy.Breadth(a.Partition), policy.Breadth(b.Partition)), cmp.Compare(a.Partition, b.Partition),
			cmp.Compare(a.Rank(false), b.Rank(false)), cmp.Compare(a.Name, b.Name))
	})
	summaries := []RowSummary{}
	for _, row := range parsed {
		summaries = append(summaries, RowSummary{
			Partition: row.Partition, Name: row.Name,
			Action: string(row.Action), Mode: string(row.Mode), Priority: row.Priority, Enabled: row.Enabled,
			NotBefore: row.NotBefore, NotAfter: row.NotAfter, Faults: len(row.Faults),
		})
	}
	return summaries
}

// RowDetail is a row in full.
type RowDetail struct {
	Partition string `json:"partition"`
	Name      string `json:"name"`
	// Version is when the row was last changed, as in the Timestamp column of an export.
	Version string         `json:"version"`
	Columns []ColumnValue  `json:"columns"`
	Faults  []policy.Fault `json:"faults"`
}

// ColumnValue is one column of a row.
type ColumnValue struct {
	Column string `json:"column"`
	Known  bool   `json:"known"` // a policy column
	// Set: the row has the column. Type and Text are its cell in the table.
	Set  bool   `json:"set"`
	Type string `json:"type,omitempty"`
	Text string `json:"text,omitempty"`
	// Reading is what policy reads, the default included; empty for nothing and for a fault.
	Reading string `json:"reading,omitempty"`
	Faulty  bool   `json:"faulty"`
}

// Show returns the row of that partition and name, with every column that it has or could have.
func Show(rows []policy.Raw, partition, name string) (detail RowDetail, found bool) {
	raw, found := find(rows, policy.RowKey{Partition: partition, Name: name})
	if !found {
		return RowDetail{}, false
	}
	row := policy.Parse(raw)
	detail = RowDetail{
		Partition: raw.Partition, Name: raw.Name, Version: rowfile.Version(raw.ETag),
		Columns: []ColumnValue{}, Faults: append([]policy.Fault{}, row.Faults...),
	}
	var names []string
	defaults := map[string]string{}
	for _, column := range policy.Columns() {
		names = append(names, column.Name)
		defaults[column.Name] = column.Default
	}
	known := len(names)
	for _, name := range slices.Sorted(maps.Keys(raw.Columns)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for i, name := range names {
		column := ColumnValue{Column: name, Known: i < known}
		value := raw.Columns[name]
		if value != nil {
			column.Set, column.Type, column.Text = true, rowfile.TypeOf(value), shown(name, value)
		}
		column.Faulty = slices.ContainsFunc(row.Faults, func(fault policy.Fault) bool { return fault.Column == name })
		// A column without a value and a default must not look like a zero.
		if column.Known && !column.Faulty && (column.Set || defaults[name] != "") {
			column.Reading = shown(name, reading(row, name))
		}
		detail.Columns = append(detail.Columns, column)
	}
	return detail, true
}

// reading returns what policy has read from a column: its field in the row, its rules of a review
// or its terms.
func reading(row policy.Row, column string) string {
	if column == policy.SendInvitationColumn {
		column = policy.InvitationMailColumn
	}
	for _, part := range []reflect.Value{reflect.ValueOf(row), reflect.ValueOf(row.Terms), reflect.ValueOf(row.ReviewRules)} {
		field := part.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, column) })
		if !field.IsValid() || !field.CanInterface() {
			continue
		}
		switch value := field.Interface().(type) {
		case policy.Condition:
			return value.String()
		case []string:
			return strings.Join(value, ", ")
		case time.Time:
			if value.IsZero() {
				return ""
			}
			return value.Format(time.RFC3339Nano)
		}
		switch field.Kind() {
		case reflect.Bool, reflect.String, reflect.Int, reflect.Int32, reflect.Int64:
			return fmt.Sprint(field.Interface())
		}
	}
	return ""
}

// shown returns a value as text without an invite code, since output ends up in logs.
func shown(column string, value any) string {
	text := rowfile.Text(value)
	if text != "" && policy.Secret(column) {
		return policy.NotShown
	}
	return text
}
