package settings

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// azure is the least that a deployment sets.
var azure = map[string]string{
	StorageAccount: "guestlist",
	ClientID:       "11111111-1111-1111-1111-111111111111",
}

// laptop is the least that the local run sets.
var laptop = map[string]string{
	StorageConnection: "UseDevelopmentStorage=true",
	GraphCredential:   NoCredential,
	GraphURL:          "http://127.0.0.1:7090",
}

func readAll(base map[string]string, changes ...string) (Settings, error) {
	env := maps.Clone(base)
	for i := 0; i < len(changes); i += 2 {
		env[changes[i]] = changes[i+1]
	}
	return Read(func(name string) string { return env[name] })
}

func TestMinimalEnvironments(t *testing.T) {
	s, err := readAll(azure)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		TablesURL: "https://guestlist.table.core.windows.net", ClientID: azure[ClientID], GraphURL: "https://graph.microsoft.com",
		GraphCredential: ManagedIdentity, RedirectURL: "https://myapplications.microsoft.com",
		IntentLease: 2 * time.Minute, DailyInvitations: 80, DailyShare: 50, InvitationSpacing: time.Second, Retention: 90 * 24 * time.Hour, DecideDays: 30, LogLevel: slog.LevelInfo,
		Mail: NoMail, ProofLasts: 7 * 24 * time.Hour, notices: "asked escalated last-day decided expired",
	}
	if s != want {
		t.Errorf("in Azure:\n got %+v\nwant %+v", s, want)
	}

	s, err = readAll(laptop)
	if err != nil {
		t.Fatal(err)
	}
	if s.StorageConnection == "" || s.TablesURL != "" || s.GraphURL != "http://127.0.0.1:7090" {
		t.Errorf("on a laptop: %+v", s)
	}
}

func TestFaultsNameSettingAndCure(t *testing.T) {
	tests := map[string]struct {
		base    map[string]string
		changes []string
		want    []string
	}{
		"nothing is set": {nil, nil, []string{StorageTablesURL, StorageConnection, ClientID}},
		"a connection string and half an identity":    {azure, []string{StorageConnection, "x", ClientID, ""}, []string{StorageConnection, "both"}},
		"a table service and half an identity":        {laptop, []string{StorageTablesURL, "https://guestlist.table.core.windows.net"}, []string{StorageConnection, "both"}},
		"queues of one account and tables of another": {azure, []string{StorageTablesURL, "https://other.table.core.windows.net"}, []string{StorageAccount, StorageTablesURL, "accounts"}},
		"a client id alone":                           {map[string]string{ClientID: "1"}, nil, []string{StorageTablesURL}},
		"storage of the host alone":                   {laptop, []string{StorageConnection, "", HostStorage, "UseDevelopmentStorage=true"}, []string{StorageConnection, HostStorage}},
		"tables by plain http":                        {azure, []string{StorageTablesURL, "http://x.table.core.windows.net"}, []string{StorageTablesURL, "https"}},
		"no identity":                                 {azure, []string{ClientID, " "}, []string{ClientID, "managed identity"}},
		"no credential towards Microsoft":             {azure, []string{GraphCredential, NoCredential}, []string{GraphCredential, "127.0.0.1"}},
		"no credential towards a name":                {laptop, []string{GraphURL, "http://localhost.evil.example"}, []string{GraphCredential}},
		"a token in the clear":                        {azure, []string{GraphURL, "http://graph.microsoft.com"}, []string{GraphURL, "https"}},
		"Graph's address with a path":                 {azure, []string{GraphURL, "https://graph.microsoft.com/v1.0"}, []string{GraphURL}},
		"Graph's address with a user":                 {azure, []string{GraphURL, "https://graph.microsoft.com@evil.example"}, []string{GraphURL}},
		"unknown credential":                          {azure, []string{GraphCredential, "default"}, []string{GraphCredential, ManagedIdentity}},
		"a proof in other words":                      {azure, []string{Proof, "yes"}, []string{Proof, CodeProof, NoProof}},
		"a proof that counts for a year":              {azure, []string{ProofDays, "365"}, []string{ProofDays, "90"}},
		"no mails a minute": {azure, []string{Mail, GraphMail, MailSender, "guests@contoso.com", MailPerMinute, "0"},
			[]string{MailPerMinute, "30"}},
		"mails an hour in words": {azure, []string{Mail, GraphMail, MailSender, "guests@contoso.com", MailPerHour, "many"},
			[]string{MailPerHour, "100"}},
		"three reminders":               {azure, []string{Reminders, "1 2 3"}, []string{Reminders, "3 10"}},
		"reminders out of order":        {azure, []string{Reminders, "10 3"}, []string{Reminders, "ascending"}},
		"a reminder after half a year":  {azure, []string{Reminders, "180"}, []string{Reminders, "60"}},
		"a reminder at once":            {azure, []string{Reminders, "0"}, []string{Reminders}},
		"a reminder in words":           {azure, []string{Reminders, "soon"}, []string{Reminders}},
		"a notice of another kind":      {azure, []string{Notices, "asked,weekly"}, []string{Notices, "last-day"}},
		"no notices and some":           {azure, []string{Notices, "none asked"}, []string{Notices, NoNotices}},
		"reviewers by name":             {azure, []string{Reviewers, "Reviewers"}, []string{Reviewers, "1111"}},
		"reviewers in braces":           {azure, []string{Reviewers, "{11111111-1111-1111-1111-111111111111}"}, []string{Reviewers}},
		"operators by name":             {azure, []string{Operators, "Operators"}, []string{Operators, "1111"}},
		"redirect not https":            {azure, []string{RedirectURL, "http://example.com"}, []string{RedirectURL}},
		"lease without a unit":          {azure, []string{IntentLease, "120"}, []string{IntentLease, "2m"}},
		"lease too short":               {azure, []string{IntentLease, "1s"}, []string{IntentLease}},
		"lease too long":                {azure, []string{IntentLease, "25h"}, []string{IntentLease}},
		"negative budget":               {azure, []string{DailyInvitations, "-1"}, []string{DailyInvitations, "80"}},
		"share of nothing":              {azure, []string{DailyShare, "0"}, []string{DailyShare, "50"}},
		"share of more than all":        {azure, []string{DailyShare, "101"}, []string{DailyShare}},
		"budget in words":               {azure, []string{DailyInvitations, "many"}, []string{DailyInvitations}},
		"spacing too long":              {azure, []string{InvitationSpacing, "10h"}, []string{InvitationSpacing, "1s"}},
		"mail by carrier pigeon":        {azure, []string{Mail, "smtp"}, []string{Mail, ACSMail}},
		"mail from nobody":              {azure, []string{Mail, GraphMail}, []string{MailSender, "guests@"}},
		"mail from a name":              {azure, []string{Mail, GraphMail, MailSender, "Guests <a@b.example>"}, []string{MailSender, "without a name"}},
		"mail service without a URL":    {azure, []string{Mail, ACSMail, MailSender, "a@b.example"}, []string{MailURL, "communication"}},
		"mail service in the clear":     {azure, []string{Mail, ACSMail, MailSender, "a@b.example", MailURL, "http://x.communication.azure.com"}, []string{MailURL, "https"}},
		"mail service with a path":      {azure, []string{Mail, ACSMail, MailSender, "a@b.example", MailURL, "https://x.communication.azure.com/emails"}, []string{MailURL}},
		"mail service without identity": {laptop, []string{Mail, ACSMail, MailSender, "a@b.example", MailURL, "https://x.communication.azure.com"}, []string{ClientID, "mails"}},
		"retention for ages":            {azure, []string{RetentionDays, "99999"}, []string{RetentionDays, "90"}},
		"retention with a unit":         {azure, []string{RetentionDays, "90d"}, []string{RetentionDays, "whole number"}},
		"unknown log level":             {azure, []string{LogLevel, "loud"}, []string{LogLevel}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.base == nil {
				test.base = map[string]string{}
			}
			_, err := readAll(test.base, test.changes...)
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

// TestPagesNeedNoMailService: an app that only serves pages has no right to send mails.
func TestPagesNeedNoMailService(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"a service":           {Mail: ACSMail},
		"a mailbox":           {Mail: GraphMail},
		"a service, in whole": {Mail: ACSMail, MailURL: "https://x.communication.azure.com", MailSender: "a@b.example"},
		"what is not read":    {Mail: ACSMail, MailURL: "nowhere", MailSender: "nobody"},
	} {
		maps.Copy(env, azure)
		s, err := ReadPages(func(name string) string { return env[name] })
		if err != nil || s.Mail != env[Mail] || s.MailURL != "" || s.MailSender != "" {
			t.Errorf("%s: %q from %q at %q, %v", name, s.Mail, s.MailSender, s.MailURL, err)
		}
	}
	_, err := ReadPages(func(name string) string { return map[string]string{Mail: "smtp"}[name] })
	if err == nil || !strings.Contains(err.Error(), Mail) || !strings.Contains(err.Error(), StorageTablesURL) {
		t.Errorf("error %v does not name %s and %s", err, Mail, StorageTablesURL)
	}
}

// Tools put connection strings into the app settings of an app that uses its identity. They must
// not stop it.
func TestIdentityWinsOverConnectionString(t *testing.T) {
	const tables = "https://guestlist.table.core.windows.net"
	byURL := map[string]string{StorageTablesURL: tables, ClientID: azure[ClientID]}
	tests := map[string]struct {
		base    map[string]string
		changes []string
		warns   string
	}{
		"nothing beside an account's name": {azure, nil, ""},
		"nothing beside an address":        {byURL, nil, ""},
		"both names of one account":        {azure, []string{StorageTablesURL, tables + "/"}, ""},
		"beside an account's name":         {azure, []string{StorageConnection, "AccountKey=c2VjcmV0"}, StorageConnection},
		"beside an address":                {byURL, []string{StorageConnection, "AccountKey=c2VjcmV0"}, StorageConnection},
		"the host's":                       {byURL, []string{HostStorage, "AccountKey=c2VjcmV0"}, HostStorage},
		"the host's, beside a name":        {azure, []string{HostStorage, "UseDevelopmentStorage=true"}, HostStorage},
		"only white space":                 {azure, []string{StorageConnection, " ", HostStorage, " "}, ""},
	}
	for name, test := range tests {
		s, err := readAll(test.base, test.changes...)
		if err != nil || s.StorageConnection != "" || strings.TrimSuffix(s.TablesURL, "/") != tables {
			t.Errorf("%s: %q and %q, %v", name, s.StorageConnection, s.TablesURL, err)
		}
		warnings := strings.Join(s.Warnings(), "\n")
		if (warnings == "") != (test.warns == "") || !strings.HasPrefix(warnings, test.warns) || strings.Contains(warnings, "c2VjcmV0") {
			t.Errorf("%s: the warnings are %q, want one about %q", name, warnings, test.warns)
		}
	}
	s, err := readAll(laptop, HostStorage, "UseDevelopmentStorage=true")
	if err != nil || s.StorageConnection == "" || len(s.Warnings()) > 0 {
		t.Errorf("on a laptop: %q, warnings %q, %v", s.StorageConnection, s.Warnings(), err)
	}
}

func TestFaultDoesNotRepeatConnectionString(t *testing.T) {
	_, err := readAll(azure, StorageConnection, "AccountKey=c2VjcmV0", ClientID, "")
	if err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
		t.Errorf("got %v", err)
	}
}

func TestGroupsOfPeople(t *testing.T) {
	for text, want := range map[string]string{"": "", "AAAAAAAA-0000-4000-8000-00000000000A": "aaaaaaaa-0000-4000-8000-00000000000a"} {
		s, err := readAll(azure, Reviewers, text)
		if err != nil || s.Reviewers != want || s.Operators != "" {
			t.Errorf("reviewers %q: %q, %v", text, s.Reviewers, err)
		}
		s, err = readAll(azure, Operators, text)
		if err != nil || s.Operators != want || s.Reviewers != "" {
			t.Errorf("operators %q: %q, %v", text, s.Operators, err)
		}
	}
}

func TestOrigins(t *testing.T) {
	for _, good := range []string{"https://www.contoso.com", "https://contoso.com:8443", "http://localhost:3000", "http://127.0.0.1:7071", "https://xn--bcher-kva.example"} {
		if err := checkOrigin(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "*", "null", "contoso.com", "https://", "https://contoso.com/", "https://contoso.com/path", "http://contoso.com", "https://Contoso.com",
		"https://*.contoso.com", "https://user@contoso.com", "https://contoso.com,https://a.example", "https://contoso.com?x", "ftp://contoso.com",
		"https://contoso.com:443", "http://localhost.evil.example",
	} {
		if checkOrigin(bad) == nil {
			t.Errorf("%q is taken for an origin", bad)
		}
	}
}

func TestProofAndQuotaFollowMailer(t *testing.T) {
	tests := map[string]struct {
		changes      map[string]string
		proof        bool
		minute, hour int
	}{
		"no mails":                      {nil, false, 0, 0},
		"a sender of one's own":         {map[string]string{Mail: GraphMail, MailSender: "guests@contoso.com"}, true, 30, 100},
		"a sender that Azure manages":   {map[string]string{Mail: GraphMail, MailSender: "donotreply@1.azurecomm.net"}, true, 5, 10},
		"quotas that were raised":       {map[string]string{Mail: GraphMail, MailSender: "guests@contoso.com", MailPerMinute: "60", MailPerHour: "900"}, true, 60, 900},
		"only where the row says so":    {map[string]string{Mail: GraphMail, MailSender: "guests@contoso.com", Proof: NoProof}, false, 30, 100},
		"a proof and no mails: review":  {map[string]string{Proof: CodeProof}, true, 0, 0},
		"no mails, and no proof either": {map[string]string{Proof: NoProof}, false, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			values := maps.Clone(azure)
			maps.Copy(values, test.changes)
			s, err := readAll(values)
			if err != nil {
				t.Fatal(err)
			}
			if s.ProofByDefault != test.proof || s.MailPerMinute != test.minute || s.MailPerHour != test.hour {
				t.Errorf("proof %t, %d a minute, %d an hour", s.ProofByDefault, s.MailPerMinute, s.MailPerHour)
			}
		})
	}
}

func TestReminders(t *testing.T) {
	for text, want := range map[string][]time.Duration{
		"": nil, "3": {72 * time.Hour}, "3 10": {72 * time.Hour, 240 * time.Hour}, "3,10": {72 * time.Hour, 240 * time.Hour},
	} {
		values := maps.Clone(azure)
		values[Reminders] = text
		s, err := readAll(values)
		if err != nil || !slices.Equal(s.Reminders(), want) {
			t.Errorf("%q: %v, %v", text, s.Reminders(), err)
		}
	}
}

func TestNotices(t *testing.T) {
	for text, want := range map[string][]string{
		"": {"asked", "escalated", "last-day", "decided", "expired"}, "none": nil, "last-day": {"last-day"},
		"asked,reminder": {"asked", "reminder"}, "asked reminder": {"asked", "reminder"},
	} {
		values := maps.Clone(azure)
		values[Notices] = text
		s, err := readAll(values)
		if err != nil || !slices.Equal(s.Notices(), want) {
			t.Errorf("%q: %v, %v", text, s.Notices(), err)
		}
	}
}
