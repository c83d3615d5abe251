package simulation

import (
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// wantAccounted checks that a submission is not lost: it has ended, or something will bring it
// back.
func (r *run) wantAccounted(id submission.ID) {
	_, known := r.submitted[id]
	if !known {
		return
	}
	record, exists := r.recorded[id]
	if exists && record.AtRest() || r.over[id] {
		return
	}
	_, waits := r.dues[id]
	if exists && (waits || r.sweepBrings(record)) {
		return
	}
	for _, m := range r.messages {
		if m.ID == id && (exists || m.Submission != nil) {
			return
		}
	}
	state := request.State("not recorded")
	if exists {
		state = record.State
	}
	r.breach(lawAccounted, "%s is lost: it is %s, and has neither a due entry nor a message",
		r.nameOf(id), state)
}

// saved checks a request that was just stored.
func (r *run) saved(
	by *call, before request.Request, existed bool, after request.Request, events []request.Event,
) {
	if r.madeUp[after.ID] {
		r.savedMark(after)
		return
	}
	if _, known := r.submitted[after.ID]; !known {
		r.breach(lawHistory, "a request is stored that nobody submitted")
		return
	}
	r.savedHistory(by, before, existed, after, events)
	r.savedErasure(before, after)
	r.savedTrouble(by, before, after, events)
	r.savedVotes(by, before, after)
	r.savedOrder(by, before, after)
	r.savedNotices(by, before, after)
	r.savedDecision(by, before, existed, after)
	if r.mails != nil {
		r.savedProof(by, before, after)
		r.savedDebt(by, before, after, events)
	}
	r.savedWait(by, before, after)
	r.savedWish(by, before, after)
	r.savedGuest(by, before, after)
	r.savedGrants(by, before, after)
	r.savedParked(before, after)
	r.savedResumed(by, before, after)
}

// savedHistory checks that the history tells the state.
func (r *run) savedHistory(
	by *call, before request.Request, existed bool, after request.Request, events []request.Event,
) {
	name := r.nameOf(after.ID)
	if after.Events != before.Events+len(events) {
		r.breach(lawHistory, "the history of %s has %d events after %d and %d more",
			name, after.Events, before.Events, len(events))
	}
	if len(events) > 0 && events[len(events)-1].State != after.State ||
		len(events) == 0 && existed && before.State != after.State {
		r.breach(lawHistory, "%s is %s, and its history does not say so", name, after.State)
	}
	// A guest who never came to be, or who was given another address, is not the end of it. With a
	// clock that is hours ahead a guest who is a minute late seems never to come.
	guestless := before.State == request.Done &&
		(r.skewed() || r.lostSince(holding{before.GuestID, r.address[before.ID]}, by.begunAt))
	if existed && before.State.Ended() && before.State != after.State && !guestless &&
		!by.on.admin && !r.obeys(by, before, after) && !after.Withdrawal.Open() && before.State != request.Review {
		r.breach(lawEnds, "%s was %s and goes on by itself", name, before.State)
	}
}

// savedErasure checks withdrawals and erasures.
func (r *run) savedErasure(before, after request.Request) {
	name := r.nameOf(after.ID)
	if !before.Erased.IsZero() && after.Erased.IsZero() ||
		before.Withdrawal.Open() && !after.Withdrawal.Open() {
		r.breach(lawErased, "the withdrawal of %s was forgotten", name)
	}
	if after.Withdrawal.Open() && !r.withdrawn[after.ID] ||
		!after.Erased.IsZero() && !after.Withdrawal.Open() && r.config.retention == 0 {
		r.breach(lawErased, "%s was erased, and nobody asked for it", name)
	}
	if after.Erased.IsZero() || !before.Erased.IsZero() {
		return
	}
	// The count of mails goes with the claim: a new request for the address starts at zero.
	r.forgetMails(r.address[after.ID])
	if after.Submission.Email != (submission.Address{}) || after.Submission.GivenName != "" {
		r.breach(lawErased, "%s was erased, and still has personal data", name)
	}
}

// savedDecision checks what policy and people have decided.
func (r *run) savedDecision(by *call, before request.Request, existed bool, after request.Request) {
	id, name := after.ID, r.nameOf(after.ID)
	anew := existed && before.Decision != nil &&
		(after.Decision == nil || !after.Decision.At.Equal(before.Decision.At))
	if anew && (after.Decision == nil || !r.decidesAnew(before, after)) {
		r.breach(lawDecided, "the decision on %s was changed", name)
	}
	if (!existed || before.Decision == nil || anew) && after.Decision != nil {
		r.decided(after)
		if r.mails != nil {
			r.decidedProof(by, after)
		}
		r.wantNoBan(by, after)
		r.wantOfOneMoment(by, after, *after.Decision)
	}
	if before.Approval == nil && after.Approval != nil && !by.on.admin && after.Approval.Stages == 0 {
		r.breach(lawDecided, "%s is approved, but not by a person", name)
	}
	if by.on.admin {
		r.personActed(by, before, after)
	}
	if after.Approval != nil && !slices.Equal(after.Approval.Terms.Groups, r.approved[id]) {
		r.breach(lawApproval, "the approval of %s has other groups than the person gave", name)
	}
	terms := after.Terms()
	switch after.State {
	case request.Inviting, request.Parked, request.Granting, request.Done:
		if terms != nil && !r.sameGroups(after, terms.Groups) {
			r.breach(lawApproval, "%s is %s, and its groups are not those of its terms",
				name, after.State)
		}
	}
}

// decidesAnew reports whether policy decides again: once the mailbox is proved, or if a person
// takes a request up again that was not.
func (r *run) decidesAnew(before, after request.Request) bool {
	switch before.State {
	case request.Proving:
		return after.Proof.Done()
	case request.Received:
		return !before.Retried.IsZero() && !before.Proof.Wanted.IsZero()
	}
	return false
}

// personActed keeps what a person has done.
func (r *run) personActed(by *call, before, after request.Request) {
	id := after.ID
	clear(r.tries[id])
	r.entered[id] = r.now
	switch {
	case after.State == request.Cancelled:
		r.cancelled[id] = true
	case after.State == request.Denied:
		r.deniedByPerson[id] = true
	case after.Approval != nil && (before.Approval == nil || after.Approval.At != before.Approval.At):
		r.everApproved[id] = append(r.everApproved[id], r.approved[id]...)
		r.approved[id], r.yes[id] = by.groups, r.happenings
		r.saidYes(id)
	case after.Resend.Open() && !before.Resend.Open(), !after.Retried.Equal(before.Retried):
		r.saidYes(id)
	}
}

// saidYes counts a person's yes to one more mail.
func (r *run) saidYes(id submission.ID) {
	box := r.mailboxes[r.address[id]]
	box.yeses++
	r.mailboxes[r.address[id]] = box
	r.boxOf(r.address[id]).yeses++
}

// sameGroups reports whether the grants of a request are those of the groups, in any order. A
// membership that the guest was given on earlier terms stays on record.
func (r *run) sameGroups(record request.Request, groups []string) bool {
	for _, grant := range record.Grants {
		if !slices.Contains(groups, grant.Group) && !r.grantedEarlier(record, grant) {
			return false
		}
	}
	for _, group := range groups {
		if !slices.ContainsFunc(record.Grants, func(g request.Grant) bool {
			return g.Group == group
		}) {
			return false
		}
	}
	return true
}

// longestWait is more than a day's budget, an admin or a group that is forbidden ask for, and
// longestTry more than any effect is tried for.
const (
	longestWait = 48 * time.Hour
	longestTry  = 48 * time.Hour
	mostTries   = 150
	// longestProof is more than a code is tried to be mailed, and then is valid.
	longestProof = request.CodePatience + request.ProofTime + 2*time.Hour
)

// sweepBrings reports whether a request that may have lost its due entry by a clock that is hours
// wrong comes back by the sweep.
func (r *run) sweepBrings(record request.Request) bool {
	return r.skewed() && !record.Due.IsZero() && !record.State.Finished() && record.State != request.Parked
}

// savedWait checks that a request that waits comes back, and does not try for ever.
func (r *run) savedWait(by *call, before, after request.Request) {
	name := r.nameOf(after.ID)
	_, waits := r.dues[after.ID]
	// By a clock that is hours behind, a call writes an entry that is due at once for the others,
	// and a message that finds nothing to do may remove it while the change is being saved. After
	// what a person wants another entry follows.
	follows := r.skewed() && (by.on.admin || r.obeys(by, before, after))
	switch {
	case after.Due.IsZero() || waits || follows:
	case r.sweepBrings(after):
		r.sweepAfter(after.Due.Add(wrongBy+2*time.Hour), r.happenings)
	default:
		r.breach(lawAccounted, "%s waits without a due entry", name)
	}
	reminded := after.OnlyLooks() && after.Due.Equal(after.RemindAt) ||
		after.State == request.Review && after.Reviewing != nil && (after.Due.Equal(after.Reviewing.Next()) || after.Due.Equal(before.Due))
	if after.Due.Sub(by.on.clock(r.now)) > longestWait && !r.skewed() && !reminded {
		r.breach(lawBound, "%s waits until %s", name, after.Due)
	}
	if before.State != after.State {
		r.entered[after.ID], r.enteredAt[after.ID] = r.now, r.happenings
	}
	// A request that waits for another one's invitation waits as long as that one does.
	owner := r.claims[r.address[after.ID]].Owner
	if owner != "" && owner != after.ID {
		r.entered[after.ID] = r.now
	}
	longest := longestTry
	if after.State == request.Proving {
		longest = longestProof
	}
	if !after.State.Ended() && after.State != request.Parked && !r.skewed() && !r.heldBack(after.ID) &&
		r.now.Sub(r.entered[after.ID])-r.goneSince(r.entered[after.ID]) > longest {
		r.breach(lawBound, "%s is %s since %s", name, after.State, r.entered[after.ID])
	}
}

// tried counts an effect of a request.
func (r *run) tried(by *call, effect string) {
	id := by.about
	if r.tries[id] == nil {
		r.tries[id] = map[string]int{}
	}
	r.tries[id][effect]++
	if r.tries[id][effect] > mostTries {
		r.breach(lawBound, "%s tries for the %dth time: %s", r.nameOf(id), mostTries, effect)
	}
}

// decided checks a decision against the rows.
func (r *run) decided(record request.Request) {
	name, decision := r.nameOf(record.ID), record.Decision
	if decision.Row == nil {
		if decision.Action != policy.Review {
			r.breach(lawDecided, "%s: without a row, the decision is %s", name, decision.Action)
		}
		return
	}
	row, known := r.versions[decision.Row.ETag]
	invites := decision.Action == policy.Invite
	switch {
	case !known || !r.mayDecide(r.rowOf[decision.Row.ETag], r.address[record.ID]):
		r.breach(lawDecided, "%s was decided by a row that is not its own", name)
	case !row.to.IsZero() && row.to.Before(r.submitted[record.ID]) && !r.stillListed(row, record.ID):
		r.breach(lawDecided, "%s was decided by a row that had been changed before", name)
	case decision.Action != row.action && !(decision.Action == policy.Review && row.limited):
		r.breach(lawDecided, "%s: the row says %s, the decision %s", name, row.action, decision.Action)
	case invites && (!slices.Equal(decision.Terms.Groups, row.groups) ||
		decision.Terms.InvitationMail != row.mail):
		r.breach(lawDecided, "%s: the terms are not those of the row", name)
	case invites && (decision.Limits != nil) != row.limited:
		r.breach(lawDecided, "%s: the limits are not those of the row", name)
	}
}

// wantInstruction checks that a withdrawal is stored before its message is deleted.
func (r *run) wantInstruction(m *message) {
	record, exists := r.recorded[m.ID]
	if r.madeUp[m.ID] {
		return // what is stored, savedMark checks
	}
	if m.Kind == submission.Withdraw && !m.dead &&
		(!exists || !record.Withdrawal.Open() && record.Erased.IsZero()) {
		r.breach(lawErased, "the withdrawal of %s is not stored, and its message is deleted",
			r.nameOf(m.ID))
	}
}

// wish is what became of a claim while a wish of its request was carried out.
type wish struct {
	before, after request.Claim
	by            *call // that wrote last
	sent          bool
}

// wished checks what a call writes that carries out a wish for the mail.
func (r *run) wished(by *call, before, after request.Claim) {
	record := r.recorded[by.about]
	// A wish that was noted while nobody could read the request may have come before its end.
	unread := !r.heldUp[by.about].IsZero() && record.MailAsked.Before(record.Resend.At)
	if !record.State.Ended() || !record.Resend.Open() || by.on.admin || unread {
		return
	}
	by.wished = true
	w := r.wishes[by.about]
	if w == nil {
		w = &wish{before: before}
		r.wishes[by.about] = w
	}
	w.after, w.by = after, by
}

// savedWish checks the end of a wish for the mail.
func (r *run) savedWish(by *call, before, after request.Request) {
	if after.Resend.By == request.TheApp && !before.Resend.Open() && !by.mails {
		r.asked[r.address[after.ID]]++ // in place of one of the app's own
	}
	if by.idle == before.Version && before.Version != "" && !by.on.admin {
		r.breach(lawIdleWish, "a %s of %s can't do anything and is stored", by.kind, r.nameOf(after.ID))
	}
	if !before.Resend.Open() || after.Resend.Open() {
		return
	}
	w := r.wishes[after.ID]
	delete(r.wishes, after.ID)
	if w == nil || w.sent || after.Withdrawal.Open() {
		return
	}
	w.before.Version, w.after.Version = "", ""
	// A call that ends after it has counted a mail, and before it sends it, costs that mail. A call
	// that still runs may send it.
	other := w.by != by && (sameClaim(w.before, w.after) || slices.Contains(r.running, w.by))
	if w.before != w.after && !other {
		r.breach(lawIdleWish, "the mail of %s was not sent again, and the claim has changed",
			r.nameOf(after.ID))
	}
}

// wantCancelled checks that a person could cancel a request that waits. before is the request as it
// was when the person began, and claim what the person's call read of the claim on its address.
func (r *run) wantCancelled(before request.Request, claim request.Claim, err error) {
	id := before.ID
	switch {
	case problem.CodeOf(err) != problem.InvalidInput, r.recorded[id].Version != before.Version:
		return
	case before.Withdrawal.Open(), !before.Erased.IsZero(), before.GuestID != "":
		return // it is ended already, or it has led to a guest
	case claim.Owner == id &&
		(claim.State == request.ClaimSending || claim.State == request.ClaimSent):
		return // an invitation may be under way
	}
	switch before.State {
	case request.Received, request.Proving, request.Review, request.Approved, request.Parked, request.Inviting:
		r.breach(lawCancel, "%s is %s and can't be cancelled", r.nameOf(id), before.State)
	}
}

// callEnded checks a call that succeeded.
func (r *run) callEnded(by *call) {
	r.wantBreakerOpen(by)
	r.wantSaid(by)
	r.wantTried(by)
	if by.deferred.After(r.gate.HeldUntil.Add(time.Microsecond)) && len(r.offsets) == 0 &&
		!by.gateFailed && !r.gateUnread(by.begunAt) {
		r.breach(lawTurn, "the directory asks to wait until %s, and the gate does not know", by.deferred)
	}
}

// judge checks the world once it has come to rest.
func (r *run) judge() {
	r.judgeUnreadable()
	if r.gate.Stop.Stands() || r.gate.Cause != "" && r.tenant.Stopped != "" {
		r.breach(lawWitness, "it came to rest with the breaker open")
	}
	for _, id := range r.requests {
		record, exists := r.recorded[id]
		name := r.nameOf(id)
		if r.over[id] {
			continue
		}
		if !exists {
			r.breach(lawAccounted, "%s is not stored in the end", name)
			return
		}
		stored, err := r.memory.Load(r.context, id)
		if err != nil || stored.Version != record.Version {
			r.breach(lawHistory, "%s is not stored as it was saved: %v", name, err)
		}
		if r.waitsForGood(id) {
			continue
		}
		if r.withdrawn[id] && record.Withdrawal.Open() && record.Erased.IsZero() {
			r.breach(lawErased, "%s was withdrawn and is not erased", name)
		}
		if !record.AtRest() {
			r.breach(lawRest, "%s is %s in the end, and nothing moves it", name, record.State)
			r.wantAlone(name, record.State)
		}
		r.judgeHistory(id, record)
		r.judgeEnd(name, record)
	}
	r.judgeSeats()
	r.judgeMails()
	r.judgeReviews()
	r.judgeOrders()
	r.judgeNotices()
	r.judgeMarks()
	r.judgeGuests()
	if r.alerts > r.counts.Openings ||
		r.alerts < r.counts.Openings-r.counts.Kills-r.counts.Faults {
		r.breach(lawWitness, "the breaker was opened %d times, with %d alerts",
			r.counts.Openings, r.alerts)
	}
}

func (r *run) judgeHistory(id submission.ID, record request.Request) {
	events, err := r.memory.History(r.context, id)
	if err != nil || len(events) != record.Events || len(events) == 0 {
		r.breach(lawHistory, "%s has %d events, and counts %d: %v",
			r.nameOf(id), len(events), record.Events, err)
		return
	}
	if events[len(events)-1].State != record.State {
		r.breach(lawHistory, "%s is %s, and its history ends with %s",
			r.nameOf(id), record.State, events[len(events)-1].State)
	}
}

// judgeEnd checks the end of a request against its row and the faults.
func (r *run) judgeEnd(name string, record request.Request) {
	id := record.ID
	switch record.State {
	case request.Done:
		r.counts.Done++
		r.judgeDone(name, record)
	case request.Review:
		r.counts.Review++
		r.judgeReview(name, record)
	case request.Denied:
		r.counts.Denied++
		if (record.Decision == nil || record.Decision.Action != policy.Deny) &&
			!r.deniedByPerson[id] && r.endedByRows[id] != request.Denied {
			r.breach(lawEnds, "%s is denied, neither by its row nor by a person", name)
		}
	case request.Cancelled:
		r.counts.Cancelled++
		if !r.cancelled[id] && !r.withdrawn[id] {
			r.breach(lawEnds, "%s is cancelled, and nobody asked for it", name)
		}
	case request.Unproved:
		r.counts.Unproved++
	case request.Failed:
		r.counts.Failed++
		if !r.mayFail(record) {
			r.breach(lawEnds, "%s failed without a cause: %s", name, record.Reason)
		}
	default: // whatever the state says of itself
		r.breach(lawRest, "%s is %s in the end", name, record.State)
	}
}

// judgeReview checks that there is a reason for asking a person.
func (r *run) judgeReview(name string, record request.Request) {
	id, address := record.ID, r.address[record.ID]
	switch {
	case record.Decision == nil:
		r.breach(lawEnds, "%s is with a person and nothing was decided", name)
	case record.Decision.Action == policy.Invite || record.Approval != nil:
		full := record.Decision.Limits != nil
		// A person decides where a guest was shut out, moved or never came to be, and where the
		// directory did not say who holds the address.
		// Without the right to read users a person says who the guest of an earlier request is.
		// With a clock that is hours ahead a guest who is not shown yet seems gone.
		excused := full || r.troubled[address] || r.unlucky[address] != "" ||
			r.failures[id] >= patientFor || r.skewed() && r.unseen[address] ||
			r.tenant.Unreadable && record.Objection == "guest-unseen" ||
			r.endedByRows[id] == request.Review ||
			record.Objection == "mails-spent" && r.claims[address].Mails >= request.MailsPerWeek ||
			record.Objection == "no-mails" && r.everOff
		if !excused {
			r.breach(lawEnds, "%s is with a person for no reason: %s", name, record.Reason)
		}
	case record.Decision.Row == nil && address.Domain() != unlisted && r.unread[id] < patientFor &&
		!r.rowless:
		r.breach(lawEnds, "%s is with a person although it has a row that was read", name)
	}
}

// patientFor is how many failures a request bears before somebody is asked.
const patientFor = 5

// mayFail reports whether there is a cause for a request to fail.
func (r *run) mayFail(record request.Request) bool {
	id, address := record.ID, r.address[record.ID]
	user := r.tenant.users[address]
	if record.Proof.Missing() && record.Approval == nil { // it has failed while it waited for a proof
		code := record.Mail(request.CodeMail)
		unsent := !record.Proof.Mailed || code.Open()
		refused := r.refusedMails[request.NewMailID(id, request.CodeMail, code.Ordinal)]
		return r.exhausted[id] || record.Objection == "no-mails" && r.everOff ||
			unsent && (refused || r.counts.MailFailures > 0 || r.skewed() || !r.gone.until.IsZero() || r.wasSpoilt(id))
	}
	return r.exhausted[id] || r.tenant.bars[address] != "" ||
		user != nil && user.kind == request.InternalUser ||
		r.before[address] == request.InternalUser ||
		r.members || len(r.tenant.refuses) > 0 || len(r.tenant.missing) > 0 || r.groupCame ||
		// Failures and refusals count together.
		r.failures[id] >= patientFor || r.refusals[id]+r.failures[id] > request.MaxTries ||
		r.unlucky[address] != "" || r.troubled[address] ||
		// The address may have had the mails of a week, of which nobody knows the outcome.
		r.claims[address].Mails >= request.MailsPerWeek ||
		// With a clock that is hours ahead the patience with a new guest seems over.
		r.skewed() && record.GuestID != ""
}
