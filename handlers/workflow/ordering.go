package workflow

import (
	"context"
	"fmt"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// Obey carries out an order of an operator: to take a failed request up again, to send its mail
// again, or to close the circuit breaker. The message is not trusted. Whether the person is in the
// group of operators at this moment is asked of the directory; as long as that can't say, the order
// rests on the queue and has no effect. An order that does not count is an event of the request, or
// a line in the log, and changes nothing else.
//
// An order has one effect at most: it is about what the operator saw, and that is different
// afterwards. After an error the message must come again; to carry it out twice does no harm.
func (w *Worker) Obey(ctx context.Context, messageID string, order request.Order) error {
	var waits bool
	var err error
	if order.Kind == request.CloseOrder {
		waits, err = w.obeyClose(ctx, order)
	} else {
		waits, err = w.obeyAbout(ctx, order)
	}
	if problem.CodeOf(err) == problem.RecordUnreadable {
		w.config.Log.ErrorContext(ctx, LogUnreadable, "request", order.ID, "error", err)
		waits = true
	}
	if !waits || ctx.Err() != nil {
		return err
	}
	return w.putDecisionBack(ctx, messageID, order, problem.New(problem.Internal,
		"%s had to wait for too long (%s); replay it once the cause is gone", nameOf(order), problem.CodeOf(err)))
}

// operatorRefusal returns why the person is no operator at this moment, as the rest of a sentence,
// "" for an operator. The error says that the directory can't tell.
func (w *Worker) operatorRefusal(ctx context.Context, id string) (refusal string, err error) {
	if w.config.Operators == "" {
		return "the app has no group of operators", nil
	}
	person, refusal, err := w.personOf(ctx, id)
	switch {
	case err != nil || refusal != "":
		return refusal, err
	case person.Guest:
		return "a guest operates nothing", nil
	}
	in, err := w.config.People.MemberOf(ctx, person.ID, []string{w.config.Operators})
	if err == nil && len(in) == 0 {
		refusal = "the person is not in the group of operators"
	}
	return refusal, err
}

// unanswered reports an order that waits because the directory can't say who has given it.
func (w *Worker) unanswered(ctx context.Context, order request.Order, cause error) (waits bool, err error) {
	if ctx.Err() == nil {
		w.config.Log.WarnContext(ctx, "an order waits on the queue: the directory could not say who has given it",
			"order", order.Kind, "request", order.ID, "person", order.By, "code", problem.CodeOf(cause), "error", cause)
	}
	return true, cause
}

// obeyClose closes the circuit breaker. waits says that the order must come again later.
func (w *Worker) obeyClose(ctx context.Context, order request.Order) (waits bool, err error) {
	log := w.config.Log.With("order", order.Kind, "request", order.ID, "person", order.By)
	refusal, err := request.RefusalOf(ctx, w.config.Gates, order)
	if err != nil {
		return false, err
	}
	if refusal == "" {
		refusal, err = w.operatorRefusal(ctx, order.By)
		if err != nil {
			return w.unanswered(ctx, order, err)
		}
	}
	if refusal != "" {
		log.WarnContext(ctx, LogOrderIgnored, "why", refusal)
		return false, nil
	}
	before, refusal, err := request.CloseByOrder(ctx, w.config.Gates, order, w.config.Now())
	switch {
	case err != nil:
		return false, fmt.Errorf("closing the breaker by an order: %w", err)
	case refusal != "":
		log.WarnContext(ctx, LogOrderIgnored, "why", refusal)
	default:
		log.WarnContext(ctx, LogOrderObeyed)
		w.config.Log.WarnContext(ctx, LogBreakerClosed, "request", "", "cause", before.Cause, "by", order.By)
	}
	return false, nil
}

// obeyAbout carries out an order about a request, and goes on with the request. waits says that the
// order must come again later.
func (w *Worker) obeyAbout(ctx context.Context, order request.Order) (waits bool, err error) {
	log := w.config.Log.With("order", order.Kind, "request", order.ID, "person", order.By)
	r, err := w.config.Store.Load(ctx, order.ID)
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		log.WarnContext(ctx, LogOrderIgnored, "why", "the request is not recorded")
		return false, nil
	case err != nil:
		return false, fmt.Errorf("loading request %s: %w", order.ID, err)
	case r.State == request.Void:
		log.WarnContext(ctx, LogOrderIgnored, "why", "the request was withdrawn before it came")
		return false, nil
	case r.Orders.Done(order):
		// The message has come twice. A process may have ended when the order was stored, and
		// before what follows from it.
		return false, w.goOnAfterOrder(ctx, r)
	}
	j := w.newJob(r)
	what, why := j.misfit(order)
	c := &request.Change{Request: r, Now: w.config.Now}
	if why == "" {
		err = c.Obey(order)
		if problem.CodeOf(err) == problem.InvalidInput {
			what, why = "order-refused", problem.From(err).Detail
		} else if err != nil {
			return false, err
		}
	}
	if why == "" {
		what = "order-refused"
		why, err = w.operatorRefusal(ctx, order.By)
		if err != nil {
			return w.unanswered(ctx, order, err)
		}
	}
	if why != "" {
		log.WarnContext(ctx, LogOrderIgnored, "why", why)
		return false, j.ignoreOrder(ctx, order, what, why)
	}
	err = c.SaveDue(ctx, w.config.Store)
	if err != nil {
		return false, fmt.Errorf("carrying out %s: %w", nameOf(order), err)
	}
	log.WarnContext(ctx, LogOrderObeyed, "state", c.Request.State)
	return false, w.goOnAfterOrder(ctx, c.Request)
}

// misfit returns why the order does not fit the request as it is, with the name of the event; ""
// if it does. It costs no call of the directory.
func (j *job) misfit(order request.Order) (what, why string) {
	r := j.Request
	switch {
	case r.Withdrawal.Open(), !r.Erased.IsZero():
		return "order-late", "the request is withdrawn or erased"
	case order.Seen != r.OrderMark():
		return "order-stale", "the request has changed since the operator looked; it has to be looked at anew"
	case r.Orders.Spent(j.config.Now()):
		return "order-refused", fmt.Sprintf(
			"%d orders about the request were carried out within %.0f hours; guestlist request can do more",
			request.MaxOrders, request.OrdersCounted.Hours())
	}
	return "", ""
}

// ignoreOrder notes an order that does not count, as far as the history has room for such. It names
// only the object id: the message may be forged.
func (j *job) ignoreOrder(ctx context.Context, order request.Order, what, why string) error {
	if j.Request.Orders.Ignored >= ignoredTold {
		return nil
	}
	j.Request.Orders.Ignored++
	j.Record(what, fmt.Sprintf("an order to %s in the name of %s does not count: %s", order.Kind, order.By, why))
	return j.save(ctx)
}

// goOnAfterOrder goes on with a request that an order has changed, if it is due.
func (w *Worker) goOnAfterOrder(ctx context.Context, r request.Request) error {
	if r.AtRest() || r.Due.After(w.config.Now()) {
		return nil
	}
	return w.Advance(ctx, submission.Message{ID: r.ID})
}
