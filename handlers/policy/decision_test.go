package policy

import "testing"

func TestDecisionCovers(t *testing.T) {
	invites := func(userType string, groups ...string) Decision {
		return Decision{Action: Invite, Terms: &Terms{Groups: groups, UserType: userType}}
	}
	limited := func(row string, guests, perDay int) Decision {
		d := invites("Guest", "a")
		d.Limits = &Limits{RowKey{"contoso.com", row}, guests, perDay}
		return d
	}
	one := invites("Guest", "a")
	proving, unmailed := invites("Guest", "a"), invites("Guest", "a")
	proving.Proof, unmailed.Terms.InvitationMail = ProofCode, NoInvitationMail
	tests := map[string]struct {
		now, earlier Decision
		want         bool
	}{
		"the same":                      {one, one, true},
		"a proof that is new":           {proving, one, true},
		"no mail any more":              {unmailed, one, true},
		"more groups":                   {invites("Guest", "b", "a"), one, true},
		"a group less":                  {one, invites("Guest", "a", "b"), false},
		"another group":                 {invites("Guest", "b"), one, false},
		"a member by now":               {invites("Member", "a"), one, true},
		"no member any more":            {one, invites("Member", "a"), false},
		"a review":                      {Decision{Action: Review}, one, false},
		"a denial":                      {Decision{Action: Deny}, one, false},
		"a limit that is new":           {limited("r", 5, 0), one, false},
		"a limit that is gone":          {one, limited("r", 5, 0), true},
		"the same limits":               {limited("r", 5, 1), limited("r", 5, 1), true},
		"a higher limit":                {limited("r", 6, 0), limited("r", 5, 0), true},
		"a lower limit":                 {limited("r", 4, 0), limited("r", 5, 0), false},
		"a lower limit for the day":     {limited("r", 5, 1), limited("r", 5, 2), false},
		"one limit in place of another": {limited("r", 5, 0), limited("r", 0, 5), false},
		"the limits of another row":     {limited("s", 9, 9), limited("r", 5, 0), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.now.Covers(test.earlier); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}
