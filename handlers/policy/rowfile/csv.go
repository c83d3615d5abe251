package rowfile

import (
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"strings"

	"guestlist/handlers/problem"
)

// quoted returns a field as RFC 4180 writes it. csv.Writer can't be used: with line ends of \r\n,
// it changes the line breaks inside fields.
func quoted(field string) string {
	// The semicolon and the tab are for spreadsheets that take them for separators.
	if !strings.ContainsAny(field, "\",;\t\r\n") && strings.TrimSpace(field) == field {
		return field
	}
	return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
}

// prepared returns a text for csv.Reader, with \n for line ends outside quotes, \r\r\n for each
// \r\n inside them, which it turns into \r\n, and with quotes around cells such as 5" pipe.
func prepared(text string, comma rune) string {
	if !strings.ContainsAny(text, "\r\"") {
		return text
	}
	rest := `[^\r\n` + string(comma) + `]` // of the cell
	parts := regexp.MustCompile(`\r\n?|"(?:[^"]|"")*"` + rest + `*|` + rest + `+`)
	return parts.ReplaceAllStringFunc(text, func(part string) string {
		switch {
		case part[0] == '\r':
			return "\n"
		case part[0] == '"': // if there is something after the closing quote, csv.Reader refuses it
			return strings.ReplaceAll(part, "\r\n", "\r\r\n")
		case strings.Contains(part, `"`):
			return quoted(part)
		}
		return part
	})
}

// records reads the records of a CSV text.
type records struct {
	csv  *csv.Reader
	text string // what csv reads
	skip int    // lines before it
}

func newRecords(text string, comma rune, skip int) *records {
	text = prepared(text, comma)
	r := &records{csv: csv.NewReader(strings.NewReader(text)), text: text, skip: skip}
	r.csv.Comma = comma
	r.csv.FieldsPerRecord = -1
	return r
}

// next returns the next record that is not empty and the line on which it begins; nil at the end.
func (r *records) next() (fields []string, line int, err error) {
	start := r.csv.InputOffset()
	fields, err = r.csv.Read()
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, 0, nil
	case !errors.As(err, &wrong):
		line, _ = r.csv.FieldPos(0)
		return fields, line + r.skip, err
	case strings.Count(r.text[start:r.csv.InputOffset()], `"`)%2 == 1:
		return nil, 0, problem.New(problem.MalformedBody,
			"line %d: a quote is opened and never closed", wrong.StartLine+r.skip)
	default:
		return nil, 0, problem.New(problem.MalformedBody,
			"line %d: something follows a closing quote; a quote inside a quoted cell is written twice",
			wrong.Line+r.skip)
	}
}
