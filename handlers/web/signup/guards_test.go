package signup

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/handlers/dev/captchasim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/site"
	"guestlist/handlers/web/status"
)

const (
	formKey    = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"
	programKey = "Jh2v9QeX7sKd4NwLz0RfTyBu6MgCp1Ao"
)

// goodToken returns a token that is valid in the morning.
var goodToken = sync.OnceValue(func() string {
	config := guard.Config{FormKeys: []string{formKey}, FormLifetime: time.Hour}
	guards, err := guard.New(config, func() time.Time { return pagetest.Morning }, rand.Reader)
	if err != nil {
		panic(err)
	}
	token, err := guards.Tokens.Issue(guard.Token{})
	if err != nil {
		panic(err)
	}
	return token
})

// guardsOf returns guards that take forms with a token of the morning and JSON with programKey,
// after the changes.
func guardsOf(t testing.TB, changes ...func(*guard.Config)) *guard.Guards {
	t.Helper()
	config := guard.Config{FormKeys: []string{formKey}, FormLifetime: time.Hour, JSONKeys: []string{programKey}}
	for _, change := range changes {
		change(&config)
	}
	return newGuards(t, config, func() time.Time { return pagetest.Morning })
}

func newGuards(t testing.TB, config guard.Config, now func() time.Time) *guard.Guards {
	t.Helper()
	guards, err := guard.New(config, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return guards
}

// guardedForm is a form with all guards and a clock.
type guardedForm struct {
	formUnderTest
	now *time.Time
	sim *captchasim.Server
}

// newGuardedForm returns a form with a limit of five posts, a wait of three seconds, and a
// captcha if there is a provider.
func newGuardedForm(t *testing.T, provider string) guardedForm {
	t.Helper()
	now := pagetest.Morning
	g := guardedForm{now: &now}
	clock := func() time.Time { return *g.now }
	config := guard.Config{
		FormKeys: []string{formKey}, FormWait: 3 * time.Second, FormLifetime: time.Hour, PublicOrigins: []string{"https://join.contoso.com"},
		JSONOrigins: []string{"https://www.fabrikam.com"}, JSONKeys: []string{programKey}, Limit: guard.Limit{Burst: 5, Every: time.Minute},
	}
	if provider != "" {
		g.sim = captchasim.New(clock)
		server := httptest.NewServer(g.sim)
		t.Cleanup(server.Close)
		config.Captcha = guard.Captcha{
			Provider: provider, SiteKey: captchasim.SiteKey, Secret: captchasim.Secret, URL: server.URL, Hosts: []string{"join.contoso.com", "www.fabrikam.com"},
		}
	}
	guards := newGuards(t, config, clock)
	g.formUnderTest = newForm(t, func(c *Config) { c.Now, c.Guards = clock, guards })
	return g
}

// open fetches the form and returns the token in it.
func (g guardedForm) open(t *testing.T) string {
	t.Helper()
	match := tokenInput.FindStringSubmatch(pagetest.Body(t, pagetest.Do(g, httptest.NewRequest(http.MethodGet, site.Root, nil))))
	if match == nil {
		t.Fatal("the form has no token")
	}
	return match[1]
}

var tokenInput = regexp.MustCompile(`<input type="hidden" name="token" value="([^"]+)">`)

// send sends a form as a browser does, after the changes of the request.
func (g guardedForm) send(values url.Values, changes ...func(*http.Request)) *http.Response {
	r := httptest.NewRequest(http.MethodPost, site.Root, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", pagetest.FormType)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("X-Forwarded-For", "203.0.113.7:51234")
	for _, change := range changes {
		change(r)
	}
	return pagetest.Do(g, r)
}

func with(token string, more ...string) url.Values {
	values := ana()
	values.Set("language", "en")
	values.Set(tokenField, token)
	for i := 0; i < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return values
}

// A form with a wrong token or origin comes back with all that was typed and a good token.
func TestFormRefusedByGuardsKeepsEntries(t *testing.T) {
	for name, test := range map[string]struct {
		token   func(t *testing.T, g guardedForm) string
		change  func(*http.Request)
		waits   bool // whether a form that is sent again at once is held up once more
		because string
	}{
		"no token":  {func(*testing.T, guardedForm) string { return "" }, nil, true, "missing or not signed"},
		"forged":    {func(t *testing.T, g guardedForm) string { return strings.Repeat("A", guard.TokenLength) }, nil, true, "missing or not signed"},
		"truncated": {func(t *testing.T, g guardedForm) string { return g.open(t)[:40] }, nil, true, "missing or not signed"},
		"a script":  {func(*testing.T, guardedForm) string { return `"><script>alert(1)</script>` }, nil, true, "missing or not signed"},
		"megabytes": {func(*testing.T, guardedForm) string { return strings.Repeat("A", 30_000) }, nil, true, "missing or not signed"},
		"too early": {func(t *testing.T, g guardedForm) string {
			token := g.open(t)
			*g.now = g.now.Add(time.Second)
			return token
		}, nil, true, "too early"},
		"expired": {func(t *testing.T, g guardedForm) string {
			token := g.open(t)
			*g.now = g.now.Add(2 * time.Hour)
			return token
		}, nil, false, "expired"},
		"from another site": {func(t *testing.T, g guardedForm) string {
			token := g.open(t)
			*g.now = g.now.Add(time.Minute)
			return token
		}, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Origin", "https://evil.example")
		}, false, "another site"},
		"from another site in an old browser": {func(t *testing.T, g guardedForm) string {
			token := g.open(t)
			*g.now = g.now.Add(time.Minute)
			return token
		}, func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "https://evil.example")
		}, false, "another site"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuardedForm(t, "")
			change := test.change
			if change == nil {
				change = func(*http.Request) {}
			}
			response := g.send(with(test.token(t, g)), change)
			if response.StatusCode != http.StatusForbidden || len(g.queue.Messages) != 0 {
				t.Fatalf("status %d, %d messages", response.StatusCode, len(g.queue.Messages))
			}
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			for field, texts := range ana() {
				if field == "language" {
					continue
				}
				got := pagetest.Attribute(doc.ByID[field], "value")
				switch field {
				case "reason":
					got = strings.TrimPrefix(pagetest.Text(doc.ByID[field]), "\n")
					texts = []string{strings.ReplaceAll(texts[0], "\r\n", "\n")}
				case "country":
					got = doc.Selected
				}
				if got != texts[0] {
					t.Errorf("%s is lost: %q", field, got)
				}
			}
			if !strings.Contains(doc.Text(), "send them again") || doc.ByID["alert"] == nil {
				t.Errorf("the page does not say what to do: %s", doc.Text())
			}
			pagetest.CheckLog(t, g.log.String(), 1)
			if !strings.Contains(g.log.String(), test.because) {
				t.Errorf("the log does not say why: %s", g.log)
			}

			token := doc.Hidden[tokenField]
			again := g.send(with(token)).StatusCode
			if want := map[bool]int{true: http.StatusForbidden, false: http.StatusSeeOther}[test.waits]; again != want {
				t.Errorf("sent again at once: status %d, want %d", again, want)
			}
			*g.now = g.now.Add(3 * time.Second)
			if again := g.send(with(token)).StatusCode; again != http.StatusSeeOther {
				t.Errorf("sent again: status %d", again)
			}
		})
	}
}

func TestFormSentTwiceIsOneRequest(t *testing.T) {
	g := newGuardedForm(t, "")
	token := g.open(t)
	*g.now = g.now.Add(10 * time.Second)
	first := g.send(with(token)).Header.Get("Location")
	*g.now = g.now.Add(5 * time.Second)
	again := g.send(with(token)).Header.Get("Location")
	if first == "" || again != first {
		t.Errorf("sent twice: %q and %q", first, again)
	}
	*g.now = g.now.Add(5 * time.Second)
	mended := g.send(with(token, "email", "anna@contoso.com")).Header.Get("Location")
	if mended == "" || mended == first {
		t.Errorf("a corrected form has the id of the first: %q and %q", first, mended)
	}
	other := g.open(t)
	*g.now = g.now.Add(10 * time.Second)
	if elsewhere := g.send(with(other)).Header.Get("Location"); elsewhere == "" || elsewhere == first {
		t.Errorf("the same entries in another form have the id of the first: %q and %q", first, elsewhere)
	}
	if len(g.queue.Messages) != 4 {
		t.Errorf("%d messages on the queue, want 4", len(g.queue.Messages))
	}
}

// A password manager may fill in what people can't see. They must not lose what they typed.
func TestHoneypotFilledInAtHumanPaceShowsFormAgain(t *testing.T) {
	g := newGuardedForm(t, "")
	token := g.open(t)
	*g.now = g.now.Add(20 * time.Second)
	response := g.send(with(token, honeypotField, "https://contoso.com", "language", "en"))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if response.StatusCode != http.StatusUnprocessableEntity || len(g.queue.Messages) != 0 || pagetest.Attribute(doc.ByID["email"], "value") != "Ana@Contoso.com" {
		t.Fatalf("status %d, %d messages, the address is %q", response.StatusCode, len(g.queue.Messages), pagetest.Attribute(doc.ByID["email"], "value"))
	}
	if doc.ByID[honeypotField] != nil || !strings.Contains(pagetest.Text(doc.ByID["alert"]), "Nothing has been sent yet") {
		t.Errorf("there is a honeypot to fill in again, or the page says %q", pagetest.Text(doc.ByID["alert"]))
	}
	if !strings.Contains(g.log.String(), `"level":"WARN"`) || !strings.Contains(g.log.String(), `"msg":"honeypot filled in","answer":"shown again"`) {
		t.Errorf("nothing to count is logged: %s", g.log)
	}
	pagetest.CheckLog(t, g.log.String(), 1)
	if again := g.send(with(doc.Hidden[tokenField])); again.StatusCode != http.StatusSeeOther || len(g.queue.Messages) != 1 {
		t.Errorf("sent again: status %d, %d messages", again.StatusCode, len(g.queue.Messages))
	}
}

// The answer to a honeypot that a program has filled in can't be told from the answer to a partner.
func TestFilledInHoneypotGetsNormalAnswer(t *testing.T) {
	g := newGuardedForm(t, "")
	token := g.open(t)
	*g.now = g.now.Add(4 * time.Second)
	honest := g.send(with(token))
	taken := len(g.queue.Messages)
	caught := g.send(with(token, honeypotField, "https://spam.example", "email", "bot@spam.example"))
	if caught.StatusCode != honest.StatusCode || len(caught.Header) != len(honest.Header) || pagetest.Body(t, caught) != pagetest.Body(t, honest) {
		t.Errorf("the answer to the honeypot is %d %v, that to the form %d %v", caught.StatusCode, caught.Header, honest.StatusCode, honest.Header)
	}
	if len(g.queue.Messages) != taken {
		t.Error("a filled-in honeypot is on the queue")
	}
	for name := range honest.Header {
		if name != "Location" && caught.Header.Get(name) != honest.Header.Get(name) {
			t.Errorf("%s differs", name)
		}
	}
	service := serviceOf(t, g.formUnderTest, "Contoso")
	service.Now = func() time.Time { return *g.now }
	page, err := status.New(status.Config{Service: service, Requests: noRequests{}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, caught.Header.Get("Location"), nil)
	r.SetPathValue("id", strings.TrimPrefix(caught.Header.Get("Location"), site.Root+"/"))
	if response := pagetest.Do(page, r); response.StatusCode != http.StatusOK {
		t.Errorf("the status page of a filled-in honeypot has status %d", response.StatusCode)
	}
	if again := g.send(with(token, honeypotField, "https://spam.example", "email", "bot@spam.example")); again.Header.Get("Location") != caught.Header.Get("Location") {
		t.Error("a filled-in honeypot that is sent twice leads to two pages")
	}
	if nonsense := g.send(with(token, honeypotField, "x", "email", "")); nonsense.StatusCode != http.StatusSeeOther {
		t.Errorf("a filled-in honeypot with an error in the form has status %d", nonsense.StatusCode)
	}
	pagetest.CheckLog(t, g.log.String(), 4)
}

// noRequests is a store without requests.
type noRequests struct{}

func (noRequests) Progress(context.Context, submission.ID) (request.Progress, error) {
	return request.Progress{}, &problem.Error{Code: problem.NotFound}
}

func TestHoneypotIsHiddenFromPeople(t *testing.T) {
	g := newGuardedForm(t, "")
	response := pagetest.Do(g, httptest.NewRequest(http.MethodGet, site.Root+"?"+honeypotField+"=filled", nil))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	field := doc.ByID[honeypotField]
	if field == nil {
		t.Fatal("there is no honeypot")
	}
	if pagetest.Attribute(field, "tabindex") != "-1" || pagetest.Attribute(field, "autocomplete") != "off" || pagetest.Attribute(field.Parent, "aria-hidden") != "true" || pagetest.Attribute(field, "value") != "" {
		t.Error("people can reach the honeypot")
	}
	css, err := files.ReadFile("page/form.css")
	if err != nil || !strings.Contains(string(css), "."+pagetest.Attribute(field.Parent, "class")+" { display: none; }") {
		t.Errorf("the honeypot is visible: %v", err)
	}
}

func TestRateLimitOfForms(t *testing.T) {
	g := newGuardedForm(t, "")
	token := g.open(t)
	*g.now = g.now.Add(10 * time.Second)
	for i := range 5 {
		if status := g.send(with(token, "email", "ana"+strconv.Itoa(i)+"@contoso.com")).StatusCode; status != http.StatusSeeOther {
			t.Fatalf("number %d: status %d", i+1, status)
		}
	}
	response := g.send(with(token))
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "60" || len(g.queue.Messages) != 5 {
		t.Fatalf("the sixth: status %d, Retry-After %q, %d messages", response.StatusCode, response.Header.Get("Retry-After"), len(g.queue.Messages))
	}
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if !strings.Contains(doc.Text(), "in 1 minute") || pagetest.Attribute(doc.ByID["email"], "value") != "Ana@Contoso.com" {
		t.Errorf("the page loses the entries or does not say how long: %s", doc.Text())
	}
	elsewhere := g.send(with(token), func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.7, 198.51.100.1:443") })
	if elsewhere.StatusCode != http.StatusSeeOther {
		t.Errorf("another client: status %d", elsewhere.StatusCode)
	}
	claiming := g.send(with(token), func(r *http.Request) { r.Header.Set("X-Forwarded-For", "198.51.100.99, 203.0.113.7:40000") })
	if claiming.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a client that claims to be another one: status %d", claiming.StatusCode)
	}
	*g.now = g.now.Add(time.Minute)
	if status := g.send(with(doc.Hidden[tokenField])).StatusCode; status != http.StatusSeeOther {
		t.Errorf("after the wait: status %d", status)
	}
}

// sendJSON sends a submission as a program does.
func (g guardedForm) sendJSON(t *testing.T, header http.Header, more ...string) *http.Response {
	t.Helper()
	var properties map[string]string
	err := json.Unmarshal([]byte(anaJSON(t)), &properties)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(more); i += 2 {
		properties[more[i]] = more[i+1]
	}
	encoded, err := json.Marshal(properties)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, site.Root, bytes.NewReader(encoded))
	r.Header = header.Clone()
	r.Header.Set("Content-Type", pagetest.JSONType)
	r.Header.Set("X-Forwarded-For", "203.0.113.7:51234")
	return pagetest.Do(g, r)
}

var (
	byKey     = http.Header{guard.KeyHeader: {programKey}}
	bySite    = http.Header{"Origin": {"https://www.fabrikam.com"}, "Sec-Fetch-Site": {"cross-site"}}
	byNobody  = http.Header{}
	byWrong   = http.Header{guard.KeyHeader: {formKey}}
	byOwnPage = http.Header{"Origin": {"https://join.contoso.com"}, "Sec-Fetch-Site": {"same-origin"}}
)

func TestSendersOfJSON(t *testing.T) {
	for name, test := range map[string]struct {
		header http.Header
		status int
		shared string
	}{
		"a program":        {byKey, http.StatusAccepted, ""},
		"a listed site":    {bySite, http.StatusAccepted, "https://www.fabrikam.com"},
		"nobody":           {byNobody, http.StatusForbidden, ""},
		"a wrong key":      {byWrong, http.StatusForbidden, ""},
		"our own page":     {byOwnPage, http.StatusForbidden, ""},
		"an unlisted site": {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuardedForm(t, "")
			response := g.sendJSON(t, test.header)
			if response.StatusCode != test.status || (len(g.queue.Messages) == 1) != (test.status == http.StatusAccepted) {
				t.Errorf("status %d, %d messages", response.StatusCode, len(g.queue.Messages))
			}
			if got := response.Header.Get("Access-Control-Allow-Origin"); got != test.shared {
				t.Errorf("shared with %q", got)
			}
			if test.status == http.StatusForbidden {
				pagetest.CheckProblem(t, response, pagetest.Body(t, response), problem.OriginRefused, "")
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	g := newGuardedForm(t, "")
	for origin, status := range map[string]int{"https://www.fabrikam.com": http.StatusNoContent, "https://evil.example": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodOptions, site.Root, nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "content-type")
		response := pagetest.Do(g, r)
		if response.StatusCode != status || (response.Header.Get("Access-Control-Allow-Methods") != "") != (status == http.StatusNoContent) {
			t.Errorf("%s: status %d, header %v", origin, response.StatusCode, response.Header)
		}
	}
}

func TestRateLimitOfJSON(t *testing.T) {
	g := newGuardedForm(t, "")
	for range 5 {
		g.sendJSON(t, bySite)
	}
	response := g.sendJSON(t, bySite)
	if response.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", response.Header.Get("Retry-After"))
	}
	pagetest.CheckProblem(t, response, pagetest.Body(t, response), problem.TooManyRequests, "60 seconds")
	for range 20 {
		if status := g.sendJSON(t, byKey).StatusCode; status != http.StatusAccepted {
			t.Fatalf("a program with a key: status %d", status)
		}
	}
	if status := g.sendJSON(t, byWrong).StatusCode; status != http.StatusTooManyRequests {
		t.Errorf("a client that guesses keys is not limited: status %d", status)
	}
}

func TestCaptcha(t *testing.T) {
	for _, provider := range guard.Providers() {
		t.Run(provider, func(t *testing.T) {
			g := newGuardedForm(t, provider)
			opened := pagetest.Do(g, httptest.NewRequest(http.MethodGet, site.Root, nil))
			policy := opened.Header.Get("Content-Security-Policy")
			page := pagetest.Body(t, opened)
			for _, part := range []string{`data-sitekey="` + captchasim.SiteKey + `"`, "<noscript>", `<script src="https://`} {
				if !strings.Contains(page, part) {
					t.Errorf("the page lacks %s", part)
				}
			}
			token := g.open(t)
			*g.now = g.now.Add(10 * time.Second)
			c := newGuards(t, guard.Config{Captcha: guard.Captcha{Provider: provider, SiteKey: "x", Secret: "x"}}, nil).Captcha
			for directive, sources := range c.Policy() {
				for _, source := range sources {
					if directive != "frame-src" && !strings.Contains(policy, source) {
						t.Errorf("the policy lacks %s of %s: %s", source, directive, policy)
					}
				}
			}
			field := c.Field()

			without := g.send(with(token))
			text := pagetest.Body(t, without)
			if without.StatusCode != http.StatusForbidden || !strings.Contains(text, "Ana@Contoso.com") || !strings.Contains(text, "are a person") {
				t.Errorf("without an answer: status %d", without.StatusCode)
			}
			if g.sim.Asked() != 0 {
				t.Error("the service was asked about an empty answer")
			}
			answer := g.sim.Solve(provider, "join.contoso.com")
			broken := g.send(with(token, field, answer, "email", "nonsense"))
			if broken.StatusCode != http.StatusUnprocessableEntity || g.sim.Asked() != 0 {
				t.Errorf("an answer was used up for a form with an error: status %d", broken.StatusCode)
			}
			if status := g.send(with(token, field, answer)).StatusCode; status != http.StatusSeeOther || len(g.queue.Messages) != 1 {
				t.Errorf("with an answer: status %d", status)
			}
			if status := g.send(with(token, field, answer)).StatusCode; status != http.StatusForbidden {
				t.Errorf("with a used answer: status %d", status)
			}
			g.sim.Fail(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
			*g.now = g.now.Add(10 * time.Minute)
			down := g.send(with(g.open(t), field, answer), func(r *http.Request) { *g.now = g.now.Add(time.Minute) })
			text = pagetest.Body(t, down)
			if down.StatusCode != http.StatusServiceUnavailable || down.Header.Get("Retry-After") == "" || !strings.Contains(text, "Ana@Contoso.com") {
				t.Errorf("while the service is down: status %d", down.StatusCode)
			}
			g.sim.Fail(nil)

			if status := g.sendJSON(t, byKey).StatusCode; status != http.StatusAccepted {
				t.Errorf("a program with a key is asked for an answer: status %d", status)
			}
			missing := g.sendJSON(t, bySite)
			pagetest.CheckProblem(t, missing, pagetest.Body(t, missing), problem.CaptchaFailed, answerProperty)
			given := g.sendJSON(t, bySite, answerProperty, g.sim.Solve(provider, "www.fabrikam.com"))
			if given.StatusCode != http.StatusAccepted {
				t.Errorf("a site with an answer: status %d", given.StatusCode)
			}
			if len(g.queue.Messages) != 3 {
				t.Errorf("%d messages on the queue, want 3", len(g.queue.Messages))
			}
		})
	}
}

func TestStrictTransportSecurityOnlyOverTLS(t *testing.T) {
	for proto, want := range map[string]string{"https": "max-age=31536000", "http": "", "": ""} {
		r := httptest.NewRequest(http.MethodGet, site.Root, nil)
		r.Header.Set("X-Forwarded-Proto", proto)
		if got := pagetest.Do(newForm(t), r).Header.Get("Strict-Transport-Security"); got != want {
			t.Errorf("by %q: %q, want %q", proto, got, want)
		}
	}
}

// Large and repeated headers do no harm.
func TestUnusualHeaders(t *testing.T) {
	for name, change := range map[string]func(http.Header){
		"a long list of hops": func(h http.Header) {
			h.Set("X-Forwarded-For", strings.Repeat("198.51.100.1, ", 50_000)+"203.0.113.7:1")
		},
		"a hop that is not an address": func(h http.Header) { h.Set("X-Forwarded-For", strings.Repeat("x", 500_000)) },
		"a long origin":                func(h http.Header) { h.Set("Origin", "https://"+strings.Repeat("x", 500_000)) },
		"a long cookie":                func(h http.Header) { h.Set("Cookie", "language="+strings.Repeat("x", 500_000)) },
		"a long key":                   func(h http.Header) { h.Set(guard.KeyHeader, strings.Repeat("x", 500_000)) },
		"a long accept":                func(h http.Header) { h.Set("Accept-Language", strings.Repeat("en,", 200_000)) },
		"a forwarded protocol":         func(h http.Header) { h.Set("X-Forwarded-Proto", "https\r\nSet-Cookie: x=1") },
		"a hop with a new line":        func(h http.Header) { h.Set("X-Forwarded-For", "203.0.113.7\r\nX: y") },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuardedForm(t, "")
			token := g.open(t)
			*g.now = g.now.Add(10 * time.Second)
			response := g.send(with(token), func(r *http.Request) { change(r.Header) })
			if response.StatusCode != http.StatusSeeOther {
				t.Errorf("status %d", response.StatusCode)
			}
			if response.Header.Get("Set-Cookie") != "" {
				t.Error("a header was put into the answer")
			}
		})
	}
	for name, values := range map[string]url.Values{
		"a doubled token":    {tokenField: {"a", "b"}},
		"a doubled honeypot": {honeypotField: {"", ""}},
	} {
		g := newGuardedForm(t, "")
		merged := ana()
		for field, texts := range values {
			merged[field] = texts
		}
		if status := g.send(merged).StatusCode; status != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, status)
		}
	}
}

// BenchmarkWhoSignsUp compares the time for known, unknown and denied partners; see
// TestWorkDoesNotDependOnThePartner.
func BenchmarkWhoSignsUp(b *testing.B) {
	for name, email := range map[string]string{"known": "ana@contoso.com", "unknown": "eve@unknown.com", "denied": "bob@denieds.com"} {
		b.Run(name, func(b *testing.B) {
			f := newForm(b, func(c *Config) { c.Queue, c.Log = forgetful{}, slog.New(slog.DiscardHandler) })
			values := ana()
			values.Set("email", email)
			encoded := values.Encode()
			b.ReportAllocs()
			for b.Loop() {
				if response := pagetest.Do(f, postAs(pagetest.FormType, encoded)); response.StatusCode != http.StatusSeeOther {
					b.Fatalf("status %d", response.StatusCode)
				}
			}
		})
	}
}
