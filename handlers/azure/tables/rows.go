package tables

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Limits of the table service. They are checked here because the emulator does not enforce all of
// them, and because the service's refusal does not name the column.
const (
	maxTextUnits  = policy.MaxTextUnits
	maxBinary     = policy.MaxBinaryBytes
	maxKeyUnits   = policy.MaxKeyUnits
	maxRowBytes   = policy.MaxRowBytes
	maxColumns    = policy.MaxCells
	maxNameLength = policy.MaxNameUnits
)

var firstTime, lastTime = policy.FirstTime, policy.LastTime

// A row is one row of a table. Its columns have values of the types of policy.Raw: string, bool,
// int32, int64, float64, time.Time, []byte.
//
// The SDK's EDMEntity is not used: it turns every value of a type that it does not know into nil,
// and doubles the quotes in stored keys.
type row struct {
	partition string
	name      string
	etag      string
	columns   map[string]any
}

// raw returns a policy row as package policy reads it.
func (r row) raw() policy.Raw {
	return policy.Raw{Partition: r.partition, Name: r.name, ETag: r.etag, Columns: r.columns}
}

// toTick cuts t to what a table can hold, so that what was stored is what is loaded.
func toTick(t time.Time) time.Time {
	return t.UTC().Truncate(request.Tick)
}

// encode returns the row as the service takes it. A row that the service would refuse or change
// is a problem.Internal that names the column.
func (r row) encode() ([]byte, error) {
	for _, key := range []string{r.partition, r.name} {
		err := checkKey(key)
		if err != nil {
			return nil, err
		}
	}
	if len(r.columns) > maxColumns {
		return nil, problem.New(problem.Internal, "the row has %d columns, more than %d", len(r.columns), maxColumns)
	}
	size := policy.RowBytes(r.partition, r.name, nil)
	entity := map[string]any{"PartitionKey": r.partition, "RowKey": r.name}
	for column, value := range r.columns {
		if !policy.IsColumnName(column) || policy.TextUnits(column) > maxNameLength || column == "PartitionKey" || column == "RowKey" || column == "Timestamp" {
			return nil, problem.New(problem.Internal, "%.40q can't be the name of a column", column)
		}
		encoded, err := encodeValue(value)
		if err != nil {
			return nil, problem.New(problem.Internal, "column %s: %w", column, err)
		}
		entity[column] = encoded.json
		if encoded.edmType != "" {
			entity[column+"@odata.type"] = encoded.edmType
		}
		size += policy.CellBytes(column, value)
		if size > maxRowBytes {
			return nil, problem.New(problem.Internal, "the row has more than %d bytes, up to column %s", maxRowBytes, column)
		}
	}
	return json.Marshal(entity)
}

// A cell is the value of a column as the service takes it.
type cell struct {
	json    any
	edmType string // empty where JSON tells the type
}

func encodeValue(value any) (cell, error) {
	switch value := value.(type) {
	case string:
		if !utf8.ValidString(value) {
			return cell{}, errors.New("the text is not valid UTF-8")
		}
		units := policy.TextUnits(value)
		if units > maxTextUnits {
			return cell{}, fmt.Errorf("the text has %d UTF-16 units, more than %d", units, maxTextUnits)
		}
		return cell{value, ""}, nil
	case bool:
		return cell{value, ""}, nil
	case int32:
		return cell{value, ""}, nil
	case int64:
		return cell{strconv.FormatInt(value, 10), "Edm.Int64"}, nil
	case float64:
		switch {
		case math.IsNaN(value):
			return cell{"NaN", "Edm.Double"}, nil
		case math.IsInf(value, 1):
			return cell{"Infinity", "Edm.Double"}, nil
		case math.IsInf(value, -1):
			return cell{"-Infinity", "Edm.Double"}, nil
		}
		return cell{value, "Edm.Double"}, nil
	case time.Time:
		if value.Before(firstTime) || value.After(lastTime) {
			return cell{}, errors.New("the time is not between the years 1601 and 9999")
		}
		return cell{toTick(value).Format(policy.TimeLayout), "Edm.DateTime"}, nil
	case []byte:
		if len(value) > maxBinary {
			return cell{}, fmt.Errorf("the value has %d bytes, more than %d", len(value), maxBinary)
		}
		return cell{base64.StdEncoding.EncodeToString(value), "Edm.Binary"}, nil
	default:
		return cell{}, fmt.Errorf("a table can't hold a %T", value)
	}
}

// unknownValue stands for the value of a column that can't be understood.
type unknownValue struct{}

// whole returns an error that names a column whose value can't be understood, if there is one: a
// policy row must not lose a condition.
func (r row) whole() error {
	for _, column := range slices.Sorted(maps.Keys(r.columns)) {
		if r.columns[column] == (unknownValue{}) {
			return problem.New(problem.Internal, "the table service sent a row whose column %s can't be understood", column)
		}
	}
	return nil
}

// decodeRow reads what the service sent. A value that can't be understood is an unknownValue, so
// that it concerns nobody who does not read that column.
func decodeRow(encoded []byte) (row, error) {
	var properties map[string]json.RawMessage
	err := json.Unmarshal(encoded, &properties)
	if err != nil {
		return row{}, problem.New(problem.Internal, "the table service sent a row that is not a JSON object")
	}
	r := row{columns: map[string]any{}}
	for name, raw := range properties {
		switch name {
		case "PartitionKey":
			err = json.Unmarshal(raw, &r.partition)
		case "RowKey":
			err = json.Unmarshal(raw, &r.name)
		case "odata.etag":
			err = json.Unmarshal(raw, &r.etag)
		case "Timestamp":
		default:
			// A name with "." or "@" is an annotation.
			if strings.ContainsAny(name, ".@") {
				continue
			}
			var edmType string
			annotation, annotated := properties[name+"@odata.type"]
			var value any
			var unknown error
			if annotated {
				unknown = json.Unmarshal(annotation, &edmType)
			}
			if unknown == nil {
				value, unknown = decodeValue(raw, edmType)
			}
			switch {
			case unknown != nil:
				r.columns[name] = unknownValue{}
			case value != nil:
				r.columns[name] = value
			}
		}
		if err != nil {
			// The cause is left out: it may quote the value.
			return row{}, problem.New(problem.Internal, "the table service sent a row whose column %s can't be understood", name)
		}
	}
	return r, nil
}

// decodeValue returns a column's value; nil for null, which means that the row has no such
// column.
func decodeValue(raw json.RawMessage, edmType string) (any, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	if err != nil {
		return nil, err
	}
	switch value := value.(type) {
	case bool:
		if edmType == "" || edmType == "Edm.Boolean" {
			return value, nil
		}
	case json.Number:
		switch edmType {
		case "", "Edm.Int32":
			whole, err := strconv.ParseInt(value.String(), 10, 32)
			if err == nil {
				return int32(whole), nil
			}
			if edmType == "" {
				return value.Float64()
			}
		case "Edm.Double":
			return value.Float64()
		case "Edm.Int64":
			return value.Int64()
		}
	case string:
		switch edmType {
		case "", "Edm.String", "Edm.Guid":
			return value, nil
		case "Edm.Int64":
			return strconv.ParseInt(value, 10, 64)
		case "Edm.Double": // NaN, Infinity, -Infinity
			return strconv.ParseFloat(value, 64)
		case "Edm.DateTime":
			t, err := time.Parse(time.RFC3339Nano, value)
			return t.UTC(), err
		case "Edm.Binary":
			return base64.StdEncoding.DecodeString(value)
		}
	}
	return nil, fmt.Errorf("a %T is not a value of %q", value, edmType)
}

// checkKey reports whether the service takes key as a PartitionKey or RowKey.
func checkKey(key string) error {
	if !utf8.ValidString(key) || policy.TextUnits(key) > maxKeyUnits {
		return problem.New(problem.Internal, "a key of the row is longer than %d UTF-16 units or not valid UTF-8", maxKeyUnits)
	}
	for _, c := range key {
		if !policy.InKey(c) {
			return problem.New(problem.Internal, `a key of the row has one of the characters that a key can't have: / \ # ? and control characters`)
		}
	}
	return nil
}
