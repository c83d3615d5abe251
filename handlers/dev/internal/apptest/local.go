package apptest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	stopTimeout = 30 * time.Second
	logTail     = 8000 // bytes of a log that are shown if a test fails
)

// Local is a local run that is ready.
type Local struct {
	Signup  string `json:"signup"`  // the address of the form
	Graph   string `json:"graph"`   // the address of the stand-in for Microsoft Graph
	Mails   string `json:"mails"`   // the page that shows the mails of the run
	Reviews string `json:"reviews"` // the pages on which people decide
	SignIn  string `json:"signIn"`  // where they sign in
	stop    func()
}

// StartLocal starts a local run of an app on free ports, with its data in a folder. environment
// ("NAME=value") is added to that of this process. The run ends with the test, which shows its
// log if it fails.
func StartLocal(t testing.TB, app, data string, environment ...string) *Local {
	t.Helper()
	cmd := exec.Command(Program(t, "dev/cmd/localhost"), "-root", app, "-data", data, "-settings", filepath.Join(root(t), settingsFile))
	cmd.Env = append(append(os.Environ(), "PORT=0"), environment...)
	var log Log
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	local := &Local{stop: sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		killed := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
		<-ended
		killed.Stop()
	})}
	t.Cleanup(func() {
		local.stop()
		if t.Failed() {
			t.Logf("the local run's log ends with\n%s", log.Tail())
		}
	})
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait()
		close(ended)
	}()
	if err != nil || !strings.HasPrefix(line, "ready ") {
		t.Fatalf("the local run did not get ready: %q, %v", line, err)
	}
	content, err := os.ReadFile(filepath.Join(data, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	err = json.Unmarshal(content, local)
	if err != nil || line != "ready "+local.Signup+"\n" {
		t.Fatalf("ready is %q, run.json %s: %v", line, content, err)
	}
	return local
}

// Stop interrupts the run and waits for its end.
func (l *Local) Stop() { l.stop() }

// Log is a buffer that is safe for concurrent use.
type Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *Log) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(data)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// Tail returns the end of the log.
func (l *Log) Tail() string {
	text := l.String()
	return text[max(0, len(text)-logTail):]
}
