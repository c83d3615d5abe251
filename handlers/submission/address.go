package submission

import (
	"strings"

	"guestlist/handlers/problem"
)

// Address is a normalised e-mail address that Entra can invite. The zero value is no address; the only other values are those
// that [ParseAddress] returned. Two addresses are the same mailbox for us exactly if they are ==.
type Address struct {
	local  string
	domain string
}

// String returns the address, local part and domain in lower case, the domain in its ASCII (punycode) form.
func (a Address) String() string {
	if a.domain == "" {
		return ""
	}
	return a.local + "@" + a.domain
}

// Domain returns the domain in lower-case ASCII.
func (a Address) Domain() string { return a.domain }

// ParseAddress is filled in by the validation work.
func ParseAddress(text string) (Address, error) {
	local, domain, ok := strings.Cut(strings.ToLower(text), "@")
	if !ok {
		return Address{}, problem.New(problem.InvalidInput, "no address")
	}
	return Address{local, domain}, nil
}

func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := ParseAddress(string(text))
	*a = parsed
	return err
}

func (s *Submission) Check() error { return nil }
