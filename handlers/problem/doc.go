// Package problem is the typed error that crosses package borders.
//
// An [Error] has a stable code, a text for the public and a text for the log. What a code means
// to a caller is that caller's: package problemdetails turns codes into HTTP statuses, and
// package request adds the codes of the directory and says which failures pass.
//
// It must not know where an error comes from: no Graph, no tables, no host, no HTML. It imports
// nothing of this module.
package problem
