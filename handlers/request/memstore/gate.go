package memstore

import (
	"context"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Gate is invite.GateStore's.
func (s *Store) Gate(ctx context.Context) (request.Gate, error) {
	var gate request.Gate
	err := s.do(ctx, "Gate", func() error {
		gate = s.gate
		return nil
	})
	if err != nil {
		return request.Gate{}, err
	}
	return gate, nil
}

// SaveGate is invite.GateStore's. Times come back in UTC, cut to 100 ns.
func (s *Store) SaveGate(ctx context.Context, gate request.Gate) (request.Gate, error) {
	var saved request.Gate
	err := s.do(ctx, "SaveGate", func() error {
		if gate.Version != s.gate.Version {
			return problem.New(problem.Conflict, "the gate is saved as version %q, stored is %q", gate.Version, s.gate.Version)
		}
		gate.OpenedAt, gate.ProbeAt, gate.NextAt = toTick(gate.OpenedAt), toTick(gate.ProbeAt), toTick(gate.NextAt)
		gate.HeldUntil, gate.PressedAt, gate.ClosedAt = toTick(gate.HeldUntil), toTick(gate.PressedAt), toTick(gate.ClosedAt)
		gate.Version = s.newVersion()
		s.gate = gate
		saved = gate
		return nil
	})
	if err != nil {
		return request.Gate{}, err
	}
	return saved, nil
}
