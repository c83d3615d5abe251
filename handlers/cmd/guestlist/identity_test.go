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
)

// signIn is a credential that gives one token for storage.
type signIn struct{ token string }

func (s signIn) GetToken(_ context.Context, options azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	if s.token == "" || len(options.Scopes) != 1 || options.Scopes[0] != identity.StorageScope {
		return azcore.AccessToken{}, errors.New("no token")
	}
	return azcore.AccessToken{Token: s.token}, nil
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
