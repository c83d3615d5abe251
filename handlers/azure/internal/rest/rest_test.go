package rest

import (
	"strings"
	"testing"

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
