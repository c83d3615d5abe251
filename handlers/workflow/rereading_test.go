package workflow_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// sweep runs upkeep an hour later, with one round of the sweep.
func (a *assembly) sweep() {
	a.t.Helper()
	a.now = a.now.Add(time.Hour)
	a.settleMinutes(10)
}

// entry returns the entry of the request in the index of what waits.
func (a *assembly) entry(id submission.ID) request.WaitingReview {
	a.t.Helper()
	for _, entry := range must(a.store.WaitingReviews(a.t.Context(), "", "", 100))(a.t) {
		if entry.ID == id {
			return entry
		}
	}
	a.t.Fatal("the index has no entry of the request")
	return request.WaitingReview{}
}

// TestSweepListsThoseWhoDecideByRowNow: an admin edits the row of a request that waits. Nobody
// votes, and those who decide by now have to find it.
func TestSweepListsThoseWhoDecideByRowNow(t *testing.T) {
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	tests := map[string]struct {
		columns  []any
		before   func(a *assembly)
		edit     []any
		stage    int
		deciders []string
		within   time.Duration
	}{
		"another approver": {columns: []any{"Approvers", paula}, edit: []any{"Approvers", erin}, deciders: []string{erin}},
		"one more":         {columns: []any{"Approvers", paula}, edit: []any{"Approvers", paula + " " + erin}, deciders: []string{paula, erin}},
		"the reviewers":    {columns: []any{"Approvers", paula}, edit: []any{}},
		"the sponsors":     {columns: []any{"Approvers", paula}, edit: []any{"SponsorsDecide", true}, deciders: []string{sponsor}},
		"a row that is switched off": {columns: []any{"Approvers", paula}, edit: []any{"Approvers", erin, "Enabled", false},
			deciders: []string{paula}},
		"a row that denies": {columns: []any{"Approvers", paula}, edit: []any{"Approvers", erin, "Action", "deny"},
			deciders: []string{paula}},
		"less time": {columns: []any{"Approvers", paula}, edit: []any{"Approvers", paula, "DecideWithin", int32(5)},
			deciders: []string{paula}, within: days(5)},
		"the second stage": {columns: []any{"Approvers", paula, "SecondApprovers", sven},
			before: func(a *assembly) { a.says(a.only(), paula, true) },
			edit:   []any{"Approvers", paula, "SecondApprovers", erin}, stage: 2, deciders: []string{erin}},
		"more after a while, which is over": {columns: []any{"Approvers", paula, "EscalateTo", erin, "EscalateAfter", int32(2)},
			before: func(a *assembly) { a.now = a.now.Add(days(3)); a.settle(3) },
			edit:   []any{"Approvers", paul, "EscalateTo", erin, "EscalateAfter", int32(1)}, deciders: []string{paul, erin}},
		"more after a while, which the edit puts off": {columns: []any{"Approvers", paula, "EscalateTo", erin, "EscalateAfter", int32(2)},
			before: func(a *assembly) { a.now = a.now.Add(days(3)); a.settle(3) },
			edit:   []any{"Approvers", paul, "EscalateTo", erin, "EscalateAfter", int32(20)}, deciders: []string{paul}},
		"more after a while, which is not over": {columns: []any{"Approvers", paula},
			edit: []any{"Approvers", paula, "EscalateTo", erin, "EscalateAfter", int32(2)}, deciders: []string{paula}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t)
			id := a.waiting(test.columns...)
			if test.before != nil {
				test.before(a)
			}
			a.row("contoso.com", "ask", append([]any{"Action", "review", "Groups", groupOne, "Sponsors", sponsor}, test.edit...)...)
			a.sweep()
			entry := a.entry(id)
			slices.Sort(test.deciders)
			if !slices.Equal(entry.Deciders, test.deciders) || entry.Stage != max(test.stage, 1) {
				t.Errorf("%q decide at stage %d, want %q", entry.Deciders, entry.Stage, test.deciders)
			}
			if test.within == 0 {
				test.within = days(30)
			}
			if got := entry.Deadline.Sub(entry.Since); got != test.within {
				t.Errorf("they have %v, want %v", got, test.within)
			}
			a.wantListed(id)
			// Nothing is written where nothing has changed.
			version := a.load(id).Version
			a.sweep()
			if r := a.load(id); r.Version != version {
				t.Errorf("the request was written again: %+v", must(a.store.History(t.Context(), id))(t))
			}
		})
	}
}

// failingRows can't read any rows once they fail.
type failingRows struct {
	rows request.Rows
	fail bool
}

func (f *failingRows) Rows(ctx context.Context, partitions []string) ([]policy.Raw, error) {
	if f.fail {
		return nil, problem.New(problem.Internal, "more rows than can be read")
	}
	return f.rows.Rows(ctx, partitions)
}

// only returns the id of the one request that waits.
func (a *assembly) only() submission.ID {
	a.t.Helper()
	entries := must(a.store.WaitingReviews(a.t.Context(), "", "", 2))(a.t)
	if len(entries) != 1 {
		a.t.Fatalf("%d requests wait", len(entries))
	}
	return entries[0].ID
}

func TestEditedRowBringsDeadlineForward(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula)
	a.row("contoso.com", "ask", "Action", "review", "Approvers", paula, "DecideWithin", int32(2))
	a.sweep()
	a.wantState(id, request.Review)
	a.now = a.now.Add(48 * time.Hour)
	a.settle(3)
	a.wantState(id, request.Denied)
}

// TestSweepEscalatesByEditedRow: those who decide too after a while find the request then, and not
// only at its deadline.
func TestSweepEscalatesByEditedRow(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula)
	a.row("contoso.com", "ask", "Action", "review", "Approvers", paula, "EscalateTo", erin, "EscalateAfter", int32(2))
	a.sweep()
	a.now = a.now.Add(48 * time.Hour)
	a.sweep()
	a.settle(2)
	if got := a.entry(id).Deciders; !slices.Equal(got, []string{paula, erin}) {
		t.Errorf("%q decide", got)
	}
}

// TestSweepGoesOnThoughRowsCannotBeRead: a partition that is too large must not keep the sweep from
// all else.
func TestSweepGoesOnThoughRowsCannotBeRead(t *testing.T) {
	rows := &failingRows{}
	a := newAssembly(t, func(c *workflow.Config) { rows.rows, c.Rows = c.Rows, rows })
	a.row("contoso.com", "ask", "Action", "review", "Approvers", paula)
	a.signUpFor("ana@contoso.com", 1)
	rows.fail = true
	before := must(a.store.Sweep(t.Context()))(t).Ended
	a.sweep()
	if after := must(a.store.Sweep(t.Context()))(t).Ended; !after.After(before) {
		t.Errorf("the last round ended at %v, and at %v", before, after)
	}
}

// TestSecondStageThatIsNotAskedForAnyMore: another one of those who decide first says the last yes.
func TestSecondStageThatIsNotAskedForAnyMore(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula+" "+erin, "SecondApprovers", sven)
	a.says(id, paula, true)
	a.row("contoso.com", "ask", "Action", "review", "Groups", groupOne, "Sponsors", sponsor, "Approvers", paula+" "+erin)
	a.sweep()
	a.says(id, paula, true)
	a.wantState(id, request.Review)
	a.says(id, erin, true)
	a.settle(1)
	a.wantState(id, request.Done)
}

// TestSweepForgetsLookThatRowAsksForNoMore: an escalation was due, and the row has none by now.
func TestSweepForgetsLookThatRowAsksForNoMore(t *testing.T) {
	a := newAssembly(t, func(c *workflow.Config) { c.DecideWithin = 0 })
	id := a.waiting("Approvers", paula, "EscalateTo", erin, "EscalateAfter", int32(2))
	a.row("contoso.com", "ask", "Action", "review", "Approvers", paul)
	a.sweep()
	if r := a.load(id); !r.AtRest() || !r.Due.IsZero() {
		t.Errorf("the request is due %v, and looked at %v", r.Due, r.NextLook())
	}
	a.now = a.now.Add(72 * time.Hour)
	a.settle(1)
	a.wantNothingDue()
	a.wantListed(id)
}

// TestSweepFollowsRowOfOneAddress: the index does not tell which row that is.
func TestSweepFollowsRowOfOneAddress(t *testing.T) {
	a := newAssembly(t)
	a.row("ana@contoso.com", "ask", "Action", "review", "Approvers", paula)
	id := a.signUpFor("ana@contoso.com", 1)
	a.row("ana@contoso.com", "ask", "Action", "review", "Approvers", erin)
	a.sweep()
	if got := a.entry(id).Deciders; !slices.Equal(got, []string{erin}) {
		t.Errorf("%q decide", got)
	}
}

// TestSweepLeavesRequestThatIsUnderWay: a vote that the directory can't judge yet is kept, and must
// be applied when that was said.
func TestSweepLeavesRequestThatIsUnderWay(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula)
	a.people.Before = func(string) error { return problem.New(request.DirectoryUnavailable, "silent") }
	a.says(id, paula, true)
	r := a.load(id)
	r.Due = a.now.Add(5 * time.Hour)
	ok(t, a.store.Wait(t.Context(), id, r.Due))
	r = must(a.store.Save(t.Context(), r, nil))(t)
	a.row("contoso.com", "ask", "Action", "review", "Approvers", erin)
	a.sweep()
	if got := a.load(id); got.Version != r.Version {
		t.Errorf("%d votes wait, until %v, and not until %v", len(got.Reviewing.Ballots), got.Due, r.Due)
	}
	a.people.Before = nil
	a.settle(5)
	if r := a.load(id); len(r.Reviewing.Ballots) != 0 || len(r.Reviewing.Votes) != 0 {
		t.Errorf("the vote of somebody who decides no more is kept or counted: %+v", r.Reviewing)
	}
	a.wantListed(id)
}

// TestSweepThatEndsInBetweenLeavesNoDifference ends a round of the sweep before it stores a request
// whose row was edited. Whatever becomes of the row then, the index agrees with the request in the
// end.
func TestSweepThatEndsInBetweenLeavesNoDifference(t *testing.T) {
	tests := map[string]struct {
		op       string
		then     func(a *assembly)
		deciders []string
	}{
		"before the request, and the row stays": {"Save", func(*assembly) {}, []string{erin}},
		"before the request, and the row goes":  {"Save", (*assembly).removeRow, []string{paula}},
		"before the entry, and the row stays":   {"ListReview", func(*assembly) {}, []string{erin}},
		"before the entry, and the row goes":    {"ListReview", (*assembly).removeRow, []string{erin}},
		"before the entry, and the row is set back": {"ListReview", func(a *assembly) {
			a.row("contoso.com", "ask", "Action", "review", "Groups", groupOne, "Sponsors", sponsor, "Approvers", paula)
		}, []string{paula}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t)
			id := a.waiting("Approvers", paula)
			a.row("contoso.com", "ask", "Action", "review", "Groups", groupOne, "Sponsors", sponsor, "Approvers", erin)
			ended := false
			a.interrupt = func(op string, after bool) error {
				ended = ended || op == test.op && !after
				if ended {
					return unavailable
				}
				return nil
			}
			a.sweep()
			if !ended {
				t.Fatal("the round has ended before")
			}
			test.then(a)
			a.sweep()
			a.sweep()
			if got := a.load(id).Deciders(); !slices.Equal(got, test.deciders) {
				t.Errorf("%q decide, want %q", got, test.deciders)
			}
			a.wantListed(id)
		})
	}
}

// removeRow removes the row that has decided.
func (a *assembly) removeRow() {
	a.t.Helper()
	ok(a.t, a.store.DropRow(a.t.Context(), policy.RowKey{Partition: "contoso.com", Name: "ask"}))
}

// TestSweepReadsEachPartitionOnce: however many requests of a row wait.
func TestSweepReadsEachPartitionOnce(t *testing.T) {
	a := newAssembly(t)
	for _, domain := range []string{"contoso.com", "fabrikam.com"} {
		a.row(domain, "ask", "Action", "review", "Approvers", paula)
		for _, name := range []string{"ana", "bo", "cy"} {
			a.signUpFor(name+"@"+domain, 1)
		}
	}
	reads := 0
	a.interrupt = func(op string, after bool) error {
		if op == "Rows" && !after {
			reads++
		}
		return nil
	}
	a.sweep()
	if reads != 2 {
		t.Errorf("the rows were read %d times, want 2", reads)
	}
}

// TestSweepFollowsManyRowsInTurn: a round reads a bounded number of them, and each has its turn.
func TestSweepFollowsManyRowsInTurn(t *testing.T) {
	const partners, most = 250, 200
	a := newAssembly(t)
	edit := func(approver string) {
		for i := range partners {
			a.row(fmt.Sprintf("partner%d.com", i), "ask", "Action", "review", "Approvers", approver)
		}
	}
	edit(paula)
	for i := range partners {
		a.submit(fmt.Sprintf("ana@partner%d.com", i))
	}
	a.settle(1)
	edit(erin)
	followed := func() (n int) {
		for _, entry := range must(a.store.WaitingReviews(t.Context(), "", "", 1000))(t) {
			if slices.Equal(entry.Deciders, []string{erin}) {
				n++
			}
		}
		return n
	}
	a.sweep()
	if n := followed(); n != most {
		t.Errorf("a round follows %d rows, want %d", n, most)
	}
	a.sweep()
	if n := followed(); n != partners {
		t.Errorf("two rounds follow %d rows, want %d", n, partners)
	}
}
