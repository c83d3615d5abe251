package request

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// readTries is how often the policy rows are read anew because they changed meanwhile.
const readTries = 3

// Decider asks policy for a decision. It reads what policy needs and writes nothing. The worker and
// the command line use the same Decider, so they can't disagree.
type Decider struct {
	Rows Rows
	// Strays tells of the rows that no look-up of Rows finds; nil if there are none.
	Strays StrayRows
	// Seats tells how full rows with limits are. Without it such a row leads to review.
	Seats Seats
	// Parse reads a row; nil is policy.Parse. A policy.Cache compiles conditions once.
	Parse func(policy.Raw) policy.Row
}

// FreeSeats are seats of which none is taken, for a Decider. It takes none itself.
type FreeSeats struct{ Seats }

// Used implements [Seats].
func (FreeSeats) Used(context.Context, policy.RowKey, string) (policy.Used, error) {
	return policy.Used{}, nil
}

// StrayRows returns the strays among all policy rows as of now, as [policy.Strays] does. After an
// error no decision can be made.
type StrayRows interface {
	StrayRows(ctx context.Context, now time.Time) ([]policy.Raw, error)
}

// Decide lets policy decide on the submission as of now.
//
// A decision to invite is that of the rows as they were at one moment, and costs a second look at
// those of the deciding partition and the more specific ones.
//
// The error means that not all rows could be read, so there is no decision. Counters that can't be
// read are not an error: policy decides about a row whose seats are unknown.
func (d Decider) Decide(ctx context.Context, s submission.Submission, now time.Time) (policy.Decision, error) {
	return d.DecideUnless(ctx, s, now, func(policy.Decision) bool { return false })
}

// DecideUnless is like Decide, but does without the second look if nothing but preliminary follows
// from the decision: then policy is to be asked again before anybody is invited.
func (d Decider) DecideUnless(ctx context.Context, s submission.Submission, now time.Time,
	preliminary func(policy.Decision) bool,
) (policy.Decision, error) {
	// The strays come first: when one is corrected meanwhile, it is gone from their list only after
	// the right row was written.
	var strays []policy.Raw
	if d.Strays != nil {
		var err error
		strays, err = d.Strays.StrayRows(ctx, now)
		if err != nil {
			return policy.Decision{}, fmt.Errorf("reading policy rows: %w", err)
		}
	}
	partitions := policy.Partitions(s.Email)
	for range readTries {
		raws, err := d.Rows.Rows(ctx, partitions)
		if err != nil {
			return policy.Decision{}, fmt.Errorf("reading policy rows: %w", err)
		}
		decision, err := d.decideBy(ctx, s, slices.Concat(raws, strays), now)
		if err != nil {
			return policy.Decision{}, err
		}
		if preliminary(decision) {
			return decision, nil
		}
		whole, err := d.ofOneMoment(ctx, partitions, raws, decision)
		if err != nil {
			return policy.Decision{}, err
		}
		if whole {
			return decision, nil
		}
	}
	return policy.Decision{}, problem.New(problem.StorageUnavailable,
		"the policy rows changed each time while they were read")
}

// ofOneMoment reports whether the rows that an invitation depends on were there at one moment.
// Partitions are read one by one. If a row that denies is written, and then one that invites
// everybody, a reader may see the second and not the first. Rows that are the same when they are
// read again, by their ETags, were there together in between.
func (d Decider) ofOneMoment(
	ctx context.Context, partitions []string, raws []policy.Raw, decision policy.Decision,
) (bool, error) {
	if decision.Action != policy.Invite || decision.Row == nil {
		return true, nil
	}
	needed := partitions[:slices.Index(partitions, decision.Row.Partition)+1]
	if len(needed) == 1 {
		return true, nil // one partition is read at once
	}
	again, err := d.Rows.Rows(ctx, needed)
	if err != nil {
		return false, fmt.Errorf("reading policy rows again: %w", err)
	}
	versions := func(rows []policy.Raw) map[policy.RowKey]string {
		versions := map[policy.RowKey]string{}
		for _, row := range rows {
			if slices.Contains(needed, row.Partition) {
				versions[row.Key()] = row.ETag
			}
		}
		return versions
	}
	return maps.Equal(versions(raws), versions(again)), nil
}

// decideBy lets policy decide by the rows.
func (d Decider) decideBy(
	ctx context.Context, s submission.Submission, raws []policy.Raw, now time.Time,
) (policy.Decision, error) {
	parse := d.Parse
	if parse == nil {
		parse = policy.Parse
	}
	rows := make([]policy.Row, 0, len(raws))
	for _, raw := range raws {
		rows = append(rows, parse(raw))
	}
	usage, err := d.usage(ctx, policy.Limited(rows, s), now)
	if err != nil {
		return policy.Decision{}, err
	}
	return policy.Decide(s, rows, usage, now), nil
}

// usage reads the counters of the rows. A passing failure is an error, so that it is tried again.
func (d Decider) usage(ctx context.Context, keys []policy.RowKey, now time.Time) (policy.Usage, error) {
	usage := policy.Usage{}
	if d.Seats == nil {
		return usage, nil
	}
	for _, key := range keys {
		used, err := d.Seats.Used(ctx, key, policy.Day(now))
		switch {
		case err == nil:
			usage[key] = used
		case Retryable(problem.CodeOf(err)):
			return nil, fmt.Errorf("reading the seats of a policy row: %w", err)
		}
	}
	return usage, nil
}
