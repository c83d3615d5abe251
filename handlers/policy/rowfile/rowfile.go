package rowfile

import (
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

const (
	partitionHeader = policy.PartitionKeyColumn
	nameHeader      = policy.RowKeyColumn
	versionHeader   = "Timestamp"
	typeSuffix      = "@type"
)

// MaxBytes limits the size of a file. It is room for many thousand rows.
const MaxBytes = 64 * 1024 * 1024

// byteOrderMark tells Excel that a text is UTF-8.
const byteOrderMark = "\ufeff"

// Row is a row of a file.
type Row struct {
	policy.Raw        // without ETag; empty cells are not columns of the row
	Version    string // the [Version] of the row that the file was made from; empty if unknown
	Line       int    // the first line of the row in the file, from 1

	untyped map[string]bool // the columns whose type the file does not name
}

// Version returns an ETag of the table service in the form of the Timestamp column, the time of
// the last change, such as 2026-11-23T08:00:00.1234567Z. Any other ETag is returned unchanged.
func Version(etag string) string {
	inner, isWeak := strings.CutPrefix(etag, `W/"datetime'`)
	inner, isTime := strings.CutSuffix(inner, `'"`)
	if !isWeak || !isTime {
		return etag
	}
	version, err := url.PathUnescape(inner)
	if err != nil {
		return etag
	}
	return version
}

// Write writes the rows as a file, by partition, then by name. [Read] returns the same rows. All
// policy columns are there, also unused ones, so that an editor sees them; unknown columns follow
// by name.
//
// The file is UTF-8. It begins with a byte order mark if it is not ASCII, since Excel needs one.
//
// The error is that of w, or problem.Internal for a value that a table can't hold.
func Write(w io.Writer, rows []policy.Raw) error {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b policy.Raw) int { return a.Key().Compare(b.Key()) })
	names, used := header(rows)
	var file strings.Builder
	line := func(fields []string) {
		for i, field := range fields {
			if i > 0 {
				file.WriteByte(',')
			}
			file.WriteString(quoted(field))
		}
		file.WriteString("\r\n")
	}
	first := append([]string{partitionHeader, nameHeader, versionHeader}, names...)
	for _, name := range used {
		first = append(first, name+typeSuffix)
	}
	line(first)
	for _, row := range rows {
		fields := []string{harmless(row.Partition), harmless(row.Name), Version(row.ETag)}
		for _, name := range names {
			value, found := row.Columns[name]
			if !found || value == nil {
				fields = append(fields, "")
				continue
			}
			text, typeName, err := format(value)
			if err != nil {
				return problem.New(problem.Internal, "writing a row: column %s: %w", name, err)
			}
			if typeName == stringType || text == "" {
				text = harmless(text)
			}
			fields = append(fields, text)
		}
		for _, name := range used {
			fields = append(fields, TypeOf(row.Columns[name]))
		}
		line(fields)
	}
	text := file.String()
	if !utf8.ValidString(text) {
		return problem.New(problem.Internal, "writing rows: a text is not valid UTF-8")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		text = byteOrderMark + text
	}
	_, err := io.WriteString(w, text)
	return err
}

// header returns the columns of a file with the rows, and those that are in use.
func header(rows []policy.Raw) (names, used []string) {
	inUse := map[string]bool{}
	for _, row := range rows {
		for name, value := range row.Columns {
			if value != nil {
				inUse[name] = true
			}
		}
	}
	for _, column := range policy.Columns() {
		names = append(names, column.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(inUse)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !inUse[name] })
}

// Read reads a file that Write wrote, that Storage Explorer exported, or that a spreadsheet made
// of either: fields separated by comma, semicolon or tab, with or without a byte order mark, with
// any line breaks and empty lines. The first line names the columns, in any order.
//
// A cell has the type in its NAME@type cell, or else the first type that the column names above
// it. A cell without a type, or that is not of its type, is a text. Any valid column name is
// accepted.
//
// The error is a problem.MalformedBody that names the line and repeats only column names.
func Read(r io.Reader) ([]Row, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, problem.New(problem.MalformedBody, "the file can't be read: %w", err)
	}
	text := string(data)
	switch {
	case len(text) > MaxBytes:
		return nil, problem.New(problem.MalformedBody, "the file has more than %d bytes", MaxBytes)
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return nil, problem.New(problem.MalformedBody, "the file is UTF-16; save it as CSV UTF-8")
	case !utf8.ValidString(text):
		return nil, problem.New(problem.MalformedBody, "the file is not UTF-8; save it as CSV UTF-8")
	}
	file, err := open(strings.TrimPrefix(text, byteOrderMark))
	if err != nil {
		return nil, err
	}
	return file.rows()
}

// reading is a file whose first line has been read.
type reading struct {
	*records
	columns []string       // by position; "" for one without a name
	at      map[string]int // the position of a column
	types   map[string]string
	seen    map[policy.RowKey]int // the line of a row
}

// separatorLine is Excel's line for the separator.
var separatorLine = regexp.MustCompile(`^sep=[^\r\n]*(\r\n?|\n|$)`)

// open reads the first line, and tells the separator by it.
func open(text string) (*reading, error) {
	skip := 0
	separator := separatorLine.FindString(text)
	if separator != "" {
		text, skip = text[len(separator):], 1
	}
	for _, comma := range ",;\t" {
		r := &reading{
			records: newRecords(text, comma, skip),
			at:      map[string]int{}, types: map[string]string{}, seen: map[policy.RowKey]int{},
		}
		names, line, err := r.next()
		if err != nil {
			continue
		}
		for i, name := range names {
			before, isType := strings.CutSuffix(strings.TrimSpace(name), typeSuffix)
			names[i] = strings.TrimSpace(before)
			if isType {
				names[i] += typeSuffix
			}
		}
		if slices.Contains(names, partitionHeader) && slices.Contains(names, nameHeader) {
			return r, r.setColumns(names, line)
		}
	}
	return nil, problem.New(problem.MalformedBody,
		"line %d: the first line must name the columns, %s and %s among them, in just this spelling",
		skip+1, partitionHeader, nameHeader)
}

func (r *reading) setColumns(names []string, line int) error {
	for i, name := range names {
		_, twice := r.at[name]
		switch {
		case name == "":
			continue
		case twice:
			return problem.New(problem.MalformedBody, "line %d: two columns are called %.80q", line, name)
		case !policy.IsColumnName(strings.TrimSuffix(name, typeSuffix)):
			return problem.New(problem.MalformedBody, "line %d: %.80q can't be the name of a column", line, name)
		}
		r.at[name] = i
	}
	r.columns = names
	return nil
}

// cell returns the record's cell of a column, "" if there is none.
func (r *reading) cell(record []string, column string) string {
	i, found := r.at[column]
	if !found || i >= len(record) {
		return ""
	}
	return record[i]
}

func (r *reading) rows() ([]Row, error) {
	rows := []Row{}
	for {
		record, line, err := r.next()
		if err != nil || record == nil {
			return rows, err
		}
		if !slices.ContainsFunc(record, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
			continue // spreadsheets leave such lines for deleted rows
		}
		for i, cell := range record {
			if cell != "" && (i >= len(r.columns) || r.columns[i] == "") {
				return nil, problem.New(problem.MalformedBody,
					"line %d: there is a cell in position %d, where the first line names no column", line, i+1)
			}
		}
		row := r.row(record, line)
		key := row.Key()
		before, twice := r.seen[key]
		if twice {
			return nil, problem.New(problem.MalformedBody,
				"line %d: there is a row of the same %s and %s on line %d", line, partitionHeader, nameHeader, before)
		}
		r.seen[key] = line
		rows = append(rows, row)
	}
}

func (r *reading) row(record []string, line int) Row {
	row := Row{
		Raw: policy.Raw{
			Partition: original(r.cell(record, partitionHeader)),
			Name:      original(r.cell(record, nameHeader)),
			Columns:   map[string]any{},
		},
		Version: strings.TrimSpace(r.cell(record, versionHeader)),
		Line:    line,
		untyped: map[string]bool{},
	}
	for _, name := range r.columns {
		switch {
		case name == "", name == partitionHeader, name == nameHeader, name == versionHeader,
			strings.HasSuffix(name, typeSuffix):
			continue
		}
		typeName := strings.TrimSpace(r.cell(record, name+typeSuffix))
		if typeName == "" {
			row.untyped[name] = true
			typeName = r.types[name]
		} else if r.types[name] == "" {
			r.types[name] = typeName
		}
		text := r.cell(record, name)
		if text == "" {
			continue
		}
		text = original(text)
		value, ok := parse(text, typeName)
		if !ok {
			value = text
		}
		row.Columns[name] = value
	}
	return row
}
