package signin

import (
	"os/exec"
	"testing"
	"time"

	"guestlist/handlers/dev/internal/apptest"
)

// browserTimeout makes the test fail instead of hang.
const browserTimeout = 5 * time.Minute

func TestSignInWithBrowser(t *testing.T) {
	w := newWorld(t, startStandIn)
	cmd := exec.Command("node", "browser.mjs")
	cmd.Env = append(apptest.Browser(t), "SIGNINTEST_APP="+w.app.URL)
	killed := time.AfterFunc(browserTimeout, func() { _ = cmd.Process.Kill() })
	defer killed.Stop()
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s\nthe app's log:\n%s", err, said, &w.log)
	}
}
