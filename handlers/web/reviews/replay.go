package reviews

import (
	"net/http"
	"net/url"
	"strings"

	"guestlist/handlers/operate"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/site"
)

// replayPath can't be the path of a policy row, which is a hash.
const replayPath = policiesPath + "/replay"

// perReplay is how many sign-ups a page decides again at most. Each may take a condition of every
// row.
const perReplay = 200

// replayContent is what replay.html gets.
type replayContent struct {
	account
	Back    string
	Cut     bool // there are more rows than a page reads, so nothing can be decided by them
	Counts  []countContent
	Changes []changeContent
	Reached moment // how far back the page goes; zero if there is nothing older
	Older   string // where the next page is, "" for none
	Newest  string // where the first page is, "" on that
}

// changeContent is the sign-ups whose decisions change in the same way.
type changeContent struct {
	Was, Becomes verdictContent
	Terms        []operate.TermChange
	Requests     []replayedContent
}

// verdictContent is a decision without its reasoning.
type verdictContent struct {
	Action  policy.Action
	Proof   policy.Proof // of the mailbox; "" if the other decision wants the same
	Row     string       // "" if no row decided
	RowPath string       // "" if there is no such row now
}

// replayedContent is a sign-up in a list of those that would be decided otherwise.
type replayedContent struct {
	Path      string // "" if the person may not open it
	Reference submission.Reference
	Address   string // masked, or no more than its domain
	Decided   moment
	Reason    string // of the new decision, in English
}

// replay shows which of the newest sign-ups the policy rows of this moment would decide otherwise,
// as guestlist policy replay does. Rows of which a part is missing would decide otherwise than
// they do, so of a larger table nothing is shown.
func (p *pages) replay(x *site.Exchange, who person) {
	ctx := x.Request.Context()
	content := &replayContent{account: p.signedInAs(x, who), Back: policiesPath}
	page := site.Page{Title: x.Say("review.replay.title"), Path: replayPath, Content: content}
	rows, cut, err := p.Policies.FirstRows(ctx, maxRows)
	if err != nil {
		p.unavailable(x, "the policy rows can't be read", err)
		return
	}
	if cut {
		content.Cut = true
		x.Show(http.StatusOK, "replay.html", page)
		return
	}
	until := x.Request.URL.Query().Get(untilQuery)
	found, err := p.find(ctx, request.Wanted{}, until, perReplay)
	if err != nil {
		p.unavailable(x, "sign-ups can't be read", err)
		return
	}
	decider, err := operate.MemoryDecider(rows)
	if err != nil {
		p.unavailable(x, "nothing can be decided", err)
		return
	}
	replay, err := operate.NewReplay(ctx, operate.ReplayConfig{Requests: found.Requests, Decider: decider})
	if err != nil {
		p.unavailable(x, "sign-ups can't be decided again", err)
		return
	}
	replay.Unreadable = len(found.Unreadable)
	content.count(x, replay)
	content.add(x, who, replay, rows)
	if until != "" {
		content.Newest, page.Keep = replayPath, url.Values{untilQuery: {until}}
	}
	if found.Next != "" {
		content.Reached = momentOf(found.Next.Issued())
		content.Older = replayPath + "?" + url.Values{untilQuery: {string(found.Next)}}.Encode()
	}
	x.Show(http.StatusOK, "replay.html", page)
}

// count adds how many sign-ups there are of each kind.
func (c *replayContent) count(x *site.Exchange, replay operate.Replay) {
	changed := 0
	for _, change := range replay.Changes {
		changed += len(change.Requests)
	}
	c.Counts = []countContent{
		{x.Say("review.replay.looked"), replay.Requests}, {x.Say("review.replay.otherwise"), changed},
		{x.Say("review.replay.same"), replay.Same}, {x.Say("review.replay.undecided"), replay.Undecided},
		{x.Say("review.replay.erased"), replay.Erased}, {x.Say("review.operation.unreadable"), replay.Unreadable},
	}
}

// add adds what would be decided otherwise.
func (c *replayContent) add(x *site.Exchange, who person, replay operate.Replay, rows []policy.Raw) {
	exists := map[policy.RowKey]bool{}
	for _, row := range rows {
		exists[row.Key()] = true
	}
	verdict := func(v, other operate.Verdict) verdictContent {
		content := verdictContent{Action: v.Action}
		if v.Proof != other.Proof {
			content.Proof = v.Proof
		}
		// The partition of a row for one address is masked, so that its key is not known here.
		key := policy.RowKey{Partition: v.Partition, Name: v.Row}
		if exists[key] {
			content.RowPath = pathOfRow(key)
		}
		if v.Partition != "" || v.Row != "" {
			content.Row = x.Isolated(v.Partition) + " / " + v.Row
		}
		return content
	}
	for _, change := range replay.Changes {
		shown := changeContent{
			Was: verdict(change.Was, change.Becomes), Becomes: verdict(change.Becomes, change.Was), Terms: change.TermChanges(),
		}
		for _, r := range change.Requests {
			shown.Requests = append(shown.Requests, replayed(x, who, r))
		}
		c.Changes = append(c.Changes, shown)
	}
}

// replayed returns a sign-up as the person may see it: as in the lists of requests, or, for people
// who have none of those, without anything of the mailbox.
func replayed(x *site.Exchange, who person, r operate.ReplayRequest) replayedContent {
	content := replayedContent{
		Reference: r.ID.Reference(), Address: x.Isolated(r.Address), Decided: momentOf(r.DecidedAt), Reason: r.Reason,
	}
	if !who.may(seekers) {
		content.Address = x.Isolated(r.Address[strings.LastIndexByte(r.Address, '@')+1:])
	}
	if who.all {
		content.Path = pathOf(r.ID)
	}
	return content
}
