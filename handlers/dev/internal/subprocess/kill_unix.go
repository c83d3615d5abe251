//go:build unix

package subprocess

import (
	"errors"
	"os"
	"syscall"
)

// killGroup kills the whole group of the process, which leads it. No such group is no error: all of it has ended.
func killGroup(p *os.Process) error {
	err := syscall.Kill(-p.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
