package workflow_test

import (
	"fmt"
	"testing"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// TestKilledProcessHoldsUpNobodyWhoTypedCode ends the process at each operation after the code was
// typed. Nothing may wait for the hour at which the code would have been too old.
func TestKilledProcessHoldsUpNobodyWhoTypedCode(t *testing.T) {
	for n := 0; ; n++ {
		w := newMailWorld(t)
		w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
		id := w.signUp("ana@contoso.com")
		w.settleMinutes(40)
		left, at := n, ""
		w.interrupt = func(op string, after bool) error {
			if w.idle {
				return nil
			}
			left--
			if left == -1 {
				at = fmt.Sprintf("operation %d, %s, %t", n, op, after)
				panic(crash{})
			}
			return nil
		}
		w.queue = append(w.queue, submission.Message{ID: id, Kind: submission.Prove, Code: w.code("ana@contoso.com")})
		w.settleMinutes(20)
		if at == "" {
			if n < 40 {
				t.Errorf("there were %d operations", n)
			}
			return
		}
		if r := w.load(id); r.State != request.Done || r.Owed != (request.Owed{}) {
			t.Errorf("killed at %s, the request is %s, owed %v; history %v", at, r.State, r.Owed, w.whats(id))
		}
		// To ask for the redeem URL once more is to invite without a mail.
		if guests, members := len(w.tenant.Guests()), len(w.tenant.Memberships()); guests != 1 || members != 1 {
			t.Errorf("killed at %s, there are %d guests and %d memberships", at, guests, members)
		}
		w.wantMails("ana@contoso.com", 2)
	}
}

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
