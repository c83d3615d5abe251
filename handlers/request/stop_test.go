package request

import (
	"strings"
	"testing"
	"time"

	"guestlist/handlers/problem"
)

func TestAdminOpensBreaker(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	quota := Gate{Cause: DirectoryQuota, Ref: "r", OpenedAt: now, ProbeAt: now.Add(time.Hour), Sent: 4}
	earlier := Stop{By: "another", Reason: "why", At: now.Add(-time.Hour), ToldAt: now}
	ordered := Stop{By: "desk", Reason: "a bad row", At: now}
	tests := map[string]struct {
		gate Gate
		want Stop
		why  problem.Code // before
	}{
		"a closed one":                          {Gate{Sent: 4}, ordered, ""},
		"one that the directory has opened":     {quota, ordered, DirectoryQuota},
		"one that another admin opened earlier": {Gate{Sent: 4, Stop: earlier}, earlier, StoppedByAdmin},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := &gates{gate: test.gate}
			before, err := OpenBreaker(t.Context(), store, "desk", " a bad\n row ", now)
			want := test.gate
			want.Stop = test.want
			if err != nil || before != test.gate || store.gate != want {
				t.Errorf("%v; the gate was %+v and is %+v", err, before, store.gate)
			}
			why := store.gate.WhyOpen()
			if before.WhyOpen() != test.why || why != StoppedByAdmin || !store.gate.IsOpen() {
				t.Errorf("it was open because of %q and is because of %q", before.WhyOpen(), why)
			}
		})
	}
}

func TestAdminNeedsReasonToOpenBreaker(t *testing.T) {
	for _, reason := range []string{"", " \n", strings.Repeat("x", MaxWords+1), "\xff"} {
		store := &gates{}
		_, err := OpenBreaker(t.Context(), store, "desk", reason, time.Now())
		if problem.CodeOf(err) != problem.InvalidInput || store.saves > 0 {
			t.Errorf("%.20q: %v, %d saves", reason, err, store.saves)
		}
	}
}

func TestAdminClosesStopThatWasSeen(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	both := Gate{Cause: DirectorySuspicious, OpenedAt: now}
	both.Stop = Stop{By: "another", Reason: "why", At: now}
	tests := map[string]struct {
		seen   time.Time
		closed bool
	}{
		"the one that stands":   {now, true},
		"none":                  {time.Time{}, false},
		"one that stood before": {now.Add(-time.Hour), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := &gates{gate: both}
			_, err := CloseBreaker(t.Context(), store, "desk", test.seen, now.Add(time.Hour))
			closed := Gate{ClosedBy: "desk", ClosedAt: now.Add(time.Hour)}
			if test.closed && (err != nil || store.gate != closed) {
				t.Errorf("%v, %+v", err, store.gate)
			}
			if !test.closed && (problem.CodeOf(err) != problem.Conflict || store.gate != both) {
				t.Errorf("%v, %+v", err, store.gate)
			}
		})
	}
}

func TestProbeLeavesStopOfAdmin(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	stop := Stop{By: "desk", Reason: "why", At: now}
	gate := Gate{Cause: DirectoryQuota, Stop: stop}.Close("a probe", now)
	if gate.Cause != "" || gate.Stop != stop || !gate.IsOpen() {
		t.Errorf("%+v", gate)
	}
}
