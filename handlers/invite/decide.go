package invite

import (
	"context"
	"fmt"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// Decide reads the rows that can decide on the submission, and lets policy decide as of now. Nothing is written, so it also answers what would
// become of a submission that nobody made.
//
// The error is that of rows, wrapped: not all could be read, and there is no decision.
func Decide(ctx context.Context, rows Rows, s submission.Submission, now time.Time) (policy.Decision, error) {
	raws, err := rows.Rows(ctx, policy.Partitions(s.Email))
	if err != nil {
		return policy.Decision{}, fmt.Errorf("reading policy rows: %w", err)
	}
	parsed := make([]policy.Row, 0, len(raws))
	for _, raw := range raws {
		parsed = append(parsed, policy.Parse(raw))
	}
	return policy.Decide(s, parsed, nil, now), nil
}
