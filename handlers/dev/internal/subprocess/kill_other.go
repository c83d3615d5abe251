//go:build !unix

package subprocess

import (
	"errors"
	"os"
	"os/exec"
)

func isolate(*exec.Cmd) {}

// killGroup kills the process only, because there are no process groups.
func killGroup(p *os.Process) error {
	err := p.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
