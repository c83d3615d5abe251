package workflow

import "log/slog"

// The messages of the lines in the log that an operator lives by. They and the names of their
// fields are stable: alerts match on them, docs/operations.md says what to do about each, and a
// test holds the two together.
const (
	// LogUpkeep says that upkeep has run; where it stays away for long, nothing that waits goes on.
	LogUpkeep = "upkeep done"
	// LogBreakerOpened says that the tenant takes no invitations. It comes once for each time.
	LogBreakerOpened = "breaker opened"
	// LogBreakerClosed says that a probe went through.
	LogBreakerClosed = "breaker closed"
	// LogBudgetLow says that most of the day's invitations are sent. It comes once a day.
	LogBudgetLow = "daily budget nearly used"
	// LogBudgetSpent says that all of the day's invitations are sent. It comes once a day.
	LogBudgetSpent = "daily budget used"
	// LogFailed says that a request ended in state Failed.
	LogFailed = "request failed"
	// LogPoisoned says that a message of ours failed too often, beside LogFailed for its request.
	LogPoisoned = "message poisoned"
	// LogKept says that a message that is none of ours was kept.
	LogKept = "message kept"
	// LogOverdue says that requests stand in one state longer than they should. It comes once an hour
	// for each such state.
	LogOverdue = "requests wait too long"
	// LogRemains says that a request was withdrawn whose guest exists: only an admin can remove it.
	LogRemains = "withdrawn guest remains"
	// LogDegraded says that the app lacks a permission without which it goes on. It comes once for
	// each start of the program.
	LogDegraded = "permission missing"
)

// LogLine describes a line of the log that is stable.
type LogLine struct {
	Message string
	Level   slog.Level
	// Fields are the names of the fields that it always has, beside time, level and message.
	Fields []string
}

// LogLines returns every stable line.
func LogLines() []LogLine {
	return []LogLine{
		{LogUpkeep, slog.LevelInfo, []string{"due", "erased"}},
		{LogBreakerOpened, slog.LevelError, []string{"request", "cause", "ref"}},
		{LogBreakerClosed, slog.LevelWarn, []string{"request", "cause", "by"}},
		{LogBudgetLow, slog.LevelWarn, []string{"sent", "daily"}},
		{LogBudgetSpent, slog.LevelWarn, []string{"sent", "daily"}},
		{LogFailed, slog.LevelError, []string{"request", "what", "detail"}},
		{LogPoisoned, slog.LevelError, []string{"request", "message"}},
		{LogKept, slog.LevelError, []string{"message", "error"}},
		{LogOverdue, slog.LevelWarn, []string{"state", "requests", "oldest"}},
		{LogRemains, slog.LevelWarn, []string{"request", "guest"}},
		{LogDegraded, slog.LevelWarn, []string{"permission", "effect"}},
	}
}
