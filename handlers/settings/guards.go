package settings

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/web/captcha"
	"guestlist/handlers/web/formtoken"
	"guestlist/handlers/web/origin"
)

// NoChallenge is the value of [Challenge] that asks nobody to show to be a person.
const NoChallenge = "none"

// Guards is what the settings say about who may send, and how much.
type Guards struct {
	FormKeys      []string // the first signs; none where the app serves no form, see NeedForm
	FormWait      time.Duration
	FormLifetime  time.Duration
	PublicOrigins []string
	JSONOrigins   []string
	JSONKeys      []string
	Burst         int           // posts at once from one client; 0 is no brake
	Every         time.Duration // the time after which one more may come
	Proxies       int
	Challenge     captcha.Config // without a Provider there is none
	unresolved    []string       // the names of settings whose key vault reference was not replaced by the secret
}

// The limits of the settings.
const (
	maxFormWait     = time.Minute
	minFormLifetime = 10 * time.Minute
	// maxFormLifetime leaves a form open over a long weekend. It must stay well below the seven days that a message may lie on the queue: a
	// request's id is as old as the form that it came by, and for so long the status page takes an id that it does not know for a new one.
	maxFormLifetime = 4 * 24 * time.Hour
	maxPosts        = 100_000
	maxProxies      = 5
	maxKey          = 512 // characters: more than any way of making a key gives
	maxKeys         = 10  // each is tried
	// minDifferent catches placeholders, not weak generators: of 32 random hexadecimal digits, fewer different ones come up three times in a
	// million.
	minDifferent = 9
)

// makeKey is said to whoever needs a key.
const makeKey = "one is made by: openssl rand -base64 48"

// keyVaultReference begins a reference that App Service replaces by the secret. Where it may not, the program gets the reference itself, which
// anybody could guess.
const keyVaultReference = "@Microsoft.KeyVault("

// readGuards reads the settings of the guards.
func readGuards(get func(string) string, fault func(name, format string, args ...any)) Guards {
	var g Guards
	secret := func(name string) string {
		text := get(name)
		if strings.HasPrefix(text, keyVaultReference) {
			g.unresolved = append(g.unresolved, name)
			return ""
		}
		return text
	}
	keys := func(name string, least int) []string {
		list := fieldsOf(secret(name))
		err := checkKeys(list, least)
		if err != nil {
			fault(name, "%w", err)
		}
		return list
	}
	origins := func(name string) []string {
		list := fieldsOf(get(name))
		for _, text := range list {
			err := origin.CheckOrigin(text)
			if err != nil {
				fault(name, "has %q, which %w", text, err)
			}
		}
		return list
	}
	g.FormKeys = keys(FormKeys, formtoken.MinKey)
	g.JSONKeys = keys(JSONKeys, origin.MinKey)
	g.PublicOrigins = origins(PublicOrigins)
	g.JSONOrigins = origins(JSONOrigins)

	var err error
	g.FormWait, err = time.ParseDuration(get(FormWait))
	if err != nil || g.FormWait < 0 || g.FormWait > maxFormWait {
		fault(FormWait, "must be a duration from 0s to %s, such as 3s", maxFormWait)
	}
	g.FormLifetime, err = time.ParseDuration(get(FormLifetime))
	if err != nil || g.FormLifetime < minFormLifetime || g.FormLifetime > maxFormLifetime {
		fault(FormLifetime, "must be a duration from %s to %s, such as 12h", minFormLifetime, maxFormLifetime)
	}
	g.Burst, g.Every, err = readPosts(get(ClientPosts))
	if err != nil {
		fault(ClientPosts, "%w", err)
	}
	g.Proxies, err = strconv.Atoi(get(Proxies))
	if err != nil || g.Proxies < 0 || g.Proxies > maxProxies {
		fault(Proxies, "must be a whole number from 0 to %d", maxProxies)
	}
	g.readChallenge(get, secret, fault)
	return g
}

// readChallenge reads which service is asked whether a person sends.
func (g *Guards) readChallenge(get, secret func(string) string, fault func(name, format string, args ...any)) {
	provider := get(Challenge)
	c := captcha.Config{Provider: provider, SiteKey: get(ChallengeSiteKey), Secret: secret(ChallengeSecret), URL: strings.TrimSuffix(get(ChallengeURL), "/")}
	if provider == NoChallenge {
		return
	}
	for _, origin := range g.PublicOrigins {
		u, err := url.Parse(origin)
		if err == nil {
			c.Hosts = append(c.Hosts, u.Hostname())
		}
	}
	if !slices.Contains(captcha.Providers(), provider) {
		fault(Challenge, "must be %s or one of %s", NoChallenge, strings.Join(captcha.Providers(), ", "))
	}
	if c.SiteKey == "" {
		fault(ChallengeSiteKey, "is not set, and the challenge needs it")
	}
	if c.Secret == "" && !slices.Contains(g.unresolved, ChallengeSecret) {
		fault(ChallengeSecret, "is not set, and the challenge needs it")
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		secure := err == nil && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
		if !secure || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			fault(ChallengeURL, "must be https and a host and nothing else, such as https://eu.frcapi.com")
		}
	}
	g.Challenge = c
}

// NeedForm returns an error that says what is missing for an app that serves the form.
func (g Guards) NeedForm() error {
	for _, name := range g.unresolved {
		return fmt.Errorf("the settings need another look:\n%s is a reference to a key vault that was not replaced by the secret: give the app's identity the right to read it, and set keyVaultReferenceIdentity", name)
	}
	if len(g.FormKeys) == 0 {
		return fmt.Errorf("the settings need another look:\n%s is not set; set it to a key by which forms are signed, the same for all instances; %s", FormKeys, makeKey)
	}
	return nil
}

// fieldsOf splits a list at spaces and commas.
func fieldsOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r' })
}

// checkKeys returns an error that says what is wrong with keys, and never what they are. No key at all is fine.
func checkKeys(keys []string, least int) error {
	if len(keys) > maxKeys {
		return fmt.Errorf("has %d keys, more than %d; take away those that are no longer in use", len(keys), maxKeys)
	}
	seen := map[string]bool{}
	for i, key := range keys {
		different := map[rune]bool{}
		for _, c := range key {
			different[c] = true
		}
		switch {
		case len(key) < least || len(key) > maxKey:
			return fmt.Errorf("has %d characters in key %d, and a key has from %d to %d; %s", len(key), i+1, least, maxKey, makeKey)
		case len(different) < minDifferent:
			return fmt.Errorf("has a key %d that anybody could guess; %s", i+1, makeKey)
		case seen[key]:
			return fmt.Errorf("has key %d twice; a new key is another one, in front of the old ones", i+1)
		}
		seen[key] = true
	}
	return nil
}

var errPosts = errors.New("must be a number of posts and a time, such as 30/10m, or off")

// readPosts reads "30/10m": so many at once, and as many in each such time.
func readPosts(text string) (burst int, every time.Duration, err error) {
	if text == "off" {
		return 0, 0, nil
	}
	count, during, found := strings.Cut(text, "/")
	burst, err = strconv.Atoi(strings.TrimSpace(count))
	if !found || err != nil || burst < 1 || burst > maxPosts {
		return 0, 0, errPosts
	}
	span, err := time.ParseDuration(strings.TrimSpace(during))
	if err != nil || span < time.Second || span > 24*time.Hour {
		return 0, 0, errPosts
	}
	return burst, span / time.Duration(burst), nil
}
