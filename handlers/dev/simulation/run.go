package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
)

// Counts are what happened in one schedule or in many.
type Counts struct {
	Schedules, Steps         int
	Submissions              int
	Kills, Faults            int // processes ended; operations that failed, were slow, or came late
	Deliveries, Poisoned     int
	Invitations, Mails       int // calls that reached the tenant; mails that it sent
	Resends                  int // mails that somebody wished
	SecondMails              int // sent in the window between the directory's answer and the receipt, which nobody can close
	Openings, Probes, Alerts int
	Done, Review, Denied     int // how requests ended
	Failed, Cancelled        int
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Schedules += other.Schedules
	c.Steps += other.Steps
	c.Submissions += other.Submissions
	c.Kills += other.Kills
	c.Faults += other.Faults
	c.Deliveries += other.Deliveries
	c.Poisoned += other.Poisoned
	c.Invitations += other.Invitations
	c.Mails += other.Mails
	c.Resends += other.Resends
	c.SecondMails += other.SecondMails
	c.Openings += other.Openings
	c.Probes += other.Probes
	c.Alerts += other.Alerts
	c.Done += other.Done
	c.Review += other.Review
	c.Denied += other.Denied
	c.Failed += other.Failed
	c.Cancelled += other.Cancelled
}

// Outcome is what came of a schedule.
type Outcome struct {
	Seed uint64
	// Breach is the law that was broken, and how; empty if all held.
	Breach string
	// Trace has what happened, in order, if it was asked for.
	Trace  []string
	Counts Counts
}

// maxSteps is far more than any schedule takes that comes to rest.
const maxSteps = 30_000

// run is one schedule on its way.
type run struct {
	*profile
	simulator *Simulator
	random    *rand.Rand
	context   context.Context
	now       time.Time
	tracing   bool
	trace     []string
	broken    string
	counts    Counts

	memory    *memstore.Store
	tenant    *Tenant
	instances []*instance
	messages  []*message
	deleted   int
	running   []*call
	current   *call
	calls     int
	plans     []plan
	load      *load     // what a drain is made of; nil in a schedule
	upkeepAt  time.Time // the next tick of the timer
	upkeep    bool      // one runs

	storageDown, outage time.Time // until when everything fails

	// What the laws know, each by its own account and not by what the machine says.
	happenings int
	requests   []submission.ID
	numbers    map[submission.ID]int // of the requests, from 1
	submitted  map[submission.ID]time.Time
	address    map[submission.ID]submission.Address
	recorded   map[submission.ID]request.Request
	claims     map[submission.Address]request.Claim
	dues       map[submission.ID]time.Time
	seats      map[seat]string
	gate       request.Gate
	versions   map[string]version
	rowOf      map[string]policy.RowKey
	sentOn     map[string]int
	notBefore  time.Time
	mailed     map[submission.Address][]int // when, by the number of the happening
	resent     map[submission.Address]int   // mails that somebody wished
	adders     map[membership]*call
	closings   int
	alerts     int
	before     map[submission.Address]request.UserKind // who was there before
	// Excuses of requests that did not end well.
	poisoned  map[submission.ID]bool
	unread    map[submission.ID]int
	unseen    map[submission.Address]bool // the directory did not show the guest when asked
	unknown   map[submission.ID]int
	cancelled map[submission.ID]bool
	turned    map[submission.ID]bool     // denied by a person
	wishes    map[submission.Address]int // how often somebody wished the mail again
	withdrawn map[submission.ID]bool
	edited    bool
}

type seat struct {
	row policy.RowKey
	id  submission.ID
}

// plan is something that will happen from outside, not before at.
type plan struct {
	at time.Time
	do func()
}

func (r *run) plan(at time.Time, do func()) { r.plans = append(r.plans, plan{at, do}) }

// chance is true once in n times.
func (r *run) chance(n int) bool { return r.random.IntN(n) == 0 }

// misfortune is true once in n times, as long as the schedule has some in store.
func (r *run) misfortune(n int) bool {
	if r.faults <= 0 || !r.chance(n) {
		return false
	}
	r.faults--
	r.counts.Faults++
	return true
}

// note adds a line to the trace.
func (r *run) note(text string) {
	r.happenings++
	if r.tracing {
		r.trace = append(r.trace, fmt.Sprintf("%s %s", r.now.Format("02 15:04:05.000"), text))
	}
}

// event adds a line about a call to the trace.
func (r *run) event(c *call, text string) {
	r.happenings++
	if r.tracing {
		r.trace = append(r.trace, fmt.Sprintf("%s   call %d, %s: %s", r.now.Format("02 15:04:05.000"), c.number, c.on, text))
	}
}

// breach records the first law that was broken.
func (r *run) breach(format string, args ...any) {
	if r.broken == "" {
		r.broken = fmt.Sprintf(format, args...)
		r.note("BREACH: " + r.broken)
	}
}

func (r *run) nameOf(id submission.ID) string {
	return "request " + strconv.Itoa(r.numbers[id])
}

// Run runs the schedule of a seed to its end, which is when everything has come to rest, or to the first law that is broken. The same seed
// has the same course in every version of the program that makes the same operations in the same order.
//
// These are the laws:
//
//   - Whatever was accepted is in an end state, or with a person, or noted to come back, or lies on a queue, at every moment. In the end, with
//     all causes gone, it is in an end state or with a person, and in the one that its row and its misfortunes allow.
//   - Nobody is invited without a stored decision or approval, under a claim that is the request's own and whose intent is recorded. A stored
//     decision never changes, and is that of a row as it stood at some time since the submission.
//   - An address has at most one guest, one seat, and one mail, but for those that somebody wished. A second mail is possible only if the first
//     one's receipt was not written and the directory could not show the guest; it is counted.
//   - No two invitations of an address are on their way at once.
//   - Nobody joins a group that the row or the approval does not grant; what is recorded as added was added by that request.
//   - Every invitation passes the gate: never past an open breaker but for the one probe that is due, never more in a day than the budget,
//     never sooner than the spacing or the directory's Retry-After allows. A failure of the whole tenant opens the breaker, with one alert.
//   - A row's seats are never exceeded, and whoever ends without a guest holds none.
//   - History only grows, and tells every state.
//   - What is withdrawn is erased, and nothing else is before its time.
func (s *Simulator) Run(seed uint64) Outcome { return s.start(seed, false) }

// Trace is Run with a trace.
func (s *Simulator) Trace(seed uint64) Outcome { return s.start(seed, true) }

func (s *Simulator) start(seed uint64, tracing bool) Outcome {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	random := rand.New(rand.NewPCG(seed, 0x67756573746c6973))
	r := s.newRun(ctx, random, newProfile(random))
	r.tracing = tracing
	r.now = r.now.Add(time.Duration(random.Int64N(int64(24 * time.Hour))))
	r.prepare()
	for r.broken == "" && r.counts.Steps < maxSteps && r.advance() {
		r.counts.Steps++
	}
	if r.broken == "" && r.counts.Steps >= maxSteps {
		r.breach("it does not come to rest")
	}
	if r.broken == "" {
		r.judge()
	}
	for _, c := range r.running {
		c.stop()
	}
	r.counts.Schedules, r.counts.Alerts = 1, r.alerts
	return Outcome{Seed: seed, Breach: r.broken, Trace: r.trace, Counts: r.counts}
}

// newRun returns a run in which nothing has happened yet, and makes it that of the machines.
func (s *Simulator) newRun(ctx context.Context, random *rand.Rand, p *profile) *run {
	r := &run{
		profile: p, simulator: s, random: random, context: ctx,
		now:       time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC),
		memory:    memstore.New(),
		numbers:   map[submission.ID]int{},
		submitted: map[submission.ID]time.Time{}, address: map[submission.ID]submission.Address{}, recorded: map[submission.ID]request.Request{},
		claims: map[submission.Address]request.Claim{}, dues: map[submission.ID]time.Time{}, seats: map[seat]string{},
		versions: map[string]version{}, rowOf: map[string]policy.RowKey{}, sentOn: map[string]int{},
		mailed: map[submission.Address][]int{}, resent: map[submission.Address]int{}, before: map[submission.Address]request.UserKind{},
		adders: map[membership]*call{}, poisoned: map[submission.ID]bool{}, unread: map[submission.ID]int{}, unknown: map[submission.ID]int{},
		cancelled: map[submission.ID]bool{}, unseen: map[submission.Address]bool{}, wishes: map[submission.Address]int{},
		withdrawn: map[submission.ID]bool{}, turned: map[submission.ID]bool{},
	}
	r.tenant = NewTenant(r.clock)
	s.world.run = r
	return r
}

// advance does one thing that can happen now, or lets time pass to the next that will. It returns false when everything has come to rest.
func (r *run) advance() bool {
	r.now = r.now.Add(time.Duration(r.random.IntN(20)) * time.Millisecond)
	r.renew()
	for _, c := range r.running {
		if !c.on.admin && r.now.Sub(c.started) > functionTimeout {
			r.note("the host ends a handler that takes too long")
			r.kill(c.on)
			return true
		}
	}
	c := r.readyCall()
	if c != nil && r.random.IntN(8) < r.eager {
		r.proceed(c)
		return true
	}
	if r.begin() {
		return true
	}
	if c != nil {
		r.proceed(c)
		return true
	}
	return r.pass()
}

// readyCall chooses one of the calls that can go on, nil if there is none.
func (r *run) readyCall() *call {
	var chosen *call
	n := 0
	for _, c := range r.running {
		if c.wake.After(r.now) {
			continue
		}
		n++
		switch {
		case chosen == nil:
			chosen = c
		case r.byRank:
			if c.rank > chosen.rank {
				chosen = c
			}
		case r.chance(n):
			chosen = c
		}
	}
	if chosen != nil && r.byRank && r.chance(16) {
		chosen.rank = -chosen.rank // let others go first for a while
	}
	return chosen
}

// proceed lets the call take its next step, or not.
func (r *run) proceed(c *call) {
	if r.kills > 0 && r.chance(r.rate) {
		r.kills--
		r.kill(c.on)
		return
	}
	f := proceed
	if c.op != "start" && c.op != "answer" && c.op != "sleep" && r.faults > 0 && r.chance(r.rate) {
		r.faults--
		r.counts.Faults++
		f = fate(1 + r.random.IntN(int(slow)))
		if f == slow {
			c.delay = delays[r.random.IntN(len(delays))]
		}
	}
	r.step(c, f)
}

var delays = []time.Duration{time.Second, 8 * time.Second, 30 * time.Second, 70 * time.Second}

// begin starts one of the things that can start now. It returns false if there is none.
func (r *run) begin() bool {
	var able [16]func()
	n := 0
	add := func(do func()) {
		if n < len(able) {
			able[n] = do
			n++
		}
	}
	for i := range r.plans {
		if !r.plans[i].at.After(r.now) {
			add(func() {
				do := r.plans[i].do
				r.plans = slices.Delete(r.plans, i, i+1)
				do()
			})
		}
	}
	for _, m := range r.messages {
		if m.visible.After(r.now) {
			continue
		}
		on := r.free()
		if on != nil {
			add(func() {
				r.counts.Deliveries++
				r.deliver(m, on)
			})
		}
	}
	if !r.upkeep && !r.upkeepAt.After(r.now) && r.someDue() {
		add(r.startUpkeep)
	}
	if n == 0 {
		return false
	}
	able[r.random.IntN(n)]()
	return true
}

// free chooses an instance that takes another call, nil if all are busy.
func (r *run) free() *instance {
	first := r.random.IntN(len(r.instances))
	for i := range r.instances {
		on := r.instances[(first+i)%len(r.instances)]
		busy := 0
		for _, c := range r.running {
			if c.on == on {
				busy++
			}
		}
		if busy < callsPerInstance {
			return on
		}
	}
	return nil
}

func (r *run) someDue() bool {
	for _, due := range r.dues {
		if !due.After(r.now) {
			return true
		}
	}
	return false
}

func (r *run) startUpkeep() {
	r.upkeepAt = r.now.Truncate(time.Minute).Add(time.Minute)
	if r.misfortune(10) {
		r.note("the timer skips")
		r.upkeepAt = r.upkeepAt.Add(time.Duration(1+r.random.IntN(60)) * time.Minute)
		return
	}
	r.upkeep = true
	box := &outbox{}
	on := r.instances[r.random.IntN(len(r.instances))]
	r.start(on, "upkeep", "", func() error {
		_, err := on.machine.Upkeep(r.context, box)
		return err
	}, func(result error) {
		r.upkeep = false
		if result != nil {
			r.judgeFailure("upkeep", result)
			return
		}
		for _, content := range *box {
			if r.misfortune(20) {
				r.note("a message of upkeep is lost")
				continue
			}
			r.put(content, false, r.now.Add(r.lateness()))
		}
	}, func() { r.upkeep = false })
}

// lateness is how long a message takes to be seen.
func (r *run) lateness() time.Duration {
	if r.misfortune(12) {
		return time.Duration(r.random.Int64N(int64(20 * time.Minute)))
	}
	return time.Duration(r.random.IntN(100)) * time.Millisecond
}

// pass lets time pass to the next thing that can happen. It returns false if there is none.
func (r *run) pass() bool {
	var next time.Time
	until := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for _, c := range r.running {
		until(c.wake)
	}
	for i := range r.plans {
		until(r.plans[i].at)
	}
	for _, m := range r.messages {
		until(m.visible)
	}
	for _, due := range r.dues {
		if due.Before(r.upkeepAt) {
			due = r.upkeepAt
		}
		until(due)
	}
	if next.IsZero() {
		return false
	}
	if next.After(r.now) {
		r.now = next
	}
	return true
}

// judgeFailure looks at an error that a function returned to the host.
func (r *run) judgeFailure(name string, err error) {
	if problem.CodeOf(err) == problem.Internal {
		r.breach("%s failed by a fault of our own: %v", name, err)
	}
}
