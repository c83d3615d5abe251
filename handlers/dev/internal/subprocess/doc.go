// Package child starts programs that must not outlive this one: the storage emulator, the Graph stand-in, the handler.
//
// A child stands in a process group of its own, so a Ctrl-C on the terminal reaches this program alone, which then stops its children in
// order. On Linux the kernel also kills the child when this program dies, even by SIGKILL; elsewhere a child that must end with
// its parent has to watch its standard input for the end of file.
//
// It must not know what the programs do.
package subprocess
