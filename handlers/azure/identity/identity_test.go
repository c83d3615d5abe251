package identity

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestManagedIdentityNeedsItsClientID(t *testing.T) {
	for id, ok := range map[string]bool{"33333333-3333-4333-8333-333333333333": true, "": false, "guestlist-identity": false} {
		credential, err := Managed(id)
		if (err == nil) != ok || (credential != nil) != ok {
			t.Errorf("%q: %v, %v", id, credential, err)
		}
		if err != nil && !strings.Contains(err.Error(), "client id") {
			t.Errorf("%q: %v does not say what is missing", id, err)
		}
	}
}

func TestClaimsNameTheirHolder(t *testing.T) {
	tests := map[string]struct{ payload, want string }{
		"a person":                {`{"upn":"ana@contoso.com","oid":"o1","appid":"cli"}`, "ana@contoso.com [o1]"},
		"a guest":                 {`{"unique_name":"live.com#ana@example.com","oid":"o1"}`, "live.com#ana@example.com [o1]"},
		"of the second version":   {`{"preferred_username":"ana@contoso.com","oid":"o1"}`, "ana@contoso.com [o1]"},
		"a pipeline":              {`{"appid":"a1","oid":"o1"}`, "app a1 [o1]"},
		"nothing but the object":  {`{"oid":"o1"}`, "o1"},
		"nothing but the name":    {`{"upn":"ana@contoso.com"}`, "ana@contoso.com"},
		"nobody":                  {`{}`, ""},
		"no JSON":                 {`ana`, ""},
		"another type than usual": {`{"upn":7}`, ""},
	}
	for name, test := range tests {
		token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(test.payload)) + ".x"
		got := ""
		c, err := ParseClaims(token)
		if err == nil {
			got, err = c.Name()
		}
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "ana") {
			t.Errorf("%s: the error quotes the token: %v", name, err)
		}
	}
	for _, token := range []string{"", "a.b", "a.!.c"} {
		_, err := ParseClaims(token)
		if err == nil {
			t.Errorf("%q is read as a token", token)
		}
	}
}
