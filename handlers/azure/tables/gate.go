package tables

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// The one row of table Tenant.
const (
	gatePartition = "tenant"
	gateName      = "gate"

	causeColumn    = "BreakerCause"
	refColumn      = "BreakerRef"
	openedAtColumn = "BreakerOpenedAt"
	probeAtColumn  = "BreakerProbeAt"
	closedByColumn = "BreakerClosedBy"
	closedAtColumn = "BreakerClosedAt"
	sentColumn     = "Sent"
	nextAtColumn   = "NextAt"

	heldUntilColumn = "HeldUntil"
	pressureColumn  = "Pressure"
	pressedAtColumn = "PressedAt"
	// Day is named as in a seat.
)

// Gate is invite.GateStore's.
func (s *Store) Gate(ctx context.Context) (request.Gate, error) {
	const doing = "reading the gate"
	stored, err := get(ctx, s.tenant, gatePartition, gateName)
	if hasCode(err, aztables.ResourceNotFound) {
		return request.Gate{}, nil
	}
	if err != nil {
		return request.Gate{}, failure(doing, err)
	}
	columns := reader{row: stored}
	gate := request.Gate{
		Cause:    problem.Code(columns.text(causeColumn)),
		Ref:      columns.text(refColumn),
		OpenedAt: columns.time(openedAtColumn),
		ProbeAt:  columns.time(probeAtColumn),
		ClosedBy: columns.text(closedByColumn),
		ClosedAt: columns.time(closedAtColumn),
		Day:      columns.text(dayColumn),
		Sent:     columns.count(sentColumn),
		NextAt:   columns.time(nextAtColumn),

		HeldUntil: columns.time(heldUntilColumn),
		Pressure:  columns.count(pressureColumn),
		PressedAt: columns.time(pressedAtColumn),

		Version: stored.etag,
	}
	if columns.err != nil {
		return request.Gate{}, failure(doing, columns.err)
	}
	return gate, nil
}

// SaveGate is invite.GateStore's. After a problem.Conflict or a problem.StorageUnavailable the caller must read the gate again: this very
// call may have written it, and its answer been lost.
func (s *Store) SaveGate(ctx context.Context, gate request.Gate) (request.Gate, error) {
	const doing = "saving the gate"
	gate.OpenedAt, gate.ProbeAt, gate.NextAt = toTick(gate.OpenedAt), toTick(gate.ProbeAt), toTick(gate.NextAt)
	gate.HeldUntil, gate.PressedAt, gate.ClosedAt = toTick(gate.HeldUntil), toTick(gate.PressedAt), toTick(gate.ClosedAt)
	r := row{partition: gatePartition, name: gateName, columns: map[string]any{}}
	r.set(causeColumn, string(gate.Cause))
	r.set(refColumn, gate.Ref)
	r.set(openedAtColumn, gate.OpenedAt)
	r.set(probeAtColumn, gate.ProbeAt)
	r.set(closedByColumn, gate.ClosedBy)
	r.set(closedAtColumn, gate.ClosedAt)
	r.set(dayColumn, gate.Day)
	r.set(sentColumn, int32(gate.Sent))
	r.set(nextAtColumn, gate.NextAt)
	r.set(heldUntilColumn, gate.HeldUntil)
	r.set(pressureColumn, int32(gate.Pressure))
	r.set(pressedAtColumn, gate.PressedAt)
	encoded, err := r.encode()
	if err != nil {
		return request.Gate{}, failure(doing, err)
	}
	var etag azcore.ETag
	if gate.Version == "" {
		var added aztables.AddEntityResponse
		added, err = s.tenant.AddEntity(ctx, encoded, nil)
		etag = added.ETag
	} else {
		var updated aztables.UpdateEntityResponse
		updated, err = s.tenant.UpdateEntity(ctx, encoded, &aztables.UpdateEntityOptions{IfMatch: ifMatch(gate.Version), UpdateMode: aztables.UpdateModeReplace})
		etag = updated.ETag
	}
	if hasCode(err, aztables.ResourceNotFound) {
		return request.Gate{}, problem.New(problem.Conflict, "%s: it is gone", doing)
	}
	if err != nil {
		return request.Gate{}, failure(doing, err)
	}
	gate.Version = string(etag)
	return gate, nil
}
