package workflow

import "log/slog"

// The messages of the lines in the log that an operator lives by. They and the names of their fields are stable: alerts match on them,
// docs/operations.md says what to do about each, and a test holds the two together.
const (
	// LineUpkeep says that upkeep has run; where it stays away for long, nothing that waits goes on.
	LineUpkeep = "upkeep done"
	// LineBreakerOpened says that the tenant takes no invitations. It comes once for each time.
	LineBreakerOpened = "breaker opened"
	// LineBreakerClosed says that a probe went through.
	LineBreakerClosed = "breaker closed"
	// LineBudgetLow says that most of the day's invitations are sent. It comes once a day.
	LineBudgetLow = "daily budget nearly used"
	// LineBudgetSpent says that all of the day's invitations are sent. It comes once a day.
	LineBudgetSpent = "daily budget used"
	// LineFailed says that a request ended in state Failed.
	LineFailed = "request failed"
	// LinePoisoned says that a message of ours failed too often, beside LineFailed for its request.
	LinePoisoned = "message poisoned"
	// LineKept says that a message that is none of ours was kept.
	LineKept = "message kept"
	// LineOverdue says that requests stand in one state longer than they should. It comes once an hour for each such state.
	LineOverdue = "requests wait too long"
	// LineRemains says that a request was withdrawn whose guest exists: only an admin can remove it.
	LineRemains = "withdrawn guest remains"
	// LineDegraded says that the app lacks a permission without which it goes on. It comes once for each start of the program.
	LineDegraded = "permission missing"
)

// Line describes a line of the log that is stable.
type Line struct {
	Message string
	Level   slog.Level
	// Fields are the names of the fields that it always has, beside time, level and message.
	Fields []string
}

// Lines returns every stable line.
func Lines() []Line {
	return []Line{
		{LineUpkeep, slog.LevelInfo, []string{"due", "erased"}},
		{LineBreakerOpened, slog.LevelError, []string{"request", "cause", "ref"}},
		{LineBreakerClosed, slog.LevelWarn, []string{"request", "cause", "by"}},
		{LineBudgetLow, slog.LevelWarn, []string{"sent", "daily"}},
		{LineBudgetSpent, slog.LevelWarn, []string{"sent", "daily"}},
		{LineFailed, slog.LevelError, []string{"request", "what", "detail"}},
		{LinePoisoned, slog.LevelError, []string{"request", "message"}},
		{LineKept, slog.LevelError, []string{"message", "error"}},
		{LineOverdue, slog.LevelWarn, []string{"state", "requests", "oldest"}},
		{LineRemains, slog.LevelWarn, []string{"request", "guest"}},
		{LineDegraded, slog.LevelWarn, []string{"permission", "effect"}},
	}
}
