package signup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/problem"
	"guestlist/handlers/web/problemdetails"
)

//go:embed pages
var files embed.FS

// maxHeader is the longest header that is looked into. What browsers send in Accept and Accept-Language is far below.
const maxHeader = 1000

// pageSize is more than most pages have, in bytes.
const pageSize = 32 << 10

// retryAfter is the wait in seconds that a client is asked for when something of ours did not answer.
const retryAfter = "15"

// site is what all pages have in common.
type site struct {
	style     branding.Style
	shelf     *i18n.Shelf
	log       *slog.Logger
	templates map[string]func() (*template.Template, error) // by language
	css       template.CSS
	script    template.JS
	policy    string // the Content-Security-Policy
	referrers string // the Referrer-Policy
	form      string // the address of the form
}

// newSite returns the site; script is the file of what only its pages need, and more is what they may load beside their own, as directives of a
// Content-Security-Policy.
func newSite(style branding.Style, log *slog.Logger, script string, more map[string][]string) (*site, error) {
	if strings.TrimSpace(style.Organisation) == "" {
		return nil, errors.New("signup: the name of the organisation is missing")
	}
	if log == nil {
		return nil, errors.New("signup: the log is missing")
	}
	shelf, err := i18n.NewShelf(style.Organisation)
	if err != nil {
		return nil, err
	}
	css, err := files.ReadFile("pages/style.css")
	if err != nil {
		return nil, fmt.Errorf("signup: reading the style: %w", err)
	}
	scripts := ""
	for _, name := range []string{"script.js", script} {
		source, err := files.ReadFile("pages/" + name)
		if err != nil {
			return nil, fmt.Errorf("signup: reading the script: %w", err)
		}
		scripts += compact(source)
	}
	s := &site{
		referrers: "no-referrer", form: Path, style: style, shelf: shelf, log: log, templates: map[string]func() (*template.Template, error){},
		css: template.CSS(colours(style.Accent) + compactCSS(css)), script: template.JS(scripts),
	}
	// Parsing takes longer than the rest of the start, and nobody waits for a page yet.
	for _, l := range i18n.Languages() {
		s.templates[l.Tag] = sync.OnceValues(func() (*template.Template, error) { return s.parse(l.Tag) })
	}
	directives := map[string][]string{
		"default-src":     {"'none'"},                 // no images, frames or fonts, and no request for an icon
		"style-src":       {hashOf(string(s.css))},    // the one style sheet, inlined
		"script-src":      {hashOf(string(s.script))}, // the one script, inlined
		"connect-src":     {"'self'"},                 // a status page asks for itself again
		"form-action":     {"'self'"},                 // an injected form could send entries nowhere else
		"base-uri":        {"'none'"},                 // nothing can bend relative links
		"frame-ancestors": {"'none'"},                 // nobody lays the form under another page
	}
	if style.Logo.Source != "" {
		directives["img-src"] = []string{style.Logo.Source} // the organisation's logo
	}
	for directive, sources := range more {
		directives[directive] = append(directives[directive], sources...)
	}
	parts := make([]string, 0, len(directives))
	for _, directive := range slices.Sorted(maps.Keys(directives)) {
		parts = append(parts, directive+" "+strings.Join(directives[directive], " "))
	}
	s.policy = strings.Join(parts, "; ")
	return s, nil
}

// compact takes out what only we read: indentation, empty lines, and lines that are a comment.
func compact(source []byte) string {
	var kept strings.Builder
	for line := range strings.Lines(string(source)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") {
			kept.WriteString(line + "\n")
		}
	}
	return kept.String()
}

// compactCSS takes out the spaces too that no style sheet needs.
func compactCSS(source []byte) string {
	dense := strings.NewReplacer(": ", ":", " {", "{", "{ ", "{", "; ", ";", ", ", ",", " }", "}", ";\n", ";", "{\n", "{").Replace(compact(source))
	return strings.ReplaceAll(strings.ReplaceAll(dense, ";}", "}"), "}\n", "}")
}

// said is where a template has a text of the catalogue and nothing else.
const said = `\{\{\$?\.Say "([^"]+)"\}\}`

// parse reads the templates with the texts of a language put in: rendering then has a third of the work.
func (s *site) parse(tag string) (*template.Template, error) {
	texts, err := s.shelf.In(tag)
	if err != nil {
		return nil, err
	}
	pattern, err := regexp.Compile(said)
	if err != nil {
		return nil, fmt.Errorf("signup: looking for texts: %w", err)
	}
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("signup: looking for pages: %w", err)
	}
	templates := template.New("")
	for _, name := range names {
		source, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("signup: reading %s: %w", name, err)
		}
		worded := pattern.ReplaceAllStringFunc(string(source), func(action string) string {
			text := texts.Say(pattern.FindStringSubmatch(action)[1])
			// As text and as a quoted attribute. The name of an organisation may look like an action.
			return strings.ReplaceAll(template.HTMLEscapeString(text), "{", "&#123;")
		})
		_, err = templates.New(path.Base(name)).Parse(worded)
		if err != nil {
			return nil, fmt.Errorf("signup: parsing %s: %w", name, err)
		}
	}
	return templates, nil
}

// hashOf names an inlined text in a Content-Security-Policy.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// colours returns the part of the style sheet that the organisation decides.
func colours(accent branding.Accent) string {
	over := accent.Over()
	return fmt.Sprintf(":root{--accent:%s;--accent-over:%s}@media (prefers-color-scheme:dark){:root{--accent:%s;--accent-over:%s}}\n",
		accent.Light, over.Light, accent.Dark, over.Dark)
}

// guarded puts the headers of every answer, and answers what h can't be asked.
func (s *site) guarded(h http.HandlerFunc, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	always := http.Header{
		"Content-Security-Policy":           {s.policy},
		"Cache-Control":                     {"no-store"},    // pages hold what a person typed; shared computers keep caches
		"Referrer-Policy":                   {s.referrers},   // the address of a status page is the key to it
		"X-Content-Type-Options":            {"nosniff"},     // what is sent as JSON is never run as a page
		"X-Frame-Options":                   {"DENY"},        // frame-ancestors for old browsers
		"X-Permitted-Cross-Domain-Policies": {"none"},        // nor do documents of other programs load anything from here
		"X-Robots-Tag":                      {"noindex"},     // a form in search results is found by spammers first
		"Cross-Origin-Opener-Policy":        {"same-origin"}, // whoever opened the form can't steer it
		"Cross-Origin-Resource-Policy":      {"same-origin"}, // other sites can't load answers as resources
		"Origin-Agent-Cluster":              {"?1"},          // no memory is shared with pages of neighbouring host names
		"Permissions-Policy":                {permissions},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		maps.Copy(header, always)
		if r.Header.Get("X-Forwarded-Proto") == "https" {
			// After the first visit, never without TLS: a year. It says nothing on a connection without (RFC 6797, 7.2), and App Service's
			// front end tells which it was.
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		for _, method := range methods {
			if r.Method == method {
				h(w, r)
				return
			}
		}
		header.Set("Allow", allow)
		s.fail(w, r, prefersJSON(r), s.readerOf(r), &problem.Error{Code: problem.MethodNotAllowed}, "method")
	})
}

// permissions takes from the pages, and from whatever might get into them, what a form has no use for.
const permissions = "accelerometer=(), camera=(), display-capture=(), fullscreen=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), " +
	"publickey-credentials-get=(), screen-wake-lock=(), usb=()"

// page is what every template gets.
type page struct {
	reader
	Style   branding.Style
	CSS     template.CSS
	Script  template.JS
	Title   string
	Path    string     // of the page itself
	Keep    url.Values // the query that a link to the same page in another language needs
	Content any
}

// Logo returns the address of the organisation's logo, or "". Package house has checked that it is an image in the page or a path on this origin:
// templates know no data: addresses.
func (p page) Logo() template.URL { return template.URL(p.Style.Logo.URL) }

// Direction returns the direction of the page's language.
func (p page) Direction() string {
	if p.RightToLeft {
		return "rtl"
	}
	return "ltr"
}

// Languages returns a list item with a link for each language of the pages. It is put together by hand: it is a third of what a template would
// have to do for the page.
func (p page) Languages() template.HTML {
	var items strings.Builder
	keep := ""
	if len(p.Keep) > 0 {
		keep = "&amp;" + template.HTMLEscapeString(p.Keep.Encode())
	}
	path := template.HTMLEscapeString(p.Path)
	for _, l := range i18n.Languages() {
		items.WriteString(`<li><a href="` + path + "?" + languageQuery + "=" + l.Tag + keep + `" hreflang="` + l.Tag + `" lang="` + l.Tag + `"`)
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

// render renders a template.
func (s *site) render(body *bytes.Buffer, name string, p page) error {
	p.Style, p.CSS, p.Script = s.style, s.css, s.script
	templates, err := s.templatesIn(p.Tag)
	if err != nil {
		return err
	}
	body.Grow(pageSize)
	return templates.ExecuteTemplate(body, name, p)
}

// show renders a template as the answer. Nothing is sent before all is rendered.
func (s *site) show(ctx context.Context, w http.ResponseWriter, status int, name string, p page) {
	var body bytes.Buffer
	err := s.render(&body, name, p)
	if err != nil {
		// A template fails only by a fault of ours. Its text may quote a value.
		s.log.ErrorContext(ctx, "a page could not be rendered", "page", name)
		status = http.StatusInternalServerError
		body.Reset()
		fmt.Fprintf(&body, "<!doctype html><meta charset=\"utf-8\"><title>%[1]s</title><h1>%[1]s</h1><p>%[2]s</p>", p.Say("broken.title"), p.Say("broken.text"))
	}
	sendPage(w, status, body.Bytes())
}

func sendPage(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; there is nobody to tell
}

// templatesIn returns the templates in a language of the pages.
func (s *site) templatesIn(tag string) (*template.Template, error) {
	parse, known := s.templates[tag]
	if !known {
		return nil, fmt.Errorf("signup: the pages do not speak %q", tag)
	}
	return parse()
}

// answer sends value as JSON. value is a struct of strings and numbers.
func (s *site) answer(ctx context.Context, w http.ResponseWriter, status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		s.log.ErrorContext(ctx, "an answer could not be encoded")
		status, contentType, body = http.StatusInternalServerError, "application/problem+json", []byte(`{"status":500}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client is gone; there is nobody to tell
}

// problemDetails is RFC 9457, with the code and the fields at fault as extension members.
type problemDetails struct {
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Detail string          `json:"detail,omitempty"`
	Code   problem.Code    `json:"code"`
	Errors []problem.Field `json:"errors,omitempty"`
}

// fail answers with what the public may know of an error: problem details, or a page that the texts of about are for. A failure without a public
// text of its own has that of about.
func (s *site) fail(w http.ResponseWriter, r *http.Request, asJSON bool, reader reader, failure *problem.Error, about string) {
	status := problemdetails.Status(failure.Code)
	switch {
	case failure.RetryAfter > 0:
		w.Header().Set("Retry-After", seconds(failure.RetryAfter))
	case problemdetails.Passes(failure.Code):
		w.Header().Set("Retry-After", retryAfter)
	}
	if asJSON {
		detail := failure.Public
		if detail == "" {
			detail = reader.Say(about + ".text")
		}
		s.answer(r.Context(), w, status, "application/problem+json", problemDetails{
			Type:   "urn:guestlist:problem:" + string(failure.Code),
			Title:  problemdetails.Title(failure.Code),
			Status: status,
			Detail: detail,
			Code:   failure.Code,
			Errors: failure.Fields,
		})
		return
	}
	s.show(r.Context(), w, status, "failure.html", page{reader: reader, Title: reader.Say(about + ".title"), Path: s.form, Content: reader.Say(about + ".text")})
}

// refuse answers a body that none of the pages sends.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, kind kind, reader reader, err error) {
	about := "unreadable"
	if problem.CodeOf(err) == problem.BodyTooLarge {
		about = "large"
	}
	s.fail(w, r, kind == jsonKind, reader, problem.From(err), about)
}

// logged returns what a log may hold of an error: the text of one that was made for it, of any other only its type.
func logged(err error) slog.Attr {
	var coded *problem.Error
	if errors.As(err, &coded) {
		return slog.String("error", coded.Error())
	}
	return slog.String("error", fmt.Sprintf("%T", err))
}

// prefersJSON reports whether the client would rather have JSON than HTML. Whoever does not care gets HTML.
func prefersJSON(r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if len(accept) > maxHeader {
		return false
	}
	var html, asJSON float64
	for entry := range strings.SplitSeq(accept, ",") {
		media, parameters, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, given := parameters["q"]; given {
			weight, err = strconv.ParseFloat(q, 64)
			if err != nil {
				continue
			}
		}
		switch media {
		case "text/html", "application/xhtml+xml":
			html = max(html, weight)
		case "application/json", "application/problem+json":
			asJSON = max(asJSON, weight)
		}
	}
	return asJSON > html
}
