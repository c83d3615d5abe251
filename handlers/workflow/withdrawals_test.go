package workflow_test

import (
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
				w.store.FailBefore = w.beforeOp
				w.settle(40) // so long the due entry of a parked request is left
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
				claim, created, err := w.store.Claim(t.Context(), address, request.NewClaim(id, w.now))
				// After a withdrawal by the partner the mails of the address are remembered, also
				// one that may have been sent.
				kept := by == "by the partner" && (want.invitations > 0 || state == request.Inviting)
				if err != nil || created == kept || kept && (claim.Mails != 1 || claim.GuestID != "" || !claim.IntentAt.IsZero()) {
					t.Errorf("the claim is %+v, created %v", claim, created)
				}
				if strings.Contains(w.log.String(), "wingtiptoys") || strings.Contains(w.log.String(), "ana@") {
					t.Error("the log identifies somebody")
				}
				// A second withdrawal changes nothing, and no decision is possible any more.
				before := w.load(id)
				w.ask(submission.Withdraw, id)
				w.carryOut(submission.Resend, id)
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
	for name, misses := range map[string]int{"the guest is visible": 0, "the guest is not visible yet": 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.lost(true)
			if misses > 0 {
				w.order(graphsim.Fault{Match: lookUps, Times: misses, Status: 200, Body: graphsim.NobodyFound})
			}
			w.ask(submission.Withdraw, id)
			w.settle(1)
			r := w.wantState(id, request.Done)
			w.wantErased(id)
			w.wantLine(workflow.LogRemains, 1)
			if r.GuestID == "" {
				t.Error("the guest's id is not known")
			}
			w.wantSeats("contoso.com", "r", 1)
		})
	}
}

// TestWithdrawalOfRepeatLeavesClaimOfOwner withdraws or erases a second request for an address that
// another request has invited.
func TestWithdrawalOfRepeatLeavesClaimOfOwner(t *testing.T) {
	asks := map[string]func(*world, submission.ID){
		"by the partner": func(w *world, id submission.ID) { w.carryOut(submission.Withdraw, id) },
		"by an admin": func(w *world, id submission.ID) {
			must(w.reviewer().Erase(w.t.Context(), id))(w.t)
			w.settleMinutes(2)
		},
	}
	for by, ask := range asks {
		t.Run(by, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3), "Groups", groupOne)
			owner, repeat := w.signUp("ana@contoso.com"), w.signUp("ana@contoso.com")
			if r := w.wantState(repeat, request.Done); r.RepeatOf != owner {
				t.Fatalf("repeat of %q", r.RepeatOf)
			}
			before := w.claimOf()
			ask(w, repeat)
			if r := w.load(repeat); r.Erased.IsZero() {
				t.Errorf("not erased; history %v", w.whats(repeat))
			}
			if after := w.claimOf(); after != before || after.State != request.ClaimSent {
				t.Errorf("the claim was %+v and is %+v", before, after)
			}
			if wished := slices.Contains(w.whats(repeat), "withdrawal-wished"); wished != (by == "by the partner") {
				t.Errorf("history %v", w.whats(repeat))
			}
			w.wantSeats("contoso.com", "r", 1)
		})
	}
}

// TestWithdrawalOfParkedRequestIsCarriedOutAtOnce withdraws long before the request is due.
func TestWithdrawalOfParkedRequestIsCarriedOutAtOnce(t *testing.T) {
	w := newWorld(t)
	id := reached[request.Parked](w)
	w.deliverAll()
	if r := w.wantState(id, request.Parked); !r.Due.After(w.now) {
		t.Fatalf("due %v", r.Due)
	}
	w.carryOut(submission.Withdraw, id)
	if r := w.wantState(id, request.Cancelled); r.Erased.IsZero() {
		t.Errorf("not erased; history %v", w.whats(id))
	}
}

// TestWithdrawalOfErasedRequestWritesNothing withdraws a request that the retention has erased.
func TestWithdrawalOfErasedRequestWritesNothing(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("contoso.com", "r", "Action", "deny")
	id := w.signUp("ana@contoso.com")
	w.now = w.now.AddDate(0, 0, 31)
	w.settleMinutes(1)
	w.wantErased(id)
	before := w.load(id)
	w.carryOut(submission.Withdraw, id)
	if after := w.load(id); after.Version != before.Version {
		t.Errorf("it was changed; history %v", w.whats(id))
	}
}

// TestWithdrawalSaysThatGuestRemainsWhomOnlyClaimNames ends the process between the receipt and the
// save of the request.
func TestWithdrawalSaysThatGuestRemainsWhomOnlyClaimNames(t *testing.T) {
	w := newWorld(t)
	w.on("UpdateClaim", after, 1, crashes)
	id := w.invited()
	_ = w.deliver()
	claim := w.claimOf()
	if r := w.load(id); claim.State != request.ClaimSent || r.GuestID != "" {
		t.Fatalf("claim %+v, guest %q", claim, r.GuestID)
	}
	w.queue = nil
	w.carryOut(submission.Withdraw, id)
	w.settle(1)
	w.wantErased(id)
	if r := w.load(id); r.GuestID != claim.GuestID || r.Origin != request.OriginBrought {
		t.Errorf("guest %q, origin %q", r.GuestID, r.Origin)
	}
	w.wantLine(workflow.LogRemains, 1)
}

func TestWithdrawalBeforeSubmission(t *testing.T) {
	everyOperation(t, func(t *testing.T, w *world, at func(func(string, bool) error)) {
		w.row("contoso.com", "r", "Action", "invite")
		id := w.submit("ana@contoso.com")
		first := w.queue[0]
		w.queue = nil
		at(func(string, bool) error { panic(crash{}) })
		w.ask(submission.Withdraw, id)
		w.settle(1)
		if r := w.wantState(id, request.Void); r.Created.IsZero() || r.Since.IsZero() {
			t.Errorf("created %v, since %v", r.Created, r.Since)
		}
		if p := w.load(id).Progress(); p.Outcome != request.OutcomeWithdrawn || p.Stage != request.StageFinished {
			t.Errorf("the status page shows %+v", p)
		}
		w.queue = append(w.queue, first)
		w.settle(1)
		w.wantState(id, request.Cancelled)
		w.wantErased(id)
		w.wantTenant(0, 0, 0)
	})
}

func TestWithdrawalBeforeSubmissionFromPoisonQueue(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	id := w.submit("ana@contoso.com")
	body := must(w.queue[0].Encode())(t)
	w.queue = nil
	w.carryOut(submission.Withdraw, id)
	ok(t, w.worker.GiveUp(t.Context(), "m1", body))
	w.settle(1)
	w.wantState(id, request.Cancelled)
	w.wantErased(id)
	w.wantTenant(0, 0, 0)
}

// wantNothing fails if anything is stored of the id.
func (w *world) wantNothing(id submission.ID) {
	w.t.Helper()
	_, err := w.store.Load(w.t.Context(), id)
	wantCode(w.t, "loading "+string(id), err, problem.NotFound)
	if history := w.whats(id); len(history) > 0 {
		w.t.Errorf("%s has a history: %v", id, history)
	}
	w.wantNothingDue()
	if kept := w.kept(); len(kept) > 0 {
		w.t.Errorf("%s has left dead letters: %v", id, kept)
	}
}

func TestWithdrawalOfUnknownRequestLeavesNothingThatLasts(t *testing.T) {
	made := func(at time.Time) func(*world) submission.ID {
		return func(w *world) submission.ID { return must(submission.NewID(at, w.random))(w.t) }
	}
	issued := func(age time.Duration) func(*world) submission.ID {
		return func(w *world) submission.ID { return w.newID(w.now.Add(-age)) }
	}
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	for name, id := range map[string]func(*world) submission.ID{
		"made up, without a signature": made(now),
		"long ago, without one":        made(now.AddDate(0, 0, -8)),
		"issued long ago":              issued(8 * 24 * time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := id(w)
			w.carryOut(submission.Withdraw, id)
			w.carryOut(submission.Resend, id)
			w.wantNothing(id)
		})
	}
	t.Run("issued, and its message failed too often", func(t *testing.T) {
		w := newWorld(t)
		id := w.newID(w.now)
		w.carryOut(submission.Withdraw, id)
		body := must(submission.Message{ID: id, Kind: submission.Withdraw}.Encode())(t)
		ok(t, w.worker.GiveUp(t.Context(), "m1", body))
		w.settle(1)
		due := must(w.store.Due(t.Context(), w.now.Add(submission.MessageLifetime), 10))(t)
		if w.wantState(id, request.Void); len(due) > 0 {
			t.Errorf("due within a week: %v", due)
		}
	})
	t.Run("issued, and no submission comes", func(t *testing.T) {
		everyOperation(t, func(t *testing.T, w *world, at func(func(string, bool) error)) {
			id := w.newID(w.now)
			for range 3 {
				w.carryOut(submission.Withdraw, id)
			}
			if r := w.wantState(id, request.Void); r.Events != 0 {
				t.Errorf("%d events", r.Events)
			}
			// A message may be put back once, so it can come until both lifetimes are over.
			w.now = w.now.Add(2*submission.MessageLifetime - time.Minute)
			w.settleMinutes(1)
			w.wantState(id, request.Void)
			at(func(string, bool) error { panic(crash{}) })
			w.settle(1)
			w.wantNothing(id)
		})
	})
}

// TestWithdrawalDuringInvitation withdraws in the middle of every operation of an invitation:
// nobody is invited twice, and in the end everything is erased.
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

func TestWithdrawingDoesNotBringMoreMail(t *testing.T) {
	for name, gone := range map[string]bool{"the guest is seen": false, "the directory does not show the guest": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			for range 8 {
				id := w.signUp("ana@contoso.com")
				if guest := w.load(id).GuestID; gone && guest != "" {
					ok(t, w.tenant.DeleteUser(guest))
				}
				w.carryOut(submission.Withdraw, id)
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
			id := w.signUp("ana@contoso.com")
			w.wantState(id, request.Done)
			w.carryOut(submission.Withdraw, id)
			w.now = w.now.Add(7 * time.Hour)
		}
		if n := len(w.tenant.Invitations()); n != 5 {
			t.Errorf("%d mails, want 5", n)
		}
	})
}

func TestMailsAreRememberedAcrossWithdrawal(t *testing.T) {
	t.Run("the guest is not visible yet", func(t *testing.T) {
		w := newWorld(t)
		first := w.invite()
		mailed := w.now
		w.carryOut(submission.Withdraw, first)
		second := w.signUp("ana@contoso.com")
		r := w.wantState(second, request.Inviting)
		if w.last(second) != "mail-rests" || !r.Due.Equal(mailed.Add(time.Hour)) || len(w.tenant.Invitations()) != 1 {
			t.Errorf("history %v, due %v, %d mails", w.whats(second), r.Due, len(w.tenant.Invitations()))
		}
		w.settle(2)
		w.wantState(second, request.Done)
		w.wantTenant(2, 1, 0)
	})
	t.Run("the guest can't be looked up after five mails", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "r", "Action", "invite")
		w.order(forbidden(lookUps, 1_000_000))
		for range 5 {
			id := w.signUp("ana@contoso.com")
			w.wantState(id, request.Done)
			w.carryOut(submission.Withdraw, id)
			w.now = w.now.Add(7 * time.Hour)
		}
		id := w.signUp("ana@contoso.com")
		r := w.wantState(id, request.Review)
		if w.last(id) != "mails-spent" || !strings.Contains(r.Reason, "5 mails") || len(w.tenant.Invitations()) != 5 {
			t.Errorf("history %v (%s), %d mails", w.whats(id), r.Reason, len(w.tenant.Invitations()))
		}
		// After an approval the mail is sent.
		must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
		w.settle(1)
		w.wantState(id, request.Done)
		if n := len(w.tenant.Invitations()); n != 6 {
			t.Errorf("%d mails", n)
		}
	})
}

func TestWithdrawalKeepsOtherDeadLetters(t *testing.T) {
	w := newWorld(t)
	// Ana's own sign-up came from another version of the program and is a dead letter.
	hers := w.newID(w.now)
	w.keep("hers", `{"version":2,"id":"`+string(hers)+`","submission":{"email":"ana@contoso.com"}}`)
	stranger := w.signUp("ana@contoso.com")
	w.keep("strange", `{"version":2,"id":"`+string(stranger)+`","kind":"praise"}`)
	w.carryOut(submission.Withdraw, stranger)
	w.wantState(stranger, request.Cancelled)
	if got := w.kept(); !slices.Equal(got, []string{"hers"}) {
		t.Errorf("the dead letters are %v", got)
	}
	// Her link withdraws hers, though nothing else is recorded of it.
	w.carryOut(submission.Withdraw, hers)
	if got := w.kept(); len(got) > 0 {
		t.Errorf("the dead letters are %v", got)
	}
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
					w.on(op, lost, 1, func() error {
						failed = true
						return unavailable
					})
					w.ask(submission.Withdraw, id)
					w.settle(40)
					if !failed {
						t.Fatal("nothing failed")
					}
					w.wantErased(id)
					claim, created := w.claim(id)
					if state == request.Parked {
						w.wantSeats("contoso.com", "r", 0)
						if !created {
							t.Errorf("the claim is %+v", claim)
						}
					} else if created || !claim.OnlyMails() {
						t.Errorf("the claim is %+v", claim)
					}
				})
			}
		}
	}
}

// withdrawnAfterMail returns a request that its partner has withdrawn after a mail went out.
func (w *world) withdrawnAfterMail() submission.ID {
	id := w.invite()
	w.settleMinutes(12) // the receipt is compared
	w.carryOut(submission.Withdraw, id)
	w.wantErased(id)
	return id
}

// TestErasureDuringWithdrawalForgetsAllThatErasureForgets lets an admin erase a request while the
// partner's withdrawal is being carried out: after each operation on storage.
func TestErasureDuringWithdrawalForgetsAllThatErasureForgets(t *testing.T) {
	address := must(submission.ParseAddress("ana@contoso.com"))(t)
	tried := 0
	for n, done := 1, false; !done; n++ {
		w := newMailWorld(t)
		w.row("contoso.com", "row", "Action", "invite")
		id := w.signUp("ana@contoso.com")
		w.prove(id, "ana@contoso.com")
		w.settleMinutes(12)
		w.keep("letter", `{"email":"ana@contoso.com"}`)
		ops := 0
		w.interrupt = func(_ string, after bool) error {
			if after {
				ops++
			}
			if ops == n {
				panic(crash{})
			}
			return nil
		}
		w.ask(submission.Withdraw, id)
		_ = w.deliver()
		w.interrupt = nil
		r := w.load(id)
		done = !r.Erased.IsZero()
		if done || !r.Withdrawal.Open() {
			continue
		}
		tried++
		must(w.reviewer().Erase(t.Context(), id))(t)
		w.settle(2)
		w.wantErased(id)
		claim := must(w.store.ClaimOf(t.Context(), address))(t)
		mailbox := must(w.store.Mailbox(t.Context(), address))(t)
		if claim != (request.Claim{}) || mailbox != (request.Mailbox{}) || len(w.kept()) > 0 {
			t.Errorf("after %d operations: claim %+v, mailbox %+v, kept %q", n, claim, mailbox, w.kept())
		}
	}
	if tried < 5 {
		t.Errorf("tried after %d operations only", tried)
	}
}

func TestRememberedMailsAreForgotten(t *testing.T) {
	t.Run("after the retention", func(t *testing.T) {
		w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
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
	t.Run("never without a retention", func(t *testing.T) {
		w := newWorld(t)
		id := w.withdrawnAfterMail()
		w.now = w.now.AddDate(5, 0, 0)
		w.settle(2)
		if _, created := w.claim(id); created {
			t.Error("it is gone")
		}
	})
	t.Run("when a person erases the withdrawn request", func(t *testing.T) {
		w := newWorld(t)
		id := w.withdrawnAfterMail()
		r, err := w.reviewer().Erase(t.Context(), id)
		if err != nil || r.ID != id || w.last(id) != "mails-forgotten" {
			t.Errorf("%+v, %v, history %v", r, err, w.whats(id))
		}
		before := w.load(id)
		must(w.reviewer().Erase(t.Context(), id))(t)
		if after := w.load(id); after.Version != before.Version {
			t.Errorf("erasing it again has changed it: history %v", w.whats(id))
		}
		if claim, created := w.claim(id); !created {
			t.Errorf("still there: %+v", claim)
		}
	})
	t.Run("when a person erases the address", func(t *testing.T) {
		w := newWorld(t)
		id := w.withdrawnAfterMail()
		address := must(submission.ParseAddress("ana@contoso.com"))(t)
		for _, want := range []bool{true, false} {
			traces, err := w.reviewer().ForgetAddress(t.Context(), address)
			if err != nil || traces.Mails != want {
				t.Errorf("forgotten %v, %v", traces, err)
			}
		}
		if claim, created := w.claim(id); !created {
			t.Errorf("still there: %+v", claim)
		}
	})
	t.Run("not while the address has a guest or is being invited", func(t *testing.T) {
		w := newWorld(t, func(c *workflow.Config) { c.Retention = 24 * time.Hour })
		id := w.invite()
		w.now = w.now.Add(72 * time.Hour)
		w.settle(2)
		if claim, created := w.claim(id); created || claim.GuestID == "" {
			t.Errorf("the receipt is gone: %+v", claim)
		}
	})
}

// TestWithdrawalOfGuestWhoCameWhileRequestWaited lets an admin invite the guest while the request
// is parked. What was found out before, that nobody held the address, does not count any more.
func TestWithdrawalOfGuestWhoCameWhileRequestWaited(t *testing.T) {
	for name, resume := range map[string]func(*world){
		"the app may not read users any more": func(w *world) {
			w.order(forbidden(lookUps, 1000), forbidden(userByID, 1000))
			w.settle(2)
		},
		"the process ends after the invitation": func(w *world) {
			w.on("Invite", after, 1, crashes)
			w.settle(2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			w.stop()
			id := w.signUp("ana@contoso.com")
			w.wantState(id, request.Parked)
			must(w.tenant.AddUser(graphsim.User{
				Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", ExternalUserState: "PendingAcceptance",
			}))(t)
			resume(w)
			r := w.wantState(id, request.Done)
			if r.Origin == request.OriginBrought {
				t.Errorf("the origin is %q", r.Origin)
			}
			w.carryOut(submission.Withdraw, id)
			w.wantLine(workflow.LogRemains, 0)
		})
	}
}

// TestWithdrawalOfGuestWhoWasRestored restores a guest who was deleted before the sign-up. An
// earlier attempt may have sent an invitation, so that the guest may look like its own.
func TestWithdrawalOfGuestWhoWasRestored(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	guest := must(w.tenant.AddUser(graphsim.User{
		Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", Deleted: true,
	}))(t)
	id := w.submit("ana@contoso.com")
	w.on("Release", before, 1, crashes)
	w.settle(1)
	if r := w.wantState(id, request.Review); w.last(id) != "guest-deleted" {
		t.Errorf("history %v, %s", w.whats(id), r.Reason)
	}
	w.changeUser(guest.ID, func(u *graphsim.User) { u.Deleted, u.DeletedAt = false, time.Time{} })
	w.carryOut(submission.Withdraw, id)
	w.settle(1)
	if r := w.load(id); r.GuestID != guest.ID {
		t.Errorf("the guest is %q, want %q; history %v", r.GuestID, guest.ID, w.whats(id))
	}
	w.wantErased(id)
	w.wantLine(workflow.LogRemains, 0)
}

// TestWithdrawalThatCameTwiceIsKept: a withdrawal comes before its sign-up, and its message twice at
// a time. One call can't write the due entry of the mark on which the other counts.
func TestWithdrawalThatCameTwiceIsKept(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	id := w.submit("ana@contoso.com")
	late := w.queue
	w.queue = nil
	withdrawal := submission.Message{ID: id, Kind: submission.Withdraw}
	w.on("Wait", before, 1, func() error {
		ok(t, w.worker.Advance(t.Context(), withdrawal))
		return unavailable
	})
	wantCode(t, "the first call", w.worker.Advance(t.Context(), withdrawal), problem.StorageUnavailable)
	w.interrupt = nil
	w.queue = late
	w.settleMinutes(5)
	w.wantState(id, request.Cancelled)
}
