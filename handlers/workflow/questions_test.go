package workflow_test

import (
	"context"
	"errors"
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

// questions are the places in which a step asks the directory about a guest, each with what brings
// the message of such a step, and the call that asks.
var questions = map[string]struct {
	bring func(*world) submission.ID
	call  graphsim.Match
}{
	"before the invitation": {func(w *world) submission.ID { return w.invited() }, lookUps},
	"after a lost answer": {func(w *world) submission.ID {
		id := w.lost(true)
		w.bring(id)
		return id
	}, lookUps},
	"for a repeat": {func(w *world) submission.ID {
		w.invite()
		w.now = w.now.Add(2 * time.Hour)
		return w.submit("ana@contoso.com")
	}, userByID},
	"for a repeat whose guest is gone": {func(w *world) submission.ID {
		w.changeUser(w.load(w.invite()).GuestID, moves)
		w.now = w.now.Add(2 * time.Hour)
		return w.submit("ana@contoso.com")
	}, lookUps},
	"before the groups": {func(w *world) submission.ID {
		w.order(answersOnce(membersOf(groupOne), 503))
		id := w.invited()
		w.deliverAll()
		w.bring(id)
		return id
	}, userByID},
	"before a mail": {func(w *world) submission.ID {
		id := w.anHourAfterMail()
		w.ask(submission.Resend, id)
		return id
	}, lookUps},
}

func TestThrottledQuestionStopsEveryInstance(t *testing.T) {
	for name, question := range questions {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := question.bring(w)
			w.order(graphsim.Fault{Match: question.call, Times: 1, Status: 429, Headers: retryAfter("600")})
			w.deliverAll()
			until := w.now.Add(10 * time.Minute)
			if got := w.gate().HeldUntil; !got.Equal(until) {
				t.Errorf("the gate is held until %v, want %v", got, until)
			}
			if due := w.load(id).Due; due.Before(until) {
				t.Errorf("due %v, before %v", due, until)
			}
		})
	}
	t.Run("instead of a mail", func(t *testing.T) {
		w := newWorld(t)
		id := w.anHourAfterMail()
		w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 429, Headers: retryAfter("600")})
		w.carryOut(submission.Resend, id)
		if got := w.gate().HeldUntil; !got.Equal(w.now.Add(10 * time.Minute)) {
			t.Errorf("the gate is held until %v", got)
		}
	})
}

// TestQuestionThatIsNeverUnderstoodEndsSoon asks a directory whose answers make no sense. A
// directory that is down is asked for hours, but this is not about the directory.
func TestQuestionThatIsNeverUnderstoodEndsSoon(t *testing.T) {
	ends := map[string]string{
		"before the invitation":            "given-up",
		"for a repeat":                     "guest-unseen",
		"for a repeat whose guest is gone": "guest-unseen",
		"before the groups":                "guest-unseen",
	}
	answers := map[string]graphsim.Fault{
		"a page":    {Status: 403, Body: "<html>No.</html>", ContentType: "text/html"},
		"a refusal": {Status: 400, Code: "BadRequest", Message: "No."},
	}
	for name, end := range ends {
		for answer, fault := range answers {
			t.Run(name+", "+answer, func(t *testing.T) {
				w := newWorld(t)
				id := questions[name].bring(w)
				fault.Match, fault.Always = questions[name].call, true
				w.order(fault)
				w.settleMinutes(12)
				if !w.load(id).State.Ended() {
					w.settleMinutes(40)
				} else {
					t.Errorf("after minutes: %v", w.whats(id))
				}
				if r := w.load(id); !r.State.Ended() || w.last(id) != end {
					t.Errorf("%s, history %v", r.State, w.whats(id))
				}
			})
		}
	}
}

// TestLostAnswerLeadsToWhoHoldsAddress looks up what came of an invitation whose answer was lost.
func TestLostAnswerLeadsToWhoHoldsAddress(t *testing.T) {
	employee := func(u *graphsim.User) {
		u.UserPrincipalName, u.CreationType = "ana@fabrikam.com", ""
		u.UserType, u.ExternalUserState = "Member", ""
	}
	tests := map[string]struct {
		change func(*graphsim.User)
		want   request.State
		last   string
		joined bool
		claim  request.ClaimState
		seats  int
	}{
		"pending": {func(*graphsim.User) {},
			request.Done, "granted", false, request.ClaimSent, 1},
		"accepted": {func(u *graphsim.User) { u.ExternalUserState = "Accepted" },
			request.Done, "granted", true, request.ClaimSent, 1},
		"disabled": {func(u *graphsim.User) { u.Disabled = true },
			request.Review, "guest-disabled", false, request.ClaimSent, 1},
		"made an employee": {employee,
			request.Failed, "internal-user", false, request.ClaimSending, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.lost(true, "Groups", groupOne)
			guest := w.tenant.Guests()[0].ID
			w.changeUser(guest, test.change)
			w.bring(id)
			w.deliverAll()
			r := w.wantState(id, test.want)
			if w.last(id) != test.last || slices.Contains(w.whats(id), "not-found") || w.attempts() != 1 {
				t.Errorf("history %v, %d invitations", w.whats(id), w.attempts())
			}
			claim := w.claimOf()
			if claim.State != test.claim || claim.GuestID != r.GuestID || r.Joined.IsZero() == test.joined {
				t.Errorf("claim %+v, guest %q, joined %v", claim, r.GuestID, r.Joined)
			}
			if test.claim == request.ClaimSent && r.GuestID != guest {
				t.Errorf("guest %q", r.GuestID)
			}
			w.wantSeats("contoso.com", "r", test.seats)
		})
	}
}

// TestGuestWhoShowsUpAfterLookUpGetsNoSecondMail lets the directory show the guest of a lost answer
// only to the question right before the second invitation.
func TestGuestWhoShowsUpAfterLookUpGetsNoSecondMail(t *testing.T) {
	w := newWorld(t)
	id := w.lost(true)
	w.order(graphsim.Fault{Match: lookUps, Times: 1, Status: 200, Body: graphsim.NobodyFound})
	w.bring(id)
	w.deliverAll()
	r := w.wantState(id, request.Done)
	if !slices.Contains(w.whats(id), "not-found") || w.attempts() != 1 || r.GuestID != w.tenant.Guests()[0].ID {
		t.Errorf("history %v, %d invitations, guest %q", w.whats(id), w.attempts(), r.GuestID)
	}
	w.wantSeats("contoso.com", "r", 1)
}

// TestLostAnswerKeepsWhereGuestCameFrom takes away the right to read users after an invitation
// whose answer was lost: before it nobody held the address.
func TestLostAnswerKeepsWhereGuestCameFrom(t *testing.T) {
	w := newWorld(t)
	id := w.lost(true)
	w.order(forbidden(lookUps, 1000), forbidden(userByID, 1000))
	w.bring(id)
	w.deliverAll()
	if r := w.wantState(id, request.Done); r.Origin != request.OriginBrought {
		t.Errorf("the origin is %q", r.Origin)
	}
	w.carryOut(submission.Withdraw, id)
	w.wantLine(workflow.LogRemains, 1)
}

// TestIntentIsYoungWhenInvitationIsSent prepares an invitation slowly. Another instance takes over
// after the lease.
func TestIntentIsYoungWhenInvitationIsSent(t *testing.T) {
	for _, slow := range []time.Duration{0, lease / 5, lease / 3, lease} {
		w := newWorld(t)
		w.invited()
		age := time.Duration(-1)
		w.interrupt = func(op string, after bool) error {
			switch {
			case op == "TakeSeat" && after:
				w.now = w.now.Add(slow)
			case op == "Invite" && !after:
				age = w.now.Sub(w.claimOf().IntentAt)
			}
			return nil
		}
		w.deliverAll()
		if age < 0 || age > lease/4 {
			t.Errorf("prepared for %v: sent %v after the intent", slow, age)
		}
	}
}

// TestWaitThatIsCutOffIsMadeUpFor ends each wait within a step before its time: the message comes
// again, or the step is put off.
// TestOvertakenIntentSendsNothing lets another instance renew the intent while a call is slow.
func TestOvertakenIntentSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.invited()
	w.on("FindUser", after, 1, func() error {
		w.now = w.now.Add(lease / 2)
		renewed := must(w.claimOf().Begin(w.now))(t)
		address := must(submission.ParseAddress("ana@contoso.com"))(t)
		must(w.store.UpdateClaim(t.Context(), address, renewed))(t)
		return nil
	})
	wantCode(t, "the call that was overtaken", w.deliver(), problem.Conflict)
	if n := w.attempts(); n != 0 {
		t.Errorf("%d invitations", n)
	}
}

func TestWaitThatIsCutOffIsMadeUpFor(t *testing.T) {
	missing := graphsim.Fault{Times: 1, Status: 404, Code: "Request_ResourceNotFound", Message: missingObject("x")}
	missingAt := func(match graphsim.Match) graphsim.Fault {
		fault := missing
		fault.Match = match
		return fault
	}
	waits := map[string]func(*world){
		"for a directory that asked for a pause": func(w *world) {
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
			w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1, Status: 429, Headers: retryAfter("20")})
			w.signUp("bo@contoso.com")
			w.invited()
		},
		"after an odd answer":       invitedDespite(graphsim.Fault{Match: lookUps, Times: 1, Status: 400, Code: "BadRequest", Message: "No."}),
		"for a guest without group": invitedDespite(missingAt(membersOf(groupOne))),
		"for a guest of a repeat": func(w *world) {
			w.invite()
			w.order(missingAt(userByID))
			w.submit("ana@contoso.com")
		},
	}
	for name, bring := range waits {
		t.Run(name, func(t *testing.T) {
			cut := false
			w := newWorld(t, func(c *workflow.Config) {
				sleep := c.Sleep
				c.Sleep = func(ctx context.Context, d time.Duration) error {
					if cut {
						return context.DeadlineExceeded
					}
					return sleep(ctx, d)
				}
			})
			bring(w)
			id := w.queue[0].ID
			cut = true
			err := w.deliver()
			if !errors.Is(err, context.DeadlineExceeded) && w.last(id) != "look-up-postponed" {
				t.Errorf("error %v; history %v", err, w.whats(id))
			}
			cut = false
			w.settle(1)
			w.wantState(id, request.Done)
		})
	}
}

// TestSignUpFindsGuestOfEndedRequest signs up for an address whose claim an ended request has left,
// with an invitation whose answer was lost. A guest who is there is that request's.
func TestSignUpFindsGuestOfEndedRequest(t *testing.T) {
	tests := map[string]struct {
		change func(*graphsim.User)
		want   request.State
		last   string
	}{
		"pending":  {func(*graphsim.User) {}, request.Done, "repeat"},
		"accepted": {func(u *graphsim.User) { u.ExternalUserState = "Accepted" }, request.Done, "repeat"},
		"disabled": {func(u *graphsim.User) { u.Disabled = true }, request.Review, "guest-disabled"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ended := w.endedByKill()
			guest := w.tenant.Guests()[0].ID
			w.changeUser(guest, test.change)
			id := w.signUp("ana@contoso.com")
			r := w.wantState(id, test.want)
			owner := w.wantState(ended, request.Failed)
			if w.last(id) != test.last || w.last(ended) != "invited-after-all" || owner.GuestID != guest {
				t.Errorf("history %v, of the owner %v with guest %q", w.whats(id), w.whats(ended), owner.GuestID)
			}
			claim := w.claimOf()
			if claim.Owner != ended || claim.GuestID != guest || w.attempts() != 1 {
				t.Errorf("claim %+v, %d invitations", claim, w.attempts())
			}
			if test.want == request.Done && (r.GuestID != guest || r.RepeatOf != ended) {
				t.Errorf("guest %q, repeat of %q", r.GuestID, r.RepeatOf)
			}
			w.wantSeats("contoso.com", "r", 1)
		})
	}
	t.Run("nobody is there", func(t *testing.T) {
		w := newWorld(t)
		ended := w.endedWithoutGuest()
		id := w.signUp("ana@contoso.com")
		r := w.wantState(id, request.Done)
		if claim := w.claimOf(); claim.Owner != id || r.RepeatOf != "" || w.load(ended).GuestID != "" {
			t.Errorf("claim %+v, repeat of %q", claim, r.RepeatOf)
		}
		w.wantTenant(1, 1, 0)
		w.wantSeats("contoso.com", "r", 1)
	})
}

// TestLostAnswerThatCantBeLookedUpIsUpToPerson asks in vain for a day. The claim stays, so that the
// directory is asked again when a person retries.
func TestLostAnswerThatCantBeLookedUpIsUpToPerson(t *testing.T) {
	w := newWorld(t)
	id := w.lost(true)
	guest := w.tenant.Guests()[0].ID
	w.order(graphsim.Fault{Match: lookUps, Always: true, Status: 503})
	w.settle(23)
	w.wantState(id, request.Inviting)
	w.settle(4)
	w.wantState(id, request.Failed)
	if w.last(id) != "not-looked-up" || w.claimOf().State != request.ClaimSending {
		t.Errorf("history %v, claim %+v", w.whats(id), w.claimOf())
	}
	w.wantSeats("contoso.com", "r", 1)

	w.tenant.ClearFaults()
	must(w.reviewer().Retry(t.Context(), id))(t)
	w.settle(1)
	r := w.wantState(id, request.Done)
	if r.GuestID != guest || w.attempts() != 1 {
		t.Errorf("guest %q, %d invitations", r.GuestID, w.attempts())
	}
	w.wantSeats("contoso.com", "r", 1)
}

func TestResendNeverReachesAnotherGuest(t *testing.T) {
	w := newWorld(t)
	id := w.anHourAfterMail()
	w.changeUser(w.load(id).GuestID, moves)
	w.guestOf("PendingAcceptance")
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settle(1)
	if w.last(id) != "resend-refused" || w.attempts() != 1 {
		t.Errorf("history %v, %d mails", w.whats(id), w.attempts())
	}
}

// TestResendUnderReservedClaim asks for the mail of a guest whose address is reserved.
func TestResendUnderReservedClaim(t *testing.T) {
	t.Run("by the same request, in a call that was killed", func(t *testing.T) {
		w := newWorld(t)
		w.guestOf("PendingAcceptance")
		w.row("contoso.com", "r", "Action", "invite")
		id := w.signUp("ana@contoso.com")
		w.now = w.now.Add(2 * time.Hour)
		w.forgetClaim()
		w.on("Claim", after, 1, crashes)
		w.ask(submission.Resend, id)
		_ = w.deliver()
		if claim := w.claimOf(); claim.State != request.ClaimReserved {
			t.Fatalf("claim %+v", claim)
		}
		w.settle(2)
		claim := w.claimOf()
		if w.last(id) != "resent" || claim.State != request.ClaimSent || w.attempts() != 2 {
			t.Errorf("history %v, %d mails, claim %+v", w.whats(id), w.attempts(), claim)
		}
	})
	t.Run("by another request that waits", func(t *testing.T) {
		w := newWorld(t)
		first, second := w.invite(), w.signUp("ana@contoso.com")
		w.wantState(second, request.Done)
		w.carryOut(submission.Withdraw, first)
		w.now = w.now.Add(2 * time.Hour)
		w.stop()
		waits := w.signUp("ana@contoso.com")
		w.wantState(waits, request.Parked)
		before := w.claimOf()
		w.carryOut(submission.Resend, second)
		if w.last(second) != "resend-needless" || w.claimOf() != before || before.Owner != waits {
			t.Errorf("history %v, claim %+v, before %+v", w.whats(second), w.claimOf(), before)
		}
	})
}

// TestWithdrawalDuringResendSendsNoMail withdraws in the middle of each operation before the mail.
func TestWithdrawalDuringResendSendsNoMail(t *testing.T) {
	for _, op := range []string{"ClaimOf", "FindUser", "Gate", "SaveGate", "UpdateClaim"} {
		for _, when := range []bool{before, after} {
			w := newWorld(t)
			id := w.anHourAfterMail()
			sent := w.gate().Sent
			w.on(op, when, 1, func() error {
				return w.worker.Advance(t.Context(), submission.Message{ID: id, Kind: submission.Withdraw})
			})
			w.ask(submission.Resend, id)
			if err := w.deliver(); problem.CodeOf(err) != problem.Conflict {
				t.Errorf("%s, after: %v: %v", op, when, err)
			}
			if w.attempts() != 1 || w.gate().Sent != sent {
				t.Errorf("%s, after: %v: %d mails, %d turns", op, when, w.attempts(), w.gate().Sent)
			}
			w.settle(1)
			w.wantErased(id)
		}
	}
}

func TestResendLeavesNoFailuresBehind(t *testing.T) {
	for _, fault := range []graphsim.Fault{
		{Match: invitations, Times: 2, Status: 429},
		{Match: lookUps, Times: 6, Status: 403, Body: "<html>No.</html>", ContentType: "text/html"},
	} {
		w := newWorld(t)
		id := w.anHourAfterMail()
		w.order(fault)
		w.ask(submission.Resend, id)
		w.settle(1)
		r := w.load(id)
		if w.last(id) != "resent" || r.Attempt != 0 || r.Unknown != 0 || r.Resend.Open() {
			t.Errorf("history %v, %d attempts, %d unknown answers", w.whats(id), r.Attempt, r.Unknown)
		}
	}
}

// TestRequestEndedDuringSlowCallHoldsNothing cancels while a call takes minutes before it invites.
func TestRequestEndedDuringSlowCallHoldsNothing(t *testing.T) {
	for _, op := range []string{"TakeSeat", "Gate"} {
		w := newWorld(t)
		id := w.invited()
		var cancelled error
		w.on(op, before, 1, func() error {
			w.now = w.now.Add(6 * time.Minute)
			_, cancelled = w.reviewer().Cancel(t.Context(), id, "too slow")
			return nil
		})
		wantCode(t, op, w.deliver(), problem.Conflict)
		ok(t, cancelled)
		w.wantState(id, request.Cancelled)
		w.wantSeats("contoso.com", "r", 0)
		claim := w.claimOf()
		if claim.State != request.ClaimFree || w.attempts() > 0 || w.gate().Sent > 0 {
			t.Errorf("%s: claim %+v, %d invitations, %d turns", op, claim, w.attempts(), w.gate().Sent)
		}
	}
}

// TestRequestTakenUpAgainKeepsWhatItHolds retries while a call gives back what the request held.
func TestRequestTakenUpAgainKeepsWhatItHolds(t *testing.T) {
	w := newWorld(t)
	id := w.lost(false)
	r := w.load(id)
	r.State, r.Due = request.Failed, time.Time{}
	must(w.store.Save(t.Context(), r, nil))(t)
	w.now = w.now.Add(untilAsked)
	w.queue = append(w.queue, submission.Message{ID: id, Due: w.now})
	w.on("FindGuest", after, 1, func() error {
		return second(w.reviewer().Retry(t.Context(), id))
	})
	wantCode(t, "giving back", w.deliver(), problem.Conflict)
	w.wantSeats("contoso.com", "r", 1)
	if claim := w.claimOf(); claim.State != request.ClaimSending || claim.Owner != id {
		t.Errorf("claim %+v", claim)
	}
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 0)
}

func TestWithdrawalRecordsGuestDespiteCrash(t *testing.T) {
	seen := everyOperation(t, func(t *testing.T, w *world, at func(func(string, bool) error)) {
		id := w.lost(true)
		w.carryOut(submission.Withdraw, id)
		at(func(string, bool) error { panic(crash{}) })
		w.settle(2)
		r := w.wantState(id, request.Done)
		w.wantErased(id)
		if guests := w.tenant.Guests(); len(guests) != 1 || guests[0].ID != r.GuestID {
			t.Errorf("the request has guest %q; guests %v", r.GuestID, guests)
		}
	})
	if seen < 10 {
		t.Errorf("%d operations", seen)
	}
}

func TestShortPauseOfDirectoryIsWaitedForInPlace(t *testing.T) {
	for pause, waits := range map[string]bool{"20": false, "40": true} {
		w := newWorld(t)
		w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
		w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1, Status: 429,
			Headers: retryAfter(pause)})
		w.signUp("bo@contoso.com")
		start, asked := w.now, w.now
		w.on("FindUser", before, 1, func() error {
			asked = w.now
			return nil
		})
		id := w.signUp("ana@contoso.com")
		if due := w.load(id).State == request.Inviting; due != waits {
			t.Errorf("a pause of %s s: waits: %v", pause, due)
		}
		if took := asked.Sub(start); !waits && took < 20*time.Second {
			t.Errorf("the directory was asked after %v", took)
		}
	}
}

func TestWaitForForbiddenGroupSaysWhatDirectorySaid(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
	w.order(forbidden(membersOf(groupOne), 1000))
	r := w.wantState(w.signUp("ana@contoso.com"), request.Granting)
	if !strings.Contains(r.Reason, insufficient) || !strings.Contains(r.Grants[0].Note, insufficient) {
		t.Errorf("reason %q, grants %+v", r.Reason, r.Grants)
	}
}

func TestInvitationFoundAfterCrashIsNoRepeat(t *testing.T) {
	w := newWorld(t)
	w.on("UpdateClaim", after, 1, crashes)
	id := w.invited()
	w.settleMinutes(5)
	r := w.wantState(id, request.Done)
	if r.RepeatOf != "" || slices.Contains(w.whats(id), "repeat") || w.attempts() != 1 {
		t.Errorf("history %v, repeat of %q", w.whats(id), r.RepeatOf)
	}
	again := w.signUp("ana@contoso.com")
	if r := w.load(again); r.RepeatOf != id || !slices.Contains(w.whats(again), "repeat") {
		t.Errorf("history %v, repeat of %q", w.whats(again), r.RepeatOf)
	}
}

// TestEndedRequestLeavesClaimOfAnother gives back the seat of a request that has ended, while the
// address belongs to another one.
func TestEndedRequestLeavesClaimOfAnother(t *testing.T) {
	owners := map[string]func(*world){
		"that waits": func(w *world) { w.stop() },
		"under way": func(w *world) {
			w.order(answersOnce(invitations, 502))
		},
		"with a guest": func(*world) {},
	}
	for name, prepare := range owners {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ended := w.endedByKill()
			ok(t, w.tenant.DeleteUser(w.tenant.Guests()[0].ID))
			w.forgetClaim()
			w.row("contoso.com", "r", "Action", "review")
			owner := w.review(t, "ana@contoso.com")
			must(w.reviewer().Approve(t.Context(), w.load(owner), approvedTerms, ""))(t)
			prepare(w)
			w.bring(owner)
			w.deliverAll()
			claim := w.claimOf()
			if claim.Owner != owner {
				t.Fatalf("claim %+v", claim)
			}
			w.wantSeats("contoso.com", "r", 1)
			w.queue = append(w.queue, submission.Message{ID: ended, Due: w.now})
			w.deliverAll()
			w.wantSeats("contoso.com", "r", 0)
			if after := w.claimOf(); after != claim {
				t.Errorf("the claim was %+v and is %+v", claim, after)
			}
		})
	}
}

// TestResendWithoutRightReachesNoOtherGuest asks by an old link, as a person, while the app may not
// read users, and the claim names another guest.
func TestResendWithoutRightReachesNoOtherGuest(t *testing.T) {
	w := newWorld(t)
	old := w.anHourAfterMail()
	w.changeUser(w.load(old).GuestID, moves)
	anew := w.review(t, "ana@contoso.com")
	must(w.reviewer().Approve(t.Context(), w.load(anew), approvedTerms, ""))(t)
	w.settle(2)
	w.wantState(anew, request.Done)
	w.order(forbidden(lookUps, 1000))
	must(w.reviewer().Resend(t.Context(), old))(t)
	w.settle(1)
	if w.last(old) != "resend-refused" || w.attempts() != 2 {
		t.Errorf("history %v, %d mails", w.whats(old), w.attempts())
	}
}

func TestLostAnswerWithoutRightToReadIsRepeatedOnce(t *testing.T) {
	for _, effect := range []bool{true, false} {
		w := newWorld(t)
		w.order(forbidden(lookUps, 1000))
		id := w.lost(effect)
		w.settleMinutes(5)
		w.wantState(id, request.Done)
		guests := w.tenant.Guests()
		if !slices.Contains(w.whats(id), "not-looked-up") || len(guests) != 1 || w.attempts() != 2 {
			t.Errorf("history %v, %d invitations, guests %v", w.whats(id), w.attempts(), guests)
		}
	}
}

func TestWaitForOwnerDependsOnWhatOwnerWaitsFor(t *testing.T) {
	tests := map[string]struct {
		bring func(*world)
		wait  time.Duration
	}{
		"an answer": {func(w *world) { w.lost(true) }, 5 * time.Second},
		"the tenant, for minutes": {func(w *world) {
			w.stop()
			id := w.invited()
			w.deliverAll()
			w.now = w.load(id).Due.Add(-20 * time.Minute)
		}, 20 * time.Minute},
		"the tenant, for long": {func(w *world) {
			w.stop()
			id := w.invited()
			w.deliverAll()
			w.now = w.load(id).Due.Add(-2 * time.Hour)
		}, time.Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			test.bring(w)
			id := w.signUp("ana@contoso.com")
			if wait := w.load(id).Due.Sub(w.now); w.last(id) != "waiting-for-owner" || wait != test.wait {
				t.Errorf("history %v, waits %v", w.whats(id), wait)
			}
		})
	}
}

func TestHistoryOfSignUpAfterItsWithdrawal(t *testing.T) {
	w := newWorld(t)
	steps["a sign-up after its withdrawal"](w)
	id := w.queue[0].ID
	w.deliverAll()
	if want := []string{"withdrawn", "erased"}; !slices.Equal(w.whats(id), want) {
		t.Errorf("history %v, want %v", w.whats(id), want)
	}
}

// TestRepeatForGuestWhomOnlySearchShows asks a directory that does not know the guest by id, and
// finds the same guest by the address.
func TestRepeatForGuestWhomOnlySearchShows(t *testing.T) {
	for _, state := range []string{"PendingAcceptance", "Accepted"} {
		w := newWorld(t)
		first := w.anHourAfterMail()
		guest := w.load(first).GuestID
		w.changeUser(guest, func(u *graphsim.User) { u.ExternalUserState = state })
		w.order(graphsim.Fault{Match: userByID, Times: 1000, Status: 404,
			Code: "Request_ResourceNotFound", Message: missingObject(guest)})
		r := w.wantState(w.signUp("ana@contoso.com"), request.Done)
		if r.GuestID != guest || r.RepeatOf != first || w.attempts() != 1 {
			t.Errorf("guest %q, repeat of %q, %d invitations", r.GuestID, r.RepeatOf, w.attempts())
		}
		if joined := !r.Joined.IsZero(); joined != (state == "Accepted") {
			t.Errorf("%s: joined %v", state, r.Joined)
		}
	}
}

func TestResendRecordsThatGuestHasAccepted(t *testing.T) {
	w := newWorld(t)
	id := w.anHourAfterMail()
	w.changeUser(w.load(id).GuestID, func(u *graphsim.User) { u.ExternalUserState = "Accepted" })
	w.carryOut(submission.Resend, id)
	if r := w.load(id); w.last(id) != "resend-needless" || !r.Joined.Equal(w.now) {
		t.Errorf("history %v, joined %v", w.whats(id), r.Joined)
	}
}

func TestRepeatWithoutSearchIsLeftToPerson(t *testing.T) {
	w := newWorld(t)
	w.changeUser(w.load(w.anHourAfterMail()).GuestID, moves)
	w.order(forbidden(lookUps, 1000))
	again := w.signUp("ana@contoso.com")
	w.wantState(again, request.Review)
	if w.last(again) != "guest-unseen" {
		t.Errorf("history %v", w.whats(again))
	}
}

func TestWithdrawalSaysWhichGroupsWereNotAdded(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne+" "+groupTwo)
	w.order(forbidden(membersOf(groupTwo), 1000))
	id := w.signUp("ana@contoso.com")
	w.carryOut(submission.Withdraw, id)
	grants := w.wantState(id, request.Done).Grants
	if grants[0].State != request.GrantAdded || grants[0].Note != "" ||
		grants[1].State != request.GrantFailed || !strings.Contains(grants[1].Note, "withdrawn") {
		t.Errorf("grants %+v", grants)
	}
}

// TestMissingGuestIsNotInvitedAgainUnasked lets the recycle bin not be read: maybe somebody removed
// the guest.
func TestMissingGuestIsNotInvitedAgainUnasked(t *testing.T) {
	for name, groups := range map[string]string{"without a group": "", "with a group": groupOne} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.vanish("SendInvitation", false, "Groups", groups)
			id := w.queue[0].ID
			w.order(graphsim.Fault{Match: emptyRecycleBin.Match, Times: 3, Status: 503})
			w.deliverAll()
			if w.attempts() != 1 || slices.Contains(w.whats(id), "vanished") {
				t.Errorf("history %v, %d invitations", w.whats(id), w.attempts())
			}
			w.settle(4)
			w.wantState(id, request.Done)
			w.wantTenant(1, 1, len(w.load(id).Grants))
		})
	}
}

func TestReceiptWithoutClaimIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	ok(t, w.tenant.ChangeUser(w.load(id).GuestID, moves))
	w.order(emptyRecycleBin, graphsim.Fault{Match: userByID, Times: 1000, Status: 404,
		Code: "Request_ResourceNotFound", Message: missingObject("x")})
	w.forgetClaim()
	w.settle(2)
	w.wantState(id, request.Done)
	if w.attempts() != 1 || w.claimOf().State != request.ClaimFree {
		t.Errorf("%d invitations, claim %+v", w.attempts(), w.claimOf())
	}
}

// TestSecondInvitationHasItsTimeToo lets the guest of the second invitation come late.
func TestSecondInvitationHasItsTimeToo(t *testing.T) {
	w := newWorld(t)
	w.vanish("SendInvitation", false)
	id := w.queue[0].ID
	w.deliverAll()
	if w.attempts() != 2 {
		t.Fatalf("%d invitations", w.attempts())
	}
	w.order(graphsim.Fault{Match: userByID, Times: 1, Status: 404,
		Code: "Request_ResourceNotFound", Message: missingObject("x")})
	w.settle(2)
	w.wantState(id, request.Done)
	if w.attempts() != 2 || len(w.tenant.Guests()) != 1 {
		t.Errorf("%d invitations, guests %v", w.attempts(), w.tenant.Guests())
	}
}

func TestGroupThatWasNotVisibleIsLookedForAnewAfterForbidden(t *testing.T) {
	missing := graphsim.Fault{Match: membersOf(groupOne), Times: 4, Status: 404,
		Code: "Request_ResourceNotFound", Message: missingObject(groupOne)}
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
	w.order(missing, forbidden(membersOf(groupOne), 5))
	missing.Times = 6
	w.order(missing)
	id := w.signUpFor("ana@contoso.com", 12)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 1)
}

// TestQuestionThatIsCutOffIsNotAnswered: an odd answer says nothing, also if there is no time to
// ask again.
func TestQuestionThatIsCutOffIsNotAnswered(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) {
		c.Sleep = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	})
	invitedDespite(graphsim.Fault{Match: lookUps, Times: 1, Status: 400, Code: "BadRequest", Message: "No."})(w)
	id := w.queue[0].ID
	w.deliverAll()
	if w.last(id) != "look-up-postponed" || w.attempts() != 0 {
		t.Errorf("history %v, %d invitations", w.whats(id), w.attempts())
	}
}

func TestRefusalInUnknownWordsLeavesNoIntent(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 400, Code: "BadRequest", Message: "The moon is full."})
	w.wantState(w.signUp("ana@contoso.com"), request.Inviting)
	if claim := w.claimOf(); claim.State != request.ClaimReserved {
		t.Errorf("claim %+v", claim)
	}
}
