// Package tablesim stands in for Table Storage with large tables. Rows are made when they are
// looked at, so a table of a million rows takes no memory.
//
// A query is answered as the service answers it: a page ends after a thousand rows, after $top, or
// once the service has looked at rows for five seconds, whatever it has found by then. So a filter
// that few rows pass gets empty pages with a continuation. Time passes as package time counts it:
// in a bubble of testing/synctest nothing really waits.
//
// It has point reads, queries, and writes of single rows. It has no transactions, checks no
// signature, and keeps what is written in memory. It is for tests of clients: package tables is
// also tested with the emulator, which knows more of the service and is never slow.
//
// It must not know its clients. It imports nothing of this module.
package tablesim
