package lint

import (
	"slices"
	"strings"
	"unicode"

	"guestlist/handlers/policy"
)

// The ids of the rules, except those that are made of column names.
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

// Rule is a kind of finding.
type Rule struct {
	ID        string
	Severity  Severity
	Means     string // why it matters, in one or two sentences
	Directory bool   // checked only with a Directory
}

// Rules returns every rule: first those on single rows, then those on several, then those of the
// directory.
func Rules() []Rule {
	rules := []Rule{
		{ID: ruleUnknownColumn, Severity: Error,
			Means: "An unknown column, often a misspelt one. The row sends everybody to review, because the meaning of the column is not known."},
	}
	for _, c := range policy.Columns() {
		if c.Required {
			rules = append(rules, Rule{ID: "missing-" + kebab(c.Name), Severity: Error,
				Means: c.Name + " is not set, and it is required. The row sends everybody to review."})
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
		Means: "The PartitionKey matches no address, so the row is for nobody."},
	{ID: rulePartitionCase, Severity: Error,
		Means: "The PartitionKey has capital letters. Addresses are compared in lower case, so the row is for nobody."},
	{ID: rulePartitionASCII, Severity: Error,
		Means: "The PartitionKey is an international name in its readable form. Addresses are compared in punycode, so the row is for nobody."},
	{ID: rulePartitionPublic, Severity: Error,
		Means: "The PartitionKey is an ending such as co.uk, at which nobody has an address."},
	{ID: rulePartitionNobody, Severity: Error,
		Means: "The wildcard covers no domain that an address could have: its ending does not exist, or it has too many parts."},
	{ID: ruleTwins, Severity: Error,
		Means: "Two rows have the same partition and name. Both send everybody to review."},
	{ID: ruleTooManyRows, Severity: Error,
		Means: "A partition has more rows than are read for a decision. Everybody in it goes to review."},

	{ID: ruleEverybody, Severity: Warning,
		Means: "An invite row without a condition or code is for everybody in the world, or everybody below an ending such as .com or .co.uk."},
	{ID: ruleManyTenants, Severity: Warning,
		Means: "An invite row is for a domain below which anyone can get a name, such as *.onmicrosoft.com."},
	{ID: ruleFreeMail, Severity: Warning,
		Means: "An invite row is for a domain at which anyone can get an address, such as gmail.com."},
	{ID: ruleDisposable, Severity: Warning,
		Means: "An invite row is for a domain of disposable mailboxes. Often everybody can read them."},

	{ID: ruleUnreachable, Severity: Error,
		Means: "The row never decides again, because others of its partition always come first."},
	{ID: ruleExpired, Severity: Warning,
		Means: "NotAfter has passed. Another row or a person decides now."},
	{ID: ruleLastDay, Severity: Info,
		Means: "NotAfter is a midnight in UTC, so that day is excluded; a date alone would include it. Table editors turn a date into such a midnight."},
	{ID: ruleOverlap, Severity: Warning,
		Means: "Two rows of a partition with different actions apply at the same time, and neither is an exception within the other's time."},
	{ID: ruleSamePriority, Severity: Warning,
		Means: "Two rows of a partition with different actions apply at the same time and have the same Priority. Only their names decide which comes first."},

	{ID: ruleDomainDenied, Severity: Warning,
		Means: "The subdomains of a domain are invited while the domain itself is denied. A wildcard does not cover the domain itself."},
	{ID: ruleDomainMissing, Severity: Warning,
		Means: "There are rows for the subdomains of a domain, but none for the domain itself. A wildcard does not cover it."},
	{ID: ruleSubdomainsNotMeant, Severity: Warning,
		Means: "A domain is denied, and a wider row invites its subdomains. A domain's row does not cover its subdomains."},

	{ID: ruleNoSponsor, Severity: Warning,
		Means: "An invite row names no sponsor. Entra's own clean-up can delete guests without one."},
	{ID: ruleNoGroups, Severity: Info,
		Means: "An invite row names no group. The guest gets an account and nothing else."},
	{ID: ruleMember, Severity: Warning,
		Means: "An invite row makes members. A member sees far more of the directory than a guest."},
	{ID: ruleNoMail, Severity: Warning,
		Means: "An invite row sends no mail. The guest does not learn how to accept."},
	{ID: ruleMessageDropped, Severity: Warning,
		Means: "An invite row has a message. Microsoft's mail may leave it out, because an app sends the invitation."},
	{ID: ruleMessageNoMail, Severity: Warning,
		Means: "An invite row has a message and sends no mail."},
	{ID: ruleLanguageIgnored, Severity: Warning,
		Means: "An invite row has both Message and MessageLanguage. Graph then ignores the language."},
	{ID: ruleCcNoMail, Severity: Warning,
		Means: "An invite row has an address for a copy, but sends no mail."},
	{ID: ruleDayLimit, Severity: Warning,
		Means: "An invite row allows more guests on one day than in all."},
	{ID: ruleShortCode, Severity: Warning,
		Means: "An invite code is so short that it can be guessed."},

	{ID: ruleGroupMissing, Severity: Error, Directory: true,
		Means: "There is no group with that id. The guest is invited without the membership."},
	{ID: ruleGroupDynamic, Severity: Error, Directory: true,
		Means: "A rule chooses the members of the group. Nobody can be added."},
	{ID: ruleGroupMail, Severity: Error, Directory: true,
		Means: "The group is a distribution list or a mail-enabled security group. Exchange owns its members, so the app can't add any."},
	{ID: ruleGroupRoles, Severity: Error, Directory: true,
		Means: "The group can hold directory roles. The app can't add members, and should not be able to."},
	{ID: ruleGroupOnPremises, Severity: Error, Directory: true,
		Means: "The group is mastered on-premises. Cloud guests can't be added."},
	{ID: ruleGroupUnified, Severity: Warning, Directory: true,
		Means: "The group is a Microsoft 365 group. Its members get a welcome mail and its conversations; a security group only gives access."},
	{ID: ruleGroupNoSecurity, Severity: Error, Directory: true,
		Means: "The group is not a security group, so membership gives no access."},
	{ID: ruleSponsorMissing, Severity: Error, Directory: true,
		Means: "There is no user or group with that id. The guest has no sponsor, and the invitation may be refused."},
	{ID: ruleSponsorKind, Severity: Error, Directory: true,
		Means: "The sponsor is neither a user nor a group. Entra accepts no others."},
	{ID: ruleSponsorDisabled, Severity: Warning, Directory: true,
		Means: "The sponsor's account is disabled."},
	{ID: ruleSponsorGuest, Severity: Warning, Directory: true,
		Means: "The sponsor is a guest. A sponsor should be a member of the inviting organisation."},
	{ID: ruleForbidden, Severity: Warning, Directory: true,
		Means: "The directory does not allow groups or sponsors to be read, so they were not checked."},
	{ID: ruleUnavailable, Severity: Warning, Directory: true,
		Means: "The directory did not answer for some groups or sponsors, so they were not checked."},
}

// kebab returns a column's name as in a rule's id: NotBefore becomes not-before.
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

// takesAnything reports whether every cell of the column is valid. All other columns refuse
// bytes.
func takesAnything(column string) bool {
	row := policy.Parse(policy.Raw{Partition: "*", Columns: map[string]any{column: []byte{0}}})
	return !slices.ContainsFunc(row.Faults, func(f policy.Fault) bool { return f.Column == column })
}
