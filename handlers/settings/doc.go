// Package settings reads the handler's settings from the environment, once, at start.
//
// The table [All] has the name, default and meaning of every setting; the docs and the deployment
// templates are tested against it. [Read] checks the settings of the work itself. The other parts
// read theirs with a [Reader], which knows plain values only. All faults are joined into one
// error, and each names the setting and what to write instead.
//
// It must not know what the settings are used for, nor import any part. It imports nothing of
// this module.
package settings
