package workflow_test

import (
	"slices"
	"testing"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// madeInternal turns a guest into an account of the tenant's own, which keeps the address.
var madeInternal = changed(func(u *graphsim.User) {
	u.UserPrincipalName, u.UserType, u.ExternalUserState = "ana@standin.onmicrosoft.com", "Member", ""
})

// TestUnclearAccountIsUpToPersonOnce lets a person approve an account that was invited once and
// looks internal now. However a request meets the account, it says so, and the approval counts.
func TestUnclearAccountIsUpToPersonOnce(t *testing.T) {
	for name, meet := range map[string]func(*world) (id submission.ID, guest string){
		"the guest becomes one while groups wait": func(w *world) (submission.ID, string) {
			w.order(forbidden(membersOf(groupTwo), 1000))
			id := w.signUp("ana@contoso.com")
			guest := w.wantState(id, request.Granting).GuestID
			w.settleMinutes(20)
			madeInternal(w, guest)
			return id, guest
		},
		"the guest became one before a repeat": func(w *world) (submission.ID, string) {
			guest := w.wantState(w.signUpFor("ana@contoso.com", 1), request.Done).GuestID
			madeInternal(w, guest)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupTwo)
			return w.submit("ana@contoso.com"), guest
		},
		"the answer to the approved invitation is lost": func(w *world) (submission.ID, string) {
			user := graphsim.User{Mail: "ana@contoso.com", UserPrincipalName: "ana@standin.onmicrosoft.com",
				UserType: "Member", CreationType: "Invitation"}
			guest := must(w.tenant.AddUser(user))(w.t).ID
			return w.submit("ana@contoso.com"), guest
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne+" "+groupTwo)
			id, guest := meet(w)
			w.settle(2)
			if r := w.wantState(id, request.Review); r.Objection != "unclear-user" {
				t.Errorf("the objection is %q: %s", r.Objection, r.Reason)
			}
			w.tenant.ClearFaults()
			w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502})
			w.order(forbidden(membersOf(groupTwo), 4)) // so that the account is looked at again
			must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
			w.settle(4)
			r := w.wantState(id, request.Done)
			if groups := w.groupsOf(guest); r.GuestID != guest || !slices.Contains(groups, groupTwo) {
				t.Errorf("guest %s is in %v; history %v", r.GuestID, groups, w.whats(id))
			}
		})
	}
}
