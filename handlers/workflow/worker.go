package workflow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Config is what a Worker is made of. Everything is required but Log, Pressure, Pace and Retention.
type Config struct {
	Store     request.Store
	Rows      request.Rows
	Seats     request.Seats
	Gates     request.GateStore
	Poison    request.PoisonStore
	Records   request.Records
	Directory request.Directory
	Users     request.Users
	// Pace is how fast invitations may be sent. The zero Pace has no limits.
	Pace request.Pace
	// Pressure is told by the directory how much of its limits is used; nil where it tells nobody.
	Pressure *Pressure
	// Retention is how long a finished request keeps its personal data; 0 is for ever.
	Retention time.Duration
	// Parse reads a policy row. Default: by a cache of the Worker's own.
	Parse func(policy.Raw) policy.Row
	// RedirectURL is where guests land whose row names no address.
	RedirectURL string
	// IntentLease is how long an invitation that was begun and not finished is left alone, in case another instance is still at it or
	// the directory does not show the guest yet. No attempt of ours lasts longer than half of it.
	IntentLease time.Duration
	Now         func() time.Time
	// Sleep waits for a short time inside a step, or until ctx ends.
	Sleep func(ctx context.Context, d time.Duration) error
	// Jitter spreads a waiting time, so that what failed together does not come back together.
	Jitter func(d time.Duration) time.Duration
	Log    *slog.Logger
}

// cachedRows is how many policy rows a Worker remembers as read, with their conditions compiled: more than most tenants have.
const cachedRows = 1000

// Worker advances requests. What it holds of its own is only there to save work: any number of them may work on the same store.
type Worker struct {
	config  Config
	decider request.Decider

	heldUntil atomic.Int64 // until when the directory wants to be left alone, in nanoseconds; see held
	sweepAt   atomic.Int64 // when upkeep next looks for what is old, in nanoseconds
	degraded  atomic.Bool  // whether LogDegraded is written
}

// New returns a Worker, or an error that names what is missing.
func New(config Config) (*Worker, error) {
	var missing []error
	need := func(present bool, name string) {
		if !present {
			missing = append(missing, fmt.Errorf("workflow: Config.%s is missing", name))
		}
	}
	need(config.Store != nil, "Store")
	need(config.Rows != nil, "Rows")
	need(config.Seats != nil, "Seats")
	need(config.Gates != nil, "Gates")
	need(config.Poison != nil, "Poison")
	need(config.Records != nil, "Records")
	need(config.Directory != nil, "Directory")
	need(config.Users != nil, "Users")
	need(config.RedirectURL != "", "RedirectURL")
	need(config.IntentLease > 0, "IntentLease")
	need(config.Now != nil, "Now")
	need(config.Sleep != nil, "Sleep")
	need(config.Jitter != nil, "Jitter")
	if len(missing) > 0 {
		return nil, errors.Join(missing...)
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Parse == nil {
		cache, err := policy.NewCache(cachedRows)
		if err != nil {
			return nil, fmt.Errorf("workflow: preparing to read policy rows: %w", err)
		}
		config.Parse = cache.Parse
	}
	return &Worker{config: config, decider: request.Decider{Rows: config.Rows, Seats: config.Seats, Parse: config.Parse}}, nil
}

// Advance takes the request of the message as far as it will go now: to an end, to a wait that is noted in the store, or to a person.
// When it returns nil, nothing depends on the message any more. An error means that the message must come again; whatever was done
// until then is stored, and doing it again does no harm.
func (m *Worker) Advance(ctx context.Context, message submission.Message) error {
	w, err := m.open(ctx, message)
	if err != nil || w == nil {
		return err
	}
	switch message.Kind {
	case submission.Resend:
		err = w.wishResend(ctx)
	case submission.Withdraw:
		err = w.wishWithdrawal(ctx)
	}
	if err != nil {
		return fmt.Errorf("noting what is wished of request %s: %w", message.ID, err)
	}
	if w.Request.AtRest() {
		return nil
	}
	for {
		next, err := w.step(ctx)
		if err != nil {
			return fmt.Errorf("advancing request %s in state %s: %w", message.ID, w.Request.State, err)
		}
		if !next {
			return nil
		}
	}
}

// Progress returns what whoever holds the link may know of the request. problem.NotFound if nothing is recorded.
//
// Review, denial, failure and success are one stage: the person who asks has not proved to own the mailbox, and must not learn from
// the page whether a company or an address is known here. The outcome tells them apart; whether it is shown is up to the page.
func (m *Worker) Progress(ctx context.Context, id submission.ID) (request.Progress, error) {
	r, err := m.config.Store.Load(ctx, id)
	if err != nil {
		return request.Progress{}, fmt.Errorf("loading request %s: %w", id, err)
	}
	return r.Progress(), nil
}

// open loads the request of the message, or starts one from the submission that the message carries. It returns nil if there is
// nothing to be done now.
func (m *Worker) open(ctx context.Context, message submission.Message) (*work, error) {
	now := m.config.Now()
	r, err := m.config.Store.Load(ctx, message.ID)
	switch {
	case err == nil && message.Kind != submission.Advance:
		w := m.change(r)
		w.resumed = true
		return w, nil
	case err == nil:
		if r.AtRest() {
			// A process that ended between two writes may have left a seat, and a note.
			err = m.change(r).settle(ctx)
			if err != nil {
				return nil, err
			}
			return nil, m.stopWaiting(ctx, message)
		}
		if r.Due.After(now) && r.State != request.Parked {
			// An early or doubled message. The note in the store brings the request back in time. A parked request may look early: an admin has
			// closed the breaker, and to look costs nothing else.
			return nil, nil
		}
		w := m.change(r)
		w.resumed, w.broughtBy = true, message.Due
		return w, nil
	case problem.CodeOf(err) != problem.NotFound:
		return nil, fmt.Errorf("loading request %s: %w", message.ID, err)
	case message.Kind == submission.Withdraw && now.Sub(message.ID.Issued()).Abs() < submission.MessageLifetime:
		return m.tombstone(message.ID), nil
	case message.Submission == nil:
		m.config.Log.WarnContext(ctx, "a message asks to advance a request that is not recorded; nothing to do", "request", message.ID)
		return nil, m.stopWaiting(ctx, message)
	}
	w := m.change(request.Request{ID: message.ID, Submission: *message.Submission, State: request.Received, Since: now, Created: now})
	w.transition(request.Received, "received", "the submission was taken from the queue")
	return w, nil
}

// stopWaiting removes the note that brought a message for which there is nothing to do.
func (m *Worker) stopWaiting(ctx context.Context, message submission.Message) error {
	if message.Due.IsZero() {
		return nil
	}
	err := m.config.Store.StopWaiting(ctx, message.ID, message.Due)
	if err != nil {
		return fmt.Errorf("removing the due time of request %s: %w", message.ID, err)
	}
	return nil
}

// work is one request in the hands of one call of Advance. Events gather in memory until the next save, which every effect is
// preceded by: nothing leaves the process before what led to it is stored.
type work struct {
	*Worker
	request.Change
	// resumed says that the request stood in its present state when this call began, so an effect of that state may have been tried before.
	resumed bool
	// failed is the event by which the request came to fail, until it is saved.
	failed *request.Event
	// broughtBy is the due time of the note that brought the message; zero if none did.
	broughtBy time.Time
	// doubt is the intent of an earlier attempt to invite whose answer was lost, where the directory shows no guest yet; zero without one. Until
	// the guest's id is known, the intent on the claim is never taken back further than to this.
	doubt time.Time
	log   *slog.Logger
}

// change returns the work of one call of Advance on the request.
func (m *Worker) change(r request.Request) *work {
	return &work{
		Worker: m, Change: request.Change{Request: r, Now: m.config.Now}, log: m.config.Log.With("request", r.ID),
	}
}

// transition moves the request to the state, and records an event.
func (w *work) transition(state request.State, what, detail string) {
	if state != w.Request.State {
		w.resumed = false
	}
	failed := state == request.Failed && w.Request.State != request.Failed
	w.Transition(state, what, detail)
	if failed {
		w.failed = &w.Events[len(w.Events)-1]
	}
}

// save stores the request with the events since the last save. Conflict means that somebody else advanced it meanwhile:
// the message comes again and finds what they did.
func (w *work) save(ctx context.Context) error {
	events := w.Events
	err := w.Save(ctx, w.config.Store)
	if err != nil {
		return err
	}
	for _, event := range events {
		w.log.InfoContext(ctx, "request "+event.What, "state", event.State, "detail", event.Detail)
	}
	if w.failed != nil {
		w.log.ErrorContext(ctx, LogFailed, "what", w.failed.What, "detail", w.failed.Detail)
	}
	w.failed = nil
	return nil
}

// finish saves the request in an ended state and removes the note that brought it here. Any other note brings one more message, which then
// removes it: it may be that of a person who is just taking the request up again.
func (w *work) finish(ctx context.Context) (bool, error) {
	w.Request.Due = time.Time{}
	err := w.save(ctx)
	if err != nil {
		return false, err
	}
	if !w.Request.AtRest() {
		// The request has ended, and a mail that is wished is still to be sent.
		return true, nil
	}
	if !w.broughtBy.IsZero() {
		err = w.config.Store.StopWaiting(ctx, w.Request.ID, w.broughtBy)
		if err != nil {
			return false, fmt.Errorf("removing the due time: %w", err)
		}
	}
	return false, nil
}

// wait adds an event and lets the request come back after d.
func (w *work) wait(ctx context.Context, d time.Duration, what, detail string) (bool, error) {
	w.transition(w.Request.State, what, detail)
	return w.postpone(ctx, d)
}

// postpone saves the request so that it comes back after d. The note is written first: a note without a wait does no harm, a wait without a
// note would never end.
func (w *work) postpone(ctx context.Context, d time.Duration) (bool, error) {
	if w.Request.Version == "" {
		// A message for what is not recorded finds nothing to do and removes the note.
		err := w.save(ctx)
		if err != nil {
			return false, err
		}
	}
	due := w.config.Now().Add(w.config.Jitter(d))
	w.Request.Attempt++
	w.Request.Due = due
	err := w.config.Store.Wait(ctx, w.Request.ID, due)
	if err != nil {
		return false, fmt.Errorf("noting the due time: %w", err)
	}
	return false, w.save(ctx)
}

// step takes the request one state further. It reports whether there is more to do now.
func (w *work) step(ctx context.Context) (bool, error) {
	switch {
	case w.Request.Withdrawal.Open():
		return w.withdraw(ctx)
	case w.Request.State.Ended() && w.Request.Resend.Open():
		return w.resend(ctx)
	}
	switch w.Request.State {
	case request.Received:
		return w.decide(ctx)
	case request.Approved:
		return w.approved(ctx)
	case request.Inviting:
		return w.invite(ctx)
	case request.Parked:
		return w.unpark(ctx)
	case request.Granting:
		return w.grant(ctx)
	default:
		return false, problem.New(problem.Internal, "no step leads on from state %s", w.Request.State)
	}
}

// maxDecideAttempts is how often unreadable policy rows are tried again before a person is asked.
const maxDecideAttempts = 5

// decide reads the rows that can apply and lets policy decide.
func (w *work) decide(ctx context.Context) (bool, error) {
	decision, err := w.decider.Decide(ctx, w.Request.Submission, w.config.Now())
	if err != nil {
		w.log.ErrorContext(ctx, "the policy rows can't be read", "attempt", w.Request.Attempt, "error", err)
		if request.Retryable(problem.CodeOf(err)) && w.Request.Attempt+1 < maxDecideAttempts {
			return w.wait(ctx, down.after(w.Request.Attempt, problem.From(err).RetryAfter), "rows-unreadable", "the policy rows could not be read; they will be tried again")
		}
		decision = policy.Unreadable(w.config.Now())
	}
	w.Request.Decision = &decision
	switch decision.Action {
	case policy.Invite:
		if decision.Terms == nil {
			return false, problem.New(problem.Internal, "policy decided to invite without terms")
		}
		w.transition(request.Inviting, "decided", decision.Reason)
		w.Request.Grants = request.NewGrants(decision.Terms.Groups)
		return true, w.save(ctx)
	case policy.Deny:
		w.transition(request.Denied, "decided", decision.Reason)
		return w.finish(ctx)
	default:
		w.transition(request.Review, "decided", decision.Reason)
		return w.finish(ctx)
	}
}

// approved goes on with what a person let in.
func (w *work) approved(ctx context.Context) (bool, error) {
	if w.Request.Approval == nil {
		return false, problem.New(problem.Internal, "the request is approved without an approval")
	}
	w.Request.Grants = request.NewGrants(w.Request.Approval.Terms.Groups)
	w.transition(request.Inviting, "resumed", "the approved invitation is under way")
	return true, w.save(ctx)
}
