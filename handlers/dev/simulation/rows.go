package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// A ban is a row that keeps people out. It is written under a misspelt key, and maybe corrected.
// The numbers are those of happenings, 0 for never.
type ban struct {
	partition        string // that was meant
	misspelt, proper policy.RowKey
	action           policy.Action
	begun            time.Time
	beganAt          int // the misspelt row was written
	properAt         int // the row was written under its right key
	removedAt        int // the misspelt row was removed
	endedAt          int // neither stands any more
}

// capital returns the text with a capital letter.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// misspell returns a key that matches nobody, and the partition that it was likely meant for.
func (r *run) misspell(address submission.Address) (key, meant string) {
	domain := address.Domain()
	switch r.random.IntN(6) {
	case 0:
		return capital(domain), domain
	case 1:
		return domain + " ", domain
	case 2:
		return "@" + domain, domain
	case 3:
		return "*" + domain, domain
	case 4:
		return capital(address.String()), address.String()
	default:
		return strings.TrimSuffix(domain, ".com"), "*"
	}
}

// planMisspelt plans rows under misspelt keys, and people that they were likely meant for.
func (r *run) planMisspelt() {
	if r.chance(2) {
		r.row("*", "everybody", map[string]any{"Action": "invite", "Groups": groupOne})
	}
	for range 1 + r.random.IntN(2) {
		r.plan(r.now.Add(r.soon(time.Hour)), r.banish)
	}
}

// banish writes a row that keeps people out, under a misspelt key.
func (r *run) banish() {
	address := pick(r.random, addresses[pick(r.random, trusted, trusted, unlisted)]...)
	key, meant := r.misspell(address)
	name := fmt.Sprintf("ban %d", len(r.bans)+1)
	b := &ban{
		partition: meant, misspelt: policy.RowKey{Partition: key, Name: name},
		proper: policy.RowKey{Partition: meant, Name: name},
		action: pick(r.random, policy.Deny, policy.Deny, policy.Review), begun: r.now,
	}
	r.bans = append(r.bans, b)
	r.writeBan(b, b.misspelt)
	b.beganAt = r.happenings
	r.strayAt = r.now
	r.tempt(address)
	after := func(do func(*ban)) { r.plan(r.now.Add(r.soon(3*time.Hour)), func() { do(b) }) }
	switch r.random.IntN(4) {
	case 0: // it stays
	case 1:
		after(r.unbanish)
	case 2: // the right row is written first
		after(func(b *ban) {
			r.writeBan(b, b.proper)
			b.properAt = r.happenings
			after(r.unbanish)
			r.tempt(address)
		})
	case 3:
		after(func(b *ban) {
			r.unbanish(b)
			after(func(b *ban) { r.writeBan(b, b.proper) })
			r.tempt(address)
		})
	}
}

func (r *run) writeBan(b *ban, key policy.RowKey) {
	r.row(key.Partition, key.Name, map[string]any{
		"Action": string(b.action), "Priority": int32(10), // before the other rows
	})
	r.happened("the row %q is written for %q: %s", key.Name, key.Partition, b.action)
}

// unbanish removes the row under the misspelt key.
func (r *run) unbanish(b *ban) {
	r.removeRow(b.misspelt)
	b.removedAt, r.strayAt = r.happenings, r.now
	if b.properAt == 0 {
		b.endedAt = r.happenings
	}
}

// tempt lets people sign up that a row was likely meant for.
func (r *run) tempt(address submission.Address) {
	for range 1 + r.random.IntN(3) {
		r.plan(r.now.Add(r.soon(20*time.Minute)), func() {
			who := address
			if r.chance(2) {
				who = pick(r.random, addresses[address.Domain()]...)
			}
			r.enqueue(who)
		})
	}
}

// removeRow removes a policy row.
func (r *run) removeRow(key policy.RowKey) {
	r.endVersion(key)
	err := r.memory.DropRow(r.context, key)
	if err != nil {
		r.breach(lawInternal, "a row can't be removed: %v", err)
	}
	for _, b := range r.bans {
		switch {
		case b.misspelt == key && b.removedAt == 0:
			b.removedAt = max(1, r.happenings)
		case b.proper == key && b.properAt > 0:
			b.endedAt = max(1, r.happenings)
		}
		if b.removedAt > 0 && b.properAt == 0 {
			b.endedAt = b.removedAt
		}
	}
	r.rowsChanged()
	r.happened("the row %q for %q is removed", key.Name, key.Partition)
}

// looksForStrays reports whether upkeep may find rows under misspelt keys, or that they are gone.
// The timer runs every minute; here only those runs count in which it may.
func (r *run) looksForStrays() bool { return r.strayAt.After(r.checkedAt) }

// A reading is when a call began to read the rows for a decision.
type reading struct {
	happening int
	at        time.Time
	checked   int // when upkeep had begun that had last checked the rows
}

// readRows keeps that a call reads policy rows.
func (r *run) readRows(by *call) {
	if by.reading.happening == 0 {
		by.reading = reading{r.happenings, r.now, r.checkedFrom}
	}
}

// wantNoBan checks a decision to invite against the rows that were to keep the person out.
func (r *run) wantNoBan(by *call, record request.Request) {
	decision := record.Decision
	if decision.Action != policy.Invite || decision.Row == nil {
		return
	}
	partitions := policy.Partitions(r.address[record.ID])
	decides := slices.Index(partitions, decision.Row.Partition)
	for _, b := range r.bans {
		place := slices.Index(partitions, b.partition)
		if place < 0 || place > decides || b.endedAt != 0 {
			continue
		}
		if r.applies && b.removedAt != 0 {
			continue // only the right row is left, if any
		}
		read := by.reading
		// A row of the file may go before the right one; see wantOfOneMoment.
		proper := b.properAt != 0 && !(r.applies && place == decides)
		seen := b.beganAt < read.checked || proper && b.properAt < read.happening ||
			!r.skewed() && read.at.Sub(b.begun) > request.StrayLife+time.Minute
		if seen {
			r.breach(lawMisspelt, "%s is to be invited, and the row for %q is to keep them out",
				r.nameOf(record.ID), b.misspelt.Partition)
		}
	}
}

// rowsChecked checks what a run of upkeep says that has ended well: that it has checked the rows.
func (r *run) rowsChecked(by *call) {
	if by.unchecked {
		return
	}
	r.checkedFrom, r.checkedAt = by.begunAt, by.started
	strays, err := r.memory.Strays(r.context)
	if err != nil {
		r.breach(lawInternal, "the list of strays can't be read: %v", err)
	}
	listed := strays.All()
	for _, b := range r.bans {
		if b.beganAt >= by.begunAt || b.removedAt != 0 {
			continue
		}
		is := func(row policy.Raw) bool { return row.Key() == b.misspelt }
		switch {
		case !slices.ContainsFunc(listed, is):
			r.breach(lawChecked, "the row for %q is not listed", b.misspelt.Partition)
		case !r.named[strconv.Quote(b.misspelt.Name)]:
			r.breach(lawChecked, "the log does not name the row for %q", b.misspelt.Partition)
		}
	}
}

// stillListed reports whether a misspelt row that is gone may decide about the request: the list of
// such rows is a little old, and as old as a wrong clock makes it.
func (r *run) stillListed(row version, id submission.ID) bool {
	return row.misspelt &&
		(r.skewed() || r.submitted[id].Sub(row.to) < request.StrayLife+time.Minute)
}

// mayDecide reports whether the row of the key may decide about the address.
func (r *run) mayDecide(key policy.RowKey, address submission.Address) bool {
	partitions := policy.Partitions(address)
	return slices.Contains(partitions, key.Partition) ||
		slices.ContainsFunc(r.bans, func(b *ban) bool {
			return b.misspelt == key && slices.Contains(partitions, b.partition)
		})
}

// planParked plans that rows change while people wait for the tenant.
func (r *run) planParked() {
	r.approvals += r.random.IntN(3)
	r.plan(r.now.Add(r.soon(30*time.Minute)), r.openBreaker)
	for range 1 + r.random.IntN(3) {
		r.plan(r.now.Add(r.soon(3*time.Hour)), r.submit)
		r.plan(r.now.Add(r.soon(9*time.Hour)), func() {
			switch r.random.IntN(4) {
			case 0:
				r.dropRow()
			case 1:
				r.denyNow(pick(r.random, addresses[pick(r.random, trusted, reviewed)]...))
			default:
				r.editRow()
			}
		})
	}
}

// denyNow keeps an address or its domain out, maybe for some time only.
func (r *run) denyNow(address submission.Address) {
	key := policy.RowKey{Partition: pick(r.random, address.String(), address.Domain()), Name: "deny now"}
	r.row(key.Partition, key.Name, map[string]any{"Action": "deny", "Priority": int32(5)})
	r.happened("a row denies %s", key.Partition)
	if r.chance(3) {
		r.plan(r.now.Add(r.soon(3*time.Hour)), func() { r.removeRow(key) })
	}
}

// rowsCount is how long after a request began to be invited the rows need not be asked again, and
// rowsClocks by how much clocks that are nearly right may differ.
const (
	rowsCount  = 10 * time.Minute
	rowsClocks = 2 * time.Minute
)

// wantRowsAsked checks that the rows were asked again for an invitation that has waited.
func (r *run) wantRowsAsked(by *call, record request.Request) {
	waited := record.State == request.Inviting && by.started.Sub(record.Since) > rowsCount+rowsClocks
	if waited && by.reading.happening == 0 && !r.skewed() {
		r.breach(lawAskedAgain, "%s has waited and is invited, and the rows were not asked again", r.nameOf(by.about))
	}
}

// savedResumed checks that a parked request, or one that has waited for its invitation, goes on as
// the rows say when it does.
func (r *run) savedResumed(by *call, before, after request.Request) {
	waited := before.State == request.Inviting && after.State != before.State && strings.HasPrefix(after.Objection, "row-")
	if before.State != request.Parked && !waited || after.State == request.Parked || by.on.admin {
		return
	}
	if waited && r.now.Sub(before.Since) < rowsCount-rowsClocks && !r.skewed() {
		r.breach(lawAskedAgain, "%s ends by its rows while it is being invited", r.nameOf(after.ID))
	}
	name := r.nameOf(after.ID)
	asked := by.reading.happening != 0
	switch after.State {
	case request.Inviting:
		if !asked {
			r.breach(lawAskedAgain, "%s goes on, and the rows were not asked again", name)
			return
		}
	case request.Denied, request.Review:
		r.endedByRows[after.ID] = after.State
	default:
		return // withdrawn, or given up
	}
	if !asked || by.reading.happening <= r.rowsChangedAt {
		return // they have changed meanwhile
	}
	now, ok := r.decisionNow(after)
	if !ok {
		return
	}
	want := request.Inviting
	approval := after.Approval
	switch {
	case approval != nil && now.Action == policy.Deny:
		if approval.Saw != "row-denies-approved" {
			want = request.Review
		}
	case approval != nil:
	case now.Action == policy.Deny:
		want = request.Denied
	case now.Action == policy.Review || !covers(now, *after.Decision),
		now.Proof.Needed(by.byDefault) && !after.Proof.Done():
		want = request.Review
	}
	if after.State != want {
		r.breach(lawAskedAgain, "%s has waited and is %s, and the rows lead to %s: %s",
			name, after.State, want, now.Reason)
	}
}

// covers reports whether a decision invites to all groups of another, and under limits that are
// not tighter.
func covers(now, before policy.Decision) bool {
	if now.Terms.UserType != before.Terms.UserType && before.Terms.UserType == "Member" {
		return false
	}
	for _, group := range before.Terms.Groups {
		if !slices.Contains(now.Terms.Groups, group) {
			return false
		}
	}
	if now.Limits == nil {
		return true
	}
	if before.Limits == nil || before.Limits.Row != now.Limits.Row {
		return false
	}
	looser := func(now, before int) bool { return now == 0 || before != 0 && now >= before }
	return looser(now.Limits.MaxGuests, before.Limits.MaxGuests) &&
		looser(now.Limits.MaxPerDay, before.Limits.MaxPerDay)
}

// decisionNow returns what the rows say about a request now, whatever seats are taken.
func (r *run) decisionNow(record request.Request) (decision policy.Decision, ok bool) {
	raws, err := r.memory.Rows(r.context, policy.Partitions(r.address[record.ID]))
	strays, ofStrays := r.memory.Strays(r.context)
	if err != nil || ofStrays != nil {
		return policy.Decision{}, false
	}
	var rows []policy.Row
	for _, raw := range append(raws, strays.All()...) {
		rows = append(rows, r.cache.Parse(raw))
	}
	usage := policy.Usage{}
	for _, row := range rows {
		usage[row.Key()] = policy.Used{}
	}
	return policy.Decide(record.Submission, rows, usage, r.now), true
}
