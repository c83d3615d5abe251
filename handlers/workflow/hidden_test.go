package workflow_test

import (
	"strings"
	"testing"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/request"
)

var searchDeleted = graphsim.Match{
	Method: "GET", Path: "/v1.0/directory/deletedItems/microsoft.graph.user",
}

// alreadyExists is Graph's answer to an invitation if an object holds the address that no search
// shows.
var alreadyExists = graphsim.Fault{Match: invitations, Times: 1000, Status: 400, Code: "BadRequest",
	Message: "The invited user already exists in the directory as object ID: " +
		"cccccccc-0000-4000-8000-000000000001. They can use that account to sign in to shared apps and resources."}

func TestUserWhomTheDirectoryHidesIsLookedForInTheRecycleBin(t *testing.T) {
	empty := graphsim.Fault{Match: searchDeleted, Status: 200, Body: graphsim.NobodyFound}
	deleted := graphsim.User{Mail: "ana@contoso.com", UserType: "Guest", CreationType: "Invitation",
		ExternalUserState: "Accepted", Deleted: true}

	t.Run("a deleted guest", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(3))
		must(w.tenant.AddUser(deleted))(t)
		w.order(empty, alreadyExists) // the first search does not show the guest yet
		id := w.signUpFor("ana@contoso.com", 1)
		w.wantState(id, request.Review)
		if w.last(id) != "guest-deleted" || w.attempts() != 1 {
			t.Errorf("history %v, %d attempts", w.whats(id), w.attempts())
		}
		w.wantSeats("contoso.com", "trusted", 0)

		// Approved, and the deleted guest still holds the address.
		must(w.reviewer().Approve(t.Context(), w.load(id), approvedTerms, ""))(t)
		w.settle(1)
		if r := w.wantState(id, request.Failed); !strings.Contains(r.Reason, "deleted guest") {
			t.Errorf("reason %q", r.Reason)
		}
	})
	t.Run("nobody who can be seen", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite")
		must(w.tenant.AddContact(graphsim.Contact{Mail: "ana@contoso.com"}))(t)
		id := w.signUpFor("ana@contoso.com", 1)
		r := w.wantState(id, request.Failed)
		for _, words := range []string{"already exists", "deleted users", "contacts", "request-id"} {
			if !strings.Contains(r.Reason, words) {
				t.Errorf("reason %q, want %q", r.Reason, words)
			}
		}
	})
	t.Run("nobody, and the recycle bin can't be searched", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite")
		w.order(alreadyExists, graphsim.Fault{Match: searchDeleted, Always: true,
			Status: 400, Code: "Request_UnsupportedQuery", Message: "No."})
		id := w.signUpFor("ana@contoso.com", 1)
		if r := w.wantState(id, request.Failed); !strings.Contains(r.Reason, "deleted users") {
			t.Errorf("reason %q", r.Reason)
		}
	})
	t.Run("nobody, and Graph only names the clash", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite")
		w.order(graphsim.Fault{Match: invitations, Times: 1000, Status: 409,
			Code: "Request_MultipleObjectsWithSameKeyValue", Message: "A conflicting object is present."})
		id := w.signUpFor("ana@contoso.com", 1)
		if r := w.wantState(id, request.Failed); !strings.Contains(r.Reason, "deleted users") {
			t.Errorf("reason %q", r.Reason)
		}
	})
	t.Run("somebody who can be seen", func(t *testing.T) {
		w := newWorld(t)
		w.row("contoso.com", "trusted", "Action", "invite")
		must(w.tenant.AddUser(graphsim.User{Mail: "ana@contoso.com", UserType: "Guest",
			CreationType: "Invitation", ExternalUserState: "PendingAcceptance"}))(t)
		w.order(alreadyExists)
		id := w.signUpFor("ana@contoso.com", 1)
		if r := w.wantState(id, request.Failed); strings.Contains(r.Reason, "deleted users") {
			t.Errorf("reason %q", r.Reason)
		}
	})
}
