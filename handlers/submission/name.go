package submission

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
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

// digitsIn returns how many digits a text shows, in every script. A number without a decimal form,
// such as ❽ and ⓴, may stand for two.
func digitsIn(text string) int {
	digits := 0
	for _, r := range text {
		switch {
		case unicode.IsDigit(r), strings.ContainsRune("〇零一二三四五六七八九", r):
			digits++
		case unicode.IsNumber(r):
			digits += 2
		}
	}
	return digits
}

// A likeness says how much of a name looks like a link. A larger one is worse.
type likeness int

const (
	noLink      likeness = iota
	perhapsLink          // some people write their names like that
	surelyLink
)

// hasLink reports whether a person's name surely has something that mails and pages turn into a
// link, or that asks to be called: a web address, an e-mail address, a path, a number.
func hasLink(name string) bool { return linkIn(name) == surelyLink }

// MayHaveLink reports whether the guest's display name could have such a thing. Some people write
// their names like that: "Soo.Kim". So a person looks at it, and the form does not refuse it.
func (s Submission) MayHaveLink() bool { return linkIn(s.Name()) != noLink }

func linkIn(name string) likeness {
	unstyled := withoutStyles(name)
	plain := strings.ToLower(unstyled)
	if digitsIn(plain) > mostDigits || strings.Contains(plain, "://") ||
		strings.Contains(plain, "www.") || strings.ContainsAny(plain, `@\{}[]`) {
		return surelyLink
	}
	for _, scheme := range schemes {
		at := strings.Index(plain, scheme)
		if at == 0 || at > 0 && !unicode.IsLetter(rune(plain[at-1])) {
			return surelyLink
		}
	}
	worst := noLink
	for rest := unstyled; ; {
		start := strings.IndexFunc(rest, ofHost)
		if start < 0 {
			return worst
		}
		rest = rest[start:]
		end := strings.IndexFunc(rest, func(r rune) bool { return !ofHost(r) })
		if end < 0 {
			end = len(rest)
		}
		hasPath := strings.HasPrefix(rest[end:], "/")
		worst = max(worst, hostLikeness(strings.Trim(rest[:end], ".-_"), hasPath))
		rest = rest[end:]
	}
}

// ofHost reports whether r can be in the name of a host, as programs look for them in texts.
func ofHost(r rune) bool {
	return strings.ContainsRune(".-_", r) || unicode.In(r, unicode.M, unicode.Nd) || isLetter(r)
}

// webEndings are endings of hosts alone. Others are names of people too, such as Kim, Li and Weber.
var webEndings = []string{"com", "net", "org", "info", "biz"}

// hostLikeness judges a word that could be the name of a host: labels with dots between. Without an
// ending that hosts have, in any case or alphabet, it is not one. Names are written with dots too:
// "Ma.de", "J.Kim", "B.Com", "Soo.Kim".
func hostLikeness(word string, hasPath bool) likeness {
	// Invalid punycode in other labels is ignored: the ending counts.
	ascii, _ := idna.Punycode.ToASCII(strings.ToLower(word))
	at := strings.LastIndexByte(ascii, '.')
	if at <= 0 || strings.Contains(ascii, "..") {
		return noLink
	}
	ending := ascii[at+1:]
	// Some endings are on the list only with a label before them, such as *.np.
	_, icann := publicsuffix.PublicSuffix("any-host." + ending)
	if !icann && !isReserved(ending) {
		return noLink
	}
	suffix, _ := publicsuffix.PublicSuffix(ascii)
	labels := strings.Split(word, ".")
	first, last := labels[0], labels[len(labels)-1]
	longest := 0
	for _, label := range labels[:len(labels)-1] {
		longest = max(longest, letters(label))
	}
	switch {
	case hasPath:
		return surelyLink
	case longest == 1 && isTitle(last), longest <= 2 && len(labels) == 2 && len(ending) == 2:
		return noLink // initials, or a short form before the ending of a country
	case slices.Contains(webEndings, ending), strings.Contains(suffix, "."):
		return surelyLink
	case isTitle(first) && (isTitle(last) || longest <= 2):
		return perhapsLink
	}
	return surelyLink
}

// letters returns how many letters a word has; a digit or a hyphen counts too, a mark does not.
func letters(word string) int {
	n := 0
	for _, r := range word {
		if !unicode.Is(unicode.M, r) {
			n++
		}
	}
	return n
}

// isTitle reports whether a word is written as names are: in letters, with a capital at the
// beginning of each of its parts and nowhere else. Letters of scripts without case are as good.
func isTitle(word string) bool {
	for part := range strings.SplitSeq(word, "-") {
		for i, r := range part {
			wrong := unicode.IsUpper(r)
			if i == 0 {
				wrong = unicode.IsLower(r)
			}
			if wrong || !isLetter(r) && !unicode.Is(unicode.M, r) {
				return false
			}
		}
	}
	return word != ""
}
