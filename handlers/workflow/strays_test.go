package workflow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/workflow"
)

func TestDenyUnderMisspeltKeyStopsThoseMeantWithinMinute(t *testing.T) {
	for _, key := range []string{"Fabrikam.com", "fabrikam.com ", "fabrikam.com\u00a0", "fabri\u200bkam.com", "@fabrikam.com", "*fabrikam.com",
		"fabrikam.com.", "https://fabrikam.com", "ｆａｂｒｉｋａｍ.com", "*@Fabrikam.com", "fabrikam"} {
		t.Run(key, func(t *testing.T) {
			w := newWorld(t)
			w.row("*", "everybody", "Action", "invite")
			w.settleMinutes(1)
			first := w.signUp("bo@fabrikam.com")
			w.row(key, "no longer a supplier", "Action", "deny")
			w.settleMinutes(1)
			second := w.signUp("ana@fabrikam.com")
			w.wantState(first, request.Done)
			r := w.wantState(second, request.Review)
			if !strings.Contains(r.Reason, policy.QuoteKey(key)) {
				t.Errorf("the reason does not name the key: %s", r.Reason)
			}
			w.wantTenant(1, 1, 0)
			w.remove(key, "no longer a supplier")
			w.settleMinutes(1)
			w.wantState(w.signUp("cy@fabrikam.com"), request.Done)
		})
	}
}

func TestMisspeltKeyIsLoggedAtOnceAndHourly(t *testing.T) {
	w := newWorld(t)
	w.row("*", "everybody", "Action", "invite")
	w.row("Ana@Fabrikam.com", "gone", "Action", "deny")
	w.settleMinutes(59)
	w.wantLine(workflow.LogStray, 1)
	w.settleMinutes(2)
	w.wantLine(workflow.LogStray, 2)
	w.row("@contoso.com", "gone too", "Action", "deny")
	w.settleMinutes(1)
	w.wantLine(workflow.LogStray, 4)
	if text := w.log.String(); strings.Contains(strings.ToLower(text), "ana@") || !strings.Contains(text, `key="(like an address)"`) {
		t.Errorf("the lines are\n%s", text)
	}
	w.remove("@contoso.com", "gone too")
	w.remove("Ana@Fabrikam.com", "gone")
	w.settleMinutes(200)
	w.wantLine(workflow.LogStray, 4)
}

func TestManyMisspeltKeysAreCountedAndFewAreLogged(t *testing.T) {
	w := newWorld(t)
	for i := range 25 {
		w.row(fmt.Sprintf("@partner-%d.com", i), "gone", "Action", "deny")
	}
	w.settleMinutes(1)
	w.wantLine(workflow.LogStray, 20)
	if text := w.log.String(); !strings.Contains(text, "rows=25") {
		t.Errorf("the lines are\n%s", text)
	}
}

func TestDecisionCostsOneCallMoreForMisspeltKeys(t *testing.T) {
	w := newWorld(t)
	w.row("*", "everybody", "Action", "deny")
	w.row("Fabrikam.com", "gone", "Action", "deny")
	w.settleMinutes(1)
	id := w.submit("ana@contoso.com")
	calls := map[string]int{}
	w.interrupt = func(op string, after bool) error {
		if !after {
			calls[op]++
		}
		return nil
	}
	w.deliverAll()
	if calls["Strays"] != 1 || calls["Rows"] != 1 || calls["ScanRows"]+calls["SaveStrays"] != 0 {
		t.Errorf("a decision made the calls %v, want one of Strays and none of ScanRows", calls)
	}
	w.wantState(id, request.Denied)
}

func TestMisspeltKeyCountsWithoutUpkeep(t *testing.T) {
	w := newWorld(t)
	w.row("*", "everybody", "Action", "invite")
	w.settleMinutes(1)
	w.row("Fabrikam.com", "gone", "Action", "deny")
	w.now = w.now.Add(request.StrayLife + time.Second)
	w.wantState(w.signUp("ana@fabrikam.com"), request.Review)
}

func TestMisspeltKeyThatADecisionFindsIsLoggedByUpkeep(t *testing.T) {
	w := newWorld(t)
	w.row("@contoso.com", "known", "Action", "deny")
	w.settleMinutes(1)
	w.wantLine(workflow.LogStray, 1)
	w.now = w.now.Add(request.StrayLife + time.Second)
	w.row("Fabrikam.com", "gone", "Action", "deny")
	w.wantState(w.signUp("ana@fabrikam.com"), request.Review)
	w.settleMinutes(1)
	w.wantLine(workflow.LogStray, 3)
}

func TestUnreadableListOfMisspeltKeysInvitesNobody(t *testing.T) {
	for _, op := range []string{"Strays", "ScanRows", "SaveStrays"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			w.row("*", "everybody", "Action", "invite")
			id := w.submit("ana@contoso.com")
			w.on(op, before, -1, fails)
			interrupt := w.interrupt
			for range 25 * 6 {
				w.settleMinutes(10)
				w.interrupt = interrupt
			}
			w.wantState(id, request.Review)
			w.wantTenant(0, 0, 0)
			if !strings.Contains(w.log.String(), workflow.LogUnchecked) {
				t.Error("no line says that the rows are not checked")
			}
		})
	}
}

// A table that is read page by page too slowly fails no search, and still is not all checked.
func TestUpkeepSaysThatRowsAreNotAllChecked(t *testing.T) {
	w := newWorld(t)
	w.row("*", "everybody", "Action", "invite")
	w.settleMinutes(1)
	w.wantLine(workflow.LogUnchecked, 0)
	strays := must(w.store.Strays(t.Context()))(t)
	// The next search goes on with the last page of a round that began long ago.
	strays.Cursor, strays.Began = "*", w.now.Add(-time.Hour)
	ok(t, w.store.SaveStrays(t.Context(), strays))
	_, _ = w.worker.Upkeep(t.Context(), &outbox{})
	w.wantLine(workflow.LogUnchecked, 1)
	_, _ = w.worker.Upkeep(t.Context(), &outbox{})
	w.wantLine(workflow.LogUnchecked, 1)
}

func TestUpkeepGoesOnWhenRowsCantBeChecked(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	ok(t, w.store.Wait(t.Context(), id, w.now))
	w.on("ScanRows", before, -1, func() error { return problem.New(problem.Internal, "broken") })
	var due outbox
	must(w.worker.Upkeep(t.Context(), &due))(t)
	if len(due) != 1 {
		t.Errorf("%d due requests were enqueued, want 1", len(due))
	}
}

func (w *world) remove(partition, name string) {
	w.t.Helper()
	ok(w.t, w.store.DropRow(w.t.Context(), policy.RowKey{Partition: partition, Name: name}))
}
