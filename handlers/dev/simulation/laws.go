package simulation

import (
	"slices"
	"time"

	"guestlist/handlers/policy"
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
	if exists && record.AtRest() {
		return
	}
	_, waits := r.dues[id]
	if exists && waits {
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
	r.breach("%s is lost: it is %s, and has neither a due entry nor a message", r.nameOf(id), state)
}

// saved checks a request that was just stored.
func (r *run) saved(by *call, before request.Request, existed bool, after request.Request, events []request.Event) {
	name := r.nameOf(after.ID)
	if _, known := r.submitted[after.ID]; !known {
		r.breach("a request is stored that nobody submitted")
		return
	}
	if after.Events != before.Events+len(events) {
		r.breach("the history of %s has %d events after %d and %d more", name, after.Events, before.Events, len(events))
	}
	if len(events) > 0 && events[len(events)-1].State != after.State || len(events) == 0 && existed && before.State != after.State {
		r.breach("%s is %s, and its history does not say so", name, after.State)
	}
	if existed && before.State.Ended() && before.State != after.State && !by.on.admin && !after.Withdrawal.Open() {
		r.breach("%s was %s and goes on by itself", name, before.State)
	}
	if !before.Erased.IsZero() && after.Erased.IsZero() || before.Withdrawal.Open() && !after.Withdrawal.Open() {
		r.breach("the withdrawal of %s was forgotten", name)
	}
	if after.Withdrawal.Open() && !r.withdrawn[after.ID] || !after.Erased.IsZero() && !after.Withdrawal.Open() && r.config.retention == 0 {
		r.breach("%s was erased, and nobody asked for it", name)
	}
	if !after.Erased.IsZero() && before.Erased.IsZero() {
		// The count of mails goes with the claim: a new request for the address starts at zero.
		delete(r.mailed, r.address[after.ID])
		if after.Submission.Email != (submission.Address{}) || after.Submission.GivenName != "" {
			r.breach("%s was erased, and still has personal data", name)
		}
	}
	if existed && before.Decision != nil && (after.Decision == nil || !after.Decision.At.Equal(before.Decision.At)) {
		r.breach("the decision on %s was changed", name)
	}
	if (!existed || before.Decision == nil) && after.Decision != nil {
		r.decided(after)
	}
	if after.Approval != nil && before.Approval == nil && !by.on.admin {
		r.breach("%s is approved, but not by a person", name)
	}
	if by.on.admin && after.State == request.Cancelled {
		r.cancelled[after.ID] = true
	}
	if by.on.admin && after.State == request.Denied {
		r.deniedByPerson[after.ID] = true
	}
	if after.GuestID != "" {
		user := r.tenant.users[r.address[after.ID]]
		if user == nil || user.id != after.GuestID {
			r.breach("%s has a guest who is not that of its address", name)
		}
	}
	_, waits := r.dues[after.ID]
	if !after.Due.IsZero() && !waits {
		r.breach("%s waits without a due entry", name)
	}
	if after.Due.Sub(r.now) > 30*time.Hour {
		r.breach("%s waits until %s", name, after.Due)
	}
	for i, grant := range after.Grants {
		if grant.State != request.GrantPresent || grant.Note != "" || i < len(before.Grants) && before.Grants[i].State == request.GrantPresent {
			continue
		}
		adder := r.adders[membership{grant.Group, after.GuestID}]
		if adder != nil && adder.about == after.ID && adder.goneAt != 0 && adder.goneAt < by.begunAt {
			r.breach("%s added a membership, and takes it for another's without a reason", name)
		}
	}
	for i, grant := range before.Grants {
		final := grant.State == request.GrantAdded || grant.State == request.GrantPresent
		if final && (i >= len(after.Grants) || after.Grants[i] != grant) {
			r.breach("a final grant of %s has changed", name)
		}
	}
}

// decided checks a decision against the rows.
func (r *run) decided(record request.Request) {
	name, decision := r.nameOf(record.ID), record.Decision
	if decision.Row == nil {
		if decision.Action != policy.Review {
			r.breach("%s: without a row, the decision is %s", name, decision.Action)
		}
		return
	}
	row, known := r.versions[decision.Row.ETag]
	switch {
	case !known || r.rowOf[decision.Row.ETag].Partition != r.address[record.ID].Domain():
		r.breach("%s was decided by a row that is not its own", name)
	case !row.to.IsZero() && row.to.Before(r.submitted[record.ID]):
		r.breach("%s was decided by a row that had been changed before it was submitted", name)
	case decision.Action != row.action && !(decision.Action == policy.Review && row.limited):
		r.breach("%s: the row says %s, the decision %s", name, row.action, decision.Action)
	case decision.Action == policy.Invite && (!slices.Equal(decision.Terms.Groups, row.groups) || decision.Terms.SendInvitation != row.send):
		r.breach("%s: the terms are not those of the row", name)
	case decision.Action == policy.Invite && (decision.Limits != nil) != row.limited:
		r.breach("%s: the limits are not those of the row", name)
	}
}

// claimed checks a claim that was just changed.
func (r *run) claimed(address submission.Address, claim request.Claim) {
	before := r.claims[address]
	r.claims[address] = claim
	user := r.tenant.users[address]
	switch {
	case claim.GuestID != "" && (user == nil || user.id != claim.GuestID):
		r.breach("the receipt of %s names a guest who is not that of the address", address)
	case before.GuestID != "" && claim.GuestID == "" && !(r.recorded[claim.Owner].Withdrawal.Open() && before.Mails > 0):
		r.breach("the receipt of %s was dropped", address)
	// The count goes down by one if a mail was certainly not sent.
	case claim.Mails < before.Mails-1 || claim.GuestID == "" && claim.Mails < before.Mails:
		r.breach("the claim on %s forgot mails", address)
	case before.Owner != claim.Owner && before.Owner != "" && !r.recorded[before.Owner].State.Ended():
		r.breach("the claim on %s changed hands while its owner was %s", address, r.recorded[before.Owner].State)
	}
}

// released checks a claim that was just removed.
func (r *run) released(address submission.Address) {
	claim := r.claims[address]
	owner := r.recorded[claim.Owner]
	if claim.GuestID != "" && !owner.Withdrawal.Open() {
		r.breach("the claim on %s was released with its receipt", address)
	}
	if claim.Mails > 0 {
		// The next request starts at zero, maybe before the erasure that released the claim is done.
		delete(r.mailed, address)
	}
	delete(r.claims, address)
}

// wantInstruction checks that a withdrawal is stored before its message is deleted.
func (r *run) wantInstruction(m *message) {
	record, exists := r.recorded[m.ID]
	if m.Kind == submission.Withdraw && !m.dead && (!exists || !record.Withdrawal.Open() && record.Erased.IsZero()) {
		r.breach("the withdrawal of %s is not stored, and its message is deleted", r.nameOf(m.ID))
	}
}

func (r *run) wantSeats(limits policy.Limits) {
	if r.edited {
		return // the row may have had other limits
	}
	taken, days := 0, map[string]int{}
	for seat, day := range r.seats {
		if seat.row == limits.Row {
			taken++
			days[day]++
		}
	}
	if limits.MaxGuests > 0 && taken > limits.MaxGuests {
		r.breach("%d seats of a row with %d are taken", taken, limits.MaxGuests)
	}
	for day, n := range days {
		if limits.MaxPerDay > 0 && n > limits.MaxPerDay {
			r.breach("%d seats of a row are taken on %s, and a day has %d", n, day, limits.MaxPerDay)
		}
	}
}

// gateSaved checks a change of the gate.
func (r *run) gateSaved(by *call, before, after request.Gate) {
	config := r.config
	admission := after.Sent == before.Sent+1 && after.Day == before.Day || after.Day != before.Day && after.Sent == 1
	if after.HeldUntil.Before(before.HeldUntil) {
		r.breach("the directory's Retry-After was forgotten")
	}
	if after.NextAt.Before(before.NextAt) {
		r.breach("the next turn of the gate went back")
	}
	if by.deferred.After(r.notBefore) {
		r.notBefore = by.deferred
	}
	switch {
	case admission:
		by.admitted++
		by.probing = before.Cause != ""
		by.turn = before.NextAt
		if r.notBefore.After(by.turn) {
			by.turn = r.notBefore
		}
		r.sentOn[after.Day]++
		switch {
		case before.Cause != "" && (before.ProbeAt.IsZero() || r.now.Before(before.ProbeAt)):
			r.breach("an invitation is admitted although the breaker is open")
		case before.Cause != "" && !after.ProbeAt.After(r.now):
			r.breach("a probe is admitted and the next one may follow at once")
		case config.pace.Daily > 0 && r.sentOn[after.Day] > config.pace.Daily:
			r.breach("%d invitations are admitted on a day, and the budget is %d", r.sentOn[after.Day], config.pace.Daily)
		case config.pace.Spacing > 0 && after.NextAt.Before(before.NextAt.Add(config.pace.Spacing)):
			r.breach("the gate ignores the spacing")
		}
		if before.Cause != "" {
			r.counts.Probes++
		}
	case before.Cause == "" && after.Cause != "":
		r.counts.Openings++
		if by.tenantWide != after.Cause {
			r.breach("the breaker was opened for %s, which is not what the tenant said", after.Cause)
		}
		if request.Probe(after.Cause) == after.ProbeAt.IsZero() {
			r.breach("the breaker was opened for %s with a wrong time for its probe", after.Cause)
		}
		if after.ProbeAt.IsZero() {
			// Only a person closes it.
			at := r.now.Add(r.soon(10 * time.Hour))
			r.plan(at, func() { r.lift(); r.closeBreaker() })
		}
	case before.Cause != "" && after.Cause == "":
		r.closings++
		if !by.on.admin && !by.invited {
			r.breach("the breaker was closed without a person or a success")
		}
	}
}

// beginInvitation checks an invitation that is about to be sent.
func (r *run) beginInvitation(by *call, invitation request.Invitation) {
	name := r.nameOf(by.about)
	record, stored := r.recorded[by.about]
	claim, claimed := r.claims[invitation.Address]
	granted := record.Terms()
	switch {
	case !stored || granted == nil:
		r.breach("%s is invited without a stored decision or approval", name)
	case record.Resend.Open() && record.State.Ended():
		r.beginResend(by, record, claim)
		return
	case record.State != request.Inviting && !(record.State == request.Failed && r.deadLettered[by.about]):
		r.breach("%s is invited while it is %s", name, record.State)
	case invitation.Address != r.address[by.about]:
		r.breach("%s invites another address", name)
	case invitation.SendMessage != granted.SendInvitation:
		r.breach("%s is not invited on its terms", name)
	case !claimed || claim.Owner != by.about:
		r.breach("%s is invited without a claim of its own", name)
	case claim.IntentAt.IsZero():
		r.breach("%s is invited without an intent", name)
	case claim.GuestID != "":
		r.breach("%s is invited although the receipt is there", name)
	}
	r.wantTurn(by)
	if record.Approval == nil && record.Decision != nil && record.Decision.Limits != nil {
		_, seated := r.seats[seat{record.Decision.Limits.Row, by.about}]
		if !seated {
			r.breach("%s is invited without a seat", name)
		}
	}
	for _, other := range r.running {
		if other != by && other.inviting == invitation.Address {
			r.breach("two invitations of %s are on their way at once", invitation.Address)
		}
	}
	by.admitted--
	by.inviting = invitation.Address
}

// wantTurn checks that the gate has admitted a call that is about to send, and still does as far
// as the call knows.
func (r *run) wantTurn(by *call) {
	switch {
	case by.admitted == 0:
		r.breach("%s: an invitation is sent past the gate", by.name)
	case r.now.Before(by.turn.Add(-time.Microsecond)):
		r.breach("%s: an invitation is sent before its turn", by.name)
	case by.gate.Cause != "" && !by.probing:
		r.breach("%s: an invitation is sent although the breaker is open", by.name)
	case r.now.Before(by.gate.HeldUntil.Add(-time.Microsecond)):
		r.breach("%s: an invitation is sent before the directory's Retry-After", by.name)
	}
}

// beginResend checks a mail that is about to be sent again.
func (r *run) beginResend(by *call, record request.Request, claim request.Claim) {
	name := r.nameOf(record.ID)
	switch {
	case record.GuestID == "" || !record.Terms().SendInvitation:
		r.breach("%s does not have a mail to send again", name)
	case claim.GuestID == "" || claim.Owner != record.ID && claim.GuestID != record.GuestID:
		r.breach("the mail of %s is sent again without a receipt", name)
	case claim.MailedAt.Add(10 * time.Minute).Before(r.now):
		r.breach("the mail of %s is sent again without an intent", name)
	case r.asked[r.address[record.ID]] == 0:
		r.breach("the mail of %s is sent again, and nobody asked for it", name)
	}
	r.wantTurn(by)
	by.admitted--
	by.resending = true
	by.inviting = r.address[record.ID]
}

// invitationArrived checks the tenant's answer to an invitation.
func (r *run) invitationArrived(by *call, invitation request.Invitation, err error) {
	r.counts.Invitations++
	if err != nil {
		return
	}
	by.invited = true
	if !invitation.SendMessage {
		return
	}
	r.counts.Mails++
	if by.resending {
		r.counts.Resends++
		r.resent[invitation.Address]++
		if r.resent[invitation.Address] > r.asked[invitation.Address] {
			r.breach("%s has got %d mails again, and %d were asked for", invitation.Address, r.resent[invitation.Address], r.asked[invitation.Address])
		}
		return
	}
	earlier := r.mailed[invitation.Address]
	r.mailed[invitation.Address] = append(earlier, r.happenings)
	if len(earlier) == 0 {
		return
	}
	if !by.blind && earlier[len(earlier)-1] <= by.lookedAt {
		r.breach("%s gets a second mail although the directory shows the guest", invitation.Address)
	}
	r.counts.SecondMails++
}

// looked records what a search for the user of an address showed.
func (r *run) looked(by *call, address submission.Address, id string) {
	by.lookedAt, by.blind = r.happenings, id == ""
	if id == "" && r.tenant.users[address] != nil {
		r.unseen[address] = true
	}
}

// beginMembership checks a membership that is about to be added.
func (r *run) beginMembership(by *call, group, guest string) {
	name := r.nameOf(by.about)
	record, stored := r.recorded[by.about]
	granted := record.Terms()
	user := r.tenant.users[r.address[by.about]]
	switch {
	case !stored || granted == nil || !slices.Contains(granted.Groups, group):
		r.breach("%s joins a group that nobody granted", name)
	case !slices.ContainsFunc(record.Grants, func(grant request.Grant) bool { return grant.Group == group }):
		r.breach("%s joins a group before that is stored", name)
	case user == nil || user.id != guest || record.GuestID != guest:
		r.breach("%s adds another guest to a group", name)
	case record.State != request.Granting && !(record.State == request.Failed || record.State == request.Done):
		r.breach("%s joins a group while it is %s", name, record.State)
	}
}

// callEnded checks a call that succeeded.
func (r *run) callEnded(by *call) {
	if by.tenantWide != "" && r.gate.Cause == "" && r.closings == by.closingsThen {
		r.breach("the tenant takes no invitations, and the breaker stays closed")
	}
	if by.probing && by.knows && r.gate.Cause != "" && r.counts.Openings == by.openingsThen {
		r.breach("a probe succeeded, and the breaker stays open")
	}
	if by.deferred.After(r.gate.HeldUntil.Add(time.Microsecond)) {
		r.breach("the directory asks to wait until %s, and the gate does not know", by.deferred)
	}
}

// judge checks the world once it has come to rest.
func (r *run) judge() {
	if r.gate.Cause != "" && r.tenant.Stopped != "" {
		r.breach("it came to rest with the breaker open")
	}
	for _, id := range r.requests {
		record, exists := r.recorded[id]
		name := r.nameOf(id)
		if !exists {
			r.breach("%s is not stored in the end", name)
			return
		}
		stored, err := r.memory.Load(r.context, id)
		if err != nil || stored.Version != record.Version {
			r.breach("%s is not stored as it was saved: %v", name, err)
		}
		if r.withdrawn[id] && record.Withdrawal.Open() && record.Erased.IsZero() {
			r.breach("%s was withdrawn and is not erased", name)
		}
		if !record.AtRest() {
			r.breach("%s is %s in the end, and nothing moves it", name, record.State)
		}
		r.judgeHistory(id, record)
		r.judgeEnd(name, record)
	}
	r.judgeSeats()
	r.judgeGuests()
	if r.alerts > r.counts.Openings || r.alerts < r.counts.Openings-r.counts.Kills-r.counts.Faults {
		r.breach("the breaker was opened %d times, with %d alerts", r.counts.Openings, r.alerts)
	}
}

func (r *run) judgeHistory(id submission.ID, record request.Request) {
	events, err := r.memory.History(r.context, id)
	if err != nil || len(events) != record.Events || len(events) == 0 {
		r.breach("%s has %d events, and counts %d: %v", r.nameOf(id), len(events), record.Events, err)
		return
	}
	if events[len(events)-1].State != record.State {
		r.breach("%s is %s, and its history ends with %s", r.nameOf(id), record.State, events[len(events)-1].State)
	}
}

// judgeEnd checks the end of a request against its row and the faults.
func (r *run) judgeEnd(name string, record request.Request) {
	id, address := record.ID, r.address[record.ID]
	user := r.tenant.users[address]
	kind := r.before[address]
	barred := r.tenant.bars[address] != ""
	groupRefused := len(r.tenant.refuses) > 0
	erased := !record.Erased.IsZero()
	switch record.State {
	case request.Done:
		r.counts.Done++
		if user == nil || record.GuestID != user.id {
			r.breach("%s is done without a guest", name)
			return
		}
		for _, grant := range record.Grants {
			key := membership{grant.Group, user.id}
			adder := r.adders[key]
			switch {
			case grant.State == request.GrantFailed && erased:
			case !r.tenant.members[key] || grant.State != request.GrantAdded && grant.State != request.GrantPresent:
				r.breach("%s is done without the membership in %s", name, grant.Group)
			case grant.State == request.GrantAdded && (adder == nil || adder.about != id):
				r.breach("%s claims a membership that it did not add", name)
			}
		}
	case request.Review:
		r.counts.Review++
		switch {
		case record.Decision == nil:
			r.breach("%s is with a person and nothing was decided", name)
		case record.Decision.Action == policy.Invite || record.Approval != nil:
			full := record.Decision.Limits != nil
			if !full && kind != request.DisabledGuest && kind != request.DeletedGuest {
				r.breach("%s is with a person for no reason: %s", name, record.Reason)
			}
		case record.Decision.Row == nil && address.Domain() != unlisted && r.unread[id] < 5:
			r.breach("%s is with a person although it has a row that was read", name)
		}
	case request.Denied:
		r.counts.Denied++
		if (record.Decision == nil || record.Decision.Action != policy.Deny) && !r.deniedByPerson[id] {
			r.breach("%s is denied, neither by its row nor by a person", name)
		}
	case request.Cancelled:
		r.counts.Cancelled++
		if !r.cancelled[id] && !r.withdrawn[id] {
			r.breach("%s is cancelled, and nobody asked for it", name)
		}
	case request.Failed:
		r.counts.Failed++
		excused := r.deadLettered[id] || barred || kind == request.InternalUser || groupRefused || r.unknown[id] >= 5
		if !excused {
			r.breach("%s failed without a cause: %s", name, record.Reason)
		}
	default: // whatever the state says of itself
		r.breach("%s is %s in the end", name, record.State)
	}
}

// judgeSeats checks that seats belong to requests with a guest.
func (r *run) judgeSeats() {
	holders := map[submission.Address]int{}
	for seat := range r.seats {
		record := r.recorded[seat.id]
		if record.Erased.IsZero() {
			holders[r.address[seat.id]]++
		}
		if record.GuestID == "" && !r.deadLettered[seat.id] && !r.tenant.Unreadable {
			r.breach("%s keeps a seat without a guest", r.nameOf(seat.id))
		}
		if holders[r.address[seat.id]] > 1 && !r.edited {
			r.breach("%s has two seats", r.address[seat.id])
		}
	}
}

// judgeGuests checks that every guest has a request that names it.
func (r *run) judgeGuests() {
	known := map[submission.Address]bool{}
	for _, id := range r.requests {
		address := r.address[id]
		user := r.tenant.users[address]
		if user != nil && (r.recorded[id].GuestID == user.id || r.deadLettered[id] || r.unknown[id] >= 5 || r.unseen[address]) {
			known[address] = true
		}
	}
	for address, user := range r.tenant.users {
		if user.ours && !known[address] {
			r.breach("%s is a guest without a request", address)
		}
	}
}
