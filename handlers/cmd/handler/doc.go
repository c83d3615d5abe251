// Command handler is the program that the Functions host starts. It listens, reads the settings,
// connects the parts and serves:
//
//	settings → tables, graph → workflow ─┬─▶ functions ◀── Functions host
//	settings → web: signup, status ──────┘
//
// It must not do the work of the packages that it connects, nor link policy/lint, policy/rowfile
// or anything below dev. It imports only azure/..., mail, problem, request, settings, submission,
// web/... and workflow of this module.
package main
