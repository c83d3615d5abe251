package rowfile

import (
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
)

// The names of types in the columns NAME@type: those of Edm without the prefix, as Storage
// Explorer writes them since version 1.40. Older versions write the prefix.
const (
	stringType   = "String"
	boolType     = "Boolean"
	int32Type    = "Int32"
	int64Type    = "Int64"
	doubleType   = "Double"
	dateTimeType = "DateTime"
	binaryType   = "Binary"
)

// Text returns a cell as text that can be read again: RFC 3339 for a time, base64 for bytes.
func Text(value any) string {
	text, _, err := format(value)
	if err != nil {
		return fmt.Sprintf("(a %T)", value)
	}
	return text
}

// TypeOf returns the cell's type in the table, such as Int32; "" if a table can't hold it.
func TypeOf(value any) string {
	_, name, _ := format(value)
	return name
}

// format returns the value as text, with the name of its type.
func format(value any) (text, typeName string, err error) {
	switch value := value.(type) {
	case string:
		return value, stringType, nil
	case bool:
		return strconv.FormatBool(value), boolType, nil
	case int32:
		return strconv.FormatInt(int64(value), 10), int32Type, nil
	case int64:
		return strconv.FormatInt(value, 10), int64Type, nil
	case float64:
		switch {
		case math.IsInf(value, 1):
			return "Infinity", doubleType, nil
		case math.IsInf(value, -1):
			return "-Infinity", doubleType, nil
		}
		return strconv.FormatFloat(value, 'g', -1, 64), doubleType, nil
	case time.Time:
		return value.UTC().Format(policy.TimeLayout), dateTimeType, nil
	case []byte:
		return base64.StdEncoding.EncodeToString(value), binaryType, nil
	}
	return "", "", fmt.Errorf("a table can't hold a %T", value)
}

// parse returns text as a value of the type, if it is one. Unknown types, as Guid, are texts.
func parse(text, typeName string) (value any, ok bool) {
	var err error
	switch edmName(typeName) {
	case boolType:
		truth, isTruth := truths[strings.ToUpper(text)]
		if isTruth {
			return truth, true
		}
		value, err = strconv.ParseBool(text) // 1 and 0 too
	case int32Type:
		var number int64
		number, err = strconv.ParseInt(text, 10, 32)
		value = int32(number)
	case int64Type:
		value, err = strconv.ParseInt(text, 10, 64)
	case doubleType:
		value, err = strconv.ParseFloat(text, 64)
	case dateTimeType:
		var t time.Time
		t, err = time.Parse(time.RFC3339Nano, text)
		value = t.UTC()
	case binaryType:
		value, err = base64.StdEncoding.DecodeString(text)
	default:
		value = text
	}
	return value, err == nil
}

// edmName returns the name of a type without the prefix that older files have.
func edmName(typeName string) string {
	return strings.TrimPrefix(strings.TrimSpace(typeName), "Edm.")
}

// reread returns what a cell of the column says, of which a spreadsheet has made this text: a date
// in the form of its country, or a word for true or false in its language. ok is false if there is
// no such cell, or more than one.
//
// A day is a text such as 2026-12-31, as policy has it. A time of day without a zone is UTC in a
// column of times, since the table's times are, and not understood elsewhere.
func reread(column, text, typeName string) (value any, ok bool) {
	kind := policy.KindOf(column)
	isTime := edmName(typeName) == dateTimeType
	if kind == policy.TruthKind {
		truth, isTruth := truths[strings.ToUpper(strings.TrimSpace(text))]
		return strconv.FormatBool(truth), isTruth
	}
	if kind != policy.MomentKind && !isTime {
		return nil, false
	}
	days, clock, hasClock := policy.Days(text)
	switch {
	case len(days) != 1:
		return nil, false
	case !hasClock:
		return days[0].Format(time.DateOnly), true
	case isTime:
		return days[0].Add(clock), true
	}
	return nil, false
}

// same reports whether two cells have the same value and type.
func same(a, b any) bool {
	textA, typeA, errA := format(a)
	textB, typeB, errB := format(b)
	return errA == nil && errB == nil && typeA == typeB && textA == textB
}

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
