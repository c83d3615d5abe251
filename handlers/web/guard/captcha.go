package guard

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

// Captcha says which service is asked: none without a Provider. SiteKey and Secret are required.
type Captcha struct {
	Provider string
	// SiteKey is public: the widget on the page shows it.
	SiteKey string
	// Secret is the secret key of Turnstile or hCaptcha, or the API key of Friendly Captcha.
	Secret string
	// URL is the scheme and host of the service. Default: the usual one.
	URL string
	// Hosts are the host names of the pages with the widget. If there are any, an answer for a page
	// on another host is refused: any page could have a widget with our public key. Without any,
	// only the service limits where the widget works. Friendly Captcha does not say the host, and
	// always limits it.
	Hosts []string
}

// NeedsHosts reports whether the service says on which host an answer was given, so that Hosts
// are compared with it.
func (c Captcha) NeedsHosts() bool { return c.Provider != FriendlyCaptcha }

const (
	// timeout is how long the service may take. A partner waits for it.
	timeout = 5 * time.Second
	// maxVerdict is more than any of the services sends, in bytes.
	maxVerdict = 64 << 10
)

// service is what differs between the services.
type service struct {
	url         string // scheme and host
	path        string
	field       string // of the form, where the widget puts the answer
	maxResponse int    // characters
	widget      Widget
	// policy is what the widget needs in the Content-Security-Policy, by directive. The host of
	// Friendly Captcha's frame, which differs by region, is added.
	policy map[string][]string
}

// services follows the documentation at each address.
var services = map[string]service{
	// https://developers.cloudflare.com/turnstile/get-started/server-side-validation/ and
	// .../turnstile/reference/content-security-policy/
	Turnstile: {
		url: "https://challenges.cloudflare.com", path: "/turnstile/v0/siteverify",
		field: "cf-turnstile-response", maxResponse: 2048,
		widget: Widget{Class: "cf-turnstile", Script: "https://challenges.cloudflare.com/turnstile/v0/api.js"},
		policy: map[string][]string{
			"script-src": {"https://challenges.cloudflare.com"},
			"frame-src":  {"https://challenges.cloudflare.com"},
		},
	},
	// https://docs.hcaptcha.com, which warns of naming single subdomains in the policy. The length
	// of answers is not documented; those seen have a few thousand characters.
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
	},
	// https://developer.friendlycaptcha.com/docs/v2/getting-started/install and .../verify. The
	// script is pinned by version and content; all else happens in a frame.
	FriendlyCaptcha: {
		url: "https://global.frcapi.com", path: "/api/v2/captcha/siteverify",
		field: "frc-captcha-response", maxResponse: 10_000,
		widget: Widget{
			Class:     "frc-captcha",
			Script:    "https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@1.0.2/site.min.js",
			Integrity: "sha384-PlTUwS206S5stm69A6ULL0xNfgrDI6zspceDmfFtJGdNblYUuExQauIm9leAc/Ck",
			Module:    true,
		},
		policy: map[string][]string{"script-src": {"https://cdn.jsdelivr.net/npm/@friendlycaptcha/sdk@1.0.2/site.min.js"}},
	},
}

// Widget is what the page needs for the widget: an element with class and site key, and a script.
type Widget struct {
	Class     string
	SiteKey   string
	Script    string
	Integrity string // of the script, where it never changes
	Module    bool   // whether the script is an ECMAScript module
	Endpoint  string // for data-api-endpoint; empty for the service's usual one
}

// Checker asks a service whether a person fills in the form: Cloudflare Turnstile, hCaptcha or
// Friendly Captcha (version 2). The service's widget on the page puts an answer into a field of the
// form, and [Checker.Verify] asks the service about it.
//
// It fails closed: only a clear yes counts. The form then depends on scripts and on that service,
// so there is no captcha by default. A nil Checker accepts every answer.
type Checker struct {
	config  Captcha
	service service
	client  *http.Client
}

// newChecker returns a Checker. Its errors do not repeat the secret.
func newChecker(config Captcha) (*Checker, error) {
	s, known := services[config.Provider]
	switch {
	case !known:
		return nil, fmt.Errorf("captcha: the service must be one of %s", strings.Join(Providers(), ", "))
	case config.SiteKey == "":
		return nil, errors.New("captcha: the site key is missing")
	case config.Secret == "":
		return nil, errors.New("captcha: the secret is missing")
	}
	s.widget.SiteKey = config.SiteKey
	if config.URL == "" {
		config.URL = s.url
	} else if config.Provider == FriendlyCaptcha {
		s.widget.Endpoint = config.URL
	}
	endpoint, err := url.Parse(config.URL)
	if err != nil || endpoint.Host == "" || endpoint.Path != "" || endpoint.User != nil || endpoint.RawQuery != "" {
		return nil, errors.New("captcha: the address of the service must be a scheme and a host")
	}
	// The secret must go nowhere else.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Checker{config, s, client}, nil
}

// Field returns the name of the form's field with the answer, "" for a nil Checker.
func (c *Checker) Field() string {
	if c == nil {
		return ""
	}
	return c.service.field
}

// Widget returns what the page needs, nil for a nil Checker.
func (c *Checker) Widget() *Widget {
	if c == nil {
		return nil
	}
	return &c.service.widget
}

// Policy returns what the widget needs in a Content-Security-Policy. The caller owns the map.
func (c *Checker) Policy() map[string][]string {
	policy := map[string][]string{}
	if c == nil {
		return policy
	}
	for directive, sources := range c.service.policy {
		policy[directive] = slices.Clone(sources)
	}
	if c.config.Provider == FriendlyCaptcha {
		policy["frame-src"] = append(policy["frame-src"], c.config.URL)
	}
	return policy
}

// verdict is what the services say; each sends a part of it.
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

// ours are the error codes that concern our keys or our request, not the partner's answer.
var ours = []string{
	// Turnstile and hCaptcha
	"missing-input-secret", "invalid-input-secret", "bad-request", "internal-error", "sitekey-secret-mismatch", "invalid-sitekey",
	"missing-sitekey", "not-using-dummy-passcode", "invalid-remoteip",
	// Friendly Captcha
	"auth_required", "auth_invalid", "sitekey_invalid", "bad_request", "client_error",
}

// Verify returns nil if the service says that a person gave the answer, just now and for the
// first time. Otherwise it returns problem.CaptchaFailed, and the partner can try again; or
// problem.CaptchaUnavailable: the service gave no verdict or refuses our keys. No error has the
// answer or the secret. An answer can be verified only once.
func (c *Checker) Verify(ctx context.Context, response string) error {
	if c == nil {
		return nil
	}
	if response == "" || len(response) > c.service.maxResponse {
		return problem.New(problem.CaptchaFailed, "an answer of %d characters", len(response))
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
		return problem.New(problem.CaptchaUnavailable, "the captcha service's answer holds no verdict")
	case !*v.Success:
		for _, code := range codes {
			if slices.Contains(ours, code) {
				return problem.New(problem.CaptchaUnavailable, "the captcha service refuses us: %s; check the keys", code)
			}
		}
		return problem.New(problem.CaptchaFailed, "the captcha service says no")
	case c.config.NeedsHosts() && len(c.config.Hosts) > 0 && !slices.Contains(c.config.Hosts, strings.ToLower(v.Hostname)):
		return problem.New(problem.CaptchaFailed, "the captcha was solved on a page under another host name")
	}
	return nil
}

func (c *Checker) verdict(ctx context.Context, response string) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := c.request(ctx, response)
	if err != nil {
		return verdict{}, problem.New(problem.Internal, "making the request to the captcha service")
	}
	answer, err := c.client.Do(request)
	if err != nil {
		// The error's text has the address, and nothing of the body.
		return verdict{}, problem.New(problem.CaptchaUnavailable, "asking the captcha service: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxVerdict+1))
	if err != nil || len(body) > maxVerdict {
		return verdict{}, problem.New(problem.CaptchaUnavailable, "the captcha service's answer of status %d can't be read", answer.StatusCode)
	}
	var v verdict
	err = json.Unmarshal(body, &v)
	if err != nil {
		return verdict{}, problem.New(problem.CaptchaUnavailable, "the captcha service's answer of status %d is not JSON", answer.StatusCode)
	}
	if answer.StatusCode != http.StatusOK {
		// Friendly Captcha says by 400 and 401 that it refuses us.
		return verdict{}, problem.New(problem.CaptchaUnavailable, "the captcha service answered with status %d", answer.StatusCode)
	}
	return v, nil
}

// request returns the request that asks the service, without the partner's address.
func (c *Checker) request(ctx context.Context, response string) (*http.Request, error) {
	values := url.Values{"secret": {c.config.Secret}, "response": {response}}
	if c.config.Provider == HCaptcha {
		// Otherwise an answer for another site of the same account counts.
		values.Set("sitekey", c.config.SiteKey)
	}
	contentType, body := "application/x-www-form-urlencoded", []byte(values.Encode())
	if c.config.Provider == FriendlyCaptcha {
		var err error
		contentType = "application/json"
		body, err = json.Marshal(map[string]string{"response": response, "sitekey": c.config.SiteKey})
		if err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.URL+c.service.path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", contentType)
	if c.config.Provider == FriendlyCaptcha {
		request.Header.Set("X-API-Key", c.config.Secret)
	}
	return request, nil
}
