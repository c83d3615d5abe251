package storetest

import (
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

var gateTests = map[string]func(*testing.T, Store){
	"before the first save the gate is zero": func(t *testing.T, store Store) {
		gate, err := store.Gate(t.Context())
		must(t, err)
		wantSame(t, "Gate", request.Gate{}, gate)
	},

	"every field is kept": func(t *testing.T, store Store) {
		full := request.Gate{
			Cause: request.DirectoryForbidden, Ref: "a ref", OpenedAt: start, ProbeAt: start.Add(time.Hour), Day: "2026-03-01", Sent: 7, NextAt: start.Add(time.Second),
			HeldUntil: start.Add(2 * time.Second), Pressure: 97, PressedAt: start.Add(3 * time.Second), ClosedBy: "desk@fabrikam.com", ClosedAt: start.Add(4 * time.Second),
		}
		want := full
		want.OpenedAt, want.ProbeAt, want.NextAt = stored, stored.Add(time.Hour), stored.Add(time.Second)
		want.HeldUntil, want.PressedAt, want.ClosedAt = stored.Add(2*time.Second), stored.Add(3*time.Second), stored.Add(4*time.Second)
		saved, err := store.SaveGate(t.Context(), full)
		must(t, err)
		if saved.Version == "" {
			t.Error("SaveGate returned no version")
		}
		want.Version = saved.Version
		wantSame(t, "SaveGate", want, saved)
		read, err := store.Gate(t.Context())
		must(t, err)
		wantSame(t, "Gate", want, read)
		empty, err := store.SaveGate(t.Context(), request.Gate{Version: read.Version})
		must(t, err)
		read, err = store.Gate(t.Context())
		must(t, err)
		if read != empty {
			t.Errorf("after it was emptied: %+v", read)
		}
	},

	"a stale gate is not saved": func(t *testing.T, store Store) {
		first, err := store.SaveGate(t.Context(), request.Gate{Sent: 1})
		must(t, err)
		second := first
		second.Sent = 2
		_, err = store.SaveGate(t.Context(), second)
		must(t, err)
		_, err = store.SaveGate(t.Context(), first)
		wantCode(t, "SaveGate of the older version", err, problem.Conflict)
		_, err = store.SaveGate(t.Context(), request.Gate{Sent: 9})
		wantCode(t, "SaveGate without a version", err, problem.Conflict)
		read, err := store.Gate(t.Context())
		must(t, err)
		if read.Sent != 2 {
			t.Errorf("%+v", read)
		}
	},

	"of concurrent saves of one version one wins": func(t *testing.T, store Store) {
		for range 2 { // without and with a stored gate
			gate, err := store.Gate(t.Context())
			must(t, err)
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
