// Command localhost runs everything on one machine: the storage emulator with its data on disk, a
// stand-in for Microsoft Graph, and the handler behind a host that reads the same host.json and
// function.json files as Azure does.
//
//	localhost [flags]
//
// When everything answers, it prints one line on standard output: "ready" and the address of the
// form. Logs go to standard error and to .local/run.log, the addresses to .local/run.json. Ctrl-C
// or SIGTERM stops everything. No part outlives this program, however it ends.
//
// With -no-host it starts neither handler nor host, so that Azure Functions Core Tools can be the
// host.
//
// It imports only azure/tables, dev/azurite, dev/graphsim, dev/hostsim, dev/internal/subprocess,
// policy, settings and submission of this module.
package main
