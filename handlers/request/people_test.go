package request

import (
	"testing"

	"guestlist/handlers/submission"
)

func TestPersonHasAddress(t *testing.T) {
	person := Person{Addresses: []string{
		"ana@bücher.de", "ana_contoso.com#ext#@brand.onmicrosoft.com", "bo@contoso.com", "not an address",
		"mar\u212a@contoso.com", "\uff43y@contoso.com",
	}}
	for text, want := range map[string]bool{
		"bo@contoso.com":         true,
		"BO@Contoso.com":         true,
		"ana@xn--bcher-kva.de":   true,
		"ana@bücher.de":          true,
		"ana@contoso.com":        false,
		"bo@contoso.com.au":      false,
		"bo@eu.contoso.com":      false,
		"ana@xn--bcher-kva.info": false,
		"mark@contoso.com":       false,
		"cy@contoso.com":         false,
	} {
		address, err := submission.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := person.Has(address); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
	if (Person{Addresses: []string{""}}).Has(submission.Address{}) {
		t.Error("nobody's address is somebody's")
	}
}
