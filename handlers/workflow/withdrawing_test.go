package workflow

import (
	"testing"

	"guestlist/handlers/submission"
)

func TestNamesMatchesExactAddress(t *testing.T) {
	address, err := submission.ParseAddress("a@contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]bool{
		`{"email":"a@contoso.com"}`:       true,
		`{"email":"A@Contoso.com"}`:       true,
		"a@contoso.com":                   true,
		"write to a@contoso.com.":         true,
		`{"reason":"hi\na@contoso.com"}`:  true,
		`{"email":"ana@contoso.com"}`:     false,
		`a@contoso.com.evil.example`:      false,
		`{"email":"an.a@contoso.com"}`:    false,
		`{"email":"o'a@contoso.com"}`:     false,
		`{"email":"a@contoso.community"}`: false,
		`{"email":"a@contosoXcom"}`:       false,
	} {
		if names([]byte(body), address) != want {
			t.Errorf("%s: want %v", body, want)
		}
	}
}
