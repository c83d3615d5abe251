package simulation

import (
	"context"
	"strings"
	"time"

	"guestlist/handlers/request"
	"guestlist/handlers/workflow"
)

// losing is queues on which nothing is put back.
type losing struct{ request.Queues }

func (losing) Put(context.Context, string, []byte, time.Duration) error { return nil }

// orderMutants are the mutants about operators who give orders.
func orderMutants() []mutant {
	return []mutant{
		{lawOperators, "orders forged", "everybody is an operator", func(_ *run, config *workflow.Config) {
			config.People = anybody{config.People}
		}},
		{lawOperators, "operators leave", "those who are disabled still order", func(_ *run, config *workflow.Config) {
			config.People = unaware{config.People}
		}},
		{lawOperators, "directory silent about operators", "nobody is asked who orders", func(r *run, config *workflow.Config) {
			config.People = r.office
		}},
		{lawObeyedOnce, "orders come late or twice", "an order is not noted", bendSaves(func(r *request.Request) {
			r.Orders = request.Orders{}
		})},
		{lawObeyedOnce, "orders come late or twice", "all openings look the same", func(_ *run, config *workflow.Config) {
			config.Gates = bentGates{config.Gates, func(gate *request.Gate) {
				gate.ClosedAt = time.Time{}
				if gate.Cause != "" {
					gate.OpenedAt = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
				}
			}}
		}},
		{lawIgnored, "orders forged", "an order that does not count changes its request", bendStore(func(_ *run, s *bentStore) {
			s.save = func(saved *request.Request, events *[]request.Event) {
				if len(*events) > 0 && strings.HasPrefix((*events)[0].What, "order-") {
					saved.MailAsked = (*events)[0].At
				}
			}
		})},
		{lawIgnored, "orders forged", "forged orders fill the history", bendStore(func(_ *run, s *bentStore) {
			s.load = func(r request.Request) request.Request {
				r.Orders.Ignored = 0
				return r
			}
		})},
		{lawObeyed, "directory silent about operators", "orders that wait are lost", func(_ *run, config *workflow.Config) {
			config.Queues = losing{config.Queues}
		}},
	}
}
