package operate

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const (
	anneID = "aaaaaaaa-0000-4000-8000-000000000001"
	bertID = "aaaaaaaa-0000-4000-8000-000000000002"
)

// inReview returns a request that two people decide on, at the first stage.
func inReview() request.Request {
	return request.Request{ID: "a", State: request.Review, Reviewing: &request.Reviewing{
		Stage: 1, Since: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC),
		Rules: policy.ReviewRules{Approvers: []string{anneID}, SecondApprovers: []string{bertID}},
	}}
}

func TestVoteIsOnRequestAsItWasSeen(t *testing.T) {
	now := time.Date(2026, 5, 4, 10, 0, 0, 123456789, time.UTC)
	anne := Voter{ID: strings.ToUpper(anneID), Name: "Anne"}
	tests := map[string]struct {
		change func(*request.Request)
		yes    bool
		words  Words
		refuse string // a part of the text; "" if there is a ballot
	}{
		"a yes":              {yes: true},
		"a yes with a note":  {yes: true, words: Words{Note: "we know her"}},
		"a no with a reason": {words: Words{Reason: "not a partner"}},
		"a no with a note":   {words: Words{Note: "asked purchasing"}},
		"a no with neither":  {refuse: "a reason is needed"},
		"a long note":        {yes: true, words: Words{Note: strings.Repeat("x", 501)}, refuse: "at most 500"},
		"a vote of theirs waits": {change: func(r *request.Request) {
			r.Reviewing.Ballots = []request.Ballot{{By: anneID, Yes: true}}
		}, words: Words{Note: "changed my mind"}, refuse: "waits already"},
		"a request that is over":    {yes: true, change: func(r *request.Request) { r.State = request.Done }, refuse: "is done"},
		"a request that is erased":  {yes: true, change: func(r *request.Request) { r.Erased = now }, refuse: "is erased"},
		"a request of an older app": {yes: true, change: func(r *request.Request) { r.Reviewing = nil }, refuse: "try again"},
		"a request that is withdrawn": {yes: true, change: func(r *request.Request) { r.Withdrawal.At = now },
			refuse: "is withdrawn"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := inReview()
			if test.change != nil {
				test.change(&r)
			}
			terms := policy.Terms{Groups: []string{"g"}, UserType: "Guest"}
			ballot, err := NewBallot(r, anne, test.yes, terms, test.words, now)
			if test.refuse != "" {
				if problem.CodeOf(err) != problem.InvalidInput || !strings.Contains(err.Error(), test.refuse) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := request.Ballot{
				Seen: r.Mark(), Stage: 1, By: anneID, Name: "Anne", Yes: test.yes, Reason: test.words.Reason, Note: test.words.Note,
				Cast: now.Truncate(request.Tick),
			}
			if test.yes {
				want.Shown = request.TermsMark(terms)
			}
			if ballot.ID != "a" || ballot.Ballot != want {
				t.Errorf("got %+v, want %+v", ballot, want)
			}
		})
	}
}

// app is a request that the app changes while a vote is awaited.
type app struct {
	mutex   sync.Mutex // guards the rest
	request request.Request
	history []request.Event
	err     error
	looks   int
}

func (a *app) Load(context.Context, submission.ID) (request.Request, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.looks++
	return a.request, a.err
}

func (a *app) History(context.Context, submission.ID) ([]request.Event, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.history, a.err
}

func TestWatchTellsWhatBecameOfVote(t *testing.T) {
	cast := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	vote := request.Vote{Stage: 1, By: anneID, Yes: true, Cast: cast}
	outage := problem.New(problem.StorageUnavailable, "no answer")
	ignored := func(by, what, why string) func(*app) {
		return func(a *app) {
			a.history = append(a.history, request.Event{What: what, Detail: request.IgnoredVote(by, why)})
		}
	}
	tests := map[string]struct {
		after  func(*app) // what the app does after ten seconds
		want   VoteOutcome
		why    string
		within time.Duration
		err    error
	}{
		"a request that goes on": {after: func(a *app) {
			v := *a.request.Reviewing
			v.Votes = []request.Vote{vote}
			a.request.State, a.request.Reviewing = request.Done, &v
		}, want: VoteCounted, within: 10 * time.Second},
		"another stage": {after: func(a *app) {
			v := *a.request.Reviewing
			v.Stage, v.Votes = 2, []request.Vote{vote}
			a.request.Reviewing = &v
		}, want: VoteCounted, within: 10 * time.Second},
		"a directory that can't tell": {after: func(a *app) {
			v := *a.request.Reviewing
			v.Ballots, v.Why = []request.Ballot{{By: anneID, Cast: cast}}, "the directory could not say"
			a.request.Reviewing = &v
		}, want: VoteKept, why: "the directory could not say", within: 10 * time.Second},
		"a refusal": {after: ignored(anneID, "vote-refused", "the account is disabled"),
			want: VoteIgnored, why: "the account is disabled", within: 10 * time.Second},
		"a change meanwhile": {after: ignored(anneID, "vote-stale", "the request has changed since"),
			want: VoteIgnored, why: "the request has changed since", within: 10 * time.Second},
		"a refusal of somebody else's vote": {after: ignored(bertID, "vote-refused", "the account is disabled"),
			want: VoteSent, within: 30 * time.Second},
		"somebody else's vote that counts": {after: func(a *app) {
			v := *a.request.Reviewing
			v.Votes = []request.Vote{{Stage: 1, By: bertID, Yes: true, Cast: cast}}
			a.request.Reviewing = &v
		}, want: VoteSent, within: 30 * time.Second},
		"an earlier vote of the same person": {after: func(a *app) {
			v := *a.request.Reviewing
			v.Votes = []request.Vote{{Stage: 1, By: anneID, Yes: true, Cast: cast.Add(-time.Hour)}}
			a.request.Reviewing = &v
		}, want: VoteSent, within: 30 * time.Second},
		"another refusal beside a vote that counts": {after: func(a *app) {
			ignored(bertID, "vote-refused", "the account is disabled")(a)
			time.AfterFunc(time.Second, func() {
				a.mutex.Lock()
				defer a.mutex.Unlock()
				v := *a.request.Reviewing
				v.Votes = []request.Vote{vote}
				a.request.Reviewing = &v
			})
		}, want: VoteCounted, within: 11 * time.Second},
		"nothing":   {after: func(*app) {}, want: VoteSent, within: 30 * time.Second},
		"an outage": {after: func(a *app) { a.err = outage }, within: 10 * time.Second, err: outage},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &app{request: inReview(), history: []request.Event{{What: "vote-refused", Detail: request.IgnoredVote(anneID, "an earlier one")}}}
				watch, err := NewWatch(t.Context(), a, "a", anneID)
				if err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(10*time.Second-time.Millisecond, func() {
					a.mutex.Lock()
					defer a.mutex.Unlock()
					test.after(a)
				})
				begun := time.Now()
				got, err := watch.Result(t.Context(), request.Ballot{By: anneID, Cast: cast}, 30*time.Second)
				if !errors.Is(err, test.err) || err == nil && (got.Outcome != test.want || got.Why != test.why) {
					t.Errorf("got %q, %q, %v; want %q, %q, %v", got.Outcome, got.Why, err, test.want, test.why, test.err)
				}
				if took := time.Since(begun); took != test.within {
					t.Errorf("it took %v, want %v", took, test.within)
				}
				if a.looks > 35 {
					t.Errorf("the request was read %d times", a.looks)
				}
			})
		})
	}
}

func TestWatchEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{request: inReview()}
		watch, err := NewWatch(t.Context(), a, "a", anneID)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		got, err := watch.Result(ctx, request.Ballot{By: anneID}, time.Minute)
		if err != nil || got.Outcome != VoteSent || got.Request.ID != "a" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
