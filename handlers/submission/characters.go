package submission

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// broken reports whether text has invalid UTF-8, or the replacement character that the Functions
// host and JSON decoders put in its place.
func broken(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError)
}

// Invisible reports whether r can hide in a line of text: controls and line breaks, format
// characters such as zero-width and bidirectional ones, fillers and private characters, but not
// spaces. A character that Unicode has added since this program was built is not invisible.
func Invisible(r rune) bool {
	switch {
	case r == '\u2800', r == '\u034f': // the empty Braille cell; the grapheme joiner
		return true
	case unicode.Is(unicode.Zs, r), r == '\t':
		return false
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	}
	return !unicode.IsGraphic(r) && !unassigned(r)
}

// unassigned reports whether Unicode may give the code point a character, and had not done so when
// this program was built. Such are characters of names that were added lately.
func unassigned(r rune) bool {
	switch {
	case !utf8.ValidRune(r), r > 0xe0fff: // what is above is private
		return false
	case unicode.In(r, unicode.Noncharacter_Code_Point, unicode.Other_Default_Ignorable_Code_Point):
		return false
	}
	return !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z,
		unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs)
}

// isLetter reports whether r is a letter, as far as this program can know.
func isLetter(r rune) bool { return unicode.IsLetter(r) || unassigned(r) }

// ignorable reports whether r has no glyph of its own: format characters, joiners, variation
// selectors, fillers. Controls and private characters are not among them.
func ignorable(r rune) bool {
	switch {
	case r == '\u2800', r == '\u034f':
		return true
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false // Arabic signs of numbers: they have a glyph
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
	wordBreak = '\u200b' // the zero-width space, which keyboards for Khmer have on the space bar
)

// readable reports whether every invisible character of a line belongs where it is: joiners where
// UAX 31 and IDNA's CONTEXTJ have them, and variation selectors behind what has variants.
func readable(line string) bool {
	if !strings.ContainsFunc(line, Invisible) {
		return true
	}
	runes := []rune(line)
	for i, r := range runes {
		if Invisible(r) && !belongs(runes[:i], r, runes[i+1:]) {
			return false
		}
	}
	return true
}

// belongs reports whether the invisible r changes how the text is read between before and after.
func belongs(before []rune, r rune, after []rune) bool {
	if len(before) == 0 {
		return false
	}
	last := before[len(before)-1]
	switch {
	case r == joiner && (last == '\u09b0' || last == '\u09f0') && len(after) > 0 && after[0] == '\u09cd':
		return true // Bengali and Assamese ra with ya-phalaa: The Unicode Standard, section 12.2
	case r == nonJoiner, r == joiner:
		return joinsInContext(before, r, after)
	case r == '\u180e': // Mongolian vowel separator
		return unicode.Is(unicode.Mongolian, last) && len(after) > 0 && unicode.Is(unicode.Mongolian, after[0])
	case unicode.Is(unicode.Variation_Selector, r):
		return hasVariant(last, r)
	}
	return false
}

// hasVariant reports whether variation sequences of the base with the selector are registered: in
// the Unicode Character Database, or in the Ideographic Variation Database, of which Unicode allows
// every pair of an ideograph and a selector to be registered at any time.
func hasVariant(base, selector rune) bool {
	ideograph := unicode.Is(unicode.Han, base) || unassigned(base) && base >= 0x20000
	switch {
	case selector >= '\U000e0100':
		return ideograph
	case unicode.Is(unicode.Mongolian, base):
		return selector < '\ufe00'
	case selector <= '\ufe02':
		return ideograph && selector >= '\ufe00' ||
			selector == '\ufe00' && unicode.In(base, unicode.Myanmar, unicode.Phags_Pa, unicode.Manichaean)
	case selector == '\ufe0e', selector == '\ufe0f':
		return unicode.In(base, unicode.So, unicode.Sm) // emoji, and signs such as ™
	}
	return false
}

// contextJ checks joiners by RFC 5892, appendix A.1 and A.2.
var contextJ = idna.New(idna.CheckJoiners(true))

// joinsInContext reports whether a joiner may stand between the letters before and after it.
func joinsInContext(before []rune, r rune, after []rune) bool {
	ofWord := func(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.Cf) }
	start, end := len(before), 0
	for start > 0 && ofWord(before[start-1]) {
		start--
	}
	for end < len(after) && ofWord(after[end]) {
		end++
	}
	others := func(r rune) bool { return unicode.Is(unicode.Cf, r) }
	left := slices.DeleteFunc(slices.Clone(before[start:]), others)
	right := slices.DeleteFunc(slices.Clone(after[:end]), others)
	// The letter in front keeps a mark from being the first character of the label.
	_, err := contextJ.ToUnicode("a" + string(left) + string(r) + string(right))
	return err == nil
}

// dropIdle returns the line without invisible characters that come with copying and typing and
// change nothing: at the ends of words, and between letters whose script uses them elsewhere.
func dropIdle(line string) string {
	if !strings.ContainsFunc(line, ignorable) {
		return line
	}
	for {
		runes := []rune(line)
		kept := make([]rune, 0, len(runes))
		for i, r := range runes {
			if !ignorable(r) || !idle(kept, r, runes[i+1:]) {
				kept = append(kept, r)
			}
		}
		next := norm.NFC.String(string(kept)) // characters around a dropped one may compose
		if next == line {
			return line
		}
		line = next
	}
}

// idle reports whether the ignorable r changes nothing between before and after.
func idle(before []rune, r rune, after []rune) bool {
	if len(before) == 0 || before[len(before)-1] == ' ' {
		return true
	}
	last := before[len(before)-1]
	next := slices.IndexFunc(after, func(r rune) bool { return !ignorable(r) })
	if next < 0 || after[next] == ' ' {
		// A letter with a joiner behind its virama is another letter (Malayalam), and so is an
		// ideograph with its variant.
		return r == nonJoiner || !belongs(before, r, after)
	}
	switch {
	case r == last:
		return true
	case r == nonJoiner, r == joiner:
		return !belongs(before, r, after) && unicode.In(last, cursive...) && unicode.In(after[next], cursive...)
	case r == wordBreak:
		return unicode.In(last, unspaced...) && unicode.In(after[next], unspaced...)
	}
	return false
}

// cursive are the scripts in which joiners have a meaning in some places.
var cursive = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mandaic, unicode.Nko, unicode.Adlam, unicode.Mongolian, unicode.Hanifi_Rohingya,
	unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
	unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Tibetan, unicode.Khmer, unicode.Myanmar, unicode.Balinese,
	unicode.Javanese, unicode.Sundanese, unicode.Chakma, unicode.Meetei_Mayek,
}

// unspaced are the scripts that have no space between words, so that keyboards have an invisible
// break for them.
var unspaced = []*unicode.RangeTable{
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham,
	unicode.Tai_Viet, unicode.Javanese, unicode.Balinese, unicode.Tibetan,
}

// trimHidden returns the text without space and without invisible characters at its ends.
func trimHidden(text string) string {
	hidden := func(r rune) bool { return unicode.IsSpace(r) || ignorable(r) }
	text = strings.TrimLeftFunc(text, hidden)
	for text != "" {
		last, size := utf8.DecodeLastRuneInString(text)
		before := text[:len(text)-size]
		if !hidden(last) || ignorable(last) && last != nonJoiner && belongs([]rune(before), last, nil) {
			break
		}
		text = before
	}
	return text
}
