package lint

import (
	"slices"
	"strings"
	"unicode"

	"guestlist/handlers/policy"
)

// The ids of the rules, except those that are made of column names.
const (
	// Unstorable is the rule that a table can hold the row. No other finding makes it impossible to
	// write a row.
	Unstorable = "unstorable"

	ruleUnknownColumn = "unknown-column"
	ruleRowKey        = "invalid-row-key"
	ruleTwins         = "same-name-twice"

	rulePartitionSyntax = "partition-syntax"
	rulePartitionCase   = "partition-upper-case"
	rulePartitionASCII  = "partition-not-punycode"
	rulePartitionPublic = "partition-public-suffix"
	rulePartitionNobody = "partition-nobody"
	ruleUnknownEnding   = "partition-unknown-ending"
	ruleAtSuffix        = "partition-at-public-suffix"
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
	ruleMessageMissing  = "message-languages"
	ruleCcNoMail        = "cc-without-mail"
	ruleCcByDefault     = "cc-without-microsoft-mail"
	ruleOlderColumn     = "older-send-invitation"
	ruleProofOfDenied   = "proof-without-effect"
	ruleDayLimit        = "day-limit-above-all"
	ruleShortCode       = "short-invite-code"
	ruleNumericCode     = "numeric-invite-code"
	ruleConditionNever  = "condition-never"
	ruleConditionPart   = "condition-part-never"
	ruleConditionLoose  = "condition-wider-domain"

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

	ruleApproverMissing  = "approver-missing"
	ruleApproverKind     = "approver-kind"
	ruleApproverDisabled = "approver-disabled"
	ruleApproverGuest    = "approver-guest"
	ruleApproverEmpty    = "approver-group-empty"
	ruleOneApprover      = "approvers-one-person"
	ruleSameApprovers    = "approvers-the-same"
	ruleNobodyDecides    = "nobody-decides"
	ruleSponsorsDecide   = "sponsors-decide-without-sponsors"
	ruleEscalateHalf     = "escalation-incomplete"
	ruleEscalateLate     = "escalation-after-deadline"
	ruleEscalateNobody   = "escalation-adds-nobody"
	ruleReviewOfDenied   = "review-without-effect"

	ruleForbidden   = "directory-forbidden"
	ruleUnavailable = "directory-unavailable"
)

// bySeverity has the rules of the constants above.
var bySeverity = map[Severity][]string{
	Error: {
		Unstorable, ruleUnknownColumn, ruleRowKey, rulePartitionSyntax, rulePartitionCase, rulePartitionASCII,
		rulePartitionPublic, rulePartitionNobody, ruleTwins, ruleTooManyRows, ruleUnreachable, ruleConditionNever,
		ruleGroupMissing, ruleGroupDynamic, ruleGroupMail, ruleGroupRoles, ruleGroupOnPremises,
		ruleGroupNoSecurity, ruleSponsorMissing, ruleSponsorKind,
		ruleApproverMissing, ruleApproverKind,
	},
	Warning: {
		ruleUnknownEnding,
		ruleEverybody, ruleManyTenants, ruleFreeMail, ruleDisposable, ruleExpired, ruleOverlap,
		ruleSamePriority, ruleDomainDenied, ruleDomainMissing, ruleSubdomainsNotMeant, ruleNoSponsor,
		ruleMember, ruleNoMail, ruleMessageDropped, ruleMessageNoMail, ruleLanguageIgnored,
		ruleCcNoMail, ruleDayLimit, ruleShortCode, ruleNumericCode, ruleConditionPart,
		ruleConditionLoose, ruleGroupUnified, ruleSponsorDisabled,
		ruleSponsorGuest, ruleApproverDisabled, ruleApproverGuest, ruleApproverEmpty, ruleOneApprover,
		ruleNobodyDecides, ruleSponsorsDecide, ruleEscalateHalf, ruleEscalateLate, ruleEscalateNobody,
		ruleForbidden, ruleUnavailable,
	},
	Info: {
		ruleAtSuffix, ruleLastDay, ruleNoGroups, ruleMessageMissing, ruleCcByDefault, ruleOlderColumn,
		ruleProofOfDenied, ruleSameApprovers, ruleReviewOfDenied,
	},
}

// Rules returns the ids of all rules with their severities.
func Rules() map[string]Severity {
	rules := map[string]Severity{}
	for severity, ids := range bySeverity {
		for _, id := range ids {
			rules[id] = severity
		}
	}
	for _, c := range policy.Columns() {
		if c.Required {
			rules["missing-"+kebab(c.Name)] = Error
		}
		if !takesAnything(c.Name) {
			rules["invalid-"+kebab(c.Name)] = Error
		}
	}
	return rules
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

// takesAnything reports whether every cell of the column is valid. All others refuse bytes.
func takesAnything(column string) bool {
	row := policy.Parse(policy.Raw{Partition: "*", Columns: map[string]any{column: []byte{0}}})
	return !slices.ContainsFunc(row.Faults, func(f policy.Fault) bool { return f.Column == column })
}
