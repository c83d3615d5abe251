package request

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// A DecisionMessage is a message on [DecisionsQueue]: a [CastBallot] or an [Order]. Whoever may
// send to the queue can name anybody as its author, so the worker checks all of it again.
type DecisionMessage interface {
	// Encode returns the message for the queue. The error is InvalidInput, with a text for the
	// person, if it is one that DecodeDecision would refuse.
	Encode() ([]byte, error)
	// About is the request that the message is about; "" for the circuit breaker.
	About() submission.ID
	// Sent is when the person sent it, by the message's own account.
	Sent() time.Time
	// Returned is how often it was put back on the queue because it could not be carried out, and
	// WithReturns the message as one that was so often.
	Returned() int
	WithReturns(times int) DecisionMessage
}

// DecodeDecision reads a message of [DecisionsQueue]. The error is a MalformedMessage that quotes
// nothing of the content.
func DecodeDecision(data []byte) (DecisionMessage, error) {
	// A ballot has no kind: versions that knew no orders have sent ballots, too.
	var kind struct {
		Kind *json.RawMessage `json:"kind"`
	}
	err := json.Unmarshal(data, &kind)
	if err == nil && kind.Kind != nil {
		return DecodeOrder(data)
	}
	return DecodeBallot(data)
}

// readWire reads a message of the queue into wire. fault completes a sentence about the message,
// and quotes nothing of it; it is "" for none.
func readWire(data []byte, wire any) (fault string) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(wire)
	if err != nil {
		return "is not JSON of the known form"
	}
	_, err = decoder.Token()
	if err != io.EOF {
		return "is followed by something"
	}
	return ""
}

// About implements [DecisionMessage].
func (b CastBallot) About() submission.ID { return b.ID }

// Sent implements [DecisionMessage].
func (b CastBallot) Sent() time.Time { return b.Cast }

// Returned implements [DecisionMessage].
func (b CastBallot) Returned() int { return b.Returns }

// WithReturns implements [DecisionMessage].
func (b CastBallot) WithReturns(times int) DecisionMessage {
	b.Returns = times
	return b
}

// OrderKind is what an operator wants done.
type OrderKind string

const (
	RetryOrder  OrderKind = "retry"         // take a failed request up again
	ResendOrder OrderKind = "resend"        // send the mail of a request again
	CloseOrder  OrderKind = "close-breaker" // close the circuit breaker
)

// OrderKinds returns all kinds of orders.
func OrderKinds() []OrderKind { return []OrderKind{RetryOrder, ResendOrder, CloseOrder} }

// An Order is what an operator who has signed in wants done.
type Order struct {
	Kind OrderKind
	// ID is the request that it is about; "" for a CloseOrder.
	ID submission.ID
	// Seen is what the operator had before them: [Request.OrderMark], or [Gate.OpeningMark].
	Seen  string
	By    string // object id, in lower case
	Name  string // as the person signed in
	Given time.Time
	// Returns is how often the message was put back on the queue because it could not be carried
	// out.
	Returns int
}

// orderVersion is the version of the JSON form of an order on the queue.
const orderVersion = 1

// wireOrder is the JSON form of an Order.
type wireOrder struct {
	Version int       `json:"version"`
	Kind    OrderKind `json:"kind"`
	ID      string    `json:"id,omitempty"`
	Seen    string    `json:"seen"`
	By      string    `json:"by"`
	Name    string    `json:"name"`
	Given   string    `json:"given"` // nanoseconds since 1970
	Returns int       `json:"returns,omitempty"`
}

// Encode implements [DecisionMessage].
func (o Order) Encode() ([]byte, error) {
	o, err := o.Check()
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(wireOrder{
		Version: orderVersion, Kind: o.Kind, ID: string(o.ID), Seen: o.Seen, By: o.By, Name: o.Name,
		Given: strconv.FormatInt(o.Given.UnixNano(), 10), Returns: o.Returns,
	})
	if err != nil {
		return nil, problem.New(problem.Internal, "encoding an order: %w", err)
	}
	return encoded, nil
}

// About implements [DecisionMessage].
func (o Order) About() submission.ID { return o.ID }

// Sent implements [DecisionMessage].
func (o Order) Sent() time.Time { return o.Given }

// Returned implements [DecisionMessage].
func (o Order) Returned() int { return o.Returns }

// WithReturns implements [DecisionMessage].
func (o Order) WithReturns(times int) DecisionMessage {
	o.Returns = times
	return o
}

// DecodeOrder reads an order. The error is a MalformedMessage that quotes nothing of the content.
func DecodeOrder(data []byte) (Order, error) {
	fail := func(what string) (Order, error) {
		return Order{}, problem.New(problem.MalformedMessage, "the order %s", what)
	}
	var wire wireOrder
	fault := readWire(data, &wire)
	switch {
	case fault != "":
		return fail(fault)
	case wire.Version != orderVersion:
		return fail("is of a version that this program does not read")
	case wire.Returns < 0 || wire.Returns > submission.MaxReturns:
		return fail("can't have come back so often")
	}
	given, err := strconv.ParseInt(wire.Given, 10, 64)
	if err != nil || given <= 0 {
		return fail("does not say when it was given")
	}
	order, err := Order{
		Kind: wire.Kind, ID: submission.ID(wire.ID), Seen: wire.Seen, By: wire.By, Name: wire.Name,
		Given: time.Unix(0, given).UTC(), Returns: wire.Returns,
	}.Check()
	if err != nil {
		return fail("has parts that no page would send")
	}
	return order, nil
}

// Check returns the order in the one form in which it is sent. The error is InvalidInput, with a
// text for the person.
func (o Order) Check() (Order, error) {
	wrong := func(public, detail string) (Order, error) {
		return Order{}, &problem.Error{Code: problem.InvalidInput, Public: public, Detail: detail}
	}
	by, isID := policy.ParseGUID(o.By)
	o.By, o.Name = by, strings.Join(strings.Fields(printable(o.Name)), " ")
	if !isID || o.Name == "" || utf8.RuneCountInString(o.Name) > maxVoter {
		return wrong("who gives the order is not known", "the order has no author")
	}
	_, idErr := submission.ParseID(string(o.ID))
	about := idErr == nil
	if o.Kind == CloseOrder {
		about = o.ID == ""
	}
	if !slices.Contains(OrderKinds(), o.Kind) || !about || !isMark(o.Seen) || o.Given.UnixNano() <= 0 {
		return wrong("what the order is about is not known", "the order does not say what it is about")
	}
	o.Given = o.Given.UTC().Truncate(Tick)
	return o, nil
}

// Who returns the operator for the history: the name as it is in the message, and the object id,
// which alone was checked.
func (o Order) Who() string { return o.Name + " (" + o.By + ")" }

// markBytes is the length of a mark, in bytes before it is written in hex.
const markBytes = 16

// markOf returns a short name of all the parts together.
func markOf(parts ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, parts...))
	return hex.EncodeToString(sum[:markBytes])
}

func isMark(text string) bool {
	decoded, err := hex.DecodeString(text)
	return err == nil && len(decoded) == markBytes && strings.ToLower(text) == text
}

// tickOf returns a time as stores keep it.
func tickOf(t time.Time) string { return t.UTC().Truncate(Tick).Format(time.RFC3339Nano) }

// OrderMark names what an operator sees of the request: an order that has another mark does not
// count. It changes with the state and with each order that was carried out.
func (r Request) OrderMark() string {
	return markOf(r.ID, " ", r.State, " ", tickOf(r.Since), " ", tickOf(r.Retried), " ", r.Orders.Count)
}

// OpeningMark names the opening of the circuit breaker by the directory's cause, so that an order
// to close it closes no later one. It is "" if there is none.
func (g Gate) OpeningMark() string {
	if g.Cause == "" {
		return ""
	}
	return markOf(g.Cause, " ", tickOf(g.OpenedAt), " ", tickOf(g.ClosedAt))
}

const (
	// MaxOrders is how many orders about one request are carried out within OrdersCounted. Whoever
	// may send to the queue can send any number, and each can lead to a mail.
	MaxOrders     = 5
	OrdersCounted = 24 * time.Hour
)

// Orders is what has become of the orders of operators about a request.
type Orders struct {
	Count int `json:"count,omitempty"` // of those that were carried out
	// Last are the last of those, MaxOrders at most, the latest last.
	Last []DoneOrder `json:"last,omitempty"`
	// Ignored counts the orders that did not count. The history has the first few.
	Ignored int `json:"ignored,omitempty"`
}

// DoneOrder is an order that was carried out.
type DoneOrder struct {
	Kind OrderKind `json:"kind"`
	Mark string    `json:"mark"`         // names the message
	By   string    `json:"by,omitempty"` // the object id of the operator
	At   time.Time `json:"at"`
}

// messageMark names the order among all others.
func (o Order) messageMark() string {
	return markOf(o.Kind, " ", o.ID, " ", o.Seen, " ", o.By, " ", tickOf(o.Given))
}

// Done reports whether the order is one of the last that were carried out: its message has come
// again.
func (d Orders) Done(order Order) bool {
	mark := order.messageMark()
	return slices.ContainsFunc(d.Last, func(done DoneOrder) bool { return done.Mark == mark })
}

// Spent reports whether so many orders were carried out lately that no other one is.
func (d Orders) Spent(now time.Time) bool {
	return len(d.Last) >= MaxOrders && now.Sub(d.Last[len(d.Last)-MaxOrders].At).Abs() < OrdersCounted
}

// Obey makes of the request what the order says, as [Change.Retry] and [Change.WishMail] do for the
// command line, by the same rules, and notes the order. Whether it counts is for the caller. The
// error is InvalidInput, with a text for a person, if the request is in no state for it, or the
// mail is on its way already.
func (c *Change) Obey(order Order) error {
	var err error
	events := len(c.Events)
	switch order.Kind {
	case RetryOrder:
		err = c.Retry(order.Who())
	case ResendOrder:
		err = c.WishMail(order.Who())
	default:
		err = problem.New(problem.Internal, "an order to %s is about no request", order.Kind)
	}
	if err == nil && len(c.Events) == events {
		err = problem.Refuse("request %s: the mail is on its way already", order.ID)
	}
	if err != nil {
		return err
	}
	done := &c.Request.Orders
	done.Count++
	done.Last = append(slices.Clone(done.Last), DoneOrder{
		Kind: order.Kind, Mark: order.messageMark(), By: order.By, At: c.Now().UTC().Truncate(Tick),
	})
	done.Last = done.Last[max(0, len(done.Last)-MaxOrders):]
	return nil
}

// Operates returns what a request can be ordered to do as it is, in the order of OrderKinds.
func (r Request) Operates() (kinds []OrderKind) {
	for _, kind := range []OrderKind{RetryOrder, ResendOrder} {
		c := Change{Request: r, Now: func() time.Time { return r.Changed }}
		if c.Obey(Order{Kind: kind, ID: r.ID}) == nil {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// NotByOrder returns why no order closes the circuit breaker, as the rest of a sentence about it;
// "" if one does. An order rests on less than what a person shows who uses the command: so it
// neither overrules a person, nor does it let anything be tried where trying does harm.
func (g Gate) NotByOrder() string {
	switch {
	case g.Stop.Stands():
		return "was opened by a person: only guestlist breaker close ends that"
	case g.Cause == "":
		return "is closed"
	case !Probe(g.Cause):
		return "is open for a cause (" + string(g.Cause) + ") for which further attempts make it worse: only guestlist breaker close ends that"
	}
	return ""
}

// CloseByOrder closes the circuit breaker as the order says, if it is the opening that the operator
// had before them and an order may close it, and returns the gate as it was before. refusal is why
// it stays as it is, as the rest of a sentence about it. Errors are those of [ChangeGate].
func CloseByOrder(ctx context.Context, gates GateStore, order Order, now time.Time) (before Gate, refusal string, err error) {
	before, err = ChangeGate(ctx, gates, func(gate Gate) (Gate, bool) {
		refusal = gate.refusalOf(order)
		if refusal != "" {
			return gate, false
		}
		return gate.Close(order.Who(), now), true
	})
	return before, refusal, err
}

// refusalOf returns why the order does not close the circuit breaker as it is, "" if it does.
func (g Gate) refusalOf(order Order) string {
	why := g.NotByOrder()
	if why == "" && order.Seen != g.OpeningMark() {
		why = "was opened anew, or for another cause, since the operator looked"
	}
	return why
}

// RefusalOf is like [CloseByOrder], and changes nothing.
func RefusalOf(ctx context.Context, gates GateStore, order Order) (refusal string, err error) {
	gate, err := gates.Gate(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the gate: %w", err)
	}
	return gate.refusalOf(order), nil
}
