package workflow

import (
	"context"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Policy rows that can't be read are read again until both have passed; then a person is asked. The
// number is for a clock that is wrong.
const (
	rowsPatience  = 24 * time.Hour
	mostRowsReads = 5
)

// decide reads the rows that can apply and lets policy decide.
func (j *job) decide(ctx context.Context) (next, error) {
	decision, err := j.decider.DecideUnless(ctx, j.Request.Submission, j.config.Now(), j.needsProof)
	if err != nil {
		j.log.ErrorContext(ctx, "the policy rows can't be read", "attempt", j.Request.Attempt, "error", err)
		since := j.Request.Since
		if j.Request.Proof.At.After(since) {
			since = j.Request.Proof.At
		}
		waited := j.config.Now().Sub(since).Abs()
		again := waited < rowsPatience || j.Request.Attempt+1 < mostRowsReads
		if again && request.Retryable(problem.CodeOf(err)) {
			d := down.after(j.Request.Attempt, problem.From(err).RetryAfter)
			return j.wait(ctx, d, "rows-unreadable", "the policy rows could not be read; they will be tried again")
		}
		decision = policy.Unreadable(j.config.Now())
	}
	j.Request.Decision = &decision
	n, err := j.demandProof(ctx, decision)
	if n != proceed || err != nil {
		return n, err
	}
	switch decision.Action {
	case policy.Invite:
		return j.startInviting(ctx, "decided", decision.Reason)
	case policy.Deny:
		return j.end(ctx, request.Denied, "decided", decision.Reason)
	default:
		return j.end(ctx, request.Review, "decided", decision.Reason)
	}
}

// approved goes on with a request that a person has approved.
func (j *job) approved(ctx context.Context) (next, error) {
	if j.Request.Approval == nil {
		return stop, problem.New(problem.Internal, "the request is approved without an approval")
	}
	return j.startInviting(ctx, "resumed", "the approved invitation is under way")
}
