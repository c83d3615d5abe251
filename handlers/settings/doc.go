// Package settings reads the handler's settings from the environment, once, at start.
//
// Every setting stands in one table, [All]: its name, default and meaning. The README's list and the deployment template are tested
// against it. A wrong setting stops the start with an error that names it and says what to write instead; all faults are told at once.
//
// It must not know what the settings are used for.
package settings
