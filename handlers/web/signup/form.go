package signup

import (
	"embed"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"unicode/utf8"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/site"
)

//go:embed page
var files embed.FS

// Config is what the form needs. Fields and Mail may be zero: a form that asks for names and an
// address only, and takes every address.
type Config struct {
	site.Service           // with guards that have tokens
	Random       io.Reader // for ids: crypto/rand.Reader
	Fields       branding.Fields
	Mail         branding.MailRules
	// StatusOrigin is the scheme and host of the status page, empty where it is the form's own.
	StatusOrigin string
	// Codes says that the app mails codes that prove a mailbox, so the form tells of them.
	Codes bool
}

type form struct {
	Config
	site *site.Site
	// These are made when they are first needed, since they take longer than the rest of the start.
	countries map[string]func() (countryOptions, error) // by language
	blanks    map[string]func() (blank, error)          // by language
	rules     func() map[string]map[string]int
}

// New returns the handler of the form. At the path "/" it leads to the form.
//
// GET and HEAD show it. Query parameters named like its fields fill it in; links with an
// inviteCode, or with a code as it was called, are secrets. The parameter "lang" chooses the
// language. OPTIONS answers preflights. POST takes a submission as a form, answered with pages and
// 303, or as JSON, as docs/openapi.yaml describes.
//
// Pages of 403 (refused by the guards), 422 (fields that break a rule, an address that looks
// mistyped, or a honeypot that was filled in at a human pace), 429 and 503 keep what was typed and
// have a fresh token. Every answer but 303 and 202 has left nothing behind. A honeypot that was
// filled in faster than people type gets a normal 303; nothing is enqueued. The answer depends on
// the form of the submission and on what is generally known of its mail domain, never on who signs
// up.
//
// Accepting a submission logs one line with the request's id. What was typed is never logged.
func New(config Config) (http.Handler, error) {
	switch {
	case config.Random == nil:
		return nil, errors.New("signup: the source of randomness is missing")
	case config.Guards == nil || config.Guards.Tokens == nil:
		return nil, errors.New("signup: the guards, or their form tokens, are missing")
	}
	policy := config.Guards.Captcha.Policy()
	if config.StatusOrigin != "" {
		// Browsers also check the redirect after a form against this.
		policy["form-action"] = append(policy["form-action"], config.StatusOrigin)
	}
	pages, err := site.New(config.Service, site.Config{
		Files: files, Policy: policy, Form: site.Root,
	})
	if err != nil {
		return nil, err
	}
	f := &form{Config: config, site: pages, rules: sync.OnceValue(submission.Rules), countries: i18n.ByLanguage(newCountryOptions)}
	f.blanks = i18n.ByLanguage(f.newBlank)
	return pages.Handler(f.serve, http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions), nil
}

func (f *form) serve(x *site.Exchange) {
	if path := x.Request.URL.Path; path == "/" || path == "" {
		f.lead(x)
		return
	}
	switch method := x.Request.Method; {
	case method == http.MethodOptions:
		f.preflight(x)
	case method == http.MethodPost && x.Format == site.JSON:
		f.submitJSON(x)
	case method == http.MethodPost:
		f.submitForm(x)
	default:
		x.Remember()
		e, _ := prefilled(x.Request.URL.Query())
		if e.Input == (submission.Input{}) {
			f.open(x)
			return
		}
		f.show(x, http.StatusOK, e, nil, alert{})
	}
}

// lead leads from the first page of the host, which is the platform's own otherwise, to the form.
func (f *form) lead(x *site.Exchange) {
	query := x.Request.URL.Query()
	_, keep := prefilled(query)
	if language := query.Get(site.LanguageQuery); language != "" {
		keep.Set(site.LanguageQuery, language)
	}
	target := url.URL{Path: site.Root, RawQuery: keep.Encode()}
	x.Header().Set("Location", target.String())
	x.WriteHeader(http.StatusFound)
}

// prefilled returns what a query fills in, and the part of the query that does. Texts that are too
// long do not count, nor do the terms, which a person must accept by hand.
func prefilled(query url.Values) (entry, url.Values) {
	var e entry
	keep := url.Values{}
	for _, d := range definitions {
		text := query.Get(d.name)
		if old := query.Get(oldCodeQuery); old != "" && d.name == codeField {
			text = old
		}
		if text != "" && utf8.RuneCountInString(text) <= d.limit && d.name != termsField {
			*d.of(&e) = text
			keep.Set(d.name, text)
		}
	}
	return e, keep
}

// preflight answers a browser that asks whether a page of another site may send.
func (f *form) preflight(x *site.Exchange) {
	err := f.Guards.Origins.Preflight(x.Header(), x.Request, http.MethodGet, http.MethodPost)
	if err != nil {
		x.Format = site.JSON
		x.Fail(err, "")
		return
	}
	x.WriteHeader(http.StatusNoContent)
}
