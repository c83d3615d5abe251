package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// RunGate tests that the stores which newGate returns keep the promises of invite.GateStore. Every call of newGate must return an empty store.
func RunGate(t *testing.T, newGate func(t *testing.T) request.GateStore) {
	for name, test := range gateTests {
		t.Run(name, func(t *testing.T) { test(t, newGate(t)) })
	}
}

var gateTests = map[string]func(*testing.T, request.GateStore){
	"before the first save it is the zero gate": func(t *testing.T, gates request.GateStore) {
		gate, err := gates.Gate(t.Context())
		if err != nil || gate != (request.Gate{}) {
			t.Errorf("%+v, %v", gate, err)
		}
	},
	"what was saved is read": func(t *testing.T, gates request.GateStore) {
		full := request.Gate{
			Cause: request.DirectoryForbidden, Ref: "a ref", OpenedAt: start, ProbeAt: start.Add(time.Hour), Day: "2026-03-01", Sent: 7, NextAt: start.Add(time.Second),
			HeldUntil: start.Add(2 * time.Second), Pressure: 97, PressedAt: start.Add(3 * time.Second), ClosedBy: "desk@fabrikam.com", ClosedAt: start.Add(4 * time.Second),
		}
		want := full
		want.OpenedAt, want.ProbeAt, want.NextAt = stored, stored.Add(time.Hour), stored.Add(time.Second)
		want.HeldUntil, want.PressedAt = stored.Add(2*time.Second), stored.Add(3*time.Second)
		want.ClosedAt = stored.Add(4 * time.Second)
		saved, err := gates.SaveGate(t.Context(), full)
		if err != nil || saved.Version == "" {
			t.Fatalf("version %q, %v", saved.Version, err)
		}
		read, err := gates.Gate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(saved, read); diff != "" {
			t.Errorf("saved and read differ (-saved +read):\n%s", diff)
		}
		if diff := cmp.Diff(want, read, cmpopts.IgnoreFields(request.Gate{}, "Version")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		empty, err := gates.SaveGate(t.Context(), request.Gate{Version: read.Version})
		if err != nil {
			t.Fatal(err)
		}
		read, err = gates.Gate(t.Context())
		if err != nil || read != empty {
			t.Errorf("after it was emptied: %+v, %v", read, err)
		}
	},
	"a gate that has moved is not overwritten": func(t *testing.T, gates request.GateStore) {
		first, err := gates.SaveGate(t.Context(), request.Gate{Sent: 1})
		if err != nil {
			t.Fatal(err)
		}
		second := first
		second.Sent = 2
		_, err = gates.SaveGate(t.Context(), second)
		if err != nil {
			t.Fatal(err)
		}
		for name, stale := range map[string]request.Gate{"of the older version": first, "as if there were none": {Sent: 9}} {
			_, err = gates.SaveGate(t.Context(), stale)
			if problem.CodeOf(err) != problem.Conflict {
				t.Errorf("saving one %s gives %v", name, err)
			}
		}
		read, err := gates.Gate(t.Context())
		if err != nil || read.Sent != 2 {
			t.Errorf("%+v, %v", read, err)
		}
	},
	"of several savers of one version exactly one wins": func(t *testing.T, gates request.GateStore) {
		for _, version := range []string{"none stored", "stored"} {
			gate, err := gates.Gate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var wins atomic.Int32
			var group sync.WaitGroup
			for n := range callers {
				group.Go(func() {
					mine := gate
					mine.Sent = n
					_, err := gates.SaveGate(t.Context(), mine)
					switch {
					case err == nil:
						wins.Add(1)
					case problem.CodeOf(err) != problem.Conflict:
						t.Error(err)
					}
				})
			}
			group.Wait()
			if wins.Load() != 1 {
				t.Errorf("%s: %d savers won", version, wins.Load())
			}
		}
	},
}
