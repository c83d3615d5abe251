package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/submission"
)

var now = moment("2026-05-15T12:00:00Z")

// from returns a submission from the address.
func from(t testing.TB, text string) submission.Submission {
	t.Helper()
	return submission.Submission{Email: address(t, text), GivenName: "Ana", FamilyName: "Silva", SubmittedAt: now}
}

// row returns a parsed row; pairs are column names and cells.
func row(partition, name, action string, pairs ...any) Row {
	columns := map[string]any{"Action": action}
	for pair := range slices.Chunk(pairs, 2) {
		columns[pair[0].(string)] = pair[1]
	}
	return Parse(Raw{Partition: partition, Name: name, ETag: "etag of " + name, Columns: columns})
}

func TestDecide(t *testing.T) {
	const ana = "ana@eu.contoso.com"
	tests := []struct {
		name string
		rows []Row
		want Action
		by   string // the deciding row's name; empty if none
		why  string
	}{
		{"no rows", nil, Review, "", "There is no row"},
		{"a row for the address", []Row{row(ana, "a", "invite")}, Invite, "a", `row "a" (address) decides: invite`},
		{"a row for the domain", []Row{row("eu.contoso.com", "a", "invite")}, Invite, "a",
			`row "a" (domain eu.contoso.com) decides`},
		{"a row for a wildcard", []Row{row("*.contoso.com", "a", "invite")}, Invite, "a",
			`row "a" (wildcard *.contoso.com) decides`},
		{"a row for everybody", []Row{row("*", "a", "deny")}, Deny, "a", `row "a" (any) decides: deny`},
		{"a wildcard is not for its own domain", []Row{row("*.eu.contoso.com", "a", "invite")}, Review, "",
			"There is no row"},
		{"a domain is not for what is below it", []Row{row("contoso.com", "a", "invite")}, Review, "", "There is no row"},
		{"the narrower wins over the wider", []Row{row("*", "any", "invite"), row("*.com", "com", "invite"),
			row("*.contoso.com", "wild", "invite"),
			row("eu.contoso.com", "dom", "invite"), row(ana, "addr", "deny")}, Deny, "addr", "(address)"},
		{"the nearest wildcard wins", []Row{row("*.com", "com", "invite"), row("*.contoso.com", "wild", "deny")},
			Deny, "wild", "wildcard"},
		{"priority does not reach across partitions", []Row{row("*", "any", "invite", "Priority", int32(0)),
			row("eu.contoso.com", "dom", "deny", "Priority", int32(1000))}, Deny, "dom", ""},
		{"the smaller priority wins", []Row{row("*", "a", "invite", "Priority", "20"),
			row("*", "b", "deny", "Priority", int32(3))}, Deny, "b", ""},
		{"an unset priority is 100", []Row{row("*", "b", "invite", "Priority", "101"), row("*", "c", "deny"),
			row("*", "a", "invite", "Priority", "101")},
			Deny, "c", ""},
		{"by name for one priority", []Row{row("*", "b", "invite"), row("*", "a", "deny"), row("*", "B", "review")},
			Review, "B", ""},
		{"a disabled row is skipped", []Row{row(ana, "a", "deny", "Enabled", "false"), row("*", "b", "invite")},
			Invite, "b", ""},
		{"disabled rows only", []Row{row("*", "b", "invite", "Enabled", false)}, Review, "",
			"None of the rows for this address (1)"},
		{"a row that is not yet valid", []Row{row("*", "b", "invite", "NotBefore", "2026-05-16")}, Review, "", "None"},
		{"a row that is no longer valid", []Row{row("*", "b", "invite", "NotAfter", "2026-05-14")}, Review, "", "None"},
		{"a row that is valid today", []Row{
			row("*", "b", "invite", "NotBefore", "2026-05-15", "NotAfter", "2026-05-15")}, Invite, "b", ""},
		{"NotBefore is inclusive", []Row{row("*", "b", "invite", "NotBefore", now)}, Invite, "b", ""},
		{"NotAfter is exclusive", []Row{row("*", "b", "invite", "NotAfter", now)}, Review, "", "None"},
		{"just before NotBefore", []Row{row("*", "b", "invite", "NotBefore", now.Add(1))}, Review, "", "None"},
		{"just before NotAfter", []Row{row("*", "b", "invite", "NotAfter", now.Add(1))}, Invite, "b", ""},
		{"a faulty row stands before all of its partition", []Row{row("*", "a", "invite", "Priority", int32(0)),
			row("*", "z", "dny", "Priority", "500")},
			Review, "z", "can't be understood, so a person decides: column Action is not one of the allowed words"},
		{"a faulty deny is not passed over", []Row{row("*", "a", "deny", "AutoAprove", true)}, Review, "a",
			`column "AutoAprove" is not a column`},
		{"a faulty row counts outside of its times", []Row{
			row("*", "a", "invite", "NotAfter", "2020-01-01", "Enable", "true"), row("*", "b", "invite")},
			Review, "a", "can't be understood"},
		{"a faulty row that is switched off", []Row{row("*", "a", "dny", "Enabled", "no"), row("*", "b", "invite")},
			Invite, "b", ""},
		{"a faulty row with a faulty switch", []Row{row("*", "a", "deny", "Enabled", "nope"),
			row("*", "b", "invite")}, Review, "a", "column Enabled"},
		{"a faulty row of a wider partition", []Row{row("*", "a", "dny"), row(ana, "b", "invite")}, Invite, "b", ""},
		{"a faulty row of a narrower partition", []Row{row(ana, "a", "dny"), row("*", "b", "invite")}, Review, "a",
			"row \"a\" (address)"},
		{"the first of two faulty rows, whatever their priorities", []Row{row("*", "b", "dny", "Priority", int32(1)),
			row("*", "a", "dny", "Priority", int32(2))},
			Review, "a", ""},
		{"several faults", []Row{row("*", "a", "dny", "Priority", "x", "Note2", "x")}, Review, "a", "(and 2 more)"},
		{"one name twice", []Row{row("*", "a", "invite"), row("*", "a", "invite", "Priority", int32(1))}, Review, "a",
			"column RowKey came twice"},
		{"one name twice, one of them switched off", []Row{row("*", "a", "invite"),
			row("*", "a", "invite", "Enabled", false)}, Review, "a", "column RowKey came twice"},
		{"one name in two partitions", []Row{row("*", "a", "deny"), row(ana, "a", "invite")}, Invite, "a", ""},
		{"rows of other partitions", []Row{row("bob@eu.contoso.com", "a", "deny"), row("fabrikam.com", "b", "deny"),
			row("*.org", "c", "dny"), row("FABRIKAM.com", "d", "deny")}, Review, "", "There is no row"},
		{"a row that was never parsed", []Row{{Raw: Raw{Partition: "*", Name: "a"}, Enabled: true}}, Review, "a",
			"has not been read"},
		{"a name like an address", []Row{row("*", "for bob@fabrikam.com", "deny")}, Deny, "for bob@fabrikam.com",
			"row (named like an address) (any)"},
		{"a name with a line break", []Row{row("*", "a\nb", "deny")}, Deny, "a\nb", `row "a\nb"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Decide(from(t, ana), test.rows, nil, now)
			if got.Action != test.want {
				t.Errorf("Action = %s, want %s; %s", got.Action, test.want, got.Reason)
			}
			by := ""
			if got.Row != nil {
				by = got.Row.Name
			}
			if by != test.by {
				t.Errorf("decided by %q, want %q", by, test.by)
			}
			if !strings.Contains(got.Reason, test.why) {
				t.Errorf("Reason = %q, want it to contain %q", got.Reason, test.why)
			}
			if strings.Contains(got.Reason, "@") || strings.Contains(got.Reason, "\n") {
				t.Errorf("Reason = %q is not fit for a log", got.Reason)
			}
			if (got.Terms != nil) != (got.Action == Invite) {
				t.Errorf("Terms = %v with %s", got.Terms, got.Action)
			}
		})
	}
}

func TestDecideExplainsEveryRow(t *testing.T) {
	invite := row("*.contoso.com", "partners", "Invite", "Groups", group1+" "+group2,
		"Sponsors", strings.ToUpper(sponsor), "RedirectUrl", "https://portal.contoso.com", "MessageLanguage", "de",
		"SendInvitation", int32(0), "UserType", "member", "NotBefore", moment("2026-05-01T00:00:00Z"), "Note", "as agreed")
	got := Decide(from(t, "ana@eu.contoso.com"), []Row{
		row("*", "rest", "deny"),
		row("*.contoso.com", "second", "review"),
		row("fabrikam.com", "foreign", "deny"),
		invite,
		row("eu.contoso.com", "new", "invite", "NotBefore", "2026-06-01"),
		row("eu.contoso.com", "off", "invite", "Enabled", "false"),
		row("eu.contoso.com", "old", "invite", "NotAfter", "2026-04-30"),
		row("*.contoso.com", "first", "deny", "Enabled", "false", "Priority", int32(1)),
	}, nil, now.In(time.FixedZone("", 3600)))
	want := Decision{
		Action: Invite,
		Reason: `The row "partners" (wildcard *.contoso.com) decides: invite.`,
		Row: &RowSnapshot{Partition: "*.contoso.com", Name: "partners", ETag: "etag of partners", Columns: map[string]string{
			"Action": "Invite", "Groups": group1 + " " + group2, "Sponsors": sponsor,
			"RedirectUrl":     "https://portal.contoso.com",
			"MessageLanguage": "de", "SendInvitation": "0", "UserType": "member", "NotBefore": "2026-05-01T00:00:00Z",
			"Note": "as agreed",
		}},
		Terms: &Terms{Groups: []string{group1, group2}, Sponsors: []string{sponsor},
			RedirectURL: "https://portal.contoso.com", InvitationMail: NoInvitationMail, MessageLanguage: "de", UserType: "Member"},
		Looked: []Look{
			{"eu.contoso.com", "new", Skipped, "it applies only from 2026-06-01T00:00:00Z"},
			{"eu.contoso.com", "off", Skipped, "it is disabled"},
			{"eu.contoso.com", "old", Skipped, "it applied only until 2026-05-01T00:00:00Z"},
			{"*.contoso.com", "first", Skipped, "it is disabled"},
			{"*.contoso.com", "partners", Decided, "it is the first that applies"},
			{"*.contoso.com", "second", Unneeded, "an earlier row decided"},
			{"*", "rest", Unneeded, "an earlier row decided"},
		},
		At: now,
	}
	diff := cmp.Diff(want, got)
	if diff != "" {
		t.Errorf("Decide (-want +got):\n%s", diff)
	}
}

func TestProofOfDecisions(t *testing.T) {
	const country = `["x"][request.country.size()] == "x"` // an error for a country
	tests := map[string]struct {
		rows  []Row
		usage Usage
		want  Proof
	}{
		"no row":                       {nil, nil, ProofByDefault},
		"an invitation, unset":         {[]Row{row("*", "r", "invite")}, nil, ProofByDefault},
		"an invitation with a code":    {[]Row{row("*", "r", "invite", "Proof", "code")}, nil, ProofCode},
		"an invitation without":        {[]Row{row("*", "r", "invite", "Proof", "none")}, nil, NoProof},
		"a review with a code":         {[]Row{row("*", "r", "review", "Proof", "code")}, nil, ProofCode},
		"a review without":             {[]Row{row("*", "r", "review", "Proof", "none")}, nil, NoProof},
		"a denial":                     {[]Row{row("*", "r", "deny", "Proof", "none")}, nil, ProofByDefault},
		"a row with a fault":           {[]Row{row("*", "r", "review", "Proof", "none", "Odd", 1)}, nil, ProofByDefault},
		"another fault than the proof": {[]Row{row("*", "r", "invite", "Proof", "none", "Groups", "x")}, nil, ProofByDefault},
		"a misspelt proof":             {[]Row{row("*", "r", "review", "Proof", "non")}, nil, ProofByDefault},
		"a condition that errors":      {[]Row{row("*", "r", "review", "Proof", "none", "Condition", country)}, nil, ProofByDefault},
		"seats that are all taken": {[]Row{row("*", "r", "invite", "Proof", "code", "MaxGuests", 1.0)},
			Usage{{"*", "r"}: {Guests: 1}}, ProofCode},
		"a row in audit mode": {[]Row{row("*", "a", "invite", "Proof", "none", "Mode", "audit"), row("*", "b", "review")}, nil, ProofByDefault},
		"a row that is skipped": {[]Row{row("*", "a", "invite", "Proof", "none", "Enabled", false),
			row("*", "b", "review", "Proof", "code")}, nil, ProofCode},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := from(t, "ana@contoso.com")
			s.Country = "PT"
			if got := Decide(s, test.rows, test.usage, now); got.Proof != test.want {
				t.Errorf("Proof = %q, want %q: %s", got.Proof, test.want, got.Reason)
			}
		})
	}
	if got := Unreadable(now).Proof; got != ProofByDefault {
		t.Errorf("rows that could not be read: Proof = %q", got)
	}
}

func TestProofIsNeeded(t *testing.T) {
	tests := map[Proof]struct{ byDefault, otherwise bool }{
		ProofByDefault: {true, false},
		ProofCode:      {true, true},
		NoProof:        {false, false},
		"link":         {true, false}, // of a newer version
	}
	for proof, want := range tests {
		if proof.Needed(true) != want.byDefault || proof.Needed(false) != want.otherwise {
			t.Errorf("%q is needed: %t by default, %t otherwise", proof, proof.Needed(true), proof.Needed(false))
		}
	}
}

func TestAuditRows(t *testing.T) {
	s := from(t, "ana@contoso.com")
	audit := func(name, action string, pairs ...any) Row {
		return row("contoso.com", name, action, append(pairs, "Mode", "Audit")...)
	}
	tests := []struct {
		name string
		row  Row
		want Look // without partition and name
	}{
		{"would invite", audit("a", "invite"), Look{Outcome: Audited, Why: "it would have decided: invite (it is the first that applies)"}},
		{"would deny", audit("a", "deny"), Look{Outcome: Audited, Why: "it would have decided: deny (it is the first that applies)"}},
		{"a condition that holds", audit("a", "deny", "Condition", `request.domain == "contoso.com"`),
			Look{Outcome: Audited, Why: "it would have decided: deny (it is the first that applies)"}},
		{"a condition that does not", audit("a", "deny", "Condition", "false"), Look{Outcome: Skipped, Why: "its condition does not hold"}},
		{"a condition without an answer", audit("a", "deny", "Condition", `[true][7]`),
			Look{Outcome: Audited, Why: "it would have decided: review (its condition has no answer for this submission " +
				"(such as a place in a text or a list that is not there))"}},
		{"a code", audit("a", "invite", "InviteCode", "spring-2026"), Look{Outcome: Skipped, Why: "it asks for an invite code and none was given"}},
		{"disabled", audit("a", "deny", "Enabled", "no"), Look{Outcome: Skipped, Why: "it is disabled"}},
		{"over", audit("a", "deny", "NotAfter", "2020-01-01"), Look{Outcome: Skipped, Why: "it applied only until 2020-01-02T00:00:00Z"}},
		{"with limits", audit("a", "invite", "MaxGuests", "1"),
			Look{Outcome: Audited, Why: "it would have decided: invite (it is the first that applies; its limits were not looked at)"}},
		{"with a fault", audit("a", "dny"), Look{Outcome: Audited, Why: "it would have decided: review (it can't be understood: " +
			"column Action is not one of the allowed words; write invite, review or deny)"}},
		{"behind the row that decides", audit("z", "deny"), Look{Outcome: Unneeded, Why: "an earlier row decided"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows := []Row{row("contoso.com", "m", "invite", "Groups", group1)}
			want := Decide(s, rows, nil, now)
			got := Decide(s, append(rows, test.row), nil, now)
			look := got.Looked[0]
			if test.row.Name == "z" {
				look = got.Looked[1]
			}
			test.want.Partition, test.want.Name = "contoso.com", test.row.Name
			if look != test.want {
				t.Errorf("looked %+v\nwant   %+v", look, test.want)
			}
			got.Looked = want.Looked
			diff := cmp.Diff(want, got)
			if diff != "" {
				t.Errorf("without it and with it (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuditRowsAreTriedIndependently(t *testing.T) {
	got := Decide(from(t, "ana@contoso.com"), []Row{row("*", "a", "invite", "Mode", "audit"), row("*", "b", "deny", "Mode", "audit")}, nil, now)
	want := []Look{
		{"*", "a", Audited, "it would have decided: invite (it is the first that applies)"},
		{"*", "b", Audited, "it would have decided: deny (it is the first that applies)"},
	}
	diff := cmp.Diff(want, got.Looked)
	if diff != "" || got.Action != Review || got.Row != nil {
		t.Errorf("%s by %v, looked (-want +got):\n%s", got.Action, got.Row, diff)
	}
	if want := "None of the rows for this address (2) applies now and is enforced, so a person decides."; got.Reason != want {
		t.Errorf("Reason = %q, want %q", got.Reason, want)
	}
}

func TestMisspeltModeIsNotAudit(t *testing.T) {
	r := row("*", "a", "invite", "Mode", "audti")
	got := Decide(from(t, "ana@contoso.com"), []Row{r, row("*", "b", "invite")}, nil, now)
	if r.Mode != Enforce || got.Action != Review || got.Row == nil || got.Row.Name != "a" || !strings.Contains(got.Reason, "column Mode is not one of the allowed words") {
		t.Errorf("mode %s; %s by %v: %s", r.Mode, got.Action, got.Row, got.Reason)
	}
}

func TestDecideWithoutAnAddressInvitesNobody(t *testing.T) {
	got := Decide(submission.Submission{}, []Row{row("*", "all", "invite"), row("", "none", "invite")}, nil, now)
	if got.Action != Review || got.Row != nil {
		t.Errorf("Decide = %+v, want Review by no row", got)
	}
}

func TestDecideSharesNothingWithTheRows(t *testing.T) {
	rows := []Row{row("*", "all", "invite", "Groups", group1)}
	got := Decide(from(t, "ana@contoso.com"), rows, nil, now)
	rows[0].Terms.Groups[0] = group2
	rows[0].Columns["Action"] = "deny"
	if got.Terms.Groups[0] != group1 || got.Row.Columns["Action"] != "invite" {
		t.Errorf("the decision changed with the rows: %+v", got)
	}
}

func TestUnreadableRowsInviteNobody(t *testing.T) {
	got := Unreadable(now.In(time.FixedZone("", 3600)))
	want := Decision{Action: Review, Reason: "The policy rows could not be read, so a person decides.",
		Looked: []Look{}, At: now}
	diff := cmp.Diff(want, got)
	if diff != "" {
		t.Errorf("Unreadable (-want +got):\n%s", diff)
	}
	if got.At.Location() != time.UTC {
		t.Errorf("At is in %s, want UTC", got.At.Location())
	}
}

func TestHostileDomainsMatchNoRowOfContoso(t *testing.T) {
	rows := []Row{row("ana@contoso.com", "address", "invite"), row("contoso.com", "domain", "invite"),
		row("*.contoso.com", "wildcard", "invite")}
	for _, good := range []string{"ana@contoso.com", "bob@contoso.com", "Bob@CONTOSO.com", "bob@eu.contoso.com",
		"bob@a.b.contoso.com"} {
		got := Decide(from(t, good), rows, nil, now)
		if got.Action != Invite {
			t.Errorf("%s: %s, want invite", good, got.Action)
		}
	}
	for _, hostile := range []string{
		"ana@contoso.com.fabrikam.com", "ana@notcontoso.com", "ana@eu.notcontoso.com", "ana@not-contoso.com",
		"ana@contoso.co", "ana@contoso.com.br", "ana@contoso.net",
		"ana@contoso-com.fabrikam.com", "ana@xn--cntoso-bdg.com", "ana@eu.xn--cntoso-bdg.com", "ana@com",
		"contoso.com@fabrikam.com",
		"ana@cоntoso.com", // a Cyrillic о
		"ana@contoso。com", "ana@contoso.com.", "ana@contoso.com\x00", "ana@contoso.com@fabrikam.com",
		"\"ana@contoso.com\"@fabrikam.com", "ana@contoso.com ",
	} {
		a, err := submission.ParseAddress(hostile)
		if err != nil {
			a = submission.Address{}
		}
		if a.Domain() == "contoso.com" {
			continue // normalised to ana@contoso.com before
		}
		got := Decide(submission.Submission{Email: a}, rows, nil, now)
		if got.Action != Review || got.Row != nil {
			t.Errorf("%q: %s by %v, want review by no row", hostile, got.Action, got.Row)
		}
	}
}

// largest returns rows for a long address that make the longest decision: each byte of text takes
// six in JSON.
func largest(t testing.TB, deciding string) (submission.Submission, []Row) {
	s := from(t, strings.Repeat("a", 64)+"@"+strings.Repeat("b", 63)+".contoso.com")
	hostile := strings.Repeat("<\x01\u2028", 10_000)
	columns := map[string]any{
		"Action": deciding, "Enabled": "true", "Priority": "50", "NotBefore": "2026-01-01", "NotAfter": "2026-12-31",
		"Groups": strings.Join(ids(21)[1:], "\n\n\n"), "Sponsors": strings.Join(ids(6)[1:], "\n\n\n"),
		"RedirectUrl": "https://portal.contoso.com/?" + strings.Repeat("&", 996), "MessageLanguage": "zh-Hant-TW",
		"InvitationMail": "microsoft", "SendInvitation": "true", "Proof": "code", "UserType": "Guest", "Note": hostile, "Mode": "enforce", "InviteCode": strings.Repeat("a1-", 21),
		"MaxGuests": "1000000", "MaxPerDay": "1000000", "Message": strings.Repeat("<", MaxMessage),
		"Condition": "true" + strings.Repeat(` && request.reason != "<"`, 75),
		"Cc":        strings.Repeat("c", 64) + "@" + strings.Repeat(strings.Repeat("d", 59)+".", 3) + "com",
	}
	for name, cell := range columns {
		columns[name] = cell.(string) + strings.Repeat("\u2028", 10_000) // white space is not a fault
	}
	if deciding != "invite" {
		for i := range 250 {
			columns[fmt.Sprintf("%03d%s", i, hostile)] = hostile
		}
	}
	s.InviteCode = submission.HashCode(strings.Repeat("a1", 21))
	// The name of a row with limits is not cut in the decision, so it has a limit of its own.
	name := strings.Repeat("<", maxName/6)
	rows := []Row{Parse(Raw{Partition: s.Email.Domain(), Name: name, ETag: hostile, Columns: columns})}
	for i := range 300 {
		name := fmt.Sprintf("%03d%s", i, hostile)
		rows = append(rows, row(s.Email.Domain(), name, "invite", "Enabled", false, "Priority", int32(i)),
			row("*", name, "invite"))
	}
	return s, rows
}

func TestDecisionsAreBounded(t *testing.T) {
	for _, deciding := range []string{"invite", "review", "rubbish"} {
		t.Run(deciding, func(t *testing.T) {
			s, rows := largest(t, deciding)
			got := Decide(s, rows, Usage{rows[0].Key(): {}}, now.Add(123456789))
			checkStored(t, got, len(rows))
			if got.Row == nil || got.Unlisted == 0 {
				t.Errorf("decided by %v, %d unlisted; want a row, and more rows than there is room for", got.Row,
					got.Unlisted)
			}
			if (got.Terms != nil) != (deciding == "invite") {
				t.Errorf("%s with the terms %v", got.Action, got.Terms)
			}
			if deciding == "invite" && (len(got.Terms.Message) != MaxMessage || got.Limits == nil || got.Limits.Row != rows[0].Key()) {
				t.Errorf("terms %v, limits %v; want all of them", got.Terms, got.Limits)
			}
			if deciding != "invite" && got.Row.Unlisted == 0 {
				t.Error("no column is unlisted; want more columns than there is room for")
			}
		})
	}
}

func TestDecisionsListAsManyRowsAsTheyCan(t *testing.T) {
	var rows []Row
	for i := range 250 {
		rows = append(rows, row("*", fmt.Sprint(1000+i), "deny", "Enabled", false))
	}
	got := Decide(from(t, "ana@contoso.com"), append(rows, row("*", "z", "deny")), nil, now)
	checkStored(t, got, 251)
	if len(got.Looked) != maxLooks || got.Unlisted != 51 {
		t.Errorf("%d rows listed and %d not, want %d and 51", len(got.Looked), got.Unlisted, maxLooks)
	}
	last := got.Looked[maxLooks-1]
	if last.Name != "z" || last.Outcome != Decided {
		t.Errorf("the last row listed is %+v, want the one that decided", last)
	}
}

// fataler is a test or a property test.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkStored fails if the decision can't be stored and read back, or misses a row.
func checkStored(t fataler, d Decision, rows int) {
	t.Helper()
	encoded, err := json.Marshal(d)
	if err != nil {
		t.Fatalf("Marshal: %v", err)
	}
	if len(encoded) > MaxDecisionBytes {
		t.Fatalf("the decision has %d bytes, want at most %d", len(encoded), MaxDecisionBytes)
	}
	var decoded Decision
	err = json.Unmarshal(encoded, &decoded)
	if err != nil {
		t.Fatalf("Unmarshal: %v", err)
	}
	diff := cmp.Diff(d, decoded)
	if diff != "" {
		t.Fatalf("read back, the decision differs (-want +got):\n%s", diff)
	}
	deciding := 0
	for _, look := range d.Looked {
		if look.Outcome == Decided {
			deciding++
		}
		if strings.Contains(look.Why, "@") {
			t.Fatalf("Why = %q is not fit for a log", look.Why)
		}
	}
	if strings.Contains(d.Reason, "@") {
		t.Fatalf("Reason = %q is not fit for a log", d.Reason)
	}
	if (deciding == 1) != (d.Row != nil) || deciding > 1 {
		t.Fatalf("%d deciding rows are listed, the deciding row is %v", deciding, d.Row)
	}
	if len(d.Looked)+d.Unlisted != rows || len(d.Looked) > maxLooks {
		t.Fatalf("%d rows listed and %d not, want %d in all", len(d.Looked), d.Unlisted, rows)
	}
}

func TestClip(t *testing.T) {
	tests := []struct {
		name, text string
		most       int
		want       string
	}{
		{"short", "contoso", 20, "contoso"},
		{"just short enough", strings.Repeat("a", 20), 20, strings.Repeat("a", 20)},
		{"too long", strings.Repeat("a", 21), 20, strings.Repeat("a", 11) + "… (cut)"},
		{"too long once escaped", "<<<<", 20, "<" + "… (cut)"},
		{"between two runes", "üüüüüüüüüüü", 20, "üüüüü… (cut)"},
		{"invalid UTF-8", "a\xffb", 20, "a\ufffdb"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := clip(test.text, test.most)
			if got != test.want {
				t.Errorf("clip = %q, want %q", got, test.want)
			}
		})
	}
}

func TestTextSizeIsThatOfJSON(t *testing.T) {
	for r := range rune(0x300) {
		text := "a" + string(r) + "b"
		if textSize(text) != jsonSize(text) {
			t.Errorf("textSize(%q) = %d, and as JSON it takes %d", text, textSize(text), jsonSize(text))
		}
	}
	for _, text := range []string{"", "contoso", "\u2028", "日本", "a\xffb"} {
		if textSize(text) != jsonSize(text) {
			t.Errorf("textSize(%q) = %d, and as JSON it takes %d", text, textSize(text), jsonSize(text))
		}
	}
}

func BenchmarkParse(b *testing.B) {
	one := row("contoso.com", "partners", "invite", "Groups", strings.Join(ids(6)[1:], ","), "Sponsors", sponsor,
		"RedirectUrl", "https://portal.contoso.com",
		"MessageLanguage", "de", "NotBefore", "2026-05-01", "Note", "as agreed").Raw
	for b.Loop() {
		Parse(one)
	}
}

// BenchmarkDecide100 decides among a hundred rows for one domain, every second one with a
// condition. The deciding row is the first, the middle or the last; only conditions before it are
// evaluated.
func BenchmarkDecide100(b *testing.B) {
	s := from(b, "ana@contoso.com")
	s.Country, s.Reason = "PT", "We build the portal together with your sales team."
	for name, decides := range map[string]int{"first": 0, "middle": 50, "last": 98} {
		b.Run(name, func(b *testing.B) {
			var rows []Row
			for i := range 100 {
				columns := []any{"Groups", group1, "Enabled", i%2 == 0, "Condition", `request.country == "PT" && request.reason.size() >= 200`}
				if i%2 == 1 {
					columns = columns[:4]
				}
				if i == decides {
					columns = columns[:2]
				}
				rows = append(rows, row("contoso.com", fmt.Sprintf("row %02d", i), "invite", columns...))
			}
			if got := Decide(s, rows, nil, now); got.Row == nil || got.Row.Name != rows[decides].Name {
				b.Fatalf("decided by %v", got.Row)
			}
			for b.Loop() {
				Decide(s, rows, nil, now)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range Columns() {
		f.Add(c.Name, c.Default)
	}
	f.Add("Groups", `["`+group1+`",null]`)
	f.Add("Sponsors", group1+";"+group2)
	f.Add("NotAfter", "2026-05-31T18:00:00+02:00")
	f.Add("RedirectUrl", "https://portal.contoso.com:443/a?b=c#d")
	f.Add("MessageLanguage", "zh-Hant-TW")
	f.Add("AutoAprove", "ana@contoso.com")
	f.Add("Condition", `request.email == "ana@contoso.com" && request.emial == ""`)
	f.Add("InviteCode", "sha256:5c7acb9bafe684b1987fc289942f21a6cf91b7bc22033589d4dc3cc6db8d1ab2")
	f.Add("Message", "one\r\ntwo\u202e")
	f.Add("Cc", "Ana <ana@contoso.com>")
	f.Fuzz(func(t *testing.T, column, cell string) {
		given := raw("partners", map[string]any{"Action": "invite", column: cell})
		before := maps.Clone(given.Columns)
		row := Parse(given)
		diff := cmp.Diff(before, given.Columns)
		if diff != "" {
			t.Fatalf("Parse changed the cells (-want +got):\n%s", diff)
		}
		if !known(column) && row.Faults == nil {
			t.Fatalf("the unknown column %q passed", column)
		}
		for _, fault := range row.Faults {
			if fault.Problem == "" || fault.Advice == "" || len(fault.String()) > 2000 ||
				strings.Contains(fault.String(), "\n") {
				t.Fatalf("%q is not fit for a log", fault)
			}
		}
		decision := Decide(from(t, "ana@contoso.com"), []Row{row}, nil, now)
		checkStored(t, decision, 1)
		if row.Faults == nil {
			checkUnderstood(t, row)
		} else if !row.Disabled() && decision.Action != Review {
			t.Fatalf("a row with faults decides %s", decision.Action)
		}
	})
}
