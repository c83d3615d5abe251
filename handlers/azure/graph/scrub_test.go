package graph

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestScrubbedMessage(t *testing.T) {
	private := []string{"ana@contoso.com", "Ana Silva", "https://portal.example.com/start"}
	tests := map[string]struct{ message, want string }{
		"nothing":             {"", ""},
		"plain words":         {"Insufficient privileges to complete the operation.", "Insufficient privileges to complete the operation."},
		"a GUID":              {"Resource 'aaaaaaaa-0000-4000-8000-000000000001' does not exist.", "Resource 'aaaaaaaa-0000-4000-8000-000000000001' does not exist."},
		"the address":         {"User ana@contoso.com exists", "User [removed] exists"},
		"in capitals":         {"User ANA@CONTOSO.COM exists", "User [removed] exists"},
		"another address":     {"User 'bo@contoso.com' exists", "User [removed] exists"},
		"a name":              {"User Ana Silva exists", "User [removed] exists"},
		"a principal name":    {"User bo_contoso.com#EXT#@x.onmicrosoft.com exists", "User [removed] exists"},
		"half of one":         {"User ana_contoso.com exists", "User [removed] exists"},
		"an encoded address":  {"User bo%40contoso.com exists", "User [removed] exists"},
		"a hidden separator":  {"User bo\u200b@\u200bcontoso.com exists", "User [removed] exists"},
		"a wide separator":    {"User bo＠contoso.com exists", "User [removed] exists"},
		"a link":              {"See https://login.microsoftonline.com/redeem?rd=x now", "See [removed] now"},
		"a link without http": {"See login.microsoftonline.com/redeem?rd=x now", "See [removed] now"},
		"the redirect":        {"Bad https://portal.example.com/start given", "Bad [removed] given"},
		"a token":             {"Token eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiIwMDAwMDAwMyJ9.c2ln is bad", "Token [removed] is bad"},
		"a short token":       {"Header 'Bearer abc' is bad", "Header 'Bearer [removed] is bad"},
		"several lines":       {"One.\r\n\tTwo.\x1b[31m\x00", "One. Two.[31m"},
		"no UTF-8":            {"One \xff two", "One two"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := scrubbed(test.message, private); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestScrubbedMessageHoldsNoSecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		message := rapid.String().Draw(t, "before") + rapid.StringMatching(`[a-z.]{1,30}@[a-z]{1,30}\.com`).Draw(t, "address") +
			rapid.String().Draw(t, "after")
		got := scrubbed(message, []string{name, ""})
		if strings.Contains(got, "@") || strings.ContainsAny(got, "\r\n\x00\x1b") || !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxText {
			t.Fatalf("%q of %q", got, message)
		}
	})
}

func TestScrubbingInvalidNameDoesNotPanic(t *testing.T) {
	if got := scrubbed("User \ufffd( exists", []string{"\xff("}); got != "User [removed] exists" {
		t.Errorf("%q", got)
	}
}
