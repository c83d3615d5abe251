package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
)

// errStorage is what a failed operation on storage returns.
var errStorage = &problem.Error{
	Code: problem.StorageUnavailable, Detail: "the simulated storage fails",
}

// store is storage as a worker sees it: each operation hands over first, and then meets its fate.
type store struct{ *run }

// port is a store or a directory.
type port interface {
	do(op string, effect func() error) error
}

// get runs one operation that returns a value, the zero value with an error.
func get[T any](p port, op string, effect func() (T, error)) (value T, err error) {
	err = p.do(op, func() (err error) {
		value, err = effect()
		return err
	})
	if err != nil {
		return *new(T), err
	}
	return value, nil
}

// do runs one operation on storage.
func (s store) do(op string, effect func() error) error {
	c := s.current
	err := s.meet(c, op, effect)
	if c.upkeep != nil {
		c.upkeep.operated(op, err)
	}
	return err
}

// meet lets an operation meet its fate.
func (s store) meet(c *call, op string, effect func() error) error {
	c.pause(op, func() { _ = effect() })
	if s.load != nil {
		s.sleep(c, s.load.StorageLatency)
		s.load.transactions++
		return effect()
	}
	if c.late || s.now.Before(s.storageDown) || s.meetOutage(c, op, effect) {
		return errStorage
	}
	switch c.fate {
	case refused:
		return errStorage
	case lost:
		_ = effect()
		return errStorage
	case straggles:
		s.arriveLater(c.name+": "+op, func() { _ = effect() })
		return errStorage
	case doubtful:
		_ = effect()
	case slow:
		return s.slowly(c, effect)
	}
	return effect()
}

func (s store) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	by := s.current
	loaded, err := get(s, "Load", func() (request.Request, error) { return s.memory.Load(ctx, id) })
	by.cannotRead = by.cannotRead || id == by.about && problem.CodeOf(err) == problem.RecordUnreadable
	if problem.CodeOf(err) == problem.NotFound && id == by.about && by.kind == submission.Prove {
		s.codeCounted(by) // no code was mailed for a request that is not recorded
	}
	if err == nil && id == by.about {
		by.has = loaded
		by.wantsTry = by.wantsTry || by.kind == submission.Prove && s.countsCode(by, loaded)
	}
	return loaded, err
}

func (s store) Save(
	_ context.Context, record request.Request, events []request.Event,
) (request.Request, error) {
	by := s.current
	return get(s, "Save "+string(record.State), func() (request.Request, error) {
		before, exists := s.recorded[record.ID]
		saved, err := s.memory.Save(s.context, record, events)
		if err == nil {
			s.wantReadable(memstore.Record{Request: record.ID})
			own := saved
			own.Grants = slices.Clone(saved.Grants)
			s.recorded[record.ID] = own
			if own.ID == by.about {
				by.has = own
			}
			s.saved(by, before, exists, own, events)
			by.reading = reading{}
			s.provoke(by, before, own)
		}
		return saved, err
	})
}

func (s store) History(ctx context.Context, id submission.ID) ([]request.Event, error) {
	return get(s, "History", func() ([]request.Event, error) { return s.memory.History(ctx, id) })
}

func (s store) Claim(
	_ context.Context, address submission.Address, made request.Claim,
) (claim request.Claim, created bool, err error) {
	by := s.current
	claim, err = get(s, "Claim", func() (claim request.Claim, err error) {
		claim, created, err = s.memory.Claim(s.context, address, made)
		if err == nil {
			s.claims[address] = claim
		}
		if created {
			by.madeClaim, by.intent = address, claim
		} else {
			by.read = claim
		}
		return claim, err
	})
	return claim, created, err
}

func (s store) ClaimOf(_ context.Context, address submission.Address) (request.Claim, error) {
	by := s.current
	return get(s, "ClaimOf", func() (claim request.Claim, err error) {
		claim, err = s.memory.ClaimOf(s.context, address)
		by.read = claim
		return claim, err
	})
}

func (s store) UpdateClaim(
	_ context.Context, address submission.Address, claim request.Claim,
) (request.Claim, error) {
	by := s.current
	return get(s, "UpdateClaim", func() (request.Claim, error) {
		updated, err := s.memory.UpdateClaim(s.context, address, claim)
		if err == nil {
			s.claimed(by, address, updated)
		}
		return updated, err
	})
}

func (s store) Release(_ context.Context, address submission.Address, claim request.Claim) error {
	by := s.current
	return s.do("Release", func() error {
		err := s.memory.Release(s.context, address, claim)
		if err == nil {
			s.released(by, address)
		}
		return err
	})
}

func (s store) EraseUnreadable(_ context.Context, id submission.ID, erasure request.Erasure) error {
	by := s.current
	return s.do("EraseUnreadable", func() error { return s.eraseUnreadable(by, id, erasure) })
}

func (s store) Outline(_ context.Context, id submission.ID) (request.Outline, error) {
	return get(s, "Outline", func() (request.Outline, error) { return s.memory.Outline(s.context, id) })
}

func (s store) Forget(_ context.Context, r request.Request) error {
	return s.do("Forget", func() error {
		err := s.memory.Forget(s.context, r)
		if err == nil {
			s.wantReadable(memstore.Record{Request: r.ID})
			s.forgotten(r.ID)
			delete(s.recorded, r.ID)
			s.wantAccounted(r.ID)
		}
		return err
	})
}

func (s store) Wait(_ context.Context, id submission.ID, due time.Time) error {
	return s.writeDue("Wait", id, due, func() error { return s.memory.Wait(s.context, id, due) })
}

func (s store) Park(
	_ context.Context, id submission.ID, due time.Time, parking request.Parking,
) error {
	return s.writeDue("Park", id, due, func() error {
		return s.memory.Park(s.context, id, due, parking)
	})
}

func (s store) Postpone(_ context.Context, id submission.ID, due time.Time) error {
	return s.writeDue("Postpone", id, due, func() error {
		return s.memory.Postpone(s.context, id, due)
	})
}

// writeDue is an operation that writes the due entry of id.
func (s store) writeDue(op string, id submission.ID, due time.Time, effect func() error) error {
	by := s.current
	return s.do(op, func() error {
		err := effect()
		if by.upkeep != nil && due.Sub(by.on.clock(s.now)) > s.config.lease {
			s.breach(lawPostponed, "upkeep postpones %s until %s", s.nameOf(id), due)
		}
		if err == nil {
			s.dues[id] = due.Truncate(request.Tick)
		}
		return err
	})
}

func (s store) Parked(ctx context.Context, limit int) ([]request.ParkedEntry, error) {
	return get(s, "Parked", func() ([]request.ParkedEntry, error) {
		return s.memory.Parked(ctx, limit)
	})
}

func (s store) StopWaiting(_ context.Context, id submission.ID, due time.Time) error {
	return s.do("StopWaiting", func() error {
		err := s.memory.StopWaiting(s.context, id, due)
		if err == nil && s.dues[id].Equal(due.Truncate(request.Tick)) {
			delete(s.dues, id)
			s.wantAccounted(id)
		}
		return err
	})
}

func (s store) Due(ctx context.Context, now time.Time, limit int) ([]submission.ID, error) {
	by, begun := s.current, s.now
	ids, err := get(s, "Due", func() ([]submission.ID, error) { return s.memory.Due(ctx, now, limit) })
	if err == nil && by.upkeep != nil {
		by.upkeep.listed, by.upkeep.at, by.upkeep.due = true, begun, len(ids)
	}
	return ids, err
}

func (s store) Rows(ctx context.Context, partitions []string) ([]policy.Raw, error) {
	by := s.current
	s.readRows(by)
	parts := [][]string{partitions}
	if s.applies { // each partition is read by itself, in any order
		parts = slices.Collect(slices.Chunk(slices.Clone(partitions), 1))
		s.random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	}
	var rows []policy.Raw
	var err error
	for i := 0; i < len(parts) && err == nil; i++ {
		var more []policy.Raw
		more, err = get(s, "Rows", func() ([]policy.Raw, error) { return s.memory.Rows(ctx, parts[i]) })
		rows = append(rows, more...)
	}
	if err != nil {
		s.unread[by.about]++
	}
	return rows, err
}

func (s store) ScanRows(
	ctx context.Context, cursor string,
) (rows []policy.Raw, next string, err error) {
	by := s.current
	rows, err = get(s, "ScanRows", func() ([]policy.Raw, error) {
		var page []policy.Raw
		page, next, err = s.memory.ScanRows(ctx, cursor)
		return page, err
	})
	s.missed(by, err)
	return rows, next, err
}

func (s store) Strays(ctx context.Context) (request.Strays, error) {
	by := s.current
	s.readRows(by)
	strays, err := get(s, "Strays", func() (request.Strays, error) { return s.memory.Strays(ctx) })
	s.missed(by, err)
	return strays, err
}

func (s store) SaveStrays(_ context.Context, strays request.Strays) error {
	by := s.current
	err := s.do("SaveStrays", func() error {
		s.rowsChangedAt = s.happenings // as far as a decision can see
		return s.memory.SaveStrays(s.context, strays)
	})
	s.missed(by, err)
	return err
}

// missed counts a failure to read policy rows for the request that the call is about.
func (s store) missed(by *call, err error) {
	if err != nil {
		s.unread[by.about]++
	}
}

func (s store) Used(ctx context.Context, row policy.RowKey, day string) (policy.Used, error) {
	by := s.current
	used, err := get(s, "Used", func() (policy.Used, error) { return s.memory.Used(ctx, row, day) })
	if err != nil {
		s.unread[by.about]++
	}
	return used, err
}

func (s store) TakeSeat(
	_ context.Context, limits policy.Limits, day string, id submission.ID,
) (bool, error) {
	by := s.current
	return get(s, "TakeSeat", func() (bool, error) {
		taken, err := s.memory.TakeSeat(s.context, limits, day, id)
		_, held := s.seats[seat{limits.Row, id}]
		if err == nil && taken {
			by.seatDay = day
		}
		if err == nil && taken && s.seats[seat{limits.Row, id}] != day {
			s.wantReadable(memstore.Record{Seats: limits.Row})
			s.wantReadable(memstore.Record{Seats: limits.Row, Request: id})
			s.seats[seat{limits.Row, id}] = day
			s.seatedAt[id] = s.happenings
			s.wantSeats(limits, held)
		}
		return taken, err
	})
}

func (s store) HoldsSeat(ctx context.Context, row policy.RowKey, id submission.ID) (bool, error) {
	return get(s, "HoldsSeat", func() (bool, error) { return s.memory.HoldsSeat(ctx, row, id) })
}

func (s store) ReleaseSeat(_ context.Context, row policy.RowKey, id submission.ID) error {
	return s.do("ReleaseSeat", func() error {
		err := s.memory.ReleaseSeat(s.context, row, id)
		_, held := s.seats[seat{row, id}]
		if err == nil && held {
			s.wantReadable(memstore.Record{Seats: row})
			s.wantReadable(memstore.Record{Seats: row, Request: id})
			delete(s.seats, seat{row, id})
		}
		return err
	})
}

func (s store) Gate(ctx context.Context) (request.Gate, error) {
	by := s.current
	gate, err := get(s, "Gate", func() (request.Gate, error) {
		gate, err := s.memory.Gate(ctx)
		by.gate = gate
		return gate, err
	})
	by.gateFailed = problem.CodeOf(err) == problem.StorageUnavailable
	return gate, err
}

func (s store) SaveGate(_ context.Context, gate request.Gate) (request.Gate, error) {
	by := s.current
	saved, err := get(s, "SaveGate", func() (request.Gate, error) {
		before := s.gate
		saved, err := s.memory.SaveGate(s.context, gate)
		if err == nil {
			s.wantReadable(memstore.Record{Gate: true})
			s.gate = saved
			s.gateSaved(by, before, saved)
		}
		return saved, err
	})
	by.gateFailed = problem.CodeOf(err) == problem.StorageUnavailable
	return saved, err
}

func (s store) KeepDeadLetter(_ context.Context, letter request.DeadLetter) error {
	return s.do("KeepDeadLetter", func() error {
		err := s.memory.KeepDeadLetter(s.context, letter)
		if err == nil {
			s.noteKept(letter)
		}
		return err
	})
}

func (s store) AllDeadLetters(ctx context.Context) ([]request.DeadLetter, error) {
	return get(s, "AllDeadLetters", func() ([]request.DeadLetter, error) {
		return s.memory.AllDeadLetters(ctx)
	})
}

func (s store) DropDeadLetter(_ context.Context, id, version string) error {
	return s.do("DropDeadLetter", func() error { return s.memory.DropDeadLetter(s.context, id, version) })
}

func (s store) ScanRequests(
	ctx context.Context, search request.Search, from request.Cursor, limit int,
) (request.Page, error) {
	return get(s, "ScanRequests", func() (request.Page, error) {
		return s.memory.ScanRequests(ctx, search, from, limit)
	})
}

func (s store) Sweep(ctx context.Context) (request.Sweep, error) {
	by := s.current
	return get(s, "Sweep", func() (request.Sweep, error) {
		sweep, err := s.memory.Sweep(ctx)
		s.sweepRead(by, sweep)
		return sweep, err
	})
}

func (s store) SaveSweep(_ context.Context, sweep request.Sweep) (request.Sweep, error) {
	by := s.current
	return get(s, "SaveSweep", func() (request.Sweep, error) {
		saved, err := s.memory.SaveSweep(s.context, sweep)
		if err == nil {
			s.sweepSaved(by, saved)
		}
		return saved, err
	})
}

func (s store) ForgetDeadLetters(
	_ context.Context, before time.Time, from request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	err = s.do("ForgetDeadLetters", func() (err error) {
		next, last, err = s.memory.ForgetDeadLetters(s.context, before, from, limit)
		return err
	})
	return next, last, err
}

func (s store) ForgetOldMails(
	_ context.Context, before time.Time, from request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	by := s.current
	err = s.do("ForgetOldMails", func() (err error) {
		next, last, err = s.memory.ForgetOldMails(s.context, before, from, limit)
		for address, claim := range s.claims {
			if err == nil && claim.OnlyMails() && claim.MailedAt.Before(before) &&
				s.spoiling(memstore.Record{Claim: address}) == nil {
				s.released(by, address)
			}
		}
		return err
	})
	return next, last, err
}

func (s store) ForgetMails(_ context.Context, which request.Mails, limit int) (int, error) {
	by := s.current
	return get(s, "ForgetMails", func() (int, error) {
		forgotten, err := s.memory.ForgetMails(s.context, which, limit)
		if err != nil || forgotten == 0 {
			return forgotten, err
		}
		gone := 0
		for address, claim := range s.claims {
			if which.Fit(address, claim) && s.spoiling(memstore.Record{Claim: address}) == nil {
				s.released(by, address)
				delete(s.mailboxes, address)
				s.emptyBox(address)
				gone++
			}
		}
		if gone != forgotten {
			s.breach(lawMails, "%d claims were forgotten, and %d have mails only", forgotten, gone)
		}
		return forgotten, nil
	})
}

// directory is the tenant as a worker sees it: each call hands over first, and then meets its
// fate.
type directory struct {
	*run
	limit time.Duration // how long the client waits
}

// noToken is the answer to a single call that comes with a token which the directory refuses.
const noToken = request.DirectoryNoToken

// callTimeout is how long the client waits for an answer.
const callTimeout = 20 * time.Second

// passing are the errors of calls with which nothing is wrong.
var passing = []problem.Code{
	request.DirectoryThrottled, request.DirectoryUnavailable, request.DirectoryUnavailable,
	request.DirectoryUnknown,
}

// do runs one call.
func (d directory) do(op string, effect func() error) error {
	c := d.current
	c.pause(op, func() { _ = effect() })
	if d.load != nil {
		err := d.load.take(d.run, c, op)
		if err != nil {
			return err
		}
		return effect()
	}
	if d.pressed && c.on.pressure != nil && d.chance(3) {
		c.on.pressure.Report(0.8 + 0.5*d.random.Float64())
	}
	if d.now.Before(d.outage) {
		return d.failure(c, request.DirectoryUnavailable)
	}
	if d.refusedTokens > 0 && c.about != "" && d.chance(3) {
		d.refusedTokens--
		d.interrupt(c) // also if it is the answer to a question
		return d.failure(c, noToken)
	}
	if err, happens := d.misery(c, op); err != nil {
		if happens {
			_ = effect()
		}
		return err
	}
	switch c.fate {
	case refused:
		return d.failure(c, pick(d.random, passing...))
	case lost, doubtful:
		_ = effect()
		return d.failure(c, pick(d.random, request.DirectoryUnavailable, request.DirectoryUnknown))
	case straggles, slow:
		if c.fate == slow && c.delay < d.limit {
			return d.slowly(c, effect)
		}
		d.arriveLater(c.name+": "+op, func() { _ = effect() })
		d.sleep(c, d.limit)
		return d.failure(c, request.DirectoryUnavailable)
	}
	return effect()
}

func (d directory) Invite(
	ctx context.Context, invitation request.Invitation,
) (invited request.Invited, err error) {
	by := d.current
	deadline, bounded := ctx.Deadline()
	if bounded {
		// The context counts in real time, of which none has passed here since it was made.
		d.limit = min(d.limit, time.Until(deadline)+time.Second).Truncate(time.Second)
	}
	d.beginInvitation(by, invitation)
	seen := 0
	invited, err = get(d, "Invite", func() (request.Invited, error) {
		seen = d.happenings
		id, nobody := d.inviteNobody(invitation.Address)
		guests := d.tenant.guests
		if nobody {
			d.invitationArrived(by, invitation, guests, id, nil)
			return request.Invited{GuestID: id, RedeemURL: redeemURL + id}, nil
		}
		invited, err := d.tenant.Invite(ctx, invitation)
		id = invited.GuestID
		if problem.CodeOf(err) == request.DirectoryUnknown {
			d.unknown[by.about]++
			d.failures[by.about]++
		}
		if failure, is := err.(*problem.Error); is { // each answer has an id of its own
			answered := *failure
			answered.Ref = fmt.Sprint("answer-", d.counts.Invitations)
			err = &answered
		}
		d.invitationArrived(by, invitation, guests, id, err)
		if d.tenant.guests > guests {
			d.guestCame(d.tenant.accounts[id])
		}
		return invited, err
	})
	by.inviting = submission.Address{}
	if err == nil {
		by.knows, by.openingsThen = true, d.counts.Openings
		d.tell(by, invited.GuestID, invitation.Address, seen)
	}
	d.answered(by, err)
	if problem.CodeOf(err) == request.DirectoryThrottled {
		by.deferred = d.now.Add(problem.From(err).RetryAfter)
	}
	return invited, err
}

func (d directory) FindGuest(ctx context.Context, address submission.Address) (string, error) {
	by := d.current
	seen := 0
	guestID, err := get(d, "FindGuest", func() (string, error) {
		seen = d.happenings
		return d.tenant.FindGuest(ctx, address)
	})
	d.heard(by, address, guestID, seen, err)
	return guestID, err
}

func (d directory) FindUser(ctx context.Context, address submission.Address) (request.User, error) {
	by := d.current
	seen := 0
	user, err := get(d, "FindUser", func() (request.User, error) {
		seen = d.happenings
		return d.tenant.FindUser(ctx, address)
	})
	d.heard(by, address, user.ID, seen, err)
	d.oddlyAnswered(by, err)
	return user, err
}

func (d directory) UserByID(
	ctx context.Context, id string, address submission.Address,
) (request.User, error) {
	by := d.current
	seen := 0
	user, err := get(d, "UserByID", func() (request.User, error) {
		seen = d.happenings
		return d.tenant.UserByID(ctx, id, address)
	})
	holder := user.ID
	if user.Kind == request.MovedUser {
		holder = ""
	}
	d.heard(by, address, holder, seen, err)
	return user, err
}

func (d directory) FindDeletedGuests(
	ctx context.Context, address submission.Address,
) ([]request.Deletion, error) {
	by := d.current
	deleted, err := get(d, "FindDeletedGuests", func() ([]request.Deletion, error) {
		return d.tenant.FindDeletedGuests(ctx, address)
	})
	by.unanswered = by.unanswered || err != nil
	return deleted, err
}

func (d directory) AddMember(ctx context.Context, groupID, guestID string) (bool, error) {
	by := d.current
	d.beginMembership(by, groupID, guestID)
	return get(d, "AddMember", func() (bool, error) {
		added, err := d.tenant.AddMember(ctx, groupID, guestID)
		if err == nil {
			d.joined(by, groupID, guestID, added)
		}
		return added, err
	})
}

func (d directory) Group(ctx context.Context, id string) (request.Group, error) {
	return get(d, "Group", func() (request.Group, error) { return d.tenant.Group(ctx, id) })
}

// heard keeps the answer to a question for the holder of an address, as things were at seen.
func (r *run) heard(by *call, address submission.Address, id string, seen int, err error) {
	if err != nil {
		by.unanswered = true
		return
	}
	r.tell(by, id, address, seen)
	by.blind = id == ""
	if id == "" && r.tenant.users[address] != nil {
		r.unseen[address] = true
	}
}

// failure returns an error of the directory that passes by itself.
func (r *run) failure(c *call, code problem.Code) error {
	failure := &problem.Error{
		Code: code, Detail: "the simulated directory fails", Ref: "0badc0de",
	}
	r.failures[c.about]++
	switch code {
	case request.DirectoryThrottled:
		failure.RetryAfter = time.Duration(1+r.random.IntN(120)) * time.Second
	case request.DirectoryUnknown:
		failure.Answer = "403 Forbidden"
		r.unknown[c.about]++
	}
	return failure
}

// sleep suspends a call for d.
func (r *run) sleep(c *call, d time.Duration) {
	if d <= 0 {
		return
	}
	c.wake = r.now.Add(d)
	c.pause("sleep", nil)
}

// slowly runs an operation in the middle of its delay.
func (r *run) slowly(c *call, effect func() error) error {
	r.sleep(c, c.delay/2)
	err := effect()
	r.sleep(c, c.delay/2)
	return err
}

// waitInPlace is the Sleep of every worker.
func (r *run) waitInPlace(ctx context.Context, d time.Duration) error {
	if r.current == nil {
		return errors.New("simulation: a call that does not run sleeps")
	}
	r.sleep(r.current, d)
	return ctx.Err()
}
