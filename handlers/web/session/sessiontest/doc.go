// Package sessiontest is the suite for implementations of session.Store, and one in memory for
// tests: each promise of the interface is a test.
//
// It must not know any other implementation. It imports only problem and web/session of this
// module.
package sessiontest
