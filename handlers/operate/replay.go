package operate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Replay is how decisions on past submissions would turn out by other rows.
type Replay struct {
	// Requests is how many were looked at, and the following how many of them have nothing to compare.
	Requests int `json:"requests"`
	// Unreadable records are no part of Requests.
	Unreadable int `json:"unreadable"`
	// Erased are those whose personal data is gone.
	Erased int `json:"erased"`
	// Undecided are those that have had no decision yet.
	Undecided int `json:"undecided"`
	// Same is how many would be decided the same way: action and terms alike.
	Same int `json:"same"`
	// Changes are the others, by what they change from and to, the most frequent first.
	Changes []ReplayChange `json:"changes"`
}

// ReplayChange is requests whose decisions change in the same way.
type ReplayChange struct {
	Was      Verdict         `json:"was"`
	Becomes  Verdict         `json:"becomes"`
	Requests []ReplayRequest `json:"requests"` // the newest first
}

// Verdict is a decision without its reasoning.
type Verdict struct {
	Action policy.Action `json:"action"`
	// Partition and Row are of the row that decided; empty if none did.
	Partition string `json:"partition"`
	Row       string `json:"row"`
	// Terms are what the invitation is made of; nil if it is none.
	Terms *policy.Terms `json:"terms,omitempty"`
}

// ReplayRequest is one past request.
type ReplayRequest struct {
	ID      submission.ID `json:"id"`
	Address string        `json:"address"`
	// DecidedAt is the time of the decision, as of which both verdicts are made.
	DecidedAt time.Time `json:"decidedAt"`
	Reason    string    `json:"reason"` // of the new decision
}

// ReplayConfig says what to replay against what.
type ReplayConfig struct {
	Requests []request.Request
	// Decider decides anew, each time as of the moment of the decision that was made.
	Decider request.Decider
	// Before is whose decisions the new ones are compared with. If nil, those are the decisions that were made and
	// recorded.
	Before *request.Decider
	// Addresses are shown whole; else they are masked, also where a row is for one.
	ShowAddresses bool
}

// NewReplay decides on past submissions again and tells what would change. Nothing is written. Errors are those of the
// rows.
func NewReplay(ctx context.Context, c ReplayConfig) (Replay, error) {
	replay := Replay{Requests: len(c.Requests), Changes: []ReplayChange{}}
	places := map[string]int{} // of a change in replay.Changes
	for _, record := range c.Requests {
		if record.Decision == nil {
			replay.Undecided++
			continue
		}
		if record.Submission.Email == (submission.Address{}) {
			replay.Erased++
			continue
		}
		was := *record.Decision
		at := was.At
		var err error
		if c.Before != nil {
			was, err = c.Before.Decide(ctx, record.Submission, at)
			if err != nil {
				return Replay{}, err
			}
		}
		becomes, err := c.Decider.Decide(ctx, record.Submission, at)
		if err != nil {
			return Replay{}, err
		}
		if was.Action == becomes.Action && sameTerms(was.Terms, becomes.Terms) {
			replay.Same++
			continue
		}
		change := ReplayChange{Was: c.verdict(was), Becomes: c.verdict(becomes)}
		entry := ReplayRequest{ID: record.ID, DecidedAt: at, Reason: becomes.Reason}
		entry.Address = c.address(record.Submission.Email.String())
		place, known := places[change.key()]
		if !known {
			place = len(replay.Changes)
			places[change.key()] = place
			replay.Changes = append(replay.Changes, change)
		}
		replay.Changes[place].Requests = append(replay.Changes[place].Requests, entry)
	}
	slices.SortStableFunc(replay.Changes, func(a, b ReplayChange) int {
		return cmp.Or(cmp.Compare(len(b.Requests), len(a.Requests)), cmp.Compare(a.key(), b.key()))
	})
	return replay, nil
}

func (c ReplayConfig) verdict(d policy.Decision) Verdict {
	v := Verdict{Action: d.Action, Terms: d.Terms}
	if d.Row != nil {
		v.Partition, v.Row = c.address(d.Row.Partition), d.Row.Name
	}
	return v
}

// address returns a text as the admin may see it: masked if it is an address.
func (c ReplayConfig) address(text string) string {
	if c.ShowAddresses || !strings.Contains(text, "@") {
		return text
	}
	address, err := submission.ParseAddress(text)
	if err != nil {
		return "(an address)"
	}
	return address.Masked()
}

func (c ReplayChange) key() string { return c.Was.key() + "\x01" + c.Becomes.key() }

func (v Verdict) key() string {
	return strings.Join([]string{string(v.Action), v.Partition, v.Row, termsKey(v.Terms)}, "\x00")
}
