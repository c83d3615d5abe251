package policy

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"guestlist/handlers/submission"
)

// meant reports whether the partition key covers the address as typed. It shares no code with
// Partitions.
func meant(key, typed string) bool {
	typed = strings.ToLower(norm.NFC.String(strings.TrimSpace(typed)))
	if strings.Count(typed, "@") != 1 {
		return false
	}
	local, domain, _ := strings.Cut(typed, "@")
	if slices.ContainsFunc([]byte(domain), func(b byte) bool { return b >= 0x80 }) {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return false
		}
		domain = ascii
	}
	if local == "" || domain == "" || strings.HasSuffix(domain, ".") || strings.ContainsAny(typed, "\x00 \t\r\n\"()<>,;") {
		return false
	}
	switch {
	case key == "*":
		return true
	case strings.HasPrefix(key, "*."):
		below, found := strings.CutSuffix(domain, key[1:])
		return found && below != "" && !strings.HasSuffix(below, ".")
	case strings.Contains(key, "@"):
		return key == local+"@"+domain
	default:
		return key == domain
	}
}

func FuzzMatch(f *testing.F) {
	keys := []string{"*", "contoso.com", "*.contoso.com", "*.com", "ana@contoso.com", "eu.contoso.com", "xn--bcher-kva.com", "*.co.uk", "*contoso.com",
		"*.*.com", "**", "*.", ".", "", "contoso.com.", ".contoso.com", "@contoso.com", "*@contoso.com", "ana@*.com", "CONTOSO.com", "contoso.com\x00", "com"}
	typed := []string{"ana@contoso.com", " ANA@Contoso.COM\n", "bob@eu.contoso.com", "bob@a.b.c.contoso.com", "user@contoso.com.evil.example",
		"user@evil.example@contoso.com", "user@contoso.com@evil.example", "user@contoso.com.", "user@contoso.com..", "user@.contoso.com", "user@contoso.com\x00",
		"user@contoso.com\x00.evil.com", "user@notcontoso.com", "user@contoso.com-evil.com", "user@xn--cntoso-bdg.com", "user@cоntoso.com", "user@ｃontoso.com",
		"user@contoso。com", "user@*.contoso.com", "*@contoso.com", "user@*", "*", "user@" + strings.Repeat("a", 64) + ".contoso.com",
		"user@" + strings.Repeat("a", 63) + ".contoso.com", "user@" + strings.Repeat("a.", 9) + "contoso.com", "ana@bücher.com", "ana@BÜCHER.com",
		"ana@bu\u0308cher.com", "ana@xn--bcher-kva.com", "ana@contoso.com\u200b", "ana\u200b@contoso.com", "ana@con\u00adtoso.com", "\"ana@contoso.com\"@evil.com",
		"ana@contoso.com (x)", "<ana@contoso.com>", "ana@contoso.com,bob@evil.com", "ana@[127.0.0.1]", "a@b.co.uk", "@contoso.com", "ana@"}
	for _, key := range keys {
		for _, text := range typed {
			f.Add(key, text)
		}
	}
	f.Fuzz(func(t *testing.T, key, typed string) {
		r := Parse(Raw{Partition: key, Name: "a", Columns: map[string]any{"Action": "invite"}})
		a, err := submission.ParseAddress(typed)
		if err != nil {
			a = submission.Address{}
		}
		got := Decide(submission.Submission{Email: a}, []Row{r}, nil, now)
		matched := len(got.Looked) > 0
		switch {
		case matched && r.Faults != nil:
			if got.Action != Review {
				t.Fatalf("the faulty key %q decides %s on %q", key, got.Action, typed)
			}
		case matched && !meant(key, typed):
			t.Fatalf("the key %q is for %q, which it does not cover", key, typed)
		case !matched && err == nil && r.Faults == nil && meant(key, typed):
			t.Fatalf("the key %q is not for %q, which it covers", key, typed)
		case matched != (got.Action == Invite):
			t.Fatalf("looked at %v and decided %s", got.Looked, got.Action)
		}
	})
}
