package graph

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// fixedToken is a credential that always gives the same answer.
type fixedToken struct {
	text string
	err  error
}

func (f fixedToken) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if !slices.Equal(options.Scopes, []string{"https://graph.microsoft.com/.default"}) {
		return azcore.AccessToken{}, errors.New("asked for another audience")
	}
	return azcore.AccessToken{Token: f.text, ExpiresOn: time.Now().Add(time.Hour)}, f.err
}

func TestRoles(t *testing.T) {
	token := func(payload string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".x"
	}
	tests := map[string]struct {
		credential fixedToken
		want       []string
		code       problem.Code
	}{
		"two":               {fixedToken{token(`{"roles":["User.Read.All","User.Invite.All"]}`), nil}, []string{"User.Invite.All", "User.Read.All"}, ""},
		"none":              {fixedToken{token(`{}`), nil}, []string{}, ""},
		"an opaque token":   {fixedToken{"opaque", nil}, nil, request.DirectoryUnavailable},
		"a damaged token":   {fixedToken{"a.%.c", nil}, nil, request.DirectoryUnavailable},
		"no JSON":           {fixedToken{token(`x`), nil}, nil, request.DirectoryUnavailable},
		"no token":          {fixedToken{"", errors.New("identity endpoint said: secret")}, nil, request.DirectoryUnavailable},
		"roles of odd type": {fixedToken{token(`{"roles":"User.Read.All"}`), nil}, nil, request.DirectoryUnavailable},
	}
	for name, test := range tests {
		got, err := Roles(t.Context(), test.credential, "https://graph.microsoft.com/")
		if problem.CodeOf(err) != test.code || !slices.Equal(got, test.want) || (got == nil) != (test.want == nil) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestPermissionProbesHaveNoEffect(t *testing.T) {
	tenant, err := graphsim.New(graphsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(tenant)
	defer server.Close()
	client, err := New(Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	probes := map[string]func(context.Context) error{"User.Invite.All": client.MayInvite, "GroupMember.ReadWrite.All": client.MayAddMembers}
	lacking := map[string]problem.Code{"User.Invite.All": request.DirectoryForbidden, "GroupMember.ReadWrite.All": request.DirectoryGroupForbidden}
	for permission, probe := range probes {
		err = probe(t.Context())
		if err != nil {
			t.Errorf("%s is granted, and the probe returns %v", permission, err)
		}
		err = tenant.Deny(permission)
		if err != nil {
			t.Fatal(err)
		}
		err = probe(t.Context())
		if problem.CodeOf(err) != lacking[permission] {
			t.Errorf("%s is missing, and the probe returns %v", permission, err)
		}
		err = tenant.Deny()
		if err != nil {
			t.Fatal(err)
		}
		err = tenant.Order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodPost}, Times: 1, Status: 503})
		if err != nil {
			t.Fatal(err)
		}
		err = probe(t.Context())
		if problem.CodeOf(err) != request.DirectoryUnavailable {
			t.Errorf("the directory is down, and the probe of %s returns %v", permission, err)
		}
	}
	if len(tenant.Invitations()) != 0 || len(tenant.Memberships()) != 0 {
		t.Error("the probes changed the tenant")
	}
}
