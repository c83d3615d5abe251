package workflow_test

import (
	"encoding/json"
	"fmt"
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

// wish puts a message of the kind on the queue, as the status page does.
func (w *world) ask(kind submission.Kind, id submission.ID) {
	w.queue = append(w.queue, submission.Message{ID: id, Kind: kind})
}

func (w *world) last(id submission.ID) string {
	history := w.whats(id)
	if len(history) == 0 {
		return ""
	}
	return history[len(history)-1]
}

func TestResendWaitsForMailRest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	id := w.submit("ana@contoso.com")
	w.deliverAll()
	w.wantState(id, request.Done)

	w.ask(submission.Resend, id)
	w.deliverAll()
	if w.last(id) != "resend-too-soon" || len(w.tenant.Invitations()) != 1 {
		t.Errorf("right after the first mail: %v", w.whats(id))
	}
	w.now = w.now.Add(time.Hour)
	// Impatience does not help.
	for range 3 {
		w.ask(submission.Resend, id)
		w.deliverAll()
	}
	if n := len(w.tenant.Invitations()); n != 2 {
		t.Errorf("%d mails, want 2; history %v", n, w.whats(id))
	}
	w.wantTenant(2, 1, 0)
	r := w.wantState(id, request.Done)
	if r.Resend.Open() || !r.Due.IsZero() {
		t.Errorf("something is still to be done: %+v", r)
	}
	// Nor does a second request for the same address.
	again := w.submit("ana@contoso.com")
	w.deliverAll()
	w.ask(submission.Resend, again)
	w.deliverAll()
	if w.last(again) != "resend-too-soon" {
		t.Errorf("by another request: %v", w.whats(again))
	}
}

func TestStatusPageSendsAtMostFiveMails(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	id := w.submit("ana@contoso.com")
	w.deliverAll()
	for range 10 {
		w.now = w.now.Add(2 * time.Hour)
		w.ask(submission.Resend, id)
		w.deliverAll()
	}
	if n := len(w.tenant.Invitations()); n != 5 {
		t.Errorf("%d mails, want 5", n)
	}
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settle(1)
	if n := len(w.tenant.Invitations()); n != 6 || w.last(id) != "resent" {
		t.Errorf("%d mails after a person wished one; history %v", n, w.whats(id))
	}
}

func TestResendOnlyToPendingGuest(t *testing.T) {
	tests := map[string]struct {
		change func(*world, string)
		what   string
	}{
		"has accepted": {func(w *world, guest string) {
			_ = w.tenant.ChangeUser(guest, func(u *graphsim.User) { u.ExternalUserState = "Accepted" })
		}, "resend-needless"},
		"is disabled": {func(w *world, guest string) {
			_ = w.tenant.ChangeUser(guest, func(u *graphsim.User) { u.Disabled = true })
		}, "resend-refused"},
		"is deleted": {func(w *world, guest string) { _ = w.tenant.DeleteUser(guest) }, "resend-refused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			id := w.submit("ana@contoso.com")
			w.deliverAll()
			w.now = w.now.Add(2 * time.Hour)
			test.change(w, w.load(id).GuestID)
			w.ask(submission.Resend, id)
			w.deliverAll()
			if w.last(id) != test.what || len(w.tenant.Invitations()) != 1 {
				t.Errorf("history %v, %d mails", w.whats(id), len(w.tenant.Invitations()))
			}
		})
	}
}

func TestResendDoesNotInviteGoneGuest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.order(forbidden(lookUps, 1))
	id := w.submit("ana@contoso.com")
	w.deliverAll()
	w.wantLine(workflow.LogDegraded, 1)
	// The right to read users has been given since, and the guest is gone without a trace.
	w.now = w.now.Add(2 * time.Hour)
	ok(t, w.tenant.ChangeUser(w.load(id).GuestID, func(u *graphsim.User) { u.Mail, u.OtherMails = "other@contoso.com", nil }))
	w.ask(submission.Resend, id)
	w.deliverAll()
	if w.last(id) != "resend-refused" || len(w.tenant.Invitations()) != 1 {
		t.Errorf("history %v, %d mails", w.whats(id), len(w.tenant.Invitations()))
	}
}

func TestResendWaitsForGate(t *testing.T) {
	w := newWorld(t)
	w.pace = request.Pace{Daily: 1}
	w.worker = w.newWorker()
	w.row("contoso.com", "r", "Action", "invite")
	id := w.submit("ana@contoso.com")
	w.deliverAll()
	w.now = w.now.Add(2 * time.Hour)
	w.ask(submission.Resend, id)
	w.settle(2)
	w.wantTenant(1, 1, 0)
	w.settle(24)
	w.wantTenant(2, 1, 0)
	w.wantState(id, request.Done)
	w.wantNothingDue()
}

func TestResendDuringDirectoryFaults(t *testing.T) {
	tests := map[string]struct {
		fault graphsim.Fault
		mails int
		what  string
	}{
		"throttled":          {graphsim.Fault{Times: 1, Status: 429, Headers: retryAfter("120")}, 2, "resent"},
		"no answer":          {graphsim.Fault{Times: 1, Status: 502}, 1, "resend-unanswered"},
		"lost answer":        {graphsim.Fault{Times: 1, Status: 502, AfterEffect: true}, 2, "resend-unanswered"},
		"refused":            {graphsim.Fault{Times: 1, Status: 400, Code: "BadRequest", Message: "No."}, 1, "resend-refused"},
		"the tenant is shut": {graphsim.Fault{Times: 1, Status: 403, Code: "Forbidden", Message: switchedOff}, 2, "resent"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			id := w.submit("ana@contoso.com")
			w.deliverAll()
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
		w.row("contoso.com", "r", "Action", "invite")
		id := w.submit("ana@contoso.com")
		w.deliverAll()
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

// reached are ways to bring a request into a state, for address ana@contoso.com.
var reached = map[request.State]func(*world) submission.ID{
	request.Received: func(w *world) submission.ID {
		w.store.FailBefore = func(op string) error {
			if op == "Rows" {
				return unavailable
			}
			return w.before(op)
		}
		return w.submit("ana@contoso.com")
	},
	request.Review: func(w *world) submission.ID { return w.submit("ana@contoso.com") },
	request.Denied: func(w *world) submission.ID {
		w.row("ana@contoso.com", "r", "Action", "deny", "Note", "Ana@Contoso.com left")
		return w.submit("ana@contoso.com")
	},
	request.Done: func(w *world) submission.ID {
		w.row("ana@contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
		return w.submit("ana@contoso.com")
	},
	request.Parked: func(w *world) submission.ID {
		w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
		w.tenantSays(suspicious)
		return w.submit("ana@contoso.com")
	},
	request.Inviting: func(w *world) submission.ID {
		w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
		w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502})
		return w.submit("ana@contoso.com")
	},
	request.Granting: func(w *world) submission.ID {
		w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3), "Groups", groupOne)
		w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1, Status: 503})
		return w.submit("ana@contoso.com")
	},
	request.Failed: func(w *world) submission.ID {
		w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
		w.order(refusedOnce)
		return w.submit("ana@contoso.com")
	},
}

// wantErased fails if anything that is stored still says who the partner is.
func (w *world) wantErased(id submission.ID) {
	w.t.Helper()
	r := w.load(id)
	if r.Erased.IsZero() {
		w.t.Errorf("the request is not erased: %s, history %v", r.State, w.whats(id))
	}
	events := must(w.store.History(w.t.Context(), id))(w.t)
	kept := must(w.store.AllDeadLetters(w.t.Context()))(w.t)
	text := must(json.Marshal(map[string]any{"request": r, "events": events}))(w.t)
	for _, poison := range kept {
		text = append(text, poison.Body...)
	}
	for _, name := range []string{"ana@", "ana", "silva", "contoso\"", "secret words"} {
		if strings.Contains(strings.ToLower(string(text)), name) {
			w.t.Errorf("what is stored still says %q: %.1500s", name, text)
		}
	}
	w.wantNothingDue()
}

func TestWithdrawalEndsAndErases(t *testing.T) {
	ends := map[request.State]struct {
		end                request.State
		invitations, seats int
	}{
		request.Received: {request.Cancelled, 0, 0},
		request.Review:   {request.Cancelled, 0, 0},
		request.Denied:   {request.Denied, 0, 0},
		request.Parked:   {request.Cancelled, 0, 0},
		request.Inviting: {request.Cancelled, 0, 0},
		request.Failed:   {request.Cancelled, 0, 0},
		request.Granting: {request.Done, 1, 1},
		request.Done:     {request.Done, 1, 1},
	}
	asks := map[string]func(*world, submission.ID){
		"by the partner": func(w *world, id submission.ID) { w.ask(submission.Withdraw, id) },
		"by an admin": func(w *world, id submission.ID) {
			_, err := w.reviewer().Erase(w.t.Context(), id)
			if err != nil {
				w.t.Error(err)
			}
		},
	}
	for state, want := range ends {
		for by, ask := range asks {
			t.Run(string(state)+" "+by, func(t *testing.T) {
				w := newWorld(t)
				id := reached[state](w)
				w.deliverAll()
				w.wantState(id, state)
				w.keep("m1", `{"id":"`+string(id)+`","version":7,"email":"Ana@Contoso.com"}`)
				if by == "by an admin" {
					w.keep("m2", `{"email":"Ana@Contoso.com"}`)
				}
				ask(w, id)
				w.store.FailBefore = w.before
				w.settle(1)
				w.wantState(id, want.end)
				w.wantErased(id)
				if n := len(w.tenant.Invitations()); n != want.invitations {
					t.Errorf("%d invitations", n)
				}
				partition := "contoso.com"
				if state == request.Done {
					partition = "ana@contoso.com"
				}
				w.wantSeats(partition, "r", want.seats)
				if want.seats > 0 {
					w.wantLine(workflow.LogRemains, 1)
				}
				address := must(submission.ParseAddress("ana@contoso.com"))(t)
				claim, created, err := w.store.Claim(t.Context(), address, id, w.now)
				// A partner who withdraws does not make the address forget its mails.
				kept := by == "by the partner" && want.invitations > 0
				if err != nil || created == kept || kept && (claim.Mails != 1 || claim.GuestID != "" || !claim.IntentAt.IsZero()) {
					t.Errorf("the claim tells %+v, created %v", claim, created)
				}
				if strings.Contains(w.log.String(), "wingtiptoys") || strings.Contains(w.log.String(), "ana@") {
					t.Error("the log names somebody")
				}
				// A second time changes nothing, and nobody can do anything more with it.
				before := w.load(id)
				w.ask(submission.Withdraw, id)
				w.ask(submission.Resend, id)
				w.deliverAll()
				if after := w.load(id); after.Version != before.Version {
					t.Error("a second withdrawal changed it")
				}
				_, err = w.reviewer().Retry(t.Context(), id)
				wantCode(t, "retrying an erased request", err, problem.InvalidInput)
			})
		}
	}
}

func TestWithdrawalAfterLostAnswerRecordsGuest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: true})
	id := w.submit("ana@contoso.com")
	w.deliverAll()
	w.ask(submission.Withdraw, id)
	w.settle(1)
	r := w.wantState(id, request.Done)
	w.wantErased(id)
	w.wantLine(workflow.LogRemains, 1)
	if r.GuestID == "" {
		t.Error("the guest's id is not known")
	}
	w.wantSeats("contoso.com", "r", 1)
}

func TestWithdrawalBeforeSubmission(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	id := w.submit("ana@contoso.com")
	first := w.queue[0]
	w.queue = nil
	w.ask(submission.Withdraw, id)
	w.deliverAll()
	w.wantState(id, request.Cancelled)
	w.queue = append(w.queue, first)
	w.settle(1)
	w.wantState(id, request.Cancelled)
	w.wantErased(id)
	w.wantTenant(0, 0, 0)

	// An id that can't be on its way leaves nothing behind.
	old := must(submission.NewID(w.now.AddDate(0, 0, -8), w.random))(t)
	w.ask(submission.Withdraw, old)
	w.ask(submission.Resend, old)
	w.deliverAll()
	_, err := w.store.Load(t.Context(), old)
	wantCode(t, "an old id", err, problem.NotFound)
}

// TestWithdrawalDuringInvitation withdraws in the middle of every operation of an invitation: nobody is
// invited twice, and in the end everything is erased.
func TestWithdrawalDuringInvitation(t *testing.T) {
	everyOperation(t, func(t *testing.T, w *world, at func(func(string, bool) error)) {
		w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne, "MaxGuests", int32(3))
		id := w.submit("ana@contoso.com")
		withdrawn := false
		at(func(string, bool) error {
			withdrawn = true
			err := w.worker.Advance(t.Context(), submission.Message{ID: id, Kind: submission.Withdraw})
			if err != nil {
				w.ask(submission.Withdraw, id)
			}
			return nil
		})
		w.settle(2)
		if !withdrawn {
			return
		}
		w.wantErased(id)
		guests := len(w.tenant.Guests())
		if guests > 1 || len(w.tenant.Invitations()) > 1 {
			t.Errorf("%d guests, %d invitations", guests, len(w.tenant.Invitations()))
		}
		if guests == 0 {
			w.wantSeats("contoso.com", "r", 0)
		}
	})
}

func TestRetentionErasesFinishedRequests(t *testing.T) {
	w := newWorld(t)
	w.retention = 30 * 24 * time.Hour
	w.worker = w.newWorker()
	w.row("ana@contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
	w.row("bo@contoso.com", "r", "Action", "deny")
	invited, denied, reviewed := w.submit("ana@contoso.com"), w.submit("bo@contoso.com"), w.submit("cy@fabrikam.com")
	w.deliverAll()
	must(w.reviewer().Deny(t.Context(), w.review(t, "di@fabrikam.com"), "secret words"))(t)
	ok(t, w.worker.Keep(t.Context(), "m1", []byte(`ana`), problem.New(problem.MalformedMessage, "it is none")))
	w.now = w.now.Add(29 * 24 * time.Hour)
	w.settle(1)
	if r := w.load(invited); !r.Erased.IsZero() || r.Submission.GivenName == "" {
		t.Error("erased too early")
	}
	w.now = w.now.Add(24 * time.Hour)
	w.settle(2)
	w.wantErased(invited)
	for _, id := range []submission.ID{invited, denied} {
		r := w.load(id)
		if r.Decision == nil || r.Decision.Reason == "" || r.Decision.Row == nil || r.Erased.IsZero() {
			t.Errorf("the decision is gone, or the data is not: %+v", r)
		}
	}
	w.wantSeats("ana@contoso.com", "r", 1)
	if r := w.wantState(reviewed, request.Review); r.Submission.GivenName == "" {
		t.Error("a request that waits for a person lost its data")
	}
	w.wantLine(workflow.LogOverdue, strings.Count(w.log.String(), `"requests wait too long"`))
	if !strings.Contains(w.log.String(), `state=review requests=1 oldest=`+reviewed.Issued().Format("2006-01-02T15:04:05")) {
		t.Error("nobody is told that a request waits for a person for a month")
	}
	// The address is still known to have a guest: no second mail.
	again := w.submit("ana@contoso.com")
	w.settle(1)
	w.wantState(again, request.Done)
	w.wantTenant(1, 1, 0)
}

func TestRetentionErasesInBatches(t *testing.T) {
	w := newWorld(t)
	w.retention = 30 * 24 * time.Hour
	w.worker = w.newWorker()
	w.row("contoso.com", "r", "Action", "deny")
	w.review(t, "waits@fabrikam.com")
	for i := range 250 {
		w.submit(fmt.Sprintf("partner.%d@contoso.com", i))
	}
	w.deliverAll()
	w.now = w.now.Add(31 * 24 * time.Hour)
	for _, want := range []int{150, 50, 0} {
		w.settleMinutes(1)
		left, err := w.store.Expired(t.Context(), w.now, 1000)
		if err != nil || len(left) != want {
			t.Errorf("%d requests still hold personal data, want %d (%v)", len(left), want, err)
		}
	}
	// What waits too long is told once an hour, not at every run.
	w.settleMinutes(50)
	w.wantLine(workflow.LogOverdue, 1)
	w.settleMinutes(60)
	w.wantLine(workflow.LogOverdue, 2)
}

func TestUnreadableRecordDoesNotBlockRetention(t *testing.T) {
	w := newWorld(t)
	w.retention = 30 * 24 * time.Hour
	w.worker = w.newWorker()
	w.row("contoso.com", "r", "Action", "deny")
	broken, other := w.submit("ana@contoso.com"), w.submit("bo@contoso.com")
	w.review(t, "waits@fabrikam.com")
	w.now = w.now.Add(31 * 24 * time.Hour)
	loads := 0
	w.interrupt = func(op string, after bool) error {
		if op != "Load" || after {
			return nil
		}
		loads++
		if loads == 1 {
			return problem.New(problem.Internal, "loading request: column Decision is no decision")
		}
		return nil
	}
	var due outbox
	must(w.worker.Upkeep(t.Context(), &due))(t)
	erased := 0
	for _, id := range []submission.ID{broken, other} {
		if !w.load(id).Erased.IsZero() {
			erased++
		}
	}
	if erased != 1 {
		t.Errorf("%d of 2 requests were erased, want the one that can be read", erased)
	}
	// Nor from being told of what waits too long.
	w.wantLine(workflow.LogOverdue, 1)
}

func TestWithdrawnRequestCannotBeApproved(t *testing.T) {
	w := newWorld(t)
	id := w.review(t, "ana@contoso.com")
	must(w.reviewer().Erase(t.Context(), id))(t)
	_, err := w.reviewer().Approve(t.Context(), id, letIn, "")
	wantCode(t, "approving a withdrawn request", err, problem.InvalidInput)
	w.settle(1)
	w.wantState(id, request.Cancelled)
	w.wantTenant(0, 0, 0)
}

// review brings a request to review.
func (w *world) review(t *testing.T, address string) submission.ID {
	t.Helper()
	id := w.submit(address)
	w.deliverAll()
	w.wantState(id, request.Review)
	return id
}

func TestHistoryOmitsWordsOfPersons(t *testing.T) {
	w := newWorld(t)
	denied, cancelled, approved := w.review(t, "ana@contoso.com"), w.review(t, "bo@contoso.com"), w.review(t, "cy@contoso.com")
	desk := w.reviewer()
	_, err1 := desk.Deny(t.Context(), denied, "secret words")
	_, err2 := desk.Cancel(t.Context(), cancelled, "secret words")
	_, err3 := desk.Approve(t.Context(), approved, letIn, "secret words")
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []submission.ID{denied, cancelled} {
		if r := w.load(id); r.Words != "secret words" || strings.Contains(r.Reason, "secret") {
			t.Errorf("words %q, reason %q", r.Words, r.Reason)
		}
	}
	for _, id := range []submission.ID{denied, cancelled, approved} {
		events := must(w.store.History(t.Context(), id))(t)
		if slices.ContainsFunc(events, func(e request.Event) bool { return strings.Contains(e.Detail, "secret") }) {
			t.Errorf("the history has them: %+v", events)
		}
	}
}

func TestWithdrawingDoesNotBringMoreMail(t *testing.T) {
	for name, gone := range map[string]bool{"the guest is seen": false, "the directory does not show the guest": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			for range 8 {
				id := w.submit("ana@contoso.com")
				w.deliverAll()
				if guest := w.load(id).GuestID; gone && guest != "" {
					ok(t, w.tenant.DeleteUser(guest))
				}
				w.ask(submission.Withdraw, id)
				w.deliverAll()
				w.now = w.now.Add(time.Minute)
			}
			if n := len(w.tenant.Invitations()); n != 1 {
				t.Errorf("%d mails within minutes, want 1", n)
			}
		})
	}
	t.Run("over days", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "r", "Action", "invite")
		for range 8 {
			id := w.submit("ana@contoso.com")
			w.deliverAll()
			w.wantState(id, request.Done)
			w.ask(submission.Withdraw, id)
			w.deliverAll()
			w.now = w.now.Add(2 * time.Hour)
		}
		if n := len(w.tenant.Invitations()); n != 5 {
			t.Errorf("%d mails, want 5", n)
		}
	})
}

func TestMailsAreRememberedAcrossWithdrawal(t *testing.T) {
	t.Run("the guest is not visible yet: the next one waits", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "r", "Action", "invite")
		first := w.submit("ana@contoso.com")
		w.deliverAll()
		mailed := w.now
		w.ask(submission.Withdraw, first)
		w.deliverAll()
		second := w.submit("ana@contoso.com")
		w.deliverAll()
		r := w.wantState(second, request.Inviting)
		if w.last(second) != "mail-rests" || !r.Due.Equal(mailed.Add(time.Hour)) || len(w.tenant.Invitations()) != 1 {
			t.Errorf("history %v, due %v, %d mails", w.whats(second), r.Due, len(w.tenant.Invitations()))
		}
		w.settle(2)
		w.wantState(second, request.Done)
		w.wantTenant(2, 1, 0)
	})
	t.Run("it can't be looked up, and five mails are enough: a person decides", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "r", "Action", "invite")
		w.order(forbidden(lookUps, 1_000_000))
		for range 5 {
			id := w.submit("ana@contoso.com")
			w.deliverAll()
			w.wantState(id, request.Done)
			w.ask(submission.Withdraw, id)
			w.deliverAll()
			w.now = w.now.Add(2 * time.Hour)
		}
		id := w.submit("ana@contoso.com")
		w.deliverAll()
		r := w.wantState(id, request.Review)
		if w.last(id) != "mails-spent" || !strings.Contains(r.Reason, "5 mails") || len(w.tenant.Invitations()) != 5 {
			t.Errorf("history %v (%s), %d mails", w.whats(id), r.Reason, len(w.tenant.Invitations()))
		}
		// Whom a person lets in gets it all the same.
		must(w.reviewer().Approve(t.Context(), id, letIn, ""))(t)
		w.settle(1)
		w.wantState(id, request.Done)
		if n := len(w.tenant.Invitations()); n != 6 {
			t.Errorf("%d mails", n)
		}
	})
}

func TestResendLeavesClaimBeingInvited(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	first := w.submit("ana@contoso.com")
	w.deliverAll()
	repeat := w.submit("ana@contoso.com")
	w.deliverAll()
	gone := w.wantState(repeat, request.Done).GuestID
	w.ask(submission.Withdraw, first)
	w.deliverAll()
	w.now = w.now.Add(2 * time.Hour)
	ok(t, w.tenant.ChangeUser(gone, func(u *graphsim.User) { u.Mail, u.OtherMails = "other@contoso.com", nil }))
	// While the address is invited anew, the holder of the old link wants the mail again.
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502})
	anew := w.submit("ana@contoso.com")
	w.deliverAll()
	w.wantState(anew, request.Inviting)
	w.ask(submission.Resend, repeat)
	w.deliverAll()
	if w.last(repeat) != "resend-needless" {
		t.Errorf("history %v", w.whats(repeat))
	}
	w.settle(1)
	r := w.wantState(anew, request.Done)
	if r.GuestID == gone || len(w.tenant.Invitations()) != 2 {
		t.Errorf("guest %s, who is gone is %s; %d invitations", r.GuestID, gone, len(w.tenant.Invitations()))
	}
}

// keep keeps a message that nobody could work with.
func (w *world) keep(messageID, body string) {
	w.t.Helper()
	ok(w.t, w.worker.Keep(w.t.Context(), messageID, []byte(body), problem.New(problem.MalformedMessage, "it is none")))
}

// kept returns the ids of the messages that are kept.
func (w *world) kept() []string {
	w.t.Helper()
	var ids []string
	kept := must(w.store.AllDeadLetters(w.t.Context()))(w.t)
	for _, poison := range kept {
		ids = append(ids, poison.ID)
	}
	return ids
}

func TestWithdrawalKeepsOtherDeadLetters(t *testing.T) {
	w := newWorld(t)
	// Ana's own sign-up came from another version of the program, and waits for a person to replay it.
	hers := must(submission.NewID(w.now, w.random))(t)
	w.keep("hers", `{"version":2,"id":"`+string(hers)+`","submission":{"email":"ana@contoso.com"}}`)
	stranger := w.submit("ana@contoso.com")
	w.deliverAll()
	w.keep("strange", `{"version":2,"id":"`+string(stranger)+`","kind":"praise"}`)
	w.ask(submission.Withdraw, stranger)
	w.deliverAll()
	w.wantState(stranger, request.Cancelled)
	if got := w.kept(); !slices.Equal(got, []string{"hers"}) {
		t.Errorf("kept are %v", got)
	}
	// Whoever holds her link takes hers back, though nothing else is recorded of it.
	w.ask(submission.Withdraw, hers)
	w.deliverAll()
	if got := w.kept(); len(got) > 0 {
		t.Errorf("kept are %v", got)
	}
}

// withdrawnAfterMail brings a request to where its partner has withdrawn it after a mail went out.
func (w *world) withdrawnAfterMail() submission.ID {
	w.row("contoso.com", "r", "Action", "invite")
	id := w.submit("ana@contoso.com")
	w.deliverAll()
	w.ask(submission.Withdraw, id)
	w.deliverAll()
	w.wantErased(id)
	return id
}

// claim returns what is known of the address; created says that it was nothing.
func (w *world) claim(id submission.ID) (claim request.Claim, created bool) {
	w.t.Helper()
	address := must(submission.ParseAddress("ana@contoso.com"))(w.t)
	claim, created, err := w.store.Claim(w.t.Context(), address, id, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return claim, created
}

func TestRememberedMailsAreForgotten(t *testing.T) {
	t.Run("after the time for which data is kept", func(t *testing.T) {
		w := newWorld(t)
		w.retention = 30 * 24 * time.Hour
		w.worker = w.newWorker()
		id := w.withdrawnAfterMail()
		w.now = w.now.Add(29 * 24 * time.Hour)
		w.settle(1)
		if claim, created := w.claim(id); created || claim.Mails != 1 {
			t.Errorf("forgotten too early: %+v", claim)
		}
		w.now = w.now.Add(24 * time.Hour)
		w.settle(2)
		if claim, created := w.claim(id); !created {
			t.Errorf("still there: %+v", claim)
		}
	})
	t.Run("never, where data is kept for ever", func(t *testing.T) {
		w := newWorld(t)
		id := w.withdrawnAfterMail()
		w.now = w.now.AddDate(5, 0, 0)
		w.settle(2)
		if _, created := w.claim(id); created {
			t.Error("it is gone")
		}
	})
	t.Run("at once, if a person erases the withdrawn request", func(t *testing.T) {
		w := newWorld(t)
		id := w.withdrawnAfterMail()
		r, err := w.reviewer().Erase(t.Context(), id)
		if err != nil || r.ID != id || w.last(id) != "mails-forgotten" {
			t.Errorf("%+v, %v, history %v", r, err, w.whats(id))
		}
		_, err = w.reviewer().Erase(t.Context(), id)
		wantCode(t, "erasing it again", err, problem.InvalidInput)
		if claim, created := w.claim(id); !created {
			t.Errorf("still there: %+v", claim)
		}
	})
	t.Run("at once, if a person erases all of the address", func(t *testing.T) {
		w := newWorld(t)
		id := w.withdrawnAfterMail()
		address := must(submission.ParseAddress("ana@contoso.com"))(t)
		for _, want := range []bool{true, false} {
			forgotten, err := w.reviewer().ForgetMails(t.Context(), address)
			if err != nil || forgotten != want {
				t.Errorf("forgotten %v, %v", forgotten, err)
			}
		}
		if claim, created := w.claim(id); !created {
			t.Errorf("still there: %+v", claim)
		}
	})
	t.Run("not while the address has a guest or is being invited", func(t *testing.T) {
		w := newWorld(t)
		w.retention = 24 * time.Hour
		w.worker = w.newWorker()
		w.row("contoso.com", "r", "Action", "invite")
		id := w.submit("ana@contoso.com")
		w.deliverAll()
		w.now = w.now.Add(72 * time.Hour)
		w.settle(2)
		if claim, created := w.claim(id); created || claim.GuestID == "" {
			t.Errorf("the receipt is gone: %+v", claim)
		}
	})
}

// TestWithdrawalDuringStorageFaults lets each operation of a withdrawal fail once.
func TestWithdrawalDuringStorageFaults(t *testing.T) {
	for state, ops := range map[request.State][]string{
		request.Parked: {"Load", "Save", "Claim", "ReleaseSeat", "Release", "AllDeadLetters", "DropDeadLetter"},
		request.Done:   {"Claim", "UpdateClaim", "Save"},
	} {
		for _, op := range ops {
			for _, lost := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, only the answer lost: %v", state, op, lost), func(t *testing.T) {
					w := newWorld(t)
					id := reached[state](w)
					w.deliverAll()
					w.wantState(id, state)
					w.keep("m1", `{"id":"`+string(id)+`","version":7,"email":"Ana@Contoso.com"}`)
					failed := false
					w.interrupt = func(at string, after bool) error {
						if failed || at != op || after != lost {
							return nil
						}
						failed = true
						return unavailable
					}
					w.ask(submission.Withdraw, id)
					w.settle(1)
					if !failed {
						t.Fatal("nothing failed")
					}
					w.wantErased(id)
					claim, created := w.claim(id)
					if state == request.Parked {
						w.wantSeats("contoso.com", "r", 0)
						if !created {
							t.Errorf("the claim tells %+v", claim)
						}
					} else if created || !claim.OnlyMails() {
						t.Errorf("the claim tells %+v", claim)
					}
				})
			}
		}
	}
}
