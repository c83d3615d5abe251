package workflow_test

import (
	"fmt"
	"slices"
	"testing"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// TestAdminHasCodeMailedAgain: the code stays the same, and neither the partner's last wish nor
// what the mailbox has had keeps it back.
func TestAdminHasCodeMailedAgain(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	first := w.code("ana@contoso.com")
	for n := range request.OwnMailsPerDay + 1 {
		must(w.reviewer().Resend(t.Context(), id))(t)
		w.settleMinutes(2)
		w.wantMails("ana@contoso.com", n+2)
		if again := w.code("ana@contoso.com"); again != first {
			t.Errorf("mail %d has another code", n+2)
		}
	}
	if r := w.wantState(id, request.Proving); r.Resend.Open() || !r.MailAsked.IsZero() {
		t.Errorf("the wish is %+v, the partner's %v", r.Resend, r.MailAsked)
	}
	w.prove(id, "ana@contoso.com")
	w.wantState(id, request.Done)
}

// TestAdminHelpsPartnerWhoseCodeIsWithheld: a stranger has used up the codes of the day.
func TestAdminHelpsPartnerWhoseCodeIsWithheld(t *testing.T) {
	spent := map[string]func(*mailWorld){
		"by codes of other requests": func(w *mailWorld) {
			for range request.CodesPerDay {
				w.signUp("ana@contoso.com")
				w.settle(1)
			}
		},
		"by somebody whom it was not": func(w *mailWorld) {
			w.carryOut(submission.Withdraw, w.signUp("ana@contoso.com"))
			w.settleMinutes(5)
		},
	}
	for name, spend := range spent {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			spend(w)
			before := len(w.mailsTo("ana@contoso.com"))
			id := w.signUp("ana@contoso.com")
			w.settleMinutes(5)
			w.wantMails("ana@contoso.com", before)
			if !slices.Contains(w.whats(id), "mail-withheld") {
				t.Errorf("history %v", w.whats(id))
			}
			must(w.reviewer().Resend(t.Context(), id))(t)
			w.settleMinutes(2)
			w.wantMails("ana@contoso.com", before+1)
			w.prove(id, "ana@contoso.com")
			w.wantState(id, request.Done)
		})
	}
}

func TestAdminsWishForCodeWaitsForMailService(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 429, RetryAfter: 60, Always: true})
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settleMinutes(10)
	if r := w.wantState(id, request.Proving); !r.Resend.Open() {
		t.Errorf("the wish is forgotten; history %v", w.whats(id))
	}
	w.service.ClearFaults()
	w.settle(2)
	w.wantMails("ana@contoso.com", 2)
	if r := w.load(id); r.Resend.Open() || r.Proof.Until.Before(w.now) {
		t.Errorf("%+v, %+v", r.Resend, r.Proof)
	}
}

// TestRequestThatWaitsForCodeCanBeEnded denies and cancels, before a code was mailed and after.
func TestRequestThatWaitsForCodeCanBeEnded(t *testing.T) {
	ends := map[request.State]func(*review.Reviewer, submission.ID) (request.Request, error){
		request.Denied: func(v *review.Reviewer, id submission.ID) (request.Request, error) {
			return v.Deny(t.Context(), id, "not a partner")
		},
		request.Cancelled: func(v *review.Reviewer, id submission.ID) (request.Request, error) {
			return v.Cancel(t.Context(), id, "asked to")
		},
	}
	for end, act := range ends {
		for _, mailed := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s after %d mails", end, mailed), func(t *testing.T) {
				w := newMailWorld(t)
				w.row("contoso.com", "row", "Action", "invite", "MaxGuests", int32(1))
				if mailed == 0 {
					w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 503, Always: true})
				}
				id := w.signUp("ana@contoso.com")
				must(act(w.reviewer(), id))(t)
				w.wantState(id, end)
				w.service.ClearFaults()
				w.settle(30)
				w.wantState(id, end)
				w.wantMails("ana@contoso.com", mailed) // and none about the decision
				w.wantTenant(0, 0, 0)
				w.wantNothingDue()
			})
		}
	}
}

// TestRetryOfCodeNotSentBeginsProofAnew: nobody is invited without the proof because a person has
// taken the request up again.
func TestRetryOfCodeNotSentBeginsProofAnew(t *testing.T) {
	for _, action := range []string{"invite", "review"} {
		t.Run(action, func(t *testing.T) {
			w := newMailWorld(t)
			w.row("contoso.com", "row", "Action", action)
			key := must(w.store.ProofKey(t.Context(), request.ProofKey{1}))(t)
			w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true})
			id := w.signUp("ana@contoso.com")
			w.settle(80)
			failed := w.wantState(id, request.Failed)
			if w.last(id) != "code-not-sent" {
				t.Fatalf("history %v", w.whats(id))
			}
			w.service.ClearFaults()
			must(w.reviewer().Retry(t.Context(), id))(t)
			w.settleMinutes(20)
			w.wantState(id, request.Proving)
			w.wantTenant(0, 0, 0)
			w.wantMails("ana@contoso.com", 1)
			if w.code("ana@contoso.com") == key.Code(failed) {
				t.Error("the code is that of before")
			}
			w.typeCode(id, key.Code(failed))
			w.wantState(id, request.Proving)
			w.prove(id, "ana@contoso.com")
			w.wantState(id, map[string]request.State{"invite": request.Done, "review": request.Review}[action])
		})
	}
}

// TestRetryAsksRowsWhetherProofIsStillNeeded: an admin may have taken the proof out of the row.
func TestRetryAsksRowsWhetherProofIsStillNeeded(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Status: 403, Always: true})
	id := w.signUp("ana@contoso.com")
	w.settle(80)
	w.wantState(id, request.Failed)
	w.row("contoso.com", "row", "Action", "invite", "Proof", "none", "InvitationMail", "microsoft")
	must(w.reviewer().Retry(t.Context(), id))(t)
	w.settleMinutes(5)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 0)
}

// TestParkedRequestIsAskedForProofByRowsAsTheyAreThen: no code is mailed for it. It goes on if it
// was proved before, and else a person decides.
func TestParkedRequestIsAskedForProofByRowsAsTheyAreThen(t *testing.T) {
	tests := map[string]struct {
		before, then []any // the Proof of the row
		byDefault    bool  // once it is resumed
		want         request.State
	}{
		"nobody asks":                  {nil, nil, false, request.Done},
		"the row asks by then":         {nil, []any{"Proof", "code"}, false, request.Review},
		"the default asks by then":     {nil, nil, true, request.Review},
		"the row needs none":           {nil, []any{"Proof", "none"}, true, request.Done},
		"it was proved":                {[]any{"Proof", "code"}, []any{"Proof", "code"}, false, request.Done},
		"it was, and none asks then":   {[]any{"Proof", "code"}, nil, false, request.Done},
		"it was proved, as all do now": {[]any{"Proof", "code"}, nil, true, request.Done},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newMailWorld(t, func(c *workflow.Config) { c.ProofByDefault = false })
			w.row("contoso.com", "row", append([]any{"Action", "invite"}, test.before...)...)
			must(request.OpenBreaker(t.Context(), w.store, "desk@wingtiptoys.com", "a bad row", w.now))(t)
			id := w.signUp("ana@contoso.com")
			if test.before != nil {
				w.prove(id, "ana@contoso.com")
			}
			w.settle(1)
			w.wantState(id, request.Parked)
			codes := len(w.mailsTo("ana@contoso.com"))
			w.row("contoso.com", "row", append([]any{"Action", "invite"}, test.then...)...)
			w.config.ProofByDefault = test.byDefault
			w.worker = w.newWorker()
			must(request.CloseBreaker(t.Context(), w.store, "desk@wingtiptoys.com", w.gate().Stop.At, w.now))(t)
			w.settle(2)
			r := w.wantState(id, test.want)
			if test.want == request.Review && (r.Objection != "row-asks-proof" || len(w.mailsTo("ana@contoso.com")) != codes) {
				t.Errorf("objection %q, %d mails", r.Objection, len(w.mailsTo("ana@contoso.com")))
			}
		})
	}
}

// TestAdminsStopLeavesCodes: they concern the directory not at all. The app's own invitation mail
// does, since it asks the directory for the redeem URL.
func TestAdminsStopLeavesCodes(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.row("fabrikam.com", "row", "Action", "invite", "Proof", "none")
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "send", Status: 429, RetryAfter: 60, Always: true})
	owed := w.signUp("bo@fabrikam.com")
	w.wantState(owed, request.Done)
	must(request.OpenBreaker(t.Context(), w.store, "desk@wingtiptoys.com", "a bad row", w.now))(t)
	w.service.ClearFaults()
	w.settle(1)
	w.wantMails("bo@fabrikam.com", 0)
	id := w.signUp("ana@contoso.com")
	w.prove(id, "ana@contoso.com")
	w.settle(1)
	w.wantState(id, request.Parked)
	w.wantTenant(1, 1, 0)
	must(request.CloseBreaker(t.Context(), w.store, "desk@wingtiptoys.com", w.gate().Stop.At, w.now))(t)
	w.settle(3)
	w.wantState(id, request.Done)
	w.wantMails("bo@fabrikam.com", 1)
}

// TestErasureByAddressForgetsMailbox: a request that was withdrawn no longer says whose it was.
func TestErasureByAddressForgetsMailbox(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	address := w.load(id).Submission.Email
	w.carryOut(submission.Withdraw, id)
	if r := w.wantState(id, request.Cancelled); r.Erased.IsZero() {
		t.Error("it is not erased")
	}
	mailbox := must(w.store.Mailbox(t.Context(), address))(t)
	if mailbox.StoppedAt.IsZero() {
		t.Errorf("%+v", mailbox)
	}
	traces := must(w.reviewer().ForgetAddress(t.Context(), address))(t)
	mailbox = must(w.store.Mailbox(t.Context(), address))(t)
	if !traces.Mails || mailbox != (request.Mailbox{}) {
		t.Errorf("found: %+v, left: %+v", traces, mailbox)
	}
	second := w.signUp("ana@contoso.com")
	w.wantMails("ana@contoso.com", 2)
	w.prove(second, "ana@contoso.com")
	w.wantState(second, request.Done)
}
