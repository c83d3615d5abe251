package simulation

import (
	"context"
	"errors"
	"slices"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// errStorage is what a failed operation on storage returns.
var errStorage = &problem.Error{Code: problem.StorageUnavailable, Detail: "the simulated storage fails"}

// store is storage as a worker sees it: each operation hands over first, and then meets its fate.
type store struct{ *world }

var (
	_ request.Store           = store{}
	_ request.Rows            = store{}
	_ request.Seats           = store{}
	_ request.GateStore       = store{}
	_ request.DeadLetterStore = store{}
	_ request.Records         = store{}
)

// do runs one operation on storage.
func (s store) do(op string, effect func() error) error { return s.attempt(op, false, effect) }

// get runs one operation on storage that returns a value.
func get[T any](s store, op string, effect func() (T, error)) (value T, err error) {
	err = s.attempt(op, false, func() (err error) {
		value, err = effect()
		return err
	})
	return value, err
}

// update runs one operation on storage that depends on a version: when its answer is lost, the
// client's second attempt gets a conflict.
func update[T any](s store, op string, effect func() (T, error)) (value T, err error) {
	err = s.attempt(op, true, func() (err error) {
		value, err = effect()
		return err
	})
	return value, err
}

func (s store) attempt(op string, conditional bool, effect func() error) error {
	r := s.run
	c := r.current
	c.pause(op, func() { _ = effect() })
	if r.load != nil {
		r.sleep(c, r.load.StorageLatency)
		r.load.transactions++
		return effect()
	}
	if r.now.Before(r.storageDown) {
		return errStorage
	}
	switch c.fate {
	case refused:
		return errStorage
	case lost:
		_ = effect()
		return errStorage
	case straggles:
		r.arriveLater(c.name+": "+op, func() { _ = effect() })
		return errStorage
	case doubtful:
		err := effect()
		if err == nil && conditional {
			return problem.New(problem.Conflict, "%s: it changed meanwhile", op)
		}
		return err
	case slow:
		r.sleep(c, c.delay/2)
		err := effect()
		r.sleep(c, c.delay/2)
		return err
	}
	return effect()
}

func (s store) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	return get(s, "Load", func() (request.Request, error) { return s.run.memory.Load(ctx, id) })
}

func (s store) Save(_ context.Context, record request.Request, events []request.Event) (request.Request, error) {
	r, by := s.run, s.run.current
	return update(s, "Save "+string(record.State), func() (request.Request, error) {
		before, exists := r.recorded[record.ID]
		saved, err := r.memory.Save(r.context, record, events)
		if err == nil {
			own := saved
			own.Grants = slices.Clone(saved.Grants)
			r.recorded[record.ID] = own
			r.saved(by, before, exists, own, events)
		}
		return saved, err
	})
}

func (s store) History(ctx context.Context, id submission.ID) ([]request.Event, error) {
	return get(s, "History", func() ([]request.Event, error) { return s.run.memory.History(ctx, id) })
}

func (s store) Claim(_ context.Context, address submission.Address, id submission.ID, intentAt time.Time) (claim request.Claim, created bool, err error) {
	r, by := s.run, s.run.current
	claim, err = get(s, "Claim", func() (claim request.Claim, err error) {
		claim, created, err = r.memory.Claim(r.context, address, id, intentAt)
		if err == nil {
			r.claims[address] = claim
		}
		return claim, err
	})
	if err == nil && by.fate == doubtful {
		created = false
	}
	return claim, created, err
}

func (s store) UpdateClaim(_ context.Context, address submission.Address, claim request.Claim) (request.Claim, error) {
	r := s.run
	return update(s, "UpdateClaim", func() (request.Claim, error) {
		updated, err := r.memory.UpdateClaim(r.context, address, claim)
		if err == nil {
			r.claimed(address, updated)
		}
		return updated, err
	})
}

func (s store) Release(_ context.Context, address submission.Address, claim request.Claim) error {
	r := s.run
	return s.do("Release", func() error {
		err := r.memory.Release(r.context, address, claim)
		if err == nil {
			r.released(address)
		}
		return err
	})
}

func (s store) Wait(_ context.Context, id submission.ID, due time.Time) error {
	r := s.run
	return s.do("Wait", func() error {
		err := r.memory.Wait(r.context, id, due)
		if err == nil {
			r.dues[id] = due.Truncate(request.Tick)
		}
		return err
	})
}

func (s store) StopWaiting(_ context.Context, id submission.ID, due time.Time) error {
	r := s.run
	return s.do("StopWaiting", func() error {
		err := r.memory.StopWaiting(r.context, id, due)
		if err == nil && r.dues[id].Equal(due.Truncate(request.Tick)) {
			delete(r.dues, id)
			r.wantAccounted(id)
		}
		return err
	})
}

func (s store) Due(ctx context.Context, now time.Time, limit int) ([]submission.ID, error) {
	return get(s, "Due", func() ([]submission.ID, error) { return s.run.memory.Due(ctx, now, limit) })
}

func (s store) Rows(ctx context.Context, partitions []string) ([]policy.Raw, error) {
	by := s.run.current
	rows, err := get(s, "Rows", func() ([]policy.Raw, error) { return s.run.memory.Rows(ctx, partitions) })
	if err != nil {
		s.run.unread[by.about]++
	}
	return rows, err
}

func (s store) Used(ctx context.Context, row policy.RowKey, day string) (policy.Used, error) {
	by := s.run.current
	used, err := get(s, "Used", func() (policy.Used, error) { return s.run.memory.Used(ctx, row, day) })
	if err != nil {
		s.run.unread[by.about]++
	}
	return used, err
}

func (s store) TakeSeat(_ context.Context, limits policy.Limits, day string, id submission.ID) (bool, error) {
	r := s.run
	return get(s, "TakeSeat", func() (bool, error) {
		taken, err := r.memory.TakeSeat(r.context, limits, day, id)
		_, held := r.seats[seat{limits.Row, id}]
		if err == nil && taken && !held {
			r.seats[seat{limits.Row, id}] = day
			r.wantSeats(limits)
		}
		return taken, err
	})
}

func (s store) ReleaseSeat(_ context.Context, row policy.RowKey, id submission.ID) error {
	r := s.run
	return s.do("ReleaseSeat", func() error {
		err := r.memory.ReleaseSeat(r.context, row, id)
		if err == nil {
			delete(r.seats, seat{row, id})
		}
		return err
	})
}

func (s store) Gate(ctx context.Context) (request.Gate, error) {
	r, by := s.run, s.run.current
	return get(s, "Gate", func() (request.Gate, error) {
		gate, err := r.memory.Gate(ctx)
		by.gate = gate
		return gate, err
	})
}

func (s store) SaveGate(_ context.Context, gate request.Gate) (request.Gate, error) {
	r, by := s.run, s.run.current
	return update(s, "SaveGate", func() (request.Gate, error) {
		before := r.gate
		saved, err := r.memory.SaveGate(r.context, gate)
		if err == nil {
			r.gate = saved
			r.gateSaved(by, before, saved)
		}
		return saved, err
	})
}

func (s store) KeepDeadLetter(_ context.Context, letter request.DeadLetter) error {
	r := s.run
	return s.do("KeepDeadLetter", func() error { return r.memory.KeepDeadLetter(r.context, letter) })
}

func (s store) AllDeadLetters(ctx context.Context) ([]request.DeadLetter, error) {
	return get(s, "AllDeadLetters", func() ([]request.DeadLetter, error) { return s.run.memory.AllDeadLetters(ctx) })
}

func (s store) DropDeadLetter(_ context.Context, id string) error {
	r := s.run
	return s.do("DropDeadLetter", func() error { return r.memory.DropDeadLetter(r.context, id) })
}

func (s store) Expired(ctx context.Context, before time.Time, limit int) ([]submission.ID, error) {
	return get(s, "Expired", func() ([]submission.ID, error) { return s.run.memory.Expired(ctx, before, limit) })
}

func (s store) Standing(ctx context.Context, before map[request.State]time.Time) (map[request.State]request.Standing, error) {
	return get(s, "Standing", func() (map[request.State]request.Standing, error) { return s.run.memory.Standing(ctx, before) })
}

func (s store) ForgetMails(_ context.Context, which request.Mails, limit int) (int, error) {
	r := s.run
	return get(s, "ForgetMails", func() (int, error) {
		forgotten, err := r.memory.ForgetMails(r.context, which, limit)
		if err != nil || forgotten == 0 {
			return forgotten, err
		}
		gone := 0
		for address, claim := range r.claims {
			if which.Fit(address, claim) {
				r.released(address)
				gone++
			}
		}
		if gone != forgotten {
			r.breach("%d claims were forgotten, and %d have mails only", forgotten, gone)
		}
		return forgotten, nil
	})
}

// directory is the tenant as a worker sees it: each call hands over first, and then meets its
// fate.
type directory struct{ *world }

var (
	_ request.Directory = directory{}
	_ request.Users     = directory{}
)

// callTimeout is how long the client waits for an answer.
const callTimeout = 20 * time.Second

// passing are the errors of calls with which nothing is wrong.
var passing = []problem.Code{request.DirectoryThrottled, request.DirectoryUnavailable, request.DirectoryUnavailable, request.DirectoryUnknown}

// ask runs one call that returns a value, the zero value with an error.
func ask[T any](d directory, op string, limit time.Duration, effect func() (T, error)) (value T, err error) {
	err = d.do(op, limit, func() (err error) {
		value, err = effect()
		return err
	})
	if err != nil {
		return *new(T), err
	}
	return value, nil
}

// do runs one call, for which the client waits up to limit.
func (d directory) do(op string, limit time.Duration, effect func() error) error {
	r := d.run
	c := r.current
	c.pause(op, func() { _ = effect() })
	if r.load != nil {
		err := r.load.take(r, c, op)
		if err != nil {
			return err
		}
		return effect()
	}
	if r.pressed && c.on.pressure != nil && r.chance(3) {
		c.on.pressure.Report(0.8 + 0.5*r.random.Float64())
	}
	if r.now.Before(r.outage) {
		return r.failure(c, request.DirectoryUnavailable)
	}
	switch c.fate {
	case refused:
		return r.failure(c, passing[r.random.IntN(len(passing))])
	case lost, doubtful:
		_ = effect()
		return r.failure(c, [...]problem.Code{request.DirectoryUnavailable, request.DirectoryUnknown}[r.random.IntN(2)])
	case straggles:
		r.arriveLater(c.name+": "+op, func() { _ = effect() })
		r.sleep(c, limit)
		return r.failure(c, request.DirectoryUnavailable)
	case slow:
		if c.delay >= limit {
			r.arriveLater(c.name+": "+op, func() { _ = effect() })
			r.sleep(c, limit)
			return r.failure(c, request.DirectoryUnavailable)
		}
		r.sleep(c, c.delay/2)
		err := effect()
		r.sleep(c, c.delay/2)
		return err
	}
	return effect()
}

func (d directory) Invite(ctx context.Context, invitation request.Invitation) (guestID string, err error) {
	r, by := d.run, d.run.current
	limit := callTimeout
	deadline, bounded := ctx.Deadline()
	if bounded {
		// The context counts in real time, of which none has passed here since it was made.
		limit = min(limit, time.Until(deadline)+time.Second).Truncate(time.Second)
	}
	r.beginInvitation(by, invitation)
	guestID, err = ask(d, "Invite", limit, func() (string, error) {
		guestID, err := r.tenant.Invite(ctx, invitation)
		r.invitationArrived(by, invitation, err)
		return guestID, err
	})
	by.inviting = submission.Address{}
	if err == nil {
		by.knows, by.openingsThen = true, r.counts.Openings
	}
	if request.TenantWide(problem.CodeOf(err)) {
		by.tenantWide, by.closingsThen = problem.CodeOf(err), r.closings
	}
	if problem.CodeOf(err) == request.DirectoryThrottled {
		by.deferred = r.now.Add(problem.From(err).RetryAfter)
	}
	return guestID, err
}

func (d directory) FindGuest(ctx context.Context, address submission.Address) (string, error) {
	r, by := d.run, d.run.current
	return ask(d, "FindGuest", callTimeout, func() (string, error) {
		guestID, err := r.tenant.FindGuest(ctx, address)
		r.looked(by, address, guestID)
		return guestID, err
	})
}

func (d directory) FindUser(ctx context.Context, address submission.Address) (request.User, error) {
	r, by := d.run, d.run.current
	return ask(d, "FindUser", callTimeout, func() (request.User, error) {
		user, err := r.tenant.FindUser(ctx, address)
		r.looked(by, address, user.ID)
		return user, err
	})
}

func (d directory) FindDeletedGuests(ctx context.Context, address submission.Address) ([]string, error) {
	r := d.run
	return ask(d, "FindDeletedGuests", callTimeout, func() ([]string, error) { return r.tenant.FindDeletedGuests(ctx, address) })
}

func (d directory) AddMember(ctx context.Context, groupID, guestID string) (bool, error) {
	r, by := d.run, d.run.current
	r.beginMembership(by, groupID, guestID)
	return ask(d, "AddMember", callTimeout, func() (bool, error) {
		added, err := r.tenant.AddMember(ctx, groupID, guestID)
		if added {
			r.adders[membership{groupID, guestID}] = by
		}
		return added, err
	})
}

// failure returns an error of the directory that passes by itself.
func (r *run) failure(c *call, code problem.Code) error {
	failure := &problem.Error{Code: code, Detail: "the simulated directory fails", Ref: "0badc0de"}
	switch code {
	case request.DirectoryThrottled:
		failure.RetryAfter = time.Duration(1+r.random.IntN(120)) * time.Second
	case request.DirectoryUnknown:
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

// waitInPlace is the Sleep of every worker.
func (w *world) waitInPlace(ctx context.Context, d time.Duration) error {
	if w.run.current == nil {
		return errors.New("simulation: a call that does not run sleeps")
	}
	w.run.sleep(w.run.current, d)
	return ctx.Err()
}
