package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/operate"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

type requestEraseCommand struct {
	ID      []requestID `arg:"" optional:"" help:"The requests, by their ids or references."`
	Address string      `help:"All requests of this address, instead of ids."`
	confirmation
}

func (requestEraseCommand) Help() string {
	return `Ends the requests, if they have not ended, and lets the app erase address, names and words in every table, and forget the mailbox. It can't be undone, and may be repeated. The decision stays, with its row, its time and its author, and the object id of the guest if there is one: the guest in the directory is not touched.

When a partner withdraws, the hash of the address stays for as long as data is kept, with the number of its mails, so that nobody can send mails at will by signing somebody up and withdrawing. This command removes it at once by the address, and by the id of the withdrawn request if that had led to an invitation.

It goes on after requests that can't be erased, names them at the end, and exits with 1.`
}

func (c requestEraseCommand) Run(s *session, r *requestCommand) error {
	if (len(c.ID) == 0) == (c.Address == "") {
		return usage("whose data? Give ids, or --address")
	}
	var address submission.Address
	var err error
	if c.Address != "" {
		address, err = parseAddress(c.Address)
		if err != nil {
			return err
		}
	}
	d, err := r.ProvideDeployment(s)
	if err != nil {
		return err
	}
	ids, err := c.ids(s, d, address)
	if err != nil {
		return err
	}
	what := "the personal data of " + count(len(ids), "request")
	if c.Address != "" {
		what += ", and that the address has had mails,"
	}
	err = c.ask(s, "Erase "+what+" for good?")
	if err != nil {
		return err
	}
	reviewer, err := s.reviewer(d)
	if err != nil {
		return err
	}
	err = warnOfRows(s, d, ids, address)
	if err != nil {
		return err
	}
	return c.erase(s, reviewer, ids, address)
}

// ids returns the requests that are meant.
func (c requestEraseCommand) ids(s *session, d *deployment, address submission.Address) ([]submission.ID, error) {
	var ids []submission.ID
	for _, id := range c.ID {
		err := id.find(s, d)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id.ID)
	}
	if c.Address == "" {
		return ids, nil
	}
	all := tables.Found{More: true}
	filter := tables.RequestFilter{Address: address, Limit: maxRequests}
	for all.More {
		found, err := d.FindRequests(s.ctx, s.now(), filter)
		for _, record := range found.Requests {
			ids = append(ids, record.ID)
			filter.Before = record.ID
		}
		ids = append(ids, found.Theirs...)
		all.More, all.Looked = found.More, all.Looked+found.Looked
		all.Theirs = append(all.Theirs, found.Theirs...)
		all.Unreadable = append(all.Unreadable, found.Unreadable...)
		all.Unnamed += found.Unnamed
		if err != nil {
			for _, id := range ids {
				fmt.Fprintln(s.stderr, id)
			}
			return nil, fmt.Errorf("nothing is erased: %w", s.partly(all, err))
		}
	}
	all.Theirs = nil
	if text := unreadable(all); text != "" {
		fmt.Fprintln(s.stderr, text+". Whose they are is not known.")
	}
	return ids, nil
}

// warnOfRows warns of rows for the address, or else for those of the requests. An admin deletes
// them.
func warnOfRows(s *session, d *deployment, ids []submission.ID, address submission.Address) error {
	whose := []string{address.String()}
	if address == (submission.Address{}) {
		whose = nil
		for _, id := range ids {
			r, err := d.Load(s.ctx, id)
			if err == nil { // else the erasure says what is wrong
				whose = append(whose, r.Submission.Email.String())
			}
		}
	}
	rows, err := d.AllRows(s.ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Partition != "" && slices.Contains(whose, row.Partition) {
			fmt.Fprintln(s.stderr, plain(fmt.Sprintf(
				"The policy row %q is for this very address. Delete it too, if it is no longer needed.", row.Name)))
		}
	}
	return nil
}

// erasure is what came of requests and an address that are to be erased. Failures are at most
// maxNamed.
type erasure struct {
	Requests  []operate.RequestSummary `json:"requests"`
	NotErased int                      `json:"notErased"`
	Failures  []failedRequest          `json:"failures"`
	Untried   int                      `json:"untried"`
	// What was kept of the address besides.
	MailsForgotten bool `json:"mailsForgotten"`
	DeadLetters    int  `json:"deadLetters"`
}

// erase erases the requests, and what is kept of the address besides if one is given. It prints
// what came of them.
func (c requestEraseCommand) erase(
	s *session, reviewer *review.Reviewer, ids []submission.ID, address submission.Address,
) error {
	erased, failed, err := actOnMany(s, "erasing requests", ids,
		func(some []submission.ID) ([]request.Request, []review.Failure, error) {
			return reviewer.EraseAll(s.ctx, some)
		})
	if len(c.ID) == 1 && len(failed) == 1 {
		return unknown(ids[0], failed[0].Err)
	}
	var traces review.Traces
	if err == nil && c.Address != "" {
		traces, err = reviewer.ForgetAddress(s.ctx, address)
		if err == nil && !traces.Any() && len(ids) == 0 {
			return problem.New(problem.InvalidInput,
				"no request of this address holds personal data, and nothing else is kept of it")
		}
	}
	result := erasure{
		operate.ListRequests(erased, false), len(failed), failedRequests(failed),
		len(ids) - len(erased) - len(failed), traces.Mails, traces.DeadLetters,
	}
	// What is done is printed, whatever happened to the rest.
	err = errors.Join(err, s.print(result, func(w io.Writer) {
		printStates(w, erased)
		printFailures(w, "could not be erased", result.NotErased, result.Failures)
		if result.Untried > 0 {
			fmt.Fprintf(w, "%d were not tried.\n", result.Untried)
		}
		if traces.DeadLetters > 0 {
			fmt.Fprintf(w, "Dead letters that named the address, and are deleted: %d.\n", traces.DeadLetters)
		}
		if traces.Mails {
			fmt.Fprintln(w, "That the address has had mails, by requests that were withdrawn, is forgotten, and so is its mailbox.")
		}
	}))
	if err == nil && len(failed) > 0 {
		return errFindings
	}
	return err
}
