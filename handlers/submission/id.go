package submission

import (
	"encoding/base32"
	"fmt"
	"io"
	"time"

	"guestlist/handlers/problem"
)

// An ID names a submission and its request. It is the only key to the status page, so it has 128
// random bits. Before them is the second at which it was issued: from it the page can tell "not
// recorded yet" from "never existed" without a secret and without a table.
//
// An ID is 34 characters of lower-case base32 (RFC 4648, "extended hex"). It is safe in URLs,
// table keys and file names, and sorts by time.
type ID string

const (
	idSeconds = 5  // bytes of Unix seconds: enough to the year 36812
	idRandom  = 16 // bytes of randomness
	idLength  = 34 // characters of text: ceil(21 bytes * 8 / 5)
)

var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// NewID returns an id issued at now, with its random part from random. It fails only if random
// does.
func NewID(now time.Time, random io.Reader) (ID, error) {
	var raw [idSeconds + idRandom]byte
	seconds := uint64(now.Unix())
	for i := range idSeconds {
		raw[i] = byte(seconds >> (8 * (idSeconds - 1 - i)))
	}
	_, err := io.ReadFull(random, raw[idSeconds:])
	if err != nil {
		return "", fmt.Errorf("reading randomness for an id: %w", err)
	}
	return ID(idEncoding.EncodeToString(raw[:])), nil
}

// ParseID returns text as an ID. For text that NewID can't have returned, the error is
// problem.NotFound, as for an unknown id.
func ParseID(text string) (ID, error) {
	if len(text) != idLength {
		return "", problem.New(problem.NotFound, "an id has %d characters, not %d", idLength, len(text))
	}
	raw, err := idEncoding.DecodeString(text)
	if err != nil || idEncoding.EncodeToString(raw) != text {
		return "", problem.New(problem.NotFound, "an id with characters or bits that no id has")
	}
	return ID(text), nil
}

// Issued returns the second at which the id was issued, in UTC. A made-up id can say any time.
func (id ID) Issued() time.Time {
	raw, err := idEncoding.DecodeString(string(id))
	if err != nil || len(raw) != idSeconds+idRandom {
		return time.Time{}
	}
	var seconds int64
	for _, b := range raw[:idSeconds] {
		seconds = seconds<<8 | int64(b)
	}
	return time.Unix(seconds, 0).UTC()
}
