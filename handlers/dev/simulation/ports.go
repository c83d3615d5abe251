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

// store stands between a machine and storage: each operation hands over first, and meets its fate.
type store struct{ *world }

var (
	_ request.Store       = store{}
	_ request.Rows        = store{}
	_ request.Seats       = store{}
	_ request.GateStore   = store{}
	_ request.PoisonStore = store{}
	_ request.Records     = store{}
)

// do runs one operation on storage. conditional says that the client's second attempt, after a lost answer, is told that somebody was faster.
func (s store) do(op string, conditional bool, effect func() error) error {
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

func (s store) Load(ctx context.Context, id submission.ID) (loaded request.Request, err error) {
	err = s.do("Load", false, func() (err error) {
		loaded, err = s.run.memory.Load(ctx, id)
		return err
	})
	return loaded, err
}

func (s store) Save(ctx context.Context, record request.Request, events []request.Event) (saved request.Request, err error) {
	r, by := s.run, s.run.current
	err = s.do("Save "+string(record.State), true, func() (err error) {
		before, exists := r.recorded[record.ID]
		saved, err = r.memory.Save(r.context, record, events)
		if err == nil {
			own := saved
			own.Grants = slices.Clone(saved.Grants)
			r.recorded[record.ID] = own
			r.saved(by, before, exists, own, events)
		}
		return err
	})
	return saved, err
}

func (s store) History(ctx context.Context, id submission.ID) (events []request.Event, err error) {
	err = s.do("History", false, func() (err error) {
		events, err = s.run.memory.History(ctx, id)
		return err
	})
	return events, err
}

func (s store) Claim(_ context.Context, address submission.Address, id submission.ID, intentAt time.Time) (claim request.Claim, created bool, err error) {
	r, by := s.run, s.run.current
	err = s.do("Claim", false, func() (err error) {
		claim, created, err = r.memory.Claim(r.context, address, id, intentAt)
		if err == nil {
			r.claims[address] = claim
		}
		return err
	})
	if err == nil && by.fate == doubtful {
		created = false
	}
	return claim, created, err
}

func (s store) UpdateClaim(_ context.Context, address submission.Address, claim request.Claim) (updated request.Claim, err error) {
	r := s.run
	err = s.do("UpdateClaim", true, func() (err error) {
		updated, err = r.memory.UpdateClaim(r.context, address, claim)
		if err == nil {
			r.claimed(address, updated)
		}
		return err
	})
	return updated, err
}

func (s store) Release(_ context.Context, address submission.Address, claim request.Claim) error {
	r := s.run
	return s.do("Release", false, func() error {
		err := r.memory.Release(r.context, address, claim)
		if err == nil {
			r.released(address)
		}
		return err
	})
}

func (s store) Wait(_ context.Context, id submission.ID, due time.Time) error {
	r := s.run
	return s.do("Wait", false, func() error {
		err := r.memory.Wait(r.context, id, due)
		if err == nil {
			r.notes[id] = due.Truncate(100 * time.Nanosecond)
		}
		return err
	})
}

func (s store) StopWaiting(_ context.Context, id submission.ID, due time.Time) error {
	r := s.run
	return s.do("StopWaiting", false, func() error {
		err := r.memory.StopWaiting(r.context, id, due)
		if err == nil && r.notes[id].Equal(due.Truncate(100*time.Nanosecond)) {
			delete(r.notes, id)
			r.wantAccounted(id)
		}
		return err
	})
}

func (s store) Due(ctx context.Context, now time.Time, limit int) (ids []submission.ID, err error) {
	err = s.do("Due", false, func() (err error) {
		ids, err = s.run.memory.Due(ctx, now, limit)
		return err
	})
	return ids, err
}

func (s store) Rows(ctx context.Context, partitions []string) (rows []policy.Raw, err error) {
	by := s.run.current
	err = s.do("Rows", false, func() (err error) {
		rows, err = s.run.memory.Rows(ctx, partitions)
		return err
	})
	if err != nil {
		s.run.unread[by.about]++
	}
	return rows, err
}

func (s store) Used(ctx context.Context, row policy.RowKey, day string) (used policy.Used, err error) {
	by := s.run.current
	err = s.do("Used", false, func() (err error) {
		used, err = s.run.memory.Used(ctx, row, day)
		return err
	})
	if err != nil {
		s.run.unread[by.about]++
	}
	return used, err
}

func (s store) TakeSeat(_ context.Context, limits policy.Limits, day string, id submission.ID) (taken bool, err error) {
	r := s.run
	err = s.do("TakeSeat", false, func() (err error) {
		taken, err = r.memory.TakeSeat(r.context, limits, day, id)
		_, held := r.seats[seat{limits.Row, id}]
		if err == nil && taken && !held {
			r.seats[seat{limits.Row, id}] = day
			r.wantSeats(limits)
		}
		return err
	})
	return taken, err
}

func (s store) ReleaseSeat(_ context.Context, row policy.RowKey, id submission.ID) error {
	r := s.run
	return s.do("ReleaseSeat", false, func() error {
		err := r.memory.ReleaseSeat(r.context, row, id)
		if err == nil {
			delete(r.seats, seat{row, id})
		}
		return err
	})
}

func (s store) Gate(ctx context.Context) (gate request.Gate, err error) {
	r, by := s.run, s.run.current
	err = s.do("Gate", false, func() (err error) {
		gate, err = r.memory.Gate(ctx)
		by.gate = gate
		return err
	})
	return gate, err
}

func (s store) SaveGate(_ context.Context, gate request.Gate) (saved request.Gate, err error) {
	r, by := s.run, s.run.current
	err = s.do("SaveGate", true, func() (err error) {
		before := r.gate
		saved, err = r.memory.SaveGate(r.context, gate)
		if err == nil {
			r.gate = saved
			r.gateSaved(by, before, saved)
		}
		return err
	})
	return saved, err
}

func (s store) KeepPoison(_ context.Context, poison request.Poison) error {
	r := s.run
	return s.do("KeepPoison", false, func() error { return r.memory.KeepPoison(r.context, poison) })
}

func (s store) AllPoison(ctx context.Context) (kept []request.Poison, err error) {
	err = s.do("AllPoison", false, func() (err error) {
		kept, err = s.run.memory.AllPoison(ctx)
		return err
	})
	return kept, err
}

func (s store) DropPoison(_ context.Context, id string) error {
	r := s.run
	return s.do("DropPoison", false, func() error { return r.memory.DropPoison(r.context, id) })
}

func (s store) Expired(ctx context.Context, before time.Time, limit int) (ids []submission.ID, err error) {
	err = s.do("Expired", false, func() (err error) {
		ids, err = s.run.memory.Expired(ctx, before, limit)
		return err
	})
	return ids, err
}

func (s store) Standing(ctx context.Context, before map[request.State]time.Time) (standing map[request.State]request.Standing, err error) {
	err = s.do("Standing", false, func() (err error) {
		standing, err = s.run.memory.Standing(ctx, before)
		return err
	})
	return standing, err
}

func (s store) ForgetMails(_ context.Context, which request.Mails, limit int) (forgotten int, err error) {
	r := s.run
	err = s.do("ForgetMails", false, func() (err error) {
		forgotten, err = r.memory.ForgetMails(r.context, which, limit)
		if err != nil || forgotten == 0 {
			return err
		}
		gone := 0
		for address, claim := range r.claims {
			if which.Fit(address, claim) {
				r.released(address)
				gone++
			}
		}
		if gone != forgotten {
			r.breach("%d claims were forgotten, and %d say of mails only", forgotten, gone)
		}
		return nil
	})
	return forgotten, err
}

// directory stands between a machine and the tenant.
type directory struct{ *world }

var (
	_ request.Directory = directory{}
	_ request.Users     = directory{}
)

// callTimeout is how long the client waits for an answer of the directory.
const callTimeout = 20 * time.Second

// passing are the errors with which a call of the directory fails although nothing is wrong with what was asked.
var passing = []problem.Code{request.DirectoryThrottled, request.DirectoryUnavailable, request.DirectoryUnavailable, request.DirectoryUnknown}

// do runs one call of the directory within the time that the client gives it.
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
		// The context counts in real time, in which nothing has passed here since it was made.
		limit = min(limit, time.Until(deadline)+time.Second).Truncate(time.Second)
	}
	r.beginInvitation(by, invitation)
	err = d.do("Invite", limit, func() error {
		guestID, err = r.tenant.Invite(invitation)
		r.invitationArrived(by, invitation, err)
		return err
	})
	by.inviting = submission.Address{}
	if err == nil {
		by.knows, by.openingsThen = true, r.counts.Openings
	} else {
		guestID = ""
	}
	if request.TenantWide(problem.CodeOf(err)) {
		by.tenantWide, by.closingsThen = problem.CodeOf(err), r.closings
	}
	if problem.CodeOf(err) == request.DirectoryThrottled {
		by.deferred = r.now.Add(problem.From(err).RetryAfter)
	}
	return guestID, err
}

func (d directory) FindGuest(_ context.Context, address submission.Address) (guestID string, err error) {
	r, by := d.run, d.run.current
	err = d.do("FindGuest", callTimeout, func() (err error) {
		guestID, err = r.tenant.FindGuest(address)
		r.looked(by, address, guestID)
		return err
	})
	if err != nil {
		guestID = ""
	}
	return guestID, err
}

func (d directory) FindUser(_ context.Context, address submission.Address) (user request.User, err error) {
	r, by := d.run, d.run.current
	err = d.do("FindUser", callTimeout, func() (err error) {
		user, err = r.tenant.FindUser(address)
		r.looked(by, address, user.ID)
		return err
	})
	if err != nil {
		user = request.User{}
	}
	return user, err
}

func (d directory) FindDeletedGuests(_ context.Context, address submission.Address) (ids []string, err error) {
	r := d.run
	err = d.do("FindDeletedGuests", callTimeout, func() (err error) {
		ids, err = r.tenant.FindDeletedGuests(address)
		return err
	})
	if err != nil {
		ids = nil
	}
	return ids, err
}

func (d directory) AddMember(_ context.Context, groupID, guestID string) (added bool, err error) {
	r, by := d.run, d.run.current
	r.beginMembership(by, groupID, guestID)
	err = d.do("AddMember", callTimeout, func() (err error) {
		added, err = r.tenant.AddMember(groupID, guestID, string(by.about))
		if added {
			r.adders[membership{groupID, guestID}] = by
		}
		return err
	})
	if err != nil {
		added = false
	}
	return added, err
}

// failure is an error of the directory that passes by itself.
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

// sleep lets a call wait inside a step.
func (r *run) sleep(c *call, d time.Duration) {
	if d <= 0 {
		return
	}
	c.wake = r.now.Add(d)
	c.pause("sleep", nil)
}

// waitInPlace is a machine's Sleep.
func (w *world) waitInPlace(ctx context.Context, d time.Duration) error {
	if w.run.current == nil {
		return errors.New("simulation: a call sleeps that does not run")
	}
	w.run.sleep(w.run.current, d)
	return ctx.Err()
}
