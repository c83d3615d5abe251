package subprocess

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// outputDelay is how long the output of a dead child is still read: something that it started could hold the pipes open for ever.
const outputDelay = time.Second

// Process is a started child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts cmd, which must not have been started. Its SysProcAttr and WaitDelay are set here; the rest is the caller's.
// The child is waited for in the background: see Done.
func Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr != nil || cmd.WaitDelay != 0 {
		return nil, errors.New("starting a child: SysProcAttr and WaitDelay are not the caller's to set")
	}
	isolate(cmd)
	cmd.WaitDelay = outputDelay
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux kills the child when the thread that started it ends, not the process: so this thread stays until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		// What the child may have started itself ends with it.
		_ = killGroup(cmd.Process)
		close(p.done)
	}()
	err := <-started
	if err != nil {
		return nil, err
	}
	return p, nil
}

// PID returns the child's process id. It stays valid as a name after the child's end, but may then belong to another process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and its output has been read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end and returns how the child ended, as exec.Cmd.Wait says it: nil for exit code 0.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// ExitCode waits for the end and returns the exit code, -1 if a signal ended the child.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends sig to the child alone. A child that has ended already is no error.
func (p *Process) Signal(sig os.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Kill kills the child, and what it started, at once and waits for the end. A child that has ended already is no error.
func (p *Process) Kill() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	err := killGroup(p.cmd.Process)
	if err != nil {
		return err
	}
	<-p.done
	return nil
}

// Stop asks the child to end by sig, gives it the grace and then kills it. When Stop returns, the child is gone.
func (p *Process) Stop(sig os.Signal, grace time.Duration) error {
	err := p.Signal(sig)
	if err != nil {
		return errors.Join(err, p.Kill())
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return p.Kill()
	}
}
