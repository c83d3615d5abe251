package workflow

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
	"guestlist/handlers/submission"
)

// underWay is how long an invitation that was begun may be under way: the longest lease that the settings allow.
const underWay = time.Hour

// maxWords is the longest reason or note of a person, in characters.
const maxWords = 500

// changePatience is how long a change may be under way.
const changePatience = 5 * time.Minute

// DeskConfig is what a Desk is made of. All of it is required.
type DeskConfig struct {
	Store   Store
	Seats   Seats
	Records Records
	Now     func() time.Time
	// By is the identity of the person, as signed in. It is kept with what the person decides.
	By string
}

// Desk is where a person decides on requests. Whatever a person decides is stored with the person's identity; what has to be done then is done
// by the state machine, at the next upkeep.
//
// Errors are *problem.Error: NotFound for an unknown request; InvalidInput, with a text for the person, where the request is in no state to be
// decided on or the words are missing; Conflict where somebody else was faster; StorageUnavailable.
type Desk struct {
	config DeskConfig
}

// NewDesk returns a Desk, or an error that names what is missing.
func NewDesk(config DeskConfig) (*Desk, error) {
	switch {
	case config.Store == nil:
		return nil, errors.New("invite: DeskConfig.Store is missing")
	case config.Seats == nil:
		return nil, errors.New("invite: DeskConfig.Seats is missing")
	case config.Records == nil:
		return nil, errors.New("invite: DeskConfig.Records is missing")
	case config.Now == nil:
		return nil, errors.New("invite: DeskConfig.Now is missing")
	case strings.TrimSpace(config.By) == "":
		return nil, errors.New("invite: DeskConfig.By is missing: a decision needs the name of who made it")
	}
	return &Desk{config}, nil
}

// Approve lets the guest of a request in Review in, on the given terms. note may be empty.
func (d *Desk) Approve(ctx context.Context, id submission.ID, terms policy.Terms, note string) (Request, error) {
	words, err := said("note", note, false)
	if err != nil {
		return Request{}, err
	}
	return d.change(ctx, id, "be approved", []State{Review}, func(w *work) error {
		w.request.Approval = &Approval{By: d.config.By, At: d.config.Now().UTC(), Note: words, Terms: terms}
		w.note(Approved, "approved", "approved by "+d.config.By)
		return nil
	})
}

// Deny ends a request in Review without an invitation.
func (d *Desk) Deny(ctx context.Context, id submission.ID, reason string) (Request, error) {
	words, err := said("reason", reason, true)
	if err != nil {
		return Request{}, err
	}
	return d.change(ctx, id, "be denied", []State{Review}, func(w *work) error {
		w.note(Denied, "denied", "denied by "+d.config.By)
		w.request.Words = words
		return nil
	})
}

// Cancel ends a request that has not led to a guest and is not being worked on.
func (d *Desk) Cancel(ctx context.Context, id submission.ID, reason string) (Request, error) {
	words, err := said("reason", reason, true)
	if err != nil {
		return Request{}, err
	}
	return d.change(ctx, id, "be cancelled", []State{Review, Approved, Parked, Failed}, func(w *work) error {
		if w.request.GuestID != "" {
			return refuse("request %s has led to a guest already; cancelling it would not undo that", id)
		}
		err := d.free(ctx, w.request)
		if err != nil {
			return err
		}
		w.note(Cancelled, "cancelled", "cancelled by "+d.config.By)
		w.request.Words = words
		return nil
	})
}

// Retry takes up a failed request where it failed: at the decision, the invitation, or the grants that were refused.
func (d *Desk) Retry(ctx context.Context, id submission.ID) (Request, error) {
	return d.change(ctx, id, "be taken up again", []State{Failed}, func(w *work) error {
		next := Received
		switch {
		case w.request.GuestID != "":
			next = Granting
			for i, grant := range w.request.Grants {
				if grant.State == GrantFailed {
					w.request.Grants[i] = Grant{Group: grant.Group, State: GrantPending}
				}
			}
		case w.request.terms() != nil:
			next = Inviting
		}
		w.note(next, "retried", "taken up again by "+d.config.By)
		return nil
	})
}

// Resend lets the app send the mail of the invitation again, as soon as the guest's rest from mails and the pace allow: it looks whether the
// guest is still pending, and the history says what came of it.
func (d *Desk) Resend(ctx context.Context, id submission.ID) (Request, error) {
	return d.change(ctx, id, "have its mail sent again", []State{Done, Failed}, func(w *work) error {
		why := w.request.noMail()
		if why != "" {
			return refuse("request %s: %s", id, why)
		}
		if !w.request.Resend.Open() {
			w.request.Resend = Wish{At: d.config.Now().UTC(), By: d.config.By}
			w.remark("resend-wished", d.config.By+" wants the mail sent again")
		}
		return nil
	})
}

// Erase lets the app end the request, if it has not ended, and erase the personal data in every table. It can't be undone. The decision, and what came
// of it, stay. Of a request that its partner has withdrawn, it forgets at once which mails the address had.
func (d *Desk) Erase(ctx context.Context, id submission.ID) (Request, error) {
	r, err := d.config.Store.Load(ctx, id)
	if err != nil {
		return Request{}, fmt.Errorf("loading the request: %w", err)
	}
	if !r.Erased.IsZero() {
		forgotten, err := d.config.Records.ForgetMails(ctx, Mails{Owner: id}, 1)
		if err != nil {
			return Request{}, fmt.Errorf("forgetting the mails: %w", err)
		}
		if forgotten == 0 {
			return Request{}, refuse("request %s is erased already", id)
		}
		w := &work{Machine: &Machine{config: Config{Now: d.config.Now}}, request: r}
		w.remark("mails-forgotten", "by "+d.config.By+": nothing is kept any more of the mails that the address had")
		saved, err := d.config.Store.Save(ctx, w.request, w.events)
		if err != nil {
			return Request{}, fmt.Errorf("saving the request: %w", err)
		}
		return saved, nil
	}
	return d.change(ctx, id, "be erased", States(), func(w *work) error {
		w.request.Withdrawal = Wish{At: d.config.Now().UTC(), By: d.config.By}
		w.remark("erasure-wished", d.config.By+" wants the personal data erased")
		return nil
	})
}

// ForgetMails forgets which mails the address had by requests that were withdrawn since, and reports whether there were any. It is for who erases all
// that is kept of an address: the requests themselves no longer say whose they were.
func (d *Desk) ForgetMails(ctx context.Context, address submission.Address) (bool, error) {
	forgotten, err := d.config.Records.ForgetMails(ctx, Mails{Address: address}, 1)
	if err != nil {
		return false, fmt.Errorf("forgetting the mails of an address: %w", err)
	}
	return forgotten > 0, nil
}

// change applies decide to the request if it stands in one of the states, and lets the state machine look at it soon. outcome is what it would come to, as
// the end of a sentence.
func (d *Desk) change(ctx context.Context, id submission.ID, outcome string, from []State, decide func(*work) error) (Request, error) {
	r, err := d.config.Store.Load(ctx, id)
	if err != nil {
		return Request{}, fmt.Errorf("loading the request: %w", err)
	}
	switch {
	case !r.Erased.IsZero():
		return Request{}, refuse("the personal data of request %s is erased, so nothing more can be done with it", id)
	case r.Withdrawal.Open():
		return Request{}, refuse("request %s is withdrawn, and is about to be erased", id)
	}
	if !slices.Contains(from, r.State) {
		return Request{}, refuse("request %s is %s; only one in state %s can %s", id, r.State, list(from), outcome)
	}
	// The machine's own way of changing a request, without its effects.
	w := &work{Machine: &Machine{config: Config{Now: d.config.Now}}, request: r}
	err = decide(w)
	if err != nil {
		return Request{}, err
	}
	now := d.config.Now()
	w.request.Changed, w.request.Due = now, time.Time{}
	goesOn := !w.request.atRest()
	if goesOn {
		// First, as in every wait, and for later: what this note brings must find the change. It counts only if the command ends in between.
		w.request.Due = now
		err = d.config.Store.Wait(ctx, id, now.Add(changePatience))
		if err != nil {
			return Request{}, fmt.Errorf("noting the due time: %w", err)
		}
	}
	if d.config.Now().Sub(now) > changePatience/2 {
		return Request{}, problem.New(problem.StorageUnavailable, "noting the due time took too long; try again")
	}
	saving, cancel := context.WithTimeout(ctx, changePatience/2)
	defer cancel()
	saved, err := d.config.Store.Save(saving, w.request, w.events)
	if err != nil {
		return Request{}, fmt.Errorf("saving the request: %w", err)
	}
	if goesOn {
		err = d.config.Store.Wait(ctx, id, now)
		if err != nil {
			return Request{}, fmt.Errorf("noting that the request is due now (it is changed, and goes on within %v): %w", changePatience, err)
		}
	}
	return saved, nil
}

// free gives back the claim and the seat of a request that will invite nobody. The claim is looked at first and goes last: while it
// stands without an intent, the state machine sends nothing for the request without changing it, and then giving it back fails.
func (d *Desk) free(ctx context.Context, r Request) error {
	claim, created, err := d.config.Store.Claim(ctx, r.Submission.Email, r.ID, d.config.Now())
	if err != nil {
		return fmt.Errorf("looking at the claim: %w", err)
	}
	ours := claim.Owner == r.ID
	if ours && !created && (claim.GuestID != "" || d.config.Now().Sub(claim.IntentAt) < underWay) {
		return refuse("an invitation of request %s may be under way or sent; try again in an hour", r.ID)
	}
	limits := r.limits()
	if limits != nil {
		err = d.config.Seats.ReleaseSeat(ctx, limits.Row, r.ID)
		if err != nil {
			return fmt.Errorf("giving the seat back: %w", err)
		}
	}
	if !ours || !created && !claim.IntentAt.IsZero() {
		// What came of an invitation that was begun long ago is not known. Whoever comes next for the address inherits the claim, and asks the
		// directory first.
		return nil
	}
	err = d.config.Store.Release(ctx, r.Submission.Email, claim)
	if err != nil {
		return fmt.Errorf("giving the claim back: %w", err)
	}
	return nil
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

func list(states []State) string {
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
