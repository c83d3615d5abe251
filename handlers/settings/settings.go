package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The names of the settings.
const (
	StorageConnection = "AzureWebJobsStorage"
	StorageAccount    = "AzureWebJobsStorage__accountName"
	StorageTablesURL  = "AzureWebJobsStorage__tableServiceUri"
	ClientID          = "AZURE_CLIENT_ID"
	GraphURL          = "GUESTLIST_GRAPH_URL"
	GraphCredential   = "GUESTLIST_GRAPH_CREDENTIAL"
	Organisation      = "GUESTLIST_ORGANISATION"
	RedirectURL       = "GUESTLIST_REDIRECT_URL"
	IntentLease       = "GUESTLIST_INTENT_LEASE"
	DailyInvitations  = "GUESTLIST_DAILY_INVITATIONS"
	InvitationSpacing = "GUESTLIST_INVITATION_SPACING"
	RetentionDays     = "GUESTLIST_RETENTION_DAYS"
	UpkeepSchedule    = "GUESTLIST_UPKEEP_SCHEDULE"
	LogLevel          = "GUESTLIST_LOG_LEVEL"
)

// The ways to sign in to Graph.
const (
	ManagedIdentity = "managed-identity" // the app's user-assigned identity, named by AZURE_CLIENT_ID
	NoCredential    = "none"             // no token at all: only towards a stand-in on this machine
)

// Setting describes one setting for people.
type Setting struct {
	Name    string
	Default string
	Meaning string
}

// All returns every setting that the program reads, in the order in which a person wants to read them. The two further variables that it
// uses, FUNCTIONS_CUSTOMHANDLER_PORT and its older name, come from the Functions host and are nobody's to set.
func All() []Setting {
	return []Setting{
		{StorageAccount, "", "Name of the storage account, reached with the managed identity. In Azure, this or the next"},
		{StorageTablesURL, "", "Address of the table service, for private endpoints and national clouds; the host wants the queue and blob ones beside it"},
		{StorageConnection, "", "Connection string, for Azurite on a laptop only"},
		{ClientID, "", "Client id of the user-assigned managed identity"},
		{GraphCredential, ManagedIdentity, "`managed-identity`, or `none` towards a stand-in on the same machine"},
		{GraphURL, "https://graph.microsoft.com", "Scheme and host of Microsoft Graph; other in national clouds"},
		{Organisation, "our organisation", "The name of the inviting organisation, as partners read it"},
		{RedirectURL, "https://myapplications.microsoft.com", "Where guests land after they accept, unless the policy row says otherwise"},
		{IntentLease, "2m", "How long an invitation whose outcome is unknown is left alone before the directory is asked; 2s to 1h"},
		{DailyInvitations, "80", "The most invitations in a day (UTC), by all instances together; 0 is no limit. Microsoft blocks tenants that suddenly invite many"},
		{InvitationSpacing, "1s", "The least time between two invitations; 0s to 10m"},
		{RetentionDays, "90", "How many days after a request is finished its personal data is erased; the decision stays. 0 keeps it for ever"},
		{UpkeepSchedule, "0 * * * * *", "When waiting requests are looked at: six fields, seconds first, UTC. Read by the Functions host; it must be set"},
		{LogLevel, "info", "`debug`, `info`, `warn` or `error`"},
	}
}

// Settings is what the environment says, checked.
type Settings struct {
	// Exactly one of StorageConnection and TablesURL is set.
	StorageConnection string
	TablesURL         string
	ClientID          string // set whenever an identity is used
	GraphURL          string // scheme and host
	GraphCredential   string // ManagedIdentity or NoCredential
	Organisation      string
	RedirectURL       string
	IntentLease       time.Duration
	DailyInvitations  int // 0 is no limit
	InvitationSpacing time.Duration
	Retention         time.Duration // whole days; 0 is for ever
	LogLevel          slog.Level
}

const (
	minIntentLease = 2 * time.Second
	maxIntentLease = time.Hour
	// maxSpacing keeps a typing error such as 10h from stopping everything in silence.
	maxSpacing = 10 * time.Minute
	// maxRetentionDays is ten years.
	maxRetentionDays = 3650
)

// Read returns the settings, or one error that tells every fault. No error repeats a connection string.
func Read(getenv func(string) string) (Settings, error) {
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s %s", name, fmt.Sprintf(format, args...)))
	}
	get := func(name string) string {
		value := strings.TrimSpace(getenv(name))
		if value != "" {
			return value
		}
		for _, setting := range All() {
			if setting.Name == name {
				return setting.Default
			}
		}
		return ""
	}

	s := Settings{
		StorageConnection: get(StorageConnection),
		TablesURL:         get(StorageTablesURL),
		ClientID:          get(ClientID),
		GraphURL:          strings.TrimSuffix(get(GraphURL), "/"),
		GraphCredential:   get(GraphCredential),
		Organisation:      get(Organisation),
		RedirectURL:       get(RedirectURL),
	}

	account := get(StorageAccount)
	switch {
	case s.StorageConnection != "" && (s.TablesURL != "" || account != ""):
		fault(StorageConnection, "and %s or %s are both set; in Azure leave the connection string out, on a laptop leave the others out", StorageAccount, StorageTablesURL)
	case s.StorageConnection != "" || s.TablesURL != "":
	case account != "":
		s.TablesURL = "https://" + account + ".table.core.windows.net"
	default:
		fault(StorageAccount, "is not set; set it to the storage account's name (on a laptop set %s to a connection string)", StorageConnection)
	}
	if s.TablesURL != "" && !isHTTPS(s.TablesURL) {
		fault(StorageTablesURL, "is no https address; it looks like https://NAME.table.core.windows.net")
	}

	graph, err := url.Parse(s.GraphURL)
	graphFine := err == nil && graph.Host != "" && graph.User == nil && graph.Path == "" && graph.RawQuery == "" && graph.Fragment == ""
	switch {
	case !graphFine:
		fault(GraphURL, "must be a scheme and a host and nothing else, such as https://graph.microsoft.com")
	case s.GraphCredential == NoCredential && !isLoopback(graph.Hostname()):
		fault(GraphCredential, "is %q, which is for a stand-in on 127.0.0.1 only; set it to %q", NoCredential, ManagedIdentity)
	case s.GraphCredential == ManagedIdentity && graph.Scheme != "https":
		fault(GraphURL, "must be https: a token must not travel in the clear")
	case s.GraphCredential != NoCredential && s.GraphCredential != ManagedIdentity:
		fault(GraphCredential, "must be %q or %q", ManagedIdentity, NoCredential)
	}
	if s.ClientID == "" && (s.TablesURL != "" || s.GraphCredential == ManagedIdentity) {
		fault(ClientID, "is not set; set it to the client id of the user-assigned managed identity")
	}

	if !isHTTPS(s.RedirectURL) {
		fault(RedirectURL, "must be an https address")
	}
	s.IntentLease, err = time.ParseDuration(get(IntentLease))
	if err != nil || s.IntentLease < minIntentLease || s.IntentLease > maxIntentLease {
		fault(IntentLease, "must be a duration from %s to %s, such as 2m", minIntentLease, maxIntentLease)
	}
	s.DailyInvitations, err = strconv.Atoi(get(DailyInvitations))
	if err != nil || s.DailyInvitations < 0 {
		fault(DailyInvitations, "must be a whole number such as 80, or 0 for no limit")
	}
	s.InvitationSpacing, err = time.ParseDuration(get(InvitationSpacing))
	if err != nil || s.InvitationSpacing < 0 || s.InvitationSpacing > maxSpacing {
		fault(InvitationSpacing, "must be a duration from 0s to %s, such as 1s", maxSpacing)
	}
	days, err := strconv.Atoi(get(RetentionDays))
	if err != nil || days < 0 || days > maxRetentionDays {
		fault(RetentionDays, "must be a whole number of days up to %d, such as 90, or 0 to keep personal data for ever", maxRetentionDays)
	}
	s.Retention = time.Duration(days) * 24 * time.Hour
	err = s.LogLevel.UnmarshalText([]byte(get(LogLevel)))
	if err != nil {
		fault(LogLevel, "must be debug, info, warn or error")
	}

	if len(faults) > 0 {
		return Settings{}, fmt.Errorf("the settings need another look:\n%w", errors.Join(faults...))
	}
	return s, nil
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
