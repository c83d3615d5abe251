package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"guestlist/handlers/submission"
)

const (
	MaxPriority = 1_000_000 // the largest Priority
	// MaxGroups is the most groups of one row. Each costs a call to the directory and a place in
	// the request's record. For more, use a group of groups or an access package.
	MaxGroups   = 20
	MaxSponsors = 5         // the most sponsors of one row: the limit of Entra
	MaxLimit    = 1_000_000 // the largest MaxGuests and MaxPerDay
	MaxMessage  = 2000      // the longest Message in characters; Graph documents no limit
	minCode     = 6         // the shortest InviteCode; a shorter one is guessed too easily
)

// The longest texts that a cell may hold, in bytes.
const (
	maxWord = 64    // actions, numbers, times, languages
	maxList = 4096  // room for MaxGroups ids however they are separated, with duplicates
	maxURL  = 1024  // four times the limit of Entra for a redirect URI
	maxCell = 4096  // invite codes and addresses, as typed
	maxText = 16384 // room for MaxMessage characters of any kind
)

// Column describes a column of a policy row.
type Column struct {
	Name     string
	Required bool
	Default  string // as written in the cell; empty if there is none
	Takes    string // what may be written, as the object of "write"
	Example  string // a valid cell
	Meaning  string
	Kind     Kind
}

// Kind is what the cells of a column are, as far as others than policy have to know it.
type Kind string

const (
	AnyKind    Kind = ""
	TruthKind  Kind = "truth"  // true or false
	MomentKind Kind = "moment" // a day or a time
)

// KindOf returns the kind of the column of that name, AnyKind if there is none.
func KindOf(name string) Kind {
	i := slices.IndexFunc(columns, func(c column) bool { return c.Name == name })
	if i < 0 {
		return AnyKind
	}
	return columns[i].Kind
}

// column is a Column with its reader. read puts the cell's value into the row, or says what is
// wrong. The cell is not nil; a text is trimmed and not empty, but of any length.
type column struct {
	Column
	read func(cell any, row *Row) *wrong
}

// wrong is a Fault without its column. Its advice, if empty, is to write what the column takes.
type wrong struct{ problem, advice string }

// The names of the columns of policy rows, beside the two keys.
const (
	PartitionKeyColumn = "PartitionKey"
	RowKeyColumn       = "RowKey"

	ActionColumn          = "Action"
	ModeColumn            = "Mode"
	EnabledColumn         = "Enabled"
	PriorityColumn        = "Priority"
	NotBeforeColumn       = "NotBefore"
	NotAfterColumn        = "NotAfter"
	ConditionColumn       = "Condition"
	InviteCodeColumn      = "InviteCode" // its cells are secret
	MaxGuestsColumn       = "MaxGuests"
	MaxPerDayColumn       = "MaxPerDay"
	ProofColumn           = "Proof"
	ApproversColumn       = "Approvers"
	SecondApproversColumn = "SecondApprovers"
	SponsorsDecideColumn  = "SponsorsDecide"
	DecideWithinColumn    = "DecideWithin"
	EscalateAfterColumn   = "EscalateAfter"
	EscalateToColumn      = "EscalateTo"
	GroupsColumn          = "Groups"
	SponsorsColumn        = "Sponsors"
	RedirectURLColumn     = "RedirectUrl"
	MessageLanguageColumn = "MessageLanguage"
	InvitationMailColumn  = "InvitationMail"
	SendInvitationColumn  = "SendInvitation" // the older form of InvitationMail
	MessageColumn         = "Message"
	CcColumn              = "Cc"
	UserTypeColumn        = "UserType"
	NoteColumn            = "Note"
)

// columns drives the parser, advice on misspelt names, CSV headers and docs/policies.md.
var columns = []column{
	{Column{Name: ActionColumn, Example: "invite", Required: true,
		Takes:   "invite, review or deny",
		Meaning: "what happens to a sign-up that the row decides",
	}, wordReader(func(r *Row) *Action { return &r.Action }, Invite, Review, Deny)},
	{Column{Name: ModeColumn, Example: "audit", Default: "enforce",
		Takes:   "enforce or audit",
		Meaning: "audit: what the row would decide is recorded, but it never decides",
	}, wordReader(func(r *Row) *Mode { return &r.Mode }, Enforce, Audit)},
	{Column{Name: EnabledColumn, Example: "false", Default: "true", Kind: TruthKind,
		Takes:   takesBool,
		Meaning: "false switches the row off, even if something else in it is wrong",
	}, boolReader(func(r *Row) *bool { return &r.Enabled })},
	{Column{Name: PriorityColumn, Example: "10", Default: "100",
		Takes:   fmt.Sprintf("a whole number from 0 to %d", MaxPriority),
		Meaning: "the rows of a partition are tried in this order, the smallest first, then by name",
	}, readPriority},
	{Column{Name: NotBeforeColumn, Example: "2026-05-01", Kind: MomentKind,
		Takes:   "a date (2026-05-01, from its start in UTC) or a time (2026-05-01T09:00:00Z)",
		Meaning: "the row applies from this moment on; unset: no limit",
	}, timeReader(func(r *Row) *time.Time { return &r.NotBefore }, 0)},
	{Column{Name: NotAfterColumn, Example: "2026-05-31", Kind: MomentKind,
		Takes:   "a date (2026-05-31, to its end in UTC) or a time (2026-05-31T18:00:00Z)",
		Meaning: "the row applies until this moment; unset: no limit",
	}, timeReader(func(r *Row) *time.Time { return &r.NotAfter }, 1)},
	{Column{Name: ConditionColumn, Example: `request.country in ["DE", "AT"]`,
		Takes:   fmt.Sprintf("an expression (CEL) of at most %d characters", MaxCondition),
		Meaning: "the row applies only to sign-ups for which this is true; unset: to all",
	}, readCondition},
	{Column{Name: InviteCodeColumn, Example: "Tulip-Spring-2026",
		Takes: fmt.Sprintf("a code of %d to %d letters a to z and digits, or sha256: and the hash of one", minCode, submission.MaxCode),
		Meaning: "the row applies only to partners who typed this code; white space, dashes and case are " +
			"ignored. A short code can be guessed from its hash",
	}, readInviteCode},
	{Column{Name: MaxGuestsColumn, Example: "50",
		Takes:   takesLimit,
		Meaning: "how many guests the row invites in all; further ones go to review. Unset: any number",
	}, limitReader(func(r *Row) *int { return &r.MaxGuests })},
	{Column{Name: MaxPerDayColumn, Example: "5",
		Takes:   takesLimit,
		Meaning: "how many guests the row invites per day (UTC); further ones go to review. Unset: any number",
	}, limitReader(func(r *Row) *int { return &r.MaxPerDay })},
	{Column{Name: ProofColumn, Example: "code",
		Takes: "code or none",
		Meaning: "code: a sign-up that the row invites or sends to review must first prove its mailbox, by a code " +
			"that the app mails and the partner types. none: it need not. Unset: the app's default",
	}, wordReader(func(r *Row) *Proof { return &r.Proof }, ProofCode, NoProof)},
	{Column{Name: ApproversColumn, Example: "22222222-2222-4222-8222-222222222222",
		Takes:   takesPeople,
		Meaning: "who may decide what waits for a person, beside the app's reviewers. Unset: the reviewers alone",
	}, idsReader(MaxApprovers, func(r *Row) *[]string { return &r.ReviewRules.Approvers })},
	{Column{Name: SecondApproversColumn, Example: "33333333-3333-4333-8333-333333333333",
		Takes:   takesPeople,
		Meaning: "who may decide after that: another person must say yes too. Unset: one yes is enough",
	}, idsReader(MaxApprovers, func(r *Row) *[]string { return &r.ReviewRules.SecondApprovers })},
	{Column{Name: SponsorsDecideColumn, Example: "true", Default: "false",
		Takes:   takesBool,
		Meaning: "true: the row's sponsors decide as its approvers do",
	}, boolReader(func(r *Row) *bool { return &r.ReviewRules.SponsorsDecide })},
	{Column{Name: DecideWithinColumn, Example: "14",
		Takes:   takesDays,
		Meaning: "within how many days each decision must be made; then the request is denied as expired. Unset: the app's default",
	}, daysReader(func(r *Row) *int { return &r.ReviewRules.DecideWithin })},
	{Column{Name: EscalateAfterColumn, Example: "3",
		Takes:   takesDays,
		Meaning: "after how many days without a decision those in EscalateTo may decide too",
	}, daysReader(func(r *Row) *int { return &r.ReviewRules.EscalateAfter })},
	{Column{Name: EscalateToColumn, Example: "44444444-4444-4444-8444-444444444444",
		Takes:   takesPeople,
		Meaning: "who may decide then, beside those who could before",
	}, idsReader(MaxApprovers, func(r *Row) *[]string { return &r.ReviewRules.EscalateTo })},
	{Column{Name: GroupsColumn, Example: "11111111-1111-4111-8111-111111111111",
		Takes:   fmt.Sprintf("object ids of at most %d groups, %s", MaxGroups, takesList),
		Meaning: "the groups that the guest becomes a member of",
	}, idsReader(MaxGroups, func(r *Row) *[]string { return &r.Terms.Groups })},
	{Column{Name: SponsorsColumn, Example: "99999999-9999-4999-8999-999999999999",
		Takes:   fmt.Sprintf("object ids of at most %d users or groups, %s", MaxSponsors, takesList),
		Meaning: "the sponsors of the guest, who answer for them",
	}, idsReader(MaxSponsors, func(r *Row) *[]string { return &r.Terms.Sponsors })},
	{Column{Name: RedirectURLColumn, Example: "https://portal.contoso.com/welcome",
		Takes:   fmt.Sprintf("an https:// URL with a host name, at most %d characters", maxURL),
		Meaning: "where the guest arrives after accepting; unset: the app's default",
	}, textReader(maxURL, urlAdvice, readRedirectURL)},
	// InvitationMail comes before SendInvitation, whose reader compares the two.
	{Column{Name: InvitationMailColumn, Example: "own",
		Takes: "own, microsoft or none",
		Meaning: "which mail tells the guest of the invitation: the app's own, Microsoft's or none. Unset: the app's own " +
			"if the app sends mails, else Microsoft's. An app that sends none sends Microsoft's in place of its own",
	}, wordReader(func(r *Row) *InvitationMail { return &r.Terms.InvitationMail }, OwnMail, MicrosoftMail, NoInvitationMail)},
	{Column{Name: SendInvitationColumn, Example: "false", Kind: TruthKind,
		Takes:   takesBool,
		Meaning: "the older form of InvitationMail: false is none, true is unset. Use InvitationMail in its place",
	}, readSendInvitation},
	{Column{Name: MessageLanguageColumn, Example: "pt-BR",
		Takes:   "a language such as de or pt-BR",
		Meaning: "the language of the invitation mail; unset: the partner's own. Microsoft's mail ignores it if there is a Message",
	}, textReader(maxWord, languageAdvice, readMessageLanguage)},
	{Column{Name: MessageColumn, Example: "Welcome to the tender portal. Questions? Call your contact.",
		Takes:   fmt.Sprintf("plain text of at most %d characters, or a JSON object of such texts by language", MaxMessage),
		Meaning: "a text for the invitation mail; Microsoft's mail may leave it out, since an app invites",
	}, textReader(maxText, messageAdvice, readMessage)},
	{Column{Name: CcColumn, Example: "desk@contoso.com",
		Takes:   "one e-mail address",
		Meaning: "who gets a copy of Microsoft's invitation mail; the app's own has no copies",
	}, textReader(maxCell, ccAdvice, readCc)},
	{Column{Name: UserTypeColumn, Example: "Guest", Default: "Guest",
		Takes:   "Guest or Member",
		Meaning: "the guest's type in the directory; a member sees far more of it, and the app needs more than `User.Invite.All` to invite one",
	}, wordReader(func(r *Row) *string { return &r.Terms.UserType }, "Guest", "Member")},
	{Column{Name: NoteColumn, Example: "Agreed with purchasing in April",
		Takes:   "anything",
		Meaning: "free text for admins, and for those who decide on the review pages; it has no effect",
	}, readNote},
}

// Columns returns every column that a policy row may have, in the best order to explain them.
// Types are forgiving: "true", "yes", "1" and 1 are true, "false", "no", "0" and 0 are false, in
// any case; "10" and 10.0 are 10; a DateTime is a date; a number is an InviteCode of digits.
// Keywords such as those of Action may be written in any case.
func Columns() []Column { return mapped(columns, func(c column) Column { return c.Column }) }

func columnNames() []string { return mapped(columns, func(c column) string { return c.Name }) }

func known(name string) bool {
	return slices.ContainsFunc(columns, func(c column) bool { return c.Name == name })
}

// wordReader reads one of the words, in any case.
func wordReader[T ~string](field func(*Row) *T, words ...T) func(any, *Row) *wrong {
	return textReader(maxWord, "", func(text string, row *Row) *wrong {
		for _, word := range words {
			// The lengths must be equal because EqualFold accepts the Kelvin sign for a k.
			if len(text) == len(word) && strings.EqualFold(text, string(word)) {
				*field(row) = word
				return nil
			}
		}
		return &wrong{problem: "is not one of the allowed words"}
	})
}

// hashPrefix begins a cell with the hash of an invite code.
const hashPrefix = "sha256:"

const takesBool = "true or false"

func boolReader(field func(*Row) *bool) func(any, *Row) *wrong {
	return func(cell any, row *Row) *wrong {
		value, understood := asBool(cell)
		if !understood {
			return &wrong{problem: "is neither true nor false"}
		}
		*field(row) = value
		return nil
	}
}

func asBool(cell any) (value, understood bool) {
	switch cell := cell.(type) {
	case bool:
		return cell, true
	case string:
		if len(cell) > maxWord {
			return false, false
		}
		switch strings.ToLower(cell) {
		case "true", "yes", "1":
			return true, true
		case "false", "no", "0":
			return false, true
		}
	case int32, int64, float64:
		number, whole := asWhole(cell)
		return number == 1, whole && (number == 0 || number == 1)
	}
	return false, false
}

// readSendInvitation reads the older form of InvitationMail, which has been read. A row that says
// both must mean the same by them.
func readSendInvitation(cell any, row *Row) *wrong {
	sends, understood := asBool(cell)
	mail := &row.Terms.InvitationMail
	const contradicts = "contradicts InvitationMail"
	switch {
	case !understood:
		return &wrong{problem: "is neither true nor false"}
	case sends && *mail == NoInvitationMail, !sends && *mail != NoInvitationMail && *mail != MailByDefault:
		return &wrong{contradicts, "remove it, and write in InvitationMail which mail is meant"}
	case !sends:
		*mail = NoInvitationMail
	}
	return nil
}

func readPriority(cell any, row *Row) *wrong {
	number, whole := asWhole(cell)
	if !whole || number < 0 || number > MaxPriority {
		return &wrong{"is not a whole number in its range", fmt.Sprintf("write one from 0 to %d", MaxPriority)}
	}
	row.Priority = int(number)
	return nil
}

var takesLimit = fmt.Sprintf("a whole number from 1 to %d", MaxLimit)

func limitReader(field func(*Row) *int) func(any, *Row) *wrong {
	return func(cell any, row *Row) *wrong {
		number, whole := asWhole(cell)
		switch {
		case whole && number == 0:
			return &wrong{"is 0", "to invite nobody by this row, set Enabled to false; for any number, remove it"}
		case !whole || number < 1 || number > MaxLimit:
			return &wrong{"is not a whole number in its range", "write " + takesLimit + ", or remove it for any number"}
		}
		*field(row) = int(number)
		return nil
	}
}

var (
	takesPeople = fmt.Sprintf("object ids of at most %d users or groups, %s", MaxApprovers, takesList)
	takesDays   = fmt.Sprintf("a whole number of days from 1 to %d", MaxDays)
)

func daysReader(field func(*Row) *int) func(any, *Row) *wrong {
	return func(cell any, row *Row) *wrong {
		number, whole := asWhole(cell)
		if !whole || number < 1 || number > MaxDays {
			return &wrong{problem: "is not a whole number of days in its range"}
		}
		*field(row) = int(number)
		return nil
	}
}

// asWhole returns the cell's value if it is a whole number of fewer than 16 digits.
func asWhole(cell any) (number int64, whole bool) {
	switch cell := cell.(type) {
	case int32:
		return int64(cell), true
	case int64:
		return cell, true
	case float64:
		if cell != math.Trunc(cell) || math.Abs(cell) > 1e15 { // false for NaN, which equals nothing
			return 0, false
		}
		return int64(cell), true
	case string:
		if len(cell) > maxWord {
			return 0, false
		}
		number, err := strconv.ParseInt(cell, 10, 64)
		return number, err == nil
	}
	return 0, false
}

// The years that a row can be about. Those of other calendars are outside: 2026 is 2569 in
// Thailand, and 1405 in Iran, where spreadsheets write them like that. A deny row would begin, or
// an invitation end, centuries away.
const firstYear, lastYear = 1900, 2199

// timeReader reads a moment, in UTC. A date alone is the start of the day that many days later.
func timeReader(field func(*Row) *time.Time, later int) func(any, *Row) *wrong {
	const advice = "write a date such as 2026-05-31, or a time with its zone such as 2026-05-31T18:00:00Z or 2026-05-31T18:00:00+02:00"
	return func(cell any, row *Row) *wrong {
		days := 0
		at, isTime := cell.(time.Time)
		if !isTime {
			text, w := readText(cell, maxWord, advice)
			if w != nil {
				return w
			}
			var err error
			at, err = time.Parse(time.DateOnly, text)
			if err == nil {
				days = later
			} else {
				at, err = time.Parse(time.RFC3339, text)
			}
			if err != nil {
				return notMoment(text, advice)
			}
		}
		at = at.UTC()
		// Many write 9999-12-31 for no end. Go's zero time, in year 1, would mean "no limit".
		isNoEnd := later > 0 && at.Year() == LastTime.Year()
		if !isNoEnd && (at.Year() < firstYear || at.Year() > lastYear) {
			return &wrong{"is out of range, as if it had a year of another calendar",
				fmt.Sprintf("write a year from %d to %d, or leave it empty for no limit", firstYear, lastYear)}
		}
		*field(row) = at.AddDate(0, 0, days)
		return nil
	}
}

// notMoment says why a text is no moment, with words of its own for what spreadsheets write.
func notMoment(text, advice string) *wrong {
	switch days, _, hasClock := Days(text); {
	case len(days) == 0 && IsDate(text):
		return &wrong{"is a date without the four digits of its year", advice}
	case len(days) > 1:
		return &wrong{"is a date whose day and month can't be told apart", advice}
	case hasClock:
		return &wrong{"is not a date or a time with its zone", advice}
	default:
		return &wrong{"is not a date or time", advice}
	}
}

const takesList = "separated by comma, semicolon, space or line, or as a JSON array of strings"

// idsReader reads a list of object ids, in lower case and each once.
func idsReader(most int, field func(*Row) *[]string) func(any, *Row) *wrong {
	const advice = "write object ids as Entra shows them (01234567-89ab-cdef-0123-456789abcdef), " + takesList
	return textReader(maxList, advice, func(text string, row *Row) *wrong {
		var entries []string
		if strings.HasPrefix(text, "[") {
			err := json.Unmarshal([]byte(text), &entries) // null becomes "", which is not an id
			if err != nil {
				return &wrong{"begins like a JSON array but is not an array of strings", advice}
			}
		} else {
			entries = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) })
			if len(entries) == 0 {
				return &wrong{"holds separators only", advice}
			}
		}
		var ids []string
		for i, entry := range entries {
			id, understood := ParseGUID(strings.TrimSpace(entry))
			if !understood || id == zeroGUID {
				return &wrong{fmt.Sprintf("has an entry that is not an object id, number %d", i+1), advice}
			}
			if slices.Contains(ids, id) {
				continue
			}
			if len(ids) == most {
				return &wrong{fmt.Sprintf("has more than %d entries", most), fmt.Sprintf("keep at most %d", most)}
			}
			ids = append(ids, id)
		}
		*field(row) = ids
		return nil
	})
}

// ParseGUID returns a GUID in lower case: hexadecimal digits in groups of 8, 4, 4, 4 and 12. It
// runs for every entry of every row, which a regular expression would slow down.
func ParseGUID(text string) (guid string, ok bool) {
	if len(text) != len(zeroGUID) {
		return "", false
	}
	for i, c := range []byte(text) {
		isDigit := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if zeroGUID[i] == '-' && c != '-' || zeroGUID[i] == '0' && !isDigit {
			return "", false
		}
	}
	return strings.ToLower(text), true
}

// zeroGUID is the GUID of no object.
const zeroGUID = "00000000-0000-0000-0000-000000000000"

const urlAdvice = "write the whole URL as the browser shows it, such as https://portal.contoso.com/welcome"

func readRedirectURL(text string, row *Row) *wrong {
	// Browsers repair a URL that breaks RFC 3986, each in its own way, and may arrive elsewhere.
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return &wrong{"has a character that is not allowed in a URL", urlAdvice + "; %-encode such characters, and use punycode for the host"}
		}
	}
	target, err := url.Parse(text)
	if err != nil {
		return &wrong{"is not a URL", urlAdvice} // the error would repeat the text
	}
	port := 443
	if strings.Contains(target.Host, ":") {
		port, err = strconv.Atoi(target.Port())
	}
	switch {
	case target.Scheme != "https":
		return &wrong{"does not begin with https://", urlAdvice}
	case target.User != nil:
		return &wrong{"has a user name or password before the host", urlAdvice}
	case !isHost(strings.ToLower(target.Hostname())) || !strings.Contains(target.Hostname(), "."):
		return &wrong{"has no full host name after https://", urlAdvice}
	case err != nil || port < 1 || port > 65535:
		return &wrong{"has an invalid port", "write a number from 1 to 65535, or no colon"}
	}
	written := target.String()
	if len(written) > maxURL {
		return &wrong{fmt.Sprintf("is longer than %d characters once written in full", maxURL), "write a shorter one"}
	}
	row.Terms.RedirectURL = written
	return nil
}

const languageAdvice = "write a language, with its region if that matters, such as de or pt-BR"

func readMessageLanguage(text string, row *Row) *wrong {
	tag, err := language.Parse(text)
	if err != nil {
		return &wrong{"is not a language tag (BCP 47)", languageAdvice}
	}
	base, _, _ := tag.Raw()
	if base.String() == "und" || len(tag.Variants()) > 0 || len(tag.Extensions()) > 0 {
		return &wrong{"is more or less than a language, a script and a region", languageAdvice}
	}
	row.Terms.MessageLanguage = tag.String()
	return nil
}

// readInviteCode reads a code or its hash. The fault repeats nothing of it, not even its length.
func readInviteCode(cell any, row *Row) *wrong {
	advice := fmt.Sprintf("write a code of %d to %d letters a to z and digits, such as Tulip-Spring-2026, or sha256: and the 64 "+
		"hexadecimal digits of its hash", minCode, submission.MaxCode)
	number, whole := asWhole(cell)
	_, isText := cell.(string)
	if whole && !isText {
		cell = strconv.FormatInt(number, 10) // a code of digits in a column of numbers
	}
	text, w := readText(cell, maxCell, advice)
	if w != nil {
		return w
	}
	if len(text) > len(hashPrefix) && strings.EqualFold(text[:len(hashPrefix)], hashPrefix) {
		hash := CodeHashOf(text)
		if hash == "" || !hash.Valid() {
			return &wrong{"has no 64 hexadecimal digits after sha256:", advice}
		}
		row.InviteCode = hash
		return nil
	}
	code := submission.NormalCode(text)
	for _, c := range []byte(code) {
		if !('a' <= c && c <= 'z') && !('0' <= c && c <= '9') {
			return &wrong{"has a character that is neither a letter a to z, nor a digit, nor space or dash", advice}
		}
	}
	if len(code) < minCode || utf8.RuneCountInString(text) > submission.MaxCode {
		return &wrong{"is too short or too long", advice}
	}
	row.InviteCode = submission.HashCode(code)
	return nil
}

// CodeHashOf returns the hash of the code that a cell of InviteCode asks for: the one written in
// the cell, or that of the code in it.
func CodeHashOf(cell string) submission.CodeHash {
	cell = strings.TrimSpace(cell)
	if len(cell) > len(hashPrefix) && strings.EqualFold(cell[:len(hashPrefix)], hashPrefix) {
		return submission.CodeHash(strings.ToLower(strings.TrimSpace(cell[len(hashPrefix):])))
	}
	return submission.HashCode(cell)
}

const messageAdvice = "write plain text without tabs, control characters or marks that turn the direction of text; lines are fine"

// readMessage reads plain text of several lines, with any kind of line break, or such texts by
// language.
func readMessage(text string, row *Row) *wrong {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	message, err := ParseMessage(text)
	if err != nil {
		return &wrong{err.Error(), `write a text that does not begin with {, or such as {"": "Welcome.", "de": "Willkommen."}`}
	}
	for tag, words := range message {
		switch {
		case !utf8.ValidString(text) || strings.ContainsFunc(words, misleads):
			return &wrong{"has a character that is not allowed in plain text", messageAdvice}
		case utf8.RuneCountInString(words) > MaxMessage:
			return &wrong{fmt.Sprintf("is longer than %d characters", MaxMessage), "write a shorter one"}
		case strings.TrimSpace(words) == "":
			return &wrong{fmt.Sprintf("has no text for %q", tag), "write one, or remove the language"}
		}
	}
	row.Terms.Message = text
	return nil
}

// misleads reports whether r must not be in a mail: controls, separators, marks of direction.
func misleads(r rune) bool {
	return r != '\n' && unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Noncharacter_Code_Point) ||
		r == utf8.RuneError
}

const ccAdvice = "write one whole address; Graph accepts only one"

func readCc(text string, row *Row) *wrong {
	address, err := submission.ParseAddress(text)
	if err != nil {
		return &wrong{"is not a single e-mail address", ccAdvice}
	}
	row.Terms.Cc = address.String()
	return nil
}

func readNote(cell any, row *Row) *wrong {
	row.Note = clip(cellText(cell), maxValue)
	return nil
}

// textReader reads texts of at most longest bytes, with advice for other cells.
func textReader(longest int, advice string, read func(text string, row *Row) *wrong) func(any, *Row) *wrong {
	return func(cell any, row *Row) *wrong {
		text, w := readText(cell, longest, advice)
		if w != nil {
			return w
		}
		return read(text, row)
	}
}

// readText returns the cell's text of at most longest bytes.
func readText(cell any, longest int, advice string) (string, *wrong) {
	text, isText := cell.(string)
	switch {
	case !isText:
		return "", &wrong{"is of type " + cellType(cell) + ", not String", advice}
	case len(text) > longest:
		return "", &wrong{fmt.Sprintf("is longer than %d bytes", longest), advice}
	default:
		return text, nil
	}
}

// cellType returns the cell's type by its name in Storage Explorer.
func cellType(cell any) string {
	switch cell.(type) {
	case string:
		return "String"
	case bool:
		return "Boolean"
	case int32:
		return "Int32"
	case int64:
		return "Int64"
	case float64:
		return "Double"
	case time.Time:
		return "DateTime"
	case []byte:
		return "Binary"
	default:
		return "unknown"
	}
}

// cellText returns the cell's value, for a person.
func cellText(cell any) string {
	switch cell := cell.(type) {
	case nil:
		return ""
	case string:
		return cell
	case bool, int32, int64:
		return fmt.Sprint(cell)
	case float64:
		return strconv.FormatFloat(cell, 'g', -1, 64)
	case time.Time:
		return cell.UTC().Format(time.RFC3339Nano)
	case []byte:
		return fmt.Sprintf("(%d bytes)", len(cell))
	default:
		return "(a value of an unknown type)"
	}
}
