package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// An event is something unkind that a profile adds to the world.
type event struct {
	name string
	// shape changes the profile before anything is set up; plan plans what happens. Either may be
	// nil.
	shape func(*rand.Rand, *profile)
	plan  func(*run)
}

// events are unkind events, by what they are about. Those about outages, rows and records are
// chosen apart.
var events = [][]event{guestEvents, peopleEvents, directoryEvents, surroundings}

var guestEvents = []event{
	{name: "guest removed", plan: func(r *run) { r.toGuests(r.removeGuest) }},
	{name: "guest disabled", plan: func(r *run) { r.toGuests(r.disableGuest) }},
	{name: "guest redirected", plan: func(r *run) { r.toGuests(r.redirectGuest) }},
	{name: "guest turned internal", plan: func(r *run) { r.toGuests(r.adoptGuest) }},
	{name: "guest accepts", plan: func(r *run) { r.toGuests(r.acceptGuest) }},
}

var peopleEvents = []event{
	{name: "other groups approved", plan: func(r *run) { r.approvals = 1 + r.random.IntN(3) }},
	{name: "failed requests retried", plan: func(r *run) { r.retries = 1 + r.random.IntN(4) }},
	{name: "messages given up", plan: func(r *run) { r.giveUps = 1 + r.random.IntN(3) }},
	{name: "rows changed between steps", plan: func(r *run) { r.rowChanges = 1 + r.random.IntN(6) }},
	{name: "wishes from any id", plan: (*run).planWishes},
	{name: "admin stops everything", plan: (*run).planStop},
}

var directoryEvents = []event{
	{name: "unlucky guest", plan: (*run).planUnlucky},
	{name: "token refused once", plan: func(r *run) { r.refusedTokens = 1 }},
	{name: "unknown answer for everybody", plan: (*run).planUnknown},
	{name: "group missing", plan: (*run).planMissingGroup},
	{name: "members refused", plan: (*run).planMembers},
}

var surroundings = []event{
	{name: "clock hours wrong", shape: shapeWrongClock},
	{name: "two sides of midnight", shape: shapeMidnight},
	{name: "40 instances", shape: shapeCrowd},
	{name: "days of full budget", shape: shapeFullBudget, plan: (*run).planFullBudget},
}

// allEvents returns all unkind events.
func allEvents() []event {
	return slices.Concat(slices.Concat(events...), outageEvents, storedEvents, recordEvents, mailEvents, voteEvents, orderEvents, noticeEvents)
}

// Events returns the names of all unkind events.
func Events() []string {
	var names []string
	for _, e := range allEvents() {
		names = append(names, e.name)
	}
	return names
}

// chooseEvents returns the events of a schedule: none, or up to three, or half of those of one kind
// and one more; with only, that one.
func chooseEvents(random *rand.Rand, only string) (chosen []event) {
	add := func(e event) {
		if !slices.ContainsFunc(chosen, func(c event) bool { return c.name == e.name }) {
			chosen = append(chosen, e)
		}
	}
	some := random.IntN(5)
	if some == 4 {
		for _, e := range pick(random, events...) {
			if random.IntN(2) == 0 {
				add(e)
			}
		}
		some = 1
	}
	for range some {
		add(pick(random, pick(random, events...)...))
	}
	if only == "" {
		return chosen
	}
	return slices.DeleteFunc(allEvents(), func(e event) bool { return e.name != only })
}

// storedEvents are about what is stored: rows, records and messages.
var storedEvents = []event{
	{name: "rows misspelt", plan: (*run).planMisspelt},
	{name: "rows changed while parked", plan: (*run).planParked},
	{name: "rows applied", plan: (*run).planApply},
	{name: "made-up ids", plan: (*run).planMadeUp},
}

// chooseApart returns events of a schedule, mostly none: one in often schedules has one or two of
// them. With only, chooseEvents has chosen. The random numbers are a stream of their own.
func chooseApart(from []event, seed, stream uint64, often int, only string) (chosen []event) {
	random := rand.New(rand.NewPCG(seed, stream))
	if only != "" || random.IntN(often) > 0 {
		return nil
	}
	for range 1 + random.IntN(2) {
		e := pick(random, from...)
		if !slices.ContainsFunc(chosen, func(c event) bool { return c.name == e.name }) {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

// toGuests lets something happen to guests, some time after they came.
func (r *run) toGuests(do func(*tenantUser)) { r.onGuest = append(r.onGuest, do) }

// guestCame lets the events of guests happen to a new account, or to one that was there before.
func (r *run) guestCame(user *tenantUser) {
	for _, do := range r.onGuest {
		if r.chance(3) {
			continue
		}
		r.plan(r.now.Add(r.soon(3*time.Hour)), func() { do(user) })
	}
}

// stir lets people do something about an address, some time after something happened to its guest.
func (r *run) stir(address submission.Address) {
	for range r.random.IntN(4) {
		r.plan(r.now.Add(r.soon(3*time.Hour)), func() {
			ids := r.idsFor(address)
			switch {
			case len(ids) == 0 || r.chance(3):
				r.enqueue(address)
			case r.chance(2):
				r.wishOn(pick(r.random, ids...))
			default:
				r.actOn(pick(r.random, ids...))
			}
		})
	}
}

// idsFor returns the requests for an address.
func (r *run) idsFor(address submission.Address) (ids []submission.ID) {
	for _, id := range r.requests {
		if r.address[id] == address {
			ids = append(ids, id)
		}
	}
	return ids
}

// lose keeps that an account no longer holds its address.
func (r *run) lose(user *tenantUser) {
	r.lost[holding{user.id, user.address}] = r.happenings
	r.troubled[user.address] = true
}

func (r *run) removeGuest(user *tenantUser) {
	if user.kind == request.DeletedGuest || user.kind == request.InternalUser {
		return
	}
	r.happened("the guest %s of %s is removed", user.id, user.address)
	r.lose(user)
	r.shut[user.id], r.removed[user.id] = r.happenings, r.happenings
	r.tenant.remove(user)
	r.stir(user.address)
	if r.chance(3) {
		r.plan(r.now.Add(r.soon(5*time.Hour)), func() {
			if r.tenant.restore(user) {
				r.happened("the guest %s of %s is restored", user.id, user.address)
				delete(r.shut, user.id)
				delete(r.lost, holding{user.id, user.address})
			}
		})
	}
}

func (r *run) disableGuest(user *tenantUser) {
	switch user.kind {
	case request.DeletedGuest, request.InternalUser, request.DisabledGuest:
		return
	}
	r.happened("the guest %s of %s is disabled", user.id, user.address)
	user.was, user.kind = user.kind, request.DisabledGuest
	r.troubled[user.address] = true
	r.shut[user.id] = r.happenings
	r.stir(user.address)
	if r.chance(3) {
		r.plan(r.now.Add(r.soon(5*time.Hour)), func() {
			if user.kind == request.DisabledGuest {
				r.happened("the guest %s of %s is enabled", user.id, user.address)
				user.kind = user.was
				delete(r.shut, user.id)
			}
		})
	}
}

func (r *run) redirectGuest(user *tenantUser) {
	switch user.kind {
	case request.DeletedGuest, request.InternalUser, request.DisabledGuest:
		return
	}
	from, to := user.address, pick(r.random, addresses[pick(r.random, trusted, unlisted)]...)
	if r.tenant.users[to] != nil {
		return
	}
	r.happened("the redemption of %s is reset from %s to %s", user.id, from, to)
	r.lose(user)
	r.tenant.redirect(user, to)
	r.troubled[to] = true
	delete(r.lost, holding{user.id, to})
	r.stir(from)
	r.stir(to)
}

func (r *run) adoptGuest(user *tenantUser) {
	if user.kind == request.DeletedGuest || user.kind == request.DisabledGuest {
		return
	}
	r.happened("the guest %s of %s is turned internal", user.id, user.address)
	user.kind = request.InternalUser
	r.troubled[user.address] = true
	r.stir(user.address)
}

func (r *run) acceptGuest(user *tenantUser) {
	if user.kind == request.PendingGuest {
		r.happened("the guest %s of %s accepts", user.id, user.address)
		user.kind = request.AcceptedGuest
	}
}

// provoke lets people do something about a request that was just stored.
func (r *run) provoke(by *call, before, after request.Request) {
	switch {
	case before.State == after.State:
	case r.retries > 0 && after.State == request.Failed:
		r.retries--
		r.plan(r.now.Add(r.soon(2*time.Hour)), func() { r.actOnWith(after.ID, "retry") })
	case r.ordersLeft > 0 && after.State == request.Failed:
		r.ordersLeft--
		r.plan(r.now.Add(r.soon(2*time.Hour)), func() { r.orderOn(after.ID, pick(r.random, orderingStaff...), 0) })
	case r.approvals > 0 && (after.State == request.Review || r.chance(4)):
		r.approvals--
		r.plan(r.now.Add(r.soon(2*time.Hour)), func() { r.actOnWith(after.ID, "approve") })
	}
}

// interfere does something between two steps, if the schedule has such events left.
func (r *run) interfere() {
	if r.hostKills > 0 && len(r.running) > 0 && r.chance(25) {
		if on := pick(r.random, r.running...).on; !on.admin {
			r.hostKills--
			r.killHost(on)
		}
	}
	if r.rowChanges > 0 && r.chance(25) {
		r.rowChanges--
		if r.chance(4) {
			r.dropRow()
		} else {
			r.editRow()
		}
	}
	if r.spoilings > 0 && r.chance(25) {
		r.spoilings--
		r.spoilSome()
	}
	if r.giveUps > 0 && len(r.messages) > 0 && r.chance(25) {
		m := pick(r.random, r.messages...)
		if !m.dead {
			r.giveUps--
			m.receipt++ // the call that works on it, if any, is out of time
			m.held = nil
			r.toDeadLetters(m)
		}
	}
}

// planWishes plans wishes from links of any age, and sign-ups between them.
func (r *run) planWishes() {
	for range 3 + r.random.IntN(6) {
		r.plan(r.now.Add(r.soon(12*time.Hour)), r.instruct)
	}
	for range r.random.IntN(3) {
		r.plan(r.now.Add(r.soon(12*time.Hour)), r.submit)
	}
}

// shapeWrongClock gives one instance of several a clock that is hours wrong.
func shapeWrongClock(random *rand.Rand, p *profile) {
	p.instances = max(p.instances, 2)
	p.offsets = []time.Duration{0, time.Duration(pick(random, -26, -3, 2, 5, 26)) * time.Hour}
	p.hoursWrong = true
}

// shapeMidnight starts the schedule near midnight, with clocks on both sides of it.
func shapeMidnight(random *rand.Rand, p *profile) {
	p.instances = max(p.instances, 2)
	p.offsets = []time.Duration{-20 * time.Second, 25 * time.Second}
	p.config.lease = max(p.config.lease, 2*time.Minute) // longer than the clocks are apart
	p.config.pace.Daily = 1 + random.IntN(2)
	p.startAt = 24*time.Hour - time.Duration(random.IntN(90))*time.Second
	p.people += 2
}

// shapeCrowd runs more instances than there are people.
func shapeCrowd(_ *rand.Rand, p *profile) {
	p.instances = 40
	p.people += 6
	if p.config.pace.Daily > 0 { // not for weeks
		p.config.pace.Daily = 80
	}
}

// shapeFullBudget gives several days less budget than there are people.
func shapeFullBudget(random *rand.Rand, p *profile) {
	p.config.pace.Daily = 1 + random.IntN(3)
	if random.IntN(3) > 0 {
		p.faults, p.kills = 0, 0
	}
}

func (r *run) planFullBudget() {
	for i := range 4 + r.random.IntN(6) {
		domain := pick(r.random, trusted, trusted, reviewed)
		address := parsed(fmt.Sprintf("guest%d@%s", i, domain))
		r.plan(r.now.Add(time.Duration(r.random.Int64N(int64(40*time.Hour)))), func() {
			r.enqueue(address)
		})
	}
}

// The ways in which one address is unlucky.
const (
	alwaysFails    = "every invitation fails"
	alwaysUnheard  = "every invitation happens and fails"
	alwaysOdd      = "every invitation is answered oddly"
	oddQuestions   = "every question is answered oddly"
	oddRefusals    = "every question is refused"
	oddMemberships = "every membership is answered oddly"
	nobodyOnce     = "an invitation comes to nothing"
	nobodyEver     = "every invitation comes to nothing"
)

func (r *run) planUnlucky() {
	address := addresses[trusted][r.random.IntN(2)]
	r.unlucky[address] = pick(r.random, alwaysFails, alwaysUnheard, alwaysOdd, oddQuestions,
		oddRefusals, oddMemberships, nobodyOnce, nobodyEver)
	r.happened("%s is unlucky: %s", address, r.unlucky[address])
	for range r.random.IntN(4) {
		r.plan(r.now.Add(r.soon(12*time.Hour)), r.submit)
	}
}

// planUnknown lets the directory answer every invitation for hours with what nobody understands.
func (r *run) planUnknown() {
	r.plan(r.now.Add(r.soon(10*time.Minute)), func() {
		r.tenant.Stopped = request.DirectoryUnknown
		r.happened("the directory answers every invitation with an unknown refusal")
		r.plan(r.now.Add(r.soon(9*time.Hour)), r.lift)
	})
	for range r.random.IntN(4) {
		r.plan(r.now.Add(r.soon(time.Hour)), r.submit)
	}
}

// planStop lets an admin stop everything for some hours, while people go on to sign up.
func (r *run) planStop() {
	r.plan(r.now.Add(r.soon(2*time.Hour)), r.openBreaker)
	for range r.random.IntN(4) {
		r.plan(r.now.Add(r.soon(6*time.Hour)), r.submit)
	}
}

func (r *run) planMissingGroup() {
	group := pick(r.random, groupOne, groupTwo)
	r.tenant.missing[group] = true
	r.happened("group %s does not exist", group)
	if r.chance(2) {
		r.plan(r.now.Add(r.soon(2*time.Hour)), func() {
			r.groupCame = true
			delete(r.tenant.missing, group)
			r.happened("group %s exists", group)
		})
	}
}

// planMembers lets the row invite members, which the app may not do, for a while.
func (r *run) planMembers() {
	r.tenant.noMembers = true
	r.members = true
	if r.chance(2) {
		r.plan(r.now.Add(r.soon(9*time.Hour)), func() {
			r.tenant.noMembers = false
			r.happened("the app may invite members")
		})
	}
}

// misery returns what the directory answers about an unlucky address, and whether the operation
// happens all the same.
func (r *run) misery(c *call, op string) (err error, happens bool) {
	about := r.address[c.about]
	question := op == "FindUser" || op == "FindGuest" || op == "FindDeletedGuests" || op == "UserByID"
	var code problem.Code
	switch kind := r.unlucky[about]; {
	case kind == alwaysFails && op == "Invite":
		code = request.DirectoryUnavailable
	case kind == alwaysUnheard && op == "Invite":
		code, happens = request.DirectoryUnavailable, true
	case kind == alwaysOdd && op == "Invite", kind == oddQuestions && question,
		kind == oddMemberships && op == "AddMember":
		code = request.DirectoryUnknown
	case kind == oddRefusals && question:
		code = request.DirectoryRefused
	default:
		return nil, true
	}
	return r.failure(c, code), happens
}

// inviteNobody reports whether the invitation of the address comes to nothing, and returns the id
// of nobody.
func (r *run) inviteNobody(address submission.Address) (id string, nobody bool) {
	switch r.unlucky[address] {
	case nobodyOnce:
		r.unlucky[address] = "an invitation came to nothing"
	case nobodyEver:
	default:
		return "", false
	}
	r.nobodies++
	return objectID(1<<24 + r.nobodies), true
}
