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

	"guestlist/handlers/branding"
	"guestlist/handlers/web/origin"
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
	Logo              = "GUESTLIST_LOGO"
	Accent            = "GUESTLIST_ACCENT"
	AccentDark        = "GUESTLIST_ACCENT_DARK"
	Contact           = "GUESTLIST_CONTACT"
	PrivacyURL        = "GUESTLIST_PRIVACY_URL"
	TermsURL          = "GUESTLIST_TERMS_URL"
	TermsVersion      = "GUESTLIST_TERMS_VERSION"
	Intro             = "GUESTLIST_INTRO"
	Fields            = "GUESTLIST_FIELDS"
	FreeMail          = "GUESTLIST_FREE_MAIL"
	DisposableMail    = "GUESTLIST_DISPOSABLE_MAIL"
	MailDomains       = "GUESTLIST_MAIL_DOMAINS"
	StatusPage        = "GUESTLIST_STATUS_PAGE"
	StatusOrigin      = "GUESTLIST_STATUS_ORIGIN"
	FormOrigin        = "GUESTLIST_FORM_ORIGIN"
	FormKeys          = "GUESTLIST_FORM_KEYS"
	FormWait          = "GUESTLIST_FORM_WAIT"
	FormLifetime      = "GUESTLIST_FORM_LIFETIME"
	PublicOrigins     = "GUESTLIST_PUBLIC_ORIGINS"
	JSONOrigins       = "GUESTLIST_JSON_ORIGINS"
	JSONKeys          = "GUESTLIST_JSON_KEYS"
	ClientPosts       = "GUESTLIST_CLIENT_POSTS"
	Proxies           = "GUESTLIST_PROXIES"
	Challenge         = "GUESTLIST_CHALLENGE"
	ChallengeSiteKey  = "GUESTLIST_CHALLENGE_SITE_KEY"
	ChallengeSecret   = "GUESTLIST_CHALLENGE_SECRET"
	ChallengeURL      = "GUESTLIST_CHALLENGE_URL"
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

// How much the status page tells whoever has its address.
const (
	DiscreetStatus = "discreet" // received, in work, finished: the same for everybody
	DetailedStatus = "detailed" // also whether a person decides, and what came of it
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
		{Logo, "", "The organisation's logo: a path on the pages' own origin such as `/logo.svg`, or a `data:` address of an SVG, PNG, JPEG or WebP image in base64, at most 3 KiB"},
		{Accent, "#17567f", "Colour of links and buttons. It needs a contrast of 4.5 to 1 on a light ground (WCAG 2.2 AA)"},
		{AccentDark, "", "The same on a dark ground; unset: a tint of the other"},
		{Contact, "", "Where partners can ask: an e-mail address or an https address. Unset: they are told to ask their contact person"},
		{PrivacyURL, "", "https address of the privacy notice"},
		{TermsURL, "", "https address of the terms of use. With it, partners must accept them"},
		{TermsVersion, "", "Version of the terms, such as `2026-11`, stored with each request. Change it together with the terms"},
		{Intro, "", "What the form opens with, for all languages; or by language, as JSON: `{\"en\": \"Welcome.\", \"de\": \"Willkommen.\"}`"},
		{Fields, branding.DefaultFields, "What the form asks for beside names and address, each `required`, `optional`, `linked` (shown if the link fills it in) or `hidden`"},
		{FreeMail, "accept", "`refuse` asks partners with an address at gmail.com and the like for the one at work"},
		{DisposableMail, "refuse", "`accept` takes addresses at services for throw-away mailboxes too"},
		{MailDomains, "", "Exceptions from the built-in lists of such services: `+gmx.de -example.com` takes addresses at the one and refuses those at the other"},
		{StatusPage, DiscreetStatus, "`detailed` lets the status page tell whether a person decides, and what came of it; whoever has its address has not proved to own the mailbox"},
		{StatusOrigin, "", "Scheme and host of the status page, such as `https://status.contoso.com`, where another app than the form's serves it"},
		{FormOrigin, "", "Scheme and host of the form, where another app than the status page's serves it"},
		{FormKeys, "", "Secret. The keys by which forms are signed, each of at least 32 characters, parted by spaces: the first signs, all count, so a new key is put in front. Needed where the form is served"},
		{FormWait, "3s", "The least time between opening the form and sending it; 0s to 1m"},
		{FormLifetime, "12h", "How long an open form may be sent; 10m to 96h. After that it is shown again with all entries"},
		{PublicOrigins, "", "Scheme and host under which partners reach the pages, such as `https://join.contoso.com`, where a proxy hides them from the app; several parted by spaces"},
		{JSONOrigins, "", "Sites whose pages may send sign-ups as JSON, such as `https://www.contoso.com`. A program can claim to be any site"},
		{JSONKeys, "", "Secret. Keys of programs that may send sign-ups as JSON, each of at least 32 characters, parted by spaces"},
		{ClientPosts, "30/10m", "How many forms one network address may send at once, and again in which time, to each instance; `off` is no limit"},
		{Proxies, "0", "How many proxies of yours stand before the app, such as 1 for Front Door, so that the client's address is read from the right place"},
		{Challenge, "none", "`turnstile`, `hcaptcha` or `friendlycaptcha` asks whether a person sends the form. It then needs JavaScript, and that service"},
		{ChallengeSiteKey, "", "The public site key that the service gave you"},
		{ChallengeSecret, "", "Secret. The secret key, or API key, that the service gave you"},
		{ChallengeURL, "", "Scheme and host of the service, where it is not the usual one, such as `https://eu.frcapi.com`"},
		{RedirectURL, "https://myapplications.microsoft.com", "Where guests land after they accept, unless the policy row says otherwise"},
		{IntentLease, "2m", "How long an invitation whose outcome is unknown is left alone before the directory is asked; 2s to 1h, and less than a minute only in tests"},
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
	Style             branding.Style
	Fields            branding.Fields
	Mail              branding.MailRules
	DetailedStatus    bool
	StatusOrigin      string // empty: the form's own
	FormOrigin        string // empty: the status page's own
	Guards            Guards
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

// Read returns the settings, or one error that tells every fault. No error repeats a secret.
func Read(getenv func(string) string) (Settings, error) {
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s %w", name, fmt.Errorf(format, args...)))
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

	s.Style = readStyle(get, fault)
	s.Fields, err = branding.ParseFields(get(Fields))
	if err != nil {
		fault(Fields, "%w", err)
	}
	refuseFree, err := branding.ParseRefusal(get(FreeMail))
	if err != nil {
		fault(FreeMail, "%w", err)
	}
	refuseDisposable, err := branding.ParseRefusal(get(DisposableMail))
	if err != nil {
		fault(DisposableMail, "%w", err)
	}
	exceptions, err := branding.ParseExceptions(get(MailDomains))
	if err != nil {
		fault(MailDomains, "%w", err)
	}
	s.Mail = branding.NewMailRules(refuseFree, refuseDisposable, exceptions)
	switch get(StatusPage) {
	case DiscreetStatus:
	case DetailedStatus:
		s.DetailedStatus = true
	default:
		fault(StatusPage, "must be %q or %q", DiscreetStatus, DetailedStatus)
	}
	s.StatusOrigin, s.FormOrigin = get(StatusOrigin), get(FormOrigin)
	for name, text := range map[string]string{StatusOrigin: s.StatusOrigin, FormOrigin: s.FormOrigin} {
		if text == "" {
			continue
		}
		err := origin.CheckOrigin(text)
		if err != nil {
			fault(name, "has %q, which %w", text, err)
		}
	}
	s.Guards = readGuards(get, fault)

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

// readStyle reads how the pages present the organisation.
func readStyle(get func(string) string, fault func(name, format string, args ...any)) branding.Style {
	style := branding.Style{
		Organisation: get(Organisation),
		PrivacyURL:   get(PrivacyURL),
		Terms:        branding.Terms{URL: get(TermsURL), Version: get(TermsVersion)},
	}
	var err error
	style.Accent.Light, err = branding.ParseLight(get(Accent))
	if err != nil {
		fault(Accent, "%w", err)
	}
	style.Accent.Dark, err = branding.ParseDark(get(AccentDark), style.Accent.Light)
	if err != nil {
		fault(AccentDark, "%w", err)
	}
	style.Logo, err = branding.ParseLogo(get(Logo))
	if err != nil {
		fault(Logo, "%w", err)
	}
	style.Contact, err = branding.ParseContact(get(Contact))
	if err != nil {
		fault(Contact, "%w", err)
	}
	style.Intro, err = branding.ParseIntro(get(Intro))
	if err != nil {
		fault(Intro, "%w", err)
	}
	if style.PrivacyURL != "" && !isHTTPS(style.PrivacyURL) {
		fault(PrivacyURL, "must be an https address")
	}
	switch terms := style.Terms; {
	case terms == (branding.Terms{}):
	case !isHTTPS(terms.URL):
		fault(TermsURL, "must be an https address where %s is set", TermsVersion)
	case !branding.ValidTerms(terms.Version):
		fault(TermsVersion, "must be 1 to 32 letters, digits and . _ -, such as 2026-11, so that it is known later what partners accepted")
	}
	return style
}

func isHTTPS(text string) bool { return branding.IsLink(text) }

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
