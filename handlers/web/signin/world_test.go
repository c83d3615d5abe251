package signin

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/handlers/dev/signinsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/session"
	"guestlist/handlers/web/session/sessiontest"
	"guestlist/handlers/web/site"
)

const (
	tenant   = "11111111-0000-4000-8000-000000000001"
	clientID = "11111111-0000-4000-8000-000000000002"
	origin   = "https://reviews.contoso.com"
	scope    = "https://graph.microsoft.com/User.Read"
)

// world is the sign-in, the stand-in that it signs people in with, and a browser.
type world struct {
	*SignIn
	t        *testing.T
	now      time.Time
	sim      *signinsim.Server
	base     string // the address of the stand-in
	signer   *signinsim.Signer
	sessions *sessiontest.Memory
	members  *fakeMemberships
	log      *bytes.Buffer
	wire     *wire
	cookie   *http.Cookie // the browser's, nil for none
	// chosen are the cookies that the stand-in has set.
	chosen []*http.Cookie
}

// newWorld returns a world after the changes.
func newWorld(t *testing.T, changes ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, now: pagetest.Morning, sessions: new(sessiontest.Memory), members: new(fakeMemberships), log: new(bytes.Buffer), wire: new(wire)}
	clock := func() time.Time { return w.now }
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) { w.sim.ServeHTTP(a, r) }))
	server.Start()
	t.Cleanup(server.Close)
	w.base = server.URL
	var err error
	w.signer = signer()
	w.sim, err = signinsim.New(signinsim.Config{Tenant: tenant, Key: key(), Now: clock, Clients: []signinsim.Client{{
		ID: clientID, RedirectURIs: []string{origin + PathBack, origin + PathSignedOut}, Credentials: []signinsim.Credential{w.signer.Credential()},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	w.wire.next = server.Client().Transport
	config := Config{
		Service: site.Service{
			Style: pagetest.Style("Contoso"), Guards: guards(t, guard.Config{}, clock), Queue: new(pagetest.Queue), Now: clock,
			Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		},
		Provider: Provider{URL: w.base, Tenant: tenant, ClientID: clientID, Scope: scope}, Origin: origin,
		Sessions: w.sessions, Assertions: w.signer, Memberships: w.members, Random: rand.Reader, Transport: w.wire,
	}
	for _, change := range changes {
		change(&config)
	}
	w.SignIn, err = New(config)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// signer makes the assertions of all tests: another key takes a while to make.
var signer = sync.OnceValue(func() *signinsim.Signer {
	s, err := signinsim.NewSigner(clientID, "api://AzureADTokenExchange", func() time.Time { return pagetest.Morning })
	if err != nil {
		panic(err)
	}
	return s
})

// key signs the ID tokens of all tests.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return private
})

func guards(t *testing.T, config guard.Config, now func() time.Time) *guard.Guards {
	t.Helper()
	g, err := guard.New(config, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// wire remembers what went to the provider and what came back.
type wire struct {
	next http.RoundTripper

	mu     sync.Mutex
	bodies []string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.keep(string(body))
	}
	response, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	w.keep(string(body))
	return response, err
}

func (w *wire) keep(body string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies = append(w.bodies, body)
}

// fakeMemberships are the groups of everybody.
type fakeMemberships struct {
	groups []string
	err    error
	tokens []string // that it was given
}

func (m *fakeMemberships) Groups(_ context.Context, token string, most int) ([]string, error) {
	m.tokens = append(m.tokens, token)
	if most != session.MaxGroups {
		return nil, errors.New("another bound than that of a session")
	}
	return m.groups, m.err
}

// do sends a request of the browser, and keeps the cookie that the answer sets.
func (w *world) do(method, target string, header ...string) *http.Response {
	w.t.Helper()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("")
	}
	r := httptest.NewRequest(method, target, body)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", pagetest.FormType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if w.cookie != nil {
		r.AddCookie(w.cookie)
	}
	response := pagetest.Do(w.Handlers()[r.URL.Path], r)
	cookies := response.Cookies()
	if len(cookies) > 1 || len(response.Header.Values("Set-Cookie")) > 1 {
		w.t.Errorf("%s %s sets %d cookies, and the host passes one", method, r.URL.Path, len(cookies))
	}
	for _, c := range cookies {
		if c.Name == cookieName {
			w.cookie = c
			if c.MaxAge < 0 {
				w.cookie = nil
			}
		}
	}
	return response
}

// begin begins a sign-in and returns where the browser is sent.
func (w *world) begin(query string) *url.URL {
	w.t.Helper()
	response := w.do(http.MethodGet, PathSignIn+query)
	return w.redirected(response)
}

func (w *world) redirected(response *http.Response) *url.URL {
	w.t.Helper()
	to, err := url.Parse(response.Header.Get("Location"))
	if response.StatusCode != http.StatusSeeOther || err != nil {
		w.t.Fatalf("status %d, location %q, %v", response.StatusCode, response.Header.Get("Location"), err)
	}
	return to
}

// at opens an address of the stand-in, without following redirects.
func (w *world) at(method string, address *url.URL, form url.Values) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, address.String(), strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", pagetest.FormType)
	}
	for _, c := range w.chosen {
		r.AddCookie(c)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = response.Body.Close() })
	w.chosen = append(w.chosen, response.Cookies()...)
	return response
}

// choose lets the person sign in on the stand-in's page, and returns the path and query at which
// the answer comes back.
func (w *world) choose(to *url.URL, person string) string {
	w.t.Helper()
	chosen := *to
	chosen.Path = "/" + tenant + "/login"
	response := w.at(http.MethodPost, &chosen, url.Values{"person": {person}})
	back, found := strings.CutPrefix(response.Header.Get("Location"), origin)
	if !found {
		w.t.Fatalf("the stand-in answers %d %q", response.StatusCode, response.Header.Get("Location"))
	}
	return back
}

// signIn signs the person in, and returns the answer to the browser.
func (w *world) signIn(person string) *http.Response {
	w.t.Helper()
	return w.do(http.MethodGet, w.choose(w.begin(""), person), "Sec-Fetch-Site", "cross-site")
}

// current returns who is signed in in the browser.
func (w *world) current() (session.Session, error) {
	r := httptest.NewRequest(http.MethodGet, Root, nil)
	if w.cookie != nil {
		r.AddCookie(w.cookie)
	}
	return w.Session(r)
}

// wantNobody fails if somebody is signed in in the browser.
func (w *world) wantNobody() {
	w.t.Helper()
	got, err := w.current()
	if problem.CodeOf(err) != problem.SignInNeeded {
		w.t.Errorf("signed in: %+v, %v", got, err)
	}
}

// order orders a fault of the stand-in.
func (w *world) order(fault signinsim.Fault) {
	w.t.Helper()
	err := w.sim.Order(fault)
	if err != nil {
		w.t.Fatal(err)
	}
}

// logged returns the causes in the log.
func (w *world) logged() (causes []string) {
	for line := range strings.Lines(w.log.String()) {
		_, rest, found := strings.Cut(line, "cause=")
		if found {
			cause, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			causes = append(causes, cause)
		}
	}
	return causes
}
