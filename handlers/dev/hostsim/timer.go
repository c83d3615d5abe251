package hostsim

import (
	"time"

	"github.com/robfig/cron/v3"
)

// runTimer runs a timer function on its schedule, one run after the other.
func (h *Host) runTimer(f *function) {
	var status timerStatus
	run := func(pastDue bool) {
		h.log.Debug("the timer fires", "function", f.name)
		start := h.now()
		r, err := h.invoke(f, timerEnvelope(f, status, pastDue, start))
		if err == nil {
			_ = h.bind(f, r)
		}
		status = timerStatus{Last: start.UTC(), Next: next(f.schedule, h.now()), LastUpdated: start.UTC()}
	}
	if f.trigger.runOnStartup {
		run(false)
	}
	for {
		// Ticks that were due during the last run are skipped.
		due := next(f.schedule, h.now())
		if due.IsZero() {
			h.log.Warn("the timer has no next time", "function", f.name)
			return
		}
		for now := h.now(); now.Before(due); now = h.now() {
			timer := time.NewTimer(due.Sub(now))
			select {
			case <-timer.C:
			case <-h.accepting.Done():
				timer.Stop()
				return
			}
		}
		run(false)
	}
}

// next returns the schedule's first time after now in UTC, or zero if there is none in the next
// years.
//
// If both the day of the month and the day of the week are restricted, cron fires when one of
// them matches, and the Functions host when both do.
func next(schedule *cron.SpecSchedule, now time.Time) time.Time {
	at := schedule.Next(now.UTC())
	for !at.IsZero() {
		if schedule.Dom&(1<<at.Day()) != 0 && schedule.Dow&(1<<int(at.Weekday())) != 0 {
			return at
		}
		at = schedule.Next(at)
	}
	return at
}
