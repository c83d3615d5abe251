package storetest

import (
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

var gateTests = map[string]func(*testing.T, Store){
	"before the first save the gate is zero": func(t *testing.T, store Store) {
		gate := must(store.Gate(t.Context()))(t)
		wantSame(t, "Gate", request.Gate{}, gate)
	},

	"every field is kept": func(t *testing.T, store Store) {
		full := request.Gate{
			Cause: request.DirectoryForbidden, Ref: "a ref", OpenedAt: start, ProbeAt: start.Add(time.Hour), Day: "2026-03-01", Sent: 7, Accepted: 1234, NextAt: start.Add(time.Second),
			HeldUntil: start.Add(2 * time.Second), Pressure: 97, PressedAt: start.Add(3 * time.Second), ClosedBy: "desk@fabrikam.com", ClosedAt: start.Add(4 * time.Second),
			Witnesses: [request.MostWitnesses]request.Witness{
				{ID: newID(t), Guest: "g", Answer: "a"}, {ID: newID(t), Guest: "h", Answer: "b 403"}, {ID: newID(t), Guest: "i", Answer: "c"},
			},
			Shares: "0123456789ab:5", Turns: 20, GivenBack: "18 19",
			Stop: request.Stop{By: "desk@fabrikam.com", Reason: "a “reason”", At: start.Add(5 * time.Second),
				ToldAt: start.Add(6 * time.Second)},
		}
		want := full
		want.OpenedAt, want.ProbeAt, want.NextAt = stored, stored.Add(time.Hour), stored.Add(time.Second)
		want.HeldUntil, want.PressedAt, want.ClosedAt = stored.Add(2*time.Second), stored.Add(3*time.Second), stored.Add(4*time.Second)
		want.Stop.At, want.Stop.ToldAt = stored.Add(5*time.Second), stored.Add(6*time.Second)
		saved := must(store.SaveGate(t.Context(), full))(t)
		if saved.Version == "" {
			t.Error("SaveGate returned no version")
		}
		want.Version = saved.Version
		wantSame(t, "SaveGate", want, saved)
		read := must(store.Gate(t.Context()))(t)
		wantSame(t, "Gate", want, read)
		empty := must(store.SaveGate(t.Context(), request.Gate{Version: read.Version}))(t)
		read = must(store.Gate(t.Context()))(t)
		if read != empty {
			t.Errorf("after it was emptied: %+v", read)
		}
	},

	"a stale gate is not saved": func(t *testing.T, store Store) {
		first := must(store.SaveGate(t.Context(), request.Gate{Sent: 1}))(t)
		second := first
		second.Sent = 2
		must(store.SaveGate(t.Context(), second))(t)
		wantCode(t, "SaveGate of the older version", errorOf(store.SaveGate(t.Context(), first)), problem.Conflict)
		wantCode(t, "SaveGate without a version", errorOf(store.SaveGate(t.Context(), request.Gate{Sent: 9})), problem.Conflict)
		read := must(store.Gate(t.Context()))(t)
		if read.Sent != 2 {
			t.Errorf("%+v", read)
		}
	},

	"of concurrent saves of one version one wins": func(t *testing.T, store Store) {
		for range 2 { // without and with a stored gate
			gate := must(store.Gate(t.Context()))(t)
			errs := make([]error, callers)
			atOnce(func(caller int) {
				mine := gate
				mine.Sent = caller
				_, errs[caller] = store.SaveGate(t.Context(), mine)
			})
			onlyWinner(t, errs)
		}
	},
}
