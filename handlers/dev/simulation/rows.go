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

// planMisspelt plans rows under misspelt keys, and people whom they were likely meant for.
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

// tempt lets people sign up whom a row was likely meant for.
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
		read := by.reading
		seen := b.beganAt < read.checked || b.properAt != 0 && b.properAt < read.happening ||
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
