// Package memstore keeps requests, claims, due times and policy rows in memory, for tests and simulations.
//
// It keeps the same promises as package tables, under the same conformance suite, and can be told to fail before and
// after it did something, as a store behind a network does.
//
// It must not know who uses it, and nothing that runs in Azure may import it.
package memstore
