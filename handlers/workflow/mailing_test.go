package workflow_test

import (
	"testing"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/request"
	"guestlist/handlers/workflow"
)

// TestLeaseOfMailFollowsLeaseOfInvitation: a mail whose answer is missing is asked about after five
// times the lease of an invitation, and after ten minutes at most.
func TestLeaseOfMailFollowsLeaseOfInvitation(t *testing.T) {
	tests := map[string]struct {
		lease         time.Duration
		minutes, want int
	}{
		"as usual, within it":   {2 * time.Minute, 9, 0},
		"as usual, after it":    {2 * time.Minute, 11, 1},
		"a long one":            {time.Hour, 11, 1},
		"a short one":           {time.Minute, 6, 1},
		"a short one, not over": {time.Minute, 4, 0},
		"in tests":              {3 * time.Second, 3, 1}, // a mailbox rests for two minutes after a code
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.IntentLease = test.lease })
			w.row("contoso.com", "row", "Action", "invite")
			w.fail(acssim.Fault{Trouble: acssim.Unanswered, Call: "send"})
			id := w.signUp("ana@contoso.com")
			w.settleMinutes(test.minutes)
			w.wantMails("ana@contoso.com", test.want)
			w.wantState(id, request.Proving)
		})
	}
}
