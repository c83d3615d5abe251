package workflow_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// The rules of a queue behind the Functions host, with the host.json of this project and the
// version of the queue extension that forgets messages on a poison queue.
const (
	hostTries  = 5
	hostRetry  = 30 * time.Second
	hostHidden = 10 * time.Minute
	hostStep   = 10 * time.Second
)

// hosted is the worker behind the host.
type hosted struct {
	*world
	messages []*hostedMessage
	upkeepAt time.Time
	passed   int // messages that no function gets any more
}

type hostedMessage struct {
	body     []byte
	poison   bool
	visible  time.Time
	dequeued int
	id       string
}

func (h *hosted) add(body []byte, poison bool, visible time.Time) {
	h.messages = append(h.messages, &hostedMessage{body: body, poison: poison, visible: visible, id: strconv.Itoa(len(h.messages))})
}

// run lets the time pass. gone says which operations on storage fail.
func (h *hosted) run(d time.Duration, gone func(op string) bool) {
	h.t.Helper()
	h.interrupt = func(op string, after bool) error {
		if !after && gone(op) {
			return unavailable
		}
		return nil
	}
	defer func() { h.interrupt = nil }()
	for until := h.now.Add(d); h.now.Before(until); h.now = h.now.Add(hostStep) {
		for _, m := range h.queue {
			h.add(must(m.Encode())(h.t), false, h.now)
		}
		h.queue = nil
		if !h.upkeepAt.After(h.now) {
			h.upkeepAt = h.now.Add(time.Minute)
			var due outbox
			_, err := h.worker.Upkeep(h.t.Context(), &due)
			if err == nil {
				h.queue = append(h.queue, due...)
			}
		}
		for _, m := range h.messages {
			if m.body != nil && !m.visible.After(h.now) {
				h.deliver(m)
			}
		}
		for _, m := range h.put {
			h.add(m.body, m.queue == submission.PoisonQueue, m.visible)
		}
		h.put = nil
	}
}

func (h *hosted) deliver(m *hostedMessage) {
	m.visible = h.now.Add(hostHidden)
	m.dequeued++
	var err error
	switch {
	case m.poison && m.dequeued > hostTries:
		h.passed++
		return
	case m.poison:
		err = h.worker.GiveUp(h.t.Context(), m.id, m.body)
	default:
		var message submission.Message
		message, err = submission.DecodeMessage(m.body)
		if err != nil {
			err = h.worker.Keep(h.t.Context(), submission.Queue, m.id, m.body, err)
		} else {
			err = h.worker.Advance(h.t.Context(), message)
		}
	}
	switch {
	case err == nil:
		m.body = nil
	case m.poison:
	case m.dequeued < hostTries:
		m.visible = h.now.Add(hostRetry)
	default:
		h.add(m.body, true, h.now)
		m.body = nil
	}
}

// left is how many messages are still there.
func (h *hosted) left() (n int) {
	for _, m := range h.messages {
		if m.body != nil {
			n++
		}
	}
	return n
}

// onTables reports whether an operation is on the tables.
func onTables(op string) bool {
	switch op {
	case "Invite", "FindGuest", "FindUser", "FindDeletedGuests", "AddMember", "UserByID", "Put", "Length":
		return false
	}
	return true
}

func TestNoOutageEndsASignUp(t *testing.T) {
	never := func(string) bool { return false }
	ops := func(names ...string) func(string) bool {
		return func(op string) bool {
			for _, name := range names {
				if op == name {
					return true
				}
			}
			return false
		}
	}
	tests := map[string]struct {
		lasts time.Duration
		gone  func(op string) bool
	}{
		"all tables for two and a half minutes": {150 * time.Second, onTables},
		"all tables for 52 minutes":             {52 * time.Minute, onTables},
		"all tables for a day":                  {24 * time.Hour, onTables},
		"all tables for eight days":             {8 * 24 * time.Hour, onTables},
		"the queues' writes too":                {30 * time.Minute, func(op string) bool { return onTables(op) || op == "Put" }},
		"the table of guests for two hours":     {2 * time.Hour, ops("Claim", "UpdateClaim")},
		"the table of due entries":              {2 * time.Hour, ops("Wait", "Park", "Postpone", "Parked", "Due", "StopWaiting")},
		"writing requests for two hours":        {2 * time.Hour, ops("Save")},
		"reading requests for two hours":        {2 * time.Hour, ops("Load", "History")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
			h := &hosted{world: w}
			early := w.submitMany(3)
			h.run(test.lasts/2, test.gone)
			late := w.submit("late@contoso.com")
			h.run(test.lasts-test.lasts/2, test.gone)
			h.run(75*time.Minute, never)
			for _, id := range append(early, late) {
				w.wantState(id, request.Done)
			}
			w.wantTenant(4, 4, 4)
			w.wantNothingDue()
			if n := h.left(); n != 0 || h.passed > 0 {
				t.Errorf("%d messages are left, and %d were passed over", n, h.passed)
			}
			w.wantLine(workflow.LogFailed, 0)
		})
	}
}

// TestWhatIsTriedWhileNothingCanWaitCounts lets the due entries be gone and a group be missing: the
// group is not asked for without end, and is named as soon as otherwise.
func TestWhatIsTriedWhileNothingCanWaitCounts(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
	w.order(graphsim.Fault{Match: membersOf(groupOne), Always: true, Status: 404,
		Code: "Request_ResourceNotFound", Message: missingObject(groupOne)})
	h := &hosted{world: w}
	id := w.submit("ana@contoso.com")
	h.run(9*time.Hour, func(op string) bool {
		switch op {
		case "Wait", "Park", "Postpone", "Parked", "Due", "StopWaiting":
			return true
		}
		return false
	})
	r := w.load(id)
	if len(r.Grants) != 1 || r.Grants[0].State != request.GrantFailed {
		t.Errorf("after nine hours the request is %s, its grants %v", r.State, r.Grants)
	}
	if n := w.tenant.Calls()["POST /v1.0/groups/{id}/members/$ref"]; n > 80 { // four at each delivery of half an hour
		t.Errorf("%d attempts to add the guest", n)
	}
}

// TestFailuresCountWithoutGate takes the table away that has the gate, and no other: what the
// directory refuses must not be tried at every delivery.
func TestFailuresCountWithoutGate(t *testing.T) {
	tests := map[string]graphsim.Fault{
		"an odd answer": {Status: 412, Code: "Odd", Message: "nobody knows these words"},
		"no token":      {Status: 401, Code: "InvalidAuthenticationToken", Message: "Access token has expired or is not yet valid."},
		"throttled":     {Status: 429, Headers: map[string]string{"Retry-After": "10"}},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite", "Groups", groupOne)
			fault.Match, fault.Always = membersOf(groupOne), true
			w.order(fault)
			h := &hosted{world: w}
			id := w.submit("ana@contoso.com")
			h.run(20*time.Second, func(string) bool { return false })
			w.wantState(id, request.Granting)
			h.run(9*time.Hour, func(op string) bool { return op == "Gate" || op == "SaveGate" })
			r := w.load(id)
			if r.Attempt < 5 || r.State != request.Granting || slices.Contains(w.whats(id), "troubled") {
				t.Errorf("after nine hours it is %s and has tried %d times: %v", r.State, r.Attempt, w.whats(id))
			}
			if n := w.tenant.Calls()["POST /v1.0/groups/{id}/members/$ref"]; n > 80 {
				t.Errorf("%d attempts to add the guest", n)
			}
		})
	}
}

func TestOutageCostsFewTries(t *testing.T) {
	w := newWorld(t)
	h := &hosted{world: w}
	w.submit("ana@contoso.com")
	h.run(3*24*time.Hour, onTables)
	// Five tries at once, four returns within two hours, and from then on one an hour.
	if n := len(h.messages); n > 2*(4+3*24) {
		t.Errorf("three days made %d messages of one", n)
	}
	if n := h.left(); n != 1 {
		t.Errorf("%d messages are left, want 1", n)
	}
}

func TestInstructionOutlivesOutage(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	h := &hosted{world: w}
	id := w.signUpFor("ana@contoso.com", 1)
	w.queue = append(w.queue, submission.Message{ID: id, Kind: submission.Withdraw})
	h.run(5*time.Hour, onTables)
	h.run(2*time.Hour, func(string) bool { return false })
	w.wantErased(id)
	if kept := w.kept(); len(kept) != 0 {
		t.Errorf("kept as dead letters: %q", kept)
	}
}

// TestWishThatComesBackSendsOneMail lets an outage send the message of a wish back to the queue.
// However often it comes again, it is one wish.
func TestWishThatComesBackSendsOneMail(t *testing.T) {
	for minutes := 2; minutes < 200; minutes += 9 {
		t.Run(strconv.Itoa(minutes)+" minutes", func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) {
				c.Jitter = func(d time.Duration) time.Duration { return d + d/5 }
			})
			w.row("contoso.com", "row", "Action", "invite")
			h := &hosted{world: w}
			id := w.signUpFor("ana@contoso.com", 2)
			w.queue = append(w.queue, submission.Message{ID: id, Kind: submission.Resend})
			h.run(time.Duration(minutes)*time.Minute, func(op string) bool { return op == "ClaimOf" })
			h.run(4*time.Hour, func(string) bool { return false })
			if n := len(w.tenant.Invitations()); n != 2 {
				t.Errorf("%d mails, want the first and one more", n)
			}
		})
	}
}

// TestWithdrawalDuringOutageCounts withdraws a sign-up that is not recorded yet. Either message may
// come first once the tables are back.
func TestWithdrawalDuringOutageCounts(t *testing.T) {
	for _, lasts := range []time.Duration{3 * time.Minute, time.Hour, 5 * time.Hour, 30 * time.Hour} {
		for later := range 3 {
			w := newWorld(t)
			w.row("contoso.com", "row", "Action", "invite")
			h := &hosted{world: w}
			id := w.submit("ana@contoso.com")
			h.run(time.Duration(later)*40*time.Second, onTables)
			w.queue = append(w.queue, submission.Message{ID: id, Kind: submission.Withdraw})
			h.run(lasts, onTables)
			h.run(3*time.Hour, func(string) bool { return false })
			w.wantErased(id)
			if n := h.left(); n != 0 {
				t.Errorf("an outage of %s, withdrawn %d steps later: %d messages are left", lasts, later, n)
			}
		}
	}
}

// TestWithdrawalBeforeItsSignUpCountsAfterOutage lets the withdrawal overtake the sign-up.
func TestWithdrawalBeforeItsSignUpCountsAfterOutage(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	h := &hosted{world: w}
	id := w.submit("ana@contoso.com")
	w.queue = append([]submission.Message{{ID: id, Kind: submission.Withdraw}}, w.queue...)
	h.run(5*time.Hour, onTables)
	h.run(3*time.Hour, func(string) bool { return false })
	w.wantErased(id)
	w.wantTenant(0, 0, 0)
}

// TestWithdrawalBeforeItsSignUpCountsAfterWeeks: both are put back for longer than a queue keeps a
// message, and the withdrawal comes first in the end.
func TestWithdrawalBeforeItsSignUpCountsAfterWeeks(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	id := w.submit("ana@contoso.com")
	signUp, withdrawal := w.queue[0], submission.Message{ID: id, Kind: submission.Withdraw}
	w.queue = nil
	w.interrupt = func(op string, after bool) error {
		if op != "Put" && !after {
			return unavailable
		}
		return nil
	}
	putBack := func(m submission.Message) submission.Message {
		ok(t, w.worker.GiveUp(t.Context(), "m", must(m.Encode())(t)))
		return must(submission.DecodeMessage(w.put[len(w.put)-1].body))(t)
	}
	for day := range 20 {
		signUp = putBack(signUp)
		if day >= 5 {
			withdrawal = putBack(withdrawal)
		}
		w.now = w.now.AddDate(0, 0, 1)
	}
	w.interrupt = nil
	w.queue = append(w.queue, withdrawal, signUp)
	w.settle(1)
	w.wantErased(id)
	w.wantTenant(0, 0, 0)
}

// TestWithdrawalWithoutSignUpLeavesNoMarkThatStays: the table of due entries is gone for longer
// than a message comes back.
func TestWithdrawalWithoutSignUpLeavesNoMarkThatStays(t *testing.T) {
	w := newWorld(t)
	h := &hosted{world: w}
	id := w.newID(w.now)
	w.queue = append(w.queue, submission.Message{ID: id, Kind: submission.Withdraw})
	h.run(80*time.Hour, func(op string) bool { return op == "Wait" || op == "Postpone" })
	_, err := w.store.Load(t.Context(), id)
	if problem.CodeOf(err) != problem.NotFound || len(w.kept()) != 1 {
		t.Errorf("the mark: %v; kept %q", err, w.kept())
	}
}

// TestWishDropsNoWithdrawalWithoutSignUp: the wish for a mail fails while the withdrawal is stored.
func TestWishDropsNoWithdrawalWithoutSignUp(t *testing.T) {
	w := newWorld(t)
	id := w.submit("ana@contoso.com")
	signUp := w.queue[0]
	w.queue = nil
	w.carryOut(submission.Withdraw, id)
	w.on("Wait", before, 1, func() error { return problem.New(problem.StorageUnavailable, "the test says so") })
	w.ask(submission.Resend, id)
	_ = w.deliver()
	w.interrupt = nil
	w.queue = append(w.queue, signUp)
	w.deliverAll()
	w.wantState(id, request.Cancelled)
}

// TestTroubleBeforeAndAfterDaysWithoutQueueEndsNothing: nothing was tried in between.
func TestTroubleBeforeAndAfterDaysWithoutQueueEndsNothing(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "review")
	id := w.submit("ana@contoso.com")
	body := must(w.queue[0].Encode())(t)
	w.queue = nil
	ok(t, w.worker.GiveUp(t.Context(), "m1", body))
	w.now = w.now.Add(100 * time.Hour)
	again := must(submission.Message{ID: id}.Encode())(t)
	ok(t, w.worker.GiveUp(t.Context(), "m2", again))
	w.wantState(id, request.Received)
	w.settle(2)
	w.wantState(id, request.Review)
}

func TestForeignMessageOutlivesOutage(t *testing.T) {
	w := newWorld(t)
	h := &hosted{world: w}
	h.add([]byte("not ours"), false, w.now)
	h.run(26*time.Hour, onTables)
	h.run(2*time.Hour, func(string) bool { return false })
	if kept := w.kept(); len(kept) != 1 || h.left() != 0 {
		t.Errorf("kept %q, %d messages are left", kept, h.left())
	}
}

func TestRequestThatAlwaysFailsEndsAfterThreeDays(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "row", "Action", "invite")
	h := &hosted{world: w}
	id := w.submit("ana@contoso.com")
	// The tables work, but for one operation that this request needs.
	claims := func(op string) bool { return op == "Claim" }
	h.run(71*time.Hour, claims)
	r := w.wantState(id, request.Inviting)
	if n := len(w.whats(id)); n > 80 || r.Due.IsZero() {
		t.Errorf("%d events, due %s", n, r.Due)
	}
	h.run(3*time.Hour, claims)
	w.wantState(id, request.Failed)
	w.wantLine(workflow.LogFailed, 1)
	must(w.reviewer().Retry(t.Context(), id))(t)
	h.run(time.Hour, func(string) bool { return false })
	w.wantState(id, request.Done)
}
