package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/submission"
)

func TestLimits(t *testing.T) {
	campaign := RowKey{"contoso.com", "campaign"}
	limited := func(pairs ...any) []Row {
		return []Row{row("contoso.com", "campaign", "invite", pairs...), row("*", "rest", "deny")}
	}
	both := limited("MaxGuests", int32(20), "MaxPerDay", "5", "Groups", group1)
	tests := []struct {
		name  string
		rows  []Row
		usage Usage
		want  Action
		why   string // of the look
	}{
		{"nothing used", both, Usage{campaign: {}}, Invite, "it is the first that applies"},
		{"the last seat", both, Usage{campaign: {19, 4}}, Invite, "it is the first that applies"},
		{"all seats taken", both, Usage{campaign: {20, 0}}, Review, "it is the first that applies, but all its seats (20) are taken"},
		{"more than all seats taken", both, Usage{campaign: {21, 0}}, Review, "it is the first that applies, but all its seats (20) are taken"},
		{"all seats of the day taken", both, Usage{campaign: {19, 5}}, Review,
			"it is the first that applies, but all its seats for today (5) are taken"},
		{"a daily limit only", limited("MaxPerDay", int64(1)), Usage{campaign: {1000, 0}}, Invite, "it is the first that applies"},
		{"a limit in all only", limited("MaxGuests", 1.0), Usage{campaign: {0, 1000}}, Invite, "it is the first that applies"},
		{"counters of another row", both, Usage{{"*", "campaign"}: {}}, Review,
			"it is the first that applies, but how many of its seats are taken could not be read"},
		{"no counters at all", both, nil, Review, "it is the first that applies, but how many of its seats are taken could not be read"},
		{"counters that can't be", both, Usage{campaign: {-1, 0}}, Review,
			"it is the first that applies, but how many of its seats are taken could not be read"},
		{"no limits", limited(), nil, Invite, "it is the first that applies"},
		{"a deny with limits", []Row{row("contoso.com", "campaign", "deny", "MaxGuests", "1")}, nil, Deny, "it is the first that applies"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Decide(from(t, "ana@contoso.com"), test.rows, test.usage, now)
			if got.Action != test.want || got.Row == nil || got.Row.Name != "campaign" {
				t.Fatalf("%s by %v, want %s by campaign", got.Action, got.Row, test.want)
			}
			if want := (Look{"contoso.com", "campaign", Decided, test.why}); got.Looked[0] != want {
				t.Errorf("looked %+v, want %+v", got.Looked[0], want)
			}
			if got.Action == Review && (got.Terms != nil || got.Limits != nil || !strings.Contains(got.Reason, "so a person decides")) {
				t.Errorf("review with the terms %v, the limits %v and the reason %q", got.Terms, got.Limits, got.Reason)
			}
		})
	}
}

func TestInvitationHasLimitsOfRow(t *testing.T) {
	key := RowKey{"*", "campaign"}
	tests := []struct {
		name string
		row  Row
		want *Limits
	}{
		{"none", row("*", "campaign", "invite"), nil},
		{"in all", row("*", "campaign", "invite", "MaxGuests", "20"), &Limits{key, 20, 0}},
		{"a day", row("*", "campaign", "invite", "MaxPerDay", "5"), &Limits{key, 0, 5}},
		{"both", row("*", "campaign", "invite", "MaxPerDay", "5", "MaxGuests", int32(MaxLimit)), &Limits{key, MaxLimit, 5}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Decide(from(t, "ana@contoso.com"), []Row{test.row}, Usage{key: {}}, now)
			diff := cmp.Diff(test.want, got.Limits)
			if diff != "" || got.Action != Invite {
				t.Errorf("%s, Limits (-want +got):\n%s", got.Action, diff)
			}
		})
	}
}

func TestLimited(t *testing.T) {
	at := func(partition, name string, pairs ...any) Row {
		return row(partition, name, "invite", append(pairs, "MaxGuests", "20")...)
	}
	key := func(name string) []RowKey { return []RowKey{{"*", name}} }
	tests := []struct {
		name string
		rows []Row
		want []RowKey
	}{
		{"no rows", nil, nil},
		{"a row without limits", []Row{row("*", "a", "invite")}, nil},
		{"a row that denies", []Row{row("*", "a", "deny", "MaxPerDay", "1")}, nil},
		{"a row with a limit", []Row{at("*", "a")}, key("a")},
		{"a row with a daily limit", []Row{row("*", "a", "invite", "MaxPerDay", "1")}, key("a")},
		{"only the first that applies", []Row{at("*", "b"), at("*", "a")}, key("a")},
		{"not behind one that always decides", []Row{at("*", "b"), row("*", "a", "deny")}, nil},
		{"not behind a faulty one", []Row{at("*", "a"), row("*", "z", "dny")}, nil},
		{"not behind one whose condition has no answer", []Row{at("*", "b"), row("*", "a", "deny", "Condition", `["x"][request.reason.size() + 1] == ""`)}, nil},
		{"of another partition", []Row{at("fabrikam.com", "a")}, nil},
		{"a disabled one", []Row{at("*", "a", "Enabled", "no")}, nil},
		{"one in audit mode", []Row{at("*", "a", "Mode", "audit")}, nil},
		{"behind a faulty one in audit mode", []Row{at("*", "a"), row("*", "b", "dny", "Mode", "audit")}, key("a")},
		{"a condition that does not hold", []Row{at("*", "a", "Condition", "false")}, nil},
		{"a code that was not given", []Row{at("*", "a", "InviteCode", "spring-2026")}, nil},
		{"a code that was given", []Row{at("*", "a", "InviteCode", "autumn-2026")}, key("a")},
		{"all that may apply in their time", []Row{at("*", "a", "NotAfter", "2020-01-01"), at("*", "b", "NotBefore", "2099-01-01"), at("*", "c"), at("*", "d")},
			[]RowKey{{"*", "a"}, {"*", "b"}, {"*", "c"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := from(t, "ana@contoso.com")
			s.InviteCode = submission.HashCode("Autumn 2026")
			diff := cmp.Diff(test.want, Limited(test.rows, s))
			if diff != "" {
				t.Errorf("Limited (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDayIsInUTC(t *testing.T) {
	east := time.FixedZone("", 14*3600)
	tests := map[string]time.Time{
		"2026-05-31": time.Date(2026, 6, 1, 13, 59, 59, 0, east),
		"2026-06-01": time.Date(2026, 6, 1, 14, 0, 0, 0, east),
		"2026-05-15": now,
	}
	for want, at := range tests {
		if got := Day(at); got != want {
			t.Errorf("Day(%s) = %s, want %s", at, got, want)
		}
	}
}

func TestInviteCodes(t *testing.T) {
	hash := string(submission.HashCode("spring2026"))
	tests := []struct {
		name  string
		cell  any
		typed string
		want  Action
		why   string
	}{
		{"as written", "Spring-2026", "Spring-2026", Invite, "it is the first that applies"},
		{"in another spelling", "Spring-2026", " SPRING 2026 ", Invite, "it is the first that applies"},
		{"none", "Spring-2026", "", Deny, "it asks for an invite code and none was given"},
		{"dashes only", "Spring-2026", " - ", Deny, "it asks for an invite code and none was given"},
		{"another", "Spring-2026", "Spring-2027", Deny, "it asks for another invite code than was given"},
		{"the beginning of it", "Spring-2026", "Spring", Deny, "it asks for another invite code than was given"},
		{"its hash", "Spring-2026", hash, Deny, "it asks for another invite code than was given"},
		{"by its hash", "sha256:" + hash, "spring2026", Invite, "it is the first that applies"},
		{"by its hash in capitals", "SHA256: " + strings.ToUpper(hash), "spring2026", Invite, "it is the first that applies"},
		{"a number", int32(20262027), "2026-2027", Invite, "it is the first that applies"},
		{"a Double", 20262027.0, "20262027", Invite, "it is the first that applies"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := from(t, "ana@contoso.com")
			s.InviteCode = submission.HashCode(test.typed)
			got := Decide(s, []Row{row("contoso.com", "code", "invite", "InviteCode", test.cell), row("*", "rest", "deny")}, nil, now)
			if got.Action != test.want || got.Looked[0].Why != test.why {
				t.Errorf("%s, %q; want %s, %q", got.Action, got.Looked[0].Why, test.want, test.why)
			}
		})
	}
}

func TestInviteCodeIsNeverRecorded(t *testing.T) {
	const code, form = "Rose-4711", "rose4711"
	tests := []struct{ name, column, cell, recorded string }{
		{"a code", "InviteCode", code, "sha256:" + string(submission.HashCode(code))},
		{"the hash of one", "InviteCode", "sha256:" + strings.ToUpper(string(submission.HashCode(code))), "sha256:" + string(submission.HashCode(code))},
		{"a code that is not understood", "InviteCode", code + "!", "(not shown)"},
		{"an invalid hash", "InviteCode", "sha256:" + code, "(not shown)"},
		{"a misspelt column", "InvitCode", code, "(not shown)"},
		{"a column without the word", "InvitCdoe", code, "(not shown)"},
		{"a column of half the name", "InviteWord", code, "(not shown)"},
		{"a column in another case", "invitecode", code, "(not shown)"},
		{"a column of another name", "CampaignCode", code, "(not shown)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := from(t, "ana@contoso.com")
			s.InviteCode = submission.HashCode(code)
			r := row("*", "code", "invite", test.column, test.cell)
			got := Decide(s, []Row{r}, nil, now)
			if got.Row == nil || got.Row.Columns[test.column] != test.recorded {
				t.Fatalf("recorded %+v, want %q", got.Row, test.recorded)
			}
			text := strings.ToLower(got.Reason + got.Looked[0].Why)
			for _, f := range r.Faults {
				text += strings.ToLower(f.String())
			}
			if strings.Contains(text, "rose") || strings.Contains(text, form) {
				t.Errorf("the code is repeated in %s", text)
			}
		})
	}
}

func TestRowsWithLimitsNeedShortNames(t *testing.T) {
	long := strings.Repeat("n", 513)
	r := row("*", long, "invite", "MaxGuests", "1")
	if len(r.Faults) != 1 || r.Faults[0].Column != "RowKey" {
		t.Errorf("Faults = %v, want one of RowKey", r.Faults)
	}
	if r := row("*", long, "invite"); r.Faults != nil {
		t.Errorf("without limits: %v", r.Faults)
	}
	if r := row("*", long[1:], "invite", "MaxGuests", "1"); r.Faults != nil {
		t.Errorf("one character less: %v", r.Faults)
	}
}
