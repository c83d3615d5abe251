//go:build !unix

package subprocess

import (
	"errors"
	"os"
	"os/exec"
)

func isolate(*exec.Cmd) {}

// killGroup kills the process; without process groups, what it started is out of reach.
func killGroup(p *os.Process) error {
	err := p.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
