// Package apptest makes function apps of this repository for tests: it builds the programs, lays them out beside the repository's own
// host.json and function folders as Azure gets them, and starts the local run.
//
// It must not know what the functions do.
package apptest
