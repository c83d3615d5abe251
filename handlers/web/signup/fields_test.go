package signup

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"

	"guestlist/handlers/branding"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/internal/pagetest"
	"guestlist/handlers/web/site"
)

// shown returns the fields that a page shows, and whether they are required.
func shown(d pagetest.Document) map[string]bool {
	fields := map[string]bool{}
	for n := range d.ByID["form"].Descendants() {
		if n.Type == html.ElementNode && slices.Contains([]string{"input", "select", "textarea"}, n.Data) && pagetest.Attribute(n, "type") != "hidden" && pagetest.Attribute(n, "name") != honeypotField {
			fields[pagetest.Attribute(n, "name")] = slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "required" })
		}
	}
	return fields
}

func TestFormShowsConfiguredFields(t *testing.T) {
	always := map[string]bool{"givenName": false, "familyName": false, "email": true} // one of the two names is enough
	tests := map[string]struct {
		fields, query string
		more          map[string]bool
	}{
		"by default":                 {"", "", map[string]bool{"company": true, "country": false, "reason": false}},
		"with a code in the link":    {"", "inviteCode=x", map[string]bool{"company": true, "country": false, "reason": false, "inviteCode": false}},
		"with a code in an old link": {"", "code=x", map[string]bool{"company": true, "country": false, "reason": false, "inviteCode": false}},
		"everything":                 {"country=required reason=required sponsor=required inviteCode=required", "", map[string]bool{"company": true, "country": true, "reason": true, "sponsor": true, "inviteCode": true}},
		"nothing":                    {"company=hidden country=hidden reason=hidden inviteCode=hidden", "code=x&company=y", nil},
		"a company from the link":    {"company=linked country=hidden reason=hidden", "company=Contoso", map[string]bool{"company": false}},
		"a sponsor from the link":    {"country=hidden reason=hidden sponsor=linked", "sponsor=bob@contoso.com", map[string]bool{"company": true, "sponsor": false}},
		"a link that has too much":   {"", "code=" + strings.Repeat("x", 65), map[string]bool{"company": true, "country": false, "reason": false}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newForm(t, func(c *Config) { c.Fields = fieldsOf(t, test.fields) })
			response := pagetest.Do(f, httptest.NewRequest(http.MethodGet, site.Root+"?"+test.query, nil))
			want := maps.Clone(always)
			maps.Copy(want, test.more)
			if got := shown(pagetest.CheckPage(t, response, pagetest.Body(t, response))); !maps.Equal(got, want) {
				t.Errorf("the page shows %v, want %v", got, want)
			}
		})
	}
}

func TestLinkFillsInUpToTheLimitOfTheField(t *testing.T) {
	f := newForm(t)
	for name, limit := range map[string]int{"company": submission.MaxCompany, "givenName": submission.MaxName, "reason": submission.MaxReason} {
		for characters, want := range map[int]int{limit: limit, limit + 1: 0} {
			query := url.Values{name: {strings.Repeat("漢", characters)}}
			response := pagetest.Do(f, httptest.NewRequest(http.MethodGet, site.Root+"?"+query.Encode(), nil))
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			if got := utf8.RuneCountInString(pagetest.Attribute(doc.ByID[name], "value") + pagetest.Text(doc.ByID[name])); got != want {
				t.Errorf("%d characters of %s: %d are filled in, want %d", characters, name, got, want)
			}
		}
	}
}

func TestRequiredFieldsAreRequired(t *testing.T) {
	for _, contentType := range []string{pagetest.FormType, pagetest.JSONType} {
		f := newForm(t, everything(t))
		text := `{"email":"ana@contoso.com","givenName":"Ana","familyName":"Silva","reason":" \n "}`
		if contentType == pagetest.FormType {
			text = "email=ana@contoso.com&givenName=Ana&familyName=Silva&reason=+%0A+"
		}
		response := pagetest.Do(f, postAs(contentType, text))
		answer := pagetest.Body(t, response)
		if response.StatusCode != http.StatusUnprocessableEntity || len(f.queue.Messages) != 0 {
			t.Fatalf("%s: status %d", contentType, response.StatusCode)
		}
		for _, name := range []string{"company", "country", "reason", "sponsor", "inviteCode", "terms"} {
			inPage := strings.Contains(answer, `id="`+name+`-error"`)
			inJSON := strings.Contains(answer, `{"name":"`+name+`","rule":"required"`)
			if !inPage && !inJSON {
				t.Errorf("%s: %s is not asked for", contentType, name)
			}
		}
	}
}

func TestHiddenFieldsAreAccepted(t *testing.T) {
	f := newForm(t, func(c *Config) {
		c.Fields = fieldsOf(t, "company=hidden reason=hidden sponsor=hidden inviteCode=hidden")
	})
	response := pagetest.Do(f, postAs(pagetest.FormType, ana().Encode()))
	if response.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", response.StatusCode)
	}
	if s := f.only(t).Submission; s.Company == "" || s.Sponsor == (submission.Address{}) || s.InviteCode == "" {
		t.Errorf("taken: %+v", s)
	}
}

func TestHiddenFieldIsShownWithItsError(t *testing.T) {
	f := newForm(t, func(c *Config) { c.Fields = fieldsOf(t, "sponsor=hidden") })
	values := ana()
	values.Set("sponsor", "bob")
	response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if pagetest.Attribute(doc.ByID["sponsor"], "value") != "bob" || doc.ByID["sponsor-error"] == nil {
		t.Error("nobody could correct the sponsor")
	}
}

func TestConsentHasVersionTimeAndLanguage(t *testing.T) {
	f := newForm(t, everything(t))
	values := ana()
	values.Set("terms", "2026-11")
	values.Set("language", "de-AT")
	response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
	if response.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", response.StatusCode)
	}
	want := submission.Consent{Terms: "2026-11", At: pagetest.Morning.Truncate(time.Second), Language: "de"}
	if got := f.only(t).Submission.Consent; got != want {
		t.Errorf("consent %+v, want %+v", got, want)
	}
}

func TestOnlyCurrentTermsAreAccepted(t *testing.T) {
	tests := map[string]struct{ terms, rule string }{
		"not ticked":           {"", "tick the box"},
		"an older version":     {"2025-01", "have changed"},
		"what browsers send":   {"on", "have changed"},
		"script":               {"<script>", "have changed"},
		"with a line break":    {"2026-11\r\n", "have changed"},
		"a longer one":         {"2026-11-x", "have changed"},
		"the version in words": {"zweitausendsechsundzwanzig", "have changed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newForm(t, everything(t))
			values := ana()
			values.Set("terms", test.terms)
			values.Set("language", "en")
			response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			if response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(pagetest.Text(doc.ByID["terms-error"]), test.rule) || len(f.queue.Messages) != 0 {
				t.Errorf("status %d, error %q", response.StatusCode, pagetest.Text(doc.ByID["terms-error"]))
			}
			box := doc.ByID["terms"]
			checked := slices.ContainsFunc(box.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
			if pagetest.Attribute(box, "value") != "2026-11" || checked {
				t.Errorf("the box is for %q, ticked %t", pagetest.Attribute(box, "value"), checked)
			}
		})
	}
}

func TestLinkDoesNotAcceptTerms(t *testing.T) {
	f := newForm(t, everything(t))
	for _, query := range []string{"terms=2026-11", "terms=2026-11&company=Contoso", "terms=on"} {
		response := pagetest.Do(f, get(query, "", ""))
		text := pagetest.Body(t, response)
		doc := pagetest.CheckPage(t, response, text)
		if slices.ContainsFunc(doc.ByID["terms"].Attr, func(a html.Attribute) bool { return a.Key == "checked" }) || strings.Contains(text, "terms=") {
			t.Errorf("%s: the box is ticked, or the links to other languages would tick it", query)
		}
	}
}

func TestTermsAreNotStoredWhereNoneAreSet(t *testing.T) {
	f := newForm(t)
	values := ana()
	values.Set("terms", "2026-11")
	pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
	if got := f.only(t).Submission.Consent; got != (submission.Consent{}) {
		t.Errorf("consent %+v to terms that nobody has shown", got)
	}
}

func TestMistypedDomainIsAskedAboutOnce(t *testing.T) {
	f := newForm(t)
	values := ana()
	values.Set("language", "en")
	values.Set("email", "Ana@Gmial.com")
	response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	box := doc.ByID["alert"]
	if response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(pagetest.Text(box), "Did you mean ana@gmail.com?") || len(f.queue.Messages) != 0 {
		t.Fatalf("status %d, question %q", response.StatusCode, pagetest.Text(box))
	}
	if pagetest.Attribute(box, "class") != "notice" || doc.ByID["email-error"] != nil || strings.Contains(doc.Title, "Error") {
		t.Errorf("the question is shown as an error: %s", pagetest.Attribute(box, "class"))
	}
	if got := pagetest.Attribute(doc.ByID["email"], "value"); got != "Ana@Gmial.com" {
		t.Errorf("the field holds %q", got)
	}
	again := maps.Clone(values)
	again.Set("confirmedEmail", doc.Hidden["confirmedEmail"])
	if pagetest.Do(f, postAs(pagetest.FormType, again.Encode())); len(f.queue.Messages) != 1 {
		t.Error("the address that is right was asked about twice")
	}
	other := maps.Clone(again)
	other.Set("email", "ana@hotmal.com")
	if response := pagetest.Do(f, postAs(pagetest.FormType, other.Encode())); response.StatusCode != http.StatusUnprocessableEntity {
		t.Error("another slip was not asked about")
	}
	right := maps.Clone(values)
	right.Set("email", "ana@gmail.com")
	if response := pagetest.Do(f, postAs(pagetest.FormType, right.Encode())); response.StatusCode != http.StatusSeeOther {
		t.Error("the right address was asked about")
	}
}

func TestDoubtfulAddressesAreAskedAboutOnce(t *testing.T) {
	for email, says := range map[string]string{
		"ana@co.uk": "co.uk looks like the ending of a domain name only", "ana@contoso.web": "We do not know the ending .web",
		"ana@contoso.cmo": "We do not know the ending .cmo", "ana@gmail.con": "Did you mean ana@gmail.com?", "ana@公司.cn": "looks like the ending",
		"a.kumar@nic.in": "", "ola@mil.no": "", "ana@jive.com": "", "ana@five.com": "", "taro＠contoso.com": "", "\u202aana@contoso.com\u202c": "",
	} {
		f := newForm(t)
		values := ana()
		values.Set("language", "en")
		values.Set("email", email)
		response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
		if says == "" {
			if response.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: status %d", email, response.StatusCode)
			}
			continue
		}
		doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		box := doc.ByID["alert"]
		if !strings.Contains(pagetest.Text(box), says) || pagetest.Attribute(box, "class") != "notice" || len(f.queue.Messages) != 0 {
			t.Errorf("%s: status %d, %s %q, want %q", email, response.StatusCode, pagetest.Attribute(box, "class"), pagetest.Text(box), says)
		}
		values.Set("confirmedEmail", doc.Hidden["confirmedEmail"])
		if response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode())); response.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: asked about twice, status %d", email, response.StatusCode)
		}
	}
}

func TestOneNameIsEnough(t *testing.T) {
	for _, language := range []string{"en", "ja"} {
		for _, missing := range []string{"givenName", "familyName"} {
			for _, none := range []string{"", "-", "."} {
				f := newForm(t)
				values := ana()
				values.Set("language", language)
				values.Set(missing, none)
				response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
				if response.StatusCode != http.StatusSeeOther {
					t.Errorf("%s: %s is %q: status %d", language, missing, none, response.StatusCode)
				}
			}
		}
	}
	f := newForm(t)
	for language, first := range map[string]string{"en": "givenName", "ja": "familyName"} {
		values := ana()
		values.Set("language", language)
		values.Set("givenName", "")
		values.Set("familyName", "-")
		response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
		doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if doc.ByID[first+"-error"] == nil || response.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d, no error at %s", language, response.StatusCode, first)
		}
	}
	response := pagetest.Do(f, httptest.NewRequest(http.MethodGet, site.Root, nil))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if !strings.Contains(pagetest.Text(doc.ByID["familyName-hint"]), "only one name") || strings.Contains(pagetest.Text(doc.ByID["familyName"].Parent), "optional") {
		t.Errorf("the form does not say that one name is enough: %q", pagetest.Text(doc.ByID["familyName"].Parent))
	}
}

func TestProgramsAreNotAskedAboutMistypedDomains(t *testing.T) {
	f := newForm(t)
	response := pagetest.Do(f, postAs(pagetest.JSONType, strings.Replace(anaJSON(t), "Ana@Contoso.com", "ana@gmial.com", 1)))
	if response.StatusCode != http.StatusAccepted {
		t.Errorf("status %d", response.StatusCode)
	}
	response = pagetest.Do(f, postAs(pagetest.JSONType, strings.Replace(anaJSON(t), `"email"`, `"confirmedEmail":"x","email"`, 1)))
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("a field of the page alone: status %d", response.StatusCode)
	}
}

func TestRefusedMailDomains(t *testing.T) {
	f := newForm(t, func(c *Config) {
		c.Mail = branding.MailRules{RefuseFreeMail: true, RefuseDisposable: true, Exceptions: map[string]bool{"gmx.de": true, "fabrikam.com": false}}
	})
	for domain, says := range map[string]string{
		"gmail.com": "your address at work", "mailinator.com": "throw-away", "fabrikam.com": "throw-away", "gmx.de": "", "contoso.com": "",
	} {
		f.queue.Messages = nil
		values := ana()
		values.Set("language", "en")
		values.Set("email", "ana@"+domain)
		response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
		doc := pagetest.Body(t, response)
		if says == "" {
			if response.StatusCode != http.StatusSeeOther {
				t.Errorf("%s is not taken", domain)
			}
			continue
		}
		if response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(doc, says) || len(f.queue.Messages) != 0 {
			t.Errorf("%s: status %d", domain, response.StatusCode)
		}
	}
}

func TestMailDomainIsRefusedTogetherWithOtherFaults(t *testing.T) {
	f := newForm(t, func(c *Config) {
		c.Mail = branding.MailRules{RefuseFreeMail: true, RefuseDisposable: true}
	})
	response := pagetest.Do(f, postAs(pagetest.FormType, "email=ana@gmail.com&givenName=%3C&familyName=Silva"))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	for _, name := range []string{"email", "givenName", "company"} {
		if doc.ByID[name+"-error"] == nil {
			t.Errorf("nothing is said of %s", name)
		}
	}
}

func TestFormShowsIntroduction(t *testing.T) {
	intro, err := branding.ParseIntro(`{"de": "Nur für <Partner> & {{Freunde}}."}`)
	if err != nil {
		t.Fatal(err)
	}
	f := newForm(t, func(c *Config) { c.Style.Intro = intro })
	for tag, want := range map[string]string{"de": "Nur für <Partner> & {{Freunde}}.", "en": "Request guest access here if you work with Contoso & Partners"} {
		response := pagetest.Do(f, get("lang="+tag, "", ""))
		if doc := pagetest.CheckPage(t, response, pagetest.Body(t, response)); !strings.Contains(doc.Text(), want) {
			t.Errorf("%s does not open with %q", tag, want)
		}
	}
}

func TestOrganisationMayHaveAnyName(t *testing.T) {
	const name = `{{.Secret}} <b>"Söhne" & 'Co'</b> {{ "x" }}`
	f := newForm(t, func(c *Config) { c.Style.Organisation = name })
	response := pagetest.Do(f, get("", "", ""))
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if doc.Title != "Guest access to "+name || !strings.Contains(doc.Text(), name) {
		t.Errorf("the title is %q", doc.Title)
	}
}

// hostile returns texts that do harm where they are shown or stored without care.
func hostile() map[string]string {
	return map[string]string{
		"script":            `<script>alert(1)</script>`,
		"attribute":         `" autofocus onfocus="alert(1)`,
		"single quotes":     `' onmouseover='alert(1)`,
		"end of a textarea": `</textarea><svg onload=alert(1)>`,
		"Go template":       `{{.Log}}{{template "head" .}}{{printf "%v" .}}`,
		"other templates":   `${7*7} #{7*7} <%= 7*7 %> {{7*7}} {%debug%}`,
		"header":            "x\r\nSet-Cookie: a=b\r\n\r\n<html>",
		"formula":           `=HYPERLINK("http://evil.example","click")`,
		"formula with a +":  `+cmd|'/C calc'!A0`,
		"formula with a -":  `-2+3+cmd|'/C calc'!A0`,
		"formula with an @": `@SUM(1+1)*cmd|'/C calc'!A0`,
		"formula by a tab":  "\t=1+1",
		"null":              "x\x00y",
		"escape":            "x\x1b[2Jy",
		"right to left":     "x\u202egnp.exe",
		"isolate":           "x\u2066y",
		"zero width":        "x\u200by",
		"byte order":        "\ufeffx",
		"tags":              "x\U000e0041y",
		"no character":      "x\uffffy",
		"invalid UTF-8":     "x\xff\xfe\xed\xa0\x80y",
		"replacement":       "x\ufffdy",
		"very long":         strings.Repeat("xy ", 5000),
		"many marks":        "x" + strings.Repeat("\u0301", 3000),
		"JSON":              `","approved":true,"x":"`,
		"OData":             `' or PartitionKey ne '`,
		"path":              `../../../etc/passwd`,
		"address list":      `ana@contoso.com,eve@evil.example`,
	}
}

// Every field refuses a hostile text, or stores it as typed and shows it as text.
func TestHostileTextInEveryField(t *testing.T) {
	names := []string{"language", "confirmedEmail"}
	for _, d := range definitions {
		names = append(names, d.name)
	}
	for kind, text := range hostile() {
		for _, name := range names {
			t.Run(kind+" in "+name, func(t *testing.T) {
				f := newForm(t)
				values := ana()
				values.Set(name, text)
				response := pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
				answer := pagetest.Body(t, response)
				for header, values := range response.Header {
					if strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") || header == "Set-Cookie" {
						t.Errorf("header %s: %q", header, values)
					}
				}
				switch response.StatusCode {
				case http.StatusSeeOther:
					checkHarmless(t, *f.only(t).Submission)
				case http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
					pagetest.CheckPage(t, response, answer) // holds it to the elements that a page may have
					if len(f.queue.Messages) != 0 {
						t.Error("a refused submission is on the queue")
					}
				default:
					t.Errorf("status %d", response.StatusCode)
				}
				if strings.Contains(f.log.String(), "evil") || strings.Contains(f.log.String(), "alert") {
					t.Errorf("logged: %s", f.log)
				}
			})
		}
	}
}

// checkHarmless checks what readers of a stored submission rely on.
func checkHarmless(t *testing.T, s submission.Submission) {
	t.Helper()
	err := s.Check()
	if err != nil {
		t.Errorf("what was taken is refused: %v", err)
	}
	for _, line := range []string{s.GivenName, s.FamilyName, s.Company, s.Country, s.Language, s.Email.String(), s.Sponsor.String()} {
		if strings.ContainsAny(line, "<>\r\n\t\x00\x1b\u202e\u2066\u200b\ufeff\ufffd") {
			t.Errorf("stored: %q", line)
		}
	}
	if strings.ContainsAny(s.Reason, "\x00\x1b\u202e\u2066\ufeff\ufffd\t\r") {
		t.Errorf("stored: %q", s.Reason)
	}
}

// In a link, a hostile text is shown as text and has no other effect.
func TestHostileTextInLink(t *testing.T) {
	f := newForm(t, everything(t))
	for kind, text := range hostile() {
		query := url.Values{"lang": {text}, codeField: {text}, "unknown": {text}, "confirmedEmail": {text}, "language": {text}}
		for _, d := range definitions {
			query.Add(d.name, text)
		}
		response := pagetest.Do(f, httptest.NewRequest(http.MethodGet, site.Root+"?"+query.Encode(), nil))
		doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
		if response.StatusCode != http.StatusOK || len(f.queue.Messages) != 0 || doc.Hidden["confirmedEmail"] != "" || len(response.Cookies()) > 0 {
			t.Errorf("%s: status %d, hidden %v, cookies %v", kind, response.StatusCode, doc.Hidden, response.Cookies())
		}
		if slices.ContainsFunc(doc.ByID["terms"].Attr, func(a html.Attribute) bool { return a.Key == "checked" }) {
			t.Errorf("%s: a link has accepted the terms", kind)
		}
	}
	if f.log.Len() != 0 {
		t.Errorf("logged: %s", f.log)
	}
}

func TestLinkWithCodeIsNotLogged(t *testing.T) {
	f := newForm(t)
	pagetest.Do(f, get("code=Tulip-Spring-2026", "", ""))
	values := ana()
	values.Set("inviteCode", "Tulip-Spring-2026")
	pagetest.Do(f, postAs(pagetest.FormType, values.Encode()))
	if log := strings.ToLower(f.log.String()); strings.Contains(log, "tulip") || strings.Contains(log, "code") {
		t.Errorf("logged: %s", f.log)
	}
}
