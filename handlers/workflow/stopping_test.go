package workflow_test

import (
	"strings"
	"testing"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// adminStops opens the breaker as an admin does.
func (w *world) adminStops() {
	w.t.Helper()
	const by, reason = "desk@wingtiptoys.com", "ana of the partner asked"
	must(request.OpenBreaker(w.t.Context(), w.store, by, reason, w.now))(w.t)
}

func TestAdminsStopHoldsWhatTheDirectorySays(t *testing.T) {
	tests := map[string]func(*world){
		"nothing":                    func(*world) {},
		"that a cause stands":        (*world).stop,
		"that the tenant is blocked": func(w *world) { w.tenantSays(suspicious) },
		"that nobody may be invited": func(w *world) { w.tenantSays(switchedOff) },
	}
	for name, says := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
			says(w)
			w.adminStops()
			ids := w.submitMany(4)
			w.settle(72)
			if n := w.attempts(); n != 0 {
				t.Errorf("%d invitations were tried although an admin had stopped them", n)
			}
			for _, id := range ids {
				w.wantState(id, request.Parked)
			}
			w.tenant.ClearFaults()
			must(request.CloseBreaker(t.Context(), w.store, "desk", w.gate().Stop.At, w.now))(t)
			w.settle(2)
			for _, id := range ids {
				w.wantState(id, request.Done)
			}
		})
	}
}

func TestAdminsStopIsLoggedOnceWithoutNameAndReason(t *testing.T) {
	w := newWorld(t)
	w.adminStops()
	w.settle(3)
	w.wantLine(workflow.LogBreakerOpened, 1)
	text := w.log.String()
	if !strings.Contains(text, "cause=stopped-by-admin") {
		t.Errorf("without the cause: %s", text)
	}
	for _, part := range []string{"ana of the partner", "desk@wingtiptoys.com"} {
		if strings.Contains(text, part) {
			t.Errorf("the log has %q", part)
		}
	}
	// The next stop is another one.
	must(request.CloseBreaker(t.Context(), w.store, "desk", w.gate().Stop.At, w.now))(t)
	w.now = w.now.Add(time.Minute)
	w.adminStops()
	w.settle(1)
	w.wantLine(workflow.LogBreakerOpened, 2)
}

func TestAdminsStopAndCauseOfTenantStandTogether(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.tenantSays(suspicious)
	w.on("Invite", before, 1, func() error { w.adminStops(); return nil })
	id := w.signUp("ana@contoso.com") // it has its turn already
	w.interrupt = nil
	w.wantState(id, request.Parked)
	gate := w.gate()
	if gate.Cause != request.DirectorySuspicious || !gate.Stop.Stands() {
		t.Errorf("gate %+v", gate)
	}
	w.settle(1)
	w.wantLine(workflow.LogBreakerOpened, 2) // both are said
}

func TestSuccessfulProbeLeavesAdminsStop(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	id := w.signUp("ana@contoso.com")
	w.now = w.now.Add(2 * time.Hour)
	w.on("Invite", after, -1, func() error { w.adminStops(); return nil })
	w.queue = append(w.queue, submission.Message{ID: id, Due: w.now.Add(w.config.IntentLease), Resumed: true})
	w.deliverAll()
	w.interrupt = nil
	w.wantState(id, request.Done)
	gate := w.gate()
	if gate.Cause != "" || !gate.Stop.Stands() {
		t.Errorf("gate %+v", gate)
	}
	w.wantLine(workflow.LogBreakerClosed, 0) // nothing goes on yet
}

func TestMailIsNotSentAgainWhileAdminStops(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Done)
	w.now = w.now.Add(2 * time.Hour)
	w.adminStops()
	must(w.reviewer().Resend(t.Context(), id))(t)
	w.settle(5)
	if n := w.attempts(); n != 1 {
		t.Errorf("%d invitations were sent, want the one before the stop", n)
	}
}
