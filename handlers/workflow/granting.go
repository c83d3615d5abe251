package workflow

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// forbiddenWait is how long to leave a group alone that the app may not change. Only an admin can
	// change that.
	forbiddenWait = time.Hour
	// forbiddenPatience is how long such a group is tried before the request fails: an admin who
	// grants the right soon has nothing more to do, and one who does not sees the request among the
	// failed.
	forbiddenPatience = 24 * time.Hour
	// patience is how long, since the request came to its grants, a guest is looked for who is not
	// visible everywhere yet: several times what replication takes. minTries is how often at least, in
	// case nobody worked in the meantime.
	patience = 30 * time.Minute
	minTries = 3
	// shortWaits is how often, and shortWait how long, a step waits in place for a just-created guest:
	// mostly the directory needs a few seconds, and a partner is looking at the status page.
	shortWaits = 3
	shortWait  = 2 * time.Second
)

// grant adds the guest to the groups of the decision. The request was saved in state Granting
// before, which is the intent of all grants.
func (j *job) grant(ctx context.Context) (next, error) {
	r := &j.Request
	if left := j.held(); left > 0 {
		return j.wait(ctx, left, "grant-postponed", "the directory asked to come back later")
	}
	waited := 0
	forbidden := "" // a group that the app may not change, which must not keep the others waiting
	for i := range r.Grants {
		// Each attempt begins with another group: one that never answers would keep those behind it
		// waiting for ever.
		grant := &r.Grants[(i+r.Attempt)%len(r.Grants)]
		if grant.State != request.GrantPending {
			continue
		}
		err := j.addMember(ctx, grant)
		for problem.CodeOf(err) == request.DirectoryNotReplicated && waited < shortWaits {
			waited++
			err = j.config.Sleep(ctx, shortWait)
			if err != nil {
				return stop, fmt.Errorf("waiting for the guest to appear: %w", err)
			}
			err = j.addMember(ctx, grant)
		}
		if err == nil {
			continue
		}
		j.log.ErrorContext(ctx, "a group membership was not added",
			"group", grant.Group, "code", problem.CodeOf(err), "attempt", r.Attempt, "error", err)
		if isForbidden(err) && mayBeForbidden(grant, j.config.Now()) {
			forbidden = grant.Group + "; an admin must look at it" + ref(problem.From(err))
			continue
		}
		n, err := j.grantFailed(ctx, grant, err)
		if n != proceed || err != nil {
			return n, err
		}
	}
	if forbidden != "" {
		return j.wait(ctx, forbiddenWait, "forbidden", "the app may not add members to group "+forbidden)
	}
	return j.granted(ctx)
}

// isForbidden reports whether the app may not change the group.
func isForbidden(err error) bool {
	code := problem.CodeOf(err)
	return code == request.DirectoryGroupForbidden || code == request.DirectoryForbidden
}

// mayBeForbidden reports whether there is time left for an admin to let the app change the group. A
// time that a wrong clock wrote leaves none.
func mayBeForbidden(g *request.Grant, now time.Time) bool {
	if g.Forbidden.IsZero() {
		g.Forbidden = now.UTC()
	}
	return now.Sub(g.Forbidden).Abs() < forbiddenPatience
}

// addMember adds the guest to one group and marks the grant with what came of it.
func (j *job) addMember(ctx context.Context, grant *request.Grant) error {
	added, err := j.config.Directory.AddMember(ctx, grant.Group, j.Request.GuestID)
	if err != nil {
		return err
	}
	grant.Forbidden = time.Time{}
	grant.State = request.GrantPresent
	if added {
		grant.State = request.GrantAdded
	} else if j.resumed {
		grant.Note = "found present on a second look: an earlier attempt whose answer was lost may have added it"
	}
	return nil
}

// grantFailed records why one grant did not come about: it fails for good, or the request waits.
func (j *job) grantFailed(ctx context.Context, grant *request.Grant, cause error) (next, error) {
	failure := problem.From(cause)
	r := &j.Request
	fail := func(note string) (next, error) {
		grant.State, grant.Note = request.GrantFailed, note+ref(failure)
		return proceed, nil
	}
	switch failure.Code {
	case request.DirectoryRefused, request.DirectoryGroupClosed:
		return fail(failure.Detail)
	case request.DirectoryGroupForbidden, request.DirectoryForbidden:
		return fail("the app may not add members to this group")
	case request.DirectoryNotReplicated:
		if r.Attempt >= minTries && j.config.Now().Sub(r.Since) >= patience {
			return fail("the directory still did not know the guest when it was given up")
		}
		return j.wait(ctx, replicating.after(r.Attempt, failure.RetryAfter), "not-visible",
			"the directory does not know the guest everywhere yet")
	case request.DirectoryThrottled:
		return j.throttled(ctx, failure, "grant-postponed")
	case request.DirectoryUnavailable, request.DirectoryUnknown, request.DirectoryNoToken:
		if failure.Code == request.DirectoryUnknown {
			grant.Unknown++
		}
		if grant.Unknown > request.MaxUnknown {
			return fail("the directory gave no answer that could be understood, in several attempts")
		}
		return j.wait(ctx, down.after(r.Attempt, failure.RetryAfter), "grant-postponed",
			"the directory could not add the guest to group "+grant.Group+" now"+ref(failure))
	default:
		return stop, fmt.Errorf("adding the guest to group %s: %w", grant.Group, cause)
	}
}

// granted ends the request once every grant has its outcome.
func (j *job) granted(ctx context.Context) (next, error) {
	count := map[request.GrantState]int{}
	for _, grant := range j.Request.Grants {
		count[grant.State]++
	}
	added := fmt.Sprintf("%d memberships added", count[request.GrantAdded])
	if count[request.GrantAdded] == 1 {
		added = "1 membership added"
	}
	summary := fmt.Sprintf("%s, %d there before, %d refused", added, count[request.GrantPresent], count[request.GrantFailed])
	if count[request.GrantFailed] > 0 {
		return j.end(ctx, request.Failed, "granted", "the guest is invited, but not every group took the guest: "+summary)
	}
	return j.end(ctx, request.Done, "granted", summary)
}
