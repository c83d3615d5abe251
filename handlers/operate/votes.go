package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Voter is the person who votes.
type Voter struct {
	ID   string // object id
	Name string // as the person is signed in
}

// Words are what a person says with a vote. Reason is for the partner, and Note for colleagues.
type Words struct{ Reason, Note string }

// NewBallot returns the ballot of a person who was shown the request and, for a yes, the terms. A
// yes counts only for these terms. The error is InvalidInput, with a text for the person, if the
// request is not in Review or the words are too long. A no without words is an error, too.
func NewBallot(r request.Request, by Voter, yes bool, terms policy.Terms, words Words, now time.Time) (request.CastBallot, error) {
	err := r.MayChange("be voted on", request.Review)
	if err != nil {
		return request.CastBallot{}, err
	}
	if r.Mark() == "" {
		return request.CastBallot{}, problem.Refuse("request %s was left to a person just now; try again in a minute or two", r.ID)
	}
	waits := slices.ContainsFunc(r.Reviewing.Ballots, func(b request.Ballot) bool { return strings.EqualFold(b.By, by.ID) })
	if waits {
		return request.CastBallot{}, problem.Refuse("a vote of yours on request %s waits already, until the directory can say who you are", r.ID)
	}
	ballot := request.Ballot{
		Seen: r.Mark(), Stage: r.Reviewing.Stage, By: by.ID, Name: by.Name, Yes: yes, Note: words.Note, Cast: now,
	}
	if yes {
		ballot.Shown = request.TermsMark(terms)
	} else {
		ballot.Reason = words.Reason
	}
	return request.CastBallot{ID: r.ID, Ballot: ballot}.Check()
}

// VoteOutcome is what has become of a vote.
type VoteOutcome string

const (
	VoteSent    VoteOutcome = "sent"    // it is on the queue, and nothing more is known
	VoteCounted VoteOutcome = "counted" // the request has gone on, or another person decides now
	VoteKept    VoteOutcome = "kept"    // it is applied once the directory can say who the person is
	VoteIgnored VoteOutcome = "ignored" // it does not count
)

// VoteResult is what has become of a vote, and the request as it is by then.
type VoteResult struct {
	Outcome VoteOutcome
	Why     string // of one that is kept or ignored; a sentence without its full stop
	Request request.Request
}

// VotedRequests are the requests that are voted on.
type VotedRequests interface {
	// Load returns the request.
	Load(ctx context.Context, id submission.ID) (request.Request, error)
	// History returns what has happened to it, the oldest first.
	History(ctx context.Context, id submission.ID) ([]request.Event, error)
}

// lookEvery is how often it is looked whether a vote was applied. A call costs next to nothing, and
// the app takes some seconds.
const lookEvery = time.Second

// A Watch tells what becomes of a vote that is about to be sent.
type Watch struct {
	requests VotedRequests
	id       submission.ID
	ignored  int // events before the vote
}

// NewWatch begins to watch a request for the vote of a person, before that is sent.
func NewWatch(ctx context.Context, requests VotedRequests, id submission.ID, by string) (*Watch, error) {
	w := &Watch{requests: requests, id: id}
	ignored, err := w.ignoredVotes(ctx, by)
	w.ignored = len(ignored)
	return w, err
}

// Result waits until the worker has looked at the vote, or for so long at most: then it is
// VoteSent.
func (w *Watch) Result(ctx context.Context, vote request.Ballot, patience time.Duration) (VoteResult, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		result, err := w.look(ctx, vote)
		if err != nil || result.Outcome != VoteSent {
			return result, err
		}
		select {
		case <-ctx.Done():
			return result, nil
		case <-enough.C:
			return w.look(ctx, vote)
		case <-tick.C:
		}
	}
}

func (w *Watch) look(ctx context.Context, vote request.Ballot) (VoteResult, error) {
	// The history first: what it has of a vote is stored in the request then, and not the reverse.
	ignored, err := w.ignoredVotes(ctx, vote.By)
	if err != nil {
		return VoteResult{}, err
	}
	r, err := w.requests.Load(ctx, w.id)
	if err != nil {
		return VoteResult{}, fmt.Errorf("looking what has become of the vote: %w", err)
	}
	result := VoteResult{Outcome: VoteSent, Request: r}
	if v := r.Reviewing; v != nil {
		counted, voted := v.VoteOf(vote.By)
		if voted && counted.Cast.Equal(vote.Cast) {
			result.Outcome = VoteCounted
			return result, nil
		}
		if slices.ContainsFunc(v.Ballots, func(b request.Ballot) bool { return b.By == vote.By && b.Cast.Equal(vote.Cast) }) {
			result.Outcome, result.Why = VoteKept, v.Why
			return result, nil
		}
	}
	if len(ignored) > w.ignored {
		result.Outcome, result.Why = VoteIgnored, ignored[len(ignored)-1]
	}
	return result, nil
}

// ignoredVotes returns what the history says of votes of the person that do not count.
func (w *Watch) ignoredVotes(ctx context.Context, by string) ([]string, error) {
	history, err := w.requests.History(ctx, w.id)
	if err != nil {
		return nil, fmt.Errorf("looking what has become of the vote: %w", err)
	}
	var texts []string
	for _, e := range history {
		why, is := request.WhyIgnored(e.Detail, by)
		if is {
			texts = append(texts, why)
		}
	}
	return texts, nil
}
