package simulation

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/request/memstore"
)

// A part of storage can be gone by itself: a table, or what the app itself puts on the queues.
type part uint16

const (
	requestsTable part = 1 << iota
	guestsTable
	waitingTable
	policiesTable
	tenantTable
	seatsTable
	poisonTable
	reviewsTable
	noticesTable
	queuePuts
	queueService // receiving, deleting and what the host puts on the queues

	allTables = requestsTable | guestsTable | waitingTable | policiesTable | tenantTable |
		seatsTable | poisonTable | reviewsTable | noticesTable
	allQueues = queuePuts | queueService
)

var partNames = map[part]string{
	requestsTable: "Requests", guestsTable: "Guests", waitingTable: "Waiting",
	policiesTable: "Policies", tenantTable: "Tenant", seatsTable: "Seats", poisonTable: "Poison",
	reviewsTable: "Reviews", noticesTable: "Notices",
	allTables: "all tables", queueService: "the queue service", allQueues: "both queues",
	allTables | allQueues: "all storage", allTables | queuePuts: "all tables, and puts",
}

// partOf names the part of storage on which an operation works.
var partOf = map[string]part{
	"Load": requestsTable, "Save": requestsTable, "History": requestsTable, "Forget": requestsTable,
	"ScanRequests": requestsTable, "EraseUnreadable": requestsTable, "Outline": requestsTable,
	"Claim": guestsTable, "ClaimOf": guestsTable, "UpdateClaim": guestsTable,
	"Release": guestsTable, "ForgetMails": guestsTable, "ForgetOldMails": guestsTable,
	"Mailbox": guestsTable, "SaveMailbox": guestsTable, "MarkProved": guestsTable,
	"DropMailbox": guestsTable, "ForgetMailboxes": guestsTable,
	"Wait": waitingTable, "Park": waitingTable, "Postpone": waitingTable, "StopWaiting": waitingTable,
	"Due": waitingTable, "Parked": waitingTable,
	"Rows": policiesTable, "ScanRows": policiesTable,
	"AllRows": policiesTable, "ChangeRows": policiesTable,
	"Gate": tenantTable, "SaveGate": tenantTable, "Strays": tenantTable, "SaveStrays": tenantTable,
	"MailGate": tenantTable, "SaveMailGate": tenantTable, "ProofKey": tenantTable,
	"Sweep": tenantTable, "SaveSweep": tenantTable,
	"ScanNaming": policiesTable, "GroupNames": tenantTable, "KeepGroupNames": tenantTable, "DropGroupNames": tenantTable,
	"GroupNameRound": tenantTable, "SaveGroupNameRound": tenantTable,
	"Used": seatsTable, "TakeSeat": seatsTable, "HoldsSeat": seatsTable, "ReleaseSeat": seatsTable,
	"KeepDeadLetter": poisonTable, "AllDeadLetters": poisonTable, "DropDeadLetter": poisonTable,
	"ForgetDeadLetters": poisonTable,
	"ListReview":        reviewsTable, "UnlistReview": reviewsTable, "WaitingReviews": reviewsTable,
	"PutNotices": noticesTable, "Notice": noticesTable, "DueNotices": noticesTable, "SaveNotice": noticesTable,
	"RemoveNotice": noticesTable,
	"Put":          queuePuts,
}

// An outage is a time in which parts of storage are gone. The zero outage is over.
type outage struct {
	parts        part
	since, until time.Time
	takes        time.Duration // how long an operation takes to fail
	// flaky lets every second operation go through. Of the others some happen all the same, or
	// arrive later.
	flaky bool
	// stopsHosts says that no host runs meanwhile: a queue that answers 403 stops it.
	stopsHosts bool
}

// outageEvents are about what is gone for hours.
var outageEvents = []event{
	{name: "table gone", plan: func(r *run) {
		r.planOutage(pick(r.random, requestsTable, requestsTable, guestsTable, waitingTable,
			waitingTable, policiesTable, tenantTable, seatsTable, poisonTable, reviewsTable, noticesTable))
	}},
	{name: "tables gone", plan: func(r *run) { r.planOutage(allTables) }},
	{name: "queues gone", plan: func(r *run) {
		r.planOutage(pick(r.random, allQueues, allQueues, queueService))
	}},
	{name: "all storage gone", plan: func(r *run) { r.planOutage(allTables | allQueues) }},
	{name: "nothing can be put back", plan: func(r *run) {
		r.passesOver = r.chance(2)
		r.planOutage(allTables | queuePuts)
	}},
	{name: "host killed", plan: func(r *run) { r.hostKills = 1 + r.random.IntN(3) }},
	{name: "upkeep out of time", plan: func(r *run) { r.upkeepEnds = 1 + r.random.IntN(5) }},
}

// chooseOutages returns the events about outages of a schedule, mostly none; with only, that one.
// Its random numbers are a stream of their own.
func chooseOutages(seed uint64, only string) (chosen []event) {
	if only != "" {
		return nil // chooseEvents has chosen
	}
	random := rand.New(rand.NewPCG(seed, 0x6f757461676573))
	for range max(0, random.IntN(24)-21) {
		e := pick(random, outageEvents...)
		if !slices.ContainsFunc(chosen, func(c event) bool { return c.name == e.name }) {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

// planOutage lets parts of storage be gone for some time, mostly hours, while people sign up.
func (r *run) planOutage(parts part) {
	begins := r.now.Add(r.soon(2 * time.Hour))
	lasts := time.Minute + r.soon(16*time.Hour)
	if r.chance(40) {
		lasts = time.Duration(50+r.random.IntN(60)) * time.Hour
	}
	r.plan(begins, func() {
		if r.now.Before(r.gone.until) {
			return // another one lasts
		}
		r.past = append(r.past, r.gone)
		r.gone = outage{
			parts: parts, since: r.now, until: r.now.Add(lasts), flaky: r.chance(4),
			takes:      pick(r.random, 0, 0, time.Second, 13*time.Second),
			stopsHosts: parts&queueService != 0 && r.chance(2),
		}
		r.happened("%s is gone until %s (%+v)", partNames[parts], r.gone.until.Format("02 15:04"), r.gone)
		if r.gone.stopsHosts {
			for _, on := range r.instances {
				r.killHost(on)
			}
		}
	})
	for range r.random.IntN(4) {
		r.plan(begins.Add(r.soon(lasts)), r.submit)
	}
	if r.chance(2) {
		r.plan(begins.Add(r.soon(lasts)), r.instruct)
	}
}

// isGone reports whether the part is gone now, at least for this operation.
func (r *run) isGone(p part) bool {
	return r.gone.parts&p != 0 && r.now.Before(r.gone.until) && !(r.gone.flaky && r.chance(2))
}

// goneSince returns for how long since the time parts of storage were gone.
func (r *run) goneSince(at time.Time) time.Duration { return r.goneBetween(at, r.now) }

// goneBetween returns for how long between the times parts of storage were gone.
func (r *run) goneBetween(begin, end time.Time) time.Duration {
	var sum time.Duration
	for _, o := range append(slices.Clone(r.past), r.gone) {
		from, to := o.since, o.until
		if begin.After(from) {
			from = begin
		}
		if end.Before(to) {
			to = end
		}
		sum += max(0, to.Sub(from))
	}
	return sum
}

// hostsStopped reports whether no host runs.
func (r *run) hostsStopped() bool { return r.gone.stopsHosts && r.now.Before(r.gone.until) }

// silent reports whether no message can be received.
func (r *run) silent() bool {
	return r.gone.parts&queueService != 0 && !r.gone.flaky && r.now.Before(r.gone.until) ||
		r.hostsStopped()
}

// meetOutage lets an operation fail if its part of storage is gone, and reports whether it did.
func (s store) meetOutage(c *call, op string, effect func() error) (failed bool) {
	if s.gone.until.IsZero() {
		return false
	}
	name, _, _ := strings.Cut(op, " ")
	p, known := partOf[name]
	if !known {
		panic("simulation: " + name + " works on no part of storage")
	}
	if !s.isGone(p) {
		return false
	}
	if s.gone.flaky && s.chance(4) {
		if s.chance(2) {
			_ = effect()
		} else {
			s.arriveLater(c.name+": "+op, func() { _ = effect() })
		}
	}
	s.counts.Outages++
	s.sleep(c, s.gone.takes)
	return true
}

// killHost ends an instance together with its host. Its messages stay hidden.
func (r *run) killHost(on *instance) {
	r.hostDies = true
	r.kill(on)
	r.hostDies = false
}

// endUpkeep lets a running upkeep be out of time, if the schedule has such events left. It reports
// whether the call has ended.
func (r *run) endUpkeep(c *call) bool {
	if c.upkeep == nil || r.upkeepEnds <= 0 || !r.chance(5) {
		return false
	}
	r.upkeepEnds--
	if r.chance(2) {
		r.event(c, "is out of time: all its operations fail")
		c.late = true
		return false
	}
	r.event(c, "is ended before "+c.op)
	r.end(c)
	return true
}

// passOver leaves a message on the queue of dead letters without a call, as an older host does.
// Some time later a person returns what is there.
func (r *run) passOver(m *message) {
	r.happened("message %d is passed over", m.number)
	m.passedOver = true
	r.counts.PassedOver++
	r.plan(r.now.Add(r.soon(20*time.Hour)), r.returnPoison)
}

// returnPoison moves the messages that can be seen on the queue of dead letters back, as `guestlist
// poison return` does.
func (r *run) returnPoison() {
	for _, m := range slices.Clone(r.messages) {
		if !m.dead || m.held != nil || m.visible.After(r.now) && !m.passedOver {
			continue
		}
		if r.isGone(queuePuts) || r.isGone(queueService) {
			r.plan(r.now.Add(time.Hour), r.returnPoison)
			return
		}
		r.happened("a person returns message %d", m.number)
		if m.decision != nil {
			r.putDecision(m.decision, false, r.now)
		} else {
			r.put(m.Message, false, r.now)
		}
		r.delete(m)
	}
}

// again is after how long a person tries again what failed.
func (r *run) again() time.Duration {
	if r.now.Before(r.gone.until) || r.spoiling(memstore.Record{Gate: true}) != nil {
		return time.Hour
	}
	return time.Minute
}
