package workflow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/mempeople"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

const (
	olga      = rita // an operator
	operators = "dddddddd-0000-4000-8000-000000000003"
	teamLeads = "dddddddd-0000-4000-8000-000000000004" // a group in it
)

// newControlRoom returns a world in which olga operates, and paul by another group.
func newControlRoom(t *testing.T, changes ...func(*workflow.Config)) *assembly {
	t.Helper()
	changes = append([]func(*workflow.Config){func(c *workflow.Config) { c.Operators, c.Reviewers = operators, "" }}, changes...)
	a := newAssembly(t, changes...)
	a.people.SetGroup(mempeople.Group{ID: teamLeads, Members: []string{paul}})
	a.people.SetGroup(mempeople.Group{ID: operators, Members: []string{olga, teamLeads, stale, guest, ghost}})
	return a
}

// failing signs ana up, whose invitation the directory refuses, and returns her request, which has
// failed. From then on the directory takes her.
func (a *assembly) failing() submission.ID {
	a.t.Helper()
	a.row("contoso.com", "trusted", "Action", "invite", "Groups", groupOne)
	a.on("Invite", before, -1, refuses)
	id := a.signUpFor("ana@contoso.com", 1)
	a.interrupt = nil
	a.wantState(id, request.Failed)
	return id
}

// refuses is the answer of a directory that refuses an invitation for good.
func refuses() error { return problem.New(request.DirectoryRefused, "no") }

// order is what the person orders about the request as it is now.
func (a *assembly) order(kind request.OrderKind, id submission.ID, by string) request.Order {
	a.t.Helper()
	a.now = a.now.Add(time.Second)
	order := request.Order{Kind: kind, ID: id, By: by, Name: "Somebody", Given: a.now}
	if kind == request.CloseOrder {
		order.Seen = must(a.store.Gate(a.t.Context()))(a.t).OpeningMark()
	} else {
		order.Seen = a.load(id).OrderMark()
	}
	return order
}

// give hands the order to the worker in its wire form.
func (a *assembly) give(order request.Order) error {
	a.t.Helper()
	wire := must(order.Encode())(a.t)
	return a.survive(func() error {
		return a.worker.Apply(a.t.Context(), "m", must(request.DecodeDecision(wire))(a.t))
	})
}

// wantUntouched checks that the request is as it was, but for what is noted of an order.
func (a *assembly) wantUntouched(before request.Request) {
	a.t.Helper()
	after := a.load(before.ID)
	after.Orders.Ignored = before.Orders.Ignored
	after.Version, after.Events, after.Changed = before.Version, before.Events, before.Changed
	diff := cmp.Diff(before, after, cmp.Comparer(func(a, b submission.Address) bool { return a == b }))
	if diff != "" {
		a.t.Errorf("the request was changed (-before +after):\n%s", diff)
	}
}

func TestOrderCountsByAuthorityAtThatMoment(t *testing.T) {
	tests := map[string]struct {
		by     string
		change func(*assembly)
		counts bool
	}{
		"an operator":                       {by: olga, counts: true},
		"an operator by another group":      {by: paul, counts: true},
		"nobody in particular":              {by: nobody},
		"a reviewer":                        {by: paula, change: func(a *assembly) { a.people.SetGroup(mempeople.Group{ID: reviewers, Members: []string{paula}}) }},
		"a disabled member of the group":    {by: stale},
		"a guest in the group":              {by: guest},
		"a guest where guests decide":       {by: guest, change: func(a *assembly) { a.config.GuestsDecide = true; a.worker = a.newWorker() }},
		"somebody who does not exist":       {by: ghost},
		"an operator who was taken out":     {by: olga, change: func(a *assembly) { a.people.SetGroup(mempeople.Group{ID: operators, Members: []string{paul}}) }},
		"an operator who was disabled":      {by: olga, change: func(a *assembly) { a.people.SetUser(mempeople.User{ID: olga, Disabled: true}) }},
		"an operator of a group that went":  {by: paul, change: func(a *assembly) { a.people.Remove(teamLeads) }},
		"an app without a group":            {by: olga, change: func(a *assembly) { a.config.Operators = ""; a.worker = a.newWorker() }},
		"somebody who came into the group":  {by: nobody, change: func(a *assembly) { a.people.SetGroup(mempeople.Group{ID: operators, Members: []string{nobody}}) }, counts: true},
		"an app with another group in mind": {by: olga, change: func(a *assembly) { a.config.Operators = deputies; a.worker = a.newWorker() }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newControlRoom(t)
			id := a.failing()
			order := a.order(request.RetryOrder, id, test.by)
			if test.change != nil {
				test.change(a)
			}
			before := a.load(id)
			ok(t, a.give(order))
			if !test.counts {
				a.wantUntouched(before)
				if !slices.Contains(a.whats(id), "order-refused") {
					t.Errorf("history %v", a.whats(id))
				}
				a.settle(1)
				a.wantState(id, request.Failed)
				return
			}
			r := a.wantState(id, request.Done) // at once
			a.wantTenant(1, 1, 1)
			if history := fmt.Sprint(must(a.store.History(t.Context(), id))(t)); !strings.Contains(history, "taken up again by a person Somebody ("+test.by+")") || r.Orders.Count != 1 {
				t.Errorf("orders %+v, history %s", r.Orders, history)
			}
		})
	}
}

// TestOrderHasOneEffect: it comes twice, is given twice by a double click, or is replayed later.
func TestOrderHasOneEffect(t *testing.T) {
	a := newControlRoom(t)
	id := a.failing()
	first := a.order(request.RetryOrder, id, olga)
	second := first
	second.Given = second.Given.Add(time.Second)
	a.on("Invite", before, -1, refuses)
	ok(t, a.give(first))
	a.settle(1)
	a.interrupt = nil
	a.wantState(id, request.Failed) // again
	before := a.load(id)
	ok(t, a.give(first))
	if after := a.load(id); after.Version != before.Version {
		t.Errorf("a message that came twice changed %v", a.whats(id))
	}
	ok(t, a.give(second))
	a.wantUntouched(before)
	if !slices.Contains(a.whats(id), "order-stale") {
		t.Errorf("history %v", a.whats(id))
	}
	ok(t, a.give(a.order(request.RetryOrder, id, olga))) // looked at anew
	a.wantState(id, request.Done)
	done := a.load(id)
	for _, late := range []request.Order{first, second} {
		ok(t, a.give(late))
	}
	a.settle(1)
	a.wantUntouched(done)
	a.wantTenant(1, 1, 1)
}

func TestOrderAboutWhatHasChangedChangesNothing(t *testing.T) {
	tests := map[string]struct {
		kind   request.OrderKind
		change func(*assembly, submission.ID)
		what   string
	}{
		"retried by the command": {request.RetryOrder, func(a *assembly, id submission.ID) {
			a.on("Invite", before, -1, refuses)
			must(a.reviewer().Retry(a.t.Context(), id))(a.t)
			a.settle(1)
			a.interrupt = nil
			a.wantState(id, request.Failed)
		}, "order-stale"},
		"cancelled": {request.RetryOrder, func(a *assembly, id submission.ID) {
			must(a.reviewer().Cancel(a.t.Context(), id, "no need"))(a.t)
			a.settle(1)
		}, "order-stale"},
		"erased": {request.RetryOrder, func(a *assembly, id submission.ID) {
			must(a.reviewer().Erase(a.t.Context(), id))(a.t)
			a.settle(1)
		}, "order-late"},
		"withdrawn, and not erased yet": {request.RetryOrder, func(a *assembly, id submission.ID) {
			must(a.reviewer().Erase(a.t.Context(), id))(a.t)
		}, "order-late"},
		"no mail to send": {request.ResendOrder, func(*assembly, submission.ID) {}, "order-refused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newControlRoom(t)
			id := a.failing()
			order := a.order(test.kind, id, olga)
			test.change(a, id)
			asked := 0
			a.people.Before = func(string) error { asked++; return nil }
			before := a.load(id)
			ok(t, a.give(order))
			a.wantUntouched(before)
			if !slices.Contains(a.whats(id), test.what) || asked != 0 {
				t.Errorf("history %v, and the directory was asked %d times", a.whats(id), asked)
			}
		})
	}
}

func TestOrdersAboutNoRequestLeaveNothing(t *testing.T) {
	a := newControlRoom(t)
	id := a.failing()
	order := a.order(request.RetryOrder, id, olga)
	order.ID = a.newID(a.now)
	ok(t, a.give(order))
	ok(t, a.worker.Advance(t.Context(), submission.Message{ID: order.ID, Kind: submission.Withdraw}))
	ok(t, a.give(order)) // its sign-up has not come
	if history := must(a.store.History(t.Context(), order.ID))(t); len(history) != 0 || len(a.put) != 0 {
		t.Errorf("history %v, put back %v", history, a.put)
	}
}

// TestForgedOrdersCostLittle: whoever may send to the queue can send any number.
func TestForgedOrdersCostLittle(t *testing.T) {
	a := newControlRoom(t)
	id := a.failing()
	asked := 0
	a.people.Before = func(string) error { asked++; return nil }
	for i := range 100 {
		order := a.order(request.RetryOrder, id, fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", i))
		if i%2 == 0 {
			order.Seen = strings.Repeat("0", len(order.Seen))
		}
		ok(t, a.give(order))
	}
	a.wantState(id, request.Failed)
	if n := len(a.whats(id)); n > 30 || asked != 50 {
		t.Errorf("%d events are left of forged orders, and the directory was asked %d times", n, asked)
	}
	ok(t, a.give(a.order(request.RetryOrder, id, olga))) // the flood keeps nobody from operating
	a.wantState(id, request.Done)
	// Somebody who forges orders of an operator has a bounded number of them carried out.
	a.on("Invite", before, -1, refuses)
	other := a.signUpFor("bo@contoso.com", 1)
	for range 3 * request.MaxOrders {
		a.on("Invite", before, -1, refuses)
		ok(t, a.give(a.order(request.RetryOrder, other, olga)))
		a.settle(1)
	}
	if r := a.load(other); r.Orders.Count != request.MaxOrders || len(r.Orders.Last) != request.MaxOrders {
		t.Errorf("orders %+v, history %v", r.Orders, a.whats(other))
	}
	a.now = a.now.Add(request.OrdersCounted)
	ok(t, a.give(a.order(request.RetryOrder, other, olga)))
	if r := a.load(other); r.Orders.Count != request.MaxOrders+1 {
		t.Errorf("a day later, orders %+v", r.Orders)
	}
}

func TestOrderRestsWhileDirectoryCannotBeAsked(t *testing.T) {
	for name, failure := range map[string]error{
		"silent": problem.New(request.DirectoryUnavailable, "silent"), "forbids": problem.New(request.DirectoryReadForbidden, "no"),
		"throttles": problem.New(request.DirectoryThrottled, "later"),
	} {
		for _, op := range []string{"Person", "MemberOf"} {
			t.Run(name+" at "+op, func(t *testing.T) {
				a := newControlRoom(t)
				id := a.failing()
				a.people.Before = func(asked string) error {
					if asked == op {
						return failure
					}
					return nil
				}
				before := a.load(id)
				order := a.order(request.RetryOrder, id, olga)
				ok(t, a.give(order))
				if after := a.load(id); after.Version != before.Version {
					t.Errorf("the request was changed: %v", a.whats(id))
				}
				if len(a.put) != 1 || a.put[0].queue != request.DecisionsQueue || !a.put[0].visible.After(a.now) {
					t.Fatalf("put %v", a.put)
				}
				a.people.Before = nil
				ok(t, a.worker.Apply(t.Context(), "m", must(request.DecodeDecision(a.put[0].body))(t)))
				a.wantState(id, request.Done)
			})
		}
	}
	t.Run("for longer than a day", func(t *testing.T) {
		a := newControlRoom(t)
		id := a.failing()
		a.people.Before = func(string) error { return problem.New(request.DirectoryUnavailable, "silent") }
		order := a.order(request.RetryOrder, id, olga)
		a.now = a.now.Add(25 * time.Hour)
		ok(t, a.give(order))
		letters := must(a.store.AllDeadLetters(t.Context()))(t)
		if len(letters) != 1 || len(a.put) != 0 || !strings.Contains(letters[0].Why, "retry") {
			t.Errorf("dead letters %v, put %v", letters, a.put)
		}
	})
}

func TestOrderAboutUnreadableRequestRests(t *testing.T) {
	a := newControlRoom(t)
	id := a.failing()
	order := a.order(request.RetryOrder, id, olga)
	a.store.Spoil(memstore.Record{Request: id})
	ok(t, a.give(order))
	if len(a.put) != 1 || a.put[0].queue != request.DecisionsQueue {
		t.Errorf("put %v", a.put)
	}
}

func TestOrderThatFailedTooOftenComesBack(t *testing.T) {
	a := newControlRoom(t)
	id := a.failing()
	ok(t, a.worker.GiveUpDecision(t.Context(), "m", must(a.order(request.RetryOrder, id, olga).Encode())(t)))
	if len(a.put) != 1 || a.put[0].queue != request.DecisionsQueue || !a.put[0].visible.After(a.now) {
		t.Fatalf("put %v", a.put)
	}
	ok(t, a.worker.Apply(t.Context(), "m", must(request.DecodeDecision(a.put[0].body))(t)))
	a.wantState(id, request.Done)
}

// TestOrderIsCarriedOutWhereverTheProcessEnds kills the process before and after every operation.
func TestOrderIsCarriedOutWhereverTheProcessEnds(t *testing.T) {
	const mostKills = 200
	for _, after := range []bool{false, true} {
		for n := range mostKills {
			a := newControlRoom(t)
			id := a.failing()
			count, killed := 0, false
			order := a.order(request.RetryOrder, id, olga)
			a.interrupt = func(op string, isAfter bool) error {
				if isAfter == after && !killed {
					count++
					if count == n+1 {
						killed = true
						panic(crash{})
					}
				}
				return nil
			}
			for tries := 0; a.give(order) != nil && tries < 3; tries++ {
			}
			a.interrupt = nil
			a.settle(1)
			r := a.wantState(id, request.Done)
			a.wantTenant(1, 1, 1)
			if r.Orders.Count != 1 {
				t.Errorf("killed at %d: orders %+v", n, r.Orders)
			}
			if !killed {
				break
			}
			if n == mostKills-1 {
				t.Fatal("the operations did not come to an end")
			}
		}
	}
}

func TestOrderSendsInvitationAgain(t *testing.T) {
	a := newControlRoom(t)
	a.row("contoso.com", "trusted", "Action", "invite")
	id := a.signUpFor("ana@contoso.com", 2)
	a.wantState(id, request.Done)
	first := a.order(request.ResendOrder, id, olga)
	twice := first
	twice.Given = twice.Given.Add(time.Second)
	ok(t, a.give(first))
	ok(t, a.give(twice))
	ok(t, a.give(a.order(request.ResendOrder, id, olga))) // within the rest of a mail
	a.settle(3)
	if got := a.whats(id); count(got, "resent") != 1 || count(got, "resend-too-soon")+count(got, "order-refused") != 1 || count(got, "order-stale") != 1 {
		t.Errorf("history %v", got)
	}
	a.now = a.now.Add(2 * request.MailRest)
	ok(t, a.give(a.order(request.ResendOrder, id, nobody)))
	a.settle(1)
	if got := a.whats(id); count(got, "resent") != 1 {
		t.Errorf("history %v", got)
	}
}

func count(all []string, one string) (n int) {
	for _, other := range all {
		if other == one {
			n++
		}
	}
	return n
}

// TestOrderClosesBreaker: the opening that the operator saw, and by authority at that moment.
func TestOrderClosesBreaker(t *testing.T) {
	opening := request.Gate{Cause: request.DirectoryForbidden, OpenedAt: time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)}
	tests := map[string]struct {
		by     string
		gate   request.Gate
		change func(*assembly)
		closes bool
		asked  int // calls of the directory at most
	}{
		"an operator":                    {by: olga, gate: opening, closes: true, asked: 2},
		"a stranger":                     {by: ghost, gate: opening, asked: 1},
		"a guest":                        {by: guest, gate: opening, asked: 1},
		"a disabled operator":            {by: stale, gate: opening, asked: 1},
		"somebody else":                  {by: nobody, gate: opening, asked: 2},
		"an app without a group":         {by: olga, gate: opening, change: func(a *assembly) { a.config.Operators = ""; a.worker = a.newWorker() }},
		"a cause for which trying hurts": {by: olga, gate: request.Gate{Cause: request.DirectorySuspicious, OpenedAt: opening.OpenedAt}},
		"a stop by a person": {by: olga, gate: request.Gate{
			Cause: request.DirectoryForbidden, OpenedAt: opening.OpenedAt, Stop: request.Stop{By: "ada", At: opening.OpenedAt},
		}},
		"opened anew since": {by: olga, gate: opening, change: func(a *assembly) {
			must(request.ChangeGate(a.t.Context(), a.store, func(g request.Gate) (request.Gate, bool) {
				g = g.Close(workflow.AProbe, a.now)
				g.Cause, g.OpenedAt = request.DirectoryForbidden, a.now
				return g, true
			}))(a.t)
		}},
		"stopped by a person while the directory answers": {by: olga, gate: opening, asked: 2, change: func(a *assembly) {
			a.people.Before = func(op string) error {
				if op == "MemberOf" {
					must(request.OpenBreaker(a.t.Context(), a.store, "ada", "an incident", a.now))(a.t)
				}
				return nil
			}
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newControlRoom(t)
			must(a.store.SaveGate(t.Context(), test.gate))(t)
			order := a.order(request.CloseOrder, "", test.by)
			if test.change != nil {
				test.change(a)
			}
			asked, inner := 0, a.people.Before
			a.people.Before = func(op string) error {
				asked++
				if inner != nil {
					return inner(op)
				}
				return nil
			}
			ok(t, a.give(order))
			after := must(a.store.Gate(t.Context()))(t)
			if closed := !after.IsOpen(); closed != test.closes || asked > test.asked {
				t.Errorf("the gate is %+v, and the directory was asked %d times", after, asked)
			}
			if by := "Somebody (" + olga + ")"; test.closes && after.ClosedBy != by || !test.closes && after.ClosedBy == by {
				t.Errorf("closed by %q", after.ClosedBy)
			}
			if !test.closes {
				return
			}
			// The message comes again once the breaker has opened anew.
			must(request.ChangeGate(t.Context(), a.store, func(g request.Gate) (request.Gate, bool) {
				g.Cause, g.OpenedAt = request.DirectoryForbidden, opening.OpenedAt
				return g, true
			}))(t)
			ok(t, a.give(order))
			if after = must(a.store.Gate(t.Context()))(t); !after.IsOpen() {
				t.Error("an order closed two openings")
			}
		})
	}
	t.Run("while the directory can't be asked", func(t *testing.T) {
		a := newControlRoom(t)
		must(a.store.SaveGate(t.Context(), opening))(t)
		a.people.Before = func(string) error { return problem.New(request.DirectoryUnavailable, "silent") }
		ok(t, a.give(a.order(request.CloseOrder, "", olga)))
		if after := must(a.store.Gate(t.Context()))(t); !after.IsOpen() || len(a.put) != 1 {
			t.Fatalf("the gate is %+v, put %v", after, a.put)
		}
		a.people.Before = nil
		ok(t, a.worker.Apply(t.Context(), "m", must(request.DecodeDecision(a.put[0].body))(t)))
		if after := must(a.store.Gate(t.Context()))(t); after.IsOpen() {
			t.Errorf("the gate is %+v", after)
		}
	})
}
