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
	case isService(name):
		return "looks like that of a service, a role or a company"
	}
	return ""
}

// services are what imitations call themselves: words of their own, compared by their looks.
var services = sync.OnceValue(func() []string {
	return looksOf("microsoft", "office365", "office 365", "microsoft365", "sharepoint", "onedrive", "onmicrosoft", "entra id", "azure",
		"azure ad", "google workspace", "docusign", "paypal", "admin", "admins", "administrator", "administration", "sysadmin", "root", "postmaster",
		"webmaster", "hostmaster", "mailer daemon", "mailerdaemon", "no reply", "noreply", "do not reply", "donotreply", "support", "help desk",
		"helpdesk", "service desk", "servicedesk", "it department", "it dept", "it team", "it service", "it services", "it security", "security",
		"security team", "cybersecurity", "customer service", "customer care", "account team", "accounts payable", "human resources",
		"hr department", "payroll", "notification", "notifications", "system", "team", "verification", "password reset", "billing department",
		"ceo", "cfo",
		"kundendienst", "kundenservice", "it abteilung", "systemverwaltung", "sicherheit", "buchhaltung",
		"soporte", "soporte técnico", "administrador", "administradora", "administración", "seguridad", "atención al cliente", "equipo",
		"suporte", "administração", "segurança", "equipe", "equipa",
		"assistance", "assistance technique", "administrateur", "administratrice", "sécurité", "service client", "équipe")
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
	plain := norm.NFKC.String(name)
	for _, service := range written {
		if strings.Contains(plain, service) {
			return true
		}
	}
	words := wordsOf(name)
	padded := " " + strings.Join(words, " ") + " "
	for _, service := range services() {
		if strings.Contains(padded, " "+service+" ") {
			return true
		}
	}
	together := strings.Join(words, "")
	for _, service := range joined() {
		if strings.Contains(together, service) {
			return true
		}
	}
	return false
}

func looksOf(names ...string) []string {
	looks := make([]string, 0, len(names))
	for _, name := range names {
		looks = append(looks, strings.Join(wordsOf(name), " "))
	}
	return looks
}

// wordsOf returns the words of a name by their looks: without accents, styles and capitals, with
// Latin letters for what looks like them.
func wordsOf(name string) []string {
	alike := imitations()
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || submission.Invisible(r) {
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
	plain = strings.NewReplacer("rn", "m", "vv", "w").Replace(plain)
	return strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
}

// imitations are characters that look like a Latin letter, in lower case. i, l and 1 look alike.
var imitations = sync.OnceValue(func() map[rune]rune {
	return imitationsOf(map[rune]string{
		'a': "аα4", 'b': "ЬВв", 'c': "сϲ", 'd': "ԁ", 'e': "еєε3", 'g': "ɡ", 'h': "һНн", 'i': "іιıl1!|ӏΙІǀ", 'j': "јϳ", 'k': "кκ",
		'm': "мΜМ", 'n': "ηпΝ", 'o': "оο0օ", 'p': "рρ", 'q': "ԛ", 'r': "гᴦ", 's': "ѕ5", 't': "тτ7Τ", 'u': "υս", 'v': "ѵν", 'w': "ԝш",
		'x': "хχ", 'y': "уүγΥ", 'z': "ᴢΖ",
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

// mixesAlphabets reports whether a word has letters of Latin and of an alphabet that looks like it.
func mixesAlphabets(name string) bool {
	split := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) }
	for word := range strings.FieldsFuncSeq(name, split) {
		seen := 0
		for _, script := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee} {
			if strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(script, r) }) {
				seen++
			}
		}
		if seen > 1 {
			return true
		}
	}
	return false
}
