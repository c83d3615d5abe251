package memstore

import (
	"context"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Gate implements [request.GateStore].
func (s *Store) Gate(ctx context.Context) (request.Gate, error) {
	return get(ctx, s, "Gate", func() (request.Gate, error) { return s.gate, s.readable(Record{Gate: true}) })
}

// SaveGate implements [request.GateStore].
func (s *Store) SaveGate(ctx context.Context, gate request.Gate) (request.Gate, error) {
	return get(ctx, s, "SaveGate", func() (request.Gate, error) {
		if gate.Version != s.gate.Version {
			return gate, problem.New(problem.Conflict, "the gate is saved as version %q, stored is %q", gate.Version, s.gate.Version)
		}
		toTicks(&gate.OpenedAt, &gate.ProbeAt, &gate.NextAt, &gate.HeldUntil, &gate.PressedAt, &gate.ClosedAt,
			&gate.Stop.At, &gate.Stop.ToldAt)
		gate.Version = s.newVersion()
		s.gate = gate
		return gate, nil
	})
}
