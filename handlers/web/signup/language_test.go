package signup

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/site"
)

// get asks for the form.
func get(query, cookie, accept string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, site.Root+"?"+query, nil)
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: "language", Value: cookie})
	}
	r.Header.Set("Accept-Language", accept)
	return r
}

func TestLanguageOfPage(t *testing.T) {
	tests := map[string]struct {
		query, cookie, accept string
		want, sent, remembers string
	}{
		"nothing known":                    {"", "", "", "en", "", ""},
		"the browser's":                    {"", "", "ko-KR,ko;q=0.9,en;q=0.8", "ko", "ko-KR", ""},
		"the browser's second":             {"", "", "cs,de;q=0.5", "de", "cs", ""},
		"the cookie before the browser":    {"", "fr", "de", "fr", "fr", ""},
		"the query before the cookie":      {"lang=ar", "fr", "de", "ar", "ar", "ar"},
		"a region of the chosen language":  {"lang=pt", "", "en,pt-BR;q=0.5", "pt", "pt-BR", "pt"},
		"a script of the chosen language":  {"lang=zh-Hans", "", "zh-CN", "zh-Hans", "zh-CN", "zh-Hans"},
		"another script than the chosen":   {"lang=zh-Hans", "", "zh-TW", "zh-Hans", "zh-Hans", "zh-Hans"},
		"a region that was chosen":         {"lang=de-AT", "", "de-CH", "de", "de-AT", "de"},
		"one that the pages do not have":   {"lang=cs", "", "de", "de", "cs", ""},
		"an invalid language":              {"lang=%3Cscript%3E", "", "de", "de", "de", ""},
		"a header in the query":            {"lang=de%0D%0ASet-Cookie:x=1", "", "fr", "fr", "fr", ""},
		"an invalid cookie":                {"", "<script>", "fr", "fr", "fr", ""},
		"a long query":                     {"lang=" + strings.Repeat("de-", 1000), "", "fr", "fr", "fr", ""},
		"the wildcard":                     {"", "", "*", "en", "", ""},
		"simplified characters by country": {"", "", "zh-CN", "zh-Hans", "zh-CN", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			response := pagetest.Do(newForm(t), get(test.query, test.cookie, test.accept))
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			if got := pagetest.Attribute(doc.First("html"), "lang"); got != test.want {
				t.Errorf("the page is in %q, want %q", got, test.want)
			}
			if got := doc.Hidden["language"]; got != test.sent {
				t.Errorf("the form sends %q, want %q", got, test.sent)
			}
			cookies := response.Cookies()
			switch {
			case test.remembers == "" && len(cookies) > 0:
				t.Errorf("remembered: %v", cookies)
			case test.remembers != "" && (len(cookies) != 1 || cookies[0].Value != test.remembers || !cookies[0].HttpOnly || !cookies[0].Secure ||
				cookies[0].SameSite != http.SameSiteLaxMode || cookies[0].Path != site.Root):
				t.Errorf("remembered: %v, want %q for the form alone", cookies, test.remembers)
			}
		})
	}
}

func TestRefusedPageKeepsLanguage(t *testing.T) {
	for _, accept := range []string{"cs,de;q=0.5", "de-CH", "cs", "zh-TW,ja", ""} {
		f := newForm(t)
		response := pagetest.Do(f, get("", "", accept))
		opened := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		values := wrongFields()
		values.Set("language", opened.Hidden["language"])
		r := postAs(pagetest.FormType, values.Encode())
		r.Header.Set("Accept-Language", accept)
		response = pagetest.Do(f, r)
		refused := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		first, second := pagetest.Attribute(opened.First("html"), "lang"), pagetest.Attribute(refused.First("html"), "lang")
		if first != second || opened.Hidden["language"] != refused.Hidden["language"] {
			t.Errorf("%q: opened in %s and sending %q, then %s and %q", accept, first, opened.Hidden["language"], second, refused.Hidden["language"])
		}
	}
}

func TestSubmissionHasLanguageOfPage(t *testing.T) {
	for _, l := range i18n.Languages() {
		f := newForm(t)
		response := pagetest.Do(f, get("lang="+l.Tag, "", "en"))
		doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		values := ana()
		values.Set("language", doc.Hidden["language"])
		pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
		if got := f.only(t).Submission.Language; got != l.Tag {
			t.Errorf("%s arrives as %q", l.Tag, got)
		}
	}
}

// wrongFields is a form in which every field is wrong.
func wrongFields() url.Values {
	return url.Values{
		"givenName": {"<"}, "familyName": {"1"}, "email": {"ana+x@contoso.com"}, "company": {strings.Repeat("c", 101)}, "country": {"ZZ"},
		"reason": {strings.Repeat("x", 1001)}, "sponsor": {"bob"}, "inviteCode": {strings.Repeat("x", 65)},
	}
}

// everything configures all that the form can show.
func everything(t testing.TB) func(*Config) {
	return func(c *Config) {
		c.Style.PrivacyURL = "https://www.contoso.com/legal/privacy"
		c.Style.Terms = branding.Terms{URL: "https://www.contoso.com/legal/terms", Version: "2026-11"}
		c.Style.Contact = branding.Contact{Name: "partners@contoso.com", URL: "mailto:partners@contoso.com"}
		c.Fields = fieldsOf(t, "sponsor=required inviteCode=required country=required reason=required")
	}
}

func TestPagesAreWithinSizeLimit(t *testing.T) {
	const most = 40_000
	logo := "data:image/svg+xml;base64," + strings.Repeat("A", 3<<10-26)
	f := newForm(t, everything(t), func(c *Config) { c.Style.Logo = branding.Logo{URL: logo, Source: "data:"} })
	bare := newForm(t, everything(t))
	for _, l := range i18n.Languages() {
		response := pagetest.Do(f, get("lang="+l.Tag, "", ""))
		opened := pagetest.Body(t, response)
		doc := pagetest.CheckPage(t, response, opened)
		values := wrongFields()
		values.Set("language", l.Tag)
		refused := pagetest.Body(t, pagetest.Do(bare, postAs(pagetest.FormType, values.Encode())))
		if len(opened) > most || len(refused) > most+len(values.Get("reason")) {
			t.Errorf("%s: the form has %d bytes with the largest logo, %d with every error; %d are enough", l.Tag, len(opened), len(refused), most)
		}
		if pagetest.Attribute(doc.First("img"), "src") != logo || !strings.Contains(response.Header.Get("Content-Security-Policy"), "img-src data:") {
			t.Errorf("%s: the logo is missing", l.Tag)
		}
	}
}

func TestFormInEveryLanguage(t *testing.T) {
	f := newForm(t, everything(t))
	var titles []string
	for _, l := range i18n.Languages() {
		response := pagetest.Do(f, get("lang="+l.Tag+"&company=Caf%C3%A9&code=x", "", ""))
		doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		want := "ltr"
		if l.RightToLeft {
			want = "rtl"
		}
		if got := pagetest.Attribute(doc.First("html"), "dir"); got != want {
			t.Errorf("%s is written %s", l.Tag, got)
		}
		for n := range doc.Root.Descendants() {
			// Links to other languages keep what the query filled in.
			if n.Type == html.ElementNode && pagetest.Attribute(n, "hreflang") != "" {
				target, err := url.Parse(pagetest.Attribute(n, "href"))
				if err != nil || target.Query().Get("company") != "Café" || target.Query().Get("inviteCode") != "x" || target.Query().Get("lang") != pagetest.Attribute(n, "hreflang") {
					t.Errorf("%s: the link to %s is %q", l.Tag, pagetest.Attribute(n, "hreflang"), pagetest.Attribute(n, "href"))
				}
			}
		}
		titles = append(titles, doc.Title)

		values := wrongFields()
		values.Set("language", l.Tag)
		response = pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
		doc = pagetest.CheckPage(t, response, pagetest.Body(t, response))
		for _, d := range definitions {
			text := pagetest.Text(doc.ByID[d.name+"-error"])
			if text == "" || strings.Contains(text, "error.") || strings.Contains(text, "<no value>") {
				t.Errorf("%s: %s has the error %q", l.Tag, d.name, text)
			}
		}
		if key := pagetest.MissingText(doc.Text()); key != "" {
			t.Errorf("%s: the text %s is missing", l.Tag, key)
		}
		first := ""
		for n := range doc.ByID["form"].Descendants() {
			if n.Type == html.ElementNode && n.Data == "input" && first == "" && pagetest.Attribute(n, "type") == "text" && pagetest.Attribute(n, "name") != honeypotField {
				first = pagetest.Attribute(n, "name")
			}
		}
		if want := map[bool]string{true: "familyName", false: "givenName"}[l.FamilyFirst]; first != want {
			t.Errorf("%s asks for %s first", l.Tag, first)
		}
	}
	seen := map[string]bool{}
	for _, title := range titles {
		seen[title] = true
	}
	if len(seen) != len(titles) {
		t.Errorf("languages share a title: %q", titles)
	}
}

func TestJSONIsAnsweredInLanguageOfReader(t *testing.T) {
	r := postAs(pagetest.JSONType, `{"email":"ana","language":"ja"}`)
	r.Header.Set("Accept-Language", "de")
	response := pagetest.Do(newForm(t), r)
	if text := pagetest.Body(t, response); !strings.Contains(text, "Geben Sie eine vollständige E-Mail-Adresse mit @-Zeichen ein") {
		t.Errorf("answered %s", text)
	}
}
