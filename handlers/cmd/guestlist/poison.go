package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// poisonCommand is guestlist poison: dead letters.
type poisonCommand struct {
	account `group:"Which deployment:"`
	format

	List   poisonListCommand   `cmd:"" help:"List the messages that were kept because they could not be processed."`
	Show   poisonShowCommand   `cmd:"" help:"Print a kept message. It may hold personal data."`
	Replay poisonReplayCommand `cmd:"" help:"Put a kept message back on the queue, and delete it here."`
	Drop   poisonDropCommand   `cmd:"" help:"Delete a kept message."`
	Return poisonReturnCommand `cmd:"" help:"Move all messages of the queues signups-poison and decisions-poison back to signups and decisions."`
}

func (poisonCommand) Help() string {
	return `A sign-up whose message failed too often is not kept: it is tried again later, and after three days it is a failed request (guestlist request list --state failed). Messages are kept that are not of this app or of another version of it, resends and withdrawals that failed for three days, votes that failed for a week, and orders of operators that failed for a day.

Exit codes: 0 fine; 1 no such message is kept, it can't be replayed as it is, or messages stay on the queue; 2 the command was not understood; 3 something could not be reached, read or written.`
}

// keptMessage is one message in a list.
type keptMessage struct {
	ID       string    `json:"id"`
	Queue    string    `json:"queue"` // where a replay puts it
	At       time.Time `json:"at"`
	Bytes    int       `json:"bytes"`
	Why      string    `json:"why"`
	Readable bool      `json:"readable"` // this version of guestlist understands it
}

func summary(letter request.DeadLetter) keptMessage {
	queue, err := replayQueue(letter)
	return keptMessage{
		ID: letter.ID, Queue: queue, At: letter.At, Bytes: len(letter.Body), Why: letter.Why, Readable: err == nil,
	}
}

// replayQueue returns the queue on which a replay puts the letter, with an error if what takes
// messages from there would keep it again. A letter that was kept by an earlier version of the app
// does not say where it belongs; what it says tells, as far as it can be read.
func replayQueue(letter request.DeadLetter) (string, error) {
	_, err := submission.DecodeMessage(letter.Body)
	_, decisionErr := request.DecodeDecision(letter.Body)
	if letter.Queue == request.DecisionsQueue || letter.Queue != submission.Queue && err != nil && decisionErr == nil {
		return request.DecisionsQueue, decisionErr
	}
	return submission.Queue, err
}

type poisonListCommand struct{}

func (poisonListCommand) Run(s *session, d *deployment) error {
	kept, err := d.AllDeadLetters(s.ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(kept, func(a, b request.DeadLetter) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	messages := []keptMessage{}
	for _, letter := range kept {
		messages = append(messages, summary(letter))
	}
	return s.print(map[string]any{"messages": messages}, func(w io.Writer) { printKept(w, messages) })
}

// keptID is the argument that names a kept message.
type keptID struct {
	ID string `arg:"" help:"The message, by its id in the list."`
}

// find returns the kept message.
func (k keptID) find(s *session, d *deployment) (request.DeadLetter, error) {
	kept, err := d.AllDeadLetters(s.ctx)
	if err != nil {
		return request.DeadLetter{}, err
	}
	i := slices.IndexFunc(kept, func(letter request.DeadLetter) bool { return letter.ID == k.ID })
	if i < 0 {
		return request.DeadLetter{}, problem.New(problem.InvalidInput, "no message %q is kept; guestlist poison list shows all", k.ID)
	}
	return kept[i], nil
}

type poisonShowCommand struct{ keptID }

func (c poisonShowCommand) Run(s *session, d *deployment) error {
	letter, err := c.find(s, d)
	if err != nil {
		return err
	}
	answer := struct {
		keptMessage
		Body []byte `json:"body"` // base64: it may be anything
	}{summary(letter), letter.Body}
	return s.print(answer, func(w io.Writer) {
		columns(w, "", [][]string{
			{"id", letter.ID}, {"queue", answer.Queue}, {"kept", letter.At.Format(time.RFC3339)}, {"why", letter.Why},
		})
		fmt.Fprintf(w, "\n%s\n", plain(string(letter.Body)))
	})
}

type poisonReplayCommand struct {
	keptID
	Force bool `help:"Put it on the queue even if this version of guestlist does not understand it. It will be kept again, unless the app is of another version."`
}

func (c poisonReplayCommand) Run(s *session, d *deployment) error {
	letter, err := c.find(s, d)
	if err != nil {
		return err
	}
	queue, err := replayQueue(letter)
	if err != nil && !c.Force {
		return advised{problem.New(problem.InvalidInput, "it would be kept again: %w", err), "If it is useless: guestlist poison drop."}
	}
	service, err := d.queues()
	if err != nil {
		return err
	}
	// Enqueue before deleting: doing it twice is harmless, losing it is not. The app may take the
	// message at once and keep it again: then the letter is of another version.
	err = service.Put(s.ctx, queue, letter.Body, 0)
	if err != nil {
		return err
	}
	err = d.DropDeadLetter(s.ctx, letter.ID, letter.Version)
	if problem.CodeOf(err) == problem.Conflict {
		return advised{problem.New(problem.InvalidInput, "the app took it from the queue and has kept it again: it is not deleted"),
			"guestlist poison list says why."}
	}
	if err != nil {
		return err
	}
	return s.print(map[string]any{"replayed": letter.ID, "queue": queue}, func(w io.Writer) {
		fmt.Fprintln(w, plain(letter.ID+" is on the queue "+queue+" again"))
	})
}

type poisonDropCommand struct {
	keptID
	confirmation
}

func (c poisonDropCommand) Run(s *session, d *deployment) error {
	letter, err := c.find(s, d)
	if err != nil {
		return err
	}
	err = c.ask(s, "Delete the message "+plain(letter.ID)+"?")
	if err != nil {
		return err
	}
	err = d.DropDeadLetter(s.ctx, letter.ID, letter.Version)
	if problem.CodeOf(err) == problem.Conflict {
		return advised{problem.New(problem.InvalidInput, "it was kept again in the meantime, and is not deleted"),
			"Look at it with guestlist poison show, and repeat the command."}
	}
	if err != nil {
		return err
	}
	return s.print(map[string]any{"dropped": letter.ID}, func(w io.Writer) { fmt.Fprintln(w, plain(letter.ID+" is deleted")) })
}

type poisonReturnCommand struct {
	Wait time.Duration `default:"11m" help:"How long to wait for messages that can't be seen yet: one that failed on this queue is hidden for ten minutes."`
}

// pollEvery is how often the queue is looked at for messages that can be seen again. The app looks
// every ten seconds, and whoever comes first gets the message.
const pollEvery = 300 * time.Millisecond

// returned is what came of the messages of a queue.
type returned struct {
	Returned   int `json:"returned"`   // to signups
	Decisions  int `json:"decisions"`  // to decisions
	Hidden     int `json:"hidden"`     // still on the queue, roughly
	Unreadable int `json:"unreadable"` // not base64, so not written by the host
}

func (c poisonReturnCommand) Run(s *session, d *deployment) error {
	service, err := d.queues()
	if err != nil {
		return err
	}
	var done returned
	unreadable := map[string]bool{}
	ctx, cancel := context.WithTimeout(s.ctx, c.Wait)
	defer cancel()
	for told := false; ; told = true {
		waiting := 0
		for from, to := range map[string]string{
			submission.PoisonQueue: submission.Queue, request.DecisionsPoisonQueue: request.DecisionsQueue,
		} {
			moved, left, err := service.Move(s.ctx, from, to)
			if to == request.DecisionsQueue {
				done.Decisions += moved
			} else {
				done.Returned += moved
			}
			for _, id := range left {
				unreadable[from+" "+id] = true
			}
			done.Unreadable = len(unreadable)
			if err != nil {
				return err
			}
			n, _, err := service.Length(s.ctx, from)
			if err != nil {
				return err
			}
			waiting += n
		}
		done.Hidden = max(0, waiting-done.Unreadable)
		if done.Hidden == 0 || ctx.Err() != nil {
			break
		}
		if !told {
			fmt.Fprintf(s.stderr, "waiting for %s that can't be seen yet\n", count(done.Hidden, "message"))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
	return s.conclude(done.Hidden+done.Unreadable > 0, done, func(w io.Writer) { printReturned(w, done) })
}

func printReturned(w io.Writer, done returned) {
	fmt.Fprintf(w, "Back on the queue %s: %s.\n", submission.Queue, count(done.Returned, "message"))
	if done.Decisions > 0 {
		fmt.Fprintf(w, "Back on the queue %s: %s.\n", request.DecisionsQueue, count(done.Decisions, "message"))
	}
	if done.Hidden > 0 {
		fmt.Fprintf(w, "Not to be seen yet: %s. Repeat the command later.\n", count(done.Hidden, "message"))
	}
	if done.Unreadable > 0 {
		fmt.Fprintf(w, "Not base64, so not of this app: %s. Look at it in a storage tool, and delete it there.\n",
			count(done.Unreadable, "message"))
	}
}

func printKept(w io.Writer, messages []keptMessage) {
	if len(messages) == 0 {
		fmt.Fprintln(w, "No message is kept.")
		return
	}
	head := []string{"ID", "QUEUE", "KEPT", "BYTES", "CAN BE REPLAYED", "WHY"}
	list(w, "", head, messages, func(m keptMessage) []string {
		return []string{m.ID, m.Queue, shortTime(m.At), strconv.Itoa(m.Bytes), yes(m.Readable), m.Why}
	})
}
