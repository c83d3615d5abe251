package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

// requestCommand is the grammar of guestlist request.
type requestCommand struct {
	account `group:"Which deployment:"`
	format

	List    requestListCommand    `cmd:"" help:"List requests, the newest first."`
	Show    requestShowCommand    `cmd:"" help:"Show all about a request: where it stands and why, what was decided by which row, and its history."`
	Approve requestApproveCommand `cmd:"" help:"Let the guest of a request in review in."`
	Deny    requestDenyCommand    `cmd:"" help:"End a request in review without an invitation."`
	Retry   requestRetryCommand   `cmd:"" help:"Take a failed request up again, where it failed."`
	Cancel  requestCancelCommand  `cmd:"" help:"End a request that has not led to a guest."`
	Resend  requestResendCommand  `cmd:"" help:"Send the mail of an invitation again."`
	Erase   requestEraseCommand   `cmd:"" help:"Erase the personal data of a request in every table. The decision stays."`
}

func (requestCommand) Help() string {
	return `What you decide is recorded under the name that you signed in with. The app does what follows from it at its next upkeep, within a minute or two.

Exit codes: 0 fine; 1 what was asked for can't be done as the request stands; 2 the command was not understood; 3 something could not be reached, read or written; 4 the request was changed by somebody else in the meantime.`
}

// age is a length of time on the command line: 90m, 12h, 3d.
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

// requestID is the id of a request on the command line.
type requestID struct{ submission.ID }

func (r *requestID) UnmarshalText(text []byte) error {
	id, err := submission.ParseID(string(text))
	if err != nil {
		return errors.New("an id has 34 digits and small letters, as in the address of the status page; guestlist request list names them")
	}
	r.ID = id
	return nil
}

type requestListCommand struct {
	State         []string `placeholder:"STATE" help:"Only requests in this state; may be given several times."`
	Address       string   `help:"Only requests of this address."`
	NewerThan     age      `placeholder:"AGE" help:"Only requests submitted since: 90m, 12h, 3d."`
	OlderThan     age      `placeholder:"AGE" help:"Only requests submitted before."`
	Limit         int      `default:"50" placeholder:"N" help:"How many at most; up to 1000."`
	ShowAddresses bool     `help:"Print addresses whole instead of masked."`
}

const maxRequestList = 1000

func (c requestListCommand) Run(s *session, r *requestCommand) error {
	filter := tables.RequestFilter{Limit: c.Limit + 1}
	if c.Limit < 1 || c.Limit > maxRequestList {
		return usage("--limit must be from 1 to %d", maxRequestList)
	}
	for _, text := range c.State {
		state := request.State(strings.ToLower(text))
		if !state.Known() {
			return usage("--state: there is no state %q; there are %s", text, joined(request.States()))
		}
		filter.States = append(filter.States, state)
	}
	if c.Address != "" {
		var err error
		filter.Address, err = submission.ParseAddress(c.Address)
		if err != nil {
			return usage("--address: the form takes no such address")
		}
	}
	if c.NewerThan.Duration > 0 {
		filter.Since = s.now().Add(-c.NewerThan.Duration)
	}
	if c.OlderThan.Duration > 0 {
		filter.Until = s.now().Add(-c.OlderThan.Duration)
	}
	store, at, err := s.open(r.account)
	if err != nil {
		return err
	}
	found, unreadable, err := store.FindRequests(s.ctx, s.now(), filter)
	if err != nil {
		return at.unreachable(err)
	}
	answer := struct {
		Requests   []operate.RequestSummary `json:"requests"`
		More       bool                     `json:"more"`
		Unreadable int                      `json:"unreadable"`
	}{More: len(found) > c.Limit, Unreadable: unreadable}
	answer.Requests = operate.ListRequests(found[:min(c.Limit, len(found))], c.ShowAddresses)
	return r.print(s, answer, func(w io.Writer) {
		printRequests(w, answer.Requests)
		if answer.More {
			fmt.Fprintf(w, "\nthere are more; --limit shows up to %d\n", maxRequestList)
		}
		if unreadable > 0 {
			fmt.Fprintf(w, "\n%s could not be read\n", count(unreadable, "record"))
		}
	})
}

func joined(states []request.State) string {
	texts := make([]string, 0, len(states))
	for _, state := range states {
		texts = append(texts, string(state))
	}
	return strings.Join(texts, ", ")
}

type requestShowCommand struct {
	ID requestID `arg:"" help:"The request."`
}

func (requestShowCommand) Help() string {
	return "Prints the partner's address and words. An invite code is not shown."
}

func (c requestShowCommand) Run(s *session, r *requestCommand) error {
	store, at, err := s.open(r.account)
	if err != nil {
		return err
	}
	record, err := store.Load(s.ctx, c.ID.ID)
	if err != nil {
		return at.unknown(c.ID.ID, err)
	}
	history, err := store.History(s.ctx, c.ID.ID)
	if err != nil {
		return at.unreachable(err)
	}
	detail := operate.ShowRequest(record, history)
	return r.print(s, detail, func(w io.Writer) { printRequest(w, detail) })
}

// unknown tells an id that nobody has from an account that can't be reached.
func (p place) unknown(id submission.ID, err error) error {
	if problem.CodeOf(err) != problem.NotFound {
		return p.unreachable(err)
	}
	return advised{fmt.Errorf("there is no request %s", id), "A sign-up is recorded some seconds after it was sent. Is it the right deployment?"}
}

// atDesk opens the tables and lets do act on a request as the person who signed in.
func (r *requestCommand) atDesk(s *session, id submission.ID, do func(*review.Reviewer) (request.Request, error)) error {
	store, at, err := s.open(r.account)
	if err != nil {
		return err
	}
	desk, err := s.desk(store, at)
	if err != nil {
		return err
	}
	changed, err := do(desk)
	if err != nil {
		return at.unknown(id, err)
	}
	return r.printChanged(s, changed)
}

func (s *session) desk(store *tables.Store, at place) (*review.Reviewer, error) {
	by, err := s.whoami(at)
	if err != nil {
		return nil, fmt.Errorf("finding out who you are, under whose name the decision is recorded: %w", err)
	}
	return review.New(review.Config{Store: store, Seats: store, Records: store, Now: s.now, By: by})
}

// printChanged prints where a request stands after somebody has decided on it.
func (r *requestCommand) printChanged(s *session, changed ...request.Request) error {
	summaries := operate.ListRequests(changed, false)
	return r.print(s, struct {
		Requests []operate.RequestSummary `json:"requests"`
	}{summaries}, func(w io.Writer) {
		for i, record := range summaries {
			fmt.Fprintln(w, plain(fmt.Sprintf("%s is %s: %s", record.ID, record.State, record.Reason)))
			switch {
			case changed[i].Withdrawal.Open() && changed[i].Erased.IsZero():
				fmt.Fprintln(w, "It is recorded that its personal data is to be erased. The app does it within a minute or two, or as soon as it knows what came of an invitation under way.")
			case changed[i].Resend.Open():
				fmt.Fprintln(w, "It is recorded that the mail is to be sent again. The app looks at it within a minute or two; guestlist request show tells what came of it.")
			case record.Due != nil:
				fmt.Fprintln(w, "The app goes on with it within a minute or two.")
			case !changed[i].Erased.IsZero():
				fmt.Fprintln(w, "Its personal data was erased before. That its address has had mails is forgotten now too.")
			}
		}
	})
}

type requestApproveCommand struct {
	ID      requestID `arg:"" help:"The request."`
	Row     string    `placeholder:"'PARTITION NAME'" help:"Invite on the terms of this row, such as 'contoso.com trusted', instead of those of the row that decided."`
	Group   []string  `placeholder:"ID" help:"Grant this group, by its object id, and none of the row's; may be given several times."`
	Sponsor []string  `placeholder:"ID" help:"Make this user or group the sponsor, in place of the row's; may be given several times."`
	NoMail  bool      `help:"Let Microsoft send no mail, whatever the row says."`
	Note    string    `placeholder:"TEXT" help:"Why, for those who look later."`
	Yes     bool      `help:"Do not ask."`
}

func (requestApproveCommand) Help() string {
	return `Shows on which terms the guest would be invited, and asks. A person who lets somebody in is not bound by the row's limits.`
}

func (c requestApproveCommand) Run(s *session, r *requestCommand) error {
	if !c.Yes && r.Output == "json" {
		return usage("--output json does not ask; add --yes")
	}
	var named *policy.RowKey
	if c.Row != "" {
		partition, name, both := strings.Cut(c.Row, " ")
		if !both || name == "" {
			return usage("--row: write the partition, a space and the row's name, such as 'contoso.com trusted'")
		}
		named = &policy.RowKey{Partition: partition, Name: name}
	}
	for _, id := range slices.Concat(c.Group, c.Sponsor) {
		_, valid := policy.ParseGUID(id)
		if !valid {
			return usage("--group and --sponsor: %q is no object id; it looks like 11111111-1111-4111-8111-111111111111", id)
		}
	}
	if len(c.Sponsor) > policy.MaxSponsors {
		return usage("--sponsor: a guest has at most %d sponsors", policy.MaxSponsors)
	}
	store, at, err := s.open(r.account)
	if err != nil {
		return err
	}
	record, err := store.Load(s.ctx, c.ID.ID)
	if err != nil {
		return at.unknown(c.ID.ID, err)
	}
	rows, err := store.AllRows(s.ctx)
	if err != nil {
		return at.unreachable(err)
	}
	approval, err := operate.NewApproval(rows, record, named)
	if err != nil {
		return problem.New(problem.InvalidInput, "%s", err)
	}
	if len(c.Group) > 0 {
		approval.Terms.Groups = lower(c.Group)
	}
	if len(c.Sponsor) > 0 {
		approval.Terms.Sponsors = lower(c.Sponsor)
	}
	approval.Terms.SendInvitation = approval.Terms.SendInvitation && !c.NoMail
	if r.Output == "table" {
		printApproval(s.stdout, record, approval)
	}
	if !c.Yes && record.State == request.Review {
		err = s.ask("Let this guest in?")
		if err != nil {
			return err
		}
	}
	desk, err := s.desk(store, at)
	if err != nil {
		return err
	}
	changed, err := desk.Approve(s.ctx, c.ID.ID, approval.Terms, c.Note)
	if err != nil {
		return at.unknown(c.ID.ID, err)
	}
	return r.printChanged(s, changed)
}

func lower(texts []string) []string {
	var all []string
	for _, text := range texts {
		text = strings.ToLower(text)
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

type requestDenyCommand struct {
	ID     requestID `arg:"" help:"The request."`
	Reason string    `required:"" placeholder:"TEXT" help:"Why, for those who look later. The partner does not see it."`
}

func (c requestDenyCommand) Run(s *session, r *requestCommand) error {
	return r.atDesk(s, c.ID.ID, func(d *review.Reviewer) (request.Request, error) { return d.Deny(s.ctx, c.ID.ID, c.Reason) })
}

type requestRetryCommand struct {
	ID requestID `arg:"" help:"The request."`
}

func (c requestRetryCommand) Run(s *session, r *requestCommand) error {
	return r.atDesk(s, c.ID.ID, func(d *review.Reviewer) (request.Request, error) { return d.Retry(s.ctx, c.ID.ID) })
}

type requestCancelCommand struct {
	ID     requestID `arg:"" help:"The request."`
	Reason string    `required:"" placeholder:"TEXT" help:"Why, for those who look later."`
}

func (c requestCancelCommand) Run(s *session, r *requestCommand) error {
	return r.atDesk(s, c.ID.ID, func(d *review.Reviewer) (request.Request, error) { return d.Cancel(s.ctx, c.ID.ID, c.Reason) })
}

type requestResendCommand struct {
	ID requestID `arg:"" help:"The request."`
}

func (requestResendCommand) Help() string {
	return "The app looks first whether the guest has accepted meanwhile, and spares an address for an hour after a mail. guestlist request show tells what came of it."
}

func (c requestResendCommand) Run(s *session, r *requestCommand) error {
	return r.atDesk(s, c.ID.ID, func(d *review.Reviewer) (request.Request, error) { return d.Resend(s.ctx, c.ID.ID) })
}

type requestEraseCommand struct {
	ID      []requestID `arg:"" optional:"" help:"The requests."`
	Address string      `help:"All requests of this address, instead of ids."`
	Yes     bool        `help:"Do not ask."`
}

func (requestEraseCommand) Help() string {
	return `Ends the requests, if they have not ended, and lets the app erase address, names and words in every table. It can't be undone. The decision stays, with its row, its time and who made it, and the object id of the guest if there is one: the guest in the directory is not touched.

Where a partner withdraws, the hash of the address stays for as long as data is kept, with how many mails it has had, so that nobody sends mail at will by signing somebody up and withdrawing. This removes it at once, by the id of the withdrawn request or by the address.`
}

func (c requestEraseCommand) Run(s *session, r *requestCommand) error {
	switch {
	case len(c.ID) == 0 && c.Address == "", len(c.ID) > 0 && c.Address != "":
		return usage("whose data? Give ids, or --address")
	case !c.Yes && r.Output == "json":
		return usage("--output json does not ask; add --yes")
	}
	store, at, err := s.open(r.account)
	if err != nil {
		return err
	}
	var ids []submission.ID
	for _, id := range c.ID {
		ids = append(ids, id.ID)
	}
	var address submission.Address
	if c.Address != "" {
		address, err = submission.ParseAddress(c.Address)
		if err != nil {
			return usage("--address: the form takes no such address")
		}
		found, _, err := store.FindRequests(s.ctx, s.now(), tables.RequestFilter{Address: address, Limit: maxRequestList})
		if err != nil {
			return at.unreachable(err)
		}
		for _, record := range found {
			ids = append(ids, record.ID)
		}
	}
	if !c.Yes {
		what := "the personal data of " + count(len(ids), "request")
		if c.Address != "" {
			what += ", and that the address has had mails,"
		}
		err = s.ask("Erase " + what + " for good?")
		if err != nil {
			return err
		}
	}
	desk, err := s.desk(store, at)
	if err != nil {
		return err
	}
	rows, err := store.AllRows(s.ctx)
	if err != nil {
		return at.unreachable(err)
	}
	var changed []request.Request
	// What is done is told, whatever becomes of the rest.
	failed := func(id submission.ID, err error) error {
		return errors.Join(r.printChanged(s, changed...), at.unknown(id, err))
	}
	for _, id := range ids {
		before, err := store.Load(s.ctx, id)
		if err != nil {
			return failed(id, err)
		}
		// What an admin wrote is not the app's to change.
		for _, row := range rows {
			if row.Partition == before.Submission.Email.String() {
				fmt.Fprintln(s.stderr, plain(fmt.Sprintf("The policy row %q is for this very address. Delete it too, if it is of no more use.", row.Name)))
			}
		}
		after, err := desk.Erase(s.ctx, id)
		if err != nil {
			return failed(id, err)
		}
		changed = append(changed, after)
	}
	forgotten := false
	if c.Address != "" {
		// A request that its partner has withdrawn no longer says whose it was; what it left behind is found by the address only.
		forgotten, err = desk.ForgetMails(s.ctx, address)
		if err != nil {
			return errors.Join(r.printChanged(s, changed...), at.unreachable(err))
		}
		if !forgotten && len(ids) == 0 {
			return problem.New(problem.InvalidInput, "no request of this address holds personal data")
		}
	}
	err = r.printChanged(s, changed...)
	if err == nil && forgotten && r.Output == "table" {
		fmt.Fprintln(s.stdout, "That the address has had mails, by requests that were withdrawn, is forgotten.")
	}
	return err
}
