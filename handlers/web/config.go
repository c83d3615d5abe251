package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/branding"
	"guestlist/handlers/settings"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
)

// Config is what the pages are built from.
type Config struct {
	// Form says whether the app serves the form. It is set before Read: without the form, the keys
	// that only the form needs may be missing.
	Form bool
	// Reviews says whether the app serves the review pages, if people can sign in.
	Reviews bool

	Style          branding.Style
	Fields         branding.Fields
	Mail           branding.MailRules
	DetailedStatus bool
	StatusOrigin   string // empty: the form's own
	FormOrigin     string // empty: the status page's own
	Guards         guard.Config
	SignIn         SignIn
}

// SignIn is how people sign in to the review pages. The zero value, apart from URL, is not at all.
type SignIn struct {
	URL              string // scheme and host where people sign in
	Tenant, ClientID string // GUIDs in lower case
	Origin           string // scheme and host of the review pages
	Guests           bool   // guests of the tenant may sign in
}

// On reports whether people can sign in.
func (s SignIn) On() bool { return s.Tenant != "" }

// StatusPages returns the scheme and host of the status pages for links in mails, "" if no setting
// says it.
func (c *Config) StatusPages() string {
	if c.StatusOrigin == "" && len(c.Guards.PublicOrigins) > 0 {
		return c.Guards.PublicOrigins[0]
	}
	return c.StatusOrigin
}

// LinkedByMails is StatusPages for an app that sends mails, which needs to know it. The error names
// the settings.
func (c *Config) LinkedByMails() (origin string, err error) {
	origin = c.StatusPages()
	if origin == "" {
		return "", fmt.Errorf("%s is not set: mails link to the status page, so set it to the scheme and host of the "+
			"status page, or set %s", settings.StatusOrigin, settings.PublicOrigins)
	}
	return origin, nil
}

// The values of the settings that are chosen from a list.
const (
	discreetStatus = "discreet" // received, in work, finished: the same for everybody
	detailedStatus = "detailed" // also whether a person decides, and the outcome
	noCaptcha      = "none"
)

// Read reads the settings of the pages.
func (c *Config) Read(r *settings.Reader) {
	c.readStyle(r)
	c.readPages(r)
	c.readGuards(r)
	c.readSignIn(r)
}

func (c *Config) readStyle(r *settings.Reader) {
	c.Style.Organisation = r.Text(settings.Organisation)
	c.Style.PrivacyURL = r.Text(settings.PrivacyURL)
	c.Style.Terms = branding.Terms{URL: r.Text(settings.TermsURL), Version: r.Text(settings.TermsVersion)}
	c.Style.Accent.Light = parse(r, settings.Accent, branding.ParseLight)
	c.Style.Accent.Dark = parse(r, settings.AccentDark, func(text string) (branding.Colour, error) {
		return branding.ParseDark(text, c.Style.Accent.Light)
	})
	c.Style.Logo = parse(r, settings.Logo, branding.ParseLogo)
	c.Style.Contact = parse(r, settings.Contact, branding.ParseContact)
	c.Style.Intro = parse(r, settings.Intro, branding.ParseIntro)
	if c.Style.PrivacyURL != "" && !branding.IsLink(c.Style.PrivacyURL) {
		r.Fault(settings.PrivacyURL, "must be an https address")
	}
	switch terms := c.Style.Terms; {
	case terms == (branding.Terms{}):
	case !branding.IsLink(terms.URL):
		r.Fault(settings.TermsURL, "must be an https address where %s is set", settings.TermsVersion)
	case !submission.ValidTerms(terms.Version):
		r.Fault(settings.TermsVersion, "must be 1 to 32 letters, digits and . _ -, such as 2026-11, so that it is known later what partners accepted")
	}
}

// parse reads a setting with the part that knows what it may be.
func parse[T any](r *settings.Reader, name string, read func(string) (T, error)) T {
	value, err := read(r.Text(name))
	r.Check(name, err)
	return value
}

func (c *Config) readPages(r *settings.Reader) {
	c.Fields = parse(r, settings.Fields, branding.ParseFields)
	c.Mail = branding.MailRules{
		RefuseFreeMail:   parse(r, settings.FreeMail, branding.ParseRefusal),
		RefuseDisposable: parse(r, settings.DisposableMail, branding.ParseRefusal),
		Exceptions:       parse(r, settings.MailDomains, branding.ParseExceptions),
	}
	switch r.Text(settings.StatusPage) {
	case discreetStatus:
	case detailedStatus:
		c.DetailedStatus = true
	default:
		r.Fault(settings.StatusPage, "must be %q or %q", discreetStatus, detailedStatus)
	}
	c.StatusOrigin, c.FormOrigin = r.Origin(settings.StatusOrigin), r.Origin(settings.FormOrigin)
}

// The limits of the settings.
const (
	maxFormWait     = time.Minute
	minFormLifetime = 10 * time.Minute
	maxPosts        = 100_000
	maxProxies      = 5
	maxKey          = 512 // characters: more than any way of making a key gives
	maxKeys         = 10  // each is tried
	// minDifferent catches placeholders, not weak generators: of 32 random hexadecimal digits,
	// fewer different ones come up three times in a million.
	minDifferent = 9
)

const makeKey = "one is made by: openssl rand -base64 48"

func (c *Config) readGuards(r *settings.Reader) {
	c.Guards = guard.Config{
		FormKeys:      c.keys(r, settings.FormKeys),
		FormWait:      r.Duration(settings.FormWait, 0, maxFormWait, "3s"),
		FormLifetime:  r.Duration(settings.FormLifetime, minFormLifetime, submission.LongestForm, "12h"),
		PublicOrigins: r.Origins(settings.PublicOrigins),
		JSONOrigins:   r.Origins(settings.JSONOrigins),
		JSONKeys:      c.keys(r, settings.JSONKeys),
		Limit:         parse(r, settings.ClientPosts, parseLimit),
	}
	var err error
	c.Guards.Proxies, err = strconv.Atoi(r.Text(settings.Proxies))
	if err != nil || c.Guards.Proxies < 0 || c.Guards.Proxies > maxProxies {
		r.Fault(settings.Proxies, "must be a whole number from 0 to %d", maxProxies)
	}
	c.readCaptcha(r)
	switch {
	case !c.Form:
		c.Guards.Captcha = guard.Captcha{}
	case len(c.Guards.FormKeys) == 0 && !r.Unresolved(settings.FormKeys):
		r.Fault(settings.FormKeys, "is not set; set it to a key that signs forms, the same for all instances; %s", makeKey)
	}
}

// readCaptcha follows the origins: their hosts are those on which a captcha may be solved.
func (c *Config) readCaptcha(r *settings.Reader) {
	provider := r.Text(settings.Captcha)
	config := guard.Captcha{
		Provider: provider, SiteKey: r.Text(settings.CaptchaSiteKey),
		URL: strings.TrimSuffix(r.Text(settings.CaptchaURL), "/"),
	}
	if !c.unneeded(r, settings.CaptchaSecret) {
		config.Secret = r.Secret(settings.CaptchaSecret)
	}
	if provider == noCaptcha {
		return
	}
	config.Hosts = c.captchaHosts()
	if len(config.Hosts) == 0 && config.NeedsHosts() {
		r.Warn(settings.PublicOrigins, "is not set, so an answer to the captcha counts from a page under any host name that the "+
			"captcha service allows for the site key: set it to the scheme and host of the form")
	}
	if providers := guard.Providers(); !slices.Contains(providers, provider) {
		r.Fault(settings.Captcha, "must be %s or one of %s", noCaptcha, strings.Join(providers, ", "))
	}
	if config.SiteKey == "" {
		r.Fault(settings.CaptchaSiteKey, "is not set, and the captcha needs it")
	}
	if config.Secret == "" && !r.Unresolved(settings.CaptchaSecret) {
		r.Fault(settings.CaptchaSecret, "is not set, and the captcha needs it")
	}
	if config.URL != "" && !settings.IsHost(config.URL) {
		r.Fault(settings.CaptchaURL, "must be https and a host and nothing else, such as https://eu.frcapi.com")
	}
	c.Guards.Captcha = config
}

// captchaHosts returns the hosts of the pages with our widget: of the form, and of sites that send
// JSON. It returns none if the settings do not say the form's host: the host of a request can't be
// used, because a proxy may change it.
func (c *Config) captchaHosts() []string {
	if len(c.Guards.PublicOrigins) == 0 {
		return nil
	}
	var hosts []string
	for _, origin := range slices.Concat(c.Guards.PublicOrigins, c.Guards.JSONOrigins) {
		u, err := url.Parse(origin)
		if err == nil {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}

func (c *Config) readSignIn(r *settings.Reader) {
	url := cmp.Or(r.Text(settings.SignInURL), settings.CloudSignIn(r.Text(settings.GraphURL)))
	s := SignIn{
		URL: strings.TrimSuffix(url, "/"), Origin: r.Origin(settings.ReviewOrigin),
		Tenant: r.GUID(settings.SignInTenant), ClientID: r.GUID(settings.SignInClientID),
	}
	switch text := r.Text(settings.SignInGuests); text {
	case settings.RefuseGuests:
	case settings.AcceptGuests:
		s.Guests = true
	default:
		r.Fault(settings.SignInGuests, "must be %q or %q", settings.RefuseGuests, settings.AcceptGuests)
	}
	if !settings.IsHost(s.URL) {
		r.Fault(settings.SignInURL, "must be https and a host and nothing else, such as "+settings.PublicSignIn)
	}
	parts := []string{settings.ReviewOrigin, settings.SignInTenant, settings.SignInClientID}
	isSet := func(name string) bool { return r.Text(name) != "" }
	if slices.ContainsFunc(parts, isSet) {
		for _, name := range parts {
			if !isSet(name) {
				r.Fault(name, "is not set; signing in to the review pages needs all of %s", strings.Join(parts, ", "))
			}
		}
	}
	c.SignIn = s
}

// unneeded reports whether a secret is a reference that was not replaced, which is a fault only
// where the form needs the secret.
func (c *Config) unneeded(r *settings.Reader, name string) bool {
	return !c.Form && r.IsReference(name)
}

func (c *Config) keys(r *settings.Reader, name string) []string {
	if c.unneeded(r, name) {
		return nil
	}
	keys := r.Keys(name)
	r.Check(name, checkKeys(keys))
	return keys
}

// checkKeys returns an error that says what is wrong with keys, never what they are. No keys are
// fine.
func checkKeys(keys []string) error {
	if len(keys) > maxKeys {
		return fmt.Errorf("has %d keys, more than %d; take away those that are no longer in use", len(keys), maxKeys)
	}
	seen := map[string]bool{}
	for i, key := range keys {
		different := slices.Compact(slices.Sorted(slices.Values([]rune(key))))
		switch {
		case len(key) < guard.MinKey || len(key) > maxKey:
			return fmt.Errorf("has %d characters in key %d, and a key has from %d to %d; %s", len(key), i+1, guard.MinKey, maxKey, makeKey)
		case len(different) < minDifferent:
			return fmt.Errorf("has a key %d that anybody could guess; %s", i+1, makeKey)
		case seen[key]:
			return fmt.Errorf("has key %d twice; a new key is another one, in front of the old ones", i+1)
		}
		seen[key] = true
	}
	return nil
}

// parseLimit reads "30/10m": so many posts at once, and as many again in each such time.
func parseLimit(text string) (guard.Limit, error) {
	if text == "off" {
		return guard.Limit{}, nil
	}
	count, during, found := strings.Cut(text, "/")
	burst, ofCount := strconv.Atoi(strings.TrimSpace(count))
	span, ofTime := time.ParseDuration(strings.TrimSpace(during))
	valid := found && ofCount == nil && ofTime == nil && burst >= 1 && burst <= maxPosts && span >= time.Second && span <= 24*time.Hour
	if !valid {
		return guard.Limit{}, errors.New("must be a number of posts and a time, such as 30/10m, or off")
	}
	return guard.Limit{Burst: burst, Every: span / time.Duration(burst)}, nil
}
