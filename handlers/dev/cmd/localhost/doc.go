// Command localhost runs everything on one machine: the storage emulator with its data on disk,
// stand-ins for Microsoft Graph, for Azure Communication Services, for the sign-in of Microsoft
// Entra and for what gets notices, and the handler behind a host that reads the same host.json and
// function.json files as Azure does.
//
//	localhost [flags]
//
// When everything answers, it prints four lines on standard output: "ready" with the address of the
// form, "mails" with that of the page that shows the mails of the run, "reviews" with that of the
// pages on which people decide, and "notices" with that of the page that shows what those people
// are told elsewhere than by mail. Logs go to standard error and to .local/run.log, the addresses
// to .local/run.json. Ctrl-C or SIGTERM stops everything. No part outlives this program, however it
// ends.
//
// With -no-host it starts neither handler nor host, so that Azure Functions Core Tools can be the
// host, and there is no line for reviews.
//
// It imports only azure/tables, dev/acssim, dev/azurite, dev/graphsim, dev/hostsim,
// dev/internal/subprocess, dev/noticesim, dev/signinsim, policy, request, settings and submission
// of this module.
package main
