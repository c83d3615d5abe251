// Package storetest is the suite for implementations of the ports of package request that store
// something: each promise of these interfaces is a test, also with concurrent callers.
//
// It must not know any implementation. It imports only policy, problem, request and submission of
// this module.
package storetest
