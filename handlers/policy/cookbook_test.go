package policy_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/policy/lint"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/submission"
)

var may = time.Date(2026, time.May, 15, 12, 0, 0, 0, time.UTC)

// recipe returns the rows of the first CSV block in the section of docs/policies.md.
func recipe(t *testing.T, section string) []policy.Row {
	t.Helper()
	text, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n### "+section+"\n")
	rest, _, _ = strings.Cut(rest, "\n#")
	_, rest, hasRows := strings.Cut(rest, "```csv\n")
	body, _, closed := strings.Cut(rest, "```")
	if !found || !hasRows || !closed {
		t.Fatalf("the handbook has no rows in a section %q", section)
	}
	read, err := rowfile.Read(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var rows []policy.Row
	for _, row := range read {
		rows = append(rows, policy.Parse(row.Raw))
	}
	return rows
}

func TestHandbookRecipes(t *testing.T) {
	type question struct {
		address, code string
		want          policy.Action
		by            string
	}
	tests := map[string][]question{
		"A worked example": {
			{"ana@eu.contoso.com", "", policy.Deny, "left in March"},
			{"bob@eu.contoso.com", "", policy.Review, "ask us"},
			{"bob@us.contoso.com", "", policy.Invite, "subsidiaries"},
			{"eva@eu.contoso.com", "", policy.Invite, "known people"},
			{"bob@contoso.com", "", policy.Review, "headquarters"},
			{"zoe@fabrikam.com", "", policy.Review, "everybody"},
		},
		"The first row ever": {
			{"bob@contoso.com", "", policy.Review, "everybody"},
		},
		"One partner": {
			{"bob@contoso.com", "", policy.Invite, "tender"},
			{"bob@eu.contoso.com", "", policy.Review, "everybody"},
			{"bob@contoso.com.fabrikam.com", "", policy.Review, "everybody"},
		},
		"One partner, with exceptions": {
			{"bob@contoso.com", "", policy.Invite, "tender"},
			{"bob@eu.contoso.com", "", policy.Invite, "subsidiaries"},
			{"bob@labs.contoso.com", "", policy.Review, "labs"},
			{"mallory@contoso.com", "", policy.Deny, "left in March"},
		},
		"Deny a domain": {
			{"bob@fabrikam.com", "", policy.Deny, "no longer a supplier"},
			{"bob@eu.fabrikam.com", "", policy.Deny, "no longer a supplier"},
		},
		"A campaign with a code and a seat limit": {
			{"bob@contoso.com", "tulip spring 2026", policy.Invite, "spring fair"},
			{"bob@contoso.com", "tulip-spring-2025", policy.Review, "everybody"},
			{"bob@contoso.com", "", policy.Review, "everybody"},
		},
		"Ask people only about addresses that are proven": {
			{"bob@contoso.com", "", policy.Invite, "tender"},
			{"bob@fabrikam.com", "", policy.Review, "visitors"},
			{"bob@adatum.com", "", policy.Review, "everybody"},
		},
		"Try a rule in audit mode first": {
			{"bob@contoso.com", "", policy.Review, "everybody"},
		},
	}
	for section, questions := range tests {
		t.Run(section, func(t *testing.T) {
			rows := recipe(t, section)
			findings, err := lint.Check(t.Context(), lint.Config{Rows: rows, Now: may})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if f.Severity != lint.Info {
					t.Errorf("%s of %s/%s: %s %s", f.Rule, f.Partition, f.Row, f.Problem, f.Advice)
				}
			}
			for _, q := range questions {
				address, err := submission.ParseAddress(q.address)
				if err != nil {
					t.Fatal(err)
				}
				s := submission.Submission{Email: address, InviteCode: submission.HashCode(q.code), Country: "PT"}
				usage := policy.Usage{}
				for _, key := range policy.Limited(rows, s) {
					usage[key] = policy.Used{}
				}
				got := policy.Decide(s, rows, usage, may)
				if got.Action != q.want || got.Row == nil || got.Row.Name != q.by {
					t.Errorf("%s with the code %q: %s by %v, want %s by %s", q.address, q.code, got.Action, got.Row, q.want, q.by)
				}
				for _, row := range rows {
					audited := slices.ContainsFunc(got.Looked, func(l policy.Look) bool { return l.Name == row.Name && l.Outcome == policy.Audited })
					if audited != (row.Mode == policy.Audit) {
						t.Errorf("%s: looked at %v, want every row in audit mode to be audited and no other", q.address, got.Looked)
					}
				}
			}
		})
	}
}
