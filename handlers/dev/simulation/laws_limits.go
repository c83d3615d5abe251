package simulation

import (
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// gateSaved checks a change of the gate.
func (r *run) gateSaved(by *call, before, after request.Gate) {
	// The directory is left alone for an hour at most, so that a time further ahead looks like that
	// of a wrong clock. It is the clock of the instance itself that may be wrong.
	if after.HeldUntil.Before(before.HeldUntil) &&
		before.HeldUntil.Sub(by.on.clock(r.now)) <= time.Hour {
		r.breach(lawTurn, "the directory's Retry-After was forgotten")
	}
	if after.NextAt.Before(before.NextAt) && !r.skewed() {
		r.breach(lawTurn, "the next turn of the gate went back")
	}
	if after.Day < before.Day {
		r.breach(lawBudget, "the day of the gate went back from %s to %s", before.Day, after.Day)
	}
	if by.deferred.After(r.notBefore) && !after.HeldUntil.Before(by.deferred.Truncate(request.Tick)) {
		r.notBefore = by.deferred
	}
	sameDay := after.Day == before.Day
	switch {
	case sameDay && after.Sent == before.Sent+1, !sameDay && after.Sent == 1:
		r.admission(by, before, after)
	case sameDay && after.Sent < before.Sent:
		r.turnGivenBack(by, before, after)
	}
	r.stopSaved(by, before, after)
	if after.Cause != "" && after.ProbeAt.IsZero() &&
		(before.Cause == "" || !before.ProbeAt.IsZero()) { // only a person closes it
		r.plan(r.now.Add(r.soon(10*time.Hour)), func() { r.lift(); r.closeBreaker() })
	}
	switch {
	case before.Cause == "" && after.Cause != "":
		r.opened(by, after)
	case before.Cause != "" && after.Cause == "":
		r.breakerClosed()
		if by.order != nil && !by.invited {
			r.closedByOrder(by, before)
		} else if !by.on.admin && !by.invited {
			r.breach(lawWitness, "the breaker was closed without a person or a success")
		}
	}
}

// stopSaved checks a change of an admin's stop. A person closes the breaker some time later.
func (r *run) stopSaved(by *call, before, after request.Gate) {
	switch {
	case before.Stop.Stands() == after.Stop.Stands():
	case !by.on.admin:
		r.breach(lawStopped, "%s: an admin's stop came or went without a person", by.name)
	case after.Stop.Stands():
		r.stoppedAt = r.now
		r.happened("an admin has stopped everything")
		r.plan(r.now.Add(r.soon(10*time.Hour)), r.closeBreaker)
	default: // whoever closes the breaker calls the tenant healthy, so that witnesses count anew
		r.breakerClosed()
	}
}

// breakerClosed lets witnesses count anew. A call that still runs may tell the gate only now what
// it was answered before.
func (r *run) breakerClosed() {
	r.closings++
	r.witnesses = slices.DeleteFunc(r.witnesses, func(w witness) bool { return w.by.goneAt != 0 })
	r.certain = nil
}

// admission checks that the gate may let an invitation through.
func (r *run) admission(by *call, before, after request.Gate) {
	pace := r.config.pace
	by.admitted++
	by.day = after.Day
	by.probing = before.Cause != ""
	by.turn = before.NextAt
	if r.notBefore.After(by.turn) {
		by.turn = r.notBefore
	}
	r.sentOn[after.Day]++
	r.shareTaken(by, after.Day)
	now := by.on.clock(r.now)
	if before.Stop.Stands() {
		r.breach(lawStopped, "%s: an invitation gets a turn although an admin stopped all", by.name)
	}
	switch {
	case before.Cause != "" && (before.ProbeAt.IsZero() || now.Before(before.ProbeAt) && !r.skewed()):
		r.breach(lawTurn, "an invitation is admitted although the breaker is open")
	case before.Cause != "" && !after.ProbeAt.After(now):
		r.breach(lawTurn, "a probe is admitted and the next one may follow at once")
	case pace.Daily > 0 && r.sentOn[after.Day] > pace.Daily:
		r.breach(lawBudget, "%d invitations are admitted on a day, and the budget is %d",
			r.sentOn[after.Day], pace.Daily)
	case pace.Spacing > 0 && after.NextAt.Before(before.NextAt.Add(pace.Spacing)) && !r.skewed():
		r.breach(lawTurn, "the gate ignores the spacing")
	}
	if before.Cause == "" {
		return
	}
	r.counts.Probes++
	// After an hour in which no other request took the probe, it is anybody's.
	patient := now.Before(before.ProbeAt.Add(time.Hour))
	if by.about != "" && by.about == r.opener && patient && r.othersWait(by.about) {
		r.breach(lawWitness, "%s opened the breaker and probes it", r.nameOf(by.about))
	}
}

// othersWait reports whether another request than id is parked.
func (r *run) othersWait(id submission.ID) bool {
	for _, other := range r.requests {
		if other != id && r.recorded[other].State == request.Parked {
			return true
		}
	}
	return false
}

// A share is what a domain has of a day.
type share struct{ day, domain string }

// shareTaken counts an invitation for its domain.
func (r *run) shareTaken(by *call, day string) {
	pace := r.config.pace
	record := r.recorded[by.about]
	wanted := record.Resend.ByPerson() || by.has.Resend.ByPerson() || by.has.Owed.Person
	by.shared = record.Approval == nil && !wanted
	if !by.shared || pace.Daily == 0 || pace.Share == 0 {
		return
	}
	key := share{day, r.address[by.about].Domain()}
	r.shares[key]++
	if most := max(1, pace.Daily*pace.Share/100); r.shares[key] > most {
		r.breach(lawShare, "%s has %d invitations of a day, and its share is %d",
			key.domain, r.shares[key], most)
	}
}

// An openTurn is that of the last invitation of a request, while the directory has not said whether
// it was sent.
type openTurn struct {
	day    string
	shared bool // it came from the share of a domain
	at     int  // when there was no answer, by the number of the happening
}

// turnGivenBack checks a turn of the day that is given back. It is one that the call has not used,
// or that of an invitation whose answer was lost: then the call has asked for the guest since, and
// the tenant had none to show. Each is given back once.
func (r *run) turnGivenBack(by *call, before, after request.Gate) {
	turns := r.openTurns[by.about]
	i := slices.IndexFunc(turns, func(t openTurn) bool {
		return t.day == after.Day && by.blind && by.lookedAt > t.at
	})
	shared := by.shared
	switch {
	case after.Sent != before.Sent-1:
		r.breach(lawBudget, "%d turns of the day are given back at once", before.Sent-after.Sent)
	case by.unsent > 0:
		by.unsent--
	case by.admitted > 0:
		by.admitted--
	case i < 0:
		r.breach(lawBudget, "%s: a turn is given back of an invitation that may have been sent", by.name)
	default:
		shared = turns[i].shared
		r.counts.TurnsBack++
		r.openTurns[by.about] = slices.Delete(turns, i, i+1)
	}
	r.sentOn[after.Day]--
	if shared {
		r.shares[share{after.Day, r.address[by.about].Domain()}]--
	}
}

// closeTurns forgets the open turns of the request, of which the last counts, except those that a
// slow call is about to give back.
func (r *run) closeTurns(by *call) {
	r.openTurns[by.about] = slices.DeleteFunc(r.openTurns[by.about], func(t openTurn) bool {
		return !slices.ContainsFunc(r.running, func(c *call) bool {
			return c != by && c.about == by.about && c.blind && c.lookedAt > t.at
		})
	})
}

// wantTurn checks that the gate has admitted a call that is about to send, and still does as far
// as the call knows.
func (r *run) wantTurn(by *call) {
	now := by.on.clock(r.now)
	// A call that has its turn need not look at the gate again.
	stopped := r.gate.Stop.Stands() && r.now.Sub(r.stoppedAt) > request.LongestAttempt
	if stopped || by.gate.Stop.Stands() {
		r.breach(lawStopped, "%s: an invitation is sent although an admin stopped all", by.name)
	}
	switch {
	case by.admitted == 0:
		r.breach(lawTurn, "%s: an invitation is sent past the gate", by.name)
	case len(r.offsets) > 0: // turns are times by the clocks of others
	case now.Before(by.turn.Add(-time.Microsecond)):
		r.breach(lawTurn, "%s: an invitation is sent before its turn", by.name)
	case by.gate.Cause != "" && !by.probing:
		r.breach(lawTurn, "%s: an invitation is sent although the breaker is open", by.name)
	case now.Before(by.gate.HeldUntil.Add(-time.Microsecond)):
		r.breach(lawTurn, "%s: an invitation is sent before the directory's Retry-After", by.name)
	}
}

// A witness is a request to which the directory has answered what may be about the whole tenant.
type witness struct {
	by     *call
	code   problem.Code
	answer string
}

// answered keeps what the directory answered to an invitation.
func (r *run) answered(by *call, err error) {
	code := problem.CodeOf(err)
	if err == nil {
		r.closeTurns(by)
		return
	}
	if r.tenantWide(code) {
		w := witness{by, code, problem.From(err).Answer}
		r.witnesses = append(r.witnesses, w)
		if len(r.certain) > 0 && (r.certain[0].code != code || r.certain[0].answer != w.answer) {
			r.certain = nil // the answers must be the same in a row
		}
		r.certain = append(r.certain, w)
		by.tenantWide, by.closingsThen = code, r.closings
		r.refusals[by.about]++
	}
	// Only these leave open whether the invitation was sent.
	if code != request.DirectoryUnavailable && code != request.DirectoryUnknown {
		by.unsent++
	} else if !by.resending && !by.redeeming {
		r.closeTurns(by)
		r.openTurns[by.about] = append(r.openTurns[by.about], openTurn{by.day, by.shared, r.happenings})
	}
}

// oddlyAnswered keeps an answer that makes no sense to the question who holds an address. It may be
// a witness: a call asks several times, and need not go on.
func (r *run) oddlyAnswered(by *call, err error) {
	code := problem.CodeOf(err)
	if code == request.DirectoryUnknown || code == request.DirectoryRefused {
		r.witnesses = append(r.witnesses, witness{by: by, code: request.DirectoryUnknown})
		r.interrupt(by)
	}
}

// interrupt lets witnesses count anew, who must have had the same answer in a row: the call has had
// another one. The gate may hear of it only when the call ends.
func (r *run) interrupt(by *call) {
	by.interrupts = true
	r.certain = nil
}

// tenantWide reports whether an answer to one invitation may be about everybody's.
func (r *run) tenantWide(code problem.Code) bool {
	return request.TenantWide(code) || code == request.DirectoryUnknown
}

// accepted forgets the witnesses whom an accepted invitation refutes: those who were gone when it
// began. Which of two calls at the same time the gate hears first is open. A call that ended before
// it could tell the gate refutes nobody.
func (r *run) accepted(by *call) {
	var left []witness
	for _, w := range r.witnesses {
		if w.by.goneAt == 0 || w.by.goneAt > by.begunAt {
			left = append(left, w)
		}
	}
	r.witnesses = left
}

// count returns for how many addresses requests have had the answer; over counts only those whose
// call has succeeded, so that the gate knows.
func (r *run) count(witnesses []witness, code problem.Code, over bool) int {
	addresses := map[submission.Address]bool{}
	for _, w := range witnesses {
		if w.code == code && (!over || w.by.certain) {
			addresses[r.address[w.by.about]] = true
		}
	}
	return len(addresses)
}

// others returns how many witnesses of other answers the gate remembers. A slow call may have told
// it so late that each took the place of one that is asked for.
func (r *run) others(code problem.Code) (n int) {
	for _, w := range r.gate.Witnesses {
		if w.Answer != "" && !strings.HasPrefix(w.Answer, string(code)) {
			n++
		}
	}
	return n
}

// needed returns how many requests must have had the answer before the breaker opens.
func needed(code problem.Code) int {
	switch code {
	case request.DirectorySuspicious: // every further attempt makes it worse
		return 1
	case request.DirectoryUnknown: // nobody knows whether it is about the tenant
		return 3
	default:
		return 2
	}
}

// opened checks that the breaker was opened for a reason.
func (r *run) opened(by *call, after request.Gate) {
	r.counts.Openings++
	r.opener = by.about
	code := after.Cause
	if code == request.DirectoryRefusesAll {
		code = request.DirectoryUnknown
	}
	if n := r.count(r.witnesses, code, false); n < needed(code) {
		r.breach(lawWitness, "the breaker was opened for %s, and %d requests have had that answer",
			after.Cause, n)
	}
	if request.Probe(after.Cause) == after.ProbeAt.IsZero() {
		r.breach(lawWitness, "the breaker was opened for %s with a wrong time for its probe",
			after.Cause)
	}
}

// gateHeard lets witnesses count anew when a call ends that had another answer. The gate may have
// been told only now, even if the call then failed.
func (r *run) gateHeard(by *call) {
	if by.knows || by.interrupts {
		r.certain = nil
	}
}

// wantBreakerOpen checks, when a call has ended, that the gate knows what the directory said.
func (r *run) wantBreakerOpen(by *call) {
	if r.gateUnread(by.begunAt) {
		return // the call could tell it nothing
	}
	code := by.tenantWide
	by.certain = true
	if by.knows {
		r.accepted(by)
	}
	if code != "" && r.gate.Cause == "" && r.closings == by.closingsThen &&
		r.count(r.certain, code, true) >= needed(code)+r.others(code) {
		r.breach(lawWitness, "the tenant takes no invitations (%s), and the breaker stays closed", code)
	}
	if by.probing && by.knows && r.gate.Cause != "" && r.counts.Openings == by.openingsThen {
		r.breach(lawWitness, "a probe succeeded, and the breaker stays open")
	}
}

// savedParked keeps since when requests are parked.
func (r *run) savedParked(before, after request.Request) {
	switch {
	case before.State == request.Parked && (after.State == request.Inviting || after.State == request.Parked):
		r.resumed[after.ID] = r.now // or it was too late for that
	case after.State == request.Parked && before.State != request.Parked:
		if _, parked := r.parked[after.ID]; !parked {
			r.parked[after.ID], r.parkedAt[after.ID] = r.now, r.happenings
		}
	case after.State != request.Parked && after.State != request.Inviting:
		delete(r.parked, after.ID)
	}
}

// How much later an older request may go, and how much older or longer parked it must be for that
// to count.
const (
	orderSlack = 45 * time.Minute
	orderAge   = 10 * time.Minute
)

// wantOrder checks that no older request stays parked for long after one that was parked goes. A
// mail that somebody asked for has no place in that order, and may have had the turn.
func (r *run) wantOrder(by *call) {
	id := by.about
	_, wasParked := r.parked[id]
	// A request may take a seat of the day and then be parked by the gate; older ones of its row,
	// with seats of other days, find the day full. One that takes no seat makes no day full.
	fair := r.recorded[id].Limits() == nil || r.seatedAt[id] > 0 && r.seatedAt[id] < r.parkedAt[id]
	delete(r.parked, id)
	// For one probe several requests are resumed, and the witnesses of the breaker are not. The
	// others go once the breaker is closed.
	forProbe := r.now.Sub(r.gate.ClosedAt).Abs() < orderAge
	// In a long outage of this world upkeep runs hours apart. Who looks by itself meanwhile waits
	// for the next run, too, and may go before those that this run resumes.
	sparse := r.now.Before(r.gone.until) && r.now.Sub(r.gone.since)/8 > orderAge
	if !wasParked || by.probing || forProbe || sparse || r.disturbed() {
		return
	}
	begun, mails := r.now, r.counts.Resends+r.counts.Redeems
	for _, older := range r.requests {
		since, parked := r.parked[older]
		// Of two that are resumed at once the younger may be faster.
		atOnce := begun.Sub(r.resumed[older]) < 2*time.Minute ||
			slices.ContainsFunc(r.running, func(c *call) bool { return c.about == older }) ||
			slices.ContainsFunc(r.messages, func(m *message) bool {
				return m.ID == older && !m.dead && !m.passedOver && !m.visible.After(begun)
			})
		if !parked || atOnce || fair && r.fullFor(older, by) || !r.sameShare(id, older) || r.recorded[older].State != request.Parked ||
			begun.Sub(since) < orderSlack || r.heldBack(older) || id.Issued().Sub(older.Issued()) < orderAge {
			continue
		}
		r.plan(begun.Add(orderSlack), func() {
			now, still := r.parked[older]
			// One that is withdrawn only waits for what it leaves behind to be removed.
			if still && now.Equal(since) && r.recorded[older].State == request.Parked && !r.recorded[older].Withdrawal.Open() &&
				!r.gate.IsOpen() && !r.disturbed() && !r.heldBack(older) && r.counts.Resends+r.counts.Redeems == mails {
				r.breach(lawOrder, "%s is sent, and %s is older and stays parked",
					r.nameOf(id), r.nameOf(older))
			}
		})
	}
}

// fullFor reports whether the row of the request was found to bring in no more guests on this day.
func (r *run) fullFor(id submission.ID, by *call) bool {
	return r.recorded[id].FullOn == policy.Day(by.on.clock(r.now))
}

// sameShare reports whether two requests take their turns from the same shares. Otherwise the
// share of the older one may be used up.
func (r *run) sameShare(id, other submission.ID) bool {
	a, b := r.recorded[id], r.recorded[other]
	return r.config.pace.Share == 0 || a.Approval == nil && b.Approval == nil &&
		decidingRow(a) == decidingRow(b) && r.address[id].Domain() == r.address[other].Domain()
}

// decidingRow returns the row that has decided the request.
func decidingRow(record request.Request) (row policy.RowKey) {
	if record.Decision != nil && record.Decision.Row != nil {
		row = policy.RowKey{Partition: record.Decision.Row.Partition, Name: record.Decision.Row.Name}
	}
	return row
}

// disturbed reports whether something went wrong that may keep a single request waiting.
func (r *run) disturbed() bool {
	return r.counts.Faults+r.counts.Kills > 0 || !r.storageDown.IsZero() || !r.outage.IsZero() ||
		r.skewed()
}

// skewed reports whether an instance has a clock that is hours wrong: times that it writes, such as
// those of leases and turns, are then wrong for the others.
func (r *run) skewed() bool { return r.hoursWrong }

// clock returns the time by the clock of the instance.
func (i *instance) clock(now time.Time) time.Time { return now.Add(i.offset) }
