package main

import (
	"fmt"
	"io"
	"runtime"
)

// version is the version of a release, which the linker sets (-X main.version).
var version = "unreleased"

// versionCommand is guestlist version.
type versionCommand struct {
	format
}

func (versionCommand) Run(s *session) error {
	answer := struct {
		Version  string `json:"version"`
		Platform string `json:"platform"`
		Go       string `json:"go"`
	}{version, runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
	return s.print(answer, func(w io.Writer) {
		fmt.Fprintf(w, "guestlist %s, %s, %s\n", answer.Version, answer.Platform, answer.Go)
	})
}
