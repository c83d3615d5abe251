package rowfile

import (
	"strings"

	"guestlist/handlers/problem"
)

// encoding/csv is not used: it drops the carriage return of a line break inside a cell, and does not say so in the
// cell's value.

// quoted returns a field as RFC 4180 writes it.
func quoted(field string) string {
	// The semicolon and the tab are for spreadsheets that part fields by them.
	if !strings.ContainsAny(field, "\",;\t\r\n") && strings.TrimSpace(field) == field {
		return field
	}
	return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
}

// scanner reads the records of a CSV text. A quoted field may hold anything; a record ends at \n, \r\n or \r.
type scanner struct {
	rest  string
	comma byte // what parts fields
	line  int  // of the text that comes next, from 1
}

// record returns the next record and the line that it begins on; nil at the end of the text.
func (s *scanner) record() (fields []string, line int, err error) {
	if s.rest == "" {
		return nil, s.line, nil
	}
	line = s.line
	for {
		field, err := s.field()
		if err != nil {
			return nil, line, err
		}
		fields = append(fields, field)
		switch {
		case s.rest == "":
			return fields, line, nil
		case s.rest[0] == s.comma:
			s.rest = s.rest[1:]
		default: // a line break
			s.rest = strings.TrimPrefix(strings.TrimPrefix(s.rest, "\r"), "\n")
			s.line++
			return fields, line, nil
		}
	}
}

// field returns the next field, and leaves the scanner at what ends it.
func (s *scanner) field() (string, error) {
	if !strings.HasPrefix(s.rest, `"`) {
		end := strings.IndexFunc(s.rest, func(r rune) bool { return r == '\r' || r == '\n' || r == rune(s.comma) })
		if end < 0 {
			end = len(s.rest)
		}
		field := s.rest[:end]
		s.rest = s.rest[end:]
		return field, nil
	}
	opened := s.line
	s.rest = s.rest[1:]
	var field strings.Builder
	for {
		part, after, closed := strings.Cut(s.rest, `"`)
		if !closed {
			return "", problem.New(problem.MalformedBody, "line %d: a quote is opened and never closed", opened)
		}
		field.WriteString(part)
		s.line += breaks(part)
		s.rest = after
		if !strings.HasPrefix(s.rest, `"`) {
			break
		}
		field.WriteByte('"')
		s.rest = s.rest[1:]
	}
	if s.rest != "" && s.rest[0] != s.comma && s.rest[0] != '\r' && s.rest[0] != '\n' {
		return "", problem.New(problem.MalformedBody,
			"line %d: something follows a closing quote; a quote inside a quoted cell is written twice", s.line)
	}
	return field.String(), nil
}

// breaks counts the line breaks in text.
func breaks(text string) int {
	return strings.Count(text, "\n") + strings.Count(text, "\r") - strings.Count(text, "\r\n")
}
