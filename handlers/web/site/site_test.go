package site

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPreferredFormat(t *testing.T) {
	tests := map[string]bool{
		"": false, "*/*": false, "text/html": false, "application/json": true, "application/problem+json": true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": false,
		"application/json, text/html;q=0.9":                               true,
		"application/json;q=0.5, text/html":                               false,
		"application/json;q=0":                                            false,
		"application/json;q=x":                                            false,
		"application/json, */*":                                           true,
		strings.Repeat("application/json,", 100):                          false,
		";;;":                                                             false,
	}
	for accept, want := range tests {
		r := httptest.NewRequest(http.MethodGet, "/signup", nil)
		r.Header.Set("Accept", accept)
		if got := preferred(r) == JSON; got != want {
			t.Errorf("%q: %t, want %t", accept, got, want)
		}
	}
}
