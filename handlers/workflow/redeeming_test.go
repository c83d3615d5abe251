package workflow_test

import (
	"testing"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/request"
)

// TestNewCodeIsMailedThoughEarlierOneIsFound: while nobody could ask what became of the first mail,
// the request failed and was taken up again. That mail has a code that counts no more.
func TestNewCodeIsMailedThoughEarlierOneIsFound(t *testing.T) {
	w := newMailWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.fail(acssim.Fault{Trouble: acssim.AnswerLost, Call: "send", Always: true})
	w.fail(acssim.Fault{Trouble: acssim.Refused, Call: "ask", Status: 503, Always: true})
	id := w.signUp("ana@contoso.com")
	w.settle(80)
	w.wantState(id, request.Failed)
	first := w.code("ana@contoso.com")
	must(w.reviewer().Retry(t.Context(), id))(t)
	w.settleMinutes(5)
	w.service.ClearFaults()
	w.settle(2)
	w.wantMails("ana@contoso.com", 2)
	if w.code("ana@contoso.com") == first {
		t.Error("the code is the first one")
	}
	w.typeCode(id, first)
	w.wantState(id, request.Proving)
	w.prove(id, "ana@contoso.com")
	w.wantState(id, request.Done)
}
