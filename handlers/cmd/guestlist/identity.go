package main

import (
	"os/user"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/azure/identity"
)

// localMark follows the name of a user of a local run, who is not signed in.
const localMark = " (on this machine, not signed in)"

// whoami returns the name under which decisions are recorded: of the sign-in or a local user.
func (s *session) whoami(at place) (string, error) {
	if at.config.Credential == nil {
		current, err := user.Current()
		if err != nil {
			return "", err
		}
		return current.Username + localMark, nil
	}
	return signedIn(s, at.config.Credential)
}

func signedIn(s *session, credential azcore.TokenCredential) (string, error) {
	token, err := credential.GetToken(s.ctx, azpolicy.TokenRequestOptions{Scopes: []string{identity.StorageScope}})
	if err != nil {
		return "", err
	}
	claims, err := identity.ParseClaims(token.Token)
	if err != nil {
		return "", err
	}
	return claims.Name()
}
