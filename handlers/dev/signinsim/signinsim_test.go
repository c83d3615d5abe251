package signinsim_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/dev/signinsim"
)

const (
	tenant    = "11111111-0000-4000-8000-000000000001"
	client    = "11111111-0000-4000-8000-000000000002"
	other     = "11111111-0000-4000-8000-000000000003" // another client
	identity  = "11111111-0000-4000-8000-000000000004"
	principal = "11111111-0000-4000-8000-000000000005"
	redirect  = "https://reviews.contoso.com/reviews/signed-in"
	signedOut = "https://reviews.contoso.com/reviews/signed-out"
	exchange  = "api://AzureADTokenExchange"
	verifier  = "a-verifier-that-is-long-enough-for-everybody-to-take"
	bearer    = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// signers are made once: a key takes a while.
var signers = sync.OnceValues(func() (*signinsim.Signer, *signinsim.Signer) {
	now := func() time.Time { return morning }
	ours, ofOurs := signinsim.NewSigner(client, exchange, now)
	foreign, ofForeign := signinsim.NewSigner(client, exchange, now)
	if ofOurs != nil || ofForeign != nil {
		panic("no keys")
	}
	return ours, foreign
})

// key signs the ID tokens of all tests.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return private
})

var morning = time.Date(2026, 11, 23, 8, 30, 15, 0, time.UTC)

// standIn is a tenant and who talks to it.
type standIn struct {
	*signinsim.Server
	t      *testing.T
	url    string
	now    time.Time
	cookie *http.Cookie
	log    bytes.Buffer
}

func start(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{t: t, now: morning}
	ours, _ := signers()
	var err error
	s.Server, err = signinsim.New(signinsim.Config{
		Tenant: tenant, Key: key(), Now: func() time.Time { return s.now }, Identity: signinsim.Identity{ClientID: identity, PrincipalID: principal},
		Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Clients: []signinsim.Client{
			{ID: client, RedirectURIs: []string{redirect, signedOut}, Credentials: []signinsim.Credential{
				ours.Credential(), {Subject: principal, Audience: exchange},
			}},
			{ID: other, RedirectURIs: []string{redirect}, Credentials: []signinsim.Credential{ours.Credential()}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// order returns the parameters of a good request to sign somebody in, after the changes: name and
// value, "-" to leave it out.
func order(changes ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	values := url.Values{
		"client_id": {client}, "redirect_uri": {redirect}, "response_type": {"code"}, "response_mode": {"query"}, "scope": {"openid profile https://graph.microsoft.com/User.Read"},
		"state": {"a-state"}, "nonce": {"a-nonce"}, "code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	return changed(values, changes)
}

func changed(values url.Values, changes []string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "-" {
			values.Del(changes[i])
		} else {
			values.Set(changes[i], changes[i+1])
		}
	}
	return values
}

// do sends a request with the browser's cookie, and returns the answer with its body.
func (s *standIn) do(method, path string, form url.Values, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if s.cookie != nil {
		r.AddCookie(s.cookie)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range response.Cookies() {
		s.cookie = c
	}
	return response, string(body)
}

func (s *standIn) authorize(values url.Values) (*http.Response, string) {
	s.t.Helper()
	return s.do(http.MethodGet, "/"+tenant+"/oauth2/v2.0/authorize?"+values.Encode(), nil)
}

// answer returns the query of the address that a person is sent back to.
func answer(t *testing.T, response *http.Response) url.Values {
	t.Helper()
	to, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.StatusCode != http.StatusFound || !strings.HasPrefix(to.String(), redirect+"?") {
		t.Fatalf("status %d, location %q", response.StatusCode, response.Header.Get("Location"))
	}
	return to.Query()
}

// code signs a person in and returns the code.
func (s *standIn) code(person string, changes ...string) string {
	s.t.Helper()
	response, _ := s.do(http.MethodPost, "/"+tenant+"/login?"+order(changes...).Encode(), url.Values{"person": {person}})
	return answer(s.t, response).Get("code")
}

// redeem sends a good request for tokens, after the changes.
func (s *standIn) redeem(code string, changes ...string) (*http.Response, map[string]any) {
	s.t.Helper()
	ours, _ := signers()
	values := changed(url.Values{
		"grant_type": {"authorization_code"}, "client_id": {client}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier},
		"client_assertion_type": {bearer}, "client_assertion": {ours.Sign(nil)},
	}, changes)
	response, body := s.do(http.MethodPost, "/"+tenant+"/oauth2/v2.0/token", values)
	var answer map[string]any
	err := json.Unmarshal([]byte(body), &answer)
	if err != nil {
		s.t.Fatalf("%v: %s", err, body)
	}
	return response, answer
}

// claims returns the claims of a token, without looking at its signature.
func claims(t *testing.T, token any) map[string]any {
	t.Helper()
	text, _ := token.(string)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %v", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	err = json.Unmarshal(payload, &read)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestPageWithPeople(t *testing.T) {
	s := start(t)
	response, page := s.authorize(order())
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	for _, person := range signinsim.People() {
		if !strings.Contains(page, `value="`+person.Key+`"`) || !strings.Contains(page, person.Name) {
			t.Errorf("%s is not on the page", person.Key)
		}
	}
}

func TestTokens(t *testing.T) {
	s := start(t)
	response, got := s.redeem(s.code(signinsim.Reviewer))
	if response.StatusCode != http.StatusOK || got["token_type"] != "Bearer" {
		t.Fatalf("status %d: %v", response.StatusCode, got)
	}
	token := claims(t, got["id_token"])
	want := map[string]any{
		"ver": "2.0", "iss": s.url + "/" + tenant + "/v2.0", "aud": client, "tid": tenant, "oid": "b0000000-0000-4000-8000-000000000001",
		"name": "Rosa Reviewer", "preferred_username": "rosa@standin.example", "acct": 0.0, "nonce": "a-nonce", "roles": []any{"Reviewer"},
		"iat": float64(morning.Add(-5 * time.Minute).Unix()), "nbf": float64(morning.Add(-5 * time.Minute).Unix()), "exp": float64(morning.Add(time.Hour).Unix()),
	}
	delete(token, "sub")
	delete(token, "uti")
	if diff := cmp.Diff(want, token); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, got = s.redeem(s.code(signinsim.Guest, "scope", "openid", "nonce", "-"))
	token = claims(t, got["id_token"])
	if token["acct"] != 1.0 || token["name"] != nil || token["nonce"] != nil {
		t.Errorf("a guest, without profile: %v", token)
	}
	_, got = s.redeem(s.code(signinsim.Nobody))
	if _, has := claims(t, got["id_token"])["roles"]; has {
		t.Error("nobody has roles")
	}
}

func TestRequestsToSignInThatAreRefused(t *testing.T) {
	// What can't be sent back is shown on a page.
	pages := map[string]url.Values{
		"an unknown client":           order("client_id", principal),
		"no client":                   order("client_id", "-"),
		"another redirect URI":        order("redirect_uri", redirect+"/"),
		"a redirect URI with a query": order("redirect_uri", redirect+"?x=y"),
		"no redirect URI":             order("redirect_uri", "-"),
		"a parameter twice":           func() url.Values { v := order(); v.Add("state", "x"); return v }(),
	}
	for name, values := range pages {
		s := start(t)
		response, page := s.authorize(values)
		if response.StatusCode != http.StatusBadRequest || response.Header.Get("Location") != "" || !strings.Contains(page, "AADSTS") {
			t.Errorf("%s: status %d, location %q", name, response.StatusCode, response.Header.Get("Location"))
		}
		response, _ = s.do(http.MethodPost, "/"+tenant+"/login?"+values.Encode(), url.Values{"person": {signinsim.Reviewer}})
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: chosen all the same, status %d", name, response.StatusCode)
		}
	}
	s := start(t)
	response, _ := s.do(http.MethodGet, "/"+other+"/oauth2/v2.0/authorize?"+order().Encode(), nil)
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("another tenant: status %d", response.StatusCode)
	}
	errors := map[string]struct {
		values url.Values
		want   string
	}{
		"no PKCE":                   {order("code_challenge", "-", "code_challenge_method", "-"), "invalid_request"},
		"plain PKCE":                {order("code_challenge", verifier, "code_challenge_method", "plain"), "invalid_request"},
		"PKCE without its method":   {order("code_challenge_method", "-"), "invalid_request"},
		"a challenge that is none":  {order("code_challenge", "short"), "invalid_request"},
		"a token at once":           {order("response_type", "id_token"), "unsupported_response_type"},
		"an answer in the fragment": {order("response_mode", "fragment"), "invalid_request"},
		"an answer as a form":       {order("response_mode", "form_post"), "invalid_request"},
		"no openid":                 {order("scope", "profile"), "invalid_scope"},
		"without asking":            {order("prompt", "none"), "login_required"},
	}
	for name, test := range errors {
		s := start(t)
		response, _ := s.authorize(test.values)
		got := answer(t, response)
		if got.Get("error") != test.want || got.Get("state") != "a-state" || got.Has("code") {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
}

func TestRequestsForTokensThatAreRefused(t *testing.T) {
	ours, foreign := signers()
	with := func(name string, value any) string {
		return ours.Sign(func(claims map[string]any) { claims[name] = value })
	}
	tests := map[string]struct {
		changes []string
		code    string
		number  float64
	}{
		"a code that is made up":        {[]string{"code", "made-up"}, "invalid_grant", 9002313},
		"no code":                       {[]string{"code", "-"}, "invalid_grant", 9002313},
		"another redirect URI":          {[]string{"redirect_uri", signedOut}, "invalid_grant", 500112},
		"no verifier":                   {[]string{"code_verifier", "-"}, "invalid_grant", 501481},
		"another verifier":              {[]string{"code_verifier", verifier + "x"}, "invalid_grant", 501481},
		"the challenge as the verifier": {[]string{"code_verifier", order().Get("code_challenge")}, "invalid_grant", 501481},
		"an unknown client":             {[]string{"client_id", principal}, "unauthorized_client", 700016},
		"another client's code":         {[]string{"client_id", other}, "invalid_grant", 9002313},
		"another grant":                 {[]string{"grant_type", "password"}, "unsupported_grant_type", 70003},
		"a secret":                      {[]string{"client_secret", "x"}, "invalid_client", 7000215},
		"no assertion":                  {[]string{"client_assertion", "-"}, "invalid_client", 7000218},
		"an assertion of another type":  {[]string{"client_assertion_type", "jwt"}, "invalid_client", 7000218},
		"no JWT":                        {[]string{"client_assertion", "x.y.z"}, "invalid_client", 50027},
		"by another key":                {[]string{"client_assertion", foreign.Sign(nil)}, "invalid_client", 700027},
		"of another issuer":             {[]string{"client_assertion", with("iss", other)}, "invalid_client", 700211},
		"about another subject":         {[]string{"client_assertion", with("sub", other)}, "invalid_client", 700213},
		"for another audience":          {[]string{"client_assertion", with("aud", "https://graph.microsoft.com")}, "invalid_client", 700212},
		"for two audiences":             {[]string{"client_assertion", with("aud", []string{exchange, "x"})}, "invalid_client", 50027},
		"expired":                       {[]string{"client_assertion", with("exp", morning.Unix())}, "invalid_client", 700024},
		"without an end":                {[]string{"client_assertion", with("exp", nil)}, "invalid_client", 700024},
		"not yet valid":                 {[]string{"client_assertion", with("nbf", morning.Unix()+1)}, "invalid_client", 700024},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			code := s.code(signinsim.Reviewer)
			response, got := s.redeem(code, test.changes...)
			numbers, _ := got["error_codes"].([]any)
			if got["error"] != test.code || len(numbers) != 1 || numbers[0] != test.number || response.StatusCode < 400 || got["id_token"] != nil {
				t.Errorf("status %d: %v, want %s %v", response.StatusCode, got, test.code, test.number)
			}
			response, _ = s.redeem(code)
			if response.StatusCode != http.StatusOK {
				t.Errorf("the right request does not count afterwards: %d", response.StatusCode)
			}
		})
	}
	t.Run("of the managed identity, by another key", func(t *testing.T) {
		s := start(t)
		_, got := s.redeem(s.code(signinsim.Reviewer), "client_assertion", ours.Sign(func(claims map[string]any) {
			claims["iss"], claims["sub"] = s.Issuer(s.url), principal
		}))
		if numbers, _ := got["error_codes"].([]any); len(numbers) != 1 || numbers[0] != 700027.0 {
			t.Errorf("%v", got)
		}
	})
	t.Run("of an unsigned assertion", func(t *testing.T) {
		s := start(t)
		parts := strings.Split(ours.Sign(nil), ".")
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
		_, got := s.redeem(s.code(signinsim.Reviewer), "client_assertion", header+"."+parts[1]+".")
		if got["error"] != "invalid_client" {
			t.Errorf("%v", got)
		}
	})
}

func TestWhatCountsOnce(t *testing.T) {
	ours, _ := signers()
	s := start(t)
	code, assertion := s.code(signinsim.Reviewer), ours.Sign(nil)
	_, got := s.redeem(code, "client_assertion", assertion)
	if got["id_token"] == nil {
		t.Fatalf("%v", got)
	}
	_, got = s.redeem(code)
	if got["error"] != "invalid_grant" {
		t.Errorf("the code once more: %v", got)
	}
	_, got = s.redeem(s.code(signinsim.Reviewer), "client_assertion", assertion)
	if got["error"] != "invalid_client" {
		t.Errorf("the assertion once more: %v", got)
	}
}

func TestCodesExpire(t *testing.T) {
	s := start(t)
	code := s.code(signinsim.Reviewer)
	s.now = s.now.Add(10 * time.Minute)
	ours, _ := signers()
	assertion := ours.Sign(func(claims map[string]any) { claims["exp"] = s.now.Add(time.Minute).Unix() })
	_, got := s.redeem(code, "client_assertion", assertion)
	if got["error"] != "invalid_grant" {
		t.Errorf("%v", got)
	}
}

// TestManagedIdentity proves the client by tokens that the platform hands out, as often as wanted.
func TestManagedIdentity(t *testing.T) {
	s := start(t)
	ask := func(resource, clientID, header string) (int, map[string]any) {
		query := url.Values{"api-version": {"2019-08-01"}, "resource": {resource}, "client_id": {clientID}}
		response, body := s.do(http.MethodGet, "/stand-in/identity?"+query.Encode(), nil, "X-IDENTITY-HEADER", header)
		var answer map[string]any
		_ = json.Unmarshal([]byte(body), &answer)
		return response.StatusCode, answer
	}
	status, got := ask(exchange, identity, "x")
	token, _ := got["access_token"].(string)
	if status != http.StatusOK || claims(t, token)["sub"] != principal {
		t.Fatalf("status %d: %v", status, got)
	}
	for range 2 {
		_, got = s.redeem(s.code(signinsim.Reviewer), "client_assertion", token)
		if got["id_token"] == nil {
			t.Errorf("%v", got)
		}
	}
	_, got = ask("https://storage.azure.com", identity, "x")
	token, _ = got["access_token"].(string)
	_, got = s.redeem(s.code(signinsim.Reviewer), "client_assertion", token)
	if got["error"] != "invalid_client" {
		t.Errorf("a token for something else: %v", got)
	}
	for name, test := range map[string][3]string{
		"another identity": {exchange, principal, "x"}, "no header": {exchange, identity, ""}, "no resource": {"", identity, "x"},
	} {
		status, got := ask(test[0], test[1], test[2])
		if status < 400 || got["access_token"] != nil {
			t.Errorf("%s: status %d", name, status)
		}
	}
}

func TestPersonIsRememberedUntilSignOut(t *testing.T) {
	s := start(t)
	s.code(signinsim.Reviewer)
	response, _ := s.authorize(order())
	if !answer(t, response).Has("code") {
		t.Error("the stand-in asks again")
	}
	response, _ = s.authorize(order("prompt", "select_account"))
	if response.StatusCode != http.StatusOK {
		t.Errorf("asked who to be, it answers %d", response.StatusCode)
	}
	response, _ = s.do(http.MethodGet, "/"+tenant+"/oauth2/v2.0/logout?post_logout_redirect_uri="+url.QueryEscape(signedOut), nil)
	if response.Header.Get("Location") != signedOut {
		t.Errorf("after sign-out: %q", response.Header.Get("Location"))
	}
	response, _ = s.authorize(order())
	if response.StatusCode != http.StatusOK {
		t.Errorf("after sign-out it answers %d", response.StatusCode)
	}
	response, _ = s.do(http.MethodGet, "/"+tenant+"/oauth2/v2.0/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example", nil)
	if response.Header.Get("Location") != "" {
		t.Errorf("after sign-out: %q", response.Header.Get("Location"))
	}
}

func TestCancelling(t *testing.T) {
	s := start(t)
	response, _ := s.do(http.MethodPost, "/"+tenant+"/login?"+order().Encode(), url.Values{"person": {""}})
	if got := answer(t, response); got.Get("error") != "access_denied" || got.Get("state") != "a-state" {
		t.Errorf("%v", got)
	}
	response, _ = s.do(http.MethodPost, "/"+tenant+"/login?"+order().Encode(), url.Values{"person": {"the queen"}})
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("somebody else: %d", response.StatusCode)
	}
}

func TestGroupsOfPerson(t *testing.T) {
	s := start(t)
	many := make([]string, 250)
	for i := range many {
		many[i] = fmt.Sprintf("a0000000-0000-4000-8000-%012x", i)
	}
	err := s.Change(signinsim.Reviewer, func(p *signinsim.Person) { p.Groups = many })
	if err != nil {
		t.Fatal(err)
	}
	token := func(changes ...string) string {
		_, got := s.redeem(s.code(signinsim.Reviewer, changes...))
		text, _ := got["access_token"].(string)
		return text
	}
	read := func(path, token string) (int, map[string]any) {
		header := []string{}
		if token != "" {
			header = append(header, "Authorization", "Bearer "+token)
		}
		response, body := s.do(http.MethodGet, strings.TrimPrefix(path, s.url), nil, header...)
		var page map[string]any
		err := json.Unmarshal([]byte(body), &page)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, page
	}
	given := token()
	for top, pages := range map[string]int{"": 3, "&$top=100": 3, "&$top=251": 1, "&$top=999": 1} {
		path, ids, n := "/v1.0/me/transitiveMemberOf?$select=id"+top, []string{}, 0
		for path != "" {
			_, page := read(path, given)
			for _, value := range page["value"].([]any) {
				e := value.(map[string]any)
				if e["@odata.type"] == "#microsoft.graph.group" {
					ids = append(ids, e["id"].(string))
				}
			}
			path, _ = page["@odata.nextLink"].(string)
			n++
		}
		if !slices.Equal(ids, many) || n != pages {
			t.Errorf("%q: %d ids on %d pages", top, len(ids), n)
		}
	}
	for name, test := range map[string]struct {
		path, token string
		want        int
	}{
		"no token":          {"?$select=id", "", http.StatusUnauthorized},
		"another token":     {"?$select=id", "x", http.StatusUnauthorized},
		"without the scope": {"?$select=id", token("scope", "openid profile"), http.StatusForbidden},
		"too large a page":  {"?$top=1000", given, http.StatusBadRequest},
		"no page":           {"?$top=0", given, http.StatusBadRequest},
		"another parameter": {"?$filter=x", given, http.StatusBadRequest},
		"a page before":     {"?$skiptoken=-1", given, http.StatusBadRequest},
		"a page after all":  {"?$skiptoken=100000", given, http.StatusOK},
	} {
		if status, _ := read("/v1.0/me/transitiveMemberOf"+test.path, test.token); status != test.want {
			t.Errorf("%s: status %d, want %d", name, status, test.want)
		}
	}
	s.now = s.now.Add(time.Hour)
	if status, _ := read("/v1.0/me/transitiveMemberOf", given); status != http.StatusUnauthorized {
		t.Errorf("an expired token: status %d", status)
	}
}

// TestFaultsOfTokens looks at what each fault changes.
func TestFaultsOfTokens(t *testing.T) {
	differ := func(claim string) func(good, bad map[string]any) bool {
		return func(good, bad map[string]any) bool { return bad[claim] != nil && !cmp.Equal(good[claim], bad[claim]) }
	}
	missing := func(claim string) func(_, bad map[string]any) bool {
		return func(_, bad map[string]any) bool { return bad[claim] == nil }
	}
	tests := map[signinsim.Kind]func(good, bad map[string]any) bool{
		signinsim.WrongNonce: differ("nonce"), signinsim.WrongAudience: differ("aud"), signinsim.TwoAudiences: differ("aud"),
		signinsim.WrongIssuer: differ("iss"), signinsim.OtherTenant: differ("tid"), signinsim.NoNonce: missing("nonce"), signinsim.NoTenant: missing("tid"),
		signinsim.NoPerson: missing("oid"), signinsim.NoAccount: missing("acct"),
		signinsim.Expired: func(_, bad map[string]any) bool { return bad["exp"].(float64) < float64(morning.Unix()) },
		signinsim.Future: func(_, bad map[string]any) bool {
			return bad["nbf"].(float64) > float64(morning.Add(10*time.Minute).Unix())
		},
	}
	s := start(t)
	_, answer := s.redeem(s.code(signinsim.Reviewer))
	good := claims(t, answer["id_token"])
	for _, kind := range slices.Sorted(maps.Keys(tests)) {
		err := s.Order(signinsim.Fault{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		_, answer := s.redeem(s.code(signinsim.Reviewer))
		if bad := claims(t, answer["id_token"]); !tests[kind](good, bad) {
			t.Errorf("%s: %v", kind, bad)
		}
		_, answer = s.redeem(s.code(signinsim.Reviewer))
		again := claims(t, answer["id_token"])
		delete(again, "uti")
		want := maps.Clone(good)
		delete(want, "uti")
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("%s: the next token differs, too:\n%s", kind, diff)
		}
	}
	for kind, prefix := range map[signinsim.Kind]string{signinsim.Unsigned: `{"alg":"none"`, signinsim.PublicKey: `{"alg":"HS256"`, signinsim.WrongKey: `{"alg":"RS256"`} {
		err := s.Order(signinsim.Fault{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		_, answer := s.redeem(s.code(signinsim.Reviewer))
		header, _, _ := strings.Cut(answer["id_token"].(string), ".")
		text, _ := base64.RawURLEncoding.DecodeString(header)
		if !strings.HasPrefix(string(text), prefix) {
			t.Errorf("%s: %s", kind, text)
		}
	}
}

func TestOtherFaults(t *testing.T) {
	s := start(t)
	for _, order := range []string{
		`{"kind":"failure","call":"keys","status":503}`, `{"kind":"error","error":"server_error"}`, `{"kind":"wrong-state"}`,
	} {
		response, body := s.postFault(order)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", order, response.StatusCode, body)
		}
	}
	response, _ := s.do(http.MethodGet, "/"+tenant+"/discovery/v2.0/keys", nil)
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("keys: %d", response.StatusCode)
	}
	response, _ = s.authorize(order())
	if got := answer(t, response); got.Get("error") != "server_error" || got.Get("state") != "a-statex" {
		t.Errorf("%v", got)
	}
	keys := func() string {
		_, body := s.do(http.MethodGet, "/"+tenant+"/discovery/v2.0/keys", nil)
		return body
	}
	before := keys()
	if response, _ := s.postFault(`{"kind":"rotation"}`); response.StatusCode != http.StatusOK || keys() == before {
		t.Errorf("rotation: %d", response.StatusCode)
	}
	s.postFault(`{"kind":"failure","call":"keys","times":5}`)
	_, body := s.do(http.MethodGet, "/stand-in/faults", nil)
	if !strings.Contains(body, `"times":5`) {
		t.Errorf("ordered are %s", body)
	}
	s.do(http.MethodDelete, "/stand-in/faults", nil)
	if keys() == "" {
		t.Error("the fault was not taken back")
	}
}

func (s *standIn) postFault(order string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/stand-in/faults", strings.NewReader(order))
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(body)
}

func TestOrdersThatMakeNoSense(t *testing.T) {
	s := start(t)
	for _, order := range []string{
		`{"kind":"weather"}`, `{"kind":"failure"}`, `{"kind":"failure","call":"weather"}`, `{"kind":"failure","call":"keys","status":200}`,
		`{"kind":"error"}`, `{"kind":"wrong-nonce","call":"token"}`, `{"what":"x"}`, `x`,
	} {
		if response, _ := s.postFault(order); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", order, response.StatusCode)
		}
	}
	if s.Change("the queen", func(*signinsim.Person) {}) == nil {
		t.Error("somebody who does not exist was changed")
	}
	for name, config := range map[string]signinsim.Config{
		"no tenant":               {},
		"a key without an issuer": {Tenant: tenant, Clients: []signinsim.Client{{Credentials: []signinsim.Credential{{Issuer: "x"}}}}},
	} {
		_, err := signinsim.New(config)
		if err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
}

func TestLogHasNoSecrets(t *testing.T) {
	s := start(t)
	code := s.code(signinsim.Reviewer)
	_, got := s.redeem(code)
	for _, secret := range []string{code, got["access_token"].(string), got["id_token"].(string), "rosa", "a-state", verifier} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("%q is in the log: %s", secret, s.log.String())
		}
	}
	if !strings.Contains(s.log.String(), "path=/"+tenant+"/oauth2/v2.0/token status=200") {
		t.Errorf("logged %s", s.log.String())
	}
}
