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
	SentText                         string // how many were sent today
	Ended                            moment // the last round of upkeep; zero if there was none
	Counts                           []countContent
	Overdue                          []overdueContent
	Stray                            int // policy rows under keys that match nobody

	Seen    string // the mark of the opening that the person can order to close; "" for none
	Never   bool   // no order closes the breaker as it is
	Sent    string // what has become of an order that was sent, "" for none
	Pending bool   // it is not carried out yet
	Changed bool   // the order was about what has changed since
	Untold  bool   // the order does not say that the cause is gone
	Unsent  bool   // an order could not be sent
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

// operation shows operators whether invitations are sent, and what upkeep last counted, and takes
// an order to close the circuit breaker.
func (p *pages) operation(x *site.Exchange, who person) {
	gate, err := p.State.Gate(x.Request.Context())
	switch {
	case err != nil:
		p.unavailable(x, "the gate can't be read", err)
	case x.Request.Method == http.MethodPost:
		p.closeBreaker(x, who, gate)
	default:
		p.showOperation(x, http.StatusOK, who, gate, &operationContent{})
	}
}

// showOperation answers with the page, and with what content says already.
func (p *pages) showOperation(x *site.Exchange, code int, who person, gate request.Gate, content *operationContent) {
	ctx := x.Request.Context()
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
	content.account, content.Breaker, content.Stray = p.signedInAs(x, who), operate.NewBreaker(config), len(strays.All())
	content.times()
	sent := sentOf(x.Request)
	content.Sent, content.Pending = sayOrder(x, p.Now(), sent, carriedOut(gate.ClosedAt, sent))
	if who.operator && content.Open {
		content.Never = gate.NotByOrder() != ""
		if !content.Never && !content.Pending {
			content.Seen = gate.OpeningMark()
		}
	}
	content.SentText = strconv.Itoa(content.SentToday)
	if known && pace.Daily > 0 {
		content.SentText = x.With("review.operation.ofDaily", "Sent", content.SentText, "Daily", strconv.Itoa(pace.Daily))
	}
	content.count(x, sweep)
	x.Show(code, "operation.html", site.Page{Title: x.Say("review.toOperation"), Path: operationPath, Keep: keepSent(sent), Content: content})
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
