package signin

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/signinsim"
	"guestlist/handlers/i18n"
	"guestlist/handlers/problem"
	"guestlist/handlers/web/guard"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/problemdetails"
	"guestlist/handlers/web/session"
	"guestlist/handlers/web/site"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	w.members.groups = []string{signinsim.ReviewersGroup}
	to := w.begin("?to=/reviews/0123")
	query := to.Query()
	if to.Host != strings.TrimPrefix(w.base, "http://") || to.Path != "/"+tenant+"/oauth2/v2.0/authorize" {
		t.Errorf("sent to %s", to)
	}
	for name, want := range map[string]string{
		"client_id": clientID, "response_type": "code", "response_mode": "query", "redirect_uri": origin + PathBack,
		"code_challenge_method": "S256", "scope": "openid profile " + scope, "prompt": "",
	} {
		if got := query.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	wantCookie(t, w.cookie, awayPrefix, awayLifetime)
	secrets := []string{query.Get("state"), query.Get("nonce"), query.Get("code_challenge")}
	for i, secret := range secrets {
		if len(secret) != 43 || slices.Contains(secrets[:i], secret) || strings.Contains(w.cookie.Value, secret) {
			t.Errorf("state, nonce and challenge are %q, with the cookie %s", secrets, w.cookie.Value)
		}
	}

	response := w.do(http.MethodGet, w.choose(to, signinsim.Reviewer), "Sec-Fetch-Site", "cross-site")
	if got := w.redirected(response).String(); got != "/reviews/0123" {
		t.Errorf("returned to %s", got)
	}
	pagetest.CheckHeaders(t, response)
	wantCookie(t, w.cookie, sessionPrefix, session.Lifetime)
	got, err := w.current()
	want := session.Session{
		Person: "b0000000-0000-4000-8000-000000000001", Name: "rosa@standin.example", Roles: []session.Role{session.Reviewer},
		Groups: []string{signinsim.ReviewersGroup}, GroupsKnown: true, Until: w.now.Add(time.Hour).Truncate(100 * time.Nanosecond),
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if len(w.members.tokens) != 1 {
		t.Errorf("the groups were read with %d tokens", len(w.members.tokens))
	}
	if log := w.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "person=b0000000-0000-4000-8000-000000000001") {
		t.Errorf("logged %s", log)
	}
}

func wantCookie(t *testing.T, c *http.Cookie, prefix string, lifetime time.Duration) {
	t.Helper()
	if c == nil || !strings.HasPrefix(c.Value, prefix) {
		t.Fatalf("the cookie is %v", c)
	}
	if c.Name != "__Host-guestlist" || c.Path != "/" || c.Domain != "" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
		c.MaxAge != int(lifetime.Seconds()) {
		t.Errorf("the cookie is %v", c)
	}
}

// TestNothingIsAskedAtStart counts the calls of the provider: none before somebody comes back, and
// its keys once for all.
func TestNothingIsAskedAtStart(t *testing.T) {
	w := newWorld(t)
	to := w.begin("")
	if calls := w.sim.Calls(); len(calls) != 0 {
		t.Errorf("calls before anybody has come back: %v", calls)
	}
	w.do(http.MethodGet, w.choose(to, signinsim.Nobody))
	w.cookie = nil
	w.signIn(signinsim.Reviewer)
	calls := w.sim.Calls()
	delete(calls, "login")
	if diff := cmp.Diff(map[string]int{signinsim.TokenCall: 2, signinsim.KeysCall: 1}, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestPeople signs in everybody that the stand-in has.
func TestPeople(t *testing.T) {
	for _, person := range signinsim.People() {
		t.Run(person.Key, func(t *testing.T) {
			w := newWorld(t)
			response := w.signIn(person.Key)
			if person.Guest {
				wantRefused(t, w, response, guest)
				return
			}
			got, err := w.current()
			if err != nil || got.Person != person.ID || len(got.Roles) != len(person.Roles) || got.Guest {
				t.Errorf("signed in as %+v, %v", got, err)
			}
		})
	}
}

func TestGuestsWhereTheyMay(t *testing.T) {
	tests := map[string]struct {
		person string
		fault  signinsim.Kind
		guest  bool
	}{
		"a guest":                          {signinsim.Guest, "", true},
		"a member":                         {signinsim.Nobody, "", false},
		"nothing says that it is no guest": {signinsim.Nobody, signinsim.NoAccount, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Guests = true })
			if test.fault != "" {
				w.order(signinsim.Fault{Kind: test.fault})
			}
			w.signIn(test.person)
			got, err := w.current()
			if err != nil || got.Guest != test.guest {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// wantRefused fails unless the sign-in was refused for that cause.
func wantRefused(t *testing.T, w *world, response *http.Response, why cause) {
	t.Helper()
	text := pagetest.Body(t, response)
	if want := problemdetails.Status(consequences[why].code); response.StatusCode != want {
		t.Errorf("status %d, want %d", response.StatusCode, want)
	}
	if causes := w.logged(); len(causes) == 0 || causes[len(causes)-1] != string(why) {
		t.Errorf("logged %q, want %q: %s", causes, why, w.log)
	}
	d := pagetest.CheckPage(t, response, text)
	if !strings.Contains(d.Text(), string(why)) {
		t.Errorf("the page does not show the cause %s: %s", why, d.Text())
	}
	if why != signedIn {
		w.wantNobody()
		if n := w.sessions.Len(); n != 0 {
			t.Errorf("%d sessions are stored", n)
		}
	}
}

// TestAnswersOfProviderThatAreRefused orders faults of the provider.
func TestAnswersOfProviderThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		fault signinsim.Fault
		why   cause
	}{
		"another nonce":           {signinsim.Fault{Kind: signinsim.WrongNonce}, badToken},
		"no nonce":                {signinsim.Fault{Kind: signinsim.NoNonce}, badToken},
		"another audience":        {signinsim.Fault{Kind: signinsim.WrongAudience}, badToken},
		"also another audience":   {signinsim.Fault{Kind: signinsim.TwoAudiences}, badToken},
		"another issuer":          {signinsim.Fault{Kind: signinsim.WrongIssuer}, badToken},
		"another tenant":          {signinsim.Fault{Kind: signinsim.OtherTenant}, otherTenant},
		"no tenant":               {signinsim.Fault{Kind: signinsim.NoTenant}, otherTenant},
		"nobody":                  {signinsim.Fault{Kind: signinsim.NoPerson}, noPerson},
		"perhaps a guest":         {signinsim.Fault{Kind: signinsim.NoAccount}, guest},
		"expired":                 {signinsim.Fault{Kind: signinsim.Expired}, clock},
		"not yet valid":           {signinsim.Fault{Kind: signinsim.Future}, clock},
		"unsigned":                {signinsim.Fault{Kind: signinsim.Unsigned}, badToken},
		"signed by another key":   {signinsim.Fault{Kind: signinsim.WrongKey}, badToken},
		"signed by what all know": {signinsim.Fault{Kind: signinsim.PublicKey}, badToken},
		"no token":                {signinsim.Fault{Kind: signinsim.NoIDToken}, noToken},
		"a failing token endpoint": {
			signinsim.Fault{Kind: signinsim.Failure, Call: signinsim.TokenCall}, noAnswer},
		"a token endpoint that is busy": {
			signinsim.Fault{Kind: signinsim.Failure, Call: signinsim.TokenCall, Status: http.StatusTooManyRequests}, noAnswer},
		"a token endpoint that refuses": {
			signinsim.Fault{Kind: signinsim.Failure, Call: signinsim.TokenCall, Status: http.StatusBadRequest}, notExchanged},
		"no keys":              {signinsim.Fault{Kind: signinsim.Failure, Call: signinsim.KeysCall}, noAnswer},
		"slow tokens":          {signinsim.Fault{Kind: signinsim.Slowness, Call: signinsim.TokenCall}, noAnswer},
		"slow keys":            {signinsim.Fault{Kind: signinsim.Slowness, Call: signinsim.KeysCall}, noAnswer},
		"the person says no":   {signinsim.Fault{Kind: signinsim.ErrorAnswer, Error: "access_denied"}, cancelled},
		"the provider says no": {signinsim.Fault{Kind: signinsim.ErrorAnswer, Error: "server_error"}, failed},
		"an error in no code":  {signinsim.Fault{Kind: signinsim.ErrorAnswer, Error: "<b>rosa</b>"}, failed},
		"another state":        {signinsim.Fault{Kind: signinsim.WrongState}, otherCookie},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Timeout = 10 * time.Second })
			if test.fault.Kind == signinsim.Slowness {
				w = newWorld(t, func(c *Config) { c.Timeout = 100 * time.Millisecond })
			}
			w.order(test.fault)
			to := w.begin("?to=/reviews/0123")
			var back string
			if test.fault.Kind == signinsim.ErrorAnswer {
				back = strings.TrimPrefix(w.at(http.MethodGet, to, nil).Header.Get("Location"), origin)
			} else {
				back = w.choose(to, signinsim.Reviewer)
			}
			response := w.do(http.MethodGet, back, "Sec-Fetch-Site", "cross-site")
			wantRefused(t, w, response, test.why)
			if spent := w.cookie == nil; spent != (test.why != otherCookie) {
				t.Errorf("the cookie is gone: %t", spent)
			}
			w.sim.ClearFaults()
			var err error
			for range 10 { // the first ones may still wait for the same slow keys
				w.cookie, w.chosen = nil, nil
				w.signIn(signinsim.Reviewer)
				_, err = w.current()
				if err == nil {
					return
				}
			}
			t.Errorf("later sign-ins: %v", err)
		})
	}
}

// TestAnswersThatNobodyAskedFor are those that any site can send a browser with.
func TestAnswersThatNobodyAskedFor(t *testing.T) {
	tests := map[string]struct {
		answer func(w *world, back string) string // the answer that comes, in place of the right one
		why    cause
	}{
		"to nobody": {func(w *world, back string) string {
			w.cookie = nil
			return back
		}, noCookie},
		"in another browser": {func(w *world, back string) string {
			w.cookie = nil
			w.begin("")
			return back
		}, otherCookie},
		"to an earlier sign-in of this browser": {func(w *world, back string) string {
			w.begin("")
			return back
		}, otherCookie},
		"without a state":             {func(_ *world, back string) string { return without(back, "state") }, otherCookie},
		"without a code":              {func(_ *world, back string) string { return without(back, "code") }, malformed},
		"with an error and a code":    {func(_ *world, back string) string { return back + "&error=access_denied" }, malformed},
		"with two codes":              {func(_ *world, back string) string { return back + "&code=x" }, malformed},
		"with two states":             {func(_ *world, back string) string { return back + "&state=x" }, malformed},
		"that is not encoded":         {func(_ *world, back string) string { return back + "&x=%zz" }, malformed},
		"of another provider":         {func(_ *world, back string) string { return back + "&iss=https%3A%2F%2Fevil.example" }, otherIssuer},
		"with a code that is made up": {func(_ *world, back string) string { return without(back, "code") + "&code=made-up" }, notExchanged},
		"too late": {func(w *world, back string) string {
			w.now = w.now.Add(awayLifetime + time.Second)
			return back
		}, late},
		"long before it was asked for": {func(w *world, back string) string {
			w.now = w.now.Add(-clockSkew - time.Second)
			return back
		}, late},
		"with another page in the cookie": {func(w *world, back string) string {
			a, _ := parseAway(strings.TrimPrefix(w.cookie.Value, awayPrefix))
			a.to = "/reviews/9876"
			w.cookie.Value = awayPrefix + a.text()
			return back
		}, otherCookie},
		"with another time in the cookie": {func(w *world, back string) string {
			a, _ := parseAway(strings.TrimPrefix(w.cookie.Value, awayPrefix))
			a.at++
			w.cookie.Value = awayPrefix + a.text()
			return back
		}, otherCookie},
		"with another secret in the cookie": {func(w *world, back string) string {
			a, _ := parseAway(strings.TrimPrefix(w.cookie.Value, awayPrefix))
			a.secret[0]++
			w.cookie.Value = awayPrefix + a.text()
			return back
		}, otherCookie},
		"with no sense in the cookie": {func(w *world, back string) string {
			w.cookie.Value = awayPrefix + "x"
			return back
		}, noCookie},
		"that an attacker has begun": {func(w *world, _ string) string {
			// The attacker signs in up to the answer, in a browser of the attacker's own.
			victim := w.cookie
			w.cookie = nil
			answer := w.choose(w.begin(""), signinsim.Nobody)
			w.cookie = victim
			return answer
		}, otherCookie},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			back := w.choose(w.begin("?to=/reviews/0123"), signinsim.Reviewer)
			answer := test.answer(w, back)
			wantRefused(t, w, w.do(http.MethodGet, answer, "Sec-Fetch-Site", "cross-site"), test.why)
		})
	}
}

// without returns the path and query without a parameter.
func without(target, parameter string) string {
	u, _ := url.Parse(target)
	query := u.Query()
	query.Del(parameter)
	return u.Path + "?" + query.Encode()
}

// transport is a function as a RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRedirectOfProviderIsNotFollowed lets the token endpoint send the app to another host.
func TestRedirectOfProviderIsNotFollowed(t *testing.T) {
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		w := newWorld(t)
		w.wire.next = transport(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "elsewhere.example" {
				t.Errorf("status %d: the code and the assertion go to another host", status)
			}
			return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://elsewhere.example"}}, Body: http.NoBody}, nil
		})
		wantRefused(t, w, w.signIn(signinsim.Reviewer), noAnswer)
	}
}

// TestAnswersWithoutEnd: what a provider sends is read up to a bound.
func TestAnswersWithoutEnd(t *testing.T) {
	for _, path := range []string{"/oauth2/v2.0/token", "/discovery/v2.0/keys"} {
		w := newWorld(t)
		sent := new(endless)
		config := w.config
		config.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/"+tenant+path {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: sent}, nil
			}
			return w.wire.RoundTrip(r)
		})
		var err error
		w.SignIn, err = New(config)
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, w, w.signIn(signinsim.Reviewer), noAnswer)
		if n := sent.bytes.Load(); n > 4<<20 {
			t.Errorf("%s: %d bytes were read", path, n)
		}
	}
}

// endless is a body of spaces, up to much more than anybody should read.
type endless struct{ bytes atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	if e.bytes.Add(int64(len(p))) > 64<<20 {
		return 0, io.EOF
	}
	return len(p), nil
}

func (e *endless) Close() error { return nil }

// TestCookieThatWeDidNotWrite signs nobody in, even with the answer that fits it.
func TestCookieThatWeDidNotWrite(t *testing.T) {
	a := away{secret: [32]byte{1}, at: pagetest.Morning.Unix(), to: "/reviews/0123"}
	parts := strings.Split(a.text(), ".")
	elsewhere, inside := a, a
	elsewhere.to, inside.to = "//evil.example", PathSignIn
	for name, text := range map[string]string{
		"a page of others": elsewhere.text(), "a page of the sign-in": inside.text(),
		"a sign before the time": parts[0] + ".+" + parts[1] + "." + parts[2], "a zero before the time": parts[0] + ".0" + parts[1] + "." + parts[2],
		"no time": parts[0] + ".." + parts[2], "a short secret": parts[0][:42] + "." + parts[1] + "." + parts[2],
		"unused bits": parts[0][:42] + "B." + parts[1] + "." + parts[2], "a fourth part": a.text() + ".", "two parts": parts[0] + "." + parts[1],
		"much text": a.text() + strings.Repeat("A", maxCookie),
	} {
		_, valid := parseAway(text)
		if valid {
			t.Errorf("%s is read", name)
		}
	}
	if got, valid := parseAway(a.text()); !valid || got != a {
		t.Errorf("our own is read as %+v, %t", got, valid)
	}
}

func TestAnswerCountsOnce(t *testing.T) {
	w := newWorld(t)
	to := w.begin("")
	away := w.cookie
	back := w.choose(to, signinsim.Reviewer)
	w.do(http.MethodGet, back)
	first, err := w.current()
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, w, w.do(http.MethodGet, back), signedIn)
	if again, err := w.current(); err != nil || again.Person != first.Person || w.sessions.Len() != 1 {
		t.Errorf("afterwards %+v is signed in, %v, with %d sessions", again, err, w.sessions.Len())
	}
	// With a copy of the cookie, the code is refused: it counts once.
	w.cookie = away
	response := w.do(http.MethodGet, back)
	if response.StatusCode != http.StatusForbidden || w.cookie != nil || w.sessions.Len() != 1 {
		t.Errorf("status %d, cookie %v, %d sessions", response.StatusCode, w.cookie, w.sessions.Len())
	}
}

// TestPlantedSessionIsNeverTakenUp: an attacker who could plant a cookie would know the id.
func TestPlantedSessionIsNeverTakenUp(t *testing.T) {
	w := newWorld(t)
	planted := session.ID{1, 2, 3}
	w.cookie = &http.Cookie{Name: cookieName, Value: sessionPrefix + planted.Text()}
	w.signIn(signinsim.Reviewer)
	if w.cookie == nil || w.cookie.Value == sessionPrefix+planted.Text() {
		t.Errorf("the cookie is %v", w.cookie)
	}
	_, err := w.sessions.Session(t.Context(), planted.Key())
	if problem.CodeOf(err) != problem.NotFound {
		t.Errorf("the planted id has a session: %v", err)
	}
}

func TestEachSignInHasANewID(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for range 3 {
		w.cookie = nil
		w.signIn(signinsim.Reviewer)
		seen[w.cookie.Value] = true
	}
	if len(seen) != 3 || w.sessions.Len() != 3 {
		t.Errorf("%d ids, %d sessions", len(seen), w.sessions.Len())
	}
}

func TestReturnPath(t *testing.T) {
	for _, path := range []string{"/reviews", "/reviews/0123", "/reviews/0123/decide", "/reviews/history", "/reviews/a-b_c.d~e", "/reviews/a:b@c"} {
		if got := returnPath(path); got != path {
			t.Errorf("%q becomes %q", path, got)
		}
	}
	for _, path := range []string{
		"", "/", "reviews", "/signup", "/reviewsx", "/reviews/", "/reviews//evil.example", "//evil.example/reviews", "/\\evil.example", "/reviews/\\evil.example",
		"https://evil.example/reviews", "https:/reviews", "https:", "javascript:alert(1)", "/reviews/..", "/reviews/../signup", "/reviews/./x", "/reviews/%2e%2e/x", "/reviews/%2f",
		"/reviews?x", "/reviews/x?y", "/reviews/x#y", "/reviews/a b", "/reviews/a\tb", "/reviews/a\r\nSet-Cookie: x", "/reviews/\x00", "/reviews/ä", "/reviews/\u202e",
		PathSignIn, PathBack, PathSignOut, PathSignedOut, "/reviews/" + strings.Repeat("x", maxPath),
	} {
		if got := returnPath(path); got != Root {
			t.Errorf("%q becomes %q", path, got)
		}
	}
}

// TestNoOpenRedirect signs in with pages of others to return to.
func TestNoOpenRedirect(t *testing.T) {
	for _, to := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "/reviews/../../evil", "/reviews/%2e%2e", "/reviews\r\nX: y"} {
		w := newWorld(t)
		back := w.choose(w.begin("?to="+url.QueryEscape(to)), signinsim.Reviewer)
		if got := w.redirected(w.do(http.MethodGet, back)).String(); got != Root {
			t.Errorf("%q leads to %q", to, got)
		}
		if got := w.begin("?to=" + url.QueryEscape(to)).String(); got != Root {
			t.Errorf("signed in already, %q leads to %q", to, got)
		}
	}
	if got := Start("https://evil.example"); got != PathSignIn+"?to=%2Freviews" {
		t.Errorf("Start: %q", got)
	}
}

// TestOriginIsNotThatOfTheRequest sends headers that name another host.
func TestOriginIsNotThatOfTheRequest(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodGet, "https://evil.example"+PathSignIn, nil)
	r.Header.Set("X-Forwarded-Host", "evil.example")
	response := pagetest.Do(w.Handlers()[PathSignIn], r)
	if to := w.redirected(response); to.Query().Get("redirect_uri") != origin+PathBack {
		t.Errorf("sent to %s", to)
	}
}

func TestStartWithSession(t *testing.T) {
	w := newWorld(t)
	w.signIn(signinsim.Reviewer)
	before := w.cookie.Value
	if got := w.begin("?to=/reviews/0123").String(); got != "/reviews/0123" || w.cookie.Value != before {
		t.Errorf("sent to %s with the cookie %s", got, w.cookie.Value)
	}
	w.now = w.now.Add(session.Lifetime)
	if got := w.begin("?to=/reviews/0123"); got.Host == "" {
		t.Errorf("after the session has ended, sent to %s", got)
	}
}

func TestGroupsThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.members.groups, w.members.err = []string{signinsim.ReviewersGroup}, problem.New(problem.Internal, "reading groups")
	w.signIn(signinsim.Reviewer)
	got, err := w.current()
	if err != nil || got.GroupsKnown || len(got.Groups) != 0 || got.In(signinsim.ReviewersGroup) || !got.Has(session.Reviewer) {
		t.Errorf("%+v, %v", got, err)
	}
	if !strings.Contains(w.log.String(), "the groups of a person can't be read") || !strings.Contains(w.log.String(), "groupsKnown=false") {
		t.Errorf("logged %s", w.log)
	}
	// Signing in again is how to get them. The former session ends.
	before := w.cookie
	w.members.err = nil
	w.signIn(signinsim.Reviewer)
	got, err = w.current()
	if err != nil || !got.In(signinsim.ReviewersGroup) || w.sessions.Len() != 1 {
		t.Errorf("%+v, %v with %d sessions", got, err, w.sessions.Len())
	}
	w.cookie = before
	w.wantNobody()
}

func TestTooManyGroupsAreNone(t *testing.T) {
	w := newWorld(t)
	w.members.groups = make([]string, session.MaxGroups+1)
	w.signIn(signinsim.Reviewer)
	got, err := w.current()
	if err != nil || got.GroupsKnown || len(got.Groups) != 0 {
		t.Errorf("groups known %t, %d of them, %v", got.GroupsKnown, len(got.Groups), err)
	}
}

func TestOnlyKnownRolesCount(t *testing.T) {
	w := newWorld(t)
	err := w.sim.Change(signinsim.Reviewer, func(p *signinsim.Person) {
		p.Roles = []string{"Auditor", "Owner", "reviewer", "Operator", "Auditor", "", "Reviewer "}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.signIn(signinsim.Reviewer)
	got, err := w.current()
	if diff := cmp.Diff([]session.Role{session.Operator, session.Auditor}, got.Roles); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestNamesAreReadable(t *testing.T) {
	tests := map[string]struct{ userName, name, want string }{
		"the sign-in name":        {"ana@contoso.com", "Ana", "ana@contoso.com"},
		"no sign-in name":         {"", "Ana Silva", "Ana Silva"},
		"neither":                 {"", "", ""},
		"letters of any script":   {"", "アナ 💐 Ó", "アナ 💐 Ó"},
		"what turns text around":  {"", "ana\u202e\u2066moc\x00\r\n", "anamoc"},
		"nothing that is printed": {"\u200b\x07", "Ana", "Ana"},
		"too long":                {strings.Repeat("ä", 200), "", strings.Repeat("ä", 128)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			err := w.sim.Change(signinsim.Nobody, func(p *signinsim.Person) { p.UserName, p.Name = test.userName, test.name })
			if err != nil {
				t.Fatal(err)
			}
			w.signIn(signinsim.Nobody)
			got, err := w.current()
			if err != nil || got.Name != test.want {
				t.Errorf("%q, %v", got.Name, err)
			}
		})
	}
}

func TestNewKeyOfProvider(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.cookie = nil
		w.order(signinsim.Fault{Kind: signinsim.Rotation})
		w.signIn(signinsim.Reviewer)
		_, err := w.current()
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := w.sim.Calls()[signinsim.KeysCall]; n != 3 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// failing fails to give an assertion.
type failing struct{ error }

func (f failing) Assertion(context.Context) (string, error) { return "", f.error }

func TestAppThatCannotProveItself(t *testing.T) {
	tests := map[string]struct {
		change func(*Config, *world)
		why    cause
	}{
		"no assertion": {func(c *Config, _ *world) { c.Assertions = failing{errors.New("the platform answered 400")} }, noAssertion},
		"an assertion for another": {func(c *Config, w *world) {
			c.Assertions = signed(func(claims map[string]any) { claims["aud"] = "https://other.example" }, w)
		}, notExchanged},
		"an expired assertion": {func(c *Config, w *world) {
			c.Assertions = signed(func(claims map[string]any) { claims["exp"] = w.now.Unix() }, w)
		}, notExchanged},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			config := w.config
			test.change(&config, w)
			var err error
			w.SignIn, err = New(config)
			if err != nil {
				t.Fatal(err)
			}
			wantRefused(t, w, w.signIn(signinsim.Reviewer), test.why)
			if !strings.Contains(w.log.String(), "level=ERROR") {
				t.Errorf("no error is logged: %s", w.log)
			}
		})
	}
}

// assertions are a function as Assertions.
type assertions func() string

func (a assertions) Assertion(context.Context) (string, error) { return a(), nil }

func signed(change func(map[string]any), w *world) Assertions {
	return assertions(func() string { return w.signer.Sign(change) })
}

func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	w.signIn(signinsim.Reviewer)
	w.now = w.now.Add(session.Lifetime - time.Second)
	_, err := w.current()
	if err != nil {
		t.Errorf("a second before the end: %v", err)
	}
	w.now = w.now.Add(time.Second)
	w.wantNobody()
}

func TestSessionNeedsItsCookie(t *testing.T) {
	w := newWorld(t)
	w.signIn(signinsim.Reviewer)
	value := w.cookie.Value
	other := session.ID{1}
	tests := map[string][]string{
		"none":              nil,
		"another id":        {cookieName + "=" + sessionPrefix + other.Text()},
		"no id":             {cookieName + "=" + sessionPrefix},
		"the id alone":      {cookieName + "=" + strings.TrimPrefix(value, sessionPrefix)},
		"the other kind":    {cookieName + "=" + awayPrefix + strings.TrimPrefix(value, sessionPrefix)},
		"the key of the id": {cookieName + "=" + sessionPrefix + session.ID(idIn(value).Key()).Text()},
		"another name":      {"guestlist=" + value},
		"two cookies":       {cookieName + "=" + value + "; " + cookieName + "=" + value},
		"two headers":       {cookieName + "=" + value, cookieName + "=" + value},
		"a long value":      {cookieName + "=" + sessionPrefix + strings.Repeat("A", 100_000)},
	}
	for name, cookies := range tests {
		r := httptest.NewRequest(http.MethodGet, Root, nil)
		for _, c := range cookies {
			r.Header.Add("Cookie", c)
		}
		got, err := w.Session(r)
		if problem.CodeOf(err) != problem.SignInNeeded || got.Person != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func idIn(value string) session.ID {
	id, _ := session.ParseID(strings.TrimPrefix(value, sessionPrefix))
	return id
}

func TestSignInForgetsOldSessions(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		old := session.Session{Person: clientID, Until: w.now.Add(-time.Minute)}
		err := w.sessions.SaveSession(t.Context(), session.Key{byte(i)}, old)
		if err != nil {
			t.Fatal(err)
		}
	}
	w.signIn(signinsim.Reviewer)
	if n := w.sessions.Len(); n != 1 {
		t.Errorf("%d sessions are kept, want that of the last sign-in", n)
	}
}

// forgetful is a store that can't remove what is old.
type forgetful struct{ session.Store }

func (forgetful) ForgetSessions(context.Context, time.Time, string, int) (string, error) {
	return "", problem.New(problem.StorageUnavailable, "the store")
}

func TestSignInGoesOnWhereNothingCanBeForgotten(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Sessions = forgetful{c.Sessions} })
	w.signIn(signinsim.Reviewer)
	_, err := w.current()
	if err != nil {
		t.Error(err)
	}
}

func TestSessionWhereStoreFails(t *testing.T) {
	w := newWorld(t)
	w.signIn(signinsim.Reviewer)
	for _, test := range []struct{ failure, want problem.Code }{
		{problem.StorageUnavailable, problem.StorageUnavailable}, {problem.Internal, problem.StorageUnavailable}, {problem.RecordUnreadable, problem.SignInNeeded},
	} {
		w.sessions.Fail(problem.New(test.failure, "the store"))
		got, err := w.current()
		if problem.CodeOf(err) != test.want || got.Person != "" {
			t.Errorf("%s: %+v, %v", test.failure, got, err)
		}
	}
}

func TestSignInThatCannotBeStored(t *testing.T) {
	w := newWorld(t)
	back := w.choose(w.begin(""), signinsim.Reviewer)
	w.sessions.Fail(problem.New(problem.StorageUnavailable, "the store"))
	response := w.do(http.MethodGet, back)
	w.sessions.Fail(nil)
	wantRefused(t, w, response, notStored)
	if response.Header.Get("Retry-After") == "" {
		t.Error("the page does not say when to come again")
	}
}

func TestSignOut(t *testing.T) {
	w := newWorld(t)
	w.signIn(signinsim.Reviewer)
	copied := w.cookie
	response := w.do(http.MethodPost, PathSignOut)
	if got := w.redirected(response).String(); got != PathSignedOut || w.cookie != nil {
		t.Errorf("sent to %s with the cookie %v", got, w.cookie)
	}
	w.cookie = copied
	w.wantNobody() // a copy of the cookie is of no use
	w.cookie = nil
	page := w.do(http.MethodGet, PathSignedOut)
	if d := pagetest.CheckPage(t, page, strings.ReplaceAll(pagetest.Body(t, page), w.base, "https://login.microsoftonline.com")); d.Title != "You are signed out" {
		t.Errorf("title %q", d.Title)
	}
	if response := w.do(http.MethodPost, PathSignOut); response.StatusCode != http.StatusSeeOther {
		t.Errorf("signing out twice: %d", response.StatusCode)
	}
}

func TestSignOutOfOtherSitesIsRefused(t *testing.T) {
	tests := map[string][]string{
		"another site":       {"Sec-Fetch-Site", "cross-site"},
		"a neighbouring one": {"Sec-Fetch-Site", "same-site"},
		"an older browser":   {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		"nowhere":            {"Sec-Fetch-Site", "", "Origin", "null"},
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signIn(signinsim.Reviewer)
			response := w.do(http.MethodPost, PathSignOut, header...)
			d := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			_, err := w.current()
			if response.StatusCode != http.StatusForbidden || err != nil || d.First("form") == nil {
				t.Errorf("status %d, signed in: %v", response.StatusCode, err)
			}
		})
	}
}

func TestSignOutThatFails(t *testing.T) {
	w := newWorld(t)
	w.signIn(signinsim.Reviewer)
	w.sessions.Fail(problem.New(problem.StorageUnavailable, "the store"))
	response := w.do(http.MethodPost, PathSignOut)
	w.sessions.Fail(nil)
	if response.StatusCode != http.StatusServiceUnavailable || !slices.Contains(w.logged(), string(notEnded)) {
		t.Errorf("status %d, logged %s", response.StatusCode, w.log)
	}
	// The browser keeps its cookie, so that the person can sign out after all.
	_, err := w.current()
	if err != nil {
		t.Error(err)
	}
}

func TestPageOfSignedOutIsNotForThoseSignedIn(t *testing.T) {
	w := newWorld(t)
	w.signIn(signinsim.Reviewer)
	if got := w.redirected(w.do(http.MethodGet, PathSignedOut)).String(); got != Root {
		t.Errorf("sent to %s", got)
	}
}

func TestMethods(t *testing.T) {
	w := newWorld(t)
	tests := map[string]string{PathSignIn: "GET", PathBack: "GET", PathSignOut: "POST", PathSignedOut: "GET, HEAD"}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(tests)), slices.Sorted(maps.Keys(w.Handlers()))); diff != "" {
		t.Fatalf("paths (-want +got):\n%s", diff)
	}
	for path, allowed := range tests {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
			response := w.do(method, path)
			refused := response.StatusCode == http.StatusMethodNotAllowed
			if refused == slices.Contains(strings.Split(allowed, ", "), method) {
				t.Errorf("%s %s: status %d", method, path, response.StatusCode)
			}
			if refused && response.Header.Get("Allow") != allowed {
				t.Errorf("%s %s: allowed are %q", method, path, response.Header.Get("Allow"))
			}
		}
	}
}

func TestRateLimitOfAnswers(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Guards = guards(t, guard.Config{Limit: guard.Limit{Burst: 1, Every: time.Minute}}, c.Now)
	})
	const client = "203.0.113.9"
	w.do(http.MethodGet, w.choose(w.begin(""), signinsim.Nobody), "X-Forwarded-For", client)
	w.cookie = nil
	before := w.sim.Calls()[signinsim.TokenCall]
	back := w.choose(w.begin(""), signinsim.Nobody)
	response := w.do(http.MethodGet, back, "X-Forwarded-For", client)
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "60" || w.sim.Calls()[signinsim.TokenCall] != before {
		t.Errorf("status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
	}
	// The answer still counts when the wait is over.
	w.now = w.now.Add(time.Minute)
	w.do(http.MethodGet, back, "X-Forwarded-For", client)
	_, err := w.current()
	if err != nil {
		t.Error(err)
	}
}

func TestRateLimitOfSignOut(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Guards = guards(t, guard.Config{Limit: guard.Limit{Burst: 1, Every: time.Minute}}, c.Now)
	})
	w.do(http.MethodPost, PathSignOut, "X-Forwarded-For", "203.0.113.9")
	response := w.do(http.MethodPost, PathSignOut, "X-Forwarded-For", "203.0.113.9")
	d := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "60" || d.First("form") == nil {
		t.Errorf("status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
	}
}

func TestAnswersForPrograms(t *testing.T) {
	w := newWorld(t)
	response := w.do(http.MethodGet, PathBack+"?code=x&state=y", "Accept", "application/json")
	pagetest.CheckProblem(t, response, pagetest.Body(t, response), problem.SignInRefused, "another browser")
}

// TestEveryCauseHasItsPage shows the page of each cause in each language.
func TestEveryCauseHasItsPage(t *testing.T) {
	w := newWorld(t)
	show := func(why cause) http.Handler {
		return w.pages.Handler(func(x *site.Exchange) { w.refuse(x, &refusal{why: why, to: "/reviews/0123"}) }, http.MethodGet)
	}
	titles := map[string]string{}
	for _, why := range slices.Sorted(maps.Keys(consequences)) {
		for _, language := range i18n.Languages() {
			r := httptest.NewRequest(http.MethodGet, PathBack, nil)
			r.Header.Set("Accept-Language", language.Tag)
			response := pagetest.Do(show(why), r)
			text := pagetest.Body(t, response)
			d := pagetest.CheckPage(t, response, text)
			if missing := pagetest.MissingText(d.Text()); missing != "" {
				t.Errorf("%s in %s: the text %s is missing", why, language.Tag, missing)
			}
			if got := pagetest.Attribute(d.First("html"), "lang"); got != language.Tag {
				t.Errorf("%s in %s: the page is in %s", why, language.Tag, got)
			}
			if language.Tag == "en" {
				titles[consequences[why].about] = d.Title
			}
		}
	}
	if len(titles) != 11 || len(slices.Compact(slices.Sorted(maps.Values(titles)))) != 11 {
		t.Errorf("the pages are titled %v", titles)
	}
}

// TestRefusedPersonCanBeSomebodyElse: the provider would not ask by itself.
func TestRefusedPersonCanBeSomebodyElse(t *testing.T) {
	w := newWorld(t)
	to := w.begin("?to=/reviews/0123")
	response := w.do(http.MethodGet, w.choose(to, signinsim.Guest))
	d := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	link := ""
	for _, n := range d.Elements {
		if target := pagetest.Attribute(n, "href"); strings.HasPrefix(target, PathSignIn) {
			link = target
		}
	}
	again := w.redirected(w.do(http.MethodGet, link))
	if again.Query().Get("prompt") != "select_account" {
		t.Errorf("the link %q leads to %s", link, again)
	}
	back := w.choose(again, signinsim.Reviewer)
	if got := w.redirected(w.do(http.MethodGet, back)).String(); got != "/reviews/0123" {
		t.Errorf("returned to %s", got)
	}
}

// TestNoSecretIsLogged signs in, out and in vain in every way, and looks for what was secret or
// personal.
func TestNoSecretIsLogged(t *testing.T) {
	var secrets []string
	note := func(w *world, values ...string) {
		if w.cookie != nil {
			_, value, _ := strings.Cut(w.cookie.Value, ".")
			values = append(values, value)
			if a, valid := parseAway(value); valid {
				values = append(values, a.state(), a.nonce(), a.verifier())
			}
		}
		for _, value := range values {
			if len(value) > 8 {
				secrets = append(secrets, value)
			}
		}
	}
	kinds := []signinsim.Kind{
		"", signinsim.WrongNonce, signinsim.WrongAudience, signinsim.TwoAudiences, signinsim.WrongIssuer, signinsim.OtherTenant, signinsim.NoPerson,
		signinsim.NoAccount, signinsim.Expired, signinsim.Future, signinsim.Unsigned, signinsim.WrongKey, signinsim.PublicKey, signinsim.NoIDToken,
		signinsim.Failure, signinsim.ErrorAnswer,
	}
	for _, kind := range kinds {
		w := newWorld(t)
		w.members.err = problem.New(problem.Internal, "reading groups")
		switch kind {
		case "":
		case signinsim.Failure:
			w.order(signinsim.Fault{Kind: kind, Call: signinsim.TokenCall, Status: http.StatusBadRequest})
		case signinsim.ErrorAnswer:
			w.order(signinsim.Fault{Kind: kind, Error: "access_denied"})
		default:
			w.order(signinsim.Fault{Kind: kind})
		}
		to := w.begin("?to=/reviews/0123")
		note(w)
		var back string
		if kind == signinsim.ErrorAnswer {
			back = strings.TrimPrefix(w.at(http.MethodGet, to, nil).Header.Get("Location"), origin)
		} else {
			back = w.choose(to, signinsim.Reviewer)
		}
		u, _ := url.Parse(back)
		note(w, u.Query().Get("code"), u.Query().Get("session_state"))
		pages := []string{pagetest.Body(t, w.do(http.MethodGet, back))}
		note(w, w.members.tokens...)
		pages = append(pages, pagetest.Body(t, w.do(http.MethodGet, back)), pagetest.Body(t, w.do(http.MethodPost, PathSignOut)))
		for _, body := range w.wire.bodies {
			if form, err := url.ParseQuery(body); err == nil && form.Has("client_assertion") {
				note(w, form.Get("client_assertion"), form.Get("code_verifier"))
			}
			if _, token, found := strings.Cut(body, `"id_token":"`); found {
				token, _, _ = strings.Cut(token, `"`)
				note(w, strings.Split(token, ".")...)
			}
		}
		for _, secret := range append(secrets, "rosa", "Rosa", "standin.example", "Trace") {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("%s: %q is in the log: %s", kind, secret, w.log)
			}
			for _, page := range pages {
				if strings.Contains(page, secret) {
					t.Errorf("%s: %q is on a page", kind, secret)
				}
			}
		}
	}
	if len(secrets) < 100 {
		t.Errorf("only %d secrets were looked for", len(secrets))
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	tests := map[string]func(*Config){
		"no tenant":             func(c *Config) { c.Provider.Tenant = "" },
		"a tenant by name":      func(c *Config) { c.Provider.Tenant = "contoso.com" },
		"all tenants":           func(c *Config) { c.Provider.Tenant = "common" },
		"a tenant in capitals":  func(c *Config) { c.Provider.Tenant = "AAAAAAAA-0000-4000-8000-000000000001" },
		"no client":             func(c *Config) { c.Provider.ClientID = "" },
		"no provider":           func(c *Config) { c.Provider.URL = "" },
		"a provider's path":     func(c *Config) { c.Provider.URL += "/" },
		"no scope":              func(c *Config) { c.Provider.Scope = "" },
		"no origin":             func(c *Config) { c.Origin = "" },
		"an origin with a path": func(c *Config) { c.Origin += "/reviews" },
		"an origin with a user": func(c *Config) { c.Origin = "https://evil.example@reviews.contoso.com" },
		"another scheme":        func(c *Config) { c.Origin = "ftp://reviews.contoso.com" },
		"no sessions":           func(c *Config) { c.Sessions = nil },
		"no assertions":         func(c *Config) { c.Assertions = nil },
		"no memberships":        func(c *Config) { c.Memberships = nil },
		"no randomness":         func(c *Config) { c.Random = nil },
		"a negative timeout":    func(c *Config) { c.Timeout = -1 },
		"no clock":              func(c *Config) { c.Now = nil },
	}
	config := newWorld(t).config
	for name, change := range tests {
		changed := config
		change(&changed)
		_, err := New(changed)
		if err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
}

// FuzzReturnPath looks for a path of others that is taken for one of ours.
func FuzzReturnPath(f *testing.F) {
	for _, seed := range []string{"/reviews", "/reviews/0123", "//evil.example", "/reviews/..", "/reviews/\\", "/reviews/%2e", "https://reviews/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := returnPath(text)
		if got != Root && (got != text || !strings.HasPrefix(got, Root+"/")) {
			t.Fatalf("%q becomes %q", text, got)
		}
		base, _ := url.Parse(origin + PathBack)
		to, err := base.Parse(got)
		if err != nil || to.Scheme+"://"+to.Host != origin || to.Path != got || to.RawQuery != "" || to.Fragment != "" || to.Opaque != "" || to.User != nil {
			t.Fatalf("%q leads to %v, %v", text, to, err)
		}
		if returnPath(got) != got {
			t.Fatalf("%q is not kept", got)
		}
	})
}

// FuzzCookie looks for values with two spellings, and for ones that sign anybody in.
func FuzzCookie(f *testing.F) {
	a := away{secret: [32]byte{1}, at: pagetest.Morning.Unix(), to: "/reviews/0123"}
	for _, seed := range []string{awayPrefix + a.text(), sessionPrefix + session.ID{1}.Text(), "", "a.", "s.", "a...", "a.." + a.text(), `"` + awayPrefix + a.text() + `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, Root, nil)
		r.Header.Set("Cookie", cookieName+"="+value)
		id, isSession := idOf(r)
		a, isAway := awayOf(r)
		if isSession && isAway {
			t.Fatal("it is of both kinds")
		}
		bare := strings.Trim(value, `" `)
		if isSession && !strings.Contains(bare, sessionPrefix+id.Text()) {
			t.Fatalf("%q is read as the id %s", value, id.Text())
		}
		if isAway && (!strings.Contains(bare, awayPrefix+a.text()) || returnPath(a.to) != a.to || len(a.text()) > maxCookie) {
			t.Fatalf("%q is read as %q", value, a.text())
		}
	})
}
