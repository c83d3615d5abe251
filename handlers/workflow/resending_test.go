package workflow_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

func TestResendWaitsForMailRest(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	w.wantState(id, request.Done)
	w.settleMinutes(12) // the receipt is compared

	w.carryOut(submission.Resend, id)
	if w.last(id) != "resend-too-soon" || len(w.tenant.Invitations()) != 1 {
		t.Errorf("right after the first mail: %v", w.whats(id))
	}
	w.now = w.now.Add(time.Hour)
	// Asking three times has the same effect as asking once.
	for range 3 {
		w.carryOut(submission.Resend, id)
	}
	if n := len(w.tenant.Invitations()); n != 2 {
		t.Errorf("%d mails, want 2; history %v", n, w.whats(id))
	}
	w.wantTenant(2, 1, 0)
	r := w.wantState(id, request.Done)
	if r.Resend.Open() || !r.Due.IsZero() {
		t.Errorf("the request is not at rest: %+v", r)
	}
	// A second request for the same address has to wait too.
	again := w.signUp("ana@contoso.com")
	w.now = w.now.Add(time.Second)
	w.carryOut(submission.Resend, again)
	if w.last(again) != "resend-too-soon" {
		t.Errorf("by another request: %v", w.whats(again))
	}
}

func TestMailIsSentAgainOnceItsRestIsOver(t *testing.T) {
	for what, early := range map[string]time.Duration{"resent": 0, "resend-too-soon": time.Second} {
		w := newWorld(t)
		id := w.invite()
		w.now = w.claimOf().MailedAt.Add(request.MailRest - early)
		w.carryOut(submission.Resend, id)
		if w.last(id) != what {
			t.Errorf("%s early: history %v, want it to end with %s", early, w.whats(id), what)
		}
	}
}

func TestStatusPageSendsAtMostFiveMails(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	for range 10 {
		w.now = w.now.Add(2 * time.Hour)
		w.carryOut(submission.Resend, id)
	}
	if n := len(w.tenant.Invitations()); n != request.MailsPerDay {
		t.Errorf("%d mails in a day, want %d", n, request.MailsPerDay)
	}
	for range 40 {
		w.now = w.now.Add(24 * time.Hour)
		w.carryOut(submission.Resend, id)
	}
	if n := len(w.tenant.Invitations()); n != 5 {
		t.Errorf("%d mails, want 5", n)
	}
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settle(1)
	if n := len(w.tenant.Invitations()); n != 6 || w.last(id) != "resent" {
		t.Errorf("%d mails after a person asked for one; history %v", n, w.whats(id))
	}
}

func TestResendOnlyToPendingGuest(t *testing.T) {
	tests := map[string]struct {
		change func(*world, string)
		what   string
	}{
		"has accepted": {changed(func(u *graphsim.User) { u.ExternalUserState = "Accepted" }), "resend-needless"},
		"is disabled":  {changed(func(u *graphsim.User) { u.Disabled = true }), "resend-refused"},
		"is deleted":   {func(w *world, guest string) { _ = w.tenant.DeleteUser(guest) }, "resend-refused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.invite()
			w.now = w.now.Add(2 * time.Hour)
			test.change(w, w.load(id).GuestID)
			w.carryOut(submission.Resend, id)
			if w.last(id) != test.what || len(w.tenant.Invitations()) != 1 {
				t.Errorf("history %v, %d mails", w.whats(id), len(w.tenant.Invitations()))
			}
		})
	}
}

// TestOddAnswerToQuestionIsNoRefusalOfMail: a no to the question who holds the address is none to
// the mail.
func TestOddAnswerToQuestionIsNoRefusalOfMail(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"refused":   {Status: 400, Code: "BadRequest", Message: "No."},
		"a page":    {Status: 403, Form: graphsim.HTMLPage},
		"not known": {Status: 404, Code: "Request_ResourceNotFound", Message: "No."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.invite()
			w.now = w.now.Add(2 * time.Hour)
			fault.Match, fault.Times = lookUps, 6
			w.order(fault)
			w.ask(submission.Resend, id)
			w.settle(2)
			if w.last(id) != "resent" || len(w.tenant.Invitations()) != 2 {
				t.Errorf("history %v, %d mails", w.whats(id), len(w.tenant.Invitations()))
			}
		})
	}
}

func TestResendDoesNotInviteGoneGuest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.order(forbidden(lookUps, 3))
	id := w.signUp("ana@contoso.com")
	w.wantLine(workflow.LogDegraded, 1)
	// Since then the app may read users, and the guest is gone without a trace.
	w.now = w.now.Add(2 * time.Hour)
	ok(t, w.tenant.ChangeUser(w.load(id).GuestID, func(u *graphsim.User) { u.Mail, u.OtherMails = "other@contoso.com", nil }))
	w.carryOut(submission.Resend, id)
	if w.last(id) != "resend-refused" || len(w.tenant.Invitations()) != 1 {
		t.Errorf("history %v, %d mails", w.whats(id), len(w.tenant.Invitations()))
	}
	if why := w.lastDetail(id); !strings.Contains(why, "gone from the directory") {
		t.Errorf("the history says %q", why)
	}
}

// TestOneWishIsOneMailThoughNothingCanWait lets the due entries be gone for longer than the rest of
// a mail, so that nobody can store that the mail went out.
func TestOneWishIsOneMailThoughNothingCanWait(t *testing.T) {
	for name, gone := range map[string][]string{
		"the due entries": {"Wait", "StopWaiting", "Due", "Parked", "Postpone"},
		"the requests":    {"Save"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := &hosted{world: w}
			id := w.invite()
			w.now = w.now.Add(2 * time.Hour)
			w.ask(submission.Resend, id)
			asked := false
			h.run(5*time.Hour, func(op string) bool {
				asked = asked || op == "Invite"
				return asked && slices.Contains(gone, op)
			})
			h.run(2*time.Hour, func(string) bool { return false })
			if n := len(w.tenant.Invitations()); n != 2 {
				t.Errorf("%d mails, history %v", n, w.whats(id))
			}
			w.wantNothingDue()
		})
	}
}

func TestResendWaitsForGate(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 1} })
	id := w.invite()
	w.now = w.now.Add(2 * time.Hour)
	w.ask(submission.Resend, id)
	w.settle(2)
	w.wantTenant(1, 1, 0)
	w.settle(24)
	w.wantTenant(2, 1, 0)
	w.wantState(id, request.Done)
	w.wantNothingDue()
}

// TestWaitAtGateIsNoFailure: a wish that has waited for long is not given up at the first failure.
func TestWaitAtGateIsNoFailure(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	w.settle(2)
	w.adminStops()
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settle(10)
	w.endStop()
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: http.StatusTooManyRequests, Headers: retryAfter("10")})
	w.settle(3)
	w.wantTenant(2, 1, 0)
	if whats := w.whats(id); !slices.Contains(whats, "resent") {
		t.Errorf("the history says %v", whats)
	}
}

func TestResendDuringDirectoryFaults(t *testing.T) {
	tests := map[string]struct {
		fault graphsim.Fault
		mails int
		what  string
	}{
		"throttled":   {graphsim.Fault{Times: 1, Status: 429, Headers: retryAfter("120")}, 2, "resent"},
		"no answer":   {graphsim.Fault{Times: 1, Status: 502}, 1, "resend-unanswered"},
		"lost answer": {graphsim.Fault{Times: 1, Status: 502, AfterEffect: true}, 2, "resend-unanswered"},
		"odd answer": {graphsim.Fault{Times: 1, Status: 403, AfterEffect: true,
			Body: "<html>No.</html>", ContentType: "text/html"}, 2, "resend-unanswered"},
		"refused":        {graphsim.Fault{Times: 1, Status: 400, Code: "BadRequest", Message: "No."}, 1, "resend-refused"},
		"no invitations": {graphsim.Fault{Times: 1, Status: 403, Code: "Forbidden", Message: switchedOff}, 2, "resent"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.invite()
			w.now = w.now.Add(2 * time.Hour)
			test.fault.Match = invitations
			w.order(test.fault)
			w.ask(submission.Resend, id)
			w.settle(4)
			if n := len(w.tenant.Invitations()); n != test.mails || w.last(id) != test.what {
				t.Errorf("%d mails, want %d; history %v, want it to end with %s", n, test.mails, w.whats(id), test.what)
			}
			w.wantState(id, request.Done)
		})
	}
}

// TestCrashDuringResendSendsAtMostOneMail ends the process before and after every operation.
func TestCrashDuringResendSendsAtMostOneMail(t *testing.T) {
	everyOperation(t, func(t *testing.T, w *world, at func(func(string, bool) error)) {
		id := w.invite()
		w.now = w.now.Add(2 * time.Hour)
		at(func(string, bool) error { panic(crash{}) })
		w.ask(submission.Resend, id)
		w.settle(1)
		if n := len(w.tenant.Invitations()); n > 2 {
			t.Errorf("%d mails", n)
		}
		if r := w.wantState(id, request.Done); r.Resend.Open() {
			t.Errorf("the instruction is still open; history %v", w.whats(id))
		}
	})
}

func TestResendLeavesClaimBeingInvited(t *testing.T) {
	w := newWorld(t)
	first := w.invite()
	repeat := w.signUp("ana@contoso.com")
	gone := w.wantState(repeat, request.Done).GuestID
	w.carryOut(submission.Withdraw, first)
	w.now = w.now.Add(2 * time.Hour)
	ok(t, w.tenant.ChangeUser(gone, func(u *graphsim.User) { u.Mail, u.OtherMails = "other@contoso.com", nil }))
	// While the address is invited anew, the old link asks for the mail again.
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502})
	anew := w.signUp("ana@contoso.com")
	w.wantState(anew, request.Inviting)
	w.carryOut(submission.Resend, repeat)
	if w.last(repeat) != "resend-needless" {
		t.Errorf("history %v", w.whats(repeat))
	}
	w.settle(1)
	r := w.wantState(anew, request.Done)
	if r.GuestID == gone || len(w.tenant.Invitations()) != 2 {
		t.Errorf("guest %s, who is gone is %s; %d invitations", r.GuestID, gone, len(w.tenant.Invitations()))
	}
}

func TestMailThatIsSentAgainFollowsRow(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Sponsors", sponsor, "MessageLanguage", "fr-FR",
		"RedirectUrl", "https://portal.example.com/start")
	id := w.signUp("ana@contoso.com")
	w.settleMinutes(12) // the receipt is compared
	w.now = w.now.Add(time.Hour)
	w.carryOut(submission.Resend, id)
	sent := w.tenant.Invitations()
	if len(sent) != 2 {
		t.Fatalf("%d mails; history %v", len(sent), w.whats(id))
	}
	first, again := sent[0], sent[1]
	if !again.SendInvitation || again.RedirectURL != first.RedirectURL ||
		again.MessageLanguage != first.MessageLanguage || !slices.Equal(again.Sponsors, first.Sponsors) {
		t.Errorf("first %+v\nagain %+v", first, again)
	}
}

// TestResendWithoutTokenIsWitness asks who holds the address, without a token: it may be
// everybody's trouble, so the mail waits as an invitation does.
func TestResendWithoutTokenIsWitness(t *testing.T) {
	w := newWorld(t)
	id := w.anHourAfterMail()
	w.on("FindUser", before, -1, func() error { return problem.New(request.DirectoryNoToken, "the test says so") })
	w.ask(submission.Resend, id)
	for _, want := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute} {
		w.deliverAll()
		if wait := w.load(id).Due.Sub(w.now); wait != want {
			t.Errorf("it waits %v, want %v; history %v", wait, want, w.whats(id))
		}
		w.bring(id)
	}
	if gate := w.gate(); !gate.HasWitness(id) || gate.Cause != "" {
		t.Errorf("gate %+v", gate)
	}
}

func TestMailIsGivenUpIfDirectoryNeverAnswers(t *testing.T) {
	for status, attempts := range map[int]int{503: 9, 418: 6} {
		w := newWorld(t)
		id := w.anHourAfterMail()
		w.order(graphsim.Fault{Match: lookUps, Always: true, Status: status, Code: "Odd", Message: "No."})
		w.ask(submission.Resend, id)
		for range attempts {
			if !w.load(id).Resend.Open() && len(w.queue) == 0 {
				t.Errorf("status %d: given up early; history %v", status, w.whats(id))
			}
			w.deliverAll()
			w.bring(id)
		}
		if r := w.load(id); r.Resend.Open() || w.last(id) != "resend-given-up" {
			t.Errorf("status %d: the instruction is %+v; history %v", status, r.Resend, w.whats(id))
		}
	}
}
