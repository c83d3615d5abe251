package workflow_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// TestNewCodeIsMailedThoughEarlierOneIsFound: while nobody could ask what became of the first mail,
// the request failed and was taken up again. That mail has a code that counts no more.
func TestNewCodeIsMailedThoughEarlierOneIsFound(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.AnswerLost, Call: "send", Always: true})
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "ask", Status: 503, Always: true})
	id := w.signUp("ana@contoso.com")
	w.settle(80)
	w.wantState(id, request.Failed)
	first := w.code("ana@contoso.com")
	must(w.reviewer().Retry(t.Context(), id))(t)
	w.settleMinutes(5)
	w.service.ClearFaults()
	w.settle(2)
	w.wantMails("ana@contoso.com", 2)
	if w.code("ana@contoso.com") == first {
		t.Error("the code is the first one")
	}
	w.typeCode(id, first)
	w.wantState(id, request.Proving)
	w.prove(id, "ana@contoso.com")
	w.wantState(id, request.Done)
}

// TestMailTroubleUsesUpNoInvitations: for each mail of an invitation the directory is asked for the
// redeem URL, which counts as an invitation. A mail service that is down must not use up those of
// the day.
func TestMailTroubleUsesUpNoInvitations(t *testing.T) {
	tests := map[string]acssim.Fault{
		"unavailable":  {Trouble: acssim.Refused, Call: "send", Status: 503, Always: true},
		"not reached":  {Trouble: acssim.Unanswered, Call: "send", Always: true},
		"forbidden":    {Trouble: acssim.Refused, Call: "send", Status: 403, Always: true},
		"throttled":    {Trouble: acssim.Refused, Call: "send", Status: 429, RetryAfter: 60, Always: true},
		"all is down":  {Trouble: acssim.Refused, Status: 503, Always: true},
		"nobody knows": {Trouble: acssim.Unanswered, Always: true},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) {
				c.ProofByDefault, c.Pace = false, request.Pace{Daily: 10}
			})
			w.row("contoso.com", "row", "Action", "invite")
			w.fail(fault)
			addresses := []string{"ana@contoso.com", "bo@contoso.com", "cy@contoso.com"}
			for _, address := range addresses {
				w.wantState(w.signUp(address), request.Done)
			}
			w.settle(10)
			w.wantTenant(3, 3, 0)
			w.service.ClearFaults()
			w.settle(3)
			for _, address := range addresses {
				w.wantMails(address, 1)
			}
			w.wantTenant(3, 3, 0)
		})
	}
}

// TestRedeemURLIsAskedForLessAndLess: each attempt counts as an invitation.
func TestRedeemURLIsAskedForLessAndLess(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.wantMails("ana@contoso.com", 1)
	w.settle(2)
	w.order(graphsim.Fault{Match: invitations, Status: 502, Always: true})
	before := w.tenant.Calls()["POST /v1.0/invitations"]
	w.carryOut(submission.Resend, id)
	w.settle(24)
	if n := w.tenant.Calls()["POST /v1.0/invitations"] - before; n < 4 || n > 10 {
		t.Errorf("the directory was asked %d times in a day", n)
	}
	w.tenant.ClearFaults()
	w.settle(5)
	w.wantMails("ana@contoso.com", 2)
}

// TestMailThatPersonWishesTakesNoShare: the domain has had its share of the day.
func TestMailThatPersonWishesTakesNoShare(t *testing.T) {
	tests := map[string]struct {
		wish func(*mailWorld, submission.ID)
		want int // mails
	}{
		"a person wishes for it": {func(w *mailWorld, id submission.ID) { must(w.reviewer().Resend(w.t.Context(), id))(w.t) }, 2},
		"the partner wishes it":  {func(w *mailWorld, id submission.ID) { w.carryOut(submission.Resend, id) }, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) {
				c.ProofByDefault, c.Pace = false, request.Pace{Daily: 2, Share: 50}
			})
			w.row("contoso.com", "row", "Action", "invite")
			id := w.signUp("ana@contoso.com")
			w.settle(2)
			test.wish(w, id)
			w.settle(2)
			w.wantMails("ana@contoso.com", test.want)
			w.settle(24)
			w.wantMails("ana@contoso.com", 2)
		})
	}
}

// TestMailCountsWhenItIsSent: the directory takes minutes to give the redeem URL.
func TestMailCountsWhenItIsSent(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.settle(2)
	w.on("Invite", after, -1, func() error {
		w.now = w.now.Add(5 * time.Minute)
		return nil
	})
	w.carryOut(submission.Resend, id)
	mails := w.wantMails("ana@contoso.com", 2)
	minutes := must(w.store.MailGate(t.Context()))(t).Minutes
	sent := mails[1].At.Unix() / 60
	minutes = slices.DeleteFunc(minutes, func(m request.MailMinute) bool { return m.Mails == 0 }) // given back
	if len(minutes) != 1 || minutes[0].Minute != sent || minutes[0].Mails != 1 {
		t.Errorf("counted %+v, sent in minute %d", minutes, sent)
	}
}

// TestWishedMailSurvivesFailuresOfStorage: the mail has to wait, and each write fails once.
func TestWishedMailSurvivesFailuresOfStorage(t *testing.T) {
	for _, op := range []string{"Save", "Wait", "Mailbox", "MailGate", "SaveMailGate", "SaveMailbox"} {
		for nth := range 4 {
			t.Run(fmt.Sprint(op, " ", nth), func(t *testing.T) {
				w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
				w.row("contoso.com", "row", "Action", "invite")
				id := w.signUp("ana@contoso.com")
				w.settle(2)
				w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 429, RetryAfter: 60})
				left := nth
				w.on(op, before, -1, func() error {
					left--
					if left == -1 {
						return fails()
					}
					return nil
				})
				w.ask(submission.Resend, id)
				w.settle(3)
				w.wantMails("ana@contoso.com", 2)
				w.wantNothingDue()
			})
		}
	}
}

// TestWishForCodeEndsWithProof: it must not become a wish for the mail of the invitation.
func TestWishForCodeEndsWithProof(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	code := w.code("ana@contoso.com")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 429, RetryAfter: 3600, Always: true})
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settleMinutes(2)
	w.service.ClearFaults()
	w.typeCode(id, code)
	if r := w.wantState(id, request.Done); r.Resend.Open() || r.Owed.Person {
		t.Errorf("the wish %+v, owed %+v", r.Resend, r.Owed)
	}
	w.settle(3)
	w.wantMails("ana@contoso.com", 2)
	if whats := w.whats(id); slices.Contains(whats, "resend-begun") || slices.Contains(whats, "resend-needless") {
		t.Errorf("history %v", whats)
	}
}
