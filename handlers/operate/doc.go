// Package operate is what an admin asks and does from outside the app: look at policy rows and
// requests, explain and replay decisions, change rows to what a file says, and check a
// deployment.
//
//	rows      List, Show        explain  Explain          plan     NewPlan ─▶ Apply
//	requests  ListRequests,     replay   NewReplay        doctor   Check…
//	          ShowRequest       breaker  NewBreaker       approve  TermsFor
//	                            mailbox  NewMailbox
//
// Every answer is a value with JSON tags; the command line prints it as JSON or as text, and the
// review pages show some.
// Decisions come from [request.Decider], as for real submissions. A new policy column needs no
// change here.
//
// Answers can hold addresses: they are for the admin, not for a log. The package must not know
// where rows and requests are kept, nor how the admin asks. It imports only i18n, policy,
// policy/lint, policy/rowfile, problem, request and submission of this module.
package operate
