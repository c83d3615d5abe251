package workflow_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// comesToNothing is an invitation that is answered with the id of a guest who never comes to be.
func comesToNothing(times int) graphsim.Fault {
	return graphsim.Fault{Match: invitations, Times: times, WithoutEffect: true}
}

func TestInvitationThatComesToNothingIsSentOnceMore(t *testing.T) {
	both := groupOne + " " + groupTwo
	for name, groups := range map[string]string{"without groups": "", "with groups": both} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(3), "Groups", groups)
			w.order(comesToNothing(1))
			id := w.submit("ana@contoso.com")
			w.settleMinutes(8)
			if w.attempts() != 1 {
				t.Errorf("%d invitations within minutes", w.attempts())
			}
			w.settle(3) // the address gets no second mail within an hour
			r := w.wantState(id, request.Done)
			guests := w.tenant.Guests()
			if len(guests) != 1 || guests[0].ID != r.GuestID || w.attempts() != 2 ||
				!slices.Contains(w.whats(id), "vanished") {
				t.Errorf("guests %v, %d invitations, history %v", guests, w.attempts(), w.whats(id))
			}
			want := 0
			if groups != "" {
				want = 2
			}
			if n := len(w.tenant.Memberships()); n != want {
				t.Errorf("%d memberships", n)
			}
			w.wantSeats("contoso.com", "trusted", 1)
			w.wantNothingDue()
			if claim, _ := w.claim(id); claim.GuestID != r.GuestID {
				t.Errorf("claim %+v", claim)
			}
		})
	}
}

func TestInvitationThatComesToNothingTwiceIsUpToPerson(t *testing.T) {
	for name, groups := range map[string]string{"without groups": "", "with groups": groupOne} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(3), "Groups", groups)
			w.order(comesToNothing(2))
			id := w.signUpFor("ana@contoso.com", 5)
			r := w.wantState(id, request.Review)
			if w.attempts() != 2 || r.GuestID != "" {
				t.Errorf("%d invitations, guest %q", w.attempts(), r.GuestID)
			}
			w.wantSeats("contoso.com", "trusted", 0)
			w.wantNothingDue()

			must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
			w.settle(3)
			r = w.wantState(id, request.Done)
			if guests := w.tenant.Guests(); len(guests) != 1 || guests[0].ID != r.GuestID ||
				w.attempts() != 3 {
				t.Errorf("guests %v, %d invitations", guests, w.attempts())
			}
		})
	}
}

func TestReceiptIsComparedWithWorld(t *testing.T) {
	users := graphsim.Match{Method: "GET", Path: "/v1.0/users*"}
	another := graphsim.Fault{Match: users, Always: true, Status: 503}
	unsaid := graphsim.Fault{Match: userByID, Times: 40, Status: 503}
	moved := changed(func(u *graphsim.User) { u.Mail, u.OtherMails = "bo@contoso.com", nil })
	tests := map[string]struct {
		change func(*world, string)
		fault  *graphsim.Fault
		want   request.State
		last   string
	}{
		"the guest is there": {func(*world, string) {}, nil, request.Done, "invited"},
		"the guest has accepted": {
			changed(func(u *graphsim.User) { u.ExternalUserState = "Accepted" }), nil, request.Done,
			"invited",
		},
		"somebody deleted the guest": {
			func(w *world, guest string) { ok(w.t, w.tenant.DeleteUser(guest)) }, nil, request.Done,
			"guest-deleted",
		},
		"somebody disabled the guest": {
			changed(func(u *graphsim.User) { u.Disabled = true }), nil, request.Done, "invited",
		},
		"the guest has another address": {moved, nil,
			request.Review, "guest-moved"},
		"the directory does not say for hours who the guest is": {
			func(*world, string) {}, &unsaid, request.Done, "invited",
		},
		"the directory gives no answer for a day": {
			func(*world, string) {}, &another, request.Done, "guest-unchecked",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite")
			id := w.signUp("ana@contoso.com")
			test.change(w, w.wantState(id, request.Done).GuestID)
			if test.fault != nil {
				w.order(*test.fault)
			}
			w.settle(25)
			r := w.wantState(id, test.want)
			if w.last(id) != test.last || w.attempts() != 1 {
				t.Errorf("history %v, %d invitations", w.whats(id), w.attempts())
			}
			if r.Joined.IsZero() == (name == "the guest has accepted") {
				t.Errorf("joined at %v", r.Joined)
			}
			w.wantNothingDue()
		})
	}
}

func TestReceiptIsComparedAfterOutageOfDirectory(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(comesToNothing(1))
	id := w.submit("ana@contoso.com")
	w.settleMinutes(2)
	w.order(graphsim.Fault{
		Match: graphsim.Match{Method: "GET", Path: "/v1.0/users*"}, Always: true, Status: 503,
	})
	w.settle(12)
	if tries := w.load(id).Attempt; tries < 20 || tries > 60 {
		t.Errorf("the directory was asked %d times in 12 hours", tries)
	}
	w.tenant.ClearFaults()
	w.settle(3)
	r := w.wantState(id, request.Done)
	if guests := w.tenant.Guests(); len(guests) != 1 || guests[0].ID != r.GuestID {
		t.Errorf("guests %v, history %v", guests, w.whats(id))
	}
	w.wantNothingDue()
}

// TestSeatOfGuestWhoNeverCameIsGivenBack lets somebody else add a guest with the address, and
// another request find that guest, before the first receipt is compared with the directory.
func TestSeatOfGuestWhoNeverCameIsGivenBack(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(3))
	w.order(comesToNothing(1))
	first := w.submit("ana@contoso.com")
	w.deliverAll()
	w.now = w.now.Add(72 * time.Hour)
	w.guestOf("PendingAcceptance")
	second := w.submit("ana@contoso.com")
	w.deliverAll()
	w.wantState(second, request.Done)
	w.settle(3)
	w.wantState(first, request.Done)
	if last := w.last(first); last != "guest-replaced" {
		t.Errorf("the last event is %q", last)
	}
	w.wantSeats("contoso.com", "trusted", 1)
	w.wantNothingDue()
}

// TestReceiptIsComparedThoughClockLeapsForward lets the clock of the next instance be a day ahead:
// one unanswered question is not the end of the comparison.
func TestReceiptIsComparedThoughClockLeapsForward(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(comesToNothing(1))
	id := w.submit("ana@contoso.com")
	w.settleMinutes(2)
	w.now = w.now.Add(26 * time.Hour)
	w.order(graphsim.Fault{Match: userByID, Times: 4, Status: 503})
	w.settle(3)
	r := w.wantState(id, request.Done)
	if guests := w.tenant.Guests(); len(guests) != 1 || guests[0].ID != r.GuestID {
		t.Errorf("guests %v, history %v", guests, w.whats(id))
	}
	w.wantNothingDue()
}

func TestReceiptIsNotComparedWithoutRightToRead(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(graphsim.Fault{Match: graphsim.Match{Method: "GET"}, Always: true, Status: 403,
		Code: "Authorization_RequestDenied", Message: insufficient + "."})
	id := w.signUpFor("ana@contoso.com", 2)
	w.wantState(id, request.Done)
	w.wantNothingDue()
	w.wantTenant(1, 1, 0)
}

func TestReceiptForAnotherGuestIsNotTaken(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	eve := must(w.tenant.AddUser(graphsim.User{Mail: "eve@contoso.com", UserType: "Guest",
		CreationType: "Invitation", ExternalUserState: "Accepted"}))(t)
	w.now = w.now.Add(time.Hour)
	w.order(graphsim.Fault{Match: invitations, Status: 201, ContentType: "application/json",
		Body: `{"invitedUserEmailAddress":"eve@contoso.com","status":"PendingAcceptance",` +
			`"invitedUser":{"id":"` + eve.ID + `"}}`})
	id := w.signUpFor("ana@contoso.com", 2)
	r := w.wantState(id, request.Done)
	if r.GuestID == eve.ID || len(w.tenant.Memberships()) != 1 ||
		w.tenant.Memberships()[0].GuestID == eve.ID {
		t.Errorf("guest %s, memberships %v", r.GuestID, w.tenant.Memberships())
	}
}

func TestGuestWhoComesLateIsNotInvitedAgain(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.order(graphsim.Fault{
		Match: membersOf(groupOne), Times: 12, Status: 404, Code: "Request_ResourceNotFound",
		Message: missingObject("x"),
	})
	id := w.signUpFor("ana@contoso.com", 2)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 1)
}

// TestVanishedGuestIsInvitedOnceMoreDespiteCrash lets the process end in the middle of every
// operation.
func TestVanishedGuestIsInvitedOnceMoreDespiteCrash(t *testing.T) {
	everyOperation(t, func(t *testing.T, w *world, at func(do func(op string, after bool) error)) {
		w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(3),
			"SendInvitation", false)
		w.order(comesToNothing(1))
		id := w.submit("ana@contoso.com")
		w.settleMinutes(9)
		at(func(string, bool) error { panic(crash{}) })
		w.settle(2)
		r := w.wantState(id, request.Done)
		if guests := w.tenant.Guests(); len(guests) != 1 || guests[0].ID != r.GuestID ||
			w.attempts() > 3 {
			t.Errorf("guests %v, %d invitations, history %v", guests, w.attempts(), w.whats(id))
		}
		w.wantSeats("contoso.com", "trusted", 1)
		w.wantNothingDue()
	})
}

// emptyRecycleBin is a directory that shows no deleted guest, as after one was removed for good.
var emptyRecycleBin = graphsim.Fault{Match: graphsim.Match{Method: "GET",
	Path: "/v1.0/directory/deletedItems/microsoft.graph.user"}, Always: true,
	Status: 200, ContentType: "application/json", Body: `{"value":[]}`}

// TestGuestWhoWasThereIsNotInvitedAgainAfterRemoval removes a guest for good, without a trace in
// the recycle bin, while a group waits. Only an invitation that came to nothing is sent once more.
func TestGuestWhoWasThereIsNotInvitedAgainAfterRemoval(t *testing.T) {
	tests := map[string]struct {
		before  string // the state of a guest who was there before the sign-up, "" for nobody
		groups  string
		invites int
	}{
		"found, no group yet":            {"Accepted", groupTwo, 0},
		"found, and in a group":          {"Accepted", groupOne + " " + groupTwo, 0},
		"found, and in a group before":   {"Accepted", "present " + groupTwo, 0},
		"invited, and in a group":        {"", groupOne + " " + groupTwo, 1},
		"invited, and in a group before": {"", "present " + groupTwo, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.before != "" {
				w.guestOf(test.before)
			}
			groups := strings.Replace(test.groups, "present", groupOne, 1)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groups)
			w.order(forbidden(membersOf(groupTwo), 3), emptyRecycleBin)
			if groups != test.groups {
				w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1, Status: 400,
					Code: "Request_BadRequest", Message: "One or more added object references already " +
						"exist for the following modified properties: 'members'."})
			}
			id := w.signUp("ana@contoso.com")
			r := w.wantState(id, request.Granting)
			ok(t, w.tenant.DeleteUser(r.GuestID))
			w.settle(4)
			r = w.wantState(id, request.Review)
			if w.attempts() != test.invites || len(w.tenant.Guests()) > 0 ||
				w.last(id) != "guest-gone" {
				t.Errorf("%d invitations, guests %v, history %v, %s", w.attempts(), w.tenant.Guests(),
					w.whats(id), r.Reason)
			}
			must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
			w.settle(2)
			w.wantState(id, request.Done)
			w.wantTenant(test.invites+1, 1, 1)
		})
	}
}

func TestReceiptIsComparedAfterDirectoryWasDown(t *testing.T) {
	users := graphsim.Match{Method: "GET", Path: "/v1.0/users*"}
	for _, failures := range []int{1, 5} {
		w := newWorld(t)
		w.row("contoso.com", "r", "Action", "invite")
		w.order(comesToNothing(1))
		id := w.signUp("ana@contoso.com")
		w.order(graphsim.Fault{Match: users, Times: failures, Status: 503})
		w.settle(4)
		w.wantState(id, request.Done)
		if w.attempts() != 2 || len(w.tenant.Guests()) != 1 {
			t.Errorf("after %d failures: %d invitations, guests %v, history %v", failures, w.attempts(),
				w.tenant.Guests(), w.whats(id))
		}
	}
}

// TestSecondInvitationToNothingEndsDespiteCrash lets the process end when the claim is given back,
// and before the request is saved.
func TestSecondInvitationToNothingEndsDespiteCrash(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3), "SendInvitation", false)
	w.order(comesToNothing(2))
	id := w.submit("ana@contoso.com")
	w.settle(1)
	w.on("Release", after, 1, crashes)
	w.settle(4)
	r := w.wantState(id, request.Review)
	if w.last(id) != "guest-vanished" || w.attempts() != 2 || r.GuestID != "" {
		t.Errorf("history %v, %d invitations, guest %q", w.whats(id), w.attempts(), r.GuestID)
	}
	w.wantSeats("contoso.com", "r", 0)
	w.wantNothingDue()
}

// TestVanishedGuestIsInvitedInSameStep compares a receipt: the invitation needs no more time.
func TestVanishedGuestIsInvitedInSameStep(t *testing.T) {
	w := newWorld(t)
	w.vanish("SendInvitation", false)
	w.deliverAll()
	if w.attempts() != 2 {
		t.Errorf("%d invitations", w.attempts())
	}
}

// TestGuestWhoComesLateIsTheOneThatWasBrought lets the directory show the guest only right after
// the invitation was taken for one that came to nothing.
func TestGuestWhoComesLateIsTheOneThatWasBrought(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	match := userByID
	w.order(graphsim.Fault{Match: match, Always: true, Status: 404, Code: "Request_ResourceNotFound",
		Message: missingObject("x")})
	id := w.submit("ana@contoso.com")
	w.settleMinutes(50)
	w.tenant.ClearFaults()
	w.settle(1)
	r := w.wantState(id, request.Done)
	if r.Vanished != 1 || r.Origin != request.OriginBrought {
		t.Errorf("vanished %d times, origin %q, history %v", r.Vanished, r.Origin, w.whats(id))
	}
	w.wantTenant(1, 1, 0)
	w.carryOut(submission.Withdraw, id)
	w.wantLine(workflow.LogRemains, 1)
}

func TestReceiptIsComparedOnceDirectoryWantsToBeAsked(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	w.order(graphsim.Fault{Match: userByID, Times: 1, Status: 429, Headers: retryAfter("3600")})
	w.bring(id)
	w.deliverAll()
	if wait := w.load(id).Due.Sub(w.now); wait != time.Hour {
		t.Errorf("it waits %v", wait)
	}
	w.settle(2)
	w.wantState(id, request.Done)
	w.wantNothingDue()
}

// TestGuestIsLookedForSeveralTimesHoweverLate lets nobody work for an hour while groups wait for a
// guest.
func TestGuestIsLookedForSeveralTimesHoweverLate(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.order(comesToNothing(1))
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Granting)
	w.now = w.now.Add(time.Hour)
	for looks := range 2 {
		w.bring(id)
		w.deliverAll()
		if r := w.load(id); r.State != request.Granting || w.attempts() != 1 {
			t.Errorf("after look %d: %s, history %v", looks+1, r.State, w.whats(id))
		}
	}
	w.bring(id)
	w.deliverAll()
	if w.attempts() != 2 {
		t.Errorf("%d invitations, history %v", w.attempts(), w.whats(id))
	}
}

func TestReceiptIsComparedByRequestThatInvited(t *testing.T) {
	tests := map[string]struct {
		bring func(*world) submission.ID
		want  bool
	}{
		"its own invitation": {func(w *world) submission.ID { return w.invite() }, true},
		"a guest who was found": {func(w *world) submission.ID {
			w.guestOf("Accepted")
			return w.invite()
		}, false},
		"the invitation of another request": {func(w *world) submission.ID {
			w.invite()
			return w.signUp("ana@contoso.com")
		}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.wantState(test.bring(w), request.Done)
			if r.CheckAt.IsZero() == test.want {
				t.Errorf("it is compared at %v", r.CheckAt)
			}
		})
	}
}

// TestGuestOfRepeatIsWaitedForWhileNew: the directory may not show a guest everywhere for half an
// hour, however often it is asked.
func TestGuestOfRepeatIsWaitedForWhileNew(t *testing.T) {
	w := newWorld(t)
	w.invited()
	w.deliverAll()
	w.order(answersOnce(membersOf(groupOne), 503))
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Granting)
	w.order(graphsim.Fault{Match: userByID, Times: 16, Status: 404,
		Code: "Request_ResourceNotFound", Message: missingObject("x")})
	w.settle(1)
	w.wantState(id, request.Done)
	if whats := w.whats(id); !slices.Contains(whats, "not-visible") {
		t.Errorf("history %v", whats)
	}
}
