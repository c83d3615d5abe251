package reviews

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/site"
)

// orderPathOf returns the path of the page on which operators give orders about the request. It
// has the reference and not the id, which is the key to the partner's status page.
func orderPathOf(id submission.ID) string { return ordersPath + "/" + string(id.Reference()) }

// orderEvents are the beginnings of the names of the events that tell operators what has become of
// orders. Their details name no partner.
var orderEvents = []string{"order-", "retried", "resend-", "resent", "code-wished"}

// mostOrderEvents is how many of them are shown at most, the latest.
const mostOrderEvents = 20

// ordersContent is what orders.html gets.
type ordersContent struct {
	account
	Path     string
	Back     string // the path of the list of decided requests
	Requests []orderedContent
	Outsider bool   // the person may give no orders
	Sent     string // what has become of an order that was sent, "" for none
	Pending  bool   // it is not carried out yet
	Changed  bool   // the order was about what has changed since
	Unsent   bool   // an order could not be sent
}

// orderedContent is a request as operators see it.
type orderedContent struct {
	foundContent
	Orders []orderContent
	Events []eventContent // of orders, in English
}

// orderContent is an order that can be given.
type orderContent struct {
	Kind        request.OrderKind
	Seen        string
	Title, Text string
}

// orderTexts are the beginnings of the keys of the texts about an order.
var orderTexts = map[request.OrderKind]string{
	request.RetryOrder: "review.orders.retry", request.ResendOrder: "review.orders.resend", request.CloseOrder: "review.orders.close",
}

// orders shows operators the requests of a reference, mostly one, and takes orders about them.
func (p *pages) orders(x *site.Exchange, who person) {
	reference, err := submission.ParseReference(strings.TrimPrefix(strings.TrimSuffix(x.Request.URL.Path, "/"), ordersPath+"/"))
	if err != nil {
		p.unknown(x)
		return
	}
	found, err := p.referred(x.Request.Context(), reference)
	switch {
	case err != nil:
		p.unavailable(x, "a request can't be read", err)
	case len(found) == 0:
		p.unknown(x)
	case x.Request.Method == http.MethodPost:
		p.orderAbout(x, who, reference, found)
	default:
		p.showOrders(x, http.StatusOK, who, reference, found, &ordersContent{})
	}
}

// referred returns the requests of the reference that can be read.
func (p *pages) referred(ctx context.Context, reference submission.Reference) ([]request.Request, error) {
	ids, err := p.Finder.Referred(ctx, reference)
	if err != nil {
		return nil, err
	}
	var found []request.Request
	for _, id := range ids[:min(len(ids), mostOfReference)] {
		r, err := p.Requests.Load(ctx, id)
		switch problem.CodeOf(err) {
		case "":
			if r.State != request.Void {
				found = append(found, r)
			}
		case problem.NotFound, problem.RecordUnreadable:
		default:
			return nil, err
		}
	}
	return found, nil
}

// showOrders answers with the page of the requests, and with what content says already.
func (p *pages) showOrders(x *site.Exchange, code int, who person, reference submission.Reference, found []request.Request, content *ordersContent) {
	content.account = p.signedInAs(x, who)
	content.Path, content.Back, content.Outsider = ordersPath+"/"+string(reference), historyPath, !who.operator
	since := sentOf(x.Request)
	for _, r := range found {
		shown := orderedContent{foundContent: p.found(x, who, r)}
		shown.Why = r.Reason
		for _, kind := range r.Operates() {
			text := orderTexts[kind]
			shown.Orders = append(shown.Orders, orderContent{kind, r.OrderMark(), x.Say(text + ".title"), x.Say(text + ".text")})
		}
		history, err := p.Requests.History(x.Request.Context(), r.ID)
		if err != nil {
			p.unavailable(x, "the history of a request can't be read", err)
			return
		}
		for _, e := range history {
			if slices.ContainsFunc(orderEvents, func(name string) bool { return strings.HasPrefix(e.What, name) }) {
				shown.Events = append(shown.Events, eventContent{momentOf(e.At), e.What, e.Text()})
			}
		}
		shown.Events = shown.Events[max(0, len(shown.Events)-mostOrderEvents):]
		done := slices.ContainsFunc(r.Orders.Last, func(o request.DoneOrder) bool { return o.By == who.Person && carriedOut(o.At, since) })
		content.Requests = append(content.Requests, shown)
		if content.Sent == "" || done {
			content.Sent, content.Pending = sayOrder(x, p.Now(), since, done)
		}
	}
	x.Show(code, "orders.html", site.Page{
		Title: x.With("review.title", "Name", string(reference)), Path: content.Path, Keep: keepSent(since), Content: content,
	})
}

// carriedOut reports whether what was done at that time may be the order that was sent then. The
// address of the page says the second.
func carriedOut(at, sent time.Time) bool { return !sent.IsZero() && !at.Before(sent.Add(-time.Second)) }

// sayOrder returns what has become of an order that the person has sent, "" if there is none.
// pending says that it may still be carried out.
func sayOrder(x *site.Exchange, now, sent time.Time, done bool) (text string, pending bool) {
	switch {
	case sent.IsZero() || now.Sub(sent).Abs() > time.Hour:
		return "", false
	case done:
		return x.Say("review.orders.done"), false
	case now.Sub(sent) < patience:
		return x.Say("review.orders.pending"), true
	}
	return x.Say("review.orders.late"), false
}

// orderAbout takes an order about one of the requests, and puts it on the queue. Whether it counts
// is for the worker to say, who asks the directory who the person is by then.
func (p *pages) orderAbout(x *site.Exchange, who person, reference submission.Reference, found []request.Request) {
	fields, err := readFields(x, "order", "seen")
	kind := request.OrderKind(fields["order"])
	if err == nil && kind != request.RetryOrder && kind != request.ResendOrder {
		err = site.Malformed(`The order must be "retry" or "resend".`)
	}
	if err != nil {
		x.Refuse(err)
		return
	}
	if !who.operator {
		p.showOrders(x, http.StatusForbidden, who, reference, found, &ordersContent{})
		return
	}
	i := slices.IndexFunc(found, func(r request.Request) bool { return r.OrderMark() == fields["seen"] })
	if i < 0 || !slices.Contains(found[i].Operates(), kind) {
		p.showOrders(x, http.StatusConflict, who, reference, found, &ordersContent{Changed: true})
		return
	}
	order := request.Order{Kind: kind, ID: found[i].ID, Seen: fields["seen"]}
	err = p.sendOrder(x, who, order)
	if err != nil {
		p.showOrders(x, http.StatusServiceUnavailable, who, reference, found, &ordersContent{Unsent: true})
		return
	}
	p.seeSent(x, ordersPath+"/"+string(reference))
}

// sendOrder puts an order of the person on the queue. An error is logged.
func (p *pages) sendOrder(x *site.Exchange, who person, order request.Order) error {
	ctx := x.Request.Context()
	order.By, order.Name, order.Given = who.Person, cmp.Or(who.Name, who.Person), p.Now()
	message, err := order.Encode()
	if err == nil {
		err = p.Queue.Enqueue(ctx, message)
	}
	if err != nil {
		p.Log.ErrorContext(ctx, "an order can't be put on the queue", site.Logged(err))
		x.RetryAfter(0)
		return err
	}
	p.Log.InfoContext(ctx, "an order is sent", "order", string(order.Kind), "request", string(order.ID), "person", who.Person)
	return nil
}

// keepSent returns the query of a page that tells what has become of what was sent then.
func keepSent(sent time.Time) url.Values {
	if sent.IsZero() {
		return nil
	}
	return url.Values{sentQuery: {strconv.FormatInt(sent.Unix(), 10)}}
}

// seeSent sends the browser to the page, which then tells what has become of what was sent.
func (p *pages) seeSent(x *site.Exchange, path string) {
	x.Header().Set("Location", path+"?"+keepSent(p.Now()).Encode())
	x.WriteHeader(http.StatusSeeOther)
}

// closeBreaker takes an order to close the circuit breaker, and puts it on the queue.
func (p *pages) closeBreaker(x *site.Exchange, who person, gate request.Gate) {
	fields, err := readFields(x, "seen", "gone")
	if err != nil {
		x.Refuse(err)
		return
	}
	switch {
	case !who.operator:
		p.showOperation(x, http.StatusForbidden, who, gate, &operationContent{})
	case gate.NotByOrder() != "" || fields["seen"] != gate.OpeningMark():
		p.showOperation(x, http.StatusConflict, who, gate, &operationContent{Changed: true})
	case fields["gone"] != "yes":
		p.showOperation(x, http.StatusUnprocessableEntity, who, gate, &operationContent{Untold: true})
	default:
		err = p.sendOrder(x, who, request.Order{Kind: request.CloseOrder, Seen: gate.OpeningMark()})
		if err != nil {
			p.showOperation(x, http.StatusServiceUnavailable, who, gate, &operationContent{Unsent: true})
			return
		}
		p.seeSent(x, operationPath)
	}
}
