package workflow_test

import (
	"fmt"
	"strings"
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

// TestWishKeepsMailAboutDenial: a guest was invited and shut out, a person denies the request, and
// the partner, who does not know, asks for the invitation again before the mail about that has
// gone.
func TestWishKeepsMailAboutDenial(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	id := w.signUp("ana@contoso.com")
	w.prove(id, "ana@contoso.com")
	w.settle(1)
	w.wantState(id, request.Done)
	before := len(w.mailsTo("ana@contoso.com"))
	r := w.load(id)
	r.State, r.Owed = request.Denied, request.Owed{Kind: request.DecisionMail, Since: w.now}
	must(w.store.Save(t.Context(), r, nil))(t)
	ok(t, w.store.Wait(t.Context(), id, w.now.Add(10*time.Minute)))
	w.now = w.now.Add(2 * request.MailRest)
	w.queue = append(w.queue, submission.Message{ID: id, Kind: submission.Resend})
	w.settle(2)
	mails := w.wantMails("ana@contoso.com", before+1)
	if r := w.load(id); r.Owed.Kind != "" || r.Mail(request.DecisionMail).Ordinal != 1 {
		t.Errorf("owed %+v, mails %+v", r.Owed, r.Mails)
	}
	if text := mails[len(mails)-1].Text; strings.Contains(text, "https://redeem") {
		t.Errorf("the mail is:\n%s", text)
	}
}
