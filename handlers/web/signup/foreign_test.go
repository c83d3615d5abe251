package signup

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/problem"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/site"
)

// Extensions of browsers and gateways add fields to forms, which the partner can't take out.
func TestForeignFieldsOfFormsAreIgnored(t *testing.T) {
	for _, foreign := range []string{
		"__RequestVerificationToken=x", "g-recaptcha-response=x", "groups=admins", "Email=eve@evil.com", "email[]=eve@evil.com", "approved=true",
		"=x", "x", "challenge=x", "cf-turnstile-response=x", "extension%5Bid%5D=1&extension%5Bid%5D=2",
	} {
		f := newForm(t)
		response := pagetest.Do(f, postAs(pagetest.FormType, ana().Encode()+"&"+foreign))
		if response.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: status %d", foreign, response.StatusCode)
			continue
		}
		if s := f.only(t).Submission; s.Email.String() != "ana@contoso.com" || s.GivenName != "Ana" {
			t.Errorf("%s: %+v was taken", foreign, s)
		}
	}
}

func TestFormThatCameWithoutItsBody(t *testing.T) {
	f := newForm(t)
	r := httptest.NewRequest(http.MethodPost, site.Root, http.NoBody)
	r.Header.Set("Content-Type", pagetest.FormType)
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Via", "1.1 gateway.fabrikam.com\u00e9")
	r.TransferEncoding = []string{"chunked"}
	response := pagetest.Do(f, r)
	text := pagetest.CheckPage(t, response, pagetest.Body(t, response)).Text()
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(text, "Your entries did not arrive") || strings.Contains(text, "still below") {
		t.Errorf("status %d: %s", response.StatusCode, text)
	}
	logged := f.log.String()
	for _, part := range []string{`"level":"WARN"`, "a proxy or gateway in front of the app", `"chunked":true`, `"via":"1.1 gateway.fabrikam.com"`} {
		if !strings.Contains(logged, part) {
			t.Errorf("the log does not say %s: %s", part, logged)
		}
	}
	if strings.Contains(logged, "token") {
		t.Errorf("the log blames the token: %s", logged)
	}
}

func TestCharsetsThatAreUTF8(t *testing.T) {
	for _, charset := range []string{"UTF8", "utf8", "utf-8", `"UTF-8"`, "unicode-1-1-utf-8", "x-unicode20utf8", "US-ASCII", `" utf-8 "`} {
		for _, contentType := range []string{pagetest.FormType, pagetest.JSONType} {
			f := newForm(t)
			body := ana().Encode()
			if contentType == pagetest.JSONType {
				body = anaJSON(t)
			}
			response := pagetest.Do(f, postAs(contentType+"; charset="+charset, body))
			if response.StatusCode != http.StatusSeeOther && response.StatusCode != http.StatusAccepted {
				t.Errorf("%s in %s: status %d", contentType, charset, response.StatusCode)
			}
		}
	}
}

// A program that sends what is not taken reads why, though it does not say what it accepts.
func TestFormatOfRefusedTypes(t *testing.T) {
	tests := map[string]struct {
		contentType, accept string
		page                bool
	}{
		"JSON in Latin-1":                 {"application/json; charset=latin1", "", false},
		"JSON, anything accepted":         {"application/json; charset=latin1", "*/*", false},
		"JSON of another kind":            {"application/ld+json", "", false},
		"XML":                             {"application/xml", "*/*", false},
		"no type":                         {"", "", false},
		"JSON by a browser":               {"application/json; charset=latin1", "text/html,*/*;q=0.8", true},
		"a form in Latin-1":               {pagetest.FormType + "; charset=latin1", "", true},
		"a form of another encoding":      {"multipart/form-data; boundary=x", "", true},
		"a form as text":                  {"text/plain", "*/*", true},
		"a form of a program with Accept": {"multipart/form-data; boundary=x", "application/json", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, site.Root, strings.NewReader("{}"))
			r.Header.Set("Content-Type", test.contentType)
			if test.accept != "" {
				r.Header.Set("Accept", test.accept)
			}
			response := pagetest.Do(newForm(t), r)
			text := pagetest.Body(t, response)
			if response.StatusCode != http.StatusUnsupportedMediaType {
				t.Fatalf("status %d", response.StatusCode)
			}
			if test.page {
				pagetest.CheckPage(t, response, text)
				return
			}
			pagetest.CheckProblem(t, response, text, problem.UnsupportedMediaType, "UTF-8")
		})
	}
}

// The platform reads some query parameters before the app does.
func TestNoFieldHasAReservedName(t *testing.T) {
	names := []string{site.LanguageQuery}
	for _, d := range definitions {
		_, keep := prefilled(url.Values{d.name: {"x"}, oldCodeQuery: {"x"}})
		for name := range keep {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if slices.Contains(site.ReservedQueries(), strings.ToLower(name)) {
			t.Errorf("%s is the platform's", name)
		}
	}
}

func TestInviteCodeInLink(t *testing.T) {
	for query, want := range map[string]string{"inviteCode=SPRING": "SPRING", "code=SPRING": "SPRING", "inviteCode=NEW&code=OLD": "OLD", "": ""} {
		f := newForm(t)
		response := pagetest.Do(f, httptest.NewRequest(http.MethodGet, site.Root+"?"+query, nil))
		text := pagetest.Body(t, response)
		doc := pagetest.CheckPage(t, response, text)
		if got := pagetest.Attribute(doc.ByID[codeField], "value"); got != want {
			t.Errorf("%s fills in %q, want %q", query, got, want)
		}
		if strings.Contains(text, "amp;code=") || want != "" && !strings.Contains(text, "&amp;inviteCode="+want) {
			t.Errorf("%s: the links to other languages have the code under its old name, or not", query)
		}
	}
}

// The first page of the host is the platform's own where no function has it.
func TestFirstPageLeadsToForm(t *testing.T) {
	f := newForm(t)
	for address, want := range map[string]string{
		"/": "/signup", "/?lang=de": "/signup?lang=de", "/?company=Contoso&code=X&utm_source=mail": "/signup?company=Contoso&inviteCode=X",
		"/?lang=%0D%0AX:y": "/signup?lang=%0D%0AX%3Ay",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			response := pagetest.Do(f, httptest.NewRequest(method, address, nil))
			if got := response.Header.Get("Location"); response.StatusCode != http.StatusFound || got != want {
				t.Errorf("%s %s leads to %q with status %d, want %q", method, address, got, response.StatusCode, want)
			}
		}
	}
}
