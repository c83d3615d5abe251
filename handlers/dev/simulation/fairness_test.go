package simulation_test

import (
	"testing"
	"time"

	"guestlist/handlers/dev/simulation"
	"guestlist/handlers/request"
)

func TestNobodyWaitsMuchLongerThanInTurn(t *testing.T) {
	s, err := simulation.NewSimulator()
	if err != nil {
		t.Fatal(err)
	}
	waits := s.Crowd(simulation.Crowd{Days: 14, SignUps: 15, Daily: 10, Instances: 2})
	if waits.Breach != "" || waits.Worst > waits.InOrder+26*time.Hour || waits.Overtaken > 0 {
		t.Errorf("%+v", waits)
	}
}

func TestUnluckyRequestOpensNoBreaker(t *testing.T) {
	s, err := simulation.NewSimulator()
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range simulation.UnluckyCodes {
		got := s.Unlucky(code, 24)
		if got.Breach != "" || got.Open != 0 || got.Invited != 24 || got.State != request.Failed {
			t.Errorf("%s: %+v", code, got)
		}
	}
}
