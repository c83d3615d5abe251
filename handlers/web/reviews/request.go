package reviews

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/signin"
	"guestlist/handlers/web/site"
)

// review is a request as a person sees it at this moment.
type review struct {
	request.Request
	row       request.ReviewRow // as it is now; once nobody waits, only the rules by which people decided
	escalated bool              // those in EscalateTo decide too, or did when it waited
}

// request serves the page of a request.
func (p *pages) request(x *site.Exchange, who person) {
	ctx := x.Request.Context()
	id, err := submission.ParseID(strings.TrimPrefix(strings.TrimSuffix(x.Request.URL.Path, "/"), signin.Root+"/"))
	if err != nil {
		p.unknown(x)
		return
	}
	r, err := p.load(ctx, id)
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		p.unknown(x)
	case err != nil && !who.all:
		// Whether there is such a request is for nobody who may not see it.
		p.Log.ErrorContext(ctx, "a request can't be read", "request", string(id), site.Logged(err))
		p.unknown(x)
	case err != nil:
		p.unavailable(x, "a request can't be read", err)
	case !who.all && !who.takesPart(r.Reviewing, r.row.Rules, r.escalated):
		p.Log.InfoContext(ctx, "a request is not shown to somebody who takes no part", "request", string(id), "person", who.Person)
		p.unknown(x)
	case x.Request.Method == http.MethodPost:
		p.vote(x, who, r)
	default:
		p.show(x, http.StatusOK, who, r, notice{sent: sentOf(x.Request)})
	}
}

// unknown answers for a request that does not exist, and for one that the person may not see.
func (p *pages) unknown(x *site.Exchange) {
	x.Fail(&problem.Error{Code: problem.NotFound}, "review.unknown")
}

// load returns the request and, as long as it waits for people, what its policy row says now.
func (p *pages) load(ctx context.Context, id submission.ID) (review, error) {
	r, err := p.Requests.Load(ctx, id)
	if err != nil {
		return review{}, err
	}
	found := review{Request: r}
	v := r.Reviewing
	if v == nil {
		return found, nil
	}
	found.row.Rules, found.escalated = v.Rules, v.Escalated
	if r.State != request.Review {
		return found, nil
	}
	row, err := request.ReadReviewRow(ctx, p.Rows, policy.Parse, r, p.Now())
	if err != nil {
		return review{}, err
	}
	now := *v
	now.Rules = row.Rules
	found.row, found.escalated = row, now.HasEscalated(p.Now())
	return found, nil
}

// obstacle returns why the person can't vote, as the last part of the key of a text, "" if nothing
// is in the way.
func (r review) obstacle(who person) string {
	if r.Mark() == "" {
		return "over"
	}
	v := r.Reviewing
	_, voted := v.VoteOf(who.Person)
	switch {
	case r.Withdrawal.Open():
		return "withdrawn"
	case voted:
		return "voted"
	case slices.ContainsFunc(v.Ballots, func(b request.Ballot) bool { return b.By == who.Person }):
		return "kept"
	case strings.EqualFold(who.Name, r.Submission.Email.String()):
		return "own"
	case !who.decides(r.row.Rules, v.Stage, r.escalated):
		return "others"
	}
	return ""
}

// notice is what a page says beside the request.
type notice struct {
	sent    time.Time // when the person has sent a vote from this browser; zero if not
	changed bool      // the vote was about what has changed since
	unsent  bool      // the vote could not be sent
	fault   string    // names the field that is at fault, "" for none
	text    string    // what is wrong with it
	typed   form
}

// requestContent is what request.html gets.
type requestContent struct {
	account
	Path      string
	Reference submission.Reference
	State     string // in words
	Why       string // in English: one sentence about the state
	Sent      string // what has become of a vote that was sent, "" for none
	Pending   bool   // it is not applied yet
	Changed   bool
	Unsent    bool // a vote could not be sent
	Fault     string
	FaultText string
	Typed     form

	Erased    bool
	Email     string
	Person    string // the partner's name
	Company   string
	Country   string
	Reason    string
	Sponsor   string
	Submitted moment
	Proof     string

	Row    string
	Reread string // in English: why policy left it to a person
	Looked []policy.Look

	Operate string // the path of the page on which the person can give orders, "" for none

	Waits     bool
	Stage     string
	Deadline  moment
	Withdrawn string // in English, the rest of a sentence
	Groups    []named
	Sponsors  []named
	Member    bool
	RowNote   string // what an admin says of the row, such as what its groups are for
	Votes     []voteContent
	Kept      string // how many votes wait for the directory
	KeptWhy   string // in English
	History   []eventContent
	Earlier   string // the path of an earlier request of the address
	EarlierIs submission.Reference

	Obstacle   string // why the person can't vote; "" if the forms are shown
	MayApprove bool
	After      bool // one more person decides after this one
	Seen       string
	Shown      string
	StageIs    int
	Approve    string // what the buttons say
	Deny       string
}

type voteContent struct {
	Stage        int
	Name         string
	Authority    string
	Yes          bool
	Reason, Note string
	At           moment
}

type eventContent struct {
	At           moment
	What, Detail string
}

// show answers with the page of the request.
func (p *pages) show(x *site.Exchange, code int, who person, r review, n notice) {
	history, err := p.Requests.History(x.Request.Context(), r.ID)
	if err != nil {
		p.unavailable(x, "the history of a request can't be read", err)
		return
	}
	s := r.Submission
	c := &requestContent{
		account: p.signedInAs(x, who), Path: pathOf(r.ID), Reference: r.ID.Reference(),
		State: x.Say("review.state." + stateText(r.State)), Why: r.Request.Reason,
		Changed: n.changed, Unsent: n.unsent, Fault: n.fault, FaultText: n.text, Typed: n.typed,
		Erased: s.Email == submission.Address{}, Email: x.Isolated(s.Email.String()), Person: s.Name(), Company: s.Company,
		Country: s.Country, Reason: s.Reason, Sponsor: s.Sponsor.String(), Submitted: momentOf(s.SubmittedAt),
		Proof: x.Say("review.proof." + proofText(r.Proof)),
	}
	title := x.With("review.title", "Name", string(c.Reference))
	if c.Erased {
		c.Person = string(c.Reference)
	} else {
		title = x.With("review.title", "Name", s.Name())
	}
	if d := r.Decision; d != nil {
		c.Reread, c.Looked = d.Reason, d.Looked
		if d.Row != nil {
			c.Row = d.Row.Partition + " / " + d.Row.Name
		}
	}
	if r.RepeatOf != "" && who.all {
		c.Earlier, c.EarlierIs = pathOf(r.RepeatOf), r.RepeatOf.Reference()
	}
	if who.operator && len(r.Operates()) > 0 {
		c.Operate = orderPathOf(r.ID)
	}
	for _, e := range history {
		c.History = append(c.History, eventContent{momentOf(e.At), e.What, e.Text()})
	}
	obstacle := r.obstacle(who)
	if obstacle != "" {
		c.Obstacle = x.Say("review.obstacle." + obstacle)
	}
	if r.Reviewing != nil {
		p.addReview(x, c, who, r)
	}
	stale := slices.ContainsFunc(history, func(e request.Event) bool {
		_, hers := request.WhyIgnored(e.Detail, who.Person)
		return hers && e.What == request.StaleVote && e.At.After(n.sent)
	})
	c.addSent(x, p.Now(), who, r, n.sent, stale)
	x.Show(code, "request.html", site.Page{Title: title, Path: c.Path, Content: c})
}

// addReview adds where the request stands with the people who decide.
func (p *pages) addReview(x *site.Exchange, c *requestContent, who person, r review) {
	v := r.Reviewing
	// What was said among colleagues is for those who decide now, and for those who see all.
	notes := !who.Guest && (who.all || r.Mark() != "" && who.decides(r.row.Rules, v.Stage, r.escalated))
	for _, vote := range v.Votes {
		shown := voteContent{
			Stage: vote.Stage, Name: vote.Name, Authority: x.Say("review.authority." + string(vote.Authority)),
			Yes: vote.Yes, Reason: vote.Reason, At: momentOf(vote.At),
		}
		if notes {
			shown.Note = vote.Note
		}
		c.Votes = append(c.Votes, shown)
	}
	if len(v.Ballots) > 0 {
		c.Kept, c.KeptWhy = x.Count("review.kept", len(v.Ballots)), v.Why
	}
	if r.Mark() == "" {
		return
	}
	terms := r.row.Terms
	c.Waits, c.Deadline, c.Withdrawn = true, momentOf(v.Deadline), r.row.Withdrawn
	c.Stage = x.With("review.stageOf", "Stage", strconv.Itoa(v.Stage), "Stages", strconv.Itoa(r.row.Rules.Stages()))
	names := p.names(x, who, terms.Groups, terms.Sponsors)
	c.Groups, c.Sponsors, c.Member = names.show(terms.Groups), names.show(terms.Sponsors), terms.UserType == "Member"
	if r.row.Row != nil && !who.Guest {
		c.RowNote = r.row.Row.Note
	}
	c.MayApprove, c.After = r.row.Withdrawn == "", v.Stage < r.row.Rules.Stages() || v.Lapsed(terms)
	c.Seen, c.Shown, c.StageIs = r.Mark(), request.TermsMark(terms), v.Stage
	c.Approve = x.With("review.approve.button", "Name", c.Person)
	c.Deny = x.With("review.deny.button", "Name", c.Person)
}

// patience is how long a vote usually takes at most to be applied.
const patience = time.Minute

// addSent adds what has become of the vote that the person has sent. stale says that the history
// has it as one on something that has changed.
func (c *requestContent) addSent(x *site.Exchange, now time.Time, who person, r review, sent time.Time, stale bool) {
	if sent.IsZero() || r.Reviewing == nil || now.Sub(sent).Abs() > time.Hour {
		return
	}
	_, counted := r.Reviewing.VoteOf(who.Person)
	kept := slices.ContainsFunc(r.Reviewing.Ballots, func(b request.Ballot) bool { return b.By == who.Person })
	switch {
	case counted:
		c.Sent = x.Say("review.sent.counted")
	case kept:
		c.Sent = x.Say("review.sent.kept")
	case stale || r.Mark() == "" || r.Reviewing.Since.After(sent.Add(time.Second)):
		c.Sent = x.Say("review.sent.lost")
	case now.Sub(sent) < patience:
		c.Sent, c.Pending = x.Say("review.sent.pending"), true
	default:
		c.Sent, c.Pending = x.Say("review.sent.late"), true
	}
}

// stateText returns the last part of the key of a state's text.
func stateText(s request.State) string {
	switch s {
	case request.Review:
		return "waiting"
	case request.Approved, request.Inviting, request.Parked, request.Granting:
		return "approved"
	case request.Done:
		return "invited"
	case request.Denied:
		return "denied"
	case request.Received, request.Proving:
		return "open"
	}
	return "ended"
}

// proofText returns the last part of the key of a text about the proof of the mailbox.
func proofText(p request.Proof) string {
	switch {
	case p.Done():
		return "done"
	case p.Missing():
		return "missing"
	}
	return "none"
}
