package submission

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"guestlist/handlers/problem"
)

// The limits of an address. RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.3, with the path's angle brackets taken off (RFC 3696,
// erratum 1690).
const (
	MaxAddress = 254 // octets of the whole address
	maxLocal   = 64  // octets before the @
)

// emailField is the name of the field that holds the address, in JSON and in the form.
const emailField = "email"

// Address is a normalised e-mail address that Entra can invite. The zero value is no address; the only other values are
// those that [ParseAddress] returned. Two addresses are the same mailbox for us exactly if they are ==.
type Address struct {
	local  string
	domain string
}

// String returns the address, local part and domain in lower case, the domain in its ASCII (punycode) form.
// The zero value gives "".
func (a Address) String() string {
	if a.domain == "" {
		return ""
	}
	return a.local + "@" + a.domain
}

// Domain returns the domain in lower-case ASCII, without a trailing dot.
func (a Address) Domain() string { return a.domain }

// Masked returns as much of the address as its owner needs to recognise it, for example "a***@c…", and "" for the zero value.
// The number of stars says nothing about the length.
func (a Address) Masked() string {
	if a.domain == "" {
		return ""
	}
	return a.local[:1] + "***@" + a.domain[:1] + "…"
}

// MarshalText returns what String returns.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText sets a to what ParseAddress makes of text; on an error a stays as it was.
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := ParseAddress(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// ParseAddress returns text as an Address, lower-cased, with an international domain folded to punycode. Space around the
// address is dropped; nothing else is repaired: what looks unlike it reads is refused, never silently changed.
//
// It accepts less than RFC 5322 does:
//   - the local part is ASCII letters, digits and ' . _ -, at most 64 of them; dots and hyphens stand inside, dots singly.
//     That is what Microsoft Graph accepts for invitedUserEmailAddress, less the backquote;
//   - the domain has 2 to 10 labels of at most 63 octets, ends in a top-level domain of the public suffix list's ICANN
//     section, and is not itself a public suffix such as co.uk;
//   - an international label is written in one script (kana and Han may go together, as may Han and Hangul or Bopomofo),
//     has no invisible characters, no combining marks of no script, and does not look like Latin letters throughout;
//   - the whole is at most 254 octets.
//
// It does not ask whether the domain exists or receives mail.
//
// The error is a *problem.Error of code InvalidInput with one field, "email", whose Rule names the rule that
// was broken. It repeats nothing of text.
func ParseAddress(text string) (Address, error) {
	address, rule := parseAddress(text)
	if rule != "" {
		return Address{}, refusal([]problem.Field{fault(emailField, rule)})
	}
	return address, nil
}

// parseAddress is ParseAddress with the bare name of the first broken rule, "" for none.
func parseAddress(text string) (Address, string) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Address{}, "required"
	case broken(text):
		return Address{}, "encoding"
	case len(text) > MaxAddress*utf8.UTFMax:
		// Whatever this folds to; nobody pays for the folding.
		return Address{}, "too-long"
	case strings.ContainsFunc(text, invisible):
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

// checkLocal returns the rule that a local part breaks, "" for none.
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
