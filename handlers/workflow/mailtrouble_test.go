package workflow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// TestStatusPageSendsAtMostFiveOwnMails asks for the invitation mail each hour for days.
func TestStatusPageSendsAtMostFiveOwnMails(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	for range 5 * 24 {
		w.ask(submission.Resend, id)
		w.settle(1)
	}
	w.wantMails("ana@contoso.com", 5)
	if last := w.last(id); last != "resend-refused" {
		t.Errorf("the last wish came to %s", last)
	}
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settle(1)
	w.wantMails("ana@contoso.com", 6)
}

// TestPersonSendsMailThatRests: others may have used up the mails of the mailbox for the day.
func TestPersonSendsMailThatRests(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	address := must(submission.ParseAddress("ana@contoso.com"))(t)
	full := request.Mailbox{Changed: w.now}
	for range request.OwnMailsPerDay {
		full = full.Counted(request.InvitationMail, w.now)
	}
	must(w.store.SaveMailbox(t.Context(), address, full))(t)
	id := w.signUp("ana@contoso.com")
	w.settle(1)
	w.carryOut(submission.Resend, id)
	w.settle(2)
	w.wantMails("ana@contoso.com", 0)
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settle(1)
	w.wantMails("ana@contoso.com", 1)
	w.settle(48)
	w.wantMails("ana@contoso.com", 1)
	w.wantNothingDue()
}

// TestWithdrawnProofCountsNoMore: after the owner of the mailbox has withdrawn, a stranger who
// signs up with the address needs a code.
func TestWithdrawnProofCountsNoMore(t *testing.T) {
	tests := map[string]struct {
		withdrawn int // of two requests, of which the first has proved the mailbox
		want      request.State
	}{
		"the one with the code":     {0, request.Proving},
		"the one that came by that": {1, request.Review},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "review")
			first := w.signUp("ana@contoso.com")
			w.prove(first, "ana@contoso.com")
			ids := []submission.ID{first, w.signUp("ana@contoso.com")}
			w.settle(1)
			w.carryOut(submission.Withdraw, ids[test.withdrawn])
			w.settle(1)
			w.wantErased(ids[test.withdrawn])
			w.wantState(w.signUp("ana@contoso.com"), test.want)
		})
	}
}

// TestWishForCodeThatChangesNothingLeavesNothing: a mailbox gets a few codes a day, and whoever has
// the link may ask every minute.
func TestWishForCodeThatChangesNothingLeavesNothing(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	for range 23 * 60 {
		w.ask(submission.Resend, id)
		w.settleMinutes(1)
	}
	w.wantMails("ana@contoso.com", request.CodesPerDay)
	if n := w.load(id).Events; n > 12 {
		t.Errorf("%d events: %v", n, w.whats(id))
	}
	w.prove(id, "ana@contoso.com")
	w.wantState(id, request.Done)
}

// TestUnprovedRequestSaysWhetherCodeWasMailed: an admin who is asked must know whose fault it is.
// What is not the mailbox's can be mended, and the request taken up again.
func TestUnprovedRequestSaysWhetherCodeWasMailed(t *testing.T) {
	tests := map[string]struct {
		before func(*mailWorld)
		state  request.State
		want   string
	}{
		"it was mailed": {func(*mailWorld) {}, request.Unproved, "nobody has typed the code"},
		"the mailbox has had those of the day": {func(w *mailWorld) {
			address := must(submission.ParseAddress("ana@contoso.com"))(w.t)
			full := request.Mailbox{Changed: w.now}
			for range request.CodesPerDay {
				full = full.Counted(request.CodeMail, w.now)
			}
			must(w.store.SaveMailbox(w.t.Context(), address, full))(w.t)
		}, request.Unproved, "because of the mailbox"},
		"the service refuses the mail": {func(w *mailWorld) {
			w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 400, Code: "SomethingElse"})
		}, request.Failed, "take the request up again"},
		"too many others wait": {func(w *mailWorld) {
			for n := range 250 {
				w.submit(fmt.Sprintf("p%d@contoso.com", n))
			}
			w.deliverAll()
		}, request.Failed, "take the request up again"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.Mails.Quota = request.MailQuota{PerMinute: 1, PerHour: 2} })
			w.row("contoso.com", "row", "Action", "invite")
			test.before(w)
			w.settleMinutes(1)
			id := w.signUp("ana@contoso.com")
			w.settle(73)
			r := w.wantState(id, test.state)
			if !strings.Contains(r.Reason, test.want) || r.Proof.Mailed != (name == "it was mailed") {
				t.Errorf("%s; %+v", r.Reason, r.Proof)
			}
		})
	}
}

// TestCodesThatWaitBehindOutageCanBeRetried: after an outage all codes wait for the quota of the
// hour, which is not the last of the reasons why some never had a turn.
func TestCodesThatWaitBehindOutageCanBeRetried(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.Mails.Quota = request.MailQuota{PerMinute: 2, PerHour: 4} })
	w.row("*", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true})
	var ids []submission.ID
	for n := range 30 {
		ids = append(ids, w.submit(fmt.Sprintf("ana@contoso%d.com", n)))
	}
	w.settle(68)
	w.service.ClearFaults()
	w.settle(10)
	counts := map[request.State]int{}
	for _, id := range ids {
		r := w.load(id)
		counts[r.State]++
		if r.State == request.Failed {
			must(w.reviewer().Retry(t.Context(), id))(t)
		}
	}
	if counts[request.Unproved] > 0 || counts[request.Failed] == 0 || counts[request.Proving] == 0 {
		t.Errorf("states: %v", counts)
	}
	w.settle(20)
	for n := range ids {
		w.wantMails(fmt.Sprintf("ana@contoso%d.com", n), 1)
	}
}

// TestDirectoryMailsGuestOnceMailsAreOff: an admin may give up a mail service that does not work,
// and the guests who are owed a mail have heard nothing.
func TestDirectoryMailsGuestOnceMailsAreOff(t *testing.T) {
	tests := map[string]struct {
		columns []any
		accepts bool
		want    int // mails of the directory
		last    string
	}{
		"by default":            {[]any{"Action", "invite"}, false, 1, "resent"},
		"the row asks for own":  {[]any{"Action", "invite", "InvitationMail", "own"}, false, 1, "resent"},
		"the row has groups":    {[]any{"Action", "invite", "Groups", groupOne}, false, 1, "resent"},
		"the guest has come in": {[]any{"Action", "invite"}, true, 0, "resend-needless"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
			w.row("contoso.com", "row", test.columns...)
			w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true})
			id := w.signUp("ana@contoso.com")
			w.settle(1)
			guest := w.wantState(id, request.Done).GuestID
			if test.accepts {
				ok(t, w.tenant.Happen(graphsim.Event{User: guest, Event: "accept"}))
			}
			w.config.Mails = nil
			w.worker = w.newWorker()
			w.settle(3)
			sent := 0
			for _, invitation := range w.tenant.Invitations() {
				if invitation.SendInvitation {
					sent++
				}
			}
			if last := w.last(id); sent != test.want || last != test.last {
				t.Errorf("%d mails, and the last event is %s", sent, last)
			}
			w.wantNothingDue()
		})
	}
}

// TestWishIsNotAnsweredWithEarlierMail: the answer to the app's mail was lost, the app's own mails
// were switched off for a while, and then a person asks for the mail.
func TestWishIsNotAnsweredWithEarlierMail(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.AnswerLost, Call: "send"})
	id := w.signUp("ana@contoso.com")
	w.wantMails("ana@contoso.com", 1)
	mails := w.config.Mails
	w.config.Mails = nil
	w.worker = w.newWorker()
	w.settle(1)
	w.config.Mails = mails
	w.worker = w.newWorker()
	w.settle(1)
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settle(1)
	w.wantMails("ana@contoso.com", 2)
	if whats := w.whats(id); !slices.Contains(whats, "mail-found") || w.last(id) != "mail-sent" {
		t.Errorf("%v", whats)
	}
	w.wantNothingDue()
}

// TestGuestWhoCannotBeLookedUpIsNotInvitedAnew takes the right to read users away. The guest may be
// deleted since, and to ask for the redeem URL brings the guest back.
func TestGuestWhoCannotBeLookedUpIsNotInvitedAnew(t *testing.T) {
	const day = 24
	tests := map[string]struct {
		ask   func(*mailWorld, submission.ID) // after the guest was deleted
		calls int                             // invitations in all
	}{
		"for a reminder": {func(w *mailWorld, _ submission.ID) { w.settle(4 * day) }, 1},
		"as the partner asks": {func(w *mailWorld, id submission.ID) {
			w.settle(2)
			w.carryOut(submission.Resend, id)
		}, 1},
		"as a person asks who can look": {func(w *mailWorld, id submission.ID) {
			w.settle(2)
			must(w.reviewer().Resend(w.t.Context(), id))(w.t)
		}, 2},
		"as a person asks after the claim is gone": {func(w *mailWorld, id submission.ID) {
			address := w.load(id).Submission.Email
			ok(w.t, w.store.Release(w.t.Context(), address, must(w.store.ClaimOf(w.t.Context(), address))(w.t)))
			must(w.reviewer().Resend(w.t.Context(), id))(w.t)
		}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.Mails.Reminders = []time.Duration{3 * day * time.Hour} })
			w.row("contoso.com", "row", "Action", "invite", "Proof", "none")
			w.order(forbidden(lookUps, 1_000_000), forbidden(userByID, 1_000_000))
			id := w.signUp("ana@contoso.com")
			w.settle(1)
			guest := w.wantState(id, request.Done).GuestID
			w.wantMails("ana@contoso.com", 1)
			ok(t, w.tenant.Happen(graphsim.Event{User: guest, Event: "delete"}))
			test.ask(w, id)
			w.settle(2)
			if n := len(w.tenant.Invitations()); n != test.calls {
				t.Errorf("%d invitations, want %d; history %v", n, test.calls, w.whats(id))
			}
			w.settle(4 * day)
			w.wantNothingDue()
		})
	}
}

// TestMailIsLateWithoutRightToReadUsers: soon after the invitation the mail goes out all the same.
func TestMailIsLateWithoutRightToReadUsers(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "Proof", "none")
	w.order(forbidden(lookUps, 1_000_000), forbidden(userByID, 1_000_000))
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 429, RetryAfter: 60})
	id := w.signUp("ana@contoso.com")
	w.settleMinutes(10)
	w.wantState(id, request.Done)
	w.wantMails("ana@contoso.com", 1)
}

// TestMailThatCannotBeWrittenUsesUpNoTurn: mails that lack their redeem URL are tried again and
// again, and others must get through meanwhile.
func TestMailThatCannotBeWrittenUsesUpNoTurn(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.Mails.Quota = request.MailQuota{PerMinute: 2, PerHour: 4} })
	w.row("contoso.com", "row", "Action", "invite", "Proof", "none")
	w.row("fabrikam.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 429, RetryAfter: 60, Always: true})
	w.submitMany(6)
	w.settleMinutes(1)
	w.service.ClearFaults()
	w.order(graphsim.Fault{Match: lookUps, Status: 503, Times: 1_000_000})
	w.settle(3)
	w.submit("bo@fabrikam.com")
	w.settleMinutes(5)
	w.wantMails("bo@fabrikam.com", 1)
}

// TestMailThatIsNotBegunDoesNotCount lets the intents of mails fail to be stored.
func TestMailThatIsNotBegunDoesNotCount(t *testing.T) {
	for _, op := range []string{"Save", "ProofKey", "SaveMailbox"} {
		t.Run(op, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.Mails.Quota = request.MailQuota{PerMinute: 2, PerHour: 4} })
			w.row("contoso.com", "row", "Action", "invite")
			id := w.submit("ana@contoso.com")
			w.on(op, before, 3, fails)
			for range 3 {
				if w.deliver() == nil {
					t.Fatal("the message may be forgotten")
				}
			}
			address := must(submission.ParseAddress("ana@contoso.com"))(t)
			mailbox := must(w.store.Mailbox(t.Context(), address))(t)
			gate := must(w.store.MailGate(t.Context()))(t)
			counts := slices.ContainsFunc(gate.Minutes, func(m request.MailMinute) bool { return m.Mails > 0 })
			if counts || mailbox.Mailed != (request.Mailbox{}).Mailed || mailbox.Codes != (request.Mailbox{}).Codes {
				t.Errorf("what counts: %+v, %+v", gate, mailbox)
			}
			w.deliverAll()
			w.wantMails("ana@contoso.com", 1)
			w.prove(id, "ana@contoso.com")
			w.wantState(id, request.Done)
		})
	}
}

// TestSuppressedAddressIsLeftAloneThoughAnswerWasLost: then the question what became of the mail is
// the first to tell.
func TestSuppressedAddressIsLeftAloneThoughAnswerWasLost(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.service.Suppress("ana@contoso.com")
	w.fail(acssim.Fault{Trouble: acssim.AnswerLost, Call: "send"})
	id := w.signUp("ana@contoso.com")
	w.settle(1)
	if m := w.wantState(id, request.Proving).Mail(request.CodeMail); m.State != request.MailSuppressed {
		t.Errorf("%+v", m)
	}
	for range 5 {
		w.settle(2)
		w.carryOut(submission.Resend, id)
	}
	if n := w.service.Calls()["POST /emails:send"]; n != 1 {
		t.Errorf("%d mails were sent to it", n)
	}
}

// TestCodeCountsThoughItsMailIsRefusedAgain: the answer to the first mail was lost, so it may have
// arrived, and the next one is not sent.
func TestCodeCountsThoughItsMailIsRefusedAgain(t *testing.T) {
	tests := map[string]func(w *mailWorld, other submission.ID){
		"the mailbox gets no more": func(w *mailWorld, other submission.ID) { w.carryOut(submission.Withdraw, other) },
		"the service refuses it": func(w *mailWorld, _ submission.ID) {
			w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 400, Code: "BadRequest", Always: true})
		},
	}
	for name, hinder := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			other := w.signUp("ana@contoso.com")
			w.settleMinutes(3)
			w.fail(acssim.Fault{Trouble: acssim.AnswerLost, Call: "send"})
			id := w.signUp("ana@contoso.com")
			code := w.code("ana@contoso.com")
			hinder(w, other)
			w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "ask", Status: 404, Code: "EmailNotFound", Always: true})
			w.settle(2)
			w.wantState(id, request.Proving)
			w.wantMails("ana@contoso.com", 2)
			w.typeCode(id, code)
			w.wantState(id, request.Done)
		})
	}
}

// TestRefusedInvitationMailIsReported: the guest is invited and hears nothing, and a service that
// refuses every mail, in words that are not known, must not go unseen.
func TestRefusedInvitationMailIsReported(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 400, Code: "SomethingElse", Always: true})
	id := w.signUp("ana@contoso.com")
	w.settle(10)
	w.wantState(id, request.Done)
	w.wantLine(workflow.LogMailOwed, 1)
	w.wantNothingDue()
}

// TestNewGuestIsMailed: the link of an earlier mail leads to a guest who is gone.
func TestNewGuestIsMailed(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.wantMails("ana@contoso.com", 1)
	guest := w.load(id).GuestID
	ok(t, w.tenant.ChangeUser(guest, func(u *graphsim.User) { u.Mail, u.OtherMails, u.ProxyAddresses = "other@contoso.com", nil, nil }))
	w.settle(1)
	for range 2 { // because the guest has moved, and because nobody holds the address
		r := w.wantState(id, request.Review)
		must(w.reviewer().Approve(t.Context(), w.load(id), *r.Decision.Terms, ""))(t)
		w.settle(1)
	}
	r := w.wantState(id, request.Done)
	if r.GuestID == guest {
		t.Fatal("the guest is the one of before")
	}
	mails := w.wantMails("ana@contoso.com", 2)
	if redeem := w.tenant.Invitations()[1].RedeemURL; !strings.Contains(mails[len(mails)-1].Text, redeem) {
		t.Error("the mail does not lead to the new guest")
	}
}

// TestMailboxIsSparedByServiceThatTakesAndDenies: each mail arrives, and the service knows nothing
// of it when it is asked.
func TestMailboxIsSparedByServiceThatTakesAndDenies(t *testing.T) {
	for name, trouble := range map[string]acssim.Trouble{
		"under another id": acssim.OtherID, "without an answer": acssim.AnswerLost,
	} {
		for _, byDefault := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " ", byDefault), func(t *testing.T) {
				w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = byDefault })
				w.row("contoso.com", "row", "Action", "invite")
				w.fail(acssim.Fault{Trouble: trouble, Call: "send", Always: true})
				w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "ask", Status: 404, Code: "EmailNotFound", Always: true})
				w.signUp("ana@contoso.com")
				before := 0
				for day := range 8 {
					w.settle(24)
					n, most := len(w.mailsTo("ana@contoso.com"))-before, request.OwnMailsPerDay
					if day == 0 {
						most += 4 // until the service is not believed any more
					}
					if n > most {
						t.Errorf("%d mails on day %d", n, day+1)
					}
					before += n
				}
				w.wantNothingDue()
			})
		}
	}
}

// TestMailOutlastsOutage: a mail that was never taken goes out soon after an outage of some hours.
func TestMailOutlastsOutage(t *testing.T) {
	for _, hours := range []int{1, 3, 5, 8} {
		for _, byDefault := range []bool{true, false} {
			t.Run(fmt.Sprint(hours, " ", byDefault), func(t *testing.T) {
				w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = byDefault })
				w.row("contoso.com", "row", "Action", "invite")
				w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 503, Always: true})
				w.signUp("ana@contoso.com")
				w.settle(hours)
				w.service.ClearFaults()
				w.settle(max(1, hours))
				w.wantMails("ana@contoso.com", 1)
			})
		}
	}
}

// TestManyOwedMailsUseUpFewInvitations: the redeem URL counts as an invitation each time that an
// instance asks for it which does not know it.
func TestManyOwedMailsUseUpFewInvitations(t *testing.T) {
	tests := map[string]acssim.Fault{
		"throttled":   {Trouble: acssim.Refused, Call: "send", Status: 429, RetryAfter: 60, Always: true},
		"forbidden":   {Trouble: acssim.Refused, Call: "send", Status: 403, Always: true},
		"unavailable": {Trouble: acssim.Refused, Call: "send", Status: 503, Always: true},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
			w.row("contoso.com", "row", "Action", "invite")
			w.fail(fault)
			ids := w.submitMany(40)
			for range 24 * 4 {
				w.settleMinutes(15)
				w.worker = w.newWorker() // the app is started anew, or there is another instance
			}
			if n := len(w.tenant.Invitations()) - len(ids); n > 40 {
				t.Errorf("%d invitations for redeem URLs in a day", n)
			}
			w.service.ClearFaults()
			w.settle(25) // some mailboxes may have had mails of the day, by what is known
			for i, id := range ids {
				if r := w.load(id); r.Owed != (request.Owed{}) {
					t.Fatalf("request %d is still owed %+v", i, r.Owed)
				}
			}
		})
	}
}

// untold is a mail service that can't be asked, such as a mailbox behind Graph.
type untold struct{ request.Mailer }

func (untold) MailStatus(context.Context, request.MailID) (request.MailStatus, error) {
	return request.MailStatus{State: request.MailUntold}, nil
}

// TestMailThatReachedNobodyIsSentLater: what can't be asked about counts as sent, unless the call
// has certainly not come to the service.
func TestMailThatReachedNobodyIsSentLater(t *testing.T) {
	for _, byDefault := range []bool{true, false} {
		w := newMailWorld(t, func(c *workflow.Config) {
			c.Mails.Mailer, c.ProofByDefault = untold{c.Mails.Mailer}, byDefault
		})
		w.row("contoso.com", "row", "Action", "invite")
		w.on("SendMail", before, -1, func() error { return problem.New(request.MailUnreached, "no connection") })
		w.submit("ana@contoso.com")
		w.settle(3)
		w.wantMails("ana@contoso.com", 0)
		w.settle(2)
		w.wantMails("ana@contoso.com", 1)
	}
}

// TestManyStatusPagesSendFewMails: each sign-up with the address of a guest has a status page.
func TestManyStatusPagesSendFewMails(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	first := w.signUp("ana@contoso.com")
	for range 8 {
		id := w.signUp("ana@contoso.com")
		for range 24 {
			w.ask(submission.Resend, id)
			w.settle(1)
		}
	}
	w.wantMails("ana@contoso.com", 1+request.MostWishes)
	must(w.reviewer().Resend(t.Context(), first))(t)
	w.settle(1)
	w.wantMails("ana@contoso.com", 2+request.MostWishes)
	w.settle(24 * 10)
	w.carryOut(submission.Resend, first)
	w.settle(1)
	w.wantMails("ana@contoso.com", 3+request.MostWishes)
}

// TestServiceThatTakesMailsWithoutAnsweringIsNotHeld: its answers to questions tell that it works.
func TestServiceThatTakesMailsWithoutAnsweringIsNotHeld(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.AnswerLost, Call: "send", Always: true})
	ids := w.submitMany(20)
	w.settle(2)
	for _, id := range ids {
		if r := w.load(id); r.Owed != (request.Owed{}) {
			t.Fatalf("still owed: %+v", r.Owed)
		}
	}
	if n := len(w.service.Mails()); n != len(ids) {
		t.Errorf("%d mails", n)
	}
}

// TestServiceThatTakesNoMailsIsReported: while partners wait for codes, nothing else tells.
func TestServiceThatTakesNoMailsIsReported(t *testing.T) {
	tests := map[string]struct {
		status, early, lines int // lines after twenty minutes, and in the end
	}{
		"it forbids":      {403, 1, 1},
		"it asks to wait": {429, 0, 1},
		"it is down":      {503, 0, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: test.status, Always: true})
			w.submitMany(5)
			w.settleMinutes(20)
			w.wantLine(workflow.LogMailsStopped, test.early)
			w.settle(30)
			w.wantLine(workflow.LogMailsStopped, test.lines)
		})
	}
}

// TestOneMailInTroubleReportsNoOthers: its own mail may be at fault.
func TestOneMailInTroubleReportsNoOthers(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", About: "ana@contoso.com", Status: 503, Always: true})
	w.submit("ana@contoso.com")
	for n := range 10 {
		address := fmt.Sprintf("p%d@contoso.com", n)
		w.submit(address)
		w.settle(1)
		w.wantMails(address, 1)
	}
	w.settle(20)
	w.wantLine(workflow.LogMailsStopped, 0)
}

// TestWaitsWhoseReasonsTakeTurnsAddFewEvents: a mail may be tried for days.
func TestWaitsWhoseReasonsTakeTurnsAddFewEvents(t *testing.T) {
	for _, byDefault := range []bool{true, false} {
		w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = byDefault })
		w.row("contoso.com", "row", "Action", "invite")
		calls := 0
		id := w.submit("ana@contoso.com")
		for range 70 * 6 {
			w.on("SendMail", before, -1, func() error {
				calls++
				return problem.New([]problem.Code{request.MailThrottled, request.MailUnreached}[calls%2], "the test says so")
			})
			w.settleMinutes(10)
		}
		if n := w.load(id).Events; calls < 20 || n > 20 {
			t.Errorf("after %d calls: %d events: %v", calls, n, w.whats(id))
		}
	}
}

// TestUnreadableMailboxKeepsNoDataFromErasure: what is known about it only spares it mails.
func TestUnreadableMailboxKeepsNoDataFromErasure(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.on("Mailbox", before, -1, func() error { return problem.New(problem.RecordUnreadable, "the test says so") })
	w.carryOut(submission.Withdraw, id)
	w.interrupt = nil
	w.settle(25) // its due entry
	w.wantErased(id)
}

// TestRefusedQuestionForRedeemURLIsAskedAgain: a refusal in words that are not known may pass. One
// that does not is told to those who watch the app.
func TestRefusedQuestionForRedeemURLIsAskedAgain(t *testing.T) {
	tests := map[string]struct {
		times, mails, lines int
		outcome             request.Outcome
	}{
		"once":   {1, 1, 0, request.OutcomeInvited},
		"always": {1000, 0, 1, request.OutcomeUnsent},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
			w.row("contoso.com", "row", "Action", "invite")
			w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 429, RetryAfter: 60})
			id := w.signUp("ana@contoso.com")
			w.worker = w.newWorker() // it knows no redeem URL
			before := w.attempts()
			w.order(graphsim.Fault{Match: invitations, Times: test.times, Status: 400, Code: "BadRequest", Message: "Something odd."})
			w.settle(48)
			w.wantMails("ana@contoso.com", test.mails)
			w.wantLine(workflow.LogMailOwed, test.lines)
			w.wantNothingDue()
			if outcome := w.load(id).Progress().Outcome; outcome != test.outcome {
				t.Errorf("the outcome is %q", outcome)
			}
			if n := w.attempts() - before; n > 3 {
				t.Errorf("the directory was asked %d times", n)
			}
		})
	}
}

// TestMailThatWasNotTakenIsSentAlthoughSaveFails: a service that can't be asked has said that it
// does not take the mail, and storing that fails, or somebody changes the request meanwhile. So the
// intent must not count as a mail.
func TestMailThatWasNotTakenIsSentAlthoughSaveFails(t *testing.T) {
	for _, byDefault := range []bool{true, false} {
		for _, trouble := range []string{"the save fails", "its answer is lost", "a wish comes between"} {
			t.Run(fmt.Sprint(trouble, ", codes ", byDefault), func(t *testing.T) {
				w := newMailWorld(t, func(c *workflow.Config) {
					c.Mails.Mailer, c.ProofByDefault = untold{c.Mails.Mailer}, byDefault
				})
				w.row("contoso.com", "row", "Action", "invite")
				var id submission.ID
				refused, done := false, false
				w.interrupt = func(op string, after bool) error {
					switch {
					case op == "SendMail" && !after && !refused:
						refused = true
						if trouble == "a wish comes between" {
							done = true
							ok(t, w.worker.Advance(t.Context(), submission.Message{ID: id, Kind: submission.Resend}))
						}
						return &problem.Error{Code: request.MailThrottled, Detail: "429", RetryAfter: time.Minute}
					case op == "Save" && refused && !done && after == (trouble == "its answer is lost"):
						done = true
						return unavailable
					}
					return nil
				}
				id = w.submit("ana@contoso.com")
				w.settle(3)
				if w.wantMails("ana@contoso.com", 1); !done {
					t.Error("nothing was interrupted")
				}
				if r := w.load(id); r.Owed != (request.Owed{}) || r.Resend.Open() {
					t.Errorf("owed %+v, wish %+v", r.Owed, r.Resend)
				}
			})
		}
	}
}
