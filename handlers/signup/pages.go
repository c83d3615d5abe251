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
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"guestlist/handlers/house"
	"guestlist/handlers/problem"
	"guestlist/handlers/words"
)

//go:embed pages
var files embed.FS

// maxHeader is the longest header that is looked into. What browsers send in Accept and Accept-Language is far below.
const maxHeader = 1000

// retryAfter is the wait in seconds that a client is asked for when something of ours did not answer.
const retryAfter = "15"

// site is what all pages have in common.
type site struct {
	style     house.Style
	shelf     *words.Shelf
	log       *slog.Logger
	templates func() (*template.Template, error)
	css       template.CSS
	script    template.JS
	policy    string // the Content-Security-Policy
}

func newSite(style house.Style, log *slog.Logger) (*site, error) {
	if strings.TrimSpace(style.Organisation) == "" {
		return nil, errors.New("signup: the name of the organisation is missing")
	}
	if log == nil {
		return nil, errors.New("signup: the log is missing")
	}
	shelf, err := words.NewShelf(style.Organisation)
	if err != nil {
		return nil, err
	}
	css, err := files.ReadFile("pages/style.css")
	if err != nil {
		return nil, fmt.Errorf("signup: reading the style: %w", err)
	}
	script, err := files.ReadFile("pages/script.js")
	if err != nil {
		return nil, fmt.Errorf("signup: reading the script: %w", err)
	}
	s := &site{style: style, shelf: shelf, log: log, css: template.CSS(colours(style.Accent) + string(css)), script: template.JS(script)}
	// Parsing takes longer than the rest of the start, and nobody waits for a page yet.
	s.templates = sync.OnceValues(func() (*template.Template, error) { return template.ParseFS(files, "pages/*.html") })
	directives := []string{
		"default-src 'none'",                     // no images, frames or fonts, and no request for an icon
		"style-src " + hashOf(string(s.css)),     // the one style sheet, inlined
		"script-src " + hashOf(string(s.script)), // the one script, inlined
		"connect-src 'self'",                     // a status page asks for itself again
		"form-action 'self'",                     // an injected form could send entries nowhere else
		"base-uri 'none'",                        // nothing can bend relative links
		"frame-ancestors 'none'",                 // nobody lays the form under another page
	}
	if style.Logo.Source != "" {
		directives = append(directives, "img-src "+style.Logo.Source) // the organisation's logo
	}
	s.policy = strings.Join(directives, "; ")
	return s, nil
}

// hashOf names an inlined text in a Content-Security-Policy.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// colours returns the part of the style sheet that the organisation decides.
func colours(accent house.Accent) string {
	over := accent.Over()
	return fmt.Sprintf(":root{--accent:%s;--accent-over:%s}@media (prefers-color-scheme:dark){:root{--accent:%s;--accent-over:%s}}\n",
		accent.Light, over.Light, accent.Dark, over.Dark)
}

// guarded puts the headers of every answer, and answers what h can't be asked.
func (s *site) guarded(h http.HandlerFunc, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	always := http.Header{
		"Content-Security-Policy":      {s.policy},
		"Cache-Control":                {"no-store"},         // pages hold what a person typed; shared computers keep caches
		"Referrer-Policy":              {"no-referrer"},      // the address of a status page is the key to it
		"X-Content-Type-Options":       {"nosniff"},          // what is sent as JSON is never run as a page
		"X-Frame-Options":              {"DENY"},             // frame-ancestors for old browsers
		"X-Robots-Tag":                 {"noindex"},          // a form in search results is found by spammers first
		"Cross-Origin-Opener-Policy":   {"same-origin"},      // whoever opened the form can't steer it
		"Cross-Origin-Resource-Policy": {"same-origin"},      // other sites can't load answers as resources
		"Strict-Transport-Security":    {"max-age=31536000"}, // after the first visit, never without TLS
		"Permissions-Policy":           {"camera=(), geolocation=(), microphone=()"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		maps.Copy(header, always)
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

// page is what every template gets.
type page struct {
	reader
	Style   house.Style
	CSS     template.CSS
	Script  template.JS
	Title   string
	Path    string     // of the page itself
	Keep    url.Values // the query that a link to the same page in another language needs
	Content any
}

// Direction returns the direction of the page's language.
func (p page) Direction() string {
	if p.RightToLeft {
		return "rtl"
	}
	return "ltr"
}

// languageLink leads to the same page in another language.
type languageLink struct {
	words.Language
	URL     string
	Current bool
}

// Languages returns a link for each language of the pages.
func (p page) Languages() []languageLink {
	var links []languageLink
	for _, l := range words.Languages() {
		target := p.Path + "?" + languageQuery + "=" + l.Tag
		if len(p.Keep) > 0 {
			target += "&" + p.Keep.Encode()
		}
		links = append(links, languageLink{l, target, l.Tag == p.Tag})
	}
	return links
}

// show renders a template as the answer. Nothing is sent before all is rendered.
func (s *site) show(ctx context.Context, w http.ResponseWriter, status int, name string, p page) {
	p.Style, p.CSS, p.Script = s.style, s.css, s.script
	var body bytes.Buffer
	templates, err := s.templates()
	if err == nil {
		err = templates.ExecuteTemplate(&body, name, p)
	}
	if err != nil {
		// A template fails only by a fault of ours. Its text may quote a value.
		s.log.ErrorContext(ctx, "a page could not be rendered", "page", name)
		status = http.StatusInternalServerError
		body.Reset()
		fmt.Fprintf(&body, "<!doctype html><meta charset=\"utf-8\"><title>%[1]s</title><h1>%[1]s</h1><p>%[2]s</p>", p.Say("broken.title"), p.Say("broken.text"))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the client is gone; there is nobody to tell
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
	status := failure.Code.Status()
	if failure.Code.Retryable() {
		w.Header().Set("Retry-After", retryAfter)
	}
	if asJSON {
		detail := failure.Public
		if detail == "" {
			detail = reader.Say(about + ".text")
		}
		s.answer(r.Context(), w, status, "application/problem+json", problemDetails{
			Type:   "urn:guestlist:problem:" + string(failure.Code),
			Title:  failure.Code.Title(),
			Status: status,
			Detail: detail,
			Code:   failure.Code,
			Errors: failure.Fields,
		})
		return
	}
	s.show(r.Context(), w, status, "failure.html", page{reader: reader, Title: reader.Say(about + ".title"), Path: Path, Content: reader.Say(about + ".text")})
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
