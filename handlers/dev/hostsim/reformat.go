package hostsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// reformat writes a JSON value as the host writes what it has parsed (Newtonsoft.Json,
// Formatting.Indented): with other white space and escapes, and with normalised fractions and
// offsets in strings that look like dates.
func reformat(raw json.RawMessage) ([]byte, error) {
	var buffer bytes.Buffer
	tolerant := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	decoder := jsontext.NewDecoder(bytes.NewReader(raw), tolerant...)
	encoder := jsontext.NewEncoder(&buffer, append(tolerant, jsontext.WithIndent("  "))...)
	for {
		token, err := decoder.ReadToken()
		_, values := decoder.StackIndex(0)
		if err == io.EOF && values == 1 {
			return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
		}
		if err != nil || values > 1 {
			return nil, errors.New("it is not one JSON value") // the decoder's error may quote the input
		}
		parent, members := decoder.StackIndex(decoder.StackDepth())
		isName := parent == jsontext.KindBeginObject && members%2 == 1
		if token.Kind() == jsontext.KindString && !isName {
			token = jsontext.String(normaliseDate(token.String()))
		}
		err = encoder.WriteToken(token)
		if err != nil {
			return nil, err
		}
	}
}

var isoDate = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$`)

// normaliseDate changes a string that looks like a date as the host does when its time zone is
// UTC: the fraction has at most seven digits and no trailing zeros, and the offset becomes
// +00:00.
func normaliseDate(text string) string {
	match := isoDate.FindStringSubmatch(text)
	if match == nil {
		return text
	}
	layout, zone := "2006-01-02T15:04:05.9999999", match[2]
	switch zone {
	case "", "Z":
		// Both are kept.
	default:
		zone = "+00:00"
	}
	parse := text
	if match[2] == "" {
		parse += "Z"
	}
	date, err := time.Parse(time.RFC3339Nano, parse)
	if err != nil {
		return text
	}
	return strings.TrimSuffix(date.UTC().Truncate(100*time.Nanosecond).Format(layout), ".") + zone
}
