package hostsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// reformat writes a JSON value as the host writes what it has parsed (Newtonsoft.Json,
// Formatting.Indented): with other white space and escapes, and with normalised fractions and
// offsets in strings that look like dates.
func reformat(raw json.RawMessage) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var buffer bytes.Buffer
	err := reformatValue(&buffer, decoder, "")
	if err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	_, err = decoder.Token()
	if err != io.EOF {
		return nil, fmt.Errorf("reading JSON: text after the value")
	}
	return buffer.Bytes(), nil
}

func reformatValue(buffer *bytes.Buffer, decoder *json.Decoder, indent string) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case json.Delim:
		return reformatElements(buffer, decoder, token, indent)
	case string:
		return writeString(buffer, normaliseDate(token))
	case json.Number:
		buffer.WriteString(token.String())
	case bool:
		fmt.Fprint(buffer, token)
	case nil:
		buffer.WriteString("null")
	}
	return nil
}

func reformatElements(buffer *bytes.Buffer, decoder *json.Decoder, opening json.Delim, indent string) error {
	buffer.WriteString(opening.String())
	inner := indent + "  "
	elements := 0
	for ; decoder.More(); elements++ {
		if elements > 0 {
			buffer.WriteByte(',')
		}
		buffer.WriteString("\n" + inner)
		if opening == '{' {
			name, err := decoder.Token()
			if err != nil {
				return err
			}
			err = writeString(buffer, name.(string))
			if err != nil {
				return err
			}
			buffer.WriteString(": ")
		}
		err := reformatValue(buffer, decoder, inner)
		if err != nil {
			return err
		}
	}
	closing, err := decoder.Token()
	if err != nil {
		return err
	}
	if elements > 0 {
		buffer.WriteString("\n" + indent)
	}
	buffer.WriteString(closing.(json.Delim).String())
	return nil
}

func writeString(buffer *bytes.Buffer, text string) error {
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(text)
	if err != nil {
		return err
	}
	buffer.Truncate(buffer.Len() - 1) // the encoder's newline
	return nil
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
