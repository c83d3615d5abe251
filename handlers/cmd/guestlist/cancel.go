package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/operate"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

const (
	// maxCancelled is the most requests that one command cancels.
	maxCancelled = 1000
	// maxNamed is how many of many requests, rows or messages are named.
	maxNamed = 20
	// actedOnAtOnce is after how many of many requests the progress is told.
	actedOnAtOnce = 50
)

type requestCancelCommand struct {
	ID        requestID `arg:"" optional:"" help:"The request, by its id or its reference, in place of a filter."`
	State     []string  `placeholder:"STATE" help:"Cancel all in this state; may be given several times. Default: all that wait."`
	Domain    string    `help:"Cancel all whose address is of this domain."`
	Row       string    `placeholder:"'PARTITION NAME'" help:"Cancel all that this row decided, such as 'contoso.com trusted'."`
	OlderThan age       `placeholder:"AGE" help:"Cancel all that were submitted before: 90m, 12h, 3d."`
	Reason    string    `required:"" placeholder:"TEXT" help:"Why, for those who look later."`
	Yes       bool      `help:"Do not ask before cancelling many."`
}

func (requestCancelCommand) Help() string {
	return fmt.Sprintf("With an ID, ends this request. With filters, ends the requests that pass all of "+
		"them, at most %d at a time: it shows them first, and asks. A request for which an invitation "+
		"may be under way stays as it is; try again some minutes later.", maxCancelled)
}

// many reports whether the command is about the requests that a filter finds.
func (c requestCancelCommand) many() bool {
	return len(c.State) > 0 || c.Domain != "" || c.Row != "" || c.OlderThan.Duration > 0
}

// filter returns what the flags ask for.
func (c requestCancelCommand) filter(now time.Time) (tables.RequestFilter, error) {
	filter := tables.RequestFilter{States: review.Waiting(), Limit: maxCancelled}
	if len(c.State) > 0 {
		filter.States = nil
	}
	for _, text := range c.State {
		state := request.State(strings.ToLower(text))
		if !slices.Contains(review.Cancellable(), state) {
			return filter, usage("--state: a request in state %q can't be cancelled, only one in %s",
				text, joined(review.Cancellable()))
		}
		filter.States = append(filter.States, state)
	}
	if c.Domain != "" {
		address, err := submission.ParseAddress("x@" + c.Domain)
		if err != nil {
			return filter, usage("--domain: the form takes no address of such a domain")
		}
		filter.Domain = address.Domain()
	}
	if c.Row != "" {
		row, err := parseRow(c.Row)
		if err != nil {
			return filter, err
		}
		filter.Row = *row
	}
	if c.OlderThan.Duration > 0 {
		filter.Until = now.Add(-c.OlderThan.Duration)
	}
	return filter, nil
}

func (c requestCancelCommand) Run(s *session, r *requestCommand) error {
	if c.many() == (c.ID != requestID{}) {
		return usage("which requests? Give an id, or filters")
	}
	if c.many() && s.output == "json" && !c.Yes {
		return usage("--output json does not ask; add --yes")
	}
	filter, err := c.filter(s.now())
	if err != nil {
		return err
	}
	d, err := r.ProvideDeployment(s)
	if err != nil {
		return err
	}
	reviewer, err := s.reviewer(d)
	if err != nil {
		return err
	}
	if !c.many() {
		err = c.ID.find(s, d)
		if err != nil {
			return err
		}
		changed, err := reviewer.Cancel(s.ctx, c.ID.ID, c.Reason)
		if err != nil {
			return unknown(c.ID.ID, err)
		}
		return s.printChanged(changed)
	}
	return c.cancelMany(s, d, reviewer, filter)
}

// cancelMany shows the requests that pass the filter, asks, and cancels them.
func (c requestCancelCommand) cancelMany(
	s *session, d *deployment, reviewer *review.Reviewer, filter tables.RequestFilter,
) error {
	_, err := request.CheckWords("reason", c.Reason, true)
	if err != nil {
		return err
	}
	all, searched := d.FindRequests(s.ctx, s.now(), filter)
	found := all.Requests
	result := cancellation{More: all.More, Unreadable: all.NumUnreadable()}
	if s.output == "table" {
		printMany(s.stdout, found, result)
		printUnreadable(s.stdout, all)
	}
	if searched != nil {
		return fmt.Errorf("nothing is cancelled: %w", s.partly(all, searched))
	}
	if len(found) > 0 {
		err = confirmation{c.Yes}.ask(s, "Cancel "+count(len(found), "request")+"?")
		if err != nil {
			return err
		}
	}
	return c.cancel(s, reviewer, found, filter.States, result)
}

// cancellation is what came of many requests. Named are at most maxNamed of each kind.
type cancellation struct {
	Cancelled    int             `json:"cancelled"`
	Named        []submission.ID `json:"named"`
	NotCancelled int             `json:"notCancelled"`
	Failures     []failedRequest `json:"failures"`
	Untried      int             `json:"untried"`
	// More: more requests passed the filter than one command cancels.
	More       bool `json:"more"`
	Unreadable int  `json:"unreadable"`
}

type failedRequest struct {
	ID  submission.ID `json:"id"`
	Why string        `json:"why"`
}

// newCancellation returns what came of the requests ids.
func newCancellation(ids, cancelled []submission.ID, failed []review.Failure) cancellation {
	return cancellation{
		Cancelled: len(cancelled), NotCancelled: len(failed),
		Untried:  len(ids) - len(cancelled) - len(failed),
		Named:    append([]submission.ID{}, cancelled[:min(len(cancelled), maxNamed)]...),
		Failures: failedRequests(failed),
	}
}

// cancel cancels the requests, the oldest first, and prints what came of them.
func (c requestCancelCommand) cancel(
	s *session, reviewer *review.Reviewer, found []request.Request, states []request.State,
	result cancellation,
) error {
	ids := make([]submission.ID, 0, len(found))
	for _, r := range slices.Backward(found) {
		ids = append(ids, r.ID)
	}
	cancelled, failed, err := actOnMany(s, "cancelling requests", ids,
		func(some []submission.ID) ([]submission.ID, []review.Failure, error) {
			return reviewer.CancelAll(s.ctx, some, states, c.Reason)
		})
	more, unreadable := result.More, result.Unreadable
	result = newCancellation(ids, cancelled, failed)
	result.More, result.Unreadable = more, unreadable
	err = errors.Join(err, s.print(result, func(w io.Writer) { printCancellation(w, result) }))
	if err == nil && len(failed) > 0 {
		return errFindings
	}
	return err
}

// printMany shows the requests that a filter has found.
func printMany(w io.Writer, found []request.Request, result cancellation) {
	printRequests(w, operate.ListRequests(found[:min(len(found), maxNamed)], false))
	if len(found) > maxNamed {
		fmt.Fprintf(w, "and %d more\n", len(found)-maxNamed)
	}
	if result.More {
		fmt.Fprintf(w, "\nthere are more than %d; run the command again for the rest\n", maxCancelled)
	}
}

func printCancellation(w io.Writer, result cancellation) {
	if result.Cancelled+result.NotCancelled+result.Untried == 0 {
		return
	}
	verb := "are"
	if result.Cancelled == 1 {
		verb = "is"
	}
	fmt.Fprintf(w, "\n%s %s cancelled.\n", count(result.Cancelled, "request"), verb)
	printFailures(w, "could not be cancelled", result.NotCancelled, result.Failures)
	if result.Untried > 0 {
		fmt.Fprintf(w, "%d were not tried.\n", result.Untried)
	}
}

// actOnMany acts on requests, some at a time, and shows the progress. It stops at an error of act.
// done has the results for the requests that act did not fail for.
func actOnMany[T any](
	s *session, doing string, ids []submission.ID, act func(some []submission.ID) ([]T, []review.Failure, error),
) (done []T, failed []review.Failure, err error) {
	progress := s.progress(doing)
	for some := range slices.Chunk(ids, actedOnAtOnce) {
		progress(len(done)+len(failed), len(ids))
		more, not, stopped := act(some)
		done, failed, err = append(done, more...), append(failed, not...), stopped
		if err != nil {
			break
		}
	}
	progress(len(ids), len(ids))
	return done, failed, err
}

// printFailures names requests that could not be acted on, of n in all.
func printFailures(w io.Writer, what string, n int, named []failedRequest) {
	if n == 0 {
		return
	}
	fmt.Fprintf(w, "%d %s:\n", n, what)
	for _, f := range named {
		fmt.Fprintln(w, plain("  "+string(f.ID)+": "+f.Why))
	}
	if left := n - len(named); left > 0 {
		fmt.Fprintf(w, "  and %d more\n", left)
	}
}

// failedRequests returns the first of the failures with a text for a person.
func failedRequests(failed []review.Failure) []failedRequest {
	named := []failedRequest{}
	for _, f := range failed[:min(len(failed), maxNamed)] {
		named = append(named, failedRequest{f.ID, message(f.Err)})
	}
	return named
}
