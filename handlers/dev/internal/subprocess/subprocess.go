package subprocess

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// outputDelay is how long the output of a dead child is still read. A process that it started may
// hold the pipes open.
const outputDelay = time.Second

// Process is a started child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts cmd, which must not have been started. It sets SysProcAttr and WaitDelay, and
// waits for the child in the background: see Done.
func Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr != nil || cmd.WaitDelay != 0 {
		return nil, errors.New("starting a child: the caller must not set SysProcAttr and WaitDelay")
	}
	isolate(cmd)
	cmd.WaitDelay = outputDelay
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux kills the child when the thread that started it ends. So this thread stays until
		// the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		// Processes that the child started end with it.
		_ = killGroup(cmd.Process)
		close(p.done)
	}()
	err := <-started
	if err != nil {
		return nil, err
	}
	return p, nil
}

// PID returns the child's process id. After the child's end another process may have it.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and its output has been read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end and returns the error of [exec.Cmd.Wait]: nil for exit code 0.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// ExitCode waits for the end and returns the exit code, or -1 if a signal ended the child.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends sig to the child only. It does nothing if the child has ended.
func (p *Process) Signal(sig os.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Kill kills the child and the processes that it started, and waits for the end. It does nothing
// if the child has ended.
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

// Stop sends sig to the child, and kills it if it has not ended after grace. When Stop returns,
// the child has ended.
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
