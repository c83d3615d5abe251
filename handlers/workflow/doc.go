// Package workflow moves requests on: from the queue to the directory.
//
// A message says "advance this request". A step loads the request, chooses the next effect, writes
// the intent, acts, and writes the receipt. Every step may run twice, at the same time or later,
// and the process may be killed between any two instructions: no submission is lost and nobody is
// invited twice. Waiting is a state with a due time in the store.
//
// It reaches the outside by the ports of package request only: it must not import Table Storage,
// Microsoft Graph, the Functions host or pages.
package workflow
