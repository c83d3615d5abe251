// Package functions speaks the custom-handler protocol of the Azure Functions host, and nothing else.
//
// Business code registers plain handlers by function name: an http.Handler for an HTTP trigger, a func for a queue or
// timer trigger. This package turns envelopes into calls and results into envelopes, and keeps every rule of the host
// that a handler can break:
//
//   - An answer is never empty, never null and always application/json: the host hangs on the first two and refuses anything else.
//   - What a function means to say travels as 200. Anything else makes the host throw away the outputs, and retry a queue message.
//   - Paths match exactly and nothing is redirected: the host would follow, and turn its POST into a GET.
//   - A panic fails one invocation and no other: all functions share one process.
//   - Outputs of an invocation that failed are not sent.
//   - Nothing of an envelope is logged: function keys travel in it.
//
// A move to another host replaces this package alone.
//
// It must not know what the functions do.
package functions
