package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// What Table Storage holds
// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model).
// Texts are measured in UTF-16 units: see [TextUnits].
const (
	MaxKeyUnits    = 512         // of a PartitionKey or a RowKey
	MaxTextUnits   = 32 * 1024   // of a text: 64 KiB
	MaxBinaryBytes = 64 * 1024   // of a binary value
	MaxRowBytes    = 1024 * 1024 // of a row, names and values together
	MaxCells       = 252         // of a row, beside keys and time stamp
	MaxNameUnits   = 255         // of a column's name
)

// FirstTime and LastTime are the times that a table can hold: Edm.DateTime counts ticks of 100 ns
// from 1601 on.
var (
	FirstTime = time.Date(1601, time.January, 1, 0, 0, 0, 0, time.UTC)
	LastTime  = time.Date(9999, time.December, 31, 23, 59, 59, 999999900, time.UTC)
)

// TextUnits returns the length of a text in UTF-16 units.
func TextUnits(text string) int {
	units := 0
	for _, r := range text {
		units += max(1, utf16.RuneLen(r))
	}
	return units
}

// InKey reports whether a PartitionKey or a RowKey may have the character.
func InKey(r rune) bool { return !strings.ContainsRune(`/\#?`, r) && !unicode.IsControl(r) }

// RowBytes returns the size of a row as the table measures it.
func RowBytes(partition, name string, cells map[string]any) int {
	size := 4 + 2*(TextUnits(partition)+TextUnits(name))
	for column, value := range cells {
		size += CellBytes(column, value)
	}
	return size
}

// CellBytes returns for how many bytes a column counts in the size of its row: 8, its name and its
// value.
func CellBytes(column string, value any) int {
	size := 8 + 2*TextUnits(column)
	switch value := value.(type) {
	case string:
		return size + 4 + 2*TextUnits(value)
	case []byte:
		return size + 4 + len(value)
	case bool:
		return size + 1
	case int32:
		return size + 4
	}
	return size + 8
}

// Unstorable returns what a table can't hold of a row, the keys first, then by column. Such a row
// can be in a file only, so the faults are not among those of [Parse].
func Unstorable(raw Raw) []Fault {
	var faults []Fault
	add := func(column, problem, advice string) { faults = append(faults, Fault{column, problem, advice}) }
	if problem := unstorableKey(raw.Partition); problem != "" {
		add(PartitionKeyColumn, problem, "write an address, a domain, *. and a domain, or *")
	}
	if problem := unstorableKey(raw.Name); problem != "" {
		advice := "give the row a short name without such characters"
		if name := StorableName(raw.Name); name != "" && len(name) <= maxQuoted && !strings.ContainsAny(name, atSigns) {
			advice = "call the row " + QuoteName(name)
		}
		add(RowKeyColumn, problem, advice)
	}
	for _, name := range slices.Sorted(maps.Keys(raw.Columns)) {
		problem, advice := unstorableCell(name, raw.Columns[name])
		if problem != "" {
			add(clip(name, maxName), problem, advice)
		}
	}
	switch {
	case slices.ContainsFunc(faults, func(f Fault) bool { return f.Column == RowKeyColumn }):
	case len(raw.Columns) > MaxCells:
		add(RowKeyColumn, fmt.Sprintf("is the name of a row with more than %d cells, which no table holds", MaxCells),
			"remove the columns that are not those of policy rows")
	case RowBytes(raw.Partition, raw.Name, raw.Columns) > MaxRowBytes:
		add(RowKeyColumn, fmt.Sprintf("is the name of a row of more than %d bytes, which no table holds", MaxRowBytes),
			"make its texts shorter")
	}
	return faults
}

func unstorableKey(key string) (problem string) {
	switch {
	case !utf8.ValidString(key):
		return "is not valid UTF-8, so no table holds it"
	case strings.ContainsFunc(key, func(r rune) bool { return !InKey(r) }):
		return `has one of the characters / \ # ? or a control character, which no table holds in a key`
	case len(key) > MaxKeyUnits && TextUnits(key) > MaxKeyUnits:
		return fmt.Sprintf("is longer than %d characters, more than a table holds in a key", MaxKeyUnits)
	}
	return ""
}

func unstorableCell(column string, value any) (problem, advice string) {
	if !IsColumnName(column) || TextUnits(column) > MaxNameUnits {
		return "can't be the name of a table's column", "remove it"
	}
	switch value := value.(type) {
	case string:
		switch {
		case !utf8.ValidString(value):
			return "is not valid UTF-8, so no table holds it", "write it again"
		case len(value) > MaxTextUnits && TextUnits(value) > MaxTextUnits:
			return fmt.Sprintf("is longer than %d characters, more than a table holds in a cell", MaxTextUnits), "make it shorter"
		}
	case []byte:
		if len(value) > MaxBinaryBytes {
			return fmt.Sprintf("has more than %d bytes, more than a table holds in a cell", MaxBinaryBytes), "make it shorter"
		}
	case time.Time:
		if value.Before(FirstTime) || value.After(LastTime) {
			return "is not between the years 1601 and 9999, and no table holds it", "write another time"
		}
	}
	return "", ""
}

// StorableName returns a name like this one that a table can hold: 2026/27 becomes 2026-27.
func StorableName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case !InKey(r):
			return '-'
		}
		return r
	}, strings.ToValidUTF8(name, "-"))
	name = strings.Join(strings.Fields(name), " ")
	units := 0
	for i, r := range name {
		units += utf16.RuneLen(r)
		if units > MaxKeyUnits {
			return strings.TrimSpace(name[:i])
		}
	}
	return name
}
