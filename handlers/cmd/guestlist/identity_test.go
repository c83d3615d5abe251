package main

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/azure/identity"
	"guestlist/handlers/azure/tables"
	"guestlist/handlers/operate"
)

// signIn is a credential that gives one token for storage.
type signIn struct{ token string }

func (s signIn) GetToken(_ context.Context, options azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	if s.token == "" || len(options.Scopes) != 1 || options.Scopes[0] != identity.StorageScope {
		return azcore.AccessToken{}, errors.New("no token")
	}
	return azcore.AccessToken{Token: s.token}, nil
}

func TestVoteIsThatOfPersonWhoIsSignedIn(t *testing.T) {
	const oid = "aaaaaaaa-0000-4000-8000-000000000001"
	s := &session{ctx: t.Context()}
	tests := map[string]struct {
		claims string // of the token
		as     string
		want   operate.Voter
		says   string // why nobody votes
	}{
		"a person":          {`{"upn":"desk@contoso.com","name":"Dora Desk","oid":"` + oid + `"}`, "", operate.Voter{ID: oid, Name: "Dora Desk"}, ""},
		"without a name":    {`{"preferred_username":"desk@contoso.com","oid":"` + oid + `"}`, "", operate.Voter{ID: oid, Name: "desk@contoso.com"}, ""},
		"an app":            {`{"appid":"a1","oid":"` + oid + `"}`, "", operate.Voter{}, "not signed in as a person"},
		"no object id":      {`{"upn":"desk@contoso.com"}`, "", operate.Voter{}, "not signed in as a person"},
		"as somebody else":  {`{"upn":"desk@contoso.com","oid":"` + oid + `"}`, oid, operate.Voter{}, "--as is for local runs"},
		"an unreadable one": {`{`, "", operate.Voter{}, "can't be read"},
	}
	for name, test := range tests {
		token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(test.claims)) + ".x"
		got, err := voting{As: test.as}.voter(s, place{config: tables.Config{Credential: signIn{token}}})
		if got != test.want || (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// Beside a local run without a directory.
	got, err := voting{As: strings.ToUpper(oid)}.voter(s, place{})
	if err != nil || got.ID != oid || got.Name != oid+localMark {
		t.Errorf("beside a local run: %+v, %v", got, err)
	}
	_, err = voting{}.voter(s, place{})
	if err == nil || !strings.Contains(err.Error(), "--as") {
		t.Errorf("nobody votes, and %v", err)
	}
}

func TestDecisionIsRecordedUnderSignIn(t *testing.T) {
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
