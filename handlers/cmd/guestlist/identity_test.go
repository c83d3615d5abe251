package main

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/azure/tables"
)

// signIn is a credential that gives one token for storage.
type signIn struct{ token string }

func (s signIn) GetToken(_ context.Context, options azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	if s.token == "" || len(options.Scopes) != 1 || options.Scopes[0] != storageScope {
		return azcore.AccessToken{}, errors.New("no token")
	}
	return azcore.AccessToken{Token: s.token}, nil
}

func TestADecisionIsRecordedUnderTheSignIn(t *testing.T) {
	s := &session{ctx: t.Context()}
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"upn":"desk@contoso.com","oid":"o1"}`)) + ".x"
	name, err := s.whoami(place{config: tables.Config{Credential: signIn{token}}})
	if err != nil || name != "desk@contoso.com [o1]" {
		t.Errorf("%q, %v", name, err)
	}
	for _, bad := range []string{"", "opaque"} {
		name, err = s.whoami(place{config: tables.Config{Credential: signIn{bad}}})
		if err == nil {
			t.Errorf("without a token that says who it is, %q decides", name)
		}
	}
	name, err = s.whoami(place{})
	if err != nil || !strings.HasSuffix(name, localMark) || name == localMark {
		t.Errorf("beside a local run: %q, %v", name, err)
	}
}

func TestWhoseATokenIs(t *testing.T) {
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
		c, err := readClaims(token)
		if err == nil {
			got, err = c.name()
		}
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "ana") {
			t.Errorf("%s: the error quotes the token: %v", name, err)
		}
	}
	for _, token := range []string{"", "a.b", "a.!.c"} {
		_, err := readClaims(token)
		if err == nil {
			t.Errorf("%q is read as a token", token)
		}
	}
}

func TestTheQueueServiceStandsBesideTheTables(t *testing.T) {
	for tables, queues := range map[string]string{
		"https://contoso.table.core.windows.net":       "https://contoso.queue.core.windows.net",
		"https://contoso.table.core.chinacloudapi.cn/": "https://contoso.queue.core.chinacloudapi.cn/",
		"https://table.table.core.windows.net":         "https://table.queue.core.windows.net",
	} {
		if got := queueAddress(tables); got != queues {
			t.Errorf("%s: %s, want %s", tables, got, queues)
		}
	}
}
