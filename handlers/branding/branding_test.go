package branding

import (
	"encoding/base64"
	"maps"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestReadableAccents(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"our own":      {"#17567f", "#17567f"},
		"capitals":     {"#17567F", "#17567f"},
		"three digits": {"#036", "#003366"},
		"black":        {"#000", "#000000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			light, err := ParseLight(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if light.String() != test.want {
				t.Errorf("got %s, want %s", light, test.want)
			}
			dark, err := ParseDark("", light)
			if err != nil {
				t.Fatal(err)
			}
			if contrast(dark, DarkGround) < goodContrast {
				t.Errorf("the tint %s has a contrast of %.2f", dark, contrast(dark, DarkGround))
			}
		})
	}
}

func TestRefusedAccents(t *testing.T) {
	tests := map[string]struct {
		parse func(string) (Colour, error)
		text  string
		says  []string
	}{
		"yellow on light":  {ParseLight, "#ffcc00", []string{"light", "contrast of 1.", "4.5", "would do"}},
		"grey on light":    {ParseLight, "#777777", []string{"light", "4.0", "4.5"}},
		"white on light":   {ParseLight, "#fff", []string{"light"}},
		"our own on dark":  {func(text string) (Colour, error) { return ParseDark(text, Colour{}) }, "#17567f", []string{"dark", "would do"}},
		"a name":           {ParseLight, "blue", []string{"#17567f"}},
		"without the hash": {ParseLight, "17567f", []string{"#17567f"}},
		"four digits":      {ParseLight, "#1756", []string{"#17567f"}},
		"with opacity":     {ParseLight, "#17567f80", []string{"#17567f"}},
		"no digits":        {ParseLight, "#17567g", []string{"#17567f"}},
		"a sign":           {ParseLight, "#+17567", []string{"#17567f"}},
		"a style sheet":    {ParseLight, "#000;}body{display:none", []string{"#17567f"}},
		"empty":            {ParseLight, "", []string{"#17567f"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.parse(test.text)
			if err == nil {
				t.Fatal("was accepted")
			}
			for _, want := range test.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

// WCAG's own examples of contrast: 21 for black on white, 4.54 for #767676 on white.
func TestContrast(t *testing.T) {
	white := Colour{255, 255, 255}
	tests := map[string]struct{ least, most float64 }{"#000000": {21, 21}, "#767676": {4.54, 4.55}, "#777777": {4.47, 4.48}, "#ffffff": {1, 1}}
	for text, want := range tests {
		colour, err := parseColour(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := contrast(colour, white); got < want.least-1e-9 || got > want.most+1e-9 {
			t.Errorf("%s on white: %.3f", text, got)
		}
	}
}

func TestProposedAccentIsAccepted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		colour := Colour{rapid.Uint8().Draw(t, "red"), rapid.Uint8().Draw(t, "green"), rapid.Uint8().Draw(t, "blue")}
		light, err := ParseLight(colour.String())
		if err != nil {
			light = shade(colour, LightGround, -1, leastContrast)
		}
		if _, err := ParseLight(light.String()); err != nil {
			t.Errorf("%s instead of %s: %v", light, colour, err)
		}
		dark, err := ParseDark("", light)
		if err != nil {
			t.Fatal(err)
		}
		over := Accent{light, dark}.Over()
		if contrast(over.Light, LightGround) < contrast(light, LightGround)-1e-9 || contrast(over.Dark, DarkGround) < contrast(dark, DarkGround)-1e-9 {
			t.Errorf("under the pointer %s and %s are read worse", light, dark)
		}
		// The text of a button is white in light, almost black in dark.
		if contrast(light, Colour{255, 255, 255}) < leastContrast || contrast(dark, Colour{0x0b, 0x1c, 0x29}) < leastContrast {
			t.Errorf("a button in %s or %s can't be read", light, dark)
		}
	})
}

func TestGroundsMatchStyleSheet(t *testing.T) {
	css, err := os.ReadFile("../web/site/frame/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, _ := strings.Cut(string(css), "prefers-color-scheme: dark")
	for _, want := range []struct{ part, text string }{
		{light, "--ground: " + LightGround.String()}, {light, "--on-accent: #ffffff"}, {dark, "--card: " + DarkGround.String()}, {dark, "--on-accent: #0b1c29"},
	} {
		if !strings.Contains(want.part, want.text) {
			t.Errorf("the style sheet lacks %s", want.text)
		}
	}
}

func data(media, content string) string {
	return "data:" + media + ";base64," + base64.StdEncoding.EncodeToString([]byte(content))
}

func TestLogos(t *testing.T) {
	const svg = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>`
	tests := map[string]struct{ text, source, says string }{
		"none":                 {"", "", ""},
		"a path":               {"/logo.svg", "'self'", ""},
		"a path below another": {"/brand/logo.png", "'self'", ""},
		"SVG":                  {data("image/svg+xml", svg), "data:", ""},
		"PNG":                  {data("image/png", "\x89PNG\r\n\x1a\nx"), "data:", ""},
		"JPEG":                 {data("image/jpeg", "\xff\xd8\xff\xe0"), "data:", ""},
		"WebP":                 {data("image/webp", "RIFF0000WEBPVP8 "), "data:", ""},
		"another host":         {"https://cdn.example.com/logo.svg", "", "own origin"},
		"a host in disguise":   {"//cdn.example.com/logo.svg", "", "own origin"},
		"a backslash":          {`/\cdn.example.com/logo.svg`, "", "own origin"},
		"a page of ours":       {"/signup/x", "", "not below /signup"},
		"a query":              {"/logo.svg?x=1", "", "without query"},
		"a script":             {"javascript:alert(1)", "", "data:"},
		"HTML":                 {data("text/html", "<script>alert(1)</script>"), "", "SVG, PNG"},
		"HTML as SVG":          {data("image/svg+xml", "<html></html>"), "", "something else"},
		"half an SVG":          {data("image/svg+xml", "<svg>"), "", "something else"},
		"text as PNG":          {data("image/png", "hello"), "", "something else"},
		"not in base64":        {"data:image/svg+xml;utf8,<svg/>", "", "base64"},
		"broken base64":        {"data:image/png;base64,%%%", "", "base64"},
		"too large":            {data("image/png", "\x89PNG\r\n\x1a\n"+strings.Repeat("x", maxLogo)), "", "at most"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			logo, err := ParseLogo(test.text)
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Fatalf("logo %+v, error %v, want one about %q", logo, err, test.says)
				}
				return
			}
			if err != nil || logo.URL != test.text || logo.Source != test.source {
				t.Errorf("logo %+v, error %v", logo, err)
			}
		})
	}
}

func TestContacts(t *testing.T) {
	tests := map[string]struct {
		want Contact
		fine bool
	}{
		"":                                {Contact{}, true},
		"Partners@Contoso.com":            {Contact{"partners@contoso.com", "mailto:partners@contoso.com"}, true},
		"https://contoso.com/help":        {Contact{"contoso.com/help", "https://contoso.com/help"}, true},
		"http://contoso.com/help":         {Contact{}, false},
		"javascript:alert(1)":             {Contact{}, false},
		"ask Bob":                         {Contact{}, false},
		"a@contoso.com?bcc=b@contoso.com": {Contact{}, false},
	}
	for text, test := range tests {
		got, err := ParseContact(text)
		if got != test.want || (err == nil) != test.fine {
			t.Errorf("%q: %+v, error %v", text, got, err)
		}
	}
}

func TestIntroductions(t *testing.T) {
	tests := map[string]struct {
		text   string
		en, de string
		says   string
	}{
		"none":                {"", "", "", ""},
		"one for all":         {"Welcome <partners>.", "Welcome <partners>.", "Welcome <partners>.", ""},
		"by language":         {`{"de": "Willkommen."}`, "", "Willkommen.", ""},
		"with one for others": {`{"": "Welcome.", "de": "Willkommen."}`, "Welcome.", "Willkommen.", ""},
		"broken JSON":         {`{"de": }`, "", "", "JSON"},
		"a list":              {`{"de": ["x"]}`, "", "", "JSON"},
		"unknown language":    {`{"tlh": "nuqneH"}`, "", "", "they have en, ar"},
		"an empty text":       {`{"de": " "}`, "", "", "empty"},
		"too long":            {strings.Repeat("x", 601), "", "", "600"},
		"a line break":        {"one\ntwo", "", "", "line break"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			intro, err := ParseIntro(test.text)
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %v, want one about %q", err, test.says)
				}
				return
			}
			if err != nil || intro.In("en") != test.en || intro.In("de") != test.de {
				t.Errorf("English %q, German %q, error %v", intro.In("en"), intro.In("de"), err)
			}
		})
	}
}

func TestFields(t *testing.T) {
	defaults := Fields{"company": Required, "country": Optional, "reason": Optional, "sponsor": Hidden, "inviteCode": Linked}
	changed := maps.Clone(defaults)
	changed["reason"], changed["sponsor"] = Required, Optional
	tests := map[string]struct {
		text string
		want Fields
		says string
	}{
		"none named":      {"", defaults, ""},
		"all as they are": {DefaultFields, defaults, ""},
		"two":             {"reason=required sponsor=optional", changed, ""},
		"with commas":     {"reason=required, sponsor=optional,", changed, ""},
		"a required one":  {"email=optional", Fields{}, "company, country"},
		"an unknown one":  {"phone=required", Fields{}, "can't be chosen"},
		"in other words":  {"reason=yes", Fields{}, "=required"},
		"without a value": {"reason", Fields{}, "=required"},
		"twice":           {"reason=required reason=hidden", Fields{}, "twice"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseFields(test.text)
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %v, want one about %q", err, test.says)
				}
				return
			}
			if err != nil || !maps.Equal(got, test.want) {
				t.Errorf("%+v, error %v", got, err)
			}
		})
	}
	if defaults.Of("email") != Required || defaults.Of("sponsor") != Hidden {
		t.Error("fields are not told apart by their names")
	}
}

func TestMailRules(t *testing.T) {
	exceptions, err := ParseExceptions("+gmx.de, +inbox.mailinator.com -throw.example.com -GMAIL.com")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		rules  MailRules
		domain string
		want   string
	}{
		"nothing refused":              {MailRules{}, "mailinator.com", ""},
		"no rules at all":              {MailRules{}, "mailinator.com", ""},
		"a company":                    {MailRules{RefuseFreeMail: true, RefuseDisposable: true}, "contoso.com", ""},
		"free mail":                    {MailRules{RefuseFreeMail: true, RefuseDisposable: true}, "gmail.com", "free-mail"},
		"free mail that may":           {MailRules{RefuseDisposable: true}, "gmail.com", ""},
		"below a free one":             {MailRules{RefuseFreeMail: true, RefuseDisposable: true}, "mail.gmail.com", ""},
		"disposable":                   {MailRules{RefuseDisposable: true}, "mailinator.com", "disposable"},
		"below a disposable one":       {MailRules{RefuseDisposable: true}, "x.y.mailinator.com", "disposable"},
		"disposable that may":          {MailRules{RefuseFreeMail: true}, "mailinator.com", ""},
		"a free one that is excepted":  {MailRules{RefuseFreeMail: true, RefuseDisposable: true, Exceptions: exceptions}, "gmx.de", ""},
		"one that the admin refuses":   {MailRules{Exceptions: exceptions}, "throw.example.com", "disposable"},
		"below it":                     {MailRules{Exceptions: exceptions}, "a.throw.example.com", "disposable"},
		"excepted below a disposable":  {MailRules{RefuseFreeMail: true, RefuseDisposable: true, Exceptions: exceptions}, "inbox.mailinator.com", ""},
		"refused whatever the setting": {MailRules{RefuseDisposable: true, Exceptions: exceptions}, "gmail.com", "disposable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.rules.Broken(test.domain); got != test.want {
				t.Errorf("%s breaks %q, want %q", test.domain, got, test.want)
			}
		})
	}
	for _, text := range []string{"gmx.de", "+", "+localhost", "*gmx.de", "+a@gmx.de"} {
		_, err := ParseExceptions(text)
		if err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
	if _, err := ParseRefusal("yes"); err == nil {
		t.Error(`"yes" was accepted`)
	}
}
