package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/operate"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// mailboxCommand is guestlist mailbox.
type mailboxCommand struct {
	account `group:"Which deployment:"`
	format

	Show   mailboxShowCommand   `cmd:"" help:"Show the mails and codes of the last day, when the mailbox was proved, and until when it gets no mail."`
	Forget mailboxForgetCommand `cmd:"" help:"Forget all of that, so that the next mail goes out at once."`
}

func (mailboxCommand) Help() string {
	return `The app keeps under a hash of each address which mails of its own the mailbox has had, so that nobody can flood it. That is for all requests of the address together. A single code goes out in spite of it by guestlist request resend.

Exit codes: 0 fine; 1 what is known can't be read; 2 the command was not understood; 3 something could not be reached, read or written.`
}

// mailboxAddress is an address on the command line.
type mailboxAddress struct{ submission.Address }

func (m *mailboxAddress) UnmarshalText(text []byte) error {
	address, err := submission.ParseAddress(string(text))
	if err != nil {
		return fmt.Errorf("the form takes no such address")
	}
	m.Address = address
	return nil
}

type mailboxArg struct {
	Address mailboxAddress `arg:"" help:"The address."`
}

type mailboxShowCommand struct{ mailboxArg }

func (c mailboxShowCommand) Run(s *session, d *deployment) error {
	box, err := d.Mailbox(s.ctx, c.Address.Address)
	if cantRead(err) {
		return advised{problem.New(problem.InvalidInput, "what is known about the mailbox can't be read: %s", message(err)),
			"The requests of the address wait for that. Use the version of the app that has written it, or guestlist mailbox forget."}
	}
	if err != nil {
		return err
	}
	report, err := d.Report(s.ctx)
	if err != nil {
		return err
	}
	shown := operate.NewMailbox(c.Address.Address, box, proofTime(report), s.now())
	return s.print(shown, func(w io.Writer) { printMailbox(w, shown, box == request.Mailbox{}) })
}

// proofTime returns how long a proof counts, negative if the app has not reported it.
func proofTime(report tables.AppReport) time.Duration {
	if report.Proof == "" {
		return -1
	}
	return time.Duration(report.ProofDays) * 24 * time.Hour
}

type mailboxForgetCommand struct {
	mailboxArg
	confirmation
}

func (mailboxForgetCommand) Help() string {
	return "The mailbox can then have as many mails again, and has to be proved again. What it was sent stays in its requests. A " +
		"request that waits for a code which was kept back gets it by guestlist request resend, or if the partner asks on the " +
		"status page. guestlist request erase forgets the mailbox too."
}

func (c mailboxForgetCommand) Run(s *session, d *deployment) error {
	box, err := d.Mailbox(s.ctx, c.Address.Address)
	known := err != nil || box != request.Mailbox{}
	if err != nil && !cantRead(err) {
		return err
	}
	if known {
		err = c.ask(s, "Forget which mails "+c.Address.Masked()+" has had, and that it was proved?")
		if err != nil {
			return err
		}
		err = d.DropMailbox(s.ctx, c.Address.Address)
		if err != nil {
			return err
		}
	}
	return s.print(map[string]any{"forgotten": known}, func(w io.Writer) {
		if known {
			fmt.Fprintln(w, "The mailbox is forgotten. guestlist request resend mails a code that was kept back.")
		} else {
			fmt.Fprintln(w, "Nothing was known about the mailbox.")
		}
	})
}

// printMailbox prints what is known about a mailbox; unknown says that it is nothing.
func printMailbox(w io.Writer, m operate.Mailbox, unknown bool) {
	times := func(list []time.Time, most int) string {
		text := fmt.Sprintf("%d of %d", len(list), most)
		var stamps []string
		for _, at := range list {
			stamps = append(stamps, stamp(at))
		}
		if len(stamps) > 0 {
			text += ": " + strings.Join(stamps, ", ")
		}
		return text
	}
	next := func(at time.Time) string {
		if at.IsZero() {
			return "may go out now"
		}
		return "not before " + stamp(at) + ", unless a person asks for it"
	}
	until := func(at, until time.Time, what string) string {
		if at.IsZero() || until.IsZero() {
			return stamp(at)
		}
		return stamp(at) + "; " + what + " until " + stamp(until)
	}
	lines := facts{{"mailbox", m.Address}}
	if unknown {
		lines.add("", "nothing is known: it has had no mail of the app's own lately")
	}
	lines.add("mails of a day", times(m.Mails, m.MostMails))
	lines.add("codes of a day", times(m.Codes, m.MostCodes))
	lines.add("next mail", next(m.NextMail))
	lines.add("next code", next(m.NextCode))
	lines.add("proved", until(m.ProvedAt, m.CountsUntil, "that counts for further sign-ups"))
	lines.add("that wasn't me", until(m.StoppedAt, m.StoppedUntil, "it gets no code"))
	lines.add("mails came back", until(m.SuppressedAt, m.SuppressedUntil, "the mail service and the app leave it alone"))
	columns(w, "", lines)
}
