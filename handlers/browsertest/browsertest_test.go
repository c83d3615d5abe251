package browsertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// repository is the root of this repository.
const repository = "../.."

// The limits are there to fail instead of hanging: a suite takes less than a minute on an idle machine.
const (
	suiteTimeout = 10 * time.Minute
	stopTimeout  = 30 * time.Second
)

// logTail is how much of a log is shown when a test fails.
const logTail = 2000

// TestPages drives the form and the status page.
func TestPages(t *testing.T) {
	run(t, start(t), "form.mjs")
}

// stack is a running local run.
type stack struct {
	Signup string `json:"signup"`
	Graph  string `json:"graph"`
}

// programs builds the handler and the local run once for all tests of this process.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "guestlist-browsertest-")
	if err != nil {
		return "", err
	}
	output, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "guestlist/handlers/cmd/handler", "guestlist/handlers/cmd/localhost").CombinedOutput()
	if err != nil {
		return "", errors.New("building the programs: " + string(output))
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	dir, err := programs()
	if err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// start starts what "make run" starts, on free ports and with data of its own. settings are added to the environment.
func start(t *testing.T, settings ...string) stack {
	t.Helper()
	built, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	copies := []string{"host.json", "local.settings.sample.json"}
	functions, err := filepath.Glob(filepath.Join(repository, "*", "function.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range functions {
		copies = append(copies, filepath.Join(filepath.Base(filepath.Dir(path)), "function.json"))
	}
	for _, name := range copies {
		content, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, name), content, 0o644)
	}
	handler, err := os.ReadFile(filepath.Join(built, "handler"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "bin", "handler"), handler, 0o755)

	cmd := exec.Command(filepath.Join(built, "localhost"), "-root", root)
	cmd.Env = append(append(os.Environ(), "PORT=0", "GUESTLIST_FORM_WAIT=0s", "GUESTLIST_CLIENT_POSTS=off"), settings...)
	var log lockedBuffer
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
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		killed := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
		<-ended
		killed.Stop()
		if t.Failed() {
			text := log.String()
			t.Logf("the local run's log ends with\n%s", text[max(0, len(text)-logTail):])
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
	content, err := os.ReadFile(filepath.Join(root, ".local", "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s stack
	err = json.Unmarshal(content, &s)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(path, content, mode)
	if err != nil {
		t.Fatal(err)
	}
}

// run drives one suite against the stack and reports each of its tests as one of t's.
func run(t *testing.T, s stack, suite string) {
	t.Helper()
	found, err := exec.Command("./chromium.sh").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s", exit.Stderr)
		}
		t.Fatal(err)
	}
	modules := absolute(t, repository, ".local", "browser")
	_, err = os.Stat(filepath.Join(modules, "node_modules", "playwright-core"))
	if err != nil {
		t.Fatal("the driver of the browser is not installed: run make setup")
	}
	screenshots := absolute(t, repository, ".local", "screenshots")
	err = os.MkdirAll(screenshots, 0o755)
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command("node", "--test-reporter="+absolute(t, "suite", "reporter.mjs"), "--test-reporter-destination=stdout", absolute(t, "suite", suite))
	cmd.Env = append(os.Environ(),
		"BROWSERTEST_CHROMIUM="+strings.TrimSpace(string(found)),
		"BROWSERTEST_MODULES="+modules,
		"BROWSERTEST_SCREENSHOTS="+screenshots,
		"BROWSERTEST_FORM="+s.Signup,
		"BROWSERTEST_GRAPH="+s.Graph,
	)
	var log lockedBuffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	killed := time.AfterFunc(suiteTimeout, func() { _ = cmd.Process.Kill() })
	defer killed.Stop()
	count := 0
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var result struct {
			Name    string
			Passed  bool
			Seconds float64
			Error   string
		}
		err := json.Unmarshal(lines.Bytes(), &result)
		if err != nil {
			t.Logf("%s", lines.Bytes())
			continue
		}
		count++
		t.Run(result.Name, func(t *testing.T) {
			t.Logf("%.1f s in the browser", result.Seconds)
			if !result.Passed {
				t.Error(result.Error)
			}
		})
	}
	err = cmd.Wait()
	if err != nil && !t.Failed() || count == 0 {
		t.Errorf("%s reported %d tests and ended with %v\n%s", suite, count, err, log.String())
	}
}

func absolute(t *testing.T, elements ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// lockedBuffer is a bytes.Buffer that a child writes while the test reads.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
