package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"guestlist/handlers/submission"
)

// A stray is a row whose PartitionKey is none of the [Partitions] of any address, such as
// "Fabrikam.com" or "@fabrikam.com". No look-up finds it, and it must not be overlooked: it may be
// what was to keep somebody out. It counts as a row with a fault in the partitions that it was
// likely meant for ([Row.For]), so it sends their sign-ups to review.

// KeyFault is what is wrong with a PartitionKey.
type KeyFault string

const (
	KeyFine     KeyFault = ""         // nothing
	KeyCapitals KeyFault = "capitals" // it has capital letters
	KeyNotASCII KeyFault = "ascii"    // it is an international name, not in punycode
	KeyHidden   KeyFault = "hidden"   // it has white space or invisible characters
	KeySuffix   KeyFault = "suffix"   // it is an ending under which others register domains
	KeyNobody   KeyFault = "nobody"   // it is a wildcard below which no address can be
	KeyOther    KeyFault = "other"    // anything else
)

// problems says what is wrong, as the rest of a sentence that begins with the column.
var problems = map[KeyFault]string{
	KeyCapitals: "has capital letters and addresses are compared in lower case, so it matches none",
	KeyNotASCII: "is not in ASCII and international names are compared in punycode, " +
		"so it matches no address",
	KeyHidden: "has white space or characters that can't be seen, so it matches no address",
	KeySuffix: "is an ending under which others register their domains, so it matches no address",
	KeyNobody: "covers no address: its ending is none that mail can have, or it has too many parts",
	KeyOther:  "matches no address",
}

// JudgeKey returns what is wrong with a PartitionKey, and the partitions that it was likely meant
// for. A key may mean several: "*contoso.com" means contoso.com and what is below. With KeyFine,
// and if its meaning is unknown, there are none.
func JudgeKey(key string) (fault KeyFault, meant []string) {
	fault, meant, _ = judgeKey(key)
	return fault, meant
}

// judgeKey is like [JudgeKey], and also returns perhaps, see meantBy.
func judgeKey(key string) (fault KeyFault, meant, perhaps []string) {
	if isPartition(key) {
		return KeyFine, nil, nil
	}
	meant, perhaps = meantBy(key)
	below, isWildcard := strings.CutPrefix(key, "*.")
	switch {
	case isWildcard && isHost(below):
		fault = KeyNobody
	case slices.Equal(meant, []string{"*." + key}):
		fault = KeySuffix
	case slices.Equal(meant, []string{strings.ToLower(key)}):
		fault = KeyCapitals
	case strings.ContainsFunc(key, hidden):
		fault = KeyHidden
	case len(meant) > 0 && strings.ContainsFunc(key, international):
		fault = KeyNotASCII
	default:
		fault = KeyOther
	}
	return fault, meant, perhaps
}

func hidden(r rune) bool { return unicode.IsSpace(r) || submission.Invisible(r) }

func international(r rune) bool { return r > unicode.MaxASCII }

// judgeKey sets the row's fault of its PartitionKey, and the partitions for which the row counts
// all the same. The rest of the row has been read.
func (r *Row) judgeKey() {
	if r.Partition == unlistedKey {
		r.For = []string{everybody}
		r.Faults = slices.Insert(r.Faults, 0, unlistedFault)
		return
	}
	kind, meant, perhaps := judgeKey(r.Partition)
	if kind == KeyFine {
		return
	}
	r.For = meant
	if !(r.Action == Invite && len(r.Faults) == 0) { // nobody gets in by that one
		r.For = slices.Concat(meant, perhaps)
	}
	if isAddress(r.Partition) {
		// There may be somebody with the apostrophe, too.
		r.For = append(slices.Clip(r.For), r.Partition)
	}
	fault := Fault{PartitionKeyColumn, problems[kind], r.keyAdvice(meant, false)}
	r.Faults = slices.Insert(r.Faults, 0, fault)
}

// unlistedKey is the PartitionKey of [Unlisted], which no table can hold. That row counts for
// everybody: it comes before the rows of every partition.
const unlistedKey, everybody = "/rows that are not listed", "everybody"

var unlistedFault = Fault{PartitionKeyColumn,
	"is of more rows than can be listed, each of which matches no address",
	"correct them, and guestlist policy lint names each; as long as they are so many, nobody is invited"}

// Unlisted returns a row that stands for strays that are not listed, with their number in its name.
// It sends every sign-up to review, because any of them may be a deny row for that guest.
func Unlisted(strays int) Raw {
	return Raw{
		Partition: unlistedKey, Name: fmt.Sprintf("%d further rows", strays),
		Columns: map[string]any{ActionColumn: string(Review)},
	}
}

// KeyAdvice returns what to do about the PartitionKey of a stray, as in the row's [Fault], but with
// addresses.
func (r Row) KeyAdvice() string {
	_, meant := JudgeKey(r.Partition)
	return r.keyAdvice(meant, true)
}

func (r Row) keyAdvice(meant []string, withAddresses bool) string {
	advice, whose := "", "its sign-ups"
	shown := meant
	if !withAddresses {
		// An address is personal data, and a fault may be logged.
		shown = slices.DeleteFunc(slices.Clone(meant), isAddress)
	}
	switch {
	case len(shown) > 0:
		const most = 5
		listed := strings.Join(shown[:min(most, len(shown))], " or ")
		if len(shown) > most {
			listed += " or others"
		}
		advice = "create the row again under " + listed
		if len(r.For) > 1 {
			whose = "their sign-ups"
		}
	case len(meant) > 0:
		advice = "create the row again under the address in lower case, without anything around it"
	default:
		advice = "create the row again under an address (ana@contoso.com), a domain (contoso.com), " +
			"everything below a domain (*.contoso.com) or * for everybody; lower case, " +
			"without white space, other scripts in punycode (xn--...)"
	}
	if r.Disabled() || r.Mode == Audit || len(r.For) == 0 {
		return advice
	}
	verb := " go"
	if slices.Contains(r.For, anyone) {
		whose, verb = "everybody without a narrower row", " goes"
	}
	return advice + "; as long as this one stands, " + whose + verb + " to review"
}

// countsFor reports whether a stray counts in the partition.
func (r *Row) countsFor(key string) bool {
	return slices.Contains(r.For, key) || slices.Contains(r.For, everybody)
}

// Strays returns the rows that no look-up finds and that count: those with a faulty PartitionKey
// that are not disabled, not in audit mode, and meant for somebody. Of their columns they keep only
// those that matter for that.
func Strays(rows []Raw) []Raw {
	var strays []Raw
	for _, raw := range rows {
		if isPartition(raw.Partition) {
			continue
		}
		stray := raw
		stray.Columns = strayCells(raw.Columns)
		row := Parse(stray)
		if !row.Disabled() && row.Mode != Audit && len(row.For) > 0 {
			stray.Columns = map[string]any{ActionColumn: string(row.Action)}
			strays = append(strays, stray)
		}
	}
	return strays
}

// ForShown is For in a form that may be logged: an address is shown as its domain's mailbox "…".
func (r Row) ForShown() []string {
	return mapped(r.For, func(key string) string {
		if isAddress(key) {
			return "…" + key[strings.LastIndexByte(key, '@'):]
		}
		return key
	})
}

// StrayColumns are the columns that [Strays] needs.
func StrayColumns() []string { return []string{ActionColumn, ModeColumn, EnabledColumn} }

func strayCells(cells map[string]any) map[string]any {
	kept := map[string]any{}
	for _, name := range StrayColumns() {
		if cells[name] != nil {
			kept[name] = cells[name]
		}
	}
	return kept
}

// QuoteKey returns a PartitionKey in a form that may be logged: one line, bounded, without the name
// of a person's mailbox.
func QuoteKey(key string) string {
	_, meant := JudgeKey(key)
	if isAddress(key) || slices.ContainsFunc(meant, isAddress) {
		return "(like an address)"
	}
	at := strings.LastIndexAny(key, "@\uff20\ufe6b")
	if at > 0 && strings.Trim(key[:at], "*. ") != "" {
		key = "…" + key[at:]
	}
	return strconv.QuoteToASCII(clip(key, maxQuoted))
}

// maxKey is the longest key that is looked into, in bytes: the table's limit is 512 UTF-16 units.
const maxKey = 2048

// meantBy returns the partitions that a faulty key was likely meant for, none if that is unknown,
// and others that it may have been meant for because some of its words are not understood. These
// are the whole domains of addresses, since the words may be other mailboxes there. If there is a
// domain among them, or nothing at all is understood, they are what is below the domains, and "*".
func meantBy(key string) (meant, perhaps []string) {
	if len(key) > maxKey {
		return nil, []string{anyone}
	}
	var found reading
	for i, text := range readings(key) {
		if strings.Contains(text, anyone) && strings.Trim(text, "*.@%?") == "" {
			return []string{anyone}, nil
		}
		found.read(text)
		found.unknown = found.unknown || i > 0 && found.understood
		if found.understood {
			break
		}
	}
	meant = distinct(found.meant)
	if len(meant) == 0 {
		return nil, []string{anyone}
	}
	if !found.unknown {
		return meant, nil
	}
	for _, key := range meant {
		domain := strings.TrimPrefix(key[strings.LastIndexByte(key, '@')+1:], "*.")
		perhaps = append(perhaps, domain)
		if found.hasDomain {
			perhaps = append(perhaps, "*."+domain)
		}
	}
	if found.hasDomain {
		perhaps = append(perhaps, anyone)
	}
	return meant, slices.DeleteFunc(distinct(perhaps), func(key string) bool {
		return slices.Contains(meant, key) || !isPartition(key)
	})
}

// reading is what is found in a key.
type reading struct {
	meant      []string
	understood bool // something has an ending that is known
	unknown    bool // a word is not understood
	hasDomain  bool // a word that is understood is a domain, not an address
}

// read adds what is found in a text.
func (r *reading) read(text string) {
	text, paths := withoutPaths(text)
	words := keyWords(text)
	for _, word := range words {
		// A part of a broken name may look like an ending, as in "contoso, com".
		ending := len(words) > 1 && !strings.Contains(word, ".") && !strings.Contains(word, "@")
		if ending {
			r.unknown = true
			continue
		}
		found, known := r.add(word, hasDot(word))
		r.unknown = r.unknown || !found || !known && len(words) > 1
	}
	if r.unknown && (len(r.meant) == 0 || len(words) == 2) {
		// The words may be parts of one name.
		r.add(strings.Join(words, "."), false)
		r.add(strings.Join(words, ""), false)
	}
	for _, word := range keyWords(paths) {
		if hasDot(word) {
			r.add(word, false)
		}
	}
}

// add adds what a word was likely meant for, and reports whether that is anything, and whether its
// ending is known. Other endings count only if anyEnding is set: the parts of a broken name have
// such endings.
func (r *reading) add(word string, anyEnding bool) (found, known bool) {
	for _, key := range keysOf(word) {
		knows := hasKnownEnding(key)
		if knows || anyEnding {
			r.meant = append(r.meant, key)
			found, known = true, known || knows
		}
	}
	r.understood = r.understood || known
	r.hasDomain = r.hasDomain || found && !strings.Contains(word, "@")
	return found, known
}

// distinct returns the first of each of the keys.
func distinct(keys []string) (once []string) {
	for _, key := range keys {
		if !slices.Contains(once, key) {
			once = append(once, key)
		}
	}
	return once
}

// paths finds the path of a URL.
var paths = regexp.MustCompile(`(://[^/\s]*)/(\S*)`)

// withoutPaths returns a text without the paths of URLs, and these paths. A path matters only if
// there is a domain in it.
func withoutPaths(text string) (rest, found string) {
	for _, path := range paths.FindAllStringSubmatch(text, -1) {
		found += " " + path[2]
	}
	return paths.ReplaceAllString(text, "$1"), found
}

// hostRunes match the characters of a domain. In Catalan domains, a dot may be between two l.
const hostRunes = `(?:l\x{b7}l|[\pL\p{Mn}\p{Mc}\p{Nd}\p{Nl}.*-])`

// names matches what may be an address or a domain: the longest run of characters that one can
// have. All other characters separate. It is compiled on first use, because that takes long and
// most tables have no faulty keys.
var names = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:` + hostRunes + `|[_'+])*@+` + hostRunes + `*|` + hostRunes + `+`)
})

// keyWords returns the words of a key that may name an address or a domain. Schemes such as https
// and words without letters are left out.
func keyWords(text string) (words []string) {
	for _, found := range names().FindAllString(text, -1) {
		name := trimName(found)
		words = append(words, name)
		if strings.HasSuffix(found, anyone) && name != found {
			words = append(words, anyone) // it may stand for other endings
		}
		ending := name[strings.LastIndexByte(name, '.')+1:]
		hyphen := strings.IndexByte(ending, '-')
		inDomain := len(ending) < len(name) && !strings.Contains(ending, "@")
		if hyphen > 0 && inDomain && !strings.HasPrefix(ending, "xn--") {
			// No ending has a hyphen, except for punycode.
			words = append(words, trimName(name[:len(name)-len(ending)+hyphen]), trimName(ending[hyphen:]))
		}
	}
	return slices.DeleteFunc(words, func(word string) bool {
		says := func(r rune) bool { return unicode.IsLetter(r) || r == '*' || r == '@' }
		return slices.Contains(schemes, word) || !strings.ContainsFunc(word, says)
	})
}

// trimName removes characters that can't begin or end a name. A wildcard begins with an asterisk,
// and only "*" ends with one. Modifier letters look like quotation marks, so they are removed too.
func trimName(name string) string {
	ends := func(r rune) bool {
		return unicode.IsLetter(r) && !unicode.Is(unicode.Lm, r) || unicode.IsNumber(r) || unicode.IsMark(r)
	}
	begins := func(r rune) bool {
		return ends(r) && !unicode.IsMark(r) || strings.ContainsRune(".*@", r) ||
			r == '_' && strings.Contains(name, "@")
	}
	if strings.Trim(name, "*.") == "" {
		return name
	}
	name = strings.TrimLeftFunc(name, func(r rune) bool { return !begins(r) })
	return strings.TrimRightFunc(name, func(r rune) bool { return !ends(r) })
}

// hasDot reports whether the word's domain has more than one part.
func hasDot(word string) bool {
	domain := word[strings.LastIndexByte(word, '@')+1:]
	return strings.Contains(strings.Trim(domain, "*."), ".")
}

// schemes are words that are no part of a name.
var schemes = []string{"http", "https", "mailto", "smtp", "sip"}

// plainForms are ways to write a dot, an @, an asterisk and an apostrophe.
var plainForms = strings.NewReplacer("\u3002", ".", "\uff61", ".", "[.]", ".", "(.)", ".", "{.}", ".",
	"[dot]", ".", "(dot)", ".", " dot ", ".", "[at]", "@", "(at)", "@", "[@]", "@", " at ", "@",
	"\u2217", "*", "\u204e", "*", "\u2018", "'", "\u2019", "'", "\u02bc", "'")

// readings returns the texts that a key can be read as, the likeliest first.
func readings(key string) []string {
	key = strings.ToValidUTF8(key, "")
	odd := func(r rune) bool { return international(r) || submission.Invisible(r) }
	if !strings.ContainsFunc(key, odd) {
		return []string{readable(key)}
	}
	space := func(is func(rune) bool) string {
		return strings.Map(func(r rune) rune {
			if is(r) {
				return ' '
			}
			return r
		}, key)
	}
	return distinct([]string{
		readable(space(isSign)), readable(key),
		readable(space(submission.Invisible)), readable(lookingLike(key)),
	})
}

// isSign reports whether the character is none of a name, but would be read as letters or digits:
// a trademark, or the number of a footnote.
func isSign(r rune) bool {
	says := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
	ofNames := unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Other_Alphabetic)
	return international(r) && !ofNames && strings.ContainsFunc(norm.NFKC.String(string(r)), says)
}

// lookingLike returns the key without accents and strokes, and with Latin letters for what looks
// like them.
func lookingLike(key string) string {
	alike := imitations()
	return strings.Map(func(r rune) rune {
		like, imitates := alike[unicode.ToLower(r)]
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r > unicode.MaxASCII && imitates:
			return like
		}
		return r
	}, norm.NFKD.String(key))
}

// readable returns the key in lower case, without what can't be seen or only looks different.
func readable(key string) string {
	text := strings.ToLower(norm.NFKC.String(key))
	text = strings.Map(func(r rune) rune {
		if submission.Invisible(r) && !unicode.IsSpace(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
	text = plainForms.Replace(text)
	for strings.Contains(text, "..") {
		text = strings.ReplaceAll(text, "..", ".")
	}
	return strings.TrimSpace(text)
}

// hasKnownEnding reports whether the program knows the ending of a partition's domain.
func hasKnownEnding(key string) bool {
	domain := strings.TrimPrefix(key[strings.LastIndexByte(key, '@')+1:], "*.")
	address, err := submission.ParseAddress("a@a." + domain)
	return err == nil && address.Doubt() != submission.UnknownEnding
}

// keysOf returns the partitions that one word was likely meant for.
func keysOf(word string) []string {
	const dotless = "\u0131" // of FABRIKAM in lower case, where the language is Turkish
	if strings.Contains(word, dotless) {
		return slices.Concat(keysAsWritten(word), keysAsWritten(strings.ReplaceAll(word, dotless, "i")))
	}
	return keysAsWritten(word)
}

func keysAsWritten(word string) []string {
	at := strings.LastIndexByte(word, '@')
	if at < 0 {
		return domainKeys(word)
	}
	local, domain := strings.Trim(word[:at], "'@"), word[at+1:]
	whole, _, _ := strings.Cut(local, "+") // sign-ups have no part behind a plus
	var keys []string
	for _, mailbox := range []string{whole, strings.TrimLeft(whole, "_")} {
		address, err := submission.ParseAddress(mailbox + "@" + strings.TrimSuffix(domain, "."))
		if err == nil {
			keys = append(keys, address.String())
		}
	}
	if keys != nil {
		return distinct(keys)
	}
	// Whoever is meant has an address there.
	return domainKeys(domain)
}

// domainKeys returns the partitions that a word without a mailbox was likely meant for.
func domainKeys(word string) []string {
	before, rest, wildcard := "", word, false
	if star := strings.LastIndexByte(word, '*'); star >= 0 {
		before, rest, wildcard = word[:star], word[star+1:], true
	}
	below := strings.HasPrefix(rest, ".")
	rest = strings.Trim(rest, ".")
	rest = strings.TrimPrefix(rest, "www.")
	ascii := rest
	address, err := submission.ParseAddress("a@" + rest)
	if err == nil {
		ascii = address.Domain()
	} else if folded, err := idna.Lookup.ToASCII(rest); err == nil {
		ascii = folded
	}
	var keys []string
	onlyBelow := wildcard && (below || before != "")
	if !onlyBelow && isPartition(ascii) {
		keys = append(keys, ascii)
	}
	// An ending such as com or co.uk can only mean what is below.
	if (wildcard || below || keys == nil) && ascii != "" && isPartition("*."+ascii) {
		keys = append(keys, "*."+ascii)
	}
	return keys
}
