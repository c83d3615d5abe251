package simulation

import (
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
)

// mailBook is what the laws know about the app's own mails, and about proofs.
type mailBook struct {
	// handed are the mails that were handed over, unless the service has said that it does not take
	// them, and refusedMails those that it never takes.
	handed, refusedMails map[request.MailID]bool
	posts                []time.Time // of the calls of the last hour
	boxes                map[submission.Address]*ownBox
	sentCodes            map[submission.ID]map[string]bool // that were handed over since the proof was wanted last
	looks                map[submission.ID]int             // at codes, since then
	countedCodes         map[submission.ID]map[string]bool // that were typed: what is left are copies
	typings              map[submission.ID][]typing        // of right codes, since then
	proved               map[submission.ID]bool            // by a code of its own
	proofs               map[submission.Address][]proof
	needsProof           map[submission.ID]bool // one, as, as the row or the app's default says
	askedUnproved        map[submission.ID]bool // a person decides although there is no proof
	debts                map[debt]owing
	mailFailedAt         time.Time                        // when a call of the service last failed
	suppressedAt         map[submission.Address]time.Time // when it last said so of a mail
}

func newMailBook() mailBook {
	return mailBook{
		handed: map[request.MailID]bool{}, refusedMails: map[request.MailID]bool{},
		boxes:     map[submission.Address]*ownBox{},
		sentCodes: map[submission.ID]map[string]bool{}, looks: map[submission.ID]int{},
		countedCodes: map[submission.ID]map[string]bool{},
		typings:      map[submission.ID][]typing{}, proved: map[submission.ID]bool{},
		proofs: map[submission.Address][]proof{}, needsProof: map[submission.ID]bool{},
		askedUnproved: map[submission.ID]bool{}, debts: map[debt]owing{},
		suppressedAt: map[submission.Address]time.Time{},
	}
}

// An ownBox is what an address has had of the app's own mails.
type ownBox struct {
	mails []ownMail
	yeses int // of people, that have not let a mail more go out
}

type ownMail struct {
	at, begun time.Time
	code      bool
	wished    bool // by a person, whatever the mailbox has had
}

// A typing is a right code that somebody has typed while it could be.
type typing struct {
	at, until time.Time
}

// A proof is that of a mailbox by a code.
type proof struct {
	by    submission.ID
	at    time.Time
	ended int // when its request was withdrawn, by the number of a happening
}

// A debt is a mail that is to be sent.
type debt struct {
	id   submission.ID
	kind request.MailKind
}

// An owing is since when a mail is to be sent, and until when something was in its way.
type owing struct {
	since, held time.Time
}

// boxOf returns what an address has had.
func (r *run) boxOf(address submission.Address) *ownBox {
	box := r.boxes[address]
	if box == nil {
		box = &ownBox{}
		r.boxes[address] = box
	}
	return box
}

// emptyBox forgets which mails an address has had. Mails that people have asked for may still come.
func (r *run) emptyBox(address submission.Address) {
	box := r.boxes[address]
	if box != nil {
		r.boxes[address] = &ownBox{yeses: box.yeses}
	}
}

// beginMail checks a mail that is about to be handed over.
func (r *run) beginMail(by *call, id request.MailID, m request.Mail) {
	l, name := read(m), r.nameOf(by.about)
	intent := by.has.Mail(l.kind)
	switch {
	case !intent.Open() || id != request.NewMailID(by.about, l.kind, intent.Ordinal):
		r.breach(lawMailOnce, "%s is sent a mail without an intent", name)
	case r.handed[id] && r.mails.untold && !r.skewed():
		r.breach(lawMailOnce, "a mail of %s is handed over again, and nobody can ask about the first", name)
	}
	r.handed[id] = true
	by.mailBegun = r.now
	r.wantMailable(by, l, m.To)
	r.wantQuota()
	if l.kind != request.CodeMail {
		return
	}
	if r.sentCodes[by.about] == nil {
		r.sentCodes[by.about] = map[string]bool{}
	}
	r.sentCodes[by.about][l.secret] = true
}

// wantMailable checks that the request is one that gets such a mail, as the call last knew it.
func (r *run) wantMailable(by *call, l letter, to submission.Address) {
	record, name := by.has, r.nameOf(by.about)
	terms := record.Terms()
	switch {
	case to != r.address[by.about] || l.request != by.about:
		r.breach(lawMailTo, "the mail of %s goes to somebody else", name)
		return
	case !record.Erased.IsZero():
		r.breach(lawMailTo, "%s is erased, and is sent a mail", name)
		return
	}
	switch l.kind {
	case request.CodeMail:
		decision := record.Decision
		if record.State != request.Proving || decision == nil || decision.Action == policy.Deny {
			r.breach(lawMailTo, "%s is %s, and is sent a code", name, record.State)
		}
		if record.Proof.Until.Before(l.until.Truncate(time.Second)) {
			r.breach(lawProved, "the mail says that the code of %s is valid until %s, and it is until %s",
				name, l.until, record.Proof.Until)
		}
	case request.DecisionMail:
		if record.State != request.Denied || !r.proved[by.about] {
			r.breach(lawMailTo, "%s is %s, proved: %t, and is sent a mail about it", name, record.State, r.proved[by.about])
		}
	case request.InvitationMail, request.ReminderMail:
		if r.gate.Stop.Stands() && r.now.Sub(r.stoppedAt) > request.LongestAttempt && !r.skewed() {
			r.breach(lawStopped, "%s is sent a mail of its invitation although an admin stopped all", name)
		}
		if terms == nil || terms.Mail(true) != policy.OwnMail ||
			record.State != request.Done && record.State != request.Failed {
			r.breach(lawMailTo, "%s is %s, and is sent a mail of its invitation", name, record.State)
		}
		if record.GuestID == "" || l.secret != redeemURL+record.GuestID {
			r.breach(lawMailTo, "%s is sent the redeem URL of somebody else", name)
		}
	}
}

// wantQuota counts a call as the service counts it, and checks it against the quota.
func (r *run) wantQuota() {
	hour := r.now.Add(-time.Hour)
	r.posts = append(slices.DeleteFunc(r.posts, func(at time.Time) bool { return !at.After(hour) }), r.now)
	minute := 0
	for _, at := range r.posts {
		if at.After(r.now.Add(-time.Minute)) {
			minute++
		}
	}
	quota := r.mails.quota
	if !r.skewed() && (minute > quota.PerMinute || len(r.posts) > quota.PerHour) {
		r.breach(lawMailQuota, "%d mails in a minute and %d in an hour are handed over, of %d and %d",
			minute, len(r.posts), quota.PerMinute, quota.PerHour)
	}
}

// mailTaken checks a mail that the service has taken, late or not.
func (r *run) mailTaken(by *call, id request.MailID, m request.Mail) {
	l, taken := read(m), r.service.taken[id]
	r.counts.OwnMails++
	if taken.times > 1 && !r.skewed() {
		r.breach(lawMailOnce, "a %s mail of %s is delivered %d times", l.kind, r.nameOf(by.about), taken.times)
	}
	r.wantSpared(by, m.To, l.kind == request.CodeMail)
	delete(r.debts, debt{by.about, l.kind})
	if taken.state != request.MailHandedOver || taken.times > 1 {
		return
	}
	switch l.kind {
	case request.CodeMail:
		r.codeCame(l)
	case request.InvitationMail, request.ReminderMail:
		user := r.tenant.accounts[by.has.GuestID]
		if user != nil && r.chance(3) {
			r.plan(r.now.Add(r.soon(50*time.Hour)), func() { r.acceptGuest(user) })
		}
	}
}

// What an address gets of the app's own mails in 24 hours, and the least times between a code and
// the next, by how many it has had.
const (
	ownMailsPerDay = 5
	codesPerDay    = 4
)

var codeRests = [codesPerDay]time.Duration{0, 2 * time.Minute, 10 * time.Minute, time.Hour}

// mailSlack is how long after its intent a mail may be handed over, with the error of a clock.
const mailSlack = 2 * time.Minute

// wantSpared checks that an address gets no more than its share. With a clock that is hours wrong a
// day seems over.
func (r *run) wantSpared(by *call, to submission.Address, code bool) {
	box := r.boxOf(to)
	if by.mailbox != nil && by.mailbox != box {
		return // it was counted before an admin has erased what was known about the mailbox
	}
	day, all, earlier, resting := r.now.Add(-24*time.Hour), 0, 0, 0
	wished := by.has.Resend.ByPerson()
	var last ownMail
	for _, m := range box.mails {
		if !m.at.After(day) {
			continue
		}
		// One that a person asked for may overtake this one, which was counted before.
		if m.code && (!m.wished || r.now.Sub(m.at) > mailSlack) {
			resting = min(resting+1, codesPerDay-1)
		}
		if m.wished && !wished {
			continue // what a person asks for does not count towards the share
		}
		all++
		if m.code {
			earlier++
			if !m.wished {
				last = m
			}
		}
	}
	box.mails = append(box.mails, ownMail{r.now, by.mailBegun, code, wished})
	if r.skewed() {
		return
	}
	if all >= ownMailsPerDay || code && earlier >= codesPerDay {
		box.yeses--
		if box.yeses < 0 {
			r.breach(lawOwnMails, "%s gets %d mails in a day, and %d codes", to, all+1, earlier)
		}
		return
	}
	rest := by.mailBegun.Sub(last.begun)
	if code && !last.at.IsZero() && rest < codeRests[resting]-mailSlack && !wished {
		r.breach(lawOwnMails, "%s gets code %d of a day %s after the last", to, earlier+1, rest)
	}
}

// mailAnswered keeps what the service said of a mail.
func (r *run) mailAnswered(id request.MailID, err error) {
	switch problem.CodeOf(err) {
	case "":
		return
	case request.MailThrottled, request.MailForbidden:
		delete(r.handed, id)
	case request.MailRefused:
		r.refusedMails[id] = true
		return
	}
	r.mailFailedAt = r.now
}

// typed keeps a code that somebody types, if it is the right one and comes in time.
func (r *run) typed(id submission.ID, code string) {
	record, right := r.recorded[id], r.sentCodes[id][code]
	r.happened("somebody types a code for %s, right: %t", r.nameOf(id), right)
	if right && record.State == request.Proving && record.Proof.Mailed && !record.Withdrawal.Open() {
		r.typings[id] = append(r.typings[id], typing{r.now, record.Proof.Until})
	}
}

// countsCode reports whether a code that is typed for the request must count, whatever its state.
func (r *run) countsCode(by *call, record request.Request) bool {
	const young = request.TypingTime + submission.LongestForm
	withdrawn := record.Withdrawal.Open() && record.Withdrawal.By == request.ThePartner
	return by.mails && r.now.Sub(record.Created) < young && record.Proof.Tries < request.MaxProofTries &&
		!r.proved[record.ID] && !withdrawn && record.State != request.Void && !r.skewed()
}

// wantTried checks that a call that succeeded has counted the code in its message.
func (r *run) wantTried(by *call) {
	if by.kind == submission.Prove && by.wantsTry && !by.tried && !by.deadLetter {
		r.breach(lawTries, "a code is typed for %s, which is %s, and does not count",
			r.nameOf(by.about), r.recorded[by.about].State)
	}
}

// codeCounted keeps that the code in the call's message was counted, or can be nobody's.
func (r *run) codeCounted(by *call) {
	if r.countedCodes[by.about] == nil {
		r.countedCodes[by.about] = map[string]bool{}
	}
	r.countedCodes[by.about][by.code] = true
}

// savedProof checks what a request says of its proof.
func (r *run) savedProof(by *call, before, after request.Request) {
	id, name := after.ID, r.nameOf(after.ID)
	was, is := before.Proof, after.Proof
	if was.Epoch != is.Epoch {
		delete(r.sentCodes, id)
		delete(r.looks, id)
		delete(r.typings, id)
	}
	byPerson := by.on.admin || r.obeys(by, before, after)
	if is.Tries < was.Tries && byPerson {
		delete(r.looks, id) // a person has taken it up again
	}
	if is.Tries < was.Tries && !byPerson {
		r.breach(lawTries, "the count of codes that were typed for %s goes back from %d to %d",
			name, was.Tries, is.Tries)
	}
	if is.Tries > was.Tries {
		by.tried = true
		r.codeCounted(by)
	}
	if by.kind == submission.Prove && by.wantsTry && !by.looked {
		by.looked = true
		r.looks[id]++
		if r.looks[id] > request.MaxProofTries || is.Tries > request.MaxProofTries {
			r.breach(lawCodes, "%d codes are compared for %s", r.looks[id], name)
		}
	}
	if is.Done() && !is.Earlier && !(was.Done() && !was.Earlier) {
		if by.kind != submission.Prove || !r.sentCodes[id][by.code] {
			r.breach(lawCodes, "%s is proved, and the code was not sent", name)
		}
		r.counts.Proofs++
		r.proved[id] = true
		r.proofs[r.address[id]] = append(r.proofs[r.address[id]], proof{by: id, at: is.At.Truncate(request.Tick)})
	}
	if is.Earlier && !was.Earlier {
		age := by.on.clock(r.now).Sub(is.At)
		known := slices.ContainsFunc(r.proofs[r.address[id]], func(p proof) bool {
			return p.at.Equal(is.At.Truncate(request.Tick)) && (p.ended == 0 || p.ended > by.begunAt)
		})
		if !known || age > r.mails.lasts+time.Minute {
			r.breach(lawProof, "%s is proved by an earlier request, which was not so %s ago", name, age)
		}
	}
	if after.State == request.Unproved && before.State != request.Unproved {
		r.savedUnproved(by, after)
	}
	if !after.Erased.IsZero() && before.Erased.IsZero() && after.Withdrawal.Open() {
		for i, p := range r.proofs[r.address[id]] {
			if p.by == id {
				r.proofs[r.address[id]][i].ended = r.happenings
			}
		}
	}
	if after.State == request.Review && before.State != request.Review {
		r.savedReview(after)
	}
}

// savedUnproved checks that a request ends unproved only if its time or its tries are over, and a
// code was mailed, unless the mailbox itself was in the way.
func (r *run) savedUnproved(by *call, after request.Request) {
	now, p := by.on.clock(r.now), after.Proof
	if p.Tries < request.MaxProofTries && now.Before(p.Until) && now.Before(p.Wanted.Add(request.CodePatience)) {
		r.breach(lawEnds, "%s is unproved after %d codes, before %s", r.nameOf(after.ID), p.Tries, p.Until)
	}
	if p.Tries < request.MaxProofTries && !p.Mailed && !p.Withheld {
		r.breach(lawEnds, "%s is unproved, and no code was mailed", r.nameOf(after.ID))
	}
}

// savedReview checks that no person is bothered for an address that somebody only typed.
func (r *run) savedReview(after request.Request) {
	id := after.ID
	switch after.Objection {
	case "no-mails", "row-asks-proof":
		r.askedUnproved[id] = true
		return
	}
	if r.needsProof[id] && !r.isProved(after) && !r.askedUnproved[id] {
		r.breach(lawProof, "a person is asked about %s, which needs a proof and has none", r.nameOf(id))
	}
}

// isProved reports whether the mailbox of the request is proved.
func (r *run) isProved(record request.Request) bool {
	return r.proved[record.ID] || record.Proof.Done() && record.Proof.Earlier
}

// decidedProof keeps whether the request needs a proof by the decision, and checks what that says.
func (r *run) decidedProof(by *call, record request.Request) {
	decision := record.Decision
	proof := policy.ProofByDefault
	if decision.Row != nil && decision.Action != policy.Deny {
		row := r.versions[decision.Row.ETag]
		if !row.misspelt {
			proof = row.proof
		}
	}
	if decision.Proof != proof {
		r.breach(lawDecided, "%s: the decision says %q of the proof, its row %q",
			r.nameOf(record.ID), decision.Proof, proof)
	}
	r.needsProof[record.ID] = decision.Action != policy.Deny && proof.Needed(by.byDefault)
}

// wantProof checks an invitation that is about to be sent.
func (r *run) wantProof(by *call, record request.Request) {
	id := record.ID
	approved := record.Approval != nil && r.askedUnproved[id]
	if r.needsProof[id] && !r.isProved(record) && !approved {
		r.breach(lawProof, "%s is invited, and needs a proof and has none", r.nameOf(id))
	}
}

// beginRedeem checks an invitation that only asks for the redeem URL of a guest.
func (r *run) beginRedeem(by *call, invitation request.Invitation) {
	if by.has.GuestID == "" || invitation.Address != r.address[by.about] || invitation.SendMessage {
		r.breach(lawClaim, "%s asks for the redeem URL of nobody", r.nameOf(by.about))
	}
	r.tried(by, "the redeem URL")
	r.wantTurn(by)
	by.admitted--
	by.redeeming = true
	r.counts.Redeems++
}

// savedDebt checks what a request is owed.
func (r *run) savedDebt(by *call, before, after request.Request, events []request.Event) {
	id := after.ID
	terms, sent := after.Terms(), after.Mail(request.InvitationMail)
	invited := after.State == request.Done && before.State != request.Done && by.mails &&
		terms != nil && terms.Mail(true) == policy.OwnMail && after.Joined.IsZero()
	owe := func(kind request.MailKind) { r.debts[debt{id, kind}] = owing{r.now, r.now} }
	switch {
	case after.Withdrawal.Open(), !after.Erased.IsZero():
		for _, kind := range []request.MailKind{request.InvitationMail, request.DecisionMail, request.ReminderMail} {
			delete(r.debts, debt{id, kind})
		}
		return
	case invited && (!sent.Arrives() || after.Vanished > 0):
		owe(request.InvitationMail)
	case after.State == request.Denied && before.State != request.Denied && r.proved[id] && !expires(events):
		owe(request.DecisionMail)
	case after.Owed.Kind != "" && after.Owed.Kind != before.Owed.Kind:
		owe(after.Owed.Kind)
	}
	if before.Owed.Kind != "" && after.Owed.Kind == "" {
		r.paidDebt(by, before, events)
	}
	if after.Owed.Kind != "" && after.Owed.Kind == before.Owed.Kind && !after.Mail(after.Owed.Kind).Open() {
		r.wantSoon(after)
	}
}

// expires reports whether the events say that nobody has decided in time: then nobody has said no.
func expires(events []request.Event) bool {
	return slices.ContainsFunc(events, func(e request.Event) bool { return e.What == "expired" })
}

// paidDebt checks why a mail is owed no more.
func (r *run) paidDebt(by *call, before request.Request, events []request.Event) {
	id, kind, what := before.ID, before.Owed.Kind, ""
	if len(events) > 0 {
		what = events[len(events)-1].What
	}
	d, owed := r.debts[debt{id, kind}]
	delete(r.debts, debt{id, kind})
	if !owed {
		return // the service has taken it
	}
	ordinal := before.Mail(kind).Ordinal
	excused := r.skewed() || r.mails.untold && r.handed[request.NewMailID(id, kind, ordinal)]
	switch what {
	case "mail-sent", "mail-found":
		// A service that can't be asked may not have been handed the mail at all.
		excused = excused || r.mails.untold
	case "mail-refused":
		excused = excused || r.refusedMails[request.NewMailID(id, kind, ordinal)]
	case "mail-given-up":
		excused = excused || r.now.Sub(d.since) > 7*24*time.Hour-time.Hour
	case "mail-needless":
		// The other one's mail may fail after the call has looked at it.
		excused = excused || r.otherMailed(before) || !r.recorded[before.Owed.Unless].Changed.Before(by.started.Add(-time.Minute))
	case "mail-withheld":
		box, err := r.memory.Mailbox(r.context, r.address[id])
		excused = excused || err == nil && box.WishesSpent(r.now)
	case "mail-left": // the directory sends its own
		excused = excused || !by.mails
	case "mail-dropped":
		excused = excused || !by.mails || r.mayDropMail(before)
	}
	if !excused {
		r.breach(lawMailOwed, "%s is owed the %s mail no more (%s), and it was not sent", r.nameOf(id), kind, what)
	}
}

// otherMailed reports whether the request that this one repeats has sent the guest a mail, or the
// directory has.
func (r *run) otherMailed(record request.Request) bool {
	other := r.recorded[record.Owed.Unless]
	byDirectory := !r.claims[r.address[record.ID]].MailedAt.Before(other.Created)
	return other.Mail(request.InvitationMail).Arrives() || byDirectory
}

// otherMails reports whether the request that this one repeats may still send its mail.
func (r *run) otherMails(record request.Request) bool {
	other := r.recorded[record.Owed.Unless]
	return record.Owed.Unless != "" &&
		(other.Owed.Kind == request.InvitationMail || !other.State.Ended() || other.Mail(request.InvitationMail).Open())
}

// mayDropMail reports whether a mail with a redeem URL need not be sent: the guest has accepted, is
// gone, or can't be asked for.
func (r *run) mayDropMail(record request.Request) bool {
	address := r.address[record.ID]
	user := r.tenant.accounts[record.GuestID]
	return user == nil || user.kind != request.PendingGuest || user.address != address ||
		r.tenant.bars[address] != "" || r.unlucky[address] != "" || r.troubled[address] || r.members || r.tenant.Unreadable
}

// owedWithin is within what time a mail that is owed goes out once all that it needs works.
const owedWithin = 3 * time.Hour

// wantSoon checks that a mail that is still owed, and is put off, has a reason to be.
func (r *run) wantSoon(record request.Request) {
	address, owed := r.address[record.ID], debt{record.ID, record.Owed.Kind}
	d := r.debts[owed]
	since := d.held
	for _, at := range []time.Time{r.mailFailedAt, r.mailOutage.until, r.gone.until, r.outage, r.storageDown} {
		if at.After(since) {
			since = at
		}
	}
	// The app also counts mails of which nobody knows whether they were sent.
	box, err := r.memory.Mailbox(r.context, address)
	if err != nil {
		r.breach(lawInternal, "what a mailbox has had can't be read: %v", err)
	}
	lately, day := 0, r.now.Add(-25*time.Hour)
	for _, at := range box.Mailed {
		if at.After(day) {
			lately++
		}
	}
	directory := record.Owed.Kind != request.DecisionMail && (r.gate.Cause != "" || r.gate.Stop.Stands() ||
		r.config.pace.Daily > 0 || r.config.pace.Spacing > time.Second || r.tenant.Stopped != "" ||
		r.gate.HeldUntil.After(since) || r.unlucky[address] != "" || r.failures[record.ID] > 0)
	excused := r.skewed() || lately >= ownMailsPerDay || r.mails.quota.PerHour < 20 || r.mails.quota.PerMinute < 2 ||
		r.now.Sub(r.suppressedAt[address]) < request.SuppressedFor+time.Minute ||
		r.heldBack(record.ID) || directory || r.otherMails(record)
	switch {
	case excused:
		d.held = r.now
		if record.Due.After(r.now) {
			d.held = record.Due // it is tried again then
		}
		r.debts[owed] = d
	case r.now.Sub(since) > owedWithin:
		r.breach(lawMailOwed, "%s is owed the %s mail, and nothing has been in its way since %s",
			r.nameOf(record.ID), record.Owed.Kind, since)
	}
}

// wantCodeKept checks that a code that was typed is looked at before its dead letter is deleted, or
// is on a queue.
func (r *run) wantCodeKept(m *message, by *call) {
	over := !m.Returned.IsZero() && r.now.Sub(m.Returned) >= request.ProofTime-time.Minute
	if by.tried || r.countedCodes[m.ID][m.Code] || by.cannotRead || !r.countsCode(by, r.recorded[m.ID]) || !by.wantsTry || over || slices.ContainsFunc(r.messages, func(o *message) bool {
		return o != m && o.ID == m.ID && o.Kind == m.Kind && o.Code == m.Code
	}) {
		return
	}
	r.breach(lawGivenUp, "a code for %s is given up, and neither looked at nor kept", r.nameOf(m.ID))
}

// judgeMails checks, once all is at rest, that no right code and no mail was lost.
func (r *run) judgeMails() {
	for _, id := range r.requests {
		record := r.recorded[id]
		if !r.over[id] && !r.waitsForGood(id) {
			r.judgeTypings(id, record)
		}
	}
	for d := range r.debts {
		record := r.recorded[d.id]
		open := d.kind == request.DecisionMail && record.State == request.Denied ||
			d.kind == request.InvitationMail && record.State == request.Done
		if open && !r.over[d.id] && !r.waitsForGood(d.id) && !r.everOff {
			r.breach(lawMailOwed, "%s is owed the %s mail in the end, and nothing sends it", r.nameOf(d.id), d.kind)
		}
	}
}

// codeMargin is how long before the end of its time a code must have been typed to count for
// certain, without the time in which storage was gone.
const codeMargin = 2 * time.Hour

// judgeTypings checks that a right code that was typed in time has proved the mailbox.
func (r *run) judgeTypings(id submission.ID, record request.Request) {
	unread := func(spoilt memstore.Record) bool { return spoilt == memstore.Record{Request: id} }
	excused := r.proved[id] || record.Withdrawal.Open() || !record.Erased.IsZero() || r.cancelled[id] || r.deniedByPerson[id] ||
		record.Proof.Tries >= request.MaxProofTries || r.exhausted[id] || r.everOff || r.skewed() || r.passesOver ||
		r.couldNotRead(0, unread)
	if excused {
		return
	}
	for _, t := range r.typings[id] {
		if t.until.Sub(t.at)-r.goneBetween(t.at, t.until) > codeMargin {
			r.breach(lawProved, "%s is %s, and the right code was typed at %s", r.nameOf(id), record.State, t.at)
		}
	}
}
