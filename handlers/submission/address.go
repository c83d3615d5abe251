package submission

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"guestlist/handlers/problem"
)

// The limits of an address: RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.3, without the angle
// brackets of the path (RFC 3696, erratum 1690).
const (
	MaxAddress = 254 // octets of the whole address
	maxLocal   = 64  // octets before the @
)

// emailField is the name of the address field, in JSON and in the form.
const emailField = "email"

// Address is a normalised e-mail address that Entra can invite, or the zero value. [ParseAddress]
// returns all other values, and [StoredAddress] those that earlier versions of it returned. Equal
// addresses (==) are the same mailbox.
type Address struct {
	local  string
	domain string
}

// String returns the address in lower case, with the domain in ASCII (punycode), or "" for the
// zero value.
func (a Address) String() string {
	if a.domain == "" {
		return ""
	}
	return a.local + "@" + a.domain
}

// Domain returns the domain in lower-case ASCII, without a trailing dot.
func (a Address) Domain() string { return a.domain }

// Is reports whether text, an address as a directory holds it, is this mailbox. It ignores the case
// of ASCII letters, and accepts an international domain in punycode and in letters. Nothing else is
// folded: [ParseAddress] folds more, for people who type, and could make two mailboxes equal. All
// comparisons with an address that was not parsed use it.
func (a Address) Is(text string) bool {
	local, domain, _ := strings.Cut(text, "@")
	return a.domain != "" && sameASCII(local, a.local) && sameDomain(domain, a.domain)
}

// Spellings returns the texts to search for in a directory that compares texts: the address with
// the domain in punycode, and with the domain in letters if that differs.
func (a Address) Spellings() []string {
	if a.domain == "" {
		return nil
	}
	readable := inLetters(a.domain)
	if readable == a.domain {
		return []string{a.String()}
	}
	return []string{a.String(), a.local + "@" + readable}
}

// Masked returns a form that says where the mailbox is, and of whose it is only the first letter,
// such as "a***@contoso.com", or "" for the zero value.
func (a Address) Masked() string {
	if a.domain == "" {
		return ""
	}
	return a.local[:1] + "***@" + a.domain
}

// MarshalText implements [encoding.TextMarshaler].
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseAddress].
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := ParseAddress(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// ParseAddress returns text as an Address: in lower case, with an international domain in
// punycode, full-width characters as plain ones, and without space and invisible characters at the
// ends. It changes nothing else, and refuses what looks different from what it is.
//
// It accepts less than RFC 5322 does:
//   - The local part has at most 64 ASCII letters, digits and ' . _ - characters. Dots and
//     hyphens are inside, dots single. That is what Microsoft Graph accepts for
//     invitedUserEmailAddress, without the backquote.
//   - The domain has 2 to 10 labels of at most 63 octets, and does not end in a name that is
//     reserved for ever, such as .local, or in digits.
//   - An international label is in one script (or Han with kana, Hangul or Bopomofo), has no
//     invisible characters and no combining marks without a script, and does not consist of
//     letters that look Latin.
//   - The whole has at most 254 octets.
//
// It does not check whether the domain exists or receives mail: no list that is compiled in could
// tell. [Address.Doubt] tells what is worth a question.
//
// The error is a *problem.Error of code InvalidInput with the field "email" and the broken rule.
// It quotes nothing of text.
func ParseAddress(text string) (Address, error) {
	address, rule := parseAddress(text)
	if rule != "" {
		return Address{}, refusal([]problem.Field{fault(emailField, rule)})
	}
	return address, nil
}

// parseAddress is ParseAddress with the first broken rule, or "", in place of an error.
func parseAddress(text string) (Address, string) {
	switch {
	case broken(text):
		return Address{}, "encoding"
	case len(strings.TrimSpace(text)) > MaxAddress*utf8.UTFMax:
		// Too long in any form, and too long to be worth folding.
		return Address{}, "too-long"
	}
	text = foldWidth(trimHidden(text))
	switch {
	case text == "":
		return Address{}, "required"
	case strings.ContainsFunc(text, Invisible):
		return Address{}, "invisible"
	case strings.ContainsFunc(text, unicode.IsSpace):
		return Address{}, "space"
	case strings.Contains(text, `"`):
		return Address{}, "quoted"
	case strings.ContainsAny(text, "()"):
		return Address{}, "comment"
	case strings.Contains(strings.ToLower(text), "#ext#"):
		return Address{}, "guest-account"
	}

	local, domain, found := strings.Cut(text, "@")
	switch {
	case !found:
		return Address{}, "no-at"
	case strings.Contains(domain, "@"):
		return Address{}, "two-ats"
	case local == "":
		return Address{}, "local-missing"
	case domain == "":
		return Address{}, "domain-missing"
	}

	rule := checkLocal(local)
	if rule != "" {
		return Address{}, rule
	}
	domain, rule = parseDomain(domain)
	if rule != "" {
		return Address{}, rule
	}
	address := Address{local: strings.ToLower(local), domain: domain}
	if len(address.String()) > MaxAddress {
		return Address{}, "too-long"
	}
	return address, ""
}

// smallForms replaces the small forms of a full stop and an at sign.
var smallForms = strings.NewReplacer("\ufe52", ".", "\ufe6b", "@")

// foldWidth returns the text with full-width characters as plain ones, and half-width ones as usual
// ones: East Asian keyboards write both. The same keyboards have other full stops.
func foldWidth(text string) string {
	if isASCII(text) {
		return text
	}
	folded := width.Fold.String(plainDots.Replace(smallForms.Replace(text)))
	return strings.TrimSpace(folded)
}

// checkLocal returns the rule that a local part breaks, or "".
func checkLocal(local string) string {
	for _, r := range local {
		switch {
		case r >= utf8.RuneSelf:
			return "local-ascii"
		case r == '+':
			return "plus"
		case !asciiLetterOrDigit(r) && !strings.ContainsRune("'._-", r):
			return "forbidden-character"
		}
	}
	switch {
	case len(local) > maxLocal:
		return "local-too-long"
	case strings.HasPrefix(local, "."), strings.HasSuffix(local, "."), strings.Contains(local, ".."):
		return "local-dots"
	case strings.HasPrefix(local, "-"), strings.HasSuffix(local, "-"):
		return "local-hyphens"
	}
	return ""
}

func asciiLetterOrDigit(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
