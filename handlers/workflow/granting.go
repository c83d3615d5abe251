package workflow

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// forbiddenWait is how long to leave a group alone that the app may not change. Only an admin can change that.
const forbiddenWait = time.Hour

// forbiddenPatience is for how long such a group is tried before the request fails, so that an admin who mends it soon has nothing more to do, and
// one who does not sees it among the failed.
const forbiddenPatience = 24 * time.Hour

const (
	// patience is how long, since the request came to its grants, a guest is looked for whom the directory does not know everywhere yet: several times
	// what replication takes. minTries is how often at least, in case nobody worked in the meantime.
	patience = 30 * time.Minute
	minTries = 3
	// shortWaits is how often, and shortWait how long, a step waits in place for a just-created guest before it leaves the wait to the store:
	// mostly the directory needs a few seconds, and a partner is looking at the status page.
	shortWaits = 3
	shortWait  = 2 * time.Second
)

// grant adds the guest to the groups of the decision. The request was saved in state Granting before, which is the intent of all grants.
func (w *work) grant(ctx context.Context) (bool, error) {
	r := &w.Request
	if left := w.held(); left > 0 {
		return w.wait(ctx, left, "grant-postponed", "the directory asked to come back later")
	}
	waited := 0
	forbidden := "" // a group that the app may not change, which need not keep the others waiting
	for i := range r.Grants {
		// Each attempt begins with another group: one whose answer stays away would keep those behind it waiting for ever.
		grant := &r.Grants[(i+r.Attempt)%len(r.Grants)]
		if grant.State != request.GrantPending {
			continue
		}
		err := w.addMember(ctx, grant)
		for problem.CodeOf(err) == request.DirectoryNotReplicated && waited < shortWaits {
			waited++
			err = w.config.Sleep(ctx, shortWait)
			if err != nil {
				return false, fmt.Errorf("waiting for the guest to appear: %w", err)
			}
			err = w.addMember(ctx, grant)
		}
		switch code := problem.CodeOf(err); {
		case err == nil:
		case (code == request.DirectoryGroupForbidden || code == request.DirectoryForbidden) && mayBeForbidden(grant, w.config.Now()):
			w.grantLog(ctx, grant, err)
			forbidden = grant.Group + "; an admin must look at it" + ref(problem.From(err))
		default:
			waiting, err := w.grantFailed(ctx, grant, err)
			if waiting || err != nil {
				return false, err
			}
		}
	}
	if forbidden != "" {
		return w.wait(ctx, forbiddenWait, "forbidden", "the app may not add members to group "+forbidden)
	}
	return w.granted(ctx)
}

// mayBeForbidden reports whether there is time left for an admin to let the app change the group. A time that a wrong clock wrote leaves none.
func mayBeForbidden(g *request.Grant, now time.Time) bool {
	if g.Forbidden.IsZero() {
		g.Forbidden = now.UTC()
	}
	return now.Sub(g.Forbidden).Abs() < forbiddenPatience
}

func (w *work) grantLog(ctx context.Context, grant *request.Grant, cause error) {
	w.log.ErrorContext(ctx, "a group membership was not added", "group", grant.Group, "code", problem.CodeOf(cause), "attempt", w.Request.Attempt, "error", cause)
}

// addMember adds the guest to one group and marks the grant with what came of it.
func (w *work) addMember(ctx context.Context, grant *request.Grant) error {
	added, err := w.config.Directory.AddMember(ctx, grant.Group, w.Request.GuestID)
	if err != nil {
		return err
	}
	grant.Forbidden = time.Time{}
	switch {
	case added:
		grant.State = request.GrantAdded
	default:
		grant.State = request.GrantPresent
		if w.resumed {
			grant.Note = "found present on a second look: an earlier attempt whose answer was lost may have added it"
		}
	}
	return nil
}

// grantFailed records why one grant did not come about. It reports whether the request now waits.
func (w *work) grantFailed(ctx context.Context, grant *request.Grant, cause error) (waiting bool, err error) {
	failure := problem.From(cause)
	r := &w.Request
	w.grantLog(ctx, grant, cause)
	switch failure.Code {
	case request.DirectoryRefused:
		grant.State = request.GrantFailed
		grant.Note = failure.Detail + ref(failure)
		return false, nil
	case request.DirectoryNotReplicated:
		if r.Attempt >= minTries && w.config.Now().Sub(r.Since) >= patience {
			grant.State = request.GrantFailed
			grant.Note = "the directory still did not know the guest when it was given up" + ref(failure)
			return false, nil
		}
		_, err = w.wait(ctx, replicating.after(r.Attempt, failure.RetryAfter), "not-visible", "the directory does not know the guest everywhere yet")
		return true, err
	case request.DirectoryGroupForbidden, request.DirectoryForbidden:
		grant.State = request.GrantFailed
		grant.Note = "the app may not add members to this group" + ref(failure)
		return false, nil
	case request.DirectoryThrottled:
		_, err = w.throttled(ctx, failure, "grant-postponed")
		return true, err
	case request.DirectoryUnavailable, request.DirectoryUnknown:
		if failure.Code == request.DirectoryUnknown {
			grant.Unknown++
		}
		if grant.Unknown > maxUnknown {
			grant.State = request.GrantFailed
			grant.Note = "the directory gave no answer that could be understood, in several attempts" + ref(failure)
			return false, nil
		}
		_, err = w.wait(ctx, down.after(r.Attempt, failure.RetryAfter), "grant-postponed", "the directory could not add the guest to group "+grant.Group+" now"+ref(failure))
		return true, err
	default:
		return false, fmt.Errorf("adding the guest to group %s: %w", grant.Group, cause)
	}
}

// granted ends the request once every grant has its outcome.
func (w *work) granted(ctx context.Context) (bool, error) {
	var added, present, failed int
	for _, grant := range w.Request.Grants {
		switch grant.State {
		case request.GrantAdded:
			added++
		case request.GrantPresent:
			present++
		default:
			failed++
		}
	}
	memberships := " memberships"
	if added == 1 {
		memberships = " membership"
	}
	summary := strconv.Itoa(added) + memberships + " added, " + strconv.Itoa(present) + " there before, " + strconv.Itoa(failed) + " refused"
	if failed > 0 {
		w.transition(request.Failed, "granted", "the guest is invited, but not every group took the guest: "+summary)
	} else {
		w.transition(request.Done, "granted", summary)
	}
	return w.finish(ctx)
}
