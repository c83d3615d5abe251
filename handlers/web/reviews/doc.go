// Package reviews has the pages on which people decide about requests that wait for them.
//
//	GET  /reviews            what waits for the person who is signed in
//	GET  /reviews/ID         a request, for the people who decide about it, reviewers and auditors
//	POST /reviews/ID         a vote ──▶ queue of decisions; 303 to the same page
//	     /reviews/search     requests by an address or a reference
//	     /reviews/history    what was decided, the newest first
//	     /reviews/policies   policy rows, with what is wrong with them; and /HASH one row
//	     /reviews/policies/replay  which sign-ups the rows would decide otherwise by now
//	     /reviews/explain    what would be decided on an address
//	     /reviews/operation  whether invitations are sent, and what upkeep has counted
//	     /reviews/orders/REFERENCE  what operators can order about a request
//	     /reviews/sign…      see package signin
//
// Those from search to orders are for people with a role.
//
// The pages read, and decide nothing: a vote, and an order of an operator, is a message that says
// who has said what about which request. The worker asks again who the person is and on what terms
// a guest would be invited, so a form has no field for either. Who may not see a request gets the
// same answer as for one that does not exist. Every route stands in one table, with who may call
// it.
//
// No address of a partner stands in the address of a page: what is searched for comes in the body
// of a form. Lists mask addresses, and lead to requests only for people who may open them.
//
// A person's session says what the directory said at sign-in, up to an hour ago. It decides what a
// page shows, and nothing else.
//
// It must not know tables, queues or the directory. It imports only operate, policy, policy/lint,
// problem, request, submission, web/session, web/signin and web/site of this module.
package reviews
