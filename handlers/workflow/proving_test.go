package workflow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

func TestMailboxIsProvedBeforeDirectoryIsTouched(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne, "Message", "Welcome.")
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Proving)
	w.wantTenant(0, 0, 0)
	if n := w.tenant.Calls()["GET /v1.0/users"]; n != 0 {
		t.Errorf("%d questions before the proof", n)
	}
	w.wantMails("ana@contoso.com", 1)
	w.prove(id, "ana@contoso.com")
	r := w.wantState(id, request.Done)
	w.wantTenant(1, 1, 1)
	mails := w.wantMails("ana@contoso.com", 2)
	redeem := w.tenant.Invitations()[0].RedeemURL
	if last := mails[len(mails)-1]; !strings.Contains(last.Text, redeem) || !strings.Contains(last.Text, "Welcome.") {
		t.Errorf("the invitation mail is\n%s", last.Text)
	}
	if w.tenant.Invitations()[0].SendInvitation {
		t.Error("Microsoft sends its mail too")
	}
	if !r.Proof.Done() || r.Proof.Tries != 1 || r.Owed != (request.Owed{}) {
		t.Errorf("proof %+v, owed %+v", r.Proof, r.Owed)
	}
	w.settle(24)
	w.wantNothingDue()
	w.wantMails("ana@contoso.com", 2)
	if m := w.load(id).Mail(request.InvitationMail); m.State != request.MailHandedOver {
		t.Errorf("the invitation mail is %+v", m)
	}
}

// TestProofByWhatRowsSay is about whether a proof is needed, and what follows.
func TestProofByWhatRowsSay(t *testing.T) {
	tests := map[string]struct {
		columns   []any
		byDefault bool
		want      request.State // before a proof
		then      request.State // after it
		mails     int           // before
	}{
		"invited by default":           {[]any{"Action", "invite"}, true, request.Proving, request.Done, 1},
		"the row asks for none":        {[]any{"Action", "invite", "Proof", "none"}, true, request.Done, request.Done, 1},
		"the row asks":                 {[]any{"Action", "invite", "Proof", "code"}, false, request.Proving, request.Done, 1},
		"not asked for":                {[]any{"Action", "invite"}, false, request.Done, request.Done, 1},
		"review":                       {[]any{"Action", "review"}, true, request.Proving, request.Review, 1},
		"review without a proof":       {[]any{"Action", "review", "Proof", "none"}, true, request.Review, request.Review, 0},
		"denied":                       {[]any{"Action", "deny"}, true, request.Denied, request.Denied, 0},
		"denied although it asks":      {[]any{"Action", "deny", "Proof", "code"}, true, request.Denied, request.Denied, 0},
		"a row that can't be read":     {[]any{"Action", "invite", "Priority", "x"}, true, request.Proving, request.Review, 1},
		"Microsoft sends the mail":     {[]any{"Action", "invite", "InvitationMail", "microsoft"}, true, request.Proving, request.Done, 1},
		"nobody sends a mail":          {[]any{"Action", "invite", "InvitationMail", "none", "Proof", "none"}, true, request.Done, request.Done, 0},
		"no mail of old rows, no code": {[]any{"Action", "invite", "SendInvitation", false, "Proof", "none"}, true, request.Done, request.Done, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = test.byDefault })
			w.row("contoso.com", "row", test.columns...)
			id := w.signUp("ana@contoso.com")
			w.wantState(id, test.want)
			w.wantMails("ana@contoso.com", test.mails)
			if test.want == request.Proving {
				w.prove(id, "ana@contoso.com")
			}
			w.wantState(id, test.then)
		})
	}
}

func TestRowsAreAskedAgainAfterProof(t *testing.T) {
	tests := map[string]struct {
		columns []any
		want    request.State
	}{
		"they deny by now":  {[]any{"Action", "deny"}, request.Denied},
		"they ask a person": {[]any{"Action", "review"}, request.Review},
		"they invite still": {[]any{"Action", "invite"}, request.Done},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			id := w.signUp("ana@contoso.com")
			w.row("contoso.com", "row", test.columns...)
			w.prove(id, "ana@contoso.com")
			w.wantState(id, test.want)
			want := 2
			if test.want == request.Review {
				want = 1
			}
			w.wantMails("ana@contoso.com", want) // a proved mailbox hears of the denial
		})
	}
}

func TestWrongCodesEndAfterFiveTries(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	code := w.code("ana@contoso.com")
	for n := 1; n < request.MaxProofTries; n++ {
		w.typeCode(id, wrong(code))
		if r := w.wantState(id, request.Proving); r.Proof.Tries != n {
			t.Errorf("after %d tries: %+v", n, r.Proof)
		}
	}
	w.typeCode(id, wrong(code))
	w.wantState(id, request.Unproved)
	w.typeCode(id, code)
	w.settle(48)
	w.wantState(id, request.Unproved)
	w.wantTenant(0, 0, 0)
	w.wantNothingDue()
}

func TestRightCodeCountsAtLastTry(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	code := w.code("ana@contoso.com")
	for range request.MaxProofTries - 1 {
		w.typeCode(id, wrong(code))
	}
	w.typeCode(id, code)
	w.wantState(id, request.Done)
}

// TestCodesAreCountedAlikeInEveryState: whoever holds the link must not learn from it what became
// of the request.
func TestCodesAreCountedAlikeInEveryState(t *testing.T) {
	for _, action := range []string{"deny", "review", "invite"} {
		w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
		w.row("contoso.com", "row", "Action", action)
		id := w.signUp("ana@contoso.com")
		state := w.load(id).State
		for n := 1; n <= request.MaxProofTries+2; n++ {
			w.typeCode(id, "12345678")
			want := min(n, request.MaxProofTries)
			r := w.wantState(id, state)
			if p := r.Progress(); p.Tries != want || p.Proved {
				t.Errorf("%s, after %d codes: %+v", action, n, p)
			}
		}
	}
}

func TestRequestWithoutMailTakesNoCode(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Always: true, Status: 429, RetryAfter: 60})
	id := w.signUp("ana@contoso.com")
	key := must(w.store.ProofKey(t.Context(), request.ProofKey{}))(t)
	w.typeCode(id, key.Code(w.load(id)))
	if r := w.wantState(id, request.Proving); r.Proof.Done() || r.Proof.Tries != 1 {
		t.Errorf("%+v", r.Proof)
	}
	w.service.ClearFaults()
	w.settle(1)
	w.prove(id, "ana@contoso.com")
	w.wantState(id, request.Done)
}

func TestCodeIsSameAtEachResend(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	first := w.code("ana@contoso.com")
	w.carryOut(submission.Resend, id)
	w.wantMails("ana@contoso.com", 1) // too soon
	w.settleMinutes(3)
	w.carryOut(submission.Resend, id)
	w.wantMails("ana@contoso.com", 2)
	if again := w.code("ana@contoso.com"); again != first {
		t.Error("the second mail has another code")
	}
	w.typeCode(id, first)
	w.wantState(id, request.Done)
}

func TestCodeIsValidForADay(t *testing.T) {
	tests := map[string]struct {
		after time.Duration
		want  request.State
	}{
		"before the day is over": {24*time.Hour - 2*time.Minute, request.Done},
		"after it":               {24*time.Hour + 2*time.Minute, request.Unproved},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			id := w.signUp("ana@contoso.com")
			w.settleMinutes(int(test.after / time.Minute))
			w.prove(id, "ana@contoso.com")
			w.wantState(id, test.want)
		})
	}
}

// The status page has a field for a code for request.TypingTime after the sign-up.
func TestCodeThatIsMailedLateCanBeTyped(t *testing.T) {
	tests := map[string]struct {
		outage int // in hours
		retry  bool
	}{
		"at the end of the patience": {68, false},
		"after a retry":              {80, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true})
			id := w.signUp("ana@contoso.com")
			w.settle(test.outage)
			w.service.ClearFaults()
			if test.retry {
				w.wantState(id, request.Failed)
				must(w.reviewer().Retry(t.Context(), id))(t)
			}
			w.settle(2)
			w.wantMails("ana@contoso.com", 1)
			r := w.wantState(id, request.Proving)
			if valid := r.Proof.Until.Sub(id.Issued()); valid > request.TypingTime {
				t.Errorf("the code is valid until %s after the sign-up", valid)
			}
			w.settleMinutes(int(r.Proof.Until.Sub(w.now)/time.Minute) - 5)
			w.prove(id, "ana@contoso.com")
			w.wantState(id, request.Done)
		})
	}
}

func TestProofCountsForLaterRequests(t *testing.T) {
	tests := map[string]struct {
		later time.Duration
		want  request.State
	}{
		"within the week": {7*24*time.Hour - time.Hour, request.Done},
		"after it":        {7*24*time.Hour + time.Hour, request.Proving},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			first := w.signUp("ana@contoso.com")
			w.prove(first, "ana@contoso.com")
			w.wantState(first, request.Done)
			w.settle(1)
			w.now = w.load(first).Proof.At.Add(test.later)
			second := w.signUp("ana@contoso.com")
			r := w.wantState(second, test.want)
			if r.Proof.Earlier != (test.want == request.Done) || r.Progress().Proved {
				t.Errorf("%+v", r.Proof)
			}
		})
	}
}

// TestStrangerCausesFewMails signs up again and again with the address of somebody else.
func TestStrangerCausesFewMails(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	var ids []submission.ID
	for n := range 1000 {
		id := w.signUp("ana@contoso.com")
		ids = append(ids, id)
		if n%10 == 9 {
			w.settleMinutes(1)
		}
		if n%100 == 50 {
			w.carryOut(submission.Resend, ids[n/2])
		}
	}
	w.settle(22)
	w.wantMails("ana@contoso.com", request.CodesPerDay)
	w.settle(100)
	w.wantMails("ana@contoso.com", request.CodesPerDay) // nothing adds up
	for _, id := range ids {
		w.wantState(id, request.Unproved)
	}
	w.wantNothingDue()
	id := w.signUp("ana@contoso.com")
	w.prove(id, "ana@contoso.com")
	w.wantState(id, request.Done)
}

func TestStrangerStopsCodesForADayAtMost(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.carryOut(submission.Withdraw, id)
	w.wantState(id, request.Cancelled)
	w.settle(2)
	second := w.signUp("ana@contoso.com")
	w.settle(20)
	w.wantState(second, request.Proving)
	w.wantMails("ana@contoso.com", 1)
	w.settle(3)
	w.carryOut(submission.Resend, second)
	w.wantMails("ana@contoso.com", 2)
	w.prove(second, "ana@contoso.com")
	w.settle(25)
	w.wantState(second, request.Done)
	w.wantErased(id)
}

func TestErasureForgetsMailbox(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.prove(id, "ana@contoso.com")
	must(w.reviewer().Erase(t.Context(), id))(t)
	w.settle(1)
	w.wantErased(id)
	address := must(submission.ParseAddress("ana@contoso.com"))(t)
	if left := must(w.store.Mailbox(t.Context(), address))(t); left != (request.Mailbox{}) {
		t.Errorf("what is left of the mailbox: %+v", left)
	}
}

// TestDomainHasShareOfCodes: a flood of sign-ups for one domain leaves codes for others, and a
// flood for many leaves mails for invitations.
func TestDomainHasShareOfCodes(t *testing.T) {
	w := newMailWorld(t)
	w.row("*", "row", "Action", "invite")
	invited := w.signUp("ana@contoso.com")
	w.settle(2)
	for n := range 200 {
		w.submit(fmt.Sprintf("p%d@bots-contoso.com", n))
	}
	w.settleMinutes(30)
	bots := 0
	for _, m := range w.service.Mails() {
		if strings.HasSuffix(m.To[0], "@bots-contoso.com") {
			bots++
		}
	}
	if bots != 25 {
		t.Errorf("%d codes went to one domain", bots)
	}
	for n := range 200 {
		w.submit(fmt.Sprintf("p@bots%d-contoso.com", n))
	}
	w.settleMinutes(20)
	if n := len(w.service.Mails()); n > 1+50 {
		t.Errorf("%d codes within the hour", n)
	}
	w.prove(invited, "ana@contoso.com")
	w.settleMinutes(2)
	w.wantMails("ana@contoso.com", 2)
}

// TestMailTroubleLosesNobody lets the mail service fail in each of its ways for hours.
func TestMailTroubleLosesNobody(t *testing.T) {
	tests := map[string]acssim.Fault{
		"throttled":   {Trouble: acssim.Refused, Status: 429, RetryAfter: 120},
		"forbidden":   {Trouble: acssim.Refused, Status: 403},
		"unavailable": {Trouble: acssim.Refused, Status: 503},
		"a page":      {Trouble: acssim.Page, Status: 502},
		"no answer":   {Trouble: acssim.Unanswered},
		"answer lost": {Trouble: acssim.AnswerLost, Call: "send"},
		"takes none":  {Trouble: acssim.Refused, Call: "send", Status: 503},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			fault.Always = true
			w.fail(fault)
			id := w.signUp("ana@contoso.com")
			w.settle(5)
			w.wantState(id, request.Proving)
			w.service.ClearFaults()
			w.settle(2)
			w.wantMails("ana@contoso.com", 1)
			w.fail(fault)
			w.prove(id, "ana@contoso.com")
			w.wantState(id, request.Done)
			w.settle(5)
			w.service.ClearFaults()
			w.settle(2)
			w.wantMails("ana@contoso.com", 2)
			if r := w.wantState(id, request.Done); r.Owed != (request.Owed{}) {
				t.Errorf("still owed: %+v", r.Owed)
			}
			w.settle(4)
			w.wantNothingDue()
		})
	}
}

func TestMailServiceThatForbidsIsReportedOnce(t *testing.T) {
	w := newMailWorld(t)
	w.row("*", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true})
	for n := range 20 {
		w.submit(fmt.Sprintf("p%d@contoso.com", n))
	}
	w.settle(10)
	w.wantLine(workflow.LogMailsStopped, 1)
	if n := len(w.service.Calls()); n == 0 || w.service.Calls()["POST /emails:send"] > 45 {
		t.Errorf("calls: %v", w.service.Calls())
	}
	w.settle(70)
	w.wantLine(workflow.LogFailed, 20)
}

func TestMailOwedForHoursIsReported(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 503, Always: true})
	id := w.signUp("ana@contoso.com")
	w.settle(5)
	w.wantLine(workflow.LogMailOwed, 0)
	w.wantState(id, request.Done)
	w.settle(8 * 24)
	if !strings.Contains(w.log.String(), workflow.LogMailOwed) {
		t.Error("nothing says that a mail is owed")
	}
	w.wantState(id, request.Done)
	w.wantNothingDue()
}

func TestSuppressedAddressIsLeftAlone(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.service.Suppress("ana@contoso.com")
	id := w.signUp("ana@contoso.com")
	w.settle(1)
	r := w.wantState(id, request.Proving)
	if m := r.Mail(request.CodeMail); m.State != request.MailSuppressed || m.Code == "" {
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

// TestKilledProcessSendsEachMailOnce ends the process at each operation on the way.
func TestKilledProcessSendsEachMailOnce(t *testing.T) {
	ops := []string{"Load", "Save", "Claim", "UpdateClaim", "Wait", "Mailbox", "SaveMailbox", "MarkProved", "MailGate", "SaveMailGate",
		"ProofKey", "SendMail", "MailStatus", "Invite", "AddMember", "Rows", "Gate", "SaveGate", "StopWaiting"}
	for _, op := range ops {
		for _, when := range []bool{before, after} {
			for nth := range 6 {
				t.Run(fmt.Sprintf("%s %t %d", op, when, nth), func(t *testing.T) {
					w := newMailWorld(t)
					w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
					left := nth
					w.on(op, when, -1, func() error {
						left--
						if left == -1 {
							panic(crash{})
						}
						return nil
					})
					id := w.submit("ana@contoso.com")
					w.settleMinutes(40)
					w.wantState(id, request.Proving)
					w.wantMails("ana@contoso.com", 1)
					w.queue = append(w.queue, submission.Message{ID: id, Kind: submission.Prove, Code: w.code("ana@contoso.com")})
					w.settleMinutes(90)
					w.wantState(id, request.Done)
					w.wantTenant(1, 1, 1)
					w.wantMails("ana@contoso.com", 2)
				})
			}
		}
	}
}

// TestProofNeedsMails: where the app sends no mails a person decides instead.
func TestProofNeedsMails(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "Proof", "code")
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Review)
	w.wantTenant(0, 0, 0)
}

func TestPartnerGetsInvitationAgain(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.prove(id, "ana@contoso.com")
	w.settle(2)
	w.carryOut(submission.Resend, id)
	mails := w.wantMails("ana@contoso.com", 3)
	if last := w.tenant.Invitations()[1]; !strings.Contains(mails[2].Text, last.RedeemURL) || last.SendInvitation {
		t.Errorf("the mail is\n%s", mails[2].Text)
	}
	w.carryOut(submission.Resend, id)
	w.settle(2)
	w.wantMails("ana@contoso.com", 3) // too soon
	for range 30 {
		w.carryOut(submission.Resend, id)
		w.settle(1)
	}
	day := w.now.Add(-24 * time.Hour)
	n := 0
	for _, m := range w.mailsTo("ana@contoso.com") {
		if m.At.After(day) {
			n++
		}
	}
	if n > request.OwnMailsPerDay {
		t.Errorf("%d mails within a day", n)
	}
}

func TestGuestWhoAcceptedGetsNoMail(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 503, Always: true})
	id := w.signUp("ana@contoso.com")
	guest := w.wantState(id, request.Done).GuestID
	ok(t, w.tenant.Happen(graphsim.Event{User: guest, Event: "accept"}))
	w.service.ClearFaults()
	w.settle(3)
	w.wantMails("ana@contoso.com", 0)
	if r := w.load(id); r.Joined.IsZero() || r.Owed != (request.Owed{}) {
		t.Errorf("%+v", r)
	}
}

// TestNoSecretIsStoredOrLogged looks for codes and redeem URLs where they must not be.
func TestNoSecretIsStoredOrLogged(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
	id := w.signUp("ana@contoso.com")
	code := w.code("ana@contoso.com")
	w.typeCode(id, wrong(code))
	w.typeCode(id, code)
	w.settle(1)
	redeem := w.tenant.Invitations()[0].RedeemURL
	history := must(w.store.History(t.Context(), id))(t)
	seen := fmt.Sprintf("%+v %+v %s", w.load(id), history, w.log.String())
	for what, secret := range map[string]string{"code": code, "redeem URL": redeem} {
		if strings.Contains(seen, secret) {
			t.Errorf("the %s is stored or logged", what)
		}
	}
}

func TestUnreadableProofKeyStopsNobodyElse(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "Proof", "none")
	w.row("fabrikam.com", "row", "Action", "invite")
	w.on("ProofKey", before, -1, func() error { return problem.New(problem.RecordUnreadable, "the test says so") })
	waits := w.submit("bo@fabrikam.com")
	body := must(w.queue[0].Encode())(t)
	for range 5 {
		err := w.deliver()
		if err == nil {
			t.Fatal("the message may be forgotten")
		}
	}
	w.queue = nil
	ok(t, w.worker.GiveUp(t.Context(), "m1", body))
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Done)
	w.interrupt = nil
	w.settle(3)
	w.prove(waits, "bo@fabrikam.com")
	w.wantState(waits, request.Done)
}

// TestNewlyDemandedProofOfParkedRequest: see policy.Decision.Covers.
func TestDecisionKeepsWhatItSaysOfProof(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "Proof", "code")
	id := w.signUp("ana@contoso.com")
	if r := w.wantState(id, request.Proving); r.Decision == nil || r.Decision.Proof != policy.ProofCode {
		t.Errorf("%+v", r.Decision)
	}
}

func TestGuestIsRemindedUntilAccepted(t *testing.T) {
	const day = 24
	tests := map[string]struct {
		reminders []time.Duration
		accepts   int // after how many hours; 0 is never
		want      int // mails in all, without the code
	}{
		"no reminders":           {nil, 0, 1},
		"one":                    {[]time.Duration{3 * day * time.Hour}, 0, 2},
		"two":                    {[]time.Duration{3 * day * time.Hour, 10 * day * time.Hour}, 0, 3},
		"accepted at once":       {[]time.Duration{3 * day * time.Hour, 10 * day * time.Hour}, 1, 1},
		"accepted after the one": {[]time.Duration{3 * day * time.Hour, 10 * day * time.Hour}, 5 * day, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.Mails.Reminders, c.ProofByDefault = test.reminders, false })
			w.row("contoso.com", "row", "Action", "invite")
			id := w.signUp("ana@contoso.com")
			guest := w.wantState(id, request.Done).GuestID
			for hour := range 12 * day {
				if hour == test.accepts && hour > 0 {
					ok(t, w.tenant.Happen(graphsim.Event{User: guest, Event: "accept"}))
				}
				w.settle(1)
			}
			mails := w.wantMails("ana@contoso.com", test.want)
			for i, m := range mails[1:] {
				if m.At.Sub(mails[0].At) < test.reminders[i] || m.At.Sub(mails[0].At) > test.reminders[i]+2*time.Hour {
					t.Errorf("reminder %d came after %v", i+1, m.At.Sub(mails[0].At))
				}
			}
			w.wantNothingDue()
			w.wantState(id, request.Done)
		})
	}
}

func TestWithdrawnGuestIsNotReminded(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) {
		c.Mails.Reminders, c.ProofByDefault = []time.Duration{72 * time.Hour}, false
	})
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.settle(1)
	w.carryOut(submission.Withdraw, id)
	w.settle(80)
	w.wantMails("ana@contoso.com", 1)
	w.wantErased(id)
}

// TestRetryNeverPassesOverProof fails requests while they wait for a proof, in every way.
func TestRetryNeverPassesOverProof(t *testing.T) {
	tests := map[string]func(*mailWorld) submission.ID{
		"no code could be mailed": func(w *mailWorld) submission.ID {
			w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 403, Always: true})
			id := w.signUp("ana@contoso.com")
			w.settle(80)
			w.service.ClearFaults()
			return id
		},
		"its messages failed for days": func(w *mailWorld) submission.ID {
			id := w.signUp("ana@contoso.com")
			body := must(submission.Message{ID: id}.Encode())(w.t)
			for range 6 {
				ok(w.t, w.worker.GiveUp(w.t.Context(), "m", body))
				w.now = w.now.Add(24 * time.Hour)
			}
			return id
		},
		"the app sent no mails any more": func(w *mailWorld) submission.ID {
			id := w.signUp("ana@contoso.com")
			mails := w.config.Mails
			w.config.Mails = nil
			w.worker = w.newWorker()
			w.now = w.now.Add(time.Hour)
			w.carryOut(submission.Advance, id)
			w.bring(id)
			w.deliverAll()
			w.config.Mails = mails
			w.worker = w.newWorker()
			return id
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
			id := fail(w)
			r := w.wantState(id, request.Failed)
			if r.Terms() != nil {
				t.Error("the request has terms although the mailbox is not proved")
			}
			must(w.reviewer().Retry(t.Context(), id))(t)
			w.settle(1)
			w.wantState(id, request.Proving)
			w.wantTenant(0, 0, 0)
			w.prove(id, "ana@contoso.com")
			w.wantState(id, request.Done)
		})
	}
}

// TestEarlierProofShowsNowhere: who signs up with the address of somebody who has proved it lately
// learns nothing, and causes no mail about a denial.
func TestEarlierProofShowsNowhere(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "review")
	w.prove(w.signUp("ana@contoso.com"), "ana@contoso.com")
	id := w.signUp("ana@contoso.com")
	if r := w.wantState(id, request.Review); !r.Proof.Earlier {
		t.Fatalf("%+v", r.Proof)
	}
	w.typeCode(id, "12345678")
	if p := w.load(id).Progress(); p.Tries != 1 || p.Proved {
		t.Errorf("%+v", p)
	}
	must(w.reviewer().Deny(t.Context(), id, "not known"))(t)
	w.settle(2)
	w.wantMails("ana@contoso.com", 1)
}

func TestWaitingMailAddsOneEventToHistory(t *testing.T) {
	w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
	w.row("contoso.com", "row", "Action", "invite")
	w.row("fabrikam.com", "row", "Action", "invite", "Proof", "code")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true})
	owed, proving := w.signUp("ana@contoso.com"), w.signUp("bo@fabrikam.com")
	w.settle(48)
	for _, id := range []submission.ID{owed, proving} {
		if n := len(w.whats(id)); n > 8 {
			t.Errorf("%d events: %v", n, w.whats(id))
		}
	}
}

// TestWishForCodeDoesNotStopFirstOne: a partner may ask for the code while the first mail waits,
// because the mailbox has just had one for another request.
func TestWishForCodeDoesNotStopFirstOne(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.signUp("ana@contoso.com")
	second := w.signUp("ana@contoso.com")
	w.settleMinutes(1)
	w.wantMails("ana@contoso.com", 1)
	w.carryOut(submission.Resend, second)
	w.wantMails("ana@contoso.com", 1)
	w.settleMinutes(5)
	w.wantMails("ana@contoso.com", 2)
	w.prove(second, "ana@contoso.com")
	w.wantState(second, request.Done)
}

// TestRetryGoesByWhatRowsSayOfProof changes the row while a request has failed for want of a code.
func TestRetryGoesByWhatRowsSayOfProof(t *testing.T) {
	tests := map[string]struct {
		columns []any
		want    request.State
	}{
		"it asks for no proof":             {[]any{"Action", "invite", "Proof", "none"}, request.Done},
		"it asks a person, and for none":   {[]any{"Action", "review", "Proof", "none"}, request.Review},
		"it asks for a proof as it did":    {[]any{"Action", "invite"}, request.Proving},
		"it denies":                        {[]any{"Action", "deny"}, request.Denied},
		"it can't be read":                 {[]any{"Action", "invite", "Priority", "x"}, request.Proving},
		"it asks for none of the app's":    {[]any{"Action", "invite", "Proof", "none", "InvitationMail", "microsoft"}, request.Done},
		"it asks for none, and has limits": {[]any{"Action", "invite", "Proof", "none", "MaxGuests", int32(1)}, request.Done},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 403, Always: true})
			id := w.signUp("ana@contoso.com")
			w.settle(80)
			w.wantState(id, request.Failed)
			w.service.ClearFaults()
			w.row("contoso.com", "row", test.columns...)
			must(w.reviewer().Retry(t.Context(), id))(t)
			w.settle(1)
			w.wantState(id, test.want)
		})
	}
}

// TestTypedCodesDoNotStepWaitingRequest: whoever has the link can send any number of them.
func TestTypedCodesDoNotStepWaitingRequest(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	code := w.code("ana@contoso.com")
	w.on("Rows", before, -1, fails)
	w.typeCode(id, code)
	waits := w.wantState(id, request.Proving)
	for range 20 {
		w.typeCode(id, code)
	}
	if r := w.load(id); r.Attempt != waits.Attempt || r.Events != waits.Events {
		t.Errorf("after 20 codes: %d attempts and %d events, before %d and %d", r.Attempt, r.Events, waits.Attempt, waits.Events)
	}
	w.interrupt = nil
	w.settle(1)
	w.wantState(id, request.Done)
}

// TestRowsAreReadTwiceOnlyBeforeInvitation: a decision that only asks for a proof needs no second
// look at the rows, and one that invites does, also for a mailbox that was proved before.
func TestRowsAreReadTwiceOnlyBeforeInvitation(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	reads := 0
	w.on("Rows", before, -1, func() error { reads++; return nil })
	id := w.signUp("ana@contoso.com")
	if reads != 1 {
		t.Errorf("%d reads before the proof", reads)
	}
	w.prove(id, "ana@contoso.com")
	if reads != 3 {
		t.Errorf("%d reads with the invitation", reads)
	}
	w.wantState(w.signUp("ana@contoso.com"), request.Done)
	if reads != 6 {
		t.Errorf("%d reads with a mailbox that is proved", reads)
	}
}
