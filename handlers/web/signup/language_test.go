package signup

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/request"
)

// get asks for the form.
func get(query, cookie, accept string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, Path+"?"+query, nil)
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: languageCookie, Value: cookie})
	}
	r.Header.Set("Accept-Language", accept)
	return r
}

func TestTheLanguageOfAPage(t *testing.T) {
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
		"one that is none":                 {"lang=%3Cscript%3E", "", "de", "de", "de", ""},
		"a header in the query":            {"lang=de%0D%0ASet-Cookie:x=1", "", "fr", "fr", "fr", ""},
		"a cookie that is none":            {"", "<script>", "fr", "fr", "fr", ""},
		"a long query":                     {"lang=" + strings.Repeat("de-", 1000), "", "fr", "fr", "fr", ""},
		"the wildcard":                     {"", "", "*", "en", "", ""},
		"simplified characters by country": {"", "", "zh-CN", "zh-Hans", "zh-CN", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			response := do(newForm(t), get(test.query, test.cookie, test.accept))
			doc := checkPage(t, response, body(t, response))
			if got := attribute(doc.first("html"), "lang"); got != test.want {
				t.Errorf("the page is in %q, want %q", got, test.want)
			}
			if got := doc.hidden["language"]; got != test.sent {
				t.Errorf("the form sends %q, want %q", got, test.sent)
			}
			cookies := response.Cookies()
			switch {
			case test.remembers == "" && len(cookies) > 0:
				t.Errorf("remembered: %v", cookies)
			case test.remembers != "" && (len(cookies) != 1 || cookies[0].Value != test.remembers || !cookies[0].HttpOnly || !cookies[0].Secure ||
				cookies[0].SameSite != http.SameSiteLaxMode || cookies[0].Path != Path):
				t.Errorf("remembered: %v, want %q for the form alone", cookies, test.remembers)
			}
		})
	}
}

func TestAPageKeepsItsLanguageWhenItComesBack(t *testing.T) {
	for _, accept := range []string{"cs,de;q=0.5", "de-CH", "cs", "zh-TW,ja", ""} {
		f := newForm(t)
		response := do(f, get("", "", accept))
		opened := checkPage(t, response, body(t, response))
		values := wrongFields()
		values.Set("language", opened.hidden["language"])
		r := postAs(formType, values.Encode())
		r.Header.Set("Accept-Language", accept)
		response = do(f, r)
		refused := checkPage(t, response, body(t, response))
		first, second := attribute(opened.first("html"), "lang"), attribute(refused.first("html"), "lang")
		if first != second || opened.hidden["language"] != refused.hidden["language"] {
			t.Errorf("%q: opened in %s and sending %q, then %s and %q", accept, first, opened.hidden["language"], second, refused.hidden["language"])
		}
	}
}

func TestEveryLanguageTravelsWithTheSubmission(t *testing.T) {
	for _, l := range i18n.Languages() {
		f := newForm(t)
		response := do(f, get("lang="+l.Tag, "", "en"))
		doc := checkPage(t, response, body(t, response))
		values := ana()
		values.Set("language", doc.hidden["language"])
		do(f, postAs(formType, values.Encode()))
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

// everything has all that the pages can show.
func everything(t testing.TB) func(*FormConfig) {
	return func(c *FormConfig) {
		c.Style.PrivacyURL = "https://www.contoso.com/legal/privacy"
		c.Style.Terms = branding.Terms{URL: "https://www.contoso.com/legal/terms", Version: "2026-11"}
		c.Style.Contact = branding.Contact{Name: "partners@contoso.com", URL: "mailto:partners@contoso.com"}
		c.Fields = fieldsOf(t, "sponsor=required inviteCode=required country=required reason=required")
	}
}

func TestEveryPageIsSmallAndComplete(t *testing.T) {
	const most = 30_000
	logo := "data:image/svg+xml;base64," + strings.Repeat("A", 3<<10-26)
	f := newForm(t, everything(t), func(c *FormConfig) { c.Style.Logo = branding.Logo{URL: logo, Source: "data:"} })
	bare := newForm(t, everything(t))
	for _, l := range i18n.Languages() {
		response := do(f, get("lang="+l.Tag, "", ""))
		opened := body(t, response)
		doc := checkPage(t, response, opened)
		values := wrongFields()
		values.Set("language", l.Tag)
		refused := body(t, do(bare, postAs(formType, values.Encode())))
		if len(opened) > most || len(refused) > most+len(values.Get("reason")) {
			t.Errorf("%s: the form has %d bytes with the largest logo, %d with every error; %d are enough", l.Tag, len(opened), len(refused), most)
		}
		if attribute(doc.first("img"), "src") != logo || !strings.Contains(response.Header.Get("Content-Security-Policy"), "img-src data:") {
			t.Errorf("%s: the logo is missing", l.Tag)
		}
	}
}

// keys are what stands in the place of a text that is missing.
var keys = regexp.MustCompile(`\b(form|label|name|hint|error|page|steps|now|next|status|help|resend|withdraw|unknown|lookup)\.[a-z]`)

func TestPagesInEveryLanguageKeepTheirPromises(t *testing.T) {
	f := newForm(t, everything(t))
	var titles []string
	for _, l := range i18n.Languages() {
		response := do(f, get("lang="+l.Tag+"&company=Caf%C3%A9&code=x", "", ""))
		doc := checkPage(t, response, body(t, response))
		want := "ltr"
		if l.RightToLeft {
			want = "rtl"
		}
		if got := attribute(doc.first("html"), "dir"); got != want {
			t.Errorf("%s is written %s", l.Tag, got)
		}
		for n := range doc.root.Descendants() {
			// The other languages keep what the link filled in.
			if n.Type == html.ElementNode && attribute(n, "hreflang") != "" {
				target, err := url.Parse(attribute(n, "href"))
				if err != nil || target.Query().Get("company") != "Café" || target.Query().Get("code") != "x" || target.Query().Get("lang") != attribute(n, "hreflang") {
					t.Errorf("%s: the link to %s is %q", l.Tag, attribute(n, "hreflang"), attribute(n, "href"))
				}
			}
		}
		titles = append(titles, doc.title)

		values := wrongFields()
		values.Set("language", l.Tag)
		response = do(f, postAs(formType, values.Encode()))
		doc = checkPage(t, response, body(t, response))
		for _, d := range definitions {
			text := textOf(doc.byID[d.name+"-error"])
			if text == "" || strings.Contains(text, "error.") || strings.Contains(text, "<no value>") {
				t.Errorf("%s: %s has the error %q", l.Tag, d.name, text)
			}
		}
		if key := keys.FindString(doc.text()); key != "" {
			t.Errorf("%s: the text %s is missing", l.Tag, key)
		}
		first := ""
		for n := range doc.byID["form"].Descendants() {
			if n.Type == html.ElementNode && n.Data == "input" && first == "" && attribute(n, "type") == "text" && attribute(n, "name") != trapField {
				first = attribute(n, "name")
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

func TestJSONIsAnsweredInTheReadersLanguage(t *testing.T) {
	r := postAs(jsonType, `{"email":"ana","language":"ja"}`)
	r.Header.Set("Accept-Language", "de")
	response := do(newForm(t), r)
	if text := body(t, response); !strings.Contains(text, "Geben Sie eine vollständige E-Mail-Adresse mit @-Zeichen ein") {
		t.Errorf("answered %s", text)
	}
}

func TestAStatusPageInEveryLanguage(t *testing.T) {
	id := newID(t, morning)
	for _, l := range i18n.Languages() {
		for _, outcome := range []request.Outcome{"", "waiting", "inviting", "invited", "joined", "refused", "withdrawn"} {
			for _, stage := range []request.Stage{request.StageReceived, request.StageInWork, request.StageFinished} {
				if outcome != "" && stage != request.StageFinished {
					continue
				}
				h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: stage, Outcome: outcome, Address: "a***@c…"}},
					func(c *StatusConfig) { c.Detailed = true })
				r := httptest.NewRequest(http.MethodGet, Path+"/x?lang="+l.Tag, nil)
				r.SetPathValue("id", string(id))
				response := do(h, r)
				text := body(t, response)
				doc := checkPage(t, response, text)
				if key := keys.FindString(doc.text()); key != "" {
					t.Errorf("%s, %s %s: the text %s is missing", l.Tag, stage, outcome, key)
				}
				if len(text) > 30_000 {
					t.Errorf("%s: %d bytes", l.Tag, len(text))
				}
			}
		}
	}
}
