package reviews

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"guestlist/handlers/operate"
	"guestlist/handlers/request"
	"guestlist/handlers/web/site"
)

// State reads how the app does: point reads, each of one row.
type State interface {
	// Gate is that of [request.GateStore], and Sweep that of [request.Records].
	Gate(ctx context.Context) (request.Gate, error)
	Sweep(ctx context.Context) (request.Sweep, error)
	// Pace returns how fast the app says that it sends invitations; false if it has not said so.
	Pace(ctx context.Context) (pace request.Pace, known bool, err error)
}

// operationContent is what operation.html gets.
type operationContent struct {
	account
	operate.Breaker
	SinceAt, Probe, ClosedAt, NextAt moment // of the breaker
	AlsoSince                        moment
	Sent                             string
	Ended                            moment // the last round of upkeep; zero if there was none
	Counts                           []countContent
	Overdue                          []overdueContent
	Stray                            int // policy rows under keys that match nobody
}

// countContent is something that upkeep has counted.
type countContent struct {
	Name  string
	Count int
}

// overdueContent is how many requests are in a state for too long, and since when the first.
type overdueContent struct {
	State     request.State
	Meaning   string // in English
	Count     int
	Submitted moment // the first of them
}

// operation shows operators whether invitations are sent, and what upkeep last counted.
func (p *pages) operation(x *site.Exchange, who person) {
	ctx := x.Request.Context()
	gate, err := p.State.Gate(ctx)
	if err != nil {
		p.unavailable(x, "the gate can't be read", err)
		return
	}
	pace, known, err := p.State.Pace(ctx)
	if err != nil {
		p.unavailable(x, "the app's report can't be read", err)
		return
	}
	sweep, err := p.State.Sweep(ctx)
	if err != nil {
		p.unavailable(x, "the record of upkeep can't be read", err)
		return
	}
	strays, err := p.Strays.Strays(ctx)
	if err != nil {
		p.unavailable(x, "the list of strays can't be read", err)
		return
	}
	config := operate.BreakerConfig{Gate: gate, Now: p.Now()}
	if known {
		config.Pace = &pace
	}
	content := &operationContent{account: p.signedInAs(x, who), Breaker: operate.NewBreaker(config), Stray: len(strays.All())}
	content.times()
	content.Sent = strconv.Itoa(content.SentToday)
	if known && pace.Daily > 0 {
		content.Sent = x.With("review.operation.ofDaily", "Sent", content.Sent, "Daily", strconv.Itoa(pace.Daily))
	}
	content.count(x, sweep)
	x.Show(http.StatusOK, "operation.html", site.Page{Title: x.Say("review.toOperation"), Path: operationPath, Content: content})
}

// times adds the times of the breaker.
func (c *operationContent) times() {
	c.SinceAt, c.Probe = momentOf(c.Since), momentOf(c.NextProbe)
	c.ClosedAt, c.NextAt = momentOf(c.LastClosedAt), momentOf(c.NextInvitation)
	if c.Also != nil {
		c.AlsoSince = momentOf(c.Also.Since)
	}
}

// count adds what the last round has counted.
func (c *operationContent) count(x *site.Exchange, sweep request.Sweep) {
	c.Ended = momentOf(sweep.Ended)
	if sweep.Ended.IsZero() {
		return
	}
	tally := sweep.Last
	c.Counts = []countContent{
		{x.Say("review.operation.unreadable"), tally.Unreadable}, {x.Say("review.operation.proving"), tally.Proving},
		{x.Say("review.operation.owed"), tally.Owed}, {x.Say("review.operation.erased"), tally.Erased},
	}
	for _, state := range request.States() {
		standing := tally.Overdue[state]
		if standing.Requests > 0 {
			c.Overdue = append(c.Overdue, overdueContent{state, state.Meaning(), standing.Requests, momentOf(standing.Oldest.Issued())})
		}
	}
	slices.SortStableFunc(c.Overdue, func(a, b overdueContent) int { return b.Count - a.Count })
}
