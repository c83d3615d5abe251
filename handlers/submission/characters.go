package submission

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// broken reports whether text has invalid UTF-8, or the replacement character that the Functions
// host and JSON decoders put in its place.
func broken(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError)
}

// Invisible reports whether r can hide in a line of text: controls and line breaks, format
// characters such as zero-width and bidirectional ones, fillers, private and unassigned
// characters, but not spaces.
func Invisible(r rune) bool {
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
