// Package hostsim simulates the Azure Functions host (version 4) on one machine, for tests and for
// the local run.
//
// It reads the host.json and function.json files that Azure reads, starts the handler, listens to
// HTTP, queues and timers, and speaks the custom-handler protocol of Azure/azure-functions-host:
//
//	HTTP  ──┐
//	queue ──┼─▶ envelope ─▶ POST to the handler ─▶ result ─▶ HTTP response, queue messages
//	timer ──┘
//
// It reproduces the behaviour of the real host that can break a handler: it loses the body of a
// chunked request, refuses long request lines and headers, decodes paths and encodes them anew,
// takes a query parameter "code" for a function key, answers "/" itself, gives every answer a
// charset, guesses base64, hangs on an empty answer until the timeout, fails all running
// invocations when the handler crashes, ends the handler with SIGKILL, hides what fails on a queue
// for dead letters, and stops when a queue forbids or refuses to be read.
//
// It supports HTTP, queue and timer triggers and HTTP and queue outputs. [New] returns an error for
// what it does not support (keys, forwarding, other bindings, identity-based connections,
// function-level retries), where the real host would log it and drop the function.
//
// It must not know what the functions do. It imports only azure/functions/functionjson and
// dev/internal/subprocess of this module.
package hostsim
