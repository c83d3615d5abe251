package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/azure/tables"
	"guestlist/handlers/problem"
	"guestlist/handlers/settings"
)

// reportEvery is how often the app saves its report: a token keeps its permissions for longer.
const reportEvery = time.Hour

// reportTimeout is how long saving may take: it must not hold up the work.
const reportTimeout = 10 * time.Second

// A reporter saves what only the app knows: its token's permissions and some settings.
type reporter struct {
	store      *tables.Store
	credential azcore.TokenCredential // nil where there is no token
	settings   settings.Settings
	now        func() time.Time
	log        *slog.Logger

	next atomic.Int64 // when the report is due again, in nanoseconds
}

// save saves the report if it is due. After a failure it is due again at the next call.
func (r *reporter) save(ctx context.Context) {
	now := r.now()
	if now.UnixNano() < r.next.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	report := tables.AppReport{
		At: now, Daily: r.settings.DailyInvitations, Spacing: r.settings.InvitationSpacing, Retention: r.settings.Retention,
		Why: "towards a stand-in there is no token",
	}
	if r.credential != nil {
		var err error
		report.Why = ""
		report.Roles, err = graph.Roles(ctx, r.credential, r.settings.GraphURL)
		if err != nil {
			report.Why = err.Error()
		}
	}
	err := r.store.SaveReport(ctx, report)
	if err != nil {
		r.log.WarnContext(ctx, "the app could not save its report", "code", problem.CodeOf(err), "error", err)
		return
	}
	r.next.Store(now.Add(reportEvery).UnixNano())
}
