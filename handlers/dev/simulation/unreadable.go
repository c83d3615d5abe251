package simulation

import (
	"bytes"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
)

// recordEvents are about stored records, beside [storedEvents].
var recordEvents = []event{
	{name: "records unreadable", plan: (*run).planUnreadable},
}

// A spoiling is a time in which a record can't be read. The numbers are those of happenings.
type spoiling struct {
	record       memstore.Record
	from, to     int // to is 0 as long as it lasts
	since, until time.Time
	// whole says that not even the state can be read, and lasts that nobody mends the record.
	whole, lasts bool
}

// planUnreadable plans that records can't be read for a while, or for good: some time, and some in
// the middle of a call.
func (r *run) planUnreadable() {
	for range 1 + r.random.IntN(3) {
		r.plan(r.now.Add(r.soon(12*time.Hour)), r.spoilSome)
	}
	r.spoilings = r.random.IntN(4)
	for range r.random.IntN(3) {
		r.plan(r.now.Add(r.soon(12*time.Hour)), r.submit)
	}
}

// spoilSome makes a record unreadable, if the one that it chooses is stored.
func (r *run) spoilSome() {
	if len(r.requests) == 0 {
		return
	}
	id := pick(r.random, r.requests...)
	record := memstore.Record{Request: id}
	limited := r.recorded[id].Decision != nil && r.recorded[id].Decision.Limits != nil
	switch r.random.IntN(8) {
	case 0:
		record = memstore.Record{Gate: true}
	case 1, 2:
		record = memstore.Record{Claim: r.address[id]}
	case 3:
		if limited {
			record = memstore.Record{Seats: r.recorded[id].Decision.Limits.Row}
		}
	case 4:
		if limited {
			record.Seats = r.recorded[id].Decision.Limits.Row
		}
	}
	if r.isStored(record) && r.spoiling(record) == nil {
		r.spoil(record)
	}
}

// isStored reports whether there is such a record.
func (r *run) isStored(record memstore.Record) (stored bool) {
	switch {
	case record.Gate:
		stored = r.gate.Version != ""
	case record.Claim != submission.Address{}:
		_, stored = r.claims[record.Claim]
	case record.Seats == policy.RowKey{}:
		_, stored = r.recorded[record.Request]
	case record.Request != "":
		_, stored = r.seats[seat{record.Seats, record.Request}]
	default:
		for taken := range r.seats {
			stored = stored || taken.row == record.Seats
		}
	}
	return stored
}

// isRequest reports whether the record is a request.
func isRequest(record memstore.Record) bool {
	return record.Request != "" && record.Seats == policy.RowKey{}
}

// describe names a record.
func (r *run) describe(record memstore.Record) string {
	switch {
	case record.Gate:
		return "the gate"
	case record.Claim != submission.Address{}:
		return "the claim on " + record.Claim.String()
	case record.Seats == policy.RowKey{}:
		return r.nameOf(record.Request)
	case record.Request != "":
		return "the seat of " + r.nameOf(record.Request)
	}
	return "the counters of " + record.Seats.Name
}

// spoil makes a record unreadable. Others are mended some time later, and of the requests not all.
func (r *run) spoil(record memstore.Record) {
	s := &spoiling{record: record, since: r.now}
	if isRequest(record) {
		s.whole, s.lasts = r.chance(3), r.chance(3)
	}
	r.counts.Unreadable++
	r.happened("%s can't be read, not even its state: %t, for good: %t",
		r.describe(record), s.whole, s.lasts)
	s.from = r.happenings
	r.spoilt = append(r.spoilt, s)
	r.applySpoiling(s)
	if !s.lasts {
		r.plan(r.now.Add(time.Minute+r.soon(72*time.Hour)), func() { r.mend(s) })
		return
	}
	r.sweepAfter(r.now, r.happenings)
	// Once personal data was kept long enough, also by a clock that is hours wrong.
	stored := r.recorded[record.Request]
	if r.config.retention > 0 && stored.State.Finished() {
		due := stored.Changed.Add(r.config.retention + 2*wrongBy)
		r.plan(due, func() { r.sweepAfter(r.now, r.happenings) })
	}
}

// wrongBy is more than any clock is wrong by.
const wrongBy = 27 * time.Hour

// applySpoiling makes the record unreadable in the store.
func (r *run) applySpoiling(s *spoiling) {
	if s.whole {
		r.memory.SpoilState(s.record.Request)
		return
	}
	r.memory.Spoil(s.record)
}

// sweepAfter runs upkeep until a round of the sweep that began after the happening has ended.
func (r *run) sweepAfter(at time.Time, happening int) {
	r.plan(at, func() {
		if r.lastRound > happening {
			return
		}
		if !r.upkeep {
			r.startUpkeep()
		}
		next := r.upkeepAt
		if again := r.now.Add(30 * time.Minute); again.After(next) {
			next = again
		}
		r.sweepAfter(next, happening)
	})
}

// mend lets the record be read again, and checks that it is as it was.
func (r *run) mend(s *spoiling) {
	r.happened("%s can be read again", r.describe(s.record))
	s.to, s.until = r.happenings, r.now
	r.memory.Mend(s.record)
	r.wantUntouched(s)
	for _, id := range r.requests {
		if at := r.heldUp[id]; !at.Before(s.since) && r.needs(id, s.record) {
			r.wantBack(id)
		}
	}
}

// wantUntouched checks that a record that was just mended is as it was, and takes note of its new
// version.
func (r *run) wantUntouched(s *spoiling) {
	touched := false
	switch {
	case s.record.Gate:
		gate, err := r.memory.Gate(r.context)
		r.gate.Version = gate.Version
		touched = err != nil || gate != r.gate
	case s.record.Claim != submission.Address{}:
		claim, err := r.memory.ClaimOf(r.context, s.record.Claim)
		before := r.claims[s.record.Claim]
		before.Version = claim.Version
		touched = err != nil || claim != before
		r.claims[s.record.Claim] = before
	case isRequest(s.record):
		stored, err := r.memory.Load(r.context, s.record.Request)
		before := r.recorded[s.record.Request]
		before.Version = stored.Version
		touched = err != nil || !reflect.DeepEqual(stored, before)
		r.recorded[s.record.Request] = before
	default:
		used, err := r.memory.Used(r.context, s.record.Seats, "")
		taken := 0
		for held := range r.seats {
			if held.row == s.record.Seats {
				taken++
			}
		}
		touched = err == nil && used.Guests != taken // the counters may be unreadable, too
	}
	if touched {
		r.breach(lawUntouched, "%s was changed while nobody could read it", r.describe(s.record))
	}
}

// backWithin is within what time a request goes on that can be read again.
const backWithin = time.Hour + 5*time.Minute

// wantBack checks that a request that was set aside, and that can go on now, is due soon.
func (r *run) wantBack(id submission.ID) {
	record := r.recorded[id]
	others := slices.ContainsFunc(r.spoilt, func(s *spoiling) bool {
		return s.to == 0 && r.needs(id, s.record)
	})
	if record.AtRest() || r.skewed() || others {
		return
	}
	for _, m := range r.messages {
		if m.ID == id {
			return
		}
	}
	due, waits := r.dues[id]
	if !waits || due.Sub(r.now) > backWithin && due.After(record.Due.Add(backWithin)) {
		r.breach(lawMended, "%s can go on, and is due at %s", r.nameOf(id), due)
	}
}

// spoiling returns the present spoiling of the record, nil if it can be read.
func (r *run) spoiling(record memstore.Record) *spoiling {
	for _, s := range r.spoilt {
		if s.record == record && s.to == 0 {
			return s
		}
	}
	return nil
}

// couldNotRead reports whether there was a time since the happening in which a record could not be
// read that the function picks.
func (r *run) couldNotRead(since int, picks func(memstore.Record) bool) bool {
	return slices.ContainsFunc(r.spoilt, func(s *spoiling) bool {
		return (s.to == 0 || s.to >= since) && picks(s.record)
	})
}

// needs reports whether the request may need the record: its own, the gate, and what belongs to its
// address.
func (r *run) needs(id submission.ID, record memstore.Record) bool {
	address := r.address[id]
	switch {
	case record.Gate:
		return true
	case record.Request != "":
		return r.address[record.Request] == address
	case record.Claim != submission.Address{}:
		return record.Claim == address
	}
	return slices.ContainsFunc(r.idsFor(address), func(other submission.ID) bool {
		decision := r.recorded[other].Decision
		return decision != nil && decision.Limits != nil && decision.Limits.Row == record.Seats
	})
}

// heldBack reports whether the request may have waited lately for what can't be read, or still
// does.
func (r *run) heldBack(id submission.ID) bool {
	return slices.ContainsFunc(r.spoilt, func(s *spoiling) bool {
		return (s.to == 0 || r.now.Sub(s.until) < 2*time.Hour) && r.needs(id, s.record)
	})
}

// wasSpoilt reports whether the request could not be read at some time.
func (r *run) wasSpoilt(id submission.ID) bool {
	return slices.ContainsFunc(r.spoilt, func(s *spoiling) bool { return s.record.Request == id })
}

// gateUnread reports whether the gate could not be read at some time since the happening.
func (r *run) gateUnread(since int) bool {
	return r.couldNotRead(since, func(record memstore.Record) bool { return record.Gate })
}

// wantReadable checks that a record that was just written could be read.
func (r *run) wantReadable(record memstore.Record) {
	if r.spoiling(record) != nil {
		r.breach(lawUntouched, "%s is written, and nobody can read it", r.describe(record))
	}
}

// saidUnreadable checks the line that says that a request can't be read, or what it needs.
func (r *run) saidUnreadable(line slog.Record) {
	var id submission.ID
	line.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "request" {
			id = submission.ID(attr.Value.String())
		}
		return true
	})
	by := r.current
	if by.upkeep != nil {
		is := func(record memstore.Record) bool { return record == memstore.Record{Request: id} }
		if !r.couldNotRead(by.begunAt, is) {
			r.breach(lawReported, "the sweep says that %s can't be read", r.nameOf(id))
		}
		return
	}
	by.saysUnreadable = true
	r.heldUp[id] = r.now
	r.entered[id] = r.now
	needed := func(record memstore.Record) bool { return r.needs(id, record) }
	if !r.couldNotRead(by.begunAt, needed) {
		r.breach(lawAlone, "%s waits for what can't be read, and needs nothing that can't be",
			r.nameOf(id))
	}
}

// wantSaid checks that a call that succeeded has said that it could not read its request.
func (r *run) wantSaid(by *call) {
	if by.cannotRead && by.upkeep == nil && !by.on.admin && !by.saysUnreadable {
		r.breach(lawReported, "%s can't be read, and the log does not say so", r.nameOf(by.about))
	}
}

// eraseUnreadable carries an erasure out, and checks what was done.
func (r *run) eraseUnreadable(by *call, id submission.ID, erasure request.Erasure) error {
	err := r.memory.EraseUnreadable(r.context, id, erasure)
	if err != nil {
		return err
	}
	s, before := r.spoiling(memstore.Record{Request: id}), r.recorded[id]
	claim := r.claims[before.Submission.Email]
	lost := claim.State == request.ClaimSending ||
		r.spoiling(memstore.Record{Claim: r.address[id]}) != nil
	if erasure.Data && before.GuestID == "" && claim.Owner == id && lost {
		r.unknowable[id] = true // with the address goes what could tell
	}
	r.memory.Mend(s.record)
	after, err := r.memory.Load(r.context, id)
	if err != nil {
		return err
	}
	r.recorded[id] = after
	r.applySpoiling(s)
	r.savedErasure(before, after)
	kept := !before.State.Finished() || r.config.retention == 0 ||
		r.now.Sub(before.Changed) < r.config.retention-wrongBy
	if erasure.Data && !by.on.admin && kept {
		r.breach(lawErased, "%s was erased, and its time has not come", r.nameOf(id))
	}
	noted := erasure.Data && before.GuestID == "" && claim.Owner == id &&
		after.GuestID == claim.GuestID
	// What somebody wants is done as soon as the record can be read.
	due := before.Due
	if after.Withdrawal != before.Withdrawal || after.Resend.Open() && !before.Resend.Open() && before.State.HearsWishes() {
		due = time.Time{}
	}
	if after.State != before.State || after.GuestID != before.GuestID && !noted ||
		len(after.Grants) != len(before.Grants) || !after.Due.Equal(due) ||
		!erasure.Data && after.Submission != before.Submission {
		r.breach(lawUntouched, "%s was changed while nobody could read it", r.nameOf(id))
	}
	return nil
}

// forgotten keeps that the mark of a withdrawal goes whose sign-up came while nobody could read it.
// Nothing of the sign-up may be left.
func (r *run) forgotten(id submission.ID) {
	if r.recorded[id].State != request.Void || !r.unheard[id] {
		return
	}
	r.over[id] = true
	kept, err := r.memory.AllDeadLetters(r.context)
	if err != nil || slices.ContainsFunc(kept, func(letter request.DeadLetter) bool {
		return bytes.Contains(letter.Body, []byte(id))
	}) {
		r.breach(lawErased, "%s was withdrawn, and its submission is kept: %v", r.nameOf(id), err)
	}
}

// sweepRead keeps when a run of upkeep has read the record of the sweep.
func (r *run) sweepRead(by *call, sweep request.Sweep) {
	by.upkeep.sweptFrom = r.happenings
	if sweep.Part != request.SweepOver {
		by.upkeep.sweptFrom = r.roundFrom
	}
}

// sweepComes reports whether the request could not be read at some time since the last round of the
// sweep began. What a call has written beside it, and could not take back, stays until the next.
func (r *run) sweepComes(id submission.ID) bool {
	return slices.ContainsFunc(r.spoilt, func(s *spoiling) bool {
		return s.record.Request == id && (s.to == 0 || s.to >= r.lastRound)
	})
}

// sweepSaved checks what a round of the sweep has found, if it has ended.
func (r *run) sweepSaved(by *call, sweep request.Sweep) {
	r.roundFrom = by.upkeep.sweptFrom
	if sweep.Part != request.SweepOver {
		return
	}
	r.lastRound = r.roundFrom
	for _, s := range r.spoilt {
		if s.to != 0 || s.from >= r.roundFrom || !isRequest(s.record) {
			continue
		}
		id := s.record.Request
		stored := r.recorded[id]
		finished := stored.State.Finished() && !s.whole
		if listed := slices.Contains(sweep.Last.Examples, id); listed == finished {
			r.breach(lawReported, "%s can't be read and is %s, and the sweep lists it: %t",
				r.nameOf(id), stored.State, listed)
		}
		due := r.config.retention > 0 &&
			sweep.Began.Sub(stored.Changed) > r.config.retention+wrongBy
		if finished && due && stored.Submission.Email != (submission.Address{}) {
			r.breach(lawReported, "%s can't be read, and its personal data is kept for too long",
				r.nameOf(id))
		}
	}
}

// waitsForGood reports whether the request waits for a record that nobody mends: its own, or that
// of the owner of its address.
func (r *run) waitsForGood(id submission.ID) bool {
	for _, s := range r.spoilt {
		if !s.lasts {
			continue
		}
		owns := r.claims[r.address[id]].Owner == s.record.Request && !r.heldUp[id].IsZero()
		if s.record.Request == id || owns {
			return true
		}
	}
	return false
}

// comesUp reports whether the due entry of a request counts. Those that wait for good are tried for
// some hours: the world can't come to rest otherwise.
func (r *run) comesUp(id submission.ID, due time.Time) bool {
	return !r.waitsForGood(id) || slices.ContainsFunc(r.spoilt, func(s *spoiling) bool {
		return s.lasts && due.Sub(s.since) < 6*time.Hour
	})
}

// judgeUnreadable mends what nobody has mended, and checks that it is as it was.
func (r *run) judgeUnreadable() {
	for _, s := range r.spoilt {
		if s.to == 0 {
			r.memory.Mend(s.record)
			r.wantUntouched(s)
		}
	}
}

// wantAlone checks why a request has not ended that needs nothing that can't be read.
func (r *run) wantAlone(name string, state request.State) {
	if slices.ContainsFunc(r.spoilt, func(s *spoiling) bool { return s.lasts }) {
		r.breach(lawAlone, "%s is %s in the end, and needs nothing that can't be read", name, state)
	}
}
