package workflow_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// refuse makes the directory refuse the invitations of an address, so many times.
func (w *world) refuse(email string, times, status int, code, message string) {
	w.t.Helper()
	match := invitations
	match.Body = email
	w.order(graphsim.Fault{Match: match, Times: times, Status: status, Code: code, Message: message})
}

func TestOneRefusalStopsNobodyElse(t *testing.T) {
	refusals := map[string]struct {
		status        int
		code, message string
	}{
		"invitations off":   {403, "Forbidden", switchedOff},
		"no permission":     {403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."},
		"quota":             {400, "Directory_QuotaExceeded", "The directory object quota limit for the tenant has been exceeded."},
		"an unknown 403":    {403, "Forbidden", "No."},
		"a token not taken": {401, "InvalidAuthenticationToken", "Access token has expired."},
	}
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
			w.refuse("ana@contoso.com", 2, refusal.status, refusal.code, refusal.message)
			ana := w.signUp("ana@contoso.com")
			w.wantState(ana, request.Inviting)
			for _, id := range w.submitMany(5) {
				w.deliverAll()
				w.wantState(id, request.Done)
			}
			w.wantLine(workflow.LogBreakerOpened, 0)
			w.settle(1)
			w.wantState(ana, request.Done)
		})
	}
}

func TestSecondWitnessOpensBreakerAndOthersProbe(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.tenantSays(switchedOff)
	first := w.signUp("ana@contoso.com")
	w.wantState(first, request.Inviting)
	w.wantLine(workflow.LogBreakerOpened, 0)
	second := w.signUp("bo@contoso.com")
	w.wantState(second, request.Parked)
	w.wantLine(workflow.LogBreakerOpened, 1)
	if gate := w.gate(); gate.Cause != request.DirectoryInvitationsOff || gate.Ref == "" {
		t.Errorf("gate %+v", gate)
	}
	third := w.signUp("cy@contoso.com")
	w.wantState(third, request.Parked)
	w.settleMinutes(50)
	tried := w.attempts()
	w.tenant.ClearFaults()
	w.settleMinutes(20)
	// Within the first hour the first request has a look at the gate too, and parks.
	if n := w.attempts(); tried != 2 || n < 3 {
		t.Errorf("%d attempts before the probe and %d in all, want 2 and 3 or more", tried, n)
	}
	for _, id := range []submission.ID{first, second, third} {
		w.wantState(id, request.Done)
	}
	w.wantLine(workflow.LogBreakerClosed, 1)
}

func TestBreakerIsProbedByItsWitnessesIfNobodyElseComes(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.tenantSays(switchedOff)
	ids := []submission.ID{w.signUp("ana@contoso.com"), w.signUp("bo@contoso.com")}
	w.settle(1)
	w.tenant.ClearFaults()
	w.settle(2)
	for _, id := range ids {
		w.wantState(id, request.Done)
	}
}

func TestMemberWithoutRightStopsNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.row("fabrikam.com", "members", "Action", "invite", "UserType", "Member")
	w.row("contoso.com", "guests", "Action", "invite")
	match := invitations
	match.Body = `"Member"`
	w.order(forbidden(match, 1_000_000))
	members := []submission.ID{w.signUp("ana@fabrikam.com"), w.signUp("bo@fabrikam.com"), w.signUp("cy@fabrikam.com")}
	guests := w.submitMany(3)
	w.settle(1)
	for _, id := range members {
		r := w.wantState(id, request.Failed)
		if !strings.Contains(r.Reason, "User.Invite.All") || !strings.Contains(r.Reason, "Member") {
			t.Errorf("the reason does not say what to do: %q", r.Reason)
		}
	}
	for _, id := range guests {
		w.wantState(id, request.Done)
	}
	w.wantLine(workflow.LogBreakerOpened, 0)
	if n := w.attempts(); n != 6 {
		t.Errorf("%d attempts, want one for each", n)
	}
}

func TestSameUnknownAnswerForThreeGuestsIsTenants(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 1_000_000, Status: 403, Code: "Forbidden", Message: "Not today."})
	ids := w.submitMany(80)
	w.settleMinutes(10)
	if n := w.attempts(); n != 3 {
		t.Errorf("%d attempts in ten minutes, want 3", n)
	}
	if gate := w.gate(); gate.Cause != request.DirectoryRefusesAll {
		t.Errorf("gate %+v", gate)
	}
	w.settle(5)
	if n := w.attempts(); n < 10 || n > 30 {
		t.Errorf("%d attempts in five hours, want some four an hour", n)
	}
	w.wantLine(workflow.LogBreakerOpened, 1)
	w.tenant.ClearFaults()
	w.settle(2)
	done := 0
	for _, id := range ids {
		if w.load(id).State == request.Done {
			done++
		}
	}
	if done < 75 {
		t.Errorf("%d of 80 are done", done)
	}
}

func TestRefusedInvitationCostsNoBudget(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 3} })
	w.row("contoso.com", "r", "Action", "invite")
	for i := range 10 {
		email := fmt.Sprintf("nobody.%d@contoso.com", i)
		w.refuse(email, 1, 400, "BadRequest", "The invited user email address is not valid.")
		w.wantState(w.signUp(email), request.Failed)
	}
	if gate := w.gate(); gate.Sent != 0 {
		t.Errorf("%d of the day's invitations are counted, and nobody was invited", gate.Sent)
	}
	for _, id := range w.submitMany(3) {
		w.deliverAll()
		w.wantState(id, request.Done)
	}
	// What may have happened is counted.
	w = newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 3} })
	w.row("contoso.com", "r", "Action", "invite")
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 502})
	w.signUp("ana@contoso.com")
	if gate := w.gate(); gate.Sent != 1 {
		t.Errorf("%d of the day's invitations are counted after a lost answer", gate.Sent)
	}
}

// TestTurnIsGivenBackOnce lets the save that gives a turn back fail in each way. The day's budget
// may then be one short, and is never exceeded.
func TestTurnIsGivenBackOnce(t *testing.T) {
	conflict := func() error { return problem.New(problem.Conflict, "another was faster") }
	for name, test := range map[string]struct {
		when     bool
		fault    func() error
		counted  int // of the day, after one accepted and one refused invitation
		attempts int
	}{
		"without a fault":                   {after, nil, 1, 2},
		"another was faster":                {before, conflict, 1, 2},
		"the answer says so wrongly":        {after, conflict, 1, 2},
		"the store is away":                 {before, fails, 2, 2},
		"the store's answer is lost":        {after, fails, 1, 2},
		"the process ends before the write": {before, crashes, 2, 2},
		"the process ends after the write":  {after, crashes, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 9} })
			w.row("contoso.com", "r", "Action", "invite")
			w.wantState(w.signUp("bo@contoso.com"), request.Done)
			w.refuse("ana@contoso.com", 1_000_000, 400, "BadRequest", "The invited user email address is not valid.")
			id := w.submit("ana@contoso.com")
			saves := 0
			w.interrupt = func(op string, when bool) error {
				if op == "SaveGate" && when == test.when {
					saves++
					if saves == 2 && test.fault != nil {
						return test.fault()
					}
				}
				return nil
			}
			err := w.deliver()
			w.interrupt = nil
			if gate := w.gate(); gate.Sent != test.counted {
				t.Errorf("%d are counted after %v, want %d", gate.Sent, err, test.counted)
			}
			w.settle(1)
			if r := w.load(id); r.State != request.Failed && r.State != request.Inviting {
				t.Errorf("the request is %s", r.State)
			}
		})
	}
}

// TestLookUpsWithoutTokenAreWitnesses: without a token not even the question before an invitation
// has an answer. No turn is taken, so none is given back.
func TestLookUpsWithoutTokenAreWitnesses(t *testing.T) {
	codes := map[problem.Code]request.State{
		request.DirectoryNoToken: request.Parked,
		request.DirectoryQuota:   request.Inviting, // of no invitation
	}
	for code, want := range codes {
		w := newWorld(t)
		w.row("contoso.com", "r", "Action", "invite")
		before := request.Gate{Day: policy.Day(w.now), Sent: 2, Turns: 7, GivenBack: "5"}
		must(w.store.SaveGate(t.Context(), before))(t)
		w.on("FindUser", false, -1, func() error { return problem.New(code, "the test says so") })
		w.wantState(w.signUp("ana@contoso.com"), request.Inviting)
		w.wantState(w.signUp("bo@contoso.com"), want)
		gate := w.gate()
		if (gate.Cause == code) != (want == request.Parked) {
			t.Errorf("%s: the breaker is open because of %q", code, gate.Cause)
		}
		if gate.Sent != 2 || gate.Turns != 7 || gate.GivenBack != "5" {
			t.Errorf("%s: gate %+v", code, gate)
		}
		w.wantTenant(0, 0, 0)
	}
}

// TestOpenedBreakerIsLoggedByWhoOpenedIt lets the answer to the write that opens the breaker be
// lost, or another instance open it first.
func TestOpenedBreakerIsLoggedByWhoOpenedIt(t *testing.T) {
	tests := map[string]struct {
		when  bool
		open  func(*world)
		lines int
	}{
		"it is the first":    {after, func(*world) {}, 1},
		"another was faster": {before, (*world).stop, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			w.tenantSays(suspicious)
			w.submit("ana@contoso.com")
			saves := 0
			w.interrupt = func(op string, when bool) error {
				if op != "SaveGate" || when != test.when {
					return nil
				}
				saves++
				if saves != 2 { // the first one takes the turn
					return nil
				}
				interrupt := w.interrupt
				w.interrupt = nil
				test.open(w)
				w.interrupt = interrupt
				return problem.New(problem.Conflict, "another was faster")
			}
			w.deliverAll()
			w.interrupt = nil
			if w.gate().Cause == "" {
				t.Error("the breaker is closed")
			}
			w.wantLine(workflow.LogBreakerOpened, test.lines)
		})
	}
}

// TestUnusedTurnIsGivenBack lets what comes between the turn and the invitation fail.
func TestUnusedTurnIsGivenBack(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 9, Share: 50} })
	w.row("contoso.com", "r", "Action", "invite")
	id := w.submit("ana@contoso.com")
	taken := false
	w.interrupt = func(op string, after bool) error {
		taken = taken || op == "SaveGate" && after
		if taken && op == "Load" {
			return unavailable
		}
		return nil
	}
	err := w.deliver()
	wantCode(t, "loading the request again", err, problem.StorageUnavailable)
	w.interrupt = nil
	gate := w.gate()
	if !taken || gate.Turns != 1 || gate.GivenBack != "1" || gate.Sent != 0 || gate.Shares != "" {
		t.Errorf("gate %+v", gate)
	}
	w.settle(1)
	w.wantState(id, request.Done)
	if gate := w.gate(); gate.Sent != 1 {
		t.Errorf("%d are counted, and one was sent", gate.Sent)
	}
}

// TestUsedTurnIsNotGivenBack lets what follows an invitation fail: the invitation counts.
func TestUsedTurnIsNotGivenBack(t *testing.T) {
	for name, fault := range map[string]func() error{"the store is away": fails, "the process ends": crashes} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 9} })
			w.row("contoso.com", "r", "Action", "invite")
			id := w.submit("ana@contoso.com")
			sent := false
			w.interrupt = func(op string, after bool) error {
				sent = sent || op == "Invite"
				if sent && op == "UpdateClaim" {
					return fault()
				}
				return nil
			}
			err := w.deliver()
			w.interrupt = nil
			if gate := w.gate(); err == nil || gate.Sent != 1 || gate.GivenBack != "" {
				t.Errorf("%d are counted after %v", gate.Sent, err)
			}
			w.settle(1)
			w.wantState(id, request.Done)
			w.wantTenant(1, 1, 0)
			if gate := w.gate(); gate.Sent != 1 {
				t.Errorf("%d are counted, and one was sent", gate.Sent)
			}
		})
	}
}

// TestParkedRequestsGoInTheOrderOfTheirAge signs up more people each day than the day has
// invitations, for fourteen days.
func TestParkedRequestsGoInTheOrderOfTheirAge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t, func(c *workflow.Config) {
		c.Pace = request.Pace{Daily: 10, Spacing: time.Second}
		c.Jitter = func(d time.Duration) time.Duration { return d + time.Duration(random.Int64N(int64(d)/5+1)) }
	})
	w.row("contoso.com", "r", "Action", "invite")
	var ids []submission.ID
	for day := range 14 {
		for i := range 15 {
			ids = append(ids, w.submit(fmt.Sprintf("partner.%d.%d@contoso.com", day, i)))
			w.settleMinutes(96)
		}
	}
	// FIFO would have brought in the first 150 by now, or 140 before today's budget.
	waiting := slices.IndexFunc(ids, func(id submission.ID) bool { return w.load(id).State != request.Done })
	if waiting < 130 {
		t.Errorf("request %d of %d still waits, after %d invitations", waiting, len(ids), len(w.tenant.Invitations()))
	}
	for i, id := range ids {
		if r := w.load(id); r.State == request.Done && i > waiting+20 {
			t.Errorf("request %d was invited before request %d", i, waiting)
		}
	}
}

func TestOneDomainGetsItsShareOfTheDay(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 10, Share: 50} })
	w.row("contoso.com", "trusted", "Action", "invite")
	w.row("fabrikam.com", "partner", "Action", "invite")
	var madeUp []submission.ID
	for i := range 30 {
		w.now = w.now.Add(time.Second)
		madeUp = append(madeUp, w.signUp(fmt.Sprintf("made.up.%d@contoso.com", i)))
	}
	if n := len(w.tenant.Invitations()); n != 5 {
		t.Errorf("%d invitations for one domain, and half of the day is 5", n)
	}
	w.wantLine(workflow.LogShareUsed, 2) // of the domain and of the row
	if !strings.Contains(w.log.String(), "name=contoso.com") {
		t.Error("the line does not name the domain")
	}
	w.settle(1)
	for i := range 3 {
		w.wantState(w.signUp(fmt.Sprintf("partner.%d@fabrikam.com", i)), request.Done)
	}
	w.wantState(madeUp[5], request.Parked)
	w.settle(24)
	w.wantState(madeUp[9], request.Done)
	w.wantState(madeUp[10], request.Parked)
	// Whoever waits behind the made-up ones has the rest of the day.
	w.wantState(w.signUp("late@fabrikam.com"), request.Done)
}

func TestApprovedGuestsTakeNoShare(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 4, Share: 50} })
	w.row("contoso.com", "r", "Action", "review")
	terms := policy.Terms{UserType: "Guest"}
	for i := range 4 {
		id := w.review(t, fmt.Sprintf("partner.%d@contoso.com", i))
		must(w.reviewer().Approve(t.Context(), w.load(id), terms, ""))(t)
	}
	w.settleMinutes(5)
	w.wantTenant(4, 4, 0)
	w.wantLine(workflow.LogShareUsed, 0)
}

func TestRequestThatIsAlwaysRefusedFailsForPerson(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.refuse("ana@contoso.com", 1_000_000, 403, "Forbidden", switchedOff)
	ana := w.signUp("ana@contoso.com")
	for i := range 24 {
		w.settle(1)
		w.wantState(w.signUp(fmt.Sprintf("partner.%d@contoso.com", i)), request.Done)
	}
	r := w.wantState(ana, request.Failed)
	if !strings.Contains(r.Reason, "request-id") {
		t.Errorf("the reason does not name the directory's id of the call: %q", r.Reason)
	}
	w.wantLine(workflow.LogBreakerOpened, 0)
	if gate := w.gate(); gate.Sent > 24 {
		t.Errorf("%d of the day's invitations are counted", gate.Sent)
	}
}

func TestUnknownAnswersAreCountedAcrossParking(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "SendInvitation", false)
	w.refuse("ana@contoso.com", 1_000_000, 418, "Teapot", "Short and stout.")
	id := w.signUp("ana@contoso.com")
	for range 12 {
		w.stop() // between any two attempts the request is parked
		w.settleMinutes(90)
	}
	w.wantState(id, request.Failed)
	if n := w.attempts(); n > 7 {
		t.Errorf("%d attempts", n)
	}
}

// TestSameOddAnswerToQuestionsOfThreeGuestsIsTenants lets the question who holds an address get no
// sensible answer, for everybody. Nobody is refused because of that.
func TestSameOddAnswerToQuestionsOfThreeGuestsIsTenants(t *testing.T) {
	for name, fault := range map[string]graphsim.Fault{
		"a page":         {Status: 403, Form: graphsim.HTMLPage},
		"no body":        {Status: 403, EmptyBody: true},
		"unknown words":  {Status: 403, Code: "Odd", Message: "Something is odd."},
		"a refusal":      {Status: 400, Message: "Unsupported query."},
		"no such method": {Status: 405, Form: graphsim.HTMLPage},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
			fault.Match, fault.Always = lookUps, true
			w.order(fault)
			ids := w.submitMany(8)
			w.settle(5)
			if gate := w.gate(); gate.Cause != request.DirectoryRefusesAll {
				t.Errorf("gate %+v", gate)
			}
			w.wantLine(workflow.LogBreakerOpened, 1)
			for _, id := range ids {
				w.wantState(id, request.Parked)
			}
			// Three times in a row for each of the witnesses, and for each of the quarter-hourly
			// probes.
			if n := w.tenant.Calls()["GET /v1.0/users"]; n > 3*(8+2+5*4) {
				t.Errorf("%d questions in five hours", n)
			}
			w.tenant.ClearFaults()
			w.settle(2)
			for _, id := range ids {
				w.wantAllGroups(id, 1)
			}
			w.wantLine(workflow.LogFailed, 0)
		})
	}
}

// TestDirectoryWithoutTokenIsAskedEveryQuarterOfAnHour: the question that fails is the probe.
func TestDirectoryWithoutTokenIsAskedEveryQuarterOfAnHour(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.order(graphsim.Fault{Match: graphsim.Match{Path: "/v1.0/*"}, Always: true, Status: 401})
	ids := w.submitMany(6)
	w.settle(24)
	// Each question is asked once more with a new token.
	if n := w.tenant.Calls()["GET /v1.0/users"]; n < 2*24*3 || n > 2*(24*4+10) {
		t.Errorf("%d questions in a day", n)
	}
	for _, id := range ids {
		if r := w.wantState(id, request.Parked); r.Events > 100 {
			t.Errorf("%d events in a day", r.Events)
		}
	}
	w.tenant.ClearFaults()
	w.settle(2)
	for _, id := range ids {
		w.wantState(id, request.Done)
	}
}

func TestPersonWhoSignsUpAgainIsOneWitness(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	w.refuse("ana@contoso.com", 1_000_000, 403, "Forbidden", switchedOff)
	for range 3 {
		id := w.signUp("ana@contoso.com")
		w.wantState(id, request.Inviting)
		w.carryOut(submission.Withdraw, id)
	}
	w.wantLine(workflow.LogBreakerOpened, 0)
	w.wantClosedBreaker()
	w.wantState(w.signUp("bo@contoso.com"), request.Done)
}

// TestProbeWithoutSensibleAnswerIsRepeatedWithinTheHour: the cause is gone, and the guest of the
// first probe is an unlucky one.
func TestProbeWithoutSensibleAnswerIsRepeatedWithinTheHour(t *testing.T) {
	for _, status := range []int{400, 418, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			w := newWorld(t)
			w.row("contoso.com", "r", "Action", "invite")
			w.stop()
			w.refuse("ana@contoso.com", 1_000_000, status, "Odd", "Odd.")
			w.signUp("ana@contoso.com")
			w.settleMinutes(61)
			bo := w.signUp("bo@contoso.com")
			w.settleMinutes(20)
			w.wantState(bo, request.Done)
			w.wantClosedBreaker()
		})
	}
}

// TestOutageOfOddAnswersLeavesNoGuestToPerson lets every call get a page of something in between
// for an hour, while a group is waited for and while people sign up again.
func TestOutageOfOddAnswersLeavesNoGuestToPerson(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite", "Groups", groupOne)
	w.order(graphsim.Fault{Match: membersOf(groupOne), Times: 1, Status: 503})
	ids := []submission.ID{w.signUp("ana@contoso.com")}
	w.order(graphsim.Fault{Match: graphsim.Match{Path: "/v1.0/*"}, Always: true, Status: 403, Form: graphsim.HTMLPage})
	ids = append(ids, w.submit("ana@contoso.com"))
	ids = append(ids, w.submitMany(4)...)
	w.settle(1)
	w.tenant.ClearFaults()
	w.settle(2)
	for _, id := range ids {
		w.wantState(id, request.Done)
	}
	w.wantLine(workflow.LogFailed, 0)
}

// TestUnluckyAddressEndsThoughBreakerIsOpen leaves one parked request, to whose question the
// directory always gives the answer that has opened the breaker.
func TestUnluckyAddressEndsThoughBreakerIsOpen(t *testing.T) {
	w := newWorld(t)
	w.row("contoso.com", "r", "Action", "invite")
	page := graphsim.Fault{Match: lookUps, Always: true, Status: 403, Form: graphsim.HTMLPage}
	w.order(page)
	ids := w.submitMany(4)
	w.settle(1)
	page.Match.Query = w.load(ids[0]).Submission.Email.String()
	w.tenant.ClearFaults()
	w.order(page)
	for _, id := range ids[1:] {
		must(w.reviewer().Cancel(t.Context(), id, "not needed"))(t)
	}
	w.settle(20)
	w.wantState(ids[0], request.Parked)
	w.settle(10)
	w.wantState(ids[0], request.Failed)
	if last := w.last(ids[0]); last != "given-up" {
		t.Errorf("the last event is %q", last)
	}
	w.wantNothingDue()
}
