package simulation

import (
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
)

// A holding is an address in the hands of an account.
type holding struct {
	account string
	address submission.Address
}

// A mailbox is what an address has had by the tenant.
type mailbox struct {
	mails []time.Time
	yeses int // of people, that have not let a mail more go out
}

// A join is a group to which a request has added an account.
type join struct {
	id      submission.ID
	group   string
	account string
}

// holds reports whether the account holds the address now, or did after the happening.
func (r *run) holds(h holding, since int) bool {
	user := r.tenant.accounts[h.account]
	if user == nil {
		return false
	}
	lost, ever := r.lost[h]
	return user.address == h.address && user.kind != request.DeletedGuest || ever && lost > since
}

// lostSince reports whether the account does not hold the address, or did not at some time since
// the happening.
func (r *run) lostSince(h holding, since int) bool {
	return r.lost[h] > since || !r.holds(h, since)
}

// tell keeps that the directory has named the account, as things were at seen, to the call as the
// holder of the address.
func (r *run) tell(by *call, account string, address submission.Address, seen int) {
	by.lookedAt, by.lookedTime = seen, r.now
	if account == "" {
		return
	}
	if by.told == nil {
		by.told = map[holding]bool{}
	}
	by.told[holding{account, address}] = true
}

// claimed checks a claim that was just changed.
func (r *run) claimed(by *call, address submission.Address, claim request.Claim) {
	r.wantReadable(memstore.Record{Claim: address})
	before := r.claims[address]
	r.claims[address] = claim
	if claim.State == request.ClaimSending {
		by.intent = claim
	}
	if claim.OnlyMails() && !before.OnlyMails() {
		// The next request starts anew, maybe before the withdrawal that kept the mails is done.
		r.forgetMails(address)
	}
	r.wished(by, before, claim)
	owner := r.recorded[before.Owner]
	if claim.GuestID != "" && claim.GuestID != before.GuestID &&
		!by.told[holding{claim.GuestID, address}] {
		r.breach(lawConfirmed, "a guest that the directory did not name is written to the claim on %s",
			address)
	}
	dropped := before.GuestID != "" && claim.GuestID != before.GuestID
	switch {
	// A person may take an ended owner up again while the call inherits its claim; it then finds
	// another owner.
	case before.Owner != "" && before.Owner != by.about && !owner.State.Ended() &&
		r.enteredAt[before.Owner] <= by.begunAt && !sameClaim(before, claim):
		r.breach(lawOthersClaim, "%s changes the claim of %s, which is %s",
			r.nameOf(by.about), r.nameOf(before.Owner), owner.State)
	// A clock that is hours ahead takes a guest who is a minute late for one who never comes.
	// Inviting again finds the same guest.
	// A call may be slow: what it has looked at after the account lost the address counts.
	case dropped && !r.skewed() &&
		r.holds(holding{before.GuestID, address}, max(by.begunAt, by.lookedAt)) &&
		!(r.recorded[claim.Owner].Withdrawal.Open() && before.Mails > 0):
		r.breach(lawClaim, "the receipt of %s was dropped", address)
	// The count goes down by one if a mail was certainly not sent. A claim that was kept for mails
	// alone is so again then: an ended request has asked for its mail once more.
	case claim.Mails < before.Mails-1 ||
		claim.Mails < before.Mails && claim.State != request.ClaimSent && claim.State != before.State &&
			before.State != request.ClaimSending && !(by.has.State.Ended() && claim.State == request.ClaimMails):
		r.breach(lawMails, "the claim on %s forgot mails", address)
	}
}

// sameClaim reports whether two claims say the same, apart from the mails that the address has had.
func sameClaim(a, b request.Claim) bool {
	for _, c := range []*request.Claim{&a, &b} {
		c.Version, c.Mails, c.MailedAt, c.MailedBefore = "", 0, time.Time{}, [len(c.MailedBefore)]time.Time{}
	}
	return a == b
}

// released checks a claim that was just removed.
func (r *run) released(by *call, address submission.Address) {
	r.wantReadable(memstore.Record{Claim: address})
	claim := r.claims[address]
	owner := r.recorded[claim.Owner]
	// The receipt of an invitation that came to nothing names nobody. With a clock that is hours
	// ahead a guest who is a minute late seems never to come.
	named := claim.GuestID != "" && !r.skewed() &&
		r.holds(holding{claim.GuestID, address}, by.begunAt)
	// A call that has written the receipt of a guest to a free address, for a mail, takes it back
	// if the mail is not sent.
	if named && !owner.Withdrawal.Open() && by.madeClaim != address {
		r.breach(lawClaim, "the claim on %s was released with its receipt", address)
	}
	if claim.Owner != "" && claim.Owner != by.about && !owner.State.Ended() {
		r.breach(lawOthersClaim, "%s releases the claim of %s, which is %s",
			r.nameOf(by.about), r.nameOf(claim.Owner), owner.State)
	}
	erased := owner.Withdrawal.Open() && owner.Withdrawal.By != request.ThePartner
	if erased {
		delete(r.mailboxes, address)
	}
	// A claim that is sending may count a mail that was not sent.
	if erased || claim.Mails > 0 && claim.State != request.ClaimSending {
		// The next request starts at zero, maybe before the erasure that released the claim is
		// done.
		r.forgetMails(address)
	}
	delete(r.claims, address)
}

// forgetMails lets the count of mails to the address begin anew.
func (r *run) forgetMails(address submission.Address) {
	for h := range r.mailed {
		if h.address == address {
			delete(r.mailed, h)
		}
	}
}

// savedGuest checks the guest of a request.
func (r *run) savedGuest(by *call, before, after request.Request) {
	id, address := after.ID, r.address[after.ID]
	if after.GuestID == "" || after.GuestID == before.GuestID ||
		by.told[holding{after.GuestID, address}] {
		return
	}
	// The claim was written when the directory had said so. It may have gone since the call read
	// it.
	if r.claims[address].GuestID != after.GuestID && by.read.GuestID != after.GuestID {
		r.breach(lawConfirmed, "%s has a guest that the directory did not name", r.nameOf(id))
	}
}

// savedGrants checks the grants of a request.
func (r *run) savedGrants(by *call, before, after request.Request) {
	name := r.nameOf(after.ID)
	for i, grant := range after.Grants {
		if grant.State != request.GrantPresent || grant.Note != "" ||
			i < len(before.Grants) && before.Grants[i].State == request.GrantPresent {
			continue
		}
		adder := r.adders[membership{grant.Group, after.GuestID}]
		// With a clock that is hours ahead a guest seems never to come, and is invited anew. So is
		// one who was removed, and who may have been restored since with all groups: what the
		// request knew of the account is gone by then.
		// A blind app can't know that the account is the one that it has added.
		removed := adder != nil && (r.removed[after.GuestID] > adder.begunAt || r.tenant.Unreadable)
		if adder != nil && adder.about == after.ID && !r.skewed() && !removed &&
			adder.goneAt != 0 && adder.goneAt < by.begunAt {
			r.breach(lawGranted, "%s added a membership, and takes it for another's without a reason",
				name)
		}
	}
	if before.GuestID != after.GuestID || r.skewed() || r.tenant.Unreadable {
		// The grants of an account that is gone say nothing any more. By a wrong clock one that is
		// not shown yet seems gone, and a blind app invites again to go on with one.
		return
	}
	for _, grant := range before.Grants {
		final := grant.State == request.GrantAdded || grant.State == request.GrantPresent
		if final && !slices.Contains(after.Grants, grant) {
			r.breach(lawGranted, "a final grant of %s has changed", name)
		}
	}
}

// beginInvitation checks an invitation that is about to be sent.
func (r *run) beginInvitation(by *call, invitation request.Invitation) {
	name := r.nameOf(by.about)
	record, stored := r.recorded[by.about]
	claim, claimed := r.claims[invitation.Address]
	granted := record.Terms()
	r.wantRowsAsked(by, record)
	r.wantWelcome(by, r.tenant.users[invitation.Address], "an invitation")
	if r.mails != nil {
		r.wantProof(by, record)
	}
	if by.has.State.Ended() && by.has.Owed.Kind != "" && !invitation.SendMessage {
		r.beginRedeem(by, invitation)
		return
	}
	r.tried(by, "the invitation")
	if w := r.wishes[by.about]; w != nil {
		w.sent = true
	}
	switch {
	case !stored || granted == nil:
		r.breach(lawClaim, "%s is invited without a stored decision or approval", name)
	// A slow call may be overtaken by one that finds its mail on the claim, and ends the wish.
	case (record.Resend.Open() || by.wished) && record.State.Ended():
		r.beginResend(by, record, claim)
		return
	// A command waits for an invitation that is under way, by its own clock.
	case record.State == request.Cancelled && r.cancelled[by.about] && r.skewed():
		return
	case record.State != request.Inviting &&
		!(record.State == request.Failed && r.deadLettered[by.about]):
		r.breach(lawClaim, "%s is invited while it is %s", name, record.State)
	case invitation.Address != r.address[by.about]:
		r.breach(lawClaim, "%s invites another address", name)
	case invitation.SendMessage != (granted.Mail(by.mails) == policy.MicrosoftMail):
		r.breach(lawClaim, "%s is not invited on its terms", name)
	// With a clock that is hours wrong a lease seems over at once: another call may have taken over
	// since this one wrote its intent.
	case r.skewed() && by.intent.Owner == by.about && by.intent.Version != claim.Version:
	case !claimed || claim.Owner != by.about:
		r.breach(lawClaim, "%s is invited without a claim of its own", name)
	case claim.IntentAt.IsZero():
		r.breach(lawClaim, "%s is invited without an intent", name)
	case claim.GuestID != "":
		r.breach(lawClaim, "%s is invited although the receipt is there", name)
	}
	r.wantTurn(by)
	r.wantSeat(by, record)
	r.wantOrder(by)
	for _, other := range r.running {
		// With a clock that is hours wrong a lease seems over at once.
		if other != by && other.inviting == invitation.Address && !r.skewed() {
			r.breach(lawOnce, "two invitations of %s are on their way at once", invitation.Address)
		}
	}
	by.admitted--
	by.inviting = invitation.Address
}

// beginResend checks a mail that is about to be sent again.
func (r *run) beginResend(by *call, record request.Request, claim request.Claim) {
	name := r.nameOf(record.ID)
	switch {
	case record.GuestID == "" || record.Terms().Mail(by.mails) != policy.MicrosoftMail:
		r.breach(lawMails, "%s does not have a mail to send again", name)
	case claim.GuestID == "" || claim.Owner != record.ID && claim.GuestID != record.GuestID:
		r.breach(lawMails, "the mail of %s is sent again without a receipt", name)
	case claim.MailedAt.Add(10*time.Minute).Before(r.now) && !r.skewed():
		r.breach(lawMails, "the mail of %s is sent again without an intent", name)
	case r.asked[r.address[record.ID]] == 0:
		r.breach(lawMails, "the mail of %s is sent again, and nobody asked for it", name)
	}
	r.wantTurn(by)
	by.admitted--
	by.resending = true
	by.inviting = r.address[record.ID]
}

// invitationArrived checks the tenant's answer to an invitation.
func (r *run) invitationArrived(
	by *call, invitation request.Invitation, guests int, guestID string, err error,
) {
	r.counts.Invitations++
	if err != nil {
		return
	}
	by.invited = true
	r.certain = nil
	if r.tenant.guests > guests {
		r.brought(by)
	}
	if !invitation.SendMessage {
		return
	}
	r.counts.Mails++
	address := invitation.Address
	r.mailGoesOut(address)
	if by.resending {
		r.counts.Resends++
		r.resent[address]++
		// A message that comes twice is one wish because of the time between. A clock that is hours
		// wrong makes it two.
		if r.resent[address] > r.asked[address] && !r.skewed() {
			r.breach(lawMails, "%s has got %d mails again, and %d were asked for",
				address, r.resent[address], r.asked[address])
		}
		return
	}
	to := holding{guestID, address}
	earlier := r.mailed[to]
	r.mailed[to] = append(earlier, r.happenings)
	if len(earlier) == 0 {
		return
	}
	last := earlier[len(earlier)-1]
	// Who approves since the last mail asks for another.
	if !by.blind && last <= by.lookedAt && r.yes[by.about] < last && !r.skewed() {
		r.breach(lawMails, "%s gets a second mail although the directory shows the guest", address)
	}
	r.counts.SecondMails++
}

// mailsPerDay and mailsPerWeek are what an address may get without a person.
const (
	mailsPerDay  = 4
	mailsPerWeek = 5
)

// mailGoesOut checks a mail that the tenant sends to the address, late or not, and whatever the
// call that asked for it knows of that.
func (r *run) mailGoesOut(address submission.Address) {
	box := r.mailboxes[address]
	day, week := r.now.Add(-24*time.Hour), r.now.Add(-7*24*time.Hour)
	today, lately := 0, 0
	for _, at := range box.mails {
		if at.After(day) {
			today++
		}
		if at.After(week) {
			lately++
		}
	}
	box.mails = append(box.mails, r.now)
	// With a clock that is hours wrong a day seems over. A week does not.
	if today >= mailsPerDay && !r.skewed() || lately >= mailsPerWeek {
		box.yeses--
		if box.yeses < 0 {
			r.breach(lawMailbox, "%s gets %d mails in a day and %d in a week",
				address, today+1, lately+1)
		}
	}
	r.mailboxes[address] = box
}

// wantWelcome checks that an account that is about to get something was not shut out, or that a
// person has said yes since.
func (r *run) wantWelcome(by *call, user *tenantUser, what string) {
	if user == nil {
		return
	}
	since, out := r.shut[user.id]
	switch {
	case !out || r.yes[by.about] > since:
		return
	case by.lookedAt != 0 && by.lookedAt < since:
		return // between its question and its act no call can know
	case r.tenant.Unreadable || by.unanswered:
		return // the directory does not tell the app
	case r.tenant.hidden(user, r.tenant.SearchDelay), by.lookedAt != 0 && r.tenant.hiddenAt(by.lookedTime, user, r.tenant.SearchDelay):
		return // nor does it show accounts that are so new, or were when it was asked
	}
	r.breach(lawShutOut, "%s gets %s, and the account is %s", r.nameOf(by.about), what, user.kind)
}

// beginMembership checks a membership that is about to be added.
func (r *run) beginMembership(by *call, group, guest string) {
	name := r.nameOf(by.about)
	record, stored := r.recorded[by.about]
	if r.enteredAt[by.about] > by.begunAt && by.has.State == request.Granting {
		record = by.has // the call can't know what others have changed since it read the record
	}
	granted := record.Terms()
	r.tried(by, "the membership in "+group)
	switch {
	case !stored || granted == nil || !slices.Contains(granted.Groups, group):
		r.breach(lawGranted, "%s joins a group that nobody granted", name)
	case !slices.ContainsFunc(record.Grants, func(g request.Grant) bool { return g.Group == group }):
		r.breach(lawGranted, "%s joins a group before that is stored", name)
	case record.GuestID != guest:
		r.breach(lawHolder, "%s adds another guest to a group", name)
	// A slow call may be overtaken by one that has ended the request, or has left it to a person.
	case record.State != request.Granting && r.enteredAt[by.about] < by.begunAt &&
		!(record.State == request.Failed || record.State == request.Done):
		r.breach(lawGranted, "%s joins a group while it is %s", name, record.State)
	}
	user := r.tenant.accounts[guest]
	if user == nil || user.kind == request.DeletedGuest {
		return // the directory refuses
	}
	r.wantWelcome(by, user, "a group")
	address := r.address[by.about]
	if user.address == address {
		return
	}
	lost, ever := r.lost[holding{guest, address}]
	switch {
	case ever && by.lookedAt != 0 && by.lookedAt < lost: // as in wantWelcome
	case ever && (r.tenant.Unreadable || by.unanswered || r.tenant.hidden(user, r.tenant.SearchDelay)):
	default:
		r.breach(lawHolder, "%s adds an account that holds another address to a group", name)
	}
}

// joined keeps a membership that is there since a call asked for it.
func (r *run) joined(by *call, group, guest string, added bool) {
	if added {
		r.adders[membership{group, guest}] = by
	}
	// What changes while the call is under way, or with nobody to ask, no call can know.
	user := r.tenant.accounts[guest]
	held := r.holds(holding{guest, r.address[by.about]}, by.begunAt) || r.tenant.Unreadable ||
		r.tenant.hidden(user, r.tenant.SearchDelay)
	r.joins[join{by.about, group, guest}] = held || r.joins[join{by.about, group, guest}]
}

// judgeDone checks that whoever is done has a guest in all groups.
func (r *run) judgeDone(name string, record request.Request) {
	id, address := record.ID, r.address[record.ID]
	since := max(r.submittedAt[id], r.yes[id])
	if record.Withdrawal.Open() {
		since = r.submittedAt[id] // a withdrawal ends what a person's yes had only begun
	}
	// Without the right to read users the app has only the directory's word for it, once. A request
	// that is withdrawn, or whose address another request has taken over, is not compared with the
	// directory any more.
	over := record.Withdrawal.Open() || r.claims[address].Owner != id
	believed := record.GuestID != "" &&
		(r.tenant.Unreadable || over && r.unlucky[address] != "")
	if !believed && !r.holds(holding{record.GuestID, address}, since) {
		r.breach(lawHolder, "%s is done, and its guest did not hold the address", name)
		return
	}
	terms := record.Terms()
	if record.Withdrawal.Open() || terms == nil {
		return // what was not granted when it was withdrawn need not be
	}
	for _, group := range terms.Groups {
		if !r.joins[join{id, group, record.GuestID}] {
			r.breach(lawGranted, "%s is done without the membership in %s", name, group)
		}
	}
	for _, grant := range record.Grants {
		adder := r.adders[membership{grant.Group, record.GuestID}]
		switch {
		case !slices.Contains(terms.Groups, grant.Group) && !r.grantedEarlier(record, grant):
			r.breach(lawGranted, "%s is done with a group that nobody granted", name)
		case grant.State != request.GrantAdded && grant.State != request.GrantPresent:
			r.breach(lawGranted, "%s is done, and a grant is %s", name, grant.State)
		case grant.State == request.GrantAdded && (adder == nil || adder.about != id):
			r.breach(lawGranted, "%s claims a membership that it did not add", name)
		}
	}
}

// grantedEarlier reports whether the guest was given the membership on the terms of the decision or
// of an earlier approval, before a person approved others. It stays on record.
func (r *run) grantedEarlier(record request.Request, grant request.Grant) bool {
	final := grant.State == request.GrantAdded || grant.State == request.GrantPresent
	if !final || record.Approval == nil {
		return false
	}
	decided := record.Decision != nil && record.Decision.Terms != nil &&
		slices.Contains(record.Decision.Terms.Groups, grant.Group)
	return decided || slices.Contains(r.everApproved[record.ID], grant.Group)
}

// judgeSeats checks that seats belong to requests with a guest.
func (r *run) judgeSeats() {
	holders := map[submission.Address]int{}
	for seat := range r.seats {
		record := r.recorded[seat.id]
		address := r.address[seat.id]
		if record.Erased.IsZero() {
			holders[address]++
		}
		// A slow call may invite for a request that a person has ended. The claim names that guest.
		claim := r.claims[address]
		guest := record.GuestID != "" || claim.Owner == seat.id && claim.GuestID != ""
		// A person may let a request invite anew whose guest is gone. Until that ends the seat is
		// the one of the guest who is gone, and who may be restored.
		anew := record.Approval != nil && !record.State.Finished()
		// By a wrong clock a call takes a guest for gone, and a seat for its own.
		if !guest && !anew && !r.skewed() && !r.deadLettered[seat.id] && !r.tenant.Unreadable &&
			!r.waitsForGood(seat.id) {
			r.breach(lawSeats, "%s keeps a seat without a guest", r.nameOf(seat.id))
		}
		// By a wrong clock a guest who is not shown yet seems gone, and another request invites
		// anew.
		if holders[address] > 1 && !r.edited && !r.troubled[address] && !r.skewed() {
			r.breach(lawSeats, "%s has two seats", address)
		}
	}
}

// judgeGuests checks that every guest has a request that names it.
func (r *run) judgeGuests() {
	known := map[string]bool{}
	for _, id := range r.requests {
		known[r.recorded[id].GuestID] = true
	}
	for _, user := range r.tenant.accounts {
		if !user.ours || known[user.id] {
			continue
		}
		excused := r.unseen[user.address] || r.unlucky[user.address] != "" ||
			r.troubled[user.address] || r.tenant.Unreadable
		for _, id := range r.requests {
			if r.address[id] == user.address &&
				(r.deadLettered[id] || r.unknown[id] >= patientFor || r.waitsForGood(id) ||
					r.unknowable[id]) {
				excused = true
			}
			// By a wrong clock the lease of the call that invited was over. The claim keeps its
			// intent, so the directory is asked before anybody invites under it.
			intended := r.claims[user.address].Owner == id && r.claims[user.address].State == request.ClaimSending
			if r.skewed() && (r.withdrawn[id] || intended) {
				excused = true
			}
			// A person may end a request while it is not known what came of its invitation. The
			// claim stays, so that the next request for the address asks.
			ended := r.cancelled[id] || r.deniedByPerson[id]
			claim := r.claims[user.address]
			if ended && claim.Owner == id && claim.State != request.ClaimReserved {
				excused = true
			}
		}
		if !excused {
			r.breach(lawHolder, "%s is a guest without a request", user.address)
		}
	}
}

// remains checks the alert about a guest who stays when the request is withdrawn.
func (r *run) remains(guest string) {
	user := r.tenant.accounts[guest]
	// The directory has named a guest of an invitation who never came to be, so nobody can know.
	// Nor that an account was given the address while the answer to the invitation was lost.
	if user != nil && !user.ours && !r.moved(user) {
		r.breach(lawRemains, "the alert names a guest that we did not bring in")
	}
}

// wantSeat checks that an invitation under limits has a seat, taken for the day on which it is
// sent.
func (r *run) wantSeat(by *call, record request.Request) {
	if record.Approval != nil || record.Decision == nil || record.Decision.Limits == nil {
		return
	}
	day, seated := r.seats[seat{record.Decision.Limits.Row, by.about}]
	if !seated && r.skewed() {
		return // by a wrong clock the lease of a call is over, and that call gives back what another has taken
	}
	if !seated {
		r.breach(lawSeats, "%s is invited without a seat", r.nameOf(by.about))
		return
	}
	if r.skewed() {
		day = by.seatDay // a call with another clock may have moved the seat to its own day
	}
	// A seat that was taken in the last minutes of a day is still good, for as long as a function
	// may run.
	now := by.on.clock(r.now)
	if record.Decision.Limits.MaxPerDay > 0 && day != policy.Day(now) &&
		day != policy.Day(now.Add(-functionTimeout)) {
		r.breach(lawPerDay, "%s is invited on %s with a seat of %s",
			r.nameOf(by.about), policy.Day(now), day)
	}
}

// brought counts a guest who came into being by an invitation.
func (r *run) brought(by *call) {
	record := r.recorded[by.about]
	limits := record.Limits()
	if limits == nil || limits.MaxGuests == 0 || r.edited {
		return // without limits, or with others than its row has by now
	}
	if (by.resending || by.redeeming) && r.tenant.Unreadable {
		return // nobody can see that the guest is gone for whom a person wants the mail again
	}
	key := limits.Row
	if _, seated := r.seats[seat{key, by.about}]; !seated && r.skewed() {
		return // by a wrong clock the lease of the call is over, and another has given its seat back
	}
	if r.guests[key] == nil {
		r.guests[key] = map[submission.ID]*tenantUser{}
	}
	r.guests[key][by.about] = r.tenant.users[r.address[by.about]]
	n := 0
	for id, user := range r.guests[key] {
		if r.recorded[id].GuestID == "" &&
			(r.tenant.Unreadable || user.address != r.address[id] || r.unknowable[id]) {
			continue // nobody can see what came of an invitation whose answer was lost
		}
		// An account that is the tenant's own by now, or was removed, takes no seat. Nor does one
		// that the directory did not show when a withdrawn request asked for it.
		if user.kind != request.InternalUser && user.kind != request.DeletedGuest &&
			!r.unseen[user.address] {
			n++
		}
	}
	if n > limits.MaxGuests {
		r.breach(lawSeats, "a row with %d seats has brought in %d guests", limits.MaxGuests, n)
	}
}

// wantSeats checks the seats of a row when one was taken, or moved to another day.
func (r *run) wantSeats(limits policy.Limits, moved bool) {
	taken, days := 0, map[string]int{}
	for seat, day := range r.seats {
		if seat.row == limits.Row {
			taken++
			days[day]++
		}
	}
	if !moved && limits.MaxGuests > 0 && taken > limits.MaxGuests {
		r.breach(lawSeats, "%d seats of a row with %d are taken", taken, limits.MaxGuests)
	}
	for day, n := range days {
		if limits.MaxPerDay > 0 && n > limits.MaxPerDay && !r.edited {
			r.breach(lawPerDay, "%d seats of a row are taken on %s, and a day has %d",
				n, day, limits.MaxPerDay)
		}
	}
}

// moved reports whether the account held another address before.
func (r *run) moved(user *tenantUser) bool {
	for held := range r.lost {
		if held.account == user.id && held.address != user.address {
			return true
		}
	}
	return false
}
