package request

import (
	"maps"
	"slices"
	"time"
)

// State says how far a request has come.
type State string

const (
	Received  State = "received"
	Proving   State = "proving"
	Review    State = "review"
	Approved  State = "approved"
	Inviting  State = "inviting"
	Parked    State = "parked"
	Granting  State = "granting"
	Done      State = "done"
	Unproved  State = "unproved"
	Denied    State = "denied"
	Cancelled State = "cancelled"
	Void      State = "void"
	Failed    State = "failed"
)

// traits are all that is known about a state.
type traits struct {
	phase   phase
	overdue time.Duration // how long a request may be in the state before somebody should look; 0 is for ever
	stage   Stage
	outcome Outcome
	meaning string  // one sentence for an admin
	next    []State // the states that a request may change to
}

// phase says whether a request goes on by itself.
type phase int

const (
	working  phase = iota // it goes on by itself
	waiting               // it has ended for the worker and waits for a person
	finished              // it has ended and waits for nobody
)

// states is the one table of the states.
//
// The public stage of every state but Received is StageFinished: a stage that only invitations pass
// through would tell anybody who watches the status page that a row lets the company in.
var states = map[State]traits{
	Received: {working, 6 * time.Hour, StageInWork, OutcomeOpen,
		"The request is recorded and not decided yet.",
		[]State{Received, Proving, Review, Denied, Inviting, Failed, Cancelled}},
	Proving: {working, 100 * time.Hour, StageFinished, OutcomeProving,
		"The request goes on once the partner has typed the code that is mailed to the address.",
		[]State{Proving, Review, Denied, Inviting, Failed, Unproved, Cancelled}},
	Review: {waiting, 72 * time.Hour, StageFinished, OutcomeWaiting,
		"A person has to decide: the policy says so, or the address needs a check.",
		[]State{Approved, Denied, Cancelled}},
	Approved: {working, 6 * time.Hour, StageFinished, OutcomeInviting,
		"A person approved the request.",
		[]State{Inviting, Denied, Failed, Cancelled}},
	Inviting: {working, 6 * time.Hour, StageFinished, OutcomeInviting,
		"The decision is to invite; the invitation is next or under way.",
		[]State{Inviting, Review, Parked, Granting, Done, Denied, Failed, Cancelled}},
	Parked: {working, 24 * time.Hour, StageFinished, OutcomeInviting,
		"The tenant accepts no invitations, or the day's budget is used.",
		[]State{Parked, Review, Inviting, Denied, Failed, Cancelled}},
	Granting: {working, 6 * time.Hour, StageFinished, OutcomeInviting,
		"The guest exists; group memberships are being added.",
		[]State{Granting, Review, Inviting, Done, Failed}},
	Done: {finished, 0, StageFinished, OutcomeInvited,
		"The guest is invited and in all groups.",
		[]State{Review, Inviting}},
	Denied: {finished, 0, StageFinished, OutcomeRefused,
		"The policy or a person denied the request.", nil},
	Failed: {finished, 0, StageFinished, OutcomeRefused,
		"A permanent error ended the request; the reason names it.",
		[]State{Received, Inviting, Granting, Cancelled}},
	Unproved: {finished, 0, StageFinished, OutcomeRefused,
		"Nobody has typed the code that was mailed to the address, or none was mailed because of the mailbox itself.", nil},
	Cancelled: {finished, 0, StageFinished, OutcomeRefused,
		"A person ended the request, or the partner withdrew it.", nil},
	Void: {finished, 0, StageFinished, OutcomeRefused,
		"The partner withdrew a sign-up that has not come. After two weeks nothing is left of it.",
		[]State{Cancelled}},
}

// States returns every state, in alphabetical order.
func States() []State { return slices.Sorted(maps.Keys(states)) }

// StatesThat returns the states with a trait, in alphabetical order: StatesThat(State.Finished).
func StatesThat(trait func(State) bool) []State {
	return slices.DeleteFunc(States(), func(s State) bool { return !trait(s) })
}

// Known reports whether there is such a state.
func (s State) Known() bool {
	_, known := states[s]
	return known
}

// Meaning returns one sentence for an admin about the state.
func (s State) Meaning() string { return states[s].meaning }

// Ended reports whether nothing happens to a request in this state by itself any more.
func (s State) Ended() bool { return states[s].phase != working }

// Finished reports whether a request in this state has ended and waits for nobody. A person may
// still retry a failed one.
func (s State) Finished() bool { return states[s].phase == finished }

// HearsWishes reports whether a wish for a mail changes anything for a request in this state: for
// the code, or for the mail of the invitation. The others are being worked on.
func (s State) HearsWishes() bool { return s == Proving || s.Ended() }

// Stage returns the public stage of a request in this state.
func (s State) Stage() Stage { return states[s].stage }

// Next returns the states that a request may change to.
func (s State) Next() []State { return slices.Clone(states[s].next) }

// Overdue returns the times before which requests must have come to their states to be overdue now.
// The states in which requests may stay for ever are left out.
func Overdue(now time.Time) map[State]time.Time {
	before := map[State]time.Time{}
	for state, traits := range states {
		if traits.overdue > 0 {
			before[state] = now.Add(-traits.overdue)
		}
	}
	return before
}

// AtRest reports whether the request has ended and nothing is left to do for it: no instruction to
// carry out, no mail to send, and nothing to look at.
func (r Request) AtRest() bool { return r.OnlyLooks() && r.NextLook().IsZero() }

// WaitsForTurn reports whether the request waits for its turn to be invited. A parked one that is
// withdrawn only waits for what it leaves behind.
func (r Request) WaitsForTurn() bool { return r.State == Parked && !r.Withdrawal.Open() }

// OnlyLooks reports whether the request has ended and nothing is left to do for it but to look at
// what was sent, or at how long it waits for a person, if that.
func (r Request) OnlyLooks() bool {
	return r.State.Ended() && !r.ReviewUnsettled() && r.Owed == Owed{} && !r.Resend.Open() && (!r.Withdrawal.Open() || !r.Erased.IsZero())
}
