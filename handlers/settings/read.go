package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Settings are the checked settings of everything but the pages, which read theirs with a [Reader].
type Settings struct {
	// Exactly one of StorageConnection and TablesURL is set.
	StorageConnection string
	TablesURL         string
	ClientID          string // set whenever an identity is used
	GraphURL          string // scheme and host
	GraphCredential   string // ManagedIdentity or NoCredential
	RedirectURL       string
	IntentLease       time.Duration
	DailyInvitations  int // 0 means no limit
	DailyShare        int // in percent
	InvitationSpacing time.Duration
	Retention         time.Duration // whole days; 0 is for ever
	Mail              string        // NoMail, ACSMail or GraphMail
	MailURL           string        // scheme and host, for ACSMail in an app that sends mails; http is a stand-in without tokens
	MailSender        string        // an address, for ACSMail and GraphMail in an app that sends mails
	// MailPerMinute and MailPerHour are the most mails, at least 1, where MailSender is set.
	MailPerMinute, MailPerHour int
	ProofByDefault             bool          // whether a mailbox is to be proved unless the policy row says otherwise
	ProofLasts                 time.Duration // how long a proof counts; whole days
	reminders                  [maxReminders]time.Duration
	Reviewers                  string // object id of the group of reviewers, in lower case; "" for none
	Operators                  string // likewise of operators
	DecideDays                 int    // 0 is for ever
	notices                    string // the kinds, with spaces between
	// GuestsDecide says that guests of the tenant may sign in to the review pages, and decide.
	GuestsDecide bool
	LogLevel     slog.Level
	warnings     string // one a line
}

// Warnings returns what is doubtful and does not stop the program. It contains no secret.
func (s Settings) Warnings() []string {
	if s.warnings == "" {
		return nil
	}
	return strings.Split(s.warnings, "\n")
}

const (
	minIntentLease = 2 * time.Second
	maxIntentLease = time.Hour
	// maxSpacing keeps a typing error such as 10h from stopping everything without a word.
	maxSpacing       = 10 * time.Minute
	maxRetentionDays = 3650 // ten years
	maxDecideDays    = 365
)

// Read returns the settings. Each of parts reads settings of its own. The error names every fault
// that Read or a part found, and repeats no secret.
func Read(getenv func(string) string, parts ...func(*Reader)) (Settings, error) {
	return read(getenv, true, parts)
}

// ReadPages is Read for an app that serves pages and sends no mails. It learns whether mails are
// sent, and not from where: the settings of the mail service may be missing and are not read.
func ReadPages(getenv func(string) string, parts ...func(*Reader)) (Settings, error) {
	return read(getenv, false, parts)
}

// ReadParts lets each of parts read settings of its own, and reads nothing else. The error names
// every fault that a part found.
func ReadParts(getenv func(string) string, parts ...func(*Reader)) error {
	r := &Reader{getenv: getenv}
	for _, read := range parts {
		read(r)
	}
	return r.failure()
}

// failure returns the faults that were found, nil for none.
func (r *Reader) failure() error {
	if len(r.faults) == 0 {
		return nil
	}
	return fmt.Errorf("the settings need another look:\n%w", errors.Join(r.faults...))
}

func read(getenv func(string) string, sendsMails bool, parts []func(*Reader)) (Settings, error) {
	r := &Reader{getenv: getenv}
	var s Settings
	s.readStorage(r)
	s.readGraph(r)
	s.readInvitations(r)
	s.readMail(r, sendsMails)
	s.readProof(r)
	s.readReminders(r)
	s.readReviews(r)
	err := s.LogLevel.UnmarshalText([]byte(r.Text(LogLevel)))
	if err != nil {
		r.Fault(LogLevel, "must be debug, info, warn or error")
	}
	for _, read := range parts {
		read(r)
	}
	s.warnings = strings.Join(r.warnings, "\n")
	if err := r.failure(); err != nil {
		return Settings{}, err
	}
	return s, nil
}

func (s *Settings) readStorage(r *Reader) {
	s.StorageConnection, s.TablesURL = r.Text(StorageConnection), r.Text(StorageTablesURL)
	account, hosts := r.Text(StorageAccount), r.Text(HostStorage)
	if s.TablesURL != "" && !isLink(s.TablesURL) {
		r.Fault(StorageTablesURL, "is not an https address; it looks like https://NAME.table.core.windows.net")
	}
	if s.TablesURL != "" && account != "" && !isOfAccount(s.TablesURL, account) {
		// The host would take the name for the queues.
		r.Fault(StorageAccount, "and %s name different accounts; leave one of them out", StorageTablesURL)
	}
	if s.TablesURL == "" && account != "" {
		s.TablesURL = PublicTables(account)
	}
	switch {
	case s.TablesURL != "" && s.StorageConnection != "" && r.Text(ClientID) == "":
		r.Fault(StorageConnection, "and %s or %s are both set; in Azure leave the connection string out, on a laptop leave the others out", StorageTablesURL, StorageAccount)
	case s.TablesURL != "":
		if s.StorageConnection != "" {
			s.StorageConnection = ""
			r.Warn(StorageConnection, "is not used, because the settings for the managed identity are complete; delete it, because the Functions host prefers it for the queues")
		}
		if hosts != "" {
			r.Warn(HostStorage, "is set beside the managed identity; delete it, because the Functions host prefers it for its own storage, which takes no keys")
		}
	case s.StorageConnection != "":
	case hosts != "":
		r.Fault(StorageConnection, "is not set; set it as well as %s, to the same value", HostStorage)
	default:
		r.Fault(StorageTablesURL, "is not set; deploy the template of this version, which sets it to the address of the table service, such as https://NAME.table.core.windows.net (on a laptop set %s to a connection string)", StorageConnection)
	}
}

// isOfAccount reports whether the address is that of a service of the storage account.
func isOfAccount(address, account string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.HasPrefix(strings.ToLower(u.Host), strings.ToLower(account)+".")
}

// readGraph follows readStorage: a client id is needed for either.
func (s *Settings) readGraph(r *Reader) {
	s.GraphURL = strings.TrimSuffix(r.Text(GraphURL), "/")
	s.GraphCredential, s.ClientID = r.Text(GraphCredential), r.Text(ClientID)
	graph, valid := parseHost(s.GraphURL)
	switch {
	case !valid:
		r.Fault(GraphURL, "must be a scheme and a host and nothing else, such as "+PublicGraph)
	case s.GraphCredential == NoCredential && !isLoopback(graph.Hostname()):
		r.Fault(GraphCredential, "is %q, which is for a stand-in on 127.0.0.1 only; set it to %q", NoCredential, ManagedIdentity)
	case s.GraphCredential == ManagedIdentity && graph.Scheme != "https":
		r.Fault(GraphURL, "must be https: a token must not travel in the clear")
	case s.GraphCredential != NoCredential && s.GraphCredential != ManagedIdentity:
		r.Fault(GraphCredential, "must be %q or %q", ManagedIdentity, NoCredential)
	}
	if s.ClientID == "" && (s.TablesURL != "" || s.GraphCredential == ManagedIdentity) {
		r.Fault(ClientID, "is not set; set it to the client id of the user-assigned managed identity")
	}
}

func (s *Settings) readInvitations(r *Reader) {
	s.RedirectURL = r.Text(RedirectURL)
	if !isLink(s.RedirectURL) {
		r.Fault(RedirectURL, "must be an https address")
	}
	s.IntentLease = r.Duration(IntentLease, minIntentLease, maxIntentLease, "2m")
	s.InvitationSpacing = r.Duration(InvitationSpacing, 0, maxSpacing, "1s")
	var err error
	s.DailyInvitations, err = strconv.Atoi(r.Text(DailyInvitations))
	if err != nil || s.DailyInvitations < 0 {
		r.Fault(DailyInvitations, "must be a whole number such as 80, or 0 for no limit")
	}
	s.DailyShare, err = strconv.Atoi(r.Text(DailyShare))
	if err != nil || s.DailyShare < 1 || s.DailyShare > 100 {
		r.Fault(DailyShare, "must be a whole number of percent from 1 to 100, such as 50")
	}
	days, err := strconv.Atoi(r.Text(RetentionDays))
	if err != nil || days < 0 || days > maxRetentionDays {
		r.Fault(RetentionDays, "must be a whole number of days up to %d, such as 90, or 0 to keep personal data for ever", maxRetentionDays)
	}
	s.Retention = time.Duration(days) * 24 * time.Hour
}

func (s *Settings) readReviews(r *Reader) {
	s.Reviewers, s.Operators = r.GUID(Reviewers), r.GUID(Operators)
	s.GuestsDecide = r.Text(SignInGuests) == AcceptGuests
	var err error
	s.DecideDays, err = strconv.Atoi(r.Text(DecideDays))
	if err != nil || s.DecideDays < 0 || s.DecideDays > maxDecideDays {
		r.Fault(DecideDays, "must be a whole number of days up to %d, such as 30, or 0 to wait for ever", maxDecideDays)
	}
	s.readNotices(r)
}

func (s *Settings) readNotices(r *Reader) {
	text := r.Text(Notices)
	if text == NoNotices {
		return
	}
	kinds := Split(text)
	for _, kind := range kinds {
		if !slices.Contains(NoticeKinds(), kind) {
			r.Fault(Notices, "must be %q, or of %s", NoNotices, strings.Join(NoticeKinds(), ", "))
			return
		}
	}
	s.notices = strings.Join(kinds, " ")
}

// Notices returns which kinds of notices are mailed to people who decide.
func (s Settings) Notices() []string { return strings.Fields(s.notices) }

// readMail follows readGraph, which reads the client id.
func (s *Settings) readMail(r *Reader, sendsMails bool) {
	s.Mail = r.Text(Mail)
	if s.Mail != NoMail && s.Mail != ACSMail && s.Mail != GraphMail {
		r.Fault(Mail, "must be %q, %q or %q", NoMail, ACSMail, GraphMail)
		return
	}
	if !sendsMails {
		return
	}
	sender, minute, hour := r.Text(MailSender), ownPerMinute, ownPerHour
	if strings.HasSuffix(sender, managedDomain) {
		minute, hour = managedPerMinute, managedPerHour
	}
	minute, hour = r.count(MailPerMinute, minute), r.count(MailPerHour, hour)
	s.MailSender, s.MailURL = sender, strings.TrimSuffix(r.Text(MailURL), "/")
	if s.Mail == NoMail {
		return
	}
	s.MailPerMinute, s.MailPerHour = minute, hour
	switch {
	case s.Mail == ACSMail && s.MailURL == "":
		r.Fault(MailURL, "is not set; set it to the address of the resource, such as https://NAME.europe.communication.azure.com")
	case s.Mail == ACSMail && !IsHost(s.MailURL):
		r.Fault(MailURL, "must be a scheme and a host and nothing else, with https, such as https://NAME.europe.communication.azure.com")
	case s.Mail == ACSMail && strings.HasPrefix(s.MailURL, "https:") && s.ClientID == "":
		r.Fault(ClientID, "is not set; mails need the client id of the user-assigned managed identity")
	}
	parsed, err := mail.ParseAddress(sender)
	if err != nil || parsed.Name != "" || parsed.Address != sender {
		r.Fault(MailSender, "must be the address that mails come from, such as guests@join.contoso.com, without a name")
	}
}

// The limits that Azure Communication Services has at first, per subscription: for a domain of
// one's own, and for one that Azure manages
// (https://learn.microsoft.com/azure/communication-services/concepts/service-limits).
const (
	ownPerMinute, ownPerHour         = 30, 100
	managedPerMinute, managedPerHour = 5, 10
	managedDomain                    = ".azurecomm.net"
)

// readProof follows readMail: without mails there are no codes.
func (s *Settings) readProof(r *Reader) {
	switch text := r.Text(Proof); {
	case text == "":
		s.ProofByDefault = s.Mail != NoMail
	case text != CodeProof && text != NoProof:
		r.Fault(Proof, "must be %q or %q", CodeProof, NoProof)
	default:
		s.ProofByDefault = text == CodeProof
	}
	days, err := strconv.Atoi(r.Text(ProofDays))
	if err != nil || days < 0 || days > maxProofDays {
		r.Fault(ProofDays, "must be a whole number of days up to %d, such as 7", maxProofDays)
	}
	s.ProofLasts = time.Duration(days) * 24 * time.Hour
}

// maxReminders is how many reminders there may be, and maxReminderDays the last day for one.
const maxReminders, maxReminderDays = 2, 60

func (s *Settings) readReminders(r *Reader) {
	last := 0
	for _, text := range Split(r.Text(Reminders)) {
		days, err := strconv.Atoi(text)
		if err != nil || days <= last || days > maxReminderDays || len(s.Reminders()) == maxReminders {
			r.Fault(Reminders, "must be one or two whole numbers of days in ascending order, at most %d, such as 3 10", maxReminderDays)
			return
		}
		last = days
		s.reminders[len(s.Reminders())] = time.Duration(days) * 24 * time.Hour
	}
}

// Reminders returns how long after the invitation mail guests are reminded, in ascending order.
func (s Settings) Reminders() []time.Duration {
	n := 0
	for n < len(s.reminders) && s.reminders[n] > 0 {
		n++
	}
	return s.reminders[:n]
}

// maxProofDays is the longest time for which a proof counts: mailboxes change hands.
const maxProofDays = 90

// count returns a whole number from 1 on, or the default if the setting is unset.
func (r *Reader) count(name string, unset int) int {
	text := r.Text(name)
	if text == "" {
		return unset
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		r.Fault(name, "must be a whole number from 1 on, such as %d", unset)
	}
	return n
}

// Reader reads the texts of settings and collects their faults.
type Reader struct {
	getenv   func(string) string
	faults   []error
	warnings []string
}

// Text returns the text of a setting without space around it, or the setting's default if unset.
func (r *Reader) Text(name string) string {
	value := strings.TrimSpace(r.getenv(name))
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

// Fault records what is wrong with a setting, as [fmt.Errorf] formats it, without any secret.
func (r *Reader) Fault(name, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s %w", name, fmt.Errorf(format, args...)))
}

// Warn records what is doubtful about a setting, without any secret.
func (r *Reader) Warn(name, what string) { r.warnings = append(r.warnings, name+" "+what) }

// reference is a reference to a secret, which App Service replaces by the secret where it is the
// whole value. Where it is not, or App Service can't, the program gets the reference itself, which
// anybody could guess.
var reference = regexp.MustCompile(`(?i)@microsoft\.\w+\s*\(`)

// wholeReference is a reference and nothing beside it.
var wholeReference = regexp.MustCompile(`(?i)^@microsoft\.\w+\([^()]*\)$`)

// Unresolved reports whether a setting has a reference to a secret that was not replaced by it.
func (r *Reader) Unresolved(name string) bool { return reference.MatchString(r.Text(name)) }

// IsReference reports whether a setting is such a reference, and nothing beside it.
func (r *Reader) IsReference(name string) bool { return wholeReference.MatchString(r.Text(name)) }

// Secret returns the text of a secret. A reference that was not replaced is a fault, and "".
func (r *Reader) Secret(name string) string {
	switch {
	case r.IsReference(name):
		r.Fault(name, "is a reference to a key vault that was not replaced by the secret: give the app's identity the right to read it, and set keyVaultReferenceIdentity")
		return ""
	case r.Unresolved(name):
		r.Fault(name, "has a reference to a key vault beside other text, and only one that is the whole value is replaced "+
			"by the secret: put everything into the secret in the vault, several keys separated by spaces")
		return ""
	}
	return r.Text(name)
}

// generated is a key as programs make it: in base64, base64url or hexadecimal digits, or a GUID.
var generated = regexp.MustCompile(`^[A-Za-z0-9+/_-]+=*$`)

// Keys returns the keys of a secret that is a list of them. Each is judged by itself: one that has
// characters which generated keys never have, such as a part of a reference, is a fault.
func (r *Reader) Keys(name string) []string {
	keys := Split(r.Secret(name))
	for i, key := range keys {
		if !generated.MatchString(key) {
			r.Fault(name, "has characters in key %d that no generated key has: a key has letters and digits of ASCII, "+
				"+ / - _, and = at its end", i+1)
		}
	}
	return keys
}

// Check records err, unless it is nil, as the fault of a setting.
func (r *Reader) Check(name string, err error) {
	if err != nil {
		r.Fault(name, "%w", err)
	}
}

// GUID returns a GUID in lower case, or "".
func (r *Reader) GUID(name string) string {
	text := r.Text(name)
	if text == "" {
		return ""
	}
	id, err := uuid.Parse(text)
	if err != nil || !strings.EqualFold(id.String(), text) {
		r.Fault(name, "must be an id such as 11111111-2222-3333-4444-555555555555")
		return ""
	}
	return id.String()
}

// Duration returns a duration from least to most. The fault names example.
func (r *Reader) Duration(name string, least, most time.Duration, example string) time.Duration {
	d, err := time.ParseDuration(r.Text(name))
	if err != nil || d < least || d > most {
		r.Fault(name, "must be a duration from %s to %s, such as %s", least, most, example)
	}
	return d
}

// Origins returns a list of origins.
func (r *Reader) Origins(name string) []string {
	list := Split(r.Text(name))
	for _, text := range list {
		r.Check(name, checkOrigin(text))
	}
	return list
}

// Origin returns one origin, or "".
func (r *Reader) Origin(name string) string {
	text := r.Text(name)
	if text != "" {
		r.Check(name, checkOrigin(text))
	}
	return text
}

// Split splits a list at spaces and commas.
func Split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(", \t\n\r", c) })
}

// isLink reports whether text is an https address without a user.
func isLink(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

// IsHost reports whether text is a scheme and a host only: https, or http for this machine.
func IsHost(text string) bool {
	u, valid := parseHost(text)
	return valid && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
}

// parseHost reads an address that is a scheme and a host only.
func parseHost(text string) (u *url.URL, valid bool) {
	u, err := url.Parse(text)
	return u, err == nil && u.Host != "" && strings.EqualFold(text, u.Scheme+"://"+u.Host)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// checkOrigin checks that text is an origin as browsers write it: https, or http on this machine.
func checkOrigin(text string) error {
	u, _ := parseHost(text)
	if !IsHost(text) || text != strings.ToLower(text) || strings.ContainsAny(u.Host, "*, \t") || u.Scheme == "https" && u.Port() == "443" {
		return fmt.Errorf("has %q, which must be a scheme and a host, such as https://www.contoso.com, in lower case and without a path", text)
	}
	return nil
}
