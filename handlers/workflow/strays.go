package workflow

import (
	"context"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	// strayTimeout limits a search for strays: due requests must not wait for it.
	strayTimeout = 15 * time.Second
	// strayLines is how many strays are logged at once.
	strayLines = 20
	// strayEvery is how often strays are logged that stay the same.
	strayEvery = time.Hour
)

// findStrays looks for policy rows that no look-up finds, so that they count from now on, and logs
// them. It logs a failure, and that decisions can't rely on the list, because the rounds of
// searches take too long. After a failure the earlier list counts as long as it is
// [request.Strays.Fresh].
func (w *Worker) findStrays(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, strayTimeout)
	defer cancel()
	now := w.config.Now()
	log := func(before, after request.Strays) bool { return w.logStrays(ctx, before, after, now) }
	strays, err := request.StrayFinder{Store: w.config.Strays}.Search(limited, now, log)
	if err == nil && !strays.Fresh(now) {
		err = strays.NotFresh()
	}
	if err != nil {
		w.config.Log.ErrorContext(ctx, LogUnchecked, "code", problem.CodeOf(err), "error", err)
	}
}

// logStrays logs the strays if there are others than before, or once an hour. It reports whether it
// did.
func (w *Worker) logStrays(ctx context.Context, before, after request.Strays, now time.Time) bool {
	strays := after.All()
	same := request.SameRows(before.All(), strays)
	if len(strays) == 0 || same && now.Sub(before.LoggedAt).Abs() < strayEvery {
		return false
	}
	for _, raw := range strays[:min(strayLines, len(strays))] {
		row := policy.Parse(raw)
		w.config.Log.ErrorContext(ctx, LogStray, "rows", len(strays),
			"key", policy.QuoteKey(raw.Partition), "row", policy.QuoteName(raw.Name),
			"review", strings.Join(row.ForShown(), " "))
	}
	return true
}
