package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// poisonCommand is the grammar of guestlist poison.
type poisonCommand struct {
	account `group:"Which deployment:"`
	format

	List   poisonListCommand   `cmd:"" help:"List the messages that were kept because nobody could work with them."`
	Show   poisonShowCommand   `cmd:"" help:"Print a kept message. It may hold personal data."`
	Replay poisonReplayCommand `cmd:"" help:"Put a kept message back on the queue, and forget it."`
	Drop   poisonDropCommand   `cmd:"" help:"Forget a kept message for good."`
}

func (poisonCommand) Help() string {
	return `A sign-up whose message failed too often is no kept message but a failed request: guestlist request list --state failed. Kept is what is no message of this program, or one of another version of it, and wishes of partners that failed too often.

Exit codes: 0 fine; 1 the message can't be replayed as it is; 2 the command was not understood; 3 something could not be reached, read or written.`
}

// keptMessage is one message in a list.
type keptMessage struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"`
	Bytes int       `json:"bytes"`
	Why   string    `json:"why"`
	// Readable says that this version of guestlist understands it, so that a replay makes sense.
	Readable bool `json:"readable"`
}

func summary(poison request.Poison) keptMessage {
	_, err := submission.DecodeMessage(poison.Body)
	return keptMessage{ID: poison.ID, At: poison.At, Bytes: len(poison.Body), Why: poison.Why, Readable: err == nil}
}

type poisonListCommand struct{}

func (poisonListCommand) Run(s *session, p *poisonCommand) error {
	store, at, err := s.open(p.account)
	if err != nil {
		return err
	}
	kept, err := store.AllPoison(s.ctx)
	if err != nil {
		return at.unreachable(err)
	}
	slices.SortFunc(kept, func(a, b request.Poison) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	messages := []keptMessage{}
	for _, poison := range kept {
		messages = append(messages, summary(poison))
	}
	return p.print(s, struct {
		Messages []keptMessage `json:"messages"`
	}{messages}, func(w io.Writer) { printKept(w, messages) })
}

// keptID is the argument that names a kept message.
type keptID struct {
	ID string `arg:"" help:"The message, as the list names it."`
}

// find returns the kept message.
func (k keptID) find(s *session, p *poisonCommand) (request.Poison, request.PoisonStore, place, error) {
	store, at, err := s.open(p.account)
	if err != nil {
		return request.Poison{}, nil, place{}, err
	}
	kept, err := store.AllPoison(s.ctx)
	if err != nil {
		return request.Poison{}, nil, place{}, at.unreachable(err)
	}
	i := slices.IndexFunc(kept, func(poison request.Poison) bool { return poison.ID == k.ID })
	if i < 0 {
		return request.Poison{}, nil, place{}, fmt.Errorf("no message %q is kept; guestlist poison list names all", k.ID)
	}
	return kept[i], store, at, nil
}

type poisonShowCommand struct{ keptID }

func (c poisonShowCommand) Run(s *session, p *poisonCommand) error {
	poison, _, _, err := c.find(s, p)
	if err != nil {
		return err
	}
	answer := struct {
		keptMessage
		Body []byte `json:"body"` // base64: it may be anything
	}{summary(poison), poison.Body}
	return p.print(s, answer, func(w io.Writer) {
		columns(w, "", [][]string{{"id", poison.ID}, {"kept", poison.At.Format(time.RFC3339)}, {"why", poison.Why}})
		fmt.Fprintf(w, "\n%s\n", plain(string(poison.Body)))
	})
}

type poisonReplayCommand struct {
	keptID
	Force bool `help:"Put it on the queue even if this version of guestlist does not understand it either. It will be kept again, unless the app is of another version."`
}

func (c poisonReplayCommand) Run(s *session, p *poisonCommand) error {
	poison, store, at, err := c.find(s, p)
	if err != nil {
		return err
	}
	_, err = submission.DecodeMessage(poison.Body)
	if err != nil && !c.Force {
		return advised{problem.New(problem.InvalidInput, "it would be kept again: %w", err), "If it is of no use: guestlist poison drop."}
	}
	service, err := at.queues()
	if err != nil {
		return err
	}
	// First onto the queue, then out of the table: to be done twice does no harm, to be lost would.
	err = enqueue(s.ctx, service, poison.Body)
	if err != nil {
		return at.unreachable(err)
	}
	err = store.DropPoison(s.ctx, poison.ID)
	if err != nil {
		return at.unreachable(err)
	}
	return p.print(s, struct {
		Replayed string `json:"replayed"`
	}{poison.ID}, func(w io.Writer) { fmt.Fprintln(w, plain(poison.ID+" is on the queue again")) })
}

type poisonDropCommand struct {
	keptID
	Yes bool `help:"Do not ask."`
}

func (c poisonDropCommand) Run(s *session, p *poisonCommand) error {
	if !c.Yes && p.Output == "json" {
		return usage("--output json does not ask; add --yes")
	}
	poison, store, at, err := c.find(s, p)
	if err != nil {
		return err
	}
	if !c.Yes {
		err = s.ask("Forget the message " + plain(poison.ID) + " for good?")
		if err != nil {
			return err
		}
	}
	err = store.DropPoison(s.ctx, poison.ID)
	if err != nil {
		return at.unreachable(err)
	}
	return p.print(s, struct {
		Dropped string `json:"dropped"`
	}{poison.ID}, func(w io.Writer) { fmt.Fprintln(w, plain(poison.ID+" is forgotten")) })
}
