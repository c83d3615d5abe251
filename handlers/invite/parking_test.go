package invite_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/graphsim"
	"guestlist/handlers/invite"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// tenantSays makes the directory refuse every invitation until it is told otherwise.
func (w *world) tenantSays(message string) {
	w.t.Helper()
	w.order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodPost, Path: "/v1.0/invitations"}, Times: 1_000_000, Status: 403,
		Code: "Forbidden", Message: message})
}

const (
	suspicious  = "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support."
	switchedOff = "Guest invitations not allowed for your company. Contact your company administrator for more details."
)

// attempts counts the invitations that reached the directory, refused ones included.
func (w *world) attempts() int { return w.tenant.Calls()["POST /v1.0/invitations"] }

func TestABlockedTenantIsLeftAloneUntilAnAdminActs(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.tenantSays(suspicious)
	var ids []submission.ID
	for i := range 10 {
		ids = append(ids, w.submit(fmt.Sprintf("partner.%d@contoso.com", i)))
	}
	w.settle(48)
	if n := w.attempts(); n != 1 {
		t.Errorf("%d invitations were tried against a blocked tenant, want 1", n)
	}
	for _, id := range ids {
		w.wantState(id, invite.Parked)
		if n := len(w.whats(id)); n > 4 {
			t.Errorf("two days of waiting left %d entries: %v", n, w.whats(id))
		}
	}
	if n := strings.Count(w.log.String(), "breaker opened"); n != 1 {
		t.Errorf("%d alerts, want 1", n)
	}

	w.tenant.ClearFaults()
	w.settle(2)
	if n := w.attempts(); n != 1 {
		t.Errorf("%d invitations were tried before an admin closed the breaker", n)
	}
	w.closeBreaker()
	w.settle(2)
	for _, id := range ids {
		w.wantState(id, invite.Done)
	}
	w.wantTenant(10, 10, 10)
}

func TestAProbeFindsOutThatATenantTakesInvitationsAgain(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.tenantSays(switchedOff)
	var ids []submission.ID
	for i := range 10 {
		ids = append(ids, w.submit(fmt.Sprintf("partner.%d@contoso.com", i)))
	}
	w.settle(5)
	if n := w.attempts(); n < 3 || n > 7 {
		t.Errorf("%d attempts in five hours, want about one an hour", n)
	}
	w.tenant.ClearFaults()
	w.settle(4)
	for _, id := range ids {
		w.wantState(id, invite.Done)
	}
	w.wantTenant(10, 10, 0)
	gate, err := w.store.Gate(t.Context())
	if err != nil || gate.Cause != "" {
		t.Errorf("the breaker is still open: %+v, %v", gate, err)
	}
}

func TestTheDaysBudgetHoldsAndTomorrowGoesOn(t *testing.T) {
	w := newWorld(t)
	w.pace = invite.Pace{Daily: 3}
	w.machine = w.newMachine()
	w.row("contoso.com", "trusted", "Action", "invite")
	var ids []submission.ID
	for i := range 8 {
		ids = append(ids, w.submit(fmt.Sprintf("partner.%d@contoso.com", i)))
	}
	for day, want := range []int{3, 6, 8} {
		w.settle(14) // from 9 to 23 o'clock
		if n := len(w.tenant.Invitations()); n != want {
			t.Errorf("%d invitations by the end of day %d, want %d", n, day+1, want)
		}
		w.settle(10)
	}
	for _, id := range ids {
		w.wantState(id, invite.Done)
	}
}

func TestInvitationsKeepTheirDistance(t *testing.T) {
	w := newWorld(t)
	w.pace = invite.Pace{Spacing: 30 * time.Second}
	w.machine = w.newMachine()
	w.row("contoso.com", "trusted", "Action", "invite")
	for i := range 5 {
		w.submit(fmt.Sprintf("partner.%d@contoso.com", i))
	}
	w.settle(1)
	var sent []time.Time
	for _, invitation := range w.tenant.Invitations() {
		at, err := time.Parse(time.RFC3339, invitation.At)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, at)
	}
	slices.SortFunc(sent, time.Time.Compare)
	if len(sent) != 5 {
		t.Fatalf("%d invitations", len(sent))
	}
	for i := range sent[1:] {
		if gap := sent[i+1].Sub(sent[i]); gap < 30*time.Second {
			t.Errorf("%v between two invitations", gap)
		}
	}
}

func TestThrottlingStopsEveryInstance(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodPost, Path: "/v1.0/invitations"}, Times: 1, Status: 429,
		Headers: map[string]string{"Retry-After": "600"}})
	first := w.submit("ana@contoso.com")
	w.deliverAll()
	second := w.submit("bo@contoso.com")
	w.machine = w.newMachine()
	w.deliverAll()
	if n := w.attempts(); n != 1 {
		t.Errorf("%d attempts while the directory asked for ten minutes of rest", n)
	}
	w.settle(1)
	w.wantState(first, invite.Done)
	w.wantState(second, invite.Done)
	w.wantTenant(2, 2, 0)
}

func TestAnAnswerThatNobodyUnderstandsIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(1))
	w.order(graphsim.Fault{Match: graphsim.Match{Method: http.MethodPost, Path: "/v1.0/invitations"}, Times: 1000, Status: 418,
		Code: "Teapot", Message: "Short and stout."})
	id := w.submit("ana@contoso.com")
	w.settle(6)
	r := w.wantState(id, invite.Failed)
	if !strings.Contains(r.Reason, "request-id") {
		t.Errorf("the reason does not name the directory's id of the call: %q", r.Reason)
	}
	if n := w.attempts(); n < 3 || n > 10 {
		t.Errorf("%d attempts, want a few", n)
	}
	w.wantSeats("contoso.com", "trusted", 0)
}

// closeBreaker is what an admin does.
func (w *world) closeBreaker() {
	w.t.Helper()
	gate, err := w.store.Gate(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if gate.Cause != problem.DirectorySuspicious {
		w.t.Errorf("the breaker is open because of %q", gate.Cause)
	}
	_, err = w.store.SaveGate(w.t.Context(), gate.Close())
	if err != nil {
		w.t.Fatal(err)
	}
}
