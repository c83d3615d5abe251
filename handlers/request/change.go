package request

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/problem"
)

// ChangeTimeout is how long a person's change may take, from its first write to its last.
const ChangeTimeout = 5 * time.Minute

// Change is a request that is being changed: the record, and the events that explain the change.
// Both gather in memory and are saved together.
type Change struct {
	Request Request
	Events  []Event // since the last save
	Now     func() time.Time
}

// Transition moves the request to the state and records an event. It panics if the transition is
// not legal. Into state Inviting only StartInviting leads.
func (c *Change) Transition(state State, what, detail string) {
	if state == Inviting && c.Request.State != Inviting {
		panic("request: only StartInviting begins to invite")
	}
	c.move(state, what, detail)
}

// StartInviting moves the request to state Inviting and records an event. It makes the grants from
// the terms that count now: those of the approval if a person has approved, else those of the
// decision. Memberships that the guest has already stay on record. It is a problem.Internal if
// neither says to invite.
func (c *Change) StartInviting(what, detail string) error {
	terms := c.Request.Terms()
	if terms == nil {
		return problem.New(problem.Internal, "neither policy nor a person decided to invite")
	}
	c.Request.Grants = newGrants(c.Request.Grants, terms.Groups)
	c.move(Inviting, what, detail)
	return nil
}

// SetGuest records the guest of the request. The memberships of another guest are not this one's,
// so the grants are made anew. With a guest, no invitation is open any more, and its turn counts.
func (c *Change) SetGuest(id string, origin Origin) {
	r := &c.Request
	if terms := r.Terms(); r.GuestID != "" && r.GuestID != id && terms != nil {
		r.Grants = newGrants(nil, terms.Groups)
	}
	if id != "" {
		r.OpenTurn = Turn{}
	}
	r.GuestID, r.Origin = id, origin
}

func (c *Change) move(state State, what, detail string) {
	r := &c.Request
	if !slices.Contains(states[r.State].next, state) {
		panic(fmt.Sprintf("request: a request can't go from %s to %s", r.State, state))
	}
	if state != r.State {
		r.Attempt = 0
		r.Since, r.Words, r.Objection = c.Now(), "", ""
		if !invites(state) || !invites(r.State) {
			r.Unknown, r.Failures = 0, Failures{}
		}
	}
	if state == Denied && r.State != Denied && r.Proof.ByCode() {
		c.Owe(DecisionMail) // who has proved nothing gets no mail: anybody may have typed the address
	}
	r.State, r.Reason = state, detail
	c.Record(what, detail)
}

// invites reports whether the effect of the state is an invitation.
func invites(state State) bool { return state == Inviting || state == Parked }

// Record adds an event that leaves the request in its state.
func (c *Change) Record(what, detail string) {
	c.Events = append(c.Events, Event{At: c.Now(), State: c.Request.State, What: what, Detail: detail})
}

// Sign notes who is responsible for the last event, see [Event].
func (c *Change) Sign(by string) { c.Events[len(c.Events)-1].By = by }

// Save stores the request with its events. A Conflict means that somebody else changed it
// meanwhile.
func (c *Change) Save(ctx context.Context, store Store) error {
	c.Request.Changed = c.Now()
	saved, err := store.Save(ctx, c.Request, c.Events)
	if err != nil {
		return fmt.Errorf("saving the request: %w", err)
	}
	c.Request, c.Events = saved, nil
	return nil
}
