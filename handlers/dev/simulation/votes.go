package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/mempeople"
	"guestlist/handlers/submission"
)

// The people who decide, and two who do not, and their groups.
const (
	reviewers = "dddddddd-0000-4000-8000-000000000001"
	approvers = "dddddddd-0000-4000-8000-000000000002"
)

// staff are the object ids of the people of the tenant: a reviewer, an approver, one by a
// group, a second approver, one who is asked after a while, and two who decide
// nothing.
var staff = []string{
	"cccccccc-0000-4000-8000-000000000001", "cccccccc-0000-4000-8000-000000000002",
	"cccccccc-0000-4000-8000-000000000003", "cccccccc-0000-4000-8000-000000000004",
	"cccccccc-0000-4000-8000-000000000005", "cccccccc-0000-4000-8000-000000000006",
	"cccccccc-0000-4000-8000-000000000007",
}

// decisionKind is the kind of a message of the queue of decisions, with a ballot or an order.
const decisionKind submission.Kind = "decision"

// voteEvents are about people who vote.
var voteEvents = []event{
	{name: "people vote", shape: shapeVotes, plan: (*run).planVotes},
	{name: "people vote late", shape: shapeVotes, plan: (*run).planLateVotes},
	{name: "votes forged", shape: shapeVotes, plan: (*run).planForgedVotes},
	{name: "people leave", shape: shapeVotes, plan: (*run).planLeaving},
	{name: "directory silent about people", shape: shapeVotes, plan: (*run).planSilentStaff},
}

// voteBook is what the laws about votes know.
type voteBook struct {
	office *mempeople.People
	// votes says that people vote in the schedule.
	votes bool
	// staffAt is when somebody, or a group, last changed, as the number of a happening.
	staffAt                 int
	silentFrom, silentUntil time.Time // when the directory says nothing about people
	// cast are the ballots for each request, with the numbers of the happenings at which they were.
	cast map[submission.ID][]castBallot
	// unlisted is when the sweep last took a request out of the index, as the number of a
	// happening.
	unlisted map[submission.ID]int
	// settled are the votes that a call has dealt with: what is left are copies.
	settled map[string]bool
}

type castBallot struct {
	request.CastBallot
	at     int
	groups []string // that the person was shown
}

// sight is what a person sees who decides.
type sight struct {
	request request.Request
	terms   policy.Terms
}

func shapeVotes(random *rand.Rand, p *profile) {
	p.config.within = pick(random, 0, 1, 2)
	p.acts = min(p.acts, 1)
}

// prepareStaff hires everybody.
func (r *run) prepareStaff() {
	r.office, r.cast, r.unlisted = &mempeople.People{}, map[submission.ID][]castBallot{}, map[submission.ID]int{}
	r.settled = map[string]bool{}
	for i, id := range staff {
		r.office.SetUser(mempeople.User{ID: id, Name: fmt.Sprint("p", i), Mail: fmt.Sprintf("p%d@wingtip.com", i)})
	}
	r.office.SetGroup(mempeople.Group{ID: reviewers, Members: staff[:1]})
	r.office.SetGroup(mempeople.Group{ID: approvers, Members: staff[2:3]})
	r.office.SetGroup(mempeople.Group{ID: operators, Members: orderingStaff})
}

// askPeople adds to a row who decides, in a schedule in which people vote.
func (r *run) askPeople(columns map[string]any) {
	if !r.votes {
		return
	}
	if r.chance(2) {
		columns["Approvers"] = pick(r.random, staff[1], staff[1]+" "+approvers, approvers)
	}
	if r.chance(3) {
		columns["SecondApprovers"] = pick(r.random, staff[3], staff[1]+" "+staff[3])
	}
	if r.chance(4) {
		columns["EscalateAfter"], columns["EscalateTo"] = int32(1+r.random.IntN(3)), staff[4]
	}
	if r.chance(4) {
		columns["DecideWithin"] = int32(1 + r.random.IntN(3))
	}
	if columns["Groups"] == nil && r.chance(2) {
		columns["Groups"] = groupOne
	}
}

// planVotes lets people vote on what waits.
func (r *run) planVotes() {
	r.votes = true
	for range 4 + r.random.IntN(12) {
		r.plan(r.now.Add(r.soon(40*time.Hour)), func() { r.castBallot(false) })
	}
	for range 1 + r.random.IntN(3) {
		address := pick(r.random, addresses[reviewed]...)
		r.plan(r.now.Add(r.soon(2*time.Hour)), func() { r.enqueue(address) })
	}
	r.plan(r.now.Add(r.soon(10*time.Hour)), func() {
		columns := map[string]any{"Action": pick(r.random, "review", "review", "invite", "deny")}
		r.askPeople(columns)
		r.askForProof(columns)
		r.row(reviewed, "reviewed", columns)
		r.happened("the row of what waits is edited")
	})
}

// planLateVotes lets people vote on what has changed since they saw it.
func (r *run) planLateVotes() {
	r.planVotes()
	for range 3 + r.random.IntN(6) {
		r.plan(r.now.Add(r.soon(60*time.Hour)), func() { r.castBallot(true) })
	}
}

// planForgedVotes lets somebody who may send to the queue vote as anybody.
func (r *run) planForgedVotes() {
	r.planVotes()
	for range 5 + r.random.IntN(40) {
		r.plan(r.now.Add(r.soon(30*time.Hour)), func() {
			if len(r.requests) > 0 {
				id := pick(r.random, r.requests...)
				r.vote(id, fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", r.random.IntN(50)), r.look(id))
			}
		})
	}
}

// planLeaving lets people leave, or groups lose members, and maybe come back.
func (r *run) planLeaving() {
	r.planVotes()
	for range 1 + r.random.IntN(4) {
		r.plan(r.now.Add(r.soon(20*time.Hour)), func() {
			r.staffChanges()
			if r.chance(2) {
				r.plan(r.now.Add(r.soon(10*time.Hour)), func() {
					r.happened("everybody is back")
					r.hire()
				})
			}
		})
	}
}

func (r *run) hire() {
	for i, id := range staff {
		r.office.SetUser(mempeople.User{ID: id, Name: fmt.Sprint("p", i), Mail: fmt.Sprintf("p%d@wingtip.com", i)})
	}
	r.office.SetGroup(mempeople.Group{ID: reviewers, Members: staff[:1]})
	r.office.SetGroup(mempeople.Group{ID: approvers, Members: staff[2:3]})
	r.office.SetGroup(mempeople.Group{ID: operators, Members: orderingStaff})
	r.staffAt, r.staffAtTime = r.happenings, r.now
}

func (r *run) staffChanges() {
	id := pick(r.random, staff[:5]...)
	switch r.random.IntN(4) {
	case 0:
		r.happened("%s is disabled", id)
		r.office.SetUser(mempeople.User{ID: id, Disabled: true})
	case 1:
		r.happened("%s leaves", id)
		r.office.Remove(id)
	case 2:
		r.happened("the reviewers are others")
		r.office.SetGroup(mempeople.Group{ID: reviewers, Members: []string{pick(r.random, staff...)}})
	default:
		r.happened("the approvers are others")
		r.office.SetGroup(mempeople.Group{ID: approvers, Members: []string{pick(r.random, staff...)}})
	}
	r.staffAt, r.staffAtTime = r.happenings, r.now
}

// planSilentStaff lets the directory say nothing about people for hours.
func (r *run) planSilentStaff() {
	r.planVotes()
	r.plan(r.now.Add(r.soon(5*time.Hour)), func() {
		r.silentFrom, r.silentUntil = r.now, r.now.Add(time.Minute+r.soon(20*time.Hour))
		r.happened("the directory says nothing about people until %s", r.silentUntil.Format("02 15:04"))
	})
}

// castBallot lets somebody vote, mostly on a request that waits for that; late, on what it was like
// some time before.
func (r *run) castBallot(late bool) {
	var waiting []submission.ID
	for _, id := range r.requests {
		if r.recorded[id].State == request.Review {
			waiting = append(waiting, id)
		}
	}
	if len(waiting) == 0 || r.chance(5) {
		waiting = r.requests
	}
	if len(waiting) == 0 {
		return
	}
	id := pick(r.random, waiting...)
	seen, person := r.look(id), pick(r.random, staff...)
	if !late {
		r.vote(id, person, seen)
		return
	}
	r.plan(r.now.Add(r.soon(20*time.Hour)), func() { r.vote(id, person, seen) })
}

// look returns what somebody sees who opens the request now.
func (r *run) look(id submission.ID) sight {
	seen := sight{request: r.recorded[id]}
	if seen.request.Reviewing == nil {
		return seen
	}
	row, err := request.ReadReviewRow(r.context, r.memory, policy.Parse, seen.request, r.now)
	if err != nil {
		r.breach(lawInternal, "the row of a request can't be read: %v", err)
	}
	seen.terms = row.Terms
	return seen
}

// vote puts a ballot of the person on the queue, about the request as it was seen.
func (r *run) vote(id submission.ID, person string, seen sight) {
	v := seen.request.Reviewing
	if r.isGone(queueService) || v == nil {
		return
	}
	ballot := request.CastBallot{ID: id, Ballot: request.Ballot{
		Seen: v.Since.UTC().Format(time.RFC3339Nano), Stage: v.Stage, By: person, Name: "Somebody", Yes: !r.chance(4), Cast: r.now,
	}}
	if ballot.Yes {
		ballot.Shown = request.TermsMark(seen.terms)
	} else {
		ballot.Reason = "not known here"
	}
	ballot, err := ballot.Check()
	if err != nil {
		r.breach(lawInternal, "no ballot: %v", err)
		return
	}
	r.happened("%s votes on %s, yes: %t", person, r.nameOf(id), ballot.Yes)
	r.cast[id] = append(r.cast[id], castBallot{ballot, r.happenings, seen.terms.Groups})
	r.putDecision(ballot, false, r.now.Add(r.lateness()))
	if r.misfortune(10) {
		r.putDecision(ballot, false, r.now.Add(r.lateness()))
	}
}

// putDecision puts a message on the queue of decisions, or on that of its dead letters.
func (r *run) putDecision(content request.DecisionMessage, dead bool, visible time.Time) {
	r.messages = append(r.messages, &message{
		number:  len(r.messages) + 1 + r.deleted,
		Message: submission.Message{ID: content.About(), Kind: decisionKind}, decision: content, dead: dead, visible: visible,
	})
	copies := 0
	for _, m := range r.messages {
		if sameDecision(m.decision, content) {
			copies++
		}
	}
	// Each instance puts a copy back once in a round.
	if copies > max(mostCopies, 3*len(r.instances)) {
		r.breach(lawCopies, "a vote or an order about %s has %d messages", r.nameOf(content.About()), copies)
	}
}

// decisionKey tells a vote or an order from others, however often it has come back.
func decisionKey(content request.DecisionMessage) string {
	return fmt.Sprintf("%+v", content.WithReturns(0))
}

// sameDecision reports whether both are messages, and the same vote or order, however often each
// has come back.
func sameDecision(a, b request.DecisionMessage) bool {
	return a != nil && b != nil && a.WithReturns(0) == b.WithReturns(0)
}

// people are the users of the tenant who decide, as a worker sees them.
type people struct{ *run }

func (p people) do(op string, effect func() error) error {
	return directory{p.run, callTimeout}.do(op, func() error {
		if p.now.Before(p.silentUntil) {
			return problem.New(request.DirectoryUnavailable, "nothing is known about people")
		}
		return effect()
	})
}

func (p people) Person(ctx context.Context, id string) (request.Person, error) {
	return get(p, "Person", func() (request.Person, error) { return p.office.Person(ctx, id) })
}

func (p people) MemberOf(ctx context.Context, id string, groups []string) ([]string, error) {
	return get(p, "MemberOf", func() ([]string, error) { return p.office.MemberOf(ctx, id, groups) })
}

func (p people) Principals(ctx context.Context, ids []string) (map[string]request.Principal, error) {
	return get(p, "Principals", func() (map[string]request.Principal, error) { return p.office.Principals(ctx, ids) })
}

func (p people) GroupNames(ctx context.Context, ids []string) (map[string]string, error) {
	return get(p, "GroupNames", func() (map[string]string, error) { return p.office.GroupNames(ctx, ids) })
}

func (p people) Addressees(ctx context.Context, ids []string, most int) (request.Addressees, error) {
	return get(p, "Addressees", func() (request.Addressees, error) { return p.office.Addressees(ctx, ids, most) })
}

// decides reports whether the person may decide at the stage, which has waited for so long, by the
// row at this moment. It is written apart from what the worker does.
func (r *run) decides(person string, stage int, waited time.Duration, record request.Request) bool {
	who, err := r.office.Person(r.context, person)
	if err != nil || !who.Enabled || who.Guest || who.Has(r.address[record.ID]) {
		return false
	}
	rules := r.rulesOf(record)
	named := rules.Approvers
	second := stage == 2 && len(rules.SecondApprovers) > 0
	if second {
		named = rules.SecondApprovers
	}
	named = slices.Clone(named)
	if rules.EscalateAfter > 0 && waited >= time.Duration(rules.EscalateAfter)*24*time.Hour {
		named = append(named, rules.EscalateTo...)
	}
	if !second && rules.SponsorsDecide {
		named = append(named, rules.Sponsors...)
	}
	if slices.Contains(named, person) {
		return true
	}
	in, err := r.office.MemberOf(r.context, person, append(named, reviewers))
	return err == nil && len(in) > 0
}

// rulesOf returns who decides about the request by its row as it is, or else as the record says.
func (r *run) rulesOf(record request.Request) policy.ReviewRules {
	key := decidingRow(record)
	rows, err := r.memory.Rows(r.context, []string{key.Partition})
	for _, raw := range rows {
		row := policy.Parse(raw)
		if err == nil && raw.Key() == key && row.Withdrawn(r.now) == "" {
			return row.Rules()
		}
	}
	return record.Reviewing.Rules
}

// savedVotes checks the votes that a save adds, and what follows from them.
func (r *run) savedVotes(by *call, before, after request.Request) {
	id, name := after.ID, r.nameOf(after.ID)
	if by.on.admin || before.State != request.Review || after.Reviewing == nil || before.Reviewing == nil {
		return
	}
	known := len(before.Reviewing.Votes)
	votes := after.Reviewing.Votes
	if len(votes) < known {
		r.savedLapse(by, before, after)
		return
	}
	if !after.Erased.IsZero() && len(votes) == known {
		return
	}
	changed := max(r.staffAt, r.rowsChangedAt) >= by.begunAt
	waited := by.on.clock(r.now).Sub(before.Reviewing.Since)
	for i, vote := range votes[known:] {
		if !slices.ContainsFunc(r.cast[id], func(c castBallot) bool {
			return c.By == vote.By && c.Yes == vote.Yes && c.Cast.Equal(vote.Cast)
		}) {
			r.breach(lawVotes, "%s has a vote that nobody cast", name)
		}
		if strings.HasPrefix(vote.By, "eeee") || !changed && !r.decides(vote.By, vote.Stage, waited, after) {
			r.breach(lawVotes, "%s has the vote of somebody who does not decide at stage %d", name, vote.Stage)
		}
		if slices.ContainsFunc(votes[:known+i], func(other request.Vote) bool { return other.By == vote.By }) {
			r.breach(lawVotes, "%s has two votes of one person", name)
		}
	}
	no := slices.ContainsFunc(votes, func(vote request.Vote) bool { return !vote.Yes })
	switch {
	case after.State == request.Approved:
		stages := map[int]bool{}
		for _, vote := range votes {
			stages[vote.Stage] = true
		}
		want := after.Reviewing.Rules.Stages()
		if r.rowsChangedAt < by.begunAt {
			want = r.rulesOf(after).Stages()
		}
		if no || len(votes) < want || len(stages) < want || after.Approval.Stages == 0 {
			r.breach(lawStages, "%s is approved with the votes %v", name, votes)
		}
		r.approvedByVotes(by, after)
	case after.State == request.Denied && no:
		r.deniedByPerson[id] = true
	case after.State == request.Denied:
		due := after.Reviewing.Deadline
		if due.IsZero() || due.After(by.on.clock(r.now)) || len(after.Reviewing.Ballots) > 0 {
			r.breach(lawStages, "%s expires, and its time is not over: %s", name, due)
		}
		r.deniedByPerson[id] = true // nobody wanted it
	case no:
		r.breach(lawStages, "%s is %s after a no", name, after.State)
	}
	if len(votes) > known {
		clear(r.tries[id])
		r.entered[id] = r.now
	}
}

// savedLapse checks that votes lapse only since the row gives other things by now.
func (r *run) savedLapse(by *call, before, after request.Request) {
	r.entered[after.ID] = r.now
	if r.rowsChangedAt >= by.begunAt || !after.Erased.IsZero() {
		return
	}
	now := request.TermsMark(r.look(after.ID).terms)
	other := func(vote request.Vote) bool { return vote.Yes && vote.Shown != now }
	if after.State != request.Review || after.Reviewing.Stage != request.FirstStage || !slices.ContainsFunc(before.Reviewing.Votes, other) {
		r.breach(lawStages, "the votes on %s lapse, and the row is as it was", r.nameOf(after.ID))
	}
}

// approvedByVotes keeps what people have approved.
func (r *run) approvedByVotes(by *call, after request.Request) {
	id := after.ID
	groups := after.Approval.Terms.Groups
	for _, vote := range after.Reviewing.Votes {
		saw := func(c castBallot) bool {
			return c.By == vote.By && c.Cast.Equal(vote.Cast) && slices.Equal(c.groups, groups)
		}
		if !slices.ContainsFunc(r.cast[id], saw) {
			r.breach(lawApproval, "%s is approved with the groups %v, and %s was not shown these", r.nameOf(id), groups, vote.By)
		}
	}
	if row := decidingRow(after); r.rowsChangedAt < by.begunAt {
		var want []string
		for etag, key := range r.rowOf {
			if v := r.versions[etag]; key == row && v.to.IsZero() {
				want = v.groups
			}
		}
		if !slices.Equal(groups, want) {
			r.breach(lawApproval, "%s is approved with the groups %v, and its row has %v", r.nameOf(id), groups, want)
		}
	}
	r.everApproved[id] = append(r.everApproved[id], r.approved[id]...)
	r.approved[id] = groups
	last := after.Reviewing.Votes[len(after.Reviewing.Votes)-1]
	for _, c := range r.cast[id] {
		if c.By == last.By && c.Cast.Equal(last.Cast) {
			r.yes[id] = c.at
		}
	}
	r.saidYes(id)
}

// wantVoteKept checks that a vote is applied, waits, or is on a queue or kept, before its dead
// letter is deleted. Nothing is kept about a request that is to be erased.
func (r *run) wantVoteKept(ballot request.CastBallot, m *message) {
	outline, err := r.memory.Outline(context.Background(), m.ID)
	if err == nil && outline.Erasing() {
		return
	}
	record := r.recorded[m.ID]
	v := record.Reviewing
	if v == nil || record.Mark() != ballot.Seen || slices.ContainsFunc(v.Ballots, func(b request.Ballot) bool { return b.By == ballot.By }) {
		return
	}
	if _, voted := v.VoteOf(ballot.By); voted || r.settled[decisionKey(ballot)] || slices.ContainsFunc(r.messages, func(o *message) bool {
		return o != m && sameDecision(o.decision, ballot)
	}) {
		return
	}
	r.breach(lawGivenUp, "a vote about %s is given up, and neither applied nor kept", r.nameOf(m.ID))
}

// judgeReviews checks, once all is at rest, that the index has what waits, and that every vote of
// somebody who decides was applied.
func (r *run) judgeReviews() {
	entries, err := r.memory.WaitingReviews(r.context, "", "", 1<<20)
	if err != nil {
		r.breach(lawInternal, "the index of what waits can't be read: %v", err)
		return
	}
	listed := map[submission.ID]request.WaitingReview{}
	for _, entry := range entries {
		listed[entry.ID] = entry
	}
	for _, id := range r.requests {
		record := r.recorded[id]
		if r.over[id] || r.waitsForGood(id) || record.State != request.Review {
			continue
		}
		entry, is := listed[id]
		if !is && r.skewed() && r.unlisted[id] >= r.lastRound {
			continue // by a wrong clock an entry seems old that was just written; the next round lists it
		}
		if is && r.sweepComes(id) {
			entry.Deciders, entry.Since, entry.Stage = record.Deciders(), record.Reviewing.Since, record.Reviewing.Stage
		}
		if !is || !entry.Since.Equal(record.Reviewing.Since) || entry.Stage != record.Reviewing.Stage ||
			!slices.Equal(entry.Deciders, record.Deciders()) {
			r.breach(lawListed, "%s waits for a person as %+v, and the index has %+v", r.nameOf(id), record.WaitingReview(), entry)
		}
		if len(record.Reviewing.Ballots) > 0 {
			r.breach(lawVotes, "%s has votes in the end that nobody applies", r.nameOf(id))
		}
		if due := record.Reviewing.Deadline; !due.IsZero() && due.Before(r.now.Add(-2*time.Hour)) && !r.skewed() {
			r.breach(lawStages, "%s should have expired at %s", r.nameOf(id), due)
		}
	}
}
