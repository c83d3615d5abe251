// Package problem is the one kind of error that crosses package borders.
//
// A [Error] has a stable code, a text that the public may read and a text for the log. What a code
// means outside, an HTTP status or whether another attempt makes sense, stands in one table here,
// so that no caller decides it a second time.
//
// It must not know where an error comes from: no Graph, no tables, no host, no HTML.
package problem
