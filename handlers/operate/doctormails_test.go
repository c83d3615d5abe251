package operate

import (
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
)

func TestCheckMailGate(t *testing.T) {
	minute := noon.Unix() / 60
	sent := func(mails, codes int) []request.MailMinute {
		return []request.MailMinute{
			{Minute: minute - 61, Mails: 50, Codes: 50}, {Minute: minute - 59, Mails: 1, Codes: 1},
			{Minute: minute, Mails: mails - 1, Codes: codes - 1},
		}
	}
	quota := request.MailQuota{PerMinute: 30, PerHour: 100}
	for name, test := range map[string]struct {
		gate   request.MailGate
		quota  request.MailQuota
		health Health
		found  string
	}{
		"nothing sent": {request.MailGate{}, quota, Fine, "0 of 100 in the last hour, and of these 0 of 50 with a code"},
		"some sent":    {request.MailGate{Minutes: sent(99, 49)}, quota, Fine, "99 of 100 in the last hour, and of these 49 of 50"},
		"no quota":     {request.MailGate{Minutes: sent(99, 49)}, request.MailQuota{}, Fine, "99 in the last hour, 49 of them with a code"},
		"all sent":     {request.MailGate{Minutes: sent(100, 1)}, quota, Warning, "100 of 100"},
		"codes sent":   {request.MailGate{Minutes: sent(50, 50)}, quota, Warning, "50 of 50 with a code; the others wait"},
		"held":         {request.MailGate{HeldUntil: noon.Add(time.Minute)}, quota, Warning, "code; it is left alone until 2026-05-04T12:01:00Z"},
		"failing":      {request.MailGate{Failures: 3}, quota, Warning, "code; the mail service has failed 3 times since it took the last mail"},
		"held before":  {request.MailGate{HeldUntil: noon}, quota, Fine, "0 of 100"},
		"stopped": {request.MailGate{Cause: request.MailForbidden, CauseAt: noon.Add(-time.Hour), Failures: 2, HeldUntil: noon.Add(time.Minute)},
			quota, Broken, "none since 2026-05-04T11:00:00Z: the mail service does not let the app send (mail-forbidden); " +
				"the mail service has failed 2 times since it took the last mail; it is left alone until"},
	} {
		t.Run(name, func(t *testing.T) { wantCheck(t, CheckMailGate(test.gate, test.quota, noon), test.health, test.found) })
	}
}

func TestCheckMailRows(t *testing.T) {
	row := func(columns map[string]any) policy.Row {
		return policy.Parse(policy.Raw{Partition: "contoso.com", Name: "r", Columns: columns})
	}
	for name, test := range map[string]struct {
		columns map[string]any
		proof   bool
		health  Health
		found   string
	}{
		"nothing is asked for":     {map[string]any{"Action": "invite"}, false, Fine, "none asks"},
		"a proof by default":       {map[string]any{"Action": "invite"}, true, Warning, "GUESTLIST_PROOF asks for a proof of the mailbox; those sign-ups go to review"},
		"a proof":                  {map[string]any{"Action": "review", "Proof": "code"}, false, Warning, "1 ask for a proof of the mailbox; those sign-ups go to review"},
		"the app's own mail":       {map[string]any{"Action": "invite", "InvitationMail": "own"}, false, Warning, "1 ask for the app's own mail"},
		"an own mail for nobody":   {map[string]any{"Action": "review", "InvitationMail": "own"}, false, Fine, "none asks"},
		"by a row that is off":     {map[string]any{"Action": "invite", "Proof": "code", "Enabled": false}, false, Fine, "none asks"},
		"by a row in audit mode":   {map[string]any{"Action": "invite", "Proof": "code", "Mode": "audit"}, false, Fine, "none asks"},
		"by a row that denies":     {map[string]any{"Action": "deny", "Proof": "code"}, false, Fine, "none asks"},
		"by a row that has faults": {map[string]any{"Action": "invite", "Proof": "code", "Priority": "x"}, false, Fine, "none asks"},
	} {
		t.Run(name, func(t *testing.T) {
			wantCheck(t, CheckMailRows([]policy.Row{row(test.columns)}, test.proof), test.health, test.found)
		})
	}
}
