package simulation

import (
	"errors"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

// company is that of everybody.
const company = "Contoso Ltd"

// admin is the person who reviews.
const admin = "admin@example.com"

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
	// Mostly the first ones. Requests for an unlucky address are each tried for a day, one after
	// another: two are enough.
	address := list[min(r.random.IntN(len(list)), r.random.IntN(len(list)))]
	if r.unlucky[address] != "" && len(r.idsFor(address)) >= 2 {
		address = list[len(list)-1]
	}
	r.enqueue(address)
}

func (r *run) enqueue(address submission.Address) {
	if r.isGone(queueService) {
		r.happened("a sign-up for %s is not accepted", address)
		return
	}
	key, ofKey := submission.NewIDKey("the key of the form")
	id, ofID := key.NewID(r.now, source{r.random})
	if err := errors.Join(ofKey, ofID); err != nil {
		r.breach(lawInternal, "no id: %v", err)
		return
	}
	r.enqueueAs(id, address)
}

// enqueueAs is enqueue with a given id.
func (r *run) enqueueAs(id submission.ID, address submission.Address) {
	first := &submission.Submission{
		Email: address, GivenName: "Ana", FamilyName: "Silva", Company: company,
		Language: "pt-PT", SubmittedAt: r.now.UTC().Truncate(time.Second),
	}
	r.requests = append(r.requests, id)
	r.numbers[id] = len(r.requests)
	r.submitted[id], r.submittedAt[id], r.address[id] = r.now, r.happenings, address
	r.counts.Submissions++
	r.happened("request %d is submitted, for %s", len(r.requests), address)
	r.put(submission.Message{ID: id, Submission: first}, false, r.now.Add(r.lateness()))
	if r.misfortune(15) { // the host sent it twice
		r.put(submission.Message{ID: id, Submission: first}, false, r.now.Add(r.lateness()))
	}
}

// instruct puts on the queue what a partner asks for on the status page.
func (r *run) instruct() {
	if len(r.requests) > 0 {
		r.wishOn(pick(r.random, r.requests...))
	}
}

// wishOn puts a wish for a request on the queue.
func (r *run) wishOn(id submission.ID) {
	if r.chance(4) {
		r.wishWith(id, submission.Withdraw)
	} else {
		r.wishWith(id, submission.Resend)
	}
}

// wishWith puts a wish of that kind on the queue.
func (r *run) wishWith(id submission.ID, kind submission.Kind) {
	if r.isGone(queueService) {
		r.happened("a wish is not accepted")
		return
	}
	if kind == submission.Withdraw {
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
	if act != "erase" || r.chance(3) {
		r.actOnWith(id, act)
	}
}

// actOnWith does that to a request.
func (r *run) actOnWith(id submission.ID, act string) {
	groups := pick(r.random, []string{groupTwo}, []string{groupTwo}, []string{groupOne},
		[]string{otherGroup}, []string{groupOne, groupTwo}, nil)
	if act == "erase" {
		r.withdrawn[id] = true
	}
	name, before := act+" "+r.nameOf(id), r.recorded[id]
	var c *call
	c = r.start(&instance{admin: true}, name, id, func() error {
		at := store{r}
		config := review.Config{Store: at, Seats: at, Records: at, MailStore: at, DeadLetters: at, Now: r.clock, By: admin}
		if r.bendPeople != nil {
			r.bendPeople(&config)
		}
		reviewer, err := review.New(config)
		if err != nil {
			return err
		}
		switch act {
		case "approve":
			var shown request.Request
			shown, err = at.Load(r.context, id)
			if err == nil {
				terms := policy.Terms{Groups: groups, UserType: "Guest"}
				_, err = reviewer.Approve(r.context, shown, terms, "")
			}
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
	}, func(err error) {
		r.judgeFailure(name, err)
		if act == "cancel" {
			r.wantCancelled(before, c.read, err)
		}
	}, func() {})
	c.groups = groups
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
	r.askForProof(columns)
	r.row(trusted, "trusted", columns)
	r.happened("the row is edited: %s", action)
}

// dropRow removes the row of the trusted domain.
func (r *run) dropRow() {
	r.edited, r.rowless = true, true
	r.removeRow(policy.RowKey{Partition: trusted, Name: "trusted"})
}

// openBreaker stops everything as an admin does, until one closes the breaker.
func (r *run) openBreaker() {
	again := func() { r.plan(r.now.Add(r.again()), r.openBreaker) } // a person tries again
	r.start(&instance{admin: true}, "open breaker", "", func() error {
		_, err := request.OpenBreaker(r.context, store{r}, admin, "a row lets everybody in", r.now)
		return err
	}, func(err error) {
		if err != nil {
			again()
		}
	}, again)
}

// closeBreaker closes the breaker as an admin does.
func (r *run) closeBreaker() {
	r.start(&instance{admin: true}, "close breaker", "", func() error {
		_, err := request.CloseBreaker(r.context, store{r}, admin, r.gate.Stop.At, r.now)
		return err
	}, func(err error) {
		if err != nil {
			r.plan(r.now.Add(r.again()), r.closeBreaker) // a person tries again
		}
	}, func() { r.plan(r.now.Add(r.again()), r.closeBreaker) })
}
