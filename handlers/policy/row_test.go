package policy

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/submission"
)

const (
	group1  = "01234567-89ab-cdef-0123-456789abcdef"
	group2  = "11111111-2222-3333-4444-555555555555"
	sponsor = "99999999-8888-7777-6666-555555555555"
)

// raw returns a row of the domain contoso.com.
func raw(name string, columns map[string]any) Raw {
	return Raw{Partition: "contoso.com", Name: name, ETag: "etag of " + name, Columns: columns}
}

// with returns an invite row with one more column.
func with(column string, cell any) Raw {
	return raw("partners", map[string]any{"Action": "invite", column: cell})
}

func moment(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}

// ids returns n different object ids.
func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%08x-1111-1111-1111-111111111111", i)
	}
	return list
}

func TestParseFillsInDefaults(t *testing.T) {
	only := raw("partners", map[string]any{"Action": "invite"})
	blank := raw("partners", map[string]any{"Action": "invite"})
	for _, c := range Columns() {
		if !c.Required {
			blank.Columns[c.Name] = " \t\n"
		}
	}
	for name, given := range map[string]Raw{"columns that are not set": only, "empty texts": blank} {
		t.Run(name, func(t *testing.T) {
			want := Row{Raw: given, Action: Invite, Mode: Enforce, Enabled: true, Priority: 100, Terms: Terms{UserType: "Guest"}}
			diff := cmp.Diff(want, Parse(given))
			if diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefaultsAreValid(t *testing.T) {
	for _, c := range columns {
		if c.Default == "" {
			continue
		}
		var row Row
		w := c.read(c.Default, &row)
		if w != nil {
			t.Errorf("the default of %s %s", c.Name, w.problem)
		}
	}
}

func TestEveryColumnIsDescribed(t *testing.T) {
	for _, c := range Columns() {
		if c.Name == "" || c.Takes == "" || c.Example == "" || c.Meaning == "" || c.Required && c.Default != "" {
			t.Errorf("column %+v is not fully described", c)
		}
	}
}

func TestParseReadsCells(t *testing.T) {
	mayDay := moment("2026-05-01T00:00:00Z")
	tests := []struct {
		name   string
		column string
		cell   any
		get    func(Row) any
		want   any
	}{
		{"an action in capitals", "Action", "Deny", func(r Row) any { return r.Action }, Deny},
		{"an action with white space around", "Action", " review\r\n", func(r Row) any { return r.Action }, Review},

		{"a Boolean", "Enabled", false, enabled, false},
		{"a Boolean as text", "Enabled", "FALSE", enabled, false},
		{"no", "Enabled", "No", enabled, false},
		{"zero as Int32", "Enabled", int32(0), enabled, false},
		{"zero as Int64", "Enabled", int64(0), enabled, false},
		{"zero as Double", "Enabled", 0.0, enabled, false},
		{"zero as text", "Enabled", "0", enabled, false},
		{"one", "Enabled", int32(1), enabled, true},
		{"yes", "Enabled", "yes", enabled, true},

		{"an Int32", "Priority", int32(10), priority, 10},
		{"an Int64", "Priority", int64(10), priority, 10},
		{"a Double without fraction", "Priority", 10.0, priority, 10},
		{"a number as text", "Priority", " 10 ", priority, 10},
		{"the smallest priority", "Priority", int32(0), priority, 0},
		{"the largest priority", "Priority", int32(MaxPriority), priority, MaxPriority},

		{"a date is its start for NotBefore", "NotBefore", "2026-05-01", func(r Row) any { return r.NotBefore }, mayDay},
		{"a date is its end for NotAfter", "NotAfter", "2026-04-30", notAfter, mayDay},
		{"the end of a leap day", "NotAfter", "2028-02-29", notAfter, moment("2028-03-01T00:00:00Z")},
		{"a time in UTC", "NotAfter", "2026-05-01T00:00:00Z", notAfter, mayDay},
		{"a time in another zone", "NotAfter", "2026-05-01T02:00:00+02:00", notAfter, mayDay},
		{"a DateTime", "NotAfter", mayDay.In(time.FixedZone("", 7200)), notAfter, mayDay},
		{"the last day that the table knows", "NotAfter", "9999-12-31", notAfter, time.Date(10000, 1, 1, 0, 0, 0, 0,
			time.UTC)},

		{"one group", "Groups", group1, groups, []string{group1}},
		{"groups in capitals", "Groups", strings.ToUpper(group1), groups, []string{group1}},
		{"groups in many separations", "Groups", group1 + ", " + group2 + " ;\n" + sponsor + ",", groups,
			[]string{group1, group2, sponsor}},
		{"groups as JSON", "Groups", `["` + group1 + `", "` + strings.ToUpper(group2) + `"]`, groups, []string{group1,
			group2}},
		{"no groups as JSON", "Groups", `[]`, groups, []string(nil)},
		{"groups named twice", "Groups", group2 + "," + group1 + "," + strings.ToUpper(group2), groups,
			[]string{group2, group1}},
		{"as many groups as are allowed", "Groups", strings.Join(ids(21)[1:], " "), groups, ids(21)[1:]},
		{"as many sponsors as are allowed, some twice", "Sponsors", strings.Join(append(ids(5), ids(5)...), ";"),
			func(r Row) any { return r.Terms.Sponsors }, ids(5)},

		{"a URL", "RedirectUrl", " https://portal.contoso.com/a/b?c=d&e=%20#f ", redirect,
			"https://portal.contoso.com/a/b?c=d&e=%20#f"},
		{"a URL with a port", "RedirectUrl", "https://portal.contoso.com:8443/", redirect,
			"https://portal.contoso.com:8443/"},
		{"a URL with the last port", "RedirectUrl", "https://portal.contoso.com:65535/", redirect, "https://portal.contoso.com:65535/"},
		{"a URL with the first port", "RedirectUrl", "https://portal.contoso.com:1/", redirect, "https://portal.contoso.com:1/"},
		{"a URL in capitals", "RedirectUrl", "HTTPS://Portal.Contoso.com/A", redirect, "https://Portal.Contoso.com/A"},

		{"a language", "MessageLanguage", "de", messageLanguage, "de"},
		{"a language in an odd form", "MessageLanguage", "PT_br", messageLanguage, "pt-BR"},
		{"a language with a script", "MessageLanguage", "zh-Hant-TW", messageLanguage, "zh-Hant-TW"},

		{"a proof", "Proof", "Code", func(r Row) any { return r.Proof }, ProofCode},
		{"no proof", "Proof", " NONE ", func(r Row) any { return r.Proof }, NoProof},
		{"the app's own mail", "InvitationMail", "OWN", invitationMail, OwnMail},
		{"Microsoft's mail", "InvitationMail", "Microsoft", invitationMail, MicrosoftMail},
		{"no mail", "InvitationMail", "none", invitationMail, NoInvitationMail},
		{"no mail in the older form", "SendInvitation", "false", invitationMail, NoInvitationMail},
		{"a mail in the older form", "SendInvitation", int32(1), invitationMail, MailByDefault},
		{"a member", "UserType", "MEMBER", func(r Row) any { return r.Terms.UserType }, "Member"},
		{"audit", "Mode", "AUDIT", func(r Row) any { return r.Mode }, Audit},
		{"a limit", "MaxGuests", "20", func(r Row) any { return r.MaxGuests }, 20},
		{"the smallest limit", "MaxPerDay", 1.0, func(r Row) any { return r.MaxPerDay }, 1},
		{"the largest limit", "MaxGuests", int32(MaxLimit), func(r Row) any { return r.MaxGuests }, MaxLimit},
		{"a code", "InviteCode", "SPRING – 2026", inviteCodeOf, submission.HashCode("spring2026")},
		{"a code of the first and last letters and digits", "InviteCode", "A-Z 0-9 azAZ09", inviteCodeOf, submission.HashCode("az09azaz09")},
		{"the shortest code", "InviteCode", "zz-9a0-9", inviteCodeOf, submission.HashCode("zz9a09")},
		{"the longest code", "InviteCode", strings.Repeat("z", 64), inviteCodeOf, submission.HashCode(strings.Repeat("z", 64))},
		{"a code of full-width digits", "InviteCode", "２０２６２０２６", inviteCodeOf, submission.HashCode("20262026")},
		{"a message", "Message", " Welcome <all>!\r\n\rAna & Bo\n", func(r Row) any { return r.Terms.Message }, "Welcome <all>!\n\nAna & Bo"},
		{"a message by language", "Message", "{\"\": \"Welcome.\",\r\n\"de\": \"Willkommen.\"}", func(r Row) any { return r.Terms.MessageIn("de-AT") }, "Willkommen."},
		{"the longest message", "Message", strings.Repeat("🏢", MaxMessage), func(r Row) any { return len(r.Terms.Message) }, 4 * MaxMessage},
		{"a copy", "Cc", " Desk@Contoso.COM ", func(r Row) any { return r.Terms.Cc }, "desk@contoso.com"},

		{"a note", "Note", "ask Ana, see #12 <b>", note, "ask Ana, see #12 <b>"},
		{"a number as note", "Note", int64(2026), note, "2026"},
		{"binary as note", "Note", []byte{1, 2}, note, "(2 bytes)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			row := Parse(with(test.column, test.cell))
			if row.Faults != nil {
				t.Fatalf("Faults = %v, want none", row.Faults)
			}
			diff := cmp.Diff(test.want, test.get(row))
			if diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func inviteCodeOf(r Row) any    { return r.InviteCode }
func enabled(r Row) any         { return r.Enabled }
func priority(r Row) any        { return r.Priority }
func notAfter(r Row) any        { return r.NotAfter }
func groups(r Row) any          { return r.Terms.Groups }
func redirect(r Row) any        { return r.Terms.RedirectURL }
func messageLanguage(r Row) any { return r.Terms.MessageLanguage }
func note(r Row) any            { return r.Note }
func invitationMail(r Row) any  { return r.Terms.InvitationMail }

func TestParseRefusesCells(t *testing.T) {
	long := strings.Repeat("9", 100_000)
	tests := []struct {
		name    string
		column  string
		cell    any
		problem string // part of it
	}{
		{"another word", "Action", "approve", "not one of the allowed words"},
		{"two words", "Action", "invite, review", "not one of the allowed words"},
		{"a look-alike letter", "Action", "ınvite", "not one of the allowed words"},
		{"a Boolean as action", "Action", true, "type Boolean"},
		{"an empty action", "Action", " ", "not set"},
		{"a long action", "Action", long, "longer than"},

		{"a misspelt Boolean", "Enabled", "flase", "neither true nor false"},
		{"two", "Enabled", int32(2), "neither true nor false"},
		{"a half", "Enabled", 0.5, "neither true nor false"},
		{"a DateTime as Boolean", "Enabled", time.Now(), "neither true nor false"},
		{"a long Boolean", "SendInvitation", long, "neither true nor false"},

		{"another proof", "Proof", "link", "not one of the allowed words"},
		{"a Boolean as proof", "Proof", true, "type Boolean"},
		{"another mail", "InvitationMail", "graph", "not one of the allowed words"},
		{"a Boolean as mail", "InvitationMail", false, "type Boolean"},
		{"the mail of the older form", "InvitationMail", "false", "not one of the allowed words"},
		{"a long mail", "InvitationMail", long, "longer than"},

		{"another mode", "Mode", "report", "not one of the allowed words"},
		{"a Boolean as mode", "Mode", true, "type Boolean"},

		{"no guests", "MaxGuests", int32(0), "is 0"},
		{"no guests as text", "MaxPerDay", "0", "is 0"},
		{"fewer than none", "MaxGuests", int32(-1), "whole number"},
		{"half a guest", "MaxPerDay", 0.5, "whole number"},
		{"too many guests", "MaxGuests", int64(MaxLimit + 1), "whole number"},
		{"unlimited guests", "MaxGuests", "unlimited", "whole number"},
		{"a long limit", "MaxGuests", long, "whole number"},

		{"a short code", "InviteCode", "a1-b2", "too short"},
		{"a long code", "InviteCode", strings.Repeat("a", 65), "too long"},
		{"a code with a mark", "InviteCode", "spring/2026", "a character"},
		{"a code in another script", "InviteCode", "весна2026", "a character"},
		{"a hash that is too short", "InviteCode", "sha256:" + strings.Repeat("a", 63), "64 hexadecimal digits"},
		{"an invalid hash", "InviteCode", "sha256:" + strings.Repeat("g", 64), "64 hexadecimal digits"},
		{"an empty hash", "InviteCode", "sha256:", "a character"},
		{"a Boolean as code", "InviteCode", true, "type Boolean"},
		{"a broken number as code", "InviteCode", 123456.5, "type Double"},
		{"a very long code", "InviteCode", long, "longer than"},

		{"a message with a tab", "Message", "a\tb", "a character"},
		{"a message with a null", "Message", "a\x00b", "a character"},
		{"a message with an escape", "Message", "a\x1b[31mb", "a character"},
		{"a message with a direction mark", "Message", "pay \u202eecneloiv", "a character"},
		{"a message with another line end", "Message", "a\u2028b", "a character"},
		{"a message in broken JSON", "Message", `{"de": }`, "JSON"},
		{"a message of lists", "Message", `{"de": ["x"]}`, "JSON"},
		{"a message for no language", "Message", `{"German please": "x"}`, "language"},
		{"a message with an empty text", "Message", `{"de": " "}`, "no text for"},
		{"a message with a hidden mark", "Message", `{"de": "pay \u202eecneloiv"}`, "a character"},
		{"a long text in a message", "Message", `{"de": "` + strings.Repeat("x", MaxMessage+1) + `"}`, "longer than 2000 characters"},
		{"a damaged message", "Message", "a\xffb", "a character"},
		{"a damaged message that was repaired", "Message", "a\ufffdb", "a character"},
		{"a long message", "Message", strings.Repeat("x", MaxMessage+1), "longer than 2000 characters"},
		{"a very long message", "Message", long, "longer than"},
		{"a number as message", "Message", int32(1), "type Int32"},

		{"two copies", "Cc", "a@contoso.com, b@contoso.com", "not a single e-mail address"},
		{"a copy with a name", "Cc", "Desk <desk@contoso.com>", "not a single e-mail address"},
		{"a copy with a line break", "Cc", "desk@contoso.com\r\nBcc: all@contoso.com", "not a single e-mail address"},
		{"a copy to a domain", "Cc", "contoso.com", "not a single e-mail address"},
		{"a copy to a look-alike", "Cc", "desk@cоntoso.com", "not a single e-mail address"},
		{"a very long copy", "Cc", long, "longer than"},

		{"a negative priority", "Priority", int32(-1), "whole number"},
		{"too large a priority", "Priority", int32(MaxPriority + 1), "whole number"},
		{"far too large a priority", "Priority", int64(math.MaxInt64), "whole number"},
		{"a fraction", "Priority", 10.5, "whole number"},
		{"a fraction as text", "Priority", "10.5", "whole number"},
		{"not a number", "Priority", math.NaN(), "whole number"},
		{"infinity", "Priority", math.Inf(1), "whole number"},
		{"a huge Double", "Priority", 1e300, "whole number"},
		{"a hexadecimal number", "Priority", "0x10", "whole number"},
		{"a word as number", "Priority", "high", "whole number"},
		{"a Boolean as number", "Priority", true, "whole number"},
		{"a long number", "Priority", long, "whole number"},

		{"a date in reverse order", "NotAfter", "31.05.2026", "not a date"},
		{"an invalid date", "NotAfter", "2026-02-30", "not a date"},
		{"a time without a zone", "NotAfter", "2026-05-31T18:00:00", "not a date"},
		{"a year of the Buddhist calendar", "NotAfter", "2569-12-31", "a year of another calendar"},
		{"a beginning centuries ahead", "NotBefore", "2569-12-31", "a year of another calendar"},
		{"a DateTime centuries ahead", "NotBefore", time.Date(2569, 1, 1, 0, 0, 0, 0, time.UTC), "a year of another calendar"},
		{"a year of the Persian calendar", "NotBefore", "1405-02-01", "a year of another calendar"},
		{"a beginning at the end of all time", "NotBefore", "9999-12-31", "a year of another calendar"},
		{"a year before 1601", "NotAfter", "0001-01-01", "a year of another calendar"},
		{"the zero time, which would mean no limit", "NotAfter", time.Time{}, "a year of another calendar"},
		{"the zero time as text", "NotAfter", "0001-01-01T00:00:00Z", "a year of another calendar"},
		{"a number as date", "NotBefore", int32(20260531), "type Int32"},
		{"a long date", "NotBefore", long, "longer than"},

		{"the name of a group", "Groups", "Partners", "number 1"},
		{"an id with a bad digit", "Groups", group1 + "," + "g" + group2[1:], "number 2"},
		{"an id without dashes", "Groups", strings.ReplaceAll(group1, "-", ""), "number 1"},
		{"an id in braces", "Groups", "{" + group1 + "}", "number 1"},
		{"the id of zeros", "Groups", "00000000-0000-0000-0000-000000000000", "number 1"},
		{"separators only", "Groups", ",;", "separators only"},
		{"broken JSON", "Groups", `["` + group1 + `"`, "JSON array"},
		{"JSON with something behind", "Groups", `["` + group1 + `"] and more`, "JSON array"},
		{"JSON with a number", "Groups", `[1]`, "JSON array"},
		{"JSON with a null", "Groups", `[null]`, "number 1"},
		{"JSON with an array inside", "Groups", `[["` + group1 + `"]]`, "JSON array"},
		{"too many groups", "Groups", strings.Join(ids(22)[1:], ","), "more than 20"},
		{"too many sponsors", "Sponsors", strings.Join(ids(6), ","), "more than 5"},
		{"a long list", "Groups", strings.Repeat(group1+",", 10_000), "longer than"},
		{"binary as list", "Groups", []byte(group1), "type Binary"},

		{"a plain http URL", "RedirectUrl", "http://portal.contoso.com", "https://"},
		{"a script", "RedirectUrl", "javascript:alert(1)", "https://"},
		{"a URL without scheme", "RedirectUrl", "portal.contoso.com/a", "https://"},
		{"a URL without host", "RedirectUrl", "https:///a", "host name"},
		{"a URL without slashes", "RedirectUrl", "https:portal.contoso.com", "host name"},
		{"a URL with a user", "RedirectUrl", "https://portal.contoso.com@fabrikam.com/", "user name"},
		{"a URL with a backslash", "RedirectUrl", `https://portal.contoso.com\@fabrikam.com/`, "not allowed in a URL"},
		{"a URL with a line break", "RedirectUrl", "https://portal.contoso.com/\nb", "not allowed in a URL"},
		{"a URL with a space", "RedirectUrl", "https://portal.contoso.com/a b", "not allowed in a URL"},
		{"a URL with a quotation mark", "RedirectUrl", `https://portal.contoso.com/"b`, "not allowed in a URL"},
		{"a URL with a delete character", "RedirectUrl", "https://portal.contoso.com/\x7f", "not allowed in a URL"},
		{"a URL with a foreign letter", "RedirectUrl", "https://pörtal.contoso.com/", "not allowed in a URL"},
		{"a URL with an address for a host", "RedirectUrl", "https://127.0.0.1/", "host name"},
		{"a URL with an IPv6 host", "RedirectUrl", "https://[::1]/", "host name"},
		{"a URL with a short host", "RedirectUrl", "https://localhost/", "host name"},
		{"a URL with a wildcard host", "RedirectUrl", "https://*.contoso.com/", "host name"},
		{"a URL with an encoded host", "RedirectUrl", "https://portal%2econtoso.com/", "not a URL"},
		{"a URL with a colon only", "RedirectUrl", "https://portal.contoso.com:/", "port"},
		{"a URL with too large a port", "RedirectUrl", "https://portal.contoso.com:65536/", "port"},
		{"a URL with port 0", "RedirectUrl", "https://portal.contoso.com:0/", "port"},
		{"a long URL", "RedirectUrl", "https://portal.contoso.com/" + long, "longer than"},

		{"the name of a language", "MessageLanguage", "German", "language"},
		{"an unknown language", "MessageLanguage", "qq", "language"},
		{"no language", "MessageLanguage", "und-DE", "language"},
		{"a private-use language", "MessageLanguage", "x-ours", "language"},
		{"a language with an extension", "MessageLanguage", "de-u-co-phonebk", "language"},
		{"a long language", "MessageLanguage", strings.Repeat("de-", 50_000), "longer than"},

		{"another kind of user", "UserType", "Admin", "not one of the allowed words"},
		{"a letter that folds to a valid one", "UserType", "Gueſt", "not one of the allowed words"},
		{"a value that no table holds", "UserType", struct{}{}, "type unknown"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			row := Parse(with(test.column, test.cell))
			if len(row.Faults) != 1 || row.Faults[0].Column != test.column {
				t.Fatalf("Faults = %v, want one of %s", row.Faults, test.column)
			}
			fault := row.Faults[0]
			if !strings.Contains(fault.Problem, test.problem) {
				t.Errorf("Problem = %q, want it to contain %q", fault.Problem, test.problem)
			}
			if fault.Advice == "" || strings.Contains(fault.String(), "999999") || strings.ContainsAny(fault.String(), "@\n") {
				t.Errorf("%q has no advice, or repeats the cell", fault)
			}
		})
	}
}

func TestFaultyColumnKeepsDefault(t *testing.T) {
	row := Parse(raw("partners", map[string]any{"Action": "invit", "Enabled": "maybe", "Priority": "x",
		"Groups": group1 + " x", "UserType": "x"}))
	got := []string{}
	for _, f := range row.Faults {
		got = append(got, f.Column)
	}
	diff := cmp.Diff([]string{"Action", "Enabled", "Priority", "Groups", "UserType"}, got)
	if diff != "" {
		t.Errorf("columns at fault (-want +got):\n%s", diff)
	}
	if row.Disabled() {
		t.Error("a row whose Enabled can't be understood counts as disabled")
	}
	row.Faults = nil
	diff = cmp.Diff(Row{Raw: row.Raw, Mode: Enforce, Enabled: true, Priority: 100, Terms: Terms{UserType: "Guest"}}, row)
	if diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

// TestColumnsForInvitationMail has rows with InvitationMail and its older form, SendInvitation.
func TestColumnsForInvitationMail(t *testing.T) {
	const contradicts = "column SendInvitation contradicts InvitationMail"
	tests := map[string]struct {
		mail, sends any
		want        InvitationMail
		fault       string // how it begins
	}{
		"neither":                   {nil, nil, MailByDefault, ""},
		"true alone":                {nil, true, MailByDefault, ""},
		"false alone":               {nil, false, NoInvitationMail, ""},
		"false beside an empty one": {" ", "no", NoInvitationMail, ""},
		"none and an empty one":     {"none", " ", NoInvitationMail, ""},
		"none and false":            {"none", false, NoInvitationMail, ""},
		"microsoft and true":        {"microsoft", "yes", MicrosoftMail, ""},
		"own and true":              {"own", true, OwnMail, ""},
		"none and true":             {"none", true, NoInvitationMail, contradicts},
		"microsoft and false":       {"microsoft", 0.0, MicrosoftMail, contradicts},
		"own and false":             {"own", "false", OwnMail, contradicts},
		"own and a misspelt one":    {"own", "flase", OwnMail, "column SendInvitation is neither true nor false"},
		"a misspelt one and false":  {"non", false, NoInvitationMail, "column InvitationMail is not one of"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			row := Parse(raw("partners", map[string]any{
				"Action": "invite", "InvitationMail": test.mail, "SendInvitation": test.sends,
			}))
			if row.Terms.InvitationMail != test.want {
				t.Errorf("InvitationMail = %q, want %q", row.Terms.InvitationMail, test.want)
			}
			faults := fmt.Sprint(row.Faults)
			if (test.fault == "") != (row.Faults == nil) || len(row.Faults) > 1 || !strings.Contains(faults, test.fault) {
				t.Errorf("Faults = %s, want %q", faults, test.fault)
			}
			decision := Decide(from(t, "ana@contoso.com"), []Row{row}, nil, now)
			if (decision.Action == Invite) != (test.fault == "") {
				t.Errorf("the row decides %s: %s", decision.Action, decision.Reason)
			}
		})
	}
}

func TestParseRefusesEmptyWindow(t *testing.T) {
	tests := []struct {
		name, notBefore, notAfter string
		faulty                    bool
	}{
		{"reversed", "2026-06-01", "2026-05-01", true},
		{"empty", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z", true},
		{"one day", "2026-05-01", "2026-05-01", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			row := Parse(raw("partners", map[string]any{"Action": "invite", "NotBefore": test.notBefore,
				"NotAfter": test.notAfter}))
			if (row.Faults != nil) != test.faulty {
				t.Errorf("Faults = %v, want some: %t", row.Faults, test.faulty)
			}
		})
	}
}

func TestParseRefusesUnknownColumns(t *testing.T) {
	tests := []struct {
		column string
		cell   any
		advice string // part of it
	}{
		{"action", "invite", "call it Action"},
		{"Acton", "invite", "call it Action"},
		{"RedirectURL", "https://portal.contoso.com", "call it RedirectUrl"},
		{"Group", group1, "call it Groups"},
		{"Notafter", "2026-05-01", "call it NotAfter"},
		{"AutoAprove", true, "remove it; the columns are Action,"},
		{"mode", "audit", "call it Mode"},
		{"Conditions", "true", "call it Condition"},
		{"MaxGuest", int32(5), "call it MaxGuests"},
		{"MaxPerday", int32(5), "call it MaxPerDay"},
		{"Invitecode", "x", "call it InviteCode"},
		{"Messages", "x", "call it Message"},
		{"CC", "x", "call it Cc"},
		{"Timestamp", time.Now(), "remove it"},
		{"Empty", "", "remove it"},
		{"", "x", "remove it"},
		{" Action", "x", "call it Action"},
		{"Groups@odata.type", "x", "remove it"},
		{strings.Repeat("Action", 10_000), "x", "remove it"},
	}
	for _, test := range tests {
		t.Run(clip(test.column, 50), func(t *testing.T) {
			row := Parse(with(test.column, test.cell))
			if len(row.Faults) != 1 || !strings.Contains(row.Faults[0].Problem, "not a column") {
				t.Fatalf("Faults = %v, want one", row.Faults)
			}
			got := row.Faults[0].Advice
			if !strings.Contains(got, test.advice) {
				t.Errorf("Advice = %q, want it to contain %q", got, test.advice)
			}
			if len(row.Faults[0].String()) > 1000 || strings.Contains(row.Faults[0].String(), "@") {
				t.Errorf("%q is not fit for a log", row.Faults[0])
			}
		})
	}
}

func TestParseBoundsTheFaults(t *testing.T) {
	columns := map[string]any{"Action": "invite"}
	for i := range 500 {
		columns[fmt.Sprintf("Column%03d", i)] = "x"
	}
	row := Parse(raw("partners", columns))
	if len(row.Faults) != 20 {
		t.Fatalf("%d faults, want 20", len(row.Faults))
	}
	if row.Faults[0].Column != "Column000" || !strings.Contains(row.Faults[19].Problem, "480 more") {
		t.Errorf("first %v, last %v; want Column000 and a count of the rest", row.Faults[0], row.Faults[19])
	}
}
