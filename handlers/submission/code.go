package submission

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// MaxCode is the longest invite code as it is typed, in characters.
const MaxCode = 64

// CodeHash stands for an invite code, so that no queue and no table holds the code itself: the SHA-256 of the normal code in
// lower-case hexadecimal, or "" for none. Whoever has the hash of a short code can find the code by trying all.
type CodeHash string

// HashCode returns the hash of the code that was typed, after [NormalCode].
func HashCode(typed string) CodeHash {
	code := NormalCode(typed)
	if code == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(code))
	return CodeHash(hex.EncodeToString(sum[:]))
}

// NormalCode returns the one form of all the ways in which people type a code: full-width and other styled characters are
// plain ones (NFKC), the letters A to Z are small, and white space and dashes of every kind are left out. "Spring-2026",
// "SPRING 2026" and "spring2026" are one code.
func NormalCode(typed string) string {
	code := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), r == '\u2212': // the minus sign is no dash by category
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, norm.NFKC.String(typed))
	return norm.NFC.String(code) // what was parted by a dash may now compose
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
