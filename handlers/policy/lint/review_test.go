package lint

import (
	"slices"
	"testing"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// reviewCases are the cases of the columns that say who decides.
func reviewCases() []ruleCase {
	asks := func(with columns) []policy.Raw { return rows(review("contoso.com", "partners", with)) }
	named := asks(columns{"Approvers": anne})
	able := request.Principal{Kind: "user", Enabled: true}
	return []ruleCase{
		{name: "an approver who is not there", rule: "approver-missing", bad: named, at: "contoso.com/partners/Approvers",
			says: "no user or group " + anne, good: named, in: tenant{noSponsor: anne}, goodIn: tenant{}},
		{name: "a second approver who is not there", rule: "approver-missing", bad: asks(columns{"SecondApprovers": anne}),
			at: "contoso.com/partners/SecondApprovers", good: named, in: tenant{noSponsor: anne}, goodIn: tenant{}},
		{name: "nobody to escalate to", rule: "approver-missing", bad: asks(columns{"EscalateTo": anne, "EscalateAfter": 3}),
			at: "contoso.com/partners/EscalateTo", good: named, in: tenant{noSponsor: anne}, goodIn: tenant{}},
		{name: "an app that is to decide", rule: "approver-kind", bad: named, at: "contoso.com/partners/Approvers",
			says: "neither a user nor a group", good: named, in: anneIs(request.Principal{Kind: "other"}), goodIn: anneIs(able)},
		{name: "a disabled approver", rule: "approver-disabled", bad: named, at: "contoso.com/partners/Approvers",
			says: `The approver "Anne" (` + anne + `) has an account that is disabled`, good: named,
			in: anneIs(request.Principal{Kind: "user"}), goodIn: anneIs(able)},
		{name: "a guest who is to decide", rule: "approver-guest", bad: named, at: "contoso.com/partners/Approvers",
			says: "is a guest", good: named, in: anneIs(request.Principal{Kind: "user", Enabled: true, Guest: true}), goodIn: anneIs(able)},
		{name: "a group of nobody", rule: "approver-group-empty", bad: asks(columns{"Approvers": desk}),
			at: "contoso.com/partners/Approvers", says: `The group "Desk" (` + desk + `) has no users who may sign in`,
			good: asks(columns{"Approvers": desk}), in: withTeams(nil, nil), goodIn: withTeams([]string{anne}, nil)},
		{name: "sponsors that decide and are a group of nobody", rule: "approver-group-empty",
			bad: rows(invite("contoso.com", "partners", columns{"Sponsors": desk, "SponsorsDecide": true})),
			at:  "contoso.com/partners/Sponsors", good: rows(invite("contoso.com", "partners", columns{"Sponsors": desk})),
			in: withTeams(nil, nil)},
		{name: "approvers that may not be read", rule: "directory-forbidden", bad: named, at: "//Approvers",
			says: "not all approvers", advice: "GroupMember.Read.All", good: named,
			in: tenant{sponsorErr: problem.New(request.DirectoryForbidden, "no")}, goodIn: tenant{}},

		{name: "one user for two decisions", rule: "approvers-one-person",
			bad: asks(columns{"Approvers": anne, "SecondApprovers": anne}), at: "contoso.com/partners/SecondApprovers",
			says: "the same one person", good: asks(columns{"Approvers": anne, "SecondApprovers": bert}), in: tenant{}},
		{name: "one user and a group of the same user", rule: "approvers-one-person",
			bad: asks(columns{"Approvers": anne, "SecondApprovers": team}), at: "contoso.com/partners/SecondApprovers",
			good: asks(columns{"Approvers": anne, "SecondApprovers": team}),
			in:   withTeams(nil, []string{anne}), goodIn: withTeams(nil, []string{anne, bert})},
		{name: "two groups of one user", rule: "approvers-one-person",
			bad: asks(columns{"Approvers": desk, "SecondApprovers": team}), at: "contoso.com/partners/SecondApprovers",
			good: asks(columns{"Approvers": desk, "SecondApprovers": team}),
			in:   withTeams([]string{bert}, []string{bert}), goodIn: withTeams([]string{anne}, []string{bert})},
		{name: "a sponsor who decides twice", rule: "approvers-one-person",
			bad:  asks(columns{"Sponsors": anne, "SponsorsDecide": true, "SecondApprovers": anne}),
			at:   "contoso.com/partners/SecondApprovers",
			good: asks(columns{"Sponsors": anne, "SponsorsDecide": true, "SecondApprovers": anne, "EscalateTo": bert, "EscalateAfter": 2}),
			in:   tenant{}},
		{name: "the same id for two decisions, which may be a group", rule: "approvers-the-same",
			bad: asks(columns{"Approvers": desk, "SecondApprovers": desk}), at: "contoso.com/partners/SecondApprovers",
			says: "Both decisions are for " + desk, advice: "--directory",
			good: asks(columns{"Approvers": desk + " " + anne, "SecondApprovers": desk})},
		{name: "the same id for two decisions, which the directory shows to be a group", rule: "approvers-the-same",
			bad: asks(columns{"Approvers": desk, "SecondApprovers": desk}), at: "contoso.com/partners/SecondApprovers",
			good:   asks(columns{"Approvers": desk, "SecondApprovers": desk}),
			goodIn: withTeams([]string{anne, bert}, nil)},
		{name: "a decision that nobody can make", rule: "nobody-decides", bad: asks(nil), at: "contoso.com/partners/Approvers",
			says: "the app has no group of reviewers", noReviewers: true, good: named, goodNoReviewers: true},
		{name: "a decision that no reviewer can make", rule: "nobody-decides", bad: asks(columns{"SecondApprovers": anne}),
			at: "contoso.com/partners/Approvers", noReviewers: true, good: asks(columns{"SecondApprovers": anne})},
		{name: "a decision that others can make later", rule: "nobody-decides", bad: asks(columns{"EscalateTo": anne}),
			at: "contoso.com/partners/Approvers", noReviewers: true,
			good: asks(columns{"EscalateTo": anne, "EscalateAfter": 1}), goodNoReviewers: true},
		{name: "sponsors that decide and are not there", rule: "sponsors-decide-without-sponsors",
			bad: asks(columns{"SponsorsDecide": true}), at: "contoso.com/partners/SponsorsDecide", says: "has none",
			good: asks(columns{"SponsorsDecide": true, "Sponsors": sponsor})},
		{name: "an escalation without its days", rule: "escalation-incomplete", bad: asks(columns{"EscalateTo": anne}),
			at: "contoso.com/partners/EscalateTo", says: "without EscalateAfter", good: asks(columns{"EscalateTo": anne, "EscalateAfter": 3})},
		{name: "an escalation without its people", rule: "escalation-incomplete", bad: asks(columns{"EscalateAfter": 3}),
			at: "contoso.com/partners/EscalateAfter", says: "without EscalateTo", good: asks(columns{"EscalateTo": anne, "EscalateAfter": 3})},
		{name: "an escalation at the deadline", rule: "escalation-after-deadline",
			bad: asks(columns{"EscalateTo": anne, "EscalateAfter": 5, "DecideWithin": 5}), at: "contoso.com/partners/EscalateAfter",
			says: "expires after 5 days", good: asks(columns{"EscalateTo": anne, "EscalateAfter": 4, "DecideWithin": 5})},
		{name: "an escalation to those who decide already", rule: "escalation-adds-nobody",
			bad:  asks(columns{"Approvers": anne + " " + bert, "EscalateTo": bert, "EscalateAfter": 3}),
			at:   "contoso.com/partners/EscalateTo",
			good: asks(columns{"Approvers": anne + " " + bert, "SecondApprovers": anne, "EscalateTo": bert, "EscalateAfter": 3})},
		{name: "approvers of a row that denies", rule: "review-without-effect", bad: rows(deny("contoso.com", "partners", columns{"Approvers": anne})),
			at: "contoso.com/partners/Approvers", says: "nobody is asked", good: rows(invite("contoso.com", "partners", columns{"Approvers": anne}))},
		{name: "days of a row that denies", rule: "review-without-effect", bad: rows(deny("contoso.com", "partners", columns{"DecideWithin": 3})),
			at: "contoso.com/partners/DecideWithin", good: rows(deny("contoso.com", "partners", columns{"DecideWithin": " "}))},
	}
}

func TestApproversAreNotComparedIfTheyAreNotUnderstood(t *testing.T) {
	found := checkFor(t, Config{NoReviewers: true},
		review("contoso.com", "a", columns{"Approvers": "the desk", "SponsorsDecide": true}),
		review("fabrikam.com", "b", columns{"EscalateTo": "the desk", "EscalateAfter": 3}))
	var got []string
	for _, f := range found {
		got = append(got, f.Rule)
	}
	want := []string{"invalid-approvers", "invalid-escalate-to"}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestDirectoryThatFailsLeavesNoteAboutTheSameApprovers(t *testing.T) {
	outage := problem.New(request.DirectoryUnavailable, "no answer")
	row := review("contoso.com", "a", columns{"Approvers": desk, "SecondApprovers": desk})
	found, err := Check(t.Context(), Config{Rows: parse(rows(row)), Now: now, Directory: tenant{sponsorErr: outage}})
	if problem.CodeOf(err) != request.DirectoryUnavailable || len(found) != 1 || found[0].Rule != ruleSameApprovers {
		t.Errorf("Check: %+v, %v", found, err)
	}
}
