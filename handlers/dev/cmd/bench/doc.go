// Command bench prints the project's figures of speed and size, each with the one that it is
// compared with. It has no thresholds, and fails only if a measurement fails.
//
// It needs the built handler (make build) and the storage emulator (make setup). "make bench"
// does both. The flag -beside names another handler of sign-ups that the rate is compared with: a
// program that answers POST /signup-http at the port that the Functions host tells.
//
// It imports only azure/tables, dev/acssim, dev/azurite, dev/graphsim, dev/internal/subprocess,
// dev/largetable, dev/simulation, dev/tablesim, policy, request, submission and web/guard of this
// module.
package main
