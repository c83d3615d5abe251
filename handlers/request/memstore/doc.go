// Package memstore keeps requests, claims, due times, policy rows and the rest in memory, for tests
// and simulations. It passes the same suite as package tables (package storetest), and can be told
// to fail before or after an effect, as a store behind a network does.
//
// It must not know its users; nothing that runs in Azure imports it. It imports only policy,
// problem, request and submission of this module.
package memstore
