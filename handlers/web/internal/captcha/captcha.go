package captcha

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/problem"
)

// The names of the services, as settings say them.
const (
	Turnstile       = "turnstile"
	HCaptcha        = "hcaptcha"
	FriendlyCaptcha = "friendlycaptcha"
)

// Providers returns the names of all services.
func Providers() []string { return []string{Turnstile, HCaptcha, FriendlyCaptcha} }

// Config says which service is asked, as whom. Provider, SiteKey and Secret are required.
type Config struct {
	Provider string
	// SiteKey is public: the widget on the page shows it.
	SiteKey string
	// Secret is ours: the secret key of Turnstile and hCaptcha, the API key of Friendly Captcha.
	Secret string
	// URL is the scheme and host of the service, where it is not the usual one: https://eu.frcapi.com, or a stand-in.
	URL string
	// Hosts are the names under which partners see the form. If there are any, an answer that the service gave for a page under another
	// name is refused: a widget with our public key could stand on any page. Friendly Captcha checks that by its own settings.
	Hosts []string
	// Client sends the requests; nil for one of its own.
	Client *http.Client
}

// The limits of asking.
const (
	// timeout is how long the service may take. A partner waits for it, and whoever is told to try again is better off than who waits longer.
	timeout = 5 * time.Second
	// maxVerdict is more than any of the services writes about an answer.
	maxVerdict = 64 << 10
)

// service is what differs from one service to the next.
type service struct {
	url         string // scheme and host
	path        string
	field       string // of the form, where the widget puts the answer
	maxResponse int    // characters
	widget      Widget
	// policy is what the widget needs of the Content-Security-Policy, by directive. Of Friendly Captcha's frame the host is added, which
	// differs by region.
	policy map[string][]string
	// ask makes the request.
	ask func(c Config, address, response string) (*http.Request, error)
}

// services is what the documentations say; see the address at each.
var services = map[string]service{
	// https://developers.cloudflare.com/turnstile/get-started/server-side-validation/ and .../turnstile/reference/content-security-policy/
	Turnstile: {
		url: "https://challenges.cloudflare.com", path: "/turnstile/v0/siteverify",
		field: "cf-turnstile-response", maxResponse: 2048,
		widget: Widget{Class: "cf-turnstile", Script: "https://challenges.cloudflare.com/turnstile/v0/api.js"},
		policy: map[string][]string{
			"script-src": {"https://challenges.cloudflare.com"},
			"frame-src":  {"https://challenges.cloudflare.com"},
		},
		ask: askForm,
	},
	// https://docs.hcaptcha.com, "Verify the User Response Server Side" and "Content-Security-Policy Settings", which warns of naming single
	// subdomains. Its answers have no documented limit; those seen take a few thousand characters.
	HCaptcha: {
		url: "https://api.hcaptcha.com", path: "/siteverify",
		field: "h-captcha-response", maxResponse: 10_000,
		widget: Widget{Class: "h-captcha", Script: "https://js.hcaptcha.com/1/api.js"},
		policy: map[string][]string{
			"script-src":  {"https://hcaptcha.com", "https://*.hcaptcha.com"},
			"frame-src":   {"https://hcaptcha.com", "https://*.hcaptcha.com"},
			"style-src":   {"https://hcaptcha.com", "https://*.hcaptcha.com"},
			"connect-src": {"https://hcaptcha.com", "https://*.hcaptcha.com"},
		},
		ask: askForm,
	},
	// https://developer.friendlycaptcha.com/docs/v2/getting-started/install and .../verify. The script is the package's, version and content
	// pinned; all else happens in a frame.
	FriendlyCaptcha: {
		url: "https://global.frcapi.com", path: "/api/v2/captcha/siteverify",
		field: "frc-captcha-response", maxResponse: 10_000,
		widget: Widget{
			Class:     "frc-captcha",
			Script:    "https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@1.0.2/site.min.js",
			Integrity: "sha384-PlTUwS206S5stm69A6ULL0xNfgrDI6zspceDmfFtJGdNblYUuExQauIm9leAc/Ck",
			Module:    true,
		},
		policy: map[string][]string{
			"script-src": {"https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@1.0.2/site.min.js"},
			"frame-src":  {},
		},
		ask: askJSON,
	},
}

// Widget is what the page needs to show the service's widget: an element of the class, with the site key in data-sitekey, and the script.
type Widget struct {
	Class     string
	SiteKey   string
	Script    string
	Integrity string // of the script, where it never changes
	Module    bool   // whether the script is an ECMAScript module
	Endpoint  string // for data-api-endpoint; empty for the service's usual one
}

// Challenge asks one service. It is safe for concurrent use.
type Challenge struct {
	config  Config
	service service
	address string
}

// New returns a Challenge. Its errors do not repeat the secret.
func New(config Config) (*Challenge, error) {
	s, known := services[config.Provider]
	switch {
	case !known:
		return nil, fmt.Errorf("challenge: the service must be one of %s", strings.Join(Providers(), ", "))
	case config.SiteKey == "":
		return nil, errors.New("challenge: the site key is missing")
	case config.Secret == "":
		return nil, errors.New("challenge: the secret is missing")
	}
	s.widget.SiteKey = config.SiteKey
	if config.URL == "" {
		config.URL = s.url
	} else if config.Provider == FriendlyCaptcha {
		s.widget.Endpoint = config.URL
	}
	endpoint, err := url.Parse(config.URL)
	if err != nil || endpoint.Host == "" || endpoint.Path != "" || endpoint.User != nil || endpoint.RawQuery != "" {
		return nil, errors.New("challenge: the address of the service must be a scheme and a host")
	}
	policy := map[string][]string{}
	for directive, sources := range s.policy {
		policy[directive] = slices.Clone(sources)
	}
	if config.Provider == FriendlyCaptcha {
		policy["frame-src"] = append(policy["frame-src"], config.URL)
	}
	s.policy = policy
	if config.Client == nil {
		config.Client = &http.Client{}
	}
	client := *config.Client
	// The secret goes to the service that was named and nowhere else.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	config.Client = &client
	return &Challenge{config: config, service: s, address: config.URL + s.path}, nil
}

// Field returns the name of the form's field that has the answer.
func (c *Challenge) Field() string { return c.service.field }

// Widget returns what the page needs.
func (c *Challenge) Widget() Widget { return c.service.widget }

// Policy returns the sources that the widget needs in a Content-Security-Policy, by directive.
func (c *Challenge) Policy() map[string][]string {
	policy := make(map[string][]string, len(c.service.policy))
	for directive, sources := range c.service.policy {
		policy[directive] = slices.Clone(sources)
	}
	return policy
}

// verdict is what the services say; each has its own part of it.
type verdict struct {
	Success *bool `json:"success"`
	// Turnstile and hCaptcha.
	Hostname   string   `json:"hostname"`
	ErrorCodes []string `json:"error-codes"`
	// Friendly Captcha.
	Error struct {
		Code string `json:"error_code"`
	} `json:"error"`
}

// ours are the error codes that are about our keys or our request and not about the partner's answer.
var ours = []string{
	// Turnstile and hCaptcha
	"missing-input-secret", "invalid-input-secret", "bad-request", "internal-error", "sitekey-secret-mismatch", "invalid-sitekey",
	"missing-sitekey", "not-using-dummy-passcode", "invalid-remoteip",
	// Friendly Captcha
	"auth_required", "auth_invalid", "sitekey_invalid", "bad_request", "client_error",
}

// Verify returns nil if the service says that the answer was given by a person, just now, and not used before. Other results are
// problem.ChallengeFailed: the partner can try once more; and problem.ChallengeUnavailable: the service gave no verdict, or refuses us, and
// nobody can be taken until that is cured. No error holds the answer or the secret.
//
// An answer can be verified once: the services take a second time for an attempt to use it twice.
func (c *Challenge) Verify(ctx context.Context, response string) error {
	if response == "" || len(response) > c.service.maxResponse {
		return problem.New(problem.ChallengeFailed, "an answer of %d characters", len(response))
	}
	v, err := c.verdict(ctx, response)
	if err != nil {
		return err
	}
	codes := v.ErrorCodes
	if v.Error.Code != "" {
		codes = append(codes, v.Error.Code)
	}
	switch {
	case v.Success == nil:
		return problem.New(problem.ChallengeUnavailable, "the challenge service's answer holds no verdict")
	case !*v.Success:
		for _, code := range codes {
			if slices.Contains(ours, code) {
				return problem.New(problem.ChallengeUnavailable, "the challenge service refuses us: %s; look at the keys", code)
			}
		}
		return problem.New(problem.ChallengeFailed, "the challenge service says no")
	case c.config.Provider != FriendlyCaptcha && len(c.config.Hosts) > 0 && !slices.Contains(c.config.Hosts, strings.ToLower(v.Hostname)):
		return problem.New(problem.ChallengeFailed, "the challenge was answered on a page under another name")
	}
	return nil
}

// verdict asks the service.
func (c *Challenge) verdict(ctx context.Context, response string) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := c.service.ask(c.config, c.address, response)
	if err != nil {
		return verdict{}, problem.New(problem.Internal, "making the request to the challenge service")
	}
	request.Header.Set("Accept", "application/json")
	answer, err := c.config.Client.Do(request.WithContext(ctx))
	if err != nil {
		// The error's text has the address, and nothing of the body.
		return verdict{}, problem.New(problem.ChallengeUnavailable, "asking the challenge service: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxVerdict+1))
	if err != nil || len(body) > maxVerdict {
		return verdict{}, problem.New(problem.ChallengeUnavailable, "the challenge service's answer of status %d can't be read", answer.StatusCode)
	}
	var v verdict
	err = json.Unmarshal(body, &v)
	if err != nil {
		return verdict{}, problem.New(problem.ChallengeUnavailable, "the challenge service's answer of status %d is no JSON", answer.StatusCode)
	}
	if answer.StatusCode != http.StatusOK {
		// A yes counts with 200 alone; Friendly Captcha tells by 400 and 401 that it refuses us.
		return verdict{}, problem.New(problem.ChallengeUnavailable, "the challenge service answered with status %d", answer.StatusCode)
	}
	return v, nil
}

// askForm makes the request of Turnstile and hCaptcha. The partner's address is not told: neither needs it.
func askForm(c Config, address, response string) (*http.Request, error) {
	values := url.Values{"secret": {c.Secret}, "response": {response}}
	if c.Provider == HCaptcha {
		// Otherwise an answer for another site of the same account would do.
		values.Set("sitekey", c.SiteKey)
	}
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request, nil
}

// askJSON makes the request of Friendly Captcha.
func askJSON(c Config, address, response string) (*http.Request, error) {
	body, err := json.Marshal(map[string]string{"response": response, "sitekey": c.SiteKey})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-API-Key", c.Secret)
	return request, nil
}
