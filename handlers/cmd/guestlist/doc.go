// Guestlist is the admin's command line. It shows and lints policy rows, explains and replays
// their decisions, and changes them from a CSV file. With it, people decide on requests, retry
// what failed, open and close the circuit breaker, replay dead letters, and check a deployment.
//
// It signs in with the Azure CLI, or uses the storage of a local run. The commands do what
// package operate offers; this package has their grammar, the connection to a deployment, and the
// output.
//
// It imports only azure/acs, azure/channels, azure/functions/functionjson, azure/graph,
// azure/identity, azure/queues, azure/tables, branding, i18n, mail, operate, policy/..., problem,
// request, review, settings, submission and web of this module.
package main
