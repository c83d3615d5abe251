package maildomain

import (
	_ "embed"
	"strings"
)

// The lists have a domain a line, white space, and who keeps it.
var (
	//go:embed freemail.txt
	freeMailText string
	//go:embed disposable.txt
	disposableText string
)

// FreeMail returns the domains at which anyone can get a mailbox, and who keeps each of them. The map is the caller's.
func FreeMail() map[string]string { return read(freeMailText) }

// Disposable returns the domains of mailboxes that are thrown away after minutes. The map is the caller's; its values say nothing.
func Disposable() map[string]string { return read(disposableText) }

func read(text string) map[string]string {
	domains := map[string]string{}
	for line := range strings.Lines(text) {
		domain, keeper, _ := strings.Cut(strings.TrimSpace(line), " ")
		if domain == "" || strings.HasPrefix(domain, "#") {
			continue
		}
		domains[domain] = strings.TrimSpace(keeper)
	}
	return domains
}

// Popular returns the mail domains that people most often mistype, the ones that most people have first.
func Popular() []string {
	return []string{
		"gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "live.com", "googlemail.com", "protonmail.com",
		"naver.com", "hanmail.net", "docomo.ne.jp", "yahoo.co.jp", "t-online.de", "freenet.de", "orange.fr", "laposte.net", "terra.es",
		"sapo.pt", "uol.com.br", "foxmail.com",
	}
}

// Meant returns the popular domain that a domain was probably meant to be, "" if there is none: it differs by one letter that is missing,
// doubled, wrong, or swapped with its neighbour, and is neither popular itself nor one at which free mailboxes exist.
// A company may well have the domain, so this is a question to ask and no fault to find.
func Meant(domain string) string {
	meant := ""
	for _, popular := range Popular() {
		if domain == popular {
			return ""
		}
		if meant == "" && oneSlip(domain, popular) {
			meant = popular
		}
	}
	if meant == "" {
		return ""
	}
	_, known := FreeMail()[domain]
	if known {
		return ""
	}
	return meant
}

// oneSlip reports whether typed is meant with one letter missing, too many, replaced, or swapped with the next.
func oneSlip(typed, meant string) bool {
	common := 0
	for common < len(typed) && common < len(meant) && typed[common] == meant[common] {
		common++
	}
	a, b := typed[common:], meant[common:]
	switch len(a) - len(b) {
	case 1:
		return a[1:] == b
	case -1:
		return a == b[1:]
	case 0:
		if len(a) == 0 {
			return false
		}
		swapped := len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]
		return a[1:] == b[1:] || swapped
	}
	return false
}
