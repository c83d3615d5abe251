package simulation

import (
	"context"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

func (s store) Mailbox(ctx context.Context, address submission.Address) (request.Mailbox, error) {
	return get(s, "Mailbox", func() (request.Mailbox, error) { return s.memory.Mailbox(ctx, address) })
}

func (s store) SaveMailbox(
	_ context.Context, address submission.Address, mailbox request.Mailbox,
) (request.Mailbox, error) {
	return get(s, "SaveMailbox", func() (request.Mailbox, error) {
		return s.memory.SaveMailbox(s.context, address, mailbox)
	})
}

func (s store) MarkProved(_ context.Context, address submission.Address, at time.Time) error {
	return s.do("MarkProved", func() error { return s.memory.MarkProved(s.context, address, at) })
}

func (s store) DropMailbox(_ context.Context, address submission.Address) error {
	return s.do("DropMailbox", func() error { return s.memory.DropMailbox(s.context, address) })
}

func (s store) ForgetMailboxes(
	_ context.Context, before time.Time, from request.Cursor, limit int,
) (next request.Cursor, last bool, err error) {
	next, err = get(s, "ForgetMailboxes", func() (request.Cursor, error) {
		var at request.Cursor
		var err error
		at, last, err = s.memory.ForgetMailboxes(s.context, before, from, limit)
		return at, err
	})
	return next, last, err
}

func (s store) MailGate(ctx context.Context) (request.MailGate, error) {
	return get(s, "MailGate", func() (request.MailGate, error) { return s.memory.MailGate(ctx) })
}

func (s store) SaveMailGate(_ context.Context, gate request.MailGate) (request.MailGate, error) {
	return get(s, "SaveMailGate", func() (request.MailGate, error) {
		return s.memory.SaveMailGate(s.context, gate)
	})
}

func (s store) ProofKey(_ context.Context, made request.ProofKey) (request.ProofKey, error) {
	return get(s, "ProofKey", func() (request.ProofKey, error) { return s.memory.ProofKey(s.context, made) })
}
