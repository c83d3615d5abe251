package workflow_test

import (
	"testing"

	"guestlist/handlers/request"
)

// TestPreliminaryDecisionIsNotStored: for a mailbox that was proved before, the rows are read twice
// before they count. Whoever takes the request up again after a failure must not find the first
// answer.
func TestPreliminaryDecisionIsNotStored(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.prove(w.signUp("ana@contoso.com"), "ana@contoso.com")
	reads := 0
	w.on("Rows", before, -1, func() error {
		reads++
		if reads > 1 {
			return fails()
		}
		return nil
	})
	id := w.signUp("ana@contoso.com")
	if r := w.wantState(id, request.Received); r.Decision != nil || r.Terms() != nil {
		t.Errorf("the decision is %+v", r.Decision)
	}
	w.interrupt = nil
	w.settle(1)
	w.wantState(id, request.Done)
}
