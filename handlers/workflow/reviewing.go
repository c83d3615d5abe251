package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// trackReview keeps what is known about a review in step with a transition: each return to Review
// begins a review of its own, and what leaves it is not waiting any more.
func (j *job) trackReview(before request.State) {
	r := &j.Request
	switch {
	case r.State == request.Review && before != request.Review:
		j.BeginReview(j.config.DecideWithin)
	case r.State != request.Review && r.Reviewing != nil && !r.Reviewing.Listed.IsZero():
		left := *r.Reviewing
		j.unlist, left.Listed = left.Listed, time.Time{}
		r.Reviewing, r.Due = &left, time.Time{}
	}
}

// listReview writes the entry of a request in Review in the index of what waits, unless it has one.
// As with a due entry, the index is written before the record: an entry without a request does no
// harm, and nobody would find a request without an entry.
func (j *job) listReview(ctx context.Context) error {
	v := j.Request.Reviewing
	if j.Request.State != request.Review || v == nil || v.IsListed() {
		return nil
	}
	err := j.config.Reviews.ListReview(ctx, j.Request.WaitingReview())
	if err != nil {
		return fmt.Errorf("listing the request as waiting for a person: %w", err)
	}
	listed := *v
	listed.Listed, listed.ListAgain = v.Since, false
	j.Request.Reviewing = &listed
	return nil
}

// takeBackListing makes the index agree with the record after a call that was not the first to
// change it.
func (j *job) takeBackListing(ctx context.Context) error {
	present, err := j.config.Store.Load(ctx, j.Request.ID)
	if problem.CodeOf(err) == problem.RecordUnreadable {
		j.config.Log.ErrorContext(ctx, LogUnreadable, "request", j.Request.ID, "error", err)
		return nil // the sweep mends it
	}
	if err != nil {
		return fmt.Errorf("loading the request again: %w", err)
	}
	if present.State == request.Review {
		return j.mendReview(ctx, present)
	}
	if v := j.Request.Reviewing; v != nil {
		return j.config.Reviews.UnlistReview(ctx, present.ID, v.Since)
	}
	return nil
}

// unlistReview removes the entry of a request that has left Review.
func (j *job) unlistReview(ctx context.Context) error {
	if j.unlist.IsZero() {
		return nil
	}
	err := j.config.Reviews.UnlistReview(ctx, j.Request.ID, j.unlist)
	if err != nil {
		return fmt.Errorf("removing the request from what waits for a person: %w", err)
	}
	j.unlist = time.Time{}
	return nil
}

// mendReview makes the index agree with a request that is at rest, for a process that ended between
// two writes, and for calls that overtook each other.
func (w *Worker) mendReview(ctx context.Context, r request.Request) error {
	switch {
	case r.Reviewing == nil:
		return nil
	case r.State == request.Review:
		err := w.config.Reviews.ListReview(ctx, r.WaitingReview())
		if err != nil {
			return fmt.Errorf("listing request %s as waiting for a person: %w", r.ID, err)
		}
	default:
		err := w.config.Reviews.UnlistReview(ctx, r.ID, r.Reviewing.Since)
		if err != nil {
			return fmt.Errorf("removing request %s from what waits for a person: %w", r.ID, err)
		}
	}
	return nil
}

// settleReview takes a request in Review to where nothing is left to do but to wait for people: the
// ballots are applied, and the index says where it stands. It also removes what another one than
// the worker has taken out of Review.
func (j *job) settleReview(ctx context.Context) (next, error) {
	r := &j.Request
	switch {
	case r.State != request.Review:
		j.trackReview(r.State)
		err := j.unlistReview(ctx)
		if err != nil {
			return stop, err
		}
		if r.State.Ended() {
			return j.finish(ctx)
		}
		return again, nil
	case r.Reviewing == nil: // an older version has stored it
		j.BeginReview(j.config.DecideWithin)
	}
	for len(r.Reviewing.Ballots) > 0 {
		n, err := j.applyBallot(ctx)
		if n != proceed || err != nil {
			return n, err
		}
	}
	return j.finish(ctx)
}

// reviewOverdue does what is due because nobody has decided: more people may decide, or the request
// ends. The row may give more time by now.
func (j *job) reviewOverdue(ctx context.Context) (next, error) {
	r, now := &j.Request, j.config.Now()
	_, err := j.readRow(ctx)
	if err != nil {
		return stop, err
	}
	v := *r.Reviewing
	switch {
	case !v.Deadline.IsZero() && !v.Deadline.After(now):
		v.Expired = true
		r.Reviewing = &v
		j.transition(request.Denied, "expired", fmt.Sprintf("nobody has decided in time (stage %d, since %s)",
			v.Stage, v.Since.Format(time.DateOnly)))
		if r.Owed.Kind == request.DecisionMail {
			r.Owed = request.Owed{} // nobody has said no
		}
		return j.finish(ctx)
	case v.Escalates(now):
		v.Escalated, v.ListAgain = true, true
		r.Reviewing = &v
		j.Record("escalated", "nobody has decided for days, so others may decide too")
	}
	return j.finish(ctx)
}
