// Package graph implements the directory, and a mailer, by Microsoft Graph. It is the only package
// that imports the Graph SDK.
//
//	client.go    the client, invitations and members     errors.go    failures of calls
//	users.go     searches for users                      refusals.go  what Graph's words mean
//	lookup.go    groups and sponsors by id               wire.go      middleware below the SDK
//	permissions  what the app may do                     objects.go   bodies and answers
//	sendmail.go  mails from a mailbox            memberships  the groups of a person who signs in
//	people.go    who people are who decide
//
// Every failure becomes a *problem.Error here that is safe to print: errors of the SDK can hold
// redeem URLs, lose the HTTP status, or panic while they are printed.
//
// It must not know requests, policy rows or tables; it implements the ports of package request
// and imports nothing of the command line. It imports only azure/identity,
// azure/internal/mailing, azure/internal/rest, policy, problem, request and submission of this
// module.
package graph
