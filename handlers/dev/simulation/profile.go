package simulation

import (
	"math/rand/v2"
	"time"

	"guestlist/handlers/request"
)

// profile is the kind of schedule that a seed makes.
type profile struct {
	config              config
	byRank              bool // calls take turns by rank, not by lot
	eager               int  // how often of 8 times a running call goes before anything new begins
	faults, kills, rate int  // how many at most, and once in how many operations
	instances, people   int  // how many at most
	acts                int  // of a person
	meddling            bool // a person acts on a request just when a message comes for it
	pressed             bool // the directory says now and then that its limits are near
	events              []event
	offsets             []time.Duration // by which the clocks of the instances are ahead
	hoursWrong          bool            // one of them by hours
	startAt             time.Duration   // the time of the day at the start; 0 is any
	mails               *mailing        // nil if the app sends no mails of its own
}

// newProfile returns the profile that the random numbers make; with only, one with that event. The
// app sends the mails.
func newProfile(random *rand.Rand, only string, mails *mailing) *profile {
	p := &profile{
		config: pick(random, configs...), byRank: random.IntN(3) == 0, eager: 2 + random.IntN(7),
		faults: random.IntN(5), kills: random.IntN(3), rate: pick(random, 6, 15, 40),
		pressed: random.IntN(8) == 0, meddling: random.IntN(6) == 0,
		instances: pick(random, 1, 2, 2, 3, 4), people: 1 + random.IntN(3),
		acts: max(0, random.IntN(5)-1), events: chooseEvents(random, only), mails: mails,
	}
	if mails != nil {
		p.events = append(p.events, mails.events...)
	}
	p.config.pace.Share = pick(random, 0, 50)
	switch random.IntN(50) {
	case 0: // a long one
		p.faults, p.kills = 8+random.IntN(20), random.IntN(8)
		p.people, p.acts = 4+random.IntN(6), random.IntN(10)
	case 1: // one in which nothing goes wrong
		p.faults, p.kills = 0, 0
	}
	for _, e := range p.events {
		if e.shape != nil {
			e.shape(random, p)
		}
	}
	return p
}

// prepare sets the world up and plans the events from outside.
func (r *run) prepare() {
	r.upkeepAt = r.now.Truncate(time.Minute).Add(time.Minute)
	r.prepareMails()
	r.prepareStaff()
	r.bootAll(r.profile.instances)
	for _, e := range r.events {
		r.happened("event: %s", e.name)
		if e.plan != nil {
			e.plan(r)
		}
	}
	r.prepareRows()
	r.prepareTenant()
	for range r.people {
		r.plan(r.now.Add(r.soon(time.Minute)), r.submit)
	}
	if r.chance(4) { // a repeat, some time later
		r.plan(r.now.Add(r.soon(2*time.Hour)), r.submit)
	}
	for r.chance(4) {
		r.plan(r.now.Add(r.soon(6*time.Hour)), r.instruct)
	}
	if r.config.retention > 0 && r.chance(4) {
		r.plan(r.now.Add(r.config.retention+r.soon(100*time.Hour)), func() {
			if !r.upkeep {
				r.startUpkeep()
			}
		})
	}
	for range r.acts {
		r.plan(r.now.Add(r.soon(4*time.Hour)), r.act)
	}
	if r.chance(12) {
		r.plan(r.now.Add(r.soon(10*time.Minute)), func() {
			r.storageDown = r.now.Add(r.soon(20 * time.Minute))
			r.happened("storage fails for a while")
		})
	}
	if r.chance(12) {
		r.plan(r.now.Add(r.soon(10*time.Minute)), func() {
			r.outage = r.now.Add(r.soon(3 * time.Hour))
			r.happened("the directory fails for a while")
		})
	}
}

// soon returns a time that is mostly short, and at most longest.
func (r *run) soon(longest time.Duration) time.Duration {
	d := longest
	for range r.random.IntN(6) {
		d /= 4
	}
	return time.Duration(r.random.Int64N(int64(d)))
}

func (r *run) prepareRows() {
	columns := map[string]any{"Action": "invite"}
	switch r.random.IntN(4) {
	case 0:
		columns["Groups"] = groupOne
	case 1, 2:
		columns["Groups"] = groupOne + " " + groupTwo
	}
	switch r.random.IntN(5) {
	case 0:
		columns["MaxGuests"] = int32(1)
	case 1:
		columns["MaxGuests"] = int32(2)
	case 2:
		columns["MaxPerDay"] = int32(1)
	}
	if r.chance(4) {
		columns["Condition"] = `request.company == "Contoso Ltd"`
	}
	if r.chance(8) {
		if r.chance(2) {
			columns["SendInvitation"] = false
		} else {
			columns["InvitationMail"] = "none"
		}
	}
	if r.members {
		columns["UserType"] = "Member"
	}
	review := map[string]any{"Action": "review"}
	deny := map[string]any{"Action": "deny"}
	for _, row := range []map[string]any{columns, review, deny} {
		r.askForProof(row)
	}
	r.askPeople(columns)
	r.askPeople(review)
	r.row(trusted, "trusted", columns)
	r.row(reviewed, "reviewed", review)
	r.row(denied, "denied", deny)
}

// askForProof lets a row say in a schedule with mails whether a proof is needed, and which mail
// tells of the invitation.
func (r *run) askForProof(columns map[string]any) {
	if r.mails == nil {
		return
	}
	if proof := pick(r.random, "", "", "code", "none"); proof != "" {
		columns["Proof"] = proof
	}
	_, set := columns["SendInvitation"]
	if mail := pick(r.random, "", "", "", "own", "microsoft", "none"); mail != "" && !set {
		columns["InvitationMail"] = mail
	}
}

func (r *run) prepareTenant() {
	r.tenant.SearchDelay = pick(r.random, 0, 0, 5*time.Second, 40*time.Second, 5*time.Minute,
		20*time.Minute, r.config.lease+r.soon(2*time.Minute))
	r.tenant.GroupDelay = pick(r.random, 0, 0, 4*time.Second, 90*time.Second, 15*time.Minute)
	r.tenant.Unreadable = r.chance(10)
	if r.chance(6) || len(r.onGuest) > 0 && r.chance(3) {
		r.prepareGuest()
	}
	if r.chance(10) {
		address := addresses[trusted][r.random.IntN(2)]
		r.tenant.bars[address] = pick(r.random, request.DirectoryRefused,
			request.DirectoryDomainBlocked, request.DirectoryAddressTaken, request.DirectoryCrossTenant)
	}
	if r.chance(10) {
		r.tenant.Refuse(pick(r.random, groupOne, groupTwo),
			pick(r.random, request.DirectoryRefused, request.DirectoryGroupForbidden))
	}
	if r.chance(5) {
		code := pick(r.random, request.DirectorySuspicious, request.DirectoryInvitationsOff,
			request.DirectoryForbidden, request.DirectoryQuota)
		r.plan(r.now.Add(r.soon(time.Minute)), func() {
			r.tenant.Stopped = code
			r.happened("the tenant stops taking invitations: %s", code)
			r.plan(r.now.Add(r.soon(9*time.Hour)), r.lift)
		})
	}
}

// prepareGuest adds a user who was there before.
func (r *run) prepareGuest() {
	address := addresses[trusted][r.random.IntN(2)]
	kind := pick(r.random, request.InternalUser, request.AcceptedGuest, request.PendingGuest,
		request.DisabledGuest, request.DeletedGuest)
	id := r.tenant.AddUser(address, kind)
	r.before[address] = kind
	if kind == request.DisabledGuest || kind == request.DeletedGuest {
		r.shut[id] = 0
		r.troubled[address] = true
	}
	if r.chance(2) {
		r.tenant.members[membership{groupOne, id}] = true
	}
	r.guestCame(r.tenant.accounts[id])
}

func (r *run) lift() {
	r.tenant.Stopped = ""
	r.happened("the tenant takes invitations again")
}
