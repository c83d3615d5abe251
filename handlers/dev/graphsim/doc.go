// Package graphsim stands in for Microsoft Graph, in tests and in the local run: one implementation, served over plain
// HTTP on the loopback interface.
//
// It is strict where Graph is strict (required fields, forbidden characters, unknown properties, sponsors, filters), late
// where Graph is late (replication), and fails the way Graph fails, when a test orders it to ([Server.Order]). It sends no
// mail; what it received can be read as a Go value, or as JSON under /stand-in/.
//
// It must not know any other package of this program: what it accepts is what Graph accepts, not what we send.
package graphsim
