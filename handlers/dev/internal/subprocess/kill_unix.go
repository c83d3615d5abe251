//go:build unix

package subprocess

import (
	"errors"
	"os"
	"syscall"
)

// killGroup kills the process group that the process leads. It does nothing if the group has
// ended.
func killGroup(p *os.Process) error {
	err := syscall.Kill(-p.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
