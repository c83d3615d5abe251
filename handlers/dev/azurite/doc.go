// Package azurite starts Microsoft's storage emulator for tests and for the local run.
//
// The emulator is an npm package, pinned in npm/package-lock.json and installed into .local/npm
// by "make setup". It runs in node, bound to the loopback interface, without telemetry, and does
// not outlive the program that started it.
//
// It must not know what is stored. It imports only dev/internal/subprocess of this module.
package azurite
