package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Mailbox implements [request.MailStore].
func (s *Store) Mailbox(ctx context.Context, address submission.Address) (request.Mailbox, error) {
	return get(ctx, s, "Mailbox", func() (request.Mailbox, error) { return s.mailboxes[address], nil })
}

// SaveMailbox implements [request.MailStore].
func (s *Store) SaveMailbox(
	ctx context.Context, address submission.Address, mailbox request.Mailbox,
) (request.Mailbox, error) {
	if address == (submission.Address{}) {
		return request.Mailbox{}, problem.New(problem.Internal, "saving a mailbox without an address")
	}
	return get(ctx, s, "SaveMailbox", func() (request.Mailbox, error) {
		if s.mailboxes[address].Version != mailbox.Version {
			return mailbox, problem.New(problem.Conflict, "the mailbox has changed")
		}
		toTicks(&mailbox.ProvedAt, &mailbox.StoppedAt, &mailbox.SuppressedAt, &mailbox.Changed)
		for i := range mailbox.Mailed {
			toTicks(&mailbox.Mailed[i])
		}
		for i := range mailbox.Codes {
			toTicks(&mailbox.Codes[i])
		}
		for i := range mailbox.Wished {
			toTicks(&mailbox.Wished[i])
		}
		mailbox.Version = s.newVersion()
		s.mailboxes[address] = mailbox
		return mailbox, nil
	})
}

// MarkProved implements [request.MailStore].
func (s *Store) MarkProved(ctx context.Context, address submission.Address, at time.Time) error {
	if address == (submission.Address{}) {
		return problem.New(problem.Internal, "marking a mailbox without an address")
	}
	return s.do(ctx, "MarkProved", func() error {
		mailbox := s.mailboxes[address]
		toTicks(&at)
		mailbox.ProvedAt, mailbox.Changed, mailbox.Version = at, at, s.newVersion()
		s.mailboxes[address] = mailbox
		return nil
	})
}

// DropMailbox implements [request.MailStore].
func (s *Store) DropMailbox(ctx context.Context, address submission.Address) error {
	return s.do(ctx, "DropMailbox", func() error {
		delete(s.mailboxes, address)
		return nil
	})
}

// ForgetMailboxes implements [request.MailStore]. Each page begins at the beginning.
func (s *Store) ForgetMailboxes(
	ctx context.Context, before time.Time, _ request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	forgotten, err := get(ctx, s, "ForgetMailboxes", func() (n int, err error) {
		for address, mailbox := range s.mailboxes {
			if n < limit && mailbox.Changed.Before(before) {
				delete(s.mailboxes, address)
				n++
			}
		}
		return n, nil
	})
	return request.Cursor{}, forgotten < limit, err
}

// MailGate implements [request.MailStore].
func (s *Store) MailGate(ctx context.Context) (request.MailGate, error) {
	return get(ctx, s, "MailGate", func() (request.MailGate, error) { return copyMailGate(s.mailGate), nil })
}

// SaveMailGate implements [request.MailStore].
func (s *Store) SaveMailGate(ctx context.Context, gate request.MailGate) (request.MailGate, error) {
	return get(ctx, s, "SaveMailGate", func() (request.MailGate, error) {
		if gate.Version != s.mailGate.Version {
			return gate, problem.New(problem.Conflict, "the gate of mails has changed")
		}
		toTicks(&gate.HeldUntil, &gate.CauseAt)
		gate.Version = s.newVersion()
		s.mailGate = copyMailGate(gate)
		return copyMailGate(gate), nil
	})
}

func copyMailGate(gate request.MailGate) request.MailGate {
	gate.Minutes, gate.Domains = slices.Clone(gate.Minutes), maps.Clone(gate.Domains)
	return gate
}

// ProofKey implements [request.MailStore].
func (s *Store) ProofKey(ctx context.Context, made request.ProofKey) (request.ProofKey, error) {
	return get(ctx, s, "ProofKey", func() (request.ProofKey, error) {
		if s.proofKey == (request.ProofKey{}) {
			s.proofKey = made
		}
		return s.proofKey, nil
	})
}
