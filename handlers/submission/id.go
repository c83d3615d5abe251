package submission

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"guestlist/handlers/problem"
)

// An ID names a submission and its request. It is the only key to the status page, so it has 128
// random bits. Before them is the second at which it was issued, and behind them is a signature by
// an [IDKey]: from these the page can tell "not recorded yet" from "never issued" without a table.
//
// An ID is 48 characters of lower-case base32 (RFC 4648, "extended hex"). Older ones have no
// signature and 34 characters. It is safe in URLs, table keys and file names, and sorts by time.
type ID string

const (
	idSeconds   = 5  // bytes of Unix seconds: enough to the year 36812
	idRandom    = 16 // bytes of randomness
	idSignature = 9  // bytes of the signature: it can only be tried out online, a post for each try

	idUnsigned     = idSeconds + idRandom
	idSigned       = idUnsigned + idSignature
	unsignedLength = (idUnsigned*8 + 4) / 5 // characters of text
	signedLength   = idSigned * 8 / 5
)

var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// idDerivation names the use of the keys, so that a signature made elsewhere with the same key does
// not count here.
const idDerivation = "guestlist request id 1"

// IDKey signs ids and recognises those that it signed. It is safe for concurrent use.
type IDKey struct{ key []byte }

// NewIDKey derives an IDKey from a configured key.
func NewIDKey(configured string) (IDKey, error) {
	key, err := hkdf.Key(sha256.New, []byte(configured), nil, idDerivation, sha256.Size)
	if err != nil {
		return IDKey{}, fmt.Errorf("deriving the key of ids: %w", err)
	}
	return IDKey{key}, nil
}

// NewID returns a signed id issued at now, with its random part from random. It fails only if
// random does.
func (k IDKey) NewID(now time.Time, random io.Reader) (ID, error) {
	raw, err := unsigned(now, random)
	if err != nil {
		return "", err
	}
	return ID(idEncoding.EncodeToString(append(raw, k.signature(raw)...))), nil
}

// Signed reports whether the key signed the id. It takes the same time for every signature.
func (k IDKey) Signed(id ID) bool {
	raw, err := idEncoding.DecodeString(string(id))
	if err != nil || len(id) != signedLength || len(raw) != idSigned {
		return false
	}
	return hmac.Equal(raw[idUnsigned:], k.signature(raw[:idUnsigned]))
}

func (k IDKey) signature(raw []byte) []byte {
	mac := hmac.New(sha256.New, k.key)
	mac.Write(raw)
	return mac.Sum(nil)[:idSignature]
}

// NewID returns an id without a signature. It is the smallest id of its second if random is all
// zeros. It fails only if random does.
func NewID(now time.Time, random io.Reader) (ID, error) {
	raw, err := unsigned(now, random)
	if err != nil {
		return "", err
	}
	return ID(idEncoding.EncodeToString(raw)), nil
}

// unsigned returns the bytes of an id up to its signature.
func unsigned(now time.Time, random io.Reader) ([]byte, error) {
	raw := make([]byte, idUnsigned, idSigned)
	seconds := uint64(now.Unix())
	for i := range idSeconds {
		raw[i] = byte(seconds >> (8 * (idSeconds - 1 - i)))
	}
	_, err := io.ReadFull(random, raw[idSeconds:])
	if err != nil {
		return nil, fmt.Errorf("reading randomness for an id: %w", err)
	}
	return raw, nil
}

// ParseID returns text as an ID. For text that can't be an id, the error is problem.NotFound, as
// for an unknown id. It checks no signature.
func ParseID(text string) (ID, error) {
	if len(text) != signedLength && len(text) != unsignedLength {
		return "", problem.New(problem.NotFound, "an id has %d or %d characters, not %d", signedLength, unsignedLength, len(text))
	}
	raw, err := idEncoding.DecodeString(text)
	if err != nil || idEncoding.EncodeToString(raw) != text {
		return "", problem.New(problem.NotFound, "an id with characters or bits that no id has")
	}
	return ID(text), nil
}

// TypedID reads an id as people and programs hand it on: in capitals, with the marks around it that
// belong to a sentence, or as the address of the status page. Else it is ParseID.
func TypedID(text string) (ID, error) {
	if _, path, isURL := strings.Cut(text, "://"); isURL {
		path, _, _ = strings.Cut(path, "#")
		path, _, _ = strings.Cut(path, "?")
		text = strings.TrimRight(path, "/")
		text = text[strings.LastIndexByte(text, '/')+1:]
	}
	isMark := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }
	return ParseID(strings.ToLower(strings.TrimFunc(text, isMark)))
}

// HasSignature reports whether the id has a signature, by whichever key.
func (id ID) HasSignature() bool { return len(id) == signedLength }

// Issued returns the second at which the id was issued, in UTC. A made-up id can say any time.
func (id ID) Issued() time.Time {
	raw, err := idEncoding.DecodeString(string(id))
	if err != nil || len(raw) != idUnsigned && len(raw) != idSigned {
		return time.Time{}
	}
	var seconds int64
	for _, b := range raw[:idSeconds] {
		seconds = seconds<<8 | int64(b)
	}
	return time.Unix(seconds, 0).UTC()
}
