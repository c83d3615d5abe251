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

// shortestCode is how many characters an invite code needs so that trying does not find it.
const shortestCode = 8

// checkTerms tells what an invitation by the row would lack, or have and not be meant to.
func (k *checker) checkTerms(e *entry) {
	if k.live(e) {
		k.checkCode(e)
		k.checkEnd(e)
	}
	if e.row.Action != policy.Invite || !e.sound("Action") || !k.live(e) {
		return
	}
	terms := e.row.Terms
	if len(terms.Sponsors) == 0 && e.sound("Sponsors") {
		k.add(e, "Sponsors", ruleNoSponsor,
			"Guests by this row have no sponsor. Entra's own clean-up of guests without sponsors can delete them.",
			"Write the object ids of one to five users or groups who answer for the guests.")
	}
	if len(terms.Groups) == 0 && e.sound("Groups") {
		k.add(e, "Groups", ruleNoGroups,
			"Guests by this row become members of no group: they get an account and nothing else.",
			"Write the object ids of the security groups that give access, if the guests are to have any.")
	}
	if terms.UserType == "Member" {
		k.add(e, "UserType", ruleMember,
			"Guests by this row become members, who by default can read the whole directory.",
			"Write Guest, or leave it empty, unless they are colleagues of another tenant of the same organisation.")
	}
	if !terms.SendInvitation && e.sound("SendInvitation") {
		k.add(e, "SendInvitation", ruleNoMail,
			"Microsoft sends no mail to guests by this row, so nobody tells them that they are invited.",
			"Write true, or leave it empty, unless the guests are told in another way.")
	}
	k.checkMail(e)
	if e.row.MaxGuests > 0 && e.row.MaxPerDay > e.row.MaxGuests {
		k.add(e, "MaxPerDay", ruleDayLimit, "MaxPerDay is larger than MaxGuests, so it is never reached.",
			"Write a smaller number, or remove it; were the two numbers exchanged?")
	}
}

// checkEnd tells where a moment was written and a day may have been meant.
func (k *checker) checkEnd(e *entry) {
	end := e.row.NotAfter
	text, isText := e.row.Columns["NotAfter"].(string)
	if end.IsZero() || !end.Equal(end.Truncate(24*time.Hour)) || isText && !strings.Contains(text, "T") {
		return
	}
	k.add(e, "NotAfter", ruleLastDay,
		"The row ends when "+end.Format(time.DateOnly)+" begins (UTC): that day is not part of its time.",
		"Write the date as a text, "+end.Format(time.DateOnly)+" for that whole day, or "+end.AddDate(0, 0, -1).Format(time.DateOnly)+" if it is meant so.")
}

// checkMail tells which parts of the mail come to nothing.
func (k *checker) checkMail(e *entry) {
	terms := e.row.Terms
	sends := terms.SendInvitation || !e.sound("SendInvitation")
	if terms.Message != "" {
		if sends {
			k.add(e, "Message", ruleMessageDropped,
				"Microsoft's mail may leave Message out, because an app and not a person sends the invitation.",
				"Write nothing in it that the guest must know, or say it where RedirectUrl leads.")
		} else {
			k.add(e, "Message", ruleMessageNoMail, "Message is for Microsoft's mail, and the row sends none.",
				"Set SendInvitation to true, or remove the message.")
		}
		if terms.MessageLanguage != "" {
			k.add(e, "MessageLanguage", ruleLanguageIgnored, "MessageLanguage has no effect beside Message.",
				"Remove one of them; keep MessageLanguage for Microsoft's own words in that language.")
		}
	}
	if terms.Cc != "" && !sends {
		k.add(e, "Cc", ruleCcNoMail, "Cc is for Microsoft's mail, and the row sends none.",
			"Set SendInvitation to true, or remove the address.")
	}
}

// checkCode tells of an invite code that can be found by trying. A code that is written as its hash is not known.
func (k *checker) checkCode(e *entry) {
	if e.row.InviteCode == "" {
		return
	}
	var code string
	switch cell := e.row.Columns["InviteCode"].(type) {
	case float64:
		code = strconv.FormatFloat(cell, 'f', 0, 64)
	default:
		code = submission.NormalCode(fmt.Sprint(cell))
	}
	if submission.HashCode(code) != e.row.InviteCode {
		return
	}
	if utf8.RuneCountInString(code) < shortestCode {
		k.add(e, "InviteCode", ruleShortCode,
			fmt.Sprintf("InviteCode has fewer than %d characters, dashes and white space aside, so it can be found by trying.", shortestCode),
			"Write a longer code that is no word, such as one that a password generator makes.")
	}
}
