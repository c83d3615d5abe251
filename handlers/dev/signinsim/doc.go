// Package signinsim is a stand-in for the sign-in of Microsoft Entra, for tests and for the local
// run. A [Server] is one tenant behind HTTP:
//
//	/{tenant}/oauth2/v2.0/authorize   a page with people to be; remembers who was chosen
//	/{tenant}/oauth2/v2.0/token       code and assertion for an ID token and an access token
//	/{tenant}/oauth2/v2.0/logout      forgets who was chosen
//	/{tenant}/discovery/v2.0/keys     the keys that sign ID tokens
//	/v1.0/me/transitiveMemberOf       Microsoft Graph: the groups of the access token's person
//	/stand-in/identity                the managed identity's tokens, as App Service hands them out
//	/stand-in/faults                  faults to order ([Fault])
//
// Claims, paths and errors have Entra's shapes. It is strict: a redirect URI must be registered as
// it is, a code counts once, for ten minutes, with its redirect URI and its verifier, and an
// assertion must be of a credential of the client, addressed as the credential says, and not
// expired. An assertion with a jti counts once. The managed identity's tokens have none, as in
// Azure, where the platform hands out the same one for hours.
//
// PKCE by S256 is required of every client, which Entra requires of some.
//
// It must not import any other package of this program: what it accepts is what Entra accepts, not
// what we send. It imports nothing of this module.
package signinsim
