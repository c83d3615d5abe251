package graphsim_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
)

func TestThrottleCountsOverSlidingWindow(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	throttle := graphsim.NewThrottle(graphsim.Limits{UnitsPer10s: 10, WritesPer150s: 6})
	take := func(units, writes int, used float64, refused bool) {
		t.Helper()
		got, wait := throttle.Take(now, units, writes)
		if got != used || (wait > 0) != refused {
			t.Errorf("at %s: used %v, wait %v; want %v, refused %t", now.Format("05"), got, wait, used, refused)
		}
	}
	take(1, 3, 0.5, false)
	now = now.Add(5 * time.Second)
	take(7, 0, 0.8, false)
	take(3, 0, 1.1, true)
	now = now.Add(5 * time.Second)
	take(0, 0, 1, false) // the first second has gone
	take(1, 0, 1.1, true)
	now = now.Add(140 * time.Second)
	take(1, 0, 0.1, false)
	take(0, 3, 0.5, false) // the first three writes have gone
	now = now.Add(time.Hour)
	take(1, 6, 1, false)
	if counts := throttle.Counts(); counts != (graphsim.ThrottleCounts{Calls: 8, Refused: 2, Writes: 12}) {
		t.Errorf("%+v", counts)
	}
}

func TestFilledThrottleFreesEvenly(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	throttle := graphsim.NewThrottle(graphsim.SmallTenant)
	throttle.Fill(now, 1)
	taken := 0
	for range 60 {
		for range 30 {
			_, wait := throttle.Take(now, 0, 1)
			if wait > 0 {
				break
			}
			taken++
		}
		now = now.Add(time.Second)
	}
	// Twenty a second are free, and the one that is refused counts too.
	if taken < 60*18 || taken > 60*20 {
		t.Errorf("%d writes were taken in a minute", taken)
	}
}

func TestThrottledCallGetsRetryAfter(t *testing.T) {
	stand, err := graphsim.New(graphsim.Config{
		Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Throttle: graphsim.NewThrottle(graphsim.Limits{UnitsPer10s: 5, WritesPer150s: 5}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		status           int
		percentage, wait string
	}{
		{404, "", ""}, {404, "", ""}, {404, "", ""}, {404, "0.80", ""}, {404, "1.00", ""}, {429, "1.20", "10"},
	} {
		answer := httptest.NewRecorder()
		stand.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v1.0/groups/aaaaaaaa-0000-4000-8000-000000000001", nil))
		if answer.Code != want.status || answer.Header().Get("x-ms-throttle-limit-percentage") != want.percentage || answer.Header().Get("Retry-After") != want.wait {
			t.Errorf("call %d: %d %v", i+1, answer.Code, answer.Header())
		}
	}
}
