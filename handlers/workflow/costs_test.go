package workflow_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// TestGuestCostsFewCalls counts the calls for a guest that the directory shows at once, up to the
// end of the request.
func TestGuestCostsFewCalls(t *testing.T) {
	const (
		search  = "GET /v1.0/users"
		byID    = "GET /v1.0/users/{id}"
		deleted = "GET /v1.0/directory/deletedItems/microsoft.graph.user"
		invite  = "POST /v1.0/invitations"
		member  = "POST /v1.0/groups/{id}/members/$ref"
	)
	tests := map[string]struct {
		groups  string
		storage map[string]int
		graph   map[string]int
	}{
		"one group": {groupOne,
			map[string]int{"Load": 2, "Rows": 2, "Strays": 1, "Save": 3, "Claim": 1, "UpdateClaim": 1,
				"Gate": 1, "SaveGate": 1},
			map[string]int{search: 1, deleted: 1, invite: 1, member: 1}},
		"two groups": {groupOne + " " + groupTwo,
			map[string]int{"Load": 2, "Rows": 2, "Strays": 1, "Save": 3, "Claim": 1, "UpdateClaim": 1,
				"Gate": 1, "SaveGate": 1},
			map[string]int{search: 1, deleted: 1, invite: 1, member: 2}},
		"no groups, looked for later": {"",
			map[string]int{"Load": 3, "Rows": 2, "Strays": 1, "Save": 3, "Claim": 1, "UpdateClaim": 1,
				"Gate": 1, "SaveGate": 1, "Wait": 1, "StopWaiting": 1},
			map[string]int{search: 1, deleted: 1, invite: 1, byID: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", test.groups)
			w.settleMinutes(1) // upkeep has looked for misspelt keys
			storage := map[string]int{}
			w.store.FailBefore = func(op string) error { storage[op]++; return nil }
			w.on("Invite", after, 1, func() error {
				w.now = w.now.Add(time.Minute)
				return nil
			})
			id := w.submit("ana@contoso.com")
			w.deliverAll()
			due := w.load(id).Due
			storage["Load"]--
			if !due.IsZero() {
				w.now = due
				w.queue = append(w.queue, submission.Message{ID: id, Due: due})
				w.deliverAll()
			}
			if diff := cmp.Diff(test.storage, storage); diff != "" {
				t.Errorf("storage (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.graph, w.tenant.Calls()); diff != "" {
				t.Errorf("Graph (-want +got):\n%s", diff)
			}
			w.wantState(id, request.Done)
		})
	}
}
