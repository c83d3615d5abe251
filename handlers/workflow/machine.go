package workflow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// Config is what a Machine is made of. Everything is required but Log, Pressure, Pace and Retention.
type Config struct {
	Store     Store
	Rows      Rows
	Seats     Seats
	Gates     GateStore
	Poison    PoisonStore
	Records   Records
	Directory Directory
	Users     Users
	// Pace is how fast invitations may be sent. The zero Pace has no limits.
	Pace Pace
	// Pressure is told by the directory how much of its limits is used; nil where it tells nobody.
	Pressure *Pressure
	// Retention is how long a finished request keeps its personal data; 0 is for ever.
	Retention time.Duration
	// Parse reads a policy row. Default: by a cache of the Machine's own.
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

// cachedRows is how many policy rows a Machine remembers as read, with their conditions compiled: more than most tenants have.
const cachedRows = 1000

// Machine advances requests. What it holds of its own is only there to save work: any number of them may work on the same store.
type Machine struct {
	config  Config
	decider Decider

	heldUntil atomic.Int64 // until when the directory wants to be left alone, in nanoseconds; see held
	sweepAt   atomic.Int64 // when upkeep next looks for what is old, in nanoseconds
	degraded  atomic.Bool  // whether LineDegraded is written
}

// New returns a Machine, or an error that names what is missing.
func New(config Config) (*Machine, error) {
	var missing []error
	need := func(present bool, name string) {
		if !present {
			missing = append(missing, fmt.Errorf("invite: Config.%s is missing", name))
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
			return nil, fmt.Errorf("invite: preparing to read policy rows: %w", err)
		}
		config.Parse = cache.Parse
	}
	return &Machine{config: config, decider: Decider{Rows: config.Rows, Seats: config.Seats, Parse: config.Parse}}, nil
}

// Advance takes the request of the message as far as it will go now: to an end, to a wait that is noted in the store, or to a person.
// When it returns nil, nothing depends on the message any more. An error means that the message must come again; whatever was done
// until then is stored, and doing it again does no harm.
func (m *Machine) Advance(ctx context.Context, message submission.Message) error {
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
	if w.request.atRest() {
		return nil
	}
	for {
		next, err := w.step(ctx)
		if err != nil {
			return fmt.Errorf("advancing request %s in state %s: %w", message.ID, w.request.State, err)
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
func (m *Machine) Progress(ctx context.Context, id submission.ID) (submission.Progress, error) {
	r, err := m.config.Store.Load(ctx, id)
	if err != nil {
		return submission.Progress{}, fmt.Errorf("loading request %s: %w", id, err)
	}
	return submission.Progress{Stage: r.State.stage(), Outcome: r.outcome(), Address: r.Submission.Email.Masked()}, nil
}

// outcome returns what the request has come to.
func (r Request) outcome() submission.Outcome {
	switch {
	case !r.Erased.IsZero() && r.Withdrawal.By == ThePartner:
		return submission.OutcomeWithdrawn
	case r.State == Review:
		return submission.OutcomeWaiting
	case r.State == Approved, r.State == Inviting, r.State == Parked, r.State == Granting:
		return submission.OutcomeInviting
	case r.State == Done && !r.Joined.IsZero():
		return submission.OutcomeJoined
	case r.State == Done:
		return submission.OutcomeInvited
	case r.State == Denied, r.State == Failed, r.State == Cancelled:
		return submission.OutcomeRefused
	default:
		return submission.OutcomeOpen
	}
}

// stage is over as soon as the request is decided: if the work that only an invitation makes showed, whoever watches the page would learn
// that a row lets the company in.
func (s State) stage() submission.Stage {
	if s == Received {
		return submission.StageInWork
	}
	return submission.StageFinished
}

// open loads the request of the message, or starts one from the submission that the message carries. It returns nil if there is
// nothing to be done now.
func (m *Machine) open(ctx context.Context, message submission.Message) (*work, error) {
	now := m.config.Now()
	r, err := m.config.Store.Load(ctx, message.ID)
	switch {
	case err == nil && message.Kind != submission.Advance:
		return &work{Machine: m, request: r, log: m.config.Log.With("request", r.ID), resumed: true}, nil
	case err == nil:
		if r.atRest() {
			// A process that ended between two writes may have left a seat, and a note.
			err = (&work{Machine: m, request: r, log: m.config.Log.With("request", r.ID)}).settle(ctx)
			if err != nil {
				return nil, err
			}
			return nil, m.stopWaiting(ctx, message)
		}
		if r.Due.After(now) && r.State != Parked {
			// An early or doubled message. The note in the store brings the request back in time. A parked request may look early: an admin has
			// closed the breaker, and to look costs nothing else.
			return nil, nil
		}
		return &work{Machine: m, request: r, log: m.config.Log.With("request", r.ID), resumed: true, broughtBy: message.Note}, nil
	case problem.CodeOf(err) != problem.NotFound:
		return nil, fmt.Errorf("loading request %s: %w", message.ID, err)
	case message.Kind == submission.Withdraw && now.Sub(message.ID.Issued()).Abs() < messagesLive:
		return m.tombstone(message.ID), nil
	case message.Submission == nil:
		m.config.Log.WarnContext(ctx, "a message asks to advance a request that is not recorded; nothing to do", "request", message.ID)
		return nil, m.stopWaiting(ctx, message)
	}
	w := &work{Machine: m, log: m.config.Log.With("request", message.ID)}
	w.request = Request{ID: message.ID, Submission: *message.Submission, State: Received, Since: now, Created: now}
	w.note(Received, "received", "the submission was taken from the queue")
	return w, nil
}

// stopWaiting removes the note that brought a message for which there is nothing to do.
func (m *Machine) stopWaiting(ctx context.Context, message submission.Message) error {
	if message.Note.IsZero() {
		return nil
	}
	err := m.config.Store.StopWaiting(ctx, message.ID, message.Note)
	if err != nil {
		return fmt.Errorf("removing the due time of request %s: %w", message.ID, err)
	}
	return nil
}

// ended reports whether nothing happens to the request by itself any more.
func (s State) ended() bool {
	switch s {
	case Review, Done, Denied, Failed, Cancelled:
		return true
	default:
		return false
	}
}

// atRest reports whether nothing happens to the request by itself any more, nor to what is wished of it.
func (r Request) atRest() bool {
	return r.State.ended() && !r.Resend.Open() && (!r.Withdrawal.Open() || !r.Erased.IsZero())
}

// transitions is every legal change of state. A request that would take another one is a fault of this package.
var transitions = map[State][]State{
	Received:  {Received, Review, Denied, Inviting, Failed, Cancelled},
	Review:    {Approved, Denied, Cancelled},
	Approved:  {Inviting, Failed, Cancelled},
	Inviting:  {Inviting, Review, Parked, Granting, Done, Failed, Cancelled},
	Parked:    {Parked, Inviting, Failed, Cancelled},
	Granting:  {Granting, Done, Failed},
	Failed:    {Received, Inviting, Granting, Cancelled},
	Done:      {},
	Denied:    {},
	Cancelled: {},
}

// States returns every state, in alphabetical order.
func States() []State { return slices.Sorted(maps.Keys(transitions)) }

// Known reports whether there is such a state.
func (s State) Known() bool {
	_, known := transitions[s]
	return known
}

// legal reports whether a request may go from one state to another.
func legal(from, to State) bool {
	for _, state := range transitions[from] {
		if state == to {
			return true
		}
	}
	return false
}

// work is one request in the hands of one call of Advance. Events gather in memory until the next save, which every effect is
// preceded by: nothing leaves the process before what led to it is stored.
type work struct {
	*Machine
	request Request
	events  []Event
	// resumed says that the request stood in its present state when this call began, so an effect of that state may have been tried before.
	resumed bool
	// failed is the event by which the request came to fail, until it is saved.
	failed *Event
	// broughtBy is the due time of the note that brought the message; zero if none did.
	broughtBy time.Time
	// doubt is the intent of an earlier attempt to invite whose answer was lost, where the directory shows no guest yet; zero without one. Until
	// the guest's id is known, the intent on the claim is never taken back further than to this.
	doubt time.Time
	log   *slog.Logger
}

// note adds an event and moves the request to the state.
func (w *work) note(state State, what, detail string) {
	if !legal(w.request.State, state) {
		panic(fmt.Sprintf("invite: a request can't go from %s to %s", w.request.State, state))
	}
	if state != w.request.State {
		w.resumed = false
		w.request.Attempt, w.request.Unknown = 0, 0
		w.request.Since, w.request.Words = w.config.Now(), ""
	}
	failed := state == Failed && w.request.State != Failed
	w.request.State = state
	w.request.Reason = detail
	w.remark(what, detail)
	if failed {
		w.failed = &w.events[len(w.events)-1]
	}
}

// remark adds an event that changes nothing about where the request stands.
func (w *work) remark(what, detail string) {
	w.events = append(w.events, Event{At: w.config.Now(), State: w.request.State, What: what, Detail: detail})
}

// save stores the request with the events noted since the last save. Conflict means that somebody else advanced it meanwhile:
// the message comes again and finds what they did.
func (w *work) save(ctx context.Context) error {
	w.request.Changed = w.config.Now()
	saved, err := w.config.Store.Save(ctx, w.request, w.events)
	if err != nil {
		return fmt.Errorf("saving the request: %w", err)
	}
	for _, event := range w.events {
		w.log.InfoContext(ctx, "request "+event.What, "state", event.State, "detail", event.Detail)
	}
	if w.failed != nil {
		w.log.ErrorContext(ctx, LineFailed, "what", w.failed.What, "detail", w.failed.Detail)
	}
	w.request, w.events, w.failed = saved, nil, nil
	return nil
}

// finish saves the request in an ended state and removes the note that brought it here. Any other note brings one more message, which then
// removes it: it may be that of a person who is just taking the request up again.
func (w *work) finish(ctx context.Context) (bool, error) {
	w.request.Due = time.Time{}
	err := w.save(ctx)
	if err != nil {
		return false, err
	}
	if !w.request.atRest() {
		// The request has ended, and a mail that is wished is still to be sent.
		return true, nil
	}
	if !w.broughtBy.IsZero() {
		err = w.config.Store.StopWaiting(ctx, w.request.ID, w.broughtBy)
		if err != nil {
			return false, fmt.Errorf("removing the due time: %w", err)
		}
	}
	return false, nil
}

// wait adds an event and lets the request come back after d.
func (w *work) wait(ctx context.Context, d time.Duration, what, detail string) (bool, error) {
	w.note(w.request.State, what, detail)
	return w.postpone(ctx, d)
}

// postpone saves the request so that it comes back after d. The note is written first: a note without a wait does no harm, a wait without a
// note would never end.
func (w *work) postpone(ctx context.Context, d time.Duration) (bool, error) {
	if w.request.Version == "" {
		// A message for what is not recorded finds nothing to do and removes the note.
		err := w.save(ctx)
		if err != nil {
			return false, err
		}
	}
	due := w.config.Now().Add(w.config.Jitter(d))
	w.request.Attempt++
	w.request.Due = due
	err := w.config.Store.Wait(ctx, w.request.ID, due)
	if err != nil {
		return false, fmt.Errorf("noting the due time: %w", err)
	}
	return false, w.save(ctx)
}

// step takes the request one state further. It reports whether there is more to do now.
func (w *work) step(ctx context.Context) (bool, error) {
	switch {
	case w.request.Withdrawal.Open():
		return w.withdraw(ctx)
	case w.request.State.ended() && w.request.Resend.Open():
		return w.resend(ctx)
	}
	switch w.request.State {
	case Received:
		return w.decide(ctx)
	case Approved:
		return w.approved(ctx)
	case Inviting:
		return w.invite(ctx)
	case Parked:
		return w.unpark(ctx)
	case Granting:
		return w.grant(ctx)
	default:
		return false, problem.New(problem.Internal, "no step leads on from state %s", w.request.State)
	}
}

// maxDecideAttempts is how often unreadable policy rows are tried again before a person is asked.
const maxDecideAttempts = 5

// decide reads the rows that can apply and lets policy decide.
func (w *work) decide(ctx context.Context) (bool, error) {
	decision, err := w.decider.Decide(ctx, w.request.Submission, w.config.Now())
	if err != nil {
		w.log.ErrorContext(ctx, "the policy rows can't be read", "attempt", w.request.Attempt, "error", err)
		if problem.CodeOf(err).Retryable() && w.request.Attempt+1 < maxDecideAttempts {
			return w.wait(ctx, down.after(w.request.Attempt, problem.From(err).RetryAfter), "rows-unreadable", "the policy rows could not be read; they will be tried again")
		}
		decision = policy.Unreadable(w.config.Now())
	}
	w.request.Decision = &decision
	switch decision.Action {
	case policy.Invite:
		if decision.Terms == nil {
			return false, problem.New(problem.Internal, "policy decided to invite without terms")
		}
		w.note(Inviting, "decided", decision.Reason)
		w.request.Grants = pending(decision.Terms.Groups)
		return true, w.save(ctx)
	case policy.Deny:
		w.note(Denied, "decided", decision.Reason)
		return w.finish(ctx)
	default:
		w.note(Review, "decided", decision.Reason)
		return w.finish(ctx)
	}
}

// approved goes on with what a person let in.
func (w *work) approved(ctx context.Context) (bool, error) {
	if w.request.Approval == nil {
		return false, problem.New(problem.Internal, "the request is approved without an approval")
	}
	w.request.Grants = pending(w.request.Approval.Terms.Groups)
	w.note(Inviting, "resumed", "the approved invitation is under way")
	return true, w.save(ctx)
}

// pending returns the grants of the groups, none of them made.
func pending(groups []string) []Grant {
	grants := make([]Grant, 0, len(groups))
	for _, group := range groups {
		grants = append(grants, Grant{Group: group, State: GrantPending})
	}
	return grants
}
