package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"guestlist/handlers/web/session"
)

// A Provider is the tenant where people sign in, and the app registration there.
type Provider struct {
	// URL is scheme and host, such as https://login.microsoftonline.com.
	URL string
	// Tenant and ClientID are GUIDs in lower case.
	Tenant, ClientID string
	// Scope is asked for beside openid and profile: what Memberships needs.
	Scope string
}

// provider talks to a Provider.
type provider struct {
	Provider
	redirect string // the redirect URI
	timeout  time.Duration
	now      func() time.Time
	client   *http.Client
	keys     *oidc.RemoteKeySet
	random   io.Reader
	proof    Assertions
}

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523
	signature     = oidc.RS256                                               // the only one that Entra uses
	// maxAnswer is more than any answer of a provider has, in bytes.
	maxAnswer = 1 << 20
)

func newProvider(config Config) *provider {
	p := &provider{
		Provider: config.Provider, redirect: config.Origin + PathBack, timeout: config.Timeout,
		now: config.Now, random: config.Random, proof: config.Assertions,
		client: &http.Client{
			Transport: limited{config.Transport}, Timeout: config.Timeout,
			// An assertion or a code must not go to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	p.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), p.client), p.address("/discovery/v2.0/keys"))
	return p
}

// limited ends answers that are too long.
type limited struct{ http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

// address returns an address of the tenant.
func (p *provider) address(path string) string { return p.URL + "/" + p.Tenant + path }

func (p *provider) issuer() string { return p.address("/v2.0") }

func (p *provider) oauth() *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, RedirectURL: p.redirect, Scopes: []string{oidc.ScopeOpenID, "profile", p.Scope},
		Endpoint: oauth2.Endpoint{
			AuthURL: p.address("/oauth2/v2.0/authorize"), TokenURL: p.address("/oauth2/v2.0/token"), AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// signInURL returns where a person signs in. With choose the provider asks who to be, also where it
// knows somebody.
func (p *provider) signInURL(a away, choose bool) string {
	options := []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("response_mode", "query"), oidc.Nonce(a.nonce()), oauth2.S256ChallengeOption(a.verifier()),
	}
	if choose {
		options = append(options, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	return p.oauth().AuthCodeURL(a.state(), options...)
}

// signOutURL returns where a person signs out of the provider itself, to return to our page.
func (p *provider) signOutURL(page string) string {
	return p.address("/oauth2/v2.0/logout") + "?" + url.Values{"post_logout_redirect_uri": {page}}.Encode()
}

// An answer is what the provider has sent a person back with.
type answer struct {
	code, state   string
	failure       string // an error code of OAuth, "" for none
	description   string // what the provider says about it; it may name the person
	issuer        string // "" if the provider does not name itself (RFC 9207)
	contradictory bool   // a parameter stands twice, or there is neither a code nor an error, or both
}

// maxQuery is more than any answer has, in bytes.
const maxQuery = 16 << 10

func readAnswer(rawQuery string) answer {
	query, err := url.ParseQuery(rawQuery)
	a := answer{
		code: query.Get("code"), state: query.Get("state"), failure: query.Get("error"), description: query.Get("error_description"),
		issuer: query.Get("iss"),
	}
	a.contradictory = err != nil || len(rawQuery) > maxQuery || (a.code == "") == (a.failure == "")
	for _, values := range query {
		a.contradictory = a.contradictory || len(values) > 1
	}
	return a
}

// tokens are what a code was exchanged for.
type tokens struct{ id, access string }

// exchange exchanges the code for tokens.
func (p *provider) exchange(ctx context.Context, a away, code string) (tokens, *refusal) {
	assertion, err := p.proof.Assertion(ctx)
	if err != nil {
		return tokens{}, &refusal{why: noAssertion, detail: err.Error()}
	}
	got, err := p.oauth().Exchange(oidc.ClientContext(ctx, p.client), code,
		oauth2.VerifierOption(a.verifier()),
		oauth2.SetAuthURLParam("client_assertion_type", assertionType),
		oauth2.SetAuthURLParam("client_assertion", assertion))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused):
		status := refused.Response.StatusCode
		detail := fmt.Sprintf("status %d %s", status, providerCode(refused.ErrorCode, refused.ErrorDescription))
		if status < 400 || status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
			return tokens{}, &refusal{why: noAnswer, detail: detail}
		}
		return tokens{}, &refusal{why: notExchanged, detail: detail}
	case err != nil:
		return tokens{}, &refusal{why: noAnswer, detail: fault(err)}
	}
	id, _ := got.Extra("id_token").(string)
	if id == "" {
		return tokens{}, &refusal{why: noToken}
	}
	return tokens{id, got.AccessToken}, nil
}

// fault says why a call got no answer, without the text of err, which can quote anything.
func fault(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer in time"
	}
	if errors.Is(err, context.Canceled) {
		return "given up"
	}
	return fmt.Sprintf("no answer that can be read (%T)", err)
}

var (
	oauthCode = regexp.MustCompile(`^[a-z_]{1,40}$`)
	entraCode = regexp.MustCompile(`AADSTS[0-9]{4,8}`)
)

// providerCode returns the codes in an error of the provider, for the log. Its words may name
// people.
func providerCode(code, description string) string {
	if !oauthCode.MatchString(code) {
		code = ""
	}
	return strings.TrimSpace(code + " " + entraCode.FindString(description))
}

// claims are the claims of an ID token that are used here.
type claims struct {
	Nonce    string          `json:"nonce"`
	Tenant   string          `json:"tid"`
	Person   string          `json:"oid"`
	Account  json.RawMessage `json:"acct"` // 0 for a member of the tenant, 1 for a guest
	Name     string          `json:"name"`
	UserName string          `json:"preferred_username"`
	Roles    []string        `json:"roles"`
}

// member reports whether the token says that the person is a member of the tenant.
func (c claims) member() bool {
	return string(c.Account) == "0" || string(c.Account) == `"0"`
}

// tracedKeys remembers why a signature could not be verified. The verifier keeps only the text.
type tracedKeys struct {
	oidc.KeySet
	err error
}

func (k *tracedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	k.err = err
	return payload, err
}

// noKeys reports whether the keys themselves could not be had. go-oidc tells it by this text alone.
func (k *tracedKeys) noKeys() bool {
	if errors.Is(k.err, context.DeadlineExceeded) || errors.Is(k.err, context.Canceled) {
		return true
	}
	return k.err != nil && strings.HasPrefix(k.err.Error(), "fetching keys ")
}

// verify returns the claims of an ID token: signed by the provider, by its issuer, for us alone,
// not expired, and an answer to this sign-in.
func (p *provider) verify(ctx context.Context, a away, token string) (claims, *refusal) {
	keys := &tracedKeys{KeySet: p.keys}
	config := oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: []string{signature}, Now: p.now}
	verified, err := oidc.NewVerifier(p.issuer(), keys, &config).Verify(ctx, token)
	switch {
	case err == nil:
	case keys.noKeys():
		return claims{}, &refusal{why: noAnswer, detail: "the keys can't be fetched"}
	case keys.err != nil:
		return claims{}, &refusal{why: badToken, detail: "the signature is not the provider's"}
	default:
		config.SkipExpiryCheck = true
		_, err = oidc.NewVerifier(p.issuer(), p.keys, &config).Verify(ctx, token)
		if err == nil {
			return claims{}, &refusal{why: clock}
		}
		// The text may quote claims.
		return claims{}, &refusal{why: badToken, detail: "issuer, audience or form are not as expected"}
	}
	var c claims
	err = verified.Claims(&c)
	switch {
	case err != nil:
		return claims{}, &refusal{why: badToken, detail: "a claim is not of its type"}
	case len(verified.Audience) != 1:
		return claims{}, &refusal{why: badToken, detail: "the token is for others, too"}
	case !same(c.Nonce, a.nonce()):
		return claims{}, &refusal{why: badToken, detail: "the nonce is not that of this sign-in"}
	}
	return c, nil
}

// guid matches a GUID in lower case.
var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// person returns the session that the claims are good for, without groups and end.
func (p *provider) person(c claims, guests bool) (session.Session, *refusal) {
	s := session.Session{Person: strings.ToLower(c.Person), Name: readable(c.UserName), Guest: !c.member()}
	if s.Name == "" {
		s.Name = readable(c.Name)
	}
	for _, role := range session.Roles() {
		for _, value := range c.Roles {
			if value == string(role) && !s.Has(role) {
				s.Roles = append(s.Roles, role)
			}
		}
	}
	switch {
	case !strings.EqualFold(c.Tenant, p.Tenant):
		return session.Session{}, &refusal{why: otherTenant}
	case !guid.MatchString(s.Person):
		return session.Session{}, &refusal{why: noPerson}
	case s.Guest && !guests:
		return session.Session{}, &refusal{why: guest}
	}
	return s, nil
}

// readable returns a name without what can't be printed, at most session.MaxName bytes of it.
func readable(name string) string {
	var kept strings.Builder
	for _, c := range strings.ToValidUTF8(name, "") {
		if !unicode.IsPrint(c) {
			continue
		}
		if kept.Len()+utf8.RuneLen(c) > session.MaxName {
			break
		}
		kept.WriteRune(c)
	}
	return strings.TrimSpace(kept.String())
}
