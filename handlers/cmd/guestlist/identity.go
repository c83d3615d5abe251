package main

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os/user"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// localMark stands behind the name of somebody who did not sign in: whoever works on a local run.
const localMark = " (on this machine, not signed in)"

// claims are the parts of a token that say whose it is, and what it allows. The token was just handed out to us by the sign-in, and storage checks
// it before anything is written, so its signature is not checked here.
type claims struct {
	UserName  string   `json:"upn"`
	Preferred string   `json:"preferred_username"`
	Unique    string   `json:"unique_name"`
	AppID     string   `json:"appid"`
	ObjectID  string   `json:"oid"`
	Roles     []string `json:"roles"`
}

func readClaims(token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, errors.New("the token is none that says whose it is")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims{}, errors.New("the token can't be read")
	}
	var c claims
	err = json.Unmarshal(payload, &c)
	if err != nil {
		return claims{}, errors.New("the token can't be read")
	}
	return c, nil
}

// name returns who the claims are of: a name to sign in with and the object id, which no later change of names makes ambiguous.
func (c claims) name() (string, error) {
	name := cmp.Or(c.UserName, c.Preferred, c.Unique)
	if name == "" && c.AppID != "" {
		name = "app " + c.AppID
	}
	switch {
	case name == "" && c.ObjectID == "":
		return "", errors.New("the token does not say whose it is")
	case c.ObjectID == "":
		return name, nil
	case name == "":
		return c.ObjectID, nil
	}
	return name + " [" + c.ObjectID + "]", nil
}

// whoami returns under which name a decision is recorded: that of the sign-in, or that of the machine's user beside a local run.
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
	token, err := credential.GetToken(s.ctx, azpolicy.TokenRequestOptions{Scopes: []string{storageScope}})
	if err != nil {
		return "", err
	}
	c, err := readClaims(token.Token)
	if err != nil {
		return "", err
	}
	return c.name()
}
