package memstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Store implements the ports of package request for storage, in memory. It shares no memory with
// its callers, and is safe for concurrent use.
type Store struct {
	// FailBefore and FailAfter, if set, are called before and after the effect of every method of
	// the interfaces, with the method's name. An error of FailBefore prevents the effect; an error
	// of FailAfter loses only the answer. An error that is not a *problem.Error reaches the caller
	// as StorageUnavailable. They must be set before the first use, must be safe for concurrent
	// use, and may use the Store.
	FailBefore, FailAfter func(op string) error

	mutex       sync.Mutex // guards what follows
	versions    int        // the number of versions given out
	requests    map[submission.ID]request.Request
	histories   map[submission.ID][]request.Event
	spoilt      map[Record]damage // what can't be read
	claims      map[submission.Address]request.Claim
	waiting     map[submission.ID]time.Time
	parked      map[submission.ID]request.Parking // of those that wait
	rows        map[policy.RowKey]policy.Raw
	seats       map[policy.RowKey]map[submission.ID]string // the day on which each request took its seat
	gate        request.Gate
	mailboxes   map[submission.Address]request.Mailbox
	mailGate    request.MailGate
	proofKey    request.ProofKey
	strays      request.Strays
	sweep       request.Sweep
	deadLetters map[string]request.DeadLetter // by the message's id
	reviews     map[submission.ID]request.WaitingReview
	notices     map[noticeKey]request.NoticeEntry
	groupNames  map[string]request.GroupName

	groupNameRound request.GroupNameRound
}

// New returns an empty Store.
func New() *Store {
	return &Store{
		requests:    map[submission.ID]request.Request{},
		histories:   map[submission.ID][]request.Event{},
		spoilt:      map[Record]damage{},
		claims:      map[submission.Address]request.Claim{},
		waiting:     map[submission.ID]time.Time{},
		parked:      map[submission.ID]request.Parking{},
		rows:        map[policy.RowKey]policy.Raw{},
		seats:       map[policy.RowKey]map[submission.ID]string{},
		deadLetters: map[string]request.DeadLetter{},
		mailboxes:   map[submission.Address]request.Mailbox{},
		reviews:     map[submission.ID]request.WaitingReview{},
		notices:     map[noticeKey]request.NoticeEntry{},
		groupNames:  map[string]request.GroupName{},
	}
}

// get runs effect as do does, and returns its value, or the zero value with an error.
func get[T any](ctx context.Context, s *Store, op string, effect func() (T, error)) (value T, err error) {
	err = s.do(ctx, op, func() (err error) {
		value, err = effect()
		return err
	})
	if err != nil {
		return *new(T), err
	}
	return value, nil
}

// do runs effect between the failure hooks, alone.
func (s *Store) do(ctx context.Context, op string, effect func() error) error {
	if ctx.Err() != nil {
		return problem.New(problem.StorageUnavailable, "%s: %w", op, ctx.Err())
	}
	err := ask(s.FailBefore, op)
	if err != nil {
		return err
	}
	err = s.alone(effect)
	if err != nil {
		return err
	}
	return ask(s.FailAfter, op)
}

func (s *Store) alone(effect func() error) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return effect()
}

func ask(hook func(op string) error, op string) error {
	if hook == nil {
		return nil
	}
	err := hook(op)
	_, known := errors.AsType[*problem.Error](err)
	if err == nil || known {
		return err
	}
	return problem.New(problem.StorageUnavailable, "%s: %w", op, err)
}

// newVersion returns a version that nothing has had before. The caller holds s.mutex.
func (s *Store) newVersion() string {
	s.versions++
	return fmt.Sprintf("version %d", s.versions)
}

// Load implements [request.Store].
func (s *Store) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	return get(ctx, s, "Load", func() (request.Request, error) {
		stored, exists := s.requests[id]
		if !exists {
			return request.Request{}, problem.New(problem.NotFound, "request %s is not stored", id)
		}
		return copyRequest(stored), s.readable(Record{Request: id})
	})
}

// Save implements [request.Store].
func (s *Store) Save(ctx context.Context, r request.Request, events []request.Event) (request.Request, error) {
	_, err := submission.ParseID(string(r.ID))
	if err != nil {
		return request.Request{}, fmt.Errorf("saving a request: %w", err)
	}
	r = copyRequest(r)
	if !known(r) {
		return request.Request{}, problem.New(problem.Internal, "request %s, or a grant of it, has an unknown state", r.ID)
	}
	return get(ctx, s, "Save", func() (request.Request, error) {
		stored, exists := s.requests[r.ID]
		switch {
		case exists != (r.Version != ""):
			return r, problem.New(problem.Conflict, "request %s: stored is %t, and it is saved as version %q", r.ID, exists, r.Version)
		case exists && stored.Version != r.Version:
			return r, problem.New(problem.Conflict, "request %s has changed", r.ID)
		}
		if r.Decision != nil && stored.Decision == nil {
			r.Decision, err = throughJSON(r.Decision)
			if err != nil {
				return r, err
			}
		}
		for _, event := range events {
			toTicks(&event.At)
			s.histories[r.ID] = append(s.histories[r.ID], event)
		}
		r.Events, r.Version = len(s.histories[r.ID]), s.newVersion()
		s.requests[r.ID] = r
		return copyRequest(r), nil
	})
}

// Forget implements [request.Store].
func (s *Store) Forget(ctx context.Context, r request.Request) error {
	return s.do(ctx, "Forget", func() error {
		stored, exists := s.requests[r.ID]
		switch {
		case !exists:
			return nil
		case stored.Version != r.Version:
			return problem.New(problem.Conflict, "request %s has changed", r.ID)
		case stored.Events > 0:
			return problem.New(problem.Internal, "request %s has a history", r.ID)
		}
		delete(s.requests, r.ID)
		return nil
	})
}

// History implements [request.Store].
func (s *Store) History(ctx context.Context, id submission.ID) ([]request.Event, error) {
	return get(ctx, s, "History", func() ([]request.Event, error) { return slices.Clone(s.histories[id]), nil })
}

// Claim implements [request.Store].
func (s *Store) Claim(
	ctx context.Context, address submission.Address, made request.Claim,
) (claim request.Claim, created bool, err error) {
	err = checkClaim(address, made.Owner)
	if err == nil {
		err = made.Check()
	}
	if err != nil {
		return request.Claim{}, false, err
	}
	claim, err = get(ctx, s, "Claim", func() (request.Claim, error) {
		err := s.readable(Record{Claim: address})
		if err != nil {
			return request.Claim{}, err
		}
		stored, exists := s.claims[address]
		created = !exists
		if created {
			stored = claimInTicks(made)
			stored.Version = s.newVersion()
			s.claims[address] = stored
		}
		return stored, nil
	})
	return claim, created && err == nil, err
}

// ClaimOf implements [request.Store].
func (s *Store) ClaimOf(ctx context.Context, address submission.Address) (request.Claim, error) {
	if address == (submission.Address{}) {
		return request.Claim{}, problem.New(problem.Internal, "reading a claim without an address")
	}
	return get(ctx, s, "ClaimOf", func() (request.Claim, error) {
		return s.claims[address], s.readable(Record{Claim: address})
	})
}

// UpdateClaim implements [request.Store].
func (s *Store) UpdateClaim(ctx context.Context, address submission.Address, claim request.Claim) (request.Claim, error) {
	err := checkClaim(address, claim.Owner)
	if err == nil {
		err = claim.Check()
	}
	if err != nil {
		return request.Claim{}, err
	}
	return get(ctx, s, "UpdateClaim", func() (request.Claim, error) {
		stored, exists := s.claims[address]
		if !exists || stored.Version != claim.Version {
			return claim, problem.New(problem.Conflict, "the claim has changed or is gone")
		}
		claim = claimInTicks(claim)
		claim.Version = s.newVersion()
		s.claims[address] = claim
		return claim, nil
	})
}

// Release implements [request.Store].
func (s *Store) Release(ctx context.Context, address submission.Address, claim request.Claim) error {
	if address == (submission.Address{}) {
		return problem.New(problem.Internal, "releasing a claim without an address")
	}
	return s.do(ctx, "Release", func() error {
		stored, exists := s.claims[address]
		if exists && stored.Version != claim.Version {
			return problem.New(problem.Conflict, "the claim has changed")
		}
		delete(s.claims, address)
		return nil
	})
}

// Wait implements [request.Store].
func (s *Store) Wait(ctx context.Context, id submission.ID, due time.Time) error {
	return s.wait(ctx, "Wait", id, due, func() { delete(s.parked, id) })
}

// Park implements [request.Store].
func (s *Store) Park(ctx context.Context, id submission.ID, due time.Time, parking request.Parking) error {
	parking.Sharers = slices.Clone(parking.Sharers)
	return s.wait(ctx, "Park", id, due, func() { s.parked[id] = parking })
}

// Postpone implements [request.Store].
func (s *Store) Postpone(ctx context.Context, id submission.ID, due time.Time) error {
	return s.wait(ctx, "Postpone", id, due, func() {})
}

// wait writes a due entry, and does the rest with it.
func (s *Store) wait(ctx context.Context, op string, id submission.ID, due time.Time, rest func()) error {
	_, err := submission.ParseID(string(id))
	if err != nil {
		return fmt.Errorf("storing when a request is due: %w", err)
	}
	if due.IsZero() {
		return problem.New(problem.Internal, "storing when request %s is due: no time is given", id)
	}
	return s.do(ctx, op, func() error {
		toTicks(&due)
		s.waiting[id] = due
		rest()
		return nil
	})
}

// StopWaiting implements [request.Store].
func (s *Store) StopWaiting(ctx context.Context, id submission.ID, due time.Time) error {
	return s.do(ctx, "StopWaiting", func() error {
		stored, exists := s.waiting[id]
		toTicks(&due)
		if exists && stored.Equal(due) {
			delete(s.waiting, id)
			delete(s.parked, id)
		}
		return nil
	})
}

// Parked implements [request.Store].
func (s *Store) Parked(ctx context.Context, limit int) ([]request.ParkedEntry, error) {
	return get(ctx, s, "Parked", func() ([]request.ParkedEntry, error) {
		var parked []request.ParkedEntry
		for _, id := range atMost(limit, slices.Sorted(maps.Keys(s.parked))) {
			parking := s.parked[id]
			parking.Sharers = slices.Clone(parking.Sharers)
			parked = append(parked, request.ParkedEntry{ID: id, Due: s.waiting[id], Parking: parking})
		}
		return parked, nil
	})
}

// Due implements [request.Store]. Of those due at the same time the smaller id comes first.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]submission.ID, error) {
	return get(ctx, s, "Due", func() ([]submission.ID, error) {
		var ids []submission.ID
		for id, due := range s.waiting {
			if !due.After(now) {
				ids = append(ids, id)
			}
		}
		slices.SortFunc(ids, func(a, b submission.ID) int {
			return cmp.Or(s.waiting[a].Compare(s.waiting[b]), cmp.Compare(a, b))
		})
		return atMost(limit, ids), nil
	})
}

// Rows implements [request.Rows].
func (s *Store) Rows(ctx context.Context, partitions []string) ([]policy.Raw, error) {
	return get(ctx, s, "Rows", func() ([]policy.Raw, error) {
		var rows []policy.Raw
		for key, stored := range s.rows {
			if slices.Contains(partitions, key.Partition) {
				rows = append(rows, copyRow(stored))
			}
		}
		return rows, nil
	})
}

// FirstRows returns at most limit policy rows, by partition, then by name, and whether there are
// more.
func (s *Store) FirstRows(ctx context.Context, limit int) (rows []policy.Raw, more bool, err error) {
	rows, err = get(ctx, s, "FirstRows", func() ([]policy.Raw, error) {
		var rows []policy.Raw
		for _, stored := range s.rows {
			rows = append(rows, copyRow(stored))
		}
		return rows, nil
	})
	slices.SortFunc(rows, func(a, b policy.Raw) int { return a.Key().Compare(b.Key()) })
	more = len(rows) > limit
	return rows[:min(max(limit, 0), len(rows))], more, err
}

// PutRow writes a policy row in place of any that has its partition and name. row.ETag is ignored.
func (s *Store) PutRow(ctx context.Context, row policy.Raw) error {
	return s.do(ctx, "PutRow", func() error {
		row = copyRow(row)
		row.ETag = s.newVersion()
		s.rows[policy.RowKey{Partition: row.Partition, Name: row.Name}] = row
		return nil
	})
}

// DropRow removes the policy row with that key, if there is one.
func (s *Store) DropRow(ctx context.Context, key policy.RowKey) error {
	return s.do(ctx, "DropRow", func() error {
		delete(s.rows, key)
		return nil
	})
}

// atMost returns the first ids, at most limit.
func atMost(limit int, ids []submission.ID) []submission.ID {
	return slices.Clone(ids[:min(max(limit, 0), len(ids))])
}

func checkClaim(address submission.Address, owner submission.ID) error {
	_, err := submission.ParseID(string(owner))
	if err != nil {
		return fmt.Errorf("claiming an address: %w", err)
	}
	if address == (submission.Address{}) {
		return problem.New(problem.Internal, "claiming an address: the address is empty")
	}
	return nil
}

func known(r request.Request) bool {
	return r.State.Known() && request.CheckMails(r.Mails) == nil && !slices.ContainsFunc(r.Grants, func(grant request.Grant) bool { return !grant.State.Known() })
}

// toTicks makes of each time what a table returns: UTC, cut to a [request.Tick].
func toTicks(times ...*time.Time) {
	for _, t := range times {
		*t = t.UTC().Truncate(request.Tick)
	}
}

// claimInTicks returns the claim with its times in ticks.
func claimInTicks(claim request.Claim) request.Claim {
	toTicks(&claim.IntentAt, &claim.SentAt, &claim.MailedAt)
	for i := range claim.MailedBefore {
		toTicks(&claim.MailedBefore[i])
	}
	return claim
}

// copyRequest returns a copy that shares no memory with r, with its times in ticks.
func copyRequest(r request.Request) request.Request {
	toTicks(&r.Submission.SubmittedAt, &r.Submission.Consent.At, &r.Joined, &r.CheckAt, &r.Due, &r.Since,
		&r.Resend.At, &r.MailAsked, &r.Retried, &r.Withdrawal.At, &r.Erased, &r.Created, &r.Changed, &r.RemindAt)
	r.Grants = slices.Clone(r.Grants)
	r.Mails = slices.Clone(r.Mails)
	if r.Approval != nil {
		r.Approval = new(*r.Approval)
		r.Approval.Terms = copyTerms(r.Approval.Terms)
	}
	r.Reviewing = copyReviewing(r.Reviewing)
	if r.Decision == nil {
		return r
	}
	r.Decision = new(*r.Decision)
	r.Decision.Looked = slices.Clone(r.Decision.Looked)
	if r.Decision.Row != nil {
		r.Decision.Row = new(*r.Decision.Row)
		r.Decision.Row.Columns = maps.Clone(r.Decision.Row.Columns)
	}
	if r.Decision.Terms != nil {
		r.Decision.Terms = new(copyTerms(*r.Decision.Terms))
	}
	r.Decision.ReviewRules = r.Decision.ReviewRules.Clone()
	if r.Decision.Limits != nil {
		r.Decision.Limits = new(*r.Decision.Limits)
	}
	return r
}

func copyReviewing(v *request.Reviewing) *request.Reviewing {
	if v == nil {
		return nil
	}
	v = new(*v)
	v.Rules = v.Rules.Clone()
	v.Votes, v.Ballots = slices.Clone(v.Votes), slices.Clone(v.Ballots)
	return v
}

func copyTerms(terms policy.Terms) policy.Terms {
	terms.Groups, terms.Sponsors = slices.Clone(terms.Groups), slices.Clone(terms.Sponsors)
	return terms
}

// throughJSON returns the decision as a table returns it: without what JSON can't hold.
func throughJSON(decision *policy.Decision) (*policy.Decision, error) {
	encoded, err := json.Marshal(decision)
	decoded := new(policy.Decision)
	if err == nil {
		err = json.Unmarshal(encoded, decoded)
	}
	if err != nil {
		return nil, problem.New(problem.Internal, "the decision can't be kept as JSON: %w", err)
	}
	return decoded, nil
}

func copyRow(row policy.Raw) policy.Raw {
	row.Columns = maps.Clone(row.Columns)
	for name, value := range row.Columns {
		switch value := value.(type) {
		case []byte:
			row.Columns[name] = bytes.Clone(value)
		case time.Time:
			toTicks(&value)
			row.Columns[name] = value
		}
	}
	return row
}
