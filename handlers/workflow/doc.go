// Package workflow moves requests on, from the queue to the directory.
//
//	                                  ┌── proving ──┐
//	                                  │     ▼       ▼
//	message ──▶ Worker.Advance ──▶ received ─▶ inviting ─▶ granting ─▶ done
//	   ▲                              │           ⇅            │
//	   │                              ▼         parked         ▼
//	Worker.Upkeep ◀── due entry     review, denied, failed, unproved, cancelled
//
// A message says "advance this request". A step loads the request, chooses the next effect, writes
// the intent, acts, and writes the receipt. Every step may run twice, at the same time or later,
// and the process may be killed between any two instructions: no submission is lost and nobody is
// invited twice. Waiting is a state with a due entry in the store. A withdrawal or a resend is a
// step of its own, in any state. All invitations pass the gate: circuit breaker, pace, day's
// budget. All mails of the app's own pass a gate of theirs.
//
// It reaches the outside by the ports of package request only. It must not import adapters, the
// Functions host or pages. It imports only mail, policy, problem, request and submission of this
// module.
package workflow
