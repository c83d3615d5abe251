package workflow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// unanswering is what the directory says when it leaves open what came of a call.
func unanswering() error { return problem.New(request.DirectoryUnavailable, "status 500") }

// TestOutageCostsNoBudget lets every invitation fail for half an hour, and others sign up after
// that.
func TestOutageCostsNoBudget(t *testing.T) {
	const early, late = 20, 40
	for name, test := range map[string]struct {
		pace    request.Pace
		invited int
	}{
		"the day has room for all":         {request.Pace{Daily: 80, Spacing: time.Second}, early + late},
		"the domain's share has room":      {request.Pace{Daily: 120, Share: 50}, early + late},
		"the day has room for some":        {request.Pace{Daily: 10}, 10},
		"the domain's share has for some":  {request.Pace{Daily: 20, Share: 50}, 10},
		"there is room for those who wait": {request.Pace{Daily: early}, early},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Pace = test.pace })
			w.row("contoso.com", "r", "Action", "invite")
			ids := w.submitMany(early)
			w.on("Invite", before, -1, unanswering)
			w.settleMinutes(30)
			w.wantTenant(0, 0, 0)
			for i := range late {
				ids = append(ids, w.submit(fmt.Sprintf("later.%d@contoso.com", i)))
			}
			w.settleMinutes(25)
			done := 0
			for _, id := range ids {
				if r := w.load(id); r.State == request.Done {
					done++
				} else if r.State != request.Parked {
					t.Errorf("a request is %s (%s)", r.State, r.Reason)
				}
			}
			gate := w.gate()
			if done != test.invited || gate.Sent != test.invited {
				t.Errorf("%d are invited and %d are counted, want %d", done, gate.Sent, test.invited)
			}
		})
	}
}

// TestUnluckyAddressesCostNoBudget lets the directory fail for twenty addresses only.
func TestUnluckyAddressesCostNoBudget(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 80} })
	w.row("contoso.com", "r", "Action", "invite")
	for i := range 20 {
		email := fmt.Sprintf("unlucky.%d@contoso.com", i)
		w.refuse(email, 1_000_000, 500, "InternalServerError", "It failed.")
		w.submit(email)
	}
	w.settle(3)
	for i := range 60 {
		w.wantState(w.signUp(fmt.Sprintf("partner.%d@contoso.com", i)), request.Done)
		w.settleMinutes(1)
	}
}

// TestInvitationWithLostAnswerCounts loses the answer of an invitation that the directory took.
func TestInvitationWithLostAnswerCounts(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 9, Share: 50} })
	w.row("contoso.com", "r", "Action", "invite")
	id := w.submit("ana@contoso.com")
	w.on("Invite", after, 1, unanswering)
	w.deliverAll()
	if open := w.load(id).OpenTurn; open.Number != 1 || open.Sharers == "" {
		t.Errorf("the open turn is %+v", open)
	}
	shares := w.gate().Shares
	w.settleMinutes(10)
	r := w.wantState(id, request.Done)
	gate := w.gate()
	if gate.Sent != 1 || gate.Shares != shares || shares == "" || r.OpenTurn != (request.Turn{}) {
		t.Errorf("gate %+v, open turn %+v", gate, r.OpenTurn)
	}
	w.wantTenant(1, 1, 0)
}

// TestLinesOnBudgetComeWithGuestOfLostAnswer: the turn counted when the answer was lost, and
// whether it stays counted is known once the guest is found.
func TestLinesOnBudgetComeWithGuestOfLostAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		pace         request.Pace
		spent, share int
	}{
		"the day's last turn": {request.Pace{Daily: 1}, 1, 0},
		"the last of a share": {request.Pace{Daily: 9, Share: 12}, 0, 2}, // of the domain and of the row
		"one of many":         {request.Pace{Daily: 9, Share: 50}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Pace = test.pace })
			w.row("contoso.com", "r", "Action", "invite")
			id := w.submit("ana@contoso.com")
			w.on("Invite", after, 1, unanswering)
			w.deliverAll()
			w.wantLine(workflow.LogBudgetSpent, 0)
			w.wantLine(workflow.LogShareUsed, 0)
			w.bring(id)
			w.deliverAll()
			w.wantState(id, request.Done)
			w.wantLine(workflow.LogBudgetSpent, test.spent)
			w.wantLine(workflow.LogShareUsed, test.share)
		})
	}
}

// TestTurnOfYesterdayIsNotGivenBackToday looks for the guest after midnight.
func TestTurnOfYesterdayIsNotGivenBackToday(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 9} })
	w.row("contoso.com", "r", "Action", "invite")
	w.now = time.Date(2026, 5, 4, 23, 59, 30, 0, time.UTC)
	id := w.submit("ana@contoso.com")
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 500})
	w.deliverAll()
	w.now = w.now.Add(time.Minute)
	w.wantState(w.signUp("bo@contoso.com"), request.Done)
	w.settleMinutes(10)
	w.wantState(id, request.Done)
	if gate := w.gate(); gate.Day != "2026-05-05" || gate.Sent != 2 {
		t.Errorf("%d are counted on %s, and two were sent", gate.Sent, gate.Day)
	}
}

// TestUnseenOutcomeKeepsTurn: an app that may not read users never learns what came of it.
func TestUnseenOutcomeKeepsTurn(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 9} })
	w.row("contoso.com", "r", "Action", "invite")
	w.order(forbidden(lookUps, 1_000_000), graphsim.Fault{Match: invitations, Times: 1, Status: 500})
	id := w.submit("ana@contoso.com")
	w.settleMinutes(10)
	r := w.wantState(id, request.Done)
	if gate := w.gate(); gate.Sent != 2 || r.OpenTurn != (request.Turn{}) {
		t.Errorf("%d are counted, open turn %+v", gate.Sent, r.OpenTurn)
	}
}

// TestCancelledRequestGivesTurnBack ends a request whose invitation got no answer.
func TestCancelledRequestGivesTurnBack(t *testing.T) {
	w := newWorld(t, func(c *workflow.Config) { c.Pace = request.Pace{Daily: 9} })
	w.row("contoso.com", "r", "Action", "invite", "MaxGuests", int32(3))
	w.order(graphsim.Fault{Match: invitations, Times: 1, Status: 500})
	id := w.signUp("ana@contoso.com")
	w.now = w.now.Add(request.LongestAttempt + time.Minute)
	must(w.reviewer().Cancel(t.Context(), id, "nobody waits for her"))(t)
	w.settle(2)
	r := w.wantState(id, request.Cancelled)
	if gate := w.gate(); gate.Sent != 0 || r.OpenTurn != (request.Turn{}) {
		t.Errorf("%d are counted, open turn %+v", gate.Sent, r.OpenTurn)
	}
}

// TestOpenTurnIsGivenBackOnce ends the process within each operation, or loses its answer, while
// the invitations of two requests have got no answer. Each may cost the day one turn more, and
// never one less than what was sent.
func TestOpenTurnIsGivenBackOnce(t *testing.T) {
	for name, fault := range map[string]func() error{"the process ends": crashes, "the store is away": fails} {
		t.Run(name, func(t *testing.T) {
			exact := 0
			n := everyOperation(t, func(t *testing.T, w *world, at func(func(op string, after bool) error)) {
				w.config.Pace = request.Pace{Daily: 9, Share: 99}
				w.worker = w.newWorker()
				w.row("contoso.com", "r", "Action", "invite")
				w.order(graphsim.Fault{Match: invitations, Times: 2, Status: 500})
				ids := []submission.ID{w.submit("ana@contoso.com"), w.submit("bo@contoso.com")}
				w.deliverAll()
				w.now = w.now.Add(lease)
				at(func(string, bool) error { return fault() })
				w.settle(1)
				for _, id := range ids {
					w.wantState(id, request.Done)
				}
				gate := w.gate()
				if gate.Sent < 2 || gate.Sent > 3 {
					t.Errorf("%d are counted, and two were sent", gate.Sent)
				}
				if gate.Sent == 2 {
					exact++
				}
			})
			if n < 30 || exact < n*3/4 {
				t.Errorf("the count is exact in %d of %d cases", exact, n)
			}
		})
	}
}

// TestOutageUsesUpNoBudget lets more people sign up in an outage than the day has invitations. The
// lines on budget and share come with the guest who uses them up, also if the answer was lost.
func TestOutageUsesUpNoBudget(t *testing.T) {
	pace := request.Pace{Daily: 10, Share: 50}
	tests := map[string]struct {
		when    bool
		invited int
	}{
		"nobody is invited":             {before, 0},
		"the answers to all are lost":   {after, 5},
		"the last one's answer is lost": {after, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *workflow.Config) { c.Pace = pace })
			w.row("contoso.com", "r", "Action", "invite")
			if test.invited == 1 {
				for i := range 4 {
					w.signUp(fmt.Sprintf("earlier.%d@contoso.com", i))
				}
			}
			w.submitMany(8)
			w.on("Invite", test.when, -1, unanswering)
			w.deliverAll()
			w.wantLine(workflow.LogShareUsed, 0)
			w.on("Invite", test.when, -1, unanswering)
			w.settle(3)
			n := strings.Count(w.log.String(), workflow.LogShareUsed)
			if (n > 0) != (test.invited > 0) || n > 2*test.invited {
				t.Errorf("%d lines, and %d were invited", n, test.invited)
			}
		})
	}
}
