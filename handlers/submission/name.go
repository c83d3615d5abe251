package submission

import (
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

// displayName returns a guest's name as it is written where the guest comes from: the family name
// first where both names are in Chinese, Japanese or Korean characters, else the given name.
func displayName(given, family string) string {
	switch {
	case given == "":
		return family
	case family == "":
		return given
	case isEastAsian(given) && isEastAsian(family):
		return family + " " + given
	}
	return given + " " + family
}

// isEastAsian reports whether a name is in Han, kana, Bopomofo or Hangul and nothing else.
func isEastAsian(name string) bool {
	letters := false
	for _, r := range name {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul),
			unassigned(r) && r >= 0x20000: // ideographs that Unicode has added since
			letters = true
		case unicode.Is(unicode.Variation_Selector, r), strings.ContainsRune(" \u3000\u30fc\uff70\u30fb\uff65\u00b7・゠＝〆〇々", r):
			// They stand within such names, whatever else they are for.
		default:
			return false
		}
	}
	return letters
}

// normalName returns a name in normal form: a line, or "" for what people write where they have no
// such name, such as "-" and ".".
func normalName(text string) string {
	line := normalLine(text)
	if strings.EqualFold(line, "n/a") || strings.IndexFunc(line, isNoPlaceholder) < 0 {
		return ""
	}
	return line
}

// isNoPlaceholder reports whether r is more than a mark in an empty place.
func isNoPlaceholder(r rune) bool {
	return !unicode.Is(unicode.Pd, r) && !strings.ContainsRune(" .,/_*'’…·・ー―─｜\u2212\uff0e\uff0f\uff3f\u3002\uff61", r)
}

// plainDots replaces the East Asian full stops with plain dots.
var plainDots = strings.NewReplacer("\u3002", ".", "\uff61", ".")

// withoutStyles returns the text in the form in which tricks are looked for: without styles and
// widths, and with a plain dot for the East Asian ones.
func withoutStyles(text string) string { return plainDots.Replace(norm.NFKC.String(text)) }

// formulaSigns begin a formula in a spreadsheet, which opens what a directory exports.
const formulaSigns = "=+-@\u2212"

// startsFormula reports whether a spreadsheet would take a person's name for a formula.
func startsFormula(name string) bool {
	first := strings.TrimLeftFunc(norm.NFKC.String(name), unicode.IsSpace)
	return first != "" && strings.ContainsRune(formulaSigns, []rune(first)[0])
}

// isFormula reports whether a company's name works as a formula. Companies do have names such as
// +pluswerk and @leisure.
func isFormula(company string) bool {
	if !startsFormula(company) {
		return false
	}
	plain := norm.NFKC.String(company)
	return strings.HasPrefix(plain, "=") || strings.ContainsAny(plain, "()|!=\"\\") || !strings.ContainsFunc(plain, isLetter)
}

// schemes begin an address that programs open.
var schemes = []string{
	"http:", "https:", "hxxp:", "hxxps:", "ftp:", "mailto:", "tel:", "sms:", "callto:", "skype:", "file:", "data:", "javascript:", "vbscript:", "ldap:", "jndi:",
}

// mostDigits is how many digits a name may have. Some have an ordinal, none a telephone number.
const mostDigits = 5

// hasLink reports whether a person's name has something that mails and pages turn into a link, or
// that asks to be called: a web address, an e-mail address, a path, a number.
func hasLink(name string) bool {
	unstyled := withoutStyles(name)
	plain := strings.ToLower(unstyled)
	digits := 0
	for _, r := range plain {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if digits > mostDigits || strings.Contains(plain, "://") || strings.Contains(plain, "www.") || strings.ContainsAny(plain, `@\{}[]`) {
		return true
	}
	for _, scheme := range schemes {
		at := strings.Index(plain, scheme)
		if at == 0 || at > 0 && !unicode.IsLetter(rune(plain[at-1])) {
			return true
		}
	}
	between := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`,;()"'“”«»`, r) }
	for word := range strings.FieldsFuncSeq(unstyled, between) {
		if isWebAddress(strings.Trim(word, ".:!?")) {
			return true
		}
	}
	return false
}

// isWebAddress reports whether a word is a host with a known ending. Names are written like that by
// accident: "Ma.de", "Soo.Kim"; with two letters before a country's ending, or with a capital
// behind the dot, they are no address.
func isWebAddress(word string) bool {
	host, _, hasPath := strings.Cut(word, "/")
	lower := strings.ToLower(host)
	at := strings.LastIndexByte(lower, '.')
	if at <= 0 || strings.Contains(lower, "..") {
		return false
	}
	ending := lower[at+1:]
	_, icann := publicsuffix.PublicSuffix(ending)
	switch {
	case !icann && !isReserved(ending):
		return false
	case hasPath:
		return true
	case isTitle(host[at+1:]):
		return false
	}
	before := lower[strings.LastIndexByte(lower[:at], '.')+1 : at]
	return len(ending) > 2 || len([]rune(before)) > 2 || strings.Contains(lower[:at], ".")
}

// isTitle reports whether a word has a capital at its beginning and nowhere else.
func isTitle(word string) bool {
	for i, r := range word {
		if (i == 0) != unicode.IsUpper(r) {
			return false
		}
	}
	return len(word) > 1
}
