package apptest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"guestlist/handlers/azure/functions/functionjson"
)

// root returns the root of this repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, err = os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod in this folder or above it")
		}
		dir = parent
	}
}

// builds are the programs that the tests of this process have built. Each is built once.
var builds struct {
	sync.Mutex
	dir  string
	done map[string]bool
}

// Main runs the tests of a package that calls [Folder] or [Program], removes the folder, and
// exits.
func Main(m *testing.M) {
	code := m.Run()
	if builds.dir != "" {
		_ = os.RemoveAll(builds.dir)
	}
	os.Exit(code)
}

// Folder returns a folder that all tests of this process share. [Main] removes it.
func Folder(t testing.TB) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if builds.dir == "" {
		dir, err := os.MkdirTemp("", "guestlist-test-")
		if err != nil {
			t.Fatal(err)
		}
		builds.dir, builds.done = dir, map[string]bool{}
	}
	return builds.dir
}

// Program builds handlers/NAME with the flags of the zip for Azure and returns the path of the
// executable. A name is a folder below handlers, such as "cmd/handler".
func Program(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Folder(t), filepath.Base(name))
	builds.Lock()
	defer builds.Unlock()
	if builds.done[name] {
		return path
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "guestlist/handlers/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, output)
	}
	builds.done[name] = true
	return path
}

// settingsFile holds the settings of a local run.
const settingsFile = "local.settings.sample.json"

// App returns a folder with the files that the Functions host reads and starts, and the settings
// of a local run.
func App(t testing.TB) string {
	t.Helper()
	from, app := root(t), t.TempDir()
	paths, err := functionjson.Find(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"host.json", settingsFile} {
		paths = append(paths, filepath.Join(from, name))
	}
	for _, path := range paths {
		name, err := filepath.Rel(from, path)
		if err != nil {
			t.Fatal(err)
		}
		place(t, path, filepath.Join(app, name), 0o644)
	}
	place(t, Program(t, "cmd/handler"), filepath.Join(app, "bin", "handler"), 0o755)
	return app
}

func place(t testing.TB, from, to string, mode os.FileMode) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	err = os.MkdirAll(filepath.Dir(to), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(to, content, mode)
	if err != nil {
		t.Fatal(err)
	}
}
