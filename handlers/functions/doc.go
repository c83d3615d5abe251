// Package functions speaks the custom-handler protocol of the Azure Functions host, and nothing else.
//
// Business code registers plain handlers by function name: an http.Handler for an HTTP trigger, a func for a queue or timer trigger.
// This package turns envelopes into calls and results into envelopes, and keeps every rule of the host that a handler can break.
// A move to another host replaces this package alone.
//
// It must not know what the functions do.
package functions
