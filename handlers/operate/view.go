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
	Partition string     `json:"partition"`
	Name      string     `json:"name"`
	Action    string     `json:"action"` // empty if it can't be understood
	Mode      string     `json:"mode"`
	Priority  int        `json:"priority"`
	Enabled   bool       `json:"enabled"`
	NotBefore *time.Time `json:"notBefore,omitempty"`
	NotAfter  *time.Time `json:"notAfter,omitempty"`
	Faults    int        `json:"faults"`
}

// List returns the rows in the order in which policy tries them: addresses, domains, wildcards, everybody; inside a
// partition rows with faults first, then by priority, then by name.
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
			NotBefore: moment(row.NotBefore), NotAfter: moment(row.NotAfter), Faults: len(row.Faults),
		})
	}
	return summaries
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// RowDetail is all there is to know of one row.
type RowDetail struct {
	Partition string `json:"partition"`
	Name      string `json:"name"`
	// Version is when the row was last changed, as the Timestamp column of an export has it.
	Version string        `json:"version"`
	Columns []ColumnValue `json:"columns"`
	Faults  []Fault       `json:"faults"`
}

// Fault is one thing that is wrong with a row; see [policy.Fault].
type Fault struct {
	Column  string `json:"column"` // a column, PartitionKey or RowKey
	Problem string `json:"problem"`
	Advice  string `json:"advice"`
}

// ColumnValue is one column of a row.
type ColumnValue struct {
	Column string `json:"column"`
	// Known is false for a column that no policy row has.
	Known bool `json:"known"`
	// Set says whether the row has the column; Type and Text are how it stands in the table then.
	Set  bool   `json:"set"`
	Type string `json:"type,omitempty"`
	Text string `json:"text,omitempty"`
	// Reading is what policy takes it for, the default included; empty where there is nothing or the column has a
	// fault.
	Reading string `json:"reading,omitempty"`
	// Faulty says that something is wrong with the column.
	Faulty bool `json:"faulty"`
}

// Show returns the row of that partition and name, with every column that it has or could have. found is false if there
// is none.
func Show(rows []policy.Raw, partition, name string) (detail RowDetail, found bool) {
	raw, found := keyed(rows, partition, name)
	if !found {
		return RowDetail{}, false
	}
	row := policy.Parse(raw)
	detail = RowDetail{
		Partition: raw.Partition, Name: raw.Name, Version: rowfile.Version(raw.ETag),
		Columns: []ColumnValue{}, Faults: []Fault{},
	}
	for _, fault := range row.Faults {
		detail.Faults = append(detail.Faults, Fault{fault.Column, fault.Problem, fault.Advice})
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
		// A column that is neither set nor has a default is read as nothing, which is not to look like a zero.
		if column.Known && !column.Faulty && (column.Set || defaults[name] != "") {
			column.Reading = shown(name, reading(row, name))
		}
		detail.Columns = append(detail.Columns, column)
	}
	return detail, true
}

// reading returns what policy has read from a column: the field of the row, or of its terms, that is called like it.
func reading(row policy.Row, column string) string {
	for _, part := range []reflect.Value{reflect.ValueOf(row), reflect.ValueOf(row.Terms)} {
		field := part.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, column) })
		if !field.IsValid() || !field.CanInterface() {
			continue
		}
		switch value := field.Interface().(type) {
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

// NotShown stands in place of an invite code, or of its hash, from which a short code can be found. What a command
// prints ends up in the logs of pipelines; who needs the code has the table.
const NotShown = "(not shown)"

// shown returns a value of a column as text. A code is not to show either where its column is misspelt.
func shown(column string, value any) string {
	text, column := rowfile.Text(value), strings.ToLower(column)
	if text != "" && (strings.Contains(column, "code") || strings.Contains(column, "invite")) {
		return NotShown
	}
	return text
}
