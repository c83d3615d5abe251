// Package endtoend tests the whole: the real handler process behind the simulated host, a real
// storage emulator, and the Graph stand-in. It has no code of its own.
package endtoend
