// Command localhost runs the whole road on one machine: the storage emulator with its data on disk, a stand-in for Microsoft Graph, and the
// handler behind a host that reads the same host.json and function.json files as Azure does.
//
//	localhost [flags]
//
// When everything answers it prints one line, "ready" and the address of the form, on standard output. Logs go to standard error and to
// .local/run.log, the addresses of the run to .local/run.json. Ctrl-C or SIGTERM stops everything; no part survives it, however it ends.
//
// With -no-host it runs everything but the handler and its host, for Azure Functions Core Tools to be the host.
package main
