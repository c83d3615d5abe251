// Package submission is what a partner sent: its fields and their rules, its address, its id, and
// the queue message that carries it. It also reads the proof code that a partner types.
//
//	form ─▶ Input ─▶ Submission ─▶ Message ─▶ JSON on the queue ─▶ DecodeMessage ─▶ Message
//
// The form and [DecodeMessage] apply the same rules, because anybody who can write to the queue
// can write any message.
//
// It does no I/O, and must not know pages, policy, tables, Graph or the Functions host. It
// imports only problem of this module.
package submission
