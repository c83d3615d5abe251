package signup

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// document is a parsed page.
type document struct {
	root     *html.Node
	byID     map[string]*html.Node
	hidden   map[string]string // hidden fields
	selected string            // value of the selected option
	title    string
}

func (d document) text() string { return textOf(d.root) }

// first returns the first element of the name.
func (d document) first(name string) *html.Node {
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			return n
		}
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	if n == nil {
		return ""
	}
	var text strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" && d.Parent.Data != "script" {
			text.WriteString(d.Data)
		}
	}
	return text.String()
}

// known are all elements that a page may have. Anything else came from what was typed.
var known = strings.Fields(`html head meta title style body header div p main section h1 h2 ul ol li a form input fieldset legend label span select
	option textarea button dl dt dd code nav details summary svg g circle ellipse path img footer bdi script`)

// checkPage parses a page and holds it to what every page promises: valid references, no scripts, nothing from elsewhere, the
// headers.
func checkPage(t *testing.T, response *http.Response, text string) document {
	t.Helper()
	checkHeaders(t, response)
	if got := response.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := document{root: root, byID: map[string]*html.Node{}, hidden: map[string]string{}}
	headings := 0
	for n := range root.Descendants() {
		if n.Type == html.CommentNode {
			t.Errorf("a comment: %q", n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(known, n.Data) {
			t.Errorf("an unexpected element <%s>", n.Data)
		}
		for _, a := range n.Attr {
			logo := n.Data == "img" && a.Key == "src" && (strings.HasPrefix(a.Val, "data:image/") || strings.HasPrefix(a.Val, "/"))
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" && !logo || a.Key == "srcset" || a.Key == "formaction" {
				t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
			}
		}
		if id := attribute(n, "id"); id != "" {
			if d.byID[id] != nil {
				t.Errorf("the id %s stands twice", id)
			}
			d.byID[id] = n
		}
		switch n.Data {
		case "h1":
			headings++
		case "title":
			d.title = textOf(n)
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
			if attribute(n, "type") == "hidden" {
				d.hidden[attribute(n, "name")] = attribute(n, "value")
			}
		case "option":
			for _, a := range n.Attr {
				if a.Key == "selected" {
					d.selected = attribute(n, "value")
				}
			}
		case "meta":
			if attribute(n, "http-equiv") == "refresh" {
				t.Error("the page reloads by itself, under the eyes of whoever reads slowly")
			}
		}
	}
	if headings != 1 || d.title == "" || attribute(d.first("html"), "lang") == "" || attribute(d.first("html"), "dir") == "" {
		t.Errorf("%d main headings, title %q, language %q", headings, d.title, attribute(d.first("html"), "lang"))
	}
	d.checkReferences(t)
	return d
}

// outside are the only addresses that links may lead to beside our own: those that a test has set.
var outside = []string{"https://www.contoso.com/legal/privacy", "https://www.contoso.com/legal/terms", "mailto:partners@contoso.com"}

// checkReferences follows every reference within the page.
func (d document) checkReferences(t *testing.T) {
	t.Helper()
	labels := map[string]bool{}
	for n := range d.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, key := range []string{"aria-describedby", "aria-labelledby", "for"} {
			for id := range strings.FieldsSeq(attribute(n, key)) {
				if d.byID[id] == nil {
					t.Errorf("<%s %s> points to %s, which does not exist", n.Data, key, id)
				}
			}
		}
		switch n.Data {
		case "label":
			labels[attribute(n, "for")] = true
		case "a":
			target := attribute(n, "href")
			id, within := strings.CutPrefix(target, "#")
			switch {
			case attribute(n, "hreflang") != "":
				if !strings.HasPrefix(target, Path) || !strings.Contains(target, "?lang=") {
					t.Errorf("the link to another language leads to %s", target)
				}
			case within && (d.byID[id] == nil || !slices.Contains([]string{"input", "select", "textarea"}, d.byID[id].Data)):
				t.Errorf("the link to %s leads to no field", target)
			case slices.Contains(outside, target):
			case !within && target != Path && !strings.HasPrefix(target, Path+"/"):
				t.Errorf("a link leads to %s", target)
			}
		case "form":
			if action := attribute(n, "action"); action != Path && !strings.HasPrefix(action, Path+"/") || attribute(n, "method") != "post" {
				t.Errorf("the form goes to %s %s", attribute(n, "method"), attribute(n, "action"))
			}
		}
	}
	for n := range d.root.Descendants() {
		if n.Type != html.ElementNode || !slices.Contains([]string{"input", "select", "textarea"}, n.Data) || attribute(n, "type") == "hidden" {
			continue
		}
		id := attribute(n, "id")
		if id == "" || id != attribute(n, "name") || !labels[id] || attribute(n, "autocomplete") == "" {
			t.Errorf("<%s id=%q name=%q> lacks its label or its autocomplete", n.Data, id, attribute(n, "name"))
		}
		wrong := attribute(n, "aria-invalid") == "true"
		explained := slices.Contains(strings.Fields(attribute(n, "aria-describedby")), id+"-error")
		if wrong != explained || wrong != (d.byID[id+"-error"] != nil) {
			t.Errorf("%s: marked wrong %t, explained %t", id, wrong, explained)
		}
	}
}

// checkHeaders holds an answer to the headers that every answer has.
func checkHeaders(t *testing.T, response *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
		"X-Frame-Options":        "DENY",
		"X-Robots-Tag":           "noindex",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	// Our own pages may learn where a form comes from; the address of a status page, which its own tests look at, is for nobody.
	if got := response.Header.Get("Referrer-Policy"); got != "same-origin" && got != "no-referrer" {
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

func TestTheFormAsItIsOpened(t *testing.T) {
	response := do(newForm(t), httptest.NewRequest(http.MethodGet, Path, nil))
	doc := checkPage(t, response, body(t, response))
	if doc.title != "Guest access to Contoso & Partners" || doc.byID["alert-title"] != nil {
		t.Errorf("title %q, alert %v", doc.title, doc.byID["alert-title"])
	}
	var names []string
	for _, d := range definitions {
		if d.name == termsField {
			continue
		}
		names = append(names, d.name)
		if doc.byID[d.name] == nil {
			t.Errorf("the field %s is missing", d.name)
		}
	}
	options := 0
	for n := range doc.byID["country"].Descendants() {
		if n.Type == html.ElementNode && n.Data == "option" {
			options++
		}
	}
	if options < 240 || doc.selected != "" {
		t.Errorf("%d countries, %q selected", options, doc.selected)
	}
	if len(names) != 8 || doc.hidden["language"] != "" {
		t.Errorf("fields %v, hidden %v", names, doc.hidden)
	}
}

func TestErrorsStandInASummaryAndAtTheirFields(t *testing.T) {
	values := url.Values{"email": {"ana"}, "country": {"ZZ"}, "reason": {strings.Repeat("x", 1001)}, "givenName": {"Ana"}}
	response := do(newForm(t), postAs(formType, values.Encode()))
	doc := checkPage(t, response, body(t, response))
	if !strings.HasPrefix(doc.title, "Error: ") {
		t.Errorf("title %q", doc.title)
	}
	var links []string
	for n := range doc.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" && strings.HasPrefix(attribute(n, "href"), "#") {
			links = append(links, attribute(n, "href"))
			id := strings.TrimPrefix(attribute(n, "href"), "#")
			// A text that does not name its field comes after the field's name.
			if text := textOf(doc.byID[id+"-error"]); text == "" || textOf(n) != text && !strings.HasSuffix(textOf(n), ": "+text) {
				t.Errorf("the summary says %q, the field %q", textOf(n), textOf(doc.byID[id+"-error"]))
			}
		}
	}
	if want := []string{"#familyName", "#email", "#company", "#country", "#reason"}; !slices.Equal(links, want) {
		t.Errorf("links %v, want %v in the order of the page", links, want)
	}
	alert := doc.first("section")
	if attribute(alert, "role") != "alert" || attribute(alert, "tabindex") != "-1" || !slices.ContainsFunc(alert.Attr, func(a html.Attribute) bool { return a.Key == "autofocus" }) {
		t.Errorf("the summary does not take the focus: %v", alert.Attr)
	}
}
