package submission

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"guestlist/handlers/problem"
)

// TestStoredAddressesOutliveStricterRules reads addresses that some version of the form took, or
// may have taken.
func TestStoredAddressesOutliveStricterRules(t *testing.T) {
	for name, text := range map[string]string{
		"an ordinary one":                          "ana@contoso.com",
		"a domain that the suffix list lost":       "ana@contoso.notanymore",
		"a domain that became a public suffix":     "ana@co.uk",
		"a character that is not allowed any more": "ana+guest@contoso.com",
		"a deeper domain":                          "ana@a.b.c.d.e.f.g.h.i.j.k.contoso.com",
		"a domain of one part":                     "ana@localhost",
		"dots that are refused":                    "ana..silva.@contoso.com",
		"a name that looks like another":           "ana@xn--80ak6aa92e.com",
		"the longest":                              strings.Repeat("a", 200) + "@" + strings.Repeat("b", MaxAddress-201),
	} {
		t.Run(name, func(t *testing.T) {
			address, err := StoredAddress(text)
			if err != nil || address.String() != text || address.Domain() == "" || address.Masked() == "" {
				t.Errorf("%q, masked %q: %v", address, address.Masked(), err)
			}
		})
	}
}

func TestWhatIsNoStoredAddressIsUnreadable(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                "",
		"no @":                   "the boss",
		"nothing before the @":   "@contoso.com",
		"nothing behind the @":   "ana@",
		"two @":                  "ana@contoso@com",
		"a capital":              "Ana@contoso.com",
		"a space":                "ana @contoso.com",
		"a line end":             "ana@contoso.com\n",
		"a zero byte":            "ana@contoso.com\x00",
		"letters beyond ASCII":   "ana@bücher.de",
		"bytes that are no text": "ana@contoso.com\xff",
		"too long":               strings.Repeat("a", MaxAddress) + "@contoso.com",
	} {
		t.Run(name, func(t *testing.T) {
			address, err := StoredAddress(text)
			if problem.CodeOf(err) != problem.RecordUnreadable || address != (Address{}) {
				t.Errorf("got %q, %v", address, err)
			}
			if err != nil && len(text) > 4 && strings.Contains(err.Error(), text[:4]) {
				t.Errorf("the error repeats the address: %v", err)
			}
		})
	}
}

func TestEveryAddressOfTheFormIsReadBack(t *testing.T) {
	taken := func(text string) bool {
		_, err := ParseAddress(text)
		return err == nil
	}
	texts := rapid.OneOf(
		rapid.StringMatching(`[!-~]{1,4}@[A-Za-z0-9-]{1,10}\.com`),
		rapid.StringMatching(`[A-Za-z0-9_]{1,10}@[A-Za-z0-9]{1,10}\.(com|de|ελ)`),
	).Filter(taken)
	rapid.Check(t, func(t *rapid.T) {
		address, err := ParseAddress(texts.Draw(t, "address"))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := StoredAddress(address.String())
		if err != nil || stored != address {
			t.Errorf("%q is read back as %q: %v", address, stored, err)
		}
	})
}

func TestStoredIDs(t *testing.T) {
	for text, ok := range map[string]bool{
		strings.Repeat("0", unsignedLength): true,
		strings.Repeat("v", signedLength):   true,
		strings.Repeat("0", 60):             true, // of a version to come
		strings.Repeat("0", 8):              true,
		strings.Repeat("0", 7):              false,
		strings.Repeat("0", 65):             false,
		strings.Repeat("w", signedLength):   false,
		strings.Repeat("A", signedLength):   false,
		"":                                  false,
		"' or PartitionKey ne '":            false,
		"../../../etc":                      false,
	} {
		id, err := StoredID(text)
		if ok != (err == nil) || ok && string(id) != text || !ok && problem.CodeOf(err) != problem.NotFound {
			t.Errorf("%q: got %q, %v", text, id, err)
		}
	}
}
