package request

import (
	"testing"
	"time"
)

func TestHopeless(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		failures  int
		throttled int // of them
		every     time.Duration
		others    int // accepted before the last three failures
		want      bool
	}{
		"a first failure":                      {1, 0, time.Minute, 100, false},
		"eight while others are accepted":      {8, 0, time.Minute, 100, false},
		"nine while others are accepted":       {9, 0, time.Minute, 3, true},
		"nine while two are accepted":          {9, 0, time.Minute, 2, false},
		"many while nobody is accepted":        {90, 0, 14 * time.Minute, 0, false},
		"seven in a day":                       {7, 0, 4 * time.Hour, 0, true},
		"six in two days":                      {6, 0, 9 * time.Hour, 0, false},
		"throttled while others are accepted":  {20, 20, time.Minute, 100, false},
		"throttled too often":                  {21, 21, time.Minute, 3, true},
		"throttled while nobody is accepted":   {21, 21, time.Minute, 0, false},
		"throttled for a day":                  {7, 7, 4 * time.Hour, 0, true},
		"some of all, while others go through": {16, 8, time.Minute, 3, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var f Failures
			now := noon
			for i := range test.failures {
				accepted := 7
				if i >= test.failures-3 && i > 0 {
					accepted += test.others
				}
				f = f.Add(now, accepted, i < test.throttled, "status 500")
				now = now.Add(test.every)
			}
			now = now.Add(-test.every)
			if got := f.Hopeless(now); got != test.want {
				t.Errorf("%+v: %t", f, got)
			}
			if f.Since != noon || f.Accepted != 7 || f.Last != "status 500" {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestFailuresKnowOthersOnlyOnceTheyCanBeAsked: how many were accepted before says nothing.
func TestFailuresKnowOthersOnlyOnceTheyCanBeAsked(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var f Failures
	for _, accepted := range []int{0, 700, 0, 700, 702, 0} {
		f = f.Add(noon, accepted, false, "status 500")
	}
	if f.Count != 6 || f.Unlucky != 0 {
		t.Errorf("%+v", f)
	}
	if f = f.Add(noon, 703, false, "status 500"); f.Unlucky != 1 {
		t.Errorf("others are accepted: %+v", f)
	}
}

func TestNobodyIsHopelessRightAfterOutage(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var f Failures
	for i := range 40 {
		f = f.Add(noon.Add(time.Duration(i)*15*time.Minute), 7, false, "status 503")
	}
	for i := range MaxUnlucky {
		if f.Hopeless(noon.Add(11 * time.Hour)) {
			t.Errorf("given up after %d failures since others are accepted", i)
		}
		f = f.Add(noon.Add(11*time.Hour), 700, false, "status 503")
	}
	if !f.Hopeless(noon.Add(11 * time.Hour)) {
		t.Error("it is never given up")
	}
}

func TestFailuresOutlastParkingOnly(t *testing.T) {
	failed := Failures{Count: 3, Since: time.Now()}
	for _, test := range []struct {
		from, to State
		kept     bool
	}{
		{Inviting, Parked, true}, {Parked, Inviting, true}, {Inviting, Inviting, true},
		{Inviting, Granting, false}, {Failed, Inviting, false}, {Inviting, Failed, false},
		{Failed, Granting, false},
	} {
		before := Request{State: test.from, Failures: failed, Unknown: 2, Attempt: 4}
		c := &Change{Now: time.Now, Request: before}
		c.move(test.to, "x", "x")
		kept := c.Request.Failures == failed && c.Request.Unknown == 2
		if kept != test.kept || !kept && (c.Request.Failures != Failures{} || c.Request.Unknown != 0) {
			t.Errorf("%s to %s: %+v", test.from, test.to, c.Request)
		}
		if (c.Request.Attempt == 0) == (test.from == test.to) {
			t.Errorf("%s to %s: attempt %d", test.from, test.to, c.Request.Attempt)
		}
	}
}
