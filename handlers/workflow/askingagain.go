package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// askRowsAgain asks the policy rows, as they are now, about a parked request that is to go on. The
// decision stays what it was. If the rows deny by now, the request ends denied. If they ask for a
// person, or invite to less than was decided, a person decides. An approval stands, unless the rows
// deny; then the person has to approve in view of that.
//
// If the rows can't be read the request stays parked.
func (j *job) askRowsAgain(ctx context.Context) (next, error) {
	o, err := j.objectionByNow(ctx)
	switch {
	case err != nil:
		return j.park(ctx, rowsUnread)
	case o.state == "":
		return proceed, nil
	}
	return j.endParked(ctx, o)
}

const (
	// rowsUnread is why a request waits whose rows can't be read again.
	rowsUnread = "the policy rows could not be read again"
	// rowsCount is how long after the start of an invitation the rows need not be asked again. An
	// invitation can wait for hours: for another request with the same address, for the mailbox, or
	// for the directory.
	rowsCount = 10 * time.Minute
)

// lateObjection is objectionByNow for a request that has waited for at least rowsCount. For others
// it asks nothing and returns the zero objection.
func (j *job) lateObjection(ctx context.Context) (objection, error) {
	if j.unparked || j.config.Now().Sub(j.Request.Since) < rowsCount {
		return objection{}, nil
	}
	return j.objectionByNow(ctx)
}

// objectionByNow asks the policy rows what they have against inviting the guest by now, the zero
// objection if nothing. An error means that they can't be read for a while.
//
// Seats are not looked at, since the request may hold one; the invitation needs its seat anyway.
func (j *job) objectionByNow(ctx context.Context) (objection, error) {
	decider := j.decider
	decider.Seats = request.FreeSeats{}
	now, err := decider.Decide(ctx, j.Request.Submission, j.config.Now())
	if err != nil {
		j.log.ErrorContext(ctx, "the policy rows can't be read again", "code", problem.CodeOf(err), "error", err)
		if request.Retryable(problem.CodeOf(err)) {
			return objection{}, err
		}
		now = policy.Unreadable(j.config.Now())
	}
	return j.objectionOfRows(now), nil
}

// objectionOfRows returns what the rows as they are now have against inviting the guest, the zero
// objection if nothing.
func (j *job) objectionOfRows(now policy.Decision) objection {
	decision, denies := j.Request.Decision, now.Action == policy.Deny
	switch {
	case j.Request.Approval != nil:
		o := objection{request.Review, "row-denies-approved",
			"it was approved, and the policy rows deny it by now, so a person decides again: " + now.Reason}
		if !denies || j.approvedOver(o) {
			return objection{}
		}
		return o
	case denies:
		return objection{request.Denied, "row-denies", "the policy rows deny it by now: " + now.Reason}
	case now.Action != policy.Invite:
		return objection{request.Review, "row-asks",
			"the policy rows ask for a person by now: " + now.Reason}
	case now.Proof.Needed(j.config.ProofByDefault) && !j.Request.Proof.Done():
		return objection{request.Review, "row-asks-proof",
			"the policy rows ask for a proof of the mailbox by now, and there is none, so a person decides: " + now.Reason}
	case decision != nil && !now.Covers(*decision):
		return objection{request.Review, "row-narrowed",
			"the policy rows invite to less by now than was decided, so a person decides: " + now.Reason}
	}
	return objection{}
}

// endParked ends a parked request, or leaves it to a person, and then gives back what it holds. In
// this order a call that is late gives back nothing that another one needs, and if this one ends in
// between, the due entry brings the request back for the rest.
func (j *job) endParked(ctx context.Context, o objection) (next, error) {
	claim, err := j.config.Store.ClaimOf(ctx, j.Request.Submission.Email)
	if err != nil {
		return stop, fmt.Errorf("reading the claim of a parked request: %w", err)
	}
	if claim.Owner == j.Request.ID && claim.State == request.ClaimSent {
		return proceed, nil // the guest is there already
	}
	j.transition(o.state, o.what, o.why)
	j.Request.Objection = o.what
	j.Request.Due = time.Time{}
	err = j.save(ctx)
	if err != nil {
		return stop, err
	}
	waits, err := j.giveBackEnded(ctx)
	switch {
	case err != nil:
		return stop, err
	case !j.Request.AtRest():
		return again, nil // somebody wants the mail again, and there is none
	case waits:
		return stop, nil
	}
	return stop, j.stopWaiting(ctx, j.Request.ID, j.broughtBy)
}
