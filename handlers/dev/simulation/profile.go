package simulation

import (
	"math/rand/v2"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

// admin is the person who reviews.
const admin = "admin@example.com"

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
}

func newProfile(random *rand.Rand) *profile {
	p := &profile{
		config: pick(random, configs...), byRank: random.IntN(3) == 0, eager: 2 + random.IntN(7),
		faults: random.IntN(5), kills: random.IntN(3), rate: pick(random, 6, 15, 40),
		pressed: random.IntN(8) == 0, meddling: random.IntN(6) == 0,
		instances: pick(random, 1, 2, 2, 3, 4), people: 1 + random.IntN(3), acts: max(0, random.IntN(5)-1),
	}
	switch random.IntN(50) {
	case 0: // a long one
		p.faults, p.kills, p.people, p.acts = 8+random.IntN(20), random.IntN(8), 4+random.IntN(6), random.IntN(10)
	case 1: // one in which nothing goes wrong
		p.faults, p.kills = 0, 0
	}
	return p
}

// prepare sets the world up and plans the events from outside.
func (r *run) prepare() {
	r.upkeepAt = r.now.Truncate(time.Minute).Add(time.Minute)
	r.bootAll(r.profile.instances)
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
		columns["SendInvitation"] = false
	}
	r.row(trusted, "trusted", columns)
	r.row(reviewed, "reviewed", map[string]any{"Action": "review"})
	r.row(denied, "denied", map[string]any{"Action": "deny"})
}

func (r *run) prepareTenant() {
	r.tenant.SearchDelay = pick(r.random, 0, 0, 5*time.Second, 40*time.Second, 5*time.Minute, 20*time.Minute, r.config.lease+r.soon(2*time.Minute))
	r.tenant.GroupDelay = pick(r.random, 0, 0, 4*time.Second, 90*time.Second, 15*time.Minute)
	r.tenant.Unreadable = r.chance(10)
	if r.chance(6) {
		address := addresses[trusted][r.random.IntN(2)]
		kind := pick(r.random, request.InternalUser, request.AcceptedGuest, request.PendingGuest, request.DisabledGuest, request.DeletedGuest)
		id := r.tenant.AddUser(address, kind)
		r.before[address] = kind
		if r.chance(2) {
			r.tenant.members[membership{groupOne, id}] = true
		}
	}
	if r.chance(10) {
		address := addresses[trusted][r.random.IntN(2)]
		r.tenant.bars[address] = pick(r.random, request.DirectoryRefused, request.DirectoryDomainBlocked, request.DirectoryAddressTaken, request.DirectoryCrossTenant)
	}
	if r.chance(10) {
		r.tenant.Refuse(pick(r.random, groupOne, groupTwo), pick(r.random, request.DirectoryRefused, request.DirectoryGroupForbidden))
	}
	if r.chance(5) {
		code := pick(r.random, request.DirectorySuspicious, request.DirectoryInvitationsOff, request.DirectoryForbidden, request.DirectoryQuota)
		r.plan(r.now.Add(r.soon(time.Minute)), func() {
			r.tenant.Stopped = code
			r.happened("the tenant stops taking invitations: %s", code)
			r.plan(r.now.Add(r.soon(9*time.Hour)), r.lift)
		})
	}
}

func (r *run) lift() {
	r.tenant.Stopped = ""
	r.happened("the tenant takes invitations again")
}

// submit puts a submission on the queue, as the host does for the form.
func (r *run) submit() {
	domain := trusted
	switch r.random.IntN(10) {
	case 0:
		domain = reviewed
	case 1:
		domain = denied
	case 2:
		domain = unlisted
	}
	list := addresses[domain]
	r.enqueue(list[min(r.random.IntN(len(list)), r.random.IntN(len(list)))]) // mostly the first ones
}

func (r *run) enqueue(address submission.Address) {
	id, err := submission.NewID(r.now, source{r.random})
	if err != nil {
		r.breach("no id: %v", err)
		return
	}
	first := &submission.Submission{
		Email: address, GivenName: "Ana", FamilyName: "Silva", Company: "Contoso Ltd", Language: "pt-PT", SubmittedAt: r.now.UTC().Truncate(time.Second),
	}
	r.requests = append(r.requests, id)
	r.numbers[id] = len(r.requests)
	r.submitted[id], r.address[id] = r.now, address
	r.counts.Submissions++
	r.happened("request %d is submitted, for %s", len(r.requests), address)
	r.put(submission.Message{ID: id, Submission: first}, false, r.now.Add(r.lateness()))
	if r.misfortune(15) {
		r.put(submission.Message{ID: id, Submission: first}, false, r.now.Add(r.lateness())) // the host sent it twice
	}
}

// instruct puts on the queue what a partner asks for on the status page.
func (r *run) instruct() {
	if len(r.requests) == 0 {
		return
	}
	id := pick(r.random, r.requests...)
	kind := submission.Resend
	if r.chance(4) {
		kind = submission.Withdraw
		r.withdrawn[id] = true
	} else {
		r.asked[r.address[id]]++
	}
	r.happened("the partner asks for: %s %s", kind, r.nameOf(id))
	r.put(submission.Message{ID: id, Kind: kind}, false, r.now.Add(r.lateness()))
}

// act does something that an admin does.
func (r *run) act() {
	if r.chance(6) {
		r.editRow()
		return
	}
	if r.chance(6) {
		r.closeBreaker()
		return
	}
	if len(r.requests) == 0 {
		return
	}
	r.actOn(pick(r.random, r.requests...))
}

// actOn does something that an admin does to a request.
func (r *run) actOn(id submission.ID) {
	act := pick(r.random, "approve", "deny", "cancel", "resend", "erase", "retry")
	if act == "erase" {
		if !r.chance(3) {
			return
		}
		r.withdrawn[id] = true
	}
	name := act + " " + r.nameOf(id)
	r.start(&instance{admin: true}, name, id, func() error {
		at := store{r}
		reviewer, err := review.New(review.Config{Store: at, Seats: at, Records: at, Now: r.clock, By: admin})
		if err != nil {
			return err
		}
		switch act {
		case "approve":
			terms := policy.Terms{Groups: []string{groupTwo}, SendInvitation: true, UserType: "Guest"}
			_, err = reviewer.Approve(r.context, id, terms, "")
		case "deny":
			_, err = reviewer.Deny(r.context, id, "not known here")
		case "cancel":
			_, err = reviewer.Cancel(r.context, id, "no longer needed")
		case "resend":
			r.asked[r.address[id]]++
			_, err = reviewer.Resend(r.context, id)
		case "erase":
			_, err = reviewer.Erase(r.context, id)
		case "retry":
			_, err = reviewer.Retry(r.context, id)
		}
		return err
	}, func(err error) { r.judgeFailure(name, err) }, func() {})
}

func (r *run) clock() time.Time { return r.now }

// editRow changes the row of the trusted domain.
func (r *run) editRow() {
	r.edited = true
	action := pick(r.random, "invite", "invite", "review", "deny")
	columns := map[string]any{"Action": action, "Groups": pick(r.random, groupOne, groupTwo)}
	if r.chance(3) {
		columns["MaxGuests"] = int32(1 + r.random.IntN(2))
	}
	r.row(trusted, "trusted", columns)
	r.happened("the row is edited: %s", action)
}

// closeBreaker closes the breaker as an admin does.
func (r *run) closeBreaker() {
	r.start(&instance{admin: true}, "close breaker", "", func() error {
		tables := store{r}
		_, err := request.CloseBreaker(r.context, tables, admin, r.now)
		if err != nil {
			return err
		}
		for _, id := range r.requests {
			if r.recorded[id].State != request.Parked {
				continue
			}
			err = tables.Wait(r.context, id, r.now)
			if err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		if err != nil {
			r.plan(r.now.Add(time.Minute), r.closeBreaker) // a person tries again
		}
	}, func() { r.plan(r.now.Add(time.Minute), r.closeBreaker) })
}
