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

// Config is what a Worker is made of. All is required but Channels, DecideWithin, GroupNames,
// GuestsDecide, Log, Mails, Notices, Operators, Parse, Pressure, Pace, ProofByDefault, ProofLasts,
// Retention and Reviewers.
type Config struct {
	Store       request.Store
	Rows        request.Rows
	Seats       request.Seats
	Gates       request.GateStore
	DeadLetters request.DeadLetterStore
	Records     request.Records
	Queues      request.Queues
	Strays      request.StrayStore
	Directory   request.Directory
	Users       request.Users
	MailStore   request.MailStore
	Reviews     request.Reviews
	People      request.People
	// Mails sends the app's own mails; nil if it sends none. Then the directory sends its own.
	Mails *Mails
	// Notices tells those who decide what waits for them; nil if nobody is told.
	Notices *Notices
	// GroupNames keeps the names of the groups that policy rows name; nil if nobody is shown them.
	GroupNames request.GroupNames
	// Channels get the notices of all kinds, each with a name of its own. They need Notices.
	Channels []request.Channel
	// ProofByDefault says that a proof of the mailbox is needed unless the policy row says
	// otherwise.
	ProofByDefault bool
	// ProofLasts is how long a proof counts for later requests for the address.
	ProofLasts time.Duration
	// Reviewers is the object id of the group whose members decide any request; empty for none.
	Reviewers string
	// Operators is the object id of the group whose members may give orders; empty if nobody may.
	Operators string
	// GuestsDecide lets guests of the tenant decide as others do.
	GuestsDecide bool
	// DecideWithin is the number of days after which a request expires that waits for a person,
	// unless its policy row says another; 0 is for ever.
	DecideWithin int
	// Pace is how fast invitations may be sent. The zero Pace has no limits.
	Pace request.Pace
	// Pressure is told by the directory how much of its limits is used; nil if it tells nobody.
	Pressure *Pressure
	// Retention is how long a finished request keeps its personal data; 0 is for ever.
	Retention time.Duration
	// Parse reads a policy row. Default: by a cache of the Worker's own.
	Parse func(policy.Raw) policy.Row
	// RedirectURL is where guests land whose row names no address.
	RedirectURL string
	// IntentLease is how long an invitation that was begun and not finished is left alone, in case
	// another instance is still at it or the directory does not show the guest yet. No attempt
	// lasts longer than half of it.
	IntentLease time.Duration
	Now         func() time.Time
	// Sleep waits for a short time inside a step, or until ctx ends.
	Sleep func(ctx context.Context, d time.Duration) error
	// Jitter spreads a waiting time, so that what failed together does not come back together.
	Jitter func(d time.Duration) time.Duration
	Log    *slog.Logger
}

// cachedRows is how many policy rows a Worker remembers with their conditions compiled: all of any
// decision.
const cachedRows = policy.MaxDecisionRows

// Worker advances requests. Its own state only saves work: any number of Workers may share a store.
type Worker struct {
	config  Config
	decider request.Decider

	heldUntil atomic.Int64 // until when the directory wants to be left alone, in nanoseconds; see held
	degraded  atomic.Bool  // whether LogDegraded is written
	blind     atomic.Bool  // whether the app may not read users, by the last answer to a question
	// blindToDeleted is the same for the users that were deleted lately.
	blindToDeleted atomic.Bool
	resumption     resumption
	accepted       atomic.Int64 // invitations that were accepted and are not in Gate.Accepted yet
	suspected      atomic.Bool  // whether the gate had witnesses when it was last read
	booked         atomic.Int64 // turns of mails that were asked for
	proofKey       atomic.Pointer[request.ProofKey]
	redeemURLs     redeemURLs
	groups         throttledGroups
	channels       channelHolds
	recent         recentLetters
	putBacks       putBacks
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
	need(config.DeadLetters != nil, "DeadLetters")
	need(config.Records != nil, "Records")
	need(config.Queues != nil, "Queues")
	need(config.Strays != nil, "Strays")
	need(config.Directory != nil, "Directory")
	need(config.Users != nil, "Users")
	need(config.MailStore != nil, "MailStore")
	need(config.Reviews != nil, "Reviews")
	need(config.People != nil, "People")
	if m := config.Mails; m != nil {
		need(m.Mailer != nil, "Mails.Mailer")
		need(m.Letters != nil, "Mails.Letters")
		need(m.Quota.PerMinute > 0 && m.Quota.PerHour > 0, "Mails.Quota")
		need(m.Random != nil, "Mails.Random")
	}
	if n := config.Notices; n != nil {
		need(n.Outbox != nil, "Notices.Outbox")
		need(n.Origin != "", "Notices.Origin")
		need(n.Random != nil, "Notices.Random")
	}
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
	decider := request.Decider{
		Rows: config.Rows, Strays: request.StrayFinder{Store: config.Strays}, Seats: config.Seats, Parse: config.Parse,
	}
	return &Worker{config: config, decider: decider}, nil
}

// Advance takes the request of the message as far as it will go now: to an end, to a wait that is
// stored, or to a person. After nil nothing depends on the message any more. After an error the
// message must come again; what was done until then is stored, and doing it again does no harm.
//
// A request that can't be read, or that needs something that can't be read, waits until it can.
func (w *Worker) Advance(ctx context.Context, message submission.Message) error {
	err := w.advance(ctx, message)
	if problem.CodeOf(err) == problem.RecordUnreadable {
		return w.setAside(ctx, "", message, err)
	}
	return err
}

func (w *Worker) advance(ctx context.Context, message submission.Message) error {
	j, err := w.open(ctx, message)
	if err != nil || j == nil {
		return err
	}
	err = j.record(ctx, message)
	if err != nil {
		return fmt.Errorf("recording the %s of request %s: %w", message.Kind, message.ID, err)
	}
	if message.Kind != submission.Advance && !j.wishDue(message.Kind) {
		return nil
	}
	for n := again; n == again && !j.Request.AtRest(); {
		n, err = j.step(ctx)
		if err != nil {
			return fmt.Errorf("advancing request %s in state %s: %w", message.ID, j.Request.State, err)
		}
	}
	return nil
}

// record records the wish in the message, if it is one that changes anything.
func (j *job) record(ctx context.Context, message submission.Message) error {
	switch message.Kind {
	case submission.Resend:
		return j.recordResend(ctx, message.Returned)
	case submission.Withdraw:
		return j.recordWithdrawal(ctx)
	case submission.Prove:
		return j.recordCode(ctx, message.Code)
	default:
		return nil
	}
}

// wishDue reports whether the wish of the kind is recorded and due. Only then may its message step
// the request: anybody with the link may send it, at any time and any number of times, so it must
// not be an attempt at what the request waits for.
func (j *job) wishDue(kind submission.Kind) bool {
	r := j.Request
	open := r.Resend.Open() || r.Owed != request.Owed{} // which a wish may have become
	switch kind {
	case submission.Withdraw:
		open = r.Withdrawal.Open()
	case submission.Prove:
		return j.codeMovesOn()
	}
	return open && !r.Due.After(j.config.Now())
}

// open loads the request of the message, or starts one from the submission in the message. It
// returns nil if there is nothing to do now.
func (w *Worker) open(ctx context.Context, message submission.Message) (*job, error) {
	r, err := w.config.Store.Load(ctx, message.ID)
	if problem.CodeOf(err) == problem.NotFound {
		return w.start(ctx, message)
	}
	if err != nil {
		return nil, fmt.Errorf("loading request %s: %w", message.ID, err)
	}
	if r.State == request.Void {
		return nil, w.advanceVoid(ctx, r, message)
	}
	j := w.newJob(r)
	resumed := message.Resumed && w.config.Now().Sub(message.Due) < resumedFor
	switch {
	case message.Kind != submission.Advance:
	case r.AtRest():
		// A process that ended between two writes may have left a seat, a claim and a due entry.
		err = w.mendReview(ctx, r)
		if err != nil {
			return nil, err
		}
		waits, err := j.giveBackEnded(ctx)
		if err != nil || waits {
			return nil, err
		}
		return nil, w.stopWaiting(ctx, message.ID, message.Due)
	case r.Due.After(w.config.Now()) && !(resumed && r.WaitsForTurn()):
		// The message is early or doubled; the due entry brings the request back in time. A parked
		// request that went on now would take the turn of an older one.
		err = w.mendReview(ctx, r)
		if err != nil || message.Due.IsZero() {
			return nil, err
		}
		// The due entry may say an earlier time than the record, and would bring it again and
		// again.
		err = j.writeDue(ctx, r.Due)
		if err != nil {
			return nil, fmt.Errorf("postponing request %s, which came early: %w", r.ID, err)
		}
		return nil, nil
	default:
		j.broughtBy, j.turnHasCome = message.Due, resumed
	}
	j.resumed, j.wasEnded = true, r.State.Ended()
	return j, nil
}

// start returns a job on a request that is not recorded yet, nil if the message does not make one.
func (w *Worker) start(ctx context.Context, message submission.Message) (*job, error) {
	now := w.config.Now()
	switch {
	case message.Kind == submission.Withdraw && mayPrecede(message, now):
		return nil, w.void(ctx, message.ID)
	case message.Submission == nil:
		w.config.Log.WarnContext(ctx, "a message asks to advance a request that is not recorded; nothing to do", "request", message.ID)
		return nil, w.stopWaiting(ctx, message.ID, message.Due)
	}
	j := w.newJob(request.Request{
		ID: message.ID, State: request.Received, Since: now, Created: now, Submission: *message.Submission,
	})
	j.transition(request.Received, "received", "the submission was taken from the queue")
	return j, nil
}

// stopWaiting removes the due entry of the request that says due; nothing for a zero due.
func (w *Worker) stopWaiting(ctx context.Context, id submission.ID, due time.Time) error {
	if due.IsZero() {
		return nil
	}
	err := w.config.Store.StopWaiting(ctx, id, due)
	if err != nil {
		return fmt.Errorf("removing the due entry of request %s: %w", id, err)
	}
	return nil
}
