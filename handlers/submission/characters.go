package submission

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// broken reports whether text was damaged on its way: invalid UTF-8, or the replacement character that a reader on the way put in
// its place (the Functions host and JSON decoders do).
func broken(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError)
}

// invisible reports whether r can hide in a line of text: controls (line breaks among them), format characters such as
// zero-width and bidirectional ones, fillers, private and unassigned characters. Spaces are not invisible in this sense.
func invisible(r rune) bool {
	switch {
	case r == '\u2800', r == '\u034f': // the empty Braille cell; the grapheme joiner
		return true
	case unicode.Is(unicode.Zs, r), r == '\t':
		return false
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	}
	return !unicode.IsGraphic(r)
}
