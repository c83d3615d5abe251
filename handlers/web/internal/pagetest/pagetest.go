// Package pagetest has what the tests of several pages need. It must not know any page. It
// imports only branding, problem, web/problemdetails and web/site of this module.
package pagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"guestlist/handlers/branding"
	"guestlist/handlers/problem"
	"guestlist/handlers/web/problemdetails"
	"guestlist/handlers/web/site"
)

// Morning is when the tests happen.
var Morning = time.Date(2026, 11, 23, 8, 30, 15, 500, time.UTC)

// The content types that pages take.
const (
	FormType = "application/x-www-form-urlencoded"
	JSONType = "application/json"
)

// Queue keeps what it is given, or fails with Err.
type Queue struct {
	Messages [][]byte
	Err      error
}

func (q *Queue) Enqueue(_ context.Context, message []byte) error {
	if q.Err != nil {
		return q.Err
	}
	q.Messages = append(q.Messages, bytes.Clone(message))
	return nil
}

// Style returns the style of an organisation that has set nothing but its name.
func Style(organisation string) branding.Style {
	accent := branding.Accent{Light: branding.Colour{R: 0x17, G: 0x56, B: 0x7f}, Dark: branding.Colour{R: 0x6d, G: 0xb2, B: 0xe3}}
	return branding.Style{Organisation: organisation, Accent: accent}
}

// Do returns the answer of a handler.
func Do(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// Body reads the body of an answer, which must be UTF-8: the Functions host passes nothing else.
func Body(t testing.TB, response *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(data) {
		t.Errorf("the answer is not UTF-8")
	}
	return string(data)
}

// CheckProblem checks problem details (RFC 9457): their code, and that says is in the detail or,
// for invalid input, lists the fields and rules.
func CheckProblem(t *testing.T, response *http.Response, text string, code problem.Code, says string) {
	t.Helper()
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	var got struct {
		Type, Title, Detail string
		Status              int
		Code                problem.Code
		Errors              []problem.Field
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&got)
	if err != nil {
		t.Fatal(err)
	}
	if got.Type != "urn:guestlist:problem:"+string(code) || got.Code != code || got.Status != problemdetails.Status(code) || got.Title != problemdetails.Title(code) || got.Detail == "" {
		t.Errorf("problem %+v", got)
	}
	if code != problem.InvalidInput {
		if !strings.Contains(got.Detail, says) {
			t.Errorf("detail %q does not say %q", got.Detail, says)
		}
		return
	}
	var pairs []string
	for _, field := range got.Errors {
		pairs = append(pairs, field.Name+"/"+field.Rule)
		if field.Message == "" {
			t.Errorf("%s/%s has no message", field.Name, field.Rule)
		}
	}
	if diff := cmp.Diff(says, strings.Join(pairs, " ")); diff != "" {
		t.Errorf("fields at fault (-want +got):\n%s", diff)
	}
}

// anyID matches ids of requests, whose random part can spell anything.
var anyID = regexp.MustCompile(`\b[0-9a-v]{48}\b`)

// CheckLog checks that the log has so many lines and no personal data.
func CheckLog(t *testing.T, log string, lines int) {
	t.Helper()
	log = anyID.ReplaceAllString(log, "ID")
	if got := strings.Count(log, "\n"); got != lines {
		t.Errorf("%d lines logged, want %d: %s", got, lines, log)
	}
	for _, private := range []string{"ana", "contoso", "silva", "tender", "spring"} {
		if strings.Contains(strings.ToLower(log), private) {
			t.Errorf("%q is in the log: %s", private, log)
		}
	}
}

// missing matches the key that stands in the place of a missing text.
var missing = regexp.MustCompile(`\b(form|label|name|hint|error|page|steps|now|next|status|help|resend|withdraw|unknown|lookup|code|signin|review)\.[a-z]`)

// MissingText returns the key of a text that is missing in a page, or "".
func MissingText(page string) string { return missing.FindString(page) }

// Document is a parsed page.
type Document struct {
	Root     *html.Node
	Elements []*html.Node
	ByID     map[string]*html.Node
	Hidden   map[string]string // hidden fields
	Selected string            // value of the selected option
	Title    string
}

func (d Document) Text() string { return Text(d.Root) }

// First returns the first element of the name, or nil.
func (d Document) First(name string) *html.Node {
	for _, n := range d.Elements {
		if n.Data == name {
			return n
		}
	}
	return nil
}

// Attribute returns an attribute of an element, "" for none.
func Attribute(n *html.Node, name string) string {
	if n != nil {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val
			}
		}
	}
	return ""
}

// Text returns what a person reads in an element.
func Text(n *html.Node) string {
	var text strings.Builder
	if n != nil {
		for d := range n.Descendants() {
			if d.Type == html.TextNode && d.Parent.Data != "style" && d.Parent.Data != "script" {
				text.WriteString(d.Data)
			}
		}
	}
	return text.String()
}

// known are all elements that a page may have. Anything else came from what was typed.
var known = strings.Fields(`html head meta title style body header div p main section h1 h2 ul ol li a form input fieldset legend label span select
	option textarea button dl dt dd code nav details summary svg g circle ellipse path img footer bdi script table caption thead tbody tr th td time strong h3`)

// CheckPage parses a page and checks what is true of every page: valid references, nothing from
// other hosts, no unknown script, and the headers.
func CheckPage(t *testing.T, response *http.Response, text string) Document {
	t.Helper()
	CheckHeaders(t, response)
	if got := response.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := Document{Root: root, ByID: map[string]*html.Node{}, Hidden: map[string]string{}}
	headings := 0
	for n := range root.Descendants() {
		if n.Type == html.CommentNode {
			t.Errorf("a comment: %q", n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		d.Elements = append(d.Elements, n)
		if !slices.Contains(known, n.Data) {
			t.Errorf("an unexpected element <%s>", n.Data)
		}
		for _, a := range n.Attr {
			logo := n.Data == "img" && a.Key == "src" && (strings.HasPrefix(a.Val, "data:image/") || strings.HasPrefix(a.Val, "/"))
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" && !logo || a.Key == "srcset" || a.Key == "formaction" {
				t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
			}
		}
		if id := Attribute(n, "id"); id != "" {
			if d.ByID[id] != nil {
				t.Errorf("the id %s stands twice", id)
			}
			d.ByID[id] = n
		}
		switch n.Data {
		case "h1":
			headings++
		case "title":
			d.Title = Text(n)
		case "style", "script":
			content := ""
			if n.FirstChild != nil {
				content = n.FirstChild.Data
			}
			sum := sha256.Sum256([]byte(content))
			if !strings.Contains(response.Header.Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
				t.Error("the policy does not allow the style or script of the page")
			}
		case "input":
			if Attribute(n, "type") == "hidden" {
				d.Hidden[Attribute(n, "name")] = Attribute(n, "value")
			}
		case "option":
			if slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "selected" }) {
				d.Selected = Attribute(n, "value")
			}
		case "meta":
			if Attribute(n, "http-equiv") == "refresh" {
				t.Error("the page reloads by itself")
			}
		}
	}
	if headings != 1 || d.Title == "" || Attribute(d.First("html"), "lang") == "" || Attribute(d.First("html"), "dir") == "" {
		t.Errorf("%d main headings, title %q, language %q", headings, d.Title, Attribute(d.First("html"), "lang"))
	}
	d.checkReferences(t)
	return d
}

// SignOut is where people sign out of the provider of sign-ins.
const SignOut = "https://login.microsoftonline.com/11111111-0000-4000-8000-000000000001/oauth2/v2.0/logout" +
	"?post_logout_redirect_uri=https%3A%2F%2Freviews.contoso.com%2Freviews%2Fsigned-out"

// outside are the only addresses that links may lead to beside our own: those that a test has set.
var outside = []string{
	"https://www.contoso.com/legal/privacy", "https://www.contoso.com/legal/terms", "mailto:partners@contoso.com", SignOut,
}

// reviews is the path of the review pages.
const reviews = "/reviews"

// ours reports whether a link leads to one of the pages.
func ours(target string) bool {
	target, _, _ = strings.Cut(target, "?")
	for _, root := range []string{site.Root, reviews} {
		if target == root || strings.HasPrefix(target, root+"/") {
			return true
		}
	}
	return false
}

var controls = []string{"input", "select", "textarea"}

// checkReferences follows every reference within the page.
func (d Document) checkReferences(t *testing.T) {
	t.Helper()
	labels := map[string]bool{}
	for _, n := range d.Elements {
		for _, key := range []string{"aria-describedby", "aria-labelledby", "for"} {
			for id := range strings.FieldsSeq(Attribute(n, key)) {
				if d.ByID[id] == nil {
					t.Errorf("<%s %s> points to %s, which does not exist", n.Data, key, id)
				}
			}
		}
		switch n.Data {
		case "label":
			labels[Attribute(n, "for")] = true
		case "a":
			target := Attribute(n, "href")
			id, within := strings.CutPrefix(target, "#")
			switch {
			case Attribute(n, "hreflang") != "":
				if path, _, _ := strings.Cut(target, "?"); !ours(path) || !strings.Contains(target, "?lang=") {
					t.Errorf("the link to another language leads to %s", target)
				}
			case within && (d.ByID[id] == nil || !slices.Contains(controls, d.ByID[id].Data)):
				t.Errorf("the link to %s leads to no field", target)
			case slices.Contains(outside, target):
			case !within && !ours(target):
				t.Errorf("a link leads to %s", target)
			}
		case "form":
			if action := Attribute(n, "action"); !ours(action) || Attribute(n, "method") != "post" {
				t.Errorf("the form goes to %s %s", Attribute(n, "method"), Attribute(n, "action"))
			}
		}
	}
	for _, n := range d.Elements {
		if !slices.Contains(controls, n.Data) || Attribute(n, "type") == "hidden" {
			continue
		}
		id := Attribute(n, "id")
		if id == "" || id != Attribute(n, "name") || !labels[id] || (Attribute(n, "autocomplete") == "") != (Attribute(n, "type") == "checkbox") {
			t.Errorf("<%s id=%q name=%q> lacks its label or its autocomplete, or is a checkbox with one", n.Data, id, Attribute(n, "name"))
		}
		wrong := Attribute(n, "aria-invalid") == "true"
		explained := slices.Contains(strings.Fields(Attribute(n, "aria-describedby")), id+"-error")
		if wrong != explained || wrong != (d.ByID[id+"-error"] != nil) {
			t.Errorf("%s: marked wrong %t, explained %t", id, wrong, explained)
		}
	}
}

// CheckHeaders checks the headers that every answer has.
func CheckHeaders(t *testing.T, response *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "X-Robots-Tag": "noindex",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := response.Header.Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("Referrer-Policy: %q", got)
	}
	policy := response.Header.Get("Content-Security-Policy")
	for _, directive := range []string{"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'", "style-src 'sha256-"} {
		if !strings.Contains(policy, directive) {
			t.Errorf("the policy %q lacks %s", policy, directive)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
		t.Errorf("the policy allows too much: %s", policy)
	}
	for name, values := range response.Header {
		for _, value := range values {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: %q can't pass the host", name, value)
			}
		}
	}
}
