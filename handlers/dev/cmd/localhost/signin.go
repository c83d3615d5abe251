package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/signinsim"
	"guestlist/handlers/settings"
)

// The tenant of a local run, the app registration that people sign in to, and the identity that
// proves the app.
const (
	tenantID         = "77777777-7777-4777-8777-777777777771"
	registrationID   = "77777777-7777-4777-8777-777777777772"
	identityClientID = "77777777-7777-4777-8777-777777777773"
	principalID      = "77777777-7777-4777-8777-777777777774"
	// exchange is the audience of a federated credential in the public cloud.
	exchange = "api://AzureADTokenExchange"
	reviews  = "/reviews"
)

// signInStandIn forgets who has signed in when it ends.
var signInStandIn = standInKind{
	command: "sign-in-stand-in", name: "the sign-in stand-in", from: "sign-in", port: signInPort,
	serve: func(w whereabouts, log *slog.Logger) (http.Handler, error) {
		return signinsim.New(signinsim.Config{
			Tenant: tenantID, Identity: signinsim.Identity{ClientID: identityClientID, PrincipalID: principalID}, Log: log,
			Clients: []signinsim.Client{{
				ID: registrationID, RedirectURIs: []string{w.pages + reviews + "/signed-in", w.pages + reviews + "/signed-out"},
				Credentials: []signinsim.Credential{{Subject: principalID, Audience: exchange}},
			}},
		})
	},
}

// signInSettings returns the environment of a handler that signs people in with the stand-in.
func signInSettings(signIn, pages string) []string {
	return []string{
		settings.ReviewOrigin + "=" + pages, settings.SignInURL + "=" + signIn, settings.SignInTenant + "=" + tenantID,
		settings.SignInClientID + "=" + registrationID, settings.Reviewers + "=" + signinsim.ReviewersGroup,
		settings.Operators + "=" + signinsim.OperatorsGroup, settings.ClientID + "=" + identityClientID,
		// As App Service hands out tokens of a managed identity.
		"IDENTITY_ENDPOINT=" + signIn + "/stand-in/identity", "IDENTITY_HEADER=local",
	}
}

// colleagues returns those who can sign in, as users of the tenant with their groups, and the host
// of the sample rows.
func colleagues() ([]graphsim.User, []graphsim.Membership) {
	var users []graphsim.User
	var memberships []graphsim.Membership
	for _, p := range signinsim.People() {
		user := graphsim.User{
			ID: p.ID, DisplayName: p.Name, UserPrincipalName: p.UserName, UserType: "Member",
			// No mailbox can have the ending example, and the app writes to none.
			Mail: strings.TrimSuffix(p.UserName, ".example") + ".contoso.com",
		}
		if p.Guest {
			user.UserType, user.Mail = "Guest", ""
		}
		users = append(users, user)
		for _, group := range p.Groups {
			memberships = append(memberships, graphsim.Membership{GroupID: group, GuestID: p.ID})
		}
	}
	return append(users, host()), memberships
}

// withOwnGroups returns the tenant where people can also read which groups they are in, with the
// tokens that the sign-in stand-in has given them.
func withOwnGroups(tenant http.Handler, signIn string) (http.Handler, error) {
	address, err := url.Parse(signIn)
	if err != nil {
		return nil, fmt.Errorf("the address of the sign-in stand-in: %w", err)
	}
	own := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(address); r.Out.Host = r.In.Host }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1.0/me/") {
			own.ServeHTTP(w, r)
			return
		}
		tenant.ServeHTTP(w, r)
	}), nil
}
