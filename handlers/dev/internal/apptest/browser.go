package apptest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Browser returns the environment of a script that drives Chromium: this process's own,
// BROWSERTEST_CHROMIUM (the program), BROWSERTEST_MODULES (where the driver is installed) and
// BROWSERTEST_SCREENSHOTS (a folder, which it makes). The test fails if something is not installed.
func Browser(t testing.TB) []string {
	t.Helper()
	repository := root(t)
	script := filepath.Join(repository, "handlers", "dev", "suite", "browser", "chromium.sh")
	found, err := exec.Command(script).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s", exit.Stderr)
		}
		t.Fatal(err)
	}
	modules := filepath.Join(repository, ".local", "browser")
	_, err = os.Stat(filepath.Join(modules, "node_modules", "playwright-core"))
	if err != nil {
		t.Fatal("the browser driver is not installed: run make setup")
	}
	screenshots := Screenshots(t)
	err = os.MkdirAll(screenshots, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(),
		"BROWSERTEST_CHROMIUM="+strings.TrimSpace(string(found)),
		"BROWSERTEST_MODULES="+modules,
		"BROWSERTEST_SCREENSHOTS="+screenshots,
	)
}

// Screenshots returns the folder of the screenshots.
func Screenshots(t testing.TB) string {
	t.Helper()
	return filepath.Join(root(t), ".local", "screenshots")
}
