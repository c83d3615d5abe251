package settings

import (
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/branding"
)

// azure is what a deployment sets.
var azure = map[string]string{
	StorageAccount: "guestlist",
	ClientID:       "11111111-1111-1111-1111-111111111111",
}

// laptop is what the local run sets.
var laptop = map[string]string{
	StorageConnection: "UseDevelopmentStorage=true",
	GraphCredential:   NoCredential,
	GraphURL:          "http://127.0.0.1:7090",
}

func read(base map[string]string, changes ...string) (Settings, error) {
	env := maps.Clone(base)
	for i := 0; i < len(changes); i += 2 {
		env[changes[i]] = changes[i+1]
	}
	return Read(func(name string) string { return env[name] })
}

func TestTheTwoUsualEnvironmentsAreEnough(t *testing.T) {
	s, err := read(azure)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		TablesURL: "https://guestlist.table.core.windows.net", ClientID: azure[ClientID], GraphURL: "https://graph.microsoft.com",
		GraphCredential: ManagedIdentity, RedirectURL: "https://myapplications.microsoft.com",
		IntentLease: 2 * time.Minute, DailyInvitations: 80, InvitationSpacing: time.Second, Retention: 90 * 24 * time.Hour, LogLevel: slog.LevelInfo,
	}
	// What the pages look like and take is package house's affair.
	if s.Style.Organisation != "our organisation" || s.Style.Accent.Light.String() != "#17567f" || s.Fields.Company != branding.Required ||
		s.Mail.Broken("mailinator.com") == "" || s.Mail.Broken("gmail.com") != "" {
		t.Errorf("in Azure: style %+v, fields %+v", s.Style, s.Fields)
	}
	s.Style, s.Fields, s.Mail = branding.Style{}, branding.Fields{}, branding.MailRules{}
	guards := Guards{FormWait: 3 * time.Second, FormLifetime: 12 * time.Hour, Burst: 30, Every: 20 * time.Second}
	if !reflect.DeepEqual(s.Guards, guards) {
		t.Errorf("in Azure: guards %+v", s.Guards)
	}
	s.Guards = Guards{}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("in Azure:\n got %+v\nwant %+v", s, want)
	}

	s, err = read(laptop)
	if err != nil {
		t.Fatal(err)
	}
	if s.StorageConnection == "" || s.TablesURL != "" || s.GraphURL != "http://127.0.0.1:7090" {
		t.Errorf("on a laptop: %+v", s)
	}
}

func TestEachFaultNamesItsSettingAndTheCure(t *testing.T) {
	tests := map[string]struct {
		base    map[string]string
		changes []string
		want    []string
	}{
		"nothing is set":                  {nil, nil, []string{StorageAccount, ClientID}},
		"connection string beside a name": {azure, []string{StorageConnection, "x"}, []string{StorageConnection, "both"}},
		"tables by plain http":            {azure, []string{StorageTablesURL, "http://x.table.core.windows.net"}, []string{StorageTablesURL, "https"}},
		"no identity":                     {azure, []string{ClientID, " "}, []string{ClientID, "managed identity"}},
		"no credential towards Microsoft": {azure, []string{GraphCredential, NoCredential}, []string{GraphCredential, "127.0.0.1"}},
		"no credential towards a name":    {laptop, []string{GraphURL, "http://localhost.evil.example"}, []string{GraphCredential}},
		"a token in the clear":            {azure, []string{GraphURL, "http://graph.microsoft.com"}, []string{GraphURL, "https"}},
		"Graph's address with a path":     {azure, []string{GraphURL, "https://graph.microsoft.com/v1.0"}, []string{GraphURL}},
		"Graph's address with a user":     {azure, []string{GraphURL, "https://graph.microsoft.com@evil.example"}, []string{GraphURL}},
		"unknown credential":              {azure, []string{GraphCredential, "default"}, []string{GraphCredential, ManagedIdentity}},
		"accent that can't be read":       {azure, []string{Accent, "#ffcc00"}, []string{Accent, "4.5", "#"}},
		"accent that is none":             {azure, []string{Accent, "blue"}, []string{Accent, "#17567f"}},
		"dark accent on a dark ground":    {azure, []string{AccentDark, "#17567f"}, []string{AccentDark, "dark", "4.5"}},
		"logo from elsewhere":             {azure, []string{Logo, "https://cdn.example.com/logo.svg"}, []string{Logo, "own origin"}},
		"contact that is none":            {azure, []string{Contact, "ask Bob"}, []string{Contact, "e-mail"}},
		"privacy notice in the clear":     {azure, []string{PrivacyURL, "http://example.com"}, []string{PrivacyURL, "https"}},
		"terms without a version":         {azure, []string{TermsURL, "https://example.com/terms"}, []string{TermsVersion, "2026-11"}},
		"a version without terms":         {azure, []string{TermsVersion, "1"}, []string{TermsURL, "https"}},
		"introduction in no JSON":         {azure, []string{Intro, "{en: Hello}"}, []string{Intro, "JSON"}},
		"field that can't be chosen":      {azure, []string{Fields, "email=hidden"}, []string{Fields, "company"}},
		"free mail in other words":        {azure, []string{FreeMail, "no"}, []string{FreeMail, "refuse"}},
		"throw-away mail in other words":  {azure, []string{DisposableMail, "no"}, []string{DisposableMail, "refuse"}},
		"mail domain without a sign":      {azure, []string{MailDomains, "gmx.de"}, []string{MailDomains, "+gmx.de"}},
		"status page with a path":         {azure, []string{StatusOrigin, "https://status.contoso.com/signup"}, []string{StatusOrigin, "without a path"}},
		"form in the clear":               {azure, []string{FormOrigin, "http://join.contoso.com"}, []string{FormOrigin, "https"}},
		"status page in other words":      {azure, []string{StatusPage, "all"}, []string{StatusPage, "detailed"}},
		"redirect not https":              {azure, []string{RedirectURL, "http://example.com"}, []string{RedirectURL}},
		"lease without a unit":            {azure, []string{IntentLease, "120"}, []string{IntentLease, "2m"}},
		"lease too short":                 {azure, []string{IntentLease, "1s"}, []string{IntentLease}},
		"lease too long":                  {azure, []string{IntentLease, "25h"}, []string{IntentLease}},
		"negative budget":                 {azure, []string{DailyInvitations, "-1"}, []string{DailyInvitations, "80"}},
		"budget in words":                 {azure, []string{DailyInvitations, "many"}, []string{DailyInvitations}},
		"spacing too long":                {azure, []string{InvitationSpacing, "10h"}, []string{InvitationSpacing, "1s"}},
		"retention for ages":              {azure, []string{RetentionDays, "99999"}, []string{RetentionDays, "90"}},
		"retention with a unit":           {azure, []string{RetentionDays, "90d"}, []string{RetentionDays, "whole number"}},
		"unknown log level":               {azure, []string{LogLevel, "loud"}, []string{LogLevel}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.base == nil {
				test.base = map[string]string{}
			}
			_, err := read(test.base, test.changes...)
			if err == nil {
				t.Fatal("was accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
	}
}

func TestAFaultNeverRepeatsTheConnectionString(t *testing.T) {
	_, err := read(azure, StorageConnection, "AccountKey=c2VjcmV0")
	if err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
		t.Errorf("got %v", err)
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	_, err := Read(func(name string) string { seen[name] = true; return "" })
	if err == nil {
		t.Fatal("an empty environment was accepted")
	}
	for _, setting := range All() {
		if setting.Meaning == "" {
			t.Errorf("%s has no meaning", setting.Name)
		}
		// The host alone reads the schedule, out of function.json.
		if !seen[setting.Name] && setting.Name != UpkeepSchedule {
			t.Errorf("%s is described and not read", setting.Name)
		}
		delete(seen, setting.Name)
	}
	for name := range seen {
		t.Errorf("%s is read and not described", name)
	}
}
