// Package invite advances requests: one state machine between the queue and the directory.
//
// A message says "advance this request". A step loads the request, chooses the next effect, writes the intent, acts, and
// writes the receipt. Every step may run twice, at the same time or later, and the process may be killed between any two
// instructions: no submission is lost and nobody is invited twice. Waiting is a state with a due time in the store; nothing sleeps
// for long in here.
//
// It declares the small interfaces that it needs ([Store], [Rows], [Directory]); it must not know Table Storage, Microsoft
// Graph, the Functions host or pages.
package workflow
