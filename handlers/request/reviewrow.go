package request

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/policy"
)

// ReviewRow is what the policy row that sent a request to people says at this moment.
type ReviewRow struct {
	// Row is nil if no row has decided, or it is gone.
	Row *policy.Row
	// Terms are what an approval gives: those of Row, and without one those of a guest without
	// groups.
	Terms policy.Terms
	// Rules say who decides and by when: those of Row, and those that were read last if it is gone
	// or withdrawn.
	Rules policy.ReviewRules
	// Withdrawn says why nobody can be let in by the row, as the rest of a sentence that begins
	// with "the row"; "" if a person can let the partner in.
	Withdrawn string
}

// TermsMark names what an approval on the terms gives: the groups, the sponsors and the type of the
// account, in whatever order. What the mail says does not matter.
func TermsMark(terms policy.Terms) string {
	return markOf(terms.UserType, " ", slices.Sorted(slices.Values(terms.Groups)), " ",
		slices.Sorted(slices.Values(terms.Sponsors)))
}

// ReadReviewRow returns what the policy row of a request that has a review says at now. parse is
// [policy.Parse], or does the same. The error is that of rows: then nothing is known.
func ReadReviewRow(
	ctx context.Context, rows Rows, parse func(policy.Raw) policy.Row, r Request, now time.Time,
) (ReviewRow, error) {
	found := ReviewRow{Terms: policy.Terms{UserType: "Guest"}, Rules: r.Reviewing.Rules}
	if r.Decision == nil || r.Decision.Row == nil {
		return found, nil
	}
	key := policy.RowKey{Partition: r.Decision.Row.Partition, Name: r.Decision.Row.Name}
	raws, err := rows.Rows(ctx, []string{key.Partition})
	if err != nil {
		return ReviewRow{}, fmt.Errorf("reading the policy row of a review: %w", err)
	}
	i := slices.IndexFunc(raws, func(raw policy.Raw) bool { return raw.Key() == key })
	if i < 0 {
		found.Withdrawn = "is gone"
		return found, nil
	}
	row := parse(raws[i])
	found.Row, found.Withdrawn = &row, row.Withdrawn(now)
	found.Terms = row.Terms
	found.Terms.Groups, found.Terms.Sponsors = slices.Clone(row.Terms.Groups), slices.Clone(row.Terms.Sponsors)
	if found.Withdrawn == "" {
		found.Rules = row.Rules()
	}
	return found, nil
}
