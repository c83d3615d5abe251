package mail

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/site"
	"guestlist/handlers/web/status"
)

func newComposer(t testing.TB, change func(*branding.Style)) *Composer {
	t.Helper()
	style := SampleStyle()
	if change != nil {
		change(&style)
	}
	c, err := NewComposer(style, SampleOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eachMail runs a test for the sample of every kind in every language.
func eachMail(t *testing.T, test func(t *testing.T, c *Composer, kind request.MailKind, l i18n.Language, m request.Mail)) {
	c := newComposer(t, nil)
	for _, kind := range Kinds() {
		for _, l := range i18n.Languages() {
			t.Run(fmt.Sprintf("%s/%s", kind, l.Tag), func(t *testing.T) {
				m, err := c.Sample(kind, l.Tag)
				if err != nil {
					t.Fatal(err)
				}
				test(t, c, kind, l, m)
			})
		}
	}
}

// page is a mail's HTML as a client reads it.
type page struct {
	lang, dir   string
	inner       bool     // whether an element inside has both again
	text        string   // all that is shown, and the preheader, with single spaces
	preheader   string   // the hidden text
	links       []string // href
	isolated    []string // what stands in an element that isolates
	faults      []string
	presented   int // tables that are for the layout
	tables      int
	undirected  int // tables without a direction
	styleSheets int
}

// shown are the elements of mails; allowed are their attributes.
var (
	shown = strings.Fields("html head meta title style body div table tbody tr td h1 h2 p a bdi br span b font")
	// class has the dark colours alone.
	allowed = strings.Fields("lang dir charset name content class style role href " +
		"width height align valign cellpadding cellspacing border bgcolor color")
)

func read(t testing.TB, source string) page {
	t.Helper()
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	var p page
	var walk func(n *html.Node, hidden, isolated bool)
	walk = func(n *html.Node, hidden, isolated bool) {
		switch n.Type {
		case html.TextNode:
			if n.Parent.Data == "style" || n.Parent.Data == "title" {
				break
			}
			p.text += n.Data
			if hidden {
				p.preheader += n.Data
			}
			if isolated {
				p.isolated = append(p.isolated, n.Data)
			}
		case html.ElementNode:
			p.element(n)
			hidden = hidden || strings.Contains(attribute(n, "style"), "display: none")
			isolated = isolated || n.Data == "bdi" && attribute(n, "dir") == "ltr"
			if slices.Contains([]string{"p", "h1", "h2", "td", "br", "div"}, n.Data) {
				p.text += " "
			}
		}
		for child := range n.ChildNodes() {
			walk(child, hidden, isolated)
		}
	}
	walk(root, false, false)
	p.text = strings.Join(strings.Fields(p.text), " ")
	return p
}

func (p *page) element(n *html.Node) {
	if !slices.Contains(shown, n.Data) {
		p.faults = append(p.faults, "the element "+n.Data)
	}
	for _, a := range n.Attr {
		if !slices.Contains(allowed, a.Key) {
			p.faults = append(p.faults, "the attribute "+a.Key)
		}
		if strings.Contains(a.Val, "url(") || strings.Contains(a.Val, "ZgotmplZ") {
			p.faults = append(p.faults, "the value "+a.Val)
		}
	}
	switch n.Data {
	case "html":
		p.lang, p.dir = attribute(n, "lang"), attribute(n, "dir")
	case "div":
		p.inner = p.inner || attribute(n, "lang") == p.lang && attribute(n, "dir") == p.dir
	case "table":
		p.tables++
		if attribute(n, "role") == "presentation" {
			p.presented++
		}
		if attribute(n, "dir") == "" {
			p.undirected++
		}
	case "style":
		p.styleSheets++
	case "a":
		p.links = append(p.links, attribute(n, "href"))
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// sound fails for what must hold for each mail, whatever it is made of.
func sound(t testing.TB, m request.Mail) page {
	t.Helper()
	p := read(t, m.HTML)
	for _, fault := range p.faults {
		t.Errorf("the HTML has %s", fault)
	}
	if p.tables == 0 || p.presented != p.tables || p.undirected > 0 {
		t.Errorf("of %d tables, %d are for the layout, %d have no direction", p.tables, p.presented, p.undirected)
	}
	if !p.inner || p.styleSheets != 1 {
		t.Errorf("language and direction inside: %t; style sheets: %d", p.inner, p.styleSheets)
	}
	hidden := func(r rune) bool { return visible(r) < 0 }
	if utf8.RuneCountInString(m.Subject) > 60 || m.Subject == "" || strings.ContainsFunc(m.Subject, hidden) {
		t.Errorf("the subject is %q", m.Subject)
	}
	for part, text := range map[string]string{"text": m.Text, "HTML": m.HTML} {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("the %s has controls or is not UTF-8", part)
		}
		for line := range strings.Lines(text) {
			if len(line) > 998 {
				t.Errorf("the %s has a line of %d octets: %.80q…", part, len(line), line)
			}
		}
		for line := range strings.Lines(m.Text) {
			if strings.Count(line, isolateLeftToRight) > strings.Count(line, endIsolate) {
				t.Errorf("an address or a code is not isolated whole: %q", line)
			}
		}
		open := 0
		for _, r := range text {
			switch {
			case r == '\u2066' || r == '\u2068':
				open++
			case r == '\u2069':
				open--
			case unicode.Is(unicode.Bidi_Control, r):
				t.Errorf("the %s has the mark of direction %U", part, r)
			}
		}
		if open != 0 || p.dir == leftToRight && strings.ContainsAny(text, "\u2066\u2068\u2069") {
			t.Errorf("the %s has isolates that are open, or where text runs from left to right", part)
		}
	}
	return p
}

// unwritten is what a text leaves that is missing or that lacks a value.
var unwritten = regexp.MustCompile(`{{|}}|<no value>|\b(?:mail|next|page)\.[a-z]\w*`)

func TestEveryMailIsSoundInEveryLanguage(t *testing.T) {
	eachMail(t, func(t *testing.T, c *Composer, kind request.MailKind, l i18n.Language, m request.Mail) {
		p := sound(t, m)
		if p.lang != l.Tag || p.dir != direction(l.RightToLeft) {
			t.Errorf("language %q and direction %q", p.lang, p.dir)
		}
		whole := m.Subject + m.Text + m.HTML
		if left := unwritten.FindString(whole); left != "" {
			t.Errorf("the mail has %q", left)
		}
		if strings.ContainsAny(m.Text, "<&") {
			t.Errorf("the text has markup:\n%s", m.Text)
		}
		replies := "partners@contoso.com"
		if kind.IsNotice() {
			replies = "" // only partners ask there
		}
		if m.To.String() != sampleAddress || m.ReplyTo != replies {
			t.Errorf("to %s, reply to %s", m.To, m.ReplyTo)
		}
		if strings.Contains(m.Subject, c.organisation) || !strings.Contains(m.Text, c.organisation) {
			t.Error("the subject names the organisation, or the text does not")
		}
	})
}

// What the HTML says, the text says too: a reader of either misses nothing.
func TestTextAndHTMLSayTheSame(t *testing.T) {
	eachMail(t, func(t *testing.T, _ *Composer, _ request.MailKind, _ i18n.Language, m request.Mail) {
		p := read(t, m.HTML)
		marks := strings.NewReplacer("\u2066", "", "\u2068", "", "\u2069", "", "\u00a0", " ")
		inHTML, inText := marks.Replace(p.text), marks.Replace(m.Text)
		for line := range strings.Lines(inText) {
			line = strings.TrimSpace(strings.TrimPrefix(line, ">"))
			if line == "" || line == "--" || strings.HasPrefix(line, "https://") {
				continue
			}
			label, value, _ := strings.Cut(strings.ReplaceAll(line, "：", ":"), ":")
			both := strings.Contains(inHTML, strings.TrimSpace(label)) && strings.Contains(inHTML, strings.TrimSpace(value))
			if !strings.Contains(inHTML, line) && !both {
				t.Errorf("the HTML lacks %q", line)
			}
		}
		for _, link := range p.links {
			if !strings.Contains(m.Text, link) {
				t.Errorf("the text lacks %s", link)
			}
		}
		if len(p.links) != strings.Count(m.Text, "https://") {
			t.Errorf("%d links and %d addresses", len(p.links), strings.Count(m.Text, "https://"))
		}
	})
}

func TestCodeStandsOnlyWhereItIsRead(t *testing.T) {
	eachMail(t, func(t *testing.T, _ *Composer, kind request.MailKind, _ i18n.Language, m request.Mail) {
		const written = "2718 2818"
		digits := strings.NewReplacer(" ", "", "\n", "")
		want := 0
		if kind == request.CodeMail {
			want = 1
		}
		p := read(t, m.HTML)
		if got := strings.Count(m.Text, written); got != want {
			t.Errorf("the text has the code %d times", got)
		}
		if got := strings.Count(p.text, written); got != want {
			t.Errorf("the HTML shows the code %d times", got)
		}
		if want == 1 && !slices.Contains(p.isolated, written) {
			t.Error("the code can be turned around by the text about it")
		}
		for _, part := range append(slices.Clone(p.links), m.Subject, p.preheader) {
			if strings.Contains(digits.Replace(part), sampleCode) {
				t.Errorf("the code stands in %q", part)
			}
		}
		if p.preheader == "" {
			t.Error("there is no preheader")
		}
	})
}

func TestRedeemURLStandsOnceInEachBody(t *testing.T) {
	eachMail(t, func(t *testing.T, _ *Composer, kind request.MailKind, _ i18n.Language, m request.Mail) {
		want := 0
		if kind == request.InvitationMail || kind == request.ReminderMail {
			want = 1
		}
		p := read(t, m.HTML)
		inLinks := 0
		for _, link := range p.links {
			if link == sampleRedeem {
				inLinks++
			}
		}
		if inLinks != want || strings.Count(m.Text, sampleRedeem) != want || strings.Contains(m.Subject, "://") {
			t.Errorf("%d links, %d in the text", inLinks, strings.Count(m.Text, sampleRedeem))
		}
		if want == 1 && !slices.Contains(p.isolated, sampleAddress) {
			t.Error("the address of the guest is not isolated")
		}
	})
}

// A mail that an automatic redemption makes needless to accept must still be true.
func TestInvitationDoesNotInsistOnAccepting(t *testing.T) {
	accept := map[string]string{
		"en": "accept", "de": "annehmen", "es": "acepte la", "fr": "acceptez", "pt": "aceite",
		"ja": "承諾", "ko": "수락", "zh-Hans": "接受", "ar": "اقبل",
	}
	eachMail(t, func(t *testing.T, _ *Composer, _ request.MailKind, l i18n.Language, m request.Mail) {
		if strings.Contains(strings.ToLower(m.Text), accept[l.Tag]) {
			t.Errorf("the text asks to accept:\n%s", m.Text)
		}
	})
}

func TestStatusPageIsLinked(t *testing.T) {
	if withdrawal != status.Withdrawal {
		t.Errorf("mails link to %s, the part of the page is %s", withdrawal, status.Withdrawal)
	}
	want := SampleOrigin + site.PathOf(sampleRequest)
	eachMail(t, func(t *testing.T, _ *Composer, kind request.MailKind, _ i18n.Language, m request.Mail) {
		p := read(t, m.HTML)
		if kind.IsNotice() {
			return // they lead to the review pages
		}
		if kind != request.DecisionMail && !slices.Contains(p.links, want+withdrawal) {
			t.Errorf("there is no way to end the request: %q", p.links)
		}
		if (kind == request.CodeMail || kind == request.DecisionMail) && !slices.Contains(p.links, want) {
			t.Errorf("the page is not linked: %q", p.links)
		}
	})
}

func recipient(t testing.TB, languages ...string) Recipient {
	t.Helper()
	address, err := submission.ParseAddress(sampleAddress)
	if err != nil {
		t.Fatal(err)
	}
	return Recipient{Address: address, Request: sampleRequest, Languages: languages}
}

func TestLanguageOfMail(t *testing.T) {
	c := newComposer(t, nil)
	tests := map[string]struct {
		languages []string
		want      string
	}{
		"none":                         {nil, "en"},
		"of the form":                  {[]string{"", "fr"}, "fr"},
		"the row's goes before":        {[]string{"de-AT", "fr"}, "de"},
		"a row's that we do not have":  {[]string{"nl", "ja"}, "ja"},
		"what can't be read is nobody": {[]string{"x y", strings.Repeat("a", 500), "ko"}, "ko"},
		"Brazilian":                    {[]string{"pt-BR"}, "pt"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := c.Denial(recipient(t, test.languages...), Denial{})
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, m.HTML).lang; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestFormLanguageIsNamedIfKnown(t *testing.T) {
	c := newComposer(t, nil)
	for language, want := range map[string]string{"ar-EG": "العربية", "de": "Deutsch", "nl": "", "": "", "\x00": ""} {
		m, err := c.Code(recipient(t), Code{Code: sampleCode, FormLanguage: language})
		if err != nil {
			t.Fatal(err)
		}
		sound(t, m)
		if got := strings.Contains(m.Text, "Language of the form"); got != (want != "") || !strings.Contains(m.Text, want) {
			t.Errorf("for %q, is named: %t", language, got)
		}
	}
}

func TestMessageOfRowIsChosenByLanguage(t *testing.T) {
	c := newComposer(t, nil)
	invite := func(message string, languages ...string) string {
		t.Helper()
		m, err := c.Invitation(recipient(t, languages...), Invitation{RedeemURL: sampleRedeem, Message: message})
		if err != nil {
			t.Fatal(err)
		}
		sound(t, m)
		return m.Text
	}
	const both = `{"": "Welcome.", "de": "Willkommen."}`
	if text := invite(both, "de"); !strings.Contains(text, "> Willkommen.\n") || strings.Contains(text, "Welcome.") {
		t.Errorf("in German:\n%s", text)
	}
	if text := invite(both, "ja"); !strings.Contains(text, "> Welcome.\n") {
		t.Errorf("in Japanese:\n%s", text)
	}
	if text := invite(`{"de": "Willkommen."}`, "ja"); strings.Contains(text, "> ") {
		t.Errorf("without a text for Japanese:\n%s", text)
	}
	if text := invite("One.\r\n\r\nTwo.", "de"); !strings.Contains(text, "> One.\n>\n> Two.\n") {
		t.Errorf("with two lines:\n%s", text)
	}
	if text := invite("{broken", "de"); !strings.Contains(text, "> {broken\n") {
		t.Errorf("with broken JSON:\n%s", text)
	}
}

func TestMessageKeepsItsOwnDirection(t *testing.T) {
	c := newComposer(t, nil)
	m, err := c.Invitation(recipient(t, "ar"), Invitation{RedeemURL: sampleRedeem, Message: "(Welcome) to all."})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.HTML, `<table role="presentation" dir="ltr"`) || !strings.Contains(m.HTML, "border-left: 4px") {
		t.Errorf("English in an Arabic mail does not run from left to right:\n%s", m.HTML)
	}
}

// hostile are texts that want to be more than text.
var hostile = map[string]string{
	"markup":           `<script>alert(1)</script><img src=x onerror=alert(1)><a href="https://evil.example">x</a>`,
	"an end of markup": `"></td></table><h1>Pay now</h1><!--`,
	"a comment":        `--><script>x</script><![endif]-->`,
	"a header":         "Contoso\r\nBcc: all@example.com\r\n\r\nHello",
	"marks":            "abc\u202egnp.exe\u202c \u2066\u2067\u2069 \u200e\u200f\u061c def",
	"an open isolate":  "\u2068\u2068\u2068 x",
	"separators":       "one\u2028two\u2029three\u0085four\vfive",
	"controls":         "a\x00b\x07c\x1b[31md\x7fe",
	"broken UTF-8":     "a\xff\xfe\xc0\xafb",
	"a template":       "{{.Organisation}} {{printf 1}} {{",
	"hidden letters":   "a\U000e0041\U000e0042\ufeffb\u00adc",
	"style":            `;background:url(https://evil.example/x);}</style><script>`,
	"one long word":    strings.Repeat("غ", 2000),
	"quotes":           strings.Repeat(`'"&<>`, 400),
}

func TestHostileTextIsInert(t *testing.T) {
	for name, text := range hostile {
		for _, language := range []string{"en", "ar", "zh-Hans"} {
			t.Run(name+"/"+language, func(t *testing.T) {
				c := newComposer(t, func(s *branding.Style) { s.Organisation = text })
				plain := newComposer(t, nil)
				to := recipient(t, language)
				code := Code{Code: sampleCode, FormLanguage: text}
				invitation := Invitation{RedeemURL: sampleRedeem, Message: text, RedirectURL: text}
				reminder := Reminder{RedeemURL: sampleRedeem, RedirectURL: text}
				for kind, write := range map[request.MailKind]func(c *Composer) (request.Mail, error){
					request.CodeMail:       func(c *Composer) (request.Mail, error) { return c.Code(to, code) },
					request.InvitationMail: func(c *Composer) (request.Mail, error) { return c.Invitation(to, invitation) },
					request.ReminderMail:   func(c *Composer) (request.Mail, error) { return c.Reminder(to, reminder) },
					request.DecisionMail:   func(c *Composer) (request.Mail, error) { return c.Denial(to, Denial{text}) },
					request.AskedNotice.Mail(): func(c *Composer) (request.Mail, error) {
						return c.Notice(to, Notice{Kind: request.AskedNotice, Row: text, Domain: "fabrikam.com", Link: sampleReviews})
					},
				} {
					m, err := write(c)
					if err != nil {
						t.Fatal(err)
					}
					usual, err := write(plain)
					if err != nil {
						t.Fatal(err)
					}
					if p := sound(t, m); len(p.links) != len(read(t, usual.HTML).links) {
						t.Errorf("%s has the links %q", kind, p.links)
					}
					if m.Subject != usual.Subject {
						t.Errorf("the subject of %s depends on the name: %q", kind, m.Subject)
					}
				}
			})
		}
	}
}

func TestAddressesOfMails(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"https":              {"https://x.example/redeem?rd=https%3a%2f%2fy", "https://x.example/redeem?rd=https%3a%2f%2fy"},
		"this machine":       {"http://127.0.0.1:7090/redeem", "http://127.0.0.1:7090/redeem"},
		"this machine, v6":   {"http://[::1]:7090/redeem", "http://[::1]:7090/redeem"},
		"localhost":          {"http://localhost:1/x", "http://localhost:1/x"},
		"an umlaut":          {"https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"},
		"http":               {"http://login.microsoftonline.com/", ""},
		"a machine by name":  {"http://127.0.0.1.evil.example/", ""},
		"a script":           {"javascript:alert(1)", ""},
		"a script with host": {"javascript://contoso.com/%0aalert(1)", ""},
		"data":               {"data:text/html,<script>", ""},
		"a user":             {"https://login.microsoftonline.com@evil.example/", ""},
		"no host":            {"https:///x", ""},
		"no scheme":          {"//evil.example/", ""},
		"a line break":       {"https://contoso.com/\r\nBcc: x", ""},
		"a quote":            {`https://contoso.com/?"onclick=x`, ""},
		"a mark":             {"https://contoso.com/\u202e", "https://contoso.com/%E2%80%AE"},
		"a mark in the host": {"https://con\u202etoso.com/", ""},
		"too long":           {"https://contoso.com/" + strings.Repeat("x", 1000), ""},
		"too long as HTML":   {"https://contoso.com/?" + strings.Repeat("&", 300), ""},
		"nothing":            {"", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, valid := webAddress(test.text)
			if got != test.want && valid || valid != (test.want != "") {
				t.Fatalf("got %q, %t", got, valid)
			}
			m, err := newComposer(t, nil).Invitation(recipient(t, "ar"), Invitation{RedeemURL: test.text})
			if (err == nil) != valid {
				t.Fatalf("the mail: %v", err)
			}
			if err != nil && test.text != "" && strings.Contains(err.Error(), test.text) {
				t.Errorf("the error repeats the address: %v", err)
			}
			if err == nil {
				sound(t, m)
			}
		})
	}
}

func TestComposerRefusesWhatMailsMustNotHave(t *testing.T) {
	tests := map[string]struct {
		change func(*branding.Style)
		origin string
	}{
		"no organisation":        {func(s *branding.Style) { s.Organisation = "\u202e \t" }, SampleOrigin},
		"no colour":              {func(s *branding.Style) { s.Accent = branding.Accent{} }, SampleOrigin},
		"a script for privacy":   {func(s *branding.Style) { s.PrivacyURL = "javascript:alert(1)" }, SampleOrigin},
		"a script as contact":    {func(s *branding.Style) { s.Contact.URL = "javascript:alert(1)" }, SampleOrigin},
		"two addresses to reply": {func(s *branding.Style) { s.Contact.URL = "mailto:a@contoso.com,b@contoso.com" }, SampleOrigin},
		"no origin":              {nil, ""},
		"http":                   {nil, "http://join.contoso.com"},
		"a path":                 {nil, "https://join.contoso.com/x"},
		"a query":                {nil, "https://join.contoso.com?x"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			style := SampleStyle()
			if test.change != nil {
				test.change(&style)
			}
			_, err := NewComposer(style, test.origin)
			if err == nil {
				t.Error("was accepted")
			}
		})
	}
}

func TestContactsOfMails(t *testing.T) {
	page := newComposer(t, func(s *branding.Style) {
		s.Contact, s.PrivacyURL = branding.Contact{Name: "contoso.com/help", URL: "https://contoso.com/help"}, ""
	})
	m, err := page.Denial(recipient(t), Denial{})
	if err != nil {
		t.Fatal(err)
	}
	linked := slices.Contains(sound(t, m).links, "https://contoso.com/help")
	if m.ReplyTo != "" || !linked || !strings.Contains(m.Text, "Ask here:\nhttps://contoso.com/help\n") {
		t.Errorf("reply to %q, text\n%s", m.ReplyTo, m.Text)
	}
	nobody := newComposer(t, func(s *branding.Style) { s.Contact = branding.Contact{} })
	m, err = nobody.Denial(recipient(t), Denial{})
	if err != nil {
		t.Fatal(err)
	}
	if m.ReplyTo != "" || !strings.Contains(m.Text, "Ask your contact person at Contoso.") {
		t.Errorf("reply to %q, text\n%s", m.ReplyTo, m.Text)
	}
}

func TestMailNeedsItsParts(t *testing.T) {
	c := newComposer(t, nil)
	for _, code := range []string{"", "1234567", "123456789", "1234567a", "١٢٣٤٥٦٧٨", "1234 678"} {
		_, err := c.Code(recipient(t), Code{Code: code})
		if err == nil || code != "" && strings.Contains(err.Error(), code) {
			t.Errorf("%q: %v", code, err)
		}
	}
	_, err := c.Denial(Recipient{Request: sampleRequest}, Denial{})
	if err == nil {
		t.Error("a mail to nobody was written")
	}
	to := recipient(t)
	to.Request = "../../evil"
	_, err = c.Denial(to, Denial{})
	if err == nil {
		t.Error("a mail about no request was written")
	}
}

// What is not handed in can't be in a mail. A new field here is either the organisation's own, or
// must not be.
func TestMailsGetNothingOfTheFormButAddressAndLanguage(t *testing.T) {
	want := map[string]string{
		"Recipient": "Address Request Languages", "Code": "Code Until Asked FormLanguage", "Denial": "Reason",
		"Invitation": "RedeemURL Message RedirectURL", "Reminder": "RedeemURL RedirectURL Invited Last",
	}
	for _, input := range []any{Recipient{}, Code{}, Denial{}, Invitation{}, Reminder{}} {
		var fields []string
		for _, field := range reflect.VisibleFields(reflect.TypeOf(input)) {
			fields = append(fields, field.Name)
		}
		if name := reflect.TypeOf(input).Name(); strings.Join(fields, " ") != want[name] {
			t.Errorf("%s has the fields %q", name, fields)
		}
	}
}

func TestTimesAreInUTC(t *testing.T) {
	c := newComposer(t, nil)
	at := time.Date(2027, time.January, 1, 1, 30, 0, 0, time.FixedZone("", 2*60*60))
	for language, want := range map[string]string{
		"en": "31 December 2026, 23:30 UTC", "de": "31. Dezember 2026, 23:30 Uhr (UTC)",
		"fr": "31 décembre 2026 à 23:30 (UTC)", "ja": "2026年12月31日 23:30 (UTC)",
	} {
		m, err := c.Code(recipient(t, language), Code{Code: sampleCode, Until: at, Asked: at})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(m.Text, want) != 2 {
			t.Errorf("%s: %q does not stand twice in\n%s", language, want, m.Text)
		}
	}
}

func TestLastReminderSaysSo(t *testing.T) {
	c := newComposer(t, nil)
	for _, last := range []bool{false, true} {
		m, err := c.Reminder(recipient(t), Reminder{RedeemURL: sampleRedeem, Last: last})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m.Text, "This is the last reminder.") != last {
			t.Errorf("last: %t, text\n%s", last, m.Text)
		}
	}
}

// The longest message that a row may have fits into what Gmail shows whole.
func TestLongestMailIsShownWhole(t *testing.T) {
	c := newComposer(t, func(s *branding.Style) { s.Organisation = strings.Repeat("株", maxName) })
	m, err := c.Invitation(recipient(t, "ja"), Invitation{RedeemURL: sampleRedeem, Message: strings.Repeat("'", policy.MaxMessage)})
	if err != nil {
		t.Fatal(err)
	}
	sound(t, m)
	if len(m.HTML) > 60_000 {
		t.Errorf("the HTML has %d bytes", len(m.HTML))
	}
}

func FuzzMails(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, text, sampleRedeem, text, "ar", int64(0))
		f.Add("Contoso", `{"de": "`+text+`"}`, "https://x.example/?a=1&b=+'", "https://y.example/", "de", int64(1<<40))
	}
	f.Fuzz(func(t *testing.T, organisation, message, redeem, redirect, language string, seconds int64) {
		style := SampleStyle()
		style.Organisation = organisation
		c, err := NewComposer(style, SampleOrigin)
		if err != nil {
			return
		}
		to := recipient(t, language)
		at := time.Unix(seconds%(1<<40), 0)
		code, err := c.Code(to, Code{Code: sampleCode, Until: at, Asked: at, FormLanguage: language})
		if err != nil {
			t.Fatal(err)
		}
		denial, err := c.Denial(to, Denial{Reason: message})
		if err != nil {
			t.Fatal(err)
		}
		mails := []request.Mail{code, denial}
		invitation, err := c.Invitation(to, Invitation{RedeemURL: redeem, Message: message, RedirectURL: redirect})
		if err == nil {
			mails = append(mails, invitation)
		}
		for _, m := range mails {
			sound(t, m)
		}
	})
}

// TestNoticeNamesNobody also looks at a mail whose partner is erased.
func TestNoticeNamesNobody(t *testing.T) {
	eachMail(t, func(t *testing.T, _ *Composer, kind request.MailKind, _ i18n.Language, m request.Mail) {
		if !kind.IsNotice() {
			return
		}
		p := read(t, m.HTML)
		if strings.Contains(m.Text+m.HTML, sampleAddress) || strings.Contains(m.Text+m.HTML, SampleOrigin) {
			t.Error("the notice has the address of the partner, or a link to the status page")
		}
		if len(p.links) != 1 || !strings.HasPrefix(p.links[0], sampleReviews) || strings.Contains(m.Subject, "fabrikam") {
			t.Errorf("the links are %q, the subject is %q", p.links, m.Subject)
		}
	})
	c := newComposer(t, nil)
	m, err := c.Notice(recipient(t, "en"), Notice{Kind: request.DecidedNotice, Number: "3C7K-Q2WX-94TM", Stage: 1, Stages: 1, Link: sampleReviews})
	if err != nil || strings.Contains(m.Text, "Domain") || strings.Contains(m.Text, "Stage") || strings.Contains(m.Text, "Policy row") {
		t.Errorf("of an erased request: %v\n%s", err, m.Text)
	}
}

func TestNoticeSaysHowLongIsLeft(t *testing.T) {
	c := newComposer(t, nil)
	for left, want := range map[time.Duration]string{
		10 * time.Minute: "(within the hour)", -time.Hour: "(within the hour)", time.Hour: "(in 1 hour)", 47 * time.Hour: "(in 47 hours)",
		48 * time.Hour: "(in 2 days)", 30*24*time.Hour - time.Minute: "(in 29 days)",
	} {
		m, err := c.Notice(recipient(t, "en"), Notice{
			Kind: request.AskedNotice, Stage: 1, Stages: 2, Now: sampleTime, Deadline: sampleTime.Add(left), Link: sampleReviews,
		})
		if err != nil || !strings.Contains(m.Text, want) || !strings.Contains(m.Text, "UTC") || !strings.Contains(m.Text, "Stage: 1 of 2") {
			t.Errorf("%s before the deadline: %v\n%s", left, err, m.Text)
		}
	}
}

func TestNoticeNeedsKindAndReviewPage(t *testing.T) {
	c := newComposer(t, nil)
	for name, notice := range map[string]Notice{
		"no kind":            {Link: sampleReviews},
		"the kind of a test": {Kind: request.TestNotice, Link: sampleReviews},
		"no page":            {Kind: request.AskedNotice},
		"a page without TLS": {Kind: request.AskedNotice, Link: "http://reviews.contoso.com/reviews"},
	} {
		_, err := c.Notice(recipient(t), notice)
		if err == nil {
			t.Errorf("%s: a notice was written", name)
		}
	}
	_, err := c.Digest(recipient(t), Digest{Waiting: 3})
	if err == nil {
		t.Error("a digest without a page was written")
	}
}
