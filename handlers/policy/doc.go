// Package policy turns a submission, the rows that admins keep and a time into a decision that explains itself.
//
// It is a pure function: the same submission, rows, counters and time give the same decision, whatever the order in which
// the rows were read. Where a row can't be understood, nobody is invited: the request goes to review.
//
// What may stand in a row is said in one table, [Columns]; [Parse] reads a row by it and lists what is wrong, a [Cache] does so once for
// each row, [Decide] has the rules by which rows decide. How many guests a row has invited is counted elsewhere: [Limited] says which
// counters Decide needs, and a decision's [Limits] what must be taken.
//
// It must not know where rows are kept, who asks, or what a decision leads to; it does no I/O and reads no clock.
package policy
