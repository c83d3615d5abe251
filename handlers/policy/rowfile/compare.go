package rowfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
)

// Kind is how a file and a table differ in a row.
type Kind string

const (
	Added   Kind = "added"   // in the file only
	Changed Kind = "changed" // with other columns
	Removed Kind = "removed" // in the table only
)

// Difference is a row in which a file and a table differ.
type Difference struct {
	Kind      Kind
	Partition string
	Name      string
	Line      int              // in the file; 0 if there is none
	Cells     []CellDifference // policy columns in their order, then others by name
	// Conflict says, after the row's name, which change this one would undo unseen; empty if none.
	Conflict string
	Was      *policy.Raw // the row in the table with its ETag; nil if there is none
	Becomes  *policy.Raw // the row of the file with the ETag of Was; nil if there is none
}

// CellDifference is a column in which two rows differ. A value is nil where it is missing.
type CellDifference struct {
	Column       string
	Was, Becomes any
}

// Compare returns the changes that make a table with these rows equal to the file, by partition,
// then by name. The rows must have their ETags. Rows that are the same are left out, whatever
// their versions.
//
// A cell whose type the file does not name equals the table's if its text does. A cell equals the
// table's also if it is what some spreadsheets make of that: an empty text is no cell, line breaks
// are \n, a time at the start of a day is the day.
func Compare(table []policy.Raw, file []Row) []Difference {
	differences := []Difference{}
	inFile := make(map[policy.RowKey]bool, len(file))
	standing := make(map[policy.RowKey]policy.Raw, len(table))
	for _, row := range table {
		standing[row.Key()] = row
	}
	for _, row := range file {
		inFile[row.Key()] = true
	}
	missing := map[policy.RowKey][]string{} // names of the table's rows that the file lacks, by partition and version
	for _, row := range table {
		if !inFile[row.Key()] {
			key := policy.RowKey{Partition: row.Partition, Name: Version(row.ETag)}
			missing[key] = append(missing[key], row.Name)
		}
	}
	var newest time.Time // the last change that the file has
	for _, row := range file {
		key := row.Key()
		changed, err := time.Parse(time.RFC3339Nano, row.Version)
		if err == nil && changed.After(newest) {
			newest = changed
		}
		was, found := standing[key]
		becomes := policy.Raw{Partition: row.Partition, Name: row.Name, ETag: was.ETag, Columns: maps.Clone(row.Columns)}
		if becomes.Columns == nil {
			becomes.Columns = map[string]any{}
		}
		for name, value := range was.Columns {
			if row.mayBe(name, value) {
				becomes.Columns[name] = value
			}
		}
		d := Difference{Kind: Added, Partition: row.Partition, Name: row.Name, Line: row.Line, Becomes: &becomes}
		d.Cells = cellDifferences(was.Columns, becomes.Columns)
		switch {
		case found:
			d.Kind, d.Was, d.Conflict = Changed, &was, moved(row.Version, Version(was.ETag))
		case row.Version != "":
			d.Conflict = "was deleted from the table after the file was exported"
			before := missing[policy.RowKey{Partition: row.Partition, Name: row.Version}]
			if len(before) == 1 {
				d.Conflict = fmt.Sprintf("has the %s of the row %q, which the file does not have: if a spreadsheet has changed "+
					"the name, correct it; for a new row, empty its %s", versionHeader, before[0], versionHeader)
			}
		}
		if !found || len(d.Cells) > 0 {
			differences = append(differences, d)
		}
	}
	for _, was := range table {
		if inFile[was.Key()] {
			continue
		}
		d := Difference{Kind: Removed, Partition: was.Partition, Name: was.Name, Was: &was}
		d.Cells = cellDifferences(was.Columns, nil)
		changed, err := time.Parse(time.RFC3339Nano, Version(was.ETag))
		switch {
		case newest.IsZero():
			d.Conflict = "may have been made after the file: the file does not say which versions of the rows it has"
		case err != nil || changed.After(newest):
			d.Conflict = "was changed later than every row of the file, so it may have been made after the export"
		}
		differences = append(differences, d)
	}
	slices.SortStableFunc(differences, func(a, b Difference) int {
		return policy.RowKey{Partition: a.Partition, Name: a.Name}.Compare(policy.RowKey{Partition: b.Partition, Name: b.Name})
	})
	return differences
}

// mayBe reports whether the row's cell is the table's, or what a spreadsheet made of it.
func (r Row) mayBe(name string, table any) bool {
	cell, found := r.Columns[name]
	if table == nil {
		return false
	}
	if !found || cell == nil {
		return table == ""
	}
	if r.untyped[name] && Text(cell) == Text(table) {
		return true
	}
	text, isText := cell.(string)
	switch table := table.(type) {
	case string:
		return isText && (unixLines.Replace(text) == unixLines.Replace(table) || sameTruth(name, text, table))
	case time.Time:
		return r.days[name] && table.Equal(table.Truncate(24*time.Hour)) && table.UTC().Format(time.DateOnly) == text
	}
	return false
}

// sameTruth reports whether two texts are the same word for true or false, in capitals or not.
func sameTruth(column, a, b string) bool {
	_, isTruth := truths[strings.ToUpper(a)]
	return isTruth && policy.KindOf(column) == policy.TruthKind && strings.EqualFold(a, b)
}

var unixLines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// moved returns why a row of the file must not replace the table's; "" for the same version.
func moved(file, table string) string {
	if file == table {
		return ""
	}
	if file == "" {
		return "exists in the table, and the file does not say which version of it was edited"
	}
	known, err := time.Parse(time.RFC3339Nano, file)
	if err != nil {
		return "has a " + versionHeader + " in the file that can't be read; it must stay as it was exported"
	}
	current, err := time.Parse(time.RFC3339Nano, table)
	// Some versions of Storage Explorer cut the time to milliseconds.
	if err == nil && (known.Equal(current) || known.Equal(current.Truncate(time.Millisecond))) {
		return ""
	}
	return "was changed in the table after the file was exported"
}

// cellDifferences returns the columns in which two rows differ.
func cellDifferences(was, becomes map[string]any) []CellDifference {
	names, _ := header([]policy.Raw{{Columns: was}, {Columns: becomes}})
	var cells []CellDifference
	for _, name := range names {
		before, after := was[name], becomes[name]
		if before == nil && after == nil || before != nil && after != nil && same(before, after) {
			continue
		}
		cells = append(cells, CellDifference{Column: name, Was: before, Becomes: after})
	}
	return cells
}
