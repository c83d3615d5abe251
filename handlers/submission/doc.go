// Package submission is what a partner sent: its fields, the rules that they must keep, its id, and the
// form in which it crosses the queue.
//
// The public form and the worker behind the queue check by the same code, because whoever can write to the
// queue can write anything: a decoded [Message] has been checked as if it had come from the form.
//
// It must not know pages, policy, tables, Graph or the Functions host.
package submission
