package lint

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

var now = time.Date(2026, time.May, 15, 12, 0, 0, 0, time.UTC)

const (
	group   = "01234567-89ab-cdef-0123-456789abcdef"
	sponsor = "99999999-8888-7777-6666-555555555555"
)

type columns map[string]any

// row returns a row with these columns, "-" for one that is not set.
func row(partition, name string, with ...columns) policy.Raw {
	cells := map[string]any{}
	for _, more := range with {
		maps.Copy(cells, more)
	}
	maps.DeleteFunc(cells, func(_ string, cell any) bool { return cell == "-" })
	for column, cell := range cells {
		if number, isInt := cell.(int); isInt {
			cells[column] = int32(number) // as the table has it
		}
	}
	return policy.Raw{Partition: partition, Name: name, Columns: cells}
}

// invite returns a correct invite row with the columns changed.
func invite(partition, name string, with ...columns) policy.Raw {
	return row(partition, name, append([]columns{{"Action": "invite", "Groups": group, "Sponsors": sponsor}}, with...)...)
}

func deny(partition, name string, with ...columns) policy.Raw {
	return row(partition, name, append([]columns{{"Action": "deny"}}, with...)...)
}

func review(partition, name string, with ...columns) policy.Raw {
	return row(partition, name, append([]columns{{"Action": "review"}}, with...)...)
}

func parse(raws []policy.Raw) []policy.Row {
	rows := make([]policy.Row, 0, len(raws))
	for _, raw := range raws {
		rows = append(rows, policy.Parse(raw))
	}
	return rows
}

func check(t *testing.T, d Directory, raws ...policy.Raw) []Finding {
	t.Helper()
	return checkFor(t, Config{Directory: d}, raws...)
}

func checkFor(t *testing.T, c Config, raws ...policy.Raw) []Finding {
	t.Helper()
	c.Rows, c.Now = parse(raws), now
	findings, err := Check(t.Context(), c)
	if err != nil {
		t.Fatalf("Check: %v", err)
	}
	return findings
}

// tenant is a directory in which every id that it does not list is a suitable group and sponsor.
type tenant struct {
	groups     map[string]request.Group
	principals map[string]request.Principal
	groupErr   error // for every group
	sponsorErr error // for every sponsor
	noGroup    string
	noSponsor  string
	members    map[string]request.Addressees // of groups; default: a crowd
}

func (d tenant) Addressees(_ context.Context, ids []string, _ int) (request.Addressees, error) {
	to, listed := d.members[ids[0]]
	if !listed {
		to.Crowds = ids
	}
	return to, nil
}

// The object ids of approvers.
const (
	anne = "aaaaaaaa-0000-4000-8000-000000000001"
	bert = "aaaaaaaa-0000-4000-8000-000000000002"
	desk = "dddddddd-0000-4000-8000-000000000001"
	team = "dddddddd-0000-4000-8000-000000000002"
)

// withTeams returns a directory in which desk and team are groups of these users.
func withTeams(inDesk, inTeam []string) tenant {
	of := func(ids []string) request.Addressees {
		var to request.Addressees
		for _, id := range ids {
			to.People = append(to.People, request.Addressee{ID: id})
		}
		return to
	}
	return tenant{
		principals: map[string]request.Principal{
			desk: {ID: desk, DisplayName: "Desk", Kind: "group"}, team: {ID: team, DisplayName: "Team", Kind: "group"},
		},
		members: map[string]request.Addressees{desk: of(inDesk), team: of(inTeam)},
	}
}

// anneIs is a directory in which Anne is this.
func anneIs(p request.Principal) tenant {
	p.ID, p.DisplayName = anne, "Anne"
	return tenant{principals: map[string]request.Principal{anne: p}}
}

func (d tenant) Group(_ context.Context, id string) (request.Group, error) {
	g, listed := d.groups[id]
	switch {
	case d.groupErr != nil:
		return request.Group{}, d.groupErr
	case id == d.noGroup:
		return request.Group{}, problem.New(problem.NotFound, "no group")
	case listed:
		return g, nil
	}
	return request.Group{ID: id, SecurityEnabled: true}, nil
}

func (d tenant) Principal(_ context.Context, id string) (request.Principal, error) {
	p, listed := d.principals[id]
	switch {
	case d.sponsorErr != nil:
		return request.Principal{}, d.sponsorErr
	case id == d.noSponsor:
		return request.Principal{}, problem.New(problem.NotFound, "no user or group")
	case listed:
		return p, nil
	}
	return request.Principal{ID: id, Kind: "user", Enabled: true}, nil
}

func groupIs(g request.Group) tenant {
	g.ID, g.DisplayName = group, "Partners"
	return tenant{groups: map[string]request.Group{group: g}}
}

func sponsorIs(p request.Principal) tenant {
	p.ID, p.DisplayName = sponsor, "Ana"
	return tenant{principals: map[string]request.Principal{sponsor: p}}
}

// A ruleCase is rows with a fault, and the same rows without.
type ruleCase struct {
	name   string
	rule   string
	bad    []policy.Raw
	at     string // "partition/row/column" of the one finding of that rule
	says   string // a part of its Problem
	advice string // a part of its Advice, if that matters
	good   []policy.Raw
	in     Directory
	goodIn Directory // default: in
	// noReviewers says that the app has no reviewers, and goodNoReviewers the same for good.
	noReviewers, goodNoReviewers bool
}

func rows(raws ...policy.Raw) []policy.Raw { return raws }

// good is one correct row.
var good = rows(invite("contoso.com", "partners"))

func cases() []ruleCase {
	list := []ruleCase{
		{name: "a name with a slash", rule: "unstorable",
			bad: rows(invite("contoso.com", "tender 2026/27")),
			at:  "contoso.com/tender 2026/27/RowKey", says: "which no table holds in a key", advice: `Call the row "tender 2026-27".`,
			good: rows(invite("contoso.com", "tender 2026-27"))},
		{name: "a name whose replacement is taken", rule: "unstorable",
			bad: rows(invite("contoso.com", "a#b"), invite("contoso.com", "a-b", columns{"InviteCode": "correct-horse", "Priority": 1})),
			at:  "contoso.com/a#b/RowKey", advice: `Call the row "a-b (2)".`,
			good: rows(invite("contoso.com", "a-b (2)"), invite("contoso.com", "a-b", columns{"InviteCode": "correct-horse", "Priority": 1}))},
		{name: "a key with slashes", rule: "unstorable",
			bad: rows(invite("https://contoso.com/", "partners")),
			at:  "https://contoso.com//partners/PartitionKey", says: "which no table holds", advice: "under contoso.com",
			good: good},
		{name: "a long text", rule: "unstorable",
			bad: rows(invite("contoso.com", "partners", columns{"Note": strings.Repeat("x", 32*1024+1)})),
			at:  "contoso.com/partners/Note", says: "longer than 32768 characters", good: good},
		{name: "a long name of a row with limits", rule: "invalid-row-key",
			bad: rows(invite("contoso.com", strings.Repeat("é", 500), columns{"MaxGuests": 5})),
			at:  "contoso.com/" + strings.Repeat("é", 500) + "/RowKey", says: "RowKey is too long a name", advice: "shorter name",
			good: rows(invite("contoso.com", "partners", columns{"MaxGuests": 5}))},
		{name: "a code as a number", rule: "numeric-invite-code",
			bad: rows(invite("contoso.com", "partners", columns{"InviteCode": 12345678})),
			at:  "contoso.com/partners/InviteCode", says: "zeros that were typed at its beginning are lost", advice: "String",
			good: rows(invite("contoso.com", "partners", columns{"InviteCode": "01234567"}))},
		{name: "a code as a number that is too short without its zeros", rule: "numeric-invite-code",
			bad: rows(invite("contoso.com", "partners", columns{"InviteCode": int64(1234)})),
			at:  "contoso.com/partners/InviteCode", good: good},
		{name: "a code as a fraction", rule: "numeric-invite-code",
			bad: rows(invite("contoso.com", "partners", columns{"InviteCode": 1e20})),
			at:  "contoso.com/partners/InviteCode", good: good},
		{name: "a language in capitals", rule: "condition-never",
			bad: rows(deny("contoso.com", "partners", columns{"Condition": `request.language == "DE"`})),
			at:  "contoso.com/partners/Condition", says: "compares request.language with a text that it never is", advice: `anguage is a language tag such as "de"`,
			good: rows(deny("contoso.com", "partners", columns{"Condition": `request.language == "de"`}))},
		{name: "another domain than the partition's", rule: "condition-never",
			bad: rows(invite("contoso.com", "partners", columns{"Condition": `request.domain == "fabrikam.com"`})),
			at:  "contoso.com/partners/Condition", says: "true for no sign-up that the row is for", advice: "Correct it",
			good: rows(invite("contoso.com", "partners", columns{"Condition": `request.company == "Fabrikam"`}))},
		{name: "a country that is none", rule: "condition-part-never",
			bad: rows(deny("contoso.com", "partners", columns{"Condition": `request.country in ["PT", "UK"]`})),
			at:  "contoso.com/partners/Condition", says: "at character 27", advice: "two capital letters",
			good: rows(deny("contoso.com", "partners", columns{"Condition": `request.country in ["PT", "GB"]`}))},
		{name: "a domain without its dot", rule: "condition-wider-domain",
			bad: rows(invite("*", "partners", columns{"Condition": `request.domain.endsWith("contoso.com")`})),
			at:  "*/partners/Condition", says: "without a dot before it", advice: "by endsWith with a dot before it",
			good: rows(invite("*", "partners", columns{"Condition": `request.domain.endsWith(".contoso.com")`}))},
		{name: "a misspelt column", rule: "unknown-column",
			bad: rows(invite("contoso.com", "partners", columns{"Sponsers": sponsor})),
			at:  "contoso.com/partners/Sponsers", says: `The column "Sponsers" is not a column`, advice: "Call it Sponsors", good: good},
		{name: "no action", rule: "missing-action",
			bad: rows(invite("contoso.com", "partners", columns{"Action": "-"})),
			at:  "contoso.com/partners/Action", says: "Action is not set.", good: good},
		{name: "an empty action", rule: "missing-action",
			bad: rows(invite("contoso.com", "partners", columns{"Action": " "})),
			at:  "contoso.com/partners/Action", says: "Action is not set.", good: good},
		{name: "a misspelt action", rule: "invalid-action",
			bad: rows(invite("contoso.com", "partners", columns{"Action": "aprove"})),
			at:  "contoso.com/partners/Action", says: "Action is not one of the allowed words", advice: "invite, review or deny", good: good},
		{name: "a name for an id", rule: "invalid-groups",
			bad: rows(invite("contoso.com", "partners", columns{"Groups": "Partners"})),
			at:  "contoso.com/partners/Groups", says: "not an object id", good: good},
		{name: "a redirect without encryption", rule: "invalid-redirect-url",
			bad: rows(invite("contoso.com", "partners", columns{"RedirectUrl": "http://portal.contoso.com"})),
			at:  "contoso.com/partners/RedirectUrl", says: "does not begin with https://",
			good: rows(invite("contoso.com", "partners", columns{"RedirectUrl": "https://portal.contoso.com"}))},

		{name: "an invalid partition", rule: "partition-syntax",
			bad: rows(invite("contoso com", "partners")), at: "contoso com/partners/PartitionKey", says: "so it matches no address", good: good},
		{name: "a partition with white space", rule: "partition-syntax",
			bad: rows(invite(" contoso.com", "partners")), at: " contoso.com/partners/PartitionKey", says: "PartitionKey has white space or characters that can't be seen",
			advice: "under contoso.com;", good: good},
		{name: "a domain with an @", rule: "partition-syntax",
			bad: rows(invite("@contoso.com", "partners")), at: "@contoso.com/partners/PartitionKey", says: "PartitionKey matches no address",
			advice: "under contoso.com;", good: good},
		{name: "capitals in a domain", rule: "partition-upper-case",
			bad: rows(invite("Contoso.com", "partners")), at: "Contoso.com/partners/PartitionKey", says: "capital letters",
			advice: "under contoso.com;", good: good},
		{name: "capitals in an address", rule: "partition-upper-case",
			bad: rows(invite("Ana@contoso.com", "partners")), at: "Ana@contoso.com/partners/PartitionKey", says: "capital letters",
			advice: "under ana@contoso.com;", good: rows(invite("ana@contoso.com", "partners"))},
		{name: "capitals in a wildcard", rule: "partition-upper-case",
			bad: rows(invite("*.Contoso.com", "partners")), at: "*.Contoso.com/partners/PartitionKey", says: "capital letters",
			advice: "under *.contoso.com;", good: rows(invite("*.contoso.com", "partners"))},
		{name: "an international domain", rule: "partition-not-punycode",
			bad: rows(invite("Bücher.example.de", "partners")), at: "Bücher.example.de/partners/PartitionKey", says: "not in ASCII",
			advice: "under xn--bcher-kva.example.de;", good: rows(invite("xn--bcher-kva.example.de", "partners"))},
		{name: "an international wildcard", rule: "partition-not-punycode",
			bad: rows(invite("*.bücher.de", "partners")), at: "*.bücher.de/partners/PartitionKey", says: "not in ASCII",
			advice: "under *.xn--bcher-kva.de;", good: rows(invite("*.xn--bcher-kva.de", "partners"))},
		{name: "an ending for a domain", rule: "partition-public-suffix",
			bad: rows(deny("co.uk", "british")), at: "co.uk/british/PartitionKey", says: "an ending under which others register",
			advice: "under *.co.uk;", good: rows(deny("*.co.uk", "british"))},
		{name: "an ending that mail can't have", rule: "partition-nobody",
			bad: rows(deny("*.contoso.local", "no more")), at: "*.contoso.local/no more/PartitionKey", says: "covers no address",
			good: rows(deny("*.contoso.com", "no more"))},
		{name: "an ending that is not known", rule: "partition-unknown-ending",
			bad: rows(deny("contoso.cmo", "no more")), at: "contoso.cmo//PartitionKey", says: "The ending .cmo is not on the list",
			good: rows(deny("contoso.com", "no more"))},
		{name: "a wildcard with an ending that is not known", rule: "partition-unknown-ending",
			bad: rows(deny("*.contoso.cmo", "no more")), at: "*.contoso.cmo//PartitionKey", says: "The ending .cmo is not on the list",
			good: rows(deny("*.contoso.com", "no more"))},
		{name: "a registry's own domain", rule: "partition-at-public-suffix",
			bad: rows(deny("nic.in", "registry")), at: "nic.in//PartitionKey", says: "Below it others register",
			good: rows(deny("registry.nic.in", "registry"))},
		{name: "a wildcard too deep for any address", rule: "partition-nobody",
			bad: rows(deny("*.a.b.c.d.e.f.g.h.contoso.com", "deep")), at: "*.a.b.c.d.e.f.g.h.contoso.com/deep/PartitionKey", says: "too many parts",
			good: rows(deny("*.a.b.contoso.com", "deep"))},
		{name: "two rows of one name", rule: "same-name-twice",
			bad: rows(invite("contoso.com", "partners"), deny("contoso.com", "partners")), at: "contoso.com/partners/RowKey", says: "same PartitionKey and RowKey",
			good: rows(invite("contoso.com", "partners"), deny("fabrikam.com", "partners"))},
		{name: "more rows than are read", rule: "too-many-rows",
			bad: many(1001), at: "contoso.com//PartitionKey", says: "1001 rows", good: many(1000)},

		{name: "everybody", rule: "invites-everybody", bad: rows(invite("*", "all")), at: "*/all/PartitionKey", says: "everybody in the world",
			good: rows(review("*", "all"))},
		{name: "everybody below an ending", rule: "invites-everybody", bad: rows(invite("*.com", "all")), at: "*.com/all/PartitionKey", says: "the ending .com,",
			good: rows(review("*.com", "all"))},
		{name: "everybody below an ending of two parts", rule: "invites-everybody", bad: rows(invite("*.co.uk", "all")), at: "*.co.uk/all/PartitionKey",
			says: "the ending .co.uk,", good: rows(invite("*.contoso.co.uk", "all"))},
		{name: "everybody below an ending that is known by a wildcard", rule: "invites-everybody", bad: rows(invite("*.kawasaki.jp", "all")),
			at: "*.kawasaki.jp/all/PartitionKey", says: "the ending .kawasaki.jp,", good: rows(invite("*.eu.contoso.kawasaki.jp", "all"))},
		{name: "every tenant", rule: "invites-shared-domain", bad: rows(invite("*.onmicrosoft.com", "all")), at: "*.onmicrosoft.com/all/PartitionKey",
			says: "anyone can get a name", good: rows(invite("contoso.onmicrosoft.com", "all"))},
		{name: "every customer of a host", rule: "invites-shared-domain", bad: rows(invite("*.github.io", "all")), at: "*.github.io/all/PartitionKey",
			says: "anyone can get a name", good: rows(invite("contoso.github.io", "all"))},
		{name: "everybody but for a code", rule: "invites-everybody", bad: rows(invite("*", "all", columns{"MaxGuests": 20})), at: "*/all/PartitionKey",
			says: "everybody in the world", good: rows(invite("*", "all", columns{"InviteCode": "spring-2026"}))},
		{name: "everybody but for a condition", rule: "invites-everybody", bad: rows(invite("*", "all", columns{"Condition": " "})), at: "*/all/PartitionKey",
			says: "everybody in the world", good: rows(invite("*", "all", columns{"Condition": `request.country == "PT"`}))},
		{name: "everybody in audit mode", rule: "invites-everybody", bad: rows(invite("*", "all", columns{"Mode": "enforce"})), at: "*/all/PartitionKey",
			says: "everybody in the world", good: rows(invite("*", "all", columns{"Mode": "audit"}))},
		{name: "free mail", rule: "invites-free-mail", bad: rows(invite("gmail.com", "all")), at: "gmail.com/all/PartitionKey", says: "at gmail.com (Google)",
			advice: "whole address", good: rows(invite("ana@gmail.com", "all"))},
		{name: "below a domain of free mail", rule: "invites-free-mail", bad: rows(invite("*.fastmail.com", "all")), at: "*.fastmail.com/all/PartitionKey",
			says: "below fastmail.com", good: rows(review("*.fastmail.com", "all"))},
		{name: "a disposable mailbox", rule: "invites-disposable-mail", bad: rows(invite("ana@mailinator.com", "all")),
			at: "ana@mailinator.com/all/PartitionKey", says: "mailboxes for a few minutes", good: rows(invite("ana@contoso.com", "all"))},

		{name: "a row that comes first by Priority", rule: "unreachable",
			bad: rows(invite("contoso.com", "a", columns{"Priority": 2}), deny("contoso.com", "b", columns{"Priority": 1})),
			at:  "contoso.com/a/Priority", says: `the row "b" of the same partition always comes first.`,
			good: rows(invite("contoso.com", "a", columns{"Priority": 2}), deny("contoso.com", "b", columns{"Priority": 1, "NotAfter": "2026-05-31"}))},
		{name: "a row that comes first by its name", rule: "unreachable",
			bad: rows(invite("contoso.com", "a"), deny("contoso.com", "b")),
			at:  "contoso.com/b/Priority", says: "by its name, since both have the same Priority",
			good: rows(invite("contoso.com", "a"), deny("fabrikam.com", "b"))},
		{name: "rows that together come first", rule: "unreachable",
			bad: rows(invite("contoso.com", "a", columns{"Priority": 1, "NotAfter": "2026-06-01T00:00:00Z"}), review("contoso.com", "b", columns{"Priority": 2, "NotBefore": "2026-06-01"}),
				deny("contoso.com", "c")),
			at: "contoso.com/c/Priority", says: `from "a" to "b"`,
			good: rows(invite("contoso.com", "a", columns{"Priority": 1, "NotAfter": "2026-06-01T00:00:00Z"}), review("contoso.com", "b", columns{"Priority": 2, "NotBefore": "2026-06-02"}),
				deny("contoso.com", "c"))},
		{name: "a row behind one with a fault", rule: "unreachable",
			bad: rows(invite("contoso.com", "a", columns{"Priority": 1}), deny("contoso.com", "b", columns{"Priority": 2, "NotAfter": "soon"})),
			at:  "contoso.com/a/RowKey", says: `the row "b" of the same partition has a fault`,
			good: rows(invite("contoso.com", "a", columns{"Priority": 1}), deny("contoso.com", "b", columns{"Priority": 2, "NotAfter": "soon", "Enabled": false}))},
		{name: "a row behind another with the same code", rule: "unreachable",
			bad: rows(invite("contoso.com", "a", columns{"InviteCode": "spring-2026"}), deny("contoso.com", "b", columns{"InviteCode": "Spring2026"})),
			at:  "contoso.com/b/Priority", says: `the row "a" of the same partition always comes first`,
			good: rows(invite("contoso.com", "a", columns{"InviteCode": "spring-2026"}), deny("contoso.com", "b", columns{"InviteCode": "Summer2026"}))},
		{name: "a row behind another with the same condition", rule: "unreachable",
			bad: rows(invite("contoso.com", "a", columns{"Condition": `request.country == "PT"`}), deny("contoso.com", "b", columns{"Condition": ` request.country == "PT" `})),
			at:  "contoso.com/b/Priority", says: `the row "a" of the same partition always comes first`,
			good: rows(invite("contoso.com", "a", columns{"Condition": `request.country == "PT"`}), deny("contoso.com", "b", columns{"Condition": `request.country == "ES"`}))},
		{name: "a code beside a condition that stands before it alone", rule: "unreachable",
			bad: rows(invite("contoso.com", "a", columns{"Condition": `request.country == "PT"`}),
				deny("contoso.com", "b", columns{"Condition": `request.country == "PT"`, "InviteCode": "spring-2026"})),
			at: "contoso.com/b/Priority", says: `the row "a" of the same partition always comes first`,
			good: rows(invite("contoso.com", "a", columns{"Condition": `request.country == "PT"`}),
				deny("contoso.com", "b", columns{"Condition": `request.country == "ES"`, "InviteCode": "spring-2026"}))},
		{name: "a row with a condition behind one without", rule: "unreachable",
			bad: rows(invite("contoso.com", "a"), deny("contoso.com", "b", columns{"Condition": `request.country == "PT"`})),
			at:  "contoso.com/b/Priority", says: `the row "a" of the same partition always comes first`,
			good: rows(invite("contoso.com", "a"), deny("contoso.com", "b", columns{"Condition": `request.country == "PT"`, "Priority": 1}))},
		{name: "a condition that does not compile", rule: "invalid-condition",
			bad: rows(invite("contoso.com", "a", columns{"Condition": `request.country = "PT"`})), at: "contoso.com/a/Condition", says: "Condition ",
			good: rows(invite("contoso.com", "a", columns{"Condition": `request.country == "PT"`}))},
		{name: "two conditions of which both may hold", rule: "same-priority",
			bad: rows(invite("contoso.com", "a", columns{"Condition": `request.country == "PT"`}), review("contoso.com", "b", columns{"Condition": `request.company == ""`})),
			at:  "contoso.com/b/Priority", says: `"a" has the same Priority and says invite where this one says review`,
			good: rows(invite("contoso.com", "a", columns{"Condition": `request.country == "PT"`}), review("contoso.com", "b", columns{"Condition": `request.company == ""`, "Priority": 1}))},
		{name: "a row with a code behind one without", rule: "unreachable",
			bad: rows(deny("contoso.com", "a"), invite("contoso.com", "b", columns{"InviteCode": "spring-2026"})),
			at:  "contoso.com/b/Priority", says: `the row "a" of the same partition always comes first`,
			good: rows(deny("contoso.com", "a"), invite("contoso.com", "b", columns{"InviteCode": "spring-2026", "Priority": 1}))},
		{name: "a row in audit mode that is never tried", rule: "unreachable",
			bad: rows(deny("contoso.com", "a"), invite("contoso.com", "b", columns{"Mode": "audit"})),
			at:  "contoso.com/b/Priority", says: `never tried, so what it would decide is not recorded`,
			good: rows(deny("contoso.com", "a"), invite("contoso.com", "b", columns{"Mode": "audit", "Priority": 1}))},
		{name: "a row behind one in audit mode with a fault and one without", rule: "unreachable",
			bad:  rows(deny("contoso.com", "a", columns{"Mode": "audit", "Odd": 1}), deny("contoso.com", "b", columns{"Odd": 1}), invite("contoso.com", "c")),
			at:   "contoso.com/c/RowKey",
			says: `the row "b" of the same partition has a fault`,
			good: rows(deny("contoso.com", "a", columns{"Mode": "audit", "Odd": 1}), invite("contoso.com", "c"))},
		{name: "an expired row", rule: "expired",
			bad: rows(invite("contoso.com", "a", columns{"NotAfter": "2026-05-14"})), at: "contoso.com/a/NotAfter", says: "2026-05-15T00:00:00Z",
			good: rows(invite("contoso.com", "a", columns{"NotAfter": "2026-05-15"}))},
		{name: "a day that a table editor made a midnight", rule: "last-day-left-out",
			bad: rows(invite("contoso.com", "a", columns{"NotAfter": time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)})), at: "contoso.com/a/NotAfter",
			says: "ends when 2026-05-31 begins (UTC)",
			good: rows(invite("contoso.com", "a", columns{"NotAfter": time.Date(2026, 5, 31, 0, 0, 1, 0, time.UTC)}))},
		{name: "a midnight that was written", rule: "last-day-left-out",
			bad: rows(deny("contoso.com", "a", columns{"NotAfter": "2026-05-31T02:00:00+02:00"})), at: "contoso.com/a/NotAfter",
			says: "ends when 2026-05-31 begins (UTC)",
			good: rows(deny("contoso.com", "a", columns{"NotAfter": " 2026-05-31 "}))},
		{name: "two rows that overlap", rule: "overlap",
			bad:  rows(invite("contoso.com", "a", columns{"Priority": 1, "NotAfter": "2026-06-30"}), deny("contoso.com", "b", columns{"Priority": 2, "NotBefore": "2026-06-16"})),
			at:   "contoso.com/b/NotBefore",
			says: `"a" says invite where this one says deny, and both apply from 2026-06-16T00:00:00Z to 2026-07-01T00:00:00Z`,
			good: rows(invite("contoso.com", "a", columns{"Priority": 1, "NotAfter": "2026-06-30"}), deny("contoso.com", "b", columns{"Priority": 2, "NotBefore": "2026-07-01"}))},
		{name: "the same priority", rule: "same-priority",
			bad: rows(invite("contoso.com", "a", columns{"NotAfter": "2026-06-30"}), deny("contoso.com", "b")),
			at:  "contoso.com/b/Priority", says: `"a" has the same Priority and says invite where this one says deny`,
			good: rows(invite("contoso.com", "a", columns{"NotAfter": "2026-06-30", "Priority": 50}), deny("contoso.com", "b"))},

		{name: "a wildcard beside a deny", rule: "wildcard-beside-deny",
			bad: rows(invite("*.contoso.com", "all"), deny("contoso.com", "none")), at: "*.contoso.com/all/PartitionKey",
			says: `covers the other's domains`, good: rows(invite("*.contoso.com", "all"), review("contoso.com", "some"))},
		{name: "a wildcard alone", rule: "wildcard-without-domain",
			bad: rows(invite("*.contoso.com", "all")), at: "*.contoso.com//PartitionKey", says: "none for contoso.com itself",
			good: rows(invite("*.contoso.com", "all"), invite("contoso.com", "all"))},
		{name: "a wildcard with a row for the domain that is in audit mode", rule: "wildcard-without-domain",
			bad: rows(deny("*.contoso.com", "none"), deny("contoso.com", "none", columns{"Mode": "audit"})), at: "*.contoso.com//PartitionKey",
			says: "none for contoso.com itself", good: rows(deny("*.contoso.com", "none", columns{"Mode": "audit"}))},
		{name: "a wildcard with a row for the domain that is over", rule: "wildcard-without-domain",
			bad: rows(deny("*.contoso.com", "none"), deny("contoso.com", "none", columns{"NotAfter": "2026-01-01"})), at: "*.contoso.com//PartitionKey",
			says: "none for contoso.com itself", good: rows(deny("*.contoso.com", "none"), deny("contoso.com", "none"))},
		{name: "a deny with subdomains that are invited", rule: "deny-without-subdomains",
			bad: rows(deny("sales.contoso.com", "none"), invite("*.contoso.com", "all")), at: "sales.contoso.com/none/PartitionKey",
			says: `The row "all" of the partition *.contoso.com invites`,
			good: rows(deny("sales.contoso.com", "none"), invite("*.contoso.com", "all"), deny("*.sales.contoso.com", "none"))},
		{name: "a deny while everybody is invited", rule: "deny-without-subdomains",
			bad: rows(deny("contoso.com", "none"), invite("*", "all")), at: "contoso.com/none/PartitionKey", says: `of the partition * invites`,
			good: rows(deny("contoso.com", "none"), review("*.com", "some"), invite("*", "all"))},
		{name: "a deny while everybody is invited without a code", rule: "deny-without-subdomains",
			bad: rows(deny("contoso.com", "none"), invite("*", "all")), at: "contoso.com/none/PartitionKey", says: `of the partition * invites`,
			good: rows(deny("contoso.com", "none"), invite("*", "all", columns{"InviteCode": "spring-2026"}))},

		{name: "no sponsor", rule: "no-sponsor", bad: rows(invite("contoso.com", "a", columns{"Sponsors": "-"})), at: "contoso.com/a/Sponsors",
			says: "clean-up", good: good},
		{name: "no group", rule: "no-groups", bad: rows(invite("contoso.com", "a", columns{"Groups": ""})), at: "contoso.com/a/Groups",
			says: "only get an account", good: good},
		{name: "a member", rule: "member", bad: rows(invite("contoso.com", "a", columns{"UserType": "member"})), at: "contoso.com/a/UserType",
			says: "members", good: rows(invite("contoso.com", "a", columns{"UserType": "guest"}))},
		{name: "no mail", rule: "no-mail", bad: rows(invite("contoso.com", "a", columns{"InvitationMail": "none"})), at: "contoso.com/a/InvitationMail",
			says: "do not learn that they are invited", good: rows(invite("contoso.com", "a", columns{"InvitationMail": "own"}))},
		{name: "no mail by both columns", rule: "no-mail", bad: rows(invite("contoso.com", "a", columns{"InvitationMail": "none", "SendInvitation": "no"})),
			at: "contoso.com/a/InvitationMail", says: "get no mail", good: rows(invite("contoso.com", "a", columns{"InvitationMail": "none", "SendInvitation": "yes"}))},
		{name: "no mail by the older column", rule: "no-mail", bad: rows(invite("contoso.com", "a", columns{"SendInvitation": "no"})), at: "contoso.com/a/SendInvitation",
			says: "do not learn that they are invited", advice: "InvitationMail", good: rows(invite("contoso.com", "a", columns{"SendInvitation": "yes"}))},
		{name: "the older column that forbids the mail", rule: "older-send-invitation", bad: rows(invite("contoso.com", "a", columns{"SendInvitation": false})),
			at: "contoso.com/a/SendInvitation", says: "InvitationMail", advice: "Write none", good: rows(invite("contoso.com", "a", columns{"InvitationMail": "none", "SendInvitation": " "}))},
		{name: "the older column in a review row", rule: "older-send-invitation", bad: rows(review("contoso.com", "a", columns{"SendInvitation": "yes"})),
			at: "contoso.com/a/SendInvitation", says: "InvitationMail", advice: "means the same without it", good: rows(review("contoso.com", "a"))},
		{name: "columns that contradict each other", rule: "invalid-send-invitation", bad: rows(invite("contoso.com", "a", columns{"InvitationMail": "microsoft", "SendInvitation": false})),
			at: "contoso.com/a/SendInvitation", says: "contradicts InvitationMail", advice: "Remove it", good: rows(invite("contoso.com", "a", columns{"InvitationMail": "microsoft", "SendInvitation": true}))},
		{name: "a proof of the denied", rule: "proof-without-effect", bad: rows(deny("contoso.com", "a", columns{"Proof": "none"})), at: "contoso.com/a/Proof",
			says: "no effect in a row that denies", good: rows(review("contoso.com", "a", columns{"Proof": "none"}))},

		{name: "a message", rule: "message-dropped", bad: rows(invite("contoso.com", "a", columns{"Message": "Welcome"})), at: "contoso.com/a/Message",
			says: "If the app sends no mails of its own", advice: "own in InvitationMail", good: rows(invite("contoso.com", "a", columns{"Message": "Welcome", "InvitationMail": "own"}))},
		{name: "a message in Microsoft's mail", rule: "message-dropped", bad: rows(invite("contoso.com", "a", columns{"Message": "Welcome", "InvitationMail": "microsoft"})),
			at: "contoso.com/a/Message", says: "Microsoft's mail may leave Message out", advice: "own in InvitationMail",
			good: rows(invite("contoso.com", "a", columns{"Message": "Welcome", "InvitationMail": "own"}))},
		{name: "a message in no mail", rule: "message-without-mail", bad: rows(invite("contoso.com", "a", columns{"Message": "Welcome", "InvitationMail": "none"})),
			at: "contoso.com/a/Message", says: "sends none", good: rows(invite("contoso.com", "a", columns{"Message": "Welcome"}))},
		{name: "a message for one language", rule: "message-languages", bad: rows(invite("contoso.com", "a", columns{"Message": `{"de": "Willkommen"}`})),
			at: "contoso.com/a/Message", says: "other languages", good: rows(invite("contoso.com", "a", columns{"Message": `{"": "Welcome", "de": "Willkommen"}`}))},
		{name: "a language beside a message", rule: "message-language-ignored", bad: rows(invite("contoso.com", "a", columns{"Message": "Welcome", "MessageLanguage": "de"})),
			at: "contoso.com/a/MessageLanguage", says: "no effect", good: rows(invite("contoso.com", "a", columns{"MessageLanguage": "de"}))},
		{name: "a language beside a message of Microsoft's", rule: "message-language-ignored",
			bad: rows(invite("contoso.com", "a", columns{"Message": "Welcome", "MessageLanguage": "de", "InvitationMail": "microsoft"})),
			at:  "contoso.com/a/MessageLanguage", says: "In Microsoft's mail", advice: "own in InvitationMail",
			good: rows(invite("contoso.com", "a", columns{"Message": "Welcome", "MessageLanguage": "de", "InvitationMail": "own"}))},
		{name: "a copy of no mail", rule: "cc-without-mail", bad: rows(invite("contoso.com", "a", columns{"Cc": "bo@fabrikam.com", "SendInvitation": "no"})),
			at: "contoso.com/a/Cc", says: "sends none", good: rows(invite("contoso.com", "a", columns{"Cc": "bo@fabrikam.com"}))},
		{name: "a copy of the app's own mail", rule: "cc-without-mail", bad: rows(invite("contoso.com", "a", columns{"Cc": "bo@fabrikam.com", "InvitationMail": "own"})),
			at: "contoso.com/a/Cc", says: "nobody gets a copy", good: rows(invite("contoso.com", "a", columns{"Cc": "bo@fabrikam.com", "InvitationMail": "microsoft"}))},
		{name: "a copy of the mail by default", rule: "cc-without-microsoft-mail", bad: rows(invite("contoso.com", "a", columns{"Cc": "bo@fabrikam.com"})),
			at: "contoso.com/a/Cc", says: "If the app sends mails", good: rows(invite("contoso.com", "a", columns{"Cc": "bo@fabrikam.com", "InvitationMail": "microsoft"}))},
		{name: "more on a day than in all", rule: "day-limit-above-all", bad: rows(invite("contoso.com", "a", columns{"MaxGuests": 5, "MaxPerDay": 6})),
			at: "contoso.com/a/MaxPerDay", says: "never reached", good: rows(invite("contoso.com", "a", columns{"MaxGuests": 6, "MaxPerDay": 6}))},
		{name: "a short code", rule: "short-invite-code", bad: rows(invite("contoso.com", "a", columns{"InviteCode": "May - 2026"})),
			at: "contoso.com/a/InviteCode", says: "fewer than 8 characters", good: rows(invite("contoso.com", "a", columns{"InviteCode": "4Spring - 2026"}))},
		{name: "a code that is a number", rule: "short-invite-code", bad: rows(invite("contoso.com", "a", columns{"InviteCode": 1234567.0})),
			at: "contoso.com/a/InviteCode", says: "fewer than 8 characters", good: rows(invite("contoso.com", "a", columns{"InviteCode": 12345678.0}))},
		{name: "a code of which only the hash is known", rule: "short-invite-code", bad: rows(deny("contoso.com", "a", columns{"InviteCode": 123456})),
			at: "contoso.com/a/InviteCode", says: "fewer than 8 characters",
			good: rows(deny("contoso.com", "a", columns{"InviteCode": "sha256:8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92"}))},

		{name: "a group that is not there", rule: "group-missing", bad: good, at: "contoso.com/partners/Groups", says: "There is no group " + group,
			good: good, in: tenant{noGroup: group}, goodIn: tenant{}},
		{name: "a dynamic group", rule: "group-dynamic", bad: good, at: "contoso.com/partners/Groups",
			says: `The group "Partners" (` + group + `) has a rule`, good: good,
			in: groupIs(request.Group{SecurityEnabled: true, Dynamic: true}), goodIn: groupIs(request.Group{SecurityEnabled: true})},
		{name: "a distribution list", rule: "group-mail-enabled", bad: good, at: "contoso.com/partners/Groups", says: "Exchange owns its members",
			good: good, in: groupIs(request.Group{MailEnabled: true}), goodIn: groupIs(request.Group{SecurityEnabled: true})},
		{name: "a mail-enabled security group", rule: "group-mail-enabled", bad: good, at: "contoso.com/partners/Groups", says: "mail-enabled",
			good: good, in: groupIs(request.Group{MailEnabled: true, SecurityEnabled: true}), goodIn: groupIs(request.Group{SecurityEnabled: true})},
		{name: "a group for roles", rule: "group-role-assignable", bad: good, at: "contoso.com/partners/Groups", says: "directory roles",
			good: good, in: groupIs(request.Group{SecurityEnabled: true, RoleAssignable: true}), goodIn: groupIs(request.Group{SecurityEnabled: true})},
		{name: "a group from on-premises", rule: "group-on-premises", bad: good, at: "contoso.com/partners/Groups", says: "mastered on-premises",
			good: good, in: groupIs(request.Group{SecurityEnabled: true, OnPremises: true}), goodIn: groupIs(request.Group{SecurityEnabled: true})},
		{name: "a Microsoft 365 group", rule: "group-microsoft-365", bad: good, at: "contoso.com/partners/Groups", says: "welcome mail",
			good: good, in: groupIs(request.Group{MailEnabled: true, Unified: true}), goodIn: groupIs(request.Group{SecurityEnabled: true})},
		{name: "a group without security", rule: "group-not-security", bad: good, at: "contoso.com/partners/Groups", says: "not a security group",
			good: good, in: groupIs(request.Group{}), goodIn: groupIs(request.Group{SecurityEnabled: true})},
		{name: "a sponsor who is not there", rule: "sponsor-missing", bad: good, at: "contoso.com/partners/Sponsors", says: "no user or group " + sponsor,
			good: good, in: tenant{noSponsor: sponsor}, goodIn: tenant{}},
		{name: "an app for a sponsor", rule: "sponsor-kind", bad: good, at: "contoso.com/partners/Sponsors", says: "neither a user nor a group",
			good: good, in: sponsorIs(request.Principal{Kind: "other"}), goodIn: sponsorIs(request.Principal{Kind: "group"})},
		{name: "a disabled sponsor", rule: "sponsor-disabled", bad: good, at: "contoso.com/partners/Sponsors", says: `The sponsor "Ana" (` + sponsor + `) has an account that is disabled`,
			good: good, in: sponsorIs(request.Principal{Kind: "user"}), goodIn: sponsorIs(request.Principal{Kind: "user", Enabled: true})},
		{name: "a guest for a sponsor", rule: "sponsor-guest", bad: good, at: "contoso.com/partners/Sponsors", says: "is a guest",
			good: good, in: sponsorIs(request.Principal{Kind: "user", Enabled: true, Guest: true}), goodIn: sponsorIs(request.Principal{Kind: "user", Enabled: true})},
		{name: "groups that may not be read", rule: "directory-forbidden", bad: good, at: "//Groups", says: "not all groups of the rows were checked", advice: "GroupMember.Read.All",
			good: good, in: tenant{groupErr: problem.New(request.DirectoryForbidden, "no")}, goodIn: tenant{}},
		{name: "sponsors that may not be read", rule: "directory-forbidden", bad: good, at: "//Sponsors", says: "not all sponsors of the rows were checked", advice: "User.Read.All",
			good: good, in: tenant{sponsorErr: problem.New(request.DirectoryForbidden, "no")}, goodIn: tenant{}},
		{name: "a directory with gaps", rule: "directory-unavailable", bad: good, at: "//", says: "did not answer for 1 of the 2 users and groups that rows name (directory-unavailable)",
			good: good, in: tenant{groupErr: problem.New(request.DirectoryUnavailable, "no")}, goodIn: tenant{}},
	}
	list = append(list, reviewCases()...)
	// Only free text accepts a Binary cell.
	for _, c := range policy.Columns() {
		if takesAnything(c.Name) {
			continue
		}
		list = append(list, ruleCase{name: "a binary " + c.Name, rule: "invalid-" + kebab(c.Name),
			bad: rows(invite("contoso.com", "partners", columns{c.Name: []byte("invite")})),
			at:  "contoso.com/partners/" + c.Name, says: c.Name + " is ", good: good})
	}
	return list
}

// many returns n rows of one partition with different windows.
func many(n int) []policy.Raw {
	var raws []policy.Raw
	for i := range n {
		from := now.Add(time.Duration(i) * time.Hour)
		raws = append(raws, deny("contoso.com", fmt.Sprintf("row %d", i), columns{"NotBefore": from, "NotAfter": from.Add(time.Hour)}))
	}
	return raws
}

func TestRulesFindFaultsAndAcceptCorrections(t *testing.T) {
	severities := Rules()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			of := func(findings []Finding) []Finding {
				return slices.DeleteFunc(findings, func(f Finding) bool { return f.Rule != c.rule })
			}
			found := of(checkFor(t, Config{Directory: c.in, NoReviewers: c.noReviewers}, c.bad...))
			if len(found) != 1 {
				t.Fatalf("%d findings of %s, want 1: %+v", len(found), c.rule, found)
			}
			f := found[0]
			if at := f.Partition + "/" + f.Row + "/" + f.Column; at != c.at {
				t.Errorf("found at %q, want %q", at, c.at)
			}
			if !strings.Contains(f.Problem, c.says) {
				t.Errorf("Problem is %q, without %q", f.Problem, c.says)
			}
			if !strings.Contains(f.Advice, c.advice) {
				t.Errorf("Advice is %q, without %q", f.Advice, c.advice)
			}
			if f.Severity != severities[c.rule] {
				t.Errorf("Severity is %q, the rule's is %q", f.Severity, severities[c.rule])
			}
			in := c.in
			if c.goodIn != nil {
				in = c.goodIn
			}
			left := of(checkFor(t, Config{Directory: in, NoReviewers: c.goodNoReviewers}, c.good...))
			if len(left) != 0 {
				t.Errorf("after the correction there is still %+v", left)
			}
		})
	}
}

func TestEveryRuleHasCase(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range cases() {
		covered[c.rule] = true
	}
	listed := 0
	for _, ids := range bySeverity {
		listed += len(ids)
	}
	fixed := 0
	for rule, severity := range Rules() {
		if !covered[rule] {
			t.Errorf("no case shows what %s finds", rule)
		}
		if severity != Error && severity != Warning && severity != Info {
			t.Errorf("%s has the severity %q", rule, severity)
		}
		if slices.Contains(bySeverity[severity], rule) {
			fixed++
		}
	}
	if fixed != listed {
		t.Errorf("%d of %d rules are listed twice", listed-fixed, listed)
	}
}

func TestCorrectRowsHaveNoFindings(t *testing.T) {
	found := check(t, tenant{},
		invite("contoso.com", "partners"),
		deny("*.contoso.com", "no subdomains"),
		deny("contoso.com", "freeze", columns{"Priority": 1, "NotBefore": "2026-07-01", "NotAfter": "2026-07-31"}),
		invite("ana@fabrikam.com", "Ana"),
		deny("mailinator.com", "throw-away"),
		review("gmail.com", "private"),
		review("*", "everybody else", columns{"Priority": 200}),
		invite("*", "with a code", columns{"InviteCode": "correct-horse", "MaxGuests": 50, "MaxPerDay": 10}),
		invite("*", "with another code", columns{"InviteCode": "battery-staple", "NotAfter": "2026-12-31", "Cc": "bo@fabrikam.com", "InvitationMail": "microsoft"}),
		deny("*", "no longer with this code", columns{"InviteCode": "staple-battery"}),
		deny("tailspin.com", "closed for summer", columns{"Priority": 1, "NotAfter": "2026-08-31"}),
		invite("tailspin.com", "with a code, from July", columns{"InviteCode": "correct-horse", "NotBefore": "2026-07-01"}),
		deny("*", "tried out", columns{"Mode": "audit"}),
		invite("*", "old door", columns{"Enabled": "no", "Sponsors": "-", "NotAfter": "2020-01-01"}))
	if len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

func TestFindingsOfFaultyRows(t *testing.T) {
	tests := []struct {
		name string
		raws []policy.Raw
		want []string // partition/row/column: rule
	}{
		{"a disabled row has only its faults",
			rows(row("contoso.com", "a", columns{"Action": "invite", "Enabled": false, "Priority": "first", "UserType": "Member"})),
			[]string{"contoso.com/a/Priority: invalid-priority"}},
		{"the default of a faulty column is not checked",
			rows(invite("contoso.com", "a", columns{"Groups": "x", "Sponsors": "y", "SendInvitation": "maybe", "UserType": "Owner"})),
			[]string{"contoso.com/a/Groups: invalid-groups", "contoso.com/a/Sponsors: invalid-sponsors", "contoso.com/a/SendInvitation: invalid-send-invitation",
				"contoso.com/a/UserType: invalid-user-type"}},
		{"a faulty row never expires",
			rows(deny("contoso.com", "a", columns{"Note2": "x", "NotAfter": "2020-01-01"})),
			[]string{"contoso.com/a/Note2: unknown-column"}},
		{"two faulty rows do not hide each other",
			rows(deny("contoso.com", "a", columns{"Priority": "x"}), deny("contoso.com", "b", columns{"Priority": "x"})),
			[]string{"contoso.com/a/Priority: invalid-priority", "contoso.com/b/Priority: invalid-priority"}},
		{"a faulty row that would invite everybody",
			rows(invite("*", "a", columns{"Priority": "x"})),
			[]string{"*/a/PartitionKey: invites-everybody", "*/a/Priority: invalid-priority"}},
		{"an invalid partition has no other findings",
			rows(invite("*.Contoso.com", "a"), invite("*.contoso com", "a"), deny("Fabrikam.com", "b"), invite("*", "c", columns{"InviteCode": "correct-horse"})),
			[]string{"Fabrikam.com/b/PartitionKey: partition-upper-case", "*.Contoso.com/a/PartitionKey: partition-upper-case", "*.contoso com/a/PartitionKey: partition-syntax"}},
		{"a faulty row counts for its domain even if expired",
			rows(deny("*.contoso.com", "a"), deny("contoso.com", "b", columns{"Note2": "x", "NotAfter": "2020-01-01"})),
			[]string{"contoso.com/b/Note2: unknown-column"}},
		{"two rows of one name are tried first",
			rows(deny("contoso.com", "b"), deny("contoso.com", "b"), invite("contoso.com", "a")),
			[]string{"contoso.com/a/RowKey: unreachable", "contoso.com/b/RowKey: same-name-twice"}},
		{"the most specific partition comes first",
			rows(review("*", "a", columns{"X": 1}), review("*.com", "a", columns{"X": 1}), review("*.contoso.com", "a", columns{"X": 1}),
				review("contoso.com", "b", columns{"X": 1}), review("contoso.com", "a", columns{"X": 1, "Action": 1, "Priority": "x"}), review("ana@contoso.com", "a", columns{"X": 1})),
			[]string{"ana@contoso.com/a/X: unknown-column", "contoso.com/a/Action: invalid-action", "contoso.com/a/Priority: invalid-priority", "contoso.com/a/X: unknown-column",
				"contoso.com/b/X: unknown-column", "*.contoso.com/a/X: unknown-column", "*.com/a/X: unknown-column", "*/a/X: unknown-column"}},
		{"no rows", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range check(t, nil, test.raws...) {
				got = append(got, f.Partition+"/"+f.Row+"/"+f.Column+": "+f.Rule)
			}
			diff := cmp.Diff(test.want, got)
			if diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckNeedsTime(t *testing.T) {
	_, err := Check(t.Context(), Config{})
	if problem.CodeOf(err) != problem.Internal {
		t.Errorf("Check without a time: %v", err)
	}
}
