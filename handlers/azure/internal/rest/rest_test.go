package rest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestString(t *testing.T) {
	for text, want := range map[string]string{
		"":                          `''`,
		"contoso.com":               `'contoso.com'`,
		"o'hara@contoso.com":        `'o''hara@contoso.com'`,
		"x' or PartitionKey ne '":   `'x'' or PartitionKey ne '''`,
		"'":                         `''''`,
		`\'`:                        `'\'''`,
		"x''' or PartitionKey ne '": `'x'''''' or PartitionKey ne '''`,
	} {
		got := String(text)
		if got != want {
			t.Errorf("String(%q) = %s, want %s", text, got, want)
		}
	}
}

// A literal holds the whole text and does not end early.
func TestStringIsOneLiteral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.OneOf(rapid.Just('\''), rapid.Rune())).Draw(t, "text")
		literal := String(text)
		inside, ok := strings.CutPrefix(literal, "'")
		if !ok {
			t.Fatalf("%q does not begin with a quote", literal)
		}
		var read strings.Builder
		for {
			before, after, found := strings.Cut(inside, "'")
			if !found {
				t.Fatalf("%q does not end", literal)
			}
			read.WriteString(before)
			if after == "" {
				break
			}
			inside, ok = strings.CutPrefix(after, "'")
			if !ok {
				t.Fatalf("%q ends early", literal)
			}
			read.WriteByte('\'')
		}
		if read.String() != text {
			t.Fatalf("%q reads as %q", literal, read.String())
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                              0,
		"soon":                          0,
		"1e9":                           0,
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"0":                             0,
		"-1":                            0,
		"86400":                         maxRetryAfter,
		"86401":                         maxRetryAfter,
		"9223372036854775807":           maxRetryAfter,
		"99999999999999999999":          maxRetryAfter,
		"-13835058055":                  0, // as nanoseconds, it overflows
		"-9223372036854775808":          0,
		"-99999999999999999999":         0,
		"Mon, 04 May 2026 12:01:00 GMT": time.Minute,
		"Mon, 04 May 2026 11:59:00 GMT": 0,
		"Mon, 04 May 2076 12:00:00 GMT": maxRetryAfter,
	}
	for text, want := range tests {
		if got := RetryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strconv.FormatInt(rapid.Int64().Draw(t, "seconds"), 10)
		got := RetryAfter(http.Header{"Retry-After": {text}}, time.Now())
		if got < 0 || got > maxRetryAfter {
			t.Fatalf("%s: %s", text, got)
		}
	})
}
