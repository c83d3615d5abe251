package signin

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// awayLifetime is how long a person may be at the provider.
	awayLifetime = 10 * time.Minute
	// clockSkew is how far the clock of the instance that sent the person away may run ahead of
	// this one's.
	clockSkew = 5 * time.Minute
	// maxPath is the longest path to return to, in bytes.
	maxPath = 512
)

// away is a person's sign-in that is under way. It is kept in the person's own browser only.
//
// State, nonce and verifier are HMACs by the secret of the other parts. A change of what the
// browser holds also changes the state, and the provider's answer does not fit any more. This needs
// no key of ours, so there is no secret that all instances share.
type away struct {
	secret [32]byte
	at     int64  // Unix seconds
	to     string // where to return
}

// newAway begins a sign-in.
func newAway(random io.Reader, now time.Time, to string) (away, error) {
	a := away{at: now.Unix(), to: to}
	_, err := io.ReadFull(random, a.secret[:])
	if err != nil {
		return away{}, fmt.Errorf("making the secret of a sign-in: %w", err)
	}
	return a, nil
}

// derive returns what is derived for a use: 43 characters that nobody without the secret can guess.
func (a away) derive(use string) string {
	mac := hmac.New(sha256.New, a.secret[:])
	fmt.Fprintf(mac, "%s\n%d\n%s", use, a.at, a.to)
	return encoding.EncodeToString(mac.Sum(nil))
}

func (a away) state() string    { return a.derive("state") }
func (a away) nonce() string    { return a.derive("nonce") }
func (a away) verifier() string { return a.derive("verifier") }

// isState reports whether the text is the state.
func (a away) isState(text string) bool { return same(text, a.state()) }

// late reports whether too much time has passed.
func (a away) late(now time.Time) bool {
	age := now.Sub(time.Unix(a.at, 0))
	return age > awayLifetime || age < -clockSkew
}

// encoding has one spelling for each value.
var encoding = base64.RawURLEncoding.Strict()

// text returns the value of the cookie without its prefix.
func (a away) text() string {
	return encoding.EncodeToString(a.secret[:]) + "." + strconv.FormatInt(a.at, 10) + "." + encoding.EncodeToString([]byte(a.to))
}

// parseAway reads what text has returned, and nothing else.
func parseAway(text string) (a away, valid bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > maxCookie {
		return away{}, false
	}
	secret, ofSecret := encoding.DecodeString(parts[0])
	at, ofTime := strconv.ParseInt(parts[1], 10, 64)
	to, ofPath := encoding.DecodeString(parts[2])
	if ofSecret != nil || ofTime != nil || ofPath != nil || len(secret) != len(a.secret) {
		return away{}, false
	}
	a = away{[32]byte(secret), at, string(to)}
	if a.text() != text || returnPath(a.to) != a.to {
		return away{}, false
	}
	return a, true
}

// same compares secrets in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// The paths of the review pages.
const (
	Root          = "/reviews" // the start page, and the path below which all others are
	PathSignIn    = Root + "/sign-in"
	PathBack      = Root + "/signed-in" // the redirect URI, behind the origin
	PathSignOut   = Root + "/sign-out"
	PathSignedOut = Root + "/signed-out"
)

// returnPath returns the text if it is the path of a review page that a person can return to, else
// the start page.
func returnPath(text string) string {
	below := text == Root || strings.HasPrefix(text, Root+"/")
	// Browsers take a backslash for a slash, and percent-encoding can hide either.
	unfit := strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`\?#%`, c) })
	own := slices.Contains([]string{PathSignIn, PathBack, PathSignOut, PathSignedOut}, text)
	if !below || unfit || own || len(text) > maxPath || path.Clean(text) != text {
		return Root
	}
	return text
}
