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

func TestRetentionErasesFinishedRequests(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("ana@contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
	w.row("bo@contoso.com", "r", "Action", "deny")
	invited, denied, reviewed := w.submit("ana@contoso.com"), w.submit("bo@contoso.com"), w.submit("cy@fabrikam.com")
	w.deliverAll()
	must(w.reviewer().Deny(t.Context(), w.review(t, "di@fabrikam.com"), "secret words"))(t)
	ok(t, w.worker.Keep(t.Context(), "m1", []byte(`ana`), problem.New(problem.MalformedMessage, "not one of ours")))
	w.now = w.now.Add(29 * 24 * time.Hour)
	w.settle(1)
	if r := w.load(invited); !r.Erased.IsZero() || r.Submission.GivenName == "" {
		t.Error("erased too early")
	}
	w.now = w.now.Add(24 * time.Hour)
	w.settle(2)
	w.wantErased(invited)
	for _, id := range []submission.ID{invited, denied} {
		r := w.load(id)
		if r.Decision == nil || r.Decision.Reason == "" || r.Decision.Row == nil || r.Erased.IsZero() {
			t.Errorf("the decision is gone, or the data is not: %+v", r)
		}
	}
	w.wantSeats("ana@contoso.com", "r", 1)
	if r := w.wantState(reviewed, request.Review); r.Submission.GivenName == "" {
		t.Error("a request that waits for a person lost its data")
	}
	w.wantLine(workflow.LogOverdue, strings.Count(w.log.String(), `"requests wait too long"`))
	if !strings.Contains(w.log.String(), `state=review requests=1 oldest=`+reviewed.Issued().Format("2006-01-02T15:04:05")) {
		t.Error("the log does not say that a request waits for a person for a month")
	}
	// The address still has a guest, so there is no second mail.
	again := w.signUpFor("ana@contoso.com", 1)
	w.wantState(again, request.Done)
	w.wantTenant(1, 1, 0)
}

func TestRetentionErasesInBatches(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("contoso.com", "r", "Action", "deny")
	w.review(t, "waits@fabrikam.com")
	w.submitMany(250)
	w.deliverAll()
	w.now = w.now.Add(31 * 24 * time.Hour)
	for _, want := range []int{150, 50, 0} {
		w.settleMinutes(1)
		left, err := w.store.Expired(t.Context(), w.now, 1000)
		if err != nil || len(left) != want {
			t.Errorf("%d requests still hold personal data, want %d (%v)", len(left), want, err)
		}
	}
	// Requests that wait too long are logged once an hour, not at every run.
	w.settleMinutes(50)
	w.wantLine(workflow.LogOverdue, 1)
	w.settleMinutes(60)
	w.wantLine(workflow.LogOverdue, 2)
}

func TestUnreadableRecordDoesNotBlockRetention(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Retention = 30 * 24 * time.Hour })
	w.row("contoso.com", "r", "Action", "deny")
	broken, other := w.submit("ana@contoso.com"), w.submit("bo@contoso.com")
	w.review(t, "waits@fabrikam.com")
	w.now = w.now.Add(31 * 24 * time.Hour)
	w.on("Load", before, 1, func() error {
		return problem.New(problem.Internal, "loading request: column Decision is not a decision")
	})
	var due outbox
	must(w.worker.Upkeep(t.Context(), &due))(t)
	erased := 0
	for _, id := range []submission.ID{broken, other} {
		if !w.load(id).Erased.IsZero() {
			erased++
		}
	}
	if erased != 1 {
		t.Errorf("%d of 2 requests were erased, want the one that can be read", erased)
	}
	// Requests that wait too long are logged all the same.
	w.wantLine(workflow.LogOverdue, 1)
}

func TestUpkeepLogsEveryRun(t *testing.T) {
	w := newWorld(t)
	w.settleMinutes(3)
	w.wantLine(workflow.LogUpkeep, 3)
}

func TestUpkeepEnqueuesOncePerLease(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	ok(t, w.store.Wait(t.Context(), id, w.now))
	var sent outbox
	for range 10 {
		w.now = w.now.Add(lease / 11)
		must(w.worker.Upkeep(t.Context(), &sent))(t)
	}
	if len(sent) != 1 {
		t.Errorf("%d messages within the lease, want 1", len(sent))
	}
	w.now = w.now.Add(lease)
	n, err := w.worker.Upkeep(t.Context(), &sent)
	if err != nil || n != 1 {
		t.Errorf("a lost message is not sent again: %d, %v", n, err)
	}
}
