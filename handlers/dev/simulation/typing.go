package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// mailEvents are about the app's own mails, and the codes in them.
var mailEvents = []event{
	{name: "mail service gone", plan: func(r *run) { r.planMailOutage(mailsGone) }},
	{name: "mail answers lost", plan: func(r *run) { r.planMailOutage(mailsUnheard) }},
	{name: "mail service throttles", plan: func(r *run) { r.planMailOutage(mailsThrottled) }},
	{name: "mail service forbids", plan: func(r *run) { r.planMailOutage(mailsForbidden) }},
	{name: "mail service slow", plan: func(r *run) { r.planMailOutage(mailsSlow) }},
	{name: "mails not delivered", plan: (*run).planUndelivered},
	{name: "mails switched off", plan: (*run).planMailsOff},
	{name: "mails can't be asked about", shape: func(_ *rand.Rand, p *profile) { p.mails.untold = true }},
	{name: "codes guessed", plan: (*run).planGuesses},
	{name: "codes wished", plan: (*run).planCodeWishes},
	{name: "stranger signs up", plan: (*run).planStranger},
	{name: "proofs asked for between steps", plan: func(r *run) { r.rowChanges += 2 + r.random.IntN(6) }},
	{name: "quota of few mails", shape: shapeFewMails, plan: (*run).planManyMails},
}

// planMailOutage lets the mail service fail for some time, mostly hours, while people sign up.
func (r *run) planMailOutage(trouble mailTrouble) {
	begins := r.now.Add(r.soon(2 * time.Hour))
	lasts := time.Minute + r.soon(16*time.Hour)
	if r.chance(30) {
		lasts = time.Duration(50+r.random.IntN(60)) * time.Hour
	}
	r.plan(begins, func() {
		if r.now.Before(r.mailOutage.until) {
			return // another one lasts
		}
		r.mailOutage = mailOutage{
			mailTrouble: trouble, since: r.now, until: r.now.Add(lasts), flaky: r.chance(4),
			takes: pick(r.random, 0, time.Second, callTimeout),
			asks:  pick(r.random, 0, 20*time.Second, 10*time.Minute, 5*time.Hour),
		}
		r.happened("the mail service %s until %s (%+v)", trouble, r.mailOutage.until.Format("02 15:04"), r.mailOutage)
	})
	for range r.random.IntN(4) {
		r.plan(begins.Add(r.soon(lasts)), r.submit)
	}
	if r.chance(2) {
		r.plan(begins.Add(r.soon(lasts)), r.instruct)
	}
}

// planUndelivered lets the service drop the mails to addresses, some from some time on.
func (r *run) planUndelivered() {
	for range 1 + r.random.IntN(3) {
		address := pick(r.random, addresses[pick(r.random, trusted, trusted, reviewed)]...)
		fate := pick(r.random, request.MailFailed, request.MailSuppressed)
		r.plan(r.now.Add(r.soon(2*time.Hour)), func() {
			r.happened("mails to %s are %s", address, fate)
			r.service.fates[address] = fate
			if r.chance(2) {
				r.plan(r.now.Add(r.soon(40*time.Hour)), func() {
					r.happened("mails to %s are delivered", address)
					delete(r.service.fates, address)
				})
			}
			r.plan(r.now.Add(r.soon(20*time.Hour)), func() { r.enqueue(address) })
		})
	}
}

// planMailsOff lets an admin switch the app's own mails off, and on again: instances start anew,
// one after the other.
func (r *run) planMailsOff() {
	r.plan(r.now.Add(r.soon(6*time.Hour)), func() {
		r.switchMails(false)
		if r.chance(3) {
			return
		}
		r.plan(r.now.Add(r.soon(30*time.Hour)), func() { r.switchMails(true) })
	})
	for range r.random.IntN(4) {
		r.plan(r.now.Add(r.soon(20*time.Hour)), r.submit)
	}
}

func (r *run) switchMails(on bool) {
	r.happened("the app's own mails are switched on: %t", on)
	r.mailsOff = !on
	r.everOff = true
	for _, instance := range r.instances {
		r.plan(r.now.Add(r.soon(10*time.Minute)), func() { r.kill(instance) })
	}
}

// shapeFewMails lets few mails be sent.
func shapeFewMails(random *rand.Rand, p *profile) {
	p.mails.quota = request.MailQuota{PerMinute: 1 + random.IntN(2), PerHour: 1 + random.IntN(6)}
	if random.IntN(3) > 0 {
		p.faults, p.kills = 0, 0
	}
}

// planManyMails lets more people sign up than there are mails in an hour.
func (r *run) planManyMails() {
	for i := range 2 + r.random.IntN(6) {
		address := parsed(fmt.Sprintf("guest%d@%s", i, pick(r.random, trusted, trusted, reviewed)))
		r.plan(r.now.Add(r.soon(3*time.Hour)), func() { r.enqueue(address) })
	}
}

// planGuesses lets somebody try codes at requests in every state.
func (r *run) planGuesses() {
	for range 3 + r.random.IntN(6) {
		r.plan(r.now.Add(r.soon(20*time.Hour)), r.guess)
	}
	for range 1 + r.random.IntN(3) {
		r.plan(r.now.Add(r.soon(6*time.Hour)), r.submit)
	}
}

// planCodeWishes plans wishes for another code, mostly for requests that wait for one.
func (r *run) planCodeWishes() {
	for range 3 + r.random.IntN(8) {
		r.plan(r.now.Add(r.soon(26*time.Hour)), func() {
			if len(r.requests) == 0 {
				return
			}
			id := pick(r.random, r.requests...)
			for range 3 {
				if r.recorded[id].State != request.Proving {
					id = pick(r.random, r.requests...)
				}
			}
			r.wishWith(id, submission.Resend)
		})
	}
}

// planStranger lets somebody sign up again and again for the address of somebody else, and wish for
// the code again.
func (r *run) planStranger() {
	address := addresses[trusted][r.random.IntN(2)]
	longest := pick(r.random, time.Hour, 12*time.Hour, 50*time.Hour)
	for range 3 + r.random.IntN(8) {
		r.plan(r.now.Add(r.soon(longest)), func() {
			ids := r.idsFor(address)
			switch {
			case len(ids) == 0 || r.chance(2):
				r.enqueue(address)
			case r.chance(6):
				r.wishOn(pick(r.random, ids...))
			default:
				r.wishWith(pick(r.random, ids...), submission.Resend)
			}
		})
	}
}

// guess types a code that nobody knows to be the right one, for some request in any state.
func (r *run) guess() {
	if len(r.requests) == 0 {
		return
	}
	id := pick(r.random, r.requests...)
	for range 1 + r.random.IntN(3) {
		r.typeCode(id, fmt.Sprintf("%08d", r.random.IntN(100_000_000)))
	}
}

// codeCame lets somebody read a mail with a code, and type it at some time: mostly soon, and
// sometimes wrong, late, or at several pages at once.
func (r *run) codeCame(l letter) {
	if r.chance(5) {
		return // nobody reads it
	}
	right := func() { r.typeCode(l.request, l.secret) }
	wrong := func() { r.typeCode(l.request, mistyped(l.secret, r.random)) }
	at := r.now.Add(r.soon(22 * time.Hour))
	switch r.random.IntN(10) {
	case 0, 1:
		for range 1 + r.random.IntN(request.MaxProofTries) {
			r.plan(at, wrong)
			at = at.Add(r.soon(20 * time.Minute))
		}
	case 2:
		r.plan(at, right)
		r.plan(at, wrong)
		r.plan(at, right)
	case 3:
		at = r.now.Add(request.ProofTime - 5*time.Minute + r.soon(10*time.Minute))
	}
	r.plan(at, right)
}

// mistyped returns a code with one digit that is wrong.
func mistyped(code string, random *rand.Rand) string {
	digits := []byte(code)
	place := random.IntN(len(digits))
	digits[place] = '0' + (digits[place]-'0'+1+byte(random.IntN(9)))%10
	return string(digits)
}

// typeCode puts a code on the queue, as the status page does.
func (r *run) typeCode(id submission.ID, code string) {
	if r.isGone(queueService) {
		r.happened("a code for %s is not accepted", r.nameOf(id))
		return
	}
	r.counts.CodesTyped++
	r.typed(id, code)
	r.put(submission.Message{ID: id, Kind: submission.Prove, Code: code}, false, r.now.Add(r.lateness()))
	if r.misfortune(15) { // it was sent twice
		r.put(submission.Message{ID: id, Kind: submission.Prove, Code: code}, false, r.now.Add(r.lateness()))
	}
}
