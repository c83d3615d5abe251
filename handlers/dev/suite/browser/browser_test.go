package browser

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/dev/captchasim"
	"guestlist/handlers/dev/internal/apptest"
	"guestlist/handlers/settings"
	"guestlist/handlers/submission"
)

// suiteTimeout makes a suite fail instead of hang. It takes less than a minute on an idle machine.
const suiteTimeout = 30 * time.Minute

func TestPages(t *testing.T) {
	s := start(t, append(slices.Clone(anyPace), noProof)...)
	run(t, s, "form.mjs")
	run(t, s, "languages.mjs")
}

// TestLooks has what a newcomer's "make run" has.
func TestLooks(t *testing.T) {
	run(t, start(t, anyPace...), "looks.mjs")
}

func TestStates(t *testing.T) {
	run(t, start(t, append(slices.Clone(anyPace), settings.StatusPage+"=detailed")...), "states.mjs")
}

// TestProof has what a newcomer's "make run" has.
func TestProof(t *testing.T) {
	run(t, start(t, anyPace...), "proof.mjs")
}

// TestReviews has people decide about what waits, who sign in at the stand-in.
func TestReviews(t *testing.T) {
	run(t, start(t, append(slices.Clone(anyPace), noProof, settings.StatusPage+"=detailed")...), "reviews.mjs")
}

// anyPace lets tests send forms as fast as they can.
var anyPace = []string{settings.FormWait + "=0s", settings.ClientPosts + "=off"}

// noProof has partners invited who have not typed a code. The field for one is shown to them, too.
const noProof = settings.Proof + "=" + settings.NoProof

// TestGuards has a style, terms of use and a strict rate limit.
func TestGuards(t *testing.T) {
	run(t, start(t,
		settings.FormWait+"=3s", settings.ClientPosts+"=3/24h", settings.StatusPage+"=detailed", noProof,
		settings.Accent+"=#7a1f5c", settings.Contact+"=guests@wingtiptoys.com", settings.PrivacyURL+"=https://wingtip.example/privacy",
		settings.TermsURL+"=https://wingtip.example/terms", settings.TermsVersion+"=2026-11", settings.Intro+"=Welcome to the partners of Wingtip Toys.",
		settings.Fields+"=company=required country=optional reason=optional sponsor=optional inviteCode=linked",
		settings.Logo+"=data:image/svg+xml;base64,"+base64.StdEncoding.EncodeToString([]byte(logo)),
	), "guards.mjs")
}

const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="8" fill="#7a1f5c"/><circle cx="20" cy="20" r="9" fill="#fff"/></svg>`

func TestCaptcha(t *testing.T) {
	service := httptest.NewServer(captchasim.New(time.Now))
	defer service.Close()
	s := start(t, append(slices.Clone(anyPace), noProof,
		settings.Captcha+"=turnstile", settings.CaptchaSiteKey+"="+captchasim.SiteKey, settings.CaptchaSecret+"="+captchasim.Secret,
		settings.CaptchaURL+"="+service.URL,
	)...)
	s.captcha = service.URL
	run(t, s, "captcha.mjs")
}

// stack is a running local run.
type stack struct {
	*apptest.Local
	captcha string // the address of a stand-in for the service, if there is one
	// unrecorded is an id that the form's key has signed, and that no submission has.
	unrecorded submission.ID
}

func TestMain(m *testing.M) { apptest.Main(m) }

// start starts what "make run" starts, on free ports, with its own data and the added environment.
func start(t *testing.T, environment ...string) stack {
	t.Helper()
	data := t.TempDir()
	s := stack{Local: apptest.StartLocal(t, apptest.App(t), data, environment...)}
	s.unrecorded = signedID(t, filepath.Join(data, "form-key"))
	return s
}

// signedID returns an id that the form of a local run could have issued.
func signedID(t *testing.T, keyFile string) submission.ID {
	t.Helper()
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := submission.NewIDKey(string(bytes.TrimSpace(key)))
	if err != nil {
		t.Fatal(err)
	}
	id, err := ids.NewID(time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// run runs one suite against the stack and reports each of its tests as a subtest.
func run(t *testing.T, s stack, suite string) {
	t.Helper()
	cmd := exec.Command("node", "--test-reporter="+absolute(t, "suite", "reporter.mjs"), "--test-reporter-destination=stdout", absolute(t, "suite", suite))
	cmd.Env = append(apptest.Browser(t),
		"BROWSERTEST_FORM="+s.Signup,
		"BROWSERTEST_GRAPH="+s.Graph,
		"BROWSERTEST_MAILS="+s.Mails,
		"BROWSERTEST_REVIEWS="+s.Reviews,
		"BROWSERTEST_SIGN_IN="+s.SignIn,
		"BROWSERTEST_CAPTCHA="+s.captcha,
		"BROWSERTEST_UNRECORDED="+string(s.unrecorded),
	)
	var log apptest.Log
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
