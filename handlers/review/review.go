package review

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// underWay is how long after its intent an invitation may still be under way, with a minute for
// clocks that differ.
const underWay = request.LongestAttempt + time.Minute

// endTimeout is how long it may take to end a request while its claim is held. The worker waits
// longer (GUESTLIST_INTENT_LEASE, two minutes) before it asks the directory about the intent.
const endTimeout = time.Minute

// Config is what a Reviewer is made of. All of it is required.
type Config struct {
	Store       request.Store
	Seats       request.Seats
	Records     request.Records
	MailStore   request.MailStore
	DeadLetters request.DeadLetterStore
	Now         func() time.Time
	By          string // the identity that the person signed in with
}

// Reviewer lets a person decide about requests. A decision is stored with the person's identity;
// the worker carries it out at the next upkeep.
//
// Approve is about the request as the person has seen it. The other methods take an id, and are
// about the request as they find it: they need nothing that the person has to have seen.
//
// Errors are *problem.Error: NotFound for an unknown request; InvalidInput, with a text for the
// person, if the state of the request does not allow the decision or the words are missing;
// Conflict if somebody else was faster; StorageUnavailable.
type Reviewer struct {
	config Config
}

// New returns a Reviewer, or an error that names what is missing.
func New(config Config) (*Reviewer, error) {
	if config.Store == nil || config.Seats == nil || config.Records == nil ||
		config.MailStore == nil || config.DeadLetters == nil || config.Now == nil {
		return nil, errors.New("review: Config must have Store, Seats, Records, MailStore, DeadLetters and Now")
	}
	if strings.TrimSpace(config.By) == "" {
		return nil, errors.New("review: Config.By is missing: a decision needs the name of who made it")
	}
	return &Reviewer{config}, nil
}

// Approve decides to invite the guest of a request in Review, on the given terms. shown is the
// request as the person has seen it. If it has changed since, the error is a Conflict: an objection
// may have come up that nobody has looked at. note may be empty.
func (v *Reviewer) Approve(
	ctx context.Context, shown request.Request, terms policy.Terms, note string,
) (request.Request, error) {
	words, err := request.CheckWords("note", note, false)
	if err != nil {
		return request.Request{}, err
	}
	from := []request.State{request.Review}
	return v.change(ctx, shown.ID, "be approved", from, func(c *request.Change) error {
		if c.Request.Version != shown.Version {
			return changedMeanwhile(shown.ID)
		}
		c.Request.Approval = &request.Approval{
			By: v.config.By, At: v.config.Now().UTC(), Note: words, Terms: terms, Saw: c.Request.Objection,
		}
		c.Transition(request.Approved, "approved", "approved by an admin")
		c.Sign(v.config.By)
		return nil
	})
}

// Deny ends a request without an invitation: one in Review, or one that has not led to a guest and
// waits.
func (v *Reviewer) Deny(ctx context.Context, id submission.ID, reason string) (request.Request, error) {
	words, err := request.CheckWords("reason", reason, true)
	if err != nil {
		return request.Request{}, err
	}
	return v.end(ctx, id, "be denied", waiting, func(c *request.Change) {
		c.Transition(request.Denied, "denied", "denied by an admin")
		c.Sign(v.config.By)
		c.Request.Words = words
	})
}

// Cancel ends a request that has not led to a guest and waits, whatever for: a person, the tenant,
// the directory's answer, or its turn. It is refused for the few minutes in which an invitation may
// be under way. If nobody knows what came of one, the worker finds out later, and the history says
// so.
func (v *Reviewer) Cancel(ctx context.Context, id submission.ID, reason string) (request.Request, error) {
	words, err := request.CheckWords("reason", reason, true)
	if err != nil {
		return request.Request{}, err
	}
	return v.cancel(ctx, id, Cancellable(), words)
}

// cancel is Cancel for a request in one of the states, with words that were checked.
func (v *Reviewer) cancel(
	ctx context.Context, id submission.ID, from []request.State, words string,
) (request.Request, error) {
	return v.end(ctx, id, "be cancelled", from, func(c *request.Change) {
		c.Transition(request.Cancelled, "cancelled", "cancelled by an admin")
		c.Sign(v.config.By)
		c.Request.Words = words
	})
}

// Retry goes on with a failed request where it failed; see [request.Change.Retry].
func (v *Reviewer) Retry(ctx context.Context, id submission.ID) (request.Request, error) {
	return v.act(ctx, id, func(c *request.Change) error { return c.Retry(v.config.By) })
}

// Resend lets the app send a mail again; see [request.Change.WishMail]. The history says what came
// of it.
func (v *Reviewer) Resend(ctx context.Context, id submission.ID) (request.Request, error) {
	return v.act(ctx, id, func(c *request.Change) error { return c.WishMail(v.config.By) })
}

// Erase lets the app end the request, if it has not ended, and erase the personal data in every
// table. It can't be undone. The decision and what came of it stay. The app forgets what is known
// about the mailbox, too.
//
// It is possible in every state, and may be repeated. It takes the place of a partner's withdrawal
// that is not carried out yet, which would leave what is known about the mailbox. Of a request that
// is erased already it forgets at once which mails the address has had, with its mailbox, as far as
// the claim on the address still tells.
//
// It also erases a request that can't be read, of which the result has the ID and the Withdrawal
// only. The claim on the address stays as long as the request can't be read.
func (v *Reviewer) Erase(ctx context.Context, id submission.ID) (request.Request, error) {
	r, err := v.config.Store.Load(ctx, id)
	switch {
	case problem.CodeOf(err) == problem.RecordUnreadable:
		return v.eraseUnreadable(ctx, id)
	case err != nil:
		return request.Request{}, fmt.Errorf("loading the request: %w", err)
	case !r.Erased.IsZero():
		return v.forgetMailsOf(ctx, r)
	}
	return v.actOn(ctx, r, func(c *request.Change) error {
		if c.Request.Withdrawal.ByPerson() {
			return nil // a person wants that already
		}
		c.Request.Withdrawal = request.Instruction{At: v.config.Now().UTC(), By: v.config.By}
		c.Record("erasure-wished", "an admin wants the personal data erased")
		c.Sign(v.config.By)
		return nil
	})
}

// forgetMailsOf forgets the mails of an erased request.
func (v *Reviewer) forgetMailsOf(ctx context.Context, r request.Request) (request.Request, error) {
	forgotten, err := v.config.Records.ForgetMails(ctx, request.Mails{Owner: r.ID}, 1)
	if err != nil {
		return request.Request{}, fmt.Errorf("forgetting the mails: %w", err)
	}
	if forgotten == 0 {
		return r, nil
	}
	c := &request.Change{Request: r, Now: v.config.Now}
	c.Record("mails-forgotten", "nothing is kept any more of the mails that the address had")
	c.Sign(v.config.By)
	saved, err := v.config.Store.Save(ctx, c.Request, c.Events)
	if err != nil {
		return request.Request{}, fmt.Errorf("saving the request: %w", err)
	}
	return saved, nil
}

// eraseUnreadable erases the personal data of a request that can't be read, at once, and the dead
// letters about it, which may have what was submitted. The worker ends the request, and gives back
// what it holds, once it can be read. It returns what is known of it. The due entry is written
// before, as in save.
func (v *Reviewer) eraseUnreadable(ctx context.Context, id submission.ID) (request.Request, error) {
	now := v.config.Now().UTC()
	err := v.config.Store.Wait(ctx, id, now.Add(request.ChangeTimeout))
	if err != nil {
		return request.Request{}, fmt.Errorf("writing the due entry: %w", err)
	}
	wish := request.Instruction{At: now, By: v.config.By}
	err = v.config.Store.EraseUnreadable(ctx, id, request.Erasure{Wish: wish, Data: true})
	if err != nil {
		return request.Request{}, fmt.Errorf("erasing a request that can't be read: %w", err)
	}
	// From now on the worker keeps no letter about the request.
	_, err = request.DropDeadLetters(ctx, v.config.DeadLetters, func(letter request.DeadLetter) bool {
		return letter.About(id)
	})
	if err != nil {
		return request.Request{}, err
	}
	err = v.config.Store.Wait(ctx, id, now)
	if err != nil {
		return request.Request{}, fmt.Errorf("writing the due entry (the personal data is erased): %w", err)
	}
	return request.Request{ID: id, Withdrawal: wish}, nil
}

// Traces is what was kept of an address besides the records of its requests.
type Traces struct {
	Mails       bool // which mails the address has had, or what is known about its mailbox
	DeadLetters int  // that name the address
}

// Any reports whether there was anything.
func (t Traces) Any() bool { return t != Traces{} }

// ForgetAddress forgets what is kept of an address besides the records of its requests, and returns
// what that was. The places that can hold an address, or its hash, are these:
//
//   - the record of a request: Erase
//   - the claim on the address, and what is known about its mailbox: the worker removes both when
//     it erases a request as a person wishes, and ForgetAddress what requests have left that were
//     withdrawn, which no longer say whose they were
//   - dead letters: the worker removes those that name the address or the request when it erases
//     one, and ForgetAddress those that name the address
//   - policy rows: only admins change them
//   - the messages on the queues: the host removes them after days at most
//
// Nothing else may hold an address: no history, no list of what waits, no counters of rows.
func (v *Reviewer) ForgetAddress(ctx context.Context, address submission.Address) (found Traces, err error) {
	dropped, err := request.DropDeadLetters(ctx, v.config.DeadLetters, func(letter request.DeadLetter) bool {
		return letter.Names(address)
	})
	found.DeadLetters = dropped
	if err != nil {
		return found, err
	}
	forgotten, err := v.config.Records.ForgetMails(ctx, request.Mails{Address: address}, 1)
	if err != nil {
		return found, fmt.Errorf("forgetting the mails of an address: %w", err)
	}
	found.Mails = forgotten > 0
	mailbox, err := v.config.MailStore.Mailbox(ctx, address)
	known := err != nil || mailbox != request.Mailbox{}
	if err != nil && problem.CodeOf(err) != problem.RecordUnreadable {
		return found, fmt.Errorf("reading what is known about the mailbox: %w", err)
	}
	err = v.config.MailStore.DropMailbox(ctx, address)
	if err != nil {
		return found, fmt.Errorf("forgetting the mailbox: %w", err)
	}
	found.Mails = found.Mails || known
	return found, nil
}

// change applies decide to a request in one of the states, and makes it due. outcome completes the
// sentence "only one in state … can".
func (v *Reviewer) change(ctx context.Context, id submission.ID, outcome string, from []request.State, decide func(*request.Change) error) (request.Request, error) {
	return v.act(ctx, id, func(c *request.Change) error {
		err := c.Request.MayChange(outcome, from...)
		if err != nil {
			return err
		}
		return decide(c)
	})
}

// act applies decide to a request, and makes it due.
func (v *Reviewer) act(ctx context.Context, id submission.ID, decide func(*request.Change) error) (request.Request, error) {
	r, err := v.config.Store.Load(ctx, id)
	if err != nil {
		return request.Request{}, fmt.Errorf("loading the request: %w", err)
	}
	return v.actOn(ctx, r, decide)
}

// actOn is act for a request as it was loaded.
func (v *Reviewer) actOn(
	ctx context.Context, r request.Request, decide func(*request.Change) error,
) (request.Request, error) {
	c := &request.Change{Request: r, Now: v.config.Now}
	err := decide(c)
	if err != nil {
		return request.Request{}, err
	}
	err = c.SaveDue(ctx, v.config.Store)
	if problem.CodeOf(err) == problem.Conflict {
		return request.Request{}, changedMeanwhile(r.ID)
	}
	if err != nil {
		return request.Request{}, err
	}
	return c.Request, nil
}

// changedMeanwhile returns the Conflict of a person's act on a request that was changed by somebody
// else before.
func changedMeanwhile(id submission.ID) error {
	return problem.New(problem.Conflict, "request %s has changed in the meantime; look at it again", id)
}

// waiting are the states in which nobody has been invited yet, as far as the record knows.
var waiting = []request.State{
	request.Received, request.Proving, request.Review, request.Approved, request.Inviting, request.Parked,
}

// end stores a change that ends a request without a guest. The claim on the address is held before,
// so that the worker invites nobody meanwhile, and given back after. A due entry lets the worker do
// that if this process ends in between, or if it can't.
func (v *Reviewer) end(
	ctx context.Context, id submission.ID, outcome string, from []request.State, change func(*request.Change),
) (request.Request, error) {
	changing, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	var address submission.Address
	var held, was request.Claim
	ended, err := v.change(changing, id, outcome, from, func(c *request.Change) (err error) {
		address = c.Request.Submission.Email
		if c.Request.State != request.Review { // nobody is invited from there
			held, was, err = v.hold(changing, c.Request)
		}
		change(c)
		return err
	})
	switch {
	case held.State == request.ClaimFree:
		return ended, err
	case err != nil:
		return ended, errors.Join(err, v.letGo(ctx, address, held, was))
	}
	holdings := request.Holdings{Store: v.config.Store, Seats: v.config.Seats, Now: v.config.Now}
	_ = holdings.GiveBack(ctx, ended, held, request.SeatAndClaim, time.Time{}) // else the due entry is there
	return ended, nil
}

// letGo gives a claim that was held the state that it had before.
func (v *Reviewer) letGo(ctx context.Context, address submission.Address, held, was request.Claim) (err error) {
	switch was.State {
	case request.ClaimFree:
		return v.config.Store.Release(ctx, address, held)
	case request.ClaimMails:
		held, err = held.KeepMails()
	default:
		held, err = held.NotSent(time.Time{})
	}
	if err == nil {
		_, err = v.config.Store.UpdateClaim(ctx, address, held)
	}
	return err
}

// hold adds an intent to the claim of a request that a person is about to end. It returns the claim
// as it is now and as it was. While the intent is fresh, the worker invites nobody under the claim.
//
// It returns no claim if the worker has to find out what to give back: if the claim belongs to
// another request, or if the result of an old invitation is not known. It is refused if there is a
// guest, or may soon be one.
func (v *Reviewer) hold(ctx context.Context, r request.Request) (held, was request.Claim, err error) {
	none := request.Claim{}
	if r.GuestID != "" {
		return none, none, problem.Refuse("request %s has led to a guest already; ending it would not undo that", r.ID)
	}
	// It counts once the change is stored.
	err = v.config.Store.Wait(ctx, r.ID, v.config.Now().Add(request.ChangeTimeout))
	if err != nil {
		return none, none, fmt.Errorf("writing the due entry: %w", err)
	}
	now := v.config.Now()
	claim, created, err := v.config.Store.Claim(ctx, r.Submission.Email, request.NewClaim(r.ID, now))
	switch {
	case err != nil:
		return none, none, fmt.Errorf("claiming the address: %w", err)
	case created:
		return claim, none, nil
	case claim.Owner != r.ID:
		return none, none, nil
	case claim.State == request.ClaimSent:
		return none, none, problem.Refuse("the invitation of request %s was just sent; ending it would not undo that", r.ID)
	case claim.UnderWay(now, underWay):
		return none, none, problem.Refuse("an invitation of request %s may be under way; try again in some minutes", r.ID)
	case !claim.IntentAt.IsZero():
		return none, none, nil
	}
	held, err = claim.Begin(now)
	if err == nil {
		held, err = v.config.Store.UpdateClaim(ctx, r.Submission.Email, held)
	}
	if err != nil {
		return none, none, fmt.Errorf("holding the claim: %w", err)
	}
	return held, claim, nil
}
