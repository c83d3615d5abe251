// Package signin signs people in to the review pages, by OpenID Connect with the tenant of
// Microsoft Entra, and keeps their sessions.
//
//	GET  /reviews/sign-in    cookie a.…  ──▶ the provider's page
//	GET  /reviews/signed-in  ◀── code    ──▶ token endpoint: code, verifier, assertion
//	                                     ──▶ groups, with the access token, which is then dropped
//	                         cookie s.…      the session is stored
//	POST /reviews/sign-out   no cookie       the session is removed
//	GET  /reviews/signed-out                 says so
//
// There is one cookie, because the Functions host passes one. While a person is at the provider it
// holds one secret, the time and where to return; state, nonce and verifier are derived from all
// three (away.go). So an answer counts only in the browser that asked for it, once, for ten
// minutes, and for that page. After sign-in the cookie holds the id of a new session; no id that
// was there before is ever used.
//
// Nothing is asked at start: the provider's addresses follow from the tenant's id, and its keys are
// fetched when the first token is verified.
//
// A page calls [SignIn.Session] and decides what the person may do. It must not know how authority
// is decided, nor any page, table or SDK of Azure. It imports only problem, web/problemdetails,
// web/session and web/site of this module.
package signin
