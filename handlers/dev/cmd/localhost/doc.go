// Command localhost runs everything on one machine: the storage emulator with its data on disk,
// stand-ins for Microsoft Graph and for Azure Communication Services, and the handler behind a host
// that reads the same host.json and function.json files as Azure does.
//
//	localhost [flags]
//
// When everything answers, it prints two lines on standard output: "ready" with the address of the
// form, and "mails" with that of the page that shows the mails of the run. Logs go to standard
// error and to .local/run.log, the addresses to .local/run.json. Ctrl-C or SIGTERM stops
// everything. No part outlives this program, however it ends.
//
// With -no-host it starts neither handler nor host, so that Azure Functions Core Tools can be the
// host.
//
// It imports only azure/tables, dev/acssim, dev/azurite, dev/graphsim, dev/hostsim,
// dev/internal/subprocess, policy, settings and submission of this module.
package main
