package workflow_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/workflow"
)

func TestAddressHeldByExistingUser(t *testing.T) {
	const address = "ana@contoso.com"
	guest := func(state string, disabled bool) graphsim.User {
		return graphsim.User{Mail: address, UserType: "Guest", CreationType: "Invitation", ExternalUserState: state, Disabled: disabled}
	}
	tests := map[string]struct {
		users       []graphsim.User
		want        request.State
		what        string
		invitations int
		memberships int
		seats       int
	}{
		"nobody":                        {nil, request.Done, "granted", 1, 1, 1},
		"an accepted guest":             {[]graphsim.User{guest("Accepted", false)}, request.Done, "granted", 0, 1, 0},
		"a pending guest":               {[]graphsim.User{guest("PendingAcceptance", false)}, request.Done, "granted", 1, 1, 1},
		"a disabled guest":              {[]graphsim.User{guest("Accepted", true)}, request.Review, "guest-disabled", 0, 0, 0},
		"a deleted guest":               {[]graphsim.User{{Mail: address, UserType: "Guest", CreationType: "Invitation", ExternalUserState: "Accepted", Deleted: true}}, request.Review, "guest-deleted", 0, 0, 0},
		"an internal user":              {[]graphsim.User{{Mail: address, UserType: "Member"}}, request.Failed, "internal-user", 0, 0, 0},
		"an internal user who accepted": {[]graphsim.User{{Mail: address, UserType: "Member", UserPrincipalName: "ana@fabrikam.com", ExternalUserState: "Accepted"}}, request.Done, "granted", 0, 1, 0},
		"a guest who was made internal": {[]graphsim.User{{Mail: address, UserType: "Member", UserPrincipalName: "ana@fabrikam.com", CreationType: "Invitation"}}, request.Review, "unclear-user", 0, 0, 0},
		"more than one guest":           {[]graphsim.User{guest("Accepted", false), {Mail: "old@contoso.com", OtherMails: []string{address}, UserType: "Guest", CreationType: "Invitation", ExternalUserState: "Accepted"}}, request.Review, "several-users", 0, 0, 0},
	}
	for name, test := range tests {
		for _, mayRead := range []bool{true, false} {
			t.Run(name+map[bool]string{true: "", false: ", without the right to read users"}[mayRead], func(t *testing.T) {
				if !mayRead && slices.Contains([]string{"more than one guest", "a deleted guest", "an internal user who accepted", "a guest who was made internal"}, name) {
					return // only the directory knows what it makes of that
				}
				w := newWorld(t)
				w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne, "MaxGuests", int32(5))
				for _, user := range test.users {
					must(w.tenant.AddUser(user))(t)
				}
				if !mayRead {
					w.order(forbidden(lookUps, 1000))
				}
				id := w.signUpFor(address, 1)
				w.wantState(id, test.want)
				if !mayRead {
					w.wantLine(workflow.LogDegraded, 1)
				}
				history := w.whats(id)
				if last := history[len(history)-1]; mayRead && last != test.what {
					t.Errorf("history %v, want it to end with %s", history, test.what)
				}
				if mayRead {
					if n := len(w.tenant.Invitations()); n != test.invitations {
						t.Errorf("%d invitations, want %d", n, test.invitations)
					}
					w.wantSeats("contoso.com", "row", test.seats)
				}
				if n := len(w.tenant.Memberships()); n != test.memberships {
					t.Errorf("%d memberships, want %d", n, test.memberships)
				}
			})
		}
	}
}

// TestGuestWithDomainInLettersIsNotInvitedAnew: a directory may hold an international domain in
// letters, and compares texts.
func TestGuestWithDomainInLettersIsNotInvitedAnew(t *testing.T) {
	const letters = "ana@b\u00fccher.de"
	for name, test := range map[string]struct {
		user graphsim.User
		what string
	}{
		"disabled": {graphsim.User{Mail: letters, CreationType: "Invitation", Disabled: true}, "guest-disabled"},
		"deleted":  {graphsim.User{Mail: letters, CreationType: "Invitation", Deleted: true}, "guest-deleted"},
	} {
		w := newWorld(t)
		w.row("*", "row", "Action", "invite", "Groups", groupOne)
		must(w.tenant.AddUser(test.user))(t)
		id := w.signUpFor(letters, 1)
		if r := w.wantState(id, request.Review); r.Objection != test.what {
			t.Errorf("%s: objection %q", name, r.Objection)
		}
		if n := len(w.tenant.Invitations()); n != 0 {
			t.Errorf("%s: %d invitations", name, n)
		}
	}
}

func TestApprovalInvitesDeletedGuestAgain(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	must(w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", Deleted: true}))(t)
	id := w.signUpFor("ana@contoso.com", 1)
	w.wantState(id, request.Review)
	must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 1)
}

func TestInvitesWhenDeletedGuestsCannotBeSearched(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodGet, Path: "/v1.0/directory/deletedItems/microsoft.graph.user"}, Times: 1000,
		Status: 400, Code: "Request_UnsupportedQuery", Message: "Unsupported query."})
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Done)
}

func TestLostAnswerIsLookedUpOnceDirectoryAnswers(t *testing.T) {
	for _, status := range []int{429, 500, 418} {
		w := newWorld(t)
		w.row("contoso.com", "row", "Action", "invite")
		w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502, AfterEffect: true})
		id := w.signUp("ana@contoso.com")
		w.order(graphsim.Fault{Match: lookUps, Times: 5, Status: status, Message: "Not now."})
		w.settle(3)
		w.wantState(id, request.Done)
		w.wantTenant(1, 1, 0)
		if !strings.Contains(strings.Join(w.whats(id), " "), "look-up-postponed") {
			t.Errorf("%d: history %v", status, w.whats(id))
		}
	}
}

// TestSecondSignUpAfterGuestChanged signs up again for an address whose guest somebody has changed
// since an earlier request.
func TestSecondSignUpAfterGuestChanged(t *testing.T) {
	tests := map[string]struct {
		change      func(*world, string)
		want        request.State
		what        string
		invitations int
	}{
		"is there as before": {func(*world, string) {}, request.Done, "granted", 1},
		"has accepted":       {changed(func(u *graphsim.User) { u.ExternalUserState = "Accepted" }), request.Done, "granted", 1},
		"is disabled":        {changed(func(u *graphsim.User) { u.Disabled = true }), request.Review, "guest-disabled", 1},
		"is deleted":         {func(w *world, guest string) { _ = w.tenant.DeleteUser(guest) }, request.Review, "guest-deleted", 1},
		"is one of two who hold the address": {func(w *world, _ string) {
			_, _ = w.tenant.AddUser(graphsim.User{Mail: "old@contoso.com", OtherMails: []string{"ana@contoso.com"}, UserType: "Guest", CreationType: "Invitation"})
			w.now = w.now.Add(time.Minute)
		}, request.Done, "granted", 1},
		"has been made an employee": {func(w *world, guest string) {
			_ = w.tenant.ChangeUser(guest, func(u *graphsim.User) {
				u.UserPrincipalName, u.CreationType, u.UserType, u.ExternalUserState = "ana@fabrikam.com", "", "Member", ""
			})
		}, request.Failed, "internal-user", 1},
		"is gone, and another has come": {func(w *world, guest string) {
			_ = w.tenant.ChangeUser(guest, func(u *graphsim.User) { u.Mail, u.OtherMails = "other@contoso.com", nil })
			_, _ = w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", ExternalUserState: "Accepted"})
			w.now = w.now.Add(time.Minute)
		}, request.Done, "granted", 1},
		"is gone for good": {changed(func(u *graphsim.User) { u.Mail, u.OtherMails = "other@contoso.com", nil }), request.Review, "guest-gone", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
			first := w.signUpFor("ana@contoso.com", 2)
			test.change(w, w.wantState(first, request.Done).GuestID)
			again := w.signUpFor("ana@contoso.com", 1)
			r := w.wantState(again, test.want)
			if w.last(again) != test.what || len(w.tenant.Invitations()) != test.invitations {
				t.Errorf("history %v, %d invitations", w.whats(again), len(w.tenant.Invitations()))
			}
			accepted := name == "has accepted" || name == "is gone, and another has come"
			if r.Joined.IsZero() == accepted {
				t.Errorf("joined at %v", r.Joined)
			}
			if anew := slices.Contains(w.whats(again), "invited-anew"); anew != (name == "is gone, and another has come") {
				t.Errorf("history %v", w.whats(again))
			}
			if other := r.GuestID != "" && r.GuestID != w.load(first).GuestID; other != (name == "is gone, and another has come") {
				t.Errorf("the guest is another: %v", other)
			}
			if r.State != request.Review || test.what == "guest-disabled" {
				return
			}
			// A person approves, and the guest is invited anew.
			must(w.reviewer().Approve(t.Context(), w.load(again), approvedTerms, ""))(t)
			w.settle(1)
			r = w.wantState(again, request.Done)
			if r.GuestID == w.load(first).GuestID || r.RepeatOf != "" || len(w.tenant.Invitations()) != 2 {
				t.Errorf("it counts as a repeat: %+v, %d invitations", r, len(w.tenant.Invitations()))
			}
			// The next request is a repeat of that one.
			third := w.signUpFor("ana@contoso.com", 2)
			if r := w.wantState(third, request.Done); r.RepeatOf != again || len(w.tenant.Invitations()) != 2 {
				t.Errorf("%+v, %d invitations", r, len(w.tenant.Invitations()))
			}
		})
	}
}

// TestRepeatWhenDirectoryCannotBeAsked signs up again while the directory can't say who the guest
// of the first request is now.
func TestRepeatWhenDirectoryCannotBeAsked(t *testing.T) {
	tests := map[string]struct {
		fault graphsim.Fault
		waits bool
		want  request.State
	}{
		"for a while":        {graphsim.Fault{Times: 3, Status: 503}, true, request.Done},
		"throttled":          {graphsim.Fault{Times: 1, Status: 429, Headers: retryAfter("120")}, true, request.Done},
		"one odd answer":     {graphsim.Fault{Times: 1, Status: 400, Code: "BadRequest", Message: "No."}, false, request.Done},
		"not understood":     {graphsim.Fault{Times: 1000, Status: 403, Body: "<html>No.</html>", ContentType: "text/html"}, true, request.Review},
		"refused altogether": {graphsim.Fault{Times: 1000, Status: 400, Code: "BadRequest", Message: "No."}, true, request.Review},
		"down for a day":     {graphsim.Fault{Times: 1000, Status: 503}, true, request.Review},
		"without the right": {graphsim.Fault{Times: 1000, Status: 403, Code: "Authorization_RequestDenied",
			Message: "Insufficient privileges to complete the operation."}, false, request.Review},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
			first := w.signUpFor("ana@contoso.com", 2)
			guest := w.load(first).GuestID
			w.row("contoso.com", "row", "Action", "invite", "Groups", groupTwo)
			test.fault.Match = userByID
			w.order(test.fault)
			again := w.signUp("ana@contoso.com")
			gate := w.gate()
			if gate.HeldUntil.After(w.now) != (name == "throttled") {
				t.Errorf("gate %+v", gate)
			}
			if waits := w.load(again).State == request.Inviting; waits != test.waits {
				t.Errorf("waits: %v; history %v", waits, w.whats(again))
			}
			w.settle(8)
			r := w.wantState(again, test.want)
			if n := len(w.tenant.Invitations()); n != 1 {
				t.Errorf("%d invitations", n)
			}
			if test.want == request.Done {
				if r.RepeatOf != first {
					t.Errorf("%+v", r)
				}
				return
			}
			if groups := w.groupsOf(guest); len(groups) != 1 || w.last(again) != "guest-unseen" {
				t.Errorf("groups %v, history %v", groups, w.whats(again))
			}
			// A person says yes to just that.
			w.tenant.ClearFaults()
			if name == "without the right" {
				w.order(test.fault)
			}
			must(w.reviewer().Approve(t.Context(), w.load(again), approvedTerms, ""))(t)
			w.settle(1)
			w.wantState(again, request.Done)
			if groups := w.groupsOf(guest); len(groups) != 2 || len(w.tenant.Invitations()) != 1 {
				t.Errorf("groups %v, %d invitations", groups, len(w.tenant.Invitations()))
			}
		})
	}
}

// TestRepeatRightAfterInvitation signs up again while the directory may not show the guest yet.
func TestRepeatRightAfterInvitation(t *testing.T) {
	t.Run("the guest is not visible yet", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
		w.order(graphsim.Fault{Match: userByID, Times: 1, Status: 404, Code: "Request_ResourceNotFound", Message: "Resource does not exist."})
		first := w.signUp("ana@contoso.com")
		id := w.signUp("ana@contoso.com")
		if r := w.wantState(id, request.Done); r.RepeatOf != first || len(w.tenant.Invitations()) != 1 {
			t.Errorf("%+v, %d invitations", r, len(w.tenant.Invitations()))
		}
	})
	t.Run("the app may not read users", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
		w.order(forbidden(lookUps, 1000), forbidden(userByID, 1000))
		w.signUp("ana@contoso.com")
		for _, test := range []struct {
			after time.Duration
			want  request.State
		}{{29 * time.Minute, request.Done}, {2 * time.Minute, request.Review}} {
			w.now = w.now.Add(test.after)
			w.wantState(w.signUp("ana@contoso.com"), test.want)
		}
	})
}

func TestRepeatForGuestWhoChangedMinutesAgo(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*graphsim.User)
		what   string
	}{
		"disabled":              {func(u *graphsim.User) { u.Disabled = true }, "guest-disabled"},
		"given another address": {func(u *graphsim.User) { u.Mail, u.OtherMails = "eve@contoso.com", nil }, "guest-gone"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
			guest := w.load(w.signUp("ana@contoso.com")).GuestID
			w.row("contoso.com", "row", "Action", "invite", "Groups", groupTwo)
			w.now = w.now.Add(5 * time.Minute)
			ok(t, w.tenant.ChangeUser(guest, test.change))
			again := w.signUpFor("ana@contoso.com", 1)
			w.wantState(again, request.Review)
			if groups := w.groupsOf(guest); len(groups) != 1 || w.last(again) != test.what {
				t.Errorf("groups %v, history %v", groups, w.whats(again))
			}
		})
	}
}

// TestRepeatWaitsForOwnerWhoseGuestIsGone signs up again while the first request still adds groups
// to a guest who is gone.
func TestRepeatWaitsForOwnerWhoseGuestIsGone(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
	w.order(forbidden(membersOf(groupOne), 1))
	first := w.signUp("ana@contoso.com")
	gone := w.wantState(first, request.Granting).GuestID
	w.now = w.now.Add(40 * time.Minute)
	ok(t, w.tenant.ChangeUser(gone, func(u *graphsim.User) { u.Mail, u.OtherMails = "eve@contoso.com", nil }))
	must(w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", ExternalUserState: "Accepted"}))(t)
	w.row("contoso.com", "row", "Action", "invite", "Groups", groupTwo)
	again := w.signUp("ana@contoso.com")
	if w.last(again) != "waiting-for-owner" {
		t.Errorf("history %v", w.whats(again))
	}
	w.settle(2)
	w.wantState(first, request.Review)
	r := w.wantState(again, request.Done)
	if r.GuestID == gone || len(w.groupsOf(gone)) > 0 || len(w.groupsOf(r.GuestID)) != 1 {
		t.Errorf("%s is in %v, who is gone is %s and in %v", r.GuestID, w.groupsOf(r.GuestID), gone, w.groupsOf(gone))
	}
}

// TestApprovalAnswersOnlyWhatCameBefore approves what policy left to a person, and the guest is
// removed before or after that.
func TestApprovalAnswersOnlyWhatCameBefore(t *testing.T) {
	for name, before := range map[string]bool{"removed before the approval": true, "removed after the approval": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "review")
			guest := must(w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", ExternalUserState: "Accepted"}))(t)
			id := w.review(t, "ana@contoso.com")
			remove := func() { ok(t, w.tenant.DeleteUser(guest.ID)) }
			if before {
				remove()
			}
			must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
			w.now = w.now.Add(time.Minute)
			if !before {
				remove()
				w.settle(1)
				w.wantState(id, request.Review)
				w.wantTenant(0, 0, 0)
				must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
			}
			w.settle(1)
			w.wantState(id, request.Done)
			w.wantTenant(1, 1, 1)
		})
	}
}

// TestOneForbiddenQuestionLetsNoRemovedGuestIn: the app may read users, and one answer says that it
// may not.
func TestOneForbiddenQuestionLetsNoRemovedGuestIn(t *testing.T) {
	questions := map[string]graphsim.Match{
		"who holds the address": lookUps, "who was deleted": {Method: http.MethodGet, Path: "/v1.0/directory/*"},
	}
	for name, question := range questions {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
			removed := must(w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", CreationType: "Invitation"}))(t)
			ok(t, w.tenant.DeleteUser(removed.ID))
			w.order(forbidden(question, 1))
			id := w.signUp("ana@contoso.com")
			r := w.wantState(id, request.Review)
			if r.Objection != "guest-deleted" {
				t.Errorf("objection %q", r.Objection)
			}
			w.wantTenant(0, 0, 0)
			w.wantLine(workflow.LogDegraded, 0)
		})
	}
}

// TestMissingRightIsFoundOutOnce: without the right to read users, each question is asked once.
func TestMissingRightIsFoundOutOnce(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	ok(t, w.tenant.Deny("User.Read.All"))
	for i, want := range []int{3, 4, 5} {
		w.wantState(w.signUp(fmt.Sprintf("partner.%d@contoso.com", i)), request.Done)
		if n := w.tenant.Calls()["GET /v1.0/users"]; n != want {
			t.Errorf("%d questions for %d guests, want %d", n, i+1, want)
		}
	}
	ok(t, w.tenant.Deny())
	w.wantState(w.signUp("bo@contoso.com"), request.Done)
	w.order(forbidden(lookUps, 2))
	w.wantState(w.signUp("cy@contoso.com"), request.Done)
	if n := w.tenant.Calls()["GET /v1.0/users"]; n != 9 {
		t.Errorf("%d questions in all, want 9", n)
	}
	w.wantLine(workflow.LogDegraded, 1)
}

// TestKnownGuestIsAskedForMoreRarelyInTroubleOfTenant: what a question about a known guest meets is
// everybody's trouble if the answer says nothing about the guest and the breaker is open.
func TestKnownGuestIsAskedForMoreRarelyInTroubleOfTenant(t *testing.T) {
	tests := map[string]struct {
		answer problem.Code
		open   bool
		want   time.Duration
	}{
		"no token":                             {request.DirectoryNoToken, false, 5 * time.Second},
		"no token, and the breaker is open":    {request.DirectoryNoToken, true, time.Minute},
		"nonsense":                             {request.DirectoryUnknown, false, 5 * time.Second},
		"nonsense, and the breaker is open":    {request.DirectoryUnknown, true, time.Minute},
		"no answer":                            {request.DirectoryUnavailable, false, 5 * time.Second},
		"no answer, while the breaker is open": {request.DirectoryUnavailable, true, 5 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.invite()
			w.now = w.now.Add(2 * time.Hour)
			if test.open {
				w.stop()
			}
			id := w.submit("ana@contoso.com")
			w.on("UserByID", before, -1, func() error { return problem.New(test.answer, "the test says so") })
			w.deliverAll()
			if wait := w.load(id).Due.Sub(w.now); wait != test.want {
				t.Errorf("it waits %v, want %v; history %v", wait, test.want, w.whats(id))
			}
		})
	}
}

// TestGuestWhoCannotBeLookedUpGetsNoGroupsAfterAnHour takes the right to read users away while a
// group is waited for.
func TestGuestWhoCannotBeLookedUpGetsNoGroupsAfterAnHour(t *testing.T) {
	tests := map[string]struct {
		after time.Duration
		want  request.State
		last  string
	}{
		"within the hour": {time.Hour - time.Second, request.Done, "granted"},
		"when it is over": {time.Hour, request.Review, "guest-unseen"},
		"a day later":     {24 * time.Hour, request.Review, "guest-unseen"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.order(answersOnce(membersOf(groupOne), 503))
			id := w.invited()
			w.deliverAll()
			w.order(forbidden(graphsim.Match{Method: http.MethodGet, Path: "/v1.0/users*"}, 1_000_000))
			w.config.Sleep = func(context.Context, time.Duration) error { return nil }
			w.worker = w.newWorker()
			w.now = w.wantState(id, request.Granting).Since.Add(test.after)
			w.bring(id)
			w.deliverAll()
			w.wantState(id, test.want)
			if last := w.last(id); last != test.last {
				t.Errorf("the last event is %q, want %q", last, test.last)
			}
		})
	}
}

// TestOneUnansweredQuestionAfterTroubleWithGroup: attempts at a group do not count as questions
// about the guest.
func TestOneUnansweredQuestionAfterTroubleWithGroup(t *testing.T) {
	w := newWorld(t)
	failing := true
	w.on("AddMember", before, -1, func() error {
		if failing {
			return problem.New(request.DirectoryUnavailable, "the test says so")
		}
		return nil
	})
	id := w.invited()
	w.settle(10)
	w.wantState(id, request.Granting)
	failing = false
	w.on("UserByID", before, 1, func() error {
		return problem.New(request.DirectoryUnavailable, "the test says so")
	})
	w.settle(1)
	w.wantState(id, request.Done)
}
