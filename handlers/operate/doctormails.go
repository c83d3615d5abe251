package operate

import (
	"fmt"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

// CheckMailGate checks how many mails of the app's own were sent within the hour, and whether the
// mail service takes any. The quota is the zero MailQuota if it is not known.
func CheckMailGate(gate request.MailGate, quota request.MailQuota, now time.Time) Check {
	const part = "mails sent"
	var sent request.MailMinute
	for _, m := range gate.Minutes {
		if age := now.Unix()/60 - m.Minute; age >= 0 && age < 60 {
			sent.Mails, sent.Codes = sent.Mails+m.Mails, sent.Codes+m.Codes
		}
	}
	found := fmt.Sprintf("%d in the last hour, %d of them with a code", sent.Mails, sent.Codes)
	if quota.PerHour > 0 {
		found = fmt.Sprintf("%d of %d in the last hour, and of these %d of %d with a code",
			sent.Mails, quota.PerHour, sent.Codes, quota.Codes().PerHour)
	}
	held := ""
	if gate.Failures > 0 {
		held = fmt.Sprintf("; the mail service has failed %s since it took the last mail", times(gate.Failures))
	}
	if gate.HeldUntil.After(now) {
		held += "; it is left alone until " + gate.HeldUntil.UTC().Format(time.RFC3339)
	}
	switch {
	case gate.Cause != "":
		return Broken.Check(part, fmt.Sprintf("none since %s: the mail service does not let the app send (%s)%s",
			gate.CauseAt.UTC().Format(time.RFC3339), gate.Cause, held),
			"docs/deploy.md lists what the app needs; a new role takes some minutes. Codes and mails wait, and one mail at a "+
				"time tries whether it is over, every 15 minutes and later every hour.")
	case held != "":
		return Warning.Check(part, found+held,
			"Codes and mails wait, and one mail at a time tries whether it is over. Lines with the code of the failure are in the "+
				"log. If that is mail-throttled and happens often, other applications may use the same limits: lower "+
				"GUESTLIST_MAIL_PER_HOUR, or ask for higher limits, as docs/deploy.md shows.")
	case quota.PerHour > 0 && sent.Mails >= quota.PerHour, quota.PerHour > 0 && sent.Codes >= quota.Codes().PerHour:
		return Warning.Check(part, found+"; the others wait",
			"Check whether somebody floods the form. If that many are right, ask for higher limits and raise "+
				"GUESTLIST_MAIL_PER_HOUR, as docs/deploy.md shows.")
	}
	return Fine.Check(part, found, "")
}

// times says how often something has happened.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// owedAlarm is how long a mail may be owed before somebody should look.
const owedAlarm = 6 * time.Hour

// checkWaitingMails checks how many requests wait for a code or for a mail. There is no check if
// none does.
func checkWaitingMails(s request.Sweep) []Check {
	const part = "waiting mails"
	t := s.Last
	var texts []string
	if t.Proving > 0 {
		texts = append(texts, fmt.Sprintf("%d wait for a code to be typed", t.Proving))
	}
	if t.Owed > 0 {
		texts = append(texts, fmt.Sprintf("%d are owed a mail, the first since %s", t.Owed, t.OwedSince.UTC().Format(time.RFC3339)))
	}
	found := "of the requests, " + strings.Join(texts, ", and ")
	switch {
	case len(texts) == 0:
		return nil
	case t.Owed > 0 && s.Ended.Sub(t.OwedSince) >= owedAlarm:
		return []Check{Warning.Check(part, found,
			"The log lines \"mail owed\" name them, and guestlist request show ID says why. Their guests are invited all the same.")}
	}
	return []Check{Fine.Check(part, found, "")}
}

// CheckMailRows checks whether rows ask for mails that the app does not send. proof says that the
// app asks for a proof by default.
func CheckMailRows(rows []policy.Row, proof bool) Check {
	const part = "policy rows and mails"
	codes, own := 0, 0
	for _, row := range rows {
		switch {
		case !row.Enabled, row.Mode == policy.Audit, len(row.Faults) > 0, row.Action == policy.Deny:
			continue
		case row.Proof == policy.ProofCode:
			codes++
		}
		if row.Action == policy.Invite && row.Terms.InvitationMail == policy.OwnMail {
			own++
		}
	}
	var texts, cures []string
	if proof {
		texts = append(texts, "GUESTLIST_PROOF asks for a proof of the mailbox")
		cures = append(cures, "Set GUESTLIST_PROOF to none")
	}
	if codes > 0 {
		texts = append(texts, fmt.Sprintf("%d ask for a proof of the mailbox", codes))
		cures = append(cures, "write none in Proof of these rows")
	}
	if proof || codes > 0 {
		texts = append(texts, "those sign-ups go to review")
	}
	if own > 0 {
		texts = append(texts, fmt.Sprintf("%d ask for the app's own mail, and Microsoft sends its mail in place of that", own))
		cures = append(cures, "write microsoft in InvitationMail")
	}
	if len(cures) == 0 {
		return Fine.Check(part, "none asks for a mail of the app's own", "")
	}
	cure := strings.Join(cures, "; ") + "; or let the app send mails, as docs/deploy.md shows."
	return Warning.Check(part, "the app sends no mails, and "+strings.Join(texts, "; "), strings.ToUpper(cure[:1])+cure[1:])
}
