package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// Counts say how often what happened, in one schedule or in many.
type Counts struct {
	Schedules, Steps        int
	Submissions             int
	Kills, Faults           int // ended processes; operations that failed, were slow, or came late
	Outages                 int // operations that failed since their part of storage was gone
	Deliveries, DeadLetters int
	PassedOver              int // dead letters that the host left alone until a person returned them
	Invitations, Mails      int // calls that reached the tenant; mails that it sent
	Resends                 int // mails that somebody asked for
	TurnsBack               int // turns of invitations that came to nothing
	// SecondMails were sent because a worker ended between the directory's answer and the receipt.
	SecondMails              int
	Openings, Probes, Alerts int
	Done, Review, Denied     int // ends of requests
	Failed, Cancelled        int
	Unproved                 int
	Unreadable               int // records that could not be read for some time
	// OwnMails are those that the mail service has taken, and MailFailures its calls that failed.
	// Redeems are invitations that only asked for a redeem URL.
	OwnMails, MailFailures, Redeems int
	CodesTyped, Proofs              int
	// Notices are those that people and channels got, and ChannelFailures the failed calls of
	// channels.
	Notices, ChannelFailures int
	Orders                   int // of operators, that had an effect
}

// Add adds other to c. Every field is an int.
func (c *Counts) Add(other Counts) {
	sum, more := reflect.ValueOf(c).Elem(), reflect.ValueOf(other)
	for i := range sum.NumField() {
		sum.Field(i).SetInt(sum.Field(i).Int() + more.Field(i).Int())
	}
}

// Outcome is the result of a schedule.
type Outcome struct {
	Seed   uint64
	Breach string         // the law that was broken, and how; empty if all held
	Laws   map[Law]string // the first breach of each law
	Trace  []string       // what happened, in order; only of Simulator.Trace
	Counts Counts
}

// maxSteps is far more than a schedule takes that comes to rest: in one of a million, unlucky
// guests use up the budgets of a month.
const maxSteps = 1_000_000

// run is the state of a schedule.
type run struct {
	*profile
	law        Law            // if set, only this one counts
	breaches   map[Law]string // the first of each law
	bend       func(*run, *workflow.Config)
	bendPeople func(*review.Config)
	cache      *policy.Cache // of compiled rows
	random     *rand.Rand
	context    context.Context
	now        time.Time
	tracing    bool
	trace      []string
	broken     string
	counts     Counts

	memory    *memstore.Store
	tenant    *Tenant
	service   *MailService // nil without mails
	instances []*instance
	messages  []*message
	deleted   int
	running   []*call
	routines  []*routine
	idle      []*routine // those of them that run no call
	current   *call
	calls     int
	plans     []plan
	load      *load     // of a drain; nil in a schedule
	upkeepAt  time.Time // the next tick of the timer
	upkeptAt  time.Time // the last one
	upkeep    bool      // it runs

	storageDown, outage time.Time // until when storage and the directory fail
	gone                outage    // of parts of storage, for hours
	mailOutage          mailOutage
	mailsOff, everOff   bool // the app's own mails are switched off, or were
	past                []outage
	passesOver          bool // the host passes over dead letters that failed five times
	hostDies            bool // together with the process that is being killed

	// What the laws know. It comes from the operations, not from what workers say.
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
	shares     map[share]int
	openTurns  map[submission.ID][]openTurn
	notBefore  time.Time
	mailed     map[holding][]int          // when, by the number of the happening
	resent     map[submission.Address]int // mails that somebody asked for
	mailboxes  map[submission.Address]mailbox
	adders     map[membership]*call
	closings   int
	alerts     int
	stoppedAt  time.Time                               // when an admin last stopped everything
	before     map[submission.Address]request.UserKind // users that were there before

	submittedAt  map[submission.ID]int            // when, by the number of the happening
	entered      map[submission.ID]time.Time      // when it came to its state
	enteredAt    map[submission.ID]int            // the same as a number of the happening
	tries        map[submission.ID]map[string]int // since a person last acted
	approved     map[submission.ID][]string       // the groups that a person gave
	everApproved map[submission.ID][]string       // the groups of earlier approvals
	yes          map[submission.ID]int            // when a person last approved
	wishes       map[submission.ID]*wish          // that are carried out
	parked       map[submission.ID]time.Time      // since when
	resumed      map[submission.ID]time.Time      // when each was last resumed
	joins        map[join]bool                    // whether the account held the address
	shut         map[string]int                   // when the account was removed or disabled
	removed      map[string]int                   // when it was last removed, also if it is back
	seatedAt     map[submission.ID]int            // when its seat last came to another day
	parkedAt     map[submission.ID]int            // since when it is parked, as the number of a happening
	lost         map[holding]int                  // when the account ceased to hold the address
	witnesses    []witness                        // that no accepted invitation refutes
	certain      []witness                        // and that came after every accepted one
	opener       submission.ID                    // whose call opened the breaker
	refusals     map[submission.ID]int            // by what may be about the tenant

	mailBook
	voteBook
	noticeBook
	orderBook

	// guests are those whom rows with limits brought in, by the request.
	guests map[policy.RowKey]map[submission.ID]*tenantUser

	// What the events have left to do.
	onGuest                                                []func(*tenantUser)
	approvals, retries, giveUps, rowChanges, refusedTokens int
	hostKills, upkeepEnds, spoilings                       int
	nobodies                                               int
	members, groupCame                                     bool

	// Why requests may not end well.
	deadLettered   map[submission.ID]bool
	deadSince      map[submission.ID]time.Time // in a row
	troubles       map[submission.ID]int       // in a row
	exhausted      map[submission.ID]bool      // by messages that failed for days
	unread         map[submission.ID]int       // failed reads of policy
	unseen         map[submission.Address]bool // the directory did not show the guest
	unknown        map[submission.ID]int       // answers of the directory that say nothing
	failures       map[submission.ID]int       // failures of the directory, those included
	unlucky        map[submission.Address]string
	troubled       map[submission.Address]bool // something happened to the account of the address
	cancelled      map[submission.ID]bool      // by a person
	deniedByPerson map[submission.ID]bool
	asked          map[submission.Address]int // how often somebody asked for the mail again
	withdrawn      map[submission.ID]bool
	edited         bool // the row of the trusted domain was

	rowsChangedAt int  // the last change of any row
	changes       int  // of rows
	applies       bool // an admin applies files of rows
	batch         bool // several rows are changed at once

	madeUp      map[submission.ID]bool          // ids that no submission has
	snapshots   []snapshot                      // of the rows, if so
	endedByRows map[submission.ID]request.State // requests that have waited

	// Rows under misspelt keys.
	bans        []*ban
	named       map[string]bool // the rows that the log has named
	strayAt     time.Time       // when such a row last came or went
	checkedAt   time.Time       // when upkeep began that has last checked the rows
	checkedFrom int             // the same as a number of the happening
	rowless     bool            // that row was removed

	// What can't be read.
	spoilt     []*spoiling
	heldUp     map[submission.ID]time.Time // when a request was last set aside for it
	unheard    map[submission.ID]bool      // a submission came while its request could not be read
	over       map[submission.ID]bool      // such a request was withdrawn before, and forgotten
	unknowable map[submission.ID]bool      // whether the erased request has brought in a guest
	roundFrom  int                         // since when the sweep's last page belongs to its round
	lastRound  int                         // the same for the last whole round
}

type seat struct {
	row policy.RowKey
	id  submission.ID
}

// plan is an event from outside, not before at.
type plan struct {
	at time.Time
	do func()
}

func (r *run) plan(at time.Time, do func()) { r.plans = append(r.plans, plan{at, do}) }

// chance is true once in n times.
func (r *run) chance(n int) bool { return r.random.IntN(n) == 0 }

// pick returns one of the values.
func pick[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// misfortune is true once in n times, as long as the schedule has faults left.
func (r *run) misfortune(n int) bool {
	if r.faults <= 0 || !r.chance(n) {
		return false
	}
	r.faults--
	r.counts.Faults++
	return true
}

// happened adds a line to the trace.
func (r *run) happened(format string, args ...any) {
	r.happenings++
	if r.tracing {
		r.trace = append(r.trace, r.now.Format("02 15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// event adds a line about a call to the trace.
func (r *run) event(c *call, text string) {
	r.happened("  call %d, %s: %s", c.number, c.on, text)
}

func (r *run) nameOf(id submission.ID) string {
	return "request " + strconv.Itoa(r.numbers[id])
}

// Run runs the schedule of a seed until everything has come to rest, or a law is broken. The same
// seed takes the same course as long as the program makes the same operations in the same order.
//
// Laws tells what must hold.
func (s *Simulator) Run(seed uint64) Outcome { return s.start(seed, false) }

// Trace is like Run, with a trace.
func (s *Simulator) Trace(seed uint64) Outcome { return s.start(seed, true) }

func (s *Simulator) start(seed uint64, tracing bool) Outcome {
	random := rand.New(rand.NewPCG(seed, 0x67756573746c6973))
	p := newProfile(random, s.Only, chooseMails(seed, s.Only))
	p.events = append(p.events, chooseOutages(seed, s.Only)...)
	p.events = append(p.events, chooseApart(storedEvents, seed, 0x73746f726564, 5, s.Only)...)
	p.events = append(p.events, chooseApart(recordEvents, seed, 0x7265636f726473, 12, s.Only)...)
	for _, e := range slices.Concat(chooseApart(voteEvents, seed, 0x766f746573, 6, s.Only),
		chooseApart(orderEvents, seed, 0x6f7264657273, 6, s.Only), chooseNotices(seed, s.Only)) {
		p.events = append(p.events, e)
		e.shape(rand.New(rand.NewPCG(seed, 0x7368617065)), p)
	}
	r := s.newRun(random, p)
	r.tracing = tracing
	start := time.Duration(random.Int64N(int64(24 * time.Hour)))
	if r.startAt > 0 {
		start = r.startAt - 9*time.Hour
	}
	r.now = r.now.Add(start)
	r.prepare()
	for r.broken == "" && r.counts.Steps < maxSteps && r.advance() {
		r.counts.Steps++
	}
	if r.broken == "" && r.counts.Steps >= maxSteps {
		r.breach(lawRest, "it does not come to rest")
	}
	if r.broken == "" {
		r.judge()
	}
	r.stopAll()
	r.counts.Schedules, r.counts.Alerts = 1, r.alerts
	return Outcome{Seed: seed, Breach: r.broken, Laws: r.breaches, Trace: r.trace, Counts: r.counts}
}

// newRun returns a run in which nothing has happened yet, and connects the workers to it.
func (s *Simulator) newRun(random *rand.Rand, p *profile) *run {
	r := &run{
		profile: p, law: s.Law, bend: s.bend, bendPeople: s.bendPeople, cache: s.cache, random: random,
		context: context.Background(), now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC),
		memory:  memstore.New(),
		numbers: map[submission.ID]int{}, submitted: map[submission.ID]time.Time{},
		address:  map[submission.ID]submission.Address{},
		recorded: map[submission.ID]request.Request{}, claims: map[submission.Address]request.Claim{},
		dues: map[submission.ID]time.Time{}, seats: map[seat]string{},
		versions: map[string]version{}, rowOf: map[string]policy.RowKey{},
		sentOn: map[string]int{}, shares: map[share]int{}, openTurns: map[submission.ID][]openTurn{}, refusals: map[submission.ID]int{},
		mailed: map[holding][]int{}, resent: map[submission.Address]int{}, mailboxes: map[submission.Address]mailbox{},
		adders: map[membership]*call{}, before: map[submission.Address]request.UserKind{},

		submittedAt: map[submission.ID]int{}, entered: map[submission.ID]time.Time{},
		enteredAt: map[submission.ID]int{},
		tries:     map[submission.ID]map[string]int{}, approved: map[submission.ID][]string{},
		everApproved: map[submission.ID][]string{},
		yes:          map[submission.ID]int{}, wishes: map[submission.ID]*wish{},
		parked: map[submission.ID]time.Time{}, resumed: map[submission.ID]time.Time{}, joins: map[join]bool{},
		guests: map[policy.RowKey]map[submission.ID]*tenantUser{}, shut: map[string]int{},
		lost: map[holding]int{}, removed: map[string]int{}, seatedAt: map[submission.ID]int{},
		parkedAt: map[submission.ID]int{},

		troubles:  map[submission.ID]int{},
		deadSince: map[submission.ID]time.Time{}, exhausted: map[submission.ID]bool{},
		deadLettered: map[submission.ID]bool{}, unread: map[submission.ID]int{},
		unseen: map[submission.Address]bool{}, unknown: map[submission.ID]int{},
		failures: map[submission.ID]int{}, unlucky: map[submission.Address]string{},
		troubled: map[submission.Address]bool{}, cancelled: map[submission.ID]bool{},
		deniedByPerson: map[submission.ID]bool{}, asked: map[submission.Address]int{},
		withdrawn: map[submission.ID]bool{}, named: map[string]bool{},
		madeUp:      map[submission.ID]bool{},
		endedByRows: map[submission.ID]request.State{},
		heldUp:      map[submission.ID]time.Time{},
		unheard:     map[submission.ID]bool{}, over: map[submission.ID]bool{},
		unknowable: map[submission.ID]bool{},
		mailBook:   newMailBook(), orderBook: newOrderBook(),
		noticeBook: noticeBook{
			outbox: map[noticeKey]request.NoticeEntry{}, told: map[noticeReader][]request.MailID{},
			tellingTo: map[noticeReader]bool{}, stageEnded: map[stageKey]time.Time{}, decidersAt: map[submission.ID]int{},
		},
	}
	r.tenant = NewTenant(r.clock)
	return r
}

// advance does one thing that can happen now, or moves the clock to the next one. It returns
// false when everything has come to rest.
func (r *run) advance() bool {
	r.now = r.now.Add(time.Duration(r.random.IntN(20)) * time.Millisecond)
	r.renew()
	r.interfere()
	for _, c := range r.running {
		if !c.on.admin && r.now.Sub(c.started) > functionTimeout {
			r.happened("the host kills a handler that takes too long")
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

// readyCall chooses a call that can go on, nil if there is none.
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
		chosen.rank = -chosen.rank // others go first for a while
	}
	return chosen
}

// proceed resumes the call, with a fault now and then, or kills its instance.
func (r *run) proceed(c *call) {
	if r.kills > 0 && r.chance(r.rate) {
		r.kills--
		r.kill(c.on)
		return
	}
	if r.endUpkeep(c) {
		return
	}
	f := proceed
	if c.op != "start" && c.op != "answer" && c.op != "sleep" && r.faults > 0 && r.chance(r.rate) {
		r.faults--
		r.counts.Faults++
		f = fate(1 + r.random.IntN(int(slow)))
		if f == slow {
			c.delay = pick(r.random, time.Second, 8*time.Second, 30*time.Second, 70*time.Second)
		}
	}
	r.step(c, f)
}

// begin starts something that can start now. It returns false if there is nothing.
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
		if m.visible.After(r.now) || m.passedOver || r.silent() {
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
	if !r.upkeep && !r.upkeepAt.After(r.now) && (r.someDue() || r.looksForParked() || r.looksForStrays() || r.tellsNow()) {
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
		if r.busy(on) < callsPerInstance {
			return on
		}
	}
	return nil
}

// busy returns how many calls run in the instance.
func (r *run) busy(on *instance) (calls int) {
	for _, c := range r.running {
		if c.on == on {
			calls++
		}
	}
	return calls
}

func (r *run) someDue() bool {
	for id, due := range r.dues {
		if !due.After(r.now) && r.comesUp(id, due) {
			return true
		}
	}
	return false
}

// looksForParked reports whether upkeep may find that parked requests can go on. The timer runs
// every minute; here only those runs count in which the gate may have changed, and one in half an
// hour.
func (r *run) looksForParked() bool {
	at := r.parkedLook()
	return !at.IsZero() && !at.After(r.now)
}

// parkedLook returns the time of the next run of upkeep because of parked requests, zero if there
// are none.
func (r *run) parkedLook() time.Time {
	parked := false
	for id := range r.parked {
		parked = parked || r.recorded[id].State == request.Parked && !r.waitsForGood(id)
	}
	if !parked {
		return time.Time{}
	}
	at := r.upkeptAt.Add(30 * time.Minute)
	midnight := r.upkeptAt.Truncate(24 * time.Hour).Add(24 * time.Hour)
	// By the clock of another instance the day begins a little later.
	late := r.upkeptAt.Truncate(24 * time.Hour).Add(time.Minute)
	for _, sooner := range []time.Time{midnight, late, r.gate.ProbeAt} {
		if sooner.After(r.upkeptAt) && sooner.Before(at) {
			at = sooner
		}
	}
	return at
}

func (r *run) startUpkeep() {
	r.upkeptAt = r.now
	r.upkeepAt = r.now.Truncate(time.Minute).Add(time.Minute)
	if r.mails != nil && !r.chance(5) { // a mail has several looks, and few of them need a run of their own
		r.upkeepAt = r.upkeepAt.Add(time.Duration(r.random.IntN(20)) * time.Minute)
	}
	if r.now.Before(r.gone.until) { // the longer it lasts, the fewer runs count
		r.upkeepAt = r.upkeepAt.Add(r.now.Sub(r.gone.since) / 8)
	}
	if r.hostsStopped() {
		r.upkeepAt = r.gone.until
		return
	}
	if r.misfortune(10) {
		r.happened("the timer skips")
		r.upkeepAt = r.upkeepAt.Add(time.Duration(1+r.random.IntN(60)) * time.Minute)
		return
	}
	r.upkeep = true
	run := &upkeepRun{}
	on := pick(r.random, r.instances...)
	var c *call
	c = r.start(on, "upkeep", "", func() error {
		_, err := on.worker.Upkeep(r.context, &run.box)
		return err
	}, func(result error) {
		r.upkeep = false
		if result != nil {
			r.judgeFailure("upkeep", result)
			return
		}
		r.rowsChecked(c)
		if c.late && r.chance(2) {
			r.happened("the app has ended upkeep: none of its messages is sent")
			return
		}
		for _, content := range run.box {
			if r.misfortune(20) || r.isGone(queueService) {
				r.happened("a message of upkeep is lost")
				continue
			}
			r.put(content, false, r.now.Add(r.lateness()))
		}
	}, func() { r.upkeep = false })
	c.upkeep = run
}

// lateness returns how long a message takes to become visible.
func (r *run) lateness() time.Duration {
	if r.misfortune(12) {
		return time.Duration(r.random.Int64N(int64(20 * time.Minute)))
	}
	return time.Duration(r.random.IntN(100)) * time.Millisecond
}

// pass moves the clock to the next thing that can happen. It returns false if there is nothing.
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
	canBegin := r.free() != nil
	for _, m := range r.messages {
		switch {
		case m.passedOver:
		case !canBegin && !m.visible.After(r.now): // it waits for a call to end
		case r.silent() && m.visible.Before(r.gone.until):
			until(r.gone.until)
		default:
			until(m.visible)
		}
	}
	atUpkeep := func(due time.Time) {
		if due.Before(r.upkeepAt) {
			due = r.upkeepAt
		}
		until(due)
	}
	for id, due := range r.dues {
		if r.comesUp(id, due) {
			atUpkeep(due)
		}
	}
	if look := r.parkedLook(); !look.IsZero() {
		atUpkeep(look)
	}
	if r.looksForStrays() {
		atUpkeep(r.strayAt)
	}
	if due := r.noticesDue(); !due.IsZero() {
		atUpkeep(due)
	}
	if next.After(r.now) {
		r.now = next
	}
	return !next.IsZero()
}

// judgeFailure checks an error that a function returned to the host.
func (r *run) judgeFailure(name string, err error) {
	if problem.CodeOf(err) == problem.Internal {
		r.breach(lawInternal, "%s failed with an internal error: %v", name, err)
	}
}
