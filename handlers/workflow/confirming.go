package workflow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// blindPatience is how long groups are added to a guest who can't be looked up, because the app may
// not read users. After that the guest may have been shut out for long, so a person decides.
const blindPatience = time.Hour

// confirmGuest makes sure, before groups are added, that the guest is who the invitation was for.
// The call that invited or confirmed the guest need not ask. After a wait the directory is asked: a
// guest who was disabled or removed or given another address meanwhile gets nothing, and a person
// decides. What the person approved before does not count.
func (j *job) confirmGuest(ctx context.Context) (next, error) {
	r := &j.Request
	pending := func(g request.Grant) bool { return g.State == request.GrantPending }
	if j.confirmed || !slices.ContainsFunc(r.Grants, pending) {
		return proceed, nil
	}
	lately := func() bool { return j.config.Now().Sub(r.Since).Abs() < patience }
	user, seen, err := j.awaitUser(ctx, r.GuestID, lately)
	waited := j.config.Now().Sub(r.Since).Abs()
	switch {
	case err != nil:
		return j.askForGuestLater(ctx, "grant-postponed", err)
	case !seen && waited >= blindPatience:
		return j.object(ctx, guestUnseen)
	case !seen:
		return proceed, nil
	}
	switch user.Kind {
	case request.AcceptedGuest, request.PendingGuest:
		return proceed, nil
	case request.NoUser:
		if lately() {
			return j.awaitGuest(ctx)
		}
		return j.guestMissing(ctx)
	case request.DisabledGuest:
		return j.object(ctx, guestDisabled)
	case request.InternalUser:
		return j.object(ctx, guestInternal)
	case request.UnclearUser:
		if !j.approvedOver(unclearUser) {
			return j.object(ctx, unclearUser)
		}
		return proceed, nil
	default:
		return j.object(ctx, guestMoved)
	}
}

// awaitGuest puts the groups off until the directory shows the guest.
func (j *job) awaitGuest(ctx context.Context) (next, error) {
	return j.wait(ctx, replicating.after(j.Request.Attempt, 0), "not-visible",
		"the directory does not show the guest yet")
}

// maxLooks is how often a directory that can't be asked for a known guest is asked before a person
// decides: for some five hours. Attempts at a group, and waits, do not count.
const maxLooks = 25

// askForGuestLater puts a step off while the directory can't be asked who a known guest is now. In
// the end a person decides. what names the event.
func (j *job) askForGuestLater(ctx context.Context, what string, cause error) (next, error) {
	failure := problem.From(cause)
	j.logFailure(ctx, "the directory could not be asked for the guest", failure.Code, cause)
	everybodys, err := j.everybodys(ctx, failure)
	if err != nil {
		return stop, err
	}
	j.Request.Failures.Looks++
	switch {
	case !everybodys && j.givenUp(failure.Code), j.Request.Failures.Looks >= maxLooks:
		o := guestUnseen
		o.why += ref(failure)
		return j.object(ctx, o)
	case failure.Code == request.DirectoryThrottled:
		return j.throttled(ctx, failure, what)
	}
	d := down
	if everybodys {
		d = alone
	}
	return j.wait(ctx, d.after(j.Request.Attempt, failure.RetryAfter), what,
		"the directory could not say who the guest is now"+ref(failure))
}

// everybodys reports whether a failure is the trouble of the whole tenant: what the directory says
// makes no sense, or there is no token, and the breaker is open. While the gate can't be read the
// failure counts against the request, so that it is tried for a bounded time; while its table is
// out of reach it counts as everybody's, since that passes. Each caller has a bound for those, too.
func (j *job) everybodys(ctx context.Context, failure *problem.Error) (bool, error) {
	if !odd(failure) && !request.TenantWide(failure.Code) {
		return false, nil
	}
	gate, err := j.config.Gates.Gate(ctx)
	if j.goesOnWithoutGate(ctx, err) {
		return problem.CodeOf(err) == problem.StorageUnavailable, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading whether the breaker is open: %w", err)
	}
	return gate.Cause != "", nil
}

// awaitUser is like userByID, and waits in place a little for a user who is not visible, while
// lately says that this may be because the guest is new.
func (j *job) awaitUser(ctx context.Context, id string, lately func() bool) (user request.User, seen bool, err error) {
	for waited := 0; ; waited++ {
		user, seen, err = j.userByID(ctx, id)
		if err != nil || !seen || user.Kind != request.NoUser || !lately() || waited == shortWaits {
			return user, seen, err
		}
		err = j.config.Sleep(ctx, shortWait)
		if err != nil {
			return user, seen, fmt.Errorf("waiting for the guest to appear: %w", err)
		}
	}
}

// userByID finds out who a known guest is now. seen is false if the app may not read users.
func (j *job) userByID(ctx context.Context, id string) (user request.User, seen bool, err error) {
	user, err = ask(ctx, j, func(ctx context.Context, address submission.Address) (request.User, error) {
		return j.config.Users.UserByID(ctx, id, address)
	})
	if err == nil {
		j.Request.Failures.Looks = 0
	}
	if problem.CodeOf(err) == request.DirectoryReadForbidden {
		j.logDegraded(ctx)
		return request.User{}, false, nil
	}
	return user, true, err
}
