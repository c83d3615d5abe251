package workflow_test

import (
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
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
	for range 2 {
		ok(w.t, w.worker.GiveUp(w.t.Context(), "800ae4b3-0000-4000-8000-000000000001", body))
		w.now = w.now.AddDate(0, 0, 3)
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
				must(w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation", Deleted: true}))(t)
				id := w.review(t, "ana@contoso.com")
				must(w.reviewer().Approve(t.Context(), id, policy.Terms{UserType: "Guest", Groups: []string{groupTwo}, SendInvitation: true}, ""))(t)
				switch state {
				case request.Inviting:
					w.order(graphsim.Fault{Match: lookUps, Times: 1, Status: 503})
					w.settleMinutes(1)
					w.deliverAll()
				case request.Parked:
					w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 403, Code: "Forbidden", Message: switchedOff})
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
			terms := policy.Terms{UserType: "Guest", Groups: []string{groupOne}, SendInvitation: true}
			must(w.reviewer().Approve(t.Context(), parked, terms, ""))(t)
			w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 403, Code: "Forbidden", Message: switchedOff})
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
