package settings

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/web/captcha"
)

const (
	keyOne = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"
	keyTwo = "Jh2v9QeX7sKd4NwLz0RfTyBu6MgCp1Ao"
)

func TestGuardsAsTheyAreSet(t *testing.T) {
	s, err := read(azure,
		FormKeys, keyOne+"\n "+keyTwo, FormWait, "0s", FormLifetime, "24h",
		PublicOrigins, "https://join.contoso.com,https://www.contoso.com:8443", JSONOrigins, "https://www.fabrikam.com", JSONKeys, keyTwo,
		ClientPosts, "6/1m", Proxies, "1",
		Challenge, "friendlycaptcha", ChallengeSiteKey, "FCMST5VUMCBOCGQ9", ChallengeSecret, "api-key", ChallengeURL, "https://eu.frcapi.com/",
	)
	if err != nil {
		t.Fatal(err)
	}
	want := Guards{
		FormKeys: []string{keyOne, keyTwo}, FormLifetime: 24 * time.Hour, PublicOrigins: []string{"https://join.contoso.com", "https://www.contoso.com:8443"},
		JSONOrigins: []string{"https://www.fabrikam.com"}, JSONKeys: []string{keyTwo}, Burst: 6, Every: 10 * time.Second, Proxies: 1,
		Challenge: captcha.Config{
			Provider: "friendlycaptcha", SiteKey: "FCMST5VUMCBOCGQ9", Secret: "api-key", URL: "https://eu.frcapi.com",
			Hosts: []string{"join.contoso.com", "www.contoso.com"},
		},
	}
	if diff := cmp.Diff(want, s.Guards, cmp.AllowUnexported(Guards{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if err := s.Guards.NeedForm(); err != nil {
		t.Error(err)
	}
	s, err = read(azure, ClientPosts, "off")
	if err != nil || s.Guards.Burst != 0 {
		t.Errorf("without a brake: %+v, %v", s.Guards, err)
	}
}

func TestFaultsOfGuards(t *testing.T) {
	for name, test := range map[string]struct {
		changes []string
		says    []string
	}{
		"a short form key":                  {[]string{FormKeys, keyOne + " " + keyTwo[:31]}, []string{FormKeys, "31 characters in key 2", "openssl"}},
		"a placeholder":                     {[]string{FormKeys, strings.Repeat("change-me", 4)}, []string{FormKeys, "guess"}},
		"a key twice":                       {[]string{JSONKeys, keyOne + "," + keyOne}, []string{JSONKeys, "key 2 twice"}},
		"a key that is a book":              {[]string{JSONKeys, strings.Repeat(keyOne, 20)}, []string{JSONKeys, "640 characters"}},
		"too many keys":                     {[]string{JSONKeys, strings.Repeat(keyOne+" ", 11)}, []string{JSONKeys, "11 keys"}},
		"a wait too long":                   {[]string{FormWait, "10m"}, []string{FormWait, "1m0s"}},
		"a life too long":                   {[]string{FormLifetime, "97h"}, []string{FormLifetime, "96h"}},
		"a life too short":                  {[]string{FormLifetime, "1m"}, []string{FormLifetime, "10m"}},
		"an origin with a path":             {[]string{PublicOrigins, "https://join.contoso.com/signup"}, []string{PublicOrigins, "/signup", "without a path"}},
		"any site":                          {[]string{JSONOrigins, "*"}, []string{JSONOrigins, "scheme and a host"}},
		"posts without a time":              {[]string{ClientPosts, "30"}, []string{ClientPosts, "30/10m"}},
		"no posts":                          {[]string{ClientPosts, "0/10m"}, []string{ClientPosts, "off"}},
		"posts in no time":                  {[]string{ClientPosts, "5/0s"}, []string{ClientPosts}},
		"proxies below zero":                {[]string{Proxies, "-1"}, []string{Proxies, "0 to 5"}},
		"an unknown challenge":              {[]string{Challenge, "recaptcha", ChallengeSiteKey, "x", ChallengeSecret, "y"}, []string{Challenge, "turnstile"}},
		"a challenge without keys":          {[]string{Challenge, "turnstile"}, []string{ChallengeSiteKey, ChallengeSecret}},
		"a challenge in the clear":          {[]string{Challenge, "turnstile", ChallengeSiteKey, "x", ChallengeSecret, "secret-of-ours", ChallengeURL, "http://challenges.cloudflare.com"}, []string{ChallengeURL, "https"}},
		"a challenge's address with a path": {[]string{Challenge, "turnstile", ChallengeSiteKey, "x", ChallengeSecret, "y", ChallengeURL, "https://a.example/x"}, []string{ChallengeURL}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(azure, test.changes...)
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

// An app that serves no form has no right to its key, and must start without; the one that serves it must not.
func TestWhoServesTheFormNeedsItsKey(t *testing.T) {
	for name, test := range map[string]struct {
		changes []string
		says    string
	}{
		"not set": {nil, FormKeys + " is not set"},
		"a reference that was not replaced": {
			[]string{FormKeys, "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/form-signing-key)"}, FormKeys + " is a reference",
		},
		"another reference that was not replaced": {
			[]string{FormKeys, keyOne, JSONKeys, "@Microsoft.KeyVault(VaultName=kv;SecretName=json-keys)"}, JSONKeys + " is a reference",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := read(azure, test.changes...)
			if err != nil {
				t.Fatalf("an app without the form does not start: %v", err)
			}
			err = s.Guards.NeedForm()
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
