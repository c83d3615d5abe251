// Command bench prints the figures of speed and size that the project promises, each beside what it is measured against in the same run.
// It judges nothing and fails only if something can't be measured.
//
// It needs the handler built (make build) and the storage emulator installed (make setup); "make bench" does both.
package main
