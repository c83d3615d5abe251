package maildomain

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// A line of the lists is a domain, white space, and the operator of its mail service.
var (
	//go:embed freemail.txt
	freeMailText string
	//go:embed disposable.txt
	disposableText string
)

// The lists are read when they are first needed.
var (
	freeMail   = sync.OnceValue(func() map[string]string { return read(freeMailText) })
	disposable = sync.OnceValue(func() map[string]string { return read(disposableText) })
)

// FreeMail returns the domains at which anyone can get a mailbox, with their operators. The
// caller must not change the map.
func FreeMail() map[string]string { return freeMail() }

// Disposable returns the domains of throw-away mailboxes; the values have no meaning. The caller
// must not change the map.
func Disposable() map[string]string { return disposable() }

func read(text string) map[string]string {
	domains := map[string]string{}
	for line := range strings.Lines(text) {
		domain, operator, _ := strings.Cut(strings.TrimSpace(line), " ")
		if domain == "" || strings.HasPrefix(domain, "#") {
			continue
		}
		domains[domain] = strings.TrimSpace(operator)
	}
	return domains
}

// Popular returns the mail domains that people mistype, the most used first.
func Popular() []string {
	return []string{
		"gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "live.com", "googlemail.com", "protonmail.com",
		"naver.com", "hanmail.net", "docomo.ne.jp", "yahoo.co.jp", "t-online.de", "freenet.de", "orange.fr", "laposte.net", "terra.es",
		"sapo.pt", "uol.com.br", "foxmail.com",
	}
}

// Words are names one slip away from a popular one that are words or brands of their own. Whoever
// has such a domain typed it right.
func Words() []string {
	return strings.Fields("mail email gail grail gmailer cloud clouds outlooks outlooker wahoo yahoos hotmails" +
		" aver caver haver laver nave navel naver navels naves never namer paver raver saver waver nager navier navie navera" +
		" grange range orang oranges orangey oranger orage frange orangy arrange lacoste laposta" +
		" cerra jerra perra serra guerra tera terga terma terna terras terre terri terry tetra tierra ferra werra erra terrae" +
		" foxtail foxmails frenet freeset freenets")
}

// shortest is how many letters a popular name has at least, so that a name with one other letter is
// likely meant to be it. There are as many companies called jive, five or olive as live.
const shortest = 5

// Meant returns the popular domain that a domain was probably meant to be, or "". The domain has
// one letter missing, added, replaced, or swapped with its neighbour, is not a known mail domain
// itself, and its name is no word. A company may have the domain, so it is a reason to ask, not to
// refuse.
func Meant(domain string) string {
	popular := Popular()
	i := slices.IndexFunc(popular, func(meant string) bool { return oneSlip(domain, meant) && !isOwnName(domain, meant) })
	if i < 0 || slices.Contains(popular, domain) {
		return ""
	}
	_, known := FreeMail()[domain]
	if known {
		return ""
	}
	return popular[i]
}

// isOwnName reports whether the name of a domain, one slip away from the one meant, is more likely
// right than mistyped.
func isOwnName(typed, meant string) bool {
	name, _, _ := strings.Cut(typed, ".")
	popular, _, _ := strings.Cut(meant, ".")
	switch {
	case name == popular:
		return false // the slip is in the ending
	case len(popular) < shortest:
		return !isStutter(name, popular)
	}
	return slices.Contains(Words(), name)
}

// isStutter reports whether a name is another one with two letters swapped or one doubled, which
// fingers do and names seldom differ by.
func isStutter(name, meant string) bool {
	for i := range len(meant) {
		if name == meant[:i+1]+meant[i:] || i > 0 && name == meant[:i-1]+meant[i:i+1]+meant[i-1:i]+meant[i+1:] {
			return true
		}
	}
	return false
}

// oneSlip reports whether typed is meant with one letter missing, added, replaced, or swapped
// with the next.
func oneSlip(typed, meant string) bool {
	a, b := typed, meant
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	swapped := len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
	return len(a)+len(b) == 1 || len(a) == 1 && len(b) == 1 || swapped
}
