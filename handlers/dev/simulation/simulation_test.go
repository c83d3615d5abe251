package simulation_test

import (
	"flag"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"guestlist/handlers/dev/simulation"
)

var (
	schedules = flag.Int("schedules", 100_000, "how many seeds to run")
	from      = flag.Uint64("from", 1, "the first seed")
	seed      = flag.Uint64("seed", 0, "run only this seed and print its course")
)

// TestSameSeedTakesSameCourse runs each seed with a used and with a fresh simulator.
func TestSameSeedTakesSameCourse(t *testing.T) {
	used, err := simulation.NewSimulator()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(200) {
		fresh, err := simulation.NewSimulator()
		if err != nil {
			t.Fatal(err)
		}
		once, again := used.Trace(seed), fresh.Trace(seed)
		if !slices.Equal(once.Trace, again.Trace) || once.Counts != again.Counts || once.Counts != used.Run(seed).Counts {
			t.Errorf("seed %d takes two courses", seed)
		}
	}
}

// TestEveryLawHoldsInEverySchedule runs schedules, and prints the course of the first one that
// breaks a law.
func TestEveryLawHoldsInEverySchedule(t *testing.T) {
	if *seed != 0 {
		s, err := simulation.NewSimulator()
		if err != nil {
			t.Fatal(err)
		}
		outcome := s.Trace(*seed)
		t.Log("\n" + strings.Join(outcome.Trace, "\n"))
		if outcome.Breach != "" {
			t.Errorf("seed %d: %s", *seed, outcome.Breach)
		}
		return
	}
	var next atomic.Int64
	var mutex sync.Mutex
	var counts simulation.Counts
	var breaches []simulation.Outcome
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			s, err := simulation.NewSimulator()
			if err != nil {
				t.Error(err)
				return
			}
			var mine simulation.Counts
			for {
				n := next.Add(1) - 1
				if n >= int64(*schedules) {
					break
				}
				outcome := s.Run(*from + uint64(n))
				mine.Add(outcome.Counts)
				if outcome.Breach == "" {
					continue
				}
				mutex.Lock()
				breaches = append(breaches, outcome)
				enough := len(breaches) >= 20
				mutex.Unlock()
				if enough {
					break
				}
			}
			mutex.Lock()
			counts.Add(mine)
			mutex.Unlock()
		})
	}
	workers.Wait()
	for i, outcome := range breaches {
		t.Errorf("seed %d: %s", outcome.Seed, outcome.Breach)
		if i > 0 {
			continue
		}
		s, err := simulation.NewSimulator()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("again: go test ./handlers/dev/simulation -run EveryLaw -v -seed %d\n%s", outcome.Seed, strings.Join(s.Trace(outcome.Seed).Trace, "\n"))
	}
	t.Logf("%+v", counts)
	if *schedules < 1000 || len(breaches) > 0 {
		return
	}
	// A law about something that never happened was not checked.
	for what, n := range map[string]int{
		"kills": counts.Kills, "faults": counts.Faults, "dead letters": counts.DeadLetters, "second mails": counts.SecondMails, "resends": counts.Resends,
		"openings": counts.Openings, "probes": counts.Probes, "done": counts.Done, "review": counts.Review, "denied": counts.Denied,
		"failed": counts.Failed, "cancelled": counts.Cancelled,
	} {
		if n == 0 {
			t.Errorf("no %[2]s in %[1]d schedules", counts.Schedules, what)
		}
	}
}
