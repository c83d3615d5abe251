// Package rest is what Microsoft Graph and Table Storage have in common over HTTP: string
// literals of OData, Retry-After, and which words of a service may be repeated in a log.
//
// It must not know either service. It imports nothing of this module.
package rest

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// String returns text as a string literal of an OData expression. Without the doubled quotes a
// text could end the literal and go on as an expression of its own.
func String(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// maxRetryAfter bounds how long a server can make a caller wait.
const maxRetryAfter = 24 * time.Hour

// RetryAfter reads the header Retry-After, seconds or a date, as a duration between 0 and 24
// hours. It is 0 where the header is missing or can't be read.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		// Compared before multiplying, which could overflow.
		if seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return max(0, time.Duration(seconds)*time.Second)
	}
	if errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(text, "-") {
		return maxRetryAfter
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(0, date.Sub(now)), maxRetryAfter)
}

// identifier is what an error code or a request id looks like. The length is checked separately:
// a counted repetition takes long to compile, at every start of the program.
var identifier = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

const maxIdentifier = 64

// Identifier returns a service's error code or request id if it looks like one, else "": other
// text of a service may hold personal data and is not repeated.
func Identifier(text string) string {
	if len(text) > maxIdentifier || !identifier.MatchString(text) {
		return ""
	}
	return text
}
