package operate

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Replay is what other rows would decide on past submissions.
type Replay struct {
	Requests   int            `json:"requests"`
	Unreadable int            `json:"unreadable"` // records that are not among Requests
	Incomplete bool           `json:"incomplete"` // the search for submissions has not come to its end
	Erased     int            `json:"erased"`     // without personal data, so they can't be decided again
	Undecided  int            `json:"undecided"`  // without a decision to compare with
	Same       int            `json:"same"`       // with the same action, terms and proof
	Changes    []ReplayChange `json:"changes"`    // the others, by what changes, the most frequent first
}

// ReplayChange is the requests whose decisions change in the same way.
type ReplayChange struct {
	Was      Verdict         `json:"was"`
	Becomes  Verdict         `json:"becomes"`
	Requests []ReplayRequest `json:"requests"` // the newest first
}

// Verdict is a decision without its reasoning.
type Verdict struct {
	Action policy.Action `json:"action"`
	// Partition and Row identify the row that decided; empty if none did.
	Partition string        `json:"partition"`
	Row       string        `json:"row"`
	Terms     *policy.Terms `json:"terms,omitempty"` // of an invitation
	Proof     policy.Proof  `json:"proof,omitempty"`
}

// ReplayRequest is one past request.
type ReplayRequest struct {
	ID        submission.ID `json:"id"`
	Address   string        `json:"address"`
	DecidedAt time.Time     `json:"decidedAt"` // the time of both verdicts
	Reason    string        `json:"reason"`    // of the new decision
}

// ReplayConfig is the input of NewReplay.
type ReplayConfig struct {
	Requests      []request.Request
	Decider       request.Decider  // decides again, as of the time of the recorded decision
	Before        *request.Decider // makes the decisions to compare with; nil: the recorded ones
	ShowAddresses bool             // leave addresses unmasked, also those of rows
	// Progress, if set, is called with the number of requests that are decided, from 0 to all.
	Progress func(done, total int)
}

// NewReplay decides on past submissions again and writes nothing. Errors are those of rows.
func NewReplay(ctx context.Context, c ReplayConfig) (Replay, error) {
	replay := Replay{Requests: len(c.Requests), Changes: []ReplayChange{}}
	places := map[string]int{} // of a change in replay.Changes
	progress := c.Progress
	if progress == nil {
		progress = func(int, int) {}
	}
	for i, record := range c.Requests {
		progress(i, len(c.Requests))
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
		if was.Action == becomes.Action && was.Proof == becomes.Proof && encoded(was.Terms) == encoded(becomes.Terms) {
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
	progress(len(c.Requests), len(c.Requests))
	slices.SortStableFunc(replay.Changes, func(a, b ReplayChange) int {
		return cmp.Or(cmp.Compare(len(b.Requests), len(a.Requests)), cmp.Compare(a.key(), b.key()))
	})
	return replay, nil
}

func (c ReplayConfig) verdict(d policy.Decision) Verdict {
	v := Verdict{Action: d.Action, Terms: d.Terms, Proof: d.Proof}
	if d.Row != nil {
		v.Partition, v.Row = c.address(d.Row.Partition), d.Row.Name
	}
	return v
}

// address masks a text that is an address, unless addresses are shown.
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

// key is the same for changes with the same verdicts.
func (c ReplayChange) key() string { return encoded([2]Verdict{c.Was, c.Becomes}) }

// encoded returns v as JSON. Terms are compared in that form: it has every term, and terms that
// were recorded and read again look like those that were not.
func encoded(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error() // can't happen: there are only texts and lists
	}
	return string(text)
}
