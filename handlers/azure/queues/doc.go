// Package queues puts messages on the app's storage queues, counts what is on them, and moves
// messages that are stuck. It is for what an output binding of the Functions host can't do: to
// delay a message, and to write one although the function fails.
//
// It must not know what a message means. It imports only azure/internal/rest, problem and
// submission of this module.
package queues
