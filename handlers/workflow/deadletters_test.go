package workflow_test

import (
	"strings"
	"testing"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

func (w *world) poisoned(body []byte) {
	w.t.Helper()
	for range 2 { // delivered twice, as any message may be
		ok(w.t, w.worker.GiveUp(w.t.Context(), "800ae4b3-0000-4000-8000-000000000001", body))
	}
}

func TestGivenUpMessageKeepsSubmissionForRetry(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.submit("ana@contoso.com")
	body := must(w.queue[0].Encode())(t)
	w.queue = nil
	w.poisoned(body)
	r := w.wantState(id, request.Failed)
	if r.Submission.Email.String() != "ana@contoso.com" {
		t.Error("the submission is gone")
	}
	if n := len(w.whats(id)); n != 2 {
		t.Errorf("history %v", w.whats(id))
	}
	must(w.reviewer().Retry(t.Context(), id))(t)
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 0)

	// A request that has ended otherwise stays as it is.
	w.poisoned(body)
	w.wantState(id, request.Done)
	w.wantLine(workflow.LogPoisoned, 4)
	w.wantLine(workflow.LogFailed, 1)
}

func TestGivenUpInstructionIsKept(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	body := must(submission.Message{ID: id, Kind: submission.Withdraw}.Encode())(t)
	w.poisoned(body)
	w.wantState(id, request.Done)
	kept, err := w.store.AllDeadLetters(t.Context())
	if err != nil || len(kept) != 1 || string(kept[0].Body) != string(body) {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

func TestGivenUpMessageFailsParkedRequest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.tenantSays(suspicious)
	id := w.signUpFor("ana@contoso.com", 1)
	w.wantState(id, request.Parked)
	body := must(submission.Message{ID: id}.Encode())(t)
	w.poisoned(body)
	// The due entry that is still there brings a message, which finds nothing to do and removes it.
	w.settle(1)
	w.wantState(id, request.Failed)
	w.wantNothingDue()
}

func TestForeignMessageIsKept(t *testing.T) {
	w := newWorld(t)
	w.poisoned([]byte(`{"email":"ana@contoso.com"}`))
	kept, err := w.store.AllDeadLetters(t.Context())
	if err != nil || len(kept) != 1 || string(kept[0].Body) != `{"email":"ana@contoso.com"}` || kept[0].Why == "" {
		t.Errorf("kept %+v, %v", kept, err)
	}
	w.wantLine(workflow.LogKept, 2)
	if strings.Contains(w.log.String(), "ana@") || strings.Contains(kept[0].Why, "ana@") {
		t.Error("the log repeats the message")
	}

	// A message for a request that was never recorded harms nothing either.
	id := must(submission.NewID(w.now, w.random))(t)
	body := must(submission.Message{ID: id}.Encode())(t)
	w.poisoned(body)
	w.settle(1)
	w.wantTenant(0, 0, 0)
}

func TestMessagesWithoutIDAreKeptByContent(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{"one", "another", "one"} {
		w.keep("", body)
	}
	kept := w.kept()
	if len(kept) != 2 || kept[0] == "" || kept[1] == "" {
		t.Errorf("the dead letters are %q", kept)
	}
}
