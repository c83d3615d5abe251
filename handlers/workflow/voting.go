package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// ignoredTold is how many votes, and how many orders, that do not count are in the history of a
	// request: whoever may send to the queue can send any number.
	ignoredTold = 20
	// ballotLimit is how long a ballot is put back whose request, or its place there, is not to be
	// had, and orderLimit how long an order is. After that it is kept as a dead letter. It rests
	// for a quarter of its age each time, and for leastRest and mostRest at least and at most.
	ballotLimit = 7 * 24 * time.Hour
	orderLimit  = 24 * time.Hour
	leastRest   = 15 * time.Minute
	mostRest    = 2 * time.Hour
)

// Apply applies a message of the queue of decisions, see [Worker.Vote] and [Worker.Obey].
func (w *Worker) Apply(ctx context.Context, messageID string, message request.DecisionMessage) error {
	switch message := message.(type) {
	case request.CastBallot:
		return w.Vote(ctx, messageID, message)
	case request.Order:
		return w.Obey(ctx, messageID, message)
	}
	return problem.New(problem.Internal, "a message on the queue of decisions is a %T", message)
}

// Vote applies a ballot: the vote of a person about a request in Review. The message is not
// trusted. Who the person is, whether the person may decide at this moment, and on what terms, is
// asked for now, and a yes counts only for the terms that the person was shown. A vote that does
// not count is an event and changes nothing else. If the directory can't be asked, the ballot is
// kept in the record, and applied once it can.
//
// It is one vote for each person. One no ends the request, and once every stage has the yes of
// another person to the same terms, which are those of the policy row at that moment, it goes on.
// If the row gives other things by the next yes, the review begins again. After an error the
// message must come again; to apply it twice does no harm.
func (w *Worker) Vote(ctx context.Context, messageID string, ballot request.CastBallot) error {
	err := w.vote(ctx, ballot)
	switch {
	case errors.Is(err, errNoRoom):
		w.config.Log.WarnContext(ctx, "a vote waits on the queue: too many wait in the record", "request", ballot.ID)
	case problem.CodeOf(err) == problem.RecordUnreadable:
		w.config.Log.ErrorContext(ctx, LogUnreadable, "request", ballot.ID, "error", err)
	default:
		return err
	}
	return w.putDecisionBack(ctx, messageID, ballot, err)
}

// errNoRoom says that a request keeps as many ballots as it can.
var errNoRoom = problem.New(problem.Internal, "%d votes wait already, since the directory can't say who has cast them", request.MaxBallots)

// GiveUpDecision takes a ballot or an order that failed as often as the host tries one, and lets it
// be tried again after a while. After a week, after a day if it is an order, or if it is neither,
// it is kept as a dead letter.
func (w *Worker) GiveUpDecision(ctx context.Context, messageID string, body []byte) error {
	message, err := request.DecodeDecision(body)
	if err != nil {
		return w.keepForeign(ctx, request.DecisionsQueue, messageID, body, err)
	}
	w.config.Log.ErrorContext(ctx, LogPoisoned, "request", message.About(), "message", messageID)
	return w.putDecisionBack(ctx, messageID, message, problem.New(problem.Internal,
		"%s failed for too long; replay it once the cause is gone", nameOf(message)))
}

// nameOf returns what a message is, for a log.
func nameOf(message request.DecisionMessage) string {
	order, is := message.(request.Order)
	switch {
	case !is:
		return fmt.Sprintf("a vote about request %s", message.About())
	case order.Kind == request.CloseOrder:
		return "an order to close the breaker"
	}
	return fmt.Sprintf("an order to %s about request %s", order.Kind, order.ID)
}

// putDecisionBack puts the message on the queue again, or keeps it if that was done for long. One
// about a request that is to be erased has no effect any more, and is dropped.
func (w *Worker) putDecisionBack(ctx context.Context, messageID string, message request.DecisionMessage, why error) error {
	erasing, err := w.erasing(ctx, message.About())
	if err == nil && erasing { // an error says nothing, and the message must not be lost
		w.config.Log.WarnContext(ctx, "a decision about a request that is to be erased is dropped", "request", message.About())
		return nil
	}
	returns := message.Returned()
	plain, err := message.WithReturns(0).Encode()
	if err != nil {
		return err
	}
	body, err := message.WithReturns(onceMore(returns)).Encode()
	if err != nil {
		return err
	}
	limit := ballotLimit
	if _, is := message.(request.Order); is {
		limit = orderLimit
	}
	age := w.config.Now().Sub(message.Sent()).Abs()
	if age > limit {
		return w.keepAbout(ctx, message.About(), request.DecisionsQueue, messageID, plain, why)
	}
	rest := min(max(age/4, leastRest), mostRest)
	err = w.putAgain(ctx, request.DecisionsQueue, plain, body, returns, w.config.Jitter(rest))
	if err != nil {
		return fmt.Errorf("putting %s back on the queue: %w", nameOf(message), err)
	}
	return nil
}

func (w *Worker) vote(ctx context.Context, ballot request.CastBallot) error {
	r, err := w.config.Store.Load(ctx, ballot.ID)
	if problem.CodeOf(err) == problem.NotFound {
		w.config.Log.WarnContext(ctx, "a vote is about a request that is not recorded; nothing to do", "request", ballot.ID)
		return nil
	}
	if err != nil {
		return fmt.Errorf("loading request %s: %w", ballot.ID, err)
	}
	j := w.newJob(r)
	j.resumed, j.wasEnded = true, r.State.Ended()
	goesOn, err := j.receiveBallot(ctx, ballot.Ballot)
	if err != nil || !goesOn {
		return err
	}
	for n := again; n == again && !j.Request.AtRest(); {
		n, err = j.step(ctx)
		if err != nil {
			return fmt.Errorf("applying a vote about request %s: %w", ballot.ID, err)
		}
	}
	return nil
}

// receiveBallot adds the ballot to those that wait, in memory, and reports whether there is
// something to do now. One that can't count is noted.
func (j *job) receiveBallot(ctx context.Context, ballot request.Ballot) (goesOn bool, err error) {
	r := &j.Request
	v := r.Reviewing
	if v != nil {
		counted, voted := v.VoteOf(ballot.By)
		if voted && counted.Cast.Equal(ballot.Cast) && counted.Yes == ballot.Yes {
			// The message has come twice. A process may have ended when the vote was stored, and
			// before what follows from it.
			if r.State == request.Review {
				return false, nil
			}
			return !r.AtRest() && !r.Due.After(j.config.Now()), j.mendReview(ctx, *r)
		}
		if voted {
			return false, j.ignore(ctx, ballot.By, "vote-repeated", "that person has voted already")
		}
	}
	same := func(b request.Ballot) bool {
		return b.By == ballot.By && b.Yes == ballot.Yes && b.Cast.Equal(ballot.Cast)
	}
	switch {
	case r.Mark() == "", r.Withdrawal.Open(), !r.Erased.IsZero():
		return false, j.ignore(ctx, ballot.By, "vote-late", "the request does not wait for that any more")
	case ballot.Seen != r.Mark() || ballot.Stage != v.Stage:
		return false, j.ignore(ctx, ballot.By, request.StaleVote, changedSince)
	case slices.ContainsFunc(v.Ballots, same):
		return true, nil // the message has come again, since it could not be noted when to go on
	case slices.ContainsFunc(v.Ballots, func(b request.Ballot) bool { return b.By == ballot.By }):
		return false, j.ignore(ctx, ballot.By, "vote-repeated", "another vote of that person waits already")
	case len(v.Ballots) >= request.MaxBallots:
		return false, errNoRoom
	}
	waiting := *v
	waiting.Ballots = append(slices.Clone(v.Ballots), ballot)
	r.Reviewing = &waiting
	return true, nil
}

const (
	// changedSince is why a vote on another state of the request does not count.
	changedSince = "the request has changed since; it has to be looked at anew"
	// termsChanged is why a yes does not count whose voter was shown other terms, or where an older
	// version does not say which.
	termsChanged = "the policy row gives other groups, sponsors or another account than that person was shown; " +
		"the request has to be looked at anew"
)

// ignore notes a vote that does not count, as far as the history has room for such. It names only
// the object id: the message may be forged.
func (j *job) ignore(ctx context.Context, by, what, why string) error {
	if !j.noteIgnored(ctx, by, what, why) {
		return nil
	}
	return j.save(ctx)
}

// noteIgnored is like ignore, and leaves saving to the caller.
func (j *job) noteIgnored(ctx context.Context, by, what, why string) bool {
	j.log.InfoContext(ctx, "a vote does not count", "what", what)
	if j.Request.Reviewing == nil || j.Request.Reviewing.Ignored >= ignoredTold {
		return false
	}
	v := *j.Request.Reviewing
	v.Ignored++
	j.Request.Reviewing = &v
	j.Record(what, request.IgnoredVote(by, why))
	return true
}

// applyBallot applies the first ballot that waits. It proceeds if the request waits for more.
func (j *job) applyBallot(ctx context.Context) (next, error) {
	r := &j.Request
	ballot := r.Reviewing.Ballots[0]
	_, voted := r.Reviewing.VoteOf(ballot.By)
	if voted || ballot.Seen != r.Mark() || ballot.Stage != r.Reviewing.Stage {
		j.dropBallot()
		j.noteIgnored(ctx, ballot.By, request.StaleVote, changedSince)
		return proceed, nil
	}
	row, err := j.readRow(ctx)
	if err != nil {
		return stop, err
	}
	authority, refusal, err := j.authorityOf(ctx, ballot)
	if err != nil {
		return j.keepBallots(ctx, err)
	}
	j.dropBallot()
	switch {
	case refusal != "":
		j.noteIgnored(ctx, ballot.By, "vote-refused", refusal)
		return proceed, nil
	case !ballot.Yes:
		return j.count(ctx, ballot, authority, row)
	case row.Withdrawn != "":
		j.noteIgnored(ctx, ballot.By, "vote-refused", "the policy row "+row.Withdrawn+", so nobody can be let in by it")
		return proceed, nil
	case r.Reviewing.Lapsed(row.Terms):
		j.ReviewAnew(j.config.DecideWithin)
		j.Record("review-anew", "the policy row gives other things than were approved, so the votes so far lapse")
		j.noteIgnored(ctx, ballot.By, request.StaleVote, changedSince)
		return proceed, nil
	case ballot.Shown != request.TermsMark(row.Terms):
		j.noteIgnored(ctx, ballot.By, request.StaleVote, termsChanged)
		return proceed, nil
	}
	return j.count(ctx, ballot, authority, row)
}

// count counts the ballot, which may be counted, and does what follows from it. It proceeds if
// another person is to decide.
func (j *job) count(ctx context.Context, ballot request.Ballot, authority request.Authority, row request.ReviewRow) (next, error) {
	r := &j.Request
	now := j.config.Now().UTC().Truncate(request.Tick)
	v := *r.Reviewing
	v.Votes = append(slices.Clone(v.Votes), request.Vote{
		Stage: v.Stage, By: ballot.By, Name: ballot.Name, Authority: authority, Yes: ballot.Yes, Shown: ballot.Shown,
		Reason: ballot.Reason, Note: ballot.Note, Cast: ballot.Cast, At: now,
	})
	stages := v.Rules.Stages()
	if !ballot.Yes || v.Stage >= stages {
		v.Ballots = nil
	}
	r.Reviewing = &v
	what := fmt.Sprintf("by %s (%s)", ballot.By, authority)
	switch {
	case !ballot.Yes:
		j.transition(request.Denied, "denied", "denied "+what)
		j.Sign(ballot.Name)
		r.Words = ballot.Note
		return j.finish(ctx)
	case v.Stage < stages:
		j.BeginStage(v.Stage+1, j.config.DecideWithin)
		j.Record("vote-yes", fmt.Sprintf("stage %d of %d approved %s; another person decides", v.Stage, stages, what))
		j.Sign(ballot.Name)
		return proceed, nil
	}
	r.Approval = &request.Approval{
		By: voters(v.Votes), At: earlier(ballot.Cast, now), Note: ballot.Note, Terms: row.Terms, Saw: r.Objection, Stages: stages,
	}
	// The due entry, which says the deadline, must not be all that is left if the process ends now.
	err := j.bringBack(ctx, r.ID, j.config.IntentLease)
	if err != nil {
		return stop, err
	}
	j.transition(request.Approved, "approved", "approved "+what)
	j.Sign(ballot.Name)
	return again, j.save(ctx)
}

// dropBallot removes the first ballot that waits, since the directory has said who has cast it, or
// it does not matter.
func (j *job) dropBallot() {
	v := *j.Request.Reviewing
	v.Ballots, v.Why = slices.Clone(v.Ballots[1:]), ""
	j.Request.Reviewing = &v
}

// voters returns the names of those who have voted, as one text.
func voters(votes []request.Vote) string {
	var all []string
	for _, vote := range votes {
		all = append(all, vote.Name)
	}
	return strings.Join(all, ", ")
}

// readRow reads what the policy row of the review says now, and takes over who decides by it.
func (j *job) readRow(ctx context.Context) (request.ReviewRow, error) {
	r := &j.Request
	row, err := request.ReadReviewRow(ctx, j.config.Rows, j.config.Parse, *r, j.config.Now())
	if err != nil || row.Row == nil || row.Withdrawn != "" {
		return row, err
	}
	before := r.Deciders()
	j.FollowRow(row.Rules, j.config.DecideWithin)
	j.PlanNotices(j.noticeKinds())
	if !slices.Equal(before, r.Deciders()) {
		r.Reviewing.ListAgain = true
	}
	return row, nil
}

// authorityOf returns why the person may decide at the present stage, or why not, as the rest of a
// sentence without a name. The error says that the directory can't tell.
func (j *job) authorityOf(ctx context.Context, ballot request.Ballot) (authority request.Authority, refusal string, err error) {
	r := j.Request
	person, refusal, err := j.personOf(ctx, ballot.By)
	switch {
	case err != nil || refusal != "":
		return "", refusal, err
	case person.Guest && !j.config.GuestsDecide:
		return "", "a guest does not decide about guests", nil
	case person.Has(r.Submission.Email):
		return "", "nobody decides about an address of their own", nil
	}
	v := *r.Reviewing
	plain := v.Rules.Deciders(v.Stage, false)
	ids := v.Rules.Deciders(v.Stage, v.HasEscalated(j.config.Now()))
	switch {
	case v.Stage == request.FirstStage && v.Rules.SponsorsDecide && slices.Contains(v.Rules.Sponsors, person.ID):
		return request.AsSponsor, "", nil
	case slices.Contains(plain, person.ID):
		return request.AsApprover, "", nil
	case slices.Contains(ids, person.ID):
		return request.AfterAWhile, "", nil
	}
	if j.config.Reviewers != "" {
		ids = append(ids, j.config.Reviewers)
	}
	in, err := j.config.People.MemberOf(ctx, person.ID, ids)
	switch {
	case err != nil:
		return "", "", err
	case j.config.Reviewers != "" && slices.Contains(in, j.config.Reviewers):
		return request.AsReviewer, "", nil
	case slices.ContainsFunc(in, func(id string) bool { return slices.Contains(plain, id) }):
		return request.ByGroup, "", nil
	case len(in) > 0:
		return request.AfterAWhile, "", nil
	}
	return "", "the person does not decide at this stage", nil
}

// personOf asks the directory for the person, and returns why nobody with that id has any
// authority, as the rest of a sentence, if so. The error says that the directory can't tell.
func (w *Worker) personOf(ctx context.Context, id string) (person request.Person, refusal string, err error) {
	person, err = w.config.People.Person(ctx, id)
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		return request.Person{}, "the directory knows no such person", nil
	case err != nil:
		return request.Person{}, "", err
	case !person.Enabled:
		return request.Person{}, "the account is disabled", nil
	}
	return person, "", nil
}

// keepBallots stores the ballots that wait, because the directory can't say who a person is.
func (j *job) keepBallots(ctx context.Context, cause error) (next, error) {
	failure := problem.From(cause)
	if errors.Is(cause, context.Canceled) || ctx.Err() != nil {
		return stop, cause
	}
	j.logFailure(ctx, "the directory could not say who has voted", failure.Code, cause)
	why := "the directory could not say whether a person may decide (" + string(failure.Code) + ")"
	v := *j.Request.Reviewing
	if v.Why != why {
		v.Why = why
		j.Record("vote-waits", why+ref(failure)+"; the vote is kept, and applied once it can")
	}
	j.Request.Reviewing = &v
	err := j.listReview(ctx)
	if err != nil {
		return stop, err
	}
	// An entry that is due before the record says that a ballot waits would be removed. No call
	// takes longer than LongestAttempt.
	return j.postpone(ctx, max(request.LongestAttempt, alone.after(j.Request.Attempt, failure.RetryAfter)))
}
