package workflow

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// forbiddenPatience is how long a group is tried that the app may not change: an admin who
	// grants the right soon has nothing more to do, and one who does not sees the request among the
	// failed.
	forbiddenPatience = 24 * time.Hour
	// silentPatience is how long a group is tried about which the directory gives no usable answer.
	silentPatience = 24 * time.Hour
	// patience is how long a guest or a group is looked for that is not visible everywhere yet:
	// several times what replication takes. minTries is how often at least, in case nobody worked
	// in the meantime.
	patience = 30 * time.Minute
	minTries = 3
	// shortWaits is how often, and shortWait how long, a step waits in place for a just-created
	// guest: mostly the directory needs a few seconds, and a partner is looking at the status page.
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
	n, err := j.confirmGuest(ctx)
	if n != proceed || err != nil {
		return n, err
	}
	waited := 0
	var forbidden *request.Grant // of a group that the app may not change; the others need not wait
	for i := range r.Grants {
		// Each attempt begins with another group: one that never answers would keep those behind it
		// waiting for ever.
		grant := &r.Grants[(i+r.Attempt)%len(r.Grants)]
		if grant.State != request.GrantPending {
			continue
		}
		if left := j.groups.left(grant.Group, j.config.Now()); left > 0 {
			return j.wait(ctx, left, "grant-postponed", "the directory asked to come back later with the group")
		}
		err := j.addMember(ctx, grant)
		for soon(err) && waited < shortWaits {
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
		n, err := j.grantFailed(ctx, grant, err)
		switch {
		case err != nil:
			return stop, err
		case n == again:
			forbidden = grant
		case n != proceed:
			return n, nil
		}
	}
	if forbidden != nil {
		return j.wait(ctx, unlocking.after(r.Attempt, 0), "forbidden",
			"the app may not add members to group "+forbidden.Group+"; an admin must look at it: "+
				forbidden.Note)
	}
	return j.granted(ctx)
}

// soon reports whether the membership may be added within seconds.
func soon(err error) bool {
	code := problem.CodeOf(err)
	return code == request.DirectoryNotReplicated || code == request.DirectoryUnknown
}

// lasted reports whether something has been so for long enough to give up. since is when it began,
// and is set if it begins now. A time that a wrong clock wrote leaves no time.
func lasted(since *time.Time, now time.Time, enough time.Duration) bool {
	if since.IsZero() {
		*since = now.UTC()
	}
	return now.Sub(*since).Abs() >= enough
}

// addMember adds the guest to one group and marks the grant with what came of it.
func (j *job) addMember(ctx context.Context, grant *request.Grant) error {
	added, err := j.config.Directory.AddMember(ctx, grant.Group, j.Request.GuestID)
	if err != nil {
		return err
	}
	*grant = request.Grant{Group: grant.Group, State: request.GrantPresent}
	if added {
		grant.State = request.GrantAdded
	} else if j.resumed || j.known {
		grant.Note = "found present on a second look: " +
			"an earlier attempt whose answer was lost may have added it"
	}
	return nil
}

// grantFailed records why one grant did not come about: it fails for good, or it is put off. The
// next says proceed if the grant has its outcome, stop if the request waits, and again if the
// request has to wait for this group, and the others need not.
func (j *job) grantFailed(ctx context.Context, grant *request.Grant, cause error) (next, error) {
	failure := problem.From(cause)
	r, now := &j.Request, j.config.Now()
	words := failure.Detail + ref(failure)
	fail := func(why string) (next, error) {
		grant.State, grant.Note = request.GrantFailed, why
		return proceed, nil
	}
	if failure.Code != request.DirectoryNotReplicated {
		grant.Missing = time.Time{}
	}
	silent := func() bool {
		return lasted(&grant.Silent, now, silentPatience) && r.Attempt > request.MaxTries
	}
	switch failure.Code {
	case request.DirectoryRefused, request.DirectoryGroupClosed:
		return fail(words)
	case request.DirectoryGroupForbidden, request.DirectoryForbidden:
		if lasted(&grant.Forbidden, now, forbiddenPatience) {
			return fail(words)
		}
		grant.Note = words
		return again, nil
	case request.DirectoryNotReplicated:
		if lasted(&grant.Missing, now, patience) && r.Attempt >= minTries {
			return fail(j.whatIsMissing(ctx, grant.Group) + ": " + words)
		}
		return j.wait(ctx, replicating.after(r.Attempt, failure.RetryAfter), "not-visible",
			"the directory does not know the guest or the group everywhere yet")
	case request.DirectoryThrottled:
		if silent() {
			return fail("the directory asked to come back later for too long: " + words)
		}
		j.groups.throttled(grant.Group, now, failure.RetryAfter)
		return j.throttled(ctx, failure, "grant-postponed")
	case request.DirectoryUnavailable, request.DirectoryUnknown, request.DirectoryNoToken:
		everybodys, err := j.everybodys(ctx, failure)
		if err != nil {
			return stop, err
		}
		if failure.Code == request.DirectoryUnknown && !everybodys {
			grant.Unknown++
		}
		if silent() || grant.Unknown > request.MaxUnknown {
			return fail("the directory gave no usable answer in several attempts: " + words)
		}
		d := down
		if everybodys {
			d = alone
		}
		return j.wait(ctx, d.after(r.Attempt, failure.RetryAfter), "grant-postponed",
			"the directory could not add the guest to group "+grant.Group+" now: "+words)
	default:
		return stop, fmt.Errorf("adding the guest to group %s: %w", grant.Group, cause)
	}
}

// whatIsMissing says which of the two the directory does not know, the group or the guest.
func (j *job) whatIsMissing(ctx context.Context, group string) string {
	_, err := j.config.Directory.Group(ctx, group)
	switch problem.CodeOf(err) {
	case "":
		return "the directory still did not know the guest when it was given up"
	case problem.NotFound:
		return "the group does not exist, so name another one in the row"
	default:
		j.log.WarnContext(ctx, "the group could not be read", "group", group, "error", err)
		return "the directory does not know the guest or the group"
	}
}

// granted ends the request once every grant has its outcome.
func (j *job) granted(ctx context.Context) (next, error) {
	count := map[request.GrantState]int{}
	why := ""
	for _, grant := range j.Request.Grants {
		count[grant.State]++
		if grant.State == request.GrantFailed {
			why = cmp.Or(why, "; group "+grant.Group+": "+grant.Note)
		}
	}
	added := fmt.Sprintf("%d memberships added", count[request.GrantAdded])
	if count[request.GrantAdded] == 1 {
		added = "1 membership added"
	}
	summary := fmt.Sprintf("%s, %d there before, %d refused",
		added, count[request.GrantPresent], count[request.GrantFailed])
	if count[request.GrantFailed] > 0 {
		return j.end(ctx, request.Failed, "granted",
			"the guest is invited, but not every group took the guest: "+summary+why)
	}
	return j.end(ctx, request.Done, "granted", summary)
}
