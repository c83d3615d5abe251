// Package identity provides tokens: those of the app's managed identity, those of the Azure CLI's
// sign-in for the command line, and the assertions of an app registration. It reads the claims of
// a token and the failures of a credential. It is the only package that imports azidentity.
//
// It must not know what a token is for: no Graph, no tables. It imports only policy of this
// module.
package identity

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"guestlist/handlers/policy"
)

// StorageScope is the audience of tokens for storage, in every cloud
// (https://learn.microsoft.com/azure/storage/common/storage-auth-aad-app).
const StorageScope = "https://storage.azure.com/.default"

// cliTimeout is how long the Azure CLI may take to hand out a token: it starts slowly, and may
// have to renew its own token first.
const cliTimeout = 30 * time.Second

// Managed returns the credential of the user-assigned managed identity with that client id. It
// makes no call. An empty client id is an error, because it would mean the system-assigned
// identity.
func Managed(clientID string) (azcore.TokenCredential, error) {
	_, valid := policy.ParseGUID(clientID)
	if !valid {
		return nil, errors.New("the client id of the user-assigned managed identity is missing or is not a GUID")
	}
	options := azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(clientID)}
	credential, err := azidentity.NewManagedIdentityCredential(&options)
	if err != nil {
		return nil, fmt.Errorf("preparing the managed identity: %w", err)
	}
	return credential, nil
}

// AzureCLI returns the sign-in of the Azure CLI, once it has handed out a token for the scope.
// The error has one line.
func AzureCLI(ctx context.Context, scope string) (azcore.TokenCredential, error) {
	credential, err := azidentity.NewAzureCLICredential(nil)
	if err != nil {
		return nil, fmt.Errorf("preparing the sign-in by the Azure CLI: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, cliTimeout)
	defer cancel()
	_, err = credential.GetToken(ctx, azpolicy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		return nil, fmt.Errorf("signing in by the Azure CLI: %s", text)
	}
	return credential, nil
}

// Marked returns a credential whose failures are a *[TokenError], so that a caller can tell them
// from failures of the call that needs the token. An empty token is a failure too.
func Marked(credential azcore.TokenCredential) azcore.TokenCredential { return marked{credential} }

type marked struct{ credential azcore.TokenCredential }

func (m marked) GetToken(ctx context.Context, options azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := m.credential.GetToken(ctx, options)
	if err == nil && token.Token == "" {
		err = errors.New("the credential gave an empty token")
	}
	if err != nil {
		return azcore.AccessToken{}, &TokenError{err}
	}
	return token, nil
}

// TokenError is a failure to get a token. Its text says nothing of the cause, which holds raw
// HTTP answers.
type TokenError struct{ cause error }

func (*TokenError) Error() string { return "no token" }

// Unwrap returns the cause, for [RefusalStatus].
func (e *TokenError) Unwrap() error { return e.cause }

// RefusalStatus returns the HTTP status by which an identity endpoint refused a token, or 0 if
// err is not such a refusal. The error itself must not be printed: it quotes raw HTTP answers.
func RefusalStatus(err error) int {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) && failed.RawResponse != nil {
		return failed.RawResponse.StatusCode
	}
	return 0
}

// RefusalLasts reports whether a refusal with the status lasts until an admin changes something:
// the identity does not exist, or may not be used. Any other refusal may pass.
func RefusalLasts(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return true
	}
	return false
}

// Claims are the claims of a token that say who it identifies and what it permits.
type Claims struct {
	FullName  string   `json:"name"`
	UserName  string   `json:"upn"`
	Preferred string   `json:"preferred_username"`
	Unique    string   `json:"unique_name"`
	AppID     string   `json:"appid"`
	ObjectID  string   `json:"oid"`
	Roles     []string `json:"roles"`
}

// ParseClaims reads the claims of a token that a credential has just handed out. It does not
// check the signature, so a token from anywhere else must not be read by it. Its errors quote
// nothing of the token.
func ParseClaims(token string) (Claims, error) {
	unreadable := errors.New("the token can't be read")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, unreadable
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Claims{}, unreadable
	}
	var c Claims
	err = json.Unmarshal(payload, &c)
	if err != nil {
		return Claims{}, unreadable
	}
	return c, nil
}

// Person returns the object id and the name of the person that the token is for; ok is false
// for that of an app.
func (c Claims) Person() (id, name string, ok bool) {
	signIn := cmp.Or(c.UserName, c.Preferred, c.Unique)
	return c.ObjectID, cmp.Or(c.FullName, signIn, c.ObjectID), c.ObjectID != "" && signIn != ""
}

// Name returns a sign-in name and the object id, which stays unambiguous when names change.
func (c Claims) Name() (string, error) {
	name := cmp.Or(c.UserName, c.Preferred, c.Unique)
	if name == "" && c.AppID != "" {
		name = "app " + c.AppID
	}
	switch {
	case name == "" && c.ObjectID == "":
		return "", errors.New("the token names neither a user nor an app")
	case c.ObjectID == "":
		return name, nil
	case name == "":
		return c.ObjectID, nil
	}
	return name + " [" + c.ObjectID + "]", nil
}
