package main

import (
	"errors"
	"fmt"
	"time"

	"guestlist/handlers/dev/simulation"
)

// fairness measures how long people wait on days of full budget, and whether one unlucky request
// stops the others. The clock, the storage, the queue and the directory are simulated.
func fairness() error {
	simulator, err := simulation.NewSimulator()
	if err != nil {
		return err
	}
	crowd := simulation.Crowd{Days: 14, SignUps: 100, Daily: 80, Instances: 4}
	waits := simulator.Crowd(crowd)
	if waits.Breach != "" {
		return errors.New(waits.Breach)
	}
	figure("worst wait of a parked request", "%.1f h; first come, first served %.1f h; %d overtaken by an hour or more; %d days with %d sign-ups and a budget of %d",
		waits.Worst.Hours(), waits.InOrder.Hours(), waits.Overtaken, crowd.Days, crowd.SignUps, crowd.Daily)
	var open time.Duration
	attempts, invited, others := 0, 0, 0
	for _, code := range simulation.UnluckyCodes {
		unlucky := simulator.Unlucky(code, 24)
		if unlucky.Breach != "" {
			return fmt.Errorf("a request that always gets %s: %s", code, unlucky.Breach)
		}
		open += unlucky.Open
		attempts = max(attempts, unlucky.Attempts)
		invited += unlucky.Invited
		others += unlucky.Others
	}
	figure("breaker open because of one unlucky request", "%.0f min (0); %d of %d others were invited; at most %d attempts; %d kinds of answer, two days each",
		open.Minutes(), invited, others, attempts, len(simulation.UnluckyCodes))
	return nil
}
