package signin

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"guestlist/handlers/branding"
	"guestlist/handlers/dev/signinsim"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/session"
	"guestlist/handlers/web/session/sessiontest"
	"guestlist/handlers/web/signin"
	"guestlist/handlers/web/site"
)

// world is the review pages, with the sign-in and one page that shows who is signed in, and a
// provider.
type world struct {
	provider
	t        *testing.T
	app      *httptest.Server
	signer   *signinsim.Signer
	sessions *sessiontest.Memory
	log      bytes.Buffer
}

// each runs a test with every provider.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	for name, start := range providers {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, start)) })
	}
}

func newWorld(t *testing.T, start func(*testing.T, []string, *signinsim.Signer) provider) *world {
	t.Helper()
	w := &world{t: t, sessions: new(sessiontest.Memory)}
	mux := http.NewServeMux()
	w.app = httptest.NewTLSServer(mux)
	t.Cleanup(w.app.Close)
	var err error
	w.signer, err = signinsim.NewSigner(clientID, "", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	w.provider = start(t, []string{w.app.URL + signin.PathBack, w.app.URL + signin.PathSignedOut}, w.signer)
	guards, err := guard.New(guard.Config{}, time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signIn, err := signin.New(signin.Config{
		Service: site.Service{
			Style: branding.Style{Organisation: "Contoso"}, Guards: guards, Queue: noQueue{}, Now: time.Now, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		},
		Provider: signin.Provider{URL: w.address, Tenant: tenant, ClientID: clientID, Scope: scope}, Origin: w.app.URL,
		Sessions: w.sessions, Assertions: w, Memberships: w.members, Random: rand.Reader, Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, handler := range signIn.Handlers() {
		mux.Handle(path, handler)
	}
	page := func(a http.ResponseWriter, r *http.Request) {
		signedIn, err := signIn.Session(r)
		if err != nil {
			http.Redirect(a, r, signin.Start(r.URL.Path), http.StatusSeeOther)
			return
		}
		if r.URL.Path == "/reviews/who" {
			_ = json.NewEncoder(a).Encode(signedIn)
			return
		}
		a.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(a, `<!doctype html><title>Reviews</title><p id="who">%s</p><form method="post" action="%s"><button>Sign out</button></form>`,
			html.EscapeString(signedIn.Name), signin.PathSignOut)
	}
	mux.HandleFunc(signin.Root, page)
	mux.HandleFunc(signin.Root+"/{page}", page)
	return w
}

// Assertion implements [signin.Assertions].
func (w *world) Assertion(context.Context) (string, error) { return w.sign(nil), nil }

// sign returns an assertion after the change.
func (w *world) sign(change func(claims map[string]any)) string {
	return w.signer.Sign(func(claims map[string]any) {
		claims["aud"] = w.issuer()
		if change != nil {
			change(claims)
		}
	})
}

type noQueue struct{}

func (noQueue) Enqueue(context.Context, []byte) error { panic("a sign-in puts nothing on the queue") }

// A browser keeps cookies and follows redirects, up to the answer of the provider.
type browser struct {
	*world
	client *http.Client
}

func (w *world) newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w, &http.Client{
		Jar: jar, Transport: w.app.Client().Transport,
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path == signin.PathBack {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// open opens an address, by POST with a form, and returns the answer with its body.
func (b *browser) open(method, address string, form url.Values, header ...string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response, string(body)
}

// answer signs the person in at the provider, from a path of the app on, and returns the address at
// which the answer comes back. "" cancels.
func (b *browser) answer(path, person string) string {
	b.t.Helper()
	response, page := b.open(http.MethodGet, b.app.URL+path, nil)
	for range 4 { // a provider may ask who it is, and whether that is right
		back := response.Header.Get("Location")
		if strings.HasPrefix(back, b.app.URL+signin.PathBack+"?") {
			return back
		}
		f := b.form(page)
		if person == "" && f.cancel != "" {
			response, page = b.open(http.MethodGet, b.absolute(response, f.cancel), nil)
			continue
		}
		for name := range f.fields {
			switch name {
			case "login", "person":
				f.fields.Set(name, person)
			case "password":
				f.fields.Set(name, "any")
			}
		}
		response, page = b.open(http.MethodPost, b.absolute(response, f.action), f.fields)
	}
	b.t.Fatalf("the provider does not come to an end: %d %s", response.StatusCode, page)
	return ""
}

func (b *browser) absolute(page *http.Response, target string) string {
	b.t.Helper()
	u, err := page.Request.URL.Parse(target)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.String()
}

// form is the form of a provider's page.
type form struct {
	action string
	cancel string // where a link to cancel leads, "" if the form itself can
	fields url.Values
}

func (b *browser) form(page string) form {
	b.t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		b.t.Fatal(err)
	}
	f := form{fields: url.Values{}}
	for n := range root.Descendants() {
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
		}
		switch {
		case n.Data == "form":
			f.action = attributes["action"]
		case (n.Data == "input" || n.Data == "button") && attributes["name"] != "":
			f.fields.Set(attributes["name"], attributes["value"])
		case n.Data == "a" && strings.HasSuffix(attributes["href"], "/abort"):
			f.cancel = attributes["href"]
		}
	}
	if f.action == "" {
		b.t.Fatalf("there is no form: %s", page)
	}
	return f
}

// signIn signs the person in, and returns where that ends.
func (b *browser) signIn(path, person string) (*http.Response, string) {
	b.t.Helper()
	return b.open(http.MethodGet, b.answer(path, person), nil, "Sec-Fetch-Site", "cross-site")
}

// current returns who is signed in, by the app's own page; nobody, if the browser is sent
// elsewhere.
func (b *browser) current() session.Session {
	b.t.Helper()
	response, page := b.open(http.MethodGet, b.app.URL+"/reviews/who", nil)
	if response.Request.URL.Path != "/reviews/who" {
		return session.Session{}
	}
	var signedIn session.Session
	err := json.Unmarshal([]byte(page), &signedIn)
	if err != nil {
		b.t.Fatal(err)
	}
	return signedIn
}

// cookie returns the cookie of the app.
func (b *browser) cookie() *http.Cookie {
	b.t.Helper()
	u, err := url.Parse(b.app.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "__Host-guestlist" {
			return c
		}
	}
	return nil
}

// plant sets the cookie of the app, as nobody but the app should be able to.
func (b *browser) plant(value string) {
	b.t.Helper()
	u, err := url.Parse(b.app.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-guestlist", Value: value, Path: "/", Secure: true}})
}
