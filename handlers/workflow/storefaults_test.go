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
)

// storeOps are the operations of the store that a step can't do without.
var storeOps = []string{
	"Load", "Save", "Forget", "Claim", "ClaimOf", "UpdateClaim", "Release", "Wait", "Park",
	"StopWaiting",
	"TakeSeat", "HoldsSeat", "ReleaseSeat", "Gate", "SaveGate", "AllDeadLetters", "DropDeadLetter",
}

var refusedAlways = graphsim.Fault{Match: invitations, Times: 1_000_000, Status: 400,
	Code: "BadRequest", Message: "This user can't be invited to this directory."}

// bring puts the message on the queue that upkeep sends when the request is due.
func (w *world) bring(id submission.ID) {
	w.t.Helper()
	due := w.load(id).Due
	if due.After(w.now) {
		w.now = due
	}
	w.queue = append(w.queue, submission.Message{ID: id, Due: due})
}

// lost brings a request to wait after an invitation whose answer was lost, with effect or without.
func (w *world) lost(effect bool, columns ...any) submission.ID {
	w.t.Helper()
	w.row("contoso.com", "r", append([]any{"Action", "invite", "MaxGuests", int32(3)}, columns...)...)
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: effect})
	return w.signUp("ana@contoso.com")
}

// endedByKill returns a request that has failed and still holds its claim and its seat, as after a
// process that ended in between.
func (w *world) endedByKill() submission.ID {
	w.t.Helper()
	return w.killed(w.lost(true))
}

// endedWithoutGuest is like endedByKill, but the invitation had no effect.
func (w *world) endedWithoutGuest() submission.ID {
	w.t.Helper()
	return w.killed(w.lost(false))
}

// killed lets the request have failed in a process that ended before it gave anything back.
func (w *world) killed(id submission.ID) submission.ID {
	w.t.Helper()
	r := w.load(id)
	r.State, r.Due = request.Failed, time.Time{}
	must(w.store.Save(w.t.Context(), r, nil))(w.t)
	w.now = w.now.Add(untilAsked)
	return id
}

// untilAsked is how long an invitation that was begun is left alone in a request that has ended.
const untilAsked = 31 * time.Minute

// guestOf adds a guest to the tenant who holds Ana's address.
func (w *world) guestOf(state string) string {
	w.t.Helper()
	guest := must(w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", UserType: "Guest",
		CreationType: "Invitation", ExternalUserState: state}))(w.t)
	w.now = w.now.Add(time.Minute)
	return guest.ID
}

// invited lets policy invite Ana into a group, with a limit.
func (w *world) invited() submission.ID {
	w.t.Helper()
	w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3), "Groups", groupOne)
	return w.submit("ana@contoso.com")
}

// invitedDespite is like invited, and orders a fault of the directory before.
func invitedDespite(fault graphsim.Fault) func(*world) {
	return func(w *world) {
		w.order(fault)
		w.invited()
	}
}

// answersOnce lets the directory answer one call with the status, before any effect.
func answersOnce(match graphsim.Match, status int) graphsim.Fault {
	return graphsim.Fault{Match: match, Times: 1, Status: status}
}

// moves gives the account of a guest another address.
func moves(u *graphsim.User) { u.Mail, u.OtherMails = "eve@contoso.com", nil }

// steps are ways to a step, each of which leaves the message of that step on the queue.
var steps = map[string]func(*world){
	"a sign-up":            func(w *world) { w.invited() },
	"an accepted guest":    func(w *world) { w.guestOf("Accepted"); w.invited() },
	"a refused invitation": invitedDespite(refusedAlways),
	"a refusal in unknown words": invitedDespite(graphsim.Fault{Match: invitations, Times: 1_000_000,
		Status: 400, Code: "BadRequest", Message: "The moon is full."}),
	"no answer":                    invitedDespite(answersOnce(invitations, 502)),
	"a throttled invitation":       invitedDespite(answersOnce(invitations, 429)),
	"a throttled question":         invitedDespite(answersOnce(lookUps, 429)),
	"a question without an answer": invitedDespite(answersOnce(lookUps, 503)),
	"a first witness":              invitedDespite(blocked(switchedOff)),
	"suspicious activity":          invitedDespite(blocked(suspicious)),
	"a group not visible": invitedDespite(graphsim.Fault{
		Match: membersOf(groupOne), Times: 9, Status: 404}),
	"a forbidden group": invitedDespite(forbidden(membersOf(groupOne), 1)),
	"a throttled group": invitedDespite(answersOnce(membersOf(groupOne), 429)),
	"a guest without a group": func(w *world) {
		w.row("contoso.com", "r", "Action", "invite")
		w.submit("ana@contoso.com")
	},
	"a stopped tenant": func(w *world) { w.stop(); w.invited() },
	"an internal user": func(w *world) {
		must(w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", UserType: "Member"}))(w.t)
		w.now = w.now.Add(time.Minute)
		w.invited()
	},
	"a full row": func(w *world) {
		w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(1))
		w.signUp("bo@contoso.com")
		w.submit("ana@contoso.com")
	},
	"a row that is full today": func(w *world) {
		w.row("contoso.com", "r", "Action", "invite", "MaxPerDay", int32(1))
		id := w.putOff("ana@contoso.com")
		w.now = w.now.AddDate(0, 0, 1)
		w.signUp("bo@contoso.com")
		w.bring(id)
	},
	"mail that rests": func(w *world) {
		w.carryOut(submission.Withdraw, w.invite())
		w.submit("ana@contoso.com")
	},
	"a lost answer, the guest is there": func(w *world) { w.bring(w.lost(true)) },
	"a lost answer, nobody is there":    func(w *world) { w.bring(w.lost(false)) },
	"a lost answer, the guest is shut out": func(w *world) {
		id := w.lost(true)
		w.changeUser(w.tenant.Guests()[0].ID, func(u *graphsim.User) { u.Disabled = true })
		w.bring(id)
	},
	"a claim that is left over": func(w *world) {
		w.endedByKill()
		w.submit("ana@contoso.com")
	},
	"a claim that is left over, nobody is there": func(w *world) {
		w.endedWithoutGuest()
		w.submit("ana@contoso.com")
	},
	"an owner at work": func(w *world) {
		w.lost(true)
		w.submit("ana@contoso.com")
	},
	"a repeat": func(w *world) {
		w.invite()
		w.submit("ana@contoso.com")
	},
	"a repeat for a guest who is gone": func(w *world) {
		w.changeUser(w.load(w.invite()).GuestID, moves)
		w.guestOf("PendingAcceptance")
		w.now = w.now.Add(2 * time.Hour)
		w.submit("ana@contoso.com")
	},
	"an approval": func(w *world) {
		id := w.review(w.t, "ana@contoso.com")
		must(w.reviewer().Approve(w.t.Context(), w.load(id), approvedTerms, ""))(w.t)
		w.bring(id)
	},
	"a receipt to compare": func(w *world) {
		id := w.invite()
		w.bring(id)
	},
	"a receipt of nothing": func(w *world) { w.vanish("SendInvitation", false) },
	"a receipt of nothing, with a group": func(w *world) {
		w.vanish("SendInvitation", false, "Groups", groupOne)
	},
	"a mail to be sent again": func(w *world) { w.ask(submission.Resend, w.anHourAfterMail()) },
	"a mail that is refused": func(w *world) {
		id := w.anHourAfterMail()
		w.order(refusedAlways)
		w.ask(submission.Resend, id)
	},
	"a mail that is throttled": func(w *world) {
		id := w.anHourAfterMail()
		w.order(answersOnce(invitations, 429))
		w.ask(submission.Resend, id)
	},
	"a mail without an answer": func(w *world) {
		id := w.anHourAfterMail()
		w.order(answersOnce(invitations, 502))
		w.ask(submission.Resend, id)
	},
	"a mail whose claim is gone": func(w *world) {
		w.guestOf("PendingAcceptance")
		w.row("contoso.com", "r", "Action", "invite")
		id := w.signUp("ana@contoso.com")
		w.forgetClaim()
		w.now = w.now.Add(2 * time.Hour)
		w.ask(submission.Resend, id)
	},
	"a mail whose claim is gone, refused": func(w *world) {
		w.guestOf("PendingAcceptance")
		w.row("contoso.com", "r", "Action", "invite")
		id := w.signUp("ana@contoso.com")
		w.forgetClaim()
		w.now = w.now.Add(2 * time.Hour)
		w.order(refusedAlways)
		w.ask(submission.Resend, id)
	},
	"an invitation that ends a suspicion": func(w *world) { w.suspect(); w.invited() },
	"a mail that ends a suspicion": func(w *world) {
		id := w.anHourAfterMail()
		w.suspect()
		w.ask(submission.Resend, id)
	},
	"a parked request": func(w *world) {
		w.stop()
		id := w.invited()
		w.deliverAll()
		w.bring(id)
	},
	"a repeat whose guest is asked for in vain": func(w *world) {
		w.invite()
		w.now = w.now.Add(2 * time.Hour)
		w.order(graphsim.Fault{Match: userByID, Times: 3, Status: 400, Code: "BadRequest", Message: "No."})
		w.submit("ana@contoso.com")
	},
	"a withdrawal": func(w *world) {
		id := w.invite()
		w.keep("m1", `{"id":"`+string(id)+`","version":7,"email":"Ana@Contoso.com"}`)
		w.ask(submission.Withdraw, id)
	},
	"a withdrawal of a parked request": func(w *world) {
		w.stop()
		id := w.invited()
		w.deliverAll()
		w.ask(submission.Withdraw, id)
	},
	"a withdrawal while an invitation is under way": func(w *world) {
		w.ask(submission.Withdraw, w.lost(true))
	},
	"a withdrawal after a lost answer": func(w *world) {
		id := w.lost(true)
		w.carryOut(submission.Withdraw, id)
		w.bring(id)
	},
	"a withdrawal that can't be looked up": func(w *world) {
		id := w.lost(true)
		w.order(answersOnce(lookUps, 503))
		w.carryOut(submission.Withdraw, id)
		w.bring(id)
	},
	"a withdrawal before its sign-up": func(w *world) {
		w.ask(submission.Withdraw, w.newID(w.now))
	},
	"a sign-up after its withdrawal": func(w *world) {
		id := w.submit("ana@contoso.com")
		first := w.queue[0]
		w.queue = nil
		w.carryOut(submission.Withdraw, id)
		w.queue = append(w.queue, first)
	},
	"an ended request that holds a claim": func(w *world) {
		id := w.endedByKill()
		w.queue = append(w.queue, submission.Message{ID: id, Due: w.now})
	},
	"an ended request, nobody is there": func(w *world) {
		id := w.endedWithoutGuest()
		w.queue = append(w.queue, submission.Message{ID: id, Due: w.now})
	},
	"an ended request under way": func(w *world) {
		id := w.endedByKill()
		w.now = w.now.Add(-untilAsked)
		w.queue = append(w.queue, submission.Message{ID: id, Due: w.now})
	},
	"an ended request that can't be looked up": func(w *world) {
		id := w.endedByKill()
		w.order(answersOnce(lookUps, 503))
		w.queue = append(w.queue, submission.Message{ID: id, Due: w.now})
	},
}

// vanish invites a guest who never comes to be, up to the step that finds that out.
func (w *world) vanish(columns ...any) {
	w.t.Helper()
	w.row("contoso.com", "r", append([]any{"Action", "invite", "MaxGuests", int32(3)}, columns...)...)
	w.order(comesToNothing(1))
	id := w.submit("ana@contoso.com")
	w.settleMinutes(25)
	for {
		w.bring(id)
		if w.load(id).Attempt >= 3 && w.now.Sub(w.claimOf().SentAt) >= 30*time.Minute {
			return
		}
		w.deliverAll()
	}
}

// anHourAfterMail returns a request whose mail may be sent again.
func (w *world) anHourAfterMail() submission.ID {
	w.t.Helper()
	id := w.invite()
	w.settleMinutes(12) // the receipt is compared
	w.now = w.now.Add(time.Hour)
	return id
}

// suspect makes another request a witness against the tenant.
func (w *world) suspect() {
	w.t.Helper()
	gate := w.gate()
	gate.Witnesses[request.MostWitnesses-1] = request.Witness{
		ID: w.newID(w.now), Answer: string(request.DirectoryInvitationsOff)}
	must(w.store.SaveGate(w.t.Context(), gate))(w.t)
}

// forgetClaim removes the claim on Ana's address.
func (w *world) forgetClaim() {
	w.t.Helper()
	address := must(submission.ParseAddress("ana@contoso.com"))(w.t)
	ok(w.t, w.store.Release(w.t.Context(), address, w.claimOf()))
}

// onlyTells are the steps in which a change of the gate only tells it of a failure.
var onlyTells = map[string]bool{
	"no answer": true, "a throttled invitation": true, "a withdrawal that can't be looked up": true, "a first witness": true,
	"a throttled question": true, "a repeat whose guest is asked for in vain": true, "a refusal in unknown words": true,
	"a throttled group": true, "a question without an answer": true,
}

// TestStoreFaultBringsMessageAgain lets each operation of the store fail once in each kind of step:
// the message has to come again, unless only the gate was to hear of a failure that the request has
// stored, and then the outcome is as if nothing had failed.
func TestStoreFaultBringsMessageAgain(t *testing.T) {
	for name, bring := range steps {
		t.Run(name, func(t *testing.T) {
			undisturbed := newWorld(t)
			bring(undisturbed)
			ops := 0
			undisturbed.interrupt = func(op string, after bool) error {
				if !after && slices.Contains(storeOps, op) {
					ops++
				}
				return nil
			}
			message := undisturbed.queue[0]
			ok(t, undisturbed.deliver())
			undisturbed.interrupt = nil
			undisturbed.settleMinutes(80)
			want := outcomeOf(undisturbed, message.ID)
			mails := len(undisturbed.tenant.Invitations())
			for n := range ops {
				w := newWorld(t)
				bring(w)
				failing, reached := "", 0
				w.interrupt = func(op string, after bool) error {
					if after || !slices.Contains(storeOps, op) {
						return nil
					}
					reached++
					if reached-1 != n {
						return nil
					}
					failing = op
					return unavailable
				}
				err := w.deliver()
				w.interrupt = nil
				if err != nil || !strings.HasSuffix(failing, "Gate") || !onlyTells[name] {
					wantCode(t, fmt.Sprintf("operation %d, %s", n, failing), err, problem.StorageUnavailable)
				}
				w.settleMinutes(80)
				if got := outcomeOf(w, message.ID); got != want {
					t.Errorf("operation %d, %s, failed: %+v, want %+v", n, failing, got, want)
				}
				if got := len(w.tenant.Invitations()); got > max(mails, 1) {
					t.Errorf("operation %d, %s, failed: %d mails, want %d", n, failing, got, mails)
				}
			}
		})
	}
}

// outcome is what came of a request.
type outcome struct{ ended, erased bool }

func outcomeOf(w *world, id submission.ID) outcome {
	r, err := w.store.Load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return outcome{r.State.Ended(), !r.Erased.IsZero()}
}
