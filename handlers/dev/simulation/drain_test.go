package simulation_test

import (
	"testing"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/simulation"
)

func TestDrainReachesTheRateThatTheDirectoryAllows(t *testing.T) {
	s, err := simulation.NewSimulator()
	if err != nil {
		t.Fatal(err)
	}
	for _, instances := range []int{1, 2, 4} {
		drained := s.Drain(simulation.Load{
			SignUps: 5000, Instances: instances, Limits: graphsim.SmallTenant,
			StorageLatency: 8 * time.Millisecond, LookUpLatency: 80 * time.Millisecond,
			InviteLatency: 300 * time.Millisecond, JoinLatency: 120 * time.Millisecond,
			BatchSize: 8, NewBatchThreshold: 4,
		})
		t.Logf("%d instances: %+v", instances, drained)
		if drained.Breach != "" || drained.Rate < 0.95 || drained.Refused >= 0.02 {
			t.Errorf("%d instances: %+v", instances, drained)
		}
	}
}
