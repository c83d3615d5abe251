package settings

import "strings"

// The names of the settings.
const (
	StorageConnection = "GUESTLIST_STORAGE"
	StorageAccount    = "GUESTLIST_STORAGE__accountName"
	StorageTablesURL  = "GUESTLIST_STORAGE__tableServiceUri"
	HostStorage       = "AzureWebJobsStorage"
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
	Captcha           = "GUESTLIST_CHALLENGE"
	CaptchaSiteKey    = "GUESTLIST_CHALLENGE_SITE_KEY"
	CaptchaSecret     = "GUESTLIST_CHALLENGE_SECRET"
	CaptchaURL        = "GUESTLIST_CHALLENGE_URL"
	RedirectURL       = "GUESTLIST_REDIRECT_URL"
	IntentLease       = "GUESTLIST_INTENT_LEASE"
	DailyInvitations  = "GUESTLIST_DAILY_INVITATIONS"
	DailyShare        = "GUESTLIST_DAILY_SHARE"
	InvitationSpacing = "GUESTLIST_INVITATION_SPACING"
	RetentionDays     = "GUESTLIST_RETENTION_DAYS"
	Mail              = "GUESTLIST_MAIL"
	MailURL           = "GUESTLIST_MAIL_URL"
	MailSender        = "GUESTLIST_MAIL_SENDER"
	MailPerMinute     = "GUESTLIST_MAIL_PER_MINUTE"
	MailPerHour       = "GUESTLIST_MAIL_PER_HOUR"
	Proof             = "GUESTLIST_PROOF"
	ProofDays         = "GUESTLIST_PROOF_DAYS"
	Reminders         = "GUESTLIST_REMINDERS"
	Reviewers         = "GUESTLIST_REVIEWERS"
	Operators         = "GUESTLIST_OPERATORS"
	DecideDays        = "GUESTLIST_DECIDE_DAYS"
	Notices           = "GUESTLIST_NOTICES"
	TeamsURL          = "GUESTLIST_TEAMS_URL"
	TeamsScope        = "GUESTLIST_TEAMS_SCOPE"
	WebhookURL        = "GUESTLIST_WEBHOOK_URL"
	WebhookKeys       = "GUESTLIST_WEBHOOK_KEYS"
	EventGridURL      = "GUESTLIST_EVENTGRID_URL"
	ReviewOrigin      = "GUESTLIST_REVIEW_ORIGIN"
	SignInTenant      = "GUESTLIST_SIGN_IN_TENANT"
	SignInClientID    = "GUESTLIST_SIGN_IN_CLIENT_ID"
	SignInURL         = "GUESTLIST_SIGN_IN_URL"
	SignInGuests      = "GUESTLIST_SIGN_IN_GUESTS"
	UpkeepSchedule    = "GUESTLIST_UPKEEP_SCHEDULE"
	LogLevel          = "GUESTLIST_LOG_LEVEL"
)

// The ways to sign in to Graph.
const (
	ManagedIdentity = "managed-identity" // the app's user-assigned identity, named by AZURE_CLIENT_ID
	NoCredential    = "none"             // no token, only for a stand-in on this machine
)

// The services that send the app's own mails.
const (
	NoMail    = "none"  // the app sends none; Microsoft sends its invitations
	ACSMail   = "acs"   // Azure Communication Services
	GraphMail = "graph" // a mailbox, through Microsoft Graph
)

// The ways to prove a mailbox.
const (
	CodeProof = "code" // by a code that is mailed to it
	NoProof   = "none"
)

// NoNotices has no notices mailed.
const NoNotices = "none"

// NoticeKinds returns the kinds of notices that can be mailed; see request.NoticeKinds, which a
// test compares.
func NoticeKinds() []string {
	return []string{"asked", "reminder", "escalated", "last-day", "decided", "expired"}
}

// Whether guests of the tenant may sign in to the review pages.
const (
	RefuseGuests = "refuse"
	AcceptGuests = "accept"
)

// Setting describes one setting for people.
type Setting struct {
	Name    string
	Default string
	Meaning string
}

// PublicGraph is the address of Microsoft Graph in the public cloud.
const PublicGraph = "https://graph.microsoft.com"

// PublicSignIn is where people sign in in the public cloud.
const PublicSignIn = "https://login.microsoftonline.com"

// CloudSignIn returns where people sign in in the cloud of that address of Microsoft Graph
// (https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud).
func CloudSignIn(graphURL string) string {
	switch strings.TrimSuffix(graphURL, "/") {
	case "https://graph.microsoft.us", "https://dod-graph.microsoft.us":
		return "https://login.microsoftonline.us"
	case "https://microsoftgraph.chinacloudapi.cn":
		return "https://login.partner.microsoftonline.cn"
	}
	return PublicSignIn
}

// PublicTables returns the address of an account's table service in the public cloud.
func PublicTables(account string) string { return "https://" + account + ".table.core.windows.net" }

// All returns every setting that the program reads, in the order of the docs, except
// FUNCTIONS_CUSTOMHANDLER_PORT and its older name, which the Functions host sets.
func All() []Setting {
	return []Setting{
		{StorageTablesURL, "", "Address of the table service, reached with the managed identity. Beside it, the Functions host needs `GUESTLIST_STORAGE__queueServiceUri`, `GUESTLIST_STORAGE__credential` and `GUESTLIST_STORAGE__clientId` for the queues, and `AzureWebJobsStorage__accountName` and the like for its own blobs"},
		{StorageAccount, "", "Name of the storage account, in place of both addresses. Of the public cloud only"},
		{StorageConnection, "", "Connection string, only for Azurite on a laptop. Beside complete settings for the identity it is not used, and logged as a warning"},
		{HostStorage, "", "Connection string of the Functions host's own storage, only for Azurite on a laptop. The program does not use it. Beside the managed identity it is logged as a warning, because the host prefers it"},
		{ClientID, "", "Client id of the user-assigned managed identity"},
		{GraphCredential, ManagedIdentity, "`managed-identity`, or `none` for a stand-in on the same machine"},
		{GraphURL, PublicGraph, "Scheme and host of Microsoft Graph, which differ in national clouds"},
		{Organisation, "our organisation", "The name of the inviting organisation, as partners read it"},
		{Logo, "", "The logo: a path on the pages' own origin such as `/logo.svg`, or a `data:` address of an SVG, PNG, JPEG or WebP image in base64, at most 3 KiB"},
		{Accent, "#17567f", "Colour of links and buttons, with a contrast of at least 4.5 to 1 on a light ground (WCAG 2.2 AA)"},
		{AccentDark, "", "The same on a dark ground. Default: a tint of the other"},
		{Contact, "", "Where partners can ask: an e-mail address or an https address. Default: they are told to ask their contact person"},
		{PrivacyURL, "", "https address of the privacy notice"},
		{TermsURL, "", "https address of the terms of use. If set, partners must accept them"},
		{TermsVersion, "", "Version of the terms, such as `2026-11`, stored with each request. Change it together with the terms"},
		{Intro, "", "Introduction of the form, for all languages; or by language, as JSON: `{\"en\": \"Welcome.\", \"de\": \"Willkommen.\"}`"},
		{Fields, "company=required country=optional reason=optional sponsor=hidden inviteCode=linked", "Fields of the form beside names and address, each `required`, `optional`, `linked` (shown if the link fills it in) or `hidden`"},
		{FreeMail, "accept", "`refuse` asks partners with an address at gmail.com and the like for their work address"},
		{DisposableMail, "refuse", "`accept` also takes addresses at services for throw-away mailboxes"},
		{MailDomains, "", "Exceptions from the built-in lists of such services: `+gmx.de -example.com` accepts addresses at the first and refuses those at the second"},
		{StatusPage, "discreet", "`detailed` lets the status page tell whether a person decides, and the outcome. A visitor of the page has not proved to own the mailbox"},
		{StatusOrigin, "", "Scheme and host of the status page, such as `https://status.contoso.com`, if another app serves it than the form's. Mails link to it; an app that sends mails needs this setting or the public origin"},
		{FormOrigin, "", "Scheme and host of the form, if another app serves it than the status page's"},
		{FormKeys, "", "Secret. Keys that sign forms, each of at least 32 letters, digits, `+`, `/`, `-` and `_`, separated by spaces: the first signs, all verify, so a new key goes in front. Required where the form is served; the status page knows by them which ids were issued"},
		{FormWait, "3s", "The least time between opening the form and sending it; 0s to 1m"},
		{FormLifetime, "12h", "How long an open form can be sent; 10m to 96h. After that it is shown again with all entries"},
		{PublicOrigins, "", "Scheme and host under which partners reach the pages, such as `https://join.contoso.com`, if a proxy hides them from the app, or if the form has a captcha of `turnstile` or `hcaptcha`; several are separated by spaces"},
		{JSONOrigins, "", "Sites whose pages may send sign-ups as JSON, such as `https://www.contoso.com`. A program can claim to be any site"},
		{JSONKeys, "", "Secret. Keys of programs that may send sign-ups as JSON, each of at least 32 letters, digits, `+`, `/`, `-` and `_`, separated by spaces"},
		{ClientPosts, "30/10m", "How many forms a network address may send at once, and as many again in that time, to each instance; `off` is no limit"},
		{Proxies, "0", "Number of your own proxies before the app, such as 1 for Front Door. They decide from where the client's address is read"},
		{Captcha, "none", "`turnstile`, `hcaptcha` or `friendlycaptcha` checks with a captcha that a person sends the form, which then needs JavaScript and that service"},
		{CaptchaSiteKey, "", "Public site key of the captcha service"},
		{CaptchaSecret, "", "Secret. Secret key, or API key, of the captcha service"},
		{CaptchaURL, "", "Scheme and host of the captcha service, if not the usual one, such as `https://eu.frcapi.com`"},
		{RedirectURL, "https://myapplications.microsoft.com", "Where guests go after they accept, unless the policy row says otherwise"},
		{IntentLease, "2m", "How long to wait before asking the directory about an invitation whose outcome is unknown; 2s to 1h, less than a minute only in tests. For a mail of the app's own it is five times that, ten minutes at most"},
		{DailyInvitations, "80", "The most invitations in a day (UTC), by all instances together; 0 is no limit. Microsoft blocks tenants that suddenly invite many"},
		{DailyShare, "50", "How much of the day's invitations one domain, and one policy row, may have, in percent; 100 is all. A guest that a person has approved does not count"},
		{InvitationSpacing, "1s", "The least time between two invitations; 0s to 10m"},
		{RetentionDays, "90", "How many days after a request is finished its personal data is erased; the decision stays. 0 keeps it forever"},
		{Mail, NoMail, "What sends the app's own mails: `acs` (Azure Communication Services), `graph` (a mailbox of the tenant, through Microsoft Graph), or `none`: then Microsoft mails the invitations, and nobody proves a mailbox"},
		{MailURL, "", "Scheme and host of the resource of Azure Communication Services, such as `https://NAME.europe.communication.azure.com`"},
		{MailSender, "", "The address that mails come from: a sender of a domain that is linked to that resource, or the address of the mailbox"},
		{MailPerMinute, "", "The most mails of its own that the app sends in a minute, by all instances together. Default: 30, or 5 for a sender at an Azure-managed domain, as the service allows at first"},
		{MailPerHour, "", "The same for an hour. Default: 100, or 10. Codes are at most half of it"},
		{Proof, "", "`code` has partners prove their mailbox by a code that is mailed to it, before they are invited or a person decides, unless the policy row says otherwise; `none` has it only where the row says so. Default: `code` if the app sends mails"},
		{ProofDays, "7", "How many days a proof counts for later sign-ups with the same address; 0 to 90"},
		{Reminders, "", "After how many days a guest who has not accepted is reminded by a mail of the app's own: one or two whole numbers such as `3 10`, at most 60. Default: no reminders"},
		{Reviewers, "", "Object id of the security group whose members, directly or by other groups, may decide any request. Default: nobody"},
		{Operators, "", "Object id of the security group whose members, directly or by other groups, may order on the review pages that a failed request is tried again, that its mail is sent again, and that the circuit breaker is closed. They need the role `Operator`, too. Default: nobody"},
		{DecideDays, "30", "For how many days a request waits for a person's decision before it expires, unless its policy row says another number. `0`: for ever"},
		{Notices, "asked,escalated,last-day,decided,expired", "Which notices people who decide get by mail, separated by commas: `asked` (a request waits), `reminder` (halfway to its deadline), `escalated` (others may decide too), `last-day`, `decided` and `expired`; or `none`. Only where the app sends mails and has review pages"},
		{TeamsURL, "", "Secret. Address of a Power Automate workflow that posts notices to those who decide into a Teams channel, as its trigger shows it. Default: none is posted"},
		{TeamsScope, "", "Scope of the tokens that such a workflow takes in place of the secret in its address: `https://service.flow.microsoft.com//.default`, or that of a national cloud. Default: no token"},
		{WebhookURL, "", "https address of a program that gets notices as [Standard Webhooks](https://www.standardwebhooks.com) has it. It must have a public address, and answer without a redirect. Default: none"},
		{WebhookKeys, "", "Secret. Keys that sign webhooks: `whsec_` and the base64 of 24 to 64 random bytes. Several, separated by spaces, all sign, so that the receiver can change from one to the next"},
		{EventGridURL, "", "Endpoint of a custom topic of Azure Event Grid that gets notices as CloudEvents, such as `https://NAME.westeurope-1.eventgrid.azure.net/api/events`. Default: none"},
		{ReviewOrigin, "", "Scheme and host of the review pages, such as `https://reviews.contoso.com`. Behind it, `/reviews/signed-in` and `/reviews/signed-out` are redirect URIs of the app registration. This setting and the next two are set together"},
		{SignInTenant, "", "Id of the tenant whose members sign in to the review pages"},
		{SignInClientID, "", "Client id of the app registration that they sign in to"},
		{SignInURL, "", "Scheme and host where they sign in. Default: `https://login.microsoftonline.com`, or that of the national cloud whose Microsoft Graph is set"},
		{SignInGuests, RefuseGuests, "`accept` lets guests of the tenant sign in to the review pages. Guestlist invites guests, and anybody who was invited is one"},
		{UpkeepSchedule, "0 * * * * *", "When waiting requests are checked: six fields, seconds first, UTC. Read by the Functions host; required"},
		{LogLevel, "info", "`debug`, `info`, `warn` or `error`"},
	}
}
