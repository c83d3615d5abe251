package submission

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"guestlist/handlers/problem"
)

// A Reference names a request to people who talk about it: on the telephone, in a mail to somebody
// who helps. It is derived from the id, has the second at which that was issued, and opens nothing:
// of the 128 random bits of an id, no way leads back from the 23 bits of its hash.
//
// It is written in three groups of four, such as "3C7K-Q2WX-94TM", of digits and capitals of which
// no two look alike, and without vowels, so that it spells no word.
type Reference string

const (
	// referenceAlphabet leaves out the letters that look like a digit or like another letter.
	referenceAlphabet = "23456789CDFHJKMNPQRTWXY"
	referenceLength   = 12 // characters, without the dashes
	referenceGroup    = 4
	referenceHashBits = 23
	referenceTimeBits = 31 // seconds: enough for 68 years
)

// referenceEpoch is the second from which references count.
var referenceEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// Reference returns the reference of the id, "" for one of another form.
func (id ID) Reference() Reference {
	if id.Issued().IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte("guestlist reference 1\n" + string(id)))
	hash := uint64(binary.BigEndian.Uint32(sum[:])) >> (32 - referenceHashBits)
	seconds := uint64(id.Issued().Unix()-referenceEpoch) & (1<<referenceTimeBits - 1)
	number := seconds<<referenceHashBits | hash
	var text [referenceLength]byte
	for i := referenceLength - 1; i >= 0; i-- {
		text[i] = referenceAlphabet[number%uint64(len(referenceAlphabet))]
		number /= uint64(len(referenceAlphabet))
	}
	return Reference(grouped(string(text[:])))
}

// grouped returns a text with a dash between groups.
func grouped(text string) string {
	groups := make([]string, 0, len(text)/referenceGroup)
	for ; text != ""; text = text[referenceGroup:] {
		groups = append(groups, text[:referenceGroup])
	}
	return strings.Join(groups, "-")
}

// ParseReference reads a reference as people type it: in small letters or full width, with or
// without dashes and spaces. The error is problem.InvalidInput.
func ParseReference(text string) (Reference, error) {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Po) || r == '\u2212' || ignorable(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, norm.NFKC.String(text))
	if len(plain) != referenceLength || strings.Trim(plain, referenceAlphabet) != "" {
		return "", problem.New(problem.InvalidInput, "a reference has twelve of the characters %s", referenceAlphabet)
	}
	return Reference(grouped(plain)), nil
}

// Issued returns the second at which the id of the reference was issued, in UTC. A made-up
// reference can say any time.
func (r Reference) Issued() time.Time {
	number := uint64(0)
	for _, c := range []byte(strings.ReplaceAll(string(r), "-", "")) {
		at := strings.IndexByte(referenceAlphabet, c)
		if at < 0 {
			return time.Time{}
		}
		number = number*uint64(len(referenceAlphabet)) + uint64(at)
	}
	return time.Unix(int64(number>>referenceHashBits)+referenceEpoch, 0).UTC()
}
