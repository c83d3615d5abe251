package workflow_test

import (
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// TestSecondSignUpIsMailedUnlessFirstWas: the guest of two sign-ups gets one mail, whatever became
// of the first sign-up.
func TestSecondSignUpIsMailedUnlessFirstWas(t *testing.T) {
	refused := acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 400, Code: "SomethingElse"}
	tests := map[string]struct {
		row   []any // of the first sign-up
		fault acssim.Fault
		group bool // the group of the first sign-up takes nobody
		mails int
		what  string // the last event of the second sign-up
	}{
		"it was mailed":            {[]any{"Action", "invite"}, acssim.Fault{}, false, 1, "mail-needless"},
		"Microsoft has mailed it":  {[]any{"Action", "invite", "InvitationMail", "microsoft"}, acssim.Fault{}, false, 0, "mail-needless"},
		"the row asks for no mail": {[]any{"Action", "invite", "InvitationMail", "none"}, acssim.Fault{}, false, 1, "mail-sent"},
		"its mail was refused":     {[]any{"Action", "invite"}, refused, false, 1, "mail-sent"},
		"it failed at its group":   {[]any{"Action", "invite", "Groups", groupOne}, acssim.Fault{}, true, 1, "mail-sent"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
			w.row("contoso.com", "row", test.row...)
			if test.fault != (acssim.Fault{}) {
				w.fail(test.fault)
			}
			if test.group {
				w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 100000, Status: 403, Code: "Authorization_RequestDenied"})
			}
			first := w.signUp("ana@contoso.com")
			w.settle(30)
			w.row("contoso.com", "row", "Action", "invite")
			second := w.signUp("ana@contoso.com")
			w.settle(2)
			r := w.wantState(second, request.Done)
			if what := w.whats(second); r.RepeatOf != first || !slices.Contains(what, test.what) {
				t.Errorf("repeat of %q, history %v", r.RepeatOf, what)
			}
			if outcome := r.Progress().Outcome; outcome != request.OutcomeInvited {
				t.Errorf("the outcome is %q", outcome)
			}
			w.wantMails("ana@contoso.com", test.mails)
			w.wantNothingDue()
		})
	}
}

// TestTwoSignUpsWaitForOneMail: while the mail of the first sign-up may still go out, the second
// waits.
func TestTwoSignUpsWaitForOneMail(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true})
	first := w.signUp("ana@contoso.com")
	second := w.signUp("ana@contoso.com")
	w.settle(10)
	if r := w.wantState(second, request.Done); r.Owed.Kind != request.InvitationMail || !strings.Contains(r.Owed.Why, string(first)) {
		t.Errorf("owed %+v", r.Owed)
	}
	w.service.ClearFaults()
	w.settle(4)
	w.wantMails("ana@contoso.com", 1)
	w.wantNothingDue()
}

// TestManySignUpsCauseFewMails: nobody has proved the mailbox, and the first sign-up has sent no
// mail.
func TestManySignUpsCauseFewMails(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 400, Code: "SomethingElse"})
	w.signUp("ana@contoso.com")
	for range 4 * request.MostWishes {
		w.signUp("ana@contoso.com")
		w.settle(8)
	}
	if n := len(w.mailsTo("ana@contoso.com")); n > request.MostWishes {
		t.Errorf("%d mails", n)
	}
}

// TestPageDoesNotSayThatInvitationWasSent: the mail has not reached the mailbox.
func TestPageDoesNotSayThatInvitationWasSent(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 400, Code: "SomethingElse"})
	refused := w.signUp("ana@contoso.com")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true})
	givenUp := w.signUp("bob@contoso.com")
	w.settle(8 * 24)
	w.service.ClearFaults()
	for _, id := range []submission.ID{refused, givenUp} {
		if outcome := w.load(id).Progress().Outcome; outcome != request.OutcomeUnsent {
			t.Errorf("%v: the outcome is %q", w.whats(id), outcome)
		}
		w.carryOut(submission.Resend, id)
		w.settle(1)
		if outcome := w.load(id).Progress().Outcome; outcome != request.OutcomeInvited {
			t.Errorf("once it is mailed again, the outcome is %q", outcome)
		}
	}
}
