package workflow_test

import (
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// TestGuestWhoIsNotShownGetsNoGroup lets an instance whose clock is hours ahead go on with a guest
// who is new: by its clock, the directory should have shown the guest long ago. Nobody can say
// whether the guest was shut out meanwhile.
func TestGuestWhoIsNotShownGetsNoGroup(t *testing.T) {
	for name, test := range map[string]struct {
		groups string
		joined int // before the guest is shut out
	}{
		"no group has taken the guest": {groupTwo, 0},
		"a group has taken the guest":  {groupOne + " " + groupTwo, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "Groups", test.groups)
			w.order(graphsim.Fault{Match: membersOf(groupTwo), Times: 4, Status: 404,
				Code: "Request_ResourceNotFound", Message: missingObject("x")})
			id := w.signUp("ana@contoso.com")
			guest := w.wantState(id, request.Granting).GuestID
			w.changeUser(guest, func(u *graphsim.User) { u.Disabled = true })
			w.order(graphsim.Fault{Match: userByID, Times: 8, Status: 404,
				Code: "Request_ResourceNotFound", Message: missingObject(guest)})
			ahead := w.config
			ahead.Now = func() time.Time { return w.now.Add(5 * time.Hour) }
			for range 2 {
				worker := must(workflow.New(ahead))(t)
				ok(t, worker.Advance(t.Context(), submission.Message{ID: id}))
				w.now = w.now.Add(time.Hour)
			}
			w.settle(12)
			if n := len(w.tenant.Memberships()); n != test.joined {
				t.Errorf("%d memberships, want %d; history %v", n, test.joined, w.whats(id))
			}
			w.wantState(id, request.Review)
			w.wantNothingDue()
		})
	}
}
