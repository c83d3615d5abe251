package workflow

import "log/slog"

// The messages of the log lines that operators rely on. They and the names of their fields are
// stable, since alerts match on them. A test holds the table in docs/operations.md to them.
const (
	LogUpkeep        = "upkeep done"               // if it does not come, nothing that waits goes on
	LogSwept         = "sweep done"                // with every page; if it does not come, nothing is erased or found overdue
	LogQueues        = "messages on queues"        // with every run of upkeep
	LogBreakerOpened = "breaker opened"            // the tenant takes no invitations; once each time
	LogBreakerClosed = "breaker closed"            // a probe went through, or an operator ordered it
	LogBudgetLow     = "daily budget nearly used"  // once a day, or again after a turn was given back
	LogBudgetSpent   = "daily budget used"         // likewise
	LogShareUsed     = "daily share used"          // likewise, for each domain and row
	LogFailed        = "request failed"            // a request came to state Failed
	LogPoisoned      = "message poisoned"          // a message failed too often, beside LogFailed
	LogKept          = "message kept"              // as a dead letter
	LogUnreadable    = "record unreadable"         // with every message that it holds up, and by the sweep
	LogOverdue       = "requests wait too long"    // once a round of the sweep for each state
	LogMailsStopped  = "mails stopped"             // the service takes no mails; once each time
	LogMailOwed      = "mail owed"                 // with each attempt once it is late, and when it will not be sent
	LogNoticeLost    = "notice given up"           // somebody who decides was not told for days, and is not any more
	LogOrderObeyed   = "order carried out"         // of an operator
	LogOrderIgnored  = "order ignored"             // it may be forged
	LogRemains       = "withdrawn guest remains"   // only an admin can remove the guest
	LogDegraded      = "permission missing"        // the app goes on without; once for each start
	LogStray         = "policy row matches nobody" // at once, then once an hour for each row
	LogUnchecked     = "policy rows not checked"   // the search for such rows failed
)

// LogLine describes a stable log line.
type LogLine struct {
	Message string
	Level   slog.Level
	Fields  []string // that it always has, beside time, level and message
}

// LogLines returns all stable log lines.
func LogLines() []LogLine {
	return []LogLine{
		{LogUpkeep, slog.LevelInfo, []string{"due"}},
		{LogSwept, slog.LevelInfo, []string{"erased"}},
		{LogQueues, slog.LevelInfo, []string{"signups", "poison"}},
		{LogBreakerOpened, slog.LevelError, []string{"request", "cause", "cure", "ref"}},
		{LogBreakerClosed, slog.LevelWarn, []string{"request", "cause", "by"}},
		{LogBudgetLow, slog.LevelWarn, []string{"sent", "daily"}},
		{LogBudgetSpent, slog.LevelWarn, []string{"sent", "daily"}},
		{LogShareUsed, slog.LevelWarn, []string{"request", "of", "name", "sent", "daily"}},
		{LogFailed, slog.LevelError, []string{"request", "what", "detail"}},
		{LogPoisoned, slog.LevelError, []string{"request", "message"}},
		{LogKept, slog.LevelError, []string{"message", "error"}},
		{LogUnreadable, slog.LevelError, []string{"request", "error"}},
		{LogOverdue, slog.LevelWarn, []string{"state", "requests", "oldest"}},
		{LogMailsStopped, slog.LevelError, []string{"request", "cause"}},
		{LogMailOwed, slog.LevelError, []string{"request", "kind", "since"}},
		{LogNoticeLost, slog.LevelWarn, []string{"request", "kind", "since"}},
		{LogOrderObeyed, slog.LevelWarn, []string{"order", "request", "person"}},
		{LogOrderIgnored, slog.LevelWarn, []string{"order", "request", "person", "why"}},
		{LogRemains, slog.LevelWarn, []string{"request", "guest"}},
		{LogDegraded, slog.LevelWarn, []string{"permission", "effect"}},
		{LogStray, slog.LevelError, []string{"rows", "key", "row", "review"}},
		{LogUnchecked, slog.LevelError, []string{"code", "error"}},
	}
}
