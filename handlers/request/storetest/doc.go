// Package conformance is what every invite.Store and invite.Rows must pass: each sentence of those interfaces as a
// test, also when several callers come at once.
//
// It must not know any implementation.
package storetest
