package policy

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"guestlist/handlers/submission"
)

// claimOf returns what a submission's name claims to be, beside a person, as the end of a sentence,
// or "". Members of the tenant see the name of a guest, and trust one that looks like a service.
// Real people have some of these names, so it is a reason for a person to look, and none to refuse.
func claimOf(s submission.Submission) string {
	name := s.Name()
	switch {
	case mixesAlphabets(name):
		return "mixes alphabets within a word, as imitations do"
	case strings.ContainsFunc(norm.NFKD.String(name), isRare):
		return "has letters or signs that names seldom have, and imitations often"
	case isService(name):
		return "looks like that of a service, a role or a company"
	case s.MayHaveLink():
		return "could be a web address, or have a telephone number"
	}
	return ""
}

// services are what imitations call themselves: words of their own, compared by their looks.
var services = sync.OnceValue(func() map[string]bool {
	looks := map[string]bool{}
	for _, look := range looksOf("microsoft", "office365", "office 365", "microsoft365", "sharepoint", "onedrive", "onmicrosoft", "entra id", "azure",
		"azure ad", "google workspace", "docusign", "paypal", "admin", "admins", "administrator", "administration", "sysadmin", "root", "postmaster",
		"webmaster", "hostmaster", "mailer daemon", "mailerdaemon", "no reply", "noreply", "do not reply", "donotreply", "support", "help desk",
		"helpdesk", "service desk", "servicedesk", "it department", "it dept", "it team", "it service", "it services", "it security", "security",
		"security team", "cybersecurity", "customer service", "customer care", "account team", "accounts payable", "human resources",
		"hr department", "payroll", "notification", "notifications", "system", "team", "verification", "password reset", "billing department",
		"ceo", "cfo",
		"kundendienst", "kundenservice", "it abteilung", "systemverwaltung", "sicherheit", "buchhaltung",
		"soporte", "soporte técnico", "administrador", "administradora", "administración", "seguridad", "atención al cliente", "equipo",
		"suporte", "administração", "segurança", "equipe", "equipa",
		"assistance", "assistance technique", "administrateur", "administratrice", "sécurité", "service client", "équipe") {
		looks[look] = true
	}
	return looks
})

// written are the same in scripts without capitals and look-alikes, and often without spaces.
var written = []string{
	"マイクロソフト", "サポート", "管理者", "ヘルプデスク", "カスタマーサービス", "セキュリティ", "事務局", "システム",
	"마이크로소프트", "관리자", "고객센터", "고객지원", "지원팀", "보안팀", "헬프데스크",
	"微软", "管理员", "客服", "技术支持", "系统通知", "安全中心", "服务台",
	"مايكروسوفت", "الدعم الفني", "خدمة العملاء", "مدير النظام", "مسؤول النظام", "فريق الدعم", "الدعم",
}

// joined are the longest of the services, which are looked for within other words too.
var joined = sync.OnceValue(func() []string {
	return looksOf("microsoft", "sharepoint", "onedrive", "office365", "helpdesk", "servicedesk", "administrator", "postmaster",
		"noreply", "donotreply", "docusign", "sysadmin")
})

func isService(name string) bool {
	plain := withoutGaps(name)
	for _, service := range written {
		if strings.Contains(plain, withoutGaps(service)) {
			return true
		}
	}
	words := wordsOf(name)
	for first := range words {
		// Words in a row may be parts of one: "S u p p o r t".
		together := ""
		for _, word := range words[first:] {
			together += word
			if services()[lookOf(together)] {
				return true
			}
		}
	}
	together := lookOf(strings.Join(words, ""))
	for _, service := range joined() {
		if strings.Contains(together, service) {
			return true
		}
	}
	return false
}

// withoutGaps returns the letters, marks and digits of a name, without styles.
func withoutGaps(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.In(r, unicode.L, unicode.M, unicode.N) || strings.ContainsRune(neutral, r) {
			return -1
		}
		return r
	}, norm.NFKC.String(name))
}

func looksOf(names ...string) []string {
	looks := make([]string, 0, len(names))
	for _, name := range names {
		looks = append(looks, lookOf(strings.Join(wordsOf(name), "")))
	}
	return looks
}

// pairs of letters look like one.
var pairs = strings.NewReplacer("rn", "m", "vv", "w")

// lookOf returns what joined words of [wordsOf] look like.
func lookOf(words string) string { return pairs.Replace(words) }

// apostrophes stand within a word. Everything else that is no letter or number is between two.
const apostrophes = "'’‘`ʼʻʽ"

// wordsOf returns the words of a name by their looks: without accents, styles and capitals, with
// Latin letters for what looks like them.
func wordsOf(name string) []string {
	alike := imitations()
	plain := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Me) || submission.Invisible(r) ||
			strings.ContainsRune(apostrophes, r) {
			return -1
		}
		if like, imitates := alike[r]; imitates {
			return like
		}
		r = unicode.ToLower(r)
		if like, imitates := alike[r]; imitates {
			return like
		}
		return r
	}, norm.NFKD.String(name))
	return strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
}

// imitations are characters that look like a Latin letter, in lower case. i, l and 1 look alike.
// The Latin ones have no accent that could be taken away: ø, ł and ı. See [isRare].
var imitations = sync.OnceValue(func() map[rune]rune {
	return imitationsOf(map[rune]string{
		'a': "аα4", 'b': "ЬьъВвßɓ", 'c': "сϲ", 'd': "ԁđðɖɗ", 'e': "еєε3æœəǝɛ", 'f': "ƒ", 'g': "ցǥ", 'h': "һНнհħ", 'i': "іιl1!|ӏΙІıł",
		'j': "јϳյ", 'k': "кκĸƙ", 'm': "мΜМ", 'n': "ηпΝոŋɲ", 'o': "оο0օøɔ", 'p': "рρքþ", 'q': "ԛզ", 'r': "г", 's': "ѕ5Տ",
		't': "тτ7Τŧ", 'u': "υս", 'v': "ѵνʋ", 'w': "ԝшѡ", 'x': "хχ", 'y': "уүγΥƴɣ", 'z': "Ζʒ",
	})
})

func imitationsOf(looks map[rune]string) map[rune]rune {
	by := map[rune]rune{}
	for letter, others := range looks {
		for _, other := range others {
			by[other] = letter
		}
	}
	return by
}

// mixesAlphabets reports whether a word has letters, marks or digits of scripts that no word has
// together.
func mixesAlphabets(name string) bool {
	split := func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) }
	for word := range strings.FieldsFuncSeq(norm.NFKC.String(name), split) {
		seen := map[string]bool{}
		for _, r := range word {
			if script := submission.ScriptOf(r); script != "" && !('0' <= r && r <= '9') {
				seen[script] = true
			}
		}
		if !submission.GoTogether(seen) {
			return true
		}
	}
	return false
}

// living are the letters of today's orthographies, without composed ones. Greek and Cyrillic also
// have old and phonetic letters, which look Latin.
var living = map[string]*unicode.RangeTable{
	"Greek":    {R16: []unicode.Range16{{0x0391, 0x03c9, 1}}},
	"Cyrillic": {R16: []unicode.Range16{{0x0400, 0x045f, 1}, {0x048a, 0x04ff, 1}}},
}

// neutral are characters of names that Unicode gives to no script: apostrophes of several
// alphabets, the Arabic letter that lengthens a word, the closing mark of Japanese names, and the
// sign between two names in kana.
const neutral = "ʹʻʼʽʾʿـ〆="

// isRare reports whether names seldom have the character of a decomposed name. Names have letters,
// marks and digits of scripts in everyday use, and characters between words. Of the Latin letters
// only those in imitations count as usual. A rare character could look like any other.
func isRare(r rune) bool {
	script := submission.ScriptOf(r)
	switch {
	case unicode.In(r, unicode.P, unicode.Z, unicode.Sk), submission.Invisible(r),
		strings.ContainsRune(neutral, r):
		return false
	case unicode.Is(unicode.M, r):
		return unicode.Is(unicode.Me, r) || script == "" && !unicode.Is(unicode.Inherited, r)
	case '0' <= r && r <= '9':
		return false
	case script == "Latin":
		lower := unicode.ToLower(r)
		_, known := imitations()[lower]
		return !known && (lower < 'a' || lower > 'z')
	case living[script] != nil:
		return !unicode.Is(living[script], r)
	}
	return script == ""
}
