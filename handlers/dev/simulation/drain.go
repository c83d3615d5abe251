package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Load describes a drain.
type Load struct {
	SignUps, Instances int
	// Limits are those of the directory. They are used up when the drain begins.
	Limits graphsim.Limits
	// How long an operation on storage and the calls of the directory take.
	StorageLatency, LookUpLatency, InviteLatency, JoinLatency time.Duration
	// BatchSize and NewBatchThreshold are those of host.json.
	BatchSize, NewBatchThreshold int
}

// Drained is the result of a drain.
type Drained struct {
	// Most and Took are how long it took, by the simulated clock, until 99 % and all of the guests
	// were members of their group. A request that is throttled several times waits for long.
	Most, Took time.Duration
	// Rate is the rate of writes while each instance had more than a batch to do, as a share of
	// what the limits allow.
	Rate float64
	// Refused is the share of the calls that the directory throttled.
	Refused float64
	// Transactions is the number of operations on storage per guest.
	Transactions float64
	Breach       string
}

// load is the state of a drain.
type load struct {
	Load
	throttle     *graphsim.Throttle
	transactions int
}

// take makes a call of the directory take its time, and throttles it.
func (l *load) take(r *run, c *call, op string) error {
	latency, writes := l.LookUpLatency, 0
	switch op {
	case "Invite":
		latency, writes = l.InviteLatency, 1
	case "AddMember":
		latency, writes = l.JoinLatency, 1
	}
	r.sleep(c, latency/2)
	used, wait := l.throttle.Take(r.now, 1, writes)
	r.sleep(c, latency/2)
	if used >= graphsim.PressureFrom {
		c.on.pressure.Report(used)
	}
	if wait > 0 {
		return &problem.Error{
			Code: request.DirectoryThrottled, Detail: "the simulated directory throttles", RetryAfter: wait,
		}
	}
	return nil
}

// Drain makes instances work off a queue of sign-ups, with one group each, against a directory
// that throttles. The laws of [Simulator.Run] are checked as in a schedule.
func (s *Simulator) Drain(l Load) Drained {
	random := rand.New(rand.NewPCG(1, 1))
	r := s.newRun(random, &profile{config: config{lease: 2 * time.Minute}})
	r.load = &load{Load: l, throttle: graphsim.NewThrottle(l.Limits)}
	r.load.throttle.Fill(r.now, 1)
	r.row(trusted, "trusted", map[string]any{"Action": "invite", "Groups": groupOne})
	r.bootAll(l.Instances)
	for i := range l.SignUps {
		r.enqueue(parsed(fmt.Sprintf("partner%d@%s", i, trusted)))
	}
	begun := r.now
	var measuredTo time.Time
	var measured graphsim.ThrottleCounts
	var most time.Duration
	var left int
	for r.broken == "" && r.drainStep() {
		left = l.SignUps - len(r.tenant.members)
		if measuredTo.IsZero() && left <= l.Instances*(l.BatchSize+l.NewBatchThreshold) {
			measuredTo, measured = r.now, r.load.throttle.Counts()
		}
		if most == 0 && left <= l.SignUps/100 {
			most = r.now.Sub(begun)
		}
		if left == 0 && len(r.running) == 0 {
			break
		}
	}
	if r.broken == "" {
		r.judge()
	}
	r.stopAll()
	counts := r.load.throttle.Counts()
	allowed := measuredTo.Sub(begun).Seconds() * float64(l.Limits.WritesPer150s) / 150
	return Drained{
		Most:         most,
		Took:         r.now.Sub(begun),
		Rate:         float64(measured.Writes) / allowed,
		Refused:      float64(counts.Refused) / float64(counts.Calls),
		Transactions: float64(r.load.transactions) / float64(l.SignUps),
		Breach:       r.broken,
	}
}

// drainStep does what comes next in time. It returns false if there is nothing.
func (r *run) drainStep() bool {
	for _, on := range r.instances {
		r.receive(on)
	}
	if !r.upkeep && !r.upkeepAt.After(r.now) {
		r.startUpkeep()
	}
	var next *call
	for _, c := range r.running {
		if next == nil || c.wake.Before(next.wake) {
			next = c
		}
	}
	switch {
	case !r.upkeep && (next == nil || !next.wake.Before(r.upkeepAt)):
		r.now = r.upkeepAt
		return true
	case next == nil:
		return false
	case next.wake.After(r.now):
		r.now = next.wake
	}
	r.step(next, proceed)
	return true
}

// receive takes messages as the host does: a batch, whenever no more than the threshold are
// worked on.
func (r *run) receive(on *instance) {
	if r.busy(on) > r.load.NewBatchThreshold {
		return
	}
	taken := 0
	for i := 0; i < len(r.messages) && taken < r.load.BatchSize; i++ {
		m := r.messages[i]
		if m.held == nil && !m.visible.After(r.now) {
			r.deliver(m, on)
			taken++
		}
	}
}
