package workflow_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// groupsOf returns the groups of which the guest is a member, in the order of joining.
func (w *world) groupsOf(guest string) []string {
	var groups []string
	for _, m := range w.tenant.Memberships() {
		if m.GuestID == guest {
			groups = append(groups, m.GroupID)
		}
	}
	return groups
}

// giveUpNext lets messages of the request fail too often for days, in place of being worked on.
func (w *world) giveUpNext(id submission.ID) {
	w.t.Helper()
	w.queue = nil
	body := must(submission.Message{ID: id}.Encode())(w.t)
	for range 6 {
		ok(w.t, w.worker.GiveUp(w.t.Context(), "800ae4b3-0000-4000-8000-000000000001", body))
		w.now = w.now.AddDate(0, 0, 1)
	}
}

// TestRetryAfterApprovalGrantsWhatWasApproved approves other groups than the row's. The message is
// given up while the request is in each state between the approval and its end.
func TestRetryAfterApprovalGrantsWhatWasApproved(t *testing.T) {
	rows := map[string][]any{
		"the row has no groups":     {"Action", "review"},
		"the row has another group": {"Action", "invite", "Groups", groupOne},
	}
	for name, columns := range rows {
		for _, state := range []request.State{request.Approved, request.Inviting, request.Parked} {
			t.Run(name+", given up while "+string(state), func(t *testing.T) {
				w := newWorld(t)
				w.row("contoso.com", "r", columns...)
				must(w.tenant.AddUser(graphsim.User{
					Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", Deleted: true,
				}))(t)
				id := w.review(t, "ana@contoso.com")
				must(w.reviewer().Approve(t.Context(), w.load(id), policy.Terms{UserType: "Guest", Groups: []string{groupTwo}}, ""))(t)
				switch state {
				case request.Inviting:
					w.order(graphsim.Fault{Match: lookUps, Times: 1, Status: 503})
					w.settleMinutes(1)
					w.deliverAll()
				case request.Parked:
					w.stop()
					w.settleMinutes(1)
					w.deliverAll()
				}
				w.wantState(id, state)
				w.giveUpNext(id)
				w.wantState(id, request.Failed)
				must(w.reviewer().Retry(t.Context(), id))(t)
				w.settle(3)
				r := w.wantState(id, request.Done)
				if groups := w.groupsOf(r.GuestID); len(groups) != 1 || groups[0] != groupTwo {
					t.Errorf("the guest is in %v, want %v", groups, groupTwo)
				}
			})
		}
	}
}

// TestOldLinkLeavesClaimOfParkedRequest asks by an old link for the mail of a guest who is gone,
// while an approved request for the address waits for the tenant.
func TestOldLinkLeavesClaimOfParkedRequest(t *testing.T) {
	leave := map[string]func(*world, string){
		"the guest was removed": func(w *world, guest string) { ok(w.t, w.tenant.DeleteUser(guest)) },
		"the account was given to eve": func(w *world, guest string) {
			ok(w.t, w.tenant.ChangeUser(guest, func(u *graphsim.User) {
				u.Mail, u.OtherMails, u.ExternalUserState = "eve@contoso.com", nil, "Accepted"
			}))
		},
	}
	for name, leaves := range leave {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			first := w.signUp("ana@contoso.com")
			old := w.signUp("ana@contoso.com")
			gone := w.wantState(old, request.Done).GuestID
			w.now = w.now.Add(2 * time.Hour)
			w.carryOut(submission.Withdraw, first)
			leaves(w, gone)
			w.row("contoso.com", "r", "Action", "review")
			parked := w.review(t, "ana@contoso.com")
			terms := policy.Terms{UserType: "Guest", Groups: []string{groupOne}}
			must(w.reviewer().Approve(t.Context(), w.load(parked), terms, ""))(t)
			w.stop()
			w.settleMinutes(5)
			w.wantState(parked, request.Parked)
			before, _ := w.claim(parked)

			w.ask(submission.Resend, old)
			w.settleMinutes(1)
			if after, _ := w.claim(parked); after != before {
				t.Errorf("the old link changed the claim\nfrom %+v\nto   %+v", before, after)
			}
			w.settle(3)
			r := w.wantState(parked, request.Done)
			if r.GuestID == gone || len(w.tenant.Invitations()) != 2 || len(w.groupsOf(gone)) > 0 {
				t.Errorf("guest %s, who is gone is %s and in %v; %d invitations", r.GuestID, gone, w.groupsOf(gone), len(w.tenant.Invitations()))
			}
			if groups := w.groupsOf(r.GuestID); len(groups) != 1 || groups[0] != groupOne {
				t.Errorf("the guest is in %v", groups)
			}
		})
	}
}

// TestTwoOldLinksBringDisabledGuestNothing uses two links of a guest who has accepted and was
// disabled since: one withdraws, the other asks for the mail, and somebody signs up again.
func TestTwoOldLinksBringDisabledGuestNothing(t *testing.T) {
	for name, test := range map[string]struct {
		before bool // the guest was there before the first sign-up, so the address has had no mail
		change func(*graphsim.User)
	}{
		"invited, disabled":          {false, func(u *graphsim.User) { u.Disabled = true }},
		"invited, moved":             {false, func(u *graphsim.User) { u.Mail, u.OtherMails = "eve@contoso.com", nil }},
		"was there before, disabled": {true, func(u *graphsim.User) { u.Disabled = true }},
		"was there before, moved":    {true, func(u *graphsim.User) { u.Mail, u.OtherMails = "eve@contoso.com", nil }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
			if test.before {
				must(w.tenant.AddUser(graphsim.User{
					Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", ExternalUserState: "Accepted",
				}))(t)
			}
			first, second := w.signUp("ana@contoso.com"), w.signUp("ana@contoso.com")
			guest := w.wantState(second, request.Done).GuestID
			w.changeUser(guest, func(u *graphsim.User) { u.ExternalUserState = "Accepted" })
			w.now = w.now.Add(30 * 24 * time.Hour)
			w.changeUser(guest, test.change)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupTwo)
			w.carryOut(submission.Withdraw, first)
			before := w.claimOf()
			w.carryOut(submission.Resend, second)
			if after := w.claimOf(); after != before {
				t.Errorf("the wish changed the claim\nfrom %+v\nto   %+v", before, after)
			}
			again := w.signUpFor("ana@contoso.com", 2)
			if groups := w.groupsOf(guest); len(groups) != 1 || groups[0] != groupOne {
				t.Errorf("the guest is in %v; history %v", groups, w.whats(again))
			}
		})
	}
}

// TestResendByOldLinkOfAnotherGuest asks for the mail by the link of a guest whose address belongs
// to another guest now.
func TestResendByOldLinkOfAnotherGuest(t *testing.T) {
	w := newWorld(t)
	old := w.invite()
	w.changeUser(w.load(old).GuestID, func(u *graphsim.User) { u.Mail, u.OtherMails = "eve@contoso.com", nil })
	w.now = w.now.Add(2 * time.Hour)
	again := w.review(t, "ana@contoso.com")
	must(w.reviewer().Approve(t.Context(), w.load(again), approvedTerms, ""))(t)
	w.settle(2)
	w.wantState(again, request.Done)
	before := w.claimOf()
	w.carryOut(submission.Resend, old)
	if after := w.claimOf(); w.last(old) != "resend-refused" || after != before || len(w.tenant.Invitations()) != 2 {
		t.Errorf("history %v, %d mails, claim\nfrom %+v\nto   %+v", w.whats(old), len(w.tenant.Invitations()), before, after)
	}
}

// TestResendWithoutLookUp asks for the mail while the app may not read users.
func TestResendWithoutLookUp(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.order(forbidden(lookUps, 1000), forbidden(userByID, 1000))
	id := w.signUp("ana@contoso.com")
	second := w.signUp("ana@contoso.com")
	w.now = w.now.Add(2 * time.Hour)
	w.carryOut(submission.Resend, id)
	if w.last(id) != "resend-refused" || len(w.tenant.Invitations()) != 1 {
		t.Errorf("the partner asks: %v, %d mails", w.whats(id), len(w.tenant.Invitations()))
	}
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settle(1)
	if w.last(id) != "resent" || len(w.tenant.Invitations()) != 2 {
		t.Errorf("a person asks: %v, %d mails", w.whats(id), len(w.tenant.Invitations()))
	}
	w.carryOut(submission.Withdraw, id)
	w.now = w.now.Add(2 * time.Hour)
	must(w.reviewer().Resend(t.Context(), second))(t)
	w.settle(1)
	if w.last(second) != "resend-refused" || len(w.tenant.Invitations()) != 2 {
		t.Errorf("after a withdrawal: %v, %d mails", w.whats(second), len(w.tenant.Invitations()))
	}
}

// TestGuestWhoChangesWhileGroupsWaitGetsNone changes the guest between the invitation and the
// groups.
func TestGuestWhoChangesWhileGroupsWaitGetsNone(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(*world, string)
		what     string
		answered request.State // after a person approves
	}{
		"disabled": {changed(func(u *graphsim.User) { u.Disabled = true }), "guest-disabled", request.Review},
		"removed":  {func(w *world, guest string) { ok(w.t, w.tenant.DeleteUser(guest)) }, "guest-deleted", request.Done},
		"given to eve": {changed(func(u *graphsim.User) { u.Mail, u.OtherMails = "eve@contoso.com", nil }),
			"guest-moved", request.Review},
		"made an employee": {changed(func(u *graphsim.User) {
			u.UserPrincipalName, u.CreationType, u.UserType, u.ExternalUserState = "ana@fabrikam.com", "", "Member", ""
		}), "guest-internal", request.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne+" "+groupTwo)
			w.order(forbidden(membersOf(groupTwo), 1000))
			id := w.signUp("ana@contoso.com")
			guest := w.wantState(id, request.Granting).GuestID
			w.settleMinutes(20)
			test.change(w, guest)
			w.tenant.ClearFaults()
			w.settle(2)
			w.wantState(id, request.Review)
			if w.last(id) != test.what || slices.Contains(w.groupsOf(guest), groupTwo) {
				t.Errorf("history %v, groups %v", w.whats(id), w.groupsOf(guest))
			}
			// What was approved counts for whoever holds the address then.
			must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
			w.settle(2)
			r := w.wantState(id, test.answered)
			if slices.Contains(w.groupsOf(guest), groupTwo) {
				t.Errorf("the former guest is in %v", w.groupsOf(guest))
			}
			if test.answered == request.Done && len(r.Grants) != 1 {
				t.Errorf("the grants are %+v", r.Grants)
			}
			if test.answered == request.Done && (r.GuestID == guest || !slices.Contains(w.groupsOf(r.GuestID), groupTwo)) {
				t.Errorf("the guest is %s, in %v", r.GuestID, w.groupsOf(r.GuestID))
			}
		})
	}
}

// TestGroupsOfGuestWhoCannotBeLookedUp adds groups while the directory does not say who the guest
// is.
func TestGroupsOfGuestWhoCannotBeLookedUp(t *testing.T) {
	unseen := graphsim.Fault{Match: userByID, Times: 1000, Status: 503}
	for name, test := range map[string]struct {
		fault graphsim.Fault
		want  request.State
	}{
		"for some minutes":             {graphsim.Fault{Match: userByID, Times: 4, Status: 503}, request.Done},
		"for a day":                    {unseen, request.Review},
		"not understood":               {graphsim.Fault{Match: userByID, Times: 1000, Status: 418}, request.Review},
		"no right, groups in minutes":  {forbidden(userByID, 1000), request.Done},
		"no right, groups after hours": {forbidden(userByID, 1000), request.Review},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
			w.order(test.fault)
			if name == "no right, groups after hours" {
				w.order(forbidden(membersOf(groupOne), 1000))
			} else {
				w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 2, Status: 503})
			}
			id := w.signUpFor("ana@contoso.com", 12)
			r := w.wantState(id, test.want)
			if groups := w.groupsOf(r.GuestID); len(groups) > 0 != (test.want == request.Done) {
				t.Errorf("groups %v, history %v", groups, w.whats(id))
			}
		})
	}
}

// TestWithdrawalOfGuestWhoWasThereBefore withdraws requests for guests that we brought and whom we
// found: only for the former an admin has something to remove.
func TestWithdrawalOfGuestWhoWasThereBefore(t *testing.T) {
	guest := func(state string) *graphsim.User {
		return &graphsim.User{Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", ExternalUserState: state}
	}
	for name, test := range map[string]struct {
		before *graphsim.User
		fault  graphsim.Fault
		lines  int
		origin request.Origin
	}{
		"nobody":                         {nil, graphsim.Fault{}, 1, request.OriginBrought},
		"nobody, and the answer is lost": {nil, graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: true}, 1, request.OriginBrought},
		"a guest who has accepted":       {guest("Accepted"), graphsim.Fault{}, 0, request.OriginFound},
		"a pending guest":                {guest("PendingAcceptance"), graphsim.Fault{}, 0, request.OriginFound},
		"a pending guest, and the answer is lost": {guest("PendingAcceptance"),
			graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: true}, 0, request.OriginFound},
		"a guest who can't be looked up": {guest("PendingAcceptance"), forbidden(lookUps, 1000), 0, request.OriginUnknown},
	} {
		for _, wish := range []string{"the partner", "an admin", "a stranger who signed up again"} {
			t.Run(name+", withdrawn by "+wish, func(t *testing.T) {
				w := newWorld(t)
				w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
				if test.before != nil {
					must(w.tenant.AddUser(*test.before))(t)
				}
				if test.fault.Status != 0 {
					w.order(test.fault)
				}
				id := w.signUpFor("ana@contoso.com", 1)
				if r := w.wantState(id, request.Done); r.Origin != test.origin {
					t.Errorf("the origin is %q, want %q", r.Origin, test.origin)
				}
				switch wish {
				case "the partner":
					w.ask(submission.Withdraw, id)
				case "an admin":
					must(w.reviewer().Erase(t.Context(), id))(t)
				default:
					again := w.signUp("ana@contoso.com")
					w.ask(submission.Withdraw, again)
				}
				w.settle(1)
				lines := test.lines
				if wish == "a stranger who signed up again" {
					lines = 0 // that request brought nobody in
				}
				w.wantLine(workflow.LogRemains, lines)
			})
		}
	}
}

// TestParkedRequestsKeepToGuestsPerDay parks requests under a row with a limit for the day on
// several days. When the tenant takes invitations again, no day brings in more guests than the row
// allows.
func TestParkedRequestsKeepToGuestsPerDay(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "MaxPerDay", int32(2))
	w.tenantSays(suspicious)
	var ids []submission.ID
	for day := range 5 {
		for i := range 2 {
			ids = append(ids, w.submit(fmt.Sprintf("partner.%d.%d@contoso.com", day, i)))
		}
		w.settle(24)
	}
	for _, id := range ids {
		w.wantState(id, request.Parked)
	}
	w.tenant.ClearFaults()
	w.closeBreaker()
	sent, day := 0, policy.Day(w.now)
	for range 7 * 24 {
		w.settle(1)
		if policy.Day(w.now) != day {
			day = policy.Day(w.now)
			if n := len(w.tenant.Invitations()) - sent; n > 2 {
				t.Errorf("%d guests on the day before %s", n, day)
			}
			sent = len(w.tenant.Invitations())
		}
	}
	for _, id := range ids {
		w.wantState(id, request.Done)
	}
}

// TestFullRowDoesNotHoldUpOthers parks requests under a row with a limit for the day on several
// days, and then younger ones under another row. Those that wait for another day do so quietly.
func TestFullRowDoesNotHoldUpOthers(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Spacing: 5 * time.Second} })
	w.row("contoso.com", "limited", "Action", "invite", "MaxPerDay", int32(2))
	w.row("fabrikam.com", "free", "Action", "invite")
	w.tenantSays(suspicious)
	var limited, free []submission.ID
	for day := range 5 {
		for i := range 2 {
			limited = append(limited, w.submit(fmt.Sprintf("partner.%d.%d@contoso.com", day, i)))
		}
		w.settle(24)
	}
	for i := range 5 {
		free = append(free, w.submit(fmt.Sprintf("partner.%d@fabrikam.com", i)))
	}
	w.settle(1)
	w.tenant.ClearFaults()
	w.closeBreaker()
	w.settleMinutes(10)
	for _, id := range free {
		w.wantState(id, request.Done)
	}
	w.settle(6)
	if n := len(w.tenant.Invitations()); n != 7 {
		t.Errorf("%d invitations on the first day, want 2 and 5", n)
	}
	calls := w.tenant.Calls()["GET /v1.0/users"]
	if calls > 40 {
		t.Errorf("%d searches for 15 requests", calls)
	}
	w.settle(4 * 24)
	for _, id := range limited {
		w.wantState(id, request.Done)
		if history := w.whats(id); len(history) > 16 {
			t.Errorf("%d entries: %v", len(history), history)
		}
	}
}

// TestRequestWaitsParkedIfItsRowIsFullToday lets a request that has its seat since yesterday come
// back after another one has taken the seat of the day.
func TestRequestWaitsParkedIfItsRowIsFullToday(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "limited", "Action", "invite", "MaxPerDay", int32(1))
	id := w.putOff("ana@contoso.com")
	w.wantState(id, request.Inviting)
	w.now = w.now.AddDate(0, 0, 1)
	w.wantState(w.signUp("bo@contoso.com"), request.Done)
	w.bring(id)
	w.deliverAll()
	if r := w.wantState(id, request.Parked); r.FullOn != policy.Day(w.now) {
		t.Errorf("full on %q", r.FullOn)
	}
	w.settle(24)
	w.wantState(id, request.Done)
}

// TestSeatCountsOnDayOfInvitation parks a request over midnight.
func TestSeatCountsOnDayOfInvitation(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "MaxPerDay", int32(2), "MaxGuests", int32(5))
	w.tenantSays(suspicious)
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Parked)
	first := policy.Day(w.now)
	w.settle(30)
	w.tenant.ClearFaults()
	w.closeBreaker()
	w.settle(1)
	w.wantState(id, request.Done)
	row := policy.RowKey{Partition: "contoso.com", Name: "r"}
	for day, want := range map[string]policy.Used{first: {Guests: 1}, policy.Day(w.now): {Guests: 1, Today: 1}} {
		if used := must(w.store.Used(t.Context(), row, day))(t); used != want {
			t.Errorf("%s: %+v, want %+v", day, used, want)
		}
	}
}

// TestSeatOfGuestWhoseAnswerWasLostIsKept ends a request whose answer was lost. The next request
// for the address finds the guest.
func TestSeatOfGuestWhoseAnswerWasLostIsKept(t *testing.T) {
	for name, exists := range map[string]bool{"the guest exists": true, "there is no guest": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(1), "Groups", groupOne)
			w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: exists})
			first := w.signUp("ana@contoso.com")
			w.wantState(first, request.Inviting)
			w.giveUpNext(first)
			w.wantState(first, request.Failed)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupTwo)
			w.now = w.now.Add(time.Hour)
			again := w.signUpFor("ana@contoso.com", 1)
			r := w.wantState(again, request.Done)
			if len(w.tenant.Guests()) != 1 || r.GuestID == "" || (r.RepeatOf == first) != exists {
				t.Errorf("%d guests, %+v", len(w.tenant.Guests()), r)
			}
			want, guest := 0, ""
			if exists {
				want, guest = 1, r.GuestID
			}
			w.wantSeats("contoso.com", "r", want)
			if owner := w.load(first); owner.GuestID != guest {
				t.Errorf("the guest of the first request is %q, want %q", owner.GuestID, guest)
			}
		})
	}
}

// TestSeatOfCancelledRequestWhoseAnswerWasLost cancels a request that waits for an answer. Its
// seat, the last one, goes to nobody else before the directory was asked.
func TestSeatOfCancelledRequestWhoseAnswerWasLost(t *testing.T) {
	for name, exists := range map[string]bool{"the guest exists": true, "there is no guest": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.IntentLease = 10 * time.Minute })
			w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(1))
			w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: exists})
			id := w.signUp("ana@contoso.com")
			w.now = w.now.Add(6 * time.Minute)
			must(w.reviewer().Cancel(t.Context(), id, "a mistake"))(t)
			w.wantSeats("contoso.com", "r", 1)
			w.wantState(w.signUp("bo@contoso.com"), request.Review)
			w.settle(1)
			r := w.wantState(id, request.Cancelled)
			want := 0
			if exists {
				want = 1
			}
			w.wantSeats("contoso.com", "r", want)
			if (r.GuestID != "") != exists {
				t.Errorf("the guest is %q", r.GuestID)
			}
			w.wantNothingDue()
		})
	}
}

// changeUser changes a guest in the tenant.
func (w *world) changeUser(guest string, change func(*graphsim.User)) {
	w.t.Helper()
	ok(w.t, w.tenant.ChangeUser(guest, change))
}

// claimOf returns the claim on Ana's address.
func (w *world) claimOf() request.Claim {
	w.t.Helper()
	return must(w.store.ClaimOf(w.t.Context(), must(submission.ParseAddress("ana@contoso.com"))(w.t)))(w.t)
}

// TestResendLeavesClaimThatAnotherCallHasMade lets another call claim the address for the guest
// between the look at the claim and the mail: that claim stays, and the mail is looked at again.
func TestResendLeavesClaimThatAnotherCallHasMade(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	address := w.load(id).Submission.Email
	ok(t, w.store.Release(t.Context(), address, w.claimOf()))
	w.now = w.now.Add(2 * time.Hour)
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.interrupt = func(op string, after bool) error {
		if op != "Claim" || after {
			return nil
		}
		w.interrupt = nil
		claim, _, err := w.store.Claim(t.Context(), address, request.NewClaim(id, time.Time{}))
		ok(t, err)
		claim = must(claim.Mailed(w.now).Restore(id, w.load(id).GuestID, request.OriginBrought))(t)
		must(w.store.UpdateClaim(t.Context(), address, claim))(t)
		changed := w.load(id)
		changed.Reason = "another call has sent the mail"
		must(w.store.Save(t.Context(), changed, nil))(t)
		return nil
	}
	sent := len(w.tenant.Invitations())
	w.settleMinutes(2)
	if claim := w.claimOf(); claim.GuestID != w.load(id).GuestID || len(w.tenant.Invitations()) != sent {
		t.Errorf("the claim names the guest %q, and %d mails were sent beside that of the other call",
			claim.GuestID, len(w.tenant.Invitations())-sent)
	}
}
