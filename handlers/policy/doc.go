// Package policy turns a submission, the policy rows and a time into a decision that explains
// itself.
//
//	Raw ── Parse, Cache ──▶ Row ──┐
//	submission, Usage, now ───────┴── Decide ──▶ Decision: invite, review or deny
//
// It is pure: the same submission, rows, counters and time give the same decision, in whatever
// order the rows were read. A row that can't be understood invites nobody: the request goes to
// review.
//
// [Columns] is the table of everything that a row may contain. [Parse] reads a row by it and
// lists the faults, and [Decide] has the rules. Seats are counted elsewhere: [Limited] names the
// counters that Decide needs, and a decision's [Limits] the seats that an invitation takes.
//
// The package must not know where rows are kept, who asks, or what a decision leads to. It does
// no I/O and reads no clock. It imports only submission of this module.
package policy
