// Package hostsim plays the Azure Functions host (version 4) towards a custom handler, on one machine, for tests and for the local run.
//
// It reads the very host.json and function.json files that Azure reads, starts the handler, listens to HTTP, queues and timers, and speaks
// the custom-handler protocol of Azure/azure-functions-host, with the real host's habits where a handler can trip over them: a body that a
// chunked request loses, base64 that is guessed, an empty answer that hangs until the timeout, a crash that fails whatever was in
// flight, SIGKILL and no warning at the end.
//
// It stands in for what this program uses: HTTP, queue and timer triggers, HTTP and queue outputs, the envelope. What it does not know
// (keys, forwarding, other bindings, identity-based connections, function-level retries, more than one instance) it refuses with an error
// from [New], where the real host would drop a function and say so in its log.
//
// It must not know what the functions do.
package hostsim
