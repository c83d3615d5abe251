package simulation_test

import (
	"flag"
	"maps"
	"runtime"
	"runtime/debug"
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
	only      = flag.String("only", "", `the one event of every schedule; "none" for none`)
	law       = flag.String("law", "", "the one law that counts")
	most      = flag.Int("most", 20, "stop after so many breaches")
	verbose   = flag.Bool("breaches", false, "print the first breach of every law in every schedule")
)

// newSimulator returns a simulator as the flags want it.
func newSimulator(t *testing.T) *simulation.Simulator {
	t.Helper()
	s, err := simulation.NewSimulator()
	if err != nil {
		t.Fatal(err)
	}
	s.Only, s.Law = *only, simulation.Law(*law)
	if *only != "" && *only != "none" && !slices.Contains(simulation.Events(), *only) {
		t.Fatalf("no event %q; there are: %s", *only, strings.Join(simulation.Events(), ", "))
	}
	if _, known := simulation.Laws()[s.Law]; *law != "" && !known {
		t.Fatalf("no law %q; there are: %v", *law, slices.Sorted(maps.Keys(simulation.Laws())))
	}
	return s
}

// TestSameSeedTakesSameCourse runs each seed with a used and with a fresh simulator.
func TestSameSeedTakesSameCourse(t *testing.T) {
	used := newSimulator(t)
	for seed := range uint64(200) {
		once, again := used.Trace(seed), newSimulator(t).Trace(seed)
		if !slices.Equal(once.Trace, again.Trace) || once.Counts != again.Counts ||
			once.Counts != used.Run(seed).Counts {
			t.Errorf("seed %d takes two courses", seed)
		}
	}
}

// result is what became of many schedules.
type result struct {
	counts   simulation.Counts
	breaches []simulation.Outcome
	broken   map[simulation.Law]int // in how many schedules
}

// runAll runs the schedules that the flags want, as many at a time as there are processors.
func runAll(t *testing.T) result {
	t.Helper()
	all := result{broken: map[simulation.Law]int{}}
	// Almost all that a schedule allocates is garbage when it ends, so it is collected seldom.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(512 << 20))
	var next atomic.Int64
	var mutex sync.Mutex // guards all
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		s := newSimulator(t)
		workers.Go(func() {
			var mine simulation.Counts
			for enough := false; !enough; {
				n := next.Add(1) - 1
				if n >= int64(*schedules) {
					break
				}
				outcome := s.Run(*from + uint64(n))
				mine.Add(outcome.Counts)
				if len(outcome.Laws) == 0 {
					continue
				}
				mutex.Lock()
				for name, breach := range outcome.Laws {
					all.broken[name]++
					if *verbose {
						t.Logf("broke %d: %s: %s", outcome.Seed, name, breach)
					}
				}
				if outcome.Breach != "" {
					all.breaches = append(all.breaches, outcome)
				}
				enough = len(all.breaches) >= *most
				mutex.Unlock()
			}
			mutex.Lock()
			all.counts.Add(mine)
			mutex.Unlock()
		})
	}
	workers.Wait()
	return all
}

// TestEveryLawHoldsInEverySchedule runs schedules, and prints the course of the first one that
// breaks a law.
func TestEveryLawHoldsInEverySchedule(t *testing.T) {
	if *seed != 0 {
		outcome := newSimulator(t).Trace(*seed)
		t.Log("\n" + strings.Join(outcome.Trace, "\n"))
		if outcome.Breach != "" {
			t.Errorf("seed %d: %s", *seed, outcome.Breach)
		}
		return
	}
	all := runAll(t)
	for i, outcome := range all.breaches {
		t.Errorf("seed %d: %s", outcome.Seed, outcome.Breach)
		if i == 0 {
			t.Logf("again: go test ./handlers/dev/simulation -run EveryLaw -v -seed %d\n%s",
				outcome.Seed, strings.Join(newSimulator(t).Trace(outcome.Seed).Trace, "\n"))
		}
	}
	t.Logf("%+v", all.counts)
	for _, law := range slices.Sorted(maps.Keys(all.broken)) {
		t.Logf("law %s is broken in %d schedules", law, all.broken[law])
	}
	if *schedules >= 1000 && len(all.breaches) == 0 && *only == "" {
		wantEverything(t, all.counts)
	}
}

// wantEverything checks that what the laws are about has happened: a law about something that never
// happened was not checked.
func wantEverything(t *testing.T, counts simulation.Counts) {
	t.Helper()
	for what, n := range map[string]int{
		"kills": counts.Kills, "faults": counts.Faults, "dead letters": counts.DeadLetters,
		"second mails": counts.SecondMails, "resends": counts.Resends, "openings": counts.Openings,
		"turns given back": counts.TurnsBack, "probes": counts.Probes, "done": counts.Done, "review": counts.Review, "denied": counts.Denied,
		"failed": counts.Failed, "cancelled": counts.Cancelled, "unreadable records": counts.Unreadable,
		"mails of the app's own": counts.OwnMails, "failures of the mail service": counts.MailFailures,
		"redeem URLs that were asked for": counts.Redeems, "typed codes": counts.CodesTyped,
		"proofs": counts.Proofs, "unproved": counts.Unproved, "notices": counts.Notices, "failures of channels": counts.ChannelFailures,
	} {
		if n == 0 {
			t.Errorf("no %[2]s in %[1]d schedules", counts.Schedules, what)
		}
	}
}
