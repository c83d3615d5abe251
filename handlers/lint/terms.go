package lint

import "guestlist/handlers/policy"

// checkTerms tells what an invitation by the row would lack.
func (k *checker) checkTerms(e *entry) {
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
}
