package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/operate"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

// requestCommand is guestlist request.
type requestCommand struct {
	account `group:"Which deployment:"`
	format

	List    requestListCommand    `cmd:"" help:"List requests, the newest first."`
	Show    requestShowCommand    `cmd:"" help:"Show a request: its state and why, what was decided by which row, and its history."`
	Approve requestApproveCommand `cmd:"" help:"Vote for inviting the guest of a request in review."`
	Deny    requestDenyCommand    `cmd:"" help:"Vote for ending a request in review without an invitation."`
	Retry   requestRetryCommand   `cmd:"" help:"Continue a failed request where it failed."`
	Cancel  requestCancelCommand  `cmd:"" help:"End a request that has not led to a guest, or many of them."`
	Resend  requestResendCommand  `cmd:"" help:"Send the mail with the code, or that of the invitation, again."`
	Erase   requestEraseCommand   `cmd:"" help:"Erase the personal data of a request in every table. The decision stays."`
}

func (requestCommand) Help() string {
	return `Approve and deny are votes of the person who is signed in, and the app applies them within seconds. What the other commands change is recorded under your sign-in name, and the app acts on it at its next upkeep, within a minute or two.

Exit codes: 0 fine; 1 there is no such request, or it is not possible in its state; 2 the command was not understood; 3 something could not be reached, read or written; 4 the request was changed by somebody else in the meantime.`
}

// age is a duration on the command line: 90m, 12h, 3d.
type age struct{ time.Duration }

func (a *age) UnmarshalText(text []byte) error {
	days, isDays := strings.CutSuffix(string(text), "d")
	if isDays {
		n, err := strconv.Atoi(days)
		if err == nil && n >= 0 && n <= 36500 {
			a.Duration = time.Duration(n) * 24 * time.Hour
			return nil
		}
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return errors.New("write a length of time such as 90m, 12h or 3d")
	}
	a.Duration = d
	return nil
}

// requestID names a request on the command line: by its id, or by the reference that partners give,
// which becomes the id once the deployment is known.
type requestID struct {
	submission.ID
	reference submission.Reference
}

func (r *requestID) UnmarshalText(text []byte) error {
	var err error
	r.ID, err = submission.TypedID(string(text))
	if err == nil {
		return nil
	}
	r.reference, err = submission.ParseReference(string(text))
	if err != nil {
		return errors.New("an id has 48 digits and lower-case letters, an older one 34, as in the URL of the status page; a reference looks like 3C7K-Q2WX-94TM; guestlist request list shows them")
	}
	return nil
}

// find sets the ID by the reference, if that was given.
func (r *requestID) find(s *session, d *deployment) error {
	if r.reference == "" {
		return nil
	}
	ids, err := d.Referred(s.ctx, r.reference)
	switch {
	case err != nil:
		return err
	case len(ids) == 0:
		return advised{fmt.Errorf("there is no request with the reference %s", r.reference),
			"A sign-up is recorded some seconds after it was sent. Is it the right deployment?"}
	case len(ids) > 1:
		return advised{fmt.Errorf("%d requests have the reference %s", len(ids), r.reference), "Name one by its id: " + joinedIDs(ids)}
	}
	r.ID, r.reference = ids[0], ""
	return nil
}

// parseAddress parses an address as the form does.
func parseAddress(text string) (submission.Address, error) {
	address, err := submission.ParseAddress(text)
	if err != nil {
		return submission.Address{}, usage("--address: the form takes no such address")
	}
	return address, nil
}

type requestListCommand struct {
	State         []string `placeholder:"STATE" help:"Only requests in this state; may be given several times."`
	Address       string   `help:"Only requests of this address."`
	Reference     string   `placeholder:"REFERENCE" help:"Only the request with this reference, which partners see."`
	NewerThan     age      `placeholder:"AGE" help:"Only requests submitted since: 90m, 12h, 3d."`
	OlderThan     age      `placeholder:"AGE" help:"Only requests submitted before."`
	Limit         int      `default:"50" placeholder:"N" help:"How many at most; up to ${maxRequests}."`
	ShowAddresses bool     `help:"Print addresses whole instead of masked."`
}

// maxRequests is the most requests of a list.
const maxRequests = 1000

func joined(states []request.State) string {
	texts := make([]string, 0, len(states))
	for _, state := range states {
		texts = append(texts, string(state))
	}
	return strings.Join(texts, ", ")
}

// filter returns what the flags ask for.
func (c requestListCommand) filter(now time.Time) (tables.RequestFilter, error) {
	filter := tables.RequestFilter{Limit: c.Limit}
	if c.Limit < 1 || c.Limit > maxRequests {
		return filter, usage("--limit must be from 1 to %d", maxRequests)
	}
	for _, text := range c.State {
		state := request.State(strings.ToLower(text))
		if !state.Known() {
			return filter, usage("--state: there is no state %q; there are %s", text, joined(request.States()))
		}
		filter.States = append(filter.States, state)
	}
	if c.NewerThan.Duration > 0 {
		filter.Since = now.Add(-c.NewerThan.Duration)
	}
	if c.OlderThan.Duration > 0 {
		filter.Until = now.Add(-c.OlderThan.Duration)
	}
	if c.Address == "" {
		return filter, nil
	}
	var err error
	filter.Address, err = parseAddress(c.Address)
	return filter, err
}

// reference returns the reference asked for, "" for any.
func (c requestListCommand) reference() (submission.Reference, error) {
	if c.Reference == "" {
		return "", nil
	}
	if c.NewerThan.Duration > 0 || c.OlderThan.Duration > 0 {
		return "", usage("--reference says when the request was submitted; leave out --newer-than and --older-than")
	}
	reference, err := submission.ParseReference(c.Reference)
	if err != nil {
		return "", usage("--reference: a reference looks like 3C7K-Q2WX-94TM")
	}
	return reference, nil
}

func (c requestListCommand) Run(s *session, r *requestCommand) error {
	filter, err := c.filter(s.now())
	if err != nil {
		return err
	}
	filter.Reference, err = c.reference()
	if err != nil {
		return err
	}
	d, err := r.ProvideDeployment(s)
	if err != nil {
		return err
	}
	found, err := d.FindRequests(s.ctx, s.now(), filter)
	if err != nil && found.Looked == 0 && s.ctx.Err() == nil {
		return err
	}
	answer := struct {
		Requests   []operate.RequestSummary `json:"requests"`
		More       bool                     `json:"more"`
		Unreadable int                      `json:"unreadable"`
		Incomplete bool                     `json:"incomplete"` // the search has not come to its end
	}{operate.ListRequests(found.Requests, c.ShowAddresses), found.More, found.NumUnreadable(), err != nil}
	printed := s.print(answer, func(w io.Writer) {
		printRequests(w, answer.Requests)
		if answer.More {
			fmt.Fprintf(w, "\nthere are more; --limit shows up to %d\n", maxRequests)
		}
		printUnreadable(w, found)
	})
	return errors.Join(printed, s.partly(found, err))
}

// requestArg is the argument that names a request.
type requestArg struct {
	ID requestID `arg:"" help:"The request, by its id or its reference."`
}

// load returns the request.
func (f *requestArg) load(s *session, d *deployment) (request.Request, error) {
	err := f.ID.find(s, d)
	if err != nil {
		return request.Request{}, err
	}
	record, err := d.Load(s.ctx, f.ID.ID)
	return record, unknown(f.ID.ID, err)
}

// unknown returns the error with a text for an id that no request has.
func unknown(id submission.ID, err error) error {
	if problem.CodeOf(err) != problem.NotFound {
		return err
	}
	return advised{problem.New(problem.InvalidInput, "there is no request %s", id),
		"A sign-up is recorded some seconds after it was sent. Is it the right deployment?"}
}

type requestShowCommand struct{ requestArg }

func (requestShowCommand) Help() string {
	return "Prints the partner's address and words. An invite code is not shown."
}

func (c requestShowCommand) Run(s *session, d *deployment) error {
	record, err := c.load(s, d)
	if cantRead(err) {
		return c.showUnreadable(s, d)
	}
	if err != nil {
		return err
	}
	history, err := d.History(s.ctx, c.ID.ID)
	if err != nil {
		return err
	}
	detail := operate.ShowRequest(record, history)
	return s.print(detail, func(w io.Writer) { printRequest(w, detail) })
}

// showUnreadable prints what can be told of a request that can't be read.
func (c requestShowCommand) showUnreadable(s *session, d *deployment) error {
	outline, err := d.Outline(s.ctx, c.ID.ID)
	if err != nil {
		return unknown(c.ID.ID, err)
	}
	history, err := d.History(s.ctx, c.ID.ID)
	if err != nil {
		return err
	}
	detail := operate.ShowUnreadable(outline, history)
	return s.conclude(true, detail, func(w io.Writer) { printUnreadableRequest(w, detail) })
}

// reviewer returns a reviewer for the person who is signed in.
func (s *session) reviewer(d *deployment) (*review.Reviewer, error) {
	by, err := s.whoami(d.place)
	if err != nil {
		return nil, fmt.Errorf("finding out under which name the decision is recorded: %w", err)
	}
	return review.New(review.Config{Store: d, Seats: d, Records: d, MailStore: d, DeadLetters: d, Now: s.now, By: by})
}

// act acts on the request as the person who is signed in.
func (f *requestArg) act(s *session, d *deployment,
	do func(*review.Reviewer, context.Context, submission.ID) (request.Request, error)) error {
	err := f.ID.find(s, d)
	if err != nil {
		return err
	}
	reviewer, err := s.reviewer(d)
	if err != nil {
		return err
	}
	changed, err := do(reviewer, s.ctx, f.ID.ID)
	if err != nil {
		return unknown(f.ID.ID, err)
	}
	return s.printChanged(changed)
}

// printChanged prints the state of requests after somebody has decided on them.
func (s *session) printChanged(changed ...request.Request) error {
	answer := map[string]any{"requests": operate.ListRequests(changed, false)}
	return s.print(answer, func(w io.Writer) { printStates(w, changed) })
}

// printStates prints the state of requests, and what the app does next.
func printStates(w io.Writer, changed []request.Request) {
	summaries := operate.ListRequests(changed, false)
	for i, record := range changed {
		if record.State == "" {
			fmt.Fprintf(w, "%s can't be read, but its personal data is erased. Once it can be read, the app ends it, "+
				"and gives back the claim on its address, a hash.\n", record.ID)
			continue
		}
		fmt.Fprintln(w, plain(fmt.Sprintf("%s is %s: %s", record.ID, record.State, summaries[i].Reason)))
		switch {
		case record.Withdrawal.Open() && record.Erased.IsZero():
			fmt.Fprintln(w, "It is recorded that its personal data is to be erased. The app does it within a minute or two, "+
				"or as soon as it knows the result of an invitation under way.")
		case record.Resend.Open():
			fmt.Fprintln(w, "It is recorded that the mail is to be sent again. The app looks at it within a minute or two; "+
				"guestlist request show tells the result.")
		case !record.Due.IsZero():
			fmt.Fprintln(w, "The app goes on with it within a minute or two.")
		case !record.Erased.IsZero():
			fmt.Fprintln(w, "Its personal data was erased before. That its address has had mails is forgotten too, as far as the id leads to it.")
		}
	}
}

type requestRetryCommand struct{ requestArg }

func (c requestRetryCommand) Run(s *session, d *deployment) error {
	return c.act(s, d, (*review.Reviewer).Retry)
}

type requestResendCommand struct{ requestArg }

func (requestResendCommand) Help() string {
	return "As long as the request waits for a code, this mails the same code again. Otherwise it sends the invitation again, unless the guest has accepted meanwhile. A mail of the app's own goes out whatever the mailbox has had; Microsoft's goes out at most once an hour to an address. guestlist request show tells the result."
}

func (c requestResendCommand) Run(s *session, d *deployment) error {
	return c.act(s, d, (*review.Reviewer).Resend)
}
