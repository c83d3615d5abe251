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
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// putOff signs up, and lets the directory put the request off for an hour.
func (w *world) putOff(email string) submission.ID {
	w.t.Helper()
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 429, Headers: retryAfter("3600")})
	return w.signUp(email)
}

func (w *world) lines(message string) int { return strings.Count(w.log.String(), message) }

func TestUnreadableRequestWaitsUntilItCanBeRead(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.putOff("ana@contoso.com")
	w.store.Spoil(memstore.Record{Request: id})
	w.settle(2)
	other := w.signUpFor("bo@contoso.com", 100)
	w.wantState(other, request.Done)
	w.wantTenant(1, 1, 0)
	// Its message says it, and the sweep.
	if n := w.lines(workflow.LogUnreadable); n < 180 || n > 205 {
		t.Errorf("it is logged %d times in 102 hours", n)
	}
	if kept := w.kept(); len(kept) > 0 || len(w.put) > 0 {
		t.Errorf("kept %q, and put back %d messages: the due entry is enough", kept, len(w.put))
	}
	w.wantLine(workflow.LogPoisoned, 0)
	w.store.Mend(memstore.Record{Request: id})
	w.settle(2)
	w.wantState(id, request.Done)
	w.wantTenant(2, 2, 0)
	w.wantNothingDue()
}

func TestWithdrawalOfUnreadableRequestIsCarriedOutOnceItCanBeRead(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.signUpFor("ana@contoso.com", 1)
	w.store.Spoil(memstore.Record{Request: id})
	ok(t, w.worker.Advance(t.Context(), submission.Message{ID: id, Kind: submission.Withdraw}))
	w.store.Mend(memstore.Record{Request: id})
	if r := w.load(id); r.Withdrawal.By != request.ThePartner || r.Submission.Email.String() == "" {
		t.Errorf("noted: %+v; the address is %q", r.Withdrawal, r.Submission.Email)
	}
	w.settle(2)
	w.wantErased(id)
	w.wantLine(workflow.LogRemains, 1)
}

func TestErasedUnreadableRequestGivesItsSeatBack(t *testing.T) {
	w := newWorld(t)
	id := w.lost(false)
	w.wantSeats("contoso.com", "r", 1)
	w.store.Spoil(memstore.Record{Request: id})
	must(w.reviewer().Erase(t.Context(), id))(t)
	w.store.Mend(memstore.Record{Request: id})
	w.settle(2)
	w.wantErased(id)
	w.wantSeats("contoso.com", "r", 0)
}

// TestErasedUnreadableRequestLeavesNoDeadLetter lets messages of a request come again that can't be
// read: before it is erased, afterwards, and while the worker keeps one.
func TestErasedUnreadableRequestLeavesNoDeadLetter(t *testing.T) {
	ask := map[string]func(*assembly, submission.ID){
		"by an admin": func(a *assembly, id submission.ID) { must(a.reviewer().Erase(a.t.Context(), id))(a.t) },
		"by the partner": func(a *assembly, id submission.ID) {
			ok(a.t, a.worker.Advance(a.t.Context(), submission.Message{ID: id, Kind: submission.Withdraw}))
		},
	}
	for by, erase := range ask {
		for _, when := range []string{"before", "after", "while it is kept"} {
			t.Run("erased "+by+", messages come "+when, func(t *testing.T) {
				a := newAssembly(t)
				id := a.waiting("Approvers", paula)
				sent := a.load(id).Submission
				first := submission.Message{ID: id, Submission: &sent}
				vote := a.ballot(id, paula, false)
				vote.Note = "I know him, he has left the company"
				a.store.Spoil(memstore.Record{Request: id})
				come := func() {
					ok(t, a.worker.Advance(t.Context(), first))
					a.now = a.now.Add(8 * 24 * time.Hour) // a vote is put back for a week
					ok(t, a.worker.Vote(t.Context(), "vote", vote))
				}
				switch when {
				case "before":
					come()
					if n := len(a.kept()); n != 2 {
						t.Errorf("%d messages are kept while nobody erases", n)
					}
					erase(a, id)
				case "after":
					erase(a, id)
					come()
				case "while it is kept":
					a.on("KeepDeadLetter", before, 1, func() error {
						a.interrupt = nil
						erase(a, id)
						return nil
					})
					come()
				}
				if kept := a.kept(); len(kept) > 0 || len(a.put) > 0 {
					t.Errorf("kept are %q, and put back %d messages", kept, len(a.put))
				}
			})
		}
	}
}

// TestWaitForWhatCannotBeReadAgreesWithItsDueEntry has a clock that goes on with every look at it.
func TestWaitForWhatCannotBeReadAgreesWithItsDueEntry(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) {
		now, looks := c.Now, time.Duration(0)
		c.Now = func() time.Time {
			looks++
			return now().Add(looks * time.Millisecond)
		}
	})
	w.row("contoso.com", "row", "Action", "invite")
	w.submit("bo@contoso.com")
	w.deliverAll()
	w.store.Spoil(memstore.Record{Gate: true})
	id := w.submit("ana@contoso.com")
	w.deliverAll()
	r := w.wantState(id, request.Inviting)
	if r.Due.IsZero() {
		t.Fatal("the request does not wait")
	}
	// Only an entry that says the same is removed.
	ok(t, w.store.StopWaiting(t.Context(), id, r.Due))
	if due := must(w.store.Due(t.Context(), r.Due.Add(time.Minute), 10))(t); slices.Contains(due, id) {
		t.Error("the due entry says another time than the request")
	}
}

// TestGuestOfRequestErasedWhileUnreadableIsKnown: the receipt is on the claim only, which nobody
// finds once the address is gone.
func TestGuestOfRequestErasedWhileUnreadableIsKnown(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "MaxGuests", int32(5))
	id := w.submit("ana@contoso.com")
	w.on("UpdateClaim", after, 1, func() error {
		w.store.Spoil(memstore.Record{Request: id})
		return nil
	})
	w.settle(1)
	w.wantTenant(1, 1, 0)
	must(w.reviewer().Erase(t.Context(), id))(t)
	w.settle(1)
	w.store.Mend(memstore.Record{Request: id})
	w.settle(2)
	w.wantErased(id)
	if r := w.wantState(id, request.Done); r.GuestID == "" || r.Origin != request.OriginBrought {
		t.Errorf("it names the guest %q, who was %q", r.GuestID, r.Origin)
	}
	w.wantSeats("contoso.com", "row", 1)
	w.wantLine(workflow.LogRemains, 1)
}

// TestUnreadableRequestLeavesNoCopiesOnTheQueue delivers messages again and again that can't be
// deleted, while their request can't be read. What only they know is kept once, until the partner
// withdraws.
func TestUnreadableRequestLeavesNoCopiesOnTheQueue(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.submit("ana@contoso.com")
	first := w.queueOf(id)
	w.settleMinutes(15)
	w.now = w.now.Add(2 * time.Hour)
	w.store.Spoil(memstore.Record{Request: id})
	for returns := range 5 {
		for _, message := range []submission.Message{
			first, {ID: id, Kind: submission.Resend}, {ID: id, Kind: submission.Withdraw},
		} {
			if message.Kind == submission.Withdraw && returns < 4 {
				continue
			}
			if message.Kind == submission.Withdraw && len(w.kept()) != 1 {
				t.Errorf("kept before the withdrawal: %q", w.kept())
			}
			if returns > 0 {
				message.Returns, message.Returned = returns, w.now
			}
			ok(t, w.worker.Advance(t.Context(), message))
			ok(t, w.worker.GiveUp(t.Context(), fmt.Sprint("m", returns, message.Kind), must(message.Encode())(t)))
		}
		w.now = w.now.Add(time.Minute)
	}
	if len(w.put) != 0 || len(w.kept()) != 0 {
		t.Errorf("put back: %d messages; kept: %q", len(w.put), w.kept())
	}
}

// TestParkedRequestThatCannotGoOnHoldsUpNobody: the day has one invitation, and the claim of the
// older of two parked requests can't be read. A row denies that one by now.
func TestParkedRequestThatCannotGoOnHoldsUpNobody(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 1} })
	w.row("contoso.com", "row", "Action", "invite")
	w.stop()
	older := w.signUp("ana@contoso.com")
	younger := w.signUp("bo@contoso.com")
	w.wantState(older, request.Parked)
	w.store.Spoil(memstore.Record{Claim: w.load(older).Submission.Email})
	w.row("ana@contoso.com", "row", "Action", "deny")
	w.closeAnyBreaker()
	w.settle(3)
	w.wantState(younger, request.Done)
	w.wantState(older, request.Parked)
	w.store.Mend(memstore.Record{Claim: w.load(older).Submission.Email})
	w.settle(2)
	if r := w.wantState(older, request.Parked); !strings.Contains(r.Reason, "the day's invitations (1) are sent") {
		t.Errorf("the reason is %q", r.Reason)
	}
	w.settle(40) // the next day
	w.wantState(older, request.Denied)
	w.wantNothingDue()
}

// TestUnreadableParkedRequestIsToldAtOnce: its due entry would bring it up a day later.
func TestUnreadableParkedRequestIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.stop()
	id := w.signUp("ana@contoso.com")
	w.store.Spoil(memstore.Record{Request: id})
	w.closeAnyBreaker()
	w.config.Records = unintelligible{Records: w.store} // the sweep says it, too
	w.worker = w.newWorker()
	w.settle(2)
	w.wantLine(workflow.LogUnreadable, 2)
	w.store.Mend(memstore.Record{Request: id})
	w.settle(2)
	w.wantState(id, request.Done)
}

// TestSignUpThatWasWithdrawnLeavesNothing: it comes while the mark of the withdrawal can't be read.
func TestSignUpThatWasWithdrawnLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.submit("ana@contoso.com")
	first := w.queue[0]
	w.queue = nil
	w.carryOut(submission.Withdraw, id)
	w.store.SpoilState(id)
	w.queue = append(w.queue, first)
	w.settle(2)
	w.store.Mend(memstore.Record{Request: id})
	w.now = w.now.Add(2 * submission.MessageLifetime)
	w.settle(2)
	w.wantNothing(id)
	w.wantTenant(0, 0, 0)
}

// TestMailIsSentAgainOnceRequestCanBeRead: the partner asked while it could not.
func TestMailIsSentAgainOnceRequestCanBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		spoil    func(*world, submission.ID)
		withdraw bool // before
		mails    int
	}{
		"a column":            {func(w *world, id submission.ID) { w.store.Spoil(memstore.Record{Request: id}) }, false, 2},
		"its state":           {func(w *world, id submission.ID) { w.store.SpoilState(id) }, false, 2},
		"a withdrawn request": {func(w *world, id submission.ID) { w.store.Spoil(memstore.Record{Request: id}) }, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.anHourAfterMail()
			test.spoil(w, id)
			if test.withdraw {
				ok(t, w.worker.Advance(t.Context(), submission.Message{ID: id, Kind: submission.Withdraw}))
			}
			for range 3 {
				ok(t, w.worker.Advance(t.Context(), submission.Message{ID: id, Kind: submission.Resend}))
				w.settleMinutes(10)
			}
			w.wantTenant(1, 1, 0)
			w.store.Mend(memstore.Record{Request: id})
			w.settle(2)
			if n := w.attempts(); n != test.mails {
				t.Errorf("%d mails, want %d; history %v", n, test.mails, w.whats(id))
			}
			w.wantNothingDue()
		})
	}
}

// TestMessageOfUnreadableRequestComesAgain lets a request that can't be read not be set aside
// either.
func TestMessageOfUnreadableRequestComesAgain(t *testing.T) {
	for _, op := range []string{"Load", "Wait", "EraseUnreadable"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			id := w.putOff("ana@contoso.com")
			w.store.Spoil(memstore.Record{Request: id})
			first := op == "Load" // which says that the record can't be read
			w.on(op, before, -1, func() error {
				if first {
					first = false
					return nil
				}
				return unavailable
			})
			withdrawal := submission.Message{ID: id, Kind: submission.Withdraw}
			err := w.worker.Advance(t.Context(), withdrawal)
			wantCode(t, "the withdrawal", err, problem.StorageUnavailable)
			w.interrupt = nil
			ok(t, w.worker.Advance(t.Context(), withdrawal))
			w.store.Mend(memstore.Record{Request: id})
			w.settle(2)
			w.wantErased(id)
		})
	}
}

// TestEndedRequestStaysAsItIsWhileItsClaimCannotBeRead: whether it holds anything is looked up
// later.
func TestEndedRequestStaysAsItIsWhileItsClaimCannotBeRead(t *testing.T) {
	w := newWorld(t)
	id := w.endedByKill()
	was, history := w.load(id), w.whats(id)
	w.on("Claim", before, -1, func() error {
		return problem.New(problem.RecordUnreadable, "column Owner is not the id of a request")
	})
	ok(t, w.worker.Advance(t.Context(), submission.Message{ID: id, Due: w.now}))
	w.interrupt = nil
	if r := w.load(id); !r.Due.IsZero() || r.Version != was.Version || len(w.whats(id)) != len(history) {
		t.Errorf("it changed to %+v; history %v", r, w.whats(id))
	}
	if due := must(w.store.Due(t.Context(), w.now.Add(time.Hour), 1))(t); len(due) != 1 {
		t.Error("nothing brings it back")
	}
}

// TestRequestWaitsForWhatCannotBeRead: what a request needs can't be read for days.
func TestRequestWaitsForWhatCannotBeRead(t *testing.T) {
	for _, op := range []string{"Claim", "Gate", "TakeSeat"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite", "MaxGuests", int32(5))
			id := w.submit("ana@contoso.com")
			w.on(op, before, -1, func() error {
				return problem.New(problem.RecordUnreadable, "column Owner is not the id of a request")
			})
			w.settle(100)
			w.wantTenant(0, 0, 0)
			w.wantLine(workflow.LogPoisoned, 0)
			r := w.load(id)
			if r.State.Ended() || !strings.Contains(r.Reason, "column Owner") {
				t.Errorf("it is %s: %s", r.State, r.Reason)
			}
			told := 0
			for _, what := range w.whats(id) {
				if what == "unreadable" {
					told++
				}
			}
			if told != 1 {
				t.Errorf("the history says it %d times", told)
			}
			if n := w.lines(workflow.LogUnreadable); n < 50 || n > 105 {
				t.Errorf("it is logged %d times in 100 hours", n)
			}
			w.settle(3)
			w.wantState(id, request.Done)
			w.wantTenant(1, 1, 0)
		})
	}
}

// TestGroupsNeedNoGate: nobody can read the gate while a group gives no usable answer. The other
// group takes the guest, and the first one is given up in time.
func TestGroupsNeedNoGate(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"odd answers":   {Status: 403, Body: "<html>No.</html>", ContentType: "text/html"},
		"asked to wait": {Status: 429, Headers: retryAfter("60")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne+" "+groupTwo)
			fault.Match, fault.Times = membersOf(groupOne), 1_000_000
			w.order(fault)
			id := w.submit("ana@contoso.com")
			w.on("SaveGate", after, 1, func() error {
				w.store.Spoil(memstore.Record{Gate: true})
				return nil
			})
			w.settle(40)
			r := w.wantState(id, request.Failed)
			if len(r.Grants) != 2 || r.Grants[0].State != request.GrantFailed || r.Grants[1].State != request.GrantAdded {
				t.Errorf("grants %+v", r.Grants)
			}
			if n := w.tenant.Calls()["POST /v1.0/groups/{id}/members/$ref"]; n > 120 {
				t.Errorf("the groups were asked %d times", n)
			}
			if w.lines(workflow.LogUnreadable) == 0 {
				t.Error("the log does not say that the gate can't be read")
			}
		})
	}
}

func TestRetentionErasesRequestsThatCannotBeRead(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("contoso.com", "r", "Action", "deny")
	ids := w.submitMany(101)
	w.deliverAll()
	for _, id := range ids[:100] {
		w.store.Spoil(memstore.Record{Request: id})
	}
	w.now = w.now.AddDate(0, 0, 31)
	for range 2 {
		must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	}
	for _, id := range ids {
		w.store.Mend(memstore.Record{Request: id})
		if r := w.load(id); r.Erased.IsZero() || r.Submission.Email.String() != "" {
			t.Errorf("request %s is not erased", id)
		}
	}
}

// TestCodeCountsAlthoughRecordWasUnreadable: the record can be read again just when its message is
// set aside.
func TestCodeCountsAlthoughRecordWasUnreadable(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "deny", "Action", "deny")
	id := w.submit("ana@contoso.com")
	w.deliverAll()
	w.wantState(id, request.Denied)
	before := w.load(id).Proof.Tries
	record := memstore.Record{Request: id}
	w.store.Spoil(record)
	loads := 0
	w.on("Load", false, -1, func() error {
		loads++
		if loads == 2 {
			w.store.Mend(record)
		}
		return nil
	})
	message := submission.Message{ID: id, Kind: submission.Prove, Code: "12345678"}
	err := w.worker.Advance(t.Context(), message)
	if err != nil { // the host brings it again
		err = w.worker.Advance(t.Context(), message)
	}
	ok(t, err)
	if tries := w.load(id).Proof.Tries; tries != before+1 {
		t.Errorf("%d codes count, want %d", tries, before+1)
	}
}
