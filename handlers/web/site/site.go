package site

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
)

//go:embed frame
var frame embed.FS

// Root is the path of the first page and the path below which all others are.
const Root = "/signup"

// ReservedQueries are the names of query parameters that the platform reads before the app does, in
// lower case. The Functions host takes code for a key and looks it up, which costs a call of the
// storage, and is an empty 500 where the keys can't be read; clientid goes with it. No page may use
// them for anything of its own.
func ReservedQueries() []string { return []string{"code", "clientid"} }

// PathOf returns the path of a request's page.
func PathOf(id submission.ID) string { return Root + "/" + string(id) }

// Queue takes messages for the worker. When Enqueue returns nil, the message is sent if and only
// if the client gets the answer that the handler gave.
type Queue interface {
	Enqueue(ctx context.Context, message []byte) error
}

// Service is what every page is built from. All fields are required.
type Service struct {
	Style  branding.Style
	Guards *guard.Guards
	Queue  Queue
	Now    func() time.Time
	Log    *slog.Logger
}

// Config describes a page. Policy, Referrers and Root may be missing.
type Config struct {
	// Files has a folder "page" with the page's templates (*.html), from "head" to "foot", and its
	// scripts (*.js) and styles (*.css), which follow those of the frame.
	Files fs.FS
	// Policy has the Content-Security-Policy's sources beside the page's own parts, by directive.
	Policy map[string][]string
	// Referrers is the Referrer-Policy. Default "same-origin".
	Referrers string
	// Form is the address of the form, to which problem pages lead.
	Form string
	// Root is the path of the first page, below which all others are. Default [Root]. The choice of
	// a language is remembered for them.
	Root string
}

// Site serves one kind of page. It is safe for concurrent use.
type Site struct {
	service   Service
	config    Config
	bundle    *i18n.Bundle
	templates map[string]func() (*template.Template, error) // by language
	css       template.CSS
	script    template.JS
	header    http.Header // of every answer
	accepted  acceptCache
}

// New returns the site of a page.
func New(service Service, config Config) (*Site, error) {
	switch {
	case strings.TrimSpace(service.Style.Organisation) == "":
		return nil, errors.New("site: the name of the organisation is missing")
	case service.Guards == nil:
		return nil, errors.New("site: the guards are missing")
	case service.Queue == nil:
		return nil, errors.New("site: the queue is missing")
	case service.Now == nil:
		return nil, errors.New("site: the clock is missing")
	case service.Log == nil:
		return nil, errors.New("site: the log is missing")
	}
	bundle, err := i18n.NewBundle(service.Style.Organisation)
	if err != nil {
		return nil, err
	}
	s := &Site{service: service, config: config, bundle: bundle}
	css, ofStyle := s.read("*.css")
	script, ofScript := s.read("*.js")
	err = errors.Join(ofStyle, ofScript)
	if err != nil {
		return nil, err
	}
	s.css = template.CSS(colours(service.Style.Accent) + compactCSS(css))
	s.script = template.JS(compact(script))
	// Parsing takes longer than the rest of the start, and nobody waits for a page yet.
	s.templates = i18n.ByLanguage(func(l i18n.Language) (*template.Template, error) { return s.parse(l.Tag) })
	s.header = headers(s.policy(), cmp.Or(config.Referrers, "same-origin"))
	return s, nil
}

// read returns the files of the frame and of the page whose names match the pattern, joined.
func (s *Site) read(pattern string) (string, error) {
	var text strings.Builder
	err := s.each(pattern, func(_, source string) error {
		text.WriteString(source)
		return nil
	})
	return text.String(), err
}

// each calls do with the files of the frame, then of the page, whose names match the pattern.
func (s *Site) each(pattern string, do func(name, source string) error) error {
	for _, files := range []fs.FS{frame, s.config.Files} {
		names, err := fs.Glob(files, "*/"+pattern)
		if err != nil {
			return fmt.Errorf("site: looking for %s: %w", pattern, err)
		}
		for _, name := range names {
			source, err := fs.ReadFile(files, name)
			if err != nil {
				return fmt.Errorf("site: reading %s: %w", name, err)
			}
			err = do(path.Base(name), string(source))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// policy returns the Content-Security-Policy.
func (s *Site) policy() string {
	directives := map[string][]string{
		"default-src":     {"'none'"},                 // no images, frames or fonts, and no request for an icon
		"style-src":       {hashOf(string(s.css))},    // the one style sheet, inlined
		"script-src":      {hashOf(string(s.script))}, // the one script, inlined
		"connect-src":     {"'self'"},                 // a status page asks for itself again
		"form-action":     {"'self'"},                 // an injected form can't send entries elsewhere
		"base-uri":        {"'none'"},                 // nothing can bend relative links
		"frame-ancestors": {"'none'"},                 // no clickjacking
	}
	if s.service.Style.Logo.Source != "" {
		directives["img-src"] = []string{s.service.Style.Logo.Source}
	}
	for directive, sources := range s.config.Policy {
		directives[directive] = append(directives[directive], sources...)
	}
	parts := make([]string, 0, len(directives))
	for _, directive := range slices.Sorted(maps.Keys(directives)) {
		parts = append(parts, directive+" "+strings.Join(directives[directive], " "))
	}
	return strings.Join(parts, "; ")
}

// hashOf names an inlined text in a Content-Security-Policy.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// permissions denies what a form has no use for.
const permissions = "accelerometer=(), camera=(), display-capture=(), fullscreen=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), " +
	"publickey-credentials-get=(), screen-wake-lock=(), usb=()"

func headers(policy, referrers string) http.Header {
	return http.Header{
		"Content-Security-Policy": {policy},
		"Cache-Control":           {"no-store"}, // pages hold what a person typed; shared computers keep caches
		// No other site learns a page's address. Without any referrer, browsers also hide the
		// origin of the page's own forms, and old ones have nothing else to tell where a form comes
		// from.
		"Referrer-Policy":                   {referrers},
		"X-Content-Type-Options":            {"nosniff"},     // JSON is never run as a page
		"X-Frame-Options":                   {"DENY"},        // frame-ancestors for old browsers
		"X-Permitted-Cross-Domain-Policies": {"none"},        // documents of other programs load nothing from here
		"X-Robots-Tag":                      {"noindex"},     // spammers find forms in search results
		"Cross-Origin-Opener-Policy":        {"same-origin"}, // the page that opened the form can't steer it
		"Cross-Origin-Resource-Policy":      {"same-origin"}, // other sites can't load answers as resources
		"Origin-Agent-Cluster":              {"?1"},          // no memory is shared with neighbouring host names
		"Permissions-Policy":                {permissions},
	}
}

// Handler returns a handler that sets the headers of every answer, and itself answers methods other
// than the given ones, and bodies of a type that no page takes.
func (s *Site) Handler(serve func(*Exchange), methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		maps.Copy(header, s.header)
		if r.Header.Get("X-Forwarded-Proto") == "https" {
			// A year without plain HTTP. Without TLS the header means nothing (RFC 6797, 7.2); App
			// Service's front end tells which it was.
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		x := &Exchange{ResponseWriter: w, Request: r, Format: preferred(r), site: s}
		x.Choose()
		if !slices.Contains(methods, r.Method) {
			header.Set("Allow", allow)
			x.Fail(&problem.Error{Code: problem.MethodNotAllowed}, "method")
			return
		}
		if r.Method == http.MethodPost {
			err := x.posted()
			if err != nil {
				x.Refuse(err)
				return
			}
		}
		serve(x)
	})
}

// compact removes indentation, empty lines, and lines that are a comment.
func compact(source string) string {
	var kept strings.Builder
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") {
			kept.WriteString(line + "\n")
		}
	}
	return kept.String()
}

// compactCSS also removes the spaces that a style sheet does not need.
func compactCSS(source string) string {
	dense := strings.NewReplacer(": ", ":", " {", "{", "{ ", "{", "; ", ";", ", ", ",", " }", "}", ";\n", ";", "{\n", "{").Replace(compact(source))
	return strings.ReplaceAll(strings.ReplaceAll(dense, ";}", "}"), "}\n", "}")
}

// colours returns the part of the style sheet that the organisation decides.
func colours(accent branding.Accent) string {
	over := accent.Over()
	return fmt.Sprintf(":root{--accent:%s;--accent-over:%s}@media (prefers-color-scheme:dark){:root{--accent:%s;--accent-over:%s}}\n",
		accent.Light, over.Light, accent.Dark, over.Dark)
}

// said is where a template has a text of the catalogue and nothing else.
const said = `\{\{\$?\.Say "([^"]+)"\}\}`

// parse reads the templates with a language's texts put in, which saves two thirds of rendering.
func (s *Site) parse(tag string) (*template.Template, error) {
	texts, err := s.bundle.In(tag)
	if err != nil {
		return nil, err
	}
	pattern, err := regexp.Compile(said)
	if err != nil {
		return nil, fmt.Errorf("site: looking for texts: %w", err)
	}
	templates := template.New("")
	err = s.each("*.html", func(name, source string) error {
		worded := pattern.ReplaceAllStringFunc(source, func(action string) string {
			text := texts.Say(pattern.FindStringSubmatch(action)[1])
			// As text and as a quoted attribute. The name of an organisation may look like an
			// action.
			return strings.ReplaceAll(template.HTMLEscapeString(text), "{", "&#123;")
		})
		_, err := templates.New(name).Parse(worded)
		if err != nil {
			return fmt.Errorf("site: parsing %s: %w", name, err)
		}
		return nil
	})
	return templates, err
}

// Texts returns the texts of a language that the pages have.
func (s *Site) Texts(tag string) (*i18n.Texts, error) { return s.bundle.In(tag) }

// pageSize is more than most pages have, in bytes.
const pageSize = 32 << 10

// Render renders a template of the page.
func (s *Site) Render(body *bytes.Buffer, name string, p Page) error {
	p.Style, p.CSS, p.Script = s.service.Style, s.css, s.script
	parse, known := s.templates[p.Tag]
	if !known {
		return fmt.Errorf("site: the pages do not speak %q", p.Tag)
	}
	templates, err := parse()
	if err != nil {
		return err
	}
	body.Grow(pageSize)
	return templates.ExecuteTemplate(body, name, p)
}

// Page is what every template gets. Render sets Style, CSS and Script.
type Page struct {
	Reader
	Style   branding.Style
	CSS     template.CSS
	Script  template.JS
	Title   string
	Path    string     // of the page itself
	Keep    url.Values // the query that links to the same page in other languages need
	Content any
}

// Logo returns the address of the organisation's logo, or "". Package branding has checked it:
// templates do not trust data: addresses.
func (p Page) Logo() template.URL { return template.URL(p.Style.Logo.URL) }

// Direction returns the direction of the page's language.
func (p Page) Direction() string {
	if p.RightToLeft {
		return "rtl"
	}
	return "ltr"
}

// Languages returns a list item with a link for each language of the pages. Building it by hand
// saves a third of the work of a page.
func (p Page) Languages() template.HTML {
	var items strings.Builder
	keep := ""
	if len(p.Keep) > 0 {
		keep = "&amp;" + template.HTMLEscapeString(p.Keep.Encode())
	}
	path := template.HTMLEscapeString(p.Path)
	for _, l := range i18n.Languages() {
		items.WriteString(`<li><a href="` + path + "?" + LanguageQuery + "=" + l.Tag + keep + `" hreflang="` + l.Tag + `" lang="` + l.Tag + `"`)
		if l.RightToLeft {
			items.WriteString(` dir="rtl"`)
		}
		if l.Tag == p.Tag {
			items.WriteString(` aria-current="true"`)
		}
		items.WriteString(">" + l.Name + "</a></li>\n")
	}
	return template.HTML(items.String())
}
