package simulation

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// A mutant is a program with one fault. The law must be broken in one of the seeds of the event.
type mutant struct {
	law   Law
	event string // "none" for the world without events
	fault string
	bend  func(*run, *workflow.Config)
}

// withoutCancel lets nobody cancel a parked request.
func withoutCancel(config *review.Config) {
	config.Store = bentStore{Store: config.Store, load: func(r request.Request) request.Request {
		if r.State == request.Parked {
			r.State = request.Done
		}
		return r
	}}
}

// bentStore is a store with a fault. Functions that are nil change nothing.
type bentStore struct {
	request.Store
	load    func(request.Request) request.Request
	save    func(*request.Request, *[]request.Event)
	claim   func(context.Context, submission.Address, submission.ID, request.Claim) request.Claim
	sent    func(request.Claim) (request.Claim, bool) // a claim to be written, and whether it is
	wait    func(submission.ID, time.Time) (time.Time, bool)
	rest    func() bool // whether a due entry is removed
	empty   bool        // nothing is due if that can't be read
	history func([]request.Event) []request.Event
	keep    bool                   // nothing is forgotten
	note    func(*request.Erasure) // in what can't be read

	youngest bool // parked requests come in the wrong order
}

func (s bentStore) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	r, err := s.Store.Load(ctx, id)
	if err == nil && s.load != nil {
		r = s.load(r)
	}
	return r, err
}

func (s bentStore) Save(
	ctx context.Context, r request.Request, events []request.Event,
) (request.Request, error) {
	if s.save != nil {
		r.Grants = slices.Clone(r.Grants)
		events = slices.Clone(events)
		s.save(&r, &events)
	}
	return s.Store.Save(ctx, r, events)
}

func (s bentStore) Claim(
	ctx context.Context, address submission.Address, made request.Claim,
) (request.Claim, bool, error) {
	claim, created, err := s.Store.Claim(ctx, address, made)
	if err == nil && s.claim != nil {
		claim = s.claim(ctx, address, made.Owner, claim)
	}
	return claim, created, err
}

func (s bentStore) UpdateClaim(
	ctx context.Context, address submission.Address, claim request.Claim,
) (request.Claim, error) {
	if s.sent != nil {
		changed, written := s.sent(claim)
		if !written {
			return claim, nil
		}
		claim = changed
	}
	return s.Store.UpdateClaim(ctx, address, claim)
}

func (s bentStore) Wait(ctx context.Context, id submission.ID, due time.Time) error {
	if s.wait != nil {
		later, written := s.wait(id, due)
		if !written {
			return nil
		}
		due = later
	}
	return s.Store.Wait(ctx, id, due)
}

func (s bentStore) EraseUnreadable(
	ctx context.Context, id submission.ID, erasure request.Erasure,
) error {
	if s.note != nil {
		s.note(&erasure)
	}
	return s.Store.EraseUnreadable(ctx, id, erasure)
}

func (s bentStore) Forget(ctx context.Context, r request.Request) error {
	if s.keep {
		return nil
	}
	return s.Store.Forget(ctx, r)
}

func (s bentStore) Postpone(ctx context.Context, id submission.ID, due time.Time) error {
	if s.wait != nil {
		return s.Wait(ctx, id, due)
	}
	return s.Store.Postpone(ctx, id, due)
}

func (s bentStore) Park(
	ctx context.Context, id submission.ID, due time.Time, parking request.Parking,
) error {
	if s.wait != nil {
		return s.Wait(ctx, id, due)
	}
	return s.Store.Park(ctx, id, due, parking)
}

func (s bentStore) Parked(ctx context.Context, limit int) ([]request.ParkedEntry, error) {
	parked, err := s.Store.Parked(ctx, limit)
	if s.youngest {
		slices.Reverse(parked)
	}
	return parked, err
}

func (s bentStore) StopWaiting(ctx context.Context, id submission.ID, due time.Time) error {
	if s.rest != nil && !s.rest() {
		return nil
	}
	return s.Store.StopWaiting(ctx, id, due)
}

func (s bentStore) History(ctx context.Context, id submission.ID) ([]request.Event, error) {
	events, err := s.Store.History(ctx, id)
	if err == nil && s.history != nil {
		events = s.history(events)
	}
	return events, err
}

func (s bentStore) Due(
	ctx context.Context, now time.Time, limit int,
) ([]submission.ID, error) {
	ids, err := s.Store.Due(ctx, now, limit)
	if s.empty {
		err = nil
	}
	return ids, err
}

// sharedStore is a store of which no request can be read while one can't be.
type sharedStore struct {
	request.Store
	spoilt func() bool
}

func (s sharedStore) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	loaded, err := s.Store.Load(ctx, id)
	if err == nil && s.spoilt() {
		return request.Request{}, problem.New(problem.RecordUnreadable, "another can't be read")
	}
	return loaded, err
}

// blindRecords find nothing if that can't be read.
type blindRecords struct{ request.Records }

func (s blindRecords) ScanRequests(
	ctx context.Context, search request.Search, from request.Cursor, limit int,
) (request.Page, error) {
	page, err := s.Records.ScanRequests(ctx, search, from, limit)
	if err != nil {
		return request.Page{Last: true}, nil
	}
	return page, nil
}

// deafRecords overlook what can't be read.
type deafRecords struct{ request.Records }

func (s deafRecords) ScanRequests(
	ctx context.Context, search request.Search, from request.Cursor, limit int,
) (request.Page, error) {
	page, err := s.Records.ScanRequests(ctx, search, from, limit)
	page.Found = slices.DeleteFunc(page.Found, request.Brief.Unreadable)
	return page, err
}

// bentDirectory is a directory with a fault.
type bentDirectory struct {
	directory
	invite func(context.Context, request.Invitation, string, error) (string, error)
	user   func(request.User) request.User // found by address or id
	guest  func(string) string
	member func(ctx context.Context, group, guest string) (added bool, err error)
}

func (d bentDirectory) Invite(ctx context.Context, i request.Invitation) (request.Invited, error) {
	invited, err := d.directory.Invite(ctx, i)
	if d.invite != nil {
		invited.GuestID, err = d.invite(ctx, i, invited.GuestID, err)
	}
	return invited, err
}

func (d bentDirectory) FindUser(ctx context.Context, a submission.Address) (request.User, error) {
	user, err := d.directory.FindUser(ctx, a)
	if err == nil && d.user != nil {
		user = d.user(user)
	}
	return user, err
}

func (d bentDirectory) UserByID(
	ctx context.Context, id string, a submission.Address,
) (request.User, error) {
	user, err := d.directory.UserByID(ctx, id, a)
	if err == nil && d.user != nil {
		user = d.user(user)
	}
	return user, err
}

func (d bentDirectory) FindGuest(ctx context.Context, a submission.Address) (string, error) {
	id, err := d.directory.FindGuest(ctx, a)
	if err == nil && d.guest != nil {
		id = d.guest(id)
	}
	return id, err
}

func (d bentDirectory) AddMember(ctx context.Context, group, guest string) (bool, error) {
	if d.member != nil {
		return d.member(ctx, group, guest)
	}
	return d.directory.AddMember(ctx, group, guest)
}

// silentQueues take a message, and it is not there.
type silentQueues struct{ request.Queues }

func (silentQueues) Put(context.Context, string, []byte, time.Duration) error { return nil }

// bentQueues are queues with a fault.
type bentQueues struct {
	request.Queues
	change func(*submission.Message)
}

func (q bentQueues) Put(
	ctx context.Context, queue string, encoded []byte, delay time.Duration,
) error {
	message, err := submission.DecodeMessage(encoded)
	if err == nil {
		q.change(&message)
		encoded, err = message.Encode()
	}
	return errors.Join(err, q.Queues.Put(ctx, queue, encoded, delay))
}

// doubtfulQueues take every message and say that they have not.
type doubtfulQueues struct{ request.Queues }

func (q doubtfulQueues) Put(ctx context.Context, queue string, encoded []byte, delay time.Duration) error {
	return errors.Join(q.Queues.Put(ctx, queue, encoded, delay), errStorage)
}

// bentSeats are seats with a fault.
type bentSeats struct {
	request.Seats
	take func(ctx context.Context, limits policy.Limits, day string, id submission.ID) (bool, error)
	keep bool // seats are never released
}

func (s bentSeats) TakeSeat(
	ctx context.Context, limits policy.Limits, day string, id submission.ID,
) (bool, error) {
	if s.take != nil {
		return s.take(ctx, limits, day, id)
	}
	return s.Seats.TakeSeat(ctx, limits, day, id)
}

func (s bentSeats) ReleaseSeat(
	ctx context.Context, row policy.RowKey, id submission.ID,
) error {
	if s.keep {
		return nil
	}
	return s.Seats.ReleaseSeat(ctx, row, id)
}

// blindGates is a gate that hides the stop of an admin.
type blindGates struct {
	request.GateStore
	stop request.Stop
}

func (g *blindGates) Gate(ctx context.Context) (request.Gate, error) {
	gate, err := g.GateStore.Gate(ctx)
	g.stop, gate.Stop = gate.Stop, request.Stop{}
	return gate, err
}

func (g *blindGates) SaveGate(ctx context.Context, gate request.Gate) (request.Gate, error) {
	gate.Stop = g.stop
	return g.GateStore.SaveGate(ctx, gate)
}

// hastyGates is a gate that is made anew if it can't be read.
type hastyGates struct {
	request.GateStore
	run *run
}

func (g hastyGates) Gate(ctx context.Context) (request.Gate, error) {
	gate, err := g.GateStore.Gate(ctx)
	if problem.CodeOf(err) == problem.RecordUnreadable {
		g.run.memory.Mend(memstore.Record{Gate: true})
		gate, err = g.run.memory.Gate(ctx)
		gate = request.Gate{Version: gate.Version}
	}
	return gate, err
}

// bentGates is a gate with a fault.
type bentGates struct {
	request.GateStore
	save func(*request.Gate)
}

func (g bentGates) SaveGate(ctx context.Context, gate request.Gate) (request.Gate, error) {
	g.save(&gate)
	return g.GateStore.SaveGate(ctx, gate)
}

// bentRows are rows with a fault.
type bentRows struct{ inner request.Rows }

func (b bentRows) Rows(ctx context.Context, partitions []string) ([]policy.Raw, error) {
	rows, err := b.inner.Rows(ctx, partitions)
	for _, row := range rows {
		if row.Columns["Action"] == "invite" {
			row.Columns["Groups"] = otherGroup
		}
	}
	return rows, err
}

// bentStrays are misspelt rows that are overlooked: by a search, or in the list.
type bentStrays struct {
	request.StrayStore
	unfound, unlisted bool
}

func (s bentStrays) ScanRows(
	ctx context.Context, cursor string,
) (rows []policy.Raw, next string, err error) {
	rows, next, err = s.StrayStore.ScanRows(ctx, cursor)
	if s.unfound {
		rows = nil
	}
	return rows, next, err
}

func (s bentStrays) Strays(ctx context.Context) (request.Strays, error) {
	strays, err := s.StrayStore.Strays(ctx)
	if s.unlisted {
		strays.Rows = nil
	}
	return strays, err
}

// oldRows are rows that are not read again when they are asked for again: never, or not at once.
type oldRows struct {
	inner request.Rows
	known map[string][]policy.Raw // by partition
	once  bool                    // the next time they are
}

func (o *oldRows) Rows(ctx context.Context, partitions []string) (rows []policy.Raw, err error) {
	for _, partition := range partitions {
		known, ok := o.known[partition]
		if !ok {
			known, err = o.inner.Rows(ctx, []string{partition})
			if err != nil {
				return nil, err
			}
			o.known[partition] = known
		} else if o.once {
			delete(o.known, partition)
		}
		rows = append(rows, known...)
	}
	return rows, nil
}

// bendStore returns a fault of the store.
func bendStore(fault func(*run, *bentStore)) func(*run, *workflow.Config) {
	return func(r *run, config *workflow.Config) {
		bent := bentStore{Store: config.Store}
		fault(r, &bent)
		config.Store = bent
	}
}

// bendDirectory returns a fault of the directory.
func bendDirectory(fault func(*run, *bentDirectory)) func(*run, *workflow.Config) {
	return func(r *run, config *workflow.Config) {
		bent := bentDirectory{directory: directory{r, callTimeout}}
		fault(r, &bent)
		config.Directory, config.Users = bent, bent
	}
}

// requestMutants break the laws about requests.
func requestMutants() []mutant {
	return []mutant{
		{lawInternal, "none", "an answer without a code", bendDirectory(func(_ *run, d *bentDirectory) {
			d.invite = func(_ context.Context, _ request.Invitation, id string, _ error) (string, error) {
				return id, errors.New("no code")
			}
		})},
		{lawRest, "none", "due entries stay", bendStore(func(_ *run, s *bentStore) {
			s.rest = func() bool { return false }
		})},
		{lawAccounted, "none", "due entries are not written", bendStore(func(_ *run, s *bentStore) {
			s.wait = func(submission.ID, time.Time) (time.Time, bool) { return time.Time{}, false }
		})},
		{lawHistory, "none", "events are dropped", bendStore(func(_ *run, s *bentStore) {
			s.save = func(_ *request.Request, events *[]request.Event) { *events = nil }
		})},
		{lawDecided, "none", "rows are read wrongly", func(_ *run, config *workflow.Config) {
			config.Rows = bentRows{config.Rows}
		}},
		{lawMisspelt, "rows misspelt", "the list is not heeded", func(_ *run, config *workflow.Config) {
			config.Strays = bentStrays{StrayStore: config.Strays, unlisted: true}
		}},
		{lawChecked, "rows misspelt", "no row is found", func(_ *run, config *workflow.Config) {
			config.Strays = bentStrays{StrayStore: config.Strays, unfound: true}
		}},
		{lawAskedAgain, "rows changed while parked", "the rows are read as they were",
			func(_ *run, config *workflow.Config) {
				config.Rows = &oldRows{inner: config.Rows, known: map[string][]policy.Raw{}}
			}},
		{lawWider, "rows applied", "changes between two reads are not seen",
			func(_ *run, config *workflow.Config) {
				config.Rows = &oldRows{inner: config.Rows, known: map[string][]policy.Raw{}, once: true}
			}},
		{lawVoid, "made-up ids", "a mark is not forgotten", bendStore(func(_ *run, s *bentStore) {
			s.keep = true
		})},
		{lawVoid, "made-up ids", "a mark has a history", bendStore(func(_ *run, s *bentStore) {
			s.save = func(r *request.Request, events *[]request.Event) {
				if r.State == request.Void {
					*events = append(*events, request.Event{State: request.Void, What: "void"})
				}
			}
		})},
		{lawEnds, "none", "the directory refuses", bendDirectory(func(_ *run, d *bentDirectory) {
			d.invite = func(_ context.Context, _ request.Invitation, _ string, _ error) (string, error) {
				return "", problem.New(request.DirectoryBadAddress, "refused")
			}
		})},
		{lawErased, "none", "the name stays", bendStore(func(_ *run, s *bentStore) {
			s.save = func(r *request.Request, _ *[]request.Event) { r.Submission.GivenName = "Ana" }
		})},
		{lawIdleWish, "wishes from any id", "a refused wish counts a mail",
			func(r *run, config *workflow.Config) {
				config.Store = bentStore{Store: config.Store, save: func(
					saved *request.Request, _ *[]request.Event,
				) {
					address := r.address[saved.ID]
					claim, claimed := r.claims[address]
					if r.recorded[saved.ID].Resend.Open() && !saved.Resend.Open() && claimed {
						_, _ = store{r}.UpdateClaim(r.context, address, claim.Mailed(r.now))
					}
				}}
			}},
		{lawBound, "unlucky guest", "failures are not counted", bendStore(func(_ *run, s *bentStore) {
			s.save = func(r *request.Request, _ *[]request.Event) {
				r.Attempt, r.Unknown, r.Failures = 0, 0, request.Failures{}
				for i := range r.Grants {
					r.Grants[i].Unknown = 0
				}
			}
		})},
	}
}

// outageMutants break the laws about what is gone for hours.
func outageMutants() []mutant {
	return []mutant{
		{lawOutage, "tables gone", "five failures end a sign-up", bendStore(
			func(_ *run, s *bentStore) {
				s.save = func(r *request.Request, events *[]request.Event) {
					if n := len(*events); n > 0 && (*events)[n-1].What == "troubled" && !r.State.Ended() {
						r.State, r.Due = request.Failed, time.Time{}
						(*events)[n-1].What, (*events)[n-1].State = "poisoned", request.Failed
					}
				}
			})},
		{lawGivenUp, "tables gone", "nothing is put back", func(_ *run, config *workflow.Config) {
			config.Queues = silentQueues{config.Queues}
		}},
		{lawPostponed, "none", "upkeep postpones for hours", bendStore(func(r *run, s *bentStore) {
			s.wait = func(_ submission.ID, due time.Time) (time.Time, bool) {
				if r.current.upkeep != nil {
					due = due.Add(time.Hour)
				}
				return due, true
			}
		})},
		{lawDelays, "tables gone", "returns are not counted", func(_ *run, config *workflow.Config) {
			config.Queues = bentQueues{config.Queues, func(m *submission.Message) { m.Returns = 1 }}
		}},
		{lawDelays, "table gone", "trouble is forgotten", bendStore(func(_ *run, s *bentStore) {
			s.history = func([]request.Event) []request.Event { return nil }
		})},
		{lawCopies, "tables gone", "messages that were put back are put back again",
			func(_ *run, config *workflow.Config) {
				config.Queues = doubtfulQueues{config.Queues}
			}},
		{lawHeartbeat, "table gone", "nothing is due if that can't be read",
			bendStore(func(_ *run, s *bentStore) { s.empty = true })},
		{lawHeartbeat, "table gone", "nothing is overdue if that can't be read",
			func(_ *run, config *workflow.Config) {
				config.Records = blindRecords{config.Records}
			}},
	}
}

// unreadableMutants break the laws about what can't be read.
func unreadableMutants() []mutant {
	const event = "records unreadable"
	someRequest := func(r *run) bool {
		return slices.ContainsFunc(r.spoilt, func(s *spoiling) bool { return s.to == 0 && isRequest(s.record) })
	}
	return []mutant{
		{lawAlone, event, "no request is read while one can't be", func(r *run, config *workflow.Config) {
			config.Store = sharedStore{config.Store, func() bool { return someRequest(r) }}
		}},
		{lawMended, event, "a request that waits is forgotten for hours",
			bendStore(func(r *run, s *bentStore) {
				s.wait = func(_ submission.ID, due time.Time) (time.Time, bool) {
					if r.current.saysUnreadable {
						due = due.Add(10 * time.Hour)
					}
					return due, true
				}
			})},
		{lawUntouched, event, "a gate that can't be read is made anew", func(r *run, config *workflow.Config) {
			config.Gates = hastyGates{config.Gates, r}
		}},
		{lawErased, event, "a noted withdrawal erases", bendStore(func(_ *run, s *bentStore) {
			s.note = func(erasure *request.Erasure) { erasure.Data = true }
		})},
		{lawReported, event, "the sweep overlooks what can't be read",
			func(_ *run, config *workflow.Config) {
				config.Records = deafRecords{config.Records}
			}},
		{lawReported, event, "nothing that can't be read is erased", bendStore(func(_ *run, s *bentStore) {
			s.note = func(erasure *request.Erasure) { erasure.Data = false }
		})},
		{lawReported, event, "the log is dropped", func(_ *run, config *workflow.Config) {
			config.Log = nil
		}},
	}
}

// guestMutants break the laws about addresses, guests and groups.
func guestMutants() []mutant {
	return []mutant{
		{lawClaim, "none", "claims are not written", bendStore(func(_ *run, s *bentStore) {
			s.sent = func(claim request.Claim) (request.Claim, bool) {
				return claim, claim.State != request.ClaimSending
			}
		})},
		{lawOthersClaim, "none", "another's claim is reserved anew",
			bendStore(func(r *run, s *bentStore) {
				s.claim = func(ctx context.Context, address submission.Address, id submission.ID,
					claim request.Claim) request.Claim {
					if claim.Owner == id || claim.State != request.ClaimSending {
						return claim
					}
					claim.IntentAt = r.now
					changed, _ := s.Store.UpdateClaim(ctx, address, claim)
					return changed
				}
			})},
		{lawConfirmed, "none", "another guest's id is taken", bendDirectory(
			func(_ *run, d *bentDirectory) {
				d.invite = func(_ context.Context, _ request.Invitation, id string, err error) (string, error) {
					return strings.Replace(id, "0", "f", 1), err
				}
			})},
		{lawHolder, "guest redirected", "guests who moved look pending", bendDirectory(
			func(_ *run, d *bentDirectory) {
				d.user = func(user request.User) request.User {
					if user.Kind == request.MovedUser {
						user.Kind = request.PendingGuest
					}
					return user
				}
			})},
		{lawGranted, "none", "a membership is not added", bendDirectory(
			func(_ *run, d *bentDirectory) {
				d.member = func(ctx context.Context, group, guest string) (bool, error) {
					if group == groupTwo {
						return true, nil
					}
					return d.directory.AddMember(ctx, group, guest)
				}
			})},
		{lawGranted, "none", "one membership too many is added", bendDirectory(
			func(_ *run, d *bentDirectory) {
				d.member = func(ctx context.Context, group, guest string) (bool, error) {
					_, _ = d.directory.AddMember(ctx, otherGroup, guest)
					return d.directory.AddMember(ctx, group, guest)
				}
			})},
		{lawApproval, "other groups approved", "the decision's groups are granted",
			bendStore(func(_ *run, s *bentStore) {
				s.save = func(r *request.Request, _ *[]request.Event) {
					if r.Approval != nil && len(r.Grants) > 0 {
						r.Grants = r.Grants[1:]
					}
				}
			})},
		{lawShutOut, "guest disabled", "disabled guests look pending", bendDirectory(
			func(_ *run, d *bentDirectory) {
				d.user = func(user request.User) request.User {
					if user.Kind == request.DisabledGuest {
						user.Kind = request.PendingGuest
					}
					return user
				}
			})},
		{lawOnce, "40 instances", "another's intent is not seen", bendStore(func(_ *run, s *bentStore) {
			s.claim = func(_ context.Context, _ submission.Address, id submission.ID,
				claim request.Claim) request.Claim {
				if claim.State == request.ClaimSending && claim.Owner != id {
					claim = request.Claim{State: request.ClaimReserved, Owner: id, Version: claim.Version}
				}
				return claim
			}
		})},
		{lawMails, "none", "guests are not seen", bendDirectory(func(_ *run, d *bentDirectory) {
			d.user = func(request.User) request.User { return request.User{} }
			d.guest = func(string) string { return "" }
		})},
		{lawMailbox, "unlucky guest", "mails are not counted", bendStore(func(_ *run, s *bentStore) {
			s.sent = func(claim request.Claim) (request.Claim, bool) {
				if claim.State == request.ClaimSending {
					claim.MailedAt, claim.MailedBefore = time.Time{}, [len(claim.MailedBefore)]time.Time{}
				}
				return claim, true
			}
		})},
		{lawRemains, "none", "every guest was brought in", bendStore(func(_ *run, s *bentStore) {
			s.load = func(r request.Request) request.Request {
				if r.GuestID != "" {
					r.Origin = request.OriginBrought
				}
				return r
			}
		})},
	}
}

// sharedMutants break the laws about what all requests share.
func sharedMutants() []mutant {
	return []mutant{
		{lawStopped, "admin stops everything", "an admin's stop is not seen",
			func(_ *run, config *workflow.Config) {
				config.Gates = &blindGates{GateStore: config.Gates}
			}},
		{lawStopped, "admin stops everything", "an admin's stop is forgotten",
			func(_ *run, config *workflow.Config) {
				config.Gates = bentGates{config.Gates, func(gate *request.Gate) {
					gate.Stop = request.Stop{}
				}}
			}},
		{lawTurn, "none", "invitations have no distance", func(_ *run, config *workflow.Config) {
			config.Pace.Spacing = 0
		}},
		{lawBudget, "days of full budget", "the budget is doubled",
			func(_ *run, config *workflow.Config) { config.Pace.Daily *= 2 }},
		{lawBudget, "none", "a turn is given back before anybody looks",
			bendStore(func(r *run, s *bentStore) {
				s.save = func(saved *request.Request, _ *[]request.Event) {
					if saved.OpenTurn.Number == 0 {
						return
					}
					gate, err := store{r}.Gate(r.context)
					if err == nil && gate.Sent > 0 {
						gate.Sent--
						_, _ = store{r}.SaveGate(r.context, gate)
					}
				}
			})},
		{lawBudget, "none", "a turn that was given back is not forgotten",
			bendStore(func(r *run, s *bentStore) {
				s.save = func(saved *request.Request, _ *[]request.Event) {
					open := r.recorded[saved.ID].OpenTurn
					if open.Number > 0 && saved.OpenTurn.Number == 0 {
						saved.OpenTurn = open
						saved.OpenTurn.Number += 1 << 20 // so that the gate does not know it
					}
				}
			})},
		{lawBudget, "none", "the turn of a guest who came is given back",
			bendDirectory(func(_ *run, d *bentDirectory) {
				d.user = func(request.User) request.User { return request.User{} }
			})},
		{lawShare, "days of full budget", "shares are not heeded",
			func(_ *run, config *workflow.Config) { config.Pace.Share = 0 }},
		{lawSeats, "none", "no seat is taken", func(_ *run, config *workflow.Config) {
			config.Seats = bentSeats{Seats: config.Seats, take: func(
				context.Context, policy.Limits, string, submission.ID,
			) (bool, error) {
				return true, nil
			}}
		}},
		{lawSeats, "none", "seats are kept", func(_ *run, config *workflow.Config) {
			config.Seats = bentSeats{Seats: config.Seats, keep: true}
		}},
		{lawPerDay, "none", "seats count yesterday", func(r *run, config *workflow.Config) {
			seats := config.Seats
			config.Seats = bentSeats{Seats: seats, take: func(
				ctx context.Context, limits policy.Limits, _ string, id submission.ID,
			) (bool, error) {
				return seats.TakeSeat(ctx, limits, policy.Day(r.now.Add(-24*time.Hour)), id)
			}}
		}},
		{lawWitness, "none", "one refusal opens the breaker", func(r *run, config *workflow.Config) {
			config.Gates = bentGates{config.Gates, func(gate *request.Gate) {
				code := r.current.tenantWide
				if request.TenantWide(code) && gate.Cause == "" {
					gate.Cause, gate.OpenedAt, gate.ProbeAt = code, r.now, r.now.Add(time.Hour)
				}
			}}
		}},
		{lawOrder, "days of full budget", "parked requests go the youngest first",
			func(_ *run, config *workflow.Config) {
				config.Store = bentStore{Store: config.Store, youngest: true}
			}},
	}
}

// TestEveryLawIsCheckedByMutant runs programs with one fault each. The law that the fault breaks
// must be reported.
func TestEveryLawIsCheckedByMutant(t *testing.T) {
	const seeds = 10_000
	missing := Laws()
	delete(missing, lawCancel) // see TestPeopleWhoCannotCancelBreakTheLaw
	for _, m := range slices.Concat(
		requestMutants(), outageMutants(), unreadableMutants(), guestMutants(), sharedMutants(), mailMutants(), voteMutants(), orderMutants(), noticeMutants(),
	) {
		delete(missing, m.law)
		t.Run(string(m.law)+"/"+m.fault, func(t *testing.T) {
			s, err := NewSimulator()
			if err != nil {
				t.Fatal(err)
			}
			s.Only, s.Law, s.bend = m.event, m.law, m.bend
			for seed := range uint64(seeds) {
				if s.Run(seed).Breach != "" {
					return
				}
			}
			t.Errorf("the law is not broken in %d schedules", seeds)
		})
	}
	for _, law := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("law %s has no mutant", law)
	}
}

func TestPeopleWhoCannotCancelBreakTheLaw(t *testing.T) {
	s, err := NewSimulator()
	if err != nil {
		t.Fatal(err)
	}
	s.Law, s.bendPeople = lawCancel, withoutCancel
	for seed := range uint64(3000) {
		if s.Run(seed).Breach != "" {
			return
		}
	}
	t.Error("the law is not broken")
}
