package signin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/signinsim"
	"guestlist/handlers/web/session"
	"guestlist/handlers/web/signin"
)

func TestPeopleSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, person := range signinsim.People() {
			b := w.newBrowser()
			response, page := b.signIn("/reviews/0123", person.Key)
			if person.Guest {
				if response.StatusCode != http.StatusForbidden || !strings.Contains(page, "Guests can’t sign in here") || b.current().Person != "" {
					t.Errorf("%s: status %d", person.Key, response.StatusCode)
				}
				continue
			}
			if response.StatusCode != http.StatusOK || response.Request.URL.Path != "/reviews/0123" {
				t.Errorf("%s: status %d at %s: %s", person.Key, response.StatusCode, response.Request.URL.Path, &w.log)
			}
			got := b.current()
			if got.Person != person.ID || got.Name != person.UserName || got.Guest || !got.GroupsKnown || !slices.Equal(got.Groups, person.Groups) ||
				got.Has(session.Reviewer) != slices.Contains(person.Roles, "Reviewer") {
				t.Errorf("%s: %+v", person.Key, got)
			}
		}
	})
}

func TestProviderAsksOnceWhileItsSessionLasts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.newBrowser()
		b.signIn("/reviews", signinsim.Reviewer)
		b.plant("")
		response, _ := b.open(http.MethodGet, w.app.URL+"/reviews/0123", nil)
		back := response.Header.Get("Location")
		if !strings.HasPrefix(back, w.app.URL+signin.PathBack) {
			t.Fatalf("the provider asks again, at %s", response.Request.URL)
		}
		b.open(http.MethodGet, back, nil)
		if b.current().Person == "" {
			t.Error("nobody is signed in")
		}
	})
}

func TestPersonCancels(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.newBrowser()
		response, page := b.signIn("/reviews", "")
		if response.StatusCode != http.StatusForbidden || !strings.Contains(page, "The sign-in was not finished") || b.cookie() != nil {
			t.Errorf("status %d, cookie %v", response.StatusCode, b.cookie())
		}
	})
}

// TestAttacksAreRefused tries what an attacker can do without the person's browser, or with one
// link or form in it.
func TestAttacksAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		t.Run("a stranger", func(t *testing.T) {
			response, _ := w.newBrowser().open(http.MethodGet, w.app.URL+"/reviews/0123", nil)
			if !strings.HasPrefix(response.Request.URL.String(), w.address) {
				t.Errorf("sees %s", response.Request.URL)
			}
		})
		t.Run("a replayed answer", func(t *testing.T) {
			b := w.newBrowser()
			back := b.answer("/reviews", signinsim.Nobody)
			away := b.cookie().Value
			b.open(http.MethodGet, back, nil)
			before := w.sessions.Len()
			response, _ := b.open(http.MethodGet, back, nil)
			refused(t, response)
			// Not even with a copy of the cookie.
			thief := w.newBrowser()
			thief.plant(away)
			response, _ = thief.open(http.MethodGet, back, nil)
			refused(t, response)
			if w.sessions.Len() != before || thief.current().Person != "" {
				t.Error("it signs somebody in")
			}
		})
		t.Run("an answer in another browser", func(t *testing.T) {
			back := w.newBrowser().answer("/reviews", signinsim.Reviewer)
			victim := w.newBrowser()
			victim.open(http.MethodGet, w.app.URL+"/reviews", nil) // has begun a sign-in, too
			response, _ := victim.open(http.MethodGet, back, nil, "Sec-Fetch-Site", "cross-site")
			refused(t, response)
			if victim.current().Person != "" {
				t.Error("it signs somebody in")
			}
		})
		t.Run("an answer to nobody", func(t *testing.T) {
			back := w.newBrowser().answer("/reviews", signinsim.Reviewer)
			b := w.newBrowser()
			response, _ := b.open(http.MethodGet, back, nil, "Sec-Fetch-Site", "cross-site")
			refused(t, response)
			if b.current().Person != "" {
				t.Error("it signs somebody in")
			}
		})
		t.Run("a planted session id", func(t *testing.T) {
			planted := session.ID{7}
			b := w.newBrowser()
			b.plant("s." + planted.Text())
			b.signIn("/reviews", signinsim.Reviewer)
			if b.current().Person == "" || b.cookie().Value == "s."+planted.Text() {
				t.Errorf("the cookie is %s", b.cookie().Value)
			}
			attacker := w.newBrowser()
			attacker.plant("s." + planted.Text())
			if attacker.current().Person != "" {
				t.Error("the attacker is signed in")
			}
		})
		t.Run("use after sign-out", func(t *testing.T) {
			b := w.newBrowser()
			b.signIn("/reviews", signinsim.Reviewer)
			stolen := b.cookie().Value
			response, page := b.open(http.MethodPost, w.app.URL+signin.PathSignOut, nil, "Sec-Fetch-Site", "same-origin")
			if response.StatusCode != http.StatusOK || !strings.Contains(page, "You are signed out") {
				t.Errorf("status %d", response.StatusCode)
			}
			thief := w.newBrowser()
			thief.plant(stolen)
			if thief.current().Person != "" {
				t.Error("the copy of the cookie still counts")
			}
		})
		t.Run("open redirects", func(t *testing.T) {
			for _, to := range []string{"//evil.example", "/\\evil.example", "https://evil.example", "/reviews/../..//evil.example", "/reviews/%2e%2e//evil.example"} {
				b := w.newBrowser()
				response, _ := b.signIn(signin.PathSignIn+"?to="+url.QueryEscape(to), signinsim.Nobody)
				if got := response.Request.URL.String(); got != w.app.URL+signin.Root {
					t.Errorf("%s leads to %s", to, got)
				}
			}
		})
		t.Run("a form of another site", func(t *testing.T) {
			b := w.newBrowser()
			b.signIn("/reviews", signinsim.Reviewer)
			for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
				response, _ := b.open(http.MethodPost, w.app.URL+signin.PathSignOut, nil, header...)
				refused(t, response)
			}
			if b.current().Person == "" {
				t.Error("it signs the person out")
			}
		})
	})
}

func refused(t *testing.T, response *http.Response) {
	t.Helper()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", response.StatusCode)
	}
}

const verifier = "a-verifier-that-is-long-enough-for-everybody-to-take"

// order returns a good request to sign somebody in, after the change.
func (w *world) order(change func(url.Values)) string {
	sum := sha256.Sum256([]byte(verifier))
	values := url.Values{
		"client_id": {clientID}, "redirect_uri": {w.app.URL + signin.PathBack}, "response_type": {"code"}, "response_mode": {"query"},
		"scope": {"openid profile"}, "state": {"a-state"}, "nonce": {"a-nonce"},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	if change != nil {
		change(values)
	}
	return w.address + "/" + tenant + "/oauth2/v2.0/authorize?" + values.Encode()
}

// code returns a code for the good request.
func (w *world) code(b *browser) string {
	w.t.Helper()
	response, page := b.open(http.MethodGet, w.order(nil), nil)
	for range 4 {
		back, err := url.Parse(response.Header.Get("Location"))
		if err == nil && back.Query().Has("code") {
			return back.Query().Get("code")
		}
		f := b.form(page)
		for name := range f.fields {
			switch name {
			case "login", "person":
				f.fields.Set(name, signinsim.Reviewer)
			case "password":
				f.fields.Set(name, "any")
			}
		}
		response, page = b.open(http.MethodPost, b.absolute(response, f.action), f.fields)
	}
	w.t.Fatalf("there is no code: %d %s", response.StatusCode, page)
	return ""
}

// redeem asks for tokens for the code, after the change, and returns the error, "" for none.
func (w *world) redeem(b *browser, code string, change func(url.Values)) string {
	w.t.Helper()
	values := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {clientID}, "code": {code}, "redirect_uri": {w.app.URL + signin.PathBack}, "code_verifier": {verifier},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {w.sign(nil)},
	}
	if change != nil {
		change(values)
	}
	response, body := b.open(http.MethodPost, w.address+"/"+tenant+"/oauth2/v2.0/token", values)
	var answer struct {
		Error string `json:"error"`
		Token string `json:"id_token"`
	}
	err := json.Unmarshal([]byte(body), &answer)
	if err != nil || (answer.Error == "") != (answer.Token != "") || (answer.Error == "") != (response.StatusCode == http.StatusOK) {
		w.t.Fatalf("status %d, %v: %s", response.StatusCode, err, body)
	}
	return answer.Error
}

func set(name, value string) func(url.Values) { return func(v url.Values) { v.Set(name, value) } }

func without(names ...string) func(url.Values) {
	return func(v url.Values) {
		for _, name := range names {
			v.Del(name)
		}
	}
}

// TestProvidersRefuseWhatIsNotAsItShouldBe holds the stand-in to what the certified provider
// refuses.
func TestProvidersRefuseWhatIsNotAsItShouldBe(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, change := range map[string]func(url.Values){
			"an unknown client":    set("client_id", tenant),
			"another redirect URI": set("redirect_uri", "https://evil.example"),
			"no redirect URI":      set("redirect_uri", "https://evil.example"+signin.PathBack),
			"a longer path":        set("redirect_uri", w.app.URL+signin.PathBack+"/x"),
			"a parameter twice":    func(v url.Values) { v.Add("state", "x") },
		} {
			response, _ := w.newBrowser().open(http.MethodGet, w.order(change), nil)
			if to := response.Header.Get("Location"); response.StatusCode < 300 || strings.Contains(to, "evil.example") || strings.Contains(to, "code=") {
				t.Errorf("%s: status %d, sent to %q", name, response.StatusCode, to)
			}
		}
		for name, test := range map[string]struct {
			change func(url.Values)
			want   string
		}{
			"no PKCE":        {without("code_challenge", "code_challenge_method"), "invalid_request"},
			"plain PKCE":     {set("code_challenge_method", "plain"), "invalid_request"},
			"without asking": {set("prompt", "none"), "login_required"},
		} {
			response, _ := w.newBrowser().open(http.MethodGet, w.order(test.change), nil)
			back, err := url.Parse(response.Header.Get("Location"))
			if err != nil || back.Query().Get("error") != test.want || back.Query().Get("state") != "a-state" || back.Query().Has("code") {
				t.Errorf("%s: status %d, sent to %q, want %s", name, response.StatusCode, back, test.want)
			}
		}
		assertion := func(name string, value any) func(url.Values) {
			return set("client_assertion", w.sign(func(claims map[string]any) { claims[name] = value }))
		}
		b := w.newBrowser()
		for name, test := range map[string]struct {
			change func(url.Values)
			want   string
		}{
			"another verifier":         {set("code_verifier", verifier+"x"), "invalid_grant"},
			"another redirect URI":     {set("redirect_uri", w.app.URL+signin.PathSignedOut), "invalid_grant"},
			"a code that is made up":   {set("code", "made-up"), "invalid_grant"},
			"an assertion for another": {assertion("aud", "https://evil.example"), "invalid_client"},
			"an expired assertion":     {assertion("exp", time.Now().Add(-time.Minute).Unix()), "invalid_client"},
			"one without an end":       {assertion("exp", nil), "invalid_client"},
			"one not yet valid":        {assertion("nbf", time.Now().Add(10*time.Minute).Unix()), "invalid_client"},
			"one of another client":    {assertion("iss", tenant), "invalid_client"},
			"one about another client": {assertion("sub", tenant), "invalid_client invalid_request"}, // either
			"no assertion":             {without("client_assertion", "client_assertion_type"), "invalid_client"},
			"a broken signature": {func(v url.Values) {
				text := v.Get("client_assertion")
				v.Set("client_assertion", text[:len(text)-8]+"AAAAAAAA")
			}, "invalid_client"},
		} {
			code := w.code(b)
			if got := w.redeem(b, code, test.change); !slices.Contains(strings.Fields(test.want), got) {
				t.Errorf("%s: %q, want %q", name, got, test.want)
			}
		}
		code := w.code(b)
		if got := w.redeem(b, code, nil); got != "" {
			t.Errorf("the right request: %q", got)
		}
		if got := w.redeem(b, code, nil); got != "invalid_grant" {
			t.Errorf("the code once more: %q", got)
		}
		once := set("client_assertion", w.sign(nil))
		if got := w.redeem(b, w.code(b), once); got != "" {
			t.Errorf("an assertion: %q", got)
		}
		if got := w.redeem(b, w.code(b), once); got != "invalid_client" {
			t.Errorf("the assertion once more: %q", got)
		}
	})
}

// TestProvidersNameWhoSignedIn compares the claims that the sign-in uses.
func TestProvidersNameWhoSignedIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.newBrowser()
		values := url.Values{
			"grant_type": {"authorization_code"}, "client_id": {clientID}, "code": {w.code(b)}, "redirect_uri": {w.app.URL + signin.PathBack}, "code_verifier": {verifier},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {w.sign(nil)},
		}
		_, body := b.open(http.MethodPost, w.address+"/"+tenant+"/oauth2/v2.0/token", values)
		var answer struct {
			Type  string `json:"token_type"`
			Token string `json:"id_token"`
		}
		err := json.Unmarshal([]byte(body), &answer)
		parts := strings.Split(answer.Token, ".")
		if err != nil || answer.Type != "Bearer" || len(parts) != 3 {
			t.Fatalf("%v: %s", err, body)
		}
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		err = json.Unmarshal(payload, &claims)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]any{
			"iss": w.issuer(), "aud": clientID, "nonce": "a-nonce", "tid": tenant, "oid": "b0000000-0000-4000-8000-000000000001", "acct": 0.0,
			"preferred_username": "rosa@standin.example",
		} {
			if claims[name] != want {
				t.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
	})
}

// TestSignOutOfProvider follows the link of the page that says that a person is signed out.
func TestSignOutOfProvider(t *testing.T) {
	w := newWorld(t, startStandIn)
	b := w.newBrowser()
	b.signIn("/reviews", signinsim.Reviewer)
	_, page := b.open(http.MethodPost, w.app.URL+signin.PathSignOut, nil, "Sec-Fetch-Site", "same-origin")
	_, rest, found := strings.Cut(page, `href="`+w.address)
	link, _, _ := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("there is no link to the provider: %s", page)
	}
	response, page := b.open(http.MethodGet, w.address+link, nil)
	if response.Request.URL.Path != signin.PathSignedOut || !strings.Contains(page, "You are signed out") {
		t.Errorf("the link leads to %s", response.Request.URL)
	}
	response, _ = b.open(http.MethodGet, w.app.URL+"/reviews", nil)
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Request.URL.String(), w.address) {
		t.Errorf("afterwards the provider does not ask: %s", response.Request.URL)
	}
}
