package subprocess_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"guestlist/handlers/dev/internal/subprocess"
)

// roleVariable makes this test binary a child.
const roleVariable = "GUESTLIST_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "ends":
		os.Exit(7)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
	case "has a child of its own":
		grandchild := command("deaf")
		grandchild.Stdout = os.Stdout
		_ = grandchild.Start()
		_ = grandchild.Wait()
	}
	_, _ = os.Stdout.WriteString("up\n")
	time.Sleep(time.Hour) // select {} would end the process with exit code 2: a deadlock
}

func command(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// start starts a child with the role and waits until it is up. The reader is its output.
func start(t *testing.T, role string) (*subprocess.Process, io.Reader) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(role)
	cmd.Stdout = writer
	p, err := subprocess.Start(cmd)
	_ = writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	_, err = io.ReadFull(reader, make([]byte, len("up\n")))
	if err != nil {
		t.Fatal(err)
	}
	return p, reader
}

func TestExitCodeOfChildThatEnds(t *testing.T) {
	cmd := command("ends")
	var output bytes.Buffer
	cmd.Stdout = &output
	p, err := subprocess.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || p.ExitCode() != 7 {
		t.Errorf("Wait() = %v, exit code %d", err, p.ExitCode())
	}
	for name, end := range map[string]func() error{
		"Kill": p.Kill, "Signal": func() error { return p.Signal(syscall.SIGTERM) }, "Stop": func() error { return p.Stop(syscall.SIGTERM, time.Hour) },
	} {
		if err := end(); err != nil {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
}

func TestStopSendsSignalFirst(t *testing.T) {
	p, _ := start(t, "obeys")
	err := p.Stop(syscall.SIGTERM, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
}

func TestStopKillsChildThatIgnoresSignal(t *testing.T) {
	p, _ := start(t, "deaf")
	err := p.Stop(syscall.SIGTERM, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if p.ExitCode() != -1 {
		t.Errorf("exit code %d, want that of a signal", p.ExitCode())
	}
}

func TestGrandchildEndsWithChild(t *testing.T) {
	p, output := start(t, "has a child of its own")
	err := p.Kill()
	if err != nil {
		t.Fatal(err)
	}
	// The pipe ends when no process has it open.
	_, err = io.ReadAll(output)
	if err != nil {
		t.Fatal(err)
	}
}

func TestStartOfMissingProgramFails(t *testing.T) {
	_, err := subprocess.Start(exec.Command("./nothing"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("err = %v", err)
	}
}
