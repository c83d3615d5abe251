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

// Meant returns the popular domain that a domain was probably meant to be, or "". The domain has
// one letter missing, added, replaced, or swapped with its neighbour, and is not a known mail
// domain itself. A company may have the domain, so it is a reason to ask, not to refuse.
func Meant(domain string) string {
	popular := Popular()
	i := slices.IndexFunc(popular, func(meant string) bool { return oneSlip(domain, meant) })
	if i < 0 || slices.Contains(popular, domain) {
		return ""
	}
	_, known := FreeMail()[domain]
	if known {
		return ""
	}
	return popular[i]
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
