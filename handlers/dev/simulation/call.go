package simulation

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// killed is the panic of a call whose process ends.
type killed struct{}

// A fate is what becomes of the operation that a call is about to make.
type fate uint8

const (
	proceed   fate = iota
	refused        // it fails, and nothing happened
	lost           // it happens, and the answer is an error
	doubtful       // it happens, and the client's own second attempt, which finds that, is answered
	straggles      // the answer is an error now, and it happens later
	slow           // it takes its time
)

var fateNames = [...]string{
	"", ": fails", ": answer lost", ": done, second attempt answered", ": fails, and arrives later",
	": slow",
}

// An instance is a process: of the handler, or of an admin's command.
type instance struct {
	number   int
	admin    bool
	offset   time.Duration      // by which its clock is ahead
	worker   *workflow.Worker   // nil for an admin, like pressure
	pressure *workflow.Pressure // where the worker hears of the directory's limits
	// mails says that the worker sends mails of the app's own, and byDefault that it asks for a
	// proof unless the row says otherwise.
	mails, byDefault bool
}

func (i *instance) String() string {
	if i.admin {
		return "admin"
	}
	return fmt.Sprintf("instance %d", i.number)
}

// A call is one run of a function in an instance. It is about to make an operation, or sleeps
// until wake, or is over.
type call struct {
	number  int
	on      *instance
	name    string
	started time.Time
	rank    int // with profile.byRank, the highest goes first
	about   submission.ID

	routine *routine
	begun   bool // its body runs
	ends    bool // its process ends: it must not go on

	op     string    // the operation that it is about to make
	effect func()    // of the operation, should it arrive after the call's end
	wake   time.Time // not before
	fate   fate
	delay  time.Duration // of a slow operation

	mails, byDefault bool // of its process when it began; a late write comes when another runs

	result error
	panics string
	over   bool // it has returned: result is valid

	done func(result error) // what the host does with the result
	dies func()             // what the host does when the process ends

	// For the laws. begunAt, goneAt and lookedAt are numbers of happenings.
	begunAt, goneAt int
	certain         bool               // the call has succeeded after what the directory answered
	inviting        submission.Address // while an invitation is on its way
	admitted        int                // admissions by the gate that are not used yet
	turn            time.Time          // the last admission must not be used before
	probing         bool               // the last admission was that of a probe
	gate            request.Gate       // as last read
	gateFailed      bool               // the gate could not be reached last, and may not know what the call does
	lookedAt        int                // when it last searched for the user of its address
	lookedTime      time.Time          // the time of that
	blind           bool               // that search showed no guest
	deferred        time.Time          // when the directory, which throttled it, may be called again
	// tenantWide is the tenant's error for every request; the breaker had been closed closingsThen
	// times.
	tenantWide   problem.Code
	closingsThen int
	day          string // of the last admission
	shared       bool   // and it came from the share of a domain
	unsent       int    // invitations that were admitted and certainly not sent
	wished       bool   // it has recorded a mail that somebody wished for
	resending    bool
	invited      bool               // the tenant took an invitation
	told         map[holding]bool   // whom the directory named as the holder of which address
	unanswered   bool               // a question about the holder was answered with a failure
	madeClaim    submission.Address // whose claim it made
	intent       request.Claim      // as it last wrote an intent
	read         request.Claim      // of another call, as last read to claim the address
	seatDay      string             // for which it last took a seat
	kind         submission.Kind    // of its message
	idle         string             // the version of the request for which its wish can't do anything
	groups       []string           // that a person gives with an approval
	reading      reading            // of policy rows, for the next decision
	unchecked    bool               // upkeep says that it has not checked the rows
	cannotRead   bool               // the store has told the call that its request can't be read
	// saysUnreadable says that the call has logged that something can't be read.
	saysUnreadable bool
	upkeep         *upkeepRun      // of a run of upkeep
	has            request.Request // as the call last knew its request
	mailbox        *ownBox         // of the address when the call last counted a mail
	mailBegun      time.Time       // when the call last handed a mail over
	redeeming      bool            // it asks for the redeem URL of a guest
	code           string          // in its message
	deadLetter     bool            // its message is one
	// wantsTry says that the code in its message must count, tried that it does, and looked that
	// the law has counted it.
	wantsTry, tried, looked bool
	returns                 int            // of its message to the queue
	putBack                 bool           // it has put a message of decisions back on its queue
	order                   *request.Order // in its message
	late                    bool           // it is out of time: all its operations fail
	// knows says that the answer to the invitation came back; the breaker had been opened
	// openingsThen times.
	knows        bool
	interrupts   bool // it had another answer than those that a law counts
	openingsThen int
}

// start begins a call. Nothing of it runs before its first step.
func (r *run) start(
	on *instance, name string, about submission.ID,
	body func() error, done func(error), dies func(),
) *call {
	r.calls++
	c := &call{
		number: r.calls, on: on, name: name, about: about, started: r.now, op: "start",
		mails: on.mails, byDefault: on.byDefault,
		rank: r.random.IntN(1 << 20), done: done, dies: dies,
	}
	c.routine = r.routine()
	c.routine.body = func() {
		defer func() {
			switch reason := recover().(type) {
			case nil, killed:
			default:
				c.panics = fmt.Sprintf("%v\n%s", reason, debug.Stack())
			}
		}()
		c.result = body()
		c.pause("answer", nil) // the process may end before the host has the answer
		c.over = true
	}
	r.running = append(r.running, c)
	c.begunAt = r.happenings
	r.event(c, "begins "+name)
	return c
}

// pause hands over. It returns when the scheduler resumes the call, and never if its process
// ends.
func (c *call) pause(op string, effect func()) {
	c.op, c.effect = op, effect
	if c.ends || !c.routine.yield(struct{}{}) || c.ends {
		panic(killed{})
	}
	c.effect = nil
}

// step resumes a call until it hands over again or ends.
func (r *run) step(c *call, f fate) {
	c.fate, c.wake = f, time.Time{}
	r.event(c, c.op+fateNames[f])
	r.current = c
	c.begun = true
	more := c.routine.resume()
	r.current = nil
	if more {
		return
	}
	r.idle = append(r.idle, c.routine)
	r.remove(c)
	switch {
	case c.panics != "":
		r.breach(lawInternal, "%s panicked: %s", c.name, c.panics)
	case c.over:
		r.event(c, fmt.Sprintf("ends: %v", c.result))
		r.gateHeard(c)
		if c.result == nil {
			r.callEnded(c)
		}
		c.done(c.result)
	}
}

// kill ends the process of an instance with its calls. Operations on their way may still arrive.
func (r *run) kill(on *instance) {
	r.counts.Kills++
	for i := len(r.running) - 1; i >= 0; i-- {
		c := r.running[i]
		if c.on != on {
			continue
		}
		r.event(c, "killed before "+c.op)
		r.end(c)
	}
	if !on.admin {
		r.boot(on)
	}
}

// end ends a call before its next operation, which may still arrive.
func (r *run) end(c *call) {
	r.remove(c)
	if c.effect != nil && r.chance(3) {
		r.arriveLater(c.name+": "+c.op, c.effect)
	}
	c.halt()
	r.idle = append(r.idle, c.routine)
	c.dies()
}

// halt ends the call where it is. Its body runs to its end without another operation.
func (c *call) halt() {
	c.ends = true
	if !c.begun {
		c.routine.body = nil
		return
	}
	c.routine.resume()
}

// stragglerWait is the longest that an operation is on its way after its call has given up or
// ended.
const stragglerWait = 20 * time.Second

// arriveLater plans the effect of an operation whose call waits no more.
func (r *run) arriveLater(name string, effect func()) {
	at := r.now.Add(time.Duration(r.random.Int64N(int64(stragglerWait))))
	r.plan(at, func() {
		r.happened("arrives late: %s", name)
		effect()
		if strings.HasSuffix(name, "ListReview") || strings.HasSuffix(name, "UnlistReview") {
			r.sweepAfter(r.now, r.happenings) // upkeep runs on in Azure, whatever is due
		}
	})
}

func (r *run) remove(c *call) {
	r.happenings++
	c.goneAt = r.happenings
	i := slices.Index(r.running, c)
	r.running = slices.Delete(r.running, i, i+1)
}
