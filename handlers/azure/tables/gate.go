package tables

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// The keys of table Tenant.
const (
	tenantPartition = "tenant"
	gateName        = "gate"
	reportName      = "app"
)

// gateFields returns the columns of the gate.
func gateFields(gate *request.Gate) []field {
	return []field{
		{"BreakerCause", (*string)(&gate.Cause)},
		{"BreakerRef", &gate.Ref},
		{"BreakerOpenedAt", &gate.OpenedAt},
		{"BreakerProbeAt", &gate.ProbeAt},
		{"StopBy", &gate.Stop.By},
		{"StopReason", &gate.Stop.Reason},
		{"StopAt", &gate.Stop.At},
		{"StopToldAt", &gate.Stop.ToldAt},
		{"BreakerClosedBy", &gate.ClosedBy},
		{"BreakerClosedAt", &gate.ClosedAt},
		{"Witness1", (*string)(&gate.Witnesses[0].ID)},
		{"Witness1Guest", &gate.Witnesses[0].Guest},
		{"Witness1Answer", &gate.Witnesses[0].Answer},
		{"Witness2", (*string)(&gate.Witnesses[1].ID)},
		{"Witness2Guest", &gate.Witnesses[1].Guest},
		{"Witness2Answer", &gate.Witnesses[1].Answer},
		{"Witness3", (*string)(&gate.Witnesses[2].ID)},
		{"Witness3Guest", &gate.Witnesses[2].Guest},
		{"Witness3Answer", &gate.Witnesses[2].Answer},
		{"Accepted", (*optional)(&gate.Accepted)},
		{"Day", &gate.Day},
		{"Sent", &gate.Sent},
		{"Shares", &gate.Shares},
		{"Turns", (*optional)(&gate.Turns)},
		{"TurnsGivenBack", &gate.GivenBack},
		{"NextAt", &gate.NextAt},
		{"HeldUntil", &gate.HeldUntil},
		{"Pressure", &gate.Pressure},
		{"PressedAt", &gate.PressedAt},
	}
}

// Gate implements [request.GateStore].
func (s *Store) Gate(ctx context.Context) (request.Gate, error) {
	const doing = "reading the gate"
	stored, err := get(ctx, s.tenant, tenantPartition, gateName)
	if hasCode(err, aztables.ResourceNotFound) {
		return request.Gate{}, nil
	}
	if err != nil {
		return request.Gate{}, failure(doing, err)
	}
	return decodeGate(doing, stored)
}

func decodeGate(doing string, stored row) (request.Gate, error) {
	columns := reader{row: stored}
	gate := request.Gate{Version: stored.etag}
	columns.read(gateFields(&gate))
	if columns.err != nil {
		return request.Gate{}, failure(doing, columns.err)
	}
	return gate, nil
}

// SaveGate implements [request.GateStore]. After a problem.Conflict or a
// problem.StorageUnavailable the caller must read the gate again: the gate may have been written,
// and the answer lost.
func (s *Store) SaveGate(ctx context.Context, gate request.Gate) (request.Gate, error) {
	const doing = "saving the gate"
	r := newRow(tenantPartition, gateName, gateFields(&gate))
	_, err := decodeGate("reading it back", r)
	if err != nil {
		return request.Gate{}, problem.New(problem.Internal, "%s: %w", doing, err)
	}
	if gate.Version != "" {
		saved, err := replace(ctx, doing, s.tenant, r, gate.Version)
		if err != nil {
			return request.Gate{}, err
		}
		return decodeGate(doing, saved)
	}
	added, err := add(ctx, doing, s.tenant, r)
	if err != nil {
		return request.Gate{}, err
	}
	return decodeGate(doing, added)
}
