package request

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

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

// StrayRows returns the strays among all policy rows as of now, as [policy.Strays] does. After an
// error no decision can be made.
type StrayRows interface {
	StrayRows(ctx context.Context, now time.Time) ([]policy.Raw, error)
}

// Decide lets policy decide on the submission as of now.
//
// The error means that not all rows could be read, so there is no decision. Counters that can't be
// read are not an error: policy decides about a row whose seats are unknown.
func (d Decider) Decide(ctx context.Context, s submission.Submission, now time.Time) (policy.Decision, error) {
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
	raws, err := d.Rows.Rows(ctx, policy.Partitions(s.Email))
	if err != nil {
		return policy.Decision{}, fmt.Errorf("reading policy rows: %w", err)
	}
	raws = append(raws, strays...)
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
