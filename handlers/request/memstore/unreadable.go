package memstore

import (
	"context"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// A Record names something stored: a request, the claim on an address, the counters of a row, the
// seat of a request in that row, or the gate.
type Record struct {
	Request submission.ID
	Claim   submission.Address
	Seats   policy.RowKey // with Request it is the seat, else the counters
	Gate    bool
}

// Spoil lets nobody read the record, as if another version of the program had stored it, until Mend
// is called. Of a request the state and its times can still be read. Like every write it changes
// the version. What is not stored stays so.
func (s *Store) Spoil(record Record) { s.change(record, func() { s.spoilt[record] = someColumn }) }

// SpoilState is like Spoil of the request, and not even its state and its times can be read.
func (s *Store) SpoilState(id submission.ID) {
	record := Record{Request: id}
	s.change(record, func() { s.spoilt[record] = everyColumn })
}

// Mend lets the record be read again. It changes the version, too.
func (s *Store) Mend(record Record) { s.change(record, func() { delete(s.spoilt, record) }) }

// damage says how much of a record can't be read.
type damage int

const (
	none damage = iota
	someColumn
	everyColumn
)

// change does something to a record that is stored.
func (s *Store) change(record Record, do func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.touch(record) {
		do()
	}
}

// touch gives the record a new version, and reports whether it is stored. The caller holds s.mutex.
func (s *Store) touch(record Record) (stored bool) {
	switch {
	case record.Seats != policy.RowKey{} && record.Request != "":
		_, stored = s.seats[record.Seats][record.Request]
	case record.Seats != policy.RowKey{}:
		stored = s.seats[record.Seats] != nil
	case record.Request != "":
		var r request.Request
		r, stored = s.requests[record.Request]
		if stored {
			r.Version = s.newVersion()
			s.requests[record.Request] = r
		}
	case record.Claim != submission.Address{}:
		var claim request.Claim
		claim, stored = s.claims[record.Claim]
		if stored {
			claim.Version = s.newVersion()
			s.claims[record.Claim] = claim
		}
	case record.Gate:
		stored = s.gate.Version != ""
		if stored {
			s.gate.Version = s.newVersion()
		}
	}
	return stored
}

// readable returns an error if one of the records can't be read. The caller holds s.mutex.
func (s *Store) readable(records ...Record) error {
	for _, record := range records {
		if s.spoilt[record] != none {
			return problem.New(problem.RecordUnreadable, "a column is not what it should be")
		}
	}
	return nil
}

// EraseUnreadable implements [request.Store].
func (s *Store) EraseUnreadable(ctx context.Context, id submission.ID, erasure request.Erasure) error {
	return s.do(ctx, "EraseUnreadable", func() error {
		r, exists := s.requests[id]
		switch {
		case !exists:
			return problem.New(problem.NotFound, "request %s is not stored", id)
		case s.readable(Record{Request: id}) == nil:
			return problem.New(problem.Conflict, "request %s can be read", id)
		}
		r = copyRequest(r)
		if erasure.Data {
			claim := s.claims[r.Submission.Email]
			if r.GuestID == "" && claim.Owner == id && s.readable(Record{Claim: r.Submission.Email}) == nil {
				r.GuestID, r.Origin = claim.GuestID, claim.Origin
			}
			c := &request.Change{Request: r, Now: func() time.Time { return erasure.At }}
			c.Request.Erased = time.Time{}
			c.Erase("")
			if erasure.At.IsZero() {
				c.Request.Erased = r.Erased
			}
			r = c.Request
			r.Resend = request.Instruction{}
		}
		if erasure.Wish.Open() && !r.Withdrawal.Open() {
			r.Withdrawal, r.Due = erasure.Wish, time.Time{}
		}
		if erasure.Mail.Open() && !r.Resend.Open() && !r.Withdrawal.Open() && r.Erased.IsZero() {
			r.Resend = erasure.Mail
			if r.State.HearsWishes() {
				r.Due = time.Time{}
			}
		}
		toTicks(&r.Withdrawal.At, &r.Erased, &r.Resend.At)
		r.Version = s.newVersion()
		s.requests[id] = r
		return nil
	})
}

// Outline implements [request.Store].
func (s *Store) Outline(ctx context.Context, id submission.ID) (request.Outline, error) {
	return get(ctx, s, "Outline", func() (request.Outline, error) {
		r, exists := s.requests[id]
		if !exists {
			return request.Outline{}, problem.New(problem.NotFound, "request %s is not stored", id)
		}
		outline := request.Outline{
			ID: id, Erased: r.Erased, Withdrawal: r.Withdrawal,
			Personal: r.Submission.Email != submission.Address{},
		}
		if s.spoilt[Record{Request: id}] != everyColumn {
			outline.State, outline.Since, outline.GuestID = r.State, r.Since, r.GuestID
			outline.Created, outline.Changed, outline.Due = r.Created, r.Changed, r.Due
		}
		return outline, nil
	})
}
