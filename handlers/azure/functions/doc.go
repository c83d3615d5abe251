// Package functions implements the custom-handler protocol of the Azure Functions host.
//
// A program registers a handler for each function: an [http.Handler] for an HTTP trigger, a func
// for a queue or timer trigger. The host posts an envelope for each invocation:
//
//	POST /NAME  {"Data": {…}, "Metadata": {…}}        → request, message or tick → handler
//	200         {"Outputs": {"res": {…}, "QUEUE": …}} ← response and queue messages
//
// The package keeps the rules of the host that a handler could break:
//
//   - An answer is a non-empty JSON object, sent as application/json. The host hangs on an empty
//     answer and on null, and refuses other content types.
//   - Every result of a function travels in a 200. After another status the host drops the
//     outputs and retries a queue message.
//   - Paths match exactly and nothing redirects. The host would follow, and turn its POST into a
//     GET.
//   - All functions share one process, so a panic fails one invocation only.
//   - A failed invocation sends no outputs.
//   - Nothing of an envelope is logged, because it contains function keys.
//
// This is the only package to replace for another host.
//
// It must not know what the functions do. It imports only problem, submission and
// web/problemdetails of this module.
package functions
