package tables

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// A field ties a column to the variable that it holds, for reading and writing: a *string,
// *time.Time, *time.Duration, *int or *optional.
type field struct {
	column string
	value  any
}

// optional is a count whose column is left out if it is 0.
type optional int

// newRow returns a row with the columns of the fields.
func newRow(partition, name string, fields []field) row {
	r := row{partition: partition, name: name, columns: make(map[string]any, len(fields))}
	for _, f := range fields {
		switch value := f.value.(type) {
		case *string:
			r.set(f.column, *value)
		case *time.Time:
			r.set(f.column, toTick(*value))
		case *time.Duration:
			r.set(f.column, value.String())
		case *int:
			r.set(f.column, int32(*value))
		case *optional:
			if *value != 0 {
				r.set(f.column, int32(*value))
			}
		}
	}
	return r
}

// set adds a column unless the value is an empty text or the zero time, which is what a missing
// column means.
func (r *row) set(column string, value any) {
	switch value := value.(type) {
	case string:
		if value == "" {
			return
		}
	case time.Time:
		if value.IsZero() {
			return
		}
	}
	r.columns[column] = value
}

// setJSON adds a column with value as JSON that a person can read: without the escapes that only
// HTML needs.
func (r *row) setJSON(column string, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	if err != nil {
		return problem.New(problem.Internal, "column %s: encoding failed (%T)", column, err)
	}
	r.set(column, strings.TrimSuffix(text.String(), "\n"))
	return nil
}

// A reader takes typed values out of a row of the app. What it can't understand is a
// problem.RecordUnreadable: the row is of another version of the program, or somebody else has
// written it.
type reader struct {
	row
	err    error    // the first failure
	faults []string // what is wrong, each column once; no values
}

// read fills in the variables of the fields. A missing column is a zero value.
func (r *reader) read(fields []field) {
	for _, f := range fields {
		switch value := f.value.(type) {
		case *string:
			*value = r.text(f.column)
		case *time.Time:
			*value = r.time(f.column)
		case *time.Duration:
			var err error
			*value, err = time.ParseDuration(r.text(f.column))
			if err != nil {
				r.fail(f.column, "a duration")
			}
		case *int:
			*value = r.count(f.column)
		case *optional:
			*value = optional(r.count(f.column))
		}
	}
}

// json reads the column's JSON into value, and leaves value as it is if the column is missing.
func (r *reader) json(column string, value any, want string) {
	text := r.text(column)
	if text != "" && json.Unmarshal([]byte(text), value) != nil {
		r.fail(column, want)
	}
}

// joinTimes returns the times as one text, with spaces between, up to the first that is zero.
func joinTimes(times []time.Time) string {
	var texts []string
	for _, t := range times {
		if t.IsZero() {
			break
		}
		texts = append(texts, toTick(t).UTC().Format(time.RFC3339Nano))
	}
	return strings.Join(texts, " ")
}

// times reads the column's times, as many as there is room for.
func (r *reader) times(column string, times []time.Time) {
	for i, text := range strings.Fields(r.text(column)) {
		if i == len(times) {
			return
		}
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			r.fail(column, "times with spaces between")
			return
		}
		times[i] = t.UTC()
	}
}

// address reads the column's address, and leaves address as it is if the column is missing. The
// rules of the form are not asked: they may have become stricter since the address was stored.
func (r *reader) address(column string, address *submission.Address) {
	text := r.text(column)
	if text == "" {
		return
	}
	var err error
	*address, err = submission.StoredAddress(text)
	if err != nil {
		r.fail(column, "a stored address")
	}
}

// fail notes that the column is not what is wanted.
func (r *reader) fail(column, want string) {
	fault := "column " + column + " is not "
	if slices.ContainsFunc(r.faults, func(known string) bool { return strings.HasPrefix(known, fault) }) {
		return
	}
	r.faults = append(r.faults, fault+want)
	if r.err == nil {
		r.err = problem.New(problem.RecordUnreadable, "%s", fault+want)
	}
}

// text returns the column's text, "" if it is missing.
func (r *reader) text(column string) string {
	value, exists := r.columns[column]
	text, ok := value.(string)
	if exists && !ok {
		r.fail(column, "a text")
	}
	return text
}

// time returns the column's time, the zero time if it is missing.
func (r *reader) time(column string) time.Time {
	value, exists := r.columns[column]
	t, ok := value.(time.Time)
	if exists && !ok {
		r.fail(column, "a time (Edm.DateTime)")
	}
	return t
}

// count returns the column's whole number, 0 if it is missing.
func (r *reader) count(column string) int {
	switch value := r.columns[column].(type) {
	case nil:
		return 0
	case int32:
		if value >= 0 {
			return int(value)
		}
	case int64:
		if value >= 0 && value <= math.MaxInt32 {
			return int(value)
		}
	}
	r.fail(column, "a count")
	return 0
}
