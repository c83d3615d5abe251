package jsonwalk

import (
	"bytes"
	"iter"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Members yields the members of a JSON object, in their order, with names decoded; of any other value, none. data must be valid JSON.
// What is yielded may be part of data, and must not be changed.
func Members(data []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		i := skipSpace(data, 0)
		if data[i] != '{' {
			return
		}
		i = skipSpace(data, i+1)
		for data[i] != '}' {
			end := skipString(data, i)
			name, plain := inner(data[i:end])
			if !plain {
				decoded, _ := Text(data[i:end])
				name = []byte(decoded)
			}
			i = skipSpace(data, skipSpace(data, end)+1) // the colon is the one between
			end = skipValue(data, i)
			if !yield(name, data[i:end]) {
				return
			}
			i = skipSpace(data, end)
			if data[i] == ',' {
				i = skipSpace(data, i+1)
			}
		}
	}
}

// Elements yields the elements of a JSON array; null has none, and any other value is its own only element. data must be valid JSON
// without white space around it.
func Elements(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if string(data) == "null" {
			return
		}
		if data[0] != '[' {
			yield(data)
			return
		}
		i := skipSpace(data, 1)
		for data[i] != ']' {
			end := skipValue(data, i)
			if !yield(data[i:end]) {
				return
			}
			i = skipSpace(data, end)
			if data[i] == ',' {
				i = skipSpace(data, i+1)
			}
		}
	}
}

// Text decodes a JSON string. It takes null for "", as encoding/json does, and reports whether value is one of the two. value must be valid
// JSON without white space around it.
func Text(value []byte) (decoded string, ok bool) {
	if string(value) == "null" {
		return "", true
	}
	if value[0] != '"' {
		return "", false
	}
	between, plain := inner(value)
	if plain {
		return string(between), true
	}
	return unescaped(between), true
}

// unescaped returns what stands between quotation marks with its escapes replaced. Bytes that are no UTF-8, and halves of surrogate pairs,
// become U+FFFD, as encoding/json does it.
func unescaped(between []byte) string {
	var text strings.Builder
	text.Grow(len(between)) // but for bytes that are no UTF-8, escapes are never shorter than what they stand for
	for i := 0; i < len(between); {
		c := between[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(between[i:])
			text.WriteRune(r)
			i += size
			continue
		}
		if c != '\\' {
			text.WriteByte(c)
			i++
			continue
		}
		c = between[i+1]
		i += 2
		switch c {
		case 'b':
			text.WriteByte('\b')
		case 'f':
			text.WriteByte('\f')
		case 'n':
			text.WriteByte('\n')
		case 'r':
			text.WriteByte('\r')
		case 't':
			text.WriteByte('\t')
		case 'u':
			r := codeUnit(between[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				whole := rune(utf8.RuneError)
				if i+6 <= len(between) && between[i] == '\\' && between[i+1] == 'u' {
					whole = utf16.DecodeRune(r, codeUnit(between[i+2:]))
				}
				if whole != utf8.RuneError {
					i += 6
				}
				r = whole
			}
			text.WriteRune(r)
		default: // a quotation mark, a backslash or a slash
			text.WriteByte(c)
		}
	}
	return text.String()
}

// codeUnit returns the UTF-16 code unit of the four hexadecimal digits that text begins with.
func codeUnit(text []byte) rune {
	var r rune
	for _, c := range text[:4] {
		switch {
		case c <= '9':
			c -= '0'
		case c <= 'F':
			c -= 'A' - 10
		default:
			c -= 'a' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}

// inner returns what stands between the quotation marks of a JSON string, and reports whether that is what the string says.
func inner(value []byte) (between []byte, plain bool) {
	between = value[1 : len(value)-1]
	return between, bytes.IndexByte(between, '\\') < 0 && utf8.Valid(between)
}

// The functions below return the index behind what they skip. They rely on valid JSON, in which brackets match and
// strings end.

func skipSpace(data []byte, i int) int {
	for data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t' {
		i++
	}
	return i
}

func skipString(data []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(data[i:], '"')
		// A quotation mark after an odd number of backslashes belongs to the string.
		backslashes := 0
		for data[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i + 1
		}
	}
}

func skipValue(data []byte, i int) int {
	depth := 0
	for {
		switch data[i] {
		case '"':
			i = skipString(data, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\r', '\t':
			i++
			continue // none of them ends a value, and none begins one
		default:
			i = skipLiteral(data, i)
		}
		if depth == 0 {
			return i
		}
	}
}

// skipLiteral skips a number, true, false or null.
func skipLiteral(data []byte, i int) int {
	end := bytes.IndexAny(data[i:], ",]} \n\r\t")
	if end < 0 {
		return len(data)
	}
	return i + end
}
