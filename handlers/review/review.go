package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// underWay is how long an invitation that was begun may be under way: the longest lease that the
// settings allow.
const underWay = time.Hour

// maxWords is the longest reason or note of a person, in characters.
const maxWords = 500

// Config is what a Reviewer is made of. All of it is required.
type Config struct {
	Store   request.Store
	Seats   request.Seats
	Records request.Records
	Now     func() time.Time
	// By is the identity of the person, as signed in. It is kept with what the person decides.
	By string
}

// Reviewer is where a person decides on requests. Whatever a person decides is stored with the
// person's identity; what has to be done then is done by the state machine, at the next upkeep.
//
// Errors are *problem.Error: NotFound for an unknown request; InvalidInput, with a text for the
// person, where the request is in no state to be decided on or the words are missing; Conflict
// where somebody else was faster; StorageUnavailable.
type Reviewer struct {
	config Config
}

// New returns a Reviewer, or an error that names what is missing.
func New(config Config) (*Reviewer, error) {
	switch {
	case config.Store == nil:
		return nil, errors.New("review: Config.Store is missing")
	case config.Seats == nil:
		return nil, errors.New("review: Config.Seats is missing")
	case config.Records == nil:
		return nil, errors.New("review: Config.Records is missing")
	case config.Now == nil:
		return nil, errors.New("review: Config.Now is missing")
	case strings.TrimSpace(config.By) == "":
		return nil, errors.New("review: Config.By is missing: a decision needs the name of who made it")
	}
	return &Reviewer{config}, nil
}

// Approve lets the guest of a request in Review in, on the given terms. note may be empty.
func (v *Reviewer) Approve(ctx context.Context, id submission.ID, terms policy.Terms, note string) (request.Request, error) {
	words, err := said("note", note, false)
	if err != nil {
		return request.Request{}, err
	}
	return v.change(ctx, id, "be approved", []request.State{request.Review}, func(c *request.Change) error {
		c.Request.Approval = &request.Approval{By: v.config.By, At: v.config.Now().UTC(), Note: words, Terms: terms}
		c.Transition(request.Approved, "approved", "approved by "+v.config.By)
		return nil
	})
}

// Deny ends a request in Review without an invitation.
func (v *Reviewer) Deny(ctx context.Context, id submission.ID, reason string) (request.Request, error) {
	words, err := said("reason", reason, true)
	if err != nil {
		return request.Request{}, err
	}
	return v.change(ctx, id, "be denied", []request.State{request.Review}, func(c *request.Change) error {
		c.Transition(request.Denied, "denied", "denied by "+v.config.By)
		c.Request.Words = words
		return nil
	})
}

// Cancel ends a request that has not led to a guest and is not being worked on.
func (v *Reviewer) Cancel(ctx context.Context, id submission.ID, reason string) (request.Request, error) {
	words, err := said("reason", reason, true)
	if err != nil {
		return request.Request{}, err
	}
	return v.change(ctx, id, "be cancelled", []request.State{request.Review, request.Approved, request.Parked, request.Failed}, func(c *request.Change) error {
		if c.Request.GuestID != "" {
			return refuse("request %s has led to a guest already; cancelling it would not undo that", id)
		}
		err := v.giveBack(ctx, c.Request)
		if err != nil {
			return err
		}
		c.Transition(request.Cancelled, "cancelled", "cancelled by "+v.config.By)
		c.Request.Words = words
		return nil
	})
}

// Retry takes up a failed request where it failed: at the decision, the invitation, or the grants
// that were refused.
func (v *Reviewer) Retry(ctx context.Context, id submission.ID) (request.Request, error) {
	return v.change(ctx, id, "be taken up again", []request.State{request.Failed}, func(c *request.Change) error {
		next := request.Received
		switch {
		case c.Request.GuestID != "":
			next = request.Granting
			for i, grant := range c.Request.Grants {
				if grant.State == request.GrantFailed {
					c.Request.Grants[i] = request.Grant{Group: grant.Group, State: request.GrantPending}
				}
			}
		case c.Request.Terms() != nil:
			next = request.Inviting
		}
		c.Transition(next, "retried", "taken up again by "+v.config.By)
		return nil
	})
}

// Resend lets the app send the mail of the invitation again, as soon as the guest's rest from mails
// and the pace allow: it looks whether the guest is still pending, and the history says what came
// of it.
func (v *Reviewer) Resend(ctx context.Context, id submission.ID) (request.Request, error) {
	return v.change(ctx, id, "have its mail sent again", []request.State{request.Done, request.Failed}, func(c *request.Change) error {
		why := c.Request.NoMail()
		if why != "" {
			return refuse("request %s: %s", id, why)
		}
		if !c.Request.Resend.Open() {
			c.Request.Resend = request.Instruction{At: v.config.Now().UTC(), By: v.config.By}
			c.Record("resend-wished", v.config.By+" wants the mail sent again")
		}
		return nil
	})
}

// Erase lets the app end the request, if it has not ended, and erase the personal data in every
// table. It can't be undone. The decision, and what came of it, stay. Of a request that its partner
// has withdrawn, it forgets at once which mails the address had.
func (v *Reviewer) Erase(ctx context.Context, id submission.ID) (request.Request, error) {
	r, err := v.config.Store.Load(ctx, id)
	if err != nil {
		return request.Request{}, fmt.Errorf("loading the request: %w", err)
	}
	if !r.Erased.IsZero() {
		forgotten, err := v.config.Records.ForgetMails(ctx, request.Mails{Owner: id}, 1)
		if err != nil {
			return request.Request{}, fmt.Errorf("forgetting the mails: %w", err)
		}
		if forgotten == 0 {
			return request.Request{}, refuse("request %s is erased already", id)
		}
		c := &request.Change{Request: r, Now: v.config.Now}
		c.Record("mails-forgotten", "by "+v.config.By+": nothing is kept any more of the mails that the address had")
		saved, err := v.config.Store.Save(ctx, c.Request, c.Events)
		if err != nil {
			return request.Request{}, fmt.Errorf("saving the request: %w", err)
		}
		return saved, nil
	}
	return v.change(ctx, id, "be erased", request.States(), func(c *request.Change) error {
		c.Request.Withdrawal = request.Instruction{At: v.config.Now().UTC(), By: v.config.By}
		c.Record("erasure-wished", v.config.By+" wants the personal data erased")
		return nil
	})
}

// ForgetMails forgets which mails the address had by requests that were withdrawn since, and
// reports whether there were any. It is for who erases all that is kept of an address: the requests
// themselves no longer say whose they were.
func (v *Reviewer) ForgetMails(ctx context.Context, address submission.Address) (bool, error) {
	forgotten, err := v.config.Records.ForgetMails(ctx, request.Mails{Address: address}, 1)
	if err != nil {
		return false, fmt.Errorf("forgetting the mails of an address: %w", err)
	}
	return forgotten > 0, nil
}

// change applies decide to the request if it stands in one of the states, and lets the state
// machine look at it soon. outcome is what it would come to, as the end of a sentence.
func (v *Reviewer) change(ctx context.Context, id submission.ID, outcome string, from []request.State, decide func(*request.Change) error) (request.Request, error) {
	r, err := v.config.Store.Load(ctx, id)
	if err != nil {
		return request.Request{}, fmt.Errorf("loading the request: %w", err)
	}
	switch {
	case !r.Erased.IsZero():
		return request.Request{}, refuse("the personal data of request %s is erased, so nothing more can be done with it", id)
	case r.Withdrawal.Open():
		return request.Request{}, refuse("request %s is withdrawn, and is about to be erased", id)
	}
	if !slices.Contains(from, r.State) {
		return request.Request{}, refuse("request %s is %s; only one in state %s can %s", id, r.State, list(from), outcome)
	}
	c := &request.Change{Request: r, Now: v.config.Now}
	err = decide(c)
	if err != nil {
		return request.Request{}, err
	}
	now := v.config.Now()
	c.Request.Due = time.Time{}
	goesOn := !c.Request.AtRest()
	if goesOn {
		// First, as in every wait, and for later: what this note brings must find the change. It counts
		// only if the command ends in between.
		c.Request.Due = now
		err = v.config.Store.Wait(ctx, id, now.Add(request.ChangeTimeout))
		if err != nil {
			return request.Request{}, fmt.Errorf("noting the due time: %w", err)
		}
	}
	if v.config.Now().Sub(now) > request.ChangeTimeout/2 {
		return request.Request{}, problem.New(problem.StorageUnavailable, "noting the due time took too long; try again")
	}
	saving, cancel := context.WithTimeout(ctx, request.ChangeTimeout/2)
	defer cancel()
	err = c.Save(saving, v.config.Store)
	if err != nil {
		return request.Request{}, err
	}
	if goesOn {
		err = v.config.Store.Wait(ctx, id, now)
		if err != nil {
			return request.Request{}, fmt.Errorf("noting that the request is due now (it is changed, and goes on within %v): %w", request.ChangeTimeout, err)
		}
	}
	return c.Request, nil
}

// giveBack gives back the seat and the claim of a request that will invite nobody. While the claim
// stands without an intent, the worker sends nothing for the request without changing it, and then
// giving it back fails.
func (v *Reviewer) giveBack(ctx context.Context, r request.Request) error {
	claim, created, err := v.config.Store.Claim(ctx, r.Submission.Email, r.ID, v.config.Now())
	if err != nil {
		return fmt.Errorf("claiming the address: %w", err)
	}
	part := request.SeatClaimAndMails
	switch {
	case claim.Owner != r.ID:
		part = request.Seat
	case created:
	case claim.GuestID != "" || v.config.Now().Sub(claim.IntentAt) < underWay:
		return refuse("an invitation of request %s may be under way or sent; try again in an hour", r.ID)
	case !claim.IntentAt.IsZero():
		// Nobody knows what came of an invitation that was begun long ago.
		part = request.Seat
	}
	holdings := request.Holdings{Store: v.config.Store, Seats: v.config.Seats}
	return holdings.GiveBack(ctx, r, claim, part, time.Time{})
}

// said checks a person's words and returns them on one line.
func said(what, words string, required bool) (string, error) {
	words = strings.Join(strings.Fields(words), " ")
	switch {
	case words == "" && required:
		return "", refuse("a %s is needed", what)
	case words == "":
		return "", nil
	case utf8.RuneCountInString(words) > maxWords || !utf8.ValidString(words):
		return "", refuse("the %s must be text of at most %d characters", what, maxWords)
	}
	return words, nil
}

func refuse(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return &problem.Error{Code: problem.InvalidInput, Public: text, Detail: text}
}

func list(states []request.State) string {
	texts := make([]string, 0, len(states))
	for _, state := range states {
		texts = append(texts, string(state))
	}
	last := len(texts) - 1
	if last < 1 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}
