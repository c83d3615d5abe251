// Package apptest makes function apps of this repository for tests. It builds the programs, lays
// them out with the repository's own host.json and function folders as Azure gets them, and
// starts local runs.
//
// It must not know what the functions do. It imports only azure/functions/functionjson of this
// module.
package apptest
