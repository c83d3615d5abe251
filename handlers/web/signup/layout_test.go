package signup

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"guestlist/handlers/i18n"
	"guestlist/handlers/web/internal/pagetest"
)

// stepsOf returns the steps that each list of a page tells.
func stepsOf(doc pagetest.Document) (lists [][]string) {
	for n := range doc.Root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "ol" {
			continue
		}
		var steps []string
		for item := range n.Descendants() {
			if item.Type == html.ElementNode && item.Data == "li" {
				steps = append(steps, pagetest.Text(item))
			}
		}
		lists = append(lists, steps)
	}
	return lists
}

func TestStepsTellOfCodesWhereTheAppMailsThem(t *testing.T) {
	for codes, want := range map[bool]int{true: 4, false: 3} {
		f := newForm(t, func(c *Config) { c.Codes = codes })
		for _, l := range i18n.Languages() {
			response := pagetest.Do(f, get("lang="+l.Tag, "", ""))
			lists := stepsOf(pagetest.CheckPage(t, response, pagetest.Body(t, response)))
			// One list is folded above the form, the other one stands beside it.
			if len(lists) != 2 || !slices.Equal(lists[0], lists[1]) || len(lists[0]) != want {
				t.Errorf("%s, codes %t: the steps are %q", l.Tag, codes, lists)
			}
		}
		response := pagetest.Do(f, get("", "", ""))
		if text := pagetest.CheckPage(t, response, pagetest.Body(t, response)).Text(); strings.Contains(text, "a code") != codes {
			t.Errorf("codes %t: %s", codes, text)
		}
	}
}

// dataOf returns the data-* attributes of a field.
func dataOf(field *html.Node) map[string]string {
	data := map[string]string{}
	for _, a := range field.Attr {
		if rule, found := strings.CutPrefix(a.Key, "data-"); found {
			data[rule] = a.Val
		}
	}
	return data
}

// breaking has a value for each text that the script gets, by field and rule.
var breaking = map[string]map[string]string{
	"givenName":  {"max": strings.Repeat("x", 65)}, // one of the two names is enough
	"familyName": {"max": strings.Repeat("x", 65)},
	"email": {
		"required": "", "space": "a b@contoso.com", "no-at": "ana", "two-ats": "a@b@contoso.com", "local-missing": "@contoso.com", "domain-missing": "ana@",
		"plus": "ana+x@contoso.com", "forbidden-character": "ana!@contoso.com", "local-dots": "a..b@contoso.com", "domain-dots": "ana@contoso..com",
		"domain-incomplete": "ana@contoso",
	},
	"company":    {"required": "", "max": strings.Repeat("x", 101)},
	"country":    {"required": ""},
	"reason":     {"required": "", "max": strings.Repeat("x", 1001)},
	"sponsor":    {"required": "", "address": "bob"},
	"inviteCode": {"required": "", "max": strings.Repeat("x", 65)},
	"terms":      {"required": ""},
}

// What the script tells when a field is left is what the server tells after sending.
func TestScriptHasTextsOfServer(t *testing.T) {
	f := newForm(t, everything(t))
	for _, l := range i18n.Languages() {
		response := pagetest.Do(f, get("lang="+l.Tag+"&inviteCode=x", "", ""))
		opened := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		for name, rules := range breaking {
			data := dataOf(opened.ByID[name])
			delete(data, "limit")
			for rule, text := range data {
				value, known := rules[rule]
				if !known {
					t.Errorf("%s has a text for %s", name, rule)
				}
				response := pagetest.Do(f, postAs(pagetest.FormType, url.Values{"language": {l.Tag}, name: {value}}.Encode()))
				doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
				if told := pagetest.Text(doc.ByID[name+"-error"]); told != text {
					t.Errorf("%s, %s/%s: the script has %q, the server tells %q", l.Tag, name, rule, text, told)
				}
			}
			if len(data) != len(rules) {
				t.Errorf("%s, %s: the script has texts for %d rules, want %d", l.Tag, name, len(data), len(rules))
			}
		}
	}
}
