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

// utf8CSV is what spreadsheets call the form of the file.
const utf8CSV = "CSV UTF-8 (in Excel, a file type of its own; elsewhere, the character set Unicode (UTF-8))"

// byteOrderMark tells Excel that a text is UTF-8.
const byteOrderMark = "\ufeff"

// Row is a row of a file.
type Row struct {
	policy.Raw        // without ETag; empty cells are not columns of the row
	Version    string // the [Version] of the row that the file was made from; empty if unknown
	Line       int    // the first line of the row in the file, from 1

	untyped map[string]bool // the columns whose type the file does not name
	days    map[string]bool // the columns with a day where the file names the type of a time
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

// Separators are the characters that may separate the cells of a file. A spreadsheet opens only
// files with the separator of its country: mostly the comma, and the semicolon where that is in
// numbers.
const Separators = ",;\t"

// Write writes the rows as a file with one of the [Separators], by partition, then by name. [Read]
// returns the same rows. All policy columns are there, also unused ones, so that an editor sees
// them; unknown columns follow by name.
//
// An apostrophe is before each cell that a spreadsheet would calculate or change.
//
// The file is UTF-8. It begins with a byte order mark if it is not ASCII, since Excel needs one.
//
// The error is that of w, or problem.Internal for a value that a table can't hold.
func Write(w io.Writer, rows []policy.Raw, separator rune) error {
	if !strings.ContainsRune(Separators, separator) {
		return problem.New(problem.Internal, "writing rows: %q can't be a separator", separator)
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b policy.Raw) int { return a.Key().Compare(b.Key()) })
	names, used := header(rows)
	var file strings.Builder
	line := func(fields []string) {
		for i, field := range fields {
			if i > 0 {
				file.WriteRune(separator)
			}
			file.WriteString(quoted(field))
		}
		file.WriteString("\r\n")
	}
	first := []string{partitionHeader, nameHeader, versionHeader}
	for _, name := range names {
		first = append(first, guarded(name))
	}
	for _, name := range used {
		first = append(first, name+typeSuffix)
	}
	line(first)
	for _, row := range rows {
		fields := []string{guarded(row.Partition), guarded(row.Name), Version(row.ETag)}
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
			if typeName == stringType || typeName != boolType && !plainNumber.MatchString(text) {
				text = guarded(text)
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
// A cell has the type in its NAME@type cell, or else the first type that the column names above it.
// A cell without a type, or that is not of its type, is a text, and so is one with an apostrophe
// that has no type of its own. Any valid column name is accepted.
//
// A day in the form that a spreadsheet gives it, such as 31.12.2026 or 12/31/2026, is read where it
// can be one day only, as are the words for true and false of its language, in columns of policy
// that have such cells. All else is a text as it stands.
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
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"), strings.Contains(text[:min(len(text), 4)], "\x00"):
		return nil, problem.New(problem.MalformedBody, "the file is UTF-16; save it as %s", utf8CSV)
	case strings.HasPrefix(text, "PK\x03\x04"):
		return nil, problem.New(problem.MalformedBody, "the file is a workbook; save it as %s", utf8CSV)
	case !utf8.ValidString(text):
		return nil, problem.New(problem.MalformedBody, "the file is not UTF-8; save it as %s", utf8CSV)
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
			names[i], _ = original(strings.TrimSpace(before))
			if isType {
				names[i] += typeSuffix
			}
		}
		if slices.Contains(names, partitionHeader) && slices.Contains(names, nameHeader) {
			return r, r.setColumns(names, line)
		}
	}
	return nil, noHeader(text, skip+1)
}

// noHeader says what is wrong with a text whose first line does not name the columns.
func noHeader(text string, line int) error {
	names, _, err := newRecords(text, ',', 0).next()
	if err == nil && len(names) == 1 {
		only := names[0]
		switch {
		case strings.Contains(only, partitionHeader) && strings.Contains(only, nameHeader):
			return inOneColumn(line, only)
		case !strings.ContainsAny(only, Separators):
			return problem.New(problem.MalformedBody, "line %d: there is one column only, and a file of rows has at "+
				"least %s and %s; cells are separated by comma, semicolon or tab", line, partitionHeader, nameHeader)
		}
	}
	return problem.New(problem.MalformedBody,
		"line %d: the first line must name the columns, %s and %s among them, in just this spelling",
		line, partitionHeader, nameHeader)
}

// inOneColumn is the error for a line whose cells are all in one, since a spreadsheet expected
// another separator.
func inOneColumn(line int, cell string) error {
	other := ";"
	if strings.Count(cell, ";") > strings.Count(cell, ",") {
		other = ","
	}
	return problem.New(problem.MalformedBody, "line %d: all cells of the line are in one column: a spreadsheet opened "+
		"the file and expected another separator. Export again with --separator '%s' and repeat the edit, or open the "+
		"file by the spreadsheet's import, which asks for the separator", line, other)
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
		if len(record) == 1 && len(r.columns) > 1 && strings.ContainsRune(record[0], r.csv.Comma) {
			return nil, inOneColumn(line, record[0])
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
		Raw:     policy.Raw{Columns: map[string]any{}},
		Line:    line,
		untyped: map[string]bool{}, days: map[string]bool{},
	}
	// No key begins with an apostrophe, so it is always the spreadsheet's.
	row.Partition = strings.TrimPrefix(r.cell(record, partitionHeader), "'")
	row.Name, _ = original(r.cell(record, nameHeader))
	row.Version, _ = original(strings.TrimSpace(r.cell(record, versionHeader)))
	for _, name := range r.columns {
		switch {
		case name == "", name == partitionHeader, name == nameHeader, name == versionHeader,
			strings.HasSuffix(name, typeSuffix):
			continue
		}
		text, wasGuarded := original(r.cell(record, name))
		typeName := strings.TrimSpace(r.cell(record, name+typeSuffix))
		if typeName == "" {
			row.untyped[name] = true
			if !wasGuarded { // else it is a text
				typeName = r.types[name]
			}
		} else if r.types[name] == "" {
			r.types[name] = typeName
		}
		if text == "" && !wasGuarded {
			continue
		}
		value, ok := parse(text, typeName)
		if !ok {
			value = text
		}
		_, isText := value.(string)
		if isText && !wasGuarded {
			reading, rewritten := reread(name, text, typeName)
			if rewritten {
				value = reading
				_, isDay := reading.(string)
				row.days[name] = isDay && edmName(typeName) == dateTimeType
			}
		}
		row.Columns[name] = value
	}
	return row
}
