// Package subprocess starts programs that must not outlive this one: the storage emulator, the
// Graph stand-in, the handler.
//
// A child has a process group of its own, so Ctrl-C in the terminal reaches only this program,
// which then stops its children in order. On Linux the kernel also kills the child when this
// program dies, even by SIGKILL. Elsewhere a child must watch its standard input for end of file.
//
// It must not know what the programs do. It imports nothing of this module.
package subprocess
