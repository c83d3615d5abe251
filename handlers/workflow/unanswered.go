package workflow

import (
	"context"
	"fmt"
	"sync/atomic"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// maxRefusals is how often the directory may refuse an invitation in words that nobody knows before
// the refusal counts. Some such refusals pass within minutes.
const maxRefusals = 3

// oddRepeats is how often a question is asked again in place after an answer that makes no sense.
const oddRepeats = 2

// odd reports whether the answer to a question makes no sense. A refusal of a question is none of
// what the question is for.
func odd(err error) bool {
	code := problem.CodeOf(err)
	return code == request.DirectoryRefused || code == request.DirectoryUnknown
}

// ask asks the directory about users with the address of the request.
func ask[T any](ctx context.Context, j *job, question func(context.Context, submission.Address) (T, error)) (T, error) {
	return askUnless(ctx, j, &j.blind, question)
}

// askForDeleted asks the directory for deleted guests with the address, which is a right of its own.
func (j *job) askForDeleted(ctx context.Context) ([]request.Deletion, error) {
	return askUnless(ctx, j, &j.blindToDeleted, j.config.Users.FindDeletedGuests)
}

// askUnless asks the directory about the address of the request. If the answer makes no sense, it
// asks again, twice. It also does so if the app may not ask, and could until now: one such answer
// must not let in a guest that the next one would show as removed. blind keeps whether the app may
// not ask.
func askUnless[T any](ctx context.Context, j *job, blind *atomic.Bool,
	question func(context.Context, submission.Address) (T, error)) (answer T, err error) {
	for repeats := 0; ; repeats++ {
		answer, err = question(ctx, j.Request.Submission.Email)
		forbidden := problem.CodeOf(err) == request.DirectoryReadForbidden
		if !odd(err) && (!forbidden || blind.Load()) || repeats == oddRepeats {
			if err == nil || forbidden {
				blind.Store(forbidden)
			}
			return answer, err
		}
		sleepErr := j.config.Sleep(ctx, shortWait)
		if sleepErr != nil {
			return answer, fmt.Errorf("waiting to ask the directory again: %w", sleepErr)
		}
	}
}

// countFailure counts a failed attempt of the present effect for a reason that may pass. hopeless
// says that it is time to give the effect up.
func (j *job) countFailure(ctx context.Context, failure *problem.Error) (hopeless bool, err error) {
	if failure.Code == request.DirectoryUnknown || failure.Code == request.DirectoryRefused {
		j.Request.Unknown++
	}
	err = j.addFailure(ctx, failure)
	return err == nil && j.hopeless(), err
}

// addFailure adds a failed attempt to those of the present effect. The attempt counts even while
// the gate can't be read: otherwise the message would come again, and the effect be tried, without
// end.
func (j *job) addFailure(ctx context.Context, failure *problem.Error) error {
	accepted := 0
	gate, err := j.config.Gates.Gate(ctx)
	if err == nil {
		accepted = gate.Accepted + int(j.accepted.Load())
	} else if !j.goesOnWithoutGate(ctx, err) {
		return fmt.Errorf("reading how many invitations were accepted: %w", err)
	}
	throttled := failure.Code == request.DirectoryThrottled
	r := &j.Request
	r.Failures = r.Failures.Add(j.config.Now(), accepted, throttled, failure.Detail+ref(failure))
	return nil
}

// hopeless reports whether the present effect has failed too often to try on.
func (j *job) hopeless() bool {
	return j.Request.Unknown > request.MaxUnknown || j.Request.Failures.Hopeless(j.config.Now())
}

// givenUp counts an answer to a question of an instruction or a repeat, and reports whether too
// many made no sense.
func (j *job) givenUp(code problem.Code) bool {
	if code != request.DirectoryUnknown && code != request.DirectoryRefused {
		return false
	}
	j.Request.Unknown++
	return j.Request.Unknown > request.MaxUnknown
}

// unanswered waits for the end of the lease after an invitation that may have happened. Then the
// directory is asked, and lookUp gives up a request that has failed too often.
func (j *job) unanswered(
	ctx context.Context, claim request.Claim, failure *problem.Error,
) (next, error) {
	_, err := j.countFailure(ctx, failure)
	if err != nil {
		return stop, err
	}
	left := claim.IntentAt.Add(j.config.IntentLease).Sub(j.config.Now())
	return j.wait(ctx, max(left, down.after(j.Request.Attempt, failure.RetryAfter)), "unanswered",
		"the directory gave no usable answer, and will be asked what came of it: "+
			j.Request.Failures.Last)
}

// uninvited records a failure after which nothing was sent for certain, and gives the intent back.
// One that may be the trouble of the whole tenant is told to the gate; stopped reports whether the
// breaker is open then. It counts against the request, which is given up in time; n is proceed if
// it goes on. While the breaker is open that takes a day at least, and what is the tenant's for
// certain does not count.
func (j *job) uninvited(
	ctx context.Context, claim request.Claim, failure *problem.Error, witness bool,
) (stopped bool, n next, err error) {
	if witness {
		stopped, err = j.tellGate(ctx, failure)
		if err != nil {
			return stopped, stop, err
		}
	}
	hopeless, err := j.countAttempt(ctx, failure, stopped)
	if err != nil {
		return stopped, stop, err
	}
	if hopeless {
		n, err = j.giveUp(ctx, claim)
		return stopped, n, err
	}
	return stopped, proceed, j.giveBack(ctx, claim, request.Intent)
}

// countAttempt is countFailure for an attempt to invite. While the breaker is open (stopped), the
// request is given up only after a day, and only an answer that makes no sense counts: by then this
// address may be the only one that gets it.
func (j *job) countAttempt(ctx context.Context, failure *problem.Error, stopped bool) (hopeless bool, err error) {
	switch {
	case !stopped:
		return j.countFailure(ctx, failure)
	case odd(failure):
		err = j.addFailure(ctx, failure)
		return err == nil && j.Request.Failures.Hopeless(j.config.Now()), err
	}
	return false, nil
}

// questionFailed puts off an invitation because the directory did not say who holds the address.
// Nothing was sent, and nothing was refused.
func (j *job) questionFailed(ctx context.Context, claim request.Claim, cause error) (next, error) {
	failure := problem.From(cause)
	j.logFailure(ctx, "the directory did not say who holds the address", failure.Code, cause)
	switch {
	case request.TenantWide(failure.Code), failure.Code == request.DirectoryThrottled:
		return j.notSent(ctx, claim, failure)
	case !request.Retryable(failure.Code) && failure.Code != request.DirectoryRefused:
		return stop, fmt.Errorf("asking who holds the address: %w", cause)
	}
	stopped, n, err := j.uninvited(ctx, claim, failure, odd(failure))
	switch {
	case n != proceed || err != nil:
		return n, err
	case stopped:
		return j.park(ctx, "the directory does not say who holds an address; the breaker is open"+ref(failure))
	}
	return j.wait(ctx, down.after(j.Request.Attempt, failure.RetryAfter), "look-up-postponed",
		"the directory did not say who holds the address: "+j.Request.Failures.Last)
}

// refused tries an invitation again that was refused in words that nobody knows, up to maxRefusals
// times. It certainly was not sent. If other requests are refused in the same words, the breaker is
// open (stopped), and the request is parked.
func (j *job) refused(
	ctx context.Context, claim request.Claim, failure *problem.Error, stopped bool,
) (next, error) {
	hopeless, err := j.countAttempt(ctx, failure, stopped)
	switch {
	case err != nil:
		return stop, err
	case hopeless, !stopped && j.Request.Unknown >= maxRefusals:
		return j.refusedForGood(ctx, claim, failure)
	}
	err = j.giveBack(ctx, claim, request.Intent)
	switch {
	case err != nil:
		return stop, err
	case stopped:
		return j.park(ctx, "the directory refuses invitations in words that are not known; the breaker is open"+ref(failure))
	}
	return j.wait(ctx, down.after(j.Request.Attempt, failure.RetryAfter), "refused-once",
		"the directory refused the invitation in words that are not known; it is tried again: "+
			j.Request.Failures.Last)
}

// refusedForGood ends a request whose invitation the directory refuses.
func (j *job) refusedForGood(
	ctx context.Context, claim request.Claim, failure *problem.Error,
) (next, error) {
	return j.endUninvited(ctx, claim, objection{request.Failed, "refused",
		"the directory refused the invitation: " + failure.Detail + ref(failure)})
}

// giveUp ends a request to which the directory gives no usable answer, although it works for others
// or was tried for long enough. A person can take it up again.
func (j *job) giveUp(ctx context.Context, claim request.Claim) (next, error) {
	return j.endUninvited(ctx, claim, objection{request.Failed, "given-up", j.hopelessBecause()})
}

// hopelessBecause says why the present effect is given up.
func (j *job) hopelessBecause() string {
	f := j.Request.Failures
	return fmt.Sprintf("the directory gave no usable answer in %d attempts since %s; the last one: %s",
		f.Count, f.Since.UTC().Format("2006-01-02 15:04"), f.Last)
}
