package lint

import (
	"slices"
	"strings"
	"unicode"

	"guestlist/handlers/policy"
)

// The ids of the rules that are not made from the names of columns.
const (
	ruleUnknownColumn = "unknown-column"
	ruleTwins         = "same-name-twice"

	rulePartitionSyntax = "partition-syntax"
	rulePartitionCase   = "partition-upper-case"
	rulePartitionASCII  = "partition-not-punycode"
	rulePartitionPublic = "partition-public-suffix"
	rulePartitionNobody = "partition-nobody"
	ruleTooManyRows     = "too-many-rows"

	ruleEverybody    = "invites-everybody"
	ruleManyTenants  = "invites-shared-domain"
	ruleFreeMail     = "invites-free-mail"
	ruleDisposable   = "invites-disposable-mail"
	ruleUnreachable  = "unreachable"
	ruleExpired      = "expired"
	ruleLastDay      = "last-day-left-out"
	ruleOverlap      = "overlap"
	ruleSamePriority = "same-priority"

	ruleDomainDenied       = "wildcard-beside-deny"
	ruleDomainMissing      = "wildcard-without-domain"
	ruleSubdomainsNotMeant = "deny-without-subdomains"

	ruleNoSponsor = "no-sponsor"
	ruleNoGroups  = "no-groups"
	ruleMember    = "member"
	ruleNoMail    = "no-mail"

	ruleMessageDropped  = "message-dropped"
	ruleMessageNoMail   = "message-without-mail"
	ruleLanguageIgnored = "message-language-ignored"
	ruleCcNoMail        = "cc-without-mail"
	ruleDayLimit        = "day-limit-above-all"
	ruleShortCode       = "short-invite-code"

	ruleGroupMissing    = "group-missing"
	ruleGroupDynamic    = "group-dynamic"
	ruleGroupMail       = "group-mail-enabled"
	ruleGroupRoles      = "group-role-assignable"
	ruleGroupOnPremises = "group-on-premises"
	ruleGroupUnified    = "group-microsoft-365"
	ruleGroupNoSecurity = "group-not-security"

	ruleSponsorMissing  = "sponsor-missing"
	ruleSponsorKind     = "sponsor-kind"
	ruleSponsorDisabled = "sponsor-disabled"
	ruleSponsorGuest    = "sponsor-guest"

	ruleForbidden   = "directory-forbidden"
	ruleUnavailable = "directory-unavailable"
)

// Rule is one of the things that [Check] looks for.
type Rule struct {
	ID       string
	Severity Severity
	Means    string // why it matters, in one or two sentences
	// Directory: it is looked for only with a Directory.
	Directory bool
}

// Rules returns every rule, in the order in which they are best explained: first what a row says by itself, then what
// rows are to each other, then what the directory says.
func Rules() []Rule {
	rules := []Rule{
		{ID: ruleUnknownColumn, Severity: Error,
			Means: "A column that no row has, often a misspelt one. The row sends everybody to review, because what was meant by it is not known."},
	}
	for _, c := range policy.Columns() {
		if c.Required {
			rules = append(rules, Rule{ID: "missing-" + kebab(c.Name), Severity: Error,
				Means: c.Name + " is not set, and the row means nothing without it. It sends everybody to review."})
		}
		if !takesAnything(c.Name) {
			rules = append(rules, Rule{ID: "invalid-" + kebab(c.Name), Severity: Error,
				Means: c.Name + " can't be understood, so the row sends everybody to review."})
		}
	}
	rules = append(rules, fixedRules...)
	return rules
}

var fixedRules = []Rule{
	{ID: rulePartitionSyntax, Severity: Error,
		Means: "The PartitionKey is none that an address could have, so the row is for nobody."},
	{ID: rulePartitionCase, Severity: Error,
		Means: "The PartitionKey has capitals. Addresses are compared in lower case, so the row is for nobody."},
	{ID: rulePartitionASCII, Severity: Error,
		Means: "The PartitionKey is an international name in its readable form. Addresses are compared in punycode, so the row is for nobody."},
	{ID: rulePartitionPublic, Severity: Error,
		Means: "The PartitionKey is an ending such as co.uk, at which nobody has an address."},
	{ID: rulePartitionNobody, Severity: Error,
		Means: "The wildcard stands above no domain that an address could have: an ending that does not exist, or too many parts."},
	{ID: ruleTwins, Severity: Error,
		Means: "Two rows have the same partition and name. Both send everybody to review."},
	{ID: ruleTooManyRows, Severity: Error,
		Means: "A partition has more rows than are read for a decision. Everybody it is for goes to review."},

	{ID: ruleEverybody, Severity: Warning,
		Means: "An invite row without a condition or code stands for everybody in the world, or everybody below an ending such as .com or .co.uk."},
	{ID: ruleManyTenants, Severity: Warning,
		Means: "An invite row stands for a domain below which anyone can have a name, such as *.onmicrosoft.com."},
	{ID: ruleFreeMail, Severity: Warning,
		Means: "An invite row stands for a domain at which anyone can have an address, such as gmail.com."},
	{ID: ruleDisposable, Severity: Warning,
		Means: "An invite row stands for a domain of throw-away mailboxes. Often everybody can read them."},

	{ID: ruleUnreachable, Severity: Error,
		Means: "The row never decides again, because others of its partition always come first."},
	{ID: ruleExpired, Severity: Warning,
		Means: "NotAfter has passed. What the row invited or denied, another row decides now, or a person."},
	{ID: ruleLastDay, Severity: Info,
		Means: "NotAfter is a midnight in UTC, at which its day has only begun, where the date alone would be that whole day. A table editor makes such a midnight of a date."},
	{ID: ruleOverlap, Severity: Warning,
		Means: "For a while two rows of a partition apply that say different things, and neither is an exception inside the other's time."},
	{ID: ruleSamePriority, Severity: Warning,
		Means: "Two rows of a partition say different things at the same time and have the same Priority. Only their names say which comes first."},

	{ID: ruleDomainDenied, Severity: Warning,
		Means: "What is below a domain is invited while the domain itself is denied. A wildcard does not cover the domain itself."},
	{ID: ruleDomainMissing, Severity: Warning,
		Means: "There are rows for everything below a domain and none for the domain itself. A wildcard does not cover it."},
	{ID: ruleSubdomainsNotMeant, Severity: Warning,
		Means: "A domain is denied, and a wider row invites what is below it. A domain's row does not cover what is below it."},

	{ID: ruleNoSponsor, Severity: Warning,
		Means: "An invite row names no sponsor. Entra's own clean-up can delete guests who have none."},
	{ID: ruleNoGroups, Severity: Info,
		Means: "An invite row names no group. The guest gets an account and nothing else."},
	{ID: ruleMember, Severity: Warning,
		Means: "An invite row makes members. A member sees far more of the directory than a guest."},
	{ID: ruleNoMail, Severity: Warning,
		Means: "An invite row sends no mail. Nobody tells the guest how to accept."},
	{ID: ruleMessageDropped, Severity: Warning,
		Means: "An invite row has a message. Microsoft's mail may leave it out, because an app sends the invitation."},
	{ID: ruleMessageNoMail, Severity: Warning,
		Means: "An invite row has a message and sends no mail."},
	{ID: ruleLanguageIgnored, Severity: Warning,
		Means: "An invite row has both Message and MessageLanguage. Graph then ignores the language."},
	{ID: ruleCcNoMail, Severity: Warning,
		Means: "An invite row has an address for a copy and sends no mail."},
	{ID: ruleDayLimit, Severity: Warning,
		Means: "An invite row allows more guests on one day than in all."},
	{ID: ruleShortCode, Severity: Warning,
		Means: "An invite code is so short that it can be found by trying."},

	{ID: ruleGroupMissing, Severity: Error, Directory: true,
		Means: "There is no group of that id. The guest is invited and does not get what was promised."},
	{ID: ruleGroupDynamic, Severity: Error, Directory: true,
		Means: "A rule chooses the members of the group. Nobody can be added."},
	{ID: ruleGroupMail, Severity: Error, Directory: true,
		Means: "The group is a distribution list or a mail-enabled security group. Exchange owns its members, so the app can't add any."},
	{ID: ruleGroupRoles, Severity: Error, Directory: true,
		Means: "The group can hold roles of the directory. The app can't add members, and should not be able to."},
	{ID: ruleGroupOnPremises, Severity: Error, Directory: true,
		Means: "The group is mastered on-premises. Guests of the cloud can't be added."},
	{ID: ruleGroupUnified, Severity: Warning, Directory: true,
		Means: "The group is a Microsoft 365 group. Its members get a welcome mail and its conversations; a security group only gives access."},
	{ID: ruleGroupNoSecurity, Severity: Error, Directory: true,
		Means: "The group is no security group, so nothing follows from being in it."},
	{ID: ruleSponsorMissing, Severity: Error, Directory: true,
		Means: "There is no user or group of that id. Nobody answers for the guest, and the invitation may be refused."},
	{ID: ruleSponsorKind, Severity: Error, Directory: true,
		Means: "The sponsor is neither a user nor a group. Entra takes no other."},
	{ID: ruleSponsorDisabled, Severity: Warning, Directory: true,
		Means: "The sponsor's account is disabled. Nobody answers for the guest."},
	{ID: ruleSponsorGuest, Severity: Warning, Directory: true,
		Means: "The sponsor is a guest. Somebody of the own organisation should answer for a guest."},
	{ID: ruleForbidden, Severity: Warning, Directory: true,
		Means: "The directory does not let groups or sponsors be read, so they were not checked."},
	{ID: ruleUnavailable, Severity: Warning, Directory: true,
		Means: "The directory did not answer for some groups or sponsors, so they were not checked."},
}

// kebab returns a column's name as it stands in a rule's id: NotBefore becomes not-before.
func kebab(name string) string {
	var id strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			id.WriteByte('-')
		}
		id.WriteRune(unicode.ToLower(r))
	}
	return id.String()
}

// takesAnything reports whether nothing that stands in the column can be wrong. Bytes are what every other column
// refuses.
func takesAnything(column string) bool {
	row := policy.Parse(policy.Raw{Partition: "*", Columns: map[string]any{column: []byte{0}}})
	return !slices.ContainsFunc(row.Faults, func(f policy.Fault) bool { return f.Column == column })
}
