package request

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/submission"
)

// Vote is what a person has said about a request in Review, and that counts.
type Vote struct {
	Stage int    `json:"stage"` // from 1 on
	By    string `json:"by"`    // the person's object id
	Name  string `json:"name"`  // as the person signed in
	// Authority says why the vote counts.
	Authority Authority `json:"authority"`
	Yes       bool      `json:"yes"`
	// Shown is that of the ballot, see [Ballot].
	Shown string `json:"shown,omitempty"`
	// Reason is what the partner may be told about a no, and Note what only colleagues see. Either
	// may be empty, and may hold personal data.
	Reason string    `json:"reason,omitempty"`
	Note   string    `json:"note,omitempty"`
	Cast   time.Time `json:"cast"` // when the person decided
	At     time.Time `json:"at"`   // when the vote was applied
}

// Authority is why a person may decide about a request at a stage.
type Authority string

const (
	AsReviewer  Authority = "reviewer"  // a member of the app's group of reviewers
	AsApprover  Authority = "approver"  // named by the policy row
	ByGroup     Authority = "group"     // a member of a group that the policy row names
	AsSponsor   Authority = "sponsor"   // a sponsor of the row, which lets its sponsors decide
	AfterAWhile Authority = "escalated" // named by the row for requests that wait for long
)

// Ballot is a vote that a person has cast and that nobody has applied yet.
type Ballot struct {
	// Seen is the Mark of the request that the person had before them.
	Seen string `json:"seen"`
	// Shown is the TermsMark of the terms that the person had before them. A yes counts for no
	// others. It is empty in a no, and in a yes of an older version, which does not count.
	Shown  string    `json:"shown,omitempty"`
	Stage  int       `json:"stage"`
	By     string    `json:"by"` // object id, in lower case
	Name   string    `json:"name"`
	Yes    bool      `json:"yes"`
	Reason string    `json:"reason,omitempty"`
	Note   string    `json:"note,omitempty"`
	Cast   time.Time `json:"cast"`
}

// Reviewing is where a request stands that waits, or has waited, for people to decide.
type Reviewing struct {
	Stage int       `json:"stage"` // from 1 on
	Since time.Time `json:"since"` // when the stage began
	// Rules are those of the policy row when it was last read.
	Rules policy.ReviewRules `json:"rules"`
	// Escalated says that it was noted that those in EscalateTo decide too, so that they find the
	// request and are told. It gives nobody a say: see HasEscalated.
	Escalated bool      `json:"escalated,omitempty"`
	Deadline  time.Time `json:"deadline,omitzero"` // of the stage; zero for none
	Votes     []Vote    `json:"votes,omitempty"`   // that count, in the order of being applied
	// Ballots wait because the directory can't say who the people are. Each person has one at most.
	Ballots []Ballot `json:"ballots,omitempty"`
	// Why says why they wait.
	Why string `json:"why,omitempty"`
	// Ignored counts the votes that did not count. The history has the first few.
	Ignored int `json:"ignored,omitempty"`
	// Listed is when the stage began for which the index of what waits has an entry of the request;
	// zero if it has none. ListAgain says that the entry must be written anew: others decide.
	Listed    time.Time `json:"listed,omitzero"`
	ListAgain bool      `json:"listAgain,omitempty"`
	// Put are the notices about this review that were put into the outbox, so that none is put
	// twice, and NextNotice is when time brings the next one about; zero for never.
	Put        []PutNotice `json:"put,omitempty"`
	NextNotice time.Time   `json:"nextNotice,omitzero"`
	// Expired says that nobody has decided in time.
	Expired bool `json:"expired,omitempty"`
}

const (
	// MaxBallots is the most ballots of one request that wait.
	MaxBallots = 20
	// FirstStage is the number of the first stage.
	FirstStage = 1
)

// Mark names what a person sees who decides: a vote on a request that has another mark by now does
// not count. It is "" for a request that waits for nobody. It changes with each return to Review
// and with each stage.
func (r Request) Mark() string {
	if r.State != Review || r.Reviewing == nil {
		return ""
	}
	return r.Reviewing.Since.UTC().Format(time.RFC3339Nano)
}

// BeginReview begins the first stage of a review, whatever was before. within is the number of days
// for a decision unless the row says another; 0 is for ever.
func (c *Change) BeginReview(within int) {
	next := Reviewing{}
	if d := c.Request.Decision; d != nil {
		next.Rules = d.ReviewRules
	}
	if before := c.Request.Reviewing; before != nil {
		next.Listed = before.Listed
	}
	c.Request.Reviewing = &next
	c.BeginStage(FirstStage, within)
}

// BeginStage lets a request in Review wait for a decision of that stage, as of now.
func (c *Change) BeginStage(stage, within int) {
	v := *c.Request.Reviewing
	since := c.Now().UTC().Truncate(Tick)
	if !since.After(v.Since) {
		since = v.Since.Add(Tick) // a Mark is never that of an earlier stage, whatever the clock says
	}
	v.Stage, v.Since, v.Escalated, v.Why, v.NextNotice = stage, since, false, "", time.Time{}
	c.Request.Reviewing = &v
	c.SetDeadline(within)
}

// ReviewAnew begins the review of a request in Review again, without the votes so far.
func (c *Change) ReviewAnew(within int) {
	v := *c.Request.Reviewing
	v.Votes = nil
	c.Request.Reviewing = &v
	c.BeginStage(FirstStage, within)
}

// SetDeadline notes when the present stage of a request in Review ends if nobody decides.
func (c *Change) SetDeadline(within int) {
	v := *c.Request.Reviewing
	v.Deadline = time.Time{}
	if days := cmp.Or(v.Rules.DecideWithin, within); days != 0 {
		v.Deadline = v.Since.AddDate(0, 0, days)
	}
	c.Request.Reviewing = &v
}

// Next returns when something happens at the present stage if nobody decides; zero if nothing does.
func (v Reviewing) Next() (next time.Time) {
	times := []time.Time{v.Deadline, v.NextNotice}
	if !v.Escalated {
		times = append(times, v.escalatesAt())
	}
	for _, at := range times {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// escalatesAt returns when those in EscalateTo may decide too, at the present stage; zero if never.
func (v Reviewing) escalatesAt() time.Time {
	if len(v.Rules.EscalateTo) == 0 || v.Rules.EscalateAfter == 0 {
		return time.Time{}
	}
	return v.Since.AddDate(0, 0, v.Rules.EscalateAfter)
}

// HasEscalated reports whether the stage has waited for so long that those in EscalateTo decide
// too. That follows from the rules and the time alone.
func (v Reviewing) HasEscalated(now time.Time) bool {
	at := v.escalatesAt()
	return !at.IsZero() && !at.After(now)
}

// Escalates reports whether the stage has escalated, and that was not noted.
func (v Reviewing) Escalates(now time.Time) bool { return !v.Escalated && v.HasEscalated(now) }

// FollowRow takes over the rules of the policy row as it is now into a request in Review, and what
// follows from them. within is as for BeginReview.
func (c *Change) FollowRow(rules policy.ReviewRules, within int) {
	v := *c.Request.Reviewing
	v.Rules = rules
	v.Escalated = v.Escalated && v.HasEscalated(c.Now())
	c.Request.Reviewing = &v
	c.SetDeadline(within)
}

// Deciders returns the ids of the users and groups that decide at the present stage of a request in
// Review, beside the reviewers of the app, for the index of what waits; none means the reviewers
// alone. Whether a vote counts is a matter of HasEscalated.
func (r Request) Deciders() []string {
	if r.State != Review || r.Reviewing == nil {
		return nil
	}
	return r.Reviewing.Rules.Deciders(r.Reviewing.Stage, r.Reviewing.Escalated)
}

// VoteOf returns the vote of the person, if there is one.
func (v Reviewing) VoteOf(id string) (Vote, bool) {
	i := slices.IndexFunc(v.Votes, func(vote Vote) bool { return vote.By == id })
	if i < 0 {
		return Vote{}, false
	}
	return v.Votes[i], true
}

// Lapsed reports whether somebody has approved other terms than these, so that the votes of earlier
// stages say nothing about them.
func (v Reviewing) Lapsed(terms policy.Terms) bool {
	mark := TermsMark(terms)
	return slices.ContainsFunc(v.Votes, func(vote Vote) bool { return vote.Yes && vote.Shown != mark })
}

// PublicReason returns what the partner may be told about a denial, in the words of the person who
// said no; "" if there is nothing.
func (r Request) PublicReason() string {
	if r.State != Denied || r.Reviewing == nil {
		return ""
	}
	i := slices.IndexFunc(r.Reviewing.Votes, func(vote Vote) bool { return !vote.Yes })
	if i < 0 {
		return ""
	}
	return r.Reviewing.Votes[i].Reason
}

// withoutWords returns the votes without what people have said in them.
func (v *Reviewing) withoutWords() *Reviewing {
	if v == nil {
		return nil
	}
	kept := *v
	kept.Votes, kept.Ballots = slices.Clone(v.Votes), nil
	for i := range kept.Votes {
		kept.Votes[i].Reason, kept.Votes[i].Note = "", ""
	}
	return &kept
}

// IsListed reports whether the index of what waits says where the request stands.
func (v Reviewing) IsListed() bool { return v.Listed.Equal(v.Since) && !v.ListAgain }

// ReviewUnsettled reports whether the index of what waits for people does not say yet where the
// request stands, or a ballot waits.
func (r Request) ReviewUnsettled() bool {
	v := r.Reviewing
	if r.State != Review {
		return v != nil && !v.Listed.IsZero()
	}
	return v == nil || !v.IsListed() || len(v.Ballots) > 0
}

// WaitingReview returns the entry of a request in Review in the index of what waits.
func (r Request) WaitingReview() WaitingReview {
	entry := WaitingReview{
		ID: r.ID, Stage: r.Reviewing.Stage, Since: r.Reviewing.Since, Deadline: r.Reviewing.Deadline,
		Deciders: r.Deciders(), Domain: r.Submission.Email.Domain(),
	}
	if r.Decision != nil && r.Decision.Row != nil {
		entry.Row = policy.RowKey{Partition: r.Decision.Row.Partition, Name: r.Decision.Row.Name}
	}
	if strings.Contains(entry.Row.Partition, "@") {
		entry.Row.Partition = "" // a row for one address names it
	}
	return entry
}

// WaitingReview is the entry of a request in Review in the index of what waits for people. It names
// nobody but the users and groups that decide.
type WaitingReview struct {
	ID       submission.ID
	Stage    int
	Since    time.Time // when the stage began
	Deadline time.Time // zero for none
	Deciders []string  // see Request.Deciders
	Domain   string    // of the partner's address
	Row      policy.RowKey
}

// Equal reports whether two entries say the same.
func (w WaitingReview) Equal(other WaitingReview) bool {
	return w.ID == other.ID && w.Stage == other.Stage && w.Since.Equal(other.Since) && w.Deadline.Equal(other.Deadline) &&
		slices.Equal(w.Deciders, other.Deciders) && w.Domain == other.Domain && w.Row == other.Row
}

// Reviews is the index of the requests that wait for people, so that nobody has to search all
// requests for them. An entry is written before its request, and removed after it; the worker and
// the sweep mend what was interrupted. Errors are *problem.Error: StorageUnavailable. Every
// implementation passes the suite of package storetest.
type Reviews interface {
	// ListReview writes the entry, in place of an earlier one of its request.
	ListReview(ctx context.Context, entry WaitingReview) error
	// UnlistReview removes the entry of id if it says since, to 100 ns. Another one, written
	// meanwhile, stays.
	UnlistReview(ctx context.Context, id submission.ID, since time.Time) error
	// WaitingReviews returns at most limit entries of ids after the first id and up to the last, in
	// the order of ids, which is that of submission. Without a last id there is no end. An entry
	// that can't be read is skipped.
	WaitingReviews(ctx context.Context, after, last submission.ID, limit int) ([]WaitingReview, error)
}
