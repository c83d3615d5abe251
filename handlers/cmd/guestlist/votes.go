package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/azure/identity"
	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/review"
	"guestlist/handlers/submission"
)

// votePatience is how long a command waits until the app has applied a vote. The host looks at the
// queue every few seconds, and may have to be started first.
const votePatience = 30 * time.Second

// voting are the flags of a vote.
type voting struct {
	As     string `placeholder:"ID" help:"Beside a local run: vote as this user of its directory, by object id."`
	NoWait bool   `help:"Do not wait for the app to apply the vote."`
	Direct bool   `help:"Write the decision into the request without a vote, whatever the row says of who decides. This is for emergencies, and needs the right to write to the tables."`
}

const votingHelp = `The decision is your vote: it goes onto the queue of decisions like those of the review pages, under your object id and your name. The app asks the directory who you are, and counts the vote if the policy row or the group of reviewers lets you decide. The command waits up to 30 seconds, and tells what has become of the vote. It exits with 1 if the vote does not count, and with 3 if the app has not applied it by then.

The role Storage Queue Data Message Sender on the queue is needed, and to look at the request Storage Table Data Reader.`

// voter returns the person who is signed in, or the one that --as names.
func (v voting) voter(s *session, at place) (operate.Voter, error) {
	if at.config.Credential == nil {
		return v.localVoter(s, at)
	}
	if v.As != "" {
		return operate.Voter{}, usage("--as is for local runs; here the vote is that of the person who is signed in")
	}
	token, err := at.config.Credential.GetToken(s.ctx, azpolicy.TokenRequestOptions{Scopes: []string{identity.StorageScope}})
	if err != nil {
		return operate.Voter{}, fmt.Errorf("finding out who votes: %w", err)
	}
	claims, err := identity.ParseClaims(token.Token)
	if err != nil {
		return operate.Voter{}, fmt.Errorf("finding out who votes: %w", err)
	}
	id, name, isPerson := claims.Person()
	if !isPerson {
		return operate.Voter{}, usage("the Azure CLI is not signed in as a person, and only people vote; see --direct")
	}
	return operate.Voter{ID: id, Name: name}, nil
}

// localVoter returns the user of a local run's directory that --as names.
func (v voting) localVoter(s *session, at place) (operate.Voter, error) {
	id, valid := policy.ParseGUID(v.As)
	if !valid {
		return operate.Voter{}, usage("beside a local run nobody is signed in: say by --as and an object id who votes")
	}
	voter := operate.Voter{ID: id, Name: id + localMark}
	if at.graph == "" {
		return voter, nil
	}
	tenant, err := graph.New(graph.Config{URL: at.graph})
	if err != nil {
		return operate.Voter{}, fmt.Errorf("connecting to the directory: %w", err)
	}
	user, err := tenant.Principal(s.ctx, id)
	if err != nil && problem.CodeOf(err) != problem.NotFound {
		return operate.Voter{}, err
	}
	voter.Name = cmp.Or(user.DisplayName, id) + localMark
	return voter, nil
}

// vote sends a vote about the request as it was shown, and prints what has become of it.
func (v voting) vote(s *session, d *deployment, record request.Request, ballot request.CastBallot) error {
	message, err := ballot.Encode()
	if err != nil {
		return err
	}
	onQueues, err := d.queues()
	if err != nil {
		return err
	}
	watch, err := operate.NewWatch(s.ctx, d, record.ID, ballot.By)
	if err != nil {
		return err
	}
	err = onQueues.Put(s.ctx, request.DecisionsQueue, message, 0)
	if err != nil {
		return advised{fmt.Errorf("sending the vote: %w", err),
			"It needs the role Storage Queue Data Message Sender on the queue " + request.DecisionsQueue + "."}
	}
	result := operate.VoteResult{Outcome: operate.VoteSent, Request: record}
	if !v.NoWait {
		fmt.Fprintln(s.stderr, "The vote is sent. Waiting for the app to apply it ...")
		result, err = watch.Result(s.ctx, ballot.Ballot, votePatience)
		if err != nil {
			return fmt.Errorf("%w (the vote is sent)", err)
		}
	}
	return v.conclude(s, result)
}

// conclude prints what has become of a vote, and returns how the command ends.
func (v voting) conclude(s *session, result operate.VoteResult) error {
	type vote struct {
		Outcome operate.VoteOutcome `json:"outcome"`
		Why     string              `json:"why,omitempty"`
	}
	answer := struct {
		Vote     vote                     `json:"vote"`
		Requests []operate.RequestSummary `json:"requests"`
	}{vote{result.Outcome, result.Why}, operate.ListRequests([]request.Request{result.Request}, false)}
	err := s.print(answer, func(w io.Writer) {
		fmt.Fprintln(w, plain(v.told(result)))
	})
	switch {
	case err != nil:
		return err
	case result.Outcome == operate.VoteIgnored:
		return errFindings
	case result.Outcome == operate.VoteSent && !v.NoWait:
		return fmt.Errorf("the app has not applied the vote within %v", votePatience)
	}
	return nil
}

// told says what has become of a vote.
func (v voting) told(result operate.VoteResult) string {
	r := result.Request
	switch {
	case result.Outcome == operate.VoteCounted && r.State == request.Review && r.Reviewing != nil:
		return fmt.Sprintf("The vote counts. Request %s waits for another person now: stage %d of %d.",
			r.ID, r.Reviewing.Stage, r.Reviewing.Rules.Stages())
	case result.Outcome == operate.VoteCounted:
		return fmt.Sprintf("The vote counts. Request %s is %s: %s", r.ID, r.State, operate.ListRequests([]request.Request{r}, false)[0].Reason)
	case result.Outcome == operate.VoteKept:
		return "The vote is kept, and applied once it can: " + result.Why
	case result.Outcome == operate.VoteIgnored:
		return "The vote does not count: " + result.Why
	}
	return "The vote is sent. guestlist request show " + string(r.ID) + " tells what becomes of it."
}

type requestApproveCommand struct {
	requestArg
	Note    string   `placeholder:"TEXT" help:"Why, for those who look later."`
	Row     string   `placeholder:"'PARTITION NAME'" help:"With --direct: invite on the terms of this row, such as 'contoso.com trusted', instead of those of the row that decided."`
	Group   []string `placeholder:"ID" help:"With --direct: grant this group, by its object id, and none of the row's; may be given several times."`
	Sponsor []string `placeholder:"ID" help:"With --direct: make this user or group the sponsor, in place of the row's; may be given several times."`
	NoMail  bool     `help:"With --direct: let no mail tell the guest, whatever the row says."`
	voting
	confirmation
}

func (requestApproveCommand) Help() string {
	return "Shows the terms of the invitation, and asks. The vote is for these terms: if the policy row gives other groups, sponsors or another account by the time at which the vote is applied, it does not count. A person who approves is not bound by the row's limits.\n\n" +
		votingHelp + "\n\nWith --direct nobody checks who decides, a second approver is not asked, and the terms can be others than the row's."
}

// named returns the row that the flags name, if any, after a check of all flags.
func (c requestApproveCommand) named() (*policy.RowKey, error) {
	for _, id := range slices.Concat(c.Group, c.Sponsor) {
		_, valid := policy.ParseGUID(id)
		if !valid {
			return nil, usage("--group and --sponsor: %q is not an object id; it looks like 11111111-1111-4111-8111-111111111111", id)
		}
	}
	switch {
	case len(c.Sponsor) > policy.MaxSponsors:
		return nil, usage("--sponsor: a guest has at most %d sponsors", policy.MaxSponsors)
	case !c.Direct && (c.Row != "" || len(c.Group) > 0 || len(c.Sponsor) > 0 || c.NoMail):
		return nil, usage("a vote is for the terms of the policy row; --row, --group, --sponsor and --no-mail need --direct")
	case c.Row == "":
		return nil, nil
	}
	return parseRow(c.Row)
}

// parseRow parses the key of a row in a flag --row.
func parseRow(text string) (*policy.RowKey, error) {
	partition, name, _ := strings.Cut(text, " ")
	if name == "" {
		return nil, usage("--row: write the partition, a space and the row's name, such as 'contoso.com trusted'")
	}
	return &policy.RowKey{Partition: partition, Name: name}, nil
}

func (c requestApproveCommand) Run(s *session, r *requestCommand) error {
	named, err := c.named()
	if err != nil {
		return err
	}
	d, err := r.ProvideDeployment(s)
	if err != nil {
		return err
	}
	record, err := c.load(s, d)
	if err != nil {
		return err
	}
	rows, err := d.AllRows(s.ctx)
	if err != nil {
		return err
	}
	offer, err := operate.TermsFor(rows, record, named)
	if err != nil {
		return problem.New(problem.InvalidInput, "%s", err)
	}
	terms := &offer.Terms
	if len(c.Group) > 0 {
		terms.Groups = lower(c.Group)
	}
	if len(c.Sponsor) > 0 {
		terms.Sponsors = lower(c.Sponsor)
	}
	if c.NoMail {
		terms.InvitationMail = policy.NoInvitationMail
	}
	if s.output == "table" {
		printTermsFor(s.stdout, record, offer)
	}
	if !c.Direct {
		return c.byVote(s, d, record, offer.Terms)
	}
	if record.State == request.Review {
		err = c.ask(s, "Invite this guest, without a vote?")
		if err != nil {
			return err
		}
	}
	return c.act(s, d, func(v *review.Reviewer, ctx context.Context, _ submission.ID) (request.Request, error) {
		return v.Approve(ctx, record, *terms, c.Note)
	})
}

// byVote votes for the request on the terms, which were shown.
func (c requestApproveCommand) byVote(s *session, d *deployment, record request.Request, shown policy.Terms) error {
	voter, err := c.voter(s, d.place)
	if err != nil {
		return err
	}
	words := operate.Words{Note: c.Note}
	_, err = operate.NewBallot(record, voter, true, shown, words, s.now())
	if err != nil {
		return err // before anybody is asked
	}
	err = c.ask(s, "Vote for inviting this guest?")
	if err != nil {
		return err
	}
	ballot, err := operate.NewBallot(record, voter, true, shown, words, s.now())
	if err != nil {
		return err
	}
	return c.vote(s, d, record, ballot)
}

// lower returns the texts in lower case, each once.
func lower(texts []string) []string {
	var all []string
	for _, text := range texts {
		text = strings.ToLower(text)
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

type requestDenyCommand struct {
	requestArg
	Reason string `placeholder:"TEXT" help:"Why, for the partner, who may get it by mail."`
	Note   string `placeholder:"TEXT" help:"Why, for those who look later. The partner does not see it."`
	voting
}

func (requestDenyCommand) Help() string {
	return "One no ends a request in review. It needs a reason or a note, or both.\n\n" + votingHelp +
		"\n\nWith --direct nobody checks who decides, and the request may be in any state in which it has not led to a guest. The partner is told no reason, so --note says why."
}

func (c requestDenyCommand) Run(s *session, r *requestCommand) error {
	switch {
	case c.Direct && c.Reason != "":
		return usage("with --direct the partner is told no reason: write in --note why")
	case c.Direct && c.Note == "":
		return usage("--direct needs --note, which says why")
	case c.Reason == "" && c.Note == "":
		return usage("a denial needs --reason, which the partner may get, or --note, which colleagues see")
	}
	d, err := r.ProvideDeployment(s)
	if err != nil {
		return err
	}
	if c.Direct {
		return c.act(s, d, func(v *review.Reviewer, ctx context.Context, id submission.ID) (request.Request, error) {
			return v.Deny(ctx, id, c.Note)
		})
	}
	record, err := c.load(s, d)
	if err != nil {
		return err
	}
	voter, err := c.voter(s, d.place)
	if err != nil {
		return err
	}
	words := operate.Words{Reason: c.Reason, Note: c.Note}
	ballot, err := operate.NewBallot(record, voter, false, policy.Terms{}, words, s.now())
	if err != nil {
		return err
	}
	return c.vote(s, d, record, ballot)
}
