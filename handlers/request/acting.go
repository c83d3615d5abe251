package request

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/problem"
)

// MayChange returns why a person can't change the request: it is erased or withdrawn, or in none of
// the states. The error is InvalidInput, with a text for the person. outcome completes the sentence
// "only one in state … can".
func (r Request) MayChange(outcome string, from ...State) error {
	switch {
	case !r.Erased.IsZero():
		return problem.Refuse("the personal data of request %s is erased, so nothing more can be done with it", r.ID)
	case r.Withdrawal.Open():
		return problem.Refuse("request %s is withdrawn, and is about to be erased", r.ID)
	case !slices.Contains(from, r.State):
		return problem.Refuse("request %s is %s; only one in state %s can %s", r.ID, r.State, list(from), outcome)
	}
	return nil
}

// Retry goes on with a failed request where it failed: at the decision, the invitation, or the
// grants that were refused. One without the proof that policy has asked for goes on at the
// decision: if the rows still ask for a proof, another code is mailed. by is who wants it. The
// error is that of MayChange.
func (c *Change) Retry(by string) error {
	r := &c.Request
	err := r.MayChange("be taken up again", Failed)
	if err != nil {
		return err
	}
	r.Retried = c.Now().UTC()
	r.Proof.Tries = 0
	err = c.takeUpAgain("retried", "taken up again by a person")
	if err == nil {
		c.Sign(by)
	}
	return err
}

// takeUpAgain moves a failed request to where it goes on.
func (c *Change) takeUpAgain(what, why string) error {
	r := &c.Request
	switch {
	case r.Approval != nil && r.Approval.Saw != "":
		// There may have been a guest before the approval, which may not have been acted on yet. A
		// guest that it brought in is found on the claim.
		return c.StartInviting(what, why)
	case r.GuestID != "":
		r.Grants = slices.Clone(r.Grants)
		for i, grant := range r.Grants {
			if grant.State == GrantFailed {
				r.Grants[i] = Grant{Group: grant.Group, State: GrantPending}
			}
		}
		c.Transition(Granting, what, why)
	case r.Terms() != nil:
		return c.StartInviting(what, why)
	default:
		c.Transition(Received, what, why)
	}
	return nil
}

// WishMail notes that a mail is to be sent again. That is the mail with the code, which stays the
// same, as long as the request waits for it. Later it is the mail of the invitation, if the guest
// is still pending; the directory's is sent as soon as the time since the last one and the pace
// allow. A mail of the app's own goes out whatever the mailbox has had. Where a mail is under way
// already, nothing changes. by is who wants it, a person; the error is InvalidInput, with a text
// for the person.
func (c *Change) WishMail(by string) error {
	r := &c.Request
	err := r.MayChange("have its mail sent again", Proving, Done, Failed)
	if err != nil {
		return err
	}
	why := r.NoMail()
	if why != "" {
		return problem.Refuse("request %s: %s", r.ID, why)
	}
	if r.Resend.Open() {
		return nil
	}
	r.Resend = Instruction{At: c.Now().UTC(), By: by}
	if r.State == Proving {
		c.Record("code-wished", "a person wants the code mailed again")
	} else {
		c.Record("resend-wished", "a person wants the mail sent again")
	}
	c.Sign(by)
	return nil
}

// SaveDue stores the change and makes the request due, if there is work to do.
//
// A due entry is written before, as in every wait, and for a time at which the change is stored: it
// counts only if the process ends in between.
func (c *Change) SaveDue(ctx context.Context, store Store) error {
	now := c.Now()
	c.Request.Due = time.Time{}
	goesOn := !c.Request.AtRest()
	if goesOn {
		c.Request.Due = now
		err := store.Wait(ctx, c.Request.ID, now.Add(ChangeTimeout))
		if err != nil {
			return fmt.Errorf("writing the due entry: %w", err)
		}
	}
	if c.Now().Sub(now) > ChangeTimeout/2 {
		return problem.New(problem.StorageUnavailable, "writing the due entry took too long; try again")
	}
	saving, cancel := context.WithTimeout(ctx, ChangeTimeout/2)
	defer cancel()
	err := c.Save(saving, store)
	if err != nil || !goesOn {
		return err
	}
	err = store.Wait(ctx, c.Request.ID, now)
	if err != nil {
		return fmt.Errorf("making the request due now (it is changed, and goes on within %v): %w", ChangeTimeout, err)
	}
	return nil
}

// list returns the states as "a, b or c".
func list(states []State) string {
	text := string(states[0])
	for i, state := range states[1:] {
		if i == len(states)-2 {
			text += " or " + string(state)
		} else {
			text += ", " + string(state)
		}
	}
	return text
}
