package workflow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/mempeople"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// The people of the tenant who may decide, or may not.
const (
	rita      = "cccccccc-0000-4000-8000-000000000001" // a reviewer
	paula     = "cccccccc-0000-4000-8000-000000000002" // an approver
	paul      = "cccccccc-0000-4000-8000-000000000003" // another, by a group
	sven      = "cccccccc-0000-4000-8000-000000000004" // a second approver
	erin      = "cccccccc-0000-4000-8000-000000000005" // is asked after a while
	nobody    = "cccccccc-0000-4000-8000-000000000006" // decides nothing
	stale     = "cccccccc-0000-4000-8000-000000000007" // left the company
	guest     = "cccccccc-0000-4000-8000-000000000008"
	ghost     = "cccccccc-0000-4000-8000-000000000009" // does not exist
	deputies  = "dddddddd-0000-4000-8000-000000000001" // a group of approvers
	reviewers = "dddddddd-0000-4000-8000-000000000002" // the group of reviewers
)

// assembly is a world in which people vote.
type assembly struct {
	*world
	people *mempeople.People
}

func newAssembly(t *testing.T, changes ...func(*workflow.Config)) *assembly {
	t.Helper()
	people := &mempeople.People{}
	for i, id := range []string{rita, paula, paul, sven, erin, nobody, stale, guest} {
		people.SetUser(mempeople.User{ID: id, Name: fmt.Sprint("p", i), Mail: fmt.Sprintf("p%d@wingtip.com", i),
			Disabled: id == stale, Guest: id == guest})
	}
	people.SetGroup(mempeople.Group{ID: deputies, Members: []string{paul, stale}})
	people.SetGroup(mempeople.Group{ID: reviewers, Members: []string{rita}})
	changes = append([]func(*workflow.Config){func(c *workflow.Config) {
		c.People, c.Reviewers, c.DecideWithin = people, reviewers, 30
	}}, changes...)
	return &assembly{world: newWorld(t, changes...), people: people}
}

// waiting signs ana up under a row with those columns, and returns her request, which waits.
func (a *assembly) waiting(columns ...any) submission.ID {
	a.t.Helper()
	a.row("contoso.com", "ask", append([]any{"Action", "review", "Groups", groupOne, "Sponsors", sponsor}, columns...)...)
	id := a.signUpFor("ana@contoso.com", 1)
	a.wantState(id, request.Review)
	return id
}

// ballot is what the person says about the request as it is now.
func (a *assembly) ballot(id submission.ID, by string, yes bool) request.CastBallot {
	a.t.Helper()
	r := a.load(id)
	a.now = a.now.Add(time.Second)
	b := request.Ballot{Seen: r.Mark(), Stage: 1, By: by, Name: "Somebody", Yes: yes, Cast: a.now}
	if yes {
		b.Shown = a.shown(r)
	}
	if r.Reviewing != nil {
		b.Stage = r.Reviewing.Stage
	}
	if r.Mark() == "" && r.Reviewing != nil {
		b.Seen = r.Reviewing.Since.Format(time.RFC3339Nano)
	}
	if !yes {
		b.Reason, b.Note = "not a partner of ours", "asked purchasing"
	}
	return request.CastBallot{ID: id, Ballot: b}
}

// shown names what an approval of the request gives by its row as it is now.
func (w *world) shown(r request.Request) string {
	w.t.Helper()
	if r.Reviewing == nil {
		r.Reviewing = &request.Reviewing{}
	}
	row := must(request.ReadReviewRow(w.t.Context(), w.config.Rows, policy.Parse, r, w.now))(w.t)
	return request.TermsMark(row.Terms)
}

// vote hands the ballot to the worker in its wire form.
func (a *assembly) vote(ballot request.CastBallot) error {
	a.t.Helper()
	wire := must(ballot.Encode())(a.t)
	return a.survive(func() error {
		return a.worker.Vote(a.t.Context(), "m", must(request.DecodeBallot(wire))(a.t))
	})
}

// says lets the person vote, which succeeds.
func (a *assembly) says(id submission.ID, by string, yes bool) {
	a.t.Helper()
	ok(a.t, a.vote(a.ballot(id, by, yes)))
}

// wantListed checks whether the index of what waits has the request, as it is recorded.
func (a *assembly) wantListed(id submission.ID) {
	a.t.Helper()
	r := a.load(id)
	var want []request.WaitingReview
	if r.State == request.Review {
		want = append(want, r.WaitingReview())
	}
	got := must(a.store.WaitingReviews(a.t.Context(), "", "", 10))(a.t)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		a.t.Errorf("the index has %+v, want %+v", got, want)
	}
}

func TestVoteCountsByAuthorityAtThatMoment(t *testing.T) {
	tests := map[string]struct {
		by      string
		columns []any
		change  func(*assembly)
		want    request.Authority // "" if it does not count
	}{
		"a reviewer":                       {by: rita, want: request.AsReviewer},
		"a reviewer beside approvers":      {by: rita, columns: []any{"Approvers", paula}, want: request.AsReviewer},
		"an approver":                      {by: paula, columns: []any{"Approvers", paula}, want: request.AsApprover},
		"a member of a group of approvers": {by: paul, columns: []any{"Approvers", deputies}, want: request.ByGroup},
		"a sponsor who decides":            {by: paula, columns: []any{"Sponsors", paula, "SponsorsDecide", "true"}, want: request.AsSponsor},
		"a sponsor who does not":           {by: paula, columns: []any{"Sponsors", paula}},
		"nobody in particular":             {by: nobody, columns: []any{"Approvers", paula}},
		"an approver of the second stage":  {by: sven, columns: []any{"Approvers", paula, "SecondApprovers", sven}},
		"a disabled member of the group":   {by: stale, columns: []any{"Approvers", deputies}},
		"a disabled approver":              {by: stale, columns: []any{"Approvers", stale}},
		"somebody who does not exist":      {by: ghost, columns: []any{"Approvers", ghost}},
		"a guest":                          {by: guest, columns: []any{"Approvers", guest}},
		"the partner, who works here too": {by: paula, columns: []any{"Approvers", paula}, change: func(a *assembly) {
			a.people.SetUser(mempeople.User{ID: paula, Mail: "paula@wingtip.com", Others: []string{"ana@contoso.com"}})
		}},
		"who is asked after a while, before": {by: erin, columns: []any{"Approvers", paula, "EscalateAfter", "3", "EscalateTo", erin}},
		"who is asked after a while, then": {by: erin, columns: []any{"Approvers", paula, "EscalateAfter", "3", "EscalateTo", erin},
			change: func(a *assembly) { a.now = a.now.AddDate(0, 0, 3) }, want: request.AfterAWhile},
		"a reviewer who was taken out": {by: rita, change: func(a *assembly) { a.people.SetGroup(mempeople.Group{ID: reviewers}) }},
		"an approver whom the row names no more": {by: paula, columns: []any{"Approvers", paula},
			change: func(a *assembly) { a.row("contoso.com", "ask", "Action", "review", "Approvers", erin) }},
		"an approver whom the row names by now": {by: paula, columns: []any{"Approvers", erin},
			change: func(a *assembly) {
				a.row("contoso.com", "ask", "Action", "review", "Approvers", paula, "Groups", groupOne, "Sponsors", sponsor)
			}, want: request.AsApprover},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t)
			id := a.waiting(test.columns...)
			if test.change != nil {
				test.change(a)
			}
			a.says(id, test.by, true)
			a.wantListed(id)
			if test.want == "" {
				r := a.wantState(id, request.Review)
				if len(r.Reviewing.Votes) != 0 || !slices.Contains(a.whats(id), "vote-refused") {
					t.Errorf("votes %+v, history %v", r.Reviewing.Votes, a.whats(id))
				}
				return
			}
			a.settle(1)
			r := a.wantState(id, request.Done)
			a.wantTenant(1, 1, 1)
			if votes := r.Reviewing.Votes; len(votes) != 1 || votes[0].Authority != test.want || votes[0].By != test.by {
				t.Errorf("votes %+v, want one as %s", votes, test.want)
			}
		})
	}
}

func TestTwoStagesNeedTwoPeople(t *testing.T) {
	columns := []any{"Approvers", paula + "," + sven, "SecondApprovers", sven + "," + paula}
	t.Run("two", func(t *testing.T) {
		a := newAssembly(t)
		id := a.waiting(columns...)
		a.says(id, sven, true)
		r := a.wantState(id, request.Review)
		a.wantListed(id)
		if r.Reviewing.Stage != 2 {
			t.Errorf("stage %d", r.Reviewing.Stage)
		}
		a.wantTenant(0, 0, 0)
		a.says(id, paula, true)
		a.settle(1)
		r = a.wantState(id, request.Done)
		a.wantListed(id)
		if r.Approval.Stages != 2 || len(r.Reviewing.Votes) != 2 {
			t.Errorf("approval %+v, votes %+v", r.Approval, r.Reviewing.Votes)
		}
	})
	for name, by := range map[string]string{"one person twice": sven, "a reviewer twice": rita} {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t)
			id := a.waiting(columns...)
			a.says(id, by, true)
			a.says(id, by, true)
			a.settle(1)
			a.wantState(id, request.Review)
			a.wantTenant(0, 0, 0)
			if !slices.Contains(a.whats(id), "vote-repeated") {
				t.Errorf("history %v", a.whats(id))
			}
		})
	}
	t.Run("a no at the second ends it", func(t *testing.T) {
		a := newAssembly(t)
		id := a.waiting(columns...)
		a.says(id, sven, true)
		a.says(id, paula, false)
		a.settle(1)
		r := a.wantState(id, request.Denied)
		a.wantListed(id)
		if r.Reviewing.Votes[1].Reason != "not a partner of ours" || r.Words != "asked purchasing" {
			t.Errorf("%+v, words %q", r.Reviewing.Votes, r.Words)
		}
		if history := fmt.Sprint(must(a.store.History(t.Context(), id))(t)); strings.Contains(history, "purchasing") || strings.Contains(history, "not a partner") {
			t.Error("an event repeats what people said")
		}
	})
	t.Run("the second stage may be added in between", func(t *testing.T) {
		a := newAssembly(t)
		id := a.waiting("Approvers", paula)
		a.row("contoso.com", "ask", "Action", "review", "Approvers", paula, "SecondApprovers", sven)
		a.says(id, paula, true)
		a.wantState(id, request.Review)
		a.says(id, sven, true)
		a.settle(1)
		a.wantState(id, request.Done)
	})
}

// TestApprovalIsOnTermsThatWereShown edits the row before somebody looks and votes.
func TestApprovalIsOnTermsThatWereShown(t *testing.T) {
	tests := map[string]struct {
		row  []any
		want []string
	}{
		"another group":    {row: []any{"Action", "review", "Groups", groupTwo}, want: []string{groupTwo}},
		"it invites now":   {row: []any{"Action", "invite", "Groups", groupTwo}, want: []string{groupTwo}},
		"it denies now":    {row: []any{"Action", "deny"}},
		"it is off":        {row: []any{"Action", "review", "Enabled", "false"}},
		"it is misspelt":   {row: []any{"Action", "review", "Goups", groupTwo}},
		"it is only tried": {row: []any{"Action", "review", "Mode", "audit"}},
		"it is over":       {row: []any{"Action", "review", "NotAfter", "2026-01-01"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t)
			id := a.waiting()
			a.row("contoso.com", "ask", test.row...)
			a.says(id, rita, true)
			a.settle(1)
			if test.want == nil {
				a.wantState(id, request.Review)
				a.wantTenant(0, 0, 0)
				a.says(id, rita, false) // a no needs no row
				a.wantState(id, request.Denied)
				return
			}
			r := a.wantState(id, request.Done)
			if !slices.Equal(r.Approval.Terms.Groups, test.want) {
				t.Errorf("groups %v, want %v", r.Approval.Terms.Groups, test.want)
			}
		})
	}
	t.Run("it is gone", func(t *testing.T) {
		a := newAssembly(t)
		id := a.waiting()
		a.config.Rows = noRows{}
		a.worker = a.newWorker()
		a.says(id, rita, true)
		a.wantState(id, request.Review)
	})
}

// TestYesCountsOnlyForTermsThatWereShown edits the row after somebody has looked.
func TestYesCountsOnlyForTermsThatWereShown(t *testing.T) {
	sameTerms := []any{"Action", "review", "Groups", groupTwo + " " + groupOne, "Sponsors", sponsor}
	tests := map[string]struct {
		row    []any
		counts bool
	}{
		"a further group":   {row: []any{"Action", "review", "Groups", groupOne + " " + groupTwo + " " + groupThree, "Sponsors", sponsor}},
		"a group less":      {row: []any{"Action", "review", "Groups", groupOne, "Sponsors", sponsor}},
		"another group":     {row: []any{"Action", "review", "Groups", groupOne + " " + groupThree, "Sponsors", sponsor}},
		"another sponsor":   {row: []any{"Action", "review", "Groups", groupOne + " " + groupTwo, "Sponsors", paula}},
		"a member":          {row: append([]any{"UserType", "Member"}, sameTerms...)},
		"in another order":  {row: sameTerms, counts: true},
		"other words":       {row: append([]any{"Message", "Welcome", "Note", "x"}, sameTerms...), counts: true},
		"others who decide": {row: append([]any{"Approvers", rita}, sameTerms...), counts: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t)
			id := a.waiting("Groups", groupOne+" "+groupTwo)
			yes := a.ballot(id, rita, true)
			a.row("contoso.com", "ask", test.row...)
			ok(t, a.vote(yes))
			a.settle(1)
			if test.counts {
				a.wantState(id, request.Done)
				return
			}
			a.wantState(id, request.Review)
			a.wantTenant(0, 0, 0)
			history := must(a.store.History(t.Context(), id))(t)
			if last := history[len(history)-1]; last.What != request.StaleVote || !strings.Contains(last.Detail, "looked at anew") {
				t.Errorf("the history ends with %+v", last)
			}
			a.says(id, rita, true) // who has looked again
			a.settle(1)
			if r := a.load(id); r.Approval == nil || request.TermsMark(r.Approval.Terms) != a.shown(r) {
				t.Errorf("the approval is %+v", r.Approval)
			}
		})
	}
	t.Run("a no", func(t *testing.T) {
		a := newAssembly(t)
		id := a.waiting()
		no := a.ballot(id, rita, false)
		a.row("contoso.com", "ask", "Action", "review", "Groups", groupTwo)
		ok(t, a.vote(no))
		a.wantState(id, request.Denied)
	})
}

func TestKeptVoteCountsOnlyForTermsThatWereShown(t *testing.T) {
	a := newAssembly(t)
	var fails error
	a.people.Before = func(string) error { return fails }
	id := a.waiting("Approvers", paula)
	fails = problem.New(request.DirectoryUnavailable, "silent")
	a.says(id, paula, true)
	a.row("contoso.com", "ask", "Action", "review", "Groups", groupOne+" "+groupTwo, "Sponsors", sponsor, "Approvers", paula)
	fails = nil
	a.settle(2)
	if r := a.wantState(id, request.Review); len(r.Reviewing.Ballots) != 0 || !slices.Contains(a.whats(id), request.StaleVote) {
		t.Errorf("%d votes are kept, history %v", len(r.Reviewing.Ballots), a.whats(id))
	}
	a.wantTenant(0, 0, 0)
}

// TestLogHasNoNameOfWhoDecides: the name of a voter is what the message says, and may be anything.
func TestLogHasNoNameOfWhoDecides(t *testing.T) {
	const name = "paula.price@wingtiptoys.com"
	for kind, yes := range map[string][]bool{"a yes": {true, true}, "a no": {false}, "a no after a yes": {true, false}} {
		t.Run(kind, func(t *testing.T) {
			a := newAssembly(t)
			id := a.waiting("Approvers", paula, "SecondApprovers", sven)
			voters := []string{paula, sven}
			for i := range yes {
				b := a.ballot(id, voters[i], yes[i])
				b.Name = name
				ok(t, a.vote(b))
			}
			a.settle(1)
			if strings.Contains(a.log.String(), "paula.price") || strings.Contains(a.load(id).Reason, "paula.price") {
				t.Errorf("the reason %q, and the log:\n%s", a.load(id).Reason, a.log)
			}
			a.wantLogged("detail=", paula)
			signed := 0
			for _, e := range must(a.store.History(t.Context(), id))(t) {
				if e.By == name && strings.Contains(e.Text(), name) {
					signed++
				}
			}
			if signed != len(yes) {
				t.Errorf("the history names who voted %d times", signed)
			}
		})
	}
}

// TestVoteOfOlderVersionCountsOnlyAsNo: it does not say what the person was shown.
func TestVoteOfOlderVersionCountsOnlyAsNo(t *testing.T) {
	for yes, want := range map[bool]request.State{true: request.Review, false: request.Denied} {
		a := newAssembly(t)
		id := a.waiting()
		ballot := a.ballot(id, rita, yes)
		ballot.Shown = ""
		ok(t, a.vote(ballot))
		a.settle(1)
		a.wantState(id, want)
	}
}

// TestReviewBeginsAgainIfRowGivesOtherThingsByTheSecondStage: the guest would get what one person
// alone has approved.
func TestReviewBeginsAgainIfRowGivesOtherThingsByTheSecondStage(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula, "SecondApprovers", sven)
	a.says(id, paula, true)
	late := a.ballot(id, sven, true) // who has looked before the row is edited
	a.row("contoso.com", "ask", "Action", "review", "Groups", groupTwo, "Sponsors", sponsor, "Approvers", paula, "SecondApprovers", sven)
	a.says(id, nobody, true)
	if r := a.wantState(id, request.Review); r.Reviewing.Stage != 2 {
		t.Error("somebody who does not decide has brought the review to its beginning")
	}
	a.says(id, sven, true) // who has looked afterwards
	r := a.wantState(id, request.Review)
	if r.Reviewing.Stage != 1 || len(r.Reviewing.Votes) != 0 || !slices.Contains(a.whats(id), "review-anew") {
		t.Errorf("stage %d with the votes %+v, history %v", r.Reviewing.Stage, r.Reviewing.Votes, a.whats(id))
	}
	a.wantListed(id)
	ok(t, a.vote(late))
	a.wantState(id, request.Review)
	a.says(id, paula, true)
	a.says(id, sven, true)
	a.settle(1)
	r = a.wantState(id, request.Done)
	if !slices.Equal(r.Approval.Terms.Groups, []string{groupTwo}) || r.Approval.Stages != 2 || len(r.Reviewing.Votes) != 2 {
		t.Errorf("approval %+v, votes %+v", r.Approval, r.Reviewing.Votes)
	}
}

// noRows is a table without policy rows.
type noRows struct{}

func (noRows) Rows(context.Context, []string) ([]policy.Raw, error) { return nil, nil }

func TestVoteThatComesTwiceLateOrOnSomethingElseChangesNothing(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula, "SecondApprovers", sven)
	first := a.ballot(id, paula, true)
	ok(t, a.vote(first))
	before := a.load(id)
	ok(t, a.vote(first)) // the message comes again
	if after := a.load(id); after.Version != before.Version {
		t.Errorf("a message that came twice changed %v", a.whats(id))
	}
	onFirst := a.ballot(id, rita, true)
	onFirst.Seen, onFirst.Stage = first.Seen, 1
	ok(t, a.vote(onFirst)) // two people at once
	r := a.wantState(id, request.Review)
	if len(r.Reviewing.Votes) != 1 || !slices.Contains(a.whats(id), "vote-stale") {
		t.Errorf("votes %+v, history %v", r.Reviewing.Votes, a.whats(id))
	}
	second := a.ballot(id, sven, true)
	ok(t, a.vote(second))
	a.settle(1)
	a.wantState(id, request.Done)
	late := a.ballot(id, rita, false)
	ok(t, a.vote(late))
	ok(t, a.vote(second))
	a.wantState(id, request.Done)
	a.wantTenant(1, 1, 1)
	if !slices.Contains(a.whats(id), "vote-late") {
		t.Errorf("history %v", a.whats(id))
	}
	a.wantListed(id)
}

func TestForgedVotesChangeNothing(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula)
	for i := range 100 {
		forged := a.ballot(id, fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", i), i%2 == 0)
		ok(t, a.vote(forged))
	}
	a.wantState(id, request.Review)
	if n := len(a.whats(id)); n > 30 {
		t.Errorf("%d events are left of forged votes", n)
	}
	unknown := a.ballot(id, rita, true)
	unknown.ID = a.newID(a.now)
	ok(t, a.vote(unknown))
	a.says(id, paula, true) // the flood keeps nobody from deciding
	a.settle(1)
	a.wantState(id, request.Done)
}

func TestVoteIsKeptWhileDirectoryCannotBeAsked(t *testing.T) {
	silent := problem.New(request.DirectoryUnavailable, "silent")
	for name, failure := range map[string]error{
		"silent": silent, "forbids": problem.New(request.DirectoryReadForbidden, "no"), "odd": problem.New(request.DirectoryUnknown, "?"),
	} {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t)
			var fails error
			a.people.Before = func(string) error { return fails }
			id := a.waiting("Approvers", paula)
			fails = failure
			a.says(id, paula, true)
			a.settle(5)
			r := a.wantState(id, request.Review)
			if len(r.Reviewing.Ballots) != 1 || r.Reviewing.Why == "" {
				t.Errorf("%+v", r.Reviewing)
			}
			a.wantListed(id)
			fails = nil
			a.settle(2)
			a.wantState(id, request.Done)
			a.wantTenant(1, 1, 1)
			a.wantListed(id)
			waits := 0
			for _, what := range a.whats(id) {
				if what == "vote-waits" {
					waits++
				}
			}
			if waits != 1 {
				t.Errorf("history %v", a.whats(id))
			}
		})
	}
	t.Run("a no that waits is not expired", func(t *testing.T) {
		a := newAssembly(t)
		var fails error
		a.people.Before = func(string) error { return fails }
		id := a.waiting("DecideWithin", "1")
		fails = silent
		a.says(id, rita, true)
		a.settle(30)
		a.wantState(id, request.Review)
		fails = nil
		a.settle(2)
		a.wantState(id, request.Done)
	})
	t.Run("a flood of them", func(t *testing.T) {
		a := newAssembly(t)
		a.people.Before = func(string) error { return silent }
		id := a.waiting()
		for i := range 30 {
			ok(t, a.vote(a.ballot(id, fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", i), true)))
		}
		if r := a.load(id); len(r.Reviewing.Ballots) != request.MaxBallots || len(a.put) != 10 {
			t.Errorf("%d ballots wait, %d are put back", len(r.Reviewing.Ballots), len(a.put))
		}
	})
}

func TestReviewExpires(t *testing.T) {
	tests := map[string]struct {
		columns []any
		within  int
		days    int // when it is over; 0 for never
	}{
		"as the app says":        {nil, 5, 5},
		"as the row says":        {[]any{"DecideWithin", "2"}, 5, 2},
		"never":                  {nil, 0, 0},
		"as the row says, alone": {[]any{"DecideWithin", "2"}, 0, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t, func(c *workflow.Config) { c.DecideWithin = test.within })
			id := a.waiting(test.columns...)
			if test.days == 0 {
				a.settle(24 * 8)
				a.wantState(id, request.Review)
				return
			}
			a.settle(24*test.days - 2)
			a.wantState(id, request.Review)
			a.settle(2)
			r := a.wantState(id, request.Denied)
			if r.Owed.Kind != "" || !slices.Contains(a.whats(id), "expired") {
				t.Errorf("owed %+v, history %v", r.Owed, a.whats(id))
			}
			a.wantListed(id)
		})
	}
	t.Run("each stage has its own time", func(t *testing.T) {
		a := newAssembly(t)
		id := a.waiting("DecideWithin", "2", "SecondApprovers", sven)
		a.settle(24)
		a.says(id, rita, true)
		a.settle(25)
		a.wantState(id, request.Review)
		a.settle(24)
		a.wantState(id, request.Denied)
	})
	t.Run("more time is given", func(t *testing.T) {
		a := newAssembly(t)
		id := a.waiting("DecideWithin", "2")
		a.row("contoso.com", "ask", "Action", "review", "DecideWithin", "4")
		a.settle(24 * 3)
		a.wantState(id, request.Review)
		a.settle(25)
		a.wantState(id, request.Denied)
	})
}

func TestEscalationAddsPeople(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula, "EscalateAfter", "1", "EscalateTo", erin)
	a.wantListed(id)
	a.settle(25)
	r := a.wantState(id, request.Review)
	if got := r.Deciders(); !slices.Equal(got, []string{paula, erin}) {
		t.Errorf("those who decide are %v", got)
	}
	a.wantListed(id)
	a.says(id, paula, true) // nobody is replaced
	a.settle(1)
	a.wantState(id, request.Done)
}

// TestEscalationFollowsTheRow edits the row once those in EscalateTo decide.
func TestEscalationFollowsTheRow(t *testing.T) {
	for name, test := range map[string]struct {
		columns []any
		days    int // after which they decide again; 0 for never
	}{
		"later":      {[]any{"EscalateAfter", "4", "EscalateTo", erin}, 4},
		"no more":    {[]any{"EscalateTo", erin}, 0},
		"others":     {[]any{"EscalateAfter", "1", "EscalateTo", paul}, 0},
		"as it was":  {[]any{"EscalateAfter", "1", "EscalateTo", erin}, 1},
		"no columns": {nil, 0},
	} {
		for _, swept := range []bool{false, true} {
			t.Run(fmt.Sprint(name, swept), func(t *testing.T) {
				a := newAssembly(t)
				id := a.waiting("Approvers", paula, "EscalateAfter", "1", "EscalateTo", erin)
				a.settle(26)
				if !a.load(id).Reviewing.Escalated {
					t.Fatal("not escalated")
				}
				terms := []any{"Action", "review", "Groups", groupOne, "Sponsors", sponsor, "Approvers", paula}
				a.row("contoso.com", "ask", append(terms, test.columns...)...)
				wantListed := func(want bool) {
					if is := slices.Contains(a.load(id).Deciders(), erin); is != want {
						t.Errorf("erin is among those who decide: %t", is)
					}
					a.wantListed(id)
				}
				if swept {
					a.settle(3)
					wantListed(test.days == 1)
				}
				decides := test.days == 1
				if !decides {
					a.says(id, erin, true)
					a.settle(1)
					a.wantState(id, request.Review)
					wantListed(false)
				}
				if test.days == 0 {
					return
				}
				a.settle(24 * test.days)
				wantListed(true)
				a.says(id, erin, true)
				a.settle(1)
				a.wantState(id, request.Done)
			})
		}
	}
}

// TestReviewIsListedWhereverTheProcessEnds kills the process before and after every operation.
func TestReviewIsListedWhereverTheProcessEnds(t *testing.T) {
	const mostKills = 300
	for _, after := range []bool{false, true} {
		for n := range mostKills {
			a := newAssembly(t)
			count, killed := 0, false
			kill := func(op string, isAfter bool) error {
				if isAfter == after && !killed {
					count++
					if count == n+1 {
						killed = true
						panic(crash{})
					}
				}
				return nil
			}
			a.row("contoso.com", "ask", "Action", "review", "Approvers", paula, "SecondApprovers", sven, "Groups", groupOne)
			id := a.submit("ana@contoso.com")
			a.interrupt = kill
			a.settleMinutes(10) // which ends the interruptions
			a.wantListed(id)
			for _, by := range []string{paula, sven} {
				ballot := a.ballot(id, by, true)
				a.interrupt = kill
				for tries := 0; a.vote(ballot) != nil && tries < 3; tries++ {
				}
				a.interrupt = nil
				a.wantListed(id)
			}
			a.interrupt = nil
			a.settle(1)
			a.wantState(id, request.Done)
			a.wantTenant(1, 1, 1)
			a.wantListed(id)
			if !killed {
				break
			}
			if n == mostKills-1 {
				t.Fatal("the operations did not come to an end")
			}
		}
	}
}

func TestReviewOfOlderVersionIsTakenUp(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting()
	r := a.load(id)
	ok(t, a.store.UnlistReview(t.Context(), id, r.Reviewing.Since))
	r.Reviewing, r.Due = nil, time.Time{}
	must(a.store.Save(t.Context(), r, nil))(t)
	a.queue = append(a.queue, submission.Message{ID: id})
	a.settle(1)
	a.wantListed(id)
	a.says(id, rita, true)
	a.settle(1)
	a.wantState(id, request.Done)
}

func TestBallotOfUnreadableRequestIsPutBackForDays(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting()
	ballot := a.ballot(id, rita, true)
	a.store.Spoil(memstore.Record{Request: id})
	ok(t, a.vote(ballot))
	if len(a.put) != 1 || a.put[0].queue != request.DecisionsQueue {
		t.Fatalf("put %v", a.put)
	}
	a.now = a.now.Add(4 * time.Hour)
	ok(t, a.vote(must(request.DecodeBallot(a.put[0].body))(t)))
	if rest := a.put[1].visible.Sub(a.now); rest < time.Hour || rest > 2*time.Hour {
		t.Errorf("a vote of four hours ago rests for %v", rest)
	}
	a.now = a.now.AddDate(0, 0, 8)
	ok(t, a.vote(must(request.DecodeBallot(a.put[1].body))(t)))
	if letters := must(a.store.AllDeadLetters(t.Context()))(t); len(letters) != 1 || len(a.put) != 2 {
		t.Errorf("%d dead letters, %d put back", len(letters), len(a.put))
	}
}

// TestCopiesOfVoteDieOut: a put that failed has happened all the same, and a message that was put
// back can't be deleted and comes again. If each of them were put back, they would double with each
// round.
func TestCopiesOfVoteDieOut(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting()
	message := must(a.ballot(id, rita, true).Encode())(t)
	giveUp := func(body []byte) { ok(t, a.worker.GiveUpDecision(t.Context(), "m", body)) }
	giveUp(message)
	giveUp(message)
	if len(a.put) != 1 {
		t.Fatalf("two copies were put back %d times", len(a.put))
	}
	giveUp(a.put[0].body)
	giveUp(message)
	giveUp(a.put[0].body)
	if len(a.put) != 2 {
		t.Fatalf("a vote that came back twice was put back %d times", len(a.put))
	}
	fresh := a.ballot(id, rita, false)
	giveUp(must(fresh.Encode())(t))
	if len(a.put) != 3 {
		t.Error("another vote was taken for a copy")
	}
}

// TestSecondVoteIsNoRepetition: somebody has changed their mind while the first vote waits.
func TestSecondVoteIsNoRepetition(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("Approvers", paula)
	a.people.Before = func(string) error { return problem.New(request.DirectoryUnavailable, "silent") }
	a.says(id, paula, true)
	a.says(id, paula, false)
	if got := a.whats(id); !slices.Contains(got, "vote-repeated") {
		t.Errorf("the history has %q", got)
	}
}

func TestVoteThatFailedTooOftenComesBack(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting()
	ok(t, a.worker.GiveUpDecision(t.Context(), "m", must(a.ballot(id, rita, true).Encode())(t)))
	if len(a.put) != 1 || a.put[0].queue != request.DecisionsQueue || !a.put[0].visible.After(a.now) {
		t.Fatalf("put %v", a.put)
	}
	ok(t, a.worker.Vote(t.Context(), "m", must(request.DecodeBallot(a.put[0].body))(t)))
	a.settle(1)
	a.wantState(id, request.Done)
}

// TestMessageThatIsNoVoteIsKept: as long as the tables can't be written, it stays on its own queue.
func TestMessageThatIsNoVoteIsKept(t *testing.T) {
	for name, gone := range map[string]bool{"as a dead letter": false, "on the queue of votes that failed": true} {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t)
			if gone {
				a.on("KeepDeadLetter", before, -1, fails)
			}
			ok(t, a.worker.GiveUpDecision(t.Context(), "m", []byte("no vote")))
			letters := must(a.store.AllDeadLetters(t.Context()))(t)
			switch {
			case !gone && (len(letters) != 1 || letters[0].Queue != request.DecisionsQueue || len(a.put) != 0):
				t.Errorf("%d dead letters, put %v", len(letters), a.put)
			case gone && (len(letters) != 0 || len(a.put) != 1 || a.put[0].queue != request.DecisionsPoisonQueue):
				t.Errorf("%d dead letters, put %v", len(letters), a.put)
			}
		})
	}
}

// TestSweepMendsIndex: somebody has changed the table, or calls have overtaken each other.
func TestSweepMendsIndex(t *testing.T) {
	since := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	tests := map[string]func(a *assembly, id submission.ID){
		"an entry is gone": func(a *assembly, id submission.ID) {
			ok(a.t, a.store.UnlistReview(a.t.Context(), id, a.load(id).Reviewing.Since))
		},
		"an entry is of another stage": func(a *assembly, id submission.ID) {
			entry := a.load(id).WaitingReview()
			entry.Since, entry.Stage = since, 2
			ok(a.t, a.store.ListReview(a.t.Context(), entry))
		},
		"an entry names others": func(a *assembly, id submission.ID) {
			entry := a.load(id).WaitingReview()
			entry.Deciders = []string{erin}
			ok(a.t, a.store.ListReview(a.t.Context(), entry))
		},
		"an entry has another deadline": func(a *assembly, id submission.ID) {
			entry := a.load(id).WaitingReview()
			entry.Deadline = entry.Since.AddDate(0, 0, 1)
			ok(a.t, a.store.ListReview(a.t.Context(), entry))
		},
		"an older version has stored the request": func(a *assembly, id submission.ID) {
			r := a.load(id)
			ok(a.t, a.store.UnlistReview(a.t.Context(), id, r.Reviewing.Since))
			r.Reviewing, r.Due = nil, time.Time{}
			must(a.store.Save(a.t.Context(), r, nil))(a.t)
		},
		"an entry is of nobody": func(a *assembly, _ submission.ID) {
			ok(a.t, a.store.ListReview(a.t.Context(), request.WaitingReview{ID: a.newID(a.now), Stage: 1, Since: since}))
		},
		"an entry is of a request that was decided": func(a *assembly, id submission.ID) {
			r := a.load(id)
			other := a.submit("bo@contoso.com")
			a.row("contoso.com", "ask", "Action", "deny")
			a.settleMinutes(5)
			entry := r.WaitingReview()
			entry.ID = other
			ok(a.t, a.store.ListReview(a.t.Context(), entry))
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAssembly(t)
			id := a.waiting("Approvers", paula)
			spoil(a, id)
			a.now = a.now.Add(time.Hour)
			a.settle(3)
			a.wantListed(id)
		})
	}
}

// TestVoteIsAppliedThoughNothingCanWait: the directory is silent while the table of what waits is
// gone, so that it could not be noted when to go on.
func TestVoteIsAppliedThoughNothingCanWait(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting()
	a.people.Before = func(string) error { return problem.New(request.DirectoryUnavailable, "silent") }
	a.on("Wait", before, -1, fails)
	ballot := a.ballot(id, rita, true)
	if a.vote(ballot) == nil {
		t.Fatal("the message may be forgotten")
	}
	a.people.Before = nil
	a.interrupt = nil
	ok(t, a.vote(ballot))
	a.settle(1)
	a.wantState(id, request.Done)
}

func TestPartnerHearsReasonOfDenial(t *testing.T) {
	people := &mempeople.People{}
	people.SetUser(mempeople.User{ID: rita, Name: "Rita", Mail: "rita@wingtip.com"})
	people.SetGroup(mempeople.Group{ID: reviewers, Members: []string{rita}})
	w := newMailWorld(t, func(c *workflow.Config) { c.People, c.Reviewers = people, reviewers })
	a := &assembly{world: w.world, people: people}
	w.row("contoso.com", "ask", "Action", "review")
	id := w.signUp("ana@contoso.com")
	w.prove(id, "ana@contoso.com")
	w.wantState(id, request.Review)
	a.says(id, rita, false)
	w.settleMinutes(5)
	w.wantState(id, request.Denied)
	mails := w.wantMails("ana@contoso.com", 2)
	text := mails[1].Text
	if !strings.Contains(text, "not a partner of ours") || strings.Contains(text, "purchasing") || strings.Contains(text, "Rita") {
		t.Errorf("the mail says:\n%s", text)
	}
	ok(t, func() error { _, err := w.reviewer().Erase(t.Context(), id); return err }())
	w.settleMinutes(5)
	if r := w.load(id); r.Reviewing.Votes[0].Reason != "" || r.Reviewing.Votes[0].Note != "" || r.Words != "" {
		t.Errorf("words are left: %+v", r.Reviewing.Votes)
	}
}

// TestSweepLeavesNewEntriesAlone: an entry is written before its request, and the sweep may come in
// between.
func TestSweepLeavesNewEntriesAlone(t *testing.T) {
	a := newAssembly(t)
	a.row("contoso.com", "ask", "Action", "review")
	a.now = a.now.Add(2 * time.Hour) // a round is due
	swept := false
	a.interrupt = func(op string, after bool) error {
		if op == "ListReview" && after && !swept {
			swept = true
			a.now = a.now.Add(time.Second)
			_, err := a.newWorker().Upkeep(t.Context(), &outbox{})
			ok(t, err)
		}
		return nil
	}
	id := a.signUp("ana@contoso.com")
	a.interrupt = nil
	if !swept {
		t.Fatal("nothing was listed")
	}
	a.wantState(id, request.Review)
	a.wantListed(id)
}

// TestEndOfApprovedRequestFreesItsSeat: it took a seat before a person approved it, waited for
// another yes since the rows deny its guest now, and nobody has decided in time.
func TestEndOfApprovedRequestFreesItsSeat(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting("DecideWithin", int32(1))
	r := a.load(id)
	limits := policy.Limits{Row: policy.RowKey{Partition: "contoso.com", Name: "few"}, MaxGuests: 1}
	r.Decision.Limits = &limits
	r.Approval = &request.Approval{By: rita, At: a.now}
	must(a.store.Save(t.Context(), r, nil))(t)
	took := must(a.store.TakeSeat(t.Context(), limits, policy.Day(a.now), id))(t)
	if !took {
		t.Fatal("there is no seat")
	}
	a.settle(26)
	a.wantState(id, request.Denied)
	if must(a.store.HoldsSeat(t.Context(), limits.Row, id))(t) {
		t.Error("the denied request keeps its seat")
	}
}

// TestForgedReturnsLoseNoVote: whoever may send to the queue says that a vote has come back as often
// as one can.
func TestForgedReturnsLoseNoVote(t *testing.T) {
	a := newAssembly(t)
	id := a.waiting()
	forged := must(a.ballot(id, rita, true).WithReturns(submission.MaxReturns).Encode())(t)
	ok(t, a.worker.GiveUpDecision(t.Context(), "m", forged))
	ok(t, a.worker.GiveUpDecision(t.Context(), "m", a.put[0].body))
	ok(t, a.worker.Apply(t.Context(), "m", must(request.DecodeDecision(a.put[1].body))(t)))
	a.settle(1)
	a.wantState(id, request.Done)
}
