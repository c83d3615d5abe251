package maildomain

import (
	"strings"
	"testing"

	"guestlist/handlers/submission"
)

func TestListsHaveValidDomains(t *testing.T) {
	free, disposable := FreeMail(), Disposable()
	if len(free) < 100 || len(disposable) < 50 {
		t.Errorf("%d domains of free mail and %d of throw-away mailboxes", len(free), len(disposable))
	}
	for _, list := range []string{freeMailText, disposableText, strings.Join(Popular(), "\n")} {
		seen := map[string]bool{}
		for line := range strings.Lines(list) {
			domain, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if domain == "" || domain == "#" {
				continue
			}
			address, err := submission.ParseAddress("a@" + domain)
			if err != nil || address.Domain() != domain {
				t.Errorf("no address can have the domain %q", domain)
			}
			if seen[domain] {
				t.Errorf("%q is listed twice", domain)
			}
			seen[domain] = true
		}
	}
	for domain, keeper := range free {
		if keeper == "" {
			t.Errorf("nobody keeps %q", domain)
		}
		if _, both := disposable[domain]; both {
			t.Errorf("%q is on both lists", domain)
		}
	}
}

func TestMistypedDomains(t *testing.T) {
	tests := map[string]struct{ typed, want string }{
		"letters swapped":                 {"gmial.com", "gmail.com"},
		"a letter missing":                {"hotmal.com", "hotmail.com"},
		"a letter doubled":                {"outlookk.com", "outlook.com"},
		"a letter wrong":                  {"yahop.com", "yahoo.com"},
		"the ending cut":                  {"gmail.co", "gmail.com"},
		"the ending of a country":         {"gmail.cm", "gmail.com"},
		"the first letter missing":        {"utlook.com", "outlook.com"},
		"right":                           {"gmail.com", ""},
		"a neighbour that exists":         {"mail.com", ""},
		"another popular one":             {"yahoo.co.jp", ""},
		"a company":                       {"contoso.com", ""},
		"two slips":                       {"gmeil.con", ""},
		"a domain below a popular one":    {"mail.gmail.com", ""},
		"letters of a short one swapped":  {"liev.com", "live.com"},
		"a letter of a short one doubled": {"livve.com", "live.com"},
		"the ending of a short one":       {"live.cm", "live.com"},
		"a word beside a short one":       {"jive.com", ""},
		"another":                         {"five.com", ""},
		"a longer one":                    {"olive.com", ""},
		"a shorter one":                   {"liv.com", ""},
		"a brand beside a short one":      {"bol.com.br", ""},
		"a word beside a long one":        {"never.com", ""},
		"a cloud":                         {"cloud.com", ""},
		"a range":                         {"range.fr", ""},
		"a family":                        {"serra.es", ""},
		"a brand":                         {"lacoste.fr", ""},
		"an animal":                       {"foxtail.com", ""},
		"nothing":                         {"", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Meant(test.typed); got != test.want {
				t.Errorf("%q was meant to be %q, want %q", test.typed, got, test.want)
			}
		})
	}
	for _, popular := range Popular() {
		if got := Meant(popular); got != "" {
			t.Errorf("%q is taken for a mistyped %q", popular, got)
		}
	}
	for domain := range FreeMail() {
		if got := Meant(domain); got != "" {
			t.Errorf("the existing %q is taken for a mistyped %q", domain, got)
		}
	}
}
