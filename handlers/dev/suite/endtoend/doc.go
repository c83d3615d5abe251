// Package endtoend holds the tests of the whole road: the real handler process behind the host's own protocol, a real storage emulator, and
// the Graph stand-in. It has no code of its own.
package endtoend
