package workflow_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

const (
	suspicious  = "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support."
	switchedOff = "Guest invitations not allowed for your company. Contact your company administrator for more details."
)

func TestBlockedTenantParksRequestsUntilAdminCloses(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	w.tenantSays(suspicious)
	ids := w.submitMany(10)
	w.settle(48)
	if n := w.attempts(); n != 1 {
		t.Errorf("%d invitations were tried against a blocked tenant, want 1", n)
	}
	for _, id := range ids {
		w.wantState(id, request.Parked)
		if n := len(w.whats(id)); n > 4 {
			t.Errorf("two days of waiting left %d entries: %v", n, w.whats(id))
		}
	}
	w.wantLine(workflow.LogBreakerOpened, 1)

	w.tenant.ClearFaults()
	w.settle(2)
	if n := w.attempts(); n != 1 {
		t.Errorf("%d invitations were tried before an admin closed the breaker", n)
	}
	w.closeBreaker()
	w.settle(2)
	for _, id := range ids {
		w.wantState(id, request.Done)
	}
	w.wantTenant(10, 10, 10)
}

// TestBreakerThatTwoOpenAtOnceIsLoggedOnce: two instances are refused at the same moment. One finds
// that the other one has opened the breaker first.
func TestBreakerThatTwoOpenAtOnceIsLoggedOnce(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(graphsim.Fault{
		Match: invitations, Times: 2, Status: http.StatusForbidden, Code: "Forbidden", Message: suspicious,
	})
	w.submitMany(2)
	saves := 0
	w.interrupt = func(op string, after bool) error {
		if op == "SaveGate" && !after {
			saves++
		}
		if saves == 2 { // the first one takes the turn
			w.interrupt = nil
			ok(t, w.newWorker().Advance(t.Context(), w.queue[0]))
		}
		return nil
	}
	ok(t, w.deliver())
	w.wantLine(workflow.LogBreakerOpened, 1)
}

func TestProbeClosesBreaker(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.tenantSays(switchedOff)
	ids := w.submitMany(10)
	w.settle(5)
	// Two requests open the breaker, and others probe.
	if n := w.attempts(); n < 4 || n > 8 {
		t.Errorf("%d attempts in five hours, want about one an hour", n)
	}
	w.tenant.ClearFaults()
	w.settle(4)
	for _, id := range ids {
		w.wantState(id, request.Done)
	}
	w.wantTenant(10, 10, 0)
	gate := w.gate()
	if gate.Cause != "" {
		t.Errorf("the breaker is still open: %+v", gate)
	}
	w.wantLine(workflow.LogBreakerClosed, 1)
}

func TestDailyBudgetParksUntilNextDay(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 3} })
	w.row("contoso.com", "trusted", "Action", "invite")
	ids := w.submitMany(8)
	for day, want := range []int{3, 6, 8} {
		w.settle(14) // from 9 to 23 o'clock
		if n := len(w.tenant.Invitations()); n != want {
			t.Errorf("%d invitations by the end of day %d, want %d", n, day+1, want)
		}
		w.settle(10)
	}
	for _, id := range ids {
		w.wantState(id, request.Done)
	}
	// Once a day, and not on the third.
	w.wantLine(workflow.LogBudgetLow, 2)
	w.wantLine(workflow.LogBudgetSpent, 2)
}

func TestPressureReachesEveryInstance(t *testing.T) {
	pressure := new(workflow.Pressure)
	w := newWorld(t, func(c *workflow.Config) { c.Pressure = pressure })
	w.row("contoso.com", "trusted", "Action", "invite")
	w.submit("ana@contoso.com")
	for _, used := range []float64{0.85, 1.05, 0.9} {
		pressure.Report(used)
	}
	w.deliverAll()
	gate := w.gate()
	if gate.Pressure != 105 || gate.NextAt.Sub(w.now) < 500*time.Millisecond {
		t.Errorf("gate %+v", gate)
	}
	// Another instance, which the directory has told nothing, keeps the distance too.
	w.config.Pressure = new(workflow.Pressure)
	w.worker = w.newWorker()
	before := w.now
	w.signUp("bo@contoso.com")
	w.wantTenant(2, 2, 0)
	if w.now.Sub(before) < 500*time.Millisecond {
		t.Errorf("it waited for %v", w.now.Sub(before))
	}
}

func TestPressureIsStoredWhileWaiting(t *testing.T) {
	pressure := new(workflow.Pressure)
	w := newWorld(t, func(c *workflow.Config) { c.Pressure, c.Pace = pressure, request.Pace{Spacing: 10 * time.Minute} })
	w.row("contoso.com", "trusted", "Action", "invite")
	w.signUp("ana@contoso.com")
	pressure.Report(1.2)
	w.signUp("bo@contoso.com")
	gate := w.gate()
	if gate.Pressure != 120 || len(w.tenant.Invitations()) != 1 {
		t.Errorf("gate %+v, %d invitations", gate, len(w.tenant.Invitations()))
	}
}

func TestBudgetIsLoggedOnce(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 10} })
	w.row("contoso.com", "trusted", "Action", "invite")
	for i := range 12 {
		if i == 8 {
			w.wantLine(workflow.LogBudgetLow, 1)
			w.wantLine(workflow.LogBudgetSpent, 0)
		}
		w.submit(fmt.Sprintf("partner.%d@contoso.com", i))
		w.deliverAll()
	}
	w.wantLine(workflow.LogBudgetLow, 1)
	w.wantLine(workflow.LogBudgetSpent, 1)
}

// TestParkedRequestComesByItselfAtNoon: it writes its due entry anew, which may have been damaged.
// Upkeep resumes it long before, if it can go on.
func TestParkedRequestComesByItselfAtNoon(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	r := w.wantState(w.signUp("ana@contoso.com"), request.Parked)
	if want := time.Date(2026, 5, 5, 12, 0, 0, 0, time.UTC); !r.Due.Equal(want) {
		t.Errorf("due at %v, want %v", r.Due, want)
	}
}

// TestParkedRequestWaitsForItsTurn brings a parked request back in every way but by upkeep's
// resumption. It must not be invited before an older one.
func TestParkedRequestWaitsForItsTurn(t *testing.T) {
	tests := map[string]func(w *world, r request.Request){
		"an entry that was brought back": func(w *world, r request.Request) {
			due := w.now.Add(w.config.IntentLease)
			ok(t, w.store.Postpone(t.Context(), r.ID, due))
			w.queue = append(w.queue, submission.Message{ID: r.ID, Due: due})
		},
		"an entry that does not say that it is parked": func(w *world, r request.Request) {
			ok(t, w.store.Wait(t.Context(), r.ID, w.now))
			w.queue = append(w.queue, submission.Message{ID: r.ID, Due: w.now})
		},
		"its sign-up once more": func(w *world, r request.Request) {
			w.queue = append(w.queue, submission.Message{ID: r.ID, Submission: &r.Submission})
		},
		"an operator": func(w *world, r request.Request) {
			w.queue = append(w.queue, submission.Message{ID: r.ID})
		},
		"a turn of five days ago": func(w *world, r request.Request) {
			w.queue = append(w.queue, submission.Message{ID: r.ID, Due: w.now.AddDate(0, 0, -5), Resumed: true})
		},
		"its own time": func(w *world, r request.Request) {
			r.Due = w.now
			must(w.store.Save(t.Context(), r, nil))(t)
			ok(t, w.store.Park(t.Context(), r.ID, w.now, request.Parking{}))
			w.queue = append(w.queue, submission.Message{ID: r.ID, Due: w.now})
		},
	}
	for name, brought := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 1} })
			w.row("contoso.com", "trusted", "Action", "invite")
			w.wantState(w.signUp("ana@contoso.com"), request.Done)
			w.now = w.now.Add(time.Minute)
			older := w.wantState(w.signUp("bo@contoso.com"), request.Parked)
			w.now = w.now.Add(time.Minute)
			younger := w.wantState(w.signUp("cy@contoso.com"), request.Parked)
			w.now = time.Date(2026, 5, 5, 0, 0, 1, 0, time.UTC)
			brought(w, younger)
			w.deliverAll()
			w.wantState(younger.ID, request.Parked)
			w.settle(1)
			w.wantState(older.ID, request.Done)
			w.settle(24)
			w.wantState(younger.ID, request.Done)
		})
	}
}

// TestLostMessagesHoldNobodyUp: the host gets none of the messages of a run, or they are slow.
func TestLostMessagesHoldNobodyUp(t *testing.T) {
	tests := map[string]func(w *world){
		"the same instance goes on": func(*world) {},
		"another one does":          func(w *world) { w.worker = w.newWorker() },
	}
	for name, goesOn := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 80, Spacing: time.Second} })
			w.row("contoso.com", "trusted", "Action", "invite")
			w.adminStops()
			w.submitMany(70)
			w.settle(1)
			w.endStop()
			must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
			goesOn(w)
			w.settleMinutes(20)
			if n := len(w.tenant.Invitations()); n != 70 {
				t.Errorf("%d invitations after twenty minutes, want 70", n)
			}
		})
	}
}

// TestWithdrawnRequestIsNotResumed: it waits for what became of its invitation, as long as the
// directory asks, and takes nobody's turn.
func TestWithdrawnRequestIsNotResumed(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Spacing: time.Minute} })
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: http.StatusBadGateway})
	withdrawn := w.signUp("ana@contoso.com")
	w.adminStops()
	w.settleMinutes(4)
	w.wantState(withdrawn, request.Parked)
	waits := w.signUp("bo@contoso.com")
	w.wantState(waits, request.Parked)
	w.ask(submission.Withdraw, withdrawn)
	w.endStop()
	questions := 0
	for range 60 {
		w.interrupt = func(op string, after bool) error {
			if op != "FindGuest" || after {
				return nil
			}
			questions++
			return &problem.Error{Code: request.DirectoryThrottled, Detail: "later", RetryAfter: 15 * time.Minute}
		}
		w.settleMinutes(1)
	}
	if questions > 4 {
		t.Errorf("%d questions in an hour, though the directory asked for a quarter each time", questions)
	}
	w.wantState(waits, request.Done)
}

func TestResumedRequestContinuesAfterCrash(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Parked)
	w.tenant.ClearFaults()
	must(request.CloseBreaker(t.Context(), w.store, "admin@example.com", time.Time{}, w.now))(t)
	w.queue = append(w.queue, submission.Message{ID: id, Due: w.now.Add(w.config.IntentLease), Resumed: true})
	w.on("Claim", before, -1, crashes)
	err := w.deliver()
	if err == nil {
		t.Fatal("the process was not killed")
	}
	w.interrupt = nil
	// That is long before it was due.
	w.deliverAll()
	w.wantState(id, request.Done)
}

func TestPaceSpacesInvitations(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Spacing: 30 * time.Second} })
	w.row("contoso.com", "trusted", "Action", "invite")
	w.submitMany(5)
	w.settle(1)
	var sent []time.Time
	for _, invitation := range w.tenant.Invitations() {
		at := must(time.Parse(time.RFC3339, invitation.At))(t)
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
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 429, Headers: retryAfter("600")})
	first := w.signUp("ana@contoso.com")
	second := w.submit("bo@contoso.com")
	w.worker = w.newWorker()
	w.deliverAll()
	if n := w.attempts(); n != 1 {
		t.Errorf("%d attempts while the directory asked for ten minutes of rest", n)
	}
	w.settle(1)
	w.wantState(first, request.Done)
	w.wantState(second, request.Done)
	w.wantTenant(2, 2, 0)
}

// TestThrottledRequestLetsOthersGoFirst throttles one request again and again. It waits for longer
// than the directory asks, and everybody else only for as long.
func TestThrottledRequestLetsOthersGoFirst(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 4, Status: 429, Headers: retryAfter("60")})
	id := w.signUp("ana@contoso.com")
	for _, want := range []time.Duration{
		60 * time.Second, 90 * time.Second, 210 * time.Second, 360 * time.Second,
	} {
		r := w.wantState(id, request.Inviting)
		if got := r.Due.Sub(w.now); got != want {
			t.Errorf("comes back after %s, want %s", got, want)
		}
		if held := w.gate().HeldUntil.Sub(w.now); held != 60*time.Second {
			t.Errorf("everybody waits for %s", held)
		}
		w.now = r.Due
		w.queue = append(w.queue, submission.Message{ID: id})
		w.deliverAll()
	}
	w.wantState(id, request.Done)
}

// TestParkedRequestsAreLookedForHourly counts how often all due entries are read for parked
// requests.
func TestParkedRequestsAreLookedForHourly(t *testing.T) {
	looks := func(w *world, minutes int) (n int) {
		for range minutes {
			w.interrupt = func(op string, after bool) error {
				if op == "Parked" && !after {
					n++
				}
				return nil
			}
			w.settleMinutes(1)
		}
		return n
	}
	w := newWorld(t)
	if n := looks(w, 120); n != 2 {
		t.Errorf("looked %d times in two hours although nobody is parked", n)
	}
	w = newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Spacing: 20 * time.Second} })
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	w.submitMany(8)
	w.deliverAll()
	if n := looks(w, 30); n != 0 {
		t.Errorf("looked %d times although the breaker is open", n)
	}
	w.tenant.ClearFaults()
	must(request.CloseBreaker(t.Context(), w.store, "desk", time.Time{}, w.now))(t)
	if n := looks(w, 30); n < 8 || n > 10 {
		t.Errorf("looked %d times while one request a minute went on", n)
	}
	w.wantTenant(8, 8, 0)
	// A look that fails is repeated with the next run.
	w.now = w.now.Add(2 * time.Hour)
	tries := 0
	w.on("Parked", before, -1, func() error { tries++; return unavailable })
	for range 3 {
		must(w.worker.Upkeep(t.Context(), &outbox{}))(t)
	}
	if tries != 3 {
		t.Errorf("tried %d times, want 3", tries)
	}
}

// TestParkedEntryMayBeStale leaves due entries behind that say that their requests are parked. The
// first in the line is a request that is.
func TestParkedEntryMayBeStale(t *testing.T) {
	stale := map[string]func(w *world, id submission.ID){
		"nothing": func(*world, submission.ID) {},
		"a request that is done": func(w *world, id submission.ID) {
			must(w.store.Save(w.t.Context(), request.Request{ID: id, State: request.Done}, nil))(w.t)
		},
		"an entry that was written before a crash": func(w *world, id submission.ID) {
			must(w.store.Save(w.t.Context(), request.Request{ID: id, State: request.Inviting, Due: w.now.AddDate(0, 0, 1)}, nil))(w.t)
		},
	}
	for name, leave := range stale {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 2} })
			w.row("contoso.com", "trusted", "Action", "invite")
			var left []submission.ID
			for range 5 {
				id := w.newID(w.now)
				left = append(left, id)
				ok(t, w.store.Park(t.Context(), id, w.now.AddDate(0, 0, 1), request.Parking{}))
				leave(w, id)
			}
			w.now = w.now.Add(time.Minute)
			w.stop()
			id := w.signUp("ana@contoso.com")
			w.closeAnyBreaker()
			var due outbox
			must(w.worker.Upkeep(t.Context(), &due))(t)
			if !slices.ContainsFunc(due, func(m submission.Message) bool { return m.ID == id }) {
				t.Error("it is not resumed")
			}
			// Each entry has come up, and says nothing any more.
			for _, entry := range must(w.store.Parked(t.Context(), 10))(t) {
				if slices.Contains(left, entry.ID) {
					t.Errorf("the entry of %s still says that it is parked", entry.ID)
				}
			}
		})
	}
}

// TestUnreadableParkedRequestHoldsUpNobody: upkeep resumes the others.
func TestUnreadableParkedRequestHoldsUpNobody(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 1} })
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	ids := w.submitMany(2)
	w.deliverAll()
	w.closeAnyBreaker()
	w.store.Spoil(memstore.Record{Request: ids[0]})
	w.settle(2)
	w.wantState(ids[1], request.Done)
	if entries := must(w.store.Parked(t.Context(), 10))(t); len(entries) != 0 {
		t.Errorf("the entry of %s still says that it is parked", entries[0].ID)
	}
}

// TestEntryOfEarlierVersionBringsParkedRequest: it does not say that its request is parked.
func TestEntryOfEarlierVersionBringsParkedRequest(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	r := w.wantState(w.signUp("ana@contoso.com"), request.Parked)
	ok(t, w.store.Wait(t.Context(), r.ID, r.Due))
	must(request.OpenBreaker(t.Context(), w.store, "desk", "a holiday", w.now))(t)
	w.settle(30)
	w.wantState(r.ID, request.Parked)
	if parked := must(w.store.Parked(t.Context(), 10))(t); len(parked) != 1 || parked[0].ID != r.ID {
		t.Errorf("after a day, %+v are found", parked)
	}
	must(request.CloseBreaker(t.Context(), w.store, "desk", w.gate().Stop.At, w.now))(t)
	w.settleMinutes(3)
	w.wantState(r.ID, request.Done)
}

func TestFailedLookForParkedRequestsIsRepeated(t *testing.T) {
	for _, op := range []string{"Parked", "Load", "Postpone"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite")
			must(w.worker.Upkeep(t.Context(), &outbox{}))(t) // nobody is parked yet
			w.stop()
			w.submitMany(3)
			w.deliverAll()
			w.closeAnyBreaker()
			w.on(op, before, 1, fails)
			var due outbox
			must(w.worker.Upkeep(t.Context(), &due))(t)
			if len(due) != 0 {
				t.Errorf("enqueued %d", len(due))
			}
			must(w.worker.Upkeep(t.Context(), &due))(t)
			if len(due) != 3 {
				t.Errorf("the next run enqueues %d of 3", len(due))
			}
		})
	}
}

func (w *world) closeAnyBreaker() {
	w.t.Helper()
	must(request.CloseBreaker(w.t.Context(), w.store, "desk@wingtiptoys.com", time.Time{}, w.now))(w.t)
}

// TestGateCountsAcceptedInvitations: each instance adds its own with its next change of the gate.
func TestGateCountsAcceptedInvitations(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	accepted := func(email string, want int) {
		t.Helper()
		w.wantState(w.signUp(email), request.Done)
		if got := w.gate().Accepted; got != want {
			t.Errorf("%s: %d are counted, want %d", email, got, want)
		}
	}
	for i := range 5 {
		accepted(fmt.Sprintf("partner.%d@contoso.com", i), i)
	}
	// A change that fails counts nothing, and the next one counts all.
	w.submit("ana@contoso.com")
	w.on("SaveGate", before, -1, fails)
	wantCode(t, "inviting", w.deliver(), problem.StorageUnavailable)
	w.interrupt = nil
	if got := w.gate().Accepted; got != 4 {
		t.Errorf("%d are counted, want 4", got)
	}
	accepted("bo@contoso.com", 5)
	// Another instance knows nothing of the last one.
	first := w.worker
	w.worker = w.newWorker()
	accepted("cy@contoso.com", 5)
	w.worker = first
	accepted("di@contoso.com", 6)
}

// TestPausedDirectoryIsNotAskedAtAll: once an instance has read of a pause, it does not even look
// up addresses, without reading the gate again.
func TestPausedDirectoryIsNotAskedAtAll(t *testing.T) {
	tests := map[string]struct {
		pause time.Duration
		state request.State
		waits time.Duration
	}{
		"a long pause":  {10 * time.Minute, request.Inviting, 0},
		"a short pause": {20 * time.Second, request.Done, 20 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "trusted", "Action", "invite")
			seconds := fmt.Sprint(int(test.pause.Seconds()))
			w.order(graphsim.Fault{
				Match: invitations, Times: 1, Status: 429, Headers: retryAfter(seconds)})
			w.signUp("ana@contoso.com")
			asked, began := w.tenant.Calls()["GET /v1.0/users"], w.now
			id := w.signUp("bo@contoso.com")
			r := w.wantState(id, test.state)
			if took := w.now.Sub(began); took != test.waits {
				t.Errorf("it took %s", took)
			}
			if more := w.tenant.Calls()["GET /v1.0/users"] - asked; (more > 0) != (test.waits > 0) {
				t.Errorf("%d look-ups during the pause", more)
			}
			if test.state == request.Inviting && r.Due.Sub(w.now) != test.pause {
				t.Errorf("comes back after %s", r.Due.Sub(w.now))
			}
		})
	}
}

func TestMailWaitsWhileDirectoryIsPaused(t *testing.T) {
	w := newWorld(t)
	id := w.anHourAfterMail()
	w.order(graphsim.Fault{
		Match: invitations, Times: 1, Status: 429, Headers: retryAfter("600")})
	w.signUp("bo@contoso.com")
	asked := w.tenant.Calls()["GET /v1.0/users"]
	w.carryOut(submission.Resend, id)
	if more := w.tenant.Calls()["GET /v1.0/users"] - asked; more > 0 {
		t.Errorf("%d look-ups during the pause", more)
	}
	if wait := w.load(id).Due.Sub(w.now); wait != 10*time.Minute {
		t.Errorf("comes back after %s", wait)
	}
}

func TestNoLinesOnBudgetWithoutLimit(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 429, Headers: retryAfter("20")})
	w.submitMany(3)
	w.settle(1)
	w.wantLine(workflow.LogBudgetLow, 0)
	w.wantLine(workflow.LogBudgetSpent, 0)
	w.wantLine(workflow.LogShareUsed, 0)
}

func TestUnknownAnswersAreGivenUp(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite", "MaxGuests", int32(1), "SendInvitation", false)
	w.order(graphsim.Fault{Match: invitations, Times: 1000, Status: 418,
		Code: "Teapot", Message: "Short and stout."})
	id := w.signUpFor("ana@contoso.com", 6)
	r := w.wantState(id, request.Failed)
	if !strings.Contains(r.Reason, "request-id") {
		t.Errorf("the reason does not name the directory's id of the call: %q", r.Reason)
	}
	if n := w.attempts(); n < 3 || n > 10 {
		t.Errorf("%d attempts, want a few", n)
	}
	w.wantSeats("contoso.com", "trusted", 0)
}

func TestProbeLeavesBreakerThatNeedsAdminOpen(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Parked)
	w.tenant.ClearFaults()
	w.now = w.now.Add(2 * time.Hour)
	w.on("Invite", after, -1, func() error {
		// While the probe is under way, another instance learns of a block.
		gate := w.gate()
		gate.Cause, gate.ProbeAt = request.DirectorySuspicious, time.Time{}
		must(w.store.SaveGate(t.Context(), gate))(t)
		return nil
	})
	w.queue = append(w.queue, submission.Message{ID: id, Due: w.now.Add(w.config.IntentLease), Resumed: true})
	w.deliverAll()
	w.interrupt = nil
	w.wantState(id, request.Done)
	gate := w.gate()
	if gate.Cause != request.DirectorySuspicious {
		t.Errorf("gate %+v", gate)
	}
	w.wantLine(workflow.LogBreakerClosed, 0)
}

func TestBookedTurnIsLostWhenTenantStops(t *testing.T) {
	tests := map[string]struct {
		change func(*request.Gate, time.Time)
		state  request.State
	}{
		"the breaker opens":              {func(g *request.Gate, _ time.Time) { g.Cause = request.DirectorySuspicious }, request.Parked},
		"an admin stops all":             {func(g *request.Gate, now time.Time) { g.Stop.At = now }, request.Parked},
		"the directory asks for a pause": {func(g *request.Gate, now time.Time) { g.HeldUntil = now.Add(time.Hour) }, request.Inviting},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Spacing: 20 * time.Second} })
			w.row("contoso.com", "trusted", "Action", "invite")
			w.signUp("ana@contoso.com")
			looks := 0
			w.on("Gate", before, -1, func() error {
				looks++
				if looks != 2 {
					return nil
				}
				// The turn is booked; the worker reads the gate when it has come.
				w.interrupt = nil
				gate := w.gate()
				test.change(&gate, w.now)
				_, err := w.store.SaveGate(t.Context(), gate)
				return err
			})
			id := w.signUp("bo@contoso.com")
			w.wantState(id, test.state)
			if n := w.attempts(); n != 1 {
				t.Errorf("%d invitations were sent", n)
			}
		})
	}
}

// TestEntryOfWaitThatWasNotStoredComesSoon lets another change come first when a request is to be
// parked until tomorrow, and no message be left to repeat it.
func TestEntryOfWaitThatWasNotStoredComesSoon(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	id := w.submit("ana@contoso.com")
	w.on("Park", after, 1, func() error {
		_, err := w.store.Save(t.Context(), w.load(id), nil)
		return err
	})
	if err := w.deliver(); problem.CodeOf(err) != problem.Conflict {
		t.Fatalf("the delivery ends with %v", err)
	}
	w.interrupt, w.queue = nil, nil
	w.settle(1)
	if r := w.wantState(id, request.Parked); r.Due.IsZero() {
		t.Error("the request does not wait")
	}
}

// TestLostTurnsAreNotWaitedForInPlaceForLong lets the directory ask for a pause whenever a turn has
// come.
func TestLostTurnsAreNotWaitedForInPlaceForLong(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Spacing: 20 * time.Second} })
	w.row("contoso.com", "trusted", "Action", "invite")
	w.signUp("ana@contoso.com")
	id := w.submit("bo@contoso.com")
	looks := 0
	var interrupt func(op string, after bool) error
	interrupt = func(op string, after bool) error {
		if op != "Gate" || after {
			return nil
		}
		looks++
		if looks < 2 || looks > 10 {
			return nil
		}
		w.interrupt = nil
		gate := w.gate()
		gate.HeldUntil = w.now.Add(15 * time.Second)
		_, err := w.store.SaveGate(t.Context(), gate)
		w.interrupt = interrupt
		return err
	}
	w.interrupt = interrupt
	begun := w.now
	w.deliverAll()
	w.interrupt = nil
	w.wantState(id, request.Inviting)
	if took := w.now.Sub(begun); took > 40*time.Second {
		t.Errorf("a message took %v", took)
	}
}

func TestGateConflictIsRetried(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	conflicts := 3
	w.on("SaveGate", before, conflicts, func() error {
		conflicts--
		return problem.New(problem.Conflict, "another was faster")
	})
	id := w.signUp("ana@contoso.com")
	w.wantState(id, request.Done)
	gate := w.gate()
	if gate.Sent != 1 || conflicts != 0 {
		t.Errorf("gate %+v, %d conflicts are left", gate, conflicts)
	}
	// Nothing is sent if the gate can't be written.
	w.on("SaveGate", before, -1, fails)
	w.submit("bo@contoso.com")
	err := w.deliver()
	if problem.CodeOf(err) != problem.StorageUnavailable || w.attempts() != 1 {
		t.Errorf("%v, %d invitations", err, w.attempts())
	}
}

// TestAbsurdPauseStopsNobodyForLong lets one answer ask to be left alone for a year.
func TestAbsurdPauseStopsNobodyForLong(t *testing.T) {
	for _, status := range []int{429, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			w.order(graphsim.Fault{Match: invitations, Times: 1, Status: status, Headers: retryAfter("31536000")})
			ids := w.submitMany(2)
			w.settleMinutes(50)
			if n := w.attempts(); status == 429 && n != 1 {
				t.Errorf("%d attempts before an hour is over", n)
			}
			w.settleMinutes(80)
			for _, id := range ids {
				w.wantState(id, request.Done)
			}
		})
	}
}

// TestRefusedInvitationUsesUpNoBudget: the lines on the budget and on shares are for alerts.
func TestRefusedInvitationUsesUpNoBudget(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 4, Share: 50} })
	w.row("contoso.com", "r", "Action", "invite")
	w.row("fabrikam.com", "r", "Action", "invite")
	refusedOn := func(domain string) {
		for i := range 3 {
			email := fmt.Sprintf("nobody.%d@%s", i, domain)
			w.refuse(email, 1, 400, "BadRequest", "The invited user email address is not valid.")
			w.wantState(w.signUp(email), request.Failed)
		}
	}
	w.signUp("ana@contoso.com")
	refusedOn("contoso.com")
	w.wantLine(workflow.LogShareUsed, 0)
	w.signUp("bo@contoso.com")
	w.wantLine(workflow.LogShareUsed, 2) // of the domain and of the row
	w.signUp("ana@fabrikam.com")
	refusedOn("fabrikam.com")
	w.wantLine(workflow.LogBudgetSpent, 0)
	w.signUp("bo@fabrikam.com")
	w.wantLine(workflow.LogBudgetSpent, 1)
}

// TestParkedRequestOnItsWayIsNotResumedAgain lets two instances look for parked requests before the
// message of one has been delivered. Of two messages one would disturb the other.
func TestParkedRequestOnItsWayIsNotResumedAgain(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "trusted", "Action", "invite")
	w.stop()
	w.wantState(w.signUp("ana@contoso.com"), request.Parked)
	must(request.CloseBreaker(t.Context(), w.store, "desk@wingtiptoys.com", time.Time{}, w.now))(t)
	for i, want := range []int{1, 0} {
		w.now = w.now.Add(time.Duration(i) * time.Minute)
		if due := must(w.newWorker().Upkeep(t.Context(), &outbox{}))(t); due != want {
			t.Errorf("instance %d enqueues %d requests, want %d", i+1, due, want)
		}
	}
}
