package submission

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// mostMarks is how many marks a character can have in a text that is shown. Letters of Vietnamese
// and Hebrew have three at most, and what has dozens covers the lines around it.
const mostMarks = 4

// ShownLine returns a text that strangers chose as one line that can be shown: at most most
// characters, the last of them "…" if it was longer. It has no controls, no bidirectional
// characters and nothing else that is invisible where it changes nothing. Whatever is not UTF-8 is
// U+FFFD.
//
// It does not make the text harmless: letters of several scripts look alike. Show beside it what
// can't be chosen, and isolate it from the text around it.
func ShownLine(text string, most int) string {
	// A bound before the work, with room for what is dropped.
	const room = 16
	if len(text) > room*most {
		text = text[:room*most]
		for range utf8.UTFMax - 1 { // what is left of a character that was cut
			r, size := utf8.DecodeLastRuneInString(text)
			if r == utf8.RuneError && size == 1 {
				text = text[:len(text)-1]
			}
		}
	}
	text = lineBreaks.Replace(strings.ToValidUTF8(text, string(utf8.RuneError)))
	line := normalLine(strings.ReplaceAll(text, "\n", " "))
	runes := []rune(line)
	kept := make([]rune, 0, len(runes))
	marks := 0
	for i, r := range runes {
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		if marks <= mostMarks && (!Invisible(r) || belongs(runes[:i], r, runes[i+1:])) {
			kept = append(kept, r)
		}
	}
	line = strings.Join(strings.Fields(string(kept)), " ")
	if runes := []rune(line); len(runes) > most {
		line = norm.NFC.String(strings.TrimRightFunc(string(runes[:most-1]), unicode.IsSpace)) + "…"
	}
	return line
}
