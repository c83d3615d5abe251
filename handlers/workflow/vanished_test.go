package workflow_test

import (
	"slices"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
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

			must(w.reviewer().Approve(t.Context(), id, approvedTerms, ""))(t)
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
		"the directory gives no answer": {func(*world, string) {}, &another, request.Done, "invited"},
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
			w.settle(8)
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
