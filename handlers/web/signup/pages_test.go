package signup

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/site"

	"golang.org/x/net/html"
)

func TestOpenedForm(t *testing.T) {
	response := pagetest.Do(newForm(t), httptest.NewRequest(http.MethodGet, site.Root, nil))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if doc.Title != "Guest access to Contoso & Partners" || doc.ByID["alert-title"] != nil {
		t.Errorf("title %q, alert %v", doc.Title, doc.ByID["alert-title"])
	}
	var names []string
	for _, d := range definitions {
		if d.name == termsField {
			continue
		}
		names = append(names, d.name)
		if doc.ByID[d.name] == nil {
			t.Errorf("the field %s is missing", d.name)
		}
	}
	options := 0
	for n := range doc.ByID["country"].Descendants() {
		if n.Type == html.ElementNode && n.Data == "option" {
			options++
		}
	}
	if options < 240 || doc.Selected != "" {
		t.Errorf("%d countries, %q selected", options, doc.Selected)
	}
	if len(names) != 8 || doc.Hidden["language"] != "" {
		t.Errorf("fields %v, hidden %v", names, doc.Hidden)
	}
}

func TestErrorsAreInSummaryAndAtFields(t *testing.T) {
	values := url.Values{"email": {"ana"}, "country": {"ZZ"}, "reason": {strings.Repeat("x", 1001)}, "givenName": {"Ana"}, "familyName": {"1"}}
	response := pagetest.Do(newForm(t), postAs(pagetest.FormType, values.Encode()))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if !strings.HasPrefix(doc.Title, "Error: ") {
		t.Errorf("title %q", doc.Title)
	}
	var links []string
	for n := range doc.Root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" && strings.HasPrefix(pagetest.Attribute(n, "href"), "#") {
			links = append(links, pagetest.Attribute(n, "href"))
			id := strings.TrimPrefix(pagetest.Attribute(n, "href"), "#")
			// A text that does not name its field follows the name.
			if text := pagetest.Text(doc.ByID[id+"-error"]); text == "" || pagetest.Text(n) != text && !strings.HasSuffix(pagetest.Text(n), ": "+text) {
				t.Errorf("the summary says %q, the field %q", pagetest.Text(n), pagetest.Text(doc.ByID[id+"-error"]))
			}
		}
	}
	if want := []string{"#familyName", "#email", "#company", "#country", "#reason"}; !slices.Equal(links, want) {
		t.Errorf("links %v, want %v in the order of the page", links, want)
	}
	alert := doc.First("section")
	if pagetest.Attribute(alert, "role") != "alert" || pagetest.Attribute(alert, "tabindex") != "-1" || !slices.ContainsFunc(alert.Attr, func(a html.Attribute) bool { return a.Key == "autofocus" }) {
		t.Errorf("the summary does not take the focus: %v", alert.Attr)
	}
}
