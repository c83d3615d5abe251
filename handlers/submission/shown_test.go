package submission

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShownLine(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"plain":                        {"Project Tulip – readers", "Project Tulip – readers"},
		"empty":                        {"", ""},
		"invisible only":               {"\u200b\u202e \u2066\u00ad", ""},
		"spaces and line breaks":       {"  a\r\nb\t c\u00a0\u2028d\u3000 e ", "a b c d e"},
		"bidirectional controls":       {"\u202egnikaM\u202c Sales\u2066x\u2069\u200f", "gnikaM Salesx"},
		"controls":                     {"a\x00b\x1b[31mc\x7f", "ab[31mc"},
		"tag characters":               {"Sales\U000e0041\U000e0042", "Sales"},
		"no UTF-8":                     {"Sales\xff\xfe", "Sales\ufffd"},
		"decomposed":                   {"Cafe\u0301", "Café"},
		"a joiner that belongs":        {"می\u200cخواهم", "می\u200cخواهم"},
		"a joiner that does not":       {"Sa\u200cles", "Sales"},
		"an emoji and its style":       {"☎\ufe0f Hotline", "☎\ufe0f Hotline"},
		"heaps of marks":               {"a" + strings.Repeat("\u0335", 60) + "b", "a" + strings.Repeat("\u0335", 4) + "b"},
		"markup stays text":            {`"><script>alert(1)</script>`, `"><script>alert(1)</script>`},
		"as long as may be":            {strings.Repeat("ü", 40), strings.Repeat("ü", 40)},
		"longer":                       {strings.Repeat("ü", 41), strings.Repeat("ü", 39) + "…"},
		"longer by a word":             {strings.Repeat("ü", 38) + " more", strings.Repeat("ü", 38) + "…"},
		"very long":                    {strings.Repeat("界", 100_000), strings.Repeat("界", 39) + "…"},
		"very long and nothing to see": {strings.Repeat("\u202e", 100_000) + "x", ""},
	} {
		got := ShownLine(test.text, 40)
		if got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
		if again := ShownLine(got, 40); again != got {
			t.Errorf("%s: shown again it is %q after %q", name, again, got)
		}
	}
}

func FuzzShownLine(f *testing.F) {
	for _, text := range []string{"Sales", "\u202eab\u0301\u200c\xff", "می\u200cخواهم", "a\u0335\u0335\u0335\u0335\u0335\u0335"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := ShownLine(text, 20)
		if utf8.RuneCountInString(line) > 20 || !utf8.ValidString(line) || strings.TrimSpace(line) != line {
			t.Errorf("%q is shown as %q", text, line)
		}
		if strings.ContainsAny(line, "\n\r\t\x00\x1b\u202a\u202b\u202d\u202e\u202c\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\u2028\u2029") {
			t.Errorf("%q is shown as %q", text, line)
		}
	})
}
