package submission

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// MaxCode is the longest invite code as typed, in characters.
const MaxCode = 64

// CodeHash is the SHA-256 of a normal invite code in lower-case hexadecimal, or "". Queues and
// tables hold it in place of the code. A short code can be found from its hash by trial.
type CodeHash string

// HashCode returns the hash of a typed code, after [NormalCode].
func HashCode(typed string) CodeHash {
	code := NormalCode(typed)
	if code == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(code))
	return CodeHash(hex.EncodeToString(sum[:]))
}

// NormalCode returns the normal form of a typed code: styled characters are plain (NFKC), the
// letters A to Z are in lower case, and there is no white space and no dash. "Spring-2026",
// "SPRING 2026" and "spring2026" are one code.
func NormalCode(typed string) string {
	code := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), r == '\u2212': // by category, the minus sign is not a dash
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, norm.NFKC.String(typed))
	return norm.NFC.String(code) // characters around a removed dash may compose
}

// Valid reports whether h is "" or has the form that HashCode returns.
func (h CodeHash) Valid() bool {
	if h == "" {
		return true
	}
	if len(h) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(h) {
		if !('0' <= c && c <= '9') && !('a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}
