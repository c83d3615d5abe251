// Package largetable is a deployment in which many people have signed up, on the stand-in of
// package tablesim: what upkeep costs there is measured by a test of package tables and by
// dev/cmd/bench.
//
// The columns are those of package tables, which it must not import: that package's tests use it.
// It imports only dev/tablesim, request, submission and workflow of this module.
package largetable
