package bicep

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Pos is a place in a file, from 1.
type Pos struct{ Line, Column int }

// Fault is one mistake, where it is and what it is.
type Fault struct {
	Path string
	Pos  Pos
	Text string
}

func (f Fault) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.Path, f.Pos.Line, f.Pos.Column, f.Text)
}

type tokenKind int

const (
	endToken tokenKind = iota
	newlineToken
	nameToken
	numberToken
	stringToken // parts: literal texts, with the tokens of an expression between each two of them
	symbolToken
)

type token struct {
	kind  tokenKind
	pos   Pos
	text  string
	parts []part
}

// part is a piece of a string: a text, or the tokens of an interpolated expression.
type part struct {
	text   string
	tokens []token
}

// symbols are the operators and brackets, longest first where one begins another.
var symbols = []string{
	"...", "::", ".?", "[?", "=>", "==", "!=", "=~", "!~", "<=", ">=", "&&", "||", "??",
	"{", "}", "[", "]", "(", ")", "@", ",", ":", ".", "=", "?", "|", "!", "-", "+", "*", "/", "%", "<", ">", "^",
}

type lexer struct {
	text   string
	offset int
	pos    Pos
}

// syntaxError ends lexing and parsing; it becomes the file's only fault.
type syntaxError struct {
	pos  Pos
	text string
}

func (l *lexer) fail(pos Pos, format string, args ...any) {
	panic(syntaxError{pos, fmt.Sprintf(format, args...)})
}

func (l *lexer) advance(n int) {
	for _, r := range l.text[l.offset : l.offset+n] {
		if r == '\n' {
			l.pos.Line, l.pos.Column = l.pos.Line+1, 1
		} else {
			l.pos.Column++
		}
	}
	l.offset += n
}

func (l *lexer) rest() string { return l.text[l.offset:] }

// tokens reads up to the end, or, inside a string's interpolation, up to the brace that closes it.
func (l *lexer) tokens(inString bool) []token {
	var list []token
	depth := 0
	for {
		rest := l.rest()
		start := l.pos
		switch {
		case rest == "":
			if inString {
				l.fail(start, "a string's ${ is never closed")
			}
			return append(list, token{kind: endToken, pos: start})
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r':
			l.advance(1)
		case rest[0] == '\n':
			l.advance(1)
			list = append(list, token{kind: newlineToken, pos: start})
		case strings.HasPrefix(rest, "//") || rest[0] == '#':
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.advance(end)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest, "*/")
			if end < 0 {
				l.fail(start, "a comment is never closed")
			}
			l.advance(end + 2)
		case strings.HasPrefix(rest, "'''"):
			end := strings.Index(rest[3:], "'''")
			if end < 0 {
				l.fail(start, "a string is never closed")
			}
			text := strings.TrimPrefix(strings.TrimPrefix(rest[3:3+end], "\r"), "\n")
			l.advance(end + 6)
			list = append(list, token{kind: stringToken, pos: start, parts: []part{{text: text}}})
		case rest[0] == '\'':
			list = append(list, token{kind: stringToken, pos: start, parts: l.stringParts()})
		case isDigit(rest[0]):
			n := 0
			for n < len(rest) && isDigit(rest[n]) {
				n++
			}
			l.advance(n)
			list = append(list, token{kind: numberToken, pos: start, text: rest[:n]})
		case isLetter(rest[0]):
			n := 0
			for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
				n++
			}
			l.advance(n)
			list = append(list, token{kind: nameToken, pos: start, text: rest[:n]})
		default:
			symbol := l.symbol()
			switch symbol {
			case "{":
				depth++
			case "}":
				depth--
				if inString && depth < 0 {
					return append(list, token{kind: endToken, pos: start})
				}
			}
			list = append(list, token{kind: symbolToken, pos: start, text: symbol})
		}
	}
}

func (l *lexer) symbol() string {
	for _, symbol := range symbols {
		if strings.HasPrefix(l.rest(), symbol) {
			l.advance(len(symbol))
			return symbol
		}
	}
	r, _ := utf8.DecodeRuneInString(l.rest())
	l.fail(l.pos, "%q has no meaning here", r)
	return ""
}

// stringParts reads a string in single quotes.
func (l *lexer) stringParts() []part {
	start := l.pos
	l.advance(1)
	var parts []part
	var text strings.Builder
	for {
		rest := l.rest()
		switch {
		case rest == "" || rest[0] == '\n':
			l.fail(start, "a string is never closed")
		case rest[0] == '\'':
			l.advance(1)
			return append(parts, part{text: text.String()})
		case strings.HasPrefix(rest, "${"):
			parts = append(parts, part{text: text.String()})
			text.Reset()
			l.advance(2)
			parts = append(parts, part{tokens: l.tokens(true)})
		case rest[0] == '\\':
			text.WriteString(l.escape())
		default:
			_, n := utf8.DecodeRuneInString(rest)
			text.WriteString(rest[:n])
			l.advance(n)
		}
	}
}

// escapes are the escapes of a string but for \u{...}, which no template here needs.
var escapes = map[byte]string{'\\': "\\", '\'': "'", 'n': "\n", 'r': "\r", 't': "\t", '$': "$"}

func (l *lexer) escape() string {
	rest := l.rest()
	if len(rest) > 1 {
		text, known := escapes[rest[1]]
		if known {
			l.advance(2)
			return text
		}
	}
	l.fail(l.pos, `\ begins no escape that is known here; write \\ for a backslash`)
	return ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
