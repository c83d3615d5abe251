package guard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/captchasim"
	"guestlist/handlers/problem"
)

// world is a stand-in for the services with a clock.
type world struct {
	now time.Time
	sim *captchasim.Server
	url string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: morning}
	w.sim = captchasim.New(func() time.Time { return w.now })
	server := httptest.NewServer(w.sim)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) config(provider string) Captcha {
	return Captcha{
		Provider: provider, SiteKey: captchasim.SiteKey, Secret: captchasim.Secret, URL: w.url, Hosts: []string{"signup.contoso.com"},
	}
}

func checkerOf(t *testing.T, config Captcha) *Checker {
	t.Helper()
	c, err := newChecker(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// check fails unless the error has the code, "" for none, and repeats neither the secret nor the
// answer.
func check(t *testing.T, err error, want problem.Code, answer string) {
	t.Helper()
	if problem.CodeOf(err) != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if err == nil {
		return
	}
	text := err.Error() + problem.From(err).Public
	if strings.Contains(text, captchasim.Secret) || answer != "" && strings.Contains(text, answer) {
		t.Errorf("the error tells a secret: %v", err)
	}
}

func TestVerify(t *testing.T) {
	for _, provider := range Providers() {
		other := Providers()[0]
		if provider == other {
			other = Providers()[1]
		}
		for name, test := range map[string]struct {
			answer func(w *world) string
			want   problem.Code
		}{
			"solved":            {func(w *world) string { return w.sim.Solve(provider, "signup.contoso.com") }, ""},
			"made up":           {func(*world) string { return "made-up-answer" }, problem.CaptchaFailed},
			"missing":           {func(*world) string { return "" }, problem.CaptchaFailed},
			"very long":         {func(*world) string { return strings.Repeat("a", 10_001) }, problem.CaptchaFailed},
			"of another server": {func(w *world) string { return w.sim.Solve(other, "signup.contoso.com") }, problem.CaptchaFailed},
			"too old": {func(w *world) string {
				answer := w.sim.Solve(provider, "signup.contoso.com")
				w.now = w.now.Add(time.Hour)
				return answer
			}, problem.CaptchaFailed},
		} {
			t.Run(provider+"/"+name, func(t *testing.T) {
				w := newWorld(t)
				answer := test.answer(w)
				check(t, checkerOf(t, w.config(provider)).Verify(t.Context(), answer), test.want, answer)
			})
		}
		t.Run(provider+"/twice", func(t *testing.T) {
			w := newWorld(t)
			c := checkerOf(t, w.config(provider))
			answer := w.sim.Solve(provider, "signup.contoso.com")
			check(t, c.Verify(t.Context(), answer), "", answer)
			check(t, c.Verify(t.Context(), answer), problem.CaptchaFailed, answer)
		})
		t.Run(provider+"/what can't be an answer costs no call", func(t *testing.T) {
			w := newWorld(t)
			c := checkerOf(t, w.config(provider))
			check(t, c.Verify(t.Context(), ""), problem.CaptchaFailed, "")
			check(t, c.Verify(t.Context(), strings.Repeat("a", 100_000)), problem.CaptchaFailed, "")
			if w.sim.Asked() != 0 {
				t.Errorf("the service was asked %d times", w.sim.Asked())
			}
		})
	}
}

func TestAnswerFromAnotherHost(t *testing.T) {
	for _, provider := range []string{Turnstile, HCaptcha} {
		w := newWorld(t)
		answer := w.sim.Solve(provider, "evil.example")
		check(t, checkerOf(t, w.config(provider)).Verify(t.Context(), answer), problem.CaptchaFailed, answer)
		config := w.config(provider)
		config.Hosts = nil
		answer = w.sim.Solve(provider, "evil.example")
		check(t, checkerOf(t, config).Verify(t.Context(), answer), "", answer)
	}
}

// Only a clear yes counts.
func TestFailsClosed(t *testing.T) {
	reply := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	for _, provider := range Providers() {
		for name, failure := range map[string]http.HandlerFunc{
			"a server error":          reply(500, `{"success":true}`),
			"refused":                 reply(403, `{"success":true}`),
			"an empty answer":         reply(200, ""),
			"a page":                  reply(200, "<html>success</html>"),
			"no verdict":              reply(200, `{}`),
			"null":                    reply(200, `null`),
			"a verdict in words":      reply(200, `{"success":"true"}`),
			"a verdict of one":        reply(200, `{"success":1}`),
			"a list":                  reply(200, `[{"success":true}]`),
			"two verdicts, one after": reply(200, `{"success":true}{"success":false}`),
			"an endless answer":       reply(200, `{"success":true,"x":"`+strings.Repeat("x", 100_000)+`"}`),
			"a redirection": func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			},
			"a connection that is cut":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"a fault of ours":            reply(200, `{"success":false,"error-codes":["invalid-input-secret"],"error":{"error_code":"auth_invalid"}}`),
			"a no in an unknown form":    nil,
			"a no with an unknown cause": nil,
		} {
			want := problem.CaptchaUnavailable
			switch name {
			case "a no in an unknown form":
				failure, want = reply(200, `{"success":false}`), problem.CaptchaFailed
			case "a no with an unknown cause":
				failure, want = reply(200, `{"success":false,"error-codes":["new-code"],"error":{"error_code":"new_code"}}`), problem.CaptchaFailed
			}
			t.Run(provider+"/"+name, func(t *testing.T) {
				w := newWorld(t)
				w.sim.Fail(failure)
				answer := w.sim.Solve(provider, "signup.contoso.com")
				check(t, checkerOf(t, w.config(provider)).Verify(t.Context(), answer), want, answer)
			})
		}
		t.Run(provider+"/nobody there", func(t *testing.T) {
			config := newWorld(t).config(provider)
			config.URL = "http://127.0.0.1:1"
			check(t, checkerOf(t, config).Verify(t.Context(), "some-answer"), problem.CaptchaUnavailable, "some-answer")
		})
		for name, breakIt := range map[string]func(*Captcha){
			"a wrong secret":   func(c *Captcha) { c.Secret = "wrong-secret" },
			"a wrong site key": func(c *Captcha) { c.SiteKey = "wrong-site-key" },
		} {
			if provider == Turnstile && name == "a wrong site key" {
				// Turnstile does not get the site key: the secret belongs to one widget.
				continue
			}
			t.Run(provider+"/"+name, func(t *testing.T) {
				w := newWorld(t)
				config := w.config(provider)
				breakIt(&config)
				answer := w.sim.Solve(provider, "signup.contoso.com")
				check(t, checkerOf(t, config).Verify(t.Context(), answer), problem.CaptchaUnavailable, answer)
			})
		}
	}
}

// The policy has what the service needs and nothing of the others.
func TestPolicyAndWidget(t *testing.T) {
	hosts := map[string]string{Turnstile: "cloudflare.com", HCaptcha: "hcaptcha.com", FriendlyCaptcha: "friendlycaptcha"}
	for _, provider := range Providers() {
		c := checkerOf(t, Captcha{Provider: provider, SiteKey: "site", Secret: "secret"})
		policy := fmt.Sprint(c.Policy())
		for other, host := range hosts {
			if strings.Contains(policy, host) != (other == provider) {
				t.Errorf("%s: %s", provider, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http:") || strings.Contains(policy, " *") {
			t.Errorf("%s asks for too much: %s", provider, policy)
		}
		widget := c.Widget()
		if widget.Class == "" || widget.SiteKey != "site" || !strings.HasPrefix(widget.Script, "https://") || c.Field() == "" {
			t.Errorf("%s: %+v, field %q", provider, widget, c.Field())
		}
	}
	eu := checkerOf(t, Captcha{Provider: FriendlyCaptcha, SiteKey: "site", Secret: "secret", URL: "https://eu.frcapi.com"})
	if frames := eu.Policy()["frame-src"]; len(frames) != 1 || frames[0] != "https://eu.frcapi.com" || eu.Widget().Endpoint != "https://eu.frcapi.com" {
		t.Errorf("in the EU: frames %v, endpoint %q", frames, eu.Widget().Endpoint)
	}
	usual := checkerOf(t, Captcha{Provider: FriendlyCaptcha, SiteKey: "site", Secret: "secret"})
	if frames := usual.Policy()["frame-src"]; len(frames) != 1 || frames[0] != "https://global.frcapi.com" {
		t.Errorf("elsewhere after that: frames %v", frames)
	}
}

func TestCaptchaNeedsAllParts(t *testing.T) {
	good := Captcha{Provider: Turnstile, SiteKey: "site", Secret: "a-secret-of-some-length"}
	for name, breakIt := range map[string]func(*Captcha){
		"service":               func(c *Captcha) { c.Provider = "recaptcha" },
		"site key":              func(c *Captcha) { c.SiteKey = "" },
		"secret":                func(c *Captcha) { c.Secret = "" },
		"address":               func(c *Captcha) { c.URL = "eu.frcapi.com" },
		"address without path":  func(c *Captcha) { c.URL = "https://eu.frcapi.com/api" },
		"address without owner": func(c *Captcha) { c.URL = "https://user@eu.frcapi.com" },
	} {
		config := good
		breakIt(&config)
		_, err := newChecker(config)
		if err == nil || strings.Contains(err.Error(), good.Secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
