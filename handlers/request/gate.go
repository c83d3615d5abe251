package request

import (
	"context"
	"fmt"
	"slices"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// gateRounds is how often a change of the gate is tried while others change it too.
const gateRounds = 16

// Gate is what all instances share about sending invitations: the circuit breaker, the pace and the
// day's budget. There is one for a tenant.
//
// The breaker is open while Cause is set: the tenant takes no invitations, so nothing is sent. One
// request opens it only if its answer does harm to repeat; otherwise it takes several witnesses. It
// is open as well while a person's Stop stands; see [Gate.IsOpen].
type Gate struct {
	// Cause is the tenant-wide failure that opened the breaker; empty while it is closed.
	Cause problem.Code
	// Ref is the directory's id of the call that failed.
	Ref string
	// OpenedAt is when the breaker was opened.
	OpenedAt time.Time
	// Stop is a person's order to send nothing, whatever Cause is.
	Stop Stop
	// ProbeAt is when a single invitation may try whether the cause is gone; zero if only an admin
	// can say so.
	ProbeAt time.Time
	// ClosedBy is who closed the breaker last, at ClosedAt: the identity of a person, or AProbe.
	ClosedBy string
	ClosedAt time.Time
	// Witnesses are the last requests whose invitation had an answer that may be about the tenant,
	// since one was accepted; the latest is the last. Enough of them with the same answer open the
	// breaker. While it is open, they leave the probe to others, and the first is who opened it.
	Witnesses [MostWitnesses]Witness
	// Accepted counts the invitations that the directory has accepted. It lags behind: an instance
	// adds its own with its next change of the gate.
	Accepted int
	// Day and Sent count the invitations of a day in UTC, see policy.Day. The day only goes
	// forward.
	Day  string
	Sent int
	// Shares counts how many of them each domain and row had. Package workflow knows the form.
	Shares string
	// Turns counts the turns that were ever taken.
	Turns int
	// GivenBack are the numbers of the last turns that were given back, the latest last, with
	// spaces between. Package workflow knows how many.
	GivenBack string
	// NextAt is when the next invitation may be sent.
	NextAt time.Time
	// HeldUntil is until when the directory asked to be left alone, by everybody.
	HeldUntil time.Time
	// Pressure is how much of one of its limits the directory last reported as used, in percent, at
	// PressedAt. It reports from 80 on.
	Pressure  int
	PressedAt time.Time
	// Version is the store's mark of this state; empty for a gate that is not stored yet.
	Version string
}

// GateStore keeps the Gate. Errors are *problem.Error: Conflict as said below, RecordUnreadable as
// for [Store], else StorageUnavailable.
type GateStore interface {
	// Gate returns the gate as last saved; the zero Gate if none was.
	Gate(ctx context.Context) (Gate, error)
	// SaveGate replaces the gate and returns it with its new Version. Conflict if the stored gate
	// no longer has gate.Version.
	SaveGate(ctx context.Context, gate Gate) (Gate, error)
}

// Turn is a turn at the gate that one invitation takes. The zero Turn is none.
type Turn struct {
	Number int    `json:"number"` // [Gate.Turns] with this one
	Day    string `json:"day"`    // on which it counts
	// Sharers are the hashes, as in [Gate.Shares], of the domain and the row in whose shares it
	// counts, with a space between.
	Sharers string `json:"sharers,omitempty"`
}

// MostWitnesses is the most witnesses that the breaker needs, and remembers.
const MostWitnesses = 3

// Witness is a request that had an answer that may be about the tenant. Several requests for one
// address are one witness. The zero Witness is none.
type Witness struct {
	ID     submission.ID
	Guest  string // a hash of the address
	Answer string // the code, with the answer itself if that has no code of its own
}

// HasWitness reports whether the request is one of the witnesses.
func (g Gate) HasWitness(id submission.ID) bool {
	return slices.ContainsFunc(g.Witnesses[:], func(w Witness) bool { return w.ID == id && id != "" })
}

// Pace is how fast invitations may be sent, by all instances together.
type Pace struct {
	// Daily is the most invitations in a day (UTC); 0 for no limit.
	Daily int
	// Share is how much of Daily one domain, and one policy row, may have, in percent; 0 is all of
	// it. A guest that a person has approved does not count.
	Share int
	// Spacing is the least time between two invitations; 0 is none.
	Spacing time.Duration
}

// closedApart is more than the clocks of two instances differ.
const closedApart = time.Minute

// Close returns the gate without a Cause. Counters stay, and so does a person's Stop.
func (g Gate) Close(by string, now time.Time) Gate {
	if behind := g.ClosedAt.Sub(now); behind >= 0 && behind < closedApart {
		now = g.ClosedAt.Add(Tick) // no two openings have the same OpeningMark
	}
	g.Witnesses = [MostWitnesses]Witness{}
	g.Cause, g.Ref, g.OpenedAt, g.ProbeAt = "", "", time.Time{}, time.Time{}
	g.ClosedBy, g.ClosedAt = by, now
	return g
}

// ChangeGate saves what change makes of the gate, and returns the gate that change saw last. change
// may be called several times; changed false leaves the gate as it is.
func ChangeGate(ctx context.Context, gates GateStore, change func(Gate) (next Gate, changed bool)) (before Gate, err error) {
	for range gateRounds {
		before, err = gates.Gate(ctx)
		if err != nil {
			return before, fmt.Errorf("reading the gate: %w", err)
		}
		next, changed := change(before)
		if !changed {
			return before, nil
		}
		_, err = gates.SaveGate(ctx, next)
		if err == nil {
			return before, nil
		}
		if problem.CodeOf(err) != problem.Conflict {
			return before, fmt.Errorf("saving the gate: %w", err)
		}
	}
	return before, problem.New(problem.Conflict, "others changed the gate %d times", gateRounds)
}
