package workflow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// next says what a step leaves to be done.
type next int

const (
	stop    next = iota // nothing more can be done now
	again               // take the next step
	proceed             // go on within this step
)

// inOrder takes the parts of a step one after the other, up to the first that does not proceed.
func inOrder(ctx context.Context, parts ...func(context.Context) (next, error)) (next, error) {
	for _, part := range parts {
		n, err := part(ctx)
		if n != proceed || err != nil {
			return n, err
		}
	}
	return stop, nil
}

// job is one request in the hands of one call of a Worker. Events gather in memory until the next
// save, and every effect is preceded by one: nothing leaves the process before what led to it is
// stored.
type job struct {
	*Worker
	request.Change
	// resumed says that the request was in its present state when this call began, so that an
	// effect of that state may have been tried before.
	resumed bool
	// turnHasCome says that upkeep has resumed the parked request by the message.
	turnHasCome bool
	// unparked says that this call has resumed the request, which was parked.
	unparked bool
	// failed is the event by which the request failed, until it is saved.
	failed *request.Event
	// confirmed says that this call invited the guest, or that the directory has just confirmed the
	// guest to it.
	confirmed bool
	// contradicted says that the directory has named another holder of the address than the guest
	// of its answer to the invitation, so that it is asked again before it is believed.
	contradicted bool
	// wasEnded says that the request had ended when this call began.
	wasEnded bool
	// known says that the guest is one of an earlier call for this request, so that groups may have
	// been added before, whatever state it has been in since.
	known bool
	// broughtBy is the due time of the due entry that brought the message; zero without one.
	broughtBy time.Time
	// doubt is the intent of an earlier attempt to invite whose answer was lost, as long as the
	// directory shows no guest; zero without one. See request.Holdings.
	doubt time.Time
	// vanished is a guest that the directory did not show, and that may have come late.
	vanished struct {
		id     string
		origin request.Origin
	}
	// turn is the turn at the gate that was taken and neither used nor given back; see tellGate.
	turn admission
	used bool // the turn is used: the directory was asked to invite
	// counted is the gate with that turn.
	counted request.Gate
	// redeemURL is where the guest accepts, if this call has asked the directory for it. It is
	// neither stored nor logged.
	redeemURL string
	// mailbox is what is known about the mailbox, if this call has read it.
	mailbox *request.Mailbox
	// mailsFailed says that the gate of mails knew of failures when this call booked a mail.
	mailsFailed bool
	// unlist is since when the index of what waits for people has had the request, which has left
	// Review in memory; zero if it has not.
	unlist time.Time
	log    *slog.Logger
}

// newJob returns a job on the request.
func (w *Worker) newJob(r request.Request) *job {
	return &job{
		Worker: w,
		Change: request.Change{Request: r, Now: w.config.Now},
		log:    w.config.Log.With("request", r.ID),
	}
}

// transition moves the request to the state and records an event.
func (j *job) transition(state request.State, what, detail string) {
	before := j.Request.State
	j.Transition(state, what, detail)
	if state != before {
		j.resumed = false
	}
	j.trackReview(before)
	if state == request.Done && before != request.Done {
		j.oweInvitation()
	}
	if state == request.Failed && before != request.Failed {
		j.failed = &j.Events[len(j.Events)-1]
	}
}

// save stores the request with the events since the last save. A Conflict means that somebody else
// advanced it: the message comes again and finds what they did.
func (j *job) save(ctx context.Context) error {
	err := j.listReview(ctx)
	if err == nil {
		err = j.putNotices(ctx)
	}
	if err != nil {
		return err
	}
	events := j.Events
	err = j.Save(ctx, j.config.Store)
	if problem.CodeOf(err) == problem.Conflict && j.Request.State == request.Review {
		taken := j.takeBackListing(ctx)
		if taken != nil {
			return taken
		}
	}
	if err != nil {
		return err
	}
	for _, event := range events {
		j.log.InfoContext(ctx, "request "+event.What, "state", event.State, "detail", event.Detail)
	}
	if j.failed != nil {
		j.log.ErrorContext(ctx, LogFailed, "what", j.failed.What, "detail", j.failed.Detail)
	}
	j.failed = nil
	return j.unlistReview(ctx)
}

// goOn moves the request to the state, saves it, and lets the next step follow at once.
func (j *job) goOn(ctx context.Context, state request.State, what, detail string) (next, error) {
	j.transition(state, what, detail)
	return again, j.save(ctx)
}

// startInviting moves the request to Inviting, saves it, and lets the next step follow at once.
func (j *job) startInviting(ctx context.Context, what, detail string) (next, error) {
	err := j.StartInviting(what, detail)
	if err != nil {
		return stop, err
	}
	j.resumed = false
	return again, j.save(ctx)
}

// end moves the request to a state in which it has ended.
func (j *job) end(ctx context.Context, state request.State, what, detail string) (next, error) {
	j.transition(state, what, detail)
	return j.finish(ctx)
}

// finish saves a request that has ended, and removes the due entry that brought it here. Another
// due entry brings one more message, which removes it: it may be that of a person who is just
// taking the request up again.
func (j *job) finish(ctx context.Context) (next, error) {
	err := j.listReview(ctx)
	if err == nil {
		err = j.putNotices(ctx)
	}
	if err != nil {
		return stop, err
	}
	if j.onlyLooksLeft() {
		return j.awaitLook(ctx)
	}
	j.Request.Due = time.Time{}
	err = j.save(ctx)
	if err != nil {
		return stop, err
	}
	if !j.Request.AtRest() {
		return again, nil // a mail is still to be sent
	}
	if j.wasEnded {
		waits, err := j.giveBackEnded(ctx)
		if err != nil || waits {
			return stop, err
		}
	}
	return stop, j.stopWaiting(ctx, j.Request.ID, j.broughtBy)
}

// wait records an event and lets the request come back after d.
func (j *job) wait(ctx context.Context, d time.Duration, what, detail string) (next, error) {
	j.transition(j.Request.State, what, detail)
	return j.postpone(ctx, d)
}

// postpone is like pause, and counts as an attempt.
func (j *job) postpone(ctx context.Context, d time.Duration) (next, error) {
	j.Request.Attempt++
	return j.pause(ctx, d)
}

// pause saves the request so that it comes back after d, and does not count as an attempt. The due
// entry is written first: an entry without a waiting request does no harm, and a waiting request
// without an entry would wait for ever.
func (j *job) pause(ctx context.Context, d time.Duration) (next, error) {
	if j.Request.Version == "" {
		// A message for a request that is not recorded would remove the entry.
		err := j.save(ctx)
		if err != nil {
			return stop, err
		}
	}
	before, due := j.Request.Due, j.config.Now().Add(j.config.Jitter(d))
	j.Request.Due = due
	err := j.writeDue(ctx, due)
	if err != nil {
		err = fmt.Errorf("writing the due entry: %w", err)
		if j.Request.State == request.Parked {
			return stop, err
		}
		// The message comes again. What was tried counts, or it would be tried without end.
		j.Request.Due = before
		return stop, errors.Join(err, j.save(ctx))
	}
	err = j.save(ctx)
	if err != nil {
		// The entry says a time that is not stored, and may be a day away.
		return stop, errors.Join(err, j.bringBack(ctx, j.Request.ID, j.config.IntentLease))
	}
	return stop, nil
}

// writeDue writes the due entry of the request. If the request waits for its turn, the entry says
// what upkeep needs to know to resume it.
func (j *job) writeDue(ctx context.Context, due time.Time) error {
	if j.Request.WaitsForTurn() {
		return j.config.Store.Park(ctx, j.Request.ID, due, parkingOf(j.Request))
	}
	return j.config.Store.Wait(ctx, j.Request.ID, due)
}

// step takes the request one state further.
func (j *job) step(ctx context.Context) (next, error) {
	switch {
	case j.Request.State != request.Review && j.Request.ReviewUnsettled():
		return j.settleReview(ctx)
	case j.Request.Withdrawal.Open():
		return j.withdraw(ctx)
	case j.Request.State.Ended() && j.Request.Resend.Open():
		return j.resend(ctx)
	case j.Request.State.Ended() && j.Request.Owed != request.Owed{}:
		return j.payOwed(ctx)
	case j.onlyLooksLeft():
		return j.look(ctx)
	case j.Request.State == request.Review:
		return j.settleReview(ctx)
	}
	switch j.Request.State {
	case request.Received:
		return j.decide(ctx)
	case request.Proving:
		return j.prove(ctx)
	case request.Approved:
		return j.approved(ctx)
	case request.Inviting:
		return j.invite(ctx)
	case request.Parked:
		return j.unpark(ctx)
	case request.Granting:
		return j.grant(ctx)
	default:
		return stop, problem.New(problem.Internal, "no step leads on from state %s", j.Request.State)
	}
}

// claim makes the request the owner of its address, unless the address has an owner, and returns
// the claim as it then is. One that it makes counts the mail that is about to be sent, if mails
// says so.
func (j *job) claim(ctx context.Context, mails bool) (claim request.Claim, created bool, err error) {
	made := request.NewClaim(j.Request.ID, j.config.Now())
	if mails {
		made = made.Mailed(made.IntentAt)
	}
	claim, created, err = j.config.Store.Claim(ctx, j.Request.Submission.Email, made)
	if err != nil {
		return claim, false, fmt.Errorf("claiming the address: %w", err)
	}
	return claim, created, nil
}

// changeClaim stores what change makes of the claim on the address of the request.
func (j *job) changeClaim(ctx context.Context, claim *request.Claim, doing string,
	change func(request.Claim) (request.Claim, error)) error {
	changed, err := change(*claim)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	updated, err := j.config.Store.UpdateClaim(ctx, j.Request.Submission.Email, changed)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	*claim = updated
	return nil
}

// begun writes the intent to invite as of now.
func (j *job) begun(claim request.Claim) (request.Claim, error) { return claim.Begin(j.config.Now()) }

// unchanged returns the request as it is stored now, with a Conflict if this call knows it
// differently.
func (j *job) unchanged(ctx context.Context) (request.Request, error) {
	present, err := j.config.Store.Load(ctx, j.Request.ID)
	if err != nil {
		return request.Request{}, fmt.Errorf("loading the request again: %w", err)
	}
	if present.Version != j.Request.Version {
		return present, problem.New(problem.Conflict, "request %s was changed meanwhile", j.Request.ID)
	}
	return present, nil
}
