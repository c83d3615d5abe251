package workflow

import "time"

// schedule is how long to wait after each failed attempt for a passing reason; the last entry goes
// on. Config.Jitter is added to it.
type schedule []time.Duration

var (
	// replicating is for a just-created guest: it becomes visible within seconds to minutes.
	replicating = schedule{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
	// busy is for a directory that throttles without saying for how long: most of its limits count
	// over ten seconds, the longest over two and a half minutes.
	busy = schedule{10 * time.Second, 30 * time.Second, 150 * time.Second, 5 * time.Minute, 15 * time.Minute}
	// down is for a directory, or a table, that gives no usable answer.
	down = schedule{5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute}
	// unlocking is for a group that the app may not change: mostly only an admin can change that.
	unlocking = schedule{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
	// troubled is for a request whose message failed as often as the host tries one, which takes
	// some minutes: the tables are gone, or the process is killed again and again.
	troubled = schedule{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
	// redeeming is for the redeem URL of a guest: each attempt counts as an invitation.
	redeeming = schedule{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour}
	// failingMails is for a mail service that takes no mails, while one after another tries it.
	// Each may ask the directory for a redeem URL, which counts as an invitation.
	failingMails = schedule{
		time.Minute, 5 * time.Minute, 15 * time.Minute, 15 * time.Minute, 15 * time.Minute, 15 * time.Minute, time.Hour,
	}
	// repeatingMail is for a mail that the mail service says it has not taken, although it may
	// have: at once after the lease, then so that few mails outlast an outage of hours.
	repeatingMail = schedule{0, time.Hour, 2 * time.Hour}
	// alone is for a request that meets what should concern the whole tenant, as long as no other
	// does, and for questions about a known guest when it does.
	alone = schedule{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
	// repeating is for an invitation after each mail of a day whose answer was lost: at once when
	// the directory shows no guest, then when it should show one for certain, then so that few
	// mails outlast an outage of hours.
	repeating = schedule{0, patience, 4 * time.Hour}
	// queuing is for a request whose address another one is inviting right now.
	queuing = schedule{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
)

// longestWait is the last entry of the schedule for a directory that gives no usable answer.
var longestWait = down[len(down)-1]

// longestPause is the longest time for which the directory is left alone because it asks for that,
// many times the longest period over which it counts. After that it is asked once more, and can say
// so again. So no single answer, which may be that of something in between, stops anybody for a
// day.
const longestPause = time.Hour

// after returns how long to wait after attempt (counted from 0), never less than what the other
// side asked for, up to longestPause.
func (s schedule) after(attempt int, asked time.Duration) time.Duration {
	return max(s[min(attempt, len(s)-1)], min(asked, longestPause))
}
