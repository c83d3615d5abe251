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

// tick is the resolution of stored times, the one of Table Storage.
const tick = 100 * time.Nanosecond

// Store is an [invite.Store], an [invite.Rows], an [invite.Seats] and an [invite.GateStore] in memory. Nothing that goes in or comes out is
// shared with the caller.
type Store struct {
	// FailBefore and FailAfter, where set, are asked before and after the effect of every call of the interfaces'
	// methods; op is the method's name. An error of FailBefore is returned instead of the effect: nothing happened. An
	// error of FailAfter is returned although the call had its effect: the answer was lost. Both reach the caller as
	// *problem.Error, a foreign error as StorageUnavailable. They may be called by several goroutines at once, may use
	// the Store, and must be set before its first use.
	FailBefore, FailAfter func(op string) error

	mutex    sync.Mutex // guards what follows
	versions int        // the number of versions given out
	requests map[submission.ID]*record
	claims   map[submission.Address]request.Claim
	waiting  map[submission.ID]time.Time
	rows     map[rowKey]policy.Raw
	seats    map[policy.RowKey]map[submission.ID]string // the day on which each request took its seat
	gate     request.Gate
	poison   map[string]request.Poison // by the message's id
}

type record struct {
	request request.Request
	events  []request.Event
}

type rowKey struct {
	partition, name string
}

var (
	_ request.Store     = (*Store)(nil)
	_ request.Rows      = (*Store)(nil)
	_ request.Seats     = (*Store)(nil)
	_ request.GateStore = (*Store)(nil)
	_ request.Records   = (*Store)(nil)
)

// New returns an empty Store.
func New() *Store {
	return &Store{
		requests: map[submission.ID]*record{},
		claims:   map[submission.Address]request.Claim{},
		waiting:  map[submission.ID]time.Time{},
		rows:     map[rowKey]policy.Raw{},
		seats:    map[policy.RowKey]map[submission.ID]string{},
		poison:   map[string]request.Poison{},
	}
}

// do runs effect alone, between the failure hooks.
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
	var known *problem.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return problem.New(problem.StorageUnavailable, "%s: %w", op, err)
}

// newVersion returns a version that no record had before. It must be called with the mutex held.
func (s *Store) newVersion() string {
	s.versions++
	return fmt.Sprintf("version %d", s.versions)
}

// Load is invite.Store's.
func (s *Store) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	var loaded request.Request
	err := s.do(ctx, "Load", func() error {
		stored, exists := s.requests[id]
		if !exists {
			return problem.New(problem.NotFound, "request %s is not stored", id)
		}
		loaded = copyRequest(stored.request)
		return nil
	})
	if err != nil {
		return request.Request{}, err
	}
	return loaded, nil
}

// Save is invite.Store's. Times come back in UTC, cut to 100 ns.
func (s *Store) Save(ctx context.Context, r request.Request, events []request.Event) (request.Request, error) {
	_, err := submission.ParseID(string(r.ID))
	if err != nil {
		return request.Request{}, fmt.Errorf("saving a request: %w", err)
	}
	r = copyRequest(r)
	if !known(r) {
		return request.Request{}, problem.New(problem.Internal, "request %s, or a grant of it, has no known state", r.ID)
	}
	var saved request.Request
	err = s.do(ctx, "Save", func() error {
		stored, exists := s.requests[r.ID]
		switch {
		case exists != (r.Version != ""):
			return problem.New(problem.Conflict, "request %s: stored is %t, and it is saved as version %q", r.ID, exists, r.Version)
		case exists && stored.request.Version != r.Version:
			return problem.New(problem.Conflict, "request %s has changed", r.ID)
		case !exists:
			stored = &record{}
			s.requests[r.ID] = stored
		}
		if r.Decision != nil && stored.request.Decision == nil {
			// Once, as it does on its way through a table: what JSON can't hold must not come back from here either.
			r.Decision, err = throughJSON(r.Decision)
			if err != nil {
				return err
			}
		}
		for _, event := range events {
			event.At = toTick(event.At)
			stored.events = append(stored.events, event)
		}
		r.Events = len(stored.events)
		r.Version = s.newVersion()
		stored.request = r
		saved = copyRequest(r)
		return nil
	})
	if err != nil {
		return request.Request{}, err
	}
	return saved, nil
}

// History is invite.Store's.
func (s *Store) History(ctx context.Context, id submission.ID) ([]request.Event, error) {
	var events []request.Event
	err := s.do(ctx, "History", func() error {
		stored, exists := s.requests[id]
		if exists {
			events = slices.Clone(stored.events)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// Claim is invite.Store's.
func (s *Store) Claim(ctx context.Context, address submission.Address, id submission.ID, intentAt time.Time) (request.Claim, bool, error) {
	err := checkClaim(address, id)
	if err != nil {
		return request.Claim{}, false, err
	}
	var claim request.Claim
	var created bool
	err = s.do(ctx, "Claim", func() error {
		stored, exists := s.claims[address]
		if !exists {
			stored = request.Claim{Owner: id, IntentAt: toTick(intentAt), Version: s.newVersion()}
			s.claims[address] = stored
		}
		claim, created = stored, !exists
		return nil
	})
	if err != nil {
		return request.Claim{}, false, err
	}
	return claim, created, nil
}

// UpdateClaim is invite.Store's.
func (s *Store) UpdateClaim(ctx context.Context, address submission.Address, claim request.Claim) (request.Claim, error) {
	err := checkClaim(address, claim.Owner)
	if err != nil {
		return request.Claim{}, err
	}
	err = s.do(ctx, "UpdateClaim", func() error {
		stored, exists := s.claims[address]
		if !exists || stored.Version != claim.Version {
			return problem.New(problem.Conflict, "the claim has changed or is gone")
		}
		claim.IntentAt, claim.MailedAt = toTick(claim.IntentAt), toTick(claim.MailedAt)
		claim.Version = s.newVersion()
		s.claims[address] = claim
		return nil
	})
	if err != nil {
		return request.Claim{}, err
	}
	return claim, nil
}

// Release is invite.Store's.
func (s *Store) Release(ctx context.Context, address submission.Address, claim request.Claim) error {
	if address == (submission.Address{}) {
		return problem.New(problem.Internal, "there is no address")
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

// Wait is invite.Store's. The time is cut to 100 ns; a zero time is a problem.Internal.
func (s *Store) Wait(ctx context.Context, id submission.ID, due time.Time) error {
	_, err := submission.ParseID(string(id))
	if err != nil {
		return fmt.Errorf("noting when a request is due: %w", err)
	}
	if due.IsZero() {
		return problem.New(problem.Internal, "noting when request %s is due: no time is given", id)
	}
	return s.do(ctx, "Wait", func() error {
		s.waiting[id] = toTick(due)
		return nil
	})
}

// StopWaiting is invite.Store's.
func (s *Store) StopWaiting(ctx context.Context, id submission.ID, due time.Time) error {
	return s.do(ctx, "StopWaiting", func() error {
		noted, exists := s.waiting[id]
		if exists && noted.Equal(toTick(due)) {
			delete(s.waiting, id)
		}
		return nil
	})
}

// Due is invite.Store's. Of those due at the same time the smaller id comes first.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]submission.ID, error) {
	var ids []submission.ID
	err := s.do(ctx, "Due", func() error {
		for id, due := range s.waiting {
			if !due.After(now) {
				ids = append(ids, id)
			}
		}
		slices.SortFunc(ids, func(a, b submission.ID) int {
			return cmp.Or(s.waiting[a].Compare(s.waiting[b]), cmp.Compare(a, b))
		})
		ids = slices.Clone(ids[:min(max(limit, 0), len(ids))])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// Rows is invite.Rows'. A partition that is named twice is read once.
func (s *Store) Rows(ctx context.Context, partitions []string) ([]policy.Raw, error) {
	var rows []policy.Raw
	err := s.do(ctx, "Rows", func() error {
		for key, stored := range s.rows {
			if slices.Contains(partitions, key.partition) {
				rows = append(rows, copyRow(stored))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// PutRow writes a policy row in place of any that has its partition and name. row.ETag is ignored.
func (s *Store) PutRow(ctx context.Context, row policy.Raw) error {
	return s.do(ctx, "PutRow", func() error {
		row = copyRow(row)
		row.ETag = s.newVersion()
		s.rows[rowKey{row.Partition, row.Name}] = row
		return nil
	})
}

func checkClaim(address submission.Address, owner submission.ID) error {
	_, err := submission.ParseID(string(owner))
	if err != nil {
		return fmt.Errorf("claiming an address: %w", err)
	}
	if address == (submission.Address{}) {
		return problem.New(problem.Internal, "claiming an address: there is no address")
	}
	return nil
}

func known(r request.Request) bool {
	grantStates := []request.GrantState{request.GrantPending, request.GrantAdded, request.GrantPresent, request.GrantFailed}
	return r.State.Known() && !slices.ContainsFunc(r.Grants, func(grant request.Grant) bool {
		return !slices.Contains(grantStates, grant.State)
	})
}

func toTick(t time.Time) time.Time { return t.UTC().Truncate(tick) }

// copyRequest returns a copy that shares no memory with r.
func copyRequest(r request.Request) request.Request {
	r.Submission.SubmittedAt = toTick(r.Submission.SubmittedAt)
	r.Submission.Consent.At = toTick(r.Submission.Consent.At)
	r.Joined = toTick(r.Joined)
	r.Due = toTick(r.Due)
	r.Since, r.Erased = toTick(r.Since), toTick(r.Erased)
	r.Resend.At, r.Withdrawal.At = toTick(r.Resend.At), toTick(r.Withdrawal.At)
	r.Created = toTick(r.Created)
	r.Changed = toTick(r.Changed)
	r.Grants = slices.Clone(r.Grants)
	if r.Approval != nil {
		approval := *r.Approval
		approval.Terms = copyTerms(approval.Terms)
		r.Approval = &approval
	}
	if r.Decision == nil {
		return r
	}
	decision := *r.Decision
	decision.Looked = slices.Clone(decision.Looked)
	if decision.Row != nil {
		row := *decision.Row
		row.Columns = maps.Clone(row.Columns)
		decision.Row = &row
	}
	if decision.Terms != nil {
		terms := copyTerms(*decision.Terms)
		decision.Terms = &terms
	}
	if decision.Limits != nil {
		limits := *decision.Limits
		decision.Limits = &limits
	}
	r.Decision = &decision
	return r
}

func copyTerms(terms policy.Terms) policy.Terms {
	terms.Groups, terms.Sponsors = slices.Clone(terms.Groups), slices.Clone(terms.Sponsors)
	return terms
}

// throughJSON returns the decision as it comes back from its encoded form.
func throughJSON(decision *policy.Decision) (*policy.Decision, error) {
	encoded, err := json.Marshal(decision)
	if err != nil {
		return nil, problem.New(problem.Internal, "the decision can't be encoded: %w", err)
	}
	decoded := new(policy.Decision)
	err = json.Unmarshal(encoded, decoded)
	if err != nil {
		return nil, problem.New(problem.Internal, "the decision can't be decoded: %w", err)
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
			row.Columns[name] = toTick(value)
		}
	}
	return row
}
