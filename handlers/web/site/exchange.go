package site

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/problemdetails"
)

// maxHeader is the longest header that is parsed, far above what browsers send.
const maxHeader = 1000

// retryAfter is how long clients are asked to wait when one of our own services did not answer.
const retryAfter = 15 * time.Second

// Format is how an answer is written.
type Format int

const (
	HTML Format = iota // pages, for browsers
	JSON               // JSON and problem details, for programs
)

// Exchange is a request to a page and its answer.
type Exchange struct {
	http.ResponseWriter
	Request *http.Request
	Reader         // who reads the answer
	Format  Format // of the answer: what the client prefers, or for POST that of the body
	site    *Site
}

// Show answers with a template of the page. Nothing is sent before all is rendered.
func (x *Exchange) Show(status int, name string, p Page) {
	p.Reader = x.Reader
	var body bytes.Buffer
	err := x.site.Render(&body, name, p)
	if err != nil {
		// A fault of ours. The error's text may quote a value.
		x.site.service.Log.ErrorContext(x.Request.Context(), "a page could not be rendered", "page", name)
		status = http.StatusInternalServerError
		body.Reset()
		fmt.Fprintf(&body, "<!doctype html><meta charset=\"utf-8\"><title>%[1]s</title><h1>%[1]s</h1><p>%[2]s</p>", x.Say("broken.title"), x.Say("broken.text"))
	}
	x.Send(status, "text/html; charset=utf-8", body.Bytes())
}

// Send answers with a body.
func (x *Exchange) Send(status int, contentType string, body []byte) {
	x.Header().Set("Content-Type", contentType)
	x.WriteHeader(status)
	_, _ = x.Write(body) // on an error the client is gone
}

// JSON answers a program with value, a struct of strings and numbers.
func (x *Exchange) JSON(status int, value any) { x.encode(status, "application/json", value) }

func (x *Exchange) encode(status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		x.site.service.Log.ErrorContext(x.Request.Context(), "an answer could not be encoded")
		status, contentType, body = http.StatusInternalServerError, problemType, []byte(`{"status":500}`)
	}
	x.Send(status, contentType, append(body, '\n'))
}

const problemType = "application/problem+json"

// details are problem details (RFC 9457) with two extension members.
type details struct {
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Detail string          `json:"detail,omitempty"`
	Code   problem.Code    `json:"code"`
	Errors []problem.Field `json:"errors,omitempty"`
}

// Fail answers with what the public may know of an error: problem details, or a page with the texts
// of about. Problem details have the public text of the error, else that of about.
func (x *Exchange) Fail(err error, about string) {
	failure := problem.From(err)
	status := problemdetails.Status(failure.Code)
	if failure.RetryAfter > 0 || problemdetails.Passes(failure.Code) {
		x.RetryAfter(failure.RetryAfter)
	}
	if x.Format == HTML {
		x.Show(status, "failure.html", Page{Title: x.Say(about + ".title"), Path: x.site.config.Form, Content: x.Say(about + ".text")})
		return
	}
	detail := cmp.Or(failure.Public, x.Say(about+".text"))
	x.encode(status, problemType, details{
		"urn:guestlist:problem:" + string(failure.Code), problemdetails.Title(failure.Code), status, detail, failure.Code, failure.Fields,
	})
}

// Refuse answers a body that none of the pages sends.
func (x *Exchange) Refuse(err error) {
	about := "unreadable"
	switch problem.CodeOf(err) {
	case problem.BodyMissing:
		about = "bodyless"
	case problem.BodyTooLarge:
		about = "large"
	case problem.UnsupportedMediaType:
		about = "media"
	}
	x.Fail(err, about)
}

// RetryAfter sets how long the client is asked to wait; zero stands for the usual wait.
func (x *Exchange) RetryAfter(wait time.Duration) {
	x.Header().Set("Retry-After", Seconds(cmp.Or(wait, retryAfter)))
}

// Seconds returns a wait for Retry-After, rounded up: a client that comes too early waits again.
func Seconds(wait time.Duration) string { return strconv.Itoa(int(math.Ceil(wait.Seconds()))) }

// Logged returns what a log may hold of an error: the text of a [problem.Error], else its type.
func Logged(err error) slog.Attr {
	var coded *problem.Error
	if errors.As(err, &coded) {
		return slog.String("error", coded.Error())
	}
	return slog.String("error", fmt.Sprintf("%T", err))
}

// preferred returns the format that the client would rather have: HTML unless it says otherwise.
func preferred(r *http.Request) Format {
	html, asJSON := accepted(r)
	if asJSON > html {
		return JSON
	}
	return HTML
}

// namesFormat reports whether the client says which of the two formats it accepts.
func (x *Exchange) namesFormat() bool {
	html, asJSON := accepted(x.Request)
	return html > 0 || asJSON > 0
}

// accepted returns how much the client likes each format, by name.
func accepted(r *http.Request) (html, asJSON float64) {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if len(accept) > maxHeader {
		return 0, 0
	}
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
		case "application/json", problemType:
			asJSON = max(asJSON, weight)
		}
	}
	return html, asJSON
}
