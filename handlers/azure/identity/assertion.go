package identity

import (
	"context"
	"fmt"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Assertions gives the assertions with which an app registration signs in, in place of a secret:
// tokens of a managed identity that the registration trusts by a federated credential
// (https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity).
type Assertions struct {
	credential azcore.TokenCredential
	scope      string
}

// NewAssertions returns the assertions of the user-assigned managed identity with that client id,
// for a registration in the cloud where people sign in at signInURL. It makes no call.
func NewAssertions(clientID, signInURL string) (*Assertions, error) {
	managed, err := Managed(clientID)
	if err != nil {
		return nil, err
	}
	return &Assertions{Marked(managed), exchangeScope(signInURL)}, nil
}

// exchangeScope returns the audience that a cloud has for assertions.
func exchangeScope(signInURL string) string {
	const public = "api://AzureADTokenExchange"
	host := ""
	u, err := url.Parse(signInURL)
	if err == nil {
		host = u.Hostname()
	}
	switch host {
	case "login.microsoftonline.us":
		return public + "USGov/.default"
	case "login.partner.microsoftonline.cn", "login.chinacloudapi.cn":
		return public + "China/.default"
	}
	return public + "/.default"
}

// Assertion returns an assertion. It is a token that counts for hours and often, and that the
// platform keeps, so two calls can return the same. The errors quote no token and no answer.
func (a *Assertions) Assertion(ctx context.Context) (string, error) {
	token, err := a.credential.GetToken(ctx, azpolicy.TokenRequestOptions{Scopes: []string{a.scope}})
	if err == nil {
		return token.Token, nil
	}
	status := RefusalStatus(err)
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("getting a token of the managed identity: %w", ctx.Err())
	case status != 0:
		return "", fmt.Errorf("getting a token of the managed identity: the platform answered %d", status)
	}
	return "", fmt.Errorf("getting a token of the managed identity: %w", err) // a TokenError
}
