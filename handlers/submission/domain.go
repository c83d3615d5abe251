package submission

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

const (
	maxLabel = 63 // octets, RFC 1035 section 2.3.4
	// maxLabels limits the look-ups of policy rows, one for each label of a domain. The deepest
	// real mail domains have six.
	maxLabels = 10
)

// strictIDNA is UTS 46 with all checks on, and without the transitional mapping of ß and ς.
var strictIDNA = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.CheckHyphens(true),
	idna.CheckJoiners(true),
	idna.StrictDomainName(true),
	idna.VerifyDNSLength(true),
)

// parseDomain returns the domain in lower-case ASCII, or the first rule that it breaks. The
// caller has refused invisible, broken and empty text.
func parseDomain(domain string) (ascii, rule string) {
	if strings.ContainsAny(domain, "[]") {
		return "", "ip-address"
	}
	_, err := netip.ParseAddr(domain)
	if err == nil {
		return "", "ip-address"
	}
	for _, r := range domain {
		switch {
		case r == '_':
			return "", "domain-underscore"
		case r < utf8.RuneSelf && !asciiLetterOrDigit(r) && r != '.' && r != '-':
			return "", "domain-character"
		case standsForASCII(r): // full-width characters are folded already
			return "", "look-alike"
		}
	}

	labels := strings.Split(domain, ".")
	if len(labels) > maxLabels {
		return "", "domain-too-deep"
	}
	for _, label := range labels {
		switch {
		case label == "":
			return "", "domain-dots"
		case strings.HasPrefix(label, "-"), strings.HasSuffix(label, "-"):
			return "", "domain-hyphens"
		case len(label) >= 4 && label[2:4] == "--" && !strings.EqualFold(label[:2], "xn"):
			return "", "domain-hyphens" // reserved, RFC 5890 section 2.3.1
		case isASCII(label) && len(label) > maxLabel:
			return "", "label-too-long"
		}
	}
	if len(labels) == 1 {
		return "", "domain-incomplete"
	}

	ascii = strings.ToLower(domain)
	if !isASCII(ascii) || strings.Contains(ascii, "--") {
		// Punycode is decoded and checked too, so that both forms of a domain give the same result.
		ascii, rule = foldInternational(domain)
		if rule != "" {
			return "", rule
		}
	}
	return ascii, checkEnding(ascii)
}

// foldInternational returns the punycode form of a domain with international labels, or the rule
// that it breaks.
func foldInternational(domain string) (ascii, rule string) {
	// Folding may change case and composition only. Any other change would not be what the partner
	// typed.
	expected := composed(domain)
	ascii, err := strictIDNA.ToASCII(expected)
	if err != nil {
		if len(ascii) > MaxAddress {
			return "", "too-long"
		}
		for label := range strings.SplitSeq(ascii, ".") {
			if len(label) > maxLabel {
				return "", "label-too-long"
			}
		}
		return "", "domain-international"
	}
	readable, err := strictIDNA.ToUnicode(ascii)
	if err != nil {
		return "", "domain-international"
	}
	readableLabels, expectedLabels := strings.Split(readable, "."), strings.Split(expected, ".")
	if len(readableLabels) != len(expectedLabels) {
		return "", "look-alike"
	}
	nativeEnding := !isASCII(readableLabels[len(readableLabels)-1])
	for i, label := range readableLabels {
		if label != expectedLabels[i] && !isASCII(expectedLabels[i]) {
			return "", "look-alike"
		}
		if strings.ContainsFunc(label, Invisible) {
			return "", "invisible"
		}
		if misleading(label, nativeEnding) {
			return "", "look-alike"
		}
	}
	again, err := strictIDNA.ToASCII(readable)
	if err != nil || again != ascii {
		return "", "domain-international"
	}
	return ascii, ""
}

// composed returns a domain in lower case, each letter with its marks in one character.
func composed(domain string) string {
	return norm.NFC.String(strings.ToLower(norm.NFC.String(domain)))
}

// inLetters returns a domain in ASCII with its international labels in letters, or as it is where
// that can't be done.
func inLetters(ascii string) string {
	readable, err := strictIDNA.ToUnicode(ascii)
	if err != nil {
		return ascii
	}
	return readable
}

// sameDomain reports whether a domain, as somebody wrote it down, is the one in lower-case ASCII.
// Each label may be in punycode or in letters. A character that only stands for an ASCII one, such
// as the Kelvin sign, is another character.
func sameDomain(written, ascii string) bool {
	writtenLabels, labels := strings.Split(written, "."), strings.Split(ascii, ".")
	readable := strings.Split(inLetters(ascii), ".")
	if len(writtenLabels) != len(labels) || len(readable) != len(labels) {
		return false
	}
	for i, label := range writtenLabels {
		same := sameASCII(label, labels[i]) ||
			!strings.ContainsFunc(label, standsForASCII) && composed(label) == readable[i]
		if !same {
			return false
		}
	}
	return true
}

// sameASCII reports whether text is the lower-case ASCII text, in any case. Letters of other
// alphabets that Unicode folds into ASCII ones are not the same.
func sameASCII(text, lower string) bool {
	return isASCII(text) && strings.ToLower(text) == lower
}

// checkEnding returns the rule that the end of an ASCII domain breaks, or "".
func checkEnding(domain string) string {
	topLevel := domain[strings.LastIndexByte(domain, '.')+1:]
	if isReserved(topLevel) || strings.Trim(topLevel, "0123456789") == "" {
		return "unknown-ending"
	}
	return ""
}

// isReserved reports whether no mailbox can ever have the top-level domain: RFC 6761, 6762, 7686
// and 9476, ICANN's reservation of internal, and RFC 3172.
func isReserved(topLevel string) bool {
	switch topLevel {
	case "alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test":
		return true
	}
	return false
}

// A Doubt is a reason to ask the partner whether an address is right. It is none to refuse it.
type Doubt string

const (
	// UnknownEnding: the top-level domain is not on the public suffix list that was compiled in. It
	// may be newer.
	UnknownEnding Doubt = "unknown-ending"
	// OnlyEnding: the domain looks like the ending of one, such as co.uk.
	OnlyEnding Doubt = "only-ending"
)

// Doubt returns why the address looks mistyped, or "".
func (a Address) Doubt() Doubt {
	suffix, icann := publicsuffix.PublicSuffix(a.domain)
	switch {
	case !icann && !strings.Contains(suffix, "."):
		return UnknownEnding
	case icann && suffix == a.domain && isKindOfName(a.domain):
		return OnlyEnding
	}
	return ""
}

// isKindOfName reports whether the first label of a public suffix says what names are for below it,
// and not who registers them. Nobody has a mailbox at co.uk; there are mailboxes at nic.in, mil.no
// and gov.mt.
func isKindOfName(suffix string) bool {
	first, _, _ := strings.Cut(suffix, ".")
	switch first {
	case "co", "com", "net", "org", "or", "ne", "ac", "edu", "ltd", "plc", "biz", "info", "web", "name", "nom", "firm", "gen", "ind",
		"go", "sch", "xn--55qx5d", "xn--io0a7i", "xn--od0alg", "xn--mxtq1m", "xn--uc0atv":
		return true
	}
	return false
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// standsForASCII reports whether r is a non-ASCII character that domain names treat as ASCII:
// styled letters, ligatures, the Kelvin sign, East Asian full stops.
func standsForASCII(r rune) bool {
	if r < utf8.RuneSelf {
		return false
	}
	switch r {
	case '\u3002', '\uff0e', '\uff61', '\u017f', '\u1e9e':
		return true
	}
	for _, folded := range norm.NFKC.String(string(unicode.ToLower(r))) {
		if folded < utf8.RuneSelf {
			return true
		}
	}
	return false
}

// scripts are those in everyday use (UAX 31, table 5, "Recommended Scripts"). Historic scripts
// have many letters that look Latin.
var scripts = []string{
	"Latin", "Cyrillic", "Greek", "Armenian", "Georgian", "Hebrew", "Arabic", "Thaana", "Ethiopic",
	"Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada",
	"Malayalam", "Sinhala", "Thai", "Lao", "Tibetan", "Myanmar", "Khmer", "Han", "Hiragana",
	"Katakana", "Bopomofo", "Hangul",
}

// plainLatin are the lower-case Latin letters of living orthographies. Phonetic, click and
// small-capital letters are left out, because they imitate others.
var plainLatin = &unicode.RangeTable{
	R16: []unicode.Range16{
		{'a', 'z', 1}, {0x00df, 0x00f6, 1}, {0x00f8, 0x017f, 1}, {0x01a1, 0x01a1, 1}, {0x01b0, 0x01b0, 1},
		{0x01ce, 0x01dc, 2}, {0x0219, 0x021b, 2}, {0x0259, 0x0259, 1}, {0x1e01, 0x1eff, 1},
	},
	LatinOffset: 2,
}

// imitators are the letters of each script that look Latin. A label of such letters only looks
// like a Latin name.
var imitators = map[string]string{
	"Cyrillic": "аԁеһіїјӏкопрѕсԛтуүԝхѵъьгѡв",
	"Greek":    "αικνορτυ",
	"Armenian": "հոսօցզյք",
}

// misleading reports whether a readable, lower-case label looks like another one. With
// nativeEnding, the domain's last label is not ASCII, so its reader expects another alphabet.
func misleading(label string, nativeEnding bool) bool {
	if isASCII(label) {
		return false
	}
	seen := map[string]bool{}
	imitates := true
	for i, r := range label {
		if r == '-' || '0' <= r && r <= '9' {
			continue
		}
		if r == '·' && strings.HasSuffix(label[:i], "l") && strings.HasPrefix(label[i:], "·l") {
			continue // Catalan's l·l
		}
		if !unicode.In(r, unicode.L, unicode.Mn, unicode.Mc, unicode.Nd) {
			return true
		}
		script := ScriptOf(r)
		if script == "" || script == "Latin" && !unicode.Is(plainLatin, r) {
			return true
		}
		seen[script] = true
		imitates = imitates && strings.ContainsRune(imitators[script], r)
	}
	if !GoTogether(seen) {
		return true
	}
	return imitates && len(seen) > 0 && !nativeEnding
}

// ScriptOf returns the Unicode name of r's script, or "" if it is not one in everyday use.
func ScriptOf(r rune) string {
	switch {
	case r == '\u30fc':
		return "Katakana" // the long-vowel mark, common to both kana
	case r >= 0x20000 && unassigned(r):
		return "Han" // ideographs that Unicode has added since
	}
	for _, script := range scripts {
		if unicode.Is(unicode.Scripts[script], r) {
			return script
		}
	}
	return ""
}

// GoTogether reports whether a word can be written in these scripts together. One script, or none,
// can.
func GoTogether(seen map[string]bool) bool {
	if len(seen) <= 1 {
		return true
	}
	for _, family := range [][]string{{"Han", "Hiragana", "Katakana"}, {"Han", "Bopomofo"}, {"Han", "Hangul"}} {
		others := maps.Clone(seen)
		maps.DeleteFunc(others, func(script string, _ bool) bool { return slices.Contains(family, script) })
		if len(others) == 0 {
			return true
		}
	}
	return false
}
