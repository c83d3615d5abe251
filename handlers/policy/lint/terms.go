package lint

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// shortestCode is the length below which an invite code is too easy to guess.
const shortestCode = 8

// checkTerms reports what an invitation by the row lacks, or has and is probably not meant to.
func (k *checker) checkTerms(e *entry) {
	if k.live(e) {
		k.checkCode(e)
		k.checkCondition(e)
		k.checkEnd(e)
		k.checkWithoutEffect(e)
	}
	if e.row.Action != policy.Invite || !e.sound(policy.ActionColumn) || !k.live(e) {
		return
	}
	terms := e.row.Terms
	if len(terms.Sponsors) == 0 && e.sound(policy.SponsorsColumn) {
		k.add(e, policy.SponsorsColumn, ruleNoSponsor,
			"Guests by this row have no sponsor. Entra's own clean-up can delete guests without sponsors.",
			fmt.Sprintf("Write the object ids of 1 to %d users or groups who answer for the guests.", policy.MaxSponsors))
	}
	if len(terms.Groups) == 0 && e.sound(policy.GroupsColumn) {
		k.add(e, policy.GroupsColumn, ruleNoGroups,
			"Guests by this row become members of no group: they only get an account.",
			"Write the object ids of the security groups that give access, if the guests are to have any.")
	}
	if terms.UserType == "Member" {
		k.add(e, policy.UserTypeColumn, ruleMember,
			"Guests by this row become members, who by default can read the whole directory. "+
				"Inviting a member needs more than User.Invite.All: without that right, the directory refuses all guests of this row.",
			"Write Guest, or leave it empty, unless they are colleagues of another tenant of the same organisation "+
				"and the app has that right.")
	}
	if terms.InvitationMail == policy.NoInvitationMail && mailSound(e) {
		k.add(e, mailColumn(e), ruleNoMail,
			"Guests by this row get no mail, so they do not learn that they are invited.",
			"Write own or microsoft in InvitationMail, or leave it empty, unless the guests are told in another way.")
	}
	k.checkMail(e)
	if e.row.MaxGuests > 0 && e.row.MaxPerDay > e.row.MaxGuests {
		k.add(e, policy.MaxPerDayColumn, ruleDayLimit, "MaxPerDay is larger than MaxGuests, so it is never reached.",
			"Write a smaller number, or remove it; were the two numbers swapped?")
	}
}

// checkEnd finds a midnight that may have been meant as a day.
func (k *checker) checkEnd(e *entry) {
	end := e.row.NotAfter
	text, isText := e.row.Columns[policy.NotAfterColumn].(string)
	if end.IsZero() || !end.Equal(end.Truncate(24*time.Hour)) || isText && !strings.Contains(text, "T") {
		return
	}
	k.add(e, policy.NotAfterColumn, ruleLastDay,
		"The row ends when "+end.Format(time.DateOnly)+" begins (UTC): that day is excluded.",
		"Write the date as a text: "+end.Format(time.DateOnly)+" to include that day, or "+end.AddDate(0, 0, -1).Format(time.DateOnly)+" to exclude it.")
}

// checkMail finds parts of the mail that have no effect.
func (k *checker) checkMail(e *entry) {
	const ifOwn = " If the app sends mails, own in InvitationMail avoids this."
	terms := e.row.Terms
	mail := terms.InvitationMail
	if !mailSound(e) {
		mail = policy.MailByDefault
	}
	if terms.Message != "" {
		switch mail {
		case policy.NoInvitationMail:
			k.add(e, policy.MessageColumn, ruleMessageNoMail, "Message is for the invitation mail, and the row sends none.",
				"Write own or microsoft in InvitationMail, or remove the message.")
		case policy.MailByDefault:
			k.add(e, policy.MessageColumn, ruleMessageDropped,
				"If the app sends no mails of its own, Microsoft's mail goes out. That may leave Message out, because an app "+
					"and not a person sends the invitation.",
				"If the app sends mails, write own in InvitationMail. Otherwise write nothing in Message that the guest must know, "+
					"or repeat it on the page of RedirectUrl.")
		case policy.MicrosoftMail:
			k.add(e, policy.MessageColumn, ruleMessageDropped,
				"Microsoft's mail may leave Message out, because an app and not a person sends the invitation.",
				"Write nothing in it that the guest must know, or repeat it on the page of RedirectUrl."+ifOwn)
		}
		if terms.MessageIn("") == "" {
			k.add(e, policy.MessageColumn, ruleMessageMissing, "Message has no text for partners with other languages than those that it names.",
				`Add one under the key "", which is for all others.`)
		}
		if terms.MessageLanguage != "" && mail != policy.OwnMail {
			k.add(e, policy.MessageLanguageColumn, ruleLanguageIgnored, "In Microsoft's mail, MessageLanguage has no effect beside Message.",
				"Remove one of them; keep MessageLanguage for Microsoft's own words in that language."+ifOwn)
		}
	}
	if terms.Cc == "" {
		return
	}
	switch mail {
	case policy.NoInvitationMail:
		k.add(e, policy.CcColumn, ruleCcNoMail, "Cc is for Microsoft's mail, and the row sends none.",
			"Write microsoft in InvitationMail, or remove the address.")
	case policy.OwnMail:
		k.add(e, policy.CcColumn, ruleCcNoMail, "Cc is for Microsoft's mail, and the row asks for the app's own, of which nobody gets a copy.",
			"Write microsoft in InvitationMail, or remove the address.")
	case policy.MailByDefault:
		k.add(e, policy.CcColumn, ruleCcByDefault,
			"Cc is for Microsoft's mail. If the app sends mails, its own goes out by default, and nobody gets a copy of it.",
			"Write microsoft in InvitationMail if the copy matters.")
	}
}

// mailSound reports whether it was understood which mail the row asks for.
func mailSound(e *entry) bool {
	return e.sound(policy.InvitationMailColumn) && e.sound(policy.SendInvitationColumn)
}

// mailColumn returns the column that says which mail the row asks for.
func mailColumn(e *entry) string {
	if unset(e.row.Columns[policy.InvitationMailColumn]) && !unset(e.row.Columns[policy.SendInvitationColumn]) {
		return policy.SendInvitationColumn
	}
	return policy.InvitationMailColumn
}

// checkWithoutEffect finds columns that have no effect in rows of any action.
func (k *checker) checkWithoutEffect(e *entry) {
	if e.row.Action == policy.Deny && e.row.Proof != policy.ProofByDefault {
		k.add(e, policy.ProofColumn, ruleProofOfDenied, "Proof has no effect in a row that denies.", "Remove it.")
	}
	if !unset(e.row.Columns[policy.SendInvitationColumn]) && mailSound(e) {
		advice := "Remove it: the row means the same without it."
		if e.row.Terms.InvitationMail == policy.NoInvitationMail {
			advice = "Write none in InvitationMail, and remove SendInvitation."
		}
		k.add(e, policy.SendInvitationColumn, ruleOlderColumn, "SendInvitation is the older form of InvitationMail.", advice)
	}
}

// conditionRules has the rule for each kind of doubt about a condition.
var conditionRules = map[policy.DoubtKind]string{
	policy.NeverHolds:   ruleConditionNever,
	policy.PartIsNever:  ruleConditionPart,
	policy.HoldsForMore: ruleConditionLoose,
}

// checkCondition finds a condition that says something else than was probably meant.
func (k *checker) checkCondition(e *entry) {
	for _, doubt := range policy.Doubts(*e.row) {
		k.add(e, policy.ConditionColumn, conditionRules[doubt.Kind], sentence(policy.ConditionColumn, doubt.Problem), sentence(doubt.Advice))
	}
}

// checkCode finds an invite code that can be guessed, unless it is written as its hash, and one
// that is not what somebody typed.
func (k *checker) checkCode(e *entry) {
	switch e.row.Columns[policy.InviteCodeColumn].(type) {
	case int32, int64, float64:
		k.add(e, policy.InviteCodeColumn, ruleNumericCode,
			"InviteCode is stored as a number, so zeros that were typed at its beginning are lost, and partners who type them do not pass.",
			"Store it as a text: in Storage Explorer and the portal the type String, with az the value and InviteCode@odata.type=Edm.String.")
	}
	if e.row.InviteCode == "" {
		return
	}
	var code string
	switch cell := e.row.Columns[policy.InviteCodeColumn].(type) {
	case float64:
		code = strconv.FormatFloat(cell, 'f', 0, 64)
	default:
		code = submission.NormalCode(fmt.Sprint(cell))
	}
	if submission.HashCode(code) == e.row.InviteCode && utf8.RuneCountInString(code) < shortestCode {
		k.add(e, policy.InviteCodeColumn, ruleShortCode,
			fmt.Sprintf("InviteCode has fewer than %d characters, not counting dashes and white space, so it can be guessed.", shortestCode),
			"Write a longer code that is not a word, such as one from a password generator.")
	}
}
