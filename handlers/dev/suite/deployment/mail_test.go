package deployment

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/settings"
)

// The types of the resources for mails.
const (
	communicationServices = "Microsoft.Communication/communicationServices"
	emailServices         = "Microsoft.Communication/emailServices"
	mailDomains           = "Microsoft.Communication/emailServices/domains"
	senderUsernames       = "Microsoft.Communication/emailServices/domains/senderUsernames"
)

// mailLayout says what a layout does for the app's own mails.
type mailLayout struct {
	service    string // the setting of the worker
	url        string // "" for none, and a bracket for what only Azure knows
	sender     string // likewise
	status     string // the setting for where mails link to, with TOKEN for the end of names
	domain     string // the name of the domain; "" without resources
	management string // who manages it
	linked     bool
	sends      []string // resources for senders
	role       string   // of the worker's identity
	logs       []string
}

// mailLayouts are the layouts of infra/test by the name of their file.
var mailLayouts = map[string]mailLayout{
	"one":   {service: settings.NoMail},
	"split": {service: settings.NoMail}, "split-wide": {service: settings.NoMail},

	"one-reviews":   {service: settings.NoMail},
	"split-reviews": {service: settings.NoMail},
	// Mails link to the proxy in front of the pages.
	"one-full": {
		service: settings.ACSMail, url: "[", sender: "invitation@guests.wingtiptoys.example",
		domain: "guests.wingtiptoys.example", management: "CustomerManaged", linked: true, sends: []string{"invitation"},
		role: "Communication and Email Service Owner", logs: []string{"EmailSendMailOperational", "EmailStatusUpdateOperational"},
	},
	"split-full": {
		service: settings.ACSMail, url: "[", sender: "donotreply@guests.wingtiptoys.example",
		domain: "guests.wingtiptoys.example", management: "CustomerManaged", linked: true,
		status: "https://status.wingtiptoys.example",
		role:   "a role of the admin's", logs: []string{"EmailSendMailOperational"},
	},
	"one-trial": {
		service: settings.ACSMail, url: "[", sender: "[",
		domain: "AzureManagedDomain", management: "AzureManaged", linked: true,
		status: "https://func-guestlist-TOKEN.azurewebsites.net",
		role:   "Communication and Email Service Owner", logs: []string{"EmailSendMailOperational"},
	},
	"split-unverified": {
		service: settings.NoMail,
		domain:  "guests.wingtiptoys.example", management: "CustomerManaged",
		role: "Communication and Email Service Owner", logs: []string{"EmailSendMailOperational"},
	},
	"one-existing": {
		service: settings.ACSMail, url: "https://wingtiptoys.europe.communication.azure.com",
		sender: "invitation@guests.wingtiptoys.example", status: "https://join.wingtiptoys.example",
	},
	"split-mailbox": {
		service: settings.GraphMail, sender: "guests@wingtiptoys.example",
		status: "https://func-guestlist-status-TOKEN.azurewebsites.net",
	},
}

// wantMail returns what a layout of infra/test does for mails.
func wantMail(t *testing.T, s snapshot) mailLayout {
	t.Helper()
	want, known := mailLayouts[strings.TrimSuffix(filepath.Base(s.path), ".snapshot.json")]
	if !known {
		t.Fatalf("%s: mailLayouts does not say what it does for mails", s.path)
	}
	return want
}

// A domain that is not verified is not linked, and then the app sends nothing.
func TestMailResourcesAreThoseAskedFor(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		want := wantMail(t, s)
		var domain, services []string
		if want.domain != "" {
			domain = []string{want.domain}
			services = []string{"acs", "mail"}
		}
		var made []string
		for _, r := range append(s.all(communicationServices), s.all(emailServices)...) {
			name, _, _ := strings.Cut(r.Name, "-")
			made = append(made, name)
			if !strings.HasSuffix(r.Name, "-"+s.token) {
				t.Errorf("%s: %s has no name of its own", s.path, r.Name)
			}
			if r.Properties["dataLocation"] != "Europe" {
				t.Errorf("%s: %s keeps its data in %v", s.path, r.Name, r.Properties["dataLocation"])
			}
		}
		got := [][]string{made, s.names(mailDomains), s.names(senderUsernames)}
		if diff := cmp.Diff([][]string{services, domain, want.sends}, got); diff != "" {
			t.Errorf("%s: the resources differ (-want +template):\n%s", s.path, diff)
		}
		for _, r := range s.all(mailDomains) {
			if r.Properties["domainManagement"] != want.management || r.Properties["userEngagementTracking"] != "Disabled" {
				t.Errorf("%s: the domain is %v", s.path, r.Properties)
			}
		}
		for _, r := range s.all(communicationServices) {
			linked := r.Properties["linkedDomains"].([]any)
			var wanted []any
			if want.linked {
				wanted = []any{s.all(mailDomains)[0].ID}
			}
			if !slices.Equal(linked, wanted) {
				t.Errorf("%s: linked are %v, want %v", s.path, linked, wanted)
			}
		}
	}
}

// Only the worker sends. The status page has to know whether somebody sends codes, and neither it
// nor the form gets an address.
func TestOnlyTheWorkerGetsWhatSendsMails(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		want := wantMail(t, s)
		for _, app := range s.apps(t) {
			service, url, sender := want.service, want.url, want.sender
			switch app.name {
			case "form", "reviews":
				service, url, sender = settings.NoMail, "", ""
			case "status":
				url, sender = "", ""
			}
			if app.settings[settings.Mail] != service || !fits(app.settings[settings.MailURL], url) ||
				!fits(app.settings[settings.MailSender], sender) {
				t.Errorf("%s, %s: mails are sent by %q at %q from %q, want %q, %q and %q", s.path, app.name,
					app.settings[settings.Mail], app.settings[settings.MailURL], app.settings[settings.MailSender],
					service, url, sender)
			}
		}
	}
}

// fits reports whether a setting is the wanted one, where a bracket wants what only Azure knows.
func fits(value, want string) bool { return value == want || want == "[" && isExpression(value) }

// The addresses of partners are in the second log, which an admin has to ask for.
func TestLogOfMailsNamesNobodyUnlessAskedTo(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		var logs []string
		for _, r := range s.all("Microsoft.Insights/diagnosticSettings") {
			if !strings.Contains(r.ID, "/"+communicationServices+"/") {
				continue
			}
			for _, log := range r.Properties["logs"].([]any) {
				logs = append(logs, at(log, "category").(string))
			}
		}
		if want := wantMail(t, s).logs; !slices.Equal(logs, want) {
			t.Errorf("%s: the logs are %v, want %v", s.path, logs, want)
		}
	}
}

// The records are known only to Azure, so the output refers to the domain.
func TestRecordsOfOwnDomainAreOutputs(t *testing.T) {
	for _, s := range snapshots(t, testLayouts) {
		want := wantMail(t, s)
		own := want.management == "CustomerManaged"
		id, _ := s.Outputs["mailDomainId"].(string)
		if own != strings.HasSuffix(id, "/domains/"+want.domain) || !own && id != "" {
			t.Errorf("%s: the id of the domain is %q", s.path, id)
		}
		records, _ := s.Outputs["mailRecords"].(string)
		for _, proves := range []string{"'Domain'", "'SPF'", "'DKIM'", "'DKIM2'"} {
			if strings.Contains(records, proves) != own {
				t.Errorf("%s: whether the records have %s is %t", s.path, proves, !own)
			}
		}
	}
}
