package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/channels"
	"guestlist/handlers/branding"
	"guestlist/handlers/settings"
	"guestlist/handlers/web/guard"
)

const (
	keyOne = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"
	keyTwo = "Jh2v9QeX7sKd4NwLz0RfTyBu6MgCp1Ao"
)

// read reads the settings of a deployment, and of the pages, after the changes.
func read(form bool, changes ...string) (Config, error) {
	env := map[string]string{settings.StorageAccount: "guestlist", settings.ClientID: "11111111-1111-1111-1111-111111111111"}
	for i := 0; i < len(changes); i += 2 {
		env[changes[i]] = changes[i+1]
	}
	c := Config{Form: form}
	_, err := settings.Read(func(name string) string { return env[name] }, c.Read)
	return c, err
}

func TestDefaults(t *testing.T) {
	c, err := read(false)
	if err != nil {
		t.Fatal(err)
	}
	if c.Style.Organisation != "our organisation" || c.Style.Accent.Light.String() != "#17567f" || c.Fields.Of("company") != branding.Required ||
		c.Mail.Broken("mailinator.com") == "" || c.Mail.Broken("gmail.com") != "" || c.DetailedStatus {
		t.Errorf("got %+v", c)
	}
	want := guard.Config{FormWait: 3 * time.Second, FormLifetime: 12 * time.Hour, Limit: guard.Limit{Burst: 30, Every: 20 * time.Second}}
	if diff := cmp.Diff(want, c.Guards); diff != "" {
		t.Errorf("guards (-want +got):\n%s", diff)
	}
	for _, setting := range settings.All() {
		if setting.Name == settings.Fields && setting.Default != branding.DefaultFields {
			t.Errorf("the default of %s is %q, and package branding starts from %q", setting.Name, setting.Default, branding.DefaultFields)
		}
	}
}

func TestGuards(t *testing.T) {
	c, err := read(true,
		settings.FormKeys, keyOne+"\n "+keyTwo, settings.FormWait, "0s", settings.FormLifetime, "24h",
		settings.PublicOrigins, "https://join.contoso.com,https://www.contoso.com:8443", settings.JSONOrigins, "https://www.fabrikam.com", settings.JSONKeys, keyTwo,
		settings.ClientPosts, "6/1m", settings.Proxies, "1",
		settings.Captcha, "friendlycaptcha", settings.CaptchaSiteKey, "FCMST5VUMCBOCGQ9", settings.CaptchaSecret, "api-key", settings.CaptchaURL, "https://eu.frcapi.com/",
	)
	if err != nil {
		t.Fatal(err)
	}
	want := guard.Config{
		FormKeys: []string{keyOne, keyTwo}, FormLifetime: 24 * time.Hour, PublicOrigins: []string{"https://join.contoso.com", "https://www.contoso.com:8443"},
		JSONOrigins: []string{"https://www.fabrikam.com"}, JSONKeys: []string{keyTwo}, Limit: guard.Limit{Burst: 6, Every: 10 * time.Second}, Proxies: 1,
		Captcha: guard.Captcha{
			Provider: "friendlycaptcha", SiteKey: "FCMST5VUMCBOCGQ9", Secret: "api-key", URL: "https://eu.frcapi.com",
			Hosts: []string{"join.contoso.com", "www.contoso.com", "www.fabrikam.com"},
		},
	}
	if diff := cmp.Diff(want, c.Guards); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	c, err = read(false, settings.ClientPosts, "off")
	if err != nil || c.Guards.Limit != (guard.Limit{}) {
		t.Errorf("without a limit: %+v, %v", c.Guards, err)
	}
}

// The host of a request is a proxy's choice, so only a setting tells where a captcha may be solved.
func TestCaptchaWithoutHostNameOfFormIsDoubtful(t *testing.T) {
	for _, provider := range guard.Providers() {
		for _, origin := range []string{"", "https://join.contoso.com"} {
			env := map[string]string{
				settings.StorageAccount: "guestlist", settings.ClientID: someGUID, settings.FormKeys: keyOne,
				settings.Captcha: provider, settings.CaptchaSiteKey: "x", settings.CaptchaSecret: "secret-of-ours",
				settings.PublicOrigins: origin, settings.JSONOrigins: "https://www.fabrikam.com",
			}
			c := Config{Form: true}
			s, err := settings.Read(func(name string) string { return env[name] }, c.Read)
			if err != nil {
				t.Fatal(err)
			}
			warned := slices.ContainsFunc(s.Warnings(), func(warning string) bool {
				return strings.HasPrefix(warning, settings.PublicOrigins+" is not set") && strings.Contains(warning, "captcha")
			})
			if want := origin == "" && provider != guard.FriendlyCaptcha; warned != want {
				t.Errorf("%s at %q: warned %t, want %t: %q", provider, origin, warned, want, s.Warnings())
			}
			var hosts []string // without the form's own, the form could not be sent
			if origin != "" {
				hosts = []string{"join.contoso.com", "www.fabrikam.com"}
			}
			if diff := cmp.Diff(hosts, c.Guards.Captcha.Hosts); diff != "" {
				t.Errorf("%s at %q: hosts (-want +got):\n%s", provider, origin, diff)
			}
		}
	}
}

func TestFaultsNameSettingAndCure(t *testing.T) {
	for name, test := range map[string]struct {
		changes []string
		says    []string
	}{
		"accent that can't be read":       {[]string{settings.Accent, "#ffcc00"}, []string{settings.Accent, "4.5", "#"}},
		"accent that is none":             {[]string{settings.Accent, "blue"}, []string{settings.Accent, "#17567f"}},
		"dark accent on a dark ground":    {[]string{settings.AccentDark, "#17567f"}, []string{settings.AccentDark, "dark", "4.5"}},
		"logo from elsewhere":             {[]string{settings.Logo, "https://cdn.example.com/logo.svg"}, []string{settings.Logo, "own origin"}},
		"contact that is none":            {[]string{settings.Contact, "ask Bob"}, []string{settings.Contact, "e-mail"}},
		"privacy notice in the clear":     {[]string{settings.PrivacyURL, "http://example.com"}, []string{settings.PrivacyURL, "https"}},
		"terms without a version":         {[]string{settings.TermsURL, "https://example.com/terms"}, []string{settings.TermsVersion, "2026-11"}},
		"a version without terms":         {[]string{settings.TermsVersion, "1"}, []string{settings.TermsURL, "https"}},
		"introduction in no JSON":         {[]string{settings.Intro, "{en: Hello}"}, []string{settings.Intro, "JSON"}},
		"field that can't be chosen":      {[]string{settings.Fields, "email=hidden"}, []string{settings.Fields, "company"}},
		"free mail in other words":        {[]string{settings.FreeMail, "no"}, []string{settings.FreeMail, "refuse"}},
		"throw-away mail in other words":  {[]string{settings.DisposableMail, "no"}, []string{settings.DisposableMail, "refuse"}},
		"mail domain without a sign":      {[]string{settings.MailDomains, "gmx.de"}, []string{settings.MailDomains, "+gmx.de"}},
		"status page with a path":         {[]string{settings.StatusOrigin, "https://status.contoso.com/signup"}, []string{settings.StatusOrigin, "without a path"}},
		"form in the clear":               {[]string{settings.FormOrigin, "http://join.contoso.com"}, []string{settings.FormOrigin, "https"}},
		"guests in other words":           {[]string{settings.SignInGuests, "yes"}, []string{settings.SignInGuests, "accept"}},
		"a tenant by name":                {[]string{settings.SignInTenant, "contoso.com", settings.SignInClientID, someGUID, settings.ReviewOrigin, "https://reviews.contoso.com"}, []string{settings.SignInTenant, "1111"}},
		"sign-in without an origin":       {[]string{settings.SignInTenant, someGUID, settings.SignInClientID, someGUID}, []string{settings.ReviewOrigin, "all of"}},
		"sign-in to no registration":      {[]string{settings.SignInTenant, someGUID, settings.ReviewOrigin, "https://reviews.contoso.com"}, []string{settings.SignInClientID}},
		"reviews of no tenant":            {[]string{settings.ReviewOrigin, "https://reviews.contoso.com"}, []string{settings.SignInTenant, settings.SignInClientID}},
		"reviews with a path":             {[]string{settings.ReviewOrigin, "https://reviews.contoso.com/reviews"}, []string{settings.ReviewOrigin, "without a path"}},
		"sign-in in the clear":            {[]string{settings.SignInURL, "http://login.microsoftonline.com"}, []string{settings.SignInURL, "https"}},
		"sign-in with a path":             {[]string{settings.SignInURL, "https://login.microsoftonline.com/common"}, []string{settings.SignInURL, "https"}},
		"status page in other words":      {[]string{settings.StatusPage, "all"}, []string{settings.StatusPage, "detailed"}},
		"a short form key":                {[]string{settings.FormKeys, keyOne + " " + keyTwo[:31]}, []string{settings.FormKeys, "31 characters in key 2", "openssl"}},
		"a placeholder":                   {[]string{settings.FormKeys, strings.Repeat("change-me", 4)}, []string{settings.FormKeys, "guess"}},
		"a key twice":                     {[]string{settings.JSONKeys, keyOne + "," + keyOne}, []string{settings.JSONKeys, "key 2 twice"}},
		"a key that is a book":            {[]string{settings.JSONKeys, strings.Repeat(keyOne, 20)}, []string{settings.JSONKeys, "640 characters"}},
		"too many keys":                   {[]string{settings.JSONKeys, strings.Repeat(keyOne+" ", 11)}, []string{settings.JSONKeys, "11 keys"}},
		"a wait too long":                 {[]string{settings.FormWait, "10m"}, []string{settings.FormWait, "1m0s"}},
		"a life too long":                 {[]string{settings.FormLifetime, "97h"}, []string{settings.FormLifetime, "96h"}},
		"a life too short":                {[]string{settings.FormLifetime, "1m"}, []string{settings.FormLifetime, "10m"}},
		"an origin with a path":           {[]string{settings.PublicOrigins, "https://join.contoso.com/signup"}, []string{settings.PublicOrigins, "/signup", "without a path"}},
		"any site":                        {[]string{settings.JSONOrigins, "*"}, []string{settings.JSONOrigins, "scheme and a host"}},
		"posts without a time":            {[]string{settings.ClientPosts, "30"}, []string{settings.ClientPosts, "30/10m"}},
		"no posts":                        {[]string{settings.ClientPosts, "0/10m"}, []string{settings.ClientPosts, "off"}},
		"posts in no time":                {[]string{settings.ClientPosts, "5/0s"}, []string{settings.ClientPosts}},
		"proxies below zero":              {[]string{settings.Proxies, "-1"}, []string{settings.Proxies, "0 to 5"}},
		"an unknown captcha":              {[]string{settings.Captcha, "recaptcha", settings.CaptchaSiteKey, "x", settings.CaptchaSecret, "y"}, []string{settings.Captcha, "turnstile"}},
		"a captcha without keys":          {[]string{settings.Captcha, "turnstile"}, []string{settings.CaptchaSiteKey, settings.CaptchaSecret}},
		"a captcha in the clear":          {[]string{settings.Captcha, "turnstile", settings.CaptchaSiteKey, "x", settings.CaptchaSecret, "secret-of-ours", settings.CaptchaURL, "http://challenges.cloudflare.com"}, []string{settings.CaptchaURL, "https"}},
		"a captcha's address with a path": {[]string{settings.Captcha, "turnstile", settings.CaptchaSiteKey, "x", settings.CaptchaSecret, "y", settings.CaptchaURL, "https://a.example/x"}, []string{settings.CaptchaURL}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(false, test.changes...)
			if err == nil {
				t.Fatal("no fault was found")
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the fault lacks %q: %v", part, err)
				}
			}
			for _, secret := range []string{keyOne, keyTwo[:31], "change-mechange-me", "secret-of-ours"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the fault repeats a secret: %v", err)
				}
			}
		})
	}
}

// An app without the form has no right to the keys and must start without them; the app with the
// form must not.
func TestOnlyAppWithFormNeedsKeys(t *testing.T) {
	for name, test := range map[string]struct {
		changes []string
		says    string
	}{
		"not set": {nil, settings.FormKeys + " is not set"},
		"a reference that was not replaced": {
			[]string{settings.FormKeys, "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/form-signing-key)"}, settings.FormKeys + " is a reference",
		},
		"another reference that was not replaced": {
			[]string{settings.FormKeys, keyOne, settings.JSONKeys, "@Microsoft.KeyVault(VaultName=kv;SecretName=json-keys)"}, settings.JSONKeys + " is a reference",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(false, test.changes...)
			if err != nil {
				t.Fatalf("an app without the form does not start: %v", err)
			}
			_, err = read(true, test.changes...)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// App Service replaces a reference only where it is the whole value. In every other place it is a
// text that anybody can guess.
func TestReferenceIsNoKey(t *testing.T) {
	const vault = "@Microsoft.KeyVault(SecretUri=https://kv-guestlist.vault.azure.net/secrets/form-key)"
	for name, text := range map[string]string{
		"behind a new key":             keyOne + " " + vault,
		"in front of one":              vault + "," + keyOne,
		"between two":                  keyOne + " " + vault + " " + keyTwo,
		"two":                          vault + " " + vault,
		"in lower case":                strings.ToLower(vault),
		"in quotes":                    `"` + vault + `"`,
		"with spaces inside":           keyOne + " @Microsoft.KeyVault (VaultName=kv-guestlist; SecretName=form-signing-key-of-guestlist)",
		"of App Configuration":         keyOne + " @Microsoft.AppConfiguration(Endpoint=https://guestlist.azconfig.io;Key=form-signing-key)",
		"without its beginning":        keyOne + " KeyVault(SecretUri=https://kv-guestlist.vault.azure.net/secrets/form-key)",
		"the address of the secret":    keyOne + " https://kv-guestlist.vault.azure.net/secrets/form-signing-key",
		"the name of the secret":       keyOne + " SecretName=form-signing-key-of-guestlist",
		"a placeholder in braces":      keyOne + " {the-old-key-of-the-form-goes-here-1234}",
		"letters that only look ASCII": "КЕΥ" + keyOne,
	} {
		t.Run(name, func(t *testing.T) {
			for setting, changes := range map[string][]string{
				settings.FormKeys: {settings.FormKeys, text},
				settings.JSONKeys: {settings.FormKeys, keyOne, settings.JSONKeys, text},
			} {
				_, err := read(true, changes...)
				if err == nil || !strings.Contains(err.Error(), setting+" ") {
					t.Fatalf("%s: got %v", setting, err)
				}
				if strings.Contains(err.Error(), "is not set") || strings.Contains(err.Error(), keyOne) || strings.Contains(err.Error(), "form-key") {
					t.Errorf("%s: the fault repeats a part, or says that there is none: %v", setting, err)
				}
			}
		})
	}
	for _, text := range []string{keyOne + " " + vault, `"` + vault + `"`} {
		_, err := read(false, settings.FormKeys, text)
		if err == nil || !strings.Contains(err.Error(), "secret in the vault") {
			t.Errorf("an app without the form starts with a value that is never replaced: %v", err)
		}
		_, err = read(true, settings.FormKeys, keyOne, settings.Captcha, "turnstile", settings.CaptchaSiteKey, "x", settings.CaptchaSecret, text)
		if err == nil || !strings.Contains(err.Error(), settings.CaptchaSecret) {
			t.Errorf("the secret of the captcha: %v", err)
		}
	}
}

func TestGeneratedKeysAreTaken(t *testing.T) {
	for name, key := range map[string]string{
		"two GUIDs, as the template makes it": "8f14e45f-ceea-467f-a0e6-1d3b5c7a9e2080c8d3d2-5b0e-4f6a-9c1d-7e3f5a9b2c4d",
		"openssl rand -base64 48":             "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83v+SNFZ4mrze8BI0/niavN7wEjRWeJ",
		"base64 with padding":                 "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83v+SNFZ4k=",
		"base64url":                           "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83v-SNFZ4k_",
		"openssl rand -hex 32":                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	} {
		c, err := read(true, settings.FormKeys, key+" "+keyTwo, settings.JSONKeys, key)
		if err != nil || !slices.Equal(c.Guards.FormKeys, []string{key, keyTwo}) || !slices.Equal(c.Guards.JSONKeys, []string{key}) {
			t.Errorf("%s: %q, %v", name, c.Guards.FormKeys, err)
		}
	}
}

func TestStatusPageAloneUsesKeysOfForm(t *testing.T) {
	c, err := read(false, settings.FormKeys, keyOne)
	if err != nil || !slices.Equal(c.Guards.FormKeys, []string{keyOne}) {
		t.Errorf("keys %v, error %v", c.Guards.FormKeys, err)
	}
}

func TestSignIn(t *testing.T) {
	c, err := read(false)
	if err != nil || c.SignIn != (SignIn{URL: settings.PublicSignIn}) || c.SignIn.On() {
		t.Errorf("by default %+v, %v", c.SignIn, err)
	}
	c, err = read(false, settings.SignInTenant, strings.ToUpper(someGUID), settings.SignInClientID, someGUID,
		settings.ReviewOrigin, "https://reviews.contoso.com", settings.SignInURL, "https://login.microsoftonline.us/", settings.SignInGuests, "accept")
	want := SignIn{"https://login.microsoftonline.us", someGUID, someGUID, "https://reviews.contoso.com", true}
	if err != nil || c.SignIn != want || !c.SignIn.On() {
		t.Errorf("%+v, %v, want %+v", c.SignIn, err, want)
	}
}

func TestSignInOfNationalClouds(t *testing.T) {
	for graph, want := range map[string]string{
		"https://graph.microsoft.com": settings.PublicSignIn, "https://graph.microsoft.us/": "https://login.microsoftonline.us",
		"https://dod-graph.microsoft.us": "https://login.microsoftonline.us", "https://microsoftgraph.chinacloudapi.cn": "https://login.partner.microsoftonline.cn",
	} {
		c, err := read(false, settings.GraphURL, graph)
		if err != nil || c.SignIn.URL != want {
			t.Errorf("%s: %q, %v", graph, c.SignIn.URL, err)
		}
	}
}

const someGUID = "aaaaaaaa-0000-4000-8000-00000000000a"

func TestEverySettingIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	_, err := settings.Read(func(name string) string { seen[name] = true; return "" }, new(Config).Read, new(channels.Config).Read)
	if err == nil {
		t.Fatal("an empty environment was accepted")
	}
	for _, setting := range settings.All() {
		if setting.Meaning == "" {
			t.Errorf("%s has no meaning", setting.Name)
		}
		// Only the host reads the schedule, from function.json.
		if !seen[setting.Name] && setting.Name != settings.UpkeepSchedule {
			t.Errorf("%s is described and not read", setting.Name)
		}
		delete(seen, setting.Name)
	}
	for name := range seen {
		t.Errorf("%s is read and not described", name)
	}
}
