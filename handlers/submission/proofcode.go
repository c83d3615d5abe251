package submission

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"guestlist/handlers/problem"
)

const (
	// ProofCodeLength is the number of digits of a proof code.
	ProofCodeLength = 8
	// MaxProofCode is the longest proof code as typed, in characters.
	MaxProofCode = 64
)

// ParseProofCode returns the proof code in what a partner typed: the code that the app has mailed,
// as [ProofCodeLength] ASCII digits. It is not an invite code, which [HashCode] reads.
//
// The digits may be of any script, such as Arabic-Indic, Devanagari or full-width. Spaces, dashes
// and invisible marks of direction count for nothing, wherever they are: people group digits, and
// marks come along when text is copied. The error is a *problem.Error of code InvalidInput with the
// field "code". It quotes nothing of text.
func ParseProofCode(text string) (string, error) {
	digits := make([]byte, 0, ProofCodeLength)
	valid := len(text) <= MaxProofCode*utf8.UTFMax && utf8.RuneCountInString(text) <= MaxProofCode
	for _, r := range text {
		if !valid {
			break
		}
		value, isDigit := digitValue(r)
		switch {
		case isDigit && len(digits) < ProofCodeLength:
			digits = append(digits, '0'+value)
		case isDigit, !groupsDigits(r):
			valid = false
		}
	}
	if !valid || len(digits) != ProofCodeLength {
		return "", refusal([]problem.Field{fault("code", "digits")})
	}
	return string(digits), nil
}

// ValidProofCode reports whether code has the form that ParseProofCode returns.
func ValidProofCode(code string) bool {
	return len(code) == ProofCodeLength && !slices.ContainsFunc([]byte(code), func(c byte) bool { return c < '0' || c > '9' })
}

// digitValue returns the value of a decimal digit of any script. Unicode assigns the ten digits of
// a script one after the other from zero (The Unicode Standard, section 4.6), so every range of
// them holds whole scripts.
func digitValue(r rune) (value byte, isDigit bool) {
	if !unicode.IsDigit(r) {
		return 0, false
	}
	for _, run := range unicode.Nd.R16 {
		if lowest := rune(run.Lo); lowest <= r && r <= rune(run.Hi) {
			return byte((r - lowest) % 10), true
		}
	}
	for _, run := range unicode.Nd.R32 {
		if lowest := rune(run.Lo); lowest <= r && r <= rune(run.Hi) {
			return byte((r - lowest) % 10), true
		}
	}
	return 0, false
}

// groupsDigits reports whether r may stand between the digits of a proof code, or around them.
func groupsDigits(r rune) bool {
	switch r {
	case '\u2212', // the minus sign, which is not a dash by category
		'\u30fc', '\uff70', // the long vowel marks, for which Japanese keyboards have the key of the dash
		'\u00ad', '\u200b', '\u2060', '\ufeff': // what is copied with text that may be wrapped, or with a file
		return true
	}
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Bidi_Control)
}
