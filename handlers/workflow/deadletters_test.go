package workflow_test

import (
	"strings"
	"testing"
	"time"

	"guestlist/handlers/problem"
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

// poisonedForDays gives a message up, and again three days later.
func (w *world) poisonedForDays(body []byte) {
	w.t.Helper()
	w.poisoned(body)
	w.now = w.now.AddDate(0, 0, 3)
	w.poisoned(body)
}

func TestGivenUpMessageIsTriedAgainWithGrowingDelay(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.submit("ana@contoso.com")
	body := must(w.queue[0].Encode())(t)
	w.queue = nil
	for _, want := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour} {
		ok(t, w.worker.GiveUp(t.Context(), "m", body))
		r := w.wantState(id, request.Received)
		if got := r.Due.Sub(w.now); got != want {
			t.Errorf("tried again after %s, want %s", got, want)
		}
		w.now = r.Due
	}
	w.wantLine(workflow.LogPoisoned, 5)
	w.settleMinutes(15) // the receipt is compared, too
	w.wantState(id, request.Done)
	// What happens in between ends the row of troubles.
	ok(t, w.worker.GiveUp(t.Context(), "m", body))
	w.wantState(id, request.Done)
	w.wantLine(workflow.LogFailed, 0)
	w.wantNothingDue()
}

func TestMessageGivenUpForDaysKeepsSubmissionForRetry(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.submit("ana@contoso.com")
	body := must(w.queue[0].Encode())(t)
	w.queue = nil
	w.poisonedForDays(body)
	r := w.wantState(id, request.Failed)
	if r.Submission.Email.String() != "ana@contoso.com" {
		t.Error("the submission is gone")
	}
	must(w.reviewer().Retry(t.Context(), id))(t)
	w.settle(1)
	w.wantState(id, request.Done)
	w.wantTenant(1, 1, 0)

	// A request that has ended otherwise stays as it is.
	w.poisonedForDays(body)
	w.wantState(id, request.Done)
	w.wantLine(workflow.LogFailed, 1)
}

func TestInstructionGivenUpComesBackForDaysAndIsKept(t *testing.T) {
	w := newWorld(t)
	id := w.invite()
	withdrawal := submission.Message{ID: id, Kind: submission.Withdraw}
	body := must(withdrawal.Encode())(t)
	ok(t, w.worker.GiveUp(t.Context(), "m", body))
	if len(w.put) != 1 || w.put[0].queue != submission.Queue || w.put[0].visible.Sub(w.now) != time.Minute {
		t.Fatalf("put back: %+v", w.put)
	}
	again := must(submission.DecodeMessage(w.put[0].body))(t)
	if again.Kind != submission.Withdraw || again.Returns != 1 || !again.Returned.Equal(w.now) {
		t.Errorf("put back as %+v", again)
	}
	w.now = w.now.AddDate(0, 0, 3)
	ok(t, w.worker.GiveUp(t.Context(), "m", w.put[0].body))
	w.wantState(id, request.Done)
	kept, err := w.store.AllDeadLetters(t.Context())
	if err != nil || len(kept) != 1 || len(w.put) != 1 {
		t.Fatalf("kept %+v, %v; put back %d times", kept, err, len(w.put))
	}
	// It can be replayed.
	if kind := must(submission.DecodeMessage(kept[0].Body))(t).Kind; kind != submission.Withdraw {
		t.Errorf("kept a message of kind %q", kind)
	}
}

func TestMessagesGivenUpForDaysFailParkedRequest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	w.tenantSays(suspicious)
	id := w.signUpFor("ana@contoso.com", 1)
	w.wantState(id, request.Parked)
	body := must(submission.Message{ID: id}.Encode())(t)
	w.poisoned(body)
	w.wantState(id, request.Parked)
	w.now = w.now.AddDate(0, 0, 3)
	w.poisoned(body)
	// The due entry that is still there brings a message, which finds nothing to do and removes it.
	w.settle(40)
	w.wantState(id, request.Failed)
	w.wantNothingDue()
}

// TestUnreadableRecordComesBackWithItsSubmission gives up the message of a request whose record
// can't be read.
func TestUnreadableRecordComesBackWithItsSubmission(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	body := must(w.queue[0].Encode())(t)
	w.deliverAll()
	unreadable := func() error { return problem.New(problem.Internal, "column Decision is not a decision") }
	w.on("Load", before, -1, unreadable)
	ok(t, w.worker.GiveUp(t.Context(), "m", body))
	ok(t, w.worker.GiveUp(t.Context(), "m", must(submission.Message{ID: id, Due: w.now}.Encode())(t)))
	if len(w.put) != 1 || !strings.Contains(string(w.put[0].body), "ana@contoso.com") {
		t.Fatalf("put back: %d messages", len(w.put))
	}
	w.now = w.now.AddDate(0, 0, 3)
	ok(t, w.worker.GiveUp(t.Context(), "m", w.put[0].body))
	if kept := w.kept(); len(kept) != 1 || len(w.put) != 1 {
		t.Errorf("kept %q; put back %d times", kept, len(w.put))
	}
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
