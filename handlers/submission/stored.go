package submission

import (
	"strings"

	"guestlist/handlers/problem"
)

// What is stored was checked when it came in. It is read back by the rules of this file, which hold
// what the program relies on and nothing else. The rules for input may get stricter from version to
// version, as the public suffix list does; these must not.

// The shortest and the longest stored id: it has the second at which it was issued, and a table
// takes it as a key.
const (
	shortestID = 8
	longestID  = 64
)

// StoredAddress returns a stored address as it is: printable ASCII without capitals or spaces,
// with one @ inside, at most [MaxAddress] long. Capitals would make two of what is one mailbox. The
// error is a problem.RecordUnreadable, and quotes nothing of text.
func StoredAddress(text string) (Address, error) {
	local, domain, _ := strings.Cut(text, "@")
	odd := func(r rune) bool { return r <= ' ' || r > '~' || 'A' <= r && r <= 'Z' }
	if local == "" || domain == "" || strings.Contains(domain, "@") || len(text) > MaxAddress ||
		strings.ContainsFunc(text, odd) {
		return Address{}, problem.New(problem.RecordUnreadable, "a stored address is none")
	}
	return Address{local, domain}, nil
}

// StoredID returns a stored id as it is: the characters of ids, so that it can be a key, sorts by
// time and fits into a filter. For any other text the error is problem.NotFound, as for an unknown
// id.
func StoredID(text string) (ID, error) {
	odd := func(r rune) bool { return !('0' <= r && r <= '9') && !('a' <= r && r <= 'v') }
	if len(text) < shortestID || len(text) > longestID || strings.ContainsFunc(text, odd) {
		return "", problem.New(problem.NotFound, "a stored id of %d characters is none", len(text))
	}
	return ID(text), nil
}
