package simulation

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/request"
	"guestlist/handlers/request/mempeople"
	"guestlist/handlers/submission"
)

// operators is the group of those who give orders.
const operators = "dddddddd-0000-4000-8000-000000000003"

// orderingStaff are the people of that group, who decide nothing.
var orderingStaff = staff[5:7]

// orderEvents are about operators who give orders.
var orderEvents = []event{
	{name: "operators order", shape: shapeOrders, plan: (*run).planOrders},
	{name: "orders come late or twice", shape: shapeOrders, plan: (*run).planLateOrders},
	{name: "orders forged", shape: shapeOrders, plan: (*run).planForgedOrders},
	{name: "operators leave", shape: shapeOrders, plan: (*run).planLeavingOperators},
	{name: "directory silent about operators", shape: shapeOrders, plan: (*run).planSilentOrders},
}

// orderBook is what the laws about orders know.
type orderBook struct {
	// given are the orders, with the numbers of the happenings at which they were. Those of
	// forgers are among them.
	given map[request.Order]int
	// obeyed are those that had an effect, and refused those that did not count and rightly so.
	obeyed, refused map[request.Order]bool
	// kept are the decisions that became dead letters, by their keys. Those are deleted in the end.
	kept map[string]bool
	// ignored counts the saves by orders that did not count.
	ignored map[submission.ID]int
	// ordersLeft is for how many requests that fail somebody gives an order.
	ordersLeft int
}

func newOrderBook() orderBook {
	return orderBook{given: map[request.Order]int{}, obeyed: map[request.Order]bool{}, refused: map[request.Order]bool{}, ignored: map[submission.ID]int{}, kept: map[string]bool{}}
}

func shapeOrders(_ *rand.Rand, p *profile) { p.acts = min(p.acts, 1) }

// planOrders lets operators give orders about requests, of which some fail, and about the breaker.
func (r *run) planOrders() {
	r.ordersLeft = 3 + r.random.IntN(6)
	for range 4 + r.random.IntN(8) {
		r.plan(r.now.Add(r.soon(30*time.Hour)), func() { r.order(pick(r.random, orderingStaff...), 0) })
	}
	if r.chance(2) {
		r.failForAWhile()
	}
	if r.chance(2) {
		code := pick(r.random, request.DirectoryInvitationsOff, request.DirectoryForbidden, request.DirectoryQuota, request.DirectorySuspicious)
		r.plan(r.now.Add(r.soon(time.Hour)), func() {
			r.tenant.Stopped = code
			r.happened("the tenant stops taking invitations: %s", code)
			r.plan(r.now.Add(r.soon(9*time.Hour)), r.lift)
		})
		for range 2 + r.random.IntN(4) {
			r.plan(r.now.Add(r.soon(12*time.Hour)), func() { r.orderClose(pick(r.random, orderingStaff...), 0) })
		}
	}
	if r.chance(4) {
		r.planStop()
	}
}

// failForAWhile lets a group take nobody, so that requests fail.
func (r *run) failForAWhile() {
	group := pick(r.random, groupOne, groupTwo)
	r.tenant.Refuse(group, request.DirectoryRefused)
	r.groupCame = true
	r.happened("group %s takes nobody", group)
	r.plan(r.now.Add(r.soon(8*time.Hour)), func() {
		delete(r.tenant.refuses, group)
		r.happened("group %s takes guests", group)
	})
}

// planLateOrders lets orders be given about what the operator saw some time before.
func (r *run) planLateOrders() {
	r.planOrders()
	for range 4 + r.random.IntN(8) {
		r.plan(r.now.Add(r.soon(40*time.Hour)), func() {
			late := r.soon(20 * time.Hour)
			if r.chance(3) {
				r.orderClose(pick(r.random, orderingStaff...), late)
			} else {
				r.order(pick(r.random, orderingStaff...), late)
			}
		})
	}
	for range 2 + r.random.IntN(6) {
		r.plan(r.now.Add(r.soon(40*time.Hour)), r.replayOrder)
	}
}

// planForgedOrders lets somebody who may send to the queue give orders as anybody.
func (r *run) planForgedOrders() {
	r.planOrders()
	for range 5 + r.random.IntN(40) {
		r.plan(r.now.Add(r.soon(30*time.Hour)), func() {
			by := fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", r.random.IntN(50))
			if r.chance(2) {
				by = pick(r.random, staff[:5]...)
			}
			if r.chance(4) {
				r.orderClose(by, 0)
			} else {
				r.order(by, 0)
			}
		})
	}
}

// planLeavingOperators lets operators leave, or the group lose them, and maybe come back.
func (r *run) planLeavingOperators() {
	r.planOrders()
	for range 1 + r.random.IntN(4) {
		r.plan(r.now.Add(r.soon(20*time.Hour)), func() {
			id := pick(r.random, orderingStaff...)
			switch r.random.IntN(3) {
			case 0:
				r.happened("%s is disabled", id)
				r.office.SetUser(mempeople.User{ID: id, Disabled: true})
			case 1:
				r.happened("%s leaves", id)
				r.office.Remove(id)
			default:
				r.happened("the operators are others")
				r.office.SetGroup(mempeople.Group{ID: operators, Members: []string{pick(r.random, staff...)}})
			}
			r.staffAt, r.staffAtTime = r.happenings, r.now
			if r.chance(2) {
				r.plan(r.now.Add(r.soon(10*time.Hour)), func() {
					r.happened("everybody is back")
					r.hire()
				})
			}
		})
	}
}

// planSilentOrders lets the directory say nothing about people for hours.
func (r *run) planSilentOrders() {
	r.planOrders()
	r.plan(r.now.Add(r.soon(5*time.Hour)), func() {
		r.silentFrom, r.silentUntil = r.now, r.now.Add(time.Minute+r.soon(20*time.Hour))
		r.happened("the directory says nothing about people until %s", r.silentUntil.Format("02 15:04"))
	})
}

// order lets the person give an order about a request, mostly one for which there is something to
// order, as it is now. The order is given some time later.
func (r *run) order(by string, later time.Duration) {
	var fit []submission.ID
	for _, id := range r.requests {
		if len(r.recorded[id].Operates()) > 0 {
			fit = append(fit, id)
		}
	}
	if len(fit) == 0 || r.chance(6) {
		fit = r.requests
	}
	if len(fit) == 0 {
		return
	}
	r.orderOn(pick(r.random, fit...), by, later)
}

// orderOn lets the person give an order about the request as it is now.
func (r *run) orderOn(id submission.ID, by string, later time.Duration) {
	seen := r.recorded[id]
	kind := pick(r.random, request.RetryOrder, request.RetryOrder, request.ResendOrder)
	if fit := seen.Operates(); len(fit) > 0 && !r.chance(6) {
		kind = pick(r.random, fit...)
	}
	r.plan(r.now.Add(later), func() { r.give(request.Order{Kind: kind, ID: id, Seen: seen.OrderMark(), By: by}) })
}

// orderClose lets the person order that the breaker is closed as it is now.
func (r *run) orderClose(by string, later time.Duration) {
	seen := r.gate.OpeningMark()
	if seen == "" {
		return
	}
	r.plan(r.now.Add(later), func() { r.give(request.Order{Kind: request.CloseOrder, Seen: seen, By: by}) })
}

// give puts an order on the queue, now and then twice, as after a double click.
func (r *run) give(order request.Order) {
	if r.isGone(queueService) {
		return
	}
	order.Name, order.Given = "Somebody", r.now
	order, err := order.Check()
	if err != nil {
		r.breach(lawInternal, "no order: %v", err)
		return
	}
	about := "the breaker"
	if order.ID != "" {
		about = r.nameOf(order.ID)
	}
	r.happened("%s orders a %s of %s", order.By, order.Kind, about)
	r.given[order] = r.happenings
	r.putDecision(order, false, r.now.Add(r.lateness()))
	if r.misfortune(10) {
		r.putDecision(order, false, r.now.Add(r.lateness()))
	}
	if r.chance(8) {
		again := order
		again.Given = again.Given.Add(time.Millisecond)
		r.given[again] = r.happenings
		r.putDecision(again, false, r.now.Add(r.lateness()))
	}
}

// replayOrder puts an order on the queue that was given before.
func (r *run) replayOrder() {
	if len(r.given) == 0 || r.isGone(queueService) {
		return
	}
	all := slices.SortedFunc(maps.Keys(r.given), func(a, b request.Order) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	order := pick(r.random, all...)
	r.happened("an order is replayed: a %s of %s", order.Kind, r.nameOf(order.ID))
	r.putDecision(order, false, r.now.Add(r.lateness()))
}

// operates reports whether the person is an operator at this moment. It is written apart from what
// the worker does.
func (r *run) operates(person string) bool {
	who, err := r.office.Person(r.context, person)
	if err != nil || !who.Enabled || who.Guest {
		return false
	}
	in, err := r.office.MemberOf(r.context, person, []string{operators})
	return err == nil && len(in) > 0
}

// obeys reports whether the call carries out its order by a save: a person's wish is stored, and no
// person has stored it.
func (r *run) obeys(by *call, before, after request.Request) bool {
	wished := after.Resend.ByPerson() && after.Resend != before.Resend
	retried := !after.Retried.Equal(before.Retried) // by a clock that is behind, it goes back
	return !by.on.admin && (retried || wished)
}

// savedOrder checks a save of a call that has an order.
func (r *run) savedOrder(by *call, before, after request.Request) {
	name := r.nameOf(after.ID)
	if r.obeys(by, before, after) {
		r.counted(by, before.OrderMark(), name)
		if by.order != nil && by.order.ID != after.ID {
			r.breach(lawOperators, "an order about %s has changed %s", r.nameOf(by.order.ID), name)
		}
		if after.Resend.Open() && !before.Resend.Open() {
			r.asked[r.address[after.ID]]++
		}
		r.personActed(by, before, after)
		return
	}
	if by.order == nil || r.obeyed[*by.order] {
		return
	}
	if r.staffAt < by.begunAt && r.operates(by.order.By) && r.fits(*by.order) {
		r.breach(lawObeyed, "an order of an operator about %s fits, and does not count", name)
	}
	r.refused[*by.order] = true
	r.ignored[after.ID]++
	after.Orders.Ignored, after.Version, after.Events, after.Changed = before.Orders.Ignored, before.Version, before.Events, before.Changed
	if was, is := before.Reviewing, after.Reviewing; was != nil && is != nil {
		// Every save of a worker puts the notices and the index right, also after a person's change.
		mended := *is
		mended.Put, mended.NextNotice, mended.Listed, mended.ListAgain = was.Put, was.NextNotice, was.Listed, was.ListAgain
		after.Reviewing = &mended
	}
	same := cmp.Equal(before, after, cmp.Comparer(func(a, b submission.Address) bool { return a == b }))
	if !same {
		r.breach(lawIgnored, "%s was changed by an order that did not count", name)
	}
	if r.ignored[after.ID] > mostIgnored {
		r.breach(lawIgnored, "the history of %s tells of %d orders that did not count", name, r.ignored[after.ID])
	}
}

// mostIgnored is how many orders that do not count the history of a request has.
const mostIgnored = 20

// counted checks that an order may have an effect, and keeps that it had. mark is that of what it
// has changed, before.
func (r *run) counted(by *call, mark, name string) {
	if by.order == nil {
		r.breach(lawOperators, "somebody's order about %s has an effect, and nobody gave one", name)
		return
	}
	order := *by.order
	_, given := r.given[order]
	silent := !by.started.Before(r.silentFrom) && r.now.Before(r.silentUntil)
	switch {
	case !given:
		r.breach(lawOperators, "an order about %s has an effect, and nobody gave it", name)
	case silent:
		r.breach(lawOperators, "an order about %s has an effect although the directory said nothing", name)
	case r.staffAt < by.begunAt && !r.operates(order.By):
		r.breach(lawOperators, "an order about %s has an effect, and %s is no operator", name, order.By)
	case strings.HasPrefix(order.By, "eeee"):
		r.breach(lawOperators, "a stranger's order about %s has an effect", name)
	}
	if r.obeyed[order] {
		r.breach(lawObeyedOnce, "an order about %s has two effects", name)
	}
	for other := range r.obeyed {
		if other.Seen == order.Seen {
			r.breach(lawObeyedOnce, "two orders about the same state of %s have an effect", name)
		}
	}
	if order.Seen != mark {
		r.breach(lawObeyedOnce, "an order about %s has an effect on what its author did not see", name)
	}
	r.obeyed[order] = true
	r.counts.Orders++
}

// closedByOrder checks that an order may close the breaker.
func (r *run) closedByOrder(by *call, before request.Gate) {
	r.counted(by, before.OpeningMark(), "the breaker")
	if by.order != nil && by.order.Kind != request.CloseOrder {
		r.breach(lawObeyedOnce, "an order to %s closes the breaker", by.order.Kind)
	}
	if before.Stop.Stands() || before.ProbeAt.IsZero() {
		r.breach(lawObeyedOnce, "an order closes the breaker although a person stopped all, or an attempt does harm: %s", before.Cause)
	}
}

// wantOrderKept checks that an order was carried out, is on a queue or is kept, before its dead
// letter is deleted, unless it counts no more.
func (r *run) wantOrderKept(order request.Order, m *message) {
	if r.fits(order) && !r.settled[decisionKey(order)] && !r.onQueue(order, m) && !r.isKept(order) {
		r.breach(lawGivenUp, "an order to %s is given up, and neither carried out nor kept", order.Kind)
	}
}

// fits reports whether the order would have an effect now, if an operator gave it.
func (r *run) fits(order request.Order) bool {
	if order.Kind == request.CloseOrder {
		return r.gate.NotByOrder() == "" && r.gate.OpeningMark() == order.Seen
	}
	record := r.recorded[order.ID]
	return record.OrderMark() == order.Seen && slices.Contains(record.Operates(), order.Kind) && len(record.Orders.Last) < request.MaxOrders
}

// onQueue reports whether another message than m has the order.
func (r *run) onQueue(order request.Order, m *message) bool {
	return slices.ContainsFunc(r.messages, func(o *message) bool { return o != m && sameDecision(o.decision, order) })
}

// noteKept remembers a dead letter that is a decision.
func (r *run) noteKept(letter request.DeadLetter) {
	message, err := request.DecodeDecision(letter.Body)
	if err == nil {
		r.kept[decisionKey(message)] = true
	}
}

// isKept reports whether the order became a dead letter.
func (r *run) isKept(order request.Order) bool { return r.kept[decisionKey(order)] }

// judgeOrders checks, once all is at rest, that no order of an operator is forgotten. One that was
// looked at while its author was no operator does not count, and one about what can't be read
// rests.
func (r *run) judgeOrders() {
	for order, at := range r.given {
		// Orders beyond those of which the history tells leave no trace.
		if r.obeyed[order] || r.refused[order] || r.recorded[order.ID].Orders.Ignored >= mostIgnored || at <= r.staffAt || !r.operates(order.By) || !r.fits(order) || r.waitsForGood(order.ID) || r.isKept(order) {
			continue
		}
		r.breach(lawObeyed, "an order to %s of %s, about %s, was never carried out, and fits", order.Kind, order.Given.Format("02 15:04:05"), r.nameOf(order.ID))
	}
}
